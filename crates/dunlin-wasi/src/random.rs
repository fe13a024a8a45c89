//! Random bytes: the host's, or a seeded row that is the same in every run.

use std::fmt;

use crate::errno::Errno;

/// A source of random bytes.
pub trait RandomSource: fmt::Debug + Send {
    /// Fills a buffer.
    ///
    /// # Errors
    /// `IO` when the source has failed.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Errno>;
}

/// The host's secure source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Errno> {
        getrandom::fill(buffer).map_err(|_| Errno::Io)
    }
}

/// A row of numbers decided by its seed (SplitMix64, by Steele, Lea and Flood): for tests and replay,
/// never for secrets.
#[derive(Clone, Copy, Debug)]
pub struct SeededRandom {
    state: u64,
}

impl SeededRandom {
    /// The row that belongs to a seed.
    #[must_use]
    pub fn new(seed: u64) -> SeededRandom {
        SeededRandom { state: seed }
    }

    /// The next number of the row.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl RandomSource for SeededRandom {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Errno> {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_row() {
        let mut first = [0_u8; 20];
        let mut second = [0_u8; 20];
        assert_eq!(SeededRandom::new(1).fill(&mut first), Ok(()));
        assert_eq!(SeededRandom::new(1).fill(&mut second), Ok(()));
        assert_eq!(first, second);
        assert_eq!(SeededRandom::new(2).fill(&mut second), Ok(()));
        assert_ne!(first, second);
        assert_eq!(SystemRandom.fill(&mut first), Ok(()));
        assert_ne!(first, [0; 20]);
    }
}
