//! The standard streams.

use std::fs::File;
use std::io::{Read as _, Seek as _};

use dunlin_wasi::types::{Abi, Rights};
use dunlin_wasi::{Errno, Input, InputPipe, Output, OutputPipe, WasiCtx, preview1};

use crate::guest::{Guest, host_dir};

#[test]
fn buffers_that_the_embedder_holds() {
    let stdin = InputPipe::new("hello");
    let (stdout, stderr) = (OutputPipe::new(1000), OutputPipe::new(4));
    let mut builder = WasiCtx::builder();
    builder
        .stdin(Input::Pipe(stdin.clone()))
        .stdout(Output::Pipe(stdout.clone()))
        .stderr(Output::Pipe(stderr.clone()));
    let mut guest = Guest::new(builder);
    assert_eq!(guest.read(0, 3), Ok(b"hel".to_vec()));
    assert_eq!(guest.read(0, 30), Ok(b"lo".to_vec()));
    assert_eq!(guest.read(0, 30), Ok(Vec::new()), "the end");
    stdin.push(b"more");
    assert_eq!(guest.read(0, 30), Ok(b"more".to_vec()));
    assert_eq!(guest.write(1, b"out"), Ok(3));
    assert_eq!(guest.write(2, b"error"), Ok(4), "as much as fits");
    assert_eq!(guest.write(2, b"r"), Err(Errno::Nospc));
    assert_eq!(guest.write(2, b""), Ok(0));
    assert_eq!((stdout.contents(), stderr.take()), (b"out".to_vec(), b"erro".to_vec()));
    assert_eq!(guest.write(2, b"r"), Ok(1), "room again");
}

#[test]
fn files_keep_what_files_can_do() {
    let host = host_dir();
    let input = host.path().join("input");
    std::fs::write(&input, "0123456789").expect("a file");
    let mut output = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(host.path().join("output"))
        .expect("a file");
    let mut builder = WasiCtx::builder();
    builder.stdin(Input::File(File::open(&input).expect("it was made")));
    builder.stdout(Output::File(output.try_clone().expect("a second handle")));
    let mut guest = Guest::new(builder);
    assert_eq!(guest.seek(0, 4, 0), Ok(4));
    assert_eq!(guest.read(0, 2), Ok(b"45".to_vec()));
    assert_eq!(guest.pread(0, 2, 8), Ok(b"89".to_vec()));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Badf));
    assert_eq!(guest.read(1, 1), Err(Errno::Badf));
    assert_eq!(guest.write(1, b"abc"), Ok(3));
    assert_eq!(guest.pwrite(1, b"X", 1), Ok(1));
    let mut written = String::new();
    output.rewind().expect("a file");
    output.read_to_string(&mut written).expect("text");
    assert_eq!(written, "aXc");
}

#[test]
fn streams_have_no_places() {
    let mut guest = Guest::new(WasiCtx::builder());
    for fd in [0, 1, 2] {
        assert_eq!(guest.seek(fd, 0, 0), Err(Errno::Spipe));
        let tell = guest.call(|ctx, memory| preview1::fd_tell(ctx, memory, fd, 64));
        assert_eq!(tell, Err(Errno::Spipe));
        let (base, inheriting) = guest.rights(fd).expect("rights");
        assert!(!base.intersects(Rights::FD_SEEK.or(Rights::FD_TELL)), "nothing to seek in");
        assert_eq!(inheriting, Rights::NONE);
        let stat = |ctx: &mut WasiCtx, memory: &mut dunlin_wasi::GuestMemory<'_>| {
            preview1::fd_filestat_get(Abi::Snapshot1, ctx, memory, fd, 64)
        };
        assert_eq!(guest.call(stat), Ok(()));
        assert_eq!(guest.bytes[80], 0, "no terminal");
    }
    assert_eq!(guest.pread(0, 1, 0), Err(Errno::Spipe));
    assert_eq!(guest.pwrite(1, b"x", 0), Err(Errno::Spipe));
    assert_eq!(guest.read(1, 1), Err(Errno::Badf));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Badf));
}

#[test]
fn readers_and_writers() {
    let shared = OutputPipe::new(100);
    let mut builder = WasiCtx::builder();
    builder.stdin(Input::Reader(Box::new(std::io::Cursor::new("text"))));
    builder.stdout(Output::Writer(Box::new(Vec::new()))).stderr(Output::Pipe(shared.clone()));
    let mut guest = Guest::new(builder);
    assert_eq!(guest.read(0, 10), Ok(b"text".to_vec()));
    assert_eq!(guest.write(1, b"taken"), Ok(5));
    let flushed = guest.call(|ctx, memory| preview1::fd_sync(ctx, memory, 1));
    assert_eq!(flushed, Ok(()));
    // Standard error moves to standard output's number, as shells do it.
    let moved = guest.call(|ctx, memory| preview1::fd_renumber(ctx, memory, 2, 1));
    assert_eq!(moved, Ok(()));
    assert_eq!(guest.write(1, b"moved"), Ok(5));
    assert_eq!(guest.write(2, b"x"), Err(Errno::Badf));
    assert_eq!(shared.contents(), b"moved");
}

#[test]
fn several_buffers_are_filled_and_emptied_in_turn() {
    let out = OutputPipe::new(100);
    let mut builder = WasiCtx::builder();
    builder.stdout(Output::Pipe(out.clone()));
    let mut guest = Guest::new(builder);
    let (first, _) = guest.lay(b"ab");
    let (second, _) = guest.lay(b"cde");
    let mut list = Vec::new();
    for (place, len) in [(first, 2_u32), (0, 0), (second, 3)] {
        list.extend_from_slice(&place.to_le_bytes());
        list.extend_from_slice(&len.to_le_bytes());
    }
    let (list, _) = guest.lay(&list);
    assert_eq!(guest.call(|ctx, memory| preview1::fd_write(ctx, memory, 1, list, 3, 64)), Ok(()));
    assert_eq!((guest.u32_at(64), out.contents()), (5, b"abcde".to_vec()));
}

#[test]
fn a_context_goes_to_any_thread() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let mut builder = WasiCtx::builder();
    builder.stdin(Input::Reader(Box::new(std::io::empty()))).random_seed(1);
    let mut ctx = sent(builder.build().expect("a context"));
    ctx.set_interrupt(|| false);
    let ended = std::thread::spawn(move || {
        let mut bytes = [0_u8; 8];
        preview1::sched_yield(&mut ctx, &mut dunlin_wasi::GuestMemory::new(&mut bytes))
    });
    assert_eq!(ended.join().expect("no panic"), Ok(()));
}

/// Tells the test below, run again as a process of its own, which part it plays.
const ROLE: &str = "DUNLIN_WASI_TEST_ROLE";
/// How that process ends when everything in it went as it should.
const PLAYED: i32 = 42;

#[test]
fn the_host_s_own_streams_are_given_up() {
    if std::env::var_os(ROLE).is_some() {
        std::process::exit(wait_for_the_host());
    }
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "stdio::the_host_s_own_streams_are_given_up", "--nocapture"])
        .env(ROLE, "guest")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("this program runs");
    // Both pipes stay open and unused: nothing comes, and soon nothing fits.
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let status = child.wait().expect("it ends by itself");
    assert_eq!(status.code(), Some(PLAYED));
    drop((stdin, stdout));
}

/// Reads and writes the process's own streams until interrupted.
fn wait_for_the_host() -> i32 {
    let interrupted_after = |milliseconds| {
        let start = std::time::Instant::now();
        let mut builder = WasiCtx::builder();
        builder.inherit_stdio().interrupt(move || start.elapsed().as_millis() > milliseconds);
        Guest::new(builder)
    };
    let reading = interrupted_after(50).read(0, 10);
    let mut guest = interrupted_after(200);
    let ended = loop {
        match guest.write(1, &[b'x'; 60_000]) {
            Ok(_) => {}
            Err(errno) => break errno,
        }
    };
    let told = guest.call(|ctx, memory| preview1::fd_fdstat_set_flags(ctx, memory, 1, 4));
    let nonblocking = guest.write(1, b"x");
    let expected = (Err(Errno::Intr), Errno::Intr, Ok(()), Err(Errno::Again));
    if (reading, ended, told, nonblocking) == expected { PLAYED } else { 1 }
}
