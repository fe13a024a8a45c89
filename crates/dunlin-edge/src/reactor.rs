//! Waits of guests by tokio: for moments, and for descriptors of the host's.

use std::fmt;
use std::time::Duration;

use dunlin_wasi::preview2::{Reactor, Waiting};
use tokio::runtime::Handle;

/// What guests wait by, so that they hold no thread: timers and readiness of one runtime of tokio's, which must have both
/// enabled.
///
/// # Examples
/// ```
/// use dunlin_edge::reactor::TokioReactor;
/// use dunlin_wasi::WasiCtx;
/// use dunlin_wasi::preview2::ComponentCtx;
/// use std::sync::Arc;
///
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let reactor = Arc::new(TokioReactor::new(runtime.handle().clone()));
/// let mut ctx = ComponentCtx::new(WasiCtx::builder().build()?);
/// ctx.set_reactor(reactor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TokioReactor(Handle);

impl fmt::Debug for TokioReactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokioReactor")
    }
}

impl TokioReactor {
    /// Waits by this runtime.
    #[must_use]
    pub fn new(runtime: Handle) -> TokioReactor {
        TokioReactor(runtime)
    }
}

impl Reactor for TokioReactor {
    fn sleep(&self, duration: Duration) -> Waiting {
        let _within = self.0.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    #[cfg(unix)]
    fn readable(&self, descriptor: std::os::fd::OwnedFd) -> Option<Waiting> {
        ready(&self.0, descriptor, tokio::io::Interest::READABLE)
    }

    #[cfg(unix)]
    fn writable(&self, descriptor: std::os::fd::OwnedFd) -> Option<Waiting> {
        ready(&self.0, descriptor, tokio::io::Interest::WRITABLE)
    }
}

/// `None` for what cannot be waited for so, such as files.
#[cfg(unix)]
fn ready(
    runtime: &Handle,
    descriptor: std::os::fd::OwnedFd,
    interest: tokio::io::Interest,
) -> Option<Waiting> {
    let _within = runtime.enter();
    #[allow(
        deprecated,
        reason = "it is unsound for types that do not own a descriptor, which this does"
    )]
    let descriptor = tokio::io::unix::AsyncFd::with_interest(descriptor, interest).ok()?;
    Some(Box::pin(async move {
        drop(descriptor.ready(interest).await);
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::time::Instant;

    #[test]
    #[cfg(unix)]
    fn descriptors_are_waited_for_and_files_are_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let reactor = TokioReactor::new(runtime.handle().clone());
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let waiting = reactor.readable(reader.into()).expect("a pipe can be waited for");
        let begun = Instant::now();
        runtime.block_on(async {
            let write = async {
                reactor.sleep(Duration::from_millis(20)).await;
                writer.write_all(b"x").expect("a reader");
            };
            let write = std::pin::pin!(write);
            let mut write = Some(write);
            let mut waiting = waiting;
            std::future::poll_fn(|context| {
                if write.as_mut().is_some_and(|write| write.as_mut().poll(context).is_ready()) {
                    write = None;
                }
                waiting.as_mut().poll(context)
            })
            .await;
        });
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let file = std::fs::File::open(std::env::current_exe().expect("it")).expect("a file");
        assert!(reactor.readable(file.into()).is_none());
    }
}
