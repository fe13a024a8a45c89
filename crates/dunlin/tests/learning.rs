//! What a run learns is kept in the cache, and the next one begins with it; profiles, and artifacts made of them.
#![cfg(all(feature = "optimize", target_os = "linux", target_arch = "x86_64"))]

use dunlin::{
    ArtifactKey, Cache, CacheUse, Config, Engine, ErrorKind, FunctionStats, HotFunctions, Instance,
    Interruption, Module, Occasion, Store, Tier, TierUp, TrapCode,
};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Functions that call each other directly, by a table and an import-less way out; one traps, two are never called.
/// Large enough for a cache.
fn text() -> String {
    format!(
        r#"(module
            (type $t (func (param i32) (result i32)))
            (table 2 funcref) (elem (i32.const 0) $twice $trap)
            (memory 1) (data (i32.const 0) "{}")
            (func $small (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func $twice (type $t) (call $small (call $small (local.get 0))))
            (func $trap (type $t) (i32.div_u (i32.const 1) (i32.const 0)))
            (func $never (export "never") (param i64 f32) (result i64) (local.get 0))
            (func (export "first") (param $n i32) (result i32)
                (loop $next (result i32)
                    (drop (call_indirect (type $t) (local.get $n) (i32.const 0)))
                    (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
                    (call $twice (local.get $n))))
            (func (export "second") (param i32) (result i32)
                (call_indirect (type $t) (local.get 0) (local.get 0))))"#,
        "x".repeat(10_000)
    )
}

const SMALL: u32 = 0;
const TWICE: u32 = 1;
const TRAP: u32 = 2;
const NEVER: u32 = 3;
const FIRST: u32 = 4;
const SECOND: u32 = 5;

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("dunlin-learning-{}-{name}", std::process::id())))
    }

    fn cache(&self) -> Cache {
        Cache::open(&self.0).expect("a folder")
    }

    /// An engine with the cache, which compiles what has been executed so often.
    fn engine(&self, when: TierUp) -> Engine {
        let mut config = Config::new();
        Engine::new(config.tier_up(when).cache(self.cache())).expect("a machine that is supported")
    }

    fn entry(&self) -> PathBuf {
        let entries = self.cache().entries().expect("a folder");
        assert_eq!(entries.len(), 1);
        self.0.join(&entries[0].name).with_extension("code")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const AT_ONCE: TierUp = TierUp::AtOnce { within: 0 };

fn load(engine: &Engine) -> Module {
    Module::new(engine, text()).expect("a valid module")
}

fn call(module: &Module, name: &str, argument: i32) -> dunlin::Result<i32> {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    instance
        .get_typed_func::<i32, i32>(&mut store, name)
        .expect("an export")
        .call(&mut store, argument)
}

fn sorted(hot: &HotFunctions) -> Vec<u32> {
    let mut functions = hot.functions().to_vec();
    functions.sort_unstable();
    functions
}

fn found(module: &Module) -> u64 {
    match module.compile_stats().cache {
        CacheUse::Part(hit) => hit.functions,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_begins_with_what_earlier_ones_have_learned() {
    let scratch = Scratch::new("begins");
    let first = load(&scratch.engine(AT_ONCE));
    assert_eq!(call(&first, "first", 5).expect("a sum"), 2);
    let hot = sorted(&first.hot_functions());
    assert!(hot.contains(&TWICE) && hot.contains(&FIRST), "{hot:?}");
    assert!(!hot.contains(&NEVER) && !hot.contains(&SECOND), "{hot:?}");
    assert_eq!(first.keep_learned(), hot.len() as u64);
    assert_eq!(first.keep_learned(), 0, "it is kept");
    assert_eq!(first.compile_stats().kept, hot.len() as u64);
    // Nothing is compiled in the second, because nothing is executed so often.
    let second = load(&scratch.engine(TierUp::Background));
    assert_eq!(second.compiled_functions(), hot.len());
    assert_eq!((found(&second), sorted(&second.hot_functions())), (hot.len() as u64, hot.clone()));
    assert_eq!(call(&second, "first", 5).expect("a sum"), 2);
    let stats = second.compile_stats();
    assert_eq!((stats.optimize.functions, stats.functions.len()), (0, 0));
    assert!(stats.code_memory > 0);
    assert_eq!(
        call(&second, "second", 1).expect_err("a trap").trap_code(),
        Some(TrapCode::IntegerDivisionByZero)
    );
    assert_eq!(second.keep_learned(), 0);
    // Another one learns more, and the entry has all of it.
    let third = load(&scratch.engine(AT_ONCE));
    for _ in 0..3 {
        let error = call(&third, "second", 1).expect_err("a trap");
        assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
        let frames = error.backtrace().expect("frames").frames().iter();
        assert_eq!(
            frames.map(dunlin::BacktraceFrame::func_index).collect::<Vec<_>>(),
            [TRAP, SECOND]
        );
    }
    assert_eq!(third.keep_learned(), 2);
    let fourth = load(&scratch.engine(TierUp::Background));
    assert_eq!(found(&fourth), hot.len() as u64 + 2);
    assert_eq!(call(&fourth, "second", 0).expect("a sum"), 2);
    assert_eq!(call(&fourth, "first", 3).expect("a sum"), 2);
    let frames = call(&fourth, "second", 1).expect_err("a trap");
    let frames = frames.backtrace().expect("frames").frames().iter();
    assert_eq!(frames.map(dunlin::BacktraceFrame::func_index).collect::<Vec<_>>(), [TRAP, SECOND]);
    assert!(fourth.optimize().expect("code"), "all of it, beside the part");
    assert_eq!(call(&fourth, "first", 3).expect("a sum"), 2);
}

#[test]
fn a_damaged_or_foreign_entry_is_removed_and_learned_again() {
    let scratch = Scratch::new("damaged");
    let first = load(&scratch.engine(AT_ONCE));
    call(&first, "first", 5).expect("a sum");
    let functions = first.keep_learned();
    let path = scratch.entry();
    let whole = fs::read(&path).expect("an entry");
    for at in (0..whole.len()).step_by(whole.len() / 50) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).expect("a file");
        let module = load(&scratch.engine(TierUp::Background));
        // The seal of entries is a second checksum.
        assert_eq!(module.compile_stats().cache, CacheUse::Miss, "at {at}");
        assert!(!path.exists());
        assert_eq!(call(&module, "first", 5).expect("a sum"), 2);
    }
    let again = load(&scratch.engine(AT_ONCE));
    call(&again, "first", 5).expect("a sum");
    assert_eq!(again.keep_learned(), functions);
    assert_eq!(fs::read(path).expect("an entry").len(), whole.len());
}

#[test]
fn nothing_is_kept_or_used_unless_functions_are_compiled_late_with_a_cache() {
    let scratch = Scratch::new("off");
    let without = Engine::new(Config::new().tier_up(AT_ONCE)).expect("an engine");
    let module = load(&without);
    call(&module, "first", 5).expect("a sum");
    assert_eq!((module.keep_learned(), module.compile_stats().cache), (0, CacheUse::Unused));
    let module = load(&scratch.engine(AT_ONCE));
    call(&module, "first", 5).expect("a sum");
    assert!(module.keep_learned() > 0);
    let never = load(&scratch.engine(TierUp::Never));
    assert_eq!((never.compiled_functions(), never.keep_learned()), (0, 0));
    let all =
        Engine::new(Config::new().tier(Tier::Optimize).cache(scratch.cache())).expect("an engine");
    let all = load(&all);
    assert_eq!((all.compile_stats().cache, all.keep_learned()), (CacheUse::Miss, 0));
    assert!(all.hot_functions().functions().is_empty());
}

#[test]
fn an_engine_keeps_what_it_learns_once_there_is_nothing_more_to_compile() {
    let scratch = Scratch::new("itself");
    let module = load(&scratch.engine(TierUp::Background));
    call(&module, "first", 200_000).expect("a sum");
    let until = Instant::now() + Duration::from_secs(60);
    while module.compile_stats().kept == 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(module.compile_stats().kept > 0);
    assert!(found(&load(&scratch.engine(TierUp::Background))) > 0);
}

#[test]
fn many_engines_learn_at_the_same_time() {
    let scratch = Scratch::new("many");
    thread::scope(|scope| {
        for thread in 0..6 {
            let scratch = &scratch;
            scope.spawn(move || {
                for round in 0..5 {
                    let module = load(&scratch.engine(AT_ONCE));
                    if (thread + round) % 2 == 0 {
                        assert_eq!(call(&module, "first", 5).expect("a sum"), 2);
                    } else {
                        call(&module, "second", 1).expect_err("a trap");
                    }
                    module.keep_learned();
                }
            });
        }
    });
    let module = load(&scratch.engine(TierUp::Background));
    assert!(found(&module) >= 2);
    assert_eq!(call(&module, "first", 5).expect("a sum"), 2);
    call(&module, "second", 1).expect_err("a trap");
}

#[test]
fn what_is_compiled_is_noted() {
    let engine = Engine::new(Config::new().tier_up(AT_ONCE)).expect("an engine");
    let module = load(&engine);
    call(&module, "first", 5).expect("a sum");
    let stats = module.compile_stats();
    let hot = |index| {
        let is_it = |of: &&FunctionStats| of.index == index && of.tier == Tier::Optimize;
        stats.functions.iter().find(is_it).expect("it is executed")
    };
    let first = hot(FIRST);
    assert_eq!(
        (first.tier, first.occasion, &first.refused),
        (Tier::Optimize, Occasion::Waited, &None)
    );
    assert!(first.code_bytes > 0 && first.wasm_bytes > 10 && first.begun > Duration::ZERO);
    assert_eq!(hot(TWICE).inlined, [SMALL]);
    let warm = stats.functions.iter().filter(|of| of.tier == Tier::Baseline).count() as u64;
    assert!(warm > 0, "every function begins there");
    let sums = stats.functions.iter().map(|of| of.code_bytes).sum::<u64>();
    let of_both = stats.optimize.code_bytes + stats.baseline.code_bytes;
    assert_eq!((of_both, stats.baseline.functions), (sums, warm));
    for (tier, occasion) in [(Tier::Optimize, Occasion::AtOnce), (Tier::Baseline, Occasion::AtOnce)]
    {
        let engine = Engine::new(Config::new().tier(tier)).expect("an engine");
        let stats = load(&engine).compile_stats();
        assert_eq!(stats.functions.len(), 6);
        assert!(stats.functions.iter().all(|of| (of.tier, of.occasion) == (tier, occasion)));
    }
    let engine =
        Engine::new(Config::new().max_compile_work(0).tier_up(AT_ONCE)).expect("an engine");
    let module = load(&engine);
    call(&module, "first", 5).expect("a sum");
    let stats = module.compile_stats();
    let refused = stats.optimize.refused + stats.baseline.refused;
    assert_eq!((stats.optimize.functions, stats.baseline.functions), (0, 0));
    assert_eq!(refused, stats.functions.len() as u64);
    let why = stats.functions[0].refused.as_deref();
    assert_eq!(why, Some("compiling the module has taken all that it may"));
}

#[test]
fn an_artifact_of_a_profile_has_the_code_of_what_is_hot() {
    let mut config = Config::new();
    config.artifact_key(ArtifactKey::from_secret(b"of a test"));
    // The same settings for all tiers.
    config.interruption(Interruption::Page);
    let engine = Engine::new(config.tier_up(AT_ONCE)).expect("an engine");
    let module = load(&engine);
    call(&module, "first", 5).expect("a sum");
    let hot = HotFunctions::from_text(&module.hot_functions().to_text()).expect("a profile");
    let artifact = load(&engine).serialize_hot(&hot).expect("an artifact");
    let engine = Engine::new(config.tier_up(TierUp::Background)).expect("an engine");
    let module = Module::deserialize(&engine, &artifact).expect("ours");
    assert_eq!(module.compiled_functions(), hot.functions().len());
    assert_eq!(call(&module, "first", 5).expect("a sum"), 2);
    assert_eq!(call(&module, "second", 0).expect("a sum"), 2, "interpreted");
    // Where nothing is compiled late, it would be interpreted for ever.
    let engine = Engine::new(config.tier(Tier::Optimize)).expect("an engine");
    let error = Module::deserialize(&engine, &artifact).expect_err("a part");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let whole = load(&engine).serialize().expect("an artifact");
    let engine = Engine::new(config.tier(Tier::Auto)).expect("an engine");
    let module = Module::deserialize(&engine, &whole).expect("ours");
    assert!(module.is_optimized());
    assert_eq!(call(&module, "first", 5).expect("a sum"), 2);
}

#[test]
fn profiles_are_read_with_care() {
    let engine = Engine::new(Config::new().artifact_key(ArtifactKey::from_secret(b"of a test")));
    let engine = engine.expect("an engine");
    let module = load(&engine);
    let good = module.hot_functions().to_text();
    let read = |text: &str| HotFunctions::from_text(text).map_err(|error| error.to_string());
    assert_eq!(
        read(&format!("{good}func 4 1\nwarm 3 0\nfunc 0 0\n")).expect("a profile").functions(),
        [FIRST, SMALL]
    );
    for (text, why) in [
        (String::new(), "it does not begin with `dunlin profile 2`"),
        (good.replace("profile 2", "profile 1"), "it does not begin with `dunlin profile 2`"),
        ("dunlin profile 2\n".into(), "its second line does not name a module"),
        (good.replace("module ", "module -"), "its second line does not name a module"),
    ] {
        assert_eq!(read(&text).expect_err("nonsense"), why);
    }
    for lines in [
        "func -1 0",
        "func 4294967296 0",
        "func 1",
        "func 1 x",
        "call 1 2 3",
        "func 1 0\nwarm 1 0",
        "func 1 0\ncall 1 2",
        "func 1 0\ncall 1 2 3\ncall 1 2 3",
        "func 1 0\ncast 1 2 3 4",
        "func 1 0\nreached 1 -2",
        "func 1 0\nother 1 2 3",
        "other",
    ] {
        let line = 2 + lines.lines().count();
        assert_eq!(
            read(&format!("{good}{lines}\n")).expect_err("nonsense"),
            format!("its line {line} is none of a profile, or names a function a second time"),
            "{lines}"
        );
    }
    let many: String = (0..1_000_001).map(|func| format!("func {func} 0\n")).collect();
    let error = read(&format!("{good}{many}")).expect_err("no module has so many");
    assert_eq!(error, "it names more than 1000000 functions");
    let serialize = |text: &str| module.serialize_hot(&read(text).expect("a profile"));
    let error = serialize(&format!("{good}func 6 0\n")).expect_err("there are six");
    assert_eq!(
        error.to_string(),
        "the profile names function 6, and the module has no body for it"
    );
    let other = Module::new(&engine, "(module (func))").expect("a valid module");
    let error = other.serialize_hot(&module.hot_functions()).expect_err("another");
    assert_eq!(error.to_string(), "the profile is of another module");
}
