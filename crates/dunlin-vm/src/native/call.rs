//! Entering compiled code from the host.

use super::{fault, isa};
use crate::context::{FuncRecord, StoreContext};
use crate::ops::{self, Stop};
use crate::sys;
use crate::walk::{BACKTRACE_FRAMES_MAX, Frame};
use crate::{Failure, Store, Trap};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use dunlin_core::TrapCode;
use dunlin_core::limits::HOST_REENTRY_DEPTH_MAX;
use dunlin_module::Unit;

/// Bytes of a thread's stack that compiled code leaves to the host functions that it calls, and to
/// signal handlers where a thread has no stack of its own for them.
const HOST_STACK_BYTES: usize = 128 << 10;

/// The part of a small stack that is left instead.
const HOST_STACK_SHARE: usize = 4;

/// Bytes that compiled code may use of a stack whose bounds are not known.
const UNKNOWN_STACK_BYTES: usize = 32 << 10;

/// Restores what an entry changes, also when a host function panics.
struct Entry {
    context: *mut StoreContext,
    outer_store: *mut Store,
    outer_current: *mut StoreContext,
    outer_sp: usize,
    outer_limit: usize,
}

impl Entry {
    /// # Safety
    ///
    /// `store` is borrowed exclusively for as long as the entry lives, and used through this pointer.
    unsafe fn new(store: *mut Store) -> Self {
        // SAFETY: the caller's promise; so for all below.
        let context = unsafe { (*store).context() };
        // SAFETY: as above.
        let limit = native_limit(unsafe { (*store).stack_bytes });
        // SAFETY: as above.
        let outer_limit = unsafe { (*store).interrupts().set_native_limit(limit) };
        // SAFETY: as above.
        let of = unsafe { &mut *context };
        of.depth += 1;
        Self {
            context,
            outer_store: core::mem::replace(&mut of.store, store),
            outer_current: fault::set_current(context),
            outer_sp: of.native.entry_sp,
            outer_limit,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        fault::set_current(self.outer_current);
        // SAFETY: the store outlives the entry.
        let context = unsafe { &mut *self.context };
        context.depth -= 1;
        context.store = self.outer_store;
        context.native.entry_sp = self.outer_sp;
        // SAFETY: the record lives as long as the store.
        unsafe { &*context.interrupts }.set_native_limit(self.outer_limit);
    }
}

/// The address above which compiled code that is entered here must stay.
#[inline(never)]
fn native_limit(most: usize) -> usize {
    let here = 0_u8;
    let sp = (&raw const here) as usize;
    let lowest = match sys::native::stack_bounds() {
        Some(bounds) if bounds.contains(&sp) => {
            let size = bounds.end - bounds.start;
            bounds.start + HOST_STACK_BYTES.min(size / HOST_STACK_SHARE)
        }
        _ => sp.saturating_sub(UNKNOWN_STACK_BYTES),
    };
    lowest.max(sp.saturating_sub(most))
}

/// Calls the function that `func` refers to: a guest's, compiled or not, or the host's.
///
/// `slots` holds the arguments from its first slot on and receives the results; it is as long as the
/// larger of the two lists. The store's owner must have been set ([`Store::set_owner`]), and what runs
/// functions without native code ([`Store::set_interpret`]).
///
/// # Errors
///
/// If the guest traps, a host function that it calls fails, or a limit reports a failure.
///
/// # Panics
///
/// If `func` is not a function of the store, or `slots` is too short for it.
pub fn call(store: &mut Store, func: u32, slots: &mut [u64]) -> Result<(), Failure> {
    let record = store.func(func).expect("the function is of this store");
    assert!(slots.len() >= record.params.max(record.results) as usize, "slots for both lists");
    let Some((way_in, code)) = native_of(store, &record) else {
        return match store.interpret {
            Some(interpret) => interpret(store, func, slots),
            None => Err(trap(TrapCode::InvalidFunction)),
        };
    };
    if let Some(bug) = store.bug() {
        return Err(Failure::Bug(bug.into(), Vec::new()));
    }
    let store: *mut Store = store;
    // SAFETY: the store is borrowed exclusively, and used through `store` only from here on.
    let entry = unsafe { Entry::new(store) };
    let context = entry.context;
    // SAFETY: the context lives as long as the store.
    if unsafe { (*context).depth } > HOST_REENTRY_DEPTH_MAX {
        return Err(trap(TrapCode::StackOverflow));
    }
    // SAFETY: as above.
    let sp = unsafe { &raw mut (*context).native.entry_sp };
    // SAFETY: the way in is of the function's type, the code and the context are the function's, and
    // the slots are as many as both lists need.
    let left = unsafe { isa::enter(way_in, code, record.cx, slots.as_mut_ptr(), sp) };
    drop(entry);
    if left == 0 {
        return Ok(());
    }
    // SAFETY: the entry is over, and `store` comes from the caller's reference.
    Err(unsafe { &mut *store }.failure_of_native())
}

/// The way in and the code of a function that has native code.
fn native_of(store: &Store, record: &FuncRecord) -> Option<(usize, usize)> {
    if record.entry.is_null() {
        return None;
    }
    // SAFETY: a record's pointer to its code pointer is valid while the store lives.
    let code = unsafe { &*record.code }.load(Ordering::Acquire) as usize;
    // SAFETY: a guest's function has a context, which lives as long as the store.
    let module = store.instance_code(unsafe { (*record.cx).instance });
    let way_in = module.native()?.way_in(module.module().func_type_index(record.index));
    (code != 0 && way_in != 0).then_some((way_in, code))
}

fn trap(code: TrapCode) -> Failure {
    Failure::Trap(Box::new(Trap { code, frames: Vec::new(), invalid: None }))
}

impl Store {
    /// Notes why a call out of compiled code failed.
    pub(super) fn note_callee_failure(&mut self, failure: Failure) -> Stop {
        match failure {
            Failure::Trap(trap) => {
                self.frames = trap.frames;
                self.invalid = trap.invalid;
                Stop::Trap(trap.code)
            }
            Failure::Host(failure, frames) => {
                self.frames = frames;
                self.note_failure(failure);
                Stop::Host
            }
            // The store knows.
            Failure::Bug(_, frames) => {
                self.frames = frames;
                Stop::Host
            }
        }
    }

    /// The failure with which compiled code has just been left.
    fn failure_of_native(&mut self) -> Failure {
        let mut frames = core::mem::take(&mut self.frames);
        let context = self.context();
        // SAFETY: the context lives as long as the store, and no guest runs.
        let (code, native) = unsafe { ((*context).exit.code, &mut (*context).native) };
        let count = core::mem::take(&mut native.place_count);
        let places = native.places;
        for pc in &places[..count] {
            if frames.len() == BACKTRACE_FRAMES_MAX {
                break;
            }
            frames.extend(self.frame_at(*pc));
        }
        if let Some(bug) = self.bug() {
            return Failure::Bug(bug.into(), frames);
        }
        if let Some(failure) = self.take_failure() {
            return Failure::Host(failure, frames);
        }
        let invalid = self.invalid.take();
        Failure::Trap(Box::new(Trap { code, frames, invalid }))
    }

    /// The frame of compiled code at `pc`; of a module's instances the first stands for all.
    fn frame_at(&self, pc: usize) -> Option<Frame> {
        self.instances.iter().enumerate().find_map(|(instance, of)| {
            let place = of.code().native()?.place(pc)?;
            let Unit::Func(func) = place.unit else { return None };
            let body = of.code().module().body_range(func)?;
            let offset = place.offset.map_or(body.start, |offset| offset as usize);
            Some(Frame { instance: instance as u32, func, offset })
        })
    }
}

/// Calls the function of a reference for compiled code, which has found no native code for it or may
/// not look.
///
/// # Safety
///
/// As for the builtins: `context` is of a store that is entered, `caller` the running instance's, and
/// `slots` are as many as the function's lists need.
pub(super) unsafe fn call_out(
    caller: *mut crate::context::VmContext,
    reference: u32,
    slots: *mut u64,
) -> Result<(), Stop> {
    // SAFETY: a running instance's contexts are alive.
    let context = unsafe { (*caller).store };
    // SAFETY: the store is entered.
    let store = unsafe { (*context).store };
    // SAFETY: as above; the reference ends with the statement.
    let Some(record) = (unsafe { &*store }).func(reference) else {
        return Err(Stop::Trap(TrapCode::UninitializedElement));
    };
    let len = record.params.max(record.results) as usize;
    // SAFETY: the caller's promise.
    let slots = unsafe { core::slice::from_raw_parts_mut(slots, len) };
    if record.entry.is_null() {
        // SAFETY: as above; compiled code leaves the value stack alone.
        let top = unsafe { (*context).stack_top };
        // SAFETY: the instance is running, and the slots are the call's.
        return unsafe { ops::call_host(caller, context, record.index, slots, top) };
    }
    // SAFETY: the store was entered through an exclusive reference, from which this pointer comes.
    let store = unsafe { &mut *store };
    // Not through its code pointer, which may lead here.
    let Some(interpret) = store.interpret else {
        return Err(Stop::Trap(TrapCode::InvalidFunction));
    };
    interpret(store, reference, slots).map_err(|failure| store.note_callee_failure(failure))
}
