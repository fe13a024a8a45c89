//! Guests that run long, deep or in circles: on a native stack of 64 KiB, they end as they should.
//!
//! The interpreter keeps guests' frames on a stack of its own, and its handlers jump to each other: a
//! handler that calls the next one instead shows here as an overflow of the native stack, whatever the
//! profile. So each way from one operator to the next is taken very often: `cargo xtask test` runs this
//! in the profile of an embedder as well.

use dunlin::{
    Caller, Config, Engine, Error, ErrorKind, Linker, Module, Result, Store, Tier, TierUp,
    TrapCode, Val, ValidateMode,
};

/// Native stack of the thread that a guest runs on. Loading without optimisation needs more, so that is
/// done on another.
const STACK_BYTES: usize = 64 << 10;

/// Rounds of a loop that must not use native stack. One leaked frame a round overflows it after a
/// thousand.
const ROUNDS: i64 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };

/// The rounds that the longest loop takes: all of them take two minutes without optimisation.
const LONG: i64 = if cfg!(debug_assertions) { 1_000_000 } else { 100_000_000 };

/// Host and guest calling each other in turn: each turn uses native stack, within a bound of the engine.
const REENTRY_STACK_BYTES: usize = 4 << 20;

fn on_stack<R: Send>(bytes: usize, work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(bytes);
        let thread = thread.spawn_scoped(scope, work).expect("a thread");
        thread.join().expect("the thread does not panic")
    })
}

/// Calls `run` of a module with `rounds`, on a small stack, with and without fuel.
#[track_caller]
fn run(text: &str, rounds: i64) -> Result<i64> {
    let mut results = Vec::new();
    for fuel in [false, true] {
        let mut config = Config::new();
        let engine = Engine::new(config.consume_fuel(fuel).tier(Tier::Interp)).expect("valid");
        let module = Module::new(&engine, text).expect("the module is valid");
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "add", |a: i64, b: i64| a.wrapping_add(b)).expect("defined once");
        linker.func_wrap("host", "nothing", || ()).expect("defined once");
        let mut store = Store::new(&engine, ());
        if fuel {
            store.set_fuel(u64::MAX).expect("fuel is on");
        }
        let instance = linker.instantiate(&mut store, &module).expect("it can be instantiated");
        let func = instance.get_typed_func::<i64, i64>(&mut store, "run").expect("it is there");
        results.push(on_stack(STACK_BYTES, || func.call(&mut store, rounds)));
    }
    let with_fuel = results.pop().expect("two runs");
    let without = results.pop().expect("two runs");
    let same = match (&without, &with_fuel) {
        (Ok(a), Ok(b)) => a == b,
        (Err(a), Err(b)) => a.trap_code() == b.trap_code(),
        _ => false,
    };
    assert!(same, "{without:?} without fuel, {with_fuel:?} with");
    without
}

/// A loop that takes `body` each round; `$n` counts down, `$sum` is the result.
fn looped(definitions: &str, body: &str) -> String {
    format!(
        r#"(module
            (import "host" "add" (func $host-add (param i64 i64) (result i64)))
            (import "host" "nothing" (func $host-nothing))
            {definitions}
            (func (export "run") (param $n i64) (result i64) (local $sum i64) (local $v v128)
              (loop $next
                {body}
                (br_if $next (i64.ne (i64.const 0)
                  (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
              (local.get $sum)))"#
    )
}

#[test]
fn a_long_loop() {
    let text = looped("", "(local.set $sum (i64.add (local.get $sum) (local.get $n)))");
    assert_eq!(run(&text, LONG).expect("it returns"), LONG * (LONG + 1) / 2);
}

/// What a round does, and what it needs.
const BODIES: &[(&str, &str)] = &[
    ("(func $f)", "(call $f)"),
    ("(func $f (param i64) (result i64) (local.get 0))", "(drop (call $f (local.get $n)))"),
    ("", "(call $host-nothing)"),
    ("", "(drop (call $host-add (local.get $n) (local.get $sum)))"),
    ("(func $f (return_call $host-nothing))", "(call $f)"),
    ("(func $g) (func $f (return_call $g))", "(call $f)"),
    (
        "(table 3 funcref) (elem (i32.const 0) func $f $host-nothing $g)
         (func $f) (func $g (return_call_indirect (i32.const 1)))",
        "(call_indirect (i32.const 0)) (call_indirect (i32.const 1)) (call_indirect (i32.const 2))",
    ),
    ("(memory 1)", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 9))"),
    ("(memory 1)", "(memory.copy (i32.const 0) (i32.const 1) (i32.const 9))"),
    (
        "(memory 1) (data $d \"bytes\")",
        "(memory.init $d (i32.const 0) (i32.const 1) (i32.const 3))
         (drop (memory.size)) (drop (memory.grow (i32.const 0))) (drop (memory.grow (i32.const -1)))",
    ),
    ("(memory 1) (data $d \"bytes\")", "(data.drop $d)"),
    (
        "(memory 1) (memory $b 1)",
        "(i64.store $b (i32.const 0) (local.get $n)) (drop (i64.load $b (i32.const 0)))
         (memory.copy $b 0 (i32.const 0) (i32.const 1) (i32.const 9))
         (i32.store8 offset=65535 (i32.const 0) (i32.const 1))",
    ),
    (
        "(memory i64 1)",
        "(i64.store (i64.const 8) (local.get $n)) (drop (i32.load16_s offset=5 (i64.const 9)))",
    ),
    (
        "(table $t 4 funcref) (table $u 4 funcref) (elem $e func $f) (func $f)",
        "(table.set $t (i32.const 1) (ref.func $f)) (drop (table.get $t (i32.const 1)))
         (table.fill $t (i32.const 0) (ref.null func) (i32.const 2))
         (table.copy $t $u (i32.const 0) (i32.const 1) (i32.const 2))
         (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
         (drop (table.size $t)) (drop (table.grow $t (ref.null func) (i32.const 0)))",
    ),
    ("(elem $e func $f) (func $f)", "(elem.drop $e) (drop (ref.is_null (ref.func $f)))"),
    (
        "(memory 1)",
        "(v128.store (i32.const 0) (i64x2.splat (local.get $n)))
         (local.set $v (i8x16.swizzle (v128.load (i32.const 0)) (v128.load8_splat (i32.const 1))))
         (local.set $v (v128.load32_lane 2 (i32.const 0) (local.get $v)))
         (local.set $v (i8x16.shuffle 0 1 2 3 4 5 6 7 31 30 29 28 27 26 25 24
           (local.get $v) (f32x4.sqrt (local.get $v))))
         (local.set $v (select (local.get $v) (v128.const i64x2 1 2) (i32.wrap_i64 (local.get $n))))",
    ),
    (
        "(global $g (mut i64) (i64.const 0)) (global $w (mut v128) (v128.const i64x2 0 0))",
        "(global.set $g (i64.add (global.get $g) (i64.const 1))) (global.set $w (global.get $w))",
    ),
    (
        "",
        "(block (block (block (br_table 0 1 2 1 0
           (i32.rem_u (i32.wrap_i64 (local.get $n)) (i32.const 7))))))
         (drop (if (result i32) (i64.eqz (local.get $n)) (then (i32.const 1)) (else (i32.const 2))))",
    ),
    (
        "",
        "(drop (block (result i64 i64) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
           (br_if 0 (i32.const 1)) (drop) (drop))) (drop) (nop)",
    ),
    (
        "",
        "(drop (i64.div_s (local.get $n) (i64.const 3))) (drop (f64.sqrt (f64.const 2)))
         (drop (i32.trunc_sat_f64_u (f64.convert_i64_s (local.get $n))))
         (drop (f32.nearest (f32.demote_f64 (f64.convert_i64_u (local.get $n)))))",
    ),
];

#[test]
fn every_way_to_the_next_operator_is_a_jump() {
    for (definitions, body) in BODIES {
        let text = looped(definitions, body);
        if let Err(error) = run(&text, ROUNDS) {
            panic!("{text}: {error:?}");
        }
    }
}

#[test]
fn tail_calls_in_circles() {
    let rounds = if cfg!(debug_assertions) { 200_000 } else { 10_000_000 };
    let direct = r#"(module (func $f (export "run") (param i64) (result i64)
        (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 7))
          (else (return_call $f (i64.sub (local.get 0) (i64.const 1)))))))"#;
    assert_eq!(run(direct, rounds).expect("it returns"), 7);
    let indirect = r#"(module
        (type $f (func (param i64) (result i64))) (type $g (func (param i64 v128 i32) (result i64)))
        (table 2 funcref) (elem (i32.const 0) func $f $g)
        (func $f (export "run") (type $f)
          (return_call_indirect (type $g)
            (local.get 0) (v128.const i64x2 1 2) (i32.const 3) (i32.const 1)))
        (func $g (type $g) (local i64 i64)
          (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 7))
            (else (return_call_indirect (type $f)
              (i64.sub (local.get 0) (i64.const 1)) (i32.const 0))))))"#;
    assert_eq!(run(indirect, rounds / 2).expect("it returns"), 7);
}

#[test]
fn endless_recursion_traps() {
    for body in [
        "(call $f (local.get 0))",
        "(drop (i64x2.splat (local.get 0))) (i64.add (i64.const 1) (call $f (local.get 0)))",
        "(call_indirect (param i64) (result i64) (local.get 0) (i32.const 0))",
    ] {
        let text = format!(
            r#"(module (table 1 funcref) (elem (i32.const 0) func $f)
                (func $f (export "run") (param i64) (result i64) {body}))"#
        );
        let error = run(&text, 0).expect_err("it traps");
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow), "{body}");
    }
}

/// Host and guest that call each other, `depth` times each.
fn reenter(depth: i64) -> Result<i64> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let again = |mut caller: Caller<'_, ()>, depth: i64| -> Result<i64> {
        let func = caller.get_export("run").and_then(dunlin::Extern::into_func);
        let func = func.ok_or_else(|| Error::msg("the guest exports `run`"))?;
        let mut results = [Val::I64(0)];
        func.call(&mut caller, &[Val::I64(depth - 1)], &mut results)?;
        results[0].i64().ok_or_else(|| Error::msg("an integer"))
    };
    linker.func_wrap("host", "again", again)?;
    let module = Module::new(
        &engine,
        r#"(module (import "host" "again" (func $again (param i64) (result i64)))
            (func (export "run") (param i64) (result i64)
              (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 0))
                (else (i64.add (i64.const 1) (call $again (local.get 0)))))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let func = instance.get_typed_func::<i64, i64>(&mut store, "run")?;
    on_stack(REENTRY_STACK_BYTES, || func.call(&mut store, depth))
}

#[test]
fn host_and_guest_in_turn_are_bounded() {
    assert_eq!(reenter(50).expect("within the bound"), 50);
    let error = reenter(1_000_000).expect_err("over the bound");
    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow), "{error:?}");
}

#[test]
fn fuel_ends_every_circle() {
    let mut config = Config::new();
    let engine = Engine::new(config.consume_fuel(true)).expect("valid");
    for body in [
        "(loop (br 0))",
        "(loop (br_if 0 (i32.const 1)))",
        "(loop (br_table 0 0 (i32.const 9)))",
        "(loop (if (i32.const 1) (then (br 1))))",
        "(return_call 0)",
        "(return_call_indirect (i32.const 0))",
        "(loop (call $nothing) (br 0))",
        "(loop (call_indirect (i32.const 1)) (br 0))",
    ] {
        let text = format!(
            r#"(module (table 2 funcref) (elem (i32.const 0) func $f $nothing)
                (func $f (export "run") {body}) (func $nothing))"#
        );
        let module = Module::new(&engine, &text).expect("the module is valid");
        let mut store = Store::new(&engine, ());
        store.set_fuel(100_000).expect("fuel is on");
        let linker = Linker::new(&engine);
        let instance = linker.instantiate(&mut store, &module).expect("it can be instantiated");
        let func = instance.get_typed_func::<(), ()>(&mut store, "run").expect("it is there");
        let error = on_stack(STACK_BYTES, || func.call(&mut store, ())).expect_err("it traps");
        assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel), "{body}");
    }
}

#[test]
fn lazy_validation_of_a_huge_function_happens_off_the_native_stack() {
    const DEPTH: usize = 20_000;
    let mut config = Config::new();
    let engine = Engine::new(config.validate(ValidateMode::Lazy)).expect("valid");
    let text = format!(
        r#"(module (func (export "run")) (func (export "deep") {} {}))"#,
        "block ".repeat(DEPTH),
        "end ".repeat(DEPTH)
    );
    let module = Module::new(&engine, &text).expect("the module is well-formed");
    let mut store = Store::new(&engine, ());
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &module).expect("it can be instantiated");
    let func = instance.get_typed_func::<(), ()>(&mut store, "deep").expect("it is there");
    // Validating needs a few large frames when nothing is optimised, whatever the depth.
    let bytes = if cfg!(debug_assertions) { 256 << 10 } else { STACK_BYTES };
    on_stack(bytes, || func.call(&mut store, ())).expect("it returns");
}

#[test]
fn an_error_of_the_host_in_the_deep_comes_out() {
    // Compiled code would need more of the native stack than there is.
    let engine = Engine::new(Config::new().tier_up(TierUp::Never)).expect("valid");
    let mut linker = Linker::new(&engine);
    let fail = || -> Result<()> { Err(Error::msg("no")) };
    linker.func_wrap("host", "fail", fail).expect("defined once");
    let text = r#"(module (import "host" "fail" (func $fail))
        (func $f (export "run") (param i32)
          (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (call $fail)))))"#;
    let module = Module::new(&engine, text).expect("the module is valid");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).expect("it can be instantiated");
    let func = instance.get_typed_func::<i32, ()>(&mut store, "run").expect("it is there");
    let error = on_stack(STACK_BYTES, || func.call(&mut store, 50_000)).expect_err("it fails");
    assert_eq!(error.kind(), ErrorKind::Host);
    let frames = error.backtrace().map(|backtrace| backtrace.frames().len());
    assert_eq!(frames, Some(dunlin::BACKTRACE_FRAMES_MAX));
}
