//! Calls through tables that never change, which read pointers to code: whatever becomes of the functions in them, and
//! where there is nothing to call.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{
    ArtifactKey, BacktraceFrame, Config, Engine, Instance, Module, Store, Tier, TierUp, TrapCode,
    TypedFunc,
};
use std::thread;
use std::time::{Duration, Instant};

/// So many functions of one type stand in the table, each behind one of another type and a null.
const FUNCTIONS: i32 = 12;

/// Exports that call what an index says: once, in each kind of place; and in a loop.
fn text() -> String {
    let each: String = (0..FUNCTIONS)
        .map(|index| {
            format!(
                "(func $f{index} (type $t) (local $i i32) (local.set $i (i32.const 5))
                    (loop $next
                        (local.set 0 (i32.rem_u (i32.mul (local.get 0) (i32.const 3)) (i32.const 1000)))
                        (br_if $next (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
                    (i32.add (i32.add (local.get 0) (i32.const {index})) (global.get $own)))
                (func $w{index} (type $wide)
                    (f64.add (local.get 9) (f64.convert_i32_s (i32.add (local.get 0) (local.get 8)))))"
            )
        })
        .collect();
    let elements: String = (0..FUNCTIONS)
        .map(|index| format!("(ref.func $f{index}) (ref.func $w{index}) (ref.null func)"))
        .collect();
    let count = FUNCTIONS * 3;
    format!(
        r#"(module
            (type $t (func (param i32) (result i32)))
            (type $wide (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 f64) (result f64)))
            (global $own (export "own") (mut i32) (i32.const 0)) (tag $odd)
            (table {count} funcref) (elem (i32.const 0) funcref {elements})
            {each}
            (func $call (export "call") (param $k i32) (param $n i32) (result i32)
                (call_indirect (type $t) (local.get $n) (local.get $k)))
            (func $wide (export "wide") (param $k i32) (param $n i32) (result i32)
                (i32.trunc_f64_s (call_indirect (type $wide) (local.get $n) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (f64.const 2)
                    (local.get $k))))
            (func $tail (export "tail") (param $k i32) (param $n i32) (result i32)
                (return_call_indirect (type $t) (local.get $n) (local.get $k)))
            (func $caught (export "caught") (param $k i32) (param $n i32) (result i32)
                (block $h
                    (try_table (catch $odd $h)
                        (local.set $n (call_indirect (type $t) (local.get $n) (local.get $k)))
                        (br_if $h (i32.eq (local.get $n) (i32.const -1)))))
                (local.get $n))
            (func $deep (export "deep") (param $k i32) (param $n i32) (result i32)
                (i32.add (call $call (local.get $k) (local.get $n)) (i32.const 0)))
            (func (export "loop") (param $k i32) (param $n i32) (result i32) (local $turns i32)
                (local.set $turns (i32.const 200))
                (loop $next
                    (local.set $n (call_indirect (type $t) (local.get $n) (local.get $k)))
                    (br_if $next (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
                (local.get $n)))"#
    )
}

/// What a function of the first type makes of a number.
fn once(index: i32, n: i32, own: i32) -> i32 {
    (0..5).fold(n, |n, _| n * 3 % 1000) + index + own
}

const EXPORTS: [&str; 6] = ["call", "wide", "tail", "caught", "deep", "loop"];

type Call = TypedFunc<(i32, i32), i32>;

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(module: &Module) -> Self {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, module, &[]).expect("an instance");
        Self { store, instance }
    }

    fn call(&mut self, name: &str, k: i32, n: i32) -> dunlin::Result<i32> {
        let call: Call = self.instance.get_typed_func(&mut self.store, name).expect("an export");
        call.call(&mut self.store, (k, n))
    }

    /// Calls every function in every way, and finds what it makes.
    fn check(&mut self, own: i32) {
        for index in 0..FUNCTIONS {
            for name in EXPORTS {
                let (k, expected) = match name {
                    "wide" => (index * 3 + 1, 7 + 1 + 2),
                    "loop" => (index * 3, (0..200).fold(7, |n, _| once(index, n, own))),
                    _ => (index * 3, once(index, 7, own)),
                };
                assert_eq!(self.call(name, k, 7).expect("no trap"), expected, "{name} {k}");
            }
        }
    }
}

fn module(config: &mut Config) -> Module {
    let engine = Engine::new(config).expect("a machine that is supported");
    Module::new(&engine, text()).expect("a valid module")
}

/// How a call ends that must not succeed: why, where, and what fuel is left.
fn end(guest: &mut Guest, name: &str, k: i32) -> (TrapCode, Vec<(u32, usize)>, Option<u64>) {
    let has_fuel = guest.store.set_fuel(10_000).is_ok();
    let error = guest.call(name, k, 7).expect_err("a trap");
    let place = |frame: &BacktraceFrame| (frame.func_index(), frame.module_offset());
    let frames = error.backtrace().expect("frames").frames().iter().map(place).collect();
    let fuel = has_fuel.then(|| guest.store.get_fuel().expect("there is fuel"));
    (error.trap_code().expect("a trap"), frames, fuel)
}

#[test]
fn what_cannot_be_called_traps_as_in_the_interpreter() {
    for fuel in [false, true] {
        let of = |tier: Tier| module(Config::new().tier(tier).consume_fuel(fuel));
        let (interpreted, optimized, baseline) =
            (of(Tier::Interp), of(Tier::Optimize), of(Tier::Baseline));
        let mut guests = [&interpreted, &optimized, &baseline].map(Guest::new);
        let count = FUNCTIONS * 3;
        for name in EXPORTS {
            let own = i32::from(name == "wide");
            // The next power of two is 64.
            for k in (0..70).chain([255, 1 << 16, i32::MAX, i32::MIN, -64, -1]) {
                if (0..count).contains(&k) && k % 3 == own {
                    continue;
                }
                let [expected, optimized, baseline] = guests.each_mut().map(|of| end(of, name, k));
                let code = match k {
                    k if !(0..count).contains(&k) => TrapCode::UndefinedElement,
                    k if k % 3 == 2 => TrapCode::UninitializedElement,
                    _ => TrapCode::IndirectCallTypeMismatch,
                };
                assert_eq!(expected.0, code, "{name} {k}");
                assert_eq!(optimized, expected, "{name} {k}");
                assert_eq!(baseline, expected, "{name} {k}");
            }
        }
        // They are what they were.
        if fuel {
            guests.iter_mut().for_each(|of| of.store.set_fuel(1 << 30).expect("it has fuel"));
        }
        guests.iter_mut().for_each(|of| of.check(0));
    }
}

#[test]
fn functions_run_in_the_instance_that_calls() {
    let module = module(Config::new().tier(Tier::Optimize));
    let mut guests = [0, 100, 2000].map(|own| (own, Guest::new(&module)));
    for (own, guest) in &mut guests {
        let global = guest.instance.get_global(&mut guest.store, "own").expect("an export");
        global.set(&mut guest.store, (*own).into()).expect("of its type");
    }
    for (own, guest) in &mut guests {
        guest.check(*own);
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// How many functions have been optimised.
fn hot(module: &Module) -> u64 {
    module.compile_stats().optimize.functions
}

/// All of them have baseline code when the loop that calls is optimised, while it calls one of them. The others get
/// better code behind it, and what they had is freed: a pointer that still led there would lead nowhere.
#[test]
fn functions_are_replaced_behind_code_that_calls_them() {
    let module = module(Config::new().tier_up(TierUp::Background));
    let mut guest = Guest::new(&module);
    wait_until("what is called gets warm", || {
        for call in 0..FUNCTIONS * 20 {
            let k = call % FUNCTIONS * 3;
            assert_eq!(guest.call("tail", k, 7).expect("no trap"), once(k / 3, 7, 0));
        }
        module.compile_stats().baseline.functions > FUNCTIONS as u64
    });
    let mut run = |k: i32| {
        let expected = (0..200).fold(7, |n, _| once(k / 3, n, 0));
        assert_eq!(guest.call("loop", k, 7).expect("no trap"), expected);
    };
    wait_until("the loop and what it calls get hot", || {
        (0..50).for_each(|_| run(0));
        hot(&module) >= 2
    });
    for index in 1..FUNCTIONS {
        wait_until("another function gets hot", || {
            (0..50).for_each(|_| run(index * 3));
            hot(&module) >= 2 + index as u64
        });
    }
    let former = module.compile_stats().baseline.code_bytes;
    wait_until("their former code is freed", || {
        (0..FUNCTIONS).for_each(|index| run(index * 3));
        module.compile_stats().code_freed >= former / 2
    });
    guest.check(0);
    // What all of it gets now, in place of what there is.
    assert!(module.optimize().expect("code"));
    guest.check(0);
    Guest::new(&module).check(0);
}

/// The same while other threads are in it.
#[test]
fn functions_are_replaced_while_several_threads_call_them() {
    for when in [TierUp::Background, TierUp::AtOnce { within: 40 }] {
        let module = module(Config::new().tier_up(when));
        thread::scope(|scope| {
            for first in 0..3 {
                let module = &module;
                scope.spawn(move || {
                    for round in 0..60 {
                        let mut guest = Guest::new(module);
                        for k in 0..FUNCTIONS {
                            let k = (k + first * 4) % FUNCTIONS * 3;
                            let expected = (0..200).fold(7, |n, _| once(k / 3, n, 0));
                            assert_eq!(guest.call("loop", k, 7).expect("no trap"), expected);
                        }
                        if round == 50 && first == 0 {
                            module.optimize().expect("code");
                        }
                    }
                });
            }
        });
        Guest::new(&module).check(0);
    }
}

#[test]
fn pointers_come_back_with_code_that_was_dropped() {
    let config =
        || Config::new().tier_up(TierUp::AtOnce { within: 2 }).max_code_bytes(128 << 10).clone();
    let engine = Engine::new(&config()).expect("a machine that is supported");
    let modules = [0, 1, 2].map(|_| Module::new(&engine, text()).expect("a valid module"));
    for round in 0..12 {
        let module = &modules[round % 3];
        let mut guest = Guest::new(module);
        guest.check(0);
        guest.check(0);
        assert!(module.compiled_functions() > 0);
    }
    assert!(modules.iter().all(|module| module.compile_stats().dropped > 1));
}

#[test]
fn pointers_are_made_of_what_an_artifact_says() {
    let key = ArtifactKey::from_secret(b"targets.rs");
    let mut config = Config::new();
    config.tier(Tier::Optimize).artifact_key(key);
    let engine = Engine::new(&config).expect("a machine that is supported");
    let made = Module::new(&engine, text()).expect("a valid module");
    let artifact = made.serialize().expect("an artifact");
    let loaded = Module::deserialize(&engine, &artifact).expect("the same artifact");
    let mut guest = Guest::new(&loaded);
    guest.check(0);
    assert_eq!(end(&mut guest, "call", 1), end(&mut Guest::new(&made), "call", 1));
    assert_eq!(end(&mut guest, "call", 2).0, TrapCode::UninitializedElement);
}
