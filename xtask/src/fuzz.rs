//! `cargo xtask fuzz`.

use crate::error::Error;

/// Runs `cargo xtask fuzz`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask fuzz` is not written yet"))
}
