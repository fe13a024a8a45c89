//! Counting how often functions are executed, while somebody wants to know: see `dunlin_vm::counting`.

use super::native::CallNative;
use super::regs::{Interrupted, Regs};
use super::{Mode, Op, Step, handler};

/// Where a record leads whose function is counted, or the host's frame returns to.
pub(crate) struct ExitOrCount;

impl Op for ExitOrCount {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        if r.peek(0) == 0 {
            return Step::Go(handler::<super::control::Leave, M>(), r);
        }
        let counted = r.counted();
        if counted.enter() {
            return Step::Go(handler::<RanOut, M>(), r);
        }
        r.go_to(counted.ip);
        Step::Next(r)
    }
}

/// Tells that a function's budget has run out, and goes on where its record leads then.
struct RanOut;

impl Op for RanOut {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let counted = r.counted();
        r.tell_of(counted);
        let record = r.func_entry(counted.func);
        let first = record.ip.load(core::sync::atomic::Ordering::Acquire);
        // Where nobody has taken note the function goes on to be counted, from the next call on.
        let is_counted = core::ptr::eq(first.cast_const(), r.ip().wrapping_sub(1));
        r.go_to(if is_counted { counted.ip } else { first });
        Step::Next(r)
    }
}

/// A branch that goes backwards, and is counted. The activation may go on in compiled code.
pub(crate) struct CountedBranch;

impl Op for CountedBranch {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let (mut r, ran_out) = r.branch_counted();
        if let Some(counted) = ran_out
            && r.leave_loop(counted)
        {
            return Step::Go(handler::<CallNative, M>(), r);
        }
        if r.is_beyond_limit() {
            return Step::Go(handler::<Interrupted, M>(), r);
        }
        Step::Next(r)
    }
}
