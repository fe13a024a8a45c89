//! Bulk operations on arrays: the VM does the work.

use super::super::Translator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use dunlin_core::limits::BULK_PER_FUEL_UNIT;
use dunlin_module::Builtin;

impl Translator<'_, '_> {
    /// Charges an operation on so many elements of an array that has them; what traps is free. Traps if the
    /// array is null.
    fn charge_elements(&mut self, array: Value, index: Value, len: Value) {
        if !self.settings.fuel {
            return;
        }
        self.flush_charge();
        let length = self.array_length(array);
        let [length, index, len] =
            [length, index, len].map(|value| self.env.b.ins().uextend(types::I64, value));
        let end = self.env.b.ins().iadd(index, len);
        let fits = self.env.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, length);
        let shift = i64::from(BULK_PER_FUEL_UNIT.trailing_zeros());
        let units = self.env.b.ins().ushr_imm_s(len, shift);
        let zero = self.env.b.ins().iconst(types::I64, 0);
        let charge = self.env.b.ins().select(fits, units, zero);
        self.charge_value(charge);
    }

    fn index_of(&mut self, index: u32) -> Value {
        self.env.b.ins().iconst(types::I32, i64::from(index))
    }

    pub(in super::super) fn visit_array_fill(&mut self, ty: u32) {
        let (value, len) = self.pop2();
        let (array, index) = self.pop2();
        self.charge_elements(array, index, len);
        let [low, high] = self.bits_of(value);
        let args = [self.index_of(ty), array, index, low, high, len];
        self.note_call();
        self.env.builtin_status(Builtin::ArrayFill, &args);
    }

    pub(in super::super) fn visit_array_copy(&mut self, to_type: u32, _from_type: u32) {
        let (from, from_index, len) = self.pop3();
        let (to, to_index) = self.pop2();
        self.charge_elements(to, to_index, len);
        let args = [self.index_of(to_type), to, to_index, from, from_index, len];
        self.note_call();
        self.env.builtin_status(Builtin::ArrayCopy, &args);
    }

    fn array_init(&mut self, builtin: Builtin, ty: u32, segment: u32) {
        let (src, len) = self.pop2();
        let (array, index) = self.pop2();
        self.charge_elements(array, index, len);
        let args = [self.index_of(ty), self.index_of(segment), array, index, src, len];
        self.note_call();
        self.env.builtin_status(builtin, &args);
    }

    pub(in super::super) fn visit_array_init_data(&mut self, ty: u32, data: u32) {
        self.array_init(Builtin::ArrayInitData, ty, data);
    }

    pub(in super::super) fn visit_array_init_elem(&mut self, ty: u32, element: u32) {
        self.array_init(Builtin::ArrayInitElem, ty, element);
    }
}
