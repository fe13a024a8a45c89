//! Guests on stacks of their own: what waits suspends one, and its neighbour on the same thread goes on.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::Write as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use dunlin::stacks::{self, Running, Stacks};
use dunlin_wasi::types::{Abi, Rights};
use dunlin_wasi::{DirRights, Errno, Job, Reactor, Waiting, preview1};

use super::guest::{CREATE, DIRECTORY, Guest, How, OTHER, READ, ROOT, WRITE, granting, host_dir};

/// Does jobs on another thread, each when it is told to.
struct Gate {
    jobs: AtomicUsize,
    opened: Arc<Mutex<Receiver<()>>>,
}

impl Gate {
    fn new() -> (Arc<Gate>, Sender<()>) {
        let (open, opened) = channel();
        (Arc::new(Gate { jobs: AtomicUsize::new(0), opened: Arc::new(Mutex::new(opened)) }), open)
    }
}

/// Is ready when `work` has been done, on a thread of its own.
fn elsewhere(work: impl FnOnce() + Send + 'static) -> Waiting {
    // Whoever waits last is woken, unless it is done.
    let state = Arc::new(Mutex::new((false, Waker::noop().clone())));
    let mut work = Some((work, state.clone()));
    Box::pin(poll_fn(move |context| {
        state.lock().expect("no panic").1 = context.waker().clone();
        if let Some((work, state)) = work.take() {
            std::thread::spawn(move || {
                work();
                let mut state = state.lock().expect("no panic");
                state.0 = true;
                state.1.wake_by_ref();
            });
        }
        match state.lock().expect("no panic").0 {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }))
}

impl Reactor for Gate {
    fn sleep(&self, duration: Duration) -> Waiting {
        elsewhere(move || std::thread::sleep(duration))
    }

    fn blocking(&self, job: Job) -> Waiting {
        self.jobs.fetch_add(1, Ordering::SeqCst);
        let opened = self.opened.clone();
        elsewhere(move || {
            let told = opened.lock().expect("no panic").recv();
            told.expect("the gate is opened");
            job();
        })
    }
}

/// A guest with a folder of its own and, as [`OTHER`], one of the kernel's files.
fn guest(folder: &std::path::Path, reactor: Arc<Gate>) -> Guest {
    let mut builder = granting(folder, DirRights::ReadWrite);
    builder.preopened_dir("/proc/self", "/kernel", DirRights::ReadOnly).expect("the folder");
    let mut guest = Guest::new(builder);
    guest.ctx.set_reactor(reactor);
    guest
}

fn polled<R>(running: &mut Running<R>) -> Poll<R> {
    Pin::new(running).poll(&mut Context::from_waker(Waker::noop()))
}

/// A call that waits for a disk, what is opened for it before, and by how much the file's descriptor is told.
type Call =
    (&'static str, Option<(u32, &'static str, How)>, fn(&mut Guest, u32) -> Result<(), Errno>);

const CALLS: &[Call] = &[
    ("path_open", None, |guest, _| guest.open(ROOT, "a.txt", READ).map(drop)),
    ("path_open of a folder", None, |guest, _| guest.open(ROOT, "d", DIRECTORY).map(drop)),
    ("path_open of a new file", None, |guest, _| guest.open(ROOT, "new", CREATE).map(drop)),
    // Nobody says of the kernel's files whether they are in memory.
    ("fd_read", Some((OTHER, "status", READ)), |guest, fd| {
        assert!(guest.read(fd, 10_000)?.starts_with(b"Name:"));
        Ok(())
    }),
    ("fd_pread", Some((OTHER, "status", READ)), |guest, fd| {
        assert_eq!(guest.pread(fd, 4, 1)?, b"ame:");
        Ok(())
    }),
    ("fd_write", Some((ROOT, "a.txt", WRITE)), |guest, fd| {
        assert_eq!(guest.write(fd, b"xyz")?, 3);
        Ok(())
    }),
    ("fd_sync", Some((ROOT, "a.txt", WRITE)), |guest, fd| {
        guest.call(|ctx, memory| preview1::fd_sync(ctx, memory, fd))
    }),
    ("fd_datasync", Some((ROOT, "a.txt", WRITE)), |guest, fd| {
        guest.call(|ctx, memory| preview1::fd_datasync(ctx, memory, fd))
    }),
    ("fd_filestat_set_size", Some((ROOT, "a.txt", WRITE)), |guest, fd| {
        guest.call(|ctx, memory| preview1::fd_filestat_set_size(ctx, memory, fd, 9))
    }),
    ("fd_allocate", Some((ROOT, "a.txt", WRITE)), |guest, fd| {
        guest.call(|ctx, memory| preview1::fd_allocate(ctx, memory, fd, 0, 9))
    }),
    ("fd_advise", Some((ROOT, "a.txt", WRITE)), |guest, fd| {
        guest.call(|ctx, memory| preview1::fd_advise(ctx, memory, fd, 0, 9, 3))
    }),
    ("fd_filestat_set_times", Some((ROOT, "a.txt", WRITE)), |guest, fd| {
        guest.call(|ctx, memory| preview1::fd_filestat_set_times(ctx, memory, fd, 1, 1, 5))
    }),
    ("fd_filestat_get", Some((ROOT, "a.txt", READ)), |guest, fd| {
        guest.call(|ctx, memory| preview1::fd_filestat_get(Abi::Snapshot1, ctx, memory, fd, 64))
    }),
    ("fd_readdir", Some((ROOT, "d", DIRECTORY)), |guest, fd| guest.readdir(fd, 100, 0).map(drop)),
    ("fd_close", Some((ROOT, "a.txt", READ)), |guest, fd| guest.close(fd)),
    ("path_filestat_get", None, |guest, _| guest.stat(ROOT, "a.txt", true).map(drop)),
    ("path_filestat_set_times", None, |guest, _| guest.set_times(ROOT, "a.txt", true)),
    ("path_create_directory", None, |guest, _| guest.mkdir(ROOT, "e")),
    ("path_remove_directory", None, |guest, _| guest.rmdir(ROOT, "d")),
    ("path_unlink_file", None, |guest, _| guest.unlink(ROOT, "a.txt")),
    ("path_symlink", None, |guest, _| guest.symlink("a.txt", ROOT, "s")),
    ("path_readlink", None, |guest, _| {
        assert_eq!(guest.readlink(ROOT, "l", 9)?, "a.txt");
        Ok(())
    }),
    ("path_rename", None, |guest, _| guest.rename((ROOT, "a.txt"), (ROOT, "b.txt"))),
    ("path_link", None, |guest, _| guest.link((ROOT, "a.txt"), (ROOT, "b.txt"))),
];

#[test]
fn a_guest_that_waits_for_a_disk_keeps_nobody_waiting() {
    let stacks = Stacks::new(256 << 10, 4);
    for (name, opened, call) in CALLS {
        let folder = host_dir();
        std::fs::write(folder.path().join("a.txt"), "abc").expect("a file");
        std::fs::create_dir(folder.path().join("d")).expect("a folder");
        std::os::unix::fs::symlink("a.txt", folder.path().join("l")).expect("a link");
        let (gate, open) = Gate::new();
        let mut guest = guest(folder.path(), gate.clone());
        // On the thread's own stack all is done in place.
        let fd = opened.map_or(0, |(dir, path, how)| guest.open(dir, path, how).expect("a file"));
        assert_eq!(gate.jobs.load(Ordering::SeqCst), 0, "{name}");
        let mut waiting = stacks.run(move || call(&mut guest, fd));
        assert!(polled(&mut waiting).is_pending(), "{name} holds the thread");
        assert!(waiting.is_waiting(), "{name}");
        assert_eq!(gate.jobs.load(Ordering::SeqCst), 1, "{name}");
        let went_on = Rc::new(Cell::new(false));
        let (goes_on, opens) = (went_on.clone(), open);
        let neighbour = stacks.run(move || {
            goes_on.set(true);
            opens.send(()).expect("somebody waits");
        });
        stacks::wait(neighbour).expect("no interrupt");
        assert!(went_on.get());
        assert_eq!(stacks::wait(waiting).expect("no interrupt"), Ok(()), "{name}");
    }
}

#[test]
fn what_is_in_memory_is_read_in_place() {
    let folder = host_dir();
    std::fs::write(folder.path().join("a.txt"), "abcdef").expect("a file");
    // Systems for files in memory need not say that this is what they are.
    let file = std::fs::File::open(folder.path().join("a.txt")).expect("a file");
    let mut bytes = [0; 3];
    let mut buffers = [std::io::IoSliceMut::new(&mut bytes)];
    let flags = rustix::io::ReadWriteFlags::NOWAIT;
    if rustix::io::preadv2(&file, &mut buffers, 0, flags).is_err() {
        eprintln!("skipped: the file system of temporary files does not say what is in memory");
        return;
    }
    let (gate, _open) = Gate::new();
    let mut guest = guest(folder.path(), gate.clone());
    let fd = guest.open(ROOT, "a.txt", READ).expect("a file");
    let read = move || {
        assert_eq!(guest.read(fd, 2).expect("bytes"), b"ab");
        assert_eq!(guest.pread(fd, 9, 1).expect("bytes"), b"bcdef");
        assert_eq!(guest.read(fd, 3).expect("bytes"), b"cde");
        // No file has such a place, and the file's own is another's.
        assert_eq!(guest.pread(fd, 1, u64::MAX), Err(Errno::Inval));
    };
    stacks::wait(Stacks::new(256 << 10, 1).run(read)).expect("no interrupt");
    assert_eq!(gate.jobs.load(Ordering::SeqCst), 0);
}

#[test]
fn a_guest_that_reads_a_pipe_lets_its_neighbour_write_it() {
    let folder = host_dir();
    let path = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).expect("a pipe");
    let (gate, open) = Gate::new();
    // It can be opened, and is closed.
    open.send(()).and_then(|()| open.send(())).expect("a gate");
    let mut guest = guest(folder.path(), gate);
    let stacks = Stacks::new(256 << 10, 2);
    let rights = Rights::FILE.without(Rights::FILE_CHANGING);
    let mut reading = stacks.run(move || {
        let fd = guest.open(ROOT, "pipe", How { base: rights, ..READ })?;
        // Without a writer there would be nothing to wait for.
        let _writer = std::fs::OpenOptions::new().write(true).open(&path)?;
        guest.read(fd, 10)
    });
    let writing = folder.path().join("pipe");
    let begun = Instant::now();
    let mut writer = Some(stacks.run(move || {
        std::thread::sleep(Duration::from_millis(30));
        let mut pipe = std::fs::OpenOptions::new().write(true).open(writing).expect("a pipe");
        pipe.write_all(b"hello").expect("a reader");
    }));
    while begun.elapsed() < Duration::from_secs(20) {
        if let Poll::Ready(read) = polled(&mut reading) {
            assert_eq!(read.as_deref(), Ok(&b"hello"[..]));
            return;
        }
        if begun.elapsed() > Duration::from_millis(50)
            && let Some(writer) = writer.take()
        {
            stacks::wait(writer).expect("no interrupt");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the pipe was not read");
}

#[test]
fn a_guest_that_sleeps_holds_no_thread() {
    let folder = host_dir();
    let (gate, _open) = Gate::new();
    let mut guest = guest(folder.path(), gate);
    let mut subscription = [0_u8; 48];
    subscription[16] = 1; // The steady clock.
    subscription[24..32].copy_from_slice(&30_000_000_u64.to_le_bytes());
    let (at, _) = guest.lay(&subscription);
    let begun = Instant::now();
    let mut sleeping = Stacks::new(256 << 10, 1).run(move || {
        guest.call(|ctx, memory| {
            preview1::poll_oneoff(Abi::Snapshot1, ctx, memory, at, 1024, 1, 2048)
        })
    });
    assert!(polled(&mut sleeping).is_pending());
    assert!(begun.elapsed() < Duration::from_millis(10), "the thread has slept");
    assert_eq!(stacks::wait(sleeping).expect("no interrupt"), Ok(()));
    assert!(begun.elapsed() >= Duration::from_millis(30));
}

#[test]
fn whoever_is_not_polled_any_more_does_not_wait() {
    let folder = host_dir();
    let (gate, open) = Gate::new();
    let mut guest = guest(folder.path(), gate);
    let ended = Rc::new(Cell::new(None));
    let end = ended.clone();
    let mut waiting = Stacks::new(256 << 10, 1).run(move || {
        end.set(Some(guest.mkdir(ROOT, "e")));
    });
    assert!(polled(&mut waiting).is_pending());
    drop(waiting);
    assert_eq!(ended.get(), Some(Err(Errno::Intr)));
    open.send(()).expect("the job has begun");
}
