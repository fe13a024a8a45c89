//! What a component was granted of HTTP, and the bounds of it.

use std::sync::Arc;

use http::HeaderName;
use http::header;

use super::outgoing::Outgoing;
use crate::limits::{BODY_BUFFER_BYTES_MAX, FIELDS_BYTES_MAX, OUTGOING_REQUESTS_MAX};

/// What a component was granted of HTTP; a context has one.
///
/// Nothing may be requested unless [`outgoing`](Self::outgoing) is set.
#[derive(Clone)]
pub struct HttpSettings {
    /// What sends the component's requests; without, they are refused with `HTTP-request-denied`.
    pub outgoing: Option<Arc<dyn Outgoing>>,
    /// Which fields a guest may not set, and does not see among those that it is given: names are lower-case.
    /// [`is_forbidden_field`] unless something else is set.
    pub is_forbidden: fn(&HeaderName) -> bool,
    /// Bytes of one set of fields, names and values, and a little for each (a trap beyond).
    pub fields_bytes_max: usize,
    /// Bytes of a body that a guest has written and nobody has read yet.
    pub body_buffer_bytes: usize,
    /// Requests that one request to the guest, or one run of a command, may make (`HTTP-request-denied` beyond).
    pub outgoing_requests_max: u32,
}

impl std::fmt::Debug for HttpSettings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("HttpSettings")
            .field("outgoing", &self.outgoing.is_some())
            .field("fields_bytes_max", &self.fields_bytes_max)
            .field("body_buffer_bytes", &self.body_buffer_bytes)
            .field("outgoing_requests_max", &self.outgoing_requests_max)
            .finish_non_exhaustive()
    }
}

impl Default for HttpSettings {
    fn default() -> HttpSettings {
        HttpSettings {
            outgoing: None,
            is_forbidden: is_forbidden_field,
            fields_bytes_max: FIELDS_BYTES_MAX,
            body_buffer_bytes: BODY_BUFFER_BYTES_MAX,
            outgoing_requests_max: OUTGOING_REQUESTS_MAX,
        }
    }
}

/// Whether a field belongs to a connection and not to a message, or says where a message goes: nothing for guests.
#[must_use]
pub fn is_forbidden_field(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::HOST
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
            | header::TRANSFER_ENCODING
            | header::UPGRADE
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}
