//! Bytes to a validated WebAssembly module.
//!
//! [`Module::parse`] indexes a module: sections, types, imports and exports are decoded and validated,
//! function bodies are only located. [`Module::prepare`] validates one function and builds, in the same
//! pass, the *side table* by which the interpreter executes the original bytes in place. What a module
//! may contain is decided by one table of [`features`].
//!
//! Invariants: nothing that this crate returns refers to bytes outside the module; whatever
//! `prepare` returns is for a body that has passed validation; memory used is bounded by a constant
//! times the bytes read.
//!
//! Does **not** know: any tier, any host pointer, stores, instances.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod body;
mod builder;
pub mod compile;
mod const_expr;
mod data;
mod error;
pub mod features;
mod fuse;
mod handlers;
mod hints;
mod index;
mod known;
pub mod layout;
mod listing;
mod module;
mod names;
pub mod processor;
pub mod profile;
pub mod settings;
pub mod side;
mod statics;
mod text;
mod types;

pub use body::{Scratch, behind_blocks};
pub use compile::{Builtin, CompileError, CompiledFunction, Compiler, InlinedCall, Unit, Worker};
pub use const_expr::ConstOp;
pub use error::Invalid;
pub use features::{Feature, Features};
pub use handlers::{Clause, Handlers};
pub use hints::{BranchHint, BranchHints};
pub use known::Known;
pub use listing::{Listing, SideWord, Step};
pub use module::{
    Bytes, ConstRange, DataMode, DataSegment, ElementItem, ElementMode, ElementSegment, Export,
    ExternIdx, FunctionInfo, Global, Import, ImportKind, Module, Offset, SectionInfo, Table,
};
pub use profile::{CallTarget, CastType, FunctionProfile, Profile};
pub use settings::{Bounds, Polls, Settings};
pub use side::Prepared;
pub use statics::{STATIC_ELEMENT_BYTES, StaticTables, Target, TargetView, targets};
pub use text::OperatorText;
pub use types::{heap_type, val_type};
