//! A 64-bit counter for every target: atomic where the machine has it, a lock elsewhere.

#[cfg(not(target_has_atomic = "64"))]
use dunlin_vm::sync::Mutex;

#[cfg(target_has_atomic = "64")]
use core::sync::atomic::{AtomicU64, Ordering};

/// Counts up and never wraps in practice: 2^64 steps outlast any process.
#[cfg(target_has_atomic = "64")]
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

#[cfg(target_has_atomic = "64")]
impl Counter {
    pub(crate) const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Adds one; returns the value before.
    pub(crate) fn increment(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Counts up under a lock: microcontrollers have no 64-bit atomics.
#[cfg(not(target_has_atomic = "64"))]
#[derive(Debug, Default)]
pub(crate) struct Counter(Mutex<u64>);

#[cfg(not(target_has_atomic = "64"))]
impl Counter {
    pub(crate) const fn new(value: u64) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        *self.0.lock()
    }

    /// Adds one; returns the value before.
    pub(crate) fn increment(&self) -> u64 {
        let mut value = self.0.lock();
        let before = *value;
        *value += 1;
        before
    }
}
