//! `cargo xtask bless`: runs the tests and lets them rewrite what they expect.
//!
//! The rewritten files are for reading (`git diff`) before they are committed: a wrong expectation
//! blessed is a test lost.

use crate::error::Error;
use crate::steps::{cargo, run as step};
use crate::tidy;

/// The variable that tells every `check` function to write instead of compare.
const VARIABLE: &str = "DUNLIN_BLESS";

/// Runs `cargo xtask bless`; arguments go to `cargo test`.
///
/// # Errors
///
/// When a test fails for another reason than an old expectation.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    step("bless", cargo(&["test", "--workspace"]).args(arguments).env(VARIABLE, "1"))?;
    tidy::run(&["--bless".into()])?;
    step("what changed", &mut crate::steps::program("git", &["status", "--short"]))
}
