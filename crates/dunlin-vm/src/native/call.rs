//! Entering guests: from the host, which sets up what both kinds of code need, and compiled code from
//! the interpreter, which finds all of it set up.

use super::inside::{self, Inside};
use super::{fault, isa};
use crate::context::{StoreContext, VmContext};
use crate::crossing::{NativeEntry, Target};
use crate::ops::{self, Stop};
use crate::sys;
use crate::walk::{BACKTRACE_FRAMES_MAX, Frame};
use crate::{Failure, Store};
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use dunlin_core::TrapCode;
use dunlin_core::limits::HOST_REENTRY_DEPTH_MAX;

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
    /// By how much the depth has grown.
    depth: u32,
    _inside: Inside,
}

impl Entry {
    /// # Safety
    ///
    /// `store` is borrowed exclusively for as long as the entry lives, and used through this pointer.
    #[inline]
    unsafe fn new(store: *mut Store) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::at_depth(store, 1) }
    }

    /// An entry by which the depth grows so much: not at all where the host's call has been counted before.
    ///
    /// # Safety
    ///
    /// As for [`new`](Self::new).
    #[inline]
    unsafe fn at_depth(store: *mut Store, depth: u32) -> Self {
        // SAFETY: the caller's promise; so for all below.
        let context = unsafe { (*store).context() };
        // SAFETY: as above.
        let limit = native_limit(unsafe { (*store).stack_bytes });
        // SAFETY: as above.
        let outer_limit = unsafe { (*store).interrupts().set_native_limit(limit) };
        // SAFETY: as above.
        let of = unsafe { &mut *context };
        of.depth += depth;
        let outer_current = fault::set_current(context);
        let entry = Self {
            context,
            depth,
            outer_store: core::mem::replace(&mut of.store, store),
            outer_current,
            outer_sp: of.native.entry_sp,
            outer_limit,
            _inside: Inside::enter(),
        };
        if entry.is_in_other_store() {
            inside::note_other_store(true);
        }
        entry
    }

    /// Whether compiled code of another store waits for what is entered.
    #[inline]
    fn is_in_other_store(&self) -> bool {
        !self.outer_current.is_null() && self.outer_current != self.context
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        fault::set_current(self.outer_current);
        if self.is_in_other_store() {
            inside::note_other_store(false);
        }
        // SAFETY: the store outlives the entry.
        let context = unsafe { &mut *self.context };
        context.depth -= self.depth;
        context.store = self.outer_store;
        context.native.entry_sp = self.outer_sp;
        // SAFETY: the record lives as long as the store.
        unsafe { &*context.interrupts }.set_native_limit(self.outer_limit);
    }
}

/// The address above which compiled code that is entered here must stay.
#[inline]
fn native_limit(most: usize) -> usize {
    let here = 0_u8;
    let sp = core::hint::black_box(&raw const here) as usize;
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
    let target = Target { cx: record.cx, entry: record.entry, func: record.index };
    if let Some(bug) = store.bug() {
        return Err(Failure::Bug(bug.into(), Default::default()));
    }
    let store: *mut Store = store;
    // SAFETY: the store is borrowed exclusively, and used through `store` only from here on.
    let entry = unsafe { Entry::new(store) };
    // SAFETY: the store is entered; the record is of this store, and the slots are as many as both lists
    // need.
    let result = unsafe { enter(entry.context, target, slots.as_mut_ptr()) };
    drop(entry);
    // SAFETY: the entry is over, and `store` comes from the caller's reference.
    result.map_err(|stop| unsafe { failure(store, stop) })
}

/// Whether a function of the store is one of a guest's whose module has native code.
#[inline]
#[must_use]
pub fn has_code(store: &Store, func: u32) -> bool {
    let Some(record) = store.func(func).filter(|record| !record.cx.is_null()) else {
        return false;
    };
    // SAFETY: a guest's function has a context, which lives as long as the store.
    let instance = unsafe { (*record.cx).instance };
    store.instance_code(instance).has_native()
}

/// # Safety
///
/// The store is used by nobody else, and an execution in it has just ended like this.
#[cold]
unsafe fn failure(store: *mut Store, stop: Stop) -> Failure {
    // SAFETY: the caller's promise.
    let store = unsafe { &mut *store };
    if let Stop::Trap(code) = stop {
        // SAFETY: the context lives as long as the store, and no guest runs.
        unsafe { (*store.context()).exit.code = code };
    }
    store.failure_of_exit()
}

/// Calls a function in an entered store; one without entry is the host's.
///
/// # Safety
///
/// The context is that of a store that is entered, `target` is a function of it, and the slots are as many
/// as both its lists need.
#[inline]
unsafe fn enter(context: *mut StoreContext, target: Target, slots: *mut u64) -> Result<(), Stop> {
    // SAFETY: the context of an entered store is alive; so for all below.
    if unsafe { (*context).depth } > HOST_REENTRY_DEPTH_MAX {
        return Err(Stop::Trap(TrapCode::StackOverflow));
    }
    if target.entry.is_null() {
        // SAFETY: as above; what is on the value stack stays there.
        let top = unsafe { (*context).stack_top };
        // SAFETY: the caller's promise.
        return unsafe { ops::call_host(null_mut(), context, target.func, slots, top) };
    }
    // SAFETY: a guest's function has a record, which lives as long as its module's code.
    let first = unsafe { &(*target.entry).ip };
    let mut ip = first.load(Ordering::Acquire);
    if ip.is_null() {
        // SAFETY: the store is entered, and the index is of the instance's module.
        unsafe { ops::prepare(target.cx, target.func) }?;
        ip = first.load(Ordering::Acquire);
    }
    // SAFETY: the function is prepared.
    let Some(native) = (unsafe { NativeEntry::at(ip) }) else {
        // SAFETY: the caller's promise.
        return unsafe { interpret(context, target, slots, slots) };
    };
    // SAFETY: the caller's promise; the entry is the function's.
    if unsafe { enter_native(context, target.cx, native, slots) } == 0 {
        return Ok(());
    }
    // SAFETY: compiled code has just been left early.
    if !unsafe { ends_in_tail_call(context) }? {
        return Ok(());
    }
    // SAFETY: as above.
    let native = unsafe { &mut (*context).native };
    let arguments = native.tail_arguments.as_ptr();
    let Some(next) = native.tail_call.take() else { return Ok(()) };
    // SAFETY: the function returns what the first one does, for which there are slots.
    unsafe { interpret(context, next, arguments, slots) }
}

/// Runs a function in the interpreter.
///
/// # Safety
///
/// As for [`crate::crossing::Interpret`].
pub(super) unsafe fn interpret(
    context: *mut StoreContext,
    target: Target,
    arguments: *const u64,
    results: *mut u64,
) -> Result<(), Stop> {
    // SAFETY: the context is that of an entered store.
    let Some(interpret) = (unsafe { (*(*context).store).interpret }) else {
        return Err(Stop::Trap(TrapCode::InvalidFunction));
    };
    // SAFETY: the caller's promise.
    unsafe { interpret(context, target, arguments, results) }
}

/// Enters compiled code; returns 0, or 1 if it was left early.
///
/// # Safety
///
/// As for [`crate::crossing::call_native`]; `context` is the store's.
#[inline]
unsafe fn enter_native(
    context: *mut StoreContext,
    cx: *mut VmContext,
    entry: &NativeEntry,
    slots: *mut u64,
) -> u32 {
    // SAFETY: an entry's pointer to the code pointer is valid while the module lives.
    let code = unsafe { &*entry.code }.load(Ordering::Acquire) as usize;
    // SAFETY: the context is alive; so for all below.
    let native = unsafe { &raw mut (*context).native };
    // SAFETY: as above.
    let outer_left = unsafe { (*native).left_fp };
    // SAFETY: as above. Where compiled code has been left stands beside the stack pointer.
    let sp = unsafe { &raw mut (*native).entry_sp };
    // SAFETY: the way in is of the function's type, the code and the context are the function's, and
    // the slots are as many as both lists need.
    let left = unsafe { isa::enter(entry.way_in, code, cx, slots, sp) };
    // SAFETY: as above.
    unsafe { (*native).left_fp = outer_left };
    left
}

/// See [`crate::crossing::call_native`].
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn enter_from_interpreter(
    cx: *mut VmContext,
    entry: &NativeEntry,
    slots: *mut u64,
    top: *mut u64,
) -> Result<bool, Stop> {
    // SAFETY: a running instance's contexts are alive; so for all below.
    let context = unsafe { (*cx).store };
    // Where the interpreter was called by itself, nothing is set up yet.
    let anew = fault::current() != context;
    // SAFETY: the store is entered, through this pointer.
    let guard = anew.then(|| unsafe { Entry::at_depth((*context).store, 0) });
    // SAFETY: as above.
    let outer_sp = unsafe { (*context).native.entry_sp };
    // SAFETY: as above; activations inside begin at `top`.
    let outer_top = unsafe { core::mem::replace(&mut (*context).stack_top, top) };
    // SAFETY: the caller's promise.
    let left = unsafe { enter_native(context, cx, entry, slots) };
    // SAFETY: as above.
    unsafe { (*context).native.entry_sp = outer_sp };
    // SAFETY: as above.
    unsafe { (*context).stack_top = outer_top };
    drop(guard);
    if left == 0 {
        return Ok(false);
    }
    // SAFETY: compiled code has just been left early.
    unsafe { ends_in_tail_call(context) }
}

/// Whether the code that has just been left early ends in a call in tail position.
///
/// # Errors
///
/// If the guest must end instead; the frames that were left are in the store's list then.
///
/// # Safety
///
/// `context` is that of a store that is entered, and compiled code has just been left early.
#[cold]
unsafe fn ends_in_tail_call(context: *mut StoreContext) -> Result<bool, Stop> {
    // SAFETY: the caller's promise; so for all below.
    if unsafe { (*context).native.tail_call.is_some() } {
        return Ok(true);
    }
    // SAFETY: the store was entered through an exclusive reference, from which this pointer comes.
    unsafe { &mut *(*context).store }.note_native_frames();
    // SAFETY: as above.
    Err(unsafe { Stop::noted(context) })
}

impl Store {
    /// Adds the frames in which compiled code has just been left to those of the failure.
    fn note_native_frames(&mut self) {
        let context = self.context();
        // SAFETY: the context lives as long as the store, and no guest runs.
        let native = unsafe { &mut (*context).native };
        let count = core::mem::take(&mut native.place_count);
        let places = native.places;
        for pc in &places[..count] {
            let frames = self.frames_at(*pc);
            let left = BACKTRACE_FRAMES_MAX - self.frames.len();
            self.frames.extend(frames.into_iter().take(left));
        }
    }

    /// The frames of compiled code at `pc`, from the innermost one outwards: several where bodies stand in place
    /// of calls. Of a module's instances the first stands for all.
    fn frames_at(&self, pc: usize) -> Vec<Frame> {
        let found = self.instances.entries().find_map(|(instance, of)| {
            let code = of.code();
            let frame = |(func, offset): (u32, u32)| {
                let start = || code.module().body_range(func).map_or(0, |body| body.start);
                // Code that belongs to no operator is where the function begins.
                let offset = if offset == 0 { start() } else { offset as usize };
                Frame { instance, func, offset }
            };
            Some(code.native_frames(pc)?.into_iter().map(frame).collect())
        });
        found.unwrap_or_default()
    }
}
