//! What differs between systems: where a user's cache is, and how a folder is kept to its owner.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the system keeps what can be had again: `XDG_CACHE_HOME` if absolute (as its specification
/// demands), `~/.cache`, or Windows' local data.
pub(crate) fn user_cache_folder() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    if let Some(folder) = named.filter(|folder| folder.is_absolute()) {
        return Some(folder);
    }
    if cfg!(windows) {
        return std::env::var_os("LOCALAPPDATA").map(PathBuf::from);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    home.filter(|home| home.is_absolute()).map(|home| home.join(".cache"))
}

/// Creates a folder that nobody else may write: what is in it will be executed.
///
/// # Errors
///
/// When it cannot be created.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
