//! What a heap has done.

/// What a heap has done since it began, and how large it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapStats {
    /// Minor collections, those that a major one began with included.
    pub minor_collections: u64,
    /// Major collections.
    pub major_collections: u64,
    /// Bytes of the objects that were allocated.
    pub allocated_bytes: u64,
    /// Bytes of objects that survived a minor collection and became old.
    pub promoted_bytes: u64,
    /// Bytes of old objects that major collections moved.
    pub evacuated_bytes: u64,
    /// Bytes of the objects that were alive after the last major collection.
    pub live_bytes: u64,
    /// Bytes of the heap: what its store's limits count. A major collection gives back to the machine what is
    /// free beyond what the heap is likely to need until the next one.
    pub heap_bytes: u64,
    /// Bytes of the nursery.
    pub nursery_bytes: u64,
    /// Bytes of large objects.
    pub large_bytes: u64,
    /// Nanoseconds that all collections took; 0 without `std`, as are the next two.
    pub pause_nanos: u64,
    /// Nanoseconds of the last collection.
    pub pause_nanos_last: u64,
    /// Nanoseconds of the longest collection.
    pub pause_nanos_max: u64,
}

/// Measures a pause.
pub(super) struct Clock {
    #[cfg(feature = "std")]
    began: std::time::Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            #[cfg(feature = "std")]
            began: std::time::Instant::now(),
        }
    }

    #[cfg(feature = "std")]
    pub(super) fn stop(self, stats: &mut HeapStats) {
        let nanos = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        stats.pause_nanos = stats.pause_nanos.saturating_add(nanos);
        stats.pause_nanos_last = nanos;
        stats.pause_nanos_max = stats.pause_nanos_max.max(nanos);
    }

    #[cfg(not(feature = "std"))]
    pub(super) fn stop(self, _stats: &mut HeapStats) {}
}
