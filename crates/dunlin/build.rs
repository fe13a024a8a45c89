//! Numbers the build by the sources that decide what compiled code means, for artifacts.
//!
//! Two builds of one version may differ while somebody works on the engine, and code that one of them made
//! would be wrong in the other. Published packages lie alone: there the versions tell them apart, and
//! the hash is of this crate's own sources.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates whose sources decide, where they lie beside this one.
const CRATES: &[&str] = &["dunlin", "dunlin-core", "dunlin-module", "dunlin-optimize", "dunlin-vm"];

/// The lock file names the version of the code generator.
const LOCK: &str = "../../Cargo.lock";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_OPTIMIZE").is_none() {
        return;
    }
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    for name in CRATES {
        let folder = match *name {
            "dunlin" => here.join("src"),
            other => here.join("..").join(other).join("src"),
        };
        if folder.is_dir() {
            println!("cargo::rerun-if-changed={}", folder.display());
            collect(&folder, &mut files);
        }
    }
    let lock = here.join(LOCK);
    if lock.is_file() {
        println!("cargo::rerun-if-changed={}", lock.display());
        files.push(lock);
    }
    files.sort();
    let hash = files.iter().filter_map(|path| fs::read(path).ok()).fold(BASIS, |hash, bytes| {
        // The length keeps the ends of files apart.
        add(add(hash, &bytes), &(bytes.len() as u64).to_le_bytes())
    });
    println!("cargo::rustc-env=DUNLIN_BUILD={hash:016x}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// FNV-1a with 64 bits: it tells builds apart, and keeps nobody out.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

fn add(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
