//! The engine's types: equal types have one number, in every module and store.
//!
//! Tiers ask one thing of a type while a guest runs: whether it is another one or below it. For that each
//! type has a *line*, the numbers of the types above it, outermost first, and its own; a type is at or
//! below another one that has `n` types above it if place `n` of its line is the other's number. The lines
//! are in a table by type, which only ever grows; a table that has become too small stays, since a store
//! that has no newer types may go on with it.

use crate::gc::Layout;
use crate::sync::Mutex;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use dunlin_core::canon::{self, Canon};
use dunlin_core::{
    ExternType, FuncType, GlobalType, HeapType, RefType, SubType, TableType, ValType,
};
use dunlin_module::Module;
use dunlin_module::layout::LINE_PLACES_MIN;

/// Fills the places of a line that are not used: no type's number.
const NO_TYPE: u32 = u32::MAX;

/// What tiers know of a type.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TypeRecord {
    /// The numbers, with no type's behind them up to [`LINE_PLACES_MIN`].
    pub line: *const u32,
    /// How many types they are.
    pub len: usize,
    /// The layout of a structure or array; null for a function.
    pub layout: *const Layout,
    /// The layout of the exceptions that a function without results says; null for others.
    pub exception: *const Layout,
}

/// Numbers types, so that tiers compare integers.
///
/// Types are kept for as long as the engine lives: there are as many as distinct ones.
#[derive(Default)]
pub struct TypeRegistry(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    canon: Canon,
    /// By the types' places: those of functions.
    funcs: Vec<Option<Arc<FuncType>>>,
    /// The memory of the lines and layouts, which the table leads to: in an `Arc`, since a `Box` that moves claims
    /// that no other pointer leads into it.
    lines: Vec<Arc<[u32]>>,
    layouts: Vec<Arc<Layout>>,
    /// The table of the types, and those that became too small.
    records: Vec<TypeRecord>,
    retired: Vec<Vec<TypeRecord>>,
}

// SAFETY: the pointers lead to lines and layouts, which are never written again and live as long as they.
unsafe impl Send for Inner {}

impl Inner {
    /// Adds what the table lacks.
    fn renew(&mut self) {
        let types = self.canon.types();
        let new = &types[self.records.len()..];
        if self.records.capacity() < types.len() {
            let mut larger = Vec::with_capacity(types.len().next_power_of_two().max(64));
            larger.extend_from_slice(&self.records);
            self.retired.push(core::mem::replace(&mut self.records, larger));
        }
        for defined in new {
            let len = defined.line.len();
            let padding = core::iter::repeat_n(NO_TYPE, LINE_PLACES_MIN.saturating_sub(len));
            let line: Arc<[u32]> = defined.line.iter().copied().chain(padding).collect();
            let mut keep = |layout: Option<Layout>| match layout {
                Some(layout) => {
                    let layout = Arc::new(layout);
                    let at = Arc::as_ptr(&layout);
                    self.layouts.push(layout);
                    at
                }
                None => core::ptr::null(),
            };
            let layout = keep(Layout::of(&defined.ty, canon::is_func));
            let tag = defined.ty.composite.as_func().filter(|ty| ty.results().is_empty());
            let exception = keep(tag.map(|ty| Layout::of_exception(ty, canon::is_func)));
            self.records.push(TypeRecord {
                line: Arc::as_ptr(&line).cast(),
                len,
                layout,
                exception,
            });
            self.lines.push(line);
            self.funcs.push(defined.ty.composite.as_func().cloned().map(Arc::new));
        }
    }
}

impl TypeRegistry {
    /// The number of the final function type like this, in whose values types are numbers.
    pub fn intern(&self, ty: &FuncType) -> u32 {
        let mut inner = self.0.lock();
        let number = inner.canon.intern_func(ty);
        inner.renew();
        number
    }

    /// The numbers of a module's types, by type index.
    pub fn intern_all(&self, module: &Module) -> Box<[u32]> {
        let mut inner = self.0.lock();
        let numbers = inner.canon.intern_all(module.types(), module.groups());
        inner.renew();
        numbers
    }

    /// The function type with this number.
    ///
    /// # Panics
    ///
    /// If the number is not of this registry, or no function's.
    #[must_use]
    pub fn get(&self, number: u32) -> Arc<FuncType> {
        let inner = self.0.lock();
        inner.funcs[canon::index_of(number)].clone().expect("the number of a function type")
    }

    /// The type with this number.
    ///
    /// # Panics
    ///
    /// If the number is not of this registry.
    #[must_use]
    pub fn defined(&self, number: u32) -> SubType {
        self.0.lock().canon.get(number).ty.clone()
    }

    /// The table of the types by their places, and how many there are now. It lives as long as the registry.
    #[must_use]
    pub fn records(&self) -> (*const TypeRecord, usize) {
        let records = &self.0.lock().records;
        (records.as_ptr(), records.len())
    }

    /// The layout of a structure or array; `None` for a function.
    ///
    /// # Panics
    ///
    /// If the number is not of this registry.
    #[must_use]
    pub fn layout(&self, number: u32) -> Option<&Layout> {
        let layout = self.0.lock().records[canon::index_of(number)].layout;
        // SAFETY: layouts are never written again, and live as long as the registry.
        unsafe { layout.as_ref() }
    }

    /// Whether the defined type `sub` is `sup` or below it.
    #[must_use]
    pub fn is_subtype(&self, sub: u32, sup: u32) -> bool {
        sub == sup || self.0.lock().canon.is_subtype(sub, sup)
    }

    /// Whether values of the one heap type are values of the other.
    #[must_use]
    pub fn heap_matches(&self, sub: HeapType, sup: HeapType) -> bool {
        self.0.lock().canon.heap_matches(sub, sup)
    }

    /// Whether references of the one type are references of the other.
    #[must_use]
    pub fn ref_matches(&self, sub: RefType, sup: RefType) -> bool {
        sub == sup || self.0.lock().canon.ref_matches(sub, sup)
    }

    /// Whether a list of values of the one types is one of the others.
    #[must_use]
    pub fn vals_match(&self, sub: &[ValType], sup: &[ValType]) -> bool {
        if sub == sup {
            return true;
        }
        let canon = &self.0.lock().canon;
        let mut pairs = sub.iter().zip(sup);
        sub.len() == sup.len() && pairs.all(|(sub, sup)| canon.val_matches(*sub, *sup))
    }

    /// Whether a global of the one type may be imported as one of the other.
    #[must_use]
    pub fn global_matches(&self, have: GlobalType, want: GlobalType) -> bool {
        have == want
            || (have.mutability == want.mutability
                && !have.is_mutable()
                && self.0.lock().canon.val_matches(have.content, want.content))
    }
}

/// A type of a module with the engine's numbers in place of the module's indices.
#[must_use]
pub fn numbered(ty: &ExternType, numbers: &[u32]) -> ExternType {
    ty.map_types(|index| numbers[index as usize])
}

/// A table type of a module with the engine's numbers.
#[must_use]
pub fn numbered_table(ty: TableType, numbers: &[u32]) -> TableType {
    TableType { element: ty.element.map_types(|index| numbers[index as usize]), ..ty }
}

/// A global type of a module with the engine's numbers.
#[must_use]
pub fn numbered_global(ty: GlobalType, numbers: &[u32]) -> GlobalType {
    GlobalType { content: ty.content.map_types(|index| numbers[index as usize]), ..ty }
}

impl core::fmt::Debug for TypeRegistry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TypeRegistry").finish_non_exhaustive()
    }
}
