//! What requests, connections and apps may use: every bound of the server, on unless it is raised.
//!
//! Each bound is a row: its key in `dunlin.toml` and in `--limit KEY=VALUE`, what it says, and how it is read.

use std::time::Duration;

use super::values;

/// Bytes of an instance's memories, all together. What most hosts of this kind give.
const MEMORY_BYTES: u64 = 128 << 20;
/// Elements of all tables of an instance: what the largest language runtimes need, several times.
const TABLE_ELEMENTS: u64 = 200_000;
/// Processor time of a request. Requests take milliseconds; what takes more than this is lost.
const CPU: Duration = Duration::from_secs(5);
/// Time from a request to the end of its response, waits included.
const WALL: Duration = Duration::from_mins(1);
/// Bytes of a request's body.
const REQUEST_BODY_BYTES: u64 = 64 << 20;
/// Bytes of a response's body. It is streamed, so that it costs no memory; a guest that writes without end stops
/// here.
const RESPONSE_BODY_BYTES: u64 = 1 << 30;
/// Requests of an app that have an instance at a time.
const CONCURRENCY: u64 = 256;
/// Requests of an app that wait for an instance.
const QUEUE: u64 = 1024;
/// How long one waits. Clients that wait longer have usually given up.
const QUEUE_WAIT: Duration = Duration::from_secs(5);
/// Bytes of a request's log.
const LOG_BYTES: u64 = 64 << 10;
/// Bytes of an app's log in a second, of all its requests together.
const LOG_RATE: u64 = 256 << 10;
/// Outgoing requests of a request.
const SUB_REQUESTS: u64 = 50;

/// Bytes of a request's head. Browsers send up to a few KiB, most of it cookies.
const HEADER_BYTES: u64 = 32 << 10;
/// Headers of a request.
const HEADERS: u64 = 100;
/// Time in which a request's head must have come whole.
const HEADER_WAIT: Duration = Duration::from_secs(10);
/// Time for which a connection may have nothing to do.
const IDLE: Duration = Duration::from_mins(1);
/// Time in which a client must take or send [`STALL_BYTES`] of what it is waited for.
const STALL: Duration = Duration::from_secs(10);
/// Bytes in that time. A modem of 1990 was faster.
const STALL_BYTES: u64 = 4 << 10;
/// Connections of the whole server.
const CONNECTIONS: u64 = 10_000;
/// Requests at a time on one HTTP/2 connection: as many as browsers make.
const STREAMS: u64 = 128;
/// Instances of all apps at a time; address space is reserved for so many.
const INSTANCES: u64 = 1000;
/// Bytes of components that are kept loaded; those unused for longest go first.
const LOADED_BYTES: u64 = 512 << 20;
/// Bytes of one component's file.
const COMPONENT_BYTES: u64 = 256 << 20;
/// Time for which requests that have begun may go on when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// Largest count of anything: what fits into every number of the engine's.
const COUNT_MAX: u64 = 1 << 20;

/// What each request of an app may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of all memories of an instance; a guest that is refused more gets -1, and mostly traps: 128 MiB.
    pub memory_bytes: u64,
    /// Elements of all tables of an instance: 200,000.
    pub table_elements: u64,
    /// Processor time, waits not counted: 5 s.
    pub cpu: Duration,
    /// Time from the request to the end of the response, waits included: 60 s.
    pub wall: Duration,
    /// Bytes of the request's body: 64 MiB. Beyond: 413, or an error for the guest that reads it.
    pub request_body_bytes: u64,
    /// Bytes of the response's body: 1 GiB. Beyond, the response is cut off.
    pub response_body_bytes: u64,
    /// Requests with an instance at a time: 256.
    pub concurrency: u64,
    /// Requests that wait for one: 1,024. Beyond: 503.
    pub queue: u64,
    /// How long they wait: 5 s. Beyond: 503.
    pub queue_wait: Duration,
    /// Bytes of log of one request: 64 KiB. What is beyond is counted and left out.
    pub log_bytes: u64,
    /// Bytes of log of the app in a second: 256 KiB.
    pub log_rate: u64,
    /// Outgoing requests of one request: 50.
    pub sub_requests: u64,
}

/// What the server may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Bytes of a request's head: 32 KiB. Beyond: 431.
    pub header_bytes: u64,
    /// Headers of a request: 100. Beyond: 431.
    pub headers: u64,
    /// Time in which a head must have come: 10 s. Then the connection is closed.
    pub header_wait: Duration,
    /// Time without a request until a connection is closed: 60 s.
    pub idle: Duration,
    /// Time in which a client must take or send `stall_bytes`, where it is waited for: 10 s.
    pub stall: Duration,
    /// Bytes in that time: 4 KiB; 1 lets clients be as slow as they like, 0 does not look at them.
    pub stall_bytes: u64,
    /// Connections: 10,000. Beyond, new ones are closed.
    pub connections: u64,
    /// Requests at a time on one HTTP/2 connection: 128.
    pub streams: u64,
    /// Instances of all apps: 1,000. Beyond: 503.
    pub instances: u64,
    /// Bytes of the files of components that are kept loaded: 512 MiB.
    pub loaded_bytes: u64,
    /// Bytes of one component's file: 256 MiB.
    pub component_bytes: u64,
    /// How long requests go on when the server stops: 30 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: MEMORY_BYTES,
            table_elements: TABLE_ELEMENTS,
            cpu: CPU,
            wall: WALL,
            request_body_bytes: REQUEST_BODY_BYTES,
            response_body_bytes: RESPONSE_BODY_BYTES,
            concurrency: CONCURRENCY,
            queue: QUEUE,
            queue_wait: QUEUE_WAIT,
            log_bytes: LOG_BYTES,
            log_rate: LOG_RATE,
            sub_requests: SUB_REQUESTS,
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_bytes: HEADER_BYTES,
            headers: HEADERS,
            header_wait: HEADER_WAIT,
            idle: IDLE,
            stall: STALL,
            stall_bytes: STALL_BYTES,
            connections: CONNECTIONS,
            streams: STREAMS,
            instances: INSTANCES,
            loaded_bytes: LOADED_BYTES,
            component_bytes: COMPONENT_BYTES,
            drain: DRAIN,
        }
    }
}

/// A bound: its name, and how it is read.
pub struct Row<L: 'static> {
    /// Its key.
    pub key: &'static str,
    /// A value that it can have.
    pub example: &'static str,
    /// What it says, in a line.
    pub help: &'static str,
    set: fn(&mut L, &str) -> Result<(), String>,
    show: fn(&L) -> String,
}

/// A row whose value is bytes, a count or a time span.
macro_rules! row {
    ($key:literal, size $field:ident, $example:literal, $help:literal) => {
        Row {
            key: $key,
            example: $example,
            help: $help,
            set: |limits, text| values::size(text).map(|value| limits.$field = value),
            show: |limits| values::show_size(limits.$field),
        }
    };
    ($key:literal, count $field:ident, $example:literal, $help:literal) => {
        Row {
            key: $key,
            example: $example,
            help: $help,
            set: |limits, text| values::count(text, COUNT_MAX).map(|value| limits.$field = value),
            show: |limits| limits.$field.to_string(),
        }
    };
    ($key:literal, span $field:ident, $example:literal, $help:literal) => {
        Row {
            key: $key,
            example: $example,
            help: $help,
            set: |limits, text| values::span(text).map(|value| limits.$field = value),
            show: |limits| values::show_span(limits.$field),
        }
    };
}

impl Limits {
    /// The bounds by key.
    pub const ROWS: &'static [Row<Self>] = &[
        row!("memory", size memory_bytes, "64MiB", "Bytes of all memories of an instance"),
        row!("table-elements", count table_elements, "100000", "Elements of all its tables"),
        row!("cpu", span cpu, "500ms", "Processor time of a request, waits not counted"),
        row!("timeout", span wall, "30s", "Time from a request to the end of its response"),
        row!("request-body", size request_body_bytes, "1MiB", "Bytes of a request's body"),
        row!("response-body", size response_body_bytes, "16MiB", "Bytes of a response's body"),
        row!("concurrency", count concurrency, "100", "Requests that have an instance at a time"),
        row!("queue", count queue, "1000", "Requests that wait for an instance"),
        row!("queue-wait", span queue_wait, "1s", "How long they wait for one"),
        row!("log", size log_bytes, "16KiB", "Bytes that a request may write to the log"),
        row!("log-rate", size log_rate, "1MiB", "Bytes in a second that an app may write to it"),
        row!("sub-requests", count sub_requests, "10", "Outgoing requests of a request"),
    ];
}

impl ServerLimits {
    /// The bounds by key.
    pub const ROWS: &'static [Row<Self>] = &[
        row!("header-bytes", size header_bytes, "16KiB", "Bytes of a request's head"),
        row!("headers", count headers, "64", "Headers of a request"),
        row!("header-wait", span header_wait, "5s", "Time in which a head must have come"),
        row!("idle", span idle, "30s", "How long a connection may have nothing to do"),
        row!("stall", span stall, "30s", "Time in which a client must move `stall-bytes`"),
        row!("stall-bytes", size stall_bytes, "1KiB", "Bytes that a slow client must move then"),
        row!("connections", count connections, "50000", "Connections of the server"),
        row!("streams", count streams, "100", "Requests at a time on an HTTP/2 connection"),
        row!("instances", count instances, "5000", "Instances of all apps at a time"),
        row!("loaded", size loaded_bytes, "1GiB", "Bytes of components that are kept loaded"),
        row!("component", size component_bytes, "64MiB", "Bytes of one component's file"),
        row!("drain", span drain, "10s", "How long requests go on when the server stops"),
    ];
}

/// Limits that are set by key.
pub trait Keyed: Sized + 'static {
    /// What can be set.
    fn rows() -> &'static [Row<Self>];

    /// Sets the bound of this key, as people write it.
    ///
    /// # Errors
    ///
    /// Says why, if there is none of this key or the text is no value of it.
    fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        match Self::rows().iter().find(|row| row.key == key) {
            Some(row) => {
                (row.set)(self, text).map_err(|why| format!("`{key}` cannot be `{text}`: {why}"))
            }
            None => {
                let keys: Vec<_> = Self::rows().iter().map(|row| row.key).collect();
                Err(format!("there is no limit `{key}`; there are: {}", keys.join(", ")))
            }
        }
    }

    /// The bound of this row, as people write it.
    fn show(&self, row: &Row<Self>) -> String {
        (row.show)(self)
    }
}

impl Keyed for Limits {
    fn rows() -> &'static [Row<Self>] {
        Self::ROWS
    }
}

impl Keyed for ServerLimits {
    fn rows() -> &'static [Row<Self>] {
        Self::ROWS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<L: Keyed + Default>() {
        for row in L::rows() {
            let mut limits = L::default();
            let default = limits.show(row);
            limits.set(row.key, row.example).expect("an example is a value");
            assert_eq!(limits.show(row), row.example, "{}", row.key);
            limits.set(row.key, &default).expect("what is shown is a value");
            assert_eq!(limits.show(row), default, "{}", row.key);
            assert!(limits.set(row.key, "much").is_err(), "{}", row.key);
        }
    }

    #[test]
    fn every_bound_is_read_as_it_is_shown() {
        check::<Limits>();
        check::<ServerLimits>();
    }

    #[test]
    fn an_unknown_bound_is_told_those_that_there_are() {
        let error = Limits::default().set("memroy", "1").unwrap_err();
        assert!(error.contains("`memroy`") && error.contains("memory, table-elements"), "{error}");
    }
}
