//! Branches, calls and returns.

use super::access::{general, memory_operand};
use super::shape::Shape;
use super::value::{ANY, Flags, State, U32, What};
use super::{Verifier, reg};
use dunlin_module::Builtin;
use iced_x86::{ConditionCode, FlowControl, Instruction, Mnemonic};

/// Where control goes behind an instruction.
pub(crate) enum Flow {
    Next,
    /// On, or there.
    Split(u32, Box<State>),
    /// To one of these.
    To(Vec<u32>),
}

const END: Flow = Flow::To(Vec::new());

/// The target of a direct branch.
pub(crate) fn target(instruction: &Instruction) -> Option<u32> {
    let is_branch = instruction.is_jcc_short_or_near() || instruction.is_jmp_short_or_near();
    is_branch.then(|| u32::try_from(instruction.near_branch_target()).unwrap_or(u32::MAX))
}

/// Whether control does not get behind an instruction.
pub(crate) fn is_end(instruction: &Instruction) -> bool {
    use FlowControl::{ConditionalBranch, IndirectCall, Next};
    !matches!(instruction.flow_control(), Next | ConditionalBranch | IndirectCall)
}

/// Whether it is a call as this tier makes them.
pub(crate) fn is_call(instruction: &Instruction) -> bool {
    instruction.flow_control() == FlowControl::IndirectCall
}

impl Verifier<'_> {
    /// Executes an instruction.
    pub(crate) fn step(&mut self, instruction: &Instruction, state: &mut State) -> Flow {
        if let Some(target) = target(instruction)
            && target as usize >= self.function.code.len()
        {
            self.report(instruction, "a branch out of the code");
            return END;
        }
        match instruction.flow_control() {
            FlowControl::Next => {
                self.compute(instruction, state);
                Flow::Next
            }
            FlowControl::ConditionalBranch if instruction.is_jcc_short_or_near() => {
                branch(instruction, state)
            }
            FlowControl::UnconditionalBranch => Flow::To(target(instruction).into_iter().collect()),
            FlowControl::IndirectBranch => self.jump(instruction, state),
            FlowControl::IndirectCall => self.call(instruction, state),
            FlowControl::Return => {
                let taken = instruction.immediate16();
                let bytes = if instruction.op_count() > 0 { taken } else { 0 };
                self.leave(instruction, state, i32::from(bytes));
                END
            }
            FlowControl::Exception if instruction.mnemonic() == Mnemonic::Ud2 => END,
            _ => {
                self.report(instruction, "an instruction that this tier has no use for");
                END
            }
        }
    }

    /// A jump to an address in a register.
    fn jump(&mut self, instruction: &Instruction, state: &mut State) -> Flow {
        let register = general(instruction.op0_register()).map(|(number, _)| state.what(number));
        match register {
            Some(What::Way) => return Flow::To(self.ways.iter().copied().collect()),
            Some(What::BranchTarget { table, most }) => {
                return self.branch_table(instruction, table, most);
            }
            Some(what @ What::CodePtr(_)) => self.tail_call(instruction, what, state),
            what => self.report(instruction, format!("a jump to {what:?}")),
        }
        END
    }

    /// The targets of a table's entries up to one.
    fn branch_table(&mut self, instruction: &Instruction, table: u32, most: u32) -> Flow {
        let end = 4 * (most as usize + 1) + table as usize;
        let Some(entries) = self.function.code.get(table as usize..end) else {
            self.report(instruction, "a table of branches outside of the code");
            return END;
        };
        self.data.insert((table, end as u32));
        let (entries, _) = entries.as_chunks::<4>();
        let targets =
            entries.iter().map(|entry| table.wrapping_add_signed(i32::from_le_bytes(*entry)));
        let targets: Vec<u32> = targets.collect();
        if targets.iter().any(|target| *target as usize >= self.function.code.len()) {
            self.report(instruction, "a branch out of the code");
            return END;
        }
        Flow::To(targets)
    }

    /// A call through a register or a pointer in memory.
    fn call(&mut self, instruction: &Instruction, state: &mut State) -> Flow {
        let what = match memory_operand(instruction) {
            Some(operand) => self.access(instruction, operand, state),
            None => general(instruction.op0_register()).map_or(ANY, |(reg, _)| state.what(reg)),
        };
        let What::Frame(top) = state.what(reg::RSP) else {
            self.report(instruction, "the stack pointer is not known");
            return END;
        };
        if top % 16 != 0 {
            self.report(instruction, "the stack is not aligned");
        }
        let (result, taken) = match what {
            What::Builtin(builtin) => (self.builtin(instruction, builtin, state), 0),
            What::CodePtr(_) | What::LoopCode => {
                let Some(shape) = self.callee(instruction, what) else {
                    self.report(instruction, "a call of something of no type");
                    return END;
                };
                self.check_arguments(instruction, shape, what, state);
                (ANY, shape.stack_bytes)
            }
            what => {
                self.report(instruction, format!("a call of {what:?}"));
                return END;
            }
        };
        self.arrive_at_handler(instruction, state);
        self.returned(instruction, result, state);
        state.set(reg::RSP, What::Frame(top + taken as i32), instruction.ip() as u32);
        Flow::Next
    }

    /// What a builtin returns.
    fn builtin(&mut self, instruction: &Instruction, builtin: Builtin, state: &State) -> What {
        if state.what(reg::RDI) != What::Context {
            self.report(instruction, "a builtin without the context");
        }
        match builtin {
            Builtin::RanOut => What::LoopCode,
            Builtin::CatchException => What::Payload,
            _ => ANY,
        }
    }

    /// What is known behind a call.
    fn returned(&self, instruction: &Instruction, result: What, state: &mut State) {
        let at = instruction.ip() as u32;
        let keeps_fuel = !self.subject.settings.fuel;
        for number in 0..16 {
            let is_kept = reg::KEPT.contains(&number) && (keeps_fuel || number != reg::R15);
            let is_moved = match state.what(number) {
                What::Base(memory) => !self.subject.is_fixed(memory),
                _ => false,
            };
            if !matches!(number, reg::RSP | reg::RBP) && (!is_kept || is_moved) {
                state.set(number, ANY, at);
            }
        }
        state.set(reg::RAX, result, at);
        state.flags = Flags::Unknown;
    }

    /// Takes what is known to where an exception is looked at that a call has thrown.
    fn arrive_at_handler(&mut self, instruction: &Instruction, state: &State) {
        let returns_to = instruction.next_ip() as u32;
        let all = self.function.handlers.iter().filter(|of| of.returns_to == returns_to);
        let handlers: Vec<_> = all.copied().collect();
        for handler in handlers {
            let at = instruction.ip() as u32;
            let mut thrown = state.clone();
            for number in 0..16 {
                thrown.set(number, ANY, at);
            }
            thrown.set(reg::RAX, U32, at);
            thrown.set(reg::RDX, U32, at);
            thrown.set(reg::RBP, What::Frame(0), at);
            thrown.set(reg::RSP, What::Frame(-(handler.frame_bytes as i32)), at);
            thrown.flags = Flags::Unknown;
            if handler.frame_bytes != self.frame_bytes {
                self.report(instruction, "an exception's frame is another one");
            }
            self.arrive(2 * at + 1, handler.handler, thrown);
        }
    }

    /// Checks the context, and where results go, of a call or jump to code.
    fn check_arguments(
        &mut self,
        instruction: &Instruction,
        shape: Shape,
        what: What,
        state: &State,
    ) {
        let context = state.what(shape.context());
        let own = matches!(what, What::CodePtr(Some(_)) | What::LoopCode);
        let is_fine = context == What::Context || !own && context == What::Foreign;
        if !is_fine {
            self.report(instruction, "a call without a context");
        }
        let is_placed = match state.what(reg::RDI) {
            What::Area => self.shape.area_bytes == shape.area_bytes,
            What::Frame(at) => self.is_area(at, shape, state),
            _ => false,
        };
        if shape.area_bytes > 0 && !is_placed {
            self.report(instruction, "a call whose results go nowhere");
        }
    }

    /// Whether a call's results have room at an address of the frame: above its arguments, below the slots.
    fn is_area(&self, at: i32, shape: Shape, state: &State) -> bool {
        let What::Frame(top) = state.what(reg::RSP) else { return false };
        let end = at + shape.area_bytes as i32;
        at >= top + shape.stack_bytes as i32 && end <= -(self.frame_bytes as i32)
    }

    /// A jump to another function in place of this one.
    fn tail_call(&mut self, instruction: &Instruction, what: What, state: &State) {
        let Some(shape) = self.callee(instruction, what) else {
            return self.report(instruction, "a call of something of no type");
        };
        self.check_arguments(instruction, shape, what, state);
        self.leave(instruction, state, shape.stack_bytes as i32);
    }

    /// Checks that a function's frame is gone, and that its caller's registers are what they were, where it ends with
    /// so many bytes of arguments above the return address.
    fn leave(&mut self, instruction: &Instruction, state: &State, bytes: i32) {
        let What::Frame(top) = state.what(reg::RSP) else {
            return self.report(instruction, "the stack pointer is not known");
        };
        if state.cells.get(&top) != Some(&What::ReturnAddress) {
            self.report(instruction, "no return address on top of the stack");
        }
        if top + 8 + bytes != 16 + self.shape.stack_bytes as i32 {
            self.report(instruction, "arguments stay on the stack");
        }
        if state.what(reg::RBP) != What::CallerFrame {
            self.report(instruction, "the caller's frame pointer is lost");
        }
        for number in reg::KEPT {
            let is_fuel = number == reg::R15 && self.subject.settings.fuel;
            if !is_fuel && state.what(number) != What::Caller(number) {
                self.report(instruction, format!("the caller's register {number} is lost"));
            }
        }
    }

    /// The stack of what is called.
    fn callee(&self, instruction: &Instruction, what: What) -> Option<Shape> {
        let module = self.subject.module;
        match what {
            What::LoopCode => Some(self.shape),
            What::CodePtr(Some(code)) if code < module.func_count() => {
                Some(Shape::of(module.func_type(code), false))
            }
            What::CodePtr(Some(code)) => {
                let ty = module.types().get((code - module.func_count()) as usize)?;
                Some(Shape::of(ty.composite.as_func()?, true))
            }
            _ => self
                .operator_type(instruction.ip() as u32)
                .map(|ty| Shape::of(module.func_type_at(ty), false)),
        }
    }

    /// The type that the operator names which code is of.
    fn operator_type(&self, at: u32) -> Option<u32> {
        use wasmparser::Operator::{
            Call, CallIndirect, CallRef, ReturnCall, ReturnCallIndirect, ReturnCallRef,
        };
        let module = self.subject.module;
        let after = self.function.source.partition_point(|(from, _)| *from <= at);
        let word = self.function.source[after.checked_sub(1)?].1 as usize;
        let bytes = module.bytes().get(word..)?;
        let reader = wasmparser::BinaryReader::new(bytes, word as u64);
        let operator = wasmparser::OperatorsReader::new(reader).read().ok()?;
        match operator {
            Call { function_index: func } | ReturnCall { function_index: func } => {
                Some(module.func_type_index(func))
            }
            CallIndirect { type_index: ty, .. }
            | ReturnCallIndirect { type_index: ty, .. }
            | CallRef { type_index: ty }
            | ReturnCallRef { type_index: ty } => Some(ty),
            _ => None,
        }
    }
}

/// A conditional branch: what its flags say is known on both ways.
fn branch(instruction: &Instruction, state: &mut State) -> Flow {
    let target = target(instruction).unwrap_or(u32::MAX);
    let mut taken = state.clone();
    let is_not_zero = |what| match what {
        What::Number { max, .. } => What::Number { max, nonzero: true },
        what => what,
    };
    match (state.flags, instruction.condition_code()) {
        (Flags::Sum(id), ConditionCode::b) => state.refine(id, |what| match what {
            What::Reach { index, bytes, max, .. } => {
                What::Reach { index, bytes, max, wraps: false }
            }
            what => what,
        }),
        // Of a constant that is not zero, and of an index of a table that never has an element.
        (Flags::Zero(_, true), ConditionCode::ne) | (Flags::Immediate(_, 0), ConditionCode::ae) => {
            *state = taken;
            return Flow::To(vec![target]);
        }
        (Flags::Zero(id, _), ConditionCode::e) => state.refine(id, is_not_zero),
        (Flags::Zero(id, _), ConditionCode::ne) => taken.refine(id, is_not_zero),
        _ => {}
    }
    Flow::Split(target, Box::new(taken))
}
