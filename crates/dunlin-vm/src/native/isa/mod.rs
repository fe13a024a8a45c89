//! The stubs that no compiler can make: they move the stack pointer.

#[cfg(target_arch = "x86_64")]
mod x64;
#[cfg(all(target_arch = "x86_64", feature = "stacks"))]
pub(crate) use x64::{RED_ZONE_BYTES, detour};
#[cfg(target_arch = "x86_64")]
pub(crate) use x64::{
    array_new_data, array_new_elem, call_func, call_import, call_ref, enter, is_called_by_entry,
    land, left_before_entry, new_array, new_exception, new_struct, ran_out, refusal, throw, unwind,
};

#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(all(not(target_arch = "x86_64"), feature = "stacks"))]
pub(crate) use none::{RED_ZONE_BYTES, detour};
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use none::{
    array_new_data, array_new_elem, call_func, call_import, call_ref, enter, is_called_by_entry,
    land, left_before_entry, new_array, new_exception, new_struct, ran_out, refusal, throw, unwind,
};
