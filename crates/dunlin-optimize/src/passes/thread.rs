//! Branches on what another branch has decided: `if (result i32) … else …` leaves a number that the next operator
//! tests again. Such a test is repeated where the number comes from, and where it is a constant there is a jump.
//!
//! A block is repeated in place of jumps to it if all that it does is to branch on its only parameter, after a few
//! steps that compute with that alone, and nobody else reads what is computed there. Values from outside that it
//! hands on are there before each of its predecessors ends, since they are there before it begins.

use super::constant;
use crate::limits;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, Inst, InstructionData, Opcode, Value,
};
use std::collections::{HashMap, HashSet};

/// A block that does nothing but branch on its parameter.
struct Test {
    block: Block,
    param: Value,
    /// What is computed from the parameter, in order, and the branch.
    steps: Vec<Inst>,
    branch: Inst,
}

/// Repeats tests.
pub(super) fn run(func: &mut Function) {
    func.dfg.resolve_all_aliases();
    let mut left = limits::THREADED_JUMPS_MAX;
    for _ in 0..limits::THREAD_ROUNDS {
        let (tests, before) = (tests(func), left);
        if !tests.is_empty() {
            redirect(func, &tests, &mut left);
        }
        if left == before {
            break;
        }
    }
}

/// The tests of a function, those whose values others read left out.
fn tests(func: &Function) -> Vec<Test> {
    let entry = func.layout.entry_block();
    let blocks = func.layout.blocks().filter(|block| Some(*block) != entry);
    let mut found: Vec<Test> = blocks.filter_map(|block| test(func, block)).collect();
    if found.is_empty() {
        return found;
    }
    let mut inside: HashMap<Value, Block> = HashMap::new();
    for test in &found {
        inside.insert(test.param, test.block);
        inside.extend(test.steps.iter().map(|step| (func.dfg.first_result(*step), test.block)));
    }
    let mut read = HashSet::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            func.dfg.inst_values(inst).for_each(|value| {
                if let Some(home) = inside.get(&value)
                    && *home != block
                {
                    read.insert(*home);
                }
            });
        }
    }
    let looped = looped(func);
    found.retain(|test| !read.contains(&test.block) && !looped.contains(&test.block));
    found
}

/// Blocks that something behind them leads back to: loops keep their only entry.
fn looped(func: &Function) -> HashSet<Block> {
    let mut seen = HashSet::new();
    let mut found = HashSet::new();
    for block in func.layout.blocks() {
        seen.insert(block);
        let Some(last) = func.layout.last_inst(block) else { continue };
        let dfg = &func.dfg;
        let calls = dfg.insts[last].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        let targets = calls.iter().map(|call| call.block(&dfg.value_lists));
        found.extend(targets.filter(|target| seen.contains(target)));
    }
    found
}

fn test(func: &Function, block: Block) -> Option<Test> {
    let [param] = *func.dfg.block_params(block) else { return None };
    let branch = func.layout.last_inst(block)?;
    let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[branch] else { return None };
    let lists = &func.dfg.value_lists;
    let handed_on: usize = blocks.iter().map(|call| call.args(lists).count()).sum();
    if handed_on > limits::THREAD_VALUES_MAX || blocks.iter().any(|it| it.block(lists) == block) {
        return None;
    }
    let mut steps = Vec::new();
    let mut known = vec![param];
    for inst in func.layout.block_insts(block).take(limits::THREAD_STEPS_MAX + 2) {
        if inst == branch {
            return known.contains(&arg).then_some(Test { block, param, steps, branch });
        }
        let opcode = func.dfg.insts[inst].opcode();
        let is_step = matches!(opcode, Opcode::Iconst | Opcode::Uextend | Opcode::Icmp);
        if !is_step || !func.dfg.inst_args(inst).iter().all(|arg| known.contains(arg)) {
            return None;
        }
        known.push(func.dfg.first_result(inst));
        steps.push(inst);
    }
    None
}

/// Redirects what leads to tests, as far as so many are left that may be.
fn redirect(func: &mut Function, tests: &[Test], left: &mut usize) {
    let by_block: HashMap<Block, &Test> = tests.iter().map(|test| (test.block, test)).collect();
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        if *left == 0 {
            return;
        }
        // One that is a test itself is looked at in the next round.
        if by_block.contains_key(&block) {
            continue;
        }
        let Some(last) = func.layout.last_inst(block) else { continue };
        match func.dfg.insts[last] {
            InstructionData::Jump { destination, .. } => {
                let Some((test, value)) = reached(func, destination, &by_block) else { continue };
                repeat(func, last, test, value);
                *left -= 1;
            }
            InstructionData::Brif { opcode, arg, mut blocks } => {
                let mut is_new = false;
                for call in &mut blocks {
                    if let Some((test, value)) = reached(func, *call, &by_block)
                        && let Some(way) = decided(func, test, value)
                    {
                        *call = way_of(func, test, way, &HashMap::from([(test.param, value)]));
                        is_new = true;
                    }
                }
                if is_new {
                    func.dfg.insts[last] = InstructionData::Brif { opcode, arg, blocks };
                    *left -= 1;
                }
            }
            _ => {}
        }
    }
}

/// The test that a branch leads to, and with which value.
fn reached<'t>(
    func: &Function,
    call: BlockCall,
    tests: &HashMap<Block, &'t Test>,
) -> Option<(&'t Test, Value)> {
    let test = *tests.get(&call.block(&func.dfg.value_lists))?;
    match call.args(&func.dfg.value_lists).next()? {
        BlockArg::Value(value) => Some((test, value)),
        _ => None,
    }
}

/// Which way a test goes for a value, if that is a constant and no way hands on what was computed.
fn decided(func: &Function, test: &Test, value: Value) -> Option<usize> {
    let mut known: HashMap<Value, i64> = HashMap::from([(test.param, constant(func, value)?)]);
    for step in &test.steps {
        let args: Option<Vec<i64>> =
            func.dfg.inst_args(*step).iter().map(|arg| known.get(arg).copied()).collect();
        let args = args?;
        let result = match func.dfg.insts[*step] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, .. } => {
                constant(func, func.dfg.first_result(*step))?
            }
            InstructionData::Unary { opcode: Opcode::Uextend, arg } => {
                let bits = func.dfg.value_type(arg).bits();
                args[0] & ((1 << bits.min(63)) - 1)
            }
            InstructionData::IntCompare { cond: IntCC::Equal, .. } => i64::from(args[0] == args[1]),
            InstructionData::IntCompare { cond: IntCC::NotEqual, .. } => {
                i64::from(args[0] != args[1])
            }
            _ => return None,
        };
        known.insert(func.dfg.first_result(*step), result);
    }
    let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[test.branch] else {
        return None;
    };
    let way = usize::from(*known.get(&arg)? == 0);
    let lists = &func.dfg.value_lists;
    let hands_on = blocks[way].args(lists).any(|arg| match arg {
        BlockArg::Value(value) => value != test.param && known.contains_key(&value),
        _ => true,
    });
    (!hands_on).then_some(way)
}

/// A way of a test, with values in place of those of the test's.
fn way_of(
    func: &mut Function,
    test: &Test,
    way: usize,
    values: &HashMap<Value, Value>,
) -> BlockCall {
    let InstructionData::Brif { blocks, .. } = func.dfg.insts[test.branch] else {
        unreachable!("a test ends with a branch")
    };
    let lists = &func.dfg.value_lists;
    let to = blocks[way].block(lists);
    let args: Vec<BlockArg> = blocks[way].args(lists).collect();
    let args = args.into_iter().map(|arg| match arg {
        BlockArg::Value(value) => BlockArg::Value(values.get(&value).copied().unwrap_or(value)),
        arg => arg,
    });
    let args: Vec<BlockArg> = args.collect();
    BlockCall::new(to, args, &mut func.dfg.value_lists)
}

/// Puts a test in place of the jump to it.
fn repeat(func: &mut Function, jump: Inst, test: &Test, value: Value) {
    let mut values = HashMap::from([(test.param, value)]);
    let at = func.srcloc(test.branch);
    if let Some(way) = decided(func, test, value) {
        let call = way_of(func, test, way, &values);
        func.dfg.insts[jump] = InstructionData::Jump { opcode: Opcode::Jump, destination: call };
        return;
    }
    for step in &test.steps {
        let dfg = &mut func.dfg;
        let mut data = dfg.insts[*step];
        data.map_values(
            &mut dfg.value_lists,
            &mut dfg.jump_tables,
            &mut dfg.exception_tables,
            |value| values.get(&value).copied().unwrap_or(value),
        );
        let result = func.dfg.first_result(*step);
        let ty = func.dfg.ctrl_typevar(*step);
        let copy = func.dfg.make_inst(data);
        func.dfg.make_inst_results(copy, ty);
        func.layout.insert_inst(copy, jump);
        func.set_srcloc(copy, at);
        values.insert(result, func.dfg.first_result(copy));
    }
    let InstructionData::Brif { opcode, arg, .. } = func.dfg.insts[test.branch] else { return };
    let arg = values.get(&arg).copied().unwrap_or(arg);
    let blocks = [0, 1].map(|way| way_of(func, test, way, &values));
    func.dfg.insts[jump] = InstructionData::Brif { opcode, arg, blocks };
    func.set_srcloc(jump, at);
}
