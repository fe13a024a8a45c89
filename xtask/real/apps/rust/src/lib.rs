//! An app for `wasi:http` in Rust, by `wstd`: what it is given comes back as it comes, and what it makes goes as it is made.

use futures_lite::stream::unfold;
use std::convert::Infallible;
use wstd::http::body::{Body, Bytes};
use wstd::http::{Request, Response, Result, StatusCode};
use wstd::time::Duration;

/// Bytes of one piece of the large body, and how many pieces it has.
const PIECE: (usize, usize) = (65_536, 64);

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>> {
    match request.uri().path() {
        "/" => {
            let agent = request.headers().get("user-agent");
            let agent = agent.and_then(|value| value.to_str().ok()).unwrap_or("nobody");
            Ok(Response::new(format!("hello, {agent}\n").into()))
        }
        "/echo" => Ok(Response::new(request.into_body())),
        "/stream" => {
            let line = |at: usize| async move {
                if at == 3 {
                    return None;
                }
                wstd::task::sleep(Duration::from_millis(50)).await;
                Some((Ok::<_, Infallible>(Bytes::from(format!("line {at}\n"))), at + 1))
            };
            Ok(Response::new(Body::from_try_stream(unfold(0, line))))
        }
        "/large" => {
            let piece = |at: usize| async move {
                (at < PIECE.1).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE.0])), at + 1))
            };
            Ok(Response::new(Body::from_try_stream(unfold(0, piece))))
        }
        "/panic" => panic!("as asked"),
        _ => Ok(Response::builder().status(StatusCode::NOT_FOUND).body("not here\n".to_owned().into())?),
    }
}
