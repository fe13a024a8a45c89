//! Stores that are made by a plan: what each has is its own, and handles are good in all of them.

use dunlin::{
    AsContextMut, Engine, ErrorKind, Extern, Func, FuncType, Global, GlobalType, Instance, Memory,
    MemoryType, Module, Mutability, NumericHost, Result, Store, StorePlan, Val, ValType,
};

/// The data: how often the host was called.
type Calls = u32;

/// Memory, table, globals and a tag of its own, which the other uses.
const FIRST: &str = r#"(module
    (memory (export "memory") 1 4)
    (table (export "table") 2 9 funcref)
    (global (export "count") (mut i32) (i32.const 40))
    (tag (export "tag") (param i32))
    (data (i32.const 0) "first")
    (func $one (export "one") (result i32) (i32.const 1))
    (elem (i32.const 0) func $one))"#;

const SECOND: &str = r#"(module
    (type $i (func (result i32)))
    (import "" "host" (func $host (param i32) (result i32)))
    (import "" "base" (global $base (mut i32)))
    (import "" "memory" (memory 1 4))
    (import "" "table" (table $t 2 9 funcref))
    (import "" "count" (global $count (mut i32)))
    (import "" "tag" (tag $tag (param i32)))
    (import "" "one" (func $one (result i32)))
    (global $own (mut funcref) (ref.func $two))
    (elem (i32.const 1) func $two)
    (func $two (export "two") (result i32) (i32.const 2))
    (func (export "run") (result i32)
        (global.set $count (i32.add (global.get $count) (call $one)))
        (global.set $base (i32.add (global.get $base) (call_indirect $t (type $i) (i32.const 1))))
        (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
        (table.set $t (i32.const 0) (global.get $own))
        (global.set $own (ref.null func))
        (call $host (i32.add (global.get $count)
            (i32.add (i32.mul (global.get $base) (i32.const 1000)) (i32.load8_u (i32.const 0)))))))"#;

/// Handles of a store that has been made.
#[derive(Clone, Copy)]
struct Made {
    first: Instance,
    second: Instance,
    host: Func,
    base: Global,
}

fn host(engine: &Engine) -> NumericHost<Calls, u64> {
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let host = NumericHost::<Calls, u64>::new(engine, &ty, |mut caller, more, words| {
        *caller.data_mut() += 1;
        words[0] = u64::from(words[0] as u32) + more;
        Ok(())
    });
    host.unwrap()
}

fn make(store: &mut Store<Calls>) -> Made {
    let engine = store.engine().clone();
    let [first, second] = [FIRST, SECOND].map(|text| Module::new(&engine, text).unwrap());
    let host = host(&engine).add_to(&mut *store, 1_000_000).unwrap();
    let ty = GlobalType::new(ValType::I32, Mutability::Var);
    let base = Global::new(&mut *store, ty, Val::I32(3)).unwrap();
    let first = Instance::new(&mut *store, &first, &[]).unwrap();
    let names = ["memory", "table", "count", "tag", "one"];
    let mut imports: Vec<Extern> = vec![host.into(), base.into()];
    imports.extend(names.map(|name| first.get_export(&mut *store, name).unwrap()));
    let second = Instance::new(&mut *store, &second, &imports).unwrap();
    Made { first, second, host, base }
}

fn run(store: &mut Store<Calls>, made: &Made) -> Result<i32> {
    made.second.get_typed_func::<(), i32>(&mut *store, "run")?.call(store, ())
}

fn planned(engine: &Engine) -> (StorePlan<Calls>, Made, Store<Calls>) {
    let mut store = Store::new(engine, 0);
    store.as_context_mut().begin_plan().unwrap();
    let made = make(&mut store);
    let plan = store.as_context_mut().end_plan(2).expect("a plan");
    (plan, made, store)
}

fn follow(engine: &Engine, plan: &StorePlan<Calls>) -> Store<Calls> {
    let mut store = Store::new(engine, 0);
    store.as_context_mut().follow(plan, |_, _| Ok(())).unwrap();
    store
}

#[test]
fn stores_of_a_plan_are_alike_and_apart() {
    let engine = Engine::default();
    let mut plain = Store::new(&engine, 0);
    let made = make(&mut plain);
    let expected = [(); 3].map(|()| run(&mut plain, &made).unwrap());
    assert!(expected[0] != expected[1]);

    let (plan, made, mut first) = planned(&engine);
    let mut stores: Vec<_> = (0..4).map(|_| follow(&engine, &plan)).collect();
    for expected in expected {
        for store in stores.iter_mut().chain([&mut first]) {
            assert_eq!(run(store, &made).unwrap(), expected);
            assert_eq!(
                made.first.get_memory(&mut *store, "memory").unwrap().data(&*store)[1..5],
                *b"irst"
            );
        }
    }
    for store in stores {
        assert_eq!(*store.data(), 3);
    }
    let mut next = follow(&engine, &plan);
    assert_eq!(run(&mut next, &made).unwrap(), expected[0]);
    assert_eq!(made.base.get(&mut next).unwrap().i32(), Some(5));
}

#[test]
fn handles_are_equal_and_refused_where_the_plan_is_not_carried_out() {
    let engine = Engine::default();
    let (plan, made, mut first) = planned(&engine);
    let mut second = follow(&engine, &plan);
    let [a, b] = [&mut first, &mut second].map(|store| {
        ["memory", "table", "count", "tag", "one"]
            .map(|name| format!("{:?}", made.first.get_export(&mut *store, name).unwrap()))
    });
    assert_eq!(a, b);
    let mut other = Store::new(&engine, 0);
    assert_eq!(
        made.host.call(&mut other, &[Val::I32(0)], &mut [Val::I32(0)]).unwrap_err().kind(),
        ErrorKind::Usage
    );
    assert!(made.second.get_export(&mut other, "run").is_none());
    let (_, unlike, _) = planned(&engine);
    assert!(unlike.host.ty(&second).is_err() && unlike.first.module(&second).is_err());
    // What a store has besides is its own.
    let own = Memory::new(&mut second, MemoryType::new(1, None)).unwrap();
    let mut third = follow(&engine, &plan);
    let same = Memory::new(&mut third, MemoryType::new(2, None)).unwrap();
    assert!(own.ty(&third).is_err() && same.ty(&second).is_err() && own.ty(&second).is_ok());
}

#[test]
fn instances_that_are_removed_are_so_in_their_store() {
    let engine = Engine::default();
    let (plan, made, mut first) = planned(&engine);
    let mut expected = None;
    for _ in 0..4 {
        let mut store = follow(&engine, &plan);
        let said = run(&mut store, &made).unwrap();
        assert_eq!(*expected.get_or_insert(said), said);
        made.second.remove(&mut store).unwrap();
        assert!(run(&mut store, &made).is_err());
        store.gc();
        // Another takes its places, and is not what handles of the plan mean.
        let module =
            Module::new(&engine, r#"(module (func (export "run") (result i32) (i32.const 9)))"#);
        let other = Instance::new(&mut store, &module.unwrap(), &[]).unwrap();
        let found = other.get_typed_func::<(), i32>(&mut store, "run").unwrap();
        assert_eq!(found.call(&mut store, ()).unwrap(), 9);
        assert!(run(&mut store, &made).is_err() && found.call(&mut first, ()).is_err());
        made.first.remove(&mut store).unwrap();
        store.gc();
    }
    assert_eq!(run(&mut first, &made).unwrap(), expected.unwrap());
}

#[test]
fn what_cannot_be_done_again_is_no_plan() {
    let engine = Engine::default();
    let plan_of = |done: fn(&mut Store<Calls>) -> usize| {
        let mut store = Store::new(&engine, 0);
        store.as_context_mut().begin_plan().unwrap();
        let count = done(&mut store);
        store.as_context_mut().end_plan(count)
    };
    // A memory of nobody's.
    assert!(
        plan_of(|store| {
            Memory::new(store, MemoryType::new(1, None)).unwrap();
            0
        })
        .is_none()
    );
    // Something that has been freed.
    let freed = plan_of(|store| {
        let module = Module::new(store.engine(), "(module (memory 1))").unwrap();
        Instance::new(&mut *store, &module, &[]).unwrap().remove(&mut *store).unwrap();
        Instance::new(store, &module, &[]).unwrap();
        1
    });
    assert!(freed.is_none());
    // More instances than are known of.
    assert!(
        plan_of(|store| {
            make(store);
            1
        })
        .is_none()
    );
    assert!(plan_of(|_| 0).is_some());
    // A store that is not empty.
    let mut store = Store::new(&engine, 0);
    make(&mut store);
    assert!(store.as_context_mut().begin_plan().is_err());
    assert!(store.as_context_mut().end_plan(2).is_none());
    let (plan, ..) = planned(&engine);
    assert!(store.as_context_mut().follow(&plan, |_, _| Ok(())).is_err());
    let mut store = follow(&engine, &plan);
    assert!(store.as_context_mut().follow(&plan, |_, _| Ok(())).is_err());
    let mut other = Store::new(&Engine::default(), 0);
    assert!(other.as_context_mut().follow(&plan, |_, _| Ok(())).is_err());
}

#[test]
fn what_is_not_there_yet_is_refused() {
    let engine = Engine::default();
    let (plan, made, mut first) = planned(&engine);
    let one = made.first.get_typed_func::<(), i32>(&mut first, "one").unwrap();
    for stop in [0, 1, 2] {
        let mut store = Store::new(&engine, 0);
        let result = store.as_context_mut().follow(&plan, |store, at| {
            assert!(made.host.ty(&*store).is_ok() && made.base.ty(&*store).is_ok());
            assert_eq!(one.call(store.as_context_mut(), ()).is_ok(), at >= 1);
            assert_eq!(made.first.module(&*store).is_ok(), at >= 1);
            assert_eq!(made.second.module(&*store).is_ok(), at >= 2);
            if at == stop { Err(dunlin::Error::new_of(ErrorKind::Host, "no more")) } else { Ok(()) }
        });
        assert_eq!(result.unwrap_err().to_string(), "no more");
        assert_eq!(one.call(&mut store, ()).is_ok(), stop >= 1);
        assert_eq!(run(&mut store, &made).is_ok(), stop >= 2);
        assert!(store.as_context_mut().begin_plan().is_err());
    }
}

#[test]
fn what_is_removed_meanwhile_ends_a_plan() {
    let engine = Engine::default();
    let (plan, made, _) = planned(&engine);
    let other =
        Module::new(&engine, r#"(module (table 1 1 funcref) (func (export "f") (param f64)))"#);
    let other = other.unwrap();
    for (at, replaced) in [(1, false), (1, true), (2, false), (2, true)] {
        let mut store = Store::new(&engine, 0);
        let result = store.as_context_mut().follow(&plan, |store, next| {
            if next == at {
                made.first.remove(&mut *store)?;
                if replaced {
                    // It takes the places that are free, which the next instance would import.
                    Instance::new(&mut *store, &other, &[])?;
                }
            }
            Ok(())
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Usage, "{at}");
        assert!(made.first.module(&store).is_err());
        // The store is good for other things.
        let again = Instance::new(&mut store, &other, &[]).unwrap();
        assert!(again.get_export(&mut store, "f").is_some());
    }
}

#[test]
fn a_start_function_that_has_something_removed_ends_a_plan() {
    let engine = Engine::default();
    // What the host's function removes, if anything.
    type Removes = Option<Instance>;
    let first = r#"(module (func (export "f") (result i32) (i32.const 7)))"#;
    let middle = r#"(module (import "" "host" (func $host)) (start $host))"#;
    let last = r#"(module (import "" "f" (func (result i32))) (export "f" (func 0)))"#;
    let [first, middle, last] =
        [first, middle, last].map(|text| Module::new(&engine, text).unwrap());
    let mut store: Store<Removes> = Store::new(&engine, None);
    store.as_context_mut().begin_plan().unwrap();
    let host = Func::wrap(&mut store, |mut caller: dunlin::Caller<'_, Removes>| -> Result<()> {
        match caller.data_mut().take() {
            Some(instance) => instance.remove(&mut caller),
            None => Ok(()),
        }
    });
    let made = Instance::new(&mut store, &first, &[]).unwrap();
    let f = made.get_export(&mut store, "f").unwrap();
    Instance::new(&mut store, &middle, &[host.into()]).unwrap();
    Instance::new(&mut store, &last, &[f]).unwrap();
    let plan = store.as_context_mut().end_plan(3).unwrap();
    for removes in [None, Some(made)] {
        let mut store = Store::new(&engine, removes);
        let result = store.as_context_mut().follow(&plan, |_, _| Ok(()));
        assert_eq!(result.err().map(|error| error.kind()), removes.map(|_| ErrorKind::Usage));
    }
}
