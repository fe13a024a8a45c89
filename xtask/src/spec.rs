//! `cargo xtask spec`: the specification's suite, in release build.
//!
//! 1. The harness of `dunlin-wast` runs every script in every configuration and holds the outcomes
//!    against its list of expected failures. Where `DUNLIN_SUITES` is not set, it runs the copy of the
//!    suite that it gets from the package registry.
//! 2. The `dunlin` program runs the scripts that are expected to pass, as a user would, and must
//!    count no failure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::steps::{self, cargo};
use crate::test::tally;
use crate::workspace;

/// What the arguments ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    /// A part of the scripts' paths.
    filter: Option<String>,
    /// The tier, as the program spells it, or [`MIXED`].
    tier: Option<String>,
}

/// Both tiers together, every other function on each.
const MIXED: &str = "mixed";

/// Scripts that expect modules to be refused that later versions of the standard allow: the harness runs them
/// without the features in question, and the program's `wast` has all.
const EARLY: &str = "proposals/threads/";

/// The scripts that are expected to fail: a path a line, then the reason; `#` before remarks.
const EXPECTED_FAILURES: &str = "crates/dunlin-wast/tests/expected-failures.txt";

/// Runs `cargo xtask spec`.
///
/// # Errors
///
/// When no script matches, or an assertion fails that is not expected to.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    let request = parse(arguments)?;
    harness(&request)?;
    if request.tier.as_deref() == Some(MIXED) {
        // What mixes the tiers is for tests; the program has no option for it.
        return Ok(());
    }
    let Some(suites) = workspace::suites() else {
        eprintln!("spec: DUNLIN_SUITES is not set, so `dunlin wast` has no files to run");
        return Ok(());
    };
    program(&request, &suites.join("spec"))
}

/// Runs the harness of `dunlin-wast`.
fn harness(request: &Request) -> Result<(), Error> {
    let mut command = cargo(&["test", "--release", "--package", "dunlin-wast", "--test", "spec"]);
    if matches!(request.tier.as_deref(), Some("optimize" | MIXED)) {
        command.args(["--features", "optimize"]);
    }
    command.arg("--").args(&request.filter);
    if let Some(tier) = &request.tier {
        command.env("DUNLIN_TIER", tier);
    }
    tally("spec", &mut command)
}

/// Runs `dunlin wast` over the scripts that are expected to pass.
fn program(request: &Request, folder: &Path) -> Result<(), Error> {
    let listed = workspace::read(&workspace::root().join(EXPECTED_FAILURES))?;
    let scripts = select(folder, request.filter.as_deref(), &expected_failures(&listed))?;
    if scripts.is_empty() {
        eprintln!("spec: every script that matches is expected to fail");
        return Ok(());
    }
    steps::run("build", &mut cargo(&["build", "--release", "--package", "dunlin-cli"]))?;
    let mut command = steps::program(&workspace::dunlin().to_string_lossy(), &["wast"]);
    if let Some(tier) = &request.tier {
        command.args(["--tier", tier]);
    }
    steps::run("dunlin wast", command.args(&scripts))
}

/// The paths that the list of expected failures names.
fn expected_failures(list: &str) -> BTreeSet<&str> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}

/// The scripts below `folder` whose path from there holds the filter and is not expected to fail.
fn select(
    folder: &Path,
    filter: Option<&str>,
    expected_failures: &BTreeSet<&str>,
) -> Result<Vec<PathBuf>, Error> {
    let mut scripts = workspace::files(folder, ".wast")?;
    let name = |script: &Path| {
        let below = script.strip_prefix(folder).unwrap_or(script);
        below.to_string_lossy().replace('\\', "/")
    };
    scripts.retain(|script| filter.is_none_or(|filter| name(script).contains(filter)));
    if scripts.is_empty() {
        let filter = filter.unwrap_or("");
        return Err(Error::new(format!("no script matches `{filter}`"))
            .hint(format!("ls {}", folder.display())));
    }
    scripts.retain(|script| {
        let name = name(script);
        !name.starts_with(EARLY) && !expected_failures.contains(name.as_str())
    });
    Ok(scripts)
}

fn parse(arguments: &[String]) -> Result<Request, Error> {
    let mut request = Request::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let usage = || {
            Error::new(format!("unexpected argument `{argument}`"))
                .hint("cargo xtask spec [FILTER] [--tier T]")
        };
        if argument == "--tier" {
            request.tier = Some(rest.next().ok_or_else(usage)?.clone());
        } else if request.filter.is_none() && !argument.starts_with('-') {
            request.filter = Some(argument.clone());
        } else {
            return Err(usage());
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::{Request, expected_failures, parse};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(Into::into).collect()
    }

    #[test]
    fn filter_and_tier_come_in_any_order() {
        let expected = Request { filter: Some("simd".into()), tier: Some("interp".into()) };
        assert_eq!(parse(&words("simd --tier interp")).expect("valid"), expected);
        assert_eq!(parse(&words("--tier interp simd")).expect("valid"), expected);
        assert_eq!(parse(&[]).expect("valid"), Request::default());
    }

    #[test]
    fn the_list_of_expected_failures_is_read_by_its_first_words() {
        let list = "# remark\n\narray.wast    GC: types\nproposals/a/b.wast threads\n";
        let paths: Vec<&str> = expected_failures(list).into_iter().collect();
        assert_eq!(paths, ["array.wast", "proposals/a/b.wast"]);
    }

    #[test]
    fn other_arguments_are_refused() {
        for bad in ["a b", "--tier", "--teir x", "a --tier"] {
            assert!(parse(&words(bad)).is_err(), "{bad}");
        }
    }
}
