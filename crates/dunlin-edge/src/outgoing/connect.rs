//! Making a connection: from a name to addresses that are allowed, to a stream, to HTTP.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;

use dunlin_wasi::preview2::http::ErrorCode;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::body::RequestBody;
use super::client::Settings;
use super::errors::{error_code, of_name};
use super::limits::{ADDRESSES_MAX, HEADER_FIELDS_MAX, LOOKUPS_MAX};
use super::policy::Target;

/// The addresses of a name, when they are known.
pub type Resolved = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What says which addresses a name has.
pub trait Resolve: Send + Sync {
    /// Resolves a name. It is asked once for each connection.
    fn resolve(&self, name: &str) -> Resolved;
}

/// The system's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> Resolved {
        static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);
        let name = name.to_owned();
        Box::pin(async move {
            let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
            // Whoever gives up waiting does not end a lookup, nor give its thread back.
            let lookup = tokio::task::spawn_blocking(move || {
                let addresses = (name.as_str(), 0).to_socket_addrs();
                drop(permit);
                Ok(addresses?.map(|address| address.ip()).collect())
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}

/// A connection, ready for a request.
pub(super) enum Connection {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// Makes a connection until a moment.
pub(super) async fn connect(
    settings: &Settings,
    tls: &Arc<rustls::ClientConfig>,
    target: &Target,
    permit: OwnedSemaphorePermit,
    until: Instant,
) -> Result<Connection, ErrorCode> {
    let addresses = addresses(settings, target, until).await?;
    let stream = first_of(&addresses, target.port, until).await?;
    drop(stream.set_nodelay(true));
    if !target.is_https {
        return handshake(settings, stream, false, permit, until).await;
    }
    let name = match target.address() {
        Some(address) => ServerName::IpAddress(address.into()),
        None => ServerName::try_from(target.host.clone())
            .map_err(|_| ErrorCode::HttpRequestUriInvalid)?,
    };
    let connector = TlsConnector::from(tls.clone());
    let connected = timeout_at(until, connector.connect(name, stream)).await;
    let stream = connected.map_err(|_| ErrorCode::ConnectionTimeout)?;
    let stream = stream.map_err(|error| error_code(&error))?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    handshake(settings, stream, is_http2, permit, until).await
}

/// The addresses that may be connected to.
async fn addresses(
    settings: &Settings,
    target: &Target,
    until: Instant,
) -> Result<Vec<IpAddr>, ErrorCode> {
    let mut addresses = match target.address() {
        Some(address) => vec![address],
        None => {
            let resolved = timeout_at(until, settings.resolver.resolve(&target.host)).await;
            resolved.map_err(|_| ErrorCode::DnsTimeout)?.map_err(|_| of_name())?
        }
    };
    if addresses.is_empty() {
        return Err(of_name());
    }
    addresses.retain(|address| settings.policy.allows_address(target, *address));
    addresses.truncate(ADDRESSES_MAX);
    if addresses.is_empty() { Err(ErrorCode::DestinationIpProhibited) } else { Ok(addresses) }
}

/// Connects to the first address that answers; each has its part of the time that is left.
async fn first_of(addresses: &[IpAddr], port: u16, until: Instant) -> Result<TcpStream, ErrorCode> {
    let mut failure = ErrorCode::DestinationNotFound;
    for (at, address) in addresses.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let part = left / u32::try_from(addresses.len() - at).unwrap_or(1);
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        match timeout_at(Instant::now() + part, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error_code(&error),
            Err(_) => failure = ErrorCode::ConnectionTimeout,
        }
    }
    Err(failure)
}

/// Begins HTTP. The connection is driven by a task of its own, which holds its permit.
async fn handshake<S>(
    settings: &Settings,
    stream: S,
    is_http2: bool,
    permit: OwnedSemaphorePermit,
    until: Instant,
) -> Result<Connection, ErrorCode>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = TokioIo::new(stream);
    if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let header = u32::try_from(settings.header_bytes_max).unwrap_or(u32::MAX);
        builder.max_header_list_size(header);
        let made = timeout_at(until, builder.handshake(stream)).await;
        let made = made.map_err(|_| ErrorCode::ConnectionTimeout)?;
        let (sender, connection) = made.map_err(|error| error_code(&error))?;
        tokio::spawn(async move {
            drop(connection.await);
            drop(permit);
        });
        return Ok(Connection::Http2(sender));
    }
    let mut builder = http1::Builder::new();
    builder.max_buf_size(settings.header_bytes_max.max(8192)).max_headers(HEADER_FIELDS_MAX);
    let (sender, connection) =
        builder.handshake(stream).await.map_err(|error| error_code(&error))?;
    tokio::spawn(async move {
        drop(connection.await);
        drop(permit);
    });
    Ok(Connection::Http1(sender))
}
