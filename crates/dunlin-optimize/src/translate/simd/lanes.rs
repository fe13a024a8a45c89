//! Operators that make vectors, take lanes out of them, and move lanes about; and those on all bits.

use super::Translator;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

macro_rules! extract_wide {
    ($($name:ident => $shape:ident $extend:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self, lane: u8) {
                let value = self.extract(types::$shape, lane);
                let value = self.env.b.ins().$extend(types::I32, value);
                self.push(value);
            }
        )*}
    };
}

macro_rules! extract {
    ($($name:ident => $shape:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self, lane: u8) {
                let value = self.extract(types::$shape, lane);
                self.push(value);
            }
        )*}
    };
}

macro_rules! replace {
    ($($name:ident => $shape:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self, lane: u8) {
                self.replace(types::$shape, lane);
            }
        )*}
    };
}

macro_rules! splat {
    ($($name:ident => $shape:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let value = self.pop();
                let value = self.lane_value(types::$shape, value);
                let vector = self.env.b.ins().splat(types::$shape, value);
                self.push_vector(vector);
            }
        )*}
    };
}

macro_rules! bits {
    ($($name:ident => $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                let (left, right) = self.pop2();
                let value = self.env.b.ins().$instruction(left, right);
                self.push(value);
            }
        )*}
    };
}

extract_wide! {
    visit_i8x16_extract_lane_s => I8X16 sextend;
    visit_i8x16_extract_lane_u => I8X16 uextend;
    visit_i16x8_extract_lane_s => I16X8 sextend;
    visit_i16x8_extract_lane_u => I16X8 uextend;
}

extract! {
    visit_i32x4_extract_lane => I32X4;
    visit_i64x2_extract_lane => I64X2;
    visit_f32x4_extract_lane => F32X4;
    visit_f64x2_extract_lane => F64X2;
}

replace! {
    visit_i8x16_replace_lane => I8X16;
    visit_i16x8_replace_lane => I16X8;
    visit_i32x4_replace_lane => I32X4;
    visit_i64x2_replace_lane => I64X2;
    visit_f32x4_replace_lane => F32X4;
    visit_f64x2_replace_lane => F64X2;
}

splat! {
    visit_i8x16_splat => I8X16;
    visit_i16x8_splat => I16X8;
    visit_i32x4_splat => I32X4;
    visit_i64x2_splat => I64X2;
    visit_f32x4_splat => F32X4;
    visit_f64x2_splat => F64X2;
}

bits! {
    visit_v128_and => band;
    visit_v128_andnot => band_not;
    visit_v128_or => bor;
    visit_v128_xor => bxor;
}

impl Translator<'_, '_> {
    fn extract(&mut self, shape: Type, lane: u8) -> Value {
        let vector = self.pop_vector(shape);
        self.env.b.ins().extractlane(vector, lane)
    }

    fn replace(&mut self, shape: Type, lane: u8) {
        let value = self.pop();
        let value = self.lane_value(shape, value);
        let vector = self.pop_vector(shape);
        let vector = self.env.b.ins().insertlane(vector, value, lane);
        self.push_vector(vector);
    }

    /// The bits of an operand that a lane has room for.
    fn lane_value(&mut self, shape: Type, value: Value) -> Value {
        match shape {
            types::I8X16 => self.env.b.ins().ireduce(types::I8, value),
            types::I16X8 => self.env.b.ins().ireduce(types::I16, value),
            _ => value,
        }
    }

    pub(in crate::translate) fn visit_v128_const(&mut self, value: wasmparser::V128) {
        let vector = self.env.vector_const(*value.bytes(), types::I8X16);
        self.push(vector);
    }

    pub(in crate::translate) fn visit_i8x16_shuffle(&mut self, lanes: [u8; 16]) {
        let (left, right) = self.pop2();
        let mask = self.env.b.func.dfg.immediates.push(lanes.to_vec().into());
        let vector = self.env.b.ins().shuffle(left, right, mask);
        self.push(vector);
    }

    pub(in crate::translate) fn visit_i8x16_swizzle(&mut self) {
        let (vector, lanes) = self.pop2();
        let vector = self.env.b.ins().swizzle(vector, lanes);
        self.push(vector);
    }

    pub(in crate::translate) fn visit_v128_not(&mut self) {
        let vector = self.pop();
        let vector = self.env.b.ins().bnot(vector);
        self.push(vector);
    }

    pub(in crate::translate) fn visit_v128_bitselect(&mut self) {
        let (ones, zeros, mask) = self.pop3();
        let vector = self.env.b.ins().bitselect(mask, ones, zeros);
        self.push(vector);
    }

    pub(in crate::translate) fn visit_v128_any_true(&mut self) {
        let vector = self.pop();
        let bit = self.env.b.ins().vany_true(vector);
        let value = self.env.b.ins().uextend(types::I32, bit);
        self.push(value);
    }
}
