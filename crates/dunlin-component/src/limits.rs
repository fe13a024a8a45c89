//! Every bound of this crate, with its reason.

/// Flat parameters of a core function; more are passed in memory (`MAX_FLAT_PARAMS` of the canonical ABI).
pub(crate) const FLAT_PARAMS_MAX: usize = 16;

/// Flat parameters of a function that is lowered asynchronously (`MAX_FLAT_ASYNC_PARAMS` of the canonical ABI).
pub(crate) const FLAT_ASYNC_PARAMS_MAX: usize = 4;

/// Flat results of a core function; more are passed in memory (`MAX_FLAT_RESULTS` of the canonical ABI).
pub(crate) const FLAT_RESULTS_MAX: usize = 1;

/// Bytes of a string or list that is lifted (`MAX_STRING_BYTE_LENGTH`, `MAX_LIST_BYTE_LENGTH` of the canonical ABI).
pub(crate) const RANGE_BYTES_MAX: u64 = (1 << 28) - 1;

/// The greatest index of a handle (`Table.MAX_LENGTH` of the canonical ABI).
pub(crate) const HANDLES_MAX: usize = (1 << 28) - 1;

/// Bytes of the host's that one call may fill with values of a guest's: a list of bytes becomes many times as
/// large when each is a [`Val`](crate::Val), and the guest pays for the bytes only.
pub(crate) const LIFTED_BYTES_MAX: usize = 256 << 20;

/// Component instances that one instantiation may make: few bytes can say that two are made of each of two, and so on.
pub(crate) const INSTANCES_MAX: usize = 10_000;

/// How deep component instances may nest: instantiation is recursive.
pub(crate) const INSTANCES_DEEP_MAX: usize = 64;

/// Steps of all programs that pass values between components, for one component: as trees, types are larger by far
/// than as they are written.
pub(crate) const PROGRAM_STEPS_MAX: usize = 1 << 20;

/// Steps of a function's type for which there is to be an adapter: larger ones are rare, and their programs serve.
pub(crate) const ADAPTER_STEPS_MAX: usize = 4_000;

/// Steps of all such types of a component: adapters are many times as large as what they are made of.
pub(crate) const ADAPTED_STEPS_MAX: usize = 1 << 16;

/// Bytes of one adapter; a step is some tens.
pub(crate) const ADAPTER_BYTES_MAX: usize = 1 << 18;

/// Modules of adapters for one part of a component, beside the first: each is for other components that it is linked to.
pub(crate) const ADAPTER_VARIANTS_MAX: usize = 7;

/// Modules of adapters that one instantiation may instantiate: they count against the store's limits as the component's
/// own core modules do, and are not to take their places. Programs serve what comes after.
pub(crate) const ADAPTER_INSTANCES_MAX: usize = 256;

/// Adapters of a store that ask the host for something. Numbers of twice as many are in 32 bits.
pub(crate) const ADAPTED_MAX: usize = 1 << 24;

/// Bytes of a string at which an adapter looks by itself: what is longer is looked at faster by the host.
pub(crate) const CHECKED_BYTES_MAX: u32 = 256;

/// Imports, exports and what they have in them, each time that one is looked at while a component is decoded: instance types
/// too are larger as trees.
pub(crate) const ITEMS_MAX: usize = 1 << 20;

/// How deep value types may nest: lifting and lowering are recursive. The validator's own bound is the same.
pub(crate) const TYPES_DEEP_MAX: usize = 100;

/// Bytes of a value of any type, in memory: the validator's bound.
pub(crate) const VALUE_BYTES_MAX: u64 = 1 << 28;

/// Bytes that cost one unit of fuel when the host passes them, as many as in the engine's own bulk operations.
pub(crate) const BYTES_PER_FUEL: u64 = 64;

/// How often an instance may ask for no new calls (the canonical ABI's bound of the counter).
pub(crate) const BACKPRESSURE_MAX: i32 = 1 << 16;

/// Bytes of a component from which on what they say is kept in the engine's cache: of fewer it is read as fast.
#[cfg(feature = "optimize")]
pub(crate) const KEPT_BYTES_MIN: usize = 256;

/// Bytes of a component up to which it is: those of more are mostly code and data, of which validation reads next to nothing,
/// while an entry is found by a hash of all.
#[cfg(feature = "optimize")]
pub(crate) const KEPT_BYTES_MAX: usize = 4 << 20;

/// Bytes of an entry, which is some kilobytes: what components import and export is larger as trees than as it is written.
#[cfg(feature = "optimize")]
pub(crate) const ENTRY_BYTES_MAX: usize = 1 << 20;

/// How deep instances nest in what a component imports and exports, where that is read from an entry: reading is recursive.
#[cfg(feature = "optimize")]
pub(crate) const ITEMS_DEEP_MAX: usize = 100;
