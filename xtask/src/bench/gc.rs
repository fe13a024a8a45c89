//! Garbage collection: the kernels of `bench/gc`, which Kotlin's compiler makes one module of, on every engine.
//!
//! 1. build the module; let each engine do what it does once for it;
//! 2. in each round, run every kernel on every engine, one after the other; all must print the same;
//! 3. take off what a run without work takes: loading, compiling and the language's own start;
//! 4. keep the least processor time of all rounds; ratios are to V8, as nothing here is native.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::engines::{Engine, Job, newer};
use super::kernels::folder;
use super::measure::{geometric_mean, sample, smallest};
use super::record::{Record, Value};
use crate::error::Error;
use crate::real::{kotlin, packages};
use crate::steps;
use crate::workspace;

/// Runs without work, of which the least counts.
const IDLE_ROUNDS: u32 = 3;

/// The engine that ratios are to.
const UNIT: Engine = Engine::Node;

/// A kernel: its name, what it is heavy in, and its argument: about 300 ms on V8.
struct Kernel {
    name: &'static str,
    about: &'static str,
    work: u32,
}

const fn row(name: &'static str, about: &'static str, work: u32) -> Kernel {
    Kernel { name, about, work }
}

const KERNELS: &[Kernel] = &[
    row("trees", "small allocations", 60),
    row("scheduler", "objects, virtual calls", 150),
    row("arrays", "arrays of numbers", 100),
    row("strings", "building text", 2_000),
    row("maps", "hash maps", 150),
    row("sorting", "sorting objects", 40),
];

/// What is measured.
pub struct Plan {
    /// Kernels whose name holds one of these words; all, when there are none.
    pub filters: Vec<String>,
    /// The engines, in the order of the table's columns.
    pub engines: Vec<Engine>,
    /// How often each kernel runs on each engine.
    pub rounds: u32,
}

/// The processor seconds of a kernel: one list for each engine.
type Times = Vec<Vec<f64>>;

/// Measures, prints the table, and leaves it in `record`.
///
/// # Errors
///
/// When the module cannot be built, or an engine fails or computes something else than another;
/// everything else is measured and printed first.
pub fn run(plan: &Plan, record: &mut Record) -> Result<(), Error> {
    let wanted = |kernel: &&Kernel| {
        let word = |word: &String| kernel.name.contains(word.as_str());
        plan.filters.is_empty() || plan.filters.iter().any(word)
    };
    let kernels: Vec<&Kernel> = KERNELS.iter().filter(wanted).collect();
    if kernels.is_empty() {
        return Err(Error::new(format!("no kernel matches `{}`", plan.filters.join(" "))));
    }
    let module = module()?;
    let mut failures = Vec::new();
    let mut ready = Vec::new();
    for engine in &plan.engines {
        ready.push(prepared(*engine, &module).map_err(|error| failures.push(error)).ok());
    }
    let mut times: Vec<Times> = vec![vec![Vec::new(); plan.engines.len()]; kernels.len()];
    for round in 1..=plan.rounds {
        steps::timed(&format!("round {round} of {}", plan.rounds), || {
            for (kernel, times) in kernels.iter().zip(&mut times) {
                measure(kernel, plan, &mut ready, times, &mut failures);
            }
            Ok(())
        })?;
    }
    let table = table(&kernels, plan, &times);
    print!("{table}");
    record.text(&table);
    record.set("rounds", Value::Number(f64::from(plan.rounds)));
    record.set("kernels", json(&kernels, plan, &times));
    for error in &failures {
        eprintln!("{error}");
    }
    match failures.len() {
        0 => Ok(()),
        count => Err(Error::new(format!("{count} measurements failed"))),
    }
}

/// The kernels' module, made again when a source is newer.
fn module() -> Result<PathBuf, Error> {
    let target = workspace::target().join("bench");
    packages::create(&target)?;
    let module = target.join("gc.wasm");
    let sources = workspace::files(&folder().join("gc"), ".kt")?;
    if !sources.iter().all(|source| newer(&module, source)) {
        kotlin::compile("gc", &sources, &module)?;
    }
    Ok(module)
}

/// What an engine runs, and the seconds that a run without work takes there.
struct Ready {
    module: PathBuf,
    before: f64,
}

fn prepared(engine: Engine, module: &Path) -> Result<Ready, Error> {
    let module = engine.prepare(module)?;
    let mut taken = Vec::new();
    for _ in 0..IDLE_ROUNDS {
        taken.push(one(engine, &module, KERNELS[0].name, 0)?.0);
    }
    Ok(Ready { module, before: smallest(&taken) })
}

/// One run: its processor seconds and what it printed.
fn one(engine: Engine, module: &Path, kernel: &str, work: u32) -> Result<(f64, String), Error> {
    let work = work.to_string();
    let job = Job { arguments: &[kernel, &work], ..Job::default() };
    let taken = sample(&mut engine.command(module, &job)?)?;
    Ok((taken.cpu.as_secs_f64(), taken.output))
}

/// Runs a kernel once on each engine. An engine that fails or prints something else than the first one that
/// ran is not asked again.
fn measure(
    kernel: &Kernel,
    plan: &Plan,
    ready: &mut [Option<Ready>],
    times: &mut Times,
    failures: &mut Vec<Error>,
) {
    let mut first: Option<String> = None;
    for (column, engine) in plan.engines.iter().enumerate() {
        let Some(there) = &ready[column] else { continue };
        let outcome =
            one(*engine, &there.module, kernel.name, kernel.work).and_then(|(taken, output)| {
                let expected = first.get_or_insert_with(|| output.clone());
                if *expected == output {
                    return Ok((taken - there.before).max(0.0));
                }
                Err(Error::new(format!(
                    "`{}` computes something else on {}",
                    kernel.name,
                    engine.name()
                ))
                .cause(format!("another engine: {}", expected.trim()))
                .cause(format!("this engine: {}", output.trim())))
            });
        match outcome {
            Ok(taken) => times[column].push(taken),
            Err(error) => {
                failures.push(error);
                times[column].clear();
                ready[column] = None;
            }
        }
    }
}

/// The ratio of an engine's least time to V8's, where both ran.
fn ratio(plan: &Plan, times: &Times, column: usize) -> Option<f64> {
    let unit = plan.engines.iter().position(|engine| *engine == UNIT)?;
    let both = !times[column].is_empty() && !times[unit].is_empty();
    both.then(|| smallest(&times[column]) / smallest(&times[unit]))
}

/// A Markdown table: milliseconds and the ratio to V8 for each kernel and engine, then the geometric means of
/// the ratios over the kernels that every engine ran.
fn table(kernels: &[&Kernel], plan: &Plan, times: &[Times]) -> String {
    let mut text = String::from("| kernel | heavy in |");
    for engine in &plan.engines {
        let _ = write!(text, " {} ms | |", engine.name());
    }
    let _ = write!(text, "\n|---|---|{}\n", "--:|--:|".repeat(plan.engines.len()));
    let ratio_text =
        |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.2}×"));
    for (kernel, times) in kernels.iter().zip(times) {
        let _ = write!(text, "| {} | {} |", kernel.name, kernel.about);
        for (column, taken) in times.iter().enumerate() {
            let _ = match taken.is_empty() {
                true => write!(text, " failed | – |"),
                false => {
                    let ratio = ratio_text(ratio(plan, times, column));
                    write!(text, " {:.1} | {ratio} |", smallest(taken) * 1e3)
                }
            };
        }
        text.push('\n');
    }
    text.push_str("| geometric mean | |");
    for column in 0..plan.engines.len() {
        let whole = |times: &&Times| (0..plan.engines.len()).all(|at| !times[at].is_empty());
        let ratios: Option<Vec<f64>> =
            times.iter().filter(whole).map(|times| ratio(plan, times, column)).collect();
        let mean = ratios.and_then(|ratios| geometric_mean(&ratios));
        let _ = write!(text, " | {} |", ratio_text(mean));
    }
    text.push('\n');
    text
}

fn json(kernels: &[&Kernel], plan: &Plan, times: &[Times]) -> Value {
    let rows = kernels.iter().zip(times).map(|(kernel, times)| {
        let seconds = plan.engines.iter().zip(times).map(|(engine, taken)| {
            let least = || Value::Number(smallest(taken));
            let value = if taken.is_empty() { Value::Nothing } else { least() };
            (engine.name().to_owned(), value)
        });
        Value::Object(vec![
            ("name".to_owned(), Value::Text(kernel.name.to_owned())),
            ("work".to_owned(), Value::Number(f64::from(kernel.work))),
            ("cpu_seconds_least".to_owned(), Value::Object(seconds.collect())),
        ])
    });
    Value::List(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::{KERNELS, Plan, folder, table};
    use crate::bench::engines::Engine;

    #[test]
    fn ratios_are_to_v8_and_means_leave_out_what_one_engine_could_not_run() {
        let engines = vec![Engine::Dunlin, Engine::Node];
        let plan = Plan { filters: Vec::new(), engines, rounds: 2 };
        let times = [vec![vec![0.3, 0.2], vec![0.1]], vec![Vec::new(), vec![0.4]]];
        let text = table(&[&KERNELS[0], &KERNELS[1]], &plan, &times);
        assert!(
            text.contains("| trees | small allocations | 200.0 | 2.00× | 100.0 | 1.00× |"),
            "{text}"
        );
        assert!(text.contains("| failed | – | 400.0 | 1.00× |"), "{text}");
        assert!(text.ends_with("| geometric mean | | | 2.00× | | 1.00× |\n"), "{text}");
    }

    #[test]
    fn every_kernel_is_a_source_and_the_module_knows_its_name() {
        let main = crate::workspace::read(&folder().join("gc").join("main.kt")).expect("there");
        for kernel in KERNELS {
            let source = folder().join("gc").join(format!("{}.kt", kernel.name));
            assert!(source.is_file(), "{}", source.display());
            assert!(main.contains(&format!("\"{}\" to", kernel.name)), "{}", kernel.name);
        }
    }
}
