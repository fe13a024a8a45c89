//! Answers HTTP requests: every request has an instance of its own, which begins with empty memory.

use wstd::http::{Body, Request, Response, Result};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>> {
    let text = format!("Hello from {{name}}, {}\n", request.uri().path());
    let response = Response::builder().header("content-type", "text/plain; charset=utf-8");
    Ok(response.body(text.into())?)
}
