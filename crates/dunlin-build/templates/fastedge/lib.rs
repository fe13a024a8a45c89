//! A FastEdge app: every request has an instance of its own, which begins with empty memory.

use fastedge::body::Body;
use fastedge::http::{Error, Request, Response};

#[fastedge::http]
fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let text = format!("Hello from {{name}}, {}\n", request.uri().path());
    Response::builder()
        .header("content-type", "text/plain; charset=utf-8")
        .body(Body::from(text))
}
