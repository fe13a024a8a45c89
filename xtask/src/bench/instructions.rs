//! Instruction counts of short runs, as callgrind counts them: the same on every run of one binary,
//! whatever else the machine does, so that a change can be judged by them.
//!
//! `record/instructions.json` holds the counts that stand; a run that needs more than
//! [`SLACK_PERCENT`] beyond one fails, and `--bless` writes the new ones.

use std::path::Path;

use super::engines::{Engine, Job};
use super::kernels::KERNELS;
use super::measure::sample;
use super::record::{Record, Value};
use crate::error::Error;
use crate::steps;
use crate::workspace;

/// More instructions than this above the recorded count is a regression.
const SLACK_PERCENT: f64 = 5.0;

/// Kernels and short amounts of work, one for each thing that an interpreter does.
const SHORT: &[(&str, u32)] = &[
    ("fib", 2),
    ("dispatch", 20),
    ("bytecode", 3),
    ("sieve", 1),
    ("nbody", 2000),
    ("crc32", 2),
    ("saxpy", 100),
    ("json", 2),
    ("mixed", 60),
];

/// Counts, compares with the record, and writes it with `bless`.
///
/// # Errors
///
/// When callgrind is missing, a kernel fails, or a count has grown beyond the slack.
pub fn run(bless: bool, mut record: Record) -> Result<(), Error> {
    let path = workspace::root().join("record").join("instructions.json");
    let before = if bless { String::new() } else { workspace::read(&path).unwrap_or_default() };
    let mut counts = Vec::new();
    let mut grown = Vec::new();
    println!("{:<10} {:>14} {:>14} {:>8}", "kernel", "recorded", "now", "change");
    for &(name, work) in SHORT {
        let now = count(name, work)?;
        counts.push((name.to_owned(), Value::Number(now)));
        let Some(old) = recorded(&before, name) else {
            println!("{name:<10} {:>14} {now:>14.0}", "–");
            continue;
        };
        let percent = (now / old - 1.0) * 100.0;
        println!("{name:<10} {old:>14.0} {now:>14.0} {percent:>+7.2}%");
        if percent > SLACK_PERCENT {
            grown.push(format!("{name} {percent:+.1} %"));
        }
    }
    if bless || before.is_empty() {
        record.set("instructions", Value::Object(counts));
        record.text("Counts of short runs: see the JSON beside this page.\n");
        return record.write("instructions");
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("more than {SLACK_PERCENT} % more instructions: {}", grown.join(", ")))
        .hint("cargo xtask bench --instructions --bless, with the reason in the commit"))
}

/// The instructions of one run of the release build.
fn count(name: &str, work: u32) -> Result<f64, Error> {
    let kernel = KERNELS.iter().find(|kernel| kernel.name == name);
    let kernel = kernel.ok_or_else(|| Error::new(format!("no kernel `{name}`")))?;
    let built = kernel.build()?;
    let work = work.to_string();
    let arguments = [work.as_str()];
    let job = Job { arguments: &arguments, ..Job::default() };
    let run = Engine::Dunlin.command(&built.module, &job)?;
    let out = workspace::target().join("bench").join("callgrind.out");
    let mut command = steps::program("valgrind", &["--tool=callgrind"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(run.get_program()).args(run.get_args());
    let expected = sample(&mut steps::program(&built.native.to_string_lossy(), &arguments))?;
    let taken = sample(&mut command)?;
    if taken.output != expected.output {
        return Err(Error::new(format!("`{name}` computes something else under callgrind")));
    }
    total(&out)
}

/// The sum of all counts, from callgrind's file.
fn total(file: &Path) -> Result<f64, Error> {
    let text = workspace::read(file)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    line.and_then(|line| line.split(' ').next()?.parse().ok())
        .ok_or_else(|| Error::new(format!("callgrind left no total in `{}`", file.display())))
}

/// The count under `name` in the record, which this module wrote itself.
fn recorded(json: &str, name: &str) -> Option<f64> {
    let counts = json.split_once("\"instructions\": {")?.1;
    let rest = counts.split_once(&format!("\"{name}\": "))?.1;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{SHORT, recorded};
    use crate::bench::kernels::KERNELS;

    #[test]
    fn a_recorded_count_is_found_by_its_name() {
        let json = "{\n \"fib\": 1,\n \"instructions\": {\n  \"fib\": 123,\n  \"nbody\": 45\n }\n}";
        assert_eq!(recorded(json, "fib"), Some(123.0));
        assert_eq!(recorded(json, "nbody"), Some(45.0));
        assert_eq!(recorded(json, "crc32"), None);
    }

    #[test]
    fn every_short_run_is_of_a_kernel() {
        for (name, _) in SHORT {
            assert!(KERNELS.iter().any(|kernel| kernel.name == *name), "{name}");
        }
    }
}
