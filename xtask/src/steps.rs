//! Starts programs, says which, and says how long each took.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::workspace;

/// Lines of a captured program's output that an error repeats: enough to see a compiler's message.
const CAPTURED_LINES_MAX: usize = 40;

/// `cargo` with the given arguments, in the workspace's root.
pub fn cargo(arguments: &[&str]) -> Command {
    // The cargo that started this program is the one whose toolchain built it.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(workspace::root());
    // What cargo tells this program about its own package would look like a change to build
    // scripts that watch these variables, and rebuild half of the dependencies.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Any program with the given arguments, in the workspace's root.
pub fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(workspace::root());
    command
}

/// Runs a program that writes to our own output, and times it.
///
/// # Errors
///
/// When the program cannot be started or ends with a failure; the hint repeats the call.
pub fn run(title: &str, command: &mut Command) -> Result<(), Error> {
    let call = describe(command);
    eprintln!("==> {title}: {call}");
    let start = Instant::now();
    let status = command.status().map_err(|cause| not_started(title, command, &cause))?;
    eprintln!("    {title}: {} in {}", outcome(status.success()), seconds(start.elapsed()));
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{title}` failed")).cause(status).hint(call))
}

/// Runs a program as [`run`] does and shows each line of its standard output to `look` as well.
///
/// # Errors
///
/// When the program cannot be started or ends with a failure; the hint repeats the call.
pub fn watch(title: &str, command: &mut Command, mut look: impl FnMut(&str)) -> Result<(), Error> {
    let call = describe(command);
    eprintln!("==> {title}: {call}");
    let start = Instant::now();
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|cause| not_started(title, command, &cause))?;
    if let Some(stdout) = child.stdout.take() {
        // Guests may print bytes that are not text; a line is shown as far as it can be read.
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            look(&line);
        }
    }
    let status = child.wait().map_err(|cause| not_started(title, command, &cause))?;
    eprintln!("    {title}: {} in {}", outcome(status.success()), seconds(start.elapsed()));
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{title}` failed")).cause(status).hint(call))
}

/// Runs a program and returns its standard output; its standard error is shown only on failure.
///
/// # Errors
///
/// When the program cannot be started or ends with a failure; the cause holds its last lines.
pub fn capture(title: &str, command: &mut Command) -> Result<String, Error> {
    let call = describe(command);
    let output = command.output().map_err(|cause| not_started(title, command, &cause))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines[lines.len().saturating_sub(CAPTURED_LINES_MAX)..].join("\n    ");
    Err(Error::new(format!("`{title}` failed")).cause(output.status).cause(tail).hint(call))
}

/// Times a step that runs inside this program.
pub fn timed<T>(title: &str, step: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    eprintln!("==> {title}");
    let start = Instant::now();
    let result = step();
    eprintln!("    {title}: {} in {}", outcome(result.is_ok()), seconds(start.elapsed()));
    result
}

/// A duration as people read it.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The call as it can be pasted into a shell, with the variables that differ from ours.
pub fn describe(command: &Command) -> String {
    let mut words: Vec<String> = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.display(), quote(&value.to_string_lossy())));
        }
    }
    let program = std::path::Path::new(command.get_program());
    let short = program.file_name().unwrap_or(command.get_program());
    words.push(quote(&short.to_string_lossy()));
    words.extend(command.get_args().map(|argument| quote(&argument.to_string_lossy())));
    words.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn outcome(success: bool) -> &'static str {
    if success { "ok" } else { "FAILED" }
}

fn not_started(title: &str, command: &Command, cause: &std::io::Error) -> Error {
    let name = command.get_program().to_string_lossy();
    Error::new(format!("cannot start `{name}` for `{title}`"))
        .cause(cause)
        .hint(format!("is `{name}` installed and on the PATH?"))
}

#[cfg(test)]
mod tests {
    use super::{capture, describe, program, watch};

    #[test]
    fn a_call_is_described_so_that_it_can_be_pasted() {
        let mut command = program("echo", &["a b", "it's", "plain"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(describe(&command), r"RUSTDOCFLAGS='-D warnings' echo 'a b' 'it'\''s' plain");
    }

    #[test]
    fn a_watched_program_shows_every_line() {
        let mut lines: Vec<String> = Vec::new();
        watch("probe", &mut program("sh", &["-c", "printf 'a\\nb'"]), |line| {
            lines.push(line.into());
        })
        .expect("it succeeds");
        assert_eq!(lines, ["a", "b"].map(String::from));
        watch("probe", &mut program("sh", &["-c", "exit 1"]), |_| {}).expect_err("it fails");
    }

    #[test]
    fn a_failing_program_is_an_error_that_holds_its_words() {
        let error = capture("probe", &mut program("sh", &["-c", "echo why >&2; exit 3"]))
            .expect_err("it exits with 3");
        let text = error.to_string();
        assert!(text.contains("why") && text.contains('3'), "{text}");
    }
}
