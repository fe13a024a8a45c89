//! Operators on lanes of integers.

use super::Translator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};

macro_rules! unary {
    ($($name:ident => $shape:ident $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let operand = self.pop_vector(types::$shape);
                let vector = self.env.b.ins().$instruction(operand);
                self.push_vector(vector);
            }
        )*}
    };
}

macro_rules! binary {
    ($($name:ident => $shape:ident $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let (left, right) = self.pop_vectors(types::$shape);
                let vector = self.env.b.ins().$instruction(left, right);
                self.push_vector(vector);
            }
        )*}
    };
}

/// Shifts of every lane by the low bits of an `i32`.
macro_rules! shifts {
    ($($name:ident => $shape:ident $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let count = self.pop();
                let operand = self.pop_vector(types::$shape);
                let vector = self.env.b.ins().$instruction(operand, count);
                self.push_vector(vector);
            }
        )*}
    };
}

/// Comparisons, whose lanes are all ones or all zeros.
macro_rules! comparisons {
    ($($name:ident => $shape:ident $condition:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let (left, right) = self.pop_vectors(types::$shape);
                let vector = self.env.b.ins().icmp(IntCC::$condition, left, right);
                self.push_vector(vector);
            }
        )*}
    };
}

/// Operators on both halves of one operand, or on one half of two, after widening.
macro_rules! widened {
    ($($name:ident => $shape:ident ($left:ident, $right:ident) $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let operand = self.pop_vector(types::$shape);
                let left = self.env.b.ins().$left(operand);
                let right = self.env.b.ins().$right(operand);
                let vector = self.env.b.ins().$instruction(left, right);
                self.push_vector(vector);
            }
        )*}
    };
}

macro_rules! products {
    ($($name:ident => $shape:ident $widen:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let (left, right) = self.pop_vectors(types::$shape);
                let left = self.env.b.ins().$widen(left);
                let right = self.env.b.ins().$widen(right);
                let vector = self.env.b.ins().imul(left, right);
                self.push_vector(vector);
            }
        )*}
    };
}

macro_rules! tests {
    ($($all:ident $mask:ident => $shape:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $all(&mut self) {
                let operand = self.pop_vector(types::$shape);
                let bit = self.env.b.ins().vall_true(operand);
                let value = self.env.b.ins().uextend(types::I32, bit);
                self.push(value);
            }

            pub(in crate::translate) fn $mask(&mut self) {
                let operand = self.pop_vector(types::$shape);
                let value = self.env.b.ins().vhigh_bits(types::I32, operand);
                self.push(value);
            }
        )*}
    };
}

impl Translator<'_, '_> {
    pub(in crate::translate) fn visit_i32x4_dot_i16x8_s(&mut self) {
        let (left, right) = self.pop_vectors(types::I16X8);
        let (left_low, right_low) =
            (self.env.b.ins().swiden_low(left), self.env.b.ins().swiden_low(right));
        let (left_high, right_high) =
            (self.env.b.ins().swiden_high(left), self.env.b.ins().swiden_high(right));
        let low = self.env.b.ins().imul(left_low, right_low);
        let high = self.env.b.ins().imul(left_high, right_high);
        let vector = self.env.b.ins().iadd_pairwise(low, high);
        self.push_vector(vector);
    }
}

unary! {
    visit_i8x16_abs => I8X16 iabs;
    visit_i8x16_neg => I8X16 ineg;
    visit_i16x8_abs => I16X8 iabs;
    visit_i16x8_neg => I16X8 ineg;
    visit_i32x4_abs => I32X4 iabs;
    visit_i32x4_neg => I32X4 ineg;
    visit_i64x2_abs => I64X2 iabs;
    visit_i64x2_neg => I64X2 ineg;
    visit_i8x16_popcnt => I8X16 popcnt;
    visit_i16x8_extend_low_i8x16_s => I8X16 swiden_low;
    visit_i16x8_extend_low_i8x16_u => I8X16 uwiden_low;
    visit_i16x8_extend_high_i8x16_s => I8X16 swiden_high;
    visit_i16x8_extend_high_i8x16_u => I8X16 uwiden_high;
    visit_i32x4_extend_low_i16x8_s => I16X8 swiden_low;
    visit_i32x4_extend_low_i16x8_u => I16X8 uwiden_low;
    visit_i32x4_extend_high_i16x8_s => I16X8 swiden_high;
    visit_i32x4_extend_high_i16x8_u => I16X8 uwiden_high;
    visit_i64x2_extend_low_i32x4_s => I32X4 swiden_low;
    visit_i64x2_extend_low_i32x4_u => I32X4 uwiden_low;
    visit_i64x2_extend_high_i32x4_s => I32X4 swiden_high;
    visit_i64x2_extend_high_i32x4_u => I32X4 uwiden_high;
}

binary! {
    visit_i8x16_add => I8X16 iadd;
    visit_i8x16_sub => I8X16 isub;
    visit_i8x16_min_s => I8X16 smin;
    visit_i8x16_min_u => I8X16 umin;
    visit_i8x16_max_s => I8X16 smax;
    visit_i8x16_max_u => I8X16 umax;
    visit_i16x8_add => I16X8 iadd;
    visit_i16x8_sub => I16X8 isub;
    visit_i16x8_mul => I16X8 imul;
    visit_i16x8_min_s => I16X8 smin;
    visit_i16x8_min_u => I16X8 umin;
    visit_i16x8_max_s => I16X8 smax;
    visit_i16x8_max_u => I16X8 umax;
    visit_i32x4_add => I32X4 iadd;
    visit_i32x4_sub => I32X4 isub;
    visit_i32x4_mul => I32X4 imul;
    visit_i32x4_min_s => I32X4 smin;
    visit_i32x4_min_u => I32X4 umin;
    visit_i32x4_max_s => I32X4 smax;
    visit_i32x4_max_u => I32X4 umax;
    visit_i64x2_add => I64X2 iadd;
    visit_i64x2_sub => I64X2 isub;
    visit_i64x2_mul => I64X2 imul;
    visit_i8x16_add_sat_s => I8X16 sadd_sat;
    visit_i8x16_add_sat_u => I8X16 uadd_sat;
    visit_i8x16_sub_sat_s => I8X16 ssub_sat;
    visit_i8x16_sub_sat_u => I8X16 usub_sat;
    visit_i8x16_avgr_u => I8X16 avg_round;
    visit_i16x8_add_sat_s => I16X8 sadd_sat;
    visit_i16x8_add_sat_u => I16X8 uadd_sat;
    visit_i16x8_sub_sat_s => I16X8 ssub_sat;
    visit_i16x8_sub_sat_u => I16X8 usub_sat;
    visit_i16x8_avgr_u => I16X8 avg_round;
    visit_i16x8_q15mulr_sat_s => I16X8 sqmul_round_sat;
    visit_i8x16_narrow_i16x8_s => I16X8 snarrow;
    visit_i8x16_narrow_i16x8_u => I16X8 unarrow;
    visit_i16x8_narrow_i32x4_s => I32X4 snarrow;
    visit_i16x8_narrow_i32x4_u => I32X4 unarrow;
}

shifts! {
    visit_i8x16_shl => I8X16 ishl;
    visit_i8x16_shr_s => I8X16 sshr;
    visit_i8x16_shr_u => I8X16 ushr;
    visit_i16x8_shl => I16X8 ishl;
    visit_i16x8_shr_s => I16X8 sshr;
    visit_i16x8_shr_u => I16X8 ushr;
    visit_i32x4_shl => I32X4 ishl;
    visit_i32x4_shr_s => I32X4 sshr;
    visit_i32x4_shr_u => I32X4 ushr;
    visit_i64x2_shl => I64X2 ishl;
    visit_i64x2_shr_s => I64X2 sshr;
    visit_i64x2_shr_u => I64X2 ushr;
}

comparisons! {
    visit_i8x16_eq => I8X16 Equal;
    visit_i8x16_ne => I8X16 NotEqual;
    visit_i8x16_lt_s => I8X16 SignedLessThan;
    visit_i8x16_lt_u => I8X16 UnsignedLessThan;
    visit_i8x16_gt_s => I8X16 SignedGreaterThan;
    visit_i8x16_gt_u => I8X16 UnsignedGreaterThan;
    visit_i8x16_le_s => I8X16 SignedLessThanOrEqual;
    visit_i8x16_le_u => I8X16 UnsignedLessThanOrEqual;
    visit_i8x16_ge_s => I8X16 SignedGreaterThanOrEqual;
    visit_i8x16_ge_u => I8X16 UnsignedGreaterThanOrEqual;
    visit_i16x8_eq => I16X8 Equal;
    visit_i16x8_ne => I16X8 NotEqual;
    visit_i16x8_lt_s => I16X8 SignedLessThan;
    visit_i16x8_lt_u => I16X8 UnsignedLessThan;
    visit_i16x8_gt_s => I16X8 SignedGreaterThan;
    visit_i16x8_gt_u => I16X8 UnsignedGreaterThan;
    visit_i16x8_le_s => I16X8 SignedLessThanOrEqual;
    visit_i16x8_le_u => I16X8 UnsignedLessThanOrEqual;
    visit_i16x8_ge_s => I16X8 SignedGreaterThanOrEqual;
    visit_i16x8_ge_u => I16X8 UnsignedGreaterThanOrEqual;
    visit_i32x4_eq => I32X4 Equal;
    visit_i32x4_ne => I32X4 NotEqual;
    visit_i32x4_lt_s => I32X4 SignedLessThan;
    visit_i32x4_lt_u => I32X4 UnsignedLessThan;
    visit_i32x4_gt_s => I32X4 SignedGreaterThan;
    visit_i32x4_gt_u => I32X4 UnsignedGreaterThan;
    visit_i32x4_le_s => I32X4 SignedLessThanOrEqual;
    visit_i32x4_le_u => I32X4 UnsignedLessThanOrEqual;
    visit_i32x4_ge_s => I32X4 SignedGreaterThanOrEqual;
    visit_i32x4_ge_u => I32X4 UnsignedGreaterThanOrEqual;
    visit_i64x2_eq => I64X2 Equal;
    visit_i64x2_ne => I64X2 NotEqual;
    visit_i64x2_lt_s => I64X2 SignedLessThan;
    visit_i64x2_gt_s => I64X2 SignedGreaterThan;
    visit_i64x2_le_s => I64X2 SignedLessThanOrEqual;
    visit_i64x2_ge_s => I64X2 SignedGreaterThanOrEqual;
}

widened! {
    visit_i16x8_extadd_pairwise_i8x16_s => I8X16 (swiden_low, swiden_high) iadd_pairwise;
    visit_i16x8_extadd_pairwise_i8x16_u => I8X16 (uwiden_low, uwiden_high) iadd_pairwise;
    visit_i32x4_extadd_pairwise_i16x8_s => I16X8 (swiden_low, swiden_high) iadd_pairwise;
    visit_i32x4_extadd_pairwise_i16x8_u => I16X8 (uwiden_low, uwiden_high) iadd_pairwise;
}

products! {
    visit_i16x8_extmul_low_i8x16_s => I8X16 swiden_low;
    visit_i16x8_extmul_low_i8x16_u => I8X16 uwiden_low;
    visit_i16x8_extmul_high_i8x16_s => I8X16 swiden_high;
    visit_i16x8_extmul_high_i8x16_u => I8X16 uwiden_high;
    visit_i32x4_extmul_low_i16x8_s => I16X8 swiden_low;
    visit_i32x4_extmul_low_i16x8_u => I16X8 uwiden_low;
    visit_i32x4_extmul_high_i16x8_s => I16X8 swiden_high;
    visit_i32x4_extmul_high_i16x8_u => I16X8 uwiden_high;
    visit_i64x2_extmul_low_i32x4_s => I32X4 swiden_low;
    visit_i64x2_extmul_low_i32x4_u => I32X4 uwiden_low;
    visit_i64x2_extmul_high_i32x4_s => I32X4 swiden_high;
    visit_i64x2_extmul_high_i32x4_u => I32X4 uwiden_high;
}

tests! {
    visit_i8x16_all_true visit_i8x16_bitmask => I8X16;
    visit_i16x8_all_true visit_i16x8_bitmask => I16X8;
    visit_i32x4_all_true visit_i32x4_bitmask => I32X4;
    visit_i64x2_all_true visit_i64x2_bitmask => I64X2;
}
