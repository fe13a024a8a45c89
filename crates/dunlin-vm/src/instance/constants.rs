//! Constant expressions that make objects (specification, 3.3.11).

use super::{InstantiateError, arithmetic};
use crate::ModuleCode;
use crate::context::GlobalCell;
use crate::gc;
use crate::objects::is_traced;
use crate::roots::Handle;
use crate::store::Store;
use alloc::sync::Arc;
use alloc::vec::Vec;
use dunlin_core::{CompositeType, StorageType, TrapCode};
use dunlin_module::{ConstOp, ConstRange};

impl Store {
    /// The value of a constant expression that makes objects. What it has made so far is in handles: more
    /// may be collected while it goes on.
    pub(super) fn evaluate_objects(
        &mut self,
        instance: u32,
        code: &Arc<ModuleCode>,
        expr: ConstRange,
    ) -> Result<GlobalCell, InstantiateError> {
        let scope = self.handle_count();
        let mut stack = Vec::new();
        let mut failed = None;
        code.module().const_ops(expr, |op| {
            if failed.is_none() {
                failed = self.evaluate_op(instance, code, op, &mut stack).err();
            }
        })?;
        let value = stack.pop().map_or([0; 2], |value| self.const_cell(value));
        self.end_scope(scope);
        failed.map_or(Ok(value), |code| Err(code.into()))
    }

    fn const_cell(&self, value: ConstValue) -> GlobalCell {
        match value {
            ConstValue::Plain(cell) => cell,
            ConstValue::Traced(handle) => [self.handled(handle).unwrap_or(0).into(), 0],
        }
    }

    fn evaluate_op(
        &mut self,
        instance: u32,
        code: &Arc<ModuleCode>,
        op: ConstOp,
        stack: &mut Vec<ConstValue>,
    ) -> Result<(), TrapCode> {
        let mut pop = || stack.pop().unwrap_or(ConstValue::Plain([0; 2]));
        let value = match op {
            ConstOp::I32(value) => [u64::from(value as u32), 0],
            ConstOp::I64(value) => [value as u64, 0],
            ConstOp::F32(bits) => [bits.into(), 0],
            ConstOp::F64(bits) => [bits, 0],
            ConstOp::V128(bits) => [bits as u64, (bits >> 64) as u64],
            ConstOp::RefNull(_) => [0; 2],
            ConstOp::RefFunc(func) => [self.func_ref(instance, func).into(), 0],
            ConstOp::RefI31 => {
                let value = self.const_cell(pop())[0];
                [gc::from_i31(value as u32).into(), 0]
            }
            ConstOp::AnyConvertExtern | ConstOp::ExternConvertAny => return Ok(()),
            ConstOp::GlobalGet(index) => {
                let index = self.instances[instance as usize].global(index);
                let cell = self.global(index);
                if is_traced(self.global_type(index).content) {
                    stack.push(ConstValue::Traced(self.handle(cell[0] as u32)));
                    return Ok(());
                }
                cell
            }
            ConstOp::StructNew(ty) | ConstOp::StructNewDefault(ty) => {
                let is_default = matches!(op, ConstOp::StructNewDefault(_));
                let made = self.const_struct(code, ty, stack, is_default)?;
                stack.push(ConstValue::Traced(self.handle(made)));
                return Ok(());
            }
            ConstOp::ArrayNew(ty) => {
                let len = self.const_cell(pop())[0] as u32;
                let value = pop();
                let made = self.const_array(code, ty, len, |_| value)?;
                stack.push(ConstValue::Traced(self.handle(made)));
                return Ok(());
            }
            ConstOp::ArrayNewDefault(ty) => {
                let len = self.const_cell(pop())[0] as u32;
                let made = self.const_array(code, ty, len, |_| ConstValue::Plain([0; 2]))?;
                stack.push(ConstValue::Traced(self.handle(made)));
                return Ok(());
            }
            ConstOp::ArrayNewFixed(ty, len) => {
                let values = stack.split_off(stack.len().saturating_sub(len as usize));
                let made = self.const_array(code, ty, len, |index| values[index as usize])?;
                stack.push(ConstValue::Traced(self.handle(made)));
                return Ok(());
            }
            op => {
                let right = self.const_cell(pop())[0];
                let left = self.const_cell(pop())[0];
                [arithmetic(op, left, right), 0]
            }
        };
        stack.push(ConstValue::Plain(value));
        Ok(())
    }

    fn const_struct(
        &mut self,
        code: &ModuleCode,
        ty: u32,
        stack: &mut Vec<ConstValue>,
        is_default: bool,
    ) -> Result<u32, TrapCode> {
        let object = &code.objects()[ty as usize];
        // SAFETY: a structure's layout lives as long as the module's code.
        let bytes = unsafe { (*object.layout).bytes() };
        let made = self.allocate(object.number, bytes.into())?;
        let CompositeType::Struct(fields) = &code.module().types()[ty as usize].composite else {
            return Ok(made);
        };
        let places = object.fields.iter().zip(fields).rev().filter(|_| !is_default);
        for (place, field) in places {
            let value = stack.pop().map_or([0; 2], |value| self.const_cell(value));
            let ty = numbered_storage(field.storage, code);
            self.store_field(made, place.offset, ty, value);
        }
        Ok(made)
    }

    fn const_array(
        &mut self,
        code: &ModuleCode,
        ty: u32,
        len: u32,
        value: impl Fn(u32) -> ConstValue,
    ) -> Result<u32, TrapCode> {
        let object = &code.objects()[ty as usize];
        // SAFETY: an array's layout lives as long as the module's code.
        let layout = unsafe { &*object.layout };
        let made = self.allocate(object.number, layout.object_bytes(len))?;
        let CompositeType::Array(element) = &code.module().types()[ty as usize].composite else {
            return Ok(made);
        };
        let ty = numbered_storage(element.storage, code);
        if let Some(heap) = &mut self.heap {
            heap.store_u32(made, gc::ARRAY_LENGTH, len);
        }
        for index in 0..len {
            let value = self.const_cell(value(index));
            let at = gc::ARRAY_ELEMENTS + (index << layout.element_shift());
            self.store_field(made, at, ty, value);
        }
        Ok(made)
    }
}

/// A value of a constant expression while more of it is evaluated.
#[derive(Clone, Copy)]
enum ConstValue {
    Plain(GlobalCell),
    Traced(Handle),
}

fn numbered_storage(ty: StorageType, code: &ModuleCode) -> StorageType {
    match ty {
        StorageType::Val(ty) => {
            StorageType::Val(ty.map_types(|index| code.type_ids()[index as usize]))
        }
        packed => packed,
    }
}
