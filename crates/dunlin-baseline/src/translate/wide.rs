//! Arithmetic on integers of 128 bits, whose halves are operands and results of their own: the low one
//! lies below the high one.

use super::Translator;
use super::stack::{Entry, Kind, Loc};
use crate::isa::x64::asm::{Alu, Unary, Width};
use crate::isa::x64::regs::{Gpr, RAX, RDX};

impl Translator<'_> {
    /// Adds or subtracts: the low halves, and the high ones with what is carried.
    fn wide(&mut self, low: Alu, high: Alu) {
        let (right_high, right_low) = (self.pop(), self.pop());
        let (left_high, left_low) = (self.pop(), self.pop());
        let (to_low, to_high) = (self.owned(left_low), self.owned(left_high));
        let (right_low, right_high) = (self.rm(right_low), self.rm(right_high));
        self.asm.alu(low, Width::W64, to_low, right_low);
        self.asm.alu(high, Width::W64, to_high, right_high);
        self.push_gpr(Kind::I64, to_low);
        self.push_gpr(Kind::I64, to_high);
    }

    pub(super) fn visit_i64_add128(&mut self) {
        self.wide(Alu::Add, Alu::Adc);
    }

    pub(super) fn visit_i64_sub128(&mut self) {
        self.wide(Alu::Sub, Alu::Sbb);
    }

    fn multiply_wide(&mut self, multiply: Unary) {
        let (right, left) = (self.pop(), self.pop());
        // One factor stands apart from what the instruction uses.
        let factor = match self.slot_of(right) {
            Some(slot) => slot.into(),
            None => self.gpr_beside(right, &[RAX, RDX]).into(),
        };
        for reg in [RAX, RDX] {
            if !self.held.contains(reg.0) {
                self.alloc_fixed(reg);
            }
        }
        self.load_gpr(left, RAX);
        self.asm.unary(multiply, Width::W64, factor);
        self.push_gpr(Kind::I64, RAX);
        self.push_gpr(Kind::I64, RDX);
    }

    /// A register that holds an operand and is none of these: not to be changed.
    pub(super) fn gpr_beside(&mut self, entry: Entry, not: &[Gpr]) -> Gpr {
        match entry.loc {
            Loc::Gpr(reg) if !not.contains(&reg) => reg,
            Loc::Local(_) if self.slot_of(entry).is_none() => self.gpr(entry),
            _ => {
                let reg = self.alloc_beside(not);
                self.load_gpr(entry, reg);
                reg
            }
        }
    }

    pub(super) fn visit_i64_mul_wide_s(&mut self) {
        self.multiply_wide(Unary::Imul);
    }

    pub(super) fn visit_i64_mul_wide_u(&mut self) {
        self.multiply_wide(Unary::Mul);
    }
}
