//! The one allocation of an instance: its context, and all that the context points to.
//!
//! ```text
//! [VmContext][cells of globals][definitions of memories, of tables]
//! [pointers to globals, tables, memories][how imported functions are called][their references]
//! [store's indices of imported tables, memories, globals, and of all tags]
//! ```
//!
//! The first line holds what the module defines, the second everything with imports first. Only the
//! order in which they are written here is known to anybody: tiers follow the context's pointers.

use crate::context::{GlobalCell, ImportCall, MemoryDef, TableDef, VmContext};
use alloc::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use core::ptr::NonNull;
use dunlin_module::Module;

/// How many things of each kind an instance has.
#[derive(Clone, Copy)]
struct Counts {
    globals: usize,
    tables: usize,
    memories: usize,
    func_imports: usize,
    global_imports: usize,
    table_imports: usize,
    memory_imports: usize,
    tags: usize,
}

impl Counts {
    fn new(module: &Module) -> Self {
        let (tables, memories) = (module.table_imports(), module.memory_imports());
        Self {
            globals: module.global_imports() + module.globals().len(),
            tables: tables + module.tables().len(),
            memories: module.memories().len(),
            func_imports: module.func_imports() as usize,
            global_imports: module.global_imports(),
            table_imports: tables,
            memory_imports: memories,
            tags: module.tags().len(),
        }
    }
}

/// Where the parts begin, in bytes.
#[derive(Clone, Copy)]
struct Offsets {
    cells: usize,
    memory_defs: usize,
    table_defs: usize,
    globals: usize,
    tables: usize,
    memories: usize,
    import_calls: usize,
    funcs: usize,
    imported_tables: usize,
    imported_memories: usize,
    imported_globals: usize,
    tags: usize,
    end: usize,
}

impl Offsets {
    fn new(counts: &Counts) -> Self {
        const POINTER: usize = size_of::<*mut ()>();
        let mut at = size_of::<VmContext>().next_multiple_of(ALIGN);
        let mut part = |bytes: usize| {
            let start = at;
            at += bytes;
            start
        };
        Self {
            cells: part((counts.globals - counts.global_imports) * size_of::<GlobalCell>()),
            memory_defs: part((counts.memories - counts.memory_imports) * size_of::<MemoryDef>()),
            table_defs: part((counts.tables - counts.table_imports) * size_of::<TableDef>()),
            globals: part(counts.globals * POINTER),
            tables: part(counts.tables * POINTER),
            memories: part(counts.memories * POINTER),
            import_calls: part(counts.func_imports * size_of::<ImportCall>()),
            funcs: part(counts.func_imports * 4),
            imported_tables: part(counts.table_imports * 4),
            imported_memories: part(counts.memory_imports * 4),
            imported_globals: part(counts.global_imports * 4),
            tags: part(counts.tags * 4),
            end: part(0),
        }
    }
}

/// Of the largest alignment of a part, which begin in descending order of theirs.
const ALIGN: usize = 16;

const _: () = {
    assert!(align_of::<VmContext>() <= ALIGN && align_of::<GlobalCell>() <= ALIGN);
    assert!(size_of::<MemoryDef>().is_multiple_of(align_of::<*mut ()>()));
    assert!(align_of::<ImportCall>() <= size_of::<*mut ()>());
    assert!(size_of::<TableDef>().is_multiple_of(align_of::<*mut ()>()));
};

/// An instance's block.
pub(crate) struct Block {
    base: NonNull<u8>,
    counts: Counts,
    offsets: Offsets,
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $ty:ty = $offset:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name(&self) -> *mut $ty {
            // SAFETY: the offset lies within the block or at its end.
            unsafe { self.base.as_ptr().add(self.offsets.$offset) }.cast()
        }
    )*};
}

impl Block {
    /// A block for an instance of this module; nothing in it is initialised.
    pub(crate) fn new(module: &Module) -> Self {
        let counts = Counts::new(module);
        let offsets = Offsets::new(&counts);
        let layout = Self::layout(&offsets);
        // SAFETY: the layout's size is not zero: there is a context in it.
        let base = unsafe { alloc(layout) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
        Self { base, counts, offsets }
    }

    fn layout(offsets: &Offsets) -> Layout {
        // The sizes are of a module's lists, which are in memory: they overflow nothing.
        Layout::from_size_align(offsets.end, ALIGN).unwrap_or(Layout::new::<u128>())
    }

    /// How large it is.
    pub(crate) fn bytes(&self) -> usize {
        self.offsets.end
    }

    pub(crate) fn cx(&self) -> *mut VmContext {
        self.base.as_ptr().cast()
    }

    parts! {
        /// The cells of the globals that the module defines.
        cells: GlobalCell = cells;
        /// The definitions of the memories that the module defines.
        memory_defs: MemoryDef = memory_defs;
        /// The definitions of the tables that the module defines.
        table_defs: TableDef = table_defs;
        /// Pointers to all globals.
        globals: *mut GlobalCell = globals;
        /// Pointers to all tables.
        tables: *mut TableDef = tables;
        /// Pointers to all memories.
        memories: *mut MemoryDef = memories;
        /// How compiled code calls the imported functions.
        import_calls: ImportCall = import_calls;
        /// References of the imported functions.
        funcs: u32 = funcs;
        /// The store's indices of the imported tables.
        imported_tables: u32 = imported_tables;
        /// The store's indices of the imported memories.
        imported_memories: u32 = imported_memories;
        /// The store's indices of the imported globals.
        imported_globals: u32 = imported_globals;
        /// The store's indices of all tags.
        tags: u32 = tags;
    }

    /// The store's index of an imported function, table, memory or global.
    pub(crate) fn import(&self, of: ImportedKind, index: u32) -> Option<u32> {
        let (count, list) = match of {
            ImportedKind::Func => (self.counts.func_imports, self.funcs()),
            ImportedKind::Table => (self.counts.table_imports, self.imported_tables()),
            ImportedKind::Memory => (self.counts.memory_imports, self.imported_memories()),
            ImportedKind::Global => (self.counts.global_imports, self.imported_globals()),
        };
        // SAFETY: the list has so many items, and instantiation has written them before anything else.
        ((index as usize) < count).then(|| unsafe { *list.add(index as usize) })
    }

    /// The store's index of a tag, imported or not.
    pub(crate) fn tag(&self, index: u32) -> u32 {
        assert!((index as usize) < self.counts.tags, "a tag of the module");
        // SAFETY: the list has so many items, and instantiation has written them before anything else.
        unsafe { *self.tags().add(index as usize) }
    }

    /// How many tables, memories and globals are imported.
    pub(crate) fn imported(&self) -> (u32, u32, u32) {
        let Counts { table_imports, memory_imports, global_imports, .. } = self.counts;
        (table_imports as u32, memory_imports as u32, global_imports as u32)
    }
}

/// Which list of imports is meant.
#[derive(Clone, Copy)]
pub(crate) enum ImportedKind {
    Func,
    Table,
    Memory,
    Global,
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: `new` allocated the block with this layout; its parts need no drop.
        unsafe { dealloc(self.base.as_ptr(), Self::layout(&self.offsets)) };
    }
}

// SAFETY: the block is owned; whoever reads it through raw pointers is bound by the store's rules.
unsafe impl Send for Block {}
// SAFETY: a shared owner reads lists that do not change, and gives out addresses.
unsafe impl Sync for Block {}
