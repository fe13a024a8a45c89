//! What changes the code that compilers make: how memories lie, how guests are interrupted and metered.
//!
//! The VM that runs the code must agree, and all compilers whose code it runs together; what only changes its
//! speed is each compiler's own.

use dunlin_core::numeric::Relaxed;

/// How accesses of memories stay in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Bounds {
    /// Every access is compared with the memory's length.
    #[default]
    Explicit,
    /// Memories with 32-bit addresses reserve this much address space, which never moves, and accesses
    /// beyond their length fault. Others are compared.
    Guarded {
        /// Bytes from the memory's base on that are the memory's or fault: at least 4 GiB.
        reserved_bytes: u64,
        /// Bytes behind those that fault too.
        guard_bytes: u64,
    },
}

/// How running code notices that it is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Polls {
    /// It does not.
    Off,
    /// It compares a word of the store's with zero.
    #[default]
    Flag,
    /// It reads the store's poll page, which faults when the guest must stop.
    DeadLoad,
}

/// How code is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How accesses of memories stay in bounds.
    pub bounds: Bounds,
    /// How the code is interrupted.
    pub polls: Polls,
    /// Whether operators are charged against the store's fuel.
    pub fuel: bool,
    /// Whether every NaN that an operator makes has the same bits.
    pub canonical_nans: bool,
    /// Which results relaxed operators have. [`Relaxed::Fused`] needs a machine that fuses.
    pub relaxed: Relaxed,
    /// Whether bodies of small functions may stand in place of calls: off, every call leads to what the VM has
    /// for the function.
    pub inline: bool,
    /// Whether the code generator checks its own intermediate form: for tests, since it takes time.
    pub verify: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bounds: Bounds::default(),
            polls: Polls::default(),
            fuel: false,
            canonical_nans: false,
            relaxed: Relaxed::default(),
            inline: true,
            verify: false,
        }
    }
}
