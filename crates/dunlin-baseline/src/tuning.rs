//! Numbers that change how fast things are, never what they mean.

/// Bytes of a body that are compiled in a microsecond, about.
pub(crate) const BYTES_PER_WORK: usize = 25;

/// What a loop's operators weigh more than those around it, as a power of two.
pub(crate) const LOOP_WEIGHT_LOG2: u32 = 3;

/// Loops around each other that weigh more; further ones do not.
pub(crate) const LOOP_WEIGHT_DEPTH_MAX: u32 = 6;

/// What a local must weigh to be given a register that the caller's caller needs back: it is saved once.
pub(crate) const KEPT_HOME_WEIGHT_MIN: u64 = 4;

/// How many times what calls weigh a local must weigh to be given a register that calls change: each call then
/// stores and loads it.
pub(crate) const LOST_HOME_WEIGHT_PER_CALL: u64 = 3;

/// Locals from which on zeros are written to their slots by a loop.
pub(crate) const ZEROED_BY_LOOP_MIN: u32 = 24;

/// Function types, the first of a module, whose arguments' places are kept for further calls: 8 bytes for each.
pub(crate) const PLACES_KEPT_MAX: usize = 4096;

/// What the code of a function is aligned to.
pub(crate) const FUNCTION_ALIGNMENT: u32 = 16;
