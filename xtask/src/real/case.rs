//! One run of a program with everything that it must do: what it reads, prints and ends with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::steps::describe;
use crate::workspace;

/// The most bytes of a guest's standard error that an error repeats.
const STDERR_BYTES_MAX: usize = 2000;

/// What a run reads and what it must do.
pub struct Case {
    /// The file that becomes standard input, which is empty without one.
    pub input: Option<PathBuf>,
    /// The file with the text that standard output must be, to the byte.
    pub expected: PathBuf,
    /// Where standard output is left for a person to look at.
    pub actual: PathBuf,
    /// The exit code.
    pub exit: i32,
}

impl Case {
    /// Runs the command and compares; with `bless`, writes the expected text in place of comparing.
    ///
    /// # Errors
    ///
    /// When the command cannot be started or does something else than it must; the hint is the call.
    pub fn check(&self, mut command: Command, bless: bool) -> Result<Duration, Error> {
        let mut call = describe(&command);
        command.stdin(Stdio::null());
        if let Some(input) = &self.input {
            call.push_str(&format!(" < {}", input.display()));
            command.stdin(File::open(input).map_err(|cause| failed("read", input, &cause))?);
        }
        let start = Instant::now();
        let output = command
            .output()
            .map_err(|cause| Error::new(format!("cannot start `{call}`")).cause(cause))?;
        let took = start.elapsed();
        if bless && output.status.code() == Some(self.exit) {
            workspace::write(&self.expected, &String::from_utf8_lossy(&output.stdout))?;
        }
        fs::write(&self.actual, &output.stdout)
            .map_err(|cause| failed("write", &self.actual, &cause))?;
        let expected = workspace::read(&self.expected)?;
        compare(&expected, self.exit, &output).map_err(|error| {
            error.cause(format!("all it printed: {}", self.actual.display())).hint(call)
        })?;
        Ok(took)
    }
}

fn failed(verb: &str, path: &Path, cause: &std::io::Error) -> Error {
    Error::new(format!("cannot {verb} `{}`", path.display())).cause(cause)
}

fn compare(expected: &str, exit: i32, output: &Output) -> Result<(), Error> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let difference = if stdout == expected {
        if output.status.code() == Some(exit) {
            return Ok(());
        }
        format!("it ended with {}, not with exit code {exit}", output.status)
    } else {
        first_difference(expected, &stdout)
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    let end = stderr.floor_char_boundary(STDERR_BYTES_MAX);
    let mut error = Error::new("the program did not do what is expected").cause(difference);
    if !stderr.is_empty() {
        error = error.cause(format!("its standard error: {}", stderr[..end].trim_end()));
    }
    Err(error.cause(output.status))
}

fn first_difference(expected: &str, actual: &str) -> String {
    let (mut left, mut right) = (expected.lines(), actual.lines());
    let mut line = 1;
    loop {
        let (want, got) = (left.next(), right.next());
        if want != got || want.is_none() {
            let show =
                |text: Option<&str>| text.map_or("nothing".into(), |text| format!("`{text}`"));
            return format!("line {line} is {} in place of {}", show(got), show(want));
        }
        line += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, first_difference};
    use crate::steps::program;

    #[test]
    fn the_first_difference_is_named_by_its_line() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), "line 2 is `c` in place of `b`");
        assert_eq!(first_difference("a\nb\n", "a\n"), "line 2 is nothing in place of `b`");
    }

    #[test]
    fn output_and_exit_code_must_both_be_the_expected_ones() {
        let folder = std::env::temp_dir().join(format!("case-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let expected = folder.join("expected");
        std::fs::write(&expected, "hello\n").expect("a file");
        let mut case = Case {
            input: Some(expected.clone()),
            expected,
            actual: folder.join("actual"),
            exit: 3,
        };
        let call = || program("sh", &["-c", "cat; exit 3"]);
        case.check(call(), false).expect("it prints its input and ends with 3");
        case.exit = 0;
        let error = case.check(call(), false).expect_err("the exit code differs").to_string();
        assert!(error.contains("not with exit code 0") && error.contains("sh -c"), "{error}");
        case.exit = 3;
        let error = case.check(program("sh", &["-c", "exit 3"]), false).expect_err("no output");
        assert!(error.to_string().contains("nothing in place of `hello`"), "{error}");
        std::fs::remove_dir_all(folder).expect("the folder goes");
    }
}
