//! Shared memories: linear memories that several stores have at once, on as many threads.
//!
//! A shared memory reserves its maximum when it is made, so that it never moves; growing opens more of what is
//! reserved and then publishes the new length, which is an atomic. Its definition stands beside it, and every
//! instance of every store that has the memory points there. So:
//!
//! * Compiled code of modules that declare a memory as shared reads the length from the definition, atomically,
//!   where it checks bounds, and needs no length where a guard does.
//! * The interpreter compares with the length cached in its context first, which may be an old one but is never
//!   too large, and asks the definition before it traps ([`MemoryDef::read`]).
//! * No reference to the bytes is ever made: others may write to them at any time. What the host wants of them
//!   is copied through raw pointers. A race of such a copy with a guest gives the host some mixture of old and
//!   new bytes, never anything else: the copies are calls of `memmove`, of which a compiler assumes nothing.
//!
//! The split into a length that grows and a base that does not, and the table of waiting threads beside the
//! memory, follow Wasmtime's shared memories.

use crate::context::MemoryDef;
use crate::image::MemoryImage;
use crate::memory::{byte_len, pages_max};
#[cfg(feature = "std")]
use crate::parking::{Parking, Until};
use crate::resources::{MemoryStrategy, Refusal, Resources};
use crate::sync::Mutex;
use crate::sys::{CAN_RESERVE, Pages, Region};
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use dunlin_core::limits::{GUARDED_MEMORY_BYTES, MEMORY_GUARD_BYTES, PAGE_BYTES};
use dunlin_core::{MemoryType, TrapCode};

/// Memory is opened in multiples of so many bytes: what is beyond the length of a memory of smaller pages
/// is not guarded, and every access of those is checked.
const OPENED_BYTES: usize = PAGE_BYTES as usize;

/// A memory that several stores may have. Clones are the same memory.
#[derive(Clone)]
pub struct SharedMemory(Arc<Inner>);

struct Inner {
    /// The base never changes; the length is read and written atomically.
    def: UnsafeCell<MemoryDef>,
    place: Place,
    ty: MemoryType,
    /// Held while the memory grows.
    growth: Mutex<()>,
    #[cfg(feature = "std")]
    parking: Parking,
    resources: Arc<Resources>,
}

// SAFETY: the definition's base is written before anybody else sees it, and its length is an atomic; the bytes
// are only touched through raw pointers.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

/// Where the bytes are: as many as the memory can ever have.
enum Place {
    /// Reserved address space, opened as far as the memory reaches, and whether it ends with a guard.
    #[cfg_attr(not(feature = "native"), expect(dead_code, reason = "guards are for native code"))]
    Reserved(Region, bool),
    /// From the allocator, where nothing can be reserved.
    Whole(Pages),
}

impl Place {
    /// Room for `max` bytes, of which `len` are there at first.
    fn new(ty: MemoryType, len: usize, max: usize, strategy: MemoryStrategy) -> Option<Self> {
        if !CAN_RESERVE {
            return Pages::new(max).map(Self::Whole);
        }
        // What a guard protects ends with a page of the machine.
        let may_guard = !ty.memory64 && ty.has_plain_pages();
        let guarded = may_guard && strategy == MemoryStrategy::Guarded;
        let reserved = if guarded {
            usize::try_from(GUARDED_MEMORY_BYTES + MEMORY_GUARD_BYTES).ok()?
        } else {
            max.max(1).checked_next_multiple_of(OPENED_BYTES)?
        };
        let place = Self::Reserved(Region::reserve(reserved)?, guarded);
        place.open(0..len).then_some(place)
    }

    fn base(&self) -> *mut u8 {
        match self {
            Self::Reserved(region, _) => region.base(),
            Self::Whole(pages) => pages.base(),
        }
    }

    fn open(&self, range: Range<usize>) -> bool {
        match self {
            Self::Reserved(region, _) => {
                let start = range.start / OPENED_BYTES * OPENED_BYTES;
                region.open(start..range.end.next_multiple_of(OPENED_BYTES))
            }
            Self::Whole(_) => true,
        }
    }
}

/// What became of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Somebody woke it: the operator's 0.
    Woken,
    /// The value was another than the expected one: 1.
    Mismatch,
    /// The time was over: 2.
    TimedOut,
    /// The store's guests are asked to stop.
    Interrupted,
}

impl SharedMemory {
    /// A memory of the type's minimum size, all zeros. The type is shared and has a maximum.
    ///
    /// # Errors
    ///
    /// If the pool or the machine refuse; a machine without threads does.
    pub fn new(ty: MemoryType, resources: &Arc<Resources>) -> Result<Self, Refusal> {
        Self::with_image(ty, None, resources)
    }

    /// As [`new`](Self::new), with these contents.
    pub(crate) fn with_image(
        ty: MemoryType,
        image: Option<&MemoryImage>,
        resources: &Arc<Resources>,
    ) -> Result<Self, Refusal> {
        if !cfg!(feature = "std") {
            return Err(Refusal::Machine);
        }
        let len = byte_len(ty, ty.min).ok_or(Refusal::Machine)?;
        let max = byte_len(ty, pages_max(ty)).ok_or(Refusal::Machine)?;
        let place = Place::new(ty, len, max, resources.strategy()).ok_or(Refusal::Machine)?;
        if let Some(image) = image {
            // SAFETY: so many bytes are open, and nobody else knows of them yet.
            image.copy_to(unsafe { core::slice::from_raw_parts_mut(place.base(), len) });
        }
        resources.add_memory(len)?;
        let def = UnsafeCell::new(MemoryDef::new(place.base(), len, ty));
        Ok(Self(Arc::new(Inner {
            def,
            place,
            ty,
            growth: Mutex::new(()),
            #[cfg(feature = "std")]
            parking: Parking::default(),
            resources: resources.clone(),
        })))
    }

    /// Its definition, which lives as long as any clone.
    pub(crate) fn def(&self) -> *mut MemoryDef {
        self.0.def.get()
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.0.place.base()
    }

    /// A number that no other memory has while this one lives.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// What it was made of.
    #[must_use]
    pub fn resources(&self) -> &Arc<Resources> {
        &self.0.resources
    }

    /// Its type, with the current size as the minimum.
    #[must_use]
    pub fn ty(&self) -> MemoryType {
        MemoryType { min: self.size(), ..self.0.ty }
    }

    /// Its size in pages.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.ty.pages_of(self.len() as u64)
    }

    /// Its size in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current().len
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn current(&self) -> MemoryDef {
        // SAFETY: the definition lives as long as `self`.
        unsafe { MemoryDef::read(self.def()) }
    }

    /// The size in pages that it may reach.
    pub(crate) fn pages_max(&self) -> u64 {
        pages_max(self.0.ty)
    }

    /// Grows from `from` to `to` pages; `None` if it is of another size by now, else whether it could. Bounds
    /// have been checked.
    pub(crate) fn grow(&self, from: u64, to: u64) -> Option<bool> {
        let growth = self.0.growth.lock();
        let before = self.len();
        if self.0.ty.bytes_of(from) != Some(before as u64) {
            return None;
        }
        let Some(len) = byte_len(self.0.ty, to) else { return Some(false) };
        if !self.0.resources.may_grow_memory(len) || !self.0.place.open(before..len) {
            return Some(false);
        }
        // SAFETY: the definition lives as long as `self`; the field is only accessed atomically once shared.
        let place = unsafe { AtomicUsize::from_ptr(&raw mut (*self.def()).len) };
        place.store(len, Ordering::SeqCst);
        drop(growth);
        Some(true)
    }

    /// Grows by `delta` pages, as no store's guest: returns its former size, or `None` if its type or the
    /// machine refuse.
    #[must_use]
    pub fn grow_by(&self, delta: u64) -> Option<u64> {
        loop {
            let size = self.size();
            let pages = size.checked_add(delta).filter(|pages| *pages <= self.pages_max())?;
            // Whoever was faster has grown it, which cannot go on forever.
            if let Some(grown) = self.grow(size, pages) {
                return grown.then_some(size);
            }
        }
    }

    /// Whether a guard of its own is what an access at `address` has hit. It may have grown since: where one
    /// thread grows a memory while another accesses what was behind its end, the access may trap.
    #[cfg(feature = "native")]
    pub(crate) fn is_guarded_at(&self, address: usize) -> bool {
        let offset = address.wrapping_sub(self.0.place.base() as usize) as u64;
        matches!(self.0.place, Place::Reserved(_, true))
            && offset < GUARDED_MEMORY_BYTES + MEMORY_GUARD_BYTES
    }

    /// Where `len` bytes from `start` on lie.
    fn at(&self, start: u64, len: usize) -> Result<*mut u8, TrapCode> {
        let def = self.current();
        let end = start.checked_add(len as u64).filter(|end| *end <= def.len as u64);
        end.ok_or(TrapCode::MemoryOutOfBounds)?;
        Ok(def.base.wrapping_add(start as usize))
    }

    /// Copies bytes from `start` on out of the memory.
    ///
    /// # Errors
    ///
    /// [`TrapCode::MemoryOutOfBounds`]
    pub fn read(&self, start: u64, buffer: &mut [u8]) -> Result<(), TrapCode> {
        let source = self.at(start, buffer.len())?;
        // SAFETY: the bytes are the memory's, which never moves or shrinks; the buffer is not part of it.
        unsafe { core::ptr::copy_nonoverlapping(source, buffer.as_mut_ptr(), buffer.len()) };
        Ok(())
    }

    /// Copies bytes into the memory from `start` on.
    ///
    /// # Errors
    ///
    /// [`TrapCode::MemoryOutOfBounds`]
    pub fn write(&self, start: u64, buffer: &[u8]) -> Result<(), TrapCode> {
        let target = self.at(start, buffer.len())?;
        // SAFETY: as in `read`.
        unsafe { core::ptr::copy_nonoverlapping(buffer.as_ptr(), target, buffer.len()) };
        Ok(())
    }

    /// Where an atomic access of `N` bytes at `address` lies.
    fn aligned<const N: usize>(&self, address: u64) -> Result<*mut u8, TrapCode> {
        if !address.is_multiple_of(N as u64) {
            return Err(TrapCode::UnalignedAtomic);
        }
        self.at(address, N)
    }

    /// Wakes up to `count` threads that wait at `address`, those first that have waited longest; says how many.
    ///
    /// # Errors
    ///
    /// If the address is not a multiple of 4, or out of bounds.
    pub fn notify(&self, address: u64, count: u32) -> Result<u32, TrapCode> {
        self.aligned::<4>(address)?;
        #[cfg(feature = "std")]
        return Ok(self.0.parking.notify(address, count));
        #[cfg(not(feature = "std"))]
        return Ok(count.min(0));
    }
}

#[cfg(feature = "std")]
impl SharedMemory {
    /// Waits at `address`, if the 4 bytes there are `expected`, until somebody wakes this thread or what `until`
    /// says.
    ///
    /// # Errors
    ///
    /// If the address is not a multiple of 4, or out of bounds.
    pub fn wait32(
        &self,
        address: u64,
        expected: u32,
        until: &Until<'_>,
    ) -> Result<Waited, TrapCode> {
        let place = self.aligned::<4>(address)?;
        // SAFETY: the bytes are the memory's and aligned; whoever else reads or writes them atomically does so
        // by operators of the guest's.
        let cell = unsafe { core::sync::atomic::AtomicU32::from_ptr(place.cast()) };
        let is_expected = || cell.load(Ordering::SeqCst) == expected.to_le();
        Ok(self.0.parking.wait(address, is_expected, until))
    }

    /// As [`wait32`](Self::wait32), for 8 bytes.
    ///
    /// # Errors
    ///
    /// If the address is not a multiple of 8, or out of bounds.
    pub fn wait64(
        &self,
        address: u64,
        expected: u64,
        until: &Until<'_>,
    ) -> Result<Waited, TrapCode> {
        let place = self.aligned::<8>(address)?;
        // SAFETY: as in `wait32`.
        let cell = unsafe { core::sync::atomic::AtomicU64::from_ptr(place.cast()) };
        let is_expected = || cell.load(Ordering::SeqCst) == expected.to_le();
        Ok(self.0.parking.wait(address, is_expected, until))
    }

    /// How many threads wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.parking.waiting()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.resources.subtract(0, 1, 0);
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory").field("ty", &self.ty()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::thread;

    fn memory(min: u32, max: u32) -> SharedMemory {
        SharedMemory::new(MemoryType::shared(min, max), &Arc::default()).expect("memory")
    }

    #[test]
    fn growth_by_many_threads_loses_no_page() {
        let memory = memory(1, 41);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let before = memory.grow_by(1).expect("room");
                        // What has been grown is there, whoever else grows.
                        memory.write(before * PAGE_BYTES, &[7]).expect("in bounds");
                    }
                });
            }
        });
        assert_eq!(memory.size(), 41);
        assert_eq!(memory.grow_by(1), None);
        let mut byte = [0];
        for page in 1..41 {
            memory.read(page * PAGE_BYTES, &mut byte).expect("in bounds");
            assert_eq!(byte, [7]);
        }
    }

    #[test]
    fn no_more_is_reserved_than_the_bound() {
        let ty = |min, max| MemoryType {
            min,
            max: Some(max),
            memory64: true,
            page_size_log2: 16,
            shared: true,
        };
        let make = |ty| SharedMemory::new(ty, &Arc::default());
        let bound = dunlin_core::limits::SHARED_MEMORY64_BYTES_MAX / PAGE_BYTES;
        // Where nothing can be reserved, all of it would have to be had.
        if CAN_RESERVE {
            let memory = make(ty(1, 1 << 47)).expect("the bound, not the maximum");
            assert_eq!((memory.grow_by(bound), memory.pages_max()), (None, bound));
        }
        assert_eq!(make(ty(bound + 1, 1 << 47)).err(), Some(Refusal::Machine));
    }

    #[test]
    fn copies_are_checked_at_the_edges() {
        let memory = memory(1, 2);
        let end = PAGE_BYTES;
        assert!(memory.write(end - 2, &[1, 2]).is_ok());
        assert_eq!(memory.write(end - 1, &[1, 2]), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(memory.read(u64::MAX, &mut [0]), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(memory.notify(end - 2, 1), Err(TrapCode::UnalignedAtomic));
        assert_eq!(memory.notify(end, 1), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(memory.notify(0, 1), Ok(0));
    }
}
