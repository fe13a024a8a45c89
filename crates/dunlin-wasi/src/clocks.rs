//! Clocks, which an embedder may replace: a guest sees no time but what these say.
//!
//! A clock also sleeps, so that a simulated one can advance instead of waiting; waits are cut into
//! slices by the caller, which looks for an interrupt between them.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time in nanoseconds.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now.
    fn now_ns(&self) -> u64;

    /// The smallest step the clock can show.
    fn resolution_ns(&self) -> u64;

    /// Waits; a simulated clock moves forward instead.
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The host's time of day, since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRealtime;

impl Clock for SystemRealtime {
    fn now_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn resolution_ns(&self) -> u64 {
        1
    }
}

/// The host's steady time, since the clock was made: how long the host has been up stays its secret.
#[derive(Clone, Copy, Debug)]
pub struct SystemMonotonic {
    start: Instant,
}

impl SystemMonotonic {
    /// A clock that starts at nought.
    #[must_use]
    pub fn new() -> SystemMonotonic {
        SystemMonotonic { start: Instant::now() }
    }
}

impl Default for SystemMonotonic {
    fn default() -> SystemMonotonic {
        SystemMonotonic::new()
    }
}

impl Clock for SystemMonotonic {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn resolution_ns(&self) -> u64 {
        1
    }
}
