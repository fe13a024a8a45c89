//! Paths: making, looking at, linking, moving and removing what they name.
//!
//! Every path is relative to an open directory and is resolved beneath it by `cap-std`; what would
//! lead out is `NOTCAPABLE`. Whatever changes the tree asks for a directory that may be changed, and
//! a link or a move asks it of both its directories: a hard link made from a read-only directory
//! would otherwise open the same file to be written under another name.

use std::io;
use std::path::Path;

use cap_fs_ext::DirExt as _;
use cap_std::fs::Dir;

use super::Result;
use super::fd::Times;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::table::filestat;
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
    let dir = ctx.table.dir(fd, Rights::PATH_CREATE_DIRECTORY)?;
    let path = load_path(ctx, memory, path, path_len)?;
    Ok(dir.dir.create_dir(path)?)
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
    let dir = ctx.table.dir(fd, Rights::PATH_FILESTAT_GET)?;
    let path = load_path(ctx, memory, path, path_len)?;
    let follows = follows(flags)? || names_directory(path);
    let metadata =
        if follows { dir.dir.metadata(path)? } else { dir.dir.symlink_metadata(path)? };
    filestat(&metadata).store(abi, memory, stat)
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
    let dir = ctx.table.dir(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
    let times = Times::decode(atim, mtim, times)?;
    let path = load_path(ctx, memory, path, path_len)?;
    let follows = follows(flags)? || names_directory(path);
    let (atim, mtim) = (times.atim.spec(), times.mtim.spec());
    if follows {
        Ok(dir.dir.set_times(path, atim, mtim)?)
    } else {
        Ok(dir.dir.set_symlink_times(path, atim, mtim)?)
    }
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
    let old_dir = ctx.table.dir(old_fd, Rights::PATH_LINK_SOURCE)?;
    let new_dir = ctx.table.dir(new_fd, Rights::PATH_LINK_TARGET)?;
    if follows(old_flags)? {
        return Err(Errno::Inval);
    }
    let old_path = load_path(ctx, memory, old_path, old_path_len)?;
    let new_path = load_path(ctx, memory, new_path, new_path_len)?;
    Ok(old_dir.dir.hard_link(old_path, &new_dir.dir, new_path)?)
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
    let dir = ctx.table.dir(fd, Rights::PATH_READLINK)?;
    let path = load_path(ctx, memory, path, path_len)?;
    let target = dir.dir.read_link(path)?.into_os_string();
    let target = target.into_string().map_err(|_| Errno::Ilseq)?;
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
    let dir = ctx.table.dir(fd, Rights::PATH_REMOVE_DIRECTORY)?;
    let path = load_path(ctx, memory, path, path_len)?;
    Ok(dir.dir.remove_dir(path)?)
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
    let old_dir = ctx.table.dir(old_fd, Rights::PATH_RENAME_SOURCE)?;
    let new_dir = ctx.table.dir(new_fd, Rights::PATH_RENAME_TARGET)?;
    let old_path = load_path(ctx, memory, old_path, old_path_len)?;
    let new_path = load_path(ctx, memory, new_path, new_path_len)?;
    // A slash at the end of either name says that a directory is moved; not all systems hold to it.
    if names_directory(old_path) || names_directory(new_path) {
        let bare = old_path.trim_end_matches('/');
        require_directory(&old_dir.dir, bare)?;
    }
    Ok(old_dir.dir.rename(old_path, &new_dir.dir, new_path)?)
}

/// Refuses what is not a directory itself; a link to one is none.
fn require_directory(dir: &Dir, path: &str) -> Result {
    if dir.symlink_metadata(path)?.is_dir() { Ok(()) } else { Err(Errno::Notdir) }
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
    let dir = ctx.table.dir(fd, Rights::PATH_SYMLINK)?;
    let target = load_path(ctx, memory, old_path, old_path_len)?;
    let new_path = load_path(ctx, memory, new_path, new_path_len)?;
    if target.starts_with('/') || Path::new(target).has_root() {
        return Err(Errno::Notcapable);
    }
    Ok(cap_fs_ext::DirExt::symlink(&dir.dir, target, new_path)?)
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
    let dir = ctx.table.dir(fd, Rights::PATH_UNLINK_FILE)?;
    let path = load_path(ctx, memory, path, path_len)?;
    match dir.dir.remove_file_or_symlink(path) {
        // Some systems call a directory that is to be unlinked forbidden.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let is_dir = dir.dir.symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
            Err(if is_dir { Errno::Isdir } else { error.into() })
        }
        other => Ok(other?),
    }
}

/// Whether a lookup follows a symbolic link in the last place.
pub(super) fn follows(flags: u32) -> Result<bool> {
    let flags = LookupFlags::from_bits(u64::from(flags)).ok_or(Errno::Inval)?;
    Ok(flags.contains(LookupFlags::SYMLINK_FOLLOW))
}

/// Whether a path says by its end that it names a directory: then a link in the last place is
/// followed whatever the flags, as POSIX has it.
fn names_directory(path: &str) -> bool {
    path.ends_with('/')
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
