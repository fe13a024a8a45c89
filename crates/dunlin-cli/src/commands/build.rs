//! `dunlin build`: apps from their sources.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use dunlin_build::{Project, build};

use super::Outcome;
use crate::app_flags::BuildOptions;
use crate::report::{Clean, Report, say};
use crate::values::show_size;

pub(super) fn run(options: BuildOptions, words: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    let folder = words.first().map_or_else(PathBuf::new, PathBuf::from);
    let file = folder.join(options.config.unwrap_or_else(|| PathBuf::from("dunlin.toml")));
    let project = Project::read(&file).map_err(Report::building)?;
    for recipe in &project.recipes {
        say(&format!("building `{}` ({})", recipe.name, recipe.language.name()));
        let built = build(recipe, options.debug).map_err(Report::building)?;
        let (path, size) = (built.path.to_string_lossy(), show_size(built.bytes));
        writeln!(out, "{}: {size}", Clean(&path)).map_err(Report::output)?;
    }
    Ok(0)
}
