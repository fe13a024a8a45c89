//! What guests wait for besides bodies: moments, by the worker's own timers.

use std::time::Duration;

use dunlin_wasi::preview2::{Reactor, Waiting};

/// Waits by the runtime of the thread on which the guest runs.
pub(crate) struct Waits;

impl Reactor for Waits {
    fn sleep(&self, duration: Duration) -> Waiting {
        Box::pin(tokio::time::sleep(duration))
    }
}
