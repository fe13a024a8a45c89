//! What an instance that does nothing costs: memory of the process for each of 10,000 that are alive.
//!
//! `cargo run --release -p dunlin --example idle_cost [INSTANCES]`

use dunlin::{Config, Engine, Instance, MemoryStrategy, Module, PoolingConfig, Result, Store};

const INSTANCES_DEFAULT: u32 = 10_000;

/// A module of one page with an initial value.
const ONE_PAGE: &str = r#"(module
    (memory (export "memory") 1)
    (data (i32.const 1024) "hello")
    (global $stack (mut i32) (i32.const 65536))
    (func (export "nothing")))"#;

fn main() -> Result<()> {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let count: u32 = count.unwrap_or(INSTANCES_DEFAULT);
    for strategy in [MemoryStrategy::Guarded, MemoryStrategy::Dense] {
        for call in [false, true] {
            let mut pooling = PoolingConfig::new();
            pooling.total_core_instances(count).total_memories(count).max_memory_size(64 << 10);
            let config = Config::new().memory_strategy(strategy).pooling(pooling).clone();
            measure(&Engine::new(&config)?, count, call)?;
        }
    }
    Ok(())
}

fn measure(engine: &Engine, count: u32, call: bool) -> Result<()> {
    let module = Module::new(engine, ONE_PAGE)?;
    let mut stores = Vec::with_capacity(count as usize);
    let before = memory();
    for _ in 0..count {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        if call {
            instance.get_typed_func::<(), ()>(&mut store, "nothing")?.call(&mut store, ())?;
        }
        stores.push(store);
    }
    let after = memory();
    let each = |i: usize| (after[i] - before[i]) * 1024.0 / f64::from(count);
    let called = if call { "called once" } else { "never called" };
    let strategy = engine.memory_strategy();
    println!("{strategy:?}, {called}: {:.0} bytes, page tables {:.0} bytes", each(0), each(1));
    Ok(())
}

/// Resident memory and page tables of this process, in KiB; zeros where the system does not tell.
fn memory() -> [f64; 2] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ["VmRSS:", "VmPTE:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
    })
}
