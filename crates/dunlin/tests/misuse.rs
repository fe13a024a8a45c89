//! Objects of another store or engine, and values of wrong types, are refused: with errors, or as
//! something empty, and never with a panic.

mod support;

use dunlin::{
    Caller, Engine, ErrorKind, Extern, ExternRef, Func, FuncType, Global, GlobalType, Instance,
    Linker, Memory, MemoryType, Module, Mutability, RefType, Store, Table, TableType, Val, ValType,
};
use support::{any_engine, link, refused, start};

const OBJECTS: &str = r#"(module
    (func (export "func") (param i32) (result i32) (local.get 0))
    (func (export "takes") (param funcref externref))
    (memory (export "memory") 1)
    (table (export "table") 2 funcref)
    (global (export "global") (mut funcref) (ref.null func)))"#;

/// A store with one object of each kind.
struct Objects {
    store: Store<()>,
    instance: Instance,
    func: Func,
    memory: Memory,
    table: Table,
    global: Global,
    value: ExternRef,
}

fn objects(engine: &Engine) -> Objects {
    let (mut store, instance) = start(engine, (), OBJECTS);
    Objects {
        func: instance.get_func(&mut store, "func").unwrap(),
        memory: instance.get_memory(&mut store, "memory").unwrap(),
        table: instance.get_table(&mut store, "table").unwrap(),
        global: instance.get_global(&mut store, "global").unwrap(),
        value: ExternRef::new(&mut store, 7_u32).unwrap(),
        store,
        instance,
    }
}

/// Two stores, of one engine or of two, with the same objects at the same indices.
fn pairs() -> [(Objects, Objects); 2] {
    let (one, other) = (any_engine(), any_engine());
    [(objects(&one), objects(&one)), (objects(&one), objects(&other))]
}

const OTHER: &str = "belongs to another store";

#[test]
fn functions_of_another_store() {
    for (a, mut b) in pairs() {
        let mut results = [Val::I32(0)];
        refused(a.func.ty(&b.store), ErrorKind::Usage, OTHER);
        refused(a.func.typed::<i32, i32>(&b.store), ErrorKind::Usage, OTHER);
        let call = a.func.call(&mut b.store, &[Val::I32(1)], &mut results);
        refused(call, ErrorKind::Usage, OTHER);
        let typed = a.func.typed::<i32, i32>(&a.store).unwrap();
        refused(typed.call(&mut b.store, 1), ErrorKind::Usage, OTHER);
    }
}

#[test]
fn memories_of_another_store() {
    for (a, mut b) in pairs() {
        refused(a.memory.ty(&b.store), ErrorKind::Usage, OTHER);
        refused(a.memory.read(&b.store, 0, &mut [0]), ErrorKind::Usage, OTHER);
        refused(a.memory.write(&mut b.store, 0, &[1]), ErrorKind::Usage, OTHER);
        refused(a.memory.grow(&mut b.store, 1), ErrorKind::Usage, OTHER);
        assert!(a.memory.data(&b.store).is_empty());
        assert!(a.memory.data_mut(&mut b.store).is_empty());
        assert!(a.memory.data_and_store_mut(&mut b.store).0.is_empty());
        assert_eq!(a.memory.size(&b.store), 0);
        assert_eq!(a.memory.data_size(&b.store), 0);
        assert_eq!(b.memory.size(&b.store), 1);
    }
}

#[test]
fn tables_of_another_store() {
    for (a, mut b) in pairs() {
        let null = Val::FuncRef(None);
        refused(a.table.ty(&b.store), ErrorKind::Usage, OTHER);
        refused(a.table.set(&mut b.store, 0, null), ErrorKind::Usage, OTHER);
        refused(a.table.fill(&mut b.store, 0, null, 1), ErrorKind::Usage, OTHER);
        refused(a.table.grow(&mut b.store, 1, null), ErrorKind::Usage, OTHER);
        for (dst, src) in [(a.table, b.table), (b.table, a.table)] {
            refused(Table::copy(&mut b.store, &dst, 0, &src, 0, 1), ErrorKind::Usage, OTHER);
        }
        assert!(a.table.get(&b.store, 0).is_none());
        assert_eq!(a.table.size(&b.store), 0);
        assert_eq!(b.table.size(&b.store), 2);
    }
}

#[test]
fn globals_of_another_store() {
    for (a, mut b) in pairs() {
        refused(a.global.ty(&b.store), ErrorKind::Usage, OTHER);
        refused(a.global.get(&b.store), ErrorKind::Usage, OTHER);
        refused(a.global.set(&mut b.store, Val::FuncRef(None)), ErrorKind::Usage, OTHER);
    }
}

#[test]
fn instances_of_another_store() {
    for (a, mut b) in pairs() {
        assert!(a.instance.get_export(&mut b.store, "func").is_none());
        assert_eq!(a.instance.exports(&mut b.store).len(), 0);
        refused(a.instance.module(&b.store), ErrorKind::Usage, OTHER);
        let typed = a.instance.get_typed_func::<i32, i32>(&mut b.store, "func");
        refused(typed, ErrorKind::Usage, OTHER);
        let mut linker = Linker::new(b.store.engine());
        refused(linker.instance(&mut b.store, "m", a.instance), ErrorKind::Usage, OTHER);
    }
}

#[test]
fn host_values_of_another_store() {
    for (a, b) in pairs() {
        refused(a.value.data(&b.store), ErrorKind::Usage, OTHER);
        assert_eq!(b.value.data(&b.store).unwrap().unwrap().downcast_ref::<u32>(), Some(&7));
    }
}

/// References go astray where values go: arguments, results, elements, globals.
#[test]
fn references_of_another_store_among_values() {
    for (a, mut b) in pairs() {
        let (func, value) = (Val::from(a.func), Val::from(a.value));
        let null = (Val::FuncRef(None), Val::ExternRef(None));
        let takes = b.instance.get_func(&mut b.store, "takes").unwrap();
        for params in [[func, null.1], [null.0, value]] {
            refused(takes.call(&mut b.store, &params, &mut []), ErrorKind::Usage, OTHER);
        }
        let typed = takes.typed::<(Option<Func>, Option<ExternRef>), ()>(&b.store).unwrap();
        refused(typed.call(&mut b.store, (Some(a.func), None)), ErrorKind::Usage, OTHER);
        refused(typed.call(&mut b.store, (None, Some(a.value))), ErrorKind::Usage, OTHER);

        refused(b.table.set(&mut b.store, 0, func), ErrorKind::Usage, OTHER);
        refused(b.table.fill(&mut b.store, 0, func, 1), ErrorKind::Usage, OTHER);
        refused(b.table.grow(&mut b.store, 1, func), ErrorKind::Usage, OTHER);
        refused(b.global.set(&mut b.store, func), ErrorKind::Usage, OTHER);
        let table = TableType::new(RefType::EXTERNREF, 1, None);
        refused(Table::new(&mut b.store, table, value), ErrorKind::Usage, OTHER);
        let global = GlobalType::new(ValType::EXTERNREF, Mutability::Const);
        refused(Global::new(&mut b.store, global, value), ErrorKind::Usage, OTHER);
    }
}

/// A host function that hands a guest a reference of another store fails.
#[test]
fn references_of_another_store_from_host_functions() {
    let engine = any_engine();
    let foreign = objects(&engine).func;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "typed", move || Some(foreign)).unwrap();
    let ty = FuncType::new([], [ValType::FUNCREF]);
    let untyped = move |_: Caller<'_, ()>, _: &[Val], results: &mut [Val]| {
        results[0] = foreign.into();
        Ok(())
    };
    linker.func_new("host", "untyped", ty, untyped).unwrap();
    for name in ["typed", "untyped"] {
        let text = format!(
            r#"(module (import "host" "{name}" (func $f (result funcref)))
                (func (export "run") (drop (call $f))))"#
        );
        let (mut store, instance) = link(&linker, (), &text);
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        refused(run.call(&mut store, ()), ErrorKind::Usage, OTHER);
    }
}

#[test]
fn imports_of_another_store() {
    let module = r#"(module (import "m" "x" (func (param i32) (result i32))))"#;
    for (a, mut b) in pairs() {
        let module = Module::new(b.store.engine(), module).unwrap();
        refused(Instance::new(&mut b.store, &module, &[a.func.into()]), ErrorKind::Usage, OTHER);

        let mut linker = Linker::new(b.store.engine());
        refused(linker.define(&b.store, "m", "x", a.func), ErrorKind::Usage, OTHER);
        linker.define(&b.store, "m", "x", b.func).unwrap();
        let mut third = Store::new(b.store.engine(), ());
        refused(linker.instantiate(&mut third, &module), ErrorKind::Usage, OTHER);
        assert!(linker.get(&mut third, "m", "x").is_none());
        linker.define(&b.store, "m", "_start", b.func).unwrap();
        refused(linker.get_default(&mut third, "m"), ErrorKind::Usage, OTHER);
    }
}

#[test]
fn modules_and_stores_of_another_engine() {
    const OTHER: &str = "belongs to another engine";
    let (one, other) = (any_engine(), any_engine());
    let module = Module::new(&one, "(module)").unwrap();
    let mut store = Store::new(&other, ());
    refused(Instance::new(&mut store, &module, &[]), ErrorKind::Usage, OTHER);

    let mut linker = Linker::<()>::new(&other);
    refused(linker.instantiate(&mut store, &module), ErrorKind::Usage, OTHER);
    refused(linker.define_unknown_imports_as_traps(&module), ErrorKind::Usage, OTHER);
    refused(linker.module(&mut store, "m", &module).map(drop), ErrorKind::Usage, OTHER);

    let mut linker = Linker::<()>::new(&one);
    refused(linker.instantiate(&mut store, &module), ErrorKind::Usage, OTHER);
    let func = Func::wrap(&mut store, || ());
    refused(linker.define(&store, "m", "x", func), ErrorKind::Usage, OTHER);
    linker.func_wrap("m", "f", || ()).unwrap();
    assert!(linker.get(&mut store, "m", "f").is_none());
}

#[test]
fn values_of_wrong_types() {
    let mut o = objects(&any_engine());
    let int = Val::I32(0);
    let mut results = [int];
    let usage = ErrorKind::Usage;
    let text = "must be of type i32, but is i64";
    refused(o.func.call(&mut o.store, &[Val::I64(1)], &mut results), usage, text);
    refused(o.func.call(&mut o.store, &[], &mut results), usage, "1 arguments, and 0 were");
    refused(o.func.call(&mut o.store, &[int], &mut []), usage, "1 results, and 0 were given");
    let text = "is of type [i32] -> [i32], and was asked for as [i64] -> []";
    refused(o.func.typed::<i64, ()>(&o.store), usage, text);
    let text = "export `func`: the function is of type";
    refused(o.instance.get_typed_func::<(), ()>(&mut o.store, "func"), usage, text);
    let text = "exports no function `gone`";
    refused(o.instance.get_typed_func::<(), ()>(&mut o.store, "gone"), usage, text);
    let text = "exports no function `memory`";
    refused(o.instance.get_typed_func::<(), ()>(&mut o.store, "memory"), usage, text);
    refused(o.table.set(&mut o.store, 0, int), usage, "must be of type funcref, but is i32");
    refused(o.table.set(&mut o.store, 0, Val::from(o.value)), usage, "but is externref");
    refused(o.global.set(&mut o.store, int), usage, "must be of type funcref");
    let ty = GlobalType::new(ValType::I32, Mutability::Const);
    let global = Global::new(&mut o.store, ty, int).unwrap();
    refused(global.set(&mut o.store, int), usage, "immutable");
    let memory = MemoryType::new(2, Some(1));
    refused(Memory::new(&mut o.store, memory), usage, "at least its minimum");
    let table = TableType::new(RefType::FUNCREF, 2, Some(1));
    refused(Table::new(&mut o.store, table, Val::FuncRef(None)), usage, "at least its minimum");
    let table = TableType::new(RefType::EXTERNREF, 2, None);
    let table = Table::new(&mut o.store, table, Val::ExternRef(None)).unwrap();
    let copied = Table::copy(&mut o.store, &o.table, 0, &table, 0, 1);
    refused(copied, usage, "cannot copy externref elements to a table of funcref");
}

/// A type that has no null refuses it, although no guest can ask for one yet.
#[test]
fn nulls_where_none_may_be() {
    let mut store = Store::new(&any_engine(), ());
    let ty = ValType::Ref(RefType { nullable: false, ..RefType::FUNCREF });
    let func = Func::new(&mut store, FuncType::new([ty], []), |_, _, _| Ok(()));
    let call = func.call(&mut store, &[Val::FuncRef(None)], &mut []);
    refused(call, ErrorKind::Usage, "must be of type (ref func), but is null funcref");
    func.call(&mut store, &[func.into()], &mut []).unwrap();
}

#[test]
fn results_of_wrong_types_from_host_functions() {
    let mut store = Store::new(&any_engine(), ());
    let func = Func::new(&mut store, FuncType::new([], [ValType::I32]), |_, _, results| {
        results[0] = Val::F32(0);
        Ok(())
    });
    let call = func.call(&mut store, &[], &mut [Val::I32(0)]);
    refused(call, ErrorKind::Usage, "result must be of type i32, but is f32");
}

#[test]
fn wrong_imports() {
    let engine = any_engine();
    let mut o = objects(&engine);
    let text = r#"(module (import "m" "x" (memory 1)))"#;
    let module = Module::new(&engine, text).unwrap();
    let items: [(&[Extern], &str); 4] = [
        (&[], "unknown import: `m` `x`"),
        (&[o.func.into()], "incompatible import type: `m` `x` must be memory 1, but is func"),
        (&[o.memory.into(), o.memory.into()], "has 1 imports, and 2 were given"),
        (&[o.table.into()], "incompatible import type"),
    ];
    for (imports, message) in items {
        refused(Instance::new(&mut o.store, &module, imports), ErrorKind::Link, message);
    }
    Instance::new(&mut o.store, &module, &[o.memory.into()]).unwrap();
}

#[test]
fn fuel_where_none_is_counted() {
    let mut store = Store::new(&any_engine(), ());
    refused(store.set_fuel(1), ErrorKind::Usage, "fuel is not configured");
    refused(store.get_fuel(), ErrorKind::Usage, "fuel is not configured");
}
