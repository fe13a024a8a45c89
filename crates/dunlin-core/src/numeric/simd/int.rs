//! Operators on lanes of integers that keep their width, and on all bits at once.

use super::{map, zip};
use crate::V128;

/// A comparison's result in a lane: all ones or all zeros.
macro_rules! mask {
    ($lane:ident, $condition:expr) => {
        if $condition { -1 as $lane } else { 0 }
    };
}

/// What every shape has.
macro_rules! integer_vectors {
    ($int:ident $uint:ident $count:literal:
     $add:ident $sub:ident $abs:ident $neg:ident $shl:ident $shr_s:ident $shr_u:ident
     $all_true:ident
    ) => {
        pure! {
            /// Sums, modulo 2^N.
            fn $add(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, $int::wrapping_add)
            }
            /// Differences, modulo 2^N.
            fn $sub(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, $int::wrapping_sub)
            }
            /// Absolute values, modulo 2^N.
            fn $abs(vector: V128) -> V128 {
                map::<$int, $int, $count>(vector, $int::wrapping_abs)
            }
            /// Negations, modulo 2^N.
            fn $neg(vector: V128) -> V128 {
                map::<$int, $int, $count>(vector, $int::wrapping_neg)
            }
            /// Shifts left; the count is taken modulo the lane's width.
            fn $shl(vector: V128, count: i32) -> V128 {
                map::<$int, $int, $count>(vector, |lane| lane.wrapping_shl(count as u32))
            }
            /// Shifts right, filling with the sign; the count is taken modulo the lane's width.
            fn $shr_s(vector: V128, count: i32) -> V128 {
                map::<$int, $int, $count>(vector, |lane| lane.wrapping_shr(count as u32))
            }
            /// Shifts right, filling with zeros; the count is taken modulo the lane's width.
            fn $shr_u(vector: V128, count: i32) -> V128 {
                map::<$uint, $uint, $count>(vector, |lane| lane.wrapping_shr(count as u32))
            }
            /// Whether no lane is zero.
            fn $all_true(vector: V128) -> i32 {
                let lanes = <[$int; $count]>::from(vector);
                i32::from(!lanes.into_iter().fold(false, |zero, lane| zero | (lane == 0)))
            }
        }
    };
}

/// Equality and signed order, which every shape has.
macro_rules! integer_vector_comparisons {
    ($int:ident $count:literal:
     $eq:ident $ne:ident $lt_s:ident $gt_s:ident $le_s:ident $ge_s:ident
    ) => {
        pure! {
            /// All ones in lanes that are equal, zero in others.
            fn $eq(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs == rhs))
            }
            /// All ones in lanes that differ, zero in others.
            fn $ne(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs != rhs))
            }
            /// Signed less than: all ones in lanes where it holds, zero in others.
            fn $lt_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs < rhs))
            }
            /// Signed greater than: all ones in lanes where it holds, zero in others.
            fn $gt_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs > rhs))
            }
            /// Signed less than or equal: all ones in lanes where it holds, zero in others.
            fn $le_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs <= rhs))
            }
            /// Signed greater than or equal: all ones in lanes where it holds, zero in others.
            fn $ge_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs >= rhs))
            }
        }
    };
}

/// Unsigned order, smaller and larger lanes: the shapes up to 32 bits.
macro_rules! integer_vector_orders {
    ($int:ident $uint:ident $count:literal:
     $lt_u:ident $gt_u:ident $le_u:ident $ge_u:ident
     $min_s:ident $min_u:ident $max_s:ident $max_u:ident
    ) => {
        pure! {
            /// Unsigned less than: all ones in lanes where it holds, zero in others.
            fn $lt_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs < rhs))
            }
            /// Unsigned greater than: all ones in lanes where it holds, zero in others.
            fn $gt_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs > rhs))
            }
            /// Unsigned less than or equal: all ones in lanes where it holds, zero in others.
            fn $le_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs <= rhs))
            }
            /// Unsigned greater than or equal: all ones in lanes where it holds, zero in others.
            fn $ge_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $int, $count>(lhs, rhs, |lhs, rhs| mask!($int, lhs >= rhs))
            }
            /// The smaller of two signed lanes.
            fn $min_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, $int::min)
            }
            /// The smaller of two unsigned lanes.
            fn $min_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $uint, $count>(lhs, rhs, $uint::min)
            }
            /// The larger of two signed lanes.
            fn $max_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, $int::max)
            }
            /// The larger of two unsigned lanes.
            fn $max_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $uint, $count>(lhs, rhs, $uint::max)
            }
        }
    };
}

/// Saturating sums and averages: lanes of 8 and 16 bits.
macro_rules! saturating_vectors {
    ($int:ident $uint:ident $wide:ident $count:literal:
     $add_sat_s:ident $add_sat_u:ident $sub_sat_s:ident $sub_sat_u:ident $avgr_u:ident
    ) => {
        pure! {
            /// Signed sums, saturating.
            fn $add_sat_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, $int::saturating_add)
            }
            /// Unsigned sums, saturating.
            fn $add_sat_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $uint, $count>(lhs, rhs, $uint::saturating_add)
            }
            /// Signed differences, saturating.
            fn $sub_sat_s(lhs: V128, rhs: V128) -> V128 {
                zip::<$int, $int, $count>(lhs, rhs, $int::saturating_sub)
            }
            /// Unsigned differences, saturating at zero.
            fn $sub_sat_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $uint, $count>(lhs, rhs, $uint::saturating_sub)
            }
            /// Unsigned averages, halves rounded up.
            fn $avgr_u(lhs: V128, rhs: V128) -> V128 {
                zip::<$uint, $uint, $count>(lhs, rhs, |lhs, rhs| {
                    ($wide::from(lhs) + $wide::from(rhs) + 1 >> 1) as $uint
                })
            }
        }
    };
}

integer_vectors! { i8 u8 16:
    i8x16_add i8x16_sub i8x16_abs i8x16_neg i8x16_shl i8x16_shr_s i8x16_shr_u
    i8x16_all_true
}
integer_vectors! { i16 u16 8:
    i16x8_add i16x8_sub i16x8_abs i16x8_neg i16x8_shl i16x8_shr_s i16x8_shr_u
    i16x8_all_true
}
integer_vectors! { i32 u32 4:
    i32x4_add i32x4_sub i32x4_abs i32x4_neg i32x4_shl i32x4_shr_s i32x4_shr_u
    i32x4_all_true
}
integer_vectors! { i64 u64 2:
    i64x2_add i64x2_sub i64x2_abs i64x2_neg i64x2_shl i64x2_shr_s i64x2_shr_u
    i64x2_all_true
}
integer_vector_comparisons! { i8 16:
    i8x16_eq i8x16_ne i8x16_lt_s i8x16_gt_s i8x16_le_s i8x16_ge_s
}
integer_vector_comparisons! { i16 8:
    i16x8_eq i16x8_ne i16x8_lt_s i16x8_gt_s i16x8_le_s i16x8_ge_s
}
integer_vector_comparisons! { i32 4:
    i32x4_eq i32x4_ne i32x4_lt_s i32x4_gt_s i32x4_le_s i32x4_ge_s
}
integer_vector_comparisons! { i64 2:
    i64x2_eq i64x2_ne i64x2_lt_s i64x2_gt_s i64x2_le_s i64x2_ge_s
}
integer_vector_orders! { i8 u8 16:
    i8x16_lt_u i8x16_gt_u i8x16_le_u i8x16_ge_u i8x16_min_s i8x16_min_u i8x16_max_s i8x16_max_u
}
integer_vector_orders! { i16 u16 8:
    i16x8_lt_u i16x8_gt_u i16x8_le_u i16x8_ge_u i16x8_min_s i16x8_min_u i16x8_max_s i16x8_max_u
}
integer_vector_orders! { i32 u32 4:
    i32x4_lt_u i32x4_gt_u i32x4_le_u i32x4_ge_u i32x4_min_s i32x4_min_u i32x4_max_s i32x4_max_u
}
saturating_vectors! { i8 u8 u16 16:
    i8x16_add_sat_s i8x16_add_sat_u i8x16_sub_sat_s i8x16_sub_sat_u i8x16_avgr_u
}
saturating_vectors! { i16 u16 u32 8:
    i16x8_add_sat_s i16x8_add_sat_u i16x8_sub_sat_s i16x8_sub_sat_u i16x8_avgr_u
}

/// Gathers the sign bits of the lanes in one half of a vector. The factor moves the sign bit of lane
/// `i`, shifted down to the lane's lowest bit, to `64 - lane_bits + i`; no two products of bits meet.
#[inline(always)]
fn gather_signs(half: u64, lane_bits: u32, factor: u64) -> i32 {
    let lowest_bits = u64::MAX / (u64::MAX >> (64 - lane_bits));
    let signs = (half >> (lane_bits - 1)) & lowest_bits;
    let gathered = signs.wrapping_mul(factor) >> (64 - lane_bits);
    (gathered & (u64::MAX >> (64 - 64 / lane_bits))) as i32
}

pure! {
    /// The sign bits of the lanes, lane 0 lowest.
    fn i8x16_bitmask(vector: V128) -> i32 {
        let (low, high) = vector.halves();
        let gather = |half| gather_signs(half, 8, 0x0102_0408_1020_4080);
        gather(low) | (gather(high) << 8)
    }
    /// The sign bits of the lanes, lane 0 lowest.
    fn i16x8_bitmask(vector: V128) -> i32 {
        let (low, high) = vector.halves();
        let gather = |half| gather_signs(half, 16, 0x0001_0002_0004_0008);
        gather(low) | (gather(high) << 4)
    }
    /// The sign bits of the lanes, lane 0 lowest.
    fn i32x4_bitmask(vector: V128) -> i32 {
        let [a, b, c, d] = vector.to_u32x4().map(|lane| lane >> 31);
        (a | b << 1 | c << 2 | d << 3) as i32
    }
    /// The sign bits of the lanes, lane 0 lowest.
    fn i64x2_bitmask(vector: V128) -> i32 {
        let [low, high] = vector.to_u64x2().map(|lane| lane >> 63);
        (low | high << 1) as i32
    }
    /// Number of one bits in each byte.
    fn i8x16_popcnt(vector: V128) -> V128 {
        map::<u8, u8, 16>(vector, |lane| {
            // Sums of pairs, fours and eights, since no baseline has the instruction for bytes.
            let pairs = lane - (lane >> 1 & 0x55);
            let fours = (pairs & 0x33) + (pairs >> 2 & 0x33);
            (fours + (fours >> 4)) & 0x0F
        })
    }
    /// Bitwise complement.
    fn v128_not(vector: V128) -> V128 { V128::from_bits(!vector.to_bits()) }
    /// Bitwise and.
    fn v128_and(lhs: V128, rhs: V128) -> V128 { V128::from_bits(lhs.to_bits() & rhs.to_bits()) }
    /// Bitwise and of the first operand with the complement of the second.
    fn v128_andnot(lhs: V128, rhs: V128) -> V128 { V128::from_bits(lhs.to_bits() & !rhs.to_bits()) }
    /// Bitwise or.
    fn v128_or(lhs: V128, rhs: V128) -> V128 { V128::from_bits(lhs.to_bits() | rhs.to_bits()) }
    /// Bitwise exclusive or.
    fn v128_xor(lhs: V128, rhs: V128) -> V128 { V128::from_bits(lhs.to_bits() ^ rhs.to_bits()) }
    /// Bits of the first operand where the mask has ones, of the second where it has zeros.
    fn v128_bitselect(ones: V128, zeros: V128, mask: V128) -> V128 {
        let (ones, zeros, mask) = (ones.to_bits(), zeros.to_bits(), mask.to_bits());
        V128::from_bits(ones & mask | zeros & !mask)
    }
    /// Whether any bit is one.
    fn v128_any_true(vector: V128) -> i32 { i32::from(vector.to_bits() != 0) }
}
