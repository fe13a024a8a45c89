//! Exceptions: what throws, and blocks that catch.
//!
//! 1. Entering a block that catches is entering any block. Calls in it say where its *pad* is, where control arrives
//!    with the exception in `rax` and its tag in `rdx`, all other registers lost; what throws in the function itself
//!    jumps there.
//! 2. So locals that live in registers are in their slots too wherever something may throw to a pad: a call in a
//!    block that catches writes all that have changed. A pad reads the context and all homes again.
//! 3. The pad keeps exception and tag as operands, compares the tag with those of the clauses, and goes to the next
//!    pad outwards, or out of the function, if none is the same.
//!
//! The early form of exceptions differs in where the clauses' code stands: behind the block, each where the comparison
//! before it has failed. Exception and tag are operands below those of the clause, for a `rethrow`.
//!
//! Whoever throws restores no registers: a function that catches saves all that its caller needs back.

use super::control::FrameKind;
use super::locals::context_mem;
use super::stack::{Entry, Kind, Loc};
use super::{Move, MoveSource, Translator, call_builtin, moves};
use crate::isa::x64::asm::{Alu, Cc, Label, Mem, Width};
use crate::isa::x64::regs::{R11, R14, RAX, RBP, RCX, RDI, RDX, RSI, RSP};
use crate::translate::moves::Target;
use dunlin_core::TrapCode;
use dunlin_module::Builtin;
use dunlin_module::layout::{SLOT_BYTES, vm_context};
use wasmparser::{BlockType, Catch, TryTable};

/// Where exceptions of a block go.
#[derive(Clone, Copy)]
pub(super) struct Pad {
    label: Label,
    is_reached: bool,
}

/// A block that catches.
pub(super) struct Catching {
    pad: usize,
    clauses: Clauses,
}

enum Clauses {
    /// Those of a `try_table`.
    Table(Vec<Catch>),
    /// Of an early `try`: none has come yet.
    Before,
    /// The latest has caught; the next one, or what follows the last, begins at the label, if anything gets there.
    Caught(Option<Label>),
    /// Nothing is ever thrown there.
    Never,
}

/// The tag of what is thrown.
enum Tag {
    /// One of the module's.
    Index(u32),
    /// An operand.
    Operand(Entry),
    /// In `rax`.
    Found,
}

impl Translator<'_> {
    /// Where exceptions go that are thrown here.
    fn pad(&self) -> Option<usize> {
        self.frames.last().and_then(|frame| frame.pad)
    }

    /// The same as a label; it is reached.
    pub(super) fn reach_pad(&mut self) -> Option<Label> {
        let pad = &mut self.pads[self.frames.last()?.pad?];
        pad.is_reached = true;
        Some(pad.label)
    }

    /// Whether something that is thrown here is looked at in this function.
    pub(super) fn is_caught(&self) -> bool {
        self.pad().is_some()
    }

    /// Notes where exceptions are looked at that the call has thrown which returns here.
    pub(super) fn note_handler(&mut self, pad: Option<Label>) {
        if let Some(pad) = pad {
            self.handlers.push((self.asm.here(), pad));
        }
    }

    fn open_catching(&mut self, ty: BlockType, clauses: Clauses) {
        let kinds = self.block_kinds(ty);
        if !self.live {
            return self.open(FrameKind::Block, kinds);
        }
        self.settle_all();
        let (pad, index) = (self.pads.len(), self.catching.len());
        let label = self.asm.label();
        self.pads.push(Pad { label, is_reached: false });
        self.catching.push(Catching { pad, clauses });
        self.open(FrameKind::Catching(index), kinds);
        if let Some(frame) = self.frames.last_mut() {
            frame.pad = Some(pad);
        }
    }

    pub(super) fn visit_try_table(&mut self, table: TryTable) {
        self.open_catching(table.ty, Clauses::Table(table.catches));
    }

    pub(super) fn visit_try(&mut self, ty: BlockType) {
        self.open_catching(ty, Clauses::Before);
    }

    /// Begins the code of a pad, if anything gets there: exception and tag are on top.
    fn begin_pad(&mut self, pad: usize) -> bool {
        let Pad { label, is_reached } = self.pads[pad];
        if !is_reached {
            return false;
        }
        self.asm.bind(label);
        self.asm.load(Width::W64, R14, Mem::at(RBP, self.layout.context));
        if let Some(reg) = self.memory_base {
            self.load_memory_base(reg);
        }
        self.restore_all_locals();
        self.push_thrown();
        let [exception, tag] = self.thrown();
        let (exception, tag) =
            (self.slot(exception.slot, Kind::I64), self.slot(tag.slot, Kind::I64));
        self.asm.store(Width::W64, exception, RAX);
        self.asm.store(Width::W64, tag, RDX);
        true
    }

    fn push_thrown(&mut self) {
        self.push(Kind::Ref(true), Loc::Slot);
        self.push(Kind::I32, Loc::Slot);
        self.charge = 0;
    }

    /// An exception and its tag, which are on top.
    fn thrown(&self) -> [Entry; 2] {
        let top = self.stack.len() - 2;
        [self.stack[top], self.stack[top + 1]]
    }

    /// The code of the clauses that stand behind a block, and of what none of them catches: that goes to the pad.
    pub(super) fn end_catching(&mut self, index: usize, outer: Option<usize>) {
        self.charge = 0;
        if let Clauses::Table(catches) = &mut self.catching[index].clauses {
            let catches = core::mem::take(catches);
            let pad = self.catching[index].pad;
            return self.catch(pad, &catches);
        }
        if self.begin_clause(index) {
            let [exception, tag] = self.thrown();
            self.throw(exception, &Tag::Operand(tag), outer);
        }
    }

    /// Whether exceptions get to the pad of a block.
    pub(super) fn is_pad_reached(&self, index: usize) -> bool {
        self.pads[self.catching[index].pad].is_reached
    }

    /// The clauses of a `try_table`.
    fn catch(&mut self, pad: usize, catches: &[Catch]) {
        if !self.begin_pad(pad) {
            return;
        }
        let height = self.stack.len();
        let [exception, found] = self.thrown();
        for catch in catches {
            let (tag, label) = match *catch {
                Catch::One { tag, label } | Catch::OneRef { tag, label } => (Some(tag), label),
                Catch::All { label } | Catch::AllRef { label } => (None, label),
            };
            self.held = Default::default();
            let next = tag.map(|tag| self.compare_tag(found, tag));
            self.caught(exception, tag);
            if matches!(catch, Catch::OneRef { .. } | Catch::AllRef { .. }) {
                self.push_copy(exception.kind, self.slot(exception.slot, exception.kind));
            }
            if let Some(at) = self.frame_at(label) {
                self.branch(at);
            }
            self.truncate(height);
            let Some(next) = next else { return };
            self.asm.bind(next);
        }
        let outer = self.pad();
        self.throw(exception, &Tag::Operand(found), outer);
    }

    /// Goes on where an exception has this tag; the label for all others.
    fn compare_tag(&mut self, found: Entry, tag: u32) -> Label {
        let next = self.asm.label();
        self.load_gpr(found, RDX);
        self.asm.load(Width::W64, R11, context_mem(vm_context::TAGS));
        self.asm.alu(Alu::Cmp, Width::W32, RDX, Mem::at(R11, 4 * tag as i32).into());
        self.asm.jcc(Cc::Ne, next);
        next
    }

    /// Pushes a value that is read from memory, in its slot.
    fn push_copy(&mut self, kind: Kind, from: Mem) {
        let to = self.slot(self.slots, kind);
        self.copy(kind, from, to);
        self.push(kind, Loc::Slot);
    }

    /// Takes an exception, and pushes what it carries if its tag is known.
    fn caught(&mut self, exception: Entry, tag: Option<u32>) {
        self.builtin(Builtin::CatchException, &[], &[exception]);
        self.asm.test(Width::W64, RAX, RAX);
        self.unwind_if(Cc::E);
        self.after_call();
        let Some(tag) = tag else { return };
        let params = self.module.tag_type(tag).params();
        self.count_moved(params.len());
        let mut at = 0;
        for ty in params {
            let kind = self.kind(*ty);
            self.push_copy(kind, Mem::at(RAX, at));
            at += kind.slots() as i32 * SLOT_BYTES as i32;
        }
    }

    /// Throws to a pad of this function's, or out of it. No register is read but where the tag says so.
    fn throw(&mut self, exception: Entry, tag: &Tag, to: Option<usize>) {
        let Some(pad) = to else {
            self.builtin(Builtin::ThrowException, &[], &[exception]);
            return self.trap_here(TrapCode::Unreachable);
        };
        self.save_all_locals();
        match *tag {
            Tag::Index(tag) => {
                self.asm.load(Width::W64, R11, context_mem(vm_context::TAGS));
                self.asm.load(Width::W32, RDX, Mem::at(R11, 4 * tag as i32));
            }
            Tag::Operand(entry) => self.load_gpr(entry, RDX),
            Tag::Found => self.asm.mov(Width::W32, RDX, RAX),
        }
        self.load_gpr(exception, RAX);
        self.pads[pad].is_reached = true;
        self.asm.jmp(self.pads[pad].label);
    }

    pub(super) fn visit_throw(&mut self, tag: u32) {
        self.flush_charge();
        let ty = self.module.tag_type(tag);
        let (count, slots) = (ty.params().len(), ty.param_slots());
        self.count_moved(count);
        let first = self.stack.len() - count;
        // They are read when registers have changed.
        for at in first..self.stack.len() {
            self.settle(at);
        }
        self.builtin(Builtin::NewException, &[tag.into()], &[]);
        self.unwind_if_none();
        self.push(Kind::Ref(true), Loc::Slot);
        let exception = self.stack[first + count];
        let place = self.slot(exception.slot, Kind::I64);
        self.asm.store(Width::W64, place, RAX);
        if slots > 0 {
            self.fill_exception(first, slots, exception);
        }
        let to = self.pad();
        self.throw(exception, &Tag::Index(tag), to);
        self.end_of_path();
    }

    /// Writes the operands from a height on, which are in their slots, to a new exception. Nothing is allocated
    /// meanwhile.
    fn fill_exception(&mut self, first: usize, slots: u32, exception: Entry) {
        let bytes = (slots as i32 * SLOT_BYTES as i32 + 15) & !15;
        self.asm.alu_imm(Alu::Sub, Width::W64, RSP.into(), bytes);
        let mut at = 0;
        for index in first..self.stack.len() - 1 {
            let Entry { kind, slot, .. } = self.stack[index];
            let (from, to) = (self.slot(slot, kind), Mem::at(RSP, at));
            if matches!(kind, Kind::I32 | Kind::F32 | Kind::Ref(_)) {
                self.asm.load(Width::W32, R11, from);
                self.asm.store(Width::W64, to, R11);
            } else {
                self.copy(kind, from, to);
            }
            at += kind.slots() as i32 * SLOT_BYTES as i32;
        }
        let from = |of: &Self| MoveSource::Mem(of.slot(exception.slot, exception.kind));
        let all = [
            Move { to: Target::Gpr(RDI), from: MoveSource::Gpr(R14), bytes: 8 },
            Move { to: Target::Gpr(RSI), from: from(self), bytes: 4 },
            Move { to: Target::Gpr(RDX), from: MoveSource::Address(Mem::at(RSP, 0)), bytes: 8 },
            Move { to: Target::Gpr(RCX), from: MoveSource::Const(slots.into()), bytes: 4 },
        ];
        moves(&mut self.asm, &all);
        call_builtin(&mut self.asm, &mut self.relocations, Builtin::FillException);
        self.asm.alu_imm(Alu::Add, Width::W64, RSP.into(), bytes);
        self.asm.test(Width::W32, RAX, RAX);
        self.unwind_if(Cc::Ne);
    }

    pub(super) fn visit_throw_ref(&mut self) {
        self.flush_charge();
        let top = self.stack.len() - 1;
        self.settle(top);
        let exception = self.stack[top];
        let slot = self.slot(exception.slot, exception.kind);
        self.asm.alu_imm(Alu::Cmp, Width::W32, slot.into(), 0);
        self.trap_if(Cc::E, TrapCode::NullExceptionReference);
        let to = self.pad();
        if to.is_some() {
            self.builtin(Builtin::ExceptionTag, &[], &[exception]);
        }
        self.throw(exception, &Tag::Found, to);
        self.end_of_path();
    }

    // The early form.

    /// Whether the operator at hand is in a clause, which keeps what it has caught among the operands.
    pub(super) fn is_in_early_clause(&self) -> bool {
        let has_caught = |clauses: &Clauses| matches!(clauses, Clauses::Caught(_) | Clauses::Never);
        self.frames.iter().any(|frame| match frame.kind {
            FrameKind::Catching(index) => has_caught(&self.catching[index].clauses),
            _ => false,
        })
    }

    pub(super) fn visit_catch(&mut self, tag: u32) {
        self.clause(Some(tag));
    }

    pub(super) fn visit_catch_all(&mut self) {
        self.clause(None);
    }

    fn clause(&mut self, tag: Option<u32>) {
        let Some(mut frame) = self.frames.pop() else { return };
        if let FrameKind::Catching(index) = frame.kind {
            self.end_part(&mut frame);
            frame.pad = self.pad();
            self.catching[index].clauses = if self.begin_clause(index) {
                let [exception, found] = self.thrown();
                let next = tag.map(|tag| self.compare_tag(found, tag));
                self.caught(exception, tag);
                self.live = true;
                Clauses::Caught(next)
            } else {
                self.live = false;
                Clauses::Never
            };
        }
        self.frames.push(frame);
    }

    /// Goes on where a clause begins, or what follows the last one, if anything gets there: exception and tag are on
    /// top.
    fn begin_clause(&mut self, index: usize) -> bool {
        match self.catching[index].clauses {
            Clauses::Before => self.begin_pad(self.catching[index].pad),
            Clauses::Caught(Some(next)) => {
                self.asm.bind(next);
                // Registers are what they were at the pad; slots may have changed in the clause before.
                self.forget_slots();
                self.push_thrown();
                true
            }
            _ => false,
        }
    }

    pub(super) fn visit_delegate(&mut self, depth: u32) {
        let Some(mut frame) = self.frames.pop() else { return };
        let FrameKind::Catching(index) = frame.kind else { return };
        self.end_part(&mut frame);
        let outer = self.frames[self.frames.len() - 1 - depth as usize].pad;
        self.end_catching(index, outer);
        self.close(&frame);
    }

    pub(super) fn visit_rethrow(&mut self, depth: u32) {
        self.flush_charge();
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        let slot = frame.slots;
        let exception = Entry { loc: Loc::Slot, kind: Kind::Ref(true), slot };
        let tag = Entry { loc: Loc::Slot, kind: Kind::I32, slot: slot + 1 };
        let to = self.pad();
        self.throw(exception, &Tag::Operand(tag), to);
        self.end_of_path();
    }
}
