//! Scripts that are too big or too regular to be written by hand.

use std::fmt::Write as _;

use super::binary::{
    Function, directive, func_type, module, padded, padded_signed, signed, unsigned,
};

/// Every generated script, by name.
pub(crate) fn scripts() -> Vec<(String, String)> {
    [
        ("wide-branches", wide_branches()),
        ("many-branches", many_branches()),
        ("big-br_table", big_br_table()),
        ("deep-blocks", deep_blocks()),
        ("long-immediates", long_immediates()),
        ("access-bounds", access_bounds()),
        ("many-locals", many_locals()),
        ("every-operator", super::operators::script()),
    ]
    .map(|(name, text)| (format!("generated/{name}.wast"), text))
    .into()
}

/// Values that a branch carries in `wide_branches`: more than a one-byte signed count can say.
const WIDE_VALUES: usize = 300;

/// Branches, calls and returns that carry hundreds of values of mixed types past others.
fn wide_branches() -> String {
    const TYPES: [&str; 5] = ["i32", "v128", "i64", "f32", "f64"];
    let types: Vec<_> = (0..WIDE_VALUES).map(|i| TYPES[i % TYPES.len()]).collect();
    let list = types.join(" ");
    let constant = |i: usize| match types[i] {
        "v128" => format!("(v128.const i64x2 {i} -{i})"),
        ty => format!("({ty}.const {i})"),
    };
    let values = (0..WIDE_VALUES).map(constant).collect::<Vec<_>>().join(" ");
    let locals = (0..WIDE_VALUES).map(|i| format!("local.get {i} ")).collect::<String>();
    let garbage = "i32.const -1 v128.const i64x2 -1 -1 i64.const -1 ";
    let drops = "drop ".repeat(WIDE_VALUES);
    // The index of the parameter that follows the values.
    let last = WIDE_VALUES;
    let bodies = [
        ("br", "", format!("block (type $b) {garbage} {values} br 0 end")),
        ("return", "", format!("{garbage} {values} return")),
        ("call", "", format!("{values} call $give")),
        ("tail", "", format!("{garbage} {values} return_call $give")),
        ("indirect", "", format!("{values} i32.const 0 call_indirect (type $g)")),
        (
            "br_if",
            "(param i32)",
            format!(
                "block (type $b) {garbage} {values} local.get 0 br_if 0 \
                 {drops} drop drop drop {values} end"
            ),
        ),
        (
            "br_table",
            "(param i32)",
            format!(
                "block (type $b) block (type $b) block (type $b) {garbage} {values} \
                 local.get 0 br_table 0 1 2 end {garbage} {drops} drop drop drop {values} br 1 end end"
            ),
        ),
        (
            "if",
            "(param i32)",
            format!("{values} local.get 0 if (type $g) else {drops} {values} end"),
        ),
        (
            "loop",
            "(param i32)",
            format!(
                "{values} loop (type $g) local.get 0 i32.const 1 i32.sub local.tee 0 \
                 i32.const 0 i32.gt_s br_if 0 end"
            ),
        ),
    ];
    let mut script = format!(
        "(module\n(type $b (func (result {list})))\n(type $g (func (param {list}) (result {list})))\n\
         (table funcref (elem $give))\n(func $give (type $g) {garbage} {locals} return)\n"
    );
    for (name, param, body) in &bodies {
        // The instructions are flat; constants in parentheses stand among them as they are.
        let _ = writeln!(script, "(func (export \"{name}\") {param} (result {list}) {body})");
    }
    let _ = writeln!(
        script,
        "(func (export \"give\") (param {list}) (param i32) (result i32) local.get {last}))"
    );
    for (name, param, _) in &bodies {
        let arguments: &[&str] = if param.is_empty() {
            &[""]
        } else {
            &["(i32.const 0)", "(i32.const 1)", "(i32.const 7)"]
        };
        for argument in arguments {
            let _ = writeln!(script, "(assert_return (invoke \"{name}\" {argument}) {values})");
        }
    }
    let _ =
        writeln!(script, "(assert_return (invoke \"give\" {values} (i32.const 5)) (i32.const 5))");
    script
}

/// Branches of one function: more than a signed 16-bit distance in a side table can span.
const BRANCHES: i64 = 45_000;

/// A function whose branches span tens of thousands of others, forwards and backwards.
fn many_branches() -> String {
    // (param $x i32) (result i32) (local $passes i32)
    // loop block block  br_if 0 ($x == 0)
    //   for each k: if ($x == k) { $x = k * 10; br 2 (out of the outer block) }
    // end  $x = BRANCHES; $passes += 1; br_if 1 (again, if $passes < 3); end end
    // $x + $passes
    let mut code = vec![0x03, 0x40, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x45, 0x0d, 0];
    for k in 1..=BRANCHES {
        code.extend([0x20, 0, 0x41]);
        code.extend(signed(k));
        code.extend([0x46, 0x04, 0x40, 0x41]);
        code.extend(signed(k * 10));
        code.extend([0x21, 0, 0x0c, 2, 0x0b]);
    }
    code.push(0x0b);
    code.push(0x41);
    code.extend(signed(BRANCHES));
    code.extend([0x21, 0, 0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x41, 3, 0x48, 0x0d, 1]);
    code.extend([0x0b, 0x0b, 0x20, 0, 0x20, 1, 0x6a]);
    let locals = vec![1, 1, 0x7f];
    let function = Function { type_index: 0, name: "f", locals, code };
    let module = module(&[func_type(&[0x7f], &[0x7f])], &[function], &[], &[], &[]);
    let mut script = directive(&module);
    for k in [1, 2, 100, 32_767, 32_768, 44_999, BRANCHES] {
        let _ = writeln!(
            script,
            "(assert_return (invoke \"f\" (i32.const {k})) (i32.const {}))",
            k * 10
        );
    }
    for k in [0, -1, BRANCHES + 1] {
        // One pass that matches nothing, then the last one matches.
        let want = BRANCHES * 10 + 1;
        let _ =
            writeln!(script, "(assert_return (invoke \"f\" (i32.const {k})) (i32.const {want}))");
    }
    script
}

/// Targets of the two tables.
const TARGETS: [u64; 2] = [2_000, 100_000];
/// Blocks around each table.
const TARGET_BLOCKS: u64 = 50;

/// `br_table` with very many targets, with and without a value.
fn big_br_table() -> String {
    let table = |targets: u64| {
        let mut bytes = vec![0x0e];
        bytes.extend(unsigned(targets));
        for target in 0..=targets {
            let depth = if target == targets { TARGET_BLOCKS - 1 } else { target % TARGET_BLOCKS };
            bytes.extend(unsigned(depth));
        }
        bytes
    };
    // Each block ends with `return` of its number, added to what the branch carried.
    let plain = |targets: u64| {
        let mut code = [0x02, 0x40].repeat(TARGET_BLOCKS as usize);
        code.extend([0x20, 0]);
        code.extend(table(targets));
        for block in 0..TARGET_BLOCKS {
            code.extend([0x0b, 0x41]);
            code.extend(signed(block as i64));
            code.push(0x0f);
        }
        code.push(0x00);
        code
    };
    let valued = |targets: u64| {
        let mut code = [0x02, 0x7f].repeat(TARGET_BLOCKS as usize);
        // A value to be left behind, the value that is carried, the index.
        code.extend([0x42, 1, 0x41]);
        code.extend(signed(1000));
        code.extend([0x20, 0]);
        code.extend(table(targets));
        for block in 0..TARGET_BLOCKS {
            code.extend([0x0b, 0x41]);
            code.extend(signed(block as i64));
            code.extend([0x6a, 0x0f]);
        }
        code.push(0x00);
        code
    };
    let function = |name, code| Function { type_index: 0, name, locals: vec![0], code };
    let functions = [
        function("plain0", plain(TARGETS[0])),
        function("valued0", valued(TARGETS[0])),
        function("plain1", plain(TARGETS[1])),
        function("valued1", valued(TARGETS[1])),
    ];
    let mut script = directive(&module(&[func_type(&[0x7f], &[0x7f])], &functions, &[], &[], &[]));
    for (which, targets) in TARGETS.into_iter().enumerate() {
        for index in
            [0, 1, 49, 50, 1_234, targets - 1, targets, targets + 1, 0x8000_0000, 0xffff_ffff]
        {
            let block = if index >= targets { TARGET_BLOCKS - 1 } else { index % TARGET_BLOCKS };
            for (name, base) in [("plain", 0), ("valued", 1000)] {
                let _ = writeln!(
                    script,
                    "(assert_return (invoke \"{name}{which}\" (i32.const {index})) (i32.const {}))",
                    base + block
                );
            }
        }
    }
    script
}

/// Blocks within each other in `deep_blocks`.
const DEPTH: u64 = 20_000;

/// Blocks, loops and ifs nested tens of thousands deep, and branches out of all of them.
fn deep_blocks() -> String {
    let nest = |open: &[u8], inner: Vec<u8>, close: &[u8]| {
        [open.repeat(DEPTH as usize), inner, close.repeat(DEPTH as usize)].concat()
    };
    let branch = |opcode: u8, depth: u64| [vec![opcode], unsigned(depth)].concat();
    // Branches out of everything where the parameter is not zero; otherwise counts the ends.
    let blocks = nest(
        &[0x02, 0x40],
        [vec![0x20, 0], branch(0x0d, DEPTH - 1)].concat(),
        &[0x0b, 0x20, 0, 0x41, 1, 0x6a, 0x21, 0],
    );
    let loops = nest(
        &[0x03, 0x40],
        [vec![0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x41, 0, 0x4a], branch(0x0d, DEPTH - 1)].concat(),
        &[0x0b],
    );
    let ifs = nest(&[0x20, 0, 0x04, 0x40], vec![0x41, 7, 0x0f], &[0x0b]);
    let get = |code: Vec<u8>| [code, vec![0x20, 0]].concat();
    let function = |name, code| Function { type_index: 0, name, locals: vec![0], code: get(code) };
    let functions = [function("blocks", blocks), function("loops", loops), function("ifs", ifs)];
    let mut script = directive(&module(&[func_type(&[0x7f], &[0x7f])], &functions, &[], &[], &[]));
    for (name, argument, result) in [
        ("blocks", 0, DEPTH as i64),
        // The outermost block's end counts as well.
        ("blocks", 5, 6),
        ("loops", 3, 0),
        ("loops", -5, -6),
        ("ifs", 0, 0),
        ("ifs", 1, 7),
    ] {
        let _ = writeln!(
            script,
            "(assert_return (invoke \"{name}\" (i32.const {argument})) (i32.const {result}))"
        );
    }
    script
}

/// Locals of the function in `many_locals`; the validator's limit is 50,000.
const LOCALS: u64 = 49_990;

/// A function with as many locals as there may be: all zero, and each a slot of its own.
fn many_locals() -> String {
    let index = |opcode: u8, local: u64| [vec![opcode], unsigned(local)].concat();
    // Half of them i64, half v128; the last i64 and the first v128 are written and read.
    let half = LOCALS / 2;
    let locals = [vec![2], unsigned(half), vec![0x7e], unsigned(half), vec![0x7b]].concat();
    let code = [
        vec![0x20, 0],
        index(0x21, half),
        vec![0x20, 0, 0xfd, 18],
        index(0x21, half + 1),
        index(0x20, half),
        index(0x20, half - 1),
        vec![0x7c],
        index(0x20, half + 1),
        vec![0xfd, 29, 1, 0x7c],
        index(0x20, 2 * half),
        vec![0xfd, 29, 0, 0x7c],
    ]
    .concat();
    let function = Function { type_index: 0, name: "f", locals, code };
    let mut script = directive(&module(&[func_type(&[0x7e], &[0x7e])], &[function], &[], &[], &[]));
    for value in [21_i64, -4, 0] {
        let _ = writeln!(
            script,
            "(assert_return (invoke \"f\" (i64.const {value})) (i64.const {}))",
            value * 2
        );
    }
    script
}

/// Every load and store at the last address that is in bounds and at the first that is not, with the
/// distance in the operand, in the offset, and in both.
fn access_bounds() -> String {
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
    const LANES: [(&str, u64); 4] = [("8", 1), ("16", 2), ("32", 4), ("64", 8)];
    const END: u64 = 65_536;
    let mut script = String::new();
    for (address, memory) in [("i32", "(memory 1 1)"), ("i64", "(memory i64 1 1)")] {
        let mut functions = format!("(module {memory}\n");
        let mut asserts = String::new();
        let mut access = |name: String, instruction: &dyn Fn(u64) -> String, width: u64| {
            for offset in [0, 1, 127, 128, END - width, 0xffff_ffff] {
                let export = format!("{name}+{offset}");
                let _ = writeln!(
                    functions,
                    "(func (export \"{export}\") (param {address}) {} drop)",
                    instruction(offset)
                );
                let mut call = |at: u64, ok: bool| {
                    let invoke = format!("(invoke \"{export}\" ({address}.const {at}))");
                    let _ = if ok {
                        writeln!(asserts, "(assert_return {invoke})")
                    } else {
                        writeln!(asserts, "(assert_trap {invoke} \"out of bounds memory access\")")
                    };
                };
                if offset + width <= END {
                    call(END - width - offset, true);
                    call(END - width - offset + 1, false);
                } else {
                    call(0, false);
                }
                call(END, false);
                call(0xffff_ffff, false);
                call(0x8000_0000, false);
            }
        };
        for (op, _, width) in LOADS {
            access(op.into(), &|offset| format!("local.get 0 {op} offset={offset}"), width);
        }
        for (op, ty, width) in STORES {
            let zero =
                if ty == "v128" { "v128.const i64x2 0 0".into() } else { format!("{ty}.const 0") };
            let store = |offset| format!("local.get 0 {zero} {op} offset={offset} i32.const 0");
            access(op.into(), &store, width);
        }
        for (bits, width) in LANES {
            let load = |offset| {
                format!("local.get 0 v128.const i64x2 0 0 v128.load{bits}_lane offset={offset} 1")
            };
            access(format!("load{bits}_lane"), &load, width);
            let store = |offset| {
                format!(
                    "local.get 0 v128.const i64x2 0 0 v128.store{bits}_lane offset={offset} 1 i32.const 0"
                )
            };
            access(format!("store{bits}_lane"), &store, width);
        }
        script.push_str(&functions);
        script.push_str(")\n");
        script.push_str(&asserts);
    }
    script
}

/// Every kind of immediate in its longest encoding: an engine that executes the original bytes has to
/// step over all of them.
fn long_immediates() -> String {
    // Indices, counts and opcodes behind a prefix are u32: five bytes at most.
    let p = |value: u64| padded(value, 5);
    let op =
        |opcode: &[u8], immediates: &[Vec<u8>]| [opcode.to_vec(), immediates.concat()].concat();
    let s32 = |value: i64| op(&[0x41], &[padded_signed(value, 5)]);
    let s64 = |value: i64| op(&[0x42], &[padded_signed(value, 10)]);
    // Alignment with the bit that says that a memory index follows, the index, the offset.
    let memarg = |align: u64, memory: u64, offset: u64| {
        [p(align | 0x40), p(memory), padded(offset, 10)].concat()
    };
    let fc =
        |opcode: u64, immediates: &[Vec<u8>]| op(&[0xfc], &[&[p(opcode)], immediates].concat());
    let fd =
        |opcode: u64, immediates: &[Vec<u8>]| op(&[0xfd], &[&[p(opcode)], immediates].concat());
    let get = |index: u64| op(&[0x20], &[p(index)]);
    let end = vec![0x0b];

    // Types: 0 [] -> [i32], 1 [i32] -> [i32], 2 [] -> []. Function 0 is `seven`.
    let types = [func_type(&[], &[0x7f]), func_type(&[0x7f], &[0x7f]), func_type(&[], &[])];
    let block = |ty: i64| op(&[0x02], &[padded_signed(ty, 5)]);
    let br_table = [p(2), p(0), p(1), p(2)].concat();
    let cases: Vec<(&'static str, u8, Vec<Vec<u8>>, i32)> = vec![
        ("seven", 0, vec![s32(7)], 7),
        ("local", 1, vec![get(0), op(&[0x22], &[p(1)]), op(&[0x21], &[p(0)]), get(1)], 1),
        ("const32", 0, vec![s32(-3), s32(5), vec![0x6a]], 2),
        ("const64", 0, vec![s64(-9), s64(1 << 40), vec![0x83, 0xa7]], 0),
        ("const64-", 0, vec![s64(-9), vec![0xa7]], -9),
        ("block", 0, vec![block(0), s32(8), op(&[0x0c], &[p(0)]), end.clone()], 8),
        ("loop", 0, vec![op(&[0x03], &[padded_signed(0, 5)]), s32(9), end.clone()], 9),
        (
            "if",
            1,
            vec![
                get(0),
                op(&[0x04], &[padded_signed(0, 5)]),
                s32(10),
                vec![0x05],
                s32(11),
                end.clone(),
            ],
            10,
        ),
        (
            "br_if",
            1,
            vec![block(0), s32(12), get(0), op(&[0x0d], &[p(0)]), vec![0x1a], s32(13), end.clone()],
            12,
        ),
        (
            "br_table",
            1,
            vec![
                block(2),
                block(2),
                block(2),
                get(0),
                op(&[0x0e], &[br_table]),
                end.clone(),
                s32(1),
                vec![0x0f],
                end.clone(),
                s32(14),
                vec![0x0f],
                end.clone(),
                s32(3),
            ],
            14,
        ),
        ("call", 0, vec![op(&[0x10], &[p(0)])], 7),
        ("call_indirect", 0, vec![s32(2), op(&[0x11], &[p(0), p(1)])], 7),
        ("return_call", 0, vec![op(&[0x12], &[p(0)])], 7),
        ("return_call_indirect", 0, vec![s32(2), op(&[0x13], &[p(0), p(1)])], 7),
        ("select", 1, vec![s32(15), s32(16), get(0), op(&[0x1c], &[p(1), vec![0x7f]])], 15),
        (
            "global",
            0,
            vec![
                s32(17),
                op(&[0x24], &[p(1)]),
                op(&[0x23], &[p(1)]),
                op(&[0x23], &[p(0)]),
                vec![0x6a],
            ],
            117,
        ),
        (
            "memory",
            0,
            vec![
                s32(0),
                s32(0x1234),
                op(&[0x36], &[memarg(2, 1, 70_000)]),
                s32(4),
                op(&[0x2d], &[memarg(0, 1, 69_997)]),
            ],
            0x12,
        ),
        (
            "memory-without-index",
            0,
            vec![
                s32(0),
                s32(77),
                op(&[0x36], &[[p(0), padded(5, 10)].concat()]),
                s32(5),
                op(&[0x28], &[[p(2), padded(0, 10)].concat()]),
            ],
            77,
        ),
        ("memory.size", 0, vec![op(&[0x3f], &[p(1)])], 2),
        ("memory.grow", 0, vec![s32(0), op(&[0x40], &[p(1)])], 2),
        (
            "memory.fill",
            0,
            vec![s32(8), s32(1), s32(4), fc(11, &[p(1)]), s32(8), op(&[0x28], &[memarg(2, 1, 0)])],
            0x0101_0101,
        ),
        (
            "memory.copy",
            0,
            vec![
                s32(100),
                s32(8),
                s32(4),
                fc(10, &[p(0), p(1)]),
                s32(100),
                op(&[0x28], &[memarg(2, 0, 0)]),
            ],
            0x0101_0101,
        ),
        (
            "memory.init",
            0,
            vec![
                s32(16),
                s32(0),
                s32(4),
                fc(8, &[p(1), p(1)]),
                fc(9, &[p(1)]),
                s32(16),
                op(&[0x28], &[memarg(2, 1, 0)]),
            ],
            i32::from_le_bytes(*b"efgh"),
        ),
        (
            "table",
            0,
            vec![
                s32(0),
                op(&[0xd2], &[p(0)]),
                op(&[0x26], &[p(1)]),
                s32(0),
                op(&[0x25], &[p(1)]),
                vec![0xd1],
                fc(16, &[p(1)]),
                vec![0x6a],
            ],
            3,
        ),
        ("table.grow", 0, vec![vec![0xd0, 0x70], s32(0), fc(15, &[p(1)])], 3),
        (
            "table-bulk",
            0,
            vec![
                s32(0),
                vec![0xd0, 0x70],
                s32(2),
                fc(17, &[p(1)]),
                s32(1),
                s32(0),
                s32(1),
                fc(12, &[p(1), p(1)]),
                fc(13, &[p(1)]),
                s32(0),
                s32(1),
                s32(1),
                fc(14, &[p(0), p(1)]),
                s32(0),
                op(&[0x11], &[p(0), p(0)]),
            ],
            7,
        ),
        ("saturate", 0, vec![op(&[0x43], &[300.75_f32.to_le_bytes().to_vec()]), fc(0, &[])], 300),
        (
            "vector",
            0,
            vec![
                fd(12, &[(0..16).collect()]),
                fd(12, &[(16..32).collect()]),
                fd(13, &[(8..24).collect()]),
                fd(22, &[vec![9]]),
            ],
            17,
        ),
        (
            "lane",
            0,
            vec![
                s32(0),
                fd(12, &[(0..16).collect()]),
                fd(88, &[memarg(0, 1, 200), vec![3]]),
                s32(0),
                fd(12, &[vec![0; 16]]),
                fd(84, &[memarg(0, 1, 200), vec![0]]),
                fd(22, &[vec![0]]),
            ],
            3,
        ),
    ];
    long_immediates_script(&types, &cases)
}

/// The script for these functions: name, type, instructions, what each returns (for the argument 1).
fn long_immediates_script(
    types: &[Vec<u8>],
    cases: &[(&'static str, u8, Vec<Vec<u8>>, i32)],
) -> String {
    let p = |value: u64| padded(value, 5);
    // One declaration of one i32, with both counts padded.
    let locals = [p(1), p(1), vec![0x7f]].concat();
    let functions: Vec<_> = cases
        .iter()
        .map(|(name, type_index, code, _)| Function {
            type_index: *type_index,
            name,
            locals: locals.clone(),
            code: code.concat(),
        })
        .collect();
    let section = super::binary::section;
    let definitions = [
        // Two tables of three elements, two memories of two pages, two globals of 100.
        section(4, [p(2), vec![0x70, 0], p(3), vec![0x70, 0], p(3)].concat()),
        section(5, [p(2), vec![0], p(2), vec![0], p(2)].concat()),
        section(6, [p(2), [0x7f, 1, 0x41, 0xe4, 0x00, 0x0b].repeat(2)].concat()),
    ]
    .concat();
    let before_code = [
        // Element 2 of table 1 is `seven`; a passive segment with it; the count of data segments.
        section(
            9,
            [
                p(2),
                [p(2), p(1), vec![0x41, 2, 0x0b, 0], p(1), p(0)].concat(),
                [p(1), vec![0], p(1), p(0)].concat(),
            ]
            .concat(),
        ),
        section(12, p(2)),
    ]
    .concat();
    let data = |text: &[u8]| [p(1), p(text.len() as u64), text.to_vec()].concat();
    let after_code = section(11, [p(2), data(b"abcd"), data(b"efgh")].concat());
    let mut script = directive(&module(types, &functions, &definitions, &before_code, &after_code));
    for (name, type_index, _, want) in cases {
        let argument = if *type_index == 1 { "(i32.const 1)" } else { "" };
        let _ =
            writeln!(script, "(assert_return (invoke \"{name}\" {argument}) (i32.const {want}))");
    }
    script
}
