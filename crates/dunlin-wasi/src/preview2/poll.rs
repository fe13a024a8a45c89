//! `wasi:io/poll`: waiting for moments, streams and futures.
//!
//! Moments and streams of the host's are waited for in slices, between which the embedder's interrupt is seen. With a future
//! among them, or a reactor, all are polled as one future, which gives the thread back: each time that something wakes it,
//! everything is asked again.

use std::fs::File;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dunlin_component::Borrow;

use super::link::Interfaces;
use super::state::{ComponentCtx, trap};
use super::tcp::LiveSocket;
use super::waits::{self, SLICE};
use crate::ctx::WasiCtx;
use crate::reactor::Waiting;
use crate::sys::{Direction, Waitable};
use crate::table::Kind;
use crate::types::FileType;
use crate::waiting::wait_slice;

/// Something asynchronous that is waited for.
pub(super) trait AsyncReady: Send + Sync {
    /// Is ready when what is waited for is, as often as it is asked.
    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()>;
}

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
    /// Something asynchronous.
    Async(Arc<dyn AsyncReady>),
}

/// How a pollable stands.
enum Standing<'a> {
    /// It is ready.
    Ready,
    /// It will be, so far from now.
    Later(Duration),
    /// The host knows.
    Host(Waitable<'a>, Direction),
    /// It knows itself.
    Async(&'a dyn AsyncReady),
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
    let is_async = |pollable: &&Pollable| matches!(pollable, Pollable::Async(_));
    if state.ctx.reactor.is_some() || pollables.iter().any(is_async) {
        return ready_async(state, &pollables, wait);
    }
    loop {
        let mut ready = Vec::new();
        let mut slice = SLICE;
        let mut hosts = Vec::new();
        for (index, pollable) in pollables.iter().enumerate() {
            match pollable.standing(&state.ctx) {
                Standing::Ready => ready.push(index),
                Standing::Later(left) => slice = slice.min(left),
                Standing::Host(stream, direction) => hosts.push((index, (stream, direction))),
                Standing::Async(_) => {}
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

/// The same with one wait for all of them, which holds no thread if the guest has a stack of its own.
fn ready_async(
    state: &ComponentCtx,
    pollables: &[&Pollable],
    wait: Wait,
) -> dunlin::Result<Vec<u32>> {
    let mut around = Around::new(state, pollables);
    if wait == Wait::No {
        return around.ready(&mut Context::from_waker(Waker::noop()));
    }
    loop {
        let before = state.ctx.monotonic.now_ns();
        let ready = dunlin::stacks::wait(poll_fn(|context| match around.ready(context) {
            Ok(ready) if ready.is_empty() => around.poll_time(context).map(|()| Ok(ready)),
            ended => Poll::Ready(ended),
        }))??;
        if !ready.is_empty() {
            return Ok(ready);
        }
        state.check_interrupt()?;
        // A clock that stood still while time went by is a simulated one: it moves when told to.
        if let Some(slice) = around.slept.take()
            && state.ctx.monotonic.now_ns() == before
        {
            state.ctx.monotonic.sleep(slice);
        }
    }
}

/// What is waited for, and what wakes the wait.
struct Around<'a> {
    state: &'a ComponentCtx,
    pollables: &'a [&'a Pollable],
    /// How far off the first moment is, as of the last look.
    first: Option<Duration>,
    has_hosts: bool,
    /// What says that a stream of the host's is ready.
    hosts: Vec<Waiting>,
    timer: Option<(Duration, Waiting)>,
    /// The time that has gone by without anything.
    slept: Option<Duration>,
}

impl<'a> Around<'a> {
    fn new(state: &'a ComponentCtx, pollables: &'a [&'a Pollable]) -> Around<'a> {
        let (hosts, first, has_hosts) = (Vec::new(), None, false);
        Around { state, pollables, first, has_hosts, hosts, timer: None, slept: None }
    }

    /// Which are ready now; those that are not will wake the context, but for moments and streams of the host's.
    fn ready(&mut self, context: &mut Context<'_>) -> dunlin::Result<Vec<u32>> {
        let (mut ready, mut hosts) = (Vec::new(), Vec::new());
        self.first = None;
        for (index, pollable) in self.pollables.iter().enumerate() {
            match pollable.standing(&self.state.ctx) {
                Standing::Ready => ready.push(index),
                Standing::Later(left) => {
                    self.first = Some(self.first.map_or(left, |first| first.min(left)));
                }
                Standing::Host(stream, direction) => hosts.push((index, (stream, direction))),
                Standing::Async(what) if what.poll_ready(context).is_ready() => ready.push(index),
                Standing::Async(_) => {}
            }
        }
        self.has_hosts = !hosts.is_empty();
        if self.has_hosts {
            let stands = wait_slice(&self.state.ctx, &hosts, Duration::ZERO);
            ready.extend(stands.map_err(dunlin::Error::host)?.iter().map(|(index, _)| *index));
            if ready.is_empty() && self.hosts.is_empty() {
                self.register(&hosts);
            }
            ready.sort_unstable();
        }
        Ok(ready.into_iter().map(|index| index as u32).collect())
    }

    /// Has the reactor say when a stream is ready.
    fn register(&mut self, hosts: &[(usize, (Waitable<'_>, Direction))]) {
        if let Some(reactor) = self.state.ctx.reactor.as_deref() {
            let ready = |(_, (stream, direction)): &(usize, (Waitable<'_>, Direction))| {
                waits::stream_ready(reactor, *stream, *direction)
            };
            self.hosts = hosts.iter().map(ready).collect();
        }
    }

    /// Is ready when it is time for another look.
    fn poll_time(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.hosts.iter_mut().any(|host| host.as_mut().poll(context).is_ready()) {
            self.hosts.clear();
            return Poll::Ready(());
        }
        if self.timer.is_none() {
            let looks =
                self.state.ctx.interrupt.is_set() || self.has_hosts && self.hosts.is_empty();
            let slice = match (self.first, looks) {
                (Some(first), true) => first.min(SLICE),
                (Some(first), false) => first,
                (None, true) => SLICE,
                (None, false) => return Poll::Pending,
            };
            self.timer = Some((slice, waits::sleep(self.state, slice)));
        }
        let Some((slice, timer)) = &mut self.timer else { return Poll::Pending };
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.slept = Some(*slice);
        self.timer = None;
        Poll::Ready(())
    }
}

/// Waits until a stream of the host's is ready, by the reactor.
///
/// # Errors
/// The trap of an interrupt.
pub(super) fn block_on_host(state: &ComponentCtx, pollable: &Pollable) -> dunlin::Result<()> {
    ready_async(state, &[pollable], Wait::Yes).map(drop)
}

impl Pollable {
    fn standing<'a>(&'a self, ctx: &'a WasiCtx) -> Standing<'a> {
        let host = |stream: Option<Waitable<'a>>, direction| {
            stream.map_or(Standing::Ready, |stream| Standing::Host(stream, direction))
        };
        match self {
            Pollable::Ready => Standing::Ready,
            Pollable::Async(what) => Standing::Async(&**what),
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
    use crate::preview2::timer::Sleep;
    use crate::reactor::Reactor;
    use crate::sys::{HostStream, Socket};
    use crate::{Limits, WasiCtxBuilder};
    use dunlin::TrapCode;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

    /// What is asked of a reactor is counted; streams are waited for by threads, or not at all.
    #[derive(Default)]
    struct Counting {
        sleeps: AtomicUsize,
        streams: AtomicUsize,
        knows_streams: bool,
    }

    impl Reactor for Counting {
        fn sleep(&self, duration: Duration) -> Waiting {
            self.sleeps.fetch_add(1, Ordering::Relaxed);
            Box::pin(Sleep::new(duration))
        }

        fn readable(&self, stream: HostStream) -> Option<Waiting> {
            if !self.knows_streams {
                return None;
            }
            self.streams.fetch_add(1, Ordering::Relaxed);
            let is_ready = Arc::new(AtomicBool::new(false));
            let mut waiting = Some((stream, is_ready.clone()));
            Some(Box::pin(poll_fn(move |context| {
                if is_ready.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                if let Some((stream, is_ready)) = waiting.take() {
                    let waker = context.waker().clone();
                    std::thread::spawn(move || {
                        let streams = [(stream.waitable(), Direction::Read)];
                        drop(crate::sys::wait(&streams, Duration::from_secs(10)));
                        is_ready.store(true, Ordering::Release);
                        waker.wake();
                    });
                }
                Poll::Pending
            })))
        }
    }

    #[test]
    fn a_reactor_is_asked_for_moments() {
        let mut state = state(&mut WasiCtx::builder());
        let reactor = Arc::new(Counting::default());
        state.set_reactor(reactor.clone());
        let soon = in_ms(&state, 15);
        let list = [Pollable::Moment(u64::MAX), soon].map(|pollable| give(&mut state, pollable));
        assert!(ready(&state, &list, Wait::No).expect("no trap").is_empty());
        let begun = state.ctx.monotonic.now_ns();
        assert_eq!(poll(&state, &list).expect("no trap"), [1]);
        assert!(state.ctx.monotonic.now_ns() - begun >= 14_000_000);
        assert_eq!(reactor.sleeps.load(Ordering::Relaxed), 1, "there are no slices");
    }

    #[test]
    fn a_reactor_is_asked_for_streams() {
        for knows_streams in [true, false] {
            let mut state = state(&mut WasiCtx::builder());
            let reactor = Arc::new(Counting { knows_streams, ..Counting::default() });
            state.set_reactor(reactor.clone());
            let socket = Socket::new_udp(false).expect("a socket");
            socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
            let to = socket.local().expect("an address");
            let never = Pollable::Moment(u64::MAX);
            let pollable = Pollable::Socket(state.live(socket), Direction::Read);
            let list = [never, pollable].map(|pollable| give(&mut state, pollable));
            let thread = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(30));
                let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
                sender.send_to(b"x", to).expect("a datagram");
            });
            assert_eq!(poll(&state, &list).expect("no trap"), [1]);
            drop(thread.join());
            let asked = reactor.streams.load(Ordering::Relaxed);
            assert_eq!(asked, usize::from(knows_streams));
            // It is asked after slices of time, or the far moment is all that is slept for.
            assert_eq!(reactor.sleeps.load(Ordering::Relaxed) > 1, !knows_streams);
        }
    }

    #[test]
    fn an_interrupt_ends_a_wait_by_a_reactor() {
        let mut state = state(WasiCtx::builder().interrupt(|| true));
        state.set_reactor(Arc::new(Counting::default()));
        let never = give(&mut state, Pollable::Moment(u64::MAX));
        let error = poll(&state, &[never]).expect_err("an interrupt");
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    }
}
