//! Walking the value stack, for backtraces and for whoever catches an exception.

use crate::context::{FuncEntry, Landing, VmContext};
use crate::store::Store;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use dunlin_module::Clause;
use dunlin_module::side::{FRAME_RECORD_SLOTS, pseudo};

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

impl Store {
    /// See [`crate::ops::catch`].
    ///
    /// # Safety
    ///
    /// As for [`Store::backtrace`].
    pub(crate) unsafe fn catch(
        &mut self,
        exception: u32,
        ip: *const u8,
        fp: *mut u64,
        cx: *mut VmContext,
    ) -> bool {
        let Some(tag) = self.exception_tag(exception) else { return false };
        let (mut ip, mut fp, mut cx) = (ip, fp, cx);
        loop {
            // SAFETY: contexts of live activations are alive.
            let of = unsafe { &*cx };
            let code = self.instance_code(of.instance);
            let Some((func, offset)) = code.locate((ip as usize).wrapping_sub(1)) else {
                return false;
            };
            let start = code.module().body_range(func).map_or(0, |range| range.start);
            let at = offset - start;
            let entry = &code.entries()[func as usize];
            let locals = locals_of(entry);
            // SAFETY: the module's tags are those of its instances; validated: the clause's is one.
            let is_caught = |index: u32| unsafe { *of.tags.add(index as usize) } == tag;
            let found = code.handlers(func).and_then(|handlers| {
                let mut clauses = handlers.clauses(at as u32);
                clauses.find(|clause| clause.tag.is_none_or(is_caught)).copied()
            });
            // SAFETY: the frame record of a live activation stands behind its locals.
            let record = unsafe { fp.add(locals) };
            if let Some(clause) = found {
                let body = ip.wrapping_sub(1 + at);
                let stp = entry.side.load(Ordering::Relaxed).wrapping_add(clause.word as usize);
                let ip = body.wrapping_add(clause.at as usize);
                let sp = record.wrapping_add(FRAME_RECORD_SLOTS as usize);
                let sp = sp.wrapping_add(clause.height as usize).wrapping_sub(1);
                // SAFETY: as above.
                unsafe { self.land(exception, &clause, Landing { ip, sp, fp, stp, cx }) };
                return true;
            }
            let word = |index: usize| {
                // SAFETY: the record has these words; calls have written them.
                unsafe { *record.add(index) as usize }
            };
            ip = core::ptr::with_exposed_provenance(word(record::RETURN_IP));
            fp = core::ptr::with_exposed_provenance_mut(word(record::CALLER_FP));
            cx = core::ptr::with_exposed_provenance_mut(word(record::CALLER_CX));
            // SAFETY: return addresses point at an operator: the caller's next, or the host's exit.
            if unsafe { *ip } == pseudo::EXIT {
                return false;
            }
        }
    }

    /// Pushes what an exception carries where it has been caught, and notes the place.
    ///
    /// # Safety
    ///
    /// `to` is a place of a live activation, where `clause` catches.
    unsafe fn land(&mut self, exception: u32, clause: &Clause, mut to: Landing) {
        let mut push = |value: u64| {
            to.sp = to.sp.wrapping_add(1);
            // SAFETY: validated: the frame has slots for what the clause's label takes.
            unsafe { to.sp.write(value) };
        };
        let payload = self.catch_exception(exception);
        if clause.tag.is_some() {
            payload.iter().for_each(|slot| push(*slot));
        }
        if clause.gives_reference {
            push(exception.into());
        }
        if let Some(slot) = clause.kept_in {
            // SAFETY: the frame has the slot, behind its locals.
            unsafe { to.fp.add(slot as usize).write(exception.into()) };
        }
        // SAFETY: the context lives as long as the store.
        unsafe { (*self.context()).landing = to };
    }
}

/// Slots of a prepared function's locals.
pub(crate) fn locals_of(entry: &FuncEntry) -> usize {
    let params = entry.params.load(Ordering::Relaxed);
    (params + entry.zeros.load(Ordering::Relaxed)) as usize
}
