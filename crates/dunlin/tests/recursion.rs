//! Recursion without end in compiled code, on threads of every size: each guest traps, and its store works on.

#![cfg(feature = "optimize")]

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod recursing;
}

use dunlin::{Config, Engine, Instance, Module, Store, Tier};
use std::thread;
use support::recursing::{overflow, ready};

#[test]
fn threads_of_every_size_one_after_another() {
    let mut guests = ready(64 << 20);
    for bytes in [64 << 10, 160 << 10, 2 << 20, 64 << 20, 64 << 10] {
        let thread = thread::Builder::new().stack_size(bytes).spawn(move || {
            guests.iter_mut().for_each(overflow);
            guests
        });
        let ended = thread.expect("a thread").join();
        guests = ended.unwrap_or_else(|_| panic!("on a stack of {bytes} bytes"));
    }
}

#[test]
fn the_stack_of_a_configuration_is_the_smaller_one() {
    // As many frames as fit the store's stack, however large the thread's.
    let depth = |stack_bytes: usize| {
        let text = r#"(module (global $depth (export "depth") (mut i32) (i32.const 0))
            (func $f (export "run") (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call $f)))"#;
        let mut config = Config::new();
        let engine = Engine::new(config.tier(Tier::Optimize).max_stack_bytes(stack_bytes));
        let engine = engine.expect("a tier of this machine");
        let module = Module::new(&engine, text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("an export");
        run.call(&mut store, ()).expect_err("a trap");
        let depth = instance.get_global(&mut store, "depth").expect("an export");
        depth.get(&store).expect("of this store").i32().expect("an i32")
    };
    let thread = thread::Builder::new().stack_size(8 << 20);
    let depths = thread.spawn(move || [64 << 10, 1 << 20].map(depth)).expect("a thread").join();
    let [small, large] = depths.expect("no panic");
    assert!((10 * small..20 * small).contains(&large), "{small} and {large}");
}
