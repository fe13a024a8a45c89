//! Traps of the canonical ABI. Their texts are those that the component model's test suite expects.

use dunlin::{Error, ErrorKind};
use std::fmt;

/// A trap for a reason that core WebAssembly does not know.
#[cold]
pub(crate) fn trap(why: impl fmt::Display) -> Error {
    Error::new_of(ErrorKind::Trap, why)
}

/// An exception that leaves the component that it was thrown in.
pub(crate) const THROWN: &str = "an exception left its component";

/// What a failed call is beyond a component's border, where there are no exceptions.
pub(crate) fn contained(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Exception => trap(THROWN),
        _ => error,
    }
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
