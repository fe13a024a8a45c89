//! Compares generated modules on Dunlin and on a second engine.
//!
//! `differential [--modules N] [--seed S] [--one SEED] [--engine-only] [--trail FILE]`

use dunlin_fuzzing::lockstep::{Report, run};
use dunlin_fuzzing::ours::Ours;
use dunlin_fuzzing::peer::Peer;
use dunlin_fuzzing::{generate, shrink};
use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Modules when nobody says how many.
const MODULES_DEFAULT: u64 = 2_000;

/// A line of progress for so many modules.
const PROGRESS_EVERY: u64 = 10_000;

/// A module that takes longer hangs.
const MODULE_SECONDS_MAX: u64 = 60;

const USAGE: &str = "Usage: differential [--modules N] [--seed FIRST] [--one SEED]";

#[derive(Default)]
struct Totals {
    modules: u64,
    calls: u64,
    returned: u64,
    inconclusive: u64,
    inconclusive_steps: u64,
    differences: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} modules, {} calls agreed ({} returned, the others trapped), {} calls in {} modules \
             inconclusive, {} differences",
            self.modules,
            self.calls,
            self.returned,
            self.inconclusive_steps,
            self.inconclusive,
            self.differences
        )
    }
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.modules += 1;
        self.calls += report.calls;
        self.returned += report.returned;
        self.inconclusive_steps += report.inconclusive;
        self.inconclusive += u64::from(report.inconclusive > 0);
        self.differences += u64::from(report.difference.is_some());
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut modules, mut first, mut one) = (MODULES_DEFAULT, 0, None);
    for pair in arguments.chunks(2) {
        let value = pair.get(1).and_then(|value| value.parse::<u64>().ok());
        match (pair[0].as_str(), value) {
            ("--modules", Some(value)) => modules = value,
            ("--seed", Some(value)) => first = value,
            ("--one", Some(value)) => one = Some(value),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    // Panics are caught and told as findings.
    std::panic::set_hook(Box::new(|_| {}));
    match one {
        Some(seed) => single(seed),
        None => many(first, modules),
    }
}

fn many(first: u64, modules: u64) -> ExitCode {
    let started = Instant::now();
    static CURRENT: AtomicU64 = AtomicU64::new(0);
    std::thread::spawn(|| watch(&CURRENT));
    let mut totals = Totals::default();
    let mut seed = first;
    while totals.modules < modules {
        CURRENT.store(seed, Ordering::Relaxed);
        let Some(generated) = generate::module(seed) else {
            seed += 1;
            continue;
        };
        let report = run::<Ours, Peer>(&generated);
        totals.add(&report);
        if let Some(difference) = &report.difference {
            tell(seed, difference);
        }
        seed += 1;
        if totals.modules.is_multiple_of(PROGRESS_EVERY) {
            let rate = totals.modules as f64 / started.elapsed().as_secs_f64();
            eprintln!("{totals}, {rate:.0} modules a second, next seed {seed}");
        }
    }
    eprintln!("{totals}; last seed {}", seed.saturating_sub(1));
    println!(
        "{} modules, {} differences, {} inconclusive",
        totals.modules, totals.differences, totals.inconclusive
    );
    if totals.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Ends the program, with the seed, if one module takes too long.
fn watch(current: &AtomicU64) {
    let mut last = (u64::MAX, Instant::now());
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let seed = current.load(Ordering::Relaxed);
        if seed != last.0 {
            last = (seed, Instant::now());
        } else if last.1.elapsed().as_secs() > MODULE_SECONDS_MAX {
            println!("seed {seed} hangs: differential --one {seed}");
            std::process::exit(1);
        }
    }
}

fn tell(seed: u64, difference: &str) {
    println!("seed {seed}: {difference}");
    let kind = first_line(difference);
    let shows = |generated: &generate::Generated| {
        let difference = run::<Ours, Peer>(generated).difference;
        difference.is_some_and(|other| first_line(&other).is_empty() == kind.is_empty())
    };
    if let Some(small) = shrink::shrink(seed, shows) {
        let difference = run::<Ours, Peer>(&small).difference.unwrap_or_default();
        println!("shrunk ({:?}): {difference}\n{}", small.plan.metering, shrink::text(&small.bytes));
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn single(seed: u64) -> ExitCode {
    let Some(generated) = generate::module(seed) else {
        println!("seed {seed}: the generator makes no module of it");
        return ExitCode::SUCCESS;
    };
    println!("{}", shrink::text(&generated.bytes));
    let report = run::<Ours, Peer>(&generated);
    println!(
        "{:?}, {} calls, {} returned, {} inconclusive",
        generated.plan.metering, report.calls, report.returned, report.inconclusive
    );
    match report.difference {
        None => ExitCode::SUCCESS,
        Some(difference) => {
            tell(seed, &difference);
            ExitCode::FAILURE
        }
    }
}
