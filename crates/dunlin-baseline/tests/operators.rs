//! Functions with the operators of each proposal are compiled: what is refused runs elsewhere, and no other test
//! would notice.

use dunlin_baseline::Baseline;
use dunlin_module::{Compiler, Features, Module, Scratch, Settings, StaticTables, Unit};
use std::sync::Arc;

/// Compiles all functions of a module.
fn assert_compiles(text: &str) {
    let bytes = wat::parse_str(text).expect("it is text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("it is valid");
    for settings in [Settings::default(), Settings { fuel: true, ..Settings::default() }] {
        let Ok(baseline) = Baseline::new(settings) else { return };
        let tables = StaticTables::default();
        let mut worker = baseline.worker(&module, &tables);
        for func in module.func_imports()..module.func_count() {
            module.prepare(func, &mut Scratch::default()).expect("it is valid");
            let made = worker.compile(Unit::Func(func));
            assert!(made.is_ok(), "function {func}: {}", made.unwrap_err());
        }
    }
}

#[test]
fn calls_in_tail_position_are_compiled() {
    assert_compiles(
        r#"(module
            (type $f (func (param i32 i64) (result i32)))
            (type $many (func (param i64 i64 i64 i64 i64 i64 i64 i64) (result i32)))
            (import "a" "f" (func $import (type $f)))
            (table 1 funcref)
            (elem declare func $many)
            (func (param i32) (result i32) (return_call $import (local.get 0) (i64.const 1)))
            (func $f (type $f) (return_call $f (local.get 0) (local.get 1)))
            (func $many (type $many)
                (return_call_indirect (type $f) (i32.const 1) (local.get 0) (i32.const 2)))
            (func (param i64) (result i32)
                local.get 0 local.get 0 local.get 0 local.get 0
                local.get 0 local.get 0 local.get 0 local.get 0
                (return_call_ref $many (ref.func $many))))"#,
    );
}
