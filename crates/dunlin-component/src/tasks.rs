//! Tasks: calls of functions that are lifted asynchronously.
//!
//! Such a function gives its result by calling `task.return` while it runs. What there is of the model's asynchronous half is
//! this much: a task that does not wait. One that would is a trap.

use crate::abi::fuse::{FlatFrom, FlatTo, Fuse, InMemory};
use crate::abi::lift::{Cx, From};
use crate::abi::side::{AREA, Peer, Side};
use crate::call::{WORDS, check_leave, end, enter, leave};
use crate::func::{FuncItem, Lifted, lifted};
use crate::lowered::Lowered;
use crate::matching::same_types;
use crate::resource::{begin_scope, check_scope, end_scope};
use crate::state::state;
use crate::template::Encoding;
use crate::trap::{asynchronous, contained, trap};
use crate::types::{TypeId, TypeTable};
use crate::val::Val;
use dunlin::{AsContextMut, ErrorKind, Func, FuncType, Memory, Result, StoreContextMut};
use std::sync::Arc;

/// The bits of a callback's code that say what is to be done next; 0 is to end.
const CODE: u64 = 0xf;

/// A call that has not ended.
pub(crate) struct Task<T: 'static> {
    instance: u32,
    callee: Arc<FuncItem<T>>,
    scope: Option<u32>,
    has_returned: bool,
    to: Destination<T>,
}

/// Where a task's result goes.
pub(crate) enum Destination<T: 'static> {
    /// To the component that called: where it wants it in memory, or the flat value.
    Component {
        caller: Arc<Lowered<T>>,
        place: u32,
        word: u64,
    },
    Host(Option<Val>),
    /// It is on its way.
    Nowhere,
}

/// Runs a task to its end; its result is where it was to go.
pub(crate) fn run<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    callee: &Arc<FuncItem<T>>,
    lifted: &Lifted,
    (to, scope): (Destination<T>, Option<u32>),
    words: &mut [u64; WORDS],
) -> Result<Destination<T>> {
    let (instance, callee) = (lifted.side.instance, callee.clone());
    let tasks = &mut state(store).tasks;
    let place = tasks.len();
    tasks.push(Task { instance, callee, scope, has_returned: false, to });
    let called = lifted.func.call(store.as_context_mut(), words).map_err(contained);
    // Tasks within it have ended too, by failing.
    let ended = state(store).tasks.drain(place..).next();
    called?;
    if lifted.has_callback && words[0] & CODE != 0 {
        return Err(asynchronous("a task that waits"));
    }
    match ended {
        Some(task) if task.has_returned => Ok(task.to),
        _ => Err(trap("async-lifted export failed to produce a result")),
    }
}

/// Calls a function that is lifted asynchronously from the host.
pub(crate) fn call_from_host<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    callee: &Arc<FuncItem<T>>,
    lifted: &Lifted,
    lower: impl FnOnce(&mut Cx<'_, '_, T>, &mut [u64; WORDS]) -> Result<()>,
) -> Result<Option<Val>> {
    let context = enter(store, &lifted.from_host)?;
    let scope = lifted.ty.get().lends.then(|| begin_scope(store));
    let mut words = [0; WORDS];
    let lowered = lower(&mut Cx::new(store, &lifted.side, &lifted.ty.types, scope), &mut words);
    let result = match lowered {
        Ok(()) => run(store, callee, lifted, (Destination::Host(None), scope), &mut words),
        Err(error) => {
            // The guest is not to blame for arguments that are not of its types.
            if error.kind() == ErrorKind::Usage {
                leave(store, &lifted.from_host, context)?;
            }
            Err(error)
        }
    };
    if let Some(scope) = scope {
        end_scope(store, scope);
    }
    match end(store, &lifted.from_host, context, result)? {
        Destination::Host(value) => Ok(value),
        _ => Ok(None),
    }
}

/// `task.return` of an instance, with this type and these options.
pub(crate) struct Returns {
    pub(crate) instance: u32,
    pub(crate) types: Arc<TypeTable>,
    pub(crate) result: Option<TypeId>,
    pub(crate) memory: Option<Memory>,
    pub(crate) encoding: Encoding,
}

impl Returns {
    /// Makes the core function.
    pub(crate) fn func<T: 'static>(
        self,
        store: &mut StoreContextMut<'_, T>,
        core: &FuncType,
    ) -> Result<Func> {
        Func::new_numeric(store.as_context_mut(), core.clone(), move |mut caller, words| {
            self.call(&mut caller.as_context_mut(), words)
        })
    }

    fn call<T: 'static>(&self, store: &mut StoreContextMut<'_, T>, words: &[u64]) -> Result<()> {
        check_leave(store, self.instance)?;
        let task = state(store).tasks.last_mut().filter(|task| task.instance == self.instance);
        let Some(task) = task else { return Err(wrong()) };
        let (callee, scope) = (task.callee.clone(), task.scope);
        let lifted = lifted(&callee)?;
        // A result that needs no memory is lifted the same with any.
        let options = |side: &Side| (side.memory, side.encoding);
        let is_same = same_types(&self.types, lifted.ty.get().result, self.result)
            && (self.memory.is_none() || options(&lifted.side) == (self.memory, self.encoding));
        if !is_same {
            return Err(wrong());
        }
        if std::mem::replace(&mut task.has_returned, true) {
            return Err(trap(
                "`task.return` or `task.cancel` called more than once for current task",
            ));
        }
        let mut to = std::mem::replace(&mut task.to, Destination::Nowhere);
        match &mut to {
            Destination::Component { caller, place, word } => {
                pass(store, lifted, (caller, *place, word), scope, words)?;
            }
            Destination::Host(value) => *value = lift(store, lifted, scope, words)?,
            Destination::Nowhere => {}
        }
        if let Some(scope) = scope {
            check_scope(store, scope)?;
        }
        if let Some(task) = state(store).tasks.last_mut() {
            task.to = to;
        }
        Ok(())
    }
}

#[cold]
fn wrong() -> dunlin::Error {
    trap("invalid `task.return` signature and/or options for current task")
}

/// Passes a result on to the component that called.
fn pass<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    lifted: &Lifted,
    (caller, place, word): (&Lowered<T>, u32, &mut u64),
    scope: Option<u32>,
    words: &[u64],
) -> Result<()> {
    let (ty, from, to) = (caller.ty.get(), &lifted.side, &caller.side);
    let Some(result) = ty.result else { return Ok(()) };
    let program = ty.returned(&caller.ty.types)?;
    let node = caller.ty.types.node(result);
    let source = words.first().copied().unwrap_or(0) as u32;
    if program.in_memory {
        from.range(store, (source, node.size.into()), node.align, AREA)?;
    }
    if caller.shape.result_in_memory {
        to.check_lowered(store, place, node.align, node.size, AREA)?;
    }
    let mut fuse = Fuse { store, from, to, speaks: to, program, scope };
    match (program.in_memory, caller.shape.result_in_memory) {
        (true, _) => fuse.pass(InMemory(source), InMemory(place)),
        (false, true) => fuse.pass(FlatFrom::new(words), InMemory(place)),
        (false, false) => fuse.pass(FlatFrom::new(words), FlatTo::new(std::slice::from_mut(word))),
    }
}

/// Lifts a result for the host.
fn lift<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    lifted: &Lifted,
    scope: Option<u32>,
    words: &[u64],
) -> Result<Option<Val>> {
    let Some(result) = lifted.ty.get().result else { return Ok(None) };
    let node = lifted.ty.types.node(result);
    let mut cx = Cx::new(store, &lifted.side, &lifted.ty.types, scope);
    if node.core.is_some() {
        return cx.lift(result, From::Flat(words)).map(Some);
    }
    let pointer = words.first().copied().unwrap_or(0) as u32;
    let range = (pointer, u64::from(node.size));
    cx.side.range(cx.store, range, node.align, Peer::Host)?;
    cx.lift(result, From::Memory(pointer)).map(Some)
}
