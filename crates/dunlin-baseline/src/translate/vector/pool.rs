//! Constants of 128 bits: behind the function's code, each once, at addresses that are multiples of 16.

use super::Translator;
use crate::isa::x64::asm::{Asm, Label, Rm};
use crate::isa::x64::regs::Xmm;
use crate::isa::x64::vector::{MOVAPS, PCMPEQD};
use crate::translate::stack::Loc;
use std::collections::HashMap;

/// Bytes of a constant, and what its address is a multiple of; functions begin at such addresses.
const BYTES: usize = 16;

const _: () = assert!((crate::tuning::FUNCTION_ALIGNMENT as usize).is_multiple_of(BYTES));

/// The constants of a function.
#[derive(Default)]
pub(in crate::translate) struct Pool {
    constants: Vec<(u128, Label)>,
    known: HashMap<u128, u32>,
}

impl Pool {
    /// Forgets all.
    pub(in crate::translate) fn clear(&mut self) {
        self.constants.clear();
        self.known.clear();
    }

    /// The number of a constant.
    fn add(&mut self, bits: u128, asm: &mut Asm) -> u32 {
        *self.known.entry(bits).or_insert_with(|| {
            self.constants.push((bits, asm.label()));
            self.constants.len() as u32 - 1
        })
    }

    fn bits(&self, index: u32) -> u128 {
        self.constants[index as usize].0
    }

    /// Where a constant is going to be.
    pub(in crate::translate) fn label(&self, index: u32) -> Label {
        self.constants[index as usize].1
    }
}

impl Translator<'_> {
    /// An operand that is a constant.
    pub(super) fn vector_const(&mut self, bits: u128) -> Loc {
        Loc::Vector(self.pool.add(bits, &mut self.asm))
    }

    /// A constant as an instruction takes it.
    pub(super) fn constant(&mut self, bits: u128) -> Rm {
        let index = self.pool.add(bits, &mut self.asm);
        Rm::Code(self.pool.label(index))
    }

    /// The bits of a constant operand.
    pub(super) fn const_bits(&self, loc: Loc) -> Option<u128> {
        match loc {
            Loc::Vector(index) => Some(self.pool.bits(index)),
            _ => None,
        }
    }

    /// Loads a constant; flags stay what they are.
    pub(in crate::translate) fn load_vector_const(&mut self, index: u32, to: Xmm) {
        match self.pool.bits(index) {
            0 => self.xor_xmm(to),
            u128::MAX => self.asm.vector(PCMPEQD, to, to),
            _ => self.asm.vector(MOVAPS, to, Rm::Code(self.pool.label(index))),
        }
    }

    pub(in crate::translate) fn visit_v128_const(&mut self, value: wasmparser::V128) {
        let loc = self.vector_const(u128::from_le_bytes(*value.bytes()));
        self.push_vector(loc);
    }

    /// Writes all constants behind the code.
    pub(in crate::translate) fn emit_constants(&mut self) {
        if self.pool.constants.is_empty() {
            return;
        }
        self.asm.align(BYTES);
        for (bits, label) in core::mem::take(&mut self.pool).constants {
            self.asm.bind(label);
            self.asm.data(&bits.to_le_bytes());
        }
    }
}
