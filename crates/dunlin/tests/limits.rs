//! Limits of stores: memory, tables, counts of objects, and fuel.

mod support;

use dunlin::{
    Caller, Config, Engine, ErrorKind, Instance, Linker, Memory, MemoryType, Module, RefType,
    ResourceLimiter, Result, Store, StoreLimits, StoreLimitsBuilder, Table, TableType, TierUp,
    TrapCode, Val,
};
use support::{any_engine, engine, func, refused, start};

const PAGE: usize = 65536;

/// Grows by what it is given; the results are those of `memory.grow` and `table.grow`.
const GROWS: &str = r#"(module
    (memory (export "memory") 1 10)
    (table (export "table") 1 10 funcref)
    (func (export "memory.grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table.grow") (param i32) (result i32)
        (table.grow (ref.null func) (local.get 0))))"#;

fn limited(limits: StoreLimits) -> Store<StoreLimits> {
    let mut store = Store::new(&any_engine(), limits);
    store.limiter(|limits| limits);
    store
}

fn instantiate(store: &mut Store<StoreLimits>, text: &str) -> Result<Instance> {
    let module = Module::new(store.engine(), text)?;
    Instance::new(store, &module, &[])
}

#[test]
fn growth_stops_at_the_limit() {
    let limits = StoreLimitsBuilder::new().memory_size(3 * PAGE).table_elements(3).build();
    let mut store = limited(limits);
    let instance = instantiate(&mut store, GROWS).unwrap();
    for name in ["memory.grow", "table.grow"] {
        let grow = func::<i32, i32>(&mut store, instance, name);
        for (delta, expected) in [(1, 1), (2, -1), (1, 2), (1, -1), (0, 3), (-1, -1)] {
            assert_eq!(grow.call(&mut store, delta).unwrap(), expected, "{name} by {delta}");
        }
    }
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    let table = instance.get_table(&mut store, "table").unwrap();
    assert_eq!((memory.size(&store), table.size(&store)), (3, 3));
    refused(memory.grow(&mut store, 1), ErrorKind::Resource, "cannot grow a memory by 1 pages");
    let grown = table.grow(&mut store, 1, Val::FuncRef(None));
    refused(grown, ErrorKind::Resource, "cannot grow a table by 1 elements");
}

#[test]
fn growth_over_the_limit_ends_the_guest_if_asked_to() {
    let limits = StoreLimitsBuilder::new().memory_size(PAGE).table_elements(1);
    let mut store = limited(limits.trap_on_grow_failure(true).build());
    let instance = instantiate(&mut store, GROWS).unwrap();
    for (name, message) in [
        ("memory.grow", "a memory of 131072 bytes is larger than the 65536 allowed"),
        ("table.grow", "a table of 2 elements is larger than the 1 allowed"),
    ] {
        let grow = func::<i32, i32>(&mut store, instance, name);
        let error = grow.call(&mut store, 1).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Resource, message));
        assert_eq!(error.backtrace().unwrap().frames()[0].func_name(), Some(name));
        assert_eq!(grow.call(&mut store, 0).unwrap(), 1, "the store works on");
    }
}

#[test]
fn what_is_created_is_limited_too() {
    let limits = StoreLimitsBuilder::new().memory_size(PAGE).table_elements(4).build();
    let store = &mut limited(limits);
    let big = MemoryType::new(2, None);
    refused(
        Memory::new(&mut *store, big),
        ErrorKind::Resource,
        "cannot create a memory of 2 pages",
    );
    let big = TableType::new(RefType::FUNCREF, 5, None);
    let made = Table::new(&mut *store, big, Val::FuncRef(None));
    refused(made, ErrorKind::Resource, "cannot create a table of 5 elements");
    for (text, message) in [
        ("(module (memory 2))", "a memory of the module was refused"),
        ("(module (table 5 funcref))", "a table of the module was refused"),
    ] {
        refused(instantiate(store, text), ErrorKind::Resource, message);
    }
}

#[test]
fn counts_of_objects_are_limited() {
    let builder = StoreLimitsBuilder::new;
    for (limits, text, message) in [
        (builder().instances(2), "(module)", "2 instances, and may not have 1 more: 2 are"),
        (builder().memories(2), "(module (memory 0))", "2 memories, and may not have 1 more"),
        (builder().tables(2), "(module (table 0 funcref))", "2 tables, and may not have 1 more"),
    ] {
        let mut store = limited(limits.build());
        for _ in 0..2 {
            instantiate(&mut store, text).unwrap();
        }
        refused(instantiate(&mut store, text), ErrorKind::Resource, message);
    }
    let mut store = limited(builder().memories(1).tables(1).build());
    refused(
        instantiate(&mut store, "(module (memory 0) (memory 0))"),
        ErrorKind::Resource,
        "memories",
    );
    Memory::new(&mut store, MemoryType::new(0, None)).unwrap();
    refused(Memory::new(&mut store, MemoryType::new(0, None)), ErrorKind::Resource, "memories");
    let ty = TableType::new(RefType::FUNCREF, 0, None);
    Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    refused(Table::new(&mut store, ty, Val::FuncRef(None)), ErrorKind::Resource, "tables");
}

/// Types that nobody can satisfy fail without harm, whatever the store allows.
#[test]
fn enormous_types_are_refused() {
    let mut store = Store::new(&any_engine(), ());
    let memory = MemoryType { min: u64::MAX, memory64: true, ..MemoryType::new(0, None) };
    refused(Memory::new(&mut store, memory), ErrorKind::Resource, "cannot create a memory");
    let table = TableType { min: u64::MAX, max: None, element: RefType::FUNCREF, table64: true };
    let made = Table::new(&mut store, table, Val::FuncRef(None));
    refused(made, ErrorKind::Resource, "cannot create a table");
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    refused(memory.grow(&mut store, u64::MAX), ErrorKind::Resource, "cannot grow a memory");
}

/// A limiter that keeps a total over all memories of its store, and what it was asked.
#[derive(Default)]
struct Total {
    left: usize,
    asked: Vec<(usize, usize, Option<usize>)>,
}

impl ResourceLimiter for Total {
    fn memory_growing(&mut self, from: usize, to: usize, most: Option<usize>) -> Result<bool> {
        self.asked.push((from, to, most));
        let rest = self.left.checked_sub(to - from);
        self.left = rest.unwrap_or(self.left);
        Ok(rest.is_some())
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}

#[test]
fn a_limiter_of_the_embedders_own() {
    let engine = any_engine();
    let mut store = Store::new(&engine, Total { left: 4 * PAGE, asked: Vec::new() });
    store.limiter(|total| total);
    let module = Module::new(&engine, GROWS).unwrap();
    let instances = [(); 2].map(|()| Instance::new(&mut store, &module, &[]).unwrap());
    let [a, b] = instances.map(|instance| func::<i32, i32>(&mut store, instance, "memory.grow"));
    assert_eq!(a.call(&mut store, 1).unwrap(), 1);
    assert_eq!(b.call(&mut store, 2).unwrap(), -1);
    assert_eq!(b.call(&mut store, 1).unwrap(), 1);
    assert_eq!(a.call(&mut store, 1).unwrap(), -1);
    assert_eq!(a.call(&mut store, 9).unwrap(), -1, "its type forbids it, so nobody is asked");
    let most = Some(10 * PAGE);
    let asked = [(0, 1), (0, 1), (1, 2), (1, 3), (1, 2), (2, 3)];
    let asked = asked.map(|(from, to)| (from * PAGE, to * PAGE, most));
    assert_eq!(store.data().asked, asked);
}

/// Guest code with every kind of cost: blocks, loops, calls, memory, a host call.
const METERED: &str = r#"(module
    (import "host" "f" (func $f))
    (memory 1)
    (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
    (func (export "run") (param $n i32) (result i32) (local $sum i32)
        (block $done
            (loop $next
                (br_if $done (i32.eqz (local.get $n)))
                (i32.store (local.get $n) (call $square (local.get $n)))
                (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $n))))
                (call $f)
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br $next)))
        (local.get $sum)))"#;

fn metered() -> (Engine, Module, Linker<u64>) {
    let engine = engine(|config| config.consume_fuel(true));
    let module = Module::new(&engine, METERED).unwrap();
    let mut linker = Linker::new(&engine);
    let note = |mut caller: Caller<'_, u64>| *caller.data_mut() = caller.get_fuel().unwrap();
    linker.func_wrap("host", "f", note).unwrap();
    (engine, module, linker)
}

#[test]
fn fuel_is_counted_the_same_every_time() {
    const FUEL: u64 = 1_000_000;
    let (engine, module, linker) = metered();
    let run = |n: i32, fuel: u64| {
        let mut store = Store::new(&engine, 0);
        store.set_fuel(fuel).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let result = func::<i32, i32>(&mut store, instance, "run").call(&mut store, n);
        (result, fuel - store.get_fuel().unwrap(), fuel - *store.data())
    };
    let used = [0, 1, 2, 100].map(|n| {
        let (result, used, _) = run(n, FUEL);
        assert_eq!(result.unwrap(), (0..=n).map(|i| i * i).sum::<i32>());
        assert_eq!(run(n, FUEL).1, used, "the same again");
        used
    });
    let each = used[1] - used[0];
    assert!(each > 10, "an iteration has many operators: {each}");
    assert_eq!(used, [used[0], used[0] + each, used[0] + 2 * each, used[0] + 100 * each]);

    // Exactly enough is enough; one unit less is not, and never leaves a debt.
    assert!(run(100, used[3]).0.is_ok());
    let (result, consumed, _) = run(100, used[3] - 1);
    assert_eq!(result.unwrap_err().trap_code(), Some(TrapCode::OutOfFuel));
    assert!(consumed < used[3]);

    // A host function sees what is left at its call.
    let (_, used, seen) = run(1, FUEL);
    assert!(0 < seen && seen < used, "{seen} of {used}");
}

#[test]
fn a_store_begins_without_fuel_and_can_be_refuelled() {
    let (engine, module, linker) = metered();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = func::<i32, i32>(&mut store, instance, "run");
    assert_eq!(store.get_fuel().unwrap(), 0);
    assert_eq!(run.call(&mut store, 1).unwrap_err().trap_code(), Some(TrapCode::OutOfFuel));
    store.set_fuel(10_000).unwrap();
    assert_eq!(run.call(&mut store, 1).unwrap(), 1);
    store.set_fuel(u64::MAX).unwrap();
    assert!(store.get_fuel().unwrap() >= 1 << 62, "what cannot be counted is as good as endless");
}

#[test]
fn a_host_function_can_refuel() {
    let engine = engine(|config| config.consume_fuel(true));
    let mut linker = Linker::new(&engine);
    let refuel = |mut caller: Caller<'_, u32>| {
        *caller.data_mut() += 1;
        if *caller.data() < 100 { caller.set_fuel(20) } else { Ok(()) }
    };
    linker.func_wrap("host", "f", refuel).unwrap();
    let text = r#"(module (import "host" "f" (func $f))
        (func (export "run") (loop $l (call $f) (br $l))))"#;
    let (mut store, instance) = {
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, 0);
        (linker.instantiate(&mut store, &module).map(|instance| (store, instance))).unwrap()
    };
    store.set_fuel(20).unwrap();
    let error = func::<(), ()>(&mut store, instance, "run").call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel));
    assert!(*store.data() > 100, "it went on for {} calls", store.data());
}

#[test]
fn the_value_stack_is_as_long_as_configured() {
    const DEPTH: &str = r#"(module
        (global $depth (export "depth") (mut i32) (i32.const 0))
        (func $f (export "f")
            (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (call $f)))"#;
    let depth = |bytes: usize| {
        let engine = engine(|config| config.tier_up(TierUp::Never).max_stack_bytes(bytes));
        let (mut store, instance) = start(&engine, (), DEPTH);
        let error = func::<(), ()>(&mut store, instance, "f").call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
        let depth = instance.get_global(&mut store, "depth").unwrap().get(&store).unwrap();
        depth.i32().unwrap()
    };
    let (small, large) = (depth(64 << 10), depth(1 << 20));
    assert!(small > 100, "{small}");
    let ratio = f64::from(large) / f64::from(small);
    assert!((14.0..20.0).contains(&ratio), "{small} and {large}");
    let refused_config = Engine::new(Config::new().max_stack_bytes(usize::MAX));
    refused(refused_config, ErrorKind::Usage, "a value stack of");
}
