//! Integer operators (specification, 4.3.2 "Integer Operations"): one body for both widths.

use crate::TrapCode;

/// Comparisons: the names of one width, then the bodies, which are the same for both.
macro_rules! integer_comparisons {
    ($int:ident $uint:ident:
     $eqz:ident $eq:ident $ne:ident $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident
     $le_s:ident $le_u:ident $ge_s:ident $ge_u:ident
    ) => {
        pure! {
            /// Whether the operand is zero.
            fn $eqz(operand: $int) -> i32 { i32::from(operand == 0) }
            /// Whether the operands are equal.
            fn $eq(lhs: $int, rhs: $int) -> i32 { i32::from(lhs == rhs) }
            /// Whether the operands differ.
            fn $ne(lhs: $int, rhs: $int) -> i32 { i32::from(lhs != rhs) }
            /// Signed less than.
            fn $lt_s(lhs: $int, rhs: $int) -> i32 { i32::from(lhs < rhs) }
            /// Unsigned less than.
            fn $lt_u(lhs: $int, rhs: $int) -> i32 { i32::from((lhs as $uint) < rhs as $uint) }
            /// Signed greater than.
            fn $gt_s(lhs: $int, rhs: $int) -> i32 { i32::from(lhs > rhs) }
            /// Unsigned greater than.
            fn $gt_u(lhs: $int, rhs: $int) -> i32 { i32::from(lhs as $uint > rhs as $uint) }
            /// Signed less than or equal.
            fn $le_s(lhs: $int, rhs: $int) -> i32 { i32::from(lhs <= rhs) }
            /// Unsigned less than or equal.
            fn $le_u(lhs: $int, rhs: $int) -> i32 { i32::from(lhs as $uint <= rhs as $uint) }
            /// Signed greater than or equal.
            fn $ge_s(lhs: $int, rhs: $int) -> i32 { i32::from(lhs >= rhs) }
            /// Unsigned greater than or equal.
            fn $ge_u(lhs: $int, rhs: $int) -> i32 { i32::from(lhs as $uint >= rhs as $uint) }
        }
    };
}

/// Arithmetic and bits that never trap.
macro_rules! integer_arithmetic {
    ($int:ident:
     $clz:ident $ctz:ident $popcnt:ident $add:ident $sub:ident $mul:ident
     $and:ident $or:ident $xor:ident
    ) => {
        pure! {
            /// Number of leading zero bits.
            fn $clz(operand: $int) -> $int { operand.leading_zeros() as $int }
            /// Number of trailing zero bits.
            fn $ctz(operand: $int) -> $int { operand.trailing_zeros() as $int }
            /// Number of one bits.
            fn $popcnt(operand: $int) -> $int { operand.count_ones() as $int }
            /// Sum, modulo 2^N.
            fn $add(lhs: $int, rhs: $int) -> $int { lhs.wrapping_add(rhs) }
            /// Difference, modulo 2^N.
            fn $sub(lhs: $int, rhs: $int) -> $int { lhs.wrapping_sub(rhs) }
            /// Product, modulo 2^N.
            fn $mul(lhs: $int, rhs: $int) -> $int { lhs.wrapping_mul(rhs) }
            /// Bitwise and.
            fn $and(lhs: $int, rhs: $int) -> $int { lhs & rhs }
            /// Bitwise or.
            fn $or(lhs: $int, rhs: $int) -> $int { lhs | rhs }
            /// Bitwise exclusive or.
            fn $xor(lhs: $int, rhs: $int) -> $int { lhs ^ rhs }
        }
    };
}

/// Shifts and rotations: the count is taken modulo the width.
macro_rules! integer_shifts {
    ($int:ident $uint:ident: $shl:ident $shr_s:ident $shr_u:ident $rotl:ident $rotr:ident) => {
        pure! {
            /// Shift left; the count is taken modulo the width.
            fn $shl(lhs: $int, rhs: $int) -> $int { lhs.wrapping_shl(rhs as u32) }
            /// Shift right, filling with the sign; the count is taken modulo the width.
            fn $shr_s(lhs: $int, rhs: $int) -> $int { lhs.wrapping_shr(rhs as u32) }
            /// Shift right, filling with zeros; the count is taken modulo the width.
            fn $shr_u(lhs: $int, rhs: $int) -> $int {
                (lhs as $uint).wrapping_shr(rhs as u32) as $int
            }
            /// Rotate left; the count is taken modulo the width.
            fn $rotl(lhs: $int, rhs: $int) -> $int {
                lhs.rotate_left(rhs as u32 & ($int::BITS - 1))
            }
            /// Rotate right; the count is taken modulo the width.
            fn $rotr(lhs: $int, rhs: $int) -> $int {
                lhs.rotate_right(rhs as u32 & ($int::BITS - 1))
            }
        }
    };
}

/// Division and remainder.
macro_rules! integer_division {
    ($int:ident $uint:ident: $div_s:ident $div_u:ident $rem_s:ident $rem_u:ident) => {
        /// Signed quotient, rounded towards zero.
        ///
        /// # Errors
        /// Traps when the divisor is zero, and on the smallest integer divided by -1.
        #[inline(always)]
        pub fn $div_s(lhs: $int, rhs: $int) -> Result<$int, TrapCode> {
            if rhs == 0 {
                return Err(TrapCode::IntegerDivisionByZero);
            }
            lhs.checked_div(rhs).ok_or(TrapCode::IntegerOverflow)
        }

        /// Unsigned quotient, rounded towards zero.
        ///
        /// # Errors
        /// Traps when the divisor is zero.
        #[inline(always)]
        pub fn $div_u(lhs: $int, rhs: $int) -> Result<$int, TrapCode> {
            match (lhs as $uint).checked_div(rhs as $uint) {
                Some(quotient) => Ok(quotient as $int),
                None => Err(TrapCode::IntegerDivisionByZero),
            }
        }

        /// Signed remainder with the sign of the dividend; 0 for the smallest integer and -1.
        ///
        /// # Errors
        /// Traps when the divisor is zero.
        #[inline(always)]
        pub fn $rem_s(lhs: $int, rhs: $int) -> Result<$int, TrapCode> {
            if rhs == 0 {
                return Err(TrapCode::IntegerDivisionByZero);
            }
            Ok(lhs.wrapping_rem(rhs))
        }

        /// Unsigned remainder.
        ///
        /// # Errors
        /// Traps when the divisor is zero.
        #[inline(always)]
        pub fn $rem_u(lhs: $int, rhs: $int) -> Result<$int, TrapCode> {
            match (lhs as $uint).checked_rem(rhs as $uint) {
                Some(remainder) => Ok(remainder as $int),
                None => Err(TrapCode::IntegerDivisionByZero),
            }
        }
    };
}

integer_comparisons! { i32 u32:
    i32_eqz i32_eq i32_ne i32_lt_s i32_lt_u i32_gt_s i32_gt_u i32_le_s i32_le_u i32_ge_s i32_ge_u
}
integer_comparisons! { i64 u64:
    i64_eqz i64_eq i64_ne i64_lt_s i64_lt_u i64_gt_s i64_gt_u i64_le_s i64_le_u i64_ge_s i64_ge_u
}
integer_arithmetic! { i32:
    i32_clz i32_ctz i32_popcnt i32_add i32_sub i32_mul i32_and i32_or i32_xor
}
integer_arithmetic! { i64:
    i64_clz i64_ctz i64_popcnt i64_add i64_sub i64_mul i64_and i64_or i64_xor
}
integer_shifts! { i32 u32: i32_shl i32_shr_s i32_shr_u i32_rotl i32_rotr }
integer_shifts! { i64 u64: i64_shl i64_shr_s i64_shr_u i64_rotl i64_rotr }
integer_division! { i32 u32: i32_div_s i32_div_u i32_rem_s i32_rem_u }
integer_division! { i64 u64: i64_div_s i64_div_u i64_rem_s i64_rem_u }

pure! {
    /// The low 8 bits, sign-extended.
    fn i32_extend8_s(operand: i32) -> i32 { i32::from(operand as i8) }
    /// The low 16 bits, sign-extended.
    fn i32_extend16_s(operand: i32) -> i32 { i32::from(operand as i16) }
    /// The low 8 bits, sign-extended.
    fn i64_extend8_s(operand: i64) -> i64 { i64::from(operand as i8) }
    /// The low 16 bits, sign-extended.
    fn i64_extend16_s(operand: i64) -> i64 { i64::from(operand as i16) }
    /// The low 32 bits, sign-extended.
    fn i64_extend32_s(operand: i64) -> i64 { i64::from(operand as i32) }
}
