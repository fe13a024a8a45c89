//! The machine that code is made for: the one that we run on.

#[cfg(target_arch = "x86_64")]
mod x64;

use crate::settings::Settings;
use crate::tuning;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{Configurable, Flags, builder};
use dunlin_module::CompileError;

/// The settings of Cranelift that all machines share.
fn flags(settings: &Settings) -> Result<Flags, CompileError> {
    let mut flags = builder();
    let on = |on: bool| if on { "true" } else { "false" };
    let rows = [
        ("opt_level", tuning::OPT_LEVEL),
        // Backtraces walk the chain of frame pointers.
        ("preserve_frame_pointers", "true"),
        ("unwind_info", "false"),
        // The limit of the stack is checked before a frame is made, whatever its size.
        ("enable_probestack", "false"),
        ("enable_multi_ret_implicit_sret", "true"),
        ("enable_nan_canonicalization", on(settings.canonical_nans)),
        ("enable_verifier", on(settings.verify)),
        // It holds the fuel.
        ("enable_pinned_reg", on(settings.fuel)),
    ];
    for (name, value) in rows {
        flags.set(name, value).map_err(CompileError::new)?;
    }
    Ok(Flags::new(flags))
}

/// A code generator for the machine that we run on.
#[cfg(target_arch = "x86_64")]
pub(crate) fn host(settings: &Settings) -> Result<OwnedTargetIsa, CompileError> {
    x64::host(flags(settings)?)
}

/// A code generator for the machine that we run on.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn host(settings: &Settings) -> Result<OwnedTargetIsa, CompileError> {
    flags(settings)?;
    Err(CompileError::new("the optimising tier makes code for x86-64 only"))
}

/// The names of the extensions that code for this machine may use.
#[cfg(target_arch = "x86_64")]
pub(crate) fn extensions() -> Vec<&'static str> {
    x64::used()
}

/// The names of the extensions that code for this machine may use.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn extensions() -> Vec<&'static str> {
    Vec::new()
}
