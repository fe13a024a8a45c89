//! Every bound on what apps and servers can make a store hold or answer, with its reason.

use super::StoreError;

/// Bytes of a key, and of an item of a Bloom filter: a URL fits, as servers take them (8 KiB in nginx and Apache).
pub const KEY_BYTES_MAX: usize = 8 << 10;

/// Bytes of a value: as much as an app of 128 MiB can hold several times, and what a connection brings in a blink.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// Bytes of a pattern. A pattern of this length against a key of [`KEY_BYTES_MAX`] takes some milliseconds at most.
pub const PATTERN_BYTES_MAX: usize = 1 << 10;

/// Keys or members in one answer: a list that an app can read.
pub const ANSWER_ITEMS_MAX: usize = 1 << 16;

/// Bytes of all keys or members in one answer, for the same reason as [`VALUE_BYTES_MAX`].
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Keys or members that one pattern is compared with: about a tenth of a second in the embedded store.
pub const VISITED_MAX: usize = 1 << 20;

/// Steps that comparing takes in one scan, a step being a byte of a pattern against a byte of a key: a tenth of a second or
/// two. Patterns that look at everything twice are common; those that look at it a thousand times are made up.
pub const SCAN_STEPS_MAX: usize = 1 << 28;

/// Steps of a scan in the embedded store after which other guests of the thread get their turn: less than a millisecond.
pub const SCAN_SLICE_STEPS_MAX: usize = 1 << 18;

/// What looking at a key or member costs beside comparing it, in such steps.
pub const VISIT_STEPS: usize = 256;

/// Bytes of a Bloom filter's bits: 50 million items with one false answer in a hundred.
pub const FILTER_BYTES_MAX: usize = 64 << 20;

/// Bytes that the cache of one app holds, unless an embedder says otherwise: keys, values, and [`ENTRY_BYTES`] for each.
pub const CACHE_BYTES_MAX: usize = 64 << 20;

/// What an entry of a cache takes beside its key and value: places in maps and lists, measured and rounded up.
pub const ENTRY_BYTES: usize = 256;

/// Entries that one sweep of a cache looks at while it holds the cache's lock: some hundred microseconds.
pub const SWEEP_ENTRIES_MAX: usize = 4096;

/// The longest time that a value is kept, in milliseconds: a hundred years, which added to any clock is a clock.
pub const TTL_MS_MAX: u64 = 100 * 366 * 24 * 3600 * 1000;

/// Bytes of a file that fills a store: read as a whole.
pub const FILL_BYTES_MAX: u64 = 256 << 20;

/// Connections to one Redis server: each has a command under way, of which there are seldom more than processors.
pub const REDIS_CONNECTIONS_MAX: usize = 32;

/// Connections that are kept while nobody uses them.
pub const REDIS_IDLE_MAX: usize = 8;

/// Milliseconds until a connection to Redis must stand, names resolved: longer than any network within a data centre takes.
pub const REDIS_CONNECT_MS_MAX: u64 = 2_000;

/// Milliseconds until a command must be answered, its wait for a connection included.
pub const REDIS_COMMAND_MS_MAX: u64 = 5_000;

/// Milliseconds of all commands of one scan.
pub const REDIS_SCAN_MS_MAX: u64 = 15_000;

/// Values in an answer of Redis's, all in all: twice [`ANSWER_ITEMS_MAX`], since members come with scores, and some.
pub const REDIS_ANSWER_VALUES_MAX: usize = 4 * ANSWER_ITEMS_MAX;

/// How deep answers of Redis's nest: a cursor and a list is two.
pub const REDIS_ANSWER_DEEP_MAX: usize = 8;

/// Bytes of one line of Redis's protocol: errors are lines, and numbers.
pub const REDIS_LINE_BYTES_MAX: usize = 64 << 10;

/// How many keys Redis looks at in one step of a scan: its other clients wait for so long.
pub const REDIS_SCAN_COUNT: u32 = 1_000;

/// Refuses a key that is too long.
///
/// # Errors
///
/// [`StoreError::Refused`].
pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    check("key", key.len(), KEY_BYTES_MAX)
}

/// Refuses a value that is too large.
pub(crate) fn check_value(value: &[u8]) -> Result<(), StoreError> {
    check("value", value.len(), VALUE_BYTES_MAX)
}

fn check(what: &str, bytes: usize, bytes_max: usize) -> Result<(), StoreError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(StoreError::refused(format_args!("the {what} has {bytes} bytes, and {bytes_max} at most")))
}

/// Refuses bounds of scores between which nothing can lie because one is no number.
pub(crate) fn check_scores(min: f64, max: f64) -> Result<(), StoreError> {
    if min.is_nan() || max.is_nan() {
        return Err(StoreError::refused("a score is not a number"));
    }
    Ok(())
}

/// What an answer that grows may still hold.
pub(crate) struct Room {
    items: usize,
    bytes: usize,
}

impl Room {
    /// Room for an answer.
    pub(crate) fn new() -> Self {
        Self { items: ANSWER_ITEMS_MAX, bytes: ANSWER_BYTES_MAX }
    }

    /// Takes room for an item of so many bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if there is not enough: half an answer would look like a whole one.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), StoreError> {
        match (self.items.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(items), Some(bytes)) => {
                (self.items, self.bytes) = (items, bytes);
                Ok(())
            }
            _ => Err(StoreError::refused(format_args!(
                "the answer has more than {ANSWER_ITEMS_MAX} items or {ANSWER_BYTES_MAX} bytes"
            ))),
        }
    }
}
