//! The structures whose layout the tiers know, asserted against `dunlin_module::layout`.

use crate::counting::Budget;
use crate::crossing::Target;
use crate::gc::HeapContext;
use crate::host::HostCode;
use crate::object_types::ObjectType;
use crate::resources::PollPages;
use crate::roots::{OuterPlace, Place};
use crate::store::Store;
use crate::sys::PollPage;
use crate::types::TypeRecord;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::{offset_of, size_of};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use dunlin_core::numeric::Relaxed;
use dunlin_core::{MemoryType, TrapCode};
use dunlin_module::layout;
use dunlin_module::side::FRAME_RECORD_SLOTS;

/// What a tier sees of an instance: hot fields first. One per instance, at a fixed address.
#[repr(C)]
pub struct VmContext {
    /// The store's context.
    pub store: *mut StoreContext,
    /// Base of memory 0; dangling where there is none.
    pub memory0_base: *mut u8,
    /// Bytes of memory 0.
    pub memory0_len: usize,
    /// The module's function records, imports first.
    pub funcs: *const FuncEntry,
    /// Pointers to the cells of the globals, imports first.
    pub globals: *const *mut GlobalCell,
    /// Pointers to the definitions of the tables, imports first.
    pub tables: *const *mut TableDef,
    /// Pointers to the definitions of the memories, imports first.
    pub memories: *const *mut MemoryDef,
    /// Function references of the imported functions.
    pub imports: *const u32,
    /// The engine's type numbers, by the module's type index.
    pub type_ids: *const u32,
    /// The module's native code by function index, imports first; then, by type index, the ways out of
    /// it; then the tables that never change. Null where there is none.
    pub code: *const AtomicPtr<u8>,
    /// How compiled code calls the imported functions.
    pub import_calls: *const ImportCall,
    /// The store's stacks' ends and requests.
    pub interrupts: *const Interrupts,
    /// The store's poll page; dangling where it has none.
    pub poll_page: *const u8,
    /// The store's indices of the tags, imports first.
    pub tags: *const u32,
    /// What code that counts takes notes in: from there on, and an operator's offset in the module.
    pub profile: *const u8,
    /// What compiled code that counts may still execute, by function index; dangling where nobody watches.
    pub budgets: *const Budget,
    /// The module's structures and arrays, by type index; dangling where it has none.
    pub objects: *const ObjectType,
    /// Which instance of the store this is.
    pub instance: u32,
    /// How many functions are imported; they have the lowest indices.
    pub func_imports: u32,
}

/// What a tier sees of a store.
#[repr(C)]
pub struct StoreContext {
    /// Where the stack ends and whether to stop; shared with other threads.
    pub interrupts: *const Interrupts,
    /// Fuel that is left, where it is metered.
    pub fuel: i64,
    /// The store's function references; index 0 is null.
    pub funcs: *const FuncRecord,
    /// The types that the store's instances have, by their places.
    pub types: *const TypeRecord,
    /// What allocates objects.
    pub heap: HeapContext,
    /// How many types there are.
    pub type_count: usize,
    /// The innermost entry into compiled code, and where it was left.
    pub native: NativeState,
    /// Where the innermost activation of the interpreter was left.
    pub place: Place,
    /// Where those outside of it were.
    pub outer_places: *const OuterPlace,
    /// The first free slot of the value stack while a host function runs.
    pub stack_top: *mut u64,
    /// The store itself. Valid while the store is entered.
    pub store: *mut Store,
    /// What the embedder passed at entry, for its host functions and limits.
    pub owner: *mut (),
    /// How deep host and guest have called each other in turn.
    pub depth: u32,
    /// What the engine has chosen for relaxed operators.
    pub relaxed: Relaxed,
    /// What ended the latest execution.
    pub exit: ExitState,
    /// A reference to the exception that travels; null where none does.
    pub exception: u32,
    /// Where the interpreter goes on that has just caught an exception.
    pub landing: Landing,
}

/// What the ways into and out of compiled code leave for each other.
#[repr(C)]
pub struct NativeState {
    /// The native stack pointer in the innermost entry into compiled code.
    pub entry_sp: usize,
    /// The frame in which compiled code has last been left, a way out's or a stub's: it begins with the
    /// frame pointer of its caller and the address that it returns to. 0 where none has been left.
    pub left_fp: usize,
    /// What the way into a loop begins with.
    pub loop_slots: *const u64,
    /// Places in code when it was left early, innermost first.
    pub places: [usize; crate::BACKTRACE_FRAMES_MAX],
    /// How many places there are.
    pub place_count: usize,
    /// Where it goes on then.
    pub resume: Resume,
    /// The call whose exception is being looked at there; 0 when that has been caught.
    pub looked_at: usize,
    /// Whether compiled code counts fuel, in a register of its own.
    pub is_metered: bool,
    /// The function that compiled code has ended in a call of, for whoever entered it.
    pub(crate) tail_call: Option<Target>,
    /// The arguments of that call.
    pub(crate) tail_arguments: Vec<u64>,
    /// Where slots of compiled code are put for the way into a loop.
    pub(crate) loop_buffer: Vec<u64>,
}

impl Default for NativeState {
    fn default() -> Self {
        let places = [0; crate::BACKTRACE_FRAMES_MAX];
        Self {
            entry_sp: 0,
            left_fp: 0,
            loop_slots: core::ptr::null(),
            places,
            place_count: 0,
            resume: Resume::default(),
            looked_at: 0,
            is_metered: false,
            tail_call: None,
            tail_arguments: Vec::new(),
            loop_buffer: Vec::new(),
        }
    }
}

impl NativeState {
    /// Puts what an activation holds where the way into a loop expects it: slots of locals, and of operands.
    pub(crate) fn put_loop_slots(
        &mut self,
        locals: impl Iterator<Item = u64>,
        operands: impl Iterator<Item = u64>,
    ) {
        let buffer = &mut self.loop_buffer;
        buffer.clear();
        buffer.extend(locals);
        buffer.resize(buffer.len() + FRAME_RECORD_SLOTS as usize, 0);
        buffer.extend(operands);
        self.loop_slots = buffer.as_ptr();
    }
}

/// How compiled code calls an imported function.
#[repr(C)]
pub struct ImportCall {
    /// Where the pointer to the code is.
    pub code: *const AtomicPtr<u8>,
    /// The context that the code expects.
    pub cx: *mut VmContext,
    /// What the module's own way out calls: the host function's code, or what calls a guest's function
    /// that has no native code.
    pub host: HostCode,
    /// What that is given first.
    pub data: *const (),
}

/// Why and where an execution ended early.
pub struct ExitState {
    /// The trap.
    pub code: TrapCode,
    /// The byte after the opcode that trapped.
    pub ip: *const u8,
    /// The frame at the trap.
    pub fp: *mut u64,
    /// The instance at the trap.
    pub cx: *mut VmContext,
}

/// A place of the interpreter's: its registers but for the top of the operand stack.
#[derive(Clone, Copy)]
pub struct Landing {
    /// The next operator.
    pub ip: *const u8,
    /// The slot of the top of the operand stack.
    pub sp: *mut u64,
    /// The locals.
    pub fp: *mut u64,
    /// The side table's next word.
    pub stp: *const u64,
    /// The instance.
    pub cx: *mut VmContext,
}

impl Default for Landing {
    fn default() -> Self {
        let (ip, stp) = (core::ptr::null(), core::ptr::null());
        Self { ip, sp: null_mut(), fp: null_mut(), stp, cx: null_mut() }
    }
}

/// Where compiled code goes on that is left early, as the stubs of the machine read it.
#[repr(C)]
#[derive(Default)]
pub struct Resume {
    /// The next instruction.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The frame pointer.
    pub fp: usize,
    /// A reference to the exception that is caught there.
    pub exception: u64,
    /// Its tag.
    pub tag: u64,
}

impl MemoryDef {
    /// A memory of no bytes.
    pub(crate) const EMPTY: Self = Self { base: null_mut(), len: 0, page_size_log2: 0 };

    /// A memory of this type.
    pub(crate) const fn new(base: *mut u8, len: usize, ty: MemoryType) -> Self {
        Self { base, len, page_size_log2: ty.page_size_log2 }
    }

    /// Reads a definition that may be a shared memory's, whose length others change.
    ///
    /// # Safety
    ///
    /// The definition is alive.
    #[inline(always)]
    pub unsafe fn read(def: *mut Self) -> Self {
        // SAFETY: the caller's promise. Bases and page sizes are written before a definition is shared.
        let (base, page_size_log2) = unsafe { ((*def).base, (*def).page_size_log2) };
        // SAFETY: the caller's promise. Who changes the length of what is shared does so atomically.
        let len = unsafe { AtomicUsize::from_ptr(&raw mut (*def).len) };
        Self { base, len: len.load(Ordering::Acquire), page_size_log2 }
    }
}

impl TableDef {
    /// A table of no elements.
    pub(crate) const EMPTY: Self = Self { base: null_mut(), len: 0 };
}

impl Default for ExitState {
    fn default() -> Self {
        Self { code: TrapCode::Unreachable, ip: core::ptr::null(), fp: null_mut(), cx: null_mut() }
    }
}

/// The value of a global: the low 8 bytes first.
pub type GlobalCell = [u64; 2];

/// A memory, as tiers see it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MemoryDef {
    /// First byte; dangling when empty.
    pub base: *mut u8,
    /// Length in bytes.
    pub len: usize,
    /// The binary logarithm of a page's bytes.
    pub page_size_log2: u8,
}

/// A table, as tiers see it: 32-bit references.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TableDef {
    /// First element; dangling when empty.
    pub base: *mut u32,
    /// Elements.
    pub len: usize,
}

/// A function of a module: written once when it is prepared, read by every call.
#[repr(C)]
#[derive(Default)]
pub struct FuncEntry {
    /// First operator; null until the function is prepared, and for imports. Published last.
    pub ip: AtomicPtr<u8>,
    /// The side table's first word.
    pub side: AtomicPtr<u64>,
    /// Slots of the parameters.
    pub params: AtomicU32,
    /// Slots of the other locals, zeroed at a call.
    pub zeros: AtomicU32,
    /// Slots of a whole activation.
    pub frame: AtomicU32,
    /// Slots of the results.
    pub results: AtomicU32,
}

/// What a function reference stands for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FuncRecord {
    /// The instance of a guest's function; null for the host's.
    pub cx: *mut VmContext,
    /// The record of a guest's function; null for the host's.
    pub entry: *const FuncEntry,
    /// Where the pointer to its native code is, which is null where there is none.
    pub code: *const AtomicPtr<u8>,
    /// The engine's number of its type.
    pub type_id: u32,
    /// Index in the instance's function space, or in the store's list of host functions.
    pub index: u32,
    /// Slots of the parameters.
    pub params: u32,
    /// Slots of the results.
    pub results: u32,
}

/// The end of the value stack, and the request to stop: one comparison serves both.
///
/// Guests compare their stack pointer with `limit` at every call and every backward branch. A request
/// to stop sets it to 0, so that the comparison fails and the slow path finds the request.
///
/// Compiled code looks at the same word, or reads the poll page, which a request makes unreadable.
#[repr(C)]
pub struct Interrupts {
    limit: AtomicUsize,
    native_limit: AtomicUsize,
    stack_end: AtomicUsize,
    page: Option<PollPage>,
    /// Whether the page has ever been closed.
    is_used: AtomicBool,
    /// Where the page goes when nobody needs it any more.
    pages: Option<Arc<PollPages>>,
    /// The thread that runs the guest, while that waits at an address of a shared memory.
    #[cfg(feature = "std")]
    sleeper: crate::sync::Mutex<Option<alloc::sync::Arc<crate::parking::Sleeper>>>,
}

/// The limit of a guest that is asked to stop. Compiled code compares with it.
const STOP: usize = 0;

/// The limit of a guest that is asked to let others have its thread.
const YIELD: usize = 1;

/// What a guest is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Nothing.
    None,
    /// To let others have its thread, and to go on.
    Yield,
    /// To stop.
    Stop,
}

impl Default for Interrupts {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let (Some(page), Some(pages)) = (self.page.take(), &self.pages) else { return };
        if *self.is_used.get_mut() {
            page.open();
        }
        pages.give_back(page);
    }
}

impl Interrupts {
    /// No request, and stacks without end: a value stack sets its own. With a poll page if there are pages.
    pub(crate) fn new(pages: Option<&Arc<PollPages>>) -> Self {
        let page = pages.and_then(|pages| pages.take());
        Self {
            limit: AtomicUsize::new(usize::MAX),
            native_limit: AtomicUsize::new(0),
            stack_end: AtomicUsize::new(usize::MAX),
            page,
            is_used: AtomicBool::new(false),
            pages: pages.cloned(),
            #[cfg(feature = "std")]
            sleeper: crate::sync::Mutex::new(None),
        }
    }

    /// The first byte of the poll page, or null where there is none.
    pub(crate) fn poll_page(&self) -> *const u8 {
        self.page.as_ref().map_or(core::ptr::null(), PollPage::base)
    }

    /// Sets the address that the native stack pointer must stay above; returns the former one.
    #[cfg(feature = "native")]
    pub(crate) fn set_native_limit(&self, address: usize) -> usize {
        // Only the thread that runs the guests writes it: no swap, which would lock the bus.
        let before = self.native_limit.load(Ordering::Relaxed);
        self.native_limit.store(address, Ordering::Relaxed);
        before
    }

    /// Asks the guest to stop at its next call or backward branch, or where it waits.
    pub fn interrupt(&self) {
        self.limit.store(STOP, Ordering::SeqCst);
        if let Some(page) = &self.page {
            self.is_used.store(true, Ordering::SeqCst);
            page.close();
        }
        #[cfg(feature = "std")]
        if let Some(sleeper) = &*self.sleeper.lock() {
            sleeper.call();
        }
    }

    /// Whether the guest is asked to stop. The request stays.
    pub fn is_requested(&self) -> bool {
        self.limit.load(Ordering::SeqCst) == STOP
    }

    /// Notes who waits, for requests to stop.
    #[cfg(feature = "std")]
    pub(crate) fn set_sleeper(&self, sleeper: Option<alloc::sync::Arc<crate::parking::Sleeper>>) {
        *self.sleeper.lock() = sleeper;
    }

    /// The address that a stack pointer must stay below.
    #[inline(always)]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets where the stack ends, and a limit below it that guests run into first.
    pub(crate) fn set_stack(&self, first_limit: usize, end: usize) {
        self.stack_end.store(end, Ordering::SeqCst);
        // A request that has been made stays.
        let limit = |limit| (limit != STOP).then_some(first_limit);
        let _ = self.limit.fetch_update(Ordering::SeqCst, Ordering::SeqCst, limit);
    }

    /// Asks the guest to let others have its thread, where that takes turns ([`crate::stacks`]): as
    /// [`Interrupts::interrupt`], and it goes on afterwards. Compiled code hears of it by its page alone.
    #[cfg(feature = "stacks")]
    pub fn ask_to_yield(&self) {
        let no_request = |limit| (limit > YIELD).then_some(YIELD);
        let set = self.limit.fetch_update(Ordering::SeqCst, Ordering::SeqCst, no_request);
        if let (Ok(_), Some(page)) = (set, &self.page) {
            self.is_used.store(true, Ordering::SeqCst);
            page.close();
        }
    }

    /// The slow path of the comparison: takes the request if there is one. Whether the guest has to stop.
    pub fn take_request(&self) -> bool {
        match self.take() {
            Request::Stop => true,
            Request::None => false,
            Request::Yield => {
                #[cfg(feature = "stacks")]
                crate::stacks::give_way();
                // Somebody may have asked meanwhile: the next comparison finds it.
                false
            }
        }
    }

    /// Takes the request if there is one.
    pub(crate) fn take(&self) -> Request {
        // The page is opened first, so that a request made meanwhile is not lost. It may close again after
        // its request has been taken; then a read faults, and finds none.
        if let Some(page) = &self.page {
            page.open();
        }
        match self.limit.swap(self.stack_end.load(Ordering::SeqCst), Ordering::SeqCst) {
            STOP => Request::Stop,
            YIELD => Request::Yield,
            _ => Request::None,
        }
    }

    /// Whether a stack pointer at `address` is within the stack, whatever has been requested.
    pub fn is_within(&self, address: usize) -> bool {
        address < self.stack_end.load(Ordering::Relaxed)
    }
}

const POINTER: usize = size_of::<usize>();

// Compiled code knows these offsets from `dunlin_module::layout`.
const _: () = {
    use layout::vm_context as l;
    assert!(offset_of!(VmContext, store) == l::STORE * POINTER);
    assert!(offset_of!(VmContext, memory0_base) == l::MEMORY0_BASE * POINTER);
    assert!(offset_of!(VmContext, memory0_len) == l::MEMORY0_LEN * POINTER);
    assert!(offset_of!(VmContext, funcs) == l::FUNCS * POINTER);
    assert!(offset_of!(VmContext, globals) == l::GLOBALS * POINTER);
    assert!(offset_of!(VmContext, tables) == l::TABLES * POINTER);
    assert!(offset_of!(VmContext, memories) == l::MEMORIES * POINTER);
    assert!(offset_of!(VmContext, imports) == l::IMPORTS * POINTER);
    assert!(offset_of!(VmContext, type_ids) == l::TYPE_IDS * POINTER);
    assert!(offset_of!(VmContext, code) == l::CODE * POINTER);
    assert!(offset_of!(VmContext, import_calls) == l::IMPORT_CALLS * POINTER);
    assert!(offset_of!(VmContext, interrupts) == l::INTERRUPTS * POINTER);
    assert!(offset_of!(VmContext, poll_page) == l::POLL_PAGE * POINTER);
    assert!(offset_of!(VmContext, tags) == l::TAGS * POINTER);
    assert!(offset_of!(VmContext, objects) == l::OBJECTS * POINTER);
    assert!(offset_of!(VmContext, budgets) == l::BUDGETS * POINTER);
    assert!(offset_of!(VmContext, profile) == l::PROFILE * POINTER);
    assert!(size_of::<Budget>() == layout::budget::BYTES);
    assert!(offset_of!(Budget, left) == layout::budget::LEFT);
    assert!(offset_of!(Budget, calls) == layout::budget::CALLS);
    assert!(offset_of!(Budget, observed) == layout::budget::OBSERVED);
    assert!(size_of::<u64>() == layout::SLOT_BYTES);
};

#[cfg(target_pointer_width = "64")]
const _: () = {
    use layout::func_entry as l;
    assert!(size_of::<FuncEntry>() == l::BYTES);
    assert!(offset_of!(FuncEntry, ip) == l::IP);
    assert!(offset_of!(FuncEntry, side) == l::SIDE);
    assert!(offset_of!(FuncEntry, params) == l::PARAMS);
    assert!(offset_of!(FuncEntry, zeros) == l::ZEROS);
    assert!(offset_of!(FuncEntry, frame) == l::FRAME);
    assert!(offset_of!(FuncEntry, results) == l::RESULTS);
};

#[cfg(target_pointer_width = "64")]
const _: () = {
    use layout::{func_record, import_call, interrupts, memory_def};
    use layout::{store_context, table_def, type_record};
    assert!(offset_of!(StoreContext, fuel) == store_context::FUEL);
    assert!(offset_of!(StoreContext, funcs) == store_context::FUNCS);
    assert!(offset_of!(StoreContext, types) == store_context::TYPES);
    assert!(offset_of!(StoreContext, type_count) == store_context::TYPE_COUNT);
    let heap = offset_of!(StoreContext, heap);
    assert!(heap + offset_of!(HeapContext, base) == store_context::HEAP_BASE);
    assert!(heap + offset_of!(HeapContext, cards) == store_context::CARDS);
    assert!(heap + offset_of!(HeapContext, nursery_next) == store_context::NURSERY_NEXT);
    assert!(heap + offset_of!(HeapContext, nursery_end) == store_context::NURSERY_END);
    let native = offset_of!(StoreContext, native);
    assert!(native + offset_of!(NativeState, left_fp) == store_context::LEFT_FP);
    assert!(native + offset_of!(NativeState, loop_slots) == store_context::LOOP_SLOTS);
    // The stub that enters compiled code finds the one beside the other.
    assert!(offset_of!(NativeState, left_fp) == offset_of!(NativeState, entry_sp) + POINTER);
    assert!(crate::gc::CARD_SHIFT == layout::CARD_SHIFT);
    assert!(crate::gc::GRANULE as usize == layout::object::GRANULE);
    assert!(crate::gc::LARGE_BYTES as usize == layout::object::LARGE_BYTES);
    assert!(crate::gc::TAG_MASK == layout::object::TAG_MASK);
    assert!(crate::gc::HOST == layout::object::TAG_HOST);
    assert!(crate::gc::ARRAY_LENGTH as usize == layout::object::LENGTH);
    assert!(crate::gc::ARRAY_ELEMENTS as usize == layout::object::ELEMENTS);
    assert!(size_of::<TypeRecord>() == type_record::BYTES);
    assert!(offset_of!(TypeRecord, line) == type_record::LINE);
    assert!(offset_of!(TypeRecord, len) == type_record::LEN);
    assert!(offset_of!(Interrupts, limit) == interrupts::LIMIT);
    assert!(offset_of!(Interrupts, native_limit) == interrupts::NATIVE_LIMIT);
    assert!(offset_of!(MemoryDef, base) == memory_def::BASE);
    assert!(offset_of!(MemoryDef, len) == memory_def::LEN);
    assert!(offset_of!(TableDef, base) == table_def::BASE);
    assert!(offset_of!(TableDef, len) == table_def::LEN);
    assert!(size_of::<u32>() == table_def::ELEMENT_BYTES);
    assert!(size_of::<ImportCall>() == import_call::BYTES);
    assert!(offset_of!(ImportCall, code) == import_call::CODE);
    assert!(offset_of!(ImportCall, cx) == import_call::CX);
    assert!(offset_of!(ImportCall, host) == import_call::HOST);
    assert!(offset_of!(ImportCall, data) == import_call::DATA);
    assert!(size_of::<FuncRecord>() == func_record::BYTES);
    assert!(offset_of!(FuncRecord, cx) == func_record::CX);
    assert!(offset_of!(FuncRecord, code) == func_record::CODE);
    assert!(offset_of!(FuncRecord, type_id) == func_record::TYPE_ID);
    assert!(offset_of!(FuncRecord, index) == func_record::INDEX);
};
