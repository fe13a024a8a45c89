//! Giving up the native code of a module that nobody runs, and what the interpreter has prepared of it.
//!
//! What leads to a function is the module's arrays of records and of pointers to code; contexts, tables and records of
//! functions lead to their cells, which stay. Hence what the cells lead to can go whenever no instance of the module is
//! alive, in any store: frames are of instances, and instances are not freed while a guest runs.
//!
//! 1. Each instance holds a [`CodeUse`] of its module's code, which counts.
//! 2. [`ModuleCode::drop_code`] closes the count if it is 0, empties the cells, frees what they led to, and opens the
//!    count again. Whoever wants an instance meanwhile waits.
//! 3. The first call of a function prepares it again, as ever.

use crate::code::ModuleCode;
use alloc::sync::Arc;
use core::ops::Deref;
use core::sync::atomic::{AtomicUsize, Ordering};

/// What is added to the count while it is closed.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// How many instances there are of a module.
#[derive(Default)]
pub(crate) struct Users(AtomicUsize);

impl Users {
    /// Counts another one, unless it is closed.
    fn enter(&self) -> bool {
        // What whoever closed it has done is seen by whoever enters after.
        let is_open = self.0.fetch_add(1, Ordering::AcqRel) & CLOSED == 0;
        if !is_open {
            self.leave();
        }
        is_open
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Closes it if there are none.
    #[cfg(any(test, feature = "native"))]
    fn close(&self) -> bool {
        self.0.compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[cfg(any(test, feature = "native"))]
    fn open(&self) {
        self.0.fetch_sub(CLOSED, Ordering::AcqRel);
    }
}

/// A module's code, in use: it stays as long as this is here.
pub(crate) struct CodeUse(Arc<ModuleCode>);

impl CodeUse {
    pub(crate) fn new(code: &Arc<ModuleCode>) -> Self {
        while !code.users.enter() {
            code.wait_for_dropping();
        }
        Self(code.clone())
    }
}

impl Deref for CodeUse {
    type Target = Arc<ModuleCode>;

    fn deref(&self) -> &Arc<ModuleCode> {
        &self.0
    }
}

impl Drop for CodeUse {
    fn drop(&mut self) {
        self.0.users.leave();
    }
}

impl ModuleCode {
    /// Frees the code of functions and of parts that have been added, and whatever has been prepared of the module, if
    /// it has no instance in any store and no code of its whole. Its functions are prepared anew when they are called.
    /// Says whether there was code that is free now.
    #[cfg(feature = "native")]
    pub fn drop_code(&self) -> bool {
        if self.added_functions() == 0 {
            return false;
        }
        // Who enters meanwhile waits for this lock, and so does whoever prepares a function or adds code.
        let mut arena = self.arena.lock();
        if self.native().is_some() || !self.users.close() {
            return false;
        }
        self.forget(&mut arena);
        self.users.open();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Users;

    #[test]
    fn nobody_enters_what_is_closed_and_what_is_entered_is_not_closed() {
        let users = Users::default();
        assert!(users.enter() && users.enter());
        assert!(!users.close());
        users.leave();
        assert!(!users.close());
        users.leave();
        assert!(users.close() && !users.close());
        assert!(!users.enter() && !users.enter());
        users.open();
        assert!(users.enter() && !users.close());
    }

    /// What one thread does while it is closed never overlaps with what another does that has entered.
    #[test]
    fn who_has_entered_and_who_has_closed_never_meet() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let (users, inside, closed) = (Users::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        if users.enter() {
                            inside.fetch_add(1, Ordering::Relaxed);
                            assert_eq!(closed.load(Ordering::Relaxed), 0);
                            inside.fetch_sub(1, Ordering::Relaxed);
                            users.leave();
                        }
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..rounds {
                    if users.close() {
                        closed.store(1, Ordering::Relaxed);
                        assert_eq!(inside.load(Ordering::Relaxed), 0);
                        closed.store(0, Ordering::Relaxed);
                        users.open();
                    }
                }
            });
        });
    }
}
