//! Runs every file of `tests/cases` against the built program and compares what it said.
//!
//! A case file is text: files to lay out, then commands with what they print and how they exit.
//!
//! ```text
//! # What the file covers.
//! === file add.wat          (or `=== hex add.wasm`, bytes in hexadecimal)
//! (module …)
//! === $ dunlin run add.wat  (NAME=VALUE before `dunlin` sets a variable)
//! --- stdin                 (optional)
//! --- stdout                (left out when empty)
//! --- stderr                (left out when empty)
//! --- exit 0
//! ```
//!
//! `DUNLIN_BLESS=1` rewrites what is expected. What differs between runs is replaced: the scratch
//! folder by `[DIR]`, the version by `[VERSION]`; and in what `--stats` says, times by `[TIME]` and sizes by `[SIZE]`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Stands for a last line without a line break.
const NO_BREAK: &str = "\n[no line break]\n";

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).expect("cases").map(|entry| entry.expect("a case").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {}", folder.display());
    let bless = std::env::var_os("DUNLIN_BLESS").is_some_and(|value| value == "1");
    let wrong: Vec<String> = paths.iter().filter_map(|path| check(path, bless)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs one file; returns what differs, unless it is to be blessed.
fn check(path: &Path, bless: bool) -> Option<String> {
    let text = fs::read_to_string(path).expect("a case file");
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let scratch = std::env::temp_dir().join(format!("dunlin-case-{}-{name}", std::process::id()));
    fs::create_dir_all(&scratch).expect("a scratch folder");
    let expected = blocks(&text);
    let found: Vec<String> = expected.iter().map(|block| run(block, &scratch)).collect();
    fs::remove_dir_all(&scratch).expect("a scratch folder");
    if bless && found.concat() != text {
        fs::write(path, found.concat()).expect("a case file");
        return None;
    }
    let mut report = format!("{} differs (DUNLIN_BLESS=1 accepts)\n", path.display());
    let mut differs = false;
    for (expected, found) in expected.iter().zip(&found).filter(|(a, b)| a != b) {
        differs = true;
        let _ = write!(report, "expected:\n{expected}found:\n{found}");
    }
    differs.then_some(report)
}

/// The file cut before each `=== `.
fn blocks(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = text.match_indices("=== ").map(|(at, _)| at).collect();
    starts.retain(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n');
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    let head = &text[..starts.first().copied().unwrap_or(text.len())];
    [head]
        .into_iter()
        .chain(starts.iter().zip(ends).map(|(start, end)| &text[*start..end]))
        .collect()
}

/// Does what a block says, and returns the block as it should read.
fn run(block: &str, scratch: &Path) -> String {
    let (title, body) = block.split_once('\n').unwrap_or((block, ""));
    if let Some(name) = title.strip_prefix("=== file ") {
        let path = scratch.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, body).expect("a file");
    } else if let Some(name) = title.strip_prefix("=== hex ") {
        let bytes = body.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("hex"));
        fs::write(scratch.join(name), bytes.collect::<Vec<u8>>()).expect("a file");
    } else if let Some(line) = title.strip_prefix("=== $ ") {
        let input = body.strip_prefix("--- stdin\n").map(|rest| match rest.find("--- ") {
            Some(end) => &rest[..end],
            None => rest,
        });
        return format!("{title}\n{}", command(line, input, scratch));
    }
    block.to_owned()
}

fn command(line: &str, input: Option<&str>, scratch: &Path) -> String {
    let words = words(line);
    let at = words.iter().position(|word| word == "dunlin").expect("a command runs `dunlin`");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    command.env_clear().env("XDG_CACHE_HOME", scratch.join("cache"));
    command.envs(words[..at].iter().map(|word| word.split_once('=').expect("NAME=VALUE")));
    command.args(&words[at + 1..]).current_dir(scratch);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that does not read its input may have closed it.
    let _ = stdin.write_all(input.unwrap_or("").as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let mut said = String::new();
    if let Some(input) = input {
        let _ = write!(said, "--- stdin\n{input}");
    }
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            let text = redact(&String::from_utf8_lossy(bytes), scratch);
            let end = if text.ends_with('\n') { "" } else { NO_BREAK };
            let _ = write!(said, "--- {name}\n{text}{end}");
        }
    }
    let exit = output.status.code().map_or("by a signal".to_owned(), |code| code.to_string());
    let _ = write!(said, "--- exit {exit}\n\n");
    said
}

/// Splits at blanks; quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = None;
    for c in line.chars() {
        match (c, quoted) {
            ('"' | '\'', None) => quoted = Some(c),
            (_, Some(quote)) if c == quote => quoted = None,
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().expect("a word").push(c),
        }
    }
    words
}

fn redact(text: &str, scratch: &Path) -> String {
    let text = text.replace(&scratch.display().to_string(), "[DIR]");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    let mut is_stats = false;
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        is_stats = line.starts_with("stats: ") || is_stats && line.starts_with("  ");
        let is_json = line.starts_with("{\"load_seconds\"");
        match (is_stats, is_json) {
            (true, _) => lines.push_str(&redact_quantities(line)),
            (_, true) => lines.push_str(&redact_numbers(line)),
            _ => lines.push_str(line),
        }
    }
    lines
}

/// `  load   1.23 ms, fuel 7` becomes `  load [TIME], fuel 7`.
fn redact_quantities(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let unit = word.trim_end_matches([',', ';', ')']);
        let number =
            words.last().is_some_and(|last| last.trim_start_matches('(').parse::<f64>().is_ok());
        let what = match unit {
            "s" | "ms" | "µs" if number => "[TIME]",
            "B" | "KiB" | "MiB" if number => "[SIZE]",
            _ => {
                words.push(word.to_owned());
                continue;
            }
        };
        words.pop();
        words.push(format!("{what}{}", &word[unit.len()..]));
    }
    let indent = if line.starts_with(' ') { "  " } else { "" };
    format!("{indent}{}\n", words.join(" "))
}

/// Times and sizes of code, which differ between runs and machines.
fn redact_numbers(line: &str) -> String {
    let mut fields: Vec<String> = Vec::new();
    for field in line.split(", ") {
        let Some((name, value)) = field.rsplit_once(": ") else {
            fields.push(field.to_owned());
            continue;
        };
        let end = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let what = if name.ends_with("_seconds\"") { "[TIME]" } else { "[SIZE]" };
        let differs =
            ["_seconds\"", "code_bytes\"", "memory_bytes\""].iter().any(|is| name.ends_with(is));
        fields.push(match differs && end.len() < value.len() {
            true => format!("{name}: {what}{end}"),
            false => field.to_owned(),
        });
    }
    fields.join(", ")
}
