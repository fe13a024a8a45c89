//! Hostile modules: extreme shapes, lies about sizes, truncations and flipped bits.
//!
//! Whatever the bytes say, loading ends in a module or in an error; it does not recurse on the native
//! stack (every case runs on a small one), and it allocates no more than the bytes justify (a counting
//! allocator watches). What loads is also run, with little fuel.

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use cap::Cap;
use dunlin::{Config, Engine, Instance, Linker, Module, Store, TrapCode, Val};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// The native stack of every case: far less than recursion over its depth would need.
const STACK_BYTES: usize = 256 << 10;

/// What loading may allocate: so much for a byte of the module, and so much anyway.
const ALLOCATED_PER_BYTE: usize = 160;
const ALLOCATED_ANYWAY: usize = 4 << 20;

/// Cases run one after the other: what one allocates must not count against another's bound.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `body` on a small native stack.
fn on_small_stack(bytes: usize, body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(bytes).spawn(body);
    thread.expect("a thread").join().expect("no panic");
}

fn leb(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A section with this number and these contents.
fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![id];
    leb(contents.len() as u64, &mut out);
    out.extend(contents);
    out
}

/// A module of one function `run` without parameters and results, and this body, locals included.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut code = vec![1];
    leb(body.len() as u64, &mut code);
    code.extend(body);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(1, &[1, 0x60, 0, 0]));
    module.extend(section(3, &[1, 0]));
    module.extend(section(7, b"\x01\x03run\0\0"));
    module.extend(section(10, &code));
    module
}

/// A body without locals: `head` and `tail` repeated around `middle`, and the last `end`.
fn nested(count: usize, head: &[u8], middle: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut body = vec![0];
    (0..count).for_each(|_| body.extend(head));
    body.extend(middle);
    (0..count).for_each(|_| body.extend(tail));
    body.push(0x0B);
    with_body(&body)
}

fn engine() -> Engine {
    Engine::new(Config::new().consume_fuel(true)).expect("an engine")
}

/// Loads `bytes` and says whether it could, with an eye on what that allocates.
fn load(bytes: &[u8]) -> Option<Module> {
    let engine = engine();
    let before = ALLOCATOR.allocated();
    ALLOCATOR
        .set_limit(before + bytes.len() * ALLOCATED_PER_BYTE + ALLOCATED_ANYWAY)
        .expect("the limit lies above what is allocated");
    let module = Module::new(&engine, bytes).ok();
    ALLOCATOR.set_limit(usize::MAX).expect("no limit");
    module
}

/// Runs every exported function with zeros and little fuel; what comes of it does not matter.
fn run_exports(module: &Module) {
    let mut store = Store::new(module.engine(), ());
    store.set_fuel(20_000).expect("fuel is metered");
    let mut linker = Linker::new(module.engine());
    let _ = linker.define_unknown_imports_as_traps(module);
    let Ok(instance) = linker.instantiate(&mut store, module) else { return };
    let names: Vec<_> = module.exports().map(|export| export.name().to_owned()).collect();
    for name in names {
        let Some(func) = instance.get_func(&mut store, &name) else { continue };
        let Ok(ty) = func.ty(&store) else { continue };
        let zeros: Vec<_> = ty.params().iter().map(|ty| Val::default_for(*ty)).collect();
        let mut results: Vec<_> = ty.results().iter().map(|ty| Val::default_for(*ty)).collect();
        let _ = func.call(&mut store, &zeros, &mut results);
    }
}

fn runs(bytes: Vec<u8>) {
    on_small_stack(STACK_BYTES, move || {
        let module = load(&bytes).expect("the module is valid");
        let mut store = Store::new(module.engine(), ());
        store.set_fuel(10_000_000).expect("fuel is metered");
        let instance = Instance::new(&mut store, &module, &[]).expect("it instantiates");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("it exports `run`");
        run.call(&mut store, ()).expect("it returns");
    });
}

fn is_refused(bytes: Vec<u8>) {
    on_small_stack(STACK_BYTES, move || assert!(load(&bytes).is_none(), "the module is refused"));
}

#[test]
fn a_hundred_thousand_nested_constructs() {
    let _alone = alone();
    let block = [0x02, 0x40];
    let when = [0x41, 1, 0x04, 0x40];
    runs(nested(100_000, &block, &[], &[0x0B]));
    runs(nested(100_000, &[0x03, 0x40], &[], &[0x0B]));
    runs(nested(100_000, &when, &[], &[0x0B]));
    // A branch out of all of them.
    let mut branch = vec![0x0C];
    leb(100_000, &mut branch);
    runs(nested(100_000, &block, &branch, &[0x0B]));
    is_refused(nested(100_000, &block, &[], &[]));
}

#[test]
fn a_table_of_a_million_targets() {
    let _alone = alone();
    let mut body = vec![0x41];
    body.extend([0xBF, 0x84, 0x3D, 0x0E]); // 999,999
    leb(1_000_000, &mut body);
    (0..1_000_001).for_each(|i| body.push(i as u8 & 1));
    runs(nested(2, &[0x02, 0x40], &body, &[0x0B]));
}

#[test]
fn locals_at_and_beyond_their_bound() {
    let _alone = alone();
    let mut most = vec![1];
    leb(50_000, &mut most);
    most.extend([0x7F, 0x20, 0xCF, 0x86, 0x03, 0x1A, 0x0B]); // local.get 49,999; drop
    runs(with_body(&most));
    let mut vectors = vec![1];
    leb(50_000, &mut vectors);
    vectors.extend([0x7B, 0x20, 0xCF, 0x86, 0x03, 0x1A, 0x0B]);
    runs(with_body(&vectors));
    let mut beyond = vec![1];
    leb(50_001, &mut beyond);
    beyond.extend([0x7F, 0x0B]);
    is_refused(with_body(&beyond));
    is_refused(with_body(&[1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x7F, 0x0B]));
}

#[test]
fn counts_that_lie() {
    let _alone = alone();
    for id in 0..=13 {
        for tail in [&[][..], &[0], &[0x60, 0, 0], &[1, 1, 1, 1]] {
            let mut contents = vec![0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
            contents.extend(tail);
            let mut module = b"\0asm\x01\0\0\0".to_vec();
            module.extend(section(id, &contents));
            if id != 0 {
                is_refused(module);
            }
        }
        // A size that leaves the file.
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([id, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]);
        is_refused(module);
    }
    // A body that is longer than its section, and a name section that lies.
    let mut module = with_body(&[0, 0x0B]);
    let last = module.len() - 3;
    module[last] = 0x70;
    is_refused(module);
    let mut module = with_body(&[0, 0x0B]);
    module.extend(section(0, b"\x04name\x01\xFF\xFF\xFF\xFF\x0F\xFF"));
    runs(module);
}

#[test]
fn large_functions() {
    let _alone = alone();
    runs(nested(7_000_000, &[0x01], &[], &[]));
    is_refused(nested(10_000_000, &[0x01], &[], &[]));
    // A hundred thousand values on the operand stack, and a hundred thousand branches that drop them.
    let mut body = Vec::new();
    (0..100_000).for_each(|_| body.extend([0x41, 0]));
    (0..100_000).for_each(|_| body.extend([0x41, 0, 0x0D, 0]));
    body.extend([0x0C, 0]);
    runs(nested(1, &[0x02, 0x40], &body, &[0x0B]));
}

#[test]
fn many_types_and_long_constant_expressions() {
    let _alone = alone();
    let mut types = Vec::new();
    leb(1_000_000, &mut types);
    (0..1_000_000).for_each(|_| types.extend([0x60, 0, 0]));
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(1, &types));
    on_small_stack(STACK_BYTES, move || drop(load(&module)));
    let mut global = vec![1, 0x7F, 0, 0x41, 1];
    (0..100_000).for_each(|_| global.extend([0x41, 1]));
    (0..100_000).for_each(|_| global.push(0x6A));
    global.push(0x0B);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(6, &global));
    on_small_stack(STACK_BYTES, move || {
        run_exports(&load(&module).expect("extended constants nest as they like"));
    });
}

#[test]
fn memories_and_tables_at_their_bounds() {
    let _alone = alone();
    on_small_stack(STACK_BYTES, || {
        for text in [
            "(module (memory 65536))",
            "(module (memory i64 0x1000000000000))",
            "(module (table 10000000 funcref))",
            "(module (table i64 0xffffffffffffffff funcref))",
            "(module (memory 1) (data (i32.const -1) \"x\"))",
            "(module (table 1 funcref) (elem (i32.const 1) func 0) (func))",
        ] {
            if let Some(module) = load(text.as_bytes()) {
                run_exports(&module);
            }
        }
    });
}

#[test]
fn recursion_traps_and_long_loops_need_no_native_stack() {
    let _alone = alone();
    on_small_stack(64 << 10, || {
        let engine = Engine::default();
        let module = Module::new(
            &engine,
            r#"(module
                (func $down (export "down") (param i32) (result i32)
                    (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
                (func $tail (export "tail") (param i32) (result i32)
                    (if (result i32) (i32.eqz (local.get 0))
                        (then (i32.const 9))
                        (else (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))
                (func (export "loop") (param i32) (result i32) (local i32)
                    (loop
                        (local.set 1 (i32.add (local.get 1) (i32.const 3)))
                        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                    (local.get 1)))"#,
        )
        .expect("the module is valid");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("it instantiates");
        let mut call = |name: &str, argument: i32| {
            let func = instance.get_typed_func::<i32, i32>(&mut store, name).expect("exported");
            func.call(&mut store, argument)
        };
        let error = call("down", 0).expect_err("it recurses for ever");
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
        // All of it where handlers are jumps; in builds without optimisation a part says as much.
        let turns = if cfg!(debug_assertions) { 300_000 } else { 100_000_000 };
        assert_eq!(call("loop", turns).expect("it ends"), turns.wrapping_mul(3));
        assert_eq!(call("tail", turns / 10).expect("it ends"), 9);
    });
}

/// Modules of every kind, to be damaged.
fn corpus() -> Vec<Vec<u8>> {
    let texts = include_str!("corpus/modules.wat");
    let mut modules: Vec<_> = texts
        .split(";; ---\n")
        .map(|text| wat::parse_str(text).expect("the corpus is well-formed"))
        .collect();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for name in ["mandelbrot/mandelbrot.wasm", "sha256/sha256.wasm"] {
        let path = std::path::Path::new(examples).join(name);
        modules.push(std::fs::read(path).expect("the examples stand beside the crates"));
    }
    modules
}

/// A small generator of numbers that look random: the same ones in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn truncated_at_every_byte() {
    let _alone = alone();
    on_small_stack(STACK_BYTES, || {
        for module in corpus() {
            let step = if module.len() > 4096 { module.len() / 512 } else { 1 };
            for end in (0..module.len()).step_by(step) {
                if let Some(module) = load(&module[..end]) {
                    run_exports(&module);
                }
            }
        }
    });
}

#[test]
fn flipped_bits() {
    let _alone = alone();
    on_small_stack(STACK_BYTES, || {
        let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
        for module in corpus() {
            for _ in 0..200 {
                let mut damaged = module.clone();
                for _ in 0..=numbers.below(4) {
                    let at = numbers.below(damaged.len());
                    damaged[at] ^= 1 << numbers.below(8);
                }
                if let Some(module) = load(&damaged) {
                    run_exports(&module);
                }
            }
        }
    });
}
