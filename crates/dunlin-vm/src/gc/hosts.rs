//! The host's values that a marking in slices has found to be alive.

use alloc::vec::Vec;

/// A set of indices of the host's values.
#[derive(Default)]
pub(super) struct Hosts {
    bits: Vec<u64>,
    /// Whether there was no memory for one of them: then nobody knows which are dead.
    is_incomplete: bool,
}

impl Hosts {
    /// Adds an index.
    pub(super) fn add(&mut self, index: u32) {
        let word = index as usize / 64;
        let more = (word + 1).saturating_sub(self.bits.len());
        if self.bits.try_reserve(more).is_err() {
            self.is_incomplete = true;
            return;
        }
        self.bits.resize(self.bits.len() + more, 0);
        self.bits[word] |= 1 << (index % 64);
    }

    /// Tells of every index; says whether that was all.
    pub(super) fn tell(&self, tell: &mut dyn FnMut(u32)) -> bool {
        for (word, bits) in self.bits.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                tell(word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        !self.is_incomplete
    }
}

#[cfg(test)]
mod tests {
    use super::Hosts;
    use alloc::vec::Vec;

    #[test]
    fn every_index_is_told_of_once() {
        let mut hosts = Hosts::default();
        for index in [700, 3, 64, 3, 0] {
            hosts.add(index);
        }
        let mut told = Vec::new();
        assert!(hosts.tell(&mut |index| told.push(index)));
        assert_eq!(told, [0, 3, 64, 700]);
    }
}
