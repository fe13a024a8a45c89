//! Operators on all bits at once, and those that ask about lanes.

use super::Translator;
use crate::isa::x64::asm::Cc;
use crate::isa::x64::vector::{
    PACKSSWB, PAND, PANDN, PCMPEQB, PCMPEQD, PCMPEQQ, PCMPEQW, POR, PTEST, PXOR, VectorOp,
};
use crate::translate::stack::{Cond, Entry, Kind, Loc, SCRATCH};

impl Translator<'_> {
    pub(in crate::translate) fn visit_v128_not(&mut self) {
        let entry = self.pop();
        let from = self.vector_rm(entry);
        let (to, loc) = self.vector_result(&[entry]);
        self.asm.vector(PCMPEQD, to, to);
        self.asm.vector(PXOR, to, from);
        self.push_vector(loc);
    }

    pub(in crate::translate) fn visit_v128_bitselect(&mut self) {
        let mask = self.pop();
        let (ones, zeros) = self.pop_vectors();
        self.select_bits(ones, zeros, mask);
    }

    /// Bits of the first where the mask's are set, else of the second: what differs is taken over where they are.
    pub(super) fn select_bits(&mut self, ones: Entry, zeros: Entry, mask: Entry) {
        let other = self.vector_rm(zeros);
        let by = self.vector_rm(mask);
        let (to, loc) = self.made_from(ones, &[zeros, mask]);
        self.asm.vector(PXOR, to, other);
        self.asm.vector(PAND, to, by);
        self.asm.vector(PXOR, to, other);
        self.push_vector(loc);
    }

    pub(in crate::translate) fn visit_v128_any_true(&mut self) {
        let entry = self.pop();
        let reg = self.xmm(entry);
        self.asm.vector(PTEST, reg, reg);
        self.push(Kind::I32, Loc::Cond(Cond::Int(Cc::Ne)));
    }

    /// Whether no lane is zero: none is equal to it.
    fn all_true(&mut self, equal: VectorOp) {
        let entry = self.pop();
        let from = self.vector_rm(entry);
        self.asm.vector(PXOR, SCRATCH, SCRATCH);
        self.asm.vector(equal, SCRATCH, from);
        self.asm.vector(PTEST, SCRATCH, SCRATCH);
        self.push(Kind::I32, Loc::Cond(Cond::Int(Cc::E)));
    }

    pub(in crate::translate) fn visit_i8x16_bitmask(&mut self) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.result(&[]);
        self.asm.pmovmskb(to, from);
        self.push(Kind::I32, loc);
    }

    /// Saturating to bytes keeps signs.
    pub(in crate::translate) fn visit_i16x8_bitmask(&mut self) {
        let entry = self.pop();
        self.load_xmm(entry, SCRATCH);
        let (to, loc) = self.result(&[]);
        self.asm.vector(PACKSSWB, SCRATCH, SCRATCH);
        self.asm.pmovmskb(to, SCRATCH);
        // Every lane is there twice.
        self.asm.movzx8(to, to.into());
        self.push(Kind::I32, loc);
    }

    pub(in crate::translate) fn visit_i32x4_bitmask(&mut self) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.result(&[]);
        self.asm.movmskps(to, from);
        self.push(Kind::I32, loc);
    }

    pub(in crate::translate) fn visit_i64x2_bitmask(&mut self) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.result(&[]);
        self.asm.movmskpd(to, from);
        self.push(Kind::I32, loc);
    }
}

operators! {
    visit_v128_and => commuting(PAND);
    visit_v128_or => commuting(POR);
    visit_v128_xor => commuting(PXOR);
    visit_v128_andnot => swapped(PANDN);
    visit_i8x16_all_true => all_true(PCMPEQB);
    visit_i16x8_all_true => all_true(PCMPEQW);
    visit_i32x4_all_true => all_true(PCMPEQD);
    visit_i64x2_all_true => all_true(PCMPEQQ);
}
