//! Sockets, of which no guest has any: an open descriptor is `NOTSOCK`, any other `BADF`.

use super::Result;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;

/// The answer for every descriptor.
fn refuse(ctx: &WasiCtx, fd: u32) -> Result {
    ctx.table.get(fd)?;
    Err(Errno::Notsock)
}

/// Would accept a connection.
///
/// # Errors
/// `NOTSOCK`, or `BADF` for no descriptor.
pub fn sock_accept(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _flags: u32,
    _accepted: u32,
) -> Result {
    refuse(ctx, fd)
}

/// Would receive.
///
/// # Errors
/// `NOTSOCK`, or `BADF` for no descriptor.
pub fn sock_recv(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _iovs: u32,
    _iovs_len: u32,
    _flags: u32,
    _received: u32,
    _received_flags: u32,
) -> Result {
    refuse(ctx, fd)
}

/// Would send.
///
/// # Errors
/// `NOTSOCK`, or `BADF` for no descriptor.
pub fn sock_send(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _iovs: u32,
    _iovs_len: u32,
    _flags: u32,
    _sent: u32,
) -> Result {
    refuse(ctx, fd)
}

/// Would shut down.
///
/// # Errors
/// `NOTSOCK`, or `BADF` for no descriptor.
pub fn sock_shutdown(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32, _how: u32) -> Result {
    refuse(ctx, fd)
}
