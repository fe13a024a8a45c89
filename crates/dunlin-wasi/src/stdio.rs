//! The standard streams: nothing, the host's own, a file, or a buffer that the embedder holds too.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::errno::Errno;
use crate::sys::Waitable;
use crate::types::FileType;

/// What a guest reads as its standard input.
#[derive(Default)]
#[non_exhaustive]
pub enum Input {
    /// Nothing: the first read finds the end.
    #[default]
    Null,
    /// The host process's standard input.
    Inherit,
    /// A file, with seeking and all else that files have.
    File(File),
    /// A buffer that the embedder fills.
    Pipe(InputPipe),
    /// Anything that can be read; a read that waits cannot be interrupted.
    Reader(Box<dyn Read + Send>),
}

impl fmt::Debug for Input {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Input::Null => "Null",
            Input::Inherit => "Inherit",
            Input::File(_) => "File",
            Input::Pipe(_) => "Pipe",
            Input::Reader(_) => "Reader",
        })
    }
}

impl Input {
    /// The type that the guest is told: a character device only for a terminal, since that is how C
    /// libraries tell one.
    pub(crate) fn filetype(&self) -> FileType {
        match self {
            Input::Inherit if io::stdin().is_terminal() => FileType::CharacterDevice,
            _ => FileType::Unknown,
        }
    }

    /// The host's stream, where a read can wait for the host.
    pub(crate) fn waitable(&self) -> Option<Waitable<'static>> {
        match self {
            Input::Inherit => Some(Waitable::stdin()),
            _ => None,
        }
    }

    /// Reads once.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Input::Null => Ok(0),
            Input::Inherit => Ok(crate::sys::read_stdin(buffer)?),
            Input::File(file) => Ok(crate::sys::read_file(file, buffer)?),
            Input::Pipe(pipe) => Ok(pipe.read(buffer)),
            Input::Reader(reader) => Ok(reader.read(buffer)?),
        }
    }
}

/// Where a guest's standard output or error goes.
#[derive(Default)]
#[non_exhaustive]
pub enum Output {
    /// Nowhere: everything is taken and forgotten.
    #[default]
    Null,
    /// The host process's standard output.
    Stdout,
    /// The host process's standard error.
    Stderr,
    /// A file, with seeking and all else that files have.
    File(File),
    /// A buffer that the embedder reads.
    Pipe(OutputPipe),
    /// Anything that can be written; a write that waits cannot be interrupted.
    Writer(Box<dyn Write + Send>),
}

impl fmt::Debug for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Output::Null => "Null",
            Output::Stdout => "Stdout",
            Output::Stderr => "Stderr",
            Output::File(_) => "File",
            Output::Pipe(_) => "Pipe",
            Output::Writer(_) => "Writer",
        })
    }
}

impl Output {
    /// The type that the guest is told.
    pub(crate) fn filetype(&self) -> FileType {
        match self {
            Output::Stdout if io::stdout().is_terminal() => FileType::CharacterDevice,
            Output::Stderr if io::stderr().is_terminal() => FileType::CharacterDevice,
            _ => FileType::Unknown,
        }
    }

    /// Writes once.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        match self {
            Output::Null => Ok(bytes.len()),
            Output::Stdout => Ok(crate::sys::write_stdout(bytes)?),
            Output::Stderr => Ok(crate::sys::write_stderr(bytes)?),
            Output::File(file) => Ok(file.write(bytes)?),
            Output::Pipe(pipe) => pipe.write(bytes),
            Output::Writer(writer) => {
                writer.write_all(bytes)?;
                Ok(bytes.len())
            }
        }
    }

    /// The host's stream, where a write can wait for the host.
    pub(crate) fn waitable(&self) -> Option<Waitable<'static>> {
        match self {
            Output::Stdout => Some(Waitable::stdout()),
            Output::Stderr => Some(Waitable::stderr()),
            _ => None,
        }
    }

    /// Hands on what is still held here.
    pub(crate) fn flush(&mut self) -> Result<(), Errno> {
        match self {
            Output::Writer(writer) => Ok(writer.flush()?),
            _ => Ok(()),
        }
    }
}

/// A buffer that the embedder fills and the guest reads; a guest that finds it empty finds the end.
#[derive(Clone, Debug, Default)]
pub struct InputPipe {
    bytes: Arc<Mutex<VecDeque<u8>>>,
}

impl InputPipe {
    /// A pipe that holds some bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> InputPipe {
        InputPipe { bytes: Arc::new(Mutex::new(VecDeque::from(bytes.into()))) }
    }

    /// Adds bytes at the end.
    pub fn push(&self, bytes: &[u8]) {
        lock(&self.bytes).extend(bytes);
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.bytes).len()
    }

    /// Whether no bytes wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes what is there, as far as the buffer goes.
    fn read(&self, buffer: &mut [u8]) -> usize {
        let mut bytes = lock(&self.bytes);
        let len = buffer.len().min(bytes.len());
        for (slot, byte) in buffer.iter_mut().zip(bytes.drain(..len)) {
            *slot = byte;
        }
        len
    }
}

/// A buffer that the guest writes and the embedder reads, up to a bound that the embedder names.
#[derive(Clone, Debug)]
pub struct OutputPipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    bytes_max: usize,
}

impl OutputPipe {
    /// A pipe that holds at most `bytes_max` bytes; a guest that writes more is told `NOSPC`.
    #[must_use]
    pub fn new(bytes_max: usize) -> OutputPipe {
        OutputPipe { bytes: Arc::new(Mutex::new(Vec::new())), bytes_max }
    }

    /// A copy of what has been written and not been taken.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        lock(&self.bytes).clone()
    }

    /// Takes what has been written, which makes room for more.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.bytes))
    }

    /// Adds what fits.
    fn write(&self, added: &[u8]) -> Result<usize, Errno> {
        let mut bytes = lock(&self.bytes);
        let room = self.bytes_max.saturating_sub(bytes.len());
        if room == 0 && !added.is_empty() {
            return Err(Errno::Nospc);
        }
        let len = added.len().min(room);
        bytes.extend_from_slice(&added[..len]);
        Ok(len)
    }
}

/// Locks a buffer; bytes are whole whatever happened to the thread that held it last.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
