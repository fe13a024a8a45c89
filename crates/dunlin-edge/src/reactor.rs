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

    fn readable(&self, stream: HostStream) -> Option<Waiting> {
        sys::ready(&self.0, stream, Interest::READABLE)
    }

    fn writable(&self, stream: HostStream) -> Option<Waiting> {
        sys::ready(&self.0, stream, Interest::WRITABLE)
    }
}
