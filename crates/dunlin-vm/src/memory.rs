//! Linear memories: their bytes, their bounds, and the contexts that cache memory 0.
//!
//! A memory lies in one of three places: in a region of its own that may move when it grows (dense), in
//! a reservation of its own that is opened as it grows (guarded), or in a slot of the engine's pool, of
//! either strategy. One that stores share lies where [`SharedMemory`] says.

use crate::context::{MemoryDef, VmContext};
use crate::image::MemoryImage;
use crate::owned::Owned;
use crate::pool::Slot;
use crate::resources::{MemoryStrategy, Refusal, Resources};
use crate::shared::SharedMemory;
use crate::sys::{Pages, Region};
use crate::tuning::IMAGE_COPIED_BYTES_MAX;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::null_mut;
use dunlin_core::MemoryType;
use dunlin_core::limits::{GUARDED_MEMORY_BYTES, MEMORY_GUARD_BYTES, SHARED_MEMORY64_BYTES_MAX};

/// Bytes of an access at most.
#[cfg(feature = "native")]
const ACCESS_BYTES_MAX: u64 = 16;

/// A memory of a store.
pub(crate) struct Memory {
    def: Owned<MemoryDef>,
    place: Place,
    ty: MemoryType,
    /// The first context whose memory 0 this is, or null, and the others.
    user: *mut VmContext,
    users: Vec<*mut VmContext>,
    /// Whether the host has had a way to write to it.
    is_lent: bool,
    /// Whether another instance than its own may have it.
    pub(crate) is_imported: bool,
}

/// Where a memory's bytes are.
enum Place {
    Dense(Pages, Arc<Resources>),
    Guarded(Region),
    Slot(Slot),
    /// With the definition there, too.
    Shared(SharedMemory),
}

impl Place {
    fn new(
        ty: MemoryType,
        len: usize,
        image: Option<&Arc<MemoryImage>>,
        resources: &Arc<Resources>,
    ) -> Result<Self, Refusal> {
        if ty.shared {
            return SharedMemory::with_image(ty, image.map(|image| &**image), resources)
                .map(Self::Shared);
        }
        // What a guard protects ends with a page of the machine.
        let may_guard = !ty.memory64 && ty.has_plain_pages();
        let guarded = may_guard && resources.strategy() == MemoryStrategy::Guarded;
        // A guarded pool's slots are for what can be guarded; as many others there may be besides.
        if (guarded || resources.strategy() == MemoryStrategy::Dense)
            && let Some(slot) = Slot::take(resources, len, image)
        {
            match slot {
                // There is no bound without a pool.
                Err(Refusal::PoolExhausted { .. }) if !resources.is_pooled() => {}
                slot => return slot.map(Self::Slot),
            }
        }
        if guarded {
            return guarded_region(len, image).map(Self::Guarded).ok_or(Refusal::Machine);
        }
        let mut pages = Pages::new(len).ok_or(Refusal::Machine)?;
        resources.add_memory(len)?;
        if let Some(image) = image {
            // Mapping a small image costs more than copying it does.
            let is_large = image.used() > IMAGE_COPIED_BYTES_MAX;
            // SAFETY: the region is new, and nobody else knows of it.
            if !(is_large && unsafe { pages.map_image(image.range().start, image.file()) }) {
                // SAFETY: as above.
                image.copy_to(unsafe { core::slice::from_raw_parts_mut(pages.base(), len) });
            }
        }
        Ok(Self::Dense(pages, resources.clone()))
    }

    fn base(&self) -> *mut u8 {
        match self {
            Self::Dense(pages, _) => pages.base(),
            Self::Guarded(region) => region.base(),
            Self::Slot(slot) => slot.base(),
            Self::Shared(shared) => shared.base(),
        }
    }

    fn grow(&mut self, from: usize, to: usize) -> bool {
        match self {
            Self::Dense(pages, resources) => resources.may_grow_memory(to) && pages.grow(to),
            Self::Guarded(region) => region.open(from..to),
            Self::Slot(slot) => slot.grow(to),
            // It has grown where all of its stores see it.
            Self::Shared(_) => true,
        }
    }
}

/// A reservation of a guarded memory's own.
fn guarded_region(len: usize, image: Option<&Arc<MemoryImage>>) -> Option<Region> {
    let region = Region::reserve(usize::try_from(GUARDED_MEMORY_BYTES + MEMORY_GUARD_BYTES).ok()?)?;
    if !region.open(0..len) {
        return None;
    }
    if let Some(image) = image {
        // SAFETY: the region is new, and nobody else knows of it.
        let is_mapped = unsafe { region.map_image(image.range().start, image.file()) };
        if !is_mapped {
            // SAFETY: as above; so many bytes are open.
            image.copy_to(unsafe { core::slice::from_raw_parts_mut(region.base(), len) });
        }
    }
    Some(region)
}

impl Memory {
    /// A memory of the type's minimum size that holds the image and zeros, with its definition in `def`.
    pub(crate) fn new(
        ty: MemoryType,
        image: Option<&Arc<MemoryImage>>,
        resources: &Arc<Resources>,
        def: Owned<MemoryDef>,
    ) -> Result<Self, Refusal> {
        let len = byte_len(ty, ty.min).ok_or(Refusal::Machine)?;
        let place = Place::new(ty, len, image, resources)?;
        // SAFETY: the cell is the caller's, who gives it away.
        unsafe { *def.as_ptr() = MemoryDef::new(place.base(), len, ty) };
        Ok(Self::of_place(def, place, ty))
    }

    fn of_place(def: Owned<MemoryDef>, place: Place, ty: MemoryType) -> Self {
        let (user, users) = (null_mut(), Vec::new());
        Self { def, place, ty, user, users, is_lent: false, is_imported: false }
    }

    /// A memory that other stores may have too.
    pub(crate) fn of_shared(shared: SharedMemory) -> Self {
        let (ty, def) = (shared.ty(), Owned::new(MemoryDef::EMPTY));
        Self::of_place(def, Place::Shared(shared), ty)
    }

    /// The memory that other stores may have too, if it is one.
    pub(crate) fn shared(&self) -> Option<&SharedMemory> {
        match &self.place {
            Place::Shared(shared) => Some(shared),
            _ => None,
        }
    }

    /// Whether it is among the pool's memories that have no slot.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self.place, Place::Dense(..))
    }

    pub(crate) fn def(&self) -> *mut MemoryDef {
        match &self.place {
            Place::Shared(shared) => shared.def(),
            _ => self.def.as_ptr(),
        }
    }

    /// Its type, with the current size as the minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType { min: self.size(), ..self.ty }
    }

    /// Its size in pages.
    pub(crate) fn size(&self) -> u64 {
        self.ty.pages_of(self.len() as u64)
    }

    pub(crate) fn len(&self) -> usize {
        // SAFETY: the definition lives as long as `self`.
        unsafe { MemoryDef::read(self.def()) }.len
    }

    /// The size in pages that it may reach, by its type and this engine's bounds.
    pub(crate) fn pages_max(&self) -> u64 {
        pages_max(self.ty)
    }

    /// Its bytes; none of a shared memory, which others may write to at any time.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.shared().is_some() {
            return &[];
        }
        // SAFETY: the region holds at least `len` bytes; guests run only while the store is borrowed
        // exclusively, so nobody writes while this slice lives.
        unsafe { core::slice::from_raw_parts(self.place.base(), self.len()) }
    }

    /// Its bytes, to write, as in [`bytes`](Self::bytes).
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.shared().is_some() {
            return &mut [];
        }
        self.is_lent = true;
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.place.base(), self.len()) }
    }

    /// Whether the memory is guarded, and its guard is what an access at `address` has hit: behind its
    /// bytes, or so close before their end that the access may reach beyond. Reads only.
    #[cfg(feature = "native")]
    pub(crate) fn is_guarded_at(&self, address: usize) -> bool {
        let is_guarded = match &self.place {
            Place::Dense(..) => false,
            Place::Guarded(_) => true,
            Place::Slot(slot) => slot.is_guarded(),
            Place::Shared(shared) => return shared.is_guarded_at(address),
        };
        let offset = address.wrapping_sub(self.place.base() as usize) as u64;
        let reserved = GUARDED_MEMORY_BYTES + MEMORY_GUARD_BYTES;
        is_guarded && offset < reserved && offset + ACCESS_BYTES_MAX > self.len() as u64
    }

    /// Promises that no guest has run that could have written to it.
    pub(crate) fn set_unreached(&mut self) {
        if let Place::Slot(slot) = &mut self.place
            && !self.is_lent
        {
            slot.set_clean();
        }
    }

    /// Makes `cx` a user whose memory 0 this is.
    pub(crate) fn add_user(&mut self, cx: *mut VmContext) {
        if self.user.is_null() {
            self.user = cx;
        } else {
            self.users.push(cx);
        }
        self.renew(cx);
    }

    /// Forgets a user, which is about to be freed.
    pub(crate) fn remove_user(&mut self, cx: *mut VmContext) {
        if self.user == cx {
            self.user = self.users.pop().unwrap_or(null_mut());
        } else if let Some(at) = self.users.iter().position(|user| *user == cx) {
            self.users.swap_remove(at);
        }
    }

    /// Grows to `pages` pages; says whether it could. Bounds have been checked.
    pub(crate) fn grow_to(&mut self, pages: u64) -> bool {
        let Some(len) = byte_len(self.ty, pages) else { return false };
        let before = self.len();
        if !self.place.grow(before, len) {
            return false;
        }
        if self.shared().is_none() {
            // SAFETY: the definition lives as long as `self`; no guest runs while the store is borrowed.
            unsafe { *self.def() = MemoryDef::new(self.place.base(), len, self.ty) };
        }
        if !self.user.is_null() {
            self.renew(self.user);
        }
        for i in 0..self.users.len() {
            self.renew(self.users[i]);
        }
        true
    }

    fn renew(&self, cx: *mut VmContext) {
        // SAFETY: a context that is freed is no user any more.
        unsafe { (*cx).memory0_base = self.place.base() };
        // SAFETY: as above.
        unsafe { (*cx).memory0_len = self.len() };
    }
}

pub(crate) fn pages_max(ty: MemoryType) -> u64 {
    let engine = match (ty.memory64, ty.shared) {
        (true, true) => ty.pages_of(SHARED_MEMORY64_BYTES_MAX),
        _ => ty.pages_max(),
    };
    ty.max.map_or(engine, |max| max.min(engine))
}

pub(crate) fn byte_len(ty: MemoryType, pages: u64) -> Option<usize> {
    if pages > pages_max(ty) {
        return None;
    }
    usize::try_from(ty.bytes_of(pages)?).ok()
}
