//! Large objects: runs of pages that never move.
//!
//! A large object is young until the first collection, in which it is freed, or becomes old where it is.
//! Being young, it needs no cards for what is written into it.

use super::{LARGE_BYTES, PAGE_BYTES};
use alloc::vec::Vec;

/// A large object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Large {
    /// Its offset, a multiple of a page.
    pub(super) at: u32,
    /// Its pages.
    pub(super) pages: u32,
    /// Whether it holds references that are followed; known from the first collection on.
    pub(super) is_traced: bool,
}

impl Large {
    /// Bytes of its pages.
    pub(super) fn bytes(&self) -> u64 {
        u64::from(self.pages) * u64::from(PAGE_BYTES)
    }
}

/// The large objects of a heap.
pub(super) struct LargeSpace {
    pub(super) old: Vec<Large>,
    pub(super) young: Vec<Large>,
    /// Young ones that were reached and whose references have not been looked at yet.
    pub(super) pending: Vec<u32>,
    /// A bit a page, eight a byte: a young object that was not reached yet begins there.
    unreached: Vec<u8>,
    young_bytes: u64,
    old_bytes: u64,
}

impl LargeSpace {
    pub(super) const fn new() -> Self {
        Self {
            old: Vec::new(),
            young: Vec::new(),
            pending: Vec::new(),
            unreached: Vec::new(),
            young_bytes: 0,
            old_bytes: 0,
        }
    }

    /// Makes room for what is noted of the pages of `blocks` blocks.
    pub(super) fn grow(&mut self, blocks: u32) -> bool {
        let more = (blocks as usize).saturating_sub(self.unreached.len());
        if self.unreached.try_reserve(more).is_err() {
            return false;
        }
        self.unreached.resize(blocks as usize, 0);
        true
    }

    /// Whether there is room to note one more; collections then never ask for memory.
    pub(super) fn reserve(&mut self) -> bool {
        let count = self.young.len() + 1;
        self.young.try_reserve(1).is_ok()
            && self.old.try_reserve(count).is_ok()
            && self.pending.try_reserve(count).is_ok()
    }

    /// Notes a new object; room has been made.
    pub(super) fn add(&mut self, page: u32, pages: u32) {
        let large = Large { at: page * PAGE_BYTES, pages, is_traced: true };
        self.unreached[page as usize / 8] |= 1 << (page % 8);
        self.young_bytes += large.bytes();
        self.young.push(large);
    }

    /// Bytes of all objects.
    pub(super) fn bytes(&self) -> u64 {
        self.young_bytes + self.old_bytes
    }

    /// Ends a major collection: `free` gets the old objects that `is_alive` denies.
    pub(super) fn sweep(&mut self, is_alive: impl Fn(u32) -> bool, mut free: impl FnMut(Large)) {
        self.old.retain(|large| {
            let stays = is_alive(large.at);
            if !stays {
                self.old_bytes -= large.bytes();
                free(*large);
            }
            stays
        });
    }

    /// Bytes of young objects.
    pub(super) fn young_bytes(&self) -> u64 {
        self.young_bytes
    }

    /// Notes that the young object at `at` was reached, if there is one which was not before.
    #[inline]
    pub(super) fn reach(&mut self, at: u32) {
        if !at.is_multiple_of(PAGE_BYTES) {
            return;
        }
        let page = at / PAGE_BYTES;
        let Some(byte) = self.unreached.get_mut(page as usize / 8) else { return };
        let bit = 1 << (page % 8);
        if *byte & bit != 0 {
            *byte &= !bit;
            self.pending.push(at);
        }
    }

    /// Ends a minor collection: reached young objects are old, `free` gets the others. Gives the bytes
    /// that became old.
    pub(super) fn promote(&mut self, mut free: impl FnMut(Large)) -> u64 {
        let mut bytes = 0;
        for large in &self.young {
            let page = large.at / PAGE_BYTES;
            let byte = &mut self.unreached[page as usize / 8];
            let bit = 1 << (page % 8);
            if *byte & bit != 0 {
                *byte &= !bit;
                free(*large);
            } else {
                bytes += large.bytes();
                self.old.push(*large);
            }
        }
        self.young.clear();
        self.old_bytes += bytes;
        self.young_bytes = 0;
        bytes
    }
}

/// The pages that an object of so many bytes takes, which is a large one.
pub(super) fn pages_of(bytes: u32) -> u32 {
    debug_assert!(bytes >= LARGE_BYTES);
    bytes.div_ceil(PAGE_BYTES)
}
