//! No page of the process is ever writable and executable, whatever its threads do: they compile, run guests
//! that return, trap and are interrupted, write and load artifacts, and drop it all, while the kernel's
//! list of mappings is read again and again.

#![cfg(all(feature = "optimize", target_os = "linux"))]

use dunlin::{
    ArtifactKey, Config, Engine, Instance, Interruption, MemoryStrategy, Module, PoolingConfig,
    Result, Store, Tier, TrapCode,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Names the case in a child's environment.
const CASE: &str = "DUNLIN_TEST_PROTECTION";

const GUEST: &str = r#"(module (memory 1 4) (data (i32.const 0) "an image") (table 2 funcref) (elem (i32.const 0) $f)
    (func $f (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "run") (param i32) (result i32)
        (drop (memory.grow (i32.const 1)))
        (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
    (func (export "loop") (loop (br 0))))"#;

fn engine(strategy: MemoryStrategy, pooled: bool) -> Engine {
    let mut config = Config::new();
    config.tier(Tier::Optimize).interruption(Interruption::Page).memory_strategy(strategy);
    config.artifact_key(ArtifactKey::from_secret(b"of this test"));
    if pooled {
        let mut pooling = PoolingConfig::new();
        pooling.total_core_instances(8).total_memories(8).max_memory_size(4 << 16);
        config.pooling(pooling);
    }
    Engine::new(&config).expect("a tier of this machine")
}

/// A module's life.
fn live(module: &Module) -> Result<()> {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[])?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 3)?, i32::from_le_bytes(*b"imag"));
    let error = run.call(&mut store, -1).expect_err("it is out of bounds");
    assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds));
    store.interrupt_handle().interrupt();
    let forever = instance.get_typed_func::<(), ()>(&mut store, "loop")?;
    let error = forever.call(&mut store, ()).expect_err("it is interrupted");
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    Ok(())
}

/// What a thread does, until it is over.
fn work(engine: &Engine, over: &AtomicBool) -> Result<()> {
    while !over.load(Ordering::Relaxed) {
        let module = Module::new(engine, GUEST)?;
        live(&module)?;
        let artifact = module.serialize()?;
        drop(module);
        live(&Module::deserialize(engine, artifact)?)?;
    }
    Ok(())
}

/// The mappings now: how many are executable; none of those is writable.
fn executable() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the process's mappings");
    let permissions = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let found =
        maps.lines().filter(|line| permissions(line).is_some_and(|found| found.contains('x')));
    for line in found.clone() {
        assert!(!permissions(line).is_some_and(|found| found.contains('w')), "{line}");
    }
    found.count()
}

/// In a process of its own: other tests of this one have threads and mappings too.
#[test]
fn no_page_is_ever_writable_and_executable() {
    if std::env::var_os(CASE).is_none() {
        let mut command =
            std::process::Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "no_page_is_ever_writable_and_executable", "--nocapture"]);
        let output = command.env(CASE, "1").output().expect("a child");
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let before = executable();
    let (over, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let workers = [
            (MemoryStrategy::Guarded, false),
            (MemoryStrategy::Dense, false),
            (MemoryStrategy::Guarded, true),
            (MemoryStrategy::Dense, true),
        ];
        let over = &over;
        for (strategy, pooled) in workers {
            scope.spawn(move || work(&engine(strategy, pooled), over).expect("nothing is refused"));
        }
        for _ in 0..500 {
            most.fetch_max(executable(), Ordering::Relaxed);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(most.into_inner() > before, "code came, and was seen");
    assert_eq!(executable(), before, "and went");
}
