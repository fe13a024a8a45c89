//! The optimising tier beside the interpreter: the same results, the same traps, the same backtraces; and
//! what only compiled code has to prove, stacks that end and loops that stop.
#![cfg(feature = "optimize")]

use dunlin::{
    Backtrace, Caller, Config, Engine, Error, Func, Instance, Interruption, Linker, Module, Store,
    Tier, TrapCode, Val, ValidateMode,
};
use std::thread;
use std::time::Duration;

fn engine(tier: Tier) -> Engine {
    Engine::new(Config::new().tier(tier)).expect("a tier of this machine")
}

const TIERS: [Tier; 2] = [Tier::Interp, Tier::Optimize];

/// Calls `run` of a module without imports on one tier.
fn run(tier: Tier, text: &str) -> (Result<(), Error>, Store<()>) {
    let engine = engine(tier);
    let module = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance.get_func(&mut store, "run").expect("an export");
    let result = run.call(&mut store, &[], &mut []);
    (result, store)
}

fn trace(error: &Error) -> String {
    error.backtrace().map_or_else(String::new, Backtrace::to_string)
}

/// Checks that both tiers trap alike, and how.
#[track_caller]
fn check_trap(text: &str, code: TrapCode) {
    let errors = TIERS.map(|tier| run(tier, text).0.expect_err("a trap"));
    for error in &errors {
        assert_eq!(error.trap_code(), Some(code), "{error}");
    }
    assert_eq!(trace(&errors[0]), trace(&errors[1]), "{code:?}");
    assert!(!trace(&errors[0]).is_empty());
}

/// A module whose `run` calls through two frames to `body`.
fn nested(body: &str) -> String {
    format!(
        r#"(module $m
            (memory 1) (table $t 4 funcref) (type $v (func)) (elem (i32.const 1) $other)
            (func $other (param i32))
            (func $inner (param $x i32) (param $y i64) (local $f f64) {body})
            (func $outer (param i32) (call $inner (local.get 0) (i64.const -1)))
            (func (export "run") nop (call $outer (i32.const 7)) nop))"#
    )
}

#[test]
fn traps_are_the_interpreters() {
    let rows = [
        ("unreachable", TrapCode::Unreachable),
        ("(drop (i32.load (i32.const 65533)))", TrapCode::MemoryOutOfBounds),
        ("(drop (i32.load offset=4294967295 (i32.const -1)))", TrapCode::MemoryOutOfBounds),
        (
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 65537))",
            TrapCode::MemoryOutOfBounds,
        ),
        ("(drop (table.get $t (i32.const 4)))", TrapCode::TableOutOfBounds),
        ("(call_indirect (type $v) (i32.const 4))", TrapCode::UndefinedElement),
        ("(call_indirect (type $v) (i32.const 0))", TrapCode::UninitializedElement),
        ("(call_indirect (type $v) (i32.const 1))", TrapCode::IndirectCallTypeMismatch),
        ("(drop (i32.div_s (local.get $x) (i32.const 0)))", TrapCode::IntegerDivisionByZero),
        (
            "(drop (i32.rem_u (local.get $x) (i32.eqz (local.get $x))))",
            TrapCode::IntegerDivisionByZero,
        ),
        (
            "(drop (i64.div_s (i64.const 0x8000000000000000) (local.get $y)))",
            TrapCode::IntegerOverflow,
        ),
        ("(drop (i32.trunc_f64_s (f64.const nan)))", TrapCode::InvalidConversionToInteger),
        ("(drop (i32.trunc_f64_s (f64.const 1e10)))", TrapCode::IntegerOverflow),
    ];
    for (body, code) in rows {
        check_trap(&nested(body), code);
    }
}

#[test]
fn recursion_without_end_traps_on_stacks_of_every_size() {
    let text = r#"(module
        (func $f (param i64 i64 v128) (result i64)
            (i64.add (local.get 0) (call $f (local.get 1) (local.get 0) (local.get 2))))
        (func (export "run")
            (drop (call $f (i64.const 1) (i64.const 2) (v128.const i64x2 3 4)))))"#;
    for bytes in [64 << 10, 256 << 10, 8 << 20] {
        let guest = move || {
            for _ in 0..3 {
                let error = run(Tier::Optimize, text).0.expect_err("a trap");
                assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
                assert_eq!(error.backtrace().expect("a backtrace").frames().len(), 64);
            }
        };
        // Modules are compiled on the same thread: the compiler needs some of the stack too.
        let thread = thread::Builder::new().stack_size(bytes + (2 << 20)).spawn(guest);
        thread.expect("a thread").join().expect("no crash");
    }
}

#[test]
fn loops_are_interrupted_wherever_they_are() {
    let rows = [
        r#"(module (func (export "run") (loop $l (br $l))))"#,
        // The second loop's poll must not be taken for the first one's, nor the entry's.
        r#"(module (func (export "run") (local i32)
            (loop $a (br_if $a (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 9))))
            (loop $b (loop $c (br $c)) (br $b))))"#,
        r#"(module (func $f (export "run") (return_call $f)))"#,
    ];
    let modes = [Interruption::Flag, Interruption::Page];
    for (text, mode) in rows.iter().flat_map(|text| modes.map(|mode| (text, mode))) {
        let mut config = Config::new();
        let engine = Engine::new(config.tier(Tier::Optimize).interruption(mode)).expect("a tier");
        let module = Module::new(&engine, text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("an export");
        for _ in 0..2 {
            let handle = store.interrupt_handle();
            let other = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.interrupt();
            });
            let error = run.call(&mut store, ()).expect_err("an interruption");
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
            other.join().expect("no panic");
        }
    }
}

#[test]
fn host_functions_call_back_fail_and_leave_the_same_backtrace() {
    let text = r#"(module
        (import "h" "call" (func $call (param i32 i64 f32 f64) (result f64 i32)))
        (type $t (func (param i32 i64 f32 f64) (result f64 i32)))
        (table 1 funcref) (elem (i32.const 0) $call)
        (func $indirect (param i32) (result f64)
            (call_indirect (type $t)
                (local.get 0) (i64.const 5) (f32.const 0.5) (f64.const 0.25) (i32.const 0))
            drop)
        (func (export "back") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then unreachable))
            (i32.mul (local.get 0) (i32.const 2)))
        (func (export "run") (param i32) (result f64)
            (f64.add
                (call $indirect (local.get 0))
                (call $call (local.get 0) (i64.const 1) (f32.const 2) (f64.const 3)) drop)))"#;
    let outcomes = TIERS.map(|tier| {
        let engine = engine(tier);
        let module = Module::new(&engine, text).expect("a valid module");
        let mut linker = Linker::<Vec<i32>>::new(&engine);
        let host = |mut caller: Caller<'_, Vec<i32>>, a: i32, b: i64, c: f32, d: f64| {
            if a == 13 {
                return Err(Error::msg("unlucky"));
            }
            let back = caller.get_export("back").and_then(dunlin::Extern::into_func);
            let back = back.expect("an export").typed::<i32, i32>(&caller)?;
            let twice = back.call(&mut caller, a)?;
            caller.data_mut().push(twice);
            Ok((f64::from(twice) + b as f64 + f64::from(c) + d, a))
        };
        linker.func_wrap("h", "call", host).expect("a definition");
        let mut store = Store::new(&engine, Vec::new());
        let instance = linker.instantiate(&mut store, &module).expect("an instance");
        let run = instance.get_typed_func::<i32, f64>(&mut store, "run").expect("an export");
        let sum = run.call(&mut store, 4).expect("a result");
        let unlucky = run.call(&mut store, 13).expect_err("the host's error");
        let trap = run.call(&mut store, 0).expect_err("a trap in the inner call");
        assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable));
        (sum, format!("{unlucky}\n{}\n{}", trace(&unlucky), trace(&trap)), store.into_data())
    });
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0].0, 2.0 * 8.0 + 5.0 + 0.5 + 0.25 + 1.0 + 2.0 + 3.0);
}

#[test]
fn panics_of_host_functions_pass_through_compiled_code() {
    let engine = engine(Tier::Optimize);
    let text = r#"(module (import "h" "f" (func $f)) (func (export "run") (call $f)))"#;
    let module = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, || -> () { panic!("of the host") });
    let instance = Instance::new(&mut store, &module, &[host.into()]).expect("an instance");
    let run = instance.get_func(&mut store, "run").expect("an export");
    for _ in 0..2 {
        let call = std::panic::AssertUnwindSafe(|| run.call(&mut store, &[], &mut []));
        let panic = std::panic::catch_unwind(call).expect_err("a panic");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"of the host"));
    }
}

#[test]
fn functions_that_are_not_valid_trap_when_they_are_called() {
    let mut config = Config::new();
    let engine =
        Engine::new(config.tier(Tier::Optimize).validate(ValidateMode::Lazy)).expect("a tier");
    // `run` calls a function that leaves nothing where it promises an `i32`.
    let text = r#"(module (func $bad (result i32)) (func (export "good")) (func (export "run") (call $bad) drop))"#;
    let module = Module::new(&engine, text).expect("an indexed module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    instance
        .get_func(&mut store, "good")
        .expect("an export")
        .call(&mut store, &[], &mut [])
        .expect("valid");
    for _ in 0..2 {
        let run = instance.get_func(&mut store, "run").expect("an export");
        let error = run.call(&mut store, &[], &mut []).expect_err("a trap");
        assert_eq!(error.trap_code(), Some(TrapCode::InvalidFunction));
    }
}

#[test]
fn fuel_is_what_the_interpreter_takes() {
    let text = r#"(module (memory 2) (table 200 funcref)
        (func $fact (param i64) (result i64)
            (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
                (else (i64.mul (local.get 0) (call $fact (i64.sub (local.get 0) (i64.const 1)))))))
        (func (export "run") (param $n i32) (result i64) (local $i i32)
            (block $out (loop $next
                (br_if $out (i32.ge_u (local.get $i) (local.get $n)))
                (br_table 0 1 0 (local.get $i))))
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 70000))
            (table.fill (i32.const 0) (ref.null func) (i32.const 130))
            (call $fact (i64.const 20))))"#;
    let used = TIERS.map(|tier| {
        let engine = Engine::new(Config::new().tier(tier).consume_fuel(true)).expect("a tier");
        let module = Module::new(&engine, text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<i32, i64>(&mut store, "run").expect("an export");
        store.set_fuel(1 << 20).expect("metered");
        run.call(&mut store, 0).expect("enough fuel");
        let used = (1 << 20) - store.get_fuel().expect("metered");
        store.set_fuel(used - 1).expect("metered");
        let error = run.call(&mut store, 0).expect_err("one unit less");
        assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel));
        store.set_fuel(1 << 16).expect("metered");
        let error = run.call(&mut store, 9).expect_err("a loop without end");
        assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel));
        used
    });
    assert_eq!(used[0], used[1]);
}

#[test]
fn many_values_of_all_types_travel_in_both_directions() {
    let types = "i32 i64 f32 f64 v128 externref ".repeat(5);
    let gets: String = (0..30).map(|i| format!("(local.get {i}) ")).collect();
    let text = format!(
        r#"(module (import "h" "f" (func $f (param {types}) (result {types})))
            (func $g (param {types}) (result {types}) {gets} (call $f))
            (func (export "run") (param {types}) (result {types}) {gets} (return_call $g)))"#
    );
    let outcomes = TIERS.map(|tier| {
        let engine = engine(tier);
        let module = Module::new(&engine, &text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let ty = match module.imports().next().expect("an import").ty() {
            dunlin::ExternType::Func(ty) => ty,
            other => panic!("{other:?}"),
        };
        let host = Func::new(&mut store, ty, |_, params, results| {
            results.copy_from_slice(params);
            Ok(())
        });
        let instance = Instance::new(&mut store, &module, &[host.into()]).expect("an instance");
        let run = instance.get_func(&mut store, "run").expect("an export");
        let params: Vec<Val> = (0..30_i32)
            .map(|i| match i % 6 {
                0 => Val::I32(-i),
                1 => Val::I64(-i64::from(i) << 33),
                2 => Val::F32(i as u32 | 0x7FA0_0000),
                3 => Val::F64(i as u64 | 0xFFF4_0000_0000_0000),
                4 => Val::V128(dunlin::V128::from_bits(u128::MAX - i as u128)),
                _ => Val::ExternRef(None),
            })
            .collect();
        let mut results = vec![Val::I32(0); 30];
        run.call(&mut store, &params, &mut results).expect("results");
        (format!("{params:?}"), format!("{results:?}"))
    });
    for (params, results) in outcomes {
        assert_eq!(params, results);
    }
}

#[test]
fn code_goes_with_the_last_of_its_users() {
    let engine = engine(Tier::Optimize);
    let text = r#"(module (func (export "run") (result i32) (i32.const 7)))"#;
    let mut store = Store::new(&engine, ());
    for _ in 0..50 {
        let module = Module::new(&engine, text).expect("a valid module");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        drop(module);
        let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("an export");
        assert_eq!(run.call(&mut store, ()).expect("a result"), 7);
    }
    drop(store);
    let error = self::run(Tier::Optimize, r#"(module (func (export "run") unreachable))"#).0;
    assert_eq!(error.expect_err("a trap").trap_code(), Some(TrapCode::Unreachable));
}

/// A host function that recurses without end, in a child process: the fault is of Rust's code, however
/// close compiled code is, and goes to the handler that Rust has for it.
#[cfg(target_os = "linux")]
#[test]
fn faults_of_host_functions_are_not_the_guests() {
    const CASE: &str = "DUNLIN_TEST_HOST_FAULT";
    fn recurse(depth: u64) -> u64 {
        let numbers = std::hint::black_box([depth; 64]);
        if numbers[63] == u64::MAX { 0 } else { recurse(depth + 1) + numbers[7] }
    }
    if std::env::var_os(CASE).is_some() {
        let engine = engine(Tier::Optimize);
        let text = r#"(module (import "h" "f" (func $f)) (func (export "run") (call $f)))"#;
        let module = Module::new(&engine, text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let host = Func::wrap(&mut store, || {
            std::hint::black_box(recurse(0));
        });
        let instance = Instance::new(&mut store, &module, &[host.into()]).expect("an instance");
        let run = instance.get_func(&mut store, "run").expect("an export");
        let result = run.call(&mut store, &[], &mut []);
        return println!("{result:?}");
    }
    let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "faults_of_host_functions_are_not_the_guests", "--nocapture"]);
    let output = command.env(CASE, "1").output().expect("a child");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("has overflowed its stack"), "{output:?}");
}

#[test]
fn modules_of_very_many_functions_are_interpreted_and_can_be_called() {
    let engine = engine(Tier::Optimize);
    let rest = "(func)".repeat(200_001);
    let text =
        format!(r#"(module (func (export "f") (param i32) (result i32) (local.get 0)) {rest})"#);
    let large = Module::new(&engine, &text).expect("a valid module");
    let text = r#"(module (import "h" "f" (func $f (param i32) (result i32)))
        (func (export "run") (result i32) (call $f (i32.const 7))))"#;
    let small = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let callee = Instance::new(&mut store, &large, &[]).expect("an instance");
    let callee = callee.get_func(&mut store, "f").expect("an export");
    let instance = Instance::new(&mut store, &small, &[callee.into()]).expect("an instance");
    let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("an export");
    assert_eq!(run.call(&mut store, ()).expect("a result"), 7);
}

#[test]
fn blocks_that_cannot_be_reached_take_no_operands() {
    let text = r#"(module (type $t (func (param i32 i32) (result i32)))
        (func (export "run") (param i32) (result i32)
            (local.get 0)
            (block
                (br 0)
                (i32.const 1) (i32.const 2)
                (block (type $t) i32.add)
                (i32.const 3)
                (if (type $t) (i32.const 4) (then i32.sub) (else i32.mul))
                (loop (type $t) drop) drop)
            (i32.const 1)
            i32.add))"#;
    for tier in TIERS {
        let engine = engine(tier);
        let module = Module::new(&engine, text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        assert_eq!(run.call(&mut store, 41).expect("a result"), 42, "{tier:?}");
    }
}

/// What calls through a table find: each operand of `run`, and the trap's code or nothing.
fn check_calls(fields: &str, ty: &str, rows: &[(i32, Option<TrapCode>)]) {
    for (index, expected) in rows {
        let text = format!(
            r#"(module (type $v (func)) (type $same (func)) (type $i (func (param i32)))
                (func $f) (func $g (param i32)) {fields}
                (func (export "run") (call_indirect (type {ty}) (i32.const {index}))))"#
        );
        for tier in TIERS {
            let found = run(tier, &text).0.err().and_then(|error| error.trap_code());
            assert_eq!(found, *expected, "{tier:?}: {text}");
        }
    }
}

#[test]
fn tables_that_never_change_are_called_as_others_are() {
    let tables = [
        // Never changes; overwritten by a later segment, and by null.
        "(table 6 funcref) (elem (i32.const 1) $g $f $f) (elem (i32.const 1) $f $g)
         (elem (i32.const 3) funcref (ref.null func) (ref.func $f))",
        // The same with a segment whose place is computed, exported, and changed.
        "(table 6 funcref) (elem (offset (i32.add (i32.const 0) (i32.const 1))) func $f $g)
         (elem (i32.const 4) $f)",
        r#"(table (export "t") 6 funcref) (elem (i32.const 1) $f $g) (elem (i32.const 4) $f)"#,
        "(table $t 6 funcref) (elem (i32.const 1) $f $g) (elem declare func $f)
         (func $start (table.set $t (i32.const 4) (ref.func $f))) (start $start)",
        "(table $t 5 funcref) (elem (i32.const 1) $f $g)
         (func $start (drop (table.grow $t (ref.func $f) (i32.const 1)))
            (table.copy $t $t (i32.const 4) (i32.const 1) (i32.const 1))
            (table.fill $t (i32.const 5) (ref.null func) (i32.const 1))) (start $start)",
        "(table $t 6 funcref) (elem (i32.const 1) $f $g) (elem $late func $f)
         (func $start (table.init $t $late (i32.const 4) (i32.const 0) (i32.const 1))) (start $start)",
    ];
    let rows = [
        (0, Some(TrapCode::UninitializedElement)),
        (1, None),
        (2, Some(TrapCode::IndirectCallTypeMismatch)),
        (3, Some(TrapCode::UninitializedElement)),
        (4, None),
        (5, Some(TrapCode::UninitializedElement)),
        (6, Some(TrapCode::UndefinedElement)),
        (-1, Some(TrapCode::UndefinedElement)),
    ];
    for table in tables {
        check_calls(table, "$v", &rows);
        check_calls(table, "$same", &rows);
    }
}

#[test]
fn a_table_that_was_never_written_is_not_called() {
    // The instantiation fails at the second segment, when the first has given a function away.
    let text = r#"(module (import "m" "t" (table 2 funcref)) (table $own 1 funcref) (func $f)
        (func $away (call_indirect $own (i32.const 0)))
        (elem (i32.const 0) $away) (elem (i32.const 2) $f) (elem (table $own) (i32.const 0) func $f))"#;
    for tier in TIERS {
        let engine = engine(tier);
        let mut store = Store::new(&engine, ());
        let host = r#"(module (table (export "t") 2 funcref)
            (func (export "run") (call_indirect (i32.const 0))))"#;
        let host = Module::new(&engine, host).expect("a valid module");
        let host = Instance::new(&mut store, &host, &[]).expect("an instance");
        let table = host.get_export(&mut store, "t").expect("an export");
        let module = Module::new(&engine, text).expect("a valid module");
        Instance::new(&mut store, &module, &[table]).expect_err("a segment out of bounds");
        let run = host.get_func(&mut store, "run").expect("an export");
        let error = run.call(&mut store, &[], &mut []).expect_err("nothing to call");
        assert_eq!(error.trap_code(), Some(TrapCode::UninitializedElement), "{tier:?}");
    }
}
