//! `cargo xtask sanitize`: tests of what threads share, under a thread sanitizer, which finds accesses that race.
//!
//! The sanitizer sees what is compiled with it: the engine, the interpreter and the standard library, which is built
//! anew for that. It does not see code that the engine makes itself, so that guests that share memory
//! are interpreted here. Nor does it see system calls, but the C library's functions for them, by which memory is
//! asked for here: else what one thread gives back and another is given would be one piece of memory to it. Guests that
//! race on purpose would be found:
//! no test here has one. A nightly toolchain with the library's sources is needed: this command installs it.

use crate::error::Error;
use crate::steps::{program, run as step};
use crate::test::tally;

/// Test programs of a package, with features: the library's own tests where there is no name.
type Row = (&'static str, &'static str, Option<&'static str>);

/// What runs: waits, growth, pools and the map of native code by themselves; guests on several threads, with the
/// engine's types and functions that are prepared while others run; the litmus tests; with the
/// compilers, code that is made and cached while others run, and functions and loops that go on in it.
const ROWS: &[Row] = &[
    ("dunlin-vm", "native", None),
    ("dunlin", "", Some("threads")),
    ("dunlin", "", Some("litmus")),
    ("dunlin", "", Some("types")),
    ("dunlin", "optimize", Some("threads")),
    ("dunlin", "optimize", Some("tier_up")),
];

/// What code is built with.
const FLAGS: &str = "-Zsanitizer=thread --cfg=rustix_use_libc";

/// The only target that this is for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What puts the toolchain on the machine.
const INSTALL: &[&str] =
    &["toolchain", "install", "nightly", "--profile", "minimal", "--component", "rust-src"];

/// Runs `cargo xtask sanitize`; arguments go to the test programs.
///
/// # Errors
///
/// When the toolchain is not to be had, or the sanitizer finds something, or a test fails.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    step("install a nightly toolchain", &mut program("rustup", INSTALL))?;
    for (package, features, test) in ROWS {
        let mut command = program("rustup", &["run", "nightly", "cargo", "test", "-Zbuild-std"]);
        command.args(["--target", TARGET, "--target-dir", "target/sanitize", "--package", package]);
        // The toolchain that built this program is not the one that is asked for.
        for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(name);
        }
        command.env("RUSTFLAGS", FLAGS).env("TSAN_OPTIONS", "halt_on_error=1");
        if !features.is_empty() {
            command.args(["--features", features]);
        }
        match test {
            Some(test) => command.args(["--test", test]),
            None => command.arg("--lib"),
        };
        command.arg("--").args(arguments);
        tally(&format!("sanitize {package} {}", test.unwrap_or("")), &mut command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ROWS;
    use crate::workspace;

    #[test]
    fn every_row_names_tests_that_stand_there() {
        for (package, _, test) in ROWS {
            let file = test.map_or("src/lib.rs".into(), |test| format!("tests/{test}.rs"));
            let path = format!("crates/{package}/{file}");
            assert!(workspace::root().join(&path).is_file(), "{path}");
        }
    }
}
