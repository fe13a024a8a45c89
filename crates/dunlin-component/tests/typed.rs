//! Types of Rust as types of components: both ways, in memory and flat, and refused where they are not the component's.

mod support;

use dunlin::{ErrorKind, Module, Result, Store, StoreContextMut};
use dunlin_component::{
    Component, LiftParams, LiftResults, Linker, LowerParams, LowerResults, Val, enumeration, flags,
    record, variant,
};
use std::fmt::Debug;
use support::{LIBC, engine};

record! {
    /// Fields of several sizes, so that there are gaps.
    #[derive(Clone, Debug, PartialEq)]
    struct Entry {
        kind: Kind => "kind",
        size: u64 => "size",
        name: String => "name",
        access: Access => "access",
    }
}

enumeration! {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Kind {
        File => "file",
        Folder => "folder",
    }
}

flags! {
    struct Access {
        READ => "read",
        WRITE => "write",
    }
}

variant! {
    #[derive(Clone, Debug, PartialEq)]
    enum Change {
        None => "none",
        Size(u64) => "size",
        Names(Vec<String>) => "names",
        Both((f32, char)) => "both",
    }
}

/// The texts of the types above, in WIT's terms.
const TYPES: [(&str, &str); 4] = [
    ("kind", r#"(enum "file" "folder")"#),
    ("access", r#"(flags "read" "write")"#),
    (
        "entry",
        r#"(record (field "kind" $kind) (field "size" u64) (field "name" string) (field "access" $access))"#,
    ),
    (
        "change",
        r#"(variant (case "none") (case "size" u64) (case "names" (list string)) (case "both" (tuple f32 char)))"#,
    ),
];

/// The flat value of what passes in memory, which is told from a number by the space.
const MEMORY: &str = "i32 ";

/// A component that imports `f`, of one parameter and result of this type, and exports it again. Its core function has as many
/// parameters as `flat` names.
fn passing(ty: &str, flat: &str) -> String {
    let types = TYPES.iter().map(|(name, text)| {
        format!(r#"(type ${name}' {text}) (import "{name}" (type ${name} (eq ${name}')))"#)
    });
    let types: String = types.collect();
    let (count, in_memory) = (flat.split_whitespace().count(), flat == MEMORY);
    let arguments: String = (0..count).map(|n| format!("(local.get {n})")).collect();
    let (import, call, result) = match count {
        1 if !in_memory => {
            (format!("(param {flat}) (result {flat})"), format!("(call $f {arguments})"), flat)
        }
        _ => (
            format!("(param {flat} i32)"),
            format!("(call $f {arguments} (i32.const 64)) (i32.const 64)"),
            "i32",
        ),
    };
    let options = r#"(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))"#;
    format!(
        r#"(component {types}
            (import "f" (func $f (param "a" {ty}) (result {ty})))
            {LIBC}
            (core func $lowered (canon lower (func $f) {options}))
            (core module $M (import "" "f" (func $f {import}))
                (func (export "f") (param {flat}) (result {result}) {call}))
            (core instance $m (instantiate $M (with "" (instance (export "f" (func $lowered))))))
            (func (export "f") (param "a" {ty}) (result {ty}) (canon lift (core func $m "f") {options})))"#
    )
}

/// Passes values through a guest to the host, which gives them back.
fn round<T>(ty: &str, flat: &str, values: &[T])
where
    T: Clone + Debug + PartialEq + Send + Sync + 'static,
    (T,): LiftParams + LowerParams + Clone,
    T: LiftResults + LowerResults,
{
    let engine = engine();
    let text = passing(ty, flat);
    let component =
        Component::new(&engine, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut linker: Linker<Vec<T>> = Linker::new(&engine);
    let echo = |mut store: StoreContextMut<'_, Vec<T>>, (value,): (T,)| {
        store.data_mut().push(value.clone());
        Ok(value)
    };
    linker.root().func_wrap("f", echo).expect("a definition");
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &component).expect("an instance");
    let f = instance.get_typed_func::<(T,), T>(&mut store, "f").expect("of this type");
    for value in values {
        let back = f.call(&mut store, (value.clone(),)).expect("no trap");
        assert_eq!(back, *value);
    }
    assert_eq!(store.data(), values, "the host has seen them");
}

#[test]
fn numbers_and_characters_pass() {
    round("bool", "i32", &[true, false]);
    round("u8", "i32", &[0_u8, 255]);
    round("s8", "i32", &[i8::MIN, -1, 127]);
    round("u16", "i32", &[u16::MAX]);
    round("s16", "i32", &[i16::MIN, 5]);
    round("u32", "i32", &[u32::MAX]);
    round("s32", "i32", &[i32::MIN, -1]);
    round("u64", "i64", &[u64::MAX]);
    round("s64", "i64", &[i64::MIN]);
    round("f32", "f32", &[1.5_f32, f32::INFINITY, -0.0]);
    round("f64", "f64", &[1.5_f64, f64::MIN_POSITIVE]);
    round("char", "i32", &['a', '☃', char::MAX]);
}

#[test]
fn texts_lists_and_tuples_pass() {
    round("string", "i32 i32", &[String::new(), "grüße ☃ 🍰".into()]);
    round("(list u8)", "i32 i32", &[vec![], vec![1_u8, 2, 3]]);
    round("(list s16)", "i32 i32", &[vec![i16::MIN, 7]]);
    round("(list f64)", "i32 i32", &[vec![0.5, -0.0]]);
    round("(list bool)", "i32 i32", &[vec![true, false, true]]);
    round("(list string)", "i32 i32", &[vec!["a".to_owned(), String::new(), "ü".into()]]);
    round("(list (list u16))", "i32 i32", &[vec![vec![1_u16], vec![], vec![2, 3]]]);
    round("(tuple u8 u64 string)", "i32 i64 i32 i32", &[(1_u8, u64::MAX, "x".to_owned())]);
    round("(list (tuple u8 u32))", "i32 i32", &[vec![(1_u8, 2_u32), (3, 4)]]);
    // 17 flat values pass in memory.
    let long = (
        (1_u64, 2_u64, 3_u64, 4_u64, 5_u64, 6_u64),
        (7_u8, 8_u64, 9_u16, 10_u64, 11_u64, 12_u64),
        (13_u64, 14_u64, 15_u8, 16_u64, 17_u64),
    );
    let ty = "(tuple (tuple u64 u64 u64 u64 u64 u64) (tuple u8 u64 u16 u64 u64 u64) (tuple u64 u64 u8 u64 u64))";
    round(ty, MEMORY, &[long]);
}

#[test]
fn options_and_results_pass() {
    round("(option u8)", "i32 i32", &[None, Some(7_u8)]);
    round("(option u64)", "i32 i64", &[None, Some(u64::MAX)]);
    round("(option string)", "i32 i32 i32", &[None, Some("x".to_owned())]);
    round("(option (option u16))", "i32 i32 i32", &[None, Some(None), Some(Some(3_u16))]);
    round("(list (option u32))", "i32 i32", &[vec![Some(1_u32), None]]);
    round("(result u32 (error string))", "i32 i32 i32", &[Ok(1_u32), Err("no".to_owned())]);
    round("(result)", "i32", &[Ok::<(), ()>(()), Err(())]);
    round("(result (error u8))", "i32 i32", &[Ok::<(), u8>(()), Err(9)]);
    round("(result f32 (error u64))", "i32 i64", &[Ok(1.5_f32), Err(u64::MAX)]);
}

#[test]
fn types_of_the_embedders_own_pass() {
    let entry = |name: &str| Entry {
        kind: Kind::Folder,
        size: 1 << 40,
        name: name.into(),
        access: Access::READ | Access::WRITE,
    };
    round("$kind", "i32", &[Kind::File, Kind::Folder]);
    round("$access", "i32", &[Access::default(), Access::WRITE]);
    round("$entry", "i32 i64 i32 i32 i32", &[entry("a"), entry("")]);
    round("(list $entry)", "i32 i32", &[vec![entry("a"), entry("b")], vec![]]);
    let changes = [
        Change::None,
        Change::Size(u64::MAX),
        Change::Names(vec!["x".into(), "y".into()]),
        Change::Both((0.5, '☃')),
    ];
    round("$change", "i32 i64 i32", &changes);
    round("(list $change)", "i32 i32", &[changes.to_vec()]);
    round("(option $entry)", "i32 i32 i64 i32 i32 i32", &[Some(entry("o")), None]);
}

/// An instance whose `f` has this signature, in WIT's terms.
fn exporting(
    types: &str,
    signature: &str,
    flat: &str,
) -> Result<(Store<()>, dunlin_component::Instance)> {
    let text = format!(
        r#"(component {types} {LIBC}
            (core module $M (func (export "f") {flat} unreachable))
            (core instance $m (instantiate $M))
            (func (export "f") {signature} (canon lift (core func $m "f")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))"#
    );
    let engine = engine();
    let component = Component::new(&engine, &text)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    Ok((store, instance))
}

#[test]
fn types_that_are_not_the_components_are_refused() {
    let (mut store, instance) =
        exporting("", r#"(param "a" u32) (result string)"#, "(param i32) (result i32)")
            .expect("valid");
    instance.get_typed_func::<(u32,), String>(&mut store, "f").expect("these are");
    let errors = [
        instance.get_typed_func::<(), String>(&mut store, "f").err(),
        instance.get_typed_func::<(u32, u32), String>(&mut store, "f").err(),
        instance.get_typed_func::<(i32,), String>(&mut store, "f").err(),
        instance.get_typed_func::<(char,), String>(&mut store, "f").err(),
        instance.get_typed_func::<(u32,), ()>(&mut store, "f").err(),
        instance.get_typed_func::<(u32,), Vec<u8>>(&mut store, "f").err(),
        instance.get_typed_func::<(u32,), String>(&mut store, "g").err(),
    ];
    for error in errors {
        assert_eq!(error.expect("refused").kind(), ErrorKind::Usage);
    }
    let types = r#"(type $k' (enum "file" "link")) (export $k "k" (type $k'))"#;
    let (mut store, instance) =
        exporting(types, r#"(param "a" $k)"#, "(param i32)").expect("valid");
    let error = instance.get_typed_func::<(Kind,), ()>(&mut store, "f").expect_err("other cases");
    assert!(error.to_string().contains("link"), "{error}");
}

#[test]
fn values_that_are_not_of_the_type_are_refused_and_the_guest_lives() {
    let text = format!(
        r#"(component {LIBC}
            (core module $M (func (export "f") (param i32 i32 i32) (result i32) (i32.const 7)))
            (core instance $m (instantiate $M))
            (func (export "f") (param "a" string) (param "b" (option u8)) (result u32)
                (canon lift (core func $m "f") (memory (core memory $libc "memory"))
                    (realloc (core func $libc "realloc")))))"#
    )
    .replace("(param i32 i32 i32)", "(param i32 i32 i32 i32)");
    let (mut store, instance) = support::instantiate(&text);
    let f = instance.get_func(&mut store, "f").expect("an export");
    let text = Val::String("x".into());
    let mut results = [Val::Bool(false)];
    for bad in [
        vec![],
        vec![text.clone()],
        vec![text.clone(), Val::U8(1)],
        vec![text.clone(), Val::Option(Some(Box::new(Val::U16(1))))],
        vec![Val::Char('x'), Val::Option(None)],
    ] {
        let error = f.call(&mut store, &bad, &mut results).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
    f.call(&mut store, &[text, Val::Option(None)], &mut results).expect("as if nothing had been");
    assert_eq!(results[0], Val::U32(7));
}

#[test]
fn functions_of_the_host_that_do_not_fit_do_not_link() {
    let engine = engine();
    let component = Component::new(&engine, passing("u32", "i32")).expect("valid");
    let mut linker: Linker<()> = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    let error = linker.instantiate(&mut store, &component).expect_err("not defined");
    assert_eq!(error.kind(), ErrorKind::Link, "{error}");
    assert!(error.to_string().contains("`f`"), "{error}");
    let long = |_: StoreContextMut<'_, ()>, (value,): (u64,)| Ok(value);
    linker.root().func_wrap("f", long).expect("a definition");
    let error = linker.instantiate(&mut store, &component).expect_err("of another type");
    assert_eq!(error.kind(), ErrorKind::Link, "{error}");
    assert_eq!(linker.root().func_wrap("f", long).err().expect("taken").kind(), ErrorKind::Link);
    linker
        .allow_shadowing(true)
        .root()
        .func_new("f", |_, _, results| {
            // It is not of the type that the component says.
            results[0] = Val::Bool(true);
            Ok(())
        })
        .expect("a definition");
    let instance =
        linker.instantiate(&mut store, &component).expect("types of values are seen later");
    let f = instance.get_func(&mut store, "f").expect("an export");
    let error = f.call(&mut store, &[Val::U32(1)], &mut [Val::Bool(false)]);
    assert_eq!(error.expect_err("no u32").kind(), ErrorKind::Usage);
}

#[test]
fn what_one_component_exports_another_imports_if_the_types_are_one() {
    let engine = engine();
    let giver = |ty: &str| {
        format!(
            r#"(component
                (component $C (type $e' (enum "a" "b")) (export $e "e" (type $e'))
                    (core module $M (func (export "f") (param i32) (result i32) (local.get 0)))
                    (core instance $m (instantiate $M))
                    (func (export "f") (param "a" {ty}) (result {ty}) (canon lift (core func $m "f"))))
                (instance $c (instantiate $C)) (export "i" (instance $c)))"#
        )
    };
    let user = r#"(component
        (import "i" (instance $i
            (type $e' (enum "a" "b")) (export "e" (type $e (eq $e')))
            (export "f" (func (param "a" $e) (result $e)))))
        (core func $f (canon lower (func $i "f")))
        (core module $M (import "" "f" (func $f (param i32) (result i32)))
            (func (export "run") (result i32) (call $f (i32.const 1))))
        (core instance $m (instantiate $M (with "" (instance (export "f" (func $f))))))
        (func (export "run") (result u32) (canon lift (core func $m "run"))))"#;
    let user = Component::new(&engine, user).expect("valid");
    for (ty, links) in [("$e", true), ("u8", false), ("bool", false)] {
        let giver = Component::new(&engine, giver(ty)).expect("valid");
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let instance = linker.instantiate(&mut store, &giver).expect("an instance");
        linker.define_exports(&mut store, instance).expect("definitions");
        let made = linker.instantiate(&mut store, &user);
        if links {
            let run = made.expect("of one type").get_typed_func::<(), u32>(&mut store, "run");
            assert_eq!(run.expect("an export").call(&mut store, ()).expect("no trap"), 1);
            // What is defined for one store is nothing in another.
            let mut other = Store::new(&engine, ());
            let error = linker.instantiate(&mut other, &user).expect_err("another store");
            assert_eq!(error.kind(), ErrorKind::Link, "{error}");
        } else {
            assert_eq!(made.expect_err("of another type").kind(), ErrorKind::Link, "{ty}");
        }
    }
}

#[test]
fn modules_come_from_the_host_and_are_looked_at() {
    let engine = engine();
    let component = Component::new(
        &engine,
        r#"(component
            (import "m" (core module $M (export "f" (func (result i32)))))
            (core instance $m (instantiate $M))
            (func (export "f") (result u32) (canon lift (core func $m "f"))))"#,
    )
    .expect("valid");
    for (module, links) in [
        (r#"(module (func (export "f") (result i32) (i32.const 3)))"#, true),
        (r#"(module (func (export "f") (result i64) (i64.const 3)))"#, false),
        (r#"(module (func (export "f") (result funcref) (ref.null func)))"#, false),
        (r#"(module (memory (export "f") 1))"#, false),
        ("(module)", false),
        (
            r#"(module (import "x" "y" (func)) (func (export "f") (result i32) (i32.const 3)))"#,
            false,
        ),
    ] {
        let module = Module::new(&engine, module).expect("valid");
        let mut linker: Linker<()> = Linker::new(&engine);
        linker.root().module("m", &module).expect("a definition");
        let mut store = Store::new(&engine, ());
        match linker.instantiate(&mut store, &component) {
            Ok(instance) => {
                assert!(links);
                let f = instance.get_typed_func::<(), u32>(&mut store, "f").expect("an export");
                assert_eq!(f.call(&mut store, ()).expect("no trap"), 3);
            }
            Err(error) => assert!(!links && error.kind() == ErrorKind::Link, "{error}"),
        }
    }
}

#[test]
fn an_error_of_the_host_comes_out_unchanged() {
    #[derive(Debug, PartialEq)]
    struct Exit(i32);
    impl std::fmt::Display for Exit {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "exit with {}", self.0)
        }
    }
    impl std::error::Error for Exit {}

    let engine = engine();
    let component = Component::new(&engine, passing("u32", "i32")).expect("valid");
    let mut linker: Linker<()> = Linker::new(&engine);
    let exit = |_: StoreContextMut<'_, ()>, _: (u32,)| -> Result<u32> {
        Err(dunlin::Error::host(Exit(3)))
    };
    linker.root().func_wrap("f", exit).expect("a definition");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).expect("an instance");
    let f = instance.get_typed_func::<(u32,), u32>(&mut store, "f").expect("an export");
    let error = f.call(&mut store, (1,)).expect_err("the host's");
    assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit(3)));
}

#[test]
fn components_and_linkers_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Component>();
    shared::<Linker<u32>>();
    shared::<dunlin_component::InstancePre<u32>>();
    let engine = engine();
    let component = Component::new(&engine, passing("u32", "i32")).expect("valid");
    let mut linker: Linker<u32> = Linker::new(&engine);
    let add = |store: StoreContextMut<'_, u32>, (n,): (u32,)| Ok(n + store.data());
    linker.root().func_wrap("f", add).expect("a definition");
    let pre = linker.instantiate_pre(&component).expect("defined");
    std::thread::scope(|scope| {
        for data in 0..4 {
            let (engine, pre) = (&engine, &pre);
            scope.spawn(move || {
                let mut store = Store::new(engine, data);
                for _ in 0..20 {
                    let instance = pre.instantiate(&mut store).expect("an instance");
                    let f = instance.get_typed_func::<(u32,), u32>(&mut store, "f");
                    assert_eq!(
                        f.expect("an export").call(&mut store, (7,)).expect("no trap"),
                        7 + data
                    );
                }
            });
        }
    });
}
