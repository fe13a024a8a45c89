//! Servers that do not behave: too slow, too large, gone, or not HTTP at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dunlin_edge::outgoing::Client;
use dunlin_wasi::preview2::http::{ErrorCode, Outgoing as _, RequestOptions};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::servers::{client, fetch, fetch_with, get, listen, settings};

/// Reads a request's header.
async fn read_header(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n\r\n") {
        header.push(stream.read_u8().await.ok()?);
    }
    Some(header)
}

/// A server that answers a request with these bytes and closes the connection; its URI.
async fn answering(bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    let at = listen(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            read_header(&mut stream).await;
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
        }
    })
    .await;
    format!("http://{at}/")
}

fn options(set: impl FnOnce(&mut RequestOptions)) -> RequestOptions {
    let mut options = RequestOptions::default();
    set(&mut options);
    options
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let field = "x".repeat(100_000);
    let fields: String = (0..300).map(|at| format!("a{at}: b\r\n")).collect();
    for (bytes, expected) in [
        ("", &[ErrorCode::HttpResponseIncomplete, ErrorCode::ConnectionTerminated][..]),
        ("HTTP/1.1 200 OK\r\n", &[ErrorCode::HttpResponseIncomplete]),
        ("SSH-2.0-OpenSSH\r\n", &[ErrorCode::HttpProtocolError]),
        ("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", &[ErrorCode::HttpProtocolError]),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", &[ErrorCode::HttpProtocolError]),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            &[ErrorCode::HttpProtocolError],
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", &[ErrorCode::HttpResponseIncomplete]),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            &[ErrorCode::HttpResponseIncomplete],
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            &[ErrorCode::HttpProtocolError, ErrorCode::InternalError(None)],
        ),
        (
            &format!("HTTP/1.1 200 OK\r\na: {field}\r\n\r\n"),
            &[ErrorCode::HttpResponseHeaderSectionSize(None)],
        ),
        (
            &format!("HTTP/1.1 200 OK\r\n{fields}\r\n"),
            &[ErrorCode::HttpResponseHeaderSectionSize(None)],
        ),
        (
            "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n",
            &[ErrorCode::HttpUpgradeFailed, ErrorCode::HttpProtocolError],
        ),
    ] {
        let uri = answering(bytes).await;
        let failed = fetch(&client(), get(&uri)).await.err().expect(bytes);
        assert!(expected.contains(&failed), "{bytes:.60}: {failed:?}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    drop(listener);
    let failed = fetch(&client(), get(&format!("http://{at}/"))).await.err();
    assert_eq!(failed, Some(ErrorCode::ConnectionRefused));
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_guest_wants() {
    let silent = listen(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let begun = Instant::now();
    let short = |span: &mut Option<Duration>| *span = Some(Duration::from_millis(50));
    let first = options(|options| short(&mut options.first_byte_timeout));
    let failed = fetch_with(&client(), get(&format!("http://{silent}/")), first).await.err();
    assert_eq!(failed, Some(ErrorCode::HttpResponseTimeout));
    // TLS never begins.
    let connect = options(|options| short(&mut options.connect_timeout));
    let failed = fetch_with(&client(), get(&format!("https://{silent}/")), connect).await.err();
    assert_eq!(failed, Some(ErrorCode::ConnectionTimeout));
    let dripping = listen(|mut stream| async move {
        read_header(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await);
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let between = options(|options| short(&mut options.between_bytes_timeout));
    let failed = fetch_with(&client(), get(&format!("http://{dripping}/")), between).await.err();
    assert_eq!(failed, Some(ErrorCode::ConnectionReadTimeout));
    // What the app may is the most that a guest gets.
    let mut strict = settings();
    strict.first_byte_timeout = Duration::from_millis(50);
    let long = options(|options| options.first_byte_timeout = Some(Duration::from_secs(50)));
    let failed = fetch_with(&Client::new(strict), get(&format!("http://{silent}/")), long).await;
    assert_eq!(failed.err(), Some(ErrorCode::HttpResponseTimeout));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_connection_that_went_while_it_was_idle_is_made_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let at = listen(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            read_header(&mut stream).await;
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await);
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    })
    .await;
    let client = client();
    for round in 1..=3 {
        let (_, body, _) = fetch(&client, get(&format!("http://{at}/"))).await.expect("a response");
        assert_eq!(&body[..], b"ok");
        assert_eq!(connections.load(Ordering::SeqCst), round);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn bytes_after_a_response_are_nobodys_response() {
    let at = answering(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
    )
    .await;
    let client = client();
    for _ in 0..3 {
        let (_, body, _) = fetch(&client, get(&at)).await.expect("a response");
        assert_eq!(&body[..], b"ok");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_that_nobody_wants_any_more_is_given_up() {
    let gone = Arc::new(AtomicUsize::new(0));
    let seen = gone.clone();
    let at = listen(move |mut stream| {
        let seen = seen.clone();
        async move {
            read_header(&mut stream).await;
            // Until the other side goes.
            while !matches!(stream.read_u8().await, Err(_)) {}
            seen.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let sending = client().send(get(&format!("http://{at}/")), RequestOptions::default());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(gone.load(Ordering::SeqCst), 0);
    drop(sending);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if gone.load(Ordering::SeqCst) == 1 {
            return;
        }
    }
    panic!("the connection is still there");
}

#[tokio::test]
async fn connections_are_bounded_and_idle_ones_make_room() {
    let at = listen(|mut stream| async move {
        while read_header(&mut stream).await.is_some() {
            tokio::time::sleep(Duration::from_millis(30)).await;
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await);
        }
    })
    .await;
    let mut bounded = settings();
    bounded.connections_max = 1;
    let client = Client::new(bounded);
    let waiting: Vec<_> = (0..3)
        .map(|_| client.send(get(&format!("http://{at}/")), RequestOptions::default()))
        .collect();
    for sending in waiting {
        let response = sending.await.expect("a response");
        assert_eq!(&response.into_body().collect().await.expect("bytes").to_bytes()[..], b"ok");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Another destination has the idle connection's place.
    let other = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    fetch(&client, get(&other)).await.expect("a response");
    let silent = listen(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let _held = client.send(get(&format!("http://{silent}/")), RequestOptions::default());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let short = options(|options| options.connect_timeout = Some(Duration::from_millis(50)));
    let failed = fetch_with(&client, get(&format!("http://{at}/")), short).await.err();
    assert_eq!(failed, Some(ErrorCode::ConnectionLimitReached));
}

#[tokio::test]
async fn a_flood_is_read_no_faster_than_the_guest_reads() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let at = listen(move |mut stream| {
        let counted = counted.clone();
        async move {
            read_header(&mut stream).await;
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
            while stream.write_all(&[b'x'; 10_000]).await.is_ok() {
                counted.fetch_add(10_000, Ordering::SeqCst);
            }
        }
    })
    .await;
    let sending = client().send(get(&format!("http://{at}/")), RequestOptions::default());
    let response = sending.await.expect("a response");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = sent.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sent.load(Ordering::SeqCst), before, "nobody reads, and yet it goes on");
    drop(response);
}
