//! The store: owner of instances, memories, tables, globals, functions and host values.
//!
//! Everything is named by its index in the store's lists. What nothing in the store leads to any more may be
//! freed (`freeing.rs`), and its index used again, in another generation; the embedding API checks whose
//! store an index is of, and of which generation.

use crate::ModuleCode;
use crate::block::{Block, ImportedKind};
use crate::blueprint::FuncStart;
use crate::context::{
    ExitState, FuncRecord, GlobalCell, Interrupts, Landing, MemoryDef, NativeState, StoreContext,
    VmContext,
};
use crate::crossing::Interpret;
use crate::exception::Exceptions;
use crate::gc::{Heap, HeapConfig, HeapContext};
use crate::host::{HostCode, HostFailure, HostFn};
use crate::image::MemoryImage;
use crate::instance::Instance;
use crate::list::{List, Places};
use crate::memory::Memory;
use crate::objects::HostValues;
use crate::owned::Owned;
use crate::plan::Plan;
use crate::resources::{Refusal, Resources};
use crate::roots::{FrameMaps, Handles, Place};
use crate::shared::SharedMemory;
use crate::stack::ValueStack;
use crate::table::Table;
use crate::types::TypeRegistry;
use crate::walk::{BACKTRACE_FRAMES_MAX, Frame};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomPinned;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use dunlin_core::limits::VALUE_STACK_BYTES_DEFAULT;
use dunlin_core::numeric::Relaxed;
use dunlin_core::{FuncType, GlobalType, MemoryType, TrapCode};
use dunlin_module::Invalid;

/// Something that can be imported and exported, by its index in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extern {
    /// A function reference; never 0, which is null.
    Func(u32),
    /// A table.
    Table(u32),
    /// A memory.
    Memory(u32),
    /// A global.
    Global(u32),
    /// A tag.
    Tag(u32),
}

/// A memory or table that wants to grow, for the embedder's limits. Memories count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// A memory.
    Memory {
        /// Bytes now.
        current: u64,
        /// Bytes wanted.
        desired: u64,
        /// Bytes that its type allows.
        max: Option<u64>,
    },
    /// A table.
    Table {
        /// Elements now.
        current: u64,
        /// Elements wanted.
        desired: u64,
        /// Elements that its type allows.
        max: Option<u64>,
    },
    /// The heap of the store's objects, in bytes.
    Heap {
        /// Bytes now.
        current: u64,
        /// Bytes wanted.
        desired: u64,
    },
}

/// The embedder's limits: whether this growth may be, or why the guest must end.
pub type GrowthHook = fn(owner: *mut (), growth: Growth) -> Result<bool, HostFailure>;

/// What the code pointer of a function without native code is.
pub(crate) struct NoCode(pub(crate) AtomicPtr<u8>);
pub(crate) static NO_CODE: NoCode = NoCode(AtomicPtr::new(null_mut()));

/// What null stands for, and what stands in a free place: of no type.
pub(crate) struct NoFunc(pub(crate) FuncRecord);
pub(crate) static NO_FUNC: NoFunc = NoFunc(FuncRecord {
    cx: null_mut(),
    entry: core::ptr::null(),
    code: &raw const NO_CODE.0,
    type_id: u32::MAX,
    index: 0,
    params: 0,
    results: 0,
});

// SAFETY: its pointers are null, or lead to what never changes.
unsafe impl Sync for NoFunc {}

/// A global of a store.
pub(crate) struct Global {
    pub(crate) cell: Owned<GlobalCell>,
    pub(crate) ty: GlobalType,
    /// Whether another instance than its own may have it.
    pub(crate) is_imported: bool,
}

/// How a store is made.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Bytes of the value stack.
    pub stack_bytes: usize,
    /// Whether compiled code reads a poll page to be interrupted.
    pub poll_page: bool,
    /// Whether compiled code counts fuel.
    pub metered: bool,
    /// How the heap of objects is to be.
    pub heap: HeapConfig,
    /// What the engine has chosen for relaxed operators.
    pub relaxed: Relaxed,
    /// What it shares with other stores.
    pub resources: Arc<Resources>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let resources = Arc::default();
        let stack_bytes = VALUE_STACK_BYTES_DEFAULT;
        let (heap, relaxed) = (HeapConfig::default(), Relaxed::default());
        Self { stack_bytes, poll_page: false, metered: false, heap, relaxed, resources }
    }
}

/// Why a memory or table was not created.
pub enum CreateError {
    /// It was refused.
    Refused(Refusal),
    /// The embedder's limits reported a failure.
    Host(HostFailure),
}

impl From<Refusal> for CreateError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A trap: why, and where from the innermost frame outwards.
#[derive(Debug)]
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// Where; at most [`crate::BACKTRACE_FRAMES_MAX`] frames.
    pub frames: Vec<Frame>,
    /// What is wrong with the function, where its body is not valid.
    pub invalid: Option<Invalid>,
}

/// Why a call into a guest did not return.
pub enum Failure {
    /// The guest trapped.
    Trap(Box<Trap>),
    /// A host function or limit failed, below these frames.
    Host(HostFailure, Vec<Frame>),
    /// A guest, or a host function, threw this exception, below these frames, and no guest has caught it.
    Exception(u32, Vec<Frame>),
    /// The engine failed, below these frames: what it said. The store runs no guest any more.
    Bug(String, Vec<Frame>),
}

/// A store. See the module's head.
pub struct Store {
    pub(crate) context: Owned<StoreContext>,
    interrupts: Arc<Interrupts>,
    types: Arc<TypeRegistry>,
    resources: Arc<Resources>,
    stack: Option<ValueStack>,
    pub(crate) stack_bytes: usize,
    pub(crate) memories: List<Memory>,
    /// Which of these are shared memories, by their identity: each is there once.
    pub(crate) shared: BTreeMap<usize, u32>,
    pub(crate) tables: List<Table>,
    pub(crate) globals: List<Global>,
    /// The numbers of the tags' function types.
    pub(crate) tags: List<u32>,
    pub(crate) exceptions: Exceptions,
    /// After what has cells in the instances' blocks, so that it is dropped after it.
    pub(crate) instances: List<Instance>,
    /// Instances that are no longer wanted, and have not been freed yet.
    pub(crate) waiting: Vec<u32>,
    /// How many of them the last search has found something to lead to.
    pub(crate) searched: usize,
    /// Whether anybody has asked for a function, without which no guest runs.
    is_reached: AtomicBool,
    /// How many functions had got code when imports were linked, or linked anew.
    #[cfg(feature = "native")]
    pub(crate) linked_at: usize,
    pub(crate) funcs: Vec<FuncRecord>,
    pub(crate) func_places: Places,
    /// What is done in it, where that was planned.
    pub(crate) plan: Option<Arc<Plan>>,
    /// Whether all that the plan has is there.
    pub(crate) is_whole: bool,
    /// Blocks that another store has left for the plan's instances, the last one first.
    pub(crate) left_blocks: Vec<Block>,
    /// Functions of the host beside those of the plan, and the references to them.
    pub(crate) hosts: Vec<(HostFn, u32)>,
    /// Numbers of types that what the host has made here has, released with the store.
    pub(crate) host_types: Vec<u32>,
    /// Numbers of types that objects may have although no instance has them any more.
    pub(crate) object_types: Option<BTreeSet<u32>>,
    /// How many of them the last collection has found objects of.
    pub(crate) types_used: usize,
    /// How often something was freed.
    pub(crate) frees: u64,
    /// References to functions of the host's that come after the first few, by the address of their data.
    pub(crate) more_hosts: Option<BTreeMap<usize, u32>>,
    /// The objects, once there are some. Before the context, which it writes to.
    pub(crate) heap: Option<Box<Heap>>,
    pub(crate) heap_config: HeapConfig,
    pub(crate) values: HostValues,
    pub(crate) handles: Handles,
    /// What has been found out of the interpreter's frames.
    pub(crate) frame_maps: FrameMaps,
    growth_hook: Option<GrowthHook>,
    /// What a limit or a host function reported during the current execution.
    pub(crate) failure: Option<HostFailure>,
    /// What is wrong with the function that could not be prepared.
    pub(crate) invalid: Option<Invalid>,
    /// What a defect of the engine said that showed while a guest ran. What it left behind is not to be
    /// trusted, so that no guest runs here any more.
    bug: Option<Box<str>>,
    /// Frames of what has failed so far, innermost first, while the failure travels outwards.
    pub(crate) frames: Vec<Frame>,
    /// Runs functions that have no native code.
    pub(crate) interpret: Option<Interpret>,
    /// While a guest runs, host functions use the store through the pointer in its context, although
    /// whoever entered holds a reference. Compilers take no reference to what is pinned for the only one.
    _pinned: PhantomPinned,
}

// SAFETY: raw pointers in a store's contexts lead to cells that the store owns or to its modules' code,
// which it keeps alive; `store` and `owner` are only followed during a call, which borrows the store.
unsafe impl Send for Store {}
// SAFETY: shared access reads; guests run only with exclusive access.
unsafe impl Sync for Store {}

impl Store {
    /// An empty store whose function types `types` numbers.
    #[must_use]
    pub fn new(types: Arc<TypeRegistry>, config: StoreConfig) -> Self {
        let pages = config.poll_page.then(|| config.resources.poll_pages());
        let interrupts = Arc::new(Interrupts::new(pages));
        let funcs = alloc::vec![NO_FUNC.0];
        let context = Owned::new(StoreContext {
            interrupts: Arc::as_ptr(&interrupts),
            fuel: 0,
            funcs: funcs.as_ptr(),
            types: core::ptr::null(),
            heap: HeapContext::new(),
            type_count: 0,
            place: Place::NONE,
            outer_places: core::ptr::null(),
            stack_top: null_mut(),
            store: null_mut(),
            owner: null_mut(),
            depth: 0,
            relaxed: config.relaxed,
            exit: ExitState::default(),
            exception: 0,
            landing: Landing::default(),
            native: NativeState { is_metered: config.metered, ..NativeState::default() },
        });
        Self {
            context,
            interrupts,
            types,
            resources: config.resources,
            stack: None,
            stack_bytes: config.stack_bytes,
            memories: List::default(),
            shared: BTreeMap::new(),
            tables: List::default(),
            globals: List::default(),
            tags: List::default(),
            exceptions: Exceptions::default(),
            instances: List::default(),
            waiting: Vec::new(),
            searched: 0,
            is_reached: AtomicBool::new(false),
            #[cfg(feature = "native")]
            linked_at: crate::relinking::published(),
            funcs,
            func_places: Places::default(),
            plan: None,
            is_whole: true,
            left_blocks: Vec::new(),
            hosts: Vec::new(),
            host_types: Vec::new(),
            object_types: None,
            types_used: 0,
            frees: 0,
            more_hosts: None,
            heap: None,
            heap_config: config.heap,
            values: HostValues::default(),
            handles: Handles::default(),
            frame_maps: FrameMaps::new(),
            growth_hook: None,
            failure: None,
            invalid: None,
            bug: None,
            frames: Vec::new(),
            interpret: None,
            _pinned: PhantomPinned,
        }
    }

    /// Sets what runs functions that have no native code.
    pub fn set_interpret(&mut self, interpret: Interpret) {
        self.interpret = Some(interpret);
    }

    /// Sets the embedder's limits.
    pub fn set_growth_hook(&mut self, hook: Option<GrowthHook>) {
        self.growth_hook = hook;
    }

    /// The context that tiers see.
    #[must_use]
    pub fn context(&self) -> *mut StoreContext {
        self.context.as_ptr()
    }

    /// The handle by which other threads stop guests.
    #[must_use]
    pub fn interrupts(&self) -> &Arc<Interrupts> {
        &self.interrupts
    }

    /// The registry that numbers this store's function types.
    #[must_use]
    pub fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// What this store shares with others.
    #[must_use]
    pub fn resources(&self) -> &Arc<Resources> {
        &self.resources
    }

    /// Fuel that is left; negative when a guest has overdrawn it.
    #[must_use]
    pub fn fuel(&self) -> i64 {
        // SAFETY: the context lives as long as the store; no guest runs while it is borrowed.
        unsafe { (*self.context()).fuel }
    }

    /// Sets the fuel.
    pub fn set_fuel(&mut self, fuel: i64) {
        // SAFETY: as in `fuel`.
        unsafe { (*self.context()).fuel = fuel };
    }

    /// Sets what host functions and limits find as their owner, while no guest runs.
    pub fn set_owner(&mut self, owner: *mut ()) {
        // SAFETY: as in `fuel`.
        unsafe { (*self.context()).owner = owner };
    }

    /// Makes sure that there is a value stack, and says where the next activation may begin.
    ///
    /// # Errors
    ///
    /// [`TrapCode::StackOverflow`] if no stack is to be had.
    pub fn stack_top(&mut self) -> Result<*mut u64, TrapCode> {
        if self.stack.is_none() {
            let stack = self.resources.take_stack(self.stack_bytes);
            let stack = stack.ok_or(TrapCode::StackOverflow)?;
            // Frames are linked through slots, as integers.
            let base = stack.base();
            let _ = base.expose_provenance();
            self.interrupts.set_stack(stack.shallow_end(), stack.end());
            // SAFETY: as in `fuel`.
            unsafe { (*self.context()).stack_top = base };
            self.stack = Some(stack);
        }
        // Also where compiled code called the host before there was a stack.
        // SAFETY: as in `fuel`.
        let top = unsafe { &mut (*self.context()).stack_top };
        if top.is_null() {
            *top = self.stack.as_ref().map_or(null_mut(), ValueStack::base);
        }
        // SAFETY: as in `fuel`.
        Ok(unsafe { (*self.context()).stack_top })
    }

    /// The code of the host function of this index, and its data; both live as long as the store.
    #[inline]
    pub(crate) fn host(&self, index: u32) -> Option<(HostCode, *const ())> {
        let index = index as usize;
        let host = match &self.plan {
            None => self.hosts.get(index),
            Some(plan) => match index.checked_sub(plan.hosts.len()) {
                None => plan.hosts.get(index),
                Some(index) => self.hosts.get(index),
            },
        };
        host.map(|(host, _)| host.parts())
    }

    /// What a function reference stands for; `None` for null and for what is not of this store.
    ///
    /// Whoever runs a guest asks for the function first: until somebody has, the guests' memories are
    /// taken to hold what they held at first.
    #[must_use]
    #[inline]
    pub fn func(&self, reference: u32) -> Option<&FuncRecord> {
        self.is_reached.store(true, Ordering::Relaxed);
        self.funcs.get(reference as usize).filter(|_| reference != 0)
    }

    /// The type of a function, by reference.
    ///
    /// # Panics
    ///
    /// If the reference is null or not of this store.
    #[must_use]
    pub fn func_type(&self, reference: u32) -> Arc<FuncType> {
        self.types.get(self.funcs[reference as usize].type_id)
    }

    /// The engine's number of a function's type, by reference.
    ///
    /// # Panics
    ///
    /// If the reference is not of this store.
    #[must_use]
    pub fn func_type_id(&self, reference: u32) -> u32 {
        self.funcs[reference as usize].type_id
    }

    /// A reference to an instance's function, made at the first request.
    ///
    /// # Panics
    ///
    /// If there is no such instance or function.
    pub fn func_ref(&mut self, instance: u32, func: u32) -> u32 {
        let of = &self.instances[instance as usize];
        if let Some(made) = of.import(ImportedKind::Func, func).or_else(|| of.made_func_ref(func)) {
            return made;
        }
        let code = of.code();
        let type_id = code.type_ids()[code.module().func_type_index(func) as usize];
        let ty = code.module().func_type(func);
        let (params, results) = (ty.param_slots(), ty.result_slots());
        let entry: *const _ = &raw const code.entries()[func as usize];
        let code: *const _ = &raw const code.doors()[func as usize];
        let record = FuncRecord { cx: of.cx(), entry, code, type_id, index: func, params, results };
        let made = self.push_func(record);
        self.instances[instance as usize].note_func_ref(func, made);
        made
    }

    /// Makes references, one after the other, to functions of an instance; returns the first.
    pub(crate) fn push_funcs(&mut self, instance: u32, funcs: &[FuncStart]) -> u32 {
        let free = self.func_places.take(funcs.len() as u32);
        let first = free.unwrap_or(self.funcs.len() as u32);
        let of = &self.instances[instance as usize];
        // The blueprint is the same module's, so that its functions have entries.
        let (cx, entries) = (of.cx(), of.code().entries().as_ptr());
        let codes = of.code().doors().as_ptr();
        let records = funcs.iter().map(|start| FuncRecord {
            cx,
            entry: entries.wrapping_add(start.func as usize),
            code: codes.wrapping_add(start.func as usize),
            type_id: start.type_id,
            index: start.func,
            params: start.params,
            results: start.results,
        });
        match free {
            Some(_) => {
                let places = &mut self.funcs[first as usize..][..funcs.len()];
                places.iter_mut().zip(records).for_each(|(place, record)| *place = record);
            }
            None => self.funcs.extend(records),
        }
        // SAFETY: as in `fuel`; the list's address may have changed.
        unsafe { (*self.context()).funcs = self.funcs.as_ptr() };
        first
    }

    /// Lets tiers know of all types that there are.
    pub(crate) fn renew_types(&mut self) {
        // SAFETY: as in `fuel`.
        let context = unsafe { &mut *self.context() };
        (context.types, context.type_count) = self.types.records();
    }

    pub(crate) fn push_func(&mut self, record: FuncRecord) -> u32 {
        if let Some(place) = self.func_places.take(1) {
            self.funcs[place as usize] = record;
            return place;
        }
        self.funcs.push(record);
        // SAFETY: as in `fuel`; the list's address may have changed.
        unsafe { (*self.context()).funcs = self.funcs.as_ptr() };
        self.funcs.len() as u32 - 1
    }

    /// Whether anybody has asked for a function, without which no guest runs.
    pub(crate) fn is_reached(&self) -> bool {
        self.is_reached.load(Ordering::Relaxed)
    }

    pub(crate) fn growth_hook(&self) -> Option<GrowthHook> {
        self.growth_hook
    }

    /// How many instances, memories and tables there are, those included that are no longer wanted and have
    /// not been freed yet.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.instances.len(), self.memories.len(), self.tables.len())
    }

    /// Asks the embedder's limits.
    pub(crate) fn allows(&mut self, growth: Growth) -> Result<bool, HostFailure> {
        // SAFETY: as in `fuel`.
        let owner = unsafe { (*self.context()).owner };
        self.growth_hook.map_or(Ok(true), |hook| hook(owner, growth))
    }

    /// Adds a memory.
    ///
    /// # Errors
    ///
    /// If limits, the pool or the machine refuse.
    pub fn create_memory(&mut self, ty: MemoryType) -> Result<u32, CreateError> {
        let place = self.memories.reserve(1);
        let made = self.create_memory_in(place, ty, None, Owned::new(MemoryDef::EMPTY));
        if made.is_err() {
            self.memories.free(place..place + 1);
        }
        made.map(|()| place)
    }

    /// Puts a memory that holds the image into its place, with its definition in `def`.
    pub(crate) fn create_memory_in(
        &mut self,
        place: u32,
        ty: MemoryType,
        image: Option<&Arc<MemoryImage>>,
        def: Owned<MemoryDef>,
    ) -> Result<(), CreateError> {
        let bytes_of = |pages| ty.bytes_of(pages).unwrap_or(u64::MAX);
        let (desired, max) = (bytes_of(ty.min), ty.max.map(bytes_of));
        self.allow(Growth::Memory { current: 0, desired, max })?;
        let memory = Memory::new(ty, image, &self.resources, def)?;
        if let Some(shared) = memory.shared() {
            self.shared.insert(shared.id(), place);
        }
        self.memories.put(place, memory);
        Ok(())
    }

    /// Whether this store has the memory already.
    #[must_use]
    pub fn has_shared_memory(&self, shared: &SharedMemory) -> bool {
        self.shared.contains_key(&shared.id())
    }

    /// The memory's index in this store, which has it from now on if it did not before.
    ///
    /// # Errors
    ///
    /// If limits refuse, or it is one of another engine.
    pub fn add_shared_memory(&mut self, shared: &SharedMemory) -> Result<u32, CreateError> {
        if let Some(index) = self.shared.get(&shared.id()) {
            return Ok(*index);
        }
        // Compiled code relies on how the engine's memories lie.
        if !Arc::ptr_eq(shared.resources(), &self.resources) {
            return Err(Refusal::Machine.into());
        }
        let ty = shared.ty();
        let max = ty.max.map(|max| ty.bytes_of(max).unwrap_or(u64::MAX));
        self.allow(Growth::Memory { current: 0, desired: shared.len() as u64, max })?;
        let place = self.memories.push(Memory::of_shared(shared.clone()));
        self.shared.insert(shared.id(), place);
        Ok(place)
    }

    /// The memory as other stores may have it, if it is shared.
    ///
    /// # Panics
    ///
    /// If there is no such memory.
    #[must_use]
    pub fn shared_memory(&self, index: u32) -> Option<&SharedMemory> {
        self.memories[index as usize].shared()
    }

    pub(crate) fn allow(&mut self, growth: Growth) -> Result<(), CreateError> {
        match self.allows(growth) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Limits.into()),
            Err(failure) => Err(CreateError::Host(failure)),
        }
    }

    /// The type of a memory, with its current size as the minimum.
    ///
    /// # Panics
    ///
    /// If there is no such memory; so do the functions below.
    #[must_use]
    pub fn memory_type(&self, index: u32) -> MemoryType {
        self.memories[index as usize].ty()
    }

    /// Bytes of a memory.
    #[must_use]
    pub fn memory_len(&self, index: u32) -> usize {
        self.memories[index as usize].len()
    }

    /// Copies bytes from `start` on out of a memory.
    ///
    /// # Errors
    ///
    /// [`TrapCode::MemoryOutOfBounds`]
    pub fn memory_read(&self, index: u32, start: u64, buffer: &mut [u8]) -> Result<(), TrapCode> {
        let memory = &self.memories[index as usize];
        match memory.shared() {
            Some(shared) => shared.read(start, buffer),
            None => {
                let range = range(memory.len(), start, buffer.len())?;
                buffer.copy_from_slice(&memory.bytes()[range]);
                Ok(())
            }
        }
    }

    /// Copies bytes into a memory from `start` on.
    ///
    /// # Errors
    ///
    /// [`TrapCode::MemoryOutOfBounds`]
    pub fn memory_write(&mut self, index: u32, start: u64, buffer: &[u8]) -> Result<(), TrapCode> {
        let memory = &mut self.memories[index as usize];
        match memory.shared() {
            Some(shared) => shared.write(start, buffer),
            None => {
                let range = range(memory.len(), start, buffer.len())?;
                memory.bytes_mut()[range].copy_from_slice(buffer);
                Ok(())
            }
        }
    }

    /// The bytes of a memory; none of a shared one, which others may write to at any time.
    #[must_use]
    pub fn memory(&self, index: u32) -> &[u8] {
        self.memories[index as usize].bytes()
    }

    /// The bytes of a memory, to write, as in [`memory`](Self::memory).
    pub fn memory_mut(&mut self, index: u32) -> &mut [u8] {
        self.memories[index as usize].bytes_mut()
    }

    /// The bytes of two memories, of the second to write; none if they are one, or either is shared.
    pub fn memory_pair(&mut self, from: u32, to: u32) -> Option<(&[u8], &mut [u8])> {
        let [from, to] = self.memories.pair_mut(from, to)?;
        if from.shared().is_some() || to.shared().is_some() {
            return None;
        }
        Some((from.bytes(), to.bytes_mut()))
    }

    /// Grows a memory by `delta` pages; returns its former size in pages, or `None` if it may not grow.
    ///
    /// # Errors
    ///
    /// What the embedder's limits report.
    pub fn memory_grow(&mut self, index: u32, delta: u64) -> Result<Option<u64>, HostFailure> {
        loop {
            let before = self.memories[index as usize].size();
            if let Some(grown) = self.memory_grow_from(index, before, delta)? {
                return Ok(grown.then_some(before));
            }
        }
    }

    /// As [`memory_grow`](Self::memory_grow), for a memory that has `size` pages; `None` if a shared one has
    /// another size by then, which cannot go on forever.
    fn memory_grow_from(
        &mut self,
        index: u32,
        size: u64,
        delta: u64,
    ) -> Result<Option<bool>, HostFailure> {
        let memory = &self.memories[index as usize];
        let max = memory.pages_max();
        let Some(pages) = size.checked_add(delta).filter(|pages| *pages <= max) else {
            return Ok(Some(false));
        };
        let ty = memory.ty();
        let bytes_of = |pages| ty.bytes_of(pages).unwrap_or(u64::MAX);
        let growth = Growth::Memory {
            current: bytes_of(size),
            desired: bytes_of(pages),
            max: ty.max.map(bytes_of),
        };
        if !self.allows(growth)? {
            return Ok(Some(false));
        }
        let memory = &mut self.memories[index as usize];
        match memory.shared().map(|shared| shared.grow(size, pages)) {
            Some(None) => return Ok(None),
            Some(Some(false)) => return Ok(Some(false)),
            _ => {}
        }
        Ok(Some(memory.grow_to(pages)))
    }

    /// Adds a global.
    pub fn create_global(&mut self, ty: GlobalType, value: GlobalCell) -> u32 {
        self.globals.push(Global { cell: Owned::new(value), ty, is_imported: false })
    }

    /// Adds a tag of exceptions that carry this function type's parameters.
    pub fn create_tag(&mut self, ty: &FuncType) -> u32 {
        let number = self.types.intern(ty);
        self.host_types.push(number);
        self.renew_types();
        self.tags.push(number)
    }

    /// The type of a global.
    ///
    /// # Panics
    ///
    /// If there is no such global; so do the functions below.
    #[must_use]
    #[inline]
    pub fn global_type(&self, index: u32) -> GlobalType {
        self.globals[index as usize].ty
    }

    /// The value of a global.
    #[must_use]
    pub fn global(&self, index: u32) -> GlobalCell {
        // SAFETY: the cell lives as long as the store; no guest runs while it is borrowed.
        unsafe { *self.global_cell(index) }
    }

    /// Writes a global, whatever its mutability.
    pub fn set_global(&mut self, index: u32, value: GlobalCell) {
        self.swap_global(index, value);
    }

    /// The same; its value before.
    #[inline]
    pub fn swap_global(&mut self, index: u32, value: GlobalCell) -> GlobalCell {
        // SAFETY: as in `global`.
        unsafe { core::mem::replace(&mut *self.global_cell(index), value) }
    }

    #[inline]
    pub(crate) fn global_cell(&self, index: u32) -> *mut GlobalCell {
        self.globals[index as usize].cell.as_ptr()
    }

    /// The code of an instance's module.
    ///
    /// # Panics
    ///
    /// If there is no such instance.
    #[must_use]
    pub fn instance_code(&self, instance: u32) -> &Arc<ModuleCode> {
        self.instances[instance as usize].code()
    }

    /// Takes what a limit or host function reported during the execution that just ended.
    pub fn take_failure(&mut self) -> Option<HostFailure> {
        self.failure.take()
    }

    /// Notes what a host function reported, for whoever entered the guest.
    pub fn note_failure(&mut self, failure: HostFailure) {
        self.failure = Some(failure);
    }

    /// Notes that the engine itself has failed while a guest ran: no guest of this store runs again.
    pub fn note_bug(&mut self, what: &str) {
        self.bug.get_or_insert_with(|| what.into());
    }

    /// What the engine's own failure said, if there was one: whoever is about to run a guest asks.
    #[must_use]
    #[inline]
    pub fn bug(&self) -> Option<&str> {
        self.bug.as_deref()
    }

    /// Adds the interpreter's frames to those of the failure, after a handler has noted the place where
    /// it left the guest. Only the trap's code stays noted.
    #[cold]
    pub fn note_frames(&mut self) {
        // SAFETY: as in `fuel`.
        let exit = unsafe { &mut (*self.context()).exit };
        let code = exit.code;
        let exit = core::mem::replace(exit, ExitState { code, ..ExitState::default() });
        if !exit.cx.is_null() {
            // SAFETY: the place has just been noted; its frames are still on the stack.
            let frames = unsafe { self.backtrace(exit.ip, exit.fp, exit.cx) };
            let room = BACKTRACE_FRAMES_MAX.saturating_sub(self.frames.len());
            self.frames.extend(frames.into_iter().take(room));
        }
    }

    /// Forgets the frames that an exception has left, which has been caught.
    pub(crate) fn forget_frames(&mut self) {
        self.frames.clear();
        // SAFETY: as in `fuel`.
        let native = unsafe { &mut (*self.context()).native };
        (native.place_count, native.looked_at) = (0, 0);
    }

    /// The failure of the execution that just ended, with the frames that have been added.
    #[cold]
    #[must_use]
    pub fn failure_of_exit(&mut self) -> Failure {
        self.note_frames();
        let frames = core::mem::take(&mut self.frames);
        // SAFETY: as in `fuel`.
        let exception = unsafe { core::mem::take(&mut (*self.context()).exception) };
        if let Some(bug) = self.bug() {
            return Failure::Bug(bug.into(), frames);
        }
        if let Some(failure) = self.failure.take() {
            return Failure::Host(failure, frames);
        }
        if exception != 0 {
            return Failure::Exception(exception, frames);
        }
        let invalid = self.invalid.take();
        // SAFETY: as in `fuel`.
        let code = unsafe { (*self.context()).exit.code };
        Failure::Trap(Box::new(Trap { code, frames, invalid }))
    }

    /// The context of an instance.
    ///
    /// # Panics
    ///
    /// If there is no such instance.
    #[must_use]
    pub fn instance_context(&self, instance: u32) -> *mut VmContext {
        self.is_reached.store(true, Ordering::Relaxed);
        self.instances[instance as usize].cx()
    }
}

fn range(size: usize, start: u64, len: usize) -> Result<core::ops::Range<usize>, TrapCode> {
    let end = start.checked_add(len as u64).filter(|end| *end <= size as u64);
    // Both are at most `size`, which is a `usize`.
    end.map(|end| start as usize..end as usize).ok_or(TrapCode::MemoryOutOfBounds)
}

impl Drop for Store {
    fn drop(&mut self) {
        let counted = self.memories.iter().filter(|memory| memory.is_counted()).count();
        self.resources.subtract(self.instances.len(), counted, self.tables.len());
        self.types.release(&self.host_types);
        if let Some(types) = &self.object_types {
            self.types.release(&types.iter().copied().collect::<Vec<_>>());
        }
        if !*self.is_reached.get_mut() {
            self.memories.iter_mut().for_each(Memory::set_unreached);
        }
        if let Some(stack) = self.stack.take() {
            // A limit that nobody has run into is still the first one.
            let is_shallow = self.interrupts.limit() == stack.shallow_end();
            self.resources.give_stack_back(stack, is_shallow);
        }
        // What has cells in the instance's block, before that is another's.
        self.memories = List::default();
        self.tables = List::default();
        self.globals = List::default();
        if self.plan.is_some() {
            self.leave_to_plan();
        } else if let Some(only) = self.instances.take_only() {
            only.leave(core::mem::take(&mut self.funcs));
        }
    }
}

impl core::fmt::Debug for Store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Store").field("instances", &self.instances.len()).finish_non_exhaustive()
    }
}
