//! Where exceptions are caught: the table that is asked when something is thrown, and by nobody else.
//!
//! A *region* is the part of a body in which a `try_table` or `try` catches. Regions nest as the blocks do,
//! and stand in the order of their starts, so that the innermost one that holds an operator is found by
//! one search and a walk outwards. Its *clauses* are a list in their order, each with what a branch needs that
//! drops all operands above a height. So a block that catches costs nothing unless something is thrown.
//!
//! Offsets count from the body's first byte, in the original and in its private copy alike.

use alloc::vec::Vec;

/// Ends a list of clauses, and is outside of all regions.
pub(crate) const NONE: u32 = u32::MAX;

/// A part of a body in which exceptions are caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// From the first byte that belongs to it to the one behind the last.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The region around it.
    pub(crate) parent: u32,
    /// Which region is asked next: the one around it, unless it delegates.
    pub(crate) outer: u32,
    /// Its first clause.
    pub(crate) first: u32,
}

/// What catches in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The tag of what is caught, as an index of the module's; `None` catches all.
    pub tag: Option<u32>,
    /// Whether a reference to the exception is pushed behind what it carries.
    pub gives_reference: bool,
    /// The slot of the locals that keeps the exception, for a `rethrow`.
    pub kept_in: Option<u32>,
    /// Slots of the operand stack that stay.
    pub height: u32,
    /// Where execution goes on.
    pub at: u32,
    /// The side table's next word there.
    pub word: u32,
    pub(crate) next: u32,
}

/// What a function's body catches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handlers {
    pub(crate) regions: Vec<Region>,
    pub(crate) clauses: Vec<Clause>,
}

impl Handlers {
    /// Whether nothing is caught.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// The clauses that are asked when the operator that holds the byte at `at` throws, in their order.
    pub fn clauses(&self, at: u32) -> impl Iterator<Item = &Clause> {
        let after = self.regions.partition_point(|region| region.start <= at);
        let last = after.checked_sub(1).map_or(NONE, |index| index as u32);
        let (mut region, mut clause) = (self.around(last, at), NONE);
        core::iter::from_fn(move || {
            while clause == NONE {
                let of = self.regions.get(region as usize)?;
                (region, clause) = (of.outer, of.first);
            }
            let found = &self.clauses[clause as usize];
            clause = found.next;
            Some(found)
        })
    }

    /// The innermost region that holds the byte at `at`, from one that may end before it outwards.
    fn around(&self, mut region: u32, at: u32) -> u32 {
        while let Some(of) = self.regions.get(region as usize).filter(|of| of.end <= at) {
            region = of.parent;
        }
        region
    }
}
