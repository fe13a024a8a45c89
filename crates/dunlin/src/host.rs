//! The way from the VM back to the embedder: host functions and limits.
//!
//! The VM hands host functions and its growth hook an *owner*, which is the address of the
//! [`StoreInner`] that entered it. This file turns that address into a reference again; it is the only
//! one of the crate with unsafe code.
//!
//! 1. `StoreInner::enter` writes the address before anything that can call back; a store's inner part
//!    is boxed and stays where it is.
//! 2. A host function for stores of `T` is only ever put into a `Store<T>`: `Func` makes it in the store
//!    that it is given, and a `Linker<T>` instantiates in stores of `T` only. So the type is right.
//! 3. While the VM calls back it uses none of the store's other fields, and the embedder's code holds
//!    no reference into the store, since the call borrowed the store exclusively.
//!
//! A panic of the embedder's code cannot unwind through a tier; it is carried to the call that
//! entered the guest as a failure, and goes on from there.

#![allow(unsafe_code, reason = "the VM's owner pointer becomes a reference here; see the head")]

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::store::StoreInner;
use alloc::boxed::Box;
use dunlin_core::FuncType;
use dunlin_vm::{CreateError, Growth, HostCall, HostFailure, HostFn};

/// Makes a function of this type that the VM can call; `func` is given the caller and the call's slots.
pub(crate) fn host_fn<T: 'static>(
    ty: &FuncType,
    func: impl Fn(Caller<'_, T>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
) -> HostFn {
    let slots = ty.param_slots().max(ty.result_slots()) as usize;
    HostFn::new(slots, move |call: HostCall<'_>| {
        let owner = call.owner.cast::<StoreInner<T>>();
        // SAFETY: the owner is the store that entered the guest, of this type, and nobody else uses a
        // reference to it until this function returns (points 1 to 3 of the head).
        let store = unsafe { &mut *owner };
        guarded(|| func(Caller::new(store, call.caller), call.slots))
    })
}

/// The VM's growth hook for stores of `T`: asks the store's limiter.
pub(crate) fn growth_hook<T: 'static>(
    owner: *mut (),
    growth: Growth,
) -> core::result::Result<bool, HostFailure> {
    let owner = owner.cast::<StoreInner<T>>();
    // SAFETY: the owner is the store that entered the VM, of this type (points 1 and 2 of the head). The
    // VM is in the middle of using its own part of the store, so only the data is borrowed.
    let data = unsafe { &mut (*owner).data };
    // SAFETY: as above, for the limiter.
    let limiter = unsafe { &mut (*owner).limiter };
    let Some(limiter) = limiter else { return Ok(true) };
    guarded(|| {
        let limiter = limiter(data);
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        match growth {
            Growth::Memory { current, desired, max } => {
                limiter.memory_growing(size(current), size(desired), max.map(size))
            }
            Growth::Table { current, desired, max } => {
                limiter.table_growing(size(current), size(desired), max.map(size))
            }
        }
    })
}

/// A panic of the embedder's code, on its way to the call that entered the guest.
#[cfg(feature = "std")]
struct HostPanic(Box<dyn core::any::Any + Send>);

/// Runs the embedder's code; its error or panic becomes a failure that the VM carries.
#[cfg(feature = "std")]
#[inline]
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> core::result::Result<R, HostFailure> {
    // The panic goes on at the outer call, as if it had unwound through the guest.
    match std::panic::catch_unwind(core::panic::AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Box::new(error)),
        Err(panic) => Err(Box::new(HostPanic(panic))),
    }
}

/// Runs the embedder's code; its error becomes a failure that the VM carries. Without the standard
/// library a panic never unwinds.
#[cfg(not(feature = "std"))]
#[inline]
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> core::result::Result<R, HostFailure> {
    run().map_err(|error| -> HostFailure { Box::new(error) })
}

/// The error that something of this size could not be created.
#[cold]
pub(crate) fn create_error(what: &str, size: u64, unit: &str, error: CreateError) -> Error {
    match error {
        CreateError::Host(failure) => error_of(failure),
        CreateError::Refused(refusal) => {
            Error::resource(format_args!("cannot create a {what} of {size} {unit}: {refusal}"))
        }
    }
}

/// The error that a failure carries; a panic goes on.
#[cold]
pub(crate) fn error_of(failure: HostFailure) -> Error {
    let failure = match failure.downcast::<Error>() {
        Ok(error) => return *error,
        Err(failure) => failure,
    };
    #[cfg(feature = "std")]
    let failure = match failure.downcast::<HostPanic>() {
        Ok(panic) => std::panic::resume_unwind(panic.0),
        Err(failure) => failure,
    };
    drop(failure);
    Error::bug("a host function failed with something that is not an error")
}
