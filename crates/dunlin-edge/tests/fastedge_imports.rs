//! What apps import, without an SDK: kinds of app, what is optional, and what must not be there.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunlin::{Engine, ErrorKind, Store};
use dunlin_component::{Component, Linker};
use dunlin_edge::fastedge::{self, AppKind, FastEdgeCtx, Grants, Method, Request};

fn linker(engine: &Engine) -> Linker<FastEdgeCtx> {
    let mut linker = Linker::new(engine);
    fastedge::add_to_linker(&mut linker, |ctx: &mut FastEdgeCtx| ctx).expect("new names");
    linker
}

/// A component with these imports beside a variable's, which it exports as `variable`; and `size` of `wasi:nn`.
const APP: &str = r#"(component
    (import "gcore:fastedge/dictionary" (instance $dictionary
        (export "get" (func (param "name" string) (result (option string))))))
    (import "wasi:nn/tensor" (instance $tensor
        (export "tensor" (type (sub resource)))
        (export "size" (func (result u32)))))
    (core module $Libc
        (memory (export "memory") 1)
        (data (i32.const 0) "colour")
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $libc (instantiate $Libc))
    (core func $get (canon lower (func $dictionary "get") (memory (core memory $libc "memory"))
        (realloc (core func $libc "realloc"))))
    (core func $size (canon lower (func $tensor "size")))
    (core module $Main
        (import "libc" "memory" (memory 1))
        (import "host" "get" (func $get (param i32 i32 i32)))
        (import "host" "size" (func $size (result i32)))
        (func (export "variable") (result i32)
            (call $get (i32.const 0) (i32.const 6) (i32.const 64))
            (i32.const 64))
        (func (export "size") (result i32) (call $size)))
    (core instance $main (instantiate $Main
        (with "libc" (instance $libc))
        (with "host" (instance (export "get" (func $get)) (export "size" (func $size))))))
    (func (export "variable") (result (option string))
        (canon lift (core func $main "variable") (memory (core memory $libc "memory"))))
    (func (export "size") (result u32) (canon lift (core func $main "size"))))"#;

#[test]
fn optional_imports_trap_when_they_are_called_and_only_then() {
    let engine = Engine::default();
    let component = Component::new(&engine, APP).expect("valid");
    let mut linker = linker(&engine);
    assert_eq!(fastedge::define_optional(&mut linker, &component), ["wasi:nn/tensor"]);
    let mut grants = Grants::default();
    grants.dictionary = BTreeMap::from([("colour".into(), "grüen".into())]);
    let ctx = FastEdgeCtx::new(Arc::new(grants), []);
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &component).expect("an instance");
    let variable = instance.get_typed_func::<(), Option<String>>(&mut store, "variable");
    let variable = variable.expect("of this type").call(&mut store, ()).expect("a variable");
    assert_eq!(variable.as_deref(), Some("grüen"));
    let size = instance.get_typed_func::<(), u32>(&mut store, "size").expect("of this type");
    let error = size.call(&mut store, ()).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert!(error.to_string().contains("wasi:nn/tensor"), "{error}");
}

#[test]
fn other_imports_must_be_there_and_of_their_types() {
    let engine = Engine::default();
    for (name, import) in [
        (
            "wasi:nnn",
            r#"(import "wasi:nnn/tensor" (instance (export "size" (func (result u32)))))"#,
        ),
        ("unknown", r#"(import "gcore:fastedge/secret" (instance (export "all" (func))))"#),
        (
            "type",
            r#"(import "gcore:fastedge/utils" (instance $i (export "set-user-diag" (func (param "n" u32)))))
            (core func $f (canon lower (func $i "set-user-diag")))"#,
        ),
    ] {
        let component = Component::new(&engine, format!("(component {import})")).expect("valid");
        let mut linker = linker(&engine);
        assert_eq!(fastedge::define_optional(&mut linker, &component), [""; 0]);
        let mut store = Store::new(&engine, FastEdgeCtx::new(Arc::default(), []));
        assert!(linker.instantiate(&mut store, &component).is_err(), "{name}");
    }
}

#[test]
fn apps_are_told_apart_by_what_they_export() {
    let engine = Engine::default();
    for (name, kind) in [
        ("gcore:fastedge/http-handler", Some(AppKind::FastEdge)),
        ("wasi:http/incoming-handler@0.2.3", Some(AppKind::WasiHttp)),
        ("wasi:http/incoming-handler@0.2.9", Some(AppKind::WasiHttp)),
        ("wasi:http/handler@0.3.0", None),
        ("gcore:fastedge/other", None),
    ] {
        let text = format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#);
        let component = Component::new(&engine, text).expect("valid");
        assert_eq!(AppKind::of(&component), kind, "{name}");
        let mut store = Store::new(&engine, FastEdgeCtx::new(Arc::default(), []));
        let instance = linker(&engine).instantiate(&mut store, &component).expect("an instance");
        let (uri, headers) = ("/".into(), Vec::new());
        let request = Request { method: Method::Get, uri, headers, body: None };
        assert!(fastedge::process(&mut store, &instance, request).is_err(), "{name}");
    }
}
