//! Modules that ask for more of the compiler than their bytes justify: some of their functions are left to
//! the interpreter, always the same ones, and all of them work.

#![cfg(feature = "optimize")]

use dunlin::{ArtifactKey, Config, Engine, Instance, Module, Store, Tier};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Branches out of a block, each with another value of one of the locals, all of them read behind it. The
/// register allocator's time grows with the square of how many values there are: a function of two
/// kilobytes takes a third of a second.
fn meeting(number: usize) -> String {
    let sets = (0..300).map(|i| {
        let local = 1 + i % 60;
        format!(
            "(local.set {local} (i32.const {i})) (br_if 0 (i32.eq (local.get 0) (i32.const {i})))"
        )
    });
    let sum = (1..=60)
        .fold(format!("(i32.const {number})"), |sum, i| format!("(i32.add {sum} (local.get {i}))"));
    format!(
        r#"(func $f{number} (export "{number}") (param i32) (result i32) (local {}) (block {}) {sum})"#,
        "i32 ".repeat(60),
        sets.collect::<String>()
    )
}

/// What `meeting` returns.
fn expected(number: i32, branch: i32) -> i32 {
    let last = branch.min(299);
    let set = |local: i32| (0..=last).rev().find(|i| i % 60 == local).unwrap_or(0);
    number + (0..60).map(set).sum::<i32>()
}

/// Functions of the module.
const COUNT: usize = 40;

fn module() -> String {
    let functions: String = (0..COUNT).map(meeting).collect();
    let last = COUNT - 1;
    format!(
        r#"(module (table 2 funcref) (elem (i32.const 0) $f0 $f{last}) {functions}
            (func (export "call") (param i32) (result i32)
                (i32.add (call $f0 (local.get 0)) (call $f{last} (local.get 0))))
            (func (export "refer") (param i32 i32) (result i32)
                (call_indirect (param i32) (result i32) (local.get 0) (local.get 1))))"#
    )
}

/// Makes the module, and says how many bytes of it were compiled.
fn make(work: Option<u64>) -> (Module, u64) {
    let total = Arc::new(AtomicU64::new(0));
    let seen = total.clone();
    let mut config = Config::new();
    config.tier(Tier::Optimize).artifact_key(ArtifactKey::from_secret(b"of this test"));
    config.compile_progress(move |progress| seen.store(progress.total, Ordering::Relaxed));
    if let Some(work) = work {
        config.max_compile_work(work);
    }
    let engine = Engine::new(&config).expect("a tier of this machine");
    let module = Module::new(&engine, module()).expect("a valid module");
    (module, total.load(Ordering::Relaxed))
}

fn works(module: &Module) {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    for (number, branch) in [(0, 0), (0, 70), (1, 299), (COUNT as i32 - 1, 1_000)] {
        let func = instance.get_typed_func::<i32, i32>(&mut store, &number.to_string());
        let result = func.expect("an export").call(&mut store, branch).expect("it returns");
        assert_eq!(result, expected(number, branch), "{number}, {branch}");
    }
    let call = instance.get_typed_func::<i32, i32>(&mut store, "call").expect("an export");
    let sum = expected(0, 65) + expected(COUNT as i32 - 1, 65);
    assert_eq!(call.call(&mut store, 65).expect("it returns"), sum);
    let refer = instance.get_typed_func::<(i32, i32), i32>(&mut store, "refer").expect("an export");
    let result = refer.call(&mut store, (65, 1)).expect("it returns");
    assert_eq!(result, expected(COUNT as i32 - 1, 65));
}

#[test]
fn work_without_measure_is_left_to_the_interpreter() {
    let (module, compiled) = make(None);
    let bytes = module.info().functions().iter().map(|function| function.bytes as u64).sum::<u64>();
    assert!(0 < compiled && compiled < bytes / 4, "{compiled} of {bytes}");
    works(&module);
    // The same functions, whoever was faster.
    let (again, _) = make(None);
    let artifact = module.serialize().expect("an artifact");
    assert!(artifact == again.serialize().expect("an artifact"), "the same code");
    works(&Module::deserialize(module.engine(), &artifact).expect("what has just been made"));
}

/// As much as the compiler takes on of what nests or follows from each other, on the stack of one of its
/// threads. Flat, since the text's parser has a depth of its own.
#[test]
fn what_is_deep_is_compiled_without_depth() {
    let rows = [
        ("blocks", "block ", "end ", 11_000),
        ("loops", "loop ", "end ", 11_000),
        ("conditions", "local.get 0 if ", "end ", 11_000),
        ("sums", "local.get 0 ", "i32.add ", 200_000),
        ("sums one by one", "", "local.get 0 i32.add ", 200_000),
        ("loads", "", "i32.load ", 20_000),
        ("choices", "", "i32.const 7 local.get 0 select ", 60_000),
        ("calls", "", "call $id ", 20_000),
        ("locals", "", "local.set 1 local.get 1 i32.clz ", 60_000),
    ];
    for (name, open, close, depth) in rows {
        let total = Arc::new(AtomicU64::new(0));
        let seen = total.clone();
        let mut config = Config::new();
        config.tier(Tier::Optimize).max_compile_work(u64::MAX);
        config.compile_progress(move |progress| seen.store(progress.total, Ordering::Relaxed));
        let engine = Engine::new(&config).expect("a tier of this machine");
        let text = format!(
            r#"(module (memory 1) (func $id (param i32) (result i32) local.get 0)
                (func (export "run") (param i32) (result i32) (local i32) local.get 0 {}{}))"#,
            open.repeat(depth),
            close.repeat(depth)
        );
        let module = Module::new(&engine, text).expect("a valid module");
        assert!(total.load(Ordering::Relaxed) > depth as u64, "{name} is not left out");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
        run.call(&mut store, 0).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn how_much_work_may_be_is_the_embedders_choice() {
    // Nothing, less than one of the slow functions, and one of them.
    for (work, most) in [(0, 0), (10_000, 200), (500_000, 5_000)] {
        let (module, compiled) = make(Some(work));
        assert!(compiled <= most && (most < 1_000) == (compiled < 1_000), "{work}: {compiled}");
        works(&module);
    }
}
