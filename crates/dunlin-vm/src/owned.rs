//! A heap cell with a stable address that may be written through raw pointers while it is owned.
//!
//! A `Box` promises that nobody else writes to what it owns; cells that compiled code and contexts
//! point into need an owner without that promise. A cell may also be a part of an instance's block,
//! which is freed after all of its users.

use alloc::boxed::Box;
use core::ptr::NonNull;

/// Owns a heap cell or a list of them, or stands for one in a block; its address never changes.
pub(crate) struct Owned<T: ?Sized> {
    cell: NonNull<T>,
    of_block: bool,
}

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::from(Box::new(value))
    }

    /// Stands for a cell of a block, and gives it its first value.
    ///
    /// # Safety
    ///
    /// The cell is valid to be written, and outlives the new owner and all users of the address.
    pub(crate) unsafe fn of_block(cell: *mut T, value: T) -> Self
    where
        T: Copy,
    {
        // SAFETY: the caller's promise; a value that is copied needs no drop.
        unsafe { cell.write(value) };
        // SAFETY: what can be written is not null.
        Self { cell: unsafe { NonNull::new_unchecked(cell) }, of_block: true }
    }
}

impl<T: ?Sized> Owned<T> {
    pub(crate) fn as_ptr(&self) -> *mut T {
        self.cell.as_ptr()
    }
}

impl<T: ?Sized> From<Box<T>> for Owned<T> {
    fn from(cell: Box<T>) -> Self {
        Self { cell: NonNull::from(Box::leak(cell)), of_block: false }
    }
}

impl<T: ?Sized> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.of_block {
            // SAFETY: the pointer came from a leaked box in `from`, and is freed only here.
            drop(unsafe { Box::from_raw(self.cell.as_ptr()) });
        }
    }
}

// SAFETY: the cell is owned; whoever reads it through raw pointers is bound by the store's rules.
unsafe impl<T: ?Sized + Send> Send for Owned<T> {}
// SAFETY: a shared owner only gives out the address.
unsafe impl<T: ?Sized + Sync> Sync for Owned<T> {}
