//! Atomic operators: accesses, which are instructions of the machine, and waits, which the VM does.
//!
//! An address that is not a multiple of the width traps before bounds are looked at. The base of a memory is a
//! multiple of every width, so that the guest's address alone decides.

use super::Translator;
use super::access::{Place, memory_of};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value, types};
use dunlin_core::TrapCode;
use dunlin_module::Builtin;
use wasmparser::{MemArg, Ordering};

impl Translator<'_, '_> {
    /// The address and flags of an atomic access of `ty` whose address operand is on top; pops that.
    fn atomic_place(&mut self, memarg: MemArg, ty: Type) -> (Value, MemFlagsData) {
        let width = u64::from(ty.bytes());
        if width > 1 {
            let index = self.top(1)[0];
            let offset = (memarg.offset & (width - 1)) as i64;
            let low = match offset {
                0 => index,
                _ => self.env.b.ins().iadd_imm_s(index, offset),
            };
            let unaligned = self.env.b.ins().band_imm_s(low, width as i64 - 1);
            self.env.trap_if(unaligned, TrapCode::UnalignedAtomic);
        }
        let Place { address, offset, flags } = self.place(memarg, width);
        // These instructions have no offset in them.
        let address = match offset {
            0 => address,
            _ => self.env.b.ins().iadd_imm_s(address, i64::from(offset)),
        };
        (address, flags)
    }

    /// Pops a value and takes its low bits.
    fn pop_narrow(&mut self, ty: Type) -> Value {
        let value = self.pop();
        let wide = self.env.b.func.dfg.value_type(value);
        if wide == ty { value } else { self.env.b.ins().ireduce(ty, value) }
    }

    /// Pushes a value, extended by zeros.
    fn push_extended(&mut self, value: Value, wide: Type) {
        let narrow = self.env.b.func.dfg.value_type(value);
        let value = if narrow == wide { value } else { self.env.b.ins().uextend(wide, value) };
        self.push(value);
    }

    fn atomic_load(&mut self, memarg: MemArg, ty: Type, wide: Type) {
        let (address, flags) = self.atomic_place(memarg, ty);
        let value = self.env.b.ins().atomic_load(ty, flags, address);
        self.push_extended(value, wide);
    }

    fn atomic_store(&mut self, memarg: MemArg, ty: Type) {
        let value = self.pop_narrow(ty);
        let (address, flags) = self.atomic_place(memarg, ty);
        self.env.b.ins().atomic_store(flags, value, address);
    }

    fn atomic_rmw(&mut self, memarg: MemArg, op: AtomicRmwOp, ty: Type, wide: Type) {
        let value = self.pop_narrow(ty);
        let (address, flags) = self.atomic_place(memarg, ty);
        let old = self.env.b.ins().atomic_rmw(ty, flags, op, address, value);
        self.push_extended(old, wide);
    }

    fn atomic_cas(&mut self, memarg: MemArg, ty: Type, wide: Type) {
        let replacement = self.pop_narrow(ty);
        let expected = self.pop_narrow(ty);
        let (address, flags) = self.atomic_place(memarg, ty);
        let old = self.env.b.ins().atomic_cas(flags, address, expected, replacement);
        self.push_extended(old, wide);
    }

    pub(super) fn visit_atomic_fence(&mut self, _: Ordering) {
        self.env.b.ins().fence();
    }

    /// Pops the address of an operator that the VM does, and adds the offset; traps where that wraps.
    fn pop_address(&mut self, memarg: MemArg) -> Value {
        let is64 = self.module.memories()[memory_of(memarg) as usize].memory64;
        let address = self.pop_length(is64);
        let offset = self.env.b.ins().iconst(types::I64, memarg.offset as i64);
        let code = crate::worker::clif_trap(TrapCode::MemoryOutOfBounds);
        self.env.b.ins().uadd_overflow_trap(address, offset, code)
    }

    pub(super) fn visit_memory_atomic_notify(&mut self, memarg: MemArg) {
        let count = self.pop();
        let address = self.pop_address(memarg);
        let memory = self.memory_index(memarg);
        let woken = self.env.builtin_value(Builtin::MemoryNotify, &[memory, address, count]);
        self.unwind_if_failed(woken);
        let woken = self.env.b.ins().ireduce(types::I32, woken);
        self.push(woken);
    }

    fn memory_index(&mut self, memarg: MemArg) -> Value {
        self.env.b.ins().iconst(types::I32, i64::from(memory_of(memarg)))
    }

    fn atomic_wait(&mut self, memarg: MemArg, bytes: i64) {
        let timeout = self.pop();
        let expected = self.pop_length(bytes == 8);
        let address = self.pop_address(memarg);
        let memory = self.memory_index(memarg);
        let bytes = self.env.b.ins().iconst(types::I32, bytes);
        let operands = [memory, bytes, address, expected, timeout];
        let waited = self.env.builtin_value(Builtin::MemoryWait, &operands);
        self.unwind_if_failed(waited);
        let waited = self.env.b.ins().ireduce(types::I32, waited);
        self.push(waited);
    }
}

macro_rules! atomics {
    ($($name:ident: $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self, memarg: MemArg) {
                self.$method(memarg, $($arg),*);
            }
        )*}
    };
}

atomics! {
    visit_memory_atomic_wait32: atomic_wait(4);
    visit_memory_atomic_wait64: atomic_wait(8);
    visit_i32_atomic_load: atomic_load(types::I32, types::I32);
    visit_i64_atomic_load: atomic_load(types::I64, types::I64);
    visit_i32_atomic_load8_u: atomic_load(types::I8, types::I32);
    visit_i32_atomic_load16_u: atomic_load(types::I16, types::I32);
    visit_i64_atomic_load8_u: atomic_load(types::I8, types::I64);
    visit_i64_atomic_load16_u: atomic_load(types::I16, types::I64);
    visit_i64_atomic_load32_u: atomic_load(types::I32, types::I64);
    visit_i32_atomic_store: atomic_store(types::I32);
    visit_i64_atomic_store: atomic_store(types::I64);
    visit_i32_atomic_store8: atomic_store(types::I8);
    visit_i32_atomic_store16: atomic_store(types::I16);
    visit_i64_atomic_store8: atomic_store(types::I8);
    visit_i64_atomic_store16: atomic_store(types::I16);
    visit_i64_atomic_store32: atomic_store(types::I32);
    visit_i32_atomic_rmw_add: atomic_rmw(AtomicRmwOp::Add, types::I32, types::I32);
    visit_i64_atomic_rmw_add: atomic_rmw(AtomicRmwOp::Add, types::I64, types::I64);
    visit_i32_atomic_rmw8_add_u: atomic_rmw(AtomicRmwOp::Add, types::I8, types::I32);
    visit_i32_atomic_rmw16_add_u: atomic_rmw(AtomicRmwOp::Add, types::I16, types::I32);
    visit_i64_atomic_rmw8_add_u: atomic_rmw(AtomicRmwOp::Add, types::I8, types::I64);
    visit_i64_atomic_rmw16_add_u: atomic_rmw(AtomicRmwOp::Add, types::I16, types::I64);
    visit_i64_atomic_rmw32_add_u: atomic_rmw(AtomicRmwOp::Add, types::I32, types::I64);
    visit_i32_atomic_rmw_sub: atomic_rmw(AtomicRmwOp::Sub, types::I32, types::I32);
    visit_i64_atomic_rmw_sub: atomic_rmw(AtomicRmwOp::Sub, types::I64, types::I64);
    visit_i32_atomic_rmw8_sub_u: atomic_rmw(AtomicRmwOp::Sub, types::I8, types::I32);
    visit_i32_atomic_rmw16_sub_u: atomic_rmw(AtomicRmwOp::Sub, types::I16, types::I32);
    visit_i64_atomic_rmw8_sub_u: atomic_rmw(AtomicRmwOp::Sub, types::I8, types::I64);
    visit_i64_atomic_rmw16_sub_u: atomic_rmw(AtomicRmwOp::Sub, types::I16, types::I64);
    visit_i64_atomic_rmw32_sub_u: atomic_rmw(AtomicRmwOp::Sub, types::I32, types::I64);
    visit_i32_atomic_rmw_and: atomic_rmw(AtomicRmwOp::And, types::I32, types::I32);
    visit_i64_atomic_rmw_and: atomic_rmw(AtomicRmwOp::And, types::I64, types::I64);
    visit_i32_atomic_rmw8_and_u: atomic_rmw(AtomicRmwOp::And, types::I8, types::I32);
    visit_i32_atomic_rmw16_and_u: atomic_rmw(AtomicRmwOp::And, types::I16, types::I32);
    visit_i64_atomic_rmw8_and_u: atomic_rmw(AtomicRmwOp::And, types::I8, types::I64);
    visit_i64_atomic_rmw16_and_u: atomic_rmw(AtomicRmwOp::And, types::I16, types::I64);
    visit_i64_atomic_rmw32_and_u: atomic_rmw(AtomicRmwOp::And, types::I32, types::I64);
    visit_i32_atomic_rmw_or: atomic_rmw(AtomicRmwOp::Or, types::I32, types::I32);
    visit_i64_atomic_rmw_or: atomic_rmw(AtomicRmwOp::Or, types::I64, types::I64);
    visit_i32_atomic_rmw8_or_u: atomic_rmw(AtomicRmwOp::Or, types::I8, types::I32);
    visit_i32_atomic_rmw16_or_u: atomic_rmw(AtomicRmwOp::Or, types::I16, types::I32);
    visit_i64_atomic_rmw8_or_u: atomic_rmw(AtomicRmwOp::Or, types::I8, types::I64);
    visit_i64_atomic_rmw16_or_u: atomic_rmw(AtomicRmwOp::Or, types::I16, types::I64);
    visit_i64_atomic_rmw32_or_u: atomic_rmw(AtomicRmwOp::Or, types::I32, types::I64);
    visit_i32_atomic_rmw_xor: atomic_rmw(AtomicRmwOp::Xor, types::I32, types::I32);
    visit_i64_atomic_rmw_xor: atomic_rmw(AtomicRmwOp::Xor, types::I64, types::I64);
    visit_i32_atomic_rmw8_xor_u: atomic_rmw(AtomicRmwOp::Xor, types::I8, types::I32);
    visit_i32_atomic_rmw16_xor_u: atomic_rmw(AtomicRmwOp::Xor, types::I16, types::I32);
    visit_i64_atomic_rmw8_xor_u: atomic_rmw(AtomicRmwOp::Xor, types::I8, types::I64);
    visit_i64_atomic_rmw16_xor_u: atomic_rmw(AtomicRmwOp::Xor, types::I16, types::I64);
    visit_i64_atomic_rmw32_xor_u: atomic_rmw(AtomicRmwOp::Xor, types::I32, types::I64);
    visit_i32_atomic_rmw_xchg: atomic_rmw(AtomicRmwOp::Xchg, types::I32, types::I32);
    visit_i64_atomic_rmw_xchg: atomic_rmw(AtomicRmwOp::Xchg, types::I64, types::I64);
    visit_i32_atomic_rmw8_xchg_u: atomic_rmw(AtomicRmwOp::Xchg, types::I8, types::I32);
    visit_i32_atomic_rmw16_xchg_u: atomic_rmw(AtomicRmwOp::Xchg, types::I16, types::I32);
    visit_i64_atomic_rmw8_xchg_u: atomic_rmw(AtomicRmwOp::Xchg, types::I8, types::I64);
    visit_i64_atomic_rmw16_xchg_u: atomic_rmw(AtomicRmwOp::Xchg, types::I16, types::I64);
    visit_i64_atomic_rmw32_xchg_u: atomic_rmw(AtomicRmwOp::Xchg, types::I32, types::I64);
    visit_i32_atomic_rmw_cmpxchg: atomic_cas(types::I32, types::I32);
    visit_i64_atomic_rmw_cmpxchg: atomic_cas(types::I64, types::I64);
    visit_i32_atomic_rmw8_cmpxchg_u: atomic_cas(types::I8, types::I32);
    visit_i32_atomic_rmw16_cmpxchg_u: atomic_cas(types::I16, types::I32);
    visit_i64_atomic_rmw8_cmpxchg_u: atomic_cas(types::I8, types::I64);
    visit_i64_atomic_rmw16_cmpxchg_u: atomic_cas(types::I16, types::I64);
    visit_i64_atomic_rmw32_cmpxchg_u: atomic_cas(types::I32, types::I64);
}
