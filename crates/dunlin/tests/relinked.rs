//! Calls between instances of which one gets code after they have been linked: how deep guests recurse through such a
//! call tells whether it goes straight to the code.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{Config, Engine, Instance, Linker, Module, Store, TierUp, TrapCode};

/// Calls back whoever is in its table.
const CALLEE: &str = r#"(module
    (table (export "table") 1 funcref)
    (type $t (func (param i32) (result i32)))
    (func (export "back") (type $t) (call_indirect (type $t) (local.get 0) (i32.const 0))))"#;

/// Counts how often it is called back.
const CALLER: &str = r#"(module
    (import "callee" "table" (table 1 funcref))
    (type $t (func (param i32) (result i32)))
    (import "callee" "back" (func $back (type $t)))
    (global $depth (export "depth") (mut i32) (i32.const 0))
    (elem (i32.const 0) $down)
    (func $down (export "down") (type $t)
        (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
        (if (result i32) (local.get 0)
            (then (i32.add (call $back (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
            (else (i32.const 0)))))"#;

/// Both modules, of an engine of their own.
fn modules(when: TierUp) -> (Engine, [Module; 2]) {
    let engine = Engine::new(Config::new().tier_up(when).max_stack_bytes(1 << 20));
    let engine = engine.expect("a machine that is supported");
    let modules = [CALLEE, CALLER].map(|text| Module::new(&engine, text).expect("a valid module"));
    (engine, modules)
}

/// A store in which both are linked.
struct Linked {
    store: Store<()>,
    caller: Instance,
}

impl Linked {
    fn new(engine: &Engine, [callee, caller]: &[Module; 2]) -> Self {
        let (mut store, mut linker) = (Store::new(engine, ()), Linker::new(engine));
        let callee = linker.instantiate(&mut store, callee).expect("an instance");
        linker.instance(&mut store, "callee", callee).expect("new names");
        let caller = linker.instantiate(&mut store, caller).expect("an instance");
        Self { store, caller }
    }

    /// Goes down for so many levels, which there is room for.
    fn go_down(&mut self, levels: i32) {
        let down = self.caller.get_typed_func::<i32, i32>(&mut self.store, "down");
        let counted = down.expect("an export").call(&mut self.store, levels);
        assert_eq!(counted.expect("room"), levels);
    }

    /// How deep it recurses until its stack is full.
    fn depth(&mut self) -> i32 {
        let Self { store, caller } = self;
        let depth = caller.get_global(&mut *store, "depth").expect("an export");
        depth.set(&mut *store, dunlin::Val::I32(0)).expect("a number");
        let down = caller.get_typed_func::<i32, i32>(&mut *store, "down").expect("an export");
        let error = down.call(&mut *store, i32::MAX).expect_err("a full stack");
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
        depth.get(store).expect("a value").i32().expect("a number")
    }
}

fn code_of_a_whole_module() {
    let (engine, modules) = modules(TierUp::Never);
    assert!(modules[1].optimize().expect("code"));
    let mut linked = Linked::new(&engine, &modules);
    let detour = linked.depth();
    assert!(modules[0].optimize().expect("code"));
    let straight = Linked::new(&engine, &modules).depth();
    assert_ne!(detour, straight, "the test tells them apart by this");
    assert_eq!(linked.depth(), straight);
}

fn code_of_single_functions() {
    let (engine, modules) = modules(TierUp::AtOnce { within: 1 });
    let mut linked = Linked::new(&engine, &modules);
    for _ in 0..100 {
        linked.go_down(100);
    }
    assert!(modules.iter().all(|module| module.compiled_functions() == 1));
    let straight = Linked::new(&engine, &modules).depth();
    assert_eq!(linked.depth(), straight);
}

/// One test: code that any thread of the process adds has all stores look again.
#[test]
fn code_is_called_straight_by_those_that_had_linked_before() {
    code_of_a_whole_module();
    code_of_single_functions();
}
