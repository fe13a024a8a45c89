//! What an embedder's runtime does so that guests which wait hold no thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::sys::HostStream;

/// Something that is waited for.
pub type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something that may hold a thread for long.
pub type Job = Box<dyn FnOnce() + Send>;

/// Moments and streams of the host's, and threads for what may hold one, for waits that hold no thread of a guest's.
///
/// With a reactor, all that a component waits for is waited for by [`dunlin::stacks::wait`], and so is what a module waits for
/// that runs on a stack of its own. Without one, waits for clocks, files, pipes and sockets alone hold the thread, in slices
/// between which the embedder's interrupt is seen.
pub trait Reactor: Send + Sync {
    /// Is ready so far from now.
    fn sleep(&self, duration: Duration) -> Waiting;

    /// Is ready when a stream may be read, or has failed. `None` if the reactor cannot say: then the stream is asked after
    /// every slice of time.
    fn readable(&self, stream: HostStream) -> Option<Waiting> {
        drop(stream);
        None
    }

    /// Is ready when a stream may be written, or has failed; as [`readable`](Self::readable).
    fn writable(&self, stream: HostStream) -> Option<Waiting> {
        drop(stream);
        None
    }

    /// Does what may wait for a disk, or for whoever resolves names; is ready when that has been done. A job whose wait is
    /// given up need not be begun.
    ///
    /// It may begin when it is first polled. It is asked only for guests on stacks of their own. Unless a reactor has other
    /// threads, the job holds the one that asks.
    fn blocking(&self, job: Job) -> Waiting {
        job();
        Box::pin(std::future::ready(()))
    }
}

impl fmt::Debug for dyn Reactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Reactor")
    }
}
