//! What differs between systems: where a user's cache is.

use std::path::PathBuf;

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
