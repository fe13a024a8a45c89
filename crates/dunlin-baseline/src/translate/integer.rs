//! Operators on integers.

use super::Translator;
use super::stack::{Cond, Entry, Kind, Loc};
use crate::isa::x64::asm::{Alu, Cc, Map, Mem, Shift, Unary, Width};
use crate::isa::x64::regs::{Gpr, R11, RAX, RCX, RDX};
use dunlin_core::TrapCode;

/// A constant as instructions of a width take it.
#[inline]
fn immediate(entry: Entry) -> Option<i32> {
    let Loc::Const(bits) = entry.loc else { return None };
    match entry.kind.width() {
        Width::W32 => Some(bits as u32 as i32),
        Width::W64 => i32::try_from(bits as i64).ok(),
    }
}

impl Translator<'_> {
    /// The register that an operation works in, loaded with its left operand, and what to push.
    fn left(&mut self, left: Entry, right: Option<Entry>) -> (Gpr, Loc) {
        let reads: &[Entry] = match &right {
            Some(right) => core::slice::from_ref(right),
            None => &[],
        };
        if let Some((local, reg)) = self.home_ahead(reads) {
            self.load_gpr(left, reg);
            return (reg, Loc::Local(local));
        }
        let reg = self.owned(left);
        (reg, Loc::Gpr(reg))
    }

    fn alu(&mut self, alu: Alu, commutes: bool) {
        let (mut right, mut left) = (self.pop(), self.pop());
        let kind = left.kind;
        let is_better_left = matches!(right.loc, Loc::Gpr(_)) && !matches!(left.loc, Loc::Gpr(_));
        let is_next_local = |of: &Self, entry: Entry| matches!(entry.loc, Loc::Local(local) if of.is_set_next(local));
        if commutes
            && (matches!(left.loc, Loc::Const(_)) || is_better_left || is_next_local(self, right))
            && !is_next_local(self, left)
        {
            core::mem::swap(&mut left, &mut right);
        }
        if alu == Alu::Add && self.add_to_other(left, right) {
            return;
        }
        let other = match immediate(right) {
            Some(value) => Err(value),
            None => Ok(self.rm(right)),
        };
        let (to, loc) = self.left(left, Some(right));
        match other {
            Ok(other) => self.asm.alu(alu, kind.width(), to, other),
            Err(value) => self.asm.alu_imm(alu, kind.width(), to.into(), value),
        }
        self.push(kind, loc);
    }

    /// Adds a local's register and something, into another register.
    fn add_to_other(&mut self, left: Entry, right: Entry) -> bool {
        let Loc::Local(local) = left.loc else { return false };
        let Some(Loc::Gpr(base)) = self.locals[local as usize].home else { return false };
        if self.is_set_next(local) {
            return false;
        }
        let width = left.kind.width();
        let mem = match (immediate(right), right.loc) {
            (Some(value), _) => Mem::at(base, value),
            (None, Loc::Const(_)) => return false,
            _ => {
                let index = self.gpr(right);
                Mem::indexed(base, index, 0)
            }
        };
        let (to, loc) = match right.loc {
            Loc::Gpr(reg) if self.local_ahead().is_none() => (reg, Loc::Gpr(reg)),
            // An address is made before anything is written.
            _ => self.result(&[]),
        };
        self.asm.lea(width, to, mem);
        self.push(left.kind, loc);
        true
    }

    fn multiply(&mut self) {
        let (mut right, mut left) = (self.pop(), self.pop());
        if matches!(left.loc, Loc::Const(_)) {
            core::mem::swap(&mut left, &mut right);
        }
        let width = left.kind.width();
        if let Some(value) = immediate(right) {
            let from = self.rm(left);
            let (to, loc) = self.result(&[]);
            self.asm.imul_imm(width, to, from, value);
            return self.push(left.kind, loc);
        }
        let other = self.rm(right);
        let (to, loc) = self.left(left, Some(right));
        self.asm.imul(width, to, other);
        self.push(left.kind, loc);
    }

    fn shift(&mut self, shift: Shift) {
        let (right, left) = (self.pop(), self.pop());
        let kind = left.kind;
        if let Loc::Const(count) = right.loc {
            let (to, loc) = self.left(left, Some(right));
            let mask = if kind == Kind::I64 { 63 } else { 31 };
            let count = count as u8 & mask;
            if count > 0 {
                self.asm.shift_imm(shift, kind.width(), to, count);
            }
            return self.push(kind, loc);
        }
        if right.loc != Loc::Gpr(RCX) {
            if left.loc == Loc::Gpr(RCX) {
                let other = self.alloc();
                self.asm.mov(Width::W64, other, RCX);
                self.load_gpr(right, RCX);
                return self.shift_by_rcx(shift, Entry { loc: Loc::Gpr(other), ..left }, right);
            }
            self.alloc_fixed(RCX);
            self.load_gpr(right, RCX);
        }
        self.shift_by_rcx(shift, left, right);
    }

    fn shift_by_rcx(&mut self, shift: Shift, left: Entry, right: Entry) {
        let _ = right;
        let (to, loc) = self.left(left, None);
        self.asm.shift_cl(shift, left.kind.width(), to);
        self.push(left.kind, loc);
    }

    fn divide(&mut self, signed: bool, wants_rest: bool) {
        let (right, left) = (self.pop(), self.pop());
        let width = left.kind.width();
        // The divisor stands apart from what the instruction uses.
        let divisor = self.alloc_beside(&[RAX, RDX]);
        self.load_gpr(right, divisor);
        for reg in [RAX, RDX] {
            if !self.held.contains(reg.0) {
                self.alloc_fixed(reg);
            }
        }
        self.load_gpr(left, RAX);
        self.asm.test(width, divisor, divisor);
        self.trap_if(Cc::E, TrapCode::IntegerDivisionByZero);
        let done = self.asm.label();
        if signed {
            self.divide_by_minus_one(width, divisor, wants_rest, done);
            self.asm.sign_to_rdx(width);
            self.asm.unary(Unary::Idiv, width, divisor.into());
        } else {
            self.asm.mov_imm(RDX, 0);
            self.asm.unary(Unary::Div, width, divisor.into());
        }
        self.asm.bind(done);
        self.push_gpr(left.kind, if wants_rest { RDX } else { RAX });
    }

    /// By -1 the quotient may be too large, which the instruction does not bear.
    fn divide_by_minus_one(
        &mut self,
        width: Width,
        divisor: Gpr,
        wants_rest: bool,
        done: crate::isa::x64::asm::Label,
    ) {
        let usual = self.asm.label();
        self.asm.alu_imm(Alu::Cmp, width, divisor.into(), -1);
        self.asm.jcc(Cc::Ne, usual);
        if wants_rest {
            self.asm.mov_imm(RDX, 0);
        } else {
            self.asm.unary(Unary::Neg, width, RAX.into());
            self.trap_if(Cc::O, TrapCode::IntegerOverflow);
        }
        self.asm.jmp(done);
        self.asm.bind(usual);
    }

    /// A free register that is none of these.
    pub(super) fn alloc_beside(&mut self, not: &[Gpr]) -> Gpr {
        let kept = self.temps;
        not.iter().for_each(|reg| self.temps.remove(reg.0));
        let reg = self.alloc();
        self.temps = kept;
        reg
    }

    pub(super) fn compare(&mut self, cc: Cc) {
        let (right, left) = (self.pop(), self.pop());
        let width = left.kind.width();
        match immediate(right) {
            Some(0) if matches!(cc, Cc::E | Cc::Ne) => self.test_zero(left),
            Some(value) => {
                let left = self.rm(left);
                self.asm.alu_imm(Alu::Cmp, width, left, value);
            }
            None => {
                let other = self.rm(right);
                let left = self.gpr(left);
                self.asm.alu(Alu::Cmp, width, left, other);
            }
        }
        self.push(Kind::I32, Loc::Cond(Cond::Int(cc)));
    }

    /// Compares what is on top with zero.
    pub(super) fn compare_zero(&mut self) {
        let entry = self.pop();
        self.test_zero(entry);
        self.push(Kind::I32, Loc::Cond(Cond::Int(Cc::E)));
    }

    pub(super) fn visit_i32_eqz(&mut self) {
        if let Some(Entry { loc: Loc::Cond(cond), .. }) = self.stack.last_mut() {
            return *cond = cond.not();
        }
        self.compare_zero();
    }

    pub(super) fn visit_i64_eqz(&mut self) {
        self.compare_zero();
    }

    /// Counts zeros from one end: the instruction leaves its result open where there is no bit.
    fn count_zeros(&mut self, leading: bool) {
        let entry = self.pop();
        let (kind, width) = (entry.kind, entry.kind.width());
        let bits = if kind == Kind::I64 { 64 } else { 32 };
        let from = self.rm(entry);
        let to = self.alloc();
        if leading {
            self.asm.mov_imm(R11, 2 * bits - 1);
            self.asm.op0f(width, 0xbd, to.0, from);
            self.asm.cmov(Cc::E, width, to, R11.into());
            self.asm.alu_imm(Alu::Xor, width, to.into(), bits as i32 - 1);
        } else {
            self.asm.mov_imm(R11, bits);
            self.asm.op0f(width, 0xbc, to.0, from);
            self.asm.cmov(Cc::E, width, to, R11.into());
        }
        self.push_gpr(kind, to);
    }

    fn count_ones(&mut self) {
        let entry = self.pop();
        let from = self.rm(entry);
        let (to, loc) = self.result(&[]);
        self.asm.sse(0xf3, Map::M0F, 0xb8, entry.kind.width(), to.0, from);
        self.push(entry.kind, loc);
    }

    /// Whether the next operator sets this local.
    fn is_set_next(&self, local: u32) -> bool {
        self.local_ahead() == Some(local)
    }
}

macro_rules! integers {
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

integers! {
    visit_i32_add visit_i64_add => alu(Alu::Add, true);
    visit_i32_sub visit_i64_sub => alu(Alu::Sub, false);
    visit_i32_and visit_i64_and => alu(Alu::And, true);
    visit_i32_or visit_i64_or => alu(Alu::Or, true);
    visit_i32_xor visit_i64_xor => alu(Alu::Xor, true);
    visit_i32_mul visit_i64_mul => multiply();
    visit_i32_shl visit_i64_shl => shift(Shift::Shl);
    visit_i32_shr_s visit_i64_shr_s => shift(Shift::Sar);
    visit_i32_shr_u visit_i64_shr_u => shift(Shift::Shr);
    visit_i32_rotl visit_i64_rotl => shift(Shift::Rol);
    visit_i32_rotr visit_i64_rotr => shift(Shift::Ror);
    visit_i32_div_s visit_i64_div_s => divide(true, false);
    visit_i32_div_u visit_i64_div_u => divide(false, false);
    visit_i32_rem_s visit_i64_rem_s => divide(true, true);
    visit_i32_rem_u visit_i64_rem_u => divide(false, true);
    visit_i32_eq visit_i64_eq => compare(Cc::E);
    visit_i32_ne visit_i64_ne => compare(Cc::Ne);
    visit_i32_lt_s visit_i64_lt_s => compare(Cc::L);
    visit_i32_lt_u visit_i64_lt_u => compare(Cc::B);
    visit_i32_gt_s visit_i64_gt_s => compare(Cc::G);
    visit_i32_gt_u visit_i64_gt_u => compare(Cc::A);
    visit_i32_le_s visit_i64_le_s => compare(Cc::Le);
    visit_i32_le_u visit_i64_le_u => compare(Cc::Be);
    visit_i32_ge_s visit_i64_ge_s => compare(Cc::Ge);
    visit_i32_ge_u visit_i64_ge_u => compare(Cc::Ae);
    visit_i32_clz visit_i64_clz => count_zeros(true);
    visit_i32_ctz visit_i64_ctz => count_zeros(false);
    visit_i32_popcnt visit_i64_popcnt => count_ones();
}
