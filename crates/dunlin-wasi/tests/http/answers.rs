//! What guests answer, and what is told when they do not.

use dunlin::{ErrorKind, TrapCode};
use dunlin_wasi::preview2::http::{ErrorCode, NoResponse};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::embedder::{Fed, get, handle, handle_with, post, read, text_of};
use ::http::Request;
use dunlin_wasi::preview2::http::Body;

#[test]
fn a_response_has_what_the_guest_gave_it() {
    let mut running = handle(get("/hello"));
    let response = running.response().expect("a response");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(read(response.into_body()), (b"hello\n".to_vec(), None, None));
    running.ended().expect("no trap");
}

#[test]
fn a_request_is_what_it_was_without_what_is_the_connections() {
    let request = Request::patch("/request?a=b%20c")
        .header("host", "example.com:8080")
        .header("connection", "close")
        .header("transfer-encoding", "chunked")
        .header("accept", "a")
        .header("Accept", "b")
        .body(Body::empty())
        .expect("a request");
    let expected = "Method::Patch Some(Scheme::Http) Some(\"example.com:8080\") \
                    Some(\"/request?a=b%20c\") [\"accept=a\", \"accept=b\"]\n";
    assert_eq!(text_of(handle(request)), expected);
    let request = Request::builder().method("PURGE").uri("https://a.example/request");
    let told = text_of(handle(request.body(Body::empty()).expect("a request")));
    assert!(
        told.starts_with("Method::Other(\"PURGE\") Some(Scheme::Https) Some(\"a.example\")"),
        "{told}"
    );
}

#[test]
fn fields_are_checked_and_frozen() {
    let told = text_of(handle(get("/fields")));
    let expected = [
        "Ok(())",
        "Ok(())",
        "2",
        "Err(HeaderError::InvalidSyntax)",
        "Err(HeaderError::InvalidSyntax)",
        "Err(HeaderError::Forbidden)",
        "Ok(())",
        "true",
        "Ok(())",
        "false",
        "Err(HeaderError::Immutable)",
        "2",
        "Ok(())",
        "Err(())",
        "Err(())",
        "Ok(())",
        "Err(HeaderError::Forbidden)",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn bodies_and_their_streams_are_taken_once() {
    assert_eq!(text_of(handle(get("/take-twice"))), "true true true true\n");
}

#[test]
fn a_guest_that_does_not_answer_is_told_of() {
    for path in ["/silent", "/leave"] {
        let mut running = handle(get(path));
        assert_eq!(running.response().err(), Some(NoResponse::Unset), "{path}");
        running.ended().expect("no trap");
    }
    let mut running = handle(get("/error"));
    assert_eq!(running.response().err(), Some(NoResponse::Failed(ErrorCode::LoopDetected)));
    running.ended().expect("no trap");
    let mut running = handle(get("/trap"));
    assert_eq!(running.response().err(), Some(NoResponse::Unset));
    assert_eq!(running.ended().expect_err("a trap").trap_code(), Some(TrapCode::Unreachable));
}

#[test]
fn a_body_that_is_not_finished_is_an_error() {
    for path in ["/trap-late", "/unfinished", "/finish-early"] {
        let mut running = handle(get(path));
        let (bytes, _, failure) = read(running.response().expect("a response").into_body());
        assert!(matches!(failure, Some(ErrorCode::InternalError(Some(_)))), "{path}: {failure:?}");
        assert_eq!(bytes, if path == "/finish-early" { &b""[..] } else { b"some" });
        assert_eq!(running.ended().is_err(), path != "/unfinished", "{path}");
    }
}

#[test]
fn floods_end_the_guest_and_nothing_else() {
    for (path, why) in
        [("/flood-fields", "larger than its bound"), ("/flood-resources", "too many resources")]
    {
        let mut running = handle(get(path));
        assert_eq!(running.response().err(), Some(NoResponse::Unset), "{path}");
        let error = running.ended().expect_err(path);
        assert_eq!(error.kind(), ErrorKind::Trap, "{path}: {error}");
        assert!(error.to_string().contains(why), "{path}: {error}");
    }
}

#[test]
fn an_interrupt_ends_waits_for_bodies_and_polls() {
    for path in ["/count", "/sleep?1000000"] {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let running = handle_with(post(path, Body::new(Fed::default())), move |ctx| {
            ctx.ctx().set_interrupt(move || asked.load(Ordering::Relaxed));
        });
        std::thread::sleep(Duration::from_millis(30));
        assert!(!running.has_ended(), "{path}");
        stop.store(true, Ordering::Relaxed);
        let error = running.ended().expect_err("an interrupt");
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{path}");
    }
}
