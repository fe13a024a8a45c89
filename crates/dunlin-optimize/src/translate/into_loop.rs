//! Code that leads into a loop, for an activation that is in it already.
//!
//! 1. The whole function is translated, beginning with a block that nothing leads to.
//! 2. From the loop on it is translated once more, to its end: the *way*, to which the entry leads, and which reads
//!    locals and operands from the slots that the store's context leads to. Where it goes back to a loop around the one
//!    that it begins with, it goes to that of the first translation.
//!
//! So the loop, and those behind it, stand twice in the code; all are entered at their starts only, and what is before
//! the loop is not there in the end unless a loop around it leads there.
//!
//! Operands below a loop that the way joins are variables, as locals are: those that the function's own beginning has
//! left there do not exist on the way.

use super::exceptions::Clauses;
use super::frames::{Frame, Kind};
use super::rotate::Rotation;
use super::visitor::Visitor;
use super::{Translator, clif_type};
use crate::limits;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::Variable;
use dunlin_module::CompileError;
use dunlin_module::layout::{SLOT_BYTES, store_context, vm_context};
use dunlin_module::side::FRAME_RECORD_SLOTS;
use wasmparser::{FunctionBody, Operator};

/// The loop that code leads into.
pub(super) struct IntoLoop {
    /// Operators that open the blocks which the loop is in, outermost first.
    around: Vec<u64>,
    /// The operator that opens it.
    target: u64,
    /// The block that leads to it.
    way: ir::Block,
    /// The slots that that reads, and how many locals have.
    slots: Value,
    locals: u32,
    /// What is below loops around it on the stack.
    below: Vec<Variable>,
    /// What has been found where it opens.
    found: Option<Found>,
}

/// What is where a loop opens.
struct Found {
    /// Operands.
    stack: Vec<Value>,
    /// How many are below each of the blocks around it, and the start of those that are loops.
    blocks: Vec<(usize, Option<ir::Block>)>,
}

/// Where the blocks open that a loop is in, and the loop, whose first operator is at an offset of the module.
fn openers(body: &FunctionBody<'_>, at: u32) -> Result<(Vec<u64>, u64), CompileError> {
    // And whether each is an early `try` in whose clauses it is.
    let (mut open, mut found, start) = (Vec::<(u64, bool)>::new(), None, body.range().start);
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let here = reader.original_position();
        match reader.read()? {
            Operator::Loop { .. } => {
                let first = (reader.original_position() - start) as usize;
                if dunlin_module::behind_blocks(body.as_bytes(), first) as u64 + start == at.into()
                {
                    // Where it keeps the exception that it is about is each tier's own affair.
                    if open.iter().any(|(_, has_caught)| *has_caught) {
                        return Err(CompileError::new("a loop in a clause of an early `try`"));
                    }
                    found = Some((open.iter().map(|(opener, _)| *opener).collect(), here));
                }
                open.push((here, false));
            }
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => open.push((here, false)),
            Operator::Catch { .. } | Operator::CatchAll => {
                if let Some((_, has_caught)) = open.last_mut() {
                    *has_caught = true;
                }
            }
            Operator::End | Operator::Delegate { .. } => {
                open.pop();
            }
            _ => {}
        }
    }
    found.ok_or_else(|| CompileError::new("there is no such loop"))
}

impl Translator<'_, '_> {
    /// Makes the entry lead into a loop, and begins the function with a block that nothing leads to.
    pub(super) fn enter_loop(
        &mut self,
        body: &FunctionBody<'_>,
        at: u32,
    ) -> Result<(), CompileError> {
        let (around, target) = openers(body, at)?;
        let store = self.env.context_pointer(vm_context::STORE);
        let slots = self.env.field(types::I64, store, store_context::LOOP_SLOTS);
        let mut slot = 0;
        for index in 0..self.scope.locals.len() {
            let (local, ty) = (self.scope.locals[index], self.scope.local_types[index]);
            let value = self.loop_slot(slots, slot, clif_type(ty));
            self.note(value, ty);
            self.env.b.def_var(local, value);
            slot += ty.slots();
        }
        let (way, start) = (self.env.b.create_block(), self.env.b.create_block());
        self.env.b.ins().jump(way, &[]);
        self.env.b.seal_block(way);
        self.env.b.switch_to_block(start);
        self.env.b.seal_block(start);
        let (below, found) = (Vec::new(), None);
        self.into_loop = Some(IntoLoop { around, target, way, slots, locals: slot, below, found });
        Ok(())
    }

    /// Reads a slot of the activation.
    fn loop_slot(&mut self, slots: Value, slot: u32, ty: ir::Type) -> Value {
        let offset = (slot as usize * SLOT_BYTES) as i32;
        self.env.b.ins().load(ty, MemFlagsData::trusted(), slots, offset)
    }

    /// The loop, while the function's own body is translated for the first time.
    fn sought(&mut self) -> Option<&mut IntoLoop> {
        let is_outermost = self.outer.is_empty();
        self.into_loop.as_mut().filter(|into| is_outermost && into.found.is_none())
    }

    /// Notes what is here if the operator at hand opens the loop.
    pub(super) fn note_target(&mut self) {
        let operator = self.operator;
        if self.sought().is_none_or(|into| into.target != operator) {
            return;
        }
        let stack = self.stack.clone();
        let start = |frame: &Frame| match frame.kind {
            Kind::Loop { start, .. } => Some(start),
            _ => None,
        };
        let blocks = self.frames[1..].iter().map(|frame| (frame.height, start(frame))).collect();
        if let Some(into) = self.sought() {
            into.found = Some(Found { stack, blocks });
        }
    }

    /// Whether the operator at hand opens a loop that the one is in. What is below is in variables then.
    pub(super) fn is_around_target(&mut self, height: usize) -> bool {
        let operator = self.operator;
        let Some(into) = self.sought() else { return false };
        if into.around.binary_search(&operator).is_err() {
            return false;
        }
        if height > limits::ENTERED_OPERANDS_MAX {
            self.refuse("a loop under too many operands");
            return false;
        }
        for at in into.below.len()..height {
            let value = self.stack[at];
            let variable = self.env.b.declare_var(self.env.b.func.dfg.value_type(value));
            if self.refs.is_followed(value) {
                self.env.b.declare_var_needs_stack_map(variable);
                self.refs.locals += 1;
            }
            self.env.b.def_var(variable, value);
            if let Some(into) = &mut self.into_loop {
                into.below.push(variable);
            }
        }
        true
    }

    /// Puts in place of what is below a loop what its variables hold at its start.
    pub(super) fn read_below(&mut self, height: usize) {
        let Some(into) = &self.into_loop else { return };
        let below = into.below[..height].to_vec();
        for (at, variable) in below.into_iter().enumerate() {
            let value = self.env.b.use_var(variable);
            self.keep_type(self.stack[at], value);
            self.stack[at] = value;
        }
    }

    /// Notes that a value is of another's type.
    fn keep_type(&mut self, other: Value, value: Value) {
        self.refs.note_as(other, value);
        if self.refs.is_followed(value) {
            self.env.b.declare_value_needs_stack_map(value);
        }
    }

    /// Translates the way to the loop, and what follows, when the function has been translated.
    pub(super) fn way_into_loop(&mut self, body: &FunctionBody<'_>) -> Result<(), CompileError> {
        let Some(into) = &mut self.into_loop else { return Ok(()) };
        let Some(found) = into.found.take() else {
            return Err(CompileError::new("the loop cannot be reached"));
        };
        let (way, target, around) = (into.way, into.target, into.around.clone());
        into.found = Some(Found { stack: Vec::new(), blocks: Vec::new() });
        self.env.b.switch_to_block(way);
        self.facts.clear();
        self.stack.clear();
        (self.live, self.cold, self.charge) = (true, false, 0);
        self.open_body();
        let operands = self.read_operands(&found.stack);
        let mut reader = body.get_operators_reader()?;
        let mut blocks = around.into_iter().zip(found.blocks).peekable();
        while !reader.eof() && reader.original_position() < target {
            let here = reader.original_position();
            let operator = reader.read()?;
            if let Some((_, (height, start))) = blocks.next_if(|(opener, _)| *opener == here) {
                self.operator = here;
                self.stack.extend_from_slice(&operands[self.stack.len()..height]);
                self.open_around(operator, start);
            }
        }
        self.stack.extend_from_slice(&operands[self.stack.len()..]);
        while !reader.eof() {
            self.operator = reader.original_position();
            self.set_source(self.operator);
            reader.visit_operator(&mut Visitor(self))?;
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reads operands of these values' types; what is below loops around is in its variables.
    fn read_operands(&mut self, like: &[Value]) -> Vec<Value> {
        let Some(into) = &self.into_loop else { return Vec::new() };
        let (slots, below) = (into.slots, into.below.clone());
        let mut slot = into.locals + FRAME_RECORD_SLOTS;
        let mut operands = Vec::with_capacity(like.len());
        for (at, other) in like.iter().enumerate() {
            let ty = self.env.b.func.dfg.value_type(*other);
            let value = self.loop_slot(slots, slot, ty);
            self.keep_type(*other, value);
            if let Some(variable) = below.get(at) {
                self.env.b.def_var(*variable, value);
            }
            operands.push(value);
            slot += (ty.bytes() as usize).div_ceil(SLOT_BYTES) as u32;
        }
        operands
    }

    /// Opens a block that the loop is in, as it is there: its parameters have been taken.
    fn open_around(&mut self, operator: Operator<'_>, start: Option<ir::Block>) {
        let ty = match &operator {
            Operator::Block { blockty }
            | Operator::Loop { blockty }
            | Operator::If { blockty }
            | Operator::Try { blockty } => *blockty,
            Operator::TryTable { try_table } => try_table.ty,
            _ => return,
        };
        let (params, results) = self.block_types(ty);
        let mut pad = self.frames.last().and_then(|frame| frame.pad);
        let kind = match (operator, start) {
            (Operator::Loop { .. }, Some(start)) => {
                Kind::Loop { start, params: params.len(), rotation: Rotation::Never }
            }
            (Operator::If { .. }, _) => {
                let (otherwise, end) = (self.env.b.create_block(), self.block_with(&results));
                let params = params.iter().map(|ty| self.zero(clif_type(*ty))).collect();
                Kind::If { otherwise, params, end, reached: false }
            }
            (Operator::TryTable { try_table }, _) => {
                let end = self.block_with(&results);
                let own = self.new_pad();
                pad = Some(own);
                Kind::TryTable { end, reached: false, pad: own, catches: try_table.catches }
            }
            (Operator::Try { .. }, _) => {
                let end = self.block_with(&results);
                let own = self.new_pad();
                pad = Some(own);
                Kind::Try { end, reached: false, clauses: Clauses::Before(own) }
            }
            _ => Kind::Block { end: self.block_with(&results), reached: false },
        };
        self.count_block();
        let (height, facts) = (self.stack.len(), self.facts.count());
        self.frames.push(Frame::new(kind, height, results.len(), false, pad, facts));
    }
}
