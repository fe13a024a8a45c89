//! Functions with the operators of each proposal are compiled: what is refused runs elsewhere, and no other test
//! would notice. Their code is verified, with all settings.

mod support;

use dunlin_baseline::Baseline;
use dunlin_module::{Compiler, Scratch, Settings, StaticTables, Unit};

/// Compiles all functions of a module.
fn assert_compiles(text: &str) {
    let module = support::module(text);
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
    support::assert_fine(&module);
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

#[test]
fn structures_are_compiled() {
    assert_compiles(
        r#"(module
            (type $s (struct (field (mut i8)) (field (mut i16)) (field (mut i32)) (field (mut i64))
                (field (mut f32)) (field (mut f64)) (field (mut v128)) (field (mut (ref null $s)))))
            (type $far (struct (field v128)))
            (func (param i64 f32 f64 v128 (ref null $s)) (result (ref $s))
                (struct.new $s (i32.const 1) (i32.const 2) (i32.const 3) (local.get 0) (local.get 1)
                    (local.get 2) (local.get 3) (local.get 4)))
            (func (result (ref $s)) (struct.new_default $s))
            (func (param (ref null $s)) (result i32 i32 i32 i32 i32 i64 f32 f64 v128 (ref null $s))
                (struct.get_s $s 0 (local.get 0)) (struct.get_u $s 0 (local.get 0))
                (struct.get_s $s 1 (local.get 0)) (struct.get_u $s 1 (local.get 0))
                (struct.get $s 2 (local.get 0)) (struct.get $s 3 (local.get 0))
                (struct.get $s 4 (local.get 0)) (struct.get $s 5 (local.get 0))
                (struct.get $s 6 (local.get 0)) (struct.get $s 7 (local.get 0)))
            (func (param (ref null $s) v128)
                (struct.set $s 0 (local.get 0) (i32.const 1)) (struct.set $s 1 (local.get 0) (i32.const 1))
                (struct.set $s 2 (local.get 0) (i32.const 1)) (struct.set $s 3 (local.get 0) (i64.const 1))
                (struct.set $s 4 (local.get 0) (f32.const 1)) (struct.set $s 5 (local.get 0) (f64.const 1))
                (struct.set $s 6 (local.get 0) (local.get 1)) (struct.set $s 7 (local.get 0) (local.get 0))))"#,
    );
}

#[test]
fn arrays_are_compiled() {
    assert_compiles(
        r#"(module
            (type $b (array (mut i8))) (type $h (array (mut i16))) (type $v (array (mut v128)))
            (type $r (array (mut anyref))) (type $l (array (mut i64)))
            (data $d "abcd") (elem $e anyref (ref.null any))
            (func (param i32 v128) (result (ref $b) (ref $v) (ref $l) (ref $r) (ref $b) (ref $r))
                (array.new $b (i32.const 1) (local.get 0)) (array.new $v (local.get 1) (local.get 0))
                (array.new_default $l (local.get 0))
                (array.new_fixed $r 2 (ref.i31 (local.get 0)) (ref.null any))
                (array.new_data $b $d (i32.const 0) (i32.const 4))
                (array.new_elem $r $e (i32.const 0) (i32.const 1)))
            (func (param (ref null $b) (ref null $h) (ref null $v) (ref null $r) i32)
                (result i32 i32 i32 i32 v128 anyref i32)
                (array.get_s $b (local.get 0) (local.get 4)) (array.get_u $b (local.get 0) (i32.const 1))
                (array.get_s $h (local.get 1) (local.get 4)) (array.get_u $h (local.get 1) (local.get 4))
                (array.get $v (local.get 2) (local.get 4)) (array.get $r (local.get 3) (local.get 4))
                (array.len (local.get 0)))
            (func (param (ref null $b) (ref null $v) (ref null $r) i32 v128)
                (array.set $b (local.get 0) (local.get 3) (local.get 3))
                (array.set $v (local.get 1) (local.get 3) (local.get 4))
                (array.set $r (local.get 2) (local.get 3) (local.get 2))
                (array.fill $v (local.get 1) (i32.const 0) (local.get 4) (i32.const 2))
                (array.copy $b $b (local.get 0) (i32.const 0) (local.get 0) (i32.const 1) (i32.const 2))
                (array.init_data $b $d (local.get 0) (i32.const 0) (i32.const 0) (i32.const 2))
                (array.init_elem $r $e (local.get 2) (i32.const 0) (i32.const 0) (i32.const 1))))"#,
    );
}

#[test]
fn casts_are_compiled() {
    let targets = ["any", "none", "i31", "eq", "struct", "array", "$open", "$final", "$deep"];
    let test = |target: &&str| {
        format!(
            "(drop (ref.test (ref {target}) (local.get 0))) (drop (ref.test (ref null {target}) (local.get 0)))
             (drop (ref.cast (ref {target}) (local.get 0))) (drop (ref.cast (ref null {target}) (local.get 0)))
             (drop (block (result anyref) (br_on_cast 0 anyref (ref {target}) (local.get 0))))
             (drop (block (result anyref) (br_on_cast_fail 0 anyref (ref null {target}) (local.get 0))))"
        )
    };
    let tests: String = targets.iter().map(test).collect();
    let chain: String =
        (0..9).map(|at| format!("(type $t{} (sub $t{at} (struct)))", at + 1)).collect();
    let chain = chain.replace("$t9", "$deep");
    assert_compiles(&format!(
        r#"(module
            (type $open (sub (struct))) (type $final (struct (field i32)))
            (type $t0 (sub (struct))) {chain}
            (type $f (func)) (elem declare func $test)
            (func $test (type $f))
            (func (param anyref) {tests})
            (func (param funcref externref eqref) (result i32 i32 i32 i32 i32 externref anyref)
                (ref.test (ref $f) (local.get 0)) (ref.test (ref nofunc) (local.get 0))
                (ref.test (ref extern) (local.get 1)) (ref.eq (local.get 2) (local.get 2))
                (i32.add (i31.get_s (ref.i31 (i32.const 1))) (i31.get_u (ref.i31 (i32.const 1))))
                (extern.convert_any (local.get 2)) (any.convert_extern (local.get 1)))
            (func (param (ref null $f) funcref) (result (ref null $f))
                (block (drop (br_on_null 0 (local.get 0))))
                (ref.cast (ref $f) (local.get 1)))
            (func (param (ref null $f)) (result (ref $f))
                (br_on_non_null 0 (local.get 0)) (ref.as_non_null (local.get 0))))"#
    ));
}

#[test]
fn exceptions_are_compiled() {
    assert_compiles(
        r#"(module
            (type $f (func (param i32)))
            (import "a" "f" (func $f (type $f)))
            (tag $none) (tag $many (param i32 i64 f32 f64 v128 externref))
            (table 1 funcref)
            (func (param i32 v128 externref)
                (throw $many (local.get 0) (i64.const 1) (f32.const 1) (f64.const 1) (local.get 1)
                    (local.get 2)))
            (func (param exnref) (throw_ref (local.get 0)))
            (func (param $n i32) (param funcref) (result i32 i64 f32 f64 v128 externref)
                (local $sum i64) (local $float f64)
                (block $ref (result exnref)
                    (block $all
                        (block $both (result i32 i64 f32 f64 v128 externref exnref)
                            (block $one (result i32 i64 f32 f64 v128 externref)
                                (try_table (catch $many $one) (catch_ref $many $both)
                                        (catch_ref $none $ref) (catch_all $all)
                                    (loop $again
                                        (local.set $sum (i64.add (local.get $sum) (i64.const 1)))
                                        (local.set $float (f64.add (local.get $float) (f64.const 1)))
                                        (call $f (local.get $n))
                                        (call_indirect (type $f) (local.get $n) (i32.const 0))
                                        (call_ref $f (local.get $n) (ref.cast (ref $f) (local.get 1)))
                                        (br_if $again (local.get $n)))
                                    (throw $none))
                                unreachable)
                            return)
                        (throw_ref))
                    (try_table (catch_all_ref $ref) (throw $none)) unreachable)
                throw_ref))"#,
    );
}

#[test]
fn early_exceptions_are_compiled() {
    assert_compiles(
        r#"(module
            (import "a" "f" (func $f (param i32)))
            (tag $none) (tag $many (param i32 i64))
            (func (param i32) (result i32 i64)
                try $outer (result i32 i64)
                    try (result i32 i64)
                        local.get 0 call $f
                        i32.const 1 i64.const 2 throw $many
                    delegate $outer
                catch $many
                catch $none
                    try rethrow $outer catch_all rethrow $outer end
                    unreachable
                catch_all
                    i32.const 1 i64.const 1
                end
                try i32.const 1 call $f delegate 0
                try throw $none end)
            (func (result i32)
                i32.const 1 return
                try catch $none catch_all end try delegate 0 try_table end))"#,
    );
}

/// The types and widths of atomic accesses, and what narrow ones end in.
const ATOMICS: [(&str, &str, &str); 7] = [
    ("i32", "", ""),
    ("i32", "8", "_u"),
    ("i32", "16", "_u"),
    ("i64", "", ""),
    ("i64", "8", "_u"),
    ("i64", "16", "_u"),
    ("i64", "32", "_u"),
];

#[test]
fn atomics_are_compiled() {
    for memory in ["1 1 shared", "i64 1 1 shared", "1"] {
        let address = if memory.starts_with("i64") { "i64" } else { "i32" };
        let mut body = String::from("atomic.fence ");
        for (ty, width, sign) in ATOMICS {
            let at = "(local.get 0)";
            let value = format!("({ty}.const 1)");
            body += &format!("(drop ({ty}.atomic.load{width}{sign} offset=8 {at}))");
            body += &format!("({ty}.atomic.store{width} {at} {value})");
            for op in ["add", "sub", "and", "or", "xor", "xchg"] {
                body += &format!("(drop ({ty}.atomic.rmw{width}.{op}{sign} {at} {value}))");
            }
            let compare = format!("{ty}.atomic.rmw{width}.cmpxchg{sign}");
            body += &format!("(drop ({compare} offset=65536 {at} {value} ({ty}.const 2)))");
        }
        body += "(drop (memory.atomic.notify offset=4 (local.get 0) (i32.const 1)))
            (drop (memory.atomic.wait32 (local.get 0) (i32.const 1) (i64.const 1)))
            (drop (memory.atomic.wait64 (local.get 0) (i64.const 1) (i64.const 1)))";
        assert_compiles(&format!("(module (memory {memory}) (func (param {address}) {body}))"));
    }
}

#[test]
fn wide_arithmetic_is_compiled() {
    assert_compiles(
        "(module (func (param i64 i64 i64 i64) (result i64 i64 i64 i64 i64 i64 i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))
            (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))
            (i64.mul_wide_s (local.get 0) (local.get 1))
            (i64.mul_wide_u (local.get 2) (i64.const -1))))",
    );
}
