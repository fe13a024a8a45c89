//! Tables: 32-bit references in a vector, and a definition that tiers see.

use crate::context::TableDef;
use crate::host::HostFailure;
use crate::owned::Owned;
use crate::resources::Refusal;
use crate::store::{CreateError, Growth, Store};
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

/// The tables of a store.
impl Store {
    /// Adds a table filled with `init`.
    ///
    /// # Errors
    ///
    /// If limits, the pool or the machine refuse.
    pub fn create_table(&mut self, ty: TableType, init: u32) -> Result<u32, CreateError> {
        let place = self.tables.reserve(1);
        let made = self.create_table_in(place, ty, init, Owned::new(TableDef::EMPTY));
        if made.is_err() {
            self.tables.free(place..place + 1);
        }
        made.map(|()| place)
    }

    /// Puts a table into its place, with its definition in `def`.
    pub(crate) fn create_table_in(
        &mut self,
        place: u32,
        ty: TableType,
        init: u32,
        def: Owned<TableDef>,
    ) -> Result<(), CreateError> {
        self.allow(Growth::Table { current: 0, desired: ty.min, max: ty.max })?;
        self.resources().add_table(ty.min)?;
        let Some(table) = Table::new(ty, init, def) else {
            self.resources().subtract(0, 0, 1);
            return Err(Refusal::Machine.into());
        };
        self.tables.put(place, table);
        Ok(())
    }

    /// The type of a table, with its current size as the minimum.
    ///
    /// # Panics
    ///
    /// If there is no such table; so do the functions below.
    #[must_use]
    pub fn table_type(&self, index: u32) -> TableType {
        self.tables[index as usize].ty()
    }

    /// An element of a table.
    #[must_use]
    pub fn table_get(&self, table: u32, index: u64) -> Option<u32> {
        self.tables[table as usize].get(index)
    }

    /// Writes `len` elements of a table from `start` on.
    ///
    /// # Errors
    ///
    /// [`TrapCode::TableOutOfBounds`]
    pub fn table_fill(
        &mut self,
        table: u32,
        start: u64,
        value: u32,
        len: u64,
    ) -> Result<(), TrapCode> {
        self.tables[table as usize].slice_mut(start, len)?.fill(value);
        Ok(())
    }

    /// Copies `len` elements between tables, or within one.
    ///
    /// # Errors
    ///
    /// [`TrapCode::TableOutOfBounds`]
    pub fn table_copy(
        &mut self,
        (to, dst): (u32, u64),
        (from, src): (u32, u64),
        len: u64,
    ) -> Result<(), TrapCode> {
        if to == from {
            return self.tables[to as usize].copy_within(dst, src, len);
        }
        self.note_copied(from);
        let pair = self.tables.pair_mut(to, from);
        let [to, from] = pair.ok_or(TrapCode::TableOutOfBounds)?;
        let source = from.slice(src, len)?;
        to.slice_mut(dst, len)?.copy_from_slice(source);
        Ok(())
    }

    /// Grows a table by `delta` elements; returns its former size, or `None` if it may not grow.
    ///
    /// # Errors
    ///
    /// What the embedder's limits report.
    pub fn table_grow(
        &mut self,
        table: u32,
        delta: u64,
        init: u32,
    ) -> Result<Option<u64>, HostFailure> {
        let of = &self.tables[table as usize];
        let (size, ty) = (of.size(), of.ty());
        let most = of.elements_max().min(self.resources().table_elements_max());
        let Some(desired) = size.checked_add(delta).filter(|size| *size <= most) else {
            return Ok(None);
        };
        if !self.allows(Growth::Table { current: size, desired, max: ty.max })? {
            return Ok(None);
        }
        Ok(self.tables[table as usize].grow(delta, init).then_some(size))
    }
}
