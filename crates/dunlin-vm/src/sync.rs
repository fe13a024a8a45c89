//! A mutex for both worlds: the standard library's, or a spin lock where there is none.

#[cfg(feature = "std")]
pub use with_std::Mutex;
#[cfg(not(feature = "std"))]
pub use without_std::Mutex;

#[cfg(feature = "std")]
mod with_std {
    use std::sync::{MutexGuard, PoisonError};

    /// A mutex that does not care for poison: what it guards here is consistent after each statement.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// A mutex that holds `value`.
        pub const fn new(value: T) -> Self {
            Self(std::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(not(feature = "std"))]
mod without_std {
    use core::cell::UnsafeCell;
    use core::ops::{Deref, DerefMut};
    use core::sync::atomic::{AtomicBool, Ordering};

    /// A spin lock, for single-core machines without an operating system.
    #[derive(Debug, Default)]
    pub struct Mutex<T> {
        locked: AtomicBool,
        value: UnsafeCell<T>,
    }

    // SAFETY: the lock hands the value to one holder at a time.
    unsafe impl<T: Send> Send for Mutex<T> {}
    // SAFETY: as above.
    unsafe impl<T: Send> Sync for Mutex<T> {}

    /// Holds the lock until dropped.
    pub struct Guard<'a, T>(&'a Mutex<T>);

    impl<T> Mutex<T> {
        /// A mutex that holds `value`.
        pub const fn new(value: T) -> Self {
            Self { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
        }

        /// Waits for the lock.
        pub fn lock(&self) -> Guard<'_, T> {
            while self.locked.swap(true, Ordering::Acquire) {
                core::hint::spin_loop();
            }
            Guard(self)
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            // SAFETY: the guard holds the lock.
            unsafe { &*self.0.value.get() }
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            // SAFETY: the guard holds the lock, and is borrowed exclusively.
            unsafe { &mut *self.0.value.get() }
        }
    }

    impl<T> Drop for Guard<'_, T> {
        fn drop(&mut self) {
            self.0.locked.store(false, Ordering::Release);
        }
    }
}
