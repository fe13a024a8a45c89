//! The heap: allocation, and the two kinds of collection.

use super::ground::{Ground, HEAP_BYTES_MAX};
use super::hosts::Hosts;
use super::large::{LargeSpace, pages_of};
use super::mark::{Marker, Marking};
use super::minor::Minor;
use super::nursery::Nursery;
use super::old::OldSpace;
use super::pages::PageMap;
use super::stats::HeapStats;
use super::tuning::{CLEARED_BYTES, EVACUATE_PER_CENT};
use super::{
    ARRAY_LENGTH, BLOCK_BYTES, FORWARDED, GRANULE, HeapConfig, HeapContext, LARGE_BYTES, Layout,
    Layouts, PAGE_BYTES, POISON, Roots,
};
use alloc::vec::Vec;
use core::ptr::NonNull;

/// A store's heap. Nothing is allocated before the first collection, which the first allocation asks
/// for.
pub struct Heap {
    pub(super) context: NonNull<HeapContext>,
    pub(super) config: HeapConfig,
    pub(super) ground: Ground,
    pub(super) pages: PageMap,
    pub(super) nursery: Nursery,
    pub(super) old: OldSpace,
    pub(super) large: LargeSpace,
    /// Blocks that the machine has been given back, from the one to before the other, the lowest last: nobody's
    /// until the heap grows again.
    pub(super) returned: Vec<(u32, u32)>,
    /// Objects of a minor collection that wait; empty between collections.
    pub(super) stack: Vec<u32>,
    /// Bytes of the large object that was refused last, or 0.
    pub(super) wanted: u32,
    /// With zeal: whether the next allocation succeeds.
    pub(super) has_credit: bool,
    /// Bytes that were alive after the last major collection, and that became old since.
    pub(super) live: u64,
    pub(super) grown: u64,
    pub(super) stats: HeapStats,
    /// The marking that is under way in slices, and the host's values that it has found.
    pub(super) marking: Option<(Marking, Hosts)>,
    #[cfg(test)]
    pub(super) mark_stack_bound: Option<usize>,
    /// For tests: the bytes of a slice, of markings that begin as soon as the last one has ended.
    #[cfg(test)]
    pub(super) slice_forced: Option<u64>,
}

impl Heap {
    /// A heap without memory, which keeps `context` up to date.
    ///
    /// # Safety
    ///
    /// The context outlives the heap; nobody writes to it but to bump `nursery_next`, at most up to
    /// `nursery_end`, for an object that gets a header and whose references are never written without
    /// marking their cards, unless no collection was made since it was allocated.
    #[must_use]
    pub unsafe fn new(config: HeapConfig, context: NonNull<HeapContext>) -> Self {
        let bytes_max = config.bytes_max.min(HEAP_BYTES_MAX) / BLOCK_BYTES * BLOCK_BYTES;
        // A nursery and what its survivors need are a small part of a small heap.
        let nursery_max = config.nursery_bytes_max.min(bytes_max / 8);
        let heap = Self {
            context,
            config: HeapConfig { bytes_max, ..config },
            ground: Ground::none(),
            pages: PageMap::new(),
            nursery: Nursery::new(nursery_max),
            old: OldSpace::new(),
            large: LargeSpace::new(),
            returned: Vec::new(),
            stack: Vec::new(),
            wanted: 0,
            has_credit: false,
            live: 0,
            grown: 0,
            stats: HeapStats::default(),
            marking: None,
            #[cfg(test)]
            mark_stack_bound: None,
            #[cfg(test)]
            slice_forced: None,
        };
        // SAFETY: the caller's promise.
        unsafe { context.write(HeapContext::new()) };
        heap
    }

    /// An object of `bytes` bytes, which are zero but for the header; at least 8, and rounded up to a
    /// multiple of it. `None` asks for a collection, after which a second `None` means that the memory
    /// is exhausted.
    #[inline]
    pub fn allocate(&mut self, type_id: u32, bytes: u64) -> Option<u32> {
        debug_assert!(type_id != FORWARDED && bytes >= u64::from(GRANULE));
        if bytes >= u64::from(LARGE_BYTES) {
            return self.allocate_large(type_id, bytes);
        }
        let bytes = (bytes as u32).next_multiple_of(GRANULE);
        let at = self.next();
        let next = at + bytes;
        // SAFETY: the context outlives the heap.
        if next > unsafe { (*self.context.as_ptr()).nursery_end } {
            return self.allocate_slow(type_id, bytes);
        }
        // SAFETY: as above.
        unsafe { (*self.context.as_ptr()).nursery_next = next };
        self.begin(at, type_id);
        Some(at)
    }

    /// An array of so many elements, zero all of them; as [`Heap::allocate`].
    #[inline]
    pub fn allocate_array(&mut self, type_id: u32, layout: &Layout, length: u32) -> Option<u32> {
        let at = self.allocate(type_id, layout.object_bytes(length))?;
        // SAFETY: an array has at least 8 bytes.
        unsafe { self.ground.at(at + ARRAY_LENGTH).cast::<u32>().write(length) };
        Some(at)
    }

    #[inline]
    fn begin(&mut self, at: u32, type_id: u32) {
        // SAFETY: the caller has just taken at least 8 bytes there.
        unsafe { self.ground.at(at).cast::<u32>().write(type_id) };
    }

    /// Clears more of the nursery, if there is any.
    #[cold]
    fn allocate_slow(&mut self, type_id: u32, bytes: u32) -> Option<u32> {
        let at = self.next();
        let next = at + bytes;
        if next > self.nursery.end() || (self.config.zeal && !self.has_credit) {
            return None;
        }
        if self.config.zeal {
            self.has_credit = false;
            self.clear(at, next);
            self.offer(next, next);
        } else {
            let upto = next.max(self.nursery.cleared + CLEARED_BYTES).min(self.nursery.end());
            self.clear(self.nursery.cleared, upto);
            self.offer(next, upto);
        }
        self.begin(at, type_id);
        Some(at)
    }

    fn clear(&mut self, from: u32, to: u32) {
        debug_assert!(from <= to && to <= self.nursery.end());
        // SAFETY: the range lies in the nursery, and no object does in it.
        unsafe { self.ground.at(from).write_bytes(0, (to - from) as usize) };
        self.nursery.cleared = to;
    }

    /// Publishes what may be bumped through.
    pub(super) fn offer(&mut self, nursery_next: u32, nursery_end: u32) {
        let (base, cards) = (self.ground.base(), self.ground.cards());
        let context = HeapContext { base, cards, nursery_next, nursery_end };
        // SAFETY: the context outlives the heap.
        unsafe { self.context.write(context) };
    }

    /// Where the next object of the nursery begins, as the context says.
    #[inline]
    pub(super) fn next(&self) -> u32 {
        // SAFETY: the context outlives the heap.
        unsafe { (*self.context.as_ptr()).nursery_next }
    }

    /// Bytes of the nursery's objects.
    pub(super) fn nursery_used(&self) -> u32 {
        self.next() - self.nursery.from
    }

    #[cold]
    fn allocate_large(&mut self, type_id: u32, bytes: u64) -> Option<u32> {
        // What can never be had is not collected for.
        let bytes = u32::try_from(bytes).ok().filter(|bytes| *bytes <= self.config.bytes_max)?;
        self.wanted = bytes;
        if self.config.zeal && !self.has_credit {
            return None;
        }
        let count = pages_of(bytes);
        if !self.large.reserve() {
            return None;
        }
        let page = self.pages.take_pages(count)?;
        if self.pages.free_blocks() < spare_blocks(self.nursery.bytes) {
            self.pages.give(page, count);
            return None;
        }
        (self.wanted, self.has_credit) = (0, false);
        self.large.add(page, count);
        let at = page * PAGE_BYTES;
        // SAFETY: the pages were free, and are this object's now.
        unsafe { self.ground.at(at).write_bytes(0, (count * PAGE_BYTES) as usize) };
        self.ground.set_start(at);
        self.stats.allocated_bytes += u64::from(bytes);
        self.begin(at, type_id);
        Some(at)
    }

    /// Empties the nursery. What it was is left as it is, for [`Heap::reset_nursery`].
    pub(super) fn minor(&mut self, layouts: &(impl Layouts + ?Sized), roots: &mut dyn Roots) {
        let used = self.nursery_used();
        let mut minor = Minor {
            ground: &mut self.ground,
            pages: &mut self.pages,
            old: &mut self.old,
            large: &mut self.large,
            layouts,
            stack: &mut self.stack,
            from: self.nursery.from,
            granules: used / GRANULE,
            has_young_large: false,
            marking: self.marking.as_mut().map(|(marking, _)| marking),
            promoted: 0,
            looked_at: 0,
        };
        minor.has_young_large = !minor.large.young.is_empty();
        minor.run(roots);
        let (promoted, looked_at) = (minor.promoted, minor.looked_at);
        let (ground, pages) = (&mut self.ground, &mut self.pages);
        let grown = self.large.promote(|large| {
            ground.clear_start(large.at);
            pages.give(large.at / PAGE_BYTES, large.pages);
        });
        if used > 0 {
            self.nursery.judge(promoted, looked_at);
        }
        self.grown += promoted + grown;
        self.stats.minor_collections += 1;
        self.stats.allocated_bytes += u64::from(used);
        self.stats.promoted_bytes += promoted;
        self.reset_nursery(used);
    }

    /// Makes the nursery empty again. With zeal the next objects go elsewhere than the last ones.
    fn reset_nursery(&mut self, used: u32) {
        let from = self.nursery.from;
        if self.config.zeal || cfg!(debug_assertions) {
            // SAFETY: the range lies in the nursery, and nothing in it is alive.
            unsafe { self.ground.at(from).write_bytes(POISON, used as usize) };
        }
        let is_room = from + used + LARGE_BYTES <= self.nursery.end();
        let from = if self.config.zeal && is_room { from + used } else { self.nursery.start };
        (self.nursery.from, self.nursery.cleared) = (from, from);
        self.offer(from, from);
    }

    /// Marks and sweeps everything at once. The nursery is empty.
    pub(super) fn major(
        &mut self,
        layouts: &(impl Layouts + ?Sized),
        roots: &mut dyn Roots,
        externs: &mut dyn FnMut(u32),
        force: bool,
    ) {
        debug_assert!(self.nursery_used() == 0 && self.large.young.is_empty());
        let is_begun = self.marking.take().is_some();
        // The lines of a marking that has not ended say nothing.
        let is_evacuating = !is_begun && self.choose_evacuated(force);
        self.begin_marking();
        let (_, state, moved) =
            self.mark(Marking::default(), layouts, roots, externs, u64::MAX, is_evacuating);
        self.sweep(state.live);
        self.stats.evacuated_bytes += moved;
    }

    /// Begins a marking in slices.
    pub(super) fn begin_slices(&mut self) {
        self.begin_marking();
        self.marking = Some(Default::default());
    }

    fn begin_marking(&mut self) {
        self.ground.clear_marks();
        self.old.begin_marking();
    }

    /// Makes a slice of the marking that is under way; says whether that ended it, and a major collection
    /// with it.
    pub(super) fn mark_slice(
        &mut self,
        layouts: &(impl Layouts + ?Sized),
        roots: &mut dyn Roots,
        externs: &mut dyn FnMut(u32),
        work: u64,
    ) -> bool {
        let Some((state, mut hosts)) = self.marking.take() else { return false };
        let mut add = |index| hosts.add(index);
        let (is_done, state, _) = self.mark(state, layouts, roots, &mut add, work, false);
        if !is_done {
            self.marking = Some((state, hosts));
            return false;
        }
        self.sweep(state.live);
        if !hosts.tell(externs) {
            self.major(layouts, roots, externs, false);
        }
        true
    }

    fn mark(
        &mut self,
        state: Marking,
        layouts: &(impl Layouts + ?Sized),
        roots: &mut dyn Roots,
        externs: &mut dyn FnMut(u32),
        work: u64,
        is_evacuating: bool,
    ) -> (bool, Marking, u64) {
        let (ground, pages, old) = (&self.ground, &mut self.pages, &mut self.old);
        let mut marker = Marker::new(ground, pages, old, layouts, externs, state);
        if is_evacuating {
            marker.evacuate_chosen();
        }
        #[cfg(test)]
        if let Some(bound) = self.mark_stack_bound {
            marker.bound_stack(bound);
        }
        let is_done = marker.run(roots, work);
        (is_done, marker.state, marker.moved)
    }

    /// Frees what was not marked.
    fn sweep(&mut self, live: u64) {
        self.ground.marks_become_starts();
        self.old.sweep(&mut self.pages);
        let (ground, pages) = (&self.ground, &mut self.pages);
        self.large.sweep(
            |at| ground.is_start(at),
            |large| pages.give(large.at / PAGE_BYTES, large.pages),
        );
        if self.config.zeal || cfg!(debug_assertions) {
            self.poison_holes();
        }
        (self.live, self.grown) = (live, 0);
        self.stats.major_collections += 1;
        self.stats.live_bytes = live;
    }

    /// Chooses the blocks to evacuate, if the old space is so fragmented that it is worth it, or `force`
    /// says so.
    fn choose_evacuated(&mut self, force: bool) -> bool {
        let all = u64::from(self.old.blocks()) * u64::from(BLOCK_BYTES);
        let force = force || self.config.zeal;
        if all == 0 || !(force || self.is_fragmented(EVACUATE_PER_CENT)) {
            return false;
        }
        self.old.choose_evacuated(self.pages.free_blocks(), self.config.zeal) > 0
    }

    /// Whether more than so many per cent of the old space's lines are free in blocks in use. Nothing is
    /// being marked.
    pub(super) fn is_fragmented(&self, per_cent: u64) -> bool {
        let all = u64::from(self.old.blocks()) * u64::from(BLOCK_BYTES);
        self.old.free_line_bytes() * 100 > all * per_cent
    }

    fn poison_holes(&mut self) {
        let ground = &self.ground;
        self.old.for_each_hole(|from, to| {
            // SAFETY: the range lies in blocks of the old space, and no live object touches it.
            unsafe { ground.at(from).write_bytes(POISON, (to - from) as usize) };
        });
    }

    /// Where the heap ends: no object is behind. What has been given back to the machine may lie before.
    #[must_use]
    pub(crate) fn extent(&self) -> u32 {
        self.ground.extent()
    }

    /// What the heap has done so far.
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        HeapStats {
            allocated_bytes: self.stats.allocated_bytes + u64::from(self.nursery_used()),
            heap_bytes: self.held(),
            nursery_bytes: u64::from(self.nursery.bytes),
            large_bytes: self.large.bytes(),
            ..self.stats
        }
    }
}

// SAFETY: the heap owns its memory; the context that it points to belongs to the store that owns it, and
// moves between threads together with it.
unsafe impl Send for Heap {}
// SAFETY: a shared heap is only read.
unsafe impl Sync for Heap {}

/// Free blocks that the survivors of a nursery of so many bytes need at worst: every object is smaller
/// than a quarter of a block, so that no end of a block wastes more; and two blocks are begun.
pub(super) fn spare_blocks(nursery_bytes: u32) -> u32 {
    if nursery_bytes == 0 { 0 } else { nursery_bytes / (BLOCK_BYTES - LARGE_BYTES) + 2 }
}
