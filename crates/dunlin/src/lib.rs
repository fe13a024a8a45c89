//! WebAssembly for your program: load modules, instantiate them in isolated stores, call in and out.
//!
//! ```
//! use dunlin::{Caller, Engine, Linker, Module, Store};
//!
//! // What modules and stores share: one per program, usually.
//! let engine = Engine::default();
//! let module = Module::new(&engine, r#"
//!     (module
//!         (import "host" "report" (func $report (param i32)))
//!         (func (export "sum") (param $n i32) (result i32)
//!             (local $sum i32)
//!             (loop $next
//!                 (local.set $sum (i32.add (local.get $sum) (local.get $n)))
//!                 (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
//!             (call $report (local.get $sum))
//!             (local.get $sum)))
//! "#)?;
//!
//! // What guests may call; a guest can do nothing that is not defined here.
//! let mut linker = Linker::new(&engine);
//! linker.func_wrap("host", "report", |mut caller: Caller<'_, Vec<i32>>, sum: i32| {
//!     caller.data_mut().push(sum);
//! })?;
//!
//! // Everything that guests create lives in a store, with data of yours.
//! let mut store = Store::new(&engine, Vec::new());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let sum = instance.get_typed_func::<i32, i32>(&mut store, "sum")?;
//! assert_eq!(sum.call(&mut store, 10)?, 55);
//! assert_eq!(store.data(), &[55]);
//! # Ok::<(), dunlin::Error>(())
//! ```
//!
//! # Where to begin
//!
//! | to do | see |
//! |---|---|
//! | choose features, validation, metering | [`Config`], [`Engine`] |
//! | load a module, ask what it imports and exports | [`Module`] |
//! | define what guests may call | [`Linker`], [`Func`], [`Caller`] |
//! | call a guest | [`Instance`], [`TypedFunc`], [`Func::call`] |
//! | look into a guest | [`Memory`], [`Table`], [`Global`] |
//! | run guests on several threads over one memory | [`SharedMemory`], [`Linker::define_shared`] |
//! | bound memory and objects | [`Store::limiter`], [`StoreLimits`] |
//! | compile once, run often | `Module::serialize`, `Module::deserialize`, `Config::cache` |
//! | begin with what earlier runs found to be hot | `Config::cache`, `Module::hot_functions`, `Module::serialize_hot` |
//! | know what was compiled, when and how large | `Module::compile_stats` |
//! | profile guests | `Config::profile` |
//! | read what is executed of a function | [`ModuleInfo::listing`], `Module::function_code` |
//! | start instances quickly, have very many | [`Config::pooling`], [`Config::memory_strategy`] |
//! | bound time | [`Store::set_fuel`], [`Store::set_epoch_deadline`], [`Store::interrupt_handle`] |
//! | wait in host functions, run many guests on a thread | [`stacks::wait`], `stacks::Stacks` |
//! | know what went wrong | [`Error`], [`TrapCode`], [`Backtrace`] |
//!
//! # Invariants
//!
//! 1. Guests reach nothing but what their store and the embedder's definitions give them.
//! 2. A handle knows its store. Used with another store it is refused: with an error of kind
//!    [`Usage`](ErrorKind::Usage) where the operation returns a `Result`, else as something empty (a
//!    memory without bytes, a table without elements, no export). Engines are told apart as well.
//! 3. Nothing that a guest does panics the host. What would be a bug of ours ends the guest with an error
//!    of kind [`Bug`](ErrorKind::Bug).
//! 4. A host function's error comes out of the call that entered the guest unchanged in kind, with the
//!    guest's backtrace; its panic unwinds there.
//!
//! # Features
//!
//! - `std` (default): files as modules, the operating system's memory, panics carried through guests.
//!   Without it the crate needs `alloc` only.
//! - `optimize`: the optimising compiler, for [`Tier::Optimize`], and what keeps its code: artifacts and
//!   the cache. It takes minutes to build.
//! - `stacks`: guests on native stacks of their own, whose host functions wait without holding a thread, and which
//!   take turns ([`stacks`]).
//! - `wat` (default): the text format wherever a module is loaded.
//!
//! Does **not** know: WASI, HTTP, components.
//!
//! # Unsafe
//!
//! One file, `host.rs`, turns the pointer that the VM carries for host functions into the store again.

#![cfg_attr(not(feature = "std"), no_std)]
#![warn(missing_docs)]

extern crate alloc;

#[cfg(feature = "optimize")]
mod artifact;
mod backtrace;
#[cfg(feature = "optimize")]
mod cache;
mod caller;
mod compile;
mod config;
mod context;
mod counter;
mod engine;
mod error;
mod exception;
mod external;
mod func;
mod global;
mod host;
#[cfg(feature = "optimize")]
mod hot;
mod instance;
#[cfg(feature = "optimize")]
mod kept;
#[cfg(feature = "optimize")]
mod learning;
mod limits;
mod linker;
pub mod listing;
mod memory;
mod module;
#[cfg(feature = "optimize")]
mod notes;
mod objects;
#[cfg(feature = "optimize")]
mod pace;
mod parts;
mod plan;
mod pooling;
#[cfg(feature = "optimize")]
mod profile;
mod refs;
mod shared;
#[cfg(feature = "std")]
pub mod stacks;
#[cfg(feature = "optimize")]
mod stats;
mod store;
mod table;
mod tag;
#[cfg(feature = "optimize")]
mod tiering;
#[cfg(feature = "optimize")]
mod tuning;
mod val;
mod validate;
mod wasm_ty;

#[cfg(feature = "optimize")]
pub use artifact::{ArtifactInfo, ArtifactKey};
pub use backtrace::{Backtrace, BacktraceFrame};
#[cfg(feature = "optimize")]
pub use cache::{CACHE_BYTES_DEFAULT_MAX, Cache, CacheEntry};
pub use caller::Caller;
#[cfg(feature = "optimize")]
pub use config::CompileProgress;
pub use config::{Config, Interruption, MemoryStrategy, Tier, TierUp, ValidateMode};
pub use context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
pub use dunlin_vm::gc::HeapStats;
pub use engine::Engine;
pub use error::{Error, ErrorKind, Result};
pub use external::{Export, Extern};
pub use func::{Func, NumericFunc, NumericHost, TypedFunc};
pub use global::Global;
#[cfg(feature = "optimize")]
pub use hot::HotFunctions;
pub use instance::Instance;
#[cfg(feature = "optimize")]
pub use kept::Kept;
pub use limits::{ResourceLimiter, STORE_OBJECTS_DEFAULT_MAX, StoreLimits, StoreLimitsBuilder};
pub use linker::{InstancePre, Linker};
pub use memory::Memory;
pub use module::{
    ExportType, ImportType, Module, ModuleExport, ModuleFunction, ModuleInfo, ModuleSection,
};
pub use parts::Parts;
pub use plan::StorePlan;
pub use pooling::PoolingConfig;
#[cfg(feature = "optimize")]
pub use profile::Profile;
pub use refs::{AnyRef, ExnRef, ExternRef};
pub use shared::SharedMemory;
#[cfg(feature = "std")]
pub use shared::WaitResult;
#[cfg(feature = "optimize")]
pub use stats::{
    CacheHit, CacheUse, CompileStats, FUNCTION_STATS_MAX, FunctionStats, Occasion, TierStats,
};
pub use store::{InterruptHandle, Store};
pub use table::Table;
pub use tag::Tag;
pub use val::Val;
pub use wasm_ty::{IntoFunc, WasmParams, WasmResults, WasmRet, WasmTy};

pub use dunlin_core::limits::{PAGE_BYTES, VALUE_STACK_BYTES_DEFAULT};
pub use dunlin_core::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType,
    TrapCode, V128, ValType,
};
pub use dunlin_module::{Feature, Features};
pub use dunlin_vm::BACKTRACE_FRAMES_MAX;
