//! `wasi:http/outgoing-handler`: what the embedder does with the requests of guests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use dunlin_component::{Borrow, Resource};
use http::{Request, Response};

use super::body::Body;
use super::error_code::ErrorCode;
use super::requests::OutgoingRequest;
use super::responses::FutureIncomingResponse;
use crate::preview2::link::Interfaces;
use crate::preview2::state::ComponentCtx;
use crate::preview2::streams::IoError;

/// A request that has been sent, and the response that comes of it.
pub type Sending = Pin<Box<dyn Future<Output = Result<Response<Body>, ErrorCode>> + Send>>;

/// What sends the requests of guests.
pub trait Outgoing: Send + Sync {
    /// Sends a request. Its URI is complete; that its destination is allowed is for the implementation to say.
    ///
    /// The future is polled only while the guest waits for it, or for something else beside it; the guest may write the
    /// request's body before. What has to go on without the guest is to be done elsewhere, such as in a task. If the
    /// future is dropped, the guest does not want the response any more.
    fn send(&self, request: Request<Body>, options: RequestOptions) -> Sending;
}

/// How long a guest wants its request to take at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestOptions {
    /// Until there is a connection.
    pub connect_timeout: Option<Duration>,
    /// From then until the response begins.
    pub first_byte_timeout: Option<Duration>,
    /// Between two chunks of the response's body.
    pub between_bytes_timeout: Option<Duration>,
}

impl fmt::Debug for dyn Outgoing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Outgoing")
    }
}

/// A request of a guest's, and how long it may take.
type Handled = (Resource<OutgoingRequest>, Option<Resource<RequestOptions>>);

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    all.named("wasi:http/outgoing-handler")?.func(
        "handle",
        |state, (request, options): Handled| {
            let request = state.delete(&request)?;
            let options = options.map(|options| state.delete(&options)).transpose()?;
            match state.send(request, options.unwrap_or_default()) {
                Ok(sending) => Ok(Ok(state.give(FutureIncomingResponse::new(sending))?)),
                Err(failure) => Ok(Err(failure)),
            }
        },
    )?;
    Ok(())
}

/// The code behind an error of a stream, if it is the stream of a body.
pub(super) fn error_code(
    state: &ComponentCtx,
    error: &Borrow<IoError>,
) -> dunlin::Result<Option<ErrorCode>> {
    Ok(match state.table.get(error)? {
        IoError::Http(code) => Some(code.clone()),
        IoError::System(_) => None,
    })
}

impl ComponentCtx {
    /// Sends a request of the guest's.
    fn send(
        &mut self,
        request: OutgoingRequest,
        options: RequestOptions,
    ) -> Result<Sending, ErrorCode> {
        let request = request.into_request()?;
        let Some(outgoing) = &self.http.outgoing else {
            return Err(ErrorCode::HttpRequestDenied);
        };
        if self.http_requests >= self.http.outgoing_requests_max {
            return Err(ErrorCode::HttpRequestDenied);
        }
        self.http_requests += 1;
        Ok(outgoing.send(request, options))
    }
}
