//! Bodies with bounds: of requests in bytes, of responses in bytes and time.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_wasi::preview2::http::{Body, ErrorCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::errors::error_code;

/// When something was sent last, in milliseconds from a moment.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    from: Instant,
    milliseconds: Arc<AtomicU64>,
}

impl Activity {
    pub(super) fn new() -> Activity {
        Activity { from: Instant::now(), milliseconds: Arc::default() }
    }

    fn note(&self) {
        let since = u64::try_from(self.from.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.milliseconds.store(since, Ordering::Relaxed);
    }

    /// Is ready when nothing has been sent for so long.
    pub(super) async fn stands_still(&self, span: Duration) {
        loop {
            let last = Duration::from_millis(self.milliseconds.load(Ordering::Relaxed));
            let until = self.from + last + span;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// The body of a request.
pub(super) struct RequestBody {
    body: Body,
    left: u64,
    activity: Activity,
}

impl RequestBody {
    pub(super) fn new(body: Body, bytes_max: u64, activity: Activity) -> RequestBody {
        RequestBody { body, left: bytes_max, activity }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.activity.note();
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            match self.left.checked_sub(bytes) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(ErrorCode::HttpRequestBodySize(None)))),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response.
pub(super) struct ResponseBody {
    body: Incoming,
    left: u64,
    bytes_max: u64,
    between_bytes: Duration,
    /// When it has stood still for too long.
    still: Pin<Box<Sleep>>,
    /// The time runs.
    is_waiting: bool,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, bytes_max: u64, between_bytes: Duration) -> ResponseBody {
        let still = Box::pin(tokio::time::sleep(between_bytes));
        ResponseBody { body, left: bytes_max, bytes_max, between_bytes, still, is_waiting: false }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            // It is the server's time only while somebody wants more.
            if !std::mem::replace(&mut this.is_waiting, true) {
                this.still.as_mut().reset(Instant::now() + this.between_bytes);
            }
            let is_still = this.still.as_mut().poll(context).is_ready();
            return match is_still {
                true => Poll::Ready(Some(Err(ErrorCode::ConnectionReadTimeout))),
                false => Poll::Pending,
            };
        };
        this.is_waiting = false;
        Poll::Ready(match frame {
            None => None,
            Some(Err(error)) => Some(Err(error_code(&error))),
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                match this.left.checked_sub(bytes) {
                    Some(left) => {
                        this.left = left;
                        Some(Ok(frame))
                    }
                    None => Some(Err(ErrorCode::HttpResponseBodySize(Some(this.bytes_max)))),
                }
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
