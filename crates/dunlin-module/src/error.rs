//! The one error of this room: a module that is not valid, with the byte offset where it is not.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

/// A module, or one of its functions, is malformed or does not validate.
///
/// One word in size; the text is the validator's, the offset counts bytes from the module's start.
pub struct Invalid(Box<Inner>);

struct Inner {
    message: String,
    offset: u64,
}

impl Invalid {
    /// An error with this message at this byte offset of the module.
    #[cold]
    #[must_use]
    pub fn new(message: impl fmt::Display, offset: u64) -> Self {
        Self(Box::new(Inner { message: message.to_string(), offset }))
    }

    /// What is wrong, without the offset.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The byte offset from the start of the module.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }
}

impl From<wasmparser::Error> for Invalid {
    #[cold]
    fn from(error: wasmparser::Error) -> Self {
        Self::new(error.message(), error.offset())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at offset {:#x})", self.0.message, self.0.offset)
    }
}

impl fmt::Debug for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Invalid {}
