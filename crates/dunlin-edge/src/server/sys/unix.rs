//! Signals of Unix: SIGINT and SIGTERM stop, SIGHUP loads again.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{SignalKind, signal};

use super::Signal;

/// The signals that are waited for.
pub(crate) struct Signals([(tokio::signal::unix::Signal, Signal); 3]);

impl Signals {
    /// Begins to take the signals in place of the system, for which they end the process.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self([
            (signal(SignalKind::interrupt())?, Signal::Stop),
            (signal(SignalKind::terminate())?, Signal::Stop),
            (signal(SignalKind::hangup())?, Signal::Reload),
        ]))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, what) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*what);
                }
            }
            Poll::Pending
        })
        .await
    }
}
