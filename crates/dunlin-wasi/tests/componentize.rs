//! Core modules that become components: one of FastEdge's, programs, and what is none.
#![cfg(feature = "componentize")]

use std::path::Path;

use dunlin::{Engine, ErrorKind, Store};
use dunlin_component::{Component, Linker};
use dunlin_wasi::preview2::{self, ComponentCtx};
use dunlin_wasi::{ModuleKind, Output, OutputPipe, WasiCtx, componentize, module_kind};

fn example(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path);
    std::fs::read(path).expect("the example")
}

fn text(module: &str) -> Vec<u8> {
    wat::parse_str(module).expect("valid text")
}

/// A module with a custom section of this name.
fn with_section(mut module: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    let leb = |mut number: usize| {
        let mut bytes = Vec::new();
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            bytes.push(if number == 0 { low } else { low | 0x80 });
            if number == 0 {
                return bytes;
            }
        }
    };
    let section = [leb(name.len()), name.as_bytes().to_vec(), data.to_vec()].concat();
    module.push(0);
    module.extend(leb(section.len()));
    module.extend(section);
    module
}

#[test]
fn modules_are_told_apart_by_what_they_say() {
    for (module, kind) in [
        (example("roost/roost.wasm"), ModuleKind::Interfaces { command: false }),
        (example("json/json.wasm"), ModuleKind::Command),
        (text(r#"(module (func (export "main")))"#), ModuleKind::Other),
        (text(r#"(module (memory (export "_start") 1))"#), ModuleKind::Other),
        (
            with_section(text("(module)"), "component-type:x", b""),
            ModuleKind::Interfaces { command: false },
        ),
    ] {
        assert_eq!(module_kind(&module).expect("a module"), kind);
    }
    let component = module_kind(&example("shelf/shelf.wasm")).expect_err("a component");
    assert_eq!((component.kind(), component.offset()), (ErrorKind::Invalid, Some(0)));
    for bytes in [&b""[..], b"\0asm", b"hello, world", b"\0asm\x01\0\0\0\x01\xff"] {
        let error = module_kind(bytes).expect_err("no module");
        assert!(error.offset().is_some(), "{error}");
        assert!(componentize(bytes).is_err());
    }
}

#[test]
fn a_module_of_interfaces_has_them_as_a_component() {
    let bytes = componentize(&example("roost/roost.wasm")).expect("a component");
    let component = Component::new(&Engine::default(), bytes).expect("valid");
    let imports: Vec<&str> = component.imports().map(|(name, _)| name).collect();
    for name in ["dictionary", "secret", "key-value", "cache-sync", "utils", "http-client"] {
        assert!(imports.contains(&format!("gcore:fastedge/{name}").as_str()), "{imports:?}");
    }
    assert!(imports.iter().any(|name| name.starts_with("wasi:cli/stdout@0.2.")), "{imports:?}");
    assert!(component.exports().any(|(name, _)| name == "gcore:fastedge/http-handler"));
}

#[test]
fn a_program_is_a_command_of_wasi_0_2() {
    let bytes = componentize(&example("json/json.wasm")).expect("a component");
    let engine = Engine::default();
    let component = Component::new(&engine, bytes).expect("valid");
    let run =
        component.exports().map(|(name, _)| name).find(|name| name.starts_with("wasi:cli/run@"));
    let run = run.expect("a command").to_owned();
    let stdout = OutputPipe::new(1 << 16);
    let mut builder = WasiCtx::builder();
    builder.args(["json", ".birds[1]"]).stdout(Output::Pipe(stdout.clone()));
    builder
        .stdin(dunlin_wasi::Input::Pipe(dunlin_wasi::InputPipe::new(example("json/waders.json"))));
    let mut linker = Linker::new(&engine);
    preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
    let mut store = Store::new(&engine, ComponentCtx::new(builder.build().expect("a context")));
    let instance = linker.instantiate(&mut store, &component).expect("an instance");
    let interface = instance.get_instance(&mut store, &run).expect("an interface");
    let run = interface.get_typed_func::<(), Result<(), ()>>(&mut store, "run").expect("a run");
    assert!(matches!(run.call(&mut store, ()), Ok(Ok(()))));
    assert_eq!(stdout.contents(), example("json/expected.txt"));
}

#[test]
fn what_cannot_become_a_component_is_refused_with_a_reason() {
    let types = with_section(text("(module)"), "component-type", b"\0asm\x0d\0\x01\0\xff\xff");
    let many = with_section(text("(module)"), "component-type", &vec![0; 5 << 20]);
    let import = text(r#"(module (import "other" "f" (func)) (func (export "_start")))"#);
    let wasi = text(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i64))) (func (export "_start")))"#,
    );
    for (module, reason) in [
        (text("(module)"), "is no program"),
        (types, "cannot become a component"),
        (many, "types of interfaces"),
        (import, "other"),
        (wasi, "fd_write"),
    ] {
        let error = componentize(&module).expect_err(reason);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// Numbers that look random and are the same in every run.
fn numbers(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

#[test]
fn damaged_modules_are_refused_or_become_what_is_looked_at_again() {
    let module = example("roost/roost.wasm");
    let engine = Engine::default();
    let mut below = numbers(7);
    // Damage where interfaces and imports stand: the beginning, and the custom sections at the end.
    let types = module.windows(14).position(|bytes| bytes == b"component-type").expect("types");
    let mut refused = 0;
    for round in 0..300 {
        let mut damaged = module.clone();
        for _ in 0..=below(3) {
            let at = match round % 3 {
                0 => below(4096),
                1 => types + below(module.len() - types),
                _ => below(module.len()),
            };
            damaged[at] = below(256) as u8;
        }
        if round % 10 == 0 {
            damaged.truncate(below(module.len()));
        }
        match componentize(&damaged) {
            Ok(component) => drop(Component::new(&engine, component)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
