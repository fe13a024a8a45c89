//! A 128-bit vector as plain data (specification, 4.2.1): bytes, least significant first.
//!
//! Bytes rather than one integer: lanes are then slices of memory for the compiler, and lane-wise
//! loops become vector instructions; with shifts of a 128-bit integer they would not.

use core::fmt;

/// A 128-bit vector. Lane 0 is in the first bytes, and every lane is little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct V128([u8; 16]);

impl V128 {
    /// The vector with these bytes, least significant first.
    #[inline(always)]
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The vector's bytes, least significant first.
    #[inline(always)]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The vector with these bits.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits.to_le_bytes())
    }

    /// The vector's bits.
    #[inline(always)]
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    /// The vector with these halves: the first slot of a frame, then the second.
    #[inline(always)]
    #[must_use]
    pub const fn from_halves(low: u64, high: u64) -> Self {
        Self::from_bits(low as u128 | (high as u128) << 64)
    }

    /// The vector's low and high half, as they lie in two slots of a frame.
    #[inline(always)]
    #[must_use]
    pub const fn halves(self) -> (u64, u64) {
        let bits = self.to_bits();
        (bits as u64, (bits >> 64) as u64)
    }
}

impl fmt::Debug for V128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V128({:#034x})", self.to_bits())
    }
}
