//! Clocks and waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dunlin_wasi::clocks::Clock;
use dunlin_wasi::types::{Abi, Subscription};
use dunlin_wasi::{Errno, Input, InputPipe, WasiCtx, WasiCtxBuilder, preview1};

use crate::guest::{CREATE, Guest, How, ROOT, granting, host_dir};

const SUBSCRIPTIONS: u32 = 4096;
const EVENTS: u32 = 8192;
const COUNT: u32 = 64;

/// A clock that only moves when someone sleeps by it.
#[derive(Debug, Default)]
struct Simulated(AtomicU64);

impl Clock for Simulated {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn resolution_ns(&self) -> u64 {
        1000
    }

    fn sleep(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).expect("a short sleep");
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// A subscription of a clock.
fn clock(abi: Abi, userdata: u64, id: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut bytes = vec![0_u8; Subscription::bytes(abi) as usize];
    bytes[0..8].copy_from_slice(&userdata.to_le_bytes());
    let place = if abi == Abi::Unstable { 24 } else { 16 };
    bytes[place..place + 4].copy_from_slice(&id.to_le_bytes());
    bytes[place + 8..place + 16].copy_from_slice(&timeout.to_le_bytes());
    bytes[place + 24..place + 26].copy_from_slice(&flags.to_le_bytes());
    bytes
}

/// A subscription of a descriptor; kind 1 reads, 2 writes.
fn stream(userdata: u64, kind: u8, fd: u32) -> Vec<u8> {
    let mut bytes = vec![0_u8; Subscription::bytes(Abi::Snapshot1) as usize];
    bytes[0..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = kind;
    bytes[16..20].copy_from_slice(&fd.to_le_bytes());
    bytes
}

/// Polls and returns of each event its userdata, error, kind and bytes.
fn poll(
    guest: &mut Guest,
    abi: Abi,
    subscriptions: &[Vec<u8>],
) -> Result<Vec<(u64, u16, u8, u64)>, Errno> {
    let all = subscriptions.concat();
    guest.bytes[SUBSCRIPTIONS as usize..][..all.len()].copy_from_slice(&all);
    let count = subscriptions.len() as u32;
    guest.call(|ctx, memory| {
        preview1::poll_oneoff(abi, ctx, memory, SUBSCRIPTIONS, EVENTS, count, COUNT)
    })?;
    let events = (0..guest.u32_at(COUNT)).map(|index| {
        let place = EVENTS + index * 32;
        let word = guest.u64_at(place + 8);
        (guest.u64_at(place), word as u16, (word >> 16) as u8, guest.u64_at(place + 16))
    });
    Ok(events.collect())
}

/// A guest whose steady clock is simulated.
fn simulated(builder: &mut WasiCtxBuilder) -> (Guest, Arc<Simulated>) {
    let steady = Arc::new(Simulated::default());
    builder.monotonic_clock(steady.clone());
    (Guest::new(std::mem::take(builder)), steady)
}

#[test]
fn a_sleep_lasts_as_long_as_it_says() {
    let (mut guest, steady) = simulated(&mut WasiCtx::builder());
    let subscription = clock(Abi::Snapshot1, 5, 1, 3_600_000_000_000, 0);
    assert_eq!(poll(&mut guest, Abi::Snapshot1, &[subscription]), Ok(vec![(5, 0, 0, 0)]));
    assert_eq!(steady.now_ns(), 3_600_000_000_000);
}

#[test]
fn the_earliest_moment_ends_the_wait() {
    for abi in [Abi::Snapshot1, Abi::Unstable] {
        let (mut guest, steady) = simulated(&mut WasiCtx::builder());
        let subscriptions = [
            clock(abi, 1, 1, u64::MAX, 0),
            clock(abi, 2, 1, 25_000_000, 0),
            clock(abi, 3, 1, 25_000_000, 1),
            clock(abi, 4, 1, u64::MAX, 1),
        ];
        let events = poll(&mut guest, abi, &subscriptions);
        assert_eq!(events, Ok(vec![(2, 0, 0, 0), (3, 0, 0, 0)]));
        assert_eq!(steady.now_ns(), 25_000_000);
        let past = [clock(abi, 9, 1, 1, 1)];
        assert_eq!(poll(&mut guest, abi, &past), Ok(vec![(9, 0, 0, 0)]), "a moment gone by");
    }
}

#[test]
fn the_host_s_clock_sleeps_too() {
    let mut guest = Guest::new(WasiCtx::builder());
    for id in [0, 1] {
        let start = Instant::now();
        let subscription = clock(Abi::Snapshot1, 1, id, 30_000_000, 0);
        assert_eq!(poll(&mut guest, Abi::Snapshot1, &[subscription]), Ok(vec![(1, 0, 0, 0)]));
        assert!(start.elapsed() >= Duration::from_millis(25), "slept {:?}", start.elapsed());
    }
}

#[test]
fn an_endless_sleep_is_given_up() {
    let start = Instant::now();
    let mut builder = WasiCtx::builder();
    builder.interrupt(move || start.elapsed() > Duration::from_millis(40));
    let mut guest = Guest::new(builder);
    let subscription = clock(Abi::Snapshot1, 1, 1, u64::MAX, 0);
    assert_eq!(poll(&mut guest, Abi::Snapshot1, &[subscription]), Err(Errno::Intr));
    let took = start.elapsed();
    assert!(took > Duration::from_millis(40) && took < Duration::from_secs(5), "took {took:?}");
}

#[test]
fn clocks_that_cannot_be_waited_for_are_told_so() {
    let mut guest = Guest::new(WasiCtx::builder());
    let subscriptions = [2, 3, 4].map(|id| clock(Abi::Snapshot1, u64::from(id), id, 0, 0));
    let events = poll(&mut guest, Abi::Snapshot1, &subscriptions);
    let (unsupported, invalid) = (Errno::Notsup.code(), Errno::Inval.code());
    assert_eq!(
        events,
        Ok(vec![(2, unsupported, 0, 0), (3, unsupported, 0, 0), (4, invalid, 0, 0)])
    );
}

#[test]
fn streams_are_ready_at_once() {
    let host = host_dir();
    let pipe = InputPipe::new("12345");
    let mut builder = granting(host.path(), dunlin_wasi::DirRights::ReadWrite);
    builder.stdin(Input::Pipe(pipe));
    let mut guest = Guest::new(builder);
    let file = guest.open(ROOT, "file", CREATE).expect("made");
    assert_eq!(guest.write(file, &[0; 100]), Ok(100));
    assert_eq!(guest.seek(file, 40, 0), Ok(40));
    let subscriptions = [
        stream(1, 1, 0),
        stream(2, 2, 1),
        stream(3, 2, 2),
        stream(4, 1, file),
        stream(5, 2, file),
        clock(Abi::Snapshot1, 6, 1, u64::MAX, 0),
    ];
    let events = poll(&mut guest, Abi::Snapshot1, &subscriptions);
    let expected = [(1, 0, 1, 5), (2, 0, 2, 0), (3, 0, 2, 0), (4, 0, 1, 60), (5, 0, 2, 0)];
    assert_eq!(events, Ok(expected.to_vec()));
}

#[test]
fn what_is_wrong_with_a_descriptor_is_told_in_its_event() {
    let host = host_dir();
    let mut guest = Guest::with_dir(host.path());
    let deaf = How { base: dunlin_wasi::types::Rights::FD_READ, ..CREATE };
    let deaf = guest.open(ROOT, "file", deaf).expect("made");
    let subscriptions = [
        stream(1, 1, 99),
        stream(2, 2, 0),
        stream(3, 1, 1),
        stream(4, 1, ROOT),
        stream(5, 1, deaf),
    ];
    let bad = Errno::Badf.code();
    let expected = vec![
        (1, bad, 1, 0),
        (2, bad, 2, 0),
        (3, bad, 1, 0),
        (4, bad, 1, 0),
        (5, Errno::Notcapable.code(), 1, 0),
    ];
    assert_eq!(poll(&mut guest, Abi::Snapshot1, &subscriptions), Ok(expected));
}

#[test]
fn a_waiting_pipe_and_a_simulated_clock_end() {
    let host = host_dir();
    let made = std::process::Command::new("mkfifo").arg(host.path().join("pipe")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("no `mkfifo` here: not tried");
        return;
    }
    let mut builder = granting(host.path(), dunlin_wasi::DirRights::ReadWrite);
    let (mut guest, _) = simulated(&mut builder);
    let pipe = guest.open(ROOT, "pipe", crate::guest::WRITE).expect("both ends");
    let subscriptions = [stream(1, 1, pipe), clock(Abi::Snapshot1, 2, 1, 50_000_000, 0)];
    let events = poll(&mut guest, Abi::Snapshot1, &subscriptions);
    assert_eq!(events, Ok(vec![(2, 0, 0, 0)]), "nothing to read");
    assert_eq!(guest.write(pipe, b"abc"), Ok(3));
    let events = poll(&mut guest, Abi::Snapshot1, &subscriptions);
    assert_eq!(events, Ok(vec![(1, 0, 1, 3)]), "three bytes to read");
    assert_eq!(guest.read(pipe, 10), Ok(b"abc".to_vec()));
    let nonblock = u32::from(dunlin_wasi::types::FdFlags::NONBLOCK.bits());
    let set = guest.call(|ctx, memory| preview1::fd_fdstat_set_flags(ctx, memory, pipe, nonblock));
    assert_eq!(set, Ok(()));
    assert_eq!(guest.read(pipe, 10), Err(Errno::Again));
}

#[test]
fn clocks_are_read() {
    let (mut guest, steady) = simulated(&mut WasiCtx::builder());
    steady.sleep(Duration::from_nanos(123));
    let mut time = |id| {
        guest.call(|ctx, memory| preview1::clock_time_get(ctx, memory, id, 0, 64))?;
        Ok(guest.u64_at(64))
    };
    assert_eq!(time(1), Ok(123));
    assert_eq!(time(2), Ok(123), "since the guest began");
    assert!(time(0).is_ok_and(|now| now > 1_600_000_000_000_000_000));
    assert_eq!(time(4), Err(Errno::Inval));
    let mut resolution = |id| {
        guest.call(|ctx, memory| preview1::clock_res_get(ctx, memory, id, 64))?;
        Ok(guest.u64_at(64))
    };
    assert_eq!(resolution(1), Ok(1000));
    assert!(resolution(0).is_ok_and(|step| step > 0));
    assert_eq!(resolution(9), Err(Errno::Inval));
}
