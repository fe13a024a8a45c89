//! Comparisons, whose lanes are all ones or all zeros.
//!
//! The machine has `equal` and signed `greater` of integers. One is less or equal where it is the lesser of both.

use super::Translator;
use crate::isa::x64::vector::{
    CMPPD, CMPPS, FloatCmp, PCMPEQB, PCMPEQD, PCMPEQQ, PCMPEQW, PCMPGTB, PCMPGTD, PCMPGTQ, PCMPGTW,
    PMAXSB, PMAXSD, PMAXSW, PMAXUB, PMAXUD, PMAXUW, PMINSB, PMINSD, PMINSW, PMINUB, PMINUD, PMINUW,
    VectorImm, VectorOp,
};
use crate::translate::stack::Entry;

impl Translator<'_> {
    /// The opposite of what an instruction says.
    fn not_binary(&mut self, op: VectorOp) {
        let (left, right) = self.pop_vectors();
        self.not_combine(op, left, right);
    }

    fn not_swapped(&mut self, op: VectorOp) {
        let (left, right) = self.pop_vectors();
        self.not_combine(op, right, left);
    }

    fn not_combine(&mut self, op: VectorOp, first: Entry, second: Entry) {
        let other = self.vector_rm(second);
        let (to, loc) = self.made_from(first, &[second]);
        self.asm.vector(op, to, other);
        self.invert(to);
        self.push_vector(loc);
    }

    /// Whether the left one is the extreme of both.
    fn is_extreme(&mut self, extreme: VectorOp, equal: VectorOp) {
        self.extreme_of(extreme, equal, false);
    }

    fn is_no_extreme(&mut self, extreme: VectorOp, equal: VectorOp) {
        self.extreme_of(extreme, equal, true);
    }

    fn extreme_of(&mut self, extreme: VectorOp, equal: VectorOp, inverts: bool) {
        let (left, right) = self.pop_vectors();
        let other = self.vector_rm(left);
        let (to, loc) = self.made_from(right, &[left]);
        self.asm.vector(extreme, to, other);
        self.asm.vector(equal, to, other);
        if inverts {
            self.invert(to);
        }
        self.push_vector(loc);
    }

    fn compare_lanes(&mut self, op: VectorImm, cmp: FloatCmp) {
        let (left, right) = self.pop_vectors();
        self.compare_in_order(op, cmp, left, right);
    }

    /// What is greater is asked as what is less.
    fn compare_swapped(&mut self, op: VectorImm, cmp: FloatCmp) {
        let (left, right) = self.pop_vectors();
        self.compare_in_order(op, cmp, right, left);
    }

    fn compare_in_order(&mut self, op: VectorImm, cmp: FloatCmp, first: Entry, second: Entry) {
        let other = self.xmm(second);
        let (to, loc) = self.made_from(first, &[second]);
        self.asm.vector_imm(op, to, other, cmp as u8);
        self.push_vector(loc);
    }
}

operators! {
    visit_i8x16_eq => commuting(PCMPEQB);
    visit_i16x8_eq => commuting(PCMPEQW);
    visit_i32x4_eq => commuting(PCMPEQD);
    visit_i64x2_eq => commuting(PCMPEQQ);
    visit_i8x16_ne => not_binary(PCMPEQB);
    visit_i16x8_ne => not_binary(PCMPEQW);
    visit_i32x4_ne => not_binary(PCMPEQD);
    visit_i64x2_ne => not_binary(PCMPEQQ);
    visit_i8x16_gt_s => binary(PCMPGTB);
    visit_i16x8_gt_s => binary(PCMPGTW);
    visit_i32x4_gt_s => binary(PCMPGTD);
    visit_i64x2_gt_s => binary(PCMPGTQ);
    visit_i8x16_lt_s => swapped(PCMPGTB);
    visit_i16x8_lt_s => swapped(PCMPGTW);
    visit_i32x4_lt_s => swapped(PCMPGTD);
    visit_i64x2_lt_s => swapped(PCMPGTQ);
    visit_i8x16_le_s => is_extreme(PMINSB, PCMPEQB);
    visit_i16x8_le_s => is_extreme(PMINSW, PCMPEQW);
    visit_i32x4_le_s => is_extreme(PMINSD, PCMPEQD);
    visit_i64x2_le_s => not_binary(PCMPGTQ);
    visit_i8x16_ge_s => is_extreme(PMAXSB, PCMPEQB);
    visit_i16x8_ge_s => is_extreme(PMAXSW, PCMPEQW);
    visit_i32x4_ge_s => is_extreme(PMAXSD, PCMPEQD);
    visit_i64x2_ge_s => not_swapped(PCMPGTQ);
    visit_i8x16_le_u => is_extreme(PMINUB, PCMPEQB);
    visit_i16x8_le_u => is_extreme(PMINUW, PCMPEQW);
    visit_i32x4_le_u => is_extreme(PMINUD, PCMPEQD);
    visit_i8x16_ge_u => is_extreme(PMAXUB, PCMPEQB);
    visit_i16x8_ge_u => is_extreme(PMAXUW, PCMPEQW);
    visit_i32x4_ge_u => is_extreme(PMAXUD, PCMPEQD);
    visit_i8x16_lt_u => is_no_extreme(PMAXUB, PCMPEQB);
    visit_i16x8_lt_u => is_no_extreme(PMAXUW, PCMPEQW);
    visit_i32x4_lt_u => is_no_extreme(PMAXUD, PCMPEQD);
    visit_i8x16_gt_u => is_no_extreme(PMINUB, PCMPEQB);
    visit_i16x8_gt_u => is_no_extreme(PMINUW, PCMPEQW);
    visit_i32x4_gt_u => is_no_extreme(PMINUD, PCMPEQD);
    visit_f32x4_eq => compare_lanes(CMPPS, FloatCmp::Eq);
    visit_f32x4_ne => compare_lanes(CMPPS, FloatCmp::Ne);
    visit_f32x4_lt => compare_lanes(CMPPS, FloatCmp::Lt);
    visit_f32x4_le => compare_lanes(CMPPS, FloatCmp::Le);
    visit_f32x4_gt => compare_swapped(CMPPS, FloatCmp::Lt);
    visit_f32x4_ge => compare_swapped(CMPPS, FloatCmp::Le);
    visit_f64x2_eq => compare_lanes(CMPPD, FloatCmp::Eq);
    visit_f64x2_ne => compare_lanes(CMPPD, FloatCmp::Ne);
    visit_f64x2_lt => compare_lanes(CMPPD, FloatCmp::Lt);
    visit_f64x2_le => compare_lanes(CMPPD, FloatCmp::Le);
    visit_f64x2_gt => compare_swapped(CMPPD, FloatCmp::Lt);
    visit_f64x2_ge => compare_swapped(CMPPD, FloatCmp::Le);
}
