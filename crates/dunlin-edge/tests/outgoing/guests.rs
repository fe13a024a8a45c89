//! Guests on stacks of their own, with the client and the reactor: what waits holds no thread, and what nobody polls ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::http::Request;
use bytes::Bytes;
use dunlin::stacks::{Running, Stacks};
use dunlin::{Engine, Store, TrapCode};
use dunlin_component::{Component, Linker};
use dunlin_edge::outgoing::Client;
use dunlin_edge::reactor::TokioReactor;
use dunlin_wasi::WasiCtx;
use dunlin_wasi::preview2::http::{
    self, Body, ErrorCode, HandlerPre, IncomingRequest, NoResponse, ResponseReceiver,
};
use dunlin_wasi::preview2::{self, ComponentCtx};
use http_body_util::BodyExt as _;
use hyper::body::Frame;

use crate::servers::{Server, client, listen};

/// The guest of the tests of `wasi:http`, and what it is given.
struct Host {
    pre: HandlerPre<ComponentCtx>,
    stacks: Stacks,
    client: Arc<Client>,
}

impl Host {
    fn new() -> Host {
        let engine = Engine::default();
        let guest = include_bytes!("../../../dunlin-wasi/tests/http/guest/guest.wasm");
        let component = Component::new(&engine, guest).expect("a component");
        let mut linker = Linker::new(&engine);
        preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
        http::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
        let pre = linker.instantiate_pre(&component).expect("all imports");
        let (pre, stacks) = (HandlerPre::new(pre).expect("a handler"), Stacks::new(256 << 10, 4));
        Host { pre, stacks, client: Arc::new(client()) }
    }

    fn start(&self, path: &str, body: Body) -> (Running<dunlin::Result<()>>, ResponseReceiver) {
        let (pre, client) = (self.pre.clone(), self.client.clone());
        let (sender, response) = http::response_pair();
        let request = Request::post(path).body(body).expect("a request");
        let running = self.stacks.run(move || {
            let ctx = WasiCtx::builder().build().expect("a context");
            let mut ctx = ComponentCtx::new(ctx);
            ctx.http().outgoing = Some(client);
            ctx.set_reactor(Arc::new(TokioReactor::of_thread()));
            let mut store = Store::new(pre.instance_pre().component().engine(), ctx);
            let handler = pre.instantiate(&mut store)?;
            handler.handle(&mut store, |ctx| ctx, IncomingRequest::new(request), sender)
        });
        (running, response)
    }

    /// What the guest answers, as text, when it has ended.
    async fn text(&self, path: &str, body: Body) -> String {
        let (running, response) = self.start(path, body);
        let read = async { response.await.expect("a response").into_body().collect().await };
        let (ended, read) = both(running, read).await;
        ended.expect("no trap");
        String::from_utf8(read.expect("no failure").to_bytes().to_vec()).expect("text")
    }
}

/// A body of so many chunks, or one that never comes.
struct Chunks(Option<usize>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let Some(left) = &mut self.0 else { return Poll::Pending };
        match left.checked_sub(1) {
            None => return Poll::Ready(None),
            Some(less) => *left = less,
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 10_000])))))
    }
}

#[tokio::test]
async fn a_guest_is_served_by_the_client() {
    let at = Server::default().start(None).await;
    let host = Host::new();
    let told = host.text(&format!("/fetch?http://{at}/"), Body::empty()).await;
    assert!(told.starts_with("200 ") && told.ends_with("no trailers, fields: true\n"), "{told}");
    let through = format!("/post-through?http://{at}/b");
    let told = host.text(&through, Body::new(Chunks(Some(100)))).await;
    assert_eq!(told, format!("POST /b HTTP/1.1 host={at} authority=- body=1000000"));
    let told = host.text("/fetch?http://example.com/", Body::empty()).await;
    assert_eq!(told, "ErrorCode::HttpRequestDenied\n");
}

#[tokio::test]
async fn guests_that_wait_hold_no_thread() {
    let host = Host::new();
    let begun = Instant::now();
    // This thread has them all.
    let sleeps = || host.text("/sleep?500", Body::empty());
    let (one, two) = both(sleeps(), both(sleeps(), sleeps())).await;
    assert_eq!((&*one, &*two.0, &*two.1), ("slept\n", "slept\n", "slept\n"));
    let elapsed = begun.elapsed();
    assert!((500..1500).contains(&elapsed.as_millis()), "{elapsed:?}");
}

#[tokio::test]
async fn a_guest_that_nobody_polls_any_more_ends() {
    let silent = listen(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let host = Host::new();
    for path in ["/count", "/sleep?1000000", &format!("/fetch?http://{silent}/"), "/big?100000000"]
    {
        let (mut running, mut response) = host.start(path, Body::new(Chunks(None)));
        for _ in 0..3 {
            let polled = std::future::poll_fn(|context| {
                Poll::Ready(Pin::new(&mut running).poll(context).is_ready())
            });
            assert!(!polled.await, "{path}: it waits");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(Arc::strong_count(&host.client), 2, "{path}");
        drop(running);
        assert_eq!(Arc::strong_count(&host.client), 1, "{path}: its store is still there");
        match response.try_take().expect("an answer") {
            Err(told) => assert_eq!(told, NoResponse::Unset, "{path}"),
            Ok(response) => assert!(response.into_body().collect().await.is_err(), "{path}"),
        }
    }
    // Where somebody polls to the end, it is the guest's own.
    let (running, _) = host.start("/trap", Body::empty());
    assert_eq!(running.await.expect_err("a trap").trap_code(), Some(TrapCode::Unreachable));
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
