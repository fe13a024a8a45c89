//! Bounds: every one with its reason and its source.

/// Bytes of a page of linear memory (specification, 4.2.8 "Memory Instances").
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

/// Slots of the operand stack and locals that one function may need (50,000 locals of `v128` are
/// within it; wasmparser bounds the locals).
pub const FRAME_SLOTS_MAX: u32 = 1 << 24;

/// Bytes or elements of a bulk operation that cost one unit of fuel, the same in every tier.
pub const BULK_PER_FUEL_UNIT: u64 = 64;

/// How deep host and guest may call each other in turn (guest → host → guest …). Each turn uses
/// native stack, so this bound is what keeps a guest from exhausting it.
pub const HOST_REENTRY_DEPTH_MAX: u32 = 100;

/// Bytes of the value stack of a store, unless the configuration says otherwise.
pub const VALUE_STACK_BYTES_DEFAULT: usize = 8 << 20;
