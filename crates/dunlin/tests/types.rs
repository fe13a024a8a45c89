//! An engine's types end with whoever uses them, and their numbers go to others: what is left of the old ones,
//! objects above all, is never taken for something of the new ones.

mod support;

use dunlin::{
    AnyRef, Config, Engine, ErrorKind, Extern, Func, FuncType, Global, GlobalType, HeapType,
    Instance, Module, Mutability, RefType, Store, Table, TableType, Tag, Val, ValType,
};
use support::{engine, func, refused};

/// Modules that come and go, with more types in all than the engine may have.
const MODULES: i32 = if cfg!(miri) { 5 } else { 200 };

/// An engine with few types.
fn narrow() -> Engine {
    engine(|config: &mut Config| config.max_types(40))
}

/// A module with types that no other has: of structures with so many fields, an array of these, functions on them.
/// It makes a structure, whose first field is the number, and says what it is to the module.
fn module(engine: &Engine, number: i32) -> Module {
    let fields = "(field (mut i64)) ".repeat(number as usize % 61 + 1);
    let text = format!(
        r#"(module
            (rec (type $s (sub (struct (field i32) (field (ref null $a)) {fields})))
                (type $a (array (mut (ref null $s)))))
            (type $below (sub $s (struct (field i32) (field (ref null $a)) {fields} (field f64))))
            (type $new (func (result (ref $s))))
            (tag $t (param (ref null $s)))
            (global $kept (mut anyref) (ref.null any))
            (func $new (export "new") (type $new)
                (struct.new $s (i32.const {number}) (array.new $a (ref.null $s) (i32.const 2)) {values}))
            (func (export "make") (result anyref)
                (global.set $kept (call $new)) (global.get $kept))
            (func (export "throw") (throw $t (call $new)))
            (func (export "is") (param anyref) (result i32)
                (if (ref.test (ref $below) (local.get 0)) (then (return (i32.const -2))))
                (if (result i32) (ref.test (ref $s) (local.get 0))
                    (then (struct.get $s 0 (ref.cast (ref $s) (local.get 0)))) (else (i32.const -1)))))"#,
        values = "(i64.const 7) ".repeat(number as usize % 61 + 1),
    );
    Module::new(engine, &text).expect("a valid module, for whose types there is room")
}

fn make(store: &mut Store<()>, instance: Instance) -> AnyRef {
    let make = func::<(), Option<AnyRef>>(store, instance, "make");
    make.call(&mut *store, ()).expect("no trap").expect("an object")
}

fn is(store: &mut Store<()>, instance: Instance, object: AnyRef) -> i32 {
    func::<Option<AnyRef>, i32>(store, instance, "is")
        .call(&mut *store, Some(object))
        .expect("no trap")
}

#[test]
fn modules_come_and_go_without_end() {
    let engine = narrow();
    for number in 0..MODULES {
        let module = module(&engine, number);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        drop(module);
        let object = make(&mut store, instance);
        assert_eq!(is(&mut store, instance, object), number);
    }
}

#[test]
fn modules_come_and_go_in_one_store() {
    let engine = narrow();
    let mut store = Store::new(&engine, ());
    for number in 0..MODULES {
        let module = module(&engine, number);
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        drop(module);
        store.scope(|store| {
            let object = make(store, instance);
            assert_eq!(is(store, instance, object), number);
            func::<(), ()>(store, instance, "throw").call(&mut *store, ()).expect_err("it throws");
        });
        instance.remove(&mut store).expect("it is there");
        if number % 5 == 4 {
            store.gc();
            assert_eq!(store.instance_count(), 0);
        }
    }
}

#[test]
fn objects_keep_their_type_when_all_that_defined_it_is_gone() {
    let engine = narrow();
    let mut store = Store::new(&engine, ());
    let ty = TableType::new(RefType::ANYREF, 3, None);
    let table = Table::new(&mut store, ty, Val::AnyRef(None)).expect("a table");
    let mut kept = [None; 3];
    for number in 0..MODULES {
        let instance =
            Instance::new(&mut store, &module(&engine, number), &[]).expect("an instance");
        store.scope(|store| {
            for (place, kept) in (0..).zip(kept) {
                let Some(kept) = kept else { continue };
                let object = table.get(&*store, place).and_then(|it| it.any_ref()).flatten();
                let object = object.expect("it is kept");
                assert_eq!(object.field(&*store, 0).expect("a field").i32(), Some(kept));
                let is_same = kept % 61 == number % 61;
                let says = if is_same { kept } else { -1 };
                assert_eq!(is(store, instance, object), says, "{kept} in {number}");
            }
            let place = number as usize % 3;
            let object = make(store, instance);
            table.set(&mut *store, place as u64, object.into()).expect("of its type");
            kept[place] = Some(number);
        });
        instance.remove(&mut store).expect("it is there");
        store.gc();
        assert_eq!(store.instance_count(), 0);
    }
}

#[test]
fn what_the_host_makes_keeps_its_types() {
    let engine = narrow();
    let mut store = Store::new(&engine, ());
    let defines = module(&engine, 1);
    let Some(dunlin::ExternType::Func(ty)) = defines.get_export("new") else {
        panic!("a function")
    };
    let ValType::Ref(structure) = ty.results()[0] else { panic!("a reference") };
    let null = RefType { nullable: true, ..structure };
    let table = TableType::new(null, 1, None);
    let table = Table::new(&mut store, table, Val::AnyRef(None)).expect("a table");
    let global = GlobalType::new(ValType::Ref(null), Mutability::Var);
    let global = Global::new(&mut store, global, Val::AnyRef(None)).expect("a global");
    let carries = FuncType::new([ValType::Ref(null)], []);
    let tag = Tag::new(&mut store, carries.clone()).expect("a tag");
    let takes = Func::new(&mut store, carries, |_, _, _| Ok(()));
    drop(defines);
    for number in 2..MODULES / 2 {
        let other = module(&engine, number);
        let instance = Instance::new(&mut store, &other, &[]).expect("an instance");
        store.scope(|store| {
            let object = make(store, instance);
            let same = number % 61 == 1;
            assert_eq!(table.set(&mut *store, 0, object.into()).is_ok(), same);
            assert_eq!(global.set(&mut *store, object.into()).is_ok(), same);
            assert_eq!(takes.call(&mut *store, &[object.into()], &mut []).is_ok(), same);
            assert_eq!(dunlin::ExnRef::new(&mut *store, tag, &[object.into()]).is_ok(), same);
        });
        table.set(&mut store, 0, Val::AnyRef(None)).expect("of its type");
        global.set(&mut store, Val::AnyRef(None)).expect("of its type");
        // What another module says of its own types is not said of these.
        let text = format!(
            r#"(module (type $s (struct {})) (import "" "t" (table 1 (ref null $s))))"#,
            "(field i8)".repeat(number as usize)
        );
        let wants = Module::new(&engine, &text).expect("a valid module");
        let imports: [Extern; 1] = [table.into()];
        refused(
            Instance::new(&mut store, &wants, &imports),
            ErrorKind::Link,
            "incompatible import",
        );
        instance.remove(&mut store).expect("it is there");
        store.gc();
    }
}

#[test]
fn a_type_that_is_gone_is_no_type_of_anything() {
    let engine = narrow();
    let gone = {
        let module = module(&engine, 3);
        let Some(dunlin::ExternType::Func(ty)) = module.get_export("new") else {
            panic!("a function")
        };
        ty.results()[0]
    };
    let ValType::Ref(RefType { heap: HeapType::Concrete(_), .. }) = gone else {
        panic!("a defined type")
    };
    let mut store = Store::new(&engine, ());
    let ValType::Ref(gone) = gone else { panic!("a reference") };
    let null = RefType { nullable: true, ..gone };
    let table = TableType::new(null, 1, None);
    refused(Table::new(&mut store, table, Val::AnyRef(None)), ErrorKind::Usage, "the type is gone");
    let global = GlobalType::new(ValType::Ref(null), Mutability::Var);
    refused(
        Global::new(&mut store, global, Val::AnyRef(None)),
        ErrorKind::Usage,
        "the type is gone",
    );
    refused(AnyRef::new_struct(&mut store, gone.heap, &[]), ErrorKind::Usage, "the type is gone");
    refused(AnyRef::new_array(&mut store, gone.heap, &[]), ErrorKind::Usage, "the type is gone");
    let takes = Func::new(&mut store, FuncType::new([ValType::Ref(null)], []), |_, _, _| Ok(()));
    let one = AnyRef::from_i31(&mut store, 1);
    takes.call(&mut store, &[one.into()], &mut []).expect_err("nothing is of that type");
    Tag::new(&mut store, FuncType::new([ValType::Ref(null)], [])).expect("as a function");
}

/// Untyped calls keep the types of functions, whose numbers go to others.
#[test]
fn calls_know_the_type_of_what_they_call() {
    let engine = narrow();
    let mut store = Store::new(&engine, ());
    for number in 0..MODULES as usize {
        let (params, args) = ("i64 ".repeat(number % 7), vec![Val::I64(1); number % 7]);
        let results = "i32 ".repeat(number % 5);
        let text = format!(
            r#"(module (func (export "f") (param {params}) (result {results}) {}))"#,
            "(i32.const 6) ".repeat(number % 5)
        );
        let module = Module::new(&engine, &text).expect("a valid module");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let f = instance.get_func(&mut store, "f").expect("an export");
        let mut results = vec![Val::I32(0); number % 5];
        f.call(&mut store, &args, &mut results).expect("of its type");
        assert!(results.iter().all(|result| result.i32() == Some(6)));
        instance.remove(&mut store).expect("it is there");
    }
}

/// Threads of one engine each load, run and drop modules of their own.
#[test]
fn threads_come_and_go_with_types_of_their_own() {
    let engine = engine(|config| config.max_types(100));
    let rounds = if cfg!(miri) { 2 } else { 120 };
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let engine = &engine;
            scope.spawn(move || {
                let mut store = Store::new(engine, ());
                for round in 0..rounds {
                    let number = round * 3 + thread;
                    let module = module(engine, number);
                    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
                    drop(module);
                    store.scope(|store| {
                        let object = make(store, instance);
                        assert_eq!(is(store, instance, object), number);
                    });
                    instance.remove(&mut store).expect("it is there");
                    if round % 2 == 0 {
                        store.gc();
                    }
                }
            });
        }
    });
}
