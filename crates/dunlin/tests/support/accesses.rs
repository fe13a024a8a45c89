//! Every operator that accesses a memory at an address, and offsets around all that changes how an access
//! is compiled.

#![allow(dead_code, reason = "each test program uses a part")]

/// Bytes of a page, and of the guard behind a guarded memory.
pub(crate) const PAGE: u64 = 65_536;
pub(crate) const GUARD: u64 = 64 << 20;

/// Accesses, as expressions that leave an `i64`: the operator with `@` where its offset belongs and `$`
/// where its address does, and its width. The first seven are read back by a test.
pub(crate) const ACCESSES: [(&str, u64); 45] = [
    ("(i64.load8_s @ $)", 1),
    ("(i64.load16_u @ $)", 2),
    ("(i64.load32_s @ $)", 4),
    ("(i64.extend_i32_u (i32.load @ $))", 4),
    ("(i64.load @ $)", 8),
    ("(i64.reinterpret_f64 (f64.load @ $))", 8),
    ("(i64x2.extract_lane 1 (v128.load @ $))", 16),
    ("(i64x2.extract_lane 1 (v128.load8x8_u @ $))", 8),
    ("(i64x2.extract_lane 1 (v128.load32_splat @ $))", 4),
    ("(i64x2.extract_lane 0 (v128.load64_zero @ $))", 8),
    ("(i64x2.extract_lane 1 (v128.load16_lane @ 7 $ (v128.const i64x2 0 0)))", 2),
    ("(i64x2.extract_lane 1 (v128.load64_lane @ 1 $ (v128.const i64x2 0 0)))", 8),
    ("(i64.const 0) (i64.store8 @ $ (i64.const -1))", 1),
    ("(i64.const 0) (i32.store16 @ $ (i32.const -1))", 2),
    ("(i64.const 0) (f32.store @ $ (f32.const 1))", 4),
    ("(i64.const 0) (i64.store @ $ (i64.const -1))", 8),
    ("(i64.const 0) (v128.store @ $ (v128.const i64x2 -1 -1))", 16),
    ("(i64.const 0) (v128.store32_lane @ 3 $ (v128.const i64x2 -1 -1))", 4),
    ("(i64.load8_u @ $)", 1),
    ("(i64.load16_s @ $)", 2),
    ("(i64.load32_u @ $)", 4),
    ("(i64.extend_i32_u (i32.load8_s @ $))", 1),
    ("(i64.extend_i32_u (i32.load8_u @ $))", 1),
    ("(i64.extend_i32_u (i32.load16_s @ $))", 2),
    ("(i64.extend_i32_u (i32.load16_u @ $))", 2),
    ("(i64.extend_i32_u (i32.reinterpret_f32 (f32.load @ $)))", 4),
    ("(i64x2.extract_lane 0 (v128.load8x8_s @ $))", 8),
    ("(i64x2.extract_lane 0 (v128.load16x4_s @ $))", 8),
    ("(i64x2.extract_lane 1 (v128.load16x4_u @ $))", 8),
    ("(i64x2.extract_lane 0 (v128.load32x2_s @ $))", 8),
    ("(i64x2.extract_lane 1 (v128.load32x2_u @ $))", 8),
    ("(i64x2.extract_lane 0 (v128.load8_splat @ $))", 1),
    ("(i64x2.extract_lane 0 (v128.load16_splat @ $))", 2),
    ("(i64x2.extract_lane 0 (v128.load64_splat @ $))", 8),
    ("(i64x2.extract_lane 0 (v128.load32_zero @ $))", 4),
    ("(i64x2.extract_lane 0 (v128.load8_lane @ 3 $ (v128.const i64x2 0 0)))", 1),
    ("(i64x2.extract_lane 0 (v128.load32_lane @ 1 $ (v128.const i64x2 0 0)))", 4),
    ("(i64.const 0) (i32.store8 @ $ (i32.const -1))", 1),
    ("(i64.const 0) (i64.store16 @ $ (i64.const -1))", 2),
    ("(i64.const 0) (i64.store32 @ $ (i64.const -1))", 4),
    ("(i64.const 0) (i32.store @ $ (i32.const -1))", 4),
    ("(i64.const 0) (f64.store @ $ (f64.const 1))", 8),
    ("(i64.const 0) (v128.store8_lane @ 15 $ (v128.const i64x2 -1 -1))", 1),
    ("(i64.const 0) (v128.store16_lane @ 0 $ (v128.const i64x2 -1 -1))", 2),
    ("(i64.const 0) (v128.store64_lane @ 1 $ (v128.const i64x2 -1 -1))", 8),
];

/// Offsets that a memory with 32-bit addresses may have.
pub(crate) const OFFSETS: [u64; 15] = [
    0,
    1,
    8,
    4_095,
    4_096,
    PAGE - 8,
    PAGE,
    PAGE + 1,
    GUARD - 16,
    GUARD - 1,
    GUARD,
    GUARD + 1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];

/// An access with its operands filled in.
pub(crate) fn access(access: &str, memory: &str, offset: u64, address: &str) -> String {
    // The address first: what it is made of may have a `$` too.
    let text = access.replace(" $", " #").replace('#', address);
    text.replace('@', &format!("{memory} offset={offset}"))
}
