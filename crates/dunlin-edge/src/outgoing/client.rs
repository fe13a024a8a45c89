//! The client: one app's requests, by its policy, over its connections.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use dunlin_wasi::preview2::http::{Body, ErrorCode, Outgoing, RequestOptions, Sending};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::body::{Activity, RequestBody, ResponseBody};
use super::connect::{Connection, Resolve, SystemResolver, connect};
use super::errors::error_code;
use super::limits;
use super::policy::{Policy, Target};
use super::pool::Pool;

/// What an app's client may do, and how much of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// What may be requested.
    pub policy: Policy,
    /// The longest that making a connection takes; guests may want less.
    pub connect_timeout: Duration,
    /// The longest from the last of the request until the response begins; guests may want less.
    pub first_byte_timeout: Duration,
    /// The longest that a response stands still; guests may want less.
    pub between_bytes_timeout: Duration,
    /// Connections at once, idle ones included.
    pub connections_max: usize,
    /// Idle connections to one destination.
    pub idle_per_destination_max: usize,
    /// How long a connection is kept without use.
    pub idle_timeout: Duration,
    /// Bytes of a response's header.
    pub header_bytes_max: usize,
    /// Bytes of a request's body.
    pub request_body_bytes_max: u64,
    /// Bytes of a response's body.
    pub response_body_bytes_max: u64,
    /// What resolves names.
    pub resolver: Arc<dyn Resolve>,
    /// Whom TLS trusts; Mozilla's roots unless something else is set. ALPN and sessions are the client's.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            policy: Policy::none(),
            connect_timeout: limits::CONNECT_TIMEOUT,
            first_byte_timeout: limits::FIRST_BYTE_TIMEOUT,
            between_bytes_timeout: limits::BETWEEN_BYTES_TIMEOUT,
            connections_max: limits::CONNECTIONS_MAX,
            idle_per_destination_max: limits::IDLE_PER_DESTINATION_MAX,
            idle_timeout: limits::IDLE_TIMEOUT,
            header_bytes_max: limits::HEADER_BYTES_MAX,
            request_body_bytes_max: limits::BODY_BYTES_MAX,
            response_body_bytes_max: limits::BODY_BYTES_MAX,
            resolver: Arc::new(SystemResolver),
            tls: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// The roots that are trusted, made once: whoever trusts them shares them.
pub(crate) fn roots() -> Option<Arc<ClientConfig>> {
    static ROOTS: OnceLock<Option<Arc<ClientConfig>>> = OnceLock::new();
    let make = || {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().ok()?;
        Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    };
    ROOTS.get_or_init(make).clone()
}

/// One app's client. Clones are the same client.
///
/// It needs a runtime of tokio's where requests are sent: they go on in tasks of their own.
///
/// # Examples
/// ```
/// use dunlin_edge::outgoing::{Client, Policy, Settings};
/// use dunlin_wasi::WasiCtx;
/// use dunlin_wasi::preview2::ComponentCtx;
/// use std::sync::Arc;
///
/// let mut settings = Settings::default();
/// settings.policy = Policy::none().allow("https://api.example.com")?;
/// let client = Arc::new(Client::new(settings));
/// let mut ctx = ComponentCtx::new(WasiCtx::builder().build()?);
/// ctx.http().outgoing = Some(client);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    settings: Settings,
    tls: Option<Arc<ClientConfig>>,
    pool: Arc<Pool>,
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new(settings: Settings) -> Client {
        let tls = settings.tls.clone().or_else(roots).map(|tls| {
            let mut tls = (*tls).clone();
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            // Nobody's sessions tell of another's.
            tls.resumption = Resumption::in_memory_sessions(limits::TLS_SESSIONS_MAX);
            Arc::new(tls)
        });
        let pool = Pool::new(settings.idle_per_destination_max, settings.idle_timeout);
        let permits = Arc::new(Semaphore::new(settings.connections_max));
        Client(Arc::new(Shared { settings, tls, pool, permits }))
    }

    /// The app's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

impl Outgoing for Client {
    fn send(&self, request: Request<Body>, options: RequestOptions) -> Sending {
        let target = match self.0.target(request.uri()) {
            Ok(target) => target,
            Err(failure) => return Box::pin(std::future::ready(Err(failure))),
        };
        let Ok(runtime) = Handle::try_current() else {
            return Box::pin(std::future::ready(Err(ErrorCode::ConfigurationError)));
        };
        let shared = self.0.clone();
        let task = runtime.spawn(async move { shared.send(target, request, options).await });
        Box::pin(Task(task))
    }
}

/// A task that is given up when nobody wants its result any more.
struct Task(JoinHandle<Result<Response<Body>, ErrorCode>>);

impl Future for Task {
    type Output = Result<Response<Body>, ErrorCode>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = Pin::new(&mut self.0).poll(context);
        joined.map(|joined| joined.unwrap_or(Err(ErrorCode::InternalError(None))))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is shorter: what the guest wants, or what the app may.
fn shorter(wanted: Option<Duration>, most: Duration) -> Duration {
    wanted.map_or(most, |wanted| wanted.min(most))
}

impl Shared {
    fn target(&self, uri: &Uri) -> Result<Target, ErrorCode> {
        let target = Target::of(uri)?;
        match self.settings.policy.allows_target(&target) {
            true => Ok(target),
            false => Err(ErrorCode::HttpRequestDenied),
        }
    }

    async fn send(
        &self,
        target: Target,
        request: Request<Body>,
        options: RequestOptions,
    ) -> Result<Response<Body>, ErrorCode> {
        let activity = Activity::new();
        let bytes_max = self.settings.request_body_bytes_max;
        let mut request = request.map(|body| RequestBody::new(body, bytes_max, activity.clone()));
        let connect_timeout = shorter(options.connect_timeout, self.settings.connect_timeout);
        let first_byte = shorter(options.first_byte_timeout, self.settings.first_byte_timeout);
        loop {
            let (connection, is_pooled) = self.connection(&target, connect_timeout).await?;
            let sent = self.send_by(connection, &target, request);
            let mut sent = pin!(sent);
            let mut still = pin!(activity.stands_still(first_byte));
            let answered = poll_fn(|context| match sent.as_mut().poll(context) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending => still.as_mut().poll(context).map(|()| None),
            });
            let answered = answered.await.ok_or(ErrorCode::HttpResponseTimeout)?;
            match answered {
                Ok(response) => return self.response(response, options),
                // It was closed before the request got to it: the next may be there.
                Err((_, Some(unsent))) if is_pooled => {
                    request = unsent;
                }
                Err((failure, _)) => return Err(failure),
            }
        }
    }

    /// A connection, and whether it is one of before.
    async fn connection(
        &self,
        target: &Target,
        span: Duration,
    ) -> Result<(Connection, bool), ErrorCode> {
        let until = Instant::now() + span;
        let permit = loop {
            if let Some(connection) = self.pool.take(target) {
                return Ok((connection, true));
            }
            if let Ok(permit) = self.permits.clone().try_acquire_owned() {
                break permit;
            }
            // Another may go, or come back.
            self.pool.evict();
            let mut acquired = pin!(self.permits.clone().acquire_owned());
            let mut returned = pin!(self.pool.returned());
            let waiting = poll_fn(|context| match acquired.as_mut().poll(context) {
                Poll::Ready(permit) => Poll::Ready(permit.ok()),
                Poll::Pending => returned.as_mut().poll(context).map(|()| None),
            });
            match timeout_at(until, waiting).await {
                Ok(Some(permit)) => break permit,
                Ok(None) => {}
                Err(_) => return Err(ErrorCode::ConnectionLimitReached),
            }
        };
        let tls = self.tls.as_ref().ok_or(ErrorCode::ConfigurationError)?;
        let connection = connect(&self.settings, tls, target, permit, until).await?;
        if let Connection::Http2(sender) = &connection {
            self.pool.share(target.clone(), sender.clone());
        }
        Ok((connection, false))
    }

    /// Sends a request by a connection; it comes back if it has not left.
    async fn send_by(
        &self,
        connection: Connection,
        target: &Target,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, (ErrorCode, Option<Request<RequestBody>>)> {
        match connection {
            Connection::Http1(mut sender) => {
                let whole = for_http1(&mut request);
                if sender.ready().await.is_err() {
                    *request.uri_mut() = whole;
                    return Err((ErrorCode::ConnectionTerminated, Some(request)));
                }
                let sent = sender.try_send_request(request).await;
                let response = sent.map_err(|mut error| {
                    let unsent = error.take_message().map(|mut request| {
                        *request.uri_mut() = whole;
                        request
                    });
                    (error_code(error.error()), unsent)
                })?;
                let (pool, target) = (self.pool.clone(), target.clone());
                tokio::spawn(async move {
                    // It is ready when the response has been read.
                    if sender.ready().await.is_ok() {
                        pool.put(target, sender);
                    }
                });
                Ok(response)
            }
            Connection::Http2(mut sender) => {
                let host = request.headers_mut().remove(header::HOST);
                let with_host = |mut request: Request<RequestBody>| {
                    if let Some(host) = host {
                        request.headers_mut().insert(header::HOST, host);
                    }
                    request
                };
                if sender.ready().await.is_err() {
                    return Err((ErrorCode::ConnectionTerminated, Some(with_host(request))));
                }
                let sent = sender.try_send_request(request).await;
                sent.map_err(|mut error| {
                    let unsent = error.take_message().map(with_host);
                    (error_code(error.error()), unsent)
                })
            }
        }
    }

    /// A response as the guest gets it.
    fn response(
        &self,
        response: Response<Incoming>,
        options: RequestOptions,
    ) -> Result<Response<Body>, ErrorCode> {
        if response.status().is_informational() {
            return Err(ErrorCode::HttpUpgradeFailed);
        }
        // The connection's own bound is that of a buffer, which may be read into once more before it is looked at.
        let fields = response.headers().iter();
        let bytes: usize = fields.map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > self.settings.header_bytes_max {
            let bytes = u32::try_from(bytes).ok();
            return Err(ErrorCode::HttpResponseHeaderSectionSize(bytes));
        }
        let between = shorter(options.between_bytes_timeout, self.settings.between_bytes_timeout);
        let bytes_max = self.settings.response_body_bytes_max;
        Ok(response.map(|body| Body::new(ResponseBody::new(body, bytes_max, between))))
    }
}

/// Gives a request the form that HTTP/1.1 has: the host is a field, and the URI what stands behind it. What it was before.
fn for_http1(request: &mut Request<RequestBody>) -> Uri {
    let path = request.uri().path_and_query().cloned();
    let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let whole = std::mem::replace(request.uri_mut(), Uri::from(path));
    if !request.headers().contains_key(header::HOST)
        && let Some(authority) = whole.authority()
        // Nobody's name and password.
        && let Some(host) = authority.as_str().rsplit('@').next()
        && let Ok(host) = HeaderValue::from_str(host)
    {
        request.headers_mut().insert(header::HOST, host);
    }
    whole
}
