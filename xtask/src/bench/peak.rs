//! Peak speed: every kernel on every engine and natively, in interleaved rounds.
//!
//! 1. build the kernels, and let each engine do what it does once for a module;
//! 2. in each round, run every kernel on every engine, one after the other, so that a disturbance of
//!    the machine falls on all alike; hold each checksum to the native one;
//! 3. where a run begins with work that is not the kernel's (compiling, starting a runtime), take off what a
//!    run without work takes;
//! 4. keep the least processor time of all rounds, as a ratio to native; average by geometric mean.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::engines::{Engine, Job};
use super::kernels::{KERNELS, Kernel, VECTORISED};
use super::measure::{geometric_mean, sample, smallest};
use super::record::{Record, Value};
use crate::error::Error;
use crate::steps;

/// Runs without work, of which the least counts.
const IDLE_ROUNDS: u32 = 3;

/// What is measured.
pub struct Plan {
    /// Kernels whose name or class holds one of these words; all, when there are none.
    pub filters: Vec<String>,
    /// The engines, in the order of the table's columns.
    pub engines: Vec<Engine>,
    /// How often each kernel runs on each engine.
    pub rounds: u32,
}

/// The processor seconds of a kernel: one list for native (the first) and for each engine.
type Times = Vec<Vec<f64>>;

/// Measures, prints the table, and leaves it in `record`.
///
/// # Errors
///
/// When a kernel cannot be built, or an engine fails or computes something else; everything else is
/// measured and printed first.
pub fn run(plan: &Plan, record: &mut Record) -> Result<(), Error> {
    let kernels: Vec<&Kernel> =
        KERNELS.iter().chain(VECTORISED).filter(|kernel| plan.wants(kernel)).collect();
    if kernels.is_empty() {
        return Err(Error::new(format!("no kernel matches `{}`", plan.filters.join(" "))));
    }
    let mut ready = Vec::new();
    for kernel in &kernels {
        ready.push(prepare(kernel, plan)?);
    }
    let mut times: Vec<Times> = vec![vec![Vec::new(); plan.engines.len() + 1]; kernels.len()];
    let mut failures: BTreeMap<(usize, usize), Error> = BTreeMap::new();
    for round in 1..=plan.rounds {
        steps::timed(&format!("round {round} of {}", plan.rounds), || {
            for (at, kernel) in kernels.iter().enumerate() {
                measure(kernel, &ready[at], plan, at, &mut times[at], &mut failures)?;
            }
            Ok(())
        })?;
    }
    let table = table(&kernels, plan, &times);
    print!("{table}");
    record.text(&table);
    record.set("rounds", Value::Number(f64::from(plan.rounds)));
    record.set("kernels", json(&kernels, plan, &times));
    report(&kernels, plan, failures)
}

impl Plan {
    fn wants(&self, kernel: &Kernel) -> bool {
        let matches = |word: &String| kernel.name.contains(word.as_str()) || kernel.class == *word;
        match &self.filters[..] {
            [] => kernel.class != VECTORISED[0].class,
            filters => filters.iter().any(matches),
        }
    }
}

/// The native program and what each engine runs, or why it cannot.
struct Ready {
    native: std::path::PathBuf,
    modules: Vec<Result<std::path::PathBuf, String>>,
    /// Processor seconds that each engine's run takes before it does any work.
    before: Vec<f64>,
}

fn prepare(kernel: &Kernel, plan: &Plan) -> Result<Ready, Error> {
    let built = kernel.build()?;
    let modules = plan.engines.iter();
    let modules: Vec<Result<std::path::PathBuf, String>> = modules
        .map(|engine| engine.prepare(&built.module).map_err(|error| error.to_string()))
        .collect();
    let engines = plan.engines.iter().zip(&modules);
    let before = engines.map(|(engine, module)| seconds_before(*engine, module)).collect();
    Ok(Ready { native: built.native, modules, before })
}

/// The least processor seconds of runs without work, where the engine starts slowly. What fails here
/// fails again where it is reported.
fn seconds_before(engine: Engine, module: &Result<std::path::PathBuf, String>) -> f64 {
    let Ok(module) = module else { return 0.0 };
    if !engine.starts_slowly() {
        return 0.0;
    }
    let job = Job { arguments: &["0"], ..Job::default() };
    let run = || Some(sample(&mut engine.command(module, &job).ok()?).ok()?.cpu.as_secs_f64());
    let taken: Vec<f64> = (0..IDLE_ROUNDS).filter_map(|_| run()).collect();
    if taken.is_empty() { 0.0 } else { smallest(&taken) }
}

fn measure(
    kernel: &Kernel,
    ready: &Ready,
    plan: &Plan,
    at: usize,
    times: &mut Times,
    failures: &mut BTreeMap<(usize, usize), Error>,
) -> Result<(), Error> {
    let work = kernel.work.to_string();
    let arguments = [work.as_str()];
    let job = Job { arguments: &arguments, ..Job::default() };
    let native = sample(&mut steps::program(&ready.native.to_string_lossy(), &arguments))?;
    times[0].push(native.cpu.as_secs_f64());
    for (column, engine) in plan.engines.iter().enumerate() {
        if failures.contains_key(&(at, column)) {
            continue;
        }
        let outcome = ready.modules[column].clone().map_err(Error::new).and_then(|module| {
            let mut command = engine.command(&module, &job)?;
            let call = steps::describe(&command);
            let taken = sample(&mut command)?;
            if taken.output == native.output {
                return Ok(taken);
            }
            Err(Error::new(format!("`{}` computes something else", kernel.name))
                .cause(format!("native: {}", native.output.trim()))
                .cause(format!("{}: {}", engine.name(), taken.output.trim()))
                .hint(call))
        });
        match outcome {
            Ok(taken) => times[column + 1].push(taken.cpu.as_secs_f64() - ready.before[column]),
            Err(error) => drop(failures.insert((at, column), error)),
        }
    }
    Ok(())
}

/// The ratio of an engine's least time to the native one, where it ran.
fn ratio(times: &Times, column: usize) -> Option<f64> {
    let engine = &times[column + 1];
    (!engine.is_empty()).then(|| smallest(engine) / smallest(&times[0]))
}

/// A Markdown table: a row for each kernel, then geometric means by class and over all kernels that
/// every engine ran.
fn table(kernels: &[&Kernel], plan: &Plan, times: &[Times]) -> String {
    let mut text = String::from("| kernel | class | native ms |");
    for engine in &plan.engines {
        let _ = write!(text, " {} |", engine.name());
    }
    let _ = write!(text, "\n|---|---|--:|{}\n", "--:|".repeat(plan.engines.len()));
    for (kernel, times) in kernels.iter().zip(times) {
        let native = smallest(&times[0]) * 1e3;
        let _ = write!(text, "| {} | {} | {native:.1} |", kernel.name, kernel.class);
        for column in 0..plan.engines.len() {
            let _ = match ratio(times, column) {
                Some(ratio) => write!(text, " {ratio:.2} |"),
                None => write!(text, " failed |"),
            };
        }
        text.push('\n');
    }
    let mut classes: Vec<&str> = kernels.iter().map(|kernel| kernel.class).collect();
    classes.dedup();
    for class in classes.iter().map(|class| Some(*class)).chain([None]) {
        let _ = write!(text, "| geometric mean | {} | |", class.unwrap_or("**all**"));
        for column in 0..plan.engines.len() {
            match mean(kernels, plan, times, class, column) {
                Some(mean) if class.is_none() => drop(write!(text, " **{mean:.2}** |")),
                Some(mean) => drop(write!(text, " {mean:.2} |")),
                None => text.push_str(" – |"),
            }
        }
        text.push('\n');
    }
    text
}

/// The mean over the kernels of a class that every engine ran, so that columns compare.
fn mean(
    kernels: &[&Kernel],
    plan: &Plan,
    times: &[Times],
    class: Option<&str>,
    column: usize,
) -> Option<f64> {
    let complete = |times: &Times| (0..plan.engines.len()).all(|at| ratio(times, at).is_some());
    let of_class = |kernel: &Kernel| class.is_none_or(|class| kernel.class == class);
    let ratios: Vec<f64> = kernels
        .iter()
        .zip(times)
        .filter(|(kernel, times)| of_class(kernel) && complete(times))
        .filter_map(|(_, times)| ratio(times, column))
        .collect();
    geometric_mean(&ratios)
}

fn json(kernels: &[&Kernel], plan: &Plan, times: &[Times]) -> Value {
    let rows = kernels.iter().zip(times).map(|(kernel, times)| {
        let mut seconds = vec![("native".to_owned(), Value::Number(smallest(&times[0])))];
        for (column, engine) in plan.engines.iter().enumerate() {
            let taken = &times[column + 1];
            let value =
                if taken.is_empty() { Value::Nothing } else { Value::Number(smallest(taken)) };
            seconds.push((engine.name().to_owned(), value));
        }
        Value::Object(vec![
            ("name".to_owned(), Value::Text(kernel.name.to_owned())),
            ("class".to_owned(), Value::Text(kernel.class.to_owned())),
            ("work".to_owned(), Value::Number(f64::from(kernel.work))),
            ("cpu_seconds_least".to_owned(), Value::Object(seconds)),
        ])
    });
    Value::List(rows.collect())
}

fn report(
    kernels: &[&Kernel],
    plan: &Plan,
    failures: BTreeMap<(usize, usize), Error>,
) -> Result<(), Error> {
    let count = failures.len();
    for ((at, column), error) in failures {
        eprintln!("{} on {}: {error}", kernels[at].name, plan.engines[column].name());
    }
    if count == 0 { Ok(()) } else { Err(Error::new(format!("{count} measurements failed"))) }
}

#[cfg(test)]
mod tests {
    use super::{Plan, table};
    use crate::bench::engines::Engine;
    use crate::bench::kernels::KERNELS;

    #[test]
    fn means_leave_out_what_one_engine_could_not_run() {
        let plan =
            Plan { filters: Vec::new(), engines: vec![Engine::Dunlin, Engine::Wasmi], rounds: 2 };
        let kernels = [&KERNELS[0], &KERNELS[1]];
        let times = [
            vec![vec![0.2, 0.1], vec![0.4, 0.5], vec![0.9]],
            vec![vec![0.1], vec![7.0], Vec::new()],
        ];
        let text = table(&kernels, &plan, &times);
        assert!(text.contains("| fib | calls | 100.0 | 4.00 | 9.00 |"), "{text}");
        assert!(text.contains("| tak | calls | 100.0 | 70.00 | failed |"), "{text}");
        assert!(text.contains("| geometric mean | **all** | | **4.00** | **9.00** |"), "{text}");
    }

    #[test]
    fn a_filter_takes_names_and_classes() {
        let plan = Plan { filters: vec!["simd".into(), "crc".into()], engines: vec![], rounds: 1 };
        let names: Vec<_> =
            KERNELS.iter().filter(|kernel| plan.wants(kernel)).map(|kernel| kernel.name).collect();
        assert_eq!(names, ["crc32", "saxpy", "blur"]);
    }
}
