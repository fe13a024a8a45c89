//! The bounds of the client, with their reasons; each is a default that an app may have set otherwise.

use std::time::Duration;

/// How long making a connection may take, name and TLS included: what browsers and proxies wait, about.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may take until its response begins, after the last of the request.
pub(super) const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a response may stand still.
pub(super) const BETWEEN_BYTES_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections of one app at once, idle ones included.
pub(super) const CONNECTIONS_MAX: usize = 128;

/// Idle connections to one destination.
pub(super) const IDLE_PER_DESTINATION_MAX: usize = 16;

/// How long a connection is kept without use: less than common servers keep theirs, so that it is seldom gone when it is
/// wanted.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a response's header: what common servers and clients take.
pub(super) const HEADER_BYTES_MAX: usize = 64 << 10;

/// Fields of a response's header.
pub(super) const HEADER_FIELDS_MAX: usize = 256;

/// Bytes of a body. It streams, so that this bounds no memory: it ends what has no end.
pub(super) const BODY_BYTES_MAX: u64 = 1 << 40;

/// How many addresses of a name are tried.
pub(super) const ADDRESSES_MAX: usize = 4;

/// TLS sessions that are remembered, to begin connections faster.
pub(super) const TLS_SESSIONS_MAX: usize = 32;

/// Lookups of names that hold threads at once, of all apps; others wait. A resolver that does not answer keeps one for half a
/// minute.
pub(crate) const LOOKUPS_MAX: usize = 8;
