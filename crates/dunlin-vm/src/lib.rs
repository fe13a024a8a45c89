//! Stores, instances, memories, tables, globals, traps and value stacks.
//!
//! This room owns the memory that guests touch and the structures whose layout compiled code knows
//! (`dunlin_module::layout`). A [`Store`] owns everything that guests create; things refer to each
//! other by index, except where the hot paths of the tiers need an address, and those addresses are of
//! heap cells that live as long as what they are of.
//!
//! Invariants: a `VmContext` and all that it points to live as long as anything in their store leads to
//! their instance, and nothing is freed while a guest runs (`freeing.rs`); memory 0's
//! base and length cached in a context are renewed at every growth; function references are indices
//! into the store's list, never addresses.
//!
//! Does **not** know: compilers, WASI, async runtimes, what type of data a host keeps in its store.
//!
//! # Unsafe
//!
//! The room opts in to unsafe code: it allocates what guests use and hands out raw pointers to the
//! tiers. Safe functions of [`Store`] keep indices checked; functions that take a context by pointer
//! are unsafe and ask for one that this room made and whose store is alive and entered.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(unsafe_code, reason = "this room owns the guests' memory; see the head")]

extern crate alloc;

#[cfg(feature = "native")]
mod adding;
mod block;
mod blueprint;
pub mod code;
pub mod context;
pub mod counting;
pub mod crossing;
mod dropping;
mod exception;
mod freeing;
pub mod gc;
mod host;
mod image;
mod instance;
mod kept_types;
mod list;
mod memory;
#[cfg(feature = "native")]
pub mod native;
pub mod object_ops;
pub mod object_types;
mod objects;
pub mod ops;
mod owned;
#[cfg(feature = "std")]
mod parking;
mod plan;
mod pool;
mod profile;
mod reach;
#[cfg(feature = "native")]
mod relinking;
mod resources;
pub mod roots;
mod shared;
mod stack;
#[cfg(feature = "stacks")]
pub mod stacks;
mod store;
pub mod sync;
pub mod sys;
mod table;
#[cfg(feature = "native")]
mod targets;
mod tuning;
pub mod types;
pub mod walk;

pub use code::ModuleCode;
pub use exception::Thrown;
pub use host::{BoundHostFn, HostCall, HostCode, HostFailure, HostFn, SharedHostFn};
pub use instance::{InstantiateError, LinkError};
#[cfg(feature = "std")]
pub use parking::Until;
pub use plan::{Counts, Plan};
pub use resources::{MemoryStrategy, PoolConfig, Refusal, Resources, ResourcesConfig};
pub use shared::{SharedMemory, Waited};
pub use store::{CreateError, Extern, Failure, Growth, GrowthHook, Store, StoreConfig, Trap};
pub use walk::{BACKTRACE_FRAMES_MAX, Frame};
