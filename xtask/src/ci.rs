//! `cargo xtask ci`: what a change must pass before it lands, as one list of steps.
//!
//! Every step runs, whatever failed before it, so that one run tells everything; the last lines name
//! the failed steps again with the command that repeats each.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::steps::seconds;
use crate::{check, fuzz, machine_code, miri, real, redis, spec, test};

/// One step: its name, the command that repeats it, and what it does.
struct Step {
    name: &'static str,
    repeat: &'static str,
    run: fn() -> Result<(), Error>,
}

/// Every step: what a newcomer runs first comes first.
const STEPS: &[Step] = &[
    Step { name: "test", repeat: "cargo test --workspace", run: || test::debug(&[]) },
    Step { name: "check", repeat: "cargo xtask check", run: || check::run(&[]) },
    Step { name: "test (release)", repeat: "cargo xtask test", run: || test::release(&[]) },
    Step { name: "spec", repeat: "cargo xtask spec", run: || spec::run(&[]) },
    Step {
        name: "machine-code",
        repeat: "cargo xtask machine-code",
        run: || machine_code::run(&[]),
    },
    Step { name: "real", repeat: "cargo xtask real", run: || real::run(&[]) },
    Step { name: "redis", repeat: "cargo xtask redis", run: || redis::run(&[]) },
    Step { name: "miri", repeat: "cargo xtask miri", run: miri::bounded },
    Step { name: "fuzz", repeat: "cargo xtask fuzz", run: || fuzz::run(&[]) },
];

/// What became of a step.
struct Outcome {
    step: &'static Step,
    took: Duration,
    error: Option<Error>,
}

/// Runs `cargo xtask ci`.
///
/// # Errors
///
/// When a step failed.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    if !arguments.is_empty() {
        return Err(Error::new(format!("unknown arguments `{}`", arguments.join(" ")))
            .hint("cargo xtask ci"));
    }
    let mut outcomes = Vec::new();
    for step in STEPS {
        eprintln!("\n######## {}", step.name);
        let start = Instant::now();
        let error = (step.run)().err();
        if let Some(error) = &error {
            eprintln!("{error}");
        }
        outcomes.push(Outcome { step, took: start.elapsed(), error });
    }
    println!("{}", summary(&outcomes));
    if outcomes.iter().all(|outcome| outcome.error.is_none()) {
        return Ok(());
    }
    Err(Error::told())
}

/// The last lines of a run: times, failures, counts.
fn summary(outcomes: &[Outcome]) -> String {
    let mut text = String::from("\n######## summary\n");
    for outcome in outcomes {
        let word = if outcome.error.is_none() { "ok" } else { "FAILED" };
        let _ = writeln!(text, "{:<16} {:>9}  {word}", outcome.step.name, seconds(outcome.took));
    }
    for outcome in outcomes {
        if let Some(error) = &outcome.error {
            let _ =
                writeln!(text, "\n{} failed; repeat: {}", outcome.step.name, outcome.step.repeat);
            let _ = writeln!(text, "{error}");
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    let _ = write!(text, "\n{} passed, {failed} failed", outcomes.len() - failed);
    text
}

#[cfg(test)]
mod tests {
    use super::{Duration, Error, Outcome, STEPS, summary};

    #[test]
    fn the_summary_ends_with_counts_and_names_what_failed() {
        let outcome = |index: usize, error| Outcome {
            step: &STEPS[index],
            took: Duration::from_millis(1_500),
            error,
        };
        let text = summary(&[outcome(0, None), outcome(1, Some(Error::new("clippy objects")))]);
        assert!(text.ends_with("\n1 passed, 1 failed"), "{text}");
        assert!(text.contains("check failed; repeat: cargo xtask check"), "{text}");
        assert!(text.contains("clippy objects"), "{text}");
        assert!(text.contains("1.5 s"), "{text}");
    }
}
