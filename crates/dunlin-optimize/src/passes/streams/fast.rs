//! The second form of a loop: what it needs of the loop, with a counter in place of indices.

use super::super::affine::Before;
use super::super::{home, is_pure};
use super::emit::{Blocks, Known, as_args, end_of, plus, times};
use super::plan::{Ahead, Plan};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockCall, Function, Inst, InstBuilder, InstructionData, Value, ValueDef, types,
};
use std::collections::{HashMap, HashSet};

/// The second form under construction.
pub(super) struct Fast<'p> {
    plan: &'p Plan,
    block: Block,
    /// The block whose branch leads here.
    entry: Block,
    out: Block,
    known: Known,
    /// Parameters of the loop as they are before it.
    before: Vec<Value>,
    /// Which parameters of the loop the second form has too.
    kept: Vec<bool>,
    /// Which instructions of the loop it has.
    needed: HashSet<Inst>,
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
        known: Known,
    ) -> Self {
        let kept = vec![false; func.dfg.block_params(plan.counted.block).len()];
        Self {
            plan,
            block: blocks.fast,
            entry: blocks.entry,
            out: blocks.out,
            known,
            before: before.params.clone(),
            kept,
            needed: HashSet::new(),
            copies: HashMap::new(),
            counters: Vec::new(),
        }
    }

    pub(super) fn emit(mut self, func: &mut Function, values: &[Value]) {
        self.find_needed(func, values);
        let mut args = self.declare_counters(func);
        self.declare_params(func, &mut args);
        self.copy(func);
        self.finish(func, values, &args);
    }

    /// What has effects is needed, and what that needs: addresses of runs are not.
    fn find_needed(&mut self, func: &Function, values: &[Value]) {
        let counted = &self.plan.counted;
        let mut work: Vec<Value> =
            values.iter().copied().filter(|value| self.plan.even(func, *value).is_none()).collect();
        for inst in func.layout.block_insts(counted.block) {
            if inst != counted.branch && !is_pure(func, inst) {
                self.need(func, inst, &mut work);
            }
        }
        while let Some(value) = work.pop() {
            if home(func, value) != Some(counted.block) {
                continue;
            }
            match func.dfg.value_def(value) {
                ValueDef::Param(_, index) => {
                    if !std::mem::replace(&mut self.kept[index], true) {
                        work.push(counted.back[index]);
                    }
                }
                def => self.need(func, def.unwrap_inst(), &mut work),
            }
        }
    }

    fn need(&mut self, func: &Function, inst: Inst, work: &mut Vec<Value>) {
        if !self.needed.insert(inst) {
            return;
        }
        match (func.dfg.insts[inst], self.plan.accesses.contains_key(&inst)) {
            (InstructionData::Load { .. }, true) => {}
            (InstructionData::Store { args, .. }, true) => work.push(args[0]),
            _ => work.extend(func.dfg.inst_args(inst)),
        }
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
            let length = times(&mut cursor, self.known.turns, run.step.abs());
            let end = if run.step > 0 { length } else { cursor.ins().ineg(length) };
            args.push(zero);
            let counter = func.dfg.append_block_param(self.block, types::I64);
            self.counters.push((run.step, counter, end));
        }
        args
    }

    fn declare_params(&mut self, func: &mut Function, args: &mut Vec<Value>) {
        let params = func.dfg.block_params(self.plan.counted.block).to_vec();
        for (index, param) in params.into_iter().enumerate().filter(|(at, _)| self.kept[*at]) {
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

    fn copy(&mut self, func: &mut Function) {
        let insts: Vec<Inst> = func.layout.block_insts(self.plan.counted.block).collect();
        let mut addresses: HashMap<usize, Value> = HashMap::new();
        for inst in insts.into_iter().filter(|inst| self.needed.contains(inst)) {
            let copy = func.dfg.clone_inst(inst);
            let access = self.plan.accesses.get(&inst).copied();
            let args = func.dfg.inst_args(inst).to_vec();
            let mut args: Vec<Value> = args.into_iter().map(|arg| self.of(arg)).collect();
            if let Some((run, from)) = access {
                let address = *addresses.entry(run).or_insert_with(|| self.address(func, run));
                *args.last_mut().expect("an access has an address") = address;
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

    /// Where the accesses of a run are.
    fn address(&self, func: &mut Function, run: usize) -> Value {
        let step = self.plan.runs[run].step;
        let counter = self.counters.iter().find(|counter| counter.0 == step);
        let counter = counter.expect("every step has a counter").1;
        let mut cursor = FuncCursor::new(func).at_bottom(self.block);
        cursor.ins().iadd(self.known.starts[run], counter)
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
            let mut next = plus(&mut cursor, *counter, *step);
            let going = *more.get_or_insert_with(|| cursor.ins().icmp(IntCC::NotEqual, next, *end));
            if self.plan.ahead == Ahead::Mask {
                let zero = cursor.ins().iconst(types::I64, 0);
                next = cursor.ins().select_spectre_guard(going, next, zero);
            }
            again.push(next);
        }
        let kept = counted.back.iter().zip(&self.kept).filter(|(_, kept)| **kept);
        again.extend(kept.map(|(next, _)| self.of(*next)));
        let more = more.expect("a plan has a run");
        let (again, left) = (as_args(&again), as_args(&left));
        cursor.ins().brif(more, self.block, &again, self.out, &left);
        let branch = func.layout.last_inst(self.entry).expect("the branch stands");
        let call = BlockCall::new(self.block, as_args(args), &mut func.dfg.value_lists);
        if let InstructionData::Brif { blocks, .. } = &mut func.dfg.insts[branch] {
            blocks[1] = call;
        }
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
