//! Code of modules that nobody runs goes when there is no room for more, and comes back.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{Config, Engine, Instance, Linker, Module, Store, TierUp, TrapCode};
use std::thread;
use std::time::{Duration, Instant};

/// Room for the first regions of two modules.
const ROOM: usize = 128 << 10;

fn engine(when: TierUp, room: usize) -> Engine {
    Engine::new(Config::new().tier_up(when).max_code_bytes(room))
        .expect("a machine that is supported")
}

const AT_ONCE: TierUp = TierUp::AtOnce { within: 0 };

/// A module that adds a number to the sum of those up to its argument, by calls of several kinds; or traps.
fn module(engine: &Engine, number: i32) -> Module {
    let text = format!(
        r#"(module
            (type $t (func (param i32) (result i32)))
            (table 2 funcref) (elem (i32.const 0) $same $trap)
            (func $same (type $t) (local.get 0))
            (func $trap (type $t) (i32.div_u (i32.const 1) (i32.const 0)))
            (func $add (param i32 i32) (result i32)
                (i32.add (local.get 0) (call_indirect (type $t) (local.get 1) (i32.const 0))))
            (func (export "sum") (param $n i32) (result i32) (local $sum i32)
                (loop $next
                    (local.set $sum (call $add (local.get $sum) (local.get $n)))
                    (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (i32.add (local.get $sum) (i32.const {number})))
            (func (export "trap") (result i32)
                (call_indirect (type $t) (i32.const 1) (i32.const 1))))"#
    );
    Module::new(engine, text).expect("a valid module")
}

/// Calls both exports, twice, so that the code of the first calls is used.
fn check(store: &mut Store<()>, instance: &Instance, number: i32) {
    for _ in 0..2 {
        let sum = instance.get_typed_func::<i32, i32>(&mut *store, "sum").expect("an export");
        assert_eq!(sum.call(&mut *store, 10).expect("a sum"), 55 + number);
        let trap = instance.get_typed_func::<(), i32>(&mut *store, "trap").expect("an export");
        let error = trap.call(&mut *store, ()).expect_err("a trap");
        assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
        let frames = error.backtrace().expect("frames").frames().iter();
        let frames: Vec<u32> = frames.map(dunlin::BacktraceFrame::func_index).collect();
        assert_eq!(frames, [1, 4]);
    }
}

fn run(module: &Module, number: i32) {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    check(&mut store, &instance, number);
}

fn dropped(module: &Module) -> u64 {
    module.compile_stats().dropped
}

#[test]
fn the_coldest_code_goes_and_comes_back() {
    let engine = engine(AT_ONCE, ROOM);
    let modules = [0, 1, 2].map(|number| module(&engine, number));
    run(&modules[0], 0);
    run(&modules[1], 1);
    assert!(modules.iter().take(2).all(|module| module.compiled_functions() > 0));
    run(&modules[2], 2);
    assert_eq!(
        [&modules[0], &modules[1]].map(dropped),
        [1, 0],
        "the one that has not grown for longest"
    );
    assert_eq!((modules[0].compiled_functions(), modules[0].compile_stats().code_memory), (0, 0));
    assert!(modules[2].compiled_functions() > 0);
    let before = modules[0].compile_stats().optimize.functions;
    for round in 0..30 {
        let at = round % 3;
        run(&modules[at], at as i32);
        assert!(modules[at].compiled_functions() > 0, "round {round}");
    }
    assert!(modules[0].compile_stats().optimize.functions > before);
    assert!(modules.iter().all(|module| dropped(module) >= 9));
    assert_eq!(
        modules[0].hot_functions().functions().len(),
        4,
        "each once, however often it was compiled"
    );
}

#[test]
fn code_that_an_instance_may_run_stays() {
    let engine = engine(AT_ONCE, ROOM);
    let modules = [0, 1, 2].map(|number| module(&engine, number));
    let mut stores = [0, 1].map(|at| {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &modules[at], &[]).expect("an instance");
        check(&mut store, &instance, at as i32);
        (store, instance)
    });
    run(&modules[2], 2);
    assert_eq!(modules.each_ref().map(dropped), [0; 3]);
    assert_eq!(modules[2].compiled_functions(), 0, "there is no room, and it is interpreted");
    for (at, (store, instance)) in stores.iter_mut().enumerate() {
        check(store, instance, at as i32);
    }
    // An instance that is removed from a store that goes on is no reason any more.
    let (store, instance) = &mut stores[1];
    instance.remove(&mut *store).expect("it is there");
    store.gc();
    let third = module(&engine, 3);
    run(&third, 3);
    assert_eq!(modules.each_ref().map(dropped), [0, 1, 0]);
    assert!(third.compiled_functions() > 0);
    let instance = Instance::new(&mut *store, &modules[1], &[]).expect("an instance");
    check(store, &instance, 1);
    let (store, instance) = &mut stores[0];
    check(store, instance, 0);
}

#[test]
fn functions_that_others_import_stay_with_their_instance() {
    let engine = engine(AT_ONCE, ROOM);
    let low = module(&engine, 7);
    let high = Module::new(
        &engine,
        r#"(module (import "low" "sum" (func $sum (param i32) (result i32)))
            (func (export "twice") (param i32) (result i32)
                (i32.add (call $sum (local.get 0)) (call $sum (local.get 0)))))"#,
    );
    let high = high.expect("a valid module");
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &low).expect("an instance");
    linker.instance(&mut store, "low", instance).expect("new names");
    let instance = linker.instantiate(&mut store, &high).expect("an instance");
    let twice = instance.get_typed_func::<i32, i32>(&mut store, "twice").expect("an export");
    for round in 0..10 {
        assert_eq!(twice.call(&mut store, 10).expect("a sum"), 2 * (55 + 7));
        run(&module(&engine, round), round);
    }
    assert_eq!([dropped(&low), dropped(&high)], [0, 0]);
}

/// Threads instantiate, run, tier up and drop the code of more modules than there is room for.
#[test]
fn code_comes_and_goes_while_others_run() {
    for when in [AT_ONCE, TierUp::AtOnce { within: 3 }, TierUp::Background] {
        let engine = engine(when, ROOM);
        let modules: Vec<Module> = (0..5).map(|number| module(&engine, number)).collect();
        let until = Instant::now() + Duration::from_secs(2);
        thread::scope(|scope| {
            for first in 0..4 {
                let modules = &modules;
                scope.spawn(move || {
                    let mut at = first;
                    while Instant::now() < until {
                        at = (at * 3 + 1 + first) % modules.len();
                        for _ in 0..if when == TierUp::Background { 300 } else { 1 } {
                            run(&modules[at], at as i32);
                        }
                    }
                });
            }
        });
        if when != TierUp::Background {
            assert!(modules.iter().map(dropped).sum::<u64>() > 0);
        }
    }
}
