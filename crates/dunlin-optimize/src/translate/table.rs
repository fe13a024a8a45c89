//! Elements of tables: where they lie, and whether they do.

use super::Translator;
use super::environment::Region;
use crate::tuning;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use dunlin_core::{TrapCode, ValType};
use dunlin_module::layout::{table_def, vm_context};

impl Translator<'_, '_> {
    /// The address of an element; traps with `code` where there is none. A processor that runs ahead of
    /// the check reads at address zero.
    pub(super) fn element(&mut self, table: u32, index: Value, code: TrapCode) -> Value {
        let def = self.env.pointer_of(vm_context::TABLES, table);
        let base = self.env.field(types::I64, def, table_def::BASE);
        let len = self.env.field(types::I64, def, table_def::LEN);
        let outside = self.env.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.env.trap_if(outside, code);
        let offset = self.env.b.ins().imul_imm_s(index, table_def::ELEMENT_BYTES as i64);
        let address = self.env.b.ins().iadd(base, offset);
        if !tuning::SPECTRE_MASKS {
            return address;
        }
        let zero = self.env.b.ins().iconst(types::I64, 0);
        self.env.b.ins().select_spectre_guard(outside, zero, address)
    }

    /// Pops an index of a table as 64 bits.
    pub(super) fn pop_index(&mut self, table: u32) -> Value {
        self.pop_length(self.module.table_type(table).table64)
    }

    pub(super) fn visit_table_get(&mut self, table: u32) {
        let index = self.pop_index(table);
        let element = self.element(table, index, TrapCode::TableOutOfBounds);
        let flags = self.env.flags(Region::Table).with_aligned();
        let value = self.env.b.ins().load(types::I32, flags, element, 0);
        self.push_of(value, ValType::Ref(self.module.table_type(table).element));
    }

    pub(super) fn visit_table_set(&mut self, table: u32) {
        let value = self.pop();
        let index = self.pop_index(table);
        let element = self.element(table, index, TrapCode::TableOutOfBounds);
        let flags = self.env.flags(Region::Table).with_aligned();
        self.env.b.ins().store(flags, value, element, 0);
    }

    pub(super) fn visit_table_size(&mut self, table: u32) {
        let len = self.table_len(table);
        self.push_length(self.module.table_type(table).table64, len);
    }

    /// How many elements a table has.
    pub(super) fn table_len(&mut self, table: u32) -> Value {
        let def = self.env.pointer_of(vm_context::TABLES, table);
        self.env.field(types::I64, def, table_def::LEN)
    }
}
