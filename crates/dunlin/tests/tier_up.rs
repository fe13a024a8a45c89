//! Functions that are compiled while guests run, because they are executed often.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{Config, Engine, Instance, Interruption, Module, Store, Tier, TierUp, TrapCode};
use std::thread;
use std::time::{Duration, Instant};

/// Functions that call each other directly, by a table and in tail position; that trap, and throw.
const TEXT: &str = r#"(module
    (type $t (func (param i32) (result i32)))
    (table 3 funcref) (elem (i32.const 0) $leaf $tail $trap)
    (tag $odd (param i32))
    (func $leaf (type $t) (local $sum i32)
        (loop $next
            (local.set $sum (i32.add (local.get $sum) (local.get 0)))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get $sum))
    (func $tail (type $t) (return_call $leaf (local.get 0)))
    (func $trap (type $t) (i32.div_u (i32.const 1) (i32.const 0)))
    (func $throw (param i32) (if (i32.and (local.get 0) (i32.const 1)) (then (throw $odd (local.get 0)))))
    (func $caught (type $t)
        (block $h (result i32)
            (try_table (catch $odd $h) (call $throw (local.get 0)))
            (return (i32.const 0))))
    (func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
        (loop $next
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (local.set $sum (i32.add (local.get $sum) (call $leaf (i32.const 10))))
            (local.set $sum (i32.add (local.get $sum)
                (call_indirect (type $t) (i32.const 10) (i32.and (local.get $i) (i32.const 1)))))
            (local.set $sum (i32.add (local.get $sum) (call $caught (local.get $i))))
            (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $sum))
    (func (export "trap") (param i32) (result i32)
        (call_indirect (type $t) (i32.const 1) (local.get 0))))"#;

fn engine(when: TierUp) -> Engine {
    Engine::new(Config::new().tier_up(when)).expect("a machine that is supported")
}

fn expected(n: i32) -> i32 {
    (1..=n).map(|i| 110 + if i % 2 == 1 { i } else { 0 }).sum()
}

/// Runs a module once in a store of its own: the sum, and where it traps.
fn run(engine: &Engine, module: &Module, n: i32) {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
    assert_eq!(run.call(&mut store, n).expect("a sum"), expected(n));
    let trap = instance.get_typed_func::<i32, i32>(&mut store, "trap").expect("an export");
    let error = trap.call(&mut store, 2).expect_err("a trap");
    assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
    let frames: Vec<u32> = error
        .backtrace()
        .expect("frames")
        .frames()
        .iter()
        .map(dunlin::BacktraceFrame::func_index)
        .collect();
    assert_eq!(frames, [2, 6]);
}

#[test]
fn functions_are_compiled_at_any_of_their_first_calls() {
    for within in 0..4 {
        let engine = engine(TierUp::AtOnce { within });
        let module = Module::new(&engine, TEXT).expect("a valid module");
        for _ in 0..5 {
            run(&engine, &module, 20);
        }
        assert!(module.compiled_functions() >= 5, "{}", module.compiled_functions());
        assert!(!module.is_optimized(), "not the whole module");
        // All of it, in place of what is there.
        assert!(module.optimize().expect("code"));
        run(&engine, &module, 20);
    }
}

#[test]
fn nothing_is_compiled_unless_it_is_wanted_and_executed_often() {
    for (when, n) in [(TierUp::Never, 10_000), (TierUp::Background, 3)] {
        let engine = engine(when);
        let module = Module::new(&engine, TEXT).expect("a valid module");
        run(&engine, &module, n);
        thread::sleep(Duration::from_millis(20));
        assert_eq!(module.compiled_functions(), 0);
    }
}

#[test]
fn several_threads_run_tier_up_and_drop_the_same_modules() {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let engine = engine(TierUp::Background);
        let modules: Vec<Module> =
            (0..3).map(|_| Module::new(&engine, TEXT).expect("a valid module")).collect();
        thread::scope(|scope| {
            for first in 0..3 {
                let (engine, modules) = (&engine, modules.clone());
                scope.spawn(move || {
                    for (round, module) in
                        modules.into_iter().cycle().skip(first).take(9).enumerate()
                    {
                        run(engine, &module, if round == first { 3000 } else { 300 });
                    }
                });
            }
        });
    }
}

#[test]
fn a_guest_that_goes_on_calls_what_has_been_compiled_meanwhile() {
    let engine = engine(TierUp::Background);
    let module = Module::new(&engine, TEXT).expect("a valid module");
    let until = Instant::now() + Duration::from_secs(20);
    while module.compiled_functions() < 5 && Instant::now() < until {
        run(&engine, &module, 5000);
    }
    assert!(module.compiled_functions() >= 5, "{}", module.compiled_functions());
    // By the module and the engine being dropped the thread ends, and what waits is skipped.
    run(&engine, &module, 5000);
}

/// What a branch keeps on top of the operand stack, where its word ceases to be counted while it is executed.
#[test]
fn branches_that_other_threads_stop_counting_keep_what_they_take_along() {
    // Each is a loop with a parameter, which the operator before the branch has just made.
    let functions: String = (0..64)
        .map(|index| {
            format!(
                r#"(func (export "{index}") (param $n i32) (result i32)
                    (i32.const {index})
                    (loop $next (param i32) (result i32)
                        (if (param i32) (result i32) (local.get $n)
                            (then
                                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                                (i32.const 3) (i32.add) (br $next))
                            (else))))"#
            )
        })
        .collect();
    let text = format!("(module {functions})");
    for _ in 0..20 {
        let engine = engine(TierUp::Background);
        let module = Module::new(&engine, &text).expect("a valid module");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut store = Store::new(&engine, ());
                    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
                    for index in 0..64 {
                        let name = index.to_string();
                        let func = instance.get_typed_func::<i32, i32>(&mut store, &name);
                        let func = func.expect("an export");
                        assert_eq!(func.call(&mut store, 2000).expect("a sum"), index + 6000);
                    }
                });
            }
        });
    }
}

/// A loop that traps when it has been repeated so often, or ends; under an operand, and within another loop.
const LONG: &str = r#"(module
    (func (export "run") (param $n i32) (param $end i32) (result i64) (local $i i32) (local $sum i64)
        (i64.const 1000)
        (loop $outer
            (loop $next
                (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u
                    (i32.div_u (i32.const 64) (i32.sub (local.get $end) (local.get $i))))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $next (i32.and (local.get $i) (i32.const 1023))))
            (br_if $outer (i32.lt_u (local.get $i) (local.get $n))))
        (i64.add (local.get $sum))))"#;

#[test]
fn an_activation_in_a_loop_goes_on_in_better_code_and_is_seen_once() {
    let runs = [0, 1, 2, 3].map(|within| TierUp::AtOnce { within });
    for when in runs.into_iter().chain([TierUp::Background]) {
        let engine = engine(when);
        let module = Module::new(&engine, LONG).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<(i32, i32), i64>(&mut store, "run").expect("one");
        assert_eq!(run.call(&mut store, (100_000, -1)).expect("a sum"), 1000);
        assert!(module.loops_entered() > 0, "{when:?}: once at least in so many turns");
        let module = Module::new(&engine, LONG).expect("a valid module");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<(i32, i32), i64>(&mut store, "run").expect("one");
        let error = run.call(&mut store, (100_000, 50_000)).expect_err("a trap");
        assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
        let frames: Vec<(u32, u64)> = error
            .backtrace()
            .expect("frames")
            .frames()
            .iter()
            .map(|frame| (frame.func_index(), frame.module_offset() as u64))
            .collect();
        // However many frames the activation has had.
        assert_eq!(frames.len(), 1, "{when:?}: {frames:?}");
        let body = wat::parse_str(LONG).expect("a text");
        assert_eq!(body[frames[0].1 as usize], 0x6e, "{when:?}: `i32.div_u`");
    }
}

#[test]
fn a_loop_costs_the_same_fuel_wherever_it_goes_on() {
    let left = |config: &mut Config| {
        let engine = Engine::new(config.consume_fuel(true)).expect("a supported machine");
        let module = Module::new(&engine, LONG).expect("a valid module");
        let mut store = Store::new(&engine, ());
        store.set_fuel(50_000_000).expect("fuel is counted");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<(i32, i32), i64>(&mut store, "run").expect("one");
        for _ in 0..3 {
            assert_eq!(run.call(&mut store, (10_000, -1)).expect("a sum"), 1000);
        }
        (store.get_fuel().expect("fuel is counted"), module.loops_entered())
    };
    let (expected, none) = left(Config::new().tier(Tier::Interp));
    assert_eq!(none, 0);
    for within in 0..4 {
        let (found, entered) = left(Config::new().tier_up(TierUp::AtOnce { within }));
        assert_eq!(found, expected, "{within}");
        assert!(entered > 0, "{within}");
    }
}

#[test]
fn a_loop_is_stopped_wherever_it_goes_on() {
    let runs = [0, 1, 2, 3].map(|within| TierUp::AtOnce { within });
    for when in runs.into_iter().chain([TierUp::Background]) {
        for interruption in [Interruption::Flag, Interruption::Page] {
            let mut config = Config::new();
            let engine = Engine::new(config.tier_up(when).interruption(interruption));
            let engine = engine.expect("a supported machine");
            let text = r#"(module (func (export "run") (local i32)
                (loop $next
                    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                    (br $next))))"#;
            let module = Module::new(&engine, text).expect("a valid module");
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("an export");
            let handle = store.interrupt_handle();
            let waiting = thread::spawn(move || {
                thread::sleep(Duration::from_millis(100));
                handle.interrupt();
            });
            let error = run.call(&mut store, ()).expect_err("a request to stop");
            waiting.join().expect("no panic");
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{when:?}");
            assert!(module.loops_entered() > 0, "{when:?}");
            let frames = error.backtrace().expect("frames").frames().len();
            assert_eq!(frames, 1, "{when:?} {interruption:?}");
        }
    }
}

/// The interpreter goes back behind the blocks that a loop begins with.
#[test]
fn a_loop_that_begins_with_blocks_is_entered_too() {
    let text = r#"(module (func (export "run") (param i32) (result i32) (local i32)
        (loop $next
            (block $out
                (block $even
                    (br_if $even (i32.eqz (i32.and (local.get 0) (i32.const 1))))
                    (local.set 1 (i32.add (local.get 1) (i32.const 2))))
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if $out (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (br $next)))
        (local.get 1)))"#;
    let engine = engine(TierUp::Background);
    let module = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
    assert_eq!(run.call(&mut store, 100_000).expect("a sum"), 200_000);
    assert!(module.loops_entered() > 0);
}

/// Functions that are small loops, each called often by an exported one, under whose loop they get hot.
fn many(functions: u32) -> String {
    let each: String = (0..functions)
        .map(|index| {
            format!(
                r#"(func $f{index} (param i32) (result i32) (local $sum i32)
                    (loop $next
                        (local.set $sum (i32.add (local.get $sum)
                            (i32.rem_u (i32.xor (local.get 0) (i32.const {index})) (i32.const 7))))
                        (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                    (local.get $sum))"#
            )
        })
        .collect();
    let calls: String = (0..functions)
        .map(|index| {
            format!("(global.set $sum (i32.add (global.get $sum) (call $f{index} (i32.const 5))))")
        })
        .collect();
    format!(
        r#"(module (global $sum (mut i32) (i32.const 0)) {each}
            (func $round {calls})
            (func (export "run") (param $n i32) (result i32)
                (global.set $sum (i32.const 0))
                (loop $next
                    (call $round)
                    (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (global.get $sum))
            (func (export "forever") (loop $next (call $round) (br $next))))"#
    )
}

/// What `run` of [`many`] finds.
fn sum_of(functions: u32, n: u32) -> i32 {
    let of = |index: u32| (1..=5).map(|of: u32| (of ^ index) % 7).sum::<u32>();
    (0..functions).map(of).sum::<u32>().wrapping_mul(n) as i32
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn code_that_has_been_replaced_is_freed() {
    let engine = engine(TierUp::Background);
    let module = Module::new(&engine, many(50)).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
    let mut call = |n: i32| {
        assert_eq!(run.call(&mut store, n).expect("a sum"), sum_of(50, n as u32));
        module.compile_stats()
    };
    wait_until("all functions get hot", || call(5000).optimize.functions >= 51);
    // But for the exported function, which may not be hot. Guests of other tests may not have looked yet.
    let baseline = call(1).baseline.code_bytes;
    wait_until("their code is freed", || call(1).code_freed >= baseline * 9 / 10);
    let stats = call(2000);
    assert!(stats.code_memory as u64 <= stats.optimize.code_bytes + baseline / 2, "{stats:?}");
}

/// The thread that runs the guest never leaves it, and looks at its own frames instead.
#[test]
fn code_that_has_been_replaced_is_freed_while_a_guest_goes_on() {
    let engine = engine(TierUp::Background);
    let module = Module::new(&engine, many(50)).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let forever = instance.get_typed_func::<(), ()>(&mut store, "forever").expect("an export");
    let handle = store.interrupt_handle();
    let guest = thread::spawn(move || forever.call(&mut store, ()).expect_err("a request to stop"));
    wait_until("the functions get hot", || module.compile_stats().optimize.functions >= 50);
    let half = module.compile_stats().baseline.code_bytes / 2;
    wait_until("and their former code is freed", || module.compile_stats().code_freed >= half);
    handle.interrupt();
    let error = guest.join().expect("no panic");
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
}

/// Threads that come and go, and stay, in functions whose code is replaced and freed by each other.
#[test]
fn several_threads_run_what_is_replaced_and_freed() {
    let functions = 20;
    let text = many(functions);
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        for when in [TierUp::Background, TierUp::AtOnce { within: 3 }] {
            let engine = engine(when);
            let module = Module::new(&engine, &text).expect("a valid module");
            thread::scope(|scope| {
                for index in 0..4 {
                    let (engine, module) = (&engine, &module);
                    scope.spawn(move || {
                        for round in 0..20 {
                            let mut store = Store::new(engine, ());
                            let instance = Instance::new(&mut store, module, &[]).expect("one");
                            let run = instance.get_typed_func::<i32, i32>(&mut store, "run");
                            let n = if index == 0 { 2000 } else { 1 + 37 * round };
                            let sum = run.expect("an export").call(&mut store, n);
                            assert_eq!(sum.expect("a sum"), sum_of(functions, n as u32));
                        }
                    });
                }
            });
            // Guests of other tests may not have looked yet.
            if let TierUp::AtOnce { .. } = when {
                wait_until("something is freed", || module.compile_stats().code_freed > 0);
            }
        }
    }
}

#[test]
fn the_thread_that_compiles_takes_no_more_than_its_share() {
    let mut config = Config::new();
    config.tier_up(TierUp::Background).compiler_share(5).compiler_burst(Duration::from_millis(20));
    let engine = Engine::new(&config).expect("a machine that is supported");
    let begun = Instant::now();
    let mut modules = Vec::new();
    // There is always more to compile than a twentieth of the time is enough for.
    for functions in (60..).take_while(|_| begun.elapsed() < Duration::from_secs(2)) {
        let module = Module::new(&engine, many(functions)).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        run.call(&mut store, 4000).expect("a sum");
        modules.push(module);
    }
    let used = engine.compiler_time();
    let stats: Vec<_> = modules.iter().map(Module::compile_stats).collect();
    // And the function with which it has gone beyond, which may be the longest, with what it needs.
    let functions = stats.iter().flat_map(|of| &of.functions);
    let longest = functions.map(|of| of.took).max().expect("functions");
    let most = begun.elapsed() / 20 + Duration::from_millis(20 + 50) + 2 * longest;
    assert!(used <= most, "{used:?} of {:?}, the longest {longest:?}", begun.elapsed());
    assert!(used > Duration::from_millis(10), "{used:?}");
    let late: u64 = stats.iter().map(|of| of.optimize.functions).sum();
    assert!(late < 60 * modules.len() as u64, "it has had less time than it wants");
}

/// A loop in an early `try` whose clause throws again, or a loop in the clause.
fn early(in_clause: bool) -> String {
    let next = r#"(loop $next
        (local.set $sum (i32.add (local.get $sum) (local.get $i)))
        (br_if $next (i32.rem_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))"#;
    let (first, second) = if in_clause { ("", next) } else { (next, "") };
    format!(
        r#"(module (tag $stop)
            (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $sum i32)
                (i32.const 7)
                try
                    try
                        {first}
                        throw $stop
                    catch $stop
                        {second}
                        rethrow 0
                    end
                catch_all
                end
                (i32.add (local.get $sum))))"#
    )
}

#[test]
fn loops_in_early_blocks_that_catch_are_entered_but_for_those_in_clauses() {
    let runs = [0, 1, 2, 3].map(|within| TierUp::AtOnce { within });
    for (when, in_clause) in
        runs.into_iter().chain([TierUp::Background]).flat_map(|when| [(when, false), (when, true)])
    {
        let engine = engine(when);
        let module = Module::new(&engine, early(in_clause)).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        let mut call = || assert_eq!(run.call(&mut store, 1).expect("a sum"), 7 + 4999 * 2500);
        call();
        assert_eq!(module.loops_entered() > 0, !in_clause, "{when:?}");
        wait_until("it gets better at calls", || {
            call();
            module.compile_stats().optimize.functions > 0
        });
        call();
    }
}

/// However much of either stack an activation takes in a tier, recursion without end is a trap.
#[test]
fn recursion_without_end_traps_while_what_recurses_gets_better_code() {
    let text = r#"(module
        (func $deep (export "run") (param $n i32) (result i32) (local $i i32)
            (loop $next
                (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30))))
            (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
            (i32.add (i32.const 1) (call $other (i32.sub (local.get $n) (i32.const 1)) (f64.const 1))))
        (func $other (param $n i32) (param f64) (result i32)
            (i32.trunc_f64_s (f64.mul (local.get 1)
                (f64.convert_i32_s (call $deep (local.get $n)))))))"#;
    let runs = [TierUp::Never, TierUp::AtOnce { within: 2 }, TierUp::AtOnce { within: 3000 }];
    for when in runs.into_iter().chain([TierUp::Background]) {
        let engine = engine(when);
        for stack in [256 << 10, 2 << 20, 16 << 20] {
            let module = Module::new(&engine, text).expect("a valid module");
            let engine = engine.clone();
            let guest = move || {
                let mut store = Store::new(&engine, ());
                let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
                let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("one");
                for _ in 0..3 {
                    assert_eq!(run.call(&mut store, 10).expect("a depth"), 10);
                    let error = run.call(&mut store, -1).expect_err("a trap");
                    assert_eq!(
                        error.trap_code(),
                        Some(TrapCode::StackOverflow),
                        "{when:?} {stack}"
                    );
                    assert!(!error.backtrace().expect("frames").frames().is_empty());
                }
            };
            let thread = thread::Builder::new().stack_size(stack).spawn(guest);
            thread.expect("a thread").join().expect("traps alone");
        }
    }
}
