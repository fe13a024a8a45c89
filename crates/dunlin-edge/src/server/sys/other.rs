//! Where there are no signals: the interrupt of a terminal stops.

use std::io;

use super::Signal;

/// The interrupt of a terminal.
pub(crate) struct Signals;

impl Signals {
    /// Nothing has to be begun.
    ///
    /// # Errors
    ///
    /// Never.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Stop,
            Err(_) => std::future::pending().await,
        }
    }
}
