//! Accesses at every border with addresses of 64 bits, bulk operations of both kinds of memories and of
//! tables, and which functions may be called as which type; in compiled code, however memories lie.
//!
//! What must happen is computed here, in numbers that do not wrap.

#![cfg(feature = "optimize")]

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod accesses;
}

use dunlin::{
    Config, Engine, Func, Instance, MemoryStrategy, Module, Store, Tier, TrapCode, Val, WasmParams,
    WasmResults,
};
use support::accesses::{ACCESSES, GUARD, PAGE, access};

fn engines() -> [(&'static str, Engine); 2] {
    [("guarded", MemoryStrategy::Guarded), ("dense", MemoryStrategy::Dense)].map(
        |(name, strategy)| {
            let mut config = Config::new();
            let engine = Engine::new(config.tier(Tier::Optimize).memory_strategy(strategy));
            (name, engine.expect("this machine has it"))
        },
    )
}

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(engine: &Engine, text: &str) -> Self {
        let module = Module::new(engine, text).expect("a valid module");
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        Self { store, instance }
    }

    /// What a call returns, or why it traps.
    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        params: P,
    ) -> Result<R, TrapCode> {
        let func = self.instance.get_typed_func::<P, R>(&mut self.store, name).expect("an export");
        func.call(&mut self.store, params).map_err(|error| error.trap_code().expect("a trap"))
    }
}

/// Ways to make a 64-bit address of the parameter `$a`, and which that is.
type Source = (&'static str, fn(u64) -> u64);

const SOURCES: [Source; 10] = [
    ("(local.get $a)", |a| a),
    ("(i64.extend_i32_u (i32.wrap_i64 (local.get $a)))", |a| a & 0xffff_ffff),
    ("(i64.extend_i32_s (i32.wrap_i64 (local.get $a)))", |a| i64::from(a as i32) as u64),
    (
        "(block (result i64) (i64.store (i32.const 16) (local.get $a)) (i64.load (i32.const 16)))",
        |a| a,
    ),
    ("(call $id (local.get $a))", |a| a),
    ("(call_indirect (type $id) (local.get $a) (i32.const 0))", |a| a),
    ("(select (local.get $a) (i64.const 12) (i64.ne (local.get $a) (i64.const 12)))", |a| a),
    (
        "(if (result i64) (i64.eqz (local.get $a)) (then (i64.const 0)) (else (local.get $a)))",
        |a| a,
    ),
    ("(i64.add (local.get $a) (i64.const -8))", |a| a.wrapping_sub(8)),
    ("(i64.shl (local.get $a) (i64.const 3))", |a| a << 3),
];

const OFFSETS: [u64; 14] = [
    0,
    1,
    4_096,
    PAGE - 8,
    PAGE,
    GUARD,
    0xffff_ffff,
    1 << 32,
    (1 << 47) - 1,
    1 << 63,
    u64::MAX - 16,
    u64::MAX - 8,
    u64::MAX - 7,
    u64::MAX,
];

#[test]
fn addresses_of_64_bits_never_wrap() {
    let mut functions = String::new();
    let mut cases = Vec::new();
    for (source, (text, address)) in SOURCES.into_iter().enumerate() {
        for (operator, width) in ACCESSES {
            if source > 0 && !(operator == ACCESSES[4].0 || operator.contains("(v128.store @")) {
                continue;
            }
            for offset in OFFSETS {
                let body = access(operator, "$wide", offset, text);
                let name = cases.len();
                functions +=
                    &format!(r#"(func (export "{name}") (param $a i64) (result i64) {body})"#);
                cases.push((address, width, offset, text));
            }
        }
    }
    let text = format!(
        r#"(module (memory 1) (memory $wide i64 1 2) (type $id (func (param i64) (result i64)))
            (table 1 funcref) (elem (i32.const 0) $id) (func $id (type $id) (local.get 0))
            (func (export "grow") (result i64) (memory.grow $wide (i64.const 1))) {functions})"#
    );
    for (name, engine) in engines() {
        let mut guest = Guest::new(&engine, &text);
        for len in [PAGE, 2 * PAGE] {
            for (index, (address, width, offset, source)) in cases.iter().enumerate() {
                let edges = [0, len, len - width, 1 << 31, 1 << 32, 1 << 47, 1 << 63];
                for edge in edges.into_iter().flat_map(|edge| [edge, edge.wrapping_sub(*offset)]) {
                    for by in [-9_i64, -8, -1, 0, 1] {
                        let parameter = edge.wrapping_add_signed(by);
                        let at = address(parameter);
                        let end = u128::from(at) + u128::from(*offset) + u128::from(*width);
                        let result = guest.call::<i64, i64>(&index.to_string(), parameter as i64);
                        let expected = end <= u128::from(len);
                        let what =
                            || format!("{name}, {len}: {source}: {at:#x} + {offset:#x}, {width}");
                        assert_eq!(result.is_ok(), expected, "{}: {result:?}", what());
                        let code = result.err().unwrap_or(TrapCode::MemoryOutOfBounds);
                        assert_eq!(code, TrapCode::MemoryOutOfBounds, "{}", what());
                    }
                }
            }
            let grown = guest.call::<(), i64>("grow", ()).expect("no trap");
            assert_eq!(grown, if len == PAGE { 1 } else { -1 });
        }
    }
}

/// Numbers around `edges`, as many bits wide as the type.
fn around(edges: &[u64], is64: bool) -> Vec<u64> {
    let mut near: Vec<u64> = edges
        .iter()
        .flat_map(|edge| [-1_i64, 0, 1].map(|by| edge.wrapping_add_signed(by)))
        .map(|number| if is64 { number } else { number & 0xffff_ffff })
        .collect();
    near.sort_unstable();
    near.dedup();
    near
}

/// Bulk operations with a start and a length: how many there are of what they touch, and why they trap.
/// `A` is the type of addresses.
const BULK: [(&str, &str, u64, TrapCode); 9] = [
    (
        "fill",
        "(memory.fill $m (local.get 0) (i32.const 7) (local.get 1))",
        PAGE,
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "copy to",
        "(memory.copy $m $m (local.get 0) (A.const 0) (local.get 1))",
        PAGE,
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "copy from",
        "(memory.copy $m $m (A.const 0) (local.get 0) (local.get 1))",
        PAGE,
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "init to",
        "(memory.init $m $d (local.get 0) (i32.const 0) (WRAP (local.get 1)))",
        PAGE,
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "init from",
        "(memory.init $m $d (A.const 0) (WRAP (local.get 0)) (WRAP (local.get 1)))",
        8,
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "table fill",
        "(table.fill $t (local.get 0) (ref.null func) (local.get 1))",
        9,
        TrapCode::TableOutOfBounds,
    ),
    (
        "table copy to",
        "(table.copy $t $t (local.get 0) (A.const 0) (local.get 1))",
        9,
        TrapCode::TableOutOfBounds,
    ),
    (
        "table copy from",
        "(table.copy $t $t (A.const 0) (local.get 0) (local.get 1))",
        9,
        TrapCode::TableOutOfBounds,
    ),
    (
        "table init",
        "(table.init $t $e (local.get 0) (i32.const 0) (WRAP (local.get 1)))",
        9,
        TrapCode::TableOutOfBounds,
    ),
];

#[test]
fn bulk_operations_trap_exactly_beyond_the_end_and_write_nothing_then() {
    for (name, engine) in engines() {
        for is64 in [false, true] {
            let (ty, index) = if is64 { ("i64", "i64") } else { ("i32", "") };
            let wrap = if is64 { "i32.wrap_i64" } else { "i32.add (i32.const 0)" };
            let function = |(name, code, ..): &(&str, &str, u64, TrapCode)| {
                let code = code.replace("WRAP", wrap).replace("A.", &format!("{ty}."));
                format!(r#"(func (export "{name}") (param {ty} {ty}) {code})"#)
            };
            let functions: String = BULK.iter().map(function).collect();
            let text = format!(
                r#"(module (memory $m (export "m") {index} 1 1) (table $t (export "t") {index} 9 9 funcref)
                    (data $d "12345678") (elem $e func $f $f $f $f $f $f $f $f $f) (func $f) {functions})"#
            );
            let mut guest = Guest::new(&engine, &text);
            for (operator, _, len, code) in BULK {
                let numbers = around(&[0, len, len / 2, 1 << 31, 1 << 32, 1 << 63], is64);
                for (start, count) in numbers
                    .iter()
                    .flat_map(|start| numbers.iter().map(move |count| (*start, *count)))
                {
                    // A segment's numbers are 32 bits wide everywhere.
                    let in_segment = |number: u64| {
                        if operator.contains("init") { number & 0xffff_ffff } else { number }
                    };
                    let from = if operator == "init from" { in_segment(start) } else { start };
                    let count_is = in_segment(count);
                    let segment = match operator {
                        "init to" => u128::from(count_is) <= 8,
                        "table init" => u128::from(count_is) <= 9,
                        _ => true,
                    };
                    let inside =
                        u128::from(from) + u128::from(count_is) <= u128::from(len) && segment;
                    let before = guest.contents();
                    let result = if is64 {
                        guest.call::<(i64, i64), ()>(operator, (start as i64, count as i64))
                    } else {
                        guest.call::<(i32, i32), ()>(operator, (start as i32, count as i32))
                    };
                    let what = format!("{name}, {ty}: {operator}: {start:#x} + {count:#x}");
                    assert_eq!(result, if inside { Ok(()) } else { Err(code) }, "{what}");
                    if !inside {
                        assert!(before == guest.contents(), "{what}");
                    }
                }
            }
        }
    }
}

impl Guest {
    /// The memory's bytes, and which elements of the table are null.
    fn contents(&mut self) -> (Vec<u8>, Vec<bool>) {
        let memory = self.instance.get_memory(&mut self.store, "m").expect("an export");
        let table = self.instance.get_table(&mut self.store, "t").expect("an export");
        let element = |index: u64| match table.get(&mut self.store, index) {
            Some(Val::FuncRef(func)) => func.is_none(),
            other => panic!("{other:?}"),
        };
        let elements = (0..9).map(element).collect();
        (memory.data(&self.store).to_vec(), elements)
    }
}

/// Function types, a function's body of each, the arguments of a call, and what removes its results.
const TYPES: [(&str, &str, &str, &str); 13] = [
    ("", "", "", ""),
    ("(param i32)", "", "(i32.const 1)", ""),
    ("(param i64)", "", "(i64.const 1)", ""),
    ("(param f32)", "", "(f32.const 1)", ""),
    ("(param f64)", "", "(f64.const 1)", ""),
    ("(param v128)", "", "(v128.const i64x2 1 1)", ""),
    ("(param funcref)", "", "(ref.null func)", ""),
    ("(param externref)", "", "(ref.null extern)", ""),
    ("(param i32 i32)", "", "(i32.const 1) (i32.const 2)", ""),
    ("(result i32)", "(i32.const 0)", "", "drop"),
    ("(param i32) (result i32)", "(i32.const 0)", "(i32.const 1)", "drop"),
    ("(param i32) (result i64)", "(i64.const 0)", "(i32.const 1)", "drop"),
    ("(result i32 i32)", "(i32.const 0) (i32.const 0)", "", "drop drop"),
];

/// Kinds of tables, and the index of an element of each.
const TABLES: [(&str, &str, &str); 3] = [
    ("changing", "$c", "(local.get 0)"),
    ("fixed", "$x", "(local.get 0)"),
    ("wide", "$w", "(i64.extend_i32_u (local.get 0))"),
];

/// A module with a function of each type in each kind of table, and calls as each type.
fn signatures() -> String {
    let (mut types, mut calls, count) = (String::new(), String::new(), TYPES.len());
    for (i, (ty, body, args, drops)) in TYPES.into_iter().enumerate() {
        // The type twice: equal types are one, whatever their index.
        types += &format!(
            "(type $t{i} (func {ty})) (type $s{i} (func {ty})) (func $f{i} (type $s{i}) {body})"
        );
        for (kind, table, index) in TABLES {
            calls += &format!(
                r#"(func (export "{kind} {i}") (param i32)
                    {args} (call_indirect {table} (type $t{i}) {index}) {drops})"#
            );
        }
    }
    let funcs: String = (0..count).map(|i| format!("$f{i} ")).collect();
    format!(
        r#"(module (table $c (export "c") {count} {count} funcref) (table $x {count} funcref)
            (table $w (export "w") i64 {count} {count} funcref) {types} {calls}
            (elem (table $c) (i32.const 0) func {funcs}) (elem (table $x) (i32.const 0) func {funcs})
            (elem (table $w) (i64.const 0) func {funcs}))"#
    )
}

#[test]
fn a_function_is_called_as_its_own_type_only() {
    let count = TYPES.len() as i32;
    for (name, engine) in engines() {
        let mut guest = Guest::new(&engine, &signatures());
        // A host's function of one of the types, in the place of the guest's.
        let hosts = Func::wrap(&mut guest.store, |_: i32| ());
        let table = guest.instance.get_table(&mut guest.store, "c").expect("an export");
        for is_host in [false, true] {
            if is_host {
                let hosts = Val::FuncRef(Some(hosts));
                table.set(&mut guest.store, 1, hosts).expect("it is of this store");
            }
            for (kind, ..) in TABLES {
                for (ty, func) in (0..count).flat_map(|ty| (0..count).map(move |func| (ty, func))) {
                    let result = guest.call::<i32, ()>(&format!("{kind} {ty}"), func);
                    let mistake = Err(TrapCode::IndirectCallTypeMismatch);
                    let expected = if ty == func { Ok(()) } else { mistake };
                    assert_eq!(result, expected, "{name}: {kind}: {func} as {ty}");
                }
                for beyond in [count, i32::MAX, i32::MIN, -1] {
                    let result = guest.call::<i32, ()>(&format!("{kind} 0"), beyond);
                    assert_eq!(result, Err(TrapCode::UndefinedElement), "{name}: {kind}: {beyond}");
                }
            }
        }
    }
}

#[test]
fn long_branch_tables_take_the_default_beyond_their_end() {
    for targets in [1_usize, 2, 7, 8, 255, 256, 1_000] {
        // Block by block: the number of the block that a branch leaves, and one more for the default.
        let labels: String = (0..=targets).map(|i| format!("{i} ")).collect();
        let opens = "(block ".repeat(targets + 1);
        let closes: String = (0..targets).map(|i| format!(") (return (i32.const {i}))")).collect();
        let text = format!(
            r#"(module (func (export "run") (param i32) (result i32)
                {opens} (br_table {labels} (local.get 0)) {closes} ) (i32.const {targets}))
                (func (export "high") (param i64) (result i32)
                {opens} (br_table {labels} (i32.wrap_i64 (local.get 0))) {closes} ) (i32.const {targets})))"#
        );
        let (_, engine) = &engines()[0];
        let mut guest = Guest::new(engine, &text);
        let last = targets as u32;
        for index in [
            0,
            1,
            last / 2,
            last.wrapping_sub(1),
            last,
            last + 1,
            1 << 16,
            1 << 31,
            u32::MAX - 1,
            u32::MAX,
        ] {
            let expected = index.min(last) as i32;
            assert_eq!(
                guest.call::<i32, i32>("run", index as i32),
                Ok(expected),
                "{index} of {targets}"
            );
            // What lies above the 32 bits of an index is nothing to it.
            let high = i64::from(index) | 0x5a5a_5a5a << 32;
            assert_eq!(guest.call::<i64, i32>("high", high), Ok(expected), "{index} of {targets}");
        }
    }
}
