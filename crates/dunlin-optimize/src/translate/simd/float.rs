//! Operators on lanes of floats.

use super::Translator;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Type, types};

macro_rules! unary {
    ($($name:ident => $shape:ident $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let operand = self.pop_vector(types::$shape);
                let vector = self.env.b.ins().$instruction(operand);
                self.push_vector(vector);
            }
        )*}
    };
}

macro_rules! binary {
    ($($name:ident => $shape:ident $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let (left, right) = self.pop_vectors(types::$shape);
                let vector = self.env.b.ins().$instruction(left, right);
                self.push_vector(vector);
            }
        )*}
    };
}

/// Comparisons, whose lanes are all ones or all zeros.
macro_rules! comparisons {
    ($($name:ident => $shape:ident $condition:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let (left, right) = self.pop_vectors(types::$shape);
                let vector = self.env.b.ins().fcmp(FloatCC::$condition, left, right);
                self.push_vector(vector);
            }
        )*}
    };
}

impl Translator<'_, '_> {
    /// The right lane where it is less, else the left one.
    fn pseudo_min(&mut self, shape: Type) {
        let (left, right) = self.pop_vectors(shape);
        let mask = self.env.b.ins().fcmp(FloatCC::LessThan, right, left);
        let mask = self.shaped(mask, shape);
        let vector = self.env.b.ins().bitselect(mask, right, left);
        self.push_vector(vector);
    }

    /// The right lane where it is greater, else the left one.
    fn pseudo_max(&mut self, shape: Type) {
        let (left, right) = self.pop_vectors(shape);
        let mask = self.env.b.ins().fcmp(FloatCC::LessThan, left, right);
        let mask = self.shaped(mask, shape);
        let vector = self.env.b.ins().bitselect(mask, right, left);
        self.push_vector(vector);
    }

    pub(in crate::translate) fn visit_f32x4_pmin(&mut self) {
        self.pseudo_min(types::F32X4);
    }

    pub(in crate::translate) fn visit_f32x4_pmax(&mut self) {
        self.pseudo_max(types::F32X4);
    }

    pub(in crate::translate) fn visit_f64x2_pmin(&mut self) {
        self.pseudo_min(types::F64X2);
    }

    pub(in crate::translate) fn visit_f64x2_pmax(&mut self) {
        self.pseudo_max(types::F64X2);
    }
}

unary! {
    visit_f32x4_ceil => F32X4 ceil;
    visit_f32x4_floor => F32X4 floor;
    visit_f32x4_trunc => F32X4 trunc;
    visit_f32x4_nearest => F32X4 nearest;
    visit_f32x4_abs => F32X4 fabs;
    visit_f32x4_neg => F32X4 fneg;
    visit_f32x4_sqrt => F32X4 sqrt;
    visit_f64x2_ceil => F64X2 ceil;
    visit_f64x2_floor => F64X2 floor;
    visit_f64x2_trunc => F64X2 trunc;
    visit_f64x2_nearest => F64X2 nearest;
    visit_f64x2_abs => F64X2 fabs;
    visit_f64x2_neg => F64X2 fneg;
    visit_f64x2_sqrt => F64X2 sqrt;
}

binary! {
    visit_f32x4_add => F32X4 fadd;
    visit_f32x4_sub => F32X4 fsub;
    visit_f32x4_mul => F32X4 fmul;
    visit_f32x4_div => F32X4 fdiv;
    visit_f32x4_min => F32X4 fmin;
    visit_f32x4_max => F32X4 fmax;
    visit_f64x2_add => F64X2 fadd;
    visit_f64x2_sub => F64X2 fsub;
    visit_f64x2_mul => F64X2 fmul;
    visit_f64x2_div => F64X2 fdiv;
    visit_f64x2_min => F64X2 fmin;
    visit_f64x2_max => F64X2 fmax;
}

comparisons! {
    visit_f32x4_eq => F32X4 Equal;
    visit_f32x4_ne => F32X4 NotEqual;
    visit_f32x4_lt => F32X4 LessThan;
    visit_f32x4_gt => F32X4 GreaterThan;
    visit_f32x4_le => F32X4 LessThanOrEqual;
    visit_f32x4_ge => F32X4 GreaterThanOrEqual;
    visit_f64x2_eq => F64X2 Equal;
    visit_f64x2_ne => F64X2 NotEqual;
    visit_f64x2_lt => F64X2 LessThan;
    visit_f64x2_gt => F64X2 GreaterThan;
    visit_f64x2_le => F64X2 LessThanOrEqual;
    visit_f64x2_ge => F64X2 GreaterThanOrEqual;
}
