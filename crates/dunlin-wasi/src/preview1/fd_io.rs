//! Reading and writing.
//!
//! Bytes go between the host and the guest's memory without a copy in between. A read or write that
//! could wait for someone else is preceded by a wait in slices, so that the embedder's interrupt is
//! seen; what does not have the right to read or write is `BADF`, as POSIX has it.

use std::io::Read as _;
use std::time::Duration;

use super::Result;
use super::fd::OFFSET_MAX;
use crate::ctx::{Interrupt, WasiCtx, Yields};
use crate::errno::Errno;
use crate::limits::{READY_WRITE_BYTES_MAX, WAIT_SLICE_MILLISECONDS_MAX};
use crate::memory::{GuestMemory, Region};
use crate::stdio::{Input, Output};
use crate::sys::{Direction, Waitable};
use crate::table::{Descriptor, Kind, OpenFile};
use crate::types::{FdFlags, FileType, Rights};

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
    let WasiCtx { table, interrupt, yields, limits, .. } = ctx;
    let descriptor = table.get_mut(fd)?;
    require_reading(descriptor)?;
    memory.region(nread, 4)?;
    let regions = memory.iovecs(iovs, iovs_len, limits)?;
    let waits = Waits { interrupt, yields, nonblock: descriptor.flags.contains(FdFlags::NONBLOCK) };
    let count = match &mut descriptor.kind {
        Kind::Input(input) => read_input(input, memory, &regions, waits)?,
        Kind::File(file) if file.can_wait() => read_stream(file, memory, &regions, waits)?,
        Kind::File(file) => move_each(memory, &regions, |memory, region, _| {
            Ok((&file.file).read(memory.bytes_mut(region))?)
        })?,
        Kind::Output(_) | Kind::Dir(_) => return Err(Errno::Badf),
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
    let count = move_each(memory, &regions, |memory, region, done| {
        let place = place_after(offset, done)?;
        Ok(crate::sys::read_at(&file.file, memory.bytes_mut(region), place)?)
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
    let WasiCtx { table, interrupt, yields, limits, .. } = ctx;
    let descriptor = table.get_mut(fd)?;
    require_writing(descriptor)?;
    memory.region(nwritten, 4)?;
    let regions = memory.iovecs(iovs, iovs_len, limits)?;
    let waits = Waits { interrupt, yields, nonblock: descriptor.flags.contains(FdFlags::NONBLOCK) };
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
    let count = move_each(memory, &regions, |memory, region, done| {
        let place = place_after(offset, done)?;
        Ok(crate::sys::write_at(&file.file, memory.bytes(region), place)?)
    })?;
    memory.write_u32(nwritten, count)
}

/// Refuses what cannot be read, or not by this descriptor.
fn require_reading(descriptor: &Descriptor) -> Result {
    if let Kind::Dir(_) = descriptor.kind {
        return Err(Errno::Isdir);
    }
    descriptor.require(Rights::FD_READ).map_err(|_| Errno::Badf)
}

/// Refuses what cannot be written, or not by this descriptor.
fn require_writing(descriptor: &Descriptor) -> Result {
    if let Kind::Dir(_) = descriptor.kind {
        return Err(Errno::Isdir);
    }
    descriptor.require(Rights::FD_WRITE).map_err(|_| Errno::Badf)?;
    match &descriptor.kind {
        Kind::File(file) => file.require_changeable(),
        _ => Ok(()),
    }
}

/// How a call may wait.
#[derive(Clone, Copy)]
pub(super) struct Waits<'a> {
    pub(super) interrupt: &'a Interrupt,
    pub(super) yields: &'a Yields,
    /// Fail with `AGAIN` instead of waiting.
    pub(super) nonblock: bool,
}

impl Waits<'_> {
    /// Returns when a stream is ready.
    fn until_ready(self, stream: Waitable<'_>, direction: Direction) -> Result {
        let slice =
            Duration::from_millis(if self.nonblock { 0 } else { WAIT_SLICE_MILLISECONDS_MAX });
        loop {
            let stands = crate::sys::wait(&[(stream, direction)], self.yields.slice(slice))?;
            if stands.iter().any(|readiness| readiness.ready) {
                return Ok(());
            }
            if self.nonblock {
                return Err(Errno::Again);
            }
            self.interrupt.check()?;
            self.yields.check(slice)?;
        }
    }
}

/// Reads a standard input once: a second read, for a second buffer, could wait.
fn read_input(
    input: &mut Input,
    memory: &mut GuestMemory<'_>,
    regions: &[Region],
    waits: Waits<'_>,
) -> Result<u32> {
    let Some(region) = first_with_room(regions) else {
        return Ok(0);
    };
    if let Some(stream) = input.waitable() {
        waits.until_ready(stream, Direction::Read)?;
    }
    let count = input.read(memory.bytes_mut(region))?;
    u32::try_from(count.min(region.len())).map_err(|_| Errno::Overflow)
}

/// Reads a pipe or device once.
fn read_stream(
    file: &OpenFile,
    memory: &mut GuestMemory<'_>,
    regions: &[Region],
    waits: Waits<'_>,
) -> Result<u32> {
    let Some(region) = first_with_room(regions) else {
        return Ok(0);
    };
    loop {
        waits.until_ready(Waitable::file(&file.file), Direction::Read)?;
        match crate::sys::read_file(&file.file, memory.bytes_mut(region)) {
            Ok(count) => return u32::try_from(count).map_err(|_| Errno::Overflow),
            // Someone else was faster.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !waits.nonblock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes a standard output, buffer by buffer, all of each.
fn write_output(
    output: &mut Output,
    memory: &mut GuestMemory<'_>,
    regions: &[Region],
    waits: Waits<'_>,
) -> Result<u32> {
    let count = move_each(memory, regions, |memory, region, _| {
        let mut left = memory.bytes(region);
        while !left.is_empty() {
            match write_output_part(output, left, waits) {
                Ok(0) => break,
                Ok(count) => left = left.get(count..).unwrap_or(&[]),
                Err(_) if left.len() < region.len() => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(region.len() - left.len())
    })?;
    output.flush()?;
    Ok(count)
}

/// Writes some bytes to a standard output: to the host's own only when it is ready, and then so few
/// that it stays so, unless nobody could want the thread back.
fn write_output_part(output: &mut Output, bytes: &[u8], waits: Waits<'_>) -> Result<usize> {
    match output.waitable() {
        Some(stream) if waits.nonblock || waits.interrupt.is_set() => {
            waits.until_ready(stream, Direction::Write)?;
            output.write(&bytes[..bytes.len().min(READY_WRITE_BYTES_MAX)])
        }
        _ => output.write(bytes),
    }
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
    loop {
        if file.filetype != FileType::RegularFile {
            waits.until_ready(Waitable::file(&file.file), Direction::Write)?;
        }
        match crate::sys::write_file(&file.file, &slices, appends) {
            Ok(count) => return u32::try_from(count).map_err(|_| Errno::Overflow),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !waits.nonblock => {}
            Err(error) => return Err(error.into()),
        }
    }
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
