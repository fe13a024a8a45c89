//! Traps: their codes and texts, where they happened, and functions that turn out invalid.

mod support;

use dunlin::{ErrorKind, Instance, Linker, Module, Store, TrapCode, ValidateMode};
use expect_test::expect;
use support::{any_engine, engine, func, refused, start};

/// What a body traps with. Texts are those of the specification's test suite.
#[test]
fn every_trap_has_its_code_and_text() {
    use TrapCode as T;
    let rows = [
        ("unreachable", T::Unreachable, "unreachable"),
        (
            "(drop (i32.load (i32.const 65533)))",
            T::MemoryOutOfBounds,
            "out of bounds memory access",
        ),
        ("(i64.store (i32.const -1) (i64.const 1))", T::MemoryOutOfBounds, "out of bounds memory"),
        (
            "(memory.fill (i32.const 1) (i32.const 1) (i32.const 65536))",
            T::MemoryOutOfBounds,
            "out",
        ),
        ("(drop (table.get (i32.const 3)))", T::TableOutOfBounds, "out of bounds table access"),
        ("(call_indirect (i32.const 3))", T::UndefinedElement, "undefined element"),
        ("(call_indirect (i32.const 1))", T::UninitializedElement, "uninitialized element"),
        (
            "(call_indirect (i32.const 0))",
            T::IndirectCallTypeMismatch,
            "indirect call type mismatch",
        ),
        (
            "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
            T::IntegerDivisionByZero,
            "integer divide",
        ),
        (
            "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))",
            T::IntegerOverflow,
            "integer overflow",
        ),
        ("(drop (i32.trunc_f32_s (f32.const 1e10)))", T::IntegerOverflow, "integer overflow"),
        (
            "(drop (i64.trunc_f64_u (f64.const nan)))",
            T::InvalidConversionToInteger,
            "invalid conversion to integer",
        ),
        ("(call $run)", T::StackOverflow, "call stack exhausted"),
    ];
    for (body, code, text) in rows {
        let text_of = format!(
            r#"(module (memory 1) (table 3 funcref) (elem (i32.const 0) $other)
                (func $other (param i32)) (func $run (export "run") {body}))"#
        );
        let (mut store, instance) = start(&any_engine(), (), &text_of);
        let error = func::<(), ()>(&mut store, instance, "run").call(&mut store, ()).unwrap_err();
        assert_eq!((error.kind(), error.trap_code()), (ErrorKind::Trap, Some(code)), "{body}");
        assert!(error.to_string().starts_with(text), "{error} in {body}");
        assert_eq!(error.downcast_ref::<TrapCode>(), Some(&code));
    }
}

const NESTED: &str = r#"(module $nested
    (memory 1)
    (table 1 funcref)
    (elem (i32.const 0) $leaf)
    (func $leaf (drop (i32.load (i32.const -4))))
    (func $middle (param i32) (call_indirect (i32.const 0)))
    (func (export "exported") (call $middle (i32.const 1)))
    (func $start (export "run") (call 2)))"#;

#[test]
fn backtraces_name_functions_and_offsets() {
    let (mut store, instance) = start(&any_engine(), (), NESTED);
    let error = func::<(), ()>(&mut store, instance, "run").call(&mut store, ()).unwrap_err();
    expect![[r#"
        out of bounds memory access
        backtrace, innermost first:
          0: leaf at nested+0x48 (func 0)
          1: middle at nested+0x51 (func 1)
          2: exported at nested+0x59 (func 2)
          3: start at nested+0x5e (func 3)"#]]
    .assert_eq(&error.report().to_string());
    assert_eq!(format!("{error:?}"), error.report().to_string());

    let module = instance.module(&store).unwrap();
    let functions = module.info().functions();
    for frame in error.backtrace().unwrap().frames() {
        let function = &functions[frame.func_index() as usize];
        assert_eq!(frame.func_offset(), frame.module_offset() - function.offset);
        assert!(frame.func_offset() < function.bytes);
        assert_eq!(frame.module_name(), Some("nested"));
    }
}

#[test]
fn frames_without_names_say_so() {
    let binary = wat::parse_str(r#"(module (func unreachable) (func (export "f") (call 0)))"#);
    let mut binary = binary.unwrap();
    // The text's parser writes no name section for functions without names.
    assert!(!binary.windows(4).any(|window| window == b"name"));
    binary.extend([0, 2, 1, b'x']);
    let module = Module::new(&any_engine(), binary).unwrap();
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let error = func::<(), ()>(&mut store, instance, "f").call(&mut store, ()).unwrap_err();
    let lines = error.backtrace().unwrap().to_string();
    assert!(lines.starts_with("  0: <unnamed> at module+0x"), "{lines}");
    assert!(lines.contains("\n  1: f at module+0x"), "{lines}");
}

/// Frames of one call across two modules name each its own.
#[test]
fn backtraces_cross_instances() {
    let engine = any_engine();
    let mut linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    let inner = r#"(module $inner (func $boom (export "boom") unreachable))"#;
    let inner = Module::new(&engine, inner).unwrap();
    linker.module(&mut store, "inner", &inner).unwrap();
    let outer = r#"(module $outer (import "inner" "boom" (func $boom))
        (func $run (export "run") (call $boom)))"#;
    let outer = Module::new(&engine, outer).unwrap();
    let outer = linker.instantiate(&mut store, &outer).unwrap();
    let error = func::<(), ()>(&mut store, outer, "run").call(&mut store, ()).unwrap_err();
    let frames = error.backtrace().unwrap().frames();
    let names: Vec<_> = frames.iter().map(|f| (f.module_name(), f.func_name())).collect();
    let expected = [(Some("inner"), Some("boom")), (Some("outer"), Some("run"))];
    assert_eq!(names, expected);
}

#[test]
fn start_functions_trap_instantiation() {
    let engine = any_engine();
    let module = Module::new(&engine, "(module (func $begin unreachable) (start $begin))").unwrap();
    let mut store = Store::new(&engine, ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    assert_eq!(error.backtrace().unwrap().frames()[0].func_name(), Some("begin"));
}

#[test]
fn segments_out_of_bounds_trap_instantiation() {
    let engine = any_engine();
    for (text, code) in [
        (r#"(module (memory 1) (data (i32.const 65535) "ab"))"#, TrapCode::MemoryOutOfBounds),
        (
            "(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))",
            TrapCode::TableOutOfBounds,
        ),
    ] {
        let module = Module::new(&engine, text).unwrap();
        let error = Instance::new(&mut Store::new(&engine, ()), &module, &[]).unwrap_err();
        assert_eq!((error.trap_code(), error.backtrace().is_some()), (Some(code), false), "{text}");
    }
}

/// A module whose function `bad` leaves its stack empty where it promises an `i32`.
fn half_valid() -> Vec<u8> {
    let mut binary = wat::parse_str(
        r#"(module $half
            (func $good (export "good") (result i32) (i32.const 7))
            (func $bad (export "bad") (result i32) (i32.const 0x55) (drop) (i32.const 1))
            (func (export "calls") (result i32) (call $bad)))"#,
    )
    .unwrap();
    // `i32.const 1` becomes `nop nop`.
    let at = binary.windows(5).position(|w| w == [0xd5, 0x00, 0x1a, 0x41, 0x01]).unwrap();
    binary[at + 3..at + 5].fill(0x01);
    binary
}

#[test]
fn an_invalid_function_is_found_eagerly_or_at_its_first_call() {
    let eager = Module::new(&any_engine(), half_valid()).unwrap_err();
    assert_eq!(eager.kind(), ErrorKind::Invalid);
    let offset = eager.offset().unwrap();

    let lazy = engine(|config| config.validate(ValidateMode::Lazy));
    refused(Module::validate(&lazy, half_valid()), ErrorKind::Invalid, "type mismatch");
    let module = Module::new(&lazy, half_valid()).expect("bodies are not looked at");
    let mut store = Store::new(&lazy, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let good = func::<(), i32>(&mut store, instance, "good");
    assert_eq!(good.call(&mut store, ()).unwrap(), 7);
    for name in ["bad", "calls", "bad"] {
        let call = func::<(), i32>(&mut store, instance, name);
        let error = call.call(&mut store, ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Trap);
        assert_eq!(error.trap_code(), Some(TrapCode::InvalidFunction));
        assert_eq!(error.offset(), Some(offset));
        let text = error.to_string();
        assert!(text.starts_with("invalid function body"), "{text}");
        assert!(text.contains("type mismatch"), "{text}");
        assert!(text.contains(&format!("(at offset {offset:#x})")), "{text}");
        if name == "calls" {
            assert!(text.contains("function 1 (`bad`)"), "{text}");
            assert_eq!(error.backtrace().unwrap().frames()[0].func_name(), Some("calls"));
        }
    }
    assert_eq!(good.call(&mut store, ()).unwrap(), 7);
}
