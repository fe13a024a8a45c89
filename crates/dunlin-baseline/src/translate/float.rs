//! Operators on floats.

use super::Translator;
use super::stack::{Cond, Entry, Kind, Loc, SCRATCH};
use crate::isa::x64::asm::{Cc, Map, Rm, Width};
use crate::isa::x64::regs::{R11, Xmm};

/// The prefix of instructions on single floats of a kind.
fn prefix(kind: Kind) -> u8 {
    if kind == Kind::F32 { 0xf3 } else { 0xf2 }
}

/// The prefix of instructions on whole registers of a kind.
fn packed(kind: Kind) -> u8 {
    if kind == Kind::F32 { 0 } else { 0x66 }
}

/// The bit of the sign.
fn sign(kind: Kind) -> u64 {
    if kind == Kind::F32 { 1 << 31 } else { 1 << 63 }
}

impl Translator<'_> {
    pub(super) fn sse_op(&mut self, prefix: u8, opcode: u8, to: Xmm, from: Rm) {
        self.asm.sse(prefix, Map::M0F, opcode, Width::W32, to.0, from);
    }

    /// The register that an operation works in, loaded with its left operand, and what to push.
    fn vector_left(&mut self, left: Entry, right: Option<Entry>) -> (Xmm, Loc) {
        self.made_from(left, right.as_slice())
    }

    fn arithmetic(&mut self, opcode: u8) {
        let (right, left) = (self.pop(), self.pop());
        let other = self.xrm(right);
        let (to, loc) = self.vector_left(left, Some(right));
        self.sse_op(prefix(left.kind), opcode, to, other);
        self.push(left.kind, loc);
    }

    fn square_root(&mut self) {
        let entry = self.pop();
        let from = self.xrm(entry);
        let (to, loc) = self.vector_result(&[entry]);
        self.sse_op(prefix(entry.kind), 0x51, to, from);
        self.push(entry.kind, loc);
    }

    fn round(&mut self, mode: u8) {
        let entry = self.pop();
        let from = self.xmm(entry);
        let (to, loc) = self.vector_result(&[entry]);
        let opcode = if entry.kind == Kind::F32 { 0x0a } else { 0x0b };
        self.asm.sse(0x66, Map::M0F3A, opcode, Width::W32, to.0, from.into());
        self.asm.byte(mode);
        self.push(entry.kind, loc);
    }

    /// Loads a constant into a scratch register.
    fn scratch_bits(&mut self, kind: Kind, bits: u64) {
        self.asm.mov_imm(R11, bits);
        self.asm.movd_to_xmm(kind.width(), SCRATCH, R11);
    }

    /// Changes the sign by an operation with a constant.
    fn with_bits(&mut self, opcode: u8, keeps: bool) {
        let entry = self.pop();
        let to = self.owned_xmm(entry);
        let bits = sign(entry.kind);
        self.scratch_bits(entry.kind, if keeps { bits - 1 } else { bits });
        self.sse_op(packed(entry.kind), opcode, to, SCRATCH.into());
        self.push_xmm(entry.kind, to);
    }

    fn copy_sign(&mut self) {
        let (right, left) = (self.pop(), self.pop());
        let kind = left.kind;
        let from = match right.loc {
            Loc::Xmm(reg) => reg,
            _ => {
                let reg = self.alloc_xmm();
                self.load_xmm(right, reg);
                reg
            }
        };
        let to = self.owned_xmm(left);
        self.scratch_bits(kind, sign(kind));
        self.sse_op(packed(kind), 0x54, from, SCRATCH.into());
        // What is not the sign: `andn` with the bit that is.
        self.sse_op(packed(kind), 0x55, SCRATCH, to.into());
        self.asm.movaps(to, SCRATCH);
        self.sse_op(packed(kind), 0x56, to, from.into());
        self.push_xmm(kind, to);
    }

    /// The lesser or greater: NaN if one is, and zeros by their sign.
    fn extreme(&mut self, opcode: u8) {
        let (right, left) = (self.pop(), self.pop());
        let kind = left.kind;
        let other = match right.loc {
            Loc::Xmm(reg) => reg,
            _ => {
                let reg = self.alloc_xmm();
                self.load_xmm(right, reg);
                reg
            }
        };
        let to = self.owned_xmm(left);
        let (differ, nan, done) = (self.asm.label(), self.asm.label(), self.asm.label());
        self.sse_op(packed(kind), 0x2e, to, other.into());
        self.asm.jcc(Cc::Ne, differ);
        self.asm.jcc(Cc::P, nan);
        // Equal ones differ by the sign of zero at most.
        let join = if opcode == 0x5d { 0x56 } else { 0x54 };
        self.sse_op(packed(kind), join, to, other.into());
        self.asm.jmp(done);
        self.asm.bind(nan);
        self.sse_op(prefix(kind), 0x58, to, other.into());
        self.asm.jmp(done);
        self.asm.bind(differ);
        self.sse_op(prefix(kind), opcode, to, other.into());
        self.asm.bind(done);
        self.push_xmm(kind, to);
    }

    /// Compares: what is less is asked as what is greater, which says no where a NaN is.
    fn compare_floats(&mut self, swaps: bool, cond: Cond) {
        let (right, left) = (self.pop(), self.pop());
        let (first, second) = if swaps { (right, left) } else { (left, right) };
        let second = self.xrm(second);
        let first = self.xmm(first);
        self.sse_op(packed(left.kind), 0x2e, first, second);
        self.push(Kind::I32, Loc::Cond(cond));
    }
}

macro_rules! floats {
    ($($name32:ident $name64:ident => $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(super) fn $name32(&mut self) {
                self.$method($($arg),*);
            }

            pub(super) fn $name64(&mut self) {
                self.$method($($arg),*);
            }
        )*}
    };
}

floats! {
    visit_f32_add visit_f64_add => arithmetic(0x58);
    visit_f32_sub visit_f64_sub => arithmetic(0x5c);
    visit_f32_mul visit_f64_mul => arithmetic(0x59);
    visit_f32_div visit_f64_div => arithmetic(0x5e);
    visit_f32_min visit_f64_min => extreme(0x5d);
    visit_f32_max visit_f64_max => extreme(0x5f);
    visit_f32_sqrt visit_f64_sqrt => square_root();
    visit_f32_nearest visit_f64_nearest => round(8);
    visit_f32_floor visit_f64_floor => round(9);
    visit_f32_ceil visit_f64_ceil => round(10);
    visit_f32_trunc visit_f64_trunc => round(11);
    visit_f32_abs visit_f64_abs => with_bits(0x54, true);
    visit_f32_neg visit_f64_neg => with_bits(0x57, false);
    visit_f32_copysign visit_f64_copysign => copy_sign();
    visit_f32_eq visit_f64_eq => compare_floats(false, Cond::FloatEq);
    visit_f32_ne visit_f64_ne => compare_floats(false, Cond::FloatNe);
    visit_f32_lt visit_f64_lt => compare_floats(true, Cond::Int(Cc::A));
    visit_f32_gt visit_f64_gt => compare_floats(false, Cond::Int(Cc::A));
    visit_f32_le visit_f64_le => compare_floats(true, Cond::Int(Cc::Ae));
    visit_f32_ge visit_f64_ge => compare_floats(false, Cond::Int(Cc::Ae));
}
