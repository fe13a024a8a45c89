//! The words of WebAssembly: types, values, indices, trap codes, limits, and the meaning of every
//! numeric operator as pure functions.
//!
//! Invariants: nothing here allocates without a caller's bound, nothing here is unsafe, and every
//! numeric operator has exactly one definition ([`numeric`]) which all tiers call or are tested
//! against. Operators are listed once, as rows of data ([`operators`]); enums, printers, decoders and
//! handlers are derived from those rows.
//!
//! Does **not** know: memories, files, threads, compilers, modules.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod canon;
pub mod limits;
pub mod numeric;
pub mod operators;
pub mod runs;
pub mod trap;
pub mod types;
pub mod v128;

pub use operators::{Immediate, Operator};
pub use trap::TrapCode;
pub use types::{
    CompositeType, ExternType, FieldType, FuncType, GlobalType, HeapType, MemoryType, Mutability,
    RefType, StorageType, SubType, TableType, ValType,
};
pub use v128::V128;
