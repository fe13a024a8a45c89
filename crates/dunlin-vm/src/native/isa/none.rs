//! Machines without stubs: native code is never linked there, so that nothing calls these.

use crate::context::VmContext;

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
