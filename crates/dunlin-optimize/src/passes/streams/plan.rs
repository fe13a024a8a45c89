//! Which accesses of a loop run evenly, and what is in their way.

use super::super::affine::{Before, Sum, step, sum};
use super::super::counted::Counted;
use super::super::{constant, definition, home, is_poll};
use super::WINDOW;
use crate::limits::UNROLLED_INSTRUCTIONS_MAX;
use crate::translate::Region;
use crate::tuning::{STREAM_TURNS_MIN, STREAM_TURNS_MIN_GUARDED, UNROLL, UNROLLED_TURNS};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, Opcode, Value, ValueDef, types,
};
use std::collections::HashMap;

/// Runs of a loop at most: each takes a register.
const RUNS_MAX: usize = 6;

/// How far accesses of a run lie apart at most: so much may stand in an access itself.
const APART_MAX: i64 = 2048;

/// How many bytes longer than needed a range may be. With what stands in an access itself, that of several turns
/// included, this is far below the lowest address that is ever mapped.
const MARGIN_MAX: i64 = 16 << 10;

/// A loop that gets a second form.
pub(super) struct Plan {
    pub(super) counted: Counted,
    pub(super) runs: Vec<Run>,
    /// The run of each access, and how far its first address is from the run's.
    pub(super) accesses: HashMap<Inst, (usize, i64)>,
    /// How a processor is kept inside that runs ahead.
    pub(super) ahead: Ahead,
    /// Turns that the second form makes between its tests.
    pub(super) copies: i64,
}

/// How a processor is kept inside that runs ahead of the loop's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// The machine does it.
    Free,
    /// By as many turns the ranges are longer than the loop needs.
    Margin(i64),
    /// The counters of a turn behind the last are zero.
    Mask,
}

/// Accesses at the same distance from each other in all turns.
pub(super) struct Run {
    /// The index of one of them.
    pub(super) index: Value,
    /// What the index and the address grow by each turn.
    pub(super) step: i64,
    /// The constant part of the index.
    at: i64,
    /// Distances of the nearest and the furthest access from this one.
    pub(super) low: i64,
    pub(super) high: i64,
    /// The largest index that is inside, each with the furthest access that it is for. None where the
    /// machine checks.
    pub(super) lasts: Vec<(Value, i64)>,
    pub(super) key: Key,
}

/// What accesses of one run have in common.
#[derive(PartialEq, Eq)]
pub(super) struct Key {
    /// What is added to the index as 64 bits.
    pub(super) base: Vec<Value>,
    pub(super) offset: i64,
    /// Terms of the index.
    index: Vec<Value>,
}

/// An access's address, taken apart.
struct Parts {
    index: Value,
    step: i64,
    at: i64,
    last: Option<Value>,
    key: Key,
}

impl Plan {
    /// The plan for a loop that consists of `block` alone, if it is worth it.
    pub(super) fn new(func: &Function, block: Block) -> Option<Self> {
        let counted = Counted::new(func, block)?;
        let (runs, accesses) = (Vec::new(), HashMap::new());
        let mut plan = Self { counted, runs, accesses, ahead: Ahead::Free, copies: 1 };
        for inst in func.layout.block_insts(block) {
            if let Some(address) = address(func, inst)
                && let Some(parts) = take_apart(func, &plan.counted, address)
            {
                plan.add(inst, parts);
            }
        }
        plan.ahead = plan.guard(func, 1);
        (!plan.accesses.is_empty()).then_some(plan)
    }

    /// Turns from which on the second form is worth its entry.
    pub(super) fn turns_min(&self) -> i64 {
        if self.ahead == Ahead::Free { STREAM_TURNS_MIN_GUARDED } else { STREAM_TURNS_MIN }
    }

    /// The parameter or its next value that this is, where either grows evenly.
    pub(super) fn even(&self, func: &Function, value: Value) -> Option<(usize, bool)> {
        let counted = &self.counted;
        if let ValueDef::Param(block, index) = func.dfg.value_def(value)
            && block == counted.block
        {
            return counted.steps[index].map(|_| (index, false));
        }
        let index = counted.back.iter().position(|next| *next == value)?;
        counted.steps[index].map(|_| (index, true))
    }

    /// Lets the second form make several turns between its tests, of which one has so many instructions;
    /// whether it does.
    pub(super) fn unroll(&mut self, func: &Function, turn: usize) -> bool {
        let is_small = |copies: &i64| turn * *copies as usize <= UNROLLED_INSTRUCTIONS_MAX;
        let keeps = |copies: &i64| {
            let ahead = self.guard(func, *copies);
            (ahead == Ahead::Mask) == (self.ahead == Ahead::Mask)
        };
        let copies = UNROLLED_TURNS.into_iter().find(|copies| is_small(copies) && keeps(copies));
        let Some(copies) = copies.filter(|_| UNROLL) else { return false };
        self.copies = copies;
        self.ahead = self.guard(func, copies);
        true
    }

    /// How to keep a processor inside that runs ahead, if there are so many turns between tests.
    fn guard(&self, func: &Function, copies: i64) -> Ahead {
        let turns =
            (WINDOW / weight(func, self.counted.block, copies) + i64::from(copies > 1)) * copies;
        let checked = self.runs.iter().filter(|run| !run.lasts.is_empty());
        match checked.map(|run| run.step.abs()).max() {
            None => Ahead::Free,
            Some(step) if step * turns <= MARGIN_MAX => Ahead::Margin(turns),
            Some(_) => Ahead::Mask,
        }
    }

    fn add(&mut self, inst: Inst, parts: Parts) {
        let Parts { index, step, at, last, key } = parts;
        let fits = |run: &Run| {
            run.key == key
                && run.step == step
                && at.checked_sub(run.at).is_some_and(|from| from.abs() <= APART_MAX)
                && run.lasts.is_empty() == last.is_none()
        };
        let place = self.runs.iter().position(fits);
        let Some(place) = place else {
            if self.runs.len() < RUNS_MAX {
                let lasts = last.map(|last| (last, 0)).into_iter().collect();
                self.accesses.insert(inst, (self.runs.len(), 0));
                self.runs.push(Run { index, step, at, low: 0, high: 0, lasts, key });
            }
            return;
        };
        let run = &mut self.runs[place];
        let from = at - run.at;
        run.low = run.low.min(from);
        run.high = run.high.max(from);
        if let Some(last) = last {
            match run.lasts.iter_mut().find(|known| known.0 == last) {
                Some(known) => known.1 = known.1.max(from),
                None => run.lasts.push((last, from)),
            }
        }
        self.accesses.insert(inst, (place, from));
    }
}

/// Instructions of so many turns that no machine can do without: a read may be part of a write's instruction, and a
/// comparison of a branch's, but nothing else is of another's. Polls are not in each turn.
fn weight(func: &Function, block: Block, turns: i64) -> i64 {
    let count = |counts: fn(Opcode) -> bool| {
        let insts = func.layout.block_insts(block).filter(|inst| !is_poll(func, *inst));
        insts.filter(|inst| counts(func.dfg.insts[*inst].opcode())).count() as i64
    };
    // And the counter's addition, and the branch.
    count(Opcode::can_load).max(count(Opcode::can_store)) * turns + 2
}

/// The address of an access of a linear memory.
fn address(func: &Function, inst: Inst) -> Option<Value> {
    let flags = func.dfg.insts[inst].memflags_data(&func.dfg)?;
    let region = flags.alias_region()?;
    if !Region::Memory.is(func.dfg.alias_regions[region].user_id) {
        return None;
    }
    match func.dfg.insts[inst] {
        InstructionData::Load { arg, .. } => Some(arg),
        InstructionData::Store { args: [_, address], .. } => Some(address),
        _ => None,
    }
}

/// Takes an address apart that grows evenly.
fn take_apart(func: &Function, counted: &Counted, address: Value) -> Option<Parts> {
    let Sum { mut terms, constant: mut offset } = sum(func, address);
    let mut check = None;
    let masked = terms.iter().enumerate().find_map(|(at, term)| Some((at, masked(func, *term)?)));
    if let Some((at, [condition, to_zero, plain])) = masked {
        terms.remove(at);
        if terms.len() != 1 || !is_negative(func, to_zero, terms[0]) {
            return None;
        }
        check = Some(compared(func, condition)?);
        let whole = sum(func, plain);
        terms.extend(whole.terms);
        offset = offset.wrapping_add(whole.constant);
    }
    if let Some((_, last)) = check
        && (step(func, counted, last) != Some(0) || !Before::can(func, counted, last))
    {
        return None;
    }
    let narrow =
        terms.iter().copied().find_map(|term| Some((term, extended(func, counted, term)?)));
    let (index, whole) = match (narrow, check) {
        (Some((wide, index)), None) => (index, wide),
        (Some((wide, index)), Some((checked, _))) if checked == wide => (index, wide),
        (None, Some((checked, _))) => (checked, checked),
        _ => return None,
    };
    let base = without(&terms, &sum(func, whole).terms)?;
    let stays = |value: &Value| home(func, *value) != Some(counted.block);
    let step = step(func, counted, index).filter(|step| *step != 0)?;
    if !base.iter().all(stays) || !Before::can(func, counted, index) {
        return None;
    }
    let of_index = sum(func, index);
    let (at, offset) = if func.dfg.value_type(index) == types::I32 {
        (i64::from(of_index.constant as i32), offset)
    } else {
        // The address's constant has the index's in it.
        (of_index.constant, offset.wrapping_sub(of_index.constant))
    };
    let key = Key { base, offset, index: of_index.terms };
    Some(Parts { index, step, at, last: check.map(|(_, last)| last), key })
}

/// The operands of a move that replaces what is outside.
fn masked(func: &Function, value: Value) -> Option<[Value; 3]> {
    match definition(func, value)? {
        (_, InstructionData::Ternary { opcode: Opcode::SelectSpectreGuard, args }) => Some(args),
        _ => None,
    }
}

/// Whether a value and `of` are zero together.
fn is_negative(func: &Function, value: Value, of: Value) -> bool {
    match definition(func, value) {
        Some((_, InstructionData::Unary { opcode: Opcode::Ineg, arg })) => arg == of,
        Some((_, InstructionData::Binary { opcode: Opcode::Isub, args: [zero, arg] })) => {
            arg == of && constant(func, zero) == Some(0)
        }
        _ => false,
    }
}

/// The index of 32 bits that moves and of which this is the extension.
fn extended(func: &Function, counted: &Counted, wide: Value) -> Option<Value> {
    let (_, InstructionData::Unary { opcode: Opcode::Uextend, arg }) = definition(func, wide)?
    else {
        return None;
    };
    let moves = home(func, wide) == Some(counted.block);
    (moves && func.dfg.value_type(arg) == types::I32).then_some(arg)
}

/// The terms of a sum without those of a part of it.
fn without(terms: &[Value], part: &[Value]) -> Option<Vec<Value>> {
    let mut left = terms.to_vec();
    for term in part {
        let place = left.iter().position(|other| other == term)?;
        left.remove(place);
    }
    Some(left)
}

/// The index and the largest one that is inside, of a comparison that says whether it is outside.
fn compared(func: &Function, condition: Value) -> Option<(Value, Value)> {
    match definition(func, condition)? {
        (_, InstructionData::IntCompare { args, cond: IntCC::UnsignedGreaterThan, .. }) => {
            Some((args[0], args[1]))
        }
        (_, InstructionData::IntCompare { args, cond: IntCC::UnsignedLessThan, .. }) => {
            Some((args[1], args[0]))
        }
        _ => None,
    }
}
