//! Vectors in the baseline tier: every operator, with operands from every place that they may be in, gives what the
//! interpreter gives. What a place is, the function's text decides: a local with a register or without, a constant,
//! a slot, a register that another operator made, or none where all are taken.

#![cfg(all(feature = "optimize", target_arch = "x86_64", target_os = "linux"))]

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod random;
}

use dunlin::{Config, Engine, Instance, MemoryStrategy, Module, Store, Tier, V128, Val};
use std::fmt::Write;
use support::random::Random;

/// An operator: its text with immediates, what it takes, and what it makes.
struct Row {
    text: String,
    params: Vec<&'static str>,
    result: &'static str,
}

macro_rules! rows {
    ($($code:literal $name:ident $text:literal $word:ident ($($param:ident),*) -> $result:ident
        $($note:ident $($number:literal)?)*;
    )*) => {
        vec![$(($text, vec![$(stringify!($param)),*], stringify!($result), [$($($number,)?)* 0])),*]
    };
}

/// Orders of lanes that have instructions of their own, and some that have none.
const SHUFFLES: [&str; 14] = [
    "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    "12 13 14 15 8 9 10 11 4 5 6 7 0 1 2 3",
    "28 29 30 31 16 17 18 19 20 21 22 23 24 25 26 27",
    "3 1 2 0 7 6 5 4 8 8 8 8 15 14 13 12",
    "0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23",
    "8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31",
    "16 17 18 19 0 1 2 3 20 21 22 23 4 5 6 7",
    "8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31",
    "5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
    "4 5 6 7 0 1 2 3 28 29 30 31 20 21 22 23",
    "20 21 22 23 16 17 18 19 0 1 2 3 12 13 14 15",
    "0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31",
    "31 0 30 1 29 2 28 3 27 4 26 5 25 6 24 7",
    "0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 24",
];

/// Every operator on values, with some of its immediates.
fn operators() -> Vec<Row> {
    let plain = dunlin_core::for_each_simd_operator!(rows);
    let relaxed = dunlin_core::for_each_relaxed_operator!(rows);
    let lanes = dunlin_core::for_each_simd_lane_operator!(rows);
    let mut all = Vec::new();
    let mut row = |text: String, params: &Vec<&'static str>, result| {
        all.push(Row { text, params: params.clone(), result });
    };
    for (text, params, result, _) in plain {
        row(text.to_owned(), &params, result);
    }
    for (text, params, result, _) in relaxed {
        row(text.to_owned(), &params, result);
    }
    for (text, params, result, [lanes, _]) in lanes {
        for lane in [0, 1, lanes - 1] {
            row(format!("{text} {lane}"), &params, result);
        }
    }
    for order in SHUFFLES {
        row(format!("i8x16.shuffle {order}"), &vec!["v128", "v128"], "v128");
    }
    all
}

/// Something with which no value changes, made by an operator: that value is in a register of its own.
fn made(ty: &str, value: &str) -> String {
    match ty {
        "v128" => format!("(v128.not (v128.not {value}))"),
        "f32" => format!("(f32.neg (f32.neg {value}))"),
        "f64" => format!("(f64.neg (f64.neg {value}))"),
        _ => format!("({ty}.xor {value} ({ty}.load (i32.const 64)))"),
    }
}

const CONSTANTS: [[&str; 5]; 2] = [
    ["i32x4 0x80000000 -1 0x7fffffff 0x00ff1203", "19", "-7", "1.5", "-0.0"],
    ["i8x16 0 1 2 3 17 5 200 7 15 9 10 11 128 13 14 15", "0x80", "0x80000000", "nan", "-1e300"],
];

fn constant(ty: &str, which: usize) -> String {
    let at = ["v128", "i32", "i64", "f32", "f64"].iter().position(|name| *name == ty);
    format!("({ty}.const {})", CONSTANTS[which][at.expect("a type of these")])
}

/// The bodies of functions that do the same with their parameters, each with its operands elsewhere. Locals from 0
/// on are the parameters, `$r` is of the result's type, and `$i` a counter.
fn bodies(row: &Row) -> Vec<String> {
    let Row { text, params, result } = row;
    let gets: Vec<String> = (0..params.len()).map(|at| format!("(local.get {at})")).collect();
    let all = gets.concat();
    let made: Vec<String> = params.iter().zip(&gets).map(|(ty, get)| made(ty, get)).collect();
    let mut bodies = vec![
        format!("({text} {all})"),
        format!("({text} {})", made.concat()),
        format!("{all} (block) {text}"),
        // Locals that are used often have registers, and so has the result.
        format!(
            "(loop {} (local.set $r ({text} {all})) (br_if 0 (i32.eqz (local.tee $i (i32.eqz
            (local.get $i)))))) (local.get $r)",
            "(local.set $i (local.get $i))".repeat(9)
        ),
    ];
    for at in 0..params.len() {
        for (which, side) in [(at, &gets), (at, &made)] {
            let mut operands = side.clone();
            operands[which].clone_from(&gets[which]);
            bodies.push(format!("({text} {})", operands.concat()));
        }
        let mut operands = gets.clone();
        operands[at].clone_from(&made[at]);
        bodies.push(format!("({text} {})", operands.concat()));
        for which in 0..CONSTANTS.len() {
            operands[at] = constant(params[at], which);
            bodies.push(format!("({text} {})", operands.concat()));
        }
        if params[at] == *result {
            // Twice, in place: the local has a register.
            bodies.push(format!(
                "(loop (local.set {at} ({text} {all})) (br_if 0 (local.tee $i (i32.eqz (local.get
                $i))))) (local.get {at})"
            ));
            // What was pushed before is what the local was.
            bodies.push(format!("(local.get {at}) (local.set {at} ({text} {all}))"));
        }
    }
    bodies.push(pressed(row, &all));
    bodies
}

/// All registers are taken, by values that are looked at afterwards.
fn pressed(Row { text, .. }: &Row, operands: &str) -> String {
    let vectors = "(v128.not (local.get $v))".repeat(16);
    let numbers = "(i64.eqz (i64.load (i32.const 8)))".repeat(9);
    let drops = format!("{}{}", "(i32.or) ".repeat(8), "(drop)");
    let joins = "(v128.xor) ".repeat(15);
    format!(
        "(local.set $v (v128.load (i32.const 32))) {vectors} {numbers} (local.set $r ({text} {operands}))
        {drops} {joins} (local.set $v) (v128.store (i32.const 96) (local.get $v)) (local.get $r)"
    )
}

/// A module with all bodies of these operators, and how many it has of each.
fn module(rows: &[Row]) -> (String, Vec<usize>) {
    let mut text = String::from("(module (memory (export \"memory\") 1)\n");
    let mut counts = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let bodies = bodies(row);
        for (number, body) in bodies.iter().enumerate() {
            let (params, result) = (row.params.join(" "), row.result);
            writeln!(
                text,
                "(func (export \"{index}.{number}\") (param {params}) (result {result})
                (local $r {result}) (local $i i32) (local $v v128) {body})"
            )
            .expect("strings take all");
        }
        counts.push(bodies.len());
    }
    (text + ")", counts)
}

impl Random {
    /// Half a vector, or a number: edges are frequent.
    fn half(&mut self) -> u64 {
        const EDGES: [u64; 20] = [
            0,
            u64::MAX,
            0x8000_8000_8000_8000,
            0x8080_8080_8080_8080,
            0x7F7F_7F7F_7F7F_7F7F,
            0x8000_0000_8000_0000,
            0x8000_0000_0000_0000,
            0x7FFF_FFFF_FFFF_FFFF,
            0x4F00_0000_CF00_0000,
            0x4F80_0000_4F7F_FFFF,
            0x7F80_0000_FFC0_0001,
            0x7FA0_0001_0000_0000,
            0x41E0_0000_0000_0000,
            0x41DF_FFFF_FFC0_0000,
            0x41EF_FFFF_FFF0_0000,
            0xC1E0_0000_0020_0000,
            0x7FF4_0000_0000_0001,
            0x3F80_0001_3F80_0001,
            0x1011_1213_0405_FF1F,
            0x0000_0000_0000_0009,
        ];
        match self.next() % 6 {
            0..=2 => EDGES[(self.next() % EDGES.len() as u64) as usize],
            3 => f64::from(self.next() as i32 as f32 / 64.0).to_bits(),
            4 => {
                let mut lane = || u64::from((self.next() as i32 as f32 / 128.0).to_bits());
                lane() << 32 | lane()
            }
            _ => self.next(),
        }
    }

    fn value(&mut self, ty: &str) -> Val {
        let half = self.half();
        match ty {
            "v128" => Val::V128(V128::from(u128::from(half) << 64 | u128::from(self.half()))),
            "i32" => Val::I32(half as i32),
            "i64" => Val::I64(half as i64),
            "f32" => Val::F32(half as u32),
            _ => Val::F64(half),
        }
    }
}

/// The value with NaNs replaced by one: which they are, operators on floats do not promise.
fn one_nan(text: &str, value: &Val) -> u128 {
    let narrow = |bits: u32| if f32::from_bits(bits).is_nan() { 0x7FC0_0000 } else { bits };
    let wide = |bits: u64| if f64::from_bits(bits).is_nan() { 0x7FF8 << 48 } else { bits };
    match value {
        Val::I32(value) => *value as u32 as u128,
        Val::I64(value) => *value as u64 as u128,
        Val::F32(bits) => narrow(*bits).into(),
        Val::F64(bits) => wide(*bits).into(),
        Val::V128(vector) => {
            let bits: u128 = (*vector).into();
            let lanes = |count: u32| (0..count).map(move |at| bits >> (at * (128 / count)));
            if text.starts_with("f32x4") {
                let of = lanes(4).map(|lane| u128::from(narrow(lane as u32)));
                of.enumerate().fold(0, |all, (at, lane)| all | lane << (32 * at))
            } else if text.starts_with("f64x2") {
                let of = lanes(2).map(|lane| u128::from(wide(lane as u64)));
                of.enumerate().fold(0, |all, (at, lane)| all | lane << (64 * at))
            } else {
                bits
            }
        }
        _ => panic!("{value:?}"),
    }
}

struct Guest(Store<()>, Instance);

impl Guest {
    fn new(config: &Config, text: &str) -> Self {
        let engine = Engine::new(config).expect("the tier is there");
        let module = Module::new(&engine, text).expect("the module is valid");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("nothing is imported");
        Self(store, instance)
    }

    /// A call's result, or its trap, as text that is the same if and only if they are.
    fn call(&mut self, name: &str, params: &[Val]) -> Result<Vec<Val>, String> {
        let func = self.1.get_func(&mut self.0, name).expect("an export");
        let count = func.ty(&self.0).expect("its type").results().len();
        let mut results = vec![Val::I32(0); count];
        let outcome = func.call(&mut self.0, params, &mut results);
        outcome.map(|()| results).map_err(|error| format!("{:?}", error.trap_code()))
    }

    fn bytes(&mut self, memory: &str) -> Vec<u8> {
        let memory = self.1.get_memory(&mut self.0, memory).expect("an export");
        memory.data(&self.0).to_vec()
    }

    fn fill(&mut self, memory: &str, random: &mut Random) {
        let memory = self.1.get_memory(&mut self.0, memory).expect("an export");
        for bytes in memory.data_mut(&mut self.0).chunks_mut(8) {
            bytes.copy_from_slice(&random.next().to_le_bytes()[..bytes.len()]);
        }
    }
}

/// The ways in which baseline code is made, and the interpreter beside each.
fn pairs() -> Vec<(&'static str, Config, Config)> {
    let rows = [
        ("guarded", MemoryStrategy::Guarded, false, false),
        ("checked, deterministic", MemoryStrategy::Dense, false, true),
        ("fuel", MemoryStrategy::Guarded, true, false),
    ];
    let config = |tier, strategy, fuel, deterministic| {
        let mut config = Config::new();
        config.tier(tier).memory_strategy(strategy).consume_fuel(fuel);
        config.relaxed_simd_deterministic(deterministic);
        config
    };
    let pair = |(name, strategy, fuel, deterministic)| {
        let of = |tier| config(tier, strategy, fuel, deterministic);
        (name, of(Tier::Baseline), of(Tier::Interp))
    };
    rows.map(pair).into()
}

const ROUNDS: usize = if cfg!(debug_assertions) { 6 } else { 24 };

#[test]
fn operators_give_what_the_interpreter_gives() {
    let rows = operators();
    let (text, counts) = module(&rows);
    for (name, baseline, interp) in pairs() {
        let (mut first, mut second) = (Guest::new(&baseline, &text), Guest::new(&interp, &text));
        for guest in [&mut first, &mut second] {
            guest.0.set_fuel(u64::MAX >> 1).ok();
        }
        let mut random = Random(0x5EED_0000_D011_1135);
        for (index, row) in rows.iter().enumerate() {
            for round in 0..ROUNDS * counts[index] {
                let params: Vec<Val> = row.params.iter().map(|ty| random.value(ty)).collect();
                let export = format!("{index}.{}", round % counts[index]);
                let call = |guest: &mut Guest| {
                    guest.call(&export, &params).map(|values| one_nan(&row.text, &values[0]))
                };
                let (one, other) = (call(&mut first), call(&mut second));
                let body = &bodies(row)[round % counts[index]];
                assert_eq!(one, other, "{name}: {body} of {params:x?}");
            }
        }
        assert_eq!(first.bytes("memory"), second.bytes("memory"), "{name}");
        let fuel = [&first, &second].map(|guest| guest.0.get_fuel().ok());
        assert_eq!(fuel[0], fuel[1], "{name}");
    }
}

/// The memories that are accessed: their names, and the types of their addresses.
const MEMORIES: [(&str, &str); 3] = [("a", "i32"), ("b", "i32"), ("c", "i64")];

/// Accesses of vectors: the text with lane and offset, which takes an address and for some a vector, and gives one
/// for some.
fn accesses() -> Vec<(String, &'static str, bool, bool)> {
    let loads = dunlin_core::for_each_simd_load_operator!(rows);
    let stores = dunlin_core::for_each_simd_store_operator!(rows);
    let lane_loads = dunlin_core::for_each_simd_lane_load_operator!(rows);
    let lane_stores = dunlin_core::for_each_simd_lane_store_operator!(rows);
    let mut all = Vec::new();
    for (memory, address) in MEMORIES {
        for offset in ["", "offset=5", "offset=65520", "offset=0xfffffff0"] {
            let whole = |text: &str| format!("{text} ${memory} {offset}");
            let lane = |text: &str, lane: u32| format!("{text} ${memory} {offset} {lane}");
            for (text, ..) in &loads {
                all.push((whole(text), address, false, true));
            }
            for (text, ..) in &stores {
                all.push((whole(text), address, true, false));
            }
            for (text, .., [_, lanes, _]) in &lane_loads {
                all.push((lane(text, lanes - 1), address, true, true));
            }
            for (text, .., [_, lanes, _]) in &lane_stores {
                all.push((lane(text, 0), address, true, false));
                all.push((lane(text, lanes - 1), address, true, false));
            }
        }
    }
    all
}

#[test]
fn accesses_give_and_leave_what_the_interpreter_does() {
    let accesses = accesses();
    let mut text = String::from("(module");
    for (name, address) in MEMORIES {
        write!(text, "(memory ${name} (export \"{name}\") {address} 1)").expect("strings take all");
    }
    for (index, (access, address, takes, gives)) in accesses.iter().enumerate() {
        let (param, get) = if *takes { ("v128", "(local.get 1)") } else { ("", "") };
        let result = if *gives { "(result v128)" } else { "" };
        writeln!(
            text,
            "(func (export \"{index}\") (param {address} {param}) {result}
                ({access} (local.get 0) {get}))"
        )
        .expect("strings take all");
    }
    text.push(')');
    let addresses = [
        0_i64, 1, 7, 15, 16, 17, 65_515, 65_519, 65_520, 65_521, 65_528, 65_529, 65_532, 65_535,
        65_536, -1, -16,
    ];
    for (name, baseline, interp) in pairs() {
        let mut guests = [Guest::new(&baseline, &text), Guest::new(&interp, &text)];
        for guest in &mut guests {
            guest.0.set_fuel(u64::MAX >> 1).ok();
            let mut random = Random(3);
            MEMORIES.iter().for_each(|(memory, _)| guest.fill(memory, &mut random));
        }
        let mut random = Random(9);
        for (index, (access, ty, takes, _)) in accesses.iter().enumerate() {
            for at in addresses {
                let mut params =
                    vec![if *ty == "i64" { Val::I64(at) } else { Val::I32(at as i32) }];
                params.extend(takes.then(|| random.value("v128")));
                let outcomes = guests.each_mut().map(|guest| {
                    let outcome = guest.call(&index.to_string(), &params);
                    outcome.map(|values| {
                        values.iter().map(|value| one_nan("", value)).collect::<Vec<_>>()
                    })
                });
                assert_eq!(outcomes[0], outcomes[1], "{name}: {access} at {at}");
            }
        }
        for (memory, _) in MEMORIES {
            let [first, second] = guests.each_mut().map(|guest| guest.bytes(memory));
            assert!(first == second, "{name}: memory {memory}");
        }
    }
}

/// Vectors on every way that values take: parameters and results, in registers and on the stack; blocks, branches,
/// tables of branches; globals; locals across calls, with registers and without; choices.
const WAYS: &str = r#"(module
    (global $g (mut v128) (v128.const i32x4 1 2 3 4))
    (func $many (param v128 i32 v128 f32 v128 v128 v128 v128 v128 v128 i64 v128)
        (result v128 v128 i32 v128 v128 v128 v128 v128 v128 f64 v128)
        (local.get 11) (local.get 9) (local.get 1) (local.get 8) (local.get 7) (local.get 6)
        (local.get 5) (local.get 4) (local.get 2) (f64.promote_f32 (local.get 3)) (local.get 0))
    (func $join (param v128 v128) (result v128)
        (i32x4.add (i32x4.shl (local.get 0) (i32.const 1)) (local.get 1)))
    (func (export "calls") (param v128 v128) (result v128) (local $sum v128) (local $i i32)
        (loop $next
            (call $many (local.get 0) (local.get $i) (local.get 1) (f32.const 2)
                (v128.const i32x4 9 8 7 6) (v128.not (local.get 0)) (local.get $sum) (local.get 1)
                (v128.const i64x2 0 0) (local.get 0) (i64.const 5) (v128.const i64x2 -1 -1))
            (local.set $sum) (drop)
            (call $join (local.get $sum)) (call $join) (call $join) (call $join) (call $join) (call $join)
            (local.set $sum) (drop)
            (local.get $sum) (call $join) (call $join) (local.set $sum)
            (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))
        (local.get $sum))
    (func (export "blocks") (param v128 v128 i32) (result v128)
        (v128.const i32x4 5 6 7 8)
        (block $two (result v128 v128)
            (block $one (result v128)
                (local.get 0) (v128.not (local.get 1))
                (br_table $two $two $two (local.get 2)))
            (unreachable))
        (call $join) (call $join))
    (func (export "loops") (param v128 v128 i32) (result v128)
        (i64.const 3) (local.get 0) (local.get 1)
        (loop $next (param i64 v128 v128) (result i64 v128)
            (call $join) (local.get 1)
            (local.set 2 (i32.sub (local.get 2) (i32.const 1)))
            (br_if $next (i32.gt_s (local.get 2) (i32.const 0)))
            (call $join))
        (local.set 0) (i64x2.splat) (v128.xor (local.get 0)))
    (func (export "choices") (param v128 v128 i32) (result v128)
        (if (result v128) (local.get 2)
            (then (select (local.get 0) (v128.const i32x4 1 0 1 0) (i32.and (local.get 2) (i32.const 2))))
            (else (select (result v128) (v128.not (local.get 0)) (local.get 1) (v128.any_true (local.get 0))))))
    (func (export "globals") (param v128 v128) (result v128)
        (local.get 0) (global.get $g)
        (global.set $g (local.get 1)) (call $join)
        (global.get $g) (global.set $g (v128.const i32x4 1 2 3 4)) (call $join))
    (func (export "tees") (param v128 v128) (result v128) (local $a v128)
        (local.tee $a (v128.const i32x4 3 1 4 1)) (local.tee 0 (local.get $a)) (call $join)
        (local.tee $a (i32x4.add (local.get 1) (local.get 0))) (call $join) (local.get $a) (call $join))
    (func (export "branches") (param v128 v128) (result v128)
        (block $done (result v128)
            (br_if $done (v128.const i32x4 1 1 1 1) (i32x4.all_true (local.get 0)))
            (drop) (br_if $done (local.get 1) (i32.eqz (v128.any_true (local.get 1))))
            (call $join (local.get 0)))))"#;

#[test]
fn vectors_take_every_way_that_values_take() {
    for (name, baseline, interp) in pairs() {
        let mut guests = [Guest::new(&baseline, WAYS), Guest::new(&interp, WAYS)];
        guests.iter_mut().for_each(|guest| drop(guest.0.set_fuel(u64::MAX >> 1)));
        let mut random = Random(11);
        for round in 0..200 {
            for export in ["calls", "blocks", "loops", "choices", "globals", "tees", "branches"] {
                let mut params = vec![random.value("v128"), random.value("v128")];
                let takes_number = ["blocks", "loops", "choices"].contains(&export);
                params.extend(takes_number.then_some(Val::I32(round % 5)));
                let [one, other] = guests.each_mut().map(|guest| {
                    let values = guest.call(export, &params);
                    values.map(|values| one_nan("", &values[0]))
                });
                assert_eq!(one, other, "{name}: {export} of {params:x?}");
            }
        }
    }
}
