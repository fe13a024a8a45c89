//! The commands, one file each, and the choice between them.

mod cache;
mod compile;
mod compiled;
mod deadline;
mod disassemble;
mod inspect;
mod run;
mod run_component;
mod serve;
mod source;
mod stats;
mod trap;
mod validate;
mod wast;

pub(crate) use cache::VERBS;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use crate::args::{Command, Parsed, nearest};
use crate::flags;
use crate::report::Report;
use crate::serve_flags::SERVE;

/// A process's exit code, or why there is none of the guest's.
pub(crate) type Outcome = Result<i32, Report>;

/// The words that select a command; a file of such a name runs as `./NAME`.
const NAMES: &[&str] = &["run", "serve", "compile", "validate", "inspect", "wast", "cache", "help"];

const HELP: &str = "\
Dunlin runs WebAssembly: fast to start, and isolated unless a flag grants more.

usage: dunlin FILE|URL [ARGS…]
       dunlin COMMAND [OPTIONS] …

commands:
  run       Run a module: its command, or one function with --invoke
  serve     Serve HTTP apps, each request in an instance of its own
  compile   Compile a module ahead of time
  validate  Check that modules are valid
  inspect   Show a module's imports, exports, features and sizes
  wast      Run scripts of the specification's test suite
  cache     Show or empty what is kept of modules
  help      Show this screen, or a command's: dunlin help run

options:
  -h, --help     Show this screen
  -V, --version  Show the version

examples:
  dunlin hello.wasm
  dunlin run --dir . --timeout 10s app.wasm input.txt
  dunlin run --invoke add add.wat 1 2
  dunlin serve app.wasm
";

/// Runs the command that the arguments ask for.
pub(crate) fn dispatch(mut arguments: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    let first = arguments.first().and_then(|word| word.to_str()).unwrap_or("");
    match first {
        "" if arguments.is_empty() => {
            Err(Report::usage("`dunlin` needs a file or a command").hint("`dunlin --help`"))
        }
        "-h" | "--help" => show(out, HELP),
        "-V" | "--version" => show(out, concat!("dunlin ", env!("CARGO_PKG_VERSION"), "\n")),
        "help" => help(arguments.get(1), out),
        "run" => with(&flags::RUN, arguments.split_off(1), out, run::run),
        "serve" => with(&SERVE, arguments.split_off(1), out, serve::run),
        "compile" => with(&flags::COMPILE, arguments.split_off(1), out, compile::run),
        "cache" => with(&flags::CACHE, arguments.split_off(1), out, cache::run),
        "validate" => with(&flags::VALIDATE, arguments.split_off(1), out, validate::run),
        "inspect" => with(&flags::INSPECT, arguments.split_off(1), out, inspect::run),
        "wast" => with(&flags::WAST, arguments.split_off(1), out, wast::run),
        _ => {
            check_word(first)?;
            with(&flags::RUN, arguments, out, run::run)
        }
    }
}

/// Parses the rest of the line and hands it to the command, or shows its help.
fn with<O: Default>(
    command: &Command<O>,
    arguments: Vec<OsString>,
    out: &mut dyn Write,
    run: fn(O, Vec<OsString>, &mut dyn Write) -> Outcome,
) -> Outcome {
    match command.parse(arguments)? {
        Parsed::Help => command.help(out).map(|()| 0).map_err(Report::output),
        Parsed::Run(options, words) => run(options, words, out),
    }
}

fn help(word: Option<&OsString>, out: &mut dyn Write) -> Outcome {
    let Some(word) = word else { return show(out, HELP) };
    let written = match word.to_str().unwrap_or("") {
        "run" => flags::RUN.help(out),
        "serve" => SERVE.help(out),
        "compile" => flags::COMPILE.help(out),
        "cache" => flags::CACHE.help(out),
        "validate" => flags::VALIDATE.help(out),
        "inspect" => flags::INSPECT.help(out),
        "wast" => flags::WAST.help(out),
        "help" => out.write_all(HELP.as_bytes()),
        _ => return Err(unknown_command(&word.to_string_lossy())),
    };
    written.map(|()| 0).map_err(Report::output)
}

fn show(out: &mut dyn Write, text: &str) -> Outcome {
    out.write_all(text.as_bytes()).map(|()| 0).map_err(Report::output)
}

/// Refuses a first word that is neither a flag nor a file, but close to a command's name. Everything
/// else is left to `run`, whose errors speak of files. A name of a command's length only looks at the
/// file system when it could be one, so starting a file costs no system call here.
fn check_word(word: &str) -> Result<(), Report> {
    let looks_like_file = word.is_empty() || word.contains(['.', '/', '\\', '-', ':']);
    if looks_like_file || Path::new(word).exists() { Ok(()) } else { Err(unknown_command(word)) }
}

#[cold]
fn unknown_command(word: &str) -> Report {
    let report = Report::usage(format!("`{word}` is neither a command nor a file"));
    match nearest(word, NAMES.iter().copied()) {
        Some(name) => report.hint(format!("did you mean `dunlin {name}`?")),
        None => report.hint("`dunlin --help` lists the commands"),
    }
}
