//! Folders, where the system keeps a user's own from others by itself.

use std::io;
use std::path::Path;

/// Creates a folder for files that will be executed, with those above it, or finds it there.
///
/// # Errors
///
/// If it cannot be created.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}
