//! The descriptors of one guest: what each is, and what may be done with it.
//!
//! Two layers guard a directory. Its *rights* are WASI's own, which a guest may give up and pass on
//! in part; its *access* is the embedder's word and no call changes it: nothing under a read-only
//! preopen is ever changed, whatever rights a descriptor shows.

use std::fs::File;
use std::io;
use std::sync::Arc;

use cap_fs_ext::{FileTypeExt as _, Metadata, MetadataExt as _};
use cap_std::fs::Dir;

use crate::ctx::DirRights;
use crate::errno::Errno;
use crate::stdio::{Input, Output};
use crate::types::{FdFlags, FdStat, FileStat, FileType, Rights};
use crate::waits::Waits;

/// One open descriptor.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    pub(crate) base: Rights,
    pub(crate) inheriting: Rights,
    pub(crate) flags: FdFlags,
}

/// What a descriptor is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A standard stream to read.
    Input(Input),
    /// A standard stream to write.
    Output(Output),
    /// A file, or a device or pipe of the host's file system.
    File(OpenFile),
    /// A directory.
    Dir(OpenDir),
}

/// An open file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// Streams of WASI 0.2 outlive the descriptor that they were made from.
    pub(crate) file: Arc<File>,
    pub(crate) filetype: FileType,
    /// The access of the preopen it came from.
    pub(crate) access: DirRights,
}

/// An open directory.
#[derive(Debug)]
pub(crate) struct OpenDir {
    /// Jobs hold it while they last.
    pub(crate) dir: Arc<Dir>,
    pub(crate) access: DirRights,
    /// The guest's name of it, if it was granted by the embedder.
    pub(crate) preopen: Option<String>,
    /// The entries as they stood when the guest last began to list them.
    pub(crate) listing: Option<Vec<Entry>>,
}

/// One entry of a listing.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) ino: u64,
    pub(crate) filetype: FileType,
}

impl Descriptor {
    /// A standard stream to read; a file keeps all that files can do.
    pub(crate) fn input(input: Input) -> io::Result<Descriptor> {
        let kind = match input {
            Input::File(file) => Kind::File(OpenFile::granted(file)?),
            other => Kind::Input(other),
        };
        let base = match &kind {
            Kind::File(_) => Rights::FILE.without(Rights::FILE_CHANGING),
            _ => Rights::FD_READ.or(STREAM_RIGHTS),
        };
        Ok(Descriptor::plain(kind, base))
    }

    /// A standard stream to write; a file keeps all that files can do.
    pub(crate) fn output(output: Output) -> io::Result<Descriptor> {
        let kind = match output {
            Output::File(file) => Kind::File(OpenFile::granted(file)?),
            other => Kind::Output(other),
        };
        let base = match &kind {
            Kind::File(_) => Rights::FILE.without(Rights::FD_READ),
            _ => Rights::FD_WRITE.or(Rights::FD_DATASYNC).or(Rights::FD_SYNC).or(STREAM_RIGHTS),
        };
        Ok(Descriptor::plain(kind, base))
    }

    /// A directory that the embedder grants under a name.
    ///
    /// A read-only one still shows `FD_WRITE` among the rights it passes on: C libraries ask for no
    /// more than they see there, and a file opened to be written would quietly come back without the
    /// right. Seeing it they ask, and are told at once that the file system is read-only.
    pub(crate) fn preopen(dir: Dir, name: String, access: DirRights) -> Descriptor {
        let (base, inheriting) = match access {
            DirRights::ReadWrite => (Rights::DIRECTORY, Rights::DIRECTORY.or(Rights::FILE)),
            DirRights::ReadOnly => {
                let base = Rights::DIRECTORY.without(Rights::DIRECTORY_CHANGING);
                let files = Rights::FILE
                    .without(Rights::FILE_CHANGING)
                    .without(Rights::DIRECTORY_CHANGING)
                    .or(Rights::FD_WRITE);
                (base, base.or(files))
            }
        };
        let dir = Arc::new(dir);
        let kind = Kind::Dir(OpenDir { dir, access, preopen: Some(name), listing: None });
        Descriptor { kind, base, inheriting, flags: FdFlags::NONE }
    }

    /// A descriptor through which nothing is opened.
    fn plain(kind: Kind, base: Rights) -> Descriptor {
        Descriptor { kind, base, inheriting: Rights::NONE, flags: FdFlags::NONE }
    }

    /// Checks that the rights needed are there.
    pub(crate) fn require(&self, needed: Rights) -> Result<(), Errno> {
        if self.base.contains(needed) { Ok(()) } else { Err(Errno::Notcapable) }
    }

    /// What the guest may know of the descriptor.
    pub(crate) fn fdstat(&self) -> FdStat {
        let filetype = match &self.kind {
            Kind::Input(input) => input.filetype(),
            Kind::Output(output) => output.filetype(),
            Kind::File(file) => file.filetype,
            Kind::Dir(_) => FileType::Directory,
        };
        FdStat { filetype, flags: self.flags, base: self.base, inheriting: self.inheriting }
    }

    /// What the guest may know of the file behind the descriptor.
    pub(crate) fn filestat(&self, waits: Waits<'_>) -> Result<FileStat, Errno> {
        match &self.kind {
            Kind::File(file) => {
                let file = file.file.clone();
                waits.blocking(move || Ok(filestat(&Metadata::from_file(&file)?)))
            }
            Kind::Dir(dir) => {
                let dir = dir.dir.clone();
                waits.blocking(move || Ok(filestat(&dir.dir_metadata()?)))
            }
            Kind::Input(_) | Kind::Output(_) => Ok(FileStat::of_stream(self.fdstat().filetype)),
        }
    }

    /// The file behind the descriptor.
    ///
    /// # Errors
    /// `ISDIR` for a directory, `SPIPE` for a stream, which has no places to go to.
    pub(crate) fn file(&self) -> Result<&OpenFile, Errno> {
        match &self.kind {
            Kind::File(file) => Ok(file),
            Kind::Dir(_) => Err(Errno::Isdir),
            Kind::Input(_) | Kind::Output(_) => Err(Errno::Spipe),
        }
    }
}

impl OpenDir {
    /// The entries of the directory, itself and its parent first. What the number of the parent is stays
    /// untold, since it may lie outside the sandbox: it shows the directory's own.
    pub(crate) fn entries(
        &self,
        entries_max: usize,
        waits: Waits<'_>,
    ) -> Result<Vec<Entry>, Errno> {
        let dir = self.dir.clone();
        waits.blocking(move || Entry::all(&dir, entries_max))
    }
}

impl Entry {
    /// As [`OpenDir::entries`].
    fn all(dir: &Dir, entries_max: usize) -> Result<Vec<Entry>, Errno> {
        let own = dir.dir_metadata()?.ino();
        let mut listing: Vec<Entry> = [".", ".."]
            .map(|name| Entry { name: name.to_string(), ino: own, filetype: FileType::Directory })
            .into();
        for entry in dir.entries()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if listing.len() >= entries_max {
                return Err(Errno::Nomem);
            }
            let ino = crate::sys::entry_ino(&entry)?;
            let filetype = entry.file_type().map_or(FileType::Unknown, filetype_of);
            listing.push(Entry { name, ino, filetype });
        }
        Ok(listing)
    }
}

/// What every standard stream can do.
const STREAM_RIGHTS: Rights =
    Rights::POLL_FD_READWRITE.or(Rights::FD_FILESTAT_GET).or(Rights::FD_FDSTAT_SET_FLAGS);

impl OpenFile {
    /// A file that the embedder opened itself.
    fn granted(file: File) -> io::Result<OpenFile> {
        let filetype = filetype(&Metadata::from_file(&file)?);
        Ok(OpenFile { file: Arc::new(file), filetype, access: DirRights::ReadWrite })
    }

    /// Whether reads and writes can wait for someone else.
    pub(crate) fn can_wait(&self) -> bool {
        self.filetype != FileType::RegularFile
    }

    /// Refuses what changes the file, if it came from a read-only preopen.
    pub(crate) fn require_changeable(&self) -> Result<(), Errno> {
        match self.access {
            DirRights::ReadWrite => Ok(()),
            DirRights::ReadOnly => Err(Errno::Rofs),
        }
    }
}

/// The type of a file, in WASI's words; a pipe has none.
pub(crate) fn filetype(metadata: &Metadata) -> FileType {
    filetype_of(metadata.file_type())
}

/// The same from the type alone.
pub(crate) fn filetype_of(filetype: cap_std::fs::FileType) -> FileType {
    if filetype.is_file() {
        FileType::RegularFile
    } else if filetype.is_dir() {
        FileType::Directory
    } else if filetype.is_symlink() {
        FileType::SymbolicLink
    } else if filetype.is_char_device() {
        FileType::CharacterDevice
    } else if filetype.is_block_device() {
        FileType::BlockDevice
    } else if filetype.is_socket() {
        FileType::SocketStream
    } else {
        FileType::Unknown
    }
}

/// What is known of a file, in WASI's words.
pub(crate) fn filestat(metadata: &Metadata) -> FileStat {
    FileStat {
        dev: metadata.dev(),
        ino: metadata.ino(),
        filetype: filetype(metadata),
        nlink: metadata.nlink(),
        size: metadata.len(),
        atim: nanoseconds(metadata.accessed()),
        mtim: nanoseconds(metadata.modified()),
        ctim: crate::sys::change_time_ns(metadata),
    }
}

/// Nanoseconds since 1970; nought where the host does not know or the time was before.
fn nanoseconds(time: io::Result<cap_std::time::SystemTime>) -> u64 {
    let time = time.ok().map(cap_std::time::SystemTime::into_std);
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// All descriptors, by number; a new one gets the lowest free number.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
    descriptors_max: usize,
}

impl Table {
    /// A table that holds at most `descriptors_max` descriptors.
    pub(crate) fn new(descriptors_max: usize) -> Table {
        Table { slots: Vec::new(), descriptors_max }
    }

    /// The place of a descriptor that is open.
    fn index(&self, fd: u32) -> Result<usize, Errno> {
        let index = usize::try_from(fd).map_err(|_| Errno::Badf)?;
        match self.slots.get(index) {
            Some(Some(_)) => Ok(index),
            _ => Err(Errno::Badf),
        }
    }

    /// A descriptor.
    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        let index = self.index(fd)?;
        self.slots[index].as_ref().ok_or(Errno::Badf)
    }

    /// A descriptor, to change.
    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        let index = self.index(fd)?;
        self.slots[index].as_mut().ok_or(Errno::Badf)
    }

    /// A directory with the rights needed; what would change a read-only one is refused first.
    pub(crate) fn dir(&self, fd: u32, needed: Rights) -> Result<&OpenDir, Errno> {
        let descriptor = self.get(fd)?;
        let Kind::Dir(dir) = &descriptor.kind else {
            return Err(Errno::Notdir);
        };
        if dir.access == DirRights::ReadOnly && needed.intersects(Rights::DIRECTORY_CHANGING) {
            return Err(Errno::Rofs);
        }
        descriptor.require(needed)?;
        Ok(dir)
    }

    /// The lowest free number.
    ///
    /// # Errors
    /// `MFILE` when there is none.
    pub(crate) fn free(&self) -> Result<usize, Errno> {
        let index = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if index < self.descriptors_max { Ok(index) } else { Err(Errno::Mfile) }
    }

    /// Adds a descriptor under the lowest free number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let index = self.free()?;
        if index == self.slots.len() {
            self.slots.push(Some(descriptor));
        } else {
            self.slots[index] = Some(descriptor);
        }
        u32::try_from(index).map_err(|_| Errno::Mfile)
    }

    /// Closes a descriptor.
    pub(crate) fn close(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let index = self.index(fd)?;
        self.slots[index].take().ok_or(Errno::Badf)
    }

    /// Moves a descriptor over another, which is closed; both must be open.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        let to = self.index(to)?;
        let descriptor = self.close(from)?;
        self.slots[to] = Some(descriptor);
        Ok(())
    }

    /// The directories that the embedder granted, opened again, and their names.
    pub(crate) fn preopens(&self) -> io::Result<Vec<(Descriptor, String)>> {
        let mut preopens = Vec::new();
        for descriptor in self.slots.iter().flatten() {
            if let Kind::Dir(OpenDir { dir, access, preopen: Some(name), .. }) = &descriptor.kind {
                let dir = dir.clone();
                let kind =
                    Kind::Dir(OpenDir { dir, access: *access, preopen: None, listing: None });
                preopens.push((Descriptor { kind, ..*descriptor }, name.clone()));
            }
        }
        Ok(preopens)
    }

    /// How many directory entries are held in listings.
    pub(crate) fn entries_held(&self) -> usize {
        let listings =
            self.slots.iter().flatten().filter_map(|descriptor| match &descriptor.kind {
                Kind::Dir(OpenDir { listing: Some(listing), .. }) => Some(listing.len()),
                _ => None,
            });
        listings.sum()
    }
}
