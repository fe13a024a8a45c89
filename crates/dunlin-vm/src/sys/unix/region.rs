//! Reserved address space, of which parts are opened, mapped from an image, and discarded.
//!
//! A region is inaccessible until it is opened: touching the rest of it faults, which is what guards of
//! memories are. Opened parts are zero by the kernel's promise and committed where they are touched.

use super::image::ImageFile;
use core::ops::Range;
use core::ptr::{self, NonNull};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Whether address space can be reserved without being accessible.
pub const CAN_RESERVE: bool = cfg!(target_pointer_width = "64");

/// The unit of protection: what opens and closes is a multiple of it. WebAssembly's pages are multiples
/// of every machine's.
pub const PAGE: usize = 4096;

/// Reserved address space at a fixed address.
pub struct Region {
    base: NonNull<u8>,
    len: usize,
}

impl Region {
    /// Reserves `len` bytes, inaccessible; `None` where they are not to be had.
    #[must_use]
    pub fn reserve(len: usize) -> Option<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: an anonymous mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags) };
        NonNull::new(base.ok()?.cast()).map(|base| Self { base, len })
    }

    /// Asks for the machine's small pages: where contents are reset page by page, and where neighbours
    /// of different owners should not be committed together.
    pub fn use_small_pages(&self) {
        #[cfg(target_os = "linux")]
        {
            use rustix::mm::{Advice, madvise};
            let (base, advice) = (self.base().cast(), Advice::LinuxNoHugepage);
            // SAFETY: the region is ours, and the advice changes no contents. A kernel without huge
            // pages refuses it, which is as well.
            let _ = unsafe { madvise(base, self.len, advice) };
        }
    }

    /// The first byte.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Makes a range readable and writable; says whether it could. Its contents stay.
    pub fn open(&self, range: Range<usize>) -> bool {
        self.protect(range, MprotectFlags::READ | MprotectFlags::WRITE)
    }

    /// Makes a range inaccessible; says whether it could. Its contents stay.
    pub fn close(&self, range: Range<usize>) -> bool {
        self.protect(range, MprotectFlags::empty())
    }

    fn protect(&self, range: Range<usize>, flags: MprotectFlags) -> bool {
        if range.is_empty() {
            return true;
        }
        // SAFETY: the range lies within the region, which only `self` owns; who uses its bytes knows
        // from their memory's length which are open.
        unsafe { mprotect(self.at(&range), range.len(), flags) }.is_ok()
    }

    /// Gives back the contents of an open range: it reads as it was first mapped. Says whether it could.
    ///
    /// # Safety
    ///
    /// Nobody holds a reference into the range.
    pub unsafe fn discard(&self, range: Range<usize>) -> bool {
        if range.is_empty() {
            return true;
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::mm::{Advice, madvise};
            // SAFETY: the range lies within the region; the caller promises that nobody looks.
            unsafe { madvise(self.at(&range), range.len(), Advice::LinuxDontNeed) }.is_ok()
        }
        // Other kernels take the advice as one; a new mapping is zero everywhere. Images are Linux's.
        #[cfg(not(target_os = "linux"))]
        {
            // SAFETY: the caller's promise.
            unsafe { self.map_zeros(range) }
        }
    }

    /// Maps an image copy-on-write, open, from `start` on; says whether it could.
    ///
    /// # Safety
    ///
    /// Nobody holds a reference into the range that the image covers, which lies within the region.
    pub unsafe fn map_image(&self, start: usize, image: &ImageFile) -> bool {
        let range = start..start + image.bytes_len();
        // SAFETY: the caller's promise, and the range lies within the region.
        unsafe { image.map_at(self.at(&range)) }
    }

    /// Maps zeros, open, over whatever is mapped at a range; says whether it could.
    ///
    /// # Safety
    ///
    /// Nobody holds a reference into the range.
    pub unsafe fn map_zeros(&self, range: Range<usize>) -> bool {
        if range.is_empty() {
            return true;
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let (at, len) = (self.at(&range), range.len());
        // SAFETY: the range lies within the region, and the caller promises that nobody looks.
        unsafe { mmap_anonymous(at, len, protection, flags) }.is_ok()
    }

    fn at(&self, range: &Range<usize>) -> *mut core::ffi::c_void {
        assert!(range.start <= range.end && range.end <= self.len, "a range of the region");
        self.base().wrapping_add(range.start).cast()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the region is a mapping of this length that only `self` owns.
        let unmapped = unsafe { munmap(self.base().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours can be unmapped");
    }
}

// SAFETY: the region is owned, as a vector's would be.
unsafe impl Send for Region {}
// SAFETY: a shared owner gives out the address, and changes protections, which the kernel orders.
unsafe impl Sync for Region {}

/// What the kernel allows at an address, as it lists it; `None` where it does not.
#[cfg(test)]
pub(crate) fn protection(address: usize) -> Option<std::string::String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let parse = |text| usize::from_str_radix(text, 16).ok();
        (parse(start)?..parse(end)?).contains(&address).then(|| rest[..4].into())
    })
}

#[cfg(test)]
mod tests {
    use super::{PAGE, Region};

    #[test]
    fn contents_survive_closing_and_not_discarding() {
        let region = Region::reserve(16 * PAGE).expect("address space");
        assert!(region.open(0..4 * PAGE));
        let byte = region.base().wrapping_add(PAGE);
        // SAFETY: the page is open, and nobody else knows of it.
        unsafe { byte.write(7) };
        assert!(region.close(PAGE..4 * PAGE) && region.open(PAGE..2 * PAGE));
        // SAFETY: as above.
        assert_eq!(unsafe { byte.read() }, 7);
        // SAFETY: nobody holds a reference.
        assert!(unsafe { region.discard(0..2 * PAGE) });
        // SAFETY: as above.
        assert_eq!(unsafe { byte.read() }, 0);
    }
}
