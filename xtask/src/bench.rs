//! `cargo xtask bench`: measures `dunlin` beside other engines and native code.
pub mod engines;
use crate::error::Error;
pub fn run(_arguments: &[String]) -> Result<(), Error> {
    Err(Error::new("soon"))
}
