//! The structures whose layout the tiers know, asserted against `dunlin_module::layout`.

use crate::store::Store;
use core::mem::{offset_of, size_of};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use dunlin_core::TrapCode;
use dunlin_module::layout;

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
    /// The first free slot of the value stack while a host function runs.
    pub stack_top: *mut u64,
    /// The store itself. Valid while the store is entered.
    pub store: *mut Store,
    /// What the embedder passed at entry, for its host functions and limits.
    pub owner: *mut (),
    /// How deep host and guest have called each other in turn.
    pub depth: u32,
    /// What ended the latest execution.
    pub exit: ExitState,
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

impl MemoryDef {
    /// A memory of no bytes.
    pub(crate) const EMPTY: Self = Self { base: null_mut(), len: 0 };
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
/// to stop sets it to 0, so that the comparison fails and the slow path looks at `requested`.
#[repr(C)]
#[derive(Default)]
pub struct Interrupts {
    limit: AtomicUsize,
    stack_end: AtomicUsize,
    requested: AtomicBool,
}

impl Interrupts {
    /// Asks the guest to stop at its next call or backward branch.
    pub fn interrupt(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.limit.store(0, Ordering::SeqCst);
    }

    /// The address that a stack pointer must stay below.
    #[inline(always)]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets where the stack ends, and a limit below it that guests run into first.
    pub(crate) fn set_stack(&self, first_limit: usize, end: usize) {
        self.stack_end.store(end, Ordering::SeqCst);
        self.limit.store(first_limit, Ordering::SeqCst);
        if self.requested.load(Ordering::SeqCst) {
            self.limit.store(0, Ordering::SeqCst);
        }
    }

    /// The slow path of the comparison: takes the request if there is one.
    pub fn take_request(&self) -> bool {
        // The limit is restored first, so that a request made meanwhile is not lost.
        self.limit.store(self.stack_end.load(Ordering::SeqCst), Ordering::SeqCst);
        self.requested.swap(false, Ordering::SeqCst)
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
