//! What the program keeps of a user's: the caches, and the secret that artifacts are sealed with.
//!
//! ```text
//! dunlin/modules/    downloads (`fetch/cache.rs`)
//! dunlin/code/       machine code of modules (the library's `Cache`)
//! dunlin/key/secret  32 random bytes, made at first use
//! ```
//!
//! All are folders that only their owner may write; nothing is created before it is needed. Who removes
//! the secret loses no work: artifacts are refused then, and compiled again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dunlin::{ArtifactKey, Cache};
use ring::rand::{SecureRandom, SystemRandom};

use crate::report::{Report, warn};
use crate::sys;

/// Bytes of the secret.
const SECRET_BYTES: usize = 32;

/// Where everything of ours is.
///
/// # Errors
///
/// When the environment names no place for it.
pub(crate) fn folder() -> io::Result<PathBuf> {
    sys::user_cache_folder()
        .map(|home| home.join("dunlin"))
        .ok_or_else(|| io::Error::other("neither `XDG_CACHE_HOME` nor `HOME` is set"))
}

/// The cache of machine code, or nothing where it cannot be had; why is said on standard error.
pub(crate) fn code_cache() -> Option<Cache> {
    // Without a home there is no cache, and nobody expects one.
    let folder = folder().ok()?.join("code");
    match Cache::open(&folder) {
        Ok(cache) => Some(cache),
        Err(error) => {
            let folder = folder.display();
            warn(&format!("machine code is not cached in `{folder}`: {error}"));
            None
        }
    }
}

/// The user's secret, or that of a file.
///
/// # Errors
///
/// When it cannot be read or made.
pub(crate) fn key(named: Option<&Path>) -> Result<ArtifactKey, Report> {
    let secret = match named {
        Some(path) => fs::read(path).map_err(|error| {
            Report::failure(format!("cannot read the key `{}`", path.display())).cause(error)
        })?,
        None => secret().map_err(|error| {
            Report::failure("cannot have a key for compiled modules")
                .cause(error)
                .hint("`--key FILE` names a file with a secret")
        })?,
    };
    if secret.len() < SECRET_BYTES {
        let named = named.unwrap_or(Path::new("key")).display();
        return Err(Report::failure(format!("the key `{named}` is too short"))
            .cause(format!("it has {} bytes; {SECRET_BYTES} random ones are a key", secret.len()))
            .hint("`head -c 32 /dev/urandom > key` makes one"));
    }
    Ok(ArtifactKey::from_secret(&secret))
}

fn secret() -> io::Result<Vec<u8>> {
    let folder = folder()?.join("key");
    dunlin_vm::sys::private_folder(&folder)?;
    let path = folder.join("secret");
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let mut secret = vec![0; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| io::Error::other("the system gives no random numbers"))?;
    // Complete before it has its name; and of several processes the first gives it.
    let partial = folder.join(format!("{}.partial", std::process::id()));
    let _ = fs::remove_file(&partial);
    File::options().write(true).create_new(true).open(&partial)?.write_all(&secret)?;
    let linked = fs::hard_link(&partial, &path);
    let _ = fs::remove_file(&partial);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read(&path),
    }
}
