//! What an instance costs: store and instance created and dropped together, and an instance created in and
//! removed from a store that stays, in processor time, with and without a pool.
//!
//! `cargo run --release -p dunlin --features optimize --example instance_cost [ROUND_INSTANCES] [optimize]`

use dunlin::{
    Config, Engine, Instance, MemoryStrategy, Module, PoolingConfig, Result, Store, Tier,
};

/// Rounds of which the least is taken: what else the machine does only ever adds.
const ROUNDS: usize = 30;

const INSTANCES_DEFAULT: u32 = 2_000;

/// A module of one page with an initial value.
const ONE_PAGE: &str = r#"(module
    (memory (export "memory") 1)
    (data (i32.const 1024) "hello")
    (global $stack (mut i32) (i32.const 65536))
    (func (export "nothing"))
    (func (export "write") (i32.store (i32.const 4096) (i32.const 1))))"#;

fn main() -> Result<()> {
    let instances = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let instances: u32 = instances.unwrap_or(INSTANCES_DEFAULT);
    let tier = match std::env::args().nth(2).as_deref() {
        Some("optimize") => Tier::Optimize,
        _ => Tier::default(),
    };
    let large = large();
    for (name, mut config) in configurations() {
        config.tier(tier);
        let engine = Engine::new(&config)?;
        for (what, text) in [("one page", ONE_PAGE), ("1 MB image", &large)] {
            let module = Module::new(&engine, text)?;
            for (then, export) in
                [("", None), (", called", Some("nothing")), (", page written", Some("write"))]
            {
                let least = measure(&module, export, instances)?;
                let removed = measure_removed(&module, export, instances)?;
                println!("{name:16} {what}{then:14} {least:9.0} ns, in one store {removed:9.0} ns");
            }
        }
    }
    Ok(())
}

fn configurations() -> Vec<(&'static str, Config)> {
    let mut all = Vec::new();
    for (name, strategy, pooled) in [
        ("guarded pool", MemoryStrategy::Guarded, true),
        ("dense pool", MemoryStrategy::Dense, true),
        ("guarded", MemoryStrategy::Guarded, false),
        ("dense", MemoryStrategy::Dense, false),
    ] {
        let mut config = Config::new();
        config.memory_strategy(strategy);
        if pooled {
            config.pooling(PoolingConfig::new());
        }
        all.push((name, config));
    }
    all
}

/// A module like a large C program: 1 MB of data, a table of 700 functions out of 1,600, a few globals.
fn large() -> String {
    let data: String = (0..1 << 20).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
    let funcs = "(func (param i32 i32) (result i32) (local.get 0))".repeat(1_600);
    let elements: String = (0..700).map(|i| format!(" {}", i * 2)).collect();
    format!(
        r#"(module
            {funcs}
            (func (export "nothing"))
            (func (export "write") (i32.store (i32.const 1050000) (i32.const 1)))
            (table 701 701 funcref)
            (elem (i32.const 1) func{elements})
            (memory (export "memory") 20)
            (global (mut i32) (i32.const 66560))
            (global (mut i32) (i32.const 0))
            (global i32 (i32.const 1024))
            (data (i32.const 1024) "{data}"))"#
    )
}

/// Nanoseconds of processor time for each store and instance.
fn measure(module: &Module, export: Option<&str>, instances: u32) -> Result<f64> {
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let begun = processor_time();
        for _ in 0..instances {
            let mut store = Store::new(module.engine(), ());
            let instance = Instance::new(&mut store, module, &[])?;
            if let Some(export) = export {
                instance.get_typed_func::<(), ()>(&mut store, export)?.call(&mut store, ())?;
            }
        }
        least = least.min((processor_time() - begun) / f64::from(instances));
    }
    Ok(least)
}

/// As [`measure`], for each instance that is created in and removed from a store that stays.
fn measure_removed(module: &Module, export: Option<&str>, instances: u32) -> Result<f64> {
    let mut store = Store::new(module.engine(), ());
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let begun = processor_time();
        for _ in 0..instances {
            let instance = Instance::new(&mut store, module, &[])?;
            if let Some(export) = export {
                instance.get_typed_func::<(), ()>(&mut store, export)?.call(&mut store, ())?;
            }
            instance.remove(&mut store)?;
        }
        least = least.min((processor_time() - begun) / f64::from(instances));
    }
    Ok(least)
}

/// Nanoseconds of processor time that this thread has used.
fn processor_time() -> f64 {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    }
    #[cfg(not(target_os = "linux"))]
    {
        static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        BEGUN.get_or_init(std::time::Instant::now).elapsed().as_nanos() as f64
    }
}
