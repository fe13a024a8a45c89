//! The blocks that are open, and how they end.

use super::conditions::Condition;
use super::exceptions::Clauses;
use super::rotate::Rotation;
use super::{Translator, clif_type};
use crate::tuning;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Type, Value};
use dunlin_core::ValType;
use wasmparser::{BlockType, Catch};

/// An open block of the body.
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Operands below the block's parameters.
    pub(super) height: usize,
    /// Values that it leaves.
    pub(super) results: usize,
    /// Whether the block itself is rarely executed, and what is said of its condition if it is an `if`.
    pub(super) cold: bool,
    pub(super) hint: Option<bool>,
    /// Whether something leads to its end that is not rarely executed.
    pub(super) ends_warm: bool,
    /// Where exceptions go that are thrown inside, if not out of the function.
    pub(super) pad: Option<usize>,
    /// Facts that were known where it was opened.
    pub(super) facts: usize,
    /// Branches to its end or start so far.
    pub(super) branches: usize,
    /// What the condition of an `if` asks.
    pub(super) condition: Option<Condition>,
    /// Whether it is an `if` whose first way left a zero.
    pub(super) left_zero: bool,
    /// Whether it is a block that a loop begins with, so that the loop's test may be inside.
    pub(super) begins_loop: bool,
    /// Whether it is a loop that another way joins: see `into_loop.rs`.
    pub(super) is_joined: bool,
    /// Whether it is none of the body's, but asks for a call's function: see `guided.rs`.
    pub(super) is_guard: bool,
}

impl Frame {
    /// A frame that nobody says anything of.
    pub(super) fn new(
        kind: Kind,
        height: usize,
        results: usize,
        cold: bool,
        pad: Option<usize>,
        facts: usize,
    ) -> Self {
        Self {
            kind,
            height,
            results,
            cold,
            hint: None,
            ends_warm: false,
            pad,
            facts,
            branches: 0,
            condition: None,
            left_zero: false,
            begins_loop: false,
            is_joined: false,
            is_guard: false,
        }
    }
}

/// What opened a block.
pub(super) enum Kind {
    /// Something that cannot be reached.
    Dead,
    /// `block`, or the body: branches go to the end, whose parameters are the results.
    Block { end: Block, reached: bool },
    /// `loop`: branches go to the start, whose parameters are the loop's.
    Loop { start: Block, params: usize, rotation: Rotation },
    /// `if`, before its `else`: where the condition is zero, and with which parameters.
    If { otherwise: Block, params: Vec<Value>, end: Block, reached: bool },
    /// `try_table`, and where its exceptions go.
    TryTable { end: Block, reached: bool, pad: usize, catches: Vec<Catch> },
    /// An early `try`, or one of its clauses.
    Try { end: Block, reached: bool, clauses: Clauses },
}

/// Values as arguments of a branch.
pub(super) fn block_args(values: &[Value]) -> Vec<BlockArg> {
    values.iter().map(|value| BlockArg::Value(*value)).collect()
}

impl Translator<'_, '_> {
    /// The frame of the whole body.
    pub(super) fn open_body(&mut self) {
        let results = self.scope.func_type.results();
        let end = self.block_with(results);
        let kind = Kind::Block { end, reached: false };
        self.frames.push(Frame::new(kind, 0, results.len(), false, None, 0));
    }

    /// What a hint says of the condition of the operator at hand, or a profile, or the body itself: it is
    /// `unless_reached` if control never got to the operator's place.
    pub(super) fn hint(&self, unless_reached: bool) -> Option<bool> {
        let scope = &self.scope;
        let offset = (self.operator - scope.body_start) as u32;
        match scope.hints.binary_search_by_key(&offset, |hint| hint.offset) {
            Ok(found) => Some(scope.hints[found].likely),
            Err(_) if !self.is_reached() => Some(unless_reached),
            Err(_) => scope.survey.likely(self.operator).filter(|_| tuning::FAILURES_ARE_RARE),
        }
    }

    /// Begins a block that leaves the operands as they are.
    pub(super) fn begin(&mut self, block: Block) {
        if self.cold {
            self.env.b.set_cold_block(block);
        }
        self.env.b.switch_to_block(block);
    }

    /// Types of a block's parameters and results.
    pub(super) fn block_types(&mut self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), self.parsed_type(ty).into_iter().collect()),
            BlockType::FuncType(index) => {
                let ty = self.module.func_type_at(index);
                (ty.params().to_vec(), ty.results().to_vec())
            }
        }
    }

    /// A block with parameters of these types.
    pub(super) fn block_with(&mut self, types: &[ValType]) -> Block {
        let block = self.env.b.create_block();
        for ty in types {
            let value = self.env.b.append_block_param(block, clif_type(*ty));
            self.note(value, *ty);
        }
        block
    }

    /// A block with parameters of these types, of which none is a reference.
    pub(super) fn block_of(&mut self, types: &[Type]) -> Block {
        let block = self.env.b.create_block();
        for ty in types {
            self.env.b.append_block_param(block, *ty);
        }
        block
    }

    /// Where a branch over `depth` frames goes, and with how many values. Marks the end as reached.
    pub(super) fn target(&mut self, depth: u32) -> (Block, usize) {
        let index = self.frames.len() - 1 - depth as usize;
        let frame = &mut self.frames[index];
        frame.ends_warm |= !self.cold;
        frame.branches += 1;
        match &mut frame.kind {
            Kind::Loop { start, params, .. } => (*start, *params),
            Kind::Block { end, reached }
            | Kind::If { end, reached, .. }
            | Kind::TryTable { end, reached, .. }
            | Kind::Try { end, reached, .. } => {
                *reached = true;
                (*end, frame.results)
            }
            Kind::Dead => unreachable!("a branch that can be reached leaves blocks that can"),
        }
    }

    /// Jumps to `block` with the topmost `count` operands.
    pub(super) fn jump_with_top(&mut self, block: Block, count: usize) {
        let args = block_args(self.top(count));
        self.flush_charge();
        self.env.b.ins().jump(block, &args);
    }

    /// Goes on at `block`, whose parameters become the operands above `height`.
    pub(super) fn go_on_at(&mut self, block: Block, height: usize) {
        self.begin(block);
        self.stack.truncate(height);
        self.stack.extend_from_slice(self.env.b.block_params(block));
        self.live = true;
    }

    /// Makes of the code behind a branch what cannot be reached.
    pub(super) fn end_of_path(&mut self) {
        self.live = false;
    }
}
