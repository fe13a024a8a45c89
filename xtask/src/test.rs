//! `cargo xtask test`: the README's test command, then the engine again with the other dispatch.
//!
//! A debug build dispatches with a loop, a release build with sibling calls where they are to be had;
//! the same tests must pass in both, so the second run is the release build of the crates that
//! execute guests.

use crate::error::Error;
use crate::steps::{cargo, run as step};

/// The crates whose tests execute guests.
const ENGINE_CRATES: &[&str] = &["dunlin-interp", "dunlin", "dunlin-wast"];

/// Runs `cargo xtask test`; arguments go to both runs of `cargo test`.
///
/// # Errors
///
/// When a test fails; the second run is not started then.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    debug(arguments)?;
    release(arguments)
}

/// The README's command: every test of every crate, as a newcomer runs them.
///
/// # Errors
///
/// When a test fails.
pub fn debug(arguments: &[String]) -> Result<(), Error> {
    step("test", cargo(&["test", "--workspace"]).args(arguments))
}

/// The engine's tests with the dispatch of release builds.
///
/// # Errors
///
/// When a test fails.
pub fn release(arguments: &[String]) -> Result<(), Error> {
    let mut command = cargo(&["test", "--release"]);
    for name in ENGINE_CRATES {
        command.args(["--package", name]);
    }
    step("test with release dispatch", command.args(arguments))
}
