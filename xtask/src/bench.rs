//! `cargo xtask bench`: measures `dunlin` beside other engines and native code.
//!
//! Five measurements, each with its own file in `record/`:
//!
//! * without a flag, **peak**: the kernels of `bench/kernels` by processor time ([`peak`]);
//! * `--gc`: the kernels of `bench/gc`, whose objects live in the engine's heap ([`gc`]);
//! * `--start`: whole processes by the wall clock ([`start`]);
//! * `--serve`: requests to `dunlin serve` ([`serve`]);
//! * `--instructions`: counts that gate a change ([`instructions`]).
//!
//! Three engines are ours: `dunlin` is the interpreter (`--tier interp`), `dunlin-optimize` compiled code
//! (`--tier optimize`), `dunlin-auto` the program without an option but `--no-cache`. Peers are fetched into the build folder when they are first asked for. A part of a measurement
//! (a filter, other engines, fewer rounds) is printed and not recorded.

mod apps;
pub mod engines;
mod gc;
mod instructions;
pub mod kernels;
mod measure;
mod peak;
mod record;
mod serve;
mod start;

use crate::error::Error;
use engines::Engine;
pub use measure::run_resident as resident;
use peak::Plan;
use record::Record;

/// Rounds of the kernels: the least of three is stable to about two percent.
const PEAK_ROUNDS: u32 = 3;
/// Rounds of a start, which is a thousand times shorter.
const START_ROUNDS: u32 = 40;

const PEAK_ENGINES: [Engine; 6] = [
    Engine::Dunlin,
    Engine::Wasmi,
    Engine::Pulley,
    Engine::DunlinOptimize,
    Engine::Cranelift,
    Engine::Node,
];
const START_ENGINES: [Engine; 6] = [
    Engine::DunlinAuto,
    Engine::Dunlin,
    Engine::Wasmi,
    Engine::Wasmtime,
    Engine::Winch,
    Engine::Node,
];

const GC_ENGINES: [Engine; 5] =
    [Engine::Dunlin, Engine::DunlinOptimize, Engine::Cranelift, Engine::Library, Engine::Node];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Peak,
    Gc,
    Start,
    Serve,
    Instructions,
}

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    mode: Mode,
    bless: bool,
    engines: Option<Vec<Engine>>,
    rounds: Option<u32>,
    filters: Vec<String>,
}

/// Runs `cargo xtask bench`.
///
/// # Errors
///
/// When something cannot be built or fetched, an engine fails or computes something else, or an
/// instruction count has grown.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    let request = parse(arguments)?;
    let default: &[Engine] = match request.mode {
        Mode::Peak => &PEAK_ENGINES,
        Mode::Gc => &GC_ENGINES,
        Mode::Start => &START_ENGINES,
        Mode::Serve => &[Engine::DunlinAuto],
        Mode::Instructions => &[Engine::Dunlin],
    };
    let engines = request.engines.clone().unwrap_or_else(|| default.to_vec());
    let mut versions = Vec::new();
    for engine in &engines {
        versions.push((*engine, engine.install()?));
    }
    let command = format!("cargo xtask bench {}", arguments.join(" "));
    let command = command.trim();
    let whole = request.engines.is_none() && request.rounds.is_none() && request.filters.is_empty();
    match request.mode {
        Mode::Peak => {
            let mut record = Record::new("Peak speed", command, &versions);
            record.text("Ratios of processor time to native code, least of all rounds.\n\n");
            let rounds = request.rounds.unwrap_or(PEAK_ROUNDS);
            peak::run(&Plan { filters: request.filters, engines, rounds }, &mut record)?;
            if whole { record.write("peak") } else { Ok(()) }
        }
        Mode::Gc => {
            let mut record = Record::new("Garbage collection", command, &versions);
            record.text(
                "Processor time, least of all rounds, without that of a run without work; ratios to V8.\n\n",
            );
            let rounds = request.rounds.unwrap_or(PEAK_ROUNDS);
            gc::run(&gc::Plan { filters: request.filters, engines, rounds }, &mut record)?;
            if whole { record.write("gc-kernels") } else { Ok(()) }
        }
        Mode::Start => {
            let mut record = Record::new("Start-up", command, &versions);
            let rounds = request.rounds.unwrap_or(START_ROUNDS);
            let outcome = start::run(&engines, rounds, &request.filters, &mut record);
            // What could be measured is worth keeping.
            if whole {
                record.write("start")?;
            }
            outcome
        }
        Mode::Serve => {
            let mut record = Record::new("Requests", command, &versions);
            let seconds = request.rounds.unwrap_or(serve::SECONDS);
            serve::run(seconds, &request.filters, &mut record)?;
            if whole {
                return record.write("requests");
            }
            record.print();
            Ok(())
        }
        Mode::Instructions => {
            instructions::run(request.bless, Record::new("Instructions", command, &versions))
        }
    }
}

fn parse(arguments: &[String]) -> Result<Request, Error> {
    let mut request = Request {
        mode: Mode::Peak,
        bless: false,
        engines: None,
        rounds: None,
        filters: Vec::new(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--gc" => request.mode = Mode::Gc,
            "--start" => request.mode = Mode::Start,
            "--serve" => request.mode = Mode::Serve,
            "--instructions" => request.mode = Mode::Instructions,
            "--bless" => request.bless = true,
            "--engines" => {
                let names = rest.next().map_or("", String::as_str).split(',');
                request.engines = Some(names.map(Engine::parse).collect::<Result<_, _>>()?);
            }
            "--rounds" => {
                let count = rest.next().and_then(|count| count.parse().ok());
                let count = count.filter(|&count| count > 0);
                request.rounds = Some(count.ok_or_else(|| {
                    Error::new("`--rounds` needs a number").hint("cargo xtask bench --rounds 5")
                })?);
            }
            flag if flag.starts_with('-') => {
                return Err(Error::new(format!("unknown argument `{flag}`")).hint(
                    "cargo xtask bench [--gc | --start | --serve | --instructions [--bless]] [--engines A,B] \
                     [--rounds N] [KERNEL…]",
                ));
            }
            filter => request.filters.push(filter.to_owned()),
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::{Engine, Mode, parse};

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn arguments_choose_what_is_measured() {
        let request = parse(&words("--start --engines dunlin,node --rounds 3")).expect("valid");
        assert_eq!((request.mode, request.rounds), (Mode::Start, Some(3)));
        assert_eq!(request.engines, Some(vec![Engine::Dunlin, Engine::Node]));
        assert_eq!(parse(&words("--gc trees")).expect("valid").mode, Mode::Gc);
        assert_eq!(parse(&words("fib sort")).expect("valid").filters, ["fib", "sort"]);
    }

    #[test]
    fn wrong_arguments_are_refused_with_the_valid_ones() {
        let error = parse(&words("--engines v9")).expect_err("no such engine").to_string();
        assert!(error.contains("`v9`") && error.contains("pulley"), "{error}");
        assert!(parse(&words("--rounds 0")).is_err());
        assert!(parse(&words("--fast")).is_err());
    }
}
