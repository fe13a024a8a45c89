//! What a fault in compiled code means, and where compiled code is left early.
//!
//! A fault is a trap if the thread is inside compiled code, the instruction is in the code map with a
//! trap code, and what happened is what such an instruction does: an access that is out of bounds
//! touches what lies behind a guarded memory of the store, or address zero and a small offset where it is
//! masked; one through a null reference touches the first page of the store's heap; a poll touches the store's page, a division divides, and all else is an instruction that is
//! there to fault. Everything else is not ours: a wild address in
//! compiled code is a defect, and must not look like a guest's mistake. What runs here runs inside a
//! signal handler: it reads, writes memory that is there, and waits for nobody.

use super::{isa, map};
use crate::context::{NativeState, Request, Resume, StoreContext, VmContext};
use core::cell::Cell;
use core::ptr::null_mut;
use dunlin_core::TrapCode;
use dunlin_module::Unit;
use dunlin_module::layout::{HEAP_NULL_BYTES, NULL_BYTES, POLL_PAGE_BYTES};
use std::thread_local;

thread_local! {
    /// The context of the store whose compiled code this thread runs, innermost.
    static CURRENT: Cell<*mut StoreContext> = const { Cell::new(null_mut()) };
}

/// Notes whose compiled code runs; returns whose ran before.
#[inline]
pub(super) fn set_current(context: *mut StoreContext) -> *mut StoreContext {
    CURRENT.replace(context)
}

/// Whose compiled code this thread may run, innermost.
#[inline]
pub(super) fn current() -> *mut StoreContext {
    CURRENT.get()
}

/// Where a fault happened.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// The instruction.
    pub(crate) pc: usize,
    /// The frame pointer.
    pub(crate) fp: usize,
    /// What the register holds in which metered code counts the fuel that it has used.
    pub(crate) fuel: u64,
    /// What happened.
    pub(crate) cause: Cause,
}

/// What happened in a fault.
#[derive(Clone, Copy)]
pub(crate) enum Cause {
    /// The bytes at this address may not be accessed.
    Access(usize),
    /// The instruction is one that nobody can execute.
    Instruction,
    /// A quotient does not exist, or is too large.
    Division,
}

/// What is to be done about it.
pub(crate) enum Verdict {
    /// Go on at `pc` with the stack pointer `sp`.
    Land {
        /// The stub that leaves the innermost entry.
        pc: usize,
        /// Where that entry's frame is.
        sp: usize,
    },
    /// Go on at `pc`, on the same stack, with the place of the instruction on it, and then there.
    #[cfg(feature = "stacks")]
    Detour {
        /// The stub that lets others have the thread.
        pc: usize,
        /// How many bytes below the stack pointer it expects to be left alone.
        red_zone: usize,
    },
    /// Execute the instruction again.
    Retry,
    /// It is not ours.
    Unknown,
}

/// A guest that is to let others have its thread does, if there is somebody to take it; it executes the instruction again.
fn give_way() -> Verdict {
    #[cfg(feature = "stacks")]
    if crate::stacks::is_on_own_stack() {
        let pc = isa::detour as *const () as usize;
        return Verdict::Detour { pc, red_zone: isa::RED_ZONE_BYTES };
    }
    Verdict::Retry
}

/// Judges a fault. The signal handler does what the verdict says.
pub(crate) fn judge(fault: Fault) -> Verdict {
    let context = CURRENT.get();
    if context.is_null() {
        return Verdict::Unknown;
    }
    let Some(code) = map::look_up(fault.pc, |region| region.trap(fault.pc)) else {
        return Verdict::Unknown;
    };
    // SAFETY: a context that is current is alive: its store has been entered on this thread.
    let context = unsafe { &mut *context };
    let fits = match fault.cause {
        // SAFETY: compiled code of the store is running.
        Cause::Access(address) => unsafe { is_checked_by_faults(context, code, address) },
        Cause::Instruction => true,
        Cause::Division => {
            matches!(code, TrapCode::IntegerDivisionByZero | TrapCode::IntegerOverflow)
        }
    };
    if !fits {
        return Verdict::Unknown;
    }
    if code == TrapCode::Interrupted {
        // SAFETY: the record lives as long as the store.
        let request = unsafe { &*context.interrupts }.take();
        // A page may be closed after its request has been taken; the flag is the request itself.
        match (request, fault.cause) {
            (Request::None, Cause::Access(_)) => return Verdict::Retry,
            (Request::Yield, Cause::Access(_)) => return give_way(),
            _ => {}
        }
    }
    context.exit.code = code;
    keep_fuel(context, fault.fuel);
    if code == TrapCode::OutOfFuel {
        context.fuel = 0;
    }
    // A function whose frame does not fit has not begun: its caller is where the guest is.
    let skip_first = code == TrapCode::StackOverflow;
    // SAFETY: compiled code keeps the chain of frame pointers, and faults after it has linked its own.
    unsafe { note_places(&mut context.native, fault.pc, fault.fp, skip_first) };
    Verdict::Land { pc: isa::land as *const () as usize, sp: context.native.entry_sp }
}

/// Whether an access that may trap with `code` traps at this address.
///
/// # Safety
///
/// `context` is of a store that is entered, and whose compiled code is running.
unsafe fn is_checked_by_faults(context: &StoreContext, code: TrapCode, address: usize) -> bool {
    match code {
        TrapCode::MemoryOutOfBounds => {
            // SAFETY: the store is entered; while its guests run, nobody else uses it.
            let store = unsafe { &*context.store };
            address < NULL_BYTES
                || store.memories.iter().any(|memory| memory.is_guarded_at(address))
        }
        // Where the heap's offset 0 is, nothing is mapped; nor at address 0, where it is if there is no heap
        // yet, and where masked elements are.
        TrapCode::NullStructureReference
        | TrapCode::NullArrayReference
        | TrapCode::ArrayOutOfBounds
        | TrapCode::CastFailure => {
            let base = context.heap.base as usize;
            address < NULL_BYTES || address.wrapping_sub(base) < HEAP_NULL_BYTES
        }
        TrapCode::Interrupted => {
            // SAFETY: the record lives as long as the store.
            let page = unsafe { &*context.interrupts }.poll_page() as usize;
            page != 0 && address.wrapping_sub(page) < POLL_PAGE_BYTES
        }
        _ => false,
    }
}

/// Notes where compiled code is left, and says where it goes on: at what catches the exception that travels, or in
/// the innermost entry.
///
/// # Safety
///
/// Called by the stubs that leave: `pc` is a return address in compiled code that runs with `cx`, and
/// `fp` its frame; `fuel` is as in [`Fault`]. `thrown` is the exception that begins to travel, or null.
pub(crate) unsafe extern "C" fn note_unwind(
    cx: *mut VmContext,
    pc: usize,
    fp: usize,
    fuel: u64,
    thrown: u32,
) -> *const Resume {
    // SAFETY: a running instance's contexts are alive.
    let context = unsafe { &mut *(*cx).store };
    if thrown != 0 {
        context.exception = thrown;
    }
    if context.exception != 0 {
        // SAFETY: the caller's promise.
        if unsafe { find_handler(context, pc, fp) } {
            return &raw const context.native.resume;
        }
        keep_fuel(context, fuel);
    } else {
        keep_fuel(context, fuel);
        // A call in tail position has not failed.
        if context.native.tail_call.is_none() {
            // SAFETY: the caller's promise. A return address stands behind its call.
            unsafe { note_places(&mut context.native, pc - 1, fp, false) };
        }
    }
    land_at_entry(&mut context.native)
}

/// Goes on in the innermost entry.
fn land_at_entry(native: &mut NativeState) -> *const Resume {
    let (pc, sp) = (isa::land as *const () as usize, native.entry_sp);
    native.resume = Resume { pc, sp, ..Resume::default() };
    &raw const native.resume
}

/// Notes that compiled code is left because what it called by an index is not to be called so, and says where it goes on.
///
/// # Safety
///
/// As for [`note_unwind`]; `code` is a trap's.
pub(crate) unsafe extern "C" fn note_refusal(
    cx: *mut VmContext,
    pc: usize,
    fp: usize,
    fuel: u64,
    code: u32,
) -> *const Resume {
    // SAFETY: a running instance's contexts are alive.
    let context = unsafe { &mut *(*cx).store };
    let code = u8::try_from(code).ok().and_then(TrapCode::from_number);
    context.exit.code = code.unwrap_or(TrapCode::Unreachable);
    keep_fuel(context, fuel);
    // SAFETY: the caller's promise. A return address stands behind its call.
    unsafe { note_places(&mut context.native, pc - 1, fp, false) };
    land_at_entry(&mut context.native)
}

/// Follows the frames from a return address in compiled code outwards, until a call behind which the exception is
/// caught that travels, or the way in. Notes the frames that it leaves, and where to go on if there is such a
/// call; whether there is.
///
/// # Safety
///
/// `fp` is the frame of the compiled code at `pc`, and it and its callers keep the chain.
unsafe fn find_handler(context: &mut StoreContext, pc: usize, fp: usize) -> bool {
    let (mut pc, mut fp) = (pc, fp);
    let native = &mut context.native;
    // Where it was looked at in vain, and is thrown on, the place is the call that it has left.
    let looked_at = core::mem::take(&mut native.looked_at);
    let mut place = if native.resume.fp == fp { looked_at } else { 0 };
    // The frames of one module's code are looked at together.
    while let Some(found) = map::look_up(pc - 1, |region| {
        while let Some(unit) = region.unit(pc - 1) {
            if let Some((handler, frame_bytes)) = region.handler(pc) {
                return Some(Some((handler, fp - frame_bytes)));
            }
            match unit {
                Unit::Enter(_) => return Some(None),
                Unit::Func(_) | Unit::Loop(..) if native.place_count < native.places.len() => {
                    let at = core::mem::take(&mut place);
                    native.places[native.place_count] = if at == 0 { pc - 1 } else { at };
                    native.place_count += 1;
                }
                _ => {}
            }
            let frame = core::ptr::with_exposed_provenance::<usize>(fp);
            // SAFETY: the frame of compiled code begins with its caller's frame and the return address.
            (fp, pc) = unsafe { (*frame, *frame.add(1)) };
        }
        // Its caller may be another module's.
        Some(None)
    }) {
        let Some((handler, sp)) = found else {
            if map::look_up(pc - 1, |region| region.unit(pc - 1)).is_none_or(is_way_in) {
                return false;
            }
            continue;
        };
        let exception = core::mem::take(&mut context.exception);
        // SAFETY: the store is entered, and nobody else uses it.
        let tag = unsafe { &*context.store }.exception_tag(exception).unwrap_or(0);
        let (exception, tag) = (exception.into(), tag.into());
        native.resume = Resume { pc: handler, sp, fp, exception, tag };
        native.looked_at = pc - 1;
        return true;
    }
    false
}

fn is_way_in(unit: Unit) -> bool {
    matches!(unit, Unit::Enter(_))
}

/// Keeps the fuel of metered code that is left early: the register counts what was used, which is the
/// complement of what is left.
fn keep_fuel(context: &mut StoreContext, used: u64) {
    if context.native.is_metered {
        context.fuel = !used as i64;
    }
}

/// Follows the frames from a place in compiled code outwards, until the way in.
///
/// # Safety
///
/// `fp` is the frame of the compiled code at `pc`, and it and its callers keep the chain.
unsafe fn note_places(native: &mut NativeState, pc: usize, fp: usize, skip_first: bool) {
    let (mut pc, mut fp, mut skip) = (pc, fp, skip_first);
    let mut count = 0;
    while count < native.places.len() {
        match map::look_up(pc, |region| region.unit(pc)) {
            None | Some(Unit::Enter(_)) => break,
            Some(Unit::Func(_) | Unit::Loop(..)) if !skip => {
                native.places[count] = pc;
                count += 1;
            }
            Some(_) => {}
        }
        skip = false;
        let frame = core::ptr::with_exposed_provenance::<usize>(fp);
        // SAFETY: the frame of compiled code begins with its caller's frame and the return address.
        let (caller, back) = unsafe { (*frame, *frame.add(1)) };
        (fp, pc) = (caller, back - 1);
    }
    native.place_count = count;
}
