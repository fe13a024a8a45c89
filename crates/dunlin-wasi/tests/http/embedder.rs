//! What stands around the guest: one request, the thread that runs it, and bodies to feed it with.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use dunlin::{Engine, Store};
use dunlin_component::{Component, Linker};
use dunlin_wasi::preview2::http::{
    self, Body, ErrorCode, HandlerPre, IncomingRequest, NoResponse, ResponseReceiver,
};
use dunlin_wasi::preview2::{self, ComponentCtx};
use dunlin_wasi::{Limits, WasiCtx};
use http_body::{Body as _, Frame};

fn guest() -> &'static HandlerPre<ComponentCtx> {
    static GUEST: OnceLock<HandlerPre<ComponentCtx>> = OnceLock::new();
    GUEST.get_or_init(|| {
        let engine = Engine::default();
        let bytes = include_bytes!("guest/guest.wasm");
        let component = Component::new(&engine, bytes).expect("a component");
        let mut linker = Linker::new(&engine);
        preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
        http::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
        HandlerPre::new(linker.instantiate_pre(&component).expect("all imports"))
            .expect("a handler")
    })
}

/// A guest that handles a request.
pub(crate) struct Running {
    pub(crate) response: ResponseReceiver,
    /// The store comes with how it ended: what others wait for must not wait until it goes.
    thread: JoinHandle<(dunlin::Result<()>, Store<ComponentCtx>)>,
}

impl Running {
    /// What the guest answers, while it goes on.
    pub(crate) fn response(&mut self) -> Result<Response<Body>, NoResponse> {
        dunlin::stacks::wait(&mut self.response).expect("no interrupt")
    }

    pub(crate) fn ended(self) -> dunlin::Result<()> {
        self.thread.join().expect("no panic").0
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Has the guest handle a request; `grant` changes what it was granted.
pub(crate) fn handle_with(
    request: Request<Body>,
    grant: impl FnOnce(&mut ComponentCtx) + Send + 'static,
) -> Running {
    let (sender, response) = http::response_pair();
    let thread = std::thread::spawn(move || {
        let mut limits = Limits::default();
        limits.resources_max = 1000;
        let ctx = WasiCtx::builder().limits(limits).build().expect("a context");
        let mut ctx = ComponentCtx::new(ctx);
        grant(&mut ctx);
        let mut store = Store::new(guest().instance_pre().component().engine(), ctx);
        let handler = guest().instantiate(&mut store).expect("an instance");
        let ended = handler.handle(&mut store, |ctx| ctx, IncomingRequest::new(request), sender);
        (ended, store)
    });
    Running { response, thread }
}

pub(crate) fn handle(request: Request<Body>) -> Running {
    handle_with(request, |_| {})
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "example.com").body(Body::empty()).expect("a request")
}

pub(crate) fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path).header("host", "example.com").body(body).expect("a request")
}

/// The next frame of a body.
pub(crate) fn frame(body: &mut Body) -> Option<Result<Frame<Bytes>, ErrorCode>> {
    let next = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
    dunlin::stacks::wait(next).expect("no interrupt")
}

/// All of a body: its bytes, its trailers, and how it failed.
pub(crate) fn read(mut body: Body) -> (Vec<u8>, Option<HeaderMap>, Option<ErrorCode>) {
    let (mut bytes, mut trailers) = (Vec::new(), None);
    loop {
        match frame(&mut body) {
            None => return (bytes, trailers, None),
            Some(Err(failure)) => return (bytes, trailers, Some(failure)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
        }
    }
}

/// What the guest answers a request with, as text, when all has ended well.
pub(crate) fn text_of(mut running: Running) -> String {
    let response = running.response().expect("a response");
    let (bytes, _, failure) = read(response.into_body());
    assert_eq!(failure, None);
    running.ended().expect("no trap");
    String::from_utf8(bytes).expect("text")
}

/// A body that others feed.
#[derive(Clone, Default)]
pub(crate) struct Fed(Arc<Mutex<Feed>>);

#[derive(Default)]
struct Feed {
    frames: VecDeque<Option<Result<Frame<Bytes>, ErrorCode>>>,
    waker: Option<Waker>,
    /// How many frames the guest has taken.
    taken: usize,
}

impl Fed {
    /// Feeds a frame, or the end.
    pub(crate) fn feed(&self, frame: Option<Result<Frame<Bytes>, ErrorCode>>) {
        let mut feed = self.0.lock().expect("no panic");
        feed.frames.push_back(frame);
        if let Some(waker) = feed.waker.take() {
            waker.wake();
        }
    }

    pub(crate) fn data(&self, bytes: &[u8]) {
        self.feed(Some(Ok(Frame::data(Bytes::copy_from_slice(bytes)))));
    }

    pub(crate) fn taken(&self) -> usize {
        self.0.lock().expect("no panic").taken
    }
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let mut feed = self.0.lock().expect("no panic");
        match feed.frames.pop_front() {
            Some(frame) => {
                feed.taken += 1;
                Poll::Ready(frame)
            }
            None => {
                feed.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A body without end.
pub(crate) struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1000])))))
    }
}
