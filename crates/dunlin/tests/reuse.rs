//! What one guest leaves, the next one never sees: a guest fills all that it can reach with a pattern, ends
//! in some way, and others are made in its place that look for it everywhere. Memories, tables, globals, the
//! value stack, the native stack; on each tier, in each place where memories lie.

mod support;

use dunlin::{
    Config, Engine, Extern, Func, Instance, MemoryStrategy, Module, PoolingConfig, Result, Store,
    Tier,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::func;

/// Pages that memories may grow to, and elements that tables may.
const PAGES: u32 = 6;
const ELEMENTS: u32 = 900;

/// How memories lie, and how many bytes of one stay with its slot.
fn engines() -> Vec<(String, Engine)> {
    let mut engines = Vec::new();
    let tiers = if cfg!(feature = "optimize") {
        &[Tier::Interp, Tier::Baseline, Tier::Optimize][..]
    } else {
        &[Tier::Interp]
    };
    for tier in tiers {
        for strategy in [MemoryStrategy::Guarded, MemoryStrategy::Dense] {
            for pool in [None, Some(0), Some(64 << 10), Some(8 << 20)] {
                let mut config = Config::new();
                config.tier(*tier).memory_strategy(strategy).max_stack_bytes(1 << 20);
                if let Some(resident) = pool {
                    let mut pooling = PoolingConfig::new();
                    pooling.total_core_instances(2).total_memories(4).total_stacks(1);
                    pooling
                        .max_memory_size(PAGES as usize * 65_536)
                        .table_elements(ELEMENTS.into());
                    pooling.linear_memory_keep_resident(resident);
                    config.pooling(pooling);
                }
                let name = format!("{tier:?}, {strategy:?}, {pool:?}");
                engines.push((name, Engine::new(&config).expect("this machine has it")));
            }
        }
    }
    engines
}

/// Fills what a guest of some size can reach, and ends as the host says.
const FILL: &str = r#"
            (func (export "fill") (param $grown i32) (param $bytes i32) (param $how i32)
                (drop (memory.grow $m (local.get $grown)))
                (drop (memory.grow $n (i32.const 2)))
                (memory.fill $m (i32.const 0) (i32.const 0x5a) (local.get $bytes))
                ;; The last byte too, which is on a page of its own.
                (i32.store8 $m (i32.sub (i32.mul (memory.size $m) (i32.const 65536)) (i32.const 1)) (i32.const 0x5a))
                (memory.fill $n (i32.const 0) (i32.const 0x5a) (i32.const 131072))
                (drop (table.grow $t (ref.func $f) (i32.const 500)))
                (table.fill $t (i32.const 0) (ref.func $f) (table.size $t))
                (drop (table.grow $u (ref.null extern) (i32.const 500)))
                (global.set $i (i32.const 0x5a5a5a5a)) (global.set $l (i64.const 0x5a5a5a5a))
                (global.set $v (v128.const i64x2 0x5a5a 0x5a5a)) (global.set $r (ref.func $f))
                (drop (call $deep (i32.const 50)))
                (call $end (local.get $how)))"#;

/// Whether tables and globals are other than at first: 0 if not.
const LOOK: &str = r#"
            (func (export "tables") (result i64) (local $at i32) (local $found i64)
                (loop $next
                    (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then (return (i64.const 1))))
                    (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (table.size $t))))
                (i64.extend_i32_u (i32.and (i32.ne (table.size $u) (i32.const 0))
                    (i32.eqz (ref.is_null (table.get $u (i32.const 0)))))))
            (func (export "globals") (result i64)
                (i64.extend_i32_u (i32.or (i32.or (i32.ne (global.get $i) (i32.const 1)) (i64.ne (global.get $l) (i64.const 2)))
                    (i32.or (i32.eqz (ref.is_null (global.get $r)))
                        (i32.eqz (i8x16.all_true (i8x16.eq (global.get $v) (v128.const i64x2 3 4))))))))"#;

/// The types of locals, of each of which there are so many.
const TYPES: [&str; 5] = ["i32", "i64", "f32", "f64", "v128"];
const OF_EACH: usize = 24;

/// Functions with locals: `deep` fills them, as deep as it is told, and `locals` reads what it has not written.
fn with_locals() -> String {
    let all = 1..=TYPES.len() * OF_EACH;
    let locals = TYPES.map(|ty| format!("{ty} ").repeat(OF_EACH)).concat();
    // What a local holds, as bits to be joined.
    let bits = |index: usize| {
        let get = format!("(local.get {index})");
        match TYPES[(index - 1) / OF_EACH] {
            "i32" => format!("(i64.extend_i32_u {get})"),
            "f32" => format!("(i64.extend_i32_u (i32.reinterpret_f32 {get}))"),
            "f64" => format!("(i64.reinterpret_f64 {get})"),
            "v128" => format!("(i64.or (i64x2.extract_lane 0 {get}) (i64x2.extract_lane 1 {get}))"),
            _ => get,
        }
    };
    let join = |sum, index| format!("(i64.or {sum} {})", bits(index));
    let join = all.clone().fold("(i64.const 0)".to_owned(), join);
    let pattern = |index: usize| {
        let value = match TYPES[(index - 1) / OF_EACH] {
            "v128" => "(v128.const i64x2 0x5a5a5a5a5a5a5a5a 0x5a5a5a5a5a5a5a5a)",
            "i64" => "(i64.const 0x5a5a5a5a5a5a5a5a)",
            "f64" => "(f64.reinterpret_i64 (i64.const 0x5a5a5a5a5a5a5a5a))",
            "f32" => "(f32.reinterpret_i32 (i32.const 0x5a5a5a5a))",
            _ => "(i32.const 0x5a5a5a5a)",
        };
        format!("(local.set {index} {value})")
    };
    let fill: String = all.map(pattern).collect();
    let deeper = |name: &str| format!("(call {name} (i32.sub (local.get 0) (i32.const 1)))");
    format!(
        r#"(func $deep (param i32) (result i64) (local {locals})
                {fill} (if (local.get 0) (then (drop {}))) {join})
            (func $locals (export "locals") (param i32) (result i64) (local {locals})
                (if (result i64) (local.get 0) (then (i64.or {} {join})) (else {join})))"#,
        deeper("$deep"),
        deeper("$locals")
    )
}

/// A function that joins all that a memory holds.
fn scan(name: &str, memory: &str) -> String {
    let load = |i: usize| format!("(v128.load {memory} offset={} (local.get $at))", 16 * i);
    let or = |or, i| format!("(v128.or {or} {})", load(i));
    let or = (0..16).fold("(local.get $found)".to_owned(), or);
    format!(
        r#"(func (export "{name}") (result i64) (local $at i32) (local $end i32) (local $found v128)
            (local.set $end (i32.mul (memory.size {memory}) (i32.const 65536)))
            (if (i32.eqz (local.get $end)) (then (return (i64.const 0))))
            (loop $next (local.set $found {or})
                (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 256))) (local.get $end))))
            (i64.or (i64x2.extract_lane 0 (local.get $found)) (i64x2.extract_lane 1 (local.get $found))))"#
    )
}

/// A guest's memories, tables and globals; `image` is a segment of its memory, or nothing.
fn guest(image: &str) -> String {
    let (first, second, locals) = (scan("memory", "$m"), scan("second", "$n"), with_locals());
    format!(
        r#"(module
            (import "h" "end" (func $end (param i32)))
            (memory $m 1 {PAGES}) (memory $n 0 2) {image}
            (table $t 3 {ELEMENTS} funcref) (table $u 0 {ELEMENTS} externref)
            (global $i (mut i32) (i32.const 1)) (global $l (mut i64) (i64.const 2))
            (global $v (mut v128) (v128.const i64x2 3 4)) (global $r (mut funcref) (ref.null func))
            (func $f) (elem declare func $f)
            {FILL} {LOOK} {first} {second} {locals}
            (func (export "grow") (param i32)
                (drop (memory.grow $m (local.get 0))) (drop (memory.grow $n (i32.const 1)))
                (drop (table.grow $t (ref.null func) (i32.const 300)))
                (drop (table.grow $u (ref.null extern) (i32.const 300)))))"#
    )
}

struct Guest {
    store: Store<()>,
    instance: Instance,
}

/// How a guest ends.
const RETURNS: i32 = 0;
const FAILS: i32 = 1;
const PANICS: i32 = 2;

impl Guest {
    fn new(module: &Module) -> Self {
        let mut store = Store::new(module.engine(), ());
        let end = Func::wrap(&mut store, |how: i32| match how {
            FAILS => Err(dunlin::Error::from(dunlin::TrapCode::Unreachable)),
            PANICS => panic!("of the host"),
            _ => Ok(()),
        });
        let instance = Instance::new(&mut store, module, &[Extern::from(end)]);
        Self { instance: instance.expect("an instance"), store }
    }

    /// Fills everything with the pattern, and ends so.
    fn fill(mut self, grown: u32, bytes: u32, how: i32) {
        let fill = func::<(u32, u32, i32), ()>(&mut self.store, self.instance, "fill");
        let run = AssertUnwindSafe(|| fill.call(&mut self.store, (grown, bytes, how)));
        let outcome = catch_unwind(run).map_err(drop).map(|result: Result<()>| result.is_ok());
        let expected = [Ok(true), Ok(false), Err(())][how as usize];
        assert_eq!(outcome, expected);
    }

    /// Looks for the pattern; `image` is what the memory's segment leaves there.
    fn check(&mut self, name: &str, image: i64) {
        for (grown, step) in [(0, "at first"), (1, "grown"), (PAGES - 2, "at its largest")] {
            let Self { store, instance } = self;
            func::<u32, ()>(store, *instance, "grow").call(&mut *store, grown).expect("it grows");
            let mut find = |what: &str| {
                let find = func::<(), i64>(store, *instance, what);
                find.call(&mut *store, ()).expect("it looks")
            };
            assert_eq!(find("memory"), image, "{name}: the memory {step}");
            for what in ["second", "tables", "globals"] {
                assert_eq!(find(what), 0, "{name}: {what} {step}");
            }
            let locals = func::<i32, i64>(store, *instance, "locals");
            for depth in [0, 40] {
                let found = locals.call(&mut *store, depth).expect("it looks");
                assert_eq!(found, 0, "{name}: locals {depth} deep, {step}");
            }
        }
    }
}

/// Rows: pages that the first guest grows by, bytes that it fills, and how it ends.
const FILLS: [(u32, u32, i32); 6] = [
    (0, 100, RETURNS),
    (0, 65_536, FAILS),
    (0, 300, PANICS),
    (PAGES - 1, 65_536, RETURNS),
    (PAGES - 1, PAGES * 65_536, FAILS),
    (2, 3 * 65_536, PANICS),
];

#[test]
fn nothing_of_a_guest_is_left_for_the_next() {
    let plain = guest("");
    // The pattern of the segment, which all guests overwrite.
    let filled = guest(r#"(data (i32.const 16384) "\11\00\00\00\00\00\00\00")"#);
    for (name, engine) in engines() {
        let make = |text: &str| Module::new(&engine, text).expect("a valid module");
        let (plain, filled) = (make(&plain), make(&filled));
        for (grown, bytes, how) in FILLS {
            for (first, next, image) in [
                (&plain, &plain, 0),
                (&filled, &filled, 0x11),
                (&filled, &plain, 0),
                (&plain, &filled, 0x11),
            ] {
                let name = format!("{name}: {grown} pages, {bytes} bytes, {how}");
                Guest::new(first).fill(grown, bytes, how);
                Guest::new(next).check(&name, image);
                // Two at a time, of which one has been in the place of each.
                let mut guests = [Guest::new(next), Guest::new(first)];
                guests[0].check(&name, image);
                let [checked, other] = guests;
                other.fill(grown, bytes, how);
                drop(checked);
                Guest::new(next).check(&name, image);
            }
        }
    }
}
