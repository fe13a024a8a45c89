//! Requests of guests: what the embedder gets of them, and what guests are told.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dunlin_wasi::preview2::http::{Body, ErrorCode, Outgoing, RequestOptions, Sending};
use http_body::Body as _;

use crate::embedder::{Fed, Running, get, handle, handle_with, post, text_of};
use ::http::{Request, Response};

/// Answers requests itself, and remembers them.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Vec<(String, RequestOptions)>>>);

impl Outgoing for Fake {
    fn send(&self, request: Request<Body>, options: RequestOptions) -> Sending {
        let line = format!("{} {}", request.method(), request.uri());
        self.0.lock().expect("no panic").push((line, options));
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            match &*path {
                "/refused" => Err(ErrorCode::ConnectionRefused),
                "/never" => std::future::pending().await,
                // The body of the request is that of the response, while it comes.
                "/echo" => Ok(Response::new(request.into_body())),
                "/all" => {
                    let mut body = request.into_body();
                    let mut count = 0;
                    let next = |body: &mut Body, context: &mut std::task::Context<'_>| {
                        Pin::new(body).poll_frame(context)
                    };
                    while let Some(frame) =
                        std::future::poll_fn(|context| next(&mut body, context)).await
                    {
                        count += frame?.into_data().map_or(0, |bytes| bytes.len());
                    }
                    Ok(Response::new(Body::from(Bytes::from(format!("{count} came\n")))))
                }
                _ => {
                    let response = Response::builder().status(203).header("a", "b");
                    Ok(response.body(Body::from(Bytes::from_static(b"12345"))).expect("it"))
                }
            }
        })
    }
}

fn with(fake: &Fake, path: &str, body: Body) -> Running {
    let fake = fake.clone();
    handle_with(post(path, body), move |ctx| {
        ctx.http().outgoing = Some(Arc::new(fake));
        ctx.http().outgoing_requests_max = 10;
    })
}

#[test]
fn nothing_is_requested_that_was_not_granted() {
    assert_eq!(
        text_of(handle(get("/fetch?http://example.com/"))),
        "ErrorCode::HttpRequestDenied\n"
    );
}

#[test]
fn a_request_is_sent_and_its_response_read() {
    let fake = Fake::default();
    let told = text_of(with(&fake, "/fetch?http://example.com:81/a?b", Body::empty()));
    assert_eq!(told, "203 5 bytes, no trailers, fields: true\n");
    let told = text_of(with(&fake, "/timeout?1,2,3,https://example.com", Body::empty()));
    assert_eq!(told, "203 5 bytes, no trailers, fields: true\n");
    let told = text_of(with(&fake, "/fetch?https://example.com/refused", Body::empty()));
    assert_eq!(told, "ErrorCode::ConnectionRefused\n");
    let sent = fake.0.lock().expect("no panic");
    let lines: Vec<_> = sent.iter().map(|(line, _)| &**line).collect();
    assert_eq!(
        lines,
        [
            "GET http://example.com:81/a?b",
            "GET https://example.com/",
            "GET https://example.com/refused"
        ]
    );
    let ms = |ms| Some(Duration::from_millis(ms));
    let options = &sent[1].1;
    assert_eq!(
        (options.connect_timeout, options.first_byte_timeout, options.between_bytes_timeout),
        (ms(1), ms(2), ms(3))
    );
    assert_eq!(sent[0].1, RequestOptions::default());
}

#[test]
fn requests_are_counted() {
    let fake = Fake::default();
    let told = text_of(with(&fake, "/fetches?http://example.com/", Body::empty()));
    assert_eq!(told, "ErrorCode::HttpRequestDenied\n");
    assert_eq!(fake.0.lock().expect("no panic").len(), 10);
}

#[test]
fn a_body_goes_out_while_it_comes() {
    let feed = Fed::default();
    let running = with(&Fake::default(), "/post-through?http://a/echo", Body::new(feed.clone()));
    feed.data(b"one ");
    std::thread::sleep(Duration::from_millis(10));
    feed.data(b"two");
    feed.feed(None);
    assert_eq!(text_of(running), "one two");
    let body = Body::from(Bytes::from_static(b"12345"));
    assert_eq!(text_of(with(&Fake::default(), "/post-through?http://a/all", body)), "5 came\n");
}

#[test]
fn a_request_that_cannot_be_made_is_refused_at_once() {
    let fake = Fake::default();
    let told = text_of(with(&fake, "/bad-requests", Body::empty()));
    let expected = [
        "Err(())",
        "Err(())",
        "Err(())",
        "Err(())",
        "Err(())",
        "Err(())",
        "Some(ErrorCode::HttpRequestUriInvalid)",
        "Some(ErrorCode::HttpRequestMethodInvalid)",
        "true",
        "Some(ErrorCode::HttpRequestBodySize(None))",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    assert!(fake.0.lock().expect("no panic").is_empty());
}
