//! Vector operators (specification, 4.3.5 "Vector Operations"), lane by lane over arrays.
//!
//! The loops are short and have constant lengths, so that they become vector instructions of whatever
//! machine this is compiled for. Lanes of floats use the scalar functions, so that vectors cannot
//! differ from them.

mod access;
mod convert;
mod float;
mod int;
mod lanes;
mod multiply;
mod relaxed;

pub use access::*;
pub use convert::*;
pub use float::*;
pub use int::*;
pub use lanes::*;
pub use multiply::*;
pub use relaxed::*;

use crate::V128;

/// Applies a function to every lane.
#[inline(always)]
fn map<T: Copy, U: Copy + Default, const N: usize>(vector: V128, f: impl Fn(T) -> U) -> V128
where
    [T; N]: From<V128>,
    V128: From<[U; N]>,
{
    let mut result = [U::default(); N];
    for (result, lane) in result.iter_mut().zip(<[T; N]>::from(vector)) {
        *result = f(lane);
    }
    result.into()
}

/// Applies a function to every pair of corresponding lanes.
#[inline(always)]
fn zip<T: Copy, U: Copy + Default, const N: usize>(
    lhs: V128,
    rhs: V128,
    f: impl Fn(T, T) -> U,
) -> V128
where
    [T; N]: From<V128>,
    V128: From<[U; N]>,
{
    let lanes = <[T; N]>::from(lhs).into_iter().zip(<[T; N]>::from(rhs));
    let mut result = [U::default(); N];
    for (result, (lhs, rhs)) in result.iter_mut().zip(lanes) {
        *result = f(lhs, rhs);
    }
    result.into()
}
