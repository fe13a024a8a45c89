//! Instantiation (specification, 4.5.4), and what an instance owns.
//!
//! 1. Imports are matched against the module's types; nothing has been created when one does not match.
//! 2. Memories, tables and globals are created, constant expressions evaluated. What one instance has
//!    in common with the next is taken from the module's blueprint, where there is one.
//! 3. Active segments are written, elements before data; a segment out of bounds traps, and what was
//!    written before it stays written.
//!
//! The start function is the embedder's to call: this room runs no code.

mod constants;

use crate::ModuleCode;
use crate::block::{Block, ImportedKind};
use crate::blueprint::{Blueprint, Kept};
use crate::context::{FuncRecord, GlobalCell, ImportCall, MemoryDef, TableDef, VmContext};
use crate::dropping::CodeUse;
use crate::host::{HostCode, HostFailure};
use crate::objects::is_traced;
use crate::owned::Owned;
use crate::plan;
use crate::resources::Refusal;
use crate::store::{CreateError, Extern, Global, Store};
use crate::tuning::FUNC_REFS_SEARCHED_MAX;
use crate::types;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use dunlin_core::{ExternType, TrapCode};
use dunlin_module::{
    ConstOp, ConstRange, DataMode, DataSegment, ElementItem, ElementMode, ElementSegment,
    ExternIdx, Import, ImportKind, Invalid, Module, Offset,
};

/// An import that is missing or of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The import's two names.
    pub import: (String, String),
    /// The type that the module asks for.
    pub expected: ExternType,
    /// What was given; `None` if nothing was.
    pub found: Option<ExternType>,
}

impl core::fmt::Display for LinkError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (module, name) = &self.import;
        let expected = &self.expected;
        match &self.found {
            None => write!(f, "unknown import: `{module}` `{name}` ({expected}) is not defined"),
            Some(found) => write!(
                f,
                "incompatible import type: `{module}` `{name}` must be {expected}, but is {found}"
            ),
        }
    }
}

impl core::error::Error for LinkError {}

/// Why a module could not be instantiated.
pub enum InstantiateError {
    /// An import does not match.
    Link(Box<LinkError>),
    /// A segment lies out of bounds.
    Trap(TrapCode),
    /// The instance, or a memory or table of it, was refused.
    Refused(&'static str, Refusal),
    /// The embedder's limits reported a failure.
    Host(HostFailure),
    /// The module's bytes do not decode; the index has checked them, so this is a bug.
    Invalid(Invalid),
}

impl From<Invalid> for InstantiateError {
    fn from(error: Invalid) -> Self {
        Self::Invalid(error)
    }
}

impl From<TrapCode> for InstantiateError {
    fn from(code: TrapCode) -> Self {
        Self::Trap(code)
    }
}

impl InstantiateError {
    fn refused(what: &'static str) -> impl Fn(CreateError) -> Self {
        move |error| match error {
            CreateError::Refused(refusal) => Self::Refused(what, refusal),
            CreateError::Host(failure) => Self::Host(failure),
        }
    }
}

/// An instance: its block, and what else it owns.
pub(crate) struct Instance {
    pub(crate) block: Block,
    code: CodeUse,
    /// The store's indices of the first table, memory, global and tag that the module defines; the others
    /// follow.
    pub(crate) first: First,
    /// Whether it is freed once nothing leads to it.
    pub(crate) is_unwanted: bool,
    /// Whether others may have been given a reference to one of its functions.
    pub(crate) is_known: AtomicBool,
    /// The reference of the first function that the blueprint names; 0 if there are none.
    first_func_ref: u32,
    func_refs: FuncRefs,
    /// Passive element segments; empty once dropped. No list at all is one of empty segments.
    elements: Box<[Box<[u32]>]>,
    /// Dropped data segments. No list at all says that all are.
    data_dropped: Box<[bool]>,
}

/// The store's indices of the first things of each kind that an instance's module defines.
#[derive(Clone, Copy)]
pub(crate) struct First {
    pub(crate) table: u32,
    pub(crate) memory: u32,
    pub(crate) global: u32,
    pub(crate) tag: u32,
}

/// References to functions that have been made, by function.
pub(crate) enum FuncRefs {
    /// Those that the store's plan has made, in the order of the functions, and others.
    Planned {
        made: Arc<[(u32, u32)]>,
        more: Vec<(u32, u32)>,
    },
    Few(Vec<(u32, u32)>),
    /// 0 where there is none.
    Many(Box<[u32]>),
}

impl Instance {
    pub(crate) fn cx(&self) -> *mut VmContext {
        self.block.cx()
    }

    pub(crate) fn code(&self) -> &Arc<ModuleCode> {
        &self.code
    }

    /// The store's index of an import.
    pub(crate) fn import(&self, of: ImportedKind, index: u32) -> Option<u32> {
        self.block.import(of, index)
    }

    /// Leaves its block to the next instance of its module, and the store's records of its functions.
    pub(crate) fn leave(self, funcs: Vec<FuncRecord>) {
        // The block may be freed with the code, and not before.
        let Self { block, code, first_func_ref, .. } = self;
        if let Some(blueprint) = code.blueprint().filter(|_| first_func_ref != 0) {
            blueprint.keep(block, first_func_ref, funcs);
        }
    }

    pub(crate) fn made_func_ref(&self, func: u32) -> Option<u32> {
        if self.first_func_ref != 0
            && let Some(tables) = self.code.blueprint().and_then(Blueprint::tables)
            && let Some(ordinal) = tables.ordinal(func)
        {
            return Some(self.first_func_ref + ordinal);
        }
        match &self.func_refs {
            FuncRefs::Few(made) => {
                made.iter().find(|(of, _)| *of == func).map(|(_, reference)| *reference)
            }
            FuncRefs::Many(made) => Some(made[func as usize]).filter(|made| *made != 0),
            FuncRefs::Planned { made, more } => plan::find(made, func).or_else(|| {
                more.iter().find(|(of, _)| *of == func).map(|(_, reference)| *reference)
            }),
        }
    }

    /// Its block, for another instance of its module that is used in the same way.
    pub(crate) fn into_block(self) -> Block {
        self.block
    }

    /// The references that have been made to its functions: each run of them.
    pub(crate) fn func_refs(&self) -> impl Iterator<Item = Range<u32>> {
        let tables = self.code.blueprint().and_then(Blueprint::tables);
        let len = tables.map_or(0, |tables| tables.funcs().len() as u32);
        let first = self.first_func_ref;
        let begun = (first != 0).then(|| first..first + len);
        let (planned, few, many) = match &self.func_refs {
            FuncRefs::Few(made) => (&[][..], &made[..], &[][..]),
            FuncRefs::Many(made) => (&[][..], &[][..], &made[..]),
            FuncRefs::Planned { made, more } => (&made[..], &more[..], &[][..]),
        };
        let few = planned.iter().chain(few).map(|(_, made)| *made);
        let others = few.chain(many.iter().copied());
        begun.into_iter().chain(others.filter(|made| *made != 0).map(|made| made..made + 1))
    }

    pub(crate) fn note_func_ref(&mut self, func: u32, reference: u32) {
        match &mut self.func_refs {
            FuncRefs::Few(made) if made.len() < FUNC_REFS_SEARCHED_MAX => {
                made.push((func, reference));
            }
            FuncRefs::Planned { more, .. } if more.len() < FUNC_REFS_SEARCHED_MAX => {
                more.push((func, reference));
            }
            FuncRefs::Few(_) | FuncRefs::Planned { .. } => {
                let mut all = alloc::vec![0; self.code.module().func_count() as usize];
                let (planned, few) = match &self.func_refs {
                    FuncRefs::Planned { made, more } => (&made[..], &more[..]),
                    FuncRefs::Few(made) => (&[][..], &made[..]),
                    FuncRefs::Many(_) => (&[][..], &[][..]),
                };
                let made = planned.iter().chain(few);
                made.for_each(|(func, reference)| all[*func as usize] = *reference);
                all[func as usize] = reference;
                self.func_refs = FuncRefs::Many(all.into());
            }
            FuncRefs::Many(made) => made[func as usize] = reference,
        }
    }

    pub(crate) fn memory(&self, index: u32) -> u32 {
        let imports = self.block.imported().1;
        let imported = self.import(ImportedKind::Memory, index);
        imported.unwrap_or_else(|| self.first.memory + index - imports)
    }

    pub(crate) fn table(&self, index: u32) -> u32 {
        let imports = self.block.imported().0;
        let imported = self.import(ImportedKind::Table, index);
        imported.unwrap_or_else(|| self.first.table + index - imports)
    }

    pub(crate) fn tag(&self, index: u32) -> u32 {
        self.block.tag(index)
    }

    pub(crate) fn global(&self, index: u32) -> u32 {
        let imports = self.block.imported().2;
        let imported = self.import(ImportedKind::Global, index);
        imported.unwrap_or_else(|| self.first.global + index - imports)
    }

    pub(crate) fn element(&self, index: u32) -> &[u32] {
        self.elements.get(index as usize).map_or(&[], |element| element)
    }

    /// Calls `visit` with the references in segments that have not been dropped.
    pub(crate) fn visit_elements(&mut self, visit: &mut dyn FnMut(*mut u32)) {
        if self.elements.is_empty() {
            return;
        }
        for (values, segment) in self.elements.iter_mut().zip(self.code.module().elements()) {
            let ty = segment.ty.map_types(|index| self.code.type_ids()[index as usize]);
            if is_traced(dunlin_core::ValType::Ref(ty)) {
                values.iter_mut().for_each(|value| visit(value));
            }
        }
    }

    /// The types and values of segments that have not been dropped.
    pub(crate) fn kept_elements(&self) -> impl Iterator<Item = (dunlin_core::ValType, &[u32])> {
        self.elements.iter().zip(self.code.module().elements()).map(|(values, segment)| {
            let ty = segment.ty.map_types(|index| self.code.type_ids()[index as usize]);
            (dunlin_core::ValType::Ref(ty), &values[..])
        })
    }

    pub(crate) fn drop_element(&mut self, index: u32) {
        if let Some(element) = self.elements.get_mut(index as usize) {
            *element = Box::default();
        }
    }

    pub(crate) fn drop_data(&mut self, index: u32) {
        if let Some(is_dropped) = self.data_dropped.get_mut(index as usize) {
            *is_dropped = true;
        }
    }

    pub(crate) fn is_data_dropped(&self, index: u32) -> bool {
        self.data_dropped.get(index as usize).copied().unwrap_or(true)
    }
}

impl Store {
    /// Instantiates a module. `imports` are in the order of the module's imports.
    ///
    /// # Errors
    ///
    /// If an import does not match, limits refuse, or a segment is out of bounds.
    pub fn instantiate(
        &mut self,
        code: &Arc<ModuleCode>,
        imports: &[Extern],
    ) -> Result<u32, InstantiateError> {
        self.free_if_due();
        match self.try_instantiate(code, imports) {
            // What is no longer wanted may hold what is missing.
            Err(InstantiateError::Refused(..)) if self.free_unreached() > 0 => {
                self.try_instantiate(code, imports)
            }
            result => result,
        }
    }

    fn try_instantiate(
        &mut self,
        code: &Arc<ModuleCode>,
        imports: &[Extern],
    ) -> Result<u32, InstantiateError> {
        let resources = self.resources().clone();
        let refused = |refusal| InstantiateError::Refused("instance", refusal);
        let blueprint = code.blueprint_for(&resources);
        let (block, records) = match blueprint.and_then(Blueprint::take_kept) {
            Some(Kept { block, first, funcs }) => (block, Some((first, funcs))),
            None => (Block::new(code.module()), None),
        };
        self.renew_types();
        self.match_imports(code, imports, &block)?;
        resources.add_instance().map_err(refused)?;
        let module = code.module();
        let first = First {
            table: self.tables.reserve(module.tables().len()),
            memory: self.memories.reserve(module.defined_memories().len()),
            global: self.globals.reserve(module.globals().len()),
            tag: self.tags.reserve(module.tags().len() - module.tag_imports()),
        };
        if let Err(error) = self.create_memories_and_tables(code, blueprint, &block, first) {
            self.free_things(module, first);
            resources.subtract(1, 0, 0);
            return Err(error);
        }
        self.create_globals(code, &block, first);
        self.create_tags(code, &block, first);
        self.note_imported(imports);
        let index = self.instances.reserve(1);
        self.write_import_calls(code, &block);
        self.put_instance(index, code, blueprint, block, (first, FuncRefs::Few(Vec::new())));
        let initialised = self.initialise(index, blueprint, records);
        // What it has written elsewhere until then may lead to it.
        initialised.inspect_err(|_| self.abandon(index)).map(|()| index)
    }

    fn initialise(
        &mut self,
        index: u32,
        blueprint: Option<&Blueprint>,
        records: Option<(u32, Vec<FuncRecord>)>,
    ) -> Result<(), InstantiateError> {
        self.initialise_globals(index, blueprint)?;
        self.fill_tables(index)?;
        self.initialise_passive_elements(index)?;
        match blueprint.and_then(Blueprint::tables) {
            Some(_) => self.write_tables(index, records),
            None => self.initialise_tables(index)?,
        }
        if !blueprint.is_some_and(Blueprint::has_images) {
            self.initialise_memories(index)?;
        }
        Ok(())
    }

    /// What an instance exports under `name`.
    pub fn export(&mut self, instance: u32, name: &str) -> Option<Extern> {
        let item = self.instance_code(instance).module().export(name)?;
        Some(self.item(instance, item))
    }

    /// The thing that has this index in an instance.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn item(&mut self, instance: u32, item: ExternIdx) -> Extern {
        let of = &self.instances[instance as usize];
        match item {
            ExternIdx::Func(func) => Extern::Func(self.func_ref(instance, func)),
            ExternIdx::Table(index) => Extern::Table(of.table(index)),
            ExternIdx::Memory(index) => Extern::Memory(of.memory(index)),
            ExternIdx::Global(index) => Extern::Global(of.global(index)),
            ExternIdx::Tag(index) => Extern::Tag(of.block.tag(index)),
        }
    }

    /// The type of a thing of this store.
    ///
    /// # Panics
    ///
    /// If there is no such thing.
    #[must_use]
    pub fn extern_type(&self, item: Extern) -> ExternType {
        match item {
            Extern::Func(func) => ExternType::Func((*self.func_type(func)).clone()),
            Extern::Table(index) => ExternType::Table(self.table_type(index)),
            Extern::Memory(index) => ExternType::Memory(self.memory_type(index)),
            Extern::Global(index) => ExternType::Global(self.global_type(index)),
            Extern::Tag(index) => {
                ExternType::Tag((*self.types().get(self.tag_type_id(index))).clone())
            }
        }
    }

    /// The bytes of an instance's data segment, none of which are left once it is dropped.
    pub(crate) fn data_segment(&self, instance: u32, data: u32) -> &[u8] {
        self.data_segment_of(self.instance_code(instance), instance, data)
    }

    /// As [`Store::data_segment`], of the instance's code.
    pub(crate) fn data_segment_of<'c>(
        &self,
        code: &'c ModuleCode,
        instance: u32,
        data: u32,
    ) -> &'c [u8] {
        let module = code.module();
        let is_dropped = self.instances[instance as usize].is_data_dropped(data);
        if is_dropped { &[] } else { module.data_bytes(&module.data()[data as usize]) }
    }

    /// Checks the imports, and writes their indices and addresses to the block.
    fn match_imports(
        &self,
        code: &ModuleCode,
        given: &[Extern],
        block: &Block,
    ) -> Result<(), InstantiateError> {
        let module = code.module();
        let (mut funcs, mut tables, mut memories, mut globals, mut tags) = (0, 0, 0, 0, 0);
        for (i, import) in module.imports().iter().enumerate() {
            let Some(item) = given.get(i).filter(|item| self.matches(code, import.kind, **item))
            else {
                return Err(self.link_error(code, import, given.get(i)));
            };
            // SAFETY: the block has room for every import and, first, for its address; the things are of
            // this store, and outlive its instances' use of them.
            unsafe {
                match *item {
                    Extern::Func(index) => append(block.funcs(), &mut funcs, index),
                    Extern::Table(index) => {
                        *block.tables().add(tables) = self.tables[index as usize].def();
                        append(block.imported_tables(), &mut tables, index);
                    }
                    Extern::Memory(index) => {
                        *block.memories().add(memories) = self.memories[index as usize].def();
                        append(block.imported_memories(), &mut memories, index);
                    }
                    Extern::Global(index) => {
                        *block.globals().add(globals) = self.global_cell(index);
                        append(block.imported_globals(), &mut globals, index);
                    }
                    Extern::Tag(index) => append(block.tags(), &mut tags, index),
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn link_error(
        &self,
        code: &ModuleCode,
        import: &Import,
        found: Option<&Extern>,
    ) -> InstantiateError {
        let (from, name) = code.module().import_names(import);
        InstantiateError::Link(Box::new(LinkError {
            import: (from.to_string(), name.to_string()),
            expected: code.import_type(import),
            found: found.map(|item| self.extern_type(*item)),
        }))
    }

    /// Whether `item` may be imported as `kind` (specification, 3.5.1 "Matching").
    fn matches(&self, code: &ModuleCode, kind: ImportKind, item: Extern) -> bool {
        match (kind, item) {
            (ImportKind::Func(ty), Extern::Func(func)) => {
                // One registry numbers both: the store's, which is the engine's.
                debug_assert!(Arc::ptr_eq(self.types(), code.types()));
                self.types().is_subtype(self.func_type_id(func), code.type_ids()[ty as usize])
            }
            (ImportKind::Table(want), Extern::Table(index)) => {
                let have = self.table_type(index);
                let want = types::numbered_table(want, code.type_ids());
                want.element == have.element
                    && want.table64 == have.table64
                    && limits_match((want.min, want.max), (have.min, have.max))
            }
            (ImportKind::Memory(want), Extern::Memory(index)) => {
                let have = self.memory_type(index);
                (want.memory64, want.shared) == (have.memory64, have.shared)
                    && want.page_size_log2 == have.page_size_log2
                    && limits_match((want.min, want.max), (have.min, have.max))
            }
            (ImportKind::Global(want), Extern::Global(index)) => {
                let want = types::numbered_global(want, code.type_ids());
                self.types().global_matches(self.global_type(index), want)
            }
            (ImportKind::Tag(want), Extern::Tag(index)) => {
                self.tag_type_id(index) == code.type_ids()[want as usize]
            }
            _ => false,
        }
    }

    pub(crate) fn create_memories_and_tables(
        &mut self,
        code: &ModuleCode,
        blueprint: Option<&Blueprint>,
        block: &Block,
        first: First,
    ) -> Result<(), InstantiateError> {
        let module = code.module();
        let (first_table, first_memory, _) = block.imported();
        for (i, ty) in module.defined_memories().iter().enumerate() {
            let image = blueprint.and_then(|blueprint| blueprint.image(i));
            // SAFETY: the block has a definition for each memory that the module defines, and the store
            // drops it after its memories.
            let def = unsafe { Owned::of_block(block.memory_defs().add(i), MemoryDef::EMPTY) };
            let place = first.memory + i as u32;
            let made = self.create_memory_in(place, *ty, image, def);
            made.map_err(InstantiateError::refused("memory"))?;
            let def_at = self.memories[place as usize].def();
            // SAFETY: the block has a pointer for each memory.
            unsafe { *block.memories().add(first_memory as usize + i) = def_at };
        }
        for (i, table) in module.tables().iter().enumerate() {
            // SAFETY: as for memories.
            let def = unsafe { Owned::of_block(block.table_defs().add(i), TableDef::EMPTY) };
            let def_at = def.as_ptr();
            let ty = types::numbered_table(table.ty, code.type_ids());
            let made = self.create_table_in(first.table + i as u32, ty, 0, def);
            made.map_err(InstantiateError::refused("table"))?;
            // SAFETY: the block has a pointer for each table.
            unsafe { *block.tables().add(first_table as usize + i) = def_at };
        }
        Ok(())
    }

    /// Adds the tags that the module defines, which are new ones in every instance.
    pub(crate) fn create_tags(&mut self, code: &ModuleCode, block: &Block, first: First) {
        let module = code.module();
        let defined = module.tags().iter().enumerate().skip(module.tag_imports());
        for ((i, ty), tag) in defined.zip(first.tag..) {
            self.tags.put(tag, code.type_ids()[*ty as usize]);
            // SAFETY: the block has room for every tag.
            unsafe { *block.tags().add(i) = tag };
        }
    }

    pub(crate) fn create_globals(&mut self, code: &ModuleCode, block: &Block, first: First) {
        let module = code.module();
        let imported = block.imported().2 as usize;
        for (i, global) in module.globals().iter().enumerate() {
            // SAFETY: the block has a cell for each global that the module defines, and the store drops
            // it after its list of globals.
            let cell = unsafe { Owned::of_block(block.cells().add(i), [0; 2]) };
            // SAFETY: the block has a pointer for each global.
            unsafe { *block.globals().add(imported + i) = cell.as_ptr() };
            let ty = types::numbered_global(global.ty, code.type_ids());
            self.globals.put(first.global + i as u32, Global { cell, ty, is_imported: false });
        }
    }

    /// Puts an instance into its place, whose imports, memories, tables, globals and tags are there; its context.
    pub(crate) fn put_instance(
        &mut self,
        index: u32,
        code: &Arc<ModuleCode>,
        blueprint: Option<&Blueprint>,
        block: Block,
        (first, func_refs): (First, FuncRefs),
    ) -> *mut VmContext {
        let module = code.module();
        let cx = block.cx();
        let context = self.new_context(code, &block, index);
        // SAFETY: the block begins with room for a context.
        unsafe { cx.write(context) };
        // Contexts are found again through frames on the stack, as integers.
        let _ = cx.expose_provenance();
        // Segments that no instance but one with passive ones can tell from dropped ones need no list.
        let (mut elements, mut data) = (module.elements().len(), module.data().len());
        if let Some(blueprint) = blueprint {
            if !has_passive_elements(module) {
                elements = 0;
            }
            if blueprint.has_images() && !has_passive_data(module) {
                data = 0;
            }
        }
        // What images hold was written before: their segments are dropped, like those that are written below.
        let written = blueprint.is_some_and(Blueprint::has_images);
        let is_dropped =
            |segment: &DataSegment| written && matches!(segment.mode, DataMode::Active { .. });
        let has_memory = !module.memories().is_empty();
        let instance = Instance {
            block,
            code: CodeUse::new(code),
            first,
            is_unwanted: false,
            is_known: AtomicBool::new(false),
            first_func_ref: 0,
            func_refs,
            elements: alloc::vec![Box::default(); elements].into(),
            data_dropped: module.data().iter().take(data).map(is_dropped).collect(),
        };
        self.instances.put(index, instance);
        if has_memory {
            let memory = self.instances[index as usize].memory(0);
            self.memories[memory as usize].add_user(cx);
        }
        cx
    }

    /// The context of an instance whose memories are not known yet.
    fn new_context(&self, code: &ModuleCode, block: &Block, instance: u32) -> VmContext {
        VmContext {
            store: self.context(),
            memory0_base: NonNull::dangling().as_ptr(),
            memory0_len: 0,
            funcs: code.entries().as_ptr(),
            globals: block.globals(),
            tables: block.tables(),
            memories: block.memories(),
            imports: block.funcs(),
            type_ids: code.type_ids().as_ptr(),
            code: code.code().as_ptr(),
            import_calls: block.import_calls(),
            interrupts: Arc::as_ptr(self.interrupts()),
            poll_page: self.interrupts().poll_page(),
            tags: block.tags(),
            objects: code.objects().as_ptr(),
            budgets: code.budgets().as_ptr(),
            profile: code.notes().base(),
            instance,
            func_imports: code.module().func_imports(),
        }
    }

    /// What the module's way out to an import calls.
    fn way_out_of_import(&self, import: u32) -> (HostCode, *const ()) {
        let record = self.funcs.get(import as usize).filter(|record| record.entry.is_null());
        if let Some(found) = record.and_then(|record| self.host(record.index)) {
            return found;
        }
        #[cfg(feature = "native")]
        let code: HostCode = crate::native::call_import;
        #[cfg(not(feature = "native"))]
        let code: HostCode = crate::host::nobody;
        (code, core::ptr::without_provenance(import as usize))
    }

    /// Writes how compiled code calls the imports: where a function has native code, that; else the
    /// module's own way out, in the instance's context.
    fn write_import_calls(&self, code: &ModuleCode, block: &Block) {
        for i in 0..code.module().func_imports() as usize {
            // SAFETY: the block has a reference for each imported function, which has been written.
            let import = unsafe { *block.funcs().add(i) };
            let own = (&raw const code.code()[i], block.cx());
            let call = self.call_of(import, own);
            // SAFETY: the block has room for a call of each imported function.
            unsafe { block.import_calls().add(i).write(call) };
        }
    }

    /// How compiled code calls an import: by its native code, or else by the way out of the module's own.
    pub(crate) fn call_of(
        &self,
        import: u32,
        own: (*const AtomicPtr<u8>, *mut VmContext),
    ) -> ImportCall {
        // Not as one that somebody is about to call: nobody runs yet.
        let found = self.funcs.get(import as usize).filter(|record| {
            // SAFETY: records of functions point to code pointers that live as long as the function.
            let pointer = unsafe { &*record.code };
            !pointer.load(Ordering::Acquire).is_null()
        });
        let (code, cx) = found.map_or(own, |record| (record.code, record.cx));
        let (host, data) = self.way_out_of_import(import);
        ImportCall { code, cx, host, data }
    }

    pub(crate) fn initialise_globals(
        &mut self,
        instance: u32,
        blueprint: Option<&Blueprint>,
    ) -> Result<(), InstantiateError> {
        let of = &self.instances[instance as usize];
        let (code, first) = (of.code.clone(), of.first.global);
        for (i, global) in code.module().globals().iter().enumerate() {
            let value = match blueprint.and_then(|blueprint| blueprint.global(i)) {
                Some(value) => value,
                None => self.evaluate(instance, global.init)?,
            };
            self.set_global(first + i as u32, value);
        }
        Ok(())
    }

    /// Fills the tables that say what their elements are at first.
    pub(crate) fn fill_tables(&mut self, instance: u32) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        for (i, table) in code.module().tables().iter().enumerate() {
            let Some(init) = table.init else { continue };
            let value = self.evaluate(instance, init)?[0] as u32;
            let of = &self.instances[instance as usize];
            let table = of.first.table as usize + i;
            self.tables[table].elements_mut().fill(value);
        }
        Ok(())
    }

    /// Writes what the blueprint says to the tables.
    fn write_tables(&mut self, instance: u32, records: Option<(u32, Vec<FuncRecord>)>) {
        let code = self.instance_code(instance).clone();
        let Some(tables) = code.blueprint().and_then(Blueprint::tables) else { return };
        let kept = records.filter(|(first, _)| *first as usize == self.funcs.len());
        let first_func = match kept {
            Some((first, records)) => self.take_over_funcs(instance, first, records),
            None => self.push_funcs(instance, tables.funcs()),
        };
        if !tables.funcs().is_empty() {
            self.instances[instance as usize].first_func_ref = first_func;
        }
        let of = &self.instances[instance as usize];
        let import = |func| of.import(ImportedKind::Func, func).unwrap_or(0);
        for table in 0..code.module().tables().len() {
            let elements = self.tables[of.first.table as usize + table].elements_mut();
            tables.write(table, elements, first_func, import);
        }
    }

    /// As [`Store::push_funcs`], with records that another store has left whose functions had the same references,
    /// from `first` on, and whose instance had the same block.
    fn take_over_funcs(&mut self, instance: u32, first: u32, mut records: Vec<FuncRecord>) -> u32 {
        debug_assert!(first as usize == self.funcs.len());
        records[..first as usize].copy_from_slice(&self.funcs);
        self.funcs = records;
        let cx = self.instances[instance as usize].cx();
        debug_assert!(self.funcs[first as usize..].iter().all(|record| record.cx == cx));
        // SAFETY: the context lives as long as the store, and no guest runs; the list's address has changed.
        unsafe { (*self.context()).funcs = self.funcs.as_ptr() };
        first
    }

    pub(crate) fn initialise_passive_elements(
        &mut self,
        instance: u32,
    ) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        if self.instances[instance as usize].elements.is_empty() {
            return Ok(());
        }
        for (i, segment) in code.module().elements().iter().enumerate() {
            if matches!(segment.mode, ElementMode::Passive) {
                let values = self.element_values(instance, code.module(), segment)?;
                self.instances[instance as usize].elements[i] = values.into();
            }
        }
        Ok(())
    }

    pub(crate) fn initialise_tables(&mut self, instance: u32) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        for segment in code.module().elements() {
            let ElementMode::Active { table, offset } = segment.mode else { continue };
            let is64 = code.module().table_type(table).table64;
            let start = self.evaluate_offset(instance, offset, is64)?;
            let values = self.element_values(instance, code.module(), segment)?;
            let table = self.instances[instance as usize].table(table);
            let slots = self.tables[table as usize].slice_mut(start, values.len() as u64)?;
            slots.copy_from_slice(&values);
        }
        Ok(())
    }

    pub(crate) fn initialise_memories(&mut self, instance: u32) -> Result<(), InstantiateError> {
        let code = self.instance_code(instance).clone();
        let module = code.module();
        for (i, segment) in module.data().iter().enumerate() {
            let DataMode::Active { memory, offset } = segment.mode else { continue };
            let start = match offset {
                Offset::Known(start) => start.into(),
                Offset::Expr(offset) => {
                    let is64 = module.memories()[memory as usize].memory64;
                    self.evaluate_offset(instance, offset, is64)?
                }
            };
            let bytes = module.data_bytes(segment);
            let memory = self.instances[instance as usize].memory(memory);
            self.memory_write(memory, start, bytes)?;
            self.instances[instance as usize].drop_data(i as u32);
        }
        Ok(())
    }

    fn element_values(
        &mut self,
        instance: u32,
        module: &Module,
        segment: &ElementSegment,
    ) -> Result<Vec<u32>, InstantiateError> {
        let mut values = Vec::with_capacity(segment.count as usize);
        let ty =
            segment.ty.map_types(|index| self.instance_code(instance).type_ids()[index as usize]);
        let is_traced = is_traced(dunlin_core::ValType::Ref(ty));
        // What has been evaluated may move while the rest is.
        let (scope, mut handles) = (self.handle_count(), Vec::new());
        let done = module.element_items::<InstantiateError>(segment, |item| {
            values.push(match item {
                ElementItem::Func(func) => self.func_ref(instance, func),
                ElementItem::Expr(expr) => self.evaluate(instance, expr)?[0] as u32,
            });
            if is_traced {
                handles.extend(values.pop().map(|value| self.handle(value)));
            }
            Ok(())
        });
        values.extend(handles.iter().map(|handle| self.handled(*handle).unwrap_or(0)));
        self.end_scope(scope);
        done.map(|()| values)
    }

    fn evaluate_offset(
        &mut self,
        instance: u32,
        expr: ConstRange,
        is64: bool,
    ) -> Result<u64, InstantiateError> {
        let value = self.evaluate(instance, expr)?[0];
        Ok(if is64 { value } else { u64::from(value as u32) })
    }

    /// The value of a constant expression.
    fn evaluate(
        &mut self,
        instance: u32,
        expr: ConstRange,
    ) -> Result<GlobalCell, InstantiateError> {
        let code = self.instance_code(instance).clone();
        if code.module().makes_objects(expr) {
            return self.evaluate_objects(instance, &code, expr);
        }
        // The top is kept apart, so that the usual expression of one constant allocates nothing.
        let (mut top, mut below) = ([0; 2], Vec::new());
        let mut depth = 0;
        code.module().const_ops(expr, |op| {
            let value = match op {
                ConstOp::I32(value) => [u64::from(value as u32), 0],
                ConstOp::I64(value) => [value as u64, 0],
                ConstOp::F32(bits) => [bits.into(), 0],
                ConstOp::F64(bits) => [bits, 0],
                ConstOp::V128(bits) => [bits as u64, (bits >> 64) as u64],
                ConstOp::RefNull(_) => [0; 2],
                ConstOp::RefFunc(func) => [self.func_ref(instance, func).into(), 0],
                ConstOp::GlobalGet(index) => {
                    self.global(self.instances[instance as usize].global(index))
                }
                op => {
                    let left = below.pop().unwrap_or([0; 2])[0];
                    depth -= 1;
                    top = [arithmetic(op, left, top[0]), 0];
                    return;
                }
            };
            if depth > 0 {
                below.push(top);
            }
            depth += 1;
            top = value;
        })?;
        Ok(top)
    }
}

/// Appends to a list in a block.
///
/// # Safety
///
/// The list has room.
unsafe fn append(list: *mut u32, len: &mut usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe { *list.add(*len) = value };
    *len += 1;
}

fn has_passive_elements(module: &Module) -> bool {
    module.elements().iter().any(|segment| matches!(segment.mode, ElementMode::Passive))
}

fn has_passive_data(module: &Module) -> bool {
    module.data().iter().any(|segment| matches!(segment.mode, DataMode::Passive))
}

fn arithmetic(op: ConstOp, left: u64, right: u64) -> u64 {
    let narrow = |value: u32| u64::from(value);
    let (left32, right32) = (left as u32, right as u32);
    match op {
        ConstOp::I32Add => narrow(left32.wrapping_add(right32)),
        ConstOp::I32Sub => narrow(left32.wrapping_sub(right32)),
        ConstOp::I32Mul => narrow(left32.wrapping_mul(right32)),
        ConstOp::I64Add => left.wrapping_add(right),
        ConstOp::I64Sub => left.wrapping_sub(right),
        _ => left.wrapping_mul(right),
    }
}

fn limits_match(want: (u64, Option<u64>), have: (u64, Option<u64>)) -> bool {
    have.0 >= want.0
        && match (want.1, have.1) {
            (None, _) => true,
            (Some(want), Some(have)) => have <= want,
            (Some(_), None) => false,
        }
}
