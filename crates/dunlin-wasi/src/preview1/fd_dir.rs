//! Listing a directory.
//!
//! A cookie is a position in the listing as it stood when the guest last asked from the start; the
//! listing is kept until then or until the descriptor is closed. So a guest that removes what it has
//! seen misses nothing, and a cookie beyond the end, or made up, finds the end. Names that are not
//! UTF-8 cannot be told to a guest nor opened by it, and are left out.

use super::Result;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::table::{Descriptor, Kind, OpenDir};
use crate::types::{Rights, encode_dirent};

/// Writes entries from a cookie on, as many as fit, the last perhaps cut off, and how many bytes they
/// took: fewer than the buffer has means that the end was reached.
///
/// # Errors
/// `BADF`, `NOTDIR`, `NOTCAPABLE`, `FAULT`, `NOMEM` for more entries than the limit, what the host
/// meets.
pub fn fd_readdir(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    buf_len: u32,
    cookie: u64,
    used: u32,
) -> Result {
    ctx.table.dir(fd, Rights::FD_READDIR)?;
    memory.region(used, 4)?;
    let region = memory.region(buf, buf_len)?;
    list(ctx, fd, cookie)?;
    let Descriptor { kind: Kind::Dir(OpenDir { listing: Some(listing), .. }), .. } =
        ctx.table.get(fd)?
    else {
        return Err(Errno::Badf);
    };
    let first = usize::try_from(cookie).unwrap_or(usize::MAX).min(listing.len());
    let mut room = memory.bytes_mut(region);
    for (entry, next) in listing[first..].iter().zip(first as u64 + 1..) {
        let len = u32::try_from(entry.name.len()).map_err(|_| Errno::Overflow)?;
        room = fill(room, &encode_dirent(next, entry.ino, len, entry.filetype));
        room = fill(room, entry.name.as_bytes());
        if room.is_empty() {
            break;
        }
    }
    let left = u32::try_from(room.len()).map_err(|_| Errno::Overflow)?;
    memory.write_u32(used, buf_len - left)
}

/// Copies what fits and returns the room that is left.
fn fill<'a>(room: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let len = bytes.len().min(room.len());
    let (taken, left) = room.split_at_mut(len);
    taken.copy_from_slice(&bytes[..len]);
    left
}

/// Makes the listing of a directory if the guest begins anew or there is none.
fn list(ctx: &mut WasiCtx, fd: u32, cookie: u64) -> Result {
    let Kind::Dir(dir) = &mut ctx.table.get_mut(fd)?.kind else {
        return Err(Errno::Notdir);
    };
    if cookie == 0 {
        dir.listing = None;
    }
    if dir.listing.is_some() {
        return Ok(());
    }
    let room = ctx.limits.directory_entries_max.saturating_sub(ctx.table.entries_held());
    let made = ctx.table.dir(fd, Rights::FD_READDIR)?.entries(room, ctx.waits())?;
    if let Kind::Dir(dir) = &mut ctx.table.get_mut(fd)?.kind {
        dir.listing = Some(made);
    }
    Ok(())
}
