//! The program's cache of machine code, and what it refuses to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// A folder that goes with the test, with a module large enough for the cache.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("dunlin-compiled-{}-{name}", std::process::id());
        let scratch = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&scratch.0).expect("a folder");
        // What makes it large need not be code.
        let text = format!(
            r#"(module (func (export "one") (result i32) (i32.const 1)) (data "{}"))"#,
            "x".repeat(40_000)
        );
        fs::write(scratch.0.join("large.wat"), text).expect("a file");
        scratch
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command.env_clear().env("XDG_CACHE_HOME", self.0.join("cache"));
        command.args(words.split_whitespace()).current_dir(&self.0);
        command
    }

    fn run(&self, words: &str) -> Output {
        self.command(words).output().expect("the program")
    }

    /// Runs and expects success; returns what it printed.
    #[track_caller]
    fn print(&self, words: &str) -> String {
        let output = self.run(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{words}: {stderr}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn code(&self) -> PathBuf {
        self.0.join("cache/dunlin/code")
    }

    fn entries(&self) -> Vec<PathBuf> {
        let found = fs::read_dir(self.code()).into_iter().flatten().flatten();
        found.map(|entry| entry.path()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const RUN: &str = "run --tier optimize --invoke one large.wat";

#[test]
fn a_large_module_is_kept_and_found() {
    let scratch = Scratch::new("kept");
    assert_eq!(scratch.print("run --tier optimize --no-cache --invoke one large.wat"), "1\n");
    assert_eq!(scratch.print("run --invoke one large.wat"), "1\n");
    assert_eq!(scratch.entries().len(), 0);
    assert_eq!(scratch.print(RUN), "1\n");
    let entries = scratch.entries();
    let whole = fs::read(&entries[0]).expect("an entry");
    assert_eq!(scratch.print(RUN), "1\n");
    assert_eq!(scratch.entries(), entries);
    fs::write(&entries[0], &whole[..whole.len() / 2]).expect("a write");
    assert_eq!(scratch.print(RUN), "1\n", "rebuilt");
    assert_eq!(fs::read(&entries[0]).expect("an entry"), whole);
    let listed = scratch.print("cache list");
    assert!(listed.starts_with("code  ") && listed.contains("\n1 entries, "), "{listed}");
    scratch.print("cache clear");
    assert_eq!(scratch.entries().len(), 0);
}

/// What a run with these words says of itself, besides what it prints.
fn stats(scratch: &Scratch, words: &str) -> String {
    let output = scratch.run(&format!("run --stats {words}"));
    String::from_utf8(output.stderr).expect("text")
}

/// A module that executes a function again and again, as often as it is asked to; large enough for the cache.
fn loops(scratch: &Scratch) {
    let text = format!(
        r#"(module (memory 1) (func $wait (param i64) (result i64) (i64.mul (local.get 0) (local.get 0)))
            (func (export "run") (param $n i64)
                (loop $next
                    (drop (call $wait (local.get $n)))
                    (br_if $next (i32.eqz (i64.eqz
                        (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))))
            (data (i32.const 0) "{}"))"#,
        "x".repeat(40_000)
    );
    fs::write(scratch.0.join("loops.wat"), text).expect("a file");
}

#[test]
fn a_guest_that_runs_for_long_is_kept_and_found() {
    let scratch = Scratch::new("long");
    loops(&scratch);
    let said = stats(&scratch, "--invoke run loops.wat 1");
    assert!(said.contains(", interpreted\n") && !said.contains("the cache had"), "{said}");
    // It never ends, and what it has learned is kept nevertheless.
    let mut long = scratch.command("run --invoke run loops.wat 0").spawn().expect("the program");
    let begun = Instant::now();
    while !scratch.entries().iter().any(|entry| entry.extension().is_some_and(|is| is == "code")) {
        assert!(begun.elapsed() < Duration::from_secs(120), "it is kept some time");
        thread::sleep(Duration::from_millis(20));
    }
    long.kill().expect("it runs");
    long.wait().expect("it ends");
    let said = stats(&scratch, "--invoke run loops.wat 1");
    assert!(said.contains(", interpreted, and what is hot compiled\n"), "{said}");
    assert!(
        said.contains("  the cache had: what was hot, ") && !said.contains("compiled by"),
        "{said}"
    );
    let said = stats(&scratch, "--no-cache --invoke run loops.wat 1");
    assert!(said.contains(", interpreted\n") && !said.contains("the cache had"), "{said}");
    // All of it takes precedence once there is all of it.
    scratch.run("run --tier optimize --invoke run loops.wat 1");
    let said = stats(&scratch, "--invoke run loops.wat 1");
    assert!(said.contains(", compiled from the start\n"), "{said}");
    assert!(said.contains("  the cache had: all that compiles, 2 functions, "), "{said}");
}

#[test]
fn what_gets_hot_is_kept_at_the_end_of_a_run() {
    let scratch = Scratch::new("end");
    loops(&scratch);
    let mut said = String::new();
    // Until the machine has had time to compile before the end.
    for rounds in [1, 4, 16, 64, 256] {
        said = stats(&scratch, &format!("--invoke run loops.wat {}", rounds * 1_000_000_u64));
        if said.contains("are kept for next time") {
            break;
        }
    }
    assert!(said.contains("are kept for next time"), "{said}");
    let said = stats(&scratch, "--invoke run loops.wat 1");
    assert!(said.contains("  the cache had: what was hot, "), "{said}");
}

#[test]
fn a_profile_says_what_is_compiled() {
    let scratch = Scratch::new("hot");
    loops(&scratch);
    let mut profile = String::new();
    for rounds in [1, 4, 16, 64, 256] {
        scratch.run(&format!(
            "run --profile-out hot --invoke run loops.wat {}",
            rounds * 1_000_000_u64
        ));
        profile = fs::read_to_string(scratch.0.join("hot")).expect("a profile");
        if profile.contains("\nfunc 0 ") {
            break;
        }
    }
    assert!(profile.contains("\nfunc 0 "), "{profile}");
    assert_eq!(scratch.entries().len(), 0, "a run for a profile leaves the cache alone");
    let of_wait = profile.lines().take(2).chain(["func 0 1\n"]).collect::<Vec<_>>().join("\n");
    fs::write(scratch.0.join("hot"), of_wait).expect("a file");
    scratch.print("compile --profile hot loops.wat");
    let text = scratch.print("inspect loops.cwasm");
    assert!(text.contains("  functions    1\n"), "{text}");
    let said = stats(&scratch, "--invoke run loops.cwasm 1");
    assert!(said.contains(", interpreted, and what is hot compiled\n"), "{said}");
    let output = scratch.run("run --tier optimize --invoke run loops.cwasm 1");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("code of some functions only") && said.contains("hint: leave out"),
        "{said}"
    );
    // Another module is no use.
    let output = scratch.run("compile --profile hot large.wat");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the profile is of another module"), "{said}");
}

#[test]
fn many_processes_share_the_cache() {
    let scratch = Scratch::new("many");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(scratch.print(RUN), "1\n"));
        }
    });
    assert_eq!(scratch.entries().len(), 1, "and nothing half-written");
}

#[test]
fn an_artifact_from_a_pipe_is_not_code() {
    let scratch = Scratch::new("pipe");
    scratch.print("compile large.wat");
    let artifact = fs::File::open(scratch.0.join("large.cwasm")).expect("the default name");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    command.env_clear().env("XDG_CACHE_HOME", scratch.0.join("cache"));
    let output = command.args(["run", "--invoke", "one", "-"]).stdin(artifact).output();
    let output = output.expect("the program");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("this is a compiled module"), "{stderr}");
}

#[test]
fn artifacts_of_other_users_are_refused() {
    let scratch = Scratch::new("other");
    scratch.print("compile large.wat");
    let path = "run --invoke one large.cwasm";
    assert_eq!(scratch.print(path), "1\n");
    // Another user has another secret.
    fs::remove_dir_all(scratch.0.join("cache")).expect("the caches");
    let output = scratch.run(path);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("sealed with another key"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_cache_that_others_may_write_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("open");
    scratch.print(RUN);
    let mode = |path: &Path| fs::metadata(path).expect("a folder").permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.code()), 0o700);
    fs::set_permissions(scratch.code(), fs::Permissions::from_mode(0o777)).expect("a mode");
    let output = scratch.run(RUN);
    assert_eq!(output.stdout, b"1\n");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("others than its owner may write"), "{stderr}");
}

#[test]
fn what_an_artifact_says_is_shown_without_its_key() {
    let scratch = Scratch::new("shown");
    scratch.print("compile large.wat");
    // Whoever has no secret is not given one.
    fs::remove_dir_all(scratch.0.join("cache")).expect("the caches");
    let text = scratch.print("inspect large.cwasm");
    for line in ["  functions    1\n", "  machine      x86_64 linux\n", "  one  func [] -> [i32]\n"]
    {
        assert!(text.contains(line), "{line}{text}");
    }
    let json = scratch.print("inspect --json large.cwasm");
    assert!(json.contains(r#""functions": 1, "code_bytes": "#), "{json}");
    for tier in ["optimize", "interp", "clif"] {
        let show = format!("inspect --disassemble one --tier {tier}");
        let (of_artifact, of_module) = (
            scratch.print(&format!("{show} large.cwasm")),
            scratch.print(&format!("{show} large.wat")),
        );
        assert_eq!(of_artifact, of_module);
    }
    assert!(!scratch.0.join("cache").exists());
    // What is kept of a module is without it.
    scratch.print(RUN);
    let entry = scratch.entries()[0].display().to_string();
    let text = scratch.print(&format!("inspect {entry}"));
    assert!(text.contains("machine code without its module\n"), "{text}");
    let output = scratch.run(&format!("inspect --disassemble one {entry}"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_artifact_of_nonsense_is_no_danger_to_who_looks() {
    let scratch = Scratch::new("nonsense");
    scratch.print("compile large.wat");
    let path = scratch.0.join("large.cwasm");
    let whole = fs::read(&path).expect("an artifact");
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xFF;
        fs::write(&path, damaged).expect("a file");
        let output = scratch.run("inspect large.cwasm");
        // The seal alone is not looked at; it is the last 32 bytes.
        let expected = if at >= whole.len() - 32 { Some(0) } else { Some(1) };
        assert_eq!(output.status.code(), expected, "at {at}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_profiled_run_leaves_what_perf_reads() {
    use std::os::unix::fs::FileExt;
    let scratch = Scratch::new("profile");
    scratch.print("compile large.wat");
    for words in [
        "run --tier optimize --profile perf --invoke one large.wat",
        "run --profile perf --invoke one large.cwasm",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command.env_clear().env("XDG_CACHE_HOME", scratch.0.join("cache"));
        command.args(words.split_whitespace()).current_dir(&scratch.0);
        let child = command.stdout(std::process::Stdio::piped()).spawn().expect("the program");
        let process = child.id();
        let output = child.wait_with_output().expect("an end");
        assert_eq!(output.stdout, b"1\n");
        let map = PathBuf::from(format!("/tmp/perf-{process}.map"));
        let text = fs::read_to_string(&map).expect("a map");
        fs::remove_file(map).expect("a file of ours");
        assert!(text.lines().any(|line| line.ends_with(" one")), "{text}");
        let dump = scratch.0.join(format!("jit-{process}.dump"));
        let mut magic = [0; 4];
        fs::File::open(dump).and_then(|dump| dump.read_exact_at(&mut magic, 0)).expect("a dump");
        assert_eq!(&magic, b"DTiJ");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_profile_that_cannot_be_written_is_said_before_anything_runs() {
    let scratch = Scratch::new("unwritable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    command.args(["run", "--tier", "optimize", "--profile", "perf", "--invoke", "one"]);
    // A folder in which nobody creates files.
    command.arg(scratch.0.join("large.wat")).current_dir("/proc");
    let output = command.output().expect("the program");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{stderr}");
    assert!(stderr.contains("profile where you may create files"), "{stderr}");
}
