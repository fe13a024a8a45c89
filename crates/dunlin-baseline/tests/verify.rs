//! What the baseline tier emits is decoded, and nothing in it is more than a verifier knows to be fine.
//!
//! Most operators are verified where they are compiled, in `operators.rs` and `vectors.rs`.

mod support;

use dunlin_module::{Features, Module, StaticTables};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Checked, assert_fine, module};

macro_rules! rows {
    ($($code:literal $name:ident $text:literal $word:ident ($($param:ident),*) -> $result:ident
        $($note:ident $($number:literal)?)*;
    )*) => {
        vec![$(($text, vec![$(stringify!($param)),*], stringify!($result))),*]
    };
}

/// A function for each operator on numbers. Results of 32 bits are addresses: so their upper halves are zeros.
fn numeric(memory: &str) -> String {
    let mut all = dunlin_core::for_each_numeric_operator!(rows);
    all.extend(dunlin_core::for_each_saturating_operator!(rows));
    let function = |(text, params, result): &(&str, Vec<&str>, &str)| {
        let types = params.join(" ");
        // From locals, from slots, and of constants.
        let sources = [
            (0..params.len()).map(|at| format!("(local.get {at})")).collect::<String>(),
            params.iter().map(|ty| format!("({ty}.load (i32.const 8))")).collect(),
            params.iter().map(|ty| format!("({ty}.const 3)")).collect(),
        ];
        let uses: String = sources
            .iter()
            .map(|source| match *result {
                "i32" => format!("(drop (i32.load8_u offset=7 ({text} {source})))"),
                _ => format!("(drop ({text} {source}))"),
            })
            .collect();
        format!("(func (param {types}) {uses})")
    };
    let functions: String = all.iter().map(function).collect();
    format!("(module (memory {memory}) {functions})")
}

#[test]
fn every_operator_on_numbers_is_fine() {
    assert_fine(&module(&numeric("1")));
}

#[test]
fn accesses_of_every_width_are_fine() {
    let mut loads = dunlin_core::for_each_load_operator!(rows);
    let stores = dunlin_core::for_each_store_operator!(rows);
    loads.retain(|(text, ..)| text.contains("load"));
    let mut body = String::new();
    for offset in ["0", "4000", "4096", "2147483647", "2147483648", "4294967295"] {
        for memory in ["", "$other "] {
            for address in ["(local.get 0)", "(i32.const 16)", "(i32.const -1)"] {
                for (text, ..) in &loads {
                    body += &format!("(drop ({text} {memory}offset={offset} {address}))");
                }
                for (text, params, _) in &stores {
                    let value = format!("({}.const 0x12345678)", params[0]);
                    body += &format!("({text} {memory}offset={offset} {address} {value})");
                }
            }
        }
    }
    for memory in ["1", "1 2 shared", "65536 (pagesize 1)"] {
        assert_fine(&module(&format!(
            "(module (memory {memory}) (memory $other 1) (func (param i32) {body}))"
        )));
    }
    let body = body.replace("i32.const -1", "i64.const -1").replace("i32.const 16", "i64.const 16");
    let far = "(drop (i32.load offset=0xffffffffffffffff (local.get 0)))";
    assert_fine(&module(&format!(
        "(module (memory i64 1) (memory $other i64 1) (func (param i64) {body} {far}))"
    )));
}

/// Types of functions that use every kind of place for arguments and results.
const TYPES: &str = "
    (type $few (func (param i32 i64) (result i32)))
    (type $many (func (param i32 i64 i32 i64 f32 v128 i32 i32 i32 i64 v128) (result i64)))
    (type $results (func (param i64) (result i32 i64 f32 v128 i32 i32 i32 i32 i32 i32 i32 i32)))";

/// Two more, which have types below them or are below others; and the same without.
const OPEN: &str = "
    (type $open (sub (func (param i32) (result i32))))
    (type $t0 (sub (func))) (type $t1 (sub $t0 (func))) (type $t2 (sub $t1 (func))) (type $t3 (sub $t2 (func)))
    (type $t4 (sub $t3 (func))) (type $t5 (sub $t4 (func))) (type $t6 (sub $t5 (func))) (type $t7 (sub $t6 (func)))
    (type $t8 (sub $t7 (func))) (type $t9 (sub $t8 (func)))";
const FINAL: &str = "(type $open (func (param i32) (result i32))) (type $t8 (func))";

/// Operators that give the arguments of each of these types, and drop their results.
const ARGUMENTS: [(&str, &str, usize); 5] = [
    ("$few", "(i32.load (local.get 0)) (i64.const 1)", 1),
    (
        "$many",
        "(local.get 0) (i64.const 1) (local.get 0) (i64.const 2) (f32.const 1) (v128.const i64x2 1 2) (local.get 0)
            (i32.const 1) (local.get 0) (i64.load (local.get 0)) (v128.const i64x2 3 4)",
        1,
    ),
    ("$results", "(i64.const 7)", 12),
    ("$open", "(local.get 0)", 1),
    ("$t8", "", 0),
];

/// A module that calls functions of all those types in every way.
fn calls(types: &str, tables: &str) -> String {
    let (mut functions, mut calls) = (String::new(), String::new());
    for (at, (ty, arguments, results)) in ARGUMENTS.iter().enumerate() {
        let drops = "drop ".repeat(*results);
        let name = ty.trim_start_matches('$');
        functions += &format!("(func ${name} (type {ty}) unreachable)");
        for call in [
            format!("(call ${name} {arguments})"),
            format!("(call $imported{at} {arguments})"),
            format!("(call_indirect $t (type {ty}) {arguments} (i32.load (local.get 0)))"),
            format!("(call_indirect $u (type {ty}) {arguments} (local.get 0))"),
            format!("(call_ref {ty} {arguments} (ref.func ${name}))"),
            format!(
                "(call_ref {ty} {arguments} (ref.cast (ref {ty}) (table.get $t (local.get 0))))"
            ),
        ] {
            calls += &format!("{call} {drops}");
        }
        let tail = |call: &str| {
            let params = "(param i32)";
            let more = "(param f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64)";
            let result = format!("(return_{call} unreachable)");
            let results = ["(result i32)", "(result i64)", "", "(result i32)", ""][at];
            if *ty == "$results" {
                return String::new();
            }
            format!("(func {params} {results} {result}) (func {params} {more} {results} {result})")
                .replace(" unreachable)", ")")
        };
        functions += &tail(&format!("call ${name} {arguments}"));
        functions += &tail(&format!("call $imported{at} {arguments}"));
        functions += &tail(&format!("call_indirect $t (type {ty}) {arguments} (local.get 0)"));
        functions += &tail(&format!("call_ref {ty} {arguments} (ref.func ${name})"));
    }
    let imports: String = (0..ARGUMENTS.len())
        .map(|at| format!("(import \"a\" \"f\" (func $imported{at} (type {})))", ARGUMENTS[at].0))
        .collect();
    format!(
        "(module {TYPES} {types} {imports} (memory 1) {tables}
            (elem declare func $few $many $results $open $t8)
            {functions}
            (func (type $results) (return_call $results (local.get 0)))
            (func (param i32) {calls} (loop {calls} (br_if 0 (local.get 0)))))"
    )
}

#[test]
fn calls_of_every_kind_are_fine() {
    for types in [OPEN, FINAL] {
        assert_fine(&module(&calls(types, "(table $t 9 funcref) (table $u 9 funcref)")));
    }
}

#[test]
fn calls_through_tables_that_never_change_are_fine() {
    let fixed = "(table $t (export \"t\") 9 funcref) (table $u 5 5 funcref)
        (elem (table $u) (i32.const 0) func $few $many $results $open $t8)";
    let module = module(&calls(FINAL, fixed));
    assert!(StaticTables::of(&module).table(1).is_some());
    assert_fine(&module);
    let mut checked = Checked::default();
    checked
        .check_half(&support::module(&calls(FINAL, "(table $t 9 funcref) (table $u 0 0 funcref)")));
    checked.assert_fine();
}

#[test]
fn loops_that_are_entered_are_fine() {
    let many = "i64 f64 i32 v128 ".repeat(12);
    for locals in ["i32 i64", "v128 i32 f32", &many] {
        assert_fine(&module(&format!(
            "(module (memory 1) (global $g (mut v128) (v128.const i64x2 1 2)) (global $f (mut f32) (f32.const 1))
                (func (param i32 v128) (result v128) (local {locals})
                    (v128.const i64x2 5 6) (local.get 0) (i64.const 8)
                    (loop $outer (param i64) (result i64)
                        (loop $inner
                            (global.set $f (f32.add (global.get $f) (f32.load (local.get 0))))
                            (local.set 0 (i32.sub (local.get 0) (i32.load8_u (local.get 0))))
                            (br_if $inner (local.get 0)))
                        (br_if $outer (i32.load (local.get 0))))
                    drop drop
                    (global.set $g)
                    (block $c (block $b (block $a
                        (br_table $a $b $c $a (i32.load16_u (local.get 0)))) (i32.store (local.get 0) (i32.const 1))))
                    (drop (block (result i32) (block (result i32)
                        (br_table 0 1 (i32.const 1) (local.get 0)))))
                    (global.get $g)))"
        )));
    }
}

#[test]
fn tables_are_fine() {
    for (address, at) in [("", "(local.get 0)"), ("i64", "(i64.extend_i32_u (local.get 0))")] {
        assert_fine(&module(&format!(
            "(module (table $other 1 externref) (table $t {address} 1 externref) (elem $e externref (ref.null extern))
                (func (param i32 externref) (result externref)
                    (table.set $t {at} (local.get 1)) (table.set $t {at} (table.get $t {at}))
                    (drop (table.size $t)) (drop (table.grow $t (local.get 1) {at}))
                    (table.fill $t {at} (local.get 1) {at}) (table.copy $t $t {at} {at} {at})
                    (table.init $t $e {at} (local.get 0) (local.get 0)) (elem.drop $e)
                    (table.get $t {at})))"
        )));
    }
}

#[test]
fn objects_of_every_size_are_fine() {
    let fields = "(field (mut i64)) ".repeat(2_000);
    assert_fine(&module(&format!(
        "(module (type $large (struct {fields} (field (mut anyref)))) (type $a (array (mut i32)))
            (type $r (array (mut anyref))) (data $d \"abcd\") (elem $e anyref (ref.null any))
            (func (param (ref null $large) i32 anyref) (result i64)
                (struct.set $large 1999 (local.get 0) (i64.const 1))
                (struct.set $large 2000 (local.get 0) (local.get 2))
                (struct.set $large 2000 (struct.new_default $large) (array.new_default $a (i32.const 4000)))
                (array.set $a (array.new_data $a $d (i32.const 0) (i32.const 1)) (local.get 1) (i32.const 1))
                (array.set $r (array.new_elem $r $e (i32.const 0) (i32.const 1)) (local.get 1) (local.get 2))
                (array.set $r (array.new_default $r (local.get 1)) (local.get 1) (local.get 2))
                (array.set $a (array.new $a (local.get 1) (local.get 1)) (local.get 1) (local.get 1))
                (struct.get $large 1999 (local.get 0))))"
    )));
}

/// The scripts below a folder.
fn scripts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("it is a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "wast") {
            found.push(path);
        }
    }
}

#[test]
fn the_modules_of_the_specification_are_fine() {
    let Some(suites) = std::env::var_os("DUNLIN_SUITES") else {
        return println!("absent: set `DUNLIN_SUITES` to the folder that holds the suite");
    };
    let (mut paths, mut checked) = (Vec::new(), Checked::default());
    scripts(&Path::new(&suites).join("spec"), &mut paths);
    for path in paths {
        let Ok(script) = std::fs::read_to_string(&path) else { continue };
        for text in support::script::modules(&script) {
            let Ok(bytes) = wat::parse_str(text) else { continue };
            let Ok(module) = Module::parse(Arc::new(bytes), Features::default()) else { continue };
            let before = checked.violations.len();
            checked.check_half(&module);
            if checked.violations.len() > before {
                println!("{}", path.display());
            }
        }
    }
    let is_much = checked.functions > 10_000 || !dunlin_baseline::is_supported();
    assert!(is_much, "{}", checked.functions);
    checked.assert_fine();
}
