//! Guests on stacks of their own: a host function that waits suspends its guest, and holds no thread.
//!
//! [`Stacks::run`] makes a future of a closure that calls guests. Whatever the closure does, host functions included, happens
//! while that future is polled; [`wait`] in a host function gives the thread back to whoever polls, until the other
//! future is ready. Where no such closure runs, `wait` holds the thread.
//!
//! A guest that computes is suspended too, where its time is [metered](Running::metered): so guests that never end do not
//! keep others from a thread. Compiled code hears of it where the engine interrupts guests by pages
//! ([`Interruption::Page`](crate::Interruption::Page)); by a flag, such a guest is not suspended before its time is up.

#[cfg(feature = "stacks")]
mod clock;
#[cfg(feature = "stacks")]
mod running;

use crate::error::Result;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};

#[cfg(feature = "stacks")]
pub use running::{Running, Stacks};

/// Waits, in a host function, until `future` is ready.
///
/// # Errors
///
/// The trap [`Interrupted`](crate::TrapCode::Interrupted) if nobody polls the guest's future any more: the host function is to
/// return it.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Func, Store, stacks};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let answer = Func::wrap(&mut store, || -> dunlin::Result<i32> {
///     stacks::wait(async { 42 })
/// });
/// assert_eq!(answer.typed::<(), i32>(&store)?.call(&mut store, ())?, 42);
/// # Ok::<(), dunlin::Error>(())
/// ```
pub fn wait<F: Future>(future: F) -> Result<F::Output> {
    let mut future = pin!(future);
    #[cfg(feature = "stacks")]
    if let Some(turns) = running::turns() {
        return turns.wait(future);
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return Ok(value),
            Poll::Pending => thread::park(),
        }
    }
}

/// Whether this thread runs guests on a stack of their own, so that [`wait`] suspends them and holds no thread.
///
/// A host function may ask, to do in place what takes long where that is no matter, and elsewhere where it is.
#[must_use]
pub fn is_own() -> bool {
    #[cfg(feature = "stacks")]
    return running::is_own();
    #[cfg(not(feature = "stacks"))]
    false
}

/// Starts the thread that looks at how long guests run, which [`Running::metered`] needs.
///
/// The first turn of a guest starts it otherwise. A guest at whose time nobody can look is interrupted at once; a server that
/// asks before it begins fails there instead.
///
/// # Errors
///
/// If the system gives no thread.
#[cfg(feature = "stacks")]
pub fn start_clock() -> std::io::Result<()> {
    clock::start()
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
