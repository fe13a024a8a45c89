//! What a call between host and guest costs, each way, typed and untyped; and one between functions of
//! which each, or only one, is compiled.
//!
//! `cargo run --release -p dunlin --features optimize --example call_cost [CALLS [interp | optimize]]`

use dunlin::{Caller, Config, Engine, FuncType, Linker, Module, Result, Store, Tier, Val, ValType};
use std::hint::black_box;
use std::time::{Duration, Instant};

const CALLS_DEFAULT: u32 = 2_000_000;
const ROUNDS: usize = 10;

const GUEST: &str = r#"(module
    (import "host" "typed" (func $typed (param i32 i32) (result i32)))
    (import "host" "caller" (func $caller (param i32 i32) (result i32)))
    (import "host" "untyped" (func $untyped (param i32 i32) (result i32)))
    (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))
    (func (export "loop") (param $n i32)
        (loop $next
            (drop (i32.const 1))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "typed") (param $n i32)
        (loop $next
            (drop (call $typed (i32.const 1) (local.get $n)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "caller") (param $n i32)
        (loop $next
            (drop (call $caller (i32.const 1) (local.get $n)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "untyped") (param $n i32)
        (loop $next
            (drop (call $untyped (i32.const 1) (local.get $n)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

/// Functions 0, which is called, and 1, which calls it.
const PAIR: &str = r#"(module
    (func $add (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))
    (func (export "loop") (param $n i32) (local $sum i32)
        (loop $next
            (local.set $sum (call $add (local.get $sum) (local.get $n)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

fn main() -> Result<()> {
    let calls = std::env::args().nth(1).and_then(|calls| calls.parse().ok());
    let calls: u32 = calls.unwrap_or(CALLS_DEFAULT);
    let tier = match std::env::args().nth(2).as_deref() {
        Some("optimize") => Tier::Optimize,
        _ => Tier::Interp,
    };
    let engine = Engine::new(Config::new().tier(tier))?;
    let module = Module::new(&engine, GUEST)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "typed", |a: i32, b: i32| a ^ b)?;
    linker.func_wrap("host", "caller", |mut caller: Caller<'_, u64>, a: i32, b: i32| {
        *caller.data_mut() += 1;
        a ^ b
    })?;
    let ty = FuncType::new([ValType::I32; 2], [ValType::I32]);
    linker.func_new("host", "untyped", ty, |_, params, results| {
        results[0] = params[0];
        Ok(())
    })?;
    let mut store = Store::new(&engine, 0_u64);
    let instance = linker.instantiate(&mut store, &module)?;

    let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
    report(calls, "host -> guest, typed", || {
        for i in 0..calls {
            black_box(add.call(&mut store, (1, black_box(i.cast_signed())))?);
        }
        Ok(())
    })?;
    report(calls, "host -> guest, untyped", || {
        let mut results = [Val::I32(0)];
        for i in 0..calls {
            let params = [Val::I32(1), Val::from(black_box(i))];
            add.func().call(&mut store, &params, &mut results)?;
            black_box(&results);
        }
        Ok(())
    })?;
    for name in ["loop", "typed", "caller", "untyped"] {
        let run = instance.get_typed_func::<u32, ()>(&mut store, name)?;
        report(calls, &format!("guest -> host, {name}"), || run.call(&mut store, calls))?;
    }
    if tier == Tier::Optimize {
        crossings(calls)?;
    }
    report(calls / 100, "instantiate, 3 imports", || {
        let pre = linker.instantiate_pre(&module)?;
        for _ in 0..calls / 100 {
            pre.instantiate(&mut Store::new(&engine, 0))?;
        }
        Ok(())
    })
}

/// Calls between functions of the same tier, and of both.
fn crossings(calls: u32) -> Result<()> {
    let rows = [
        ("interpreted", 0b00),
        ("to compiled", 0b01),
        ("to interpreted", 0b10),
        ("compiled", 0b11),
    ];
    for (what, compiled) in rows {
        let engine = Engine::new(Config::new().tier(Tier::Optimize).mix_tiers(compiled))?;
        let module = Module::new(&engine, PAIR)?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
        let run = instance.get_typed_func::<u32, ()>(&mut store, "loop")?;
        report(calls, &format!("guest -> guest, {what}"), || run.call(&mut store, calls))?;
    }
    Ok(())
}

/// Prints the best of a few rounds.
fn report(calls: u32, what: &str, mut run: impl FnMut() -> Result<()>) -> Result<()> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        run()?;
        best = best.min(begun.elapsed());
    }
    println!("{what:30} {:6.1} ns", best.as_nanos() as f64 / f64::from(calls));
    Ok(())
}
