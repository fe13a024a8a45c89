//! Paths: making, looking at, linking, moving and removing what they name.
//!
//! Every path is relative to an open directory; what is done with it stands in [`paths`](crate::paths). Whatever changes the tree asks for a directory that may be changed, and
//! a link or a move asks it of both its directories: a hard link made from a read-only directory
//! would otherwise open the same file to be written under another name.

use super::Result;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::paths;
use crate::times::Times;
use crate::types::{Abi, LookupFlags, Rights};

/// Makes a directory.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, `EXIST`, what the host meets.
pub fn path_create_directory(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let dir = ctx.table.dir(fd, Rights::PATH_CREATE_DIRECTORY)?.dir.clone();
    let path = load_path(ctx, memory, path, path_len)?.to_owned();
    ctx.waits().blocking(move || Ok(dir.create_dir(path)?))
}

/// Writes what is known of the file at a path.
///
/// # Errors
/// `BADF`, `NOTDIR`, `NOTCAPABLE`, those of a path, `FAULT`, what the host meets.
pub fn path_filestat_get(
    abi: Abi,
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    stat: u32,
) -> Result {
    let dir = ctx.table.dir(fd, Rights::PATH_FILESTAT_GET)?.dir.clone();
    let path = load_path(ctx, memory, path, path_len)?.to_owned();
    let follows = follows(flags)?;
    let known = ctx.waits().blocking(move || paths::stat(&dir, &path, follows))?;
    known.store(abi, memory, stat)
}

/// Sets the times of the file at a path.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, `INVAL` for a time that is both given and
/// now, what the host meets.
#[expect(clippy::too_many_arguments, reason = "the ABI decides the parameters")]
pub fn path_filestat_set_times(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    times: u32,
) -> Result {
    let dir = ctx.table.dir(fd, Rights::PATH_FILESTAT_SET_TIMES)?.dir.clone();
    let times = Times::decode(atim, mtim, times)?;
    let path = load_path(ctx, memory, path, path_len)?.to_owned();
    let follows = follows(flags)?;
    ctx.waits().blocking(move || paths::set_times(&dir, &path, follows, times))
}

/// Gives a file another name; a symbolic link is linked itself, never followed.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, `INVAL` for a lookup that would follow,
/// what the host meets.
#[expect(clippy::too_many_arguments, reason = "the ABI decides the parameters")]
pub fn path_link(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result {
    let old_dir = ctx.table.dir(old_fd, Rights::PATH_LINK_SOURCE)?.dir.clone();
    let new_dir = ctx.table.dir(new_fd, Rights::PATH_LINK_TARGET)?.dir.clone();
    if follows(old_flags)? {
        return Err(Errno::Inval);
    }
    let old_path = load_path(ctx, memory, old_path, old_path_len)?.to_owned();
    let new_path = load_path(ctx, memory, new_path, new_path_len)?.to_owned();
    ctx.waits().blocking(move || Ok(old_dir.hard_link(old_path, &new_dir, new_path)?))
}

/// Writes where a symbolic link points, cut off at the end of the buffer, and how many bytes that
/// took. A link to an absolute path of the host is `NOTCAPABLE`: it could not be followed.
///
/// # Errors
/// `BADF`, `NOTDIR`, `NOTCAPABLE`, those of a path, `INVAL` for no link, `FAULT`, what the host meets.
pub fn path_readlink(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    used: u32,
) -> Result {
    let dir = ctx.table.dir(fd, Rights::PATH_READLINK)?.dir.clone();
    let path = load_path(ctx, memory, path, path_len)?.to_owned();
    let target = ctx.waits().blocking(move || paths::read_link(&dir, &path))?;
    let room = usize::try_from(buf_len).unwrap_or(usize::MAX);
    let shown = &target.as_bytes()[..target.len().min(room)];
    memory.region(used, 4)?;
    memory.write(buf, shown)?;
    memory.write_u32(used, u32::try_from(shown.len()).map_err(|_| Errno::Overflow)?)
}

/// Removes an empty directory.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, `NOTEMPTY`, what the host meets.
pub fn path_remove_directory(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let dir = ctx.table.dir(fd, Rights::PATH_REMOVE_DIRECTORY)?.dir.clone();
    let path = load_path(ctx, memory, path, path_len)?.to_owned();
    ctx.waits().blocking(move || Ok(dir.remove_dir(path)?))
}

/// Moves a file or a directory, over what is there.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, what the host meets.
pub fn path_rename(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result {
    let old_dir = ctx.table.dir(old_fd, Rights::PATH_RENAME_SOURCE)?.dir.clone();
    let new_dir = ctx.table.dir(new_fd, Rights::PATH_RENAME_TARGET)?.dir.clone();
    let old_path = load_path(ctx, memory, old_path, old_path_len)?.to_owned();
    let new_path = load_path(ctx, memory, new_path, new_path_len)?.to_owned();
    ctx.waits().blocking(move || paths::rename(&old_dir, &old_path, &new_dir, &new_path))
}

/// Makes a symbolic link. Where it points is text, which is judged when it is followed; an absolute
/// path is refused at once, since it could never be followed.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, `EXIST`, what the host meets.
pub fn path_symlink(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_path: u32,
    old_path_len: u32,
    fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result {
    let dir = ctx.table.dir(fd, Rights::PATH_SYMLINK)?.dir.clone();
    let target = load_path(ctx, memory, old_path, old_path_len)?.to_owned();
    let new_path = load_path(ctx, memory, new_path, new_path_len)?.to_owned();
    ctx.waits().blocking(move || paths::symlink(&dir, &target, &new_path))
}

/// Removes a file or a link.
///
/// # Errors
/// `BADF`, `NOTDIR`, `ROFS`, `NOTCAPABLE`, those of a path, `ISDIR`, what the host meets.
pub fn path_unlink_file(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let dir = ctx.table.dir(fd, Rights::PATH_UNLINK_FILE)?.dir.clone();
    let path = load_path(ctx, memory, path, path_len)?.to_owned();
    ctx.waits().blocking(move || paths::unlink(&dir, &path))
}

/// Whether a lookup follows a symbolic link in the last place.
pub(super) fn follows(flags: u32) -> Result<bool> {
    let flags = LookupFlags::from_bits(u64::from(flags)).ok_or(Errno::Inval)?;
    Ok(flags.contains(LookupFlags::SYMLINK_FOLLOW))
}

/// A path that names something beneath a directory.
pub(super) fn load_path<'a>(
    ctx: &WasiCtx,
    memory: &'a GuestMemory<'_>,
    path: u32,
    path_len: u32,
) -> Result<&'a str> {
    let path = memory.read_path(path, path_len, &ctx.limits)?;
    if path.is_empty() { Err(Errno::Noent) } else { Ok(path) }
}
