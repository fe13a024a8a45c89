//! Calls between the interpreter and compiled code.
//!
//! * **Into compiled code.** The record of a compiled function leads the interpreter to a [`NativeEntry`]
//!   instead of a body: its first byte is the pseudo-operator `NATIVE`, whose handler enters the code
//!   ([`call_native`]). So the interpreter's calls ask nothing, and a function that is compiled while
//!   guests run takes effect at its next call.
//! * **Out of it.** A way out calls the interpreter for one activation ([`Interpret`]), on the value
//!   stack behind whatever is there.
//! * **In tail position.** A way out that the entry itself has called, or that has taken the place of
//!   what the entry called, nests nothing: it notes the function and its arguments, compiled code is
//!   left, and whoever entered it goes on with the function. Hence calls in tail position take no
//!   native stack, however often they change sides.
//!
//! The native stack is limited where compiled code and the ways out begin; one activation of the
//! interpreter fits between any two of them, below the limit. Frames of both sides are collected while
//! a failure travels outwards, innermost first.

use crate::context::{FuncEntry, StoreContext, VmContext};
use crate::ops::Stop;
use core::sync::atomic::AtomicPtr;
use dunlin_module::side::pseudo;

/// What the record of a compiled function has in place of a body.
#[repr(C)]
pub struct NativeEntry {
    /// The interpreter's operator.
    opcode: u8,
    /// Slots of the results.
    pub results: u32,
    /// Where the pointer to the code is. It is not null any more.
    pub(crate) code: *const AtomicPtr<u8>,
    /// The way in for its type.
    pub(crate) way_in: usize,
}

impl NativeEntry {
    /// The entry of code behind `code`.
    #[cfg(feature = "native")]
    pub(crate) fn new(results: u32, code: *const AtomicPtr<u8>, way_in: usize) -> Self {
        Self { opcode: pseudo::NATIVE, results, code, way_in }
    }

    /// The native entry that a prepared function's first operator is, if it is one.
    ///
    /// # Safety
    ///
    /// `ip` is the first operator of a function's record.
    #[inline(always)]
    pub unsafe fn at<'a>(ip: *const u8) -> Option<&'a Self> {
        // SAFETY: the caller's promise; no body that was validated holds the pseudo-operator.
        if unsafe { *ip } != pseudo::NATIVE {
            return None;
        }
        // SAFETY: as above: records lead to this byte within entries only, which live as long as the
        // module's code.
        Some(unsafe { &*ip.cast::<Self>() })
    }
}

// SAFETY: an entry is read only; it points to the array of code of the module that owns it.
unsafe impl Send for NativeEntry {}
// SAFETY: as above.
unsafe impl Sync for NativeEntry {}

/// A guest's function that is to be run.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its instance.
    pub cx: *mut VmContext,
    /// Its record.
    pub entry: *const FuncEntry,
    /// Its index in the instance's function space.
    pub func: u32,
}

/// Runs a function in the interpreter: reads the arguments, and then writes the results, which may lie in
/// the same place.
///
/// # Errors
///
/// If the guest must end. The frames of the activation are in the store's list then.
///
/// # Safety
///
/// The store of the context is entered, `target` is a function of it, and the slots are as many as its
/// lists need.
pub type Interpret = unsafe fn(
    context: *mut StoreContext,
    target: Target,
    arguments: *const u64,
    results: *mut u64,
) -> Result<(), Stop>;

/// Enters compiled code for the interpreter, on slots as its way in expects them; from `top` on the value
/// stack is free. Says whether the code has ended in a call in tail position: then
/// [`take_tail_call`] says of what, and there are no results.
///
/// # Errors
///
/// If the guest must end; the frames of compiled code are in the store's list.
///
/// # Safety
///
/// `cx` is the context of the instance that `entry` is a function of, and its store is entered; `slots`
/// and the stack behind `top` are the call's.
#[inline]
pub unsafe fn call_native(
    cx: *mut VmContext,
    entry: &NativeEntry,
    slots: *mut u64,
    top: *mut u64,
) -> Result<bool, Stop> {
    #[cfg(feature = "native")]
    // SAFETY: the caller's promise.
    return unsafe { crate::native::enter_from_interpreter(cx, entry, slots, top) };
    #[cfg(not(feature = "native"))]
    {
        let _ = (cx, entry.code, entry.way_in, slots, top);
        Err(Stop::Trap(dunlin_core::TrapCode::InvalidFunction))
    }
}

/// This thread runs guests in the interpreter for as long as this lives, which may be led to compiled code.
pub struct Running {
    #[cfg(feature = "native")]
    _inside: crate::native::Inside,
}

impl Running {
    /// Notes that this thread enters the interpreter from outside.
    #[inline]
    #[must_use]
    #[allow(clippy::new_without_default, reason = "what it notes is where it is made")]
    pub fn new() -> Self {
        Self {
            #[cfg(feature = "native")]
            _inside: crate::native::Inside::enter(),
        }
    }
}

/// The function that compiled code has ended in a call of, which is to be called now with the arguments
/// of [`tail_arguments`].
///
/// # Safety
///
/// The store of the context is entered, and [`call_native`] has just said so.
#[inline]
pub unsafe fn take_tail_call(context: *mut StoreContext) -> Option<Target> {
    // SAFETY: the caller's promise.
    unsafe { (*context).native.tail_call.take() }
}

/// The arguments of that call; valid until the next one.
///
/// # Safety
///
/// As for [`take_tail_call`].
#[inline]
pub unsafe fn tail_arguments(context: *mut StoreContext) -> *const u64 {
    // SAFETY: the caller's promise.
    unsafe { (*context).native.tail_arguments.as_ptr() }
}
