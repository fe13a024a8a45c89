//! The nursery: where objects begin, in one run of pages, by bumping.
//!
//! The run is cleared a few kilobytes at a time, just before they are handed out, so that clearing
//! brings them into the cache. What compiled code may bump through without asking is what has been
//! cleared: from `nursery_next` to `nursery_end` of the context, all of it zero.

use super::PAGE_BYTES;
use super::tuning::{
    NURSERY_FIRST, NURSERY_MIN, NURSERY_WORK, PATIENCE_MAX, PATIENCE_MIN, PROMOTED_MAX,
};

/// The nursery of a heap.
pub(super) struct Nursery {
    /// The run of pages, or nothing.
    pub(super) start: u32,
    pub(super) bytes: u32,
    /// Where the objects since the last collection begin.
    pub(super) from: u32,
    /// Up to where memory has been cleared.
    pub(super) cleared: u32,
    /// The size that it should have.
    wanted: u32,
    max: u32,
    /// Collections before it may be longer again, and how many they will be the next time.
    waits: u32,
    patience: u32,
}

impl Nursery {
    pub(super) fn new(max: u32) -> Self {
        let max = (max / PAGE_BYTES * PAGE_BYTES).max(NURSERY_MIN);
        let wanted = NURSERY_FIRST.min(max);
        Self {
            start: 0,
            bytes: 0,
            from: 0,
            cleared: 0,
            wanted,
            max,
            waits: 0,
            patience: PATIENCE_MIN,
        }
    }

    /// One behind its last byte.
    #[inline]
    pub(super) fn end(&self) -> u32 {
        self.start + self.bytes
    }

    /// The size that it should have, in bytes.
    pub(super) fn wanted(&self) -> u32 {
        self.wanted
    }

    /// The size that it may reach, in bytes.
    pub(super) fn max(&self) -> u32 {
        self.max
    }

    /// Judges a minor collection by the bytes that were copied and looked at: if they are many for a
    /// nursery of this size, the next one is longer; unless copying them took long, when it is shorter
    /// for some time.
    pub(super) fn judge(&mut self, promoted: u64, looked_at: u64) {
        if promoted > PROMOTED_MAX {
            self.wanted = (self.wanted / 2 / PAGE_BYTES * PAGE_BYTES).max(NURSERY_MIN);
            self.waits = self.patience;
            self.patience = (self.patience * 2).min(PATIENCE_MAX);
        } else if self.waits > 0 {
            self.waits -= 1;
        } else if (promoted + looked_at) * NURSERY_WORK > u64::from(self.bytes) {
            let doubled =
                self.wanted.next_multiple_of(NURSERY_FIRST + PAGE_BYTES).saturating_mul(2);
            self.wanted = doubled.min(self.max);
        }
    }
}
