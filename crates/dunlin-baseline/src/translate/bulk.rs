//! Bulk operations on memories and tables: the VM does the work.

use super::Translator;
use super::stack::Kind;
use crate::isa::x64::asm::Width;
use dunlin_module::Builtin;

impl Translator<'_> {
    pub(super) fn visit_memory_fill(&mut self, memory: u32) {
        let (len, value, dst) = (self.pop(), self.pop(), self.pop());
        self.charge_bulk(len, |of, to| of.memory_len(memory, to));
        self.bulk(Builtin::MemoryFill, &[memory], &[dst, value, len], &[0, 1, 2, 3]);
    }

    pub(super) fn visit_memory_copy(&mut self, to: u32, from: u32) {
        let (len, src, dst) = (self.pop(), self.pop(), self.pop());
        self.charge_bulk(len, |of, reg| of.memory_len(to, reg));
        self.bulk(Builtin::MemoryCopy, &[to, from], &[dst, src, len], &[0, 2, 1, 3, 4]);
    }

    pub(super) fn visit_memory_init(&mut self, data: u32, memory: u32) {
        let (len, src, dst) = (self.pop(), self.pop(), self.pop());
        self.charge_bulk(len, |of, to| of.memory_len(memory, to));
        self.bulk(Builtin::MemoryInit, &[memory, data], &[dst, src, len], &[0, 1, 2, 3, 4]);
    }

    pub(super) fn visit_data_drop(&mut self, data: u32) {
        self.builtin_status(Builtin::DataDrop, &[data.into()], &[]);
    }

    pub(super) fn visit_table_grow(&mut self, table: u32) {
        let (delta, init) = (self.pop(), self.pop());
        let grown = self.builtin_result(Builtin::TableGrow, &[table.into()], &[delta, init]);
        self.unwind_if_failed(grown);
        let kind = if self.module.table_type(table).table64 { Kind::I64 } else { Kind::I32 };
        if kind == Kind::I32 {
            self.asm.mov(Width::W32, grown, grown);
        }
        self.push_gpr(kind, grown);
    }

    pub(super) fn visit_table_fill(&mut self, table: u32) {
        let (len, value, start) = (self.pop(), self.pop(), self.pop());
        self.charge_bulk(len, |of, to| of.table_len(table, to));
        self.bulk(Builtin::TableFill, &[table], &[start, value, len], &[0, 1, 2, 3]);
    }

    pub(super) fn visit_table_copy(&mut self, to: u32, from: u32) {
        let (len, src, dst) = (self.pop(), self.pop(), self.pop());
        self.charge_bulk(len, |of, reg| of.table_len(to, reg));
        self.bulk(Builtin::TableCopy, &[to, from], &[dst, src, len], &[0, 2, 1, 3, 4]);
    }

    pub(super) fn visit_table_init(&mut self, element: u32, table: u32) {
        let (len, src, dst) = (self.pop(), self.pop(), self.pop());
        self.charge_bulk(len, |of, to| of.table_len(table, to));
        self.bulk(Builtin::TableInit, &[table, element], &[dst, src, len], &[0, 1, 2, 3, 4]);
    }

    pub(super) fn visit_elem_drop(&mut self, element: u32) {
        self.builtin_status(Builtin::ElemDrop, &[element.into()], &[]);
    }

    /// Calls a builtin with these constants and operands, in the order that says which of both comes when.
    pub(super) fn bulk(
        &mut self,
        builtin: Builtin,
        constants: &[u32],
        operands: &[super::stack::Entry],
        order: &[usize],
    ) {
        let slot = self.slots;
        let constant = |value: &u32| super::stack::Entry {
            loc: super::stack::Loc::Const((*value).into()),
            kind: Kind::I32,
            slot,
        };
        let all: Vec<_> = constants.iter().map(constant).chain(operands.iter().copied()).collect();
        let ordered: Vec<_> = order.iter().map(|at| all[*at]).collect();
        self.builtin_status(builtin, &[], &ordered);
    }
}
