//! The way of a body of the embedder's to a guest that reads it: a frame at a time, when the guest wants it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;

use super::body::Body;
use super::error_code::ErrorCode;
use crate::preview2::poll::AsyncReady;

/// Frames without bytes that are passed over before others get their turn: a peer can send them without end.
const EMPTY_FRAMES_MAX: usize = 32;

/// How the body has ended.
#[derive(Clone, Debug)]
enum End {
    Trailers(Option<HeaderMap>),
    Failed(ErrorCode),
}

struct State {
    /// What is still to come.
    body: Body,
    /// Bytes that have come and have not been read.
    chunk: Bytes,
    end: Option<End>,
    /// The stream has been told how it failed.
    is_told: bool,
}

/// A body that a guest reads.
pub(in crate::preview2) struct BodyReader(Mutex<State>);

/// What a read gives.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::preview2) enum Read {
    /// So many bytes, at least one.
    Bytes(Bytes),
    /// Nothing yet.
    Later,
    /// Nothing any more.
    Closed,
    /// Nothing, for this reason.
    Failed(ErrorCode),
}

impl State {
    /// Is ready when there are bytes, or there is the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..EMPTY_FRAMES_MAX {
            if self.end.is_some() || !self.chunk.is_empty() {
                return Poll::Ready(());
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                return Poll::Pending;
            };
            let end = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => {
                        self.chunk = bytes;
                        continue;
                    }
                    Err(frame) => End::Trailers(frame.into_trailers().ok()),
                },
                Some(Err(failure)) => End::Failed(failure),
                None => End::Trailers(None),
            };
            self.end = Some(end);
            self.body = Body::empty();
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl BodyReader {
    pub(super) fn new(body: Body) -> Arc<BodyReader> {
        let state = State { body, chunk: Bytes::new(), end: None, is_told: false };
        Arc::new(BodyReader(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes that are there, at most so many.
    pub(in crate::preview2) fn read(&self, len: usize) -> Read {
        let mut state = self.lock();
        if state.poll_fill(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Read::Later;
        }
        if !state.chunk.is_empty() {
            let len = len.min(state.chunk.len());
            return Read::Bytes(state.chunk.split_to(len));
        }
        match (&state.end, state.is_told) {
            (Some(End::Failed(failure)), false) => {
                let failure = failure.clone();
                state.is_told = true;
                Read::Failed(failure)
            }
            _ => Read::Closed,
        }
    }

    /// Passes over what has not been read, and is ready when the end is there.
    pub(super) fn poll_end(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        for _ in 0..EMPTY_FRAMES_MAX {
            if state.poll_fill(context).is_pending() {
                return Poll::Pending;
            }
            if state.chunk.is_empty() {
                return Poll::Ready(());
            }
            state.chunk = Bytes::new();
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The trailers, if the end is there.
    pub(super) fn trailers(&self) -> Option<Result<Option<HeaderMap>, ErrorCode>> {
        if self.poll_end(&mut Context::from_waker(Waker::noop())).is_pending() {
            return None;
        }
        Some(match self.lock().end.take() {
            Some(End::Failed(failure)) => Err(failure),
            Some(End::Trailers(trailers)) => Ok(trailers),
            None => Ok(None),
        })
    }
}

impl AsyncReady for BodyReader {
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_fill(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use std::collections::VecDeque;

    /// A body of these frames, and none that is not there yet.
    struct Frames(VecDeque<Result<Frame<Bytes>, ErrorCode>>);

    impl http_body::Body for Frames {
        type Data = Bytes;
        type Error = ErrorCode;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
            Poll::Ready(self.0.pop_front())
        }
    }

    fn reader(frames: Vec<Result<Frame<Bytes>, ErrorCode>>) -> Arc<BodyReader> {
        BodyReader::new(Body::new(Frames(frames.into())))
    }

    fn data(bytes: &'static [u8]) -> Result<Frame<Bytes>, ErrorCode> {
        Ok(Frame::data(Bytes::from_static(bytes)))
    }

    #[test]
    fn bytes_come_in_order_and_then_the_trailers() {
        let mut trailers = HeaderMap::new();
        trailers.insert("sum", "1".parse().expect("a value"));
        let reader =
            reader(vec![data(b"abc"), data(b""), data(b"d"), Ok(Frame::trailers(trailers))]);
        for expected in [&b"ab"[..], b"c", b"d"] {
            assert_eq!(reader.read(2), Read::Bytes(Bytes::from_static(expected)));
        }
        assert_eq!(reader.read(2), Read::Closed);
        let trailers = reader.trailers().expect("the end").expect("no failure");
        assert_eq!(trailers.expect("trailers")["sum"], "1");
    }

    #[test]
    fn a_failure_is_told_once() {
        let reader = reader(vec![data(b"abc"), Err(ErrorCode::ConnectionTerminated)]);
        assert_eq!(reader.read(9), Read::Bytes(Bytes::from_static(b"abc")));
        assert_eq!(reader.read(9), Read::Failed(ErrorCode::ConnectionTerminated));
        assert_eq!(reader.read(9), Read::Closed);
        assert!(matches!(reader.trailers(), Some(Err(ErrorCode::ConnectionTerminated))));
    }

    #[test]
    fn frames_without_bytes_do_not_keep_the_thread() {
        let reader = reader((0..100).map(|_| data(b"")).collect());
        assert_eq!(reader.read(9), Read::Later);
        let polls = (0..9).take_while(|_| reader.read(9) == Read::Later).count();
        assert_eq!(polls, 2);
        assert_eq!(reader.read(9), Read::Closed);
    }

    #[test]
    fn what_is_not_read_is_passed_over() {
        let reader = reader((0..100).map(|_| data(b"abc")).collect());
        let polls = (0..9).take_while(|_| reader.trailers().is_none()).count();
        assert_eq!(polls, 3);
    }
}
