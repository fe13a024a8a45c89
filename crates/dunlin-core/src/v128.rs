//! A 128-bit vector as plain data (specification, 4.2.1): bytes, least significant first.
//!
//! Bytes rather than one integer: lanes are then slices of memory for the compiler, and lane-wise
//! loops become vector instructions; with shifts of a 128-bit integer they would not. For the same
//! reason a caller reads and writes vectors in memory whole (as [`V128`], or through
//! [`V128::from_bytes`]): halves put together in registers come apart into bytes again, and turn the
//! one instruction of `i8x16.add_sat_s` into two hundred.

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

    /// The vector with these halves: the first slot of a frame, then the second. Slow before an
    /// operator on lanes, as the file's head explains.
    #[inline(always)]
    #[must_use]
    pub fn from_halves(low: u64, high: u64) -> Self {
        Self::from_u64x2([low, high])
    }

    /// The vector's low and high half, as they lie in two slots of a frame.
    #[inline(always)]
    #[must_use]
    pub fn halves(self) -> (u64, u64) {
        let [low, high] = self.to_u64x2();
        (low, high)
    }
}

/// Conversions between a vector and an array of its lanes, lane 0 first.
macro_rules! lane_conversions {
    ($($to:ident $from:ident: $lane:ident $count:literal;)*) => {
        impl V128 {$(
            /// The vector's lanes, lane 0 first.
            #[inline(always)]
            #[must_use]
            pub fn $to(self) -> [$lane; $count] {
                let (chunks, _) = self.0.as_chunks();
                let mut lanes = [$lane::default(); $count];
                for (lane, &chunk) in lanes.iter_mut().zip(chunks) {
                    *lane = $lane::from_le_bytes(chunk);
                }
                lanes
            }

            /// The vector with these lanes, lane 0 first.
            #[inline(always)]
            #[must_use]
            pub fn $from(lanes: [$lane; $count]) -> Self {
                let mut bytes = [0; 16];
                let (chunks, _) = bytes.as_chunks_mut();
                for (chunk, lane) in chunks.iter_mut().zip(lanes) {
                    *chunk = lane.to_le_bytes();
                }
                Self(bytes)
            }
        )*}

        $(
            impl From<V128> for [$lane; $count] {
                #[inline(always)]
                fn from(vector: V128) -> Self {
                    vector.$to()
                }
            }

            impl From<[$lane; $count]> for V128 {
                #[inline(always)]
                fn from(lanes: [$lane; $count]) -> Self {
                    Self::$from(lanes)
                }
            }
        )*
    };
}

lane_conversions! {
    to_i8x16 from_i8x16: i8 16;
    to_u8x16 from_u8x16: u8 16;
    to_i16x8 from_i16x8: i16 8;
    to_u16x8 from_u16x8: u16 8;
    to_i32x4 from_i32x4: i32 4;
    to_u32x4 from_u32x4: u32 4;
    to_i64x2 from_i64x2: i64 2;
    to_u64x2 from_u64x2: u64 2;
    to_f32x4 from_f32x4: f32 4;
    to_f64x2 from_f64x2: f64 2;
}

impl From<u128> for V128 {
    fn from(bits: u128) -> Self {
        Self::from_bits(bits)
    }
}

impl From<V128> for u128 {
    fn from(vector: V128) -> Self {
        vector.to_bits()
    }
}

impl fmt::Debug for V128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V128({:#034x})", self.to_bits())
    }
}
