//! Loops whose accesses run evenly over memory get a second form.
//!
//! Before the loop the range of each run of accesses is computed, from the number of turns and what an index
//! grows by each turn. Where all ranges are inside, the second form runs: it does not check, and it has one
//! counter in place of the indices, so that an address is a sum of two registers. Otherwise, and where the
//! loop turns a few times only, it runs as it is: what traps, traps as ever.
//!
//! ```text
//!   entry ──► head: turns? ──few──────────────► loop ─┐
//!               └──► check: ranges? ──outside──► loop ─┴─► out ──► exit
//!                      └──► fast ────────────────────────► out
//! ```
//!
//! **Several turns at a time.** The second form of a small loop makes some turns one behind the other before it
//! tests, polls and moves its counters on: the accesses of each have their distance in the instruction. Whether
//! turns are left over is decided behind it, and the loop makes them, from the values that it would have.
//! Everything else is done by each turn as ever, and in that order, payments of fuel included; requests to stop
//! wait for a few turns of a few instructions.
//!
//! ```text
//!   fast: turn turn turn turn ──► rest: left over? ──no──► out
//!                                  └──► last ──► loop ──► out
//! ```
//!
//! **Processors that run ahead.** Where the machine does not guard memories, an address that is out of bounds
//! must not be read even by a processor that has not noticed yet. The second form holds that in two ways. An
//! entry that should have gone to the loop finds each run's first address replaced, by a move that depends on
//! the same comparisons, with one close to zero, where nothing is mapped. And behind the last turn either the
//! range goes on, since what is checked is longer than the loop needs, by as many turns as a processor can be
//! ahead of the branch that ends it ([`WINDOW`]); or, where that would be too long, the counters become zero by
//! a move that depends on what the branch depends on, and the first turn's addresses are read again.
//!
//! Idea: loop versioning and strength reduction, as in every optimising compiler since Cocke and Kennedy; that
//! the margin takes the place of a mask in each turn is ours.

mod bulk;
mod emit;
mod fast;
mod needed;
mod plan;

pub(super) use emit::as_args;

use super::{constant, definition, home};
use crate::limits::STREAMED_LOOPS_MAX;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function, InstructionData, Opcode, Value};
use plan::Plan;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Instructions that a processor runs ahead of a branch that it has not decided, at most: the largest
/// window known is of about 600.
const WINDOW: i64 = 1024;

/// Gives loops their second form; whether there were any.
pub(super) fn run(
    func: &mut Function,
    cfg: &mut ControlFlowGraph,
    done: &mut HashSet<Block>,
) -> bool {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let plans = blocks.into_iter().filter_map(|block| Plan::new(func, block));
    let plans = plans.filter(|plan| !is_short(func, cfg, plan));
    let plans: Vec<Plan> = plans.take(STREAMED_LOOPS_MAX).collect();
    if plans.is_empty() {
        return false;
    }
    let loops = plans.iter().map(|plan| (plan.counted.block, &plan.counted.exit.1[..]));
    let mut used = used_behind(func, loops);
    let mut renamed = HashMap::new();
    for mut plan in plans {
        let values = used.remove(&plan.counted.block).unwrap_or_default();
        let values: Vec<Value> = values.into_iter().collect();
        let (fast, params) = emit::emit(func, cfg, &mut plan, &values);
        done.extend([plan.counted.block, fast]);
        renamed.extend(values.into_iter().zip(params));
    }
    rename(func, &renamed, &HashMap::new());
    true
}

/// Whether a loop turns a few times only, because it does what is left over by one that does several at a
/// time: it counts down from a number that a mask has made small.
fn is_short(func: &Function, cfg: &ControlFlowGraph, plan: &Plan) -> bool {
    let counted = &plan.counted;
    let Some((index, size)) = counted.countdown(func) else { return false };
    let mut entries = cfg.pred_iter(counted.block).filter(|entry| entry.block != counted.block);
    entries.all(|entry| {
        let calls = func.dfg.insts[entry.inst]
            .branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
        let mut calls =
            calls.iter().filter(|call| call.block(&func.dfg.value_lists) == counted.block);
        calls.all(|call| {
            let arg = call.args(&func.dfg.value_lists).nth(index).and_then(|arg| arg.as_value());
            let mask = arg.and_then(|arg| mask(func, arg));
            mask.is_some_and(|mask| (0..plan.turns_min() * size).contains(&mask))
        })
    })
}

/// The constant that a value is masked with.
fn mask(func: &Function, value: Value) -> Option<i64> {
    let (_, InstructionData::Binary { opcode: Opcode::Band, args }) = definition(func, value)?
    else {
        return None;
    };
    constant(func, args[1]).or_else(|| constant(func, args[0]))
}

/// Values that are used outside of each loop, given its block and the arguments of its exit.
pub(super) fn used_behind<'l>(
    func: &Function,
    loops: impl Iterator<Item = (Block, &'l [Value])>,
) -> HashMap<Block, BTreeSet<Value>> {
    let mut used: HashMap<Block, BTreeSet<Value>> = HashMap::new();
    for (block, left) in loops {
        let own = left.iter().copied().filter(|value| home(func, *value) == Some(block));
        used.insert(block, own.collect());
    }
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            for value in func.dfg.inst_values(inst) {
                if let Some(home) = home(func, value)
                    && home != block
                    && let Some(used) = used.get_mut(&home)
                {
                    used.insert(value);
                }
            }
        }
    }
    used
}

/// Uses of a loop's values outside of it become uses of what leaves either form. Blocks of `parts` are parts of loops.
pub(super) fn rename(
    func: &mut Function,
    renamed: &HashMap<Value, Value>,
    parts: &HashMap<Block, Block>,
) {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        let of = Some(parts.get(&block).copied().unwrap_or(block));
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            let uses = |value: &Value| renamed.contains_key(value);
            if !func.dfg.inst_values(inst).any(|value| uses(&value)) {
                continue;
            }
            let values: Vec<Value> = func.dfg.inst_values(inst).collect();
            let values = values.into_iter().map(|value| match renamed.get(&value) {
                Some(other) if home(func, value) != of => *other,
                _ => value,
            });
            let values: Vec<Value> = values.collect();
            func.dfg.overwrite_inst_values(inst, values.into_iter());
        }
    }
}
