//! Which pages of a private mapping have been written, as the kernel's page tables tell.
//!
//! Linux 6.7 and later answer for a range in one call (`PAGEMAP_SCAN`). A written page is one that is the
//! process's own: in memory or swapped out, and neither the shared page of zeros nor a page of the
//! mapped file. Pages that were written once and reset in place stay among them.
//!
//! The file through which one asks stands for the address space of the process that opened it. A
//! process that forked would learn its parent's pages, so a page that forking wipes says whether this
//! is still the process that opened the file; in another the answer is that nobody knows.

use core::ops::Range;

/// Calls `each` with ranges of pages, relative to `start`, that have been written since they were mapped,
/// at most `pages_max` pages. Says whether those are all: if not, more or none may have been reported.
#[cfg(not(target_os = "linux"))]
pub fn written(
    _start: *const u8,
    _len: usize,
    _pages_max: usize,
    _each: impl FnMut(Range<usize>),
) -> bool {
    false
}

#[cfg(target_os = "linux")]
pub use on_linux::written;

#[cfg(target_os = "linux")]
mod on_linux {
    use super::Range;
    use core::ffi::c_void;
    use core::sync::atomic::{AtomicU8, Ordering};
    use rustix::fd::OwnedFd;
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;
    use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};
    use std::sync::OnceLock;

    /// Ranges that one call can report, and so pages: each range has at least one.
    const RANGES_MAX: usize = 64;

    /// `struct pm_scan_arg` of `linux/fs.h`.
    #[repr(C)]
    struct ScanArguments {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        ranges: u64,
        ranges_len: u64,
        pages_max: u64,
        category_inverted: u64,
        category_mask: u64,
        category_anyof_mask: u64,
        return_mask: u64,
    }

    /// `struct page_region` of `linux/fs.h`.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct PageRange {
        start: u64,
        end: u64,
        categories: u64,
    }

    const PAGE_IS_FILE: u64 = 1 << 2;
    const PAGE_IS_PRESENT: u64 = 1 << 3;
    const PAGE_IS_SWAPPED: u64 = 1 << 4;
    const PAGE_IS_ZERO_PAGE: u64 = 1 << 5;

    /// One scan: its arguments, which the kernel writes to as well.
    struct Scan<'a>(&'a mut ScanArguments);

    // SAFETY: the operation code stands for a call that reads and writes a `ScanArguments`, and writes as
    // many ranges as it says behind the pointer in it, to a buffer that outlives the call.
    unsafe impl Ioctl for Scan<'_> {
        type Output = usize;

        const IS_MUTATING: bool = true;

        fn opcode(&self) -> Opcode {
            opcode::read_write::<ScanArguments>(b'f', 16)
        }

        fn as_ptr(&mut self) -> *mut c_void {
            core::ptr::from_mut(&mut *self.0).cast()
        }

        unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> Result<usize, Errno> {
            usize::try_from(out).map_err(|_| Errno::INVAL)
        }
    }

    /// The file to ask, and the page that forking wipes.
    struct Pagemap {
        file: OwnedFd,
        is_ours: &'static AtomicU8,
    }

    fn pagemap() -> Option<&'static Pagemap> {
        static PAGEMAP: OnceLock<Option<Pagemap>> = OnceLock::new();
        let opened = PAGEMAP.get_or_init(|| {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let file = open("/proc/self/pagemap", flags, Mode::empty()).ok()?;
            Some(Pagemap { file, is_ours: page_wiped_on_fork()? })
        });
        opened.as_ref().filter(|pagemap| pagemap.is_ours.load(Ordering::Relaxed) == 1)
    }

    /// A byte that is 1 in this process and 0 in those that fork off it.
    fn page_wiped_on_fork() -> Option<&'static AtomicU8> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let len = rustix::param::page_size();
        // SAFETY: an anonymous mapping at an address of the kernel's choice aliases nothing.
        let page =
            unsafe { mmap_anonymous(core::ptr::null_mut(), len, protection, MapFlags::PRIVATE) };
        let page = page.ok()?;
        // SAFETY: the page is ours; only children see it wiped.
        unsafe { madvise(page, len, Advice::LinuxWipeOnFork) }.ok()?;
        // SAFETY: the page is zeros, is never unmapped, and is used as this byte only.
        let byte = unsafe { &*page.cast::<AtomicU8>() };
        byte.store(1, Ordering::Relaxed);
        Some(byte)
    }

    /// Calls `each` with ranges of bytes, relative to `start`, whose pages have been written since they
    /// were mapped, at most `pages_max` pages. Says whether those are all: if not, nothing is known.
    pub fn written(
        start: *const u8,
        len: usize,
        pages_max: usize,
        mut each: impl FnMut(Range<usize>),
    ) -> bool {
        let Some(pagemap) = pagemap() else { return false };
        let pages_max = pages_max.min(RANGES_MAX);
        let mut ranges = [PageRange { start: 0, end: 0, categories: 0 }; RANGES_MAX];
        let (from, to) = (start as u64, start as u64 + len as u64);
        let mut arguments = ScanArguments {
            size: size_of::<ScanArguments>() as u64,
            flags: 0,
            start: from,
            end: to,
            walk_end: 0,
            ranges: ranges.as_mut_ptr() as u64,
            ranges_len: RANGES_MAX as u64,
            // One more than is wanted, so that the end of the walk tells whether there are more.
            pages_max: pages_max as u64 + 1,
            category_inverted: PAGE_IS_FILE | PAGE_IS_ZERO_PAGE,
            category_mask: PAGE_IS_FILE | PAGE_IS_ZERO_PAGE,
            category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
            return_mask: PAGE_IS_PRESENT,
        };
        // SAFETY: `Scan` describes the call, and the buffer of ranges outlives it.
        let found = unsafe { ioctl(&pagemap.file, Scan(&mut arguments)) };
        let Ok(found) = found else { return false };
        let found = &ranges[..found.min(RANGES_MAX)];
        let bytes: u64 = found.iter().map(|range| range.end - range.start).sum();
        let page = rustix::param::page_size() as u64;
        if arguments.walk_end != to || bytes > pages_max as u64 * page {
            return false;
        }
        for range in found {
            each((range.start - from) as usize..(range.end - from) as usize);
        }
        true
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::region::{PAGE, Region};
    use super::written;
    use std::vec::Vec;

    fn pages(region: &Region, len: usize, most: usize) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        written(region.base(), len, most, |range| found.extend(range.step_by(PAGE)))
            .then(|| found.iter().map(|at| at / PAGE).collect())
    }

    #[test]
    fn exactly_the_written_pages_are_found() {
        let region = Region::reserve(256 * PAGE).expect("address space");
        assert!(region.open(0..256 * PAGE));
        let Some(none) = pages(&region, 256 * PAGE, 4) else { return };
        assert!(none.is_empty());
        // SAFETY: the pages are open, and nobody else knows of them.
        let touch = |page: usize| unsafe { region.base().add(page * PAGE + 5).write(1) };
        [3, 4, 200].into_iter().for_each(touch);
        // SAFETY: as above; reading a page maps the shared page of zeros.
        let read = unsafe { region.base().add(9 * PAGE).read_volatile() };
        assert_eq!(read, 0);
        assert_eq!(pages(&region, 256 * PAGE, 4), Some([3, 4, 200].into()));
        assert_eq!(pages(&region, 256 * PAGE, 3), Some([3, 4, 200].into()));
        assert_eq!(pages(&region, 256 * PAGE, 2), None);
        assert_eq!(pages(&region, 100 * PAGE, 2), Some([3, 4].into()));
        // As many ranges as a call can report, and one more.
        (0..128).step_by(2).for_each(touch);
        assert_eq!(pages(&region, 128 * PAGE, 64), None);
        assert_eq!(pages(&region, 124 * PAGE, 64).map(|found| found.len()), Some(63));
    }
}
