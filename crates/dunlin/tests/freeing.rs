//! Instances that are removed from a store that goes on: what becomes of handles, of functions that others still
//! have, of cycles, of what the store's limits count, and of the memory.

mod support;

use dunlin::{
    Caller, Config, Engine, ErrorKind, Extern, Func, Global, GlobalType, Instance, Linker,
    MemoryStrategy, Module, Mutability, PoolingConfig, RefType, Store, StoreLimits,
    StoreLimitsBuilder, Table, TableType, Tier, Val, ValType,
};
use support::{any_engine, func, refused};

/// What is said of a handle to something that is gone.
const GONE: &str = "its instance has been removed";

fn module(engine: &Engine, text: &str) -> Module {
    Module::new(engine, text).expect("the test's module is valid")
}

fn instance(store: &mut Store<()>, module: &Module, imports: &[Extern]) -> Instance {
    Instance::new(store, module, imports).expect("it can be instantiated")
}

fn call(store: &mut Store<()>, instance: Instance, name: &str) -> i32 {
    func::<(), i32>(store, instance, name).call(&mut *store, ()).expect("no trap")
}

/// A module whose `get` says a number, and which has one of everything.
fn numbered(number: i32) -> String {
    format!(
        r#"(module
            (memory (export "memory") 1) (data (i32.const 0) "{number:04}")
            (table (export "table") 2 funcref) (elem (i32.const 0) func $get)
            (global (export "global") (mut i32) (i32.const {number}))
            (tag (export "tag") (param i32))
            (func $get (export "get") (result i32) (i32.const {number})))"#
    )
}

#[test]
fn handles_to_what_was_removed_are_refused_and_never_lead_to_what_came_after() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let (first, second) = (module(&engine, &numbered(1)), module(&engine, &numbered(2)));
    let old = instance(&mut store, &first, &[]);
    let get = func::<(), i32>(&mut store, old, "get");
    let memory = old.get_memory(&mut store, "memory").expect("an export");
    let table = old.get_table(&mut store, "table").expect("an export");
    let global = old.get_global(&mut store, "global").expect("an export");
    let tag = old.get_export(&mut store, "tag").and_then(Extern::into_tag).expect("an export");
    let check = |store: &mut Store<()>| {
        refused(old.module(&*store), ErrorKind::Usage, GONE);
        refused(old.remove(&mut *store), ErrorKind::Usage, GONE);
        assert!(old.get_export(&mut *store, "get").is_none());
        assert_eq!(old.exports(&mut *store).count(), 0);
        refused(get.call(&mut *store, ()), ErrorKind::Usage, GONE);
        refused(get.func().call(&mut *store, &[], &mut [Val::I32(0)]), ErrorKind::Usage, GONE);
        refused(get.func().ty(&*store), ErrorKind::Usage, GONE);
        assert!(memory.data(&*store).is_empty() && memory.data_mut(&mut *store).is_empty());
        assert_eq!((memory.data_size(&*store), memory.size(&*store)), (0, 0));
        refused(memory.write(&mut *store, 0, b"x"), ErrorKind::Usage, GONE);
        refused(memory.read(&*store, 0, &mut [0]), ErrorKind::Usage, GONE);
        refused(memory.grow(&mut *store, 1), ErrorKind::Usage, GONE);
        assert_eq!(table.size(&*store), 0);
        assert!(table.get(&*store, 0).is_none());
        refused(table.set(&mut *store, 1, Val::FuncRef(None)), ErrorKind::Usage, GONE);
        refused(Table::copy(&mut *store, &table, 0, &table, 0, 1), ErrorKind::Usage, GONE);
        refused(global.get(&*store), ErrorKind::Usage, GONE);
        refused(global.set(&mut *store, Val::I32(7)), ErrorKind::Usage, GONE);
        refused(tag.ty(&*store), ErrorKind::Usage, GONE);
        refused(dunlin::ExnRef::new(&mut *store, tag, &[Val::I32(1)]), ErrorKind::Usage, GONE);
        let mut linker = Linker::new(store.engine());
        refused(linker.instance(&mut *store, "old", old).map(|_| ()), ErrorKind::Usage, GONE);
        refused(linker.define(&*store, "old", "f", memory).map(|_| ()), ErrorKind::Usage, GONE);
    };
    old.remove(&mut store).expect("it is there");
    check(&mut store);
    store.gc();
    assert_eq!(store.instance_count(), 0);
    check(&mut store);
    let new = instance(&mut store, &second, &[]);
    check(&mut store);
    assert_ne!(old, new);
    let new_memory = new.get_memory(&mut store, "memory").expect("an export");
    assert_ne!(memory, new_memory);
    assert_eq!(&new_memory.data(&store)[..4], b"0002");
    assert_eq!(call(&mut store, new, "get"), 2);
}

#[test]
fn a_linker_refuses_what_has_been_removed() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let exporter = module(&engine, &numbered(1));
    let user = module(&engine, r#"(module (import "old" "get" (func (result i32))))"#);
    let old = instance(&mut store, &exporter, &[]);
    let mut linker = Linker::new(&engine);
    linker.instance(&mut store, "old", old).expect("new names");
    let pre = linker.instantiate_pre(&user).expect("they are defined");
    pre.instantiate(&mut store).expect("it is there");
    old.remove(&mut store).expect("it is there");
    refused(pre.instantiate(&mut store), ErrorKind::Usage, GONE);
    assert!(linker.get(&mut store, "old", "get").is_none());
}

#[test]
fn a_function_in_the_table_of_another_keeps_working_until_nothing_leads_to_it() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let caller = module(
        &engine,
        r#"(module (table (export "table") 1 funcref)
            (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0))))"#,
    );
    // What it says it reads from its memory, which must be there still.
    let callee = module(
        &engine,
        r#"(module (memory 1) (data (i32.const 8) "\2a") (global i32 (i32.const 8))
            (func (export "get") (result i32) (i32.load (global.get 0))))"#,
    );
    let (caller, callee) = (instance(&mut store, &caller, &[]), instance(&mut store, &callee, &[]));
    let table = caller.get_table(&mut store, "table").expect("an export");
    let get = callee.get_func(&mut store, "get").expect("an export");
    table.set(&mut store, 0, get.into()).expect("of its type");
    callee.remove(&mut store).expect("it is there");
    store.gc();
    assert_eq!((call(&mut store, caller, "call"), store.instance_count()), (42, 2));
    // The host can find it there, but by no handle of before.
    let found =
        table.get(&store, 0).and_then(|value| value.func_ref()).flatten().expect("a function");
    assert_ne!(found, get);
    let mut result = [Val::I32(0)];
    found.call(&mut store, &[], &mut result).expect("no trap");
    assert_eq!(result[0].i32(), Some(42));
    refused(table.set(&mut store, 0, get.into()), ErrorKind::Usage, GONE);
    table.set(&mut store, 0, Val::FuncRef(None)).expect("of its type");
    store.gc();
    assert_eq!(store.instance_count(), 1);
    refused(found.call(&mut store, &[], &mut result), ErrorKind::Usage, GONE);
}

#[test]
fn what_is_imported_stays_as_long_as_who_imports_it() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let exporter = module(&engine, &numbered(7));
    for import in [
        r#"(import "" "get" (func $get (result i32))) (func (export "f") (result i32) (call $get))"#,
        r#"(import "" "memory" (memory 1)) (func (export "f") (result i32)
            (i32.sub (i32.load8_u (i32.const 3)) (i32.const 48)))"#,
        r#"(import "" "table" (table 1 funcref)) (func (export "f") (result i32)
            (call_indirect (result i32) (i32.const 0)))"#,
        r#"(import "" "global" (global (mut i32))) (func (export "f") (result i32) (global.get 0))"#,
        r#"(import "" "tag" (tag $t (param i32))) (func (export "f") (result i32)
            (block $b (result i32) (try_table (catch $t $b) (throw $t (i32.const 7))) (unreachable)))"#,
    ] {
        let user = module(&engine, &format!("(module {import})"));
        let exported = instance(&mut store, &exporter, &[]);
        let mut linker = Linker::new(&engine);
        linker.instance(&mut store, "", exported).expect("new names");
        let user = linker.instantiate(&mut store, &user).expect("they are defined");
        exported.remove(&mut store).expect("it is there");
        store.gc();
        assert_eq!((call(&mut store, user, "f"), store.instance_count()), (7, 2), "{import}");
        user.remove(&mut store).expect("it is there");
        store.gc();
        assert_eq!(store.instance_count(), 0, "{import}");
    }
}

#[test]
fn cycles_are_freed_as_a_whole() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    // The second imports the first, whose table has a function of the second.
    let first =
        module(&engine, r#"(module (table (export "table") 1 funcref) (func (export "f")))"#);
    let second = module(
        &engine,
        r#"(module (import "" "f" (func)) (import "" "table" (table 1 funcref))
            (elem (i32.const 0) func $own) (func $own))"#,
    );
    // An object that a global holds has a function of the same instance in a field, behind another object.
    let alone = module(
        &engine,
        r#"(module (type $s (struct (field i64) (field funcref) (field anyref))) (type $a (array (mut funcref)))
            (func $own) (elem declare func $own)
            (global (mut anyref) (struct.new $s (i64.const 1) (ref.func $own)
                (array.new $a (ref.func $own) (i32.const 3)))))"#,
    );
    for _ in 0..3 {
        let one = instance(&mut store, &first, &[]);
        let imports =
            ["f", "table"].map(|name| one.get_export(&mut store, name).expect("an export"));
        let two = instance(&mut store, &second, &imports);
        let three = instance(&mut store, &alone, &[]);
        one.remove(&mut store).expect("it is there");
        store.gc();
        assert_eq!(store.instance_count(), 3);
        two.remove(&mut store).expect("it is there");
        three.remove(&mut store).expect("it is there");
        store.gc();
        assert_eq!(store.instance_count(), 0);
        assert_eq!(store.heap_stats().live_bytes, 0);
    }
}

/// Where references to a function can be, other than in tables: what puts one there, and what calls it.
const KEEPERS: [&str; 6] = [
    r#"(global $g (mut funcref) (ref.null func))
        (func (export "put") (param funcref) (global.set $g (local.get 0)))
        (func (export "call") (result i32) (call_ref $f (ref.cast (ref $f) (global.get $g))))"#,
    r#"(type $s (struct (field i32) (field (mut funcref)))) (global $g (mut anyref) (ref.null any))
        (func (export "put") (param funcref)
            (global.set $g (struct.new $s (i32.const 1) (local.get 0))))
        (func (export "call") (result i32) (call_ref $f
            (ref.cast (ref $f) (struct.get $s 1 (ref.cast (ref $s) (global.get $g))))))"#,
    r#"(type $a (array (mut funcref))) (table $t 1 (ref null $a))
        (func (export "put") (param funcref)
            (table.set $t (i32.const 0) (array.new $a (local.get 0) (i32.const 9))))
        (func (export "call") (result i32) (call_ref $f
            (ref.cast (ref $f) (array.get $a (table.get $t (i32.const 0)) (i32.const 8)))))"#,
    r#"(tag $t (param funcref)) (global $g (mut exnref) (ref.null exn))
        (func (export "put") (param funcref) (block $b (result exnref)
            (try_table (catch_all_ref $b) (throw $t (local.get 0))) (unreachable)) (global.set $g))
        (func (export "call") (result i32) (block $b (result funcref)
            (try_table (catch $t $b) (throw_ref (global.get $g))) (unreachable))
            (call_ref $f (ref.cast (ref $f))))"#,
    r#"(type $big (array (mut (ref null $f)))) (global $g (mut (ref null $big)) (ref.null $big))
        (func (export "put") (param funcref) (global.set $g
            (array.new $big (ref.cast (ref $f) (local.get 0)) (i32.const 5000))))
        (func (export "call") (result i32)
            (call_ref $f (array.get $big (global.get $g) (i32.const 4999))))"#,
    r#"(table $t 0 funcref)
        (func (export "put") (param funcref) (drop (table.grow $t (local.get 0) (i32.const 1))))
        (func (export "call") (result i32) (call_indirect $t (type $f) (i32.const 0)))"#,
];

#[test]
fn a_function_lives_wherever_a_reference_to_it_is() {
    let engine = any_engine();
    let callee = module(&engine, &numbered(9));
    for keeper in KEEPERS {
        let text = format!("(module (type $f (func (result i32))) {keeper})");
        let keeper_module = module(&engine, &text);
        let mut store = Store::new(&engine, ());
        let keeper = instance(&mut store, &keeper_module, &[]);
        let given = instance(&mut store, &callee, &[]);
        let get = given.get_func(&mut store, "get").expect("an export");
        let put = func::<Option<Func>, ()>(&mut store, keeper, "put");
        put.call(&mut store, Some(get)).expect("no trap");
        given.remove(&mut store).expect("it is there");
        for _ in 0..2 {
            store.gc();
            assert_eq!(
                (call(&mut store, keeper, "call"), store.instance_count()),
                (9, 2),
                "{text}"
            );
        }
        refused(put.call(&mut store, Some(get)), ErrorKind::Usage, "another store");
        keeper.remove(&mut store).expect("it is there");
        store.gc();
        assert_eq!(store.instance_count(), 0, "{text}");
    }
}

/// What was given back of a heap is below what is still in use: the search must look at all of it.
#[test]
#[cfg_attr(miri, ignore = "tens of megabytes of objects")]
fn a_function_lives_in_an_object_behind_what_was_given_back() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let holder = module(
        &engine,
        r#"(module
            (type $get (func (result i32)))
            (type $box (struct (field (ref null $get))))
            (type $bytes (array (mut i8)))
            (type $cell (struct (field (ref null $cell)) (field (ref null $bytes))))
            (global $list (mut (ref null $cell)) (ref.null $cell))
            (global $box (mut (ref null $box)) (ref.null $box))
            (func (export "fill") (param i32)
                (loop $next
                    (global.set $list (struct.new $cell (global.get $list)
                        (array.new_default $bytes (i32.const 4000))))
                    (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "hold") (param (ref null $get))
                (global.set $box (struct.new $box (local.get 0))))
            (func (export "forget") (global.set $list (ref.null $cell)))
            (func (export "call") (result i32)
                (call_ref $get (struct.get $box 0 (global.get $box)))))"#,
    );
    let holder = instance(&mut store, &holder, &[]);
    let numbered = module(&engine, &numbered(42));
    let held = instance(&mut store, &numbered, &[]);
    let get = held.get_func(&mut store, "get").expect("an export");
    func::<i32, ()>(&mut store, holder, "fill").call(&mut store, 10_000).expect("memory");
    let hold = holder.get_func(&mut store, "hold").expect("an export");
    hold.call(&mut store, &[Val::FuncRef(Some(get))], &mut []).expect("no trap");
    store.gc();
    let full = store.heap_stats().heap_bytes;
    func::<(), ()>(&mut store, holder, "forget").call(&mut store, ()).expect("no trap");
    store.gc();
    // Where memory is not reserved, nothing is given back.
    assert!(store.heap_stats().heap_bytes < full || !RESERVES, "{full} bytes");
    held.remove(&mut store).expect("it is there");
    store.gc();
    assert_eq!(store.instance_count(), 2);
    assert_eq!(call(&mut store, holder, "call"), 42);
}

/// Whether heaps are reserved here.
const RESERVES: bool = cfg!(all(unix, target_pointer_width = "64", not(miri)));

#[test]
fn the_hosts_tables_globals_and_references_keep_functions() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let callee = module(&engine, &numbered(5));
    let funcs = TableType::new(RefType::FUNCREF, 1, None);
    let table = Table::new(&mut store, funcs, Val::FuncRef(None)).expect("a table");
    let ty = GlobalType::new(ValType::FUNCREF, Mutability::Var);
    let global = Global::new(&mut store, ty, Val::FuncRef(None)).expect("a global");
    let [one, two] = [(); 2].map(|()| instance(&mut store, &callee, &[]));
    let gets = [one, two].map(|of| of.get_func(&mut store, "get").expect("an export"));
    table.set(&mut store, 0, gets[0].into()).expect("of its type");
    global.set(&mut store, gets[1].into()).expect("of its type");
    // A reference that the host holds leads to an object with a function in it.
    let makes = module(
        &engine,
        r#"(module (type $s (struct (field funcref))) (func $own) (elem declare func $own)
            (func (export "make") (result anyref) (struct.new $s (ref.func $own))))"#,
    );
    store.scope(|store| {
        let three = instance(store, &makes, &[]);
        let make = func::<(), Option<dunlin::AnyRef>>(store, three, "make");
        let object = make.call(&mut *store, ()).expect("no trap").expect("an object");
        for of in [one, two, three] {
            of.remove(&mut *store).expect("it is there");
        }
        store.gc();
        assert_eq!(store.instance_count(), 3);
        let found = object.field(&*store, 0).expect("a field").func_ref().flatten();
        found.expect("a function").call(&mut *store, &[], &mut []).expect("no trap");
    });
    store.gc();
    assert_eq!(store.instance_count(), 2);
    global.set(&mut store, Val::FuncRef(None)).expect("of its type");
    table.set(&mut store, 0, Val::FuncRef(None)).expect("of its type");
    store.gc();
    assert_eq!(store.instance_count(), 0);
}

#[test]
fn an_exception_keeps_the_instance_whose_tag_it_has() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let thrower = module(
        &engine,
        r#"(module (tag $t (param i32)) (func (export "make") (result exnref)
            (block $b (result exnref)
                (try_table (catch_all_ref $b) (throw $t (i32.const 3))) (unreachable))))"#,
    );
    let keeper = module(
        &engine,
        r#"(module (import "" "make" (func $make (result exnref))) (global $g (mut exnref) (ref.null exn))
            (func (export "keep") (global.set $g (call $make)))
            (func (export "get") (result exnref) (global.get $g)))"#,
    );
    let host_keeps = GlobalType::new(ValType::Ref(RefType::EXNREF), Mutability::Var);
    let kept = Global::new(&mut store, host_keeps, Val::ExnRef(None)).expect("a global");
    let throws = instance(&mut store, &thrower, &[]);
    let make = throws.get_export(&mut store, "make").expect("an export");
    let keeps = instance(&mut store, &keeper, &[make]);
    keeps.get_func(&mut store, "keep").unwrap().call(&mut store, &[], &mut []).expect("no trap");
    let mut result = [Val::ExnRef(None)];
    keeps.get_func(&mut store, "get").unwrap().call(&mut store, &[], &mut result).expect("no trap");
    kept.set(&mut store, result[0]).expect("of its type");
    let exception = result[0].exn_ref().flatten().expect("an exception");
    throws.remove(&mut store).expect("it is there");
    keeps.remove(&mut store).expect("it is there");
    store.gc();
    assert_eq!(store.instance_count(), 1);
    assert_eq!(exception.payload(&store).expect("it is there")[0].i32(), Some(3));
}

#[test]
fn a_guest_that_is_removed_while_it_runs_goes_on() {
    let engine = any_engine();
    let mut store: Store<Option<Instance>> = Store::new(&engine, None);
    let remove = Func::wrap(&mut store, |mut caller: Caller<'_, Option<Instance>>| {
        let instance = caller.data_mut().take().expect("the caller");
        instance.remove(&mut caller).expect("it is there");
        caller.gc();
    });
    let text = r#"(module (import "" "remove" (func $remove)) (memory (export "memory") 1)
        (func (export "run") (result i32)
            (i32.store (i32.const 8) (i32.const 77)) (call $remove) (i32.load (i32.const 8))))"#;
    let module = Module::new(&engine, text).expect("a valid module");
    for _ in 0..3 {
        let instance = Instance::new(&mut store, &module, &[remove.into()]).expect("an instance");
        *store.data_mut() = Some(instance);
        let run = func::<(), i32>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, ()).expect("no trap"), 77);
        refused(run.call(&mut store, ()), ErrorKind::Usage, GONE);
        assert_eq!(store.instance_count(), 1);
        store.gc();
        assert_eq!(store.instance_count(), 0);
    }
}

#[test]
fn what_was_removed_does_not_count_any_more() {
    let engine = any_engine();
    let limits = StoreLimitsBuilder::new().instances(2).memories(2).tables(2).build();
    let mut store: Store<StoreLimits> = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    for text in [numbered(1), r#"(module (memory 1) (table 1 funcref))"#.to_owned()] {
        let module = Module::new(&engine, &text).expect("a valid module");
        let mut instances = Vec::new();
        for _ in 0..20 {
            instances.push(Instance::new(&mut store, &module, &[]).expect("room for two"));
            if instances.len() == 2 {
                refused(
                    Instance::new(&mut store, &module, &[]),
                    ErrorKind::Resource,
                    "are allowed",
                );
                let old = instances.remove(0);
                old.remove(&mut store).expect("it is there");
            }
        }
        instances.pop().expect("one").remove(&mut store).expect("it is there");
    }
}

#[test]
fn an_instance_that_could_not_be_started_does_not_stay() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let table = TableType::new(RefType::FUNCREF, 1, None);
    let table = Table::new(&mut store, table, Val::FuncRef(None)).expect("a table");
    for (text, stays) in [
        (r#"(module (import "" "t" (table 1 funcref)) (start $f) (func $f unreachable))"#, 0),
        (
            r#"(module (import "" "t" (table 1 funcref)) (memory 1) (data (i32.const 65536) "x"))"#,
            0,
        ),
        (
            r#"(module (import "" "t" (table 1 funcref)) (memory 1) (data (i32.const 65536) "x")
                (elem (i32.const 0) func $f) (func $f))"#,
            1,
        ),
    ] {
        let module = module(&engine, text);
        Instance::new(&mut store, &module, &[table.into()]).expect_err("it traps");
        store.gc();
        assert_eq!(store.instance_count(), stays, "{text}");
    }
    let left = table.get(&store, 0).and_then(|value| value.func_ref()).flatten();
    left.expect("what it has written stays written")
        .call(&mut store, &[], &mut [])
        .expect("no trap");
}

#[test]
fn a_memory_forgets_the_instances_that_import_it() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let exporter = module(
        &engine,
        r#"(module (memory (export "memory") 1 20) (func (export "size") (result i32) (memory.size)))"#,
    );
    let user = module(
        &engine,
        r#"(module (import "" "memory" (memory 1)) (func (export "f") (result i32)
            (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (i32.const 1))
            (memory.size)))"#,
    );
    let exporter = instance(&mut store, &exporter, &[]);
    let memory = exporter.get_memory(&mut store, "memory").expect("an export");
    let mut users = std::collections::VecDeque::new();
    for pages in 2..12 {
        users.push_back(instance(&mut store, &user, &[memory.into()]));
        if users.len() > 3 {
            let oldest = users.pop_front().expect("four");
            oldest.remove(&mut store).expect("it is there");
        }
        memory.grow(&mut store, 1).expect("it may");
        for user in &users {
            assert_eq!(call(&mut store, *user, "f"), pages);
        }
        assert_eq!(call(&mut store, exporter, "size"), pages);
    }
    assert_eq!(store.instance_count(), 4);
}

/// Each tier, with memories in each place where they can be.
fn engines() -> Vec<(String, Engine)> {
    let tiers = if cfg!(feature = "optimize") {
        &[Tier::Interp, Tier::Baseline, Tier::Optimize][..]
    } else {
        &[Tier::Interp]
    };
    let mut engines = Vec::new();
    for tier in tiers {
        for strategy in [MemoryStrategy::Guarded, MemoryStrategy::Dense] {
            for is_pooled in [false, true] {
                let mut config = Config::new();
                config.tier(*tier).memory_strategy(strategy);
                if is_pooled {
                    let mut pooling = PoolingConfig::new();
                    pooling
                        .total_core_instances(8)
                        .total_memories(8)
                        .total_tables(8)
                        .total_stacks(1);
                    config.pooling(pooling);
                }
                // Under Miri there is no address space to reserve.
                if cfg!(miri) && strategy == MemoryStrategy::Guarded {
                    continue;
                }
                let engine = Engine::new(&config).expect("this machine has it");
                engines.push((format!("{tier:?}, {strategy:?}, pooled: {is_pooled}"), engine));
            }
        }
    }
    engines
}

#[test]
fn a_guest_sees_nothing_of_the_one_that_had_its_place() {
    let text = r#"(module (memory (export "m") 1 3) (table $t (export "t") 3 funcref)
        (global (export "g") (mut i64) (i64.const 5)) (func $f (export "f"))
        (func (export "look") (result i32) (local $at i32)
            (if (i64.ne (global.get 0) (i64.const 5)) (then (return (i32.const 1))))
            (if (i32.ne (memory.size) (i32.const 1)) (then (return (i32.const 2))))
            (loop $next
                (if (i32.load (local.get $at)) (then (return (i32.const 3))))
                (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 65536))))
            (if (i32.ne (table.size $t) (i32.const 3)) (then (return (i32.const 4))))
            (if (i32.eqz (ref.is_null (table.get $t (i32.const 0)))) (then (return (i32.const 5))))
            (i32.const 0))
        (func (export "write")
            (global.set 0 (i64.const -1))
            (drop (memory.grow (i32.const 2)))
            (memory.fill (i32.const 0) (i32.const 255) (i32.const 0x30000))
            (drop (table.grow $t (ref.func $f) (i32.const 5)))
            (table.fill $t (i32.const 0) (ref.func $f) (i32.const 8)))
        (elem declare func $f))"#;
    for (name, engine) in engines() {
        let module = module(&engine, text);
        let mut store = Store::new(&engine, ());
        for round in 0..if cfg!(miri) { 2 } else { 20 } {
            let [one, two] = [(); 2].map(|()| instance(&mut store, &module, &[]));
            for of in [one, two] {
                assert_eq!(call(&mut store, of, "look"), 0, "{name}, round {round}");
            }
            one.get_func(&mut store, "write")
                .unwrap()
                .call(&mut store, &[], &mut [])
                .expect("no trap");
            assert_eq!(call(&mut store, two, "look"), 0, "{name}, round {round}");
            one.remove(&mut store).expect("it is there");
            two.remove(&mut store).expect("it is there");
        }
    }
}

/// A guest that says its number, by many ways.
const NUMBER: &str = r#"(module
    (type $f (func (result i32))) (type $box (struct (field (mut (ref null $f))) (field (mut anyref))))
    (import "" "number" (global $number i32)) (import "" "table" (table $shared 16 funcref))
    (import "" "f" (func $imported (type $f)))
    (global $boxes (mut anyref) (ref.null any)) (memory 1)
    (func $get (export "get") (type $f) (i32.add (global.get $number) (i32.load (i32.const 0))))
    (func (export "imported") (type $f) (call $imported))
    (elem declare func $get)
    (func (export "box") (param funcref) (global.set $boxes
        (struct.new $box (ref.cast (ref $f) (local.get 0)) (global.get $boxes))))
    (func (export "unbox") (result i32)
        (call_ref $f (struct.get $box 0 (ref.cast (ref $box) (global.get $boxes))))))"#;

/// An instance that is there, and what its functions say.
#[derive(Clone, Copy)]
struct Live {
    instance: Instance,
    get: i32,
    imported: i32,
    unbox: Option<i32>,
}

/// A store in which such guests come and go, at random.
struct Graph {
    store: Store<()>,
    module: Module,
    table: Table,
    zero: Func,
    live: Vec<Live>,
    /// What the functions in the table say.
    shared: [Option<i32>; 16],
    random: u64,
}

impl Graph {
    fn new(engine: &Engine, seed: u64) -> Self {
        let mut store = Store::new(engine, ());
        let ty = TableType::new(RefType::FUNCREF, 16, None);
        let table = Table::new(&mut store, ty, Val::FuncRef(None)).expect("a table");
        let zero = Func::wrap(&mut store, || 0_i32);
        let module = module(engine, NUMBER);
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { store, module, table, zero, live: Vec::new(), shared: [None; 16], random }
    }

    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize % below
    }

    /// One of those that are there.
    fn any(&mut self) -> Option<usize> {
        if self.live.is_empty() { None } else { Some(self.random(self.live.len())) }
    }

    /// The function of one that is there, and what it says.
    fn any_get(&mut self) -> Option<(Func, i32)> {
        let of = self.any().map(|any| self.live[any])?;
        Some((of.instance.get_func(&mut self.store, "get").expect("an export"), of.get))
    }

    fn element(&self, place: usize) -> Option<Func> {
        self.table.get(&self.store, place as u64)?.func_ref().flatten()
    }

    fn add(&mut self, number: i32) {
        let ty = GlobalType::new(ValType::I32, Mutability::Const);
        let global = Global::new(&mut self.store, ty, Val::I32(number)).expect("a global");
        let (import, imported) = self.any_get().unwrap_or((self.zero, 0));
        let imports = [global.into(), self.table.into(), import.into()];
        let instance = instance(&mut self.store, &self.module, &imports);
        self.live.push(Live { instance, get: number, imported, unbox: None });
    }

    fn remove(&mut self) {
        if let Some(any) = self.any() {
            let old = self.live.swap_remove(any);
            old.instance.remove(&mut self.store).expect("it is there");
        }
    }

    fn put(&mut self) {
        let (place, found) = (self.random(16), self.any_get());
        let value = found.map(|(func, _)| func);
        self.table.set(&mut self.store, place as u64, value.into()).expect("of its type");
        self.shared[place] = found.map(|(_, says)| says);
    }

    /// Puts a function into an object, which may be one of an instance that was removed long ago.
    fn put_in_box(&mut self) {
        let place = self.random(16);
        let (Some(says), Some(any)) = (self.shared[place], self.any()) else { return };
        let (found, of) = (self.element(place), self.live[any].instance);
        let put = func::<Option<Func>, ()>(&mut self.store, of, "box");
        put.call(&mut self.store, found).expect("no trap");
        self.live[any].unbox = Some(says);
    }

    fn step(&mut self, number: i32) {
        match self.random(8) {
            0 | 1 => self.add(number),
            2 | 3 => self.remove(),
            4 => self.put(),
            5 => self.put_in_box(),
            6 if number % 5 == 0 => self.store.gc(),
            _ => {}
        }
    }

    fn check(&mut self, what: &str) {
        for place in 0..16 {
            let found = self.element(place).map(|found| {
                let typed = found.typed::<(), i32>(&self.store).expect("its type");
                typed.call(&mut self.store, ()).expect("no trap")
            });
            assert_eq!(found, self.shared[place], "{what}, element {place}");
        }
        let Some(of) = self.live.last().copied() else { return };
        assert_eq!(call(&mut self.store, of.instance, "get"), of.get, "{what}");
        assert_eq!(call(&mut self.store, of.instance, "imported"), of.imported, "{what}");
        if let Some(unbox) = of.unbox {
            assert_eq!(call(&mut self.store, of.instance, "unbox"), unbox, "{what}");
        }
    }
}

/// Whatever is called, by whichever way, is what it was when the way was made.
#[test]
fn random_graphs_of_instances_stay_what_they_are() {
    let engine = any_engine();
    let (seeds, steps) = if cfg!(miri) { (1, 12) } else { (8, 1_500) };
    for seed in 1..=seeds {
        let mut graph = Graph::new(&engine, seed);
        for step in 0..steps {
            graph.step(step);
            graph.check(&format!("seed {seed}, step {step}"));
        }
        let is_long = steps > 100;
        assert!(
            !is_long || graph.store.instance_count() > graph.live.len(),
            "something keeps others"
        );
        while !graph.live.is_empty() {
            graph.remove();
        }
        graph.table.fill(&mut graph.store, 0, Val::FuncRef(None), 16).expect("of its type");
        graph.store.gc();
        assert_eq!(graph.store.instance_count(), 0, "seed {seed}");
    }
}
