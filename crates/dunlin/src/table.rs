//! Tables, as the host sees them.

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::host;
use crate::store::StoreInner;
use crate::val::Val;
use dunlin_core::{TableType, ValType};

/// A table of a store: a list of references.
///
/// Used with another store, a table has no elements. Operations that return a `Result` say what is
/// wrong.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Func, RefType, Store, Table, TableType, Val};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = TableType::new(RefType::FUNCREF, 2, None);
/// let table = Table::new(&mut store, ty, Val::FuncRef(None))?;
/// let func = Func::wrap(&mut store, || 7_i32);
/// table.set(&mut store, 1, func.into())?;
/// assert_eq!(table.get(&mut store, 1).unwrap().func_ref(), Some(Some(func)));
/// assert!(table.get(&mut store, 2).is_none());
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table {
    pub(crate) store: u64,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Table {
    /// Makes a table of the type's minimum size, every element `init`.
    ///
    /// # Errors
    ///
    /// If the type makes no sense, `init` is not of it or one of another store, or the store's limits
    /// or the machine refuse.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Val) -> Result<Self> {
        let inner = store.as_context_mut().0;
        if ty.max.is_some_and(|max| max < ty.min) {
            return Err(Error::usage("a table's maximum is at least its minimum"));
        }
        inner.keep_type(ValType::Ref(ty.element))?;
        let init = reference(inner, ty, init)?;
        inner.check_counts(0, 0, 1)?;
        let made = inner.enter().create_table(ty, init);
        let index = made.map_err(|error| host::create_error("table", ty.min, "elements", error))?;
        Ok(Self::of(inner.home(), index))
    }

    /// Its type, with the current size as the minimum.
    ///
    /// # Errors
    ///
    /// If the table is one of another store.
    pub fn ty(&self, store: impl AsContext) -> Result<TableType> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        Ok(inner.vm.table_type(self.index))
    }

    /// Its size in elements.
    #[must_use]
    pub fn size(&self, store: impl AsContext) -> u64 {
        let inner = store.as_context().0;
        if self.is_of(inner.home()) { inner.vm.table_type(self.index).min } else { 0 }
    }

    /// An element; `None` beyond the end.
    #[must_use]
    pub fn get(&self, store: impl AsContext, index: u64) -> Option<Val> {
        let inner = store.as_context().0;
        if !self.is_of(inner.home()) {
            return None;
        }
        let element = ValType::Ref(inner.vm.table_type(self.index).element);
        let reference = inner.vm.table_get(self.index, index)?;
        Some(Val::from_cell(inner.home(), element, [reference.into(), 0]))
    }

    /// Writes an element.
    ///
    /// # Errors
    ///
    /// If there is no such element, or the value is not of the table's type, or either is one of
    /// another store.
    pub fn set(&self, store: impl AsContextMut, index: u64, value: Val) -> Result<()> {
        self.fill(store, index, value, 1)
    }

    /// Writes `len` elements from `start` on.
    ///
    /// # Errors
    ///
    /// As [`Table::set`]; then nothing is written.
    pub fn fill(
        &self,
        mut store: impl AsContextMut,
        start: u64,
        value: Val,
        len: u64,
    ) -> Result<()> {
        let inner = store.as_context_mut().0;
        self.check(inner.home())?;
        let value = reference(inner, inner.vm.table_type(self.index), value)?;
        Ok(inner.vm.table_fill(self.index, start, value, len)?)
    }

    /// Grows it by `delta` elements of value `init`; returns its size before.
    ///
    /// # Errors
    ///
    /// If its type, the store's limits or the machine refuse, `init` is not of its type, or either is
    /// one of another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Val) -> Result<u64> {
        let inner = store.as_context_mut().0;
        self.check(inner.home())?;
        let init = reference(inner, inner.vm.table_type(self.index), init)?;
        let grown = inner.enter().table_grow(self.index, delta, init).map_err(host::error_of)?;
        grown.ok_or_else(|| refused(delta))
    }

    /// Copies `len` elements of `src` from `src_index` on into `dst` from `dst_index` on.
    ///
    /// # Errors
    ///
    /// If they do not all lie within the tables, whose types are not the same, or a table is one of
    /// another store.
    pub fn copy(
        mut store: impl AsContextMut,
        dst: &Self,
        dst_index: u64,
        src: &Self,
        src_index: u64,
        len: u64,
    ) -> Result<()> {
        let inner = store.as_context_mut().0;
        dst.check_as(inner.home(), "the destination table")?;
        src.check_as(inner.home(), "the source table")?;
        let types = (inner.vm.table_type(dst.index), inner.vm.table_type(src.index));
        if !inner.vm.types().ref_matches(types.1.element, types.0.element) {
            return Err(Error::usage(format_args!(
                "cannot copy {} elements to a table of {}",
                types.1.element, types.0.element
            )));
        }
        Ok(inner.vm.table_copy((dst.index, dst_index), (src.index, src_index), len)?)
    }
}

fn reference<T>(inner: &StoreInner<T>, ty: TableType, value: Val) -> Result<u32> {
    let cell = value.to_cell(inner.home(), ValType::Ref(ty.element), "the element")?;
    // A reference fills half of its slot.
    Ok(cell[0] as u32)
}

#[cold]
fn refused(elements: u64) -> Error {
    Error::resource(format_args!(
        "cannot grow a table by {elements} elements: its type, the store's limits or the machine refuse"
    ))
}
