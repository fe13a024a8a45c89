//! Minor collections: what lives in the nursery is copied to the old space.
//!
//! 1. Every root, and every reference in an old object on a marked card, is *visited*: if it leads into
//!    the nursery, the object there is copied to the old space, its first two words become
//!    [`FORWARDED`] and the new offset, and the reference is changed. Young large objects are noted as
//!    reached instead of copied.
//! 2. Objects that were copied wait on a stack until their own references have been visited.
//! 3. What is left in the nursery is dead. There are no young objects any more, so no card is marked.
//!
//! Survivors become old at once (V8's scavenger lets them survive twice): a copy less, cards that never
//! outlive a collection, and a nursery that is one run of memory.
//!
//! Neither the stack nor the old space may fail here: the stack holds an entry for every object that the
//! nursery can hold, and the heap keeps as many free blocks as all of them need at worst.

use super::ground::Ground;
use super::isa::prefetch;
use super::large::LargeSpace;
use super::layout::Layout;
use super::mark::Marking;
use super::old::{Kind, OldSpace};
use super::pages::PageMap;
use super::{
    BLOCK_BYTES, CARD_BYTES, CARD_SHIFT, FORWARDED, GRANULE, LARGE_BYTES, Layouts, PAGE_BYTES,
    Roots, object_layout,
};
use alloc::vec::Vec;
use core::ops::Range;

const CARDS_PER_BLOCK: u32 = BLOCK_BYTES >> CARD_SHIFT;
const CARDS_PER_PAGE: u32 = PAGE_BYTES >> CARD_SHIFT;
/// The stretch of offsets that holds all of an object.
const WHOLE: Range<u32> = 0..u32::MAX;

/// A minor collection under way.
pub(super) struct Minor<'a, L: ?Sized> {
    pub(super) ground: &'a mut Ground,
    pub(super) pages: &'a mut PageMap,
    pub(super) old: &'a mut OldSpace,
    pub(super) large: &'a mut LargeSpace,
    pub(super) layouts: &'a L,
    /// Objects whose references wait to be visited.
    pub(super) stack: &'a mut Vec<u32>,
    /// The objects of the nursery: where they begin, and their granules.
    pub(super) from: u32,
    pub(super) granules: u32,
    pub(super) has_young_large: bool,
    /// The marking under way, which is told of marked objects on marked cards.
    pub(super) marking: Option<&'a mut Marking>,
    /// Bytes of objects that became old.
    pub(super) promoted: u64,
    /// Bytes that were looked at besides.
    pub(super) looked_at: u64,
}

impl<L: Layouts + ?Sized> Minor<'_, L> {
    /// Collects the nursery.
    pub(super) fn run(&mut self, roots: &mut dyn Roots) {
        let mut count = 0_u64;
        roots.visit(&mut |slot| {
            count += 1;
            // SAFETY: the roots promise that the slot may be read and written.
            unsafe { self.visit(slot) };
        });
        self.looked_at += count * 4;
        self.drain();
        self.scan_old_cards();
        self.scan_large_cards();
        self.drain();
    }

    /// # Safety
    ///
    /// The slot may be read and written.
    #[inline]
    unsafe fn visit(&mut self, slot: *mut u32) {
        // SAFETY: the caller's promise.
        let reference = unsafe { slot.read() };
        // What is no multiple of 8 becomes large by the rotation: one comparison sorts out null, small
        // integers, the host's values, old objects, and whatever else a slot may hold.
        let granule = reference.wrapping_sub(self.from).rotate_right(3);
        if granule >= self.granules {
            if self.has_young_large {
                self.large.reach(reference);
            }
            return;
        }
        // SAFETY: the offset lies in the nursery, and objects are at least 8 bytes.
        let header = unsafe { self.ground.word(reference) };
        let to = if header == FORWARDED {
            // SAFETY: as above.
            unsafe { self.ground.word(reference + 4) }
        } else {
            self.promote(reference, header)
        };
        // SAFETY: the caller's promise.
        unsafe { slot.write(to) };
    }

    /// Copies an object of the nursery to the old space; gives its new offset. What a corrupted reference
    /// led to becomes null.
    #[inline]
    fn promote(&mut self, at: u32, header: u32) -> u32 {
        let layout = self.layouts.layout(header);
        // SAFETY: objects are at least 8 bytes, all of them in the nursery.
        let bytes = layout.object_bytes(unsafe { self.ground.word(at + 4) });
        let left = u64::from(self.from + self.granules * GRANULE - at);
        if bytes > left || bytes >= u64::from(LARGE_BYTES) {
            debug_assert!(false, "an object of {bytes} bytes at {at:#x}, type {header:#x}");
            return 0;
        }
        let bytes = bytes as u32;
        let Some(to) = self.old.allocate(self.pages, bytes, 0) else {
            debug_assert!(false, "the heap keeps enough free blocks");
            return 0;
        };
        // SAFETY: `bytes` bytes lie in the nursery from `at` on, and `allocate` gave as many; both are
        // open and distinct.
        unsafe { copy_granules(self.ground.at(at), self.ground.at(to), bytes) };
        let old = self.ground.at(at).cast::<u32>();
        // SAFETY: as above.
        unsafe { old.write(FORWARDED) };
        // SAFETY: as above; objects are at least 8 bytes.
        unsafe { old.add(1).write(to) };
        self.ground.set_start(to);
        self.promoted += u64::from(bytes);
        if layout.is_traced() {
            self.prefetch(layout, to);
            self.stack.push(to);
        }
        to
    }

    /// Fetches what a copied object leads to, which is visited when the object comes up on the stack.
    #[inline]
    fn prefetch(&self, layout: &Layout, at: u32) {
        let mut mask = layout.mask();
        while mask != 0 {
            // SAFETY: the object was copied whole, and has a field there.
            let reference = unsafe { self.ground.word(at + mask.trailing_zeros() * 4) };
            prefetch(self.ground.at(reference));
            mask &= mask - 1;
        }
    }

    /// Visits the references of everything that waits.
    fn drain(&mut self) {
        loop {
            while let Some(at) = self.stack.pop() {
                // SAFETY: the object was copied whole.
                let header = unsafe { self.ground.word(at) };
                let layout = self.layouts.layout(header);
                // SAFETY: as above.
                unsafe { self.trace(layout, at, WHOLE) };
            }
            let Some(at) = self.large.pending.pop() else { return };
            if let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at)
                && layout.is_traced()
            {
                self.looked_at += u64::from(bytes);
                // SAFETY: the object lies in the heap with all its bytes.
                unsafe { self.trace(layout, at, WHOLE) };
            }
        }
    }

    /// # Safety
    ///
    /// An object of this layout begins at `at`, and all of it is open.
    #[inline]
    unsafe fn trace(&mut self, layout: &Layout, at: u32, window: Range<u32>) {
        let object = self.ground.at(at);
        // SAFETY: the caller's promise, for the object and for its slots.
        unsafe { layout.trace(object, window, |slot| self.visit(slot)) };
    }

    fn scan_old_cards(&mut self) {
        for block in 0..self.old.kinds().len() {
            if self.old.kinds()[block] == Kind::Other {
                continue;
            }
            let first = block as u32 * CARDS_PER_BLOCK;
            for at in (first..first + CARDS_PER_BLOCK).step_by(8) {
                let mut marked = self.take_cards(at);
                while marked != 0 {
                    let card = at + marked.trailing_zeros() / 8;
                    marked &= !(0xFF << (marked.trailing_zeros() / 8 * 8));
                    self.scan_card(card, first);
                }
            }
        }
    }

    /// Eight cards, the first in the lowest byte; they are not marked any more.
    #[inline]
    fn take_cards(&mut self, card: u32) -> u64 {
        debug_assert!(card.is_multiple_of(8) && card < self.ground.extent() >> CARD_SHIFT);
        let cards = self.ground.cards().wrapping_add(card as usize).cast::<u64>();
        // SAFETY: cards of the extent are open, and both table and number are multiples of 8.
        let marked = unsafe { cards.read() };
        if marked != 0 {
            // SAFETY: as above.
            unsafe { cards.write(0) };
        }
        u64::from_le(marked)
    }

    /// Visits the references of old objects on a card of a block whose first card is `first`.
    fn scan_card(&mut self, card: u32, first: u32) {
        let window = card << CARD_SHIFT..(card + 1) << CARD_SHIFT;
        self.looked_at += u64::from(CARD_BYTES);
        let mut starts = self.ground.starts_of_card(card);
        if starts & 1 == 0
            && let Some(at) = self.start_before(card, first)
        {
            self.scan_object(at, &window);
        }
        while starts != 0 {
            self.scan_object(window.start + starts.trailing_zeros() * GRANULE, &window);
            starts &= starts - 1;
        }
    }

    /// The last object that begins before a card.
    fn start_before(&self, card: u32, first: u32) -> Option<u32> {
        (first..card).rev().find_map(|card| {
            let starts = self.ground.starts_of_card(card);
            let last = starts.checked_ilog2()?;
            Some((card << CARD_SHIFT) + last * GRANULE)
        })
    }

    fn scan_object(&mut self, at: u32, window: &Range<u32>) {
        if let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at)
            && layout.is_traced()
            && at + bytes > window.start
        {
            let within = window.start.saturating_sub(at)..window.end - at;
            // SAFETY: the object lies in the heap with all its bytes.
            unsafe { self.trace(layout, at, within) };
            if let Some(marking) = &mut self.marking
                && self.ground.is_marked(at)
            {
                marking.note(at, window.start >> CARD_SHIFT);
            }
        }
    }

    fn scan_large_cards(&mut self) {
        for index in 0..self.large.old.len() {
            let large = self.large.old[index];
            if !large.is_traced {
                continue;
            }
            let Some((layout, _)) = object_layout(self.ground, self.layouts, large.at) else {
                continue;
            };
            self.large.old[index].is_traced = layout.is_traced();
            let first = large.at >> CARD_SHIFT;
            for at in (first..first + large.pages * CARDS_PER_PAGE).step_by(8) {
                let mut marked = self.take_cards(at);
                while marked != 0 {
                    let card = at + marked.trailing_zeros() / 8;
                    marked &= !(0xFF << (marked.trailing_zeros() / 8 * 8));
                    let window = card << CARD_SHIFT..(card + 1) << CARD_SHIFT;
                    self.looked_at += u64::from(CARD_BYTES);
                    self.scan_object(large.at, &window);
                }
            }
        }
    }
}

/// Copies an object of so many bytes, a multiple of 8.
///
/// # Safety
///
/// Both are open for so many bytes, aligned to 8, and do not overlap.
#[inline]
pub(super) unsafe fn copy_granules(from: *const u8, to: *mut u8, bytes: u32) {
    if bytes > 64 {
        // SAFETY: the caller's promise.
        unsafe { core::ptr::copy_nonoverlapping(from, to, bytes as usize) };
        return;
    }
    for at in (0..bytes as usize).step_by(8) {
        // SAFETY: the caller's promise.
        let granule = unsafe { from.add(at).cast::<u64>().read() };
        // SAFETY: as above.
        unsafe { to.add(at).cast::<u64>().write(granule) };
    }
}
