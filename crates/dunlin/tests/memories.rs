//! Memory strategies and pools: the same guests on each, and nothing of one guest left for the next.

use dunlin::{
    Config, Engine, Error, ErrorKind, Instance, Memory, MemoryStrategy, MemoryType, Module,
    PoolingConfig, Result, Store, Table, TrapCode, Val,
};

/// Every way to lay out memories, with a name for messages. Pools are small, so that slots are used again.
fn engines() -> Vec<(&'static str, Engine)> {
    let mut engines = Vec::new();
    for (name, strategy, slots) in [
        ("guarded", MemoryStrategy::Guarded, None),
        ("dense", MemoryStrategy::Dense, None),
        ("guarded pool", MemoryStrategy::Guarded, Some(2)),
        ("dense pool", MemoryStrategy::Dense, Some(2)),
    ] {
        let mut config = Config::new();
        config.memory_strategy(strategy);
        if let Some(slots) = slots {
            let mut pooling = PoolingConfig::new();
            pooling.total_memories(slots).max_memory_size(8 << 20).total_stacks(1);
            config.pooling(pooling);
        }
        match Engine::new(&config) {
            Ok(engine) => engines.push((name, engine)),
            // Machines without reservations have dense memories only.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Resource, "{name}"),
        }
    }
    assert!(engines.len() >= 2);
    engines
}

/// A guest with an initial image in the second half of its first page, and functions to look around.
const GUEST: &str = r#"(module
    (memory (export "memory") 2 100)
    (data (i32.const 40000) "initial")
    (data (i32.const 40002) "ITI")
    (global (export "global") (mut i32) (i32.const 7))
    (table (export "table") 3 1000 funcref)
    (elem (i32.const 1) $load)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func $load (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
    (func (export "deep") (param i32) (result i64)
        (local i64 i64 i64)
        (local.set 1 (i64.const 0x5a5a5a5a5a5a5a5a))
        (if (result i64) (local.get 0)
            (then (i64.add (local.get 1) (call 3 (i32.sub (local.get 0) (i32.const 1)))))
            (else (local.get 1)))))"#;

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(module: &Module) -> Result<Self> {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, module, &[])?;
        Ok(Self { store, instance })
    }

    fn memory(&mut self) -> Memory {
        self.instance.get_memory(&mut self.store, "memory").expect("an export")
    }

    fn call(&mut self, name: &str, params: &[i32]) -> Result<i32> {
        let func = self.instance.get_func(&mut self.store, name).expect("an export");
        let params: Vec<Val> = params.iter().map(|param| Val::I32(*param)).collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store)?.results().len()];
        func.call(&mut self.store, &params, &mut results)?;
        Ok(results.first().and_then(Val::i32).unwrap_or(0))
    }

    /// Checks that the guest is as its module says.
    fn check(&mut self, name: &str) {
        let (memory, store) = (self.memory(), &mut self.store);
        let mut expected = vec![0; 2 << 16];
        expected[40000..40007].copy_from_slice(b"inITIal");
        assert!(memory.data(&store) == expected, "{name}: initial contents");
        let global = self.instance.get_global(&mut *store, "global").expect("an export");
        assert_eq!(global.get(&mut *store).expect("a value").i32(), Some(7), "{name}");
        let table = self.instance.get_table(&mut *store, "table").expect("an export");
        assert_eq!(table.size(&*store), 3, "{name}");
        for (i, is_null) in [(0, true), (1, false), (2, true)] {
            let element = table.get(&mut *store, i).expect("an element");
            assert_eq!(matches!(element, Val::FuncRef(None)), is_null, "{name}: element {i}");
        }
        // What growth adds is zero as well.
        assert_eq!(memory.grow(&mut *store, 60).expect("it grows"), 2, "{name}");
        assert!(memory.data(&store)[2 << 16..].iter().all(|byte| *byte == 0), "{name}: grown");
    }

    /// Writes all over the guest.
    fn soil(&mut self) -> Result<()> {
        let (memory, store) = (self.memory(), &mut self.store);
        memory.data_mut(&mut *store).fill(0xa5);
        let global = self.instance.get_global(&mut *store, "global").expect("an export");
        global.set(&mut *store, Val::I32(-1))?;
        let table = self.instance.get_table(&mut *store, "table").expect("an export");
        let func = table.get(&mut *store, 1).expect("an element");
        table.grow(&mut *store, 500, func)?;
        table.set(&mut *store, 0, Val::FuncRef(None))?;
        self.call("deep", &[5_000]).map(drop)
    }
}

#[test]
fn nothing_is_left_for_the_next_guest() -> Result<()> {
    for (name, engine) in engines() {
        let module = Module::new(&engine, GUEST)?;
        // The first instances write their segments themselves, the later ones have an image.
        for round in 0..4 {
            let mut guest = Guest::new(&module)?;
            guest.check(&format!("{name}, round {round}"));
            guest.soil()?;
        }
        // One page written by the guest alone, at every place that matters.
        for at in [0, 4096, 39_998, 40_003, 65_532, 131_068] {
            let mut guest = Guest::new(&module)?;
            guest.call("store", &[at, -1])?;
            drop(guest);
            Guest::new(&module)?.check(&format!("{name}, after a write at {at}"));
        }
    }
    Ok(())
}

#[test]
fn nothing_is_left_for_guests_of_other_modules() -> Result<()> {
    let empty = r#"(module (memory (export "memory") 3))"#;
    let other = r#"(module (memory (export "memory") 1) (data (i32.const 9) "other"))"#;
    for (name, engine) in engines() {
        let modules = [GUEST, empty, other].map(|text| Module::new(&engine, text));
        let [guest, empty, other] = modules;
        let (guest, empty, other) = (guest?, empty?, other?);
        for round in 0..5 {
            Guest::new(&guest)?.soil()?;
            let mut next = Guest::new(&empty)?;
            let memory = next.memory();
            assert_eq!(memory.data_size(&next.store), 3 << 16);
            let zeros = memory.data(&next.store).iter().all(|byte| *byte == 0);
            assert!(zeros, "{name}, round {round}: an empty module");
            drop(next);
            let mut next = Guest::new(&other)?;
            let bytes = next.memory().data(&next.store);
            assert_eq!((bytes.len(), &bytes[9..14]), (1 << 16, &b"other"[..]), "{name}");
            let rest = bytes[..9].iter().chain(&bytes[14..]).all(|byte| *byte == 0);
            assert!(rest, "{name}, round {round}: another module");
            drop(next);
            Guest::new(&guest)?.check(name);
        }
        // A module that is gone takes its image along.
        drop((guest, other));
        let mut next = Guest::new(&empty)?;
        assert!(next.memory().data(&next.store).iter().all(|byte| *byte == 0), "{name}");
    }
    Ok(())
}

#[test]
fn bounds_are_those_of_the_memory() -> Result<()> {
    for (name, engine) in engines() {
        let module = Module::new(&engine, GUEST)?;
        for _ in 0..3 {
            let mut guest = Guest::new(&module)?;
            for (pages, more) in [(2, 3), (5, 57), (62, 38)] {
                let end = pages << 16;
                assert_eq!(guest.call("load", &[end - 4])?, 0, "{name}, {pages}");
                for at in [end - 3, end, end + 1, i32::MAX, -4, -1] {
                    let error = guest.call("load", &[at]).expect_err(name);
                    assert_eq!(
                        error.trap_code(),
                        Some(TrapCode::MemoryOutOfBounds),
                        "{name}, {at}"
                    );
                }
                assert_eq!(guest.call("grow", &[more])?, pages, "{name}");
            }
            assert_eq!(guest.call("grow", &[1])?, -1, "{name}");
        }
    }
    Ok(())
}

#[test]
fn memories_of_64_bit_addresses_are_had_with_every_strategy() -> Result<()> {
    let text = r#"(module (memory (export "memory") i64 1 3) (data (i64.const 3) "wide"))"#;
    for (name, engine) in engines() {
        let module = Module::new(&engine, text)?;
        for _ in 0..3 {
            let mut guest = Guest::new(&module)?;
            let memory = guest.memory();
            assert_eq!(&memory.data(&guest.store)[..8], b"\0\0\0wide\0", "{name}");
            memory.data_mut(&mut guest.store).fill(1);
            assert_eq!(memory.grow(&mut guest.store, 2)?, 1, "{name}");
            assert_eq!(memory.data(&guest.store)[1 << 16], 0, "{name}");
        }
    }
    Ok(())
}

#[test]
fn a_memory_with_a_large_image_grows_with_its_contents() -> Result<()> {
    let data = "0123456789abcdef".repeat(20_000);
    let text =
        format!(r#"(module (memory (export "memory") 7 20) (data (i32.const 70000) "{data}"))"#);
    for (name, engine) in engines() {
        let module = Module::new(&engine, &text)?;
        for round in 0..3 {
            let mut guest = Guest::new(&module)?;
            let memory = guest.memory();
            memory.data_mut(&mut guest.store)[80_001] = b'!';
            for pages in [7, 9] {
                assert_eq!(memory.grow(&mut guest.store, 2)?, pages, "{name}");
                let bytes = memory.data(&guest.store);
                assert_eq!(&bytes[69_999..70_016], b"\x000123456789abcdef", "{name}, {round}");
                assert_eq!(&bytes[80_000..80_003], b"0!2", "{name}, {round}");
                assert!(bytes[70_000 + data.len()..].iter().all(|byte| *byte == 0), "{name}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_guarded_memory_never_moves() -> Result<()> {
    let config = Config::new().memory_strategy(MemoryStrategy::Guarded).clone();
    let Ok(engine) = Engine::new(&config) else { return Ok(()) };
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let at = memory.data(&store).as_ptr();
    assert_eq!(memory.grow(&mut store, 1000)?, 1);
    assert_eq!(memory.data(&store).as_ptr(), at);
    Ok(())
}

/// An engine with a pool of one of everything.
fn pool_of_one() -> Engine {
    let mut pooling = PoolingConfig::new();
    pooling.total_core_instances(1).total_memories(1).total_tables(1);
    pooling.max_memory_size(2 << 16).table_elements(10);
    Engine::new(Config::new().pooling(pooling)).expect("a small pool")
}

fn refused(made: Result<impl Sized>) -> String {
    let error: Error = made.err().expect("the pool refuses");
    assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
    error.to_string()
}

#[test]
fn what_a_pool_has_not_is_refused_by_name() -> Result<()> {
    let engine = pool_of_one();
    let module = |text| Module::new(&engine, text);
    let empty = module("(module)")?;
    let kept = Guest::new(&empty)?;
    assert_eq!(
        refused(Guest::new(&empty)),
        "an instance of the module was refused: all 1 instances of the engine's pool are in use"
    );
    drop(kept);
    assert_eq!(
        refused(Guest::new(&module("(module (memory 3))")?)),
        "a memory of the module was refused: a memory of the engine's pool has at most 131072, \
         and 196608 are asked for"
    );
    assert_eq!(
        refused(Guest::new(&module("(module (table 11 funcref))")?)),
        "a table of the module was refused: a table of the engine's pool has at most 10, \
         and 11 are asked for"
    );
    assert_eq!(
        refused(Guest::new(&module("(module (memory 1) (table 1 funcref) (table 1 funcref))")?)),
        "a table of the module was refused: all 1 tables of the engine's pool are in use"
    );
    // What was refused in the middle has given everything back.
    let mut guest = Guest::new(&module(
        r#"(module (memory (export "memory") 1) (table (export "table") 1 funcref))"#,
    )?)?;
    let memory = guest.memory();
    assert_eq!(memory.grow(&mut guest.store, 1)?, 1);
    assert!(refused(memory.grow(&mut guest.store, 1)).contains("cannot grow a memory"));
    let table = guest.instance.get_table(&mut guest.store, "table").expect("an export");
    assert_eq!(table.grow(&mut guest.store, 9, Val::FuncRef(None))?, 1);
    assert!(refused(table.grow(&mut guest.store, 1, Val::FuncRef(None))).contains("cannot grow"));
    let ty = table.ty(&guest.store)?;
    assert_eq!(
        refused(Table::new(&mut guest.store, ty, Val::FuncRef(None))),
        "cannot create a table of 10 elements: all 1 tables of the engine's pool are in use"
    );
    Ok(())
}

#[test]
fn a_failed_instantiation_keeps_the_order_of_the_specification() -> Result<()> {
    // The first segment is in bounds, the second is not: the first stays written.
    let text = r#"(module
        (import "" "memory" (memory 1))
        (data (i32.const 0) "kept")
        (data (i32.const 65535) "out"))"#;
    let own = r#"(module (memory 1) (data (i32.const 65535) "out"))"#;
    for (name, engine) in engines() {
        let (module, own) = (Module::new(&engine, text)?, Module::new(&engine, own)?);
        for _ in 0..3 {
            let mut store = Store::new(&engine, ());
            let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
            let error = Instance::new(&mut store, &module, &[memory.into()]).expect_err(name);
            assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{name}");
            assert_eq!(&memory.data(&store)[..5], b"kept\0", "{name}");
            let error = Instance::new(&mut store, &own, &[]).expect_err(name);
            assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{name}");
        }
    }
    Ok(())
}

#[test]
fn tables_begin_as_the_module_says_however_often() -> Result<()> {
    let text = r#"(module
        (import "" "host" (func $host (result i32)))
        (table 8 funcref)
        (elem (i32.const 1) $host $two $two)
        (elem (i32.const 2) $three)
        (elem (table 0) (i32.const 6) funcref (ref.func $two) (ref.null func))
        (func $two (result i32) (i32.const 2))
        (func $three (result i32) (i32.const 3))
        (func (export "call") (param i32) (result i32)
            (call_indirect (result i32) (local.get 0))))"#;
    for (name, engine) in engines() {
        let module = Module::new(&engine, text)?;
        for round in 0..3 {
            let mut store = Store::new(&engine, ());
            let host = dunlin::Func::wrap(&mut store, || 1);
            // Twice in one store: references of the second begin later.
            for _ in 0..2 {
                let instance = Instance::new(&mut store, &module, &[host.into()])?;
                let call = instance.get_typed_func::<i32, i32>(&mut store, "call")?;
                for (i, expected) in [(1, 1), (2, 3), (3, 2), (6, 2)] {
                    assert_eq!(call.call(&mut store, i)?, expected, "{name}, {round}, {i}");
                }
                for i in [0, 4, 5, 7] {
                    let error = call.call(&mut store, i).expect_err(name);
                    assert_eq!(error.trap_code(), Some(TrapCode::UninitializedElement), "{name}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_memory_that_is_all_image_grows() {
    // Segments from the first byte to the last page: nothing of the memory lies outside the image.
    let text = r#"(module
        (memory (export "memory") 3 9)
        (data (i32.const 0) "first")
        (data (i32.const 90000) "middle")
        (data (i32.const 196600) "last")
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))"#;
    for (name, engine) in engines() {
        let module = Module::new(&engine, text).expect("a valid module");
        // From the second instance on there is an image.
        for _ in 0..3 {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow").expect("an export");
            let load = instance.get_typed_func::<i32, i32>(&mut store, "load").expect("an export");
            let set = instance.get_typed_func::<(i32, i32), ()>(&mut store, "store").expect("one");
            set.call(&mut store, (1, 7)).expect("in bounds");
            for pages in [3, 4] {
                assert_eq!(grow.call(&mut store, 1).expect("no trap"), pages, "{name}");
                let last = (pages + 1) * 65_536 - 1;
                assert_eq!(load.call(&mut store, last).expect("in bounds"), 0, "{name}");
                set.call(&mut store, (last, pages)).expect("in bounds");
                assert_eq!(load.call(&mut store, last).expect("in bounds"), pages, "{name}");
            }
            for (at, byte) in [(0, b'f'), (1, 7), (90_005, b'e'), (196_603, b't'), (196_604, 0)] {
                assert_eq!(load.call(&mut store, at).expect("in bounds"), byte.into(), "{name}");
            }
        }
    }
}

/// Memories whose pages are bytes are dense, whatever the strategy, exact to the byte, and leave nothing to the
/// next one in their place.
#[test]
fn small_pages_are_had_with_every_strategy() -> Result<()> {
    let text = r#"(module
        (memory (export "memory") 5 9000 (pagesize 1)) (data (i32.const 3) "ab")
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    for (name, engine) in engines() {
        let module = Module::new(&engine, text)?;
        for _ in 0..4 {
            let mut guest = Guest::new(&module)?;
            let memory = guest.memory();
            assert_eq!(memory.data(&guest.store), b"\0\0\0ab", "{name}");
            assert_eq!(
                (memory.size(&guest.store), memory.data_size(&guest.store)),
                (5, 5),
                "{name}"
            );
            assert_eq!(memory.grow(&mut guest.store, 4092)?, 5, "{name}");
            assert!(memory.data(&guest.store)[5..].iter().all(|byte| *byte == 0), "{name}");
            assert_eq!(guest.call("load", &[4096])?, 0, "{name}");
            let error = guest.call("load", &[4097]).expect_err(name);
            assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{name}");
            memory.data_mut(&mut guest.store).fill(1);
            assert_eq!(guest.call("grow", &[1])?, 4097, "{name}");
            assert_eq!(guest.call("load", &[4097])?, 0, "{name}");
            assert_eq!(guest.call("grow", &[4903])?, -1, "{name}");
            assert_eq!(guest.call("grow", &[4902])?, 4098, "{name}");
            memory.data_mut(&mut guest.store).fill(2);
        }
    }
    Ok(())
}

#[test]
fn types_of_small_pages_are_checked_where_hosts_make_memories() -> Result<()> {
    let bytes = MemoryType { page_size_log2: 0, ..MemoryType::new(3, Some(5)) };
    for (name, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let memory = Memory::new(&mut store, bytes)?;
        assert_eq!(memory.ty(&store)?, bytes, "{name}");
        assert_eq!(memory.grow(&mut store, 2)?, 3, "{name}");
        assert_eq!(memory.grow(&mut store, 1).expect_err(name).kind(), ErrorKind::Resource);
        for page_size_log2 in [1, 12, 17, 63, 64, 255] {
            let odd = MemoryType { page_size_log2, ..bytes };
            let error = Memory::new(&mut store, odd).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Usage, "{name}: {error}");
        }
        let huge = MemoryType { min: u64::MAX, max: None, memory64: true, ..bytes };
        let error = Memory::new(&mut store, huge).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Resource, "{name}: {error}");
    }
    Ok(())
}
