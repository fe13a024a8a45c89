//! The layout of what compiled code and the interpreter share with the VM.
//!
//! Compilers know these offsets, never the memory behind them; `dunlin-vm` asserts at compile time that
//! its structures agree. Offsets are in bytes and in units of the target's pointer where they say so.
//!
//! ## Frames
//!
//! An activation stands on the store's value stack, in slots of 8 bytes that grow upwards:
//!
//! ```text
//! fp → [parameters][other locals][frame record: 5 slots][operands …] ← sp
//! ```
//!
//! A `v128` takes two slots, low half first; every other type takes one, `i32` and `f32` zero-extended,
//! references as 32-bit indices with null = 0. The parameters are the caller's operands: calls copy
//! nothing. The results end up where the parameters began.

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 8;

/// Offsets in a `VmContext`, in pointers of the target.
pub mod vm_context {
    /// The store's context.
    pub const STORE: usize = 0;
    /// Base address of memory 0.
    pub const MEMORY0_BASE: usize = 1;
    /// Length of memory 0 in bytes.
    pub const MEMORY0_LEN: usize = 2;
    /// The module's function records, imports first.
    pub const FUNCS: usize = 3;
    /// The instance's globals: an array of pointers to cells of 16 bytes.
    pub const GLOBALS: usize = 4;
    /// The instance's tables: an array of pointers to table definitions.
    pub const TABLES: usize = 5;
    /// The instance's memories: an array of pointers to memory definitions.
    pub const MEMORIES: usize = 6;
    /// The instance's imported functions: an array of 32-bit function references.
    pub const IMPORTS: usize = 7;
    /// The engine's type identifiers, by the module's type index: an array of 32-bit numbers.
    pub const TYPE_IDS: usize = 8;
    /// The module's native code: an array of pointers by function index, imports first; then by type
    /// index the ways out; then one to the elements of the tables that never change, and one to the pointers to code
    /// that calls through those read.
    pub const CODE: usize = 9;
    /// How compiled code calls the imported functions: an array of records.
    pub const IMPORT_CALLS: usize = 10;
    /// Where the stacks end and whether to stop.
    pub const INTERRUPTS: usize = 11;
    /// The store's poll page.
    pub const POLL_PAGE: usize = 12;
    /// The store's indices of the instance's tags: an array of 32-bit numbers.
    pub const TAGS: usize = 13;
    /// The module's structures and arrays.
    pub const OBJECTS: usize = 16;
    /// What compiled code that counts may still execute, by function index: an array of [budgets](super::budget).
    pub const BUDGETS: usize = 15;
    /// What such code takes notes in: so many bytes from there on as an operator's offset in the module is the byte
    /// that stands for it.
    pub const PROFILE: usize = 14;
}

/// Offsets in the budget of a function, in bytes.
pub mod budget {
    /// Size of a budget.
    pub const BYTES: usize = 16;
    /// What may still be executed; negative once that is too much.
    pub const LEFT: usize = 0;
    /// How often code that counts has been called.
    pub const CALLS: usize = 4;
    /// How often code of it has been called that notes where control gets.
    pub const OBSERVED: usize = 8;
}

/// Offsets in what is noted of a call or a cast, in bytes.
pub mod cell {
    /// Size of a cell.
    pub const BYTES: usize = 16;
    /// What has been seen most: a function's index in its instance, or the engine's number of a type.
    pub const SEEN: usize = 0;
    /// How much more often than all else.
    pub const SURPLUS: usize = 4;
    /// How often something else has been seen.
    pub const OTHERS: usize = 8;
}

/// Offsets in the store's context, in bytes of a 64-bit target.
pub mod store_context {
    /// Fuel that is left.
    pub const FUEL: usize = 8;
    /// The store's function records.
    pub const FUNCS: usize = 16;
    /// The records of the types.
    pub const TYPES: usize = 24;
    /// The address of offset 0 of the objects' heap.
    pub const HEAP_BASE: usize = 32;
    /// The card of offset 0: a byte for 2^[`CARD_SHIFT`](super::CARD_SHIFT) bytes of the heap.
    pub const CARDS: usize = 40;
    /// Where the next object begins, unless it ends beyond [`NURSERY_END`]: 32 bits.
    pub const NURSERY_NEXT: usize = 48;
    /// Up to where memory is zero and free to be bumped through: 32 bits.
    pub const NURSERY_END: usize = 52;
    /// How many records of types there are.
    pub const TYPE_COUNT: usize = 56;
    /// The frame in which compiled code has last been left: where its caller's frame pointer stands, and
    /// behind it the address in its caller that is returned to.
    pub const LEFT_FP: usize = 72;
    /// The slots that a way into a loop begins with: an activation's locals and, from
    /// [`FRAME_RECORD_SLOTS`](crate::side::FRAME_RECORD_SLOTS) slots behind them on, its operands.
    pub const LOOP_SLOTS: usize = 80;
}

/// The bytes of a card, as a power of two.
pub const CARD_SHIFT: u32 = 9;

/// Offsets in the record of requests to stop, in bytes of a 64-bit target.
pub mod interrupts {
    /// The end of the value stack; 0 when the guest is asked to stop.
    pub const LIMIT: usize = 0;
    /// The address that the native stack pointer must stay above.
    pub const NATIVE_LIMIT: usize = 8;
}

/// Offsets in a memory's definition, in bytes of a 64-bit target.
pub mod memory_def {
    /// First byte.
    pub const BASE: usize = 0;
    /// Length in bytes.
    pub const LEN: usize = 8;
}

/// Offsets in the record of a type.
pub mod type_record {
    /// Size of a record.
    pub const BYTES: usize = 32;
    /// The type's line: the numbers of the types above it, outermost first, and its own.
    pub const LINE: usize = 0;
    /// How many there are.
    pub const LEN: usize = 8;
}

/// Offsets in an object, in bytes.
pub mod object {
    /// The number of its type.
    pub const TYPE: usize = 0;
    /// An array's length.
    pub const LENGTH: usize = 4;
    /// An array's first element.
    pub const ELEMENTS: usize = 8;
    /// Where a structure's first field is looked for.
    pub const FIELDS: usize = 4;
    /// Objects are as long and aligned as multiples of so many bytes.
    pub const GRANULE: usize = 8;
    /// Objects of so many bytes are large: code that allocates by itself makes only smaller ones.
    pub const LARGE_BYTES: usize = 8 << 10;
    /// The low bits of a reference that say what it is: 0 for objects and null.
    pub const TAG_MASK: u32 = 7;
    /// The low bits of a reference to a value of the host.
    pub const TAG_HOST: u32 = 2;

    use alloc::vec::Vec;
    use dunlin_core::StorageType;

    /// Where the fields of a structure are, and its bytes: each at its natural alignment, in order, so that
    /// a subtype's fields begin with its supertype's.
    pub fn place_fields(types: impl Iterator<Item = StorageType>) -> (Vec<u32>, u32) {
        let mut end = FIELDS as u32;
        let place = |ty: StorageType| {
            let at = end.next_multiple_of(ty.bytes().min(GRANULE as u32));
            end = at + ty.bytes();
            at
        };
        let fields = types.map(place).collect();
        (fields, end.next_multiple_of(GRANULE as u32))
    }
}

/// Bytes from the heap's offset 0 on at which no object ever is, and nothing mapped where address space is
/// reserved for a heap: compiled code's accesses through null fault there.
pub const HEAP_NULL_BYTES: usize = 4096;

/// Places that every line has.
pub const LINE_PLACES_MIN: usize = 8;

/// Offsets in a table's definition, in bytes of a 64-bit target.
pub mod table_def {
    /// First element.
    pub const BASE: usize = 0;
    /// Elements.
    pub const LEN: usize = 8;
    /// Bytes of an element.
    pub const ELEMENT_BYTES: usize = 4;
}

/// Offsets in a record of how an imported function is called, in bytes of a 64-bit target.
pub mod import_call {
    /// Size of a record.
    pub const BYTES: usize = 32;
    /// Address of the pointer to the code.
    pub const CODE: usize = 0;
    /// The context that the code expects.
    pub const CX: usize = 8;
    /// What the module's own way out calls.
    pub const HOST: usize = 16;
    /// What that is given first.
    pub const DATA: usize = 24;
}

/// Offsets in what a function reference stands for, in bytes of a 64-bit target.
pub mod func_record {
    /// Size of a record.
    pub const BYTES: usize = 40;
    /// The context that the code expects.
    pub const CX: usize = 0;
    /// Address of the pointer to the code, which is null where there is none.
    pub const CODE: usize = 16;
    /// The engine's number of its type.
    pub const TYPE_ID: usize = 24;
    /// Its index in its instance; of the host's, another number.
    pub const INDEX: usize = 28;
}

/// Bytes from address zero on at which nothing is ever mapped (Linux keeps 64 KiB free). A masked access
/// that is out of bounds goes there, and nowhere else.
pub const NULL_BYTES: usize = 4096;

/// Bytes of a poll page; compiled code reads at any offset below it.
pub const POLL_PAGE_BYTES: usize = 4096;

/// Offsets in a record of a module's function, in bytes of a 64-bit target.
pub mod func_entry {
    /// Size of a record.
    pub const BYTES: usize = 32;
    /// First operator, or null until the function is prepared.
    pub const IP: usize = 0;
    /// The side table's first word.
    pub const SIDE: usize = 8;
    /// Slots of the parameters.
    pub const PARAMS: usize = 16;
    /// Slots of the other locals.
    pub const ZEROS: usize = 20;
    /// Slots that an activation needs.
    pub const FRAME: usize = 24;
    /// Slots of the results.
    pub const RESULTS: usize = 28;
}
