//! Folders that nobody but their owner can change.

use std::fs::{DirBuilder, metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Who may do what with a folder of ours: its owner everything, others nothing.
const MODE: u32 = 0o700;

/// The bits by which others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// Creates a folder for files that will be executed, with those above it, or finds it there.
///
/// # Errors
///
/// If it cannot be created, belongs to another user, or others may write in it.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(MODE).create(path)?;
    let found = metadata(path)?;
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if found.uid() != rustix::process::geteuid().as_raw() {
        return refused("the folder belongs to another user");
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return refused("others than its owner may write in the folder");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, remove_dir_all, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::{format, process};

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn a_folder_that_others_may_write_is_refused() {
        let base = std::env::temp_dir().join(format!("dunlin-folder-{}", process::id()));
        let path = base.join("a/b");
        assert!(private_folder(&path).is_ok());
        assert_eq!(metadata(&path).expect("a folder").mode() & 0o777, MODE);
        assert!(private_folder(&path).is_ok(), "found there");
        for mode in [0o720, 0o702, 0o777] {
            set_permissions(&path, Permissions::from_mode(mode)).expect("a folder of ours");
            let error = private_folder(&path).expect_err("others may write");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        remove_dir_all(base).expect("a folder of ours");
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn a_folder_of_another_user_is_refused() {
        let root = Path::new("/proc");
        if rustix::process::geteuid().is_root() || !root.is_dir() {
            return;
        }
        assert!(private_folder(root).is_err());
    }
}
