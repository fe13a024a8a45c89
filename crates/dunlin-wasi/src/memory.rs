//! The guest's memory as the host sees it: checked, little-endian, never trusted.
//!
//! Invariants: no function here panics for any pointer or length; a range outside memory is `FAULT`;
//! nothing is allocated whose size the guest chose, other than what already lies in its memory.
//!
//! A memory that other threads may write to cannot be borrowed. What is read of it is copied first, once, so
//! that what was checked is what is used; what is to be written goes to a copy, of which those bytes that have
//! changed are written back.

use std::cell::OnceCell;
use std::io::IoSlice;

use dunlin::SharedMemory;

use crate::errno::Errno;
use crate::limits::Limits;

/// Bytes of one entry of a scatter or gather list: a pointer and a length.
const IOVEC_BYTES: u32 = 8;

/// A borrowed guest memory, or a shared one.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: Bytes<'a>,
}

/// A memory's bytes.
#[derive(Debug)]
enum Bytes<'a> {
    Borrowed(&'a mut [u8]),
    Shared(Copies),
}

/// Copies of a shared memory's bytes.
#[derive(Debug)]
struct Copies {
    memory: SharedMemory,
    /// The memory's length when the call began; it never shrinks.
    len: usize,
    /// What has been read.
    read: Chain,
    /// What is to be written back.
    staged: Option<Staged>,
}

/// A copy that is being written to.
#[derive(Debug)]
struct Staged {
    start: usize,
    before: Vec<u8>,
    bytes: Vec<u8>,
}

/// Copies, one after the other, that live as long as the chain.
#[derive(Debug, Default)]
struct Chain(OnceCell<Box<(Vec<u8>, Chain)>>);

impl Chain {
    /// Keeps a copy.
    fn keep(&self, copy: Vec<u8>) -> &[u8] {
        let mut end = self;
        while let Some(link) = end.0.get() {
            end = &link.1;
        }
        &end.0.get_or_init(|| Box::new((copy, Chain::default()))).0
    }
}

impl Copies {
    /// A copy of some bytes; empty if they are not all there.
    fn copy(&self, region: Region) -> Vec<u8> {
        let mut copy = vec![0; region.len];
        match self.memory.read(region.start, &mut copy) {
            Ok(()) => copy,
            Err(_) => Vec::new(),
        }
    }

    /// Bytes to be written.
    fn stage(&mut self, region: Region) -> &mut [u8] {
        self.write_back();
        let before = self.copy(region);
        let bytes = before.clone();
        &mut self.staged.insert(Staged { start: region.start, before, bytes }).bytes
    }

    /// Writes back what has changed: another thread may have written to the rest.
    fn write_back(&mut self) {
        let Some(Staged { start, before, bytes }) = self.staged.take() else { return };
        let mut at = start;
        for run in Runs(&before, &bytes) {
            if let Some(changed) = run.changed {
                // It was in bounds, and memories never shrink.
                let _ = self.memory.write(at, changed);
            }
            at += run.len;
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.write_back();
    }
}

/// Cuts two lists of bytes of one length where they begin and end to differ.
struct Runs<'a>(&'a [u8], &'a [u8]);

/// Bytes that are all the same in both lists, or all different.
struct Run<'a> {
    len: usize,
    changed: Option<&'a [u8]>,
}

impl<'a> Iterator for Runs<'a> {
    type Item = Run<'a>;

    fn next(&mut self) -> Option<Run<'a>> {
        let differs = self.0.first()? != self.1.first()?;
        let pairs = self.0.iter().zip(self.1);
        let len = pairs.take_while(|(old, new)| (old != new) == differs).count();
        let (old, new) = (self.0.split_at(len), self.1.split_at(len));
        (self.0, self.1) = (old.1, new.1);
        Some(Run { len, changed: differs.then_some(new.0) })
    }
}

/// A checked range of guest memory: it lay inside when it was made, and memories never shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    start: usize,
    len: usize,
}

impl Region {
    /// How many bytes the region covers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the region covers nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<'a> GuestMemory<'a> {
    /// Wraps the bytes of a linear memory.
    #[must_use]
    pub fn new(bytes: &'a mut [u8]) -> GuestMemory<'a> {
        GuestMemory { bytes: Bytes::Borrowed(bytes) }
    }

    /// A memory that other threads may write to at any time. What is written to slices of it is there at the
    /// latest when this is dropped.
    #[must_use]
    pub fn shared(memory: SharedMemory) -> GuestMemory<'static> {
        let len = memory.data_size();
        let copies = Copies { memory, len, read: Chain::default(), staged: None };
        GuestMemory { bytes: Bytes::Shared(copies) }
    }

    fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Borrowed(bytes) => bytes.len(),
            Bytes::Shared(copies) => copies.len,
        }
    }

    /// Checks that `len` bytes at `ptr` lie inside memory.
    ///
    /// # Errors
    /// `FAULT` when they do not.
    pub fn region(&self, ptr: u32, len: u32) -> Result<Region, Errno> {
        let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
        let len = usize::try_from(len).map_err(|_| Errno::Fault)?;
        let end = start.checked_add(len).ok_or(Errno::Fault)?;
        if end > self.len() {
            return Err(Errno::Fault);
        }
        Ok(Region { start, len })
    }

    /// The bytes of a region; empty if the region came from another, larger memory.
    #[must_use]
    pub fn bytes(&self, region: Region) -> &[u8] {
        match &self.bytes {
            Bytes::Borrowed(bytes) => {
                bytes.get(region.start..region.start + region.len).unwrap_or(&[])
            }
            Bytes::Shared(copies) => copies.read.keep(copies.copy(region)),
        }
    }

    /// The bytes of a region, to write; empty if the region came from another, larger memory.
    #[must_use]
    pub fn bytes_mut(&mut self, region: Region) -> &mut [u8] {
        match &mut self.bytes {
            Bytes::Borrowed(bytes) => {
                bytes.get_mut(region.start..region.start + region.len).unwrap_or(&mut [])
            }
            Bytes::Shared(copies) => copies.stage(region),
        }
    }

    /// `len` bytes at `ptr`.
    ///
    /// # Errors
    /// `FAULT` when they are not all inside memory.
    pub fn read(&self, ptr: u32, len: u32) -> Result<&[u8], Errno> {
        self.region(ptr, len).map(|region| self.bytes(region))
    }

    /// Copies `bytes` to `ptr`.
    ///
    /// # Errors
    /// `FAULT` when they do not all fit inside memory; nothing is written then.
    pub fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        let region = self.region(ptr, len)?;
        match &mut self.bytes {
            Bytes::Borrowed(_) => self.bytes_mut(region).copy_from_slice(bytes),
            Bytes::Shared(copies) => {
                copies.memory.write(region.start, bytes).map_err(|_| Errno::Fault)?;
            }
        }
        Ok(())
    }

    /// Reads a fixed number of bytes at `ptr`.
    ///
    /// # Errors
    /// `FAULT` when they are not all inside memory.
    pub fn read_array<const N: usize>(&self, ptr: u32) -> Result<[u8; N], Errno> {
        let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
        match &self.bytes {
            Bytes::Borrowed(bytes) => {
                let tail = bytes.get(start..).ok_or(Errno::Fault)?;
                tail.first_chunk::<N>().copied().ok_or(Errno::Fault)
            }
            Bytes::Shared(copies) => {
                let mut array = [0; N];
                copies.memory.read(start, &mut array).map_err(|_| Errno::Fault)?;
                Ok(array)
            }
        }
    }

    /// Reads a `u32`.
    ///
    /// # Errors
    /// `FAULT` outside memory.
    pub fn read_u32(&self, ptr: u32) -> Result<u32, Errno> {
        self.read_array(ptr).map(u32::from_le_bytes)
    }

    /// Writes a `u16`.
    ///
    /// # Errors
    /// `FAULT` outside memory.
    pub fn write_u16(&mut self, ptr: u32, value: u16) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a `u32`.
    ///
    /// # Errors
    /// `FAULT` outside memory.
    pub fn write_u32(&mut self, ptr: u32, value: u32) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a `u64`.
    ///
    /// # Errors
    /// `FAULT` outside memory.
    pub fn write_u64(&mut self, ptr: u32, value: u64) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// A path or other text: UTF-8 without a NUL, within the limit.
    ///
    /// # Errors
    /// `NAMETOOLONG`, `FAULT`, `ILSEQ` for bytes that are no text, `INVAL` for a NUL, which would end
    /// the name early on the host.
    pub fn read_path(&self, ptr: u32, len: u32, limits: &Limits) -> Result<&str, Errno> {
        if len > limits.path_bytes_max {
            return Err(Errno::Nametoolong);
        }
        let bytes = self.read(ptr, len)?;
        if bytes.contains(&0) {
            return Err(Errno::Inval);
        }
        std::str::from_utf8(bytes).map_err(|_| Errno::Ilseq)
    }

    /// The regions that a scatter or gather list names, cut off at the transfer limit.
    ///
    /// # Errors
    /// `INVAL` for more entries than the limit or lengths whose sum no size can hold; `FAULT` when the
    /// list or one of its regions is not inside memory.
    pub fn iovecs(&self, ptr: u32, count: u32, limits: &Limits) -> Result<Vec<Region>, Errno> {
        if count > limits.iovecs_max {
            return Err(Errno::Inval);
        }
        let list_bytes = count.checked_mul(IOVEC_BYTES).ok_or(Errno::Overflow)?;
        let list = self.read(ptr, list_bytes)?;
        let mut regions = Vec::with_capacity(list.len() / IOVEC_BYTES as usize);
        let mut total = 0_u32;
        for entry in list.chunks_exact(IOVEC_BYTES as usize) {
            let (start, len) = split_iovec(entry)?;
            total = total.checked_add(len).ok_or(Errno::Inval)?;
            regions.push(self.region(start, len)?);
        }
        truncate_regions(&mut regions, limits.transfer_bytes_max);
        Ok(regions)
    }

    /// The bytes of several regions, for one gathered write.
    #[must_use]
    pub fn io_slices(&self, regions: &[Region]) -> Vec<IoSlice<'_>> {
        regions
            .iter()
            .filter(|region| !region.is_empty())
            .map(|region| IoSlice::new(self.bytes(*region)))
            .collect()
    }
}

/// The pointer and the length of one entry.
fn split_iovec(entry: &[u8]) -> Result<(u32, u32), Errno> {
    let start = entry.first_chunk::<4>().ok_or(Errno::Fault)?;
    let len = entry.last_chunk::<4>().ok_or(Errno::Fault)?;
    Ok((u32::from_le_bytes(*start), u32::from_le_bytes(*len)))
}

/// Shortens a list of regions so that it covers at most `bytes_max` bytes.
fn truncate_regions(regions: &mut Vec<Region>, bytes_max: u32) {
    let mut left = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    for region in regions {
        region.len = region.len.min(left);
        left -= region.len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked_at_every_edge() {
        let mut bytes = [0_u8; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        assert!(memory.region(16, 0).is_ok());
        assert_eq!(memory.region(17, 0), Err(Errno::Fault));
        assert_eq!(memory.region(u32::MAX, u32::MAX), Err(Errno::Fault));
        assert_eq!(memory.write_u64(9, 1), Err(Errno::Fault));
        assert_eq!(memory.write_u64(8, 0x0102_0304_0506_0708), Ok(()));
        assert_eq!(memory.read_u32(8), Ok(0x0506_0708));
        assert_eq!(memory.read_u32(13), Err(Errno::Fault));
        assert_eq!(memory.read_array::<1>(u32::MAX), Err(Errno::Fault));
    }

    #[test]
    fn of_a_shared_memory_only_what_changed_is_written_back() -> dunlin::Result<()> {
        let ty = dunlin::MemoryType::shared(1, 1);
        let shared = SharedMemory::new(&dunlin::Engine::default(), ty)?;
        shared.write(8, b"abcdefgh")?;
        let mut memory = GuestMemory::shared(shared.clone());
        let region = memory.region(8, 8).expect("in bounds");
        assert_eq!(memory.bytes(region), b"abcdefgh");
        memory.bytes_mut(region)[2..4].copy_from_slice(b"XY");
        // What another thread writes meanwhile stays.
        shared.write(8, b"1")?;
        let mut found = [0; 8];
        shared.read(8, &mut found)?;
        assert_eq!(&found, b"1bcdefgh");
        assert_eq!(memory.write_u32(65_536, 1), Err(Errno::Fault));
        assert_eq!(memory.read_array::<2>(65_535), Err(Errno::Fault));
        drop(memory);
        shared.read(8, &mut found)?;
        assert_eq!(&found, b"1bXYefgh");
        Ok(())
    }

    #[test]
    fn lists_are_bounded_in_count_sum_and_place() {
        let mut bytes = [0_u8; 64];
        bytes[0..8].copy_from_slice(&[32, 0, 0, 0, 8, 0, 0, 0]);
        bytes[8..16].copy_from_slice(&[32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        let memory = GuestMemory::new(&mut bytes);
        let limits = Limits { transfer_bytes_max: 5, ..Limits::default() };
        let regions = memory.iovecs(0, 1, &limits);
        assert_eq!(regions.map(|list| list[0].len()), Ok(5));
        assert_eq!(memory.iovecs(0, 2, &limits), Err(Errno::Inval));
        assert_eq!(memory.iovecs(8, 1, &limits), Err(Errno::Fault));
        assert_eq!(memory.iovecs(0, u32::MAX, &limits), Err(Errno::Inval));
        assert_eq!(memory.iovecs(60, 1, &limits), Err(Errno::Fault));
    }
}
