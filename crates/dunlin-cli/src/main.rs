//! The `dunlin` program: runs, validates and inspects WebAssembly.
//!
//! This crate parses arguments, prints, and turns outcomes into exit codes; everything about
//! WebAssembly is the `dunlin` library's business. Results go to standard output, talk to standard
//! error. It starts no thread, opens no file and reads no setting that its arguments do not ask for,
//! since a guest's start-up time begins with ours.
//!
//! Reading order: [`flags`] (what can be asked, as rows), [`args`] (the parser and the help screens
//! that those rows drive), [`commands`] (one file each), [`fetch`] (modules from URLs), [`home`]
//! (caches and keys), [`report`]
//! (errors and exit codes).
#![forbid(unsafe_code)]

mod args;
mod commands;
mod fetch;
mod flags;
mod home;
mod progress;
mod report;
mod serve_flags;
mod sys;
mod values;

use std::io::Write;

fn main() {
    let arguments = std::env::args_os().skip(1).collect();
    let mut out = std::io::stdout();
    let outcome = commands::dispatch(arguments, &mut out)
        .and_then(|code| out.flush().map_err(report::Report::output).map(|()| code));
    let code = outcome.unwrap_or_else(|report| report.print());
    // Leaving at once skips the unmapping of memories and modules, which the system does faster.
    std::process::exit(code);
}
