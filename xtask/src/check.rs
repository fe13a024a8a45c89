//! `cargo xtask check`: everything that can be judged without running the engine.

use crate::error::Error;
use crate::steps::{capture, cargo, program, run as step};
use crate::tidy;

/// A target without an operating system, which proves that the core needs no `std`.
const BARE_TARGET: &str = "thumbv7em-none-eabihf";

/// Runs `cargo xtask check`.
///
/// # Errors
///
/// When a step fails; later steps are not run.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    if !arguments.is_empty() {
        return Err(Error::new(format!("unknown arguments `{}`", arguments.join(" ")))
            .hint("cargo xtask check"));
    }
    step("format", &mut cargo(&["fmt", "--all", "--check"]))
        .map_err(|error| error.hint("cargo fmt --all"))?;
    tidy::run(&[])?;
    step(
        "clippy",
        &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]),
    )?;
    deny()?;
    // The library and the program are both called `dunlin`; the program's pages would overwrite the
    // library's.
    step(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "--deny warnings"),
    )?;
    install_target(BARE_TARGET)?;
    step(
        "without std",
        &mut cargo(&[
            "build",
            "--package",
            "dunlin",
            "--no-default-features",
            "--target",
            BARE_TARGET,
        ]),
    )
}

/// Judges licences and advisories where cargo-deny is installed; `tidy` judges the rest of
/// `deny.toml` everywhere.
fn deny() -> Result<(), Error> {
    if capture("cargo-deny", &mut cargo(&["deny", "--version"])).is_err() {
        eprintln!("==> deny: skipped, cargo-deny is not installed (cargo install cargo-deny)");
        return Ok(());
    }
    step("deny", &mut cargo(&["deny", "check"]))
}

/// Installs the standard library of a target unless it is there.
///
/// # Errors
///
/// When `rustup` is missing or cannot download.
pub fn install_target(target: &str) -> Result<(), Error> {
    let list = capture("targets", &mut program("rustup", &["target", "list", "--installed"]))?;
    if list.lines().any(|line| line.trim() == target) {
        return Ok(());
    }
    step("install a target", &mut program("rustup", &["target", "add", target]))
}
