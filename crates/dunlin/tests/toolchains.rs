//! What toolchains emit though no hand would write it: modules of odd shapes that must load and run.

mod support;

use std::fmt::Write as _;

use dunlin::{Global, GlobalType, Linker, Module, Mutability, Store, Val, ValType};
use support::any_engine;

/// Dynamic linking and separate compilation import a global for every symbol.
const GLOBALS: u32 = 2_000;

#[test]
fn two_thousand_imported_globals() {
    let engine = any_engine();
    let mut text = String::from("(module");
    for number in 0..GLOBALS {
        let ty = if number % 2 == 0 { "i32" } else { "(mut i64)" };
        let _ = write!(text, "(import \"GOT.mem\" \"g{number}\" (global {ty}))");
    }
    // Own globals that begin with imported ones; then one function reads every global and writes those it may.
    let _ = write!(
        text,
        "(global $first i32 (global.get 0)) (global $last i32 (global.get {}))",
        GLOBALS - 2
    );
    text.push_str("(func (export \"sum\") (result i64) (local $sum i64)");
    for number in 0..GLOBALS {
        let read = if number % 2 == 0 {
            "i64.extend_i32_u (global.get"
        } else {
            "i64.add (i64.const 0) (global.get"
        };
        let _ = write!(text, "(local.set $sum (i64.add (local.get $sum) ({read} {number}))))");
        if number % 2 == 1 {
            let _ = write!(text, "(global.set {number} (i64.const {number}))");
        }
    }
    text.push_str(
        "(i64.add (local.get $sum) (i64.extend_i32_u (i32.add (global.get $first) (global.get $last)))))",
    );
    let text = text + ")";

    let module = Module::new(&engine, &text).expect("it is valid");
    assert_eq!(module.imports().count(), GLOBALS as usize);
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let mut written = Vec::new();
    for number in 0..GLOBALS {
        let (ty, value) = if number % 2 == 0 {
            (GlobalType::new(ValType::I32, Mutability::Const), Val::I32(number as i32 + 1))
        } else {
            (GlobalType::new(ValType::I64, Mutability::Var), Val::I64(1 << 32))
        };
        let global = Global::new(&mut store, ty, value).expect("a global");
        linker.define(&mut store, "GOT.mem", &format!("g{number}"), global).expect("it is new");
        written.push(global);
    }
    let instance = linker.instantiate(&mut store, &module).expect("all imports are there");
    let sum = instance.get_typed_func::<(), i64>(&mut store, "sum").expect("it is exported");

    let constants: i64 = (0..i64::from(GLOBALS)).step_by(2).map(|number| number + 1).sum();
    let own = 1 + i64::from(GLOBALS) - 1;
    let first = constants + (i64::from(GLOBALS) / 2) * (1 << 32) + own;
    assert_eq!(sum.call(&mut store, ()).expect("no trap"), first);
    for (number, global) in written.iter().enumerate().skip(1).step_by(2) {
        assert_eq!(global.get(&store).expect("it is there").i64(), Some(number as i64), "{number}");
    }
    let numbers: i64 = (1..i64::from(GLOBALS)).step_by(2).sum();
    assert_eq!(sum.call(&mut store, ()).expect("no trap"), constants + numbers + own);
}

/// Runs `f` of a module without imports.
fn run(text: &str, argument: i32) -> dunlin::Result<i32> {
    let engine = any_engine();
    let module = Module::new(&engine, text)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    instance.get_typed_func::<i32, i32>(&mut store, "f")?.call(&mut store, argument)
}

/// Programs compiled for threads are linked without them, and keep their atomics.
#[test]
fn atomics_on_a_memory_that_is_not_shared() {
    let text = r#"(module (memory 1)
        (func (export "f") (param i32) (result i32)
            (i32.atomic.store (i32.const 8) (local.get 0))
            (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 3)))
            (drop (i32.atomic.rmw8.cmpxchg_u (i32.const 9) (i32.const 0) (i32.const 1)))
            (atomic.fence)
            ;; Nobody can wait, so that nobody is woken.
            (i32.add (i32.atomic.load (i32.const 8))
                (memory.atomic.notify (i32.const 8) (i32.const 1)))))"#;
    assert_eq!(run(text, 4).expect("no trap"), 4 + 3 + 256);
}

/// Most modules with exceptions have the encoding from before the standard's.
#[test]
fn the_older_encoding_of_exceptions() {
    let text = r#"(module (tag $odd (param i32)) (tag $zero)
        (func $g (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (throw $zero)))
            (if (i32.and (local.get 0) (i32.const 1)) (then (throw $odd (local.get 0))))
            (local.get 0))
        (func $again (param i32) (result i32)
            try (result i32)
                local.get 0
                call $g
            catch $zero
                rethrow 0
            catch $odd
                i32.const 100
                i32.add
            end)
        (func (export "f") (param i32) (result i32)
            try $outer (result i32)
                try (result i32)
                    local.get 0
                    call $again
                delegate $outer
            catch_all
                i32.const -1
            end))"#;
    for (argument, result) in [(2, 2), (3, 103), (0, -1)] {
        assert_eq!(run(text, argument).expect("no trap"), result, "{argument}");
    }
}

/// Kotlin's functions pass objects on without looking into them; whoever holds one across a call must let the
/// collector find it there.
#[test]
fn functions_that_only_hold_references() {
    let text = r#"(module (type $s (struct (field i32)))
        (func $new (param i32) (result (ref $s)) (struct.new $s (local.get 0)))
        (func $get (param (ref $s)) (result i32) (struct.get $s 0 (local.get 0)))
        (func $waste (param i32)
            (loop $again
                (drop (call $new (i32.const 1)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if $again (local.get 0))))
        (func (export "f") (param i32) (result i32) (local $held (ref null $s))
            (local.set $held (call $new (i32.const 42)))
            (call $waste (local.get 0))
            (call $get (ref.as_non_null (local.get $held)))))"#;
    assert_eq!(run(text, 300_000).expect("no trap"), 42);
}
