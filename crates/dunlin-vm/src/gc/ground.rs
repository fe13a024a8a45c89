//! The memory below the heap: its bytes, the cards, and two bitmaps of the places where objects begin.
//!
//! Where address space can be reserved, one reservation holds all of it and nothing ever moves:
//!
//! ```text
//! | heap: 4 GiB | guard | cards: a byte for 512 | starts: a bit for 8 | marks: a bit for 8 |
//! ```
//!
//! The heap is opened as it grows. Whatever 32-bit number stands for a reference, adding it to the base
//! leads into the heap's four gibibytes; the offset of a field is below [`GUARD_BYTES`], and offsets of
//! elements are added in 32 bits, so that no access through a reference leaves heap and guard. Elsewhere
//! the four are regions of their own that move when they grow, and every access is checked.

use super::{BLOCK_BYTES, CARD_SHIFT};
use crate::sys::{CAN_RESERVE, Pages, Region};
use core::ptr::null_mut;
use dunlin_module::layout::HEAP_NULL_BYTES;

/// The bytes that references can name.
const HEAP_BYTES: u64 = 1 << 32;

// Page 0 is never handed out.
const _: () = assert!(HEAP_NULL_BYTES <= super::PAGE_BYTES as usize);

/// Bytes behind the heap that are never opened: more than the largest offset of a field, which is 160 KB,
/// and the access itself.
pub const GUARD_BYTES: u64 = 1 << 20;

/// Bytes that a heap never exceeds: an addition to a reference that is smaller than a large object does
/// not wrap.
pub const HEAP_BYTES_MAX: u32 = u32::MAX - (64 << 10) + 1;

/// Bytes of cards in a reservation: those of the guard too, since marking is unconditional.
const CARD_BYTES: u64 = (HEAP_BYTES + GUARD_BYTES) >> CARD_SHIFT;

/// Bytes of a bitmap with a bit for 8 bytes.
const BITMAP_BYTES: u64 = HEAP_BYTES / 64;

enum Place {
    None,
    Reserved(Region),
    Moving { heap: Pages, cards: Pages, starts: Pages, marks: Pages },
}

/// The memory of a heap.
pub(super) struct Ground {
    base: *mut u8,
    cards: *mut u8,
    starts: *mut u64,
    marks: *mut u64,
    extent: u32,
    place: Place,
}

impl Ground {
    /// No memory at all.
    pub(super) const fn none() -> Self {
        let (base, bitmap) = (null_mut(), null_mut());
        Self { base, cards: base, starts: bitmap, marks: bitmap, extent: 0, place: Place::None }
    }

    /// Memory of which nothing is open yet; reserved if that is asked for and can be had.
    pub(super) fn new(reserve: bool) -> Option<Self> {
        let mut ground = Self::none();
        if !(reserve && CAN_RESERVE) {
            let none = || Pages::new(0);
            ground.place =
                Place::Moving { heap: none()?, cards: none()?, starts: none()?, marks: none()? };
            return Some(ground);
        }
        let cards = usize::try_from(HEAP_BYTES + GUARD_BYTES).ok()?;
        let starts = cards + usize::try_from(CARD_BYTES).ok()?;
        let marks = starts + usize::try_from(BITMAP_BYTES).ok()?;
        let end = marks + usize::try_from(BITMAP_BYTES).ok()?;
        let region = Region::reserve(end)?;
        // What is open costs nothing before it is touched.
        if !region.open(cards..end) {
            return None;
        }
        ground.base = region.base();
        ground.cards = region.base().wrapping_add(cards);
        ground.starts = region.base().wrapping_add(starts).cast();
        ground.marks = region.base().wrapping_add(marks).cast();
        ground.place = Place::Reserved(region);
        Some(ground)
    }

    /// Grows to `extent` bytes, a multiple of a block; says whether it could. The base may change where
    /// nothing can be reserved.
    pub(super) fn grow(&mut self, extent: u32) -> bool {
        debug_assert!(extent.is_multiple_of(BLOCK_BYTES) && extent > self.extent);
        let (from, to) = (self.extent as usize, extent as usize);
        match &mut self.place {
            Place::None => return false,
            Place::Reserved(region) => {
                // What null leads to stays closed: compiled code notices null by the fault.
                if !region.open(from.max(HEAP_NULL_BYTES)..to) {
                    return false;
                }
            }
            Place::Moving { heap, cards, starts, marks } => {
                let grown = cards.grow(to >> CARD_SHIFT)
                    && starts.grow(to / 64)
                    && marks.grow(to / 64)
                    && heap.grow(to);
                // Some may have moved even so.
                self.base = heap.base();
                self.cards = cards.base();
                self.starts = starts.base().cast();
                self.marks = marks.base().cast();
                if !grown {
                    return false;
                }
            }
        }
        self.extent = extent;
        true
    }

    /// Gives the contents of free bytes back to the machine; they read as anything afterwards. Says whether it
    /// has taken them.
    pub(super) fn discard(&mut self, from: u32, to: u32) -> bool {
        match &self.place {
            // SAFETY: the bytes are free: nobody holds a reference to them. Failing changes nothing.
            Place::Reserved(region) => unsafe { region.discard(from as usize..to as usize) },
            _ => false,
        }
    }

    /// The address of offset 0.
    #[inline]
    pub(super) fn base(&self) -> *mut u8 {
        self.base
    }

    /// The card of offset 0.
    #[inline]
    pub(super) fn cards(&self) -> *mut u8 {
        self.cards
    }

    /// Bytes that are open.
    #[inline]
    pub(super) fn extent(&self) -> u32 {
        self.extent
    }

    /// The address of an offset.
    #[inline]
    pub(super) fn at(&self, offset: u32) -> *mut u8 {
        self.base.wrapping_add(offset as usize)
    }

    /// The word at an offset below the extent.
    ///
    /// # Safety
    ///
    /// Four bytes from there on are open.
    #[inline]
    pub(super) unsafe fn word(&self, offset: u32) -> u32 {
        debug_assert!(u64::from(offset) + 4 <= u64::from(self.extent));
        // SAFETY: the caller's promise; objects and their words are aligned.
        unsafe { self.at(offset).cast::<u32>().read() }
    }

    /// Sets the bits of the places where objects begin to those that were marked, and the marks to what
    /// must be cleared before the next marking.
    pub(super) fn marks_become_starts(&mut self) {
        core::mem::swap(&mut self.starts, &mut self.marks);
        if let Place::Moving { starts, marks, .. } = &mut self.place {
            core::mem::swap(starts, marks);
        }
    }

    /// Clears all marks.
    pub(super) fn clear_marks(&mut self) {
        if self.extent > 0 {
            // SAFETY: the bitmap is open for as many bits as the extent has granules.
            unsafe { self.marks.write_bytes(0, self.extent as usize / 512) };
        }
    }

    /// The marks, for who marks.
    #[inline]
    pub(super) fn marks(&self) -> *mut u64 {
        self.marks
    }

    /// Whether the object at an offset below the extent is marked.
    pub(super) fn is_marked(&self, offset: u32) -> bool {
        if offset >= self.extent {
            return false;
        }
        let word = self.marks.wrapping_add(offset as usize >> CARD_SHIFT);
        // SAFETY: the bitmap is open for the extent.
        unsafe { word.read() >> ((offset >> 3) & 63) & 1 == 1 }
    }

    /// The 64 start bits of a card.
    #[inline]
    pub(super) fn starts_of_card(&self, card: u32) -> u64 {
        debug_assert!(card < self.extent >> CARD_SHIFT);
        if card >= self.extent >> CARD_SHIFT {
            return 0;
        }
        // SAFETY: the bitmap is open for the extent, and a card has 64 granules.
        unsafe { self.starts.wrapping_add(card as usize).read() }
    }

    /// Notes that an object begins at an offset below the extent.
    #[inline]
    pub(super) fn set_start(&mut self, offset: u32) {
        if let Some((word, bit)) = self.start_bit(offset) {
            // SAFETY: `start_bit` gives words of the open bitmap.
            unsafe { *word |= bit };
        }
    }

    /// Notes that no object begins at an offset any more.
    pub(super) fn clear_start(&mut self, offset: u32) {
        if let Some((word, bit)) = self.start_bit(offset) {
            // SAFETY: as in `set_start`.
            unsafe { *word &= !bit };
        }
    }

    /// Whether an old object begins at an offset.
    pub(super) fn is_start(&self, offset: u32) -> bool {
        // SAFETY: as in `set_start`.
        self.start_bit(offset).is_some_and(|(word, bit)| unsafe { *word } & bit != 0)
    }

    #[inline]
    fn start_bit(&self, offset: u32) -> Option<(*mut u64, u64)> {
        debug_assert!(offset < self.extent);
        let word = self.starts.wrapping_add(offset as usize >> CARD_SHIFT);
        (offset < self.extent).then_some((word, 1 << ((offset >> 3) & 63)))
    }
}

// SAFETY: the memory is owned, as a vector's would be.
unsafe impl Send for Ground {}
// SAFETY: a shared owner only reads.
unsafe impl Sync for Ground {}
