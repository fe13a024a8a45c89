//! What profilers need of Linux: a file that nobody else made, a mapping that they notice, their clock.

use core::ptr::{self, NonNull};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::{File, OpenOptions, remove_file, symlink_metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Where `perf` looks for maps, whatever the environment says.
pub(crate) const PERF_MAP_FOLDER: &str = "/tmp";

/// Who may read a profile's files: their owner, as whom or as root `perf` runs.
const MODE: u32 = 0o600;

/// Bytes that are mapped to be noticed: any will do.
const MARKER_BYTES: usize = 4096;

/// Creates a file for appending. Its folder may be one where everybody writes: what is there already is
/// never written to, and no link is followed. A file of ours is left over from a process that had our
/// number, and makes room.
///
/// # Errors
///
/// If it cannot be created.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true).mode(MODE).custom_flags(libc::O_NOFOLLOW);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        opened => return opened,
    }
    let found = symlink_metadata(path)?;
    if !found.is_file() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // What is removed is the name. Who puts another thing there meanwhile gains nothing.
    remove_file(path)?;
    options.open(path)
}

/// A mapping of a file by which `perf` learns that the file is there.
pub(crate) struct Marker(NonNull<u8>);

impl Marker {
    /// Maps the beginning of a file, executable, since `perf` looks at such mappings only. Nobody reads
    /// or runs it.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::EXEC;
        // SAFETY: a mapping at an address of the kernel's choice aliases nothing.
        let base =
            unsafe { mmap(ptr::null_mut(), MARKER_BYTES, protection, MapFlags::PRIVATE, file, 0) }?;
        NonNull::new(base.cast()).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody uses it.
        let unmapped = unsafe { munmap(self.0.as_ptr().cast(), MARKER_BYTES) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours can be unmapped");
    }
}

// SAFETY: the mapping is owned and never looked at.
unsafe impl Send for Marker {}

/// Nanoseconds of the clock that `perf record -k mono` uses.
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// The calling thread, as the kernel numbers it.
pub(crate) fn thread() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir, read, remove_dir_all, write};
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_that_others_made_is_written_to() {
        let name = std::format!("dunlin-profile-file-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        create_dir(&folder).expect("a folder");
        let (path, target) = (folder.join("a"), folder.join("target"));
        write(&target, "theirs").expect("a file");
        symlink(&target, &path).expect("a link");
        assert_eq!(create(&path).expect_err("a link").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&target).expect("a file"), b"theirs");
        remove_file(&path).expect("a link of ours");
        write(&path, "of a process that is gone").expect("a file");
        create(&path).expect("a name of ours").write_all(b"new").expect("a file");
        assert_eq!(read(&path).expect("a file"), b"new");
        let mode = symlink_metadata(&path).expect("a file").mode();
        assert_eq!(mode & 0o777, MODE);
        create_dir(folder.join("b")).expect("a folder");
        assert!(create(&folder.join("b")).is_err());
        remove_dir_all(folder).expect("a folder of ours");
    }
}
