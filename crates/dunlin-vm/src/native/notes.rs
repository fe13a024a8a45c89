//! What a thread notes of the guests that it runs, and a stack of their own in its place.

use super::{fault, inside};
use crate::context::StoreContext;
use crate::sys;
use core::ops::Range;
use core::ptr::null_mut;

/// What belongs to a native stack as long as there is one.
pub(crate) struct OfStack {
    inside: inside::OfStack,
    bounds: Range<usize>,
}

impl OfStack {
    /// Of the stack that lies there, its guard excluded.
    pub(crate) fn new(bounds: Range<usize>) -> Self {
        Self { inside: inside::OfStack::new(), bounds }
    }
}

/// What a thread has noted, or will note while it runs another stack.
pub(crate) struct Notes {
    current: *mut StoreContext,
    inside: inside::Noted,
    bounds: Option<Range<usize>>,
}

impl Notes {
    /// What a thread notes that begins to run a stack, which has to live as long.
    pub(crate) fn of(stack: &OfStack) -> Self {
        let (inside, bounds) = (inside::Noted::of(&stack.inside), Some(stack.bounds.clone()));
        Self { current: null_mut(), inside, bounds }
    }

    /// Changes places with what this thread has noted.
    pub(crate) fn swap(&mut self) {
        self.current = fault::set_current(self.current);
        self.inside.swap();
        self.bounds = sys::native::set_stack_bounds(self.bounds.take());
    }
}
