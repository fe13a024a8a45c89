//! Reading and writing what may wait for someone else: standard streams, pipes, devices.
//!
//! A read or write that could wait for someone else is preceded by a wait, in which the embedder's interrupt is seen. A file
//! that might wait for a disk is read and written elsewhere if the guest can be suspended; on systems that say whether the
//! bytes are in memory, only if they are not.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use crate::errno::Errno;
use crate::limits::{JOB_BYTES_MAX, READY_WRITE_BYTES_MAX};
use crate::stdio::{Input, Output};
use crate::sys::{Direction, Waitable};
use crate::table::{Descriptor, Kind};
use crate::types::Rights;
use crate::waits::Waits;

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

/// Reads once, at the place where the descriptor is.
pub(crate) fn read(kind: &mut Kind, buffer: &mut [u8], waits: Waits<'_>) -> Result<usize> {
    match kind {
        Kind::Input(input) => read_input(input, buffer, waits),
        Kind::File(file) if file.can_wait() => read_pipe(&file.file, buffer, waits),
        Kind::File(file) => read_regular(&file.file, buffer, None, waits),
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

/// Reads a regular file once: at a place, or at its own.
pub(crate) fn read_regular(
    file: &Arc<File>,
    buffer: &mut [u8],
    place: Option<u64>,
    waits: Waits<'_>,
) -> Result<usize> {
    if !waits.suspends() || buffer.is_empty() {
        return Ok(read_at(file, buffer, place)?);
    }
    if let Some(count) = crate::sys::read_in_memory(file, buffer, place) {
        return Ok(count);
    }
    let (file, len) = (file.clone(), buffer.len().min(JOB_BYTES_MAX));
    let bytes = waits.blocking(move || {
        let mut bytes = vec![0; len];
        let count = read_at(&file, &mut bytes, place)?;
        bytes.truncate(count);
        Ok(bytes)
    })?;
    buffer[..bytes.len()].copy_from_slice(&bytes);
    Ok(bytes.len())
}

fn read_at(mut file: &File, buffer: &mut [u8], place: Option<u64>) -> io::Result<usize> {
    match place {
        Some(place) => crate::sys::read_at(file, buffer, place),
        None => file.read(buffer),
    }
}

/// Writes a regular file once at a place.
pub(crate) fn write_regular_at(
    file: &Arc<File>,
    bytes: &[u8],
    place: u64,
    waits: Waits<'_>,
) -> Result<usize> {
    if !waits.suspends() || bytes.is_empty() {
        return Ok(crate::sys::write_at(file, bytes, place)?);
    }
    if let Some(count) = crate::sys::write_in_memory(file, bytes, place) {
        return Ok(count);
    }
    let (file, bytes) = (file.clone(), bytes[..bytes.len().min(JOB_BYTES_MAX)].to_vec());
    waits.blocking(move || Ok(crate::sys::write_at(&file, &bytes, place)?))
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
        Some(stream) if waits.nonblock || waits.interrupt.is_set() || waits.suspends() => {
            waits.until_ready(stream, Direction::Write)?;
            output.write(&bytes[..bytes.len().min(READY_WRITE_BYTES_MAX)])
        }
        _ => output.write(bytes),
    }
}

/// Writes a file, all slices in one step, once it is ready if writes `can_wait`. Of what is written elsewhere no more than
/// [`JOB_BYTES_MAX`] bytes are one step.
pub(crate) fn write_file(
    file: &Arc<File>,
    can_wait: bool,
    slices: &[IoSlice<'_>],
    waits: Waits<'_>,
    appends: bool,
) -> Result<usize> {
    if waits.suspends() {
        let bytes_max = if can_wait { READY_WRITE_BYTES_MAX } else { JOB_BYTES_MAX };
        let bytes = gathered(slices, bytes_max);
        if !can_wait {
            let file = file.clone();
            return waits.blocking(move || {
                Ok(crate::sys::write_file(&file, &[IoSlice::new(&bytes)], appends)?)
            });
        }
        // So few that a pipe which is ready does not hold its writer.
        return write_ready(file, true, &[IoSlice::new(&bytes)], waits, appends);
    }
    write_ready(file, can_wait, slices, waits, appends)
}

/// Writes to the end of a file, wherever it was.
pub(crate) fn write_end(file: &Arc<File>, bytes: &[u8], waits: Waits<'_>) -> Result<usize> {
    let write = |mut file: &File, bytes: &[u8]| {
        file.seek(SeekFrom::End(0))?;
        crate::sys::write_file(file, &[IoSlice::new(bytes)], false)
    };
    if !waits.suspends() {
        return Ok(write(file, bytes)?);
    }
    let (file, bytes) = (file.clone(), bytes[..bytes.len().min(JOB_BYTES_MAX)].to_vec());
    waits.blocking(move || Ok(write(&file, &bytes)?))
}

/// The first bytes of all slices.
fn gathered(slices: &[IoSlice<'_>], bytes_max: usize) -> Vec<u8> {
    let len = slices.iter().map(|slice| slice.len()).sum::<usize>().min(bytes_max);
    let mut bytes = Vec::with_capacity(len);
    for slice in slices {
        let room = len - bytes.len();
        bytes.extend_from_slice(&slice[..slice.len().min(room)]);
    }
    bytes
}

/// The same once it is ready, on this thread.
fn write_ready(
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
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !waits.nonblock => {}
            Err(error) => return Err(error.into()),
        }
    }
}
