//! Interfaces that use resource types of other interfaces.

use dunlin::{Engine, ErrorKind, Store, StoreContextMut};
use dunlin_component::{Borrow, Component, Linker, Resource};

/// Makes a pipe by one interface, under the name that this has for the type, and measures it by the other's.
const USER: &str = r#"(component
    (import "pipes" (instance $pipes
        (export "pipe" (type $pipe (sub resource)))
        (export "len" (func (param "self" (borrow $pipe)) (result u32)))))
    (alias export $pipes "pipe" (type $pipe))
    (import "making" (instance $making
        (export "used-pipe" (type $used (eq $pipe)))
        (export "make" (func (param "len" u32) (result (own $used))))))
    (core func $len (canon lower (func $pipes "len")))
    (core func $make (canon lower (func $making "make")))
    (core func $drop (canon resource.drop $pipe))
    (core module $M
        (import "" "len" (func $len (param i32) (result i32)))
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (result i32) (local $pipe i32)
            (local.set $pipe (call $make (i32.const 42)))
            (call $len (local.get $pipe))
            (call $drop (local.get $pipe))))
    (core instance $m (instantiate $M (with "" (instance
        (export "len" (func $len)) (export "make" (func $make)) (export "drop" (func $drop))))))
    (func (export "run") (result u32) (canon lift (core func $m "run"))))"#;

struct Pipe;

/// How many pipes have been dropped.
type Dropped = Vec<u32>;

fn linker(engine: &Engine, with_type: bool) -> Linker<Dropped> {
    let mut linker = Linker::new(engine);
    let mut pipes = linker.instance("pipes").expect("a name");
    if with_type {
        let drop = |mut store: StoreContextMut<'_, Dropped>, rep| {
            store.data_mut().push(rep);
            Ok(())
        };
        pipes.resource::<Pipe>("pipe", drop).expect("a name");
    }
    let len = |_: StoreContextMut<'_, Dropped>, (pipe,): (Borrow<Pipe>,)| Ok(pipe.rep());
    pipes.func_wrap("len", len).expect("a name");
    let make = |_: StoreContextMut<'_, Dropped>, (len,): (u32,)| Ok(Resource::<Pipe>::new(len));
    linker.instance("making").expect("a name").func_wrap("make", make).expect("a name");
    linker
}

#[test]
fn a_type_that_is_used_is_defined_where_it_comes_from_alone() {
    let engine = Engine::default();
    let component = Component::new(&engine, USER).expect("valid");
    let mut store = Store::new(&engine, Dropped::new());
    let pre = linker(&engine, true).instantiate_pre(&component).expect("all is defined");
    let instance = pre.instantiate(&mut store).expect("an instance");
    let run = instance.get_typed_func::<(), u32>(&mut store, "run").expect("an export");
    assert_eq!(run.call(&mut store, ()).expect("no trap"), 42);
    assert_eq!(store.data(), &[42]);
}

#[test]
fn a_type_that_is_defined_nowhere_is_missed_where_it_comes_from() {
    let engine = Engine::default();
    let component = Component::new(&engine, USER).expect("valid");
    let mut store = Store::new(&engine, Dropped::new());
    let error = linker(&engine, false).instantiate(&mut store, &component).expect_err("no type");
    assert_eq!(error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("`pipes` `pipe`"), "{error}");
}
