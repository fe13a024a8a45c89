//! `cargo xtask ci`.

use crate::error::Error;

/// Runs `cargo xtask ci`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask ci` is not written yet"))
}
