//! Initial contents of a memory, laid out once for all instances of a module.
//!
//! An image covers whole pages of the machine from the first byte that a segment writes to the last. On
//! Linux it is a file in memory that memories map copy-on-write; elsewhere it is copied.

use crate::sys::{ImageFile, PAGE};
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use dunlin_core::limits::{
    IMAGE_BYTES_MAX, IMAGE_SPARSE_BYTES_MAX, IMAGE_SPARSENESS_MAX, PAGE_BYTES,
};

/// Initial contents of a memory.
pub(crate) struct MemoryImage {
    id: usize,
    start: usize,
    /// Bytes that segments cover; behind them the image is zeros up to the end of a page of WebAssembly.
    used: usize,
    file: ImageFile,
}

impl MemoryImage {
    /// Lays out segments, in order, of a memory of `memory_len` bytes. `None` if they do not all fit, or
    /// would need more than they justify, or there are none, or the machine refuses.
    pub(crate) fn new(memory_len: usize, segments: &[(usize, &[u8])]) -> Option<Self> {
        let (mut first, mut last) = (usize::MAX, 0);
        let mut filled: usize = 0;
        for (at, bytes) in segments {
            let end = at.checked_add(bytes.len()).filter(|end| *end <= memory_len)?;
            if !bytes.is_empty() {
                (first, last) = (first.min(*at), last.max(end));
                filled = filled.saturating_add(bytes.len());
            }
        }
        if first >= last {
            return None;
        }
        let start = first / PAGE * PAGE;
        let used = last.next_multiple_of(PAGE) - start;
        let justified = filled.saturating_mul(IMAGE_SPARSENESS_MAX).max(IMAGE_SPARSE_BYTES_MAX);
        if used > IMAGE_BYTES_MAX.min(justified) {
            return None;
        }
        // Ending with a page of WebAssembly, it leaves small memories no rest that would need a mapping
        // of its own. What nobody touches of it costs nothing.
        let end = last.next_multiple_of(PAGE_BYTES as usize);
        let parts = segments.iter().filter(|(_, bytes)| !bytes.is_empty());
        let file = ImageFile::new(end - start, parts.map(|(at, bytes)| (at - start, *bytes)))?;
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        Some(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), start, used, file })
    }

    /// A number that no other image of the process has; not 0.
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// The bytes of the memory that it covers.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.start + self.file.bytes_len()
    }

    pub(crate) fn file(&self) -> &ImageFile {
        &self.file
    }

    /// How many bytes are more than zeros.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Writes what segments cover into a memory that is zero.
    pub(crate) fn copy_to(&self, memory: &mut [u8]) {
        memory[self.start..self.start + self.used].copy_from_slice(&self.file.bytes()[..self.used]);
    }

    /// Writes the initial contents of `range` of the memory, which is as long as `bytes`.
    pub(crate) fn restore(image: Option<&Self>, range: &Range<usize>, bytes: &mut [u8]) {
        let covered = image.map_or(0..0, |image| image.start..image.start + image.used);
        let (from, to) = (range.start.max(covered.start), range.end.min(covered.end));
        let Some(image) = image.filter(|_| from < to) else {
            bytes.fill(0);
            return;
        };
        bytes[..from - range.start].fill(0);
        bytes[to - range.start..].fill(0);
        let source = &image.file.bytes()[from - image.start..to - image.start];
        bytes[from - range.start..to - range.start].copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn later_segments_overwrite_earlier_ones() {
        let image = MemoryImage::new(65536, &[(5000, b"abcdef"), (5002, b"XY")]).expect("it fits");
        assert_eq!((image.start, image.used, image.range()), (4096, 4096, 4096..65536));
        let mut memory = vec![0; 65536];
        image.copy_to(&mut memory);
        assert_eq!(&memory[4999..5007], b"\0abXYef\0");
        let mut part = vec![9; 4096 * 2];
        MemoryImage::restore(Some(&image), &(0..8192), &mut part);
        assert_eq!(part, &memory[..8192]);
        MemoryImage::restore(None, &(0..8192), &mut part);
        assert!(part.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_segments_do_not_justify_is_not_laid_out() {
        let len = 128 << 20;
        assert!(MemoryImage::new(len, &[]).is_none());
        assert!(MemoryImage::new(len, &[(7, b"")]).is_none());
        assert!(MemoryImage::new(len, &[(len - 1, b"ab")]).is_none());
        assert!(MemoryImage::new(len, &[(usize::MAX, b"ab")]).is_none());
        let far = IMAGE_SPARSE_BYTES_MAX - 1;
        assert!(MemoryImage::new(len, &[(0, b"a"), (far, b"a")]).is_some());
        assert!(MemoryImage::new(len, &[(0, b"a"), (far + 1, b"a")]).is_none());
        let dense = vec![1; IMAGE_SPARSE_BYTES_MAX];
        let far = IMAGE_SPARSE_BYTES_MAX * IMAGE_SPARSENESS_MAX;
        assert!(MemoryImage::new(len, &[(0, &dense), (far - 1, b"a")]).is_some());
        assert!(MemoryImage::new(len, &[(0, &dense), (far + PAGE, b"a")]).is_none());
        // Overlapping segments fill no more than there is.
        let large = vec![1; 1 << 20];
        let many: Vec<(usize, &[u8])> = vec![(0, &large[..]); 100];
        assert!(MemoryImage::new(len, &many).is_some_and(|image| image.used == 1 << 20));
    }
}
