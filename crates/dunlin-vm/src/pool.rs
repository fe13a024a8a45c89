//! The slots of a pool: address space for memories, reserved once and used again and again.
//!
//! Slots lie one after the other in a few reservations, a *stride* apart: the whole range of a 32-bit
//! address and its guard where memories are guarded, the largest memory of the pool where they are dense.
//! A dense reservation is one mapping, open from end to end, however many slots it has. There is more
//! than one because programs and libraries lie in the middle of the address space.
//!
//! 1. A slot is taken for a memory with a certain image, or none. One that last held the same image is
//!    taken first: its image is mapped already. Then one without, then one never used, then any other.
//! 2. It is prepared: another image's mapping is replaced, and what is open is made to fit.
//! 3. It is given back: the pages that were written are written again with what they held at first, if
//!    they are few and the kernel says which; else all are given back to the kernel. This happens before
//!    anybody else can take the slot. A slot that could not be reset is never used again.
//!
//! Invariants: the bytes of a free slot that are open hold its image and zeros, and so do those that
//! are closed; a slot's handle is the only way to its bytes.

use crate::image::MemoryImage;
use crate::resources::{PoolConfig, Refusal, Resources};
use crate::sync::Mutex;
use crate::sys::{self, PAGE, Region};
use crate::tuning::{IMAGE_COPIED_BYTES_MAX, RESET_PAGES_MAX, SPARE_SLOTS};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use dunlin_core::limits::{GUARDED_MEMORY_BYTES, MEMORY_GUARD_BYTES, PAGE_BYTES};

/// Images that memories of a dense pool map, at most: each takes two of the kernel's mappings, and a
/// process has 65,530. Beyond, images are copied.
const DENSE_IMAGES_MAX: usize = 16_384;

/// Slots of a reservation: one terabyte of guarded ones.
const REGION_SLOTS: u32 = 256;

/// What a slot holds.
struct Contents {
    image: Option<Arc<MemoryImage>>,
    /// Whether the image is mapped; else it was copied.
    is_mapped: bool,
    /// Bytes that are open, from the beginning on.
    open: usize,
}

/// A slot in use, or about to be given back.
struct Taken {
    index: u32,
    contents: Contents,
}

#[derive(Default)]
struct Free {
    /// Slots from here on have never been used.
    unused_from: u32,
    /// Free slots by the number of their image; 0 for those without.
    by_image: BTreeMap<usize, Vec<Taken>>,
    /// Images that are mapped in slots of a dense pool.
    images_mapped: usize,
}

/// The slots of a pool.
pub(crate) struct Slots {
    regions: Vec<Region>,
    region_slots: u32,
    stride: usize,
    count: u32,
    memory_bytes_max: usize,
    guarded: bool,
    reset_pages_max: usize,
    free: Mutex<Free>,
}

impl Slots {
    /// A few slots of guarded memories, for engines without a pool.
    pub(crate) fn spare() -> Option<Self> {
        let config = PoolConfig {
            instances: usize::MAX,
            memories: SPARE_SLOTS,
            memory_bytes_max: usize::try_from(GUARDED_MEMORY_BYTES).ok()?,
            memory_resident_bytes_max: RESET_PAGES_MAX * PAGE,
            tables: usize::MAX,
            table_elements_max: u64::MAX,
        };
        Self::new(&config, true)
    }

    /// Reserves address space; `None` where it is not to be had.
    pub(crate) fn new(config: &PoolConfig, guarded: bool) -> Option<Self> {
        let page = PAGE_BYTES as usize;
        let memory_bytes_max = config.memory_bytes_max.checked_next_multiple_of(page)?;
        let (memory_bytes_max, stride) = if guarded {
            let whole = usize::try_from(GUARDED_MEMORY_BYTES).ok()?;
            (memory_bytes_max.min(whole), whole + MEMORY_GUARD_BYTES as usize)
        } else {
            (memory_bytes_max, memory_bytes_max.max(page))
        };
        // Dense reservations side by side would be one mapping anyway.
        let region_slots = if guarded { REGION_SLOTS } else { config.memories.max(1) };
        let mut regions = Vec::new();
        let mut rest = config.memories;
        while rest > 0 {
            let slots = rest.min(region_slots);
            regions.push(new_region(stride.checked_mul(slots as usize)?, guarded)?);
            rest -= slots;
        }
        Some(Self {
            regions,
            region_slots,
            stride,
            count: config.memories,
            memory_bytes_max,
            guarded,
            reset_pages_max: (config.memory_resident_bytes_max / PAGE).min(RESET_PAGES_MAX),
            free: Mutex::default(),
        })
    }

    /// A slot of `len` bytes that hold the image and zeros.
    fn take(&self, len: usize, image: Option<&Arc<MemoryImage>>) -> Result<Taken, Refusal> {
        if len > self.memory_bytes_max {
            let max = self.memory_bytes_max as u64;
            return Err(Refusal::TooLargeForPool { what: "memory", wanted: len as u64, max });
        }
        let Some(mut taken) = self.pop(image.map_or(0, |image| image.id())) else {
            let max = self.count as usize;
            return Err(Refusal::PoolExhausted { what: "memories", max });
        };
        if self.prepare(&mut taken, len, image) {
            return Ok(taken);
        }
        // The slot may hold anything: it is given up.
        Err(Refusal::Machine)
    }

    fn pop(&self, image: usize) -> Option<Taken> {
        let mut free = self.free.lock();
        for image in [image, 0] {
            if let Some(taken) = free.by_image.get_mut(&image).and_then(Vec::pop) {
                return Some(taken);
            }
        }
        if free.unused_from < self.count {
            let index = free.unused_from;
            free.unused_from += 1;
            let open = if self.guarded { 0 } else { self.stride };
            let contents = Contents { image: None, is_mapped: false, open };
            return Some(Taken { index, contents });
        }
        free.by_image.values_mut().find_map(Vec::pop)
    }

    fn prepare(&self, taken: &mut Taken, len: usize, image: Option<&Arc<MemoryImage>>) -> bool {
        let before = taken.contents.image.as_ref().map_or(0, |image| image.id());
        let is_same = before == image.map_or(0, |image| image.id());
        if !is_same && !self.remove_image(taken) {
            return false;
        }
        if self.guarded && taken.contents.open != len {
            let (open, (region, start)) = (taken.contents.open, self.place(taken.index));
            let done = if open < len {
                region.open(start + open..start + len)
            } else {
                region.close(start + len..start + open)
            };
            if !done {
                return false;
            }
            taken.contents.open = len;
        }
        if let Some(image) = image.filter(|_| !is_same) {
            self.add_image(taken, image);
        }
        true
    }

    /// Makes a slot without image zero where it had one; says whether it could.
    fn remove_image(&self, taken: &mut Taken) -> bool {
        let Some(image) = taken.contents.image.take() else { return true };
        let (range, (region, start)) = (image.range(), self.place(taken.index));
        if !taken.contents.is_mapped {
            let copied = range.start..range.start + image.used();
            // SAFETY: the slot is nobody else's, and open where its image was copied to.
            unsafe { self.bytes(taken.index, copied) }.fill(0);
            return true;
        }
        taken.contents.is_mapped = false;
        if !self.guarded {
            self.free.lock().images_mapped -= 1;
        }
        // SAFETY: the slot is nobody else's.
        unsafe { region.map_zeros(start + range.start..start + range.end) }
    }

    /// Maps or copies an image into a slot that is zero and open where the image goes.
    fn add_image(&self, taken: &mut Taken, image: &Arc<MemoryImage>) {
        let (region, start) = self.place(taken.index);
        // SAFETY: the slot is nobody else's.
        let map = || unsafe { region.map_image(start + image.range().start, image.file()) };
        let may_map = self.may_map(image);
        taken.contents.is_mapped = may_map && map();
        if may_map && !taken.contents.is_mapped && !self.guarded {
            self.free.lock().images_mapped -= 1;
        }
        if !taken.contents.is_mapped {
            // SAFETY: the slot is nobody else's, and open where the image goes.
            image.copy_to(unsafe { self.bytes(taken.index, 0..image.range().end) });
        }
        taken.contents.image = Some(image.clone());
    }

    fn may_map(&self, image: &MemoryImage) -> bool {
        if self.guarded {
            return true;
        }
        if image.used() <= IMAGE_COPIED_BYTES_MAX {
            return false;
        }
        let mut free = self.free.lock();
        let may = free.images_mapped < DENSE_IMAGES_MAX;
        free.images_mapped += usize::from(may);
        may
    }

    /// Gives a slot back of which the first `len` bytes may have been written, unless `is_clean`.
    fn give_back(&self, taken: Taken, len: usize, is_clean: bool) {
        if is_clean || self.reset(&taken, len) {
            let image = taken.contents.image.as_ref().map_or(0, |image| image.id());
            self.free.lock().by_image.entry(image).or_default().push(taken);
        }
    }

    /// Makes the first `len` bytes hold the image and zeros again; says whether it could.
    fn reset(&self, taken: &Taken, len: usize) -> bool {
        // Memories may end anywhere; slots are whole pages, and what is behind a memory's end is zero.
        let len = len.next_multiple_of(PAGE);
        let (region, start) = self.place(taken.index);
        let image = taken.contents.image.as_deref();
        let base = self.base(taken.index);
        let few = sys::written(base, len, self.reset_pages_max, |range| {
            // SAFETY: the slot is nobody else's, and the range lies within what was open to its user.
            let bytes = unsafe { self.bytes(taken.index, range.clone()) };
            MemoryImage::restore(image, &range, bytes);
        });
        if few {
            return true;
        }
        // SAFETY: the slot is nobody else's.
        if !unsafe { region.discard(start..start + len) } {
            return false;
        }
        if let Some(image) = image.filter(|_| !taken.contents.is_mapped) {
            // SAFETY: as above; the image lies within the bytes that are open.
            image.copy_to(unsafe { self.bytes(taken.index, 0..image.range().end) });
        }
        true
    }

    /// Frees what free slots hold of an image whose module is gone.
    pub(crate) fn forget(&self, image: usize) {
        let mut slots = self.free.lock().by_image.remove(&image).unwrap_or_default();
        slots.retain_mut(|taken| self.remove_image(taken));
        self.free.lock().by_image.entry(0).or_default().append(&mut slots);
    }

    /// The reservation that a slot is in, and where it begins there.
    fn place(&self, index: u32) -> (&Region, usize) {
        let region = &self.regions[(index / self.region_slots) as usize];
        (region, (index % self.region_slots) as usize * self.stride)
    }

    fn base(&self, index: u32) -> *mut u8 {
        let (region, start) = self.place(index);
        region.base().wrapping_add(start)
    }

    /// Bytes of a slot.
    ///
    /// # Safety
    ///
    /// The slot is the caller's, its range is open, and nobody else holds a reference into it.
    #[allow(clippy::mut_from_ref, reason = "the bytes are the slot's, which the caller has")]
    unsafe fn bytes(&self, index: u32, range: core::ops::Range<usize>) -> &mut [u8] {
        assert!(range.end <= self.stride, "a range of the slot");
        let at = self.base(index).wrapping_add(range.start);
        // SAFETY: the caller's promise; a slot lies within the region.
        unsafe { core::slice::from_raw_parts_mut(at, range.len()) }
    }
}

fn new_region(bytes: usize, guarded: bool) -> Option<Region> {
    let region = Region::reserve(bytes)?;
    region.use_small_pages();
    (guarded || region.open(0..bytes)).then_some(region)
}

/// A slot in use by a memory; given back when it is dropped.
pub(crate) struct Slot {
    resources: Arc<Resources>,
    /// Taken out only when the slot is given back.
    taken: Option<Taken>,
    len: usize,
    is_clean: bool,
}

impl Slot {
    /// A slot of the pool's, of `len` bytes that hold the image and zeros. `None` where the pool has no
    /// slots of its own.
    pub(crate) fn take(
        resources: &Arc<Resources>,
        len: usize,
        image: Option<&Arc<MemoryImage>>,
    ) -> Option<Result<Self, Refusal>> {
        let slots = resources.slots()?;
        Some(slots.take(len, image).map(|taken| Self {
            resources: resources.clone(),
            taken: Some(taken),
            len,
            is_clean: false,
        }))
    }

    /// The first byte; it stays where it is.
    pub(crate) fn base(&self) -> *mut u8 {
        match (self.resources.slots(), &self.taken) {
            (Some(slots), Some(taken)) => slots.base(taken.index),
            _ => core::ptr::NonNull::dangling().as_ptr(),
        }
    }

    /// Makes it `len` bytes long, no fewer than before; says whether it could.
    pub(crate) fn grow(&mut self, len: usize) -> bool {
        let (Some(slots), Some(taken)) = (self.resources.slots(), &mut self.taken) else {
            return false;
        };
        if len > slots.memory_bytes_max {
            return false;
        }
        if slots.guarded && len > taken.contents.open {
            let (region, start) = slots.place(taken.index);
            if !region.open(start + taken.contents.open..start + len) {
                return false;
            }
            taken.contents.open = len;
        }
        self.len = len;
        true
    }

    /// Whether it is address space for all that an address reaches, and a guard.
    #[cfg(feature = "native")]
    pub(crate) fn is_guarded(&self) -> bool {
        self.resources.slots().is_some_and(|slots| slots.guarded)
    }

    /// Promises that nobody has written to the slot.
    pub(crate) fn set_clean(&mut self) {
        self.is_clean = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let (Some(slots), Some(taken)) = (self.resources.slots(), self.taken.take()) {
            slots.give_back(taken, self.len, self.is_clean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{MemoryStrategy, ResourcesConfig};
    use crate::sys::protection;

    const PAGE64: usize = PAGE_BYTES as usize;

    fn resources(strategy: MemoryStrategy, memories: u32) -> Arc<Resources> {
        let pool = PoolConfig {
            instances: 10,
            memories,
            memory_bytes_max: 8 * PAGE64,
            memory_resident_bytes_max: 1 << 20,
            tables: 10,
            table_elements_max: 10,
        };
        let config = ResourcesConfig { strategy, pool: Some(pool), stacks_kept: 0 };
        Arc::new(Resources::new(config).expect("address space"))
    }

    fn take(resources: &Arc<Resources>, len: usize) -> Slot {
        let taken = Slot::take(resources, len, None).expect("a pool");
        taken.unwrap_or_else(|refusal| panic!("a free slot: {refusal}"))
    }

    #[test]
    fn a_guarded_slot_is_open_as_far_as_its_memory_goes() {
        if !sys::CAN_RESERVE {
            return;
        }
        let resources = resources(MemoryStrategy::Guarded, 1);
        for (len, grown) in [(3, 5), (1, 8), (0, 0), (2, 2)] {
            let mut slot = take(&resources, len * PAGE64);
            let base = slot.base() as usize;
            let ends_at = |end: usize| {
                if end > 0 {
                    assert!(protection(base + end - 1).is_none_or(|is| is == "rw-p"));
                }
                for beyond in [end, (1 << 32) - 1, (1 << 32) + MEMORY_GUARD_BYTES as usize - 1] {
                    let is_closed = protection(base + beyond).is_none_or(|is| is == "---p");
                    assert!(is_closed, "{end} {beyond}");
                }
            };
            ends_at(len * PAGE64);
            assert!(slot.grow(grown * PAGE64));
            ends_at(grown * PAGE64);
            assert!(!slot.grow(9 * PAGE64));
        }
    }

    #[test]
    fn slots_of_all_reservations_are_apart() {
        if !sys::CAN_RESERVE {
            return;
        }
        let count = REGION_SLOTS * 2 + 3;
        let resources = resources(MemoryStrategy::Guarded, count);
        let slots: Vec<Slot> = (0..count).map(|_| take(&resources, PAGE64)).collect();
        assert!(Slot::take(&resources, PAGE64, None).is_some_and(|slot| slot.is_err()));
        let mut bases: Vec<usize> = slots.iter().map(|slot| slot.base() as usize).collect();
        bases.sort_unstable();
        let stride = (GUARDED_MEMORY_BYTES + MEMORY_GUARD_BYTES) as usize;
        assert!(bases.windows(2).all(|pair| pair[1] - pair[0] >= stride));
    }

    #[test]
    fn a_dense_slot_has_as_much_as_the_pool_says() {
        if !sys::CAN_RESERVE {
            return;
        }
        let resources = resources(MemoryStrategy::Dense, 2);
        let [mut first, second] = [take(&resources, PAGE64), take(&resources, 8 * PAGE64)];
        assert_eq!((first.base() as usize).abs_diff(second.base() as usize), 8 * PAGE64);
        assert!(first.grow(8 * PAGE64) && !first.grow(9 * PAGE64));
    }
}
