//! Major collections: everything that can be reached is marked, and the rest is free.
//!
//! The nursery is empty when marking begins. Objects that were marked wait on a stack until their
//! references have been visited; there is no recursion. Arrays are visited a slice at a time, so that a
//! long array does not fill the stack, which is bounded: what does not fit is left marked, and found
//! again by walking the marks between the lowest and the highest such object.
//!
//! A marking may be made in slices, one after each minor collection, while the guest runs in between and
//! changes what was marked already. What it changed is found by the cards: the minor collection that
//! cleans a card notes the marked objects on it, and the next slice visits what stands on that card once
//! more. When nothing waits, the roots are visited again, and when nothing waits after that within the
//! same slice, everything alive is marked. Objects that become old meanwhile go to free blocks, and are
//! not marked unless something leads to them.
//!
//! In a marking without slices, objects in blocks that were chosen for it are *evacuated*: copied to a free block when they are first
//! reached, as long as there are free blocks beyond those that the next minor collection may need, and
//! marked in place like others when there are none. Every reference that leads to a copied object is
//! visited, and changed.

use super::ground::Ground;
use super::isa::prefetch;
use super::layout::{Layout, LayoutKind};
use super::minor::copy_granules;
use super::old::{Kind, OldSpace};
use super::pages::PageMap;
use super::tuning::{ARRAY_SLICE, MARK_STACK_MIN, MARK_STACK_PART};
use super::{
    ARRAY_ELEMENTS, BLOCK_BYTES, CARD_SHIFT, FORWARDED, GRANULE, HOST, Layouts, Roots, TAG_MASK,
    object_layout,
};
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes that looking at an object counts for, besides those of its references.
const OBJECT_WORK: u64 = 8;

/// Objects that are fetched at a time.
const QUEUE: usize = 8;

/// What a marking knows between its slices.
#[derive(Default)]
pub(super) struct Marking {
    /// Objects whose references wait to be visited.
    stack: Vec<u32>,
    /// Arrays of which a part waits: the array, and the offset in it.
    arrays: Vec<(u32, u32)>,
    /// Where there are objects that did not fit the stack.
    missed: Option<(u32, u32)>,
    was_full: bool,
    /// Marked objects that may have been changed: the object, and the card.
    changed: Vec<(u32, u32)>,
    /// Bytes of marked objects.
    pub(super) live: u64,
}

impl Marking {
    /// Notes that a marked object may have been changed on a card.
    pub(super) fn note(&mut self, object: u32, card: u32) {
        if self.changed.try_reserve(1).is_ok() {
            self.changed.push((object, card));
        } else {
            self.miss(object);
        }
    }

    #[cold]
    fn miss(&mut self, at: u32) {
        let (first, last) = self.missed.unwrap_or((at, at));
        self.missed = Some((first.min(at), last.max(at)));
        self.was_full = true;
    }
}

/// A marking, or a slice of one, under way.
pub(super) struct Marker<'a, L: ?Sized> {
    ground: &'a Ground,
    marks: *mut u64,
    extent: u32,
    pages: &'a mut PageMap,
    old: &'a mut OldSpace,
    layouts: &'a L,
    externs: &'a mut dyn FnMut(u32),
    pub(super) state: Marking,
    stack_max: usize,
    is_evacuating: bool,
    /// Bytes of objects that were moved.
    pub(super) moved: u64,
    /// Bytes that were looked at, and how many may be.
    work: u64,
    work_max: u64,
}

impl<'a, L: Layouts + ?Sized> Marker<'a, L> {
    /// A marking of a heap, from the state in which its last slice left it; if there was none, the marks
    /// are clear.
    pub(super) fn new(
        ground: &'a Ground,
        pages: &'a mut PageMap,
        old: &'a mut OldSpace,
        layouts: &'a L,
        externs: &'a mut dyn FnMut(u32),
        state: Marking,
    ) -> Self {
        let extent = ground.extent();
        Self {
            ground,
            marks: ground.marks(),
            extent,
            pages,
            old,
            layouts,
            externs,
            state,
            stack_max: MARK_STACK_MIN.max((extent / MARK_STACK_PART) as usize),
            is_evacuating: false,
            moved: 0,
            work: 0,
            work_max: u64::MAX,
        }
    }

    /// Moves objects out of the blocks that were chosen; for a marking without slices.
    pub(super) fn evacuate_chosen(&mut self) {
        self.is_evacuating = true;
    }

    /// Bounds the stack by so many entries, for tests of what happens when it is full.
    #[cfg(test)]
    pub(super) fn bound_stack(&mut self, entries: usize) {
        self.stack_max = entries;
    }

    /// Visits once more what the guest may have changed since the last slice.
    pub(super) fn revisit_changed(&mut self) {
        let mut changed = core::mem::take(&mut self.state.changed);
        for (at, card) in changed.drain(..) {
            if let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at) {
                let start = (card << CARD_SHIFT).saturating_sub(at);
                let end = bytes.min(((card + 1) << CARD_SHIFT) - at);
                // SAFETY: the object lies in the heap with all its bytes.
                unsafe { self.trace(layout, at, start..end) };
            }
        }
        self.state.changed = changed;
    }

    /// Marks everything that the roots lead to, unless more than `work` bytes are to be looked at for
    /// that; says whether everything is marked.
    pub(super) fn run(&mut self, roots: &mut dyn Roots, work: u64) -> bool {
        self.revisit_changed();
        // What has to be looked at in any case does not count, so that every slice gets on.
        (self.work, self.work_max) = (0, work);
        if !self.finish_waiting() {
            return false;
        }
        roots.visit(&mut |slot| {
            // SAFETY: the roots promise that the slot may be read and written.
            unsafe { self.visit(slot) };
            if self.state.stack.len() > self.stack_max / 2 {
                self.drain();
            }
        });
        if !self.finish_waiting() {
            return false;
        }
        if self.state.was_full {
            self.state.live = self.count_live();
        }
        true
    }

    /// Looks at everything that waits, unless that is too much.
    fn finish_waiting(&mut self) -> bool {
        loop {
            if !self.drain() {
                return false;
            }
            let Some((first, last)) = self.state.missed.take() else { return true };
            self.revisit(first, last);
        }
    }

    /// Counts the bytes of marked objects, since those that were missed were not counted.
    fn count_live(&self) -> u64 {
        let bytes = |at| object_layout(self.ground, self.layouts, at).map_or(0, |(_, bytes)| bytes);
        let mut live = 0;
        for word in 0..self.extent >> CARD_SHIFT {
            // SAFETY: the bitmap is open for the extent.
            let mut marks = unsafe { self.marks.wrapping_add(word as usize).read() };
            while marks != 0 {
                live += u64::from(bytes((word << CARD_SHIFT) + marks.trailing_zeros() * GRANULE));
                marks &= marks - 1;
            }
        }
        live
    }

    /// # Safety
    ///
    /// The slot may be read and written.
    #[inline]
    unsafe fn visit(&mut self, slot: *mut u32) {
        // SAFETY: the caller's promise.
        let at = unsafe { slot.read() };
        if at & TAG_MASK != 0 {
            if at & TAG_MASK == HOST {
                (self.externs)(at >> 3);
            }
            return;
        }
        if at == 0 || at >= self.extent {
            debug_assert!(at == 0, "a reference to {at:#x}");
            return;
        }
        if self.is_evacuating
            && self.old.kinds()[(at / BLOCK_BYTES) as usize] == Kind::Evacuated
            && let Some(to) = self.evacuate(at)
        {
            // SAFETY: the caller's promise.
            unsafe { slot.write(to) };
            return;
        }
        self.mark(at);
    }

    #[inline]
    fn mark(&mut self, at: u32) {
        debug_assert!(self.ground.is_start(at) || self.is_evacuating, "no object at {at:#x}");
        let word = self.marks.wrapping_add(at as usize >> CARD_SHIFT);
        let bit = 1 << ((at >> 3) & 63);
        // SAFETY: the offset is below the extent, for which the bitmap is open.
        let marks = unsafe { word.read() };
        if marks & bit == 0 {
            // SAFETY: as above.
            unsafe { word.write(marks | bit) };
            self.push(at);
        }
    }

    #[inline]
    fn push(&mut self, at: u32) {
        let stack = &mut self.state.stack;
        let has_room = stack.len() < stack.capacity()
            || (stack.len() < self.stack_max && stack.try_reserve(1).is_ok());
        if has_room {
            stack.push(at);
        } else {
            self.state.miss(at);
        }
    }

    /// Where an object of an evacuated block is from now on; `None` if it stays.
    #[cold]
    fn evacuate(&mut self, at: u32) -> Option<u32> {
        // SAFETY: the offset is below the extent, which is a multiple of 8.
        let header = unsafe { self.ground.word(at) };
        if header == FORWARDED {
            // SAFETY: as above; objects are at least 8 bytes.
            return Some(unsafe { self.ground.word(at + 4) });
        }
        // SAFETY: the bitmap is open for the extent.
        let marks = unsafe { self.marks.wrapping_add(at as usize >> CARD_SHIFT).read() };
        if marks & (1 << ((at >> 3) & 63)) != 0 {
            return None;
        }
        let (_, bytes) = object_layout(self.ground, self.layouts, at)?;
        if bytes >= super::LARGE_BYTES {
            debug_assert!(false, "an object of {bytes} bytes in a block");
            return None;
        }
        let to = self.old.allocate(self.pages, bytes, 0)?;
        // SAFETY: the object lies in the heap with all its bytes, and `allocate` gave as many.
        unsafe { copy_granules(self.ground.at(at), self.ground.at(to), bytes) };
        let old = self.ground.at(at).cast::<u32>();
        // SAFETY: as above.
        unsafe { old.write(FORWARDED) };
        // SAFETY: as above; objects are at least 8 bytes.
        unsafe { old.add(1).write(to) };
        self.moved += u64::from(bytes);
        self.mark(to);
        Some(to)
    }

    /// Looks at what is on the stack, unless that is too much; says whether nothing is left.
    fn drain(&mut self) -> bool {
        // Objects pass through a short queue between the stack and being looked at, so that there is time
        // to fetch them (Cher, Hosking and Vitek, 2004).
        let mut queue = [0; QUEUE];
        let mut place = 0;
        loop {
            // Once more than the queue is long: the last one in it may have led somewhere.
            let mut waiting = QUEUE + 1;
            while waiting > 0 {
                let next = self.state.stack.pop().unwrap_or(0);
                waiting = if next == 0 { waiting - 1 } else { QUEUE + 1 };
                prefetch(self.ground.at(next));
                let at = core::mem::replace(&mut queue[place], next);
                place = (place + 1) % QUEUE;
                if at != 0 {
                    self.scan(at);
                }
                if self.work >= self.work_max {
                    queue.iter().filter(|at| **at != 0).for_each(|at| self.push(*at));
                    return self.state.stack.is_empty() && self.state.arrays.is_empty();
                }
            }
            let Some((at, from)) = self.state.arrays.pop() else { return true };
            if let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at) {
                self.scan_array(layout, at, from, bytes);
            }
        }
    }

    /// Notes what a marked object takes, and visits its references.
    #[inline]
    fn scan(&mut self, at: u32) {
        let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at) else { return };
        self.state.live += u64::from(bytes);
        self.work += OBJECT_WORK;
        self.old.mark_lines(at, bytes);
        if layout.is_traced() {
            self.scan_fields(layout, at, bytes);
        }
    }

    #[inline]
    fn scan_fields(&mut self, layout: &Layout, at: u32, bytes: u32) {
        if layout.kind() == LayoutKind::Array && bytes > ARRAY_SLICE * 4 {
            self.scan_array(layout, at, ARRAY_ELEMENTS, bytes);
        } else {
            // SAFETY: the object lies in the heap with all its bytes.
            unsafe { self.trace(layout, at, 0..bytes) };
        }
    }

    /// Visits a slice of an array, and leaves the rest for later.
    fn scan_array(&mut self, layout: &Layout, at: u32, from: u32, bytes: u32) {
        let to = bytes.min(from + ARRAY_SLICE * 4);
        if to < bytes {
            let arrays = &mut self.state.arrays;
            if arrays.len() < self.stack_max && arrays.try_reserve(1).is_ok() {
                arrays.push((at, to));
            } else {
                self.state.miss(at);
            }
        }
        // SAFETY: the object lies in the heap with all its bytes.
        unsafe { self.trace(layout, at, from..to) };
    }

    /// # Safety
    ///
    /// An object of this layout begins at `at`, and all of it is open.
    #[inline]
    unsafe fn trace(&mut self, layout: &Layout, at: u32, window: Range<u32>) {
        let object = self.ground.at(at);
        self.work += u64::from(window.end - window.start);
        // SAFETY: the caller's promise, for the object and for its slots.
        unsafe { layout.trace(object, window, |slot| self.visit(slot)) };
    }

    /// Visits the references of all marked objects in a range once more, since the stack was full when
    /// some of them were marked. Each is marked already, so that only what it leads to is pushed.
    fn revisit(&mut self, first: u32, last: u32) {
        // Half of it would be no use.
        let work_max = core::mem::replace(&mut self.work_max, u64::MAX);
        for word in first >> CARD_SHIFT..=last >> CARD_SHIFT {
            // SAFETY: the offsets are below the extent, for which the bitmap is open.
            let mut marks = unsafe { self.marks.wrapping_add(word as usize).read() };
            while marks != 0 {
                let at = (word << CARD_SHIFT) + marks.trailing_zeros() * GRANULE;
                marks &= marks - 1;
                self.rescan(at);
                if self.state.stack.len() > self.stack_max / 2 {
                    self.drain();
                }
            }
        }
        self.drain();
        self.work_max = work_max;
    }

    fn rescan(&mut self, at: u32) {
        let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at) else { return };
        self.old.mark_lines(at, bytes);
        if !layout.is_traced() {
            return;
        }
        // Slices of an array are visited one after the other, so that the stack can be emptied between.
        let mut from = 0;
        while from < bytes {
            let to = bytes.min(from + ARRAY_SLICE * 4);
            // SAFETY: the object lies in the heap with all its bytes.
            unsafe { self.trace(layout, at, from..to) };
            if self.state.stack.len() > self.stack_max / 2 {
                self.drain();
            }
            from = to;
        }
    }
}
