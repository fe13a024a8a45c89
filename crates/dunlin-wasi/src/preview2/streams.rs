//! `wasi:io/error` and `wasi:io/streams`: streams of bytes.
//!
//! A read gives what is there, at most [`STREAM_BYTES_MAX`] bytes. A write takes what an earlier `check-write` has
//! permitted, and hands it on before it returns, so that there is nothing to flush but what the embedder's writer holds.

use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use dunlin_component::{Borrow, Resource, variant};

use super::http::ErrorCode;
use super::http::bodies::{ReadHold, WriteHold};
use super::http::pipe::Written;
use super::http::reader::Read;
use super::link::{Interface, Interfaces};
use super::poll::{self, AsyncReady as _, Pollable};
use super::state::{ComponentCtx, trap};
use super::tcp::LiveSocket;
use super::waits;
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::limits::{BLOCKING_WRITE_BYTES_MAX, READY_WRITE_BYTES_MAX, STREAM_BYTES_MAX};
use crate::streams::{self, require_reading, require_writing};
use crate::sys::{Direction, Waitable};
use crate::table::Kind;
use crate::waits::Waits;

/// Why a stream failed.
pub(super) enum IoError {
    /// The system, or the sandbox, says so.
    System(Errno),
    /// It is the stream of a body, which failed.
    Http(ErrorCode),
}

variant! {
    /// Why a stream gives or takes nothing.
    pub(super) enum StreamError {
        /// Something went wrong.
        Failed(Resource<IoError>) => "last-operation-failed",
        /// There is no more.
        Closed => "closed",
    }
}

/// What functions of streams answer: a trap, or what the guest is told.
type Streamed<R> = dunlin::Result<Result<R, StreamError>>;

/// A stream of bytes that a guest reads.
pub(super) struct InputStream {
    source: Source,
    is_closed: bool,
}

/// Where bytes come from.
#[derive(Clone)]
enum Source {
    /// A standard stream, by its descriptor.
    Standard(u32),
    /// A file, from a place on.
    At(Arc<File>, u64),
    /// A pipe or device.
    Pipe(Arc<File>),
    /// A connection.
    Socket(Arc<LiveSocket>),
    /// A body.
    Body(Arc<ReadHold>),
}

/// A stream of bytes that a guest writes.
pub(super) struct OutputStream {
    target: Target,
    /// How many bytes may be written.
    permit: u64,
    is_closed: bool,
}

/// Where bytes go.
#[derive(Clone)]
enum Target {
    /// A standard stream, by its descriptor.
    Standard(u32),
    /// A file, from a place on.
    At(Arc<File>, u64),
    /// The end of a file. Going there and writing is not one step for others who append to it.
    End(Arc<File>),
    /// A pipe or device.
    Pipe(Arc<File>),
    /// A connection.
    Socket(Arc<LiveSocket>),
    /// A body.
    Body(Arc<WriteHold>),
}

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    let mut error = all.named("wasi:io/error")?;
    error.resource::<IoError>("error")?.func(
        "[method]error.to-debug-string",
        |state, (error,): (Borrow<IoError>,)| {
            Ok(match state.table.get(&error)? {
                IoError::System(errno) => errno.text().to_owned(),
                IoError::Http(code) => code.to_string(),
            })
        },
    )?;
    let mut streams = all.named("wasi:io/streams")?;
    define_input(&mut streams)?;
    define_output(&mut streams)
}

fn define_input<T, G>(streams: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<InputStream>;
    let len_of = |read: Result<Vec<u8>, StreamError>| read.map(|bytes| bytes.len() as u64);
    streams
        .resource::<InputStream>("input-stream")?
        .func("[method]input-stream.read", |state, (this, len): (This, u64)| {
            read(state, &this, len, How::Now)
        })?
        .func("[method]input-stream.blocking-read", |state, (this, len): (This, u64)| {
            read(state, &this, len, How::Waiting)
        })?
        .func("[method]input-stream.skip", move |state, (this, len): (This, u64)| {
            read(state, &this, len, How::Now).map(len_of)
        })?
        .func("[method]input-stream.blocking-skip", move |state, (this, len): (This, u64)| {
            read(state, &this, len, How::Waiting).map(len_of)
        })?
        .func("[method]input-stream.subscribe", |state, (this,): (This,)| {
            let stream = state.table.get(&this)?;
            let pollable =
                if stream.is_closed { Pollable::Ready } else { stream.source.pollable() };
            state.give(pollable)
        })?;
    Ok(())
}

fn define_output<T, G>(streams: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<OutputStream>;
    type From = Borrow<InputStream>;
    streams
        .resource::<OutputStream>("output-stream")?
        .func("[method]output-stream.check-write", |state, (this,): (This,)| {
            check_write(state, &this)
        })?
        .func("[method]output-stream.write", |state, (this, bytes): (This, Vec<u8>)| {
            spend(state, &this, bytes.len() as u64)?;
            write(state, &this, bytes)
        })?
        .func(
            "[method]output-stream.blocking-write-and-flush",
            |state, (this, bytes): (This, Vec<u8>)| {
                bounded(bytes.len() as u64)?;
                write_and_flush(state, &this, bytes)
            },
        )?
        .func("[method]output-stream.flush", |state, (this,): (This,)| flush(state, &this))?
        .func("[method]output-stream.blocking-flush", |state, (this,): (This,)| {
            flush(state, &this)
        })?
        .func("[method]output-stream.subscribe", |state, (this,): (This,)| subscribe(state, &this))?
        .func("[method]output-stream.write-zeroes", |state, (this, len): (This, u64)| {
            spend(state, &this, len)?;
            write(state, &this, vec![0; chunk(len)])
        })?
        .func(
            "[method]output-stream.blocking-write-zeroes-and-flush",
            |state, (this, len): (This, u64)| {
                bounded(len)?;
                write_and_flush(state, &this, vec![0; chunk(len)])
            },
        )?
        .func("[method]output-stream.splice", |state, (this, from, len): (This, From, u64)| {
            splice(state, &this, &from, len, How::Now)
        })?
        .func(
            "[method]output-stream.blocking-splice",
            |state, (this, from, len): (This, From, u64)| {
                splice(state, &this, &from, len, How::Waiting)
            },
        )?;
    Ok(())
}

/// Whether a call waits for bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Now,
    Waiting,
}

impl InputStream {
    /// The stream behind a descriptor of a standard stream.
    pub(super) fn standard(fd: u32) -> InputStream {
        InputStream { source: Source::Standard(fd), is_closed: false }
    }

    /// The bytes of a file from a place on.
    pub(super) fn at(file: Arc<File>, offset: u64) -> InputStream {
        InputStream { source: Source::At(file, offset), is_closed: false }
    }

    /// What comes from a pipe or device.
    pub(super) fn pipe(file: Arc<File>) -> InputStream {
        InputStream { source: Source::Pipe(file), is_closed: false }
    }
}

impl InputStream {
    /// What comes by a connection.
    pub(super) fn socket(live: Arc<LiveSocket>) -> InputStream {
        InputStream { source: Source::Socket(live), is_closed: false }
    }

    /// The bytes of a body.
    pub(super) fn body(hold: Arc<ReadHold>) -> InputStream {
        InputStream { source: Source::Body(hold), is_closed: false }
    }
}

impl OutputStream {
    /// To the other end of a connection.
    pub(super) fn socket(live: Arc<LiveSocket>) -> OutputStream {
        OutputStream::new(Target::Socket(live))
    }

    /// To whoever reads a body.
    pub(super) fn body(hold: Arc<WriteHold>) -> OutputStream {
        OutputStream::new(Target::Body(hold))
    }
}

impl Source {
    /// What says whether there are bytes.
    fn pollable(&self) -> Pollable {
        match self {
            Source::At(..) => Pollable::Ready,
            Source::Standard(fd) => Pollable::Standard(*fd, Direction::Read),
            Source::Pipe(file) => Pollable::File(file.clone(), Direction::Read),
            Source::Socket(live) => Pollable::Socket(live.clone(), Direction::Read),
            Source::Body(hold) => Pollable::Async(hold.0.clone()),
        }
    }

    /// Reads once.
    fn read(&mut self, ctx: &mut WasiCtx, buffer: &mut [u8], how: How) -> Result<usize, Errno> {
        let WasiCtx { table, interrupt, yields, reactor, .. } = ctx;
        let waits = Waits::new(reactor, interrupt, yields).nonblock(how == How::Now);
        match self {
            Source::Standard(fd) => {
                let descriptor = table.get_mut(*fd)?;
                require_reading(descriptor)?;
                streams::read(&mut descriptor.kind, buffer, waits)
            }
            Source::At(file, offset) => {
                let count = streams::read_regular(file, buffer, Some(*offset), waits)?;
                *offset = offset.saturating_add(count as u64);
                Ok(count)
            }
            Source::Pipe(file) => streams::read_pipe(file, buffer, waits),
            Source::Socket(live) => {
                waits.until_ready(live.socket.waitable(), Direction::Read)?;
                Ok(live.socket.read(buffer)?)
            }
            // Whose bytes are not copied into a buffer first.
            Source::Body(_) => Err(Errno::Badf),
        }
    }
}

impl OutputStream {
    fn new(target: Target) -> OutputStream {
        OutputStream { target, permit: 0, is_closed: false }
    }

    /// The stream behind a descriptor of a standard stream.
    pub(super) fn standard(fd: u32) -> OutputStream {
        OutputStream::new(Target::Standard(fd))
    }

    /// To a file, from a place on.
    pub(super) fn at(file: Arc<File>, offset: u64) -> OutputStream {
        OutputStream::new(Target::At(file, offset))
    }

    /// To the end of a file.
    pub(super) fn end(file: Arc<File>) -> OutputStream {
        OutputStream::new(Target::End(file))
    }

    /// To a pipe or device.
    pub(super) fn pipe(file: Arc<File>) -> OutputStream {
        OutputStream::new(Target::Pipe(file))
    }
}

impl Target {
    /// Writes some bytes, waiting for whoever takes them.
    fn write(&mut self, ctx: &mut WasiCtx, bytes: &[u8]) -> Result<usize, Errno> {
        let WasiCtx { table, interrupt, yields, reactor, .. } = ctx;
        let waits = Waits::new(reactor, interrupt, yields);
        let slices = [IoSlice::new(bytes)];
        match self {
            Target::Standard(fd) => {
                let descriptor = table.get_mut(*fd)?;
                require_writing(descriptor)?;
                match &mut descriptor.kind {
                    Kind::Output(output) => streams::write_output(output, bytes, waits),
                    Kind::File(file) => {
                        streams::write_file(&file.file, file.can_wait(), &slices, waits, false)
                    }
                    Kind::Input(_) | Kind::Dir(_) => Err(Errno::Badf),
                }
            }
            Target::At(file, offset) => {
                let count = streams::write_regular_at(file, bytes, *offset, waits)?;
                *offset = offset.saturating_add(count as u64);
                Ok(count)
            }
            Target::End(file) => streams::write_end(file, bytes, waits),
            Target::Pipe(file) => streams::write_file(file, true, &slices, waits, false),
            Target::Socket(live) => {
                waits.until_ready(live.socket.waitable(), Direction::Write)?;
                Ok(live.socket.write(bytes)?)
            }
            Target::Body(_) => Err(Errno::Badf),
        }
    }

    /// What says whether bytes are taken.
    fn pollable(&self) -> Pollable {
        match self {
            Target::At(..) | Target::End(_) => Pollable::Ready,
            Target::Standard(fd) => Pollable::Standard(*fd, Direction::Write),
            Target::Pipe(file) => Pollable::File(file.clone(), Direction::Write),
            Target::Socket(live) => Pollable::Socket(live.clone(), Direction::Write),
            Target::Body(hold) => Pollable::Async(hold.0.clone()),
        }
    }

    /// The host's stream, where a write can wait for the host.
    fn waitable<'a>(&'a self, ctx: &WasiCtx) -> Option<Waitable<'a>> {
        match self {
            Target::Standard(fd) => match &ctx.table.get(*fd).ok()?.kind {
                Kind::Output(output) => output.waitable(),
                _ => None,
            },
            Target::Pipe(file) => Some(Waitable::file(file)),
            Target::Socket(live) => Some(live.socket.waitable()),
            Target::At(..) | Target::End(_) | Target::Body(_) => None,
        }
    }
}

/// How many bytes one call moves of those that are wanted.
fn chunk(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX).min(STREAM_BYTES_MAX)
}

/// Refuses more than the functions take that write and wait at once.
fn bounded(len: u64) -> dunlin::Result<()> {
    match len <= BLOCKING_WRITE_BYTES_MAX {
        true => Ok(()),
        false => Err(trap("more bytes at once than a blocking write takes")),
    }
}

/// Tells a guest why its stream failed; a reader that is gone is no failure.
fn failed<R>(state: &mut ComponentCtx, errno: Errno) -> Streamed<R> {
    Ok(Err(match errno {
        Errno::Pipe => StreamError::Closed,
        errno => StreamError::Failed(state.give(IoError::System(errno))?),
    }))
}

/// Waits, by the reactor if there is one, until a call would not wait.
fn await_ready(state: &ComponentCtx, pollable: &Pollable) -> dunlin::Result<()> {
    match (&state.ctx.reactor, pollable) {
        (None, _) | (_, Pollable::Ready) => Ok(()),
        _ => poll::block_on_host(state, pollable),
    }
}

/// Reads from a body.
fn read_body(
    state: &mut ComponentCtx,
    this: &Borrow<InputStream>,
    hold: &ReadHold,
    len: u64,
    how: How,
) -> Streamed<Vec<u8>> {
    if len == 0 {
        return Ok(Ok(Vec::new()));
    }
    loop {
        let failure = match hold.0.read(chunk(len)) {
            Read::Bytes(bytes) => return Ok(Ok(bytes.into())),
            Read::Later if how == How::Now => return Ok(Ok(Vec::new())),
            Read::Later => {
                waits::until(state, |context| hold.0.poll_ready(context))?;
                continue;
            }
            Read::Closed => None,
            Read::Failed(code) => Some(code),
        };
        state.table.get_mut(this)?.is_closed = true;
        return Ok(Err(match failure {
            Some(code) => StreamError::Failed(state.give(IoError::Http(code))?),
            None => StreamError::Closed,
        }));
    }
}

/// Writes to a body, waiting for room for the rest.
fn write_body(
    state: &mut ComponentCtx,
    this: &Borrow<OutputStream>,
    hold: &WriteHold,
    mut bytes: Vec<u8>,
) -> Streamed<()> {
    let mut failure = None;
    while !bytes.is_empty() {
        let Some(room) = hold.0.room() else {
            failure = Some(StreamError::Closed);
            break;
        };
        if room == 0 {
            waits::until(state, |context| hold.0.poll_room(context))?;
            continue;
        }
        let rest = bytes.split_off(bytes.len().min(room));
        failure = match hold.0.write(bytes) {
            Written::Done => None,
            Written::Closed => Some(StreamError::Closed),
            Written::Failed(code) => Some(StreamError::Failed(state.give(IoError::Http(code))?)),
        };
        if failure.is_some() {
            break;
        }
        bytes = rest;
    }
    match failure {
        None => Ok(Ok(())),
        Some(failure) => {
            state.table.get_mut(this)?.is_closed = true;
            Ok(Err(failure))
        }
    }
}

fn read(
    state: &mut ComponentCtx,
    this: &Borrow<InputStream>,
    len: u64,
    how: How,
) -> Streamed<Vec<u8>> {
    let stream = state.table.get(this)?;
    if stream.is_closed {
        return Ok(Err(StreamError::Closed));
    }
    if let Source::Body(hold) = &stream.source {
        let hold = hold.clone();
        return read_body(state, this, &hold, len, how);
    }
    let pollable = stream.source.pollable();
    let mut buffer = vec![0; chunk(len)];
    loop {
        if how == How::Waiting && !buffer.is_empty() {
            await_ready(state, &pollable)?;
        }
        let ComponentCtx { ctx, table, .. } = state;
        let stream = table.get_mut(this)?;
        if buffer.is_empty() {
            return Ok(Ok(buffer));
        }
        match stream.source.read(ctx, &mut buffer, how) {
            Ok(0) => {
                stream.is_closed = true;
                return Ok(Err(StreamError::Closed));
            }
            Ok(count) => {
                buffer.truncate(count);
                return Ok(Ok(buffer));
            }
            Err(Errno::Again) if how == How::Now => return Ok(Ok(Vec::new())),
            // A signal of the host's is no matter, nor who was faster; the embedder's interrupt is.
            Err(Errno::Intr | Errno::Again) => state.check_interrupt()?,
            Err(errno) => {
                stream.is_closed = true;
                return failed(state, errno);
            }
        }
    }
}

/// How many bytes may be written now, which is what the next write may be of.
fn check_write(state: &mut ComponentCtx, this: &Borrow<OutputStream>) -> Streamed<u64> {
    let ComponentCtx { ctx, table, .. } = state;
    let stream = table.get_mut(this)?;
    if stream.is_closed {
        return Ok(Err(StreamError::Closed));
    }
    if let Target::Body(hold) = &stream.target {
        let Some(room) = hold.0.room() else {
            stream.is_closed = true;
            return Ok(Err(StreamError::Closed));
        };
        stream.permit = room as u64;
        return Ok(Ok(room as u64));
    }
    let permit = match stream.target.waitable(ctx) {
        None => STREAM_BYTES_MAX as u64,
        Some(waitable) => {
            let stands = crate::sys::wait(&[(waitable, Direction::Write)], Duration::ZERO);
            match stands {
                Ok(stands) if stands.iter().any(|stand| stand.ready) => {
                    READY_WRITE_BYTES_MAX as u64
                }
                Ok(_) => 0,
                Err(error) => return failed(state, error.into()),
            }
        }
    };
    stream.permit = permit;
    Ok(Ok(permit))
}

/// Uses a permit up.
fn spend(state: &mut ComponentCtx, this: &Borrow<OutputStream>, len: u64) -> dunlin::Result<()> {
    let stream = state.table.get_mut(this)?;
    let left = stream.permit.checked_sub(len);
    stream.permit =
        left.ok_or_else(|| trap("more bytes are written than `check-write` permitted"))?;
    Ok(())
}

/// Writes all bytes.
fn write(state: &mut ComponentCtx, this: &Borrow<OutputStream>, bytes: Vec<u8>) -> Streamed<()> {
    let stream = state.table.get(this)?;
    if stream.is_closed {
        return Ok(Err(StreamError::Closed));
    }
    if let Target::Body(hold) = &stream.target {
        let hold = hold.clone();
        return write_body(state, this, &hold, bytes);
    }
    let pollable = stream.target.pollable();
    let mut left = &bytes[..];
    loop {
        if !left.is_empty() {
            await_ready(state, &pollable)?;
        }
        let ComponentCtx { ctx, table, .. } = state;
        let stream = table.get_mut(this)?;
        if left.is_empty() {
            return Ok(Ok(()));
        }
        let errno = match stream.target.write(ctx, left) {
            Ok(0) => Errno::Io,
            Ok(count) => {
                left = left.get(count..).unwrap_or(&[]);
                continue;
            }
            Err(Errno::Intr | Errno::Again) => {
                state.check_interrupt()?;
                continue;
            }
            Err(errno) => errno,
        };
        stream.is_closed = true;
        return failed(state, errno);
    }
}

/// Hands on what the embedder's writer holds.
fn flush(state: &mut ComponentCtx, this: &Borrow<OutputStream>) -> Streamed<()> {
    let ComponentCtx { ctx, table, .. } = state;
    let stream = table.get_mut(this)?;
    if stream.is_closed {
        return Ok(Err(StreamError::Closed));
    }
    // What a body was given lies where its reader finds it.
    let Target::Standard(fd) = stream.target else { return Ok(Ok(())) };
    match ctx.table.get_mut(fd).map(|descriptor| &mut descriptor.kind) {
        Ok(Kind::Output(output)) => match output.flush() {
            Ok(()) => Ok(Ok(())),
            Err(errno) => {
                stream.is_closed = true;
                failed(state, errno)
            }
        },
        _ => Ok(Ok(())),
    }
}

fn write_and_flush(
    state: &mut ComponentCtx,
    this: &Borrow<OutputStream>,
    bytes: Vec<u8>,
) -> Streamed<()> {
    match write(state, this, bytes)? {
        Ok(()) => flush(state, this),
        failed => Ok(failed),
    }
}

fn subscribe(
    state: &mut ComponentCtx,
    this: &Borrow<OutputStream>,
) -> dunlin::Result<Resource<Pollable>> {
    let stream = state.table.get(this)?;
    let pollable = if stream.is_closed { Pollable::Ready } else { stream.target.pollable() };
    state.give(pollable)
}

/// Moves bytes from one stream to another.
fn splice(
    state: &mut ComponentCtx,
    this: &Borrow<OutputStream>,
    from: &Borrow<InputStream>,
    len: u64,
    how: How,
) -> Streamed<u64> {
    let permit = match (how, check_write(state, this)?) {
        (_, Err(error)) => return Ok(Err(error)),
        (How::Now, Ok(permit)) => permit,
        (How::Waiting, Ok(_)) => STREAM_BYTES_MAX as u64,
    };
    let bytes = match read(state, from, len.min(permit), how)? {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(error)),
    };
    let len = bytes.len() as u64;
    Ok(write(state, this, bytes)?.map(|()| len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, InputPipe, Output, OutputPipe};

    fn input(bytes: &[u8]) -> (ComponentCtx, Borrow<InputStream>) {
        let mut builder = WasiCtx::builder();
        builder.stdin(Input::Pipe(InputPipe::new(bytes)));
        let mut state = ComponentCtx::new(builder.build().expect("a context"));
        let stream = state.give(InputStream::standard(0)).expect("a stream");
        (state, Borrow::new(stream.rep()))
    }

    fn output(bytes_max: usize) -> (ComponentCtx, Borrow<OutputStream>, OutputPipe) {
        let pipe = OutputPipe::new(bytes_max);
        let mut builder = WasiCtx::builder();
        builder.stdout(Output::Pipe(pipe.clone()));
        let mut state = ComponentCtx::new(builder.build().expect("a context"));
        let stream = state.give(OutputStream::standard(1)).expect("a stream");
        (state, Borrow::new(stream.rep()), pipe)
    }

    /// What a guest was told, which is no trap.
    fn told<R>(streamed: Streamed<R>) -> Result<R, StreamError> {
        streamed.expect("no trap")
    }

    #[test]
    fn a_read_gives_what_is_there_and_the_end_is_told() {
        let (mut state, stream) = input(&[7; STREAM_BYTES_MAX + 5]);
        for (len, given) in [(0, 0), (3, 3), (u64::MAX, STREAM_BYTES_MAX), (9, 2)] {
            let bytes = told(read(&mut state, &stream, len, How::Now)).ok().expect("bytes");
            assert_eq!(bytes, vec![7; given], "{len}");
        }
        for how in [How::Now, How::Waiting] {
            assert!(matches!(told(read(&mut state, &stream, 1, how)), Err(StreamError::Closed)));
        }
    }

    #[test]
    fn only_what_is_permitted_is_written() {
        let (mut state, stream, pipe) = output(1 << 20);
        assert!(spend(&mut state, &stream, 1).is_err(), "nobody has asked");
        let permit = told(check_write(&mut state, &stream)).ok().expect("a permit");
        assert!(spend(&mut state, &stream, permit + 1).is_err());
        spend(&mut state, &stream, permit).expect("permitted");
        assert!(spend(&mut state, &stream, 1).is_err(), "it has been used up");
        assert!(told(write(&mut state, &stream, b"abc".to_vec())).is_ok());
        assert!(told(write_and_flush(&mut state, &stream, Vec::new())).is_ok());
        assert_eq!(pipe.contents(), b"abc");
        assert!(bounded(BLOCKING_WRITE_BYTES_MAX).is_ok());
        assert!(bounded(BLOCKING_WRITE_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn a_stream_that_has_failed_says_why_once_and_is_closed() {
        let (mut state, stream, pipe) = output(4);
        let Err(StreamError::Failed(why)) = told(write(&mut state, &stream, b"abcdef".to_vec()))
        else {
            panic!("the pipe is full");
        };
        assert!(matches!(state.table.get(&why), Ok(IoError::System(Errno::Nospc))));
        assert_eq!(pipe.contents(), b"abcd");
        assert!(matches!(
            told(write(&mut state, &stream, b"x".to_vec())),
            Err(StreamError::Closed)
        ));
        assert!(matches!(told(check_write(&mut state, &stream)), Err(StreamError::Closed)));
        assert!(matches!(told(flush(&mut state, &stream)), Err(StreamError::Closed)));
    }

    #[test]
    fn a_splice_moves_no_more_than_is_there() {
        let (mut state, from) = input(b"hello");
        let file = Arc::new(tempfile::tempfile().expect("a file"));
        let to = state.give(OutputStream::at(file.clone(), 2)).expect("a stream");
        let to = Borrow::new(to.rep());
        let moved = told(splice(&mut state, &to, &from, 4, How::Now));
        assert_eq!(moved.ok(), Some(4));
        assert_eq!(told(splice(&mut state, &to, &from, u64::MAX, How::Waiting)).ok(), Some(1));
        assert!(matches!(
            told(splice(&mut state, &to, &from, 1, How::Now)),
            Err(StreamError::Closed)
        ));
        let mut bytes = [1; 7];
        crate::sys::read_at(&file, &mut bytes, 0).expect("bytes");
        assert_eq!(&bytes, b"\0\0hello");
    }

    #[test]
    fn what_is_appended_goes_to_the_end() {
        let (mut state, ..) = input(b"");
        let file = Arc::new(tempfile::tempfile().expect("a file"));
        for bytes in [b"ab", b"cd"] {
            let stream = state.give(OutputStream::end(file.clone())).expect("a stream");
            assert!(told(write(&mut state, &Borrow::new(stream.rep()), bytes.to_vec())).is_ok());
        }
        let stream = state.give(InputStream::at(file, 1)).expect("a stream");
        let read = told(read(&mut state, &Borrow::new(stream.rep()), 9, How::Now));
        assert_eq!(read.ok(), Some(b"bcd".to_vec()));
    }
}
