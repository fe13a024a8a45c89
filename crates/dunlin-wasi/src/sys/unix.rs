//! Unix: positioned reads, status flags, advice, allocation and readiness, through `rustix`.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use cap_fs_ext::{Metadata, OsMetadataExt as _};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno as Raw;
#[cfg(target_os = "linux")]
use rustix::io::ReadWriteFlags;

use super::{Direction, Readiness};
use crate::errno::Errno;
use crate::types::Advice;

/// Pairs the system's error numbers with ours.
macro_rules! raw_rows {
    ($($raw:ident => $errno:ident;)*) => {
        const RAW_ROWS: &[(Raw, Errno)] = &[$((Raw::$raw, Errno::$errno),)*];
    };
}

raw_rows! {
    ACCESS => Acces; AGAIN => Again; BADF => Badf; BUSY => Busy; DQUOT => Dquot; EXIST => Exist;
    FAULT => Fault; FBIG => Fbig; ILSEQ => Ilseq; INTR => Intr; INVAL => Inval; IO => Io;
    ISDIR => Isdir; LOOP => Loop; MFILE => Mfile; MLINK => Mlink; MSGSIZE => Msgsize; NAMETOOLONG => Nametoolong;
    NFILE => Nfile; NODEV => Nodev; NOENT => Noent; NOLCK => Nolck; NOMEM => Nomem; NOSPC => Nospc;
    NOSYS => Nosys; NOTDIR => Notdir; NOTEMPTY => Notempty; NOTSOCK => Notsock; NOTSUP => Notsup;
    OPNOTSUPP => Notsup; NOTTY => Notty; NXIO => Nxio; OVERFLOW => Overflow; PERM => Perm;
    CONNABORTED => Connaborted; CONNREFUSED => Connrefused; CONNRESET => Connreset; PIPE => Pipe; RANGE => Range; ROFS => Rofs; SPIPE => Spipe; STALE => Stale;
    TIMEDOUT => Timedout; TXTBSY => Txtbsy; XDEV => Xdev; TOOBIG => TooBig;
}

/// Our name of a system error number.
pub(crate) fn errno_of_raw(raw: i32) -> Option<Errno> {
    let row = RAW_ROWS.iter().find(|(number, _)| number.raw_os_error() == raw);
    row.map(|(_, errno)| *errno)
}

/// Reads at an offset, leaving the file's own place alone.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Writes at an offset, leaving the file's own place alone.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(bytes, offset)
}

/// Reads what need not be waited for, at a place or at the file's own. `None` if that cannot be said, or there is nothing: some
/// kernels take what would wait for the end.
#[cfg(target_os = "linux")]
pub(crate) fn read_in_memory(file: &File, buffer: &mut [u8], place: Option<u64>) -> Option<usize> {
    let place = own_or(place)?;
    let mut buffers = [io::IoSliceMut::new(buffer)];
    let count = rustix::io::preadv2(file, &mut buffers, place, ReadWriteFlags::NOWAIT).ok()?;
    (count > 0).then_some(count)
}

/// Writes what need not be waited for, at a place. `None` if that cannot be said.
#[cfg(target_os = "linux")]
pub(crate) fn write_in_memory(file: &File, bytes: &[u8], place: u64) -> Option<usize> {
    let place = own_or(Some(place))?;
    let buffers = [IoSlice::new(bytes)];
    let count = rustix::io::pwritev2(file, &buffers, place, ReadWriteFlags::NOWAIT).ok()?;
    (count > 0).then_some(count)
}

/// A place as the system takes it; the file's own is the number that no place can have.
#[cfg(target_os = "linux")]
fn own_or(place: Option<u64>) -> Option<u64> {
    match place {
        None => Some(u64::MAX),
        Some(place) => i64::try_from(place).is_ok().then_some(place),
    }
}

/// Other systems do not say what would wait.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read_in_memory(_: &File, _: &mut [u8], _: Option<u64>) -> Option<usize> {
    None
}

/// Other systems do not say what would wait.
#[cfg(not(target_os = "linux"))]
pub(crate) fn write_in_memory(_: &File, _: &[u8], _: u64) -> Option<usize> {
    None
}

/// Makes every write go to the end, or no longer.
pub(crate) fn set_append(file: &File, append: bool) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    let wanted =
        if append { flags.union(OFlags::APPEND) } else { flags.difference(OFlags::APPEND) };
    Ok(rustix::fs::fcntl_setfl(file, wanted)?)
}

/// Tells the system what reads to expect; `len` 0 means to the end.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) fn advise(file: &File, offset: u64, len: u64, advice: Advice) -> io::Result<()> {
    let advice = match advice {
        Advice::Normal => rustix::fs::Advice::Normal,
        Advice::Sequential => rustix::fs::Advice::Sequential,
        Advice::Random => rustix::fs::Advice::Random,
        Advice::WillNeed => rustix::fs::Advice::WillNeed,
        Advice::DontNeed => rustix::fs::Advice::DontNeed,
        Advice::NoReuse => rustix::fs::Advice::NoReuse,
    };
    Ok(rustix::fs::fadvise(file, offset, NonZeroU64::new(len), advice)?)
}

/// Advice is only advice: systems without a call for it ignore it.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) fn advise(_: &File, _: u64, _: u64, _: Advice) -> io::Result<()> {
    Ok(())
}

/// Makes sure that a range of the file exists, growing it if it does not.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), offset, len) {
        Err(Raw::OPNOTSUPP | Raw::NOSYS) => grow(file, offset, len),
        other => Ok(other?),
    }
}

/// Makes sure that a range of the file exists, growing it if it does not.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    grow(file, offset, len)
}

/// Grows a file on file systems that cannot reserve space.
fn grow(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let end = offset.checked_add(len).ok_or(io::ErrorKind::FileTooLarge)?;
    if end > file.metadata()?.len() { file.set_len(end) } else { Ok(()) }
}

/// The time of the last change of anything, in nanoseconds since 1970.
pub(crate) fn change_time_ns(metadata: &Metadata) -> u64 {
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let nanoseconds = u64::try_from(metadata.ctime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// The number of a directory entry, without asking for the rest of what is known of the file.
pub(crate) fn entry_ino(entry: &cap_std::fs::DirEntry) -> io::Result<u64> {
    Ok(std::os::unix::fs::DirEntryExt::ino(entry))
}

/// Reads the process's standard input, without `std`'s buffer: what was read ahead there would be
/// invisible to `wait`.
pub(crate) fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(io::stdin().as_fd(), buffer)?)
}

/// Writes to the process's standard output, after what `std` still holds.
pub(crate) fn write_stdout(bytes: &[u8]) -> io::Result<usize> {
    let mut stdout = io::stdout().lock();
    stdout.flush()?;
    Ok(rustix::io::write(stdout.as_fd(), bytes)?)
}

/// Writes to the process's standard error, which `std` does not buffer.
pub(crate) fn write_stderr(bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(io::stderr().lock().as_fd(), bytes)?)
}

/// A stream that can be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waitable<'a>(pub(super) BorrowedFd<'a>);

impl<'a> Waitable<'a> {
    /// The process's standard input.
    pub(crate) fn stdin() -> Waitable<'static> {
        Waitable(rustix::stdio::stdin())
    }

    /// The process's standard output.
    pub(crate) fn stdout() -> Waitable<'static> {
        Waitable(rustix::stdio::stdout())
    }

    /// The process's standard error.
    pub(crate) fn stderr() -> Waitable<'static> {
        Waitable(rustix::stdio::stderr())
    }

    /// An open file.
    pub(crate) fn file(file: &'a File) -> Waitable<'a> {
        Waitable(file.as_fd())
    }

    /// The same stream by a descriptor of its own.
    pub(crate) fn to_owned(self) -> io::Result<HostStream> {
        Ok(HostStream(self.0.try_clone_to_owned()?))
    }
}

/// A stream of the host's that a guest waits for, to be watched by a [`Reactor`](crate::preview2::Reactor): on Unix, a
/// descriptor.
#[derive(Debug)]
pub struct HostStream(OwnedFd);

impl From<HostStream> for OwnedFd {
    fn from(stream: HostStream) -> OwnedFd {
        stream.0
    }
}

impl HostStream {
    /// The stream, to wait for.
    #[cfg(test)]
    pub(crate) fn waitable(&self) -> Waitable<'_> {
        Waitable(self.0.as_fd())
    }
}

/// Waits until one of the streams is ready, at most `timeout`, and says how each stands.
pub(crate) fn wait(
    streams: &[(Waitable<'_>, Direction)],
    timeout: Duration,
) -> io::Result<Vec<Readiness>> {
    let mut polled: Vec<PollFd<'_>> = streams
        .iter()
        .map(|(stream, direction)| match direction {
            Direction::Read => PollFd::from_borrowed_fd(stream.0, PollFlags::IN),
            Direction::Write => PollFd::from_borrowed_fd(stream.0, PollFlags::OUT),
        })
        .collect();
    let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
    match rustix::event::poll(&mut polled, Some(&timeout)) {
        // A signal is as good as a timeout: the caller looks around and comes back.
        Ok(_) | Err(Raw::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(streams.iter().zip(&polled).map(|(stream, polled)| readiness(*stream, polled)).collect())
}

/// What the system said of one stream.
fn readiness((stream, direction): (Waitable<'_>, Direction), polled: &PollFd<'_>) -> Readiness {
    let said = polled.revents();
    let nbytes = match direction {
        Direction::Read => rustix::io::ioctl_fionread(stream.0).unwrap_or(0),
        Direction::Write => 0,
    };
    Readiness {
        ready: !said.is_empty(),
        hangup: said.intersects(PollFlags::HUP | PollFlags::ERR),
        nbytes,
    }
}

/// Reads from a file as a stream.
pub(crate) fn read_file(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    file.read(buffer)
}

/// Writes to a file as a stream; the system itself knows whether it is appended to.
pub(crate) fn write_file(
    mut file: &File,
    slices: &[IoSlice<'_>],
    _appends: bool,
) -> io::Result<usize> {
    file.write_vectored(slices)
}
