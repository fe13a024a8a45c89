//! The clocks. The two clocks of processor time show the steady time since the context was made: a
//! guest has no processor of its own whose time could be told, and programs only take differences.

use super::Result;
use crate::ctx::WasiCtx;
use crate::memory::GuestMemory;
use crate::types::ClockId;

/// Writes the resolution of a clock.
///
/// # Errors
/// `INVAL` for no clock, `FAULT` outside memory.
pub fn clock_res_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    resolution: u32,
) -> Result {
    let nanoseconds = match ClockId::decode(id)? {
        ClockId::Realtime => ctx.realtime.resolution_ns(),
        ClockId::Monotonic | ClockId::ProcessCputime | ClockId::ThreadCputime => {
            ctx.monotonic.resolution_ns()
        }
    };
    memory.write_u64(resolution, nanoseconds)
}

/// Writes the time of a clock; the precision asked for is always met.
///
/// # Errors
/// `INVAL` for no clock, `FAULT` outside memory.
pub fn clock_time_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Result {
    memory.write_u64(time, now_ns(ctx, ClockId::decode(id)?))
}

/// The time of a clock.
pub(super) fn now_ns(ctx: &WasiCtx, id: ClockId) -> u64 {
    match id {
        ClockId::Realtime => ctx.realtime.now_ns(),
        ClockId::Monotonic => ctx.monotonic.now_ns(),
        ClockId::ProcessCputime | ClockId::ThreadCputime => {
            ctx.monotonic.now_ns().saturating_sub(ctx.start_ns)
        }
    }
}
