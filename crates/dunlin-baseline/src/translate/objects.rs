//! Structures and arrays: where their fields and elements are, and what reads and writes them.
//!
//! An address of the heap is its base and a reference of 32 bits, made anew for each access. *Null* is offset 0,
//! where nothing is mapped: an access near its start is the fault that becomes the trap. *Elements* that an array
//! does not have are looked for at address zero, by a move that depends on the comparison, so that no processor that
//! runs ahead reads them.

mod allocate;
mod bulk;
mod cast;

pub(super) use allocate::Make;

use super::Translator;
use super::locals::context_mem;
use super::stack::{Entry, Kind, Loc};
use crate::isa::x64::asm::{Alu, Cc, Mem, Shift, Width};
use crate::isa::x64::regs::{Gpr, R11, Xmm};
use dunlin_core::{CompositeType, FieldType, StorageType, TrapCode};
use dunlin_module::layout::{CARD_SHIFT, HEAP_NULL_BYTES, object, store_context, vm_context};
use std::rc::Rc;

/// Where the fields of a structure are, and its bytes.
pub(super) type Places = Rc<(Vec<u32>, u32)>;

/// What becomes of a field of fewer bits than its value has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extend {
    Zero,
    Sign,
}

/// A register that holds a value.
#[derive(Clone, Copy)]
enum Held {
    Gpr(Gpr),
    Xmm(Xmm),
}

impl<'m> Translator<'m> {
    /// Loads a pointer of the store's context.
    fn heap_pointer(&mut self, to: Gpr, offset: usize) {
        self.store_context(to);
        self.asm.load(Width::W64, to, Mem::at(to, offset as i32));
    }

    /// The fields of a structure type.
    fn struct_fields(&self, ty: u32) -> &'m [FieldType] {
        match &self.module.types()[ty as usize].composite {
            CompositeType::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// Where the fields of a structure type are. It may have thousands, and each access asks.
    fn struct_places(&mut self, ty: u32) -> Places {
        let fields = self.struct_fields(ty);
        let places = self.struct_places.entry(ty).or_insert_with(|| {
            Rc::new(object::place_fields(fields.iter().map(|field| field.storage)))
        });
        places.clone()
    }

    /// The elements of an array type.
    fn element_type(&self, ty: u32) -> StorageType {
        match self.module.types()[ty as usize].composite {
            CompositeType::Array(element) => element.storage,
            _ => unreachable!("a validated body's array type"),
        }
    }

    /// The place of a structure's field, for the next access: it uses the scratch register. The reference is in a
    /// register; traps if it is null and the access would not.
    fn field_place(&mut self, reference: Gpr, offset: u32) -> Mem {
        if offset as usize + size_of::<u128>() > HEAP_NULL_BYTES {
            self.asm.test(Width::W32, reference, reference);
            self.trap_if(Cc::E, TrapCode::NullStructureReference);
        }
        self.heap_pointer(R11, store_context::HEAP_BASE);
        Mem::indexed(R11, reference, offset as i32)
    }

    /// The place of an array's element, and the register that it is made with; traps if the array is null. The
    /// access traps where there is no element.
    fn element_place(&mut self, array: Entry, index: Entry, storage: StorageType) -> (Mem, Gpr) {
        let (array, index) = (self.gpr(array), self.gpr(index));
        let at = self.alloc();
        self.heap_pointer(at, store_context::HEAP_BASE);
        self.faults(TrapCode::NullArrayReference);
        let length = Mem::indexed(at, array, object::LENGTH as i32);
        self.asm.alu(Alu::Cmp, Width::W32, index, length.into());
        // From here on flags stay what they are.
        self.asm.lea(Width::W64, at, Mem::indexed(at, array, 0));
        let shift = storage.bytes().trailing_zeros() as u8;
        let scaled = Mem { base: at, index: Some((index, shift.min(3))), disp: 0 };
        self.asm.lea(Width::W64, at, scaled);
        if shift > 3 {
            self.asm.lea(Width::W64, at, scaled);
        }
        self.asm.mov_imm(R11, 0);
        self.asm.cmov(Cc::Ae, Width::W64, at, R11.into());
        (Mem::at(at, object::ELEMENTS as i32), at)
    }

    /// Reads a field or element, and pushes it; where it cannot be read is a trap.
    fn read(&mut self, place: Mem, storage: StorageType, extend: Extend, code: TrapCode) {
        let kind = self.kind(storage.unpacked());
        if kind.is_vector() {
            let (to, loc) = self.vector_result(&[]);
            self.faults(code);
            self.load_vector(kind, to, place);
            return self.push(kind, loc);
        }
        let (to, loc) = self.result(&[]);
        self.faults(code);
        match (storage, extend) {
            (StorageType::I8, Extend::Zero) => self.asm.movzx8(to, place.into()),
            (StorageType::I8, Extend::Sign) => self.asm.movsx8(Width::W32, to, place.into()),
            (StorageType::I16, Extend::Zero) => self.asm.movzx16(to, place.into()),
            (StorageType::I16, Extend::Sign) => self.asm.movsx16(Width::W32, to, place.into()),
            (StorageType::Val(_), _) => self.asm.load(kind.width(), to, place),
        }
        self.push(kind, loc);
    }

    /// A register that holds a value to be written.
    fn held(&mut self, value: Entry) -> Held {
        if value.kind.is_vector() { Held::Xmm(self.xmm(value)) } else { Held::Gpr(self.gpr(value)) }
    }

    /// Writes a field or element.
    fn store(&mut self, place: Mem, storage: StorageType, value: Held) {
        match (storage, value) {
            (StorageType::I8, Held::Gpr(reg)) => self.asm.store8(place, reg),
            (StorageType::I16, Held::Gpr(reg)) => self.asm.store16(place, reg),
            (StorageType::Val(ty), Held::Gpr(reg)) => {
                let width = self.kind(ty).width();
                self.asm.store(width, place, reg);
            }
            (_, Held::Xmm(reg)) => {
                let kind = self.kind(storage.unpacked());
                match kind {
                    Kind::F32 => self.asm.store_f32(place, reg),
                    _ => self.store_vector(kind, place, reg),
                }
            }
        }
    }

    /// Whether writing a value to where an old object may be has to be noted: it may lead to a young one.
    fn is_barred(&self, storage: StorageType, value: Entry) -> bool {
        let is_traced = matches!(storage, StorageType::Val(ty) if self.is_traced(ty));
        is_traced && !matches!(value.loc, Loc::Const(_))
    }

    /// Marks the card of an offset of the heap, which is in a register to be changed.
    fn mark_card(&mut self, at: Gpr) {
        self.asm.shift_imm(Shift::Shr, Width::W64, at, CARD_SHIFT as u8);
        self.store_context(R11);
        self.asm.alu(Alu::Add, Width::W64, at, Mem::at(R11, store_context::CARDS as i32).into());
        self.asm.store_imm8(Mem::at(at, 0), 1);
    }

    fn struct_get(&mut self, ty: u32, field: u32, extend: Extend) {
        let offset = self.struct_places(ty).0[field as usize];
        let storage = self.struct_fields(ty)[field as usize].storage;
        let reference = self.pop();
        let reference = self.gpr(reference);
        let place = self.field_place(reference, offset);
        self.read(place, storage, extend, TrapCode::NullStructureReference);
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
        let offset = self.struct_places(ty).0[field as usize];
        let storage = self.struct_fields(ty)[field as usize].storage;
        let (value, reference) = (self.pop(), self.pop());
        let held = self.held(value);
        let reference = self.gpr(reference);
        let place = self.field_place(reference, offset);
        self.faults(TrapCode::NullStructureReference);
        self.store(place, storage, held);
        if self.is_barred(storage, value) {
            let at = self.alloc();
            self.asm.lea(Width::W64, at, Mem::at(reference, offset as i32));
            self.mark_card(at);
        }
    }

    fn array_get(&mut self, ty: u32, extend: Extend) {
        let storage = self.element_type(ty);
        let (index, array) = (self.pop(), self.pop());
        let (place, _) = self.element_place(array, index, storage);
        self.read(place, storage, extend, TrapCode::ArrayOutOfBounds);
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
        let storage = self.element_type(ty);
        let (value, index, array) = (self.pop(), self.pop(), self.pop());
        let held = self.held(value);
        let (place, at) = self.element_place(array, index, storage);
        self.faults(TrapCode::ArrayOutOfBounds);
        self.store(place, storage, held);
        if self.is_barred(storage, value) {
            let base = Mem::at(R11, store_context::HEAP_BASE as i32);
            self.store_context(R11);
            self.asm.alu(Alu::Sub, Width::W64, at, base.into());
            self.asm.alu_imm(Alu::Add, Width::W64, at.into(), object::ELEMENTS as i32);
            self.mark_card(at);
        }
    }

    pub(super) fn visit_array_len(&mut self) {
        let array = self.pop();
        let array = self.gpr(array);
        let (to, loc) = self.result(&[]);
        self.heap_pointer(R11, store_context::HEAP_BASE);
        self.faults(TrapCode::NullArrayReference);
        self.asm.load(Width::W32, to, Mem::indexed(R11, array, object::LENGTH as i32));
        self.push(Kind::I32, loc);
    }

    pub(super) fn visit_ref_eq(&mut self) {
        self.compare(Cc::E);
    }

    pub(super) fn visit_ref_i31(&mut self) {
        let value = self.pop();
        let value = self.gpr(value);
        let (to, loc) = self.result(&[]);
        self.asm.lea(Width::W32, to, Mem::indexed(value, value, 1));
        self.push(Kind::Ref(true), loc);
    }

    fn small_integer(&mut self, shift: Shift) {
        let reference = self.pop();
        let reg = self.owned(reference);
        self.asm.test(Width::W32, reg, reg);
        self.trap_if(Cc::E, TrapCode::NullI31Reference);
        self.asm.shift_imm(shift, Width::W32, reg, 1);
        self.push_gpr(Kind::I32, reg);
    }

    pub(super) fn visit_i31_get_s(&mut self) {
        self.small_integer(Shift::Sar);
    }

    pub(super) fn visit_i31_get_u(&mut self) {
        self.small_integer(Shift::Shr);
    }

    /// Both hierarchies spell references alike; what was known of this one is not.
    fn convert(&mut self) {
        if let Some(entry) = self.stack.last_mut() {
            entry.kind = Kind::Ref(true);
        }
    }

    pub(super) fn visit_any_convert_extern(&mut self) {
        self.convert();
    }

    pub(super) fn visit_extern_convert_any(&mut self) {
        self.convert();
    }

    /// Loads the engine's number of a type of the module's.
    fn type_number(&mut self, to: Gpr, ty: u32) {
        self.asm.load(Width::W64, to, context_mem(vm_context::TYPE_IDS));
        self.asm.load(Width::W32, to, Mem::at(to, 4 * ty as i32));
    }
}
