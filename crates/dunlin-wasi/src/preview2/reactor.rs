//! What an embedder's runtime does so that guests which wait hold no thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Something that is waited for.
pub type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Moments and streams of the host's, for waits that hold no thread.
///
/// With a reactor, all that a component waits for is waited for by [`dunlin::stacks::wait`]. Without one, waits for clocks,
/// files, pipes and sockets alone hold the thread, in slices between which the embedder's interrupt is seen.
pub trait Reactor: Send + Sync {
    /// Is ready so far from now.
    fn sleep(&self, duration: Duration) -> Waiting;

    /// Is ready when a descriptor may be read, or has failed. `None` if the reactor cannot say: then the descriptor is asked
    /// after every slice of time.
    #[cfg(unix)]
    fn readable(&self, descriptor: std::os::fd::OwnedFd) -> Option<Waiting> {
        drop(descriptor);
        None
    }

    /// Is ready when a descriptor may be written, or has failed; as [`readable`](Self::readable).
    #[cfg(unix)]
    fn writable(&self, descriptor: std::os::fd::OwnedFd) -> Option<Waiting> {
        drop(descriptor);
        None
    }
}

impl fmt::Debug for dyn Reactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Reactor")
    }
}
