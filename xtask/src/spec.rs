//! `cargo xtask spec`: the specification's suite on the release build of the `dunlin` program.
//!
//! The scripts are those of the folder that `DUNLIN_SUITES` names; where it is not set, the tests of
//! `dunlin-wast` run the copy that they get from the package registry.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::steps::{cargo, program, run as step};
use crate::workspace;

/// What the arguments ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    /// A part of the scripts' paths.
    filter: Option<String>,
    /// The tier, as the program spells it.
    tier: Option<String>,
}

/// Runs `cargo xtask spec`.
///
/// # Errors
///
/// When no script matches, or an assertion fails that is not expected to.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    let request = parse(arguments)?;
    let Some(suites) = workspace::suites() else {
        eprintln!("DUNLIN_SUITES names no folder: running the registry's copy of the suite");
        return registry(&request);
    };
    let scripts = select(&suites.join("spec"), request.filter.as_deref())?;
    step("build", &mut cargo(&["build", "--release", "--package", "dunlin-cli"]))?;
    let mut command = program(&workspace::dunlin().to_string_lossy(), &["wast"]);
    if let Some(tier) = &request.tier {
        command.args(["--tier", tier]);
    }
    step("spec", command.args(&scripts))
}

/// Runs the suite through the tests of `dunlin-wast`.
fn registry(request: &Request) -> Result<(), Error> {
    let mut command = cargo(&["test", "--release", "--package", "dunlin-wast", "--"]);
    command.args(&request.filter);
    if let Some(tier) = &request.tier {
        command.env("DUNLIN_TIER", tier);
    }
    step("spec", &mut command)
}

/// The scripts below `folder` whose path from there holds the filter.
fn select(folder: &Path, filter: Option<&str>) -> Result<Vec<PathBuf>, Error> {
    let mut scripts = workspace::files(folder, ".wast")?;
    scripts.retain(|script| {
        let name = script.strip_prefix(folder).unwrap_or(script).to_string_lossy();
        filter.is_none_or(|filter| name.contains(filter))
    });
    if scripts.is_empty() {
        let filter = filter.unwrap_or("");
        return Err(Error::new(format!("no script matches `{filter}`"))
            .hint(format!("ls {}", folder.display())));
    }
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
    use super::{Request, parse};

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
    fn other_arguments_are_refused() {
        for bad in ["a b", "--tier", "--teir x", "a --tier"] {
            assert!(parse(&words(bad)).is_err(), "{bad}");
        }
    }
}
