//! Counting what code executes, and the ways into loops.
//!
//! Where the function begins, and where a loop does, its bytes are taken off the function's budget. Code behind the
//! function's says so when nothing is left. In a loop the answer may be a way into it, in better code: that is called
//! with what this activation holds, and what it returns is returned.
//!
//! Code may take notes as well (`dunlin_module::profile`): that control has got somewhere, which is a store of a byte,
//! and what indirect calls have called.
//!
//! At a loop's header operands are in their slots and locals at home. A way into it makes the frame, puts what the
//! store's context leads to there, and goes to the header.

use super::locals::context_mem;
use super::stack::{Kind, Loc, SCRATCH};
use super::{LateCode, Translator};
use crate::isa::x64::asm::{Alu, Cc, Label, Mem, Width};
use crate::isa::x64::regs::{Gpr, R8, R11, R14, RAX, RBP, RCX, RDI, RDX, RSI, RSP};
use crate::translate::call_builtin;
use crate::{limits, tuning};
use dunlin_module::layout::{SLOT_BYTES, budget, cell, func_record, store_context, vm_context};
use dunlin_module::side::FRAME_RECORD_SLOTS;
use dunlin_module::{Builtin, InlinedCall};

/// A place that counts.
pub(super) struct Site {
    /// Where it goes on.
    next: Label,
    /// The offset in the module of the loop's first operator, and 0 where the function begins.
    at: u32,
    /// Slots of operands, and those of them that hold vectors.
    operands: u32,
    vectors: Vec<u32>,
}

/// Something that is noted in a cell.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Where the cell is, from what leads to notes on.
    cell: i32,
    /// The register that has it, and the one that leads to notes.
    what: Gpr,
    notes: Gpr,
}

impl Seen {
    fn at(self, field: usize) -> Mem {
        Mem::at(self.notes, self.cell + field as i32)
    }
}

/// A loop that can be entered.
pub(super) struct Header {
    /// The offset in the module of its first operator.
    at: u32,
    label: Label,
    /// The operands that are in their slots.
    operands: Vec<(Kind, u32)>,
}

impl Translator<'_> {
    /// Counts a call of the function.
    pub(super) fn count_entry(&mut self) {
        if !self.counts {
            return;
        }
        let bytes = self.module.body_range(self.index).map_or(0, |body| body.len());
        let at = self.take_off(true);
        // Bodies are shorter than modules, whose offsets have 32 bits.
        self.asm.patch32(at, bytes as i32);
        self.tell(0);
    }

    /// Counts an iteration of the loop whose header is here. Where in the code its bytes belong, and where in the
    /// module it begins.
    pub(super) fn count_loop(&mut self, label: Label) -> Option<(u32, u32)> {
        if !self.counts {
            return None;
        }
        let start = self.next_operator;
        let at = self.take_off(false);
        let can_be_entered = self.has_ways_in && !self.is_in_early_clause();
        if !can_be_entered || self.headers.len() >= limits::WAYS_IN_MAX {
            self.tell(0);
            return Some((at, start));
        }
        self.count_moved(self.stack.len());
        self.tell(start);
        let operands = self.stack.iter().map(|entry| (entry.kind, entry.slot)).collect();
        self.headers.push(Header { at: start, label, operands });
        Some((at, start))
    }

    /// Takes a number that is written later off the budget; where. Counts a call too, if it is one.
    fn take_off(&mut self, is_call: bool) -> u32 {
        self.asm.load(Width::W64, R11, context_mem(vm_context::BUDGETS));
        let budget = self.index as usize * budget::BYTES;
        let at = |field: usize| Mem::at(R11, (budget + field) as i32);
        if is_call && self.profile.is_some() {
            self.asm.alu_imm(Alu::Add, Width::W32, at(budget::CALLS).into(), 1);
        }
        if is_call && self.observes {
            self.asm.alu_imm(Alu::Add, Width::W32, at(budget::OBSERVED).into(), 1);
        }
        self.asm.alu_imm_patched(Alu::Sub, Width::W32, at(budget::LEFT).into())
    }

    /// Notes that control has got to the place of the operator at hand. Flags stay what they are.
    pub(super) fn note_reached(&mut self) {
        if self.observes {
            self.asm.load(Width::W64, R11, context_mem(vm_context::PROFILE));
            // Modules are shorter than 2 GiB of which notes are taken.
            self.asm.store_imm8(Mem::at(R11, self.operator as i32), 1);
        }
    }

    /// Notes which function the call at hand calls: that of the record in `rax`.
    pub(super) fn note_target(&mut self) {
        let Some(cell) = self.notes_cell() else { return };
        let func = self.alloc();
        self.asm.load(Width::W32, func, Mem::at(RAX, func_record::INDEX as i32));
        self.note_seen(Seen { cell, what: func, notes: R11 });
        self.held.remove(func.0);
    }

    /// Notes the type that the test or cast at hand has met, whose number is in the scratch register; `temp` changes.
    pub(super) fn note_type(&mut self, temp: Gpr) {
        if let Some(cell) = self.notes_cell() {
            self.note_seen(Seen { cell, what: R11, notes: temp });
        }
    }

    /// Where the operator at hand takes notes.
    fn notes_cell(&self) -> Option<i32> {
        self.profile.and_then(|profile| profile.cell(self.operator))
    }

    fn note_seen(&mut self, seen: Seen) {
        let next = self.asm.label();
        self.asm.load(Width::W64, seen.notes, context_mem(vm_context::PROFILE));
        self.asm.alu(Alu::Cmp, Width::W32, seen.what, seen.at(cell::SEEN).into());
        let other = self.late(LateCode::SeenOther(seen, next));
        self.asm.jcc(Cc::Ne, other);
        self.asm.alu_imm(Alu::Add, Width::W32, seen.at(cell::SURPLUS).into(), 1);
        self.asm.bind(next);
    }

    /// Takes something else off the surplus of what has been seen most, whose place it takes when there is none.
    pub(super) fn seen_other(&mut self, seen: Seen, next: Label) {
        self.asm.alu_imm(Alu::Add, Width::W32, seen.at(cell::OTHERS).into(), 1);
        self.asm.alu_imm(Alu::Sub, Width::W32, seen.at(cell::SURPLUS).into(), 1);
        self.asm.jcc(Cc::Ns, next);
        self.asm.store(Width::W32, seen.at(cell::SEEN), seen.what);
        self.asm.store_imm(Width::W32, seen.at(cell::SURPLUS), 1);
        self.asm.jmp(next);
    }

    /// Says that nothing is left, if that has just turned out.
    fn tell(&mut self, at: u32) {
        let next = self.asm.label();
        let first = self.locals_end();
        let vectors = self.stack.iter().filter(|entry| entry.kind == Kind::V128);
        let vectors = if at == 0 { Vec::new() } else { vectors.map(|entry| entry.slot).collect() };
        let site = Site { next, at, operands: self.slots - first, vectors };
        let late = self.late(LateCode::RanOut(site));
        self.asm.jcc(Cc::S, late);
        self.asm.bind(next);
    }

    /// Slots of the locals.
    fn locals_end(&self) -> u32 {
        self.locals.last().map_or(0, |local| local.slot + local.kind.slots())
    }

    /// Says that the function's budget has run out, and goes on where that says.
    pub(super) fn ran_out(&mut self, site: &Site) {
        let in_loop = site.at != 0;
        self.source.push((self.asm.here(), InlinedCall::NO_FRAME));
        self.write_homes(in_loop);
        self.asm.mov(Width::W64, RDI, R14);
        self.asm.mov_imm(RSI, self.index.into());
        self.asm.mov_imm(RDX, site.at.into());
        if in_loop {
            let first = self.slot(0, Kind::I64);
            self.asm.lea(Width::W64, RCX, first);
        } else {
            self.asm.mov_imm(RCX, 0);
        }
        let locals = self.locals_end();
        self.asm.mov_imm(R8, u64::from(locals) << 32 | u64::from(site.operands));
        call_builtin(&mut self.asm, &mut self.relocations, Builtin::RanOut);
        let other = self.asm.label();
        if in_loop {
            self.asm.test(Width::W64, RAX, RAX);
            self.asm.jcc(Cc::Ne, other);
        }
        self.restore_locals();
        self.asm.jmp(site.next);
        self.asm.bind(other);
        if in_loop {
            self.call_loop(site);
        }
    }

    /// Writes locals to their slots: all that have homes, or only those in registers that calls change.
    fn write_homes(&mut self, all: bool) {
        let count = if all { self.locals.len() } else { self.lost_locals.len() };
        for at in 0..count {
            let index = if all { at } else { self.lost_locals[at] as usize };
            let local = self.locals[index];
            let to = self.slot(local.slot, local.kind);
            match local.home {
                Some(Loc::Gpr(reg)) => self.asm.store(Width::W64, to, reg),
                Some(Loc::Xmm(reg)) => self.store_vector(local.kind, to, reg),
                _ => {}
            }
        }
    }

    /// Calls the way into a loop in `rax`, and returns what it returns.
    fn call_loop(&mut self, site: &Site) {
        self.asm.mov(Width::W64, R11, RAX);
        self.copy_vectors(site);
        if self.places.stack_bytes > 0 {
            let bytes = self.places.stack_bytes as i32;
            self.asm.alu_imm(Alu::Sub, Width::W64, RSP.into(), bytes);
        }
        if self.places.area_bytes > 0 {
            self.asm.load(Width::W64, RDI, Mem::at(RBP, self.layout.area));
        }
        let context = self.places.context.unwrap_or(RDI);
        self.asm.mov(Width::W64, context, R14);
        self.asm.call(R11.into());
        let exit = self.exit;
        self.asm.jmp(exit);
    }

    /// Puts vectors where the way into a loop finds them: their halves are in the other order than slots.
    fn copy_vectors(&mut self, site: &Site) {
        let locals = self.locals.iter().filter(|local| local.kind == Kind::V128);
        let locals = locals.map(|local| (local.slot, local.slot));
        let operands = site.vectors.iter().map(|slot| (*slot, *slot + FRAME_RECORD_SLOTS));
        let all: Vec<(u32, u32)> = locals.chain(operands).collect();
        if all.is_empty() {
            return;
        }
        self.count_moved(all.len());
        self.load_loop_slots(RAX);
        for (slot, to) in all {
            let from = self.slot(slot, Kind::V128);
            self.asm.load_v128(SCRATCH, from);
            self.asm.store_v128(loop_slot(RAX, to), SCRATCH);
        }
    }

    fn load_loop_slots(&mut self, to: Gpr) {
        self.store_context(to);
        self.asm.load(Width::W64, to, Mem::at(to, store_context::LOOP_SLOTS as i32));
    }

    /// The ways into loops.
    pub(super) fn enter_loops(&mut self) {
        if self.headers.is_empty() {
            return;
        }
        self.operator = u32::MAX;
        let common = self.asm.label();
        for header in core::mem::take(&mut self.headers) {
            self.loops.push((self.asm.here(), header.at));
            let operands = self.asm.label();
            self.asm.lea_label(RAX, operands);
            self.asm.jmp(common);
            self.asm.bind(operands);
            for (kind, slot) in header.operands {
                let to = self.slot(slot, kind);
                self.copy_slot(kind, loop_slot(RCX, slot + FRAME_RECORD_SLOTS), to);
            }
            self.asm.jmp(header.label);
        }
        self.asm.bind(common);
        self.make_frame();
        self.load_loop_slots(RCX);
        self.take_locals();
        if let Some(reg) = self.memory_base {
            self.load_memory_base(reg);
        }
        self.asm.jmp_to(RAX.into());
    }

    /// Puts locals from the slots at `rcx` where they belong.
    fn take_locals(&mut self) {
        let without_home = self.locals.iter().filter(|local| local.home.is_none()).count() as u32;
        let by_loop = without_home >= tuning::ZEROED_BY_LOOP_MIN;
        if by_loop {
            self.copy_all_locals();
        }
        for at in 0..self.locals.len() {
            let local = self.locals[at];
            let from = loop_slot(RCX, local.slot);
            match local.home {
                Some(Loc::Gpr(reg)) => self.asm.load(local.kind.width(), reg, from),
                Some(Loc::Xmm(reg)) => self.load_vector(local.kind, reg, from),
                _ if by_loop && local.kind != Kind::V128 => {}
                _ => {
                    let to = self.slot(local.slot, local.kind);
                    self.copy_slot(local.kind, from, to);
                }
            }
        }
    }

    /// Copies all locals by a loop, vectors with their halves the wrong way round.
    fn copy_all_locals(&mut self) {
        let next = self.asm.label();
        let last = self.slot(0, Kind::I64);
        self.asm.zero(RDX);
        self.asm.lea(Width::W64, RSI, last);
        self.asm.bind(next);
        self.asm.load(Width::W64, R11, Mem { base: RCX, index: Some((RDX, 3)), disp: 0 });
        self.asm.store(Width::W64, Mem::at(RSI, 0), R11);
        self.asm.alu_imm(Alu::Sub, Width::W64, RSI.into(), SLOT_BYTES as i32);
        self.asm.alu_imm(Alu::Add, Width::W32, RDX.into(), 1);
        self.asm.alu_imm(Alu::Cmp, Width::W32, RDX.into(), self.locals_end() as i32);
        self.asm.jcc(Cc::B, next);
    }

    fn copy_slot(&mut self, kind: Kind, from: Mem, to: Mem) {
        if kind == Kind::V128 {
            self.asm.load_v128(SCRATCH, from);
            self.asm.store_v128(to, SCRATCH);
        } else {
            self.asm.load(Width::W64, R11, from);
            self.asm.store(Width::W64, to, R11);
        }
    }
}

/// One of the slots that a way into a loop begins with.
fn loop_slot(base: Gpr, slot: u32) -> Mem {
    Mem::at(base, (slot as usize * SLOT_BYTES) as i32)
}
