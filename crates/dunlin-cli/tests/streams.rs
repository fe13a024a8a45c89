//! What case files cannot say: streams that stay open, and streams that nobody reads.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Waits for a byte of standard input, then exits with 3.
const READER: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 1))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $proc_exit (i32.const 3))))"#;

fn dunlin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A file that goes with the test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("dunlin-streams-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a file");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_guest_that_waits_for_input_does_not_outlive_its_time() {
    let file = Scratch::new("reader.wat", READER);
    let begun = Instant::now();
    let mut child =
        dunlin().args(["run", "--timeout", "100ms"]).arg(&file.0).spawn().expect("the program");
    // The pipe stays open, and nothing comes.
    let input = child.stdin.take();
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    let status = child.wait().expect("an end");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(status.code(), Some(134), "{said}");
    assert!(said.contains("trapped: interrupted"), "{said}");
    assert!(said.contains("\nhint: `--timeout 200ms`"), "{said}");
    drop(input);
}

#[test]
fn input_that_comes_in_time_is_read() {
    let file = Scratch::new("in-time.wat", READER);
    let mut child =
        dunlin().args(["run", "--timeout", "1h"]).arg(&file.0).spawn().expect("the program");
    child.stdin.take().expect("a pipe").write_all(b"x").expect("a reader");
    assert_eq!(child.wait().expect("an end").code(), Some(3));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    // More than a pipe holds, to somebody who does not read it.
    let functions = "(func) ".repeat(20_000);
    let file = Scratch::new("long.wat", &format!("(module {functions})"));
    let mut child = dunlin().args(["inspect", "--json"]).arg(&file.0).spawn().expect("the program");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!((said.as_str(), child.wait().expect("an end").code()), ("", Some(0)));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("the device");
    let output = dunlin().arg("--help").stdout(full).output().expect("the program");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("error: cannot write to standard output\n  No space left"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn pipes_are_modules_too() {
    let mut child = dunlin().args(["validate", "/dev/stdin", "-"]).spawn().expect("the program");
    child.stdin.take().expect("a pipe").write_all(b"(module)").expect("a reader");
    let output = child.wait_with_output().expect("an end");
    // The second time there is nothing left, and no bytes are no module.
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("/dev/stdin: valid\n-: invalid: "), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn nothing_is_coloured_unless_it_goes_to_a_terminal() {
    for (variable, coloured) in [("NO_COLOR", false), ("CLICOLOR_FORCE", true)] {
        let output = dunlin().env(variable, "1").arg("--nonsense").output().expect("the program");
        assert_eq!(output.stderr.contains(&0x1b), coloured, "{variable}");
    }
    assert!(!dunlin().arg("--nonsense").output().expect("the program").stderr.contains(&0x1b));
}
