//! The words of the WASI 0.1 ABI as rows: rights, flags, file types, and the layouts of records.
//!
//! Two revisions are served. `wasi_unstable` differs from `wasi_snapshot_preview1` in exactly three
//! places, which are all decided here by [`Abi`]: the numbering of `whence`, the width of the link
//! count in `filestat`, and the extra word in a clock subscription.

use crate::errno::Errno;
use crate::memory::GuestMemory;

/// Which revision of the ABI the caller was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// `wasi_unstable`, the first revision.
    Unstable,
    /// `wasi_snapshot_preview1`, the revision every toolchain uses today.
    Snapshot1,
}

/// Declares a set of flags from rows of `NAME = bit`.
macro_rules! flag_rows {
    ($(#[$head:meta])* $set:ident: $word:ty { $($name:ident = $bit:literal, $text:literal;)* }) => {
        $(#[$head])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $set($word);

        impl $set {
            $(#[doc = $text] pub const $name: $set = $set(1 << $bit);)*
            /// Every flag that is defined.
            pub const ALL: $set = $set($((1 << $bit) |)* 0);
            /// No flag.
            pub const NONE: $set = $set(0);

            /// The flags as the guest writes them, or nothing if one of them is not defined.
            #[must_use]
            pub fn from_bits(bits: u64) -> Option<$set> {
                let word = <$word>::try_from(bits).ok()?;
                (word & !$set::ALL.0 == 0).then_some($set(word))
            }

            /// The flags that are defined among those the guest writes.
            #[must_use]
            pub const fn from_bits_known(bits: $word) -> $set {
                $set(bits & $set::ALL.0)
            }

            /// The flags as the guest reads them.
            #[must_use]
            pub const fn bits(self) -> $word {
                self.0
            }

            /// Whether all of `other` are set.
            #[must_use]
            pub const fn contains(self, other: $set) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any of `other` is set.
            #[must_use]
            pub const fn intersects(self, other: $set) -> bool {
                self.0 & other.0 != 0
            }

            /// The flags of both.
            #[must_use]
            pub const fn or(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            /// The flags common to both.
            #[must_use]
            pub const fn and(self, other: $set) -> $set {
                $set(self.0 & other.0)
            }

            /// The flags of this set that are not in `other`.
            #[must_use]
            pub const fn without(self, other: $set) -> $set {
                $set(self.0 & !other.0)
            }
        }
    };
}

flag_rows! {
    /// What may be done with a descriptor, and with descriptors made from it.
    Rights: u64 {
        FD_DATASYNC = 0, "`fd_datasync`.";
        FD_READ = 1, "`fd_read`, `fd_pread`.";
        FD_SEEK = 2, "`fd_seek`, and with it `fd_tell`.";
        FD_FDSTAT_SET_FLAGS = 3, "`fd_fdstat_set_flags`.";
        FD_SYNC = 4, "`fd_sync`.";
        FD_TELL = 5, "`fd_tell`, and `fd_seek` that only asks.";
        FD_WRITE = 6, "`fd_write`, `fd_pwrite`.";
        FD_ADVISE = 7, "`fd_advise`.";
        FD_ALLOCATE = 8, "`fd_allocate`.";
        PATH_CREATE_DIRECTORY = 9, "`path_create_directory`.";
        PATH_CREATE_FILE = 10, "`path_open` with `CREAT`.";
        PATH_LINK_SOURCE = 11, "`path_link`, as the old place.";
        PATH_LINK_TARGET = 12, "`path_link`, as the new place.";
        PATH_OPEN = 13, "`path_open`.";
        FD_READDIR = 14, "`fd_readdir`.";
        PATH_READLINK = 15, "`path_readlink`.";
        PATH_RENAME_SOURCE = 16, "`path_rename`, as the old place.";
        PATH_RENAME_TARGET = 17, "`path_rename`, as the new place.";
        PATH_FILESTAT_GET = 18, "`path_filestat_get`.";
        PATH_FILESTAT_SET_SIZE = 19, "`path_open` with `TRUNC`.";
        PATH_FILESTAT_SET_TIMES = 20, "`path_filestat_set_times`.";
        FD_FILESTAT_GET = 21, "`fd_filestat_get`.";
        FD_FILESTAT_SET_SIZE = 22, "`fd_filestat_set_size`.";
        FD_FILESTAT_SET_TIMES = 23, "`fd_filestat_set_times`.";
        PATH_SYMLINK = 24, "`path_symlink`.";
        PATH_REMOVE_DIRECTORY = 25, "`path_remove_directory`.";
        PATH_UNLINK_FILE = 26, "`path_unlink_file`.";
        POLL_FD_READWRITE = 27, "`poll_oneoff` on the descriptor.";
        SOCK_SHUTDOWN = 28, "`sock_shutdown`.";
        SOCK_ACCEPT = 29, "`sock_accept`.";
    }
}

flag_rows! {
    /// How a descriptor behaves.
    FdFlags: u16 {
        APPEND = 0, "Every write goes to the end.";
        DSYNC = 1, "Writes wait for the data to be stored.";
        NONBLOCK = 2, "Calls that would wait fail with `AGAIN`.";
        RSYNC = 3, "Reads wait for pending writes.";
        SYNC = 4, "Writes wait for data and metadata to be stored.";
    }
}

flag_rows! {
    /// How `path_open` opens.
    OFlags: u16 {
        CREAT = 0, "Make the file if it is not there.";
        DIRECTORY = 1, "Fail unless it is a directory.";
        EXCL = 2, "With `CREAT`: fail if it is there.";
        TRUNC = 3, "Cut the file to no bytes.";
    }
}

flag_rows! {
    /// How a path is looked up.
    LookupFlags: u32 {
        SYMLINK_FOLLOW = 0, "Follow a symbolic link in the last place.";
    }
}

flag_rows! {
    /// Which times a `set_times` sets.
    FstFlags: u16 {
        ATIM = 0, "The time of last access, to the one given.";
        ATIM_NOW = 1, "The time of last access, to now.";
        MTIM = 2, "The time of last change, to the one given.";
        MTIM_NOW = 3, "The time of last change, to now.";
    }
}

impl Rights {
    /// What a regular file (or a stream) can have.
    pub const FILE: Rights = Rights::FD_DATASYNC
        .or(Rights::FD_READ)
        .or(Rights::FD_SEEK)
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_SYNC)
        .or(Rights::FD_TELL)
        .or(Rights::FD_WRITE)
        .or(Rights::FD_ADVISE)
        .or(Rights::FD_ALLOCATE)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::FD_FILESTAT_SET_SIZE)
        .or(Rights::FD_FILESTAT_SET_TIMES)
        .or(Rights::POLL_FD_READWRITE);

    /// What changes the tree under a directory.
    pub const DIRECTORY_CHANGING: Rights = Rights::PATH_CREATE_DIRECTORY
        .or(Rights::PATH_CREATE_FILE)
        .or(Rights::PATH_LINK_SOURCE)
        .or(Rights::PATH_LINK_TARGET)
        .or(Rights::PATH_RENAME_SOURCE)
        .or(Rights::PATH_RENAME_TARGET)
        .or(Rights::PATH_FILESTAT_SET_SIZE)
        .or(Rights::PATH_FILESTAT_SET_TIMES)
        .or(Rights::FD_FILESTAT_SET_TIMES)
        .or(Rights::PATH_SYMLINK)
        .or(Rights::PATH_REMOVE_DIRECTORY)
        .or(Rights::PATH_UNLINK_FILE);

    /// What a directory can have.
    pub const DIRECTORY: Rights = Rights::DIRECTORY_CHANGING
        .or(Rights::FD_DATASYNC)
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_SYNC)
        .or(Rights::PATH_OPEN)
        .or(Rights::FD_READDIR)
        .or(Rights::PATH_READLINK)
        .or(Rights::PATH_FILESTAT_GET)
        .or(Rights::FD_FILESTAT_GET);

    /// What changes a file's bytes, and so needs the host's file to be open for writing.
    pub const FILE_CHANGING: Rights =
        Rights::FD_WRITE.or(Rights::FD_ALLOCATE).or(Rights::FD_FILESTAT_SET_SIZE);
}

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FileType {
    /// None of the others, or not known: pipes among them.
    Unknown = 0,
    /// A block device.
    BlockDevice = 1,
    /// A character device; a terminal when it cannot seek.
    CharacterDevice = 2,
    /// A directory.
    Directory = 3,
    /// A regular file.
    RegularFile = 4,
    /// A datagram socket.
    SocketDgram = 5,
    /// A stream socket.
    SocketStream = 6,
    /// A symbolic link.
    SymbolicLink = 7,
}

/// What an offset counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The start of the file.
    Set,
    /// The current place.
    Cur,
    /// The end of the file.
    End,
}

impl Whence {
    /// Reads the number that the caller's revision uses.
    ///
    /// # Errors
    /// `INVAL` for a number that means nothing.
    pub fn decode(abi: Abi, value: u32) -> Result<Whence, Errno> {
        match (abi, value) {
            (Abi::Snapshot1, 0) | (Abi::Unstable, 2) => Ok(Whence::Set),
            (Abi::Snapshot1, 1) | (Abi::Unstable, 0) => Ok(Whence::Cur),
            (Abi::Snapshot1, 2) | (Abi::Unstable, 1) => Ok(Whence::End),
            _ => Err(Errno::Inval),
        }
    }
}

/// What is expected of future reads; rows in the specification's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing special.
    Normal,
    /// From the start to the end.
    Sequential,
    /// In no order.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}

impl Advice {
    /// Reads the guest's number.
    ///
    /// # Errors
    /// `INVAL` for a number that means nothing.
    pub fn decode(value: u32) -> Result<Advice, Errno> {
        const ROWS: [Advice; 6] = [
            Advice::Normal,
            Advice::Sequential,
            Advice::Random,
            Advice::WillNeed,
            Advice::DontNeed,
            Advice::NoReuse,
        ];
        usize::try_from(value).ok().and_then(|row| ROWS.get(row).copied()).ok_or(Errno::Inval)
    }
}

/// Which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockId {
    /// Time since 1970.
    Realtime,
    /// Time that never goes back.
    Monotonic,
    /// Time spent by the guest.
    ProcessCputime,
    /// Time spent by the guest's thread.
    ThreadCputime,
}

impl ClockId {
    /// Reads the guest's number.
    ///
    /// # Errors
    /// `INVAL` for a number that means nothing.
    pub fn decode(value: u32) -> Result<ClockId, Errno> {
        match value {
            0 => Ok(ClockId::Realtime),
            1 => Ok(ClockId::Monotonic),
            2 => Ok(ClockId::ProcessCputime),
            3 => Ok(ClockId::ThreadCputime),
            _ => Err(Errno::Inval),
        }
    }
}

/// What is known of a descriptor.
#[derive(Clone, Copy, Debug)]
pub struct FdStat {
    /// The type of what it names.
    pub filetype: FileType,
    /// How it behaves.
    pub flags: FdFlags,
    /// What may be done with it.
    pub base: Rights,
    /// What may be done with what is opened through it.
    pub inheriting: Rights,
}

impl FdStat {
    /// Bytes of the record, in both revisions.
    pub const BYTES: usize = 24;

    /// Writes the record.
    ///
    /// # Errors
    /// `FAULT` outside memory.
    pub fn store(&self, memory: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut record = [0_u8; FdStat::BYTES];
        record[0] = self.filetype as u8;
        record[2..4].copy_from_slice(&self.flags.bits().to_le_bytes());
        record[8..16].copy_from_slice(&self.base.bits().to_le_bytes());
        record[16..24].copy_from_slice(&self.inheriting.bits().to_le_bytes());
        memory.write(ptr, &record)
    }
}

/// What is known of a file; times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct FileStat {
    /// The device it is on.
    pub dev: u64,
    /// Its number on the device.
    pub ino: u64,
    /// Its type.
    pub filetype: FileType,
    /// How many names it has.
    pub nlink: u64,
    /// Its bytes.
    pub size: u64,
    /// Last access.
    pub atim: u64,
    /// Last change of its bytes.
    pub mtim: u64,
    /// Last change of its bytes or of what is said here.
    pub ctim: u64,
}

impl FileStat {
    /// What is said of a stream that is no file: its type alone.
    #[must_use]
    pub fn of_stream(filetype: FileType) -> FileStat {
        FileStat { dev: 0, ino: 0, filetype, nlink: 1, size: 0, atim: 0, mtim: 0, ctim: 0 }
    }

    /// Bytes of the record in a revision.
    #[must_use]
    pub const fn bytes(abi: Abi) -> usize {
        match abi {
            Abi::Unstable => 56,
            Abi::Snapshot1 => 64,
        }
    }

    /// Writes the record as the caller's revision lays it out.
    ///
    /// # Errors
    /// `FAULT` outside memory.
    pub fn store(&self, abi: Abi, memory: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut record = [0_u8; FileStat::bytes(Abi::Snapshot1)];
        record[0..8].copy_from_slice(&self.dev.to_le_bytes());
        record[8..16].copy_from_slice(&self.ino.to_le_bytes());
        record[16] = self.filetype as u8;
        let tail = match abi {
            Abi::Unstable => {
                let nlink = u32::try_from(self.nlink).unwrap_or(u32::MAX);
                record[20..24].copy_from_slice(&nlink.to_le_bytes());
                24
            }
            Abi::Snapshot1 => {
                record[24..32].copy_from_slice(&self.nlink.to_le_bytes());
                32
            }
        };
        for (index, word) in [self.size, self.atim, self.mtim, self.ctim].iter().enumerate() {
            let start = tail + index * 8;
            record[start..start + 8].copy_from_slice(&word.to_le_bytes());
        }
        memory.write(ptr, &record[..FileStat::bytes(abi)])
    }
}

/// Bytes of a directory entry before its name.
pub const DIRENT_BYTES: usize = 24;

/// The head of a directory entry.
#[must_use]
pub fn encode_dirent(next: u64, ino: u64, name_len: u32, filetype: FileType) -> [u8; DIRENT_BYTES] {
    let mut record = [0_u8; DIRENT_BYTES];
    record[0..8].copy_from_slice(&next.to_le_bytes());
    record[8..16].copy_from_slice(&ino.to_le_bytes());
    record[16..20].copy_from_slice(&name_len.to_le_bytes());
    record[20] = filetype as u8;
    record
}

/// What `poll_oneoff` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// A moment.
    Clock {
        /// Which clock, as the guest numbers it.
        id: u32,
        /// The moment, or how long from now; nanoseconds.
        timeout: u64,
        /// Whether `timeout` is a moment.
        absolute: bool,
    },
    /// A descriptor that can be read.
    Read(u32),
    /// A descriptor that can be written.
    Write(u32),
}

/// One subscription of `poll_oneoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Comes back in the event.
    pub userdata: u64,
    /// What is waited for.
    pub interest: Interest,
}

impl Subscription {
    /// Bytes of the record in a revision.
    #[must_use]
    pub const fn bytes(abi: Abi) -> u32 {
        match abi {
            Abi::Unstable => 56,
            Abi::Snapshot1 => 48,
        }
    }

    /// Reads the record as the caller's revision lays it out.
    ///
    /// # Errors
    /// `FAULT` outside memory; `INVAL` for a kind or flags that mean nothing.
    pub fn load(abi: Abi, memory: &GuestMemory<'_>, ptr: u32) -> Result<Subscription, Errno> {
        let len = usize::try_from(Subscription::bytes(abi)).map_err(|_| Errno::Overflow)?;
        let mut record = [0_u8; 56];
        record[..len].copy_from_slice(memory.read(ptr, Subscription::bytes(abi))?);
        let record = GuestMemory::new(&mut record);
        // The first revision has a word nobody uses before the clock's number.
        let clock = match abi {
            Abi::Unstable => 24,
            Abi::Snapshot1 => 16,
        };
        let interest = match record.read_array::<1>(8)? {
            [0] => Interest::Clock {
                id: record.read_u32(clock)?,
                timeout: u64::from_le_bytes(record.read_array(clock + 8)?),
                absolute: match u16::from_le_bytes(record.read_array(clock + 24)?) {
                    0 => false,
                    1 => true,
                    _ => return Err(Errno::Inval),
                },
            },
            [1] => Interest::Read(record.read_u32(16)?),
            [2] => Interest::Write(record.read_u32(16)?),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata: u64::from_le_bytes(record.read_array(0)?), interest })
    }
}

/// What happened to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The subscription's.
    pub userdata: u64,
    /// Why it failed, if it did.
    pub error: Option<Errno>,
    /// The number of the kind: clock, read, write.
    pub kind: u8,
    /// How many bytes wait, or fit.
    pub nbytes: u64,
    /// Whether the other side is gone.
    pub hangup: bool,
}

impl Event {
    /// Bytes of the record, in both revisions.
    pub const BYTES: u32 = 32;

    /// Writes the record.
    ///
    /// # Errors
    /// `FAULT` outside memory.
    pub fn store(&self, memory: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut record = [0_u8; 32];
        record[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        record[8..10].copy_from_slice(&self.error.map_or(0, Errno::code).to_le_bytes());
        record[10] = self.kind;
        record[16..24].copy_from_slice(&self.nbytes.to_le_bytes());
        record[24] = u8::from(self.hangup);
        memory.write(ptr, &record)
    }
}
