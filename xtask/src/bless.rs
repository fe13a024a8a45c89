//! `cargo xtask bless`.

use crate::error::Error;

/// Runs `cargo xtask bless`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask bless` is not written yet"))
}
