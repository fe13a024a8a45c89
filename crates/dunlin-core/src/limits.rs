//! Bounds: every one with its reason and its source.

/// Bytes of a page of linear memory (specification, 4.2.8 "Memory Instances"), unless its type says
/// otherwise.
pub const PAGE_BYTES: u64 = 65_536;

/// Pages that a memory with 32-bit addresses can have: 4 GiB.
pub const MEMORY32_PAGES_MAX: u64 = 65_536;

/// Pages that a memory with 64-bit addresses may declare (memory64 proposal: 2^48 pages); what can be
/// had is far less and decided by the store's limits and the machine.
pub const MEMORY64_PAGES_MAX: u64 = 1 << 48;

/// Bytes of any one memory in this engine: 2^47, user space of the machines we run on.
pub const MEMORY_BYTES_MAX: u64 = 1 << 47;

/// Elements of any one table. `wasmparser` bounds declarations by 10 million, as browsers do; growth
/// at run time is bounded by the same number, since a table is the host's memory, not the guest's.
pub const TABLE_ELEMENTS_MAX: u64 = 10_000_000;

/// Bytes of a module: a function offset is a `u32`, and browsers stop at 1 GiB.
pub const MODULE_BYTES_MAX: u64 = 1 << 30;

/// Bytes of a function's body, as browsers bound it (WebAssembly JS API, "Implementation-defined Limits").
pub const FUNCTION_BODY_BYTES_MAX: u64 = 7_654_321;

/// Data segments of a module, as browsers bound them.
pub const DATA_SEGMENTS_MAX: u32 = 100_000;

/// Slots of the operand stack and locals that one function may need (50,000 locals of `v128` are
/// within it; wasmparser bounds the locals).
pub const FRAME_SLOTS_MAX: u32 = 1 << 24;

/// Bytes or elements of a bulk operation that cost one unit of fuel, the same in every tier.
pub const BULK_PER_FUEL_UNIT: u64 = 64;

/// How deep host and guest may call each other in turn (guest → host → guest …). Each turn uses
/// native stack, so this bound is what keeps a guest from exhausting it.
pub const HOST_REENTRY_DEPTH_MAX: u32 = 100;

/// Distinct types that an engine keeps, unless the configuration says otherwise: a gigabyte of them or so, and
/// far from what [`canon`](crate::canon) can number.
pub const TYPES_MAX_DEFAULT: usize = 1 << 22;

/// Bytes of the value stack of a store, unless the configuration says otherwise.
pub const VALUE_STACK_BYTES_DEFAULT: usize = 8 << 20;

/// Bytes of address space that a guarded memory reserves for its contents: what a 32-bit address reaches.
pub const GUARDED_MEMORY_BYTES: u64 = 1 << 32;

/// Bytes behind a guarded memory that are never accessible. An access whose constant offset and width
/// together are no larger needs no check: it hits the memory or faults. 64 MiB is beyond the offsets
/// that compilers emit (fields of structures, and static data in large programs); with it 47 bits of
/// address space hold 32,261 guarded memories.
pub const MEMORY_GUARD_BYTES: u64 = 64 << 20;

/// Bytes that a shared memory with 64-bit addresses can have: it reserves its maximum, whatever it uses of it, and
/// a module may declare that as it likes. As many as a store may have, 10,000, fit 47 bits of address space.
pub const SHARED_MEMORY64_BYTES_MAX: u64 = 1 << 33;

/// Bytes of a memory's initial contents that are laid out once for all instances, at most. Larger ones
/// are written by each instance.
pub const IMAGE_BYTES_MAX: usize = 64 << 20;

/// Bytes of initial contents that are laid out however few of them the module's segments fill.
pub const IMAGE_SPARSE_BYTES_MAX: usize = 1 << 20;

/// How many times larger than what segments fill may be what is laid out for them, beyond the size that
/// is always allowed: a module of a few bytes must not cost the host megabytes.
pub const IMAGE_SPARSENESS_MAX: usize = 4;
