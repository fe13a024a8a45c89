//! Requests of an app's by what sends those of `wasi:http`: whole, where that streams.

use super::http_client::{HttpClient, Sending};
use super::limits::BODY_BYTES_MAX;
use super::types::{HttpError, Request, Response};
use bytes::Bytes;
use dunlin_wasi::preview2::http::{Body, ErrorCode, Outgoing, RequestOptions};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body::Body as _;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

/// A client that sends requests by an [`Outgoing`], which knows what an app may reach, and receives answers whole, up to
/// [`BODY_BYTES_MAX`].
#[derive(Clone)]
pub struct WasiClient {
    outgoing: Arc<dyn Outgoing>,
    options: RequestOptions,
}

impl fmt::Debug for WasiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiClient").field("options", &self.options).finish_non_exhaustive()
    }
}

impl WasiClient {
    /// A client over this, whose requests may take so long.
    #[must_use]
    pub fn new(outgoing: Arc<dyn Outgoing>, options: RequestOptions) -> Self {
        Self { outgoing, options }
    }
}

impl HttpClient for WasiClient {
    fn send(&self, request: Request) -> Sending<'_> {
        let sending = made(request).map(|request| self.outgoing.send(request, self.options));
        Box::pin(async move {
            let response = sending?.await.map_err(|error| told(&error))?;
            let (parts, body) = response.into_parts();
            let headers = headers(&parts.headers);
            let body = whole(body).await?;
            Ok(Response { status: parts.status.as_u16(), headers: Some(headers), body: Some(body) })
        })
    }
}

/// The request as it is sent.
fn made(request: Request) -> Result<http::Request<Body>, HttpError> {
    let uri: Uri = request.uri.parse().map_err(|_| HttpError::InvalidUrl)?;
    let authority = uri.authority().filter(|_| uri.scheme().is_some());
    if !authority.is_some_and(is_address) {
        return Err(HttpError::InvalidUrl);
    }
    let mut made = http::Request::new(Body::from(Bytes::from(request.body.unwrap_or_default())));
    let method = Method::from_bytes(request.method.name().as_bytes());
    *made.method_mut() = method.map_err(|_| HttpError::RequestError)?;
    *made.uri_mut() = uri;
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::RequestError)?;
        let value =
            HeaderValue::from_bytes(value.as_bytes()).map_err(|_| HttpError::RequestError)?;
        made.headers_mut().append(name, value);
    }
    Ok(made)
}

/// Whether an authority is a host, with a port or without: no names of users, which would stand in front of it.
fn is_address(authority: &Authority) -> bool {
    match authority.port_u16() {
        Some(port) => authority.as_str() == format!("{}:{port}", authority.host()),
        None => authority.as_str() == authority.host(),
    }
}

/// The headers of an answer; those that are no text are none that an app could be told.
fn headers(all: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).ok();
    all.iter().filter_map(|(name, value)| Some((name.as_str().into(), text(value)?))).collect()
}

/// All of a body, unless it is too large.
async fn whole(mut body: Body) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| told(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > BODY_BYTES_MAX {
            return Err(HttpError::RequestError);
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

/// What an app is told of a failure: its interface has few words.
fn told(error: &ErrorCode) -> HttpError {
    match error {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            HttpError::DestinationNotAllowed
        }
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestUriTooLong => {
            HttpError::InvalidUrl
        }
        ErrorCode::InternalError(_) => HttpError::RuntimeError,
        _ => HttpError::RequestError,
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::Method as OwnMethod;
    use super::*;
    use dunlin_wasi::preview2::http::Sending as WasiSending;
    use std::sync::Mutex;

    /// Answers with a body of so many bytes, or an error, and keeps what it was asked.
    struct Fake {
        bytes: Result<usize, ErrorCode>,
        asked: Mutex<Option<http::Request<Body>>>,
    }

    impl Outgoing for Fake {
        fn send(&self, request: http::Request<Body>, _: RequestOptions) -> WasiSending {
            *self.asked.lock().expect("nobody panics") = Some(request);
            let bytes = self.bytes.clone();
            Box::pin(async move {
                let mut response = http::Response::new(Body::from(Bytes::from(vec![7; bytes?])));
                response.headers_mut().append("x-text", HeaderValue::from_static("a"));
                let value = HeaderValue::from_bytes(&[0xff]).expect("no control");
                response.headers_mut().append("x-bytes", value);
                Ok(response)
            })
        }
    }

    fn send(
        uri: &str,
        bytes: Result<usize, ErrorCode>,
    ) -> (Result<Response, HttpError>, Arc<Fake>) {
        let fake = Arc::new(Fake { bytes, asked: Mutex::new(None) });
        let client = WasiClient::new(fake.clone(), RequestOptions::default());
        let headers = vec![("x-own".into(), "ü".into()), ("x-own".into(), "2".into())];
        let body = Some(b"body".to_vec());
        let request = Request { method: OwnMethod::Patch, uri: uri.into(), headers, body };
        (dunlin::stacks::wait(client.send(request)).expect("nobody interrupts"), fake)
    }

    #[test]
    fn requests_are_sent_and_answers_received_whole() {
        let (answer, fake) = send("https://h.example/a?b", Ok(100_000));
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.body), (200, Some(vec![7; 100_000])));
        assert_eq!(answer.headers, Some(vec![("x-text".into(), "a".into())]));
        let asked = fake.asked.lock().expect("nobody panics").take().expect("a request");
        assert_eq!(
            (asked.method().as_str(), asked.uri().to_string()),
            ("PATCH", "https://h.example/a?b".into())
        );
        assert_eq!(asked.headers().get_all("x-own").iter().count(), 2);
        assert_eq!(asked.body().size_hint().exact(), Some(4));
    }

    #[test]
    fn failures_are_told_in_few_words() {
        for (code, error) in [
            (ErrorCode::HttpRequestDenied, HttpError::DestinationNotAllowed),
            (ErrorCode::DestinationIpProhibited, HttpError::DestinationNotAllowed),
            (ErrorCode::HttpRequestUriInvalid, HttpError::InvalidUrl),
            (ErrorCode::InternalError(None), HttpError::RuntimeError),
            (ErrorCode::ConnectionTimeout, HttpError::RequestError),
        ] {
            assert_eq!(send("http://h", Err(code)).0, Err(error));
        }
        assert_eq!(send("http://h", Ok(BODY_BYTES_MAX + 1)).0, Err(HttpError::RequestError));
        for uri in ["/a", "http://", "h", "http://h:x/", "http://u@h/", "http://h:65536/"] {
            assert_eq!(send(uri, Ok(0)).0, Err(HttpError::InvalidUrl), "{uri}");
        }
    }
}
