//! The old space: blocks of 32 KiB in lines of 128 bytes, allocated into by bumping through what is free.
//!
//! After Immix (Blackburn and McKinley, 2008): a major collection marks the lines that live objects
//! touch; a block without marked lines is free, and the runs of unmarked lines of the others are *holes*.
//! Survivors of the nursery are copied into holes first, in the order of addresses, then into free
//! blocks. An object of more than a line that does not fit the current hole goes to a block of its own
//! kind instead of wasting the hole.
//!
//! Invariants: bytes of a hole that was taken are never looked at unless a start bit says that an object
//! begins there; a line once taken stays marked until the next major collection.

use super::pages::PageMap;
use super::{BLOCK_BYTES, LINE_BYTES, LINES_PER_BLOCK};
use alloc::vec::Vec;

/// What a block is to the old space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Nothing: it is free, or pages of something else.
    Other,
    /// It holds old objects.
    Old,
    /// It holds old objects which the current major collection moves elsewhere while it can.
    Evacuated,
}

/// The lines of a block, a bit each.
pub(super) type Lines = [u64; LINES_PER_BLOCK as usize / 64];

const ALL_LINES: Lines = [u64::MAX; LINES_PER_BLOCK as usize / 64];

/// Bytes that may be allocated by bumping.
#[derive(Clone, Copy, Default)]
struct Hole {
    next: u32,
    end: u32,
}

impl Hole {
    #[inline]
    fn take(&mut self, bytes: u32) -> Option<u32> {
        let at = self.next;
        (bytes <= self.end - at).then(|| {
            self.next = at + bytes;
            at
        })
    }
}

/// The old space.
pub(super) struct OldSpace {
    kinds: Vec<Kind>,
    lines: Vec<Lines>,
    hole: Hole,
    /// Where objects of more than a line go that do not fit the hole.
    overflow: Hole,
    /// The block whose holes are being filled, and the line from which on they are looked for.
    block: u32,
    line: u32,
    /// Blocks with holes, the next one last.
    recyclable: Vec<u32>,
    blocks: u32,
    /// Whether lines are marked by who marks objects, not by who takes them.
    is_marking: bool,
}

impl OldSpace {
    pub(super) const fn new() -> Self {
        Self {
            kinds: Vec::new(),
            lines: Vec::new(),
            hole: Hole { next: 0, end: 0 },
            overflow: Hole { next: 0, end: 0 },
            block: 0,
            line: LINES_PER_BLOCK,
            recyclable: Vec::new(),
            blocks: 0,
            is_marking: false,
        }
    }

    /// Makes room for what is noted of `blocks` blocks; says whether that could be had.
    pub(super) fn grow(&mut self, blocks: u32) -> bool {
        let more = (blocks as usize).saturating_sub(self.kinds.len());
        let room = (blocks as usize).saturating_sub(self.recyclable.len());
        if self.kinds.try_reserve(more).is_err()
            || self.lines.try_reserve(more).is_err()
            || self.recyclable.try_reserve(room).is_err()
        {
            return false;
        }
        self.kinds.resize(blocks as usize, Kind::Other);
        self.lines.resize(blocks as usize, [0; 4]);
        true
    }

    /// What every block of the heap is.
    #[inline]
    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Blocks in use.
    pub(super) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Memory for `bytes` bytes, a multiple of 8 that is smaller than a large object; its contents are
    /// arbitrary. `None` when there is neither a hole nor a free block beyond `spared` ones.
    #[inline]
    pub(super) fn allocate(&mut self, pages: &mut PageMap, bytes: u32, spared: u32) -> Option<u32> {
        match self.hole.take(bytes) {
            Some(at) => Some(at),
            None => self.allocate_slow(pages, bytes, spared),
        }
    }

    #[cold]
    fn allocate_slow(&mut self, pages: &mut PageMap, bytes: u32, spared: u32) -> Option<u32> {
        if bytes > LINE_BYTES {
            if let Some(at) = self.overflow.take(bytes) {
                return Some(at);
            }
            // A hole that has hardly anything left may go; what is left of it is less than this object.
            if self.hole.end - self.hole.next > LINE_BYTES
                && let Some(hole) = self.take_block(pages, spared)
            {
                self.overflow = hole;
                return self.overflow.take(bytes);
            }
        }
        loop {
            if let Some(hole) = self.next_hole() {
                self.hole = hole;
                if let Some(at) = self.hole.take(bytes) {
                    return Some(at);
                }
            } else {
                self.hole = self.take_block(pages, spared)?;
                return self.hole.take(bytes);
            }
        }
    }

    fn take_block(&mut self, pages: &mut PageMap, spared: u32) -> Option<Hole> {
        if pages.free_blocks() <= spared {
            return None;
        }
        let block = pages.take_block()?;
        self.kinds[block as usize] = Kind::Old;
        self.lines[block as usize] = if self.is_marking { [0; 4] } else { ALL_LINES };
        self.blocks += 1;
        Some(Hole { next: block * BLOCK_BYTES, end: (block + 1) * BLOCK_BYTES })
    }

    fn next_hole(&mut self) -> Option<Hole> {
        loop {
            if self.line < LINES_PER_BLOCK {
                let lines = &mut self.lines[self.block as usize];
                if let Some(start) = find(lines, self.line, false) {
                    let end = find(lines, start, true).unwrap_or(LINES_PER_BLOCK);
                    set(lines, start, end);
                    self.line = end;
                    let first = self.block * BLOCK_BYTES;
                    let at = |line| first + line * LINE_BYTES;
                    return Some(Hole { next: at(start), end: at(end) });
                }
            }
            self.block = self.recyclable.pop()?;
            self.line = 0;
        }
    }

    /// Bytes of lines that are free in blocks in use.
    pub(super) fn free_line_bytes(&self) -> u64 {
        let lines = |(kind, lines): (&Kind, &Lines)| {
            if *kind == Kind::Other { 0 } else { u64::from(free_lines(lines)) }
        };
        self.kinds.iter().zip(&self.lines).map(lines).sum::<u64>() * u64::from(LINE_BYTES)
    }

    /// Chooses the blocks that a major collection empties: those with the most free lines, as long as
    /// what they hold fits into `budget` free blocks. Says how many were chosen. With `every`, blocks
    /// without any free line are chosen too.
    pub(super) fn choose_evacuated(&mut self, budget: u32, every: bool) -> u32 {
        let least = if every { 0 } else { LINES_PER_BLOCK / 4 };
        // Blocks by the number of their free lines: the bound is the number at which the budget ends.
        let mut histogram = [0_u32; LINES_PER_BLOCK as usize + 1];
        for (kind, lines) in self.kinds.iter().zip(&self.lines) {
            if *kind == Kind::Old {
                histogram[free_lines(lines) as usize] += 1;
            }
        }
        // A quarter of a block is what its end wastes at worst.
        let mut left = u64::from(budget) * u64::from(LINES_PER_BLOCK) * 3 / 4;
        let mut bound = LINES_PER_BLOCK + 1;
        while bound > least {
            let used = u64::from(LINES_PER_BLOCK - (bound - 1));
            let lines = u64::from(histogram[bound as usize - 1]) * used;
            if lines > left {
                break;
            }
            left -= lines;
            bound -= 1;
        }
        let mut chosen = 0;
        for (kind, lines) in self.kinds.iter_mut().zip(&self.lines) {
            if *kind == Kind::Old && free_lines(lines) >= bound {
                *kind = Kind::Evacuated;
                chosen += 1;
            }
        }
        chosen
    }

    /// Begins a marking: no line is marked, and nothing is allocated but in free blocks.
    pub(super) fn begin_marking(&mut self) {
        self.lines.fill([0; 4]);
        self.is_marking = true;
        self.forget_holes();
    }

    fn forget_holes(&mut self) {
        (self.hole, self.overflow) = (Hole::default(), Hole::default());
        self.recyclable.clear();
        self.line = LINES_PER_BLOCK;
    }

    /// Marks the lines of an object; nothing if it is not an old one.
    #[inline]
    pub(super) fn mark_lines(&mut self, at: u32, bytes: u32) {
        let block = at / BLOCK_BYTES;
        let Some(Kind::Old | Kind::Evacuated) = self.kinds.get(block as usize) else { return };
        let first = at % BLOCK_BYTES / LINE_BYTES;
        let last = ((at % BLOCK_BYTES + bytes - 1) / LINE_BYTES).min(LINES_PER_BLOCK - 1);
        let lines = &mut self.lines[block as usize];
        if last - first <= 1 {
            lines[first as usize / 64] |= 1 << (first % 64);
            lines[last as usize / 64] |= 1 << (last % 64);
        } else {
            set(lines, first, last + 1);
        }
    }

    /// Ends a marking: blocks without marked lines are free, others with unmarked ones get filled.
    pub(super) fn sweep(&mut self, pages: &mut PageMap) {
        self.forget_holes();
        self.is_marking = false;
        self.blocks = 0;
        // The first block is to be the last of the list.
        for block in (0..self.kinds.len()).rev() {
            if self.kinds[block] == Kind::Other {
                continue;
            }
            let free = free_lines(&self.lines[block]);
            if free == LINES_PER_BLOCK {
                self.kinds[block] = Kind::Other;
                pages.give_block(block as u32);
                continue;
            }
            self.kinds[block] = Kind::Old;
            self.blocks += 1;
            if free > 0 {
                // `grow` has made room for every block.
                self.recyclable.push(block as u32);
            }
        }
    }

    /// Calls `fill` with every range of free lines in blocks in use.
    pub(super) fn for_each_hole(&self, mut fill: impl FnMut(u32, u32)) {
        for (block, (kind, lines)) in self.kinds.iter().zip(&self.lines).enumerate() {
            let mut line = 0;
            while *kind != Kind::Other
                && let Some(start) = find(lines, line, false)
            {
                line = find(lines, start, true).unwrap_or(LINES_PER_BLOCK);
                let at = |line| block as u32 * BLOCK_BYTES + line * LINE_BYTES;
                fill(at(start), at(line));
            }
        }
    }
}

fn free_lines(lines: &Lines) -> u32 {
    lines.iter().map(|word| word.count_zeros()).sum()
}

/// The first line from `from` on that is marked, or not.
fn find(lines: &Lines, from: u32, marked: bool) -> Option<u32> {
    let mut from = from;
    while from < LINES_PER_BLOCK {
        let word = lines[from as usize / 64];
        let word = if marked { word } else { !word } >> (from % 64);
        if word != 0 {
            return Some(from + word.trailing_zeros());
        }
        from = (from / 64 + 1) * 64;
    }
    None
}

/// Marks the lines of a range that is not empty.
fn set(lines: &mut Lines, start: u32, end: u32) {
    for (index, word) in lines.iter_mut().enumerate() {
        let first = index as u32 * 64;
        let (from, to) = (start.max(first), end.min(first + 64));
        if from < to {
            *word |= (u64::MAX >> (64 - (to - from))) << (from - first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pages::PageMap;
    use super::{BLOCK_BYTES, Kind, LINE_BYTES, OldSpace, find, free_lines, set};

    fn spaces(blocks: u32) -> (PageMap, OldSpace) {
        let (mut pages, mut old) = (PageMap::new(), OldSpace::new());
        assert!(pages.reserve(blocks) && old.grow(blocks));
        pages.grow(blocks);
        (pages, old)
    }

    #[test]
    fn lines_are_found_and_set() {
        let mut lines = [0; 4];
        set(&mut lines, 60, 130);
        assert_eq!((find(&lines, 0, true), find(&lines, 60, false)), (Some(60), Some(130)));
        assert_eq!((find(&lines, 131, true), free_lines(&lines)), (None, 186));
        set(&mut lines, 0, 256);
        assert_eq!(find(&lines, 0, false), None);
    }

    #[test]
    fn holes_are_filled_before_free_blocks_are_taken() {
        let (mut pages, mut old) = spaces(4);
        assert_eq!(old.allocate(&mut pages, 16, 0), Some(BLOCK_BYTES));
        old.begin_marking();
        old.mark_lines(BLOCK_BYTES + LINE_BYTES, 16);
        old.sweep(&mut pages);
        assert_eq!(old.free_line_bytes(), u64::from(BLOCK_BYTES - LINE_BYTES));
        assert_eq!(old.allocate(&mut pages, LINE_BYTES, 0), Some(BLOCK_BYTES));
        assert_eq!(old.allocate(&mut pages, 8, 0), Some(BLOCK_BYTES + 2 * LINE_BYTES));
        // The rest of the block is one hole, and then there are free blocks.
        let rest = BLOCK_BYTES - 2 * LINE_BYTES - 8;
        assert_eq!(old.allocate(&mut pages, rest + 8, 0), Some(2 * BLOCK_BYTES));
        assert_eq!(old.allocate(&mut pages, rest, 2), Some(BLOCK_BYTES + 2 * LINE_BYTES + 8));
        assert_eq!(old.allocate(&mut pages, 136, 1), Some(3 * BLOCK_BYTES - 256));
        assert_eq!(old.allocate(&mut pages, 136, 1), None);
    }

    #[test]
    fn unmarked_blocks_are_free_again() {
        let (mut pages, mut old) = spaces(3);
        assert!(old.allocate(&mut pages, 8, 0).is_some());
        assert_eq!(pages.free_blocks(), 1);
        old.begin_marking();
        old.sweep(&mut pages);
        assert_eq!((pages.free_blocks(), old.blocks()), (2, 0));
        assert!(old.kinds().iter().all(|kind| *kind == Kind::Other));
    }

    #[test]
    fn the_emptiest_blocks_are_evacuated_within_the_budget() {
        let (mut pages, mut old) = spaces(8);
        for _ in 0..6 {
            assert!(old.allocate(&mut pages, BLOCK_BYTES / 8 * 7, 0).is_some());
        }
        old.begin_marking();
        for block in 1..7 {
            old.mark_lines(block * BLOCK_BYTES, block * 40 * LINE_BYTES);
        }
        old.sweep(&mut pages);
        assert_eq!(old.choose_evacuated(1, false), 2);
        assert_eq!(old.kinds()[1..4], [Kind::Evacuated, Kind::Evacuated, Kind::Old]);
    }
}
