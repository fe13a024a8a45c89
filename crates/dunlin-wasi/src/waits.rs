//! How calls of guests wait: for streams of the host's, and for what may take long on a disk or elsewhere.
//!
//! 1. A guest on a stack of its own, whose embedder has given a [`Reactor`], is suspended and holds no thread: streams are
//!    watched by the reactor, and what may hold a thread is a *job*, which the reactor does on another.
//! 2. Any other guest holds its thread; waits for streams are cut in slices, so that the embedder's interrupt is seen.
//! 3. Threads of one program share their context, which a call holds for as long as it lasts: such a call is never
//!    suspended.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::ctx::{Interrupt, WasiCtx, Yields};
use crate::errno::Errno;
use crate::limits::WAIT_SLICE_MILLISECONDS_MAX;
use crate::reactor::{Reactor, Waiting};
use crate::sys::{Direction, Waitable};

type Result<T = ()> = std::result::Result<T, Errno>;

/// The longest that a wait goes on without a look around.
pub(crate) const SLICE: Duration = Duration::from_millis(WAIT_SLICE_MILLISECONDS_MAX);

/// How a call may wait.
#[derive(Clone, Copy)]
pub(crate) struct Waits<'a> {
    pub(crate) interrupt: &'a Interrupt,
    yields: &'a Yields,
    /// Fail with `AGAIN` instead of waiting.
    pub(crate) nonblock: bool,
    /// What waits for the guest, if it can be suspended.
    reactor: Option<&'a dyn Reactor>,
}

impl WasiCtx {
    /// How calls of the guest wait.
    pub(crate) fn waits(&self) -> Waits<'_> {
        Waits::new(&self.reactor, &self.interrupt, &self.yields)
    }
}

impl<'a> Waits<'a> {
    pub(crate) fn new(
        reactor: &'a Option<Arc<dyn Reactor>>,
        interrupt: &'a Interrupt,
        yields: &'a Yields,
    ) -> Waits<'a> {
        let reactor = reactor.as_deref();
        let reactor = reactor.filter(|_| !yields.is_on && dunlin::stacks::is_own());
        Waits { interrupt, yields, nonblock: false, reactor }
    }

    /// The same, that fails with `AGAIN` instead of waiting if it must.
    pub(crate) fn nonblock(self, nonblock: bool) -> Waits<'a> {
        Waits { nonblock, ..self }
    }

    /// Whether the guest is suspended by what waits.
    pub(crate) fn suspends(self) -> bool {
        self.reactor.is_some()
    }

    /// Does what may hold a thread for long; elsewhere, if the guest can be suspended.
    pub(crate) fn blocking<R: Send + 'static>(
        self,
        job: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let Some(reactor) = self.reactor else { return job() };
        let result = Arc::new(Mutex::new(None));
        let place = result.clone();
        let done = reactor.blocking(Box::new(move || {
            let made = job();
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        }));
        self.suspend(reactor, done)?;
        let made = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        // An embedder whose threads have gone has not done it.
        made.unwrap_or(Err(Errno::Io))
    }

    /// Begins what may hold a thread for long, elsewhere; `None` if the guest cannot be suspended.
    pub(crate) fn begin(self, job: impl FnOnce() + Send + 'static) -> Option<Waiting> {
        self.reactor.map(|reactor| reactor.blocking(Box::new(job)))
    }

    /// Suspends the guest until something is ready.
    ///
    /// # Errors
    /// `INTR` when the embedder wants the guest back, or nobody polls it any more.
    fn suspend(self, reactor: &dyn Reactor, mut waiting: Waiting) -> Result {
        if !self.interrupt.is_set() {
            return dunlin::stacks::wait(waiting).map_err(|_| Errno::Intr);
        }
        loop {
            let mut slice = reactor.sleep(SLICE);
            let is_ready =
                dunlin::stacks::wait(poll_fn(|context| match waiting.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(true),
                    Poll::Pending => slice.as_mut().poll(context).map(|()| false),
                }));
            if is_ready.map_err(|_| Errno::Intr)? {
                return Ok(());
            }
            self.interrupt.check()?;
        }
    }

    /// Suspends the guest until one of these streams might be ready, at most for so long. Whether it can be suspended.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    pub(crate) fn suspend_for(
        self,
        streams: &[(usize, (Waitable<'_>, Direction))],
        span: Duration,
    ) -> Result<bool> {
        let Some(reactor) = self.reactor else { return Ok(false) };
        let streams = streams.iter().map(|(_, (stream, direction))| (*stream, *direction));
        let mut all: Vec<_> =
            streams.map(|(stream, direction)| stream_ready(reactor, stream, direction)).collect();
        all.push(reactor.sleep(span));
        let any = poll_fn(move |context| {
            match all.iter_mut().any(|waiting| waiting.as_mut().poll(context).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        self.suspend(reactor, Box::pin(any))?;
        Ok(true)
    }

    /// Returns when a stream is ready.
    pub(crate) fn until_ready(self, stream: Waitable<'_>, direction: Direction) -> Result {
        let slice = if self.nonblock || self.suspends() { Duration::ZERO } else { SLICE };
        loop {
            let stands = crate::sys::wait(&[(stream, direction)], self.yields.slice(slice))?;
            if stands.iter().any(|readiness| readiness.ready) {
                return Ok(());
            }
            if self.nonblock {
                return Err(Errno::Again);
            }
            self.interrupt.check()?;
            match self.reactor {
                Some(reactor) => {
                    self.suspend(reactor, stream_ready(reactor, stream, direction))?;
                }
                None => self.yields.check(slice)?,
            }
        }
    }
}

/// Is ready when a stream of the host's is, or might be: after a slice of time where the reactor cannot say.
pub(crate) fn stream_ready(
    reactor: &dyn Reactor,
    stream: Waitable<'_>,
    direction: Direction,
) -> Waiting {
    let watched = stream.to_owned().ok().and_then(|stream| match direction {
        Direction::Read => reactor.readable(stream),
        Direction::Write => reactor.writable(stream),
    });
    watched.unwrap_or_else(|| reactor.sleep(SLICE))
}
