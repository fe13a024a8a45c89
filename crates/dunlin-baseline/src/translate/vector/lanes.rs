//! Operators that make vectors of numbers, and take numbers out of them.

use super::{Translator, splat};
use crate::isa::x64::asm::Width;
use crate::isa::x64::vector::{
    INSERTPS, MOVDDUP, MOVSD, PEXTRB, PEXTRD, PEXTRW, PINSRB, PINSRD, PINSRW, PSHUFB, PSHUFD,
    PSHUFLW, PUNPCKLQDQ, PXOR, UNPCKLPD, VectorImm,
};
use crate::translate::stack::{Kind, Loc, SCRATCH};

/// What `PSHUFD` makes of a vector: its upper half twice.
const UPPER_HALF: u8 = 0xee;

impl Translator<'_> {
    fn splat_int(&mut self, bits: u32) {
        let entry = self.pop();
        if let Loc::Const(value) = entry.loc {
            let lane = value & u64::MAX >> (64 - bits);
            let loc = self.vector_const(splat(lane, bits));
            return self.push_vector(loc);
        }
        let from = self.gpr(entry);
        let (to, loc) = self.vector_result(&[]);
        self.asm.movd_to_xmm(entry.kind.width(), to, from);
        match bits {
            8 => {
                self.asm.vector(PXOR, SCRATCH, SCRATCH);
                self.asm.vector(PSHUFB, to, SCRATCH);
            }
            16 => {
                self.asm.vector_imm(PSHUFLW, to, to, 0);
                self.asm.vector_imm(PSHUFD, to, to, 0);
            }
            32 => self.asm.vector_imm(PSHUFD, to, to, 0),
            _ => self.asm.vector(PUNPCKLQDQ, to, to),
        }
        self.push_vector(loc);
    }

    fn splat_float(&mut self, bits: u32) {
        let entry = self.pop();
        if let Loc::Const(value) = entry.loc {
            let loc = self.vector_const(splat(value, bits));
            return self.push_vector(loc);
        }
        let from = self.xmm(entry);
        let (to, loc) = self.made_of(entry);
        if bits == 32 {
            self.asm.vector_imm(PSHUFD, to, from, 0);
        } else {
            self.asm.vector(MOVDDUP, to, from);
        }
        self.push_vector(loc);
    }

    /// A lane that is narrower than the number that it becomes.
    fn extract_narrow(&mut self, lane: u8, bytes: u8, signed: bool) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.result(&[]);
        let extract = if bytes == 1 { PEXTRB } else { PEXTRW };
        self.asm.vector_imm(extract, from, to, lane);
        match (bytes, signed) {
            (_, false) => {}
            (1, _) => self.asm.movsx8(Width::W32, to, to.into()),
            _ => self.asm.movsx16(Width::W32, to, to.into()),
        }
        self.push(Kind::I32, loc);
    }

    fn extract_int(&mut self, lane: u8, kind: Kind) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.result(&[]);
        if lane == 0 {
            self.asm.movd_to_gpr(kind.width(), to, from);
        } else {
            self.asm.vector_wide_imm(PEXTRD, kind.width(), from, to.into(), lane);
        }
        self.push(kind, loc);
    }

    /// The lowest lane is where the float would be.
    fn extract_float(&mut self, lane: u8, kind: Kind) {
        let entry = self.pop();
        if lane == 0 {
            let (_, loc) = self.made_from(entry, &[]);
            return self.push(kind, loc);
        }
        let from = self.xmm(entry);
        let (to, loc) = self.made_of(entry);
        let order = if kind == Kind::F32 { lane } else { UPPER_HALF };
        self.asm.vector_imm(PSHUFD, to, from, order);
        self.push(kind, loc);
    }

    fn replace_int(&mut self, lane: u8, insert: VectorImm) {
        let (vector, value) = self.pop_vectors();
        let from = self.rm(value);
        let (to, loc) = self.made_from(vector, &[]);
        self.asm.vector_wide_imm(insert, value.kind.width(), to, from, lane);
        self.push_vector(loc);
    }

    pub(in crate::translate) fn visit_f32x4_replace_lane(&mut self, lane: u8) {
        let (vector, value) = self.pop_vectors();
        let from = self.xmm(value);
        let (to, loc) = self.made_from(vector, &[value]);
        self.asm.vector_imm(INSERTPS, to, from, lane << 4);
        self.push_vector(loc);
    }

    pub(in crate::translate) fn visit_f64x2_replace_lane(&mut self, lane: u8) {
        let (vector, value) = self.pop_vectors();
        let from = self.xmm(value);
        let (to, loc) = self.made_from(vector, &[value]);
        self.asm.vector(if lane == 0 { MOVSD } else { UNPCKLPD }, to, from);
        self.push_vector(loc);
    }
}

operators! {
    visit_i8x16_splat => splat_int(8);
    visit_i16x8_splat => splat_int(16);
    visit_i32x4_splat => splat_int(32);
    visit_i64x2_splat => splat_int(64);
    visit_f32x4_splat => splat_float(32);
    visit_f64x2_splat => splat_float(64);
}

macro_rules! of_lane {
    ($($name:ident => $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(in crate::translate) fn $name(&mut self, lane: u8) {
                self.$method(lane, $($arg),*);
            }
        )*}
    };
}

of_lane! {
    visit_i8x16_extract_lane_s => extract_narrow(1, true);
    visit_i8x16_extract_lane_u => extract_narrow(1, false);
    visit_i16x8_extract_lane_s => extract_narrow(2, true);
    visit_i16x8_extract_lane_u => extract_narrow(2, false);
    visit_i32x4_extract_lane => extract_int(Kind::I32);
    visit_i64x2_extract_lane => extract_int(Kind::I64);
    visit_f32x4_extract_lane => extract_float(Kind::F32);
    visit_f64x2_extract_lane => extract_float(Kind::F64);
    visit_i8x16_replace_lane => replace_int(PINSRB);
    visit_i16x8_replace_lane => replace_int(PINSRW);
    visit_i32x4_replace_lane => replace_int(PINSRD);
    visit_i64x2_replace_lane => replace_int(PINSRD);
}
