//! `cargo xtask guests`: not written yet; it says so and fails.

use crate::error::Error;

/// Runs `cargo xtask guests`.
///
/// # Errors
///
/// Always, until the command is written.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask guests` is not written yet"))
}
