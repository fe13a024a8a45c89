//! `wasi:io/poll`: waiting for moments and streams, in slices, between which the embedder's interrupt is seen.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use dunlin_component::Borrow;

use super::link::Interfaces;
use super::state::{ComponentCtx, trap};
use super::tcp::LiveSocket;
use crate::ctx::WasiCtx;
use crate::limits::WAIT_SLICE_MILLISECONDS_MAX;
use crate::sys::{Direction, Waitable};
use crate::table::Kind;
use crate::types::FileType;
use crate::waiting::wait_slice;

/// What is waited for.
pub(super) enum Pollable {
    /// Nothing.
    Ready,
    /// A moment on the steady clock, in nanoseconds.
    Moment(u64),
    /// A standard stream, by its descriptor.
    Standard(u32, Direction),
    /// A pipe or device.
    File(Arc<File>, Direction),
    /// A socket.
    Socket(Arc<LiveSocket>, Direction),
}

/// How a pollable stands.
enum Standing<'a> {
    /// It is ready.
    Ready,
    /// It will be, so far from now.
    Later(Duration),
    /// The host knows.
    Host(Waitable<'a>, Direction),
}

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    type This = Borrow<Pollable>;
    all.named("wasi:io/poll")?
        .resource::<Pollable>("pollable")?
        .func("[method]pollable.ready", |state, (this,): (This,)| {
            Ok(!ready(state, &[this], Wait::No)?.is_empty())
        })?
        .func("[method]pollable.block", |state, (this,): (This,)| {
            ready(state, &[this], Wait::Yes).map(drop)
        })?
        .func("poll", |state, (list,): (Vec<This>,)| poll(state, &list))?;
    Ok(())
}

fn poll(state: &ComponentCtx, list: &[Borrow<Pollable>]) -> dunlin::Result<Vec<u32>> {
    if list.is_empty() {
        return Err(trap("a poll of no pollables would not end"));
    }
    let count_max = state.ctx.limits.subscriptions_max;
    if !u32::try_from(list.len()).is_ok_and(|count| count <= count_max) {
        return Err(trap("a poll of more pollables than the limit"));
    }
    ready(state, list, Wait::Yes)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    No,
    Yes,
}

/// Which of these are ready, in order, after a wait until one is.
fn ready(state: &ComponentCtx, list: &[Borrow<Pollable>], wait: Wait) -> dunlin::Result<Vec<u32>> {
    let mut pollables = Vec::with_capacity(list.len());
    for pollable in list {
        pollables.push(state.table.get(pollable)?);
    }
    loop {
        let mut ready = Vec::new();
        let mut slice = Duration::from_millis(WAIT_SLICE_MILLISECONDS_MAX);
        let mut hosts = Vec::new();
        for (index, pollable) in pollables.iter().enumerate() {
            match pollable.standing(&state.ctx) {
                Standing::Ready => ready.push(index),
                Standing::Later(left) => slice = slice.min(left),
                Standing::Host(stream, direction) => hosts.push((index, (stream, direction))),
            }
        }
        let now = if ready.is_empty() && wait == Wait::Yes { slice } else { Duration::ZERO };
        let waited = wait_slice(&state.ctx, &hosts, now).map_err(dunlin::Error::host)?;
        ready.extend(waited.iter().map(|(index, _)| *index));
        if !ready.is_empty() || wait == Wait::No {
            ready.sort_unstable();
            return Ok(ready.into_iter().map(|index| index as u32).collect());
        }
        state.check_interrupt()?;
    }
}

impl Pollable {
    fn standing<'a>(&'a self, ctx: &'a WasiCtx) -> Standing<'a> {
        let host = |stream: Option<Waitable<'a>>, direction| {
            stream.map_or(Standing::Ready, |stream| Standing::Host(stream, direction))
        };
        match self {
            Pollable::Ready => Standing::Ready,
            Pollable::Moment(deadline) => match deadline.saturating_sub(ctx.monotonic.now_ns()) {
                0 => Standing::Ready,
                left => Standing::Later(Duration::from_nanos(left)),
            },
            Pollable::File(file, direction) => host(Some(Waitable::file(file)), *direction),
            Pollable::Socket(live, direction) => host(Some(live.socket.waitable()), *direction),
            Pollable::Standard(fd, direction) => {
                let stream = match ctx.table.get(*fd).map(|descriptor| &descriptor.kind) {
                    Ok(Kind::Input(input)) => input.waitable(),
                    Ok(Kind::Output(output)) => output.waitable(),
                    Ok(Kind::File(file)) if file.filetype != FileType::RegularFile => {
                        Some(Waitable::file(&file.file))
                    }
                    _ => None,
                };
                host(stream, *direction)
            }
        }
    }
}

/// Waits until a pollable is ready.
#[cfg(test)]
pub(super) fn block(state: &mut ComponentCtx, pollable: Pollable) {
    let pollable = state.give(pollable).expect("a resource");
    poll(state, &[Borrow::new(pollable.rep())]).expect("no trap");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, WasiCtxBuilder};
    use dunlin::TrapCode;

    fn state(builder: &mut WasiCtxBuilder) -> ComponentCtx {
        ComponentCtx::new(builder.build().expect("a context"))
    }

    fn give(state: &mut ComponentCtx, pollable: Pollable) -> Borrow<Pollable> {
        Borrow::new(state.give(pollable).expect("a resource").rep())
    }

    fn in_ms(state: &ComponentCtx, milliseconds: u64) -> Pollable {
        Pollable::Moment(state.ctx.monotonic.now_ns() + milliseconds * 1_000_000)
    }

    #[test]
    fn a_poll_tells_all_that_are_ready_and_waits_for_one() {
        let mut state = state(&mut WasiCtx::builder());
        let begun = state.ctx.monotonic.now_ns();
        let soon = in_ms(&state, 15);
        let list = [Pollable::Moment(u64::MAX), soon].map(|pollable| give(&mut state, pollable));
        assert!(ready(&state, &list, Wait::No).expect("no trap").is_empty());
        assert_eq!(poll(&state, &list).expect("no trap"), [1]);
        assert!(state.ctx.monotonic.now_ns() - begun >= 15_000_000);
        let input = give(&mut state, Pollable::Standard(0, Direction::Read));
        let now = give(&mut state, Pollable::Ready);
        let [never, past] = list;
        assert_eq!(poll(&state, &[now, never, past, input]).expect("no trap"), [0, 2, 3]);
    }

    #[test]
    fn polls_of_nothing_and_of_too_many_trap() {
        let limits = Limits { subscriptions_max: 2, ..Limits::default() };
        let mut state = state(WasiCtx::builder().limits(limits));
        assert!(poll(&state, &[]).is_err());
        let list = [(); 3].map(|()| give(&mut state, Pollable::Ready));
        assert_eq!(poll(&state, &list[..2]).expect("no trap"), [0, 1]);
        assert!(poll(&state, &list).is_err());
    }

    #[test]
    fn an_interrupt_ends_a_wait_and_the_guest() {
        let mut state = state(WasiCtx::builder().interrupt(|| true));
        let never = give(&mut state, Pollable::Moment(u64::MAX));
        let error = poll(&state, &[never]).expect_err("an interrupt");
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    }
}
