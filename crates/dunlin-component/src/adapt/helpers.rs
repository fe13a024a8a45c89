//! What adapters ask the host for: traps, handles, and strings of two encodings or not of ASCII alone.

use crate::abi::side::{STRING, Side};
use crate::abi::strings;
use crate::func::{FuncItem, lifted};
use crate::resource;
use crate::state::state;
use crate::trap::{THROWN, trap};
use crate::types::Var;
use dunlin::{AsContextMut, Func, FuncType, Result, StoreContextMut, ValType};
use std::sync::Arc;

/// Why an adapter traps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    Leave,
    Enter,
    Char,
    Case,
    Unaligned,
    String,
    List,
    Area,
    Thrown,
}

impl Why {
    const ALL: [(Self, &str); 9] = [
        (Self::Leave, "cannot leave component instance"),
        (Self::Enter, "cannot enter component instance"),
        (Self::Char, "invalid `char` bit pattern"),
        (Self::Case, "invalid variant discriminant"),
        (Self::Unaligned, "unaligned pointer"),
        (Self::String, "string content out-of-bounds"),
        (Self::List, "list content out-of-bounds"),
        (Self::Area, "pointer not aligned or out of bounds of memory"),
        (Self::Thrown, THROWN),
    ];
}

/// A function of the host's that adapters call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Helper {
    /// Traps, for a reason.
    Fail,
    /// Checks that a string is UTF-8: passing, pointer, length.
    Utf8,
    /// Passes a string: passing, pointer, length; pointer and length.
    Text,
    /// Passes a handle that is owned: passing, resource type, index; index.
    Own,
    /// Lends a handle: passing, resource type, index, call; index.
    Borrow,
    /// Begins a call that lends handles; the call.
    Begin,
    /// Checks that a callee has dropped what was lent to it: the call.
    Check,
    /// Ends such a call.
    End,
}

/// All of them, in the order in which they are imported.
pub(crate) const HELPERS: [Helper; 8] = [
    Helper::Fail,
    Helper::Utf8,
    Helper::Text,
    Helper::Own,
    Helper::Borrow,
    Helper::Begin,
    Helper::Check,
    Helper::End,
];

impl Helper {
    /// Those that are told which passing it is.
    pub(super) const NUMBERED: u32 =
        Self::Utf8.bit() | Self::Text.bit() | Self::Own.bit() | Self::Borrow.bit();

    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// How many numbers it takes and gives.
    pub(super) fn ty(self) -> (usize, usize) {
        match self {
            Self::Fail | Self::Check | Self::End => (1, 0),
            Self::Utf8 => (3, 0),
            Self::Text => (3, 2),
            Self::Own => (3, 1),
            Self::Borrow => (4, 1),
            Self::Begin => (0, 1),
        }
    }

    /// This function in a store, where it is made once.
    pub(super) fn func<T: 'static>(self, store: &mut StoreContextMut<'_, T>) -> Result<Func> {
        let place = self as usize;
        if let Some(made) = state(store).helpers[place] {
            return Ok(made);
        }
        let (params, results) = self.ty();
        let ty = FuncType::new(vec![ValType::I32; params], vec![ValType::I32; results]);
        let made = Func::new_numeric(store.as_context_mut(), ty, move |mut caller, words| {
            self.run(&mut caller.as_context_mut(), words)
        })?;
        state(store).helpers[place] = Some(made);
        Ok(made)
    }

    fn run<T: 'static>(self, store: &mut StoreContextMut<'_, T>, words: &mut [u64]) -> Result<()> {
        let word = |at: usize| words.get(at).copied().unwrap_or(0) as u32;
        let first = match self {
            Self::Fail => return Err(fail(word(0))),
            Self::Utf8 => {
                let adapted = adapted(store, word(0))?;
                let (from, _) = adapted.sides(word(0))?;
                let found = strings::find(store, from, (word(1), word(2)), STRING)?;
                strings::charge(store, found.range.len())?;
                return strings::check(store, from, &found);
            }
            Self::Text => {
                let adapted = adapted(store, word(0))?;
                let ends = adapted.sides(word(0))?;
                let found = strings::find(store, ends.0, (word(1), word(2)), STRING)?;
                let (pointer, len) = strings::pass(store, ends, &found, STRING)?;
                if let Some(second) = words.get_mut(1) {
                    *second = len.into();
                }
                pointer
            }
            Self::Own => {
                let adapted = adapted(store, word(0))?;
                let (from, to) = adapted.sides(word(0))?;
                let ty = adapted.caller.resource(Var(word(1)))?;
                let rep = resource::lift_own(store, from.instance, word(2), ty)?;
                resource::lower_own(store, to.instance, rep, ty)?
            }
            Self::Borrow => {
                let adapted = adapted(store, word(0))?;
                let (from, to) = adapted.sides(word(0))?;
                let (ty, scope) = (adapted.caller.resource(Var(word(1)))?, word(3));
                let rep = resource::lift_borrow(store, from.instance, word(2), ty, scope)?;
                resource::lower_borrow(store, to.instance, rep, ty, scope)?
            }
            Self::Begin => resource::begin_scope(store),
            Self::Check => return resource::check_scope(store, word(0)),
            Self::End => {
                resource::end_scope(store, word(0));
                return Ok(());
            }
        };
        if let Some(place) = words.first_mut() {
            *place = first.into();
        }
        Ok(())
    }
}

#[cold]
fn fail(why: u32) -> dunlin::Error {
    trap(Why::ALL.get(why as usize).map_or("a defect of an adapter", |(_, text)| text))
}

/// What the host knows of an adapter.
pub(crate) struct Adapted<T: 'static> {
    pub(crate) caller: Side,
    pub(crate) callee: Arc<FuncItem<T>>,
}

impl<T: 'static> Adapted<T> {
    /// Where values come from in a passing, and where they go: even ones are of parameters.
    fn sides(&self, passing: u32) -> Result<(&Side, &Side)> {
        let (caller, callee) = (&self.caller, &lifted(&self.callee)?.side);
        Ok(if passing.is_multiple_of(2) { (caller, callee) } else { (callee, caller) })
    }
}

/// The adapter of a passing.
fn adapted<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    passing: u32,
) -> Result<Arc<Adapted<T>>> {
    let found = state(store).adapted.get((passing / 2) as usize).cloned();
    found.ok_or_else(|| trap("a defect of an adapter"))
}

#[cfg(test)]
mod tests {
    use super::{HELPERS, Why};

    #[test]
    fn numbers_are_places() {
        assert!(Why::ALL.iter().enumerate().all(|(at, (why, _))| at == *why as usize));
        assert!(HELPERS.iter().enumerate().all(|(at, helper)| at == *helper as usize));
    }
}
