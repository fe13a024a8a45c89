//! Which extensions the processor has that decide what code can be made, and what relaxed operators do.
//!
//! In a virtual machine each `CPUID` is a trip to the hypervisor (12 to 16 microseconds where we measured), and the
//! standard library asks ten of them at the first question. Here it is one, of which everybody has the answer.

#[cfg(target_arch = "x86_64")]
use core::sync::atomic::{AtomicU64, Ordering};

// Bits of `ECX` in leaf 1 (Intel's manual, volume 2, table 3-10).
/// Supplemental SSE3.
pub const SSSE3: u32 = 1 << 9;
/// Products that are not rounded before they are added.
pub const FMA: u32 = 1 << 12;
/// SSE4.1.
pub const SSE4_1: u32 = 1 << 19;
/// SSE4.2.
pub const SSE4_2: u32 = 1 << 20;
/// Counting of ones.
pub const POPCNT: u32 = 1 << 23;
/// The operating system uses `XSAVE`, and may save more registers than the oldest.
pub const OSXSAVE: u32 = 1 << 27;
/// AVX. Whether the operating system saves its registers is another question.
pub const AVX: u32 = 1 << 28;

/// Whether the processor has all extensions that these bits stand for; none on another than x86-64.
#[must_use]
#[cfg(target_arch = "x86_64")]
pub fn has(bits: u32) -> bool {
    /// Set where the answer is there.
    const ASKED: u64 = 1 << 32;
    static LEAF: AtomicU64 = AtomicU64::new(0);
    let mut leaf = LEAF.load(Ordering::Relaxed);
    if leaf == 0 {
        leaf = u64::from(core::arch::x86_64::__cpuid(1).ecx) | ASKED;
        LEAF.store(leaf, Ordering::Relaxed);
    }
    leaf as u32 & bits == bits
}

/// Whether the processor has all extensions that these bits stand for; none on another than x86-64.
#[must_use]
#[cfg(not(target_arch = "x86_64"))]
pub fn has(_bits: u32) -> bool {
    false
}

#[cfg(all(test, feature = "std", target_arch = "x86_64", not(miri)))]
mod tests {
    use super::{POPCNT, SSE4_1, SSE4_2, SSSE3, has};

    #[test]
    fn the_answer_is_the_standard_librarys() {
        let theirs = [
            (SSSE3, is_x86_feature_detected!("ssse3")),
            (SSE4_1, is_x86_feature_detected!("sse4.1")),
            (SSE4_2, is_x86_feature_detected!("sse4.2")),
            (POPCNT, is_x86_feature_detected!("popcnt")),
        ];
        for (bits, expected) in theirs {
            assert_eq!(has(bits), expected, "{bits:#x}");
        }
        let all = theirs.iter().fold(0, |all, of| all | of.0);
        assert_eq!(has(all), theirs.iter().all(|of| of.1));
    }
}
