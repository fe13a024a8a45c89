//! Numbers that change how fast the heap is, never what it means.

/// Bytes of the first nursery: what is left of the heap's first block beside page 0.
pub(super) const NURSERY_FIRST: u32 = 28 << 10;

/// Bytes that a nursery shrinks to where memory is scarce: it still holds any object that is not large.
pub(super) const NURSERY_MIN: u32 = 16 << 10;

/// Bytes that a nursery grows to, unless the configuration says less. About what the second cache level
/// holds; a longer one collects less often than its misses cost.
pub const NURSERY_MAX: u32 = 4 << 20;

/// Bytes of a nursery that are cleared at a time, so that they are in the first cache level when the
/// objects are written.
pub(super) const CLEARED_BYTES: u32 = 16 << 10;

/// A nursery is doubled when a minor collection had more than one byte of work in so many of it.
pub(super) const NURSERY_WORK: u64 = 24;

/// A nursery is halved when more than so many bytes survived it: copying them takes some 3 ms, and a
/// shorter one has no more of them in all if nearly everything lives.
pub(super) const PROMOTED_MAX: u64 = 5 << 19;

/// Collections after which a nursery that was halved may be longer again: twice as many each time.
pub(super) const PATIENCE_MIN: u32 = 32;
pub(super) const PATIENCE_MAX: u32 = 1024;

/// Growth of the old space, in bytes, before which no major collection is made unasked.
pub(super) const MAJOR_GROWTH_MIN: u64 = 8 << 20;

/// Per cent of what lived after the last major collection, by which the old space grows until the next.
pub(super) const MAJOR_GROWTH_PER_CENT: u64 = 75;

/// Bytes by which a heap grows at least, where it may.
pub(super) const GROWTH_MIN: u32 = 256 << 10;

/// A heap grows by one in so many of its bytes at least, where it may.
pub(super) const GROWTH_PART: u32 = 4;

/// Bytes of young large objects that are not collected before there are more.
pub(super) const YOUNG_LARGE_BYTES: u64 = 8 << 20;

/// Elements of an array of references that are marked before what they lead to is.
pub(super) const ARRAY_SLICE: u32 = 512;

/// Entries of the stack of marking for each 256 bytes of heap, and how many there may be in any case.
/// What does not fit is found again by walking the marks.
pub(super) const MARK_STACK_PART: u32 = 256;
pub(super) const MARK_STACK_MIN: usize = 4096;

/// Per cent of the old space's lines that are free in blocks in use, from which on a major collection
/// evacuates the emptiest of them.
pub(super) const EVACUATE_PER_CENT: u64 = 25;

/// A heap that may not grow is exhausted when a major collection left less than one in so many of its
/// bytes: collecting over and over for a few objects would take for ever.
pub(super) const EXHAUSTED_PART: u32 = 32;

/// Bytes of live objects from which on a heap is marked in slices.
pub(super) const SLICED_BYTES: u64 = 4 << 20;

/// Bytes that a slice of a marking looks at: some 2 ms. At least so many times those that became old
/// meanwhile; and twice as many for each quarter of the growth until which marking was begun, so that it
/// ends.
pub(super) const SLICE_BYTES: u64 = 2 << 20;
pub(super) const SLICE_FACTOR: u64 = 2;

/// Per cent of the old space's lines that are free in blocks in use, from which on marking is not made in
/// slices, but at once and evacuating.
pub(super) const UNSLICED_PER_CENT: u64 = 50;
