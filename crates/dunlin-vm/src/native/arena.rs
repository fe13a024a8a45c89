//! Code that a module is given function by function, while guests run.
//!
//! 1. An [`Arena`] is a row of regions of a module's own, each twice as large as the one before up to a bound. What is
//!    added goes into the latest; a region that is full stays as it is, and its writable mapping goes.
//! 2. Adding a function is: its code and what it needs is written, the region's list of pieces grows by one, and then
//!    the module's pointers lead there (`ModuleCode::add_code`).
//! 3. Code that has been replaced stays until the module goes, since a frame may be using it. A function has one
//!    version for each tier at most, so that there is a bound; and all that an engine's modules have together is
//!    bounded by [`CodeLimit`].

use super::code::{self, PlacedCode};
use super::image::CodeImage;
use super::map;
use super::region::Region;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a module's first region: most modules have few functions that are worth compiling.
const REGION_BYTES_MIN: usize = 64 << 10;

/// Bytes of a region at most, unless a single function needs more.
const REGION_BYTES_MAX: usize = 1 << 20;

/// Bytes of a region for each piece that it may have: fewer than the smallest function with its ways in and out takes.
const PIECE_BYTES_MIN: usize = 128;

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
    regions: Vec<Arc<Region>>,
    /// Addresses of the ways in, by type index.
    ways_in: BTreeMap<u32, usize>,
    /// What has been taken of whose limit.
    taken: Option<(Arc<CodeLimit>, usize)>,
}

impl Arena {
    /// Places an image; `None` where there is no memory for it.
    pub(crate) fn add(
        &mut self,
        limit: &Arc<CodeLimit>,
        mut image: CodeImage<'_>,
    ) -> Option<PlacedCode<'_>> {
        let bytes = image.code.len();
        let mut found = self.regions.last().and_then(|latest| latest.add(&mut image));
        if found.is_none() {
            self.grow(limit, bytes)?;
            found = self.regions.last().and_then(|latest| latest.add(&mut image));
        }
        let region = self.regions.last()?;
        let piece = region.piece(found?)?;
        let placed = PlacedCode::new(region, piece);
        for (ty, address) in placed.ways_in() {
            self.ways_in.entry(ty).or_insert(address);
        }
        Some(placed)
    }

    /// Begins another region, in which there is room for so many bytes.
    fn grow(&mut self, limit: &Arc<CodeLimit>, bytes: usize) -> Option<()> {
        let usual = REGION_BYTES_MIN << self.regions.len().min(REGION_BYTES_MAX.ilog2() as usize);
        let bytes =
            usual.min(REGION_BYTES_MAX).max(bytes.checked_next_multiple_of(REGION_BYTES_MIN)?);
        // Offsets are 32 bits wide.
        u32::try_from(bytes).ok()?;
        if !limit.take(bytes) {
            return None;
        }
        let (_, taken) = self.taken.get_or_insert_with(|| (limit.clone(), 0));
        *taken += bytes;
        let region = Arc::new(Region::growing(bytes, bytes / PIECE_BYTES_MIN)?);
        map::register(&region);
        self.regions.push(region);
        Some(())
    }

    /// The way in for functions of the type of this index, if there is one.
    pub(crate) fn way_in(&self, ty: u32) -> Option<usize> {
        self.ways_in.get(&ty).copied()
    }

    /// Bytes of all regions.
    pub(crate) fn bytes(&self) -> usize {
        self.taken.as_ref().map_or(0, |(_, bytes)| *bytes)
    }

    /// The functions whose code is at `pc`, if it is of this module, as `NativeCode::frames` says.
    pub(crate) fn frames(&self, pc: usize) -> Option<Vec<(u32, u32)>> {
        let region = self.regions.iter().find(|region| region.contains(pc))?;
        code::frames(region, pc)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for region in &self.regions {
            map::remove(region);
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
}
