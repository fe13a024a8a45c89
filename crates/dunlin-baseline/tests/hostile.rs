//! Bodies that ask for more work than their bytes justify are refused, and soon.

use dunlin_baseline::Baseline;
use dunlin_module::{Compiler, Features, Module, Settings, StaticTables, Unit};
use std::sync::Arc;

/// Compiles the second function of a module with this body, and says why not; `None` where there is no code for the
/// machine.
fn refusal(body: &str) -> Option<String> {
    let params = "i64 ".repeat(1_000);
    let types = format!("(type $s (struct)) (tag $many (param {params})) (tag $none)");
    let text = format!("(module {types} (func) (func {body}))");
    let bytes = wat::parse_str(text).expect("it is text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("it is valid");
    let baseline = Baseline::new(Settings::default()).ok()?;
    let tables = StaticTables::default();
    let made = baseline.worker(&module, &tables).compile(Unit::Func(1));
    Some(made.err().map_or(String::new(), |error| error.to_string()))
}

fn assert_refused(body: &str, why: &str) {
    let Some(found) = refusal(body) else { return };
    assert!(found.contains(why), "{found}");
}

#[test]
fn calls_over_many_operands_are_too_much_to_look_at() {
    let (operands, calls) = ("i32.const 1 ".repeat(60_000), "call 0 ".repeat(1_000));
    assert_refused(&format!("{operands} {calls} unreachable"), "too many values");
}

#[test]
fn a_local_that_changes_under_many_of_its_values_is_too_much_to_look_at() {
    let values = "local.get 0 ".repeat(60_000);
    let changes = "local.get 0 i32.const 1 local.set 0 ".repeat(1_000);
    assert_refused(&format!("(local i32) {values} {changes} unreachable"), "too many values");
}

#[test]
fn new_objects_above_many_operands_are_too_much_to_look_at() {
    let (operands, objects) =
        ("i32.const 1 ".repeat(60_000), "(drop (struct.new $s)) ".repeat(1_000));
    assert_refused(&format!("{operands} {objects} unreachable"), "too many values");
}

#[test]
fn clauses_that_take_a_thousand_values_each_are_too_many() {
    let results = "i64 ".repeat(1_000);
    let clauses = "(catch $many 0) ".repeat(5_000);
    let body =
        format!("(block (result {results}) (try_table {clauses} (throw $none)) unreachable)");
    assert_refused(&format!("{body} unreachable"), "too many values");
}

#[test]
fn references_that_live_across_many_new_objects_are_too_many() {
    let locals = "anyref ".repeat(9_000);
    let objects = "(drop (struct.new $s)) ".repeat(1_000);
    assert_refused(&format!("(local {locals}) {objects}"), "too many references");
}

#[test]
fn a_frame_has_no_more_slots_than_the_stack_bears() {
    let operands = "i64.const 1 ".repeat(70_000);
    assert_refused(&format!("{operands} unreachable"), "frame is too large");
}

#[test]
fn fifty_thousand_locals_are_not_looked_at() {
    let locals = "i64 ".repeat(49_999);
    assert_refused(&format!("(local {locals})"), "too many locals");
}

#[test]
fn many_loops_have_no_more_ways_in_than_the_vm_bears() {
    let loops = "(loop (br_if 0 (local.get 0))) ".repeat(30_000);
    let locals = "i32 ".repeat(9_000);
    let text = format!("(module (func (param i32) (local {locals}) {loops}))");
    let bytes = wat::parse_str(text).expect("it is text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("it is valid");
    let Ok(baseline) = Baseline::new(Settings::default()) else { return };
    let tables = StaticTables::default();
    let worker = |baseline: &Baseline| baseline.worker(&module, &tables).compile(Unit::Func(0));
    let plain = worker(&baseline).expect("code");
    assert!(plain.loops.is_empty());
    let counting = worker(&baseline.counting()).expect("code");
    assert_eq!(counting.loops.len(), 1024);
    assert!(counting.code.len() < 200 * 30_000, "{}", counting.code.len());
}
