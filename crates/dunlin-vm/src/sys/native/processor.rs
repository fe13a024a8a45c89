//! Which results of relaxed operators take the fewest instructions of this machine.

use core::arch::x86_64::_xgetbv;
use dunlin_core::numeric::Relaxed;
use dunlin_module::processor::{AVX, FMA, OSXSAVE, SSE4_1, SSSE3, has};

/// Bits of `XCR0`: registers of 128 and the upper halves of those of 256 bits are saved.
const XMM_AND_YMM: u64 = 0b110;

/// Results that take the fewest instructions.
pub(crate) fn fastest_relaxed() -> Relaxed {
    match (has(SSSE3 | SSE4_1), has(AVX | FMA | OSXSAVE) && saves_ymm()) {
        (false, _) => Relaxed::Deterministic,
        (true, false) => Relaxed::Fast,
        (true, true) => Relaxed::Fused,
    }
}

/// Whether the operating system saves the registers that AVX uses.
fn saves_ymm() -> bool {
    #[target_feature(enable = "xsave")]
    fn xcr0() -> u64 {
        // SAFETY: the caller has seen that the operating system uses `XSAVE`, with which the instruction comes, and
        // register 0 is there wherever the instruction is.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: `OSXSAVE` is set, which says that the processor has `XSAVE` and the operating system uses it.
    let saved = unsafe { xcr0() };
    saved & XMM_AND_YMM == XMM_AND_YMM
}

#[cfg(test)]
mod tests {
    use super::{Relaxed, fastest_relaxed};

    #[test]
    fn the_short_way_to_ask_agrees_with_the_long_one() {
        let has_fast = is_x86_feature_detected!("ssse3") && is_x86_feature_detected!("sse4.1");
        let has_fused = is_x86_feature_detected!("avx") && is_x86_feature_detected!("fma");
        let expected = match (has_fast, has_fused) {
            (true, true) => Relaxed::Fused,
            (true, false) => Relaxed::Fast,
            (false, _) => Relaxed::Deterministic,
        };
        assert_eq!(fastest_relaxed(), expected);
    }
}
