//! A script of every load and store at the last address that is in bounds and at the first that is not,
//! with the distance in the operand, in the offset, and in both.

use std::fmt::Write as _;

/// Loads: name, type of the result, bytes.
const LOADS: [(&str, &str, u64); 26] = [
    ("i32.load", "i32", 4),
    ("i64.load", "i64", 8),
    ("f32.load", "f32", 4),
    ("f64.load", "f64", 8),
    ("i32.load8_s", "i32", 1),
    ("i32.load8_u", "i32", 1),
    ("i32.load16_s", "i32", 2),
    ("i32.load16_u", "i32", 2),
    ("i64.load8_s", "i64", 1),
    ("i64.load8_u", "i64", 1),
    ("i64.load16_s", "i64", 2),
    ("i64.load16_u", "i64", 2),
    ("i64.load32_s", "i64", 4),
    ("i64.load32_u", "i64", 4),
    ("v128.load", "v128", 16),
    ("v128.load8x8_s", "v128", 8),
    ("v128.load8x8_u", "v128", 8),
    ("v128.load16x4_s", "v128", 8),
    ("v128.load32x2_u", "v128", 8),
    ("v128.load8_splat", "v128", 1),
    ("v128.load16_splat", "v128", 2),
    ("v128.load32_splat", "v128", 4),
    ("v128.load64_splat", "v128", 8),
    ("v128.load32_zero", "v128", 4),
    ("v128.load64_zero", "v128", 8),
    ("v128.load16x4_u", "v128", 8),
];

/// Stores: name, type of the value, bytes.
const STORES: [(&str, &str, u64); 10] = [
    ("i32.store", "i32", 4),
    ("i64.store", "i64", 8),
    ("f32.store", "f32", 4),
    ("f64.store", "f64", 8),
    ("i32.store8", "i32", 1),
    ("i32.store16", "i32", 2),
    ("i64.store8", "i64", 1),
    ("i64.store16", "i64", 2),
    ("i64.store32", "i64", 4),
    ("v128.store", "v128", 16),
];

/// Widths of the accesses to one lane: bits, bytes.
const LANES: [(&str, u64); 4] = [("8", 1), ("16", 2), ("32", 4), ("64", 8)];

/// The memories: the type of their addresses, what declares them, and their bytes.
const MEMORIES: [(&str, &str, u64); 4] = [
    ("i32", "(memory 1 1)", 65_536),
    ("i64", "(memory i64 1 1)", 65_536),
    ("i32", "(memory 65543 65543 (pagesize 1))", 65_543),
    ("i64", "(memory i64 65543 65543 (pagesize 1))", 65_543),
];

/// The script.
pub(crate) fn script() -> String {
    let mut script = String::new();
    for (address, memory, end) in MEMORIES {
        let mut functions = format!("(module {memory}\n");
        let mut asserts = String::new();
        let mut access = |name: String, (before, after): &(String, &str), width: u64| {
            for offset in [0, 1, 127, 128, end - width, 0xffff_ffff] {
                let export = format!("{name}+{offset}");
                let _ = writeln!(
                    functions,
                    "(func (export \"{export}\") (param {address}) \
                     {before} offset={offset} {after} drop)"
                );
                let mut call = |at: u64, ok: bool| {
                    let invoke = format!("(invoke \"{export}\" ({address}.const {at}))");
                    let _ = if ok {
                        writeln!(asserts, "(assert_return {invoke})")
                    } else {
                        writeln!(asserts, "(assert_trap {invoke} \"out of bounds memory access\")")
                    };
                };
                if offset + width <= end {
                    call(end - width - offset, true);
                    call(end - width - offset + 1, false);
                } else {
                    call(0, false);
                }
                call(end, false);
                call(0xffff_ffff, false);
                call(0x8000_0000, false);
            }
        };
        for (name, instructions, width) in operators() {
            access(name, &instructions, width);
        }
        script.push_str(&functions);
        script.push_str(")\n");
        script.push_str(&asserts);
    }
    script
}

/// Every operator: a name, the instructions before and after its offset, which leave one value, and the
/// bytes that it accesses.
fn operators() -> Vec<(String, (String, &'static str), u64)> {
    let mut operators = Vec::new();
    for (name, _, width) in LOADS {
        operators.push((name.to_owned(), (format!("local.get 0 {name}"), ""), width));
    }
    for (name, ty, width) in STORES {
        let zero = if ty == "v128" { "i64x2 0 0" } else { "0" };
        let before = format!("local.get 0 {ty}.const {zero} {name}");
        operators.push((name.to_owned(), (before, "i32.const 0"), width));
    }
    for (bits, width) in LANES {
        for (what, after) in [("load", "1"), ("store", "1 i32.const 0")] {
            let name = format!("v128.{what}{bits}_lane");
            let before = format!("local.get 0 v128.const i64x2 0 0 {name}");
            operators.push((name, (before, after), width));
        }
    }
    operators
}
