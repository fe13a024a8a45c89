//! The component model on the Dunlin engine: components, linking, the canonical ABI, resources.
//!
//! A component is made of core modules that share no memory, and talks to other components and to the host by functions of
//! typed values. [`Component`] loads one, [`Linker`] gives it what it imports, [`Instance`] has what it exports; all live in
//! a [`dunlin::Store`].
//!
//! # Types
//!
//! | WIT | Rust | [`Val`] |
//! |---|---|---|
//! | `bool`, `char`, `s8` … `u64`, `f32`, `f64` | `bool`, `char`, `i8` … `u64`, `f32`, `f64` | of the same name |
//! | `string` | `String`; `&str`, `Arc<str>` into components | `String` |
//! | `list<T>` | `Vec<T>`; `&[T]` into components | `List` |
//! | `option<T>`, `result<T, E>` | `Option<T>`, `Result<T, E>`, with `()` for what is not there | `Option`, `Result` |
//! | `tuple<A, B>` | `(A, B)` | `Tuple` |
//! | records, variants, enums, flags | what [`record!`], [`variant!`], [`enumeration!`], [`flags!`] make | `Record`, `Variant`, `Enum`, `Flags` |
//! | maps, lists of fixed length | – | `Map`, `List` |
//! | `own`, `borrow` of the host's types | [`Resource<R>`](Resource), [`Borrow<R>`](Borrow) | `Resource` |
//! | `own`, `borrow` of guests' types | [`GuestResource<R>`](GuestResource); [`GuestBorrow<R>`](GuestBorrow) into components | `Resource` |
//!
//! # Invariants
//!
//! 1. Nothing that comes from a guest is believed: pointers, lengths, discriminants, characters and handles are checked where
//!    they pass, and what is wrong with them is a trap.
//! 2. An instance that runs is not entered again, and one that has trapped is not entered any more.
//! 3. Handles of one store, used with another, are refused.
//! 4. What a component makes the host allocate is bounded (`limits.rs`).
//!
//! # What there is not yet
//!
//! The asynchronous half of the model, but for tasks that do not wait: components that use it load and instantiate, and
//! trap where they would wait, or use a stream or future.
//!
//! Memories of 64 bits on either side of a call: the model's proposal for them is not final, and a component that lifts or
//! lowers with one is refused when it is loaded. Its core modules may have them for themselves.
//!
//! Does **not** know: WASI, HTTP, the command line, how the engine executes.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod abi;
mod adapt;
mod builtins;
mod call;
mod component;
#[doc(hidden)]
pub mod custom;
mod decode;
mod exports;
mod func;
mod guest;
mod handles;
mod hosts;
mod instance;
#[cfg(feature = "optimize")]
mod kept;
mod limits;
mod linker;
mod lowered;
mod macros;
mod matching;
mod plan;
mod resource;
mod rust_types;
mod series;
mod state;
mod table;
mod tasks;
mod template;
mod trap;
mod typed;
mod types;
mod val;
#[cfg(feature = "wit")]
pub mod wit;

pub use component::{Component, ItemKind};
#[cfg(feature = "bindgen")]
pub use dunlin_bindgen::bindgen;
pub use func::Func;
pub use guest::{GuestBorrow, GuestResource};
pub use instance::Instance;
pub use linker::{InstancePre, Linker, LinkerInstance};
pub use resource::{Borrow, Resource, ResourceAny};
pub use rust_types::{LiftPayload, LowerPayload, Payload};
pub use table::{Rep, ResourceTable};
pub use typed::{
    ComponentType, Lift, LiftParams, LiftResults, Lower, LowerParams, LowerResults, Params,
    Results, TypedFunc,
};
pub use val::Val;
