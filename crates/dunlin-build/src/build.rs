//! From an app's sources to the component that is served.

use crate::error::Error;
use crate::languages;
use crate::project::Recipe;
use crate::strip::strip;
use dunlin::Engine;
use dunlin_component::Component;
use std::fs;
use std::path::{Path, PathBuf};

/// An app that has been built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Where it is.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// How much larger it would be with what has been taken away.
    pub stripped_bytes: u64,
}

/// Builds an app: compiles it, makes a component of a module, checks it, and takes away names and what debuggers read,
/// unless `debug` says that they stay.
///
/// # Errors
///
/// If a tool is missing or fails, or what they made is no component that is valid, or cannot be written.
pub fn build(recipe: &Recipe, debug: bool) -> Result<Built, Error> {
    let made = languages::compile(recipe)?;
    let bytes = fs::read(&made)
        .map_err(|error| Error::new(format!("cannot read `{}`", made.display())).cause(error))?;
    let whole = component(bytes, &made)?;
    let kept = match debug {
        true => whole.clone(),
        false => strip(&whole).map_err(|error| refused(&made, &error))?,
    };
    write(&recipe.path, &kept)?;
    let stripped_bytes = (whole.len() - kept.len().min(whole.len())) as u64;
    Ok(Built { path: recipe.path.clone(), bytes: kept.len() as u64, stripped_bytes })
}

/// The component that the tools made, or that the module becomes which they made.
fn component(bytes: Vec<u8>, made: &Path) -> Result<Vec<u8>, Error> {
    let whole = match Component::is_component(&bytes) {
        true => bytes,
        false => dunlin_wasi::componentize(&bytes).map_err(|error| refused(made, &error))?,
    };
    Component::validate(&Engine::default(), &whole).map_err(|error| refused(made, &error))?;
    Ok(whole)
}

#[cold]
fn refused(made: &Path, error: &dunlin::Error) -> Error {
    let refused = Error::new(format!("`{}` cannot be used", made.display())).cause(error);
    match error.offset() {
        Some(offset) => refused.cause(format!("at offset {offset:#x}")),
        None => refused,
    }
}

/// Writes a file so that nobody finds half of it: a server may watch it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let folder = path.parent().unwrap_or(Path::new(""));
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&aside, bytes))
        .and_then(|()| fs::rename(&aside, path));
    written.map_err(|error| Error::new(format!("cannot write `{}`", path.display())).cause(error))
}

#[cfg(test)]
mod tests {
    use super::{component, write};
    use std::path::Path;

    #[test]
    fn what_is_no_component_and_cannot_become_one_is_refused() {
        let made = Path::new("app.wasm");
        let module = wat::parse_str("(module)").expect("valid");
        let error = component(module, made).expect_err("it says nothing of interfaces");
        assert_eq!(error.what(), "`app.wasm` cannot be used");
        component(b"rubbish".to_vec(), made).expect_err("no binary");
        let bad = b"\0asm\x0d\0\x01\0\x01\x01".to_vec();
        component(bad, made).expect_err("it ends too early");
        let good = wat::parse_str("(component (core module))").expect("valid");
        assert_eq!(component(good.clone(), made).expect("a component"), good);
    }

    #[test]
    fn a_program_for_wasi_01_becomes_a_component() {
        let text = r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "_start") (call $exit (i32.const 3))))"#;
        let made = component(wat::parse_str(text).expect("valid"), Path::new("app.wasm"));
        assert!(dunlin_component::Component::is_component(&made.expect("a component")));
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("out").join("app.wasm");
        write(&path, b"one").expect("written");
        write(&path, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(std::fs::read_dir(place.path().join("out")).expect("there").count(), 1);
    }
}
