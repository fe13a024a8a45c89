//! `wasi:filesystem/types`: descriptors of files and directories.
//!
//! A descriptor is one of the context's, whose rights and access decide as they do for WASI 0.1. Functions of that which
//! touch no memory are called for both.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use dunlin_component::{Borrow, Resource};

use super::error_code::ErrorCode;
use super::filesystem_types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, MetadataHash,
    NewTimestamp, OpenFlags, PathFlags, raw_times, request, times,
};
use super::link::{Interface, Interfaces};
use super::state::ComponentCtx;
use super::streams::{InputStream, IoError, OutputStream};
use crate::errno::Errno;
use crate::limits::STREAM_BYTES_MAX;
use crate::memory::GuestMemory;
use crate::streams::{read_regular, require_reading, require_writing, write_regular_at};
use crate::table::{Entry, Kind};
use crate::types::{FileStat, Rights};
use crate::{open, paths, preview1};

/// A descriptor of the context's.
pub(super) struct FileDescriptor(pub(super) u32);

/// The entries of a directory that have not been given yet.
struct DirectoryEntryStream {
    entries: std::vec::IntoIter<Entry>,
    /// How many there were.
    count: usize,
}

type Outcome<R = ()> = Result<R, Errno>;
type This = Borrow<FileDescriptor>;
/// The arguments of `open-at`.
type Opening = (This, PathFlags, String, OpenFlags, DescriptorFlags);

/// The entries of a listing that every directory begins with: itself and its parent.
const OWN_ENTRIES: usize = 2;

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    let mut types = all.named("wasi:filesystem/types")?;
    types
        .resource_with("descriptor", close)?
        .resource_with("directory-entry-stream", forget_entries)?
        .file_func(
            "[method]directory-entry-stream.read-directory-entry",
            |state, (stream,): (Borrow<DirectoryEntryStream>,)| {
                let stream = state.table.get_mut(&stream).map_err(|_| Errno::Badf)?;
                let next = stream.entries.next();
                Ok(next
                    .map(|entry| DirectoryEntry { kind: entry.filetype.into(), name: entry.name }))
            },
        )?
        .func("filesystem-error-code", |state, (error,): (Borrow<IoError>,)| {
            Ok(match state.table.get(&error)? {
                IoError::System(errno) => Some(ErrorCode::from(*errno)),
                IoError::Http(_) => None,
            })
        })?;
    define_bytes(&mut types)?;
    define_state(&mut types)?;
    define_paths(&mut types)
}

fn close(state: &mut ComponentCtx, FileDescriptor(fd): FileDescriptor) {
    // A descriptor has its number until here, and there is nobody to tell of a failure.
    let _ = preview1::fd_close(&mut state.ctx, &mut none(), fd);
}

fn forget_entries(state: &mut ComponentCtx, stream: DirectoryEntryStream) {
    state.entries_held = state.entries_held.saturating_sub(stream.count);
}

/// What moves bytes.
fn define_bytes<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    types
        .file_func("[method]descriptor.read-via-stream", |state, (this, offset): (This, u64)| {
            read_via_stream(state, &this, offset)
        })?
        .file_func("[method]descriptor.write-via-stream", |state, (this, offset): (This, u64)| {
            write_via_stream(state, &this, Some(offset))
        })?
        .file_func("[method]descriptor.append-via-stream", |state, (this,): (This,)| {
            write_via_stream(state, &this, None)
        })?
        .file_func("[method]descriptor.read", |state, (this, len, offset): (This, u64, u64)| {
            read(state, &this, len, offset)
        })?
        .file_func(
            "[method]descriptor.write",
            |state, (this, bytes, offset): (This, Vec<u8>, u64)| {
                write(state, &this, &bytes, offset)
            },
        )?
        .file_func("[method]descriptor.read-directory", |state, (this,): (This,)| {
            read_directory(state, &this)
        })?;
    Ok(())
}

/// What is said of descriptors, and changed.
fn define_state<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    types
        .file_func(
            "[method]descriptor.advise",
            |state, (this, offset, len, advice): (This, u64, u64, Advice)| {
                let fd = state.fd(&this)?;
                preview1::fd_advise(&mut state.ctx, &mut none(), fd, offset, len, advice.into())
            },
        )?
        .file_func("[method]descriptor.sync-data", |state, (this,): (This,)| {
            let fd = state.fd(&this)?;
            preview1::fd_datasync(&mut state.ctx, &mut none(), fd)
        })?
        .file_func("[method]descriptor.sync", |state, (this,): (This,)| {
            let fd = state.fd(&this)?;
            preview1::fd_sync(&mut state.ctx, &mut none(), fd)
        })?
        .file_func("[method]descriptor.get-flags", |state, (this,): (This,)| {
            let fd = state.fd(&this)?;
            let descriptor = state.ctx.table.get(fd)?;
            let is_dir = matches!(descriptor.kind, Kind::Dir(_));
            Ok(DescriptorFlags::of(descriptor.base, descriptor.flags, is_dir))
        })?
        .file_func("[method]descriptor.get-type", |state, (this,): (This,)| {
            let fd = state.fd(&this)?;
            Ok(DescriptorType::from(state.ctx.table.get(fd)?.fdstat().filetype))
        })?
        .file_func("[method]descriptor.set-size", |state, (this, size): (This, u64)| {
            let fd = state.fd(&this)?;
            preview1::fd_filestat_set_size(&mut state.ctx, &mut none(), fd, size)
        })?
        .file_func(
            "[method]descriptor.set-times",
            |state, (this, atim, mtim): (This, NewTimestamp, NewTimestamp)| {
                let fd = state.fd(&this)?;
                let (atim, mtim, flags) = raw_times(atim, mtim)?;
                preview1::fd_filestat_set_times(&mut state.ctx, &mut none(), fd, atim, mtim, flags)
            },
        )?
        .file_func("[method]descriptor.stat", |state, (this,): (This,)| {
            stat(state, &this).map(DescriptorStat::from)
        })?
        .file_func("[method]descriptor.metadata-hash", |state, (this,): (This,)| {
            stat(state, &this).map(hash)
        })?
        .func("[method]descriptor.is-same-object", |state, (this, other): (This, This)| {
            let place = |stat: FileStat| (stat.dev, stat.ino);
            let places = (stat(state, &this).map(place), stat(state, &other).map(place));
            Ok(matches!(places, (Ok(a), Ok(b)) if a == b))
        })?;
    Ok(())
}

/// What is done with paths.
fn define_paths<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    types
        .file_func(
            "[method]descriptor.create-directory-at",
            |state, (this, path): (This, String)| {
                let at = state.at(&this, Rights::PATH_CREATE_DIRECTORY, &path)?;
                state.ctx.waits().blocking(move || Ok(at.create_dir(&path)?))
            },
        )?
        .file_func(
            "[method]descriptor.stat-at",
            |state, (this, flags, path): (This, PathFlags, String)| {
                stat_at(state, &this, flags, path).map(DescriptorStat::from)
            },
        )?
        .file_func(
            "[method]descriptor.metadata-hash-at",
            |state, (this, flags, path): (This, PathFlags, String)| {
                stat_at(state, &this, flags, path).map(hash)
            },
        )?
        .file_func(
            "[method]descriptor.set-times-at",
            |state,
             (this, flags, path, atim, mtim): (
                This,
                PathFlags,
                String,
                NewTimestamp,
                NewTimestamp,
            )| {
                let at = state.at(&this, Rights::PATH_FILESTAT_SET_TIMES, &path)?;
                let times = times(atim, mtim)?;
                let set = move || paths::set_times(&at, &path, flags.follows(), times);
                state.ctx.waits().blocking(set)
            },
        )?
        .file_func(
            "[method]descriptor.open-at",
            |state, (this, path_flags, path, open_flags, flags): Opening| {
                open_at(state, &this, &path, (path_flags, open_flags, flags))
            },
        )?
        .file_func("[method]descriptor.readlink-at", |state, (this, path): (This, String)| {
            let at = state.at(&this, Rights::PATH_READLINK, &path)?;
            state.ctx.waits().blocking(move || paths::read_link(&at, &path))
        })?
        .file_func(
            "[method]descriptor.remove-directory-at",
            |state, (this, path): (This, String)| {
                let at = state.at(&this, Rights::PATH_REMOVE_DIRECTORY, &path)?;
                state.ctx.waits().blocking(move || Ok(at.remove_dir(&path)?))
            },
        )?
        .file_func("[method]descriptor.unlink-file-at", |state, (this, path): (This, String)| {
            let at = state.at(&this, Rights::PATH_UNLINK_FILE, &path)?;
            state.ctx.waits().blocking(move || paths::unlink(&at, &path))
        })?;
    define_two_paths(types)
}

/// What is done with two paths.
fn define_two_paths<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    types
        .file_func(
            "[method]descriptor.symlink-at",
            |state, (this, target, path): (This, String, String)| {
                paths::checked(&target, &state.ctx.limits)?;
                let at = state.at(&this, Rights::PATH_SYMLINK, &path)?;
                state.ctx.waits().blocking(move || paths::symlink(&at, &target, &path))
            },
        )?
        .file_func(
            "[method]descriptor.link-at",
            |state, (this, flags, old, to, new): (This, PathFlags, String, This, String)| {
                let old_dir = state.at(&this, Rights::PATH_LINK_SOURCE, &old)?;
                let new_dir = state.at(&to, Rights::PATH_LINK_TARGET, &new)?;
                if flags.follows() {
                    return Err(Errno::Inval);
                }
                let link = move || Ok(old_dir.hard_link(&old, &new_dir, &new)?);
                state.ctx.waits().blocking(link)
            },
        )?
        .file_func(
            "[method]descriptor.rename-at",
            |state, (this, old, to, new): (This, String, This, String)| {
                let old_dir = state.at(&this, Rights::PATH_RENAME_SOURCE, &old)?;
                let new_dir = state.at(&to, Rights::PATH_RENAME_TARGET, &new)?;
                let rename = move || paths::rename(&old_dir, &old, &new_dir, &new);
                state.ctx.waits().blocking(rename)
            },
        )?;
    Ok(())
}

impl ComponentCtx {
    /// The number of a descriptor.
    fn fd(&self, this: &This) -> Outcome<u32> {
        self.table.get(this).map(|descriptor| descriptor.0).map_err(|_| Errno::Badf)
    }

    /// A directory with the rights needed, for a path that can be one.
    fn at(&self, this: &This, needed: Rights, path: &str) -> Outcome<Arc<cap_std::fs::Dir>> {
        let dir = self.ctx.table.dir(self.fd(this)?, needed)?;
        paths::checked(path, &self.ctx.limits)?;
        Ok(dir.dir.clone())
    }
}

/// The memory of functions that touch none.
fn none() -> GuestMemory<'static> {
    GuestMemory::new(&mut [])
}

fn open_at(
    state: &mut ComponentCtx,
    this: &This,
    path: &str,
    (path_flags, open_flags, flags): (PathFlags, OpenFlags, DescriptorFlags),
) -> Outcome<Resource<FileDescriptor>> {
    let fd = state.fd(this)?;
    let request = request(path_flags, open_flags, flags).of(&state.ctx.table, fd)?;
    paths::checked(path, &state.ctx.limits)?;
    let opened = open::open(&mut state.ctx, fd, path, request)?;
    state.give_descriptor(opened)
}

impl ComponentCtx {
    /// Makes a descriptor that has just been opened the guest's; it is closed if the guest holds too many resources.
    pub(super) fn give_descriptor(&mut self, fd: u32) -> Outcome<Resource<FileDescriptor>> {
        let given = self.push(FileDescriptor(fd));
        if given.is_err() {
            drop(self.ctx.table.close(fd));
        }
        given
    }
}

fn read_via_stream(
    state: &mut ComponentCtx,
    this: &This,
    offset: u64,
) -> Outcome<Resource<InputStream>> {
    let descriptor = state.ctx.table.get(state.fd(this)?)?;
    require_reading(descriptor)?;
    let file = descriptor.file()?;
    let stream = match file.can_wait() {
        true => InputStream::pipe(file.file.clone()),
        false => InputStream::at(file.file.clone(), offset),
    };
    state.push(stream)
}

/// A stream to a place in a file, or to its end.
fn write_via_stream(
    state: &mut ComponentCtx,
    this: &This,
    offset: Option<u64>,
) -> Outcome<Resource<OutputStream>> {
    let descriptor = state.ctx.table.get(state.fd(this)?)?;
    require_writing(descriptor)?;
    let file = descriptor.file()?;
    let stream = match offset {
        _ if file.can_wait() => OutputStream::pipe(file.file.clone()),
        Some(offset) => OutputStream::at(file.file.clone(), offset),
        None => OutputStream::end(file.file.clone()),
    };
    state.push(stream)
}

/// Bytes at a place, and whether it is the end.
fn read(state: &ComponentCtx, this: &This, len: u64, offset: u64) -> Outcome<(Vec<u8>, bool)> {
    let descriptor = state.ctx.table.get(state.fd(this)?)?;
    require_reading(descriptor)?;
    let file = descriptor.file()?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(STREAM_BYTES_MAX)];
    let count = read_regular(&file.file, &mut bytes, Some(offset), state.ctx.waits())?;
    let is_end = count == 0 && !bytes.is_empty();
    bytes.truncate(count);
    Ok((bytes, is_end))
}

fn write(state: &ComponentCtx, this: &This, bytes: &[u8], offset: u64) -> Outcome<u64> {
    let descriptor = state.ctx.table.get(state.fd(this)?)?;
    require_writing(descriptor)?;
    let file = &descriptor.file()?.file;
    Ok(write_regular_at(file, bytes, offset, state.ctx.waits())? as u64)
}

fn stat(state: &ComponentCtx, this: &This) -> Outcome<FileStat> {
    let descriptor = state.ctx.table.get(state.fd(this)?)?;
    descriptor.require(Rights::FD_FILESTAT_GET)?;
    descriptor.filestat(state.ctx.waits())
}

fn stat_at(state: &ComponentCtx, this: &This, flags: PathFlags, path: String) -> Outcome<FileStat> {
    let at = state.at(this, Rights::PATH_FILESTAT_GET, &path)?;
    state.ctx.waits().blocking(move || paths::stat(&at, &path, flags.follows()))
}

/// A number for a file as it stands now.
fn hash(stat: FileStat) -> MetadataHash {
    let number = |half: u8| {
        let mut hasher = DefaultHasher::new();
        (half, stat.dev, stat.ino, stat.size, stat.mtim, stat.ctim).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHash { lower: number(0), upper: number(1) }
}

fn read_directory(
    state: &mut ComponentCtx,
    this: &This,
) -> Outcome<Resource<DirectoryEntryStream>> {
    let dir = state.ctx.table.dir(state.fd(this)?, Rights::FD_READDIR)?;
    let held = state.ctx.table.entries_held() + state.entries_held;
    let room = state.ctx.limits.directory_entries_max.saturating_sub(held);
    let mut entries = dir.entries(room, state.ctx.waits())?;
    entries.drain(..OWN_ENTRIES.min(entries.len()));
    let count = entries.len();
    let stream = state.push(DirectoryEntryStream { entries: entries.into_iter(), count })?;
    state.entries_held += count;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DirRights, Limits, WasiCtx};
    use tempfile::TempDir;

    /// What a component holds that has been granted a folder, which has a file, and its descriptor.
    fn granted(rights: DirRights, limits: Limits) -> (TempDir, ComponentCtx, This) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.txt"), "abc").expect("a file");
        let mut builder = WasiCtx::builder();
        builder.preopened_dir(folder.path(), "/", rights).expect("a folder").limits(limits);
        let mut state = ComponentCtx::new(builder.build().expect("a context"));
        let preopens = state.ctx.table.preopens().expect("a folder");
        let (descriptor, name) = preopens.into_iter().next().expect("a preopen");
        assert_eq!(name, "/");
        let fd = state.ctx.table.insert(descriptor).expect("a descriptor");
        let root = Borrow::new(state.give_descriptor(fd).expect("a resource").rep());
        (folder, state, root)
    }

    const READ: DescriptorFlags = DescriptorFlags::READ;

    fn open(
        state: &mut ComponentCtx,
        root: &This,
        path: &str,
        how: (OpenFlags, DescriptorFlags),
    ) -> Outcome<This> {
        let opened = open_at(state, root, path, (PathFlags::default(), how.0, how.1))?;
        Ok(Borrow::new(opened.rep()))
    }

    #[test]
    fn files_are_read_and_written_at_their_places() {
        let (_folder, mut state, root) = granted(DirRights::ReadWrite, Limits::default());
        let how = (OpenFlags::CREATE, READ | DescriptorFlags::WRITE);
        let file = open(&mut state, &root, "new.txt", how).expect("a file");
        assert_eq!(write(&state, &file, b"hello", 2), Ok(5));
        assert_eq!(read(&state, &file, 3, 1), Ok((b"\0he".to_vec(), false)));
        assert_eq!(read(&state, &file, u64::MAX, 7), Ok((Vec::new(), true)));
        assert_eq!(read(&state, &file, 0, 0), Ok((Vec::new(), false)));
        assert_eq!(stat(&state, &file).map(|stat| stat.size), Ok(7));
    }

    #[test]
    fn what_is_asked_for_is_what_can_be_done() {
        let (_folder, mut state, root) = granted(DirRights::ReadWrite, Limits::default());
        let file = open(&mut state, &root, "a.txt", (OpenFlags::default(), READ)).expect("a file");
        assert_eq!(write(&state, &file, b"x", 0), Err(Errno::Badf));
        assert_eq!(write_via_stream(&mut state, &file, None).err(), Some(Errno::Badf));
        let how = (OpenFlags::default(), DescriptorFlags::WRITE);
        let file = open(&mut state, &root, "a.txt", how).expect("a file");
        assert_eq!(read(&state, &file, 1, 0), Err(Errno::Badf));
        assert_eq!(read_via_stream(&mut state, &file, 0).err(), Some(Errno::Badf));
        assert_eq!(read(&state, &root, 1, 0), Err(Errno::Isdir));
    }

    #[test]
    fn nothing_is_changed_under_a_folder_to_read() {
        let (folder, mut state, root) = granted(DirRights::ReadOnly, Limits::default());
        for how in [
            (OpenFlags::CREATE, READ),
            (OpenFlags::TRUNCATE, READ),
            (OpenFlags::default(), DescriptorFlags::WRITE),
        ] {
            assert_eq!(open(&mut state, &root, "a.txt", how).err(), Some(Errno::Rofs), "{how:?}");
        }
        for needed in [Rights::PATH_UNLINK_FILE, Rights::PATH_RENAME_SOURCE, Rights::PATH_SYMLINK] {
            assert_eq!(state.at(&root, needed, "a.txt").err(), Some(Errno::Rofs));
        }
        let file = open(&mut state, &root, "a.txt", (OpenFlags::default(), READ)).expect("a file");
        assert_eq!(read(&state, &file, 9, 0), Ok((b"abc".to_vec(), false)));
        assert_eq!(std::fs::read(folder.path().join("a.txt")).expect("a file"), b"abc");
    }

    #[test]
    fn no_path_leads_out_and_odd_ones_are_refused() {
        let (_folder, mut state, root) = granted(DirRights::ReadWrite, Limits::default());
        let long = "a".repeat(5000);
        for (path, errno) in [
            ("../a.txt", Errno::Notcapable),
            ("/etc/passwd", Errno::Notcapable),
            ("a/../../b", Errno::Noent),
            ("", Errno::Noent),
            ("a\0.txt", Errno::Inval),
            (&long, Errno::Nametoolong),
        ] {
            let opened = open(&mut state, &root, path, (OpenFlags::default(), READ));
            assert_eq!(opened.err(), Some(errno), "{path:?}");
            let known = stat_at(&state, &root, PathFlags::SYMLINK_FOLLOW, path.to_owned());
            assert_eq!(known.err(), Some(errno), "{path:?}");
        }
    }

    #[test]
    fn what_a_component_holds_is_bounded() {
        let limits = Limits { descriptors_max: 6, ..Limits::default() };
        let (_folder, mut state, root) = granted(DirRights::ReadOnly, limits);
        let how = (OpenFlags::default(), READ);
        let first = open(&mut state, &root, "a.txt", how).expect("the last that is allowed");
        assert_eq!(open(&mut state, &root, "a.txt", how).err(), Some(Errno::Mfile));
        let first = state.delete::<FileDescriptor>(&first).expect("a resource");
        close(&mut state, first);
        assert!(open(&mut state, &root, "a.txt", how).is_ok());

        let limits = Limits { resources_max: 1, ..Limits::default() };
        let (_folder, mut state, root) = granted(DirRights::ReadOnly, limits);
        assert_eq!(open(&mut state, &root, "a.txt", how).err(), Some(Errno::Nomem));
        // What was opened for it has been closed.
        assert_eq!(state.ctx.table.free(), Ok(5));
    }

    #[test]
    fn listings_have_no_entries_of_their_own_and_are_bounded() {
        let limits = Limits { directory_entries_max: 5, ..Limits::default() };
        let (_folder, mut state, root) = granted(DirRights::ReadOnly, limits);
        let listing = read_directory(&mut state, &root).expect("a listing");
        let names = |stream: &DirectoryEntryStream| {
            stream.entries.as_slice().iter().map(|entry| entry.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(state.table.get(&listing).expect("a listing")), ["a.txt"]);
        let second = read_directory(&mut state, &root).expect("a listing");
        let third = read_directory(&mut state, &root).expect("a listing");
        assert_eq!(read_directory(&mut state, &root).err(), Some(Errno::Nomem));
        for listing in [listing, second, third] {
            let listing = state.delete(&listing).expect("a listing");
            forget_entries(&mut state, listing);
        }
        assert_eq!(state.entries_held, 0);
        assert!(read_directory(&mut state, &root).is_ok());
    }

    #[test]
    fn two_names_of_a_file_have_one_hash_and_other_files_have_others() {
        let (folder, state, root) = granted(DirRights::ReadOnly, Limits::default());
        std::fs::hard_link(folder.path().join("a.txt"), folder.path().join("b.txt"))
            .expect("a link");
        std::fs::write(folder.path().join("c.txt"), "abc").expect("a file");
        let of =
            |path: &str| stat_at(&state, &root, PathFlags::default(), path.to_owned()).map(hash);
        assert_eq!(of("a.txt"), of("b.txt"));
        assert_ne!(of("a.txt"), of("c.txt"));
        assert_eq!(of("d.txt"), Err(Errno::Noent));
    }
}
