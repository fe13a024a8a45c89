//! Extreme nesting, counts and sizes: what a small file can claim, and what a large one can hold.
//!
//! Each module is loaded and run on a thread with a small native stack, so that recursion would
//! overflow it, and loading it may not allocate more than its bytes justify. Cases that load run as well.

mod support {
    #![allow(clippy::mod_module_files, reason = "one file of a shared folder")]
    pub(crate) mod binary;
    pub(crate) mod tier;
}

use dunlin::{Config, Engine, Error, ErrorKind, Instance, Module, Result, Store, Tier, TrapCode};
use peak_alloc::PeakAlloc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::binary::{leb, module, repeated, run, section};
use support::tier::{choose, tier};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The allocator counts for the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Native stack that loading and running may use. Without optimisation frames are several times larger.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };

/// What loading may allocate for each byte of the module, the copy of the byte included. The validator
/// keeps 88 bytes for a type, which may be three in the file, and about as many for a block; vectors
/// that double are for a moment three halves of what they hold.
const ALLOCATED_PER_BYTE_MAX: usize = 128;

/// What compiling may allocate besides.
const COMPILING_PER_BYTE_MAX: usize = 4_096;

/// What loading may allocate whatever the module.
const ALLOCATED_MAX: usize = 1 << 20;

/// Does something on a thread with a small native stack.
fn on_small_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work).expect("a thread");
        thread.join().expect("the thread does not panic")
    })
}

/// Loads a module within the bounds, and does something with it if it is valid.
fn load<R: Send>(name: &str, bytes: &[u8], then: impl FnOnce(Module) -> R + Send) -> Result<R> {
    on_small_stack(|| {
        let mut config = Config::new();
        let engine = Engine::new(choose(&mut config).consume_fuel(true)).expect("a configuration");
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        let loaded = Module::new(&engine, bytes);
        let allocated = ALLOCATED.peak_usage().saturating_sub(before);
        let compiles = matches!(tier(), Tier::Optimize | Tier::Baseline);
        let compiling = if compiles { COMPILING_PER_BYTE_MAX } else { 0 };
        let most = bytes.len() * (ALLOCATED_PER_BYTE_MAX + compiling) + ALLOCATED_MAX;
        assert!(allocated <= most, "{name}: {allocated} bytes for {} of the file", bytes.len());
        loaded.map(then)
    })
}

/// Calls the export `run`.
fn call(module: &Module) -> Result<()> {
    let mut store = Store::new(module.engine(), ());
    store.set_fuel(1_000_000_000)?;
    let instance = Instance::new(&mut store, module, &[])?;
    instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())
}

/// The module is valid, and `run` returns.
#[track_caller]
fn runs(name: &str, bytes: &[u8]) {
    let ran = load(name, bytes, |module| call(&module));
    if let Err(error) = ran.and_then(|ran| ran) {
        panic!("{name}: {error}");
    }
}

/// The module is not valid, and that is said like that of any other.
#[track_caller]
fn refused(name: &str, bytes: &[u8]) -> Error {
    let error = load(name, bytes, drop).expect_err(name);
    assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {error}");
    error
}

/// The module is valid; instantiating or running it traps or is refused.
#[track_caller]
fn fails(name: &str, bytes: &[u8]) -> Error {
    load(name, bytes, |module| call(&module)).expect("it is valid").expect_err(name)
}

const END: u8 = 0x0b;

#[test]
fn nesting() {
    let _alone = alone();
    const DEPTH: usize = 100_000;
    let ends = [END].repeat(DEPTH + 1);
    for (name, opener) in [("blocks", &[0x02, 0x40][..]), ("loops", &[0x03, 0x40])] {
        runs(name, &run(&[0], &[&opener.repeat(DEPTH), &ends[..]].concat()));
    }
    let ifs = [0x41, 1, 0x04, 0x40].repeat(DEPTH);
    runs("ifs", &run(&[0], &[&ifs, &ends[..]].concat()));
    let elses = [&[0x41, 0, 0x04, 0x40][..].repeat(DEPTH), &[0x05, END].repeat(DEPTH), &[END][..]];
    runs("elses", &run(&[0], &elses.concat()));
    refused("unclosed", &run(&[0], &[0x02, 0x40].repeat(DEPTH)));
    // From the innermost out, by one branch.
    let out = [&[0x0c][..], &leb(DEPTH as u64)].concat();
    let blocks = [0x02, 0x40].repeat(DEPTH);
    runs("a long branch", &run(&[0], &[&blocks[..], &out, &ends].concat()));
    // One target for each of them.
    let targets: Vec<u8> = (0..=DEPTH as u64).flat_map(leb).collect();
    let table = [&[0x41, 7, 0x0e][..], &leb(DEPTH as u64), &targets].concat();
    runs("a branch to each", &run(&[0], &[&blocks[..], &table, &ends].concat()));
    // Conditional branches to the function's end from every depth.
    let branches: Vec<u8> = (0..DEPTH as u64)
        .flat_map(|depth| [&[0x02, 0x40, 0x41, 0, 0x0d][..], &leb(depth + 1)].concat())
        .collect();
    runs("a branch from each", &run(&[0], &[&branches[..], &ends].concat()));
}

#[test]
fn operands() {
    let _alone = alone();
    const COUNT: usize = 1_000_000;
    let pushes = [0x41, 0].repeat(COUNT);
    let drops = [0x1a].repeat(COUNT);
    runs("operands", &run(&[0], &[&pushes[..], &drops, &[END]].concat()));
    refused("operands left", &run(&[0], &[&pushes[..], &[END]].concat()));
    refused("operands missing", &run(&[0], &[&drops[..], &[END]].concat()));
    // Unreachable code pops whatever it likes.
    runs("nothing", &run(&[0], &[&[0x0f][..], &drops, &[END]].concat()));
}

#[test]
fn locals() {
    let _alone = alone();
    for ty in [0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f] {
        let locals = [&[1][..], &leb(50_000), &[ty]].concat();
        runs("locals", &run(&locals, &[0x20, 0xcf, 0x86, 3, 0x1a, END]));
        let locals = [&[1][..], &leb(50_001), &[ty]].concat();
        refused("locals over the limit", &run(&locals, &[END]));
    }
    let groups = [leb(50_000), [1, 0x7f].repeat(50_000)].concat();
    runs("groups of locals", &run(&groups, &[END]));
    let groups =
        [&[2][..], &leb(u32::MAX.into()), &[0x7f], &leb(u32::MAX.into()), &[0x7f]].concat();
    refused("locals that overflow", &run(&groups, &[END]));
    refused("groups that are not there", &run(&leb(u32::MAX.into()), &[END]));
    // Each call needs a frame of 800 KB.
    let deep = [&[1][..], &leb(50_000), &[0x7b]].concat();
    let error = fails("recursion with locals", &run(&deep, &[0x10, 0, END]));
    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
}

#[test]
fn counts_without_contents() {
    let _alone = alone();
    for id in 0..=13 {
        for count in [u32::MAX, 1 << 31, 1_000_000, 100_001] {
            for rest in [&[][..], &[0], &[0, 0, 0, 0], &[0x60, 0, 0]] {
                let contents = [leb(count.into()), rest.to_vec()].concat();
                let module = module(&[section(id, &contents)]);
                if id == 0 {
                    drop(load("custom", &module, drop));
                } else if id != 12 && (id, rest.len()) != (8, 0) {
                    refused(&format!("section {id}, {count} items"), &module);
                }
            }
        }
    }
    // A count of functions that the code section does not have, and the other way round.
    let types = section(1, &[1, 0x60, 0, 0]);
    refused("bodies missing", &module(&[types.clone(), repeated(3, 100_000, &[0])]));
    let bodies = repeated(10, 100_000, &[2, 0, END]);
    refused("functions missing", &module(&[types.clone(), bodies.clone()]));
    refused("one too many", &module(&[types.clone(), repeated(3, 99_999, &[0]), bodies.clone()]));
    runs_not("as many", &module(&[types, repeated(3, 100_000, &[0]), bodies]));
}

/// The module is valid; there is nothing to run.
#[track_caller]
fn runs_not(name: &str, bytes: &[u8]) {
    let instance = load(name, bytes, |module| {
        let mut store = Store::new(module.engine(), ());
        Instance::new(&mut store, &module, &[]).map(drop)
    });
    if let Err(error) = instance.and_then(|instance| instance) {
        panic!("{name}: {error}");
    }
}

#[test]
fn branch_tables() {
    let _alone = alone();
    const TARGETS: u64 = 1_000_000;
    for index in [0, TARGETS - 1, TARGETS, u64::from(u32::MAX)] {
        let index = [&[0x41][..], &signed(index as u32 as i32)].concat();
        let table = [&[0x0e][..], &leb(TARGETS), &[1].repeat(TARGETS as usize + 1)].concat();
        let code = [&[0x02, 0x40, 0x02, 0x40][..], &index, &table, &[END, 0, END, END]].concat();
        runs("a million targets", &run(&[0], &code));
    }
    let table = [&[0x41, 0, 0x0e][..], &leb(u32::MAX.into()), &[0, END]].concat();
    refused("targets that are not there", &run(&[0], &table));
}

/// An `i32` in signed LEB128.
fn signed(mut number: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if (number == 0 && byte & 0x40 == 0) || (number == -1 && byte & 0x40 != 0) {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

#[test]
fn large_functions() {
    let _alone = alone();
    runs("7 MB of nothing", &run(&[0], &[&[0x01].repeat(7_000_000)[..], &[END]].concat()));
    let code = [0x41, 0, 0x1a].repeat(2_000_000);
    runs("6 MB of operators", &run(&[0], &[&code[..], &[END]].concat()));
    let code = [0x02, 0x40, 0x41, 0, 0x0d, 0, END].repeat(900_000);
    runs("6 MB of branches", &run(&[0], &[&code[..], &[END]].concat()));
    // Over the limit that engines share (7,654,321 bytes).
    refused("10 MB", &run(&[0], &[&[0x01].repeat(10_000_000)[..], &[END]].concat()));
}

#[test]
fn numbers_that_go_on() {
    let _alone = alone();
    for count in [5, 6, 10, 11, 100, 100_000] {
        let long = [&[0x80].repeat(count)[..], &[0]].concat();
        refused("a section's size", &[b"\0asm\x01\0\0\0\x01", &long[..]].concat());
        refused("a count", &module(&[section(1, &long)]));
        refused("an immediate", &run(&[0], &[&[0x0c][..], &long, &[END]].concat()));
        refused("a size of a body", &module(&[section(10, &[&[1][..], &long].concat())]));
    }
    for id in 0..=255 {
        refused(
            "a section without end",
            &[b"\0asm\x01\0\0\0", &[id, 0xff, 0xff, 0xff, 0xff, 0x0f][..]].concat(),
        );
    }
}

#[test]
fn many_of_everything() {
    let _alone = alone();
    const COUNT: u64 = 1_000_000;
    let types = section(1, &[1, 0x60, 0, 0]);
    runs_not("types", &module(&[repeated(1, COUNT, &[0x60, 0, 0])]));
    refused("one type more", &module(&[repeated(1, COUNT + 1, &[0x60, 0, 0])]));
    let distinct: Vec<u8> = (0..50_000_u32)
        .flat_map(|i| {
            let bit = |bit: u32| 0x7c + (i >> (2 * bit) & 3) as u8;
            [0x60, 8, bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), bit(7), 0]
        })
        .collect();
    runs_not("distinct types", &module(&[section(1, &[leb(50_000), distinct].concat())]));
    let functions = [repeated(3, COUNT, &[0]), repeated(10, COUNT, &[2, 0, END])];
    runs_not("functions", &module(&[std::slice::from_ref(&types), &functions[..]].concat()));
    let import = [1, b'm', 1, b'f', 0, 0];
    let imports = module(&[types.clone(), repeated(2, 300_000, &import)]);
    let count = load("imports", &imports, |module| module.imports().len()).expect("valid");
    assert_eq!(count, 300_000);
    // Together their types are larger than the validator allows.
    refused("more imports", &module(&[types.clone(), repeated(2, COUNT, &import)]));
    runs_not("globals", &module(&[repeated(6, COUNT, &[0x7f, 0, 0x41, 7, END])]));
    refused("one global more", &module(&[repeated(6, COUNT + 1, &[0x7f, 0, 0x41, 7, END])]));
    let exports: Vec<u8> = (0..100_000_u32)
        .flat_map(|i| [&[6][..], format!("{i:06}").as_bytes(), &[3, 0]].concat())
        .collect();
    let global = section(6, &[1, 0x7f, 0, 0x41, 7, END]);
    let exports = section(7, &[leb(100_000), exports].concat());
    runs_not("exports", &module(&[global.clone(), exports]));
    refused("equal exports", &module(&[global, repeated(7, 100_000, &[1, b'e', 3, 0])]));
    let (table, memory) = (section(4, &[1, 0x70, 0, 1]), section(5, &[1, 0, 1]));
    runs_not("elements", &module(&[table, repeated(9, 100_000, &[0, 0x41, 0, END, 0])]));
    runs_not("data", &module(&[memory, repeated(11, 100_000, &[0, 0x41, 0, END, 0])]));
    runs_not("tables", &module(&[repeated(4, 9_999, &[0x70, 0, 0])]));
    runs_not("memories", &module(&[repeated(5, 100, &[0, 0])]));
    refused("a memory more", &module(&[repeated(5, 101, &[0, 0])]));
    runs_not("sections", &module(&vec![section(0, &[1, b'c']); 100_000]));
}

#[test]
fn long_types_and_names() {
    let _alone = alone();
    let many = [leb(1_000), vec![0x7f; 1_000]].concat();
    // A function that takes and returns a thousand values, passed on by another.
    let types = section(1, &[&[2, 0x60][..], &many, &many, &[0x60, 0, 0]].concat());
    let gets: Vec<u8> = (0..1_000).flat_map(|i| [&[0x20][..], &leb(i)].concat()).collect();
    let identity = [&[0][..], &gets, &[END]].concat();
    let caller = [&[0][..], &[0x41, 3].repeat(1_000), &[0x10, 0], &[0x1a].repeat(1_000), &[END]];
    let caller = caller.concat();
    let bodies = [&leb(identity.len() as u64)[..], &identity, &leb(caller.len() as u64), &caller];
    let code = section(10, &[&[2][..], &bodies.concat()].concat());
    let export = section(7, &[&[1, 3][..], b"run", &[0, 1]].concat());
    runs("a thousand values", &module(&[types, section(3, &[2, 0, 1]), export, code]));
    let over = [&[1, 0x60][..], &leb(1_001), &[0x7f].repeat(1_001), &[0]].concat();
    refused("more parameters", &module(&[section(1, &over)]));
    let name = [&leb(100_000)[..], &[b'n'].repeat(100_000)].concat();
    let global = section(6, &[1, 0x7f, 0, 0x41, 7, END]);
    let long = section(7, &[&[1][..], &name, &[3, 0]].concat());
    runs_not("a long name", &module(&[global.clone(), long]));
    let export = section(7, &[1, 2, 0xc3, 0x28, 3, 0]);
    refused("a name that is no text", &module(&[global, export]));
}

#[test]
fn constant_expressions() {
    let _alone = alone();
    const DEPTH: usize = 100_000;
    let push = [0x41, 1].repeat(DEPTH);
    let add = [0x6a].repeat(DEPTH - 1);
    let global = |code: &[u8]| module(&[section(6, &[&[1, 0x7f, 0][..], code, &[END]].concat())]);
    runs_not("deep", &global(&[&push[..], &add].concat()));
    let long = [0x41, 1, 0x6a].repeat(DEPTH);
    runs_not("long", &global(&[&[0x41, 1][..], &long].concat()));
    refused("unbalanced", &global(&push));
    refused("without end", &module(&[section(6, &[&[1, 0x7f, 0][..], &push].concat())]));
    // A chain in which each global reads the one before.
    let chain: Vec<u8> =
        (0..DEPTH as u64).flat_map(|i| [&[0x7f, 0, 0x23][..], &leb(i), &[END]].concat()).collect();
    let chain = [leb(DEPTH as u64 + 1), vec![0x7f, 0, 0x41, 7, END], chain].concat();
    runs_not("a chain", &module(&[section(6, &chain)]));
}

#[test]
fn names_that_lie() {
    let _alone = alone();
    let custom = |contents: &[u8]| section(0, &[&[4][..], b"name", contents].concat());
    let huge = leb(u32::MAX.into());
    let lies: [(&str, Vec<u8>); 9] = [
        ("nothing", vec![]),
        ("a size", [&[1][..], &huge].concat()),
        ("a count", [&[1, 5][..], &huge].concat()),
        ("a length", [&[1, 7, 1, 0][..], &huge].concat()),
        ("an index", [&[1, 9, 1][..], &huge, &[2, b'f', b'f', 0]].concat()),
        ("no text", vec![1, 5, 1, 0, 2, 0xc3, 0x28]),
        ("twice", vec![1, 7, 2, 0, 1, b'a', 0, 1, b'b']),
        ("an unknown part", [&[77, 3, 1, 2, 3][..], &[77, 3, 1, 2, 3]].concat()),
        ("a module's length", [&[0, 5][..], &huge].concat()),
    ];
    for (name, lie) in lies {
        let trap = [run(&[0], &[0x00, END]), custom(&lie)].concat();
        let told = load(name, &trap, |module| {
            let _ = (module.name().map(str::len), format!("{:?}", module.info().functions()));
            let error = call(&module).expect_err("it traps");
            format!("{:?}", error.backtrace().map(|backtrace| backtrace.frames().len()))
        });
        assert_eq!(told.expect(name), "Some(1)", "{name}");
    }
    let name = [&[1][..], &[1], &[0, 1, b'f']].concat();
    let map = [&[1][..], &leb(name.len() as u64 - 1), &name[1..]].concat();
    let many = [run(&[0], &[END]), custom(&map).repeat(10_000)].concat();
    runs("many name sections", &many);
}

#[test]
fn segments_out_of_bounds() {
    let _alone = alone();
    let offsets = [-1, 1, 65_535, 65_536, i32::MIN, i32::MAX];
    for offset in offsets.map(signed) {
        let memory = section(5, &[1, 0, 1]);
        let data = [&[1, 0, 0x41][..], &offset, &[END], &leb(65_536), &[7].repeat(65_536)].concat();
        let bytes = module(&[memory, section(11, &data)]);
        assert_eq!(fails("data", &bytes).trap_code(), Some(TrapCode::MemoryOutOfBounds));
        let [types, funcs, exports] = support::binary::one_function();
        let elements = [&[1, 0, 0x41][..], &offset, &[END, 2, 0, 0]].concat();
        let sections = [
            types,
            funcs,
            section(4, &[1, 0x70, 0, 2]),
            exports,
            section(9, &elements),
            section(10, &[1, 2, 0, END]),
        ];
        let error = fails("elements", &module(&sections));
        assert_eq!(error.trap_code(), Some(TrapCode::TableOutOfBounds));
    }
    refused("data without memory", &module(&[section(11, &[1, 0, 0x41, 0, END, 0])]));
    refused("data beyond", &module(&[section(11, &[&[1, 1][..], &leb(u32::MAX.into())].concat())]));
    let elements = [&[1, 1, 0][..], &leb(u32::MAX.into()), &[0, 0]].concat();
    refused("elements beyond", &module(&[section(9, &elements)]));
}

#[test]
fn memories_and_tables_at_their_largest() {
    let _alone = alone();
    let most = leb(65_536);
    for (name, id, ty) in [
        ("4 GiB", 5, [&[0][..], &most].concat()),
        ("4 GiB at most", 5, [&[1, 0][..], &most].concat()),
        ("2^48 pages", 5, [&[4][..], &leb(1 << 48)].concat()),
        ("2^48 pages at most", 5, [&[5, 0][..], &leb(1 << 48)].concat()),
        ("10 million elements", 4, [&[0x70, 0][..], &leb(10_000_000)].concat()),
        ("an element more", 4, [&[0x70, 0][..], &leb(10_000_001)].concat()),
        ("2^32 elements", 4, [&[0x70, 0][..], &leb(u32::MAX.into())].concat()),
        ("2^64 elements", 4, [&[0x70, 4][..], &leb(u64::MAX)].concat()),
        ("2^32 elements at most", 4, [&[0x70, 1, 0][..], &leb(u32::MAX.into())].concat()),
        ("2^64 elements at most", 4, [&[0x70, 5, 0][..], &leb(u64::MAX)].concat()),
    ] {
        let bytes = module(&[section(id, &[&[1][..], &ty].concat())]);
        let instance = load(name, &bytes, |module| {
            let mut store = Store::new(module.engine(), ());
            // The machine may have no room; that is an answer as good as any.
            let made = Instance::new(&mut store, &module, &[]).map(drop);
            made.map_or_else(|error| error.kind() == ErrorKind::Resource, |()| true)
        });
        assert!(instance.expect(name), "{name}");
    }
    for (name, id, ty) in [
        ("a page more", 5, [&[0][..], &leb(65_537)].concat()),
        ("2^48 pages and one", 5, [&[4][..], &leb((1 << 48) + 1)].concat()),
        ("most below least", 5, vec![1, 2, 1]),
    ] {
        refused(name, &module(&[section(id, &[&[1][..], &ty].concat())]));
    }
}
