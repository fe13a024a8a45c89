//! Conversions between lanes of integers and lanes of floats.

use super::{Translator, splat};
use crate::isa::x64::vector::{
    ADDPD, ADDPS, ANDPD, ANDPS, CMPPD, CMPPS, CVTDQ2PD, CVTDQ2PS, CVTPD2PS, CVTPS2PD, CVTTPD2DQ,
    CVTTPS2DQ, FloatCmp, MAXPD, MAXPS, MINPD, MOVAPS, PADDD, PAND, PMAXSD, PSLLD_IMM, PSRAD_IMM,
    PSRLD_IMM, PSUBD, PXOR, ROUNDPD, SHUFPS, SUBPD, SUBPS, UNPCKLPS,
};
use crate::translate::stack::SCRATCH;

/// The upper half of 2^52, below which a double's lowest bits count ones.
const UPPER_TWO_TO_52: u128 = splat(0x4330_0000, 32);
const TWO_TO_52: u128 = splat(0x4330_0000_0000_0000, 64);

/// 2^31 as floats.
const TWO_TO_31: u128 = splat(0x4f00_0000, 32);

const I32_MAX: u128 = splat((i32::MAX as f64).to_bits(), 64);
const U32_MAX: u128 = splat((u32::MAX as f64).to_bits(), 64);

/// How `ROUNDPD` rounds to zero.
const TRUNC: u8 = 11;

/// The lowest bits of the doubles of the first operand, and the same of the second, in `SHUFPS`.
const LOWER_HALVES: u8 = 0x88;

impl Translator<'_> {
    /// The lower 16 bits and half of what is above are exact as floats with signs, and so is twice the latter; the
    /// sum is rounded once.
    pub(in crate::translate) fn visit_f32x4_convert_i32x4_u(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        self.asm.movaps(SCRATCH, to);
        self.asm.shift_lanes(PSLLD_IMM, SCRATCH, 16);
        self.asm.shift_lanes(PSRLD_IMM, SCRATCH, 16);
        self.asm.vector(PSUBD, to, SCRATCH);
        self.asm.vector(CVTDQ2PS, SCRATCH, SCRATCH);
        self.asm.shift_lanes(PSRLD_IMM, to, 1);
        self.asm.vector(CVTDQ2PS, to, to);
        self.asm.vector(ADDPS, to, to);
        self.asm.vector(ADDPS, to, SCRATCH);
        self.push_vector(loc);
    }

    /// As the lowest bits of 2^52, which is then subtracted.
    pub(in crate::translate) fn visit_f64x2_convert_low_i32x4_u(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        let (upper, all) = (self.constant(UPPER_TWO_TO_52), self.constant(TWO_TO_52));
        self.asm.vector(UNPCKLPS, to, upper);
        self.asm.vector(SUBPD, to, all);
        self.push_vector(loc);
    }

    /// NaNs become zero first. The instruction gives the least number for what is too large; where the float was
    /// positive it is turned over.
    pub(in crate::translate) fn visit_i32x4_trunc_sat_f32x4_s(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        self.asm.movaps(SCRATCH, to);
        self.asm.vector_imm(CMPPS, SCRATCH, SCRATCH, FloatCmp::Eq as u8);
        self.asm.vector(ANDPS, to, SCRATCH);
        // The highest bit says whether it is positive, then whether that came out negative.
        self.asm.vector(PXOR, SCRATCH, to);
        self.asm.vector(CVTTPS2DQ, to, to);
        self.asm.vector(PAND, SCRATCH, to);
        self.asm.shift_lanes(PSRAD_IMM, SCRATCH, 31);
        self.asm.vector(PXOR, to, SCRATCH);
        self.push_vector(loc);
    }

    /// What is above 2^31 is added to the least number, which the instruction gives for the whole: nothing where
    /// it is less, and the largest number where it is too large itself.
    pub(in crate::translate) fn visit_i32x4_trunc_sat_f32x4_u(&mut self) {
        let entry = self.pop();
        let above = self.alloc_xmm();
        let (to, loc) = self.made_from(entry, &[]);
        let limit = self.constant(TWO_TO_31);
        self.asm.vector(PXOR, SCRATCH, SCRATCH);
        self.asm.vector(MAXPS, to, SCRATCH);
        self.asm.vector(MOVAPS, SCRATCH, limit);
        self.asm.movaps(above, to);
        self.asm.vector(CVTTPS2DQ, to, to);
        self.asm.vector(SUBPS, above, SCRATCH);
        self.asm.vector_imm(CMPPS, SCRATCH, above, FloatCmp::Le as u8);
        self.asm.vector(CVTTPS2DQ, above, above);
        self.asm.vector(PXOR, above, SCRATCH);
        self.asm.vector(PXOR, SCRATCH, SCRATCH);
        self.asm.vector(PMAXSD, above, SCRATCH);
        self.asm.vector(PADDD, to, above);
        self.push_vector(loc);
    }

    /// The largest number, or zero for a NaN, bounds what is above; what is below becomes the least by itself.
    pub(in crate::translate) fn visit_i32x4_trunc_sat_f64x2_s_zero(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        let largest = self.constant(I32_MAX);
        self.asm.movaps(SCRATCH, to);
        self.asm.vector_imm(CMPPD, SCRATCH, SCRATCH, FloatCmp::Eq as u8);
        self.asm.vector(ANDPD, SCRATCH, largest);
        self.asm.vector(MINPD, to, SCRATCH);
        self.asm.vector(CVTTPD2DQ, to, to);
        self.push_vector(loc);
    }

    /// Between zero, also for a NaN, and the largest number; then the lowest bits of the sum with 2^52.
    pub(in crate::translate) fn visit_i32x4_trunc_sat_f64x2_u_zero(&mut self) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        let (largest, two_to_52) = (self.constant(U32_MAX), self.constant(TWO_TO_52));
        self.asm.vector(PXOR, SCRATCH, SCRATCH);
        self.asm.vector(MAXPD, to, SCRATCH);
        self.asm.vector(MINPD, to, largest);
        self.asm.vector_imm(ROUNDPD, to, to, TRUNC);
        self.asm.vector(ADDPD, to, two_to_52);
        self.asm.vector_imm(SHUFPS, to, SCRATCH, LOWER_HALVES);
        self.push_vector(loc);
    }
}

operators! {
    visit_f32x4_convert_i32x4_s => unary(CVTDQ2PS);
    visit_f64x2_convert_low_i32x4_s => unary(CVTDQ2PD);
    visit_f32x4_demote_f64x2_zero => unary(CVTPD2PS);
    visit_f64x2_promote_low_f32x4 => unary(CVTPS2PD);
}
