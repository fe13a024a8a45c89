//! Resources of guests' as types of Rust: a guest that gives a handle of another type fails, and so does a host that takes one
//! for another.

mod support;

use dunlin::ErrorKind;
use dunlin_component::{GuestBorrow, GuestResource, Resource};

/// Two types, and functions that give and take handles of them; `other` gives one of the wrong type.
const TWO: &str = r#"(component
    (type $a' (resource (rep i32))) (export $a "a" (type $a'))
    (type $b' (resource (rep i32))) (export $b "b" (type $b'))
    (core func $a.new (canon resource.new $a'))
    (core func $b.new (canon resource.new $b'))
    (core module $M
        (import "" "a.new" (func $a.new (param i32) (result i32)))
        (import "" "b.new" (func $b.new (param i32) (result i32)))
        (func (export "make") (result i32) (call $a.new (i32.const 7)))
        (func (export "other") (result i32) (call $b.new (i32.const 7)))
        (func (export "forged") (result i32) (i32.const 1234))
        (func (export "rep") (param i32) (result i32) (local.get 0))
        (func (export "both") (param i32 i32) (result i32) (i32.const 1))
        (func (export "take") (param i32)))
    (core instance $m (instantiate $M (with "" (instance
        (export "a.new" (func $a.new)) (export "b.new" (func $b.new))))))
    (func (export "make") (result (own $a)) (canon lift (core func $m "make")))
    (func (export "other") (result (own $a)) (canon lift (core func $m "other")))
    (func (export "forged") (result (own $a)) (canon lift (core func $m "forged")))
    (func (export "rep") (param "self" (borrow $a)) (result u32) (canon lift (core func $m "rep")))
    (func (export "both") (param "a" (borrow $a)) (param "b" (borrow $b)) (result u32)
        (canon lift (core func $m "both")))
    (func (export "take") (param "a" (own $a)) (canon lift (core func $m "take"))))"#;

#[derive(Debug)]
struct A;
#[derive(Debug)]
struct B;

#[test]
fn handles_of_another_type_and_forged_ones_are_traps() {
    for name in ["other", "forged"] {
        let (mut store, instance) = support::instantiate(TWO);
        let give = instance.get_typed_func::<(), GuestResource<A>>(&mut store, name);
        let error = give.expect("of this type").call(&mut store, ()).expect_err("no handle of it");
        assert_eq!(error.kind(), ErrorKind::Trap, "{error}");
    }
}

#[test]
fn a_resource_is_lent_and_then_given_once() {
    let (mut store, instance) = support::instantiate(TWO);
    let make = instance.get_typed_func::<(), GuestResource<A>>(&mut store, "make").expect("it is");
    let rep = instance.get_typed_func::<(GuestBorrow<A>,), u32>(&mut store, "rep").expect("it is");
    let take =
        instance.get_typed_func::<(GuestResource<A>,), ()>(&mut store, "take").expect("it is");
    let a = make.call(&mut store, ()).expect("no trap");
    assert_eq!(rep.call(&mut store, (a.lend(),)).expect("no trap"), 7);
    let lent = a.lend();
    take.call(&mut store, (a,)).expect("no trap");
    rep.call(&mut store, (lent,)).expect_err("it has been given away");
}

#[test]
fn one_type_of_rust_stands_for_one_resource_type() {
    let (mut store, instance) = support::instantiate(TWO);
    let both = instance.get_typed_func::<(GuestBorrow<A>, GuestBorrow<A>), u32>(&mut store, "both");
    assert_eq!(both.expect_err("two types").kind(), ErrorKind::Usage);
    let both = instance.get_typed_func::<(GuestBorrow<A>, GuestBorrow<B>), u32>(&mut store, "both");
    let both = both.expect("they are two");
    let make = instance.get_typed_func::<(), GuestResource<A>>(&mut store, "make").expect("it is");
    let a = make.call(&mut store, ()).expect("no trap");
    // A resource of the first type, which the embedder says is of the second.
    let wrong = instance.get_typed_func::<(), GuestResource<B>>(&mut store, "make");
    let b = wrong.expect("alone, it may stand for it").call(&mut store, ()).expect("no trap");
    let error = both.call(&mut store, (a.lend(), b.lend())).expect_err("it is not of that type");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    let host = instance.get_typed_func::<(), Resource<A>>(&mut store, "make");
    assert_eq!(host.expect_err("it is the guest's").kind(), ErrorKind::Usage);
    let own = instance.get_typed_func::<(GuestResource<A>,), u32>(&mut store, "rep");
    assert_eq!(own.expect_err("it is borrowed").kind(), ErrorKind::Usage);
}
