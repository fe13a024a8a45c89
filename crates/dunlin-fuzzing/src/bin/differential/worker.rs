//! The child: runs modules and says on its standard output what each gave.

use dunlin_fuzzing::judge::{alone, judge};
use dunlin_fuzzing::lockstep::Report;
use dunlin_fuzzing::{generate, shrink};
use std::io::{Write, stdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A module that takes longer hangs.
const MODULE_SECONDS_MAX: u64 = 60;

/// Making a finding smaller ends after so long: each module on which the second engine differs runs on a third as well.
const SHRINK_SECONDS_MAX: u64 = 120;

/// Counts modules that were begun, smaller ones of a finding included.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// How a line to the parent begins: whatever else is printed is for people.
const MARK: &str = "\u{1}";

/// How a defect of the second engine is told.
pub(crate) const SECOND_ALONE: &str =
    "the second engine alone is wrong, the third agrees with Dunlin";

/// What the child says of a module: first that it begins, then how it ended.
pub(crate) struct Message {
    pub(crate) seed: u64,
    pub(crate) done: bool,
    pub(crate) calls: u64,
    pub(crate) returned: u64,
    pub(crate) inconclusive: u64,
    pub(crate) peer_failures: u64,
    pub(crate) peer_defects: u64,
    pub(crate) differences: u64,
}

impl Message {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let words = line.strip_prefix(MARK)?.split(' ').map(|word| word.parse().ok());
        let numbers: Vec<u64> = words.collect::<Option<_>>()?;
        let at = |i: usize| numbers.get(i).copied().unwrap_or(0);
        Some(Self {
            seed: at(0),
            done: numbers.len() > 1,
            calls: at(1),
            returned: at(2),
            inconclusive: at(3),
            peer_failures: at(4),
            peer_defects: at(5),
            differences: at(6),
        })
    }

    fn done(seed: u64, report: &Report) -> String {
        format!(
            "{MARK}{seed} {} {} {} {} {} {}",
            report.calls,
            report.returned,
            report.inconclusive,
            u8::from(report.peer_panic.is_some()),
            u8::from(report.peer_defect.is_some()),
            u8::from(report.difference.is_some())
        )
    }
}

/// Runs `modules` modules from `seed` on; `by_itself` means without the second
/// engine.
pub(crate) fn work(mut seed: u64, modules: u64, by_itself: bool) {
    std::thread::spawn(watch);
    let mut done = 0;
    while done < modules {
        BEGUN.fetch_add(1, Ordering::Relaxed);
        if let Some(generated) = generate::module(seed) {
            say(&format!("{MARK}{seed}"));
            let report = if by_itself { alone(&generated) } else { judge(&generated) };
            // First of all: what is smaller may end the child.
            say(&Message::done(seed, &report));
            if let Some(difference) = &report.difference {
                tell(seed, difference);
            }
            if let Some(panic) = &report.peer_panic {
                say(&format!("seed {seed}: the second engine panicked: {panic}"));
            }
            if let Some(defect) = &report.peer_defect {
                say(&format!("seed {seed}: {SECOND_ALONE}: {defect}"));
            }
            done += 1;
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
        let begun = BEGUN.load(Ordering::Relaxed);
        if begun != last.0 {
            last = (begun, Instant::now());
        } else if last.1.elapsed().as_secs() > MODULE_SECONDS_MAX {
            std::process::exit(3);
        }
    }
}

/// Says how a module differed, and shows a smaller one that does.
pub(crate) fn tell(seed: u64, difference: &str) {
    say(&format!("seed {seed}: {difference}"));
    let begun = Instant::now();
    let shows = |small: &generate::Generated| {
        BEGUN.fetch_add(1, Ordering::Relaxed);
        begun.elapsed().as_secs() < SHRINK_SECONDS_MAX && judge(small).difference.is_some()
    };
    if let Some(small) = shrink::shrink(seed, shows) {
        let difference = judge(&small).difference.unwrap_or_default();
        let text = shrink::text(&small.bytes);
        say(&format!("shrunk ({:?}): {difference}\n{text}", small.plan.metering));
    }
}
