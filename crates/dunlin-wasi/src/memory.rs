//! The guest's memory as the host sees it: checked, little-endian, never trusted.
//!
//! Invariants: no function here panics for any pointer or length; a range outside memory is `FAULT`;
//! nothing is allocated whose size the guest chose, other than what already lies in its memory.

use std::io::IoSlice;

use crate::errno::Errno;
use crate::limits::Limits;

/// Bytes of one entry of a scatter or gather list: a pointer and a length.
const IOVEC_BYTES: u32 = 8;

/// A borrowed guest memory.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: &'a mut [u8],
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
        GuestMemory { bytes }
    }

    /// Checks that `len` bytes at `ptr` lie inside memory.
    ///
    /// # Errors
    /// `FAULT` when they do not.
    pub fn region(&self, ptr: u32, len: u32) -> Result<Region, Errno> {
        let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
        let len = usize::try_from(len).map_err(|_| Errno::Fault)?;
        let end = start.checked_add(len).ok_or(Errno::Fault)?;
        if end > self.bytes.len() {
            return Err(Errno::Fault);
        }
        Ok(Region { start, len })
    }

    /// The bytes of a region; empty if the region came from another, larger memory.
    #[must_use]
    pub fn bytes(&self, region: Region) -> &[u8] {
        self.bytes.get(region.start..region.start + region.len).unwrap_or(&[])
    }

    /// The bytes of a region, to write; empty if the region came from another, larger memory.
    #[must_use]
    pub fn bytes_mut(&mut self, region: Region) -> &mut [u8] {
        self.bytes.get_mut(region.start..region.start + region.len).unwrap_or(&mut [])
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
        self.bytes_mut(region).copy_from_slice(bytes);
        Ok(())
    }

    /// Reads a fixed number of bytes at `ptr`.
    ///
    /// # Errors
    /// `FAULT` when they are not all inside memory.
    pub fn read_array<const N: usize>(&self, ptr: u32) -> Result<[u8; N], Errno> {
        let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
        let tail = self.bytes.get(start..).ok_or(Errno::Fault)?;
        tail.first_chunk::<N>().copied().ok_or(Errno::Fault)
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
