//! Objects in every tier, while a store collects at every allocation: references that stand in locals, on the
//! operand stack, in arguments, results and spills, across calls of every kind.
#![cfg(feature = "optimize")]

use dunlin::{
    ArtifactKey, Caller, Config, Engine, Error, ErrorKind, Instance, Linker, Module, Store, Tier,
    TrapCode,
};

/// Choices of functions that are compiled, by the bits of their indices.
const CHOICES: u64 = 32;

/// The tiers that a case runs on: the interpreter, compiled code, and mixtures of both.
fn configs() -> impl Iterator<Item = Config> {
    let tier = |tier| {
        let mut config = Config::new();
        config.tier(tier).gc_zeal(true);
        config
    };
    let compilers = [Tier::Optimize, Tier::Baseline];
    let mixed = compilers.into_iter().flat_map(move |of| {
        (0..CHOICES).map(move |compiled| {
            let mut config = tier(of);
            config.mix_tiers(compiled | compiled << 5 | compiled << 10);
            config
        })
    });
    [Tier::Interp, Tier::Optimize, Tier::Baseline].map(tier).into_iter().chain(mixed)
}

/// A store with an instance of `text`, which may import `gc`, a collection by the host, and `back`, which
/// calls the export `inner` with a number that is not zero, and collects before and behind.
fn start(config: &Config, text: &str) -> (Store<()>, Instance) {
    let engine = Engine::new(config).expect("a tier of this machine");
    let module = Module::new(&engine, text).expect("a valid module");
    start_module(&engine, &module)
}

fn start_module(engine: &Engine, module: &Module) -> (Store<()>, Instance) {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "gc", |mut caller: Caller<'_, ()>| caller.gc()).expect("a new name");
    let back = |mut caller: Caller<'_, ()>, n: i32| -> Result<i32, Error> {
        caller.gc();
        let inner = caller.get_export("inner").and_then(dunlin::Extern::into_func);
        let Some(inner) = inner.filter(|_| n != 0) else { return Ok(0) };
        let found = inner.typed::<i32, i32>(&caller)?.call(&mut caller, n)?;
        caller.gc();
        Ok(found)
    };
    linker.func_wrap("host", "back", back).expect("a new name");
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, module).expect("an instance");
    (store, instance)
}

fn run(config: &Config, text: &str, argument: i32) -> Result<i32, Error> {
    let (mut store, instance) = start(config, text);
    let func = instance.get_func(&mut store, "run").expect("an export");
    func.typed::<i32, i32>(&store)?.call(&mut store, argument)
}

/// Runs `run` of a module everywhere.
fn check(text: &str, argument: i32, expected: i32) {
    for (index, config) in configs().enumerate() {
        let found = run(&config, text, argument);
        assert_eq!(found.expect("no trap"), expected, "choice {index}");
    }
}

/// Numbers in boxes: what is lost or moved unnoticed is another number, or none.
const BOXES: &str = r#"
    (type $box (struct (field $n (mut i32)) (field $next (mut (ref null $box)))))
    (import "host" "gc" (func $gc))
    (import "host" "back" (func $back (param i32) (result i32)))
    (func $box (param i32) (result (ref $box)) (struct.new $box (local.get 0) (ref.null $box)))
    (func $of (param (ref null $box)) (result i32) (struct.get $box $n (local.get 0)))
"#;

#[test]
fn references_in_locals_and_operands_outlive_collections() {
    let text = format!(
        r#"(module {BOXES}
            (func (export "run") (param $n i32) (result i32) (local $a (ref null $box)) (local $b eqref)
                (local.set $a (call $box (local.get $n)))
                (local.set $b (call $box (i32.const 10)))
                (call $box (i32.const 100))
                (call $box (i32.const 1000))
                (call $gc)
                (drop (call $box (i32.const 5)))
                (local.set $n (call $of))
                (i32.mul (call $of) (i32.const 7))
                (i32.add (local.get $n))
                (call $of (local.get $a))
                (i32.add)
                (call $of (ref.cast (ref $box) (local.get $b)))
                (i32.add)))"#
    );
    check(&text, 3, 1000 + 700 + 3 + 10);
}

#[test]
fn more_references_than_registers_are_spilled() {
    let locals: String = (0..40).map(|i| format!("(local $l{i} (ref null $box))")).collect();
    let set = |i| format!("(local.set $l{i} (call $box (i32.add (local.get $n) (i32.const {i}))))");
    let sets: String = (0..40).map(set).collect();
    let sum: String = (0..40).map(|i| format!("(call $of (local.get $l{i})) (i32.add)")).collect();
    let text = format!(
        r#"(module {BOXES} (func (export "run") (param $n i32) (result i32) {locals} {sets}
            (call $gc) (i32.const 0) {sum}))"#
    );
    check(&text, 1, (1..=40).sum());
}

#[test]
fn references_go_round_loops_and_through_selects_and_branches() {
    let text = format!(
        r#"(module {BOXES}
            (func (export "run") (param $n i32) (result i32)
                (local $list (ref null $box)) (local $sum i32) (local $new (ref null $box))
                (loop $more
                    (local.set $new (struct.new $box (local.get $n) (local.get $list)))
                    (local.set $list
                        (select (result (ref null $box)) (local.get $new) (local.get $list)
                            (i32.and (local.get $n) (i32.const 1))))
                    (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (block $end
                    (loop $next
                        (local.set $list
                            (block $some (result (ref $box))
                                (br_on_non_null $some (local.get $list))
                                (br $end)))
                        (call $gc)
                        (local.set $sum (i32.add (local.get $sum) (call $of (local.get $list))))
                        (local.set $list (struct.get $box $next (local.get $list)))
                        (br $next)))
                (local.get $sum)))"#
    );
    check(&text, 9, 1 + 3 + 5 + 7 + 9);
}

#[test]
fn references_travel_as_arguments_and_results_of_many_kinds_of_calls() {
    let text = format!(
        r#"(module {BOXES}
            (type $f (func (param (ref $box) i64 f64 (ref $box)) (result (ref $box) f32 (ref $box))))
            (table $t (export "t") funcref (elem $swap))
            (elem declare func $swap)
            (func $swap (type $f)
                (call $gc) (drop (call $box (i32.const 9)))
                (local.get 3) (f32.const 2) (local.get 0))
            (func $digits (param (ref $box) f32 (ref $box)) (result i32)
                (i32.add (i32.mul (call $of (local.get 0)) (i32.const 10)) (call $of (local.get 2))))
            (func $many (param (ref $box) (ref $box) (ref $box) (ref $box) (ref $box) (ref $box) (ref $box)
                    (ref $box) (ref $box)) (result i32)
                (call $gc)
                (i32.add (call $of (local.get 0))
                    (i32.add (call $of (local.get 7)) (call $of (local.get 8)))))
            (func (export "run") (param $n i32) (result i32)
                (call $digits (call $swap
                    (call $box (i32.const 1)) (i64.const 0) (f64.const 0) (call $box (i32.const 2))))
                (call $digits (call_indirect $t (type $f)
                    (call $box (i32.const 3)) (i64.const 0) (f64.const 0) (call $box (i32.const 4))
                    (i32.const 0)))
                (call $digits (call_ref $f
                    (call $box (i32.const 5)) (i64.const 0) (f64.const 0) (call $box (local.get $n))
                    (ref.func $swap)))
                (call $many (call $box (i32.const 100)) (call $box (i32.const 1)) (call $box (i32.const 1))
                    (call $box (i32.const 1)) (call $box (i32.const 1)) (call $box (i32.const 1))
                    (call $box (i32.const 1)) (call $box (i32.const 200)) (call $box (i32.const 300)))
                (i32.add) (i32.add) (i32.add)))"#
    );
    check(&text, 6, 21 + 43 + 65 + 600);
}

#[test]
fn references_live_through_calls_in_tail_position() {
    let text = format!(
        r#"(module {BOXES}
            (type $walk (func (param i32 (ref $box) (ref $box)) (result i32)))
            (elem declare func $odd $even)
            (func $even (type $walk)
                (if (i32.eqz (local.get 0)) (then (return (call $of (local.get 1)))))
                (call $gc)
                (return_call $odd (i32.sub (local.get 0) (i32.const 1)) (local.get 2)
                    (call $box (i32.add (call $of (local.get 1)) (i32.const 1)))))
            (func $odd (type $walk)
                (if (i32.eqz (local.get 0)) (then (return (call $of (local.get 1)))))
                (drop (call $box (i32.const -1)))
                (return_call_ref $walk (i32.sub (local.get 0) (i32.const 1)) (local.get 2)
                    (call $box (i32.add (call $of (local.get 1)) (i32.const 1))) (ref.func $even)))
            (func (export "run") (param $n i32) (result i32) (local $kept (ref null $box))
                (local.set $kept (call $box (i32.const 1000)))
                (call $even (local.get $n) (call $box (i32.const 0)) (call $box (i32.const 0)))
                (i32.add (call $of (local.get $kept)))))"#
    );
    check(&text, 100, 1000 + 50);
}

/// What an exception carries is moved while it travels, and after it has been caught; what lives in frames that
/// catch, is read again there.
#[test]
fn exceptions_carry_references_past_collections() {
    let text = format!(
        r#"(module {BOXES}
            (tag $t (param (ref $box) i64 (ref $box)))
            (func $throw (param $n i32) (local $mine (ref null $box))
                (local.set $mine (call $box (local.get $n)))
                (call $gc)
                (throw $t (ref.as_non_null (local.get $mine)) (i64.const 1) (call $box (i32.const 20))))
            (func (export "run") (param $n i32) (result i32)
                (local $mine (ref null $box)) (local $a (ref null $box)) (local $b (ref null $box))
                (local $e exnref)
                (local.set $mine (call $box (i32.const 300)))
                (block $caught (result (ref $box) i64 (ref $box) exnref)
                    (try_table (catch_ref $t $caught) (call $throw (local.get $n)))
                    (unreachable))
                (local.set $e) (local.set $b) (drop) (local.set $a)
                (call $gc)
                (drop (call $box (i32.const 4)))
                (call $of (local.get $a)) (call $of (local.get $b)) (call $of (local.get $mine))
                (i32.add) (i32.add)
                (block $again (result (ref $box) i64 (ref $box))
                    (try_table (catch $t $again) (call $gc) (throw_ref (local.get $e)))
                    (unreachable))
                (local.set $b) (drop) (drop)
                (i32.add (i32.mul (call $of (local.get $b)) (i32.const 1000)))))"#
    );
    check(&text, 1, 321 + 20_000);
}

/// Guest, host, guest, host …: every stretch of compiled code between has references of its own.
#[test]
fn hosts_that_call_back_collect_for_all_guests_around_them() {
    let text = format!(
        r#"(module {BOXES}
            (func $down (export "inner") (param $n i32) (result i32)
                (local $mine (ref null $box)) (local $found i32)
                (local.set $mine (call $box (local.get $n)))
                (call $box (i32.mul (local.get $n) (i32.const 100)))
                (local.set $found (call $back (i32.sub (local.get $n) (i32.const 1))))
                (call $of)
                (i32.add (call $of (local.get $mine)))
                (i32.add (local.get $found)))
            (func (export "run") (param $n i32) (result i32) (local $mine (ref null $box))
                (local.set $mine (call $box (i32.const 7)))
                (call $down (local.get $n))
                (i32.add (call $of (local.get $mine)))))"#
    );
    check(&text, 8, (1..=8).map(|n| n * 101).sum::<i32>() + 7);
}

#[test]
fn deep_recursion_keeps_a_reference_in_each_frame() {
    let text = format!(
        r#"(module {BOXES}
            (func $down (param $n i32) (param $outer (ref $box)) (result i32)
                (local $mine (ref null $box))
                (if (i32.eqz (local.get $n)) (then (call $gc) (return (call $of (local.get $outer)))))
                (local.set $mine (call $box (local.get $n)))
                (call $down (i32.sub (local.get $n) (i32.const 1)) (ref.as_non_null (local.get $mine)))
                (i32.add (i32.sub (call $of (local.get $mine)) (call $of (local.get $outer)))))
            (func (export "run") (param $n i32) (result i32)
                (call $down (local.get $n) (call $box (local.get $n)))))"#
    );
    // At the bottom 1; on the way back each frame adds what its box lacks of the one outside.
    check(&text, 300, 1 - 299);
}

#[test]
fn traps_and_fuel_end_guests_with_references_and_leave_the_store_whole() {
    let text = format!(
        r#"(module {BOXES}
            (global $kept (mut (ref null $box)) (ref.null $box))
            (func $fail (param $n i32) (result i32)
                (drop (call $box (i32.const 1)))
                (i32.div_s (i32.const 84) (local.get $n)))
            (func (export "run") (param $n i32) (result i32) (local $a (ref null $box))
                (if (ref.is_null (global.get $kept)) (then (global.set $kept (call $box (i32.const 0)))))
                (local.set $a (call $box (i32.const 5)))
                (struct.set $box $n (global.get $kept)
                    (i32.add (call $of (global.get $kept)) (i32.const 1)))
                (struct.set $box $next (global.get $kept) (local.get $a))
                (call $fail (local.get $n))
                (i32.add (call $of (struct.get $box $next (global.get $kept))))
                (i32.add (i32.mul (call $of (global.get $kept)) (i32.const 1000)))))"#
    );
    for mut config in configs() {
        config.consume_fuel(true);
        let (mut store, instance) = start(&config, &text);
        let func = instance.get_func(&mut store, "run").expect("an export");
        let func = func.typed::<i32, i32>(&store).expect("its type");
        store.set_fuel(1_000_000).expect("fuel is counted");
        let trap = func.call(&mut store, 0).expect_err("a division by zero");
        assert_eq!(trap.trap_code(), Some(TrapCode::IntegerDivisionByZero));
        store.gc();
        assert_eq!(func.call(&mut store, 2).expect("no trap"), 2000 + 5 + 42);
        store.set_fuel(12).expect("fuel is counted");
        let trap = func.call(&mut store, 2).expect_err("too little fuel");
        assert_eq!(trap.trap_code(), Some(TrapCode::OutOfFuel));
        store.set_fuel(1_000_000).expect("fuel is counted");
        let again = func.call(&mut store, 2).expect("no trap");
        assert!(again == 3000 + 47 || again == 4000 + 47, "{again}");
    }
}

/// What costs fuel costs the same in every tier.
#[test]
fn objects_cost_the_same_fuel_everywhere() {
    let text = r#"(module
        (type $ints (array (mut i32)))
        (data $d "0123456789abcdef")
        (func (export "run") (param $n i32) (result i32) (local $a (ref null $ints))
            (local.set $a (array.new $ints (i32.const 3) (i32.mul (local.get $n) (i32.const 100))))
            (drop (array.new_default $ints (i32.mul (local.get $n) (i32.const 777))))
            (drop (array.new_data $ints $d (i32.const 0) (local.get $n)))
            (array.fill $ints (local.get $a) (i32.const 1) (i32.const 2) (i32.const 299))
            (array.copy $ints $ints (local.get $a) (i32.const 100) (local.get $a) (i32.const 0) (i32.const 200))
            (array.init_data $ints $d (local.get $a) (i32.const 0) (i32.const 4) (i32.const 2))
            (drop (ref.i31 (local.get $n)))
            (drop (array.new_fixed $ints 3 (i32.const 1) (i32.const 2) (i32.const 3)))
            (drop (ref.test (ref $ints) (local.get $a)))
            (i32.add (array.get $ints (local.get $a) (i32.const 100)) (array.len (local.get $a)))))"#;
    let mut costs = Vec::new();
    for mut config in configs().take(2) {
        config.consume_fuel(true);
        let (mut store, instance) = start(&config, text);
        store.set_fuel(1_000_000).expect("fuel is counted");
        let func = instance.get_func(&mut store, "run").expect("an export");
        let func = func.typed::<i32, i32>(&store).expect("its type");
        assert_eq!(func.call(&mut store, 3).expect("no trap"), 303);
        costs.push(1_000_000 - store.get_fuel().expect("fuel is counted"));
    }
    assert_eq!(costs[0], costs[1]);
}

/// Where frames hold references is written to artifacts, and read from them.
#[test]
fn artifacts_know_where_references_are() {
    let text = format!(
        r#"(module {BOXES}
            (func (export "run") (param $n i32) (result i32) (local $a (ref null $box))
                (local.set $a (call $box (local.get $n)))
                (call $gc)
                (drop (call $box (i32.const 1)))
                (call $of (local.get $a))))"#
    );
    let mut config = Config::new();
    config
        .tier(Tier::Optimize)
        .gc_zeal(true)
        .artifact_key(ArtifactKey::from_secret(b"a secret of this test"));
    let engine = Engine::new(&config).expect("a tier of this machine");
    let made = Module::new(&engine, &text).expect("a valid module").serialize().expect("code");
    let module = Module::deserialize(&engine, &made).expect("ours");
    let (mut store, instance) = start_module(&engine, &module);
    let func = instance.get_func(&mut store, "run").expect("an export");
    let func = func.typed::<i32, i32>(&store).expect("its type");
    assert_eq!(func.call(&mut store, 41).expect("no trap"), 41);
    assert!(store.heap_stats().major_collections > 0);
}

/// Null and what an array does not have are noticed by faults: of the right kind, and at any offset.
#[test]
fn null_and_bounds_trap_as_what_they_are() {
    let fields = "(field i64) ".repeat(600);
    let text = format!(
        r#"(module
            (type $s (struct (field (mut i32)))) (type $far (struct {fields} (field $last (mut i64))))
            (type $a (array (mut i64)))
            (func (export "run") (param $what i32) (result i32)
                (block $6 (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
                    (br_table $0 $1 $2 $3 $4 $5 $6 (local.get $what)))
                    (return (struct.get $s 0 (ref.null $s))))
                    (struct.set $far $last (ref.null $far) (i64.const 1)) (return (i32.const 0)))
                    (return (array.len (ref.null $a))))
                    (return (i32.wrap_i64 (array.get $a (array.new_default $a (i32.const 4)) (i32.const 4)))))
                    (array.set $a (array.new_default $a (i32.const 0)) (i32.const -1) (i64.const 1))
                    (return (i32.const 0)))
                    (drop (ref.cast (ref $s) (ref.null $s))) (return (i32.const 0)))
                (drop (ref.cast (ref $a) (struct.new_default $s))) (i32.const 0)))"#
    );
    // The last cast is between types that are not related: by way of `eqref`.
    let text = text.replace("(struct.new_default $s)) (i32.const 0)", "(select (result eqref) (struct.new_default $s) (ref.null eq) (i32.const 1))) (i32.const 0)");
    let codes = [
        TrapCode::NullStructureReference,
        TrapCode::NullStructureReference,
        TrapCode::NullArrayReference,
        TrapCode::ArrayOutOfBounds,
        TrapCode::ArrayOutOfBounds,
        TrapCode::CastFailure,
        TrapCode::CastFailure,
    ];
    for config in configs().take(4) {
        for (what, code) in (0..).zip(codes) {
            let trap = run(&config, &text, what).expect_err("a trap");
            assert_eq!(trap.trap_code(), Some(code), "case {what}");
        }
    }
}

#[test]
fn an_engine_keeps_no_more_types_than_it_may() {
    let engine = Engine::new(Config::new().max_types(8)).expect("an engine");
    let module = |fields: usize| {
        let field = "(field i32)".repeat(fields);
        Module::new(&engine, format!("(module (type (struct {field})))"))
    };
    let mut kept = Vec::new();
    let refused = (0..20).map(module).find_map(|made| made.map(|made| kept.push(made)).err());
    let refused = refused.expect("an end");
    assert_eq!(refused.kind(), ErrorKind::Resource, "{refused}");
    assert!(refused.to_string().contains("8 types"), "{refused}");
    Module::new(&engine, "(module)").expect("a module without types");
    kept.pop();
    module(100).expect("room again");
}
