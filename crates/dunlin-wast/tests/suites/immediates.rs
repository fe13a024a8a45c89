//! A script of every kind of immediate in its longest encoding: an engine that executes the original
//! bytes has to step over all of them.
//!
//! The functions are rows of words: two hexadecimal digits are a byte, `u`, `s`, `l` and `o` a number in
//! the longest encoding of a u32, an i32, an i64 and an offset, `=` the bytes of an f32, and `+` the
//! sixteen bytes that count from a number.

use std::fmt::Write as _;

use super::binary::{Function, directive, func_type, module, padded, padded_signed, section};

/// Name, the index of the type (0 takes nothing, 1 an i32, which is 1; both give an i32), instructions,
/// result. The order matters: later rows read what earlier ones wrote.
const CASES: &[(&str, u8, &str, i32)] = &[
    ("seven", 0, "41 s7", 7),
    // local.get 0, local.tee 1, local.set 0, local.get 1
    ("local", 1, "20 u0 22 u1 21 u0 20 u1", 1),
    ("i32.const", 0, "41 s-3 41 s5 6a", 2),
    // i64.and, i32.wrap_i64
    ("i64.const", 0, "42 l-9 42 l1099511627783 83 a7", 7),
    ("i64.const-negative", 0, "42 l-9 a7", -9),
    ("block", 0, "02 s0 41 s8 0c u0 0b", 8),
    ("loop", 0, "03 s0 41 s9 0b", 9),
    ("if", 1, "20 u0 04 s0 41 s10 05 41 s11 0b", 10),
    ("else", 1, "20 u0 45 04 s0 41 s10 05 41 s11 0b", 11),
    ("br_if", 1, "02 s0 41 s12 20 u0 0d u0 1a 41 s13 0b", 12),
    ("br_table", 1, "02 s2 02 s2 02 s2 20 u0 0e u2 u0 u1 u2 0b 41 s1 0f 0b 41 s14 0f 0b 41 s3", 14),
    ("call", 0, "10 u0", 7),
    ("call_indirect", 0, "41 s2 11 u0 u1", 7),
    ("return_call", 0, "12 u0", 7),
    ("return_call_indirect", 0, "41 s2 13 u0 u1", 7),
    // The vector of types of `select`.
    ("select", 1, "41 s15 41 s16 20 u0 1c u1 7f", 15),
    ("global", 0, "41 s17 24 u1 23 u1 23 u0 6a", 117),
    // An alignment of 64 and more says that a memory's index follows.
    ("memory", 0, "41 s0 41 s4660 36 u66 u1 o70000 41 s4 2d u64 u1 o69997", 0x12),
    ("memory-without-index", 0, "41 s0 41 s77 36 u0 o5 41 s5 28 u2 o0", 77),
    ("memory.size", 0, "3f u1", 2),
    ("memory.grow", 0, "41 s0 40 u1", 2),
    ("memory.fill", 0, "41 s8 41 s1 41 s4 fc u11 u1 41 s8 28 u66 u1 o0", 0x0101_0101),
    ("memory.copy", 0, "41 s100 41 s8 41 s4 fc u10 u0 u1 41 s100 28 u66 u0 o0", 0x0101_0101),
    // memory.init, data.drop
    (
        "memory.init",
        0,
        "41 s16 41 s0 41 s4 fc u8 u1 u1 fc u9 u1 41 s16 28 u66 u1 o0",
        i32::from_le_bytes(*b"efgh"),
    ),
    // ref.func, table.set, table.get, ref.is_null, table.size
    ("table", 0, "41 s0 d2 u0 26 u1 41 s0 25 u1 d1 fc u16 u1 6a", 3),
    ("table.grow", 0, "d0 70 41 s0 fc u15 u1", 3),
    // table.fill, table.init, elem.drop, table.copy, call_indirect of what was copied
    (
        "table-bulk",
        0,
        "41 s0 d0 70 41 s2 fc u17 u1 41 s1 41 s0 41 s1 fc u12 u1 u1 fc u13 u1 \
         41 s0 41 s1 41 s1 fc u14 u0 u1 41 s0 11 u0 u0",
        7,
    ),
    ("i32.trunc_sat_f32_s", 0, "43 =300.75 fc u0", 300),
    // i8x16.shuffle, i8x16.extract_lane_u
    ("vector", 0, "fd u12 +0 fd u12 +16 fd u13 +8 fd u22 09", 17),
    // v128.store8_lane, v128.load8_lane
    (
        "lane",
        0,
        "41 s0 fd u12 +0 fd u88 u64 u1 o200 03 \
         41 s0 fd u12 +7 fd u84 u64 u1 o200 00 fd u22 00",
        3,
    ),
    ("v128.load32_zero", 0, "41 s0 fd u92 u66 u1 o8 fd u27 00", 0x0101_0101),
];

/// The bytes that a row's words stand for.
fn assemble(words: &str) -> Vec<u8> {
    let word = |word: &str| {
        let (kind, rest) = word.split_at(1);
        let number = || rest.parse::<i64>().expect("the rows hold numbers");
        match kind {
            "u" => padded(number() as u64, 5),
            "o" => padded(number() as u64, 10),
            "s" => padded_signed(number(), 5),
            "l" => padded_signed(number(), 10),
            "=" => rest.parse::<f32>().expect("the rows hold numbers").to_le_bytes().to_vec(),
            "+" => (0..16).map(|i| number() as u8 + i).collect(),
            _ => vec![u8::from_str_radix(word, 16).expect("the rows hold bytes")],
        }
    };
    words.split_whitespace().flat_map(word).collect()
}

/// The script.
pub(crate) fn script() -> String {
    let p = |value: u64| padded(value, 5);
    let types = [func_type(&[], &[0x7f]), func_type(&[0x7f], &[0x7f]), func_type(&[], &[])];
    let function = |(name, type_index, words, _): &(&'static str, u8, &str, i32)| Function {
        type_index: *type_index,
        name,
        // One declaration of one i32, with both counts padded.
        locals: [p(1), p(1), vec![0x7f]].concat(),
        code: assemble(words),
    };
    let functions: Vec<_> = CASES.iter().map(function).collect();
    let definitions = [
        // Two tables of three elements, two memories of two pages, two globals of 100.
        section(4, [p(2), vec![0x70, 0], p(3), vec![0x70, 0], p(3)].concat()),
        section(5, [p(2), vec![0], p(2), vec![0], p(2)].concat()),
        section(6, [p(2), [0x7f, 1, 0x41, 0xe4, 0x00, 0x0b].repeat(2)].concat()),
    ]
    .concat();
    // Element 2 of table 1 is `seven`; a passive segment with it; the count of data segments.
    let active = [p(2), p(1), vec![0x41, 2, 0x0b, 0], p(1), p(0)].concat();
    let passive = [p(1), vec![0], p(1), p(0)].concat();
    let before_code = [section(9, [p(2), active, passive].concat()), section(12, p(2))].concat();
    let data = |text: &[u8]| [p(1), p(text.len() as u64), text.to_vec()].concat();
    let after_code = section(11, [p(2), data(b"abcd"), data(b"efgh")].concat());
    let mut script =
        directive(&module(&types, &functions, &definitions, &before_code, &after_code));
    for (name, type_index, _, want) in CASES {
        let argument = if *type_index == 1 { "(i32.const 1)" } else { "" };
        let _ =
            writeln!(script, "(assert_return (invoke \"{name}\" {argument}) (i32.const {want}))");
    }
    script
}
