//! Arithmetic on integers of 128 bits, as pairs of their low and high halves (wide-arithmetic proposal).

#[inline(always)]
fn whole(low: i64, high: i64) -> u128 {
    u128::from(high as u64) << 64 | u128::from(low as u64)
}

#[inline(always)]
fn halves(whole: u128) -> (i64, i64) {
    (whole as i64, (whole >> 64) as i64)
}

pure! {
    /// The sum, modulo 2^128.
    fn i64_add128(lhs_low: i64, lhs_high: i64, rhs_low: i64, rhs_high: i64) -> (i64, i64) {
        halves(whole(lhs_low, lhs_high).wrapping_add(whole(rhs_low, rhs_high)))
    }
    /// The difference, modulo 2^128.
    fn i64_sub128(lhs_low: i64, lhs_high: i64, rhs_low: i64, rhs_high: i64) -> (i64, i64) {
        halves(whole(lhs_low, lhs_high).wrapping_sub(whole(rhs_low, rhs_high)))
    }
    /// The exact product of signed integers.
    fn i64_mul_wide_s(lhs: i64, rhs: i64) -> (i64, i64) {
        halves((i128::from(lhs) * i128::from(rhs)) as u128)
    }
    /// The exact product of unsigned integers.
    fn i64_mul_wide_u(lhs: i64, rhs: i64) -> (i64, i64) {
        halves(u128::from(lhs as u64) * u128::from(rhs as u64))
    }
}
