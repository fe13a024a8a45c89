//! A connection's protocol: HTTP/1.1 or HTTP/2, told apart by how the client begins.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::conn::{Conn, Order, Watched};
use super::request;
use super::turn::TaskTurn;
use super::worker::Worker;

/// Bytes of bodies of requests that an HTTP/2 connection may send before somebody reads them: of one request, and of
/// all.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// Bytes of a response that wait on an HTTP/2 stream for the client to take them.
const STREAM_SEND_BYTES: usize = 64 << 10;

/// Streams that a client has opened and given up before they were served. More are an attack: see CVE-2023-44487.
const RESETS_MAX: usize = 20;

/// Bytes that an HTTP/1.1 connection reads, or holds to be written, at once.
const BUFFER_BYTES_MIN: usize = 64 << 10;

/// Runs what HTTP/2 does beside its connection on the same thread.
#[derive(Clone)]
struct Local(TaskTurn);

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        let turn = self.0.clone();
        drop(tokio::task::spawn_local(async move { drop(turn.of(pin!(future)).await) }));
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, stream: TcpStream, conn: Arc<Conn>) {
    // Without it, what is written last waits for what was written before to be acknowledged.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut io = Watched::new(stream, conn.clone());
    let Ok(is_http2) = io.is_http2().await else { return };
    let io = TokioIo::new(io);
    let limits = worker.shared.limits.clone();
    let (requests, of) = (worker.clone(), conn.clone());
    let service = service_fn(move |request| request::serve(requests.clone(), of.clone(), request));
    let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
    let ended = if is_http2 {
        conn.set_http2();
        let mut builder = http2::Builder::new(Local(worker.turn.clone()));
        builder
            .max_concurrent_streams(u32::try_from(limits.streams).unwrap_or(u32::MAX))
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(RESETS_MAX)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(STREAM_SEND_BYTES);
        let connection = pin!(builder.serve_connection(io, service));
        drive(&conn, connection, http2::Connection::graceful_shutdown).await
    } else {
        let mut builder = http1::Builder::new();
        builder
            .header_read_timeout(None)
            .max_buf_size(header_bytes.max(BUFFER_BYTES_MIN))
            .max_header_size(header_bytes)
            .max_headers(usize::try_from(limits.headers).unwrap_or(usize::MAX));
        let connection = pin!(builder.serve_connection(io, service));
        drive(&conn, connection, http1::Connection::graceful_shutdown).await
    };
    if ended.is_err_and(|error| error.is_parse()) {
        worker.shared.counters.malformed.fetch_add(1, Relaxed);
    }
}

/// Runs a connection until it ends, or is told to.
async fn drive<C>(
    conn: &Conn,
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut is_told = false;
    poll_fn(|context| {
        conn.set_waker(context);
        match conn.order() {
            Order::Go => {}
            Order::Finish if is_told => {}
            Order::Finish => {
                is_told = true;
                finish(connection.as_mut());
            }
            Order::End => return Poll::Ready(Ok(())),
        }
        connection.as_mut().poll(context)
    })
    .await
}
