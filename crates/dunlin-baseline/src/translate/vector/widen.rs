//! Operators whose lanes are twice as wide as their operands'.

use super::{Translator, splat};
use crate::isa::x64::regs::Xmm;
use crate::isa::x64::vector::{
    MOVAPS, PADDD, PMADDUBSW, PMADDWD, PMOVSXBW, PMOVSXDQ, PMOVSXWD, PMOVZXBW, PMOVZXDQ, PMOVZXWD,
    PMULDQ, PMULHUW, PMULHW, PMULLW, PMULUDQ, PSHUFD, PUNPCKHWD, PUNPCKLWD, PXOR, VectorOp,
};
use crate::translate::stack::SCRATCH;

/// What `PSHUFD` makes of a vector: its upper half twice.
const UPPER_HALF: u8 = 0xee;

/// And lanes of the lower or upper half, each twice.
const LOWER_LANES: u8 = 0x50;
const UPPER_LANES: u8 = 0xfa;

impl Translator<'_> {
    fn extend_high(&mut self, extend: VectorOp) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.made_of(entry);
        self.asm.vector_imm(PSHUFD, to, from, UPPER_HALF);
        self.asm.vector(extend, to, to);
        self.push_vector(loc);
    }

    /// Each sum is that of two products with one: the instruction takes bytes of its first operand without a sign,
    /// and those of its second with one.
    pub(in crate::translate) fn visit_i16x8_extadd_pairwise_i8x16_s(&mut self) {
        let entry = self.pop();
        let from = self.vector_rm(entry);
        let (to, loc) = self.vector_result(&[entry]);
        let ones = self.constant(splat(1, 8));
        self.asm.vector(MOVAPS, to, ones);
        self.asm.vector(PMADDUBSW, to, from);
        self.push_vector(loc);
    }

    pub(in crate::translate) fn visit_i16x8_extadd_pairwise_i8x16_u(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        let ones = self.constant(splat(1, 8));
        self.asm.vector(PMADDUBSW, to, ones);
        self.push_vector(loc);
    }

    pub(in crate::translate) fn visit_i32x4_extadd_pairwise_i16x8_s(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        self.add_pairs(to);
        self.push_vector(loc);
    }

    /// Sums of neighbouring lanes of 16 bits that have signs.
    pub(super) fn add_pairs(&mut self, reg: Xmm) {
        let ones = self.constant(splat(1, 16));
        self.asm.vector(PMADDWD, reg, ones);
    }

    /// With signs where all are 2^15 less, twice of which is then added.
    pub(in crate::translate) fn visit_i32x4_extadd_pairwise_i16x8_u(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        let (sign, twice) = (self.constant(splat(0x8000, 16)), self.constant(splat(0x1_0000, 32)));
        self.asm.vector(PXOR, to, sign);
        self.add_pairs(to);
        self.asm.vector(PADDD, to, twice);
        self.push_vector(loc);
    }

    /// Products of bytes, which are extended first.
    fn multiply_bytes(&mut self, extend: VectorOp, is_high: bool) {
        let (left, right) = self.pop_vectors();
        let (other, from) = (self.xmm(right), self.xmm(left));
        let (to, loc) = self.vector_result(&[left, right]);
        if is_high {
            self.asm.vector_imm(PSHUFD, SCRATCH, other, UPPER_HALF);
            self.asm.vector_imm(PSHUFD, to, from, UPPER_HALF);
            self.asm.vector(extend, SCRATCH, SCRATCH);
            self.asm.vector(extend, to, to);
        } else {
            self.asm.vector(extend, SCRATCH, other);
            self.asm.vector(extend, to, from);
        }
        self.asm.vector(PMULLW, to, SCRATCH);
        self.push_vector(loc);
    }

    /// Products of lanes of 16 bits: their lower and upper halves, put together.
    fn multiply_words(&mut self, upper: VectorOp, join: VectorOp) {
        let (left, right) = self.pop_vectors();
        let other = self.vector_rm(right);
        let (to, loc) = self.made_from(left, &[right]);
        self.asm.movaps(SCRATCH, to);
        self.asm.vector(upper, SCRATCH, other);
        self.asm.vector(PMULLW, to, other);
        self.asm.vector(join, to, SCRATCH);
        self.push_vector(loc);
    }

    fn multiply_doubles(&mut self, multiply: VectorOp, lanes: u8) {
        let (left, right) = self.pop_vectors();
        let (other, from) = (self.xmm(right), self.xmm(left));
        self.asm.vector_imm(PSHUFD, SCRATCH, other, lanes);
        let (to, loc) = self.made_of(left);
        self.asm.vector_imm(PSHUFD, to, from, lanes);
        self.asm.vector(multiply, to, SCRATCH);
        self.push_vector(loc);
    }
}

operators! {
    visit_i16x8_extend_low_i8x16_s => unary(PMOVSXBW);
    visit_i16x8_extend_low_i8x16_u => unary(PMOVZXBW);
    visit_i16x8_extend_high_i8x16_s => extend_high(PMOVSXBW);
    visit_i16x8_extend_high_i8x16_u => extend_high(PMOVZXBW);
    visit_i32x4_extend_low_i16x8_s => unary(PMOVSXWD);
    visit_i32x4_extend_low_i16x8_u => unary(PMOVZXWD);
    visit_i32x4_extend_high_i16x8_s => extend_high(PMOVSXWD);
    visit_i32x4_extend_high_i16x8_u => extend_high(PMOVZXWD);
    visit_i64x2_extend_low_i32x4_s => unary(PMOVSXDQ);
    visit_i64x2_extend_low_i32x4_u => unary(PMOVZXDQ);
    visit_i64x2_extend_high_i32x4_s => extend_high(PMOVSXDQ);
    visit_i64x2_extend_high_i32x4_u => extend_high(PMOVZXDQ);
    visit_i16x8_extmul_low_i8x16_s => multiply_bytes(PMOVSXBW, false);
    visit_i16x8_extmul_low_i8x16_u => multiply_bytes(PMOVZXBW, false);
    visit_i16x8_extmul_high_i8x16_s => multiply_bytes(PMOVSXBW, true);
    visit_i16x8_extmul_high_i8x16_u => multiply_bytes(PMOVZXBW, true);
    visit_i32x4_extmul_low_i16x8_s => multiply_words(PMULHW, PUNPCKLWD);
    visit_i32x4_extmul_low_i16x8_u => multiply_words(PMULHUW, PUNPCKLWD);
    visit_i32x4_extmul_high_i16x8_s => multiply_words(PMULHW, PUNPCKHWD);
    visit_i32x4_extmul_high_i16x8_u => multiply_words(PMULHUW, PUNPCKHWD);
    visit_i64x2_extmul_low_i32x4_s => multiply_doubles(PMULDQ, LOWER_LANES);
    visit_i64x2_extmul_low_i32x4_u => multiply_doubles(PMULUDQ, LOWER_LANES);
    visit_i64x2_extmul_high_i32x4_s => multiply_doubles(PMULDQ, UPPER_LANES);
    visit_i64x2_extmul_high_i32x4_u => multiply_doubles(PMULUDQ, UPPER_LANES);
}
