//! Opening a path; see [`open`](crate::open) for which rights the new descriptor gets.

use super::Result;
use super::path::{follows, load_path};
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::open::{Request, open};
use crate::types::{FdFlags, OFlags, Rights};

/// Opens a path beneath a directory and writes the number of the new descriptor.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, `INVAL` for flags that mean nothing or
/// nothing together, `ISDIR` for a directory to write, `MFILE`, `FAULT`, what the host meets.
#[expect(clippy::too_many_arguments, reason = "the ABI decides the parameters")]
pub fn path_open(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    dirflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    fdflags: u32,
    opened: u32,
) -> Result {
    let request = decode(dirflags, oflags, base, inheriting, fdflags)?;
    let request = request.of(&ctx.table, fd)?;
    let path = load_path(ctx, memory, path, path_len)?;
    // It is checked before the host is touched, so that a failure leaves nothing behind.
    memory.region(opened, 4)?;
    let number = open(ctx, fd, path, request)?;
    memory.write_u32(opened, number)
}

/// Reads the flags and rights as the guest gives them.
fn decode(dirflags: u32, oflags: u32, base: u64, inheriting: u64, flags: u32) -> Result<Request> {
    Ok(Request {
        follows: follows(dirflags)?,
        oflags: OFlags::from_bits(u64::from(oflags)).ok_or(Errno::Inval)?,
        base: Rights::from_bits_known(base),
        inheriting: Rights::from_bits_known(inheriting),
        flags: FdFlags::from_bits(u64::from(flags)).ok_or(Errno::Inval)?,
    })
}
