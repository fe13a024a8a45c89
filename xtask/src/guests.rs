//! `cargo xtask guests`: builds the guests of `examples/` from their sources.
//!
//! The committed modules stand there so that a newcomer needs no other compiler. Without arguments
//! they are built again in place; with `--check` they are built aside, and both the committed module
//! and the new one must print the expected text: compilers differ in bytes, not in what a program
//! does. `--with ENGINE` checks with a peer, `--bless` writes the expected text.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::engines::{Engine, Folder, Job};
use crate::error::Error;
use crate::real::case::Case;
use crate::real::kotlin;
use crate::real::packages::{self, create};
use crate::steps;
use crate::workspace;

/// All committed modules together stay below this, so that a clone stays quick.
const MODULES_BYTES_MAX: u64 = 1 << 20;

/// How a guest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    C,
    Zig,
    Rust,
    /// Rust, as a component for WASI 0.2.
    RustComponent,
    Kotlin,
    /// A package of its own with FastEdge's SDK: an app, which the edge server's tests run.
    FastEdge,
    /// The text format, which the engine reads itself.
    Text,
}

/// A guest of `examples/NAME`: its language and the run that is checked.
struct Guest {
    name: &'static str,
    language: Language,
    arguments: &'static [&'static str],
    /// A file of the guest's folder that becomes standard input.
    input: Option<&'static str>,
}

const GUESTS: &[Guest] = &[
    Guest { name: "hello", language: Language::Text, arguments: &[], input: None },
    Guest {
        name: "wordcount",
        language: Language::C,
        arguments: &["/text/shore.txt"],
        input: None,
    },
    Guest { name: "sha256", language: Language::C, arguments: &["/text/sha256.c"], input: None },
    Guest { name: "mandelbrot", language: Language::Zig, arguments: &["64", "24"], input: None },
    Guest {
        name: "json",
        language: Language::Rust,
        arguments: &[".birds[1]"],
        input: Some("waders.json"),
    },
    Guest {
        name: "shelf",
        language: Language::RustComponent,
        arguments: &["/text/books"],
        input: Some("input.txt"),
    },
    Guest { name: "roost", language: Language::FastEdge, arguments: &[], input: None },
    Guest { name: "greet", language: Language::Kotlin, arguments: &[], input: None },
    Guest { name: "aviary", language: Language::Kotlin, arguments: &[], input: None },
];

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    check: bool,
    bless: bool,
    engine: Engine,
}

/// Runs `cargo xtask guests`.
///
/// # Errors
///
/// When a compiler fails, the modules grow beyond their bound, or one prints something else.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    let request = parse(arguments)?;
    if !request.check && !request.bless {
        for guest in GUESTS {
            guest.build(&guest.committed())?;
        }
    }
    sizes()?;
    if request.check || request.bless {
        request.engine.install()?;
        for guest in GUESTS {
            guest.check(&request)?;
        }
        println!("{} passed, 0 failed", GUESTS.len());
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Request, Error> {
    let mut request = Request { check: false, bless: false, engine: Engine::Dunlin };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--check" => request.check = true,
            "--bless" => request.bless = true,
            "--with" => request.engine = Engine::parse(rest.next().map_or("", String::as_str))?,
            other => {
                return Err(Error::new(format!("unknown argument `{other}`"))
                    .hint("cargo xtask guests [--check | --bless] [--with ENGINE]"));
            }
        }
    }
    Ok(request)
}

/// Prints each committed module's size and holds their sum to its bound.
fn sizes() -> Result<(), Error> {
    let mut total = 0;
    for guest in GUESTS {
        let bytes = fs::metadata(guest.committed()).map_or(0, |known| known.len());
        println!("{bytes:>9}  {}", guest.committed().display());
        total += bytes;
    }
    println!("{total:>9}  in all");
    if total > MODULES_BYTES_MAX {
        return Err(Error::new(format!("the guests take {total} bytes"))
            .cause(format!("their bound is {MODULES_BYTES_MAX}")));
    }
    Ok(())
}

impl Guest {
    fn folder(&self) -> PathBuf {
        workspace::root().join("examples").join(self.name)
    }

    /// The file that a user runs.
    fn committed(&self) -> PathBuf {
        let ending = if self.language == Language::Text { "wat" } else { "wasm" };
        self.folder().join(format!("{}.{ending}", self.name))
    }

    fn source(&self, ending: &str) -> PathBuf {
        self.folder().join(format!("{}.{ending}", self.name))
    }

    /// Compiles the guest into `module`, for size, without names or paths of this machine.
    fn build(&self, module: &Path) -> Result<(), Error> {
        let mut command = match self.language {
            Language::Text => return Ok(()),
            Language::FastEdge => return self.build_package(module),
            Language::Kotlin => {
                return kotlin::compile(self.name, &[self.source("kt")], module);
            }
            Language::C => {
                let arguments = [
                    "cc",
                    "--target=wasm32-wasi",
                    "-mcpu=mvp",
                    "-Os",
                    "-s",
                    "-Wl,-z,stack-size=262144",
                    "-Wall",
                    "-Wextra",
                    "-Werror",
                    "-o",
                ];
                let mut command = packages::zig(&arguments)?;
                command.arg(module).arg(self.source("c"));
                command
            }
            Language::Zig => {
                let arguments = [
                    "build-exe",
                    "-target",
                    "wasm32-wasi",
                    "-O",
                    "ReleaseSmall",
                    "-fstrip",
                    "-fno-entry",
                    "--export=_start",
                    "--stack",
                    "65536",
                ];
                let mut command = packages::zig(&arguments)?;
                command.arg(format!("-femit-bin={}", module.display())).arg(self.source("zig"));
                command
            }
            Language::Rust | Language::RustComponent => {
                let (target, argument) = match self.language {
                    Language::Rust => ("wasm32-wasip1", "--target=wasm32-wasip1"),
                    _ => ("wasm32-wasip2", "--target=wasm32-wasip2"),
                };
                packages::rust_target(target)?;
                let mut arguments = vec!["--edition=2024", argument, "-Dwarnings"];
                for option in
                    ["opt-level=z", "lto=fat", "panic=abort", "strip=symbols", "codegen-units=1"]
                {
                    arguments.extend(["-C", option]);
                }
                arguments.push("-o");
                let mut command = steps::program("rustc", &arguments);
                command.arg(module).arg(self.source("rs"));
                command
            }
        };
        steps::run(&format!("build {}", self.name), &mut command)
    }

    /// Compiles the package in the guest's folder into `module`. The sources of other packages have no path in it.
    fn build_package(&self, module: &Path) -> Result<(), Error> {
        const TARGET: &str = "wasm32-wasip1";
        packages::rust_target(TARGET)?;
        let target = workspace::target().join("guests").join(self.name);
        let manifest = self.folder().join("Cargo.toml");
        let (manifest, folder) = (manifest.to_string_lossy(), target.to_string_lossy());
        let mut arguments = vec!["build", "--release", "--locked", "--target", TARGET];
        arguments.extend(["--manifest-path", &manifest, "--target-dir", &folder]);
        let mut command = steps::cargo(&arguments);
        command.env("RUSTFLAGS", format!("-Dwarnings{}", without_paths()));
        steps::run(&format!("build {}", self.name), &mut command)?;
        let built = target.join(TARGET).join("release").join(format!("{}.wasm", self.name));
        packages::copy(&built, module)
    }

    /// Runs the tests of an app, with the committed module and a fresh one.
    fn check_app(&self, fresh: &Path) -> Result<(), Error> {
        for module in [self.committed(), fresh.to_path_buf()] {
            let arguments = ["test", "-p", "dunlin-edge", "--test", "fastedge_app"];
            let mut command = steps::cargo(&arguments);
            command.env("DUNLIN_ROOST", module);
            steps::run(&format!("check {}", self.name), &mut command)?;
        }
        Ok(())
    }

    /// Runs the committed module and a fresh one; both must print the expected text.
    fn check(&self, request: &Request) -> Result<(), Error> {
        let aside = workspace::target().join("guests");
        create(&aside)?;
        let fresh = aside.join(format!("{}.wasm", self.name));
        self.build(&fresh)?;
        if self.language == Language::FastEdge {
            return self.check_app(&fresh);
        }
        let both = [self.committed(), fresh];
        let modules = if self.language == Language::Text { &both[..1] } else { &both };
        let folders = [Folder { host: self.folder(), guest: "/text", writable: false }];
        let job = Job { arguments: self.arguments, folders: &folders, ..Job::default() };
        let case = Case {
            input: self.input.map(|input| self.folder().join(input)),
            expected: self.folder().join("expected.txt"),
            actual: aside.join(format!("{}.actual.txt", self.name)),
            exit: 0,
        };
        for (at, module) in modules.iter().enumerate() {
            let module = request.engine.prepare(module)?;
            case.check(request.engine.command(&module, &job)?, request.bless && at == 0)?;
        }
        Ok(())
    }
}

/// Arguments of the compiler by which the registry's folders of this machine are called something else.
fn without_paths() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry").join("src")).ok());
    let folders = registries.into_iter().flatten().filter_map(Result::ok);
    let argument = |folder: fs::DirEntry| {
        format!(" --remap-path-prefix={}=crates", folder.path().display())
    };
    folders.map(argument).collect()
}

#[cfg(test)]
mod tests {
    use super::{GUESTS, Language, parse, sizes};

    #[test]
    fn every_guest_stands_with_its_expected_text_and_all_within_the_bound() {
        for guest in GUESTS {
            assert!(guest.committed().is_file(), "{}", guest.committed().display());
            let is_app = guest.language == Language::FastEdge;
            assert!(is_app || guest.folder().join("expected.txt").is_file(), "{}", guest.name);
        }
        sizes().expect("within the bound");
    }

    #[test]
    fn an_unknown_argument_is_refused() {
        assert!(parse(&["--chekc".into()]).is_err());
        assert!(parse(&["--check".into()]).expect("valid").check);
    }
}
