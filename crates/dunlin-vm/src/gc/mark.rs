//! Major collections: everything that can be reached is marked, and the rest is free.
//!
//! The nursery is empty when marking begins. Objects that were marked wait on a stack until their
//! references have been visited; there is no recursion. Arrays are visited a slice at a time, so that a
//! long array does not fill the stack, which is bounded: what does not fit is left marked, and found
//! again by walking the marks between the lowest and the highest such object.
//!
//! Objects in blocks that were chosen for it are *evacuated*: copied to a free block when they are first
//! reached, as long as there are free blocks beyond those that the next minor collection may need, and
//! marked in place like others when there are none. Every reference that leads to a copied object is
//! visited, and changed.

use super::ground::Ground;
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

/// A marking under way.
pub(super) struct Marker<'a, L: ?Sized> {
    ground: &'a Ground,
    marks: *mut u64,
    extent: u32,
    pages: &'a mut PageMap,
    old: &'a mut OldSpace,
    layouts: &'a L,
    externs: &'a mut dyn FnMut(u32),
    /// Objects whose references wait to be visited.
    stack: Vec<u32>,
    /// Arrays of which a part waits: the array, and the offset in it.
    arrays: Vec<(u32, u32)>,
    stack_max: usize,
    /// Where there are objects that did not fit the stack.
    missed: Option<(u32, u32)>,
    is_evacuating: bool,
    /// Free blocks that evacuation leaves alone.
    spared: u32,
    /// Bytes of marked objects.
    pub(super) live: u64,
    /// Bytes of objects that were moved.
    pub(super) moved: u64,
}

impl<'a, L: Layouts + ?Sized> Marker<'a, L> {
    /// A marking of a heap whose marks are clear. `spared` free blocks are not evacuated into; `None` if
    /// nothing is evacuated.
    pub(super) fn new(
        ground: &'a Ground,
        pages: &'a mut PageMap,
        old: &'a mut OldSpace,
        layouts: &'a L,
        externs: &'a mut dyn FnMut(u32),
        spared: Option<u32>,
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
            stack: Vec::new(),
            arrays: Vec::new(),
            stack_max: MARK_STACK_MIN.max((extent / MARK_STACK_PART) as usize),
            missed: None,
            is_evacuating: spared.is_some(),
            spared: spared.unwrap_or(0),
            live: 0,
            moved: 0,
        }
    }

    /// Bounds the stack by so many entries, for tests of what happens when it is full.
    #[cfg(test)]
    pub(super) fn bound_stack(&mut self, entries: usize) {
        self.stack_max = entries;
    }

    /// Marks everything that the roots lead to.
    pub(super) fn run(&mut self, roots: &mut dyn Roots) {
        roots.visit(&mut |slot| {
            // SAFETY: the roots promise that the slot may be read and written.
            unsafe { self.visit(slot) };
            if self.stack.len() > self.stack_max / 2 {
                self.drain();
            }
        });
        self.drain();
        let was_full = self.missed.is_some();
        while let Some((first, last)) = self.missed.take() {
            self.revisit(first, last);
        }
        if was_full {
            self.live = self.count_live();
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
        let has_room = self.stack.len() < self.stack.capacity()
            || (self.stack.len() < self.stack_max && self.stack.try_reserve(1).is_ok());
        if has_room {
            self.stack.push(at);
        } else {
            self.miss(at);
        }
    }

    #[cold]
    fn miss(&mut self, at: u32) {
        let (first, last) = self.missed.unwrap_or((at, at));
        self.missed = Some((first.min(at), last.max(at)));
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
        let to = self.old.allocate(self.pages, bytes, self.spared)?;
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

    fn drain(&mut self) {
        loop {
            while let Some(at) = self.stack.pop() {
                self.scan(at);
            }
            let Some((at, from)) = self.arrays.pop() else { return };
            if let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at) {
                self.scan_array(layout, at, from, bytes);
            }
        }
    }

    /// Notes what a marked object takes, and visits its references.
    #[inline]
    fn scan(&mut self, at: u32) {
        let Some((layout, bytes)) = object_layout(self.ground, self.layouts, at) else { return };
        self.live += u64::from(bytes);
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
            let has_room = self.arrays.len() < self.stack_max;
            if has_room && self.arrays.try_reserve(1).is_ok() {
                self.arrays.push((at, to));
            } else {
                self.miss(at);
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
        // SAFETY: the caller's promise, for the object and for its slots.
        unsafe { layout.trace(object, window, |slot| self.visit(slot)) };
    }

    /// Visits the references of all marked objects in a range once more, since the stack was full when
    /// some of them were marked. Each is marked already, so that only what it leads to is pushed.
    fn revisit(&mut self, first: u32, last: u32) {
        for word in first >> CARD_SHIFT..=last >> CARD_SHIFT {
            // SAFETY: the offsets are below the extent, for which the bitmap is open.
            let mut marks = unsafe { self.marks.wrapping_add(word as usize).read() };
            while marks != 0 {
                let at = (word << CARD_SHIFT) + marks.trailing_zeros() * GRANULE;
                marks &= marks - 1;
                self.rescan(at);
                if self.stack.len() > self.stack_max / 2 {
                    self.drain();
                }
            }
        }
        self.drain();
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
            if self.stack.len() > self.stack_max / 2 {
                self.drain();
            }
            from = to;
        }
    }
}
