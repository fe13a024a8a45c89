//! Where native code does not run: nothing is asked.

use dunlin_core::numeric::Relaxed;

/// Those of the deterministic profile.
pub(crate) fn fastest_relaxed() -> Relaxed {
    Relaxed::Deterministic
}
