//! Adapters: calls between components as core functions that are made for them, so that they tier up like any other.
//!
//! A lowered function whose callee is lifted by another component becomes a function of a core module that is made here. It
//! imports what the two sides have (memories, allocators, the core function, the instances' flags), checks and copies
//! values by itself, and asks the host for what only the host has: handles, and strings of two encodings.
//!
//! 1. Functions that are lowered one after the other, before any is used, are made as one module ([`Recipe`]), and an
//!    instance of the component has one instance of that.
//! 2. A module depends on the types, which are the template's, and on a recipe: which memories are one, how strings are
//!    encoded, which instances a call enters. It is made when a recipe is first seen, and kept with the template.
//! 3. What is not covered is lowered to a function of the host's, which runs the same [programs](crate::abi::program):
//!    [`covers`] is the rule.
//!
//! The flags of an instance are one global of the store's, as soon as an adapter needs them ([`crate::state`]).

mod body;
mod helpers;
mod link;
mod module;
mod values;

pub(crate) use helpers::{Adapted, HELPERS};
pub(crate) use link::{Pending, link};

use crate::abi::program::{Program, Step};
use crate::func::Lifted;
use crate::limits::{ADAPTED_STEPS_MAX, ADAPTER_STEPS_MAX, ADAPTER_VARIANTS_MAX};
use crate::template::{Encoding, Options};
use crate::types::{FuncType, FuncTypeId, TypeTable};
use dunlin::Module;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// One side of an adapter, by indices of imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The global of the instance's flags.
    flags: u32,
    memory: Option<u32>,
    realloc: Option<u32>,
    encoding: Encoding,
}

/// What the code of one adapter depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Adapter {
    ty: FuncTypeId,
    caller: End,
    callee: End,
    func: u32,
    post_return: Option<u32>,
    /// Whether either side may throw exceptions, which are caught.
    catches: bool,
    /// Which of the recipe's `enters` are this adapter's.
    enters: (u32, u32),
}

/// A function that adapters import, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Import {
    /// One that is lifted as this type.
    Callee(FuncTypeId),
    Realloc,
    /// What cleans up after one of this type.
    PostReturn(FuncTypeId),
}

/// What the code of a module of adapters depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipe {
    adapters: Vec<Adapter>,
    /// Globals of the flags of instances that calls enter.
    enters: Vec<u32>,
    memories: u32,
    /// Globals of flags.
    globals: u32,
    funcs: Vec<Import>,
}

/// A module of adapters.
#[derive(Debug)]
pub(crate) struct Made {
    recipe: Recipe,
    /// Nothing if the engine does not take it: it may lack several memories.
    code: Option<Code>,
}

#[derive(Debug)]
struct Code {
    module: Module,
    /// The adapters, in the recipe's order.
    exports: Vec<dunlin::ModuleExport>,
    /// Which functions of the host's it imports, as bits.
    helpers: u32,
}

/// The modules that have been made for what follows one definition.
#[derive(Debug, Default)]
pub(crate) struct Variants {
    /// The first, which is the only one as a rule.
    first: OnceLock<Arc<Made>>,
    more: Mutex<Vec<Arc<Made>>>,
}

impl Variants {
    /// How many there are.
    pub(crate) fn modules(&self) -> usize {
        let more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
        let made = self.first.get().into_iter().chain(more.iter());
        made.filter(|made| made.code.is_some()).count()
    }

    /// The module of a recipe, which is made if there is none; `None` if there are too many.
    fn get(&self, recipe: &Recipe, make: impl FnOnce() -> Made) -> Option<Arc<Made>> {
        let mut make = Some(make);
        let mut made = || Arc::new(make.take().expect("it is made once")());
        let first = self.first.get_or_init(&mut made);
        if first.recipe == *recipe {
            return Some(first.clone());
        }
        let mut more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = more.iter().find(|found| found.recipe == *recipe) {
            return Some(found.clone());
        }
        if more.len() >= ADAPTER_VARIANTS_MAX {
            return None;
        }
        more.push(made());
        more.last().cloned()
    }
}

/// Whether a call has an adapter. Those of asynchronous functions have not, those of components to which the host
/// passes core modules (whose functions' types are looked at elsewhere), those where either side has a context of
/// its own for each call, and those of types that are too large.
pub(crate) fn covers(types: &TypeTable, ty: FuncTypeId, options: &Options, to: &Lifted) -> bool {
    !options.is_async
        && !to.is_async
        && types.adaptable
        && to.ty.types.adaptable
        && types.func(ty).adapted(types)
}

impl FuncType {
    /// Whether there is to be an adapter for calls of this type.
    fn adapted(&self, types: &TypeTable) -> bool {
        *self.adapted.get_or_init(|| {
            let Ok((params, result)) = self.programs(types) else { return false };
            let steps = [params, result].into_iter().map(steps).sum::<Option<usize>>();
            let Some(steps) = steps.filter(|steps| *steps <= ADAPTER_STEPS_MAX) else {
                return false;
            };
            let before = types.adapted.fetch_add(steps, Ordering::Relaxed);
            before.saturating_add(steps) <= ADAPTED_STEPS_MAX
        })
    }
}

/// How many steps a program has; `None` if it has one that no adapter does.
fn steps(program: &Program) -> Option<usize> {
    let mut steps = program.blocks.iter().flatten();
    steps.try_fold(0_usize, |sum, step| match step {
        Step::Async(_) => None,
        Step::Variant(_, choice) => Some(sum + 1 + choice.cases.len()),
        _ => Some(sum + 1),
    })
}
