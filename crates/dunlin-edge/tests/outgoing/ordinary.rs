//! Servers that behave: HTTP/1.1 and HTTP/2, connections used again, bodies that stream, trailers, TLS.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_edge::outgoing::{Client, Policy};
use dunlin_wasi::preview2::http::{Body, ErrorCode};
use http::{Request, StatusCode};
use hyper::body::Frame;

use crate::servers::{Names, Server, client, fetch, get, settings, trusting};

#[tokio::test]
async fn a_request_arrives_as_it_was_made_and_connections_are_used_again() {
    let server = Server::default();
    let at = server.start(None).await;
    let client = client();
    for round in 0..5 {
        let (parts, body, trailers) =
            fetch(&client, get(&format!("http://{at}/a?b"))).await.expect("a response");
        assert_eq!((parts.status, trailers), (StatusCode::OK, None));
        let expected = format!("GET /a HTTP/1.1 host={at} authority=- body=");
        assert_eq!(String::from_utf8_lossy(&body), expected);
        assert_eq!(server.counts(), (1, round + 1));
        // The connection goes back when its task has seen the end.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let request =
        Request::put(format!("http://{at}/")).body(Body::from(Bytes::from_static(b"abc")));
    let (_, body, _) = fetch(&client, request.expect("a request")).await.expect("a response");
    assert!(body.ends_with(b"body=abc"), "{body:?}");
}

#[tokio::test]
async fn requests_at_once_have_connections_of_their_own() {
    let server = Server::default();
    let at = server.start(None).await;
    let client = client();
    let requests: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(
                async move { fetch(&client, get(&format!("http://{at}/"))).await.map(drop) },
            )
        })
        .collect();
    for request in requests {
        request.await.expect("no panic").expect("a response");
    }
    assert_eq!(server.counts().1, 8);
}

#[tokio::test]
async fn tls_speaks_what_alpn_says() {
    for (alpn, version) in [
        (&[&b"h2"[..], b"http/1.1"][..], "HTTP/2.0 host=- authority=server.test:"),
        (&[b"http/1.1"], "HTTP/1.1 host=server.test:"),
        (&[], "HTTP/1.1 host=server.test:"),
    ] {
        let server = Server::default();
        let at = server.start(Some(alpn)).await;
        let mut settings = settings();
        settings.tls = Some(trusting());
        settings.resolver = Names::new(&[&["127.0.0.1"]]);
        settings.policy = Policy::none().allow("https://server.test:*").expect("a pattern");
        settings.policy = settings.policy.allow_addresses("127.0.0.1").expect("an address");
        let client = Client::new(settings);
        let uri = format!("https://server.test:{}/a", at.port());
        let request = Request::post(&uri).body(Body::from(Bytes::from_static(b"abc")));
        let told = fetch(&client, request.expect("a request")).await.expect("a response").1;
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(told.starts_with(&format!("POST /a {version}")), "{told}");
        assert!(told.ends_with("body=abc"), "{told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        fetch(&client, get(&uri)).await.expect("a response");
        assert_eq!(server.counts(), (1, 2), "{version}");
    }
}

#[tokio::test]
async fn certificates_are_looked_at() {
    let at = Server::default().start(Some(&[b"h2"])).await;
    // Nobody that Mozilla trusts has signed it.
    let untrusted = fetch(&client(), get(&format!("https://{at}/"))).await;
    assert_eq!(untrusted.err(), Some(ErrorCode::TlsCertificateError));
    let mut settings = settings();
    settings.tls = Some(trusting());
    settings.resolver = Names::new(&[&["127.0.0.1"]]);
    settings.policy = settings.policy.allow("*").expect("it");
    settings.policy = settings.policy.allow_addresses("127.0.0.1").expect("it");
    let client = Client::new(settings);
    assert!(fetch(&client, get(&format!("https://{at}/"))).await.is_ok());
    // It is another's.
    let other = format!("https://other.test:{}/", at.port());
    assert_eq!(fetch(&client, get(&other)).await.err(), Some(ErrorCode::TlsCertificateError));
    // It speaks no TLS.
    let plain = Server::default().start(None).await;
    let plain = fetch(&client, get(&format!("https://{plain}/"))).await.err();
    assert_eq!(plain, Some(ErrorCode::TlsProtocolError));
}

#[tokio::test]
async fn trailers_come_by_both_versions() {
    for alpn in [&b"h2"[..], b"http/1.1"] {
        let at = Server::default().start(Some(&[alpn])).await;
        let mut settings = settings();
        settings.tls = Some(trusting());
        let mut request = get(&format!("https://{at}/trailers"));
        request.headers_mut().insert("te", "trailers".parse().expect("a value"));
        let (_, body, trailers) = fetch(&Client::new(settings), request).await.expect("a response");
        assert_eq!(&body[..], b"abc");
        assert_eq!(trailers.expect("trailers")["x-sum"], "7");
    }
}

/// A body of so many chunks.
struct Chunks(usize);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        self.0 = match self.0.checked_sub(1) {
            None => return Poll::Ready(None),
            Some(left) => left,
        };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 10_000])))))
    }
}

#[tokio::test]
async fn bodies_go_out_as_they_come_and_are_bounded() {
    let at = Server::default().start(None).await;
    let post = |chunks| {
        let request = Request::post(format!("http://{at}/"));
        request.body(Body::new(Chunks(chunks))).expect("a request")
    };
    let told = fetch(&client(), post(100)).await.expect("a response").1;
    assert!(told.ends_with(b"body=1000000"), "{told:?}");
    let mut bounded = settings();
    bounded.request_body_bytes_max = 999_999;
    bounded.response_body_bytes_max = 10;
    let bounded = Client::new(bounded);
    assert_eq!(fetch(&bounded, post(100)).await.err(), Some(ErrorCode::HttpRequestBodySize(None)));
    assert_eq!(
        fetch(&bounded, get(&format!("http://{at}/"))).await.err(),
        Some(ErrorCode::HttpResponseBodySize(Some(10)))
    );
}

#[tokio::test]
async fn a_guest_is_served_by_the_client() {
    use dunlin::{Engine, Store};
    use dunlin_component::{Component, Linker};
    use dunlin_wasi::WasiCtx;
    use dunlin_wasi::preview2::http::{self, HandlerPre, IncomingRequest};
    use dunlin_wasi::preview2::{self, ComponentCtx};
    use http_body_util::BodyExt as _;

    let server = Server::default();
    let at = server.start(None).await;
    let engine = Engine::default();
    let guest = include_bytes!("../../../dunlin-wasi/tests/http/guest/guest.wasm");
    let component = Component::new(&engine, guest).expect("a component");
    let mut linker = Linker::new(&engine);
    preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
    http::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
    let pre = HandlerPre::new(linker.instantiate_pre(&component).expect("it")).expect("a handler");
    let stacks = dunlin::stacks::Stacks::new(256 << 10, 4);
    let client = Arc::new(client());
    let run = |path: String, body: Body| {
        let (pre, client) = (pre.clone(), client.clone());
        let (sender, response) = http::response_pair();
        let running = stacks.run(move || {
            let ctx = WasiCtx::builder().build().expect("a context");
            let mut ctx = ComponentCtx::new(ctx);
            ctx.http().outgoing = Some(client);
            let mut store = Store::new(pre.instance_pre().component().engine(), ctx);
            let handler = pre.instantiate(&mut store)?;
            let request = Request::post(path).body(body).expect("a request");
            handler.handle(&mut store, |ctx| ctx, IncomingRequest::new(request), sender)
        });
        async move {
            let read = async { response.await.expect("a response").into_body().collect().await };
            let (ended, read) = both(running, read).await;
            ended.expect("no trap");
            String::from_utf8(read.expect("no failure").to_bytes().to_vec()).expect("text")
        }
    };
    let told = run(format!("/fetch?http://{at}/"), Body::empty()).await;
    assert!(told.starts_with("200 ") && told.ends_with("no trailers, fields: true\n"), "{told}");
    let told = run(format!("/post-through?http://{at}/b"), Body::new(Chunks(100))).await;
    assert_eq!(told, format!("POST /b HTTP/1.1 host={at} authority=- body=1000000"));
    let told = run("/fetch?http://example.com/".into(), Body::empty()).await;
    assert_eq!(told, "ErrorCode::HttpRequestDenied\n");
    // Two guests take turns on one thread.
    let (one, two) = both(
        run(format!("/fetch?http://{at}/"), Body::empty()),
        run("/sleep?30".into(), Body::empty()),
    )
    .await;
    assert!(one.starts_with("200 ") && two == "slept\n");
}

/// Awaits two futures on this thread.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (Box::pin(a), Box::pin(b));
    let (mut of_a, mut of_b) = (None, None);
    std::future::poll_fn(move |context| {
        if of_a.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(context)
        {
            of_a = Some(value);
        }
        if of_b.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(context)
        {
            of_b = Some(value);
        }
        match (of_a.take(), of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (of_a, of_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}
