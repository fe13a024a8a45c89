//! Bodies as the embedder has them: what it gives to guests, and what guests give to it.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::error_code::ErrorCode;
use super::pipe::PipeReader;

/// The body of a request or response, in either direction.
///
/// One that a guest writes is read while the guest goes on: what it has written and nobody has read yet is bounded, and a
/// guest that writes faster waits. When it has been dropped, the guest is told that its stream is closed.
/// One that ends before the guest has finished it, or that is not as long as its `content-length` says, ends with an error.
pub struct Body(Inner);

enum Inner {
    Empty,
    Full(Bytes),
    Pipe(PipeReader),
    /// The lock is never waited for: it makes bodies of any type ones that may be looked at from several threads.
    Boxed(Mutex<Box<dyn HttpBody<Data = Bytes, Error = ErrorCode> + Send + Unpin>>),
}

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = self.size_hint();
        out.debug_struct("Body")
            .field("lower", &hint.lower())
            .field("upper", &hint.upper())
            .finish()
    }
}

impl Default for Body {
    fn default() -> Body {
        Body::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body(if bytes.is_empty() { Inner::Empty } else { Inner::Full(bytes) })
    }
}

impl Body {
    /// A body of no bytes.
    #[must_use]
    pub fn empty() -> Body {
        Body(Inner::Empty)
    }

    /// A body of the embedder's. An error of it is told to the guest as the [`ErrorCode`] that it is or comes of, or else
    /// as `HTTP-protocol-error`.
    #[must_use]
    pub fn new<B>(body: B) -> Body
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body(Inner::Boxed(Mutex::new(Box::new(Coded(body)))))
    }

    /// What a guest writes.
    pub(super) fn piped(reader: PipeReader) -> Body {
        Body(Inner::Pipe(reader))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        match &mut self.0 {
            Inner::Empty => Poll::Ready(None),
            Inner::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Inner::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Inner::Pipe(reader) => reader.poll_frame(context),
            Inner::Boxed(body) => {
                let body = body.get_mut().unwrap_or_else(PoisonError::into_inner);
                Pin::new(body).poll_frame(context)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Empty => true,
            Inner::Full(_) => false,
            Inner::Pipe(reader) => reader.is_end(),
            Inner::Boxed(body) => lock(body).is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Pipe(reader) => reader.size_hint(),
            Inner::Boxed(body) => lock(body).size_hint(),
        }
    }
}

fn lock<B>(body: &Mutex<B>) -> MutexGuard<'_, B> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body whose errors become codes.
struct Coded<B>(B);

impl<B> HttpBody for Coded<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let polled = Pin::new(&mut self.0).poll_frame(context);
        polled.map(|frame| frame.map(|frame| frame.map_err(|error| ErrorCode::of(&*error.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
