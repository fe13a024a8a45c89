//! Guests that recurse without end, each in its own way, and what must become of them.

use dunlin::{Caller, Config, Engine, Extern, Func, Instance, Module, Store, Tier, TrapCode};

/// What a guest has besides: `fine` returns 7, and `host` calls what the guest exports as `again`.
fn guest(functions: &str) -> String {
    format!(
        r#"(module (import "h" "host" (func $host (param i32) (result i32)))
            (memory 3) (func (export "fine") (result i32) (i32.const 7)) {functions})"#
    )
}

/// A function that keeps values of so many locals across a call of itself.
fn wide(ty: &str, count: usize, load: &str, store: &str) -> String {
    let each = |part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<String>();
    let locals = format!("{ty} ").repeat(count);
    let loads = each(&|i| format!("(local.set {i} ({load} offset={} (i32.const 0)))", i % 4_096));
    let stores = each(&|i| format!("({store} offset={} (i32.const 0) (local.get {i}))", i % 4_096));
    guest(&format!(r#"(func $f (export "run") (local {locals}) {loads} (call $f) {stores})"#))
}

/// Guests whose `run` recurses without end, each in its own way.
fn guests() -> Vec<(&'static str, String)> {
    [frames(), long_lists(), tables(), throws(), hosts()].concat()
}

/// By frames of every size.
fn frames() -> Vec<(&'static str, String)> {
    vec![
        (
            "a small frame",
            guest(
                r#"(func $f (param i64) (result i64) (i64.add (call $f (local.get 0)) (local.get 0)))
                   (func (export "run") (drop (call $f (i64.const 1))))"#,
            ),
        ),
        ("no frame", guest(r#"(func $f (export "run") (call $f))"#)),
        ("500 locals", wide("i64", 500, "i64.load", "i64.store")),
        ("5,000 locals", wide("i64", 5_000, "i64.load", "i64.store")),
        // A frame of 144 KB: larger than what is left to the host, and than any guard.
        ("9,000 vectors", wide("v128", 9_000, "v128.load", "v128.store")),
    ]
}

/// With very many parameters and results.
fn long_lists() -> Vec<(&'static str, String)> {
    let many = "i64 ".repeat(1_000);
    let gets: String = (0..1_000).map(|i| format!("(local.get {i})")).collect();
    let zeros = "(i64.const 0)".repeat(1_000);
    let drops = "drop ".repeat(1_000);
    vec![
        (
            "1,000 parameters",
            guest(&format!(
                r#"(func $f (param {many}) {gets} (call $f) (drop (i64.eqz (local.get 0))))
                   (func (export "run") {zeros} (call $f))"#
            )),
        ),
        (
            "1,000 results",
            guest(&format!(
                r#"(func $f (param i64) (result {many}) (call $f (local.get 0)))
                   (func (export "run") (call $f (i64.const 0)) {drops})"#
            )),
        ),
        (
            "tail calls that need more room, and calls back",
            guest(&format!(
                r#"(func $f (param i32) (result i32) (i32.add (i32.const 1) (call $g (local.get 0))))
                   (func $g (param i32) (result i32) {zeros} (return_call $h))
                   (func $h (param {many}) (result i32) (i32.add (i32.const 1) (call $f (i32.wrap_i64 (local.get 7)))))
                   (func (export "run") (drop (call $f (i32.const 0))))"#
            )),
        ),
        (
            "a host function that calls back with 1,000 values",
            guest(&format!(
                r#"(func (export "many") (param {many}) (result {many}) {gets} (drop (call $host (i32.const 1000))))
                   (func (export "run") (drop (call $host (i32.const 1000))))"#
            )),
        ),
    ]
}

/// Through tables, and with operators that are calls of the VM.
fn tables() -> Vec<(&'static str, String)> {
    vec![
        (
            "calls through a table that never changes",
            guest(
                r#"(type $t (func (param i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $f)
                   (func $f (type $t) (i32.add (local.get 0) (call_indirect (type $t) (local.get 0) (i32.const 0))))
                   (func (export "run") (drop (call $f (i32.const 3))))"#,
            ),
        ),
        (
            "calls through a table that may change",
            guest(
                r#"(type $t (func (param i32) (result i32))) (table (export "t") 1 funcref) (elem (i32.const 0) $f)
                   (func $f (type $t) (i32.add (local.get 0) (call_indirect (type $t) (local.get 0) (i32.const 0))))
                   (func (export "run") (drop (call $f (i32.const 3))))"#,
            ),
        ),
        (
            "operators that the VM executes at every depth",
            guest(
                r#"(func $f (param i32) (result i32)
                        (memory.fill (i32.const 0) (i32.const 1) (i32.const 64))
                        (drop (memory.grow (i32.const 0)))
                        (i32.add (call $f (local.get 0)) (i32.const 1)))
                   (func (export "run") (drop (call $f (i32.const 3))))"#,
            ),
        ),
    ]
}

/// With exceptions at every depth.
fn throws() -> Vec<(&'static str, String)> {
    let many = "i64 ".repeat(1_000);
    let zeros = "(i64.const 0)".repeat(1_000);
    let drops = "(drop) ".repeat(1_000);
    vec![
        (
            "exceptions with 1,000 values at every depth",
            guest(&format!(
                r#"(tag $t (param {many}))
                   (func $f (param i32) (result i32)
                        (block $caught (result {many})
                            (try_table (catch $t $caught) {zeros} (throw $t))
                            (unreachable))
                        {drops}
                        (i32.add (call $f (local.get 0)) (i32.const 1)))
                   (func (export "run") (drop (call $f (i32.const 3))))"#
            )),
        ),
        (
            "calls in a block that catches",
            guest(
                r#"(tag $t)
                   (func $f (param i32) (result i32)
                        (block $caught
                            (try_table (catch $t $caught) (return (i32.add (call $f (local.get 0)) (i32.const 1)))))
                        (throw $t))
                   (func (export "run") (drop (call $f (i32.const 3))))"#,
            ),
        ),
    ]
}

/// With a host function in between.
fn hosts() -> Vec<(&'static str, String)> {
    vec![
        (
            "a host function that calls back",
            guest(
                r#"(func $f (export "again") (param i32) (result i32) (i32.add (local.get 0) (call $host (local.get 0))))
                   (func (export "run") (drop (call $f (i32.const 3))))"#,
            ),
        ),
        (
            "many frames between one call of the host and the next",
            guest(
                r#"(func $f (export "again") (param i32) (result i32) (call $g (i32.const 300)))
                   (func $g (param i32) (result i32)
                        (if (result i32) (local.get 0)
                            (then (i32.add (i32.const 1) (call $g (i32.sub (local.get 0) (i32.const 1)))))
                            (else (call $host (i32.const 1)))))
                   (func (export "run") (drop (call $f (i32.const 3))))"#,
            ),
        ),
        (
            "a host function that is called at every depth",
            guest(
                r#"(func (export "again") (param i32) (result i32) (local.get 0))
                   (func $f (param i32) (result i32)
                        (i32.add (call $host (local.get 0)) (call $f (local.get 0))))
                   (func (export "run") (drop (call $f (i32.const 3))))"#,
            ),
        ),
    ]
}

/// Calls the guest's `again`, or its `many` with as many values.
fn host(mut caller: Caller<'_, ()>, number: i32) -> dunlin::Result<i32> {
    let name = if number == 1_000 { "many" } else { "again" };
    let func = caller.get_export(name).and_then(Extern::into_func).expect("an export");
    if number != 1_000 {
        return func.typed::<i32, i32>(&caller)?.call(&mut caller, number);
    }
    let values = vec![dunlin::Val::I64(1); 1_000];
    let mut results = values.clone();
    func.call(&mut caller, &values, &mut results)?;
    Ok(0)
}

pub(crate) struct Guest {
    name: &'static str,
    store: Store<()>,
    instance: Instance,
}

/// Everything that needs a compiler is done on the caller's stack, by each of them.
pub(crate) fn ready(stack_bytes: usize) -> Vec<Guest> {
    [Tier::Optimize, Tier::Baseline]
        .into_iter()
        .flat_map(|tier| of_tier(tier, stack_bytes))
        .collect()
}

fn of_tier(tier: Tier, stack_bytes: usize) -> Vec<Guest> {
    let mut config = Config::new();
    let engine = Engine::new(config.tier(tier).max_stack_bytes(stack_bytes));
    let engine = engine.expect("a tier of this machine");
    let make = |(name, text): (&'static str, String)| {
        let module = Module::new(&engine, &text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let host = Func::wrap(&mut store, host);
        let instance = Instance::new(&mut store, &module, &[host.into()]).expect("an instance");
        Guest { name, store, instance }
    };
    guests().into_iter().map(make).collect()
}

/// Runs a guest on the stack at hand, more than once.
pub(crate) fn overflow(guest: &mut Guest) {
    let Guest { name, store, instance } = guest;
    let run = instance.get_typed_func::<(), ()>(&mut *store, "run").expect("an export");
    let fine = instance.get_typed_func::<(), i32>(&mut *store, "fine").expect("an export");
    for _ in 0..2 {
        let error = run.call(&mut *store, ()).expect_err("a trap");
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow), "{name}: {error}");
        assert_eq!(fine.call(&mut *store, ()).expect("it works on"), 7, "{name}");
    }
}
