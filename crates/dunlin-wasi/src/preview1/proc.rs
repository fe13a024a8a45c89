//! The process: leaving it. A guest leaves by an error that passes through it, so that nothing of it
//! runs on; the exit code travels in that error.

use super::Result;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::exit::ExitCode;
use crate::memory::GuestMemory;

/// The signals that WASI numbers, nought included.
const SIGNALS: u32 = 31;

/// Ends the guest: the answer is the error that does it.
#[must_use]
pub fn proc_exit(code: u32) -> ExitCode {
    ExitCode(code.cast_signed())
}

/// Would send the guest a signal; there are none.
///
/// # Errors
/// `INVAL` for no signal, `NOTSUP` for every signal.
pub fn proc_raise(_: &mut WasiCtx, _: &mut GuestMemory<'_>, signal: u32) -> Result {
    if signal < SIGNALS { Err(Errno::Notsup) } else { Err(Errno::Inval) }
}
