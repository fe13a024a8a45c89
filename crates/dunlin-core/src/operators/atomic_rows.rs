//! The atomic operators on memories, all behind the prefix byte 0xFE, as rows; shapes are explained in the
//! head of [`operators`](crate::operators). A file of data, so it may be long.

/// Calls a macro with the row of the atomic operator that accesses nothing:
/// `code Name "text" immediates notes…;`.
#[macro_export]
macro_rules! for_each_atomic_plain_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x03 AtomicFence "atomic.fence" reserved;
        }
    };
}

/// Calls a macro with the rows of the operators that wait at an address and wake who waits there:
/// `code Name "text" none bytes width;`.
#[macro_export]
macro_rules! for_each_wait_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x00 MemoryAtomicNotify "memory.atomic.notify" none bytes 4;
            0x01 MemoryAtomicWait32 "memory.atomic.wait32" none bytes 4;
            0x02 MemoryAtomicWait64 "memory.atomic.wait64" none bytes 8;
        }
    };
}

/// Calls a macro with the rows of the atomic loads: `code Name "text" function (raw) -> type bytes width;`.
#[macro_export]
macro_rules! for_each_atomic_load_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x10 I32AtomicLoad "i32.atomic.load" i32_load (u32) -> i32 bytes 4;
            0x11 I64AtomicLoad "i64.atomic.load" i64_load (u64) -> i64 bytes 8;
            0x12 I32AtomicLoad8U "i32.atomic.load8_u" i32_load8_u (u8) -> i32 bytes 1;
            0x13 I32AtomicLoad16U "i32.atomic.load16_u" i32_load16_u (u16) -> i32 bytes 2;
            0x14 I64AtomicLoad8U "i64.atomic.load8_u" i64_load8_u (u8) -> i64 bytes 1;
            0x15 I64AtomicLoad16U "i64.atomic.load16_u" i64_load16_u (u16) -> i64 bytes 2;
            0x16 I64AtomicLoad32U "i64.atomic.load32_u" i64_load32_u (u32) -> i64 bytes 4;
        }
    };
}

/// Calls a macro with the rows of the atomic stores: `code Name "text" function (type) -> raw bytes width;`.
#[macro_export]
macro_rules! for_each_atomic_store_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x17 I32AtomicStore "i32.atomic.store" i32_store (i32) -> u32 bytes 4;
            0x18 I64AtomicStore "i64.atomic.store" i64_store (i64) -> u64 bytes 8;
            0x19 I32AtomicStore8 "i32.atomic.store8" i32_store8 (i32) -> u8 bytes 1;
            0x1A I32AtomicStore16 "i32.atomic.store16" i32_store16 (i32) -> u16 bytes 2;
            0x1B I64AtomicStore8 "i64.atomic.store8" i64_store8 (i64) -> u8 bytes 1;
            0x1C I64AtomicStore16 "i64.atomic.store16" i64_store16 (i64) -> u16 bytes 2;
            0x1D I64AtomicStore32 "i64.atomic.store32" i64_store32 (i64) -> u32 bytes 4;
        }
    };
}

/// Calls a macro with the rows of the operators that replace a value by one computed from it and return the
/// former: `code Name "text" function (raw, type) -> raw bytes width;`.
#[macro_export]
macro_rules! for_each_atomic_rmw_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x1E I32AtomicRmwAdd "i32.atomic.rmw.add" i32_rmw_add (u32, i32) -> u32 bytes 4;
            0x1F I64AtomicRmwAdd "i64.atomic.rmw.add" i64_rmw_add (u64, i64) -> u64 bytes 8;
            0x20 I32AtomicRmw8AddU "i32.atomic.rmw8.add_u" i32_rmw8_add (u8, i32) -> u8 bytes 1;
            0x21 I32AtomicRmw16AddU "i32.atomic.rmw16.add_u" i32_rmw16_add (u16, i32) -> u16 bytes 2;
            0x22 I64AtomicRmw8AddU "i64.atomic.rmw8.add_u" i64_rmw8_add (u8, i64) -> u8 bytes 1;
            0x23 I64AtomicRmw16AddU "i64.atomic.rmw16.add_u" i64_rmw16_add (u16, i64) -> u16 bytes 2;
            0x24 I64AtomicRmw32AddU "i64.atomic.rmw32.add_u" i64_rmw32_add (u32, i64) -> u32 bytes 4;
            0x25 I32AtomicRmwSub "i32.atomic.rmw.sub" i32_rmw_sub (u32, i32) -> u32 bytes 4;
            0x26 I64AtomicRmwSub "i64.atomic.rmw.sub" i64_rmw_sub (u64, i64) -> u64 bytes 8;
            0x27 I32AtomicRmw8SubU "i32.atomic.rmw8.sub_u" i32_rmw8_sub (u8, i32) -> u8 bytes 1;
            0x28 I32AtomicRmw16SubU "i32.atomic.rmw16.sub_u" i32_rmw16_sub (u16, i32) -> u16 bytes 2;
            0x29 I64AtomicRmw8SubU "i64.atomic.rmw8.sub_u" i64_rmw8_sub (u8, i64) -> u8 bytes 1;
            0x2A I64AtomicRmw16SubU "i64.atomic.rmw16.sub_u" i64_rmw16_sub (u16, i64) -> u16 bytes 2;
            0x2B I64AtomicRmw32SubU "i64.atomic.rmw32.sub_u" i64_rmw32_sub (u32, i64) -> u32 bytes 4;
            0x2C I32AtomicRmwAnd "i32.atomic.rmw.and" i32_rmw_and (u32, i32) -> u32 bytes 4;
            0x2D I64AtomicRmwAnd "i64.atomic.rmw.and" i64_rmw_and (u64, i64) -> u64 bytes 8;
            0x2E I32AtomicRmw8AndU "i32.atomic.rmw8.and_u" i32_rmw8_and (u8, i32) -> u8 bytes 1;
            0x2F I32AtomicRmw16AndU "i32.atomic.rmw16.and_u" i32_rmw16_and (u16, i32) -> u16 bytes 2;
            0x30 I64AtomicRmw8AndU "i64.atomic.rmw8.and_u" i64_rmw8_and (u8, i64) -> u8 bytes 1;
            0x31 I64AtomicRmw16AndU "i64.atomic.rmw16.and_u" i64_rmw16_and (u16, i64) -> u16 bytes 2;
            0x32 I64AtomicRmw32AndU "i64.atomic.rmw32.and_u" i64_rmw32_and (u32, i64) -> u32 bytes 4;
            0x33 I32AtomicRmwOr "i32.atomic.rmw.or" i32_rmw_or (u32, i32) -> u32 bytes 4;
            0x34 I64AtomicRmwOr "i64.atomic.rmw.or" i64_rmw_or (u64, i64) -> u64 bytes 8;
            0x35 I32AtomicRmw8OrU "i32.atomic.rmw8.or_u" i32_rmw8_or (u8, i32) -> u8 bytes 1;
            0x36 I32AtomicRmw16OrU "i32.atomic.rmw16.or_u" i32_rmw16_or (u16, i32) -> u16 bytes 2;
            0x37 I64AtomicRmw8OrU "i64.atomic.rmw8.or_u" i64_rmw8_or (u8, i64) -> u8 bytes 1;
            0x38 I64AtomicRmw16OrU "i64.atomic.rmw16.or_u" i64_rmw16_or (u16, i64) -> u16 bytes 2;
            0x39 I64AtomicRmw32OrU "i64.atomic.rmw32.or_u" i64_rmw32_or (u32, i64) -> u32 bytes 4;
            0x3A I32AtomicRmwXor "i32.atomic.rmw.xor" i32_rmw_xor (u32, i32) -> u32 bytes 4;
            0x3B I64AtomicRmwXor "i64.atomic.rmw.xor" i64_rmw_xor (u64, i64) -> u64 bytes 8;
            0x3C I32AtomicRmw8XorU "i32.atomic.rmw8.xor_u" i32_rmw8_xor (u8, i32) -> u8 bytes 1;
            0x3D I32AtomicRmw16XorU "i32.atomic.rmw16.xor_u" i32_rmw16_xor (u16, i32) -> u16 bytes 2;
            0x3E I64AtomicRmw8XorU "i64.atomic.rmw8.xor_u" i64_rmw8_xor (u8, i64) -> u8 bytes 1;
            0x3F I64AtomicRmw16XorU "i64.atomic.rmw16.xor_u" i64_rmw16_xor (u16, i64) -> u16 bytes 2;
            0x40 I64AtomicRmw32XorU "i64.atomic.rmw32.xor_u" i64_rmw32_xor (u32, i64) -> u32 bytes 4;
            0x41 I32AtomicRmwXchg "i32.atomic.rmw.xchg" i32_rmw_xchg (u32, i32) -> u32 bytes 4;
            0x42 I64AtomicRmwXchg "i64.atomic.rmw.xchg" i64_rmw_xchg (u64, i64) -> u64 bytes 8;
            0x43 I32AtomicRmw8XchgU "i32.atomic.rmw8.xchg_u" i32_rmw8_xchg (u8, i32) -> u8 bytes 1;
            0x44 I32AtomicRmw16XchgU "i32.atomic.rmw16.xchg_u" i32_rmw16_xchg (u16, i32) -> u16 bytes 2;
            0x45 I64AtomicRmw8XchgU "i64.atomic.rmw8.xchg_u" i64_rmw8_xchg (u8, i64) -> u8 bytes 1;
            0x46 I64AtomicRmw16XchgU "i64.atomic.rmw16.xchg_u" i64_rmw16_xchg (u16, i64) -> u16 bytes 2;
            0x47 I64AtomicRmw32XchgU "i64.atomic.rmw32.xchg_u" i64_rmw32_xchg (u32, i64) -> u32 bytes 4;
        }
    };
}

/// Calls a macro with the rows of the operators that replace a value if it is the expected one and return the
/// former: `code Name "text" function (raw, type, type) -> raw bytes width;`, the expected value first.
#[macro_export]
macro_rules! for_each_atomic_cmpxchg_operator {
    ($($callback:ident)::+ $(, $($extra:tt)*)?) => {
        $($callback)::+! {
            $($($extra)*)?
            0x48 I32AtomicRmwCmpxchg "i32.atomic.rmw.cmpxchg" i32_rmw_cmpxchg (u32, i32, i32) -> u32 bytes 4;
            0x49 I64AtomicRmwCmpxchg "i64.atomic.rmw.cmpxchg" i64_rmw_cmpxchg (u64, i64, i64) -> u64 bytes 8;
            0x4A I32AtomicRmw8CmpxchgU "i32.atomic.rmw8.cmpxchg_u" i32_rmw8_cmpxchg (u8, i32, i32) -> u8 bytes 1;
            0x4B I32AtomicRmw16CmpxchgU "i32.atomic.rmw16.cmpxchg_u" i32_rmw16_cmpxchg (u16, i32, i32) -> u16 bytes 2;
            0x4C I64AtomicRmw8CmpxchgU "i64.atomic.rmw8.cmpxchg_u" i64_rmw8_cmpxchg (u8, i64, i64) -> u8 bytes 1;
            0x4D I64AtomicRmw16CmpxchgU "i64.atomic.rmw16.cmpxchg_u" i64_rmw16_cmpxchg (u16, i64, i64) -> u16 bytes 2;
            0x4E I64AtomicRmw32CmpxchgU "i64.atomic.rmw32.cmpxchg_u" i64_rmw32_cmpxchg (u32, i64, i64) -> u32 bytes 4;
        }
    };
}
