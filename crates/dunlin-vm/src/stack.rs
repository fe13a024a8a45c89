//! The value stack of a store: one region of slots, committed where it is touched.

use crate::sys::Pages;
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
        let bytes = bytes.max(2 * SLACK_SLOTS * SLOT_BYTES).checked_next_multiple_of(4096)?;
        Some(Self { pages: Pages::new(bytes)?, bytes })
    }

    /// The first slot.
    pub(crate) fn base(&self) -> *mut u64 {
        self.pages.base().cast()
    }

    /// The address that frames must stay below.
    pub(crate) fn end(&self) -> usize {
        self.pages.base() as usize + self.bytes - SLACK_SLOTS * SLOT_BYTES
    }
}
