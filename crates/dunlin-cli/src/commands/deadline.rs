//! `--timeout`: ends a guest from another thread.
//!
//! 1. When the time is over, the guest is interrupted, and with it a wait in a host call.
//! 2. A guest that has not stopped after a grace period is stuck in a host call that cannot be
//!    interrupted, such as a read of standard input. The process then ends from here, since the
//!    promise was made to the user and not to the guest.
//!
//! Exactly one of the two threads reports the end: the first to claim it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::trap;

/// How long an interrupted guest may take to stop. Waits in host calls notice within a few
/// milliseconds; a busy machine needs some more.
const GRACE_TIME: Duration = Duration::from_millis(500);

/// The time that a guest has.
#[derive(Clone, Default)]
pub(super) struct Deadline(Arc<Flags>);

#[derive(Default)]
struct Flags {
    /// The time is over.
    passed: AtomicBool,
    /// Some thread reports the end.
    claimed: AtomicBool,
}

impl Deadline {
    /// Whether the time is over: what host calls ask while they wait.
    pub(super) fn has_passed(&self) -> bool {
        self.0.passed.load(Ordering::Relaxed)
    }

    /// Starts the clock, at whose end `interrupt` stops the guest.
    ///
    /// # Errors
    ///
    /// When the system has no thread for it.
    pub(super) fn start(
        &self,
        span: Duration,
        interrupt: impl FnOnce() + Send + 'static,
        shown: &str,
    ) -> std::io::Result<()> {
        let deadline = self.clone();
        let shown = shown.to_owned();
        let watch = move || {
            thread::sleep(span);
            deadline.0.passed.store(true, Ordering::Relaxed);
            interrupt();
            thread::sleep(GRACE_TIME);
            if deadline.claim() {
                std::process::exit(trap::late(&shown, span).print());
            }
        };
        thread::Builder::new().name("deadline".to_owned()).spawn(watch).map(drop)
    }

    /// Says that the guest has stopped. Returns only if nobody else is ending the process.
    pub(super) fn finish(&self) {
        while !self.claim() {
            thread::park();
        }
    }

    fn claim(&self) -> bool {
        !self.0.claimed.swap(true, Ordering::AcqRel)
    }
}
