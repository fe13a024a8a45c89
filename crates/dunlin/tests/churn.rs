//! A store in which instances come and go does not grow, however many there have been.
//!
//! A program of its own, since it counts what is allocated.

mod support;

use dunlin::{
    Config, Engine, Linker, MemoryStrategy, Module, PoolingConfig, RefType, Store, Table,
    TableType, Tier, Val,
};
use peak_alloc::PeakAlloc;
use support::{func, tier};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Instances of each kind: of those that are freed at once, and of those that a search is made for.
const INSTANCES: usize = 12_000;

/// Bytes that may be allocated in the end and were not after the first instances: lists that grow by doubling.
const SLACK: usize = 64 << 10;

const KINDS: [(&str, &str); 5] = [
    (
        "a function of the host's",
        r#"(module (import "" "print" (func $print (param i32)))
            (func (export "f") (result i32) (call $print (i32.const 5)) (i32.const 1)))"#,
    ),
    (
        "memory",
        r#"(module (memory (export "m") 1) (data (i32.const 100) "image") (global (mut i64) (i64.const 3))
            (func (export "f") (result i32) (i32.store (i32.const 5000) (i32.const 1)) (i32.load (i32.const 5000))))"#,
    ),
    (
        "functions in a table of its own",
        r#"(module (table 20 funcref) (elem (i32.const 1) func $a $b $f $a) (func $a) (func $b)
            (func $f (export "f") (result i32) (call_indirect (i32.const 2)) (i32.const 1)))"#,
    ),
    (
        "functions that others could have",
        r#"(module (import "" "t" (table 1 funcref)) (memory 1) (tag (param i32)) (table 3 funcref)
            (elem (table 1) (i32.const 0) func $f)
            (func $f (export "f") (result i32) (table.set 0 (i32.const 0) (ref.func $f)) (i32.const 1)))"#,
    ),
    (
        "objects",
        r#"(module (type $s (struct (field funcref) (field i64))) (memory 1)
            (global (mut (ref null $s)) (ref.null $s)) (elem declare func $f)
            (func $f (export "f") (result i32)
                (global.set 0 (struct.new $s (ref.func $f) (i64.const 9))) (i32.const 1)))"#,
    ),
];

fn engine(strategy: MemoryStrategy, is_pooled: bool) -> Engine {
    let mut config = Config::new();
    tier::choose(&mut config).memory_strategy(strategy);
    if cfg!(feature = "optimize") && tier::tier() == Tier::Auto {
        config.tier(Tier::Optimize);
    }
    if is_pooled {
        let mut pooling = PoolingConfig::new();
        pooling.total_core_instances(100).total_memories(100).total_tables(200).total_stacks(1);
        config.pooling(pooling);
    }
    Engine::new(&config).expect("this machine has it")
}

#[test]
fn a_store_does_not_grow_with_the_instances_that_it_has_had() {
    for (strategy, is_pooled) in [
        (MemoryStrategy::Guarded, true),
        (MemoryStrategy::Guarded, false),
        (MemoryStrategy::Dense, true),
        (MemoryStrategy::Dense, false),
    ] {
        let engine = engine(strategy, is_pooled);
        let mut store = Store::new(&engine, ());
        let ty = TableType::new(RefType::FUNCREF, 1, None);
        let table = Table::new(&mut store, ty, Val::FuncRef(None)).expect("a table");
        let mut linker = Linker::new(&engine);
        linker.func_wrap("", "print", |_: i32| ()).expect("a new name");
        linker.define(&store, "", "t", table).expect("a new name");
        let modules = KINDS.map(|(name, text)| (name, Module::new(&engine, text).expect("valid")));
        for (name, module) in &modules {
            let mut after_first = 0;
            for i in 0..INSTANCES {
                let instance = linker.instantiate(&mut store, module).expect("room for it");
                let f = func::<(), i32>(&mut store, instance, "f");
                assert_eq!(f.call(&mut store, ()).expect("no trap"), 1);
                instance.remove(&mut store).expect("it is there");
                if i == INSTANCES / 10 {
                    store.gc();
                    after_first = ALLOCATED.current_usage();
                }
            }
            store.gc();
            let more = ALLOCATED.current_usage().saturating_sub(after_first);
            assert!(more < SLACK, "{strategy:?}, pooled: {is_pooled}, {name}: {more} bytes more");
            // What the host's table leads to is still there.
            assert!(store.instance_count() <= 1, "{name}");
        }
    }
}
