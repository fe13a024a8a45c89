//! Places in lists that are free again, in runs of neighbours.

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::Range;

/// Runs of free places. Neighbours are joined, so that what many small ones leave serves a large one.
#[derive(Default, Debug)]
pub struct Runs {
    /// How long the run is that begins at a place.
    by_start: BTreeMap<u32, u32>,
    /// Lengths and starts.
    by_len: BTreeSet<(u32, u32)>,
}

impl Runs {
    /// Takes places that follow each other, from the shortest run that has so many.
    #[must_use]
    pub fn take(&mut self, len: u32) -> Option<u32> {
        let (have, start) = self.by_len.range((len, 0)..).next().copied()?;
        self.remove(start, have);
        if have > len {
            self.insert(start + len, have - len);
        }
        Some(start)
    }

    /// Gives places back.
    pub fn give(&mut self, run: Range<u32>) {
        let (mut start, mut end) = (run.start, run.end);
        if let Some((before, len)) = self.by_start.range(..start).next_back()
            && before + len == start
        {
            let (before, len) = (*before, *len);
            self.remove(before, len);
            start = before;
        }
        if let Some(len) = self.by_start.get(&end).copied() {
            self.remove(end, len);
            end += len;
        }
        if start < end {
            self.insert(start, end - start);
        }
    }

    fn insert(&mut self, start: u32, len: u32) {
        self.by_start.insert(start, len);
        self.by_len.insert((len, start));
    }

    fn remove(&mut self, start: u32, len: u32) {
        self.by_start.remove(&start);
        self.by_len.remove(&(len, start));
    }
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn neighbours_are_joined() {
        let mut runs = Runs::default();
        for run in [0..2, 8..9, 4..6, 2..4] {
            runs.give(run);
        }
        assert_eq!((runs.take(1), runs.take(7), runs.take(4)), (Some(8), None, Some(0)));
        assert_eq!((runs.take(2), runs.take(1)), (Some(4), None));
    }
}
