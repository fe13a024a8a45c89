//! Compares generated modules on Dunlin's tiers and on a second engine.
//!
//! `differential [--modules N] [--seed FIRST] [--one SEED] [--third PROGRAM…]`: exit code 1 if any module differs, with
//! its seed and a smaller module that differs as well. If there is a third engine (`--third python3 peers/wasmtime.py
//! PACKAGES`), what the second engine alone gets wrong is no difference.
//!
//! The modules run in a child process, because an engine may crash rather than panic: the parent then
//! asks Dunlin alone, in another child, whose crash it was, and goes on behind the seed.
//!
//! `differential objects …` is the other search, of modules with objects: one program, since linking takes longer
//! than running.

mod objects;
mod totals;
mod worker;

use dunlin_fuzzing::judge::judge;
use dunlin_fuzzing::{generate, shrink, third};
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use totals::Totals;

/// Modules when nobody says how many.
const MODULES_DEFAULT: u64 = 2_000;

/// A line of progress for so many modules.
const PROGRESS_EVERY: u64 = 10_000;

const USAGE: &str =
    "Usage: differential [--modules N] [--seed FIRST] [--one SEED] [--third PROGRAM…]";

/// What the arguments ask for.
struct Arguments {
    modules: u64,
    seed: u64,
    one: Option<u64>,
    worker: bool,
    alone: bool,
    /// The words that start the third engine.
    third: Vec<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = words.split_first()
        && first == objects::WORD
    {
        return objects::run(rest);
    }
    let Some(arguments) = parse(words.into_iter()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if !arguments.third.is_empty() {
        third::use_program(arguments.third.clone());
    }
    if arguments.worker || arguments.alone {
        // Panics are caught and told as findings.
        std::panic::set_hook(Box::new(|_| {}));
        worker::work(arguments.seed, arguments.modules, arguments.alone);
        return ExitCode::SUCCESS;
    }
    match arguments.one {
        Some(seed) => single(seed),
        None => many(&arguments),
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let (worker, alone, third) = (false, false, Vec::new());
    let mut arguments =
        Arguments { modules: MODULES_DEFAULT, seed: 0, one: None, worker, alone, third };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--worker" => arguments.worker = true,
            "--alone" => arguments.alone = true,
            "--modules" => arguments.modules = words.next()?.parse().ok()?,
            "--seed" => arguments.seed = words.next()?.parse().ok()?,
            "--one" => arguments.one = Some(words.next()?.parse().ok()?),
            "--third" => arguments.third = words.by_ref().collect(),
            _ => return None,
        }
    }
    Some(arguments)
}

fn many(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let mut totals = Totals::default();
    let mut seed = arguments.seed;
    while totals.modules < arguments.modules {
        let (last, counted) = run_worker(seed, arguments, &mut totals, started);
        seed = last + 1;
        if !counted {
            totals.modules += 1;
            judge_crash(last, &mut totals);
        }
    }
    eprintln!("{totals}; last seed {}", seed.saturating_sub(1));
    println!(
        "{} modules, {} differences, {} inconclusive",
        totals.modules, totals.differences, totals.inconclusive
    );
    if totals.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs modules in a child until there are as many as asked for; gives the last seed and whether what it gave is counted:
/// a child may still die of the smaller modules of a finding.
fn run_worker(
    seed: u64,
    arguments: &Arguments,
    totals: &mut Totals,
    started: Instant,
) -> (u64, bool) {
    let mut command = ourselves("--worker", seed, arguments.modules - totals.modules);
    if !arguments.third.is_empty() {
        command.arg("--third").args(&arguments.third);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
    let (mut last, mut counted) = (seed, false);
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        let Some(message) = worker::Message::parse(&line) else {
            println!("{line}");
            continue;
        };
        (last, counted) = (message.seed, message.done);
        if message.done {
            totals.add(&message);
            if totals.modules.is_multiple_of(PROGRESS_EVERY) {
                let rate = totals.modules as f64 / started.elapsed().as_secs_f64();
                eprintln!("{totals}, {rate:.0} modules a second, seed {last}");
            }
        }
    }
    let ended = child.wait().is_ok_and(|status| status.success());
    (last, ended || counted)
}

/// A child died with this seed: Dunlin's doing if it dies alone as well.
fn judge_crash(seed: u64, totals: &mut Totals) {
    let alone = ourselves("--alone", seed, 1).stdout(Stdio::null()).status();
    if alone.is_ok_and(|status| status.success()) {
        totals.peer_failures += 1;
        eprintln!("seed {seed}: the second engine crashed or hung; Dunlin alone does not");
    } else {
        totals.differences += 1;
        println!("seed {seed}: CRASH or hang of Dunlin: differential --one {seed}");
    }
}

fn ourselves(mode: &str, seed: u64, modules: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the program's own path"));
    command.args([mode, "--seed", &seed.to_string(), "--modules", &modules.to_string()]);
    command
}

fn single(seed: u64) -> ExitCode {
    let Some(generated) = generate::module(seed) else {
        println!("seed {seed}: the generator makes no module of it");
        return ExitCode::SUCCESS;
    };
    println!("{}", shrink::text(&generated.bytes));
    let report = judge(&generated);
    println!(
        "{:?}, {} calls, {} returned, {} inconclusive, {:?}",
        generated.plan.metering,
        report.calls,
        report.returned,
        report.inconclusive,
        report.peer_panic
    );
    if let Some(defect) = &report.peer_defect {
        println!("seed {seed}: {}: {defect}", worker::SECOND_ALONE);
    }
    match report.difference {
        None => ExitCode::SUCCESS,
        Some(difference) => {
            worker::tell(seed, &difference);
            ExitCode::FAILURE
        }
    }
}
