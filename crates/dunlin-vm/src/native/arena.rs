//! Code that a module is given function by function, while guests run.
//!
//! 1. An [`Arena`] is a row of regions of a module's own, each twice as large as the one before up to a bound. What is
//!    added goes where there is room first.
//! 2. Adding a function is: its code and what it needs is written, the region's table of pieces says where it is, and
//!    then the module's pointers lead there (`ModuleCode::add_code`). Code of one function alone is a piece of its own.
//! 3. Code that has been replaced is *retired*: nothing leads to it any more, but a thread may be in it, or have a frame
//!    there. When that is over (`inside`) its piece goes, other code may come where it was, and a region with nothing in
//!    it is given back.
//! 4. All that an engine's modules have together is bounded by [`CodeLimit`].

use super::code::{self, PlacedCode};
use super::image::CodeImage;
use super::inside;
use super::map;
use super::region::{GRANULE_BYTES, Region, TakenOut};
use crate::sys;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use dunlin_module::Unit;

/// Bytes of a module's first region: most modules have few functions that are worth compiling.
const REGION_BYTES_MIN: usize = 64 << 10;

/// Bytes of a region at most, unless a single function needs more.
const REGION_BYTES_MAX: usize = 1 << 20;

/// How many bytes of memory for code an engine's modules may have together.
#[derive(Debug)]
pub struct CodeLimit {
    most: usize,
    left: AtomicUsize,
}

impl CodeLimit {
    /// A limit of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { most: bytes, left: AtomicUsize::new(bytes) })
    }

    /// Bytes in all.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// Bytes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let rest = |left: usize| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }
}

/// A module's regions.
#[derive(Default)]
pub(crate) struct Arena {
    spaces: Vec<Space>,
    /// Addresses of the ways in, by type index.
    ways_in: BTreeMap<u32, usize>,
    /// Pieces that are code of one function alone, or of a way into one of its loops, by their addresses.
    owners: BTreeMap<Unit, usize>,
    /// Code that has been replaced, in the order in which it was.
    retired: Vec<Retired>,
    /// Bytes of all pieces, and of those that have been freed.
    used: usize,
    freed: u64,
    /// What has been taken of whose limit.
    taken: Option<(Arc<CodeLimit>, usize)>,
}

/// Code to which nothing leads any more.
struct Retired {
    unit: Unit,
    base: usize,
    epoch: u64,
}

/// A region, and where there is room in it.
struct Space {
    region: Arc<Region>,
    /// Free bytes: where they begin and end. No two of them touch.
    holes: BTreeMap<usize, usize>,
    /// Behind this there has never been anything.
    fresh: usize,
}

impl Space {
    fn new(bytes: usize) -> Option<Self> {
        let region = Arc::new(Region::growing(bytes)?);
        map::register(&region);
        Some(Self { region, holes: BTreeMap::from([(0, bytes)]), fresh: 0 })
    }

    /// Where there is room for so many bytes.
    fn find(&self, bytes: usize) -> Option<usize> {
        let fits = |(start, end): (&usize, &usize)| (end - start >= bytes).then_some(*start);
        self.holes.iter().find_map(fits)
    }

    /// Takes bytes at the beginning of a hole. Whether there was other code before, or may have been.
    fn take(&mut self, start: usize, bytes: usize) -> bool {
        if let Some(end) = self.holes.remove(&start)
            && start + bytes < end
        {
            self.holes.insert(start + bytes, end);
        }
        let was_used = start < self.fresh;
        self.fresh = self.fresh.max(start + bytes);
        was_used
    }

    /// Makes bytes free; the hole that they are in now.
    fn give_back(&mut self, bytes: Range<usize>) -> Range<usize> {
        let Range { mut start, mut end } = bytes;
        if let Some(behind) = self.holes.remove(&end) {
            end = behind;
        }
        if let Some((before, _)) = self.holes.range(..start).next_back().filter(|of| *of.1 == start)
        {
            start = *before;
        }
        self.holes.insert(start, end);
        start..end
    }

    fn is_empty(&self) -> bool {
        self.holes.get(&0) == Some(&self.region.capacity())
    }
}

impl Arena {
    /// Places an image; `None` where there is no memory for it.
    pub(crate) fn add(
        &mut self,
        limit: &Arc<CodeLimit>,
        image: CodeImage<'_>,
    ) -> Option<PlacedCode<'_>> {
        let bytes = image.code.len().max(1).checked_next_multiple_of(GRANULE_BYTES)?;
        let find = |(at, space): (usize, &Space)| Some((at, space.find(bytes)?));
        let found = self.spaces.iter().enumerate().find_map(find);
        let (at, start) = match found {
            Some(found) => found,
            None => (self.grow(limit, bytes)?, 0),
        };
        let space = &mut self.spaces[at];
        let was_used = space.take(start, bytes);
        // SAFETY: holes have no pieces, and nobody runs what was there: it has been freed, or there was nothing.
        let is_added = unsafe { space.region.add(image, start) };
        // A processor may have fetched what was there before.
        if !is_added || was_used && !sys::native::synchronize_cores() {
            return None;
        }
        self.used += bytes;
        let region = &self.spaces[at].region;
        let placed = PlacedCode::new(region, region.piece(region.base() + start)?);
        for (ty, address) in placed.ways_in() {
            self.ways_in.entry(ty).or_insert(address);
        }
        Some(placed)
    }

    /// Begins another region, in which there is room for so many bytes; which one it is.
    fn grow(&mut self, limit: &Arc<CodeLimit>, bytes: usize) -> Option<usize> {
        let usual = REGION_BYTES_MIN << self.spaces.len().min(REGION_BYTES_MAX.ilog2() as usize);
        let bytes =
            usual.min(REGION_BYTES_MAX).max(bytes.checked_next_multiple_of(REGION_BYTES_MIN)?);
        // Offsets are 32 bits wide.
        u32::try_from(bytes).ok()?;
        if !limit.take(bytes) {
            return None;
        }
        let (_, taken) = self.taken.get_or_insert_with(|| (limit.clone(), 0));
        *taken += bytes;
        if let Some(full) = self.spaces.last() {
            full.region.rest();
        }
        self.spaces.push(Space::new(bytes)?);
        Some(self.spaces.len() - 1)
    }

    /// The way in for functions of the type of this index, if there is one.
    pub(crate) fn way_in(&self, ty: u32) -> Option<usize> {
        self.ways_in.get(&ty).copied()
    }

    /// Bytes of the code, the room between pieces included.
    pub(crate) fn bytes(&self) -> usize {
        self.used
    }

    /// Bytes of code that has been freed, because other code had replaced it.
    pub(crate) fn freed(&self) -> u64 {
        self.freed
    }

    /// Notes that the piece at an address is one unit's alone. What was before is retired: the module's pointers lead to
    /// the new one already.
    pub(crate) fn own(&mut self, unit: Unit, base: usize) {
        self.retire(unit);
        self.owners.insert(unit, base);
    }

    /// Retires a unit's code, if there is a piece of its own: the module's pointers do not lead there any more.
    pub(crate) fn retire(&mut self, unit: Unit) {
        if let Some(base) = self.owners.remove(&unit) {
            self.retired.push(Retired { unit, base, epoch: inside::retire() });
        }
    }

    /// Whether code has been replaced that is still there.
    pub(crate) fn has_retired(&self) -> bool {
        !self.retired.is_empty()
    }

    /// Frees code that has been replaced, as far as no thread uses it any more; what it was of.
    pub(crate) fn reclaim(&mut self) -> Vec<Unit> {
        let Some(latest) = self.retired.last().map(|last| last.epoch) else { return Vec::new() };
        let Some(threads) = inside::look(latest) else { return Vec::new() };
        let is_free = |of: &mut Retired| threads.have_left(of.base, of.epoch);
        let free: Vec<Retired> = self.retired.extract_if(.., is_free).collect();
        let (mut taken, mut places) = (Vec::new(), Vec::new());
        for Retired { base, .. } in &free {
            let Some(at) = self.space_of(*base) else { continue };
            let region = &self.spaces[at].region;
            let Some(bytes) = region.piece(*base).map(|piece| piece.bytes) else { continue };
            let start = base - region.base();
            places.push((at, start..(start + bytes.max(1)).next_multiple_of(GRANULE_BYTES)));
            taken.extend(region.take_out(*base));
        }
        if !taken.is_empty() {
            TakenOut::free_all(taken);
        }
        for (at, bytes) in places {
            self.used -= bytes.len();
            self.freed += bytes.len() as u64;
            let space = &mut self.spaces[at];
            let hole = space.give_back(bytes.clone());
            // SAFETY: all threads have left the code, nothing leads there, and its piece is gone; the rest of the hole
            // was free before.
            unsafe { space.region.clear(bytes, hole) };
        }
        self.give_back_empty();
        free.into_iter().map(|of| of.unit).collect()
    }

    fn space_of(&self, pc: usize) -> Option<usize> {
        self.spaces.iter().position(|space| space.region.contains(pc))
    }

    /// Gives regions back that have nothing in them any more.
    fn give_back_empty(&mut self) {
        let mut bytes = 0;
        self.spaces.retain(|space| {
            let is_empty = space.is_empty();
            if is_empty {
                map::remove(&space.region);
                bytes += space.region.capacity();
            }
            !is_empty
        });
        if let Some((limit, taken)) = &mut self.taken {
            *taken -= bytes;
            limit.left.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// The functions whose code is at `pc`, if it is of this module, as `NativeCode::frames` says.
    pub(crate) fn frames(&self, pc: usize) -> Option<Vec<(u32, u32)>> {
        code::frames(&self.spaces[self.space_of(pc)?].region, pc)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for space in &self.spaces {
            map::remove(&space.region);
        }
        if let Some((limit, bytes)) = &self.taken {
            limit.left.fetch_add(*bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::{Arena, CodeLimit, REGION_BYTES_MIN};
    use crate::native::{CodeImage, map};
    use alloc::vec;
    use dunlin_core::TrapCode;
    use dunlin_module::Unit;

    fn image(func: u32, bytes: usize) -> CodeImage<'static> {
        CodeImage {
            code: vec![0xcc; bytes].into(),
            units: vec![(0, bytes as u32, Unit::Func(func))],
            traps: vec![(7, TrapCode::OutOfFuel)],
            source: vec![(0, 100 + func)],
            ..CodeImage::default()
        }
    }

    #[test]
    fn pieces_are_found_by_their_addresses_in_whichever_region_they_are() {
        if !crate::native::is_supported() {
            return;
        }
        let limit = CodeLimit::new(3 * REGION_BYTES_MIN);
        let mut arena = Arena::default();
        let mut bases = vec![];
        // A thousand bytes each, more than the first region has.
        for func in 0..150 {
            let placed = arena.add(&limit, image(func, 1000)).expect("room");
            bases.push(placed.pieces().next().expect("a unit").1);
        }
        assert_eq!(limit.left(), 0);
        for (func, base) in (0..).zip(&bases) {
            assert_eq!(arena.frames(base + 10), Some(vec![(func, 100 + func)]));
            assert_eq!(map::look_up(base + 7, |of| of.trap(base + 7)), Some(TrapCode::OutOfFuel));
            assert!(map::look_up(base + 1000, |of| of.unit(base + 1000)).is_none());
        }
        while arena.add(&limit, image(0, 1000)).is_some() {}
        drop(arena);
        assert_eq!(limit.left(), 3 * REGION_BYTES_MIN);
        assert!(map::look_up(bases[0] + 7, |of| of.trap(bases[0] + 7)).is_none());
    }

    /// Adds a function's code, as `ModuleCode` does it; where it is.
    fn replace(
        arena: &mut Arena,
        limit: &alloc::sync::Arc<CodeLimit>,
        func: u32,
        bytes: usize,
    ) -> usize {
        let base = arena.add(limit, image(func, bytes)).expect("room").address(0);
        arena.own(Unit::Func(func), base);
        base
    }

    fn wait_for(arena: &mut Arena, count: usize) -> vec::Vec<Unit> {
        let mut freed = vec![];
        while freed.len() < count {
            freed.extend(arena.reclaim());
            // Guests of other tests may be inside.
            std::thread::yield_now();
        }
        freed
    }

    #[test]
    fn what_is_replaced_goes_and_other_code_comes_where_it_was() {
        if !crate::native::is_supported() || !crate::sys::native::barrier() {
            return;
        }
        let limit = CodeLimit::new(4 * REGION_BYTES_MIN);
        let mut arena = Arena::default();
        let first = [0, 1, 2].map(|func| replace(&mut arena, &limit, func, 1000));
        assert_eq!((arena.bytes(), arena.freed()), (3 * 1024, 0));
        // Who is inside may be in it.
        let inside = crate::native::Inside::enter();
        let second = [1, 0].map(|func| replace(&mut arena, &limit, func, 2000));
        assert!(arena.reclaim().is_empty() && arena.has_retired());
        assert_eq!(arena.frames(first[1] + 10), Some(vec![(1, 101)]));
        drop(inside);
        let mut freed = wait_for(&mut arena, 2);
        freed.sort_unstable();
        assert_eq!(freed, [Unit::Func(0), Unit::Func(1)]);
        assert_eq!((arena.bytes(), arena.freed()), (1024 + 2 * 2048, 2048));
        assert!(!arena.has_retired() && arena.frames(first[1] + 10).is_none());
        assert!(map::look_up(first[0] + 7, |of| of.unit(first[0] + 7)).is_none());
        // Both holes are one.
        assert_eq!(replace(&mut arena, &limit, 3, 2048), first[0]);
        assert_eq!(arena.frames(first[1] + 10), Some(vec![(3, 103)]));
        assert_eq!(arena.frames(second[0] + 10), Some(vec![(1, 101)]));
    }

    #[test]
    fn a_region_with_nothing_in_it_is_given_back() {
        if !crate::native::is_supported() || !crate::sys::native::barrier() {
            return;
        }
        let limit = CodeLimit::new(4 * REGION_BYTES_MIN);
        let mut arena = Arena::default();
        let large = REGION_BYTES_MIN - 64;
        replace(&mut arena, &limit, 0, large);
        replace(&mut arena, &limit, 1, 1000);
        assert_eq!(limit.left(), REGION_BYTES_MIN);
        let there = replace(&mut arena, &limit, 0, 1000);
        assert_eq!(wait_for(&mut arena, 1), [Unit::Func(0)]);
        assert_eq!((limit.left(), arena.bytes()), (2 * REGION_BYTES_MIN, 2048));
        assert_eq!(arena.frames(there + 3), Some(vec![(0, 100)]));
    }
}
