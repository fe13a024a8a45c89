//! Walking the value stack, for backtraces.

use crate::context::{FuncEntry, VmContext};
use crate::store::Store;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use dunlin_module::side::pseudo;

/// Frames that a backtrace holds at most: deep recursion has thousands, and all alike.
pub const BACKTRACE_FRAMES_MAX: usize = 64;

/// One activation on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The store's instance.
    pub instance: u32,
    /// The function's index in its module.
    pub func: u32,
    /// Offset in the module of the operator that is executing.
    pub offset: usize,
}

/// Words of a frame record, in the order in which calls write them.
pub mod record {
    /// The caller's next operator.
    pub const RETURN_IP: usize = 0;
    /// The caller's locals.
    pub const CALLER_FP: usize = 1;
    /// The caller's position in its side table.
    pub const CALLER_STP: usize = 2;
    /// The caller's instance.
    pub const CALLER_CX: usize = 3;
}

impl Store {
    /// The frames from a place in a guest's code outwards, until the host's call.
    ///
    /// # Safety
    ///
    /// `ip`, `fp` and `cx` describe a live activation on this store's stack: `ip` is the byte after an
    /// opcode of a prepared function of `cx`'s module whose locals begin at `fp`.
    #[must_use]
    pub unsafe fn backtrace(&self, ip: *const u8, fp: *mut u64, cx: *mut VmContext) -> Vec<Frame> {
        let (mut ip, mut fp, mut cx) = (ip, fp, cx);
        let mut frames = Vec::new();
        while frames.len() < BACKTRACE_FRAMES_MAX {
            // SAFETY: contexts of live activations are alive.
            let instance = unsafe { (*cx).instance };
            let code = self.instance_code(instance);
            let Some((func, offset)) = code.locate((ip as usize).wrapping_sub(1)) else { break };
            let offset = code.module().operator_start(func, offset);
            frames.push(Frame { instance, func, offset });
            let locals = locals_of(&code.entries()[func as usize]);
            // SAFETY: the frame record of a live activation stands behind its locals.
            let record = unsafe { fp.add(locals) };
            let word = |index: usize| {
                // SAFETY: the record has these words; calls have written them.
                unsafe { *record.add(index) as usize }
            };
            ip = core::ptr::with_exposed_provenance(word(record::RETURN_IP));
            fp = core::ptr::with_exposed_provenance_mut(word(record::CALLER_FP));
            cx = core::ptr::with_exposed_provenance_mut(word(record::CALLER_CX));
            // SAFETY: return addresses point at an operator: the caller's next, or the host's exit.
            if unsafe { *ip } == pseudo::EXIT {
                break;
            }
        }
        frames
    }
}

/// Slots of a prepared function's locals.
pub(crate) fn locals_of(entry: &FuncEntry) -> usize {
    let params = entry.params.load(Ordering::Relaxed);
    (params + entry.zeros.load(Ordering::Relaxed)) as usize
}
