//! Tests and casts of references: by the bits of the reference, by the number that an object begins with, or by
//! the line of that type.

use super::Translator;
use crate::isa::x64::asm::{Alu, Cc, Label, Mem, Width};
use crate::isa::x64::regs::{Gpr, R11};
use crate::translate::LateCode;
use crate::translate::stack::{Kind, Loc};
use dunlin_core::canon::{KIND_ARRAY, KIND_MASK, KIND_STRUCT};
use dunlin_core::{HeapType, RefType, TrapCode};
use dunlin_module::layout::{LINE_PLACES_MIN, func_record, object, store_context, type_record};

impl Translator<'_> {
    /// A type that an operator names.
    fn heap_type(&mut self, ty: wasmparser::HeapType) -> HeapType {
        match dunlin_module::heap_type(ty, self.operator.into()) {
            Ok(ty) => ty,
            Err(error) => {
                self.failed = Some(error.into());
                HeapType::None
            }
        }
    }

    fn is_func_type(&self, ty: u32) -> bool {
        self.module.types()[ty as usize].composite.as_func().is_some()
    }

    /// Goes elsewhere unless a reference is of a type; the register stays what it is.
    fn unless_of(&mut self, reference: Gpr, ty: RefType, other: Label) {
        // Taken before anything is jumped over.
        let temp = self.alloc();
        let fits = self.asm.label();
        match ty.heap {
            HeapType::Any | HeapType::Extern | HeapType::Func | HeapType::Exn => {
                if !ty.nullable {
                    self.null_to(reference, other);
                }
            }
            HeapType::None | HeapType::NoExtern | HeapType::NoFunc | HeapType::NoExn => {
                if ty.nullable {
                    self.asm.test(Width::W32, reference, reference);
                    self.asm.jcc(Cc::Ne, other);
                } else {
                    self.asm.jmp(other);
                }
            }
            _ => {
                self.null_to(reference, if ty.nullable { fits } else { other });
                self.unless_some(reference, temp, ty.heap, (fits, other));
            }
        }
        self.asm.bind(fits);
        self.held.remove(temp.0);
    }

    fn null_to(&mut self, reference: Gpr, to: Label) {
        self.asm.test(Width::W32, reference, reference);
        self.asm.jcc(Cc::E, to);
    }

    /// As [`unless_of`](Self::unless_of), where the reference is not null. Goes on behind, or at the first label.
    fn unless_some(
        &mut self,
        reference: Gpr,
        temp: Gpr,
        ty: HeapType,
        (fits, other): (Label, Label),
    ) {
        match ty {
            HeapType::I31 => {
                self.asm.test_imm(Width::W32, reference.into(), 1);
                self.asm.jcc(Cc::E, other);
            }
            HeapType::Eq => {
                self.asm.mov(Width::W32, R11, reference);
                self.asm.alu_imm(Alu::And, Width::W32, R11.into(), object::TAG_MASK as i32);
                self.asm.alu_imm(Alu::Cmp, Width::W32, R11.into(), object::TAG_HOST as i32);
                self.asm.jcc(Cc::E, other);
            }
            HeapType::Struct => self.unless_kind(reference, KIND_STRUCT, other),
            HeapType::Array => self.unless_kind(reference, KIND_ARRAY, other),
            HeapType::Concrete(index) if self.is_func_type(index) => {
                self.asm.imul_imm(Width::W64, R11, reference.into(), func_record::BYTES as i32);
                self.store_context(temp);
                let records = Mem::at(temp, store_context::FUNCS as i32);
                self.asm.alu(Alu::Add, Width::W64, R11, records.into());
                self.asm.load(Width::W32, R11, Mem::at(R11, func_record::TYPE_ID as i32));
                self.unless_type(temp, index, (fits, other));
            }
            HeapType::Concrete(index) => {
                self.object_number(reference, other);
                self.unless_type(temp, index, (fits, other));
            }
            _ => {}
        }
    }

    /// Loads the number that an object begins with into the scratch register; goes elsewhere if the reference is not
    /// to one.
    fn object_number(&mut self, reference: Gpr, other: Label) {
        self.asm.test_imm(Width::W32, reference.into(), object::TAG_MASK as i32);
        self.asm.jcc(Cc::Ne, other);
        self.heap_pointer(R11, store_context::HEAP_BASE);
        self.asm.load(Width::W32, R11, Mem::indexed(R11, reference, object::TYPE as i32));
    }

    fn unless_kind(&mut self, reference: Gpr, kind: u32, other: Label) {
        self.object_number(reference, other);
        self.asm.alu_imm(Alu::And, Width::W32, R11.into(), KIND_MASK as i32);
        self.asm.alu_imm(Alu::Cmp, Width::W32, R11.into(), kind as i32);
        self.asm.jcc(Cc::Ne, other);
    }

    /// Goes elsewhere unless the type whose number is in the scratch register is the one with this index, or below
    /// it.
    fn unless_type(&mut self, temp: Gpr, ty: u32, (fits, other): (Label, Label)) {
        self.type_number(temp, ty);
        self.asm.alu(Alu::Cmp, Width::W32, R11, temp.into());
        if self.module.types()[ty as usize].is_final {
            return self.asm.jcc(Cc::Ne, other);
        }
        self.asm.jcc(Cc::E, fits);
        self.note_type(temp);
        self.asm.alu_imm(Alu::And, Width::W32, R11.into(), !KIND_MASK as i32);
        self.store_context(temp);
        let count = Mem::at(temp, store_context::TYPE_COUNT as i32);
        self.asm.alu(Alu::Cmp, Width::W64, R11, count.into());
        // A processor that runs ahead may have read something else than a number.
        self.asm.mov_imm(temp, 0);
        self.asm.cmov(Cc::Ae, Width::W64, R11, temp.into());
        self.asm.imul_imm(Width::W64, R11, R11.into(), type_record::BYTES as i32);
        self.store_context(temp);
        let records = Mem::at(temp, store_context::TYPES as i32);
        self.asm.alu(Alu::Add, Width::W64, R11, records.into());
        let depth = self.type_depth(ty);
        if depth >= LINE_PLACES_MIN {
            self.asm.alu_imm(
                Alu::Cmp,
                Width::W64,
                Mem::at(R11, type_record::LEN as i32).into(),
                depth as i32,
            );
            self.asm.jcc(Cc::Be, other);
            // Where the line is shorter, one that runs ahead reads at address zero.
            self.asm.mov_imm(temp, 0);
            self.asm.cmov(Cc::A, Width::W64, temp, Mem::at(R11, type_record::LINE as i32).into());
        } else {
            self.asm.load(Width::W64, temp, Mem::at(R11, type_record::LINE as i32));
        }
        self.asm.load(Width::W32, R11, Mem::at(temp, 4 * depth as i32));
        self.type_number(temp, ty);
        self.asm.alu(Alu::Cmp, Width::W32, R11, temp.into());
        self.asm.jcc(Cc::Ne, other);
    }

    fn ref_test(&mut self, ty: wasmparser::HeapType, nullable: bool) {
        let heap = self.heap_type(ty);
        let reference = self.pop();
        let reference = self.gpr(reference);
        let to = self.alloc();
        let other = self.asm.label();
        self.asm.mov_imm(to, 0);
        self.unless_of(reference, RefType { nullable, heap }, other);
        self.asm.mov_imm(to, 1);
        self.asm.bind(other);
        self.push_gpr(Kind::I32, to);
    }

    pub(in super::super) fn visit_ref_test_non_null(&mut self, ty: wasmparser::HeapType) {
        self.ref_test(ty, false);
    }

    pub(in super::super) fn visit_ref_test_nullable(&mut self, ty: wasmparser::HeapType) {
        self.ref_test(ty, true);
    }

    fn ref_cast(&mut self, ty: wasmparser::HeapType, nullable: bool) {
        let heap = self.heap_type(ty);
        let entry = self.pop();
        let reg = self.gpr(entry);
        let other = self.late(LateCode::Trap(TrapCode::CastFailure));
        self.unless_of(reg, RefType { nullable, heap }, other);
        match entry.loc {
            Loc::Local(_) => self.push(entry.kind, entry.loc),
            _ => self.push_gpr(entry.kind, reg),
        }
    }

    pub(in super::super) fn visit_ref_cast_non_null(&mut self, ty: wasmparser::HeapType) {
        self.ref_cast(ty, false);
    }

    pub(in super::super) fn visit_ref_cast_nullable(&mut self, ty: wasmparser::HeapType) {
        self.ref_cast(ty, true);
    }

    /// Branches if the reference on top, which stays, is of the type or is not.
    fn branch_on(&mut self, depth: u32, to: wasmparser::RefType, outcome: bool) {
        let ty = RefType { nullable: to.is_nullable(), heap: self.heap_type(to.heap_type()) };
        let Some(at) = self.frame_at(depth) else { return };
        self.flush_charge();
        let first = self.settle_brought(at);
        let reg = self.alloc();
        self.load_gpr(self.stack[self.stack.len() - 1], reg);
        let other = self.asm.label();
        self.unless_of(reg, ty, other);
        if outcome {
            self.branch_from_slots(at, first);
            self.asm.bind(other);
            return self.note_reached();
        }
        let next = self.asm.label();
        self.asm.jmp(next);
        self.asm.bind(other);
        self.branch_from_slots(at, first);
        self.asm.bind(next);
        self.note_reached();
    }

    pub(in super::super) fn visit_br_on_cast(
        &mut self,
        depth: u32,
        _from: wasmparser::RefType,
        to: wasmparser::RefType,
    ) {
        self.branch_on(depth, to, true);
    }

    pub(in super::super) fn visit_br_on_cast_fail(
        &mut self,
        depth: u32,
        _from: wasmparser::RefType,
        to: wasmparser::RefType,
    ) {
        self.branch_on(depth, to, false);
    }
}
