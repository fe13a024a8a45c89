//! `http-client`: requests that an app sends.

use super::ctx::FastEdgeCtx;
use super::headers;
use super::limits::URL_BYTES_MAX;
use super::link::{Interfaces, wait};
use super::types::{HttpError, Request, Response};
use dunlin::Result;
use std::future::Future;
use std::pin::Pin;

/// An answer to a request of an app's, once it is there.
pub type Sending<'a> =
    Pin<Box<dyn Future<Output = std::result::Result<Response, HttpError>> + Send + 'a>>;

/// What sends the requests of an app's.
pub trait HttpClient: Send + Sync {
    /// Sends a request to where its URL says, if the app may, and receives the answer, its body included.
    ///
    /// The headers are the app's own and those that are sent on: none that a connection speaks with. The client adds
    /// `host`, `content-length` and what else its connection needs.
    fn send(&self, request: Request) -> Sending<'_>;
}

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut FastEdgeCtx + Clone + Send + Sync + 'static,
{
    let mut client = all.named("http-client")?;
    client.func("send-request", |ctx, (request,): (Request,)| send(ctx, request))?;
    Ok(())
}

/// Sends a request, within what the app may.
fn send(
    ctx: &mut FastEdgeCtx,
    mut request: Request,
) -> Result<std::result::Result<Response, HttpError>> {
    let grants = ctx.grants.clone();
    let Some(client) = &grants.client else { return Ok(Err(HttpError::DestinationNotAllowed)) };
    if ctx.sub_requests >= grants.sub_requests_max {
        return Ok(Err(HttpError::TooManyRequests));
    }
    ctx.sub_requests += 1;
    if !is_url(&request.uri) {
        return Ok(Err(HttpError::InvalidUrl));
    }
    request.headers = match headers::outgoing(request.headers, &grants.propagate, &ctx.propagated) {
        Ok(headers) => headers,
        Err(why) => {
            ctx.note(format_args!("http-client: {why}"));
            return Ok(Err(HttpError::RequestError));
        }
    };
    wait(client.send(request))
}

/// Whether a text can be a URL that requests are sent to: which one it is, the client finds out.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
    has_host && text.len() <= URL_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[test]
    fn urls_have_a_scheme_and_a_host() {
        for url in ["http://a", "https://a.b:1/c?d=e", "http://[::1]/"] {
            assert!(is_url(url), "{url}");
        }
        let long = format!("http://a/{}", "b".repeat(super::URL_BYTES_MAX));
        for url in
            ["", "/", "a/b", "ftp://a", "http://", "http:///b", "http://a b", "http://a\r\n", &long]
        {
            assert!(!is_url(url), "{url}");
        }
    }
}
