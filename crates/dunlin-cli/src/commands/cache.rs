//! `dunlin cache`: shows and empties what is kept: machine code and downloaded modules.

use std::ffi::OsString;
use std::io::{self, Write};

use super::Outcome;
use crate::fetch;
use crate::flags::CacheOptions;
use crate::home;
use crate::report::Report;
use crate::values::show_size;

/// What can be done with the cache.
pub(crate) const VERBS: &[&str] = &["list", "clear", "dir"];

/// Letters of a name that are shown: enough to tell entries apart.
const NAME_CHARS: usize = 16;

pub(super) fn run(_: CacheOptions, words: Vec<OsString>, out: &mut dyn Write) -> Outcome {
    let folder = home::folder().map_err(|error| no_cache(&error))?;
    match words.first().and_then(|word| word.to_str()) {
        Some("dir") => writeln!(out, "{}", folder.display()).map_err(Report::output)?,
        Some("list") => list(out)?,
        _ => {
            if let Some(cache) = home::code_cache() {
                cache
                    .clear()
                    .map_err(|error| Report::engine("cannot remove all machine code", &error))?;
            }
            fetch::clear().map_err(|error| {
                Report::failure("cannot remove all downloaded modules").cause(error)
            })?;
        }
    }
    Ok(0)
}

/// One line each, those unused for longest first, and how much it all is.
fn list(out: &mut dyn Write) -> Result<(), Report> {
    let mut rows = Vec::new();
    if let Some(cache) = home::code_cache() {
        let entries =
            cache.entries().map_err(|error| Report::engine("cannot read the cache", &error))?;
        rows.extend(entries.into_iter().map(|entry| ("code", entry.bytes, entry.name)));
    }
    let modules = fetch::kept().map_err(|error| no_cache(&error))?;
    rows.extend(modules.into_iter().map(|(bytes, name)| ("module", bytes, name)));
    for (kind, bytes, name) in &rows {
        let name: String = name.chars().take(NAME_CHARS).collect();
        writeln!(out, "{kind:6}  {:>10}  {name}", show_size(*bytes)).map_err(Report::output)?;
    }
    let total: u64 = rows.iter().map(|(_, bytes, _)| bytes).sum();
    writeln!(out, "{} entries, {}", rows.len(), show_size(total)).map_err(Report::output)
}

#[cold]
fn no_cache(error: &io::Error) -> Report {
    Report::failure("there is no cache").cause(error)
}
