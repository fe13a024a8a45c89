//! Small guests in the text format, from their imports to what comes of them: the way from the engine
//! to the functions and back, which every machine runs.

use std::fs;

use dunlin::{Engine, Linker, Module, Store};
use dunlin_wasi::{DirRights, ExitCode, Output, OutputPipe, WasiCtx, WasiCtxBuilder};

/// What came of a guest: how it ended and what it printed.
struct Outcome {
    ended: dunlin::Result<()>,
    stdout: String,
}

impl Outcome {
    fn exit_code(&self) -> Option<i32> {
        let error = self.ended.as_ref().err()?;
        error.downcast_ref::<ExitCode>().map(|code| code.0)
    }
}

/// Runs `_start` of a guest.
fn run(text: &str, mut builder: WasiCtxBuilder) -> Outcome {
    let stdout = OutputPipe::new(1 << 16);
    let ctx = builder.stdout(Output::Pipe(stdout.clone())).build().expect("a context");
    let engine = Engine::default();
    let module = Module::new(&engine, text).expect("a module");
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    dunlin_wasi::add_to_linker(&mut linker, |ctx| ctx).expect("every name is new");
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").expect("a start");
    let ended = start.call(&mut store, ());
    Outcome { ended, stdout: String::from_utf8_lossy(&stdout.contents()).into_owned() }
}

const HELLO: &str = r#"(module
    (import "MODULE" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "MODULE" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\06\00\00\00")
    (data (i32.const 16) "hello\n")
    (func (export "_start")
        (call $exit (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn hello_under_both_names() {
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        let outcome = run(&HELLO.replace("MODULE", module), WasiCtx::builder());
        assert_eq!((outcome.exit_code(), outcome.stdout.as_str()), (Some(0), "hello\n"));
    }
}

#[test]
fn returning_is_no_exit() {
    let outcome = run(
        r#"(module (memory (export "memory") 1) (func (export "_start")))"#,
        WasiCtx::builder(),
    );
    assert!(outcome.ended.is_ok());
    assert_eq!(outcome.exit_code(), None);
}

#[test]
fn nothing_runs_after_an_exit() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func $inner (call $exit (i32.const -3)) unreachable)
        (func (export "_start") (call $inner) unreachable))"#;
    assert_eq!(run(text, WasiCtx::builder()).exit_code(), Some(-3));
}

/// Copies the file `from` to the file `to` of the first granted directory, up to 4 KiB, and exits with
/// the first error number.
const COPY: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "from")
    (data (i32.const 8) "to")
    ;; One buffer of 4 KiB at 4096.
    (data (i32.const 16) "\00\10\00\00\00\10\00\00")
    (func $check (param $errno i32)
        (if (local.get $errno) (then (call $exit (local.get $errno)))))
    (func (export "_start")
        (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
        (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 2)
            (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 36)))
        (call $check (call $read (i32.load (i32.const 32)) (i32.const 16) (i32.const 1)
            (i32.const 20)))
        (call $check (call $write (i32.load (i32.const 36)) (i32.const 16) (i32.const 1)
            (i32.const 40)))
        (call $exit (i32.load (i32.const 40)))))"#;

#[test]
fn files_of_a_granted_directory() {
    let host = tempfile::tempdir().expect("a temporary directory");
    fs::write(host.path().join("from"), "some bytes").expect("a file");
    let mut builder = WasiCtx::builder();
    builder.preopened_dir(host.path(), "/", DirRights::ReadWrite).expect("granted");
    assert_eq!(run(COPY, builder).exit_code(), Some(10), "how many bytes were written");
    assert_eq!(fs::read(host.path().join("to")).expect("made"), b"some bytes");
}

#[test]
fn a_directory_granted_to_look_at_is_not_changed() {
    let host = tempfile::tempdir().expect("a temporary directory");
    fs::write(host.path().join("from"), "some bytes").expect("a file");
    let mut builder = WasiCtx::builder();
    builder.preopened_dir(host.path(), "/", DirRights::ReadOnly).expect("granted");
    let code = i32::from(dunlin_wasi::Errno::Rofs.code());
    assert_eq!(run(COPY, builder).exit_code(), Some(code));
    assert!(!host.path().join("to").exists());
    assert_eq!(run(COPY, WasiCtx::builder()).exit_code(), Some(8), "nothing granted at all");
}

#[test]
fn a_guest_without_a_memory_is_told_so() {
    let text = HELLO.replace("MODULE", "wasi_unstable").replace(r#"(export "memory") "#, "");
    let outcome = run(&text, WasiCtx::builder());
    let told = outcome.ended.expect_err("no memory to read from").to_string();
    assert!(told.contains("memory"), "{told}");
}

#[test]
fn offsets_keep_their_sign_and_their_width() {
    // Seeks to -1 from the start of standard input, which has no places, and asks for the first clock
    // with a precision that fills a `u64`; exits with both error numbers.
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_seek"
            (func $seek (param i32 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get"
            (func $time (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (call $exit (i32.add
                (i32.mul (i32.const 1000)
                    (call $seek (i32.const 0) (i64.const -1) (i32.const 0) (i32.const 0)))
                (call $time (i32.const 1) (i64.const -1) (i32.const 0))))))"#;
    let code = 1000 * i32::from(dunlin_wasi::Errno::Spipe.code());
    assert_eq!(run(text, WasiCtx::builder()).exit_code(), Some(code));
}

/// The core type of every function but `proc_exit`, which alone answers nothing: parameters as the
/// specification lays them out, `i` for 32 and `I` for 64 bits.
const SIGNATURES: &str = "
    args_get ii                 args_sizes_get ii           environ_get ii
    environ_sizes_get ii        clock_res_get ii            clock_time_get iIi
    fd_advise iIIi              fd_allocate iII             fd_close i
    fd_datasync i               fd_fdstat_get ii            fd_fdstat_set_flags ii
    fd_fdstat_set_rights iII    fd_filestat_get ii          fd_filestat_set_size iI
    fd_filestat_set_times iIIi  fd_pread iiiIi              fd_prestat_get ii
    fd_prestat_dir_name iii     fd_pwrite iiiIi             fd_read iiii
    fd_readdir iiiIi            fd_renumber ii              fd_seek iIii
    fd_sync i                   fd_tell ii                  fd_write iiii
    path_create_directory iii   path_filestat_get iiiii     path_filestat_set_times iiiiIIi
    path_link iiiiiii           path_open iiiiiIIii         path_readlink iiiiii
    path_remove_directory iii   path_rename iiiiii          path_symlink iiiii
    path_unlink_file iii        poll_oneoff iiii            proc_raise i
    random_get ii               sched_yield -               sock_accept iii
    sock_recv iiiiii            sock_send iiiii             sock_shutdown ii";

#[test]
fn every_function_has_the_type_of_the_specification() {
    let words: Vec<&str> = SIGNATURES.split_whitespace().collect();
    assert_eq!(words.len(), 2 * 45);
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        let mut text = String::from("(module ");
        for row in words.chunks(2) {
            let params = row[1].chars().filter(|letter| *letter != '-');
            let params: String =
                params.map(|letter| if letter == 'I' { " i64" } else { " i32" }).collect();
            let name = row[0];
            text +=
                &format!("(import \"{module}\" \"{name}\" (func (param{params}) (result i32)))\n");
        }
        text += r#"(memory (export "memory") 1) (func (export "_start")))"#;
        assert!(run(&text, WasiCtx::builder()).ended.is_ok(), "{module}");
    }
}
