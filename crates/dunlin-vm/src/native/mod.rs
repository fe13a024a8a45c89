//! Native code: how it is linked, entered, left and found again.
//!
//! 1. A compiler makes plain data of each unit; [`CodeImage`] lays the units of a module out, and
//!    [`NativeCode::load`] places the image in memory that is executable and not writable, fills in the
//!    builtins' addresses, and enters the code in the one `map`. Code of single functions is added while guests run
//!    (`arena`).
//! 2. [`call`] enters: it notes where the stack is, limits it, and jumps through a stub of the machine's
//!    (`isa`) and the type's own way in.
//! 3. Compiled code calls the VM through `builtins`, in the platform's C convention.
//! 4. Functions without native code are called by ways out, through `leave`; what changes between
//!    interpreter and compiled code is in [`crate::crossing`].
//! 5. It is left early in one way: the stack pointer goes back to the innermost entry. No frame of Rust
//!    lies between, since whatever compiled code calls returns to it first. A builtin's failure gets
//!    there by a stub, a fault by the signal handler (`fault`).
//!
//! Profilers are told of code when it is loaded, if somebody wants it (`profile`).
//!
//! Backtraces follow the chain of frame pointers that all compiled code keeps. The places are noted
//! before the stack pointer moves, in memory that is there already, and understood afterwards.

mod arena;
mod builtins;
mod call;
mod code;
pub(crate) mod fault;
mod image;
mod inside;
mod isa;
mod jitdump;
mod leave;
mod map;
#[cfg(feature = "stacks")]
mod notes;
mod profile;
mod region;
mod roots;

pub(crate) use arena::Arena;
pub use arena::CodeLimit;
#[cfg(debug_assertions)]
#[doc(hidden)]
pub use builtins::provoked::panic_in;
pub(crate) use call::enter_from_interpreter;
pub use call::{call, has_code};
pub use code::{NativeCode, PlacedCode};
pub use image::CodeImage;
pub(crate) use inside::Inside;
pub(crate) use inside::safe_point;
pub(crate) use isa::{call_import, refusal};
#[cfg(feature = "stacks")]
pub(crate) use notes::{Notes, OfStack};
pub use profile::{ProfileError, ProfileFiles, Profiler};

use crate::sys;
use dunlin_core::numeric::Relaxed;

/// Bytes of the calling thread's stack that are left; 0 where that is not to be known.
#[must_use]
#[inline(never)]
pub fn stack_left() -> usize {
    let here = 0_u8;
    let sp = (&raw const here) as usize;
    let bounds = sys::native::stack_bounds().filter(|bounds| bounds.contains(&sp));
    bounds.map_or(0, |bounds| sp - bounds.start)
}

/// Tells the kernel that this process is going to interrupt all of its threads for a moment, as it does when code has been
/// replaced, unless it has more threads than one already: the kernel would wait some 20 ms then, and the first guest waits
/// whose code is replaced.
pub fn announce_barriers() {
    sys::native::announce_barriers();
}

/// Makes the calling thread give way to others that want to run.
pub fn lower_priority() {
    sys::native::lower_priority();
}

/// Processor time that the calling thread has used; always 0 where that is not to be known.
#[must_use]
pub fn thread_time() -> core::time::Duration {
    sys::native::thread_time()
}

/// The results that relaxed operators have where they take the fewest instructions of this machine; those of the
/// deterministic profile where native code does not run. Whatever executes the same functions must choose them too.
#[must_use]
pub fn fastest_relaxed() -> Relaxed {
    sys::processor::fastest_relaxed()
}

/// Whether native code runs on this machine. The first question installs the fault handler.
#[must_use]
pub fn is_supported() -> bool {
    sys::native::IS_SUPPORTED && sys::native::install_handlers()
}

#[cfg(all(test, not(miri)))]
mod tests {
    #[test]
    fn what_is_left_of_a_stack_is_less_than_all_of_it() {
        if !super::is_supported() {
            return;
        }
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        let left = thread.spawn(super::stack_left).expect("a thread").join().expect("no panic");
        assert!((64 << 10..260 << 10).contains(&left), "{left}");
    }
}
