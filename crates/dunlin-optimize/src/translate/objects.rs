//! Structures and arrays: where their fields and elements are, and what reads and writes them.
//!
//! An address of the heap is the heap's base and a reference, which is 32 bits wide: whatever it holds, the sum
//! stays in what is reserved. It is made anew for each access, and used by no other, since objects move.
//!
//! *Null* is offset 0 of the heap, where nothing is mapped: an access through it near its start is the fault
//! that becomes the trap. *Elements* that an array does not have are replaced by offset 0 too, by a move that
//! depends on the comparison, so that no processor that runs ahead reads them.

mod allocate;
mod bulk;
mod cast;

use super::environment::Region;
use super::facts::{Extension, Fact, Place};
use super::{Translator, clif_type};
use crate::worker::clif_trap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use dunlin_core::{CompositeType, FieldType, StorageType, TrapCode, ValType};
use dunlin_module::layout::{CARD_SHIFT, HEAP_NULL_BYTES, object, store_context, vm_context};
use std::rc::Rc;

/// What becomes of a field of fewer bits than its value has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extend {
    Zero,
    Sign,
}

/// Fields from this index on are of one place, for each kind of storage.
const FIELD_PLACES: u32 = 31;

/// The kinds of storage, of which no two are of the same place.
fn storage_number(storage: StorageType) -> u32 {
    match storage {
        StorageType::I8 => 0,
        StorageType::I16 => 1,
        StorageType::Val(ValType::I32) => 2,
        StorageType::Val(ValType::I64) => 3,
        StorageType::Val(ValType::F32) => 4,
        StorageType::Val(ValType::F64) => 5,
        StorageType::Val(ValType::V128) => 6,
        StorageType::Val(ValType::Ref(_)) => 7,
    }
}

/// The places of fields at an index of structures.
fn field_place(field: u32, storage: StorageType) -> Place {
    Place(field.min(FIELD_PLACES) * 8 + storage_number(storage))
}

/// The places of elements of arrays.
fn element_place(storage: StorageType) -> Place {
    Place((FIELD_PLACES + 1) * 8 + storage_number(storage))
}

/// Where a field or an element is.
#[derive(Clone, Copy)]
struct Slot {
    /// Its offset in the heap, as 64 bits, without what stands in the access.
    at: Value,
    /// What stands in the access.
    offset: i32,
    ty: FieldType,
    place: Place,
    flags: MemFlagsData,
}

impl<'m> Translator<'_, 'm> {
    /// A field that the heap's context in the store's has.
    fn heap_field(&mut self, ty: cranelift_codegen::ir::Type, offset: usize) -> Value {
        let store = self.env.context_pointer(vm_context::STORE);
        self.env.field(ty, store, offset)
    }

    /// A pointer that changes only when the heap is made.
    fn heap_pointer(&mut self, offset: usize) -> Value {
        if let Some(pointer) = self.known(Fact::Pointer(offset)) {
            return pointer;
        }
        let pointer = self.heap_field(types::I64, offset);
        self.learn(Fact::Pointer(offset), pointer);
        pointer
    }

    /// The address of an offset in the heap, given as 64 bits.
    fn heap_address(&mut self, at: Value) -> Value {
        let base = self.heap_pointer(store_context::HEAP_BASE);
        self.env.b.ins().iadd(base, at)
    }

    /// The fields of a structure type.
    fn struct_fields(&self, ty: u32) -> &'m [FieldType] {
        match &self.module.types()[ty as usize].composite {
            CompositeType::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// Where the fields of a structure type are, and how many bytes its objects have. It may have thousands, and each
    /// access asks.
    fn struct_places(&mut self, ty: u32) -> Rc<(Vec<u32>, u32)> {
        let fields = self.struct_fields(ty);
        let places = self.struct_places.entry(ty).or_insert_with(|| {
            Rc::new(object::place_fields(fields.iter().map(|field| field.storage)))
        });
        places.clone()
    }

    /// The elements of an array type.
    fn element_type(&self, ty: u32) -> FieldType {
        match self.module.types()[ty as usize].composite {
            CompositeType::Array(element) => element,
            _ => unreachable!("a validated body's array type"),
        }
    }

    /// Flags of an access at an offset of what a reference leads to, which traps with `code` if that is null.
    fn checked(
        &mut self,
        flags: MemFlagsData,
        (reference, offset): (Value, u32),
        code: TrapCode,
    ) -> MemFlagsData {
        if !self.may_be_null(reference) {
            return flags;
        }
        if offset as usize + size_of::<u128>() <= HEAP_NULL_BYTES {
            return flags.with_trap_code(Some(clif_trap(code)));
        }
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.env.trap_if(null, code);
        flags
    }

    /// A field of a structure, which may be null.
    fn struct_slot(&mut self, reference: Value, ty: u32, field: u32) -> Slot {
        let offset = self.struct_places(ty).0[field as usize];
        let ty = self.struct_fields(ty)[field as usize];
        let place = field_place(field, ty.storage);
        let flags = self.env.object_flags(place);
        let flags = self.checked(flags, (reference, offset), TrapCode::NullStructureReference);
        let at = self.env.b.ins().uextend(types::I64, reference);
        Slot { at, offset: offset as i32, ty, place, flags }
    }

    /// The length of an array; traps if that is null.
    fn array_length(&mut self, array: Value) -> Value {
        if let Some(length) = self.known(Fact::Length(array)) {
            return length;
        }
        let flags = self.env.flags(Region::Header).with_aligned();
        let offset = object::LENGTH as u32;
        let flags = self.checked(flags, (array, offset), TrapCode::NullArrayReference);
        let at = self.env.b.ins().uextend(types::I64, array);
        let address = self.heap_address(at);
        let length = self.env.b.ins().load(types::I32, flags, address, offset as i32);
        self.is_not_null(array);
        self.learn(Fact::Length(array), length);
        length
    }

    /// An element of an array; the access traps where there is none.
    fn array_slot(&mut self, array: Value, ty: u32, index: Value) -> Slot {
        let ty = self.element_type(ty);
        let (place, offset) = (element_place(ty.storage), object::ELEMENTS as i32);
        let flags = self.env.object_flags(place);
        if let Some(at) = self.known(Fact::Element(array, index)) {
            return Slot { at, offset, ty, place, flags };
        }
        let length = self.array_length(array);
        let outside = self.env.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        let at = self.element_offset(array, ty, index);
        let zero = self.env.b.ins().iconst(types::I64, 0);
        let at = self.env.b.ins().select_spectre_guard(outside, zero, at);
        let flags = flags.with_trap_code(Some(clif_trap(TrapCode::ArrayOutOfBounds)));
        // The access that follows traps where there is none.
        self.learn(Fact::Element(array, index), at);
        Slot { at, offset, ty, place, flags }
    }

    /// How far from offset 0 an element is, less where the first one is in its array.
    fn element_offset(&mut self, array: Value, ty: FieldType, index: Value) -> Value {
        let array = self.env.b.ins().uextend(types::I64, array);
        let index = self.env.b.ins().uextend(types::I64, index);
        let shift = i64::from(ty.storage.bytes().trailing_zeros());
        let offset = self.env.b.ins().ishl_imm_s(index, shift);
        self.env.b.ins().iadd(array, offset)
    }

    /// Reads a field or element, and pushes it.
    fn read(&mut self, slot: Slot, extend: Extend) -> Value {
        let address = self.heap_address(slot.at);
        let Slot { flags, offset, .. } = slot;
        let ins = self.env.b.ins();
        let value = match (slot.ty.storage, extend) {
            (StorageType::I8, Extend::Zero) => ins.uload8(types::I32, flags, address, offset),
            (StorageType::I8, Extend::Sign) => ins.sload8(types::I32, flags, address, offset),
            (StorageType::I16, Extend::Zero) => ins.uload16(types::I32, flags, address, offset),
            (StorageType::I16, Extend::Sign) => ins.sload16(types::I32, flags, address, offset),
            (StorageType::Val(ty), _) => ins.load(clif_type(ty), flags, address, offset),
        };
        self.push_of(value, slot.ty.storage.unpacked());
        value
    }

    /// Writes a field or element.
    fn write(&mut self, slot: Slot, value: Value) {
        let address = self.heap_address(slot.at);
        let Slot { flags, offset, .. } = slot;
        let ins = self.env.b.ins();
        match slot.ty.storage {
            StorageType::I8 => ins.istore8(flags, value, address, offset),
            StorageType::I16 => ins.istore16(flags, value, address, offset),
            StorageType::Val(_) => ins.store(flags, value, address, offset),
        };
    }

    /// Writes a field or element of an object that may be old.
    fn write_barred(&mut self, slot: Slot, value: Value) {
        self.write(slot, value);
        if let StorageType::Val(ty) = slot.ty.storage
            && self.is_traced(ty)
            && !self.is_no_object(value)
        {
            self.mark_card(slot);
        }
    }

    /// Whether a value is null, or a small integer, wherever the operator is.
    fn is_no_object(&self, value: Value) -> bool {
        use cranelift_codegen::ir::{InstructionData, Opcode};
        let Some(inst) = self.env.b.func.dfg.value_def(value).inst() else { return false };
        let data = self.env.b.func.dfg.insts[inst];
        matches!(data, InstructionData::UnaryImm { opcode: Opcode::Iconst, .. })
    }

    /// Marks the card of a place where a reference has been written.
    fn mark_card(&mut self, slot: Slot) {
        let at = self.env.b.ins().iadd_imm_s(slot.at, i64::from(slot.offset));
        let card = self.env.b.ins().ushr_imm_s(at, i64::from(CARD_SHIFT));
        let cards = self.heap_pointer(store_context::CARDS);
        let card = self.env.b.ins().iadd(cards, card);
        let one = self.env.b.ins().iconst(types::I8, 1);
        let flags = self.env.flags(Region::Card);
        self.env.b.ins().store(flags, one, card, 0);
    }

    fn struct_get(&mut self, ty: u32, field: u32, extend: Extend) {
        let reference = self.pop();
        let storage = self.struct_fields(ty)[field as usize].storage;
        let fact = Fact::Field(reference, field_place(field, storage), extend as Extension);
        if let Some(value) = self.known(fact) {
            return self.push_of(value, storage.unpacked());
        }
        let slot = self.struct_slot(reference, ty, field);
        let value = self.read(slot, extend);
        self.is_not_null(reference);
        self.learn(fact, value);
    }

    pub(super) fn visit_struct_get(&mut self, ty: u32, field: u32) {
        self.struct_get(ty, field, Extend::Zero);
    }

    pub(super) fn visit_struct_get_s(&mut self, ty: u32, field: u32) {
        self.struct_get(ty, field, Extend::Sign);
    }

    pub(super) fn visit_struct_get_u(&mut self, ty: u32, field: u32) {
        self.struct_get(ty, field, Extend::Zero);
    }

    pub(super) fn visit_struct_set(&mut self, ty: u32, field: u32) {
        let (reference, value) = self.pop2();
        let slot = self.struct_slot(reference, ty, field);
        self.write_barred(slot, value);
        self.is_not_null(reference);
        self.facts().store(slot.place);
        self.learn_field(reference, slot, value);
    }

    /// Learns what a field has been given.
    fn learn_field(&mut self, reference: Value, slot: Slot, value: Value) {
        if let StorageType::Val(_) = slot.ty.storage {
            let fact = Fact::Field(reference, slot.place, Extend::Zero as Extension);
            self.learn(fact, value);
        }
    }

    fn array_get(&mut self, ty: u32, extend: Extend) {
        let (array, index) = self.pop2();
        let slot = self.array_slot(array, ty, index);
        self.read(slot, extend);
    }

    pub(super) fn visit_array_get(&mut self, ty: u32) {
        self.array_get(ty, Extend::Zero);
    }

    pub(super) fn visit_array_get_s(&mut self, ty: u32) {
        self.array_get(ty, Extend::Sign);
    }

    pub(super) fn visit_array_get_u(&mut self, ty: u32) {
        self.array_get(ty, Extend::Zero);
    }

    pub(super) fn visit_array_set(&mut self, ty: u32) {
        let (array, index, value) = self.pop3();
        let slot = self.array_slot(array, ty, index);
        self.write_barred(slot, value);
    }

    pub(super) fn visit_array_len(&mut self) {
        let array = self.pop();
        let length = self.array_length(array);
        self.push(length);
    }

    pub(super) fn visit_ref_eq(&mut self) {
        let (left, right) = self.pop2();
        let same = self.env.b.ins().icmp(IntCC::Equal, left, right);
        let same = self.env.b.ins().uextend(types::I32, same);
        self.push(same);
    }

    pub(super) fn visit_ref_i31(&mut self) {
        let value = self.pop();
        let shifted = self.env.b.ins().ishl_imm_s(value, 1);
        let reference = self.env.b.ins().bor_imm_s(shifted, 1);
        self.push(reference);
    }

    /// Pops a small integer's reference, which must not be null.
    fn small_integer(&mut self) -> Value {
        let reference = self.pop();
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.env.trap_if(null, TrapCode::NullI31Reference);
        reference
    }

    pub(super) fn visit_i31_get_s(&mut self) {
        let reference = self.small_integer();
        let value = self.env.b.ins().sshr_imm_s(reference, 1);
        self.push(value);
    }

    pub(super) fn visit_i31_get_u(&mut self) {
        let reference = self.small_integer();
        let value = self.env.b.ins().ushr_imm_s(reference, 1);
        self.push(value);
    }

    /// Both hierarchies spell references alike.
    #[allow(clippy::unused_self, reason = "an operator like the others")]
    pub(super) fn visit_any_convert_extern(&mut self) {}

    #[allow(clippy::unused_self, reason = "an operator like the others")]
    pub(super) fn visit_extern_convert_any(&mut self) {}

    /// The value as builtins take it: the bits of its slots.
    fn bits_of(&mut self, value: Value) -> [Value; 2] {
        let ty = self.env.b.func.dfg.value_type(value);
        if ty == types::I8X16 {
            let flags =
                MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
            let lanes = self.env.b.ins().bitcast(types::I64X2, flags, value);
            return [0, 1].map(|lane| self.env.b.ins().extractlane(lanes, lane));
        }
        let value = self.slot_value(value);
        let low = match ty {
            types::F64 => self.env.b.ins().bitcast(types::I64, MemFlagsData::new(), value),
            _ => value,
        };
        [low, self.env.b.ins().iconst(types::I64, 0)]
    }
}
