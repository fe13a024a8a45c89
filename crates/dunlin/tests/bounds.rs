//! Accesses at every border, in compiled code: each address that is made in some way, each offset and
//! width, where memories are guarded and where they are checked; tables, signatures and branch tables.
//!
//! What must happen is computed here, apart from any engine: an access traps if and only if its end lies
//! beyond the memory's.

#![cfg(feature = "optimize")]

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod accesses;
}

use dunlin::{
    Config, Engine, Extern, Func, Instance, Interruption, Memory, MemoryStrategy, MemoryType,
    Module, PoolingConfig, RefType, Store, Table, TableType, Tier, TrapCode, TypedFunc, Val,
};
use support::accesses::{ACCESSES, GUARD, OFFSETS, PAGE, access};

/// Engines whose memories lie in each of the ways.
fn engines() -> Vec<(&'static str, Engine)> {
    let rows = [
        ("guarded", MemoryStrategy::Guarded, false, Interruption::Page),
        ("dense", MemoryStrategy::Dense, false, Interruption::Off),
        ("guarded pool", MemoryStrategy::Guarded, true, Interruption::Flag),
    ];
    let make = |(name, strategy, pooled, interruption)| {
        let mut config = Config::new();
        config.tier(Tier::Optimize).memory_strategy(strategy).interruption(interruption);
        if pooled {
            let mut pooling = PoolingConfig::new();
            pooling.total_memories(2).table_elements(70_000);
            config.pooling(pooling);
        }
        (name, Engine::new(&config).expect("this machine has it"))
    };
    rows.map(make).into()
}

/// A way to make an address of the parameter `$a`, and which address that is.
struct Source {
    name: &'static str,
    text: String,
    address: fn(u32) -> u32,
}

/// Values that must survive a call, more than there are registers.
fn spilled() -> String {
    let set = |i| format!("(local.set $s{i} (i32.add (local.get $a) (i32.const {i})))");
    let sets: String = (0..40).map(set).collect();
    let sum = (1..40)
        .fold("(i32.const 0)".to_owned(), |sum, i| format!("(i32.xor {sum} (local.get $s{i}))"));
    let id = "(drop (call $id (local.get $a)))";
    format!("(block (result i32) {sets} {id} (global.set $g {sum}) (local.get $s0))")
}

fn sources() -> Vec<Source> {
    let wrap =
        "(i32.wrap_i64 (i64.or (i64.extend_i32_u (local.get $a)) (i64.const 0xdeadbeef00000000)))";
    let load =
        "(block (result i32) (i32.store (i32.const 16) (local.get $a)) (i32.load (i32.const 16)))";
    type Row = (&'static str, &'static str, fn(u32) -> u32);
    let rows: [Row; 18] = [
        ("parameter", "(local.get $a)", |a| a),
        ("wrap", wrap, |a| a),
        ("load", load, |a| a),
        ("global", "(block (result i32) (global.set $g (local.get $a)) (global.get $g))", |a| a),
        ("call", "(call $id (local.get $a))", |a| a),
        ("indirect call", "(call_indirect (type $id) (local.get $a) (i32.const 0))", |a| a),
        ("host call", "(call $host (local.get $a))", |a| a),
        (
            "select",
            "(select (local.get $a) (i32.const 12) (i32.or (local.get $a) (i32.const 1)))",
            |a| a,
        ),
        (
            "phi",
            "(if (result i32) (local.get $a) (then (local.get $a)) (else (i32.const 0)))",
            |a| a,
        ),
        ("loop", "(loop $l (result i32) (br_if $l (i32.eqz (i32.const 1))) (local.get $a))", |a| a),
        ("sum", "(i32.sub (i32.add (local.get $a) (global.get $k)) (global.get $k))", |a| a),
        ("below", "(i32.add (local.get $a) (i32.const -8))", |a| a.wrapping_sub(8)),
        ("above", "(i32.add (local.get $a) (i32.const 0x7fffffff))", |a| {
            a.wrapping_add(0x7fff_ffff)
        }),
        ("double", "(i32.shl (local.get $a) (i32.const 1))", |a| a << 1),
        ("eightfold", "(i32.shl (local.get $a) (i32.const 3))", |a| a << 3),
        ("byte", "(i32.extend8_s (local.get $a))", |a| i32::from(a as i8) as u32),
        ("float", "(i32.trunc_sat_f64_u (f64.convert_i32_u (local.get $a)))", |a| a),
        ("spill", "", |a| a),
    ];
    rows.map(|(name, text, address)| {
        let text = if name == "spill" { spilled() } else { text.to_owned() };
        Source { name, text, address }
    })
    .into()
}

struct Case {
    source: usize,
    width: u64,
    offset: u64,
}

/// Every source with some accesses, and every access with the plainest source.
fn cases(sources: &[Source], memory: &str) -> (Vec<Case>, String) {
    let (mut cases, mut text) = (Vec::new(), String::new());
    let locals: String = (0..40).map(|i| format!("(local $s{i} i32)")).collect();
    for (source, of) in sources.iter().enumerate() {
        for (operator, width) in ACCESSES {
            let common = matches!(operator, "(i64.load8_s @ $)" | "(i64.load @ $)")
                || operator.contains("i64.store @")
                || operator.contains("(v128.load @");
            if source > 0 && !common {
                continue;
            }
            for offset in OFFSETS {
                let name = cases.len();
                let body = access(operator, memory, offset, &of.text);
                text += &format!(
                    "(func (export \"{name}\") (param $a i32) (result i64) {locals} {body})\n"
                );
                cases.push(Case { source, width, offset });
            }
        }
    }
    (cases, text)
}

/// Parameters that lead to a border of a memory of `len` bytes.
fn parameters(case: &Case, len: u64, source: &Source) -> Vec<u32> {
    let edges = [0, len, len.wrapping_sub(case.width), 1 << 31, 1 << 32, GUARD];
    let near = |edge: u64| {
        [-9_i64, -2, -1, 0, 1, 8].map(|by| edge.wrapping_sub(case.offset).wrapping_add_signed(by))
    };
    let mut parameters: Vec<u32> = edges.into_iter().flat_map(near).map(|at| at as u32).collect();
    for shift in [1, 3] {
        parameters.push(((len.wrapping_sub(case.offset)) >> shift) as u32);
        parameters.push(((len.wrapping_sub(case.offset + case.width)) >> shift) as u32);
    }
    let of_source = |address: u32| [address.wrapping_add(8), address.wrapping_sub(0x7fff_ffff)];
    if source.name == "below" || source.name == "above" {
        parameters = parameters.into_iter().flat_map(of_source).collect();
    }
    parameters.sort_unstable();
    parameters.dedup();
    parameters
}

/// Declarations of a memory of one to three pages, and how accesses name it.
const MEMORIES: [(&str, &str); 3] = [
    (r#"(memory (export "m") 1 3)"#, ""),
    (r#"(import "h" "m" (memory 1 3)) (export "m" (memory 0))"#, ""),
    (r#"(memory 1) (memory (export "m") 1 3)"#, "1"),
];

struct Guest {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Guest {
    fn new(engine: &Engine, declaration: &str, functions: &str) -> Self {
        let text = format!(
            r#"(module
                (import "h" "f" (func $host (param i32) (result i32)))
                {declaration}
                (type $id (func (param i32) (result i32)))
                (table 1 funcref) (elem (i32.const 0) $id)
                (global $g (mut i32) (i32.const 0))
                (global $k (mut i32) (i32.const 0x9abcdef0))
                (func $id (type $id) (local.get 0))
                {functions}
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#
        );
        let module = Module::new(engine, &text).expect("a valid module");
        let mut store = Store::new(engine, ());
        let mut imports: Vec<Extern> = vec![Func::wrap(&mut store, |a: i32| a).into()];
        if declaration.contains("import") {
            let memory = Memory::new(&mut store, MemoryType::new(1, Some(3)));
            imports.push(memory.expect("a memory").into());
        }
        let instance = Instance::new(&mut store, &module, &imports).expect("an instance");
        let memory = instance.get_memory(&mut store, "m").expect("an export");
        Self { store, instance, memory }
    }

    fn func(&mut self, name: usize) -> TypedFunc<i32, i64> {
        let func = self.instance.get_typed_func(&mut self.store, &name.to_string());
        func.expect("an export")
    }

    /// Calls every case with every parameter that matters for the memory as it is.
    fn check(&mut self, name: &str, sources: &[Source], cases: &[Case]) {
        let len = self.memory.data_size(&self.store) as u64;
        for (index, case) in cases.iter().enumerate() {
            let func = self.func(index);
            let source = &sources[case.source];
            for parameter in parameters(case, len, source) {
                let address = (source.address)(parameter);
                let end = u64::from(address) + case.offset + case.width;
                let result = func.call(&mut self.store, parameter as i32);
                let trapped = result.is_err();
                let what = || {
                    let (source, Case { width, offset, .. }) = (source.name, case);
                    format!(
                        "{name}, {len} bytes, {source}: {address:#x} + {offset:#x}, {width} bytes wide: {result:?}"
                    )
                };
                assert_eq!(trapped, end > len, "{}", what());
                if let Err(error) = &result {
                    assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds), "{}", what());
                }
            }
        }
    }
}

#[test]
fn accesses_trap_exactly_beyond_the_end() {
    let sources = sources();
    for (name, engine) in engines() {
        for (declaration, memory) in MEMORIES {
            // The plain memory with everything, the others with the plainest addresses.
            let sources = if declaration == MEMORIES[0].0 { &sources[..] } else { &sources[..1] };
            let (cases, functions) = cases(sources, memory);
            let mut guest = Guest::new(&engine, declaration, &functions);
            guest.check(name, sources, &cases);
            if memory.is_empty() {
                let grow = guest.instance.get_typed_func::<i32, i32>(&mut guest.store, "grow");
                grow.expect("an export").call(&mut guest.store, 1).expect("it grows");
            }
            guest.memory.grow(&mut guest.store, 1).expect("it grows");
            guest.check(name, &sources[..1], &cases[..ACCESSES.len() * OFFSETS.len()]);
        }
    }
}

#[test]
fn stores_that_trap_write_nothing() {
    for (name, engine) in engines() {
        let sources = &sources()[..1];
        let (cases, functions) = cases(sources, "");
        let mut guest = Guest::new(&engine, MEMORIES[0].0, &functions);
        let tail = PAGE as usize - 16..PAGE as usize;
        for (index, case) in cases.iter().enumerate().filter(|(_, case)| case.offset == 0) {
            for beyond in 1..case.width as u32 {
                let start = PAGE as u32 - case.width as u32 + beyond;
                guest.func(index).call(&mut guest.store, start as i32).expect_err("a trap");
                let bytes = &guest.memory.data(&guest.store)[tail.clone()];
                assert!(bytes.iter().all(|byte| *byte == 0), "{name}: {bytes:?}");
            }
        }
    }
}

#[test]
fn loads_of_every_width_see_the_last_bytes() {
    for (_, engine) in engines() {
        let sources = &sources()[..1];
        let (cases, functions) = cases(sources, "");
        let mut guest = Guest::new(&engine, MEMORIES[0].0, &functions);
        for (i, byte) in
            guest.memory.data_mut(&mut guest.store).iter_mut().rev().take(32).enumerate()
        {
            *byte = 0x80 + i as u8;
        }
        let last = |width: usize| {
            let bytes: Vec<u8> = (0x80..0x80 + width as u8).rev().collect();
            u128::from_le_bytes(std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0)))
        };
        let expected: [i64; 7] = [
            i64::from(last(1) as i8),
            i64::from(last(2) as u16),
            i64::from(last(4) as i32),
            i64::from(last(4) as u32),
            last(8) as i64,
            last(8) as i64,
            (last(16) >> 64) as i64,
        ];
        for (access, expected) in expected.into_iter().enumerate() {
            let index = access * OFFSETS.len();
            let address = PAGE - cases[index].width;
            let result = guest.func(index).call(&mut guest.store, address as i32);
            assert_eq!(result.expect("it is inside"), expected, "{}", ACCESSES[access].0);
        }
    }
}

#[test]
fn results_of_growth_are_addresses_like_others() {
    let text = r#"(module (memory 1) (table $t 65520 70000 funcref)
        (func (export "table") (param i32) (result i32)
            (i32.load8_u (table.grow $t (ref.null func) (local.get 0))))
        (func (export "memory") (param i32) (result i32)
            (i32.load8_u offset=65534 (memory.grow (local.get 0))))
        (func (export "sizes") (param i32) (result i32)
            (i32.load8_u offset=65534 (memory.size))))"#;
    for (name, engine) in engines() {
        let module = Module::new(&engine, text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let mut call = |export: &str, delta: i32| {
            let func = instance.get_typed_func::<i32, i32>(&mut store, export);
            func.expect("an export").call(&mut store, delta).map_err(|error| error.trap_code())
        };
        let beyond = Err(Some(TrapCode::MemoryOutOfBounds));
        // Growth that is refused is -1.
        assert_eq!(call("table", -1), beyond, "{name}");
        for size in 65_520..65_540 {
            let expected = if size < 65_536 { Ok(0) } else { beyond };
            assert_eq!(call("table", 1), expected, "{name}: {size}");
        }
        assert_eq!(call("memory", -1), beyond, "{name}");
        assert_eq!(call("sizes", 0), Ok(0), "{name}");
        assert_eq!(call("memory", 1), Ok(0), "{name}: page 1 of two");
        assert_eq!(call("memory", 0), Ok(0), "{name}: page 2 of two");
    }
}

#[test]
fn memories_without_pages_and_with_all_of_them_have_the_same_borders() {
    let offsets = [0, 1, 8, 4_096, GUARD - 8, GUARD, GUARD + 8, 0xffff_ffff];
    let function = |offset| {
        format!(
            r#"(func (export "{offset}") (param i32) (result i64) (i64.load offset={offset} (local.get 0)))"#
        )
    };
    let functions: String = offsets.map(function).concat();
    for (name, engine) in engines().into_iter().filter(|(name, _)| !name.contains("pool")) {
        for pages in [0, 65_536] {
            let text = format!("(module (memory {pages}) {functions})");
            let module = Module::new(&engine, &text).expect("a valid module");
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            for offset in offsets {
                let func = instance.get_typed_func::<i32, i64>(&mut store, &offset.to_string());
                let func = func.expect("an export");
                for address in [0, 1, 8, u32::MAX - 8, u32::MAX - 7, u32::MAX - 6, u32::MAX] {
                    let result = func.call(&mut store, address as i32);
                    let inside = u64::from(address) + offset + 8 <= pages * PAGE;
                    assert_eq!(result.is_ok(), inside, "{name}: {pages}: {address} + {offset}");
                }
            }
        }
    }
}

#[test]
fn elements_of_tables_are_checked_at_every_border() {
    let text = r#"(module
        (import "h" "t" (table $other 2 9 funcref))
        (table $own 3 9 funcref)
        (type $v (func)) (type $w (func (param i64)))
        (func $f) (elem (table $own) (i32.const 2) func $f)
        (func (export "get") (param i32) (drop (table.get $own (local.get 0))))
        (func (export "set") (param i32) (table.set $own (local.get 0) (ref.func $f)))
        (func (export "get other") (param i32) (drop (table.get $other (local.get 0))))
        (func (export "call") (param i32) (call_indirect $own (type $v) (local.get 0)))
        (func (export "call other") (param i32) (call_indirect $other (type $v) (local.get 0)))
        (func (export "mistake") (param i32) (call_indirect $own (type $w) (i64.const 0) (local.get 0)))
        (func (export "tail") (param i32) (return_call_indirect $own (type $v) (local.get 0)))
        (func (export "grow") (param i32) (drop (table.grow $own (ref.null func) (local.get 0)))))"#;
    for (_, engine) in engines() {
        let module = Module::new(&engine, text).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let ty = TableType::new(RefType::FUNCREF, 2, Some(9));
        let other = Table::new(&mut store, ty, Val::FuncRef(None)).expect("a table");
        let instance = Instance::new(&mut store, &module, &[other.into()]).expect("an instance");
        let mut call = |export: &str, index: u32| {
            let func = instance.get_typed_func::<i32, ()>(&mut store, export).expect("an export");
            func.call(&mut store, index as i32).map_err(|error| error.trap_code())
        };
        for (len, grown) in [(3, 0), (5, 2)] {
            call("grow", grown).expect("it grows");
            for index in [len, len + 1, 1 << 28, 1 << 29, 1 << 30, 1 << 31, u32::MAX] {
                for export in ["get", "set", "get other"] {
                    assert_eq!(call(export, index), Err(Some(TrapCode::TableOutOfBounds)));
                }
                for export in ["call", "call other", "mistake", "tail"] {
                    assert_eq!(call(export, index), Err(Some(TrapCode::UndefinedElement)));
                }
            }
            call("get", len - 1).expect("inside");
        }
        call("call", 2).expect("a function of the type");
        assert_eq!(call("mistake", 2), Err(Some(TrapCode::IndirectCallTypeMismatch)));
        assert_eq!(call("tail", 0), Err(Some(TrapCode::UninitializedElement)));
        call("set", 4).expect("the last element");
        call("tail", 4).expect("it has been set");
    }
}

#[test]
fn branch_tables_take_the_default_beyond_their_end() {
    let text = r#"(module (func (export "run") (param i32) (result i32)
        (block (block (block (block
            (br_table 0 1 2 3 (local.get 0)))
            (return (i32.const 10)))
            (return (i32.const 11)))
            (return (i32.const 12)))
        (i32.const 13))
        (func (export "none") (param i32) (result i32)
            (block (br_table 0 (local.get 0))) (i32.const 7)))"#;
    let (_, engine) = engines().remove(0);
    let module = Module::new(&engine, text).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run").expect("an export");
    let none = instance.get_typed_func::<i32, i32>(&mut store, "none").expect("an export");
    for (index, expected) in
        [(0, 10), (1, 11), (2, 12), (3, 13), (4, 13), (i32::MAX, 13), (i32::MIN, 13), (-1, 13)]
    {
        assert_eq!(run.call(&mut store, index).expect("a result"), expected, "{index}");
        assert_eq!(none.call(&mut store, index).expect("a result"), 7, "{index}");
    }
}
