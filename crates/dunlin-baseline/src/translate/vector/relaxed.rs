//! Relaxed operators: those of the deterministic profile as the operators that they then are, and otherwise the
//! instruction that `dunlin_core::numeric` describes.

use super::Translator;
use crate::isa::x64::asm::Width;
use crate::isa::x64::regs::Xmm;
use crate::isa::x64::vector::{
    ADDPD, ADDPS, CVTTPD2DQ, CVTTPS2DQ, Fused, MULPD, MULPS, PADDD, PADDSW, PCMPGTB, PCMPGTD,
    PCMPGTQ, PCMPGTW, PMADDUBSW, PMULHRSW, PMULLW, PSLLW_IMM, PSRAW_IMM, PXOR, SUBPD, SUBPS,
    VectorOp,
};
use crate::translate::stack::{Entry, Loc, SCRATCH};
use dunlin_core::numeric::Relaxed;

/// Operators that are others unless the machine has something faster.
macro_rules! relaxed {
    ($($name:ident: $deterministic:ident else $fast:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                if self.is_deterministic() {
                    return self.$deterministic();
                }
                self.$fast($($arg),*);
            }
        )*}
    };
}

relaxed! {
    visit_i8x16_relaxed_swizzle: visit_i8x16_swizzle else shuffle_bytes();
    visit_i32x4_relaxed_trunc_f32x4_s: visit_i32x4_trunc_sat_f32x4_s else unary(CVTTPS2DQ);
    visit_i32x4_relaxed_trunc_f32x4_u:
        visit_i32x4_trunc_sat_f32x4_u else visit_i32x4_trunc_sat_f32x4_u();
    visit_i32x4_relaxed_trunc_f64x2_s_zero:
        visit_i32x4_trunc_sat_f64x2_s_zero else unary(CVTTPD2DQ);
    visit_i32x4_relaxed_trunc_f64x2_u_zero:
        visit_i32x4_trunc_sat_f64x2_u_zero else visit_i32x4_trunc_sat_f64x2_u_zero();
    visit_i8x16_relaxed_laneselect: visit_v128_bitselect else select_lanes(PCMPGTB);
    visit_i16x8_relaxed_laneselect: visit_v128_bitselect else select_lanes(PCMPGTW);
    visit_i32x4_relaxed_laneselect: visit_v128_bitselect else select_lanes(PCMPGTD);
    visit_i64x2_relaxed_laneselect: visit_v128_bitselect else select_lanes(PCMPGTQ);
    visit_f32x4_relaxed_min: visit_f32x4_min else visit_f32x4_pmin();
    visit_f32x4_relaxed_max: visit_f32x4_max else visit_f32x4_pmax();
    visit_f64x2_relaxed_min: visit_f64x2_min else visit_f64x2_pmin();
    visit_f64x2_relaxed_max: visit_f64x2_max else visit_f64x2_pmax();
    visit_i16x8_relaxed_q15mulr_s: visit_i16x8_q15mulr_sat_s else commuting(PMULHRSW);
}

operators! {
    visit_f32x4_relaxed_madd => multiply_add(Width::W32, MULPS, ADDPS);
    visit_f64x2_relaxed_madd => multiply_add(Width::W64, MULPD, ADDPD);
    visit_f32x4_relaxed_nmadd => multiply_subtract(Width::W32, MULPS, SUBPS);
    visit_f64x2_relaxed_nmadd => multiply_subtract(Width::W64, MULPD, SUBPD);
}

impl Translator<'_> {
    fn is_deterministic(&self) -> bool {
        self.settings.relaxed == Relaxed::Deterministic
    }

    fn multiply_add(&mut self, lanes: Width, multiply: VectorOp, add: VectorOp) {
        let addend = self.pop();
        let (left, right) = self.pop_vectors();
        if self.settings.relaxed == Relaxed::Fused {
            return self.multiply_fused(Fused::Add, lanes, (left, right, addend));
        }
        let other = self.vector_rm(right);
        let to_add = self.vector_rm(addend);
        let (to, loc) = self.made_from(left, &[right, addend]);
        self.asm.vector(multiply, to, other);
        self.asm.vector(add, to, to_add);
        self.push_vector(loc);
    }

    /// Rounding knows no sign: the sum with the negated product is the difference.
    fn multiply_subtract(&mut self, lanes: Width, multiply: VectorOp, subtract: VectorOp) {
        let addend = self.pop();
        let (left, right) = self.pop_vectors();
        if self.settings.relaxed == Relaxed::Fused {
            return self.multiply_fused(Fused::NegatedAdd, lanes, (left, right, addend));
        }
        let other = self.vector_rm(right);
        self.load_xmm(left, SCRATCH);
        self.asm.vector(multiply, SCRATCH, other);
        let (to, loc) = self.made_from(addend, &[]);
        self.asm.vector(subtract, to, SCRATCH);
        self.push_vector(loc);
    }

    fn multiply_fused(&mut self, op: Fused, lanes: Width, operands: (Entry, Entry, Entry)) {
        let (left, right, addend) = operands;
        let (first, second) = (self.xmm(left), self.xmm(right));
        let (to, loc) = self.made_from(addend, &[left, right]);
        self.asm.fused(op, lanes, to, first, second);
        self.push_vector(loc);
    }

    /// The mask's highest bits say which lanes are taken: those where it is less than zero.
    fn select_lanes(&mut self, greater: VectorOp) {
        let mask = self.pop();
        let (ones, zeros) = self.pop_vectors();
        let by = self.vector_rm(mask);
        let signs = self.alloc_xmm();
        self.asm.vector(PXOR, signs, signs);
        self.asm.vector(greater, signs, by);
        self.select_bits(ones, zeros, Entry { loc: Loc::Xmm(signs), ..mask });
    }

    pub(in crate::translate) fn visit_i16x8_relaxed_dot_i8x16_i7x16_s(&mut self) {
        let (left, right) = self.pop_vectors();
        let dots = self.dots(left, right);
        let (_, loc) = self.made_from(Entry { loc: Loc::Xmm(dots), ..left }, &[]);
        self.push_vector(loc);
    }

    pub(in crate::translate) fn visit_i32x4_relaxed_dot_i8x16_i7x16_add_s(&mut self) {
        let addend = self.pop();
        let (left, right) = self.pop_vectors();
        let dots = self.dots(left, right);
        self.add_pairs(dots);
        self.combine(PADDD, Entry { loc: Loc::Xmm(dots), ..left }, addend);
    }

    /// Sums of products of neighbouring bytes, saturated, in a register of their own.
    fn dots(&mut self, left: Entry, right: Entry) -> Xmm {
        if self.is_deterministic() {
            return self.signed_dots(left, right);
        }
        // The instruction takes the bytes without signs first.
        let other = self.vector_rm(left);
        let to = self.owned_xmm(right);
        self.asm.vector(PMADDUBSW, to, other);
        to
    }

    /// Bytes at odd places are the upper halves of lanes of 16 bits, and those at even places the lower.
    fn signed_dots(&mut self, left: Entry, right: Entry) -> Xmm {
        let (to, even) = (self.owned_xmm(left), self.alloc_xmm());
        self.asm.movaps(even, to);
        self.lower_bytes(even);
        self.load_xmm(right, SCRATCH);
        self.lower_bytes(SCRATCH);
        self.asm.vector(PMULLW, even, SCRATCH);
        self.load_xmm(right, SCRATCH);
        self.asm.shift_lanes(PSRAW_IMM, SCRATCH, 8);
        self.asm.shift_lanes(PSRAW_IMM, to, 8);
        self.asm.vector(PMULLW, to, SCRATCH);
        self.asm.vector(PADDSW, to, even);
        to
    }

    /// Extends the lower halves of lanes of 16 bits.
    fn lower_bytes(&mut self, reg: Xmm) {
        self.asm.shift_lanes(PSLLW_IMM, reg, 8);
        self.asm.shift_lanes(PSRAW_IMM, reg, 8);
    }
}
