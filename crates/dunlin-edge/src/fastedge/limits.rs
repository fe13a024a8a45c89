//! Every bound on what an app makes the host hold, with its reason.

/// Bytes of the name that an app gives a request for diagnosis: a label in statistics.
pub const DIAG_BYTES_MAX: usize = 256;

/// Key-value stores that an app has open at once: each is a name it was granted, which it need not open twice.
pub const OPEN_STORES_MAX: usize = 256;

/// Requests that an app may send while it answers one, unless an embedder says otherwise.
pub const SUB_REQUESTS_MAX: u32 = 50;

/// Bytes of a URL that an app sends a request to: what servers take.
pub const URL_BYTES_MAX: usize = 16 << 10;

/// Headers that an app sends or answers with.
pub const HEADERS_MAX: usize = 256;

/// Bytes of all their names and values: twice what servers take by default.
pub const HEADER_BYTES_MAX: usize = 64 << 10;

/// Failures of stores and of requests that are kept for the server's log while a request lasts; more say nothing new.
pub const NOTES_MAX: usize = 16;

/// Bytes of a dotenv file: it is written by hand.
pub const DOTENV_BYTES_MAX: u64 = 1 << 20;

/// Bytes of an answer's body that an app receives whole: half of what memory it has by default.
pub const BODY_BYTES_MAX: usize = 64 << 20;
