//! `dunlin new`: an app from a template.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use dunlin_build::create;

use super::Outcome;
use crate::app_flags::NewOptions;
use crate::report::{Clean, Report};

pub(super) fn run(options: NewOptions, words: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    let folder = words.first().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = match folder == Path::new(".") {
        true => std::env::current_dir()
            .map_err(|error| Report::failure("cannot find this folder").cause(error))?,
        false => folder,
    };
    let created = create(&folder, options.template).map_err(Report::building)?;
    for file in &created.files {
        let path = created.folder.join(file);
        writeln!(out, "{}", Clean(&path.to_string_lossy())).map_err(Report::output)?;
    }
    Ok(0)
}
