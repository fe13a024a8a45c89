//! Operators on numbers that CLIF has, or nearly.

use super::Translator;
use crate::tuning;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value, types};

/// Operators of one operand and one instruction.
macro_rules! unary {
    ($($name:ident => $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self) {
                let operand = self.pop();
                let value = self.env.b.ins().$instruction(operand);
                self.push(value);
            }
        )*}
    };
}

/// Operators of two operands and one instruction.
macro_rules! binary {
    ($($name:ident => $instruction:ident;)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self) {
                let (left, right) = self.pop2();
                let value = self.env.b.ins().$instruction(left, right);
                self.push(value);
            }
        )*}
    };
}

/// Comparisons, whose result is 0 or 1.
macro_rules! comparisons {
    ($($name:ident => $instruction:ident $condition:expr;)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self) {
                let (left, right) = self.pop2();
                let bit = self.env.b.ins().$instruction($condition, left, right);
                let value = self.env.b.ins().uextend(types::I32, bit);
                self.push(value);
            }
        )*}
    };
}

unary! {
    visit_i32_clz => clz;
    visit_i32_ctz => ctz;
    visit_i32_popcnt => popcnt;
    visit_i64_clz => clz;
    visit_i64_ctz => ctz;
    visit_i64_popcnt => popcnt;
    visit_f32_abs => fabs;
    visit_f32_neg => fneg;
    visit_f32_ceil => ceil;
    visit_f32_floor => floor;
    visit_f32_trunc => trunc;
    visit_f32_nearest => nearest;
    visit_f32_sqrt => sqrt;
    visit_f64_abs => fabs;
    visit_f64_neg => fneg;
    visit_f64_ceil => ceil;
    visit_f64_floor => floor;
    visit_f64_trunc => trunc;
    visit_f64_nearest => nearest;
    visit_f64_sqrt => sqrt;
}

// Divisions trap by themselves where the divisor is zero or the quotient too large.
binary! {
    visit_i32_add => iadd;
    visit_i32_sub => isub;
    visit_i32_div_s => sdiv;
    visit_i32_div_u => udiv;
    visit_i32_rem_s => srem;
    visit_i32_rem_u => urem;
    visit_i32_and => band;
    visit_i32_or => bor;
    visit_i32_xor => bxor;
    visit_i32_shl => ishl;
    visit_i32_shr_s => sshr;
    visit_i32_shr_u => ushr;
    visit_i32_rotl => rotl;
    visit_i32_rotr => rotr;
    visit_i64_add => iadd;
    visit_i64_sub => isub;
    visit_i64_div_s => sdiv;
    visit_i64_div_u => udiv;
    visit_i64_rem_s => srem;
    visit_i64_rem_u => urem;
    visit_i64_and => band;
    visit_i64_or => bor;
    visit_i64_xor => bxor;
    visit_i64_shl => ishl;
    visit_i64_shr_s => sshr;
    visit_i64_shr_u => ushr;
    visit_i64_rotl => rotl;
    visit_i64_rotr => rotr;
    visit_f32_add => fadd;
    visit_f32_sub => fsub;
    visit_f32_mul => fmul;
    visit_f32_div => fdiv;
    visit_f32_min => fmin;
    visit_f32_max => fmax;
    visit_f32_copysign => fcopysign;
    visit_f64_add => fadd;
    visit_f64_sub => fsub;
    visit_f64_mul => fmul;
    visit_f64_div => fdiv;
    visit_f64_min => fmin;
    visit_f64_max => fmax;
    visit_f64_copysign => fcopysign;
}

comparisons! {
    visit_i32_eq => icmp IntCC::Equal;
    visit_i32_ne => icmp IntCC::NotEqual;
    visit_i32_lt_s => icmp IntCC::SignedLessThan;
    visit_i32_lt_u => icmp IntCC::UnsignedLessThan;
    visit_i32_gt_s => icmp IntCC::SignedGreaterThan;
    visit_i32_gt_u => icmp IntCC::UnsignedGreaterThan;
    visit_i32_le_s => icmp IntCC::SignedLessThanOrEqual;
    visit_i32_le_u => icmp IntCC::UnsignedLessThanOrEqual;
    visit_i32_ge_s => icmp IntCC::SignedGreaterThanOrEqual;
    visit_i32_ge_u => icmp IntCC::UnsignedGreaterThanOrEqual;
    visit_i64_eq => icmp IntCC::Equal;
    visit_i64_ne => icmp IntCC::NotEqual;
    visit_i64_lt_s => icmp IntCC::SignedLessThan;
    visit_i64_lt_u => icmp IntCC::UnsignedLessThan;
    visit_i64_gt_s => icmp IntCC::SignedGreaterThan;
    visit_i64_gt_u => icmp IntCC::UnsignedGreaterThan;
    visit_i64_le_s => icmp IntCC::SignedLessThanOrEqual;
    visit_i64_le_u => icmp IntCC::UnsignedLessThanOrEqual;
    visit_i64_ge_s => icmp IntCC::SignedGreaterThanOrEqual;
    visit_i64_ge_u => icmp IntCC::UnsignedGreaterThanOrEqual;
    visit_f32_eq => fcmp FloatCC::Equal;
    visit_f32_ne => fcmp FloatCC::NotEqual;
    visit_f32_lt => fcmp FloatCC::LessThan;
    visit_f32_gt => fcmp FloatCC::GreaterThan;
    visit_f32_le => fcmp FloatCC::LessThanOrEqual;
    visit_f32_ge => fcmp FloatCC::GreaterThanOrEqual;
    visit_f64_eq => fcmp FloatCC::Equal;
    visit_f64_ne => fcmp FloatCC::NotEqual;
    visit_f64_lt => fcmp FloatCC::LessThan;
    visit_f64_gt => fcmp FloatCC::GreaterThan;
    visit_f64_le => fcmp FloatCC::LessThanOrEqual;
    visit_f64_ge => fcmp FloatCC::GreaterThanOrEqual;
}

impl Translator<'_, '_> {
    pub(super) fn visit_i32_mul(&mut self) {
        self.multiply();
    }

    pub(super) fn visit_i64_mul(&mut self) {
        self.multiply();
    }

    fn multiply(&mut self) {
        let (left, right) = self.pop2();
        let value = match (self.shift_of_sum(left), self.shift_of_sum(right)) {
            (_, Some(shift)) => self.sum_with_shifted(left, shift),
            (Some(shift), None) => self.sum_with_shifted(right, shift),
            (None, None) => self.env.b.ins().imul(left, right),
        };
        self.push(value);
    }

    /// How far a factor must be shifted and added to itself to be multiplied by `value`, if `value` is a
    /// constant for which that works in one step.
    fn shift_of_sum(&self, value: Value) -> Option<i64> {
        let dfg = &self.env.b.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        let InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } = dfg.insts[inst] else {
            return None;
        };
        match imm.bits() {
            3 if tuning::MULTIPLY_BY_SUMS => Some(1),
            5 if tuning::MULTIPLY_BY_SUMS => Some(2),
            9 if tuning::MULTIPLY_BY_SUMS => Some(3),
            _ => None,
        }
    }

    fn sum_with_shifted(&mut self, value: Value, shift: i64) -> Value {
        let shifted = self.env.b.ins().ishl_imm_u(value, shift);
        self.env.b.ins().iadd(value, shifted)
    }

    fn is_zero(&mut self) {
        let operand = self.pop();
        let bit = self.env.b.ins().icmp_imm_s(IntCC::Equal, operand, 0);
        let value = self.env.b.ins().uextend(types::I32, bit);
        if let Some(asked) = self.condition(operand) {
            self.conditions.insert(value, asked.not());
        }
        self.push(value);
    }

    pub(super) fn visit_i32_eqz(&mut self) {
        self.is_zero();
    }

    pub(super) fn visit_i64_eqz(&mut self) {
        self.is_zero();
    }
}
