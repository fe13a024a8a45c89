//! Imports whose functions get compiled code while instances live that have linked to them before.
//!
//! Compiled code calls an import by what its instance has noted of it (`ImportCall`): the import's own code and context if
//! it had code when the instance was made, else a way out, by which the interpreter or whatever is there by then is entered. That
//! detour costs ten times what the call does. So when functions of any module have got code, a store that is about to be
//! entered looks at its ways out once more.
//!
//! What is noted changes only while no guest of the store runs: compiled code takes the parts of a note for constants as long
//! as an activation lasts, and must not find a part of each.

use crate::store::Store;
use crate::tuning::RELINKED_IMPORTS_MAX;
use core::sync::atomic::{AtomicUsize, Ordering};

/// How often functions have got code that others call.
static PUBLISHED: AtomicUsize = AtomicUsize::new(0);

/// Notes that a function has got code that others call.
pub(crate) fn note_published() {
    PUBLISHED.fetch_add(1, Ordering::Release);
}

/// How often that was so far.
pub(crate) fn published() -> usize {
    PUBLISHED.load(Ordering::Acquire)
}

impl Store {
    /// Lets compiled code call imports without a detour that have got code since it was last looked, if no guest runs.
    #[inline]
    pub fn relink(&mut self) {
        if self.linked_at != PUBLISHED.load(Ordering::Relaxed) {
            self.relink_all();
        }
    }

    #[cold]
    fn relink_all(&mut self) {
        if !self.is_idle() {
            return;
        }
        self.linked_at = published();
        let mut left = RELINKED_IMPORTS_MAX;
        for instance in self.instances.iter() {
            let (code, block) = (instance.code().code(), &instance.block);
            let imports = instance.code().module().func_imports() as usize;
            let Some(rest) = left.checked_sub(imports) else { return };
            left = rest;
            for (i, own) in code.iter().enumerate().take(imports) {
                // SAFETY: the block has a call of each imported function, which was written when the instance was made, and
                // nobody reads it while no guest runs.
                let call = unsafe { &mut *block.import_calls().add(i) };
                // SAFETY: as above, for its reference.
                let import = unsafe { *block.funcs().add(i) };
                if core::ptr::eq(call.code, own)
                    && let Some(record) = self.funcs.get(import as usize)
                    && !record.cx.is_null()
                    // SAFETY: records of functions point to code pointers that live as long as the function.
                    && !unsafe { &*record.code }.load(Ordering::Acquire).is_null()
                {
                    (call.code, call.cx) = (record.code, record.cx);
                }
            }
        }
    }
}
