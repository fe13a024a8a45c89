//! Litmus tests: what threads may see of each other's accesses, by the memory model of the threads proposal.
//!
//! Each test has two to four programs that run at once, each on a thread and in a store of its own, over one
//! shared memory. A round is an element of some arrays that is used once; the threads meet before each batch of
//! rounds, so that they run side by side. The host looks at all rounds at the end. An outcome that the model
//! forbids must not be there; that a machine shows the allowed ones is luck, and not asked for.

#[path = "support/threads.rs"]
mod engines;

use dunlin::{Engine, Linker, MemoryType, Module, SharedMemory, Store};
use engines::engines;
use std::thread;

/// Rounds of a batch.
const BATCH: usize = 64;
/// Batches: few, since threads that spin may have to share a processor.
const BATCHES: usize = if cfg!(miri) { 2 } else { 60 };
const ROUNDS: usize = BATCH * BATCHES;

/// Arrays of a word a round lie this far apart, the first one behind the counter of arrivals.
const ARRAY: usize = 65_536;

/// A module that runs `body` for each round: `$x`, `$y` are addresses of words of the round's, `$a` to `$d` those
/// of its results.
fn module(engine: &Engine, threads: usize, body: &str) -> dunlin::Result<Module> {
    let address = |array: usize, name: &str| {
        let start = ARRAY * (array + 1);
        format!(
            "(local.set {name} (i32.add (i32.const {start}) (i32.shl (local.get $i) (i32.const 2))))"
        )
    };
    let names = ["$x", "$y", "$a", "$b", "$c", "$d"];
    let addresses: String = names.iter().enumerate().map(|(i, name)| address(i, name)).collect();
    let text = format!(
        r#"(module
            (import "env" "memory" (memory 8 8 shared))
            (func (export "run")
                (local $i i32) (local $t i32) (local $end i32)
                (local $x i32) (local $y i32)
                (local $a i32) (local $b i32) (local $c i32) (local $d i32)
                (loop $batches
                    (local.set $end (i32.add (local.get $i) (i32.const {BATCH})))
                    ;; All meet.
                    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
                    (loop $wait
                        (br_if $wait (i32.lt_u
                            (i32.atomic.load (i32.const 0))
                            (i32.mul
                                (i32.const {threads})
                                (i32.div_u (local.get $end) (i32.const {BATCH}))))))
                    (loop $rounds
                        {addresses}
                        {body}
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (br_if $rounds (i32.lt_u (local.get $i) (local.get $end))))
                    (br_if $batches (i32.lt_u (local.get $i) (i32.const {ROUNDS}))))))"#
    );
    Module::new(engine, text)
}

/// Runs the programs, each on a thread, and looks at the results of every round.
fn check(programs: &[&str], is_forbidden: impl Fn([u32; 4]) -> bool) {
    for (name, engine) in engines(|_| ()) {
        let memory = SharedMemory::new(&engine, MemoryType::shared(8, 8)).expect("a memory");
        let mut linker = Linker::new(&engine);
        linker.define_shared("env", "memory", &memory).expect("a new name");
        thread::scope(|scope| {
            for body in programs {
                let (engine, linker) = (&engine, &linker);
                scope.spawn(move || {
                    let module = module(engine, programs.len(), body).expect("a module");
                    let mut store = Store::new(engine, ());
                    let instance = linker.instantiate(&mut store, &module).expect("an instance");
                    let run = instance.get_typed_func::<(), ()>(&mut store, "run");
                    run.expect("the export").call(&mut store, ()).expect("no trap");
                });
            }
        });
        for round in 0..ROUNDS {
            let results = [2, 3, 4, 5].map(|array| {
                let mut word = [0; 4];
                memory.read(ARRAY * (array + 1) + 4 * round, &mut word).expect("in bounds");
                u32::from_le_bytes(word)
            });
            assert!(!is_forbidden(results), "{name}, round {round}: {results:?}");
        }
    }
}

const X_IS_1: &str = "(i32.atomic.store (local.get $x) (i32.const 1))";
const Y_IS_1: &str = "(i32.atomic.store (local.get $y) (i32.const 1))";
const X_IS_1_PLAINLY: &str = "(i32.store (local.get $x) (i32.const 1))";

/// Notes what a plain load finds, if what the thread has noted before says that it has been written: else the two
/// would race, which the model allows and a sanitizer does not.
const X_IF_SEEN: &str = "(if (i32.load (local.get $a)) (then
    (i32.store (local.get $b) (i32.load (local.get $x)))))";

/// Notes what an atomic load finds.
fn note(result: &str, of: &str) -> String {
    format!("(i32.store (local.get ${result}) (i32.atomic.load (local.get ${of})))")
}

#[test]
fn store_buffering() {
    let first = [X_IS_1, &note("a", "y")].concat();
    let second = [Y_IS_1, &note("b", "x")].concat();
    check(&[&first, &second], |[a, b, ..]| a == 0 && b == 0);
}

#[test]
fn message_passing() {
    // What was written plainly before the flag is there for who sees the flag.
    let first = [X_IS_1_PLAINLY, Y_IS_1].concat();
    let second = [&*note("a", "y"), X_IF_SEEN].concat();
    check(&[&first, &second], |[a, b, ..]| a == 1 && b == 0);
}

#[test]
fn load_buffering() {
    let first = [&*note("a", "x"), Y_IS_1].concat();
    let second = [&*note("b", "y"), X_IS_1].concat();
    check(&[&first, &second], |[a, b, ..]| a == 1 && b == 1);
}

#[test]
fn coherence_of_reads() {
    let reads = [note("a", "x"), note("b", "x")].concat();
    check(&[X_IS_1, &reads], |[a, b, ..]| a == 1 && b == 0);
}

#[test]
fn independent_reads_of_independent_writes() {
    let third = [note("a", "x"), note("b", "y")].concat();
    let fourth = [note("c", "y"), note("d", "x")].concat();
    check(&[X_IS_1, Y_IS_1, &third, &fourth], |results| results == [1, 0, 1, 0]);
}

#[test]
fn write_to_read_causality() {
    let second = [&*note("a", "x"), Y_IS_1].concat();
    let third = [note("b", "y"), note("c", "x")].concat();
    check(&[X_IS_1, &second, &third], |[a, b, c, _]| a == 1 && b == 1 && c == 0);
}

#[test]
fn two_writes_in_two_orders() {
    // 2+2W: both last writes cannot be overwritten by the other's first.
    let first = "(i32.atomic.store (local.get $x) (i32.const 1)) (i32.atomic.store (local.get $y) (i32.const 2))";
    let second = "(i32.atomic.store (local.get $y) (i32.const 1)) (i32.atomic.store (local.get $x) (i32.const 2))";
    // Who comes last notes what has come of the round.
    let last = format!(
        "(if (i32.eq (i32.atomic.rmw.add (local.get $c) (i32.const 1)) (i32.const 1)) (then {}{}))",
        note("a", "x"),
        note("b", "y")
    );
    let (first, second) = ([first, &last].concat(), [second, &last].concat());
    check(&[&first, &second], |[a, b, ..]| a == 1 && b == 1);
}

#[test]
fn one_of_two_exchanges_comes_first() {
    let exchange = |result: &str| {
        format!(
            "(i32.store (local.get ${result})
                (i32.atomic.rmw.cmpxchg (local.get $x) (i32.const 0) (i32.const 1)))"
        )
    };
    check(&[&exchange("a"), &exchange("b")], |[a, b, ..]| a == b);
}

#[test]
fn a_fence_orders_what_is_accessed_plainly() {
    // As message passing, by a fence on the side of the writer and plain loads in the order of the flag.
    let first = [X_IS_1_PLAINLY, "(atomic.fence)", Y_IS_1].concat();
    let second = [&*note("a", "y"), "(atomic.fence)", X_IF_SEEN].concat();
    check(&[&first, &second], |[a, b, ..]| a == 1 && b == 0);
}

/// Counters of each width that all threads add to and exchange in: no addition is lost.
#[test]
fn no_addition_is_lost() {
    let times = if cfg!(miri) { 20 } else { 2_000 };
    for (name, engine) in engines(|_| ()) {
        let memory = SharedMemory::new(&engine, MemoryType::shared(1, 1)).expect("a memory");
        let text = format!(
            r#"(module
                (import "env" "memory" (memory 1 1 shared))
                (func (export "run")
                    (local $i i32) (local $old i64)
                    (loop
                        (drop (i32.atomic.rmw8.add_u (i32.const 1) (i32.const 1)))
                        (drop (i32.atomic.rmw16.sub_u (i32.const 2) (i32.const 1)))
                        (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 3)))
                        (drop (i64.atomic.rmw.add (i32.const 8) (i64.const 0x1_0000_0001)))
                        (drop (i64.atomic.rmw32.xor_u (i32.const 16) (i64.const 0x5A5A)))
                        ;; An addition by hand.
                        (loop $again
                            (local.set $old (i64.atomic.load (i32.const 24)))
                            (br_if $again (i64.ne
                                (i64.atomic.rmw.cmpxchg
                                    (i32.const 24)
                                    (local.get $old)
                                    (i64.add (local.get $old) (i64.const 7)))
                                (local.get $old))))
                        ;; A lock around what is not atomic.
                        (loop $spin
                            (br_if $spin (i32.atomic.rmw.xchg (i32.const 32) (i32.const 1))))
                        (i32.store (i32.const 36) (i32.add (i32.load (i32.const 36)) (i32.const 1)))
                        (i32.atomic.store (i32.const 32) (i32.const 0))
                        (br_if 0 (i32.lt_u
                            (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                            (i32.const {times}))))))"#
        );
        let module = Module::new(&engine, text).expect("a module");
        let mut linker = Linker::new(&engine);
        linker.define_shared("env", "memory", &memory).expect("a new name");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut store = Store::new(&engine, ());
                    let instance = linker.instantiate(&mut store, &module).expect("an instance");
                    let run = instance.get_typed_func::<(), ()>(&mut store, "run");
                    run.expect("the export").call(&mut store, ()).expect("no trap");
                });
            }
        });
        let mut bytes = [0; 40];
        memory.read(0, &mut bytes).expect("in bounds");
        let all = 4 * times as u64;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let wide = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        assert_eq!((bytes[0], bytes[1]), (0, all as u8), "{name}");
        assert_eq!(word(0) >> 16, u32::from((all as u16).wrapping_neg()), "{name}");
        assert_eq!(u64::from(word(4)), 3 * all, "{name}");
        assert_eq!(wide(8), all << 32 | all, "{name}");
        assert_eq!((word(16), word(20)), (0, 0), "{name}");
        assert_eq!((wide(24), u64::from(word(36))), (7 * all, all), "{name}");
    }
}
