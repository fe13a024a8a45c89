//! Calls: direct, indirect, in tail position, and to the host.
//!
//! The quick handlers do nothing before they know that they can finish; otherwise the slow ones begin
//! anew, prepare functions, follow imports and find out what is wrong.

use super::regs::Regs;
use super::{Mode, Op, Step, handler};
use core::sync::atomic::Ordering;
use dunlin_core::TrapCode;
use dunlin_vm::context::{FuncEntry, FuncRecord};
use dunlin_vm::ops::{self, Stop};

/// `call`. Whatever is not quick goes to one place: two would cost a register that is not free.
pub(crate) struct Call;

impl Op for Call {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let mut next = r;
        if let Some(func) = next.small() {
            let entry = r.func_entry(func);
            if is_ready(&r, entry) {
                return Step::Next(next.enter(entry, r.cx()));
            }
        }
        Step::Go(handler::<CallTwo, M>(), r)
    }
}

/// `call` with an index of two bytes.
struct CallTwo;

impl Op for CallTwo {
    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let bytes = r.peek2();
        if bytes & 0x8080 == 0x80 {
            let entry = r.func_entry(u32::from(bytes & 0x7F) | u32::from(bytes >> 8) << 7);
            if is_ready(&r, entry) {
                let mut next = r;
                next.skip(2);
                return Step::Next(next.enter(entry, r.cx()));
            }
        }
        Step::Go(handler::<CallLong, M>(), r)
    }
}

/// `call` with an index of any length; linkers pad theirs to five bytes.
struct CallLong;

impl Op for CallLong {
    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let func = r.long_leb(0);
        let entry = r.func_entry(func.value);
        if is_ready(&r, entry) {
            let mut next = r;
            next.skip(func.bytes);
            return Step::Next(next.enter(entry, r.cx()));
        }
        Step::Go(handler::<CallSlow, M>(), r)
    }
}

/// Whether a function is prepared and has room.
#[inline(always)]
fn is_ready(r: &Regs, entry: &FuncEntry) -> bool {
    !entry.ip.load(Ordering::Acquire).is_null() && r.has_room(entry)
}

/// `call` of a function that is imported or not prepared, or without room.
struct CallSlow;

impl Op for CallSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let func = r.leb_u32();
        let target = target_of(&r, func);
        call(r, target)
    }
}

/// `call_indirect`.
pub(crate) struct CallIndirect;

impl Op for CallIndirect {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let bytes = r.peek2();
        if bytes & 0x8080 == 0 {
            let (ty, table) = (u32::from(bytes & 0x7F), u32::from(bytes >> 8));
            // Reference 0 is null, whose record has no type that a module could name.
            if let Some(reference) = r.element(table, r.top())
                && r.func_type_id(reference) == r.type_id(ty)
            {
                r.skip(2);
                r.pop_below();
                r.set_top(reference.into());
                return Step::Go(handler::<EnterFunc, M>(), r);
            }
        }
        Step::Go(handler::<CallIndirectSlow, M>(), r)
    }
}

/// Enters the function whose reference is in the top, which covers no operand: all are in memory.
struct EnterFunc;

impl Op for EnterFunc {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let (entry, cx) = r.func_target(r.top() as u32);
        if let Some(entry) = entry
            && is_ready(&r, entry)
        {
            r.reload();
            return Step::Next(r.enter(entry, cx));
        }
        Step::Go(handler::<EnterFuncSlow, M>(), r)
    }
}

/// As [`EnterFunc`], for the host's functions and for those that are not prepared or without room.
struct EnterFuncSlow;

impl Op for EnterFuncSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let target = r.func(r.top() as u32);
        r.reload();
        call(r, target)
    }
}

/// `call_indirect` of anything unusual.
struct CallIndirectSlow;

impl Op for CallIndirectSlow {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        match indirect_target(r) {
            Ok((r, target)) => call(r, target),
            Err(code) => r.raise(code),
        }
    }
}

/// `call_ref`.
pub(crate) struct CallRef;

impl Op for CallRef {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let reference = r.top();
        if reference as u32 == 0 {
            return r.raise(TrapCode::NullFunctionReference);
        }
        r.skip_leb();
        r.pop_below();
        r.set_top(reference);
        Step::Go(handler::<EnterFunc, M>(), r)
    }
}

/// `return_call_ref`.
pub(crate) struct ReturnCallRef;

impl Op for ReturnCallRef {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let reference = r.top() as u32;
        if reference == 0 {
            return r.raise(TrapCode::NullFunctionReference);
        }
        r.skip_leb();
        r.pop();
        let target = r.func(reference);
        tail_call(r, target)
    }
}

/// `return_call`.
pub(crate) struct ReturnCall;

impl Op for ReturnCall {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let func = r.leb_u32();
        let target = target_of(&r, func);
        tail_call(r, target)
    }
}

/// `return_call_indirect`.
pub(crate) struct ReturnCallIndirect;

impl Op for ReturnCallIndirect {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        match indirect_target(r) {
            Ok((r, target)) => tail_call(r, target),
            Err(code) => r.raise(code),
        }
    }
}

/// `ref.func`.
pub(crate) struct RefFunc;

impl Op for RefFunc {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let func = r.leb_u32();
        // SAFETY: validated: the function exists; the instance is running.
        let reference = unsafe { ops::ref_func(r.cx(), func) };
        r.push(reference.into());
        Step::Next(r)
    }
}

/// The function of this index in the instance.
#[inline]
fn target_of(r: &Regs, func: u32) -> FuncRecord {
    if func < r.func_imports() {
        return r.func(r.import(func));
    }
    let entry = r.func_entry(func);
    let params = entry.params.load(Ordering::Relaxed);
    let results = entry.results.load(Ordering::Relaxed);
    let code = core::ptr::null();
    FuncRecord { cx: r.cx(), entry, code, type_id: 0, index: func, params, results }
}

/// Takes the immediates and the index operand of an indirect call, and finds its target.
#[inline]
fn indirect_target(mut r: Regs) -> Result<(Regs, FuncRecord), TrapCode> {
    let ty = r.leb_u32();
    let table = r.leb_u32();
    let index = r.pop();
    let reference = r.element(table, index).ok_or(TrapCode::UndefinedElement)?;
    if reference == 0 {
        return Err(TrapCode::UninitializedElement);
    }
    let target = r.func(reference);
    if !r.is_subtype(target.type_id, r.type_id(ty)) {
        return Err(TrapCode::IndirectCallTypeMismatch);
    }
    Ok((r, target))
}

#[inline]
fn entry_of(target: &FuncRecord) -> &'static FuncEntry {
    // SAFETY: a guest's function has an entry, which lives as long as its module's code; the instance
    // keeps that, and the lifetime never leaves the handler.
    unsafe { &*target.entry }
}

#[inline]
fn prepare(target: &FuncRecord) -> Result<&'static FuncEntry, Stop> {
    let entry = entry_of(target);
    if entry.ip.load(Ordering::Acquire).is_null() {
        // SAFETY: the instance's store is entered, and the index is of its module.
        unsafe { ops::prepare(target.cx, target.index) }?;
    }
    Ok(entry)
}

#[inline]
fn call<M: Mode>(mut r: Regs, target: FuncRecord) -> Step<M> {
    if target.entry.is_null() {
        return call_host(&mut r, target).map_or_else(|stop| r.stop(stop), |()| Step::Next(r));
    }
    let ready = prepare(&target).and_then(|entry| r.check_call(entry).map(|()| entry));
    match ready {
        Ok(entry) => Step::Next(r.enter(entry, target.cx)),
        Err(stop) => r.stop(stop),
    }
}

#[inline]
fn call_host(r: &mut Regs, target: FuncRecord) -> Result<(), Stop> {
    let (params, results) = (target.params as usize, target.results as usize);
    let (slots, top) = r.host_slots(params, results);
    r.note_place();
    // SAFETY: the instance is running; the slots are the call's operands.
    unsafe { ops::call_host(r.cx(), r.store(), target.index, slots, top) }?;
    r.after_host(params, results);
    Ok(())
}

#[inline]
fn tail_call<M: Mode>(mut r: Regs, target: FuncRecord) -> Step<M> {
    let locals = r.side_word() as usize;
    if target.entry.is_null() {
        let (params, results) = (target.params as usize, target.results as usize);
        let back = r.move_arguments(locals, params);
        let (slots, top) = r.host_slots_at_locals(params, results);
        r.note_place_of(back);
        // SAFETY: the instance is running; the slots are the call's arguments.
        let called = unsafe { ops::call_host(r.cx(), r.store(), target.index, slots, top) };
        match called {
            // The frame has ended, and with it what it catches.
            Err(stop @ Stop::Exception) => return r.back_to(back, 0).stop(stop),
            Err(stop) => return r.stop(stop),
            Ok(()) => {}
        }
        let mut r = r.back_to(back, results);
        r.reload();
        return Step::Next(r);
    }
    let ready = prepare(&target).and_then(|entry| r.check_call(entry).map(|()| entry));
    match ready {
        Ok(entry) => Step::Next(r.replace(entry, target.cx, locals)),
        Err(stop) => r.stop(stop),
    }
}
