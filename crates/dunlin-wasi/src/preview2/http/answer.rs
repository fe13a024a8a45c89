//! The way of a guest's response to the embedder: `response-outparam`, and what becomes of it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use http::Response;

use super::body::Body;
use super::error_code::ErrorCode;

/// Why a guest has not answered with a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoResponse {
    /// It has answered with an error.
    Failed(ErrorCode),
    /// It has ended, or given up its `response-outparam`, without an answer.
    Unset,
}

impl fmt::Display for NoResponse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoResponse::Failed(code) => write!(out, "the guest answered with an error: {code}"),
            NoResponse::Unset => out.write_str("the guest has not set a response"),
        }
    }
}

impl std::error::Error for NoResponse {}

/// What has become of a response.
enum Slot {
    /// Nothing yet; who waits for it.
    Open(Option<Waker>),
    /// It is there.
    Set(Result<Response<Body>, NoResponse>),
    /// Nobody waits for it, or it has been taken.
    Closed,
}

/// A sender, to give a guest by [`Handler::handle`](super::Handler::handle), and the receiver of what the guest answers.
#[must_use]
pub fn response_pair() -> (ResponseSender, ResponseReceiver) {
    let slot = Arc::new(Mutex::new(Slot::Open(None)));
    (ResponseSender(slot.clone()), ResponseReceiver(slot))
}

/// Where a guest's answer goes.
///
/// When it goes without an answer (a guest that trapped, or was never called), the receiver is told
/// [`NoResponse::Unset`].
pub struct ResponseSender(Arc<Mutex<Slot>>);

impl fmt::Debug for ResponseSender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ResponseSender").finish_non_exhaustive()
    }
}

impl ResponseSender {
    /// Sends the answer.
    pub(super) fn send(self, answer: Result<Response<Body>, NoResponse>) {
        self.put(answer);
    }

    /// What tells the receiver that there is no answer, when it is dropped before there is one.
    pub(super) fn watch(&self) -> ResponseSender {
        ResponseSender(self.0.clone())
    }

    fn put(&self, answer: Result<Response<Body>, NoResponse>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Slot::Open(waker) = &mut *slot else { return };
        let waker = waker.take();
        *slot = Slot::Set(answer);
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for ResponseSender {
    fn drop(&mut self) {
        self.put(Err(NoResponse::Unset));
    }
}

/// A future of what a guest answers: it is ready as soon as the guest has set its response, while the guest goes on
/// writing the body.
///
/// Dropping it does not end the guest: whoever runs it does that.
pub struct ResponseReceiver(Arc<Mutex<Slot>>);

impl fmt::Debug for ResponseReceiver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ResponseReceiver").finish_non_exhaustive()
    }
}

impl ResponseReceiver {
    /// The answer, if there is one already; the receiver must not be polled again then.
    pub fn try_take(&mut self) -> Option<Result<Response<Body>, NoResponse>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Slot::Open(_) => None,
            _ => match std::mem::replace(&mut *slot, Slot::Closed) {
                Slot::Set(answer) => Some(answer),
                _ => Some(Err(NoResponse::Unset)),
            },
        }
    }
}

impl Future for ResponseReceiver {
    type Output = Result<Response<Body>, NoResponse>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Slot::Open(waker) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        Poll::Ready(self.try_take().unwrap_or(Err(NoResponse::Unset)))
    }
}

impl Drop for ResponseReceiver {
    fn drop(&mut self) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What was not taken goes outside of the lock: it may wake a writer.
        let left = std::mem::replace(&mut *slot, Slot::Closed);
        drop(slot);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(receiver: &mut ResponseReceiver) -> Poll<Result<Response<Body>, NoResponse>> {
        Pin::new(receiver).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn an_answer_arrives_and_a_sender_that_is_lost_is_told() {
        let (sender, mut receiver) = response_pair();
        assert!(poll(&mut receiver).is_pending());
        assert!(receiver.try_take().is_none());
        sender.send(Ok(Response::new(Body::empty())));
        assert!(matches!(poll(&mut receiver), Poll::Ready(Ok(_))));

        let (sender, mut receiver) = response_pair();
        drop(sender);
        assert!(matches!(poll(&mut receiver), Poll::Ready(Err(NoResponse::Unset))));

        let (sender, receiver) = response_pair();
        drop(receiver);
        sender.send(Err(NoResponse::Failed(ErrorCode::LoopDetected)));
    }
}
