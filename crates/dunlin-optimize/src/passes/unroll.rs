//! Small loops that have no second form make several turns before they jump back.
//!
//! The block of such a loop is copied, test included, so that the number of turns need not be known: each copy
//! leaves where the loop would. Only the first one polls.
//!
//! It is done where a value decides that grows by the same in all turns, though nobody may know by how much: such
//! loops turn often, and processors foresee that they go on. Where what was read or computed decides, several
//! branches in place of one are foreseen worse: searches and Euclid's algorithm were 4 to 10 % slower.
//!
//! ```text
//!   loop ──► copy ──► loop …
//!    └────────┴─────► out ──► exit
//! ```

use super::streams::{as_args, rename, used_behind};
use super::{constant, definition, home, is_payment, is_poll};
use crate::limits::{STREAMED_VALUES_MAX, UNROLLED_INSTRUCTIONS_MAX, UNROLLED_LOOPS_MAX};
use crate::tuning::PLAIN_UNROLLED_TURNS;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Block, BlockCall, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef,
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A loop of one block.
struct Small {
    block: Block,
    branch: Inst,
    /// Which target of the branch leads back.
    on: usize,
    back: Vec<Value>,
    exit: (Block, Vec<Value>),
    copies: usize,
}

/// Copies the blocks of small loops, but for those of `done`; whether there were any.
pub(super) fn run(func: &mut Function, done: &HashSet<Block>) -> bool {
    let blocks: Vec<Block> = func.layout.blocks().filter(|block| !done.contains(block)).collect();
    let loops = blocks.into_iter().filter_map(|block| Small::new(func, block));
    let loops: Vec<Small> = loops.take(UNROLLED_LOOPS_MAX).collect();
    if loops.is_empty() {
        return false;
    }
    let mut used = used_behind(func, loops.iter().map(|lp| (lp.block, &lp.exit.1[..])));
    let (mut renamed, mut parts) = (HashMap::new(), HashMap::new());
    for lp in &loops {
        let values = used.remove(&lp.block).unwrap_or_default();
        let params = lp.emit(func, &values, &mut parts);
        renamed.extend(values.into_iter().zip(params));
    }
    rename(func, &renamed, &parts);
    true
}

impl Small {
    /// The loop that consists of `block` alone, if it is worth copies.
    fn new(func: &Function, block: Block) -> Option<Self> {
        let branch = func.layout.last_inst(block)?;
        let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[branch] else { return None };
        let target = |call: &BlockCall| call.block(&func.dfg.value_lists);
        let on = match (target(&blocks[0]) == block, target(&blocks[1]) == block) {
            (true, false) => 0,
            (false, true) => 1,
            _ => return None,
        };
        let mut turn = 0;
        for inst in func.layout.block_insts(block).take_while(|inst| *inst != branch) {
            let opcode = func.dfg.insts[inst].opcode();
            let is_known = is_poll(func, inst) || is_payment(opcode);
            if opcode.is_call() || opcode.is_branch() || (opcode.other_side_effects() && !is_known)
            {
                return None;
            }
            turn += usize::from(!is_poll(func, inst) && opcode != Opcode::Iconst);
            if turn > UNROLLED_INSTRUCTIONS_MAX {
                return None;
            }
        }
        let fits = |copies: &usize| (turn + 1) * *copies <= UNROLLED_INSTRUCTIONS_MAX;
        let copies = PLAIN_UNROLLED_TURNS.into_iter().find(fits)?;
        let args = |call: &BlockCall| -> Option<Vec<Value>> {
            call.args(&func.dfg.value_lists).map(|value| value.as_value()).collect()
        };
        let is_small = |call: &BlockCall| call.len(&func.dfg.value_lists) <= STREAMED_VALUES_MAX;
        if !blocks.iter().all(is_small) {
            return None;
        }
        let (back, left) = (args(&blocks[on])?, args(&blocks[1 - on])?);
        let exit = (target(&blocks[1 - on]), left);
        let small = Self { block, branch, on, back, exit, copies };
        small.counts(func, arg).then_some(small)
    }

    /// Whether a value that moves evenly decides whether to go on.
    fn counts(&self, func: &Function, mut tested: Value) -> bool {
        while let Some((_, InstructionData::Unary { opcode: Opcode::Uextend, arg })) =
            definition(func, tested)
        {
            tested = arg;
        }
        let moves = |value: Value| self.moves(func, value);
        let stays = |value: Value| self.stays(func, value);
        match definition(func, tested) {
            Some((_, InstructionData::IntCompare { args: [left, right], .. })) => {
                (moves(left) && stays(right)) || (stays(left) && moves(right))
            }
            _ => moves(tested),
        }
    }

    /// Whether a value is the same in all turns.
    fn stays(&self, func: &Function, value: Value) -> bool {
        home(func, value) != Some(self.block) || constant(func, value).is_some()
    }

    /// Whether a value grows by the same in all turns: a parameter, or its sum with what stays.
    fn moves(&self, func: &Function, value: Value) -> bool {
        let param = match func.dfg.value_def(value) {
            ValueDef::Param(..) => value,
            _ => self.less_what_stays(func, value).unwrap_or(value),
        };
        match func.dfg.value_def(param) {
            ValueDef::Param(block, index) if block == self.block => {
                self.less_what_stays(func, self.back[index]) == Some(param)
            }
            _ => false,
        }
    }

    /// The other part of a sum or difference with what stays.
    fn less_what_stays(&self, func: &Function, value: Value) -> Option<Value> {
        let (_, InstructionData::Binary { opcode, args: [left, right] }) = definition(func, value)?
        else {
            return None;
        };
        match opcode {
            Opcode::Iadd | Opcode::Isub if self.stays(func, right) => Some(left),
            Opcode::Iadd if self.stays(func, left) => Some(right),
            _ => None,
        }
    }

    /// Writes the copies. Returns the parameters by which `values` leave.
    fn emit(
        &self,
        func: &mut Function,
        values: &BTreeSet<Value>,
        parts: &mut HashMap<Block, Block>,
    ) -> Vec<Value> {
        let out = func.dfg.make_block();
        func.layout.insert_block_after(out, self.block);
        let types: Vec<_> = values.iter().map(|value| func.dfg.value_type(*value)).collect();
        let params: Vec<Value> =
            types.into_iter().map(|ty| func.dfg.append_block_param(out, ty)).collect();
        let (exit, args) = &self.exit;
        let args = args.iter().map(|arg| match values.iter().position(|value| value == arg) {
            Some(place) => params[place],
            None => *arg,
        });
        let args: Vec<Value> = args.collect();
        let mut cursor = FuncCursor::new(func).at_bottom(out);
        cursor.use_srcloc(self.branch);
        cursor.ins().jump(*exit, &as_args(&args));

        let own: Vec<Inst> = func.layout.block_insts(self.block).collect();
        let loop_params = func.dfg.block_params(self.block).to_vec();
        let mut copied: HashMap<Value, Value> = HashMap::new();
        let mut last = self.block;
        for copy in 0..self.copies {
            let of = |value: &Value| copied.get(value).copied().unwrap_or(*value);
            let next: Vec<Value> = self.back.iter().map(of).collect();
            let left: Vec<Value> = values.iter().map(of).collect();
            let leave = BlockCall::new(out, as_args(&left), &mut func.dfg.value_lists);
            let is_last = copy + 1 == self.copies;
            let after = if is_last { self.block } else { func.dfg.make_block() };
            let args = if is_last { as_args(&next) } else { Vec::new() };
            let again = BlockCall::new(after, args, &mut func.dfg.value_lists);
            let branch = func.layout.last_inst(last).expect("it has a branch");
            if let InstructionData::Brif { blocks, .. } = &mut func.dfg.insts[branch] {
                blocks[self.on] = again;
                blocks[1 - self.on] = leave;
            }
            if is_last {
                break;
            }
            func.layout.insert_block_after(after, last);
            parts.insert(after, self.block);
            copied = loop_params.iter().copied().zip(next).collect();
            for inst in &own {
                self.copy(func, *inst, after, &mut copied);
            }
            last = after;
        }
        params
    }

    /// Copies an instruction, unless it is a poll or looks at what polls have read.
    fn copy(&self, func: &mut Function, inst: Inst, to: Block, copied: &mut HashMap<Value, Value>) {
        let asks = |arg: &Value| home(func, *arg) == Some(self.block) && !copied.contains_key(arg);
        if is_poll(func, inst) || func.dfg.inst_args(inst).iter().any(asks) {
            return;
        }
        let copy = func.dfg.clone_inst(inst);
        let args = func.dfg.inst_args(inst).to_vec();
        let args: Vec<Value> =
            args.into_iter().map(|arg| copied.get(&arg).copied().unwrap_or(arg)).collect();
        func.dfg.inst_args_mut(copy).copy_from_slice(&args);
        func.layout.append_inst(copy, to);
        let at = func.srcloc(inst);
        func.set_srcloc(copy, at);
        let results = func.dfg.inst_results(inst).to_vec();
        let copies = func.dfg.inst_results(copy).to_vec();
        copied.extend(results.into_iter().zip(copies));
    }
}
