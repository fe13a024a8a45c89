//! `incoming-request`, `outgoing-request` and `request-options` of `wasi:http/types`.

use std::time::Duration;

use dunlin_component::{Borrow, Resource, variant};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, header};

use super::bodies::{IncomingBody, MessageBody, OutgoingBody};
use super::body::Body;
use super::error_code::ErrorCode;
use super::fields::Fields;
use super::outgoing::RequestOptions;
use super::pipe::Message;
use crate::limits::URI_PART_BYTES_MAX;
use crate::preview2::link::Interface;
use crate::preview2::state::ComponentCtx;

variant! {
    /// `method`.
    enum MethodName {
        Get => "get",
        Head => "head",
        Post => "post",
        Put => "put",
        Delete => "delete",
        Connect => "connect",
        Options => "options",
        Trace => "trace",
        Patch => "patch",
        Other(String) => "other",
    }
}

variant! {
    /// `scheme`.
    enum SchemeName {
        Http => "HTTP",
        Https => "HTTPS",
        Other(String) => "other",
    }
}

impl From<&Method> for MethodName {
    fn from(method: &Method) -> MethodName {
        match *method {
            Method::GET => MethodName::Get,
            Method::HEAD => MethodName::Head,
            Method::POST => MethodName::Post,
            Method::PUT => MethodName::Put,
            Method::DELETE => MethodName::Delete,
            Method::CONNECT => MethodName::Connect,
            Method::OPTIONS => MethodName::Options,
            Method::TRACE => MethodName::Trace,
            Method::PATCH => MethodName::Patch,
            _ => MethodName::Other(method.as_str().to_owned()),
        }
    }
}

impl MethodName {
    fn method(self) -> Result<Method, ()> {
        Ok(match self {
            MethodName::Get => Method::GET,
            MethodName::Head => Method::HEAD,
            MethodName::Post => Method::POST,
            MethodName::Put => Method::PUT,
            MethodName::Delete => Method::DELETE,
            MethodName::Connect => Method::CONNECT,
            MethodName::Options => Method::OPTIONS,
            MethodName::Trace => Method::TRACE,
            MethodName::Patch => Method::PATCH,
            MethodName::Other(name) => {
                bounded(&name)?;
                Method::from_bytes(name.as_bytes()).map_err(drop)?
            }
        })
    }
}

impl From<&Scheme> for SchemeName {
    fn from(scheme: &Scheme) -> SchemeName {
        if *scheme == Scheme::HTTP {
            SchemeName::Http
        } else if *scheme == Scheme::HTTPS {
            SchemeName::Https
        } else {
            SchemeName::Other(scheme.as_str().to_owned())
        }
    }
}

impl SchemeName {
    fn scheme(self) -> Result<Scheme, ()> {
        match self {
            SchemeName::Http => Ok(Scheme::HTTP),
            SchemeName::Https => Ok(Scheme::HTTPS),
            SchemeName::Other(name) => {
                bounded(&name)?;
                match name.starts_with(|first: char| first.is_ascii_alphabetic()) {
                    true => Scheme::try_from(name.as_str()).map_err(drop),
                    false => Err(()),
                }
            }
        }
    }
}

fn bounded(text: &str) -> Result<(), ()> {
    if text.len() <= URI_PART_BYTES_MAX { Ok(()) } else { Err(()) }
}

/// An authority that a request can be sent to: a host, and a port that is one; nobody's name or password.
fn authority(text: &str) -> Result<Authority, ()> {
    bounded(text)?;
    let authority = Authority::try_from(text).map_err(drop)?;
    let after_host = text.strip_prefix(authority.host()).ok_or(())?;
    let is_port = match after_host.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
        None => after_host.is_empty(),
    };
    if is_port && !authority.host().is_empty() { Ok(authority) } else { Err(()) }
}

/// A path that stays one, whatever stands before it.
fn path(text: &str) -> Result<(), ()> {
    bounded(text)?;
    let begins = text.is_empty() || text == "*" || text.starts_with(['/', '?']);
    if !begins || text.contains('#') || !text.is_ascii() {
        return Err(());
    }
    text.is_empty()
        .then_some(())
        .map_or_else(|| PathAndQuery::try_from(text).map(drop).map_err(drop), Ok)
}

/// A request that a guest is to handle.
#[derive(Debug)]
pub struct IncomingRequest {
    method: Method,
    path: Option<PathAndQuery>,
    scheme: Scheme,
    authority: Option<String>,
    headers: http::HeaderMap,
    body: Body,
}

/// The same when the guest has it.
pub(super) struct ReceivedRequest {
    method: Method,
    path: Option<PathAndQuery>,
    scheme: Scheme,
    authority: Option<String>,
    headers: Fields,
    body: Option<Body>,
}

impl IncomingRequest {
    /// A request as a server has it. The scheme and authority are those of its URI, or else `http` and what the field
    /// `host` says.
    #[must_use]
    pub fn new(request: Request<Body>) -> IncomingRequest {
        let (parts, body) = request.into_parts();
        let uri = parts.uri.into_parts();
        let from_host = || parts.headers.get(header::HOST)?.to_str().ok().map(str::to_owned);
        let authority = uri.authority.map(|authority| authority.as_str().to_owned());
        IncomingRequest {
            authority: authority.or_else(from_host),
            method: parts.method,
            path: uri.path_and_query,
            scheme: uri.scheme.unwrap_or(Scheme::HTTP),
            headers: parts.headers,
            body,
        }
    }

    /// Says by which scheme the request came.
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> IncomingRequest {
        self.scheme = scheme;
        self
    }

    /// Says to whom the request is.
    #[must_use]
    pub fn with_authority(mut self, authority: impl Into<String>) -> IncomingRequest {
        self.authority = Some(authority.into());
        self
    }
}

/// A request that a guest makes.
pub(super) struct OutgoingRequest {
    method: Method,
    path: Option<String>,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    headers: Fields,
    body: MessageBody,
}

impl OutgoingRequest {
    /// The request as it is to be sent.
    ///
    /// # Errors
    /// If it is not one that can be sent.
    pub(super) fn into_request(self) -> Result<Request<Body>, ErrorCode> {
        if self.method == Method::CONNECT {
            return Err(ErrorCode::HttpRequestMethodInvalid);
        }
        let authority = self.authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let path = match self.path {
            None => PathAndQuery::from_static("/"),
            Some(path) if path.starts_with(['/', '*']) => {
                PathAndQuery::try_from(path).map_err(|_| ErrorCode::HttpRequestUriInvalid)?
            }
            Some(path) => PathAndQuery::try_from(format!("/{path}"))
                .map_err(|_| ErrorCode::HttpRequestUriInvalid)?,
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.unwrap_or(Scheme::HTTPS));
        parts.authority = Some(authority);
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
        let length = self.headers.content_length();
        let length = length.map_err(|()| ErrorCode::HttpRequestBodySize(None))?;
        let mut request = Request::new(self.body.into_body(Message::Request, length));
        *request.method_mut() = self.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.into_map();
        Ok(request)
    }
}

impl ComponentCtx {
    /// Makes a resource of a request.
    pub(super) fn give_request(
        &mut self,
        request: IncomingRequest,
    ) -> dunlin::Result<Resource<ReceivedRequest>> {
        let IncomingRequest { method, path, scheme, authority, headers, body } = request;
        let headers = Fields::received(headers, &self.http);
        self.give(ReceivedRequest { method, path, scheme, authority, headers, body: Some(body) })
    }
}

pub(super) fn define<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    define_incoming(types)?;
    define_outgoing(types)?;
    define_options(types)
}

fn define_incoming<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<ReceivedRequest>;
    types
        .resource::<ReceivedRequest>("incoming-request")?
        .func("[method]incoming-request.method", |state, (this,): (This,)| {
            Ok(MethodName::from(&state.table.get(&this)?.method))
        })?
        .func("[method]incoming-request.path-with-query", |state, (this,): (This,)| {
            let path = &state.table.get(&this)?.path;
            Ok(path.as_ref().map(|path| path.as_str().to_owned()))
        })?
        .func("[method]incoming-request.scheme", |state, (this,): (This,)| {
            Ok(Some(SchemeName::from(&state.table.get(&this)?.scheme)))
        })?
        .func("[method]incoming-request.authority", |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.authority.clone())
        })?
        .func("[method]incoming-request.headers", |state, (this,): (This,)| {
            let headers = state.table.get(&this)?.headers.clone();
            state.give(headers)
        })?
        .func("[method]incoming-request.consume", |state, (this,): (This,)| {
            let body = state.table.get_mut(&this)?.body.take();
            body.map(|body| state.give(IncomingBody::new(body)))
                .transpose()
                .map(|body| body.ok_or(()))
        })?;
    Ok(())
}

fn define_outgoing<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<OutgoingRequest>;
    types
        .resource::<OutgoingRequest>("outgoing-request")?
        .func("[constructor]outgoing-request", |state, (headers,): (Resource<Fields>,)| {
            let headers = state.delete(&headers)?.freeze();
            let (method, body) = (Method::GET, MessageBody::default());
            let (path, scheme, authority) = (None, None, None);
            state.give(OutgoingRequest { method, path, scheme, authority, headers, body })
        })?
        .func("[method]outgoing-request.body", |state, (this,): (This,)| {
            let ComponentCtx { table, http, .. } = state;
            let request = table.get_mut(&this)?;
            let length = request.headers.content_length();
            let body = request.body.take(Message::Request, length, http);
            body.map(|body| state.give::<OutgoingBody>(body)).transpose().map(|body| body.ok_or(()))
        })?
        .func("[method]outgoing-request.method", |state, (this,): (This,)| {
            Ok(MethodName::from(&state.table.get(&this)?.method))
        })?
        .func(
            "[method]outgoing-request.set-method",
            |state, (this, name): (This, MethodName)| {
                let request = state.table.get_mut(&this)?;
                Ok(name.method().map(|method| request.method = method))
            },
        )?;
    define_destination(types)
}

/// The functions about where an outgoing request goes.
fn define_destination<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<OutgoingRequest>;
    type Text = Option<String>;
    types
        .func("[method]outgoing-request.path-with-query", |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.path.clone())
        })?
        .func(
            "[method]outgoing-request.set-path-with-query",
            |state, (this, text): (This, Text)| {
                let request = state.table.get_mut(&this)?;
                Ok(text.as_deref().map_or(Ok(()), path).map(|()| request.path = text))
            },
        )?
        .func("[method]outgoing-request.scheme", |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.scheme.as_ref().map(SchemeName::from))
        })?
        .func(
            "[method]outgoing-request.set-scheme",
            |state, (this, name): (This, Option<SchemeName>)| {
                let request = state.table.get_mut(&this)?;
                let scheme = name.map(SchemeName::scheme).transpose();
                Ok(scheme.map(|scheme| request.scheme = scheme))
            },
        )?
        .func("[method]outgoing-request.authority", |state, (this,): (This,)| {
            let authority = &state.table.get(&this)?.authority;
            Ok(authority.as_ref().map(|authority| authority.as_str().to_owned()))
        })?
        .func("[method]outgoing-request.set-authority", |state, (this, text): (This, Text)| {
            let request = state.table.get_mut(&this)?;
            let parsed = text.as_deref().map(authority).transpose();
            Ok(parsed.map(|authority| request.authority = authority))
        })?
        .func("[method]outgoing-request.headers", |state, (this,): (This,)| {
            let headers = state.table.get(&this)?.headers.clone();
            state.give(headers)
        })?;
    Ok(())
}

fn define_options<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<RequestOptions>;
    let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    types
        .resource::<RequestOptions>("request-options")?
        .func("[constructor]request-options", |state, ()| state.give(RequestOptions::default()))?
        .func("[method]request-options.connect-timeout", move |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.connect_timeout.map(ns))
        })?
        .func("[method]request-options.first-byte-timeout", move |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.first_byte_timeout.map(ns))
        })?
        .func("[method]request-options.between-bytes-timeout", move |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.between_bytes_timeout.map(ns))
        })?;
    type Set = (This, Option<u64>);
    types
        .func("[method]request-options.set-connect-timeout", |state, (this, ns): Set| {
            state.table.get_mut(&this)?.connect_timeout = ns.map(Duration::from_nanos);
            Ok(Ok::<(), ()>(()))
        })?
        .func("[method]request-options.set-first-byte-timeout", |state, (this, ns): Set| {
            state.table.get_mut(&this)?.first_byte_timeout = ns.map(Duration::from_nanos);
            Ok(Ok::<(), ()>(()))
        })?
        .func("[method]request-options.set-between-bytes-timeout", |state, (this, ns): Set| {
            state.table.get_mut(&this)?.between_bytes_timeout = ns.map(Duration::from_nanos);
            Ok(Ok::<(), ()>(()))
        })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(scheme: Option<Scheme>, to: &str, at: Option<&str>) -> OutgoingRequest {
        OutgoingRequest {
            method: Method::GET,
            path: at.map(str::to_owned),
            scheme,
            authority: authority(to).ok(),
            headers: Fields::received(http::HeaderMap::new(), &Default::default()),
            body: MessageBody::default(),
        }
    }

    #[test]
    fn uris_are_what_their_parts_say() {
        for (scheme, to, at, uri) in [
            (None, "example.com", None, "https://example.com/"),
            (Some(Scheme::HTTP), "example.com:81", Some(""), "http://example.com:81/"),
            (None, "[::1]:8080", Some("?a=b"), "https://[::1]:8080/?a=b"),
            (None, "1.2.3.4", Some("/a/../b?c"), "https://1.2.3.4/a/../b?c"),
        ] {
            assert_eq!(at.map_or(Ok(()), path), Ok(()));
            let request = request(scheme, to, at).into_request().expect("a request");
            assert_eq!(request.uri().to_string(), uri);
        }
        assert_eq!(
            request(None, "", None).into_request().err(),
            Some(ErrorCode::HttpRequestUriInvalid)
        );
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        let long = "a".repeat(URI_PART_BYTES_MAX + 1);
        for text in [
            "",
            "a b",
            "user@example.com",
            "user:secret@example.com",
            "example.com:",
            "example.com:x",
            "example.com:+1",
            "example.com:65536",
            ":80",
            "example.com/",
            "example.com\r\nx: y",
            "[::1",
            "::1",
            &long,
        ] {
            assert!(authority(text).is_err(), "{text:?}");
        }
        for text in ["example.com", "example.com:0", "[::1]:8080", "127.0.0.1:65535"] {
            assert!(authority(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["a", "@evil.com/", ":81/", "/a b", "/\r\nx: y", "/a#b", "\\evil.com", "/ä"] {
            assert!(path(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn methods_are_tokens() {
        assert_eq!(
            MethodName::Other("PURGE".into()).method().as_ref().map(Method::as_str),
            Ok("PURGE")
        );
        for name in ["", "A B", "A\r\nB", "Ä", "A:"] {
            assert!(MethodName::Other(name.into()).method().is_err(), "{name:?}");
        }
        assert!(matches!(MethodName::from(&Method::PATCH), MethodName::Patch));
    }

    #[test]
    fn schemes_are_names() {
        assert_eq!(
            SchemeName::Other("ftp".into()).scheme().as_ref().map(Scheme::as_str),
            Ok("ftp")
        );
        for name in ["", "1a", "a b", "http://", "ä"] {
            assert!(SchemeName::Other(name.into()).scheme().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_request_says_to_whom_it_is() {
        let made = |uri: &str, host: Option<&str>| {
            let mut request = Request::get(uri);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            IncomingRequest::new(request.body(Body::empty()).expect("a request"))
        };
        let by_host = made("/a?b", Some("example.com:80"));
        assert_eq!(by_host.authority.as_deref(), Some("example.com:80"));
        assert_eq!(by_host.path.as_ref().map(PathAndQuery::as_str), Some("/a?b"));
        let by_uri = made("https://example.org/", Some("example.com"));
        assert_eq!(by_uri.authority.as_deref(), Some("example.org"));
        assert_eq!(by_uri.scheme, Scheme::HTTPS);
        assert_eq!(made("/", None).with_authority("a").authority.as_deref(), Some("a"));
    }
}
