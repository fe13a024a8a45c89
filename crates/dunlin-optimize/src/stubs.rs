//! The ways into and out of compiled code: between arguments in registers and arguments in slots.
//!
//! They are made by the code generator too, one for each function type or function, so that nothing of
//! ours repeats where its calling convention puts values.

use crate::fuel;
use crate::translate::{Environment, clif_type, signature};
use crate::tuning;
use cranelift_codegen::ir::{
    AbiParam, ArgumentPurpose, Function, InstBuilder, MemFlagsData, Signature, StackSlotData,
    StackSlotKind, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use dunlin_core::{FuncType, ValType};
use dunlin_module::Builtin;
use dunlin_module::layout::{SLOT_BYTES, import_call, store_context, vm_context};

/// The value as a slot holds it: 32-bit ones zero-extended.
pub(crate) fn slot_value(b: &mut FunctionBuilder<'_>, value: Value) -> Value {
    match b.func.dfg.value_type(value) {
        types::I32 => b.ins().uextend(types::I64, value),
        types::F32 => {
            let bits = b.ins().bitcast(types::I32, MemFlagsData::new(), value);
            b.ins().uextend(types::I64, bits)
        }
        _ => value,
    }
}

/// What all stubs have in common.
pub(crate) struct Stubs {
    /// Whether fuel is in its register while compiled code runs.
    pub(crate) fuel: bool,
    pub(crate) config: TargetFrontendConfig,
}

impl Stubs {
    /// The way in: `fn(code, cx, slots)`. In compiled code's own convention, which keeps no registers:
    /// whoever enters has kept them already.
    pub(crate) fn enter(
        &self,
        ty: &FuncType,
        func: &mut Function,
        builder: &mut FunctionBuilderContext,
    ) {
        func.signature = Signature::new(CallConv::Tail);
        let context = AbiParam::special(types::I64, ArgumentPurpose::VMContext);
        let [code, slots] = [AbiParam::new(types::I64); 2];
        func.signature.params.extend([code, context, slots]);
        let mut b = FunctionBuilder::new(func, builder);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let (code, cx, slots) = {
            let params = b.block_params(entry);
            (params[0], params[1], params[2])
        };
        let mut b = {
            let mut env = Environment::with_context(b, cx);
            // A few values fit what is left to the host; a thousand may not.
            if ty.param_slots() + ty.result_slots() > tuning::WAY_SLOTS_UNCHECKED {
                env.limit_stack();
            }
            env.b
        };
        let mut args = vec![cx];
        args.extend(load_slots(&mut b, ty.params(), slots));
        let callee = b.import_signature(signature(ty));
        if self.fuel {
            fuel::take(&mut b, cx);
        }
        let call = b.ins().call_indirect(callee, code, &args);
        if self.fuel {
            fuel::give_back(&mut b, cx);
        }
        let results = b.inst_results(call).to_vec();
        store_slots(&mut b, &results, slots);
        b.ins().return_(&[]);
        b.finalize(self.config);
    }

    /// The way out to functions of a type: writes the arguments to slots, calls what leads there, reads
    /// results.
    pub(crate) fn leave(
        &self,
        ty: &FuncType,
        to: Leave,
        func: &mut Function,
        builder: &mut FunctionBuilderContext,
    ) {
        func.signature = match to {
            Leave::Ref => leave_ref_signature(ty),
            Leave::Import(_) | Leave::Func(_) => signature(ty),
        };
        let mut b = FunctionBuilder::new(func, builder);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let args = b.block_params(entry)[1..].to_vec();
        let (args, reference) = args.split_at(ty.params().len());
        let bytes = ty.param_slots().max(ty.result_slots()) * SLOT_BYTES as u32;
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
        let slot = b.create_sized_stack_slot(slot);
        let slots = b.ins().stack_addr(types::I64, slot, 0);
        let mut env = Environment::new(b, entry);
        if ty.param_slots().max(ty.result_slots()) > tuning::WAY_SLOTS_UNCHECKED {
            env.limit_stack();
        }
        store_slots(&mut env.b, args, slots);
        note_frame(&mut env);
        if self.fuel {
            fuel::give_back(&mut env.b, env.cx);
        }
        let status = match to {
            Leave::Import(index) => call_import(&mut env, index, slots),
            Leave::Func(index) => {
                let index = env.b.ins().iconst(types::I32, i64::from(index));
                env.builtin_value(Builtin::CallFunc, &[index, slots])
            }
            Leave::Ref => env.builtin_value(Builtin::CallRef, &[reference[0], slots]),
        };
        if self.fuel {
            // Also where the call failed: the host may have changed it.
            fuel::take(&mut env.b, env.cx);
        }
        env.unwind_if(status);
        let results = load_slots(&mut env.b, ty.results(), slots);
        env.b.ins().return_(&results);
        env.b.finalize(self.config);
    }
}

/// Notes the way out's frame, from which whoever looks for references finds the frames of compiled code.
fn note_frame(env: &mut Environment<'_>) {
    let store = env.context_pointer(vm_context::STORE);
    let frame = env.b.ins().get_frame_pointer(types::I64);
    let flags = MemFlagsData::trusted();
    env.b.ins().store(flags, frame, store, store_context::LEFT_FP as i32);
}

/// The signature of the way out by reference.
pub(crate) fn leave_ref_signature(ty: &FuncType) -> Signature {
    let mut signature = signature(ty);
    signature.params.push(AbiParam::new(types::I32));
    signature
}

/// Where a way out leads.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Leave {
    /// To an imported function, of which the import's record says what to call.
    Import(u32),
    /// To a function that the module defines.
    Func(u32),
    /// To a function whose reference is the last argument.
    Ref,
}

/// Where a field of an import's record lies among the records.
pub(crate) fn import_offset(index: u32, field: usize) -> usize {
    index as usize * import_call::BYTES + field
}

/// Calls what the import's record names: `fn(data, store's context, cx, slots) -> status`.
fn call_import(env: &mut Environment<'_>, index: u32, slots: Value) -> Value {
    let record = env.context_pointer(vm_context::IMPORT_CALLS);
    let host = env.constant(types::I64, record, import_offset(index, import_call::HOST));
    let data = env.constant(types::I64, record, import_offset(index, import_call::DATA));
    let store = env.context_pointer(vm_context::STORE);
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend([AbiParam::new(types::I64); 4]);
    signature.returns.push(AbiParam::new(types::I32));
    let signature = env.b.import_signature(signature);
    let args = [data, store, env.cx, slots];
    let call = env.b.ins().call_indirect(signature, host, &args);
    env.b.inst_results(call)[0]
}

pub(crate) fn load_slots(
    b: &mut FunctionBuilder<'_>,
    types: &[ValType],
    slots: Value,
) -> Vec<Value> {
    let mut at = 0;
    let mut load = |ty: &ValType| {
        let flags = MemFlagsData::new().with_notrap();
        let value = b.ins().load(clif_type(*ty), flags, slots, at);
        at += ty.slots() as i32 * SLOT_BYTES as i32;
        value
    };
    types.iter().map(&mut load).collect()
}

pub(crate) fn store_slots(b: &mut FunctionBuilder<'_>, values: &[Value], slots: Value) {
    let mut at = 0;
    for value in values {
        let bytes = if b.func.dfg.value_type(*value) == types::I8X16 { 16 } else { 8 };
        let value = slot_value(b, *value);
        b.ins().store(MemFlagsData::new().with_notrap(), value, slots, at);
        at += bytes;
    }
}
