//! Servers of the tests, on loopback.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dunlin_edge::outgoing::{Client, Policy, Resolve, Resolved, Settings};
use dunlin_wasi::preview2::http::{Body, ErrorCode, Outgoing as _, RequestOptions};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};

/// Settings that allow the servers of the tests.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.policy = Policy::none().allow("127.0.0.1:*").expect("a pattern");
    settings
}

pub(crate) fn client() -> Client {
    Client::new(settings())
}

pub(crate) fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).expect("a request")
}

/// Sends a request and reads the response.
pub(crate) async fn fetch(
    client: &Client,
    request: Request<Body>,
) -> Result<(http::response::Parts, Bytes, Option<HeaderMap>), ErrorCode> {
    fetch_with(client, request, RequestOptions::default()).await
}

pub(crate) async fn fetch_with(
    client: &Client,
    request: Request<Body>,
    options: RequestOptions,
) -> Result<(http::response::Parts, Bytes, Option<HeaderMap>), ErrorCode> {
    let sending = client.send(request, options);
    let response = tokio::time::timeout(Duration::from_secs(20), sending).await.expect("an end")?;
    let (parts, body) = response.into_parts();
    let read = tokio::time::timeout(Duration::from_secs(20), body.collect()).await;
    let read = read.expect("an end")?;
    let trailers = read.trailers().cloned();
    Ok((parts, read.to_bytes(), trailers))
}

/// A server that answers with what a request was.
#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<AtomicUsize>,
}

type Answer = http_body_util::combinators::BoxBody<Bytes, Infallible>;

impl Server {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let host = request.headers().get("host").and_then(|host| host.to_str().ok());
        let head = format!(
            "{} {} {:?} host={} authority={}",
            request.method(),
            request.uri().path(),
            request.version(),
            host.unwrap_or("-"),
            request.uri().authority().map_or("-", |authority| authority.as_str()),
        );
        let path = request.uri().path().to_owned();
        if path == "/trailers" {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "7".parse().expect("a value"));
            let frames: [Result<_, Infallible>; 2] =
                [Ok(Frame::data(Bytes::from_static(b"abc"))), Ok(Frame::trailers(trailers))];
            let mut frames = frames.into_iter();
            let stream = Stream(move || frames.next());
            let response = Response::builder().header("trailer", "x-sum");
            return Ok(response.body(BodyExt::boxed(StreamBody::new(stream))).expect("it"));
        }
        let body = request.into_body().collect().await;
        let body = body.map_or_else(
            |error| format!("failed: {error}"),
            |body| String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        );
        let text =
            format!("{head} body={}", if body.len() > 100 { body.len().to_string() } else { body });
        Ok(Response::new(Full::new(Bytes::from(text)).boxed()))
    }

    /// Serves HTTP/1.1, or HTTP/2 where TLS says so; its address.
    pub(crate) async fn start(&self, tls: Option<&[&[u8]]>) -> SocketAddr {
        let tls = tls.map(acceptor);
        let server = self.clone();
        listen(move |stream| {
            let (server, tls) = (server.clone(), tls.clone());
            async move {
                server.connections.fetch_add(1, Ordering::SeqCst);
                let service = service_fn(move |request| server.clone().answer(request));
                let Some(tls) = tls else {
                    let stream = TokioIo::new(stream);
                    let served = hyper::server::conn::http1::Builder::new();
                    drop(served.serve_connection(stream, service).await);
                    return;
                };
                let Ok(stream) = tls.accept(stream).await else { return };
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let stream = TokioIo::new(stream);
                if is_http2 {
                    let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    drop(served.serve_connection(stream, service).await);
                } else {
                    let served = hyper::server::conn::http1::Builder::new();
                    drop(served.serve_connection(stream, service).await);
                }
            }
        })
        .await
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }
}

/// A stream of what a closure gives.
struct Stream<F>(F);

impl<T, F: FnMut() -> Option<T> + Unpin> futures_core::Stream for Stream<F> {
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        std::task::Poll::Ready((self.0)())
    }
}

fn acceptor(alpn: &[&[u8]]) -> tokio_rustls::TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(include_bytes!("certificates/server-key.der").to_vec());
    let chain = vec![CertificateDer::from(include_bytes!("certificates/server.der").to_vec())];
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from(key))
        .expect("a certificate");
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config).into()
}

/// Trusts the server of the tests, and nobody else.
pub(crate) fn trusting() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from(include_bytes!("certificates/ca.der").to_vec());
    roots.add(root).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Handles each connection in a task of its own; the address.
pub(crate) async fn listen<F, R>(handle: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// What a test's resolver answers, one list after the other; the last for ever.
pub(crate) struct Names(Mutex<Vec<Vec<IpAddr>>>, pub(crate) AtomicUsize);

impl Names {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Names> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().expect("it")).collect();
        Arc::new(Names(Mutex::new(answers.iter().map(parse).collect()), AtomicUsize::new(0)))
    }
}

impl Resolve for Names {
    fn resolve(&self, _: &str) -> Resolved {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.lock().expect("no panic");
        let answer = match answers.len() {
            0 => Err(io::Error::other("no such name")),
            1 => Ok(answers[0].clone()),
            _ => Ok(answers.remove(0)),
        };
        Box::pin(std::future::ready(answer))
    }
}
