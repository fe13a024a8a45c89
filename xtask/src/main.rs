//! Every workflow of the workspace, one command each: `cargo xtask help` lists them.
//!
//! Invariants: a command is one row of [`COMMANDS`] and one module with `pub fn run`; it says on
//! standard error what it runs and how long that took, and prints only results on standard output.
//! Does **not** know: how anything inside the engine works. It starts programs and reads text.

#![allow(unreachable_pub, reason = "a program has no outside: `pub` here says `for other modules`")]

mod bench;
mod bless;
mod check;
mod ci;
mod dist;
mod error;
mod fuzz;
mod guests;
mod machine_code;
mod miri;
mod real;
mod redis;
mod sanitize;
mod spec;
mod steps;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use error::Error;

/// What a command of `cargo xtask` is: the row that help, lookup and dispatch are derived from.
struct Command {
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Result<(), Error>,
}

/// Builds a row of [`COMMANDS`].
const fn row(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Result<(), Error>,
) -> Command {
    Command { name, arguments, help, run }
}

/// Every command, in the order in which a newcomer needs them.
const COMMANDS: &[Command] = &[
    row("check", "", "formatting, clippy, tidy, documentation, the build without std", check::run),
    row("test", "[ARGS…]", "every test, then again with each dispatch backend", test::run),
    row("spec", "[FILTER] [--tier T]", "the specification's suite, release build", spec::run),
    row("bless", "[ARGS…]", "run the tests and rewrite their expectations", bless::run),
    row("tidy", "[--bless]", "the house rules that no compiler checks", tidy::run),
    row("bench", "[ARGS…]", "measure beside other engines and native code", bench::run),
    row(
        "resident",
        "PROGRAM [ARGS…]",
        "run a program, print its largest size in memory",
        bench::resident,
    ),
    row("real", "[ARGS…]", "fetch and run programs that other people compiled", real::run),
    row("redis", "", "the tests of stores in Redis, with a server", redis::run),
    row("guests", "[ARGS…]", "rebuild the guests of `examples/`", guests::run),
    row("fuzz", "[--modules N]", "compare N generated modules with a second engine", fuzz::run),
    row("machine-code", "", "prove that no hot handler pushes or calls", machine_code::run),
    row("miri", "[ARGS…]", "the engine's tests under Miri, on a nightly toolchain", miri::run),
    row(
        "sanitize",
        "[ARGS…]",
        "tests of what threads share, under a thread sanitizer",
        sanitize::run,
    ),
    row("dist", "", "the program to hand out, linked statically", dist::run),
    row("ci", "", "what a change must pass before it lands", ci::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_told() {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Finds the command that the first argument names and hands it the rest.
fn dispatch(arguments: &[String]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        print!("{}", help());
        return Ok(());
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(rest),
        None => {
            let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
            Err(Error::new(format!("unknown command `{name}`"))
                .hint(format!("valid commands: {}", names.join(", "))))
        }
    }
}

/// The help text: one line for each row.
fn help() -> String {
    let mut text = String::from("Usage: cargo xtask COMMAND [ARGS…]\n\n");
    for command in COMMANDS {
        let call = format!("{} {}", command.name, command.arguments);
        text.push_str(&format!("  {call:<28} {}\n", command.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, dispatch, help};

    #[test]
    fn every_command_stands_once_in_the_help() {
        for command in COMMANDS {
            let start = format!("  {} ", command.name);
            let lines = help().lines().filter(|line| line.starts_with(&start)).count();
            assert_eq!(lines, 1, "`{}` in the help", command.name);
        }
    }

    #[test]
    fn an_unknown_command_is_refused_with_the_valid_ones() {
        let error = dispatch(&["chekc".into()]).expect_err("not a command");
        let text = error.to_string();
        assert!(text.contains("`chekc`") && text.contains("check"), "{text}");
    }
}
