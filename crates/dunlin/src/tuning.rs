//! Knobs that change how fast modules are made ready, and never what they mean.

/// Bytes of a module from which on its machine code is kept in a cache. Compiling takes about a second a
/// megabyte, so this much takes some 4 ms; an entry is found, checked and placed in less than one.
pub(crate) const CACHED_MODULE_BYTES_MIN: usize = 4 << 10;
