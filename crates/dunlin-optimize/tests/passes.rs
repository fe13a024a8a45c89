//! What our own passes make of loops, seen from outside: builtins that are called, polls, checks, the time that
//! they take. That loops still do what they did is tested beside the interpreter, in `dunlin`.

use dunlin_core::TrapCode;
use dunlin_module::{
    Builtin, CompiledFunction, Compiler, Features, Module, Scratch, StaticTables, Unit,
};
use dunlin_optimize::{Bounds, Optimizer, Polls, Settings};
use std::sync::Arc;
use std::time::{Duration, Instant};

const GUARDED: Bounds = Bounds::Guarded { reserved_bytes: 1 << 32, guard_bytes: 64 << 20 };

fn compile(bounds: Bounds, polls: Polls, body: &str) -> CompiledFunction {
    compile_with(Settings { bounds, polls, inline: false, ..Settings::default() }, body)
}

/// Compiles the second function of a module: a pointer, another, a number.
fn compile_with(settings: Settings, body: &str) -> CompiledFunction {
    let text = format!(
        "(module (memory 1) (func $leaf)
            (func (param $d i32) (param $s i32) (param $n i32) (result i32) (local $i i32) {body}))"
    );
    let bytes = wat::parse_str(text).expect("a valid text");
    let module = Module::parse(Arc::new(bytes), Features::default()).expect("a valid module");
    for func in 0..module.func_count() {
        module.prepare(func, &mut Scratch::default()).expect("a valid body");
    }
    let optimizer =
        Optimizer::new(Settings { verify: true, ..settings }).expect("a machine that is supported");
    let tables = StaticTables::of(&module);
    optimizer.worker(&module, &tables).compile(Unit::Func(1)).expect("code")
}

fn calls(compiled: &CompiledFunction, builtin: Builtin) -> usize {
    compiled.relocations.iter().filter(|at| at.builtin == builtin).count()
}

fn traps(compiled: &CompiledFunction, code: TrapCode) -> usize {
    compiled.traps.iter().filter(|(_, found)| *found == code).count()
}

/// A loop that does `body` and goes on while `test` holds.
fn while_true(body: &str, test: &str) -> String {
    format!("(loop $l {body} (br_if $l {test})) (local.get $d)")
}

const ADVANCE: &str = "(local.set $d (i32.add (local.get $d) (i32.const 1)))
    (local.set $s (i32.add (local.get $s) (i32.const 1)))";
const COUNT: &str = "(local.tee $n (i32.sub (local.get $n) (i32.const 1)))";

fn copy() -> String {
    let body = format!("(i32.store8 (local.get $d) (i32.load8_u (local.get $s))) {ADVANCE}");
    while_true(&body, COUNT)
}

#[test]
fn copies_and_fills_become_bulk_operations() {
    for bounds in [Bounds::Explicit, GUARDED] {
        for polls in [Polls::Off, Polls::DeadLoad, Polls::Flag] {
            assert_eq!(calls(&compile(bounds, polls, &copy()), Builtin::MemoryCopy), 1);
            let fill = format!("(i32.store8 (local.get $d) (local.get $s)) {ADVANCE}");
            // What is written must stay.
            let moving = while_true(&fill, COUNT);
            assert_eq!(calls(&compile(bounds, polls, &moving), Builtin::MemoryFill), 0);
            let staying = moving.replace("(local.get $s))", "(local.get $i))");
            assert_eq!(calls(&compile(bounds, polls, &staying), Builtin::MemoryFill), 1);
        }
    }
}

#[test]
fn a_loop_that_tests_first_is_seen_too() {
    let body = format!(
        "(block $x (loop $l (br_if $x (i32.eqz (local.get $n)))
            (i32.store8 (local.get $d) (i32.load8_u (local.get $s))) {ADVANCE}
            (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br $l))) (local.get $d)"
    );
    assert_eq!(calls(&compile(GUARDED, Polls::Off, &body), Builtin::MemoryCopy), 1);
    // It polls where it begins and where it tests again; its second form has the latter too.
    let compiled = compile(GUARDED, Polls::DeadLoad, &body);
    assert_eq!(traps(&compiled, TrapCode::Interrupted), 4);
}

#[test]
fn what_does_more_than_copy_does_not_become_a_bulk_operation() {
    let rows = [
        // Wider than the step, narrower, at another distance each turn, changed, kept for later.
        "(i32.store16 (local.get $d) (i32.load16_u (local.get $s)))",
        "(i32.store8 (local.get $d) (i32.load16_u (local.get $s)))",
        "(i32.store8 (local.get $d) (i32.load8_u (i32.mul (local.get $s) (i32.const 3))))",
        "(i32.store8 (local.get $d) (i32.add (i32.load8_u (local.get $s)) (i32.const 1)))",
        "(local.set $i (i32.load8_u (local.get $s))) (i32.store8 (local.get $d) (local.get $i))
         (drop (i32.div_u (i32.const 1) (local.get $i)))",
    ];
    for row in rows {
        let body = while_true(&format!("{row} {ADVANCE}"), COUNT);
        let compiled = compile(GUARDED, Polls::Off, &body);
        assert_eq!(calls(&compiled, Builtin::MemoryCopy), 0, "{row}");
    }
    // Fuel is paid in each turn.
    let fuel = Settings { bounds: GUARDED, polls: Polls::Off, fuel: true, ..Settings::default() };
    assert_eq!(calls(&compile_with(fuel, &copy()), Builtin::MemoryCopy), 0);
}

#[test]
fn the_second_form_of_a_loop_does_not_check() {
    // A sum is not a bulk operation, and neither is what pays. The loop as it is may trap, and its second form cannot: dead or not,
    // each of its reads would stand in the table.
    let sum = while_true(
        "(local.set $i (i32.add (local.get $i) (i32.load8_u (local.get $s))))
         (local.set $s (i32.add (local.get $s) (i32.const 1)))",
        COUNT,
    );
    let sum = sum.replace("(local.get $d)", "(local.get $i)");
    // Each index that is replaced is a conditional move.
    let moves =
        |code: &[u8]| code.windows(2).filter(|at| at[0] == 0x0f && at[1] & 0xf0 == 0x40).count();
    for (polls, fuel) in [(Polls::Off, false), (Polls::Flag, false), (Polls::Off, true)] {
        let settings = Settings { bounds: Bounds::Explicit, polls, fuel, ..Settings::default() };
        let compiled = compile_with(settings, &sum);
        assert_eq!(traps(&compiled, TrapCode::MemoryOutOfBounds), 1 + 4);
        // One for the loop as it is, one for the first address of the run.
        assert_eq!(moves(&compiled.code), 2, "{polls:?}, fuel: {fuel}");
    }
}

#[test]
fn several_turns_between_tests_poll_once() {
    let small = "(local.set $i (i32.add (local.get $i) (i32.load8_u (local.get $s))))
         (local.set $s (i32.add (local.get $s) (i32.const 1)))";
    let reads = |row: &str| {
        let body = while_true(row, COUNT).replace("(local.get $d)", "(local.get $i)");
        for polls in [Polls::DeadLoad, Polls::Flag] {
            // The entry's, the loop's, its second form's.
            assert_eq!(traps(&compile(GUARDED, polls, &body), TrapCode::Interrupted), 3);
        }
        traps(&compile(GUARDED, Polls::DeadLoad, &body), TrapCode::MemoryOutOfBounds)
    };
    assert_eq!(reads(small), 1 + 4);
    // The larger the loop, the fewer.
    let more = "(local.set $i (i32.rotl (i32.xor (local.get $i) (local.get $s)) (i32.const 7)))";
    assert_eq!(reads(&format!("{small} {}", more.repeat(5))), 1 + 2);
    assert_eq!(reads(&format!("{small} {}", more.repeat(9))), 1 + 1);
}

#[test]
fn loops_whose_step_is_not_known_are_copied_with_their_tests() {
    let fill = "(i32.store8 (local.get $d) (i32.const 0))
        (local.set $d (i32.add (local.get $d) (local.get $s)))";
    for polls in [Polls::DeadLoad, Polls::Flag] {
        let compiled =
            compile(GUARDED, polls, &while_true(fill, "(i32.lt_u (local.get $d) (local.get $n))"));
        assert_eq!(traps(&compiled, TrapCode::MemoryOutOfBounds), 4);
        assert_eq!(traps(&compiled, TrapCode::Interrupted), 2);
        // What is in memory decides.
        let compiled = compile(GUARDED, polls, &while_true(fill, "(i32.load (local.get $d))"));
        assert_eq!(traps(&compiled, TrapCode::MemoryOutOfBounds), 2);
    }
    let fuel = Settings { bounds: GUARDED, polls: Polls::Off, fuel: true, ..Settings::default() };
    let compiled =
        compile_with(fuel, &while_true(fill, "(i32.lt_u (local.get $d) (local.get $n))"));
    // Each of two turns pays, and the end.
    assert_eq!(traps(&compiled, TrapCode::OutOfFuel), 2 + 1);
}

#[test]
fn functions_that_end_by_themselves_do_not_poll() {
    let polls = |body| traps(&compile(GUARDED, Polls::DeadLoad, body), TrapCode::Interrupted);
    assert_eq!(polls("(i32.add (local.get $d) (local.get $s))"), 0);
    assert_eq!(polls("(call $leaf) (local.get $d)"), 1);
    assert_eq!(polls("(loop $l (br_if $l (local.get $d))) (local.get $d)"), 2);
}

#[test]
fn constant_addresses_within_the_least_memory_are_not_compared() {
    let code = |at: u32| {
        let body = format!("(i32.load offset={at} (i32.const 0))");
        compile(Bounds::Explicit, Polls::Off, &body).code.len()
    };
    assert!(code(65_532) < code(65_533));
}

#[test]
fn bounds_are_read_before_loops_that_cannot_change_them() {
    let text = |inner: &str| {
        format!(
            "(call $leaf) (loop $l (local.set $i (i32.load (i32.add (local.get $i) (local.get $s))))
                {inner} (br_if $l (local.get $i))) (local.get $i)"
        )
    };
    let held = compile(Bounds::Explicit, Polls::Off, &text("nop"));
    let read = compile(Bounds::Explicit, Polls::Off, &text("(call $leaf)"));
    // `mov r64, [reg + 16]`, or an addition of it: the length of memory 0.
    let length = |code: &[u8]| {
        let reads = |at: &[u8]| {
            at[0] & 0xf8 == 0x48 && matches!(at[1], 0x8b | 0x03) && at[2] & 0xc0 == 0x40
        };
        code.windows(4).position(|at| reads(at) && at[3] == 0x10).expect("the length is read")
    };
    // `jmp rel32` or `jcc rel32` with a negative distance: where the loop begins.
    let begin = |code: &[u8]| {
        let jumps = code.windows(6).enumerate().filter_map(|(place, at)| {
            let opcode = match at[..2] {
                [0xe9, _] => 1,
                [0x0f, condition] if condition & 0xf0 == 0x80 => 2,
                _ => return None,
            };
            let by = at[opcode..opcode + 4].try_into().expect("four bytes");
            let by = i32::from_le_bytes(by);
            let end = (place + opcode + 4) as i64;
            (-4096..0).contains(&by).then(|| (end + i64::from(by)) as usize)
        });
        jumps.max().expect("the loop jumps back")
    };
    assert!(length(&held.code) < begin(&held.code));
    assert!(length(&read.code) >= begin(&read.code));
}

#[test]
fn thousands_of_loops_take_time_in_proportion() {
    let body = |count: usize| {
        let one = format!(
            "(local.set $n (local.get $s)) (loop $l (i32.store8 (local.get $d) (i32.load8_u (local.get $s)))
                {ADVANCE} (br_if $l {COUNT}))"
        );
        format!("{} (local.get $d)", one.repeat(count))
    };
    let time = |count: usize| {
        let began = Instant::now();
        compile(Bounds::Explicit, Polls::Off, &body(count));
        began.elapsed()
    };
    time(10);
    let (few, many) = (time(250), time(4_000));
    // Sixteen times the loops, of which only the first ones get a second form.
    assert!(many < few * 40 + Duration::from_secs(1), "{few:?}, {many:?}");
}

#[test]
fn deep_loops_take_time_in_proportion() {
    let body = |depth: usize| {
        let end =
            format!("{} (local.get $d)", "(br_if 0 (i32.load (local.get $d))))".repeat(depth));
        format!("{}{end}", "(loop ".repeat(depth))
    };
    let time = |depth: usize| {
        let began = Instant::now();
        compile(Bounds::Explicit, Polls::Off, &body(depth));
        began.elapsed()
    };
    time(10);
    let (few, many) = (time(200), time(1_600));
    assert!(many < few * 24 + Duration::from_secs(2), "{few:?}, {many:?}");
}
