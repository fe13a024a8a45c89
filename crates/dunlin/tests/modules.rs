//! Modules: how they are loaded, refused and asked about.

mod support;

use dunlin::{ErrorKind, ExternType, Feature, Features, Module, ValidateMode};
use support::{any_engine, engine, refused};

const SAMPLE: &str = r#"(module $sample
    (import "env" "log" (func $log (param i32 i64) (result f32)))
    (import "env" "memory" (memory 1 2))
    (import "env" "limit" (global i32))
    (table (export "table") 3 funcref)
    (func $work (export "work") (param v128) nop)
    (func)
    (start 2)
    (data (memory 0) (i32.const 0) "hello"))"#;

#[test]
fn what_a_module_imports_and_exports() {
    let module = Module::new(&any_engine(), SAMPLE).unwrap();
    assert_eq!(module.name(), Some("sample"));
    let imports: Vec<_> = module
        .imports()
        .map(|import| format!("{} {}: {}", import.module(), import.name(), import.ty()))
        .collect();
    let expected =
        ["env log: func [i32 i64] -> [f32]", "env memory: memory 1 2", "env limit: global i32"];
    assert_eq!(imports, expected);
    let exports: Vec<_> =
        module.exports().map(|export| format!("{}: {}", export.name(), export.ty())).collect();
    assert_eq!(exports, ["table: table 3 funcref", "work: func [v128] -> []"]);
    assert!(matches!(module.get_export("work"), Some(ExternType::Func(_))));
    assert!(module.get_export("log").is_none());
}

#[test]
fn what_a_module_consists_of() {
    let binary = wat::parse_str(SAMPLE).unwrap();
    let module = Module::new(&any_engine(), &binary).unwrap();
    let info = module.info();
    assert_eq!(info.bytes_len(), binary.len());
    let names: Vec<_> = info.sections().into_iter().map(|section| section.name).collect();
    let expected =
        ["type", "import", "function", "table", "export", "start", "code", "data", "name"];
    assert_eq!(names, expected);
    let covered: usize = info.sections().iter().map(|section| section.range.len()).sum();
    assert!(covered < binary.len() && covered > binary.len() / 2);
    let functions = info.functions();
    assert_eq!(functions.len(), 2);
    assert_eq!((functions[0].index, functions[0].name.as_deref()), (1, Some("work")));
    assert_eq!((functions[1].index, functions[1].name.as_deref()), (2, None));
    // No locals, `nop`, `end`.
    assert_eq!(&binary[functions[0].offset..][..functions[0].bytes], [0, 0x01, 0x0b]);
    assert_eq!((info.memories().len(), info.tables().len(), info.globals()), (1, 1, 0));
    assert!(info.has_start());
    assert_eq!(info.features_used(), [Feature::Simd]);
}

#[test]
fn bytes_that_are_no_module() {
    let engine = any_engine();
    let component = b"\0asm\x0d\0\x01\0";
    for (bytes, offset, message) in [
        (&b""[..], Some(0), "unexpected end"),
        (b"\0as", Some(0), "unexpected end"),
        (b"\0asm", Some(4), "unexpected end"),
        (b"\0asm\x02\0\0\0", Some(4), "version"),
        (component, Some(6), "this is a component, not a core module"),
        (b"\x7fELF\xff", Some(0), "neither a binary module (no magic number) nor text"),
        (b"\0asm\x01\0\0\0\x0b\x01", Some(10), "unexpected end"),
        (b"(module (func)", None, "expected `)`"),
        (b"(component)", Some(6), "this is a component, not a core module"),
    ] {
        for result in [
            Module::new(&engine, bytes).map(drop),
            Module::from_vec(&engine, bytes.to_vec()).map(drop),
            Module::validate(&engine, bytes),
        ] {
            let error = result.expect_err("it is no module");
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert_eq!(error.offset(), offset, "{error}");
            assert!(error.to_string().contains(message), "`{error}` is not `{message}`");
        }
    }
}

#[test]
fn features_that_are_off_are_refused() {
    for (feature, text) in [
        (Feature::Simd, "(module (func (param v128)))"),
        (Feature::MultiMemory, "(module (memory 0) (memory 0))"),
        (Feature::Memory64, "(module (memory i64 0))"),
        (Feature::TailCall, "(module (func $f (return_call $f)))"),
        (Feature::MultiValue, "(module (func (result i32 i32) unreachable))"),
    ] {
        Module::new(&any_engine(), text).expect("it is on unless switched off");
        let engine = engine(|config| config.features(Features::default().with(feature, false)));
        let error = Module::new(&engine, text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{feature}: {error}");
        assert!(!engine.features().contains(feature));
    }
}

#[test]
fn modules_from_files() {
    let folder = std::env::temp_dir().join(format!("dunlin-modules-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Large enough to be mapped rather than read.
    let filler = "x".repeat(200_000);
    let large =
        format!(r#"(module (func (export "f")) (memory 4) (data (i32.const 0) "{filler}"))"#);
    let files: [(&str, Vec<u8>); 3] = [
        ("text.wat", SAMPLE.into()),
        ("small.wasm", wat::parse_str(SAMPLE).unwrap()),
        ("large.wasm", wat::parse_str(&large).unwrap()),
    ];
    for mode in [ValidateMode::Eager, ValidateMode::Lazy] {
        let engine = engine(|config| config.validate(mode));
        for (name, bytes) in &files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            let module = Module::from_file(&engine, &path).unwrap();
            assert_eq!(
                module.exports().len(),
                Module::new(&engine, bytes).unwrap().exports().len()
            );
        }
        let missing = Module::from_file(&engine, folder.join("missing.wasm")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Host);
        let error = missing.downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A module of many functions: eager validation, in whatever way it is divided, finds the first of
/// several invalid bodies.
#[test]
fn the_first_invalid_body_is_reported() {
    let body = "(i32.const 1) (i32.const 2) (i32.add) (drop) ".repeat(20);
    let text = format!("(module {})", format!("(func {body})").repeat(4000));
    let valid = wat::parse_str(&text).unwrap();
    assert!(valid.len() > 256 << 10);
    Module::new(&any_engine(), &valid).expect("it is valid");
    let info = Module::from_vec(&any_engine(), valid.clone()).unwrap();
    let functions = info.info().functions();
    for broken in [[3999, 3999], [2100, 3000], [1, 3999], [0, 1]] {
        let mut binary = valid.clone();
        for index in broken {
            // The last `drop` becomes `nop`, and a number stays on the stack.
            let function = &functions[index];
            binary[function.offset + function.bytes - 2] = 0x01;
        }
        let error = Module::new(&any_engine(), &binary).unwrap_err();
        let first = &functions[broken[0]];
        let end = (first.offset + first.bytes) as u64;
        assert_eq!(error.offset(), Some(end - 1), "{error}");
        refused(Module::validate(&any_engine(), &binary), ErrorKind::Invalid, "values remaining");
    }
}
