//! What systems do differently: signals.

/// What the process is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To stop.
    Stop,
    /// To load its apps again.
    Reload,
}

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::Signals;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub(crate) use other::Signals;
