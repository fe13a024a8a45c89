//! Machines on which native code does not run.

/// A page that can be made unreadable; not to be had here.
pub(crate) enum PollPage {}

impl PollPage {
    pub(crate) fn new() -> Option<Self> {
        None
    }

    pub(crate) fn base(&self) -> *const u8 {
        match *self {}
    }

    pub(crate) fn close(&self) {
        match *self {}
    }

    pub(crate) fn open(&self) {
        match *self {}
    }
}

/// Memory that holds code; not to be had here.
#[cfg(feature = "native")]
pub(crate) enum CodeMemory {}

#[cfg(feature = "native")]
impl CodeMemory {
    pub(crate) fn new(_bytes: usize, _write: impl FnOnce(&mut [u8])) -> Option<Self> {
        None
    }

    pub(crate) fn growing(_bytes: usize) -> Option<Self> {
        None
    }

    pub(crate) unsafe fn write_at(
        &self,
        _start: usize,
        _bytes: usize,
        _write: impl FnOnce(&mut [u8]),
    ) -> bool {
        match *self {}
    }

    pub(crate) unsafe fn clear(
        &self,
        _bytes: core::ops::Range<usize>,
        _free: core::ops::Range<usize>,
    ) {
        match *self {}
    }

    pub(crate) fn rest(&self) {
        match *self {}
    }

    pub(crate) fn base(&self) -> usize {
        match *self {}
    }

    pub(crate) fn capacity(&self) -> usize {
        match *self {}
    }

    pub(crate) unsafe fn bytes(&self, _start: usize, _bytes: usize) -> &[u8] {
        match *self {}
    }
}

#[cfg(feature = "native")]
pub(crate) fn announce_barriers() {}

#[cfg(feature = "native")]
pub(crate) fn barrier() -> bool {
    false
}

#[cfg(feature = "native")]
pub(crate) fn synchronize_cores() -> bool {
    false
}

/// Whether native code runs on this machine.
#[cfg(feature = "native")]
pub(crate) const IS_SUPPORTED: bool = false;

#[cfg(feature = "native")]
pub(crate) fn install_handlers() -> bool {
    false
}

#[cfg(feature = "native")]
pub(crate) fn set_stack_bounds(
    _bounds: Option<core::ops::Range<usize>>,
) -> Option<core::ops::Range<usize>> {
    None
}

#[cfg(feature = "native")]
pub(crate) fn stack_bounds() -> Option<core::ops::Range<usize>> {
    None
}

#[cfg(feature = "native")]
pub(crate) fn lower_priority() {}

#[cfg(feature = "native")]
pub(crate) fn thread_time() -> core::time::Duration {
    core::time::Duration::ZERO
}
