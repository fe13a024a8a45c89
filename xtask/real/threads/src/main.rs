//! Counts ships with many hands: `flotilla FOLDER`, and two ways to end early, `flotilla exit` and `flotilla trap`.
//!
//! Every kind of synchronisation that the standard library has is used once, over the sizes at which it could
//! fail; what is printed does not depend on which thread was faster.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, OnceLock, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

const HANDS: usize = 4;

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "/data".into());
    match argument.as_str() {
        "exit" => end_early(|| std::process::exit(7)),
        "trap" => end_early(|| panic!("a hand has let go")),
        folder => work(Path::new(folder)),
    }
}

/// One thread ends the program, while others run, wait and sleep, and the first waits for them.
fn end_early(end: fn()) {
    let never = Arc::new((Mutex::new(false), Condvar::new()));
    let ready = Arc::new(Barrier::new(4));
    let (one, at) = (never.clone(), ready.clone());
    let waits = thread::spawn(move || {
        let held = one.0.lock().unwrap();
        at.wait();
        let _held = one.1.wait_while(held, |is_over| !*is_over).unwrap();
    });
    let at = ready.clone();
    thread::spawn(move || {
        at.wait();
        loop {
            std::hint::spin_loop();
        }
    });
    let at = ready.clone();
    thread::spawn(move || {
        at.wait();
        thread::sleep(Duration::from_secs(3600));
    });
    let at = ready.clone();
    thread::spawn(move || {
        println!("the last of them has begun");
        at.wait();
        end();
    });
    waits.join().unwrap();
    println!("nobody gets here");
}

fn work(folder: &Path) {
    sums();
    pipeline();
    readers_and_writers();
    rounds();
    files(folder);
    pool();
    sleepers();
    many();
}

/// A generator of numbers that are the same everywhere.
fn number(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Scoped threads over slices, a lock, and an atomic.
fn sums() {
    let numbers: Vec<u64> = (0..100_000).map(number).collect();
    let (locked, atomic) = (Mutex::new(0_u64), AtomicU64::new(0));
    let parts: u64 = thread::scope(|scope| {
        let hands: Vec<_> = numbers
            .chunks(numbers.len() / HANDS)
            .map(|part| {
                let (locked, atomic) = (&locked, &atomic);
                scope.spawn(move || {
                    for n in part {
                        atomic.fetch_add(*n, Ordering::Relaxed);
                    }
                    for n in &part[..1000] {
                        *locked.lock().unwrap() ^= n;
                    }
                    part.iter().fold(0, |sum: u64, n| sum.wrapping_add(*n))
                })
            })
            .collect();
        hands.into_iter().fold(0, |sum: u64, hand| sum.wrapping_add(hand.join().unwrap()))
    });
    assert_eq!(parts, atomic.into_inner());
    println!("sums: {parts:016x}, {:016x}", locked.into_inner().unwrap());
}

/// Channels, bounded and not, from many to many.
fn pipeline() {
    let (orders, inbox) = mpsc::sync_channel::<u64>(3);
    let (results, outbox) = mpsc::channel::<(u64, u32)>();
    let inbox = Arc::new(Mutex::new(inbox));
    let hands: Vec<_> = (0..HANDS)
        .map(|_| {
            let (inbox, results) = (inbox.clone(), results.clone());
            thread::spawn(move || {
                loop {
                    let order = inbox.lock().unwrap().recv();
                    let Ok(order) = order else { return };
                    results.send((order, number(order).count_ones())).unwrap();
                }
            })
        })
        .collect();
    drop(results);
    for order in 0..500 {
        orders.send(order).unwrap();
    }
    drop(orders);
    let found: BTreeMap<u64, u32> = outbox.iter().collect();
    for hand in hands {
        hand.join().unwrap();
    }
    println!("pipeline: {} orders, {} bits", found.len(), found.values().sum::<u32>());
}

/// A lock for readers and writers, a cell that is written once, and storage of each thread's.
fn readers_and_writers() {
    static NAME: OnceLock<String> = OnceLock::new();
    thread_local! { static SEEN: Cell<usize> = const { Cell::new(0) }; }
    let log = RwLock::new(Vec::new());
    let (named, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for hand in 0..HANDS {
            let (log, named, seen) = (&log, &named, &seen);
            scope.spawn(move || {
                NAME.get_or_init(|| {
                    named.fetch_add(1, Ordering::SeqCst);
                    "gannet".into()
                });
                for entry in 0..200 {
                    if entry % 4 == hand % 4 {
                        log.write().unwrap().push(number((hand * 1000 + entry) as u64));
                    } else {
                        SEEN.set(SEEN.get() + usize::from(log.read().unwrap().len() <= 200));
                    }
                }
                seen.fetch_add(SEEN.get(), Ordering::SeqCst);
            });
        }
    });
    let log = log.into_inner().unwrap();
    let all = log.iter().fold(0, |all, entry| all ^ entry);
    println!(
        "log: {} entries, {all:016x}; seen {}; {} was named {} time",
        log.len(),
        seen.into_inner(),
        NAME.get().unwrap(),
        named.into_inner()
    );
    SEEN.with(|seen| assert_eq!(seen.get(), 0));
}

/// A barrier: a wave of values that each thread computes of its neighbours'.
fn rounds() {
    let cells: Vec<AtomicU64> = (0..HANDS as u64).map(|i| AtomicU64::new(number(i))).collect();
    let barrier = Barrier::new(HANDS);
    let leaders = AtomicUsize::new(0);
    thread::scope(|scope| {
        for hand in 0..HANDS {
            let (cells, barrier, leaders) = (&cells, &barrier, &leaders);
            scope.spawn(move || {
                for round in 0..100 {
                    let left = cells[(hand + HANDS - 1) % HANDS].load(Ordering::Relaxed);
                    let right = cells[(hand + 1) % HANDS].load(Ordering::Relaxed);
                    barrier.wait();
                    cells[hand].store(
                        number(left ^ right.rotate_left(round) ^ hand as u64),
                        Ordering::Relaxed,
                    );
                    let is_leader = barrier.wait().is_leader();
                    leaders.fetch_add(usize::from(is_leader), Ordering::Relaxed);
                }
            });
        }
    });
    let all =
        cells.iter().fold(0_u64, |all, cell| all.rotate_left(9) ^ cell.load(Ordering::Relaxed));
    println!("rounds: {all:016x}, {} leaders", leaders.into_inner());
}

/// Files that one thread writes and another reads, at once.
fn files(folder: &Path) {
    let written: Vec<_> = (0..HANDS)
        .map(|hand| {
            let path = folder.join(format!("ship-{hand}.txt"));
            thread::spawn(move || {
                let text: String =
                    (0..500).map(|line| format!("{:x}\n", number(line + hand as u64))).collect();
                fs::write(&path, &text).unwrap();
                let back = fs::read_to_string(&path).unwrap();
                assert_eq!(back, text);
                back.len()
            })
        })
        .collect();
    let bytes: usize = written.into_iter().map(|hand| hand.join().unwrap()).sum();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ship-"))
        .collect();
    names.sort();
    println!("files: {}, {bytes} bytes", names.join(" "));
}

/// A pool of threads that steal work from each other.
fn pool() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(HANDS).build().unwrap();
    let (sorted, words) = pool.install(|| {
        let mut numbers: Vec<u64> = (0..200_000).into_par_iter().map(number).collect();
        numbers.par_sort_unstable();
        assert!(numbers.par_windows(2).all(|pair| pair[0] <= pair[1]));
        let words = (0..20_000_u64).into_par_iter().map(|n| (number(n) % 100, 1_u32)).fold(
            BTreeMap::new,
            |mut counts, (word, count)| {
                *counts.entry(word).or_insert(0) += count;
                counts
            },
        );
        let words = words.reduce(BTreeMap::new, |mut all, counts| {
            for (word, count) in counts {
                *all.entry(word).or_insert(0) += count;
            }
            all
        });
        (numbers, words)
    });
    let most = words.iter().max_by_key(|(word, count)| (**count, **word)).unwrap();
    println!(
        "pool: median {:016x}, {} words, most {most:?}",
        sorted[sorted.len() / 2],
        words.len()
    );
}

/// Waits that end by time, and a thread that is parked.
fn sleepers() {
    let begun = Instant::now();
    let pair = (Mutex::new(()), Condvar::new());
    let timed_out = thread::scope(|scope| {
        scope.spawn(|| thread::sleep(Duration::from_millis(30)));
        let (_held, timeout) = pair
            .1
            .wait_timeout_while(pair.0.lock().unwrap(), Duration::from_millis(20), |()| true)
            .unwrap();
        timeout.timed_out()
    });
    let is_set = Arc::new(AtomicUsize::new(0));
    let seen = is_set.clone();
    let parked = thread::spawn(move || {
        while seen.load(Ordering::SeqCst) == 0 {
            thread::park();
        }
    });
    is_set.store(1, Ordering::SeqCst);
    parked.thread().unpark();
    parked.join().unwrap();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(30), "{took:?}");
    println!("sleepers: timed out {timed_out}");
}

/// More threads than run at a time, one after the other.
fn many() {
    let mut sum = 0;
    for round in 0..20_u64 {
        let hands: Vec<_> = (0..10_u64)
            .map(|hand| thread::spawn(move || number(round * 10 + hand) >> 48))
            .collect();
        sum += hands.into_iter().map(|hand| hand.join().unwrap()).sum::<u64>();
    }
    println!("many: {sum}");
}
