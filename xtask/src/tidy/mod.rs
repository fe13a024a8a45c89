//! `cargo xtask tidy`.

use crate::error::Error;

/// Runs `cargo xtask tidy`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask tidy` is not written yet"))
}
