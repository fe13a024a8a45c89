//! The stubs that no compiler can make: they move the stack pointer.

#[cfg(target_arch = "x86_64")]
mod x64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x64::{
    call_func, call_import, call_ref, enter, is_called_by_entry, land, throw, unwind,
};

#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use none::{
    call_func, call_import, call_ref, enter, is_called_by_entry, land, throw, unwind,
};
