//! Values of random types go from the host through two components, whose strings are encoded in random ways, to a function of
//! the host's, and all the way back: what comes out is what went in.
//!
//! That is the dynamic lowering and lifting four times, and a call between components, over the same type: once by an adapter,
//! and once by programs. How a type
//! is flattened is written here a second time, since the guests' own signatures follow from it.

mod support;

use dunlin::{Engine, Store};
use dunlin_component::{Component, Linker, Val};
use support::types::Ty;
use support::{LIBC, Random, engine};

/// A component that imports `f` and exports it again, by core functions.
fn passing(name: &str, ty: &Ty, text: &str, types: &str, encoding: &str) -> String {
    let flat = ty.flat();
    let params = if flat.len() > 16 { "i32".to_owned() } else { flat.join(" ") };
    let in_memory = flat.len() > 1;
    let result = if in_memory { "i32" } else { flat[0] };
    let arguments =
        |count: usize| (0..count).map(|n| format!("(local.get {n})")).collect::<String>();
    let arguments = arguments(if flat.len() > 16 { 1 } else { flat.len() });
    let (place, import) = match in_memory {
        true => ("(i32.const 1024)) (i32.const 1024", format!("(param {params} i32)")),
        false => ("", format!("(param {params}) (result {result})")),
    };
    let options = format!(
        r#"string-encoding={encoding} (memory (core memory $libc "memory"))
            (realloc (core func $libc "realloc"))"#
    );
    format!(
        r#"(component ${name} {types}
            (import "f" (func $f (param "a" {text}) (result {text})))
            {LIBC}
            (core func $lowered (canon lower (func $f) {options}))
            (core module $Main
                (import "" "f" (func $f {import}))
                (func (export "f") (param {params}) (result {result})
                    (call $f {arguments} {place})))
            (core instance $main (instantiate $Main
                (with "" (instance (export "f" (func $lowered))))))
            (func (export "f") (param "a" {text}) (result {text})
                (canon lift (core func $main "f") {options})))"#
    )
}

/// The host's function through two components.
fn chain(ty: &Ty, random: &mut Random) -> String {
    let mut named = Vec::new();
    let text = ty.text(&mut named);
    let types = named.iter().enumerate().map(|(n, definition)| {
        format!(r#"(type $d{n} {definition}) (import "t{n}" (type $t{n} (eq $d{n})))"#)
    });
    let types: String = types.collect();
    let with: String = (0..named.len()).map(|n| format!(r#"(with "t{n}" (type $t{n}))"#)).collect();
    let mut one = |name: &str| {
        let encoding = random.pick(&["utf8", "utf16", "latin1+utf16"]);
        passing(name, ty, &text, &types, encoding)
    };
    let (c, d) = (one("C"), one("D"));
    format!(
        r#"(component {types}
            (import "f" (func $f (param "a" {text}) (result {text})))
            {c} {d}
            (instance $c (instantiate $C {with} (with "f" (func $f))))
            (instance $d (instantiate $D {with} (with "f" (func $c "f"))))
            (func (export "f") (alias export $d "f")))"#
    )
}

fn check(engine: &Engine, seed: u64, adapters: bool) {
    let random = &mut Random::new(seed);
    let deep = 1 + random.below(4);
    let ty = Ty::random(random, deep);
    let text = chain(&ty, random);
    let component = Component::new(engine, &text);
    let component = component.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
    let mut linker = Linker::new(engine);
    linker.adapters(adapters);
    let echo =
        |mut store: dunlin::StoreContextMut<'_, u32>, params: &[Val], results: &mut [Val]| {
            *store.data_mut() += 1;
            results[0] = params[0].clone();
            Ok(())
        };
    linker.root().func_new("f", echo).expect("a definition");
    let pre = linker.instantiate_pre(&component).expect("its imports");
    // The second one is made by the plan of the first.
    for _ in 0..2 {
        let mut store = Store::new(engine, 0);
        let instance = pre.instantiate(&mut store).expect("an instance");
        let f = instance.get_func(&mut store, "f").expect("an export");
        for call in 1..=3 {
            let value = ty.value(random);
            let mut results = [Val::Bool(false)];
            f.call(&mut store, std::slice::from_ref(&value), &mut results)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{value:?}\n{text}"));
            assert_eq!(results[0], value, "seed {seed}\n{text}");
            assert_eq!(*store.data(), call, "the host has been called");
        }
    }
    assert_eq!(component.adapter_modules(), usize::from(adapters), "seed {seed}\n{text}");
}

#[test]
fn values_of_random_types_come_back_as_they_went() {
    let engine = engine();
    for seed in 0..400 {
        check(&engine, seed, true);
        check(&engine, seed, false);
    }
}
