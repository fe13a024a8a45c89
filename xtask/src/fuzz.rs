//! `cargo xtask fuzz`: compares generated modules with a second engine, a bounded number of them.

use crate::error::Error;
use crate::steps::{cargo, run as step};
use crate::workspace;

/// Modules when nobody says how many: a minute or two on a small machine.
const MODULES_DEFAULT: u32 = 2_000;

/// The workspace of the fuzzing crate: the second engine stands in its lock file, not in ours.
const MANIFEST: &str = "crates/dunlin-fuzzing/Cargo.toml";

/// Runs `cargo xtask fuzz`.
///
/// # Errors
///
/// When the two engines differ, or the arguments are not `--modules N`.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    let modules = parse(arguments)?;
    if !workspace::root().join(MANIFEST).is_file() {
        return Err(Error::new(format!("`{MANIFEST}` does not stand in this tree")));
    }
    let modules = modules.to_string();
    step(
        "fuzz",
        &mut cargo(&[
            "run",
            "--release",
            "--manifest-path",
            MANIFEST,
            "--bin",
            "differential",
            "--",
            "--modules",
            &modules,
        ]),
    )
}

fn parse(arguments: &[String]) -> Result<u32, Error> {
    match arguments {
        [] => Ok(MODULES_DEFAULT),
        [flag, count] if flag == "--modules" => count.parse().map_err(|cause| {
            Error::new(format!("`{count}` is not a number of modules"))
                .cause(cause)
                .hint("cargo xtask fuzz --modules 100000")
        }),
        _ => Err(Error::new(format!("unexpected arguments `{}`", arguments.join(" ")))
            .hint("cargo xtask fuzz [--modules N]")),
    }
}

#[cfg(test)]
mod tests {
    use super::{MODULES_DEFAULT, parse};

    #[test]
    fn the_number_of_modules_is_checked() {
        assert_eq!(parse(&[]).expect("valid"), MODULES_DEFAULT);
        assert_eq!(parse(&["--modules".into(), "7".into()]).expect("valid"), 7);
        assert!(parse(&["--modules".into(), "many".into()]).is_err());
        assert!(parse(&["7".into()]).is_err());
    }
}
