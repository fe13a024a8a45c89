//! Scripts that are too big or too regular to be written by hand.

use std::fmt::Write as _;

use super::binary::{Function, directive, func_type, module, signed, unsigned};

/// Every generated script, by name.
pub(crate) fn scripts() -> Vec<(String, String)> {
    [
        ("wide-branches", wide_branches()),
        ("many-branches", many_branches()),
        ("big-br_table", big_br_table()),
        ("deep-blocks", deep_blocks()),
        ("long-immediates", super::immediates::script()),
        ("access-bounds", super::accesses::script()),
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
    // The index of the parameter that follows the values.
    let last = WIDE_VALUES;
    let bodies = wide_bodies(&values);
    let mut script = format!(
        "(module\n(type $b (func (result {list})))\n(type $g (func (param {list}) (result {list})))\n\
         (table funcref (elem $give))\n(func $give (type $g) {GARBAGE} {locals} return)\n"
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

/// Values of no meaning, which a branch has to leave behind.
const GARBAGE: &str = "i32.const -1 v128.const i64x2 -1 -1 i64.const -1 ";

/// The functions of `wide_branches`: name, parameter besides none, instructions.
fn wide_bodies(values: &str) -> [(&'static str, &'static str, String); 9] {
    let (garbage, drops) = (GARBAGE, "drop ".repeat(WIDE_VALUES));
    [
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
    ]
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
