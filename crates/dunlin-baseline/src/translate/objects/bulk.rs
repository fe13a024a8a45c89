//! Bulk operations on arrays: the VM does the work.

use super::Translator;
use crate::isa::x64::asm::{Alu, Cc, Mem, Width};
use crate::isa::x64::regs::R11;
use crate::translate::stack::{Entry, Kind, Loc};
use dunlin_core::TrapCode;
use dunlin_module::Builtin;
use dunlin_module::layout::{object, store_context};

impl Translator<'_> {
    /// The value at a height as builtins take it: the bits of its slots.
    pub(super) fn bits_of(&mut self, at: usize) -> [Entry; 2] {
        if self.stack[at].kind != Kind::V128 {
            let entry = self.stack[at];
            return [entry, Entry { loc: Loc::Const(0), kind: Kind::I64, ..entry }];
        }
        self.settle(at);
        let entry = self.stack[at];
        // Slots lie one below the other: the low half is in the second one.
        let half = |slot| Entry { loc: Loc::Slot, kind: Kind::I64, slot };
        [half(entry.slot + 1), half(entry.slot)]
    }

    /// Charges an operation on elements of an array that has them; what traps is free. Traps if the array is null.
    /// The operands are so far from the top of the stack.
    fn charge_elements(&mut self, array: usize, index: usize, len: usize) {
        if !self.settings.fuel {
            return;
        }
        self.flush_charge();
        let (length, end) = (self.alloc(), self.alloc());
        let operand = |of: &Self, depth| of.stack[of.stack.len() - depth];
        self.load_gpr(operand(self, array), length);
        self.heap_pointer(R11, store_context::HEAP_BASE);
        self.faults(TrapCode::NullArrayReference);
        let place = Mem::indexed(R11, length, object::LENGTH as i32);
        self.asm.load(Width::W32, length, place);
        self.load_gpr(operand(self, index), end);
        self.load_gpr(operand(self, len), R11);
        self.asm.alu(Alu::Add, Width::W64, end, R11.into());
        self.asm.alu(Alu::Cmp, Width::W64, end, length.into());
        self.asm.mov_imm(length, 0);
        self.asm.cmov(Cc::A, Width::W64, R11, length.into());
        self.charge_units();
        self.held.remove(length.0);
        self.held.remove(end.0);
    }

    pub(in super::super) fn visit_array_fill(&mut self, ty: u32) {
        self.charge_elements(4, 3, 1);
        let [low, high] = self.bits_of(self.stack.len() - 2);
        let (len, _, index, array) = (self.pop(), self.pop(), self.pop(), self.pop());
        let operands = [array, index, low, high, len];
        self.bulk(Builtin::ArrayFill, &[ty], &operands, &[0, 1, 2, 3, 4, 5]);
    }

    pub(in super::super) fn visit_array_copy(&mut self, to_type: u32, _from_type: u32) {
        self.charge_elements(5, 4, 1);
        let (len, from_index, from) = (self.pop(), self.pop(), self.pop());
        let (to_index, to) = (self.pop(), self.pop());
        let operands = [to, to_index, from, from_index, len];
        self.bulk(Builtin::ArrayCopy, &[to_type], &operands, &[0, 1, 2, 3, 4, 5]);
    }

    fn array_init(&mut self, builtin: Builtin, ty: u32, segment: u32) {
        self.charge_elements(4, 3, 1);
        let (len, src, index, array) = (self.pop(), self.pop(), self.pop(), self.pop());
        self.builtin_status(builtin, &[ty.into(), segment.into()], &[array, index, src, len]);
    }

    pub(in super::super) fn visit_array_init_data(&mut self, ty: u32, data: u32) {
        self.array_init(Builtin::ArrayInitData, ty, data);
    }

    pub(in super::super) fn visit_array_init_elem(&mut self, ty: u32, element: u32) {
        self.array_init(Builtin::ArrayInitElem, ty, element);
    }
}
