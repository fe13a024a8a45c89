//! Chooses how handlers reach each other: by sibling calls where the compiler makes jumps of them.
//!
//! LLVM turns a call in tail position into a jump only when it optimises, and only where all arguments
//! travel in registers; elsewhere the handlers return to a loop.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(dunlin_dispatch, values(\"tail\", \"loop\"))");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let optimised = matches!(variable("OPT_LEVEL").as_str(), "2" | "3" | "s");
    let arch = variable("CARGO_CFG_TARGET_ARCH");
    // Windows on x86-64 is left out: its own convention has four registers, and the System V
    // convention there has not been measured.
    let registers = matches!(arch.as_str(), "x86_64" | "aarch64")
        && variable("CARGO_CFG_TARGET_OS") != "windows";
    let forced = env::var_os("CARGO_FEATURE_LOOP_DISPATCH").is_some();
    let miri = env::var_os("CARGO_CFG_MIRI").is_some();
    let dispatch = if optimised && registers && !forced && !miri { "tail" } else { "loop" };
    println!("cargo::rustc-cfg=dunlin_dispatch=\"{dispatch}\"");
}
