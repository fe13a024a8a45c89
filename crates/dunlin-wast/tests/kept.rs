//! Scripts of components with a cache: what the second engine finds of what the first has kept gives the same results, and so
//! does the third.
//!
//! The scripts are one of our own and, where `$DUNLIN_SUITES` is set, the component model's suite.

#![cfg(feature = "optimize")]

use dunlin::Cache;
use dunlin_wast::{Config, Report, Runner};
use std::fs;
use std::path::{Path, PathBuf};

/// Two components, of which one uses the other's resources; what is wrong is wrong each time.
const OWN: &str = r#"
(component
    (component $Counters
        (core module $M
            (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
            (func (export "drop") (param i32)))
        (core instance $m (instantiate $M))
        (type $counter' (resource (rep i32) (dtor (core func $m "drop"))))
        (export $counter "counter" (type $counter'))
        (core func $new (canon resource.new $counter'))
        (core module $N (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
            (func (export "get") (param i32) (result i32) (local.get 0)))
        (core instance $n (instantiate $N (with "" (instance (export "new" (func $new))))))
        (func (export "[constructor]counter") (param "at" u32) (result (own $counter))
            (canon lift (core func $n "make")))
        (func (export "[method]counter.get") (param "self" (borrow $counter)) (result u32)
            (canon lift (core func $n "get")))
        (func (export "double") (param "n" u32) (result u32) (canon lift (core func $m "double"))))
    (instance $c (instantiate $Counters))
    (core func $new (canon lower (func $c "[constructor]counter")))
    (core func $get (canon lower (func $c "[method]counter.get")))
    (core func $double (canon lower (func $c "double")))
    (core module $M
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "get" (func $get (param i32) (result i32)))
        (import "" "double" (func $double (param i32) (result i32)))
        (func (export "run") (result i32) (call $double (call $get (call $new (i32.const 21)))))
        (func (export "wrong") (result i32) (call $get (i32.const 7))))
    (core instance $m (instantiate $M (with "" (instance
        (export "new" (func $new)) (export "get" (func $get)) (export "double" (func $double))))))
    (func (export "run") (result u32) (canon lift (core func $m "run")))
    (func (export "wrong") (result u32) (canon lift (core func $m "wrong"))))
(assert_return (invoke "run") (u32.const 42))
(assert_trap (invoke "wrong") "unknown handle index")
(assert_invalid
    (component (core module $m (func (export "f") (param i64))) (core instance $i (instantiate $m))
        (func (export "f") (param "x" u32) (canon lift (core func $i "f"))))
    "lowered parameter types")
"#;

/// The scripts of a folder and those below it, in order.
fn scripts(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "wast") {
            found.push(path);
        }
    }
}

#[test]
fn what_was_kept_gives_the_same_results() {
    let folder = std::env::temp_dir().join(format!("dunlin-wast-kept-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let mut paths = Vec::new();
    match std::env::var_os("DUNLIN_SUITES") {
        Some(suites) => {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(suites);
            scripts(&root.join("component-model"), &mut paths);
        }
        None => eprintln!("DUNLIN_SUITES is not set: only our own script is run"),
    }
    let run = |cache: Option<Cache>| -> Vec<Report> {
        let mut config = Config::default();
        config.cache = cache;
        let runner = Runner::new(config).expect("an engine");
        let own = runner.run_text("own", OWN);
        assert!(own.is_success(), "{own}");
        let others = paths.iter().map(|path| runner.run_file(path).expect("a file"));
        [own].into_iter().chain(others).collect()
    };
    let without = run(None);
    for round in 0..3 {
        let with = run(Some(Cache::open(&folder).expect("a cache")));
        for (with, without) in with.iter().zip(&without) {
            assert_eq!(with, without, "round {round}");
        }
        let kept = fs::read_dir(&folder).expect("a folder").flatten();
        let kept = kept.filter(|entry| entry.file_name().to_string_lossy().starts_with("kept-"));
        assert!(kept.count() >= 1, "what the component says is kept");
    }
    fs::remove_dir_all(&folder).expect("a folder");
}
