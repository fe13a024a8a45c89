//! The same over HTTP/2, and what only HTTP/2 can do wrong.

mod support;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{PREFACE, TestServer, frame};

type Sent = http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>;

fn full(bytes: Vec<u8>) -> Sent {
    Full::new(Bytes::from(bytes)).boxed()
}

async fn connect(server: &TestServer) -> SendRequest<Sent> {
    let stream = tokio::net::TcpStream::connect(server.server.addr()).await.expect("a connection");
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

async fn ask(
    sender: &mut SendRequest<Sent>,
    method: &str,
    path: &str,
    body: Sent,
) -> (u16, Vec<u8>, Option<http::HeaderMap>) {
    let request = http::Request::builder().method(method).uri(format!("http://a{path}"));
    let response = sender.send_request(request.body(body).unwrap()).await.expect("a response");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a whole body");
    let trailers = body.trailers().cloned();
    (status, body.to_bytes().to_vec(), trailers)
}

#[tokio::test]
async fn requests_share_a_connection() {
    let server = TestServer::new();
    let sender = connect(&server).await;
    let all = (0..20).map(|at| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let path = if at % 2 == 0 { "/hello" } else { "/sleep?ms=30" };
            ask(&mut sender, "GET", path, full(Vec::new())).await
        })
    });
    for (at, asked) in all.collect::<Vec<_>>().into_iter().enumerate() {
        let (status, body, _) = asked.await.unwrap();
        let expected: &[u8] = if at % 2 == 0 { b"hello\n" } else { b"slept\n" };
        assert_eq!((status, &body[..]), (200, expected));
    }
    let mut sender = sender;
    let text = ask(&mut sender, "GET", "/request?x", full(Vec::new())).await.1;
    assert!(String::from_utf8(text).unwrap().starts_with("GET /request?x Some(Scheme::Http) a\n"));
    assert_eq!(server.metric("dunlin_connections"), 1);
}

#[tokio::test]
async fn large_bodies_and_trailers_go_through() {
    let server = TestServer::new();
    let mut sender = connect(&server).await;
    let body: Vec<u8> = (0..2_000_000_u32).map(|at| (at % 253) as u8).collect();
    let (status, echoed, _) = ask(&mut sender, "POST", "/echo", full(body.clone())).await;
    assert_eq!(status, 200);
    assert!(echoed == body, "{}", echoed.len());
    let (_, text, trailers) = ask(&mut sender, "GET", "/trailers", full(Vec::new())).await;
    assert_eq!(text, b"with trailers\n");
    assert_eq!(trailers.expect("trailers")["x-sum"], "14");
    let frames = [
        Ok(hyper::body::Frame::data(Bytes::from_static(b"body"))),
        Ok(hyper::body::Frame::trailers(http::HeaderMap::from_iter([(
            http::HeaderName::from_static("x-end"),
            http::HeaderValue::from_static("yes"),
        )]))),
    ];
    let mut frames = frames.into_iter();
    let stream = Iter(std::iter::from_fn(move || frames.next()));
    let sent = StreamBody::new(stream).boxed();
    let (_, echoed, trailers) = ask(&mut sender, "POST", "/echo", sent).await;
    assert_eq!(echoed, b"body");
    assert_eq!(trailers.expect("trailers")["x-end"], "yes");
}

/// A stream of what an iterator has.
struct Iter<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

#[tokio::test]
async fn a_stream_that_is_given_up_ends_its_guest_and_no_other() {
    let server = TestServer::new();
    let mut sender = connect(&server).await;
    let mut other = sender.clone();
    let request = http::Request::get("http://a/sleep?ms=30000").body(full(Vec::new())).unwrap();
    let sent = tokio::spawn(async move { sender.send_request(request).await.map(drop) });
    let begun = Instant::now();
    while server.metric("dunlin_requests_in_flight{app=\"drill\"}") != 1 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sent.abort();
    while server.metric("dunlin_requests_in_flight{app=\"drill\"}") != 0 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(&mut other, "GET", "/hello", full(Vec::new())).await.0, 200);
    assert_eq!(ask(&mut other, "GET", "/trap", full(Vec::new())).await.0, 500);
    assert_eq!(ask(&mut other, "GET", "/hello", full(Vec::new())).await.0, 200);
}

#[test]
fn headers_without_end_and_streams_that_are_reset_at_once_end_the_connection() {
    let server = TestServer::new();
    // `:method GET`, `:scheme http`, `:path /`, as HPACK's table has them, and an authority.
    let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    let continuation: Vec<u8> = [&[0x00, 0x01, b'x', 0x7f, 0xff, 0x00][..], &[b'y'; 200]].concat();
    type Flood = Box<dyn Fn(u32) -> Vec<u8>>;
    let floods: [(&str, Flood); 2] = [
        (
            "headers",
            Box::new(move |at| match at {
                0 => frame(1, 0, 1, &head),
                _ => frame(9, 0, 1, &continuation),
            }),
        ),
        (
            "resets",
            Box::new(move |at| {
                let stream = at * 2 + 1;
                [frame(1, 5, stream, &head), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
            }),
        ),
    ];
    for (what, flood) in floods {
        let mut client = server.connect();
        client.send(PREFACE);
        client.send(&frame(4, 0, 0, &[]));
        let ended = (0..20_000).any(|at| client.stream.write_all(&flood(at)).is_err());
        let mut rest = Vec::new();
        let _ = client.stream.set_read_timeout(Some(Duration::from_secs(5)));
        let read = client.stream.read_to_end(&mut rest);
        assert!(
            ended
                || read.is_ok()
                || read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            "{what}"
        );
        assert_eq!(server.get("/hello").status, 200, "{what}");
    }
    server.wait_for_metric("dunlin_requests_in_flight{app=\"drill\"}", 0);
}
