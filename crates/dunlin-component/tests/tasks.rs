//! Functions that are lifted asynchronously: those that return at once do, and those that wait or err trap.

mod support;

use dunlin::Result;
use dunlin_component::Val;
use support::{LIBC, instantiate, trap};

/// A function of an inner component, with this body, which is called by the host directly, and by another component that lowers
/// it with these options. Its core function has `$return`, of a string and of nothing.
fn call(body: &str, lowered: &str) -> [Result<Val>; 2] {
    let (import, run) = match lowered {
        "async" => {
            let run = "(if (i32.ne (call $f (i32.const 64)) (i32.const 2)) (then unreachable)) (i32.const 64)";
            ("(param i32) (result i32)", run)
        }
        _ => ("(param i32)", "(call $f (i32.const 64)) (i32.const 64)"),
    };
    let text = format!(
        r#"(component
            (component $Inner {LIBC}
                (core func $text (canon task.return (result string) (memory (core memory $libc "memory"))))
                (core func $nothing (canon task.return))
                (core module $M
                    (import "" "text" (func $text (param i32 i32))) (import "" "nothing" (func $nothing))
                    (import "" "memory" (memory 1))
                    (data (i32.const 16) "hello")
                    (func (export "f") (result i32) {body})
                    (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
                (core instance $m (instantiate $M (with "" (instance
                    (export "memory" (memory $libc "memory"))
                    (export "text" (func $text)) (export "nothing" (func $nothing))))))
                (func (export "f") async (result string) (canon lift (core func $m "f") async
                    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))
                    (callback (core func $m "callback")))))
            (instance $inner (instantiate $Inner))
            {LIBC}
            (core func $f (canon lower (func $inner "f") {lowered}
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core module $M (import "" "f" (func $f {import}))
                (func (export "run") (result i32) {run}))
            (core instance $m (instantiate $M (with "" (instance (export "f" (func $f))))))
            (func (export "direct") (alias export $inner "f"))
            (func (export "through") async (result string) (canon lift (core func $m "run")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))"#
    );
    ["direct", "through"].map(|name| {
        let (mut store, instance) = instantiate(&text);
        let func = instance.get_func(&mut store, name).expect("an export");
        let mut results = [Val::Bool(false)];
        func.call(&mut store, &[], &mut results)?;
        let [result] = results;
        Ok(result)
    })
}

#[test]
fn what_returns_at_once_does_and_the_rest_traps() {
    let good = "(call $text (i32.const 16) (i32.const 5))";
    for lowered in ["", "async"] {
        for result in call(&format!("{good} (i32.const 0)"), lowered) {
            assert_eq!(result.expect("no trap"), Val::String("hello".into()));
        }
        for (body, words) in [
            ("(i32.const 0)".into(), "failed to produce a result"),
            (format!("{good} {good} (i32.const 0)"), "more than once"),
            ("(call $nothing) (i32.const 0)".into(), "invalid `task.return` signature"),
            (format!("{good} (i32.const 1)"), "a task that waits"),
            (format!("{good} (i32.const 15)"), "a task that waits"),
            ("(call $text (i32.const -1) (i32.const 5)) (i32.const 0)".into(), "bounds"),
            ("(call $text (i32.const 16) (i32.const -1)) (i32.const 0)".into(), "bounds"),
            ("unreachable".into(), "unreachable"),
        ] {
            for result in call(&body, lowered) {
                let said = trap(result);
                assert!(said.contains(words), "{body}: {said}");
            }
        }
    }
}

#[test]
fn nobody_returns_for_another() {
    // `task.return` outside of any task.
    let text = r#"(component
        (core func $return (canon task.return))
        (core module $M (import "" "return" (func $return))
            (func (export "run") (call $return)))
        (core instance $m (instantiate $M (with "" (instance (export "return" (func $return))))))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    let (mut store, instance) = instantiate(text);
    let run = instance.get_func(&mut store, "run").expect("an export");
    let said = trap(run.call(&mut store, &[], &mut []));
    assert!(said.contains("invalid `task.return`"), "{said}");
}
