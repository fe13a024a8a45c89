//! The child: runs modules and says on its standard output what each gave.

use super::arguments::Arguments;
use dunlin_fuzzing::objects::generate::entropy;
use dunlin_fuzzing::objects::judge::{self, Peers, Report};
use dunlin_fuzzing::shrink::text;
use std::fmt;
use std::io::{Write, stdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A module that takes longer hangs.
const MODULE_SECONDS_MAX: u64 = 120;

/// How a line to the parent begins: whatever else is printed is for people.
const MARK: &str = "\u{1}";

/// The seed that runs, for the watch; none while a finding is made smaller, which takes its time.
static CURRENT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Sums over modules.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) modules: u64,
    pub(crate) inconclusive: u64,
    pub(crate) differences: u64,
    sums: [u64; 5],
}

impl Totals {
    /// Adds what the child said of a module.
    pub(crate) fn add(&mut self, numbers: &[u64]) {
        let at = |i: usize| numbers.get(i).copied().unwrap_or(0);
        self.modules += 1;
        for (index, sum) in self.sums.iter_mut().enumerate() {
            *sum += at(index);
        }
        self.inconclusive += u64::from(at(2) > 0);
        self.differences += at(5);
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [calls, returned, inconclusive, skipped, failures] = self.sums;
        write!(
            f,
            "{} modules, {calls} steps agreed ({returned} returned, the others trapped or threw), \
             {inconclusive} steps in {} modules inconclusive, {skipped} exports skipped, {failures} crashes \
             of the second engine, {} differences",
            self.modules, self.inconclusive, self.differences
        )
    }
}

/// The numbers of a line that is for the parent: the seed, and what it gave if it is done.
pub(crate) fn parse(line: &str) -> Option<Vec<u64>> {
    line.strip_prefix(MARK)?.split(' ').map(|word| word.parse().ok()).collect()
}

fn done(seed: u64, report: &Report) -> String {
    format!(
        "{MARK}{seed} {} {} {} {} {} {}",
        report.calls,
        report.returned,
        report.inconclusive,
        report.skipped,
        report.peer_failures,
        u8::from(report.difference.is_some())
    )
}

/// Runs so many modules from a seed on.
pub(crate) fn work(arguments: &Arguments) {
    std::thread::spawn(watch);
    let mut peers = arguments.peers();
    let (mut seed, mut ran) = (arguments.seed, 0);
    while ran < arguments.modules {
        CURRENT.store(seed, Ordering::Relaxed);
        let decisions = entropy(arguments.source, seed);
        // There is none if an import is of a type of which no value can be made.
        if let Ok(Some(closed)) = judge::module(&mut peers, arguments.source, seed, &decisions) {
            say(&format!("{MARK}{seed}"));
            let report = judge::judge(&mut peers, seed, &closed);
            if report.peer_failures > 0 {
                say(&format!("seed {seed}: the second engine crashed or hung"));
            }
            if let Some(difference) = &report.difference {
                CURRENT.store(u64::MAX, Ordering::Relaxed);
                tell(arguments, &mut peers, seed, difference);
            }
            say(&done(seed, &report));
            ran += 1;
        }
        seed += 1;
    }
}

/// A line at once: the next module may be the last.
fn say(line: &str) {
    let mut out = stdout().lock();
    // A parent that is gone wants to hear nothing more.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Ends the child if one module takes too long.
fn watch() {
    let mut last = (u64::MAX, Instant::now());
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let seed = CURRENT.load(Ordering::Relaxed);
        if seed != last.0 || seed == u64::MAX {
            last = (seed, Instant::now());
        } else if last.1.elapsed().as_secs() > MODULE_SECONDS_MAX {
            std::process::exit(3);
        }
    }
}

/// Says how a module differed, and shows a smaller one that does.
pub(crate) fn tell(arguments: &Arguments, peers: &mut Peers, seed: u64, difference: &str) {
    say(&format!("seed {seed}: {difference}"));
    if let Some((small, difference)) = judge::shrink(peers, arguments.source, seed) {
        say(&format!("smaller: {difference}\n{}", text(&small.bytes)));
    }
}
