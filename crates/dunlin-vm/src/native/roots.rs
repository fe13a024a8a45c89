//! References in frames of compiled code.
//!
//! 1. Whoever leaves compiled code for something that may collect makes a frame and notes it
//!    ([`left_fp`](crate::context::NativeState::left_fp)): the ways out, the stubs of builtins that make objects, and that
//!    of the one that is told of budgets.
//! 2. From there the chain of frame pointers leads outwards. A frame's return address says where its caller
//!    was left; the code map says which words of the caller's frame are references. What is live across a
//!    call that may collect is in such words, and read again behind the call.
//! 3. A return address that is in no code is that of the stub that has entered compiled code. Beside its
//!    frame stands where the compiled code around it was left, if there is any.

use super::isa;
use super::map::Walk;
use super::region::Region;
use crate::store::Store;

impl Store {
    /// Calls `visit` with every reference in frames of compiled code.
    ///
    /// # Safety
    ///
    /// All compiled code of this store has been left where it has noted it.
    pub(crate) unsafe fn visit_native_frames(&mut self, visit: &mut dyn FnMut(*mut u32)) {
        // SAFETY: the context lives as long as the store.
        let left = unsafe { (*self.context()).native.left_fp };
        if left == 0 {
            return;
        }
        let mut visit_references = |region: &Region, back: usize, fp: usize| {
            for below in region.references(back) {
                visit(core::ptr::with_exposed_provenance_mut(fp - *below as usize));
            }
            true
        };
        // SAFETY: the caller's promise.
        unsafe { visit_calls(left, &mut Walk::new(), &mut visit_references) };
    }
}

/// Calls `visit` with every call that frames of compiled code wait for, from the innermost one outwards: the region of
/// the code, where the call returns to and the frame of the code; as long as it says that it wants more.
///
/// # Safety
///
/// `left` is where compiled code has been left, or 0, and so is what stands beside the entries around it.
pub(super) unsafe fn visit_calls(
    left: usize,
    walk: &mut Walk,
    visit: &mut dyn FnMut(&Region, usize, usize) -> bool,
) {
    let mut left = left;
    while left != 0 {
        // SAFETY: the caller's promise.
        left = unsafe { visit_segment(left, walk, visit) };
    }
}

/// Visits the frames from one in which compiled code was left to where it was entered; where the code around
/// that was left, or 0.
///
/// # Safety
///
/// `fp` is a frame that compiled code has noted and not returned from.
unsafe fn visit_segment(
    fp: usize,
    walk: &mut Walk,
    visit: &mut dyn FnMut(&Region, usize, usize) -> bool,
) -> usize {
    let mut fp = fp;
    loop {
        let frame = core::ptr::with_exposed_provenance::<usize>(fp);
        // SAFETY: a frame begins with its caller's frame pointer and the return address.
        let (caller, back) = unsafe { (*frame, *frame.add(1)) };
        fp = caller;
        // A call that never returns may be the last instruction of a region.
        let Some(region) = walk.region(back - 1) else {
            // SAFETY: what is no compiled code has entered it.
            return unsafe { isa::left_before_entry(fp) };
        };
        if !visit(region, back, fp) {
            return 0;
        }
    }
}
