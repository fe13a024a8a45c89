//! What of the processor an engine must know before it compiles anything, asked with as few questions as can be.
//!
//! In a virtual machine each `CPUID` is a trip to the hypervisor (12 to 16 microseconds where we measured), and the
//! standard library asks ten of them at the first question. Here it is one, and what the operating system saves.

use core::arch::x86_64::{__cpuid, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};
use dunlin_core::numeric::Relaxed;

/// Bits of `ECX` in leaf 1 (Intel's manual, volume 2, table 3-10).
const SSSE3: u32 = 1 << 9;
const FMA: u32 = 1 << 12;
const SSE4_1: u32 = 1 << 19;
const OSXSAVE: u32 = 1 << 27;
const AVX: u32 = 1 << 28;

/// Bits of `XCR0`: registers of 128 and the upper halves of those of 256 bits are saved.
const XMM_AND_YMM: u64 = 0b110;

/// Results that take the fewest instructions of this machine; asked once.
pub(crate) fn fastest_relaxed() -> Relaxed {
    /// One more than the index in [`ALL`]; 0 before the first question.
    static KNOWN: AtomicU8 = AtomicU8::new(0);
    const ALL: [Relaxed; 3] = [Relaxed::Deterministic, Relaxed::Fast, Relaxed::Fused];
    if let Some(known) = usize::from(KNOWN.load(Ordering::Relaxed)).checked_sub(1) {
        return ALL[known];
    }
    let index = index(__cpuid(1).ecx);
    KNOWN.store(index + 1, Ordering::Relaxed);
    ALL[usize::from(index)]
}

fn index(features: u32) -> u8 {
    let has = |bits| features & bits == bits;
    match (has(SSSE3 | SSE4_1), has(AVX | FMA | OSXSAVE) && saves_ymm()) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
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
        assert_eq!(fastest_relaxed(), expected, "the second time, from memory");
    }
}
