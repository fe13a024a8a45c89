//! A connection as the server watches it: what it is doing, since when, and how much it moves.
//!
//! No request sets a timer. Each worker looks at its connections a few times a second ([`Conn::judge`]) and ends
//! those whose time is over: heads that do not come, clients that neither take nor send what they are waited for,
//! and those with nothing to do.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::app::ServerLimits;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A head is being waited for, of which some has come, or nothing yet of the first.
    Head,
    /// Requests are being served.
    Busy,
    /// Nothing.
    Idle,
}

/// What a connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// To go on.
    Go = 0,
    /// To end when its requests have.
    Finish = 1,
    /// To end.
    End = 2,
}

/// Whether a head has a `content-length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// It has none.
    None = 0,
    /// It did not come in one piece, and was not searched.
    Unknown = 1,
    /// It has.
    Seen = 2,
}

/// A connection. What polls it and what watches it are tasks of one thread; it can be shared by several because
/// bodies of requests, which guests hold, must be.
#[derive(Debug)]
pub(crate) struct Conn {
    /// The worker's clock, in milliseconds.
    clock: Arc<AtomicU64>,
    state: AtomicU8,
    since: AtomicU64,
    /// Whether heads are looked for between requests, which HTTP/2 does otherwise.
    is_http2: AtomicBool,
    /// Requests that are being served.
    requests: AtomicU32,
    read: AtomicU64,
    written: AtomicU64,
    /// Whether there is something to write that the client does not take.
    is_blocked: AtomicBool,
    /// Guests that wait for a request's body.
    readers: AtomicU32,
    /// When the client's slowness began to be measured, and what had moved by then.
    slow_since: AtomicU64,
    slow_moved: AtomicU64,
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// What is known of lengths in the head that comes.
    lengths: AtomicU8,
    pieces: AtomicU32,
}

impl Conn {
    pub(crate) fn new(clock: Arc<AtomicU64>) -> Self {
        let now = clock.load(Relaxed);
        Self {
            clock,
            state: AtomicU8::new(State::Head as u8),
            since: AtomicU64::new(now),
            is_http2: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            is_blocked: AtomicBool::new(false),
            readers: AtomicU32::new(0),
            slow_since: AtomicU64::new(0),
            slow_moved: AtomicU64::new(0),
            order: AtomicU8::new(Order::Go as u8),
            waker: Mutex::new(None),
            lengths: AtomicU8::new(Lengths::None as u8),
            pieces: AtomicU32::new(0),
        }
    }

    fn state(&self) -> State {
        match self.state.load(Relaxed) {
            0 => State::Head,
            1 => State::Busy,
            _ => State::Idle,
        }
    }

    fn enter(&self, state: State) {
        self.state.store(state as u8, Relaxed);
        self.since.store(self.clock.load(Relaxed), Relaxed);
    }

    pub(crate) fn set_http2(&self) {
        self.is_http2.store(true, Relaxed);
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.is_http2.load(Relaxed)
    }

    /// A request's head has come. Says whether it had a `content-length`, in whatever place: see [`Self::notice`].
    pub(crate) fn begin_request(&self) -> Lengths {
        self.requests.fetch_add(1, Relaxed);
        self.enter(State::Busy);
        self.pieces.store(0, Relaxed);
        match self.lengths.swap(Lengths::None as u8, Relaxed) {
            0 => Lengths::None,
            1 => Lengths::Unknown,
            _ => Lengths::Seen,
        }
    }

    /// A request's response has been handed over, or will never be.
    pub(crate) fn end_request(&self) {
        if self.requests.fetch_sub(1, Relaxed) == 1 {
            self.enter(State::Idle);
        }
    }

    /// A guest begins to wait for its request's body.
    pub(crate) fn begin_reading(&self) {
        self.readers.fetch_add(1, Relaxed);
    }

    /// It does not any more.
    pub(crate) fn end_reading(&self) {
        self.readers.fetch_sub(1, Relaxed);
    }

    /// What the connection is told.
    pub(crate) fn order(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::Go,
            1 => Order::Finish,
            _ => Order::End,
        }
    }

    /// Tells the connection something, unless it has been told more.
    pub(crate) fn tell(&self, order: Order) {
        if self.order.fetch_max(order as u8, Relaxed) < order as u8 {
            let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Notes who is to be woken when the connection is told something.
    pub(crate) fn set_waker(&self, context: &Context<'_>) {
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => *waker = Some(context.waker().clone()),
        }
    }

    /// What is to become of the connection.
    pub(crate) fn judge(&self, limits: &ServerLimits) -> Order {
        let now = self.clock.load(Relaxed);
        let span = u128::from(now.saturating_sub(self.since.load(Relaxed)));
        match self.state() {
            State::Head if span > limits.header_wait.as_millis() => Order::End,
            State::Idle if span > limits.idle.as_millis() => Order::Finish,
            _ if limits.stall_bytes > 0 && self.is_slow(now, limits) => Order::End,
            _ => Order::Go,
        }
    }

    /// Whether the client has been waited for, and has moved too little, for too long.
    fn is_slow(&self, now: u64, limits: &ServerLimits) -> bool {
        let (writes, reads) = (self.is_blocked.load(Relaxed), self.readers.load(Relaxed) > 0);
        if !writes && !reads {
            self.slow_since.store(0, Relaxed);
            return false;
        }
        let count = if writes { &self.written } else { &self.read };
        let (moved, since) = (count.load(Relaxed), self.slow_since.load(Relaxed));
        let begun = since == 0 || moved < self.slow_moved.load(Relaxed);
        if !begun && u128::from(now.saturating_sub(since)) <= limits.stall.as_millis() {
            return false;
        }
        let slow = !begun && moved - self.slow_moved.load(Relaxed) < limits.stall_bytes;
        self.slow_since.store(now.max(1), Relaxed);
        self.slow_moved.store(moved, Relaxed);
        slow
    }

    /// Looks at bytes of a head. A server in front that goes by `content-length` where this one goes by
    /// `transfer-encoding` could be made to take the rest of a body for a request. The parser leaves lengths out
    /// beside a coding, so that the request does not show them: here they are seen, or at least that they could be
    /// there.
    fn notice(&self, bytes: &[u8]) {
        const LENGTH: &[u8] = b"content-length";
        if self.pieces.fetch_add(1, Relaxed) > 0 {
            self.lengths.fetch_max(Lengths::Unknown as u8, Relaxed);
            return;
        }
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            rest = &rest[at + 1..];
            if rest.starts_with(b"\r\n") || rest.starts_with(b"\n") {
                return;
            }
            if rest.get(..LENGTH.len()).is_some_and(|name| name.eq_ignore_ascii_case(LENGTH)) {
                self.lengths.store(Lengths::Seen as u8, Relaxed);
                return;
            }
        }
        self.lengths.fetch_max(Lengths::Unknown as u8, Relaxed);
    }

    fn note_read(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.read.fetch_add(bytes.len() as u64, Relaxed);
        if self.is_http2() {
            return;
        }
        if self.state() == State::Idle {
            self.enter(State::Head);
        }
        if self.state() == State::Head {
            self.notice(bytes);
        }
    }
}

/// A connection's stream, as the protocol reads and writes it.
pub(crate) struct Watched {
    stream: TcpStream,
    conn: Arc<Conn>,
    /// What was read to tell the protocol, and is read again.
    early: Vec<u8>,
    early_read: usize,
}

/// How an HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Watched {
    pub(crate) fn new(stream: TcpStream, conn: Arc<Conn>) -> Self {
        Self { stream, conn, early: Vec::new(), early_read: 0 }
    }

    /// Reads as much as tells whether the client speaks HTTP/2.
    ///
    /// # Errors
    ///
    /// If the client has gone before it has said so.
    pub(crate) async fn is_http2(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        loop {
            let mut read = ReadBuf::new(&mut buffer);
            std::future::poll_fn(|context| match self.conn.order() {
                Order::Go => {
                    self.conn.set_waker(context);
                    Pin::new(&mut self.stream).poll_read(context, &mut read)
                }
                _ => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            })
            .await?;
            if read.filled().is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.early.extend_from_slice(read.filled());
            let seen = self.early.len().min(PREFACE.len());
            if self.early[..seen] != PREFACE[..seen] {
                return Ok(false);
            }
            if seen == PREFACE.len() {
                return Ok(true);
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let early = &this.early[this.early_read..];
        if !early.is_empty() {
            let early = &early[..early.len().min(buffer.remaining())];
            buffer.put_slice(early);
            this.conn.note_read(early);
            this.early_read += early.len();
            if this.early_read == this.early.len() {
                (this.early, this.early_read) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            this.conn.note_read(&buffer.filled()[before..]);
        }
        polled
    }
}

impl Watched {
    fn note_written(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let conn = &self.conn;
        match &polled {
            Poll::Ready(Ok(count)) => {
                conn.written.fetch_add(*count as u64, Relaxed);
                if conn.is_blocked.load(Relaxed) {
                    conn.is_blocked.store(false, Relaxed);
                }
            }
            Poll::Pending => conn.is_blocked.store(true, Relaxed),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_written(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note_written(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn conn() -> (Conn, Arc<AtomicU64>, ServerLimits) {
        let clock = Arc::new(AtomicU64::new(1000));
        let limits = ServerLimits {
            header_wait: Duration::from_secs(1),
            idle: Duration::from_secs(2),
            stall: Duration::from_secs(3),
            stall_bytes: 100,
            ..ServerLimits::default()
        };
        (Conn::new(clock.clone()), clock, limits)
    }

    #[test]
    fn heads_must_come_and_idle_connections_end() {
        let (conn, clock, limits) = conn();
        assert_eq!(conn.judge(&limits), Order::Go);
        clock.fetch_add(1001, Relaxed);
        assert_eq!(conn.judge(&limits), Order::End);
        conn.begin_request();
        clock.fetch_add(100_000, Relaxed);
        assert_eq!(conn.judge(&limits), Order::Go, "it is served");
        conn.end_request();
        clock.fetch_add(1001, Relaxed);
        assert_eq!(conn.judge(&limits), Order::Go);
        clock.fetch_add(1000, Relaxed);
        assert_eq!(conn.judge(&limits), Order::Finish);
        conn.note_read(b"G");
        assert_eq!(conn.judge(&limits), Order::Go, "the next head has begun");
        clock.fetch_add(1001, Relaxed);
        conn.note_read(b"E");
        assert_eq!(conn.judge(&limits), Order::End, "and does not get longer by coming slowly");
    }

    #[test]
    fn slow_clients_are_told_from_those_that_move() {
        let (conn, clock, limits) = conn();
        conn.begin_request();
        conn.is_blocked.store(true, Relaxed);
        let step = |bytes: u64| {
            clock.fetch_add(3001, Relaxed);
            conn.written.fetch_add(bytes, Relaxed);
            conn.judge(&limits)
        };
        assert_eq!(conn.judge(&limits), Order::Go);
        assert_eq!(step(100), Order::Go);
        assert_eq!(step(100), Order::Go);
        assert_eq!(step(99), Order::End);
        conn.is_blocked.store(false, Relaxed);
        assert_eq!(step(0), Order::Go, "nobody waits");
        conn.begin_reading();
        assert_eq!(step(0), Order::Go);
        assert_eq!(step(0), Order::End, "what is written does not count when it is to read");
    }

    #[test]
    fn a_length_beside_a_coding_is_seen_however_it_comes() {
        for (pieces, lengths) in [
            (&[&b"GET / HTTP/1.1\r\n\r\nContent-Length: 1\r\n"[..]][..], Lengths::None),
            (&[b"GET / HTTP/1.1\r\nX: Content-Length: 1\r\n\r\n"], Lengths::None),
            (&[b"POST / HTTP/1.1\r\nA: b\r\nCONTENT-length: 1\r\n\r\n"], Lengths::Seen),
            (&[b"POST / HTTP/1.1\nA: b\ncontent-length: 1\n\n"], Lengths::Seen),
            (&[b"POST / HTTP/1.1\r\nA: b\r\nCont", b"ent-length: 1\r\n\r\n"], Lengths::Unknown),
            (&[b"POST / HTTP/1.1\r\nA: b\r\n"], Lengths::Unknown),
        ] {
            let (conn, ..) = conn();
            for piece in pieces {
                conn.note_read(piece);
            }
            assert_eq!(conn.begin_request(), lengths);
            conn.end_request();
            conn.note_read(b"GET / HTTP/1.1\r\n\r\n");
            assert_eq!(conn.begin_request(), Lengths::None, "the next one is judged by itself");
        }
    }
}
