//! Fuel: what guests have used is kept in one register, for as long as compiled code runs.
//!
//! The register counts *used* fuel, the complement of what is left, so that one addition both charges and
//! notices the end: it wraps when the charge is more than what is left. No code of ours uses the register
//! for anything else, and whatever it calls restores it; a fault handler finds it there. The store has
//! what is *left*, up to date wherever compiled code is left: ways in and out convert.
//!
//! A block is charged where control leaves it, or calls; so at calls of the host the count is exact, and a
//! trap in the middle leaves the block's beginning unpaid.

use crate::worker::clif_trap;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;
use dunlin_core::TrapCode;
use dunlin_module::layout::{store_context, vm_context};

/// Charges so many units; traps if they are more than what is left, and then nothing is paid.
pub(crate) fn charge(b: &mut FunctionBuilder<'_>, units: Value) {
    let used = b.ins().get_pinned_reg(types::I64);
    // Not a call: values that live across one would move to the stack in every loop.
    let used = b.ins().uadd_overflow_trap(used, units, clif_trap(TrapCode::OutOfFuel));
    b.ins().set_pinned_reg(used);
}

/// Takes the store's fuel into the register, where compiled code is entered or comes back to.
pub(crate) fn take(b: &mut FunctionBuilder<'_>, cx: Value) {
    let store = store_of(b, cx);
    let flags = MemFlagsData::new().with_notrap().with_aligned();
    let left = b.ins().load(types::I64, flags, store, store_context::FUEL as i32);
    let used = b.ins().bnot(left);
    b.ins().set_pinned_reg(used);
}

/// Gives the store its fuel back, where compiled code is left.
pub(crate) fn give_back(b: &mut FunctionBuilder<'_>, cx: Value) {
    let store = store_of(b, cx);
    let used = b.ins().get_pinned_reg(types::I64);
    let left = b.ins().bnot(used);
    let flags = MemFlagsData::new().with_notrap().with_aligned();
    b.ins().store(flags, left, store, store_context::FUEL as i32);
}

fn store_of(b: &mut FunctionBuilder<'_>, cx: Value) -> Value {
    let flags = MemFlagsData::trusted().with_readonly().with_can_move();
    b.ins().load(types::I64, flags, cx, (vm_context::STORE * 8) as i32)
}
