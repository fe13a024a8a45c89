//! Locals, globals, constants and references.
//!
//! A local lives in its *home*: a register throughout the function, or its slot. Registers that the caller needs
//! back are homes for numbers; what calls change are homes too, of locals that are used far more often than there
//! are calls, which then write them to their slots and read them again. A reference that the collector follows has
//! no home that calls leave alone: the collector looks for it in its slot, and may change it there. Where a call may
//! end with an exception that is caught in the function, it writes all homes to their slots: whoever throws restores
//! none.

use super::Translator;
use super::scan::Scanned;
use super::stack::{Entry, Kind, Loc};
use crate::isa::x64::asm::{Mem, Width};
use crate::isa::x64::regs::{
    Gpr, R8, R9, R10, R11, R12, R13, R15, RAX, RBX, RCX, RDI, RDX, RSI, Set, Xmm,
};
use crate::tuning;
use dunlin_core::ValType;
use dunlin_module::compile::REF_FAILED;
use dunlin_module::layout::vm_context;
use dunlin_module::{Bounds, Builtin, CompileError};

/// A local.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) kind: Kind,
    pub(super) slot: u32,
    /// Its register, if it has one.
    pub(super) home: Option<Loc>,
    /// Whether calls change that.
    pub(super) is_lost: bool,
    /// Whether its slot may hold something else.
    pub(super) is_dirty: bool,
    /// Operands that are this local's value.
    pub(super) aliases: u32,
}

/// Registers for operands, whatever locals take.
const TEMPS: Set = Set::of(&[RAX.0, RCX.0, RDX.0, RSI.0, RDI.0]);

/// Registers that are homes, or else for operands.
const LOST_HOMES: [Gpr; 3] = [R8, R9, R10];

/// Registers that the caller needs back.
const KEPT_HOMES: [Gpr; 4] = [RBX, R12, R13, R15];

/// Vector registers for operands; those from the second on are homes.
const VECTOR_TEMPS: u8 = 8;
const VECTOR_HOMES_END: u8 = 15;

/// Registers that are free to be homes.
struct Homes {
    kept: Vec<Gpr>,
    lost: Vec<Gpr>,
    vectors: Vec<u8>,
}

impl Local {
    /// Gives it a home, if there is one for what it weighs.
    fn give_home(&mut self, weight: u64, is_worth_calls: bool, homes: &mut Homes) {
        let lost = |free: &mut Vec<Gpr>| if is_worth_calls { free.pop() } else { None };
        match self.kind {
            Kind::I32 | Kind::I64 | Kind::Ref(false) => {
                let home = lost(&mut homes.lost);
                self.is_lost = home.is_some();
                let is_worth = weight >= tuning::KEPT_HOME_WEIGHT_MIN;
                let home = home.or_else(|| if is_worth { homes.kept.pop() } else { None });
                self.home = home.map(Loc::Gpr);
            }
            Kind::Ref(true) => {
                self.home = lost(&mut homes.lost).map(Loc::Gpr);
                self.is_lost = self.home.is_some();
            }
            Kind::F32 | Kind::F64 | Kind::V128 => {
                let home = if is_worth_calls { homes.vectors.pop() } else { None };
                self.home = home.map(|reg| Loc::Xmm(Xmm(reg)));
                self.is_lost = self.home.is_some();
            }
        }
    }
}

impl<'m> Translator<'m> {
    pub(super) fn declare_locals(
        &mut self,
        body: &wasmparser::FunctionBody<'m>,
    ) -> Result<(), CompileError> {
        for ty in self.func_type().params() {
            self.add_local(*ty);
        }
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            let ty = dunlin_module::val_type(ty, 0)?;
            for _ in 0..count {
                self.add_local(ty);
            }
        }
        self.slots_max = self.slots;
        Ok(())
    }

    fn add_local(&mut self, ty: ValType) {
        let (kind, slot) = (self.kind(ty), self.slots);
        self.slots += kind.slots();
        self.locals.push(Local {
            kind,
            slot,
            home: None,
            is_lost: false,
            is_dirty: true,
            aliases: 0,
        });
    }

    /// Gives the locals that are used most the registers that there are.
    pub(super) fn assign_homes(&mut self, scanned: &Scanned) {
        self.temps = TEMPS.or(Set::of(&LOST_HOMES.map(|reg| reg.0)));
        self.vector_temps = Set((1 << VECTOR_HOMES_END) - 1);
        let mut kept: Vec<Gpr> = KEPT_HOMES.to_vec();
        // It counts fuel.
        kept.retain(|reg| !(self.settings.fuel && *reg == R15));
        if scanned.memory_weight > 2 && self.memory_never_moves() {
            self.memory_base = kept.pop();
            self.kept = self.memory_base.map_or(self.kept, |reg| self.kept.with(reg.0));
        }
        let vectors = (VECTOR_TEMPS..VECTOR_HOMES_END).rev().collect();
        let mut homes = Homes { kept, lost: LOST_HOMES.into(), vectors };
        let mut order: Vec<(u64, usize)> =
            scanned.weights.iter().copied().zip(0..).filter(|(weight, _)| *weight > 1).collect();
        order.sort_by_key(|(weight, local)| (core::cmp::Reverse(*weight), *local));
        let lost_min = scanned.call_weight * tuning::LOST_HOME_WEIGHT_PER_CALL;
        for (weight, local) in order {
            let is_worth_calls = weight > lost_min;
            self.locals[local].give_home(weight, is_worth_calls, &mut homes);
        }
        self.claim_homes(scanned.catches);
    }

    /// Takes the homes out of the registers for operands.
    fn claim_homes(&mut self, catches: bool) {
        for (index, local) in (0..).zip(&self.locals) {
            if local.is_lost {
                self.lost_locals.push(index);
            }
            if local.kind == Kind::Ref(true) {
                self.traced_locals.push(index);
            }
            match local.home {
                Some(Loc::Gpr(reg)) => {
                    self.temps.remove(reg.0);
                    if KEPT_HOMES.contains(&reg) {
                        self.kept.add(reg.0);
                        if catches {
                            self.kept_locals.push(index);
                        }
                    }
                }
                Some(Loc::Xmm(reg)) => self.vector_temps.remove(reg.0),
                _ => {}
            }
        }
    }

    /// Whether memory 0 stays where it is.
    fn memory_never_moves(&self) -> bool {
        self.module.memories().first().is_some_and(|ty| {
            let guarded = matches!(self.settings.bounds, Bounds::Guarded { .. });
            ty.shared || guarded && !ty.memory64 && ty.has_plain_pages()
        })
    }

    /// Gives operands that are a local's value registers of their own, before the local changes.
    pub(super) fn detach(&mut self, local: u32) {
        if self.locals[local as usize].aliases == 0 {
            return;
        }
        self.count_moved(self.stack.len() - self.settled);
        for at in self.settled..self.stack.len() {
            let entry = self.stack[at];
            if entry.loc != Loc::Local(local) {
                continue;
            }
            // Where no register is free, nobody has to leave one: the slot does as well.
            let is_full = if entry.kind.is_vector() {
                self.vector_temps
                    .without(self.vectors_taken.or(self.vectors_held))
                    .first()
                    .is_none()
            } else {
                self.temps.without(self.taken.or(self.held)).first().is_none()
            };
            if is_full {
                self.settle(at);
                continue;
            }
            let loc = if entry.kind.is_vector() {
                let reg = self.alloc_xmm();
                self.load_xmm(entry, reg);
                self.vectors_held.remove(reg.0);
                Loc::Xmm(reg)
            } else {
                let reg = self.alloc();
                self.load_gpr(entry, reg);
                self.held.remove(reg.0);
                Loc::Gpr(reg)
            };
            self.relocate(at, loc);
        }
    }

    pub(super) fn visit_local_get(&mut self, index: u32) {
        self.push_local(index);
    }

    pub(super) fn visit_local_set(&mut self, index: u32) {
        let value = self.pop();
        self.set_local(index, value);
    }

    pub(super) fn visit_local_tee(&mut self, index: u32) {
        let value = self.pop();
        let kind = value.kind;
        self.set_local(index, value);
        // What was in a register stays in it: it need not be read again. Constants stay constants.
        let has_home = self.locals[index as usize].home.is_some();
        match value.loc {
            Loc::Gpr(_) | Loc::Xmm(_) if !has_home => self.push(kind, value.loc),
            Loc::Const(_) | Loc::Vector(_) => self.push(kind, value.loc),
            _ => self.push(kind, Loc::Local(index)),
        }
    }

    /// Makes a value a local's.
    fn set_local(&mut self, index: u32, value: Entry) {
        if value.loc == Loc::Local(index) {
            return;
        }
        self.detach(index);
        let local = self.locals[index as usize];
        match local.home {
            Some(Loc::Gpr(reg)) => self.load_gpr(value, reg),
            Some(Loc::Xmm(reg)) => self.load_xmm(value, reg),
            _ => {
                let to = self.slot(local.slot, local.kind);
                self.write(value, to);
            }
        }
        self.locals[index as usize].is_dirty = true;
    }

    /// The register of the local that the next operator sets, where its value may be made: an operator that does
    /// so pushes that local. `reads` are the operands that are read after the register is first written.
    pub(super) fn home_ahead(&mut self, reads: &[Entry]) -> Option<(u32, Gpr)> {
        let local = self.local_ahead()?;
        let Some(Loc::Gpr(reg)) = self.locals[local as usize].home else { return None };
        if reads.iter().any(|entry| entry.loc == Loc::Local(local)) {
            return None;
        }
        self.detach(local);
        self.locals[local as usize].is_dirty = true;
        Some((local, reg))
    }

    /// As [`home_ahead`](Self::home_ahead), for vectors.
    pub(super) fn vector_home_ahead(&mut self, reads: &[Entry]) -> Option<(u32, Xmm)> {
        let local = self.local_ahead()?;
        let Some(Loc::Xmm(reg)) = self.locals[local as usize].home else { return None };
        if reads.iter().any(|entry| entry.loc == Loc::Local(local)) {
            return None;
        }
        self.detach(local);
        self.locals[local as usize].is_dirty = true;
        Some((local, reg))
    }

    /// The local that the next operator sets.
    #[inline]
    pub(super) fn local_ahead(&self) -> Option<u32> {
        let (opcode, rest) = self.bytes.get(self.next_operator as usize..)?.split_first()?;
        if !matches!(opcode, 0x21 | 0x22) {
            return None;
        }
        // Two bytes are enough for nearly all of them.
        match *rest {
            [low, ..] if low < 0x80 => Some(low.into()),
            [low, high, ..] if high < 0x80 => Some(u32::from(low & 0x7f) | u32::from(high) << 7),
            _ => None,
        }
    }

    /// A general register for a result, and what to push: the next local's home, a register that an operand has
    /// left, or a free one.
    pub(super) fn result(&mut self, reads: &[Entry]) -> (Gpr, Loc) {
        match self.home_ahead(reads) {
            Some((local, reg)) => (reg, Loc::Local(local)),
            None => {
                let reg = self.alloc();
                (reg, Loc::Gpr(reg))
            }
        }
    }

    /// As [`result`](Self::result), for vectors.
    pub(super) fn vector_result(&mut self, reads: &[Entry]) -> (Xmm, Loc) {
        match self.vector_home_ahead(reads) {
            Some((local, reg)) => (reg, Loc::Local(local)),
            None => {
                let reg = self.alloc_xmm();
                (reg, Loc::Xmm(reg))
            }
        }
    }

    /// Writes locals whose homes calls change to their slots.
    pub(super) fn save_locals(&mut self) {
        for at in 0..self.lost_locals.len() {
            self.save_local(self.lost_locals[at]);
        }
        if self.is_caught() {
            for at in 0..self.kept_locals.len() {
                self.save_local(self.kept_locals[at]);
            }
        }
    }

    /// Writes all locals that live in registers to their slots.
    pub(super) fn save_all_locals(&mut self) {
        for at in 0..self.lost_locals.len() {
            self.save_local(self.lost_locals[at]);
        }
        for at in 0..self.kept_locals.len() {
            self.save_local(self.kept_locals[at]);
        }
    }

    fn save_local(&mut self, index: u32) {
        let local = self.locals[index as usize];
        if !local.is_dirty {
            return;
        }
        let to = self.slot(local.slot, local.kind);
        match local.home {
            Some(Loc::Gpr(reg)) => self.asm.store(Width::W64, to, reg),
            Some(Loc::Xmm(reg)) => self.store_vector(local.kind, to, reg),
            _ => {}
        }
        self.locals[index as usize].is_dirty = false;
    }

    /// Reads them again.
    pub(super) fn restore_locals(&mut self) {
        for at in 0..self.lost_locals.len() {
            self.restore_local(self.lost_locals[at]);
        }
    }

    /// Reads all locals that live in registers, from slots that are up to date.
    pub(super) fn restore_all_locals(&mut self) {
        for at in 0..self.lost_locals.len() + self.kept_locals.len() {
            let kept = at.checked_sub(self.lost_locals.len());
            let index = kept.map_or_else(|| self.lost_locals[at], |at| self.kept_locals[at]);
            self.restore_local(index);
            self.locals[index as usize].is_dirty = false;
        }
    }

    fn restore_local(&mut self, index: u32) {
        let local = self.locals[index as usize];
        let from = self.slot(local.slot, local.kind);
        match local.home {
            Some(Loc::Gpr(reg)) => self.asm.load(local.kind.width(), reg, from),
            Some(Loc::Xmm(reg)) => self.load_vector(local.kind, reg, from),
            _ => {}
        }
    }

    /// Where control comes together nobody knows which slots are up to date.
    pub(super) fn forget_slots(&mut self) {
        for index in self.lost_locals.iter().chain(&self.kept_locals) {
            self.locals[*index as usize].is_dirty = true;
        }
    }

    /// The cell of a global.
    fn cell(&mut self, index: u32) -> Mem {
        self.asm.load(Width::W64, R11, context_mem(vm_context::GLOBALS));
        self.asm.load(Width::W64, R11, Mem::at(R11, 8 * index as i32));
        Mem::at(R11, 0)
    }

    pub(super) fn visit_global_get(&mut self, index: u32) {
        let kind = self.kind(self.module.global_type(index).content);
        if kind.is_vector() {
            let (reg, loc) = self.vector_result(&[]);
            let cell = self.cell(index);
            self.load_vector(kind, reg, cell);
            self.push(kind, loc);
        } else {
            let (reg, loc) = self.result(&[]);
            let cell = self.cell(index);
            self.asm.load(kind.width(), reg, cell);
            self.push(kind, loc);
        }
    }

    pub(super) fn visit_global_set(&mut self, index: u32) {
        let value = self.pop();
        if value.kind.is_vector() {
            let reg = self.xmm(value);
            let cell = self.cell(index);
            self.store_vector(value.kind, cell, reg);
        } else {
            let reg = self.gpr(value);
            let cell = self.cell(index);
            self.asm.store(Width::W64, cell, reg);
        }
    }

    pub(super) fn visit_i32_const(&mut self, value: i32) {
        self.push_const(Kind::I32, u64::from(value as u32));
    }

    pub(super) fn visit_i64_const(&mut self, value: i64) {
        self.push_const(Kind::I64, value as u64);
    }

    pub(super) fn visit_f32_const(&mut self, value: wasmparser::Ieee32) {
        self.push_const(Kind::F32, value.bits().into());
    }

    pub(super) fn visit_f64_const(&mut self, value: wasmparser::Ieee64) {
        self.push_const(Kind::F64, value.bits());
    }

    pub(super) fn visit_ref_null(&mut self, ty: wasmparser::HeapType) {
        let ty = wasmparser::RefType::new(true, ty).map(wasmparser::ValType::Ref);
        let ty = ty.and_then(|ty| dunlin_module::val_type(ty, self.operator.into()).ok());
        // What is not known to be no object is followed: null is none.
        let kind = ty.map_or(Kind::Ref(true), |ty| self.kind(ty));
        self.push(kind, Loc::Const(0));
    }

    pub(super) fn visit_ref_is_null(&mut self) {
        self.compare_zero();
    }

    pub(super) fn visit_ref_func(&mut self, func: u32) {
        let result = self.builtin_result(Builtin::RefFunc, &[u64::from(func)], &[]);
        self.asm.alu_imm(
            crate::isa::x64::asm::Alu::Cmp,
            Width::W32,
            result.into(),
            REF_FAILED as i32,
        );
        self.unwind_if(crate::isa::x64::asm::Cc::E);
        // The upper half is whatever the VM has left there.
        self.asm.mov(Width::W32, result, result);
        self.push_gpr(Kind::Ref(false), result);
    }
}

/// A pointer in the context.
pub(super) fn context_mem(pointer: usize) -> Mem {
    Mem::at(crate::isa::x64::regs::R14, 8 * pointer as i32)
}
