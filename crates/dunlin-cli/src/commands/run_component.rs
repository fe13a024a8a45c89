//! `dunlin run` of a component: a command, which exports `wasi:cli/run`.
//!
//! It is given what a module is given: the streams, its arguments, and what the flags grant.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use dunlin::{Engine, Error, ErrorKind, Store, StoreLimits};
use dunlin_component::{Component, Linker};
use dunlin_wasi::preview2::{self, ComponentCtx};

use super::deadline::Deadline;
use super::run::{self, Ended};
use super::{Outcome, source};
use crate::flags::{RunOptions, UnknownImports};
use crate::report::Report;

/// The interface that a command exports, and the beginning of its versions that are understood.
const RUN: &str = "wasi:cli/run";
const VERSIONS: &str = "@0.2.";

/// The store's data: what the component was granted, and its bounds.
struct Host {
    wasi: ComponentCtx,
    limits: StoreLimits,
}

/// Runs a command component, whose file's name is `file`.
pub(super) fn run(
    engine: &Engine,
    component: &Component,
    options: &RunOptions,
    (file, arguments): (&OsStr, &[OsString]),
) -> Outcome {
    let shown = file.to_string_lossy();
    refuse_flags(options, &shown)?;
    let export = command(component, &shown)?;
    let deadline = Deadline::default();
    let arguments = run::texts(arguments)?;
    let wasi = run::wasi(options, source::program_name(file), &arguments, &deadline)?;
    let wasi = ComponentCtx::new(wasi);
    let mut store = Store::new(engine, Host { wasi, limits: run::limits(options) });
    store.limiter(|host| &mut host.limits);
    let failed = |error: Error| Report::engine(format!("cannot run `{shown}`"), &error);
    if let Some(fuel) = options.fuel {
        store.set_fuel(fuel).map_err(failed)?;
    }
    let mut linker = Linker::new(engine);
    preview2::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi).map_err(failed)?;
    if options.unknown_imports == UnknownImports::Trap {
        linker.define_unknown_imports_as_traps(component);
    }
    if let Some(span) = options.timeout {
        start(&deadline, span, &store, &shown)?;
    }
    let ended = execute(&mut store, &linker, component, &shown, &export);
    deadline.finish();
    let code = match ended {
        Ok(Ok(())) => run::exit_code(&shown, Ok(()), options, &deadline),
        // The command has said itself what is wrong.
        Ok(Err(())) => run::exit_code(&shown, Ok(()), options, &deadline).map(|_| 1),
        Err(ended) => run::exit_code(&shown, Err(ended), options, &deadline),
    };
    // The process ends now, and the system takes back at once what would be given up piece by piece.
    std::mem::forget((store, linker));
    code
}

fn start(
    deadline: &Deadline,
    span: Duration,
    store: &Store<Host>,
    shown: &str,
) -> Result<(), Report> {
    let handle = store.interrupt_handle();
    deadline
        .start(span, move || handle.interrupt(), shown)
        .map_err(|error| Report::failure("cannot start the clock of `--timeout`").cause(error))
}

/// Instantiates a component and calls its `run`; what that answered.
fn execute(
    store: &mut Store<Host>,
    linker: &Linker<Host>,
    component: &Component,
    shown: &str,
    export: &str,
) -> Result<Result<(), ()>, Ended> {
    let link = |error: Error| Ended::Link(cannot_link(shown, &error));
    let instance =
        linker.instantiate(&mut *store, component).map_err(|error| match error.kind() {
            // With frames, it comes from a start function, which runs while instantiating.
            ErrorKind::Link | ErrorKind::Usage | ErrorKind::Resource
                if error.backtrace().is_none() =>
            {
                link(error)
            }
            _ => Ended::Guest(error),
        })?;
    let run = instance.get_instance(&mut *store, export);
    let run = run.ok_or_else(|| Error::msg(format!("the export `{export}` is gone")));
    let run = run.and_then(|run| run.get_typed_func::<(), Result<(), ()>>(&mut *store, "run"));
    run.map_err(link)?.call(&mut *store, ()).map_err(Ended::Guest)
}

/// The name under which a component exports what a command does.
fn command(component: &Component, shown: &str) -> Result<String, Report> {
    let versions =
        || component.exports().filter_map(|(name, _)| Some((name, name.strip_prefix(RUN)?)));
    if let Some((name, _)) = versions().find(|(_, version)| version.starts_with(VERSIONS)) {
        return Ok(name.to_owned());
    }
    let report = Report::usage(format!("`{shown}` is not a command: it exports no `{RUN}`"));
    let report = match versions().next() {
        Some((name, _)) => report.cause(format!("`{name}` is of a version that is not understood")),
        None => report,
    };
    Err(report.hint(format!("`dunlin inspect {shown}` shows what it exports")))
}

/// Refuses flags that say something of modules only.
fn refuse_flags(options: &RunOptions, shown: &str) -> Result<(), Report> {
    let flags = [
        ("--invoke", options.invoke.is_some()),
        ("--threads", options.threads),
        ("--preload", !options.preload.is_empty()),
        ("--unknown-imports default", options.unknown_imports == UnknownImports::Default),
        ("--profile-out", options.profile_out.is_some()),
        ("--stats", options.stats),
    ];
    match flags.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(Report::usage(format!("`{flag}` is for modules"))
            .cause(format!("`{shown}` is a component"))
            .hint(format!("leave out `{flag}`"))),
        None => Ok(()),
    }
}

#[cold]
fn cannot_link(shown: &str, error: &Error) -> Report {
    let report = Report::engine(format!("cannot instantiate `{shown}`"), error);
    match error.kind() {
        ErrorKind::Link => report.hint("`--unknown-imports trap` runs without what is unknown"),
        _ => report,
    }
}
