//! Very many instances alive in one process: 30,000 with guarded memories, 100,000 with dense ones.

use dunlin::{
    Config, Engine, ErrorKind, Instance, MemoryStrategy, Module, PoolingConfig, Result, Store,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Both take a large part of what a process may map: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const GUEST: &str = r#"(module
    (memory 1)
    (data (i32.const 0) "tenant")
    (global $number (export "number") (mut i32) (i32.const 0))
    (func (export "set") (param i32)
        (global.set $number (local.get 0))
        (i32.store (i32.const 8) (local.get 0)))
    (func (export "check") (param i32) (result i32)
        (i32.and
            (i32.and
                (i32.eq (global.get $number) (local.get 0))
                (i32.eq (i32.load (i32.const 8)) (local.get 0)))
            (i32.eq (i32.load (i32.const 0)) (i32.const 0x616e6574)))))"#;

/// An engine whose pool has so many memories of a page.
fn engine(strategy: MemoryStrategy, count: u32) -> Result<Engine> {
    let mut pooling = PoolingConfig::new();
    pooling.total_core_instances(count).total_memories(count).max_memory_size(64 << 10);
    Engine::new(Config::new().memory_strategy(strategy).max_stack_bytes(64 << 10).pooling(pooling))
}

/// Makes so many instances, each in its own store, runs some of them, and finds each as it left it.
fn live(engine: &Engine, count: i32) -> Result<()> {
    let module = Module::new(engine, GUEST)?;
    let mut guests = Vec::new();
    for i in 0..count {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        if i % 64 == 0 {
            instance.get_typed_func::<i32, ()>(&mut store, "set")?.call(&mut store, i)?;
        }
        guests.push((store, instance));
    }
    for (i, (store, instance)) in (0..).zip(&mut guests) {
        if i % 64 == 0 {
            let check = instance.get_typed_func::<i32, i32>(&mut *store, "check")?;
            assert_eq!(check.call(store, i)?, 1, "instance {i}");
        }
    }
    // All of them are alive at once, so that there is no room for one more.
    let mut store = Store::new(engine, ());
    let error = Instance::new(&mut store, &module, &[]).expect_err("the pool is used up");
    assert_eq!(error.kind(), ErrorKind::Resource);
    Ok(())
}

// With 47 bits of address space; a process of fewer bits has room for fewer.
#[cfg(target_pointer_width = "64")]
#[test]
fn thirty_thousand_guarded_instances_live_at_once() -> Result<()> {
    let _alone = alone();
    live(&engine(MemoryStrategy::Guarded, 30_000)?, 30_000)
}

#[test]
fn a_hundred_thousand_dense_instances_live_at_once() -> Result<()> {
    let _alone = alone();
    live(&engine(MemoryStrategy::Dense, 100_000)?, 100_000)
}
