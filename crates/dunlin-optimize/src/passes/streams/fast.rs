//! The second form of a loop: what it needs of the loop, with a counter in place of indices; of a small loop
//! several turns, one behind the other.

use super::super::affine::Before;
use super::emit::{Blocks, Known, as_args, end_of, grown, plus, times};
use super::needed::Needed;
use super::plan::{Ahead, Plan, Run};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockCall, Function, Inst, InstBuilder, InstructionData, Value, types,
};
use std::collections::HashMap;

/// The second form under construction.
pub(super) struct Fast<'p> {
    plan: &'p Plan,
    block: Block,
    /// The block whose branch leads here.
    entry: Block,
    out: Block,
    /// Where it is decided whether turns are left over, and where the loop is entered for them.
    rest: Option<(Block, Block)>,
    known: Known,
    /// Parameters of the loop as they are before it.
    before: Vec<Value>,
    needed: Needed,
    /// Parameters of the loop.
    params: Vec<Value>,
    /// What stands for the loop's values.
    copies: HashMap<Value, Value>,
    /// A counter for each step: the step, its parameter, its end.
    counters: Vec<(i64, Value, Value)>,
}

impl<'p> Fast<'p> {
    pub(super) fn new(
        func: &Function,
        plan: &'p Plan,
        blocks: &Blocks,
        before: &Before<'_>,
        needed: Needed,
        known: Known,
    ) -> Self {
        Self {
            plan,
            block: blocks.fast,
            entry: blocks.entry,
            out: blocks.out,
            rest: blocks.rest,
            known,
            before: before.params.clone(),
            needed,
            params: func.dfg.block_params(plan.counted.block).to_vec(),
            copies: HashMap::new(),
            counters: Vec::new(),
        }
    }

    pub(super) fn emit(mut self, func: &mut Function, values: &[Value]) {
        let mut args = self.declare_counters(func);
        self.declare_params(func, &mut args);
        let addresses = self.addresses(func);
        for turn in 0..self.plan.copies {
            if turn > 0 {
                self.go_on();
            }
            self.copy(func, &addresses, turn);
        }
        self.finish(func, values, &args);
    }

    /// A counter for each step, from zero; the arguments of the entry.
    fn declare_counters(&mut self, func: &mut Function) -> Vec<Value> {
        let branch = func.layout.last_inst(self.entry).expect("the branch stands");
        let mut args = Vec::new();
        for run in &self.plan.runs {
            if self.counters.iter().any(|counter| counter.0 == run.step) {
                continue;
            }
            let mut cursor = FuncCursor::new(func).at_inst(branch);
            let zero = cursor.ins().iconst(types::I64, 0);
            let length = times(&mut cursor, self.known.whole, run.step.abs());
            let end = if run.step > 0 { length } else { cursor.ins().ineg(length) };
            args.push(zero);
            let counter = func.dfg.append_block_param(self.block, types::I64);
            self.counters.push((run.step, counter, end));
        }
        args
    }

    fn declare_params(&mut self, func: &mut Function, args: &mut Vec<Value>) {
        let params = self.params.clone();
        for (index, param) in params.into_iter().enumerate().filter(|(at, _)| self.needed.kept[*at])
        {
            let ty = func.dfg.value_type(param);
            let copy = func.dfg.append_block_param(self.block, ty);
            self.copies.insert(param, copy);
            args.push(self.before[index]);
        }
    }

    /// The value that stands for one of the loop's, or the value itself from outside.
    fn of(&self, value: Value) -> Value {
        self.copies.get(&value).copied().unwrap_or(value)
    }

    /// Makes the next turn begin with what this one ends with.
    fn go_on(&mut self) {
        let kept = self.plan.counted.back.iter().zip(&self.needed.kept).enumerate();
        let kept = kept.filter(|(_, (_, kept))| **kept);
        let next = kept.map(|(index, (next, _))| (index, self.of(*next)));
        let next: Vec<(usize, Value)> = next.collect();
        self.copies = next.into_iter().map(|(index, next)| (self.params[index], next)).collect();
    }

    /// Writes a turn, of those of which the second form has several. Only the first one polls.
    fn copy(&mut self, func: &mut Function, addresses: &[Value], turn: i64) {
        let insts = func.layout.block_insts(self.plan.counted.block);
        let Needed { insts: needed, polls, .. } = &self.needed;
        let is_copied = |inst: &Inst| needed.contains(inst) || (turn == 0 && polls.contains(inst));
        let insts: Vec<Inst> = insts.filter(is_copied).collect();
        for inst in insts {
            let copy = func.dfg.clone_inst(inst);
            let access = self.plan.accesses.get(&inst).copied();
            let args = func.dfg.inst_args(inst).to_vec();
            let mut args: Vec<Value> = args.into_iter().map(|arg| self.of(arg)).collect();
            if let Some((run, from)) = access {
                *args.last_mut().expect("an access has an address") = addresses[run];
                let from = from + turn * self.plan.runs[run].step;
                match &mut func.dfg.insts[copy] {
                    InstructionData::Load { offset, .. }
                    | InstructionData::Store { offset, .. } => {
                        // Both are small.
                        *offset = (i32::from(*offset) + from as i32).into();
                    }
                    _ => {}
                }
            }
            func.dfg.inst_args_mut(copy).copy_from_slice(&args);
            func.layout.append_inst(copy, self.block);
            let at = func.srcloc(inst);
            func.set_srcloc(copy, at);
            let results = func.dfg.inst_results(inst).to_vec();
            let copies = func.dfg.inst_results(copy).to_vec();
            self.copies.extend(results.into_iter().zip(copies));
        }
    }

    /// Where the accesses of each run are in the first turn.
    fn addresses(&self, func: &mut Function) -> Vec<Value> {
        let mut cursor = FuncCursor::new(func).at_bottom(self.block);
        cursor.use_srcloc(self.plan.counted.branch);
        let address = |(run, start): (&Run, &Value)| {
            let counter = self.counters.iter().find(|counter| counter.0 == run.step);
            cursor.ins().iadd(*start, counter.expect("every step has a counter").1)
        };
        self.plan.runs.iter().zip(&self.known.starts).map(address).collect()
    }

    /// Writes the branch at the end, and the one that leads here.
    fn finish(self, func: &mut Function, values: &[Value], args: &[Value]) {
        let counted = &self.plan.counted;
        let left: Vec<Value> = values.iter().map(|value| self.left(func, *value)).collect();
        let mut cursor = FuncCursor::new(func).at_bottom(self.block);
        cursor.use_srcloc(counted.branch);
        let mut again = Vec::new();
        let mut more = None;
        for (step, counter, end) in &self.counters {
            let mut next = plus(&mut cursor, *counter, *step * self.plan.copies);
            let going = *more.get_or_insert_with(|| cursor.ins().icmp(IntCC::NotEqual, next, *end));
            if self.plan.ahead == Ahead::Mask {
                let zero = cursor.ins().iconst(types::I64, 0);
                next = cursor.ins().select_spectre_guard(going, next, zero);
            }
            again.push(next);
        }
        let kept = counted.back.iter().zip(&self.needed.kept).filter(|(_, kept)| **kept);
        again.extend(kept.map(|(next, _)| self.of(*next)));
        let more = more.expect("a plan has a run");
        if let Some(rest) = self.rest {
            cursor.ins().brif(more, self.block, &as_args(&again), rest.0, &[]);
            self.finish_rest(func, rest, &left);
        } else {
            cursor.ins().brif(more, self.block, &as_args(&again), self.out, &as_args(&left));
        }
        let branch = func.layout.last_inst(self.entry).expect("the branch stands");
        let call = BlockCall::new(self.block, as_args(args), &mut func.dfg.value_lists);
        if let InstructionData::Brif { blocks, .. } = &mut func.dfg.insts[branch] {
            blocks[1] = call;
        }
    }

    /// Leaves to the loop the turns that are left over, if any are: `at` decides.
    fn finish_rest(&self, func: &mut Function, (at, last): (Block, Block), left: &[Value]) {
        let counted = &self.plan.counted;
        let mut cursor = FuncCursor::new(func).at_bottom(at);
        cursor.use_srcloc(counted.branch);
        let over = cursor.ins().isub(self.known.turns, self.known.whole);
        cursor.ins().brif(over, last, &[], self.out, &as_args(left));
        cursor.goto_bottom(last);
        let mut args = Vec::new();
        for (index, next) in counted.back.iter().enumerate() {
            args.push(match counted.steps[index] {
                Some(step) if !self.needed.kept[index] => {
                    grown(&mut cursor, self.before[index], self.known.whole, step)
                }
                _ => self.of(*next),
            });
        }
        cursor.ins().jump(counted.block, &as_args(&args));
    }

    /// A value of the loop's as it is when the second form ends.
    fn left(&self, func: &mut Function, value: Value) -> Value {
        if self.copies.contains_key(&value) || self.plan.even(func, value).is_none() {
            return self.of(value);
        }
        let branch = func.layout.last_inst(self.entry).expect("the branch stands");
        let mut cursor = FuncCursor::new(func).at_inst(branch);
        end_of(&mut cursor, self.plan, &self.before, self.known.turns, value)
    }
}
