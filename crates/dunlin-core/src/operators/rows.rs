//! The operators on numbers, memories, tables and control, as rows; shapes are explained in the head
//! of [`operators`](crate::operators). A file of data, so it may be long.

/// Calls a macro with the rows of every operator that is neither numeric nor an access of a memory,
/// behind no prefix: `code Name "text" immediates notes…;`.
#[macro_export]
macro_rules! for_each_plain_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x00 Unreachable "unreachable" none free traps;
            0x01 Nop "nop" none free;
            0x02 Block "block" block_type free;
            0x03 Loop "loop" block_type free;
            0x04 If "if" block_type;
            0x05 Else "else" none free;
            0x06 Try "try" block_type free;
            0x07 Catch "catch" tag free;
            0x08 Throw "throw" tag;
            0x09 Rethrow "rethrow" label;
            0x0A ThrowRef "throw_ref" none traps;
            0x0B End "end" none free;
            0x0C Br "br" label;
            0x0D BrIf "br_if" label;
            0x0E BrTable "br_table" label_table;
            0x0F Return "return" none free;
            0x10 Call "call" func;
            0x11 CallIndirect "call_indirect" type_table traps;
            0x12 ReturnCall "return_call" func;
            0x13 ReturnCallIndirect "return_call_indirect" type_table traps;
            0x14 CallRef "call_ref" type traps;
            0x15 ReturnCallRef "return_call_ref" type traps;
            0x18 Delegate "delegate" label free;
            0x19 CatchAll "catch_all" none free;
            0x1A Drop "drop" none free;
            0x1B Select "select" none;
            0x1C TypedSelect "select" val_types;
            0x1F TryTable "try_table" catches free;
            0x20 LocalGet "local.get" local;
            0x21 LocalSet "local.set" local;
            0x22 LocalTee "local.tee" local;
            0x23 GlobalGet "global.get" global;
            0x24 GlobalSet "global.set" global;
            0x25 TableGet "table.get" table traps;
            0x26 TableSet "table.set" table traps;
            0x3F MemorySize "memory.size" memory;
            0x40 MemoryGrow "memory.grow" memory;
            0x41 I32Const "i32.const" const_i32;
            0x42 I64Const "i64.const" const_i64;
            0x43 F32Const "f32.const" const_f32;
            0x44 F64Const "f64.const" const_f64;
            0xD0 RefNull "ref.null" heap_type;
            0xD1 RefIsNull "ref.is_null" none;
            0xD2 RefFunc "ref.func" func;
            0xD3 RefEq "ref.eq" none;
            0xD4 RefAsNonNull "ref.as_non_null" none traps;
            0xD5 BrOnNull "br_on_null" label;
            0xD6 BrOnNonNull "br_on_non_null" label;
        }
    };
}

/// Calls a macro with the rows of the bulk operators on memories and tables, behind the prefix byte
/// 0xFC: `code Name "text" immediates notes…;`.
#[macro_export]
macro_rules! for_each_bulk_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x08 MemoryInit "memory.init" data_memory traps;
            0x09 DataDrop "data.drop" data;
            0x0A MemoryCopy "memory.copy" memory_memory traps;
            0x0B MemoryFill "memory.fill" memory traps;
            0x0C TableInit "table.init" element_table traps;
            0x0D ElemDrop "elem.drop" element;
            0x0E TableCopy "table.copy" table_table traps;
            0x0F TableGrow "table.grow" table;
            0x10 TableSize "table.size" table;
            0x11 TableFill "table.fill" table traps;
        }
    };
}

/// Calls a macro with the rows of the operators on structures, arrays and what refers to them, behind the
/// prefix byte 0xFB: `code Name "text" immediates notes…;`.
#[macro_export]
macro_rules! for_each_gc_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x00 StructNew "struct.new" type traps;
            0x01 StructNewDefault "struct.new_default" type traps;
            0x02 StructGet "struct.get" type_field traps;
            0x03 StructGetS "struct.get_s" type_field traps;
            0x04 StructGetU "struct.get_u" type_field traps;
            0x05 StructSet "struct.set" type_field traps;
            0x06 ArrayNew "array.new" type traps;
            0x07 ArrayNewDefault "array.new_default" type traps;
            0x08 ArrayNewFixed "array.new_fixed" type_count traps;
            0x09 ArrayNewData "array.new_data" type_data traps;
            0x0A ArrayNewElem "array.new_elem" type_element traps;
            0x0B ArrayGet "array.get" type traps;
            0x0C ArrayGetS "array.get_s" type traps;
            0x0D ArrayGetU "array.get_u" type traps;
            0x0E ArraySet "array.set" type traps;
            0x0F ArrayLen "array.len" none traps;
            0x10 ArrayFill "array.fill" type traps;
            0x11 ArrayCopy "array.copy" type_type traps;
            0x12 ArrayInitData "array.init_data" type_data traps;
            0x13 ArrayInitElem "array.init_elem" type_element traps;
            0x14 RefTestNonNull "ref.test" non_null;
            0x15 RefTestNullable "ref.test" nullable;
            0x16 RefCastNonNull "ref.cast" non_null traps;
            0x17 RefCastNullable "ref.cast" nullable traps;
            0x18 BrOnCast "br_on_cast" label_cast;
            0x19 BrOnCastFail "br_on_cast_fail" label_cast;
            0x1A AnyConvertExtern "any.convert_extern" none;
            0x1B ExternConvertAny "extern.convert_any" none;
            0x1C RefI31 "ref.i31" none;
            0x1D I31GetS "i31.get_s" none traps;
            0x1E I31GetU "i31.get_u" none traps;
        }
    };
}

/// Calls a macro with the rows of the operators that load a number:
/// `code Name "text" function (raw) -> type bytes width;`.
#[macro_export]
macro_rules! for_each_load_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x28 I32Load "i32.load" i32_load (u32) -> i32 bytes 4;
            0x29 I64Load "i64.load" i64_load (u64) -> i64 bytes 8;
            0x2A F32Load "f32.load" f32_load (u32) -> f32 bytes 4;
            0x2B F64Load "f64.load" f64_load (u64) -> f64 bytes 8;
            0x2C I32Load8S "i32.load8_s" i32_load8_s (u8) -> i32 bytes 1;
            0x2D I32Load8U "i32.load8_u" i32_load8_u (u8) -> i32 bytes 1;
            0x2E I32Load16S "i32.load16_s" i32_load16_s (u16) -> i32 bytes 2;
            0x2F I32Load16U "i32.load16_u" i32_load16_u (u16) -> i32 bytes 2;
            0x30 I64Load8S "i64.load8_s" i64_load8_s (u8) -> i64 bytes 1;
            0x31 I64Load8U "i64.load8_u" i64_load8_u (u8) -> i64 bytes 1;
            0x32 I64Load16S "i64.load16_s" i64_load16_s (u16) -> i64 bytes 2;
            0x33 I64Load16U "i64.load16_u" i64_load16_u (u16) -> i64 bytes 2;
            0x34 I64Load32S "i64.load32_s" i64_load32_s (u32) -> i64 bytes 4;
            0x35 I64Load32U "i64.load32_u" i64_load32_u (u32) -> i64 bytes 4;
        }
    };
}

/// Calls a macro with the rows of the operators that store a number:
/// `code Name "text" function (type) -> raw bytes width;`.
#[macro_export]
macro_rules! for_each_store_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x36 I32Store "i32.store" i32_store (i32) -> u32 bytes 4;
            0x37 I64Store "i64.store" i64_store (i64) -> u64 bytes 8;
            0x38 F32Store "f32.store" f32_store (f32) -> u32 bytes 4;
            0x39 F64Store "f64.store" f64_store (f64) -> u64 bytes 8;
            0x3A I32Store8 "i32.store8" i32_store8 (i32) -> u8 bytes 1;
            0x3B I32Store16 "i32.store16" i32_store16 (i32) -> u16 bytes 2;
            0x3C I64Store8 "i64.store8" i64_store8 (i64) -> u8 bytes 1;
            0x3D I64Store16 "i64.store16" i64_store16 (i64) -> u16 bytes 2;
            0x3E I64Store32 "i64.store32" i64_store32 (i64) -> u32 bytes 4;
        }
    };
}

/// Calls a macro with the rows of the numeric operators behind no prefix:
/// `code Name "text" function (types) -> type;`, or `… -> type traps;`.
#[macro_export]
macro_rules! for_each_numeric_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x45 I32Eqz "i32.eqz" i32_eqz (i32) -> i32;
            0x46 I32Eq "i32.eq" i32_eq (i32, i32) -> i32;
            0x47 I32Ne "i32.ne" i32_ne (i32, i32) -> i32;
            0x48 I32LtS "i32.lt_s" i32_lt_s (i32, i32) -> i32;
            0x49 I32LtU "i32.lt_u" i32_lt_u (i32, i32) -> i32;
            0x4A I32GtS "i32.gt_s" i32_gt_s (i32, i32) -> i32;
            0x4B I32GtU "i32.gt_u" i32_gt_u (i32, i32) -> i32;
            0x4C I32LeS "i32.le_s" i32_le_s (i32, i32) -> i32;
            0x4D I32LeU "i32.le_u" i32_le_u (i32, i32) -> i32;
            0x4E I32GeS "i32.ge_s" i32_ge_s (i32, i32) -> i32;
            0x4F I32GeU "i32.ge_u" i32_ge_u (i32, i32) -> i32;
            0x50 I64Eqz "i64.eqz" i64_eqz (i64) -> i32;
            0x51 I64Eq "i64.eq" i64_eq (i64, i64) -> i32;
            0x52 I64Ne "i64.ne" i64_ne (i64, i64) -> i32;
            0x53 I64LtS "i64.lt_s" i64_lt_s (i64, i64) -> i32;
            0x54 I64LtU "i64.lt_u" i64_lt_u (i64, i64) -> i32;
            0x55 I64GtS "i64.gt_s" i64_gt_s (i64, i64) -> i32;
            0x56 I64GtU "i64.gt_u" i64_gt_u (i64, i64) -> i32;
            0x57 I64LeS "i64.le_s" i64_le_s (i64, i64) -> i32;
            0x58 I64LeU "i64.le_u" i64_le_u (i64, i64) -> i32;
            0x59 I64GeS "i64.ge_s" i64_ge_s (i64, i64) -> i32;
            0x5A I64GeU "i64.ge_u" i64_ge_u (i64, i64) -> i32;
            0x5B F32Eq "f32.eq" f32_eq (f32, f32) -> i32;
            0x5C F32Ne "f32.ne" f32_ne (f32, f32) -> i32;
            0x5D F32Lt "f32.lt" f32_lt (f32, f32) -> i32;
            0x5E F32Gt "f32.gt" f32_gt (f32, f32) -> i32;
            0x5F F32Le "f32.le" f32_le (f32, f32) -> i32;
            0x60 F32Ge "f32.ge" f32_ge (f32, f32) -> i32;
            0x61 F64Eq "f64.eq" f64_eq (f64, f64) -> i32;
            0x62 F64Ne "f64.ne" f64_ne (f64, f64) -> i32;
            0x63 F64Lt "f64.lt" f64_lt (f64, f64) -> i32;
            0x64 F64Gt "f64.gt" f64_gt (f64, f64) -> i32;
            0x65 F64Le "f64.le" f64_le (f64, f64) -> i32;
            0x66 F64Ge "f64.ge" f64_ge (f64, f64) -> i32;
            0x67 I32Clz "i32.clz" i32_clz (i32) -> i32;
            0x68 I32Ctz "i32.ctz" i32_ctz (i32) -> i32;
            0x69 I32Popcnt "i32.popcnt" i32_popcnt (i32) -> i32;
            0x6A I32Add "i32.add" i32_add (i32, i32) -> i32;
            0x6B I32Sub "i32.sub" i32_sub (i32, i32) -> i32;
            0x6C I32Mul "i32.mul" i32_mul (i32, i32) -> i32;
            0x6D I32DivS "i32.div_s" i32_div_s (i32, i32) -> i32 traps;
            0x6E I32DivU "i32.div_u" i32_div_u (i32, i32) -> i32 traps;
            0x6F I32RemS "i32.rem_s" i32_rem_s (i32, i32) -> i32 traps;
            0x70 I32RemU "i32.rem_u" i32_rem_u (i32, i32) -> i32 traps;
            0x71 I32And "i32.and" i32_and (i32, i32) -> i32;
            0x72 I32Or "i32.or" i32_or (i32, i32) -> i32;
            0x73 I32Xor "i32.xor" i32_xor (i32, i32) -> i32;
            0x74 I32Shl "i32.shl" i32_shl (i32, i32) -> i32;
            0x75 I32ShrS "i32.shr_s" i32_shr_s (i32, i32) -> i32;
            0x76 I32ShrU "i32.shr_u" i32_shr_u (i32, i32) -> i32;
            0x77 I32Rotl "i32.rotl" i32_rotl (i32, i32) -> i32;
            0x78 I32Rotr "i32.rotr" i32_rotr (i32, i32) -> i32;
            0x79 I64Clz "i64.clz" i64_clz (i64) -> i64;
            0x7A I64Ctz "i64.ctz" i64_ctz (i64) -> i64;
            0x7B I64Popcnt "i64.popcnt" i64_popcnt (i64) -> i64;
            0x7C I64Add "i64.add" i64_add (i64, i64) -> i64;
            0x7D I64Sub "i64.sub" i64_sub (i64, i64) -> i64;
            0x7E I64Mul "i64.mul" i64_mul (i64, i64) -> i64;
            0x7F I64DivS "i64.div_s" i64_div_s (i64, i64) -> i64 traps;
            0x80 I64DivU "i64.div_u" i64_div_u (i64, i64) -> i64 traps;
            0x81 I64RemS "i64.rem_s" i64_rem_s (i64, i64) -> i64 traps;
            0x82 I64RemU "i64.rem_u" i64_rem_u (i64, i64) -> i64 traps;
            0x83 I64And "i64.and" i64_and (i64, i64) -> i64;
            0x84 I64Or "i64.or" i64_or (i64, i64) -> i64;
            0x85 I64Xor "i64.xor" i64_xor (i64, i64) -> i64;
            0x86 I64Shl "i64.shl" i64_shl (i64, i64) -> i64;
            0x87 I64ShrS "i64.shr_s" i64_shr_s (i64, i64) -> i64;
            0x88 I64ShrU "i64.shr_u" i64_shr_u (i64, i64) -> i64;
            0x89 I64Rotl "i64.rotl" i64_rotl (i64, i64) -> i64;
            0x8A I64Rotr "i64.rotr" i64_rotr (i64, i64) -> i64;
            0x8B F32Abs "f32.abs" f32_abs (f32) -> f32;
            0x8C F32Neg "f32.neg" f32_neg (f32) -> f32;
            0x8D F32Ceil "f32.ceil" f32_ceil (f32) -> f32;
            0x8E F32Floor "f32.floor" f32_floor (f32) -> f32;
            0x8F F32Trunc "f32.trunc" f32_trunc (f32) -> f32;
            0x90 F32Nearest "f32.nearest" f32_nearest (f32) -> f32;
            0x91 F32Sqrt "f32.sqrt" f32_sqrt (f32) -> f32;
            0x92 F32Add "f32.add" f32_add (f32, f32) -> f32;
            0x93 F32Sub "f32.sub" f32_sub (f32, f32) -> f32;
            0x94 F32Mul "f32.mul" f32_mul (f32, f32) -> f32;
            0x95 F32Div "f32.div" f32_div (f32, f32) -> f32;
            0x96 F32Min "f32.min" f32_min (f32, f32) -> f32;
            0x97 F32Max "f32.max" f32_max (f32, f32) -> f32;
            0x98 F32Copysign "f32.copysign" f32_copysign (f32, f32) -> f32;
            0x99 F64Abs "f64.abs" f64_abs (f64) -> f64;
            0x9A F64Neg "f64.neg" f64_neg (f64) -> f64;
            0x9B F64Ceil "f64.ceil" f64_ceil (f64) -> f64;
            0x9C F64Floor "f64.floor" f64_floor (f64) -> f64;
            0x9D F64Trunc "f64.trunc" f64_trunc (f64) -> f64;
            0x9E F64Nearest "f64.nearest" f64_nearest (f64) -> f64;
            0x9F F64Sqrt "f64.sqrt" f64_sqrt (f64) -> f64;
            0xA0 F64Add "f64.add" f64_add (f64, f64) -> f64;
            0xA1 F64Sub "f64.sub" f64_sub (f64, f64) -> f64;
            0xA2 F64Mul "f64.mul" f64_mul (f64, f64) -> f64;
            0xA3 F64Div "f64.div" f64_div (f64, f64) -> f64;
            0xA4 F64Min "f64.min" f64_min (f64, f64) -> f64;
            0xA5 F64Max "f64.max" f64_max (f64, f64) -> f64;
            0xA6 F64Copysign "f64.copysign" f64_copysign (f64, f64) -> f64;
            0xA7 I32WrapI64 "i32.wrap_i64" i32_wrap_i64 (i64) -> i32;
            0xA8 I32TruncF32S "i32.trunc_f32_s" i32_trunc_f32_s (f32) -> i32 traps;
            0xA9 I32TruncF32U "i32.trunc_f32_u" i32_trunc_f32_u (f32) -> i32 traps;
            0xAA I32TruncF64S "i32.trunc_f64_s" i32_trunc_f64_s (f64) -> i32 traps;
            0xAB I32TruncF64U "i32.trunc_f64_u" i32_trunc_f64_u (f64) -> i32 traps;
            0xAC I64ExtendI32S "i64.extend_i32_s" i64_extend_i32_s (i32) -> i64;
            0xAD I64ExtendI32U "i64.extend_i32_u" i64_extend_i32_u (i32) -> i64;
            0xAE I64TruncF32S "i64.trunc_f32_s" i64_trunc_f32_s (f32) -> i64 traps;
            0xAF I64TruncF32U "i64.trunc_f32_u" i64_trunc_f32_u (f32) -> i64 traps;
            0xB0 I64TruncF64S "i64.trunc_f64_s" i64_trunc_f64_s (f64) -> i64 traps;
            0xB1 I64TruncF64U "i64.trunc_f64_u" i64_trunc_f64_u (f64) -> i64 traps;
            0xB2 F32ConvertI32S "f32.convert_i32_s" f32_convert_i32_s (i32) -> f32;
            0xB3 F32ConvertI32U "f32.convert_i32_u" f32_convert_i32_u (i32) -> f32;
            0xB4 F32ConvertI64S "f32.convert_i64_s" f32_convert_i64_s (i64) -> f32;
            0xB5 F32ConvertI64U "f32.convert_i64_u" f32_convert_i64_u (i64) -> f32;
            0xB6 F32DemoteF64 "f32.demote_f64" f32_demote_f64 (f64) -> f32;
            0xB7 F64ConvertI32S "f64.convert_i32_s" f64_convert_i32_s (i32) -> f64;
            0xB8 F64ConvertI32U "f64.convert_i32_u" f64_convert_i32_u (i32) -> f64;
            0xB9 F64ConvertI64S "f64.convert_i64_s" f64_convert_i64_s (i64) -> f64;
            0xBA F64ConvertI64U "f64.convert_i64_u" f64_convert_i64_u (i64) -> f64;
            0xBB F64PromoteF32 "f64.promote_f32" f64_promote_f32 (f32) -> f64;
            0xBC I32ReinterpretF32 "i32.reinterpret_f32" i32_reinterpret_f32 (f32) -> i32;
            0xBD I64ReinterpretF64 "i64.reinterpret_f64" i64_reinterpret_f64 (f64) -> i64;
            0xBE F32ReinterpretI32 "f32.reinterpret_i32" f32_reinterpret_i32 (i32) -> f32;
            0xBF F64ReinterpretI64 "f64.reinterpret_i64" f64_reinterpret_i64 (i64) -> f64;
            0xC0 I32Extend8S "i32.extend8_s" i32_extend8_s (i32) -> i32;
            0xC1 I32Extend16S "i32.extend16_s" i32_extend16_s (i32) -> i32;
            0xC2 I64Extend8S "i64.extend8_s" i64_extend8_s (i64) -> i64;
            0xC3 I64Extend16S "i64.extend16_s" i64_extend16_s (i64) -> i64;
            0xC4 I64Extend32S "i64.extend32_s" i64_extend32_s (i64) -> i64;
        }
    };
}

/// Calls a macro with the rows of the saturating truncations, behind the prefix byte 0xFC:
/// `code Name "text" function (type) -> type;`.
#[macro_export]
macro_rules! for_each_saturating_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x00 I32TruncSatF32S "i32.trunc_sat_f32_s" i32_trunc_sat_f32_s (f32) -> i32;
            0x01 I32TruncSatF32U "i32.trunc_sat_f32_u" i32_trunc_sat_f32_u (f32) -> i32;
            0x02 I32TruncSatF64S "i32.trunc_sat_f64_s" i32_trunc_sat_f64_s (f64) -> i32;
            0x03 I32TruncSatF64U "i32.trunc_sat_f64_u" i32_trunc_sat_f64_u (f64) -> i32;
            0x04 I64TruncSatF32S "i64.trunc_sat_f32_s" i64_trunc_sat_f32_s (f32) -> i64;
            0x05 I64TruncSatF32U "i64.trunc_sat_f32_u" i64_trunc_sat_f32_u (f32) -> i64;
            0x06 I64TruncSatF64S "i64.trunc_sat_f64_s" i64_trunc_sat_f64_s (f64) -> i64;
            0x07 I64TruncSatF64U "i64.trunc_sat_f64_u" i64_trunc_sat_f64_u (f64) -> i64;
        }
    };
}

/// Calls a macro with the rows of the operators that have two results, behind the prefix byte 0xFC:
/// `code Name "text" function (types) -> type twice;`.
#[macro_export]
macro_rules! for_each_wide_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x13 I64Add128 "i64.add128" i64_add128 (i64, i64, i64, i64) -> i64 twice;
            0x14 I64Sub128 "i64.sub128" i64_sub128 (i64, i64, i64, i64) -> i64 twice;
            0x15 I64MulWideS "i64.mul_wide_s" i64_mul_wide_s (i64, i64) -> i64 twice;
            0x16 I64MulWideU "i64.mul_wide_u" i64_mul_wide_u (i64, i64) -> i64 twice;
        }
    };
}
