//! Bounds of memories that are compared are fields of the VM's: growth changes them, so that the code
//! generator reads them again in each turn of a loop. Where a loop neither calls nor writes such a field,
//! they are read where it begins.
//!
//! A read moves only to a block that ends with a jump to the loop's first block and is its only entry, and
//! out of one loop at a time, innermost first. It does not matter whether the loop would have come to it: only
//! fields of the context, and of what it points to all its life, are read ahead.

use super::home;
use crate::limits;
use crate::translate::Region;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, MemFlagsData, Opcode, Value, ValueDef,
};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};
use std::collections::HashMap;

/// What a loop does, its inner ones included.
#[derive(Default)]
struct Content {
    /// Blocks before the loop that lead to it.
    entries: Vec<Block>,
    /// It calls, or writes a field of the VM's.
    changes: bool,
    reads: Vec<Inst>,
}

/// Moves reads; whether there were any.
pub(super) fn run(func: &mut Function, loops: &LoopAnalysis) -> bool {
    let mut contents: HashMap<Loop, Content> = HashMap::new();
    for block in func.layout.blocks() {
        if loops.loop_level(block).level() > limits::LOOP_DEPTH_MAX {
            return false;
        }
        look(func, loops, block, &mut contents);
    }
    let mut order: Vec<Loop> = contents.keys().copied().collect();
    // Inner loops have larger levels.
    order.sort_unstable_by_key(|lp| {
        let level = loops.loop_level(loops.loop_header(*lp)).level();
        (std::cmp::Reverse(level), lp.index())
    });
    let mut moved = false;
    for lp in order {
        let Some(content) = contents.remove(&lp) else { continue };
        let parent = loops.loop_parent(lp);
        if content.changes {
            if let Some(parent) = parent {
                contents.entry(parent).or_default().changes = true;
            }
            continue;
        }
        let header = loops.loop_header(lp);
        let Some(last) = only_entry(func, &content.entries, header) else { continue };
        for read in content.reads {
            let base = func.dfg.inst_args(read)[0];
            let outside = home(func, base).is_some_and(|home| !loops.is_in_loop(home, lp));
            if outside && is_always_there(func, base) {
                func.layout.remove_inst(read);
                func.layout.insert_inst(read, last);
                moved = true;
                if let Some(parent) = parent {
                    contents.entry(parent).or_default().reads.push(read);
                }
            }
        }
    }
    moved
}

/// The jump by which alone a loop is entered.
fn only_entry(func: &Function, entries: &[Block], header: Block) -> Option<Inst> {
    let [entry] = entries else { return None };
    let last = func.layout.last_inst(*entry)?;
    let is_jump = matches!(func.dfg.insts[last], InstructionData::Jump { .. });
    (is_jump && !func.layout.is_cold(header)).then_some(last)
}

/// Whether a field of what `base` points to can be read at any time.
fn is_always_there(func: &Function, base: Value) -> bool {
    match func.dfg.value_def(base) {
        ValueDef::Param(block, 0) => func.layout.entry_block() == Some(block),
        ValueDef::Result(inst, _) => {
            let flags = func.dfg.insts[inst].memflags_data(&func.dfg);
            flags.is_some_and(|flags| flags.readonly() && flags.notrap() && flags.can_move())
        }
        _ => false,
    }
}

fn look(func: &Function, loops: &LoopAnalysis, block: Block, to: &mut HashMap<Loop, Content>) {
    let inside = loops.innermost_loop(block);
    for inst in func.layout.block_insts(block) {
        let opcode = func.dfg.insts[inst].opcode();
        for call in func.dfg.insts[inst]
            .branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
        {
            let target = call.block(&func.dfg.value_lists);
            if let Some(lp) = loops.is_loop_header(target)
                && !loops.is_in_loop(block, lp)
            {
                to.entry(lp).or_default().entries.push(block);
            }
        }
        let Some(inside) = inside else { continue };
        let region =
            func.dfg.insts[inst].memflags_data(&func.dfg).and_then(MemFlagsData::alias_region);
        let is_vm =
            region.is_some_and(|region| Region::Vm.is(func.dfg.alias_regions[region].user_id));
        if opcode.is_call() || (opcode.can_store() && (is_vm || region.is_none())) {
            to.entry(inside).or_default().changes = true;
        } else if opcode == Opcode::Load && is_vm {
            to.entry(inside).or_default().reads.push(inst);
        }
    }
}
