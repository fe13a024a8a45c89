//! What the compiler promises of its code whatever that looks like: the tables that go with it, and what
//! it refuses. What the code looks like is in `codegen.rs`.

use dunlin_core::TrapCode;
use dunlin_module::{CompiledFunction, Compiler, Features, Module, Scratch, StaticTables, Unit};
use dunlin_optimize::{Bounds, Optimizer, Polls, Settings};
use std::sync::Arc;

const GUARDED: Bounds = Bounds::Guarded { reserved_bytes: 1 << 32, guard_bytes: 64 << 20 };

fn module(text: &str) -> Module {
    let bytes = wat::parse_str(text).expect("a valid text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("a valid module");
    for func in module.func_imports()..module.func_count() {
        module.prepare(func, &mut Scratch::default()).expect("a valid body");
    }
    module
}

fn compile(settings: &Settings, text: &str, unit: Unit) -> CompiledFunction {
    let settings = Settings { verify: true, ..settings.clone() };
    let optimizer = Optimizer::new(settings).expect("a machine that is supported");
    let module = module(text);
    let tables = StaticTables::of(&module);
    let compiled = optimizer.worker(&module, &tables).compile(unit);
    compiled.expect("code")
}

fn traps(compiled: &CompiledFunction, code: TrapCode) -> usize {
    compiled.traps.iter().filter(|(_, found)| *found == code).count()
}

#[test]
fn every_loop_and_the_entry_poll_at_places_of_their_own() {
    let settings = Settings { polls: Polls::DeadLoad, ..Settings::default() };
    let text = "(module (func (param i32)
        (loop (loop (br_if 0 (local.get 0))) (br_if 0 (local.get 0)))
        (loop (br_if 0 (local.get 0)))))";
    // At equal offsets one read would stand in for another, and a loop could not be stopped.
    assert_eq!(traps(&compile(&settings, text, Unit::Func(0)), TrapCode::Interrupted), 4);
    let off = Settings { polls: Polls::Off, ..settings };
    assert_eq!(traps(&compile(&off, text, Unit::Func(0)), TrapCode::Interrupted), 0);
}

#[test]
fn more_loops_than_the_poll_page_has_places_look_at_the_flag() {
    let settings = Settings { polls: Polls::DeadLoad, ..Settings::default() };
    let loops = "(loop (br_if 0 (local.get 0)))".repeat(600);
    let text = format!("(module (func (param i32) {loops}))");
    let compiled = compile(&settings, &text, Unit::Func(0));
    assert_eq!(traps(&compiled, TrapCode::Interrupted), 601);
    // The others trap by an instruction that does nothing else.
    let by_flag = compiled.traps.iter().filter(|(at, code)| {
        *code == TrapCode::Interrupted && compiled.code[*at as usize..].starts_with(&[0x0f, 0x0b])
    });
    assert_eq!(by_flag.count(), 601 - 512);
}

#[test]
fn guarded_accesses_fault_by_themselves_and_far_ones_are_compared() {
    let settings = Settings { bounds: GUARDED, polls: Polls::Off, ..Settings::default() };
    let text = |offset: &str| {
        format!(
            "(module (memory 1) (func (param i32) (result i64) (i64.load offset={offset} (local.get 0))))"
        )
    };
    let near = compile(&settings, &text("8"), Unit::Func(0));
    let far = compile(&settings, &text("0x80000000"), Unit::Func(0));
    let explicit = Settings { bounds: Bounds::Explicit, ..settings };
    let compared = compile(&explicit, &text("8"), Unit::Func(0));
    for compiled in [&near, &far, &compared] {
        assert_eq!(traps(compiled, TrapCode::MemoryOutOfBounds), 1);
    }
    assert!(near.code.len() < compared.code.len());
    assert!(near.code.len() < far.code.len());
}

#[test]
fn accesses_with_64_bit_addresses_are_compared_in_every_mode() {
    let text = "(module (memory i64 1) (func (param i64) (result i64) (i64.load (local.get 0))))";
    let lengths = [Bounds::Explicit, GUARDED].map(|bounds| {
        let settings = Settings { bounds, polls: Polls::Off, ..Settings::default() };
        compile(&settings, text, Unit::Func(0)).code.len()
    });
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
fn many_locals_go_with_few_blocks_only() {
    let optimizer = Optimizer::new(Settings::default()).expect("a machine that is supported");
    let text = |blocks| {
        let blocks = "(block)".repeat(blocks);
        format!("(module (func {} {blocks}))", "(local i32)".repeat(9_000))
    };
    let compile = |blocks: usize| {
        let (module, tables) = (module(&text(blocks)), StaticTables::default());
        optimizer.worker(&module, &tables).compile(Unit::Func(0))
    };
    compile(200).expect("few blocks");
    let error = compile(400).expect_err("many");
    let message = "the function has too many locals for its blocks, for this tier";
    assert_eq!(error.to_string(), message);
}

#[test]
fn what_is_too_large_is_refused() {
    let rows = [
        ("(local i32)", 20_000, "the function has too many locals for this tier"),
        ("(block)", 20_000, "the function has too many blocks for this tier"),
        ("(block (br 0))", 17_000, "the function has too many blocks for this tier"),
        ("(br_if 0 (i32.const 0))", 17_000, "the function has too many branches for this tier"),
        ("nop ", 2 << 20, "the function's body is too large for this tier"),
    ];
    let optimizer = Optimizer::new(Settings::default()).expect("a machine that is supported");
    for (part, count, message) in rows {
        let module = module(&format!("(module (func {}) (func))", part.repeat(count)));
        let tables = StaticTables::of(&module);
        let mut worker = optimizer.worker(&module, &tables);
        let error = worker.compile(Unit::Func(0)).expect_err("a refusal");
        assert_eq!(error.to_string(), message);
        worker.compile(Unit::Func(1)).expect("a refusal leaves no trace");
    }
}

/// Instructions from the first call to the last one. Moves are not counted: what lives across a call is in memory
/// where an exception may end it, and in a register otherwise.
fn between_calls(compiled: &CompiledFunction) -> usize {
    let handlers: Vec<u32> = compiled.handlers.iter().map(|of| of.handler).collect();
    let lines = dunlin_optimize::disassemble(&compiled.code, &handlers);
    let returns = lines.iter().position(|line| line.text == "ret").expect("it returns");
    let calls = |line: &dunlin_optimize::Line| line.text.starts_with("call");
    let first = lines.iter().position(calls).expect("it calls");
    let last = lines[..returns].iter().rposition(calls).expect("it calls");
    lines[first..last].iter().filter(|line| !line.text.starts_with("mov ")).count()
}

#[test]
fn blocks_that_catch_cost_no_instruction() {
    let compile = |body: &str| {
        let text = format!("(module (tag $t) (func $f) (func {body}))");
        compile(&Settings { inline: false, ..Settings::default() }, &text, Unit::Func(1))
    };
    let calls = "(call $f)".repeat(20);
    let plain = compile(&calls);
    assert!(plain.handlers.is_empty());
    for body in [
        format!("(try_table (catch $t 0) (catch_all 0) {calls})"),
        format!(
            "(block (block (try_table (catch $t 0) {}) ))",
            "(try_table (catch $t 1) (call $f))".repeat(20)
        ),
        format!("try {calls} catch $t catch_all end"),
        format!("try try {calls} delegate 0 catch_all end"),
    ] {
        let compiled = compile(&body);
        assert_eq!(compiled.handlers.len(), 20, "{body}");
        assert_eq!(between_calls(&compiled), between_calls(&plain), "{body}");
    }
    // What cannot throw has nothing at all.
    let compiled = compile("(try_table (catch_all 0) (drop (i32.const 1)))");
    assert_eq!(compiled.code, compile("(block (drop (i32.const 1)))").code);
}

/// How many bodies stand in place of calls in the last function of a module.
fn inlined(text: &str) -> usize {
    let module = module(text);
    let last = module.func_count() - 1;
    compile(&Settings::default(), text, Unit::Func(last)).inlined.len()
}

#[test]
fn bodies_stand_in_place_of_calls_where_they_are_small_in_every_way() {
    let caller = |callee: &str, calls: &str| inlined(&format!("(module {callee} (func {calls}))"));
    let small = "(func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))";
    assert_eq!(caller(small, "(drop (call $f (i32.const 1)))"), 1);
    // A thousand values, of the function's own or of what it calls, fit into no few bytes of memory.
    let many = "(type $many (func (result ".to_owned() + &"i32 ".repeat(900) + ")))";
    let gives = format!("{many} (func $f (type $many) unreachable)");
    assert_eq!(caller(&gives, &format!("(call $f) {}", "drop ".repeat(900))), 0);
    let calls = format!("{many} (func $g (type $many) unreachable) (func $f (call $g) return)");
    assert_eq!(caller(&calls, "(call $f)"), 0);
    let looped = "(func $f (loop (br_if 0 (i32.const 0))))";
    assert_eq!(caller(looped, "(call $f)"), 0);
    // Bodies in one another, and calls without end, stay within a multiple of what is called.
    let nested =
        "(func $a (call $b) (call $b)) (func $b (call $c) (call $c)) (func $c (call $a) (call $a))";
    let count = caller(nested, &"(call $a) ".repeat(100));
    assert!((1..200).contains(&count), "{count} bodies");
}

#[test]
fn a_function_that_is_nearly_too_large_is_not_made_so_by_bodies_in_place_of_calls() {
    let locals = "i32 ".repeat(9_995);
    let text = format!(
        "(module (func $f (param i32) (result i32) (local i32) (local.get 0)) (func (local {locals}) {}))",
        "(drop (call $f (i32.const 1)))".repeat(20)
    );
    assert_eq!(inlined(&text), 0);
}

#[test]
fn many_jumps_to_one_test_and_accesses_of_large_structures_take_time_in_proportion() {
    let jumps = |count: usize| {
        let one = "(br_if 0 (i32.const 1) (local.get 0)) (drop)".to_owned();
        let text = format!(
            "(module (func (param i32) (result i32) (if (result i32) (block (result i32) {} (i32.const 0))
                (then (i32.const 7)) (else (i32.const 9)))))",
            one.repeat(count)
        );
        compile(&Settings::default(), &text, Unit::Func(0)).code.len()
    };
    let (few, many) = (jumps(100), jumps(2_000));
    assert!(many < 40 * few, "{few} and {many} bytes");
    let fields = "(field i64) ".repeat(9_000);
    let gets = "(drop (struct.get $s 8999 (local.get 0)))".repeat(20_000);
    let text = format!("(module (type $s (struct {fields})) (func (param (ref $s)) {gets}))");
    let began = std::time::Instant::now();
    compile(&Settings::default(), &text, Unit::Func(0));
    // Finding out where 9,000 fields are takes some 50 microseconds.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
