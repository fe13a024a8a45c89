//! Execution: the registers, the handlers, and the two ways in which handlers follow each other.
//!
//! 1. [`enter`] copies the arguments to the value stack, writes a frame record whose return address is
//!    the pseudo-operator [`EXIT`](pseudo::EXIT), and runs the first operator.
//! 2. Each handler ([`Op::run`]) is a safe function from registers to a [`Step`]: go on with the next
//!    operator, go to another handler, or leave.
//! 3. A *backend* makes something callable of a handler and performs its steps: [`tail`] by jumping,
//!    [`looped`] by returning to a loop.

#![allow(unsafe_code, reason = "the interpreter's registers are raw pointers; see `regs`")]

mod atomic;
mod bulk;
mod call;
mod control;
mod counting;
mod dispatch;
mod exception;
mod fused;
mod locals;
mod memory;
mod native;
mod numeric;
mod objects;
mod regs;
mod simd;

#[cfg(dunlin_dispatch = "loop")]
mod looped;
#[cfg(dunlin_dispatch = "loop")]
use looped as backend;
#[cfg(dunlin_dispatch = "tail")]
mod tail;
#[cfg(dunlin_dispatch = "tail")]
use tail as backend;

pub(crate) use backend::{Handler, handler};

use crate::Metering;
use core::sync::atomic::Ordering;
use dunlin_core::TrapCode;
use dunlin_core::limits::HOST_REENTRY_DEPTH_MAX;
use dunlin_module::side::pseudo;
use dunlin_vm::context::StoreContext;
use dunlin_vm::crossing::{Running, Target};
use dunlin_vm::ops::{self, Stop};
use dunlin_vm::roots::OuterPlace;
use dunlin_vm::{Failure, Store, Trap};
use regs::Regs;

/// Whether handlers meter fuel. Two copies of every handler are cheaper than a test in each.
pub(crate) trait Mode: Copy + 'static {
    /// Whether operators cost fuel.
    const FUEL: bool;
}

/// Operators are free.
#[derive(Clone, Copy)]
pub(crate) struct Unmetered;
/// Operators cost fuel.
#[derive(Clone, Copy)]
pub(crate) struct Metered;

impl Mode for Unmetered {
    const FUEL: bool = false;
}

impl Mode for Metered {
    const FUEL: bool = true;
}

/// The handler of one operator, or the slow part of one.
pub(crate) trait Op {
    /// Fuel that it costs in metered mode.
    const COST: u8 = 0;

    /// Executes the operator: `r.ip` is behind its opcode.
    fn run<M: Mode>(r: Regs) -> Step<M>;
}

/// What follows a handler.
pub(crate) enum Step<M: Mode> {
    /// The operator at `ip`.
    Next(Regs),
    /// Another handler, with `ip` where this one was entered or where it says.
    Go(Handler<M>, Regs),
    /// The end of this activation of the interpreter.
    Exit(Exit),
}

/// How the interpreter was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Exit {
    /// The function that the host called has returned.
    Return = 0,
    /// The guest trapped, or the host failed; the store knows how.
    Failed = 1,
}

/// What the host's frame returns to.
static EXIT_CODE: [u8; 2] = [pseudo::EXIT, 0];

/// Restores what an activation changes in the store's context, also when a host function panics.
struct Activation {
    context: *mut StoreContext,
    stack_top: *mut u64,
    outer: *mut Store,
    _running: Running,
}

impl Drop for Activation {
    fn drop(&mut self) {
        // SAFETY: the store outlives the activation, which borrows it.
        let context = unsafe { &mut *self.context };
        context.stack_top = self.stack_top;
        context.store = self.outer;
        context.depth -= 1;
    }
}

/// See [`crate::call`].
pub(crate) fn enter(
    store: &mut Store,
    func: u32,
    slots: &mut [u64],
    metering: Metering,
) -> Result<(), Failure> {
    let record = store.func(func).expect("the function is of this store");
    assert!(slots.len() >= record.params.max(record.results) as usize, "slots for both lists");
    let target = Target { cx: record.cx, entry: record.entry, func: record.index };
    if let Some(bug) = store.bug() {
        return Err(Failure::Bug(bug.into(), Default::default()));
    }
    let stack_top = store.stack_top().map_err(trap)?;
    let context = store.context();
    let store: *mut Store = store;
    // SAFETY: the context lives as long as the store, which is borrowed exclusively; from here on the
    // store is used through `store` only.
    let activation = unsafe {
        let outer = core::mem::replace(&mut (*context).store, store);
        (*context).depth += 1;
        Activation { context, stack_top, outer, _running: Running::new() }
    };
    // SAFETY: as above.
    if unsafe { (*context).depth } > HOST_REENTRY_DEPTH_MAX {
        return Err(trap(TrapCode::StackOverflow));
    }
    let slots = slots.as_mut_ptr();
    let result = if target.entry.is_null() {
        let null = core::ptr::null_mut();
        // SAFETY: the store is entered; the host's own slots are passed on.
        unsafe { ops::call_host(null, context, target.func, slots, stack_top) }
    } else {
        match metering {
            // SAFETY: the store is entered; the target is what the record says, and there are slots for
            // both of its lists.
            Metering::Off => unsafe { run_guest::<Unmetered>(stack_top, target, slots, slots) },
            // SAFETY: as above.
            Metering::Fuel => unsafe { run_guest::<Metered>(stack_top, target, slots, slots) },
        }
    };
    drop(activation);
    result.map_err(|stop| {
        // SAFETY: the activation is over, and `store` comes from the caller's reference.
        let store = unsafe { &mut *store };
        if let Stop::Trap(code) = stop {
            // SAFETY: as for `store`. A trap that no handler has noted happened before the first one.
            unsafe { (*context).exit.code = code };
        }
        store.failure_of_exit()
    })
}

fn trap(code: TrapCode) -> Failure {
    let trap = Trap { code, frames: Default::default(), invalid: None };
    Failure::Trap(trap.into())
}

/// Runs a function for compiled code: an [`Interpret`](dunlin_vm::crossing::Interpret).
///
/// # Errors
///
/// As there.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn interpret<M: Mode>(
    context: *mut StoreContext,
    target: Target,
    arguments: *const u64,
    results: *mut u64,
) -> Result<(), Stop> {
    // SAFETY: the context is that of an entered store; so for all below.
    let mut top = unsafe { (*context).stack_top };
    if top.is_null() {
        // SAFETY: the store was entered through an exclusive reference, from which this pointer comes.
        top = unsafe { &mut *(*context).store }.stack_top()?;
    }
    // SAFETY: the caller's promise.
    let result = unsafe { run_guest::<M>(top, target, arguments, results) };
    if result.is_err() {
        // SAFETY: as above.
        unsafe { &mut *(*context).store }.note_frames();
    }
    result
}

/// Runs a guest's function, on the value stack from `top` on.
///
/// # Safety
///
/// The store of the target's instance is entered, and has a value stack that is free from `top` on; the
/// slots are as many as the function's lists need.
#[inline]
unsafe fn run_guest<M: Mode>(
    top: *mut u64,
    target: Target,
    arguments: *const u64,
    results: *mut u64,
) -> Result<(), Stop> {
    // SAFETY: a guest's function has a record, which lives as long as its module.
    let entry = unsafe { &*target.entry };
    if entry.ip.load(Ordering::Acquire).is_null() {
        // SAFETY: the store is entered; the index is of the instance's module.
        unsafe { ops::prepare(target.cx, target.func) }?;
    }
    // A slot is left free: the caller of a function without results looks at the one below it.
    let fp = top.wrapping_add(1);
    regs::check_frame(target.cx, fp, entry.frame.load(Ordering::Relaxed))?;
    let params = entry.params.load(Ordering::Relaxed) as usize;
    // SAFETY: the frame lies within the stack, as just checked, and the arguments are its first slots.
    unsafe { core::ptr::copy_nonoverlapping(arguments, fp, params) };
    // SAFETY: as above; the function is prepared.
    let regs = unsafe { Regs::from_host(entry, target.cx, fp, EXIT_CODE.as_ptr()) };
    // SAFETY: the store is entered, and its context alive; so for both below.
    let outer = unsafe { OuterPlace::of((*target.cx).store) };
    // SAFETY: as above; the place stays where it is until the activation has ended.
    unsafe { outer.begin((*target.cx).store) };
    let exit = backend::run::<M>(regs);
    // SAFETY: as above.
    unsafe { outer.end((*target.cx).store) };
    if exit == Exit::Failed {
        // The handler that failed has noted why; `code` is what it noted.
        // SAFETY: the contexts are alive.
        return Err(unsafe { Stop::noted((*target.cx).store) });
    }
    let count = entry.results.load(Ordering::Relaxed) as usize;
    // SAFETY: the function has left its results where its parameters began.
    unsafe { core::ptr::copy_nonoverlapping(fp, results, count) };
    Ok(())
}
