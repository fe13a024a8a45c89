//! Guests on native stacks of their own, between which a thread changes.
//!
//! 1. A [`Guest`] is a closure on an [`OwnStack`]. [`Guest::resume`] runs it on the calling thread until it ends or somebody
//!    in it calls [`suspend`].
//! 2. What a thread notes of the guests that it runs goes along: where its stack lies, whose compiled code it runs, and
//!    since when it may be in code that has been replaced. Each stack has such notes of its own, as if it were a thread,
//!    and they take the thread's place while the stack is run.
//! 3. A guest that is in compiled code, or interpreted, and does not call anybody is suspended where it looks at requests
//!    ([`Interrupts::ask_to_yield`](crate::context::Interrupts::ask_to_yield)): `give_way`.
//!
//! A guest stays on the thread that has resumed it first: Rust's own code may keep addresses of a thread's variables
//! across a call. The type is not `Send`.
//!
//! The switch itself is the crate `corosensei`'s.

use crate::native::{Notes, OfStack};
use alloc::boxed::Box;
use core::cell::Cell;
use core::mem::ManuallyDrop;
use core::ptr::null;
use corosensei::stack::{DefaultStack, Stack as _};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::thread_local;

/// The way back to whoever has resumed a guest.
type Way = Yielder<(), ()>;

thread_local! {
    /// The way out of the guest whose own stack this thread runs, innermost.
    static WAY: Cell<*const Way> = const { Cell::new(null()) };
}

/// A stack has at least so many bytes: what entering a guest takes, and a host function that does little.
pub const BYTES_MIN: usize = 64 << 10;

/// A native stack, with a guard below it, and what a thread would note that runs it.
pub struct OwnStack {
    stack: DefaultStack,
    of_stack: OfStack,
}

impl OwnStack {
    /// A stack of so many bytes, or [`BYTES_MIN`]; `None` if the machine has none.
    #[must_use]
    pub fn new(bytes: usize) -> Option<Self> {
        let bytes = bytes.max(BYTES_MIN);
        let stack = DefaultStack::new(bytes).ok()?;
        // As much has been asked for, and there is more: the rest of a page, and the guard.
        let end = stack.base().get();
        let bounds = end - bytes..end;
        Some(Self { stack, of_stack: OfStack::new(bounds) })
    }
}

/// What a guest has done when it gives the thread back.
pub enum Step {
    /// It waits, and is to be resumed.
    Suspended,
    /// It has ended, and leaves its stack.
    Ended(OwnStack),
}

/// A closure on a stack of its own.
///
/// It has to be resumed until it has ended: the stack of one that is dropped before stays, with all that lies on it.
pub struct Guest {
    coroutine: ManuallyDrop<Coroutine<(), (), (), DefaultStack>>,
    /// What belongs to the stack until the guest has ended.
    of_stack: Option<OfStack>,
    /// What the guest notes while it is suspended, and while it runs, what the thread has noted outside of it.
    notes: Notes,
    /// The same of the way out.
    way: *const Way,
}

impl Guest {
    /// A guest that has not begun. `run` does not panic.
    #[must_use]
    pub fn new(stack: OwnStack, run: Box<dyn FnOnce()>) -> Self {
        let coroutine = Coroutine::with_stack(stack.stack, |way: &Way, ()| {
            WAY.set(way);
            run();
        });
        let notes = Notes::of(&stack.of_stack);
        let of_stack = Some(stack.of_stack);
        Self { coroutine: ManuallyDrop::new(coroutine), of_stack, notes, way: null() }
    }

    /// Runs it on this thread until it waits or ends.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn resume(&mut self) -> Step {
        assert!(self.of_stack.is_some(), "a guest that has not ended");
        self.notes.swap();
        self.way = WAY.replace(self.way);
        let result = self.coroutine.resume(());
        self.way = WAY.replace(self.way);
        self.notes.swap();
        let CoroutineResult::Return(()) = result else { return Step::Suspended };
        let of_stack = self.of_stack.take().expect("seen above");
        // SAFETY: it is taken once: without `of_stack` nobody gets here again, and it is not dropped with the guest.
        let coroutine = unsafe { ManuallyDrop::take(&mut self.coroutine) };
        Step::Ended(OwnStack { stack: coroutine.into_stack(), of_stack })
    }
}

/// Whether this thread runs a guest on a stack of that one's own.
#[must_use]
pub fn is_on_own_stack() -> bool {
    !WAY.get().is_null()
}

/// Gives the thread back to whoever has resumed the guest; returns when that is resumed again. Whether there is such a
/// guest.
pub fn suspend() -> bool {
    // SAFETY: the way lives as long as the guest's stack, which this runs on: `resume` takes it back when that is left.
    let Some(way) = (unsafe { WAY.get().as_ref() }) else { return false };
    way.suspend(());
    true
}

/// Lets others have the thread, where there is somebody who gives it to them.
pub(crate) fn give_way() {
    suspend();
}

/// The same, called in the middle of compiled code.
#[cfg(target_arch = "x86_64")]
pub(crate) extern "C" fn give_way_in_code() {
    suspend();
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use alloc::rc::Rc;
    use alloc::vec::Vec;
    use core::cell::RefCell;

    #[test]
    fn guests_take_turns_and_leave_their_stacks() {
        let said = Rc::new(RefCell::new(Vec::new()));
        let guest = |name: u32| {
            let said = said.clone();
            let run = move || {
                for turn in 0..3 {
                    said.borrow_mut().push((name, turn));
                    assert!(suspend());
                }
            };
            Guest::new(OwnStack::new(64 << 10).expect("a stack"), Box::new(run))
        };
        let mut guests = [guest(1), guest(2)];
        for _ in 0..3 {
            for guest in &mut guests {
                assert!(matches!(guest.resume(), Step::Suspended));
                assert!(!is_on_own_stack() && !suspend());
            }
        }
        let stacks = guests.each_mut().map(|guest| match guest.resume() {
            Step::Ended(stack) => stack,
            Step::Suspended => panic!("it has ended"),
        });
        assert_eq!(*said.borrow(), [(1, 0), (2, 0), (1, 1), (2, 1), (1, 2), (2, 2)]);
        let [stack, _] = stacks;
        let bounds = crate::sys::native::stack_bounds();
        let mut again = Guest::new(stack, Box::new(|| assert!(is_on_own_stack())));
        assert!(matches!(again.resume(), Step::Ended(_)));
        assert_eq!(crate::sys::native::stack_bounds(), bounds);
    }

    #[test]
    fn a_guest_sees_its_own_stack_and_others_within_see_theirs() {
        let own = |bytes, run: Box<dyn FnOnce()>| {
            let mut guest = Guest::new(OwnStack::new(bytes).expect("a stack"), run);
            while matches!(guest.resume(), Step::Suspended) {}
        };
        let left = || {
            if crate::native::is_supported() { crate::native::stack_left() } else { 0 }
        };
        own(
            256 << 10,
            Box::new(move || {
                let outer = left();
                assert!(outer <= 256 << 10);
                suspend();
                own(64 << 10, Box::new(move || assert!(left() <= 64 << 10)));
                suspend();
                assert!(left().abs_diff(outer) < 16 << 10);
            }),
        );
    }
}
