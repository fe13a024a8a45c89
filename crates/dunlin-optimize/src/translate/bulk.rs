//! Bulk operations on memories and tables: the VM does the work.

use super::Translator;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use dunlin_module::Builtin;

impl Translator<'_, '_> {
    fn index(&mut self, index: u32) -> Value {
        self.env.b.ins().iconst(types::I32, i64::from(index))
    }

    fn is_memory64(&self, memory: u32) -> bool {
        self.module.memories()[memory as usize].memory64
    }

    fn is_table64(&self, table: u32) -> bool {
        self.module.table_type(table).table64
    }

    pub(super) fn visit_memory_fill(&mut self, memory: u32) {
        let is64 = self.is_memory64(memory);
        let len = self.pop_length(is64);
        let value = self.pop();
        let dst = self.pop_length(is64);
        let size = self.memory_len(memory);
        self.charge_bulk(len, size);
        let memory = self.index(memory);
        self.env.builtin_status(Builtin::MemoryFill, &[memory, dst, value, len]);
    }

    pub(super) fn visit_memory_copy(&mut self, to: u32, from: u32) {
        let (to64, from64) = (self.is_memory64(to), self.is_memory64(from));
        let operands = self.copy_operands((to, to64), (from, from64));
        let size = self.memory_len(to);
        self.charge_bulk(operands[4], size);
        self.env.builtin_status(Builtin::MemoryCopy, &operands);
    }

    /// Operands of a copy; its length is 64 bits wide only where both sides are.
    fn copy_operands(&mut self, to: (u32, bool), from: (u32, bool)) -> [Value; 5] {
        let len = self.pop_length(to.1 && from.1);
        let src = self.pop_length(from.1);
        let dst = self.pop_length(to.1);
        [self.index(to.0), dst, self.index(from.0), src, len]
    }

    pub(super) fn visit_memory_init(&mut self, data: u32, memory: u32) {
        let operands = self.init_operands(self.is_memory64(memory), memory, data);
        let size = self.memory_len(memory);
        self.charge_bulk(operands[4], size);
        self.env.builtin_status(Builtin::MemoryInit, &operands);
    }

    /// Operands of an initialisation from a segment, whose offsets are always 32 bits wide.
    fn init_operands(&mut self, is64: bool, target: u32, segment: u32) -> [Value; 5] {
        let (len, src) = (self.pop_length(false), self.pop_length(false));
        let dst = self.pop_length(is64);
        [self.index(target), self.index(segment), dst, src, len]
    }

    pub(super) fn visit_data_drop(&mut self, data: u32) {
        let data = self.index(data);
        self.env.builtin_status(Builtin::DataDrop, &[data]);
    }

    pub(super) fn visit_table_grow(&mut self, table: u32) {
        let is64 = self.is_table64(table);
        let delta = self.pop_length(is64);
        let init = self.pop();
        let table = self.index(table);
        let grown = self.env.builtin_value(Builtin::TableGrow, &[table, delta, init]);
        self.unwind_if_failed(grown);
        self.push_length(is64, grown);
    }

    pub(super) fn visit_table_fill(&mut self, table: u32) {
        let is64 = self.is_table64(table);
        let len = self.pop_length(is64);
        let value = self.pop();
        let start = self.pop_length(is64);
        let size = self.table_len(table);
        self.charge_bulk(len, size);
        let table = self.index(table);
        self.env.builtin_status(Builtin::TableFill, &[table, start, value, len]);
    }

    pub(super) fn visit_table_copy(&mut self, to: u32, from: u32) {
        let (to64, from64) = (self.is_table64(to), self.is_table64(from));
        let operands = self.copy_operands((to, to64), (from, from64));
        let size = self.table_len(to);
        self.charge_bulk(operands[4], size);
        self.env.builtin_status(Builtin::TableCopy, &operands);
    }

    pub(super) fn visit_table_init(&mut self, element: u32, table: u32) {
        let operands = self.init_operands(self.is_table64(table), table, element);
        let size = self.table_len(table);
        self.charge_bulk(operands[4], size);
        self.env.builtin_status(Builtin::TableInit, &operands);
    }

    pub(super) fn visit_elem_drop(&mut self, element: u32) {
        let element = self.index(element);
        self.env.builtin_status(Builtin::ElemDrop, &[element]);
    }
}
