//! Shuffles: by one instruction where there is one for the order of lanes that is asked, else by two that take
//! bytes of one operand each.

use super::{Translator, splat};
use crate::isa::x64::vector::{
    PADDUSB, PALIGNR, POR, PSHUFB, PSHUFD, PUNPCKHBW, PUNPCKHDQ, PUNPCKHQDQ, PUNPCKHWD, PUNPCKLBW,
    PUNPCKLDQ, PUNPCKLQDQ, PUNPCKLWD, SHUFPS, VectorOp,
};
use crate::translate::stack::{Entry, Loc, SCRATCH};

/// An index that gives zero.
const NONE: u8 = 0x80;

/// The instructions that interleave lanes of so many bytes, of the lower or upper halves.
const INTERLEAVE: [(u8, u8, VectorOp); 8] = [
    (1, 0, PUNPCKLBW),
    (2, 0, PUNPCKLWD),
    (4, 0, PUNPCKLDQ),
    (8, 0, PUNPCKLQDQ),
    (1, 8, PUNPCKHBW),
    (2, 8, PUNPCKHWD),
    (4, 8, PUNPCKHDQ),
    (8, 8, PUNPCKHQDQ),
];

/// Which lanes of four bytes these are, if they are whole ones.
fn doubles(lanes: [u8; 16]) -> Option<[u8; 4]> {
    let mut all = [0; 4];
    for (lane, bytes) in all.iter_mut().zip(lanes.as_chunks::<4>().0) {
        let [first, ..] = *bytes;
        if first % 4 != 0 || *bytes != [first, first + 1, first + 2, first + 3] {
            return None;
        }
        *lane = first / 4;
    }
    Some(all)
}

/// The constant of instructions that put four lanes in order, two bits each.
fn order(lanes: [u8; 4]) -> u8 {
    lanes.iter().rev().fold(0, |order, lane| order << 2 | lane & 3)
}

/// The instruction that interleaves as these lanes say.
fn interleaving(lanes: [u8; 16]) -> Option<VectorOp> {
    let is = |bytes: u8, first: u8| {
        (0..16).zip(lanes).all(|(at, lane)| {
            let (pair, within) = (at / (2 * bytes), at % bytes);
            let operand = if at / bytes % 2 == 1 { 16 } else { 0 };
            lane == operand + first + pair * bytes + within
        })
    };
    INTERLEAVE.iter().find(|(bytes, first, _)| is(*bytes, *first)).map(|(.., op)| *op)
}

/// Where the bytes begin that these lanes are, one after the other, in the second operand behind the first.
fn distance(lanes: [u8; 16]) -> Option<u8> {
    let first = lanes[0];
    (0..16).zip(lanes).all(|(at, lane)| lane == first + at).then_some(first)
}

impl Translator<'_> {
    pub(in crate::translate) fn visit_i8x16_shuffle(&mut self, lanes: [u8; 16]) {
        let (left, right) = self.pop_vectors();
        if left.loc == right.loc && left.loc != Loc::Slot {
            return self.shuffle_one(left, lanes.map(|lane| lane & 15));
        }
        if lanes.iter().all(|lane| *lane < 16) {
            return self.shuffle_one(left, lanes);
        }
        if lanes.iter().all(|lane| *lane >= 16) {
            return self.shuffle_one(right, lanes.map(|lane| lane - 16));
        }
        self.shuffle_two(left, right, lanes);
    }

    /// Puts bytes of one vector in an order.
    fn shuffle_one(&mut self, vector: Entry, lanes: [u8; 16]) {
        if let Some(lanes) = doubles(lanes) {
            let from = self.xmm(vector);
            let (to, loc) = self.made_of(vector);
            self.asm.vector_imm(PSHUFD, to, from, order(lanes));
            return self.push_vector(loc);
        }
        let (to, loc) = self.made_from(vector, &[]);
        let indices = self.constant(u128::from_le_bytes(lanes));
        self.asm.vector(PSHUFB, to, indices);
        self.push_vector(loc);
    }

    fn shuffle_two(&mut self, left: Entry, right: Entry, lanes: [u8; 16]) {
        if let Some(op) = interleaving(lanes) {
            return self.combine(op, left, right);
        }
        if let Some(op) = interleaving(lanes.map(|lane| lane ^ 16)) {
            return self.combine(op, right, left);
        }
        if let Some(bytes) = distance(lanes) {
            return self.align(left, right, bytes);
        }
        match doubles(lanes) {
            Some(of @ [0..4, 0..4, 4..=7, 4..=7]) => self.shuffle_halves(left, right, order(of)),
            Some(of @ [4..=7, 4..=7, 0..4, 0..4]) => self.shuffle_halves(right, left, order(of)),
            _ => self.shuffle_any(left, right, lanes),
        }
    }

    fn align(&mut self, left: Entry, right: Entry, bytes: u8) {
        let other = self.xmm(left);
        let (to, loc) = self.made_from(right, &[left]);
        self.asm.vector_imm(PALIGNR, to, other, bytes);
        self.push_vector(loc);
    }

    /// Two lanes of the first, then two of the second.
    fn shuffle_halves(&mut self, first: Entry, second: Entry, order: u8) {
        let other = self.xmm(second);
        let (to, loc) = self.made_from(first, &[second]);
        self.asm.vector_imm(SHUFPS, to, other, order);
        self.push_vector(loc);
    }

    fn shuffle_any(&mut self, left: Entry, right: Entry, lanes: [u8; 16]) {
        let of_left = lanes.map(|lane| if lane < 16 { lane } else { NONE });
        let of_right = lanes.map(|lane| if lane < 16 { NONE } else { lane - 16 });
        let (to, loc) = self.made_from(left, &[right]);
        let of_left = self.constant(u128::from_le_bytes(of_left));
        let of_right = self.constant(u128::from_le_bytes(of_right));
        self.load_xmm(right, SCRATCH);
        self.asm.vector(PSHUFB, SCRATCH, of_right);
        self.asm.vector(PSHUFB, to, of_left);
        self.asm.vector(POR, to, SCRATCH);
        self.push_vector(loc);
    }

    /// The instruction gives zero for indices whose highest bit is set: those above 15 are made such.
    pub(in crate::translate) fn visit_i8x16_swizzle(&mut self) {
        let (vector, indices) = self.pop_vectors();
        if let Some(bits) = self.const_bits(indices.loc) {
            let of = bits.to_le_bytes().map(|index| if index < 16 { index } else { NONE });
            let (to, loc) = self.made_from(vector, &[]);
            let of = self.constant(u128::from_le_bytes(of));
            self.asm.vector(PSHUFB, to, of);
            return self.push_vector(loc);
        }
        let (to, loc) = self.made_from(vector, &[indices]);
        let more = self.constant(splat(0x70, 8));
        self.load_xmm(indices, SCRATCH);
        self.asm.vector(PADDUSB, SCRATCH, more);
        self.asm.vector(PSHUFB, to, SCRATCH);
        self.push_vector(loc);
    }

    /// As the instruction does it.
    pub(super) fn shuffle_bytes(&mut self) {
        self.binary(PSHUFB);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_lanes_that_have_an_instruction_are_known() {
        let bytes = |from: u8| core::array::from_fn(|at| from + at as u8);
        assert_eq!(distance(bytes(5)), Some(5));
        assert_eq!(doubles(bytes(0)), Some([0, 1, 2, 3]));
        assert_eq!(doubles(bytes(1)), None);
        assert_eq!(order([3, 2, 1, 0]), 0x1b);
        let words = [0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23];
        assert_eq!(interleaving(words), Some(PUNPCKLWD));
        let upper = [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31];
        assert_eq!(interleaving(upper), Some(PUNPCKHBW));
        assert_eq!(interleaving(bytes(0)), None);
    }
}
