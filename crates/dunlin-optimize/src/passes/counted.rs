//! Loops of one block that turn a number of times which is known before they begin.

use super::affine::{Before, stays, step};
use super::{constant, definition, is_payment, is_poll};
use crate::limits::{STREAMED_INSTRUCTIONS_MAX, STREAMED_VALUES_MAX};
use cranelift_codegen::cursor::FuncCursor;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, Opcode, Type, Value,
    types,
};

/// A loop of one block.
pub(super) struct Counted {
    pub(super) block: Block,
    /// The branch at its end.
    pub(super) branch: Inst,
    /// What each parameter grows by each turn, if that is always the same.
    pub(super) steps: Vec<Option<i64>>,
    /// Arguments of the branch back.
    pub(super) back: Vec<Value>,
    /// Where it goes when it ends, and with which arguments.
    pub(super) exit: (Block, Vec<Value>),
    /// While this holds it goes on.
    test: Test,
}

/// A comparison of a value that grows evenly with one that stays.
struct Test {
    counter: Value,
    step: i64,
    condition: IntCC,
    bound: Bound,
    ty: Type,
}

/// What a loop's counter is compared with.
#[derive(Clone, Copy)]
enum Bound {
    Number(i64),
    Value(Value),
}

impl Counted {
    /// The loop that consists of `block` alone, if its turns can be counted.
    pub(super) fn new(func: &Function, block: Block) -> Option<Self> {
        let branch = func.layout.last_inst(block)?;
        let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[branch] else { return None };
        let target = |call: &BlockCall| call.block(&func.dfg.value_lists);
        let on = match (target(&blocks[0]) == block, target(&blocks[1]) == block) {
            (true, false) => 0,
            (false, true) => 1,
            _ => return None,
        };
        let mut budget = STREAMED_INSTRUCTIONS_MAX;
        for inst in func.layout.block_insts(block).take_while(|inst| *inst != branch) {
            let opcode = func.dfg.insts[inst].opcode();
            budget = budget.checked_sub(1)?;
            let is_known = is_poll(func, inst) || is_payment(opcode);
            if opcode.is_call() || opcode.is_branch() || (opcode.other_side_effects() && !is_known)
            {
                return None;
            }
        }
        let args = |call: &BlockCall| -> Option<Vec<Value>> {
            call.args(&func.dfg.value_lists).map(|arg: BlockArg| arg.as_value()).collect()
        };
        let is_small = |call: &BlockCall| call.len(&func.dfg.value_lists) <= STREAMED_VALUES_MAX;
        if !blocks.iter().all(is_small) {
            return None;
        }
        let (back, left) = (args(&blocks[on])?, args(&blocks[1 - on])?);
        let params = func.dfg.block_params(block);
        let steps = params.iter().zip(&back).map(|(param, next)| growth(func, *param, *next));
        let mut counted = Self {
            block,
            branch,
            steps: steps.collect(),
            back,
            exit: (target(&blocks[1 - on]), left),
            test: Test {
                counter: arg,
                step: 0,
                condition: if on == 0 { IntCC::NotEqual } else { IntCC::Equal },
                bound: Bound::Number(0),
                ty: types::I32,
            },
        };
        counted.find_test(func).then_some(counted)
    }

    /// Finds what is compared; whether turns can be counted by it.
    fn find_test(&mut self, func: &Function) -> bool {
        let mut tested = self.test.counter;
        // A comparison's bit as a number is what the bit is.
        while let Some((_, InstructionData::Unary { opcode: Opcode::Uextend, arg })) =
            definition(func, tested)
        {
            tested = arg;
        }
        if let Some((_, InstructionData::IntCompare { args: [left, right], cond, .. })) =
            definition(func, tested)
        {
            let holds = self.test.condition == IntCC::NotEqual;
            let condition = if holds { cond } else { cond.complement() };
            let moves = |value| step(func, self, value).filter(|step| *step != 0);
            let (counter, bound, condition, step) = match (moves(left), moves(right)) {
                (Some(step), None) => (left, right, condition, step),
                (None, Some(step)) => (right, left, condition.swap_args(), step),
                _ => return false,
            };
            let bound = match constant(func, bound) {
                Some(number) => Bound::Number(number),
                None if stays(func, self, bound, 0) => Bound::Value(bound),
                None => return false,
            };
            self.test = Test { counter, step, condition, bound, ty: self.test.ty };
        } else {
            let Some(step) = step(func, self, tested).filter(|step| *step != 0) else {
                return false;
            };
            self.test = Test { counter: tested, step, ..self.test };
        }
        self.test.ty = func.dfg.value_type(self.test.counter);
        let one = self.test.step.unsigned_abs();
        let wide_enough = self.test.ty == types::I32 || self.test.ty == types::I64;
        wide_enough
            && one.is_power_of_two()
            && Before::can(func, self, self.test.counter)
            && match self.test.condition {
                IntCC::NotEqual => true,
                IntCC::UnsignedLessThan | IntCC::SignedLessThan => self.test.step > 0,
                IntCC::UnsignedGreaterThan | IntCC::SignedGreaterThan => self.test.step < 0,
                _ => false,
            }
    }

    /// The parameter that counts down to zero, if that is how turns are counted, and by how much.
    pub(super) fn countdown(&self, func: &Function) -> Option<(usize, i64)> {
        let is_down = self.test.condition == IntCC::NotEqual && self.test.step < 0;
        let to_zero = matches!(self.test.bound, Bound::Number(0));
        let index = self.back.iter().position(|next| *next == self.test.counter)?;
        let size = self.test.step.checked_neg()?;
        (is_down && to_zero && index < func.dfg.block_params(self.block).len())
            .then_some((index, size))
    }

    /// How many turns the loop makes, as 64 bits, and whether that is certain; 2^64 and 0 are not told apart.
    pub(super) fn turns(
        &self,
        cursor: &mut FuncCursor<'_>,
        before: &mut Before<'_>,
    ) -> (Value, Option<Value>) {
        let Test { counter, step, condition, bound, ty } = self.test;
        let first = before.value(cursor, counter);
        let bound = match bound {
            Bound::Number(number) => number_of(cursor, ty, number),
            Bound::Value(value) => before.value(cursor, value),
        };
        let (high, low) = if step > 0 { (bound, first) } else { (first, bound) };
        let distance = cursor.ins().isub(high, low);
        let wide =
            if ty == types::I64 { distance } else { cursor.ins().uextend(types::I64, distance) };
        let size = step.unsigned_abs() as i64;
        let rest = cursor.ins().iconst(types::I64, size - 1);
        let is_order = condition != IntCC::NotEqual;
        // The last step may go beyond the bound: it counts whole.
        let steps = if is_order && size > 1 { cursor.ins().iadd(wide, rest) } else { wide };
        let shift = cursor.ins().iconst(types::I64, i64::from(size.trailing_zeros()));
        let whole = if size == 1 { steps } else { cursor.ins().ushr(steps, shift) };
        let one = cursor.ins().iconst(types::I64, 1);
        let turns = cursor.ins().iadd(whole, one);
        if !is_order {
            let hits = (size != 1).then(|| {
                let rest = cursor.ins().band(wide, rest);
                let zero = cursor.ins().iconst(types::I64, 0);
                cursor.ins().icmp(IntCC::Equal, rest, zero)
            });
            return (turns, hits);
        }
        // Otherwise it turns once.
        let more = cursor.ins().icmp(condition, first, bound);
        if size == 1 {
            return (turns, Some(more));
        }
        // The counter must not wrap where it goes beyond the bound.
        let furthest = furthest_bound(condition, ty, size);
        let furthest = number_of(cursor, ty, furthest);
        let beyond = cursor.ins().icmp(condition, bound, furthest);
        (turns, Some(cursor.ins().band(more, beyond)))
    }
}

/// The bound of an ordering, short of which no step of `size` beyond it wraps.
fn furthest_bound(condition: IntCC, ty: Type, size: i64) -> i64 {
    let (least, most) = match ty {
        types::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    match condition {
        IntCC::SignedLessThan => most - size,
        IntCC::SignedGreaterThan => least + size,
        // All bits set is the largest number without a sign.
        IntCC::UnsignedLessThan => -1 - size,
        _ => size,
    }
}

/// A constant of a type.
pub(super) fn number_of(cursor: &mut FuncCursor<'_>, ty: Type, number: i64) -> Value {
    let number = if ty == types::I32 { i64::from(number as u32) } else { number };
    cursor.ins().iconst(ty, number)
}

/// What a parameter grows by if `next` is its next value.
fn growth(func: &Function, param: Value, next: Value) -> Option<i64> {
    if !matches!(func.dfg.value_type(param), types::I32 | types::I64) {
        return None;
    }
    let (_, InstructionData::Binary { opcode, args: [left, right] }) = definition(func, next)?
    else {
        return None;
    };
    match opcode {
        Opcode::Iadd if left == param => constant(func, right),
        Opcode::Iadd if right == param => constant(func, left),
        Opcode::Isub if left == param => constant(func, right).map(i64::wrapping_neg),
        _ => None,
    }
}
