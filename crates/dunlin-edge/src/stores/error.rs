//! Why a store did not answer.

use std::fmt;

/// Why a store did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The app may not use it.
    Denied,
    /// What was asked for makes no sense, or is beyond a bound; the app may be told why.
    Refused(String),
    /// The key holds something of another kind.
    WrongKind,
    /// The world outside failed: a file, a connection, a server. For the log of the server, not for the app.
    Failed(String),
}

impl StoreError {
    #[cold]
    pub(crate) fn refused(why: impl fmt::Display) -> Self {
        Self::Refused(why.to_string())
    }

    #[cold]
    pub(crate) fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("access denied"),
            Self::Refused(why) | Self::Failed(why) => f.write_str(why),
            Self::WrongKind => f.write_str("the key holds something of another kind"),
        }
    }
}

impl std::error::Error for StoreError {}
