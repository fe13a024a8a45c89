//! Instances that an `InstancePre` makes one after the other: each in a store of its own begins as the first did, whatever
//! those before it have done to theirs, and shares nothing with it that a guest can change.

mod support;

use dunlin::{
    AsContextMut, Config, Engine, ErrorKind, PoolingConfig, ResourceLimiter, Result, Store,
    StoreContextMut, StoreLimits, StoreLimitsBuilder,
};
use dunlin_component::{Borrow, Component, InstancePre, Linker, Resource, TypedFunc};
use std::sync::Mutex;
use support::engine;

/// The host's data: what it was asked, in this store.
struct Data {
    asked: Vec<u32>,
    limits: StoreLimits,
    /// Whether the start function is to fail.
    fails: bool,
    /// What the start function calls, of another store's.
    calls: Option<TypedFunc<(u32,), u64>>,
    said: Option<String>,
}

impl Default for Data {
    fn default() -> Self {
        let limits = StoreLimitsBuilder::new().build();
        Self { asked: Vec::new(), limits, fails: false, calls: None, said: None }
    }
}

struct Counter;

/// Two components with memories, tables, globals, resources and adapters; `touch` changes all that a guest can change, and
/// says what it has found.
const COMPONENT: &str = r#"(component
    (import "host" (instance $host
        (export "counter" (type $counter (sub resource)))
        (export "make" (func (param "n" u32) (result (own $counter))))
        (export "look" (func (param "c" (borrow $counter)) (result u32)))
        (export "start" (func (param "n" u32)))))
    (alias export $host "counter" (type $counter))
    (component $Inner
        (core module $M
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (global $calls (mut i32) (i32.const 0))
            (data (i32.const 16) "inner")
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "len") (param i32 i32) (result i32)
                (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                (i32.store8 (i32.const 16) (i32.add (i32.load8_u (i32.const 16)) (i32.const 1)))
                (i32.add (i32.mul (global.get $calls) (i32.const 1000))
                    (i32.add (local.get 0) (i32.load8_u (i32.const 16))))))
        (core instance $m (instantiate $M))
        (func (export "len") (param "s" string) (result u32) (canon lift (core func $m "len")
            (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
    (instance $inner (instantiate $Inner))
    (core module $Libc
        (memory (export "memory") 2)
        (table (export "table") 4 8 funcref)
        (func $seven (result i32) (i32.const 7))
        (elem (i32.const 1) func $seven)
        (data (i32.const 8) "outer"))
    (core instance $libc (instantiate $Libc))
    (core func $make (canon lower (func $host "make")))
    (core func $look (canon lower (func $host "look")))
    (core func $start (canon lower (func $host "start")))
    (core func $len (canon lower (func $inner "len") (memory (core memory $libc "memory"))))
    (core module $M
        (type $i (func (result i32)))
        (import "libc" "memory" (memory 2))
        (import "libc" "table" (table $t 4 8 funcref))
        (import "host" "make" (func $make (param i32) (result i32)))
        (import "host" "look" (func $look (param i32) (result i32)))
        (import "host" "start" (func $start (param i32)))
        (import "host" "len" (func $len (param i32 i32) (result i32)))
        (global $count (mut i64) (i64.const 1))
        (elem declare func $five)
        (elem (i32.const 2) func $five $make)
        (data $d "passive")
        (func $five (result i32) (i32.const 5))
        (func $begin (global.set $count (i64.add (global.get $count) (i64.const 1)))
            (call $start (i32.load8_u (i32.const 8)))
            (i32.store8 (i32.const 8) (i32.const 65)))
        (start $begin)
        (func (export "trap") unreachable)
        (func (export "touch") (param $n i32) (result i64) (local $h i32) (local $sum i64)
            ;; What is in memory, in the table, in globals, and how long they are.
            (local.set $sum (i64.mul (global.get $count) (i64.const 1000003)))
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (i32.load (i32.const 8)))))
            (local.set $sum (i64.add (local.get $sum) (i64.load (i32.const 70000))))
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call_indirect $t (type $i) (i32.const 1)))))
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call_indirect $t (type $i) (i32.const 2)))))
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (ref.is_null (table.get $t (i32.const 0))))))
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.extend_i32_u (table.size $t))))
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.extend_i32_u (memory.size))))
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31))
                (i64.extend_i32_u (call $len (i32.const 8) (i32.const 5)))))
            ;; A handle of the host's, which is not given back.
            (local.set $h (call $make (local.get $n)))
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.extend_i32_u (local.get $h))))
            (drop (call $look (local.get $h)))
            ;; And all of it changes.
            (global.set $count (i64.add (global.get $count) (i64.extend_i32_u (local.get $n))))
            (if (i32.eq (memory.size) (i32.const 2)) (then
                (memory.init $d (i32.const 8) (i32.const 0) (i32.const 7))
                (data.drop $d)))
            (i64.store (i32.const 70000) (i64.extend_i32_u (local.get $n)))
            (drop (memory.grow (i32.const 1)))
            (i32.store (i32.const 131072) (i32.const -1))
            (table.set $t (i32.const 1) (table.get $t (i32.const 2)))
            (table.set $t (i32.const 0) (ref.func $five))
            (drop (table.grow $t (ref.func $five) (i32.const 2)))
            (local.get $sum)))
    (core instance $m (instantiate $M
        (with "libc" (instance $libc))
        (with "host" (instance (export "make" (func $make)) (export "look" (func $look))
            (export "start" (func $start)) (export "len" (func $len))))))
    (func (export "touch") (param "n" u32) (result u64) (canon lift (core func $m "touch")))
    (func (export "trap") (canon lift (core func $m "trap"))))"#;

type Touch = TypedFunc<(u32,), u64>;

fn linker(engine: &Engine) -> Linker<Data> {
    let mut linker = Linker::new(engine);
    let mut host = linker.instance("host").unwrap();
    host.resource::<Counter>("counter", |_, _| Ok(())).unwrap();
    host.func_wrap("make", |mut store: StoreContextMut<'_, Data>, (n,): (u32,)| {
        store.data_mut().asked.push(n);
        Ok(Resource::<Counter>::new(n))
    })
    .unwrap();
    host.func_wrap("look", |mut store: StoreContextMut<'_, Data>, (it,): (Borrow<Counter>,)| {
        store.data_mut().asked.push(it.rep());
        Ok(it.rep())
    })
    .unwrap();
    host.func_wrap("start", |mut store: StoreContextMut<'_, Data>, (found,): (u32,)| {
        store.data_mut().asked.push(found);
        if let Some(touch) = store.data_mut().calls.take() {
            let result = touch.call(&mut store, (1,));
            store.data_mut().said = Some(result.err().map_or("it ran".into(), |e| e.to_string()));
        }
        match store.data().fails {
            true => Err(dunlin::Error::new_of(ErrorKind::Host, "the start function fails")),
            false => Ok(()),
        }
    })
    .unwrap();
    linker
}

fn pre(engine: &Engine) -> InstancePre<Data> {
    let component = Component::new(engine, COMPONENT).unwrap();
    linker(engine).instantiate_pre(&component).unwrap()
}

fn make(engine: &Engine, pre: &InstancePre<Data>, data: Data) -> Result<(Store<Data>, Touch)> {
    let mut store = Store::new(engine, data);
    store.limiter(|data| &mut data.limits as &mut dyn ResourceLimiter);
    let instance = pre.instantiate(&mut store)?;
    let touch = instance.get_typed_func(&mut store, "touch")?;
    Ok((store, touch))
}

/// What three calls of `touch` say in an instance that is made without anything that is known of others.
fn expected(engine: &Engine) -> [u64; 3] {
    let component = Component::new(engine, COMPONENT).unwrap();
    let mut store = Store::new(engine, Data::default());
    let instance = linker(engine).instantiate(&mut store, &component).unwrap();
    let touch: Touch = instance.get_typed_func(&mut store, "touch").unwrap();
    let said = [3, 4, 5].map(|n| touch.call(&mut store, (n,)).unwrap());
    assert!(said[0] != said[1] && said[1] != said[2]);
    assert_eq!(store.data().asked, [u32::from(b'o'), 3, 3, 4, 4, 5, 5]);
    said
}

fn engines() -> [Engine; 2] {
    let tier = match std::env::var("DUNLIN_TIER").as_deref() {
        Ok("interp") => dunlin::Tier::Interp,
        Ok("optimize" | "mixed") => dunlin::Tier::Optimize,
        Ok("baseline") => dunlin::Tier::Baseline,
        _ => dunlin::Tier::Auto,
    };
    let pooled = Engine::new(Config::new().tier(tier).pooling(PoolingConfig::new()));
    [engine(), pooled.unwrap()]
}

#[test]
fn each_begins_as_the_first_did_whatever_became_of_those_before_it() {
    for engine in engines() {
        let (expected, pre) = (expected(&engine), pre(&engine));
        for _ in 0..6 {
            let (mut store, touch) = make(&engine, &pre, Data::default()).unwrap();
            let said = [3, 4, 5].map(|n| touch.call(&mut store, (n,)).unwrap());
            assert_eq!(said, expected);
            assert_eq!(store.data().asked, [u32::from(b'o'), 3, 3, 4, 4, 5, 5]);
        }
    }
}

#[test]
fn several_live_at_once_and_end_in_any_order() {
    for engine in engines() {
        let (expected, pre) = (expected(&engine), pre(&engine));
        let mut live = Vec::new();
        for round in 0..40_usize {
            live.push((make(&engine, &pre, Data::default()).unwrap(), 0));
            for ((store, touch), calls) in &mut live {
                if *calls < 3 {
                    let said = touch.call(&mut *store, (*calls as u32 + 3,)).unwrap();
                    assert_eq!(said, expected[*calls]);
                    *calls += 1;
                }
            }
            if round % 3 != 0 {
                live.remove(round * 7 % live.len());
            }
        }
    }
}

#[test]
fn threads_make_them_side_by_side() {
    for engine in engines() {
        let (expected, pre) = (expected(&engine), pre(&engine));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let (mut store, touch) = make(&engine, &pre, Data::default()).unwrap();
                        let said = [3, 4, 5].map(|n| touch.call(&mut store, (n,)).unwrap());
                        assert_eq!(said, expected);
                    }
                });
            }
        });
    }
}

#[test]
fn a_function_is_the_same_in_all_of_them_and_acts_where_it_is_called() {
    let engine = engine();
    let (expected, pre) = (expected(&engine), pre(&engine));
    let (mut first, touch) = make(&engine, &pre, Data::default()).unwrap();
    assert!(touch.is_planned(&mut first));
    let (mut second, other) = make(&engine, &pre, Data::default()).unwrap();
    assert_eq!(touch.func(), other.func());
    assert_eq!(touch.call(&mut second, (3,)).unwrap(), expected[0]);
    assert_eq!(touch.call(&mut first, (3,)).unwrap(), expected[0]);
    assert_eq!(other.call(&mut first, (4,)).unwrap(), expected[1]);
    assert_eq!(touch.call(&mut second, (4,)).unwrap(), expected[1]);
    // Nowhere else: not in a store without, nor in one of another component, nor of another way to link it.
    let mut empty = Store::new(&engine, Data::default());
    assert_eq!(touch.call(&mut empty, (3,)).unwrap_err().kind(), ErrorKind::Usage);
    let again = self::pre(&engine);
    let (mut third, _) = make(&engine, &again, Data::default()).unwrap();
    assert_eq!(touch.call(&mut third, (3,)).unwrap_err().kind(), ErrorKind::Usage);
    assert!(!touch.is_planned(&mut third));
}

#[test]
fn what_traps_is_not_entered_again_and_the_next_one_is() {
    let engine = engine();
    let (expected, pre) = (expected(&engine), pre(&engine));
    for _ in 0..4 {
        let (mut store, touch) = make(&engine, &pre, Data::default()).unwrap();
        let instance = pre.instantiate(&mut store).unwrap();
        let trap = instance.get_typed_func::<(), ()>(&mut store, "trap").unwrap();
        // The second in one store, which is made the long way.
        let second: Touch = instance.get_typed_func(&mut store, "touch").unwrap();
        assert_eq!(second.call(&mut store, (3,)).unwrap(), expected[0]);
        assert!(!second.is_planned(&mut store) && touch.is_planned(&mut store));
        assert_eq!(trap.call(&mut store, ()).unwrap_err().kind(), ErrorKind::Trap);
        let error = second.call(&mut store, (3,)).unwrap_err().to_string();
        assert!(error.contains("cannot enter"), "{error}");
        assert_eq!(touch.call(&mut store, (3,)).unwrap(), expected[0]);
    }
}

#[test]
fn what_fails_to_start_leaves_nothing_to_the_next() {
    for engine in engines() {
        let (expected, pre) = (expected(&engine), pre(&engine));
        let mut planned: Option<Touch> = None;
        for round in 0..8 {
            let mut store = Store::new(&engine, Data { fails: round % 2 == 0, ..Data::default() });
            let made = pre.instantiate(&mut store);
            assert_eq!(store.data().asked, [u32::from(b'o')]);
            if round % 2 == 0 {
                assert_eq!(made.unwrap_err().to_string(), "the start function fails");
                // What others have of the plan is not there.
                if let Some(touch) = planned {
                    assert!(touch.call(&mut store, (3,)).is_err());
                }
                continue;
            }
            let touch: Touch = made.unwrap().get_typed_func(&mut store, "touch").unwrap();
            assert_eq!([3, 4, 5].map(|n| touch.call(&mut store, (n,)).unwrap()), expected);
            planned = Some(touch);
        }
    }
}

#[test]
fn what_is_not_made_yet_is_refused() {
    for engine in engines() {
        let pre = pre(&engine);
        let (_first, touch) = make(&engine, &pre, Data::default()).unwrap();
        let data = Data { calls: Some(touch), ..Data::default() };
        let (mut store, _) = make(&engine, &pre, data).unwrap();
        // Its instance runs, so that it may not be entered.
        let said = store.data_mut().said.take().unwrap();
        assert!(said.contains("cannot enter"), "{said}");
        assert_eq!(touch.call(&mut store, (3,)).unwrap(), expected(&engine)[0]);
    }
}

#[test]
fn limits_hold_in_each_of_them() {
    for engine in engines() {
        let (expected, pre) = (expected(&engine), pre(&engine));
        for (limits, refused) in [
            (StoreLimitsBuilder::new().instances(2).build(), "2 are allowed"),
            (StoreLimitsBuilder::new().memory_size(1 << 16).build(), "limits refuse"),
            (StoreLimitsBuilder::new().memories(1).build(), "1 are allowed"),
            (StoreLimitsBuilder::new().table_elements(3).build(), "limits refuse"),
        ] {
            let (mut good, touch) = make(&engine, &pre, Data::default()).unwrap();
            assert_eq!(touch.call(&mut good, (3,)).unwrap(), expected[0]);
            let mut store = Store::new(&engine, Data { limits, ..Data::default() });
            store.limiter(|data| &mut data.limits as &mut dyn ResourceLimiter);
            let error = pre.instantiate(&mut store).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
            assert!(error.to_string().contains(refused), "{error}");
            assert!(touch.call(&mut store, (3,)).is_err());
            drop(store);
            assert_eq!(touch.call(&mut good, (4,)).unwrap(), expected[1]);
        }
    }
}

#[test]
fn a_store_with_something_in_it_is_served_the_long_way() {
    let engine = engine();
    let (expected, pre) = (expected(&engine), pre(&engine));
    for _ in 0..3 {
        let mut store = Store::new(&engine, Data::default());
        dunlin::Func::wrap(&mut store, || ());
        let instance = pre.instantiate(&mut store).unwrap();
        let touch: Touch = instance.get_typed_func(&mut store, "touch").unwrap();
        assert!(!touch.is_planned(&mut store));
        assert_eq!([3, 4, 5].map(|n| touch.call(&mut store, (n,)).unwrap()), expected);
        let (mut other, touch) = make(&engine, &pre, Data::default()).unwrap();
        assert_eq!([3, 4, 5].map(|n| touch.call(&mut other, (n,)).unwrap()), expected);
    }
}

/// A host function that a start function calls makes an instance of its own there: it is that function's to make again.
#[test]
fn what_the_host_makes_meanwhile_is_made_once() {
    static INNER: Mutex<Option<InstancePre<()>>> = Mutex::new(None);
    let engine = engine();
    let inner = Component::new(
        &engine,
        r#"(component (core module $m (memory 1)) (core instance (instantiate $m)))"#,
    );
    let inner = Linker::<()>::new(&engine).instantiate_pre(&inner.unwrap()).unwrap();
    *INNER.lock().unwrap() = Some(inner);
    let mut linker = Linker::<()>::new(&engine);
    let mut root = linker.root();
    root.func_wrap("start", |mut store: StoreContextMut<'_, ()>, (): ()| {
        let pre = INNER.lock().unwrap().clone().unwrap();
        pre.instantiate(store.as_context_mut()).map(drop)
    })
    .unwrap();
    let component = Component::new(
        &engine,
        r#"(component (import "start" (func $s)) (core func $s' (canon lower (func $s)))
            (core module $m (import "" "s" (func $s)) (start $s))
            (core instance (instantiate $m (with "" (instance (export "s" (func $s')))))))"#,
    );
    let pre = linker.instantiate_pre(&component.unwrap()).unwrap();
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        pre.instantiate(&mut store).unwrap();
        assert_eq!(store.instance_count(), 2);
    }
}
