//! `cargo xtask dist`: the program as it is meant to be handed out, in `target/dist/`.
//!
//! Linked statically, it starts in half the processor time: a dynamic loader and its libraries cost more
//! than running a small guest does. Cargo cannot say this in a profile (the flag must not reach
//! procedural macros), so the flag goes to the program's own compilation alone.

use std::fs;

use crate::error::Error;
use crate::steps::{cargo, run as step};
use crate::workspace;

/// Runs `cargo xtask dist`.
///
/// # Errors
///
/// When arguments are given, the build fails, or the program cannot be copied.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    if !arguments.is_empty() {
        return Err(Error::new(format!("unknown arguments `{}`", arguments.join(" ")))
            .hint("cargo xtask dist"));
    }
    let mut build = cargo(&["rustc", "--release", "--package", "dunlin-cli", "--bin", "dunlin"]);
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        build.args(["--", "-C", "target-feature=+crt-static"]);
    }
    step("dist", &mut build)?;
    let name = format!("dunlin{}", std::env::consts::EXE_SUFFIX);
    let (from, folder) =
        (workspace::target().join("release").join(&name), workspace::target().join("dist"));
    let to = folder.join(&name);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(&from, &to))
        .map_err(|cause| Error::new(format!("cannot write `{}`", to.display())).cause(cause))?;
    println!("{}", to.display());
    Ok(())
}
