//! Control operators: blocks, branches, polls, charges.

use super::Translator;
use super::environment::Region;
use super::frames::{Frame, Kind, block_args};
use super::rotate::Way;
use crate::fuel;
use crate::limits;
use crate::settings::Polls;
use crate::tuning;
use crate::worker::clif_trap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockCall, InstBuilder, InstructionData, JumpTableData, Opcode, Value, types,
};
use dunlin_core::TrapCode;
use dunlin_core::limits::BULK_PER_FUEL_UNIT;
use dunlin_module::CompileError;
use dunlin_module::layout::{POLL_PAGE_BYTES, interrupts, vm_context};
use wasmparser::{BlockType, BrTable};

impl Translator<'_, '_> {
    pub(super) fn visit_unreachable(&mut self) {
        self.flush_charge();
        self.is_rare();
        // A block that does nothing but trap would become part of the branch to it, and the trap would
        // happen at that operator instead of this one.
        self.env.b.ins().sequence_point();
        self.env.trap(TrapCode::Unreachable);
        self.end_of_path();
    }

    /// Notes that control seldom gets where it is.
    pub(super) fn is_rare(&mut self) {
        // The layout has no first block before its first instruction, and the function begins at that.
        if let Some(block) = self.env.b.current_block()
            && self.env.b.func.layout.entry_block().is_some_and(|entry| entry != block)
        {
            self.env.b.set_cold_block(block);
        }
    }

    #[allow(clippy::unused_self, reason = "an operator like the others")]
    pub(super) fn visit_nop(&mut self) {}

    pub(super) fn visit_block(&mut self, ty: BlockType) {
        let (params, results) = self.block_types(ty);
        let kind = if self.live {
            Kind::Block { end: self.block_with(&results), reached: false }
        } else {
            Kind::Dead
        };
        if self.live && self.begins_loop(ty) {
            let (height, facts) = (self.stack.len(), self.facts.count());
            let pad = self.frames.last().and_then(|outer| outer.pad);
            let frame = Frame::new(kind, height, 0, self.cold, pad, facts);
            self.count_block();
            return self.frames.push(Frame { begins_loop: true, ..frame });
        }
        self.open(kind, params.len(), results.len());
    }

    pub(super) fn visit_loop(&mut self, ty: BlockType) {
        let (params, results) = self.block_types(ty);
        if !self.live {
            return self.open(Kind::Dead, params.len(), results.len());
        }
        let start = self.block_with(&params);
        let height = self.stack.len() - params.len();
        self.note_target();
        let is_joined = self.is_around_target(height);
        self.jump_with_top(start, params.len());
        self.go_on_at(start, height);
        if is_joined {
            self.read_below(height);
        }
        self.facts.begin_loop();
        let rotation = self.rotation(ty);
        let kind = Kind::Loop { start, params: params.len(), rotation };
        self.open(kind, params.len(), results.len());
        if let Some(frame) = self.frames.last_mut() {
            frame.is_joined = is_joined;
        }
        self.poll();
    }

    pub(super) fn visit_if(&mut self, ty: BlockType) {
        let (params, results) = self.block_types(ty);
        if !self.live {
            return self.open(Kind::Dead, params.len(), results.len());
        }
        self.charge += 1;
        let condition = self.pop();
        let (then, otherwise) = (self.env.b.create_block(), self.env.b.create_block());
        let end = self.block_with(&results);
        self.flush_charge();
        self.env.b.ins().brif(condition, then, &[], otherwise, &[]);
        if !params.is_empty() || !self.first_test([Way::Block(then), Way::Block(otherwise)]) {
            self.env.b.seal_block(then);
        }
        let values = self.top(params.len()).to_vec();
        let kind = Kind::If { otherwise, params: values, end, reached: false };
        self.open(kind, params.len(), results.len());
        let (hint, asked) = (self.hint(false), self.condition(condition));
        if let Some(frame) = self.frames.last_mut() {
            (frame.hint, frame.condition) = (hint, asked);
        }
        self.cold |= hint == Some(false);
        self.begin(then);
        self.learn_of(asked, true);
    }

    /// Counts a block that is opened, or that a call ends.
    pub(super) fn count_block(&mut self) {
        self.blocks += 1;
        if self.blocks > limits::BLOCKS_MAX {
            self.refuse("the function has too many blocks for this tier");
        } else if self.blocks * self.local_count > limits::BLOCKS_TIMES_LOCALS_MAX {
            self.refuse("the function has too many locals for its blocks, for this tier");
        }
    }

    pub(super) fn open(&mut self, kind: Kind, params: usize, results: usize) {
        self.count_block();
        self.no_first_test();
        // What cannot be reached takes nothing: operands that lie there are of blocks around it.
        let params = if matches!(kind, Kind::Dead) { 0 } else { params };
        let height = self.stack.len() - params;
        let pad = self.frames.last().and_then(|outer| outer.pad);
        let facts = self.facts.count();
        self.frames.push(Frame::new(kind, height, results, self.cold, pad, facts));
    }

    pub(super) fn visit_else(&mut self) {
        let mut frame = self.frames.pop().expect("a validated body's frame");
        let Kind::If { otherwise, params, end, mut reached } = frame.kind else {
            return self.frames.push(frame);
        };
        if self.live {
            frame.left_zero = frame.results == 1 && !reached && self.is_const_zero(self.top(1)[0]);
            self.jump_with_top(end, frame.results);
            reached = true;
            frame.ends_warm |= !self.cold;
        }
        let is_reached = frame.is_guard || self.is_reached();
        self.cold = frame.cold || frame.hint == Some(true) || !is_reached;
        self.facts.forget(frame.facts);
        self.go_on_at(otherwise, frame.height);
        self.seal(otherwise);
        self.stack.extend(params);
        let asked = frame.condition;
        self.frames.push(Frame { kind: Kind::Block { end, reached }, ..frame });
        self.learn_of(asked, false);
    }

    /// Whether a value is the constant zero.
    fn is_const_zero(&self, value: Value) -> bool {
        let dfg = &self.env.b.func.dfg;
        let Some(inst) = dfg.value_def(value).inst() else { return false };
        matches!(dfg.insts[inst], InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } if imm.bits() == 0)
    }

    pub(super) fn visit_end(&mut self) {
        let frame = self.frames.pop().expect("a validated body's frame");
        let Frame { kind, height, results, .. } = frame;
        let ends_warm = frame.ends_warm || self.live && !self.cold;
        if frame.begins_loop {
            self.no_first_test();
        }
        // Where there is one way to the end, what is known on it is known behind it.
        if !matches!(kind, Kind::Dead | Kind::Loop { .. } | Kind::Block { reached: false, .. }) {
            self.facts.forget(frame.facts);
        }
        match kind {
            Kind::Dead => self.stack.truncate(height),
            Kind::Loop { start, rotation, .. } => {
                self.end_loop(start, &rotation, frame.is_joined);
                if !self.live {
                    self.stack.truncate(height);
                }
            }
            Kind::Block { end, mut reached } => {
                let joins = self.live && frame.left_zero && frame.branches == 0;
                let left = joins.then(|| self.top(1)[0]);
                let is_reached = self.live || frame.is_guard || self.is_reached();
                if self.live {
                    self.jump_with_top(end, results);
                    reached = true;
                }
                self.cold = !ends_warm || !is_reached;
                self.close(end, reached, height);
                self.joined(left);
            }
            Kind::TryTable { end, mut reached, pad, catches } => {
                if self.live {
                    self.jump_with_top(end, results);
                    reached = true;
                }
                self.catch(pad, &catches);
                self.cold = !ends_warm;
                self.close(end, reached, height);
            }
            Kind::Try { end, mut reached, clauses } => {
                if self.live {
                    self.jump_with_top(end, results);
                    reached = true;
                }
                let outer = self.frames.last().and_then(|outer| outer.pad);
                self.end_clauses(clauses, outer);
                self.cold = !ends_warm;
                self.close(end, reached, height);
            }
            Kind::If { otherwise, params, end, reached } => {
                if self.live {
                    self.jump_with_top(end, results);
                }
                self.cold = frame.cold || frame.hint == Some(true);
                let is_only_way = !self.live && !reached;
                self.begin(otherwise);
                self.seal(otherwise);
                self.env.b.ins().jump(end, &block_args(&params));
                self.cold &= !ends_warm;
                self.close(end, true, height);
                if is_only_way {
                    self.learn_of(frame.condition, false);
                }
            }
        }
        if self.frames.is_empty() && self.live {
            self.finish();
        }
    }

    /// The end of a loop's code; nothing more leads to its start unless another way joins it there.
    fn end_loop(
        &mut self,
        start: cranelift_codegen::ir::Block,
        rotation: &super::rotate::Rotation,
        is_joined: bool,
    ) {
        if !is_joined {
            self.env.b.seal_block(start);
        }
        self.seal_rotated(rotation);
    }

    /// Goes on behind a block.
    pub(super) fn close(
        &mut self,
        end: cranelift_codegen::ir::Block,
        reached: bool,
        height: usize,
    ) {
        self.env.b.seal_block(end);
        self.live = reached;
        if reached {
            self.go_on_at(end, height);
        } else {
            self.stack.truncate(height);
        }
    }

    /// Returns what is on the stack.
    fn finish(&mut self) {
        // What the function cost is paid before anybody sees what it did.
        self.flush_charge();
        let results = self.scope.func_type.results().len();
        let values = self.top(results).to_vec();
        self.env.b.ins().return_(&values);
        self.end_of_path();
    }

    pub(super) fn refuse(&mut self, why: &str) {
        self.failed = Some(CompileError::new(why));
    }

    pub(super) fn count_branch(&mut self) {
        self.branches += 1;
        if self.branches > limits::BRANCHES_MAX {
            self.refuse("the function has too many branches for this tier");
        }
    }

    pub(super) fn visit_br(&mut self, depth: u32) {
        self.count_branch();
        if self.rotate(depth) {
            return;
        }
        let (block, count) = self.target(depth);
        self.jump_with_top(block, count);
        self.end_of_path();
    }

    pub(super) fn visit_br_if(&mut self, depth: u32) {
        self.count_branch();
        let condition = self.pop();
        let asked = self.condition(condition);
        let (hint, cold) = (self.hint(true), self.cold);
        self.cold |= hint == Some(false);
        let (block, count) = self.target(depth);
        self.cold = cold;
        let args = block_args(self.top(count));
        let next = self.env.b.create_block();
        self.flush_charge();
        self.env.b.ins().brif(condition, block, &args, next, &[]);
        if count != 0 {
            self.no_first_test();
        }
        if !self.first_test([Way::Depth(depth), Way::Block(next)]) {
            self.env.b.seal_block(next);
        }
        self.cold |= hint == Some(true);
        self.begin(next);
        self.learn_of(asked, false);
    }

    /// Branches if what is on top is null, which is dropped then.
    pub(super) fn visit_br_on_null(&mut self, depth: u32) {
        let reference = self.pop();
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.push(null);
        self.visit_br_if(depth);
        self.is_not_null(reference);
        self.push(reference);
    }

    /// Branches with what is on top unless it is null; then it is dropped.
    pub(super) fn visit_br_on_non_null(&mut self, depth: u32) {
        let reference = self.top(1)[0];
        self.push(reference);
        self.visit_br_if(depth);
        self.pop();
    }

    pub(super) fn visit_ref_as_non_null(&mut self) {
        let reference = self.top(1)[0];
        if !self.may_be_null(reference) {
            return;
        }
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.env.trap_if(null, TrapCode::NullReference);
        self.is_not_null(reference);
    }

    pub(super) fn visit_br_table(&mut self, table: BrTable<'_>) {
        let index = self.pop();
        let mut calls = Vec::with_capacity(table.len() as usize);
        for depth in table.targets() {
            match depth {
                Ok(depth) => calls.push(self.block_call(depth)),
                Err(error) => return self.failed = Some(error.into()),
            }
        }
        let default = self.block_call(table.default());
        let jump_table = self.env.b.create_jump_table(JumpTableData::new(default, &calls));
        self.flush_charge();
        self.env.b.ins().br_table(index, jump_table);
        self.end_of_path();
    }

    fn block_call(&mut self, depth: u32) -> BlockCall {
        let (block, count) = self.target(depth);
        let args = block_args(self.top(count));
        BlockCall::new(block, args, &mut self.env.b.func.dfg.value_lists)
    }

    pub(super) fn visit_return(&mut self) {
        if !self.return_inlined() {
            self.finish();
        }
    }

    pub(super) fn visit_select(&mut self) {
        let (first, second, condition) = self.pop3();
        let value = self.env.b.ins().select(condition, first, second);
        self.push(value);
    }

    pub(super) fn visit_typed_select(&mut self, ty: wasmparser::ValType) {
        self.visit_select();
        let value = self.pop();
        let Some(ty) = self.parsed_type(ty) else { return };
        self.push_of(value, ty);
    }

    pub(super) fn visit_drop(&mut self) {
        self.pop();
    }

    /// Lets the guest be stopped where the function begins, unless it ends by itself.
    pub(super) fn poll_entry(&mut self) {
        if !(tuning::LEAVES_WITHOUT_POLLS && self.scope.survey.ends_by_itself()) {
            self.poll();
        }
    }

    /// Lets the guest be stopped here: at the function's entry, and where its loops begin.
    pub(super) fn poll(&mut self) {
        match self.settings.polls {
            Polls::Off => {}
            Polls::Flag => self.poll_flag(),
            Polls::DeadLoad => self.poll_page(),
        }
    }

    fn poll_flag(&mut self) {
        let of = self.env.context_pointer(vm_context::INTERRUPTS);
        // Another thread writes it: no earlier read may stand in for this one.
        let flags = self.env.flags(Region::Poll).with_aligned();
        let zero = self.env.b.ins().iconst(types::I64, 0);
        let limit = self.env.b.ins().atomic_load(types::I64, flags, of);
        debug_assert_eq!(interrupts::LIMIT, 0, "an atomic read has no offset");
        let asked = self.env.b.ins().icmp(IntCC::Equal, limit, zero);
        // Not a call: values that live across one would move to the stack in every loop.
        self.env.trap_if(asked, TrapCode::Interrupted);
    }

    /// Reads the poll page at an offset of its own: at equal ones, one read would stand in for the
    /// other, and a loop could not be stopped.
    fn poll_page(&mut self) {
        let offset = self.poll_sites * tuning::POLL_SITE_STRIDE;
        if offset as usize >= POLL_PAGE_BYTES {
            return self.poll_flag();
        }
        self.poll_sites += 1;
        let page = self.env.context_pointer(vm_context::POLL_PAGE);
        let flags = self.env.flags(Region::Poll);
        let flags = flags.with_trap_code(Some(clif_trap(TrapCode::Interrupted)));
        self.env.b.ins().load(types::I8, flags, page, offset as i32);
    }

    /// Charges what the operators so far cost, before control goes elsewhere.
    pub(super) fn flush_charge(&mut self) {
        let charge = std::mem::take(&mut self.charge);
        if !self.settings.fuel || charge == 0 {
            return;
        }
        let charge = self.env.b.ins().iconst(types::I64, charge);
        self.charge_value(charge);
    }

    pub(super) fn charge_value(&mut self, charge: Value) {
        fuel::charge(&mut self.env.b, charge);
    }

    /// Charges a bulk operation of `len` bytes or elements on something of `size`. One that is longer
    /// traps before it does anything, and is free: fuel must not hide why it traps.
    pub(super) fn charge_bulk(&mut self, len: Value, size: Value) {
        if !self.settings.fuel {
            return;
        }
        self.flush_charge();
        let shift = i64::from(BULK_PER_FUEL_UNIT.trailing_zeros());
        let units = self.env.b.ins().ushr_imm_s(len, shift);
        let zero = self.env.b.ins().iconst(types::I64, 0);
        let fits = self.env.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, len, size);
        let charge = self.env.b.ins().select(fits, units, zero);
        self.charge_value(charge);
    }
}
