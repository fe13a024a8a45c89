//! Loops that do nothing but copy or fill bytes become bulk operations.
//!
//! They are known by what they do: in each turn the writes cover, without a gap, as many bytes as the addresses
//! grow by, with what the same turn reads at the same distance, or with a byte that stays. Whether it may be one
//! operation is decided before the loop:
//!
//! * all bytes must be inside the memory: otherwise the loop runs, and has written as much as ever when it traps;
//! * a copy must not write what it has yet to read: a loop that goes upwards may copy downwards, as `memory.copy`
//!   does, and repeats what it wrote itself where it copies upwards by less than its length. One whose turns
//!   read and write several pieces must not overlap at all;
//! * there must be so many turns that the call is worth it.
//!
//! Requests to stop are not looked for while the operation runs, as in `memory.copy`. Loops that pay fuel in each
//! turn do more than copy, and stay.

use super::super::affine::Before;
use super::super::{constant, definition, home, is_poll, is_pure};
use super::emit::{as_args, end_of, first, times};
use super::plan::{Plan, Run};
use crate::translate::{POINTER_BYTES, import};
use crate::tuning::{BULK_LOOPS, BULK_TURNS_MIN};
use crate::worker::clif_trap;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, Function, Inst, InstBuilder, InstructionData, MemFlagsData, Opcode, Value, types,
};
use dunlin_core::TrapCode;
use dunlin_module::Builtin;
use dunlin_module::layout::vm_context;

/// What a loop does as a whole.
pub(super) struct Bulk {
    /// The run that is written, and the distance of its lowest byte from the run's index in the first turn.
    to: (usize, i64),
    source: Source,
}

/// What is written.
enum Source {
    /// The bytes of a run that is read; and whether each turn reads them in one piece.
    Run { run: usize, low: i64, is_one: bool },
    /// Copies of a byte.
    Byte(Byte),
}

/// A byte that stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Number(u8),
    Low(Value),
}

/// A read or write of a turn.
#[derive(Clone, Copy)]
struct Piece {
    run: usize,
    /// Its distance from the run's index.
    at: i64,
    bytes: i64,
}

impl Bulk {
    /// What a loop whose `values` are used behind it does as a whole, if that is one operation.
    pub(super) fn new(func: &Function, plan: &Plan, values: &[Value]) -> Option<Self> {
        if !BULK_LOOPS || !values.iter().all(|value| plan.even(func, *value).is_some()) {
            return None;
        }
        let mut writes: Vec<(Piece, Value)> = Vec::new();
        let mut reads: Vec<(Piece, Value)> = Vec::new();
        for inst in func.layout.block_insts(plan.counted.block) {
            if inst == plan.counted.branch || is_pure(func, inst) || is_poll(func, inst) {
                continue;
            }
            let piece = piece(func, plan, inst)?;
            match func.dfg.insts[inst] {
                InstructionData::Store { args, .. } => writes.push((piece, args[0])),
                _ => reads.push((piece, func.dfg.first_result(inst))),
            }
        }
        let to = whole(plan, writes.iter().map(|write| write.0))?;
        let source = if reads.is_empty() {
            let mut bytes =
                writes.iter().map(|(piece, value)| byte(func, plan, *value, piece.bytes));
            let byte = bytes.next()??;
            let same = bytes.all(|other| other == Some(byte));
            Source::Byte(same.then_some(byte)?)
        } else {
            let (run, low) = whole(plan, reads.iter().map(|read| read.0))?;
            let pairs = |write: &(Piece, Value)| {
                reads.iter().any(|read| {
                    read.1 == write.1
                        && read.0.bytes == write.0.bytes
                        && read.0.at - low == write.0.at - to.1
                })
            };
            let same_step = plan.runs[run].step == plan.runs[to.0].step;
            (same_step && writes.iter().all(pairs)).then_some(())?;
            Source::Run { run, low, is_one: reads.len() == 1 }
        };
        Some(Self { to, source })
    }

    /// Decides at the end of `pick`, whose branch to another block is returned; the operation leaves by `out`.
    pub(super) fn emit(
        &self,
        func: &mut Function,
        plan: &Plan,
        before: &mut Before<'_>,
        turns: Value,
        (pick, other, out): (Block, Block, Block),
        values: &[Value],
    ) {
        let bulk = func.dfg.make_block();
        func.layout.insert_block_after(bulk, pick);
        let step = plan.runs[self.to.0].step;
        let mut cursor = FuncCursor::new(func).at_bottom(pick);
        cursor.use_srcloc(plan.counted.branch);
        let size = cursor.ins().iconst(types::I64, step.abs());
        let len = times(&mut cursor, turns, step.abs());
        let end = memory0_len(&mut cursor);
        let least = cursor.ins().iconst(types::I64, BULK_TURNS_MIN);
        let mut ok = cursor.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, turns, least);
        let low = (len, size);
        let to = lowest(&mut cursor, &plan.runs[self.to.0], self.to.1, before, low);
        inside(&mut cursor, &mut ok, to, len, end);
        let from = match &self.source {
            Source::Byte(_) => None,
            Source::Run { run, low: at, is_one } => {
                let from = lowest(&mut cursor, &plan.runs[*run], *at, before, low);
                inside(&mut cursor, &mut ok, from, len, end);
                let (up, down) = (cursor.ins().isub(to, from), cursor.ins().isub(from, to));
                let distances = if *is_one && step > 0 {
                    vec![up]
                } else if *is_one {
                    vec![down]
                } else {
                    vec![up, down]
                };
                for distance in distances {
                    let far = cursor.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, distance, len);
                    ok = cursor.ins().band(ok, far);
                }
                Some(from)
            }
        };
        cursor.ins().brif(ok, bulk, &[], other, &[]);
        self.call(func, plan, before, (bulk, out), (to, from, len), turns, values);
    }

    #[allow(clippy::too_many_arguments, reason = "all that the operation is made of")]
    fn call(
        &self,
        func: &mut Function,
        plan: &Plan,
        before: &Before<'_>,
        (bulk, out): (Block, Block),
        (to, from, len): (Value, Option<Value>, Value),
        turns: Value,
        values: &[Value],
    ) {
        let failed = func.dfg.make_block();
        func.layout.insert_block_after(failed, bulk);
        func.layout.set_cold(failed);
        let (fill, copy) = (Builtin::MemoryFill, Builtin::MemoryCopy);
        let operation = import(func, if from.is_some() { copy } else { fill });
        let unwind = import(func, Builtin::Unwind);
        let cx = context(func);
        let mut cursor = FuncCursor::new(func).at_bottom(bulk);
        cursor.use_srcloc(plan.counted.branch);
        let memory = cursor.ins().iconst(types::I32, 0);
        let call = match (from, &self.source) {
            (Some(from), _) => cursor.ins().call(operation, &[cx, memory, to, memory, from, len]),
            (None, source) => {
                let byte = match source {
                    Source::Byte(Byte::Low(value)) => as_i32(&mut cursor, *value),
                    Source::Byte(Byte::Number(byte)) => {
                        cursor.ins().iconst(types::I32, i64::from(*byte))
                    }
                    Source::Run { .. } => unreachable!("a copy has a source"),
                };
                cursor.ins().call(operation, &[cx, memory, to, byte, len])
            }
        };
        let left: Vec<Value> = values
            .iter()
            .map(|value| end_of(&mut cursor, plan, &before.params, turns, *value))
            .collect();
        let status = cursor.func.dfg.first_result(call);
        cursor.ins().brif(status, failed, &[], out, &as_args(&left));
        cursor.goto_bottom(failed);
        cursor.ins().call(unwind, &[cx]);
        cursor.ins().trap(clif_trap(TrapCode::Unreachable));
    }
}

/// The running instance's context.
fn context(func: &Function) -> Value {
    let entry = func.layout.entry_block().expect("a function has an entry");
    func.dfg.block_params(entry)[0]
}

/// How long memory 0 is.
fn memory0_len(cursor: &mut FuncCursor<'_>) -> Value {
    let cx = context(cursor.func);
    let at = (vm_context::MEMORY0_LEN * POINTER_BYTES) as i32;
    cursor.ins().load(types::I64, MemFlagsData::trusted(), cx, at)
}

/// The lowest index that a run touches in all turns, given their length and that of one.
fn lowest(
    cursor: &mut FuncCursor<'_>,
    run: &Run,
    at: i64,
    before: &mut Before<'_>,
    (len, size): (Value, Value),
) -> Value {
    let first = first(cursor, run, before);
    let at = cursor.ins().iconst(types::I64, at);
    let first = cursor.ins().iadd(first, at);
    if run.step > 0 {
        return first;
    }
    let turned = cursor.ins().isub(len, size);
    cursor.ins().isub(first, turned)
}

/// Adds to what must hold that so many bytes from an index on are inside.
fn inside(cursor: &mut FuncCursor<'_>, ok: &mut Value, at: Value, len: Value, end: Value) {
    let last = cursor.ins().iadd(at, len);
    let is_inside = cursor.ins().icmp(IntCC::UnsignedLessThanOrEqual, last, end);
    *ok = cursor.ins().band(*ok, is_inside);
}

fn as_i32(cursor: &mut FuncCursor<'_>, value: Value) -> Value {
    match cursor.func.dfg.value_type(value) {
        types::I64 => cursor.ins().ireduce(types::I32, value),
        _ => value,
    }
}

/// An access of memory 0 as a piece of its run.
fn piece(func: &Function, plan: &Plan, inst: Inst) -> Option<Piece> {
    let (run, from) = *plan.accesses.get(&inst)?;
    let of = &plan.runs[run];
    let [base] = of.key.base[..] else { return None };
    let InstructionData::Load { arg, offset, .. } = definition(func, base)?.1 else { return None };
    let field = (vm_context::MEMORY0_BASE * POINTER_BYTES) as i32;
    let is_memory0 = arg == context(func) && i32::from(offset) == field;
    let data = func.dfg.insts[inst];
    let value = match data {
        InstructionData::Store { args, .. } => args[0],
        _ => func.dfg.first_result(inst),
    };
    let whole = i64::from(func.dfg.value_type(value).bytes());
    let bytes = match data.opcode() {
        Opcode::Load | Opcode::Store => whole,
        Opcode::Uload8 | Opcode::Sload8 | Opcode::Istore8 => 1,
        Opcode::Uload16 | Opcode::Sload16 | Opcode::Istore16 => 2,
        Opcode::Uload32 | Opcode::Sload32 | Opcode::Istore32 => 4,
        _ => return None,
    };
    let at = from + of.key.offset + i64::from(data.load_store_offset()?);
    is_memory0.then_some(Piece { run, at, bytes })
}

/// The run of all pieces and the distance of the lowest one, if they cover what the run grows by.
fn whole(plan: &Plan, pieces: impl Iterator<Item = Piece>) -> Option<(usize, i64)> {
    let mut pieces: Vec<Piece> = pieces.collect();
    pieces.sort_unstable_by_key(|piece| piece.at);
    let (run, low) = pieces.first().map(|piece| (piece.run, piece.at))?;
    let mut end = low;
    for piece in &pieces {
        if piece.run != run || piece.at != end {
            return None;
        }
        end += piece.bytes;
    }
    (end - low == plan.runs[run].step.abs()).then_some((run, low))
}

/// The byte of which a value that stays consists.
fn byte(func: &Function, plan: &Plan, value: Value, bytes: i64) -> Option<Byte> {
    if let Some(number) = constant(func, value) {
        let number = number.to_le_bytes();
        let same = number[..bytes as usize].iter().all(|byte| *byte == number[0]);
        return same.then_some(Byte::Number(number[0]));
    }
    let ty = func.dfg.value_type(value);
    let stays = home(func, value) != Some(plan.counted.block);
    (bytes == 1 && stays && (ty == types::I32 || ty == types::I64)).then_some(Byte::Low(value))
}
