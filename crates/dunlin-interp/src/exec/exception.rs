//! Exceptions: throwing, and going on where something catches.
//!
//! What catches is found in the functions' handler tables, by the VM (`ops::catch`), which also moves the
//! operands; the interpreter takes its registers from the place that the VM has noted. Where nothing catches in
//! this activation of the interpreter, it is left, and whoever has entered it goes on searching.

use super::regs::{Interrupted, Regs};
use super::{Exit, Mode, Op, Step, handler};
use dunlin_core::TrapCode;
use dunlin_vm::ops;

/// `try_table`: its immediates are skipped.
pub(crate) struct TryTable;

impl Op for TryTable {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        const HAS_NO_TAG: u8 = 2;
        r.skip_type();
        for _ in 0..r.leb_u32() {
            if r.fetch() < HAS_NO_TAG {
                r.skip_leb();
            }
            r.skip_leb();
        }
        Step::Next(r)
    }
}

/// `try`: as `block`.
pub(crate) type Try = super::control::Block;

/// `catch`, reached from the end of what comes before it in its block: a branch to the block's end.
pub(crate) type Catch = super::control::Else;

/// `catch_all`: likewise.
pub(crate) type CatchAll = super::control::Else;

/// `delegate`: what ends a block does nothing. Its label is not looked at, since `nop` stands in their place.
pub(crate) type Delegate = super::control::Nop;

/// `throw`.
pub(crate) struct Throw;

impl Op for Throw {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let slots = r.side_word() as usize;
        let mut immediate = r;
        let tag = immediate.leb_u32();
        match r.new_exception(tag, slots) {
            Ok(exception) => throw(r, exception),
            Err(stop) => r.stop(stop),
        }
    }
}

/// `throw_ref`.
pub(crate) struct ThrowRef;

impl Op for ThrowRef {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        match r.top() as u32 {
            0 => r.raise(TrapCode::NullExceptionReference),
            exception => throw(r, exception),
        }
    }
}

/// `rethrow`: the exception is in a slot behind the locals.
pub(crate) struct Rethrow;

impl Op for Rethrow {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let slot = r.side_word() as u32;
        let exception = r.local(slot) as u32;
        throw(r, exception)
    }
}

/// Throws an exception at the operator whose code `ip` is behind.
#[inline(always)]
fn throw<M: Mode>(mut r: Regs, exception: u32) -> Step<M> {
    r.set_top(exception.into());
    Step::Go(handler::<Search, M>(), r)
}

/// Looks for who catches the exception in the top, which covers no operand that is needed.
pub(crate) struct Search;

impl Op for Search {
    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let exception = r.top() as u32;
        // SAFETY: the instance is running, here; the reference is an operand's, or what travels.
        if unsafe { ops::catch(r.cx(), exception, r.ip(), r.locals()) } {
            let r = r.landed();
            // A loop that throws to its own start must be stoppable too.
            if r.is_beyond_limit() {
                return Step::Go(handler::<Interrupted, M>(), r);
            }
            return Step::Next(r);
        }
        r.note_exception(exception);
        Step::Exit(Exit::Failed)
    }
}
