//! Which pages of the heap are free: a byte a block, a bit a page.
//!
//! Blocks of the old space are eight pages that are aligned to a block, which is one byte of the map;
//! nurseries and large objects are runs of pages. Page 0 is never handed out: offset 0 is no object.

use super::PAGES_PER_BLOCK;
use alloc::vec::Vec;

const FREE_BLOCK: u8 = 0xFF;

/// The free pages of a heap.
pub(super) struct PageMap {
    /// Bit `n` of a block's byte: its page `n` is free.
    free: Vec<u8>,
    free_blocks: u32,
    free_pages: u32,
    /// No page of a block before this one is free.
    first_page: u32,
    /// No block before this one is free.
    first_block: u32,
}

impl PageMap {
    pub(super) const fn new() -> Self {
        Self { free: Vec::new(), free_blocks: 0, free_pages: 0, first_page: 0, first_block: 0 }
    }

    /// Blocks, free or not.
    pub(super) fn blocks(&self) -> u32 {
        self.free.len() as u32
    }

    /// Blocks all of whose pages are free.
    #[inline]
    pub(super) fn free_blocks(&self) -> u32 {
        self.free_blocks
    }

    /// Pages that are free.
    pub(super) fn free_pages(&self) -> u32 {
        self.free_pages
    }

    /// Makes room for `blocks` blocks in the map itself; says whether that could be had.
    pub(super) fn reserve(&mut self, blocks: u32) -> bool {
        let more = (blocks as usize).saturating_sub(self.free.len());
        self.free.try_reserve(more).is_ok()
    }

    /// Grows to `blocks` blocks, for which room has been made; the new ones are free.
    pub(super) fn grow(&mut self, blocks: u32) {
        let before = self.blocks();
        self.free.resize(blocks as usize, FREE_BLOCK);
        self.free_blocks += blocks - before;
        self.free_pages += (blocks - before) * PAGES_PER_BLOCK;
        self.first_page = self.first_page.min(before);
        self.first_block = self.first_block.min(before);
        if before == 0 && blocks > 0 {
            self.take(0, 1);
        }
    }

    /// Takes a free block.
    pub(super) fn take_block(&mut self) -> Option<u32> {
        let from = self.first_block as usize;
        let found = self.free.get(from..)?.iter().position(|byte| *byte == FREE_BLOCK);
        let Some(found) = found else {
            self.first_block = self.blocks();
            return None;
        };
        let block = (from + found) as u32;
        self.first_block = block + 1;
        self.take(block * PAGES_PER_BLOCK, PAGES_PER_BLOCK);
        Some(block)
    }

    /// Takes the first run of `count` pages, which is not 0; gives its first.
    pub(super) fn take_pages(&mut self, count: u32) -> Option<u32> {
        if count > self.free_pages {
            return None;
        }
        let first = self.first_page as usize;
        let (mut run, mut is_first) = (0, true);
        for (block, byte) in self.free.iter().enumerate().skip(first) {
            let page = block as u32 * PAGES_PER_BLOCK;
            if is_first && *byte != 0 {
                self.first_page = block as u32;
                is_first = false;
            }
            match *byte {
                0 => run = 0,
                FREE_BLOCK if run + PAGES_PER_BLOCK < count => run += PAGES_PER_BLOCK,
                byte => {
                    for bit in 0..PAGES_PER_BLOCK {
                        run = if byte >> bit & 1 == 1 { run + 1 } else { 0 };
                        if run == count {
                            let start = page + bit + 1 - count;
                            self.take(start, count);
                            return Some(start);
                        }
                    }
                }
            }
        }
        None
    }

    fn take(&mut self, page: u32, count: u32) {
        self.change(page, count, |byte, mask| {
            debug_assert_eq!(byte & mask, mask, "the pages are free");
            byte & !mask
        });
        self.free_pages -= count;
    }

    /// Gives back a run of pages.
    pub(super) fn give(&mut self, page: u32, count: u32) {
        self.change(page, count, |byte, mask| {
            debug_assert_eq!(byte & mask, 0, "the pages are taken");
            byte | mask
        });
        self.free_pages += count;
        let block = page / PAGES_PER_BLOCK;
        self.first_page = self.first_page.min(block);
        self.first_block = self.first_block.min(block);
    }

    /// Takes blocks that are free.
    pub(super) fn take_blocks(&mut self, start: u32, end: u32) {
        self.take(start * PAGES_PER_BLOCK, (end - start) * PAGES_PER_BLOCK);
    }

    /// Gives back blocks.
    pub(super) fn give_blocks(&mut self, start: u32, end: u32) {
        self.give(start * PAGES_PER_BLOCK, (end - start) * PAGES_PER_BLOCK);
    }

    /// Gives back a block.
    pub(super) fn give_block(&mut self, block: u32) {
        self.give(block * PAGES_PER_BLOCK, PAGES_PER_BLOCK);
    }

    fn change(&mut self, page: u32, count: u32, change: impl Fn(u8, u8) -> u8) {
        let (mut page, end) = (page, page + count);
        while page < end {
            let block = page / PAGES_PER_BLOCK;
            let upto = end.min((block + 1) * PAGES_PER_BLOCK);
            let mask = (((1_u32 << (upto - page)) - 1) << (page % PAGES_PER_BLOCK)) as u8;
            let byte = &mut self.free[block as usize];
            let before = *byte == FREE_BLOCK;
            *byte = change(*byte, mask);
            let after = *byte == FREE_BLOCK;
            self.free_blocks = self.free_blocks + u32::from(after) - u32::from(before);
            page = upto;
        }
    }

    /// The runs of free blocks, as pairs of the first block and the one after the last.
    pub(super) fn free_runs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut block = 0;
        core::iter::from_fn(move || {
            let is_free = |byte: &u8| *byte == FREE_BLOCK;
            let start = block + self.free.get(block..)?.iter().position(is_free)?;
            let len = self.free[start..].iter().position(|byte| !is_free(byte));
            let end = len.map_or(self.free.len(), |len| start + len);
            block = end;
            Some((start as u32, end as u32))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::PageMap;
    use alloc::vec::Vec;

    fn map(blocks: u32) -> PageMap {
        let mut map = PageMap::new();
        assert!(map.reserve(blocks));
        map.grow(blocks);
        map
    }

    #[test]
    fn page_0_is_never_handed_out() {
        let mut map = map(2);
        assert_eq!((map.free_blocks(), map.free_pages()), (1, 15));
        assert_eq!(map.take_pages(7), Some(1));
        assert_eq!(map.take_block(), Some(1));
        assert_eq!((map.take_pages(1), map.take_block()), (None, None));
    }

    #[test]
    fn runs_cross_blocks_and_are_given_back() {
        let mut map = map(4);
        assert_eq!(map.take_pages(20), Some(1));
        assert_eq!(map.take_pages(11), Some(21));
        map.give(10, 4);
        assert_eq!(map.take_pages(5), None);
        assert_eq!(map.take_pages(3), Some(10));
        assert_eq!(map.take_pages(1), Some(13));
        map.give(10, 4);
        map.give(1, 9);
        map.give(14, 18);
        assert_eq!((map.free_blocks(), map.free_pages()), (3, 31));
        assert_eq!(map.free_runs().collect::<Vec<_>>(), [(1, 4)]);
    }

    #[test]
    fn growing_adds_free_blocks() {
        let mut map = map(1);
        assert_eq!(map.take_block(), None);
        assert!(map.reserve(3));
        map.grow(3);
        assert_eq!(map.take_block(), Some(1));
        assert_eq!(map.take_block(), Some(2));
        map.give_block(1);
        assert_eq!(map.take_block(), Some(1));
    }
}
