//! `cargo xtask check`.

use crate::error::Error;

/// Runs `cargo xtask check`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask check` is not written yet"))
}
