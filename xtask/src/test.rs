//! `cargo xtask test`: the README's test command, the API and hostile modules on the other tiers, then the
//! engine again with the other dispatch.
//!
//! A debug build dispatches with a loop, a release build with sibling calls where they are to be had;
//! the same tests must pass in both, so the second run is the release build of the crates that
//! execute guests. Every test runs whatever failed before it; the error names those that did.

use std::process::Command;

use crate::error::Error;
use crate::steps::{cargo, watch};

/// The crates whose tests execute guests.
const ENGINE_CRATES: &[&str] = &["dunlin-interp", "dunlin", "dunlin-wast"];

/// Tests that ask the environment for the tier.
const TIER_TESTS: &[&str] = &[
    "calls",
    "hostile_damage",
    "hostile_sizes",
    "interruption",
    "limits",
    "linker",
    "misuse",
    "modules",
    "toolchains",
    "traps",
];

/// What the environment names for them, besides the default.
const TIERS: &[&str] = &["baseline", "optimize", "mixed"];

/// Failed tests that an error names; more of them have one cause.
const NAMES_MAX: usize = 30;

/// Runs `cargo xtask test`; arguments go to both runs of `cargo test`.
///
/// # Errors
///
/// When a test fails; the second run is not started then.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    debug(arguments)?;
    release(arguments)
}

/// The README's command: every test of every crate, as a newcomer runs them; then those of the API, and what
/// hostile modules do to the compiler, since those tests run one tier at a time.
///
/// # Errors
///
/// When a test fails.
pub fn debug(arguments: &[String]) -> Result<(), Error> {
    let all = tally("test", cargo(&["test", "--workspace", "--no-fail-fast"]).args(arguments));
    TIERS.iter().fold(all, |result, tier| {
        // The same packages, so that nothing is built again.
        let mut again = cargo(&["test", "--workspace", "--no-fail-fast"]);
        for name in TIER_TESTS {
            again.args(["--test", name]);
        }
        again.env("DUNLIN_TIER", tier).args(arguments);
        result.and(tally(&format!("test of the API and of hostile modules, {tier}"), &mut again))
    })
}

/// The engine's tests with the dispatch of release builds, in the profile of a program that embeds it.
///
/// # Errors
///
/// When a test fails.
pub fn release(arguments: &[String]) -> Result<(), Error> {
    let mut command = cargo(&["test", "--profile", "embedder", "--no-fail-fast"]);
    for name in ENGINE_CRATES {
        command.args(["--package", name]);
    }
    tally("test with release dispatch", command.args(arguments))
}

/// Runs tests and counts them.
///
/// # Errors
///
/// When a test fails; the causes name those that did.
pub fn tally(title: &str, command: &mut Command) -> Result<(), Error> {
    let mut tally = Tally::default();
    let result = watch(title, command, |line| tally.look(line));
    eprintln!("    {title}: {} passed, {} failed", tally.passed, tally.failed);
    result.map_err(|error| tally.names.iter().take(NAMES_MAX).fold(error, Error::cause))
}

/// What the test programs reported.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    /// The failed tests, as the test programs name them.
    names: Vec<String>,
}

impl Tally {
    /// Reads one line of a test program's report.
    fn look(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let count = |word: &str| {
                let before = counts.split(word).next()?;
                before.split_whitespace().last()?.parse::<u64>().ok()
            };
            self.passed += count(" passed").unwrap_or(0);
            self.failed += count(" failed").unwrap_or(0);
        } else if let Some(name) = line.strip_prefix("test ").and_then(failed_name) {
            self.names.push(name.into());
        }
    }
}

/// The name in `NAME ... FAILED`.
fn failed_name(line: &str) -> Option<&str> {
    let (name, outcome) = line.split_once(" ... ")?;
    outcome.starts_with("FAILED").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn reports_are_summed_and_failures_named() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test a::b ... ok",
            "test spec/br.wast ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; finished in 0.01s",
            "test src/lib.rs - add (line 5) ... ok",
            "test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; finished in 0.01s",
        ] {
            tally.look(line);
        }
        let names = vec!["spec/br.wast".to_string()];
        assert_eq!(tally, Tally { passed: 42, failed: 1, names });
    }
}
