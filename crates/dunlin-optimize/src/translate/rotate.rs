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
use cranelift_codegen::ir::{Block, InstBuilder, SourceLoc};
use wasmparser::{BinaryReader, BlockType, OperatorsReader};

/// Bytes of the operator that opens a loop, and of its empty type.
const LOOP_BYTES: u64 = 2;

/// What is known of a loop's first test.
pub(super) enum Rotation {
    /// There is none that can be repeated.
    Never,
    /// It has not come yet; the loop's first operator is here.
    Before { start: u64 },
    /// It is known.
    Test(Test),
}

/// The first test of a loop.
#[derive(Clone, Copy)]
pub(super) struct Test {
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
                Rotation::Before { start: self.operator + LOOP_BYTES }
            }
            _ => Rotation::Never,
        }
    }

    /// Notes that the innermost frame, if it is a loop before its first test, has none that can be repeated.
    pub(super) fn no_first_test(&mut self) {
        if let Some(Kind::Loop { rotation, .. }) =
            self.frames.last_mut().map(|frame| &mut frame.kind)
            && matches!(rotation, Rotation::Before { .. })
        {
            *rotation = Rotation::Never;
        }
    }

    /// Notes that the operator at hand is the test of the innermost frame's loop, if it can be that. Its
    /// blocks are then sealed with the loop; whether they are.
    pub(super) fn first_test(&mut self, ways: [Way; 2]) -> bool {
        let (end, height) = (self.operator, self.stack.len());
        let Some(frame) = self.frames.last_mut() else { return false };
        let Kind::Loop { rotation, .. } = &mut frame.kind else { return false };
        let Rotation::Before { start } = *rotation else { return false };
        *rotation = Rotation::Never;
        if height != frame.height || end - start > limits::ROTATED_BYTES_MAX {
            return false;
        }
        *rotation = Rotation::Test(Test { start, end, ways, left: limits::ROTATIONS_MAX });
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
        let inner = self.frames.split_off(index + 1);
        let operands = self.stack.split_off(height);
        let at = self.operator;
        self.flush_charge();
        // It is the loop's poll: what stops there, stops at the loop.
        self.env.b.set_srcloc(SourceLoc::new((test.start - LOOP_BYTES) as u32));
        self.poll();
        if let Err(error) = self.repeat(test) {
            self.failed = Some(error.into());
        }
        self.operator = at;
        self.stack.truncate(height);
        self.stack.extend(operands);
        self.frames.extend(inner);
        self.end_of_path();
        true
    }

    /// Translates a test and what is before it.
    fn repeat(&mut self, test: Test) -> Result<(), wasmparser::BinaryReaderError> {
        let range = (test.start - self.body_start) as usize..(test.end - self.body_start) as usize;
        let bytes = &self.body[range];
        let mut reader = OperatorsReader::new(BinaryReader::new(bytes, test.start));
        while !reader.eof() {
            self.operator = reader.original_position();
            self.env.b.set_srcloc(SourceLoc::new(self.operator as u32));
            reader.visit_operator(&mut Visitor(self))?;
        }
        self.env.b.set_srcloc(SourceLoc::new(test.end as u32));
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
