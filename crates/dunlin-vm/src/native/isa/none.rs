//! Machines without stubs: native code is never linked there, so that nothing calls these.

use crate::context::{StoreContext, VmContext};
use dunlin_module::Target;

/// See the stub of a machine that has one.
pub(crate) unsafe extern "C" fn enter(
    _way_in: usize,
    _code: usize,
    _cx: *mut VmContext,
    _slots: *mut u64,
    _sp: *mut usize,
) -> u32 {
    1
}

/// See the stub of a machine that has one.
pub(crate) unsafe extern "C" fn land() {}

/// See the stub of a machine that has one.
pub(crate) unsafe extern "C" fn unwind(_cx: *mut VmContext) {}

/// See the stub of a machine that has one.
pub(crate) unsafe extern "C" fn throw(_cx: *mut VmContext, _exception: u32) {}

/// See the function of a machine that has one.
pub(crate) unsafe fn is_called_by_entry(_fp: usize, _entry_sp: usize) -> bool {
    false
}

/// See the stub of a machine that has one.
pub(crate) unsafe extern "C" fn call_func(
    _cx: *mut VmContext,
    _func: u32,
    _slots: *mut u64,
) -> u32 {
    1
}

/// See the stub of a machine that has one.
pub(crate) unsafe extern "C" fn call_ref(_cx: *mut VmContext, _of: u32, _slots: *mut u64) -> u32 {
    1
}

/// See the stub of a machine that has one.
pub(crate) unsafe extern "C" fn call_import(
    _reference: *const (),
    _context: *mut StoreContext,
    _cx: *mut VmContext,
    _slots: *mut u64,
) -> u32 {
    1
}

/// See the function of a machine that has one.
pub(crate) unsafe fn left_before_entry(_fp: usize) -> usize {
    0
}

/// See the function of a machine that has one.
pub(crate) fn refusal(_target: Target) -> *mut u8 {
    core::ptr::null_mut()
}

pub(crate) use crate::native::builtins::{
    array_new_data, array_new_elem, new_array, new_exception, new_struct, ran_out,
};

/// See the number of a machine that has one.
#[cfg(feature = "stacks")]
pub(crate) const RED_ZONE_BYTES: usize = 0;

/// See the stub of a machine that has one.
#[cfg(feature = "stacks")]
pub(crate) unsafe extern "C" fn detour() {}
