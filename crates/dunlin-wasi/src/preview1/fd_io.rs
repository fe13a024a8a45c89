//! Reading and writing.
//!
//! Bytes go between the host and the guest's memory without a copy in between. A read or write that
//! could wait for someone else is preceded by a wait, in which the embedder's interrupt is
//! seen; what does not have the right to read or write is `BADF`, as POSIX has it.

use super::Result;
use super::fd::OFFSET_MAX;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::{GuestMemory, Region};
use crate::stdio::Output;
use crate::streams::{self, require_reading, require_writing};
use crate::table::{Kind, OpenFile};
use crate::types::FdFlags;
use crate::waits::Waits;

/// Reads into a list of buffers and writes how many bytes came.
///
/// # Errors
/// `BADF`, `ISDIR`, `AGAIN` on a descriptor that must not wait, `INTR`, `FAULT`, `INVAL` for a list
/// beyond the limits, what the host meets.
pub fn fd_read(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result {
    let WasiCtx { table, interrupt, yields, limits, reactor, .. } = ctx;
    let descriptor = table.get_mut(fd)?;
    require_reading(descriptor)?;
    memory.region(nread, 4)?;
    let regions = memory.iovecs(iovs, iovs_len, limits)?;
    let nonblock = descriptor.flags.contains(FdFlags::NONBLOCK);
    let waits = Waits::new(reactor, interrupt, yields).nonblock(nonblock);
    let count = match &mut descriptor.kind {
        Kind::File(file) if !file.can_wait() => {
            move_each(memory, &regions, |memory, region, _| {
                streams::read_regular(&file.file, memory.bytes_mut(region), None, waits)
            })?
        }
        // A second read, for a second buffer, could wait.
        kind => match first_with_room(&regions) {
            Some(region) => {
                let count = streams::read(kind, memory.bytes_mut(region), waits)?;
                u32::try_from(count.min(region.len())).map_err(|_| Errno::Overflow)?
            }
            None => 0,
        },
    };
    memory.write_u32(nread, count)
}

/// Reads at an offset, leaving the place alone.
///
/// # Errors
/// `BADF`, `ISDIR`, `SPIPE`, `FAULT`, `INVAL` for a list beyond the limits or no offset, what the host
/// meets.
pub fn fd_pread(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result {
    let descriptor = ctx.table.get(fd)?;
    require_reading(descriptor)?;
    let file = descriptor.file()?;
    memory.region(nread, 4)?;
    let regions = memory.iovecs(iovs, iovs_len, &ctx.limits)?;
    let waits = ctx.waits();
    let count = move_each(memory, &regions, |memory, region, done| {
        let place = place_after(offset, done)?;
        streams::read_regular(&file.file, memory.bytes_mut(region), Some(place), waits)
    })?;
    memory.write_u32(nread, count)
}

/// Writes from a list of buffers and writes how many bytes went.
///
/// # Errors
/// `BADF`, `ISDIR`, `ROFS`, `AGAIN` on a descriptor that must not wait, `INTR`, `FAULT`, `INVAL` for a
/// list beyond the limits, what the host meets.
pub fn fd_write(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result {
    let WasiCtx { table, interrupt, yields, limits, reactor, .. } = ctx;
    let descriptor = table.get_mut(fd)?;
    require_writing(descriptor)?;
    memory.region(nwritten, 4)?;
    let regions = memory.iovecs(iovs, iovs_len, limits)?;
    let nonblock = descriptor.flags.contains(FdFlags::NONBLOCK);
    let waits = Waits::new(reactor, interrupt, yields).nonblock(nonblock);
    let appends = descriptor.flags.contains(FdFlags::APPEND);
    let count = match &mut descriptor.kind {
        Kind::Output(output) => write_output(output, memory, &regions, waits)?,
        Kind::File(file) => write_file(file, memory, &regions, waits, appends)?,
        Kind::Input(_) | Kind::Dir(_) => return Err(Errno::Badf),
    };
    memory.write_u32(nwritten, count)
}

/// Writes at an offset, leaving the place alone.
///
/// # Errors
/// `BADF`, `ISDIR`, `SPIPE`, `ROFS`, `FAULT`, `INVAL` for a list beyond the limits or no offset, what
/// the host meets.
pub fn fd_pwrite(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result {
    let descriptor = ctx.table.get(fd)?;
    require_writing(descriptor)?;
    let file = descriptor.file()?;
    memory.region(nwritten, 4)?;
    let regions = memory.iovecs(iovs, iovs_len, &ctx.limits)?;
    let waits = ctx.waits();
    let count = move_each(memory, &regions, |memory, region, done| {
        let place = place_after(offset, done)?;
        streams::write_regular_at(&file.file, memory.bytes(region), place, waits)
    })?;
    memory.write_u32(nwritten, count)
}

/// Writes a standard output, buffer by buffer, all of each.
fn write_output(
    output: &mut Output,
    memory: &mut GuestMemory<'_>,
    regions: &[Region],
    waits: Waits<'_>,
) -> Result<u32> {
    let count = move_each(memory, regions, |memory, region, _| {
        streams::write_output(output, memory.bytes(region), waits)
    })?;
    output.flush()?;
    Ok(count)
}

/// Writes a file, all buffers in one step, so that what is appended stays together.
fn write_file(
    file: &OpenFile,
    memory: &GuestMemory<'_>,
    regions: &[Region],
    waits: Waits<'_>,
    appends: bool,
) -> Result<u32> {
    let slices = memory.io_slices(regions);
    if slices.is_empty() {
        return Ok(0);
    }
    let count = streams::write_file(&file.file, file.can_wait(), &slices, waits, appends)?;
    u32::try_from(count).map_err(|_| Errno::Overflow)
}

/// The first buffer that is not empty.
fn first_with_room(regions: &[Region]) -> Option<Region> {
    regions.iter().copied().find(|region| !region.is_empty())
}

/// An offset that files can have, some bytes after another.
fn place_after(offset: u64, done: u32) -> Result<u64> {
    let place = offset.checked_add(u64::from(done)).ok_or(Errno::Inval)?;
    if place > OFFSET_MAX { Err(Errno::Inval) } else { Ok(place) }
}

/// Moves bytes for each buffer in turn until one comes up short; a failure after the first bytes is
/// left for the next call to meet.
fn move_each<'a>(
    memory: &mut GuestMemory<'a>,
    regions: &[Region],
    mut step: impl FnMut(&mut GuestMemory<'a>, Region, u32) -> Result<usize>,
) -> Result<u32> {
    let mut done = 0_u32;
    for region in regions.iter().copied().filter(|region| !region.is_empty()) {
        let count = match step(memory, region, done) {
            Ok(count) => count.min(region.len()),
            Err(_) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        };
        done = u32::try_from(count)
            .ok()
            .and_then(|count| done.checked_add(count))
            .ok_or(Errno::Overflow)?;
        if count < region.len() {
            break;
        }
    }
    Ok(done)
}
