//! What calls between components and the host cost, and what a fresh instance does: in nanoseconds of processor time, the least
//! of several runs.
//!
//! `cargo run --release -p dunlin-component --features optimize --example measure [auto|interp|baseline|optimize|fresh] [FILES…]`
//!
//! Components in FILES are instantiated, with imports that trap; after `fresh` nothing else is measured. `measure text` prints the component that the calls are made
//! in, for a peer.

use dunlin::{Config, Engine, PoolingConfig, Result, Store, StoreContextMut, Tier};
use dunlin_component::{Component, Linker};
use std::time::Instant;

/// Two components: the inner has functions of numbers, of text and of a list; `run-…` of the outer call these `n` times.
/// `host` calls the host `n` times.
const COMPONENT: &str = r#"(component
    (import "host" (func $host (param "n" u32) (result u32)))
    (core module $Libc (memory (export "memory") 16)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))
    (component $Inner
        (core module $Libc (memory (export "memory") 16)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))
        (core instance $libc (instantiate $Libc))
        (core module $M
            (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
            (func (export "len") (param i32 i32) (result i32) (local.get 1)))
        (core instance $m (instantiate $M))
        (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $m "add")))
        (func (export "len") (param "s" string) (result u32) (canon lift (core func $m "len")
            (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
        (func (export "sum") (param "s" (list (tuple u8 char))) (result u32) (canon lift (core func $m "len")
            (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
    (instance $inner (instantiate $Inner))
    (core instance $libc (instantiate $Libc))
    (core func $add (canon lower (func $inner "add")))
    (core func $len (canon lower (func $inner "len") (memory (core memory $libc "memory"))))
    (core func $sum (canon lower (func $inner "sum") (memory (core memory $libc "memory"))))
    (core func $host' (canon lower (func $host)))
    (core module $M
        (import "" "add" (func $add (param i32 i32) (result i32)))
        (import "" "len" (func $len (param i32 i32) (result i32)))
        (import "" "sum" (func $sum (param i32 i32) (result i32)))
        (import "" "host" (func $host (param i32) (result i32)))
        (func (export "one") (param i32) (result i32) (local.get 0))
        (func (export "len") (param i32 i32) (result i32) (local.get 1))
        (func (export "run-add") (param $n i32) (result i32) (local $x i32)
            (loop $next (local.set $x (call $add (local.get $x) (i32.const 1)))
                (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $x))
        (func (export "run-len") (param $n i32) (result i32) (local $x i32)
            (loop $next (local.set $x (i32.add (local.get $x) (call $len (i32.const 0) (i32.const 64))))
                (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $x))
        (func (export "run-sum") (param $n i32) (result i32) (local $x i32)
            (loop $next (local.set $x (i32.add (local.get $x) (call $sum (i32.const 0) (i32.const 64))))
                (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $x))
        (func (export "run-host") (param $n i32) (result i32) (local $x i32)
            (loop $next (local.set $x (call $host (local.get $x)))
                (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $x)))
    (core instance $m (instantiate $M (with "" (instance
        (export "add" (func $add)) (export "len" (func $len)) (export "sum" (func $sum))
        (export "host" (func $host'))))))
    (func (export "one") (param "n" u32) (result u32) (canon lift (core func $m "one")))
    (func (export "len") (param "s" string) (result u32) (canon lift (core func $m "len")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (func (export "run-add") (param "n" u32) (result u32) (canon lift (core func $m "run-add")))
    (func (export "run-len") (param "n" u32) (result u32) (canon lift (core func $m "run-len")))
    (func (export "run-sum") (param "n" u32) (result u32) (canon lift (core func $m "run-sum")))
    (func (export "run-host") (param "n" u32) (result u32) (canon lift (core func $m "run-host"))))"#;

const CALLS: u32 = 1_000_000;
/// Calls that guests make by themselves, which may take but some nanoseconds.
const INNER_CALLS: u32 = 10_000_000;
const RUNS: usize = 7;
/// As many as take longer than a system's clock of processor time ticks.
const INSTANCES: u32 = 100_000;

/// Nanoseconds that this thread has run, where the system tells; else those that have passed.
fn now(begin: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| begin.elapsed().as_secs_f64() * 1e9)
}

fn least(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let (mut least, begin) = (f64::MAX, Instant::now());
    for _ in 0..RUNS {
        let before = now(begin);
        run()?;
        least = least.min(now(begin) - before);
    }
    Ok(least)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let tier = match arguments.next().as_deref() {
        Some("text") => {
            println!("{COMPONENT}");
            return Ok(());
        }
        Some("interp") => Tier::Interp,
        Some("baseline") => Tier::Baseline,
        Some("optimize") => Tier::Optimize,
        _ => Tier::Auto,
    };
    let engine = Engine::new(Config::new().tier(tier).pooling(PoolingConfig::new()))?;
    let component = Component::new(&engine, COMPONENT)?;
    let only_fresh = std::env::args().nth(1).as_deref() == Some("fresh");
    for adapters in [true, false].into_iter().filter(|_| !only_fresh) {
        let with = if adapters { "with" } else { "without" };
        println!("calls {with} adapters");
        calls(&engine, &component, adapters)?;
        fresh(&engine, &component, "2 components, 4 core instances, 2 memories", adapters)?;
    }
    for file in arguments {
        let component = Component::from_file(&engine, &file)?;
        fresh(&engine, &component, &file, true)?;
    }
    Ok(())
}

fn linker(engine: &Engine) -> Result<Linker<u32>> {
    let mut linker = Linker::new(engine);
    linker.root().func_wrap("host", |mut store: StoreContextMut<'_, u32>, (n,): (u32,)| {
        *store.data_mut() += 1;
        Ok(n + 1)
    })?;
    Ok(linker)
}

fn calls(engine: &Engine, component: &Component, adapters: bool) -> Result<()> {
    let mut linker = linker(engine)?;
    linker.adapters(adapters);
    // The modules get warm by a first instance: what links to code that is there calls it without a detour.
    let mut store = Store::new(engine, 0);
    let instance = linker.instantiate(&mut store, component)?;
    for name in ["run-host", "run-add", "run-len", "run-sum"] {
        let run = instance.get_typed_func::<(u32,), u32>(&mut store, name)?;
        run.call(&mut store, (CALLS,))?;
    }
    let run = instance.get_typed_func::<(u32,), u32>(&mut store, "run-add")?;
    let nanos = least(|| run.call(&mut store, (INNER_CALLS,)).map(drop))?;
    let nanos = nanos / f64::from(INNER_CALLS);
    println!("{nanos:8.1} component → component, two numbers, in the first instance");
    let mut store = Store::new(engine, 0);
    let instance = linker.instantiate(&mut store, component)?;
    let per_call = |nanos: f64| nanos / f64::from(CALLS);

    let one = instance.get_typed_func::<(u32,), u32>(&mut store, "one")?;
    let nanos = least(|| (0..CALLS).try_for_each(|n| one.call(&mut store, (n,)).map(drop)))?;
    println!("{:8.1} host → component, a number", per_call(nanos));
    let len = instance.get_typed_func::<(&str,), u32>(&mut store, "len")?;
    let text = "x".repeat(64);
    let nanos = least(|| (0..CALLS).try_for_each(|_| len.call(&mut store, (&text,)).map(drop)))?;
    println!("{:8.1} host → component, a string of 64 bytes", per_call(nanos));
    for (name, what) in [
        ("run-host", "component → host, a number"),
        ("run-add", "component → component, two numbers"),
        ("run-len", "component → component, a string of 64 bytes"),
        ("run-sum", "component → component, a list of 64 pairs that are looked at"),
    ] {
        let run = instance.get_typed_func::<(u32,), u32>(&mut store, name)?;
        let nanos = least(|| run.call(&mut store, (INNER_CALLS,)).map(drop))?;
        println!("{:8.1} {what}", nanos / f64::from(INNER_CALLS));
    }
    Ok(())
}

fn fresh(engine: &Engine, component: &Component, what: &str, adapters: bool) -> Result<()> {
    let mut linker = linker(engine)?;
    linker.define_unknown_imports_as_traps(component).adapters(adapters);
    let pre = linker.instantiate_pre(component)?;
    let nanos = least(|| {
        (0..INSTANCES).try_for_each(|_| pre.instantiate(&mut Store::new(engine, 0)).map(drop))
    })?;
    let nanos = nanos / f64::from(INSTANCES);
    println!("{nanos:8.1} a fresh store and instance, dropped: {what}");
    Ok(())
}
