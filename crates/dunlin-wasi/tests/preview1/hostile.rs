//! Arguments no honest program makes: every function answers with an error number, at once, and
//! never panics.

use std::time::{Duration, Instant};

use dunlin_wasi::types::{Abi, Subscription};
use dunlin_wasi::{Errno, GuestMemory, Limits, WasiCtx, preview1};

use crate::guest::{CREATE, DIRECTORY, Guest, READ, ROOT, host_dir};

/// Numbers at the edges of memory and of arithmetic.
const EDGES: [u32; 8] = [0, 1, 64, 0x3_fffc, 0x4_0000, 0x7fff_ffff, u32::MAX - 7, u32::MAX];

/// A function with its first arguments given and two or three left to try.
type Call = fn(&mut WasiCtx, &mut GuestMemory<'_>, u32, u32, u32) -> Result<(), Errno>;

/// Every function that takes pointers, with those left open.
const CALLS: &[(&str, Call)] = &[
    ("args_get", |ctx, memory, a, b, _| preview1::args_get(ctx, memory, a, b)),
    ("args_sizes_get", |ctx, memory, a, b, _| preview1::args_sizes_get(ctx, memory, a, b)),
    ("environ_get", |ctx, memory, a, b, _| preview1::environ_get(ctx, memory, a, b)),
    ("environ_sizes_get", |ctx, memory, a, b, _| preview1::environ_sizes_get(ctx, memory, a, b)),
    ("clock_res_get", |ctx, memory, a, b, _| preview1::clock_res_get(ctx, memory, a, b)),
    ("clock_time_get", |ctx, memory, a, b, _| preview1::clock_time_get(ctx, memory, a, 0, b)),
    ("fd_close", |ctx, memory, a, _, _| preview1::fd_close(ctx, memory, a | 0x100)),
    ("fd_fdstat_get", |ctx, memory, a, _, _| preview1::fd_fdstat_get(ctx, memory, ROOT, a)),
    ("fd_filestat_get", |ctx, memory, a, _, _| {
        preview1::fd_filestat_get(Abi::Snapshot1, ctx, memory, ROOT, a)
    }),
    ("fd_pread", |ctx, memory, a, b, c| preview1::fd_pread(ctx, memory, 4, a, b, 0, c)),
    ("fd_prestat_get", |ctx, memory, a, _, _| preview1::fd_prestat_get(ctx, memory, ROOT, a)),
    ("fd_prestat_dir_name", |ctx, memory, a, b, _| {
        preview1::fd_prestat_dir_name(ctx, memory, ROOT, a, b)
    }),
    ("fd_pwrite", |ctx, memory, a, b, c| preview1::fd_pwrite(ctx, memory, 4, a, b, 0, c)),
    ("fd_read", |ctx, memory, a, b, c| preview1::fd_read(ctx, memory, 4, a, b, c)),
    ("fd_read input", |ctx, memory, a, b, c| preview1::fd_read(ctx, memory, 0, a, b, c)),
    ("fd_readdir", |ctx, memory, a, b, c| {
        preview1::fd_readdir(ctx, memory, ROOT, a, b, u64::from(c), c)
    }),
    ("fd_seek", |ctx, memory, a, b, _| {
        preview1::fd_seek(Abi::Snapshot1, ctx, memory, 4, i64::from(a), 0, b)
    }),
    ("fd_tell", |ctx, memory, a, _, _| preview1::fd_tell(ctx, memory, 4, a)),
    ("fd_write", |ctx, memory, a, b, c| preview1::fd_write(ctx, memory, 4, a, b, c)),
    ("fd_write output", |ctx, memory, a, b, c| preview1::fd_write(ctx, memory, 1, a, b, c)),
    ("path_create_directory", |ctx, memory, a, b, _| {
        preview1::path_create_directory(ctx, memory, ROOT, a, b)
    }),
    ("path_filestat_get", |ctx, memory, a, b, c| {
        preview1::path_filestat_get(Abi::Unstable, ctx, memory, ROOT, 0, a, b, c)
    }),
    ("path_filestat_set_times", |ctx, memory, a, b, _| {
        preview1::path_filestat_set_times(ctx, memory, ROOT, 1, a, b, u64::MAX, u64::MAX, 5)
    }),
    ("path_link", |ctx, memory, a, b, c| {
        preview1::path_link(ctx, memory, ROOT, 0, a, b, ROOT, c, b)
    }),
    ("path_open", |ctx, memory, a, b, c| {
        preview1::path_open(ctx, memory, ROOT, 1, a, b, 0, u64::MAX, u64::MAX, 0, c)
    }),
    ("path_readlink", |ctx, memory, a, b, c| {
        preview1::path_readlink(ctx, memory, ROOT, a, b, c, b, c)
    }),
    ("path_rename", |ctx, memory, a, b, c| {
        preview1::path_rename(ctx, memory, ROOT, a, b, ROOT, c, b)
    }),
    ("path_symlink", |ctx, memory, a, b, c| preview1::path_symlink(ctx, memory, a, b, ROOT, c, b)),
    ("path_unlink_file", |ctx, memory, a, b, _| {
        preview1::path_unlink_file(ctx, memory, ROOT, a, b)
    }),
    ("poll_oneoff", |ctx, memory, a, b, c| {
        preview1::poll_oneoff(Abi::Snapshot1, ctx, memory, a, b, c, 64)
    }),
    ("random_get", |ctx, memory, a, b, _| preview1::random_get(ctx, memory, a, b)),
];

#[test]
fn pointers_and_lengths_at_every_edge() {
    let host = host_dir();
    let mut builder = crate::guest::granting(host.path(), dunlin_wasi::DirRights::ReadWrite);
    builder.arg("program").env("NAME", "value").interrupt(|| true);
    let mut guest = Guest::new(builder);
    assert_eq!(guest.open(ROOT, "file", CREATE), Ok(4));
    for (name, call) in CALLS {
        for a in EDGES {
            for b in EDGES {
                for c in EDGES {
                    let answer = guest.call(|ctx, memory| call(ctx, memory, a, b, c));
                    let outside = [a, b].iter().all(|edge| *edge >= 0x4_0000);
                    assert!(
                        !(outside && answer.is_ok() && !name.starts_with("fd_seek")),
                        "{name}({a:#x}, {b:#x}, {c:#x}) outside memory"
                    );
                }
            }
        }
    }
}

#[test]
fn numbers_that_are_no_descriptor() {
    let mut guest = Guest::new(WasiCtx::builder());
    for fd in [3, 4, 1023, 1024, 0x7fff_ffff, u32::MAX] {
        assert_eq!(guest.read(fd, 1), Err(Errno::Badf));
        assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
        assert_eq!(guest.close(fd), Err(Errno::Badf));
        assert_eq!(guest.seek(fd, 0, 0), Err(Errno::Badf));
        assert_eq!(guest.open(fd, "x", READ), Err(Errno::Badf));
        assert_eq!(guest.readdir(fd, 64, 0), Err(Errno::Badf));
        for function in [preview1::fd_sync, preview1::fd_datasync] {
            assert_eq!(guest.call(|ctx, memory| function(ctx, memory, fd)), Err(Errno::Badf));
        }
    }
}

#[test]
fn closed_descriptors_stay_closed() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let file = guest.open(ROOT, "file", CREATE).expect("made");
    let dir = guest.open(ROOT, ".", DIRECTORY).expect("opened");
    for fd in [file, dir, ROOT, 0, 1, 2] {
        assert_eq!(guest.close(fd), Ok(()));
        assert_eq!(guest.close(fd), Err(Errno::Badf));
        assert_eq!(guest.rights(fd), Err(Errno::Badf));
    }
    assert_eq!(guest.write(1, b"x"), Err(Errno::Badf));
    assert_eq!(guest.open(dir, "file", READ), Err(Errno::Badf));
}

#[test]
fn sockets_are_none() {
    let mut guest = Guest::new(WasiCtx::builder());
    for (fd, answer) in [(1, Errno::Notsock), (3, Errno::Badf), (u32::MAX, Errno::Badf)] {
        let answers = [
            guest.call(|ctx, memory| preview1::sock_accept(ctx, memory, fd, 0, 64)),
            guest.call(|ctx, memory| preview1::sock_recv(ctx, memory, fd, 0, 0, 0, 64, 68)),
            guest.call(|ctx, memory| preview1::sock_send(ctx, memory, fd, 0, 0, 0, 64)),
            guest.call(|ctx, memory| preview1::sock_shutdown(ctx, memory, fd, 1)),
        ];
        assert_eq!(answers, [Err(answer); 4]);
    }
    let raise = |ctx: &mut WasiCtx, memory: &mut GuestMemory<'_>| {
        (preview1::proc_raise(ctx, memory, 6), preview1::proc_raise(ctx, memory, 31))
    };
    let answers = raise(&mut guest.ctx, &mut GuestMemory::new(&mut guest.bytes));
    assert_eq!(answers, (Err(Errno::Notsup), Err(Errno::Inval)));
    assert_eq!(preview1::proc_exit(u32::MAX).0, -1);
}

#[test]
fn lists_that_are_too_long_or_lie() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let file = guest.open(ROOT, "file", CREATE).expect("made");
    let mut write =
        |iovs, len| guest.call(|ctx, memory| preview1::fd_write(ctx, memory, file, iovs, len, 64));
    assert_eq!(write(4096, 1025), Err(Errno::Inval));
    assert_eq!(write(4096, u32::MAX), Err(Errno::Inval));
    assert_eq!(write(256 * 1024 - 8, 2), Err(Errno::Fault));
    assert_eq!(write(u32::MAX, 0), Err(Errno::Fault));
    assert_eq!(write(0x2_0000, 1024), Ok(()), "all empty");
    // Two buffers, each the whole memory many times over.
    guest.bytes[4096..4112].copy_from_slice(&[0, 0, 0, 0, 255, 255, 255, 255].repeat(2));
    let mut write =
        |len| guest.call(|ctx, memory| preview1::fd_write(ctx, memory, file, 4096, len, 64));
    assert_eq!(write(2), Err(Errno::Fault));
    assert_eq!(write(1), Err(Errno::Fault));
}

#[test]
fn one_transfer_is_bounded() {
    let host = host_dir();
    let mut limits = Limits::default();
    limits.transfer_bytes_max = 10;
    let mut builder = crate::guest::granting(host.path(), dunlin_wasi::DirRights::ReadWrite);
    builder.limits(limits);
    let mut guest = Guest::new(builder);
    let file = guest.open(ROOT, "file", CREATE).expect("made");
    assert_eq!(guest.write(file, &[7; 100]), Ok(10));
    assert_eq!(guest.pread(file, 100, 0), Ok(vec![7; 10]));
}

#[test]
fn paths_that_are_no_paths() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    assert_eq!(guest.open(ROOT, "", READ), Err(Errno::Noent));
    assert_eq!(guest.open(ROOT, "a\0b", CREATE), Err(Errno::Inval));
    assert_eq!(guest.mkdir(ROOT, "\0"), Err(Errno::Inval));
    assert_eq!(guest.open(ROOT, &"a".repeat(5000), READ), Err(Errno::Nametoolong));
    assert_eq!(guest.open(ROOT, &"a".repeat(300), READ), Err(Errno::Nametoolong));
    let (at, len) = guest.lay(b"\xff\xfe");
    let answer =
        guest.call(|ctx, memory| preview1::path_create_directory(ctx, memory, ROOT, at, len));
    assert_eq!(answer, Err(Errno::Ilseq));
    assert_eq!(host.path().read_dir().expect("still there").count(), 0, "nothing was made");
}

#[test]
fn flags_that_mean_nothing() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let (at, len) = guest.lay(b"file");
    let mut open = |dirflags, oflags, fdflags| {
        guest.call(|ctx, memory| {
            preview1::path_open(ctx, memory, ROOT, dirflags, at, len, oflags, 0, 0, fdflags, 64)
        })
    };
    for bad in [1 << 5, 1 << 16, u32::MAX] {
        assert_eq!(open(bad, 0, 0), Err(Errno::Inval));
        assert_eq!(open(0, bad, 0), Err(Errno::Inval));
        assert_eq!(open(0, 0, bad), Err(Errno::Inval));
    }
    let link =
        guest.call(|ctx, memory| preview1::path_link(ctx, memory, ROOT, 1, at, len, ROOT, at, len));
    assert_eq!(link, Err(Errno::Inval), "links are not followed");
}

#[test]
fn descriptors_run_out_before_files_are_made() {
    let host = host_dir();
    let mut limits = Limits::default();
    limits.descriptors_max = 6;
    let mut builder = crate::guest::granting(host.path(), dunlin_wasi::DirRights::ReadWrite);
    builder.limits(limits);
    let mut guest = Guest::new(builder);
    assert_eq!(guest.open(ROOT, "a", CREATE), Ok(4));
    assert_eq!(guest.open(ROOT, "b", CREATE), Ok(5));
    assert_eq!(guest.open(ROOT, "c", CREATE), Err(Errno::Mfile));
    assert!(!host.path().join("c").exists());
}

#[test]
fn random_bytes_are_bounded_and_can_be_seeded() {
    let mut rows = Vec::new();
    for seed in [1, 1, 2] {
        let mut builder = WasiCtx::builder();
        let mut limits = Limits::default();
        limits.random_bytes_max = 100;
        builder.random_seed(seed).limits(limits);
        let mut guest = Guest::new(builder);
        let mut random =
            |len| guest.call(|ctx, memory| preview1::random_get(ctx, memory, 1024, len));
        assert_eq!(random(101), Err(Errno::Inval));
        assert_eq!(random(0), Ok(()));
        assert_eq!(random(100), Ok(()));
        rows.push(guest.bytes[1024..1124].to_vec());
    }
    assert_eq!(rows[0], rows[1]);
    assert_ne!(rows[0], rows[2]);
}

#[test]
fn a_million_subscriptions() {
    let mut guest = Guest::new(WasiCtx::builder());
    guest.bytes = vec![0; 100 << 20];
    let poll = |guest: &mut Guest, count| {
        guest.call(|ctx, memory| {
            preview1::poll_oneoff(Abi::Snapshot1, ctx, memory, 4096, 4096, count, 64)
        })
    };
    let start = Instant::now();
    assert_eq!(poll(&mut guest, 1_000_000), Err(Errno::Inval));
    assert_eq!(poll(&mut guest, u32::MAX), Err(Errno::Inval));
    assert_eq!(poll(&mut guest, 0), Err(Errno::Inval));
    // As many as may be, all of them clocks that are over at once, events over subscriptions.
    assert_eq!(poll(&mut guest, 65_536), Ok(()));
    assert_eq!(guest.u32_at(64), 65_536);
    assert!(start.elapsed() < Duration::from_secs(20), "took {:?}", start.elapsed());
    guest.bytes.truncate(48 * 1000);
    assert_eq!(poll(&mut guest, 65_536), Err(Errno::Fault));
    assert_eq!(Subscription::bytes(Abi::Snapshot1), 48);
}

#[test]
fn a_named_pipe_does_not_hold_the_host() {
    let host = host_dir();
    let made = std::process::Command::new("mkfifo").arg(host.path().join("pipe")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("no `mkfifo` here: not tried");
        return;
    }
    let start = Instant::now();
    let mut builder = crate::guest::granting(host.path(), dunlin_wasi::DirRights::ReadWrite);
    builder.interrupt(move || start.elapsed() > Duration::from_millis(50));
    let mut guest = Guest::new(builder);
    let fd = guest.open(ROOT, "pipe", READ).expect("opened without a writer");
    let ended = guest.read(fd, 10);
    assert!(matches!(ended, Ok(_) | Err(Errno::Intr)), "{ended:?}");
    let both = guest.open(ROOT, "pipe", crate::guest::WRITE).expect("both ends");
    assert_eq!(guest.read(both, 10), Err(Errno::Intr), "an empty pipe, given up");
    assert!(start.elapsed() < Duration::from_secs(20));
}
