//! Waiting for what is asynchronous: bodies, responses, and, with a reactor, everything.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use super::state::ComponentCtx;
use super::timer::Sleep;
use crate::reactor::Waiting;

pub(super) use crate::waits::{SLICE, stream_ready};

/// Is ready so far from now.
pub(super) fn sleep(state: &ComponentCtx, duration: Duration) -> Waiting {
    match &state.ctx.reactor {
        Some(reactor) => reactor.sleep(duration),
        None => Box::pin(Sleep::new(duration)),
    }
}

/// Waits until something is ready; the embedder's interrupt is seen meanwhile.
///
/// # Errors
/// The trap of an interrupt.
pub(super) fn until<R>(
    state: &ComponentCtx,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> dunlin::Result<R> {
    if !state.ctx.interrupt.is_set() {
        return dunlin::stacks::wait(poll_fn(poll));
    }
    loop {
        state.check_interrupt()?;
        let mut slice = sleep(state, SLICE);
        let ready = dunlin::stacks::wait(poll_fn(|context| match poll(context) {
            Poll::Ready(ready) => Poll::Ready(Some(ready)),
            Poll::Pending => slice.as_mut().poll(context).map(|()| None),
        }))?;
        if let Some(ready) = ready {
            return Ok(ready);
        }
    }
}
