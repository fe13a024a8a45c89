//! How requests end that get no response of the app's own, and what clients are told.

use bytes::Bytes;
use dunlin::{Error, ErrorKind, TrapCode};
use dunlin_wasi::ExitCode;
use http::{HeaderValue, Response, StatusCode, header};

use super::body::Body;
use super::id::RequestId;

/// The header with a request's number, where it failed.
pub(crate) const ID_HEADER: &str = "dunlin-request-id";

/// The header in which FastEdge's hosts say what went wrong within.
const FASTEDGE_STATUS: &str = "x-cdn-internal-status";

/// Why a request has no response of the app's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// The guest trapped.
    Trap,
    /// It had all the processor time that it may have.
    Cpu,
    /// It took all the time that it may take.
    Wall,
    /// It was refused memory, and trapped.
    Memory,
    /// It ended without a response.
    NoResponse,
    /// It answered with an error.
    Failed,
    /// It ended the program, with another code than 0.
    Exit,
    /// There is no app for the request.
    NotFound,
    /// The app cannot be loaded.
    Unloadable,
    /// The app has too many requests already.
    Overloaded,
    /// The server has too many instances already.
    Exhausted,
    /// The request is larger than it may be.
    TooLarge,
    /// The request is not what HTTP says it must be.
    Malformed,
    /// The client left.
    Left,
    /// The response was larger than it may be.
    ResponseTooLarge,
    /// What the server itself does wrong.
    Bug,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: &[Self] = &[
        Self::Trap,
        Self::Cpu,
        Self::Wall,
        Self::Memory,
        Self::NoResponse,
        Self::Failed,
        Self::Exit,
        Self::NotFound,
        Self::Unloadable,
        Self::Overloaded,
        Self::Exhausted,
        Self::TooLarge,
        Self::Malformed,
        Self::Left,
        Self::ResponseTooLarge,
        Self::Bug,
    ];

    /// Its name in logs and metrics, what clients are told, the status, and of FastEdge's hosts status and number.
    fn row(self) -> (&'static str, &'static str, u16, u16, u16) {
        match self {
            Self::Trap => ("trap", "the app trapped", 500, 533, 3003),
            Self::Cpu => ("cpu-time", "the app used too much processor time", 504, 532, 3010),
            Self::Wall => ("timeout", "the app took too long", 504, 532, 3011),
            Self::Memory => ("memory", "the app used too much memory", 500, 531, 3020),
            Self::NoResponse => ("no-response", "the app gave no response", 500, 530, 3001),
            Self::Failed => ("failed", "the app failed", 500, 530, 3001),
            Self::Exit => ("exit", "the app ended", 500, 533, 3002),
            Self::NotFound => ("not-found", "no app is served here", 404, 404, 0),
            Self::Unloadable => ("unloadable", "the app cannot be loaded", 500, 530, 3000),
            Self::Overloaded => ("overloaded", "the app has too many requests", 503, 429, 0),
            Self::Exhausted => ("exhausted", "the server has too many requests", 503, 503, 0),
            Self::TooLarge => ("too-large", "the request's body is too large", 413, 413, 0),
            Self::Malformed => ("malformed", "the request is malformed", 400, 400, 0),
            Self::Left => ("left", "the client left", 499, 499, 0),
            Self::ResponseTooLarge => {
                ("response-too-large", "the response is too large", 500, 530, 3001)
            }
            Self::Bug => ("bug", "the server failed", 500, 530, 3000),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().0
    }

    pub(crate) fn text(self) -> &'static str {
        self.row().1
    }

    pub(crate) fn status(self, style: Style) -> u16 {
        let (_, _, plain, fastedge, _) = self.row();
        match style {
            Style::Plain => plain,
            Style::FastEdge => fastedge,
        }
    }

    /// Its class in the metrics of FastEdge's hosts.
    pub(crate) fn fastedge_class(self) -> &'static str {
        match self {
            Self::NotFound => "unknown",
            Self::Cpu | Self::Wall => "timeout",
            Self::Memory => "oom",
            Self::Overloaded | Self::Exhausted => "overloaded",
            _ => "other",
        }
    }

    /// Whether it is the app's or server's failure, which whoever runs it should see.
    pub(crate) fn is_failure(self) -> bool {
        !matches!(self, Self::NotFound | Self::TooLarge | Self::Malformed | Self::Left)
    }

    /// Why a guest ended so.
    pub(crate) fn of(error: &Error, is_out_of_memory: bool) -> Self {
        if error.downcast_ref::<ExitCode>().is_some() {
            return Self::Exit;
        }
        match error.kind() {
            _ if error.trap_code() == Some(TrapCode::Interrupted) => Self::Cpu,
            ErrorKind::Bug => Self::Bug,
            _ if is_out_of_memory => Self::Memory,
            ErrorKind::Resource if error.backtrace().is_none() => Self::Exhausted,
            ErrorKind::Link | ErrorKind::Invalid => Self::Unloadable,
            _ => Self::Trap,
        }
    }
}

/// Whose conventions errors follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// HTTP's.
    Plain,
    /// FastEdge's: statuses from 530, and a header.
    FastEdge,
}

/// The response of a request that has none of the app's.
pub(crate) fn response(reason: Reason, style: Style, id: RequestId) -> Response<Body> {
    let status = reason.status(style);
    let text = format!("{status} {}\nid: {id}\n", reason.text());
    let mut response = Response::new(Body::from(Bytes::from(text)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(ID_HEADER, id);
    }
    let number = reason.row().4;
    if style == Style::FastEdge && number > 0 {
        headers.insert(FASTEDGE_STATUS, HeaderValue::from(number));
    }
    if matches!(reason, Reason::Overloaded | Reason::Exhausted) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if matches!(reason, Reason::Malformed | Reason::TooLarge) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::id::Ids;

    #[test]
    fn every_reason_is_at_its_number_and_has_a_status() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
            for style in [Style::Plain, Style::FastEdge] {
                let response = response(*reason, style, Ids::new().next());
                assert_eq!(response.status().as_u16(), reason.status(style));
            }
        }
    }

    #[test]
    fn fastedge_has_its_own_statuses() {
        let response = response(Reason::Trap, Style::FastEdge, Ids::new().next());
        assert_eq!(response.status(), 533);
        assert_eq!(response.headers()[FASTEDGE_STATUS], "3003");
        assert!(response.headers().contains_key(ID_HEADER));
    }
}
