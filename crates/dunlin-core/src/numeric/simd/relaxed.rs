//! Relaxed vector operators, whose results the specification leaves open in places (4.3.5 "Relaxed
//! Operations"): for each operator one function, to which is said what an engine has chosen.
//!
//! The choice is one for all operators and holds as long as an engine does, since an operator must give
//! the same result whenever it is given the same operands, and whichever tier executes it. Those of
//! [`Relaxed::Fast`] and [`Relaxed::Fused`] are what single instructions of x86-64 compute.

use super::{
    f32x4_add, f32x4_max, f32x4_min, f32x4_mul, f32x4_neg, f32x4_pmax, f32x4_pmin, f64x2_add,
    f64x2_max, f64x2_min, f64x2_mul, f64x2_neg, f64x2_pmax, f64x2_pmin, i8x16_swizzle,
    i16x8_q15mulr_sat_s, i32x4_add, i32x4_extadd_pairwise_i16x8_s, i32x4_trunc_sat_f32x4_s,
    i32x4_trunc_sat_f32x4_u, i32x4_trunc_sat_f64x2_s_zero, i32x4_trunc_sat_f64x2_u_zero, map,
    v128_bitselect, zip,
};
use crate::V128;

/// Which of the results that the specification allows the relaxed operators have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Relaxed {
    /// Those of the specification's deterministic profile, the same on every machine.
    #[default]
    Deterministic,
    /// Those of the fastest instructions of x86-64. Products are rounded before they are added.
    Fast,
    /// The same, but products are added before they are rounded: where the machine fuses both.
    Fused,
}

impl Relaxed {
    const fn is_deterministic(self) -> bool {
        matches!(self, Self::Deterministic)
    }
}

/// Products and sums of lanes, rounded twice or once.
macro_rules! multiply_add {
    ($float:ident $count:literal $mul_add:path, $libm:path:
     $madd:ident $nmadd:ident $add:ident $mul:ident $neg:ident $fused:ident
    ) => {
        /// The product of two numbers and the sum with a third, rounded once.
        #[inline(always)]
        fn $fused(lhs: $float, rhs: $float, addend: $float) -> $float {
            #[cfg(feature = "std")]
            {
                $mul_add(lhs, rhs, addend)
            }
            #[cfg(not(feature = "std"))]
            {
                $libm(lhs, rhs, addend)
            }
        }

        pure! {
            /// Products of the first two, plus the third.
            fn $madd(lhs: V128, rhs: V128, addend: V128, relaxed: Relaxed) -> V128 {
                if relaxed != Relaxed::Fused {
                    return $add($mul(lhs, rhs), addend);
                }
                let (lhs, rhs) = (<[$float; $count]>::from(lhs), <[$float; $count]>::from(rhs));
                let mut result = <[$float; $count]>::from(addend);
                for (result, (lhs, rhs)) in result.iter_mut().zip(lhs.into_iter().zip(rhs)) {
                    *result = $fused(lhs, rhs, *result);
                }
                result.into()
            }
            /// Products of the first two, negated, plus the third.
            fn $nmadd(lhs: V128, rhs: V128, addend: V128, relaxed: Relaxed) -> V128 {
                $madd($neg(lhs), rhs, addend, relaxed)
            }
        }
    };
}

multiply_add! { f32 4 f32::mul_add, libm::fmaf:
    f32x4_relaxed_madd f32x4_relaxed_nmadd f32x4_add f32x4_mul f32x4_neg f32_fused
}
multiply_add! { f64 2 f64::mul_add, libm::fma:
    f64x2_relaxed_madd f64x2_relaxed_nmadd f64x2_add f64x2_mul f64x2_neg f64_fused
}

/// Extremes of lanes: where a lane is no number, or both are zeros, the first operand's is as good.
macro_rules! extremes {
    ($($name:ident $exact:ident $pseudo:ident;)*) => {
        pure! {$(
            /// The extreme of each pair of lanes; either of them where one is NaN or both are zeros.
            fn $name(lhs: V128, rhs: V128, relaxed: Relaxed) -> V128 {
                if relaxed.is_deterministic() { $exact(lhs, rhs) } else { $pseudo(lhs, rhs) }
            }
        )*}
    };
}

extremes! {
    f32x4_relaxed_min f32x4_min f32x4_pmin;
    f32x4_relaxed_max f32x4_max f32x4_pmax;
    f64x2_relaxed_min f64x2_min f64x2_pmin;
    f64x2_relaxed_max f64x2_max f64x2_pmax;
}

/// Selections of lanes by a mask, of which one bit may stand for the lane.
macro_rules! selections {
    ($($name:ident $lane:ident $count:literal;)*) => {
        pure! {$(
            /// Lanes of the first operand where the mask's lane is ones, of the second where it is
            /// zeros; for any other mask bit by bit, or as the lane's highest bit says.
            fn $name(ones: V128, zeros: V128, mask: V128, relaxed: Relaxed) -> V128 {
                if relaxed.is_deterministic() {
                    return v128_bitselect(ones, zeros, mask);
                }
                let mask = map::<$lane, $lane, $count>(mask, |lane| lane >> ($lane::BITS - 1));
                v128_bitselect(ones, zeros, mask)
            }
        )*}
    };
}

selections! {
    i8x16_relaxed_laneselect i8 16;
    i16x8_relaxed_laneselect i16 8;
    i32x4_relaxed_laneselect i32 4;
    i64x2_relaxed_laneselect i64 2;
}

/// The integer of a number, or the least integer for what none is of.
#[inline(always)]
fn truncated(number: f64) -> i32 {
    let integer = number as i64;
    if number.is_nan() { i32::MIN } else { integer.try_into().unwrap_or(i32::MIN) }
}

/// The sum of two products of bytes, saturated; bytes of the second are signed, or are not.
#[inline(always)]
fn dot(lhs: i16, rhs: i16, relaxed: Relaxed) -> i16 {
    let [lhs_low, lhs_high] = lhs.to_le_bytes().map(|byte| i32::from(byte as i8));
    let [rhs_low, rhs_high] = rhs.to_le_bytes().map(|byte| {
        if relaxed.is_deterministic() { i32::from(byte as i8) } else { i32::from(byte) }
    });
    let sum = lhs_low * rhs_low + lhs_high * rhs_high;
    sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

pure! {
    /// Bytes of the first operand by the indices in the second; for an index above 15, 0 or the byte of
    /// its low four bits, and 0 above 127.
    fn i8x16_relaxed_swizzle(vector: V128, indices: V128, relaxed: Relaxed) -> V128 {
        if relaxed.is_deterministic() {
            return i8x16_swizzle(vector, indices);
        }
        i8x16_swizzle(vector, map::<u8, u8, 16>(indices, |index| index & 0x8F))
    }
    /// Each lane truncated to a signed integer; what none is of saturates, or is the least integer.
    fn i32x4_relaxed_trunc_f32x4_s(vector: V128, relaxed: Relaxed) -> V128 {
        if relaxed.is_deterministic() {
            return i32x4_trunc_sat_f32x4_s(vector);
        }
        map::<f32, i32, 4>(vector, |lane| truncated(lane.into()))
    }
    /// Each lane truncated to an unsigned integer. Saturating is as fast as anything else.
    fn i32x4_relaxed_trunc_f32x4_u(vector: V128, _relaxed: Relaxed) -> V128 {
        i32x4_trunc_sat_f32x4_u(vector)
    }
    /// Each lane truncated to a signed integer, in the low lanes; what none is of saturates, or is the
    /// least integer. The high lanes are zero.
    fn i32x4_relaxed_trunc_f64x2_s_zero(vector: V128, relaxed: Relaxed) -> V128 {
        if relaxed.is_deterministic() {
            return i32x4_trunc_sat_f64x2_s_zero(vector);
        }
        let [first, second] = vector.to_f64x2().map(truncated);
        V128::from_i32x4([first, second, 0, 0])
    }
    /// Each lane truncated to an unsigned integer, in the low lanes; the high ones are zero. Saturating
    /// is as fast as anything else.
    fn i32x4_relaxed_trunc_f64x2_u_zero(vector: V128, _relaxed: Relaxed) -> V128 {
        i32x4_trunc_sat_f64x2_u_zero(vector)
    }
    /// Products of fixed-point numbers with 15 fraction bits, rounded; (-1.0)^2 saturates or wraps.
    fn i16x8_relaxed_q15mulr_s(lhs: V128, rhs: V128, relaxed: Relaxed) -> V128 {
        if relaxed.is_deterministic() {
            return i16x8_q15mulr_sat_s(lhs, rhs);
        }
        zip::<i16, i16, 8>(lhs, rhs, |lhs, rhs| {
            ((i32::from(lhs) * i32::from(rhs) + 0x4000) >> 15) as i16
        })
    }
    /// Sums of products of neighbouring bytes, saturated. Bytes of the second operand that have eight
    /// bits are signed, or are not.
    fn i16x8_relaxed_dot_i8x16_i7x16_s(lhs: V128, rhs: V128, relaxed: Relaxed) -> V128 {
        zip::<i16, i16, 8>(lhs, rhs, |lhs, rhs| dot(lhs, rhs, relaxed))
    }
    /// Sums of four products of neighbouring bytes each, the first and the last two saturated, and the
    /// third operand's lane.
    fn i32x4_relaxed_dot_i8x16_i7x16_add_s(
        lhs: V128, rhs: V128, addend: V128, relaxed: Relaxed
    ) -> V128 {
        let dots = i16x8_relaxed_dot_i8x16_i7x16_s(lhs, rhs, relaxed);
        i32x4_add(i32x4_extadd_pairwise_i16x8_s(dots), addend)
    }
}
