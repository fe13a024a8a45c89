//! What a failure of an app is to its client: a status, and a number in a header that says more.

use dunlin::{Error, ErrorKind, TrapCode};
use dunlin_wasi::ExitCode;

/// Which limit ended an app, where the embedder knows: an interrupt does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The processor time that a request may take.
    ProcessorTime,
    /// The time that a request may take in all.
    WallTime,
    /// The time that an answer which is being sent may take.
    Deadline,
    /// Memory.
    Memory,
}

/// A failure as its client sees it.
///
/// # Examples
///
/// ```
/// use dunlin::TrapCode;
/// use dunlin_edge::fastedge::{Failure, Limit};
///
/// let failure = Failure::of(&TrapCode::Interrupted.into(), Some(Limit::WallTime));
/// assert_eq!((failure.status, failure.internal), (532, 3011));
/// assert_eq!(failure.header(), ("x-cdn-internal-status", "3011".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status of the answer.
    pub status: u16,
    /// The number in the header `x-cdn-internal-status`; 0 for an app that ended well, and has no such header.
    pub internal: u16,
    /// The body.
    pub text: &'static str,
    /// The reason, as statistics call it.
    pub reason: &'static str,
}

const fn failure(status: u16, internal: u16, text: &'static str, reason: &'static str) -> Failure {
    Failure { status, internal, text, reason }
}

impl Failure {
    /// The app cannot be loaded or instantiated.
    pub const CONTEXT: Self = failure(530, 3000, "fastedge: context error", "other");
    /// The app could not be executed, or answered what is no answer.
    pub const EXECUTE: Self = failure(530, 3001, "fastedge: Execute error", "other");
    /// The app ended by itself, and not well.
    pub const EXIT: Self = failure(533, 3002, "fastedge: App failed", "other");
    /// The app trapped.
    pub const TRAP: Self = failure(533, 3003, "fastedge: App failed", "other");
    /// The app was interrupted: it took too much processor time.
    pub const INTERRUPT: Self = failure(532, 3010, "fastedge: Execution timeout", "timeout");
    /// The app took too long.
    pub const ELAPSED: Self = failure(532, 3011, "fastedge: Execution timeout", "timeout");
    /// The app took too long to send what it answers.
    pub const DEADLINE: Self = failure(532, 3012, "fastedge: Execution timeout", "timeout");
    /// The app wanted more memory than it may have.
    pub const MEMORY: Self = failure(531, 3020, "fastedge: Out of memory", "oom");
    /// The app ended by itself, and well, without an answer: an empty one.
    pub const NONE: Self = failure(200, 0, "", "success");
    /// There is no such app, or it is switched off.
    pub const UNKNOWN: Self = failure(404, 0, "fastedge: Unknown app", "unknown");
    /// The app has been asked too often.
    pub const RATE_LIMITED: Self = failure(429, 0, "", "ratelimited");
    /// The app is suspended.
    pub const SUSPENDED: Self = failure(406, 0, "", "disabled");

    /// What an error of a call, or of instantiating, is to the client.
    ///
    /// `unreachable` stands for memory that has run out, as apps' allocators end with it; so does what else they
    /// end with it, which nobody can tell apart.
    #[must_use]
    pub fn of(error: &Error, limit: Option<Limit>) -> Self {
        if let Some(ExitCode(code)) = error.downcast_ref() {
            return if *code == 0 { Self::NONE } else { Self::EXIT };
        }
        match limit {
            Some(Limit::Memory) => return Self::MEMORY,
            Some(Limit::WallTime) => return Self::ELAPSED,
            Some(Limit::Deadline) => return Self::DEADLINE,
            Some(Limit::ProcessorTime) => return Self::INTERRUPT,
            None => {}
        }
        match (error.kind(), error.trap_code()) {
            (_, Some(TrapCode::Interrupted | TrapCode::OutOfFuel)) => Self::INTERRUPT,
            (_, Some(TrapCode::Unreachable)) | (ErrorKind::Resource, _) => Self::MEMORY,
            (ErrorKind::Trap | ErrorKind::Exception, _) => Self::TRAP,
            _ => Self::EXECUTE,
        }
    }

    /// The header with the number.
    #[must_use]
    pub fn header(&self) -> (&'static str, String) {
        ("x-cdn-internal-status", self.internal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_status_and_number() {
        let of = |error: Error| Failure::of(&error, None);
        let message = |kind| Error::new_of(kind, "why");
        for (error, status, internal) in [
            (Error::host(ExitCode(0)), 200, 0),
            (Error::host(ExitCode(1)), 533, 3002),
            (TrapCode::Interrupted.into(), 532, 3010),
            (TrapCode::OutOfFuel.into(), 532, 3010),
            (TrapCode::Unreachable.into(), 531, 3020),
            (TrapCode::MemoryOutOfBounds.into(), 533, 3003),
            (TrapCode::StackOverflow.into(), 533, 3003),
            (message(ErrorKind::Trap), 533, 3003),
            (message(ErrorKind::Resource), 531, 3020),
            (message(ErrorKind::Host), 530, 3001),
            (message(ErrorKind::Link), 530, 3001),
        ] {
            let text = error.to_string();
            let failure = of(error);
            assert_eq!((failure.status, failure.internal), (status, internal), "{text}");
        }
    }

    #[test]
    fn limits_say_why_an_app_was_ended() {
        for (limit, internal) in [
            (Limit::ProcessorTime, 3010),
            (Limit::WallTime, 3011),
            (Limit::Deadline, 3012),
            (Limit::Memory, 3020),
        ] {
            let failure = Failure::of(&TrapCode::Interrupted.into(), Some(limit));
            assert_eq!(failure.internal, internal);
            // An app that has ended by itself has not been ended.
            let ended = Failure::of(&Error::host(ExitCode(0)), Some(limit));
            assert_eq!(ended, Failure::NONE);
        }
    }
}
