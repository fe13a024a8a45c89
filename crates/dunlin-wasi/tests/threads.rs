//! Programs of several threads in the text format: starting, ending, failing, waiting, and what they share.

use dunlin::{Config, Engine, Linker, Module, Result, SharedMemory, Store, Tier, TrapCode};
use dunlin_wasi::{
    DirRights, ExitCode, Lent, Output, OutputPipe, SharedCtx, Threads, WasiCtx, WasiCtxBuilder,
};
use std::time::{Duration, Instant};

/// What came of a program.
struct Outcome {
    ended: Result<()>,
    stdout: String,
    memory: SharedMemory,
}

impl Outcome {
    fn exit_code(&self) -> Option<i32> {
        self.ended.as_ref().err()?.downcast_ref::<ExitCode>().map(|code| code.0)
    }

    fn trap(&self) -> Option<TrapCode> {
        self.ended.as_ref().err()?.trap_code()
    }

    fn word(&self, at: usize) -> u32 {
        let mut word = [0; 4];
        self.memory.read(at, &mut word).expect("in bounds");
        u32::from_le_bytes(word)
    }
}

fn tiers() -> &'static [Tier] {
    &[Tier::Interp, Tier::Optimize]
}

/// A program of these functions, in every tier.
fn run(threads_max: usize, body: &str) -> Vec<Outcome> {
    let run = |tier: &Tier| run_with(*tier, threads_max, body, WasiCtx::builder());
    tiers().iter().map(run).collect()
}

fn run_with(tier: Tier, threads_max: usize, body: &str, mut builder: WasiCtxBuilder) -> Outcome {
    let stdout = OutputPipe::new(1 << 16);
    let ctx = builder.stdout(Output::Pipe(stdout.clone())).build().expect("a context");
    let ctx = SharedCtx::new(ctx);
    let engine = Engine::new(Config::new().tier(tier)).expect("an engine");
    let text = format!(
        r#"(module
            (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_read"
                (func $read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get"
                (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff"
                (func $poll (param i32 i32 i32 i32) (result i32)))
            (import "env" "memory" (memory 1 2 shared))
            (export "memory" (memory 0))
            ;; Waits until the word at an address is no longer 0.
            (func $await (param $at i32)
                (loop
                    (drop (memory.atomic.wait32 (local.get $at) (i32.const 0) (i64.const -1)))
                    (br_if 0 (i32.eqz (i32.atomic.load (local.get $at))))))
            (func $set (param $at i32) (param $value i32)
                (i32.atomic.store (local.get $at) (local.get $value))
                (drop (memory.atomic.notify (local.get $at) (i32.const -1))))
            {body})"#
    );
    let module = Module::new(&engine, text).expect("a module");
    let (stores, shared) = (engine.clone(), ctx.clone());
    let threads = Threads::new(threads_max, move || Ok(Store::new(&stores, shared.clone())));
    ctx.set_interrupt(threads.ending());
    let mut linker: Linker<SharedCtx> = Linker::new(&engine);
    dunlin_wasi::add_imports_to_linker_with(&mut linker, &[&module], |ctx| Lent::Shared(ctx))
        .expect("every name is new");
    threads.add_to_linker(&mut linker).expect("a new name");
    let memory = threads.share_memories(&mut linker, &module).expect("a memory").remove(0);
    threads.set_program(linker.instantiate_pre(&module).expect("imports"));
    let mut store = Store::new(&engine, ctx);
    let ended = threads.run(store.interrupt_handle(), || {
        let instance = linker.instantiate(&mut store, &module)?;
        instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
    });
    assert_eq!(threads.running(), 0, "nobody is left");
    let stdout = String::from_utf8_lossy(&stdout.contents()).into_owned();
    Outcome { ended, stdout, memory }
}

#[test]
fn threads_have_numbers_and_words_and_globals_of_their_own() {
    for outcome in run(
        4,
        r#"(global $own (mut i32) (i32.const 0))
        (func (export "wasi_thread_start") (param $tid i32) (param $word i32)
            (if (global.get $own) (then unreachable))
            (global.set $own (local.get $word))
            (call $set (i32.add (i32.const 16) (i32.shl (local.get $word) (i32.const 2)))
                (local.get $tid)))
        (func (export "_start")
            (global.set $own (i32.const 99))
            (i32.store (i32.const 0) (call $spawn (i32.const 1)))
            (i32.store (i32.const 4) (call $spawn (i32.const 2)))
            (call $await (i32.const 20))
            (call $await (i32.const 24)))"#,
    ) {
        assert!(outcome.ended.is_ok(), "{:?}", outcome.ended);
        let (first, second) = (outcome.word(0), outcome.word(4));
        assert_eq!((outcome.word(20), outcome.word(24)), (first, second));
        assert!((1..1 << 29).contains(&first) && (1..1 << 29).contains(&second) && first != second);
    }
}

/// Threads that run, wait, and sleep in a call of the host's, for as long as they are let.
const OTHERS: &str = r#"
    (data (i32.const 1024)
        "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00"
        "\00\00\00\00\00\00\00\10\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
    (func $others (param $word i32)
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (if (i32.eq (local.get $word) (i32.const 1)) (then
            (loop (br 0))))
        (if (i32.eq (local.get $word) (i32.const 2)) (then
            (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))))
        (if (i32.eq (local.get $word) (i32.const 3)) (then
            ;; For centuries.
            (drop (call $poll
                (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 4096))))))
    (func $all_run
        (loop (br_if 0 (i32.lt_u (i32.atomic.load (i32.const 0)) (i32.const 3)))))
    (func $start_others
        (drop (call $spawn (i32.const 1)))
        (drop (call $spawn (i32.const 2)))
        (drop (call $spawn (i32.const 3))))"#;

/// Runs a program whose first thread and fourth thread do this, once the others run; all end soon.
fn check_end(first: &str, fourth: &str, check: impl Fn(&Outcome)) {
    let begun = Instant::now();
    for outcome in run(
        8,
        &format!(
            r#"{OTHERS}
            (func (export "wasi_thread_start") (param $tid i32) (param $word i32)
                (call $others (local.get $word))
                (if (i32.eq (local.get $word) (i32.const 4)) (then (call $all_run) {fourth})))
            (func (export "_start")
                (call $start_others)
                (drop (call $spawn (i32.const 4)))
                (call $all_run)
                {first})"#
        ),
    ) {
        check(&outcome);
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "the others were waited for");
}

const FOREVER: &str = "(drop (memory.atomic.wait32 (i32.const 12) (i32.const 0) (i64.const -1)))";

#[test]
fn a_trap_of_any_thread_ends_the_program() {
    check_end(FOREVER, "unreachable", |outcome| {
        assert_eq!(outcome.trap(), Some(TrapCode::Unreachable), "{:?}", outcome.ended);
    });
    check_end("unreachable", FOREVER, |outcome| {
        assert_eq!(outcome.trap(), Some(TrapCode::Unreachable), "{:?}", outcome.ended);
    });
}

#[test]
fn an_exit_of_any_thread_ends_the_program() {
    for (first, fourth) in
        [(FOREVER, "(call $exit (i32.const 7))"), ("(call $exit (i32.const 7))", "(loop (br 0))")]
    {
        check_end(first, fourth, |outcome| {
            assert_eq!(outcome.exit_code(), Some(7), "{:?}", outcome.ended);
        });
    }
}

#[test]
fn the_end_of_the_first_thread_ends_the_program() {
    check_end("", FOREVER, |outcome| assert!(outcome.ended.is_ok(), "{:?}", outcome.ended));
}

#[test]
fn there_are_no_more_threads_than_allowed() {
    for outcome in run(
        2,
        r#"(func (export "wasi_thread_start") (param $tid i32) (param $word i32)
            (call $await (i32.const 32))
            (drop (i32.atomic.rmw.add (i32.const 36) (i32.const 1))))
        (func (export "_start")
            (i32.store (i32.const 0) (call $spawn (i32.const 0)))
            (i32.store (i32.const 4) (call $spawn (i32.const 0)))
            (i32.store (i32.const 8) (call $spawn (i32.const 0)))
            (call $set (i32.const 32) (i32.const 1))
            (loop (br_if 0 (i32.lt_u (i32.atomic.load (i32.const 36)) (i32.const 2))))
            ;; There is room again, as soon as the host has noticed.
            (loop
                (i32.store (i32.const 12) (call $spawn (i32.const 0)))
                (br_if 0 (i32.lt_s (i32.load (i32.const 12)) (i32.const 0))))
            (loop (br_if 0 (i32.lt_u (i32.atomic.load (i32.const 36)) (i32.const 3)))))"#,
    ) {
        assert!(outcome.ended.is_ok(), "{:?}", outcome.ended);
        let numbers = [0, 4, 8, 12].map(|at| outcome.word(at).cast_signed());
        assert!(numbers[0] > 0 && numbers[1] > 0 && numbers[3] > 0, "{numbers:?}");
        assert_eq!(numbers[2], -6, "AGAIN");
    }
}

#[test]
fn without_room_for_its_start_the_program_fails() {
    // The module has no `wasi_thread_start`.
    for outcome in run(
        2,
        r#"(func (export "_start") (drop (call $spawn (i32.const 0))) (call $await (i32.const 8)))"#,
    ) {
        let error = outcome.ended.expect_err("there is nothing to start").to_string();
        assert!(error.contains("wasi_thread_start"), "{error}");
    }
}

#[test]
fn what_one_thread_opens_another_reads_while_a_third_sleeps() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("name"), "gannet\n")?;
    for tier in tiers() {
        let mut builder = WasiCtx::builder();
        builder.preopened_dir(folder.path(), "/", DirRights::ReadOnly).expect("a folder");
        let outcome = run_with(
            *tier,
            4,
            &format!(
                r#"{OTHERS}
                (data (i32.const 64) "name")
                ;; A buffer of 32 bytes at 256, and one of what was read.
                (data (i32.const 128) "\00\01\00\00\20\00\00\00")
                (func (export "wasi_thread_start") (param $tid i32) (param $word i32)
                    (if (i32.eq (local.get $word) (i32.const 3)) (then
                        (call $others (local.get $word))))
                    (call $await (i32.const 8))
                    (call $set (i32.const 12) (i32.add (i32.const 1)
                        (call $read (i32.load (i32.const 80))
                            (i32.const 128) (i32.const 1) (i32.const 132)))))
                (func (export "_start")
                    (drop (call $spawn (i32.const 3)))
                    (drop (call $spawn (i32.const 5)))
                    (loop (br_if 0 (i32.eqz (i32.atomic.load (i32.const 0)))))
                    (if (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
                            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 80))
                        (then unreachable))
                    (call $set (i32.const 8) (i32.const 1))
                    (call $await (i32.const 12))
                    (if (i32.ne (i32.atomic.load (i32.const 12)) (i32.const 1)) (then unreachable))
                    (drop (call $write (i32.const 1) (i32.const 128) (i32.const 1) (i32.const 136))))"#
            ),
            builder,
        );
        assert!(outcome.ended.is_ok(), "{:?}", outcome.ended);
        assert_eq!(outcome.stdout, "gannet\n");
        assert_eq!(outcome.word(136), 7);
    }
    Ok(())
}

#[test]
fn a_sleep_takes_as_long_as_it_should() {
    for outcome in run(
        2,
        r#"(data (i32.const 1024)
            "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00"
            "\00\e1\f5\05\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
        (func (export "_start")
            ;; A tenth of a second, which is more than one try.
            (i32.store (i32.const 0)
                (call $poll (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 4096))))"#,
    ) {
        assert!(outcome.ended.is_ok(), "{:?}", outcome.ended);
        assert_eq!((outcome.word(0), outcome.word(4096), outcome.word(2048)), (0, 1, 1));
    }
}

#[test]
fn an_embedder_ends_a_program() {
    for tier in tiers() {
        let engine = Engine::new(Config::new().tier(*tier)).expect("an engine");
        let text = r#"(module
            (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
            (import "env" "memory" (memory 1 1 shared))
            (func $wait (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
            (func (export "wasi_thread_start") (param i32 i32) (call $wait))
            (func (export "_start") (drop (call $spawn (i32.const 0))) (call $wait)))"#;
        let module = Module::new(&engine, text).expect("a module");
        let stores = engine.clone();
        let threads = Threads::new(1, move || Ok(Store::new(&stores, ())));
        let mut linker = Linker::new(&engine);
        threads.add_to_linker(&mut linker).expect("a new name");
        let memory = threads.share_memories(&mut linker, &module).expect("a memory").remove(0);
        threads.set_program(linker.instantiate_pre(&module).expect("imports"));
        let mut store = Store::new(&engine, ());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while memory.waiting() < 2 {
                    std::thread::yield_now();
                }
                threads.interrupt();
            });
            let ended = threads.run(store.interrupt_handle(), || {
                let instance = linker.instantiate(&mut store, &module)?;
                instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
            });
            let error = ended.expect_err("it would wait forever");
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
        });
    }
}
