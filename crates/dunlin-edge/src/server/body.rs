//! Bodies on the server's side: those of requests, bounded and watched, and those of responses, which drive their
//! guests.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use dunlin_wasi::preview2::http::{Body as WasiBody, ErrorCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::conn::Conn;
use super::end::Reason;
use super::guest::Guest;
use super::ticket::Ticket;

/// Requests' bodies that are known to be no longer than this are waited for before a guest is made, so that clients
/// that send little, and that slowly, hold no instance.
pub(crate) const GATHERED_BYTES_MAX: u64 = 64 << 10;

/// What is known of a request's body by both who reads it and who answers.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) is_too_large: AtomicBool,
    pub(crate) bytes: AtomicU64,
}

/// A request's body: no longer than it may be, and whoever waits for it is known to the connection.
pub(crate) struct RequestBody {
    incoming: Incoming,
    conn: Arc<Conn>,
    flow: Arc<Flow>,
    left: u64,
    is_waiting: bool,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, conn: Arc<Conn>, flow: Arc<Flow>, most: u64) -> Self {
        Self { incoming, conn, flow, left: most, is_waiting: false }
    }

    fn set_waiting(&mut self, waits: bool) {
        if self.is_waiting != waits {
            self.is_waiting = waits;
            if waits { self.conn.begin_reading() } else { self.conn.end_reading() }
        }
    }

    /// Waits for all of the body.
    ///
    /// # Errors
    ///
    /// If it is too large, or does not come whole.
    pub(crate) async fn gather(mut self) -> Result<Bytes, Reason> {
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
            let frame = frame.map_err(|error| match error {
                ErrorCode::HttpRequestBodySize(_) => Reason::TooLarge,
                _ => Reason::Malformed,
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if first.is_empty() {
                first = data;
            } else {
                rest.extend_from_slice(&data);
            }
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let mut whole = BytesMut::from(&first[..]);
        whole.extend_from_slice(&rest);
        Ok(whole.freeze())
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        self.set_waiting(polled.is_pending());
        polled.map(|frame| {
            let frame = match frame? {
                Ok(frame) => frame,
                Err(error) if error.is_incomplete_message() || error.is_canceled() => {
                    return Some(Err(ErrorCode::ConnectionTerminated));
                }
                Err(_) => return Some(Err(ErrorCode::HttpProtocolError)),
            };
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.flow.bytes.fetch_add(bytes, Relaxed);
            match self.left.checked_sub(bytes) {
                Some(left) => self.left = left,
                None => {
                    self.flow.is_too_large.store(true, Relaxed);
                    return Some(Err(ErrorCode::HttpRequestBodySize(None)));
                }
            }
            Some(Ok(frame))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.set_waiting(false);
    }
}

/// Why a response's body ends early; the connection ends with it, so that clients can tell.
#[derive(Debug)]
pub(crate) struct CutOff(Reason);

impl std::fmt::Display for CutOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.text())
    }
}

impl std::error::Error for CutOff {}

/// A response's body.
pub(crate) enum Body {
    /// All of it.
    Full(Bytes),
    /// What a guest writes, who goes on while it is read.
    Guest(Box<GuestBody>),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Guest(body) => body.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Guest(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Guest(body) => body.body.size_hint(),
        }
    }
}

/// A body that a guest writes while it is read: reading it runs the guest, and dropping it ends the guest.
pub(crate) struct GuestBody {
    body: WasiBody,
    /// What has been read before the response went on its way.
    early: std::vec::IntoIter<Frame<Bytes>>,
    /// Until it has ended.
    guest: Option<Guest>,
    ticket: Ticket,
    left: u64,
    is_over: bool,
}

impl GuestBody {
    pub(crate) fn new(
        body: WasiBody,
        early: Vec<Frame<Bytes>>,
        guest: Option<Guest>,
        ticket: Ticket,
        most: u64,
    ) -> Self {
        Self { body, early: early.into_iter(), guest, ticket, left: most, is_over: false }
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if let Some(frame) = self.early.next() {
            return Poll::Ready(self.pass(frame));
        }
        loop {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => return Poll::Ready(self.pass(frame)),
                Poll::Ready(Some(Err(_))) => {
                    // Why is known when the guest has ended, which it does soon: nobody reads what it writes.
                    return Poll::Ready(Some(Err(self.cut_off(Reason::Failed, context))));
                }
                Poll::Ready(None) => {
                    self.finish();
                    return Poll::Ready(None);
                }
                Poll::Pending => {}
            }
            let Some(guest) = &mut self.guest else { return Poll::Pending };
            match guest.poll(context) {
                Poll::Ready(end) => {
                    self.guest = None;
                    if let Err(failure) = end {
                        let reason = failure.reason;
                        self.ticket.fail(&failure);
                        self.is_over = true;
                        return Poll::Ready(Some(Err(CutOff(reason))));
                    }
                }
                // What the guest has written meanwhile is there at once.
                Poll::Pending => match Pin::new(&mut self.body).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => return Poll::Ready(self.pass(frame)),
                    Poll::Pending => return Poll::Pending,
                    _ => context.waker().wake_by_ref(),
                },
            }
        }
    }

    /// Counts a frame, or cuts the body off if it is too long.
    fn pass(&mut self, frame: Frame<Bytes>) -> Option<Result<Frame<Bytes>, CutOff>> {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(left) = self.left.checked_sub(bytes) else {
            self.guest = None;
            self.ticket.note(Reason::ResponseTooLarge);
            self.is_over = true;
            return Some(Err(CutOff(Reason::ResponseTooLarge)));
        };
        self.left = left;
        self.ticket.add_sent(bytes);
        Some(Ok(frame))
    }

    /// Ends a body that has failed, for the guest's reason if it has one.
    fn cut_off(&mut self, reason: Reason, context: &mut Context<'_>) -> CutOff {
        self.is_over = true;
        // It is the last turn that it has, and is not put off.
        let end = self.guest.take().map(|mut guest| guest.poll_now(context));
        if let Some(Poll::Ready(Err(failure))) = end {
            self.ticket.fail(&failure);
            return CutOff(failure.reason);
        }
        self.ticket.note(reason);
        CutOff(reason)
    }

    /// The whole body has been read. The guest may go on for as long as it may; its client has all it wants.
    fn finish(&mut self) {
        self.is_over = true;
        if let Some(guest) = self.guest.take() {
            self.ticket.worker().spawn(guest.finish());
        }
    }

    /// Reads all that is left, for nobody.
    pub(crate) async fn drain(mut self) {
        while let Some(Ok(_)) = poll_fn(|context| self.poll_frame(context)).await {}
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // Whoever knows how long it is does not ask for its end.
        if self.early.len() == 0 && self.body.size_hint().exact() == Some(0) {
            self.finish();
        } else {
            self.ticket.note(Reason::Left);
        }
    }
}
