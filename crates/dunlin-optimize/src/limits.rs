//! Bounds of what this tier takes on; beyond them functions run elsewhere.

/// Bytes of a function's body. The code generator's time and memory grow faster than the body: one
/// megabyte takes seconds and hundreds of megabytes; the largest that compilers of C and Rust made of
/// real programs is a third of this.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// Blocks that a function's body opens. Where tens of thousands of branches meet, the code generator's
/// time grows with their square: 12,000 take one second, 45,000 fourteen.
pub(crate) const BLOCKS_MAX: usize = 12_000;

/// Locals of a function: each block of the body may make a value of each.
pub(crate) const LOCALS_MAX: usize = 10_000;
