//! Plans: what has been done in a store that was empty, to be done again in others.
//!
//! Whoever makes many stores of one kind does the same in each: the same functions of the host's, and instances of the
//! same modules with the same imports. Since everything in a store is named by its place in a list, it has the same name
//! in each. So a plan says what is at each place, and all that depends on nothing but that: records of functions, imports
//! that have been matched, what element segments write.
//!
//! 1. A plan is read off a store ([`Store::plan`]). Where something has been freed there, or has come to be in a way
//!    that cannot be done again, there is none.
//! 2. An empty store begins with the places of all that the plan has ([`Store::begin_plan`]), with nothing in them but the
//!    host's functions and globals. Then the instances are made one after the other, so that start functions run when
//!    they did; what is not there yet, [`Store::is_made`] tells.
//! 3. Everything that a guest can write to is made anew: memories, tables, globals, whatever a store has beside its
//!    lists. What a store leaves to the next are the blocks of its instances and its list of functions, both of which
//!    lead to each other and are written by nobody while guests run, but for the parts of a block that each instance
//!    begins by writing. They are kept only where nothing has been freed.

use crate::ModuleCode;
use crate::block::{Block, ImportedKind};
use crate::blueprint::{Blueprint, constant_globals};
use crate::context::{FuncRecord, GlobalCell, ImportCall};
use crate::host::{HostCode, HostFn};
use crate::instance::{First, FuncRefs, InstantiateError};
use crate::owned::Owned;
use crate::resources::Resources;
use crate::store::{Extern, Global, Store};
use crate::sync::Mutex;
use crate::tuning::{PLANS_KEPT_BYTES_MAX, PLANS_KEPT_MAX};
use crate::types::{TypeRecord, TypeRegistry};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use dunlin_core::{GlobalType, ValType};
use dunlin_module::{ConstOp, ConstRange, ElementItem, ElementMode, Invalid, Module};

/// The owner of functions of the host's, among instances.
const HOST: u32 = u32::MAX;

/// How many things of each kind a store has, those included that have been freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Functions to which there is a reference; null is the first.
    pub funcs: u32,
    /// Tables.
    pub tables: u32,
    /// Memories.
    pub memories: u32,
    /// Globals.
    pub globals: u32,
    /// Tags.
    pub tags: u32,
    /// Instances.
    pub instances: u32,
}

impl Counts {
    /// More than there can be.
    pub const ALL: Self = Self {
        funcs: u32::MAX,
        tables: u32::MAX,
        memories: u32::MAX,
        globals: u32::MAX,
        tags: u32::MAX,
        instances: u32::MAX,
    };

    /// Whether this is one of them.
    #[must_use]
    #[inline]
    pub fn has(&self, item: Extern) -> bool {
        match item {
            Extern::Func(index) => index < self.funcs,
            Extern::Table(index) => index < self.tables,
            Extern::Memory(index) => index < self.memories,
            Extern::Global(index) => index < self.globals,
            Extern::Tag(index) => index < self.tags,
        }
    }
}

/// What is done in a store. See the module's head.
pub struct Plan {
    resources: Arc<Resources>,
    types: Arc<TypeRegistry>,
    /// Numbers of types that things of the host's have, which are kept as long as the plan is.
    kept_types: Box<[u32]>,
    pub(crate) hosts: Box<[(HostFn, u32)]>,
    /// The functions; those of instances lead to no context.
    funcs: Box<[FuncRecord]>,
    /// Which instances these are of.
    owners: Box<[u32]>,
    /// The host's globals, by their places.
    globals: Box<[(u32, GlobalType, GlobalCell)]>,
    instances: Box<[Planned]>,
    counts: Counts,
    /// The table of types as it was by then, which has all that are used here and stays.
    records: (*const TypeRecord, usize),
    /// What stores have left.
    left: Mutex<Vec<Left>>,
}

// SAFETY: its pointers lead to what its host functions own, to arrays of the modules' code that it keeps, and to a
// table of the registry's, which it keeps too; all may be used by several threads.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}

/// What a store has left to the next: the functions lead to the blocks.
struct Left {
    funcs: Vec<FuncRecord>,
    blocks: Vec<Block>,
}

// SAFETY: the functions lead to the blocks, which go with them, and to code of the plan that keeps them.
unsafe impl Send for Left {}

/// An instance that is to be made.
struct Planned {
    code: Arc<ModuleCode>,
    first: First,
    funcs: Box<[u32]>,
    tables: Box<[u32]>,
    memories: Box<[u32]>,
    globals: Box<[u32]>,
    /// The imported ones.
    tags: Box<[u32]>,
    /// Of the imported functions: the host's code with its data, or nothing for a guest's.
    calls: Box<[Option<(HostCode, *const ())>]>,
    /// References that have been made to its functions, by function.
    refs: Arc<[(u32, u32)]>,
    /// What its globals begin with, if that is known.
    values: Option<Box<[GlobalCell]>>,
    /// What its active element segments write, if that is known: to which table, from where on, and what.
    writes: Option<Box<[Write]>>,
    is_known: bool,
    start: Option<u32>,
}

type Write = (u32, u64, Box<[u32]>);

impl Plan {
    /// How many things of each kind a store has to which this has been done.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The start function of an instance, as a reference.
    #[must_use]
    pub fn start(&self, instance: u32) -> Option<u32> {
        self.instances.get(instance as usize)?.start
    }

    fn keep(&self, mut funcs: Vec<FuncRecord>, blocks: Vec<Block>) {
        let bytes = funcs.capacity() * size_of::<FuncRecord>()
            + blocks.iter().map(Block::bytes).sum::<usize>();
        if bytes > PLANS_KEPT_BYTES_MAX {
            return;
        }
        funcs.truncate(self.funcs.len());
        let mut left = self.left.lock();
        if left.len() < PLANS_KEPT_MAX.min(PLANS_KEPT_BYTES_MAX / bytes.max(1)) {
            left.push(Left { funcs, blocks });
        }
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        self.types.release(&self.kept_types);
    }
}

impl core::fmt::Debug for Plan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Plan").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// Reading a plan off a store.
impl Store {
    /// How many things of each kind there are.
    #[must_use]
    pub fn numbers(&self) -> Counts {
        Counts {
            funcs: self.funcs.len() as u32,
            tables: self.tables.places() as u32,
            memories: self.memories.places() as u32,
            globals: self.globals.places() as u32,
            tags: self.tags.places() as u32,
            instances: self.instances.places() as u32,
        }
    }

    /// Whether nothing has been done in this store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers() == Counts { funcs: 1, ..Counts::default() }
            && self.plan.is_none()
            && self.hosts.is_empty()
            && self.host_types.is_empty()
            && self.is_untouched()
    }

    /// Whether nothing has been freed, and nothing is left of a defect.
    fn is_untouched(&self) -> bool {
        let lists = self.tables.is_untouched()
            && self.memories.is_untouched()
            && self.globals.is_untouched()
            && self.tags.is_untouched()
            && self.instances.is_untouched();
        lists
            && self.func_places.is_untouched()
            && self.frees == 0
            && self.waiting.is_empty()
            && self.shared.is_empty()
            && self.bug().is_none()
    }

    /// What has been done in this store, which was empty before; `None` if it cannot be done again.
    #[must_use]
    pub fn plan(&self) -> Option<Plan> {
        if self.plan.is_some() || !self.is_untouched() || !self.is_idle() {
            return None;
        }
        let mut owners = alloc::vec![HOST; self.funcs.len()];
        for (owner, record) in owners.iter_mut().zip(&*self.funcs).skip(1) {
            if !record.cx.is_null() {
                // SAFETY: a record that leads to a context is one of an instance that has not been freed.
                *owner = unsafe { (*record.cx).instance };
            }
        }
        let counts = self.numbers();
        let instances = (0..counts.instances).map(|instance| self.planned(instance, &owners));
        let instances: Box<[Planned]> = instances.collect::<Option<_>>()?;
        let globals = self.globals_of_host(&instances)?;
        if !self.are_all_of(&instances, globals.len()) {
            return None;
        }
        let funcs = self.funcs.iter().map(|record| FuncRecord { cx: null_mut(), ..*record });
        // The last of what may fail: from here on they are the plan's to release.
        let mut kept_types = Vec::with_capacity(self.host_types.len());
        for number in &self.host_types {
            if !self.types().keep(*number) {
                self.types().release(&kept_types);
                return None;
            }
            kept_types.push(*number);
        }
        Some(Plan {
            resources: self.resources().clone(),
            types: self.types().clone(),
            kept_types: kept_types.into(),
            hosts: self.hosts.clone().into(),
            funcs: funcs.collect(),
            owners: owners.into(),
            globals,
            instances,
            counts,
            records: self.types().records(),
            left: Mutex::default(),
        })
    }

    /// Whether memories, tables, globals and tags are all these instances', but for so many globals.
    fn are_all_of(&self, instances: &[Planned], host_globals: usize) -> bool {
        let sum = |count: fn(&Module) -> usize| -> usize {
            instances.iter().map(|planned| count(planned.code.module())).sum()
        };
        sum(|module| module.tables().len()) == self.tables.places()
            && sum(|module| module.defined_memories().len()) == self.memories.places()
            && sum(|module| module.globals().len()) + host_globals == self.globals.places()
            && sum(|module| module.tags().len() - module.tag_imports()) == self.tags.places()
    }

    /// The globals that are none of these instances', with their values; `None` if these are not of numbers alone.
    fn globals_of_host(
        &self,
        instances: &[Planned],
    ) -> Option<Box<[(u32, GlobalType, GlobalCell)]>> {
        let mut is_host = alloc::vec![true; self.globals.places()];
        for planned in instances {
            let first = planned.first.global as usize;
            is_host.get_mut(first..first + planned.code.module().globals().len())?.fill(false);
        }
        let places = (0..).zip(is_host).filter(|(_, is_host)| *is_host);
        let globals = places.map(|(place, _)| {
            let ty = self.globals.get(place)?.ty;
            let is_number = !matches!(ty.content, ValType::Ref(_));
            is_number.then(|| (place, ty, self.global(place)))
        });
        globals.collect()
    }

    fn planned(&self, instance: u32, owners: &[u32]) -> Option<Planned> {
        let of = self.instances.get(instance)?;
        let code = of.code().clone();
        let module = code.module();
        let list = |kind, count: usize| {
            (0..count as u32).map(|i| of.import(kind, i)).collect::<Option<Box<[u32]>>>()
        };
        let funcs = list(ImportedKind::Func, module.func_imports() as usize)?;
        let calls = funcs.iter().map(|import| {
            let record = self.funcs.get(*import as usize)?;
            if record.entry.is_null() { self.host(record.index).map(Some) } else { Some(None) }
        });
        let calls = calls.collect::<Option<_>>()?;
        let refs = owners.iter().enumerate().filter(|(_, owner)| **owner == instance);
        let mut refs: Vec<_> = refs.map(|(at, _)| (self.funcs[at].index, at as u32)).collect();
        refs.sort_unstable();
        if refs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return None;
        }
        let start = match module.start() {
            Some(start) => {
                Some(of.import(ImportedKind::Func, start).or_else(|| find(&refs, start))?)
            }
            None => None,
        };
        let reference =
            |func: u32| of.import(ImportedKind::Func, func).or_else(|| find(&refs, func));
        let writes = writes(module, reference, |table| of.table(table));
        Some(Planned {
            first: of.first,
            tables: list(ImportedKind::Table, module.table_imports())?,
            memories: list(ImportedKind::Memory, module.memory_imports())?,
            globals: list(ImportedKind::Global, module.global_imports())?,
            tags: (0..module.tag_imports() as u32).map(|i| of.tag(i)).collect(),
            funcs,
            calls,
            refs: refs.into(),
            values: constant_globals(module).ok()?.into_iter().collect(),
            writes,
            is_known: of.is_known.load(Ordering::Relaxed),
            start,
            code: code.clone(),
        })
    }
}

/// The reference to a function, if one has been made.
pub(crate) fn find(refs: &[(u32, u32)], func: u32) -> Option<u32> {
    refs.binary_search_by_key(&func, |made| made.0).ok().map(|at| refs[at].1)
}

/// What active element segments write, if all of it is functions and null at constant places.
fn writes(
    module: &Module,
    reference: impl Fn(u32) -> Option<u32>,
    table_of: impl Fn(u32) -> u32,
) -> Option<Box<[Write]>> {
    if module.tables().iter().any(|table| table.init.is_some()) {
        return None;
    }
    let mut writes = Vec::new();
    for segment in module.elements() {
        let (table, offset) = match segment.mode {
            ElementMode::Active { table, offset } => (table, offset),
            // Whose values are each instance's.
            ElementMode::Passive => return None,
            ElementMode::Declared => continue,
        };
        let Simple::Number(start) = simple(module, offset)? else { return None };
        let start = if module.table_type(table).table64 { start } else { u64::from(start as u32) };
        let mut values = Vec::with_capacity(segment.count as usize);
        let done = module.element_items::<Invalid>(segment, |item| {
            values.push(match item {
                ElementItem::Func(func) => reference(func),
                ElementItem::Expr(expr) => match simple(module, expr) {
                    Some(Simple::Func(func)) => reference(func),
                    Some(Simple::Null) => Some(0),
                    _ => None,
                },
            });
            Ok(())
        });
        done.ok()?;
        let values = values.into_iter().collect::<Option<_>>()?;
        writes.push((table_of(table), start, values));
    }
    Some(writes.into())
}

/// The value of an expression of one operator.
enum Simple {
    Number(u64),
    Null,
    Func(u32),
}

fn simple(module: &Module, expr: ConstRange) -> Option<Simple> {
    let (mut value, mut operators) = (None, 0);
    let done = module.const_ops(expr, |op| {
        operators += 1;
        value = match op {
            ConstOp::I32(value) => Some(Simple::Number(u64::from(value as u32))),
            ConstOp::I64(value) => Some(Simple::Number(value as u64)),
            ConstOp::RefNull(_) => Some(Simple::Null),
            ConstOp::RefFunc(func) => Some(Simple::Func(func)),
            _ => None,
        };
    });
    done.ok()?;
    value.filter(|_| operators == 1)
}

/// Doing again what a plan says.
impl Store {
    /// Begins to do what a plan says, in a store that is empty.
    ///
    /// # Panics
    ///
    /// If the store is not empty, or shares not what the plan's store did.
    pub fn begin_plan(&mut self, plan: &Arc<Plan>) {
        assert!(
            self.is_empty() && Arc::ptr_eq(self.resources(), &plan.resources),
            "an empty store"
        );
        debug_assert!(Arc::ptr_eq(self.types(), &plan.types));
        let counts = plan.counts;
        match plan.left.lock().pop() {
            Some(Left { funcs, blocks }) => {
                (self.funcs, self.left_blocks) = (funcs, blocks);
                self.left_blocks.reverse();
            }
            None => self.funcs = plan.funcs.to_vec(),
        }
        // SAFETY: the context lives as long as the store, and no guest runs; the list is another one.
        unsafe { (*self.context()).funcs = self.funcs.as_ptr() };
        self.tables.extend_to(counts.tables);
        self.memories.extend_to(counts.memories);
        self.globals.extend_to(counts.globals);
        self.tags.extend_to(counts.tags);
        self.instances.extend_to(counts.instances);
        for (place, ty, value) in &*plan.globals {
            let global = Global { cell: Owned::new(*value), ty: *ty, is_imported: false };
            self.globals.put(*place, global);
        }
        // SAFETY: as above.
        let context = unsafe { &mut *self.context() };
        (context.types, context.type_count) = plan.records;
        self.is_whole = false;
        self.plan = Some(plan.clone());
    }

    /// Whether something is there that the store's plan has: what it says about instances that have not been made
    /// is not.
    #[must_use]
    #[inline]
    pub fn is_made(&self, item: Extern) -> bool {
        self.is_whole || self.is_made_so_far(item)
    }

    #[cold]
    fn is_made_so_far(&self, item: Extern) -> bool {
        match item {
            Extern::Func(index) => {
                let owners = self.plan.as_ref().map(|plan| &plan.owners);
                match owners.and_then(|owners| owners.get(index as usize)) {
                    Some(&HOST) => true,
                    Some(owner) => self.instances.get(*owner).is_some(),
                    None => (index as usize) < self.funcs.len(),
                }
            }
            Extern::Table(index) => self.tables.get(index).is_some(),
            Extern::Memory(index) => self.memories.get(index).is_some(),
            Extern::Global(index) => self.globals.get(index).is_some(),
            Extern::Tag(index) => self.tags.get(index).is_some(),
        }
    }

    /// The same of an instance.
    #[must_use]
    #[inline]
    pub fn is_instance_made(&self, index: u32) -> bool {
        self.is_whole || self.instances.get(index).is_some()
    }

    /// Whether nothing has been removed so far: else a place may be that of something else by now, and what the plan says
    /// about it is not to be believed.
    #[must_use]
    pub fn keeps_places(&self) -> bool {
        self.frees == 0 && self.waiting.is_empty()
    }

    /// Whether all that the plan has is there.
    #[must_use]
    pub fn is_made_whole(&self) -> bool {
        self.is_whole
    }

    /// Says that all that the plan has is there.
    ///
    /// # Panics
    ///
    /// If an instance has not been made, or something has been removed.
    pub fn end_plan(&mut self) {
        assert!(self.keeps_places(), "places are those of the plan");
        let count = self.plan.as_ref().map_or(0, |plan| plan.instances.len() as u32);
        assert!((0..count).all(|index| self.instances.get(index).is_some()), "all are made");
        self.is_whole = true;
    }

    /// Makes the next instance of the store's plan, but for its start function.
    ///
    /// # Errors
    ///
    /// If limits refuse, or a segment is out of bounds. What the plan has beyond is not there then, ever.
    ///
    /// # Panics
    ///
    /// If it is not the next one, or something has been removed.
    pub fn instantiate_planned(&mut self, index: u32) -> Result<(), InstantiateError> {
        assert!(self.keeps_places(), "places are those of the plan");
        let plan = self.plan.clone().expect("a plan");
        let planned = &plan.instances[index as usize];
        assert!(!self.is_whole && self.instances.get(index).is_none(), "the next instance");
        let blueprint = planned.code.blueprint_for(&plan.resources);
        let block = match self.left_blocks.pop() {
            Some(block) => block,
            None => self.block_of(planned),
        };
        self.link_planned(planned, &block);
        let refused = |refusal| InstantiateError::Refused("instance", refusal);
        plan.resources.add_instance().map_err(refused)?;
        let (code, first) = (&planned.code, planned.first);
        if let Err(error) = self.create_memories_and_tables(code, blueprint, &block, first) {
            self.free_things(code.module(), first);
            plan.resources.subtract(1, 0, 0);
            return Err(error);
        }
        self.create_globals(code, &block, first);
        self.create_tags(code, &block, first);
        let refs = FuncRefs::Planned { made: planned.refs.clone(), more: Vec::new() };
        let cx = self.put_instance(index, code, blueprint, block, (first, refs));
        // The same as before where the block was left.
        for (_, reference) in &*planned.refs {
            self.funcs[*reference as usize].cx = cx;
        }
        let known = &mut self.instances.get_mut(index).expect("it has been put there").is_known;
        *known.get_mut() = planned.is_known;
        let done = self.initialise_planned(index, blueprint, planned);
        done.inspect_err(|_| self.abandon(index))
    }

    /// A new block for an instance, with the indices of what it imports.
    fn block_of(&self, planned: &Planned) -> Block {
        let block = Block::new(planned.code.module());
        let lists = [
            (block.funcs(), &planned.funcs),
            (block.imported_tables(), &planned.tables),
            (block.imported_memories(), &planned.memories),
            (block.imported_globals(), &planned.globals),
            (block.tags(), &planned.tags),
        ];
        for (list, indices) in lists {
            // SAFETY: the block has room for every import, and is not that list's.
            unsafe { core::ptr::copy_nonoverlapping(indices.as_ptr(), list, indices.len()) };
        }
        block
    }

    /// Writes what leads from a block to what the instance imports.
    fn link_planned(&mut self, planned: &Planned, block: &Block) {
        for (i, index) in planned.tables.iter().enumerate() {
            let table = &mut self.tables[*index as usize];
            table.is_imported = true;
            // SAFETY: the block has a pointer for each imported table.
            unsafe { *block.tables().add(i) = table.def() };
        }
        for (i, index) in planned.memories.iter().enumerate() {
            let memory = &mut self.memories[*index as usize];
            memory.is_imported = true;
            // SAFETY: the block has a pointer for each imported memory.
            unsafe { *block.memories().add(i) = memory.def() };
        }
        for (i, index) in planned.globals.iter().enumerate() {
            let global = &mut self.globals[*index as usize];
            global.is_imported = true;
            // SAFETY: the block has a pointer for each imported global.
            unsafe { *block.globals().add(i) = global.cell.as_ptr() };
        }
        let code = planned.code.code();
        for (i, (call, import)) in planned.calls.iter().zip(&planned.funcs).enumerate() {
            let own = (&raw const code[i], block.cx());
            let call = match *call {
                Some((host, data)) => ImportCall { code: own.0, cx: own.1, host, data },
                None => self.call_of(*import, own),
            };
            // SAFETY: the block has room for a call of each imported function.
            unsafe { block.import_calls().add(i).write(call) };
        }
    }

    fn initialise_planned(
        &mut self,
        index: u32,
        blueprint: Option<&Blueprint>,
        planned: &Planned,
    ) -> Result<(), InstantiateError> {
        match &planned.values {
            Some(values) => {
                for (global, value) in (planned.first.global..).zip(values) {
                    self.set_global(global, *value);
                }
            }
            None => self.initialise_globals(index, blueprint)?,
        }
        match &planned.writes {
            Some(writes) => {
                for (table, start, values) in writes {
                    let table = &mut self.tables[*table as usize];
                    table.slice_mut(*start, values.len() as u64)?.copy_from_slice(values);
                }
            }
            None => {
                self.fill_tables(index)?;
                self.initialise_passive_elements(index)?;
                self.initialise_tables(index)?;
            }
        }
        if !blueprint.is_some_and(Blueprint::has_images) {
            self.initialise_memories(index)?;
        }
        Ok(())
    }

    /// What the store leaves to the next one of its plan, as it ends; its memories, tables and globals have gone.
    pub(crate) fn leave_to_plan(&mut self) {
        let Some(plan) = self.plan.take() else { return };
        if !self.is_whole || !self.is_untouched() {
            return;
        }
        let count = plan.instances.len() as u32;
        let blocks = (0..count).filter_map(|index| Some(self.instances.take(index)?.into_block()));
        let blocks: Vec<_> = blocks.collect();
        if blocks.len() == plan.instances.len() {
            plan.keep(core::mem::take(&mut self.funcs), blocks);
        }
    }
}
