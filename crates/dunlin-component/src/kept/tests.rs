//! What is kept is what was decoded, and no entry, however damaged, does harm.

use super::{Facts, read, write};
use crate::decode::{Bodies, Decoded, decode};
use crate::{Component, Linker};
use dunlin::{Cache, Config, Engine, Parts, Store};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// Nested components, captures, resources, all kinds of types and definitions.
const MANY: &str = r#"(component $outer
    (core module $libc (memory (export "memory") 1) (table (export "table") 1 funcref)
        (global (export "global") i32 (i32.const 7)) (tag (export "tag"))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
    (import "host:a/b@0.2.0" (instance $host
        (export "r" (type $r (sub resource)))
        (export "take" (func (param "r" (own $r)) (param "s" string) (result u32)))))
    (component $inner
        (import "f" (func $f (param "x" u32) (result string)))
        (alias outer $outer $libc (core module $taken))
        (component $again (alias outer $outer $libc (core module $m)) (core instance (instantiate $m)))
        (instance (instantiate $again))
        (core instance $l (instantiate $taken))
        (core func $f' (canon lower (func $f)
            (memory (core memory $l "memory")) (realloc (core func $l "realloc")) string-encoding=utf16))
        (core module $m (import "" "f" (func (param i32 i32))) (func (export "one") (result i32) i32.const 1)
            (func (export "dtor") (param i32)) (func (export "post") (param i32)))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
        (type $own (resource (rep i32) (dtor (core func $i "dtor"))))
        (core func (canon resource.new $own)) (core func (canon resource.drop $own))
        (core func (canon resource.rep $own))
        (func $one (result u32) (canon lift (core func $i "one")))
        (export $exported "own" (type $own))
        (export "one" (func $one)))
    (core instance $l (instantiate $libc))
    (core func $take (canon lower (func $host "take") (memory (core memory $l "memory"))))
    (core module $m (import "a" "take" (func (param i32 i32 i32) (result i32)))
        (import "l" "table" (table 1 funcref)) (import "l" "global" (global i32)) (import "l" "tag" (tag))
        (func (export "f") (param i32) (result i32) i32.const 32)
        (func (export "g") (param i32 i32) (result i32) i32.const 32)
        (func (export "h") (param i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) i32.const 1)
        (func (export "post") (param i32)))
    (core instance $i (instantiate $m
        (with "a" (instance (export "take" (func $take)))) (with "l" (instance $l))))
    (func $f (param "x" u32) (result string) (canon lift (core func $i "f")
        (memory (core memory $l "memory")) (post-return (core func $i "post"))))
    (instance $in (instantiate $inner (with "f" (func $f))))
    (alias export $in "own" (type $own))
    (type $rec (record (field "a" u8) (field "b" (tuple s64 f32 f64 char))))
    (export $rec' "rec" (type $rec))
    (type $var (variant (case "x" bool) (case "y") (case "z" $rec')))
    (type $en (enum "p" "q"))
    (type $fl (flags "m" "n"))
    (export $var' "var" (type $var)) (export $en' "en" (type $en)) (export $fl' "fl" (type $fl))
    (type $all (tuple s8 s16 u16 s32 u64 (option $en') (result $fl' (error string)) (list $var') (result)))
    (func $g (param "all" (list (tuple u8 s8))) (result (tuple string (option s32) (result u8 (error u16))))
        (canon lift (core func $i "g") (memory (core memory $l "memory")) (realloc (core func $l "realloc"))))
    (func $h (param "all" $all) (result u32)
        (canon lift (core func $i "h") (memory (core memory $l "memory")) (realloc (core func $l "realloc"))))
    (instance $bundle (export "g" (func $g)) (export "h" (func $h)))
    (export "all" (instance $bundle))
    (export "in" (instance $in))
    (export "f" (func $f)))"#;

fn texts() -> Vec<Vec<u8>> {
    let small = r#"(component (core module $m (func (export "a") (result i32) i32.const 1))
        (core instance $i (instantiate $m)) (func (export "a") (result u32) (canon lift (core func $i "a"))))"#;
    [MANY, small].map(|text| wat::parse_str(text).expect("a text")).into()
}

/// All of what has been decoded but the core modules, as text.
fn shown(decoded: &Decoded) -> String {
    let Decoded { templates, types, imports, exports, .. } = decoded;
    format!("{templates:#?}{types:#?}{imports:#?}{exports:#?}")
}

#[test]
fn what_is_read_is_what_was_written() {
    let engine = Engine::default();
    for bytes in texts() {
        let parts = Parts::new(&engine, bytes.into());
        let bytes = parts.bytes();
        let decoded = decode(&parts, Bodies::AsConfigured).expect("a component");
        let entry = write::write(&decoded, bytes).expect("an entry");
        let Facts { decoded: read, modules } =
            read::read(&entry, bytes.len()).expect("it is whole");
        assert_eq!(shown(&decoded), shown(&read));
        assert_eq!(modules.len(), decoded.modules.len());
        for (range, module) in modules.into_iter().zip(&decoded.modules) {
            assert_eq!(&bytes[range], module.info().bytes());
        }
    }
}

/// Instantiates what an entry says; whatever comes of that, it ends.
fn instantiate(parts: &Parts, entry: &[u8]) {
    let (engine, bytes) = (parts.engine(), parts.bytes());
    let Some(Facts { mut decoded, modules }) = read::read(entry, bytes.len()) else { return };
    for range in modules {
        let Ok(module) = parts.module(range) else { return };
        decoded.modules.push(module);
    }
    let component = Component::from_decoded(Parts::new(engine, bytes.clone()), decoded, true);
    let mut linker = Linker::<()>::new(engine);
    linker.define_unknown_imports_as_traps(&component);
    let mut store = Store::new(engine, ());
    let Ok(instance) = linker.instantiate(&mut store, &component) else { return };
    for name in instance.exports(&mut store) {
        if let Some(func) = instance.get_func(&mut store, &name) {
            let _ = func.call(&mut store, &[], &mut []);
        }
    }
}

#[test]
fn damage_is_refused_or_does_no_harm() {
    let engine = Engine::default();
    for bytes in texts() {
        let parts = Parts::new(&engine, bytes.into());
        let bytes = parts.bytes();
        let decoded = decode(&parts, Bodies::AsConfigured).expect("a component");
        let entry = write::write(&decoded, bytes).expect("an entry");
        for at in 0..entry.len() {
            assert!(read::read(&entry[..at], bytes.len()).is_none(), "cut off at {at}");
            for change in [1, 2, 0x10, 0x80, 0xff] {
                let mut damaged = entry.clone();
                damaged[at] ^= change;
                instantiate(&parts, &damaged);
            }
        }
        let longer = [&entry[..], &[0]].concat();
        assert!(read::read(&longer, bytes.len()).is_none());
        assert!(read::read(&entry, 8).is_none(), "its modules are not within so few bytes");
    }
}

/// An engine with a cache in a folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("dunlin-component-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn engine(&self) -> Engine {
        let mut config = Config::new();
        config.cache(Cache::open(&self.0).expect("a cache"));
        Engine::new(&config).expect("an engine")
    }

    /// The entries of components.
    fn entries(&self) -> Vec<PathBuf> {
        let found = fs::read_dir(&self.0).expect("a folder").flatten().map(|entry| entry.path());
        let is_kept = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kept-"))
        };
        found.filter(is_kept).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_second_engine_finds_what_the_first_has_kept() {
    let scratch = Scratch::new("second");
    let bytes = wat::parse_str(MANY).expect("a text");
    for is_kept in [false, true, true] {
        let engine = scratch.engine();
        let component = Component::new(&engine, &bytes).expect("a component");
        assert_eq!(component.is_kept(), is_kept);
        assert_eq!(component.exports().len(), 7);
        let mut linker = Linker::<()>::new(&engine);
        linker.define_unknown_imports_as_traps(&component);
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).expect("an instance");
        let inner = instance.get_instance(&mut store, "in").expect("it is exported");
        let one = inner.get_typed_func::<(), u32>(&mut store, "one").expect("a function");
        assert_eq!(one.call(&mut store, ()).expect("a number"), 1);
    }
    assert_eq!(scratch.entries().len(), 1);
    assert!(!Component::new(&Engine::default(), &bytes).expect("a component").is_kept());
}

#[test]
fn what_is_not_known_is_not_looked_at_by_who_has_no_time() {
    let scratch = Scratch::new("find");
    let bytes: Arc<[u8]> = wat::parse_str(MANY).expect("a text").into();
    let find = || Component::find_kept(&scratch.engine(), &bytes);
    assert!(find().is_none() && scratch.entries().is_empty(), "nothing was validated or kept");
    drop(Component::from_shared(&scratch.engine(), bytes.clone()).expect("a component"));
    assert!(find().is_some_and(|component| component.is_kept() && component.exports().len() == 7));
    assert!(Component::find_kept(&Engine::default(), &bytes).is_none(), "there is no cache");
    assert!(Component::find_kept(&scratch.engine(), &b"\0asm\x01\0\0\0"[..].into()).is_none());
}

#[test]
fn a_damaged_entry_is_not_believed_and_takes_the_place_of_a_whole_one_for_no_longer_than_that() {
    let scratch = Scratch::new("damaged");
    let bytes = wat::parse_str(MANY).expect("a text");
    let kept = || Component::new(&scratch.engine(), &bytes).expect("a component").is_kept();
    assert!(!kept() && kept());
    let path = scratch.entries().pop().expect("an entry");
    let whole = fs::read(&path).expect("an entry");
    for at in (0..whole.len()).step_by(61) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        for entry in [&damaged[..], &whole[..at]] {
            fs::write(&path, entry).expect("a file");
            assert!(!kept(), "{at}");
            assert_eq!(fs::read(&path).expect("an entry"), whole, "it is kept again");
        }
    }
    assert!(kept());
}

#[test]
fn what_is_invalid_is_so_each_time() {
    let scratch = Scratch::new("invalid");
    let mut bytes = wat::parse_str(MANY).expect("a text");
    let len = bytes.len();
    bytes.truncate(len - 3);
    let errors = [0, 1]
        .map(|_| Component::new(&scratch.engine(), &bytes).expect_err("it is cut off").to_string());
    assert_eq!(errors[0], errors[1]);
    assert!(scratch.entries().is_empty());
}

#[test]
fn the_code_of_adapters_is_kept_as_other_code_is() {
    let scratch = Scratch::new("adapters");
    // Two components, of which one calls many functions of the other's: its own modules are too small for the cache, and
    // the module of adapters is not.
    const FUNCS: usize = 40;
    let each = |text: &dyn Fn(usize) -> String| (0..FUNCS).map(text).collect::<String>();
    let inner = each(&|at| {
        format!(
            r#"(func (export "f{at}") (param "s" (list string)) (result u32) (canon lift (core func $m "f")
                (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))"#
        )
    });
    let lowered = each(&|at| {
        format!(
            r#"(core func $f{at} (canon lower (func $i "f{at}") (memory (core memory $l "memory"))))"#
        )
    });
    let imports = each(&|at| format!(r#"(import "" "f{at}" (func (param i32 i32) (result i32)))"#));
    let exports = each(&|at| format!(r#"(export "f{at}" (func $f{at}))"#));
    let text = format!(
        r#"(component
            (component $Inner
                (core module $M (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
                    (func (export "f") (param i32 i32) (result i32) (local.get 1)))
                (core instance $m (instantiate $M)) {inner})
            (instance $i (instantiate $Inner))
            (core module $L (memory (export "memory") 1)) (core instance $l (instantiate $L))
            {lowered}
            (core module $M {imports} (func (export "run") (param i32 i32) (result i32)
                (call 0 (local.get 0) (local.get 1))))
            (core instance $o (instantiate $M (with "" (instance {exports}))))
            (func (export "run") (param "a" u32) (param "b" u32) (result u32)
                (canon lift (core func $o "run"))))"#
    );
    let mut entries = Vec::new();
    for _ in 0..2 {
        let mut config = Config::new();
        config.tier(dunlin::Tier::Optimize).cache(Cache::open(&scratch.0).expect("a cache"));
        // Machines for which there is no compiler keep no code.
        let Ok(engine) = Engine::new(&config) else { return };
        let component = Component::new(&engine, &text).expect("a component");
        let mut store = Store::new(&engine, ());
        let instance =
            Linker::new(&engine).instantiate(&mut store, &component).expect("an instance");
        assert_eq!(component.adapter_modules(), 1);
        let run =
            instance.get_typed_func::<(u32, u32), u32>(&mut store, "run").expect("it is there");
        assert_eq!(run.call(&mut store, (0, 3)).expect("three empty strings"), 3);
        let cache = Cache::open(&scratch.0).expect("a cache");
        let code = cache.entries().expect("a folder");
        let code = code.into_iter().filter(|entry| !entry.name.starts_with("kept-"));
        entries.push(code.map(|entry| entry.name).collect::<Vec<_>>());
    }
    assert_eq!(entries[0].len(), 1, "{entries:?}");
    assert_eq!(entries[0], entries[1]);
}
