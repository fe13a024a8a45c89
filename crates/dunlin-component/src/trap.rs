//! Traps of the canonical ABI. Their texts are those that the component model's test suite expects.

use dunlin::{Error, ErrorKind};
use std::fmt;

/// A trap for a reason that core WebAssembly does not know.
#[cold]
pub(crate) fn trap(why: impl fmt::Display) -> Error {
    Error::new_of(ErrorKind::Trap, why)
}

/// A trap where a component uses the model's asynchronous half.
#[cold]
pub(crate) fn asynchronous(what: &str) -> Error {
    trap(format_args!("{what} is not supported: asynchronous components are not yet"))
}

/// The embedder's call makes no sense.
#[cold]
pub(crate) fn usage(what: impl fmt::Display) -> Error {
    Error::new_of(ErrorKind::Usage, what)
}

/// Something does not link.
#[cold]
pub(crate) fn link(what: impl fmt::Display) -> Error {
    Error::new_of(ErrorKind::Link, what)
}
