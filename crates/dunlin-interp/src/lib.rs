//! The portable interpreter: executes the original bytes in place, with a side table.
//!
//! Nothing is translated: handlers read operators where the module's bytes lie, and branches find their
//! targets in a side table that validation has built ([`dunlin_module::side`]). Handlers reach each
//! other by sibling calls, which compilers that optimise turn into jumps; elsewhere a loop calls the
//! same handlers ([`Dispatch`]). Guest-to-guest calls use the store's value stack only: no native
//! stack, no allocation.
//!
//! Invariants: handlers run only on bodies that validation has accepted; whatever a handler cannot do
//! quickly it leaves, unchanged, to a slow one.
//!
//! Does **not** know: compilers, the embedding API.
//!
//! # Unsafe
//!
//! Only `exec/` is unsafe, and within it `exec/regs.rs` holds nearly all of it: the interpreter's
//! registers, whose methods trust validated code.

// A macro takes the numeric rows one by one.
#![recursion_limit = "256"]
#![cfg_attr(not(feature = "std"), no_std)]

mod exec;

use dunlin_vm::crossing::Interpret;
use dunlin_vm::{Failure, Store};

/// Whether an execution is metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Metering {
    /// Operators are free.
    #[default]
    Off,
    /// Every operator costs what `dunlin_core::operators` says; the store's fuel pays.
    Fuel,
}

/// How handlers reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// By sibling calls, compiled to jumps.
    Tail,
    /// Through a loop.
    Loop,
}

/// How handlers of this build reach each other.
pub const DISPATCH: Dispatch =
    if cfg!(dunlin_dispatch = "tail") { Dispatch::Tail } else { Dispatch::Loop };

/// Calls the function that `func` refers to, a guest's or the host's.
///
/// `slots` holds the arguments from its first slot on and receives the results; it is as long as the
/// larger of the two lists. The store's owner must have been set ([`Store::set_owner`]).
///
/// # Errors
///
/// If the guest traps, a host function that it calls fails, or a limit reports a failure.
///
/// # Panics
///
/// If `func` is not a function of the store, or `slots` is too short for it.
pub fn call(
    store: &mut Store,
    func: u32,
    slots: &mut [u64],
    metering: Metering,
) -> Result<(), Failure> {
    exec::enter(store, func, slots, metering)
}

/// What runs single functions for compiled code; a store is given it by
/// [`Store::set_interpret`].
#[must_use]
pub fn interpret(metering: Metering) -> Interpret {
    match metering {
        Metering::Off => exec::interpret::<exec::Unmetered>,
        Metering::Fuel => exec::interpret::<exec::Metered>,
    }
}
