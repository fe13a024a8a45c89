//! x86-64: its extensions, and which of them the machine has.

use cranelift_codegen::isa::{OwnedTargetIsa, lookup_by_name};
use cranelift_codegen::settings::{Configurable, Flags};
use dunlin_core::numeric::Relaxed;
use dunlin_module::CompileError;

macro_rules! extensions {
    ($($flag:literal $name:tt;)*) => {
        /// Cranelift's name of each extension that code may use.
        pub(crate) const EXTENSIONS: &[&str] = &[$($flag),*];

        /// The names of those that this machine has.
        #[cfg(target_arch = "x86_64")]
        pub(crate) fn detected() -> Vec<&'static str> {
            let has = [$(std::is_x86_feature_detected!($name)),*];
            EXTENSIONS.iter().zip(has).filter_map(|(name, has)| has.then_some(*name)).collect()
        }
    };
}

extensions! {
    "has_sse3" "sse3";
    "has_ssse3" "ssse3";
    "has_sse41" "sse4.1";
    "has_sse42" "sse4.2";
    "has_popcnt" "popcnt";
    "has_cmpxchg16b" "cmpxchg16b";
    "has_avx" "avx";
    "has_avx2" "avx2";
    "has_fma" "fma";
    "has_bmi1" "bmi1";
    "has_bmi2" "bmi2";
    "has_lzcnt" "lzcnt";
    "has_avx512bitalg" "avx512bitalg";
    "has_avx512dq" "avx512dq";
    "has_avx512f" "avx512f";
    "has_avx512vl" "avx512vl";
    "has_avx512vbmi" "avx512vbmi";
}

/// Without this extension rounding and vectors would need calls that we do not provide.
const REQUIRED: &str = "has_sse41";

/// What the fastest instructions for relaxed operators need, and what fusing needs besides.
const RELAXED: (&[&str], &[&str]) = (&["has_ssse3", REQUIRED], &["has_avx", "has_fma"]);

/// The results that relaxed operators have where they take the fewest instructions.
pub(crate) fn fastest_relaxed(extensions: &[&str]) -> Relaxed {
    let has = |names: &[&str]| names.iter().all(|name| extensions.contains(name));
    match (has(RELAXED.0), has(RELAXED.1)) {
        (true, true) => Relaxed::Fused,
        (true, false) => Relaxed::Fast,
        (false, _) => Relaxed::Deterministic,
    }
}

/// A code generator for machines with these extensions.
pub(crate) fn generator(flags: Flags, extensions: &[&str]) -> Result<OwnedTargetIsa, CompileError> {
    if !extensions.contains(&REQUIRED) {
        return Err(CompileError::new("the optimising tier needs a processor with SSE4.1"));
    }
    let mut isa = lookup_by_name("x86_64").map_err(CompileError::new)?;
    for name in extensions {
        isa.enable(name).map_err(CompileError::new)?;
    }
    isa.finish(flags).map_err(CompileError::new)
}
