//! The value stack of a store: one region of slots, committed where it is touched.
//!
//! A stack that goes from one store to the next is cleared in between. Most guests use a few frames at
//! the bottom only, and the end of that part is their first limit: as long as nobody has run into it,
//! nothing above was written.

use crate::sys::{self, Pages};
use crate::tuning::{RESET_PAGES_MAX, STACK_CLEARED_BYTES};
use dunlin_module::layout::SLOT_BYTES;

/// Slots that no frame may use: handlers may write a little above the frame they have checked.
const SLACK_SLOTS: usize = 64;

/// A store's value stack.
pub(crate) struct ValueStack {
    pages: Pages,
    bytes: usize,
}

impl ValueStack {
    /// A stack of about `bytes` bytes, or `None` where that is not to be had.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let bytes = Self::size(bytes)?;
        Some(Self { pages: Pages::new(bytes)?, bytes })
    }

    /// The bytes of a stack that is to have about `bytes` bytes.
    fn size(bytes: usize) -> Option<usize> {
        bytes.max(2 * SLACK_SLOTS * SLOT_BYTES).checked_next_multiple_of(4096)
    }

    /// Whether it is what `new` makes for this size.
    pub(crate) fn holds(&self, bytes: usize) -> bool {
        Self::size(bytes) == Some(self.bytes)
    }

    /// The first slot.
    pub(crate) fn base(&self) -> *mut u64 {
        self.pages.base().cast()
    }

    /// The address that frames must stay below.
    pub(crate) fn end(&self) -> usize {
        self.pages.base() as usize + self.bytes - SLACK_SLOTS * SLOT_BYTES
    }

    /// The address below which frames are usual.
    pub(crate) fn shallow_end(&self) -> usize {
        self.pages.base() as usize + STACK_CLEARED_BYTES.min(self.bytes) - SLACK_SLOTS * SLOT_BYTES
    }

    /// Makes it zeros again; says whether it could. `is_shallow` promises that no frame went beyond
    /// [`Self::shallow_end`].
    pub(crate) fn clear(&mut self, is_shallow: bool) -> bool {
        if is_shallow {
            self.fill(0..STACK_CLEARED_BYTES.min(self.bytes));
            return true;
        }
        let base = self.pages.base();
        sys::written(base, self.bytes, RESET_PAGES_MAX, |range| self.fill(range))
    }

    fn fill(&mut self, range: core::ops::Range<usize>) {
        assert!(range.end <= self.bytes, "a range of the stack");
        // SAFETY: the range lies within the region.
        let at = unsafe { self.pages.base().add(range.start) };
        // SAFETY: as above; no guest runs on a stack that is borrowed exclusively.
        unsafe { at.write_bytes(0, range.len()) };
    }
}
