//! Loops that test at their start, and jump back from their end, get the test at their end too.
//!
//! What a loop does before its first test is translated a second time where the body ends: instead of the
//! jump to the start there is the test, and a branch to what follows it. A turn has one jump in place of two,
//! and a loop without other branches becomes one block, which our passes look at.
//!
//! ```text
//!   loop                            loop
//!     <before>  br_if $exit           <before>  br_if $exit
//!     <body>                   ──►  again:
//!     br $loop                        <body>
//!   end                               <poll> <before>  br_if $exit   br $again
//!                                   end
//! ```
//!
//! The second translation is that of the same operators by the same methods: it polls, charges and traps as the
//! first, at the same operators. What is repeated is short (`limits.rs`), and without values on the stack.

use super::Translator;
use super::frames::Kind;
use super::visitor::Visitor;
use crate::{limits, tuning};
use cranelift_codegen::ir::{Block, InstBuilder};
use wasmparser::{BinaryReader, BlockType, OperatorsReader};

/// Bytes of the operator that opens a loop, and of its empty type.
const LOOP_BYTES: u64 = 2;

/// What is known of a loop's first test.
pub(super) enum Rotation {
    /// There is none that can be repeated.
    Never,
    /// It has not come yet; the loop's first operator behind so many blocks that it begins with is here.
    Before { start: u64, blocks: usize },
    /// It is known.
    Test(Test),
}

/// The first test of a loop.
#[derive(Clone, Copy)]
pub(super) struct Test {
    /// How many blocks the loop begins with that are around it.
    blocks: usize,
    /// Where the operators before it are, in the module.
    start: u64,
    end: u64,
    /// Where it goes, if its condition holds and if not.
    ways: [Way; 2],
    /// How many more times it may be repeated.
    left: u32,
}

/// Where a test goes.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// To a block of the loop's, which is sealed with it.
    Block(Block),
    /// Over so many frames, from the loop's own.
    Depth(u32),
}

impl Translator<'_, '_> {
    /// What is known of the test of the loop that the operator at hand opens.
    pub(super) fn rotation(&self, ty: BlockType) -> Rotation {
        match ty {
            BlockType::Empty if tuning::ROTATE_LOOPS => {
                Rotation::Before { start: self.operator + LOOP_BYTES, blocks: 0 }
            }
            _ => Rotation::Never,
        }
    }

    /// The frame of the loop whose test may be here: the innermost one, or that around blocks which it begins with.
    fn tested_loop(&self) -> Option<usize> {
        let blocks = self.frames.iter().rev().take_while(|frame| frame.begins_loop).count();
        self.frames.len().checked_sub(1 + blocks)
    }

    /// Notes that the innermost frame, if it is a loop before its first test, has none that can be repeated.
    pub(super) fn no_first_test(&mut self) {
        if let Some(index) = self.tested_loop()
            && let Kind::Loop { rotation, .. } = &mut self.frames[index].kind
            && matches!(rotation, Rotation::Before { .. })
        {
            *rotation = Rotation::Never;
        }
    }

    /// Whether a block of this type that opens here is what a loop begins with; its test may be inside then.
    pub(super) fn begins_loop(&mut self, ty: BlockType) -> bool {
        let at = self.operator;
        if ty != BlockType::Empty || !tuning::ROTATE_BLOCKS {
            return false;
        }
        if let Some(index) = self.tested_loop()
            && let Kind::Loop { rotation: Rotation::Before { start, blocks }, .. } =
                &mut self.frames[index].kind
            && *start == at
        {
            (*start, *blocks) = (at + LOOP_BYTES, *blocks + 1);
            return true;
        }
        false
    }

    /// Notes that the operator at hand is the test of the innermost frame's loop, if it can be that. Its
    /// blocks are then sealed with the loop; whether they are.
    pub(super) fn first_test(&mut self, ways: [Way; 2]) -> bool {
        let (end, height) = (self.operator, self.stack.len());
        let Some(index) = self.tested_loop() else { return false };
        let around = self.frames.len() - 1 - index;
        let frame = &mut self.frames[index];
        let Kind::Loop { rotation, .. } = &mut frame.kind else { return false };
        let Rotation::Before { start, blocks } = *rotation else { return false };
        *rotation = Rotation::Never;
        let goes_back =
            ways.iter().any(|way| matches!(way, Way::Depth(depth) if *depth as usize == around));
        if height != frame.height
            || blocks != around
            || goes_back
            || end - start > limits::ROTATED_BYTES_MAX
        {
            return false;
        }
        let left = limits::ROTATIONS_MAX;
        *rotation = Rotation::Test(Test { blocks, start, end, ways, left });
        // What follows the test will follow its repetitions too.
        let facts = frame.facts;
        self.facts.forget(facts);
        for way in ways {
            if let Way::Block(block) = way {
                self.sealed_late.insert(block);
            }
        }
        true
    }

    /// Seals a block, unless a loop around it does so.
    pub(super) fn seal(&mut self, block: Block) {
        if !self.sealed_late.contains(&block) {
            self.env.b.seal_block(block);
        }
    }

    /// Seals the blocks of a loop that ends.
    pub(super) fn seal_rotated(&mut self, rotation: &Rotation) {
        let Rotation::Test(test) = rotation else { return };
        for way in test.ways {
            if let Way::Block(block) = way
                && self.sealed_late.remove(&block)
            {
                self.env.b.seal_block(block);
            }
        }
    }

    /// Tests in place of a jump to the start of the loop over `depth` frames; whether it does.
    pub(super) fn rotate(&mut self, depth: u32) -> bool {
        let index = self.frames.len() - 1 - depth as usize;
        let frame = &mut self.frames[index];
        let Kind::Loop { rotation: Rotation::Test(test), .. } = &mut frame.kind else {
            return false;
        };
        let Some(left) = test.left.checked_sub(1) else { return false };
        test.left = left;
        let (test, height) = (*test, frame.height);
        let tested = index + 1 + test.blocks;
        let is_inside = |frames: &[super::frames::Frame]| frames.iter().all(|it| it.begins_loop);
        if !self.frames.get(index + 1..tested).is_some_and(is_inside) {
            return false;
        }
        let inner = self.frames.split_off(tested);
        let operands = self.stack.split_off(height);
        let (at, facts) = (self.operator, self.facts.count());
        self.flush_charge();
        // It is the loop's poll: what stops there, stops at the loop.
        self.set_source(test.start - LOOP_BYTES);
        self.poll();
        if let Err(error) = self.repeat(test) {
            self.failed = Some(error.into());
        }
        self.operator = at;
        self.facts.forget(facts);
        self.stack.truncate(height);
        self.stack.extend(operands);
        self.frames.extend(inner);
        self.end_of_path();
        true
    }

    /// Translates a test and what is before it.
    fn repeat(&mut self, test: Test) -> Result<(), wasmparser::BinaryReaderError> {
        let range = (test.start - self.scope.body_start) as usize
            ..(test.end - self.scope.body_start) as usize;
        let bytes = &self.scope.body[range];
        let mut reader = OperatorsReader::new(BinaryReader::new(bytes, test.start));
        while !reader.eof() {
            self.operator = reader.original_position();
            self.set_source(self.operator);
            reader.visit_operator(&mut Visitor(self))?;
        }
        if !self.live {
            return Ok(());
        }
        self.set_source(test.end);
        let condition = self.pop();
        self.charge += 1;
        let [then, otherwise] = test.ways.map(|way| match way {
            Way::Block(block) => block,
            Way::Depth(depth) => self.target(depth).0,
        });
        self.flush_charge();
        self.env.b.ins().brif(condition, then, &[], otherwise, &[]);
        Ok(())
    }
}
