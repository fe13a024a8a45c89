//! What the runtime cannot say portably: whether a stream of the host's is ready, and what of a file lies in memory.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use portable::ready;
#[cfg(unix)]
pub(crate) use unix::ready;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::{make_room_for_files, read_in_memory};

/// Nothing is known to be in memory.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read_in_memory(_: &std::fs::File, _: &mut [u8]) -> bool {
    false
}

/// Nothing is known of it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn make_room_for_files() {}
