//! Waits of guests by tokio: for moments, and for descriptors of the host's.

use std::fmt;
use std::time::Duration;

use dunlin_wasi::preview2::{HostStream, Reactor, Waiting};
use tokio::io::Interest;
use tokio::runtime::Handle;

use crate::sys;

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
#[derive(Clone)]
pub struct TokioReactor(Option<Handle>);

impl fmt::Debug for TokioReactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokioReactor")
    }
}

impl TokioReactor {
    /// Waits by this runtime.
    #[must_use]
    pub fn new(runtime: Handle) -> TokioReactor {
        TokioReactor(Some(runtime))
    }

    /// Waits by the runtime of the thread on which the guest runs, for servers with a runtime for each thread. Where there
    /// is none, waits hold the thread.
    #[must_use]
    pub fn of_thread() -> TokioReactor {
        TokioReactor(None)
    }

    fn runtime(&self) -> Option<Handle> {
        self.0.clone().or_else(|| Handle::try_current().ok())
    }
}

impl Reactor for TokioReactor {
    fn sleep(&self, duration: Duration) -> Waiting {
        match self.runtime() {
            Some(runtime) => {
                let _within = runtime.enter();
                Box::pin(tokio::time::sleep(duration))
            }
            None => Box::pin(async move { std::thread::sleep(duration) }),
        }
    }

    fn readable(&self, stream: HostStream) -> Option<Waiting> {
        sys::ready(&self.runtime()?, stream, Interest::READABLE)
    }

    fn writable(&self, stream: HostStream) -> Option<Waiting> {
        sys::ready(&self.runtime()?, stream, Interest::WRITABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn moments_come_with_and_without_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let span = Duration::from_millis(5);
        let begun = Instant::now();
        let waiting = TokioReactor::new(runtime.handle().clone()).sleep(span);
        runtime.block_on(waiting);
        runtime.block_on(async { TokioReactor::of_thread().sleep(span).await });
        dunlin::stacks::wait(TokioReactor::of_thread().sleep(span)).expect("no interrupt");
        assert!(begun.elapsed() >= span * 3);
    }
}
