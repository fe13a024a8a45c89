//! `cargo xtask real`: runs programs that other people compiled, and checks what they print.
//!
//! 1. fetch or build each module ([`programs`]), pinned and cached in the build folder;
//! 2. run it with the release build of `dunlin`, or with the peer that `--with` names, its folder
//!    copied afresh so that a run can write;
//! 3. compare standard output and exit code exactly with the text under `xtask/real`.
//!
//! Apps are served by `dunlin serve` and asked over the wire ([`apps`]).
//!
//! A failure shows the call, which can be pasted. `--bless` writes the expected text from the run;
//! bless with a peer, so that the expectation is not our own word.

pub mod apps;
pub mod case;
pub mod graft;
mod http;
pub mod kotlin;
mod numpy;
pub mod packages;
pub mod programs;
mod ruby;

use std::path::{Path, PathBuf};

use crate::bench::engines::{Engine, Folder, Job};
use crate::error::Error;
use crate::steps::seconds;
use crate::workspace;
use case::Case;
use packages::{folder, sources};
use programs::{PROGRAMS, Program, Run};

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    names: Vec<String>,
    engine: Engine,
    bless: bool,
}

/// Runs `cargo xtask real`.
///
/// # Errors
///
/// When a program cannot be had, or does not do what is expected.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    let request = parse(arguments)?;
    request.engine.install()?;
    let (mut passed, mut failed) = (0, Vec::new());
    for program in PROGRAMS {
        if !request.names.is_empty() && !request.names.iter().any(|name| name == program.name) {
            continue;
        }
        eprintln!("==> {}: {}", program.name, program.about);
        for (title, outcome) in check(program, &request) {
            match outcome {
                Ok(()) => passed += 1,
                Err(error) => {
                    eprintln!("{error}");
                    failed.push(title);
                }
            }
        }
    }
    let apps = match request.engine {
        // A peer has no server that is started in the same way.
        Engine::Dunlin => check_apps(&request),
        _ => Vec::new(),
    };
    for (title, outcome) in apps {
        match outcome {
            Ok(()) => passed += 1,
            Err(error) => {
                eprintln!("{error}");
                failed.push(title);
            }
        }
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = failed.iter().filter_map(|title| title.split('/').next()).collect();
    Err(Error::new(format!("real programs failed: {}", failed.join(", ")))
        .hint(format!("cargo xtask real {}", names[0])))
}

fn parse(arguments: &[String]) -> Result<Request, Error> {
    let mut request = Request { names: Vec::new(), engine: Engine::Dunlin, bless: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--bless" => request.bless = true,
            "--with" => request.engine = Engine::parse(rest.next().map_or("", String::as_str))?,
            name if names().any(|known| known == name) => {
                request.names.push(name.into());
            }
            other => {
                let names: Vec<String> = names().collect();
                return Err(Error::new(format!("unknown argument `{other}`")).hint(format!(
                    "valid programs: {}; --with ENGINE, --bless",
                    names.join(", ")
                )));
            }
        }
    }
    Ok(request)
}

/// The names of all that can be run.
fn names() -> impl Iterator<Item = String> {
    let programs = PROGRAMS.iter().map(|program| program.name.to_owned());
    let apps = apps::APPS.iter().map(|app| app.name.to_owned());
    programs.chain(apps).chain(apps::TEMPLATES.iter().map(|(name, _)| format!("new-{name}")))
}

/// Serves every app that is asked for, and makes every template, each with its title.
fn check_apps(request: &Request) -> Vec<(String, Result<(), Error>)> {
    let wanted = |name: &str| request.names.is_empty() || request.names.iter().any(|n| n == name);
    let mut outcomes = Vec::new();
    for app in apps::APPS.iter().filter(|app| wanted(app.name)) {
        eprintln!("==> {}: {}", app.name, app.about);
        outcomes.push((app.name.to_owned(), app.check()));
    }
    for (template, prepare) in apps::TEMPLATES {
        let name = format!("new-{template}");
        if wanted(&name) {
            eprintln!("==> {name}: `dunlin new --template {template}`, built and served");
            outcomes.push((name, apps::check_template(template, *prepare)));
        }
    }
    outcomes
}

/// Runs every run of a program, each with its title.
fn check(program: &Program, request: &Request) -> Vec<(String, Result<(), Error>)> {
    let prepared = (program.module)().and_then(|module| {
        let module = request.engine.prepare(&module)?;
        Ok((module, work_folder(program.name)?))
    });
    let (module, work) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return vec![(program.name.into(), Err(error))],
    };
    let one = |run: &Run| {
        let title = format!("{}/{}", program.name, run.name);
        let outcome = check_run(program, run, &module, &work, request);
        (title, outcome)
    };
    program.runs.iter().map(one).collect()
}

/// A fresh copy of the program's files, which the guest may change.
fn work_folder(name: &str) -> Result<PathBuf, Error> {
    let (from, to) = (sources().join(name).join("files"), folder().join("work").join(name));
    packages::remove(&to)?;
    packages::create(&to)?;
    if from.is_dir() {
        for file in workspace::files(&from, "")? {
            packages::copy(&file, &to.join(file.strip_prefix(&from).unwrap_or(&file)))?;
        }
    }
    Ok(to)
}

fn check_run(
    program: &Program,
    run: &Run,
    module: &Path,
    work: &Path,
    request: &Request,
) -> Result<(), Error> {
    let here = sources().join(program.name);
    let mut folders = vec![
        Folder { host: work.to_path_buf(), guest: "/data", writable: true },
        Folder { host: here.clone(), guest: "/script", writable: false },
    ];
    if let Some((library, guest)) = program.library {
        folders.push(Folder { host: library()?, guest, writable: false });
    }
    let job = Job {
        arguments: run.arguments,
        folders: &folders,
        environment: run.environment,
        unknown_imports_trap: program.unknown_imports_trap,
        threads: program.threads,
        invoke: None,
    };
    let case = Case {
        input: run.input.map(|input| here.join(input)),
        expected: here.join(format!("{}.expected.txt", run.name)),
        actual: folder().join("work").join(format!("{}-{}.actual.txt", program.name, run.name)),
        exit: run.exit,
    };
    let took = case.check(request.engine.command(module, &job)?, request.bless)?;
    eprintln!("    {}: {}", run.name, seconds(took));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Engine, PROGRAMS, parse};
    use crate::real::packages::sources;

    #[test]
    fn arguments_name_programs_and_an_engine() {
        let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        let request = parse(&words("go rust --with wasmtime")).expect("valid");
        assert_eq!((request.names.len(), request.engine), (2, Engine::Wasmtime));
        let error = parse(&words("perl")).expect_err("no such program").to_string();
        assert!(error.contains("`perl`") && error.contains("sqlite"), "{error}");
        assert!(parse(&words("--with")).is_err(), "an engine is missing");
    }

    #[test]
    fn every_run_has_its_expected_text_and_its_input() {
        for program in PROGRAMS {
            for run in program.runs {
                let folder = sources().join(program.name);
                let expected = folder.join(format!("{}.expected.txt", run.name));
                assert!(expected.is_file(), "{}", expected.display());
                assert!(run.input.is_none_or(|input| folder.join(input).is_file()), "{}", run.name);
            }
        }
    }
}
