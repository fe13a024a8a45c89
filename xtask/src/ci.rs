//! `cargo xtask ci`: what a change must pass before it lands, as one list of steps.
//!
//! Every step runs, whatever failed before it, so that one run tells everything; the last lines name
//! the failed steps again with the command that repeats each.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::steps::seconds;
use crate::{check, fuzz, machine_code, miri, real, redis, spec, test, workspace};

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

/// What the steps after the first write at most, in MiB, and half as much again.
const ROOM_MEBIBYTES: u64 = 15 * 1024;

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
        make_room();
    }
    println!("{}", summary(&outcomes));
    if outcomes.iter().all(|outcome| outcome.error.is_none()) {
        return Ok(());
    }
    Err(Error::told())
}

/// Removes the test programs of the development build where the disk has little room left: no later step
/// runs them, and they are most of what a run leaves.
fn make_room() {
    let target = workspace::target();
    let Some(free) = free_mebibytes(&target) else { return };
    if free >= ROOM_MEBIBYTES {
        return;
    }
    eprintln!("    {free} MiB of disk are free: the test programs in {} go", target.display());
    let Ok(entries) = std::fs::read_dir(target.join("debug/deps")) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        // Programs have no extension here; libraries and what describes them do.
        if path.extension().is_none() && std::fs::remove_file(&path).is_err() {
            eprintln!("    {} stays", path.display());
        }
    }
}

/// Free space of the disk a directory is on, by what `df` prints.
fn free_mebibytes(directory: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pm").arg(directory).output().ok()?;
    available(&String::from_utf8_lossy(&output.stdout))
}

/// The fourth column of the second line.
fn available(printed: &str) -> Option<u64> {
    printed.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
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
    use super::{Duration, Error, Outcome, STEPS, available, summary};

    #[test]
    fn free_space_is_read_from_what_df_prints() {
        let printed = "Filesystem 1048576-blocks Used Available Capacity Mounted on\n\
                       /dev/vda 257000 32000 61440 35% /\n";
        assert_eq!(available(printed), Some(61_440));
        assert_eq!(available("Filesystem\n"), None);
    }

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
