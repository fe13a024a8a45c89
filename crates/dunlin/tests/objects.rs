//! Objects that a store collects: what keeps them alive, what the host sees of them, and what bounds them.

mod support;

use dunlin::{
    AnyRef, Caller, Engine, ErrorKind, ExternRef, Func, HeapType, Instance, Linker, Module, Result,
    Store, StoreLimitsBuilder, TrapCode, Val, ValType,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{any_engine, engine, func, link, refused, start};

/// Engines that collect when they need to, and at every allocation.
fn engines() -> [Engine; 2] {
    [any_engine(), engine(|config| config.gc_zeal(true))]
}

/// Builds and checks a binary tree, and a list; keeps things in a global, a table, locals and operands.
const TREES: &str = r#"(module
    (type $tree (struct (field (ref null $tree)) (field (ref null $tree)) (field i32)))
    (type $list (struct (field (mut (ref null $list))) (field i64)))
    (import "host" "gc" (func $gc))
    (global $kept (mut (ref null $tree)) (ref.null $tree))
    (table $table 4 (ref null $list))
    (func $build (export "build") (param $depth i32) (result (ref $tree))
        (if (result (ref $tree)) (i32.eqz (local.get $depth))
            (then (struct.new $tree (ref.null $tree) (ref.null $tree) (i32.const 1)))
            (else (struct.new $tree
                (call $build (i32.sub (local.get $depth) (i32.const 1)))
                (call $build (i32.sub (local.get $depth) (i32.const 1)))
                (i32.const 1)))))
    (func $count (export "count") (param $tree (ref null $tree)) (result i32)
        (if (result i32) (ref.is_null (local.get $tree))
            (then (i32.const 0))
            (else (i32.add (struct.get $tree 2 (local.get $tree))
                (i32.add (call $count (struct.get $tree 0 (local.get $tree)))
                         (call $count (struct.get $tree 1 (local.get $tree))))))))
    (func (export "keep") (param i32) (global.set $kept (call $build (local.get 0))))
    (func (export "kept") (result i32) (call $gc) (call $count (global.get $kept)))
    (func (export "operands") (param i32) (result i32)
        (call $count (call $build (local.get 0)))
        (call $build (local.get 0))
        (call $gc)
        (drop (call $build (local.get 0)))
        (call $count)
        (i32.add))
    (func (export "list") (param $n i32) (result i64) (local $head (ref null $list)) (local $sum i64)
        (loop $next
            (local.set $head
                (struct.new $list (local.get $head) (i64.extend_i32_u (local.get $n))))
            (table.set $table (i32.const 1) (local.get $head))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.set $head (ref.null $list))
        (call $gc)
        (local.set $head (table.get $table (i32.const 1)))
        (block $end (loop $next
            (br_if $end (ref.is_null (local.get $head)))
            (local.set $sum (i64.add (local.get $sum) (struct.get $list 1 (local.get $head))))
            (local.set $head (struct.get $list 0 (local.get $head)))
            (br $next)))
        (local.get $sum))
    (func (export "cycle") (local $a (ref null $list))
        (local.set $a (struct.new $list (ref.null $list) (i64.const 1)))
        (struct.set $list 0 (local.get $a)
            (struct.new $list (local.get $a) (i64.const 2)))))"#;

fn trees(engine: &Engine) -> (Store<()>, Instance) {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "gc", |mut caller: Caller<'_, ()>| caller.gc()).expect("a new name");
    link(&linker, (), TREES)
}

#[test]
fn what_frames_globals_and_tables_hold_stays() {
    for engine in engines() {
        let (mut store, instance) = trees(&engine);
        let keep = func::<i32, ()>(&mut store, instance, "keep");
        let kept = func::<(), i32>(&mut store, instance, "kept");
        let operands = func::<i32, i32>(&mut store, instance, "operands");
        let list = func::<i32, i64>(&mut store, instance, "list");
        keep.call(&mut store, 7).unwrap();
        for depth in 0..7 {
            assert_eq!(operands.call(&mut store, depth).unwrap(), 2 * ((2 << depth) - 1));
            assert_eq!(kept.call(&mut store, ()).unwrap(), 255);
        }
        assert_eq!(list.call(&mut store, 500).unwrap(), 500 * 501 / 2);
        assert_eq!(kept.call(&mut store, ()).unwrap(), 255);
    }
}

#[test]
fn what_nothing_refers_to_goes_cycles_too() {
    let (mut store, instance) = trees(&any_engine());
    let cycle = func::<(), ()>(&mut store, instance, "cycle");
    for _ in 0..100_000 {
        cycle.call(&mut store, ()).unwrap();
    }
    store.gc();
    let stats = store.heap_stats();
    assert!(stats.allocated_bytes >= 200_000 * 16, "{stats:?}");
    assert_eq!(stats.live_bytes, 0, "{stats:?}");
    assert!(stats.heap_bytes < 16 << 20, "{stats:?}");
}

#[test]
fn handles_keep_what_they_lead_to_until_their_scope_ends() {
    for engine in engines() {
        let (mut store, instance) = trees(&engine);
        let build = instance.get_func(&mut store, "build").unwrap();
        let count = instance.get_func(&mut store, "count").unwrap();
        let tree = store.scope(|store| {
            let mut tree = [Val::I32(0)];
            build.call(&mut *store, &[Val::I32(3)], &mut tree).unwrap();
            let tree = tree[0].any_ref().unwrap().unwrap();
            store.gc();
            assert_eq!(tree.kind(&*store).unwrap(), HeapType::Struct);
            assert_eq!(tree.field(&*store, 2).unwrap().i32(), Some(1));
            let left = tree.field(&*store, 0).unwrap();
            let mut size = [Val::I32(0)];
            count.call(&mut *store, &[left], &mut size).unwrap();
            assert_eq!(size[0].i32(), Some(7));
            tree
        });
        refused(tree.kind(&store), ErrorKind::Usage, "the scope of the reference has ended");
        refused(
            count.call(&mut store, &[tree.into()], &mut [Val::I32(0)]),
            ErrorKind::Usage,
            "scope",
        );
        store.gc();
        assert_eq!(store.heap_stats().live_bytes, 0);
    }
}

/// Counts how often values of it are dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn host_values_live_as_long_as_something_refers_to_them() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (mut store, instance) = start(
        &any_engine(),
        (),
        r#"(module
            (type $box (struct (field externref)))
            (global $box (mut (ref null $box)) (ref.null $box))
            (func (export "put") (param externref)
                (global.set $box (struct.new $box (local.get 0))))
            (func (export "take") (result externref)
                (struct.get $box 0 (global.get $box)) (global.set $box (ref.null $box))))"#,
    );
    let put = func::<Option<ExternRef>, ()>(&mut store, instance, "put");
    let take = func::<(), Option<ExternRef>>(&mut store, instance, "take");
    for _ in 0..3 {
        store.scope(|store| {
            let value = ExternRef::new(&mut *store, Counted(dropped.clone())).unwrap();
            put.call(&mut *store, Some(value)).unwrap();
            ExternRef::new(&mut *store, Counted(dropped.clone())).unwrap();
        });
    }
    store.gc();
    assert_eq!(dropped.load(Ordering::Relaxed), 5, "all but the one in the box");
    let value = take.call(&mut store, ()).unwrap().unwrap();
    store.gc();
    assert!(value.data(&store).unwrap().unwrap().is::<Counted>());
    drop(store);
    assert_eq!(dropped.load(Ordering::Relaxed), 6);
}

#[test]
fn host_functions_leave_no_handles_behind() {
    let engine = any_engine();
    let mut linker = Linker::new(&engine);
    let pass = |value: Option<AnyRef>| value;
    linker.func_wrap("host", "pass", pass).unwrap();
    let (mut store, instance) = link(
        &linker,
        (),
        r#"(module
            (type $cell (struct (field i32)))
            (import "host" "pass" (func $pass (param anyref) (result anyref)))
            (func (export "run") (param $n i32)
                (loop $next
                    (drop (ref.cast (ref $cell) (call $pass (struct.new $cell (local.get $n)))))
                    (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#,
    );
    func::<i32, ()>(&mut store, instance, "run").call(&mut store, 100_000).unwrap();
    store.gc();
    assert_eq!(store.heap_stats().live_bytes, 0);
}

#[test]
fn the_host_makes_objects_of_a_guests_types() -> Result<()> {
    for engine in engines() {
        let (mut store, instance) = start(
            &engine,
            (),
            r#"(module
                (type $pair (struct (field i8) (field (mut anyref))))
                (type $bytes (array (mut i8)))
                (type $pairs (array (mut (ref null $pair))))
                (func (export "sum") (param (ref $bytes)) (result i32) (local $i i32) (local $sum i32)
                    (loop $next
                        (local.set $sum (i32.add (local.get $sum)
                            (array.get_s $bytes (local.get 0) (local.get $i))))
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (br_if $next (i32.lt_u (local.get $i) (array.len (local.get 0)))))
                    (local.get $sum))
                (func (export "second") (param (ref $pairs)) (result anyref)
                    (struct.get $pair 1 (array.get $pairs (local.get 0) (i32.const 1))))
                (func (export "pair") (param (ref $pair)) (result i32)
                    (struct.get_s $pair 0 (local.get 0))))"#,
        );
        let heap = |store: &mut Store<()>, name| -> (Func, HeapType) {
            let func = instance.get_func(&mut *store, name).unwrap();
            let ValType::Ref(ty) = func.ty(&*store).unwrap().params()[0] else { panic!("{name}") };
            (func, ty.heap)
        };
        let (sum, bytes) = heap(&mut store, "sum");
        let (second, pairs) = heap(&mut store, "second");
        let (pair, pair_type) = heap(&mut store, "pair");
        // They add up to 300 - 256.
        let list: Vec<Val> = [1, 2, -3, 300].map(Val::I32).into();
        let array = AnyRef::new_array(&mut store, bytes, &list)?;
        let mut result = [Val::I32(0)];
        sum.call(&mut store, &[array.into()], &mut result)?;
        assert_eq!(result[0].i32(), Some(44), "elements keep their low bits");
        array.set_element(&mut store, 0, Val::I32(100))?;
        assert_eq!((array.len(&store)?, array.element(&store, 2)?.i32()), (4, Some(253)));
        let deep = AnyRef::new_struct(&mut store, pair_type, &[Val::I32(-1), array.into()])?;
        let many = AnyRef::new_array(&mut store, pairs, &[Val::AnyRef(None), deep.into()])?;
        store.gc();
        second.call(&mut store, &[many.into()], &mut result)?;
        assert!(result[0].any_ref().unwrap().unwrap().ref_eq(&store, &array)?);
        pair.call(&mut store, &[deep.into()], &mut result)?;
        assert_eq!(result[0].i32(), Some(-1));
        let nine = AnyRef::from_i31(&mut store, 9);
        deep.set_field(&mut store, 1, nine.into())?;
        refused(deep.set_field(&mut store, 0, Val::I32(1)), ErrorKind::Usage, "immutable");
        refused(deep.field(&store, 2), ErrorKind::Usage, "2 fields");
        refused(array.element(&store, 4), ErrorKind::Usage, "4 elements");
        refused(array.field(&store, 0), ErrorKind::Usage, "elements and no fields");
        refused(pair.call(&mut store, &[many.into()], &mut result), ErrorKind::Usage, "argument");
        refused(AnyRef::new_struct(&mut store, pairs, &[]), ErrorKind::Usage, "array's");
        refused(AnyRef::new_array(&mut store, HeapType::Func, &[]), ErrorKind::Usage, "func");
    }
    Ok(())
}

#[test]
fn objects_of_other_stores_are_refused() {
    let engine = any_engine();
    let (mut one, mut other) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let small = AnyRef::from_i31(&mut one, 1);
    refused(small.kind(&other), ErrorKind::Usage, "store");
    let value = ExternRef::new(&mut one, 1_u32).unwrap();
    let take = Func::wrap(&mut other, |_: Option<ExternRef>| ());
    refused(take.call(&mut other, &[value.into()], &mut []), ErrorKind::Usage, "store");
}

const GROWING: &str = r#"(module
    (type $list (struct (field (ref null $list)) (field i64)))
    (type $bytes (array (mut i8)))
    (func (export "list") (local $head (ref null $list))
        (loop $next
            (local.set $head (struct.new $list (local.get $head) (i64.const 1)))
            (br $next)))
    (func (export "array") (param i32) (result i32)
        (array.len (array.new_default $bytes (local.get 0)))))"#;

#[test]
fn a_heap_that_is_full_traps_and_the_store_goes_on() {
    let engine = engine(|config| config.heap_max(4 << 20));
    let (mut store, instance) = start(&engine, (), GROWING);
    let list = func::<(), ()>(&mut store, instance, "list");
    let array = func::<i32, i32>(&mut store, instance, "array");
    for _ in 0..3 {
        let error = list.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::OutOfHeap), "{error}");
        assert_eq!(array.call(&mut store, 1 << 20).unwrap(), 1 << 20);
        for len in [5 << 20, -1] {
            let error = array.call(&mut store, len).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::OutOfHeap), "{error}");
        }
    }
    assert!(store.heap_stats().heap_bytes <= 4 << 20);
}

#[test]
fn the_stores_limits_hold_for_its_heap() {
    let engine = any_engine();
    let module = Module::new(&engine, GROWING).unwrap();
    for strict in [false, true] {
        let limits = StoreLimitsBuilder::new().heap_size(2 << 20).trap_on_grow_failure(strict);
        let mut store = Store::new(&engine, limits.build());
        store.limiter(|limits| limits);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let list = func::<(), ()>(&mut store, instance, "list");
        let error = list.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code() == Some(TrapCode::OutOfHeap), !strict, "{error}");
        assert!(store.heap_stats().heap_bytes <= 2 << 20);
    }
}

#[test]
fn globals_and_segments_of_objects_are_made_with_a_collection_at_every_one() {
    for engine in engines() {
        let text = r#"(module
            (type $pair (struct (field i32) (field anyref)))
            (type $pairs (array (ref null $pair)))
            (global $one (ref $pair) (struct.new $pair (i32.const 1) (ref.i31 (i32.const 11))))
            (global $all (ref $pairs) (array.new_fixed $pairs 3
                (global.get $one)
                (struct.new $pair (i32.const 2) (global.get $one))
                (struct.new $pair (i32.const 4) (ref.null any))))
            (table $t 6 (ref null $pair) (struct.new $pair (i32.const 8) (ref.null any)))
            (elem $e (ref null $pair)
                (struct.new $pair (i32.const 16) (ref.null any))
                (global.get $one)
                (struct.new $pair (i32.const 32) (ref.null any)))
            (elem (table $t) (i32.const 1) (ref null $pair)
                (struct.new $pair (i32.const 64) (ref.null any))
                (struct.new $pair (i32.const 128) (ref.null any)))
            (func $of (param (ref null $pair)) (result i32) (struct.get $pair 0 (local.get 0)))
            (func $at (param i32) (result i32) (call $of (table.get $t (local.get 0))))
            (func (export "sum") (result i32)
                (table.init $t $e (i32.const 3) (i32.const 0) (i32.const 3))
                (call $of (array.get $pairs (global.get $all) (i32.const 1)))
                (call $of (array.get $pairs (global.get $all) (i32.const 2)))
                (i32.add)
                (i32.add (call $at (i32.const 0)))
                (i32.add (call $at (i32.const 1)))
                (i32.add (call $at (i32.const 2)))
                (i32.add (call $at (i32.const 3)))
                (i32.add (call $at (i32.const 4)))
                (i32.add (call $at (i32.const 5)))))"#;
        let (mut store, instance) = start(&engine, (), text);
        store.gc();
        let sum = func::<(), i32>(&mut store, instance, "sum");
        assert_eq!(sum.call(&mut store, ()).unwrap(), 255);
    }
}
