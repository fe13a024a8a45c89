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
}

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
