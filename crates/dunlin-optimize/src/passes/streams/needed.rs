//! What the second form needs of a loop: all that has effects, and what that is computed from. Addresses of runs
//! are not, since it has counters of its own.

use super::super::{home, is_poll, is_pure};
use super::plan::Plan;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Value, ValueDef};
use std::collections::HashSet;

/// What is needed of a loop.
pub(super) struct Needed {
    pub(super) insts: HashSet<Inst>,
    /// What only polls need, polls included.
    pub(super) polls: HashSet<Inst>,
    /// Which parameters the second form has too.
    pub(super) kept: Vec<bool>,
    work: Vec<Value>,
}

impl Needed {
    /// What a loop's effects need, and its `values` that are used behind it, those apart that can be computed from
    /// the number of turns.
    pub(super) fn new(func: &Function, plan: &Plan, values: &[Value]) -> Self {
        let counted = &plan.counted;
        let mut needed = Self {
            insts: HashSet::new(),
            polls: HashSet::new(),
            kept: vec![false; func.dfg.block_params(counted.block).len()],
            work: values
                .iter()
                .copied()
                .filter(|value| plan.even(func, *value).is_none())
                .collect(),
        };
        for inst in func.layout.block_insts(counted.block) {
            if inst != counted.branch && !is_pure(func, inst) && !is_poll(func, inst) {
                needed.add(func, plan, inst);
            }
        }
        needed.close(func, plan);
        needed
    }

    /// Adds polls.
    pub(super) fn add_polls(&mut self, func: &Function, plan: &Plan) {
        let (insts, kept) = (self.insts.clone(), self.kept.clone());
        for inst in func.layout.block_insts(plan.counted.block) {
            if is_poll(func, inst) {
                self.add(func, plan, inst);
            }
        }
        self.close(func, plan);
        let all = std::mem::replace(&mut self.insts, insts);
        if self.kept == kept {
            self.polls = all.difference(&self.insts).copied().collect();
        } else {
            // What they look at moves from turn to turn, which none of ours does.
            self.insts = all;
        }
    }

    /// Adds what the loop itself needs to go on where the second form ends.
    pub(super) fn add_uneven(&mut self, func: &Function, plan: &Plan) {
        let params = func.dfg.block_params(plan.counted.block).iter();
        let uneven = params.zip(&plan.counted.steps).filter(|(_, step)| step.is_none());
        self.work.extend(uneven.map(|(param, _)| *param));
        self.close(func, plan);
    }

    fn close(&mut self, func: &Function, plan: &Plan) {
        let counted = &plan.counted;
        while let Some(value) = self.work.pop() {
            if home(func, value) != Some(counted.block) {
                continue;
            }
            match func.dfg.value_def(value) {
                ValueDef::Param(_, index) => {
                    if !std::mem::replace(&mut self.kept[index], true) {
                        self.work.push(counted.back[index]);
                    }
                }
                def => self.add(func, plan, def.unwrap_inst()),
            }
        }
    }

    fn add(&mut self, func: &Function, plan: &Plan, inst: Inst) {
        if !self.insts.insert(inst) {
            return;
        }
        match (func.dfg.insts[inst], plan.accesses.contains_key(&inst)) {
            (InstructionData::Load { .. }, true) => {}
            (InstructionData::Store { args, .. }, true) => self.work.push(args[0]),
            _ => self.work.extend(func.dfg.inst_args(inst)),
        }
    }
}
