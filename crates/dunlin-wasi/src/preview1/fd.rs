//! Descriptors: what is known of them, their places and times, closing and moving them.

use std::io::{Seek as _, SeekFrom};

use cap_fs_ext::DirExt as _;

use super::Result;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::table::Kind;
use crate::times::Times;
use crate::types::{Abi, Advice, FdFlags, Rights, Whence};

/// The largest offset of a file: the systems below count in signed numbers.
pub(super) const OFFSET_MAX: u64 = i64::MAX as u64;

/// Says how a range of a file will be used.
///
/// # Errors
/// `BADF`, `ISDIR`, `SPIPE`, `NOTCAPABLE`, `INVAL` for advice or a range that means nothing.
pub fn fd_advise(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result {
    let advice = Advice::decode(advice)?;
    let descriptor = ctx.table.get(fd)?;
    let file = descriptor.file()?;
    descriptor.require(Rights::FD_ADVISE)?;
    if offset > OFFSET_MAX || len > OFFSET_MAX {
        return Err(Errno::Inval);
    }
    let file = file.file.clone();
    ctx.waits().blocking(move || Ok(crate::sys::advise(&file, offset, len, advice)?))
}

/// Makes sure that a range of a file has its space.
///
/// # Errors
/// `BADF`, `ISDIR`, `SPIPE`, `ROFS`, `NOTCAPABLE`, `INVAL` for no bytes, `FBIG`, `NOSPC`.
pub fn fd_allocate(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    len: u64,
) -> Result {
    let descriptor = ctx.table.get(fd)?;
    let file = descriptor.file()?;
    file.require_changeable()?;
    descriptor.require(Rights::FD_ALLOCATE)?;
    if len == 0 {
        return Err(Errno::Inval);
    }
    let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
    if end > OFFSET_MAX {
        return Err(Errno::Fbig);
    }
    let file = file.file.clone();
    ctx.waits().blocking(move || Ok(crate::sys::allocate(&file, offset, len)?))
}

/// Closes a descriptor, preopened ones too.
///
/// # Errors
/// `BADF`; what handing on the last bytes of an output meets.
pub fn fd_close(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result {
    let descriptor = ctx.table.close(fd)?;
    match descriptor.kind {
        Kind::Output(mut output) => output.flush(),
        // What nothing names any more is removed with its last descriptor, and some systems store what was written.
        kind => ctx.waits().blocking(move || {
            drop(kind);
            Ok(())
        }),
    }
}

/// Waits until the bytes of a file are stored.
///
/// # Errors
/// `BADF`, `NOTCAPABLE`, `INVAL` for an input, what the host meets.
pub fn fd_datasync(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result {
    let descriptor = ctx.table.get_mut(fd)?;
    descriptor.require(Rights::FD_DATASYNC)?;
    match &mut descriptor.kind {
        Kind::File(file) => {
            let file = file.file.clone();
            ctx.waits().blocking(move || Ok(file.sync_data()?))
        }
        Kind::Dir(dir) => {
            let dir = dir.dir.clone();
            ctx.waits().blocking(move || Ok(dir.open(".")?.sync_data()?))
        }
        Kind::Output(output) => output.flush(),
        Kind::Input(_) => Err(Errno::Inval),
    }
}

/// Waits until a file and what is known of it are stored.
///
/// # Errors
/// `BADF`, `NOTCAPABLE`, `INVAL` for an input, what the host meets.
pub fn fd_sync(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result {
    let descriptor = ctx.table.get_mut(fd)?;
    descriptor.require(Rights::FD_SYNC)?;
    match &mut descriptor.kind {
        Kind::File(file) => {
            let file = file.file.clone();
            ctx.waits().blocking(move || Ok(file.sync_all()?))
        }
        Kind::Dir(dir) => {
            let dir = dir.dir.clone();
            ctx.waits().blocking(move || Ok(dir.open(".")?.sync_all()?))
        }
        Kind::Output(output) => output.flush(),
        Kind::Input(_) => Err(Errno::Inval),
    }
}

/// Writes what is known of a descriptor.
///
/// # Errors
/// `BADF`, `FAULT` outside memory.
pub fn fd_fdstat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    stat: u32,
) -> Result {
    ctx.table.get(fd)?.fdstat().store(memory, stat)
}

/// Changes how a descriptor behaves.
///
/// # Errors
/// `BADF`, `NOTCAPABLE`, `INVAL` for flags that mean nothing, `NOTSUP` for the flags of storing, which
/// can only be given when a file is opened.
pub fn fd_fdstat_set_flags(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
) -> Result {
    let flags = FdFlags::from_bits(u64::from(flags)).ok_or(Errno::Inval)?;
    let descriptor = ctx.table.get_mut(fd)?;
    descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
    let storing = FdFlags::DSYNC.or(FdFlags::RSYNC).or(FdFlags::SYNC);
    if flags.and(storing) != descriptor.flags.and(storing) {
        return Err(Errno::Notsup);
    }
    let append = flags.contains(FdFlags::APPEND);
    if let Kind::File(file) = &descriptor.kind
        && append != descriptor.flags.contains(FdFlags::APPEND)
    {
        crate::sys::set_append(&file.file, append)?;
    }
    descriptor.flags = flags;
    Ok(())
}

/// Gives up rights.
///
/// # Errors
/// `BADF`; `NOTCAPABLE` for a right that is not there to be kept.
pub fn fd_fdstat_set_rights(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result {
    let descriptor = ctx.table.get_mut(fd)?;
    let base = Rights::from_bits(base).ok_or(Errno::Notcapable)?;
    let inheriting = Rights::from_bits(inheriting).ok_or(Errno::Notcapable)?;
    if !descriptor.base.contains(base) || !descriptor.inheriting.contains(inheriting) {
        return Err(Errno::Notcapable);
    }
    descriptor.base = base;
    descriptor.inheriting = inheriting;
    Ok(())
}

/// Writes what is known of the file behind a descriptor.
///
/// # Errors
/// `BADF`, `NOTCAPABLE`, `FAULT` outside memory, what the host meets.
pub fn fd_filestat_get(
    abi: Abi,
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    stat: u32,
) -> Result {
    let descriptor = ctx.table.get(fd)?;
    descriptor.require(Rights::FD_FILESTAT_GET)?;
    descriptor.filestat(ctx.waits())?.store(abi, memory, stat)
}

/// Cuts or grows a file.
///
/// # Errors
/// `BADF`, `ISDIR`, `SPIPE`, `ROFS`, `NOTCAPABLE`, `INVAL` for a size no file can have, what the host
/// meets.
pub fn fd_filestat_set_size(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    size: u64,
) -> Result {
    let descriptor = ctx.table.get(fd)?;
    let file = descriptor.file()?;
    file.require_changeable()?;
    descriptor.require(Rights::FD_FILESTAT_SET_SIZE)?;
    if size > OFFSET_MAX {
        return Err(Errno::Inval);
    }
    let file = file.file.clone();
    ctx.waits().blocking(move || Ok(file.set_len(size)?))
}

/// Sets the times of the file behind a descriptor.
///
/// # Errors
/// `BADF`, `ROFS`, `NOTCAPABLE`, `INVAL` for a time that is both given and now, what the host meets.
pub fn fd_filestat_set_times(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    atim: u64,
    mtim: u64,
    flags: u32,
) -> Result {
    let times = Times::decode(atim, mtim, flags)?;
    let descriptor = ctx.table.get(fd)?;
    if let Kind::Dir(_) = descriptor.kind {
        let dir = ctx.table.dir(fd, Rights::FD_FILESTAT_SET_TIMES)?;
        let dir = dir.dir.clone();
        let set = move || Ok(dir.set_times(".", times.atim.spec(), times.mtim.spec())?);
        return ctx.waits().blocking(set);
    }
    if let Kind::File(file) = &descriptor.kind {
        file.require_changeable()?;
    }
    descriptor.require(Rights::FD_FILESTAT_SET_TIMES)?;
    let file = descriptor.file()?.file.clone();
    ctx.waits().blocking(move || times.set(&file))
}

/// Writes what kind of preopened descriptor this is, and how long its name.
///
/// # Errors
/// `BADF` for anything that is not preopened, `FAULT` outside memory.
pub fn fd_prestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    prestat: u32,
) -> Result {
    let len = u32::try_from(preopen_name(ctx, fd)?.len()).map_err(|_| Errno::Overflow)?;
    // The tag of a directory is nought, and three bytes of padding follow it.
    let mut record = [0_u8; 8];
    record[4..].copy_from_slice(&len.to_le_bytes());
    memory.write(prestat, &record)
}

/// Writes the name of a preopened descriptor.
///
/// # Errors
/// `BADF` for anything that is not preopened, `NAMETOOLONG` for a buffer too short, `FAULT` outside
/// memory.
pub fn fd_prestat_dir_name(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let name = preopen_name(ctx, fd)?;
    let fits = usize::try_from(path_len).is_ok_and(|len| len >= name.len());
    if fits { memory.write(path, name.as_bytes()) } else { Err(Errno::Nametoolong) }
}

/// The guest's name of a preopened descriptor.
fn preopen_name(ctx: &WasiCtx, fd: u32) -> Result<&str> {
    match &ctx.table.get(fd)?.kind {
        Kind::Dir(dir) => dir.preopen.as_deref().ok_or(Errno::Badf),
        _ => Err(Errno::Badf),
    }
}

/// Moves a descriptor over another one, which is closed.
///
/// # Errors
/// `BADF` if either is not open.
pub fn fd_renumber(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, from: u32, to: u32) -> Result {
    ctx.table.renumber(from, to)
}

/// Moves to a place in a file and writes which it is.
///
/// # Errors
/// `BADF`, `ISDIR`, `SPIPE`, `NOTCAPABLE`, `INVAL` for a place before the start or no `whence`,
/// `FAULT` outside memory.
pub fn fd_seek(
    abi: Abi,
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    place: u32,
) -> Result {
    let whence = Whence::decode(abi, whence)?;
    memory.region(place, 8)?;
    let descriptor = ctx.table.get(fd)?;
    let file = descriptor.file()?;
    let asks_only = whence == Whence::Cur && offset == 0;
    if !(asks_only && descriptor.base.contains(Rights::FD_TELL)) {
        descriptor.require(Rights::FD_SEEK)?;
    }
    let target = match whence {
        Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        Whence::Cur => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
    };
    let reached = (&*file.file).seek(target)?;
    memory.write_u64(place, reached)
}

/// Writes the place in a file.
///
/// # Errors
/// `BADF`, `ISDIR`, `SPIPE`, `NOTCAPABLE`, `FAULT` outside memory.
pub fn fd_tell(ctx: &mut WasiCtx, memory: &mut GuestMemory<'_>, fd: u32, place: u32) -> Result {
    let descriptor = ctx.table.get(fd)?;
    let file = descriptor.file()?;
    descriptor.require(Rights::FD_TELL)?;
    let reached = (&*file.file).stream_position()?;
    memory.write_u64(place, reached)
}
