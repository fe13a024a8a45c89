//! Leaving compiled code for a function without native code: what the ways out call.
//!
//! A stub (`isa`) adds the way out's frame pointer to the arguments, from which it can be told whether the
//! call is in tail position.

use super::builtins::contained;
use super::call::interpret;
use super::isa;
use crate::context::{StoreContext, VmContext};
use crate::crossing::Target;
use crate::ops::{self, Stop};
use core::sync::atomic::Ordering;
use dunlin_core::TrapCode;
use dunlin_module::Builtin;

/// Calls a function of the instance, by index.
///
/// # Safety
///
/// Called by a way out: `cx` is the running instance's context, `func` a function that its module
/// defines, the slots are as many as its lists need, and `fp` is the way out's frame.
pub(crate) unsafe extern "C" fn call_func(
    cx: *mut VmContext,
    func: u32,
    slots: *mut u64,
    fp: usize,
) -> u32 {
    let run = || {
        // SAFETY: the caller's promise.
        let entry = unsafe { (*cx).funcs.add(func as usize) };
        // SAFETY: as above.
        unsafe { call_guest(cx, Target { cx, entry, func }, slots, fp) }
    };
    // SAFETY: the caller's promise.
    unsafe { contained(cx, Builtin::CallFunc, 1, run) }
}

/// Calls the function of a reference, which is not null.
///
/// # Safety
///
/// As for [`call_func`].
pub(crate) unsafe extern "C" fn call_ref(
    cx: *mut VmContext,
    reference: u32,
    slots: *mut u64,
    fp: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    let run = || unsafe { call_referred(cx, reference, slots, fp) };
    // SAFETY: the caller's promise.
    unsafe { contained(cx, Builtin::CallRef, 1, run) }
}

/// As [`call_ref`], which contains its panics.
///
/// # Safety
///
/// As for [`call_func`].
unsafe fn call_referred(cx: *mut VmContext, reference: u32, slots: *mut u64, fp: usize) -> u32 {
    // SAFETY: a running instance's contexts are alive; so for all below.
    let context = unsafe { (*cx).store };
    // SAFETY: references that compiled code has are of its store.
    let record = unsafe { &*(*context).funcs.add(reference as usize) };
    if !record.entry.is_null() {
        let target = Target { cx: record.cx, entry: record.entry, func: record.index };
        // SAFETY: the caller's promise.
        return unsafe { call_guest(cx, target, slots, fp) };
    }
    // SAFETY: as above; compiled code leaves the value stack alone.
    let top = unsafe { (*context).stack_top };
    // SAFETY: the instance is running, and the slots are the call's.
    let result = unsafe { ops::call_host(cx, context, record.index, slots, top) };
    u32::from(result.is_err())
}

/// Calls an imported function of a guest's: as [`call_ref`], with the reference as the data of a host
/// function.
///
/// # Safety
///
/// As for [`call_func`].
pub(crate) unsafe extern "C" fn call_import(
    reference: *const (),
    _context: *mut StoreContext,
    cx: *mut VmContext,
    slots: *mut u64,
    fp: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { call_ref(cx, reference.addr() as u32, slots, fp) }
}

/// Runs a guest's function in the interpreter, or leaves it to whoever has entered compiled code.
///
/// # Safety
///
/// As for [`call_func`].
#[inline]
unsafe fn call_guest(cx: *mut VmContext, target: Target, slots: *mut u64, fp: usize) -> u32 {
    // SAFETY: a running instance's contexts are alive; so for all below.
    let context = unsafe { (*cx).store };
    // SAFETY: a guest's function has a record.
    let entry = unsafe { &*target.entry };
    if entry.ip.load(Ordering::Acquire).is_null() {
        // SAFETY: the store is entered, and the index is of the instance's module.
        if let Err(stop) = unsafe { ops::prepare(target.cx, target.func) } {
            // SAFETY: as above.
            return unsafe { failed(context, &stop) };
        }
    }
    // SAFETY: compiled code keeps the chain of frame pointers.
    if unsafe { isa::is_called_by_entry(fp, (*context).native.entry_sp) } {
        // SAFETY: as above.
        let native = unsafe { &mut (*context).native };
        let params = entry.params.load(Ordering::Relaxed) as usize;
        // SAFETY: the caller's promise.
        let arguments = unsafe { core::slice::from_raw_parts(slots, params) };
        native.tail_arguments.clear();
        native.tail_arguments.extend_from_slice(arguments);
        native.tail_call = Some(target);
        return 1;
    }
    // SAFETY: the caller's promise.
    match unsafe { interpret(context, target, slots, slots) } {
        Ok(()) => 0,
        // SAFETY: as above.
        Err(stop) => unsafe { failed(context, &stop) },
    }
}

/// Notes why the guest must end; the status that tells compiled code of it.
///
/// # Safety
///
/// The context is that of a store that is entered.
#[cold]
unsafe fn failed(context: *mut StoreContext, stop: &Stop) -> u32 {
    let code = match stop {
        Stop::Trap(code) => *code,
        Stop::Host | Stop::Exception => TrapCode::Unreachable,
    };
    // SAFETY: the caller's promise.
    unsafe { (*context).exit.code = code };
    1
}
