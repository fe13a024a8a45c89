//! `response-outparam`, `outgoing-response`, `incoming-response` and `future-incoming-response` of `wasi:http/types`.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use dunlin_component::{Borrow, Resource};
use http::{Response, StatusCode};

use super::answer::{NoResponse, ResponseSender};
use super::bodies::{IncomingBody, MessageBody, OutgoingBody};
use super::body::Body;
use super::error_code::ErrorCode;
use super::fields::Fields;
use super::outgoing::Sending;
use super::pipe::Message;
use super::requests::{IncomingRequest, ReceivedRequest};
use crate::preview2::link::Interface;
use crate::preview2::poll::{AsyncReady, Pollable};
use crate::preview2::state::ComponentCtx;

/// Where a guest's response goes.
pub(super) struct ResponseOutparam(ResponseSender);

/// A response that a guest makes.
struct OutgoingResponse {
    status: StatusCode,
    headers: Fields,
    body: MessageBody,
}

/// A response that a guest has received.
struct IncomingResponse {
    status: StatusCode,
    headers: Fields,
    body: Option<Body>,
}

/// A response that may not have come yet.
pub(super) struct FutureIncomingResponse(Arc<Expected>);

/// How far a response has got.
enum Stage {
    Sending(Sending),
    Here(Result<Response<Body>, ErrorCode>),
    Taken,
}

struct Expected(Mutex<Stage>);

impl Expected {
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Sending(sending) = &mut *stage {
            match sending.as_mut().poll(context) {
                Poll::Ready(response) => *stage = Stage::Here(response),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// The response, if it has come; an error when it has been taken.
    fn take(&self) -> Option<Result<Result<Response<Body>, ErrorCode>, ()>> {
        if self.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return None;
        }
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match std::mem::replace(&mut *stage, Stage::Taken) {
            Stage::Here(response) => Ok(response),
            _ => Err(()),
        })
    }
}

impl AsyncReady for Expected {
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll(context)
    }
}

impl FutureIncomingResponse {
    pub(super) fn new(sending: Sending) -> FutureIncomingResponse {
        FutureIncomingResponse(Arc::new(Expected(Mutex::new(Stage::Sending(sending)))))
    }
}

/// What is told of a response that may not have come yet.
type Told = Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>;

impl ComponentCtx {
    /// Makes resources of a request, and of where its response goes.
    ///
    /// # Errors
    /// A trap for too many resources.
    pub(super) fn begin_request(
        &mut self,
        request: IncomingRequest,
        sender: ResponseSender,
    ) -> dunlin::Result<(Resource<ReceivedRequest>, Resource<ResponseOutparam>)> {
        self.http_requests = 0;
        self.answering = None;
        let request = self.give_request(request)?;
        match self.give(ResponseOutparam(sender)) {
            Ok(outparam) => Ok((request, outparam)),
            Err(error) => {
                self.delete(&request)?;
                Err(error)
            }
        }
    }

    /// What the guest has left open is closed: it does not run any more.
    pub(super) fn end_request(&mut self) {
        if let Some(pipe) = self.answering.take() {
            pipe.give_up();
        }
    }

    fn answer(
        &mut self,
        param: &Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> dunlin::Result<()> {
        let response = response.map(|response| self.delete(&response));
        let ResponseOutparam(sender) = self.delete(param)?;
        let response = match response {
            Ok(response) => response?,
            Err(failure) => {
                sender.send(Err(NoResponse::Failed(failure)));
                return Ok(());
            }
        };
        let Ok(length) = response.headers.content_length() else {
            let failure = ErrorCode::HttpResponseBodySize(None);
            sender.send(Err(NoResponse::Failed(failure)));
            return Ok(());
        };
        self.answering = response.body.pipe().cloned();
        let mut answer = Response::new(response.body.into_body(Message::Response, length));
        *answer.status_mut() = response.status;
        *answer.headers_mut() = response.headers.into_map();
        sender.send(Ok(answer));
        Ok(())
    }

    fn response(&mut self, this: &Borrow<FutureIncomingResponse>) -> dunlin::Result<Told> {
        let taken = self.table.get(this)?.0.take();
        Ok(match taken {
            None => None,
            Some(Err(())) => Some(Err(())),
            Some(Ok(Err(failure))) => Some(Ok(Err(failure))),
            Some(Ok(Ok(response))) => {
                let (parts, body) = response.into_parts();
                let headers = Fields::received(parts.headers, &self.http);
                let (status, body) = (parts.status, Some(body));
                Some(Ok(Ok(self.give(IncomingResponse { status, headers, body })?)))
            }
        })
    }
}

pub(super) fn define<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    define_outgoing(types)?;
    define_outparam(types)?;
    define_incoming(types)?;
    type This = Borrow<FutureIncomingResponse>;
    types
        .resource::<FutureIncomingResponse>("future-incoming-response")?
        .func("[method]future-incoming-response.subscribe", |state, (this,): (This,)| {
            let expected = state.table.get(&this)?.0.clone();
            state.give(Pollable::Async(expected))
        })?
        .func("[method]future-incoming-response.get", |state, (this,): (This,)| {
            state.response(&this)
        })?;
    Ok(())
}

fn define_outgoing<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<OutgoingResponse>;
    types
        .resource::<OutgoingResponse>("outgoing-response")?
        .func("[constructor]outgoing-response", |state, (headers,): (Resource<Fields>,)| {
            let headers = state.delete(&headers)?.freeze();
            let (status, body) = (StatusCode::OK, MessageBody::default());
            state.give(OutgoingResponse { status, headers, body })
        })?
        .func("[method]outgoing-response.status-code", |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.status.as_u16())
        })?
        .func("[method]outgoing-response.set-status-code", |state, (this, code): (This, u16)| {
            let response = state.table.get_mut(&this)?;
            // What is informational is no response.
            let status =
                StatusCode::from_u16(code).ok().filter(|status| !status.is_informational());
            Ok(status.map(|status| response.status = status).ok_or(()))
        })?
        .func("[method]outgoing-response.headers", |state, (this,): (This,)| {
            let headers = state.table.get(&this)?.headers.clone();
            state.give(headers)
        })?
        .func("[method]outgoing-response.body", |state, (this,): (This,)| {
            let ComponentCtx { table, http, .. } = state;
            let response = table.get_mut(&this)?;
            let length = response.headers.content_length();
            let body = response.body.take(Message::Response, length, http);
            let body = body.map(|body| state.give::<OutgoingBody>(body)).transpose()?;
            Ok(body.ok_or(()))
        })?;
    Ok(())
}

fn define_outparam<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type Set = (Resource<ResponseOutparam>, Result<Resource<OutgoingResponse>, ErrorCode>);
    type Informational = (Borrow<ResponseOutparam>, u16, Resource<Fields>);
    types
        .resource::<ResponseOutparam>("response-outparam")?
        .func("[static]response-outparam.set", |state, (param, response): Set| {
            state.answer(&param, response)
        })?
        .func(
            "[method]response-outparam.send-informational",
            |state, (_, status, headers): Informational| {
                drop(state.delete(&headers)?);
                // Servers have no way for them; the interface allows to say so.
                Ok(Err::<(), _>(match status {
                    100..=199 => ErrorCode::InternalError(Some("not supported".into())),
                    _ => ErrorCode::HttpProtocolError,
                }))
            },
        )?;
    Ok(())
}

fn define_incoming<T, G>(types: &mut Interface<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<IncomingResponse>;
    types
        .resource::<IncomingResponse>("incoming-response")?
        .func("[method]incoming-response.status", |state, (this,): (This,)| {
            Ok(state.table.get(&this)?.status.as_u16())
        })?
        .func("[method]incoming-response.headers", |state, (this,): (This,)| {
            let headers = state.table.get(&this)?.headers.clone();
            state.give(headers)
        })?
        .func("[method]incoming-response.consume", |state, (this,): (This,)| {
            let body = state.table.get_mut(&this)?.body.take();
            let body = body.map(|body| state.give(IncomingBody::new(body))).transpose()?;
            Ok(body.ok_or(()))
        })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_taken_once() {
        let future = FutureIncomingResponse::new(Box::pin(async { Err(ErrorCode::LoopDetected) }));
        assert!(matches!(future.0.take(), Some(Ok(Err(ErrorCode::LoopDetected)))));
        assert!(matches!(future.0.take(), Some(Err(()))));
        let never = FutureIncomingResponse::new(Box::pin(std::future::pending()));
        assert!(never.0.take().is_none());
    }
}
