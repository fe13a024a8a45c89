//! Initial contents of memories as plain bytes, where nothing can be mapped: they are copied.

use alloc::boxed::Box;

/// Initial contents of a part of a memory.
pub struct ImageFile(Box<[u8]>);

impl ImageFile {
    /// An image of `len` bytes: `parts` in order over zeros, each within the image.
    pub fn new<'a>(len: usize, parts: impl Iterator<Item = (usize, &'a [u8])>) -> Option<Self> {
        let mut image = alloc::vec![0; len].into_boxed_slice();
        for (at, bytes) in parts {
            image[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Some(Self(image))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes it has.
    pub fn bytes_len(&self) -> usize {
        self.0.len()
    }

    /// Never maps it.
    ///
    /// # Safety
    ///
    /// None is needed.
    #[allow(dead_code, reason = "only machines that reserve address space try to map images")]
    pub(in crate::sys) unsafe fn map_at(&self, _at: *mut core::ffi::c_void) -> bool {
        false
    }
}
