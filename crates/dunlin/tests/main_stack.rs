//! Recursion without end on the main thread, whose stack grows as it is used and has no guard of a thread
//! library's. The usual harness runs no test there.

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod recursing;
}

use support::recursing::{overflow, ready};

fn main() {
    assert_eq!(std::thread::current().name(), Some("main"));
    // With less than the thread has, and with more.
    for stack_bytes in [1 << 20, 64 << 20] {
        ready(stack_bytes).iter_mut().for_each(overflow);
    }
}
