//! What is done with paths beneath open directories, whoever asks: looking, linking, moving, removing.
//!
//! Every path is resolved beneath its directory by `cap-std`; what would lead out is `NOTCAPABLE`. That a
//! directory may be changed is checked where it is looked up, before anything here is called.

use std::io;
use std::path::Path;

use cap_fs_ext::DirExt as _;
use cap_std::fs::Dir;

use crate::errno::Errno;
use crate::limits::Limits;
use crate::table::filestat;
use crate::times::Times;
use crate::types::FileStat;

type Result<T = ()> = std::result::Result<T, Errno>;

/// A path that names something beneath a directory, within the limit.
///
/// # Errors
/// `NAMETOOLONG`, `NOENT` for no name, `INVAL` for a NUL, which would end the name early on the host.
pub(crate) fn checked<'a>(path: &'a str, limits: &Limits) -> Result<&'a str> {
    if !u32::try_from(path.len()).is_ok_and(|len| len <= limits.path_bytes_max) {
        return Err(Errno::Nametoolong);
    }
    if path.contains('\0') {
        return Err(Errno::Inval);
    }
    if path.is_empty() { Err(Errno::Noent) } else { Ok(path) }
}

/// Whether a path says by its end that it names a directory: then a link in the last place is
/// followed whatever the flags, as POSIX has it.
fn names_directory(path: &str) -> bool {
    path.ends_with('/')
}

/// What is known of the file at a path.
pub(crate) fn stat(dir: &Dir, path: &str, follows: bool) -> Result<FileStat> {
    let follows = follows || names_directory(path);
    Ok(filestat(&if follows { dir.metadata(path)? } else { dir.symlink_metadata(path)? }))
}

/// Sets the times of the file at a path.
pub(crate) fn set_times(dir: &Dir, path: &str, follows: bool, times: Times) -> Result {
    let (atim, mtim) = (times.atim.spec(), times.mtim.spec());
    if follows || names_directory(path) {
        Ok(dir.set_times(path, atim, mtim)?)
    } else {
        Ok(dir.set_symlink_times(path, atim, mtim)?)
    }
}

/// Where a symbolic link points. A link to an absolute path of the host is `NOTCAPABLE`: it could not be followed.
pub(crate) fn read_link(dir: &Dir, path: &str) -> Result<String> {
    dir.read_link(path)?.into_os_string().into_string().map_err(|_| Errno::Ilseq)
}

/// Moves a file or a directory, over what is there.
pub(crate) fn rename(old_dir: &Dir, old_path: &str, new_dir: &Dir, new_path: &str) -> Result {
    // A slash at the end of either name says that a directory is moved; not all systems hold to it.
    if names_directory(old_path) || names_directory(new_path) {
        let bare = old_path.trim_end_matches('/');
        require_directory(old_dir, bare)?;
    }
    Ok(old_dir.rename(old_path, new_dir, new_path)?)
}

/// Refuses what is not a directory itself; a link to one is none.
fn require_directory(dir: &Dir, path: &str) -> Result {
    if dir.symlink_metadata(path)?.is_dir() { Ok(()) } else { Err(Errno::Notdir) }
}

/// Makes a symbolic link. Where it points is text, which is judged when it is followed; an absolute
/// path is refused at once, since it could never be followed.
pub(crate) fn symlink(dir: &Dir, target: &str, path: &str) -> Result {
    if target.starts_with('/') || Path::new(target).has_root() {
        return Err(Errno::Notcapable);
    }
    Ok(cap_fs_ext::DirExt::symlink(dir, target, path)?)
}

/// Removes a file or a link.
pub(crate) fn unlink(dir: &Dir, path: &str) -> Result {
    match dir.remove_file_or_symlink(path) {
        // Some systems call a directory that is to be unlinked forbidden.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let is_dir = dir.symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
            Err(if is_dir { Errno::Isdir } else { error.into() })
        }
        other => Ok(other?),
    }
}
