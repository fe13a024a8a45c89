//! Eager validation: every body of a module, by several threads where that pays.
//!
//! Threads take runs of functions from one counter, in order. Whoever finds an invalid body stops, and
//! so does everyone else after the run at hand; since earlier runs have all been taken by then, the
//! lowest of the functions found invalid is the first of the module, as if one thread had looked.

use dunlin_module::{Invalid, Scratch};
use dunlin_vm::ModuleCode;

/// What becomes of the side tables that validation makes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// They are kept: the functions are ready to be interpreted.
    Tables,
    /// They are not needed: the functions are going to be compiled.
    #[cfg(feature = "optimize")]
    Nothing,
}

/// Validates all bodies.
///
/// # Errors
///
/// The first body that is not valid.
pub(crate) fn validate_all(code: &ModuleCode, keep: Keep) -> Result<(), Invalid> {
    #[cfg(feature = "std")]
    if code.module().bytes().len() >= parallel::MODULE_BYTES_MIN {
        return parallel::validate_all(code, keep);
    }
    in_order(code, keep)
}

/// Validates all bodies, one after the other.
fn in_order(code: &ModuleCode, keep: Keep) -> Result<(), Invalid> {
    let mut scratch = Scratch::default();
    (code.module().func_imports()..code.module().func_count())
        .try_for_each(|func| validate(code, func, &mut scratch, keep))
}

fn validate(
    code: &ModuleCode,
    func: u32,
    scratch: &mut Scratch,
    keep: Keep,
) -> Result<(), Invalid> {
    match keep {
        Keep::Tables => code.prepare_with(func, scratch),
        #[cfg(feature = "optimize")]
        Keep::Nothing => code.module().validate(func, scratch),
    }
}

#[cfg(feature = "std")]
mod parallel {
    use super::{Invalid, Keep, ModuleCode, Scratch, in_order, validate};
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::thread;

    /// Bytes of a module from which on threads are worth starting: validation takes about 10 ns a
    /// byte, and a thread some 50 µs.
    pub(super) const MODULE_BYTES_MIN: usize = 256 << 10;

    /// Threads at most; beyond that they wait for each other's publishing.
    const THREADS_MAX: usize = 16;

    /// Functions that a thread takes at a time.
    const RUN: u32 = 16;

    pub(super) fn validate_all(code: &ModuleCode, keep: Keep) -> Result<(), Invalid> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        if threads == 1 {
            return in_order(code, keep);
        }
        let work = Work {
            code,
            keep,
            next: AtomicU32::new(code.module().func_imports()),
            failed: AtomicBool::new(false),
        };
        let first = thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, || work.run()).ok())
                .collect();
            let mut found = work.run();
            for other in others {
                let more = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                found = match (found, more) {
                    (Some(a), Some(b)) => Some(if a.0 < b.0 { a } else { b }),
                    (a, b) => a.or(b),
                };
            }
            found
        });
        first.map_or(Ok(()), |(_, invalid)| Err(invalid))
    }

    struct Work<'m> {
        code: &'m ModuleCode,
        keep: Keep,
        next: AtomicU32,
        failed: AtomicBool,
    }

    impl Work<'_> {
        /// Takes runs of functions until there are none; returns the first that is not valid.
        fn run(&self) -> Option<(u32, Invalid)> {
            let mut scratch = Scratch::default();
            let count = self.code.module().func_count();
            while !self.failed.load(Ordering::Relaxed) {
                let start = self.next.fetch_add(RUN, Ordering::Relaxed);
                if start >= count {
                    break;
                }
                for func in start..count.min(start.saturating_add(RUN)) {
                    if let Err(invalid) = validate(self.code, func, &mut scratch, self.keep) {
                        self.failed.store(true, Ordering::Relaxed);
                        return Some((func, invalid));
                    }
                }
            }
            None
        }
    }
}
