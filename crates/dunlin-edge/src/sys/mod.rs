//! What the runtime cannot say portably: whether a stream of the host's is ready.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use portable::ready;
#[cfg(unix)]
pub(crate) use unix::ready;
