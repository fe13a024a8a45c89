//! How bytes of a memory become vectors or lanes, and back (specification, 4.4.7).

use super::{i8x16_replace_lane, i16x8_replace_lane, i32x4_replace_lane, i64x2_replace_lane};
use crate::V128;

/// The narrow lanes in 8 bytes, each as a lane of twice the width.
macro_rules! extending_load {
    ($raw:ident, $narrow:ident $bytes:literal -> $wide:ident $count:literal) => {{
        let raw = $raw.to_le_bytes();
        let mut lanes = [0; $count];
        for (lane, &bytes) in lanes.iter_mut().zip(raw.as_chunks::<$bytes>().0) {
            *lane = $wide::from($narrow::from_le_bytes(bytes));
        }
        V128::from(lanes)
    }};
}

pure! {
    /// 16 bytes as they are.
    fn v128_load(raw: u128) -> V128 { V128::from_bits(raw) }
    /// The bits as they are.
    fn v128_store(value: V128) -> u128 { value.to_bits() }
    /// 8 bytes, each sign-extended into a lane.
    fn v128_load8x8_s(raw: u64) -> V128 { extending_load!(raw, i8 1 -> i16 8) }
    /// 8 bytes, each zero-extended into a lane.
    fn v128_load8x8_u(raw: u64) -> V128 { extending_load!(raw, u8 1 -> u16 8) }
    /// 4 pairs of bytes, each sign-extended into a lane.
    fn v128_load16x4_s(raw: u64) -> V128 { extending_load!(raw, i16 2 -> i32 4) }
    /// 4 pairs of bytes, each zero-extended into a lane.
    fn v128_load16x4_u(raw: u64) -> V128 { extending_load!(raw, u16 2 -> u32 4) }
    /// 2 numbers of 4 bytes, each sign-extended into a lane.
    fn v128_load32x2_s(raw: u64) -> V128 { extending_load!(raw, i32 4 -> i64 2) }
    /// 2 numbers of 4 bytes, each zero-extended into a lane.
    fn v128_load32x2_u(raw: u64) -> V128 { extending_load!(raw, u32 4 -> u64 2) }
    /// 1 byte in every lane.
    fn v128_load8_splat(raw: u8) -> V128 { V128::from_u8x16([raw; 16]) }
    /// 2 bytes in every lane.
    fn v128_load16_splat(raw: u16) -> V128 { V128::from_u16x8([raw; 8]) }
    /// 4 bytes in every lane.
    fn v128_load32_splat(raw: u32) -> V128 { V128::from_u32x4([raw; 4]) }
    /// 8 bytes in every lane.
    fn v128_load64_splat(raw: u64) -> V128 { V128::from_u64x2([raw; 2]) }
    /// 4 bytes in the first lane, zeros in the others.
    fn v128_load32_zero(raw: u32) -> V128 { V128::from_halves(u64::from(raw), 0) }
    /// 8 bytes in the first lane, zeros in the other.
    fn v128_load64_zero(raw: u64) -> V128 { V128::from_halves(raw, 0) }
    /// The vector with 1 byte in one lane.
    fn v128_load8_lane(raw: u8, vector: V128, lane: u8) -> V128 {
        i8x16_replace_lane(vector, i32::from(raw), lane)
    }
    /// The vector with 2 bytes in one lane.
    fn v128_load16_lane(raw: u16, vector: V128, lane: u8) -> V128 {
        i16x8_replace_lane(vector, i32::from(raw), lane)
    }
    /// The vector with 4 bytes in one lane.
    fn v128_load32_lane(raw: u32, vector: V128, lane: u8) -> V128 {
        i32x4_replace_lane(vector, raw as i32, lane)
    }
    /// The vector with 8 bytes in one lane.
    fn v128_load64_lane(raw: u64, vector: V128, lane: u8) -> V128 {
        i64x2_replace_lane(vector, raw as i64, lane)
    }
    /// One lane of 1 byte.
    fn v128_store8_lane(vector: V128, lane: u8) -> u8 {
        vector.to_u8x16()[usize::from(lane) & 15]
    }
    /// One lane of 2 bytes.
    fn v128_store16_lane(vector: V128, lane: u8) -> u16 {
        vector.to_u16x8()[usize::from(lane) & 7]
    }
    /// One lane of 4 bytes.
    fn v128_store32_lane(vector: V128, lane: u8) -> u32 {
        vector.to_u32x4()[usize::from(lane) & 3]
    }
    /// One lane of 8 bytes.
    fn v128_store64_lane(vector: V128, lane: u8) -> u64 {
        vector.to_u64x2()[usize::from(lane) & 1]
    }
}
