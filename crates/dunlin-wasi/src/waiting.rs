//! Waiting for one slice of time, for moments and for streams of the host's.

use std::time::Duration;

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::sys::{Direction, Readiness, Waitable};

/// How many streams the host is asked about at once: systems refuse more than a process may have open.
const BATCH_STREAMS_MAX: usize = 256;

/// Waits for one slice, and says which of the streams became ready in it, by the numbers that they come with.
pub(crate) fn wait_slice(
    ctx: &WasiCtx,
    hosts: &[(usize, (Waitable<'_>, Direction))],
    slice: Duration,
) -> Result<Vec<(usize, Readiness)>, Errno> {
    if hosts.is_empty() {
        if !slice.is_zero() {
            ctx.monotonic.sleep(slice);
        }
        return Ok(Vec::new());
    }
    let before = ctx.monotonic.now_ns();
    let mut ready = Vec::new();
    let batches = hosts.len().div_ceil(BATCH_STREAMS_MAX);
    for (number, batch) in hosts.chunks(BATCH_STREAMS_MAX).enumerate() {
        let is_last = number + 1 == batches;
        let timeout = if is_last && ready.is_empty() { slice } else { Duration::ZERO };
        let streams: Vec<_> = batch.iter().map(|(_, stream)| *stream).collect();
        let stands = crate::sys::wait(&streams, timeout)?;
        let numbers = batch.iter().map(|(index, _)| *index);
        ready.extend(numbers.zip(stands).filter(|(_, readiness)| readiness.ready));
    }
    // A clock that stood still while the host waited is a simulated one: it moves when told to.
    if ready.is_empty() && !slice.is_zero() && ctx.monotonic.now_ns() == before {
        ctx.monotonic.sleep(slice);
    }
    Ok(ready)
}
