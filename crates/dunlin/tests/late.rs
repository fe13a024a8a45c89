//! Code that comes while guests run: the default tier, and `Module::optimize` beside them.
#![cfg(feature = "optimize")]

use dunlin::{
    Cache, Caller, Config, Engine, Instance, Linker, Module, Store, Tier, TierUp, TrapCode,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

fn engine(tier: Tier) -> Engine {
    let mut config = Config::new();
    // Only when it is asked for: the tests count.
    config.tier(tier).tier_up(TierUp::Never).max_stack_bytes(1 << 20);
    Engine::new(&config).expect("a tier of this machine")
}

/// Large enough for a cache; what makes it so need not be code.
fn recursion() -> String {
    format!(
        r#"(module
            (global $depth (export "depth") (mut i32) (i32.const 0))
            (func $down (export "down") (result i32)
                (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
                (i32.add (call $down) (i32.const 1)))
            (data "{}"))"#,
        "x".repeat(10_000)
    )
}

/// How deep a guest recurses until its stack is full: each tier has frames of its own size.
fn depth(engine: &Engine, module: &Module) -> i32 {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    let down = instance.get_typed_func::<(), i32>(&mut store, "down").expect("an export");
    let error = down.call(&mut store, ()).expect_err("a full stack");
    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
    let depth = instance.get_global(&mut store, "depth").expect("an export");
    depth.get(&mut store).expect("a value").i32().expect("a number")
}

/// The depths in the interpreter and in compiled code.
fn depths() -> [i32; 2] {
    let depths = [Tier::Interp, Tier::Optimize].map(|tier| {
        let engine = engine(tier);
        depth(&engine, &Module::new(&engine, recursion()).expect("a valid module"))
    });
    assert_ne!(depths[0], depths[1], "the test tells the tiers apart by this");
    depths
}

#[test]
fn modules_begin_in_the_interpreter_and_go_on_in_compiled_code() {
    let [interpreted, compiled] = depths();
    let engine = engine(Tier::Auto);
    let module = Module::new(&engine, recursion()).expect("a valid module");
    assert!(!module.is_optimized());
    assert_eq!(depth(&engine, &module), interpreted);
    assert!(module.optimize().expect("code") && module.is_optimized());
    assert_eq!(depth(&engine, &module), compiled);
    assert!(module.optimize().expect("code"), "once more is as good");
    assert_eq!(depth(&engine, &module), compiled);
}

#[test]
fn the_interpreter_alone_stays_alone() {
    let engine = engine(Tier::Interp);
    let module = Module::new(&engine, recursion()).expect("a valid module");
    assert!(!module.optimize().expect("no failure") && !module.is_optimized());
}

#[test]
fn what_has_been_optimized_once_is_found_in_the_cache() {
    let [interpreted, compiled] = depths();
    let folder = std::env::temp_dir().join(format!("dunlin-late-{}", std::process::id()));
    let cache = Cache::open(&folder).expect("a folder");
    let mut config = Config::new();
    config.tier_up(TierUp::Never).max_stack_bytes(1 << 20).cache(cache.clone());
    let engine = Engine::new(&config).expect("a configuration");
    let load = || Module::new(&engine, recursion()).expect("a valid module");
    let module = load();
    assert_eq!(depth(&engine, &module), interpreted);
    assert_eq!(cache.entries().expect("a folder").len(), 0);
    module.optimize().expect("code");
    assert_eq!(cache.entries().expect("a folder").len(), 1);
    let again = load();
    assert!(again.is_optimized());
    assert_eq!(depth(&engine, &again), compiled);
    std::fs::remove_dir_all(folder).expect("a folder of ours");
}

#[test]
fn a_running_guest_calls_what_has_become_code() {
    let [interpreted, compiled] = depths();
    let text = recursion().replace(
        "(data",
        r#"(import "host" "go_on" (func $go_on (result i32)))
           (func (export "run") (result i32)
                (loop $again (br_if $again (call $go_on)))
                (call $down))
           (data"#,
    );
    // Imports stand before everything else.
    let import = r#"(import "host" "go_on" (func $go_on (result i32)))"#;
    let text = text.replace(import, "").replacen("(module", &format!("(module {import}"), 1);
    let engine = engine(Tier::Auto);
    let module = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let (started, has_started) = mpsc::channel();
    let (ready, is_ready) = mpsc::channel::<()>();
    let mut linker = Linker::new(&engine);
    let is_ready = std::sync::Mutex::new(is_ready);
    let go_on = move |_: Caller<'_, ()>| -> i32 {
        let _ = started.send(());
        // Rounds of the loop before and after the code is there.
        i32::from(is_ready.lock().expect("a lock").try_recv().is_err())
    };
    linker.func_wrap("host", "go_on", go_on).expect("a new name");
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("an export");
    let compiling = thread::spawn(move || {
        has_started.recv().expect("the guest runs");
        assert!(module.optimize().expect("code"));
        ready.send(()).expect("the guest waits");
    });
    let error = run.call(&mut store, ()).expect_err("a full stack");
    compiling.join().expect("no panic");
    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
    let frames = error.backtrace().expect("a backtrace").to_string();
    assert!(frames.contains("down"), "{frames}");
    let depth = instance.get_global(&mut store, "depth").expect("an export");
    let depth = depth.get(&mut store).expect("a value").i32().expect("a number");
    assert!((depth - compiled).abs() < (depth - interpreted).abs(), "{depth}");
}

#[test]
fn threads_that_want_the_same_code_make_it_once() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let mut config = Config::new();
    config.compile_progress(move |at| {
        count.fetch_add(usize::from(at.done == at.total), Ordering::Relaxed);
    });
    let engine = Engine::new(&config).expect("a configuration");
    let module = Module::new(&engine, recursion()).expect("a valid module");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(module.optimize().expect("code")));
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

/// Modules that call each other, in stores of many threads, become code at any moment: nobody may find
/// half of one.
#[test]
fn code_may_come_at_any_moment() {
    let low = r#"(module
        (table 2 funcref) (elem (i32.const 0) $even $odd) (type $t (func (param i32) (result i32)))
        (func $even (export "even") (type $t)
            (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
                (else (call $odd (i32.sub (local.get 0) (i32.const 1))))))
        (func $odd (type $t)
            (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
                (else (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))))))"#;
    let high = r#"(module
        (import "low" "even" (func $even (param i32) (result i32)))
        (table 1 funcref) (elem (i32.const 0) $even) (type $t (func (param i32) (result i32)))
        (func (export "count") (param $n i32) (result i32) (local $sum i32)
            (loop $again
                (local.set $sum (i32.add (local.get $sum) (call $even (local.get $n))))
                (local.set $sum (i32.add (local.get $sum)
                    (call_indirect (type $t) (local.get $n) (i32.const 0))))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum)))"#;
    for round in 0..60_u32 {
        let engine = engine(Tier::Auto);
        let modules = [low, high].map(|text| Module::new(&engine, text).expect("a valid module"));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let mut store = Store::new(&engine, ());
                        let mut linker = Linker::new(&engine);
                        let low = linker.instantiate(&mut store, &modules[0]).expect("instance");
                        linker.instance(&mut store, "low", low).expect("new names");
                        let high = linker.instantiate(&mut store, &modules[1]).expect("instance");
                        let count = high.get_typed_func::<i32, i32>(&mut store, "count");
                        let count = count.expect("an export").call(&mut store, 40);
                        assert_eq!(count.expect("no trap"), 40);
                    }
                });
            }
            // Either becomes code first, and sometimes both at once.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            let first = &modules[order[0]];
            let beside = (round % 3 == 0).then(|| scope.spawn(|| first.optimize().expect("code")));
            for module in order {
                assert!(modules[module].optimize().expect("code"));
            }
            if let Some(beside) = beside {
                assert!(beside.join().expect("no panic"));
            }
            thread::sleep(std::time::Duration::from_millis(2));
            done.store(true, Ordering::Relaxed);
        });
    }
}
