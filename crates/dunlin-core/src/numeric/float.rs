//! Floating-point operators (specification, 4.3.3 "Floating-Point Operations").
//!
//! Rounding to integers calls nothing, since a call in an interpreter's hot handler would make it
//! save registers, and has no branches, so that lanes of vectors can do the same. The steps, for a
//! mantissa of `m` bits:
//!
//! 1. A magnitude of at least 2^m has no fraction, and infinity has none either.
//! 2. Adding 2^m to a smaller magnitude leaves no room for a fraction, so the addition rounds half
//!    to even; subtracting 2^m again leaves the nearest integer, exactly. To a larger magnitude, 0 is
//!    added, which makes NaN quiet as every addition does.
//! 3. `floor`, `ceil` and `trunc` step back by one where the nearest integer lies on the wrong side.
//! 4. The sign is the operand's, also that of a zero: -0.3 rounds up to -0.0.

/// Comparisons, arithmetic and signs: the names of one width, then the bodies.
macro_rules! float_operators {
    ($float:ident:
     $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident
     $abs:ident $neg:ident $copysign:ident
     $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident
    ) => {
        pure! {
            /// Whether the operands are equal; false for NaN.
            fn $eq(lhs: $float, rhs: $float) -> i32 { i32::from(lhs == rhs) }
            /// Whether the operands differ; true for NaN.
            fn $ne(lhs: $float, rhs: $float) -> i32 { i32::from(lhs != rhs) }
            /// Less than; false for NaN.
            fn $lt(lhs: $float, rhs: $float) -> i32 { i32::from(lhs < rhs) }
            /// Greater than; false for NaN.
            fn $gt(lhs: $float, rhs: $float) -> i32 { i32::from(lhs > rhs) }
            /// Less than or equal; false for NaN.
            fn $le(lhs: $float, rhs: $float) -> i32 { i32::from(lhs <= rhs) }
            /// Greater than or equal; false for NaN.
            fn $ge(lhs: $float, rhs: $float) -> i32 { i32::from(lhs >= rhs) }
            /// The operand with its sign bit cleared, NaN included.
            fn $abs(operand: $float) -> $float { operand.abs() }
            /// The operand with its sign bit flipped, NaN included.
            fn $neg(operand: $float) -> $float { -operand }
            /// The first operand with the sign bit of the second, NaN included.
            fn $copysign(lhs: $float, rhs: $float) -> $float { lhs.copysign(rhs) }
            /// Sum.
            fn $add(lhs: $float, rhs: $float) -> $float { lhs + rhs }
            /// Difference.
            fn $sub(lhs: $float, rhs: $float) -> $float { lhs - rhs }
            /// Product.
            fn $mul(lhs: $float, rhs: $float) -> $float { lhs * rhs }
            /// Quotient.
            fn $div(lhs: $float, rhs: $float) -> $float { lhs / rhs }
            /// The smaller operand: -0.0 is below 0.0, and NaN wins.
            fn $min(lhs: $float, rhs: $float) -> $float {
                // Selections rather than branches, so that lanes of vectors can do the same. Equal
                // operands differ at most in the sign of zero.
                let smaller = if lhs < rhs { lhs } else { rhs };
                let equal = $float::from_bits(lhs.to_bits() | rhs.to_bits());
                let ordered = if lhs == rhs { equal } else { smaller };
                let nan = lhs + rhs;
                if lhs.is_nan() | rhs.is_nan() { nan } else { ordered }
            }
            /// The larger operand: 0.0 is above -0.0, and NaN wins.
            fn $max(lhs: $float, rhs: $float) -> $float {
                let larger = if lhs > rhs { lhs } else { rhs };
                let equal = $float::from_bits(lhs.to_bits() & rhs.to_bits());
                let ordered = if lhs == rhs { equal } else { larger };
                let nan = lhs + rhs;
                if lhs.is_nan() | rhs.is_nan() { nan } else { ordered }
            }
        }
    };
}

/// Rounding to an integer, as the file's head explains, and square roots.
macro_rules! float_rounding {
    ($float:ident $bits:ident $std_sqrt:path, $libm_sqrt:path:
     $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident
     $integral_min:ident $round_magnitude:ident
    ) => {
        /// The magnitude from which on every number is an integer.
        const $integral_min: $float = ((1 as $bits) << ($float::MANTISSA_DIGITS - 1)) as $float;

        /// The integer nearest to a magnitude, ties to even; NaN becomes quiet.
        #[inline(always)]
        fn $round_magnitude(magnitude: $float) -> $float {
            let room = if magnitude < $integral_min { $integral_min } else { 0.0 };
            (magnitude + room) - room
        }

        pure! {
            /// The smallest integer that is not below the operand.
            fn $ceil(operand: $float) -> $float {
                let nearest = $nearest(operand);
                let step = if nearest < operand { 1.0 } else { 0.0 };
                (nearest + step).copysign(operand)
            }
            /// The largest integer that is not above the operand.
            fn $floor(operand: $float) -> $float {
                let nearest = $nearest(operand);
                let step = if nearest > operand { 1.0 } else { 0.0 };
                (nearest - step).copysign(operand)
            }
            /// The operand without its fraction.
            fn $trunc(operand: $float) -> $float {
                let magnitude = operand.abs();
                let nearest = $round_magnitude(magnitude);
                let step = if nearest > magnitude { 1.0 } else { 0.0 };
                (nearest - step).copysign(operand)
            }
            /// The nearest integer, ties to even.
            fn $nearest(operand: $float) -> $float {
                $round_magnitude(operand.abs()).copysign(operand)
            }
            /// Square root.
            fn $sqrt(operand: $float) -> $float {
                #[cfg(feature = "std")]
                {
                    $std_sqrt(operand)
                }
                #[cfg(not(feature = "std"))]
                {
                    $libm_sqrt(operand)
                }
            }
        }
    };
}

float_operators! { f32:
    f32_eq f32_ne f32_lt f32_gt f32_le f32_ge f32_abs f32_neg f32_copysign
    f32_add f32_sub f32_mul f32_div f32_min f32_max
}
float_operators! { f64:
    f64_eq f64_ne f64_lt f64_gt f64_le f64_ge f64_abs f64_neg f64_copysign
    f64_add f64_sub f64_mul f64_div f64_min f64_max
}
float_rounding! { f32 u32 f32::sqrt, libm::sqrtf:
    f32_ceil f32_floor f32_trunc f32_nearest f32_sqrt
    F32_INTEGRAL_MIN f32_round_magnitude
}
float_rounding! { f64 u64 f64::sqrt, libm::sqrt:
    f64_ceil f64_floor f64_trunc f64_nearest f64_sqrt
    F64_INTEGRAL_MIN f64_round_magnitude
}
