//! Guests on stacks of their own: a host function that waits suspends its guest, and holds no thread.
//!
//! [`Stacks::run`] makes a future of a closure that calls guests. Whatever the closure does, host functions included, happens
//! while that future is polled; [`wait`] in a host function gives the thread back to whoever polls, until the other
//! future is ready. Where no such closure runs, `wait` holds the thread.

use crate::error::Result;
use crate::store::InterruptHandle;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};

/// Stacks for guests, which are used again. Clones are the same stacks.
#[derive(Clone, Debug)]
pub struct Stacks {
    bytes: usize,
    idle_max: usize,
}

impl Stacks {
    /// Stacks of so many bytes each, of which so many are kept while nobody uses them.
    #[must_use]
    pub fn new(bytes: usize, idle_max: usize) -> Self {
        Self { bytes, idle_max }
    }

    /// Runs `guests` on a stack of its own, while the future is polled.
    ///
    /// The future stays on the thread that polls it first. One that is dropped before its end is *abandoned*: what it
    /// waits for fails with the trap [`Interrupted`](crate::TrapCode::Interrupted), and so does all that it waits for later, until
    /// `guests` has returned.
    pub fn run<R: 'static>(&self, guests: impl FnOnce() -> R + 'static) -> Running<R> {
        Running { guests: Some(Box::new(guests)), busy: Duration::ZERO, meter: None }
    }
}

/// What bounds the time of a [`Running`].
struct Meter {
    handle: InterruptHandle,
    slice: Duration,
    busy_max: Duration,
}

/// Guests that run on a stack of their own; what the closure returns.
pub struct Running<R> {
    guests: Option<Box<dyn FnOnce() -> R>>,
    busy: Duration,
    meter: Option<Meter>,
}

impl<R> Running<R> {
    /// Bounds the time in which guests run, their waits not counted: after each `slice` others on the thread get their turn,
    /// and after `busy_max` in all, the guest that `handle` interrupts is interrupted.
    #[must_use]
    pub fn metered(mut self, handle: InterruptHandle, slice: Duration, busy_max: Duration) -> Self {
        self.meter = Some(Meter { handle, slice, busy_max });
        self
    }

    /// For how long it has run, waits not counted.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.busy
    }
}

impl<R> Unpin for Running<R> {}

impl<R> Future for Running<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let guests = self.guests.take().expect("a future is not polled after its end");
        Poll::Ready(guests())
    }
}

/// Waits, in a host function, until `future` is ready.
///
/// # Errors
///
/// The trap [`Interrupted`](crate::TrapCode::Interrupted) if nobody polls the guest's [`Running`] any more: the host function is to
/// return it.
pub fn wait<F: Future>(future: F) -> Result<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return Ok(value),
            Poll::Pending => thread::park(),
        }
    }
}
