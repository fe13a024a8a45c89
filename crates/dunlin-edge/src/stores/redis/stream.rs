//! A connection's bytes: as they are, or by TLS.

use super::url::{RedisUrl, Trust};
use crate::outgoing::roots;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection to a server.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What says whom to trust, if the server has TLS.
///
/// # Errors
///
/// Says what is wrong with the file of authorities.
pub(super) fn trusted(url: &RedisUrl) -> Result<Option<Arc<ClientConfig>>, String> {
    match &url.tls {
        None => Ok(None),
        Some(Trust::Public) => roots().map(Some).ok_or_else(|| "there is no TLS".into()),
        Some(Trust::File(path)) => of_file(path).map(Some),
    }
}

fn of_file(path: &Path) -> Result<Arc<ClientConfig>, String> {
    let failed = |why: &dyn Display| format!("`{}`: {why}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))? {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() {
        return Err(failed(&"it has no certificates"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| failed(&error))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

impl Stream {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If nobody answers, or whoever does is not to be trusted.
    pub(super) async fn connect(
        url: &RedisUrl,
        trusted: Option<&Arc<ClientConfig>>,
    ) -> io::Result<Stream> {
        let stream = TcpStream::connect((url.host.as_str(), url.port)).await?;
        // A command is one write, and waiting for more would only make it late.
        stream.set_nodelay(true)?;
        let Some(trusted) = trusted else { return Ok(Stream::Plain(stream)) };
        let name = ServerName::try_from(url.host.clone()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(trusted.clone()).connect(name, stream).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Whether the server has neither closed it nor said what nobody has asked.
    pub(super) fn is_quiet(&mut self) -> bool {
        let (mut byte, mut context) = ([0; 1], Context::from_waker(Waker::noop()));
        let mut buffer = ReadBuf::new(&mut byte);
        Pin::new(self).poll_read(&mut context, &mut buffer).is_pending()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
