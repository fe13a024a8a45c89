//! Exceptions: what throws, and blocks that catch.
//!
//! Code that may throw inside a block that catches is called by an instruction with an exceptional edge, which
//! costs nothing: the code generator's tables say where the edge goes, and whoever throws looks there. All edges
//! of a block that catches lead to its *pad*, with a reference to the exception and its tag. The pad compares the
//! tag with those of the clauses, which are the instance's, and goes to what encloses it if none is the same: to
//! the next pad outwards, or out of the function. What throws inside the function itself jumps to the pad.
//!
//! The early form of exceptions differs in where the clauses' code stands: behind the block, each where the
//! comparison before it has failed.

use super::Translator;
use super::frames::{Frame, Kind};
use crate::stubs::{load_slots, store_slots};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, SigRef,
    StackSlotData, StackSlotKind, Value, types,
};
use dunlin_core::{RefType, TrapCode, ValType};
use dunlin_module::Builtin;
use dunlin_module::compile::NO_OBJECT;
use dunlin_module::layout::{SLOT_BYTES, vm_context};
use wasmparser::{BlockType, Catch, TryTable};

/// Where exceptions of a block go: its first parameter is the exception, its second the tag, in words.
pub(super) struct Pad {
    block: Block,
    is_reached: bool,
}

/// An exception on its way, and its tag in a word.
#[derive(Clone, Copy)]
pub(super) struct Thrown {
    exception: Value,
    tag: Value,
}

/// The clauses of an early `try`.
#[derive(Clone, Copy)]
pub(super) enum Clauses {
    /// None has come yet; exceptions go to this pad.
    Before(usize),
    /// The latest has caught this; the next one, or what follows the last, begins in the block, if anything gets
    /// there.
    Caught(Thrown, Option<Block>),
    /// Nothing is ever thrown there.
    Never,
}

impl Translator<'_, '_> {
    pub(super) fn new_pad(&mut self) -> usize {
        let block = self.block_of(&[types::I64; 2]);
        self.pads.push(Pad { block, is_reached: false });
        self.pads.len() - 1
    }

    /// The pad for what is thrown here; it is reached.
    fn pad(&mut self) -> Option<Block> {
        let pad = self.frames.last()?.pad?;
        self.pads[pad].is_reached = true;
        Some(self.pads[pad].block)
    }

    /// Begins the code of a pad, if anything gets there.
    fn begin_pad(&mut self, pad: usize) -> Option<Thrown> {
        let Pad { block, is_reached } = self.pads[pad];
        self.env.b.seal_block(block);
        if !is_reached {
            return None;
        }
        // Whoever throws may have collected.
        self.facts.call();
        // Exceptions are exceptional, and so is what follows until somebody goes back to where it comes from.
        self.cold = true;
        self.begin(block);
        let [exception, tag] = [0, 1].map(|index| self.env.b.block_params(block)[index]);
        // From here on it is a reference that a collection may change.
        let exception = self.env.b.ins().ireduce(types::I32, exception);
        self.note(exception, ValType::Ref(RefType::EXNREF));
        Some(Thrown { exception, tag })
    }

    /// Calls, and goes on in a block of its own if what the function throws is looked at here.
    pub(super) fn call_code(
        &mut self,
        signature: SigRef,
        code: Value,
        args: &[Value],
    ) -> Vec<Value> {
        let Some(pad) = self.pad() else {
            let call = self.env.b.ins().call_indirect(signature, code, args);
            return self.env.b.inst_results(call).to_vec();
        };
        let returns = &self.env.b.func.dfg.signatures[signature].returns;
        let returns: Vec<_> = returns.iter().map(|result| result.value_type).collect();
        let next = self.block_of(&returns);
        self.count_block();
        self.try_call(signature, code, args, next, pad);
        self.begin(next);
        self.env.b.seal_block(next);
        self.env.b.block_params(next).to_vec()
    }

    /// Calls, and goes on in `next` with the results.
    pub(super) fn call_code_and_jump(
        &mut self,
        signature: SigRef,
        code: Value,
        args: &[Value],
        next: Block,
    ) {
        if let Some(pad) = self.pad() {
            return self.try_call(signature, code, args, next, pad);
        }
        let results = self.call_code(signature, code, args);
        let results: Vec<BlockArg> = results.into_iter().map(BlockArg::Value).collect();
        self.env.b.ins().jump(next, &results);
    }

    fn try_call(&mut self, sig: SigRef, code: Value, args: &[Value], next: Block, pad: Block) {
        let dfg = &mut self.env.b.func.dfg;
        let results = (0..dfg.signatures[sig].returns.len() as u32).map(BlockArg::TryCallRet);
        let next = BlockCall::new(next, results, &mut dfg.value_lists);
        let thrown = [0, 1].map(BlockArg::TryCallExn);
        let pad = BlockCall::new(pad, thrown, &mut dfg.value_lists);
        let table = ExceptionTableData::new(sig, next, [ExceptionTableItem::Default(pad)]);
        let table = dfg.exception_tables.push(table);
        self.env.b.ins().try_call_indirect(code, args, table);
    }

    /// The store's index of a tag of the module's, in a word.
    fn tag(&mut self, index: u32) -> Value {
        let tags = self.env.context_pointer(vm_context::TAGS);
        let tag = self.env.constant(types::I32, tags, index as usize * 4);
        self.env.b.ins().uextend(types::I64, tag)
    }

    pub(super) fn visit_throw(&mut self, tag: u32) {
        self.flush_charge();
        self.is_rare();
        let params = self.module.tag_type(tag).params().len();
        let slots = self.module.tag_type(tag).param_slots();
        let payload = self.stack.split_off(self.stack.len() - params);
        let index = self.env.b.ins().iconst(types::I32, i64::from(tag));
        self.note_call();
        let made = self.env.builtin_value(Builtin::NewException, &[index]);
        let failed = self.env.b.ins().icmp_imm_s(IntCC::Equal, made, i64::from(NO_OBJECT));
        self.env.unwind_if(failed);
        if slots > 0 {
            // References lie where they are from now on: nothing is allocated before they are in the exception.
            let place = self.payload_place(slots);
            store_slots(&mut self.env.b, &payload, place);
            let count = self.env.b.ins().iconst(types::I32, i64::from(slots));
            self.env.builtin_status(Builtin::FillException, &[made, place, count]);
        }
        let tag = self.tag(tag);
        self.throw(Thrown { exception: made, tag });
    }

    /// Where the function puts what its exceptions carry.
    fn payload_place(&mut self, slots: u32) -> Value {
        let bytes = slots * SLOT_BYTES as u32;
        let func = &mut self.env.b.func;
        let slot = *self.payload_slot.get_or_insert_with(|| {
            let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
            func.create_sized_stack_slot(data)
        });
        let size = &mut func.sized_stack_slots[slot].size;
        *size = bytes.max(*size);
        self.env.b.ins().stack_addr(types::I64, slot, 0)
    }

    pub(super) fn visit_throw_ref(&mut self) {
        self.flush_charge();
        self.is_rare();
        let reference = self.pop();
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.env.trap_if(null, TrapCode::NullExceptionReference);
        let tag = match self.pad() {
            Some(_) => {
                let tag = self.env.builtin_value(Builtin::ExceptionTag, &[reference]);
                self.env.b.ins().uextend(types::I64, tag)
            }
            // Nobody looks at it.
            None => self.env.b.ins().iconst(types::I64, 0),
        };
        self.throw(Thrown { exception: reference, tag });
    }

    /// Goes where an exception is looked at that is thrown here.
    fn throw(&mut self, thrown: Thrown) {
        let pad = self.pad();
        self.throw_to(pad, thrown);
        self.end_of_path();
    }

    fn throw_to(&mut self, pad: Option<Block>, thrown: Thrown) {
        if let Some(pad) = pad {
            let exception = self.env.b.ins().uextend(types::I64, thrown.exception);
            let args = [exception, thrown.tag].map(BlockArg::Value);
            self.env.b.ins().jump(pad, &args);
            return;
        }
        self.env.builtin(Builtin::ThrowException, &[thrown.exception]);
        self.env.trap(TrapCode::Unreachable);
    }

    pub(super) fn visit_try_table(&mut self, table: TryTable) {
        let (params, results) = self.block_types(table.ty);
        if !self.live {
            return self.open(Kind::Dead, params.len(), results.len());
        }
        let end = self.block_with(&results);
        let pad = self.new_pad();
        let kind = Kind::TryTable { end, reached: false, pad, catches: table.catches };
        self.open(kind, params.len(), results.len());
        self.set_pad(Some(pad));
    }

    /// Sets where exceptions of the innermost block go.
    fn set_pad(&mut self, pad: Option<usize>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.pad = pad;
        }
    }

    /// The code of a `try_table`'s clauses, when its own has ended.
    pub(super) fn catch(&mut self, pad: usize, catches: &[Catch]) {
        let Some(thrown) = self.begin_pad(pad) else { return };
        for catch in catches {
            self.count_branch();
            let (tag, label) = match *catch {
                Catch::One { tag, label } | Catch::OneRef { tag, label } => (Some(tag), label),
                Catch::All { label } | Catch::AllRef { label } => (None, label),
            };
            let next = tag.map(|tag| self.compare_tag(thrown, tag));
            let gives_reference = matches!(catch, Catch::OneRef { .. } | Catch::AllRef { .. });
            let (mut values, reference) = self.caught(thrown, tag);
            values.extend(gives_reference.then_some(reference));
            let (block, _) = self.target(label);
            self.env.b.ins().jump(block, &super::frames::block_args(&values));
            let Some(next) = next else { return };
            self.begin(next);
        }
        let pad = self.pad();
        self.throw_to(pad, thrown);
    }

    /// Goes on where an exception has this tag; the block for all others.
    fn compare_tag(&mut self, thrown: Thrown, tag: u32) -> Block {
        let expected = self.tag(tag);
        let is_same = self.env.b.ins().icmp(IntCC::Equal, thrown.tag, expected);
        let (caught, next) = (self.env.b.create_block(), self.env.b.create_block());
        self.env.b.set_cold_block(caught);
        self.env.b.set_cold_block(next);
        self.env.b.ins().brif(is_same, caught, &[], next, &[]);
        self.env.b.seal_block(caught);
        self.env.b.seal_block(next);
        self.env.b.switch_to_block(caught);
        next
    }

    /// Takes what a caught exception carries; a reference to it is in the second part.
    fn caught(&mut self, thrown: Thrown, tag: Option<u32>) -> (Vec<Value>, Value) {
        let place = self.env.builtin_value(Builtin::CatchException, &[thrown.exception]);
        let failed = self.env.b.ins().icmp_imm_s(IntCC::Equal, place, 0);
        self.env.unwind_if(failed);
        let Some(tag) = tag else { return (Vec::new(), thrown.exception) };
        let params = self.module.tag_type(tag).params();
        let values = load_slots(&mut self.env.b, params, place);
        for (value, ty) in values.iter().zip(params) {
            self.note(*value, *ty);
        }
        (values, thrown.exception)
    }

    // The early form.

    pub(super) fn visit_try(&mut self, ty: BlockType) {
        let (params, results) = self.block_types(ty);
        if !self.live {
            return self.open(Kind::Dead, params.len(), results.len());
        }
        let end = self.block_with(&results);
        let pad = self.new_pad();
        let kind = Kind::Try { end, reached: false, clauses: Clauses::Before(pad) };
        self.open(kind, params.len(), results.len());
        self.set_pad(Some(pad));
    }

    pub(super) fn visit_catch(&mut self, tag: u32) {
        self.clause(Some(tag));
    }

    pub(super) fn visit_catch_all(&mut self) {
        self.clause(None);
    }

    fn clause(&mut self, tag: Option<u32>) {
        let mut frame = self.frames.pop().expect("a validated body's frame");
        if let Kind::Try { end, reached, clauses } = &mut frame.kind {
            if self.live {
                self.jump_with_top(*end, frame.results);
                *reached = true;
                frame.ends_warm |= !self.cold;
            }
            self.count_branch();
            self.stack.truncate(frame.height);
            self.facts.forget(frame.facts);
            self.live = false;
            *clauses = match self.begin_clause(*clauses) {
                Some(thrown) => {
                    let next = tag.map(|tag| self.compare_tag(thrown, tag));
                    let (values, _) = self.caught(thrown, tag);
                    self.stack.extend(values);
                    self.live = true;
                    Clauses::Caught(thrown, next)
                }
                None => Clauses::Never,
            };
            frame.pad = self.frames.last().and_then(|outer| outer.pad);
        }
        self.frames.push(frame);
    }

    /// Goes on where a clause begins, or what follows the last one; nothing if nothing gets there.
    fn begin_clause(&mut self, clauses: Clauses) -> Option<Thrown> {
        match clauses {
            Clauses::Before(pad) => self.begin_pad(pad),
            Clauses::Caught(thrown, next) => {
                self.env.b.switch_to_block(next?);
                Some(thrown)
            }
            Clauses::Never => None,
        }
    }

    /// Ends a `try`: what its clauses have not caught goes on to the pad.
    pub(super) fn end_clauses(&mut self, clauses: Clauses, outer: Option<usize>) {
        if let Some(thrown) = self.begin_clause(clauses) {
            let pad = outer.map(|pad| {
                self.pads[pad].is_reached = true;
                self.pads[pad].block
            });
            self.throw_to(pad, thrown);
        }
    }

    pub(super) fn visit_delegate(&mut self, depth: u32) {
        let frame = self.frames.pop().expect("a validated body's frame");
        let Frame { kind, height, results, ends_warm, .. } = frame;
        self.facts.forget(frame.facts);
        let ends_warm = ends_warm || self.live && !self.cold;
        let Kind::Try { end, mut reached, clauses } = kind else {
            return self.stack.truncate(height);
        };
        if self.live {
            self.jump_with_top(end, results);
            reached = true;
        }
        let outer = self.frames[self.frames.len() - 1 - depth as usize].pad;
        self.end_clauses(clauses, outer);
        self.cold = !ends_warm;
        self.close(end, reached, height);
    }

    pub(super) fn visit_rethrow(&mut self, depth: u32) {
        self.flush_charge();
        let index = self.frames.len() - 1 - depth as usize;
        let Kind::Try { clauses: Clauses::Caught(thrown, _), .. } = self.frames[index].kind else {
            return self.unsupported("rethrow");
        };
        self.throw(thrown);
    }
}
