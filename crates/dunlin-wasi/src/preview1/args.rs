//! The program's arguments.

use super::Result;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;

/// Writes the arguments: pointers at `argv`, the text behind them at `argv_buf`.
///
/// # Errors
/// `FAULT` outside memory.
pub fn args_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    argv: u32,
    argv_buf: u32,
) -> Result {
    store_strings(&ctx.args, memory, argv, argv_buf)
}

/// Writes how many arguments there are and how many bytes they take.
///
/// # Errors
/// `FAULT` outside memory.
pub fn args_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    argc: u32,
    argv_buf_size: u32,
) -> Result {
    store_sizes(&ctx.args, memory, argc, argv_buf_size)
}

/// Writes texts, each ended by a NUL, and where each begins.
pub(super) fn store_strings(
    texts: &[String],
    memory: &mut GuestMemory<'_>,
    pointers: u32,
    buffer: u32,
) -> Result {
    let mut pointer = pointers;
    let mut place = buffer;
    for text in texts {
        memory.write_u32(pointer, place)?;
        memory.write(place, text.as_bytes())?;
        let end = u32::try_from(text.len()).ok().and_then(|len| place.checked_add(len));
        let end = end.ok_or(Errno::Overflow)?;
        memory.write(end, &[0])?;
        place = end.checked_add(1).ok_or(Errno::Overflow)?;
        pointer = pointer.checked_add(4).ok_or(Errno::Overflow)?;
    }
    Ok(())
}

/// Writes how many texts there are and the bytes they take, NULs included.
pub(super) fn store_sizes(
    texts: &[String],
    memory: &mut GuestMemory<'_>,
    count: u32,
    size: u32,
) -> Result {
    let bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
    memory.write_u32(count, u32::try_from(texts.len()).map_err(|_| Errno::Overflow)?)?;
    memory.write_u32(size, u32::try_from(bytes).map_err(|_| Errno::Overflow)?)
}
