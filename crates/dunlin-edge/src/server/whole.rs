//! Requests and responses of apps that take and give them whole.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use dunlin::{Error, ErrorKind, Result};
use dunlin_wasi::preview2::http::Body as WasiBody;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;

use crate::fastedge::{self, Method, headers};

/// Headers as pairs of texts; a value that is no text is none for such apps.
fn pairs(map: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    map.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
}

/// A request as such an app is given it. Its body has come whole.
///
/// # Errors
///
/// If such apps do not know the method.
pub(crate) fn request(request: Request<WasiBody>) -> Result<fastedge::Request> {
    let (parts, mut body) = request.into_parts();
    let method = Method::parse(parts.method.as_str());
    let method = method.ok_or_else(|| {
        Error::new_of(ErrorKind::Usage, format_args!("the app does not know `{}`", parts.method))
    })?;
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let uri = headers::uri(path, pairs(&parts.headers));
    let mut context = Context::from_waker(Waker::noop());
    let body = match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok().map(Vec::from),
        _ => None,
    };
    Ok(fastedge::Request {
        method,
        uri,
        headers: headers::incoming(pairs(&parts.headers), &[]),
        body,
    })
}

/// The answer of such an app as it goes to the client.
///
/// # Errors
///
/// If it is none.
pub(crate) fn response(
    response: fastedge::Response,
    configured: &[(String, String)],
) -> Result<Response<WasiBody>> {
    let refused = |why: String| Error::new_of(ErrorKind::Host, why);
    let answer = headers::response(response, configured).map_err(refused)?;
    let status = StatusCode::from_u16(answer.status).map_err(|error| refused(error.to_string()))?;
    let mut response = Response::new(WasiBody::from(Bytes::from(answer.body.unwrap_or_default())));
    *response.status_mut() = status;
    for (name, value) in answer.headers.unwrap_or_default() {
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value));
        let (Ok(name), Ok(value)) = parsed else {
            return Err(refused(format!("`{name}` is not a header")));
        };
        // How long the body is, the connection says.
        if name != http::header::CONTENT_LENGTH {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}
