//! Making objects: by bumping through the nursery, and by the VM where that is used up.
//!
//! The nursery's memory is zero already. What an object begins with is written where both ways have come
//! together; so are its fields, without a barrier: no collection comes between, so that the object is young, or
//! large and known to be new.

use super::super::Translator;
use super::super::environment::Region;
use super::{Slot, element_place, field_place};
use crate::translate::facts::{Fact, Place};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use dunlin_core::limits::BULK_PER_FUEL_UNIT;
use dunlin_core::{FieldType, HeapType, RefType, ValType};
use dunlin_module::Builtin;
use dunlin_module::compile::NO_OBJECT;
use dunlin_module::layout::{object, store_context, vm_context};

/// Fields of a new object whose values are kept in mind.
const FIELDS_LEARNT_MAX: usize = 8;

/// How long an object is.
#[derive(Clone, Copy)]
enum Size {
    /// So many bytes.
    Bytes(u32),
    /// An array of so many elements, with the logarithm of the bytes of each.
    Elements(Value, u32),
}

impl Translator<'_, '_> {
    /// The reference of what a builtin has made, or the end of compiled code.
    fn made(&mut self, builtin: Builtin, args: &[Value]) -> Value {
        let made = self.env.builtin_value(builtin, args);
        let failed = self.env.b.ins().icmp_imm_s(IntCC::Equal, made, i64::from(NO_OBJECT));
        self.env.unwind_if(failed);
        made
    }

    /// Pushes a new object of a type of the module's.
    fn push_new(&mut self, object: Value, ty: u32) {
        self.push_of(object, ValType::Ref(RefType::non_null(HeapType::Concrete(ty))));
    }

    /// The same of an array of so many elements.
    fn push_new_array(&mut self, array: Value, ty: u32, len: Value) {
        self.push_new(array, ty);
        self.learn(Fact::Length(array), len);
    }

    fn number(&mut self, number: u32) -> Value {
        self.env.b.ins().iconst(types::I32, i64::from(number))
    }

    /// A new object of zeros. `length` is an array's.
    fn new_object(&mut self, ty: u32, size: Size, length: Option<Value>) -> Value {
        self.note_call();
        let index = self.number(ty);
        let args: Vec<Value> = [index].into_iter().chain(length).collect();
        let builtin = if length.is_some() { Builtin::NewArray } else { Builtin::NewStruct };
        if matches!(size, Size::Bytes(bytes) if bytes as usize >= object::LARGE_BYTES) {
            return self.made(builtin, &args);
        }
        let store = self.env.context_pointer(vm_context::STORE);
        let flags = self.env.flags(Region::Nursery).with_aligned();
        let next = store_context::NURSERY_NEXT as i32;
        let end = store_context::NURSERY_END as i32;
        let next_value = self.env.b.ins().load(types::I32, flags, store, next);
        let end_value = self.env.b.ins().load(types::I32, flags, store, end);
        let (behind, fits) = self.bump(size, next_value, end_value);
        let (fast, slow) = (self.env.b.create_block(), self.env.b.create_block());
        let done = self.env.b.create_block();
        let made = self.env.b.append_block_param(done, types::I32);
        self.note(made, ValType::Ref(RefType::non_null(HeapType::Concrete(ty))));
        self.env.b.set_cold_block(slow);
        self.env.b.ins().brif(fits, fast, &[], slow, &[]);
        self.env.b.switch_to_block(slow);
        self.env.b.seal_block(slow);
        let slow_made = self.made(builtin, &args);
        self.env.b.ins().jump(done, &[BlockArg::Value(slow_made)]);
        self.env.b.switch_to_block(fast);
        self.env.b.seal_block(fast);
        self.env.b.ins().store(flags, behind, store, next);
        self.env.b.ins().jump(done, &[BlockArg::Value(next_value)]);
        self.env.b.switch_to_block(done);
        self.env.b.seal_block(done);
        self.write_header(made, ty, length);
        made
    }

    /// Where an object ends that begins at `next`, and whether it may be made there.
    fn bump(&mut self, size: Size, next: Value, end: Value) -> (Value, Value) {
        let (len, shift) = match size {
            Size::Bytes(bytes) => {
                // The heap ends where adding so little does not wrap.
                let behind = self.env.b.ins().iadd_imm_s(next, i64::from(bytes));
                let fits = self.env.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, behind, end);
                return (behind, fits);
            }
            Size::Elements(len, shift) => (len, shift),
        };
        let most = (object::LARGE_BYTES - object::ELEMENTS - object::GRANULE) >> shift;
        let is_small = self.env.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, len, most as i64);
        let wide = self.env.b.ins().uextend(types::I64, len);
        let bytes = self.env.b.ins().ishl_imm_s(wide, i64::from(shift));
        let rounding = (object::ELEMENTS + object::GRANULE - 1) as i64;
        let bytes = self.env.b.ins().iadd_imm_s(bytes, rounding);
        let bytes = self.env.b.ins().band_imm_s(bytes, -(object::GRANULE as i64));
        let next = self.env.b.ins().uextend(types::I64, next);
        let end = self.env.b.ins().uextend(types::I64, end);
        let behind = self.env.b.ins().iadd(next, bytes);
        let fits = self.env.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, behind, end);
        let fits = self.env.b.ins().band(is_small, fits);
        (self.env.b.ins().ireduce(types::I32, behind), fits)
    }

    /// Writes what an object begins with.
    fn write_header(&mut self, made: Value, ty: u32, length: Option<Value>) {
        let ids = self.env.context_pointer(vm_context::TYPE_IDS);
        let number = self.env.constant(types::I32, ids, ty as usize * 4);
        let at = self.env.b.ins().uextend(types::I64, made);
        let address = self.heap_address(at);
        let flags = self.env.flags(Region::Header).with_aligned();
        self.env.b.ins().store(flags, number, address, object::TYPE as i32);
        if let Some(length) = length {
            self.env.b.ins().store(flags, length, address, object::LENGTH as i32);
        }
    }

    /// Writes a field or element of an object that has just been made.
    fn initialize(
        &mut self,
        made: Value,
        (ty, place): (FieldType, Place),
        offset: u32,
        value: Value,
    ) -> Slot {
        let at = self.env.b.ins().uextend(types::I64, made);
        let flags = self.env.object_flags(place);
        let slot = Slot { at, offset: offset as i32, ty, place, flags };
        self.write(slot, value);
        slot
    }

    fn new_struct(&mut self, ty: u32) -> Value {
        let bytes = self.struct_places(ty).1;
        self.new_object(ty, Size::Bytes(bytes), None)
    }

    pub(in super::super) fn visit_struct_new(&mut self, ty: u32) {
        let (fields, places) = (self.struct_fields(ty), self.struct_places(ty));
        // The operands stay on the stack until the object is there: they live across the call.
        let made = self.new_struct(ty);
        let values = self.stack.split_off(self.stack.len() - fields.len());
        for (index, ((value, ty), offset)) in
            values.into_iter().zip(fields).zip(&places.0).enumerate()
        {
            let (ty, offset) = (*ty, *offset);
            let place = field_place(index as u32, ty.storage);
            // No fact is about the new object yet, so none is made old.
            let slot = self.initialize(made, (ty, place), offset, value);
            if index < FIELDS_LEARNT_MAX {
                self.learn_field(made, slot, value);
            }
        }
        self.push_new(made, ty);
    }

    pub(in super::super) fn visit_struct_new_default(&mut self, ty: u32) {
        let made = self.new_struct(ty);
        self.push_new(made, ty);
    }

    /// Charges what an array of so many elements costs.
    fn charge_new(&mut self, len: Value) {
        if !self.settings.fuel {
            return;
        }
        self.flush_charge();
        let len = self.env.b.ins().uextend(types::I64, len);
        let shift = i64::from(BULK_PER_FUEL_UNIT.trailing_zeros());
        let units = self.env.b.ins().ushr_imm_s(len, shift);
        self.charge_value(units);
    }

    fn new_array(&mut self, ty: u32, len: Value) -> Value {
        let shift = self.element_type(ty).storage.bytes().trailing_zeros();
        self.new_object(ty, Size::Elements(len, shift), Some(len))
    }

    pub(in super::super) fn visit_array_new(&mut self, ty: u32) {
        let (value, len) = self.pop2();
        self.charge_new(len);
        let made = self.new_array(ty, len);
        let index = self.number(ty);
        let zero = self.number(0);
        let [low, high] = self.bits_of(value);
        let args = [index, made, zero, low, high, len];
        self.env.builtin_status(Builtin::ArrayFill, &args);
        self.push_new_array(made, ty, len);
    }

    pub(in super::super) fn visit_array_new_default(&mut self, ty: u32) {
        let len = self.pop();
        self.charge_new(len);
        let made = self.new_array(ty, len);
        self.push_new_array(made, ty, len);
    }

    pub(in super::super) fn visit_array_new_fixed(&mut self, ty: u32, count: u32) {
        let element = self.element_type(ty);
        let shift = element.storage.bytes().trailing_zeros();
        let bytes = (object::ELEMENTS as u32).saturating_add(count.saturating_mul(1 << shift));
        let bytes =
            bytes.saturating_add(object::GRANULE as u32 - 1) & !(object::GRANULE as u32 - 1);
        let len = self.number(count);
        let made = self.new_object(ty, Size::Bytes(bytes), Some(len));
        let values = self.stack.split_off(self.stack.len() - count as usize);
        for (index, value) in values.into_iter().enumerate() {
            let offset = object::ELEMENTS as u32 + ((index as u32) << shift);
            self.initialize(made, (element, element_place(element.storage)), offset, value);
        }
        self.push_new_array(made, ty, len);
    }

    /// Makes an array of a part of a segment.
    fn array_of(&mut self, builtin: Builtin, ty: u32, segment: u32) {
        let (src, len) = self.pop2();
        self.charge_new(len);
        self.note_call();
        let args = [self.number(ty), self.number(segment), src, len];
        let made = self.made(builtin, &args);
        self.push_new_array(made, ty, len);
    }

    pub(in super::super) fn visit_array_new_data(&mut self, ty: u32, data: u32) {
        self.array_of(Builtin::ArrayNewData, ty, data);
    }

    pub(in super::super) fn visit_array_new_elem(&mut self, ty: u32, element: u32) {
        self.array_of(Builtin::ArrayNewElem, ty, element);
    }
}
