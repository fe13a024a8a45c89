//! Conversions between numbers.

use super::Translator;
use crate::tuning;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::Ieee64;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};

/// Conversions of one instruction, which names the type that it makes.
macro_rules! conversions {
    ($($name:ident => $instruction:ident $ty:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self) {
                let operand = self.pop();
                let value = self.env.b.ins().$instruction(types::$ty, operand);
                self.push(value);
            }
        )*}
    };
}

/// Conversions that keep the bits.
macro_rules! casts {
    ($($name:ident => $ty:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self) {
                let operand = self.pop();
                let value = self.env.b.ins().bitcast(types::$ty, MemFlagsData::new(), operand);
                self.push(value);
            }
        )*}
    };
}

/// Extensions of the low bits of an integer.
macro_rules! extensions {
    ($($name:ident => $narrow:ident $wide:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self) {
                let operand = self.pop();
                let low = self.env.b.ins().ireduce(types::$narrow, operand);
                let value = self.env.b.ins().sextend(types::$wide, low);
                self.push(value);
            }
        )*}
    };
}

// Conversions of floats to integers trap by themselves, those called `sat` never do.
conversions! {
    visit_i32_wrap_i64 => ireduce I32;
    visit_i64_extend_i32_s => sextend I64;
    visit_i64_extend_i32_u => uextend I64;
    visit_i32_trunc_f32_s => fcvt_to_sint I32;
    visit_i32_trunc_f32_u => fcvt_to_uint I32;
    visit_i32_trunc_f64_s => fcvt_to_sint I32;
    visit_i32_trunc_f64_u => fcvt_to_uint I32;
    visit_i64_trunc_f32_s => fcvt_to_sint I64;
    visit_i64_trunc_f32_u => fcvt_to_uint I64;
    visit_i64_trunc_f64_s => fcvt_to_sint I64;
    visit_i64_trunc_f64_u => fcvt_to_uint I64;
    visit_i32_trunc_sat_f32_s => fcvt_to_sint_sat I32;
    visit_i32_trunc_sat_f32_u => fcvt_to_uint_sat I32;
    visit_i32_trunc_sat_f64_s => fcvt_to_sint_sat I32;
    visit_i32_trunc_sat_f64_u => fcvt_to_uint_sat I32;
    visit_i64_trunc_sat_f32_s => fcvt_to_sint_sat I64;
    visit_i64_trunc_sat_f32_u => fcvt_to_uint_sat I64;
    visit_i64_trunc_sat_f64_s => fcvt_to_sint_sat I64;
    visit_i64_trunc_sat_f64_u => fcvt_to_uint_sat I64;
    visit_f32_convert_i32_s => fcvt_from_sint F32;
    visit_f32_convert_i32_u => fcvt_from_uint F32;
    visit_f32_convert_i64_s => fcvt_from_sint F32;
    visit_f64_convert_i32_s => fcvt_from_sint F64;
    visit_f64_convert_i32_u => fcvt_from_uint F64;
    visit_f64_convert_i64_s => fcvt_from_sint F64;
    visit_f32_demote_f64 => fdemote F32;
    visit_f64_promote_f32 => fpromote F64;
}

casts! {
    visit_i32_reinterpret_f32 => I32;
    visit_i64_reinterpret_f64 => I64;
    visit_f32_reinterpret_i32 => F32;
    visit_f64_reinterpret_i64 => F64;
}

extensions! {
    visit_i32_extend8_s => I8 I32;
    visit_i32_extend16_s => I16 I32;
    visit_i64_extend8_s => I8 I64;
    visit_i64_extend16_s => I16 I64;
    visit_i64_extend32_s => I32 I64;
}

/// Bits of 2^52: an integer below 2^32 put into the low bits makes the double 2^52 + that integer.
const TWO_52_BITS: u64 = 0x4330_0000_0000_0000;

/// Bits of 2^84: likewise 2^84 + 2^32 times the integer.
const TWO_84_BITS: u64 = 0x4530_0000_0000_0000;

/// Bits of 2^84 + 2^52.
const BOTH_BITS: u64 = 0x4530_0000_0010_0000;

impl Translator<'_, '_> {
    pub(super) fn visit_f64_convert_i64_u(&mut self) {
        let operand = self.pop();
        let value = if tuning::CONVERT_I64_U_BY_BITS {
            self.double_of_u64(operand)
        } else {
            self.env.b.ins().fcvt_from_uint(types::F64, operand)
        };
        self.push(value);
    }

    pub(super) fn visit_f32_convert_i64_u(&mut self) {
        let operand = self.pop();
        let value = if tuning::CONVERT_I64_U_BY_BITS {
            self.single_of_u64(operand)
        } else {
            self.env.b.ins().fcvt_from_uint(types::F32, operand)
        };
        self.push(value);
    }

    /// A double of both halves, each exact; their sum rounds once.
    fn double_of_u64(&mut self, operand: Value) -> Value {
        let low = self.env.b.ins().band_imm_s(operand, 0xFFFF_FFFF);
        let low = self.env.b.ins().bor_imm_s(low, TWO_52_BITS as i64);
        let high = self.env.b.ins().ushr_imm_s(operand, 32);
        let high = self.env.b.ins().bor_imm_s(high, TWO_84_BITS as i64);
        let low = self.env.b.ins().bitcast(types::F64, MemFlagsData::new(), low);
        let high = self.env.b.ins().bitcast(types::F64, MemFlagsData::new(), high);
        let both = self.env.b.ins().f64const(Ieee64::with_bits(BOTH_BITS));
        // The high half less 2^52, a multiple of 2^32: exact.
        let high = self.env.b.ins().fsub(high, both);
        self.env.b.ins().fadd(high, low)
    }

    /// A double that is exact, or is cut to 53 bits the last of which says whether something was lost;
    /// then a single of it, which rounds once.
    fn single_of_u64(&mut self, operand: Value) -> Value {
        let lost = self.env.b.ins().band_imm_s(operand, 0x7FF);
        let carry = self.env.b.ins().iadd_imm_s(lost, 0x7FF);
        let cut = self.env.b.ins().bor(operand, carry);
        let cut = self.env.b.ins().band_imm_s(cut, !0x7FF);
        let is_exact = self.env.b.ins().icmp_imm_s(IntCC::UnsignedLessThan, operand, 1 << 53);
        let exact = self.env.b.ins().select(is_exact, operand, cut);
        let double = self.double_of_u64(exact);
        self.env.b.ins().fdemote(types::F32, double)
    }
}
