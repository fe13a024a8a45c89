//! The ways into and out of compiled code: between arguments in registers and arguments in slots.
//!
//! They are made by the code generator too, one for each function type or function, so that nothing of
//! ours repeats where its calling convention puts values.

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
use dunlin_module::layout::SLOT_BYTES;

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

/// The way in: `fn(code, cx, slots)` in the platform's convention.
pub(crate) fn enter(
    ty: &FuncType,
    config: TargetFrontendConfig,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
) {
    func.signature = Signature::new(CallConv::SystemV);
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
        if ty.param_slots() + ty.result_slots() > tuning::WAY_IN_SLOTS_UNCHECKED {
            env.limit_stack();
        }
        env.b
    };
    let mut args = vec![cx];
    args.extend(load_slots(&mut b, ty.params(), slots));
    let callee = b.import_signature(signature(ty));
    let call = b.ins().call_indirect(callee, code, &args);
    let results = b.inst_results(call).to_vec();
    store_slots(&mut b, &results, slots);
    b.ins().return_(&[]);
    b.finalize(config);
}

/// The way out to functions of a type of the module: to the one of this index.
pub(crate) fn leave_func(
    ty: &FuncType,
    index: u32,
    config: TargetFrontendConfig,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
) {
    func.signature = signature(ty);
    leave(ty, Builtin::CallFunc, Some(index), config, func, builder);
}

/// The way out to any function of a type, whose reference is the last argument.
pub(crate) fn leave_ref(
    ty: &FuncType,
    config: TargetFrontendConfig,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
) {
    func.signature = leave_ref_signature(ty);
    leave(ty, Builtin::CallRef, None, config, func, builder);
}

/// The signature of [`leave_ref`]'s code.
pub(crate) fn leave_ref_signature(ty: &FuncType) -> Signature {
    let mut signature = signature(ty);
    signature.params.push(AbiParam::new(types::I32));
    signature
}

/// Writes the arguments to slots, calls the builtin with `index` or the last argument, reads results.
fn leave(
    ty: &FuncType,
    builtin: Builtin,
    index: Option<u32>,
    config: TargetFrontendConfig,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
) {
    let mut b = FunctionBuilder::new(func, builder);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let args = b.block_params(entry)[1..=ty.params().len()].to_vec();
    let target = match index {
        Some(index) => b.ins().iconst(types::I32, i64::from(index)),
        None => b.block_params(entry)[1 + ty.params().len()],
    };
    let bytes = ty.param_slots().max(ty.result_slots()) * SLOT_BYTES as u32;
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
    let slot = b.create_sized_stack_slot(slot);
    let slots = b.ins().stack_addr(types::I64, slot, 0);
    let mut env = Environment::new(b, entry);
    env.limit_stack();
    store_slots(&mut env.b, &args, slots);
    env.builtin_status(builtin, &[target, slots]);
    let results = load_slots(&mut env.b, ty.results(), slots);
    env.b.ins().return_(&results);
    env.b.finalize(config);
}

fn load_slots(b: &mut FunctionBuilder<'_>, types: &[ValType], slots: Value) -> Vec<Value> {
    let mut at = 0;
    let mut load = |ty: &ValType| {
        let flags = MemFlagsData::new().with_notrap();
        let value = b.ins().load(clif_type(*ty), flags, slots, at);
        at += ty.slots() as i32 * SLOT_BYTES as i32;
        value
    };
    types.iter().map(&mut load).collect()
}

fn store_slots(b: &mut FunctionBuilder<'_>, values: &[Value], slots: Value) {
    let mut at = 0;
    for value in values {
        let bytes = if b.func.dfg.value_type(*value) == types::I8X16 { 16 } else { 8 };
        let value = slot_value(b, *value);
        b.ins().store(MemFlagsData::new().with_notrap(), value, slots, at);
        at += bytes;
    }
}
