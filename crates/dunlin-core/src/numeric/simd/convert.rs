//! Conversions between lanes of floats and of integers: each lane as the scalar operator.

use super::map;
use crate::V128;
use crate::numeric::convert as scalar;

pure! {
    /// Each lane truncated to a signed integer, saturating.
    fn i32x4_trunc_sat_f32x4_s(vector: V128) -> V128 {
        map::<f32, i32, 4>(vector, scalar::i32_trunc_sat_f32_s)
    }
    /// Each lane truncated to an unsigned integer, saturating.
    fn i32x4_trunc_sat_f32x4_u(vector: V128) -> V128 {
        map::<f32, i32, 4>(vector, scalar::i32_trunc_sat_f32_u)
    }
    /// Each lane truncated to a signed integer, saturating, in the low lanes; the high ones are zero.
    fn i32x4_trunc_sat_f64x2_s_zero(vector: V128) -> V128 {
        let [first, second] = vector.to_f64x2().map(scalar::i32_trunc_sat_f64_s);
        V128::from_i32x4([first, second, 0, 0])
    }
    /// Each lane truncated to an unsigned integer, saturating, in the low lanes; the high ones are
    /// zero.
    fn i32x4_trunc_sat_f64x2_u_zero(vector: V128) -> V128 {
        let [first, second] = vector.to_f64x2().map(scalar::i32_trunc_sat_f64_u);
        V128::from_i32x4([first, second, 0, 0])
    }
    /// The nearest floats of signed integers.
    fn f32x4_convert_i32x4_s(vector: V128) -> V128 {
        map::<i32, f32, 4>(vector, scalar::f32_convert_i32_s)
    }
    /// The nearest floats of unsigned integers.
    fn f32x4_convert_i32x4_u(vector: V128) -> V128 {
        map::<i32, f32, 4>(vector, scalar::f32_convert_i32_u)
    }
    /// The floats of the signed integers in the low lanes.
    fn f64x2_convert_low_i32x4_s(vector: V128) -> V128 {
        let [first, second, ..] = vector.to_i32x4();
        V128::from_f64x2([first, second].map(scalar::f64_convert_i32_s))
    }
    /// The floats of the unsigned integers in the low lanes.
    fn f64x2_convert_low_i32x4_u(vector: V128) -> V128 {
        let [first, second, ..] = vector.to_i32x4();
        V128::from_f64x2([first, second].map(scalar::f64_convert_i32_u))
    }
    /// Each lane in the narrower type, in the low lanes; the high ones are zero.
    fn f32x4_demote_f64x2_zero(vector: V128) -> V128 {
        let [first, second] = vector.to_f64x2().map(scalar::f32_demote_f64);
        V128::from_f32x4([first, second, 0.0, 0.0])
    }
    /// The low lanes in the wider type.
    fn f64x2_promote_low_f32x4(vector: V128) -> V128 {
        let [first, second, ..] = vector.to_f32x4();
        V128::from_f64x2([first, second].map(scalar::f64_promote_f32))
    }
}
