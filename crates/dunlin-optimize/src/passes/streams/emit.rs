//! Writes the second form of a loop, and what decides between both.

use super::super::affine::Before;
use super::super::counted::number_of;
use super::bulk::Bulk;
use super::fast::Fast;
use super::needed::Needed;
use super::plan::{Ahead, Plan, Run};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, InstBuilder, InstructionData, Value, types,
};

/// Turns that are never exceeded: so many times a step fits 64 bits.
const TURNS_MAX: i64 = 1 << 32;

/// The blocks around a loop.
pub(super) struct Blocks {
    head: Block,
    check: Block,
    /// The block that decides to run the second form.
    pub(super) entry: Block,
    pub(super) fast: Block,
    pub(super) out: Block,
    /// Where it is decided whether turns are left over, and where the loop is entered for them.
    pub(super) rest: Option<(Block, Block)>,
}

/// What is known before the second form runs.
pub(super) struct Known {
    pub(super) turns: Value,
    /// As many of them as the second form makes.
    pub(super) whole: Value,
    /// The first address of each run.
    pub(super) starts: Vec<Value>,
}

/// Gives a loop its second form. Returns its block, and the parameters by which `values` leave either form.
pub(super) fn emit(
    func: &mut Function,
    cfg: &mut ControlFlowGraph,
    plan: &mut Plan,
    values: &[Value],
) -> (Block, Vec<Value>) {
    let block = plan.counted.block;
    let bulk = Bulk::new(func, plan, values);
    let mut needed = Needed::new(func, plan, values);
    // What is left of a bulk operation turns a few times only.
    if bulk.is_none() && plan.unroll(func, needed.insts.len()) {
        needed.add_uneven(func, plan);
    }
    needed.add_polls(func, plan);
    let blocks = around(func, plan, bulk.is_some());
    let entries: Vec<Block> = cfg.pred_iter(block).map(|entry| entry.block).collect();
    for entry in entries.into_iter().filter(|entry| *entry != block) {
        redirect(func, entry, block, blocks.head);
        cfg.recompute_block(func, entry);
    }
    let params = leave(func, plan, &blocks, values);
    let heads = like(func, block, blocks.head);
    let mut before = Before::new(&plan.counted, heads);
    let turns = head(func, plan, &blocks, &mut before);
    let known = check(func, plan, &blocks, &mut before, turns);
    if let Some(bulk) = bulk {
        let places = (blocks.entry, blocks.fast, blocks.out);
        bulk.emit(func, plan, &mut before, turns, places, values);
        let branch = func.layout.last_inst(blocks.check).expect("the branch stands");
        let call = BlockCall::new(blocks.entry, [], &mut func.dfg.value_lists);
        if let InstructionData::Brif { blocks, .. } = &mut func.dfg.insts[branch] {
            blocks[1] = call;
        }
    }
    let fast = Fast::new(func, plan, &blocks, &before, needed, known);
    fast.emit(func, values);
    let Blocks { head, check, entry, fast, out, rest } = blocks;
    let rest = rest.into_iter().flat_map(|(at, last)| [at, last]);
    for block in [block, head, check, entry, fast, out].into_iter().chain(rest) {
        cfg.recompute_block(func, block);
    }
    (fast, params)
}

fn around(func: &mut Function, plan: &Plan, has_choice: bool) -> Blocks {
    let block = plan.counted.block;
    let mut make = || func.dfg.make_block();
    let (head, check, fast, out) = (make(), make(), make(), make());
    let entry = if has_choice { make() } else { check };
    let rest = (plan.copies > 1).then(|| (make(), make()));
    let blocks = Blocks { head, check, entry, fast, out, rest };
    func.layout.insert_block(blocks.head, block);
    func.layout.insert_block(blocks.check, block);
    if has_choice {
        func.layout.insert_block(blocks.entry, block);
    }
    func.layout.insert_block(blocks.fast, block);
    for block_of_rest in rest.into_iter().flat_map(|(at, last)| [at, last]) {
        func.layout.insert_block(block_of_rest, block);
    }
    func.layout.insert_block_after(blocks.out, block);
    blocks
}

/// Gives `to` parameters like those of `block`.
fn like(func: &mut Function, block: Block, to: Block) -> Vec<Value> {
    let types: Vec<_> = func.dfg.block_params(block).to_vec();
    let types = types.into_iter().map(|param| func.dfg.value_type(param)).collect::<Vec<_>>();
    types.into_iter().map(|ty| func.dfg.append_block_param(to, ty)).collect()
}

/// Makes branches of `entry` to `from` go to `to`.
fn redirect(func: &mut Function, entry: Block, from: Block, to: Block) {
    let Some(last) = func.layout.last_inst(entry) else { return };
    let dfg = &mut func.dfg;
    let calls =
        dfg.insts[last].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    for call in calls {
        if call.block(&dfg.value_lists) == from {
            call.set_block(to, &mut dfg.value_lists);
        }
    }
}

pub(in super::super) fn as_args(values: &[Value]) -> Vec<BlockArg> {
    values.iter().map(|value| BlockArg::Value(*value)).collect()
}

/// Makes the loop leave through `out`, with `values`, whose parameters are returned.
fn leave(func: &mut Function, plan: &Plan, blocks: &Blocks, values: &[Value]) -> Vec<Value> {
    let types: Vec<_> = values.iter().map(|value| func.dfg.value_type(*value)).collect();
    let params: Vec<Value> =
        types.into_iter().map(|ty| func.dfg.append_block_param(blocks.out, ty)).collect();
    let (exit, args) = &plan.counted.exit;
    let args = args.iter().map(|arg| match values.iter().position(|value| value == arg) {
        Some(place) => params[place],
        None => *arg,
    });
    let args: Vec<Value> = args.collect();
    let call = BlockCall::new(blocks.out, as_args(values), &mut func.dfg.value_lists);
    let dfg = &mut func.dfg;
    if let InstructionData::Brif { blocks: targets, .. } = &mut dfg.insts[plan.counted.branch] {
        for target in targets {
            if target.block(&dfg.value_lists) != plan.counted.block {
                *target = call;
            }
        }
    }
    let mut cursor = FuncCursor::new(func).at_bottom(blocks.out);
    cursor.use_srcloc(plan.counted.branch);
    cursor.ins().jump(*exit, &as_args(&args));
    params
}

/// Counts the turns: few of them are left to the loop.
fn head(func: &mut Function, plan: &Plan, blocks: &Blocks, before: &mut Before<'_>) -> Value {
    let mut cursor = FuncCursor::new(func).at_bottom(blocks.head);
    cursor.use_srcloc(plan.counted.branch);
    let (turns, sure) = plan.counted.turns(&mut cursor, before);
    let least = cursor.ins().iconst(types::I64, plan.turns_min());
    let above = cursor.ins().isub(turns, least);
    let room = cursor.ins().iconst(types::I64, TURNS_MAX - plan.turns_min());
    let mut many = cursor.ins().icmp(IntCC::UnsignedLessThan, above, room);
    if let Some(sure) = sure {
        many = cursor.ins().band(many, sure);
    }
    let args = as_args(&before.params);
    cursor.ins().brif(many, blocks.check, &[], plan.counted.block, &args);
    turns
}

/// Compares ranges, and goes to one of the forms.
fn check(
    func: &mut Function,
    plan: &Plan,
    blocks: &Blocks,
    before: &mut Before<'_>,
    turns: Value,
) -> Known {
    let mut cursor = FuncCursor::new(func).at_bottom(blocks.check);
    cursor.use_srcloc(plan.counted.branch);
    let one = cursor.ins().iconst(types::I64, 1);
    let turned = cursor.ins().isub(turns, one);
    let mut outside: Option<Value> = None;
    let mut starts = Vec::new();
    for run in &plan.runs {
        starts.push(start(&mut cursor, run, before));
        for fault in faults(&mut cursor, plan, run, before, turned) {
            outside = Some(match outside {
                Some(other) => cursor.ins().bor(other, fault),
                None => fault,
            });
        }
    }
    if let Some(outside) = outside {
        for (run, start) in plan.runs.iter().zip(&mut starts) {
            if !run.lasts.is_empty() {
                // What lies before the first address stays above zero.
                let margin = if run.step < 0 { ahead(plan, run) } else { 0 };
                let low = cursor.ins().iconst(types::I64, margin - run.low);
                *start = cursor.ins().select_spectre_guard(outside, low, *start);
            }
        }
    }
    // The branch is written when the parameters of the second form are known.
    let whole = whole(&mut cursor, turns, plan.copies);
    let known = Known { turns, whole, starts };
    let outside = outside.unwrap_or_else(|| cursor.ins().iconst(types::I8, 0));
    let args = as_args(&before.params);
    cursor.ins().brif(outside, plan.counted.block, &args, blocks.fast, &[]);
    known
}

/// The turns of which the second form makes `copies` at a time, a power of two.
fn whole(cursor: &mut FuncCursor<'_>, turns: Value, copies: i64) -> Value {
    if copies == 1 {
        return turns;
    }
    let mask = cursor.ins().iconst(types::I64, -copies);
    cursor.ins().band(turns, mask)
}

/// The first index of a run as 64 bits.
pub(super) fn first(cursor: &mut FuncCursor<'_>, run: &Run, before: &mut Before<'_>) -> Value {
    let first = before.value(cursor, run.index);
    let narrow = cursor.func.dfg.value_type(first) == types::I32;
    if narrow { cursor.ins().uextend(types::I64, first) } else { first }
}

/// The first address of a run.
fn start(cursor: &mut FuncCursor<'_>, run: &Run, before: &mut Before<'_>) -> Value {
    let mut start = first(cursor, run, before);
    for term in &run.key.base {
        start = cursor.ins().iadd(*term, start);
    }
    plus(cursor, start, run.key.offset)
}

/// How many bytes of a run a processor may be ahead.
fn ahead(plan: &Plan, run: &Run) -> i64 {
    match plan.ahead {
        Ahead::Margin(turns) => turns * run.step.abs(),
        Ahead::Free | Ahead::Mask => 0,
    }
}

/// Comparisons that hold if a run is not inside.
fn faults(
    cursor: &mut FuncCursor<'_>,
    plan: &Plan,
    run: &Run,
    before: &mut Before<'_>,
    turned: Value,
) -> Vec<Value> {
    let narrow = cursor.func.dfg.value_type(run.index) == types::I32;
    let first = first(cursor, run, before);
    let length = times(cursor, turned, run.step.abs());
    // Sums stay below 2^63: indices below 2^32 or not above a memory's length, lengths below 2^44.
    let (least, most) = if run.step < 0 {
        (length, None)
    } else {
        (cursor.ins().iconst(types::I64, 0), Some(length))
    };
    let ahead = ahead(plan, run);
    let below = if run.step < 0 { ahead } else { 0 } - run.low;
    let mut faults = Vec::new();
    if below != 0 || run.step < 0 {
        let least = plus(cursor, least, below);
        faults.push(cursor.ins().icmp(IntCC::UnsignedLessThan, first, least));
    }
    let end = most.map_or(first, |most| cursor.ins().iadd(first, most));
    let above = if run.step > 0 { ahead } else { 0 };
    if run.lasts.is_empty() {
        let end = plus(cursor, end, run.high + above);
        let last = cursor.ins().iconst(types::I64, i64::from(u32::MAX));
        faults.push(cursor.ins().icmp(IntCC::UnsignedGreaterThan, end, last));
    }
    for (last, high) in &run.lasts {
        let last = before.value(cursor, *last);
        let end = plus(cursor, end, high + above);
        faults.push(cursor.ins().icmp(IntCC::UnsignedGreaterThan, end, last));
        if !narrow {
            faults.push(cursor.ins().icmp(IntCC::UnsignedGreaterThan, first, last));
        }
    }
    faults
}

/// The sum with a constant.
pub(super) fn plus(cursor: &mut FuncCursor<'_>, value: Value, number: i64) -> Value {
    if number == 0 {
        return value;
    }
    let number = cursor.ins().iconst(types::I64, number);
    cursor.ins().iadd(value, number)
}

/// The product with a constant that is not negative.
pub(super) fn times(cursor: &mut FuncCursor<'_>, value: Value, number: i64) -> Value {
    if number == 1 {
        return value;
    }
    let is_power = number.count_ones() == 1;
    let by = if is_power { i64::from(number.trailing_zeros()) } else { number };
    let by = cursor.ins().iconst(types::I64, by);
    if is_power { cursor.ins().ishl(value, by) } else { cursor.ins().imul(value, by) }
}

/// A value that has grown by `step` in each of so many turns.
pub(super) fn grown(cursor: &mut FuncCursor<'_>, before: Value, turns: Value, step: i64) -> Value {
    let ty = cursor.func.dfg.value_type(before);
    let turns = if ty == types::I32 { cursor.ins().ireduce(types::I32, turns) } else { turns };
    let size = number_of(cursor, ty, step);
    let grown = cursor.ins().imul(turns, size);
    cursor.ins().iadd(before, grown)
}

/// A parameter that grows evenly, or its next value, as it is when the loop ends.
pub(super) fn end_of(
    cursor: &mut FuncCursor<'_>,
    plan: &Plan,
    before: &[Value],
    turns: Value,
    value: Value,
) -> Value {
    let (index, is_next) = plan.even(cursor.func, value).expect("it grows evenly");
    let step = plan.counted.steps[index].expect("it grows evenly");
    let end = grown(cursor, before[index], turns, step);
    if is_next {
        return end;
    }
    let size = number_of(cursor, cursor.func.dfg.value_type(value), step);
    cursor.ins().isub(end, size)
}
