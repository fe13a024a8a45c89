//! Operators on lanes of floats.

use super::{Translator, splat};
use crate::isa::x64::regs::Xmm;
use crate::isa::x64::vector::{
    ADDPD, ADDPS, ANDNPD, ANDNPS, ANDPD, ANDPS, CMPPD, CMPPS, DIVPD, DIVPS, FloatCmp, LaneShift,
    MAXPD, MAXPS, MINPD, MINPS, MULPD, MULPS, ORPD, ORPS, PSRLD_IMM, PSRLQ_IMM, ROUNDPD, ROUNDPS,
    SQRTPD, SQRTPS, SUBPD, SUBPS, VectorImm, VectorOp, XORPD, XORPS,
};
use crate::translate::stack::SCRATCH;

/// The instructions of one width of floats.
struct Shape {
    and_not: VectorOp,
    or: VectorOp,
    xor: VectorOp,
    subtract: VectorOp,
    min: VectorOp,
    max: VectorOp,
    compare: VectorImm,
    shift_right: LaneShift,
    /// Bits above a NaN's payload: sign, exponent, and the one that says that it is quiet.
    head_bits: u8,
}

const F32: Shape = Shape {
    and_not: ANDNPS,
    or: ORPS,
    xor: XORPS,
    subtract: SUBPS,
    min: MINPS,
    max: MAXPS,
    compare: CMPPS,
    shift_right: PSRLD_IMM,
    head_bits: 10,
};

const F64: Shape = Shape {
    and_not: ANDNPD,
    or: ORPD,
    xor: XORPD,
    subtract: SUBPD,
    min: MINPD,
    max: MAXPD,
    compare: CMPPD,
    shift_right: PSRLQ_IMM,
    head_bits: 13,
};

/// How `ROUNDPS` and `ROUNDPD` round.
const NEAREST: u8 = 8;
const FLOOR: u8 = 9;
const CEIL: u8 = 10;
const TRUNC: u8 = 11;

const ABS_F32: u128 = splat((1 << 31) - 1, 32);
const ABS_F64: u128 = splat((1 << 63) - 1, 64);
const SIGN_F32: u128 = splat(1 << 31, 32);
const SIGN_F64: u128 = splat(1 << 63, 64);

impl Translator<'_> {
    fn with_constant(&mut self, op: VectorOp, bits: u128) {
        let entry = self.pop();
        let (to, loc) = self.made_from(entry, &[]);
        let constant = self.constant(bits);
        self.asm.vector(op, to, constant);
        self.push_vector(loc);
    }

    fn round_lanes(&mut self, op: VectorImm, mode: u8) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.made_of(entry);
        self.asm.vector_imm(op, to, from, mode);
        self.push_vector(loc);
    }

    /// The instruction gives its second operand where one is NaN or both are zeros: with both orders, everything is
    /// in the two results. Joined they are NaN where one operand was, and the zero with the sign that is wanted.
    fn min_lanes(&mut self, shape: &Shape) {
        let (left, right) = self.pop_vectors();
        let other = self.xmm(right);
        let (to, loc) = self.made_from(left, &[right]);
        self.asm.movaps(SCRATCH, other);
        self.asm.vector(shape.min, SCRATCH, to);
        self.asm.vector(shape.min, to, other);
        self.asm.vector(shape.or, SCRATCH, to);
        self.asm.vector_imm(shape.compare, to, SCRATCH, FloatCmp::Unordered as u8);
        self.asm.vector(shape.or, SCRATCH, to);
        self.clear_payloads(shape, to);
        self.push_vector(loc);
    }

    /// What differs between the results of both orders is the sign of zero, or a NaN. Subtracting it leaves the zero
    /// without a sign, and makes NaN quiet.
    fn max_lanes(&mut self, shape: &Shape) {
        let (left, right) = self.pop_vectors();
        let other = self.xmm(right);
        let (to, loc) = self.made_from(left, &[right]);
        self.asm.movaps(SCRATCH, other);
        self.asm.vector(shape.max, SCRATCH, to);
        self.asm.vector(shape.max, to, other);
        self.asm.vector(shape.xor, to, SCRATCH);
        self.asm.vector(shape.or, SCRATCH, to);
        self.asm.vector(shape.subtract, SCRATCH, to);
        self.asm.vector_imm(shape.compare, to, SCRATCH, FloatCmp::Unordered as u8);
        self.clear_payloads(shape, to);
        self.push_vector(loc);
    }

    /// Makes NaNs of the scratch register, where the mask in a register is ones, canonical; the result is in that.
    fn clear_payloads(&mut self, shape: &Shape, mask: Xmm) {
        self.asm.shift_lanes(shape.shift_right, mask, shape.head_bits);
        self.asm.vector(shape.and_not, mask, SCRATCH);
    }
}

operators! {
    visit_f32x4_add => binary(ADDPS);
    visit_f64x2_add => binary(ADDPD);
    visit_f32x4_sub => binary(SUBPS);
    visit_f64x2_sub => binary(SUBPD);
    visit_f32x4_mul => binary(MULPS);
    visit_f64x2_mul => binary(MULPD);
    visit_f32x4_div => binary(DIVPS);
    visit_f64x2_div => binary(DIVPD);
    visit_f32x4_sqrt => unary(SQRTPS);
    visit_f64x2_sqrt => unary(SQRTPD);
    visit_f32x4_abs => with_constant(ANDPS, ABS_F32);
    visit_f64x2_abs => with_constant(ANDPD, ABS_F64);
    visit_f32x4_neg => with_constant(XORPS, SIGN_F32);
    visit_f64x2_neg => with_constant(XORPD, SIGN_F64);
    visit_f32x4_ceil => round_lanes(ROUNDPS, CEIL);
    visit_f32x4_floor => round_lanes(ROUNDPS, FLOOR);
    visit_f32x4_trunc => round_lanes(ROUNDPS, TRUNC);
    visit_f32x4_nearest => round_lanes(ROUNDPS, NEAREST);
    visit_f64x2_ceil => round_lanes(ROUNDPD, CEIL);
    visit_f64x2_floor => round_lanes(ROUNDPD, FLOOR);
    visit_f64x2_trunc => round_lanes(ROUNDPD, TRUNC);
    visit_f64x2_nearest => round_lanes(ROUNDPD, NEAREST);
    visit_f32x4_min => min_lanes(&F32);
    visit_f32x4_max => max_lanes(&F32);
    visit_f64x2_min => min_lanes(&F64);
    visit_f64x2_max => max_lanes(&F64);
    visit_f32x4_pmin => swapped(MINPS);
    visit_f32x4_pmax => swapped(MAXPS);
    visit_f64x2_pmin => swapped(MINPD);
    visit_f64x2_pmax => swapped(MAXPD);
}
