//! Operators on lanes of integers that keep their width, and those that narrow.

use super::{Translator, splat};
use crate::isa::x64::vector::{
    MOVAPS, PABSB, PABSD, PABSW, PACKSSDW, PACKSSWB, PACKUSDW, PACKUSWB, PADDB, PADDD, PADDQ,
    PADDSB, PADDSW, PADDUSB, PADDUSW, PADDW, PAND, PAVGB, PAVGW, PCMPEQW, PCMPGTQ, PMADDWD, PMAXSB,
    PMAXSD, PMAXSW, PMAXUB, PMAXUD, PMAXUW, PMINSB, PMINSD, PMINSW, PMINUB, PMINUD, PMINUW,
    PMULHRSW, PMULLD, PMULLW, PMULUDQ, PSHUFB, PSLLQ_IMM, PSRLQ_IMM, PSRLW_IMM, PSUBB, PSUBD,
    PSUBQ, PSUBSB, PSUBSW, PSUBUSB, PSUBUSW, PSUBW, PXOR, VectorOp,
};
use crate::translate::stack::SCRATCH;

/// By four bits, how many of them are set.
const POPULATIONS: u128 = 0x0403_0302_0302_0201_0302_0201_0201_0100;

impl Translator<'_> {
    fn negate_lanes(&mut self, subtract: VectorOp) {
        let entry = self.pop();
        let from = self.vector_rm(entry);
        let (to, loc) = self.vector_result(&[entry]);
        self.asm.vector(PXOR, to, to);
        self.asm.vector(subtract, to, from);
        self.push_vector(loc);
    }

    /// What is negative, of which a mask says so, is inverted and one more.
    pub(in crate::translate) fn visit_i64x2_abs(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        self.asm.vector(PXOR, SCRATCH, SCRATCH);
        self.asm.vector(PCMPGTQ, SCRATCH, to);
        self.asm.vector(PXOR, to, SCRATCH);
        self.asm.vector(PSUBQ, to, SCRATCH);
        self.push_vector(loc);
    }

    /// The sum of what a table says of each half.
    pub(in crate::translate) fn visit_i8x16_popcnt(&mut self) {
        let entry = self.pop();
        let low = self.owned_xmm(entry);
        let high = self.alloc_xmm();
        let (to, loc) = self.vector_result(&[]);
        let (halves, table) = (self.constant(splat(0x0f, 8)), self.constant(POPULATIONS));
        self.asm.movaps(high, low);
        self.asm.shift_lanes(PSRLW_IMM, high, 4);
        self.asm.vector(PAND, high, halves);
        self.asm.vector(PAND, low, halves);
        self.asm.vector(MOVAPS, to, table);
        self.asm.movaps(SCRATCH, to);
        self.asm.vector(PSHUFB, to, low);
        self.asm.vector(PSHUFB, SCRATCH, high);
        self.asm.vector(PADDB, to, SCRATCH);
        self.push_vector(loc);
    }

    /// The instruction wraps where both are the least number, and only there gives it.
    pub(in crate::translate) fn visit_i16x8_q15mulr_sat_s(&mut self) {
        let (left, right) = self.pop_vectors();
        let (left, right) = self.in_better_order(left, right);
        let other = self.vector_rm(right);
        let (to, loc) = self.made_from(left, &[right]);
        let least = self.constant(splat(0x8000, 16));
        self.asm.vector(PMULHRSW, to, other);
        self.asm.vector(MOVAPS, SCRATCH, least);
        self.asm.vector(PCMPEQW, SCRATCH, to);
        self.asm.vector(PXOR, to, SCRATCH);
        self.push_vector(loc);
    }

    /// The products of halves that count: of both lower ones, and those of a lower and an upper one above them.
    pub(in crate::translate) fn visit_i64x2_mul(&mut self) {
        let (left, right) = self.pop_vectors();
        let (other, first) = (self.xmm(right), self.xmm(left));
        let upper = self.alloc_xmm();
        self.asm.movaps(upper, first);
        self.asm.shift_lanes(PSRLQ_IMM, upper, 32);
        self.asm.vector(PMULUDQ, upper, other);
        self.asm.movaps(SCRATCH, other);
        self.asm.shift_lanes(PSRLQ_IMM, SCRATCH, 32);
        self.asm.vector(PMULUDQ, SCRATCH, first);
        self.asm.vector(PADDQ, upper, SCRATCH);
        self.asm.shift_lanes(PSLLQ_IMM, upper, 32);
        let (to, loc) = self.made_from(left, &[right]);
        self.asm.vector(PMULUDQ, to, other);
        self.asm.vector(PADDQ, to, upper);
        self.push_vector(loc);
    }
}

operators! {
    visit_i8x16_add => commuting(PADDB);
    visit_i16x8_add => commuting(PADDW);
    visit_i32x4_add => commuting(PADDD);
    visit_i64x2_add => commuting(PADDQ);
    visit_i8x16_sub => binary(PSUBB);
    visit_i16x8_sub => binary(PSUBW);
    visit_i32x4_sub => binary(PSUBD);
    visit_i64x2_sub => binary(PSUBQ);
    visit_i8x16_neg => negate_lanes(PSUBB);
    visit_i16x8_neg => negate_lanes(PSUBW);
    visit_i32x4_neg => negate_lanes(PSUBD);
    visit_i64x2_neg => negate_lanes(PSUBQ);
    visit_i8x16_abs => unary(PABSB);
    visit_i16x8_abs => unary(PABSW);
    visit_i32x4_abs => unary(PABSD);
    visit_i8x16_add_sat_s => commuting(PADDSB);
    visit_i8x16_add_sat_u => commuting(PADDUSB);
    visit_i8x16_sub_sat_s => binary(PSUBSB);
    visit_i8x16_sub_sat_u => binary(PSUBUSB);
    visit_i16x8_add_sat_s => commuting(PADDSW);
    visit_i16x8_add_sat_u => commuting(PADDUSW);
    visit_i16x8_sub_sat_s => binary(PSUBSW);
    visit_i16x8_sub_sat_u => binary(PSUBUSW);
    visit_i8x16_min_s => commuting(PMINSB);
    visit_i8x16_min_u => commuting(PMINUB);
    visit_i8x16_max_s => commuting(PMAXSB);
    visit_i8x16_max_u => commuting(PMAXUB);
    visit_i16x8_min_s => commuting(PMINSW);
    visit_i16x8_min_u => commuting(PMINUW);
    visit_i16x8_max_s => commuting(PMAXSW);
    visit_i16x8_max_u => commuting(PMAXUW);
    visit_i32x4_min_s => commuting(PMINSD);
    visit_i32x4_min_u => commuting(PMINUD);
    visit_i32x4_max_s => commuting(PMAXSD);
    visit_i32x4_max_u => commuting(PMAXUD);
    visit_i8x16_avgr_u => commuting(PAVGB);
    visit_i16x8_avgr_u => commuting(PAVGW);
    visit_i16x8_mul => commuting(PMULLW);
    visit_i32x4_mul => commuting(PMULLD);
    visit_i32x4_dot_i16x8_s => commuting(PMADDWD);
    visit_i8x16_narrow_i16x8_s => binary(PACKSSWB);
    visit_i8x16_narrow_i16x8_u => binary(PACKUSWB);
    visit_i16x8_narrow_i32x4_s => binary(PACKSSDW);
    visit_i16x8_narrow_i32x4_u => binary(PACKUSDW);
}
