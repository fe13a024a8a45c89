//! The kernels of `bench/kernels`: one row each, and how they are built for the guest and for us.
//!
//! Both builds come from one compiler with the same optimisation, so that the ratio between them is
//! the engine's; the native build may use what processors have had since 2009 (x86-64-v2), which is
//! what SIMD of 128 bits needs.

use std::path::{Path, PathBuf};

use super::engines::newer;
use crate::error::Error;
use crate::real::packages;
use crate::steps;
use crate::workspace;

/// A kernel and how much of it is measured.
#[derive(Debug)]
pub struct Kernel {
    /// Its name in tables.
    pub name: &'static str,
    /// The name of its source.
    source: &'static str,
    /// What it is heavy in.
    pub class: &'static str,
    /// The argument: about 80 ms of native time on a laptop's core.
    pub work: u32,
    simd: bool,
}

const fn row(name: &'static str, class: &'static str, work: u32, simd: bool) -> Kernel {
    Kernel { name, source: name, class, work, simd }
}

/// A kernel that is written without vectors and compiled with them.
const fn vectorised(name: &'static str, source: &'static str, work: u32) -> Kernel {
    Kernel { name, source, class: "vectorised", work, simd: true }
}

/// Every kernel, by class.
pub const KERNELS: &[Kernel] = &[
    row("fib", "calls", 1_100, false),
    row("tak", "calls", 890, false),
    row("queens", "calls", 1_100, false),
    row("dispatch", "indirect", 7_200, false),
    row("bytecode", "indirect", 1_000, false),
    row("sieve", "memory", 53, false),
    row("copy", "memory", 5_000, false),
    row("hashmap", "memory", 72, false),
    row("trees", "memory", 4_100, false),
    row("matmul", "float", 250, false),
    row("nbody", "float", 1_300_000, false),
    row("mandelbrot", "float", 12, false),
    row("spectral", "float", 580, false),
    row("convert", "float", 13_000_000, false),
    row("collatz", "integer", 750_000, false),
    row("crc32", "integer", 460, false),
    row("xorshift", "integer", 24_000_000, false),
    row("divide", "integer", 300_000, false),
    row("distance", "integer", 350, false),
    row("saxpy", "simd", 100_000, true),
    row("blur", "simd", 7_100, true),
    row("sha256", "hash", 660, false),
    row("siphash", "hash", 3_700, false),
    row("json", "text", 980, false),
    row("search", "text", 580, false),
    row("lz", "text", 170, false),
    row("quicksort", "sort", 78, false),
    row("mergesort", "sort", 85, false),
    row("mixed", "mixed", 32_000, false),
];

/// Kernels whose loops the compiler makes vectors of, for the guest as for us. They run only when asked for, so
/// that the mean over all kernels stays what it was.
pub const VECTORISED: &[Kernel] = &[
    vectorised("sieve-v128", "sieve", 53),
    vectorised("copy-v128", "copy", 5_000),
    vectorised("matmul-v128", "matmul", 250),
    vectorised("nbody-v128", "nbody", 1_300_000),
    vectorised("spectral-v128", "spectral", 580),
    vectorised("distance-v128", "distance", 350),
    vectorised("mixed-v128", "mixed", 32_000),
    vectorised("saxpy-v128", "saxpy", 100_000),
    vectorised("blur-v128", "blur", 7_100),
];

/// Flags of both builds. Contraction of multiply and add would change checksums.
const FLAGS: [&str; 4] = ["cc", "-O3", "-ffp-contract=off", "-fno-sanitize=all"];

/// The stack within the guest's memory, which some engines clear at every start; the compiler would
/// take sixteen megabytes. A kernel recurses a few hundred deep; what is started hardly at all.
const KERNEL_STACK: &str = "-Wl,-z,stack-size=1048576";
/// The stack of small programs, as C toolchains for WASI set it.
pub const SMALL_STACK: &str = "-Wl,-z,stack-size=65536";

/// A kernel's two programs.
pub struct Built {
    /// The guest.
    pub module: PathBuf,
    /// The same for this machine.
    pub native: PathBuf,
}

impl Kernel {
    /// Compiles both programs, unless they are newer than the source.
    ///
    /// # Errors
    ///
    /// When the compiler cannot be fetched or fails.
    pub fn build(&self) -> Result<Built, Error> {
        let source = folder().join("kernels").join(format!("{}.c", self.source));
        let flags = [KERNEL_STACK, "-msimd128"];
        build(&source, self.name, if self.simd { &flags } else { &flags[..1] })
    }
}

/// The folder of the benchmarks' sources.
pub fn folder() -> PathBuf {
    workspace::root().join("bench")
}

/// Compiles a C program for the guest, with `guest_flags`, and for this machine.
///
/// # Errors
///
/// When the compiler cannot be fetched or fails.
pub fn build(source: &Path, name: &str, guest_flags: &[&str]) -> Result<Built, Error> {
    let target = workspace::target().join("bench");
    packages::create(&target)?;
    let built = Built { module: target.join(format!("{name}.wasm")), native: target.join(name) };
    let header = source.with_file_name("kernel.h");
    let fresh =
        |output: &Path| newer(output, source) && (!header.exists() || newer(output, &header));
    if !fresh(&built.module) {
        let mut command = packages::zig(&FLAGS)?;
        command.args(["--target=wasm32-wasi", "-s"]).args(guest_flags);
        command.arg("-o").arg(&built.module).arg(source);
        steps::capture(&format!("compile {name}"), &mut command)?;
    }
    if !fresh(&built.native) {
        let mut command = packages::zig(&FLAGS)?;
        if cfg!(target_arch = "x86_64") {
            command.arg("-march=x86_64_v2");
        }
        command.arg("-o").arg(&built.native).arg(source).arg("-lm");
        steps::capture(&format!("compile {name} natively"), &mut command)?;
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::{KERNELS, VECTORISED, folder};
    use crate::workspace;

    #[test]
    fn every_source_is_a_row_and_every_row_a_source() {
        let sources = workspace::files(&folder().join("kernels"), ".c").expect("the folder stands");
        let mut names: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
        names.sort_unstable();
        let stems: Vec<String> = sources
            .iter()
            .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
            .collect();
        assert_eq!(stems, names);
        for kernel in VECTORISED {
            let same = KERNELS.iter().find(|other| other.name == kernel.source);
            assert_eq!(same.map(|other| other.work), Some(kernel.work), "{}", kernel.name);
        }
    }
}
