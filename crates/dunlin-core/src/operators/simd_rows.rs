//! The operators on vectors, all behind the prefix byte 0xFD, as rows; shapes are explained in the
//! head of [`operators`](crate::operators). A file of data, so it may be long.

/// Calls a macro with the row of `v128.const`: `code Name "text" immediates;`.
#[macro_export]
macro_rules! for_each_simd_plain_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x0C V128Const "v128.const" const_v128;
        }
    };
}

/// Calls a macro with the rows of the operators that load a whole vector:
/// `code Name "text" function (raw) -> v128 bytes width;`.
#[macro_export]
macro_rules! for_each_simd_load_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x00 V128Load "v128.load" v128_load (u128) -> v128 bytes 16;
            0x01 V128Load8x8S "v128.load8x8_s" v128_load8x8_s (u64) -> v128 bytes 8;
            0x02 V128Load8x8U "v128.load8x8_u" v128_load8x8_u (u64) -> v128 bytes 8;
            0x03 V128Load16x4S "v128.load16x4_s" v128_load16x4_s (u64) -> v128 bytes 8;
            0x04 V128Load16x4U "v128.load16x4_u" v128_load16x4_u (u64) -> v128 bytes 8;
            0x05 V128Load32x2S "v128.load32x2_s" v128_load32x2_s (u64) -> v128 bytes 8;
            0x06 V128Load32x2U "v128.load32x2_u" v128_load32x2_u (u64) -> v128 bytes 8;
            0x07 V128Load8Splat "v128.load8_splat" v128_load8_splat (u8) -> v128 bytes 1;
            0x08 V128Load16Splat "v128.load16_splat" v128_load16_splat (u16) -> v128 bytes 2;
            0x09 V128Load32Splat "v128.load32_splat" v128_load32_splat (u32) -> v128 bytes 4;
            0x0A V128Load64Splat "v128.load64_splat" v128_load64_splat (u64) -> v128 bytes 8;
            0x5C V128Load32Zero "v128.load32_zero" v128_load32_zero (u32) -> v128 bytes 4;
            0x5D V128Load64Zero "v128.load64_zero" v128_load64_zero (u64) -> v128 bytes 8;
        }
    };
}

/// Calls a macro with the row of `v128.store`:
/// `code Name "text" function (v128) -> raw bytes width;`.
#[macro_export]
macro_rules! for_each_simd_store_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x0B V128Store "v128.store" v128_store (v128) -> u128 bytes 16;
        }
    };
}

/// Calls a macro with the rows of the operators that load one lane:
/// `code Name "text" function (raw, v128) -> v128 bytes width lanes count;`.
#[macro_export]
macro_rules! for_each_simd_lane_load_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x54 V128Load8Lane "v128.load8_lane" v128_load8_lane (u8, v128) -> v128 bytes 1 lanes 16;
            0x55 V128Load16Lane "v128.load16_lane" v128_load16_lane (u16, v128) -> v128 bytes 2 lanes 8;
            0x56 V128Load32Lane "v128.load32_lane" v128_load32_lane (u32, v128) -> v128 bytes 4 lanes 4;
            0x57 V128Load64Lane "v128.load64_lane" v128_load64_lane (u64, v128) -> v128 bytes 8 lanes 2;
        }
    };
}

/// Calls a macro with the rows of the operators that store one lane:
/// `code Name "text" function (v128) -> raw bytes width lanes count;`.
#[macro_export]
macro_rules! for_each_simd_lane_store_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x58 V128Store8Lane "v128.store8_lane" v128_store8_lane (v128) -> u8 bytes 1 lanes 16;
            0x59 V128Store16Lane "v128.store16_lane" v128_store16_lane (v128) -> u16 bytes 2 lanes 8;
            0x5A V128Store32Lane "v128.store32_lane" v128_store32_lane (v128) -> u32 bytes 4 lanes 4;
            0x5B V128Store64Lane "v128.store64_lane" v128_store64_lane (v128) -> u64 bytes 8 lanes 2;
        }
    };
}

/// Calls a macro with the rows of the operators that extract or replace a lane:
/// `code Name "text" function (types) -> type lanes count;`.
#[macro_export]
macro_rules! for_each_simd_lane_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x15 I8x16ExtractLaneS "i8x16.extract_lane_s" i8x16_extract_lane_s (v128) -> i32 lanes 16;
            0x16 I8x16ExtractLaneU "i8x16.extract_lane_u" i8x16_extract_lane_u (v128) -> i32 lanes 16;
            0x17 I8x16ReplaceLane "i8x16.replace_lane" i8x16_replace_lane (v128, i32) -> v128 lanes 16;
            0x18 I16x8ExtractLaneS "i16x8.extract_lane_s" i16x8_extract_lane_s (v128) -> i32 lanes 8;
            0x19 I16x8ExtractLaneU "i16x8.extract_lane_u" i16x8_extract_lane_u (v128) -> i32 lanes 8;
            0x1A I16x8ReplaceLane "i16x8.replace_lane" i16x8_replace_lane (v128, i32) -> v128 lanes 8;
            0x1B I32x4ExtractLane "i32x4.extract_lane" i32x4_extract_lane (v128) -> i32 lanes 4;
            0x1C I32x4ReplaceLane "i32x4.replace_lane" i32x4_replace_lane (v128, i32) -> v128 lanes 4;
            0x1D I64x2ExtractLane "i64x2.extract_lane" i64x2_extract_lane (v128) -> i64 lanes 2;
            0x1E I64x2ReplaceLane "i64x2.replace_lane" i64x2_replace_lane (v128, i64) -> v128 lanes 2;
            0x1F F32x4ExtractLane "f32x4.extract_lane" f32x4_extract_lane (v128) -> f32 lanes 4;
            0x20 F32x4ReplaceLane "f32x4.replace_lane" f32x4_replace_lane (v128, f32) -> v128 lanes 4;
            0x21 F64x2ExtractLane "f64x2.extract_lane" f64x2_extract_lane (v128) -> f64 lanes 2;
            0x22 F64x2ReplaceLane "f64x2.replace_lane" f64x2_replace_lane (v128, f64) -> v128 lanes 2;
        }
    };
}

/// Calls a macro with the row of `i8x16.shuffle`:
/// `code Name "text" function (v128, v128) -> v128 shuffle;`.
#[macro_export]
macro_rules! for_each_simd_shuffle_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x0D I8x16Shuffle "i8x16.shuffle" i8x16_shuffle (v128, v128) -> v128 shuffle;
        }
    };
}

/// Calls a macro with the rows of the vector operators without immediates:
/// `code Name "text" function (types) -> type;`.
#[macro_export]
macro_rules! for_each_simd_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x0E I8x16Swizzle "i8x16.swizzle" i8x16_swizzle (v128, v128) -> v128;
            0x0F I8x16Splat "i8x16.splat" i8x16_splat (i32) -> v128;
            0x10 I16x8Splat "i16x8.splat" i16x8_splat (i32) -> v128;
            0x11 I32x4Splat "i32x4.splat" i32x4_splat (i32) -> v128;
            0x12 I64x2Splat "i64x2.splat" i64x2_splat (i64) -> v128;
            0x13 F32x4Splat "f32x4.splat" f32x4_splat (f32) -> v128;
            0x14 F64x2Splat "f64x2.splat" f64x2_splat (f64) -> v128;
            0x23 I8x16Eq "i8x16.eq" i8x16_eq (v128, v128) -> v128;
            0x24 I8x16Ne "i8x16.ne" i8x16_ne (v128, v128) -> v128;
            0x25 I8x16LtS "i8x16.lt_s" i8x16_lt_s (v128, v128) -> v128;
            0x26 I8x16LtU "i8x16.lt_u" i8x16_lt_u (v128, v128) -> v128;
            0x27 I8x16GtS "i8x16.gt_s" i8x16_gt_s (v128, v128) -> v128;
            0x28 I8x16GtU "i8x16.gt_u" i8x16_gt_u (v128, v128) -> v128;
            0x29 I8x16LeS "i8x16.le_s" i8x16_le_s (v128, v128) -> v128;
            0x2A I8x16LeU "i8x16.le_u" i8x16_le_u (v128, v128) -> v128;
            0x2B I8x16GeS "i8x16.ge_s" i8x16_ge_s (v128, v128) -> v128;
            0x2C I8x16GeU "i8x16.ge_u" i8x16_ge_u (v128, v128) -> v128;
            0x2D I16x8Eq "i16x8.eq" i16x8_eq (v128, v128) -> v128;
            0x2E I16x8Ne "i16x8.ne" i16x8_ne (v128, v128) -> v128;
            0x2F I16x8LtS "i16x8.lt_s" i16x8_lt_s (v128, v128) -> v128;
            0x30 I16x8LtU "i16x8.lt_u" i16x8_lt_u (v128, v128) -> v128;
            0x31 I16x8GtS "i16x8.gt_s" i16x8_gt_s (v128, v128) -> v128;
            0x32 I16x8GtU "i16x8.gt_u" i16x8_gt_u (v128, v128) -> v128;
            0x33 I16x8LeS "i16x8.le_s" i16x8_le_s (v128, v128) -> v128;
            0x34 I16x8LeU "i16x8.le_u" i16x8_le_u (v128, v128) -> v128;
            0x35 I16x8GeS "i16x8.ge_s" i16x8_ge_s (v128, v128) -> v128;
            0x36 I16x8GeU "i16x8.ge_u" i16x8_ge_u (v128, v128) -> v128;
            0x37 I32x4Eq "i32x4.eq" i32x4_eq (v128, v128) -> v128;
            0x38 I32x4Ne "i32x4.ne" i32x4_ne (v128, v128) -> v128;
            0x39 I32x4LtS "i32x4.lt_s" i32x4_lt_s (v128, v128) -> v128;
            0x3A I32x4LtU "i32x4.lt_u" i32x4_lt_u (v128, v128) -> v128;
            0x3B I32x4GtS "i32x4.gt_s" i32x4_gt_s (v128, v128) -> v128;
            0x3C I32x4GtU "i32x4.gt_u" i32x4_gt_u (v128, v128) -> v128;
            0x3D I32x4LeS "i32x4.le_s" i32x4_le_s (v128, v128) -> v128;
            0x3E I32x4LeU "i32x4.le_u" i32x4_le_u (v128, v128) -> v128;
            0x3F I32x4GeS "i32x4.ge_s" i32x4_ge_s (v128, v128) -> v128;
            0x40 I32x4GeU "i32x4.ge_u" i32x4_ge_u (v128, v128) -> v128;
            0x41 F32x4Eq "f32x4.eq" f32x4_eq (v128, v128) -> v128;
            0x42 F32x4Ne "f32x4.ne" f32x4_ne (v128, v128) -> v128;
            0x43 F32x4Lt "f32x4.lt" f32x4_lt (v128, v128) -> v128;
            0x44 F32x4Gt "f32x4.gt" f32x4_gt (v128, v128) -> v128;
            0x45 F32x4Le "f32x4.le" f32x4_le (v128, v128) -> v128;
            0x46 F32x4Ge "f32x4.ge" f32x4_ge (v128, v128) -> v128;
            0x47 F64x2Eq "f64x2.eq" f64x2_eq (v128, v128) -> v128;
            0x48 F64x2Ne "f64x2.ne" f64x2_ne (v128, v128) -> v128;
            0x49 F64x2Lt "f64x2.lt" f64x2_lt (v128, v128) -> v128;
            0x4A F64x2Gt "f64x2.gt" f64x2_gt (v128, v128) -> v128;
            0x4B F64x2Le "f64x2.le" f64x2_le (v128, v128) -> v128;
            0x4C F64x2Ge "f64x2.ge" f64x2_ge (v128, v128) -> v128;
            0x4D V128Not "v128.not" v128_not (v128) -> v128;
            0x4E V128And "v128.and" v128_and (v128, v128) -> v128;
            0x4F V128Andnot "v128.andnot" v128_andnot (v128, v128) -> v128;
            0x50 V128Or "v128.or" v128_or (v128, v128) -> v128;
            0x51 V128Xor "v128.xor" v128_xor (v128, v128) -> v128;
            0x52 V128Bitselect "v128.bitselect" v128_bitselect (v128, v128, v128) -> v128;
            0x53 V128AnyTrue "v128.any_true" v128_any_true (v128) -> i32;
            0x5E F32x4DemoteF64x2Zero "f32x4.demote_f64x2_zero" f32x4_demote_f64x2_zero (v128) -> v128;
            0x5F F64x2PromoteLowF32x4 "f64x2.promote_low_f32x4" f64x2_promote_low_f32x4 (v128) -> v128;
            0x60 I8x16Abs "i8x16.abs" i8x16_abs (v128) -> v128;
            0x61 I8x16Neg "i8x16.neg" i8x16_neg (v128) -> v128;
            0x62 I8x16Popcnt "i8x16.popcnt" i8x16_popcnt (v128) -> v128;
            0x63 I8x16AllTrue "i8x16.all_true" i8x16_all_true (v128) -> i32;
            0x64 I8x16Bitmask "i8x16.bitmask" i8x16_bitmask (v128) -> i32;
            0x65 I8x16NarrowI16x8S "i8x16.narrow_i16x8_s" i8x16_narrow_i16x8_s (v128, v128) -> v128;
            0x66 I8x16NarrowI16x8U "i8x16.narrow_i16x8_u" i8x16_narrow_i16x8_u (v128, v128) -> v128;
            0x67 F32x4Ceil "f32x4.ceil" f32x4_ceil (v128) -> v128;
            0x68 F32x4Floor "f32x4.floor" f32x4_floor (v128) -> v128;
            0x69 F32x4Trunc "f32x4.trunc" f32x4_trunc (v128) -> v128;
            0x6A F32x4Nearest "f32x4.nearest" f32x4_nearest (v128) -> v128;
            0x6B I8x16Shl "i8x16.shl" i8x16_shl (v128, i32) -> v128;
            0x6C I8x16ShrS "i8x16.shr_s" i8x16_shr_s (v128, i32) -> v128;
            0x6D I8x16ShrU "i8x16.shr_u" i8x16_shr_u (v128, i32) -> v128;
            0x6E I8x16Add "i8x16.add" i8x16_add (v128, v128) -> v128;
            0x6F I8x16AddSatS "i8x16.add_sat_s" i8x16_add_sat_s (v128, v128) -> v128;
            0x70 I8x16AddSatU "i8x16.add_sat_u" i8x16_add_sat_u (v128, v128) -> v128;
            0x71 I8x16Sub "i8x16.sub" i8x16_sub (v128, v128) -> v128;
            0x72 I8x16SubSatS "i8x16.sub_sat_s" i8x16_sub_sat_s (v128, v128) -> v128;
            0x73 I8x16SubSatU "i8x16.sub_sat_u" i8x16_sub_sat_u (v128, v128) -> v128;
            0x74 F64x2Ceil "f64x2.ceil" f64x2_ceil (v128) -> v128;
            0x75 F64x2Floor "f64x2.floor" f64x2_floor (v128) -> v128;
            0x76 I8x16MinS "i8x16.min_s" i8x16_min_s (v128, v128) -> v128;
            0x77 I8x16MinU "i8x16.min_u" i8x16_min_u (v128, v128) -> v128;
            0x78 I8x16MaxS "i8x16.max_s" i8x16_max_s (v128, v128) -> v128;
            0x79 I8x16MaxU "i8x16.max_u" i8x16_max_u (v128, v128) -> v128;
            0x7A F64x2Trunc "f64x2.trunc" f64x2_trunc (v128) -> v128;
            0x7B I8x16AvgrU "i8x16.avgr_u" i8x16_avgr_u (v128, v128) -> v128;
            0x7C I16x8ExtaddPairwiseI8x16S "i16x8.extadd_pairwise_i8x16_s" i16x8_extadd_pairwise_i8x16_s (v128) -> v128;
            0x7D I16x8ExtaddPairwiseI8x16U "i16x8.extadd_pairwise_i8x16_u" i16x8_extadd_pairwise_i8x16_u (v128) -> v128;
            0x7E I32x4ExtaddPairwiseI16x8S "i32x4.extadd_pairwise_i16x8_s" i32x4_extadd_pairwise_i16x8_s (v128) -> v128;
            0x7F I32x4ExtaddPairwiseI16x8U "i32x4.extadd_pairwise_i16x8_u" i32x4_extadd_pairwise_i16x8_u (v128) -> v128;
            0x80 I16x8Abs "i16x8.abs" i16x8_abs (v128) -> v128;
            0x81 I16x8Neg "i16x8.neg" i16x8_neg (v128) -> v128;
            0x82 I16x8Q15mulrSatS "i16x8.q15mulr_sat_s" i16x8_q15mulr_sat_s (v128, v128) -> v128;
            0x83 I16x8AllTrue "i16x8.all_true" i16x8_all_true (v128) -> i32;
            0x84 I16x8Bitmask "i16x8.bitmask" i16x8_bitmask (v128) -> i32;
            0x85 I16x8NarrowI32x4S "i16x8.narrow_i32x4_s" i16x8_narrow_i32x4_s (v128, v128) -> v128;
            0x86 I16x8NarrowI32x4U "i16x8.narrow_i32x4_u" i16x8_narrow_i32x4_u (v128, v128) -> v128;
            0x87 I16x8ExtendLowI8x16S "i16x8.extend_low_i8x16_s" i16x8_extend_low_i8x16_s (v128) -> v128;
            0x88 I16x8ExtendHighI8x16S "i16x8.extend_high_i8x16_s" i16x8_extend_high_i8x16_s (v128) -> v128;
            0x89 I16x8ExtendLowI8x16U "i16x8.extend_low_i8x16_u" i16x8_extend_low_i8x16_u (v128) -> v128;
            0x8A I16x8ExtendHighI8x16U "i16x8.extend_high_i8x16_u" i16x8_extend_high_i8x16_u (v128) -> v128;
            0x8B I16x8Shl "i16x8.shl" i16x8_shl (v128, i32) -> v128;
            0x8C I16x8ShrS "i16x8.shr_s" i16x8_shr_s (v128, i32) -> v128;
            0x8D I16x8ShrU "i16x8.shr_u" i16x8_shr_u (v128, i32) -> v128;
            0x8E I16x8Add "i16x8.add" i16x8_add (v128, v128) -> v128;
            0x8F I16x8AddSatS "i16x8.add_sat_s" i16x8_add_sat_s (v128, v128) -> v128;
            0x90 I16x8AddSatU "i16x8.add_sat_u" i16x8_add_sat_u (v128, v128) -> v128;
            0x91 I16x8Sub "i16x8.sub" i16x8_sub (v128, v128) -> v128;
            0x92 I16x8SubSatS "i16x8.sub_sat_s" i16x8_sub_sat_s (v128, v128) -> v128;
            0x93 I16x8SubSatU "i16x8.sub_sat_u" i16x8_sub_sat_u (v128, v128) -> v128;
            0x94 F64x2Nearest "f64x2.nearest" f64x2_nearest (v128) -> v128;
            0x95 I16x8Mul "i16x8.mul" i16x8_mul (v128, v128) -> v128;
            0x96 I16x8MinS "i16x8.min_s" i16x8_min_s (v128, v128) -> v128;
            0x97 I16x8MinU "i16x8.min_u" i16x8_min_u (v128, v128) -> v128;
            0x98 I16x8MaxS "i16x8.max_s" i16x8_max_s (v128, v128) -> v128;
            0x99 I16x8MaxU "i16x8.max_u" i16x8_max_u (v128, v128) -> v128;
            0x9B I16x8AvgrU "i16x8.avgr_u" i16x8_avgr_u (v128, v128) -> v128;
            0x9C I16x8ExtmulLowI8x16S "i16x8.extmul_low_i8x16_s" i16x8_extmul_low_i8x16_s (v128, v128) -> v128;
            0x9D I16x8ExtmulHighI8x16S "i16x8.extmul_high_i8x16_s" i16x8_extmul_high_i8x16_s (v128, v128) -> v128;
            0x9E I16x8ExtmulLowI8x16U "i16x8.extmul_low_i8x16_u" i16x8_extmul_low_i8x16_u (v128, v128) -> v128;
            0x9F I16x8ExtmulHighI8x16U "i16x8.extmul_high_i8x16_u" i16x8_extmul_high_i8x16_u (v128, v128) -> v128;
            0xA0 I32x4Abs "i32x4.abs" i32x4_abs (v128) -> v128;
            0xA1 I32x4Neg "i32x4.neg" i32x4_neg (v128) -> v128;
            0xA3 I32x4AllTrue "i32x4.all_true" i32x4_all_true (v128) -> i32;
            0xA4 I32x4Bitmask "i32x4.bitmask" i32x4_bitmask (v128) -> i32;
            0xA7 I32x4ExtendLowI16x8S "i32x4.extend_low_i16x8_s" i32x4_extend_low_i16x8_s (v128) -> v128;
            0xA8 I32x4ExtendHighI16x8S "i32x4.extend_high_i16x8_s" i32x4_extend_high_i16x8_s (v128) -> v128;
            0xA9 I32x4ExtendLowI16x8U "i32x4.extend_low_i16x8_u" i32x4_extend_low_i16x8_u (v128) -> v128;
            0xAA I32x4ExtendHighI16x8U "i32x4.extend_high_i16x8_u" i32x4_extend_high_i16x8_u (v128) -> v128;
            0xAB I32x4Shl "i32x4.shl" i32x4_shl (v128, i32) -> v128;
            0xAC I32x4ShrS "i32x4.shr_s" i32x4_shr_s (v128, i32) -> v128;
            0xAD I32x4ShrU "i32x4.shr_u" i32x4_shr_u (v128, i32) -> v128;
            0xAE I32x4Add "i32x4.add" i32x4_add (v128, v128) -> v128;
            0xB1 I32x4Sub "i32x4.sub" i32x4_sub (v128, v128) -> v128;
            0xB5 I32x4Mul "i32x4.mul" i32x4_mul (v128, v128) -> v128;
            0xB6 I32x4MinS "i32x4.min_s" i32x4_min_s (v128, v128) -> v128;
            0xB7 I32x4MinU "i32x4.min_u" i32x4_min_u (v128, v128) -> v128;
            0xB8 I32x4MaxS "i32x4.max_s" i32x4_max_s (v128, v128) -> v128;
            0xB9 I32x4MaxU "i32x4.max_u" i32x4_max_u (v128, v128) -> v128;
            0xBA I32x4DotI16x8S "i32x4.dot_i16x8_s" i32x4_dot_i16x8_s (v128, v128) -> v128;
            0xBC I32x4ExtmulLowI16x8S "i32x4.extmul_low_i16x8_s" i32x4_extmul_low_i16x8_s (v128, v128) -> v128;
            0xBD I32x4ExtmulHighI16x8S "i32x4.extmul_high_i16x8_s" i32x4_extmul_high_i16x8_s (v128, v128) -> v128;
            0xBE I32x4ExtmulLowI16x8U "i32x4.extmul_low_i16x8_u" i32x4_extmul_low_i16x8_u (v128, v128) -> v128;
            0xBF I32x4ExtmulHighI16x8U "i32x4.extmul_high_i16x8_u" i32x4_extmul_high_i16x8_u (v128, v128) -> v128;
            0xC0 I64x2Abs "i64x2.abs" i64x2_abs (v128) -> v128;
            0xC1 I64x2Neg "i64x2.neg" i64x2_neg (v128) -> v128;
            0xC3 I64x2AllTrue "i64x2.all_true" i64x2_all_true (v128) -> i32;
            0xC4 I64x2Bitmask "i64x2.bitmask" i64x2_bitmask (v128) -> i32;
            0xC7 I64x2ExtendLowI32x4S "i64x2.extend_low_i32x4_s" i64x2_extend_low_i32x4_s (v128) -> v128;
            0xC8 I64x2ExtendHighI32x4S "i64x2.extend_high_i32x4_s" i64x2_extend_high_i32x4_s (v128) -> v128;
            0xC9 I64x2ExtendLowI32x4U "i64x2.extend_low_i32x4_u" i64x2_extend_low_i32x4_u (v128) -> v128;
            0xCA I64x2ExtendHighI32x4U "i64x2.extend_high_i32x4_u" i64x2_extend_high_i32x4_u (v128) -> v128;
            0xCB I64x2Shl "i64x2.shl" i64x2_shl (v128, i32) -> v128;
            0xCC I64x2ShrS "i64x2.shr_s" i64x2_shr_s (v128, i32) -> v128;
            0xCD I64x2ShrU "i64x2.shr_u" i64x2_shr_u (v128, i32) -> v128;
            0xCE I64x2Add "i64x2.add" i64x2_add (v128, v128) -> v128;
            0xD1 I64x2Sub "i64x2.sub" i64x2_sub (v128, v128) -> v128;
            0xD5 I64x2Mul "i64x2.mul" i64x2_mul (v128, v128) -> v128;
            0xD6 I64x2Eq "i64x2.eq" i64x2_eq (v128, v128) -> v128;
            0xD7 I64x2Ne "i64x2.ne" i64x2_ne (v128, v128) -> v128;
            0xD8 I64x2LtS "i64x2.lt_s" i64x2_lt_s (v128, v128) -> v128;
            0xD9 I64x2GtS "i64x2.gt_s" i64x2_gt_s (v128, v128) -> v128;
            0xDA I64x2LeS "i64x2.le_s" i64x2_le_s (v128, v128) -> v128;
            0xDB I64x2GeS "i64x2.ge_s" i64x2_ge_s (v128, v128) -> v128;
            0xDC I64x2ExtmulLowI32x4S "i64x2.extmul_low_i32x4_s" i64x2_extmul_low_i32x4_s (v128, v128) -> v128;
            0xDD I64x2ExtmulHighI32x4S "i64x2.extmul_high_i32x4_s" i64x2_extmul_high_i32x4_s (v128, v128) -> v128;
            0xDE I64x2ExtmulLowI32x4U "i64x2.extmul_low_i32x4_u" i64x2_extmul_low_i32x4_u (v128, v128) -> v128;
            0xDF I64x2ExtmulHighI32x4U "i64x2.extmul_high_i32x4_u" i64x2_extmul_high_i32x4_u (v128, v128) -> v128;
            0xE0 F32x4Abs "f32x4.abs" f32x4_abs (v128) -> v128;
            0xE1 F32x4Neg "f32x4.neg" f32x4_neg (v128) -> v128;
            0xE3 F32x4Sqrt "f32x4.sqrt" f32x4_sqrt (v128) -> v128;
            0xE4 F32x4Add "f32x4.add" f32x4_add (v128, v128) -> v128;
            0xE5 F32x4Sub "f32x4.sub" f32x4_sub (v128, v128) -> v128;
            0xE6 F32x4Mul "f32x4.mul" f32x4_mul (v128, v128) -> v128;
            0xE7 F32x4Div "f32x4.div" f32x4_div (v128, v128) -> v128;
            0xE8 F32x4Min "f32x4.min" f32x4_min (v128, v128) -> v128;
            0xE9 F32x4Max "f32x4.max" f32x4_max (v128, v128) -> v128;
            0xEA F32x4Pmin "f32x4.pmin" f32x4_pmin (v128, v128) -> v128;
            0xEB F32x4Pmax "f32x4.pmax" f32x4_pmax (v128, v128) -> v128;
            0xEC F64x2Abs "f64x2.abs" f64x2_abs (v128) -> v128;
            0xED F64x2Neg "f64x2.neg" f64x2_neg (v128) -> v128;
            0xEF F64x2Sqrt "f64x2.sqrt" f64x2_sqrt (v128) -> v128;
            0xF0 F64x2Add "f64x2.add" f64x2_add (v128, v128) -> v128;
            0xF1 F64x2Sub "f64x2.sub" f64x2_sub (v128, v128) -> v128;
            0xF2 F64x2Mul "f64x2.mul" f64x2_mul (v128, v128) -> v128;
            0xF3 F64x2Div "f64x2.div" f64x2_div (v128, v128) -> v128;
            0xF4 F64x2Min "f64x2.min" f64x2_min (v128, v128) -> v128;
            0xF5 F64x2Max "f64x2.max" f64x2_max (v128, v128) -> v128;
            0xF6 F64x2Pmin "f64x2.pmin" f64x2_pmin (v128, v128) -> v128;
            0xF7 F64x2Pmax "f64x2.pmax" f64x2_pmax (v128, v128) -> v128;
            0xF8 I32x4TruncSatF32x4S "i32x4.trunc_sat_f32x4_s" i32x4_trunc_sat_f32x4_s (v128) -> v128;
            0xF9 I32x4TruncSatF32x4U "i32x4.trunc_sat_f32x4_u" i32x4_trunc_sat_f32x4_u (v128) -> v128;
            0xFA F32x4ConvertI32x4S "f32x4.convert_i32x4_s" f32x4_convert_i32x4_s (v128) -> v128;
            0xFB F32x4ConvertI32x4U "f32x4.convert_i32x4_u" f32x4_convert_i32x4_u (v128) -> v128;
            0xFC I32x4TruncSatF64x2SZero "i32x4.trunc_sat_f64x2_s_zero" i32x4_trunc_sat_f64x2_s_zero (v128) -> v128;
            0xFD I32x4TruncSatF64x2UZero "i32x4.trunc_sat_f64x2_u_zero" i32x4_trunc_sat_f64x2_u_zero (v128) -> v128;
            0xFE F64x2ConvertLowI32x4S "f64x2.convert_low_i32x4_s" f64x2_convert_low_i32x4_s (v128) -> v128;
            0xFF F64x2ConvertLowI32x4U "f64x2.convert_low_i32x4_u" f64x2_convert_low_i32x4_u (v128) -> v128;
        }
    };
}

/// Calls a macro with the rows of the relaxed operators:
/// `code Name "text" function (types) -> v128 relaxed;`.
#[macro_export]
macro_rules! for_each_relaxed_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x100 I8x16RelaxedSwizzle "i8x16.relaxed_swizzle" i8x16_relaxed_swizzle (v128, v128) -> v128 relaxed;
            0x101 I32x4RelaxedTruncF32x4S "i32x4.relaxed_trunc_f32x4_s" i32x4_relaxed_trunc_f32x4_s (v128) -> v128 relaxed;
            0x102 I32x4RelaxedTruncF32x4U "i32x4.relaxed_trunc_f32x4_u" i32x4_relaxed_trunc_f32x4_u (v128) -> v128 relaxed;
            0x103 I32x4RelaxedTruncF64x2SZero "i32x4.relaxed_trunc_f64x2_s_zero" i32x4_relaxed_trunc_f64x2_s_zero (v128) -> v128 relaxed;
            0x104 I32x4RelaxedTruncF64x2UZero "i32x4.relaxed_trunc_f64x2_u_zero" i32x4_relaxed_trunc_f64x2_u_zero (v128) -> v128 relaxed;
            0x105 F32x4RelaxedMadd "f32x4.relaxed_madd" f32x4_relaxed_madd (v128, v128, v128) -> v128 relaxed;
            0x106 F32x4RelaxedNmadd "f32x4.relaxed_nmadd" f32x4_relaxed_nmadd (v128, v128, v128) -> v128 relaxed;
            0x107 F64x2RelaxedMadd "f64x2.relaxed_madd" f64x2_relaxed_madd (v128, v128, v128) -> v128 relaxed;
            0x108 F64x2RelaxedNmadd "f64x2.relaxed_nmadd" f64x2_relaxed_nmadd (v128, v128, v128) -> v128 relaxed;
            0x109 I8x16RelaxedLaneselect "i8x16.relaxed_laneselect" i8x16_relaxed_laneselect (v128, v128, v128) -> v128 relaxed;
            0x10A I16x8RelaxedLaneselect "i16x8.relaxed_laneselect" i16x8_relaxed_laneselect (v128, v128, v128) -> v128 relaxed;
            0x10B I32x4RelaxedLaneselect "i32x4.relaxed_laneselect" i32x4_relaxed_laneselect (v128, v128, v128) -> v128 relaxed;
            0x10C I64x2RelaxedLaneselect "i64x2.relaxed_laneselect" i64x2_relaxed_laneselect (v128, v128, v128) -> v128 relaxed;
            0x10D F32x4RelaxedMin "f32x4.relaxed_min" f32x4_relaxed_min (v128, v128) -> v128 relaxed;
            0x10E F32x4RelaxedMax "f32x4.relaxed_max" f32x4_relaxed_max (v128, v128) -> v128 relaxed;
            0x10F F64x2RelaxedMin "f64x2.relaxed_min" f64x2_relaxed_min (v128, v128) -> v128 relaxed;
            0x110 F64x2RelaxedMax "f64x2.relaxed_max" f64x2_relaxed_max (v128, v128) -> v128 relaxed;
            0x111 I16x8RelaxedQ15mulrS "i16x8.relaxed_q15mulr_s" i16x8_relaxed_q15mulr_s (v128, v128) -> v128 relaxed;
            0x112 I16x8RelaxedDotI8x16I7x16S "i16x8.relaxed_dot_i8x16_i7x16_s" i16x8_relaxed_dot_i8x16_i7x16_s (v128, v128) -> v128 relaxed;
            0x113 I32x4RelaxedDotI8x16I7x16AddS "i32x4.relaxed_dot_i8x16_i7x16_add_s" i32x4_relaxed_dot_i8x16_i7x16_add_s (v128, v128, v128) -> v128 relaxed;
        }
    };
}
