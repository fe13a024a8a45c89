//! The records and flags of `wasi:filesystem`, and what they are in the words of WASI 0.1.

use dunlin_component::{enumeration, flags, record, variant};

use super::clocks::Datetime;
use crate::errno::Errno;
use crate::open::Request;
use crate::times::Times;
use crate::types::{self, FdFlags, FileStat, FileType, FstFlags, OFlags, Rights};

enumeration! {
    /// The type of a file; pipes are unknown.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum DescriptorType {
        Unknown => "unknown",
        BlockDevice => "block-device",
        CharacterDevice => "character-device",
        Directory => "directory",
        Fifo => "fifo",
        SymbolicLink => "symbolic-link",
        RegularFile => "regular-file",
        Socket => "socket",
    }
}

impl From<FileType> for DescriptorType {
    fn from(filetype: FileType) -> DescriptorType {
        match filetype {
            FileType::Unknown => DescriptorType::Unknown,
            FileType::BlockDevice => DescriptorType::BlockDevice,
            FileType::CharacterDevice => DescriptorType::CharacterDevice,
            FileType::Directory => DescriptorType::Directory,
            FileType::RegularFile => DescriptorType::RegularFile,
            FileType::SocketDgram | FileType::SocketStream => DescriptorType::Socket,
            FileType::SymbolicLink => DescriptorType::SymbolicLink,
        }
    }
}

flags! {
    /// What may be done with a descriptor, and how it behaves.
    pub(super) struct DescriptorFlags {
        /// It may be read.
        READ => "read",
        /// It may be written.
        WRITE => "write",
        /// Writes wait for data and metadata to be stored.
        FILE_INTEGRITY_SYNC => "file-integrity-sync",
        /// Writes wait for the data to be stored.
        DATA_INTEGRITY_SYNC => "data-integrity-sync",
        /// Reads wait for pending writes.
        REQUESTED_WRITE_SYNC => "requested-write-sync",
        /// What is under the directory may be changed.
        MUTATE_DIRECTORY => "mutate-directory",
    }
}

flags! {
    /// How a path is looked up.
    pub(super) struct PathFlags {
        /// A link in the last place is followed.
        SYMLINK_FOLLOW => "symlink-follow",
    }
}

flags! {
    /// How a path is opened.
    pub(super) struct OpenFlags {
        /// Make the file if it is not there.
        CREATE => "create",
        /// Fail unless it is a directory.
        DIRECTORY => "directory",
        /// With `create`: fail if it is there.
        EXCLUSIVE => "exclusive",
        /// Cut the file to no bytes.
        TRUNCATE => "truncate",
    }
}

impl PathFlags {
    /// Whether a link in the last place is followed.
    pub(super) fn follows(self) -> bool {
        self.contains(PathFlags::SYMLINK_FOLLOW)
    }
}

impl DescriptorFlags {
    /// What a guest is told of a descriptor.
    pub(super) fn of(base: Rights, flags: FdFlags, is_dir: bool) -> DescriptorFlags {
        let all = [
            (DescriptorFlags::READ, is_dir || base.contains(Rights::FD_READ)),
            (DescriptorFlags::WRITE, base.contains(Rights::FD_WRITE)),
            (DescriptorFlags::FILE_INTEGRITY_SYNC, flags.contains(FdFlags::SYNC)),
            (DescriptorFlags::DATA_INTEGRITY_SYNC, flags.contains(FdFlags::DSYNC)),
            (DescriptorFlags::REQUESTED_WRITE_SYNC, flags.contains(FdFlags::RSYNC)),
            (
                DescriptorFlags::MUTATE_DIRECTORY,
                is_dir && base.contains(Rights::DIRECTORY_CHANGING),
            ),
        ];
        let set = all.into_iter().filter(|(_, is_set)| *is_set);
        set.fold(DescriptorFlags::default(), |set, (flag, _)| set | flag)
    }
}

/// What is asked of a path, in the words of WASI 0.1. A directory passes on what it may itself, whether or not the guest
/// asks to change what is under it: standard libraries do not ask.
pub(super) fn request(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> Request {
    let mut base = Rights::FILE.or(Rights::DIRECTORY);
    if !flags.contains(DescriptorFlags::READ) {
        base = base.without(Rights::FD_READ);
    }
    if !flags.contains(DescriptorFlags::WRITE) {
        base = base.without(Rights::FILE_CHANGING);
    }
    let oflags = [
        (OpenFlags::CREATE, OFlags::CREAT),
        (OpenFlags::DIRECTORY, OFlags::DIRECTORY),
        (OpenFlags::EXCLUSIVE, OFlags::EXCL),
        (OpenFlags::TRUNCATE, OFlags::TRUNC),
    ];
    let fdflags = [
        (DescriptorFlags::FILE_INTEGRITY_SYNC, FdFlags::SYNC),
        (DescriptorFlags::DATA_INTEGRITY_SYNC, FdFlags::DSYNC),
        (DescriptorFlags::REQUESTED_WRITE_SYNC, FdFlags::RSYNC),
    ];
    let set = oflags.into_iter().filter(|(flag, _)| open.contains(*flag));
    let oflags = set.fold(OFlags::NONE, |set, (_, flag)| set.or(flag));
    let set = fdflags.into_iter().filter(|(flag, _)| flags.contains(*flag));
    let flags = set.fold(FdFlags::NONE, |set, (_, flag)| set.or(flag));
    Request { follows: path.follows(), oflags, base, inheriting: Rights::ALL, flags }
}

record! {
    /// What is known of a file.
    #[derive(Clone, Debug)]
    pub(super) struct DescriptorStat {
        pub(super) kind: DescriptorType => "type",
        pub(super) link_count: u64 => "link-count",
        pub(super) size: u64 => "size",
        pub(super) accessed: Option<Datetime> => "data-access-timestamp",
        pub(super) modified: Option<Datetime> => "data-modification-timestamp",
        pub(super) changed: Option<Datetime> => "status-change-timestamp",
    }
}

impl From<FileStat> for DescriptorStat {
    fn from(stat: FileStat) -> DescriptorStat {
        // The host knows no time where there is none.
        let moment = |ns: u64| (ns != 0).then(|| Datetime::from(ns));
        DescriptorStat {
            kind: stat.filetype.into(),
            link_count: stat.nlink,
            size: stat.size,
            accessed: moment(stat.atim),
            modified: moment(stat.mtim),
            changed: moment(stat.ctim),
        }
    }
}

variant! {
    /// One time of a file, as it is to be.
    #[derive(Clone, Copy, Debug)]
    pub(super) enum NewTimestamp {
        NoChange => "no-change",
        Now => "now",
        Timestamp(Datetime) => "timestamp",
    }
}

/// Both times of a file, in the words of WASI 0.1: last access, last change, and which of them are set.
pub(super) fn raw_times(atim: NewTimestamp, mtim: NewTimestamp) -> Result<(u64, u64, u32), Errno> {
    let raw = |time, given: FstFlags, now: FstFlags| -> Result<(u64, u16), Errno> {
        Ok(match time {
            NewTimestamp::NoChange => (0, 0),
            NewTimestamp::Now => (0, now.bits()),
            NewTimestamp::Timestamp(time) => {
                (time.nanoseconds().ok_or(Errno::Inval)?, given.bits())
            }
        })
    };
    let (atim, atim_flags) = raw(atim, FstFlags::ATIM, FstFlags::ATIM_NOW)?;
    let (mtim, mtim_flags) = raw(mtim, FstFlags::MTIM, FstFlags::MTIM_NOW)?;
    Ok((atim, mtim, u32::from(atim_flags | mtim_flags)))
}

/// Both times of a file, as they are to be.
pub(super) fn times(atim: NewTimestamp, mtim: NewTimestamp) -> Result<Times, Errno> {
    let (atim, mtim, flags) = raw_times(atim, mtim)?;
    Times::decode(atim, mtim, flags)
}

record! {
    /// One entry of a directory.
    #[derive(Clone, Debug)]
    pub(super) struct DirectoryEntry {
        pub(super) kind: DescriptorType => "type",
        pub(super) name: String => "name",
    }
}

enumeration! {
    /// What is expected of future reads.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Advice {
        Normal => "normal",
        Sequential => "sequential",
        Random => "random",
        WillNeed => "will-need",
        DontNeed => "dont-need",
        NoReuse => "no-reuse",
    }
}

impl From<Advice> for u32 {
    /// As WASI 0.1 numbers it.
    fn from(advice: Advice) -> u32 {
        let advice = match advice {
            Advice::Normal => types::Advice::Normal,
            Advice::Sequential => types::Advice::Sequential,
            Advice::Random => types::Advice::Random,
            Advice::WillNeed => types::Advice::WillNeed,
            Advice::DontNeed => types::Advice::DontNeed,
            Advice::NoReuse => types::Advice::NoReuse,
        };
        advice as u32
    }
}

record! {
    /// Two files with the same are one file, as it stands now.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct MetadataHash {
        pub(super) lower: u64 => "lower",
        pub(super) upper: u64 => "upper",
    }
}
