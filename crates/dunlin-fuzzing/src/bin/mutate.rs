//! Damages generated modules and compares what is said about their validity.
//!
//! `mutate [--modules N] [--seed FIRST] [--one SEED]`: three judges, of which the first two must agree
//! to the letter: Dunlin, the validator of whole modules, and the second engine. The second engine has an
//! older validator: where it alone differs, that is counted and told, and is no finding of ours.

use dunlin_fuzzing::generate;
use dunlin_fuzzing::mutate::{damage, opinion, verdict};
use dunlin_fuzzing::ours::Ours;
use dunlin_fuzzing::peer::Peer;
use dunlin_fuzzing::random::Random;
use dunlin_fuzzing::seeds::seeds;
use std::process::ExitCode;

/// Damaged copies of each generated module.
const COPIES: u64 = 20;

/// Modules when nobody says how many.
const MODULES_DEFAULT: u64 = 2_000;

/// Differences of the second engine that are told; the others are counted.
const PEER_TOLD_MAX: u64 = 20;

const USAGE: &str = "Usage: mutate [--modules N] [--seed FIRST] [--one SEED]";

#[derive(Default)]
struct Totals {
    copies: u64,
    valid: u64,
    findings: u64,
    peer: u64,
}

fn main() -> ExitCode {
    let Some(seeds) = seeds(std::env::args().skip(1), MODULES_DEFAULT) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Panics are caught and told as findings.
    std::panic::set_hook(Box::new(|_| {}));
    let mut totals = Totals::default();
    for seed in seeds {
        if let Some(generated) = generate::module(seed) {
            let mut random = Random::of(seed, 6);
            for copy in 0..COPIES {
                let bytes = damage(&generated.bytes, &mut random);
                judge(&mut totals, seed, copy, &bytes, &generated.plan);
            }
        }
    }
    println!(
        "{} damaged modules, {} still valid, {} findings; the second engine's validator differed {} times",
        totals.copies, totals.valid, totals.findings, totals.peer
    );
    if totals.findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn judge(
    totals: &mut Totals,
    seed: u64,
    copy: u64,
    bytes: &[u8],
    plan: &dunlin_fuzzing::subject::Plan,
) {
    totals.copies += 1;
    let expected = verdict(bytes);
    totals.valid += u64::from(expected.is_ok());
    match opinion::<Ours>(bytes, plan) {
        Err(panic) => {
            totals.findings += 1;
            println!("seed {seed} copy {copy}: PANIC: {panic}\n{}", hex(bytes));
        }
        Ok(ours) if ours.is_ok() != expected.is_ok() => {
            totals.findings += 1;
            println!("seed {seed} copy {copy}: {ours:?}, but the validator says {expected:?}");
            println!("{}", hex(bytes));
        }
        Ok(_) => {}
    }
    let peers = opinion::<Peer>(bytes, plan);
    if !matches!(&peers, Ok(verdict) if verdict.is_ok() == expected.is_ok()) {
        totals.peer += 1;
        if totals.peer <= PEER_TOLD_MAX {
            eprintln!("seed {seed} copy {copy}: peer {peers:?}, validator {expected:?}");
        }
    }
}

/// Bytes as one word, for a file of crashes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
