//! Operators that move lanes: splat, extract, replace, shuffle, swizzle.
//!
//! Validation bounds the lane indices. They are masked all the same: that costs an instruction at
//! most and leaves nothing that could panic.

use crate::V128;

/// `splat` and `replace_lane` of one shape: a value of the operand type becomes a lane by `as`.
macro_rules! lane_moves {
    ($($shape:ident $lane:ident $count:literal $value:ident: $splat:ident $replace:ident;)*) => {
        pure! {$(
            /// The operand in every lane.
            fn $splat(operand: $value) -> V128 { V128::from([operand as $lane; $count]) }
            /// The vector with one lane replaced.
            fn $replace(vector: V128, value: $value, lane: u8) -> V128 {
                let mut lanes = <[$lane; $count]>::from(vector);
                lanes[usize::from(lane) & ($count - 1)] = value as $lane;
                V128::from(lanes)
            }
        )*}
    };
}

/// `extract_lane` of one shape: a lane of the given type becomes a value by `as`.
macro_rules! lane_reads {
    ($($lane:ident $count:literal $value:ident: $extract:ident;)*) => {
        pure! {$(
            /// One lane as a number.
            fn $extract(vector: V128, lane: u8) -> $value {
                <[$lane; $count]>::from(vector)[usize::from(lane) & ($count - 1)] as $value
            }
        )*}
    };
}

lane_moves! {
    i8x16 i8 16 i32: i8x16_splat i8x16_replace_lane;
    i16x8 i16 8 i32: i16x8_splat i16x8_replace_lane;
    i32x4 i32 4 i32: i32x4_splat i32x4_replace_lane;
    i64x2 i64 2 i64: i64x2_splat i64x2_replace_lane;
    f32x4 f32 4 f32: f32x4_splat f32x4_replace_lane;
    f64x2 f64 2 f64: f64x2_splat f64x2_replace_lane;
}

lane_reads! {
    i8 16 i32: i8x16_extract_lane_s;
    u8 16 i32: i8x16_extract_lane_u;
    i16 8 i32: i16x8_extract_lane_s;
    u16 8 i32: i16x8_extract_lane_u;
    i32 4 i32: i32x4_extract_lane;
    i64 2 i64: i64x2_extract_lane;
    f32 4 f32: f32x4_extract_lane;
    f64 2 f64: f64x2_extract_lane;
}

pure! {
    /// Bytes of both operands by constant indices: 0 to 15 is the first, 16 to 31 the second.
    fn i8x16_shuffle(lhs: V128, rhs: V128, lanes: [u8; 16]) -> V128 {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&lhs.to_bytes());
        bytes[16..].copy_from_slice(&rhs.to_bytes());
        V128::from_bytes(lanes.map(|lane| bytes[usize::from(lane) & 31]))
    }
    /// Bytes of the first operand by the indices in the second; 0 for an index above 15.
    fn i8x16_swizzle(vector: V128, indices: V128) -> V128 {
        // Behind the operand's bytes stand zeros, and all larger indices mean the first of them.
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&vector.to_bytes());
        let bounded = indices.to_bytes().map(|index| index.min(16));
        V128::from_bytes(bounded.map(|index| bytes[usize::from(index) & 31]))
    }
}
