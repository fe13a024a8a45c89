//! Processor time of a request to a component, without a server: a store and an instance of its own for each, and what
//! `wasi:http` does.
//!
//! `cargo run --release -p dunlin-wasi --example request_cost COMPONENT PATH [REQUESTS] [reuse]`
//!
//! It prints microseconds a request: in all; then of the context and the store, of the instance, of the call, of reading
//! the response, of letting go.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;

use ::http::Request;
use bytes::Bytes;
use dunlin::{Config, Engine, Store, Tier};
use dunlin_component::{Component, Linker};
use dunlin_wasi::WasiCtx;
use dunlin_wasi::preview2::http::{self, Body, Handler, HandlerPre, IncomingRequest};
use dunlin_wasi::preview2::{self, ComponentCtx};
use http_body::Body as _;
use rustix::time::{ClockId, clock_gettime};

/// Requests before those that count.
const WARM_UP: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which component")?;
    let path = arguments.next().ok_or("which path")?;
    let requests: usize = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let reuse = arguments.next().is_some();
    let mut config = Config::new();
    config.tier(Tier::Optimize);
    let engine = Engine::new(&config)?;
    let mut linker = Linker::new(&engine);
    preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx)?;
    http::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx)?;
    let pre = linker.instantiate_pre(&Component::from_file(&engine, file)?)?;
    let pre = HandlerPre::new(pre)?;
    let mut parts = [0.0; 5];
    let mut kept = None;
    for number in 0..WARM_UP + requests {
        if number == WARM_UP {
            parts = [0.0; 5];
        }
        let mut at = processor_seconds();
        let mut mark = |part: usize| {
            let now = processor_seconds();
            parts[part] += now - std::mem::replace(&mut at, now);
        };
        let (mut store, handler) = match kept.take() {
            Some(kept) => kept,
            None => {
                let ctx = ComponentCtx::new(WasiCtx::builder().build()?);
                let mut store = Store::new(&engine, ctx);
                mark(0);
                let handler = pre.instantiate(&mut store)?;
                (store, handler)
            }
        };
        mark(1);
        let response = handle(&mut store, &handler, &path);
        mark(2);
        let bytes = read(response?)?;
        mark(3);
        assert!(bytes > 0, "the response is empty");
        if reuse {
            kept = Some((store, handler));
        } else {
            drop(store);
        }
        mark(4);
    }
    let each = |seconds: f64| seconds * 1e6 / requests as f64;
    print!("{:.2}", each(parts.iter().sum()));
    for part in parts {
        print!(" {:.2}", each(part));
    }
    println!();
    Ok(())
}

fn handle(
    store: &mut Store<ComponentCtx>,
    handler: &Handler,
    path: &str,
) -> Result<Body, Box<dyn Error>> {
    let request = Request::get(path)
        .header("host", "127.0.0.1:8080")
        .header("accept", "*/*")
        .header("user-agent", "example")
        .body(Body::empty())?;
    let (sender, mut response) = http::response_pair();
    handler.handle(store, |ctx| ctx, IncomingRequest::new(request), sender)?;
    let response = response.try_take().ok_or("the guest has not answered")??;
    Ok(response.into_body())
}

/// How many bytes a body has.
fn read(mut body: Body) -> Result<usize, Box<dyn Error>> {
    let mut bytes = 0;
    loop {
        let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        match dunlin::stacks::wait(next)? {
            None => return Ok(bytes),
            Some(frame) => bytes += frame?.data_ref().map_or(0, Bytes::len),
        }
    }
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
