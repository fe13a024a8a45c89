//! Conversions between numbers.

use super::Translator;
use super::stack::{Kind, SCRATCH};
use crate::isa::x64::asm::{Alu, Cc, Map, Shift, Width};
use crate::isa::x64::regs::{Gpr, R11, Xmm};
use dunlin_core::TrapCode;

fn prefix(kind: Kind) -> u8 {
    if kind == Kind::F32 { 0xf3 } else { 0xf2 }
}

/// The bits of powers of two as floats of a kind.
fn power(kind: Kind, exponent: u32) -> u64 {
    if kind == Kind::F32 {
        u64::from(127 + exponent) << 23
    } else {
        u64::from(1023 + exponent) << 52
    }
}

impl Translator<'_> {
    fn extend(&mut self, bytes: u32, kind: Kind) {
        let entry = self.pop();
        let from = self.gpr(entry);
        let (to, loc) = self.result(&[entry]);
        match bytes {
            1 => self.asm.movsx8(kind.width(), to, from.into()),
            2 => self.asm.movsx16(kind.width(), to, from.into()),
            _ => self.asm.movsx32(to, from.into()),
        }
        self.push(kind, loc);
    }

    pub(super) fn visit_i32_wrap_i64(&mut self) {
        let entry = self.pop();
        let from = self.gpr(entry);
        let (to, loc) = self.result(&[entry]);
        self.asm.mov(Width::W32, to, from);
        self.push(Kind::I32, loc);
    }

    pub(super) fn visit_i64_extend_i32_u(&mut self) {
        let entry = self.pop();
        // Registers hold zeros above.
        let (to, loc) = self.result(&[entry]);
        self.load_gpr(entry, to);
        self.push(Kind::I64, loc);
    }

    fn convert_int(&mut self, to: Kind, is_unsigned: bool) {
        let entry = self.pop();
        let from = self.gpr(entry);
        let result = self.alloc_xmm();
        // The instruction leaves the upper half, and would wait for it.
        self.xor_xmm(result);
        match (entry.kind, is_unsigned) {
            (Kind::I32, true) | (Kind::I64, false) => {
                self.convert_signed(to, Width::W64, result, from);
            }
            (Kind::I32, false) => self.convert_signed(to, Width::W32, result, from),
            _ => self.convert_u64(to, result, from),
        }
        self.push_xmm(to, result);
    }

    fn convert_signed(&mut self, to: Kind, width: Width, result: Xmm, from: Gpr) {
        self.asm.sse(prefix(to), Map::M0F, 0x2a, width, result.0, from.into());
    }

    /// Large ones are halved, keeping what rounds, and doubled.
    fn convert_u64(&mut self, to: Kind, result: Xmm, from: Gpr) {
        let (large, done) = (self.asm.label(), self.asm.label());
        let half = self.alloc();
        self.asm.test(Width::W64, from, from);
        self.asm.jcc(Cc::S, large);
        self.convert_signed(to, Width::W64, result, from);
        self.asm.jmp(done);
        self.asm.bind(large);
        self.asm.mov(Width::W64, half, from);
        self.asm.mov(Width::W64, R11, from);
        self.asm.shift_imm(Shift::Shr, Width::W64, half, 1);
        self.asm.alu_imm(Alu::And, Width::W32, R11.into(), 1);
        self.asm.alu(Alu::Or, Width::W64, half, R11.into());
        self.convert_signed(to, Width::W64, result, half);
        self.sse_op(prefix(to), 0x58, result, result.into());
        self.asm.bind(done);
    }

    pub(super) fn visit_f32_demote_f64(&mut self) {
        self.resize(Kind::F64, Kind::F32);
    }

    pub(super) fn visit_f64_promote_f32(&mut self) {
        self.resize(Kind::F32, Kind::F64);
    }

    fn resize(&mut self, from: Kind, to: Kind) {
        let entry = self.pop();
        let source = self.xmm(entry);
        let (result, loc) = self.vector_result(&[entry]);
        self.sse_op(prefix(from), 0x5a, result, source.into());
        self.push(to, loc);
    }

    fn reinterpret_to_int(&mut self, kind: Kind) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.result(&[]);
        self.asm.movd_to_gpr(kind.width(), to, from);
        self.push(kind, loc);
    }

    fn reinterpret_to_float(&mut self, kind: Kind) {
        let entry = self.pop();
        let from = self.gpr(entry);
        let (to, loc) = self.vector_result(&[]);
        self.asm.movd_to_xmm(kind.width(), to, from);
        self.push(kind, loc);
    }

    fn truncate_to(&mut self, to: Kind, is_unsigned: bool, saturates: bool) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let result = self.alloc();
        // Before any branch: who has the register writes it to its slot on every way.
        let rest = if is_unsigned && to == Kind::I64 { self.alloc_xmm() } else { SCRATCH };
        match (to, is_unsigned, saturates) {
            (_, true, false) => self.checked_unsigned((entry.kind, to), from, result, rest),
            (_, false, false) => self.checked_signed(entry.kind, to, from, result),
            (_, true, true) => self.saturated_unsigned((entry.kind, to), from, result, rest),
            (_, false, true) => self.saturated_signed(entry.kind, to, from, result),
        }
        self.push_gpr(to, result);
    }

    fn cvtt(&mut self, from: Kind, width: Width, result: Gpr, source: Xmm) {
        self.asm.sse(prefix(from), Map::M0F, 0x2c, width, result.0, source.into());
    }

    /// Compares with a constant, in the scratch register: flags say whether the value is below (CF), equal or
    /// unordered (PF).
    fn compare_bits(&mut self, from: Kind, source: Xmm, bits: u64) {
        self.asm.mov_imm(R11, bits);
        self.asm.movd_to_xmm(from.width(), SCRATCH, R11);
        let packed = if from == Kind::F32 { 0 } else { 0x66 };
        self.sse_op(packed, 0x2e, source, SCRATCH.into());
    }

    /// Traps unless the value is a number.
    fn trap_if_nan(&mut self, from: Kind, source: Xmm) {
        let packed = if from == Kind::F32 { 0 } else { 0x66 };
        self.sse_op(packed, 0x2e, source, source.into());
        self.trap_if(Cc::P, TrapCode::InvalidConversionToInteger);
    }

    fn checked_signed(&mut self, from: Kind, to: Kind, source: Xmm, result: Gpr) {
        self.trap_if_nan(from, source);
        let bits = if to == Kind::I64 { 63 } else { 31 };
        self.compare_bits(from, source, power(from, bits));
        self.trap_if(Cc::Ae, TrapCode::IntegerOverflow);
        // -2^31 - 1 is a double; the next float below -2^31 is further away.
        let (least, fits) = match (from, to) {
            (Kind::F64, Kind::I32) => ((-2_147_483_649.0_f64).to_bits(), Cc::Be),
            (Kind::F32, Kind::I32) => (u64::from((-2_147_483_648.0_f32).to_bits()), Cc::B),
            (Kind::F32, _) => (u64::from((-9_223_372_036_854_775_808.0_f32).to_bits()), Cc::B),
            _ => ((-9_223_372_036_854_775_808.0_f64).to_bits(), Cc::B),
        };
        self.compare_bits(from, source, least);
        self.trap_if(fits, TrapCode::IntegerOverflow);
        self.cvtt(from, to.width(), result, source);
    }

    fn checked_unsigned(&mut self, (from, to): (Kind, Kind), source: Xmm, result: Gpr, rest: Xmm) {
        self.trap_if_nan(from, source);
        let bits = if to == Kind::I64 { 64 } else { 32 };
        self.compare_bits(from, source, power(from, bits));
        self.trap_if(Cc::Ae, TrapCode::IntegerOverflow);
        let minus_one =
            if from == Kind::F32 { u64::from((-1.0_f32).to_bits()) } else { (-1.0_f64).to_bits() };
        self.compare_bits(from, source, minus_one);
        self.trap_if(Cc::Be, TrapCode::IntegerOverflow);
        self.unsigned_in_range((from, to), source, result, rest);
    }

    /// Converts what is above -1 and below the largest; 64 bits by way of `rest`.
    fn unsigned_in_range(&mut self, (from, to): (Kind, Kind), source: Xmm, result: Gpr, rest: Xmm) {
        if to == Kind::I32 {
            self.cvtt(from, Width::W64, result, source);
            return self.asm.mov(Width::W32, result, result);
        }
        let (small, done) = (self.asm.label(), self.asm.label());
        self.compare_bits(from, source, power(from, 63));
        self.asm.jcc(Cc::B, small);
        self.asm.movaps(rest, source);
        self.sse_op(prefix(from), 0x5c, rest, SCRATCH.into());
        self.cvtt(from, Width::W64, result, rest);
        self.asm.mov_imm(R11, 1 << 63);
        self.asm.alu(Alu::Xor, Width::W64, result, R11.into());
        self.asm.jmp(done);
        self.asm.bind(small);
        self.cvtt(from, Width::W64, result, source);
        self.asm.bind(done);
    }

    fn saturated_signed(&mut self, from: Kind, to: Kind, source: Xmm, result: Gpr) {
        let done = self.asm.label();
        let packed = if from == Kind::F32 { 0 } else { 0x66 };
        self.sse_op(packed, 0x2e, source, source.into());
        self.asm.mov_imm(result, 0);
        self.asm.jcc(Cc::P, done);
        let bits = if to == Kind::I64 { 63 } else { 31 };
        let largest = (1_u64 << bits) - 1;
        self.compare_bits(from, source, power(from, bits));
        self.asm.mov_imm(result, largest);
        self.asm.jcc(Cc::Ae, done);
        // What is too small gives the least number by itself.
        self.cvtt(from, to.width(), result, source);
        self.asm.bind(done);
    }

    fn saturated_unsigned(
        &mut self,
        (from, to): (Kind, Kind),
        source: Xmm,
        result: Gpr,
        rest: Xmm,
    ) {
        let (done, is_large) = (self.asm.label(), self.asm.label());
        let bits = if to == Kind::I64 { 64 } else { 32 };
        self.asm.mov_imm(result, 0);
        let zero = SCRATCH;
        self.xor_xmm(zero);
        let packed = if from == Kind::F32 { 0 } else { 0x66 };
        self.sse_op(packed, 0x2e, source, zero.into());
        // Below zero, or no number, whose flags are those of both.
        self.asm.jcc(Cc::Be, done);
        self.compare_bits(from, source, power(from, bits));
        self.asm.jcc(Cc::Ae, is_large);
        self.unsigned_in_range((from, to), source, result, rest);
        self.asm.jmp(done);
        self.asm.bind(is_large);
        let largest = if to == Kind::I64 { u64::MAX } else { u32::MAX.into() };
        self.asm.mov_imm(result, largest);
        self.asm.bind(done);
    }
}

macro_rules! conversions {
    ($($name:ident => $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(super) fn $name(&mut self) {
                self.$method($($arg),*);
            }
        )*}
    };
}

conversions! {
    visit_i64_extend_i32_s => extend(4, Kind::I64);
    visit_i32_extend8_s => extend(1, Kind::I32);
    visit_i32_extend16_s => extend(2, Kind::I32);
    visit_i64_extend8_s => extend(1, Kind::I64);
    visit_i64_extend16_s => extend(2, Kind::I64);
    visit_i64_extend32_s => extend(4, Kind::I64);
    visit_f32_convert_i32_s => convert_int(Kind::F32, false);
    visit_f32_convert_i32_u => convert_int(Kind::F32, true);
    visit_f32_convert_i64_s => convert_int(Kind::F32, false);
    visit_f32_convert_i64_u => convert_int(Kind::F32, true);
    visit_f64_convert_i32_s => convert_int(Kind::F64, false);
    visit_f64_convert_i32_u => convert_int(Kind::F64, true);
    visit_f64_convert_i64_s => convert_int(Kind::F64, false);
    visit_f64_convert_i64_u => convert_int(Kind::F64, true);
    visit_i32_reinterpret_f32 => reinterpret_to_int(Kind::I32);
    visit_i64_reinterpret_f64 => reinterpret_to_int(Kind::I64);
    visit_f32_reinterpret_i32 => reinterpret_to_float(Kind::F32);
    visit_f64_reinterpret_i64 => reinterpret_to_float(Kind::F64);
    visit_i32_trunc_f32_s => truncate_to(Kind::I32, false, false);
    visit_i32_trunc_f32_u => truncate_to(Kind::I32, true, false);
    visit_i32_trunc_f64_s => truncate_to(Kind::I32, false, false);
    visit_i32_trunc_f64_u => truncate_to(Kind::I32, true, false);
    visit_i64_trunc_f32_s => truncate_to(Kind::I64, false, false);
    visit_i64_trunc_f32_u => truncate_to(Kind::I64, true, false);
    visit_i64_trunc_f64_s => truncate_to(Kind::I64, false, false);
    visit_i64_trunc_f64_u => truncate_to(Kind::I64, true, false);
    visit_i32_trunc_sat_f32_s => truncate_to(Kind::I32, false, true);
    visit_i32_trunc_sat_f32_u => truncate_to(Kind::I32, true, true);
    visit_i32_trunc_sat_f64_s => truncate_to(Kind::I32, false, true);
    visit_i32_trunc_sat_f64_u => truncate_to(Kind::I32, true, true);
    visit_i64_trunc_sat_f32_s => truncate_to(Kind::I64, false, true);
    visit_i64_trunc_sat_f32_u => truncate_to(Kind::I64, true, true);
    visit_i64_trunc_sat_f64_s => truncate_to(Kind::I64, false, true);
    visit_i64_trunc_sat_f64_u => truncate_to(Kind::I64, true, true);
}
