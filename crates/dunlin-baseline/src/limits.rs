//! Bounds of what this tier takes on; beyond them functions run elsewhere.

/// Bytes of a function's body: offsets in its code, some ten times as many, fit 31 bits.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;

/// Locals of a function: what is known of each takes memory, and twelve bytes of a body declare fifty thousand.
pub(crate) const LOCALS_MAX: usize = 10_000;

/// Slots of a function's frame, locals and operands: 512 KiB of the native stack.
pub(crate) const SLOTS_MAX: u32 = 1 << 16;

/// References in all of a function's maps: a function whose calls each have thousands in their frame would
/// take memory without bound.
pub(crate) const MAPPED_MAX: usize = 4 << 20;

/// Values that calls and blocks of a function take and leave: a call of two bytes may move a thousand.
pub(crate) const VALUES_MAX: usize = 4 << 20;

/// Loops of a function that can be entered at most: the VM keeps some 200 bytes for each, and a loop has three.
pub(crate) const WAYS_IN_MAX: usize = 1024;
