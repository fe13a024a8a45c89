//! The second search: modules with objects, references to functions, exceptions and atomic operators, beside an
//! engine that has them, in a process of its own.
//!
//! 1. [`generate`] makes a module from a seed with wasm-smith, or asks binaryen's generator for one.
//! 2. [`close`] makes it one that takes and gives nothing but numbers, and puts functions into it that look at
//!    what is not a number.
//! 3. [`script`] decides what is called, and with which numbers.
//! 4. [`peer`] has the second engine do all of it and keeps what it said.
//! 5. [`ours`] does it on each of Dunlin's configurations and compares step by step.

pub mod close;
pub mod generate;
pub mod judge;
mod look;
mod make;
pub mod ours;
pub mod peer;
pub mod script;
mod shape;
