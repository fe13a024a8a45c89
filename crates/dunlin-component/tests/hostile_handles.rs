//! Handles that are forged, used again, given twice, kept beyond the call that lent them, or of another type, instance or
//! store; and calls that come back to who is still running.

mod support;

use dunlin::{AsContextMut, Engine, ErrorKind, Result, Store, StoreContextMut};
use dunlin_component::{Borrow, Component, Func, Instance, Linker, Resource, ResourceAny, Val};
use support::{engine, trap};

/// A counter of the host's, and another type.
struct Counter;
struct Other;

/// The host's data: what it was asked to destroy, and what it keeps of a call.
#[derive(Default)]
struct Data {
    destroyed: Vec<u32>,
    kept: Option<ResourceAny>,
    again: Option<Func>,
    said: Option<String>,
}

/// The host's functions around a guest whose `run` has this body.
fn guest(body: &str) -> String {
    format!(
        r#"(component
            (import "host" (instance $host
                (export "counter" (type $counter (sub resource)))
                (export "other" (type $other (sub resource)))
                (export "make" (func (result (own $counter))))
                (export "make-other" (func (result (own $other))))
                (export "take" (func (param "c" (own $counter))))
                (export "look" (func (param "c" (borrow $counter)) (result u32)))
                (export "look-and-take" (func (param "a" (borrow $counter)) (param "b" (own $counter))))
                (export "again" (func))))
            (alias export $host "counter" (type $counter))
            (alias export $host "other" (type $other))
            (core func $make (canon lower (func $host "make")))
            (core func $make-other (canon lower (func $host "make-other")))
            (core func $take (canon lower (func $host "take")))
            (core func $look (canon lower (func $host "look")))
            (core func $both (canon lower (func $host "look-and-take")))
            (core func $again (canon lower (func $host "again")))
            (core func $drop (canon resource.drop $counter))
            (core func $drop-other (canon resource.drop $other))
            (core module $M
                (import "" "make" (func $make (result i32)))
                (import "" "make-other" (func $make-other (result i32)))
                (import "" "take" (func $take (param i32)))
                (import "" "look" (func $look (param i32) (result i32)))
                (import "" "both" (func $both (param i32 i32)))
                (import "" "again" (func $again))
                (import "" "drop" (func $drop (param i32)))
                (import "" "drop-other" (func $drop-other (param i32)))
                (func (export "give") (result i32) (call $make))
                (func (export "keep") (param i32))
                (func (export "close") (param $c i32) (call $drop (local.get $c)))
                (func (export "run") (local $c i32) {body}))
            (core instance $m (instantiate $M (with "" (instance
                (export "make" (func $make)) (export "make-other" (func $make-other))
                (export "take" (func $take)) (export "look" (func $look)) (export "both" (func $both))
                (export "again" (func $again)) (export "drop" (func $drop))
                (export "drop-other" (func $drop-other))))))
            (func (export "give") (result (own $counter)) (canon lift (core func $m "give")))
            (func (export "keep") (param "c" (borrow $counter)) (canon lift (core func $m "keep")))
            (func (export "close") (param "c" (borrow $counter)) (canon lift (core func $m "close")))
            (func (export "run") (canon lift (core func $m "run"))))"#
    )
}

fn linker(engine: &Engine) -> Linker<Data> {
    let mut linker = Linker::new(engine);
    let define = |linker: &mut Linker<Data>| -> Result<()> {
        let mut host = linker.instance("host")?;
        host.resource::<Counter>("counter", |mut store, rep| {
            store.data_mut().destroyed.push(rep);
            Ok(())
        })?;
        host.resource::<Other>("other", |_, _| Ok(()))?;
        host.func_wrap("make", |_: StoreContextMut<'_, Data>, ()| Ok(Resource::<Counter>::new(7)))?;
        host.func_wrap("make-other", |_: StoreContextMut<'_, Data>, ()| {
            Ok(Resource::<Other>::new(8))
        })?;
        host.func_wrap("take", |_: StoreContextMut<'_, Data>, _: (Resource<Counter>,)| Ok(()))?;
        host.func_wrap("look", |_: StoreContextMut<'_, Data>, (c,): (Borrow<Counter>,)| {
            Ok(c.rep())
        })?;
        let both = |_: StoreContextMut<'_, Data>, _: (Borrow<Counter>, Resource<Counter>)| Ok(());
        host.func_wrap("look-and-take", both)?;
        host.func_wrap("again", |mut store: StoreContextMut<'_, Data>, ()| {
            if let Some(again) = store.data().again {
                let said = again.call(store.as_context_mut(), &[], &mut []);
                store.data_mut().said = said.err().map(|error| error.to_string());
            }
            Ok(())
        })?;
        Ok(())
    };
    define(&mut linker).expect("definitions");
    linker
}

fn instance(body: &str) -> (Store<Data>, Instance) {
    let engine = engine();
    let component = Component::new(&engine, guest(body)).unwrap_or_else(|error| panic!("{error}"));
    let mut store = Store::new(&engine, Data::default());
    let instance = linker(&engine).instantiate(&mut store, &component).expect("an instance");
    (store, instance)
}

/// What becomes of `run`, and the host's data.
fn run(body: &str) -> (Result<()>, Data) {
    let (mut store, instance) = instance(body);
    let run = instance.get_func(&mut store, "run").expect("an export");
    let result = run.call(&mut store, &[], &mut []);
    (result, store.into_data())
}

#[test]
fn forged_and_used_handles_trap() {
    for (body, words) in [
        ("(drop (call $look (i32.const 0)))", "unknown handle index 0"),
        ("(drop (call $look (i32.const 1)))", "unknown handle index 1"),
        ("(drop (call $look (i32.const -1)))", "unknown handle index 4294967295"),
        ("(call $take (i32.const 0x0fffffff))", "unknown handle index"),
        ("(call $drop (i32.const 3))", "unknown handle index 3"),
        ("(call $take (call $make-other))", "wrong type"),
        ("(drop (call $look (call $make-other)))", "wrong type"),
        ("(call $drop (call $make-other))", "wrong type"),
        ("(call $take (local.tee $c (call $make))) (call $take (local.get $c))", "unknown handle"),
        ("(call $take (local.tee $c (call $make))) (call $drop (local.get $c))", "unknown handle"),
        (
            "(call $drop (local.tee $c (call $make))) (drop (call $look (local.get $c)))",
            "unknown handle",
        ),
        ("(call $both (local.tee $c (call $make)) (local.get $c))", "while borrowed"),
    ] {
        let (result, _) = run(body);
        let said = trap(result);
        assert!(said.contains(words), "{body}: {said}");
    }
}

#[test]
fn what_a_guest_drops_is_destroyed_once_and_what_it_gives_is_not() {
    let (result, data) = run("(call $drop (call $make)) (call $take (call $make))");
    result.expect("no trap");
    assert_eq!(data.destroyed, [7]);
    let (result, data) =
        run("(call $drop (local.tee $c (call $make))) (call $drop (local.get $c))");
    trap(result);
    assert_eq!(data.destroyed, [7]);
}

#[test]
fn a_borrow_that_is_kept_beyond_its_call_traps() {
    let (mut store, instance) = instance("");
    let counter = Resource::<Counter>::new(7).into_any(&mut store).expect("a resource");
    let close = instance.get_func(&mut store, "close").expect("an export");
    for _ in 0..2 {
        close.call(&mut store, &[Val::Resource(counter)], &mut []).expect("it is dropped in time");
    }
    let keep = instance.get_func(&mut store, "keep").expect("an export");
    let said = trap(keep.call(&mut store, &[Val::Resource(counter)], &mut []));
    assert_eq!(said, "borrow handles still remain at the end of the call");
}

#[test]
fn an_instance_that_runs_is_not_entered_again() {
    let (mut store, instance) = instance("(call $again)");
    let run = instance.get_func(&mut store, "run").expect("an export");
    store.data_mut().again = Some(run);
    run.call(&mut store, &[], &mut []).expect("the host has caught it");
    let said = store.data_mut().said.take();
    assert_eq!(said.as_deref(), Some("cannot enter component instance"));
    run.call(&mut store, &[], &mut []).expect("it has returned, and may be called");
}

/// A guest with a resource type of its own.
const GUEST: &str = r#"(component
    (core module $D (global (export "n") (mut i32) (i32.const 0))
        (func (export "dtor") (param i32)
            (if (i32.eq (local.get 0) (i32.const 66)) (then unreachable))
            (global.set 0 (i32.add (global.get 0) (i32.const 1))))
        (func (export "count") (result i32) (global.get 0)))
    (core instance $d (instantiate $D))
    (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
    (core func $new (canon resource.new $r'))
    (core module $M (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "rep") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M (with "" (instance (export "new" (func $new))))))
    (export $r "r" (type $r'))
    (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $m "make")))
    (func (export "rep") (param "r" (borrow $r)) (result u32) (canon lift (core func $m "rep")))
    (func (export "destroyed") (result u32) (canon lift (core func $d "count"))))"#;

fn make(store: &mut Store<()>, instance: Instance, rep: u32) -> ResourceAny {
    let make = instance.get_func(&mut *store, "make").expect("an export");
    let mut results = [Val::Bool(false)];
    make.call(store, &[Val::U32(rep)], &mut results).expect("a resource");
    let [Val::Resource(resource)] = results else { panic!("{results:?}") };
    resource
}

fn rep(store: &mut Store<()>, instance: Instance, resource: ResourceAny) -> Result<u32> {
    let rep = instance.get_func(&mut *store, "rep").expect("an export");
    let mut results = [Val::Bool(false)];
    rep.call(store, &[Val::Resource(resource)], &mut results)?;
    let [Val::U32(rep)] = results else { panic!("{results:?}") };
    Ok(rep)
}

#[test]
fn the_host_is_held_to_what_it_owns() {
    let (mut store, instance) = support::instantiate(GUEST);
    let resource = make(&mut store, instance, 5);
    assert!(resource.owned());
    assert_eq!(rep(&mut store, instance, resource).expect("lent"), 5);
    resource.resource_drop(&mut store).expect("destroyed");
    let destroyed = instance.get_typed_func::<(), u32>(&mut store, "destroyed").expect("an export");
    assert_eq!(destroyed.call(&mut store, ()).expect("a number"), 1);
    // It is not the host's any more.
    assert!(rep(&mut store, instance, resource).is_err());
    let (mut store, instance) = support::instantiate(GUEST);
    let resource = make(&mut store, instance, 5);
    resource.resource_drop(&mut store).expect("destroyed");
    resource.resource_drop(&mut store).expect_err("destroyed already");
}

#[test]
fn resources_of_other_types_and_stores_are_refused_without_harm() {
    let (mut store, instance) = support::instantiate(GUEST);
    let (mut store2, instance2) = support::instantiate(GUEST);
    let other = make(&mut store2, instance2, 5);
    let error = rep(&mut store, instance, other).expect_err("another store's");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert_eq!(other.resource_drop(&mut store).expect_err("as above").kind(), ErrorKind::Usage);
    // A second instance of the component has a type of its own.
    let component = Component::new(store.engine(), GUEST).expect("a component");
    let linker = Linker::new(store.engine());
    let twin = linker.instantiate(&mut store, &component).expect("an instance");
    let foreign = make(&mut store, twin, 5);
    let error = rep(&mut store, instance, foreign).expect_err("another type's");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    // The embedder's mistakes do not end a guest.
    let own = make(&mut store, instance, 6);
    assert_eq!(rep(&mut store, instance, own).expect("as before"), 6);
    assert_eq!(rep(&mut store2, instance2, other).expect("still the host's"), 5);
}

#[test]
fn a_destructor_that_traps_ends_its_instance() {
    let (mut store, instance) = support::instantiate(GUEST);
    let bomb = make(&mut store, instance, 66);
    trap(bomb.resource_drop(&mut store));
    let make = instance.get_func(&mut store, "make").expect("an export");
    let said = trap(make.call(&mut store, &[Val::U32(1)], &mut [Val::Bool(false)]));
    assert_eq!(said, "cannot enter component instance");
}

#[test]
fn what_a_call_lent_to_the_host_is_nothing_after_it() {
    let text = r#"(component
        (import "take" (func $dummy))
        (component $G (type $r' (resource (rep i32)))
            (core func $new (canon resource.new $r'))
            (core module $M (import "" "new" (func $new (param i32) (result i32)))
                (func (export "make") (result i32) (call $new (i32.const 9)))
                (func (export "rep") (param i32) (result i32) (local.get 0)))
            (core instance $m (instantiate $M (with "" (instance (export "new" (func $new))))))
            (export $r "r" (type $r'))
            (func (export "make") (result (own $r)) (canon lift (core func $m "make")))
            (func (export "rep") (param "r" (borrow $r)) (result u32) (canon lift (core func $m "rep"))))
        (instance $g (instantiate $G))
        (export "g" (instance $g)))"#;
    let engine = engine();
    let giver = Component::new(&engine, text).expect("a component");
    let mut linker: Linker<Data> = Linker::new(&engine);
    linker.root().func_new("take", |_, _, _| Ok(())).expect("a definition");
    let mut store = Store::new(&engine, Data::default());
    let giver = linker.instantiate(&mut store, &giver).expect("an instance");
    let interface = giver.get_instance(&mut store, "g").expect("an interface");

    // Another component lends such a resource to the host.
    let user = r#"(component
        (import "g" (instance $g
            (export "r" (type $r (sub resource)))
            (export "make" (func (result (own $r))))
            (export "rep" (func (param "r" (borrow $r)) (result u32)))))
        (alias export $g "r" (type $r))
        (import "look" (func $look (param "r" (borrow $r))))
        (core func $make (canon lower (func $g "make")))
        (core func $look' (canon lower (func $look)))
        (core module $M (import "" "make" (func $make (result i32))) (import "" "look" (func $look (param i32)))
            (func (export "run") (call $look (call $make))))
        (core instance $m (instantiate $M (with "" (instance
            (export "make" (func $make)) (export "look" (func $look'))))))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    let user = Component::new(&engine, user).expect("a component");
    let mut linker: Linker<Data> = Linker::new(&engine);
    linker.define_instance(&mut store, "g", interface).expect("a definition");
    let rep = interface.get_func(&mut store, "rep").expect("an export");
    let look = move |mut store: StoreContextMut<'_, Data>, params: &[Val], _: &mut [Val]| {
        let Val::Resource(lent) = params[0] else { panic!("{params:?}") };
        assert!(!lent.owned());
        // While the call lasts it can be lent on.
        let mut results = [Val::Bool(false)];
        rep.call(store.as_context_mut(), &[Val::Resource(lent)], &mut results)?;
        assert_eq!(results[0], Val::U32(9));
        store.data_mut().kept = Some(lent);
        Ok(())
    };
    linker.root().func_new("look", look).expect("a definition");
    let user = linker.instantiate(&mut store, &user).expect("an instance");
    let run = user.get_func(&mut store, "run").expect("an export");
    run.call(&mut store, &[], &mut []).expect("no trap");
    let kept = store.data().kept.expect("the host has kept it");
    let error = rep.call(&mut store, &[Val::Resource(kept)], &mut [Val::Bool(false)]);
    assert_eq!(error.expect_err("the call has ended").kind(), ErrorKind::Usage);
}

#[test]
fn who_called_someone_that_trapped_finds_its_context() {
    // The host catches the trap of the second instance, and the first goes on.
    let text = r#"(component
        (import "call" (func $call))
        (core func $get (canon context.get i32 0))
        (core func $set (canon context.set i32 0))
        (core func $call' (canon lower (func $call)))
        (core module $M
            (import "" "get" (func $get (result i32))) (import "" "set" (func $set (param i32)))
            (import "" "call" (func $call))
            (func (export "run") (result i32)
                (call $set (i32.const 42)) (call $call) (call $get))
            (func (export "trap") (call $set (i32.const 1)) unreachable))
        (core instance $m (instantiate $M (with "" (instance
            (export "get" (func $get)) (export "set" (func $set)) (export "call" (func $call'))))))
        (func (export "run") (result u32) (canon lift (core func $m "run")))
        (func (export "trap") (canon lift (core func $m "trap"))))"#;
    let engine = engine();
    let component = Component::new(&engine, text).expect("a component");
    let mut linker: Linker<Data> = Linker::new(&engine);
    let call = |mut store: StoreContextMut<'_, Data>, ()| {
        let trap = store.data().again.expect("a function");
        let said = trap.call(store.as_context_mut(), &[], &mut []).expect_err("a trap");
        store.data_mut().said = Some(said.to_string());
        Ok(())
    };
    linker.root().func_wrap("call", call).expect("a definition");
    let mut store = Store::new(&engine, Data::default());
    let [first, second] = [(); 2].map(|()| linker.instantiate(&mut store, &component));
    let (first, second) = (first.expect("an instance"), second.expect("an instance"));
    store.data_mut().again = second.get_func(&mut store, "trap");
    let run = first.get_typed_func::<(), u32>(&mut store, "run").expect("an export");
    assert_eq!(run.call(&mut store, ()).expect("the host has caught it"), 42);
    assert_eq!(store.data().said.as_deref(), Some("unreachable"));
    assert_eq!(run.call(&mut store, ()).expect("it lives"), 42);
    assert_eq!(store.data().said.as_deref(), Some("cannot enter component instance"));
}
