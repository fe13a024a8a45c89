//! Opening a path beneath an open directory.
//!
//! Which rights a new descriptor gets:
//! 1. No right goes beyond what the directory passes on. What is asked beyond that is left out, not
//!    refused, since some standard libraries ask for everything; but reading or writing that cannot
//!    be had is refused, so that no program finds out later.
//! 2. Rights that mean nothing for what was opened are left out.
//! 3. Under a read-only preopen, writing, making and cutting are `ROFS`.
//!
//! The host's file is opened without waiting, whatever it is: a named pipe must not hold the thread.

use std::sync::Arc;

use cap_fs_ext::{
    DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsMaybeDirExt as _,
    OpenOptionsSyncExt as _,
};
use cap_std::fs::{Dir, OpenOptions};

use crate::ctx::{DirRights, WasiCtx};
use crate::errno::Errno;
use crate::table::{Descriptor, Kind, OpenDir, OpenFile, Table, filetype};
use crate::types::{FdFlags, FileType, OFlags, Rights};

type Result<T = ()> = std::result::Result<T, Errno>;

/// What a guest asks of a path.
pub(crate) struct Request {
    pub(crate) follows: bool,
    pub(crate) oflags: OFlags,
    pub(crate) base: Rights,
    pub(crate) inheriting: Rights,
    pub(crate) flags: FdFlags,
}

impl Request {
    /// The rights that the directory must have.
    fn needed(&self) -> Rights {
        let mut needed = Rights::PATH_OPEN;
        if self.oflags.contains(OFlags::CREAT) {
            needed = needed.or(Rights::PATH_CREATE_FILE);
        }
        if self.oflags.contains(OFlags::TRUNC) {
            needed = needed.or(Rights::PATH_FILESTAT_SET_SIZE);
        }
        needed
    }

    /// Leaves out what the directory does not pass on.
    ///
    /// # Errors
    /// `ROFS` and `NOTCAPABLE` for writing or reading that cannot be had.
    fn narrow(&mut self, inheriting: Rights, access: DirRights) -> Result {
        if access == DirRights::ReadOnly && self.base.contains(Rights::FD_WRITE) {
            return Err(Errno::Rofs);
        }
        let moving = Rights::FD_READ.or(Rights::FD_WRITE);
        if !inheriting.contains(self.base.and(moving)) {
            return Err(Errno::Notcapable);
        }
        self.base = self.base.and(inheriting);
        self.inheriting = self.inheriting.and(inheriting);
        Ok(())
    }

    /// What is left of it for a directory that is open.
    ///
    /// # Errors
    /// `BADF`, `NOTDIR`, `ROFS` and `NOTCAPABLE` for what cannot be had.
    pub(crate) fn of(mut self, table: &Table, fd: u32) -> Result<Request> {
        let access = table.dir(fd, self.needed())?.access;
        self.narrow(table.get(fd)?.inheriting, access)?;
        Ok(self)
    }
}

/// Opens a path beneath a directory; the number of the new descriptor.
///
/// # Errors
/// `MFILE`, before the host is touched; `INVAL` for flags that mean nothing together, `ISDIR` for a directory to write,
/// what the host meets.
pub(crate) fn open(ctx: &mut WasiCtx, fd: u32, path: &str, request: Request) -> Result<u32> {
    ctx.table.free()?;
    let OpenDir { dir, access, .. } = ctx.table.dir(fd, request.needed())?;
    let (dir, access, path) = (dir.clone(), *access, path.to_owned());
    let descriptor = ctx.waits().blocking(move || {
        if request.oflags.contains(OFlags::DIRECTORY) {
            open_directory(&dir, access, &path, &request)
        } else {
            open_any(&dir, access, &path, &request)
        }
    })?;
    ctx.table.insert(descriptor)
}

/// Opens what must be a directory.
fn open_directory(
    dir: &Dir,
    access: DirRights,
    path: &str,
    request: &Request,
) -> Result<Descriptor> {
    if request.oflags.intersects(OFlags::CREAT.or(OFlags::EXCL)) {
        return Err(Errno::Inval);
    }
    if request.oflags.contains(OFlags::TRUNC) || request.base.contains(Rights::FD_WRITE) {
        return Err(Errno::Isdir);
    }
    let opened = if request.follows { dir.open_dir(path)? } else { dir.open_dir_nofollow(path)? };
    Ok(directory(opened, access, request))
}

/// Opens what may be anything.
fn open_any(dir: &Dir, access: DirRights, path: &str, request: &Request) -> Result<Descriptor> {
    let file = open_file(dir, path, request)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        let opened = Dir::from_std_file(file.into_std());
        return Ok(directory(opened, access, request));
    }
    let file = file.into_std();
    // The host's open calls refuse to append and cut at once; guests may ask for both.
    if request.flags.contains(FdFlags::APPEND) {
        crate::sys::set_append(&file, true)?;
    }
    let filetype = filetype(&metadata);
    let base = match filetype {
        FileType::RegularFile => Rights::FILE,
        // What cannot seek must not look as if it could: C libraries tell terminals by that.
        _ => Rights::FILE.without(Rights::FD_SEEK.or(Rights::FD_TELL)),
    };
    Ok(Descriptor {
        kind: Kind::File(OpenFile { file: Arc::new(file), filetype, access }),
        base: request.base.and(base),
        inheriting: request.inheriting,
        flags: request.flags,
    })
}

/// A descriptor of a directory.
fn directory(dir: Dir, access: DirRights, request: &Request) -> Descriptor {
    Descriptor {
        kind: Kind::Dir(OpenDir { dir: Arc::new(dir), access, preopen: None, listing: None }),
        base: request.base.and(Rights::DIRECTORY),
        inheriting: request.inheriting,
        flags: request.flags.and(FdFlags::NONBLOCK),
    }
}

/// Opens the host's file. A file that is there is opened with no more access than the guest asked
/// for; only to make or to cut one is writing needed for the host's sake.
fn open_file(dir: &Dir, path: &str, request: &Request) -> Result<cap_std::fs::File> {
    let writes = request.base.intersects(Rights::FILE_CHANGING);
    let cuts = request.oflags.contains(OFlags::TRUNC);
    let makes = request.oflags.contains(OFlags::CREAT);
    let alone = makes && request.oflags.contains(OFlags::EXCL);
    let mut options = OpenOptions::new();
    options
        .read(request.base.contains(Rights::FD_READ) || !(writes || cuts))
        .write(writes || cuts)
        .truncate(cuts)
        .follow(if request.follows { FollowSymlinks::Yes } else { FollowSymlinks::No })
        .maybe_dir(true)
        .nonblock(true)
        .sync(request.flags.contains(FdFlags::SYNC))
        .dsync(request.flags.contains(FdFlags::DSYNC))
        .rsync(request.flags.contains(FdFlags::RSYNC));
    if !alone {
        match dir.open_with(path, &options) {
            Err(error) if makes && error.kind() == std::io::ErrorKind::NotFound => {}
            other => return Ok(other?),
        }
    }
    options.write(true).create(true).create_new(alone);
    Ok(dir.open_with(path, &options)?)
}
