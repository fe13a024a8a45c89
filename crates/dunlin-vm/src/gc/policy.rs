//! When the heap is collected, and when it grows.
//!
//! 1. The nursery is full, or there is no room for a large object: a minor collection.
//! 2. What became old since the last major collection is more than three quarters of what lived then,
//!    and 8 MiB: a major collection begins. In a heap with more than 4 MiB alive, it is made in slices
//!    after the next minor collections, unless the old space has so many holes that it is to be evacuated.
//! 3. There is no room for the next nursery, for what its survivors may need, and for the large object
//!    that was asked for: the heap grows, if the store's limits allow it; else the nursery gets shorter;
//!    else a major collection, and one that evacuates what it can; else the memory is exhausted.

use super::ground::Ground;
use super::heap::{Heap, spare_blocks};
use super::stats::Clock;
use super::tuning::{
    EXHAUSTED_PART, GROWTH_MIN, GROWTH_PART, MAJOR_GROWTH_MIN, MAJOR_GROWTH_PER_CENT, NURSERY_MIN,
    SLICE_BYTES, SLICE_FACTOR, SLICED_BYTES, UNSLICED_PER_CENT, YOUNG_LARGE_BYTES,
};
use super::{BLOCK_BYTES, GRANULE, Layouts, PAGE_BYTES, Request, Roots};
use alloc::vec::Vec;

/// With zeal, every so many-th collection is a major one.
const ZEAL_MAJOR: u64 = 8;

/// With zeal, a slice of a marking looks at so many bytes.
const ZEAL_SLICE: u64 = 512;

/// Judges whether the heap may grow: from so many bytes, to so many.
type Allow<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

impl Heap {
    /// Collects what the request says, and makes room for the allocation that was refused before.
    ///
    /// `externs` is told of every value of the host that is alive, maybe more than once, when a major
    /// collection ends; whether one has, the statistics say. `allow` is asked before the heap grows, with
    /// its size in bytes and the one desired; when it refuses, less may be desired, or nothing.
    pub fn collect(
        &mut self,
        request: Request,
        layouts: &(impl Layouts + ?Sized),
        roots: &mut dyn Roots,
        externs: &mut dyn FnMut(u32),
        allow: &mut dyn FnMut(u64, u64) -> bool,
    ) {
        let clock = Clock::start();
        let large = core::mem::take(&mut self.wanted).next_multiple_of(PAGE_BYTES);
        self.collect_for(request, large, layouts, roots, externs, allow);
        self.has_credit = true;
        clock.stop(&mut self.stats);
    }

    fn collect_for(
        &mut self,
        request: Request,
        large: u32,
        layouts: &(impl Layouts + ?Sized),
        roots: &mut dyn Roots,
        externs: &mut dyn FnMut(u32),
        allow: Allow<'_>,
    ) {
        let is_open = self.ground.extent() > 0;
        if request == Request::Auto && (!is_open || large > 0) && self.grow_only(large, allow) {
            return;
        }
        let before = self.grown;
        if is_open {
            self.minor(layouts, roots);
        }
        let mut majors = 0;
        if self.collect_old(request, self.grown - before, layouts, roots, externs) {
            majors = 1;
            self.give_back();
        }
        if !is_open && request != Request::Auto {
            return;
        }
        while !self.provide(large, allow) {
            if majors == 2 || (majors == 1 && self.is_exhausted()) {
                // No nursery: every allocation is refused.
                self.release_nursery();
                return;
            }
            majors += 1;
            if !self.mark_slice(layouts, roots, externs, u64::MAX) {
                self.major(layouts, roots, externs, majors == 2);
            }
        }
    }

    /// After a minor collection, in which so many bytes became old: makes the major collection that is
    /// asked for or due, or a slice of it. Says whether one has ended.
    fn collect_old(
        &mut self,
        request: Request,
        promoted: u64,
        layouts: &(impl Layouts + ?Sized),
        roots: &mut dyn Roots,
        externs: &mut dyn FnMut(u32),
    ) -> bool {
        match request {
            Request::Minor => return false,
            Request::Major => {}
            Request::Auto => {
                if self.marking.is_none() {
                    if !self.is_major_due() {
                        return false;
                    }
                    if self.is_sliced() {
                        self.begin_slices();
                    }
                }
                if self.marking.is_some() {
                    let work = self.slice(promoted);
                    return self.mark_slice(layouts, roots, externs, work);
                }
            }
        }
        self.major(layouts, roots, externs, false);
        true
    }

    /// Whether the major collection that is due is made in slices.
    fn is_sliced(&self) -> bool {
        #[cfg(test)]
        if self.slice_forced.is_some() {
            return true;
        }
        if self.config.zeal {
            return self.stats.major_collections.is_multiple_of(2);
        }
        self.live > SLICED_BYTES && !self.is_fragmented(UNSLICED_PER_CENT)
    }

    /// Bytes that a slice looks at.
    fn slice(&self, promoted: u64) -> u64 {
        #[cfg(test)]
        if let Some(slice) = self.slice_forced {
            return slice;
        }
        if self.config.zeal {
            return ZEAL_SLICE;
        }
        // The longer it takes, the more is done at a time.
        let quarters = self.grown.saturating_sub(self.growth_max()) * 4 / self.growth_max();
        SLICE_BYTES.max(promoted * SLICE_FACTOR) << quarters.min(16)
    }

    /// Opens the heap, or grows it for a large object without collecting anything, where that is cheaper.
    fn grow_only(&mut self, large: u32, allow: Allow<'_>) -> bool {
        if self.ground.extent() == 0 {
            let Some(ground) = Ground::new(self.config.reserve) else { return true };
            self.ground = ground;
            self.provide(large, allow);
            return true;
        }
        let young = self.large.young_bytes() + u64::from(large);
        if self.config.zeal
            || young > YOUNG_LARGE_BYTES.max(self.live / 4)
            || self.grown + young > self.growth_max()
        {
            return false;
        }
        let spare = spare_blocks(self.nursery.bytes);
        let (next, end) = (self.next(), self.nursery.cleared);
        for _ in 0..2 {
            if self.has_room(large, spare) {
                return true;
            }
            if !self.grow(u64::from(large) + u64::from(spare) * u64::from(BLOCK_BYTES), allow) {
                return false;
            }
            // The base may have changed.
            self.offer(next, end);
        }
        self.has_room(large, spare)
    }

    /// Whether a large object would leave so many free blocks.
    fn has_room(&mut self, large: u32, spare: u32) -> bool {
        let count = large / PAGE_BYTES;
        if count == 0 {
            return self.pages.free_blocks() >= spare;
        }
        let Some(page) = self.pages.take_pages(count) else { return false };
        let has_room = self.pages.free_blocks() >= spare;
        self.pages.give(page, count);
        has_room
    }

    fn is_major_due(&self) -> bool {
        #[cfg(test)]
        if self.slice_forced.is_some() {
            return true;
        }
        let is_zealous =
            self.config.zeal && self.stats.minor_collections.is_multiple_of(ZEAL_MAJOR);
        is_zealous || self.grown > self.growth_max()
    }

    /// Bytes that may become old before a major collection.
    fn growth_max(&self) -> u64 {
        MAJOR_GROWTH_MIN.max(self.live * MAJOR_GROWTH_PER_CENT / 100)
    }

    /// Whether so little is free after a major collection, and the heap may not grow, that going on would
    /// be collecting for ever.
    fn is_exhausted(&self) -> bool {
        let free = u64::from(self.pages.free_pages() + self.nursery.bytes / PAGE_BYTES)
            * u64::from(PAGE_BYTES)
            + self.old.free_line_bytes();
        free < self.held() / u64::from(EXHAUSTED_PART)
    }

    /// Makes room for the next nursery and a large object of so many bytes, 0 for none. The nursery is
    /// empty. Says whether that could be had.
    fn provide(&mut self, large: u32, allow: Allow<'_>) -> bool {
        let mut bytes = self.nursery.wanted();
        loop {
            if self.settle(bytes, large) || self.settle_grown(bytes, large, allow) {
                return true;
            }
            if bytes == NURSERY_MIN {
                return false;
            }
            bytes = (bytes / 2 / PAGE_BYTES * PAGE_BYTES).max(NURSERY_MIN);
        }
    }

    /// Grows until there is room for both, if it may.
    fn settle_grown(&mut self, bytes: u32, large: u32, allow: Allow<'_>) -> bool {
        let spare = u64::from(spare_blocks(bytes)) * u64::from(BLOCK_BYTES);
        let needed = u64::from(large) + u64::from(bytes) + spare;
        // The second time is for a heap whose free pages are scattered, as what was given back may be.
        for _ in 0..2 + self.returned.len() {
            if !self.grow(needed, allow) {
                return false;
            }
            if self.settle(bytes, large) {
                return true;
            }
        }
        false
    }

    /// Takes a nursery of so many bytes, if there is one together with room for what its survivors may
    /// need and for a large object; otherwise there is none.
    fn settle(&mut self, bytes: u32, large: u32) -> bool {
        if self.nursery.bytes != bytes {
            self.release_nursery();
            let entries = (bytes / GRANULE) as usize;
            if self.stack.try_reserve_exact(entries).is_err() {
                return false;
            }
            let Some(page) = self.pages.take_pages(bytes / PAGE_BYTES) else { return false };
            self.nursery.start = page * PAGE_BYTES;
            self.nursery.bytes = bytes;
            self.nursery.from = self.nursery.start;
            self.nursery.cleared = self.nursery.start;
        }
        self.offer(self.nursery.from, self.nursery.from);
        let has_room = self.has_room(large, spare_blocks(bytes));
        if !has_room {
            self.release_nursery();
        }
        has_room
    }

    /// Gives the nursery's pages back; it is empty.
    fn release_nursery(&mut self) {
        debug_assert!(self.nursery_used() == 0);
        if self.nursery.bytes > 0 {
            self.pages.give(self.nursery.start / PAGE_BYTES, self.nursery.bytes / PAGE_BYTES);
        }
        (self.nursery.start, self.nursery.bytes) = (0, 0);
        (self.nursery.from, self.nursery.cleared) = (0, 0);
        self.offer(0, 0);
    }

    /// Grows so that `needed` bytes may be free; says whether it could.
    fn grow(&mut self, needed: u64, allow: Allow<'_>) -> bool {
        let held = self.held();
        let free = u64::from(self.pages.free_pages()) * u64::from(PAGE_BYTES);
        // If there is enough of it, it is in the wrong places.
        let missing = if needed > free { needed - free } else { needed };
        let max = u64::from(self.config.bytes_max);
        let block = u64::from(BLOCK_BYTES);
        let least = (held + missing).next_multiple_of(block);
        if least > max {
            return false;
        }
        let more = u64::from(GROWTH_MIN).max(held / u64::from(GROWTH_PART)).next_multiple_of(block);
        let desired = least.max(held + more).min(max);
        if allow(held, desired) && self.grow_by(desired - held) {
            return true;
        }
        // The half of it may have been done.
        let held = self.held();
        least < desired && (least <= held || (allow(held, least) && self.grow_by(least - held)))
    }

    /// Bytes of the heap that the machine has not been given back.
    pub(super) fn held(&self) -> u64 {
        let returned: u32 = self.returned.iter().map(|(start, end)| end - start).sum();
        u64::from(self.ground.extent()) - u64::from(returned) * u64::from(BLOCK_BYTES)
    }

    /// Grows by so many bytes, a multiple of a block: what was given back is taken first.
    fn grow_by(&mut self, bytes: u64) -> bool {
        let mut blocks = (bytes / u64::from(BLOCK_BYTES)) as u32;
        while blocks > 0
            && let Some((start, end)) = self.returned.pop()
        {
            let upto = end.min(start + blocks);
            self.pages.give_blocks(start, upto);
            blocks -= upto - start;
            if upto < end {
                self.returned.push((upto, end));
            }
        }
        blocks == 0 || self.grow_to(self.ground.extent() + blocks * BLOCK_BYTES)
    }

    fn grow_to(&mut self, extent: u32) -> bool {
        let blocks = extent / BLOCK_BYTES;
        let could = self.pages.reserve(blocks)
            && self.old.grow(blocks)
            && self.large.grow(blocks)
            && self.ground.grow(extent);
        if could {
            self.pages.grow(blocks);
        }
        could
    }

    /// After a major collection: gives back to the machine what is free beyond what the heap may grow by
    /// until the next one.
    fn give_back(&mut self) {
        let mut kept = (self.growth_max() + u64::from(self.nursery.max())) / u64::from(BLOCK_BYTES);
        if u64::from(self.pages.free_blocks()) < 2 * kept {
            return;
        }
        let mut runs = Vec::new();
        for (start, end) in self.pages.free_runs() {
            let keeps = kept.min(u64::from(end - start));
            kept -= keeps;
            let start = start + keeps as u32;
            if start < end && runs.try_reserve(1).is_ok() {
                runs.push((start, end));
            }
        }
        if self.returned.try_reserve(runs.len()).is_err() {
            return;
        }
        for (start, end) in runs {
            if self.ground.discard(start * BLOCK_BYTES, end * BLOCK_BYTES) {
                self.pages.take_blocks(start, end);
                self.returned.push((start, end));
            }
        }
        self.returned.sort_unstable_by(|one, other| other.cmp(one));
    }
}
