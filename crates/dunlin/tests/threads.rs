//! Shared memories and atomic operators through the API: what matches, grows, traps, waits and is interrupted,
//! in every tier and with memories guarded and checked.

#[path = "support/threads.rs"]
mod engines;

use dunlin::{
    Config, Engine, Error, ErrorKind, Extern, Instance, Linker, Memory, MemoryType, Module,
    PoolingConfig, SharedMemory, Store, StoreLimits, StoreLimitsBuilder, TrapCode, WaitResult,
};
use engines::engines;
use std::thread;
use std::time::Duration;

/// An instance of a module that imports `env` `memory`, in a store of its own.
fn link(memory: &SharedMemory, text: &str) -> dunlin::Result<(Store<()>, Instance)> {
    let module = Module::new(memory.engine(), text)?;
    let mut linker = Linker::new(memory.engine());
    linker.define_shared("env", "memory", memory)?;
    let mut store = Store::new(memory.engine(), ());
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

fn shared(engine: &Engine, min: u32, max: u32) -> SharedMemory {
    SharedMemory::new(engine, MemoryType::shared(min, max)).expect("a shared memory")
}

fn plain() -> Vec<(String, Engine)> {
    engines(|_| ())
}

/// Reads and writes in every way in which bounds are checked.
const ACCESSES: &str = r#"(module
    (import "env" "memory" (memory 1 8 shared))
    (func (export "size") (result i32) (memory.size))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "load far") (param i32) (result i32)
        (i32.load8_u offset=65535 (local.get 0)))
    (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (func (export "add") (param i32 i32) (result i32)
        (i32.atomic.rmw.add (local.get 0) (local.get 1)))
    (func (export "fill") (param i32 i32 i32)
        (memory.fill (local.get 0) (local.get 1) (local.get 2)))
    ;; Waits for a page that somebody else adds, and writes to its last byte.
    (func (export "follow") (param $pages i32)
        (loop
            (br_if 0 (i32.lt_u (memory.size) (local.get $pages))))
        (i32.store8
            (i32.sub (i32.shl (local.get $pages) (i32.const 16)) (i32.const 1))
            (local.get $pages))))"#;

#[test]
fn growth_shows_in_every_store() -> dunlin::Result<()> {
    for (name, engine) in plain() {
        let memory = shared(&engine, 1, 8);
        let (mut first, one) = link(&memory, ACCESSES)?;
        let (mut second, two) = link(&memory, ACCESSES)?;
        let load = two.get_typed_func::<i32, i32>(&mut second, "load")?;
        let far = two.get_typed_func::<i32, i32>(&mut second, "load far")?;
        let size = two.get_typed_func::<(), i32>(&mut second, "size")?;
        let fill = two.get_typed_func::<(i32, i32, i32), ()>(&mut second, "fill")?;
        let out = Some(TrapCode::MemoryOutOfBounds);
        assert_eq!(load.call(&mut second, 65_536).unwrap_err().trap_code(), out, "{name}");
        assert_eq!(far.call(&mut second, 1).unwrap_err().trap_code(), out, "{name}");
        assert_eq!(fill.call(&mut second, (65_535, 7, 2)).unwrap_err().trap_code(), out, "{name}");

        let grow = one.get_typed_func::<i32, i32>(&mut first, "grow")?;
        assert_eq!(grow.call(&mut first, 2)?, 1, "{name}");
        assert_eq!((size.call(&mut second, ())?, memory.size()), (3, 3), "{name}");
        fill.call(&mut second, (65_535, 7, 2))?;
        assert_eq!((load.call(&mut second, 65_536)?, far.call(&mut second, 1)?), (7, 7), "{name}");
        // From now on the first looks succeed.
        assert_eq!(load.call(&mut second, 65_537)?, 0, "{name}");

        assert_eq!(memory.grow(5)?, 3, "{name}");
        let store = one.get_typed_func::<(i32, i32), ()>(&mut first, "store")?;
        store.call(&mut first, (8 * 65_536 - 1, 9))?;
        assert_eq!(load.call(&mut second, 8 * 65_536 - 1)?, 9, "{name}");
        assert_eq!(grow.call(&mut first, 1)?, -1, "{name}");
        assert!(memory.grow(1).is_err(), "{name}");
    }
    Ok(())
}

#[test]
fn threads_follow_a_memory_that_grows() -> dunlin::Result<()> {
    for (name, engine) in plain() {
        let memory = shared(&engine, 1, 8);
        thread::scope(|scope| {
            let followers: Vec<_> = (2..=8)
                .map(|pages| {
                    let memory = &memory;
                    scope.spawn(move || {
                        let (mut store, instance) = link(memory, ACCESSES)?;
                        let follow = instance.get_typed_func::<i32, ()>(&mut store, "follow")?;
                        follow.call(&mut store, pages)
                    })
                })
                .collect();
            for before in 1..8 {
                assert_eq!(memory.grow(1).ok(), Some(before), "{name}");
                thread::yield_now();
            }
            for follower in followers {
                assert!(follower.join().expect("no panic").is_ok(), "{name}");
            }
        });
        for pages in 2..=8_u8 {
            let mut byte = [0];
            memory.read(usize::from(pages) * 65_536 - 1, &mut byte)?;
            assert_eq!(byte, [pages], "{name}");
        }
    }
    Ok(())
}

#[test]
fn what_is_shared_matches_only_what_is() -> dunlin::Result<()> {
    let engine = Engine::default();
    let memory = shared(&engine, 1, 2);
    for (wanted, fits) in [
        ("1 2 shared", true),
        ("0 3 shared", true),
        ("1 1 shared", false),
        ("2 2 shared", false),
        ("1 2", false),
        ("1", false),
    ] {
        let text = format!(r#"(module (import "env" "memory" (memory {wanted})))"#);
        let linked = link(&memory, &text).map(drop).map_err(|error| error.kind());
        assert_eq!(linked, if fits { Ok(()) } else { Err(ErrorKind::Link) }, "{wanted}");
    }
    let mut store = Store::new(&engine, ());
    let own = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
    assert!(own.shared(&store).is_none());
    let text = r#"(module (import "env" "memory" (memory 1 2 shared)))"#;
    let module = Module::new(&engine, text)?;
    let refused = Instance::new(&mut store, &module, &[own.into()]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Link);

    let mut other = Store::new(&Engine::default(), ());
    assert_eq!(memory.in_store(&mut other).unwrap_err().kind(), ErrorKind::Usage);
    for ty in [MemoryType::new(1, Some(2)), MemoryType::shared(2, 1)] {
        assert_eq!(SharedMemory::new(&engine, ty).unwrap_err().kind(), ErrorKind::Usage);
    }
    let endless = MemoryType { max: None, ..MemoryType::shared(1, 1) };
    assert_eq!(SharedMemory::new(&engine, endless).unwrap_err().kind(), ErrorKind::Usage);
    Ok(())
}

#[test]
fn a_memory_that_a_module_defines_can_be_shared() -> dunlin::Result<()> {
    for (name, engine) in plain() {
        let module = Module::new(
            &engine,
            r#"(module
                (memory (export "memory") 1 2 shared)
                (data (i32.const 8) "shared")
                (data $late "passive")
                (func (export "late") (memory.init $late (i32.const 8) (i32.const 0) (i32.const 7))))"#,
        )?;
        // The second instance begins with an image.
        for _ in 0..2 {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            let memory = instance.get_memory(&mut store, "memory").expect("the export");
            assert_eq!(memory.data(&store), b"", "{name}: it cannot be borrowed");
            assert_eq!(memory.data_size(&store), 65_536, "{name}");
            let shared = memory.shared(&store).expect("it is shared");
            let mut bytes = [0; 6];
            shared.read(8, &mut bytes)?;
            assert_eq!(&bytes, b"shared", "{name}");
            memory.write(&mut store, 14, b"!")?;
            // Other stores have it too, this one once.
            assert_eq!(shared.in_store(&mut store)?, memory, "{name}");
            let (mut other, one) = link(&shared, ACCESSES)?;
            let load = one.get_typed_func::<i32, i32>(&mut other, "load");
            assert_eq!(load?.call(&mut other, 14)?, i32::from(b'!'), "{name}");
            instance.get_typed_func::<(), ()>(&mut store, "late")?.call(&mut store, ())?;
            memory.read(&store, 8, &mut bytes)?;
            assert_eq!(&bytes, b"passiv", "{name}");
            // The memory outlives the store that made it.
            drop(store);
            assert_eq!(shared.size(), 1, "{name}");
        }
    }
    Ok(())
}

/// A function for every trap that atomic operators have.
const TRAPS: &str = r#"
    (func (export "load") (param i32) (drop (i64.atomic.load (local.get 0))))
    (func (export "store") (param i32) (i32.atomic.store16 offset=2 (local.get 0) (i32.const 1)))
    (func (export "rmw") (param i32) (drop (i32.atomic.rmw.xchg offset=4 (local.get 0) (i32.const 1))))
    (func (export "cmpxchg") (param i32)
        (drop (i64.atomic.rmw32.cmpxchg_u (local.get 0) (i64.const 0) (i64.const 0))))
    (func (export "notify") (param i32)
        (drop (memory.atomic.notify offset=8 (local.get 0) (i32.const 1))))
    (func (export "wait") (param i32)
        (drop (memory.atomic.wait64 (local.get 0) (i64.const 1) (i64.const 0))))
    (func (export "far") (param i32)
        (drop (memory.atomic.notify offset=0xFFFFFFFC (local.get 0) (i32.const 1)))))"#;

#[test]
fn addresses_are_aligned_and_in_bounds_or_trap() -> dunlin::Result<()> {
    use TrapCode::{ExpectedSharedMemory, MemoryOutOfBounds, UnalignedAtomic};
    for (name, engine) in plain() {
        for memory in ["(memory 1 1 shared)", "(memory 1)"] {
            let module = Module::new(&engine, format!("(module {memory} {TRAPS}"))?;
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            let mut check = |func: &str, address: i32, expected: Option<TrapCode>| {
                let func = instance.get_typed_func::<i32, ()>(&mut store, func)?;
                let found =
                    func.call(&mut store, address).err().and_then(|error| error.trap_code());
                assert_eq!(found, expected, "{name}, {memory}: {address}");
                Ok::<(), Error>(())
            };
            for func in ["load", "store", "rmw", "cmpxchg", "notify"] {
                check(func, 65_512, None)?;
                check(func, 65_513, Some(UnalignedAtomic))?;
                check(func, 65_536, Some(MemoryOutOfBounds))?;
                check(func, -8, Some(MemoryOutOfBounds))?;
                check(func, -7, Some(UnalignedAtomic))?;
            }
            check("load", 65_532, Some(UnalignedAtomic))?;
            check("wait", 4, Some(UnalignedAtomic))?;
            check("wait", 65_536, Some(MemoryOutOfBounds))?;
            check("far", 4, Some(MemoryOutOfBounds))?;
            let is_shared = memory.contains("shared");
            check("wait", 8, if is_shared { None } else { Some(ExpectedSharedMemory) })?;
        }
    }
    Ok(())
}

#[test]
fn operators_return_what_was_there_in_memories_of_one_store_too() -> dunlin::Result<()> {
    for (name, engine) in plain() {
        for memory in ["(memory 1 1 shared)", "(memory 1)", "(memory i64 1)"] {
            let at = if memory.contains("i64") { "(i64.const 16)" } else { "(i32.const 16)" };
            let module = Module::new(
                &engine,
                format!(
                    r#"(module {memory}
                    (func (export "f") (result i64 i32 i64 i32 i64)
                        (i64.store {at} (i64.const 0x1122334455667788))
                        (i64.atomic.rmw.sub {at} (i64.const 0x88))
                        (i32.atomic.rmw8.or_u offset=7 {at} (i32.const 0xF00))
                        (i64.atomic.rmw16.cmpxchg_u offset=2 {at} (i64.const 0x5566) (i64.const -1))
                        (i32.atomic.rmw8.cmpxchg_u offset=1 {at} (i32.const 1) (i32.const 2))
                        (atomic.fence)
                        (i64.atomic.load {at})))"#
                ),
            )?;
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            let f = instance.get_typed_func::<(), (i64, i32, i64, i32, i64)>(&mut store, "f")?;
            let expected = (0x1122_3344_5566_7788, 0x11, 0x5566, 0x77, 0x1122_3344_ffff_7700);
            assert_eq!(f.call(&mut store, ())?, expected, "{name}, {memory}");
        }
    }
    Ok(())
}

const WAITS: &str = r#"(module
    (import "env" "memory" (memory 1 1 shared))
    (func (export "wait") (param i32 i32 i64) (result i32)
        (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "wait64") (param i32 i64 i64) (result i32)
        (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "notify") (param i32 i32) (result i32)
        (memory.atomic.notify (local.get 0) (local.get 1))))"#;

#[test]
fn guests_and_hosts_wake_each_other() -> dunlin::Result<()> {
    for (name, engine) in plain() {
        let memory = shared(&engine, 1, 1);
        memory.write(8, &[5])?;
        let (mut store, instance) = link(&memory, WAITS)?;
        let wait = instance.get_typed_func::<(i32, i32, i64), i32>(&mut store, "wait")?;
        let wait64 = instance.get_typed_func::<(i32, i64, i64), i32>(&mut store, "wait64")?;
        let notify = instance.get_typed_func::<(i32, i32), i32>(&mut store, "notify")?;
        assert_eq!(wait.call(&mut store, (8, 6, -1))?, 1, "{name}: another value");
        assert_eq!(wait.call(&mut store, (8, 5, 1_000))?, 2, "{name}: the time is over");
        assert_eq!(wait64.call(&mut store, (8, 5, 0))?, 2, "{name}");
        assert_eq!(wait64.call(&mut store, (8, 5 | 1 << 32, 0))?, 1, "{name}");
        assert_eq!(notify.call(&mut store, (8, -1))?, 0, "{name}: nobody waits");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| wait.call(&mut store, (8, 5, -1)));
            while memory.waiting() == 0 {
                thread::yield_now();
            }
            assert_eq!(memory.atomic_notify(16, 1).ok(), Some(0), "{name}");
            assert_eq!(memory.atomic_notify(8, 1).ok(), Some(1), "{name}");
            assert_eq!(waiting.join().expect("no panic").ok(), Some(0), "{name}: woken");
        });
        thread::scope(|scope| {
            let host = scope.spawn(|| memory.atomic_wait32(8, 5, None).ok());
            while memory.waiting() == 0 {
                thread::yield_now();
            }
            assert_eq!(notify.call(&mut store, (8, 3)).ok(), Some(1), "{name}");
            assert_eq!(host.join().expect("no panic"), Some(WaitResult::Woken), "{name}");
        });
        let short = Some(Duration::from_millis(1));
        assert_eq!(memory.atomic_wait64(8, 5, short)?, WaitResult::TimedOut, "{name}");
        assert_eq!(memory.atomic_wait64(8, 4, short)?, WaitResult::Mismatch, "{name}");
    }
    Ok(())
}

#[test]
fn a_guest_that_waits_can_be_interrupted() -> dunlin::Result<()> {
    let epochs = engines(|config| {
        config.epoch_interruption(true);
    });
    for (name, engine) in plain().into_iter().chain(epochs.clone()) {
        let by_epoch = epochs.iter().any(|(_, other)| Engine::same(other, &engine));
        let memory = shared(&engine, 1, 1);
        let (mut store, instance) = link(&memory, WAITS)?;
        store.set_epoch_deadline(1);
        let wait = instance.get_typed_func::<(i32, i32, i64), i32>(&mut store, "wait")?;
        let handle = store.interrupt_handle();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| wait.call(&mut store, (8, 0, -1)));
            while memory.waiting() == 0 {
                thread::yield_now();
            }
            if by_epoch {
                engine.increment_epoch();
            } else {
                handle.interrupt();
            }
            let error = waiting.join().expect("no panic").unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{name}");
        });
        assert_eq!(memory.waiting(), 0, "{name}");
        // A request that came before the wait ends it, too; then the store goes on.
        if !by_epoch {
            handle.interrupt();
            let error = wait.call(&mut store, (8, 0, -1)).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{name}");
            assert_eq!(wait.call(&mut store, (8, 1, -1))?, 1, "{name}");
        }
    }
    Ok(())
}

#[test]
fn each_store_counts_what_it_has() -> dunlin::Result<()> {
    let engine = Engine::default();
    let memory = shared(&engine, 2, 8);
    let limited = |limits: StoreLimitsBuilder| {
        let mut store = Store::new(&engine, limits.build());
        store.limiter(|limits: &mut StoreLimits| limits);
        store
    };
    let mut small = limited(StoreLimitsBuilder::new().memory_size(65_536));
    assert_eq!(memory.in_store(&mut small).unwrap_err().kind(), ErrorKind::Resource);
    let mut none = limited(StoreLimitsBuilder::new().memories(0));
    assert_eq!(memory.in_store(&mut none).unwrap_err().kind(), ErrorKind::Resource);
    let mut one = limited(StoreLimitsBuilder::new().memories(1).memory_size(3 * 65_536));
    let there = memory.in_store(&mut one)?;
    assert_eq!(memory.in_store(&mut one)?, there);
    assert_eq!(there.grow(&mut one, 1)?, 2);
    assert!(there.grow(&mut one, 1).is_err(), "the store's limit");
    assert_eq!(memory.grow(1)?, 3, "the host's own");
    assert_eq!(Extern::from(there).into_memory().map(|memory| memory.size(&one)), Some(4));
    Ok(())
}

#[test]
fn a_pool_counts_shared_memories() -> dunlin::Result<()> {
    let mut pooling = PoolingConfig::new();
    pooling.total_memories(2).max_memory_size(4 * 65_536);
    let engine = Engine::new(Config::new().pooling(pooling))?;
    let first = shared(&engine, 1, 8);
    let second = shared(&engine, 1, 8);
    let third = SharedMemory::new(&engine, MemoryType::shared(1, 8));
    assert_eq!(third.unwrap_err().kind(), ErrorKind::Resource);
    assert!(first.grow(4).is_err(), "larger than those of the pool");
    assert_eq!(first.grow(3)?, 1);
    let also = second.clone();
    drop(second);
    assert!(SharedMemory::new(&engine, MemoryType::shared(1, 8)).is_err());
    drop(also);
    shared(&engine, 1, 8);
    Ok(())
}

/// What all threads have in common besides memories: the engine's numbers of types, functions that are prepared at
/// their first call, code that comes while guests run, the code cache, and the pool of slots and stacks.
#[test]
fn threads_share_modules_types_code_and_the_cache() -> dunlin::Result<()> {
    let threads = 4;
    let (rounds, functions) = if cfg!(miri) { (1, 3) } else { (6, 40) };
    let folder = std::env::temp_dir().join(format!("dunlin-threads-{}", std::process::id()));
    let mut config = Config::new();
    #[cfg(feature = "optimize")]
    config.cache(dunlin::Cache::open(&folder).expect("a folder"));
    let engine = Engine::new(config.tier(dunlin::Tier::Auto))?;
    for round in 0..rounds {
        // Each round has types and functions that nobody has asked for yet; the data make it worth keeping.
        let body: String = (0..functions)
            .map(|i| {
                let params = "(param i32) ".repeat(1 + (round * 7 + i) % 11);
                format!(
                    r#"(func (export "f{i}") {params} (result i32)
                        (i32.add (local.get 0) (i32.const {i})))"#
                )
            })
            .collect();
        let text = format!(
            r#"(module (memory 1) {body} (data "{}") (func (export "all") (param i32) (result i32)
                (local $i i32)
                (loop
                    (local.set 0 (i32.add (local.get 0) (call $one (local.get $i))))
                    (br_if 0 (i32.lt_u
                        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500))))
                (local.get 0))
               (func $one (param i32) (result i32) (i32.and (local.get 0) (i32.const 1))))"#,
            "x".repeat(10_000)
        );
        let module = Module::new(&engine, &text)?;
        thread::scope(|scope| {
            for number in 0..threads {
                let (engine, module, text) = (&engine, &module, &text);
                scope.spawn(move || {
                    // One thread compiles, one makes the module again, all call.
                    #[cfg(feature = "optimize")]
                    if number == 1 {
                        module.optimize().expect("code");
                    }
                    let own;
                    let module = if number == 2 {
                        own = Module::new(engine, text).expect("valid");
                        &own
                    } else {
                        module
                    };
                    for _ in 0..3 {
                        let mut store = Store::new(engine, ());
                        let instance = Instance::new(&mut store, module, &[]).expect("an instance");
                        let all = instance.get_typed_func::<i32, i32>(&mut store, "all");
                        let all = all.expect("the export");
                        assert_eq!(all.call(&mut store, number).expect("no trap"), 250 + number);
                        for i in 0..functions {
                            let func = instance.get_func(&mut store, &format!("f{i}"));
                            let func = func.expect("the export");
                            let count = func.ty(&store).expect("its store").params().len();
                            let mut results = [dunlin::Val::I32(0)];
                            let arguments = vec![dunlin::Val::I32(number); count];
                            func.call(&mut store, &arguments, &mut results).expect("no trap");
                            assert_eq!(results[0].i32(), Some(number + i as i32));
                        }
                    }
                });
            }
        });
    }
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
