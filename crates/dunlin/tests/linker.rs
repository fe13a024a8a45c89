//! Linkers: definitions by name, shadowing, aliases, unknown imports, commands and reactors.

mod support;

use dunlin::{
    Caller, ErrorKind, Extern, ExternType, Func, FuncType, Global, GlobalType, Linker, Memory,
    MemoryType, Module, Mutability, Result, Store, Val, ValType,
};
use support::{any_engine, func, refused, start};

/// Calls `m` `f` and returns its number.
const CALLS: &str = r#"(module (import "m" "f" (func $f (result i32)))
    (func (export "run") (result i32) (call $f)))"#;

fn run(linker: &Linker<()>, text: &str) -> Result<i32> {
    let module = Module::new(linker.engine(), text)?;
    let mut store = Store::new(linker.engine(), ());
    let instance = linker.instantiate(&mut store, &module)?;
    instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())
}

#[test]
fn definitions_are_shadowed_only_if_allowed() {
    let mut linker = Linker::new(&any_engine());
    linker.func_wrap("m", "f", || 1).unwrap();
    refused(linker.func_wrap("m", "f", || 2), ErrorKind::Link, "`m` `f` is defined already");
    assert_eq!(run(&linker, CALLS).unwrap(), 1);
    linker.allow_shadowing(true).func_wrap("m", "f", || 2).unwrap();
    assert_eq!(run(&linker, CALLS).unwrap(), 2);
    linker.allow_shadowing(false);
    refused(linker.func_wrap("m", "f", || 3), ErrorKind::Link, "is defined already");
}

#[test]
fn aliases_are_the_same_definition() {
    let mut linker = Linker::new(&any_engine());
    linker.func_wrap("other", "g", || 5).unwrap();
    linker.alias("other", "g", "m", "f").unwrap();
    assert_eq!(run(&linker, CALLS).unwrap(), 5);
    refused(linker.alias("other", "h", "m", "h"), ErrorKind::Link, "`other` `h` is not defined");
    refused(linker.alias("other", "g", "m", "f"), ErrorKind::Link, "is defined already");

    let mut linker = Linker::new(&any_engine());
    linker.func_wrap("other", "f", || 6).unwrap();
    linker.alias_module("other", "m").unwrap();
    assert_eq!(run(&linker, CALLS).unwrap(), 6);
    refused(linker.alias_module("gone", "n"), ErrorKind::Link, "nothing is defined in `gone`");
    let names: Vec<_> = linker.iter().map(|(module, name, _)| format!("{module} {name}")).collect();
    assert_eq!(names, ["m f", "other f"]);
}

#[test]
fn unknown_imports_are_named_with_what_comes_close() {
    let engine = any_engine();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("env", "read", |_: i32| 0_i32).unwrap();
    linker.func_wrap("env", "red", || ()).unwrap();
    linker.func_wrap("wasi", "path_open", || ()).unwrap();
    for (import, message) in [
        (
            r#""env" "raed" (func (param i32))"#,
            "unknown import: `env` `raed` (func [i32] -> []) is not defined; defined is \
             `env` `read` (func [i32] -> [i32]), `env` `red` (func [] -> [])",
        ),
        (
            r#""env" "path_open" (func)"#,
            "unknown import: `env` `path_open` (func [] -> []) is not defined; defined is \
             `wasi` `path_open` (func [] -> [])",
        ),
        (
            r#""evn" "memory" (memory 1 2)"#,
            "unknown import: `evn` `memory` (memory 1 2) is not defined; nothing is defined in `evn`",
        ),
        (
            r#""env" "global" (global (mut i64))"#,
            "unknown import: `env` `global` (global (mut i64)) is not defined",
        ),
    ] {
        let module = Module::new(&engine, format!("(module (import {import}))")).unwrap();
        let error = linker.instantiate(&mut Store::new(&engine, ()), &module).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Link, message));
    }
}

#[test]
fn imports_of_other_types_are_refused() {
    let engine = any_engine();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("m", "f", |_: i64| ()).unwrap();
    let message =
        "incompatible import type: `m` `f` must be func [] -> [i32], but is func [i64] -> []";
    refused(run(&linker, CALLS), ErrorKind::Link, message);
}

#[test]
fn unknown_functions_can_trap_or_return_zeros() {
    const MANY: &str = r#"(module
        (import "a" "known" (func $known (result i32)))
        (import "a" "unknown" (func $unknown (param i32) (result i32 f64 v128 funcref externref)))
        (import "b" "never" (func))
        (func (export "known") (result i32) (call $known))
        (func (export "unknown") (result i32 f64 v128 funcref externref)
            (call $unknown (i32.const 1))))"#;
    let engine = any_engine();
    let module = Module::new(&engine, MANY).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("a", "known", || 9).unwrap();
    let mut zeros = linker.clone();

    linker.define_unknown_imports_as_traps(&module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(func::<(), i32>(&mut store, instance, "known").call(&mut store, ()).unwrap(), 9);
    let unknown = instance.get_func(&mut store, "unknown").unwrap();
    let mut results = [Val::I32(1); 5];
    let error = unknown.call(&mut store, &[], &mut results).unwrap_err();
    let message = "unknown import: `a` `unknown` (func [i32] -> [i32 f64 v128 funcref externref])";
    assert!(error.to_string().contains("`a` `unknown`"), "{error} is not {message}");
    assert_eq!(error.backtrace().unwrap().frames()[0].func_name(), Some("unknown"));

    zeros.define_unknown_imports_as_default_values(&module).unwrap();
    let instance = zeros.instantiate(&mut store, &module).unwrap();
    let unknown = instance.get_func(&mut store, "unknown").unwrap();
    unknown.call(&mut store, &[], &mut results).unwrap();
    let types = unknown.ty(&store).unwrap();
    let expected: Vec<Val> = types.results().iter().map(|ty| Val::default_for(*ty)).collect();
    assert_eq!(format!("{results:?}"), format!("{expected:?}"));
}

/// A host function of a linker serves many stores, each with its data.
#[test]
fn host_functions_are_of_no_store() {
    let engine = any_engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("m", "f", |caller: Caller<'_, i32>| *caller.data()).unwrap();
    let module = Module::new(&engine, CALLS).unwrap();
    let prepared = linker.instantiate_pre(&module).unwrap();
    for data in 0..3 {
        let mut store = Store::new(&engine, data);
        for _ in 0..2 {
            let instance = prepared.instantiate(&mut store).unwrap();
            let run = func::<(), i32>(&mut store, instance, "run");
            assert_eq!(run.call(&mut store, ()).unwrap(), data);
        }
        let found = linker.get(&mut store, "m", "f").unwrap().into_func().unwrap();
        assert_eq!(found.ty(&store).unwrap(), FuncType::new([], [ValType::I32]));
        assert!(linker.get(&mut store, "m", "g").is_none());
    }
}

#[test]
fn objects_of_every_kind_are_found() {
    const IMPORTS: &str = r#"(module
        (import "m" "memory" (memory 1)) (import "m" "table" (table 1 funcref))
        (import "m" "global" (global i32)) (import "m" "f" (func $f (result i32)))
        (func (export "run") (result i32)
            (i32.add (i32.add (call $f) (global.get 0)) (i32.load (i32.const 0)))))"#;
    let engine = any_engine();
    let text = r#"(module (table (export "table") 1 funcref) (func (export "f") (result i32) (i32.const 1)))"#;
    let (mut store, instance) = start(&engine, (), text);
    let mut linker = Linker::new(&engine);
    linker.instance(&mut store, "m", instance).unwrap();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    memory.write(&mut store, 0, &[30, 0, 0, 0]).unwrap();
    let ty = GlobalType::new(ValType::I32, Mutability::Const);
    let global = Global::new(&mut store, ty, Val::I32(200)).unwrap();
    linker.define(&store, "m", "memory", memory).unwrap();
    linker.define(&store, "m", "global", Extern::from(global)).unwrap();
    let module = Module::new(&engine, IMPORTS).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(func::<(), i32>(&mut store, instance, "run").call(&mut store, ()).unwrap(), 231);
    let kinds: Vec<_> = linker.iter().map(|(_, name, ty)| (name.to_owned(), ty.kind())).collect();
    let expected = [("f", "func"), ("global", "global"), ("memory", "memory"), ("table", "table")];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
    refused(linker.define(&store, "m", "memory", memory), ErrorKind::Link, "is defined already");
}

/// A reactor is instantiated once; a command anew for each call.
#[test]
fn reactors_and_commands() {
    const COUNTS: &str = r#"
        (global $count (mut i32) (i32.const 0))
        (func (export "f") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (global.get $count))"#;
    const CALLS_TWICE: &str = r#"(module (import "m" "f" (func $f (result i32)))
        (func (export "run") (result i32) (drop (call $f)) (call $f)))"#;
    let engine = any_engine();
    for (extra, expected) in [
        ("", 2),
        (r#"(func (export "_initialize") (global.set $count (i32.const 40)))"#, 42),
        (r#"(func (export "_start"))"#, 1),
    ] {
        let library = Module::new(&engine, format!("(module {COUNTS} {extra})")).unwrap();
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.module(&mut store, "m", &library).unwrap();
        let module = Module::new(&engine, CALLS_TWICE).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = func::<(), i32>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, ()).unwrap(), expected, "{extra}");
    }
}

#[test]
fn the_default_function_of_a_module() {
    let engine = any_engine();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let default = linker.get_default(&mut store, "m").unwrap();
    default.call(&mut store, &[], &mut []).expect("it does nothing");
    let answers = |store: &mut Store<()>, func: Func| {
        func.typed::<(), i32>(&*store).unwrap().call(store, ()).unwrap()
    };
    linker.func_wrap("m", "_start", || 1).unwrap();
    let default = linker.get_default(&mut store, "m").unwrap();
    assert_eq!(answers(&mut store, default), 1);
    linker.func_wrap("m", "", || 2).unwrap();
    let default = linker.get_default(&mut store, "m").unwrap();
    assert_eq!(answers(&mut store, default), 2);
    let memory = Memory::new(&mut store, MemoryType::new(0, None)).unwrap();
    linker.define(&store, "n", "", memory).unwrap();
    refused(linker.get_default(&mut store, "n"), ErrorKind::Link, "`n` `` is not a function");
    assert!(matches!(linker.iter().last(), Some(("n", "", ExternType::Memory(_)))));
}
