//! Values of a loop of one block that grow by a constant each turn.

use super::counted::Counted;
use super::{constant, definition, home, is_pure};
use crate::limits::EXPRESSION_DEPTH_MAX;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Value, ValueDef, types};
use std::collections::HashMap;

/// Growth per turn up to which a value counts as even.
const STEP_MAX: i64 = 1 << 12;

/// What a value grows by each turn, if that is always the same: 0 for one that stays.
///
/// The sum is that of the value's type: it wraps.
pub(super) fn step(func: &Function, counted: &Counted, value: Value) -> Option<i64> {
    step_at(func, counted, value, 0).filter(|step| step.abs() <= STEP_MAX)
}

fn step_at(func: &Function, counted: &Counted, value: Value, depth: u32) -> Option<i64> {
    if home(func, value) != Some(counted.block) {
        return Some(0);
    }
    if let ValueDef::Param(_, index) = func.dfg.value_def(value) {
        return counted.steps[index];
    }
    if constant(func, value).is_some() {
        return Some(0);
    }
    let ty = func.dfg.value_type(value);
    if depth > EXPRESSION_DEPTH_MAX || !(ty == types::I32 || ty == types::I64) {
        return None;
    }
    if stays(func, counted, value, depth) {
        return Some(0);
    }
    let (_, InstructionData::Binary { opcode, args: [left, right] }) = definition(func, value)?
    else {
        return None;
    };
    let of = |value| step_at(func, counted, value, depth + 1);
    match opcode {
        Opcode::Iadd => of(left)?.checked_add(of(right)?),
        Opcode::Isub => of(left)?.checked_sub(of(right)?),
        Opcode::Ishl => {
            let by = constant(func, right).filter(|by| (0..32).contains(by))?;
            of(left)?.checked_mul(1 << by)
        }
        Opcode::Imul => of(left)?.checked_mul(constant(func, right)?),
        _ => None,
    }
}

/// Whether a value is the same in all turns: the code generator computes again in a loop what is cheaper to
/// compute than to keep.
pub(super) fn stays(func: &Function, counted: &Counted, value: Value, depth: u32) -> bool {
    if home(func, value) != Some(counted.block) {
        return home(func, value).is_some();
    }
    let Some((inst, _)) = definition(func, value) else { return false };
    let args = func.dfg.inst_args(inst);
    depth <= EXPRESSION_DEPTH_MAX
        && is_pure(func, inst)
        && args.len() <= 2
        && args.iter().all(|arg| stays(func, counted, *arg, depth + 2))
}

/// A sum: its terms, sorted, and the constant part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) terms: Vec<Value>,
    pub(super) constant: i64,
}

/// A value as a sum.
pub(super) fn sum(func: &Function, value: Value) -> Sum {
    let mut sum = Sum { terms: Vec::new(), constant: 0 };
    add_terms(func, value, 0, &mut sum);
    sum.terms.sort_unstable();
    sum
}

fn add_terms(func: &Function, value: Value, depth: u32, to: &mut Sum) {
    if let Some(number) = constant(func, value) {
        to.constant = to.constant.wrapping_add(number);
        return;
    }
    match definition(func, value) {
        Some((_, InstructionData::Binary { opcode: Opcode::Iadd, args }))
            if depth < EXPRESSION_DEPTH_MAX =>
        {
            args.into_iter().for_each(|value| add_terms(func, value, depth + 1, to));
        }
        _ => to.terms.push(value),
    }
}

/// Computes values of a loop as they are in its first turn, before the loop.
pub(super) struct Before<'c> {
    pub(super) counted: &'c Counted,
    /// The loop's parameters, as they are before.
    pub(super) params: Vec<Value>,
    made: HashMap<Value, Value>,
}

impl<'c> Before<'c> {
    pub(super) fn new(counted: &'c Counted, params: Vec<Value>) -> Self {
        Self { counted, params, made: HashMap::new() }
    }

    /// Whether a value can be computed before the loop.
    pub(super) fn can(func: &Function, counted: &Counted, value: Value) -> bool {
        Self::can_at(func, counted, value, 0)
    }

    fn can_at(func: &Function, counted: &Counted, value: Value, depth: u32) -> bool {
        if home(func, value) != Some(counted.block) {
            return home(func, value).is_some();
        }
        let Some((inst, _)) = definition(func, value) else { return true };
        depth <= EXPRESSION_DEPTH_MAX
            && is_pure(func, inst)
            && func.dfg.inst_args(inst).len() <= 2
            && func
                .dfg
                .inst_args(inst)
                .iter()
                .all(|arg| Self::can_at(func, counted, *arg, depth + 1))
    }

    /// The value at the cursor.
    pub(super) fn value(&mut self, cursor: &mut FuncCursor<'_>, value: Value) -> Value {
        if home(cursor.func, value) != Some(self.counted.block) {
            return value;
        }
        let inst = match cursor.func.dfg.value_def(value) {
            ValueDef::Param(_, index) => return self.params[index],
            def => def.unwrap_inst(),
        };
        if let Some(made) = self.made.get(&value) {
            return *made;
        }
        let copy = cursor.func.dfg.clone_inst(inst);
        let args: Vec<Value> = cursor.func.dfg.inst_args(inst).to_vec();
        let args: Vec<Value> = args.into_iter().map(|arg| self.value(cursor, arg)).collect();
        cursor.func.dfg.inst_args_mut(copy).copy_from_slice(&args);
        cursor.insert_inst(copy);
        let made = cursor.func.dfg.first_result(copy);
        self.made.insert(value, made);
        made
    }
}
