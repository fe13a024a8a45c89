//! The engine's types: equal types have one number, in every module and store.
//!
//! Tiers ask one thing of a type while a guest runs: whether it is another one or below it. For that each
//! type has a *line*, the numbers of the types above it, outermost first, and its own; a type is at or
//! below another one that has `n` types above it if place `n` of its line is the other's number. The lines
//! are in a table by type; a table that has become too small stays, since a store that has no newer types may
//! go on with it.
//!
//! Types are kept as long as somebody uses them: a module's code those that it defines, a store those that the
//! host's things in it have or its objects may have. Then their places go to other types, and are written in
//! the latest table while guests of other stores read it: they read the places of types that they use, which
//! nobody writes. A store that comes to use a type asks for the table after that was written.

use crate::gc::Layout;
use crate::sync::Mutex;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::null;
use dunlin_core::canon::{self, Canon, Defined};
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

/// Numbers types, so that tiers compare integers. Whoever asks for a number releases it.
#[derive(Default)]
pub struct TypeRegistry(Mutex<Inner>);

/// The line of a type that is gone.
static NO_LINE: [u32; LINE_PLACES_MIN] = [NO_TYPE; LINE_PLACES_MIN];

/// What the table leads to of a type. In `Arc`s, since a `Box` that moves claims that no other pointer leads into it.
#[derive(Default)]
struct Kept {
    /// Of a function.
    func: Option<Arc<FuncType>>,
    line: Option<Arc<[u32]>>,
    layout: Option<Arc<Layout>>,
    exception: Option<Arc<Layout>>,
}

impl Kept {
    fn of(defined: &Defined) -> Self {
        let padding = LINE_PLACES_MIN.saturating_sub(defined.line.len());
        let padding = core::iter::repeat_n(NO_TYPE, padding);
        let func = defined.ty.composite.as_func();
        let tag = func.filter(|ty| ty.results().is_empty());
        Self {
            func: func.cloned().map(Arc::new),
            line: Some(defined.line.iter().copied().chain(padding).collect()),
            layout: Layout::of(&defined.ty, canon::is_func).map(Arc::new),
            exception: tag.map(|ty| Arc::new(Layout::of_exception(ty, canon::is_func))),
        }
    }

    fn record(&self, len: usize) -> TypeRecord {
        let pointer = |layout: &Option<Arc<Layout>>| layout.as_ref().map_or(null(), Arc::as_ptr);
        TypeRecord {
            line: self.line.as_ref().map_or(NO_LINE.as_ptr(), |line| Arc::as_ptr(line).cast()),
            len,
            layout: pointer(&self.layout),
            exception: pointer(&self.exception),
        }
    }
}

#[derive(Default)]
struct Inner {
    canon: Canon,
    /// By the types' places: the memory that the table leads to.
    kept: Vec<Kept>,
    /// The table of the types, and those that became too small.
    records: Vec<TypeRecord>,
    retired: Vec<Vec<TypeRecord>>,
}

// SAFETY: the pointers lead to lines and layouts, which are never written again and live as long as the types.
unsafe impl Send for Inner {}

impl Inner {
    /// Brings the table up to date with the types that have come and gone.
    fn renew(&mut self) {
        for place in self.canon.take_changed() {
            let index = place as usize;
            let defined = self.canon.at(index);
            let kept = defined.map_or_else(Kept::default, Kept::of);
            self.write(index, kept.record(defined.map_or(0, |defined| defined.line.len())));
            if self.kept.len() <= index {
                self.kept.resize_with(index + 1, Kept::default);
            }
            // What was there before is nobody's any more.
            self.kept[index] = kept;
        }
    }

    /// Writes a place of the table.
    fn write(&mut self, index: usize, record: TypeRecord) {
        let gone = Kept::default().record(0);
        if self.records.capacity() <= index {
            let mut larger = Vec::with_capacity((index + 1).next_power_of_two().max(64));
            larger.extend_from_slice(&self.records);
            self.retired.push(core::mem::replace(&mut self.records, larger));
        }
        while self.records.len() <= index {
            self.records.push(gone);
        }
        // Not by a reference to the table, of which others read what they use meanwhile.
        let at = self.records.as_mut_ptr();
        // SAFETY: the table has the place, and nobody uses the type that it was of, or is of from now on.
        unsafe { at.add(index).write(record) };
    }
}

impl TypeRegistry {
    /// The number of the final function type like this, in whose values types are numbers. To be released.
    pub fn intern(&self, ty: &FuncType) -> u32 {
        let mut inner = self.0.lock();
        let number = inner.canon.intern_func(ty);
        inner.renew();
        number
    }

    /// The numbers of a module's types, by type index. To be released, all of them.
    pub fn intern_all(&self, module: &Module) -> Box<[u32]> {
        let mut inner = self.0.lock();
        let numbers = inner.canon.intern_all(module.types(), module.groups());
        inner.renew();
        numbers
    }

    /// Keeps the type with this number until it is released; says whether there is one.
    #[must_use]
    pub fn keep(&self, number: u32) -> bool {
        self.0.lock().canon.keep(number)
    }

    /// Says that types are not used any more: as often as they were asked for, or kept.
    pub fn release(&self, numbers: &[u32]) {
        if numbers.is_empty() {
            return;
        }
        let mut inner = self.0.lock();
        inner.canon.release(numbers);
        inner.renew();
    }

    /// How many types there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().canon.len()
    }

    /// The function type with this number.
    ///
    /// # Panics
    ///
    /// If the number is not of this registry, or no function's.
    #[must_use]
    pub fn get(&self, number: u32) -> Arc<FuncType> {
        let inner = self.0.lock();
        inner.kept[canon::index_of(number)].func.clone().expect("the number of a function type")
    }

    /// The type with this number, and the layout of a structure or array; `None` where there is none.
    #[must_use]
    pub fn defined(&self, number: u32) -> Option<(SubType, Option<Arc<Layout>>)> {
        let inner = self.0.lock();
        let ty = inner.canon.get(number)?.ty.clone();
        Some((ty, inner.kept[canon::index_of(number)].layout.clone()))
    }

    /// The table of the types by their places, and how many there are now. It lives as long as the registry.
    #[must_use]
    pub fn records(&self) -> (*const TypeRecord, usize) {
        let records = &self.0.lock().records;
        (records.as_ptr(), records.len())
    }

    /// The layouts of structures and arrays with these numbers; `None` for functions.
    #[must_use]
    pub fn layouts(&self, numbers: &[u32]) -> Vec<Option<Arc<Layout>>> {
        let inner = self.0.lock();
        let layout = |number: &u32| inner.kept.get(canon::index_of(*number))?.layout.clone();
        numbers.iter().map(layout).collect()
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

/// A function type that is kept for as long as this is there.
pub(crate) struct KeptType {
    types: Arc<TypeRegistry>,
    number: u32,
}

impl KeptType {
    /// Keeps the type.
    pub(crate) fn new(types: Arc<TypeRegistry>, ty: &FuncType) -> Self {
        let number = types.intern(ty);
        Self { types, number }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for KeptType {
    fn drop(&mut self) {
        self.types.release(&[self.number]);
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
