//! What compiled code asks of the VM: `ops`, in the platform's C convention.
//!
//! Every function here is called by compiled code only, with the context of the running instance and
//! indices that validation has checked; that is what each block relies on.

use super::isa;
use crate::context::VmContext;
use crate::ops::{self, Stop};
use dunlin_module::Builtin;
use dunlin_module::compile::GROW_FAILED;

/// The address of a builtin.
pub(crate) fn address(builtin: Builtin) -> usize {
    let address: *const () = match builtin {
        Builtin::MemoryGrow => memory_grow as *const (),
        Builtin::MemoryFill => memory_fill as *const (),
        Builtin::MemoryCopy => memory_copy as *const (),
        Builtin::MemoryInit => memory_init as *const (),
        Builtin::DataDrop => data_drop as *const (),
        Builtin::TableGrow => table_grow as *const (),
        Builtin::TableFill => table_fill as *const (),
        Builtin::TableCopy => table_copy as *const (),
        Builtin::TableInit => table_init as *const (),
        Builtin::ElemDrop => elem_drop as *const (),
        Builtin::RefFunc => ref_func as *const (),
        Builtin::CallFunc => isa::call_func as *const (),
        Builtin::CallRef => isa::call_ref as *const (),
        Builtin::Unwind => isa::unwind as *const (),
    };
    address as usize
}

/// Notes why the guest must end.
///
/// # Safety
///
/// `cx` is the running instance's context.
unsafe fn note(cx: *mut VmContext, stop: Stop) {
    if let Stop::Trap(code) = stop {
        // SAFETY: the caller's promise.
        unsafe { (*(*cx).store).exit.code = code };
    }
}

/// Notes a failure; the status that tells compiled code of it.
///
/// # Safety
///
/// As for [`note`].
unsafe fn status(cx: *mut VmContext, result: Result<(), Stop>) -> u32 {
    let Err(stop) = result else { return 0 };
    // SAFETY: the caller's promise.
    unsafe { note(cx, stop) };
    1
}

/// Builtins that return a status.
macro_rules! status {
    ($($name:ident($cx:ident $(, $arg:ident: $ty:ty)*) => $call:expr;)*) => {$(
        unsafe extern "C" fn $name($cx: *mut VmContext $(, $arg: $ty)*) -> u32 {
            // SAFETY: see the head.
            let result = unsafe { $call };
            // SAFETY: see the head.
            unsafe { status($cx, result) }
        }
    )*};
}

status! {
    memory_fill(cx, memory: u32, dst: u64, value: u32, len: u64) =>
        ops::memory_fill(cx, memory, dst, value as u8, len);
    memory_copy(cx, to: u32, dst: u64, from: u32, src: u64, len: u64) =>
        ops::memory_copy(cx, (to, dst), (from, src), len);
    memory_init(cx, memory: u32, data: u32, dst: u64, src: u64, len: u64) =>
        ops::memory_init(cx, memory, data, dst, src, len);
    table_fill(cx, table: u32, start: u64, value: u32, len: u64) =>
        ops::table_fill(cx, table, start, value, len);
    table_copy(cx, to: u32, dst: u64, from: u32, src: u64, len: u64) =>
        ops::table_copy(cx, (to, dst), (from, src), len);
    table_init(cx, table: u32, element: u32, dst: u64, src: u64, len: u64) =>
        ops::table_init(cx, table, element, dst, src, len);
}

/// The result of a growth, or what says that the host failed.
///
/// # Safety
///
/// As for [`note`].
unsafe fn grown(cx: *mut VmContext, result: Result<u64, Stop>) -> u64 {
    match result {
        Ok(size) => size,
        Err(stop) => {
            // SAFETY: the caller's promise.
            unsafe { note(cx, stop) };
            GROW_FAILED
        }
    }
}

unsafe extern "C" fn memory_grow(cx: *mut VmContext, memory: u32, delta: u64) -> u64 {
    // SAFETY: see the head.
    let result = unsafe { ops::memory_grow(cx, memory, delta) };
    // SAFETY: see the head.
    unsafe { grown(cx, result) }
}

unsafe extern "C" fn table_grow(cx: *mut VmContext, table: u32, delta: u64, init: u32) -> u64 {
    // SAFETY: see the head.
    let result = unsafe { ops::table_grow(cx, table, delta, init) };
    // SAFETY: see the head.
    unsafe { grown(cx, result) }
}

unsafe extern "C" fn data_drop(cx: *mut VmContext, data: u32) {
    // SAFETY: see the head.
    unsafe { ops::data_drop(cx, data) };
}

unsafe extern "C" fn elem_drop(cx: *mut VmContext, element: u32) {
    // SAFETY: see the head.
    unsafe { ops::elem_drop(cx, element) };
}

unsafe extern "C" fn ref_func(cx: *mut VmContext, func: u32) -> u32 {
    // SAFETY: see the head.
    unsafe { ops::ref_func(cx, func) }
}
