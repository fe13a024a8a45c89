//! Locals, globals, constants and references.

use super::conditions::Condition;
use super::environment::Region;
use super::{Translator, clif_type};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};
use dunlin_core::Mutability;
use dunlin_module::Builtin;
use dunlin_module::compile::REF_FAILED;
use dunlin_module::layout::vm_context;

impl Translator<'_, '_> {
    pub(super) fn visit_local_get(&mut self, index: u32) {
        let value = self.env.b.use_var(self.scope.locals[index as usize]);
        self.push_of(value, self.scope.local_types[index as usize]);
    }

    pub(super) fn visit_local_set(&mut self, index: u32) {
        let value = self.pop();
        self.env.b.def_var(self.scope.locals[index as usize], value);
    }

    pub(super) fn visit_local_tee(&mut self, index: u32) {
        let value = self.top(1)[0];
        self.env.b.def_var(self.scope.locals[index as usize], value);
    }

    pub(super) fn visit_global_get(&mut self, index: u32) {
        let ty = self.module.global_type(index);
        let cell = self.env.pointer_of(vm_context::GLOBALS, index);
        let flags = match ty.mutability {
            Mutability::Const => MemFlagsData::new().with_notrap().with_readonly().with_can_move(),
            Mutability::Var => self.env.flags(Region::Global),
        };
        let flags = if self.is_traced(ty.content) { self.env.flags(Region::Global) } else { flags };
        let value = self.env.b.ins().load(clif_type(ty.content), flags, cell, 0);
        self.push_of(value, ty.content);
    }

    pub(super) fn visit_global_set(&mut self, index: u32) {
        let cell = self.env.pointer_of(vm_context::GLOBALS, index);
        let value = self.pop();
        let value = self.slot_value(value);
        let flags = self.env.flags(Region::Global);
        self.env.b.ins().store(flags, value, cell, 0);
    }

    /// The value as a slot or cell holds it: 32-bit ones zero-extended.
    pub(super) fn slot_value(
        &mut self,
        value: cranelift_codegen::ir::Value,
    ) -> cranelift_codegen::ir::Value {
        crate::stubs::slot_value(&mut self.env.b, value)
    }

    pub(super) fn visit_i32_const(&mut self, value: i32) {
        // An immediate holds the bits of its type, zero-extended.
        let value = self.env.b.ins().iconst(types::I32, i64::from(value as u32));
        self.push(value);
    }

    pub(super) fn visit_i64_const(&mut self, value: i64) {
        let value = self.env.b.ins().iconst(types::I64, value);
        self.push(value);
    }

    pub(super) fn visit_f32_const(&mut self, value: wasmparser::Ieee32) {
        let value = self.env.b.ins().f32const(Ieee32::with_bits(value.bits()));
        self.push(value);
    }

    pub(super) fn visit_f64_const(&mut self, value: wasmparser::Ieee64) {
        let value = self.env.b.ins().f64const(Ieee64::with_bits(value.bits()));
        self.push(value);
    }

    pub(super) fn visit_ref_null(&mut self, _ty: wasmparser::HeapType) {
        let null = self.env.b.ins().iconst(types::I32, 0);
        self.push(null);
    }

    pub(super) fn visit_ref_is_null(&mut self) {
        let reference = self.pop();
        let is_null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        let value = self.env.b.ins().uextend(types::I32, is_null);
        self.conditions.insert(value, Condition::Null(reference));
        self.push(value);
    }

    pub(super) fn visit_ref_func(&mut self, func: u32) {
        let func = self.env.b.ins().iconst(types::I32, i64::from(func));
        let reference = self.env.builtin_value(Builtin::RefFunc, &[func]);
        let failed = self.env.b.ins().icmp_imm_u(IntCC::Equal, reference, i64::from(REF_FAILED));
        self.env.unwind_if(failed);
        self.push(reference);
    }
}
