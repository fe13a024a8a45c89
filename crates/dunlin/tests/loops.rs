//! Loops that the optimising tier rebuilds, beside the interpreter: the same results, the same traps at the
//! same operators, the same bytes in memory when they trap.
//!
//! Each function below is called with arguments that are drawn around what matters to it: the ends of the
//! memory and of the number range, few and many turns, overlaps. A seed says which.
#![cfg(feature = "optimize")]

use dunlin::{
    Backtrace, Config, Engine, Instance, Interruption, MemoryStrategy, Module, Store, Tier, Val,
    ValType,
};

/// Calls of each function.
const CALLS: u64 = 10;

/// Functions of a module that is made up.
const FUNCTIONS: u32 = 30;

/// Such modules.
const MODULES: u64 = 4;

const BYTES: u64 = 2 << 16;

/// Enough for short loops only.
const FUEL: u64 = 20_000;

/// Functions over a memory of two pages.
const LOOPS: &str = include_str!("loops/narrow.wat");
/// The same where addresses have 64 bits.
const WIDE_LOOPS: &str = include_str!("loops/wide.wat");

/// Configurations with and without fuel, and their names; the first of each is the interpreter.
fn engines(fuel: bool) -> Vec<(String, Engine)> {
    let mut engines = Vec::new();
    for tier in [Tier::Interp, Tier::Optimize] {
        for strategy in [MemoryStrategy::Auto, MemoryStrategy::Dense] {
            for how in [Interruption::Off, Interruption::Page, Interruption::Flag] {
                let is_first = strategy == MemoryStrategy::Auto && how == Interruption::Off;
                if tier == Tier::Interp && !is_first {
                    continue;
                }
                let mut config = Config::new();
                config.tier(tier).memory_strategy(strategy).interruption(how);
                config.verify_code(true).consume_fuel(fuel);
                let engine = Engine::new(&config).expect("a tier of this machine");
                engines.push((format!("{tier:?} {strategy:?} {how:?}"), engine));
            }
        }
    }
    engines
}

/// Numbers that a seed determines (SplitMix64, Steele, Lea, Flood).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// An argument: close to an end of the memory or of the numbers, small, or within the memory.
    fn argument(&mut self) -> u64 {
        let near = self.next() % 80;
        match self.next() % 10 {
            0 => BYTES - near,
            1 => BYTES + near,
            2 => 0u64.wrapping_sub(near),
            3 => (1 << 31) - 40 + near,
            4..=6 => near,
            7 => self.next() % 2000,
            _ => self.next() % BYTES,
        }
    }
}

/// What a call did: its results or its trap with the place, and a digest of the memory.
fn outcome(engine: &Engine, module: &Module, bytes: &[u8], (name, seed): (&str, u64)) -> String {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    let memory = instance.get_memory(&mut store, "memory").expect("a memory");
    // Engines without fuel refuse it, which is as well.
    let _ = store.set_fuel(FUEL);
    memory.data_mut(&mut store).copy_from_slice(bytes);
    let mut random = Random(seed);
    let func = instance.get_func(&mut store, name).expect("an export");
    let ty = func.ty(&store).expect("a type");
    let mut argument = |ty: &ValType| match ty {
        ValType::I32 => Val::I32(random.argument() as i32),
        ValType::I64 => Val::I64(random.argument() as i64),
        ValType::F64 => Val::F64(2.5f64.to_bits()),
        other => panic!("no argument of {other:?}"),
    };
    let args: Vec<Val> = ty.params().iter().map(&mut argument).collect();
    let mut results = vec![Val::I32(0); ty.results().len()];
    let ended = match func.call(&mut store, &args, &mut results) {
        Ok(()) => format!("{results:?}"),
        Err(error) => {
            let trace = error.backtrace().map_or_else(String::new, Backtrace::to_string);
            format!("{:?} at {trace}", error.trap_code())
        }
    };
    let words = memory.data(&store).chunks(8);
    let digest = words.fold(7u64, |sum, word| {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
    });
    if ended.contains("OutOfFuel") {
        // The tiers look at the fuel at places of their own.
        return format!("{args:?}: out of fuel");
    }
    // Where a trap is, the tiers have not charged alike for what is around it.
    let left = if ended.contains(" at ") { 0 } else { store.get_fuel().unwrap_or_default() };
    format!("{args:?}: {ended}, {digest:x}, {left} left")
}

fn check(text: &str, fuel: bool) {
    let engines = engines(fuel);
    let of = |engine: &Engine| Module::new(engine, text).expect("a valid module");
    let modules: Vec<Module> = engines.iter().map(|(_, engine)| of(engine)).collect();
    let names = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("(export \"")?;
        rest.split_once('"').map(|(name, _)| name).filter(|name| *name != "memory")
    });
    let mut random = Random(0);
    let words = (0..BYTES / 8).map(|_| random.next() & random.next());
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    let (mut ended, mut trapped) = (0, 0);
    for name in names {
        for seed in 0..CALLS {
            let expected = outcome(&engines[0].1, &modules[0], &bytes, (name, seed));
            *if expected.contains(" at ") { &mut trapped } else { &mut ended } += 1;
            for ((how, engine), module) in engines.iter().zip(&modules).skip(1) {
                let found = outcome(engine, module, &bytes, (name, seed));
                assert_eq!(found, expected, "`{name}`, seed {seed}, {how}");
            }
        }
    }
    assert!(ended > 10 && trapped > 20, "{ended} ended, {trapped} trapped");
}

/// A module of loops that a seed makes up: accesses that move evenly or not, tests at either end.
fn made_up(seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::from("(module (memory (export \"memory\") 2)\n");
    for index in 0..FUNCTIONS {
        text.push_str(&format!(
            "(func (export \"f{index}\") (param $p i32) (param $q i32) (param $n i32) (result i64)
                (local $i i32) (local $s i64)\n"
        ));
        text.push_str(&made_up_loop(&mut random));
        text.push_str("(i64.xor (local.get $s) (i64.extend_i32_u (local.get $p))))\n");
    }
    text + ")"
}

fn pick<'t>(random: &mut Random, texts: &[&'t str]) -> &'t str {
    texts[random.next() as usize % texts.len()]
}

/// What is read or written, in a loop that has turned `$i` times.
///
/// No two have one offset: of two writes to the same place the compiler may leave out the first, and then a
/// trap is at the second.
fn made_up_access(random: &mut Random, index: u64) -> String {
    const LOADS: [&str; 6] =
        ["i64.load", "i64.load8_u", "i64.load16_s", "i64.load32_u", "i64.load8_s", "i64.load32_s"];
    const STORES: [&str; 4] = ["i64.store", "i64.store8", "i64.store16", "i64.store32"];
    const OFFSETS: [u64; 7] = [0, 8, 16, 60, 4090, 65536, 4_294_967_290];
    // Most accesses lie close to each other.
    let is_far = random.next().is_multiple_of(4);
    let offset = index + if is_far { OFFSETS[random.next() as usize % OFFSETS.len()] } else { 4 };
    let base = pick(random, &["$p", "$q"]);
    let address = match random.next() % 4 {
        0 => {
            let shift = random.next() % 4;
            format!("(i32.add (local.get {base}) (i32.shl (local.get $i) (i32.const {shift})))")
        }
        1 => format!("(i32.sub (local.get {base}) (local.get $i))"),
        _ => format!("(local.get {base})"),
    };
    if random.next().is_multiple_of(2) {
        let load = pick(random, &LOADS);
        return format!(
            "(local.set $s (i64.add (local.get $s) ({load} offset={offset} {address})))"
        );
    }
    let store = pick(random, &STORES);
    let value = match random.next() % 3 {
        0 => "(local.get $s)".to_owned(),
        1 => format!("(i64.const {})", random.next() as i8),
        _ => format!("({} {address})", pick(random, &LOADS)),
    };
    format!("({store} offset={offset} {address} {value})")
}

fn made_up_loop(random: &mut Random) -> String {
    const STRIDES: [&str; 10] = ["1", "1", "4", "8", "2", "-1", "-8", "16", "3", "0"];
    let mut body: String =
        (0..1 + random.next() % 3).map(|index| made_up_access(random, index) + "\n").collect();
    for base in ["$p", "$q"] {
        let stride = pick(random, &STRIDES);
        body += &format!("(local.set {base} (i32.add (local.get {base}) (i32.const {stride})))\n");
    }
    let step = 1 + random.next() % 4;
    // So many turns at most that they do not take long.
    let few = format!(
        "(local.set $n (i32.mul (i32.const {step})
            (i32.add (i32.const 1) (i32.and (local.get $n) (i32.const 0xfff)))))"
    );
    let up = format!("(local.tee $i (i32.add (local.get $i) (i32.const {step})))");
    let down = format!("(local.tee $n (i32.sub (local.get $n) (i32.const {step})))");
    match random.next() % 5 {
        0 => format!("{few} (loop $l {body} (br_if $l {down}))"),
        1 => format!("{few} (loop $l {body} (br_if $l (i32.lt_u {up} (local.get $n))))"),
        2 => format!("{few} (loop $l {body} (br_if $l (i32.gt_s {down} (i32.const 0))))"),
        3 => format!(
            "{few} (block $out (loop $l (br_if $out (i32.ge_u (local.get $i) (local.get $n)))
                {body} (drop {up}) (br $l)))"
        ),
        _ => format!(
            "{few} (block $out (loop $l (br_if $out (i32.eqz (local.get $n)))
                {body} (drop {down}) (br $l)))"
        ),
    }
}

#[test]
fn made_up_loops_do_what_they_did() {
    for seed in 0..MODULES {
        check(&made_up(seed), false);
    }
    // Their short ones end before the fuel does.
    check(&made_up(MODULES), true);
}

#[test]
fn loops_do_what_they_did() {
    check(LOOPS, false);
}

#[test]
fn loops_that_pay_do_what_they_did() {
    check(LOOPS, true);
}

#[test]
fn loops_with_wide_addresses_do_what_they_did() {
    check(WIDE_LOOPS, false);
}
