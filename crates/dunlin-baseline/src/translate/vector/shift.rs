//! Shifts of lanes, by a count modulo their width.
//!
//! Counts are constants, or in the low half of the scratch register.

use super::{Translator, splat};
use crate::isa::x64::asm::{Alu, Width};
use crate::isa::x64::regs::{R11, Xmm};
use crate::isa::x64::vector::{
    LaneShift, MOVAPS, PACKSSWB, PACKUSWB, PAND, PCMPEQD, PSLLD, PSLLD_IMM, PSLLQ, PSLLQ_IMM,
    PSLLW, PSLLW_IMM, PSRAD, PSRAD_IMM, PSRAW, PSRAW_IMM, PSRLD, PSRLD_IMM, PSRLQ, PSRLQ_IMM,
    PSRLW, PSRLW_IMM, PSUBQ, PUNPCKHBW, PUNPCKLBW, PXOR, VectorOp,
};
use crate::translate::stack::{Entry, Loc, SCRATCH};

/// A count as the code has it.
#[derive(Clone, Copy)]
enum Count {
    Const(u8),
    /// In the scratch register.
    Scratch,
}

/// The two forms of a shift.
type Forms = (LaneShift, VectorOp);

const SHIFT_LEFT_WORDS: Forms = (PSLLW_IMM, PSLLW);
const SHIFT_RIGHT_WORDS: Forms = (PSRLW_IMM, PSRLW);
const SHIFT_SIGNED_WORDS: Forms = (PSRAW_IMM, PSRAW);
const SHIFT_RIGHT_QUADS: Forms = (PSRLQ_IMM, PSRLQ);

impl Translator<'_> {
    /// A count modulo the width of lanes, with `more` added.
    fn count(&mut self, count: Entry, bits: u8, more: u8) -> Count {
        if let Loc::Const(count) = count.loc {
            return Count::Const((count as u8 & (bits - 1)) + more);
        }
        self.load_gpr(count, R11);
        self.asm.alu_imm(Alu::And, Width::W32, R11.into(), i32::from(bits) - 1);
        if more > 0 {
            self.asm.alu_imm(Alu::Add, Width::W32, R11.into(), more.into());
        }
        self.asm.movd_to_xmm(Width::W32, SCRATCH, R11);
        Count::Scratch
    }

    fn shift_by(&mut self, (by_const, by_register): Forms, of: Xmm, count: Count) {
        match count {
            Count::Const(0) => {}
            Count::Const(count) => self.asm.shift_lanes(by_const, of, count),
            Count::Scratch => self.asm.vector(by_register, of, SCRATCH),
        }
    }

    fn shift_all(&mut self, bits: u8, by_const: LaneShift, by_register: VectorOp) {
        let (vector, count) = self.pop_vectors();
        let (to, loc) = self.made_from(vector, &[]);
        let count = self.count(count, bits, 0);
        self.shift_by((by_const, by_register), to, count);
        self.push_vector(loc);
    }

    /// There is no instruction: what has been shifted without its sign gets it by the shifted sign, which is turned
    /// over and subtracted.
    pub(in crate::translate) fn visit_i64x2_shr_s(&mut self) {
        let (vector, count) = self.pop_vectors();
        let sign = self.alloc_xmm();
        let (to, loc) = self.made_from(vector, &[]);
        let count = self.count(count, 64, 0);
        let bits = self.constant(splat(1 << 63, 64));
        self.asm.vector(MOVAPS, sign, bits);
        self.shift_by(SHIFT_RIGHT_QUADS, sign, count);
        self.shift_by(SHIFT_RIGHT_QUADS, to, count);
        self.asm.vector(PXOR, to, sign);
        self.asm.vector(PSUBQ, to, sign);
        self.push_vector(loc);
    }

    /// Makes a mask of the lower bits of bytes, as many as are left when so many, and eight more, are shifted out of
    /// twice as many.
    fn mask_bytes(&mut self, mask: Xmm, count: Count) {
        self.asm.vector(PCMPEQD, mask, mask);
        self.shift_by(SHIFT_RIGHT_WORDS, mask, count);
        self.asm.vector(PACKUSWB, mask, mask);
    }

    /// The bits that would get into the next byte are cleared before.
    pub(in crate::translate) fn visit_i8x16_shl(&mut self) {
        let (vector, count) = self.pop_vectors();
        if let Loc::Const(bits) = count.loc {
            let count = bits as u8 & 7;
            return self.shift_bytes(vector, PSLLW_IMM, count, 0xff << count & 0xff);
        }
        let mask = self.alloc_xmm();
        let (to, loc) = self.made_from(vector, &[]);
        let more = self.count(count, 8, 8);
        self.mask_bytes(mask, more);
        self.asm.vector(PAND, to, mask);
        let count = self.count(count, 8, 0);
        self.shift_by(SHIFT_LEFT_WORDS, to, count);
        self.push_vector(loc);
    }

    /// The bits that have got into the next byte are cleared.
    pub(in crate::translate) fn visit_i8x16_shr_u(&mut self) {
        let (vector, count) = self.pop_vectors();
        if let Loc::Const(bits) = count.loc {
            let count = bits as u8 & 7;
            return self.shift_bytes(vector, PSRLW_IMM, count, 0xff >> count);
        }
        let mask = self.alloc_xmm();
        let (to, loc) = self.made_from(vector, &[]);
        let more = self.count(count, 8, 8);
        self.mask_bytes(mask, more);
        let count = self.count(count, 8, 0);
        self.shift_by(SHIFT_RIGHT_WORDS, to, count);
        self.asm.vector(PAND, to, mask);
        self.push_vector(loc);
    }

    fn shift_bytes(&mut self, vector: Entry, shift: LaneShift, count: u8, mask: u64) {
        let (to, loc) = self.made_from(vector, &[]);
        if count > 0 {
            let mask = self.constant(splat(mask, 8));
            self.asm.shift_lanes(shift, to, count);
            self.asm.vector(PAND, to, mask);
        }
        self.push_vector(loc);
    }

    /// Bytes as upper halves of lanes of 16 bits, which are shifted by eight more.
    pub(in crate::translate) fn visit_i8x16_shr_s(&mut self) {
        let (vector, count) = self.pop_vectors();
        let upper = self.alloc_xmm();
        let (to, loc) = self.made_from(vector, &[]);
        let count = self.count(count, 8, 8);
        self.asm.movaps(upper, to);
        self.asm.vector(PUNPCKHBW, upper, upper);
        self.asm.vector(PUNPCKLBW, to, to);
        self.shift_by(SHIFT_SIGNED_WORDS, upper, count);
        self.shift_by(SHIFT_SIGNED_WORDS, to, count);
        self.asm.vector(PACKSSWB, to, upper);
        self.push_vector(loc);
    }
}

operators! {
    visit_i16x8_shl => shift_all(16, PSLLW_IMM, PSLLW);
    visit_i16x8_shr_s => shift_all(16, PSRAW_IMM, PSRAW);
    visit_i16x8_shr_u => shift_all(16, PSRLW_IMM, PSRLW);
    visit_i32x4_shl => shift_all(32, PSLLD_IMM, PSLLD);
    visit_i32x4_shr_s => shift_all(32, PSRAD_IMM, PSRAD);
    visit_i32x4_shr_u => shift_all(32, PSRLD_IMM, PSRLD);
    visit_i64x2_shl => shift_all(64, PSLLQ_IMM, PSLLQ);
    visit_i64x2_shr_u => shift_all(64, PSRLQ_IMM, PSRLQ);
}
