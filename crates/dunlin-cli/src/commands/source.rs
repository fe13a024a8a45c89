//! Where modules come from: files, standard input, URLs.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use dunlin::{Engine, ErrorKind, Module};
use dunlin_component::Component;

use crate::fetch::{self, Fetched};
use crate::report::Report;
use crate::values::show_offset;

/// Bytes read from standard input or a pipe: the engine's bound on a module, and one more, so that
/// the engine sees that it is too long.
const STREAM_BYTES_MAX: u64 = (1 << 30) + 1;

/// Bytes from which a component's text is known: comments before it are seldom longer.
const COMPONENT_BEGIN: u64 = 4096;

/// Loads what a word of the command line names: a URL, `-`, or a file.
///
/// # Errors
///
/// When it cannot be had, or is no valid module.
pub(super) fn load(engine: &Engine, word: &OsStr, download_max: u64) -> Result<Module, Report> {
    let shown = word.to_string_lossy();
    let module = match word.to_str() {
        Some("-") => Module::new(engine, standard_input()?),
        Some(url) if fetch::is_url(url) => match fetch::fetch(url, download_max)? {
            Fetched::File(path) => Module::from_file(engine, path),
            Fetched::Bytes(bytes) => Module::new(engine, bytes),
        },
        // Only plain files can be mapped; pipes and devices are read.
        _ if is_plain_file(Path::new(word))? => match is_artifact(word) {
            true => Module::deserialize_file(engine, word),
            false => Module::from_file(engine, word),
        },
        _ => Module::new(engine, stream(Path::new(word))?),
    };
    module.map_err(|error| refused(&shown, &error))
}

/// What can be run.
pub(super) enum Loaded {
    Module(Module),
    Component(Component),
}

/// Loads what a word of the command line names, as [`load`] does, and tells modules from components by content.
///
/// # Errors
///
/// When it cannot be had, or is not valid.
pub(super) fn load_any(engine: &Engine, word: &OsStr, download_max: u64) -> Result<Loaded, Report> {
    let shown = word.to_string_lossy();
    let bytes = match word.to_str() {
        Some("-") => standard_input()?,
        Some(url) if fetch::is_url(url) => match fetch::fetch(url, download_max)? {
            Fetched::File(path) => match component(path.as_os_str())? {
                Some(bytes) => bytes,
                None => {
                    let module = Module::from_file(engine, path);
                    return module.map(Loaded::Module).map_err(|error| refused(&shown, &error));
                }
            },
            Fetched::Bytes(bytes) => bytes,
        },
        _ if is_plain_file(Path::new(word))? => match component(word)? {
            Some(bytes) => bytes,
            None => return load(engine, word, download_max).map(Loaded::Module),
        },
        _ => stream(Path::new(word))?,
    };
    if Component::is_component(&bytes) || Component::is_text(&bytes) {
        let component = Component::new(engine, bytes);
        return component.map(Loaded::Component).map_err(|error| refused_component(&shown, &error));
    }
    let module = Module::new(engine, bytes).map_err(|error| refused(&shown, &error))?;
    Ok(Loaded::Module(module))
}

/// Whether a word names a file that `dunlin compile` made. Nothing else is taken for one: what comes
/// over the network or a pipe is never machine code.
pub(super) fn is_artifact(word: &OsStr) -> bool {
    let is_named = word != "-" && !word.to_str().is_some_and(fetch::is_url);
    let begins = || {
        let mut begin = [0; 8];
        fs::File::open(word)?.read_exact(&mut begin)?;
        io::Result::Ok(Module::is_artifact(&begin))
    };
    is_named && is_plain_file(Path::new(word)).unwrap_or(false) && begins().unwrap_or(false)
}

/// The binary of a component, if a word names a file that is one; text becomes binary.
///
/// # Errors
///
/// When the file cannot be read.
pub(super) fn component(word: &OsStr) -> Result<Option<Vec<u8>>, Report> {
    let is_named = word != "-" && !word.to_str().is_some_and(fetch::is_url);
    if !is_named || !is_plain_file(Path::new(word))? {
        return Ok(None);
    }
    let mut begin = Vec::with_capacity(COMPONENT_BEGIN as usize);
    fs::File::open(word)
        .and_then(|file| file.take(COMPONENT_BEGIN).read_to_end(&mut begin))
        .map_err(|error| unreadable(Path::new(word), &error))?;
    if Component::is_component(&begin) {
        return read(word).map(Some);
    }
    if !Component::is_text(&begin) {
        return Ok(None);
    }
    let binary = Component::text_to_binary(&read(word)?);
    binary.map(Some).map_err(|error| refused_component(&word.to_string_lossy(), &error))
}

/// The bytes of `-` or a file.
///
/// # Errors
///
/// When they cannot be read.
pub(super) fn read(word: &OsStr) -> Result<Vec<u8>, Report> {
    match word.to_str() {
        Some("-") => standard_input(),
        _ if is_plain_file(Path::new(word))? => {
            fs::read(word).map_err(|error| unreadable(Path::new(word), &error))
        }
        _ => stream(Path::new(word)),
    }
}

/// What the guest's `argv[0]` is: the last part of a file's path or of a URL's.
pub(super) fn program_name(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let path = match fetch::is_url(&text) {
        true => text.split(['?', '#']).next().unwrap_or(&text),
        false => &text,
    };
    let name = path.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or(path);
    if name.is_empty() { text.into_owned() } else { name.to_owned() }
}

/// How people read where a module is wrong.
pub(super) fn show_invalid(error: &dunlin::Error) -> String {
    let text = error.to_string();
    match error.offset() {
        Some(offset) if !text.contains("offset") => format!("{text} ({})", show_offset(offset)),
        _ => text,
    }
}

fn is_plain_file(path: &Path) -> Result<bool, Report> {
    let data = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if data.is_dir() {
        return Err(Report::failure(format!("cannot read `{}`", path.display()))
            .cause("it is a folder")
            .hint(format!("`ls {}` shows the files in it", path.display())));
    }
    Ok(data.is_file())
}

fn standard_input() -> Result<Vec<u8>, Report> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(STREAM_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| Report::failure("cannot read standard input").cause(error))?;
    Ok(bytes)
}

fn stream(path: &Path) -> Result<Vec<u8>, Report> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(STREAM_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

#[cold]
fn unreadable(path: &Path, error: &io::Error) -> Report {
    let report = Report::failure(format!("cannot read `{}`", path.display())).cause(error);
    match error.kind() {
        io::ErrorKind::NotFound => report.hint("`dunlin --help` shows how to name a module"),
        _ => report,
    }
}

/// A component that cannot be read.
#[cold]
pub(super) fn refused_component(shown: &str, error: &dunlin::Error) -> Report {
    Report::failure(format!("`{shown}` is not a valid component")).cause(show_invalid(error))
}

#[cold]
fn refused(shown: &str, error: &dunlin::Error) -> Report {
    if error.kind() == ErrorKind::Invalid {
        return Report::failure(format!("`{shown}` is not a valid module"))
            .cause(show_invalid(error));
    }
    let report = Report::engine(format!("cannot load `{shown}`"), error);
    match error.kind() {
        ErrorKind::Artifact => report
            .hint("`dunlin compile` makes it anew from the module; `--key FILE` opens another's"),
        ErrorKind::Usage => report.hint("leave out `--tier` and `--profile`"),
        _ => report,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_called_by_their_last_name() {
        for (word, name) in [
            ("app.wasm", "app.wasm"),
            ("/a/b/app.wasm", "app.wasm"),
            ("https://a.example/b/app.wasm?x=/y#z", "app.wasm"),
            ("https://a.example/", "https://a.example/"),
            ("-", "-"),
        ] {
            assert_eq!(program_name(OsStr::new(word)), name, "{word}");
        }
    }
}
