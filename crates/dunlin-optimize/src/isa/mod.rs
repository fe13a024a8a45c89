//! The machine that code is made for: the one that we run on, or one with extensions that are named.

#[cfg(feature = "disassemble")]
pub(crate) mod listing;
mod x64;

use crate::settings::Settings;
use crate::tuning;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{Configurable, Flags, builder};
use dunlin_core::numeric::Relaxed;
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

/// The names of the extensions that the machine we run on has.
///
/// # Errors
///
/// If it is none that code is made for.
pub(crate) fn host() -> Result<Vec<&'static str>, CompileError> {
    #[cfg(target_arch = "x86_64")]
    return Ok(x64::detected());
    #[cfg(not(target_arch = "x86_64"))]
    return Err(CompileError::new("the optimising tier makes code for x86-64 only"));
}

/// The extensions of these names.
///
/// # Errors
///
/// If there is none of a name.
pub(crate) fn named(names: &[&str]) -> Result<Vec<&'static str>, CompileError> {
    let known = |name: &&str| x64::EXTENSIONS.iter().copied().find(|known| known == name);
    let named = names.iter().map(|name| {
        known(name)
            .ok_or_else(|| CompileError::new(format_args!("no extension is called `{name}`")))
    });
    named.collect()
}

/// A code generator for machines with these extensions.
pub(crate) fn generator(
    settings: &Settings,
    extensions: &[&str],
) -> Result<OwnedTargetIsa, CompileError> {
    let asked = settings.relaxed;
    if asked != Relaxed::Deterministic && asked > x64::fastest_relaxed(extensions) {
        return Err(CompileError::new("the machine lacks what relaxed operators are to use"));
    }
    x64::generator(flags(settings)?, extensions)
}
