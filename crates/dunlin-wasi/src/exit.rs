//! The exit code of a guest, which travels in the error that ends it.

use std::fmt;

/// What `proc_exit` ends a guest with; embedders find it by `Error::downcast_ref`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode(pub i32);

impl fmt::Display for ExitCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the guest exited with code {}", self.0)
    }
}

impl std::error::Error for ExitCode {}
