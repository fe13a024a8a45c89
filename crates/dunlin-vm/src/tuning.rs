//! Numbers that change how fast things are, never what they mean.

/// For how long nobody looks again who is in code that has been replaced. A look takes some microseconds of every thread of
/// the process; a start that replaces two thousand functions within 0.2 s made 5,500 of them, and what is free a moment
/// later is free early enough.
#[cfg(feature = "native")]
pub(crate) const RECLAIM_MICROSECONDS: u64 = 4000;

/// Pages of a memory that are reset by writing them. Writing 16 pages takes 1.4 µs, giving them back and
/// faulting them in again 18 µs; from about 64 on the one call for all of them is the cheaper, and a
/// free slot should not keep more of the machine's memory than that.
pub(crate) const RESET_PAGES_MAX: usize = 64;

/// Bytes of an image that a dense memory of a pool copies: a mapping of its own would cost more, and the
/// kernel has few (65,530 a process, unless told otherwise).
pub(crate) const IMAGE_COPIED_BYTES_MAX: usize = 64 << 10;

/// Bytes at the bottom of a value stack that are cleared by writing when it goes to another store. A
/// stack of which more was used is given back to the kernel instead.
pub(crate) const STACK_CLEARED_BYTES: usize = 4096;

/// Function references of an instance that are found by looking at all of them; more get an array of
/// the size of the module.
pub(crate) const FUNC_REFS_SEARCHED_MAX: usize = 16;

/// Functions in a module's tables from which on their records are left to the next instance. Writing a
/// record takes 1 ns; to take over what another store has left, 40.
pub(crate) const FUNCS_KEPT_MIN: usize = 64;

/// Instances of a module whose records are kept: as many as come and go at a time on a few cores.
pub(crate) const RECORDS_KEPT_MAX: usize = 8;

/// Bytes of records that are kept for a module.
pub(crate) const RECORDS_KEPT_BYTES_MAX: usize = 256 << 10;

/// Functions of the host's that a store finds by looking at all of them, from the first on; the others are in a map.
/// A store with a single instance of few imports should not make one.
pub(crate) const HOSTS_SEARCHED_MAX: usize = 16;

/// Guarded memories of an engine without a pool that are used again. Reserving, opening and giving back
/// the address space of one takes the kernel 10 µs; more of them would keep memory that nobody asked for.
pub(crate) const SPARE_SLOTS: u32 = 16;

/// Imported functions of a store that are looked at again when functions have got code: in stores with more, ways out stay.
#[cfg(feature = "native")]
pub(crate) const RELINKED_IMPORTS_MAX: usize = 1 << 14;

/// What stores of a plan leave to the next ones is kept of so many at most: as many as may begin at once.
pub(crate) const PLANS_KEPT_MAX: usize = 16;

/// Bytes that are kept so of each plan.
pub(crate) const PLANS_KEPT_BYTES_MAX: usize = 256 << 10;
