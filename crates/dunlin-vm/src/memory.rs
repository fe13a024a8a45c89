//! Linear memories: their bytes, their bounds, and the contexts that cache memory 0.

use crate::context::{MemoryDef, VmContext};
use crate::owned::Owned;
use crate::sys::Pages;
use alloc::vec::Vec;
use dunlin_core::MemoryType;
use dunlin_core::limits::{MEMORY_BYTES_MAX, MEMORY32_PAGES_MAX, PAGE_BYTES};

/// A memory of a store.
pub(crate) struct Memory {
    def: Owned<MemoryDef>,
    pages: Pages,
    ty: MemoryType,
    /// Contexts whose memory 0 this is.
    users: Vec<*mut VmContext>,
}

impl Memory {
    /// A zeroed memory of the type's minimum size, or `None` where that is not to be had.
    pub(crate) fn new(ty: MemoryType) -> Option<Self> {
        let len = byte_len(ty, ty.min)?;
        let pages = Pages::new(len)?;
        let def = Owned::new(MemoryDef { base: pages.base(), len });
        Some(Self { def, pages, ty, users: Vec::new() })
    }

    pub(crate) fn def(&self) -> *mut MemoryDef {
        self.def.as_ptr()
    }

    /// Its type, with the current size as the minimum.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType { min: self.size(), ..self.ty }
    }

    /// Its size in pages.
    pub(crate) fn size(&self) -> u64 {
        self.len() as u64 / PAGE_BYTES
    }

    pub(crate) fn len(&self) -> usize {
        // SAFETY: the definition lives as long as `self` and is written only by `grow`.
        unsafe { (*self.def()).len }
    }

    /// The size in pages that it may reach, by its type and this engine's bounds.
    pub(crate) fn pages_max(&self) -> u64 {
        pages_max(self.ty)
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the region holds at least `len` bytes; guests run only while the store is borrowed
        // exclusively, so nobody writes while this slice lives.
        unsafe { core::slice::from_raw_parts(self.pages.base(), self.len()) }
    }

    /// Its bytes, to write.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.pages.base(), self.len()) }
    }

    /// Makes `cx` a user whose memory 0 this is.
    pub(crate) fn add_user(&mut self, cx: *mut VmContext) {
        self.users.push(cx);
        self.renew(cx);
    }

    /// Grows to `pages` pages; says whether it could. Bounds have been checked.
    pub(crate) fn grow_to(&mut self, pages: u64) -> bool {
        let Some(len) = byte_len(self.ty, pages) else { return false };
        if !self.pages.grow(len) {
            return false;
        }
        // SAFETY: the definition lives as long as `self`; no guest runs while the store is borrowed.
        unsafe { *self.def() = MemoryDef { base: self.pages.base(), len } };
        for i in 0..self.users.len() {
            self.renew(self.users[i]);
        }
        true
    }

    fn renew(&self, cx: *mut VmContext) {
        // SAFETY: contexts live as long as their store, which owns this memory.
        unsafe { (*cx).memory0_base = self.pages.base() };
        // SAFETY: as above.
        unsafe { (*cx).memory0_len = self.len() };
    }
}

fn pages_max(ty: MemoryType) -> u64 {
    let engine = if ty.memory64 { MEMORY_BYTES_MAX / PAGE_BYTES } else { MEMORY32_PAGES_MAX };
    ty.max.map_or(engine, |max| max.min(engine))
}

fn byte_len(ty: MemoryType, pages: u64) -> Option<usize> {
    if pages > pages_max(ty) {
        return None;
    }
    usize::try_from(pages.checked_mul(PAGE_BYTES)?).ok()
}
