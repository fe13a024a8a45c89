//! Bytes that are nearly components, and components that ask for too much: an error, never a panic, and nothing without
//! bound.

mod support;

use dunlin::{Config, Engine, ErrorKind, Store, Tier};
use dunlin_component::{Component, Linker, Val};
use support::{LIBC, Random};

/// A component that has something of everything.
fn rich() -> Vec<u8> {
    let text = format!(
        r#"(component $rich
            (type $p' (record (field "x" s32) (field "y" (option string))))
            (export $p "p" (type $p'))
            (type $v' (variant (case "a" u8) (case "b" (list u16)) (case "c")))
            (export $v "v" (type $v'))
            (type $f' (flags "r" "w"))
            (export $f "f" (type $f'))
            (type $r' (resource (rep i32)))
            (export $r "r" (type $r'))
            (component $inner
                (import "n" (func $n (param "s" string) (result u32)))
                {LIBC}
                (core func $lowered (canon lower (func $n) string-encoding=utf16
                    (memory (core memory $libc "memory"))))
                (core module $M (import "" "n" (func $n (param i32 i32) (result i32)))
                    (func (export "run") (result i32) (call $n (i32.const 16) (i32.const 4))))
                (core instance $m (instantiate $M (with "" (instance (export "n" (func $lowered))))))
                (func (export "run") (result u32) (canon lift (core func $m "run"))))
            {LIBC}
            (core func $new (canon resource.new $r'))
            (core func $drop (canon resource.drop $r'))
            (core module $M
                (import "" "memory" (memory 16)) (import "" "new" (func $new (param i32) (result i32)))
                (func (export "len") (param i32 i32) (result i32) (local.get 1))
                (func (export "rec") (param i32 i32 i32 i32) (result i32) (i32.const 64))
                (func (export "var") (param i32 i32 i32) (result i32) (i32.const 32))
                (func (export "flags") (param i32) (result i32) (local.get 0))
                (func (export "make") (result i32) (call $new (i32.const 7)))
                (func (export "post") (param i32)))
            (core instance $m (instantiate $M (with "" (instance
                (export "memory" (memory $libc "memory")) (export "new" (func $new))))))
            (func $len (param "s" string) (result u32) (canon lift (core func $m "len")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (instance $i (instantiate $inner (with "n" (func $len))))
            (func (export "rec") (param "a" $p) (result $p) (canon lift (core func $m "rec")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))
                (post-return (core func $m "post"))))
            (func (export "var") (param "a" $v) (result $v) (canon lift (core func $m "var")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (func (export "flags") (param "a" $f) (result $f) (canon lift (core func $m "flags")))
            (func (export "make") (result (own $r)) (canon lift (core func $m "make")))
            (func (export "run") (alias export $i "run")))"#
    );
    wat::parse_str(text).expect("a component")
}

/// Fuel for what a damaged guest does: it may loop.
const FUEL: u64 = 1_000_000;

fn metered() -> Engine {
    Engine::new(Config::new().tier(Tier::Interp).consume_fuel(true)).expect("an engine")
}

/// Loads it, and if it loads does with it all that can be done; whether it loaded.
fn exercise(engine: &Engine, bytes: &[u8]) -> bool {
    let Ok(component) = Component::new(engine, bytes) else { return false };
    let mut store = Store::new(engine, ());
    store.set_fuel(FUEL).expect("fuel is counted");
    let Ok(instance) = Linker::new(engine).instantiate(&mut store, &component) else { return true };
    for name in instance.exports(&mut store) {
        let Some(func) = instance.get_func(&mut store, &name) else { continue };
        let count = func.result_count(&mut store).unwrap_or(0);
        let record = Val::Record(vec![
            ("x".into(), Val::S32(1)),
            ("y".into(), Val::Option(Some(Box::new(Val::String("text".into()))))),
        ]);
        let variant = Val::Variant("b".into(), Some(Box::new(Val::List(vec![Val::U16(3)]))));
        for argument in [vec![], vec![record], vec![variant], vec![Val::Flags(vec!["w".into()])]] {
            let mut results = vec![Val::Bool(false); count];
            // What comes of it does not matter: it is no panic.
            let _ = func.call(&mut store, &argument, &mut results);
        }
    }
    true
}

#[test]
fn every_beginning_of_a_component_is_refused_or_runs() {
    let engine = metered();
    let bytes = rich();
    assert!(exercise(&engine, &bytes));
    for len in 0..bytes.len() {
        exercise(&engine, &bytes[..len]);
    }
}

#[test]
fn damaged_components_are_refused_or_run() {
    let engine = metered();
    let bytes = rich();
    let random = &mut Random::new(1);
    let mut loaded = 0;
    for _ in 0..6_000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(3) {
            let at = 8 + random.below(damaged.len() - 8);
            damaged[at] = match random.below(3) {
                0 => random.next() as u8,
                1 => damaged[at].wrapping_add(1),
                _ => damaged[at] ^ (1 << random.below(8)),
            };
        }
        loaded += u32::from(exercise(&engine, &damaged));
    }
    assert!(loaded > 100, "damage that validation does not see is damage that matters: {loaded}");
}

#[test]
fn types_that_nest_too_deep_or_are_too_large_are_invalid() {
    let engine = support::engine();
    for (deep, is_valid) in [(90, true), (150, false), (5_000, false)] {
        let mut text = String::from("(component (type $t0 (list u8))");
        for n in 1..deep {
            text += &format!("(type $t{n} (list $t{}))", n - 1);
        }
        text += &format!(r#"(import "f" (func (param "a" $t{}))))"#, deep - 1);
        let result = Component::new(&engine, text);
        assert_eq!(result.is_ok(), is_valid, "{deep}");
        assert!(result.err().is_none_or(|error| error.kind() == ErrorKind::Invalid));
    }
    for ty in [
        "(list (list u64 65536) 65536)",
        "(list u8 4294967295)",
        "(list (list (list u8 1000) 1000) 1000)",
    ] {
        let text = format!(r#"(component (import "f" (func (param "a" {ty}))))"#);
        let error = Component::new(&engine, text).expect_err("values of a GiB and more");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{ty}: {error}");
    }
}

#[test]
fn types_that_are_many_in_few_bytes_cost_no_more_than_they_say() {
    // Each is two of the one before: as trees they are larger by far than as they are written.
    let engine = support::engine();
    let mut text = String::from("(component (type $t0 (tuple u8 u8))");
    for n in 1..60 {
        text += &format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1);
    }
    text += r#"(import "f" (func (param "a" (option $t59)))))"#;
    let error = Component::new(&engine, text).expect_err("values of 2^60 bytes");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[test]
fn instances_that_multiply_are_refused() {
    // Each component instantiates the one before twice: 2^40 instances.
    let engine = support::engine();
    let mut text = String::from("(component (component $c0)");
    for n in 1..40 {
        text += &format!(
            "(component $c{n} (alias outer 1 $c{0} (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))",
            n - 1
        );
    }
    text += "(instance (instantiate $c39)))";
    let component = Component::new(&engine, text).expect("valid it is");
    let mut store = Store::new(&engine, ());
    let error = Linker::new(&engine).instantiate(&mut store, &component).expect_err("too many");
    assert_eq!(error.kind(), ErrorKind::Resource, "{error}");
}

#[test]
fn instances_that_nest_too_deep_are_refused() {
    let engine = support::engine();
    for (deep, fits) in [(50, true), (500, false)] {
        let mut text = String::from("(component (component $c0)");
        for n in 1..deep {
            text += &format!(
                "(component $c{n} (alias outer 1 $c{0} (component $c)) (instance (instantiate $c)))",
                n - 1
            );
        }
        text += &format!("(instance (instantiate $c{})))", deep - 1);
        let component = Component::new(&engine, text).expect("valid it is");
        let mut store = Store::new(&engine, ());
        let made = Linker::new(&engine).instantiate(&mut store, &component);
        assert_eq!(made.is_ok(), fits, "{deep}");
    }
}

#[test]
fn what_is_no_component_is_refused_by_kind() {
    let engine = support::engine();
    for bytes in
        [b"".as_slice(), b"\0asm", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01", b"\xff\xfe", b"(module)"]
    {
        let error = Component::new(&engine, bytes).expect_err("no component");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bytes:?}: {error}");
    }
    // A module within, whose body is not valid, is refused with the place in the component.
    let text = "(component (core module (func (result i32))))";
    let bytes = wat::parse_str(text).expect("it is well-formed");
    let error = Component::validate(&engine, &bytes).expect_err("not valid");
    let offset = usize::try_from(error.offset().expect("an offset")).expect("a small one");
    assert!(offset > 16 && offset < bytes.len(), "{offset} of {}", bytes.len());
}

#[test]
fn calls_through_very_many_instances_end_or_trap() {
    // Each instance calls the one before: calls between components nest natively, and there is an end to that. The
    // validator allows for a thousand instances of one component.
    let chain = |many: usize, of: &str| {
        let next = |n: usize| {
            format!(r#"(instance $i{n} (instantiate {of} (with "f" (func $i{} "f"))))"#, n - 1)
        };
        (1..many).map(next).collect::<String>()
    };
    for groups in [1, 190] {
        let text = format!(
            r#"(component
                (component $Last
                    (core module $M (func (export "f") (param i32) (result i32) (local.get 0)))
                    (core instance $m (instantiate $M))
                    (func (export "f") (param "n" u32) (result u32) (canon lift (core func $m "f"))))
                (component $Next
                    (import "f" (func $f (param "n" u32) (result u32)))
                    (core func $lowered (canon lower (func $f)))
                    (core module $M (import "" "f" (func $f (param i32) (result i32)))
                        (func (export "f") (param i32) (result i32)
                            (i32.add (call $f (local.get 0)) (i32.const 1))))
                    (core instance $m (instantiate $M (with "" (instance (export "f" (func $lowered))))))
                    (func (export "f") (param "n" u32) (result u32) (canon lift (core func $m "f"))))
                (component $Group
                    (import "f" (func $f (param "n" u32) (result u32)))
                    (alias outer 1 $Next (component $N))
                    (instance $i0 (instantiate $N (with "f" (func $f)))) {}
                    (func (export "f") (alias export $i49 "f")))
                (instance $i0 (instantiate $Last)) {}
                (func (export "f") (alias export $i{groups} "f")))"#,
            chain(50, "$N"),
            chain(groups + 1, "$Group")
        );
        let (mut store, instance) = support::instantiate(&text);
        let f = instance.get_typed_func::<(u32,), u32>(&mut store, "f").expect("an export");
        match f.call(&mut store, (1,)) {
            Ok(result) => assert_eq!(result as usize, 1 + 50 * groups),
            Err(error) => {
                assert!(groups > 1, "{error}");
                assert_eq!(error.trap_code(), Some(dunlin::TrapCode::StackOverflow), "{error}");
            }
        }
    }
}

#[test]
fn functions_of_types_that_are_large_as_trees_trap_at_a_bound() {
    // Each type is 2^17 numbers and as many tuples; each function's program has a step for each.
    let mut types = String::from("(type $t0 (tuple u8 u16))");
    for n in 1..17 {
        types += &format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1);
    }
    let funcs = 6;
    let each = |text: &dyn Fn(usize) -> String| (0..funcs).map(text).collect::<String>();
    // What tells the functions apart is a second parameter. The validator bounds what one component exports.
    let signature =
        |n: usize| format!(r#"(param "a" $t16) (param "b" (tuple {}))"#, "u8 ".repeat(n + 1));
    let component = |n: usize| {
        format!(
            r#"(component $C{n} {LIBC} {types}
                (core module $M (func (export "f") (param i32)))
                (core instance $m (instantiate $M))
                (func (export "f") {} (canon lift (core func $m "f") (memory (core memory $libc "memory"))
                    (realloc (core func $libc "realloc")))))
            (instance $c{n} (instantiate $C{n}))"#,
            signature(n)
        )
    };
    let text = format!(
        r#"(component {types}
            {components}
            {LIBC}
            {lowered}
            (core module $M {imports} {exports})
            (core instance $m (instantiate $M (with "" (instance {given}))))
            {runs})"#,
        components = each(&component),
        lowered = each(&|n| format!(
            r#"(core func $f{n} (canon lower (func $c{n} "f") (memory (core memory $libc "memory"))))"#
        )),
        imports = each(&|n| format!(r#"(import "" "f{n}" (func $f{n} (param i32)))"#)),
        exports = each(&|n| format!(r#"(func (export "run{n}") (call $f{n} (i32.const 0)))"#)),
        given = each(&|n| format!(r#"(export "f{n}" (func $f{n}))"#)),
        runs =
            each(&|n| format!(r#"(func (export "run{n}") (canon lift (core func $m "run{n}")))"#)),
    );
    let mut passed = 0;
    let engine = support::engine();
    let component = Component::new(&engine, &text).unwrap_or_else(|error| panic!("{error}"));
    for n in 0..funcs {
        // An instance that has trapped cannot be called again; programs are the component's.
        let mut store = Store::new(&engine, ());
        let instance =
            Linker::new(&engine).instantiate(&mut store, &component).expect("an instance");
        let run = instance.get_func(&mut store, &format!("run{n}")).expect("an export");
        match run.call(&mut store, &[], &mut []) {
            Ok(()) => passed += 1,
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("too large"), "{said}");
            }
        }
    }
    assert!(passed > 0 && passed < funcs, "{passed} of {funcs}");
}

#[test]
fn instances_that_are_large_as_trees_are_refused_at_a_bound() {
    let mut text =
        String::from(r#"(component (type $i0 (instance (export "a" (func)) (export "b" (func))))"#);
    for n in 1..16 {
        text += &format!(
            r#"(type $i{n} (instance (alias outer 1 $i{} (type $t))
                (export "a" (instance (type $t))) (export "b" (instance (type $t)))))"#,
            n - 1
        );
    }
    for n in 0..40 {
        text += &format!(r#"(import "i{n}" (instance (type $i15)))"#);
    }
    text += ")";
    let error = Component::new(&support::engine(), text).expect_err("millions of items");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}
