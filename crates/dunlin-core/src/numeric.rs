//! The meaning of every numeric operator, once, as pure functions (specification, 4.3 "Numerics").
//!
//! A function is named like its operator, with `_` for `.`: `i32.add` is [`i32_add`]. Integers are
//! Rust's `i32` and `i64` whatever sign the operator reads into them, comparisons give an `i32` that
//! is 0 or 1, vectors are [`V128`](crate::V128). An operator that may trap returns
//! `Result<_, TrapCode>`; no function here panics, for any input.
//!
//! Every function is inlined into its caller: the hot paths of the tiers are these bodies.

macro_rules! pure {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) -> $result:ty $body:block)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        #[must_use]
        pub fn $name($($arg: $ty),*) -> $result $body
    )*};
}

mod access;
mod atomic;
mod convert;
mod float;
mod int;
mod simd;
mod wide;

pub use access::*;
pub use atomic::*;
pub use convert::*;
pub use float::*;
pub use int::*;
pub use simd::*;
pub use wide::*;
