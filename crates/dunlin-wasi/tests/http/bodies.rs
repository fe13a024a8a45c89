//! Bodies that stream: back-pressure both ways, lies about lengths, trailers, ends that go away.

use std::time::{Duration, Instant};

use bytes::Bytes;
use dunlin_wasi::preview2::http::{Body, ErrorCode};
use http_body::{Body as _, Frame};

use crate::embedder::{Endless, Fed, frame, get, handle, post, read, text_of};
use ::http::HeaderMap;

#[test]
fn a_body_goes_through_a_guest_while_it_comes() {
    let feed = Fed::default();
    let mut running = handle(post("/echo", Body::new(feed.clone())));
    let mut body = running.response().expect("a response, before the body").into_body();
    for chunk in [&b"one"[..], b"", b"two"] {
        feed.data(chunk);
        if !chunk.is_empty() {
            let frame = frame(&mut body).expect("no end").expect("no failure");
            assert_eq!(frame.into_data().expect("bytes"), chunk);
        }
    }
    feed.feed(None);
    assert_eq!(read(body), (vec![], None, None));
    running.ended().expect("no trap");
}

#[test]
fn a_guest_that_writes_faster_than_others_read_waits() {
    let mut running = handle(get("/big?1000000"));
    let body = running.response().expect("a response").into_body();
    std::thread::sleep(Duration::from_millis(50));
    assert!(!running.has_ended(), "nobody has read anything");
    assert!(body.size_hint().lower() <= 64 << 10, "{:?}", body.size_hint());
    assert_eq!(read(body), (vec![b'x'; 1_000_000], None, None));
    running.ended().expect("no trap");
}

#[test]
fn a_body_is_asked_for_no_more_than_the_guest_reads() {
    let feed = Fed::default();
    for _ in 0..1000 {
        feed.data(&[b'x'; 10_000]);
    }
    feed.feed(None);
    let mut running = handle(post("/echo", Body::new(feed.clone())));
    let body = running.response().expect("a response").into_body();
    std::thread::sleep(Duration::from_millis(50));
    assert!(feed.taken() < 20, "{}", feed.taken());
    assert_eq!(read(body).0.len(), 10_000_000);
    running.ended().expect("no trap");
}

#[test]
fn a_reader_that_goes_away_is_told_to_the_guest() {
    let mut running = handle(get("/big?1000000000"));
    let mut body = running.response().expect("a response").into_body();
    assert!(frame(&mut body).is_some());
    let begun = Instant::now();
    drop(body);
    running.ended().expect("no trap");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let running = handle(post("/echo", Body::new(Endless)));
    drop(running.response);
}

#[test]
fn small_bodies_say_how_long_they_are() {
    let mut running = handle(get("/hello"));
    let body = running.response().expect("a response").into_body();
    running.ended().expect("no trap");
    assert_eq!(body.size_hint().exact(), Some(6));
}

#[test]
fn lies_about_lengths_are_errors() {
    let size = |bytes| Some(ErrorCode::HttpResponseBodySize(Some(bytes)));
    for (query, bytes, failure) in [
        ("4,4", 4, None),
        ("4,3", 3, size(3)),
        ("4,5", 0, size(5)),
        ("0,0", 0, None),
        ("5,none", 0, size(0)),
        ("0,none", 0, None),
    ] {
        let mut running = handle(get(&format!("/length?{query}")));
        let response = running.response().expect("a response");
        let announced: u64 =
            query.split(',').next().and_then(|text| text.parse().ok()).expect("it");
        assert_eq!(response.body().size_hint().exact(), Some(announced), "{query}");
        let (read, _, failed) = read(response.into_body());
        assert_eq!((read.len(), failed), (bytes, failure), "{query}");
        running.ended().expect("no trap");
    }
    for query in ["x,1", "-1,1", "%2B1,1", "1%201,1"] {
        let mut running = handle(get(&format!("/length?{query}")));
        assert!(running.response().is_err(), "{query}");
        running.ended().expect("no trap");
    }
}

#[test]
fn trailers_go_both_ways() {
    let feed = Fed::default();
    feed.data(b"which nobody reads");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().expect("a value"));
    trailers.insert("connection", "close".parse().expect("a value"));
    feed.feed(Some(Ok(Frame::trailers(trailers))));
    let mut running = handle(post("/echo-trailers", Body::new(feed)));
    let (bytes, trailers, failure) = read(running.response().expect("a response").into_body());
    assert_eq!((&bytes[..], failure), (&b"body"[..], None));
    let trailers = trailers.expect("trailers");
    assert_eq!(
        (trailers.len(), &trailers["x-sum"], &trailers["x-more"]),
        (2, &"1".parse().expect("a value"), &"1".parse().expect("a value"))
    );
    running.ended().expect("no trap");

    let mut running = handle(post("/echo-trailers", Body::from(Bytes::from_static(b"abc"))));
    assert_eq!(read(running.response().expect("a response").into_body()).1, None);
    running.ended().expect("no trap");
}

#[test]
fn a_body_that_fails_says_why() {
    let feed = Fed::default();
    feed.data(b"abc");
    feed.feed(Some(Err(ErrorCode::HttpRequestBodySize(Some(7)))));
    let told = text_of(handle(post("/count", Body::new(feed))));
    assert_eq!(told, "3 bytes, then Some(ErrorCode::HttpRequestBodySize(Some(7)))\n");
    assert_eq!(
        text_of(handle(post("/count", Body::from(Bytes::from(vec![0; 99_999]))))),
        "99999 bytes\n"
    );
    assert_eq!(text_of(handle(get("/count"))), "0 bytes\n");
}

#[test]
fn a_poll_of_a_body_and_a_moment_ends_with_the_first() {
    assert_eq!(text_of(handle(post("/race", Body::new(Fed::default())))), "[1]\n");
    let feed = Fed::default();
    let running = handle(post("/race", Body::new(feed.clone())));
    feed.data(b"x");
    assert!(["[0]\n", "[0, 1]\n"].contains(&&*text_of(running)));
}
