//! What atomic operators make of a value in memory: the new bits, of the old bits and the operands.
//!
//! Operands are wrapped to the width of the access, the expected value of a compare-and-exchange too, as
//! machines compare. What the operators return is the old bits, zero-extended.

macro_rules! read_modify_write {
    ($($bits:ident $ty:ident $add:ident $sub:ident $and:ident $or:ident $xor:ident $xchg:ident $cmpxchg:ident;)*) => {$(
        /// The sum, wrapping.
        #[must_use]
        #[inline(always)]
        pub fn $add(old: $bits, operand: $ty) -> $bits {
            old.wrapping_add(operand as $bits)
        }

        /// The difference, wrapping.
        #[must_use]
        #[inline(always)]
        pub fn $sub(old: $bits, operand: $ty) -> $bits {
            old.wrapping_sub(operand as $bits)
        }

        /// The bits that are set in both.
        #[must_use]
        #[inline(always)]
        pub fn $and(old: $bits, operand: $ty) -> $bits {
            old & operand as $bits
        }

        /// The bits that are set in either.
        #[must_use]
        #[inline(always)]
        pub fn $or(old: $bits, operand: $ty) -> $bits {
            old | operand as $bits
        }

        /// The bits that are set in one of the two.
        #[must_use]
        #[inline(always)]
        pub fn $xor(old: $bits, operand: $ty) -> $bits {
            old ^ operand as $bits
        }

        /// The operand.
        #[must_use]
        #[inline(always)]
        pub fn $xchg(_: $bits, operand: $ty) -> $bits {
            operand as $bits
        }

        /// The replacement if the old value is the expected one, the old value otherwise.
        #[must_use]
        #[inline(always)]
        pub fn $cmpxchg(old: $bits, expected: $ty, replacement: $ty) -> $bits {
            if old == expected as $bits { replacement as $bits } else { old }
        }
    )*};
}

read_modify_write! {
    u32 i32 i32_rmw_add i32_rmw_sub i32_rmw_and i32_rmw_or i32_rmw_xor i32_rmw_xchg i32_rmw_cmpxchg;
    u64 i64 i64_rmw_add i64_rmw_sub i64_rmw_and i64_rmw_or i64_rmw_xor i64_rmw_xchg i64_rmw_cmpxchg;
    u8 i32 i32_rmw8_add i32_rmw8_sub i32_rmw8_and i32_rmw8_or i32_rmw8_xor i32_rmw8_xchg i32_rmw8_cmpxchg;
    u16 i32 i32_rmw16_add i32_rmw16_sub i32_rmw16_and i32_rmw16_or i32_rmw16_xor i32_rmw16_xchg i32_rmw16_cmpxchg;
    u8 i64 i64_rmw8_add i64_rmw8_sub i64_rmw8_and i64_rmw8_or i64_rmw8_xor i64_rmw8_xchg i64_rmw8_cmpxchg;
    u16 i64 i64_rmw16_add i64_rmw16_sub i64_rmw16_and i64_rmw16_or i64_rmw16_xor i64_rmw16_xchg i64_rmw16_cmpxchg;
    u32 i64 i64_rmw32_add i64_rmw32_sub i64_rmw32_and i64_rmw32_or i64_rmw32_xor i64_rmw32_xchg i64_rmw32_cmpxchg;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_wrapped_to_the_width() {
        assert_eq!(i32_rmw8_add(0xFF, 0x1_01), 0);
        assert_eq!(i64_rmw16_sub(0, 0x5_0001), 0xFFFF);
        assert_eq!(i64_rmw32_xchg(7, -1), u32::MAX);
        assert_eq!(i32_rmw_xor(0b0110, 0b0101), 0b0011);
    }

    #[test]
    fn a_comparison_looks_at_the_width_alone() {
        assert_eq!(i32_rmw8_cmpxchg(0x11, 0x1111, 0xABCD), 0xCD);
        assert_eq!(i32_rmw8_cmpxchg(0x12, 0x11, 0xCD), 0x12);
        assert_eq!(i64_rmw_cmpxchg(5, 5, -1), u64::MAX);
    }
}
