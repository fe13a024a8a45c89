//! Control operators.
//!
//! Where a block begins all operands are written to their slots, so that they are in one place however control
//! gets to its end. There a single result is in `rax` or `xmm0`, more are in their slots; the parameters of a loop
//! are in their slots. Locals are at home everywhere.

use super::stack::{Cond, Entry, Kind, Loc, SCRATCH};
use super::{Move, Translator, moves};
use crate::isa::x64::abi::Place;
use crate::isa::x64::asm::{Alu, Cc, Label, Mem, Width};
use crate::isa::x64::regs::{Gpr, R11, RAX, RBP, XMM0};
use crate::translate::frame::bytes_of;
use crate::translate::moves::Target;
use dunlin_core::{TrapCode, ValType};
use wasmparser::{BlockType, BrTable};

/// A block that is open.
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Where branches go.
    label: Label,
    /// Operands below.
    height: usize,
    /// Slots below.
    pub(super) slots: u32,
    params: Vec<Kind>,
    results: Vec<Kind>,
    /// Whether control gets to the end.
    reached: bool,
    /// Of a loop that is counted: where its bytes are to be written, and where it begins in the module.
    counted: Option<(u32, u32)>,
    /// Where exceptions go that are thrown in it.
    pub(super) pad: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// Of code that cannot be reached.
    Dead,
    Block,
    Loop,
    /// With the way to `else`.
    If(Label),
    /// One that catches, by its number.
    Catching(usize),
    Function,
}

/// What a branch to a block does.
#[derive(Clone, Copy)]
struct Branch {
    kind: FrameKind,
    label: Label,
    slots: u32,
    /// How many values it brings, and whether that is one in a register.
    count: usize,
    is_carried: bool,
}

impl Frame {
    fn branch(&self) -> Branch {
        let (kind, label, slots) = (self.kind, self.label, self.slots);
        let (count, is_carried) = (self.brings().len(), self.is_carried());
        Branch { kind, label, slots, count, is_carried }
    }

    /// What a branch brings.
    fn brings(&self) -> &[Kind] {
        if self.kind == FrameKind::Loop { &self.params } else { &self.results }
    }

    /// Whether that is in a register.
    fn is_carried(&self) -> bool {
        self.kind != FrameKind::Loop && self.results.len() == 1
    }
}

impl Translator<'_> {
    pub(super) fn open_body(&mut self) {
        let results = self.kinds(self.func_type().results());
        let frame = Frame {
            kind: FrameKind::Function,
            label: self.exit,
            height: 0,
            slots: self.slots,
            params: Vec::new(),
            results,
            reached: false,
            counted: None,
            pad: None,
        };
        self.frames.push(frame);
    }

    pub(super) fn kinds(&self, types: &[ValType]) -> Vec<Kind> {
        types.iter().map(|ty| self.kind(*ty)).collect()
    }

    pub(super) fn block_kinds(&mut self, ty: BlockType) -> (Vec<Kind>, Vec<Kind>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => match dunlin_module::val_type(ty, self.operator.into()) {
                Ok(ty) => (Vec::new(), vec![self.kind(ty)]),
                Err(error) => {
                    self.failed = Some(error.into());
                    (Vec::new(), Vec::new())
                }
            },
            BlockType::FuncType(index) => {
                let ty = self.module.func_type_at(index);
                (self.kinds(ty.params()), self.kinds(ty.results()))
            }
        }
    }

    pub(super) fn open(&mut self, kind: FrameKind, (params, results): (Vec<Kind>, Vec<Kind>)) {
        self.count_moved(params.len() + results.len());
        let label = self.asm.label();
        let kind = if self.live { kind } else { FrameKind::Dead };
        let below = if self.live { params.len() } else { 0 };
        let height = self.stack.len() - below;
        let slots = self.stack.get(height).map_or(self.slots, |entry| entry.slot);
        let pad = self.frames.last().and_then(|frame| frame.pad);
        let (reached, counted) = (false, None);
        let frame = Frame { kind, label, height, slots, params, results, reached, counted, pad };
        self.frames.push(frame);
    }

    pub(super) fn visit_block(&mut self, ty: BlockType) {
        let kinds = self.block_kinds(ty);
        if self.live {
            self.settle_all();
        }
        self.open(FrameKind::Block, kinds);
    }

    pub(super) fn visit_loop(&mut self, ty: BlockType) {
        let kinds = self.block_kinds(ty);
        if !self.live {
            return self.open(FrameKind::Loop, kinds);
        }
        self.flush_charge();
        self.settle_all();
        self.open(FrameKind::Loop, kinds);
        self.forget_slots();
        if let Some(label) = self.frames.last().map(|frame| frame.label) {
            self.asm.bind(label);
            let counted = self.count_loop(label);
            if let Some(frame) = self.frames.last_mut() {
                frame.counted = counted;
            }
        }
        self.poll();
    }

    pub(super) fn visit_if(&mut self, ty: BlockType) {
        let kinds = self.block_kinds(ty);
        let otherwise = self.asm.label();
        if !self.live {
            return self.open(FrameKind::If(otherwise), kinds);
        }
        self.charge += 1;
        let cond = self.pop_condition();
        self.settle_all();
        self.jump_unless(cond, otherwise);
        self.note_reached();
        self.open(FrameKind::If(otherwise), kinds);
    }

    /// Pops what is asked as what the flags say; what the operators so far cost is paid before.
    fn pop_condition(&mut self) -> Cond {
        let is_cond = matches!(self.stack.last(), Some(Entry { loc: Loc::Cond(_), .. }));
        if is_cond && self.settings.fuel && self.charge != 0 {
            self.settle_cond();
        }
        self.flush_charge();
        let entry = self.pop();
        if let Loc::Cond(cond) = entry.loc {
            return cond;
        }
        self.test_zero(entry);
        Cond::Int(Cc::Ne)
    }

    pub(super) fn jump_unless(&mut self, cond: Cond, to: Label) {
        self.jump_if(cond.not(), to);
    }

    fn jump_if(&mut self, cond: Cond, to: Label) {
        match cond {
            Cond::Int(cc) => self.asm.jcc(cc, to),
            Cond::FloatNe => {
                self.asm.jcc(Cc::P, to);
                self.asm.jcc(Cc::Ne, to);
            }
            Cond::FloatEq => {
                let not = self.asm.label();
                self.asm.jcc(Cc::P, not);
                self.asm.jcc(Cc::E, to);
                self.asm.bind(not);
            }
        }
    }

    pub(super) fn visit_else(&mut self) {
        let Some(mut frame) = self.frames.pop() else { return };
        let FrameKind::If(otherwise) = frame.kind else { return self.frames.push(frame) };
        self.end_part(&mut frame);
        self.go_on(otherwise, &frame);
        self.note_reached();
        self.push_settled(&frame.params);
        frame.kind = FrameKind::Block;
        self.frames.push(frame);
    }

    /// Goes on at a label, with what is below a block on the stack.
    fn go_on(&mut self, label: Label, frame: &Frame) {
        self.truncate(frame.height);
        self.slots = frame.slots;
        self.asm.bind(label);
        self.forget_slots();
        self.live = true;
    }

    /// Pushes operands that are in their slots.
    fn push_settled(&mut self, kinds: &[Kind]) {
        for kind in kinds {
            self.push(*kind, Loc::Slot);
        }
    }

    /// Puts what a branch brings, on top, where the block's end expects it. It stays on the stack. Flags stay what
    /// they are.
    fn bring(&mut self, to: Branch) {
        let count = to.count;
        if to.is_carried {
            return self.carry();
        }
        if to.kind == FrameKind::Function {
            return self.results(count);
        }
        self.count_moved(count);
        let first = self.stack.len() - count;
        let mut slot = to.slots;
        for at in first..self.stack.len() {
            let entry = self.stack[at];
            let is_there = entry.loc == Loc::Slot && entry.slot == slot;
            if !is_there {
                let to = self.slot(slot, entry.kind);
                self.write(entry, to);
            }
            slot += entry.kind.slots();
        }
    }

    /// Puts the operand on top into the register of single results.
    fn carry(&mut self) {
        let at = self.stack.len() - 1;
        let entry = self.stack[at];
        if entry.kind.is_vector() {
            if entry.loc == Loc::Xmm(XMM0) {
                return;
            }
            if self.vectors_taken.contains(XMM0.0) {
                let other = self.stack.iter().position(|entry| entry.loc == Loc::Xmm(XMM0));
                if let Some(other) = other {
                    self.settle(other);
                }
            }
            self.load_xmm(entry, XMM0);
            self.relocate(at, Loc::Xmm(XMM0));
        } else {
            if entry.loc == Loc::Gpr(RAX) {
                return;
            }
            if self.taken.contains(RAX.0) {
                let other = self.stack.iter().position(|entry| entry.loc == Loc::Gpr(RAX));
                if let Some(other) = other {
                    self.settle(other);
                }
            }
            self.load_gpr(entry, RAX);
            self.relocate(at, Loc::Gpr(RAX));
        }
    }

    /// Puts the function's results, on top, into their places. They stay on the stack.
    fn results(&mut self, count: usize) {
        self.count_moved(count);
        let first = self.stack.len() - count;
        let places = self.places.clone();
        for (index, place) in (first..self.stack.len()).zip(&places.results) {
            if let Place::Stack(at) = place {
                self.store_result(index, *at);
            }
        }
        let mut all = core::mem::take(&mut self.moving);
        all.clear();
        for (entry, place) in self.stack[first..].iter().zip(&places.results) {
            let to = match *place {
                Place::Gpr(reg) => Target::Gpr(reg),
                Place::Xmm(reg) => Target::Xmm(reg),
                Place::Stack(_) => continue,
            };
            all.push(Move { to, from: self.source_of(*entry), bytes: bytes_of(entry.kind) });
        }
        moves(&mut self.asm, &all);
        self.moving = all;
    }

    /// Writes a result to the area for results: from its slot, so that one register is enough.
    fn store_result(&mut self, index: usize, at: i32) {
        self.settle(index);
        let entry = self.stack[index];
        let from = self.slot(entry.slot, entry.kind);
        self.asm.load(Width::W64, R11, Mem::at(RBP, self.layout.area));
        let kind = if entry.kind == Kind::V128 { Kind::V128 } else { Kind::F64 };
        self.load_vector(kind, SCRATCH, from);
        self.store_vector(kind, Mem::at(R11, at), SCRATCH);
    }

    pub(super) fn visit_end(&mut self) {
        let Some(mut frame) = self.frames.pop() else { return };
        if frame.kind == FrameKind::Dead {
            return;
        }
        if let Some((at, start)) = frame.counted {
            self.asm.patch32(at, (self.next_operator - start) as i32);
        }
        let is_alone = !self.live && frame.kind == FrameKind::Block;
        if self.live {
            self.flush_charge();
            if frame.kind == FrameKind::Loop {
                return;
            }
            self.bring(frame.branch());
            frame.reached = true;
        } else if frame.kind == FrameKind::Loop {
            self.truncate(frame.height);
            self.slots = frame.slots;
            return;
        }
        match frame.kind {
            FrameKind::If(otherwise) => self.end_without_else(&mut frame, otherwise),
            FrameKind::Catching(index) => self.end_with_clauses(&frame, index),
            _ => {}
        }
        self.close(&frame);
        if is_alone && self.live {
            // Only branches lead here.
            self.note_reached();
        }
    }

    /// Goes on behind a block with what it leaves, if control gets there.
    pub(super) fn close(&mut self, frame: &Frame) {
        self.charge = 0;
        self.truncate(frame.height);
        self.slots = frame.slots;
        self.live = frame.reached;
        if frame.kind == FrameKind::Function {
            return self.live = false;
        }
        self.asm.bind(frame.label);
        self.forget_slots();
        if self.live {
            self.push_brought(frame);
        }
    }

    /// Ends a part of a block behind which others stand.
    pub(super) fn end_part(&mut self, frame: &mut Frame) {
        if self.live {
            self.flush_charge();
            self.bring(frame.branch());
            self.asm.jmp(frame.label);
            frame.reached = true;
        }
        self.charge = 0;
        self.truncate(frame.height);
        self.slots = frame.slots;
    }

    fn end_with_clauses(&mut self, frame: &Frame, index: usize) {
        if self.live && self.is_pad_reached(index) {
            self.asm.jmp(frame.label);
        }
        self.truncate(frame.height);
        self.slots = frame.slots;
        let outer = self.frames.last().and_then(|frame| frame.pad);
        self.end_catching(index, outer);
    }

    /// What has no `else` takes its parameters for its results.
    fn end_without_else(&mut self, frame: &mut Frame, otherwise: Label) {
        let is_trivial = frame.params.is_empty();
        if !is_trivial && self.live {
            self.asm.jmp(frame.label);
        }
        self.go_on(otherwise, frame);
        self.push_settled(&frame.params.clone());
        if !is_trivial {
            self.bring(frame.branch());
        }
        frame.reached = true;
    }

    /// Pushes what a block leaves.
    fn push_brought(&mut self, frame: &Frame) {
        match frame.results[..] {
            [kind] if kind.is_vector() => self.push_xmm(kind, XMM0),
            [kind] => self.push_gpr(kind, RAX),
            _ => self.push_settled(&frame.results),
        }
    }

    /// Nothing follows.
    pub(super) fn end_of_path(&mut self) {
        self.live = false;
        let (height, slots) =
            self.frames.last().map_or((0, self.slots), |frame| (frame.height, frame.slots));
        self.truncate(height);
        self.slots = slots;
    }

    pub(super) fn visit_unreachable(&mut self) {
        self.flush_charge();
        self.trap_here(TrapCode::Unreachable);
        self.end_of_path();
    }

    #[allow(clippy::unused_self, reason = "an operator like the others")]
    pub(super) fn visit_nop(&mut self) {}

    pub(super) fn frame_at(&mut self, depth: u32) -> Option<usize> {
        let at = self.frames.len().checked_sub(1 + depth as usize);
        if let Some(at) = at {
            self.frames[at].reached = true;
        }
        at
    }

    /// Jumps to the end or beginning of a block with what is on top.
    pub(super) fn branch(&mut self, at: usize) {
        let to = self.frames[at].branch();
        self.bring(to);
        self.asm.jmp(to.label);
    }

    pub(super) fn visit_br(&mut self, depth: u32) {
        self.flush_charge();
        if let Some(at) = self.frame_at(depth) {
            self.branch(at);
        }
        self.end_of_path();
    }

    pub(super) fn visit_br_if(&mut self, depth: u32) {
        let Some(at) = self.frame_at(depth) else { return };
        let cond = self.pop_condition();
        let Branch { label, count, is_carried, .. } = self.frames[at].branch();
        if count == 0 || is_carried {
            if is_carried {
                self.carry();
            }
            self.jump_if(cond, label);
            return self.note_reached();
        }
        let next = self.asm.label();
        // What is moved behind the jump is not moved for who goes on.
        let first = self.stack.len() - count;
        for at in first..self.stack.len() {
            self.settle(at);
        }
        self.jump_unless(cond, next);
        self.branch(at);
        self.asm.bind(next);
        self.note_reached();
    }

    pub(super) fn visit_return(&mut self) {
        self.flush_charge();
        if self.frame_at(self.frames.len() as u32 - 1).is_some() {
            self.branch(0);
        }
        self.end_of_path();
    }

    pub(super) fn visit_br_table(&mut self, table: BrTable<'_>) {
        self.flush_charge();
        let index = self.pop();
        let mut targets = Vec::with_capacity(table.len() as usize + 1);
        for depth in table.targets() {
            match depth {
                Ok(depth) => targets.push(depth),
                Err(error) => return self.failed = Some(error.into()),
            }
        }
        targets.push(table.default());
        let frames: Vec<usize> = targets.iter().filter_map(|depth| self.frame_at(*depth)).collect();
        let count = self.frames[frames[0]].brings().len();
        self.count_moved(targets.len());
        let reg = self.owned(index);
        let first = self.stack.len() - count;
        for at in first..self.stack.len() {
            self.settle(at);
        }
        self.asm.alu_imm(Alu::Cmp, Width::W32, reg.into(), targets.len() as i32 - 1);
        self.asm.mov_imm(R11, targets.len() as u64 - 1);
        self.asm.cmov(Cc::A, Width::W32, reg, R11.into());
        self.table_jump(reg, &frames, count);
        self.end_of_path();
    }

    /// Jumps to one of these by number: through stubs where something is to be moved.
    fn table_jump(&mut self, reg: Gpr, frames: &[usize], count: usize) {
        let table = self.asm.label();
        self.asm.lea_label(R11, table);
        self.asm.movsx32(reg, Mem { base: R11, index: Some((reg, 2)), disp: 0 }.into());
        self.asm.alu(Alu::Add, Width::W64, R11, reg.into());
        self.asm.jmp_to(R11.into());
        let mut stubs: Vec<(usize, Label)> = Vec::new();
        let mut labels = Vec::with_capacity(frames.len());
        for at in frames {
            if count == 0 {
                labels.push(self.frames[*at].label);
                continue;
            }
            let known = stubs.iter().find(|(of, _)| of == at).map(|(_, label)| *label);
            labels.push(known.unwrap_or_else(|| {
                let label = self.asm.label();
                stubs.push((*at, label));
                label
            }));
        }
        self.asm.bind(table);
        let start = self.asm.here();
        for label in labels {
            let entry = self.asm.table_entry(label, start);
            self.table_entries.push(entry);
        }
        for (at, label) in stubs {
            self.asm.bind(label);
            let first = self.stack.len() - count;
            self.branch(at);
            // Each begins with all of it in slots.
            for at in first..self.stack.len() {
                self.relocate(at, Loc::Slot);
            }
        }
    }

    pub(super) fn visit_select(&mut self) {
        let cond = self.pop_select_condition();
        let (second, first) = (self.pop(), self.pop());
        if first.kind.is_vector() {
            return self.select_vector(cond, first, second);
        }
        // Whatever loads them changes no flags.
        let other = self.rm(second);
        let reg = match first.loc {
            Loc::Gpr(reg) => reg,
            _ => {
                let reg = self.alloc();
                self.load_gpr(first, reg);
                reg
            }
        };
        let width = first.kind.width();
        match cond {
            Cond::Int(cc) => self.asm.cmov(cc.not(), width, reg, other),
            Cond::FloatNe | Cond::FloatEq => {
                let (take, done) = (self.asm.label(), self.asm.label());
                self.jump_if(cond, done);
                self.asm.bind(take);
                self.asm.op(width, 0x8b, reg.0, other);
                self.asm.bind(done);
            }
        }
        let kind = if matches!((first.kind, second.kind), (Kind::Ref(false), Kind::Ref(true))) {
            second.kind
        } else {
            first.kind
        };
        self.push_gpr(kind, reg);
    }

    fn pop_select_condition(&mut self) -> Cond {
        let entry = self.pop();
        match entry.loc {
            Loc::Cond(cond) => cond,
            _ => {
                self.test_zero(entry);
                Cond::Int(Cc::Ne)
            }
        }
    }

    fn select_vector(&mut self, cond: Cond, first: Entry, second: Entry) {
        let reg = match first.loc {
            Loc::Xmm(reg) => reg,
            _ => {
                let reg = self.alloc_xmm();
                self.load_xmm(first, reg);
                reg
            }
        };
        let done = self.asm.label();
        let other = match second.loc {
            Loc::Const(_) => {
                let other = self.alloc_xmm();
                self.load_xmm(second, other);
                Entry { loc: Loc::Xmm(other), ..second }
            }
            _ => second,
        };
        self.jump_if(cond, done);
        self.load_xmm(other, reg);
        self.asm.bind(done);
        self.push_xmm(first.kind, reg);
    }

    pub(super) fn visit_typed_select(&mut self, _ty: wasmparser::ValType) {
        self.visit_select();
    }

    pub(super) fn visit_drop(&mut self) {
        self.pop();
    }

    /// Branches if what is on top is null; else it stays.
    pub(super) fn visit_br_on_null(&mut self, depth: u32) {
        let entry = self.pop();
        let Some(at) = self.frame_at(depth) else { return };
        let reg = self.owned(entry);
        let first = self.settle_brought(at);
        self.flush_charge();
        let next = self.asm.label();
        self.asm.test(Width::W32, reg, reg);
        self.asm.jcc(Cc::Ne, next);
        self.branch_from_slots(at, first);
        self.asm.bind(next);
        self.note_reached();
        self.push_gpr(entry.kind, reg);
    }

    /// Writes what a branch brings to its slots, and what is in the way of a single result: what is moved behind a
    /// jump is not moved for who goes on. Returns where what it brings begins.
    pub(super) fn settle_brought(&mut self, at: usize) -> usize {
        let frame = &self.frames[at];
        let (count, is_carried) = (frame.brings().len(), frame.is_carried());
        self.count_moved(count);
        let first = self.stack.len() - count;
        for at in first..self.stack.len() {
            self.settle(at);
        }
        let in_the_way = |entry: &Entry| matches!(entry.loc, Loc::Gpr(RAX) | Loc::Xmm(XMM0));
        if is_carried && (self.taken.contains(RAX.0) || self.vectors_taken.contains(XMM0.0)) {
            self.count_moved(first.saturating_sub(self.settled));
            for at in self.settled..first {
                if in_the_way(&self.stack[at]) {
                    self.settle(at);
                }
            }
        }
        first
    }

    /// A branch, behind which what it brings is in slots again.
    pub(super) fn branch_from_slots(&mut self, at: usize, first: usize) {
        self.branch(at);
        for at in first..self.stack.len() {
            self.relocate(at, Loc::Slot);
        }
    }

    /// Branches with what is on top unless it is null; then it is dropped.
    pub(super) fn visit_br_on_non_null(&mut self, depth: u32) {
        let Some(at) = self.frame_at(depth) else { return };
        self.flush_charge();
        let first = self.settle_brought(at);
        let next = self.asm.label();
        let top = self.stack[self.stack.len() - 1];
        let slot = self.slot(top.slot, top.kind);
        self.asm.alu_imm(Alu::Cmp, Width::W32, slot.into(), 0);
        self.asm.jcc(Cc::E, next);
        self.branch_from_slots(at, first);
        self.asm.bind(next);
        self.note_reached();
        self.pop();
    }

    pub(super) fn visit_ref_as_non_null(&mut self) {
        let entry = self.pop();
        let reg = self.gpr(entry);
        self.asm.test(Width::W32, reg, reg);
        self.trap_if(Cc::E, TrapCode::NullReference);
        match entry.loc {
            Loc::Local(_) => self.push(entry.kind, entry.loc),
            _ => self.push_gpr(entry.kind, reg),
        }
    }

    pub(super) fn no_match(&mut self, reg: Gpr) {
        let null = self.asm.label();
        if reg == RAX {
            // The reference of the record in it.
            let word = Mem::at(RBP, self.layout.reference);
            self.asm.load(Width::W64, R11, word);
        }
        self.asm.test(Width::W32, R11, R11);
        self.asm.jcc(Cc::E, null);
        self.trap_here(TrapCode::IndirectCallTypeMismatch);
        self.asm.bind(null);
        self.trap_here(TrapCode::UninitializedElement);
    }
}
