//! Damages bodies of generated modules, and holds Dunlin's faster validation against the slower one and the validator.
//!
//! `bodies [--modules N] [--seed FIRST] [--one SEED]`: a finding is told with its seed and the module; exit code 1.

use dunlin_fuzzing::bodies::{self, Totals};
use dunlin_fuzzing::random::Random;
use dunlin_fuzzing::seeds::seeds;
use dunlin_fuzzing::{generate, plain};
use std::panic::catch_unwind;
use std::process::ExitCode;

/// Damaged copies of each module.
const COPIES: u64 = 60;

/// Modules when nobody says how many.
const MODULES_DEFAULT: u64 = 5_000;

/// One module of wasm-smith's, most of whose functions the faster pass does not know, for so many plain ones.
const GENERATED_ONCE_IN: u64 = 5;

const USAGE: &str = "Usage: bodies [--modules N] [--seed FIRST] [--one SEED]";

fn main() -> ExitCode {
    let Some(seeds) = seeds(std::env::args().skip(1), MODULES_DEFAULT) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Panics are caught and told as findings.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut totals, mut findings) = (Totals::default(), 0);
    for seed in seeds {
        let mut random = Random::of(seed, 23);
        let generated = random.once_in(GENERATED_ONCE_IN).then(|| generate::module(seed)).flatten();
        let bytes = generated.map_or_else(|| plain::module(seed), |of| of.bytes);
        let ranges = bodies::ranges(&bytes);
        for copy in 0..COPIES {
            let mut damaged = bytes.clone();
            let body = (copy > 0 && !ranges.is_empty())
                .then(|| random.below(ranges.len() as u64) as usize);
            if let Some(body) = body {
                bodies::damage(&mut damaged[ranges[body].clone()], &mut random);
            }
            match catch_unwind(|| bodies::judge(&damaged, body)) {
                Ok(Ok(of)) => totals.add(of),
                other => {
                    findings += 1;
                    let finding =
                        other.map_or_else(|_| "a panic".to_owned(), |of| format!("{of:?}"));
                    println!("seed {seed} copy {copy}: {finding}\n{}", hex(&damaged));
                }
            }
        }
    }
    let Totals { functions, valid, quick } = totals;
    println!(
        "{functions} functions of damaged modules, {valid} valid, {quick} taken by the faster pass; {findings} findings"
    );
    if findings == 0 && quick > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Bytes as one word, for a file of crashes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
