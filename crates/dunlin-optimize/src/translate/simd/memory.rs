//! Loads and stores of vectors and of their lanes.

use super::Translator;
use cranelift_codegen::ir::{InstBuilder, Type, types};
use wasmparser::MemArg;

/// Bytes that are loaded and widened to a vector.
const HALF_BYTES: u64 = 8;

macro_rules! memory {
    ($($name:ident($($arg:ident: $arg_ty:ty)?) => $method:ident $types:tt;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self, memarg: MemArg $(, $arg: $arg_ty)?) {
                memory!(@call self memarg ($($arg)?) $method $types);
            }
        )*}
    };
    (@call $self:ident $memarg:ident ($($arg:ident)?) $method:ident ($($ty:ident),*)) => {
        $self.$method($memarg $(, $arg)? $(, types::$ty)*)
    };
}

memory! {
    visit_v128_load() => load (I8X16);
    visit_v128_store() => store (I8X16);
    visit_v128_load8_splat() => load_splat (I8, I8X16);
    visit_v128_load16_splat() => load_splat (I16, I16X8);
    visit_v128_load32_splat() => load_splat (I32, I32X4);
    visit_v128_load64_splat() => load_splat (I64, I64X2);
    visit_v128_load32_zero() => load_zero (I32, I32X4);
    visit_v128_load64_zero() => load_zero (I64, I64X2);
    visit_v128_load8_lane(lane: u8) => load_lane (I8, I8X16);
    visit_v128_load16_lane(lane: u8) => load_lane (I16, I16X8);
    visit_v128_load32_lane(lane: u8) => load_lane (I32, I32X4);
    visit_v128_load64_lane(lane: u8) => load_lane (I64, I64X2);
    visit_v128_store8_lane(lane: u8) => store_lane (I8, I8X16);
    visit_v128_store16_lane(lane: u8) => store_lane (I16, I16X8);
    visit_v128_store32_lane(lane: u8) => store_lane (I32, I32X4);
    visit_v128_store64_lane(lane: u8) => store_lane (I64, I64X2);
}

macro_rules! widening {
    ($($name:ident => $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(in crate::translate) fn $name(&mut self, memarg: MemArg) {
                let place = self.place(memarg, HALF_BYTES);
                let (flags, address, offset) = (place.flags, place.address, place.offset);
                let value = self.env.b.ins().$instruction(flags, address, offset);
                self.push_vector(value);
            }
        )*}
    };
}

widening! {
    visit_v128_load8x8_s => sload8x8;
    visit_v128_load8x8_u => uload8x8;
    visit_v128_load16x4_s => sload16x4;
    visit_v128_load16x4_u => uload16x4;
    visit_v128_load32x2_s => sload32x2;
    visit_v128_load32x2_u => uload32x2;
}

impl Translator<'_, '_> {
    fn load_splat(&mut self, memarg: MemArg, lane: Type, shape: Type) {
        self.load(memarg, lane);
        let value = self.pop();
        let vector = self.env.b.ins().splat(shape, value);
        self.push_vector(vector);
    }

    fn load_zero(&mut self, memarg: MemArg, lane: Type, shape: Type) {
        self.load(memarg, lane);
        let value = self.pop();
        let vector = self.env.b.ins().scalar_to_vector(shape, value);
        self.push_vector(vector);
    }

    fn load_lane(&mut self, memarg: MemArg, lane: u8, ty: Type, shape: Type) {
        let vector = self.pop_vector(shape);
        self.load(memarg, ty);
        let value = self.pop();
        let vector = self.env.b.ins().insertlane(vector, value, lane);
        self.push_vector(vector);
    }

    fn store_lane(&mut self, memarg: MemArg, lane: u8, ty: Type, shape: Type) {
        let vector = self.pop_vector(shape);
        let value = self.env.b.ins().extractlane(vector, lane);
        self.push(value);
        self.store(memarg, ty);
    }
}
