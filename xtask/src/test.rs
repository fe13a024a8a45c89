//! `cargo xtask test`.

use crate::error::Error;

/// Runs `cargo xtask test`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask test` is not written yet"))
}
