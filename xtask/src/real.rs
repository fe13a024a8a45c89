//! `cargo xtask real`: not written yet; it says so and fails.

use crate::error::Error;

/// Runs `cargo xtask real`.
///
/// # Errors
///
/// Always, until the command is written.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask real` is not written yet"))
}
