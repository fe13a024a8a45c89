//! Loads and stores of vectors and of their lanes.
//!
//! The first instruction behind `accessed` is the one that touches memory.

use super::Translator;
use crate::isa::x64::asm::{Asm, Mem, Width};
use crate::isa::x64::regs::{R11, Xmm};
use crate::isa::x64::vector::{
    MOVDDUP, MOVSD, MOVSS, MOVUPS, PEXTRB, PEXTRD, PEXTRW, PINSRB, PINSRD, PINSRW, PMOVSXBW,
    PMOVSXDQ, PMOVSXWD, PMOVZXBW, PMOVZXDQ, PMOVZXWD, PSHUFB, PSHUFD, PSHUFLW, PXOR, VectorImm,
    VectorOp,
};
use crate::translate::stack::SCRATCH;
use dunlin_core::TrapCode;
use wasmparser::MemArg;

/// Makes a vector of a byte in memory in every lane.
fn splat_byte(asm: &mut Asm, to: Xmm, from: Mem) {
    asm.movzx8(R11, from.into());
    asm.movd_to_xmm(Width::W32, to, R11);
    asm.vector(PXOR, SCRATCH, SCRATCH);
    asm.vector(PSHUFB, to, SCRATCH);
}

fn splat_word(asm: &mut Asm, to: Xmm, from: Mem) {
    asm.movzx16(R11, from.into());
    asm.movd_to_xmm(Width::W32, to, R11);
    asm.vector_imm(PSHUFLW, to, to, 0);
    asm.vector_imm(PSHUFD, to, to, 0);
}

fn splat_double(asm: &mut Asm, to: Xmm, from: Mem) {
    asm.vector(MOVSS, to, from);
    asm.vector_imm(PSHUFD, to, to, 0);
}

impl Translator<'_> {
    fn accessed_vector(&mut self) {
        self.faults(TrapCode::MemoryOutOfBounds);
    }

    /// Loads what some code makes of so many bytes.
    fn load_by(&mut self, memarg: MemArg, bytes: u64, make: impl FnOnce(&mut Asm, Xmm, Mem)) {
        let index = self.pop();
        let place = self.place(memarg, index, bytes);
        let (to, loc) = self.vector_result(&[]);
        self.accessed_vector();
        make(&mut self.asm, to, place);
        self.push_vector(loc);
    }

    /// Loads what one instruction makes of so many bytes.
    fn load_op(&mut self, memarg: MemArg, bytes: u64, op: VectorOp) {
        self.load_by(memarg, bytes, |asm, to, from| asm.vector(op, to, from));
    }

    pub(in crate::translate) fn visit_v128_store(&mut self, memarg: MemArg) {
        let (value, index) = (self.pop(), self.pop());
        let value = self.xmm(value);
        let place = self.place(memarg, index, 16);
        self.accessed_vector();
        self.asm.store_v128(place, value);
    }

    fn load_lane(&mut self, memarg: MemArg, lane: u8, bytes: u64, insert: VectorImm) {
        let (vector, index) = (self.pop(), self.pop());
        let (to, loc) = self.made_from(vector, &[]);
        let place = self.place(memarg, index, bytes);
        self.accessed_vector();
        let width = if bytes == 8 { Width::W64 } else { Width::W32 };
        self.asm.vector_wide_imm(insert, width, to, place.into(), lane);
        self.push_vector(loc);
    }

    fn store_lane(&mut self, memarg: MemArg, lane: u8, bytes: u64, extract: VectorImm) {
        let (vector, index) = (self.pop(), self.pop());
        let from = self.xmm(vector);
        let place = self.place(memarg, index, bytes);
        self.accessed_vector();
        match (bytes, lane) {
            (4, 0) => self.asm.store_f32(place, from),
            (8, 0) => self.asm.store_f64(place, from),
            (8, _) => self.asm.vector_wide_imm(extract, Width::W64, from, place.into(), lane),
            _ => self.asm.vector_imm(extract, from, place, lane),
        }
    }
}

macro_rules! accesses {
    ($($name:ident($($lane:ident)?) => $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(in crate::translate) fn $name(&mut self, memarg: MemArg $(, $lane: u8)?) {
                self.$method(memarg, $($lane,)? $($arg),*);
            }
        )*}
    };
}

accesses! {
    visit_v128_load() => load_op(16, MOVUPS);
    visit_v128_load8x8_s() => load_op(8, PMOVSXBW);
    visit_v128_load8x8_u() => load_op(8, PMOVZXBW);
    visit_v128_load16x4_s() => load_op(8, PMOVSXWD);
    visit_v128_load16x4_u() => load_op(8, PMOVZXWD);
    visit_v128_load32x2_s() => load_op(8, PMOVSXDQ);
    visit_v128_load32x2_u() => load_op(8, PMOVZXDQ);
    visit_v128_load8_splat() => load_by(1, splat_byte);
    visit_v128_load16_splat() => load_by(2, splat_word);
    visit_v128_load32_splat() => load_by(4, splat_double);
    visit_v128_load64_splat() => load_op(8, MOVDDUP);
    visit_v128_load32_zero() => load_op(4, MOVSS);
    visit_v128_load64_zero() => load_op(8, MOVSD);
    visit_v128_load8_lane(lane) => load_lane(1, PINSRB);
    visit_v128_load16_lane(lane) => load_lane(2, PINSRW);
    visit_v128_load32_lane(lane) => load_lane(4, PINSRD);
    visit_v128_load64_lane(lane) => load_lane(8, PINSRD);
    visit_v128_store8_lane(lane) => store_lane(1, PEXTRB);
    visit_v128_store16_lane(lane) => store_lane(2, PEXTRW);
    visit_v128_store32_lane(lane) => store_lane(4, PEXTRD);
    visit_v128_store64_lane(lane) => store_lane(8, PEXTRD);
}
