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
        if !slice.is_zero() && !suspended(ctx, hosts, slice)? {
            ctx.monotonic.sleep(slice);
        }
        return Ok(Vec::new());
    }
    if !slice.is_zero() && ctx.waits().suspends() {
        return wait_suspended(ctx, hosts, slice);
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

/// As [`wait_slice`], for a guest that can be suspended.
fn wait_suspended(
    ctx: &WasiCtx,
    hosts: &[(usize, (Waitable<'_>, Direction))],
    slice: Duration,
) -> Result<Vec<(usize, Readiness)>, Errno> {
    let ready = wait_slice(ctx, hosts, Duration::ZERO)?;
    if !ready.is_empty() {
        return Ok(ready);
    }
    suspended(ctx, hosts, slice)?;
    wait_slice(ctx, hosts, Duration::ZERO)
}

/// Suspends the guest for a slice, if it can be, or until something might be ready. Whether it can.
fn suspended(
    ctx: &WasiCtx,
    hosts: &[(usize, (Waitable<'_>, Direction))],
    slice: Duration,
) -> Result<bool, Errno> {
    let before = ctx.monotonic.now_ns();
    let suspends = ctx.waits().suspend_for(hosts, slice)?;
    // A clock that stood still meanwhile is a simulated one: it moves when told to.
    if suspends && ctx.monotonic.now_ns() == before {
        ctx.monotonic.sleep(slice);
    }
    Ok(suspends)
}
