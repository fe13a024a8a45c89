//! Code that leads into a loop, for an activation that is in it already.
//!
//! The whole function is translated, and then a way from the entry to the loop's start, instead of one to the
//! function's first operator. What is before the loop, and not reached from it, is not there in the end.
//!
//! 1. The entry reads locals and operands from the slots that the store's context leads to.
//! 2. Values that operators before the loop have left on the stack do not exist on the new way. Where a block opens
//!    that the loop is in, what is below it on the stack becomes variables as locals are, and is read from them where
//!    the new way joins: at the starts of loops, and behind blocks.
//! 3. What is known of values before the loop is forgotten where it starts.

use super::frames::block_args;
use super::{Translator, clif_type};
use crate::limits;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::Variable;
use dunlin_core::ValType;
use dunlin_module::CompileError;
use dunlin_module::layout::{SLOT_BYTES, store_context, vm_context};
use dunlin_module::side::FRAME_RECORD_SLOTS;
use wasmparser::{FunctionBody, Operator};

/// The loop that code leads into.
pub(super) struct IntoLoop {
    /// Operators that open the blocks which the loop is in, outermost first, and its own.
    openers: Vec<u64>,
    /// What is below those on the stack.
    below: Vec<Variable>,
    /// The block that leads to the loop, until it does.
    way: Option<ir::Block>,
    /// The slots that it reads.
    slots: Value,
    /// Slots of the locals.
    locals: u32,
}

impl IntoLoop {
    /// Whether the loop has been found.
    pub(super) fn is_entered(&self) -> bool {
        self.way.is_none()
    }
}

/// Where the blocks open that a loop is in, and the loop, whose first operator is at an offset of the module.
fn openers(body: &FunctionBody<'_>, at: u32) -> Result<Vec<u64>, CompileError> {
    let (mut open, mut found) = (Vec::new(), None);
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let here = reader.original_position();
        match reader.read()? {
            Operator::Loop { .. } => {
                open.push(here);
                if reader.original_position() == u64::from(at) {
                    found = Some(open.clone());
                }
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                open.push(here);
            }
            // Where it keeps exceptions is each tier's own affair.
            Operator::Try { .. } => {
                return Err(CompileError::new("a function with an early `try`"));
            }
            Operator::End => {
                open.pop();
            }
            _ => {}
        }
    }
    found.ok_or_else(|| CompileError::new("there is no such loop"))
}

impl Translator<'_, '_> {
    /// Makes the entry lead into a loop; the function's own beginning has nothing before it.
    pub(super) fn enter_loop(
        &mut self,
        body: &FunctionBody<'_>,
        at: u32,
    ) -> Result<(), CompileError> {
        let openers = openers(body, at)?;
        let store = self.env.context_pointer(vm_context::STORE);
        let slots = self.env.field(types::I64, store, store_context::LOOP_SLOTS);
        let locals: Vec<(Variable, ValType)> =
            self.scope.locals.iter().copied().zip(self.scope.local_types.iter().copied()).collect();
        let mut slot = 0;
        for (local, ty) in locals {
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
        let (below, way) = (Vec::new(), Some(way));
        self.into_loop = Some(IntoLoop { openers, below, way, slots, locals: slot });
        Ok(())
    }

    /// Reads a slot of the activation.
    fn loop_slot(&mut self, slots: Value, slot: u32, ty: ir::Type) -> Value {
        let offset = (slot as usize * SLOT_BYTES) as i32;
        self.env.b.ins().load(ty, MemFlagsData::trusted(), slots, offset)
    }

    /// Makes variables of what is below the block that the operator at hand opens, if the loop is in it; whether it
    /// is.
    pub(super) fn crosses(&mut self, height: usize) -> bool {
        let (operator, is_outermost) = (self.operator, self.outer.is_empty());
        let Some(into) = self.into_loop.as_ref().filter(|_| is_outermost) else { return false };
        if into.openers.binary_search(&operator).is_err() {
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

    /// Puts in place of what is below a block what its variables hold here.
    pub(super) fn read_crossed(&mut self, height: usize) {
        let Some(into) = &self.into_loop else { return };
        let below = into.below[..height].to_vec();
        for (at, variable) in below.into_iter().enumerate() {
            let value = self.env.b.use_var(variable);
            self.refs.note_as(self.stack[at], value);
            if self.refs.is_followed(value) {
                self.env.b.declare_value_needs_stack_map(value);
            }
            self.stack[at] = value;
        }
    }

    /// Whether the operator at hand opens the loop.
    pub(super) fn is_led_into(&self) -> bool {
        let innermost = self.into_loop.as_ref().and_then(|into| into.openers.last());
        innermost == Some(&self.operator)
    }

    /// Leads to the loop's start, from where the translation is and from the entry: by one block, which our passes
    /// put what they compute before a loop in. Above `height` operands it takes these.
    pub(super) fn lead_into(&mut self, start: ir::Block, height: usize, params: &[ValType]) {
        let before = self.block_with(params);
        self.jump_with_top(before, params.len());
        let Some(into) = &mut self.into_loop else { return };
        let Some(way) = into.way.take() else { return };
        let (below, slots) = (into.below.clone(), into.slots);
        debug_assert_eq!(below.len(), height, "all that is below has a variable");
        let mut slot = into.locals + FRAME_RECORD_SLOTS;
        self.env.b.switch_to_block(way);
        for (at, variable) in below.into_iter().enumerate() {
            let ty = self.env.b.func.dfg.value_type(self.stack[at]);
            let value = self.loop_slot(slots, slot, ty);
            self.env.b.def_var(variable, value);
            slot += (ty.bytes() as usize).div_ceil(SLOT_BYTES) as u32;
        }
        let mut values = Vec::with_capacity(params.len());
        for ty in params {
            let value = self.loop_slot(slots, slot, clif_type(*ty));
            self.note(value, *ty);
            values.push(value);
            slot += ty.slots();
        }
        self.env.b.ins().jump(before, &block_args(&values));
        self.env.b.switch_to_block(before);
        self.env.b.seal_block(before);
        let values = block_args(self.env.b.block_params(before));
        self.env.b.ins().jump(start, &values);
        self.facts.clear();
    }
}
