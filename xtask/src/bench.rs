//! `cargo xtask bench`: not written yet; it says so and fails.

use crate::error::Error;

/// Runs `cargo xtask bench`.
///
/// # Errors
///
/// Always, until the command is written.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask bench` is not written yet"))
}
