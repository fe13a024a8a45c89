//! `cargo xtask spec`.

use crate::error::Error;

/// Runs `cargo xtask spec`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask spec` is not written yet"))
}
