//! A heap cell with a stable address that may be written through raw pointers while it is owned.
//!
//! A `Box` promises that nobody else writes to what it owns; cells that compiled code and contexts
//! point into need an owner without that promise.

use alloc::boxed::Box;
use core::ptr::NonNull;

/// Owns a heap cell, or a list of them; its address never changes.
pub(crate) struct Owned<T: ?Sized>(NonNull<T>);

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::from(Box::new(value))
    }
}

impl<T: ?Sized> Owned<T> {
    pub(crate) fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Owned<[T]> {
    /// The address of the first cell.
    pub(crate) fn first(&self) -> *mut T {
        self.as_ptr().cast()
    }
}

impl<T: ?Sized> From<Box<T>> for Owned<T> {
    fn from(cell: Box<T>) -> Self {
        Self(NonNull::from(Box::leak(cell)))
    }
}

impl<T> FromIterator<T> for Owned<[T]> {
    fn from_iter<I: IntoIterator<Item = T>>(cells: I) -> Self {
        Self::from(cells.into_iter().collect::<Box<[T]>>())
    }
}

impl<T: ?Sized> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a leaked box in `from`, and is freed only here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: the cell is owned; whoever reads it through raw pointers is bound by the store's rules.
unsafe impl<T: Send + ?Sized> Send for Owned<T> {}
// SAFETY: a shared owner only gives out the address.
unsafe impl<T: Sync + ?Sized> Sync for Owned<T> {}
