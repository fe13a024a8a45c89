//! A heap cell with a stable address that may be written through raw pointers while it is owned.
//!
//! A `Box` promises that nobody else writes to what it owns; cells that compiled code and contexts
//! point into need an owner without that promise.

use alloc::boxed::Box;
use core::ptr::NonNull;

/// Owns a heap cell; its address never changes.
pub(crate) struct Owned<T>(NonNull<T>);

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    pub(crate) fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a leaked box in `new`, and is freed only here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: the cell is owned; whoever reads it through raw pointers is bound by the store's rules.
unsafe impl<T: Send> Send for Owned<T> {}
// SAFETY: a shared owner only gives out the address.
unsafe impl<T: Sync> Sync for Owned<T> {}
