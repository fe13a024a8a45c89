//! Operators on lanes of floats: each lane as the scalar operator.

use super::{map, zip};
use crate::V128;
use crate::numeric::float as scalar;

/// Lane-wise operators: the shape, then vector name and scalar name.
macro_rules! float_vectors {
    ($float:ident $bits:ident $count:literal:
     unary { $($unary:ident $scalar_unary:ident)* }
     binary { $($binary:ident $scalar_binary:ident)* }
     compare { $($compare:ident $scalar_compare:ident)* }
     $pmin:ident $pmax:ident
    ) => {
        pure! {
            $(
                /// Each lane as the scalar operator.
                fn $unary(vector: V128) -> V128 {
                    map::<$float, $float, $count>(vector, scalar::$scalar_unary)
                }
            )*
            $(
                /// Each pair of lanes as the scalar operator.
                fn $binary(lhs: V128, rhs: V128) -> V128 {
                    zip::<$float, $float, $count>(lhs, rhs, scalar::$scalar_binary)
                }
            )*
            $(
                /// Each pair of lanes as the scalar operator: all ones where it holds, zero in others.
                fn $compare(lhs: V128, rhs: V128) -> V128 {
                    zip::<$float, $bits, $count>(lhs, rhs, |lhs, rhs| {
                        if scalar::$scalar_compare(lhs, rhs) != 0 { $bits::MAX } else { 0 }
                    })
                }
            )*
            /// The second lane where it is less than the first, otherwise the first.
            fn $pmin(lhs: V128, rhs: V128) -> V128 {
                let select = |lhs, rhs| if rhs < lhs { rhs } else { lhs };
                zip::<$float, $float, $count>(lhs, rhs, select)
            }
            /// The second lane where the first is less than it, otherwise the first.
            fn $pmax(lhs: V128, rhs: V128) -> V128 {
                let select = |lhs, rhs| if lhs < rhs { rhs } else { lhs };
                zip::<$float, $float, $count>(lhs, rhs, select)
            }
        }
    };
}

float_vectors! { f32 u32 4:
    unary {
        f32x4_abs f32_abs f32x4_neg f32_neg f32x4_sqrt f32_sqrt
        f32x4_ceil f32_ceil f32x4_floor f32_floor f32x4_trunc f32_trunc f32x4_nearest f32_nearest
    }
    binary {
        f32x4_add f32_add f32x4_sub f32_sub f32x4_mul f32_mul f32x4_div f32_div
        f32x4_min f32_min f32x4_max f32_max
    }
    compare {
        f32x4_eq f32_eq f32x4_ne f32_ne f32x4_lt f32_lt f32x4_gt f32_gt f32x4_le f32_le
        f32x4_ge f32_ge
    }
    f32x4_pmin f32x4_pmax
}
float_vectors! { f64 u64 2:
    unary {
        f64x2_abs f64_abs f64x2_neg f64_neg f64x2_sqrt f64_sqrt
        f64x2_ceil f64_ceil f64x2_floor f64_floor f64x2_trunc f64_trunc f64x2_nearest f64_nearest
    }
    binary {
        f64x2_add f64_add f64x2_sub f64_sub f64x2_mul f64_mul f64x2_div f64_div
        f64x2_min f64_min f64x2_max f64_max
    }
    compare {
        f64x2_eq f64_eq f64x2_ne f64_ne f64x2_lt f64_lt f64x2_gt f64_gt f64x2_le f64_le
        f64x2_ge f64_ge
    }
    f64x2_pmin f64x2_pmax
}
