//! Calls of functions that have native code.
//!
//! The interpreter enters such a function as any other: a frame is begun, and the first operator is
//! executed, which is [`NATIVE`](dunlin_module::side::pseudo::NATIVE). The frame lasts for the call: its
//! slots are the call's, and it is no frame of a backtrace.

use super::regs::{Regs, check_frame};
use super::{Mode, Op, Step, handler};
use core::sync::atomic::Ordering;
use dunlin_vm::crossing;

/// Enters the native code and returns its results.
pub(crate) struct CallNative;

impl Op for CallNative {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let (back, results) = r.native_frame();
        let slots = r.locals();
        // The frame record is needed again after a call in tail position.
        let top = r.end_of_frame().max(slots.wrapping_add(results));
        r.note_place_of(back);
        // SAFETY: the operator stands in an entry of a function of this instance, which is running; the
        // slots and what follows them are the call's.
        match unsafe { crossing::call_native(r.cx(), r.native_entry(), slots, top) } {
            Ok(false) => {
                let mut r = r.back_to(back, results);
                r.reload();
                Step::Next(r)
            }
            Ok(true) => Step::Go(handler::<TailCalled, M>(), r),
            // Its frame has never been a guest's.
            Err(stop) => r.back_to(back, 0).stop(stop),
        }
    }
}

/// Goes on with what native code has ended in a call of, in the place of its frame.
struct TailCalled;

impl Op for TailCalled {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let (back, results) = r.native_frame();
        // SAFETY: the store is entered, and native code has just ended like this.
        let Some(target) = (unsafe { crossing::take_tail_call(r.store()) }) else {
            return Step::Next(r.back_to(back, results));
        };
        // SAFETY: a guest's function has a record; it is prepared.
        let entry = unsafe { &*target.entry };
        if let Err(stop) = check_frame(target.cx, r.locals(), entry.frame.load(Ordering::Relaxed)) {
            return r.back_to(back, 0).stop(stop);
        }
        // SAFETY: as above.
        let arguments = unsafe { crossing::tail_arguments(r.store()) };
        Step::Next(r.begin_again(entry, target.cx, arguments, back))
    }
}
