//! What the collector asks of the machine's instruction set: to fetch memory ahead of its use.

/// Tells the machine that the memory at an address will be read soon. Any address will do: what is not
/// there is not fetched.
#[inline]
pub(super) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address neither faults nor changes what memory holds.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
