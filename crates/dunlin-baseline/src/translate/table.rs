//! Elements of tables.

use super::Translator;
use super::locals::context_mem;
use super::stack::{Kind, Loc};
use crate::isa::x64::asm::{Mem, Width};
use crate::isa::x64::regs::{Gpr, R11, RAX};
use dunlin_core::{TrapCode, ValType};
use dunlin_module::layout::{table_def, vm_context};

impl Translator<'_> {
    pub(super) fn visit_table_get(&mut self, table: u32) {
        let index = self.pop();
        self.element(table, index, TrapCode::TableOutOfBounds);
        self.asm.load(Width::W32, RAX, Mem::at(RAX, 0));
        let kind = self.kind(ValType::Ref(self.module.table_type(table).element));
        self.push_gpr(kind, RAX);
    }

    pub(super) fn visit_table_set(&mut self, table: u32) {
        let (value, index) = (self.pop(), self.pop());
        // The element's address is made in a register that the value must not be in.
        let value = match value.loc {
            Loc::Gpr(RAX) => {
                let other = self.alloc();
                self.asm.mov(Width::W64, other, RAX);
                other
            }
            _ => self.gpr_beside_rax(value),
        };
        self.element(table, index, TrapCode::TableOutOfBounds);
        self.asm.store(Width::W32, Mem::at(RAX, 0), value);
    }

    fn gpr_beside_rax(&mut self, value: super::stack::Entry) -> Gpr {
        let reg = self.gpr(value);
        if reg != RAX {
            return reg;
        }
        let other = self.alloc();
        self.asm.mov(Width::W64, other, RAX);
        other
    }

    pub(super) fn visit_table_size(&mut self, table: u32) {
        let (to, loc) = self.result(&[]);
        self.table_len(table, to);
        let kind = if self.module.table_type(table).table64 { Kind::I64 } else { Kind::I32 };
        self.push(kind, loc);
    }

    /// How many elements a table has.
    pub(super) fn table_len(&mut self, table: u32, to: Gpr) {
        self.asm.load(Width::W64, R11, context_mem(vm_context::TABLES));
        self.asm.load(Width::W64, R11, Mem::at(R11, 8 * table as i32));
        self.asm.load(Width::W64, to, Mem::at(R11, table_def::LEN as i32));
    }
}
