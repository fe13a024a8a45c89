//! Compares modules with objects, exceptions and atomic operators on Dunlin's tiers and on V8.
//!
//! `differential objects --node PROGRAM [--source smith|binaryen] [--wasm-opt PROGRAM] [--modules N] [--seed FIRST]
//! [--one SEED]`: exit code 1 if any module differs, with its seed and a smaller module that differs as well.
//!
//! Dunlin runs in a child process, because it may crash rather than panic: the parent tells the seed and goes on
//! behind it.

mod arguments;
mod worker;

use arguments::{Arguments, parse};
use dunlin_fuzzing::objects::judge::{judge, module};
use dunlin_fuzzing::{objects::generate::entropy, shrink};
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use worker::Totals;

/// A line of progress for so many modules.
const PROGRESS_EVERY: u64 = 1_000;

/// The word that asks for this search.
pub(crate) const WORD: &str = "objects";

/// Runs the search; `words` are those behind its own.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let Some(arguments) = parse(words) else {
        eprintln!("{}", arguments::USAGE);
        return ExitCode::from(2);
    };
    if arguments.worker {
        // Panics are caught and told as findings.
        std::panic::set_hook(Box::new(|_| {}));
        worker::work(&arguments);
        return ExitCode::SUCCESS;
    }
    match arguments.one {
        Some(seed) => single(&arguments, seed),
        None => many(&arguments, words),
    }
}

fn many(arguments: &Arguments, words: &[String]) -> ExitCode {
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut seed = arguments.seed;
    while totals.modules < arguments.modules {
        let rest = arguments.modules - totals.modules;
        let (last, ended) = run_worker(words, seed, rest, &mut totals, started);
        seed = last + 1;
        if !ended {
            totals.modules += 1;
            totals.differences += 1;
            println!("seed {last}: CRASH or hang of Dunlin");
        }
    }
    eprintln!("{totals}; last seed {}", seed.saturating_sub(1));
    println!(
        "{} modules, {} differences, {} inconclusive",
        totals.modules, totals.differences, totals.inconclusive
    );
    if totals.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs modules in a child until there are so many; gives the last seed and whether the child ended well.
fn run_worker(
    words: &[String],
    seed: u64,
    modules: u64,
    totals: &mut Totals,
    started: Instant,
) -> (u64, bool) {
    let mut command = Command::new(std::env::current_exe().expect("the program's own path"));
    // Of an option that is given twice the last one counts.
    command.arg(WORD).args(words).args(["--worker", "--seed", &seed.to_string()]);
    command.args(["--modules", &modules.to_string()]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a child");
    let mut last = seed;
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        let Some(numbers) = worker::parse(&line) else {
            println!("{line}");
            continue;
        };
        last = numbers[0];
        if numbers.len() > 1 {
            totals.add(&numbers[1..]);
            if totals.modules.is_multiple_of(PROGRESS_EVERY) {
                let rate = totals.modules as f64 / started.elapsed().as_secs_f64();
                eprintln!("{totals}, {rate:.0} modules a second, seed {last}");
            }
        }
    }
    (last, child.wait().is_ok_and(|status| status.success()))
}

fn single(arguments: &Arguments, seed: u64) -> ExitCode {
    let mut peers = arguments.peers();
    let decisions = entropy(arguments.source, seed);
    let closed = match module(&mut peers, arguments.source, seed, &decisions) {
        Ok(Some(closed)) => closed,
        other => {
            println!("seed {seed}: no module: {:?}", other.err());
            return ExitCode::SUCCESS;
        }
    };
    println!("{}", shrink::text(&closed.bytes));
    let report = judge(&mut peers, seed, &closed);
    println!("{report:?}");
    match report.difference {
        None => ExitCode::SUCCESS,
        Some(difference) => {
            worker::tell(arguments, &mut peers, seed, &difference);
            ExitCode::FAILURE
        }
    }
}
