//! Relaxed operators: those of the deterministic profile as the operators that they then are, and
//! otherwise the instruction of the machine that `dunlin_core::numeric` describes.

use super::Translator;
use cranelift_codegen::ir::{InstBuilder, Type, types};
use dunlin_core::numeric::Relaxed;

/// Operators that are others unless the machine has something faster.
macro_rules! relaxed {
    ($($name:ident: $deterministic:ident else $fast:ident $args:tt;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                if self.settings.relaxed == Relaxed::Deterministic {
                    return self.$deterministic();
                }
                relaxed!(@call self $fast $args);
            }
        )*}
    };
    (@call $self:ident $method:ident ($($arg:expr),*)) => { $self.$method($($arg),*) };
}

relaxed! {
    visit_i8x16_relaxed_swizzle: visit_i8x16_swizzle else byte_shuffle();
    visit_i32x4_relaxed_trunc_f32x4_s: visit_i32x4_trunc_sat_f32x4_s else truncate();
    visit_i32x4_relaxed_trunc_f32x4_u:
        visit_i32x4_trunc_sat_f32x4_u else visit_i32x4_trunc_sat_f32x4_u();
    visit_i32x4_relaxed_trunc_f64x2_s_zero:
        visit_i32x4_trunc_sat_f64x2_s_zero else truncate_low();
    visit_i32x4_relaxed_trunc_f64x2_u_zero:
        visit_i32x4_trunc_sat_f64x2_u_zero else visit_i32x4_trunc_sat_f64x2_u_zero();
    visit_i8x16_relaxed_laneselect: visit_v128_bitselect else lane_select(types::I8X16);
    visit_i16x8_relaxed_laneselect: visit_v128_bitselect else lane_select(types::I16X8);
    visit_i32x4_relaxed_laneselect: visit_v128_bitselect else lane_select(types::I32X4);
    visit_i64x2_relaxed_laneselect: visit_v128_bitselect else lane_select(types::I64X2);
    visit_f32x4_relaxed_min: visit_f32x4_min else visit_f32x4_pmin();
    visit_f32x4_relaxed_max: visit_f32x4_max else visit_f32x4_pmax();
    visit_f64x2_relaxed_min: visit_f64x2_min else visit_f64x2_pmin();
    visit_f64x2_relaxed_max: visit_f64x2_max else visit_f64x2_pmax();
    visit_i16x8_relaxed_q15mulr_s: visit_i16x8_q15mulr_sat_s else rounded_product();
    visit_i16x8_relaxed_dot_i8x16_i7x16_s: signed_dot else unsigned_dot();
}

impl Translator<'_, '_> {
    pub(in crate::translate) fn visit_f32x4_relaxed_madd(&mut self) {
        self.multiply_add(types::F32X4);
    }

    pub(in crate::translate) fn visit_f64x2_relaxed_madd(&mut self) {
        self.multiply_add(types::F64X2);
    }

    pub(in crate::translate) fn visit_f32x4_relaxed_nmadd(&mut self) {
        self.negated_multiply_add(types::F32X4);
    }

    pub(in crate::translate) fn visit_f64x2_relaxed_nmadd(&mut self) {
        self.negated_multiply_add(types::F64X2);
    }

    fn multiply_add(&mut self, shape: Type) {
        let addend = self.pop_vector(shape);
        let (left, right) = self.pop_vectors(shape);
        let vector = if self.settings.relaxed == Relaxed::Fused {
            self.env.b.ins().fma(left, right, addend)
        } else {
            let product = self.env.b.ins().fmul(left, right);
            self.env.b.ins().fadd(product, addend)
        };
        self.push_vector(vector);
    }

    fn negated_multiply_add(&mut self, shape: Type) {
        let addend = self.pop_vector(shape);
        let (left, right) = self.pop_vectors(shape);
        let vector = if self.settings.relaxed == Relaxed::Fused {
            // Becomes part of the instruction.
            let left = self.env.b.ins().fneg(left);
            self.env.b.ins().fma(left, right, addend)
        } else {
            // Rounding knows no sign: this is the sum with the negated product.
            let product = self.env.b.ins().fmul(left, right);
            self.env.b.ins().fsub(addend, product)
        };
        self.push_vector(vector);
    }

    fn byte_shuffle(&mut self) {
        let (vector, indices) = self.pop_vectors(types::I8X16);
        let vector = self.env.b.ins().x86_pshufb(vector, indices);
        self.push_vector(vector);
    }

    fn truncate(&mut self) {
        let operand = self.pop_vector(types::F32X4);
        let vector = self.env.b.ins().x86_cvtt2dq(types::I32X4, operand);
        self.push_vector(vector);
    }

    fn truncate_low(&mut self) {
        let operand = self.pop_vector(types::F64X2);
        // Together one instruction.
        let wide = self.env.b.ins().x86_cvtt2dq(types::I64X2, operand);
        let zero = self.env.vector_const([0; 16], types::I64X2);
        let vector = self.env.b.ins().snarrow(wide, zero);
        self.push_vector(vector);
    }

    fn lane_select(&mut self, shape: Type) {
        let mask = self.pop_vector(shape);
        let (ones, zeros) = self.pop_vectors(shape);
        let vector = if shape == types::I16X8 {
            // There is no instruction for these lanes, but one for bytes.
            let mask = self.env.b.ins().sshr_imm_s(mask, 15);
            let [mask, ones, zeros] =
                [mask, ones, zeros].map(|vector| self.shaped(vector, types::I8X16));
            self.env.b.ins().blendv(mask, ones, zeros)
        } else {
            self.env.b.ins().blendv(mask, ones, zeros)
        };
        self.push_vector(vector);
    }

    fn rounded_product(&mut self) {
        let (left, right) = self.pop_vectors(types::I16X8);
        let vector = self.env.b.ins().x86_pmulhrsw(left, right);
        self.push_vector(vector);
    }

    /// The first operand's bytes are signed, the second's are not.
    fn unsigned_dot(&mut self) {
        let (left, right) = self.pop_vectors(types::I8X16);
        let vector = self.env.b.ins().x86_pmaddubsw(left, right);
        self.push_vector(vector);
    }

    fn signed_dot(&mut self) {
        let (left, right) = self.pop_vectors(types::I16X8);
        // The bytes at odd places are the upper halves of lanes, and those at even places the lower.
        let mut odd = |vector| self.env.b.ins().sshr_imm_s(vector, 8);
        let odds = (odd(left), odd(right));
        let mut even = |vector| {
            let vector = self.env.b.ins().ishl_imm_s(vector, 8);
            self.env.b.ins().sshr_imm_s(vector, 8)
        };
        let evens = (even(left), even(right));
        let odds = self.env.b.ins().imul(odds.0, odds.1);
        let evens = self.env.b.ins().imul(evens.0, evens.1);
        let vector = self.env.b.ins().sadd_sat(evens, odds);
        self.push_vector(vector);
    }

    pub(in crate::translate) fn visit_i32x4_relaxed_dot_i8x16_i7x16_add_s(&mut self) {
        let addend = self.pop_vector(types::I32X4);
        self.visit_i16x8_relaxed_dot_i8x16_i7x16_s();
        self.visit_i32x4_extadd_pairwise_i16x8_s();
        let sums = self.pop_vector(types::I32X4);
        let vector = self.env.b.ins().iadd(sums, addend);
        self.push_vector(vector);
    }
}
