//! Every bound on what a guest can make the host hold or do in one call, with its reason.
//!
//! A guest owns its arguments; these numbers make sure that no argument decides how much the host
//! allocates, or how long a single call keeps a thread.

/// How long one uninterrupted wait may be, in milliseconds: an embedder's interrupt is seen at least
/// this often while a guest sleeps or waits for input.
pub const WAIT_SLICE_MILLISECONDS_MAX: u64 = 10;

/// How many bytes go to an inherited output that was found ready: POSIX lets no pipe that is ready hold
/// a writer of so few (`PIPE_BUF` on Linux), so that the embedder's interrupt is seen between them.
pub const READY_WRITE_BYTES_MAX: usize = 4096;

/// How many bytes of a file one job reads or writes, for a guest that is suspended meanwhile: they are copied. The rest is a
/// short transfer, which every caller must expect anyway.
pub const JOB_BYTES_MAX: usize = 1 << 20;

/// How many lookups of names a guest may have begun that have not ended: each may keep a thread for as long as resolvers take.
pub const LOOKUPS_MAX: usize = 16;

/// How many random bytes are drawn between two looks at the embedder's interrupt.
pub const RANDOM_CHUNK_BYTES_MAX: usize = 1 << 20;

/// How many bytes one read or write of a stream of WASI 0.2 moves: the buffer is the host's.
pub const STREAM_BYTES_MAX: usize = 64 << 10;

/// How many bytes the functions of WASI 0.2 take that write and wait at once, by their specification.
pub const BLOCKING_WRITE_BYTES_MAX: u64 = 4096;

/// Bytes of a core module that becomes a component: copied a few times on the way. JavaScript engines with their scripts, the
/// largest that are known, have a tenth.
#[cfg(feature = "componentize")]
pub const COMPONENTIZED_BYTES_MAX: usize = 256 << 20;

/// Bytes of the types of interfaces that such a module carries: all of WASI 0.2 is 60 KiB, and types are much larger
/// decoded than as bytes.
#[cfg(feature = "componentize")]
pub const COMPONENT_TYPE_BYTES_MAX: usize = 4 << 20;

/// How many bytes a set of HTTP fields of a guest's may be of, unless the embedder says otherwise: twice what common
/// servers take as a header.
pub const FIELDS_BYTES_MAX: usize = 128 << 10;

/// How many bytes of a body lie between a guest that writes and whoever reads: as many as one write of a stream moves.
pub const BODY_BUFFER_BYTES_MAX: usize = STREAM_BYTES_MAX;

/// How many requests one request to a guest may make, unless the embedder says otherwise: pages that are put together from
/// services need dozens.
pub const OUTGOING_REQUESTS_MAX: u32 = 256;

/// How many bytes of a method, scheme, authority or path a guest may set: more than servers take as a URI.
pub const URI_PART_BYTES_MAX: usize = 32 << 10;

/// The bounds of one context; [`Limits::default`] suits a program run from the command line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Open descriptors, standard streams and preopens included (`MFILE` beyond). The usual soft
    /// limit of a process.
    pub descriptors_max: usize,
    /// Entries of one scatter or gather list (`INVAL` beyond), as POSIX's `IOV_MAX`.
    pub iovecs_max: u32,
    /// Bytes moved by one read or write; what is beyond is a short transfer, which every caller must
    /// expect anyway.
    pub transfer_bytes_max: u32,
    /// Bytes of one `random_get` (`INVAL` beyond).
    pub random_bytes_max: u32,
    /// Subscriptions of one `poll_oneoff` (`INVAL` beyond).
    pub subscriptions_max: u32,
    /// Bytes of one path (`NAMETOOLONG` beyond), as `PATH_MAX`.
    pub path_bytes_max: u32,
    /// Directory entries held in listings over all open directories (`NOMEM` beyond).
    pub directory_entries_max: usize,
    /// Resources of WASI 0.2 that a component holds at once (a trap beyond, or `insufficient-memory` where a function can
    /// fail). Programs hold one or two for each descriptor.
    pub resources_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            descriptors_max: 1024,
            iovecs_max: 1024,
            transfer_bytes_max: 64 << 20,
            random_bytes_max: 64 << 20,
            subscriptions_max: 65_536,
            path_bytes_max: 4096,
            directory_entries_max: 1 << 20,
            resources_max: 1 << 16,
        }
    }
}
