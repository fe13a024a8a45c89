//! `dunlin validate`: one verdict a file.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use dunlin::{Config, Engine, ErrorKind, Module};
use dunlin_component::Component;

use super::{Outcome, source};
use crate::flags::ValidateOptions;
use crate::report::{Clean, Report};

pub(super) fn run(options: ValidateOptions, files: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    let engine = Engine::new(Config::new().features(options.features))
        .map_err(|error| Report::engine("cannot start the engine", &error))?;
    let mut code = 0;
    for file in &files {
        let shown = file.to_string_lossy();
        // One bad file does not keep the others from their verdict.
        match verdict(&engine, file) {
            Ok(None) => writeln!(out, "{}: valid", Clean(&shown)).map_err(Report::output)?,
            Ok(Some(why)) => {
                code = 1;
                write!(out, "{}: invalid: ", Clean(&shown)).map_err(Report::output)?;
                // The text format's errors show the place in further lines.
                for line in why.lines() {
                    writeln!(out, "{}", Clean(line)).map_err(Report::output)?;
                }
            }
            Err(report) => code = report.print(),
        }
    }
    Ok(code)
}

/// Nothing for a valid module, or what is wrong with it.
fn verdict(engine: &Engine, file: &OsStr) -> Result<Option<String>, Report> {
    let bytes = source::read(file)?;
    let validated = match Component::is_component(&bytes) || Component::is_text(&bytes) {
        true => Component::validate(engine, &bytes),
        false => Module::validate(engine, &bytes),
    };
    match validated {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Invalid => Ok(Some(source::show_invalid(&error))),
        Err(error) => {
            Err(Report::engine(format!("cannot validate `{}`", file.to_string_lossy()), &error))
        }
    }
}
