//! Atomic operators: accesses, which are instructions of the machine, and waits, which the VM does.
//!
//! An address that is not a multiple of the width traps before bounds are looked at. The base of a memory is a
//! multiple of every width, so that the guest's address alone decides. The machine keeps loads and stores in order but
//! for a load behind a store: so stores are exchanges.

use super::Translator;
use super::access::memory_of;
use super::stack::{Entry, Kind, Loc};
use crate::isa::x64::asm::{Alu, Atomic, Cc, Mem, Unary, Width};
use crate::isa::x64::regs::{Gpr, R11, RAX};
use dunlin_core::TrapCode;
use dunlin_module::Builtin;
use wasmparser::{MemArg, Ordering};

/// What an operator does that gives what was there before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rmw {
    Add,
    Sub,
    Exchange,
    /// What the machine has no instruction for that says what was there.
    Loop(Alu),
}

impl Translator<'_> {
    /// An address operand in a register, which is a multiple of the width together with the offset; traps if it is
    /// not.
    fn aligned(&mut self, memarg: MemArg, index: Entry, bytes: u64, not: &[Gpr]) -> Entry {
        let reg = self.gpr_beside(index, not);
        if bytes > 1 {
            let low = match memarg.offset & (bytes - 1) {
                0 => reg,
                offset => {
                    self.asm.lea(Width::W32, R11, Mem::at(reg, offset as i32));
                    R11
                }
            };
            self.asm.test_imm(Width::W32, low.into(), bytes as i32 - 1);
            self.trap_if(Cc::Ne, TrapCode::UnalignedAtomic);
        }
        Entry { loc: Loc::Gpr(reg), ..index }
    }

    /// Extends what an instruction of so many bytes has left in a register by zeros.
    fn widen(&mut self, reg: Gpr, bytes: u64) {
        match bytes {
            1 => self.asm.movzx8(reg, reg.into()),
            2 => self.asm.movzx16(reg, reg.into()),
            4 => self.asm.mov(Width::W32, reg, reg),
            _ => {}
        }
    }

    fn load_whole(&mut self, to: Gpr, place: Mem, bytes: u64) {
        self.faults(TrapCode::MemoryOutOfBounds);
        match bytes {
            1 => self.asm.movzx8(to, place.into()),
            2 => self.asm.movzx16(to, place.into()),
            4 => self.asm.load(Width::W32, to, place),
            _ => self.asm.load(Width::W64, to, place),
        }
    }

    fn atomic_load(&mut self, memarg: MemArg, kind: Kind, bytes: u64) {
        let index = self.pop();
        let index = self.aligned(memarg, index, bytes, &[]);
        let place = self.place(memarg, index, bytes);
        let (to, loc) = self.result(&[]);
        self.load_whole(to, place, bytes);
        self.push(kind, loc);
    }

    fn atomic_store(&mut self, memarg: MemArg, bytes: u64) {
        let (value, index) = (self.pop(), self.pop());
        let value = self.owned(value);
        let index = self.aligned(memarg, index, bytes, &[]);
        let place = self.place(memarg, index, bytes);
        self.faults(TrapCode::MemoryOutOfBounds);
        self.asm.atomic(Atomic::Exchange, bytes, place, value);
    }

    fn atomic_rmw(&mut self, memarg: MemArg, rmw: Rmw, kind: Kind, bytes: u64) {
        if let Rmw::Loop(alu) = rmw {
            return self.atomic_loop(memarg, alu, kind, bytes);
        }
        let (value, index) = (self.pop(), self.pop());
        let value = self.owned(value);
        let index = self.aligned(memarg, index, bytes, &[]);
        if rmw == Rmw::Sub {
            self.asm.unary(Unary::Neg, kind.width(), value.into());
        }
        let atomic = if rmw == Rmw::Exchange { Atomic::Exchange } else { Atomic::Add };
        let place = self.place(memarg, index, bytes);
        self.faults(TrapCode::MemoryOutOfBounds);
        self.asm.atomic(atomic, bytes, place, value);
        self.widen(value, bytes);
        self.push_gpr(kind, value);
    }

    /// Tries until nobody has changed what was there meanwhile.
    fn atomic_loop(&mut self, memarg: MemArg, alu: Alu, kind: Kind, bytes: u64) {
        let (value, index) = (self.pop(), self.pop());
        let value = self.gpr_beside(value, &[RAX]);
        let index = self.aligned(memarg, index, bytes, &[RAX]);
        if !self.held.contains(RAX.0) {
            self.alloc_fixed(RAX);
        }
        let new = self.alloc();
        let place = self.place(memarg, index, bytes);
        self.load_whole(RAX, place, bytes);
        let again = self.asm.label();
        self.asm.bind(again);
        self.asm.mov(kind.width(), new, RAX);
        self.asm.alu(alu, kind.width(), new, value.into());
        self.faults(TrapCode::MemoryOutOfBounds);
        self.asm.atomic(Atomic::CompareExchange, bytes, place, new);
        self.asm.jcc(Cc::Ne, again);
        self.widen(RAX, bytes);
        self.push_gpr(kind, RAX);
    }

    fn atomic_cas(&mut self, memarg: MemArg, kind: Kind, bytes: u64) {
        let (replacement, expected, index) = (self.pop(), self.pop(), self.pop());
        let replacement = self.gpr_beside(replacement, &[RAX]);
        let index = self.aligned(memarg, index, bytes, &[RAX]);
        if !self.held.contains(RAX.0) {
            self.alloc_fixed(RAX);
        }
        self.load_gpr(expected, RAX);
        let place = self.place(memarg, index, bytes);
        self.faults(TrapCode::MemoryOutOfBounds);
        self.asm.atomic(Atomic::CompareExchange, bytes, place, replacement);
        self.widen(RAX, bytes);
        self.push_gpr(kind, RAX);
    }

    #[allow(clippy::needless_pass_by_value, reason = "an operator like the others")]
    pub(super) fn visit_atomic_fence(&mut self, _: Ordering) {
        self.asm.mfence();
    }

    /// The address of an operator that the VM does, with the offset; traps where that wraps.
    fn whole_address(&mut self, memarg: MemArg, address: Entry) -> Entry {
        let reg = self.owned(address);
        if memarg.offset > 0 {
            self.asm.mov_imm(R11, memarg.offset);
            self.asm.alu(Alu::Add, Width::W64, reg, R11.into());
            self.trap_if(Cc::B, TrapCode::MemoryOutOfBounds);
        }
        Entry { loc: Loc::Gpr(reg), kind: Kind::I64, ..address }
    }

    /// Pushes what the VM says of waiters.
    fn push_waited(&mut self) {
        self.unwind_if_failed(RAX);
        self.asm.mov(Width::W32, RAX, RAX);
        self.push_gpr(Kind::I32, RAX);
    }

    pub(super) fn visit_memory_atomic_notify(&mut self, memarg: MemArg) {
        let (count, address) = (self.pop(), self.pop());
        let address = self.whole_address(memarg, address);
        let memory = memory_of(memarg).into();
        self.builtin_result(Builtin::MemoryNotify, &[memory], &[address, count]);
        self.push_waited();
    }

    fn atomic_wait(&mut self, memarg: MemArg, bytes: u64) {
        let (timeout, expected, address) = (self.pop(), self.pop(), self.pop());
        let address = self.whole_address(memarg, address);
        let constants = [memory_of(memarg).into(), bytes];
        self.builtin_result(Builtin::MemoryWait, &constants, &[address, expected, timeout]);
        self.push_waited();
    }
}

macro_rules! atomics {
    ($($name:ident: $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(super) fn $name(&mut self, memarg: MemArg) {
                self.$method(memarg, $($arg),*);
            }
        )*}
    };
}

atomics! {
    visit_memory_atomic_wait32: atomic_wait(4);
    visit_memory_atomic_wait64: atomic_wait(8);
    visit_i32_atomic_load: atomic_load(Kind::I32, 4);
    visit_i64_atomic_load: atomic_load(Kind::I64, 8);
    visit_i32_atomic_load8_u: atomic_load(Kind::I32, 1);
    visit_i32_atomic_load16_u: atomic_load(Kind::I32, 2);
    visit_i64_atomic_load8_u: atomic_load(Kind::I64, 1);
    visit_i64_atomic_load16_u: atomic_load(Kind::I64, 2);
    visit_i64_atomic_load32_u: atomic_load(Kind::I64, 4);
    visit_i32_atomic_store: atomic_store(4);
    visit_i64_atomic_store: atomic_store(8);
    visit_i32_atomic_store8: atomic_store(1);
    visit_i32_atomic_store16: atomic_store(2);
    visit_i64_atomic_store8: atomic_store(1);
    visit_i64_atomic_store16: atomic_store(2);
    visit_i64_atomic_store32: atomic_store(4);
    visit_i32_atomic_rmw_add: atomic_rmw(Rmw::Add, Kind::I32, 4);
    visit_i64_atomic_rmw_add: atomic_rmw(Rmw::Add, Kind::I64, 8);
    visit_i32_atomic_rmw8_add_u: atomic_rmw(Rmw::Add, Kind::I32, 1);
    visit_i32_atomic_rmw16_add_u: atomic_rmw(Rmw::Add, Kind::I32, 2);
    visit_i64_atomic_rmw8_add_u: atomic_rmw(Rmw::Add, Kind::I64, 1);
    visit_i64_atomic_rmw16_add_u: atomic_rmw(Rmw::Add, Kind::I64, 2);
    visit_i64_atomic_rmw32_add_u: atomic_rmw(Rmw::Add, Kind::I64, 4);
    visit_i32_atomic_rmw_sub: atomic_rmw(Rmw::Sub, Kind::I32, 4);
    visit_i64_atomic_rmw_sub: atomic_rmw(Rmw::Sub, Kind::I64, 8);
    visit_i32_atomic_rmw8_sub_u: atomic_rmw(Rmw::Sub, Kind::I32, 1);
    visit_i32_atomic_rmw16_sub_u: atomic_rmw(Rmw::Sub, Kind::I32, 2);
    visit_i64_atomic_rmw8_sub_u: atomic_rmw(Rmw::Sub, Kind::I64, 1);
    visit_i64_atomic_rmw16_sub_u: atomic_rmw(Rmw::Sub, Kind::I64, 2);
    visit_i64_atomic_rmw32_sub_u: atomic_rmw(Rmw::Sub, Kind::I64, 4);
    visit_i32_atomic_rmw_and: atomic_rmw(Rmw::Loop(Alu::And), Kind::I32, 4);
    visit_i64_atomic_rmw_and: atomic_rmw(Rmw::Loop(Alu::And), Kind::I64, 8);
    visit_i32_atomic_rmw8_and_u: atomic_rmw(Rmw::Loop(Alu::And), Kind::I32, 1);
    visit_i32_atomic_rmw16_and_u: atomic_rmw(Rmw::Loop(Alu::And), Kind::I32, 2);
    visit_i64_atomic_rmw8_and_u: atomic_rmw(Rmw::Loop(Alu::And), Kind::I64, 1);
    visit_i64_atomic_rmw16_and_u: atomic_rmw(Rmw::Loop(Alu::And), Kind::I64, 2);
    visit_i64_atomic_rmw32_and_u: atomic_rmw(Rmw::Loop(Alu::And), Kind::I64, 4);
    visit_i32_atomic_rmw_or: atomic_rmw(Rmw::Loop(Alu::Or), Kind::I32, 4);
    visit_i64_atomic_rmw_or: atomic_rmw(Rmw::Loop(Alu::Or), Kind::I64, 8);
    visit_i32_atomic_rmw8_or_u: atomic_rmw(Rmw::Loop(Alu::Or), Kind::I32, 1);
    visit_i32_atomic_rmw16_or_u: atomic_rmw(Rmw::Loop(Alu::Or), Kind::I32, 2);
    visit_i64_atomic_rmw8_or_u: atomic_rmw(Rmw::Loop(Alu::Or), Kind::I64, 1);
    visit_i64_atomic_rmw16_or_u: atomic_rmw(Rmw::Loop(Alu::Or), Kind::I64, 2);
    visit_i64_atomic_rmw32_or_u: atomic_rmw(Rmw::Loop(Alu::Or), Kind::I64, 4);
    visit_i32_atomic_rmw_xor: atomic_rmw(Rmw::Loop(Alu::Xor), Kind::I32, 4);
    visit_i64_atomic_rmw_xor: atomic_rmw(Rmw::Loop(Alu::Xor), Kind::I64, 8);
    visit_i32_atomic_rmw8_xor_u: atomic_rmw(Rmw::Loop(Alu::Xor), Kind::I32, 1);
    visit_i32_atomic_rmw16_xor_u: atomic_rmw(Rmw::Loop(Alu::Xor), Kind::I32, 2);
    visit_i64_atomic_rmw8_xor_u: atomic_rmw(Rmw::Loop(Alu::Xor), Kind::I64, 1);
    visit_i64_atomic_rmw16_xor_u: atomic_rmw(Rmw::Loop(Alu::Xor), Kind::I64, 2);
    visit_i64_atomic_rmw32_xor_u: atomic_rmw(Rmw::Loop(Alu::Xor), Kind::I64, 4);
    visit_i32_atomic_rmw_xchg: atomic_rmw(Rmw::Exchange, Kind::I32, 4);
    visit_i64_atomic_rmw_xchg: atomic_rmw(Rmw::Exchange, Kind::I64, 8);
    visit_i32_atomic_rmw8_xchg_u: atomic_rmw(Rmw::Exchange, Kind::I32, 1);
    visit_i32_atomic_rmw16_xchg_u: atomic_rmw(Rmw::Exchange, Kind::I32, 2);
    visit_i64_atomic_rmw8_xchg_u: atomic_rmw(Rmw::Exchange, Kind::I64, 1);
    visit_i64_atomic_rmw16_xchg_u: atomic_rmw(Rmw::Exchange, Kind::I64, 2);
    visit_i64_atomic_rmw32_xchg_u: atomic_rmw(Rmw::Exchange, Kind::I64, 4);
    visit_i32_atomic_rmw_cmpxchg: atomic_cas(Kind::I32, 4);
    visit_i64_atomic_rmw_cmpxchg: atomic_cas(Kind::I64, 8);
    visit_i32_atomic_rmw8_cmpxchg_u: atomic_cas(Kind::I32, 1);
    visit_i32_atomic_rmw16_cmpxchg_u: atomic_cas(Kind::I32, 2);
    visit_i64_atomic_rmw8_cmpxchg_u: atomic_cas(Kind::I64, 1);
    visit_i64_atomic_rmw16_cmpxchg_u: atomic_cas(Kind::I64, 2);
    visit_i64_atomic_rmw32_cmpxchg_u: atomic_cas(Kind::I64, 4);
}
