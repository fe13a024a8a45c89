//! Reserved address space, where there is none: nothing can be reserved, and memories come from the
//! allocator one by one.

use super::super::plain_image::ImageFile;
use core::ops::Range;

/// Whether address space can be reserved without being accessible.
pub const CAN_RESERVE: bool = false;

/// The unit in which contents are looked at.
pub const PAGE: usize = 4096;

/// Reserved address space: there is none.
pub enum Region {}

impl Region {
    /// Reserves nothing.
    #[must_use]
    pub fn reserve(_len: usize) -> Option<Self> {
        None
    }

    /// Asks for the machine's small pages.
    pub fn use_small_pages(&self) {
        match *self {}
    }

    /// The first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        match *self {}
    }

    /// Makes a range readable and writable.
    pub fn open(&self, _range: Range<usize>) -> bool {
        match *self {}
    }

    /// Makes a range inaccessible.
    pub fn close(&self, _range: Range<usize>) -> bool {
        match *self {}
    }

    /// Gives back the contents of a range.
    ///
    /// # Safety
    ///
    /// None is needed: there is no region.
    pub unsafe fn discard(&self, _range: Range<usize>) -> bool {
        match *self {}
    }

    /// Maps an image.
    ///
    /// # Safety
    ///
    /// None is needed: there is no region.
    pub unsafe fn map_image(&self, _start: usize, _image: &ImageFile) -> bool {
        match *self {}
    }

    /// Maps zeros.
    ///
    /// # Safety
    ///
    /// None is needed: there is no region.
    pub unsafe fn map_zeros(&self, _range: Range<usize>) -> bool {
        match *self {}
    }
}

/// Which pages of a range have been written is never known.
pub fn written(
    _start: *const u8,
    _len: usize,
    _pages_max: usize,
    _each: impl FnMut(Range<usize>),
) -> bool {
    false
}

/// What is allowed at an address is never known.
#[cfg(test)]
pub(crate) fn protection(_address: usize) -> Option<alloc::string::String> {
    None
}
