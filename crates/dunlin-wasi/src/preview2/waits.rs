//! Waiting for what is asynchronous: bodies, responses, and, with a reactor, everything.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use super::reactor::{Reactor, Waiting};
use super::state::ComponentCtx;
use super::timer::Sleep;
use crate::limits::WAIT_SLICE_MILLISECONDS_MAX;
use crate::sys::{Direction, Waitable};

/// The longest that a wait goes on without a look around.
pub(super) const SLICE: Duration = Duration::from_millis(WAIT_SLICE_MILLISECONDS_MAX);

/// Is ready so far from now.
pub(super) fn sleep(state: &ComponentCtx, duration: Duration) -> Waiting {
    match &state.reactor {
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

/// Is ready when a stream of the host's is, or might be: after a slice of time where the reactor cannot say.
pub(super) fn stream_ready(
    reactor: &dyn Reactor,
    stream: Waitable<'_>,
    direction: Direction,
) -> Waiting {
    #[cfg(unix)]
    if let Ok(descriptor) = stream.to_owned() {
        let waiting = match direction {
            Direction::Read => reactor.readable(descriptor),
            Direction::Write => reactor.writable(descriptor),
        };
        if let Some(waiting) = waiting {
            return waiting;
        }
    }
    let _ = (stream, direction);
    reactor.sleep(SLICE)
}
