//! Operators on vectors.
//!
//! A vector is in one register, or in two slots, which are not aligned: whatever reads 16 bytes of memory at once
//! loads them into a register first. Constants lie behind the function's code, and are; see [`pool`]. Where the older
//! instructions of x86-64 have no operator's meaning, the comment says by what it is made.

/// Operators that are methods with other arguments.
macro_rules! operators {
    ($($name:ident => $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(in crate::translate) fn $name(&mut self) {
                self.$method($($arg),*);
            }
        )*}
    };
}

mod bits;
mod compare;
mod convert;
mod float;
mod integer;
mod lanes;
mod memory;
mod pool;
mod relaxed;
mod shift;
mod shuffle;
mod widen;

use super::Translator;
use super::stack::{Entry, Kind, Loc};
use crate::isa::x64::asm::Rm;
use crate::isa::x64::regs::Xmm;
use crate::isa::x64::vector::VectorOp;

pub(super) use pool::Pool;

/// The constant whose lanes of so many bits are all this.
const fn splat(lane: u64, bits: u32) -> u128 {
    lane as u128 * (u128::MAX / ((1 << bits) - 1))
}

impl Translator<'_> {
    /// The two operands on top, the lower first.
    fn pop_vectors(&mut self) -> (Entry, Entry) {
        let right = self.pop();
        (self.pop(), right)
    }

    fn push_vector(&mut self, loc: Loc) {
        self.push(Kind::V128, loc);
    }

    /// A vector as instructions take it that read all of it: a register, or a constant behind the code.
    fn vector_rm(&mut self, entry: Entry) -> Rm {
        match entry.loc {
            Loc::Vector(index) => Rm::Code(self.pool.label(index)),
            _ => self.xmm(entry).into(),
        }
    }

    /// The register that an operation works in, loaded with its first operand, and what to push. `reads` are the
    /// operands that are read after that.
    pub(super) fn made_from(&mut self, first: Entry, reads: &[Entry]) -> (Xmm, Loc) {
        if let Some((local, reg)) = self.vector_home_ahead(reads) {
            self.load_xmm(first, reg);
            return (reg, Loc::Local(local));
        }
        let reg = self.owned_xmm(first);
        (reg, Loc::Xmm(reg))
    }

    /// A register for what one instruction makes of an operand, and what to push.
    fn made_of(&mut self, entry: Entry) -> (Xmm, Loc) {
        match (self.vector_home_ahead(&[]), entry.loc) {
            (Some((local, reg)), _) => (reg, Loc::Local(local)),
            (None, Loc::Xmm(reg)) => (reg, Loc::Xmm(reg)),
            _ => {
                let reg = self.alloc_xmm();
                (reg, Loc::Xmm(reg))
            }
        }
    }

    /// Makes something of one operand.
    fn unary(&mut self, op: VectorOp) {
        let entry = self.pop();
        let from = self.vector_rm(entry);
        let (to, loc) = self.made_of(entry);
        self.asm.vector(op, to, from);
        self.push_vector(loc);
    }

    /// Makes something of two.
    fn binary(&mut self, op: VectorOp) {
        let (left, right) = self.pop_vectors();
        self.combine(op, left, right);
    }

    /// As [`binary`](Self::binary), where the instruction takes its operands the other way round.
    fn swapped(&mut self, op: VectorOp) {
        let (left, right) = self.pop_vectors();
        self.combine(op, right, left);
    }

    /// As [`binary`](Self::binary), where it is one whether the operands are swapped.
    fn commuting(&mut self, op: VectorOp) {
        let (left, right) = self.pop_vectors();
        let (left, right) = self.in_better_order(left, right);
        self.combine(op, left, right);
    }

    fn combine(&mut self, op: VectorOp, first: Entry, second: Entry) {
        let other = self.vector_rm(second);
        let (to, loc) = self.made_from(first, &[second]);
        self.asm.vector(op, to, other);
        self.push_vector(loc);
    }

    /// Two operands in the order in which less is moved, where it does not matter which is the first.
    fn in_better_order(&self, left: Entry, right: Entry) -> (Entry, Entry) {
        let ahead = self.local_ahead().map(Loc::Local);
        let is_better_left = matches!(right.loc, Loc::Xmm(_)) && !matches!(left.loc, Loc::Xmm(_));
        let swaps =
            matches!(left.loc, Loc::Vector(_)) || is_better_left || ahead == Some(right.loc);
        if swaps && ahead != Some(left.loc) { (right, left) } else { (left, right) }
    }

    /// Turns all bits of a register over.
    fn invert(&mut self, reg: Xmm) {
        use crate::isa::x64::vector::{PCMPEQD, PXOR};
        use crate::translate::stack::SCRATCH;
        self.asm.vector(PCMPEQD, SCRATCH, SCRATCH);
        self.asm.vector(PXOR, reg, SCRATCH);
    }
}
