//! `cargo xtask miri`: the engine's tests under Miri, which finds what unsafe code must not do.
//!
//! Miri takes a thousand times as long as the machine, so this is a choice of tests: those that go
//! through the rooms with unsafe code, without those that fill a stack. The interpreter runs with its
//! loop backend, memories come from the allocator, and pointers are followed by the rules of Stacked
//! Borrows. A nightly toolchain with Miri is needed: this command installs it, `cargo xtask ci` runs
//! the first rows only and skips it where there is none.

use crate::error::Error;
use crate::steps::{capture, program, run as step};
use crate::test::tally;
use std::process::Command;

/// A package and the test programs of it that run.
type Row = (&'static str, &'static [&'static str]);

/// The tests that run: the interpreter through its own door, calls through the API, each in less than a minute;
/// then the rest.
const ROWS: &[Row] = &[
    ("dunlin-interp", &["calls"]),
    ("dunlin", &["calls"]),
    ("dunlin", &["linker", "freeing", "plans", "types"]),
];

/// How many of the rows `cargo xtask ci` runs. What the types' table leads to is seen through the API only.
const BOUNDED: usize = 2;

/// Unit tests that run besides: a package, and a part of their names. The objects' heap is unsafe code from
/// end to end.
const UNITS: &[(&str, &str)] = &[("dunlin-vm", "gc::")];

/// Tests that are left out, by a part of their names: they fill a stack of eight megabytes.
const SKIPPED: &[&str] = &["endless_"];

/// What Miri is told: tests read clocks and files, and frames hold addresses as integers.
const FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-permissive-provenance";

/// What puts a toolchain with Miri on the machine.
const INSTALL: &[&str] = &[
    "toolchain",
    "install",
    "nightly",
    "--profile",
    "minimal",
    "--component",
    "miri",
    "--component",
    "rust-src",
];

/// Runs `cargo xtask miri`; arguments go to the test programs.
///
/// # Errors
///
/// When Miri is not to be had, or finds something, or a test fails.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    if !installed() {
        step("install Miri", &mut program("rustup", INSTALL))?;
    }
    execute(ROWS, arguments)?;
    for (package, part) in UNITS {
        let mut command = miri();
        tally("miri", command.args(["--package", package, "--lib", "--", part]).args(arguments))?;
    }
    Ok(())
}

/// The step of `cargo xtask ci`: the first rows, where Miri is installed.
///
/// # Errors
///
/// When Miri finds something, or a test fails.
pub fn bounded() -> Result<(), Error> {
    if !installed() {
        eprintln!("==> miri: skipped, it is not installed (cargo xtask miri)");
        return Ok(());
    }
    execute(&ROWS[..BOUNDED], &[])
}

fn installed() -> bool {
    capture("miri", &mut program("rustup", &["run", "nightly", "cargo", "miri", "--version"]))
        .is_ok()
}

/// `cargo miri test`, of nothing yet.
fn miri() -> Command {
    let mut command = program("rustup", &["run", "nightly", "cargo", "miri", "test"]);
    command.args(["--no-fail-fast", "--target-dir", "target/miri"]).env("MIRIFLAGS", FLAGS);
    // The toolchain that built this program, and what its build was told, are not Miri's.
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command
}

fn execute(rows: &[Row], arguments: &[String]) -> Result<(), Error> {
    let mut command = miri();
    for (package, tests) in rows {
        command.args(["--package", package]);
        for test in *tests {
            command.args(["--test", test]);
        }
    }
    command.arg("--");
    for name in SKIPPED {
        command.args(["--skip", name]);
    }
    tally("miri", command.args(arguments))
}

#[cfg(test)]
mod tests {
    use super::ROWS;
    use crate::workspace;

    #[test]
    fn every_row_names_tests_that_stand_there() {
        for (package, tests) in ROWS {
            for test in *tests {
                let path = format!("crates/{package}/tests/{test}.rs");
                assert!(workspace::root().join(&path).is_file(), "{path}");
            }
        }
    }
}
