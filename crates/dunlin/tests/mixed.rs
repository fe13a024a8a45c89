//! Modules of which some functions are compiled and the others interpreted: they call each other as if
//! there were one kind. Each case runs with many choices of the compiled ones, and as the interpreter runs
//! it alone.
#![cfg(feature = "optimize")]

use dunlin::{
    Backtrace, Caller, Config, Engine, Error, Extern, Func, Instance, Interruption, Linker, Module,
    Store, Tier, TrapCode, Val,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

/// Choices of functions that are compiled, by the bits of their indices: all that there are of five.
const CHOICES: u64 = 32;

fn config(compiled: u64) -> Config {
    config_of(Tier::Optimize, compiled)
}

fn config_of(tier: Tier, compiled: u64) -> Config {
    let mut config = Config::new();
    config.tier(tier).mix_tiers(compiled | compiled << 5 | compiled << 10);
    config
}

/// The configurations of a case, with both compilers; the first is the interpreter's.
fn configs() -> impl Iterator<Item = Config> {
    let mut alone = Config::new();
    alone.tier(Tier::Interp);
    let of = |tier| (0..CHOICES).map(move |compiled| config_of(tier, compiled));
    std::iter::once(alone).chain(of(Tier::Optimize)).chain(of(Tier::Baseline))
}

/// A store with an instance of `text`, which may import `back`: it calls the export of the caller that has
/// the number `f`, with `n`.
fn start(config: &Config, text: &str) -> (Store<u32>, Instance) {
    let engine = Engine::new(config).expect("a tier of this machine");
    let module = Module::new(&engine, text).expect("a valid module");
    let mut linker = Linker::new(&engine);
    let back = |mut caller: Caller<'_, u32>, n: i32| -> Result<i32, Error> {
        *caller.data_mut() += 1;
        match n {
            -1 => panic!("the host panics"),
            -2 => Err(Error::msg("the host fails")),
            _ => {
                let Some(Extern::Func(func)) = caller.get_export("inner") else { return Ok(n) };
                func.typed::<i32, i32>(&caller)?.call(&mut caller, n)
            }
        }
    };
    linker.func_wrap("host", "back", back).expect("a new name");
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    (store, instance)
}

fn outcome(result: Result<(), Error>, results: &[Val]) -> String {
    match result {
        Ok(()) => format!("{results:?}"),
        Err(error) => {
            let trace = error.backtrace().map_or_else(String::new, Backtrace::to_string);
            format!("{error} {:?}\n{trace}", error.trap_code())
        }
    }
}

/// Calls `run` with each number twice, and holds what comes of it against the interpreter's.
#[track_caller]
fn check(text: &str, numbers: &[i32]) -> Vec<String> {
    let mut expected: Option<Vec<String>> = None;
    for config in configs() {
        let (mut store, instance) = start(&config, text);
        let run = instance.get_func(&mut store, "run").expect("an export");
        let mut outcomes = Vec::new();
        for number in numbers.iter().chain(numbers) {
            let count = run.ty(&store).expect("its type").results().len();
            let mut results = vec![Val::I32(0); count];
            let result = run.call(&mut store, &[Val::I32(*number)], &mut results);
            outcomes.push(outcome(result, &results));
        }
        match &expected {
            None => expected = Some(outcomes),
            Some(expected) => assert_eq!(expected, &outcomes, "{config:?}"),
        }
    }
    expected.expect("outcomes")
}

const EVEN_AND_ODD: &str = r#"(module $m
    (func $a (export "run") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
            (else (i32.add (i32.const 1) (call $b (i32.sub (local.get 0) (i32.const 1)))))))
    (func $b (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
            (else (i32.add (i32.const 1) (call $c (i32.sub (local.get 0) (i32.const 1)))))))
    (func $c (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
            (else (i32.add (i32.const 1) (call $a (i32.sub (local.get 0) (i32.const 1))))))))"#;

#[test]
fn recursion_changes_sides() {
    let outcomes = check(EVEN_AND_ODD, &[0, 1, 2, 3, 300]);
    assert_eq!(outcomes[4], "[I32(300)]");
}

#[test]
fn recursion_without_end_is_a_trap_on_stacks_of_every_size() {
    for bytes in [64 << 10, 256 << 10, 8 << 20] {
        let guest = move || {
            for choice in 0..8 {
                let (mut store, instance) = start(&config(choice), EVEN_AND_ODD);
                let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("it");
                for _ in 0..2 {
                    let error = run.call(&mut store, -1).expect_err("a trap");
                    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow), "{error}");
                    assert_eq!(error.backtrace().expect("a backtrace").frames().len(), 64);
                    assert_eq!(run.call(&mut store, 5).expect("it goes on"), 5);
                }
            }
        };
        // Modules are compiled on threads of their own, and made on this one.
        let thread = thread::Builder::new().stack_size(bytes + (2 << 20)).spawn(guest);
        thread.expect("a thread").join().expect("no crash");
    }
}

#[test]
fn a_small_value_stack_ends_recursion_too() {
    for choice in 0..8 {
        let mut config = config(choice);
        config.max_stack_bytes(16 << 10);
        let (mut store, instance) = start(&config, EVEN_AND_ODD);
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("it");
        for _ in 0..3 {
            let error = run.call(&mut store, -1).expect_err("a trap");
            assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow), "{error}");
        }
    }
}

#[test]
fn every_kind_of_value_crosses() {
    let text = r#"(module
        (type $t (func (param i32 i64 f32 f64 v128 i32 i64 f64 externref v128 f32)
            (result f32 v128 externref i64 f64 i32 v128 i64 i32)))
        (table 2 funcref) (elem (i32.const 0) $a $b)
        (func $a (type $t)
            (f32.add (local.get 2) (local.get 10))
            (i8x16.add (local.get 4) (local.get 9))
            (local.get 8)
            (i64.sub (local.get 1) (local.get 6))
            (f64.mul (local.get 3) (local.get 7))
            (i32.xor (local.get 0) (local.get 5))
            (local.get 4)
            (i64.extend_i32_u (local.get 0))
            (local.get 5))
        (func $b (type $t)
            local.get 0 local.get 1 local.get 2 local.get 3 local.get 4 local.get 5
            local.get 6 local.get 7 local.get 8 local.get 9 local.get 10
            call $a)
        (func $c (param i32) (result f32 v128 externref i64 f64 i32 v128 i64 i32)
            (i32.sub (i32.const 0) (local.get 0)) (i64.const -7) (f32.const 1.5) (f64.const -2.25)
            (v128.const i32x4 1 2 3 -4) (i32.const 0x7fffffff) (i64.const 0x123456789abcdef)
            (f64.const 1e300) (ref.null extern) (v128.const i64x2 -1 77) (f32.const -0.25)
            (call_indirect (type $t) (i32.and (local.get 0) (i32.const 1))))
        (func (export "run") (param i32) (result f32 v128 externref i64 f64 i32 v128 i64 i32)
            (return_call $c (local.get 0))))"#;
    check(text, &[0, 1, -1]);
}

#[test]
fn results_may_be_many_more_than_parameters_and_the_other_way_round() {
    let results = "i64 ".repeat(40);
    let consts: String = (0..40).map(|i| format!("(i64.const {i})")).collect();
    let text = format!(
        r#"(module
            (func $many (result {results}) {consts})
            (func $again (result {results}) (call $many))
            (func $none (param {results}))
            (func $sum (param {results}) (result i64)
                (i64.add (local.get 0) (i64.shl (local.get 39) (i64.const 8))))
            (func (export "run") (param i32) (result i64)
                (call $none (call $again))
                (call $sum (call $again))))"#
    );
    assert_eq!(check(&text, &[0])[0], format!("[I64({})]", 39 << 8));
}

/// Three functions of which each calls the next in tail position, `n` times in all.
const TAILS: [&str; 3] = [
    "(return_call {next} (i32.sub (local.get 0) (i32.const 1)) {more})",
    "(return_call_indirect (type {next}) (i32.sub (local.get 0) (i32.const 1)) {more} (i32.const {index}))",
    "(return_call_indirect $g (type {next}) (i32.sub (local.get 0) (i32.const 1)) {more} (i32.const {index}))",
];

#[test]
fn calls_in_tail_position_take_no_stack() {
    for tail in TAILS {
        let call = |next: &str, more: &str, index: &str| {
            let next = if tail.contains("(type") { next.to_uppercase() } else { next.into() };
            tail.replace("{next}", &next).replace("{more}", more).replace("{index}", index)
        };
        let text = format!(
            r#"(module
                (type $A (func (param i32) (result i64)))
                (type $B (func (param i32 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
                (type $C (func (param i32 v128) (result i64)))
                (table 3 funcref) (elem (table 0) (i32.const 0) func $a $b $c)
                (table $g (export "g") 3 funcref) (elem (table $g) (i32.const 0) func $a $b $c)
                (func $a (type $A)
                    (if (result i64) (i32.le_s (local.get 0) (i32.const 0)) (then (i64.const 1))
                        (else {})))
                (func $b (type $B) (local i64 i64 i64)
                    (if (result i64) (i32.le_s (local.get 0) (i32.const 0)) (then (i64.const 2))
                        (else {})))
                (func $c (type $C)
                    (if (result i64) (i32.le_s (local.get 0) (i32.const 0)) (then (i64.const 3))
                        (else {})))
                (func (export "run") (param i32) (result i64)
                    (i64.add (i64.const 10) (call $a (local.get 0)))))"#,
            call("$b", &"(i64.const 5)".repeat(8), "1"),
            call("$c", "(v128.const i64x2 1 2)", "2"),
            call("$a", "", "0"),
        );
        let outcomes = check(&text, &[0, 1, 2, 3, 9_000, 9_001]);
        assert_eq!(outcomes[4..6], ["[I64(11)]", "[I64(12)]"]);
    }
}

/// Three functions of which each calls the next in tail position, with areas of arguments that grow and shrink.
const MILLION: &str = r#"(module
    (type $a (func (param i64) (result i64)))
    (table 1 funcref) (elem (i32.const 0) func $a)
    (elem declare func $c)
    (type $c (func (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
    (func $a (type $a)
        (if (i64.eqz (local.get 0)) (then (return (i64.const 7))))
        (return_call $b (i64.sub (local.get 0) (i64.const 1)) (i64.const 1) (i64.const 2) (i64.const 3)
            (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9)
            (i64.const 10)))
    (func $b (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
        (if (i64.eqz (local.get 0)) (then (return (i64.sub (local.get 10) (local.get 5)))))
        (return_call_ref $c (i64.sub (local.get 0) (i64.const 1)) (local.get 10) (local.get 9)
            (local.get 8) (local.get 7) (local.get 6) (local.get 5) (local.get 4) (ref.func $c)))
    (func $c (type $c)
        (if (i64.eqz (local.get 0)) (then (return (i64.sub (local.get 1) (local.get 7)))))
        (return_call_indirect (type $a) (i64.sub (local.get 0) (i64.const 1)) (i32.const 0)))
    (func (export "run") (param i64) (result i64)
        (i64.add (i64.const 100) (call $a (local.get 0)))))"#;

#[test]
fn a_million_calls_in_tail_position_take_no_stack() {
    for tier in [Tier::Optimize, Tier::Baseline] {
        for compiled in [0b11111, 0b01010, 0b00100, 0b11011] {
            let (mut store, instance) = start(&config_of(tier, compiled), MILLION);
            let run = instance.get_typed_func::<i64, i64>(&mut store, "run").expect("an export");
            for (n, expected) in [(999_999, 107), (1_000_000, 105), (1_000_001, 106)] {
                assert_eq!(
                    run.call(&mut store, n).expect("no trap"),
                    expected,
                    "{tier:?} {compiled}"
                );
            }
        }
    }
}

#[test]
fn instances_call_each_other_in_tail_position() {
    let text = r#"(module
        (import "other" "t" (table 1 funcref))
        (import "host" "id" (func $id (param i32) (result i32)))
        (type $f (func (param i32) (result i32)))
        (elem declare func $f)
        (func $f (export "f") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return_call $id (i32.const 77))))
            (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
        (func (export "put") (table.set (i32.const 0) (ref.func $f))))"#;
    for choice in 0..16 {
        let engine = Engine::new(&config(choice)).expect("a tier");
        // In the second module the function has another index, and often another tier.
        let padded = text.replacen("(type $f", "(func) (type $f", 1);
        let modules =
            [text, &padded].map(|text| Module::new(&engine, text).expect("a valid module"));
        let mut store = Store::new(&engine, 0_u32);
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "id", |x: i32| x).expect("a name");
        let holder = Module::new(&engine, r#"(module (table (export "t") 1 funcref))"#);
        let mut ends = Vec::new();
        let holders: Vec<_> = (0..2)
            .map(|_| Instance::new(&mut store, holder.as_ref().expect("valid"), &[]).expect("one"))
            .collect();
        for (holder, module) in holders.iter().zip(&modules) {
            let mut linker = linker.clone();
            linker.instance(&mut store, "other", *holder).expect("names");
            ends.push(linker.instantiate(&mut store, module).expect("an instance"));
        }
        // Each calls the other through the table that it imports.
        for (of, with) in [(0, 1), (1, 0)] {
            let f = ends[of].get_func(&mut store, "f").expect("an export");
            let table = holders[with].get_table(&mut store, "t").expect("an export");
            table.set(&mut store, 0, f.into()).expect("in bounds");
        }
        for end in &ends {
            let f = end.get_typed_func::<i32, i32>(&mut store, "f").expect("an export");
            assert_eq!(f.call(&mut store, 100_000).expect("no trap"), 77, "{choice}");
        }
    }
}

#[test]
fn traps_show_the_frames_of_both_kinds() {
    let traps = [
        "unreachable",
        "(drop (i32.load (i32.const -1)))",
        "(drop (i32.div_u (local.get 0) (i32.const 0)))",
        "(call_indirect (type $v) (i32.const 9))",
        "(call_indirect (type $v) (i32.const 1))",
        "(memory.fill (i32.const -1) (i32.const 0) (i32.const 9))",
        "(drop (call $back (i32.const -2)))",
        "(drop (call_indirect (type $n) (i32.const -2) (i32.const 2)))",
    ];
    for trap in traps {
        let text = format!(
            r#"(module $m
                (import "host" "back" (func $back (param i32) (result i32)))
                (memory 1) (table 3 funcref) (type $v (func)) (type $n (func (param i32) (result i32)))
                (elem (i32.const 1) func $a $back)
                (func $a (param i32) nop {trap})
                (func $b (param i32) nop (call $a (local.get 0)) nop)
                (func $c (param i32) (result i32 i64)
                    (call $b (local.get 0)) (i32.const 1) (i64.const 2))
                (func $d (export "inner") (param i32) (result i32) (call $c (local.get 0)) drop)
                (func $e (param i32) (drop (call $back (local.get 0))))
                (func $f (param i32) (call $e (local.get 0)))
                (func (export "run") (param i32)
                    (if (local.get 0)
                        (then (return_call $f (local.get 0)))
                        (else (drop (call $d (local.get 0)))))))"#
        );
        let outcomes = check(&text, &[0, 1]);
        assert!(outcomes[0].contains("$a") || outcomes[0].contains("a at m"), "{}", outcomes[0]);
        assert_eq!(outcomes[0].lines().count(), 6, "{}", outcomes[0]);
        assert_eq!(outcomes[1].lines().count(), 7, "{}", outcomes[1]);
    }
}

#[test]
fn a_panic_of_the_host_passes_through_both() {
    let text = r#"(module
        (import "host" "back" (func $back (param i32) (result i32)))
        (func $a (param i32) (result i32) (call $back (local.get 0)))
        (func $b (param i32) (result i32) (call $a (local.get 0)))
        (func $c (param i32) (result i32) (call $b (local.get 0)))
        (func $outer (export "inner") (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0))
                (then (call $c (i32.const -1)))
                (else (i32.add (i32.const 1) (call $c (i32.sub (local.get 0) (i32.const 1)))))))
        (func (export "run") (param i32) (result i32) (call $outer (local.get 0)))
        (func (export "seven") (param i32) (result i32) (i32.const 7)))"#;
    for config in configs() {
        let (mut store, instance) = start(&config, text);
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        for depth in [0, 1, 5, 0] {
            let call = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, depth)));
            let panic = call.expect_err("a panic");
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"the host panics"));
        }
        let seven = instance.get_typed_func::<i32, i32>(&mut store, "seven").expect("an export");
        assert_eq!(seven.call(&mut store, 1).expect("it goes on"), 7);
        // Calls back and forth end at their limit, wherever they are.
        let error =
            catch_unwind(AssertUnwindSafe(|| run.call(&mut store, 1_000))).expect("no panic");
        assert_eq!(error.expect_err("a trap").trap_code(), Some(TrapCode::StackOverflow));
    }
}

#[test]
fn loops_over_both_kinds_are_interrupted() {
    let loops = [
        "(loop $l (call $b) (br $l))",
        "(return_call $b)",
        "(return_call_indirect (type $v) (i32.const 1))",
    ];
    for (body, how) in loops.iter().flat_map(|body| {
        [Interruption::Flag, Interruption::Page].map(|interruption| (body, interruption))
    }) {
        let back = if body.contains("loop") { "" } else { "(return_call $a)" };
        let text = format!(
            r#"(module (type $v (func)) (table 2 funcref) (elem (i32.const 0) $a $b)
                (func $a {body}) (func $b {back})
                (func (export "run") (call $a)))"#
        );
        for choice in 0..4 {
            let mut config = config(choice);
            config.interruption(how);
            let (mut store, instance) = start(&config, &text);
            let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("an export");
            let handle = store.interrupt_handle();
            let other = thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                handle.interrupt();
            });
            let error = run.call(&mut store, ()).expect_err("an interruption");
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
            other.join().expect("no panic");
        }
    }
}

#[test]
fn fuel_is_paid_on_both_sides() {
    let mut spent: Option<u64> = None;
    for mut config in configs() {
        config.consume_fuel(true);
        let (mut store, instance) = start(&config, EVEN_AND_ODD);
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        store.set_fuel(1_000_000).expect("fuel");
        run.call(&mut store, 200).expect("enough fuel");
        let left = store.get_fuel().expect("fuel");
        assert_eq!(*spent.get_or_insert(left), left, "{config:?}");
        store.set_fuel(500).expect("fuel");
        let error = run.call(&mut store, 200).expect_err("not enough fuel");
        assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel));
    }
}

#[test]
fn a_table_changes_and_functions_of_the_host_are_among_its_elements() {
    let text = r#"(module
        (import "host" "back" (func $back (param i32) (result i32)))
        (type $f (func (param i32) (result i32)))
        (table (export "t") 4 funcref) (elem (i32.const 0) $back $one $two)
        (func $one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func $two (param i32) (result i32) (i32.add (local.get 0) (i32.const 2)))
        (func $pick (param i32) (result i32)
            (call_indirect (type $f) (local.get 0) (i32.and (local.get 0) (i32.const 3))))
        (func (export "run") (param i32) (result i32) (call $pick (local.get 0))))"#;
    check(text, &[0, 1, 2, 3]);
    for config in configs() {
        let (mut store, instance) = start(&config, text);
        let host = Func::wrap(&mut store, |x: i32| x * 10);
        let table = instance.get_table(&mut store, "t").expect("an export");
        table.set(&mut store, 3, host.into()).expect("in bounds");
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        for (number, expected) in [(3, 30), (1, 2), (2, 4), (7, 70), (4, 4)] {
            assert_eq!(run.call(&mut store, number).expect("no trap"), expected);
        }
        assert_eq!(*store.data(), 1);
    }
}
