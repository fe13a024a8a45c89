//! What compiling takes beside what is estimated: a measurement, for who changes the estimate.
//!
//! ```text
//! cargo run -p dunlin-optimize --example compile_work [MODULE.wasm ...]
//! ```
//!
//! Rows are of functions that were written to be slow, and of the slowest of each module. Times are the
//! thread's processor time, as Linux counts it.

use dunlin_module::{Compiler, Features, Module, Scratch, StaticTables, Unit};
use dunlin_optimize::{Optimizer, Settings};
use std::sync::Arc;

/// Functions of a module that are shown.
const SHOWN: usize = 5;

/// Microseconds that this thread has run.
fn now() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel's count");
    let nanoseconds = line.split(' ').next().and_then(|field| field.parse::<u64>().ok());
    nanoseconds.expect("a number") / 1_000
}

/// `branches` out of one block, each with another value of one of as many locals.
fn meeting(branches: usize, locals: usize, value: &str) -> String {
    let set = |i: usize| {
        let value =
            value.replace('#', &i.to_string()).replace('@', &(1 + i * 7 % locals).to_string());
        format!("(local.set {} {value}) (br_if 0 (local.get 0))", 1 + i % locals)
    };
    let sets: String = (0..branches).map(set).collect();
    let gets: String = (1..=locals).map(|i| format!("(global.set 0 (local.get {i}))")).collect();
    let locals = "i64 ".repeat(locals);
    format!("(func (param i32) (local {locals}) (block {sets}) {gets})")
}

fn slow() -> Vec<(String, Vec<u8>)> {
    let constant = "(i64.const #)";
    let sum = "(i64.add (local.get @) (i64.load (i32.const 0)))";
    let many = "i64 ".repeat(1_000);
    let mut rows = Vec::new();
    for (branches, locals) in
        [(100, 100), (200, 100), (400, 100), (200, 400), (1_000, 10), (4_000, 10), (8_000, 3)]
    {
        rows.push((
            format!("{branches} branches, {locals} locals"),
            meeting(branches, locals, constant),
        ));
        rows.push((format!("{branches} branches, {locals} sums"), meeting(branches, locals, sum)));
    }
    let calls = "call $f ".repeat(120);
    rows.push((
        "1,000 results".into(),
        format!("(func {calls} unreachable) (func $f (result {many}) unreachable)"),
    ));
    rows.push((
        "targets".into(),
        format!("(func (param i32) (local.get 0) (br_table {}))", "0 ".repeat(100_000)),
    ));
    rows.push(("locals".into(), format!("(func (local {}))", "i64 ".repeat(10_000))));
    rows.push(("nothing".into(), "(func)".into()));
    let module =
        |text: String| format!("(module (memory 1) (global (mut i64) (i64.const 0)) {text})");
    rows.into_iter()
        .map(|(name, text)| (name, wat::parse_str(module(text)).expect("a text")))
        .collect()
}

/// Compiles the functions of a module for which most is estimated, and says what each took.
fn measure(name: &str, bytes: Vec<u8>, optimizer: &Optimizer) {
    let len = bytes.len();
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("a module");
    let before = now();
    let functions = module.func_imports()..module.func_count();
    let mut work: Vec<(u64, u32)> =
        functions.map(|func| (optimizer.work(&module, func), func)).collect();
    let took = now() - before;
    work.sort_unstable_by_key(|(units, _)| std::cmp::Reverse(*units));
    let sum: u64 = work.iter().map(|(units, _)| units).sum();
    println!("{name}: {len} bytes, {sum} units, estimated in {took} µs");
    let tables = StaticTables::of(&module);
    for (units, func) in work.into_iter().take(SHOWN) {
        module.prepare(func, &mut Scratch::default()).expect("a valid body");
        let mut worker = optimizer.worker(&module, &tables);
        let before = now();
        let made = worker.compile(Unit::Func(func));
        let took = now() - before;
        let made = made.map_or_else(
            |error| error.to_string(),
            |made| format!("{} bytes of code", made.code.len()),
        );
        println!("    {units:>10} units {took:>10} µs  {made}");
    }
}

fn main() {
    let optimizer = Optimizer::new(Settings::default()).expect("a machine that is supported");
    for (name, bytes) in slow() {
        measure(&name, bytes, &optimizer);
    }
    for path in std::env::args().skip(1) {
        measure(&path, std::fs::read(&path).expect("a file"), &optimizer);
    }
}
