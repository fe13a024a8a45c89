//! Tables: 32-bit references in a vector, and a definition that tiers see.

use crate::context::TableDef;
use crate::owned::Owned;
use alloc::vec::Vec;
use dunlin_core::limits::TABLE_ELEMENTS_MAX;
use dunlin_core::{TableType, TrapCode};

/// A table of a store.
pub(crate) struct Table {
    def: Owned<TableDef>,
    elements: Vec<u32>,
    ty: TableType,
    /// Whether another instance than its own may have it, or what it holds.
    pub(crate) is_imported: bool,
}

impl Table {
    /// A table of the type's minimum size filled with `init`, with its definition in `def`; `None` where
    /// that is not to be had.
    pub(crate) fn new(ty: TableType, init: u32, def: Owned<TableDef>) -> Option<Self> {
        if ty.min > TABLE_ELEMENTS_MAX {
            return None;
        }
        let elements = alloc::vec![init; ty.min as usize];
        let mut table = Self { def, elements, ty, is_imported: false };
        table.renew();
        Some(table)
    }

    pub(crate) fn def(&self) -> *mut TableDef {
        self.def.as_ptr()
    }

    /// Its type, with the current size as the minimum.
    pub(crate) fn ty(&self) -> TableType {
        TableType { min: self.size(), ..self.ty }
    }

    /// Its size in elements.
    pub(crate) fn size(&self) -> u64 {
        self.elements.len() as u64
    }

    /// The size that it may reach, by its type and this engine's bounds.
    pub(crate) fn elements_max(&self) -> u64 {
        self.ty.max.map_or(TABLE_ELEMENTS_MAX, |max| max.min(TABLE_ELEMENTS_MAX))
    }

    /// Its elements.
    pub(crate) fn elements(&self) -> &[u32] {
        &self.elements
    }

    /// Its elements, to write; how many there are does not change.
    pub(crate) fn elements_mut(&mut self) -> &mut [u32] {
        &mut self.elements
    }

    pub(crate) fn get(&self, index: u64) -> Option<u32> {
        self.elements.get(usize::try_from(index).ok()?).copied()
    }

    /// The elements from `start` on, `len` of them.
    pub(crate) fn slice(&self, start: u64, len: u64) -> Result<&[u32], TrapCode> {
        let range = self.range(start, len)?;
        Ok(&self.elements[range])
    }

    /// The elements from `start` on, `len` of them, to write.
    pub(crate) fn slice_mut(&mut self, start: u64, len: u64) -> Result<&mut [u32], TrapCode> {
        let range = self.range(start, len)?;
        Ok(&mut self.elements[range])
    }

    /// Copies within the table.
    pub(crate) fn copy_within(&mut self, dst: u64, src: u64, len: u64) -> Result<(), TrapCode> {
        let from = self.range(src, len)?;
        let to = self.range(dst, len)?;
        self.elements.copy_within(from, to.start);
        Ok(())
    }

    /// Grows by `delta` elements of value `init`; says whether it could. Bounds have been checked.
    pub(crate) fn grow(&mut self, delta: u64, init: u32) -> bool {
        let Ok(delta) = usize::try_from(delta) else { return false };
        if self.elements.try_reserve(delta).is_err() {
            return false;
        }
        self.elements.resize(self.elements.len() + delta, init);
        self.renew();
        true
    }

    fn range(&self, start: u64, len: u64) -> Result<core::ops::Range<usize>, TrapCode> {
        let end = start.checked_add(len).filter(|end| *end <= self.size());
        let end = end.ok_or(TrapCode::TableOutOfBounds)?;
        // Both are at most the vector's length, which is a `usize`.
        Ok(start as usize..end as usize)
    }

    fn renew(&mut self) {
        let (base, len) = (self.elements.as_mut_ptr(), self.elements.len());
        // SAFETY: the definition lives as long as `self`; no guest runs while the store is borrowed.
        unsafe { *self.def() = TableDef { base, len } };
    }
}
