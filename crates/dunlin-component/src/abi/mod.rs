//! The canonical ABI: how values pass between components, and between components and the host.
//!
//! | between | how | where |
//! |---|---|---|
//! | two components | a program of flat steps for each function type, which copies from one memory to the other | [`program`], [`fuse`], [`alone`] |
//! | a component and values known at run time | by the table of types | [`lift`], [`lower`] |
//! | a component and types of Rust | by traits, so that the compiler specialises | [`crate::typed`] |
//!
//! Whatever comes from a guest is checked before it is used: pointers, lengths, discriminants, characters, handles.

mod alone;
pub(crate) mod fuse;
pub(crate) mod lift;
pub(crate) mod lower;
pub(crate) mod program;
pub(crate) mod side;
pub(crate) mod strings;
