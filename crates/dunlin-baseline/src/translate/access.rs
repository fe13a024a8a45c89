//! Accesses of linear memory: where the bytes lie, and whether they do.
//!
//! One function, [`Translator::place`], turns an address operand into a place; nothing else makes places in
//! memories. *Guarded* bounds leave the comparison to the machine. *Explicit* ones compare; a processor may run ahead
//! of a branch with any address, so there is none where the access itself can be made to fault: the address becomes
//! zero by a move that depends on the comparison.

use super::Translator;
use super::locals::context_mem;
use super::stack::{Entry, Kind, Loc};
use crate::isa::x64::asm::{Alu, Cc, Mem, Width};
use crate::isa::x64::regs::{Gpr, R11};
use dunlin_core::TrapCode;
use dunlin_module::layout::{NULL_BYTES, memory_def, vm_context};
use dunlin_module::{Bounds, Builtin};
use wasmparser::{MemArg, MemArgTarget};

/// The memory of a memory argument; arrays are of a proposal that we do not have.
#[inline]
pub(super) fn memory_of(memarg: MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(index) | MemArgTarget::Array(index) => index,
    }
}

impl Translator<'_> {
    /// The place of an access of `width` bytes whose address operand has been popped. It may use the scratch
    /// register: nothing is to come between but the access.
    pub(super) fn place(&mut self, memarg: MemArg, index: Entry, width: u64) -> Mem {
        let memory = memory_of(memarg);
        let ty = self.module.memories()[memory as usize];
        if let Bounds::Guarded { reserved_bytes, guard_bytes } = self.settings.bounds
            && !ty.memory64
            && ty.has_plain_pages()
            && memarg.offset.saturating_add(width)
                <= reserved_bytes + guard_bytes - reserved_bytes.min(1 << 32)
        {
            return self.guarded_place(memory, index, memarg.offset);
        }
        self.explicit_place(memory, index, memarg.offset, width)
    }

    fn guarded_place(&mut self, memory: u32, index: Entry, offset: u64) -> Mem {
        if let (Loc::Const(at), 0, Some(base)) = (index.loc, memory, self.memory_base)
            && let Ok(disp) = i32::try_from(at + offset)
        {
            return Mem::at(base, disp);
        }
        let index = self.gpr(index);
        let (disp, rest) = match i32::try_from(offset) {
            Ok(disp) => (disp, None),
            Err(_) => (0, Some(offset)),
        };
        let base = match (memory, self.memory_base) {
            (0, Some(base)) => base,
            _ => {
                self.memory_field(memory, false);
                R11
            }
        };
        match rest {
            None => Mem::indexed(base, index, disp),
            Some(offset) => {
                let sum = self.alloc();
                self.asm.mov_imm(sum, offset);
                self.asm.alu(Alu::Add, Width::W64, sum, index.into());
                Mem::indexed(base, sum, 0)
            }
        }
    }

    /// Loads a memory's base or length into the scratch register.
    fn memory_field(&mut self, memory: u32, is_len: bool) {
        let is_shared = self.module.memories()[memory as usize].shared;
        if memory == 0 && !is_shared {
            let field = if is_len { vm_context::MEMORY0_LEN } else { vm_context::MEMORY0_BASE };
            return self.asm.load(Width::W64, R11, context_mem(field));
        }
        self.asm.load(Width::W64, R11, context_mem(vm_context::MEMORIES));
        self.asm.load(Width::W64, R11, Mem::at(R11, 8 * memory as i32));
        let field = if is_len { memory_def::LEN } else { memory_def::BASE };
        self.asm.load(Width::W64, R11, Mem::at(R11, field as i32));
    }

    fn explicit_place(&mut self, memory: u32, index: Entry, offset: u64, width: u64) -> Mem {
        let index = self.gpr(index);
        let end = self.alloc();
        let is_wide = self.module.memories()[memory as usize].memory64;
        match offset.checked_add(width) {
            Some(reach) => self.asm.mov_imm(end, reach),
            None => {
                // No address is that far.
                self.asm.mov_imm(end, u64::MAX);
                self.asm.test(Width::W64, end, end);
                self.trap_if(Cc::Ne, TrapCode::MemoryOutOfBounds);
            }
        }
        self.asm.alu(Alu::Add, Width::W64, end, index.into());
        if is_wide {
            self.trap_if(Cc::B, TrapCode::MemoryOutOfBounds);
        }
        self.memory_field(memory, true);
        self.asm.alu(Alu::Cmp, Width::W64, end, R11.into());
        self.memory_field(memory, false);
        // Small offsets are in the access: where nothing is mapped there is room for them.
        let is_small = offset.saturating_add(width) <= NULL_BYTES as u64;
        let folded = if is_small { offset as i32 } else { 0 };
        self.asm.lea(Width::W64, end, Mem::indexed(R11, index, 0));
        if folded == 0 && offset > 0 {
            // Flags stay what they are.
            self.asm.mov_imm(R11, offset);
            self.asm.lea(Width::W64, end, Mem::indexed(end, R11, 0));
        }
        self.asm.mov_imm(R11, 0);
        self.asm.cmov(Cc::A, Width::W64, end, R11.into());
        Mem::at(end, folded)
    }

    fn accessed(&mut self) {
        self.faults(TrapCode::MemoryOutOfBounds);
    }

    fn load_int(&mut self, memarg: MemArg, kind: Kind, bytes: u64, signed: bool) {
        let index = self.pop();
        let place = self.place(memarg, index, bytes);
        let (to, loc) = self.result(&[]);
        self.accessed();
        let width = kind.width();
        match (bytes, signed) {
            (1, false) => self.asm.movzx8(to, place.into()),
            (1, true) => self.asm.movsx8(width, to, place.into()),
            (2, false) => self.asm.movzx16(to, place.into()),
            (2, true) => self.asm.movsx16(width, to, place.into()),
            (4, true) if kind == Kind::I64 => self.asm.movsx32(to, place.into()),
            (4, _) => self.asm.load(Width::W32, to, place),
            _ => self.asm.load(Width::W64, to, place),
        }
        self.push(kind, loc);
    }

    fn load_float(&mut self, memarg: MemArg, kind: Kind, bytes: u64) {
        let index = self.pop();
        let place = self.place(memarg, index, bytes);
        let (to, loc) = self.vector_result(&[]);
        self.accessed();
        self.load_vector(kind, to, place);
        self.push(kind, loc);
    }

    fn store_int(&mut self, memarg: MemArg, bytes: u64) {
        let (value, index) = (self.pop(), self.pop());
        if let (Loc::Const(bits), 4 | 8) = (value.loc, bytes) {
            let signed = if bytes == 4 { i64::from(bits as u32 as i32) } else { bits as i64 };
            if let Ok(small) = i32::try_from(signed) {
                let place = self.place(memarg, index, bytes);
                self.accessed();
                let width = if bytes == 4 { Width::W32 } else { Width::W64 };
                return self.asm.store_imm(width, place, small);
            }
        }
        let value = self.gpr(value);
        let place = self.place(memarg, index, bytes);
        self.accessed();
        match bytes {
            1 => self.asm.store8(place, value),
            2 => self.asm.store16(place, value),
            4 => self.asm.store(Width::W32, place, value),
            _ => self.asm.store(Width::W64, place, value),
        }
    }

    fn store_float(&mut self, memarg: MemArg, kind: Kind, bytes: u64) {
        let (value, index) = (self.pop(), self.pop());
        let value = self.xmm(value);
        let place = self.place(memarg, index, bytes);
        self.accessed();
        if kind == Kind::F32 {
            self.asm.store_f32(place, value);
        } else {
            self.asm.store_f64(place, value);
        }
    }

    /// The kind of a memory's addresses.
    fn address_kind(&self, memory: u32) -> Kind {
        if self.module.memories()[memory as usize].memory64 { Kind::I64 } else { Kind::I32 }
    }

    pub(super) fn memory_len(&mut self, memory: u32, to: Gpr) {
        self.memory_field(memory, true);
        if to != R11 {
            self.asm.mov(Width::W64, to, R11);
        }
    }

    pub(super) fn visit_memory_size(&mut self, memory: u32) {
        let (to, loc) = self.result(&[]);
        self.memory_len(memory, to);
        let log2 = self.module.memories()[memory as usize].page_size_log2;
        if log2 > 0 {
            self.asm.shift_imm(crate::isa::x64::asm::Shift::Shr, Width::W64, to, log2);
        }
        let kind = self.address_kind(memory);
        self.push(kind, loc);
    }

    pub(super) fn visit_memory_grow(&mut self, memory: u32) {
        let delta = self.pop();
        let kind = self.address_kind(memory);
        let grown = self.builtin_result(Builtin::MemoryGrow, &[memory.into()], &[delta]);
        self.unwind_if_failed(grown);
        if kind == Kind::I32 {
            self.asm.mov(Width::W32, grown, grown);
        }
        self.push_gpr(kind, grown);
    }
}

macro_rules! accesses {
    ($($name:ident: $method:ident($($arg:expr),*);)*) => {
        impl Translator<'_> {$(
            pub(super) fn $name(&mut self, memarg: MemArg) {
                self.$method(memarg, $($arg),*);
            }
        )*}
    };
}

accesses! {
    visit_i32_load: load_int(Kind::I32, 4, false);
    visit_i64_load: load_int(Kind::I64, 8, false);
    visit_f32_load: load_float(Kind::F32, 4);
    visit_f64_load: load_float(Kind::F64, 8);
    visit_i32_load8_s: load_int(Kind::I32, 1, true);
    visit_i32_load8_u: load_int(Kind::I32, 1, false);
    visit_i32_load16_s: load_int(Kind::I32, 2, true);
    visit_i32_load16_u: load_int(Kind::I32, 2, false);
    visit_i64_load8_s: load_int(Kind::I64, 1, true);
    visit_i64_load8_u: load_int(Kind::I64, 1, false);
    visit_i64_load16_s: load_int(Kind::I64, 2, true);
    visit_i64_load16_u: load_int(Kind::I64, 2, false);
    visit_i64_load32_s: load_int(Kind::I64, 4, true);
    visit_i64_load32_u: load_int(Kind::I64, 4, false);
    visit_i32_store: store_int(4);
    visit_i64_store: store_int(8);
    visit_f32_store: store_float(Kind::F32, 4);
    visit_f64_store: store_float(Kind::F64, 8);
    visit_i32_store8: store_int(1);
    visit_i32_store16: store_int(2);
    visit_i64_store8: store_int(1);
    visit_i64_store16: store_int(2);
    visit_i64_store32: store_int(4);
}
