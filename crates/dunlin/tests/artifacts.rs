//! Artifacts and the code cache: what comes back is the module that went in, and what is damaged or was
//! made for another engine never runs.
#![cfg(feature = "optimize")]

use dunlin::{
    ArtifactKey, Cache, Config, Engine, Error, ErrorKind, Feature, Features, Instance,
    Interruption, Linker, Module, Store, Tier, ValidateMode,
};
use std::fs;
use std::path::PathBuf;

/// A configuration with a key of this test.
fn config() -> Config {
    let mut config = Config::new();
    config.tier(Tier::Optimize).artifact_key(ArtifactKey::from_secret(b"artifacts.rs"));
    config
}

fn engine(change: impl Fn(&mut Config)) -> Engine {
    let mut config = config();
    change(&mut config);
    Engine::new(&config).expect("a tier of this machine")
}

/// Imports, segments, names, indirect calls, builtins, traps, a start function.
const GUEST: &str = r#"(module $guest
    (import "host" "double" (func $double (param i32) (result i32)))
    (memory (export "memory") 1)
    (table 4 funcref)
    (elem (i32.const 1) $seven $double)
    (data (i32.const 16) "ab")
    (global $started (mut i32) (i32.const 0))
    (type $to_i32 (func (result i32)))
    (start $start)
    (func $start (global.set $started (i32.const 1)))
    (func $seven (result i32) (i32.const 7))
    (func $half (export "half") (param i32 i32) (result i32)
        (i32.div_u (local.get 0) (local.get 1)))
    (func (export "sum") (result i32)
        (memory.fill (i32.const 0) (i32.const 3) (i32.const 2))
        (drop (memory.grow (i32.const 1)))
        (i32.add (i32.add (i32.load8_u (i32.const 1)) (i32.load8_u (i32.const 16)))
            (i32.add (call $double (memory.size))
                (i32.add (global.get $started)
                    (call_indirect (type $to_i32) (i32.const 1)))))))"#;

/// 3 + 97 + 2 * 2 + 1 + 7.
const SUM: i32 = 112;

fn instantiate(engine: &Engine, module: &Module) -> (Store<()>, Instance) {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "double", |x: i32| x * 2).expect("a definition");
    let mut store = Store::new(engine, ());
    // Engines without fuel refuse it, which is as well.
    let _ = store.set_fuel(1_000_000);
    let instance = linker.instantiate(&mut store, module).expect("an instance");
    (store, instance)
}

fn check_guest(engine: &Engine, module: &Module) {
    let (mut store, instance) = instantiate(engine, module);
    let sum = instance.get_typed_func::<(), i32>(&mut store, "sum").expect("an export");
    assert_eq!(sum.call(&mut store, ()).expect("a result"), SUM);
    let half = instance.get_typed_func::<(i32, i32), i32>(&mut store, "half").expect("an export");
    let error = half.call(&mut store, (1, 0)).expect_err("a division by zero");
    let trace = error.backtrace().expect("a guest ran").to_string();
    assert!(trace.contains("half"), "{trace}");
}

fn artifact(engine: &Engine) -> Vec<u8> {
    Module::new(engine, GUEST).and_then(|module| module.serialize()).expect("an artifact")
}

fn refusal(engine: &Engine, artifact: &[u8]) -> Error {
    Module::deserialize(engine, artifact).expect_err("it is refused")
}

/// Refused, and for this reason.
#[track_caller]
fn check_refusal(engine: &Engine, artifact: &[u8], why: &str) {
    let error = refusal(engine, artifact);
    assert_eq!(error.kind(), ErrorKind::Artifact, "{error}");
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn what_comes_back_is_what_went_in() {
    for fuel in [false, true] {
        let engine = engine(|config| _ = config.consume_fuel(fuel));
        let artifact = artifact(&engine);
        assert!(Module::is_artifact(&artifact));
        let module = Module::deserialize(&engine, &artifact).expect("a module");
        assert_eq!(module.name(), Some("guest"));
        check_guest(&engine, &module);
        assert_eq!(module.serialize().expect("an artifact"), artifact, "and goes in again");
    }
}

#[test]
fn files_are_read() {
    let path = std::env::temp_dir().join(format!("dunlin-artifact-{}.cwasm", std::process::id()));
    let engine = engine(|_| ());
    fs::write(&path, artifact(&engine)).expect("a file");
    check_guest(&engine, &Module::deserialize_file(&engine, &path).expect("a module"));
    fs::remove_file(&path).expect("a file");
    let error = Module::deserialize_file(&engine, &path).expect_err("no file");
    assert_eq!(error.kind(), ErrorKind::Host);
}

#[test]
fn every_truncation_and_every_flipped_bit_is_noticed() {
    let engine = engine(|_| ());
    let artifact = artifact(&engine);
    // All of the head and the end, and a sample of what lies between.
    let sampled = |at: &usize| *at < 300 || at.is_multiple_of(61) || *at + 70 > artifact.len();
    for at in (0..artifact.len()).filter(sampled) {
        let error = refusal(&engine, &artifact[..at]);
        assert_eq!(error.kind(), ErrorKind::Artifact, "{at}: {error}");
        let mut damaged = artifact.clone();
        damaged[at] ^= 1 << (at % 8);
        let error = refusal(&engine, &damaged);
        assert_eq!(error.kind(), ErrorKind::Artifact, "{at}: {error}");
    }
    let longer = [&artifact[..], b"x"].concat();
    check_refusal(&engine, &longer, "bytes, and says");
}

#[test]
fn refusals_say_why() {
    let ours = engine(|_| ());
    let artifact = artifact(&ours);
    check_refusal(&ours, b"", "does not begin as one");
    check_refusal(&ours, b"\0asm\x01\0\0\0", "does not begin as one");
    let mut damaged = artifact.clone();
    damaged[200] ^= 1;
    check_refusal(&ours, &damaged, "it is damaged");
    let mut newer = artifact.clone();
    newer[8] += 1;
    check_refusal(&ours, &newer, "it is of format");
    let other = engine(|config| _ = config.artifact_key(ArtifactKey::new([1; 32])));
    check_refusal(&other, &artifact, "sealed with another key");
    let other = engine(|config| _ = config.consume_fuel(true));
    check_refusal(&other, &artifact, "it was made with the settings");
    let other = engine(|config| _ = config.interruption(Interruption::Off));
    check_refusal(&other, &artifact, "it was made with the settings");
    let features = Features::default().with(Feature::Simd, false);
    let other = engine(|config| _ = config.features(features));
    check_refusal(&other, &artifact, "the feature `simd`, which is off");
}

#[test]
fn an_engine_without_a_key_or_a_compiler_has_no_artifacts() {
    let ours = engine(|_| ());
    let artifact = artifact(&ours);
    let keyless = Engine::new(Config::new().tier(Tier::Optimize)).expect("a tier");
    assert_eq!(refusal(&keyless, &artifact).kind(), ErrorKind::Usage);
    let module = Module::new(&keyless, GUEST).expect("a module");
    assert_eq!(module.serialize().expect_err("no key").kind(), ErrorKind::Usage);
    let interpreter = engine(|config| _ = config.tier(Tier::Interp));
    assert_eq!(refusal(&interpreter, &artifact).kind(), ErrorKind::Usage);
}

/// `bad` leaves an i64 where an i32 is due.
fn half_valid() -> Vec<u8> {
    let mut module = wat::parse_str(
        r#"(module (func (export "good") (result i32) i32.const 5)
            (func (export "bad") (result i32) i32.const 6))"#,
    )
    .expect("a valid text");
    let at = module.len() - 3;
    assert_eq!(module[at..], [0x41, 6, 0x0b]);
    module[at] = 0x42;
    module
}

#[test]
fn functions_without_code_are_validated_as_the_engine_does() {
    let lazy = engine(|config| _ = config.validate(ValidateMode::Lazy));
    let artifact = Module::new(&lazy, half_valid()).and_then(|m| m.serialize()).expect("lazy");
    let module = Module::deserialize(&lazy, &artifact).expect("a module");
    let (mut store, instance) = instantiate(&lazy, &module);
    let good = instance.get_typed_func::<(), i32>(&mut store, "good").expect("an export");
    assert_eq!(good.call(&mut store, ()).expect("a result"), 5);
    let bad = instance.get_typed_func::<(), i32>(&mut store, "bad").expect("an export");
    assert_eq!(bad.call(&mut store, ()).expect_err("a trap").kind(), ErrorKind::Trap);
    let eager = engine(|_| ());
    assert_eq!(refusal(&eager, &artifact).kind(), ErrorKind::Invalid);
}

#[test]
fn compilations_say_how_far_they_are() {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(Vec::new()));
    let teller = seen.clone();
    let engine = engine(|config| {
        let teller = teller.clone();
        config.compile_progress(move |at| teller.lock().expect("no panic").push(at));
    });
    let functions = "(func (param i32) (result i32) (local.get 0))".repeat(100);
    let module = Module::new(&engine, format!("(module {functions})")).expect("a module");
    let bodies: usize = module.info().functions().iter().map(|function| function.bytes).sum();
    let mut told = seen.lock().expect("no panic").clone();
    told.sort_by_key(|at| at.done);
    assert!(told.len() > 10 && told.iter().all(|at| at.total == bodies as u64), "{told:?}");
    assert_eq!(told.last().map(|at| at.done), Some(bodies as u64));
    let artifact = module.serialize().expect("an artifact");
    Module::deserialize(&engine, artifact).expect("a module");
    assert_eq!(seen.lock().expect("no panic").len(), told.len(), "nothing is compiled");
}

/// A cache in a folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("dunlin-artifacts-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn engine(&self, change: impl Fn(&mut Config)) -> Engine {
        engine(|config| {
            config.cache(Cache::open(&self.0).expect("a cache"));
            change(config);
        })
    }

    /// The only entry.
    fn entry(&self) -> PathBuf {
        let files: Vec<_> = fs::read_dir(&self.0).expect("a folder").flatten().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The guest, large enough to be kept: a custom section makes it so.
fn large() -> Vec<u8> {
    let mut module = wat::parse_str(GUEST).expect("a valid text");
    let contents = [&b"\x04fill"[..], &[7; 60_000]].concat();
    module.push(0);
    let len = contents.len();
    module.extend([len as u8 | 0x80, (len >> 7) as u8 | 0x80, (len >> 14) as u8]);
    module.extend(contents);
    module
}

#[test]
fn a_module_is_compiled_once() {
    let scratch = Scratch::new("once");
    let number = |path: &PathBuf| {
        let data = fs::metadata(path).expect("a file");
        std::os::unix::fs::MetadataExt::ino(&data)
    };
    let run = |engine: &Engine| {
        check_guest(engine, &Module::new(engine, large()).expect("a module"));
    };
    let first = scratch.engine(|_| ());
    run(&first);
    let entry = scratch.entry();
    let written = number(&entry);
    run(&first);
    run(&scratch.engine(|_| ()));
    assert_eq!(number(&scratch.entry()), written, "found, and not written again");
    // Other settings are other code.
    run(&scratch.engine(|config| _ = config.consume_fuel(true)));
    assert_eq!(fs::read_dir(&scratch.0).expect("a folder").count(), 2);
    // What was compiled comes from the cache with its key too.
    let module = Module::new(&first, large()).expect("a module");
    let artifact = module.serialize().expect("an artifact");
    check_guest(&first, &Module::deserialize(&first, artifact).expect("a module"));
}

#[test]
fn damaged_entries_are_rebuilt() {
    let scratch = Scratch::new("damaged");
    let engine = scratch.engine(|_| ());
    Module::new(&engine, large()).expect("a module");
    let whole = fs::read(scratch.entry()).expect("an entry");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let artifact = artifact(&engine);
    for bad in [&b""[..], b"x", &whole[..whole.len() - 1], &flipped, &artifact] {
        fs::write(scratch.entry(), bad).expect("a write");
        check_guest(&engine, &Module::new(&engine, large()).expect("a module"));
        assert_eq!(fs::read(scratch.entry()).expect("an entry"), whole, "built again");
    }
}

#[test]
fn small_modules_and_other_tiers_leave_the_cache_alone() {
    let scratch = Scratch::new("small");
    let engine = scratch.engine(|_| ());
    check_guest(&engine, &Module::new(&engine, GUEST).expect("a module"));
    let interpreter = scratch.engine(|config| _ = config.tier(Tier::Interp));
    check_guest(&interpreter, &Module::new(&interpreter, large()).expect("a module"));
    assert_eq!(fs::read_dir(&scratch.0).expect("a folder").count(), 0);
}

#[test]
fn an_entry_of_lazy_validation_is_validated_where_validation_is_eager() {
    let scratch = Scratch::new("eager");
    let mut module = half_valid();
    module.extend(&large()[wat::parse_str(GUEST).expect("a valid text").len()..]);
    let lazy = scratch.engine(|config| _ = config.validate(ValidateMode::Lazy));
    Module::new(&lazy, &module).expect("lazy");
    scratch.entry();
    let eager = scratch.engine(|_| ());
    let error = Module::new(&eager, &module).expect_err("a body is not valid");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
