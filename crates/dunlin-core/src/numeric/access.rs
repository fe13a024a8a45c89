//! How bytes of a memory become values and values become bytes (specification, 4.2.12 and 4.4.7).
//!
//! Raw bits are an unsigned integer read from, or written to, little-endian bytes. Which bytes is the
//! business of whoever owns the memory.

pure! {
    /// 4 bytes as they are.
    fn i32_load(raw: u32) -> i32 { raw as i32 }
    /// 8 bytes as they are.
    fn i64_load(raw: u64) -> i64 { raw as i64 }
    /// 4 bytes as they are.
    fn f32_load(raw: u32) -> f32 { f32::from_bits(raw) }
    /// 8 bytes as they are.
    fn f64_load(raw: u64) -> f64 { f64::from_bits(raw) }
    /// 1 byte, sign-extended.
    fn i32_load8_s(raw: u8) -> i32 { i32::from(raw as i8) }
    /// 1 byte, zero-extended.
    fn i32_load8_u(raw: u8) -> i32 { i32::from(raw) }
    /// 2 bytes, sign-extended.
    fn i32_load16_s(raw: u16) -> i32 { i32::from(raw as i16) }
    /// 2 bytes, zero-extended.
    fn i32_load16_u(raw: u16) -> i32 { i32::from(raw) }
    /// 1 byte, sign-extended.
    fn i64_load8_s(raw: u8) -> i64 { i64::from(raw as i8) }
    /// 1 byte, zero-extended.
    fn i64_load8_u(raw: u8) -> i64 { i64::from(raw) }
    /// 2 bytes, sign-extended.
    fn i64_load16_s(raw: u16) -> i64 { i64::from(raw as i16) }
    /// 2 bytes, zero-extended.
    fn i64_load16_u(raw: u16) -> i64 { i64::from(raw) }
    /// 4 bytes, sign-extended.
    fn i64_load32_s(raw: u32) -> i64 { i64::from(raw as i32) }
    /// 4 bytes, zero-extended.
    fn i64_load32_u(raw: u32) -> i64 { i64::from(raw) }
    /// The bits as they are.
    fn i32_store(value: i32) -> u32 { value as u32 }
    /// The bits as they are.
    fn i64_store(value: i64) -> u64 { value as u64 }
    /// The bits as they are.
    fn f32_store(value: f32) -> u32 { value.to_bits() }
    /// The bits as they are.
    fn f64_store(value: f64) -> u64 { value.to_bits() }
    /// The low 8 bits.
    fn i32_store8(value: i32) -> u8 { value as u8 }
    /// The low 16 bits.
    fn i32_store16(value: i32) -> u16 { value as u16 }
    /// The low 8 bits.
    fn i64_store8(value: i64) -> u8 { value as u8 }
    /// The low 16 bits.
    fn i64_store16(value: i64) -> u16 { value as u16 }
    /// The low 32 bits.
    fn i64_store32(value: i64) -> u32 { value as u32 }
}
