//! What the standard library cannot say portably, behind one list of functions.
//!
//! `unix` asks the system; `portable` serves everything else with what `std` has, at the price that
//! the head of each function there names.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_sockets;

#[cfg(not(unix))]
pub(crate) use portable::*;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(unix)]
pub(crate) use unix_sockets::Socket;

#[cfg(not(unix))]
pub use portable::HostStream;
#[cfg(unix)]
pub use unix::HostStream;

/// Which way a stream is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Bytes are to be read.
    Read,
    /// Bytes are to be written.
    Write,
}

/// How a stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// A call would not wait.
    pub(crate) ready: bool,
    /// The other side is gone.
    pub(crate) hangup: bool,
    /// How many bytes wait, where that is known.
    pub(crate) nbytes: u64,
}
