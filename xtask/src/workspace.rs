//! Where things are: the workspace's root, its build folder, its crates, the conformance suites.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The folder of the root manifest.
pub fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_path_buf)
}

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The release build of the `dunlin` program.
pub fn dunlin() -> PathBuf {
    dunlin_in(&target())
}

/// The release build of the `dunlin` program in a build folder.
pub fn dunlin_in(target: &Path) -> PathBuf {
    target.join("release").join(format!("dunlin{}", std::env::consts::EXE_SUFFIX))
}

/// The conformance suites, where `DUNLIN_SUITES` names a folder that stands.
pub fn suites() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("DUNLIN_SUITES")?);
    folder.is_dir().then_some(folder)
}

/// Reads a text file, naming it when that fails.
pub fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path)
        .map_err(|cause| Error::new(format!("cannot read `{}`", path.display())).cause(cause))
}

/// Writes a text file, naming it when that fails.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text)
        .map_err(|cause| Error::new(format!("cannot write `{}`", path.display())).cause(cause))
}

/// Every file below `folder` whose name ends in `suffix`, sorted, build folders left out.
pub fn files(folder: &Path, suffix: &str) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|cause| {
            Error::new(format!("cannot list `{}`", folder.display())).cause(cause)
        })?;
        for entry in entries {
            let entry = entry.map_err(|cause| {
                Error::new(format!("cannot list `{}`", folder.display())).cause(cause)
            })?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && name != "target" && !name.starts_with('.') {
                open.push(path);
            } else if !is_folder && name.ends_with(suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
