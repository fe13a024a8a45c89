//! Components that are commands, from their imports to what comes of them: one that Rust's compiler made, and small ones
//! that ask for what they must not have.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use dunlin::{Engine, ErrorKind, Store};
use dunlin_component::{Component, Linker};
use dunlin_wasi::preview2::{self, ComponentCtx, Job, Reactor, Waiting};
use dunlin_wasi::{
    DirRights, Input, InputPipe, Limits, Output, OutputPipe, WasiCtx, WasiCtxBuilder,
};

/// What came of a command: what its `run` answered, or how it ended, and what it printed.
struct Outcome {
    ended: dunlin::Result<Result<(), ()>>,
    stdout: String,
    stderr: String,
}

/// Runs a command, in binary or text, and whose `run` has this name.
fn run(component: &[u8], export: &str, builder: WasiCtxBuilder) -> Outcome {
    run_with(component, export, builder, |_| {})
}

/// The same with what the context is given besides.
fn run_with(
    component: &[u8],
    export: &str,
    mut builder: WasiCtxBuilder,
    give: impl FnOnce(&mut ComponentCtx),
) -> Outcome {
    let (stdout, stderr) = (OutputPipe::new(1 << 16), OutputPipe::new(1 << 16));
    builder.stdout(Output::Pipe(stdout.clone())).stderr(Output::Pipe(stderr.clone()));
    let mut ctx = ComponentCtx::new(builder.build().expect("a context"));
    give(&mut ctx);
    let engine = Engine::default();
    let component = Component::new(&engine, component).expect("a component");
    let mut linker = Linker::new(&engine);
    preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("names are new");
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &component).expect("an instance");
    let interface = instance.get_instance(&mut store, export).expect("an interface");
    let run = interface.get_typed_func::<(), Result<(), ()>>(&mut store, "run").expect("a run");
    let ended = run.call(&mut store, ());
    let text = |pipe: OutputPipe| String::from_utf8_lossy(&pipe.contents()).into_owned();
    Outcome { ended, stdout: text(stdout), stderr: text(stderr) }
}

fn example(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shelf").join(name);
    std::fs::read(path).expect("the example")
}

/// Runs the example with these arguments, its input at hand.
fn shelf(arguments: &[&str], grant: impl FnOnce(&mut WasiCtxBuilder)) -> Outcome {
    let mut builder = WasiCtx::builder();
    builder.arg("shelf").args(arguments.iter().copied());
    builder.stdin(Input::Pipe(InputPipe::new(example("input.txt"))));
    grant(&mut builder);
    run(&example("shelf.wasm"), "wasi:cli/run@0.2.0", builder)
}

#[test]
fn a_program_in_rust_has_what_it_was_granted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shelf");
    let outcome = shelf(&["/text/books"], |builder| {
        builder.preopened_dir(&folder, "/text", DirRights::ReadOnly).expect("the example");
    });
    assert_eq!(outcome.stdout.as_bytes(), example("expected.txt"), "{}", outcome.stderr);
    assert!(matches!(outcome.ended, Ok(Ok(()))), "{:?}", outcome.ended);
}

#[test]
fn and_nothing_else() {
    let outcome = shelf(&["/text/books"], |_| {});
    assert!(matches!(outcome.ended, Ok(Err(())) | Err(_)), "{:?}", outcome.ended);
    assert!(outcome.stderr.contains("NotFound"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_folder_that_may_be_changed_is() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "one two\n").expect("a file");
    let outcome = shelf(&["/"], |builder| {
        builder.preopened_dir(folder.path(), "/", DirRights::ReadWrite).expect("a folder");
        builder.env("HOME", "/here");
    });
    assert!(
        outcome.stdout.starts_with("a.txt        1 lines    2 words  one two\nwrite: Ok(())\n")
    );
    assert!(outcome.stdout.contains("HOME: Some(\"/here\")"), "{}", outcome.stdout);
    assert_eq!(std::fs::read(folder.path().join("new.txt")).expect("a file"), b"");
}

/// Does jobs while nobody holds a thread for them.
#[derive(Default)]
struct Jobs {
    kept: Mutex<Vec<Job>>,
    done: AtomicUsize,
}

impl Reactor for Jobs {
    fn sleep(&self, duration: Duration) -> Waiting {
        let until = Instant::now() + duration;
        Box::pin(std::future::poll_fn(move |_| match Instant::now() >= until {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }))
    }

    fn blocking(&self, job: Job) -> Waiting {
        let is_done = Arc::new(AtomicBool::new(false));
        let done = is_done.clone();
        self.kept.lock().expect("no panic").push(Box::new(move || {
            job();
            done.store(true, Relaxed);
        }));
        Box::pin(std::future::poll_fn(move |_| match is_done.load(Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }))
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_program_that_waits_for_a_disk_is_suspended() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "one two\n").expect("a file");
    let mut builder = WasiCtx::builder();
    builder.arg("shelf").arg("/").stdin(Input::Pipe(InputPipe::new(example("input.txt"))));
    builder.preopened_dir(folder.path(), "/", DirRights::ReadWrite).expect("a folder");
    let jobs = Arc::new(Jobs::default());
    let reactor = jobs.clone();
    let running = dunlin::stacks::Stacks::new(1 << 20, 1).run(move || {
        let give = |ctx: &mut ComponentCtx| ctx.set_reactor(reactor);
        run_with(&example("shelf.wasm"), "wasi:cli/run@0.2.0", builder, give)
    });
    let mut running = std::pin::pin!(running);
    let mut context = Context::from_waker(Waker::noop());
    let outcome = loop {
        if let Poll::Ready(outcome) = running.as_mut().poll(&mut context) {
            break outcome;
        }
        // The thread is back, and there is one thing that the guest waits for, unless it sleeps.
        let kept = std::mem::take(&mut *jobs.kept.lock().expect("no panic"));
        assert!(kept.len() <= 1);
        for job in kept {
            job();
            jobs.done.fetch_add(1, Relaxed);
        }
    };
    let written = "a.txt        1 lines    2 words  one two\nwrite: Ok(())\n";
    assert!(outcome.stdout.starts_with(written), "{} {}", outcome.stdout, outcome.stderr);
    // It lists and opens folders and files, looks at them, writes one, and closes what it has opened.
    assert!(jobs.done.load(Relaxed) >= 6, "{}", jobs.done.load(Relaxed));
}

/// A command with the body of its `run`, which may call `$get` for a stream, `$check` and `$write` it, and `$flush` what
/// it writes at once; results are written at 0.
fn writer(body: &str) -> String {
    format!(
        r#"(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error (type $error'))
    (export "output-stream" (type $stream (sub resource)))
    (export "error" (type $error (eq $error')))
    (type $failure' (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $failure (eq $failure')))
    (export "[method]output-stream.check-write" (func
      (param "self" (borrow $stream)) (result (result u64 (error $failure)))))
    (export "[method]output-stream.write" (func
      (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $failure)))))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $failure)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $stream'))
    (export "output-stream" (type $stream (eq $stream')))
    (export "get-stdout" (func (result (own $stream))))))
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory'))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $check (canon lower (func $streams "[method]output-stream.check-write") (memory $memory')))
  (core func $write (canon lower (func $streams "[method]output-stream.write") (memory $memory')))
  (core func $flush (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory')))
  (core func $drop (canon resource.drop $stream))
  (core module $Main
    (import "memory" "memory" (memory 1))
    (import "wasi" "get" (func $get (result i32)))
    (import "wasi" "check" (func $check (param i32 i32)))
    (import "wasi" "write" (func $write (param i32 i32 i32 i32)))
    (import "wasi" "flush" (func $flush (param i32 i32 i32 i32)))
    (import "wasi" "drop" (func $drop (param i32)))
    (func (export "run") (result i32) (local $stream i32)
      {body}
      (i32.const 0)))
  (core instance $main (instantiate $Main
    (with "memory" (instance $memory))
    (with "wasi" (instance (export "get" (func $get)) (export "check" (func $check))
      (export "write" (func $write)) (export "flush" (func $flush)) (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run)))"#
    )
}

fn run_writer(body: &str, limits: Limits) -> Outcome {
    let mut builder = WasiCtx::builder();
    builder.limits(limits);
    run(writer(body).as_bytes(), "wasi:cli/run@0.2.0", builder)
}

#[test]
fn what_was_permitted_is_written() {
    let body = "(local.set $stream (call $get))
        (call $check (local.get $stream) (i32.const 0))
        (call $write (local.get $stream) (i32.const 64) (i32.const 3) (i32.const 0))
        (call $flush (local.get $stream) (i32.const 64) (i32.const 4096) (i32.const 0))";
    let outcome = run_writer(body, Limits::default());
    assert!(matches!(outcome.ended, Ok(Ok(()))), "{:?}", outcome.ended);
    assert_eq!(outcome.stdout, "\0".repeat(4099));
}

#[test]
fn commands_that_ask_for_too_much_trap() {
    let bodies = [
        // Nobody has permitted it.
        ("(call $write (call $get) (i32.const 64) (i32.const 1) (i32.const 0))", "permitted"),
        ("(call $flush (call $get) (i32.const 64) (i32.const 4097) (i32.const 0))", "at once"),
        ("(call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 0))", "handle"),
        (
            "(drop (call $get)) (call $drop (i32.const 1)) (call $check (i32.const 1) (i32.const 0))",
            "handle",
        ),
        ("(call $flush (call $get) (i32.const 65535) (i32.const 2) (i32.const 0))", "bounds"),
        ("(loop $again (drop (call $get)) (br $again))", "too many resources"),
    ];
    for (body, why) in bodies {
        let mut limits = Limits::default();
        limits.resources_max = 100;
        let outcome = run_writer(body, limits);
        let error = outcome.ended.expect_err(body);
        assert_eq!(error.kind(), ErrorKind::Trap, "{body}: {error}");
        assert!(error.to_string().contains(why), "{body}: {error}");
        assert_eq!(outcome.stdout, "", "{body}");
    }
}

#[test]
fn what_is_dropped_makes_room() {
    let body = "(local.set $stream (i32.const 1000))
        (loop $again
            (call $drop (call $get))
            (br_if $again (local.tee $stream (i32.sub (local.get $stream) (i32.const 1)))))";
    let mut limits = Limits::default();
    limits.resources_max = 1;
    let outcome = run_writer(body, limits);
    assert!(matches!(outcome.ended, Ok(Ok(()))), "{:?}", outcome.ended);
}
