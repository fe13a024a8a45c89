//! Everywhere else: the same functions from `std` alone, each saying what is lost. A loop of links is
//! refused here too, but told as `IO`: `std` has no stable name for it.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use cap_fs_ext::{DirEntryExt as _, Metadata, MetadataExt as _};

use super::{Direction, Readiness};
use crate::errno::Errno;
use crate::types::Advice;

/// The system's numbers mean nothing to us here; the kind of the error decides.
pub(crate) fn errno_of_raw(_: i32) -> Option<Errno> {
    None
}

/// Reads at an offset and puts the file's place back; not one step for others who share the file.
pub(crate) fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let place = file.stream_position()?;
    file.seek(SeekFrom::Start(offset))?;
    let result = file.read(buffer);
    file.seek(SeekFrom::Start(place))?;
    result
}

/// Writes at an offset and puts the file's place back; not one step for others who share the file.
pub(crate) fn write_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    let place = file.stream_position()?;
    file.seek(SeekFrom::Start(offset))?;
    let result = file.write(bytes);
    file.seek(SeekFrom::Start(place))?;
    result
}

/// The system is not told: [`write_file`] goes to the end itself.
pub(crate) fn set_append(_: &File, _: bool) -> io::Result<()> {
    Ok(())
}

/// Advice is only advice, and is ignored.
pub(crate) fn advise(_: &File, _: u64, _: u64, _: Advice) -> io::Result<()> {
    Ok(())
}

/// Grows the file; space is not reserved.
pub(crate) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let end = offset.checked_add(len).ok_or(io::ErrorKind::FileTooLarge)?;
    if end > file.metadata()?.len() { file.set_len(end) } else { Ok(()) }
}

/// These systems do not say what would wait.
pub(crate) fn read_in_memory(_: &File, _: &mut [u8], _: Option<u64>) -> Option<usize> {
    None
}

/// These systems do not say what would wait.
pub(crate) fn write_in_memory(_: &File, _: &[u8], _: u64) -> Option<usize> {
    None
}

/// The time of the last change of the bytes stands in for the change of anything.
pub(crate) fn change_time_ns(metadata: &Metadata) -> u64 {
    let since =
        metadata.modified().ok().and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// The number of a directory entry, at the price of asking for all that is known of the file.
pub(crate) fn entry_ino(entry: &cap_std::fs::DirEntry) -> io::Result<u64> {
    Ok(entry.full_metadata()?.ino())
}

/// Reads the process's standard input.
pub(crate) fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    io::stdin().read(buffer)
}

/// Writes to the process's standard output.
pub(crate) fn write_stdout(bytes: &[u8]) -> io::Result<usize> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(bytes.len())
}

/// Writes to the process's standard error.
pub(crate) fn write_stderr(bytes: &[u8]) -> io::Result<usize> {
    io::stderr().lock().write(bytes)
}

/// A stream that can be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waitable<'a>(PhantomData<&'a File>);

impl<'a> Waitable<'a> {
    /// The process's standard input.
    pub(crate) fn stdin() -> Waitable<'static> {
        Waitable(PhantomData)
    }

    /// The process's standard output.
    pub(crate) fn stdout() -> Waitable<'static> {
        Waitable(PhantomData)
    }

    /// The process's standard error.
    pub(crate) fn stderr() -> Waitable<'static> {
        Waitable(PhantomData)
    }

    /// An open file.
    pub(crate) fn file(_: &'a File) -> Waitable<'a> {
        Waitable(PhantomData)
    }

    /// Nothing can be watched here.
    pub(crate) fn to_owned(self) -> io::Result<HostStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A stream of the host's that a guest waits for, to be watched by a [`Reactor`](crate::preview2::Reactor): there is none
/// here.
#[derive(Debug)]
pub enum HostStream {}

impl HostStream {
    /// The stream, to wait for.
    #[cfg(test)]
    pub(crate) fn waitable(&self) -> Waitable<'_> {
        match *self {}
    }
}

/// Nothing can be asked here, so every stream is called ready and the read itself may wait.
pub(crate) fn wait(
    streams: &[(Waitable<'_>, Direction)],
    _: Duration,
) -> io::Result<Vec<Readiness>> {
    Ok(streams.iter().map(|_| Readiness { ready: true, hangup: false, nbytes: 0 }).collect())
}

/// Reads from a file as a stream.
pub(crate) fn read_file(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    file.read(buffer)
}

/// Writes to a file as a stream, at its end if it is appended to; not one step for others who share
/// the file.
pub(crate) fn write_file(
    mut file: &File,
    slices: &[IoSlice<'_>],
    appends: bool,
) -> io::Result<usize> {
    if appends {
        file.seek(SeekFrom::End(0))?;
    }
    file.write_vectored(slices)
}

/// A socket that does not wait: there is none here.
#[derive(Debug)]
pub(crate) enum Socket {}

/// Makes methods of a socket that there is none of.
macro_rules! never {
    ($($name:ident($($arg:ty),*) -> $result:ty;)*) => {
        impl Socket {
            /// Fails.
            pub(crate) fn new(_is_v6: bool) -> io::Result<Socket> {
                Err(io::ErrorKind::Unsupported.into())
            }

            /// Fails.
            pub(crate) fn new_udp(_is_v6: bool) -> io::Result<Socket> {
                Err(io::ErrorKind::Unsupported.into())
            }

            /// Nothing to wait for.
            pub(crate) fn waitable(&self) -> Waitable<'_> {
                match *self {}
            }

            $(pub(crate) fn $name(&self, $(_: $arg),*) -> io::Result<$result> {
                match *self {}
            })*
        }
    };
}

never! {
    bind(SocketAddr) -> (); bind_alone(SocketAddr) -> (); disconnect() -> ();
    receive(&mut [u8]) -> (usize, SocketAddr); send(&[u8], Option<SocketAddr>) -> usize; connect(SocketAddr) -> (); take_error() -> (); listen(u16) -> ();
    accept() -> Socket; local() -> SocketAddr; remote() -> SocketAddr; read(&mut [u8]) -> usize;
    write(&[u8]) -> usize; shutdown(std::net::Shutdown) -> (); keep_alive() -> bool;
    set_keep_alive(bool) -> (); keep_alive_idle() -> Duration; set_keep_alive_idle(Duration) -> ();
    keep_alive_interval() -> Duration; set_keep_alive_interval(Duration) -> ();
    keep_alive_count() -> u32; set_keep_alive_count(u32) -> (); hop_limit(bool) -> u8;
    set_hop_limit(bool, u8) -> (); receive_buffer() -> usize; set_receive_buffer(usize) -> ();
    send_buffer() -> usize; set_send_buffer(usize) -> ();
}
