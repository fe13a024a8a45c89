//! Products of integer lanes, and operators whose lanes are wider than their operands': extended
//! products, pairwise sums, dot products, extensions and narrowings.

use super::zip;
use crate::V128;

/// Which half of an operand's lanes is used.
const LOW: usize = 0;
/// Which half of an operand's lanes is used.
const HIGH: usize = 1;

/// Names of one step of widening, from `narrow` to `wide` lanes.
macro_rules! widening {
    ($narrow:ident $narrow_count:literal -> $wide:ident $count:literal:
     $extend_low:ident $extend_high:ident $extmul_low:ident $extmul_high:ident
    ) => {
        pure! {
            /// The low half of the lanes, widened.
            fn $extend_low(vector: V128) -> V128 {
                widening!(@half vector, LOW, $narrow $narrow_count $wide $count)
            }
            /// The high half of the lanes, widened.
            fn $extend_high(vector: V128) -> V128 {
                widening!(@half vector, HIGH, $narrow $narrow_count $wide $count)
            }
            /// Exact products of the low halves.
            fn $extmul_low(lhs: V128, rhs: V128) -> V128 {
                let (lhs, rhs) = ($extend_low(lhs), $extend_low(rhs));
                zip::<$wide, $wide, $count>(lhs, rhs, $wide::wrapping_mul)
            }
            /// Exact products of the high halves.
            fn $extmul_high(lhs: V128, rhs: V128) -> V128 {
                let (lhs, rhs) = ($extend_high(lhs), $extend_high(rhs));
                zip::<$wide, $wide, $count>(lhs, rhs, $wide::wrapping_mul)
            }
        }
    };
    (@half $vector:ident, $half:ident,
     $narrow:ident $narrow_count:literal $wide:ident $count:literal
    ) => {{
        let lanes = <[$narrow; $narrow_count]>::from($vector);
        let mut wide = [0; $count];
        for (wide, &lane) in wide.iter_mut().zip(&lanes[$half * $count..]) {
            *wide = $wide::from(lane);
        }
        V128::from(wide)
    }};
}

widening! { i8 16 -> i16 8:
    i16x8_extend_low_i8x16_s i16x8_extend_high_i8x16_s
    i16x8_extmul_low_i8x16_s i16x8_extmul_high_i8x16_s
}
widening! { u8 16 -> u16 8:
    i16x8_extend_low_i8x16_u i16x8_extend_high_i8x16_u
    i16x8_extmul_low_i8x16_u i16x8_extmul_high_i8x16_u
}
widening! { i16 8 -> i32 4:
    i32x4_extend_low_i16x8_s i32x4_extend_high_i16x8_s
    i32x4_extmul_low_i16x8_s i32x4_extmul_high_i16x8_s
}
widening! { u16 8 -> u32 4:
    i32x4_extend_low_i16x8_u i32x4_extend_high_i16x8_u
    i32x4_extmul_low_i16x8_u i32x4_extmul_high_i16x8_u
}
widening! { i32 4 -> i64 2:
    i64x2_extend_low_i32x4_s i64x2_extend_high_i32x4_s
    i64x2_extmul_low_i32x4_s i64x2_extmul_high_i32x4_s
}
widening! { u32 4 -> u64 2:
    i64x2_extend_low_i32x4_u i64x2_extend_high_i32x4_u
    i64x2_extmul_low_i32x4_u i64x2_extmul_high_i32x4_u
}

/// Sums of neighbouring lanes, widened first; a sum of two always fits the wider lane.
macro_rules! pairwise_sums {
    ($($narrow:ident $narrow_count:literal -> $wide:ident $count:literal: $extadd:ident;)*) => {
        pure! {$(
            /// Sums of neighbouring lanes, in lanes of twice the width.
            fn $extadd(vector: V128) -> V128 {
                let lanes = <[$narrow; $narrow_count]>::from(vector);
                let mut sums = [0; $count];
                for (sum, &[first, second]) in sums.iter_mut().zip(lanes.as_chunks().0) {
                    *sum = $wide::from(first) + $wide::from(second);
                }
                sums.into()
            }
        )*}
    };
}

pairwise_sums! {
    i8 16 -> i16 8: i16x8_extadd_pairwise_i8x16_s;
    u8 16 -> u16 8: i16x8_extadd_pairwise_i8x16_u;
    i16 8 -> i32 4: i32x4_extadd_pairwise_i16x8_s;
    u16 8 -> u32 4: i32x4_extadd_pairwise_i16x8_u;
}

/// Narrowings: both operands' signed lanes, saturated to the range of the narrower type.
macro_rules! narrowings {
    ($($wide:ident $count:literal -> $narrow:ident $narrow_count:literal: $name:ident;)*) => {
        pure! {$(
            /// The signed lanes of the first operand, then of the second, saturated to half the
            /// width.
            fn $name(lhs: V128, rhs: V128) -> V128 {
                let (lhs, rhs) = (<[$wide; $count]>::from(lhs), <[$wide; $count]>::from(rhs));
                let mut wide = [0; $narrow_count];
                wide[..$count].copy_from_slice(&lhs);
                wide[$count..].copy_from_slice(&rhs);
                let (low, high) = ($wide::from($narrow::MIN), $wide::from($narrow::MAX));
                let mut narrow = [0; $narrow_count];
                for (narrow, lane) in narrow.iter_mut().zip(wide) {
                    *narrow = lane.clamp(low, high) as $narrow;
                }
                narrow.into()
            }
        )*}
    };
}

narrowings! {
    i16 8 -> i8 16: i8x16_narrow_i16x8_s;
    i16 8 -> u8 16: i8x16_narrow_i16x8_u;
    i32 4 -> i16 8: i16x8_narrow_i32x4_s;
    i32 4 -> u16 8: i16x8_narrow_i32x4_u;
}

pure! {
    /// Products, modulo 2^16.
    fn i16x8_mul(lhs: V128, rhs: V128) -> V128 { zip::<i16, i16, 8>(lhs, rhs, i16::wrapping_mul) }
    /// Products, modulo 2^32.
    fn i32x4_mul(lhs: V128, rhs: V128) -> V128 { zip::<i32, i32, 4>(lhs, rhs, i32::wrapping_mul) }
    /// Products, modulo 2^64.
    fn i64x2_mul(lhs: V128, rhs: V128) -> V128 { zip::<i64, i64, 2>(lhs, rhs, i64::wrapping_mul) }
    /// Products of fixed-point numbers with 15 fraction bits, rounded, saturating.
    fn i16x8_q15mulr_sat_s(lhs: V128, rhs: V128) -> V128 {
        zip::<i16, i16, 8>(lhs, rhs, |lhs, rhs| {
            let product = (i32::from(lhs) * i32::from(rhs) + 0x4000) >> 15;
            // Only (-1.0)^2 leaves the range, and only upwards.
            product.min(i32::from(i16::MAX)) as i16
        })
    }
    /// Sums of products of neighbouring signed lanes, modulo 2^32.
    fn i32x4_dot_i16x8_s(lhs: V128, rhs: V128) -> V128 {
        // Lanes of 32 bits hold the neighbours as halves, so that no lane has to move.
        zip::<i32, i32, 4>(lhs, rhs, |lhs, rhs| {
            let low = i32::from(lhs as i16) * i32::from(rhs as i16);
            low.wrapping_add((lhs >> 16) * (rhs >> 16))
        })
    }
}
