//! Which calls between components have adapters, that those which have none do the same, and how many modules are made.

mod support;

use dunlin::{Config, Engine, Feature, Features, Result, Store, TrapCode};
use dunlin_component::{Component, Instance, Linker};
use support::{LIBC, engine, trap};

/// A component whose `f` of this type passes on what it is given to the same function of another, which answers with
/// this body; `outer` and `inner` are put among the two components' definitions.
fn pair(ty: &str, core: &str, call: &str, body: &str, (outer, inner): (&str, &str)) -> String {
    let options = r#"(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))"#;
    format!(
        r#"(component
            (component $Inner {LIBC} {inner}
                (core module $M (import "libc" "memory" (memory 0))
                    (import "libc" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
                    (func (export "f") {core} {body}))
                (core instance $m (instantiate $M (with "libc" (instance $libc))))
                (func (export "f") {ty} (canon lift (core func $m "f") {options})))
            (instance $inner (instantiate $Inner))
            {LIBC} {outer}
            (core func $f (canon lower (func $inner "f") {options}))
            (core module $M (import "" "f" (func $f {core}))
                (func (export "f") {core} {call}))
            (core instance $m (instantiate $M (with "" (instance (export "f" (func $f))))))
            (func (export "f") {ty} (canon lift (core func $m "f") {options})))"#
    )
}

fn numbers(definitions: (&str, &str)) -> String {
    let (ty, core) = ("(param \"a\" u8) (result u8)", "(param i32) (result i32)");
    let call = "(call $f (i32.add (local.get 0) (i32.const 0x701)))";
    pair(ty, core, call, "(i32.add (local.get 0) (i32.const 0x102))", definitions)
}

fn instantiate(engine: &Engine, text: &str, adapters: bool) -> (Store<()>, Component, Instance) {
    let component = Component::new(engine, text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut linker = Linker::new(engine);
    linker.adapters(adapters);
    let pre = linker.instantiate_pre(&component).expect("its imports");
    // The second one is made by the plan of the first.
    pre.instantiate(Store::new(engine, ())).expect("a first instance");
    let mut store = Store::new(engine, ());
    let instance = pre.instantiate(&mut store).expect("an instance");
    (store, component, instance)
}

fn call(engine: &Engine, text: &str, adapters: bool, number: u8) -> (Result<u8>, usize) {
    let (mut store, component, instance) = instantiate(engine, text, adapters);
    let f = instance.get_typed_func::<(u8,), u8>(&mut store, "f").expect("a function");
    (f.call(&mut store, (number,)), component.adapter_modules())
}

#[test]
fn numbers_pass_by_an_adapter_unless_there_are_to_be_none() {
    let text = numbers(("", ""));
    let (result, modules) = call(&engine(), &text, true, 5);
    assert_eq!((result.unwrap(), modules), (8, 1));
    let (result, modules) = call(&engine(), &text, false, 5);
    assert_eq!((result.unwrap(), modules), (8, 0));
}

#[test]
fn calls_with_contexts_pass_without() {
    let context = "(core func $get (canon context.get i32 0))";
    for definitions in [(context, ""), ("", context)] {
        let (result, modules) = call(&engine(), &numbers(definitions), true, 5);
        assert_eq!((result.unwrap(), modules), (8, 0), "{definitions:?}");
    }
}

#[test]
fn an_engine_without_several_memories_passes_without() {
    let text = pair(
        "(param \"a\" string) (result u8)",
        "(param i32 i32) (result i32)",
        "(call $f (local.get 0) (local.get 1))",
        "(local.get 1)",
        ("", ""),
    );
    let mut features = Features::default();
    features.set(Feature::MultiMemory, false);
    for (config, modules) in [(Config::new(), 1), (Config::new().features(features).clone(), 0)] {
        let engine = Engine::new(&config).expect("an engine");
        let (mut store, component, instance) = instantiate(&engine, &text, true);
        let f = instance.get_typed_func::<(&str,), u8>(&mut store, "f").expect("a function");
        for text in ["", "seven", "eigh\u{e9}", &"long ".repeat(50), &"lönger".repeat(40)] {
            assert_eq!(f.call(&mut store, (text,)).unwrap(), text.len() as u8);
        }
        assert_eq!(component.adapter_modules(), modules);
    }
}

#[test]
fn all_instances_of_a_component_have_one_module() {
    let engine = engine();
    let component = Component::new(&engine, numbers(("", ""))).expect("a component");
    let pre = Linker::new(&engine).instantiate_pre(&component).expect("its imports");
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let instances: Vec<_> =
            (0..2).map(|_| pre.instantiate(&mut store).expect("an instance")).collect();
        for instance in instances {
            let f = instance.get_typed_func::<(u8,), u8>(&mut store, "f").expect("a function");
            assert_eq!(f.call(&mut store, (5,)).unwrap(), 8);
        }
    }
    assert_eq!(component.adapter_modules(), 1);
}

#[test]
fn who_has_trapped_is_not_entered_again_in_either_way() {
    let (ty, core) = ("(param \"a\" u8) (result u8)", "(param i32) (result i32)");
    let body = "(if (i32.eq (local.get 0) (i32.const 7)) (then unreachable)) (local.get 0)";
    let text = pair(ty, core, "(call $f (local.get 0))", body, ("", ""));
    for adapters in [true, false] {
        let (mut store, _, instance) = instantiate(&engine(), &text, adapters);
        let f = instance.get_typed_func::<(u8,), u8>(&mut store, "f").expect("a function");
        assert_eq!(f.call(&mut store, (6,)).unwrap(), 6);
        trap(f.call(&mut store, (7,)));
        assert_eq!(trap(f.call(&mut store, (6,))), "cannot enter component instance");
    }
}

/// Two components: the caller's allocator, which the result needs, and the callee's cleaning up call out, which traps.
#[test]
fn allocators_and_cleaners_cannot_call_out_in_either_way() {
    let text = |in_realloc: &str, in_post: &str| {
        format!(
            r#"(component
            (component $Other (core module $M (func (export "out")))
                (core instance $m (instantiate $M))
                (func (export "out") (canon lift (core func $m "out"))))
            (instance $other (instantiate $Other))
            (component $Inner (import "out" (func $out))
                (core func $out' (canon lower (func $out)))
                (core module $M (import "" "out" (func $out)) (memory (export "memory") 1)
                    (func (export "f") (result i32) (i32.store (i32.const 4) (i32.const 3)) (i32.const 0))
                    (func (export "post") (param i32) {in_post}))
                (core instance $m (instantiate $M (with "" (instance (export "out" (func $out'))))))
                (func (export "f") (result string) (canon lift (core func $m "f")
                    (memory (core memory $m "memory")) (post-return (core func $m "post")))))
            (instance $inner (instantiate $Inner (with "out" (func $other "out"))))
            (core func $out (canon lower (func $other "out")))
            (core module $Libc (import "" "out" (func $out)) (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {in_realloc} (i32.const 64)))
            (core instance $libc (instantiate $Libc (with "" (instance (export "out" (func $out))))))
            (core func $f (canon lower (func $inner "f") (memory (core memory $libc "memory"))
                (realloc (core func $libc "realloc"))))
            (core module $M (import "" "f" (func $f (param i32)))
                (import "libc" "memory" (memory 0))
                (func (export "f") (result i32) (call $f (i32.const 16)) (i32.load (i32.const 20))))
            (core instance $m (instantiate $M (with "" (instance (export "f" (func $f))))
                (with "libc" (instance $libc))))
            (func (export "f") (result u32) (canon lift (core func $m "f"))))"#
        )
    };
    for adapters in [true, false] {
        for (in_realloc, in_post, traps) in
            [("", "", false), ("(call $out)", "", true), ("", "(call $out)", true)]
        {
            let text = text(in_realloc, in_post);
            let (mut store, component, instance) = instantiate(&engine(), &text, adapters);
            assert_eq!(component.adapter_modules() > 0, adapters);
            let f = instance.get_typed_func::<(), u32>(&mut store, "f").expect("a function");
            match traps {
                false => {
                    assert_eq!(f.call(&mut store, ()).unwrap(), 3);
                    assert_eq!(f.call(&mut store, ()).unwrap(), 3);
                }
                true => assert_eq!(
                    trap(f.call(&mut store, ())),
                    "cannot leave component instance",
                    "{in_realloc} {in_post}"
                ),
            }
        }
    }
}

#[test]
fn memories_of_64_bits_are_a_modules_own_and_no_sides() {
    let text = |memory: &str| {
        format!(
            r#"(component
                (core module $M (memory $small (export "small") 1) (memory $large (export "large") i64 1)
                    (func (export "f") (param i32 i32) (result i32)
                        (i32.load8_u $large (i64.extend_i32_u (local.get 1))))
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8)))
                (core instance $m (instantiate $M))
                (func (export "f") (param "a" string) (result u32) (canon lift (core func $m "f")
                    (memory (core memory $m "{memory}")) (realloc (core func $m "realloc")))))"#
        )
    };
    let engine = engine();
    let component = Component::new(&engine, text("small")).expect("valid");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).expect("an instance");
    let f = instance.get_typed_func::<(&str,), u32>(&mut store, "f").expect("a function");
    assert_eq!(f.call(&mut store, ("abc",)).expect("a number"), 0);
    let error = Component::new(&engine, text("large")).expect_err("no side has such a memory");
    assert!(error.to_string().contains("64-bit memories"), "{error}");
    assert!(error.offset().is_some_and(|at| at > 8), "{error:?}");
}

/// A pair whose outer function passes the first bytes of its memory on, as many as it is told, which the inner one counts.
fn lists(of: &str) -> String {
    format!(
        r#"(component
            (component $Inner {LIBC}
                (core module $M (func (export "f") (param i32 i32) (result i32) (local.get 1)))
                (core instance $m (instantiate $M))
                (func (export "f") (param "a" {of}) (result u32) (canon lift (core func $m "f")
                    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
            (instance $inner (instantiate $Inner))
            {LIBC}
            (core func $f (canon lower (func $inner "f") (memory (core memory $libc "memory"))))
            (core module $M (import "" "f" (func $f (param i32 i32) (result i32)))
                (func (export "f") (param i32) (result i32) (call $f (i32.const 0) (local.get 0))))
            (core instance $m (instantiate $M (with "" (instance (export "f" (func $f))))))
            (func (export "f") (param "a" u32) (result u32) (canon lift (core func $m "f"))))"#
    )
}

#[test]
fn what_is_copied_costs_fuel_in_either_way() {
    let engine = Engine::new(Config::new().consume_fuel(true)).expect("an engine");
    // Bytes, which are copied; what is looked at one by one; text, which is looked at and copied, and cheap by the byte.
    for (of, most) in
        [("(list u8)", 3000_u32), ("(list bool)", 3000), ("(list char)", 3000), ("string", 3000)]
    {
        for adapters in [true, false] {
            let component = Component::new(&engine, lists(of)).expect("a component");
            let mut linker = Linker::new(&engine);
            linker.adapters(adapters);
            let mut store = Store::new(&engine, ());
            store.set_fuel(1 << 40).expect("it is configured");
            let instance = linker.instantiate(&mut store, &component).expect("an instance");
            let f = instance.get_typed_func::<(u32,), u32>(&mut store, "f").expect("a function");
            let mut spent = |count: u32| {
                let before = store.get_fuel().expect("fuel");
                assert_eq!(f.call(&mut store, (count,)).expect("room"), count);
                before - store.get_fuel().expect("fuel")
            };
            let (few, many) = (spent(0), spent(most));
            // One unit for 64 bytes that are copied as they are, and one for each of what is looked at.
            assert!(
                few > 0 && many - few >= u64::from(most) / 64,
                "{of}, {adapters}: {few}, {many}"
            );
            store.set_fuel(few + 10).expect("it is configured");
            let error = f.call(&mut store, (100_000,)).expect_err("too little");
            assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel), "{of}, {adapters}");
        }
    }
}
