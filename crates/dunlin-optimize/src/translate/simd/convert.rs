//! Conversions between lanes of integers and lanes of floats.

use super::Translator;
use cranelift_codegen::ir::{InstBuilder, types};

/// Conversions of one instruction, which names the shape that it makes.
macro_rules! conversions {
    ($($name:ident => $from:ident $instruction:ident $to:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let operand = self.pop_vector(types::$from);
                let vector = self.env.b.ins().$instruction(types::$to, operand);
                self.push_vector(vector);
            }
        )*}
    };
}

conversions! {
    visit_i32x4_trunc_sat_f32x4_s => F32X4 fcvt_to_sint_sat I32X4;
    visit_i32x4_trunc_sat_f32x4_u => F32X4 fcvt_to_uint_sat I32X4;
    visit_f32x4_convert_i32x4_s => I32X4 fcvt_from_sint F32X4;
    visit_f32x4_convert_i32x4_u => I32X4 fcvt_from_uint F32X4;
}

impl Translator<'_, '_> {
    pub(in crate::translate) fn visit_f64x2_convert_low_i32x4_s(&mut self) {
        let operand = self.pop_vector(types::I32X4);
        let wide = self.env.b.ins().swiden_low(operand);
        let vector = self.env.b.ins().fcvt_from_sint(types::F64X2, wide);
        self.push_vector(vector);
    }

    pub(in crate::translate) fn visit_f64x2_convert_low_i32x4_u(&mut self) {
        let operand = self.pop_vector(types::I32X4);
        let wide = self.env.b.ins().uwiden_low(operand);
        let vector = self.env.b.ins().fcvt_from_uint(types::F64X2, wide);
        self.push_vector(vector);
    }

    pub(in crate::translate) fn visit_i32x4_trunc_sat_f64x2_s_zero(&mut self) {
        let operand = self.pop_vector(types::F64X2);
        let wide = self.env.b.ins().fcvt_to_sint_sat(types::I64X2, operand);
        let zero = self.env.vector_const([0; 16], types::I64X2);
        let vector = self.env.b.ins().snarrow(wide, zero);
        self.push_vector(vector);
    }

    pub(in crate::translate) fn visit_i32x4_trunc_sat_f64x2_u_zero(&mut self) {
        let operand = self.pop_vector(types::F64X2);
        let wide = self.env.b.ins().fcvt_to_uint_sat(types::I64X2, operand);
        let zero = self.env.vector_const([0; 16], types::I64X2);
        let vector = self.env.b.ins().uunarrow(wide, zero);
        self.push_vector(vector);
    }

    pub(in crate::translate) fn visit_f32x4_demote_f64x2_zero(&mut self) {
        let operand = self.pop_vector(types::F64X2);
        let vector = self.env.b.ins().fvdemote(operand);
        self.push_vector(vector);
    }

    pub(in crate::translate) fn visit_f64x2_promote_low_f32x4(&mut self) {
        let operand = self.pop_vector(types::F32X4);
        let vector = self.env.b.ins().fvpromote_low(operand);
        self.push_vector(vector);
    }
}
