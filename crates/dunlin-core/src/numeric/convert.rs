//! Conversions between number types (specification, 4.3.4 "Conversions").
//!
//! A float converts to an integer when its value without the fraction is in the integer's range.
//! The bounds below are written as the nearest floats outside or at that range: `-1.0 <` for
//! unsigned types, `-2^(N-1) - 1 <` where the float type can tell that number from -2^(N-1), and
//! `-2^(N-1) <=` where it cannot.

use crate::TrapCode;

const TWO_31: f64 = 2_147_483_648.0;
const TWO_32: f64 = 4_294_967_296.0;
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// Why a float that is in no integer's range does not convert.
#[cold]
fn conversion_trap(is_nan: bool) -> TrapCode {
    if is_nan { TrapCode::InvalidConversionToInteger } else { TrapCode::IntegerOverflow }
}

/// Truncations that trap: name, float type, integer type of the result, integer type of the range,
/// the range as a condition on the operand.
macro_rules! trapping_truncations {
    ($($name:ident($operand:ident: $float:ident) -> $int:ident as $range:ident if $inside:expr;)*) => {$(
        /// The operand without its fraction, as an integer.
        ///
        /// # Errors
        /// Traps on NaN, and when the integer is out of range.
        #[inline(always)]
        pub fn $name($operand: $float) -> Result<$int, TrapCode> {
            if $inside {
                Ok($operand as $range as $int)
            } else {
                Err(conversion_trap($operand.is_nan()))
            }
        }
    )*};
}

trapping_truncations! {
    i32_trunc_f32_s(x: f32) -> i32 as i32 if (-TWO_31 as f32..TWO_31 as f32).contains(&x);
    i32_trunc_f32_u(x: f32) -> i32 as u32 if x > -1.0 && x < TWO_32 as f32;
    i32_trunc_f64_s(x: f64) -> i32 as i32 if x > -TWO_31 - 1.0 && x < TWO_31;
    i32_trunc_f64_u(x: f64) -> i32 as u32 if x > -1.0 && x < TWO_32;
    i64_trunc_f32_s(x: f32) -> i64 as i64 if (-TWO_63 as f32..TWO_63 as f32).contains(&x);
    i64_trunc_f32_u(x: f32) -> i64 as u64 if x > -1.0 && x < TWO_64 as f32;
    i64_trunc_f64_s(x: f64) -> i64 as i64 if (-TWO_63..TWO_63).contains(&x);
    i64_trunc_f64_u(x: f64) -> i64 as u64 if x > -1.0 && x < TWO_64;
}

/// Truncations that saturate. Rust's `as` is defined as they are: NaN gives 0, and what is out of
/// range the nearest integer of the range.
macro_rules! saturating_truncations {
    ($($name:ident($float:ident) -> $int:ident as $range:ident;)*) => {
        pure! {$(
            /// The operand without its fraction; the nearest integer in range, or 0 for NaN.
            fn $name(operand: $float) -> $int { operand as $range as $int }
        )*}
    };
}

saturating_truncations! {
    i32_trunc_sat_f32_s(f32) -> i32 as i32;
    i32_trunc_sat_f32_u(f32) -> i32 as u32;
    i32_trunc_sat_f64_s(f64) -> i32 as i32;
    i32_trunc_sat_f64_u(f64) -> i32 as u32;
    i64_trunc_sat_f32_s(f32) -> i64 as i64;
    i64_trunc_sat_f32_u(f32) -> i64 as u64;
    i64_trunc_sat_f64_s(f64) -> i64 as i64;
    i64_trunc_sat_f64_u(f64) -> i64 as u64;
}

pure! {
    /// The low 32 bits.
    fn i32_wrap_i64(operand: i64) -> i32 { operand as i32 }
    /// Sign extension.
    fn i64_extend_i32_s(operand: i32) -> i64 { i64::from(operand) }
    /// Zero extension.
    fn i64_extend_i32_u(operand: i32) -> i64 { i64::from(operand as u32) }
    /// The nearest float of a signed integer, ties to even.
    fn f32_convert_i32_s(operand: i32) -> f32 { operand as f32 }
    /// The nearest float of an unsigned integer, ties to even.
    fn f32_convert_i32_u(operand: i32) -> f32 { operand as u32 as f32 }
    /// The nearest float of a signed integer, ties to even.
    fn f32_convert_i64_s(operand: i64) -> f32 { operand as f32 }
    /// The nearest float of an unsigned integer, ties to even.
    fn f32_convert_i64_u(operand: i64) -> f32 { operand as u64 as f32 }
    /// The nearest float of the narrower type, ties to even; NaN becomes quiet.
    fn f32_demote_f64(operand: f64) -> f32 { operand as f32 }
    /// The float of a signed integer, exactly.
    fn f64_convert_i32_s(operand: i32) -> f64 { f64::from(operand) }
    /// The float of an unsigned integer, exactly.
    fn f64_convert_i32_u(operand: i32) -> f64 { f64::from(operand as u32) }
    /// The nearest float of a signed integer, ties to even.
    fn f64_convert_i64_s(operand: i64) -> f64 { operand as f64 }
    /// The nearest float of an unsigned integer, ties to even.
    fn f64_convert_i64_u(operand: i64) -> f64 { operand as u64 as f64 }
    /// The same number in the wider type; NaN becomes quiet.
    fn f64_promote_f32(operand: f32) -> f64 { f64::from(operand) }
    /// The same bits.
    fn i32_reinterpret_f32(operand: f32) -> i32 { operand.to_bits() as i32 }
    /// The same bits.
    fn i64_reinterpret_f64(operand: f64) -> i64 { operand.to_bits() as i64 }
    /// The same bits.
    fn f32_reinterpret_i32(operand: i32) -> f32 { f32::from_bits(operand as u32) }
    /// The same bits.
    fn f64_reinterpret_i64(operand: i64) -> f64 { f64::from_bits(operand as u64) }
}
