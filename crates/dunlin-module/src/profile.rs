//! What is known of how a module's functions have run: a *profile*, which guides the optimising compiler.
//!
//! Code that counts (`layout::vm_context::BUDGETS`) takes notes in the memory that `layout::vm_context::PROFILE` leads
//! to. A byte that stands for an operator of the module is 1 once control has got to what the operator says
//! (see [`Profile::is_reached`]); a *cell* ([`layout::cell`](crate::layout::cell)) says what an indirect call
//! has called most, or which type a cast has met. Compilers know where, never the memory.
//!
//! A profile is a guess at what will happen. Code that follows it does the same when the guess is wrong, and is
//! slower: whoever takes one from somewhere else need not believe it.

use alloc::collections::{BTreeMap, BTreeSet};

/// Calls of a function from which on it is believed that where control has not got it seldom gets. A function that is
/// in its first call may be about to get there.
pub const BELIEVED_CALLS_MIN: u32 = 30;

/// What is known of how a function has run. Offsets are in the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionProfile {
    /// How often it has been called, as far as that has been counted.
    pub calls: u32,
    /// What its calls have called most.
    pub targets: BTreeMap<u32, CallTarget>,
    /// What its tests and casts have met most.
    pub casts: BTreeMap<u32, CastType>,
    /// The operators to whose places control has got, if that has been observed for long enough to tell.
    pub reached: Option<BTreeSet<u32>>,
}

impl FunctionProfile {
    /// Whether control has got to the place of an operator, or may have.
    #[must_use]
    pub fn is_reached(&self, offset: u32) -> bool {
        self.reached.as_ref().is_none_or(|reached| reached.contains(&offset))
    }
}

/// What an indirect call has called most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallTarget {
    /// The function's index, imports first. It need not be one of the module's, or of the type that is called.
    pub func: u32,
    /// How many of a hundred calls went there, about.
    pub percent: u32,
}

/// The type that a test or cast has met most where it was below the one asked for, and not that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CastType {
    /// Its index in the module. It need not be below the other.
    pub ty: u32,
    /// How many of a hundred were of it, about.
    pub percent: u32,
}

/// What is known of how functions have run.
pub trait Profile: Sync {
    /// How often a function has been called, as far as that has been counted.
    fn calls(&self, func: u32) -> u32;

    /// Whether control has got to an operator's place, which has this offset in the module, or may have. The place of
    /// a `br_if` or one of its like is behind it; that of an `if` or `else`, the beginning of its part; that of an
    /// `end`, behind it.
    fn is_reached(&self, func: u32, offset: u32) -> bool;

    /// What the indirect call or call by reference at this offset in the module has called most.
    fn target(&self, offset: u32) -> Option<CallTarget>;

    /// What the test or cast at this offset in the module has met most.
    fn cast(&self, offset: u32) -> Option<CastType>;

    /// Where code takes notes of the call, test or cast at this offset in the module: bytes from what
    /// `layout::vm_context::PROFILE` leads to. `None` if it need not.
    fn cell(&self, offset: u32) -> Option<i32>;
}
