//! `cargo xtask machine_code`.

use crate::error::Error;

/// Runs `cargo xtask machine_code`.
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("`cargo xtask machine_code` is not written yet"))
}
