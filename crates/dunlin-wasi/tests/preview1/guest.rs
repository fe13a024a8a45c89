//! A guest without a program: it lays out arguments in its memory and calls functions, as compiled
//! code would.

use std::path::Path;

use dunlin_wasi::types::{Abi, FdFlags, OFlags, Rights};
use dunlin_wasi::{DirRights, Errno, GuestMemory, WasiCtx, WasiCtxBuilder, preview1};
use tempfile::TempDir;

/// Where results are written.
const RESULT: u32 = 64;
/// Where arguments are laid out.
const ARGUMENTS: u32 = 4096;
/// Bytes of the guest's memory.
const MEMORY_BYTES: usize = 256 * 1024;

/// The first preopened descriptor.
pub(crate) const ROOT: u32 = 3;
/// The second one, in tests that have two.
pub(crate) const OTHER: u32 = 4;

/// How to open, beyond the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) follow: bool,
    pub(crate) oflags: OFlags,
    pub(crate) base: Rights,
    pub(crate) flags: FdFlags,
}

/// Open what is there, to read.
pub(crate) const READ: How = How {
    follow: true,
    oflags: OFlags::NONE,
    base: Rights::FILE.without(Rights::FILE_CHANGING),
    flags: FdFlags::NONE,
};
/// Open what is there, to read and write.
pub(crate) const WRITE: How = How { base: Rights::FILE, ..READ };
/// Make it if it is not there, to read and write.
pub(crate) const CREATE: How = How { oflags: OFlags::CREAT, ..WRITE };
/// Open a directory.
pub(crate) const DIRECTORY: How =
    How { oflags: OFlags::DIRECTORY, base: Rights::DIRECTORY, ..READ };

pub(crate) struct Guest {
    pub(crate) ctx: WasiCtx,
    pub(crate) bytes: Vec<u8>,
    next: u32,
}

/// A directory of the host's that ends with the test.
pub(crate) fn host_dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A builder that grants one directory as `/`.
pub(crate) fn granting(path: &Path, rights: DirRights) -> WasiCtxBuilder {
    let mut builder = WasiCtx::builder();
    builder.preopened_dir(path, "/", rights).expect("the directory is there");
    builder
}

impl Guest {
    pub(crate) fn new(mut builder: WasiCtxBuilder) -> Guest {
        let ctx = builder.build().expect("a context");
        Guest { ctx, bytes: vec![0; MEMORY_BYTES], next: ARGUMENTS }
    }

    /// A guest with one directory to change, as descriptor 3.
    pub(crate) fn with_dir(path: &Path) -> Guest {
        Guest::new(granting(path, DirRights::ReadWrite))
    }

    /// Calls a function over the guest's memory.
    pub(crate) fn call(
        &mut self,
        function: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        function(&mut self.ctx, &mut GuestMemory::new(&mut self.bytes))
    }

    /// Lays bytes out in memory.
    pub(crate) fn lay(&mut self, bytes: &[u8]) -> (u32, u32) {
        if self.next as usize + bytes.len() > MEMORY_BYTES {
            self.next = ARGUMENTS;
        }
        let place = self.next;
        self.bytes[place as usize..][..bytes.len()].copy_from_slice(bytes);
        self.next = (place + bytes.len() as u32).next_multiple_of(8);
        (place, bytes.len() as u32)
    }

    /// A `u32` of the memory.
    pub(crate) fn u32_at(&self, place: u32) -> u32 {
        u32::from_le_bytes(self.bytes[place as usize..][..4].try_into().expect("four bytes"))
    }

    /// A `u64` of the memory.
    pub(crate) fn u64_at(&self, place: u32) -> u64 {
        u64::from_le_bytes(self.bytes[place as usize..][..8].try_into().expect("eight bytes"))
    }

    pub(crate) fn open(&mut self, dir: u32, path: &str, how: How) -> Result<u32, Errno> {
        let (at, len) = self.lay(path.as_bytes());
        let (oflags, flags) = (u32::from(how.oflags.bits()), u32::from(how.flags.bits()));
        self.call(|ctx, memory| {
            preview1::path_open(
                ctx,
                memory,
                dir,
                u32::from(how.follow),
                at,
                len,
                oflags,
                how.base.bits(),
                u64::MAX,
                flags,
                RESULT,
            )
        })?;
        Ok(self.u32_at(RESULT))
    }

    pub(crate) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.call(|ctx, memory| preview1::fd_close(ctx, memory, fd))
    }

    /// Lays out one buffer and a list that names it.
    fn one_buffer(&mut self, bytes: &[u8]) -> (u32, u32) {
        let (at, len) = self.lay(bytes);
        let mut entry = at.to_le_bytes().to_vec();
        entry.extend_from_slice(&len.to_le_bytes());
        let (list, _) = self.lay(&entry);
        (list, at)
    }

    pub(crate) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        let (list, _) = self.one_buffer(bytes);
        self.call(|ctx, memory| preview1::fd_write(ctx, memory, fd, list, 1, RESULT))?;
        Ok(self.u32_at(RESULT))
    }

    pub(crate) fn read(&mut self, fd: u32, len: usize) -> Result<Vec<u8>, Errno> {
        let (list, at) = self.one_buffer(&vec![0; len]);
        self.call(|ctx, memory| preview1::fd_read(ctx, memory, fd, list, 1, RESULT))?;
        let count = self.u32_at(RESULT) as usize;
        Ok(self.bytes[at as usize..][..count].to_vec())
    }

    pub(crate) fn pwrite(&mut self, fd: u32, bytes: &[u8], offset: u64) -> Result<u32, Errno> {
        let (list, _) = self.one_buffer(bytes);
        self.call(|ctx, memory| preview1::fd_pwrite(ctx, memory, fd, list, 1, offset, RESULT))?;
        Ok(self.u32_at(RESULT))
    }

    pub(crate) fn pread(&mut self, fd: u32, len: usize, offset: u64) -> Result<Vec<u8>, Errno> {
        let (list, at) = self.one_buffer(&vec![0; len]);
        self.call(|ctx, memory| preview1::fd_pread(ctx, memory, fd, list, 1, offset, RESULT))?;
        let count = self.u32_at(RESULT) as usize;
        Ok(self.bytes[at as usize..][..count].to_vec())
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
        self.call(|ctx, memory| {
            preview1::fd_seek(Abi::Snapshot1, ctx, memory, fd, offset, whence, RESULT)
        })?;
        Ok(self.u64_at(RESULT))
    }

    /// Reads one page of a listing: the bytes that were used.
    pub(crate) fn readdir(&mut self, fd: u32, len: u32, cookie: u64) -> Result<Vec<u8>, Errno> {
        let (at, _) = self.lay(&vec![0xee; len as usize]);
        self.call(|ctx, memory| preview1::fd_readdir(ctx, memory, fd, at, len, cookie, RESULT))?;
        let used = self.u32_at(RESULT) as usize;
        assert!(used <= len as usize, "no more than the buffer is used");
        Ok(self.bytes[at as usize..][..used].to_vec())
    }

    pub(crate) fn mkdir(&mut self, dir: u32, path: &str) -> Result<(), Errno> {
        let (at, len) = self.lay(path.as_bytes());
        self.call(|ctx, memory| preview1::path_create_directory(ctx, memory, dir, at, len))
    }

    pub(crate) fn rmdir(&mut self, dir: u32, path: &str) -> Result<(), Errno> {
        let (at, len) = self.lay(path.as_bytes());
        self.call(|ctx, memory| preview1::path_remove_directory(ctx, memory, dir, at, len))
    }

    pub(crate) fn unlink(&mut self, dir: u32, path: &str) -> Result<(), Errno> {
        let (at, len) = self.lay(path.as_bytes());
        self.call(|ctx, memory| preview1::path_unlink_file(ctx, memory, dir, at, len))
    }

    pub(crate) fn symlink(&mut self, target: &str, dir: u32, path: &str) -> Result<(), Errno> {
        let (from, from_len) = self.lay(target.as_bytes());
        let (at, len) = self.lay(path.as_bytes());
        self.call(|ctx, memory| preview1::path_symlink(ctx, memory, from, from_len, dir, at, len))
    }

    pub(crate) fn readlink(&mut self, dir: u32, path: &str, len: u32) -> Result<String, Errno> {
        let (path, path_len) = self.lay(path.as_bytes());
        let (at, _) = self.lay(&vec![0; len as usize]);
        self.call(|ctx, memory| {
            preview1::path_readlink(ctx, memory, dir, path, path_len, at, len, RESULT)
        })?;
        let used = self.u32_at(RESULT) as usize;
        Ok(String::from_utf8_lossy(&self.bytes[at as usize..][..used]).into_owned())
    }

    pub(crate) fn rename(&mut self, from: (u32, &str), to: (u32, &str)) -> Result<(), Errno> {
        let (old, old_len) = self.lay(from.1.as_bytes());
        let (new, new_len) = self.lay(to.1.as_bytes());
        self.call(|ctx, memory| {
            preview1::path_rename(ctx, memory, from.0, old, old_len, to.0, new, new_len)
        })
    }

    pub(crate) fn link(&mut self, from: (u32, &str), to: (u32, &str)) -> Result<(), Errno> {
        let (old, old_len) = self.lay(from.1.as_bytes());
        let (new, new_len) = self.lay(to.1.as_bytes());
        self.call(|ctx, memory| {
            preview1::path_link(ctx, memory, from.0, 0, old, old_len, to.0, new, new_len)
        })
    }

    /// The type and the size of what is at a path.
    pub(crate) fn stat(&mut self, dir: u32, path: &str, follow: bool) -> Result<(u8, u64), Errno> {
        let (at, len) = self.lay(path.as_bytes());
        self.call(|ctx, memory| {
            let follow = u32::from(follow);
            preview1::path_filestat_get(Abi::Snapshot1, ctx, memory, dir, follow, at, len, RESULT)
        })?;
        Ok((self.bytes[RESULT as usize + 16], self.u64_at(RESULT + 32)))
    }

    pub(crate) fn set_times(&mut self, dir: u32, path: &str, follow: bool) -> Result<(), Errno> {
        let (at, len) = self.lay(path.as_bytes());
        self.call(|ctx, memory| {
            let follow = u32::from(follow);
            preview1::path_filestat_set_times(ctx, memory, dir, follow, at, len, 1, 1, 1 | 4)
        })
    }

    /// The rights of a descriptor: its own, and those it passes on.
    pub(crate) fn rights(&mut self, fd: u32) -> Result<(Rights, Rights), Errno> {
        self.call(|ctx, memory| preview1::fd_fdstat_get(ctx, memory, fd, RESULT))?;
        let known = Rights::from_bits_known;
        Ok((known(self.u64_at(RESULT + 8)), known(self.u64_at(RESULT + 16))))
    }
}
