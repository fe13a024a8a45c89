//! Accesses of linear memory: where the bytes lie, and whether they do.
//!
//! One function, [`Translator::place`], turns an address operand into an address of the host. Nothing
//! else makes addresses of memories.
//!
//! *Explicit* bounds compare the index with the last one that is inside: the memory's length less the reach
//! of the access, which cannot wrap where the memory's least length is not below the reach. Where it is, the
//! end of the access is compared with the length, computed so that it cannot wrap either: an index of 32 bits
//! plus an offset of 32 bits fits 64; one of 64 bits is added with a check.
//! A processor may run ahead of a branch with any address, so there is none: the address is replaced by zero,
//! by a move that depends on the comparison, and an access there is the fault that becomes the trap.
//!
//! *Guarded* bounds leave the comparison to the machine: behind the memory's bytes lie addresses that
//! fault, further than any 32-bit address and small offset reaches. Larger offsets are compared, and so are
//! memories with 64-bit addresses and those whose pages are smaller than the machine's.

use super::environment::{POINTER_BYTES, Region};
use super::{Translator, clif_type};
use crate::settings::Bounds;
use crate::tuning;
use crate::worker::clif_trap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use dunlin_core::{MemoryType, TrapCode, ValType};
use dunlin_module::Builtin;
use dunlin_module::compile::GROW_FAILED;
use dunlin_module::layout::{memory_def, vm_context};
use wasmparser::{MemArg, MemArgTarget};

/// Bytes of an address space of 32 bits.
const SPACE32_BYTES: u64 = 1 << 32;

/// Where an access goes.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) address: Value,
    pub(super) offset: i32,
    pub(super) flags: MemFlagsData,
}

impl Translator<'_, '_> {
    /// The place of an access of `width` bytes whose address operand is on top; pops that.
    pub(super) fn place(&mut self, memarg: MemArg, width: u64) -> Place {
        let memory = memory_of(memarg);
        let ty = self.module.memories()[memory as usize];
        let index = self.pop();
        match self.settings.bounds {
            Bounds::Guarded { reserved_bytes, guard_bytes }
                if !ty.memory64
                    && ty.has_plain_pages()
                    && memarg.offset + width
                        <= reserved_bytes + guard_bytes - SPACE32_BYTES.min(reserved_bytes) =>
            {
                self.guarded_place(memory, index, memarg.offset)
            }
            _ => self.explicit_place(memory, ty, index, memarg.offset, width),
        }
    }

    fn guarded_place(&mut self, memory: u32, index: Value, offset: u64) -> Place {
        let base = self.fixed_memory_base(memory);
        let index = self.env.b.ins().uextend(types::I64, index);
        let address = self.env.b.ins().iadd(base, index);
        let flags = self.memory_flags(memory);
        let flags = flags.with_trap_code(Some(clif_trap(TrapCode::MemoryOutOfBounds)));
        self.with_offset(address, offset, flags)
    }

    fn explicit_place(
        &mut self,
        memory: u32,
        ty: MemoryType,
        index: Value,
        offset: u64,
        width: u64,
    ) -> Place {
        let (base, len) = self.memory_bounds(memory);
        let flags = self.memory_flags(memory);
        let code = clif_trap(TrapCode::MemoryOutOfBounds);
        let (index, outside) = self.is_outside(ty, index, offset, width, len);
        if !tuning::SPECTRE_MASKS {
            self.env.b.ins().trapnz(outside, code);
            let address = self.env.b.ins().iadd(base, index);
            return self.with_offset(address, offset, flags);
        }
        let flags = if tuning::MASKS_TRAP {
            flags.with_trap_code(Some(code))
        } else {
            self.env.b.ins().trapnz(outside, code);
            flags
        };
        // The sum with the base is part of the access: what replaces the index is what makes the sum zero.
        let zero = self.env.b.ins().iconst(types::I64, 0);
        let to_zero = self.env.b.ins().isub(zero, base);
        let place = self.with_offset(index, offset, flags);
        let index = self.env.b.ins().select_spectre_guard(outside, to_zero, place.address);
        let address = self.env.b.ins().iadd(base, index);
        Place { address, ..place }
    }

    /// The address operand as 64 bits, and whether the access ends beyond `len`; traps where the end of the
    /// access has no address.
    fn is_outside(
        &mut self,
        ty: MemoryType,
        index: Value,
        offset: u64,
        width: u64,
        len: Value,
    ) -> (Value, Value) {
        let reach = offset.checked_add(width);
        if let Some(reach) = reach.filter(|reach| Some(*reach) <= ty.bytes_of(ty.min)) {
            // Memories never shrink: the last index is never negative.
            let index =
                if ty.memory64 { index } else { self.env.b.ins().uextend(types::I64, index) };
            let last = self.env.b.ins().iadd_imm_s(len, (reach as i64).wrapping_neg());
            let outside = self.env.b.ins().icmp(IntCC::UnsignedGreaterThan, index, last);
            return (index, outside);
        }
        let (index, end) = self.end_of_access(ty, index, offset, width);
        (index, self.env.b.ins().icmp(IntCC::UnsignedGreaterThan, end, len))
    }

    /// The address operand as 64 bits, and the end of the access; traps where that would wrap.
    fn end_of_access(
        &mut self,
        ty: MemoryType,
        index: Value,
        offset: u64,
        width: u64,
    ) -> (Value, Value) {
        if !ty.memory64 {
            let index = self.env.b.ins().uextend(types::I64, index);
            // Both are below 2^32, and the width is at most 16.
            return (index, self.env.b.ins().iadd_imm_s(index, (offset + width) as i64));
        }
        let code = clif_trap(TrapCode::MemoryOutOfBounds);
        let Some(reach) = offset.checked_add(width) else {
            // No address is that far: the comparison below is never reached.
            let always = self.env.b.ins().iconst(types::I8, 1);
            self.env.b.ins().trapnz(always, code);
            return (index, index);
        };
        let reach = self.env.b.ins().iconst(types::I64, reach as i64);
        (index, self.env.b.ins().uadd_overflow_trap(index, reach, code))
    }

    /// Adds the offset: small ones stand in the access itself.
    fn with_offset(&mut self, address: Value, offset: u64, flags: MemFlagsData) -> Place {
        if offset < tuning::FOLDED_OFFSET_MAX {
            return Place { address, offset: offset as i32, flags };
        }
        let address = self.env.b.ins().iadd_imm_s(address, offset as i64);
        Place { address, offset: 0, flags }
    }

    /// Flags of an access of a memory.
    fn memory_flags(&mut self, memory: u32) -> MemFlagsData {
        let is_shared = self.module.memories()[memory as usize].shared;
        self.env.flags(if is_shared { Region::Shared } else { Region::Memory })
    }

    /// Base and length of a memory, which growth changes. A shared one never moves.
    fn memory_bounds(&mut self, memory: u32) -> (Value, Value) {
        if self.module.memories()[memory as usize].shared {
            return (self.fixed_memory_base(memory), self.memory_len(memory));
        }
        let offset =
            if memory == 0 { vm_context::MEMORY0_BASE * POINTER_BYTES } else { memory_def::BASE };
        (self.memory_field(memory, offset), self.memory_len(memory))
    }

    pub(super) fn memory_len(&mut self, memory: u32) -> Value {
        if self.module.memories()[memory as usize].shared {
            // Any thread may grow it at any time: the length is where all find it.
            let def = self.env.pointer_of(vm_context::MEMORIES, memory);
            return self.env.shared_field(def, memory_def::LEN);
        }
        let offset =
            if memory == 0 { vm_context::MEMORY0_LEN * POINTER_BYTES } else { memory_def::LEN };
        self.memory_field(memory, offset)
    }

    /// Reads what growth changes, of the context for memory 0, of the memory's definition for others. In a
    /// function during which no memory grows it is a constant, read once and not in every loop.
    fn memory_field(&mut self, memory: u32, offset: usize) -> Value {
        let of = match memory {
            0 => self.env.cx,
            _ => self.env.pointer_of(vm_context::MEMORIES, memory),
        };
        if tuning::CONSTANT_BOUNDS && self.own_survey().keeps_memories() {
            self.env.constant(types::I64, of, offset)
        } else {
            self.env.field(types::I64, of, offset)
        }
    }

    /// Base of a guarded or shared memory, which never moves.
    fn fixed_memory_base(&mut self, memory: u32) -> Value {
        if memory == 0 {
            return self.env.context_pointer(vm_context::MEMORY0_BASE);
        }
        let def = self.env.pointer_of(vm_context::MEMORIES, memory);
        self.env.constant(types::I64, def, memory_def::BASE)
    }

    /// Loads a value as it lies in memory.
    pub(super) fn load(&mut self, memarg: MemArg, ty: Type) {
        let place = self.place(memarg, u64::from(ty.bytes()));
        let value = self.env.b.ins().load(ty, place.flags, place.address, place.offset);
        self.push(value);
    }

    /// Loads `narrow` and extends it to `wide`. One instruction says both: two would be taken apart
    /// where the value is compared, and extended a second time.
    fn load_extended(&mut self, memarg: MemArg, narrow: Type, wide: Type, signed: Signed) {
        let Place { address, offset, flags } = self.place(memarg, u64::from(narrow.bytes()));
        let ins = self.env.b.ins();
        let value = match (signed, narrow) {
            (Signed::Yes, types::I8) => ins.sload8(wide, flags, address, offset),
            (Signed::No, types::I8) => ins.uload8(wide, flags, address, offset),
            (Signed::Yes, types::I16) => ins.sload16(wide, flags, address, offset),
            (Signed::No, types::I16) => ins.uload16(wide, flags, address, offset),
            (Signed::Yes, _) => ins.sload32(flags, address, offset),
            (Signed::No, _) => ins.uload32(flags, address, offset),
        };
        self.push(value);
    }

    /// Stores a value as it is.
    pub(super) fn store(&mut self, memarg: MemArg, ty: Type) {
        let value = self.pop();
        let place = self.place(memarg, u64::from(ty.bytes()));
        self.env.b.ins().store(place.flags, value, place.address, place.offset);
    }

    /// Stores the low bits of a value.
    fn store_narrow(&mut self, memarg: MemArg, ty: Type) {
        let value = self.pop();
        let Place { address, offset, flags } = self.place(memarg, u64::from(ty.bytes()));
        let ins = self.env.b.ins();
        match ty {
            types::I8 => ins.istore8(flags, value, address, offset),
            types::I16 => ins.istore16(flags, value, address, offset),
            _ => ins.istore32(flags, value, address, offset),
        };
    }

    pub(super) fn visit_memory_size(&mut self, memory: u32) {
        let len = self.memory_len(memory);
        let log2 = self.module.memories()[memory as usize].page_size_log2;
        let pages = if log2 == 0 { len } else { self.env.b.ins().ushr_imm_s(len, i64::from(log2)) };
        self.push_address(memory, pages);
    }

    pub(super) fn visit_memory_grow(&mut self, memory: u32) {
        let delta = self.pop_length(self.module.memories()[memory as usize].memory64);
        let index = self.env.b.ins().iconst(types::I32, i64::from(memory));
        let grown = self.env.builtin_value(Builtin::MemoryGrow, &[index, delta]);
        self.unwind_if_failed(grown);
        self.push_address(memory, grown);
    }

    /// Leaves compiled code if a growth says that the host failed.
    pub(super) fn unwind_if_failed(&mut self, grown: Value) {
        let failed = self.env.b.ins().icmp_imm_s(IntCC::Equal, grown, GROW_FAILED as i64);
        self.env.unwind_if(failed);
    }

    /// Pops a length, address or index as 64 bits.
    pub(super) fn pop_length(&mut self, is64: bool) -> Value {
        let value = self.pop();
        if is64 { value } else { self.env.b.ins().uextend(types::I64, value) }
    }

    fn push_address(&mut self, memory: u32, value: Value) {
        let is64 = self.module.memories()[memory as usize].memory64;
        self.push_length(is64, value);
    }

    /// Pushes 64 bits as the address type spells them.
    pub(super) fn push_length(&mut self, is64: bool, value: Value) {
        let value = if is64 { value } else { self.env.b.ins().ireduce(types::I32, value) };
        self.push(value);
    }
}

/// Whether an extension keeps the sign.
#[derive(Clone, Copy)]
enum Signed {
    Yes,
    No,
}

/// The memory of a memory argument; arrays are of a proposal that we do not have.
pub(super) fn memory_of(memarg: MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(index) | MemArgTarget::Array(index) => index,
    }
}

macro_rules! accesses {
    ($($name:ident: $method:ident $args:tt;)*) => {
        impl Translator<'_, '_> {$(
            pub(super) fn $name(&mut self, memarg: MemArg) {
                accesses!(@call self memarg $method $args);
            }
        )*}
    };
    (@call $self:ident $memarg:ident $method:ident ($($arg:expr),*)) => {
        $self.$method($memarg, $($arg),*)
    };
}

accesses! {
    visit_i32_load: load(clif_type(ValType::I32));
    visit_i64_load: load(types::I64);
    visit_f32_load: load(types::F32);
    visit_f64_load: load(types::F64);
    visit_i32_load8_s: load_extended(types::I8, types::I32, Signed::Yes);
    visit_i32_load8_u: load_extended(types::I8, types::I32, Signed::No);
    visit_i32_load16_s: load_extended(types::I16, types::I32, Signed::Yes);
    visit_i32_load16_u: load_extended(types::I16, types::I32, Signed::No);
    visit_i64_load8_s: load_extended(types::I8, types::I64, Signed::Yes);
    visit_i64_load8_u: load_extended(types::I8, types::I64, Signed::No);
    visit_i64_load16_s: load_extended(types::I16, types::I64, Signed::Yes);
    visit_i64_load16_u: load_extended(types::I16, types::I64, Signed::No);
    visit_i64_load32_s: load_extended(types::I32, types::I64, Signed::Yes);
    visit_i64_load32_u: load_extended(types::I32, types::I64, Signed::No);
    visit_i32_store: store(types::I32);
    visit_i64_store: store(types::I64);
    visit_f32_store: store(types::F32);
    visit_f64_store: store(types::F64);
    visit_i32_store8: store_narrow(types::I8);
    visit_i32_store16: store_narrow(types::I16);
    visit_i64_store8: store_narrow(types::I8);
    visit_i64_store16: store_narrow(types::I16);
    visit_i64_store32: store_narrow(types::I32);
}
