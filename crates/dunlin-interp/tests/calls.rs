//! The interpreter's own door, without the embedding API: programs in text, arguments and results in
//! slots.

use dunlin_interp::{Metering, call};
use dunlin_module::{Features, Module};
use dunlin_vm::types::TypeRegistry;
use dunlin_vm::{Extern, Failure, ModuleCode, Store, StoreConfig};
use std::sync::Arc;

/// Bytes of a store's stack: enough for a full backtrace, and little where Miri fills it.
const STACK_BYTES: usize = 64 << 10;

/// Fuel of a run: what an endless loop may burn.
const FUEL: i64 = 10_000;

/// Instantiates `text` and calls its export `run`.
fn run(text: &str, slots: &mut [u64], metering: Metering) -> Result<i64, Failure> {
    let bytes = wat::parse_str(text).expect("the text is well-formed");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("the module is valid");
    let types = Arc::<TypeRegistry>::default();
    let code = Arc::new(ModuleCode::new(module, types.clone()));
    let config = StoreConfig { stack_bytes: STACK_BYTES, ..StoreConfig::default() };
    let mut store = Store::new(types, config);
    let Ok(instance) = store.instantiate(&code, &[]) else { panic!("it instantiates") };
    let Some(Extern::Func(func)) = store.export(instance, "run") else {
        panic!("`run` is exported")
    };
    store.set_fuel(FUEL);
    call(&mut store, func, slots, metering)?;
    Ok(store.fuel())
}

fn check(text: &str, arguments: &[u64], results: &[u64]) {
    for metering in [Metering::Off, Metering::Fuel] {
        let mut slots = [0; 16];
        slots[..arguments.len()].copy_from_slice(arguments);
        assert!(run(text, &mut slots, metering).is_ok(), "{text}");
        assert_eq!(&slots[..results.len()], results, "{text}");
    }
}

#[test]
fn recursion() {
    let fib = "(module (func $fib (export \"run\") (param i32) (result i32)
        (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
          (then (local.get 0))
          (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                         (call $fib (i32.sub (local.get 0) (i32.const 2))))))))";
    check(fib, &[10], &[55]);
}

#[test]
fn loops_and_branches_with_values() {
    check(
        "(module (func (export \"run\") (param i64) (result i64) (local i64)
           (block (loop (br_if 1 (i64.eqz (local.get 0)))
             (local.set 1 (i64.add (local.get 1) (local.get 0)))
             (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
             (br 0)))
           (local.get 1)))",
        &[100],
        &[5050],
    );
    check(
        "(module (func (export \"run\") (param i32) (result i32 i32)
           (i32.const 7)
           (block (result i32 i32)
             (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)
             (br_table 0 0 (local.get 0)))
           (drop) (i32.add)
           (i32.const 9)))",
        &[0],
        &[10, 9],
    );
}

#[test]
fn vectors_in_locals_parameters_and_branches() {
    check(
        "(module
           (func $swap (param v128 i32 v128) (result v128 i32 v128)
             (local.get 2) (local.get 1) (local.get 0))
           (func (export \"run\") (param i32) (result i64 i32 i64)
             (local v128 i32 v128)
             (local.set 1 (i64x2.splat (i64.const 5)))
             (local.set 2 (i32.const 77))
             (local.set 3 (v128.const i64x2 8 9))
             (local.get 1) (drop)
             (block (result v128 i32 v128)
               (i32.const 1)
               (call $swap (local.get 1) (local.get 2) (local.get 3))
               (br 0))
             (i64x2.extract_lane 1)
             (local.set 0 (i32.const 3))
             (drop)
             (local.set 2)
             (i64x2.extract_lane 1)
             (local.get 2)
             (i64x2.extract_lane 0 (select (local.get 1) (local.get 3) (local.get 0)))))",
        &[0],
        &[9, 77, 5],
    );
}

#[test]
fn traps_and_limits() {
    let mut slots = [0; 1];
    let text =
        "(module (func (export \"run\") (result i32) (i32.div_u (i32.const 1) (i32.const 0))))";
    let Err(Failure::Trap(trap)) = run(text, &mut slots, Metering::Off) else { panic!("it traps") };
    assert_eq!(trap.code, dunlin_core::TrapCode::IntegerDivisionByZero);
    assert_eq!(trap.frames.len(), 1);
    let text = "(module (func $f (export \"run\") (result i32) (call $f)))";
    let Err(Failure::Trap(trap)) = run(text, &mut slots, Metering::Off) else { panic!("it traps") };
    assert_eq!(trap.code, dunlin_core::TrapCode::StackOverflow);
    assert_eq!(trap.frames.len(), dunlin_vm::BACKTRACE_FRAMES_MAX);
    let text = "(module (func (export \"run\") (result i32) (loop (br 0)) (i32.const 0)))";
    let Err(Failure::Trap(trap)) = run(text, &mut slots, Metering::Fuel) else {
        panic!("it traps")
    };
    assert_eq!(trap.code, dunlin_core::TrapCode::OutOfFuel);
}

#[test]
fn fuel_is_exact() {
    let text = "(module (func (export \"run\") (result i32)
        (block (nop)) (i32.add (i32.const 1) (i32.const 2))))";
    let mut slots = [0; 1];
    let Ok(left) = run(text, &mut slots, Metering::Fuel) else { panic!("it returns") };
    assert_eq!(left, FUEL - 3);
}

#[test]
fn memories() {
    check(
        "(module (memory 1) (memory $b 1)
           (data (i32.const 4) \"\\01\\02\\03\\04\")
           (func (export \"run\") (param i32) (result i32 i32 i32)
             (i32.store offset=60000 (i32.const 4470) (i32.const 7))
             (i32.load (i32.const 4))
             (memory.copy $b 0 (i32.const 0) (i32.const 4) (i32.const 4))
             (i32.load16_u $b (i32.const 1))
             (memory.grow (i32.const 1))))",
        &[0],
        &[0x0403_0201, 0x0302, 1],
    );
}
