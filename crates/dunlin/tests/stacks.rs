//! Guests on stacks of their own: they wait, take turns, end early and fail as they do on a thread's.
#![cfg(all(feature = "stacks", feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::stacks::{self, Running, Stacks};
use dunlin::{
    AnyRef, Config, Engine, ErrorKind, Interruption, Linker, Module, Result, Store, Tier, TierUp,
    TrapCode,
};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const SLICE: Duration = Duration::from_millis(2);
const NEVER: Duration = Duration::from_secs(3600);

/// Every way in which a guest is executed, each with polls that suspend.
fn engines() -> Vec<(&'static str, Engine)> {
    let ways: [(&str, Tier, TierUp); 5] = [
        ("interpreted", Tier::Interp, TierUp::Never),
        ("baseline", Tier::Baseline, TierUp::Never),
        ("optimised", Tier::Optimize, TierUp::Never),
        ("auto", Tier::Auto, TierUp::Background),
        ("auto, early", Tier::Auto, TierUp::AtOnce { within: 3 }),
    ];
    let engine = |(name, tier, when)| {
        let mut config = Config::new();
        config.tier(tier).tier_up(when).interruption(Interruption::Page);
        (name, Engine::new(&config).expect("an engine"))
    };
    ways.into_iter().map(engine).collect()
}

#[derive(Default)]
struct Wakes(AtomicU32);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls all in turn until they have ended; for how many rounds.
fn in_turns<R>(all: &mut [Running<R>]) -> (Vec<R>, u32) {
    let waker = Waker::from(Arc::new(Wakes::default()));
    let mut context = Context::from_waker(&waker);
    let mut results: Vec<Option<R>> = all.iter().map(|_| None).collect();
    for round in 1.. {
        for (running, result) in all.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(value) = Pin::new(running).poll(&mut context)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) {
            return (results.into_iter().flatten().collect(), round);
        }
    }
    unreachable!()
}

/// Ready when it is polled for the second time.
fn once_more() -> impl Future<Output = ()> {
    let mut polled = false;
    poll_fn(
        move |_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending },
    )
}

fn store<T>(engine: &Engine, data: T) -> Store<T> {
    Store::new(engine, data)
}

const WAITS: &str = r#"(module
    (import "host" "wait" (func $wait (param i32) (result i32)))
    (memory 1)
    (func $deep (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (local.get 0) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
            (else (call $wait (i32.const 7)))))
    (func (export "run") (param i32) (result i32) (local $sum i32)
        (loop $next
            (local.set $sum (i32.add (local.get $sum) (call $deep (i32.const 10))))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get $sum)))"#;

fn waiting(engine: &Engine) -> (Linker<Vec<i32>>, Module) {
    let mut linker = Linker::new(engine);
    let wait = |mut caller: dunlin::Caller<'_, Vec<i32>>, value: i32| -> Result<i32> {
        stacks::wait(once_more())?;
        caller.data_mut().push(value);
        Ok(value)
    };
    linker.func_wrap("host", "wait", wait).expect("a new name");
    (linker, Module::new(engine, WAITS).expect("a valid module"))
}

#[test]
fn guests_that_wait_take_turns_on_one_thread() {
    for (name, engine) in engines() {
        let (linker, module) = waiting(&engine);
        let stacks = Stacks::new(128 << 10, 4);
        let mut all: Vec<_> = (1..20)
            .map(|count| {
                let (engine, linker, module) = (engine.clone(), linker.clone(), module.clone());
                stacks.run(move || -> Result<(i32, usize)> {
                    let mut store = store(&engine, Vec::new());
                    let instance = linker.instantiate(&mut store, &module)?;
                    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
                    Ok((run.call(&mut store, count)?, store.data().len()))
                })
            })
            .collect();
        let (results, rounds) = in_turns(&mut all);
        for (count, result) in (1..20).zip(results) {
            assert_eq!(result.expect("no trap"), (count * 62, count as usize), "{name}");
        }
        assert_eq!(rounds, 20, "{name}: one round for each wait of the longest");
    }
}

/// Computes without calling anybody, with values of every kind in registers.
const SPINS: &str = r#"(module
    (func (export "run") (param $n i32) (result f64)
        (local $a i64) (local $x f64) (local $v v128) (local $y f32) (local $b i64)
        (local.set $b (i64.const 0x123456789))
        (loop $next
            (local.set $a (i64.add (local.get $a) (i64.mul (local.get $b) (i64.const 3))))
            (local.set $b (i64.rotl (local.get $b) (i64.const 7)))
            (local.set $x (f64.add (local.get $x) (f64.const 0.5)))
            (local.set $y (f32.add (f32.mul (local.get $y) (f32.const 0.25)) (f32.const 1)))
            (local.set $v (i32x4.add (local.get $v) (i32x4.splat (local.get $n))))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (f64.add
            (f64.add (local.get $x) (f64.convert_i64_u (i64.and (local.get $a) (i64.const 0xffff))))
            (f64.add (f64.promote_f32 (local.get $y))
                (f64.convert_i32_s (i32x4.extract_lane 2 (local.get $v))))))
    (func (export "forever") (loop $l (br $l))))"#;

fn spin(engine: &Engine, module: &Module, stacks: &Stacks, n: i32) -> Running<Result<f64>> {
    let mut store = store(engine, ());
    let (handle, module) = (store.interrupt_handle(), module.clone());
    let running = stacks.run(move || {
        let instance = dunlin::Instance::new(&mut store, &module, &[])?;
        instance.get_typed_func::<i32, f64>(&mut store, "run")?.call(&mut store, n)
    });
    running.metered(handle, SLICE, NEVER)
}

#[test]
fn guests_that_compute_take_turns_and_lose_nothing() {
    for (name, engine) in engines() {
        let module = Module::new(&engine, SPINS).expect("a valid module");
        let stacks = Stacks::new(128 << 10, 4);
        let n = if name == "interpreted" { 400_000 } else { 8_000_000 };
        let mut alone = store(&engine, ());
        let instance = dunlin::Instance::new(&mut alone, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<i32, f64>(&mut alone, "run").expect("an export");
        let expected = run.call(&mut alone, n).expect("no trap");
        let mut all: Vec<_> = (0..3).map(|_| spin(&engine, &module, &stacks, n)).collect();
        let (results, rounds) = in_turns(&mut all);
        for result in results {
            assert_eq!(result.expect("no trap").to_bits(), expected.to_bits(), "{name}");
        }
        assert!(rounds > 2, "{name}: {rounds} turns");
        assert!(all.iter().all(|running| running.busy() > SLICE && !running.is_over()), "{name}");
    }
}

#[test]
fn a_guest_that_never_ends_is_interrupted_after_its_time() {
    for (name, engine) in engines() {
        let module = Module::new(&engine, SPINS).expect("a valid module");
        let stacks = Stacks::new(128 << 10, 4);
        let mut store = store(&engine, ());
        let handle = store.interrupt_handle();
        let running = stacks.run(move || {
            let instance = dunlin::Instance::new(&mut store, &module, &[])?;
            instance.get_typed_func::<(), ()>(&mut store, "forever")?.call(&mut store, ())
        });
        let mut all = [running.metered(handle, SLICE, Duration::from_millis(200))];
        let (results, rounds) = in_turns(&mut all);
        let error = results[0].as_ref().expect_err("an interrupt");
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{name}");
        assert!(all[0].is_over() && rounds > 1, "{name}: {rounds}");
        assert!((200..5000).contains(&all[0].busy().as_millis()), "{name}: {:?}", all[0].busy());
    }
}

#[test]
fn a_guest_that_is_called_after_its_time_is_interrupted_again() {
    for (name, engine) in engines() {
        let module = Module::new(&engine, SPINS).expect("a valid module");
        let mut store = store(&engine, ());
        let handle = store.interrupt_handle();
        let running = Stacks::new(128 << 10, 4).run(move || {
            let instance = dunlin::Instance::new(&mut store, &module, &[]).expect("an instance");
            let forever = instance.get_typed_func::<(), ()>(&mut store, "forever").expect("one");
            [(); 3].map(|()| forever.call(&mut store, ()).expect_err("an interrupt").trap_code())
        });
        let mut all = [running.metered(handle, SLICE, Duration::from_millis(5))];
        let (results, _) = in_turns(&mut all);
        assert_eq!(results, [[Some(TrapCode::Interrupted); 3]], "{name}");
    }
}

/// Notes that it has been dropped.
struct Dropped(Rc<Cell<bool>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn a_guest_that_is_abandoned_ends_where_it_waits_or_computes() {
    for (name, engine) in engines() {
        let waker = Waker::noop();
        let mut context = Context::from_waker(waker);
        let stacks = Stacks::new(128 << 10, 4);
        let (linker, module) = waiting(&engine);
        let (is_dropped, error) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(None)));
        let (dropped, told) = (Dropped(is_dropped.clone()), error.clone());
        let of = engine.clone();
        let mut running = stacks.run(move || {
            let _dropped = dropped;
            let mut store = store(&of, Vec::new());
            let instance = linker.instantiate(&mut store, &module).expect("an instance");
            let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
            *told.borrow_mut() = run.call(&mut store, 10).err();
        });
        assert!(Pin::new(&mut running).poll(&mut context).is_pending());
        drop(running);
        assert!(is_dropped.get(), "{name}");
        let code = error.borrow().as_ref().and_then(dunlin::Error::trap_code);
        assert_eq!(code, Some(TrapCode::Interrupted), "{name}");

        let module = Module::new(&engine, SPINS).expect("a valid module");
        let mut running = spin(&engine, &module, &stacks, -1);
        assert!(Pin::new(&mut running).poll(&mut context).is_pending(), "{name}");
        drop(running);
    }
}

#[test]
fn recursion_without_end_traps_on_small_stacks() {
    let text = r#"(module
        (func $f (export "f") (param i64) (result i64) (i64.add (local.get 0)
            (call $f (i64.add (local.get 0) (i64.const 1))))))"#;
    for (name, engine) in engines() {
        for bytes in [1, 64 << 10, 1 << 20] {
            let module = Module::new(&engine, text).expect("a valid module");
            let of = engine.clone();
            let mut all = [Stacks::new(bytes, 1).run(move || {
                let mut store = store(&of, ());
                let instance =
                    dunlin::Instance::new(&mut store, &module, &[]).expect("an instance");
                let f = instance.get_typed_func::<i64, i64>(&mut store, "f").expect("an export");
                f.call(&mut store, 0).expect_err("a trap").trap_code()
            })];
            assert_eq!(in_turns(&mut all).0, [Some(TrapCode::StackOverflow)], "{name}, {bytes}");
        }
    }
}

#[test]
fn a_panic_of_a_host_function_goes_on_in_whoever_polls() {
    for (name, engine) in engines() {
        let mut linker = Linker::<Vec<i32>>::new(&engine);
        let panic = |_: i32| -> i32 {
            stacks::wait(once_more()).expect("somebody polls");
            panic!("on purpose")
        };
        linker.func_wrap("host", "wait", panic).expect("a new name");
        let module = Module::new(&engine, WAITS).expect("a valid module");
        let mut all = [Stacks::new(256 << 10, 1).run(move || {
            let mut store = store(&engine, Vec::new());
            let instance = linker.instantiate(&mut store, &module).expect("an instance");
            let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
            run.call(&mut store, 1).map_err(|error| error.kind() == ErrorKind::Bug)
        })];
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| in_turns(&mut all)));
        let panic = panic.expect_err("a panic");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"), "{name}");
    }
}

#[test]
fn guests_on_stacks_within_guests_on_stacks_wait_for_each_other() {
    for (name, engine) in engines() {
        let (linker, module) = waiting(&engine);
        let stacks = Stacks::new(256 << 10, 4);
        let inner = {
            let (engine, linker, module, stacks) =
                (engine.clone(), linker.clone(), module.clone(), stacks.clone());
            move |count: i32| -> Result<i32> {
                let (engine, linker, module) = (engine.clone(), linker.clone(), module.clone());
                stacks::wait(stacks.run(move || {
                    let mut store = store(&engine, Vec::new());
                    let instance = linker.instantiate(&mut store, &module)?;
                    instance.get_typed_func::<i32, i32>(&mut store, "run")?.call(&mut store, count)
                }))?
            }
        };
        let mut outer = Linker::<()>::new(&engine);
        outer.func_wrap("host", "wait", inner).expect("a new name");
        let mut all: Vec<_> = (1..4)
            .map(|count| {
                let (engine, outer, module) = (engine.clone(), outer.clone(), module.clone());
                stacks.run(move || -> Result<i32> {
                    let mut store = store(&engine, ());
                    let instance = outer.instantiate(&mut store, &module)?;
                    instance.get_typed_func::<i32, i32>(&mut store, "run")?.call(&mut store, count)
                })
            })
            .collect();
        let results: Vec<i32> =
            in_turns(&mut all).0.into_iter().map(|result| result.expect("no trap")).collect();
        // The inner guest runs seven times, and gives 7 * 62.
        assert_eq!(results, [1, 2, 3].map(|count| count * (55 + 7 * 62)), "{name}");
    }
}

#[test]
fn objects_of_suspended_guests_survive_what_others_allocate() {
    let text = r#"(module
        (type $list (struct (field $value i32) (field $rest (ref null $list))))
        (import "host" "wait" (func $wait (param i32) (result i32)))
        (func (export "run") (param $n i32) (result i32)
            (local $list (ref null $list)) (local $i i32) (local $sum i32)
            (loop $next
                (local.set $list (struct.new $list (local.get $i) (local.get $list)))
                (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 100)))
                    (then (drop (call $wait (local.get $i)))))
                (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                    (local.get $n))))
            (loop $next
                (local.set $sum (i32.add (local.get $sum) (struct.get $list $value (local.get $list))))
                (br_if $next (i32.eqz (ref.is_null
                    (local.tee $list (struct.get $list $rest (local.get $list)))))))
            (local.get $sum)))"#;
    for (name, engine) in engines() {
        let mut linker = Linker::<Vec<AnyRef>>::new(&engine);
        let wait = |value: i32| -> Result<i32> {
            stacks::wait(once_more())?;
            Ok(value)
        };
        linker.func_wrap("host", "wait", wait).expect("a new name");
        let module = Module::new(&engine, text).expect("a valid module");
        let stacks = Stacks::new(128 << 10, 4);
        let mut all: Vec<_> = (0..4)
            .map(|_| {
                let (engine, linker, module) = (engine.clone(), linker.clone(), module.clone());
                let mut store = store(&engine, Vec::new());
                let handle = store.interrupt_handle();
                let running = stacks.run(move || -> Result<i32> {
                    let instance = linker.instantiate(&mut store, &module)?;
                    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
                    run.call(&mut store, 50_000)
                });
                running.metered(handle, SLICE, NEVER)
            })
            .collect();
        for result in in_turns(&mut all).0 {
            assert_eq!(result.expect("no trap"), (0..50_000).sum::<i32>(), "{name}");
        }
    }
}

#[test]
fn code_that_a_suspended_guest_is_in_stays_while_it_is_replaced() {
    let mut config = Config::new();
    config.tier_up(TierUp::AtOnce { within: 2 }).interruption(Interruption::Page);
    let engine = Engine::new(&config).expect("an engine");
    let (linker, module) = waiting(&engine);
    let stacks = Stacks::new(128 << 10, 4);
    let guest = |count: i32| {
        let (engine, linker, module) = (engine.clone(), linker.clone(), module.clone());
        stacks.run(move || -> Result<i32> {
            let mut store = store(&engine, Vec::new());
            let instance = linker.instantiate(&mut store, &module)?;
            instance.get_typed_func::<i32, i32>(&mut store, "run")?.call(&mut store, count)
        })
    };
    let mut context = Context::from_waker(Waker::noop());
    let mut early = guest(3);
    assert!(Pin::new(&mut early).poll(&mut context).is_pending());
    for round in 0..50 {
        let mut others: Vec<_> = (1..4).map(guest).collect();
        in_turns(&mut others);
        if round == 25 {
            assert!(module.optimize().expect("code"));
        }
    }
    assert_eq!(in_turns(&mut [early]).0.remove(0).expect("no trap"), 3 * 62);
}
