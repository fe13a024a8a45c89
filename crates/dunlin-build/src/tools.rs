//! The languages' own tools: started, and asked whether they are there.

use crate::error::Error;
use crate::limits::SAID_LINES_MAX;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a tool, whose talk is the user's to read; its standard output. `install` is said if it is not there.
pub(crate) fn run(command: &mut Command, install: &str) -> Result<Vec<u8>, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Error::new(format!("`{}` is not installed", shown(command))).hint(install)
        }
        _ => Error::new(format!("cannot start `{}`", shown(command))).cause(error),
    })?;
    let output = child.wait_with_output().map_err(|error| {
        Error::new(format!("cannot read what `{}` says", shown(command))).cause(error)
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    // What cargo says for programs is not for people; its own words are on standard error.
    let lines = said.lines().filter(|line| !line.starts_with('{')).take(SAID_LINES_MAX);
    let error = Error::new(format!("`{}` failed", line(command))).cause(output.status);
    Err(lines.fold(error, Error::cause))
}

/// Whether a tool is there and does what it is asked, without a word.
pub(crate) fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Refuses to go on without the standard library for a target of Rust's.
pub(crate) fn rust_target(target: &str, folder: &Path) -> Result<(), Error> {
    let mut rustc = Command::new("rustc");
    // In the app's folder another toolchain may be chosen.
    rustc.args(["--print", "target-libdir", "--target", target]).current_dir(folder);
    let path = run(&mut rustc, RUST)?;
    if Path::new(String::from_utf8_lossy(&path).trim()).is_dir() {
        return Ok(());
    }
    Err(Error::new(format!("Rust's target `{target}` is not installed"))
        .hint(format!("`rustup target add {target}`")))
}

/// What installs Rust.
pub(crate) const RUST: &str = "`curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh`";

fn shown(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy());
    words.fold(shown(command), |line, word| line + " " + &word)
}

#[cfg(test)]
mod tests {
    use super::{run, rust_target, works};
    use std::path::Path;
    use std::process::Command;

    #[test]
    fn a_tool_that_is_missing_is_said_with_what_installs_it() {
        let error = run(&mut Command::new("dunlin-no-such-tool"), "`get it`").expect_err("none");
        assert_eq!(error.what(), "`dunlin-no-such-tool` is not installed");
        assert_eq!(error.hint_text(), Some("`get it`"));
        assert!(!works(&mut Command::new("dunlin-no-such-tool")));
    }

    #[test]
    fn a_target_that_is_missing_is_said_with_what_installs_it() {
        // This target has no standard library that could be installed.
        let error = rust_target("wasm64-unknown-unknown", Path::new(".")).expect_err("none");
        assert_eq!(error.hint_text(), Some("`rustup target add wasm64-unknown-unknown`"));
    }

    #[test]
    fn a_tool_that_fails_is_said_with_its_words() {
        let mut rustc = Command::new("rustc");
        let error = run(rustc.arg("--no-such-flag"), "").expect_err("no such flag");
        assert_eq!(error.what(), "`rustc --no-such-flag` failed");
        assert!(error.causes().count() >= 1);
        assert!(works(Command::new("rustc").arg("--version")));
    }
}
