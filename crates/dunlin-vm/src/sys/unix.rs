//! Regions and files by `mmap`.
//!
//! Regions are private and anonymous: zero by the kernel's promise, committed where they are touched,
//! and grown by `mremap` where Linux has it, which moves page tables and copies nothing.
//!
//! ## Mapped files
//!
//! A module's file is mapped privately. The kernel does not say whether later writes to the file show
//! in such a mapping, and a guest may hold its own file open for writing; so before a range is trusted
//! its pages are made the mapping's own, by a write that changes nothing (copy on write). From then on
//! nobody else can change them. Ranges that nobody asked for cost nothing.

mod image;
mod region;
mod written;

pub use image::ImageFile;
#[cfg(test)]
pub(crate) use region::protection;
pub use region::{CAN_RESERVE, PAGE, Region};
pub use written::written;

use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use std::io;
use std::path::Path;
use std::vec::Vec;

/// A zeroed region of bytes that can grow; growing may move it.
pub struct Pages {
    base: NonNull<u8>,
    len: usize,
    /// Whether a file is mapped: behind its end there would be nothing for a mapping to grow into.
    of_file: bool,
}

fn read_write() -> ProtFlags {
    ProtFlags::READ | ProtFlags::WRITE
}

impl Pages {
    /// A zeroed region of `len` bytes, or `None` where that is not to be had.
    #[must_use]
    pub fn new(len: usize) -> Option<Self> {
        if len == 0 {
            return Some(Self::anonymous(NonNull::<u128>::dangling().cast(), 0));
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: an anonymous mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), len, read_write(), flags) };
        NonNull::new(base.ok()?.cast()).map(|base| Self::anonymous(base, len))
    }

    fn anonymous(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len, of_file: false }
    }

    /// The first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Grows to `len` bytes; the new ones are zero. Says whether it could.
    pub fn grow(&mut self, len: usize) -> bool {
        if len <= self.len {
            return len == self.len;
        }
        if len <= self.len.next_multiple_of(PAGE) && !self.of_file {
            // The mapping's last page is there already, and nobody has written behind the end.
            self.len = len;
            return true;
        }
        if self.len == 0 {
            return Self::new(len).map(|new| *self = new).is_some();
        }
        self.remap(len)
    }

    /// Maps an image copy-on-write from `start` on; says whether it could. A region with an image is
    /// copied when it grows for the first time.
    ///
    /// # Safety
    ///
    /// Nobody holds a reference into the region, and the image covers a part of it that is whole pages.
    ///
    /// # Panics
    ///
    /// If the image covers more than a part of the region.
    pub unsafe fn map_image(&mut self, start: usize, image: &ImageFile) -> bool {
        assert!(start + image.bytes_len() <= self.len, "a part of the region");
        let at = self.base().wrapping_add(start).cast();
        self.of_file = true;
        // SAFETY: the caller's promise, and the part lies within the region.
        unsafe { image.map_at(at) }
    }

    fn remap(&mut self, len: usize) -> bool {
        #[cfg(target_os = "linux")]
        if !self.of_file && self.remap_in_place(len) {
            return true;
        }
        self.copy(len)
    }

    /// Grows by moving page tables. The kernel does so for a single mapping only, and for one of a file
    /// too, whose new part would be behind the file's end.
    #[cfg(target_os = "linux")]
    fn remap_in_place(&mut self, len: usize) -> bool {
        use rustix::mm::{MremapFlags, mremap};
        let old = self.base().cast();
        // SAFETY: the region is a mapping of `self.len` bytes that only `self` owns; users of its
        // address renew it after a growth.
        let new = unsafe { mremap(old, self.len, len, MremapFlags::MAYMOVE) };
        let Some(base) = new.ok().and_then(|new| NonNull::new(new.cast())) else { return false };
        core::mem::forget(core::mem::replace(self, Self::anonymous(base, len)));
        true
    }

    fn copy(&mut self, len: usize) -> bool {
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
            // SAFETY: the region is a mapping of this length that only `self` owns.
            let unmapped = unsafe { munmap(self.base().cast(), self.len) };
            debug_assert!(unmapped.is_ok(), "a mapping of ours can be unmapped");
        }
    }
}

// SAFETY: the region is owned, as a vector's would be.
unsafe impl Send for Pages {}
// SAFETY: a shared owner only gives out the address.
unsafe impl Sync for Pages {}

/// Files below this size are read: a mapping and its faults cost more than the copy.
const MAPPED_BYTES_MIN: u64 = 64 << 10;

/// The contents of a file as a module's bytes.
pub struct MappedFile(Contents);

enum Contents {
    Read(Vec<u8>),
    Mapped { pages: Pages, pinned: Vec<AtomicU64> },
}

impl MappedFile {
    /// Maps the file, or reads it if it is small or not a regular file.
    ///
    /// A file that somebody else shortens while it is mapped makes later reads of its bytes fault, as
    /// it would any program that runs from a mapped file.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let metadata = file.metadata()?;
        let len = metadata.len();
        if !metadata.is_file() || len < MAPPED_BYTES_MIN {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes)?;
            return Ok(Self(Contents::Read(bytes)));
        }
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        // SAFETY: a private mapping at an address of the kernel's choice aliases nothing.
        let base =
            unsafe { mmap(ptr::null_mut(), len, read_write(), MapFlags::PRIVATE, &file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let words = len.div_ceil(PAGE).div_ceil(64);
        let pinned = core::iter::repeat_with(AtomicU64::default).take(words).collect();
        Ok(Self(Contents::Mapped { pages: Pages { base, len, of_file: true }, pinned }))
    }
}

impl dunlin_module::Bytes for MappedFile {
    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Contents::Read(bytes) => bytes,
            // SAFETY: the mapping is readable, of this length, and lives as long as `self`. Bytes that
            // are not pinned may change when somebody writes the file; readers of those only look for
            // where sections and bodies lie, check every bound, and tolerate any value.
            Contents::Mapped { pages, .. } => unsafe {
                core::slice::from_raw_parts(pages.base(), pages.len)
            },
        }
    }

    fn pin(&self, range: Range<usize>) {
        let Contents::Mapped { pages, pinned } = &self.0 else { return };
        let end = range.end.min(pages.len);
        if range.start >= end {
            return;
        }
        for page in range.start / PAGE..end.div_ceil(PAGE) {
            let bit = 1 << (page % 64);
            let word = &pinned[page / 64];
            if word.load(Ordering::Acquire) & bit == 0 {
                // SAFETY: the page's first byte lies within the mapping, which is writable; all writers
                // write atomically the value that is there.
                let byte = unsafe { AtomicU8::from_ptr(pages.base().add(page * PAGE)) };
                let value = byte.load(Ordering::Relaxed);
                // A compare-and-exchange is a write to the machine even where it changes nothing.
                let _ = byte.compare_exchange(value, value, Ordering::SeqCst, Ordering::Relaxed);
                word.fetch_or(bit, Ordering::Release);
            }
        }
    }
}
