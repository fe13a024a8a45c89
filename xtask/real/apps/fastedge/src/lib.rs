//! A FastEdge app in Rust, by the SDK: variables, secrets, a key-value store, and bodies, which pass as a whole.

use fastedge::body::Body;
use fastedge::http::{Error, Request, Response, StatusCode};
use fastedge::{dictionary, secret};

/// Bytes of the large body.
const LARGE: usize = 4 << 20;

#[fastedge::http]
fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/" => {
            let agent = request.headers().get("user-agent");
            let agent = agent.and_then(|value| value.to_str().ok()).unwrap_or("nobody");
            Response::builder().body(Body::from(format!("hello, {agent}\n")))
        }
        "/echo" => Response::builder().body(request.into_body()),
        "/large" => Response::builder().body(Body::from(vec![b'x'; LARGE])),
        "/granted" => {
            let variable = dictionary::get("SHORE").unwrap_or_default();
            let secret = secret::get("TIDE").ok().flatten().unwrap_or_default();
            Response::builder().body(Body::from(format!("{variable} {secret}\n")))
        }
        _ => Response::builder().status(StatusCode::NOT_FOUND).body(Body::from("not here\n")),
    }
}
