//! Reading and writing what may wait for someone else: standard streams, pipes, devices.
//!
//! A read or write that could wait is preceded by a wait in slices, so that the embedder's interrupt is seen.

use std::fs::File;
use std::io::{IoSlice, Read as _};
use std::time::Duration;

use crate::ctx::{Interrupt, Yields};
use crate::errno::Errno;
use crate::limits::{READY_WRITE_BYTES_MAX, WAIT_SLICE_MILLISECONDS_MAX};
use crate::stdio::{Input, Output};
use crate::sys::{Direction, Waitable};
use crate::table::{Descriptor, Kind};
use crate::types::Rights;

type Result<T = ()> = std::result::Result<T, Errno>;

/// Refuses what cannot be read, or not by this descriptor.
pub(crate) fn require_reading(descriptor: &Descriptor) -> Result {
    if let Kind::Dir(_) = descriptor.kind {
        return Err(Errno::Isdir);
    }
    descriptor.require(Rights::FD_READ).map_err(|_| Errno::Badf)
}

/// Refuses what cannot be written, or not by this descriptor.
pub(crate) fn require_writing(descriptor: &Descriptor) -> Result {
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
pub(crate) struct Waits<'a> {
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) yields: &'a Yields,
    /// Fail with `AGAIN` instead of waiting.
    pub(crate) nonblock: bool,
}

impl Waits<'_> {
    /// Returns when a stream is ready.
    pub(crate) fn until_ready(self, stream: Waitable<'_>, direction: Direction) -> Result {
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

/// Reads once, at the place where the descriptor is.
pub(crate) fn read(kind: &mut Kind, buffer: &mut [u8], waits: Waits<'_>) -> Result<usize> {
    match kind {
        Kind::Input(input) => read_input(input, buffer, waits),
        Kind::File(file) if file.can_wait() => read_pipe(&file.file, buffer, waits),
        Kind::File(file) => Ok((&*file.file).read(buffer)?),
        Kind::Output(_) | Kind::Dir(_) => Err(Errno::Badf),
    }
}

/// Reads a standard input once.
fn read_input(input: &mut Input, buffer: &mut [u8], waits: Waits<'_>) -> Result<usize> {
    if let Some(stream) = input.waitable() {
        waits.until_ready(stream, Direction::Read)?;
    }
    input.read(buffer)
}

/// Reads a pipe or device once.
pub(crate) fn read_pipe(file: &File, buffer: &mut [u8], waits: Waits<'_>) -> Result<usize> {
    loop {
        waits.until_ready(Waitable::file(file), Direction::Read)?;
        match crate::sys::read_file(file, buffer) {
            Ok(count) => return Ok(count),
            // Someone else was faster.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !waits.nonblock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes all bytes to a standard output, unless it fails after the first of them; how many went.
pub(crate) fn write_output(output: &mut Output, bytes: &[u8], waits: Waits<'_>) -> Result<usize> {
    let mut left = bytes;
    while !left.is_empty() {
        match write_output_part(output, left, waits) {
            Ok(0) => break,
            Ok(count) => left = left.get(count..).unwrap_or(&[]),
            Err(_) if left.len() < bytes.len() => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(bytes.len() - left.len())
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

/// Writes a file, all slices in one step, once it is ready if writes `can_wait`.
pub(crate) fn write_file(
    file: &File,
    can_wait: bool,
    slices: &[IoSlice<'_>],
    waits: Waits<'_>,
    appends: bool,
) -> Result<usize> {
    loop {
        if can_wait {
            waits.until_ready(Waitable::file(file), Direction::Write)?;
        }
        match crate::sys::write_file(file, slices, appends) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !waits.nonblock => {}
            Err(error) => return Err(error.into()),
        }
    }
}
