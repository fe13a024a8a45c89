//! Making objects: by bumping through the nursery, and by the VM where that is used up.
//!
//! The nursery's memory is zero already. Operands stay on the stack until the object is there, and in their registers:
//! only the way through the VM, which is late code, writes those to their slots and reads them again. What an object
//! begins with is written where both ways have come together; so are its fields, without a barrier: no collection
//! comes between, so that the object is young, or large and known to be new.

use super::{Held, Translator};
use crate::isa::x64::asm::{Alu, Cc, Label, Mem, Shift, Width};
use crate::isa::x64::regs::{Gpr, R11, R14, R15, RAX, RDI, RDX, RSI};
use crate::translate::moves::Target;
use crate::translate::stack::{Entry, Kind, Loc, SCRATCH};
use crate::translate::{LateCode, Move, MoveSource, call_builtin, moves};
use dunlin_core::StorageType;
use dunlin_core::limits::BULK_PER_FUEL_UNIT;
use dunlin_module::Builtin;
use dunlin_module::layout::{object, store_context};

/// How long an object is.
#[derive(Clone, Copy)]
enum Size {
    /// So many bytes.
    Bytes(u32),
    /// An array of as many elements as the register says, with the logarithm of the bytes of each.
    Elements(Gpr, u8),
}

/// What is asked of the VM where the nursery is used up, and what is in registers meanwhile.
pub(in super::super) struct Make {
    ty: u32,
    /// An array's length.
    length: Option<MoveSource>,
    saved: Vec<Saved>,
    map: Box<[u32]>,
    /// Where the object's reference goes.
    made: Gpr,
    next: Label,
}

/// A register that the VM changes, and the slot of what is in it.
struct Saved {
    loc: Loc,
    kind: Kind,
    slot: u32,
    /// Whether the slot may hold something else.
    is_dirty: bool,
}

/// An object that has been made: its reference, and its address, both in registers.
#[derive(Clone, Copy)]
struct New {
    made: Gpr,
    at: Gpr,
}

/// How long an array of so many elements is.
fn array_bytes(count: u32, storage: StorageType) -> u32 {
    let bytes = (object::ELEMENTS as u32).saturating_add(count.saturating_mul(storage.bytes()));
    bytes.saturating_add(object::GRANULE as u32 - 1) & !(object::GRANULE as u32 - 1)
}

impl Translator<'_> {
    /// Leaves compiled code if the VM has made nothing. What is in the upper half of a register that a C function
    /// returns 32 bits in is nobody's promise: a reference has zeros there.
    pub(in super::super) fn unwind_if_none(&mut self) {
        self.asm.mov(Width::W32, RAX, RAX);
        self.asm.test(Width::W32, RAX, RAX);
        self.unwind_if(Cc::E);
    }

    /// A new object of zeros. `length` is an array's: a constant, or the operand on top.
    fn new_object(&mut self, ty: u32, size: Size, length: Option<Entry>) -> New {
        if matches!(size, Size::Bytes(bytes) if bytes as usize >= object::LARGE_BYTES) {
            let builtin = if length.is_some() { Builtin::NewArray } else { Builtin::NewStruct };
            let operands: Vec<Entry> = length.into_iter().collect();
            self.builtin(builtin, &[ty.into()], &operands);
            self.unwind_if_none();
            self.after_call();
            let at = self.alloc();
            return self.with_header(New { made: RAX, at }, ty, length);
        }
        let (made, at) = (self.alloc(), self.alloc());
        let next = self.asm.label();
        let length_source = length.map(|entry| self.source_of(entry));
        let (saved, map) = (self.saved_registers(), self.late_map().into());
        let make = Make { ty, length: length_source, saved, map, made, next };
        let slow = self.late(LateCode::Make(Box::new(make)));
        self.bump(size, New { made, at }, slow);
        self.asm.bind(next);
        self.with_header(New { made, at }, ty, length)
    }

    /// Takes memory of the nursery; goes elsewhere where there is not enough.
    fn bump(&mut self, size: Size, New { made, at }: New, slow: Label) {
        let (next, end) = (store_context::NURSERY_NEXT as i32, store_context::NURSERY_END as i32);
        match size {
            Size::Bytes(bytes) => {
                self.store_context(R11);
                self.asm.load(Width::W32, made, Mem::at(R11, next));
                // The heap ends where adding so little does not wrap.
                self.asm.lea(Width::W32, at, Mem::at(made, bytes as i32));
            }
            Size::Elements(len, shift) => {
                let most = (object::LARGE_BYTES - object::ELEMENTS - object::GRANULE) >> shift;
                self.asm.alu_imm(Alu::Cmp, Width::W32, len.into(), most as i32);
                self.asm.jcc(Cc::Ae, slow);
                self.asm.mov(Width::W32, at, len);
                if shift > 0 {
                    self.asm.shift_imm(Shift::Shl, Width::W32, at, shift);
                }
                let rounding = (object::ELEMENTS + object::GRANULE - 1) as i32;
                self.asm.alu_imm(Alu::Add, Width::W32, at.into(), rounding);
                self.asm.alu_imm(Alu::And, Width::W32, at.into(), -(object::GRANULE as i32));
                self.store_context(R11);
                self.asm.load(Width::W32, made, Mem::at(R11, next));
                self.asm.alu(Alu::Add, Width::W32, at, made.into());
            }
        }
        self.asm.alu(Alu::Cmp, Width::W32, at, Mem::at(R11, end).into());
        self.asm.jcc(Cc::A, slow);
        self.asm.store(Width::W32, Mem::at(R11, next), at);
    }

    /// Writes what an object begins with, and makes its address.
    fn with_header(&mut self, new: New, ty: u32, length: Option<Entry>) -> New {
        self.heap_pointer(new.at, store_context::HEAP_BASE);
        self.asm.alu(Alu::Add, Width::W64, new.at, new.made.into());
        self.type_number(R11, ty);
        self.asm.store(Width::W32, Mem::at(new.at, object::TYPE as i32), R11);
        if let Some(length) = length {
            self.load_gpr(length, R11);
            self.asm.store(Width::W32, Mem::at(new.at, object::LENGTH as i32), R11);
        }
        new
    }

    /// Registers that a call changes, but for those that the operator at hand holds.
    fn saved_registers(&mut self) -> Vec<Saved> {
        self.count_moved(self.stack.len() - self.settled);
        let operands = self.stack[self.settled..].iter();
        let operands = operands.filter(|of| matches!(of.loc, Loc::Gpr(_) | Loc::Xmm(_)));
        let operands = operands.map(|of| (Some(of.loc), of.kind, of.slot, true));
        let lost = self.lost_locals.iter().map(|index| self.locals[*index as usize]);
        let lost = lost.map(|of| (of.home, of.kind, of.slot, of.is_dirty));
        let all = operands.chain(lost).filter_map(|(loc, kind, slot, is_dirty)| {
            loc.map(|loc| Saved { loc, kind, slot, is_dirty })
        });
        let all: Vec<Saved> = all.collect();
        self.count_moved(all.len());
        all
    }

    /// Asks the VM for an object.
    pub(in super::super) fn make(&mut self, make: Make) {
        for of in make.saved.iter().filter(|of| of.is_dirty) {
            let to = self.slot(of.slot, of.kind);
            match of.loc {
                Loc::Gpr(reg) => self.asm.store(Width::W64, to, reg),
                Loc::Xmm(reg) => self.store_vector(of.kind, to, reg),
                _ => {}
            }
        }
        self.mark();
        let mut all = vec![
            Move { to: Target::Gpr(RDI), from: MoveSource::Gpr(R14), bytes: 8 },
            Move { to: Target::Gpr(RSI), from: MoveSource::Const(make.ty.into()), bytes: 4 },
        ];
        all.extend(make.length.map(|from| Move { to: Target::Gpr(RDX), from, bytes: 4 }));
        moves(&mut self.asm, &all);
        let builtin = if make.length.is_some() { Builtin::NewArray } else { Builtin::NewStruct };
        call_builtin(&mut self.asm, &mut self.relocations, builtin);
        if !make.map.is_empty() {
            self.maps.push((self.asm.here(), make.map));
        }
        self.unwind_if_none();
        self.asm.mov(Width::W32, R11, RAX);
        for of in &make.saved {
            let from = self.slot(of.slot, of.kind);
            match of.loc {
                Loc::Gpr(reg) => self.asm.load(of.kind.width(), reg, from),
                Loc::Xmm(reg) => self.load_vector(of.kind, reg, from),
                _ => {}
            }
        }
        self.asm.mov(Width::W32, make.made, R11);
        self.asm.jmp(make.next);
    }

    /// Pops the value of a field or element of a new object, and writes it.
    fn initialize(&mut self, at: Gpr, offset: u32, storage: StorageType) {
        let value = self.pop();
        let place = Mem::at(at, offset as i32);
        // No register is free for sure: what is in none goes through those that nobody has.
        let held = if value.kind.is_vector() {
            match value.loc {
                Loc::Xmm(reg) => Held::Xmm(reg),
                _ => {
                    self.load_xmm(value, SCRATCH);
                    Held::Xmm(SCRATCH)
                }
            }
        } else {
            match value.loc {
                Loc::Gpr(reg) => Held::Gpr(reg),
                _ => {
                    self.load_gpr(value, R11);
                    Held::Gpr(R11)
                }
            }
        };
        self.store(place, storage, held);
    }

    pub(in super::super) fn visit_struct_new(&mut self, ty: u32) {
        let (fields, places) = (self.struct_fields(ty), self.struct_places(ty));
        self.count_moved(fields.len());
        let new = self.new_object(ty, Size::Bytes(places.1), None);
        for (field, offset) in fields.iter().zip(&places.0).rev() {
            self.initialize(new.at, *offset, field.storage);
        }
        self.push_gpr(Kind::Ref(true), new.made);
    }

    pub(in super::super) fn visit_struct_new_default(&mut self, ty: u32) {
        let places = self.struct_places(ty);
        let new = self.new_object(ty, Size::Bytes(places.1), None);
        self.push_gpr(Kind::Ref(true), new.made);
    }

    /// Charges what an array of as many elements costs as the operand on top says.
    fn charge_new(&mut self) {
        if !self.settings.fuel {
            return;
        }
        self.flush_charge();
        let len = self.stack[self.stack.len() - 1];
        self.load_gpr(len, R11);
        self.charge_units();
    }

    /// Charges bytes or elements, of which the scratch register says how many.
    pub(super) fn charge_units(&mut self) {
        let shift = BULK_PER_FUEL_UNIT.trailing_zeros() as u8;
        self.asm.shift_imm(Shift::Shr, Width::W64, R11, shift);
        self.asm.alu(Alu::Add, Width::W64, R11, R15.into());
        self.trap_if(Cc::B, dunlin_core::TrapCode::OutOfFuel);
        self.asm.mov(Width::W64, R15, R11);
    }

    /// A new array of as many elements as the operand on top says, which stays.
    fn new_array(&mut self, ty: u32) -> New {
        self.charge_new();
        let (storage, at) = (self.element_type(ty), self.stack.len() - 1);
        if let Loc::Const(count) = self.stack[at].loc {
            let bytes = array_bytes(count as u32, storage);
            return self.new_object(ty, Size::Bytes(bytes), Some(self.stack[at]));
        }
        let len = self.gpr(self.stack[at]);
        let is_home = matches!(self.stack[at].loc, Loc::Local(local) if self.locals[local as usize].home.is_some());
        if !is_home {
            self.relocate(at, Loc::Gpr(len));
        }
        self.held.add(len.0);
        let size = Size::Elements(len, storage.bytes().trailing_zeros() as u8);
        self.new_object(ty, size, Some(self.stack[at]))
    }

    pub(in super::super) fn visit_array_new_default(&mut self, ty: u32) {
        let new = self.new_array(ty);
        self.pop();
        self.push_gpr(Kind::Ref(true), new.made);
    }

    pub(in super::super) fn visit_array_new(&mut self, ty: u32) {
        let new = self.new_array(ty);
        // The array is an operand while the VM fills it: above the others, whose slots are still read.
        self.push_gpr(Kind::Ref(true), new.made);
        let first = self.stack.len() - 3;
        for at in first..first + 3 {
            self.settle(at);
        }
        let [low, high] = self.bits_of(first);
        let (len, array) = (self.stack[first + 1], self.stack[first + 2]);
        let operands = [array, low, high, len];
        self.bulk(Builtin::ArrayFill, &[ty, 0], &operands, &[0, 2, 1, 3, 4, 5]);
        self.truncate(first);
        self.load_gpr(array, RAX);
        self.push_gpr(Kind::Ref(true), RAX);
    }

    pub(in super::super) fn visit_array_new_fixed(&mut self, ty: u32, count: u32) {
        self.count_moved(count as usize);
        let storage = self.element_type(ty);
        let loc = Loc::Const(count.into());
        let length = Entry { loc, kind: Kind::I32, slot: self.slots };
        let size = Size::Bytes(array_bytes(count, storage));
        let new = self.new_object(ty, size, Some(length));
        for index in (0..count).rev() {
            let offset = object::ELEMENTS as u32 + index * storage.bytes();
            self.initialize(new.at, offset, storage);
        }
        self.push_gpr(Kind::Ref(true), new.made);
    }

    /// Makes an array of a part of a segment.
    fn array_of(&mut self, builtin: Builtin, ty: u32, segment: u32) {
        self.charge_new();
        let (len, src) = (self.pop(), self.pop());
        self.builtin(builtin, &[ty.into(), segment.into()], &[src, len]);
        self.unwind_if_none();
        self.after_call();
        self.push_gpr(Kind::Ref(true), RAX);
    }

    pub(in super::super) fn visit_array_new_data(&mut self, ty: u32, data: u32) {
        self.array_of(Builtin::ArrayNewData, ty, data);
    }

    pub(in super::super) fn visit_array_new_elem(&mut self, ty: u32, element: u32) {
        self.array_of(Builtin::ArrayNewElem, ty, element);
    }
}
