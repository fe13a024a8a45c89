//! Regions from the allocator: for machines without an operating system, and for Miri.

mod region;

#[cfg(test)]
pub(crate) use region::protection;
pub use region::{CAN_RESERVE, PAGE, Region, written};

use super::plain_image::ImageFile;
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::ptr::{self, NonNull};

/// A zeroed region of bytes that can grow; growing may move it.
pub struct Pages {
    base: NonNull<u8>,
    len: usize,
}

const ALIGN: usize = 16;

impl Pages {
    /// A zeroed region of `len` bytes, or `None` where that is not to be had.
    #[must_use]
    pub fn new(len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self { base: NonNull::<u128>::dangling().cast(), len: 0 });
        }
        let layout = Layout::from_size_align(len, ALIGN).ok()?;
        // SAFETY: the layout's size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        NonNull::new(base).map(|base| Self { base, len })
    }

    /// The first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Never maps an image.
    ///
    /// # Safety
    ///
    /// None is needed.
    pub unsafe fn map_image(&mut self, _start: usize, _image: &ImageFile) -> bool {
        false
    }

    /// Grows to `len` bytes; the new ones are zero. Says whether it could.
    pub fn grow(&mut self, len: usize) -> bool {
        let Some(new) = Self::new(len) else { return false };
        // SAFETY: both regions are at least `self.len` bytes and distinct.
        unsafe { ptr::copy_nonoverlapping(self.base(), new.base(), self.len) };
        *self = new;
        true
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: `new` allocated the region with this layout.
            unsafe {
                dealloc(self.base(), Layout::from_size_align_unchecked(self.len, ALIGN));
            }
        }
    }
}

// SAFETY: the region is owned, as a vector's would be.
unsafe impl Send for Pages {}
// SAFETY: a shared owner only gives out the address.
unsafe impl Sync for Pages {}

/// The contents of a file, read into memory of our own.
#[cfg(feature = "std")]
pub struct MappedFile(std::vec::Vec<u8>);

#[cfg(feature = "std")]
impl MappedFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn open(path: &std::path::Path) -> std::io::Result<Self> {
        std::fs::read(path).map(Self)
    }
}

#[cfg(feature = "std")]
impl dunlin_module::Bytes for MappedFile {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn pin(&self, _range: core::ops::Range<usize>) {}
}
