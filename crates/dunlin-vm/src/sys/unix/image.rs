//! Initial contents of memories, in a file in memory that is mapped copy-on-write.
//!
//! The file is sealed once it is written: nobody can change it while memories are mapped from it.

#[cfg(not(target_os = "linux"))]
pub use crate::sys::plain_image::ImageFile;
#[cfg(target_os = "linux")]
pub use on_linux::ImageFile;

#[cfg(target_os = "linux")]
mod on_linux {
    use core::ptr::{self, NonNull};
    use rustix::fd::OwnedFd;
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

    /// Initial contents of a part of a memory.
    pub struct ImageFile {
        file: OwnedFd,
        /// The file, mapped to be read.
        base: NonNull<u8>,
        len: usize,
    }

    impl ImageFile {
        /// An image of `len` bytes, a positive multiple of the machine's page: `parts` in order over
        /// zeros, each within the image. `None` where the machine has no such files.
        pub fn new<'a>(len: usize, parts: impl Iterator<Item = (usize, &'a [u8])>) -> Option<Self> {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = memfd_create("wasm-memory-image", flags).ok()?;
            ftruncate(&file, len as u64).ok()?;
            for (at, bytes) in parts {
                write_at(&file, at, bytes)?;
            }
            let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
            fcntl_add_seals(&file, seals).ok()?;
            let (read, shared) = (ProtFlags::READ, MapFlags::SHARED);
            // SAFETY: a mapping at an address of the kernel's choice aliases nothing.
            let base = unsafe { mmap(ptr::null_mut(), len, read, shared, &file, 0) }.ok()?;
            NonNull::new(base.cast()).map(|base| Self { file, base, len })
        }

        /// Its bytes.
        pub fn bytes(&self) -> &[u8] {
            // SAFETY: the mapping is of this length and lives as long as `self`; the file is sealed.
            unsafe { core::slice::from_raw_parts(self.base.as_ptr(), self.len) }
        }

        /// How many bytes it has.
        pub fn bytes_len(&self) -> usize {
            self.len
        }

        /// Maps it copy-on-write at an address; says whether it could.
        ///
        /// # Safety
        ///
        /// As many bytes from `at` on as the image has are the caller's, and nobody looks at them.
        pub(in crate::sys) unsafe fn map_at(&self, at: *mut core::ffi::c_void) -> bool {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
            // SAFETY: the caller's promise.
            unsafe { mmap(at, self.len, protection, flags, &self.file, 0) }.is_ok()
        }
    }

    fn write_at(file: &OwnedFd, at: usize, bytes: &[u8]) -> Option<()> {
        let (mut at, mut bytes) = (at as u64, bytes);
        while !bytes.is_empty() {
            let written = match rustix::io::pwrite(file, bytes, at) {
                Err(rustix::io::Errno::INTR) => continue,
                written => written.ok().filter(|written| *written > 0)?,
            };
            at += written as u64;
            bytes = &bytes[written..];
        }
        Some(())
    }

    impl Drop for ImageFile {
        fn drop(&mut self) {
            // SAFETY: the mapping is of this length, and only `self` knows of it.
            let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
            debug_assert!(unmapped.is_ok(), "a mapping of ours can be unmapped");
        }
    }

    // SAFETY: the mapping is owned, and read only.
    unsafe impl Send for ImageFile {}
    // SAFETY: as above.
    unsafe impl Sync for ImageFile {}
}
