//! Exceptions: between functions of both tiers in every order, through the host, in both encodings. Each case
//! runs with many choices of the compiled functions, and must end as the interpreter alone ends it.

use dunlin::{
    Backtrace, Caller, Config, Engine, Error, ErrorKind, ExnRef, Extern, Func, FuncType, Instance,
    Linker, Module, RefType, Store, Tag, Tier, TrapCode, V128, Val, ValType,
};
use std::thread;
use std::time::Duration;

/// The configurations of a case; the first is the interpreter's.
fn configs() -> impl Iterator<Item = Config> {
    let mut alone = Config::new();
    alone.tier(Tier::Interp);
    std::iter::once(alone).chain(mixed())
}

/// All choices of five functions that are compiled, by each compiler.
#[cfg(feature = "optimize")]
fn mixed() -> impl Iterator<Item = Config> {
    let of = |tier, chosen: u64| {
        let mut config = Config::new();
        config.tier(tier).verify_code(true);
        config.mix_tiers(chosen | chosen << 5 | chosen << 10);
        config
    };
    [Tier::Optimize, Tier::Baseline]
        .into_iter()
        .flat_map(move |tier| (0..32).map(move |chosen| of(tier, chosen)))
}

#[cfg(not(feature = "optimize"))]
fn mixed() -> impl Iterator<Item = Config> {
    std::iter::empty()
}

/// What the host offers: `back` calls the export `inner` of its caller with a number, `throw` throws the export
/// `tag` of its caller with one, `fail` fails with an error of its own.
fn linker(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let back = |mut caller: Caller<'_, ()>, n: i32| -> Result<i32, Error> {
        let inner = caller.get_export("inner").and_then(Extern::into_func).expect("an export");
        inner.typed::<i32, i32>(&caller)?.call(&mut caller, n)
    };
    let throw = |mut caller: Caller<'_, ()>, n: i32| -> Result<(), Error> {
        let tag = caller.get_export("tag").and_then(Extern::into_tag).expect("an export");
        Err(ExnRef::new(&mut caller, tag, &[Val::I32(n)])?.into())
    };
    let fail = || -> Result<(), Error> { Err(Error::msg("the host fails")) };
    linker.func_wrap("host", "back", back).expect("a new name");
    linker.func_wrap("host", "throw", throw).expect("a new name");
    linker.func_wrap("host", "fail", fail).expect("a new name");
    linker
}

fn start(config: &Config, text: &str) -> (Store<()>, Instance) {
    let engine = Engine::new(config).expect("a tier of this machine");
    let module = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = linker(&engine).instantiate(&mut store, &module).expect("an instance");
    (store, instance)
}

fn outcome(store: &Store<()>, result: Result<(), Error>, results: &[Val]) -> String {
    let Err(error) = result else { return format!("{results:?}") };
    let trace = error.backtrace().map_or_else(String::new, Backtrace::to_string);
    let payload = error.exception().map(|exception| exception.payload(store).expect("its scope"));
    format!("{} {error} {:?} {payload:?}\n{trace}", error.kind(), error.trap_code())
}

/// Calls `run` with each number twice, in every configuration; what comes of it is the interpreter's.
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
            outcomes.push(outcome(&store, result, &results));
        }
        match &expected {
            None => expected = Some(outcomes),
            Some(expected) => assert_eq!(expected, &outcomes, "{config:?}"),
        }
    }
    let mut outcomes = expected.expect("there is the interpreter");
    let twice = outcomes.split_off(numbers.len());
    assert_eq!(outcomes, twice, "as the first time");
    outcomes
}

#[test]
fn each_function_may_catch_what_any_other_throws() {
    // The last throws; each of the others catches its own number, and one tag that nobody throws.
    let level = |at: u32| {
        format!(
            "(func $f{at} (param i32) (result i32)
                (block $other
                    (block $mine (result i32)
                        (try_table (result i32) (catch $other $other) (catch $t{at} $mine)
                            (i32.add (call $f{} (local.get 0)) (i32.const 1)))
                        (return))
                    (return (i32.add (i32.const {at}00))))
                unreachable)",
            at + 1
        )
    };
    let levels: String = (0..4).map(level).collect();
    let text = format!(
        r#"(module (tag $t0 (param i32)) (tag $t1 (param i32)) (tag $t2 (param i32)) (tag $t3 (param i32))
            (tag $t4 (param i32)) (tag $other)
            {levels}
            (func $f4 (param i32) (result i32)
                (block (block (block (block (block
                    (br_table 0 1 2 3 4 (local.get 0)))
                    (throw $t0 (i32.const 5))) (throw $t1 (i32.const 6))) (throw $t2 (i32.const 7)))
                    (throw $t3 (i32.const 8))) (throw $t4 (i32.const 9)))
            (func $f5 (export "run") (param i32) (result i32) (call $f0 (local.get 0))))"#
    );
    let outcomes = check(&text, &[0, 1, 2, 3, 4]);
    let caught = ["[I32(5)]", "[I32(107)]", "[I32(209)]", "[I32(311)]"];
    assert_eq!(outcomes[..4], caught);
    assert!(outcomes[4].starts_with("exception uncaught exception None Some([I32(9)])"));
    let frames: Vec<&str> = outcomes[4].lines().skip(1).collect();
    assert_eq!(frames.len(), 6, "{frames:?}");
}

#[test]
fn exceptions_travel_through_the_host_and_may_begin_there() {
    let text = r#"(module
        (import "host" "back" (func $back (param i32) (result i32)))
        (import "host" "throw" (func $throw (param i32)))
        (tag $t (export "tag") (param i32))
        (func (export "inner") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 7))))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (call $throw (i32.const 8))))
            (block $h (result i32)
                (try_table (catch $t $h) (call $throw (i32.const 9)))
                unreachable))
        (func $middle (param i32) (result i32) (call $back (local.get 0)))
        (func (export "run") (param i32) (result i32)
            (block $h (result i32)
                (try_table (result i32) (catch $t $h) (call $middle (local.get 0)))
                (return (i32.add (i32.const 100))))))"#;
    assert_eq!(check(text, &[0, 1, 2]), ["[I32(7)]", "[I32(8)]", "[I32(109)]"]);
}

#[test]
fn an_exception_that_passes_the_host_is_the_same_one() {
    let text = r#"(module
        (import "host" "back" (func $back (param i32) (result i32)))
        (tag $t (param i32 i64))
        (global $g (mut exnref) (ref.null exn))
        (func (export "inner") (param i32) (result i32)
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (throw $t (local.get 0) (i64.const 9)))
                unreachable)
            (global.set $g)
            (throw_ref (global.get $g)))
        (func (export "run") (param i32) (result i32 i64)
            (local exnref)
            (block $h (result i32 i64 exnref)
                (try_table (result i32) (catch_ref $t $h) (call $back (local.get 0)))
                unreachable)
            (local.set 1) drop drop
            (block $again (result i32 i64)
                (try_table (catch $t $again) (throw_ref (local.get 1)))
                unreachable)))"#;
    assert_eq!(check(text, &[3]), ["[I32(3), I64(9)]"]);
}

#[test]
fn traps_and_errors_of_the_host_are_not_caught() {
    let text = r#"(module
        (import "host" "back" (func $back (param i32) (result i32)))
        (import "host" "fail" (func $fail))
        (tag $t)
        (func $inner (export "inner") (param i32) (result i32)
            (if (i32.eq (local.get 0) (i32.const 2)) (then (call $fail)))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (throw_ref (ref.null exn))))
            (i32.div_s (i32.const 1) (i32.and (local.get 0) (i32.const 2))))
        (func $new (param i32) (result i32)
            (block $h (result exnref)
                (block $g
                    (try_table (catch $t $g) (catch_all_ref $h)
                        (return (call $back (local.get 0)))))
                (ref.null exn))
            (drop) (i32.const -1))
        (func $old (param i32) (result i32)
            try (result i32) (call $inner (local.get 0)) catch $t (i32.const -1) catch_all (i32.const -2) end)
        (func (export "run") (param i32) (result i32)
            (block $h (try_table (catch_all $h) (drop (call $new (local.get 0)))))
            (call $old (local.get 0))))"#;
    let outcomes = check(text, &[0, 1, 2, 3]);
    for (outcome, what) in outcomes.iter().zip([
        "trap integer divide by zero Some(IntegerDivisionByZero) None",
        "trap integer divide by zero Some(IntegerDivisionByZero) None",
        "host the host fails None None",
        "trap null exception reference Some(NullExceptionReference) None",
    ]) {
        assert!(outcome.starts_with(what), "{outcome}");
    }
}

#[test]
fn what_is_caught_leaves_no_trace_in_later_traps() {
    let text = r#"(module (import "host" "back" (func $back (param i32) (result i32))) (tag $t)
        (func $deep (param i32) (result i32)
            (if (local.get 0) (then (return (call $deep (i32.sub (local.get 0) (i32.const 1))))))
            (throw $t))
        (func (export "inner") (param i32) (result i32) (call $deep (local.get 0)))
        (func $catches (param i32)
            (block $h (try_table (catch $t $h) (drop (call $back (local.get 0)))))
            (block $h (try_table (catch_all $h) (drop (call $deep (local.get 0))))))
        (func (export "run") (param i32) (result i32)
            (call $catches (local.get 0))
            (call $catches (i32.add (local.get 0) (i32.const 50)))
            unreachable))"#;
    for outcome in check(text, &[0, 3, 90]) {
        assert_eq!(outcome.lines().count(), 2, "{outcome}");
    }
}

#[test]
fn payloads_of_every_type() {
    let types = "i32 i64 f32 f64 v128 funcref externref exnref";
    let text = format!(
        r#"(module (tag $t (param {types})) (tag $e) (type $list (func (result {types})))
        (elem declare func $made)
        (func $made (param externref exnref)
            (throw $t (i32.const -1) (i64.const -2) (f32.const nan:0x200001) (f64.const -0.0)
                (v128.const i64x2 3 4) (ref.func $made) (local.get 0) (local.get 1)))
        (func $other (param externref exnref)
            (block $h (try_table (catch $e $h) (call $made (local.get 0) (local.get 1)))))
        (func $exn (result exnref) (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e)) unreachable))
        (func (export "new") (param externref) (result {types})
            (local i64 v128)
            (block $h (type $list)
                (try_table (catch $t $h) (call $other (local.get 0) (call $exn)))
                unreachable))
        (func (export "old") (param externref) (result {types})
            (local i64 v128 i32)
            try (type $list)
                try (call $other (local.get 0) (call $exn)) catch_all (local.set 3 (i32.const 1)) rethrow 0 end
                unreachable
            catch $t end))"#
    );
    for config in configs() {
        let (mut store, instance) = start(&config, &text);
        for export in ["new", "old"] {
            let value = dunlin::ExternRef::new(&mut store, 77_u32).expect("room");
            let func = instance.get_func(&mut store, export).expect("an export");
            let mut results = [Val::I32(0); 8];
            let args = [Val::ExternRef(Some(value))];
            func.call(&mut store, &args, &mut results).expect("it is caught");
            let [a, b, c, d, v, func, host, exception] = results;
            assert_eq!(
                (a.i32(), b.i64(), v.v128()),
                (Some(-1), Some(-2), Some(V128::from_halves(3, 4)))
            );
            assert!(matches!((c, d), (Val::F32(0x7fa0_0001), Val::F64(bits)) if bits == 1 << 63));
            let func = func.func_ref().flatten().expect("a function");
            assert_eq!(func.ty(&store).expect("its type").params().len(), 2);
            let host = host.extern_ref().flatten().expect("a host value");
            let host = host.data(&store).expect("its scope").and_then(|host| host.downcast_ref());
            assert_eq!(host, Some(&77_u32));
            let exception = exception.exn_ref().flatten().expect("an exception");
            assert!(exception.payload(&store).expect("its scope").is_empty());
        }
    }
}

#[test]
fn as_many_values_as_a_function_may_have() {
    const COUNT: usize = 900;
    let types: String = (0..COUNT).map(|i| ["i32 ", "i64 ", "f64 "][i % 3]).collect();
    let values: String =
        (0..COUNT).map(|i| format!("({}.const {i}) ", ["i32", "i64", "f64"][i % 3])).collect();
    let sum: String = (0..COUNT)
        .rev()
        .map(|i| match i % 3 {
            0 => "(local.set 1 (i64.add (i64.extend_i32_s) (local.get 1))) ",
            1 => "(local.set 1 (i64.add (local.get 1))) ",
            _ => "(local.set 1 (i64.add (i64.trunc_f64_s) (local.get 1))) ",
        })
        .collect();
    let text = format!(
        r#"(module (tag $t (param {types})) (type $list (func (result {types})))
            (func $throws (throw $t {values}))
            (func (export "run") (param i32) (result i64) (local i64)
                (block $h (type $list) (try_table (catch $t $h) (call $throws)) unreachable)
                {sum} (local.get 1)))"#
    );
    let expected = COUNT * (COUNT - 1) / 2;
    assert_eq!(check(&text, &[0]), [format!("[I64({expected})]")]);
}

#[test]
fn a_call_in_tail_position_leaves_what_catches_around_it() {
    let text = r#"(module
        (import "host" "throw" (func $throw (param i32)))
        (tag $t (export "tag") (param i32)) (type $v (func (param i32)))
        (table funcref (elem $throws)) (elem declare func $throws)
        (func $throws (param i32)
            (if (local.get 0) (then (return_call $throws (i32.sub (local.get 0) (i32.const 1)))))
            (throw $t (i32.const 1)))
        (func $direct (param i32)
            (block $h (result i32) (try_table (catch $t $h) (return_call $throws (local.get 0))) unreachable)
            drop)
        (func $table (param i32)
            (block $h (try_table (catch_all $h) (return_call_indirect (type $v) (local.get 0) (i32.const 0)))))
        (func $reference (param i32)
            try (return_call_ref $v (local.get 0) (ref.func $throws)) catch_all end)
        (func $host (param i32)
            (block $h (try_table (catch_all $h) (return_call $throw (local.get 0)))))
        (func $one (param i32 i32)
            (block (block (block (block (br_table 0 1 2 3 (local.get 0)))
                (return_call $direct (local.get 1))) (return_call $table (local.get 1)))
                (return_call $reference (local.get 1))) (return_call $host (local.get 1)))
        (func (export "run") (param i32) (result i32) (local i32)
            (loop $next
                (block $h (result i32)
                    (try_table (catch $t $h) (call $one (local.get 1) (local.get 0)))
                    unreachable)
                drop
                (br_if $next (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 4))))
            (local.get 1)))"#;
    assert_eq!(check(text, &[0, 1, 100_000]), ["[I32(4)]"; 3]);
}

#[test]
fn deep_recursions_unwind() {
    let text = r#"(module (tag $t (param i32)) (tag $never)
        (func $a (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 42))))
            (call $b (i32.sub (local.get 0) (i32.const 1))))
        (func $b (param i32) (result i32)
            (block $h (try_table (catch $never $h)
                (return (i32.add (call $c (local.get 0)) (i32.const 1)))))
            unreachable)
        (func $c (param i32) (result i32) (i32.add (call $a (local.get 0)) (i32.const 1)))
        (func (export "run") (param i32) (result i32)
            (block $h (result i32)
                (try_table (catch $t $h) (return (call $a (local.get 0))))
                unreachable)))"#;
    thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(|| assert_eq!(check(text, &[0, 1, 300]), ["[I32(42)]"; 3]))
        .expect("a thread")
        .join()
        .expect("no panic");
}

/// Throws by the thousand, each caught elsewhere, on a small stack: nothing stays there, and nothing in the heap.
#[test]
fn what_is_thrown_by_the_thousand_leaves_nothing() {
    let text = r#"(module
        (tag $t (param i64)) (global $sum (mut i64) (i64.const 0))
        (func $throws (param i32) (throw $t (i64.extend_i32_u (local.get 0))))
        (func $new (param i32)
            (block $h (result i64) (try_table (catch $t $h) (call $throws (local.get 0))) unreachable)
            (global.set $sum (i64.add (global.get $sum))))
        (func $old (param i32)
            try
                try (call $throws (local.get 0)) catch_all rethrow 0 end
            catch $t (global.set $sum (i64.add (global.get $sum))) end)
        (func $here (param i32)
            (block $h (result i64) (try_table (catch $t $h) (throw $t (i64.extend_i32_u (local.get 0)))) unreachable)
            (global.set $sum (i64.add (global.get $sum))))
        (func (export "run") (param i32) (result i64)
            (global.set $sum (i64.const 0))
            (loop $again
                (call $new (local.get 0)) (call $old (local.get 0)) (call $here (local.get 0))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (global.get $sum)))"#;
    let run = move || {
        let n = 3_000_u64;
        assert_eq!(check(text, &[n as i32]), [format!("[I64({})]", 3 * n * (n + 1) / 2)]);
    };
    let thread = thread::Builder::new().stack_size(512 << 10).spawn(run).expect("a thread");
    thread.join().expect("no panic");
}

#[test]
fn early_forms_catch_delegate_and_throw_again() {
    let text = r#"(module
        (import "host" "throw" (func $throw (param i32)))
        (tag $t (export "tag") (param i32)) (tag $u)
        (func $f (param i32)
            (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 10))))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $u)))
            (call $throw (i32.const 20)))
        (func $nested (param i32) (result i32)
            try $outer (result i32)
                (call $f (local.get 0)) (i32.const 0)
            catch $t
                try (param i32) (result i32)
                    (call $f (i32.const 1)) drop (i32.const 1)
                catch $u
                    try (result i32)
                        rethrow $outer
                    catch $t
                        i32.const 1 i32.add
                    end
                end
            catch_all
                i32.const 2
            end)
        (func $delegates (param i32) (result i32)
            try $l (result i32)
                try
                    try (call $f (local.get 0)) delegate $l
                catch_all unreachable end
                i32.const 3
            catch $t i32.const 1000 i32.add
            end)
        (func $out (param i32) (result i32)
            try (result i32)
                try (call $f (local.get 0)) delegate 1
                i32.const 4
            catch_all unreachable end)
        (func (export "run") (param i32) (result i32)
            try (result i32)
                (i32.add (call $nested (local.get 0)) (call $delegates (local.get 0)))
            catch $u (i32.const 5)
            end
            try (result i32)
                (call $out (local.get 0))
            catch $u (i32.const 50000)
            catch $t (i32.const 10000) i32.add
            end
            i32.add))"#;
    let outcomes = check(text, &[0, 1, 2]);
    assert_eq!(outcomes, ["[I32(11031)]", "[I32(50005)]", "[I32(11061)]"]);
}

#[test]
fn what_throws_to_its_own_start_can_be_stopped() {
    let text = r#"(module (tag $t)
        (func $throws (throw $t))
        (func (export "run")
            (loop $again (try_table (catch $t $again) (call $throws))))
        (func (export "here")
            (loop $again (try_table (catch_all $again) (throw $t)))))"#;
    for mut config in configs().take(5).chain(configs().last()) {
        for export in ["run", "here"] {
            let (mut store, instance) = start(&config, text);
            let run = instance.get_typed_func::<(), ()>(&mut store, export).expect("an export");
            let handle = store.interrupt_handle();
            let stops = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.interrupt();
            });
            let error = run.call(&mut store, ()).expect_err("a trap");
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{config:?}");
            stops.join().expect("no panic");
        }
        config.consume_fuel(true);
        for export in ["run", "here"] {
            let (mut store, instance) = start(&config, text);
            store.set_fuel(10_000).expect("it is counted");
            let run = instance.get_typed_func::<(), ()>(&mut store, export).expect("an export");
            let error = run.call(&mut store, ()).expect_err("a trap");
            assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel), "{config:?}");
        }
    }
}

#[test]
fn fuel_is_what_it_is_in_the_interpreter() {
    let text = r#"(module
        (import "host" "back" (func $back (param i32) (result i32)))
        (tag $t (export "tag") (param i32))
        (func $inner (export "inner") (param i32) (result i32) (throw $t (local.get 0)))
        (func $middle (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1)))
        (func (export "run") (param i32) (result i32)
            (block $h (result i32)
                (try_table (result i32) (catch $t $h) (call $middle (local.get 0))))
            (block $h (result i32)
                (try_table (result i32) (catch $t $h) (call $back (local.get 0))))
            i32.add
            try (result i32) (call $middle (local.get 0)) catch $t end
            i32.add))"#;
    let mut left = None;
    for mut config in configs() {
        config.consume_fuel(true);
        let (mut store, instance) = start(&config, text);
        store.set_fuel(1_000).expect("it is counted");
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        assert_eq!(run.call(&mut store, 5).expect("it is caught"), 15);
        let fuel = store.get_fuel().expect("it is counted");
        assert_eq!(*left.get_or_insert(fuel), fuel, "{config:?}");
    }
}

/// Frames of both tiers keep exceptions alive, whatever is collected when.
#[test]
fn exceptions_are_kept_by_frames() {
    let text = r#"(module (tag $t (param externref i32)) (tag $u) (type $box (struct (field exnref)))
        (func $throws (param externref)
            (throw $t (local.get 0) (i32.const 3)))
        (func $garbage (param i32)
            (loop $l (drop (struct.new $box (ref.null exn)))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "new") (param externref) (result externref i32)
            (local exnref (ref null $box))
            (block $h (result exnref)
                (try_table (catch_all_ref $h) (call $throws (local.get 0))) unreachable)
            (local.set 1)
            (call $garbage (i32.const 20))
            (local.set 2 (struct.new $box (local.get 1)))
            (local.set 1 (ref.null exn))
            (call $garbage (i32.const 20))
            (block $h (result externref i32)
                (try_table (catch $t $h) (throw_ref (struct.get $box 0 (local.get 2)))) unreachable))
        (func (export "old") (param externref) (result externref i32)
            try (result externref i32)
                try
                    (call $throws (local.get 0))
                catch_all
                    (call $garbage (i32.const 20))
                    try throw $u catch $u (call $garbage (i32.const 20)) rethrow 1 end
                end
                unreachable
            catch $t end))"#;
    for (mut config, zeal) in configs().flat_map(|config| [(config.clone(), false), (config, true)])
    {
        config.gc_zeal(zeal);
        let (mut store, instance) = start(&config, text);
        for export in ["new", "old"] {
            let value = dunlin::ExternRef::new(&mut store, 5_u8).expect("room");
            let func = instance.get_func(&mut store, export).expect("an export");
            let mut results = [Val::I32(0); 2];
            func.call(&mut store, &[value.into()], &mut results).expect("it is caught");
            let found = results[0].extern_ref().flatten().expect("a value");
            assert!(found.ref_eq(&store, &value).expect("this store"), "{export}");
            assert_eq!(results[1].i32(), Some(3));
        }
    }
}

#[test]
fn hosts_make_look_at_and_refuse_exceptions() {
    let engine = Engine::default();
    let (mut store, mut other) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let ty = FuncType::new([ValType::I32, ValType::V128, ValType::Ref(RefType::EXNREF)], []);
    let tag = Tag::new(&mut store, ty).expect("a tag's type");
    let payload = [Val::I32(1), Val::V128(V128::from_bits(5)), Val::ExnRef(None)];
    let first = ExnRef::new(&mut store, tag, &payload).expect("room");
    let chained = [payload[0], payload[1], first.into()];
    let second = ExnRef::new(&mut store, tag, &chained).expect("room");
    assert_eq!(second.tag(&store).expect("its tag"), tag);
    let found = second.payload(&store).expect("its values");
    let inner = found[2].exn_ref().flatten().expect("an exception");
    assert!(inner.ref_eq(&store, &first).expect("this store"));
    assert_eq!(found[1].v128(), Some(V128::from_bits(5)));
    let refused = |result: Result<ExnRef, Error>| result.expect_err("refused").kind();
    assert_eq!(refused(ExnRef::new(&mut store, tag, &payload[..2])), ErrorKind::Usage);
    let wrong = [Val::I64(1), payload[1], payload[2]];
    assert_eq!(refused(ExnRef::new(&mut store, tag, &wrong)), ErrorKind::Usage);
    assert_eq!(refused(ExnRef::new(&mut other, tag, &payload)), ErrorKind::Usage);
    assert!(second.payload(&other).is_err());
    // Of another store, it is an error like any other.
    let throws = Func::wrap(&mut other, move || -> Result<(), Error> { Err(second.into()) });
    let error = throws.typed::<(), ()>(&other).expect("its type").call(&mut other, ());
    assert_eq!(error.expect_err("it fails").kind(), ErrorKind::Exception);
    let ended = store.scope(|store| ExnRef::new(&mut *store, tag, &payload).expect("room"));
    assert!(ended.tag(&store).is_err());
}
