//! Random bytes.

use super::Result;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::limits::RANDOM_CHUNK_BYTES_MAX;
use crate::memory::GuestMemory;

/// Fills `buf_len` bytes at `buf`.
///
/// # Errors
/// `INVAL` for more bytes than the limit, `FAULT` outside memory, `INTR` when the embedder interrupts,
/// `IO` when the source fails.
pub fn random_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    buf: u32,
    buf_len: u32,
) -> Result {
    let region = memory.region(buf, buf_len)?;
    if buf_len > ctx.limits.random_bytes_max {
        return Err(Errno::Inval);
    }
    fill_random(ctx, memory.bytes_mut(region))
}

/// Fills a buffer of the host's, looking for an interrupt now and then.
pub(crate) fn fill_random(ctx: &mut WasiCtx, bytes: &mut [u8]) -> Result {
    for chunk in bytes.chunks_mut(RANDOM_CHUNK_BYTES_MAX) {
        ctx.interrupt.check()?;
        ctx.random.fill(chunk)?;
    }
    Ok(())
}
