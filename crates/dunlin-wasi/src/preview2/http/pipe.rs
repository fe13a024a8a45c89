//! The way of a body from a guest that writes it to whoever reads it, with a bounded buffer between them.
//!
//! 1. The guest asks how much it may write. That is what the buffer has room for; once it has been full, nothing until
//!    half of it has been read, so that a slow reader does not make the guest write by the byte.
//! 2. What is written lies in the buffer: the first write as it was given, later ones in one piece after it.
//! 3. The reader takes all that is there as one frame, and wakes the guest.
//! 4. The guest finishes the body, with or without trailers; a body that goes before has failed. So has one that is not as
//!    long as was announced: one byte more is not written, and an end too early is an error for both sides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::error_code::ErrorCode;
use crate::preview2::poll::AsyncReady;

/// Which body it is, for the names of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Request,
    Response,
}

impl Message {
    /// What is said of a body of the wrong size.
    pub(super) fn body_size(self, bytes: u64) -> ErrorCode {
        match self {
            Message::Request => ErrorCode::HttpRequestBodySize(Some(bytes)),
            Message::Response => ErrorCode::HttpResponseBodySize(Some(bytes)),
        }
    }
}

/// How a body ends.
enum End {
    /// It has not yet.
    Open,
    /// As it was to end.
    Finished(Option<HeaderMap>),
    /// Badly.
    Failed(ErrorCode),
    /// The reader has been told.
    Told,
}

struct State {
    message: Message,
    /// The first bytes, as they were given.
    first: Bytes,
    /// What was written after them.
    rest: BytesMut,
    buffer_bytes: usize,
    /// It has been full, and not yet been half empty.
    is_full: bool,
    /// How many bytes were written.
    written: u64,
    /// How many are to be.
    announced: Option<u64>,
    /// How many were read.
    taken: u64,
    end: End,
    has_reader: bool,
    reading: Option<Waker>,
    writing: Option<Waker>,
}

impl State {
    fn buffered(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    /// How many bytes may be written now.
    fn room(&self) -> usize {
        if self.is_full { 0 } else { self.buffer_bytes.saturating_sub(self.buffered()) }
    }

    fn is_writable(&self) -> bool {
        self.has_reader && matches!(self.end, End::Open)
    }

    fn put(&mut self, bytes: Vec<u8>) {
        self.written += bytes.len() as u64;
        if self.buffered() == 0 {
            self.first = bytes.into();
        } else {
            self.rest.extend_from_slice(&bytes);
        }
        self.is_full = self.buffered() >= self.buffer_bytes;
    }

    fn take(&mut self) -> Bytes {
        let bytes = match self.first.is_empty() {
            true => self.rest.split().freeze(),
            false => std::mem::take(&mut self.first),
        };
        self.taken += bytes.len() as u64;
        if self.buffered() <= self.buffer_bytes / 2 {
            self.is_full = false;
        }
        bytes
    }
}

/// A body on its way.
pub(in crate::preview2) struct Pipe(Mutex<State>);

/// What came of a write.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::preview2) enum Written {
    /// It lies in the buffer.
    Done,
    /// Nobody wants more.
    Closed,
    /// It is more than was announced.
    Failed(ErrorCode),
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes may be written now; `None` if there will not be more.
    pub(in crate::preview2) fn room(&self) -> Option<usize> {
        let state = self.lock();
        state.is_writable().then(|| state.room())
    }

    /// Is ready when bytes may be written, or never again.
    pub(in crate::preview2) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.is_writable() || state.room() > 0 {
            return Poll::Ready(());
        }
        store(&mut state.writing, context);
        Poll::Pending
    }

    /// Writes bytes, for which there is room.
    pub(in crate::preview2) fn write(&self, bytes: Vec<u8>) -> Written {
        let mut state = self.lock();
        if !state.is_writable() {
            return Written::Closed;
        }
        let after = state.written.saturating_add(bytes.len() as u64);
        let written = match state.announced {
            Some(announced) if after > announced => {
                let failure = state.message.body_size(after);
                state.end = End::Failed(failure.clone());
                Written::Failed(failure)
            }
            _ => {
                state.put(bytes);
                Written::Done
            }
        };
        wake(state, |state| &mut state.reading);
        written
    }

    fn end(&self, end: End) {
        let mut state = self.lock();
        if matches!(state.end, End::Open) {
            state.end = end;
            wake(state, |state| &mut state.reading);
        }
    }

    /// Ends a body that nobody will write any more; nothing if it has been finished.
    pub(in crate::preview2) fn give_up(&self) {
        self.end(End::Failed(ErrorCode::InternalError(Some("the body was not finished".into()))));
    }
}

impl AsyncReady for Pipe {
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_room(context)
    }
}

/// Remembers whom to wake.
pub(super) fn store(place: &mut Option<Waker>, context: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(context.waker()),
        None => *place = Some(context.waker().clone()),
    }
}

/// Wakes whoever waits, outside of the lock.
fn wake(mut state: MutexGuard<'_, State>, who: impl FnOnce(&mut State) -> &mut Option<Waker>) {
    let waker = who(&mut state).take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The guest's end: a body that goes unfinished has failed.
pub(super) struct PipeWriter(Arc<Pipe>);

/// The other end.
pub(super) struct PipeReader(Arc<Pipe>);

/// A body that a guest will write, with so many bytes between the ends, and so many in all if that is known.
pub(super) fn pipe(
    message: Message,
    announced: Option<u64>,
    buffer_bytes: usize,
) -> (PipeWriter, PipeReader) {
    let pipe = Arc::new(Pipe(Mutex::new(State {
        message,
        first: Bytes::new(),
        rest: BytesMut::new(),
        buffer_bytes: buffer_bytes.max(1),
        is_full: false,
        written: 0,
        announced,
        taken: 0,
        end: End::Open,
        has_reader: true,
        reading: None,
        writing: None,
    })));
    (PipeWriter(pipe.clone()), PipeReader(pipe))
}

impl PipeWriter {
    /// Where a stream writes.
    pub(super) fn pipe(&self) -> &Arc<Pipe> {
        &self.0
    }

    /// Finishes the body.
    ///
    /// # Errors
    /// If it is not as long as was announced.
    pub(super) fn finish(self, trailers: Option<HeaderMap>) -> Result<(), ErrorCode> {
        let (message, announced, written) = {
            let state = self.0.lock();
            if let End::Failed(failure) = &state.end {
                return Err(failure.clone());
            }
            (state.message, state.announced, state.written)
        };
        if announced.is_some_and(|announced| announced != written) {
            let failure = message.body_size(written);
            self.0.end(End::Failed(failure.clone()));
            return Err(failure);
        }
        self.0.end(End::Finished(trailers));
        Ok(())
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl PipeReader {
    /// The next frame of the body.
    pub(super) fn poll_frame(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let mut state = self.0.lock();
        if state.buffered() > 0 {
            let bytes = state.take();
            if state.room() > 0 {
                wake(state, |state| &mut state.writing);
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if matches!(state.end, End::Open) {
            store(&mut state.reading, context);
            return Poll::Pending;
        }
        Poll::Ready(match std::mem::replace(&mut state.end, End::Told) {
            End::Failed(failure) => Some(Err(failure)),
            End::Finished(Some(trailers)) => Some(Ok(Frame::trailers(trailers))),
            _ => None,
        })
    }

    /// Whether nothing will come any more.
    pub(super) fn is_end(&self) -> bool {
        let state = self.0.lock();
        state.buffered() == 0 && matches!(state.end, End::Finished(None) | End::Told)
    }

    /// How many bytes are to come, if that is known.
    pub(super) fn size_hint(&self) -> SizeHint {
        let state = self.0.lock();
        let mut hint = SizeHint::new();
        match (state.announced, &state.end) {
            (Some(announced), _) => hint.set_exact(announced.saturating_sub(state.taken)),
            (None, End::Finished(None)) => hint.set_exact(state.buffered() as u64),
            _ => hint.set_lower(state.buffered() as u64),
        }
        hint
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.has_reader = false;
        let left = (std::mem::take(&mut state.first), std::mem::take(&mut state.rest));
        wake(state, |state| &mut state.writing);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    fn data(reader: &mut PipeReader) -> Vec<u8> {
        match reader.poll_frame(&context()) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().expect("bytes").to_vec(),
            other => panic!("no frame: {:?}", other.map(|frame| frame.map(|frame| frame.is_ok()))),
        }
    }

    #[test]
    fn a_writer_waits_until_half_has_been_read() {
        let (writer, mut reader) = pipe(Message::Response, None, 8);
        let pipe = writer.pipe().clone();
        assert_eq!(pipe.room(), Some(8));
        assert_eq!(pipe.write(b"abc".to_vec()), Written::Done);
        assert_eq!(pipe.write(b"de".to_vec()), Written::Done);
        assert_eq!(pipe.room(), Some(3));
        assert_eq!(pipe.write(b"fgh".to_vec()), Written::Done);
        assert_eq!(pipe.room(), Some(0));
        assert!(pipe.poll_room(&context()).is_pending());
        assert_eq!(data(&mut reader), b"abc");
        assert_eq!(pipe.room(), Some(0), "more than half is there");
        assert_eq!(data(&mut reader), b"defgh");
        assert_eq!(pipe.room(), Some(8));
        assert!(pipe.poll_room(&context()).is_ready());
        assert!(reader.poll_frame(&context()).is_pending());
        let mut trailers = HeaderMap::new();
        trailers.insert("a", "b".parse().expect("a value"));
        writer.finish(Some(trailers)).expect("the end");
        assert_eq!(pipe.write(b"x".to_vec()), Written::Closed);
        let Poll::Ready(Some(Ok(frame))) = reader.poll_frame(&context()) else {
            panic!("trailers")
        };
        assert_eq!(frame.trailers_ref().expect("trailers")["a"], "b");
        assert!(reader.is_end());
        assert!(matches!(reader.poll_frame(&context()), Poll::Ready(None)));
    }

    #[test]
    fn a_body_that_is_finished_says_how_long_it_is() {
        let (writer, reader) = pipe(Message::Response, None, 8);
        writer.pipe().write(b"abc".to_vec());
        assert_eq!((reader.size_hint().lower(), reader.size_hint().upper()), (3, None));
        writer.finish(None).expect("the end");
        assert_eq!(reader.size_hint().exact(), Some(3));
        assert!(!reader.is_end());
    }

    #[test]
    fn lies_about_the_length_are_errors_for_both_sides() {
        let (writer, mut reader) = pipe(Message::Response, Some(4), 8);
        assert_eq!(reader.size_hint().exact(), Some(4));
        assert_eq!(writer.pipe().write(b"abc".to_vec()), Written::Done);
        let short = ErrorCode::HttpResponseBodySize(Some(3));
        assert_eq!(writer.finish(None), Err(short.clone()));
        assert_eq!(data(&mut reader), b"abc");
        let Poll::Ready(Some(Err(told))) = reader.poll_frame(&context()) else {
            panic!("no error")
        };
        assert_eq!(told, short);

        let (writer, mut reader) = pipe(Message::Request, Some(4), 8);
        assert_eq!(writer.pipe().write(b"abc".to_vec()), Written::Done);
        let long = ErrorCode::HttpRequestBodySize(Some(5));
        assert_eq!(writer.pipe().write(b"de".to_vec()), Written::Failed(long.clone()));
        assert_eq!(writer.pipe().write(b"d".to_vec()), Written::Closed);
        assert_eq!(writer.finish(None), Err(long));
        assert_eq!(data(&mut reader), b"abc");
        assert!(matches!(reader.poll_frame(&context()), Poll::Ready(Some(Err(_)))));
    }

    #[test]
    fn ends_that_go_early_are_told() {
        let (writer, mut reader) = pipe(Message::Request, None, 8);
        drop(writer);
        assert!(matches!(reader.poll_frame(&context()), Poll::Ready(Some(Err(_)))));
        let (writer, reader) = pipe(Message::Request, None, 8);
        drop(reader);
        assert_eq!(writer.pipe().room(), None);
        assert_eq!(writer.pipe().write(b"a".to_vec()), Written::Closed);
        assert!(writer.pipe().poll_room(&context()).is_ready());
    }
}
