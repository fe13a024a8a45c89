//! References in frames of compiled code.

use crate::store::Store;

impl Store {
    /// Calls `visit` with every reference in frames of compiled code.
    ///
    /// # Safety
    ///
    /// All compiled code has been left where it has noted it.
    pub(crate) unsafe fn visit_native_frames(&mut self, _visit: &mut dyn FnMut(*mut u32)) {}
}
