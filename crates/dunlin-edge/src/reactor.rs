//! Waits of guests by tokio: for moments, for descriptors of the host's, and for what holds a thread.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dunlin_wasi::preview2::{HostStream, Job, Reactor, Waiting};
use tokio::io::Interest;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::sys;

/// How many jobs of guests hold threads of runtimes at once; others wait. Disks and resolvers gain little from more, and what
/// else those threads are for has the rest of them.
pub const JOBS_MAX: usize = 8;

/// What guests wait by, so that they hold no thread: timers, readiness and blocking threads of one runtime of tokio's, which
/// must have the first two enabled. Clones have the bound of [`JOBS_MAX`] together.
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
pub struct TokioReactor {
    runtime: Option<Handle>,
    jobs: Arc<Semaphore>,
}

impl fmt::Debug for TokioReactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokioReactor")
    }
}

impl TokioReactor {
    /// Waits by this runtime.
    #[must_use]
    pub fn new(runtime: Handle) -> TokioReactor {
        TokioReactor::of(Some(runtime))
    }

    /// Waits by the runtime of the thread on which the guest runs, for servers with a runtime for each thread. Where there
    /// is none, waits hold the thread.
    #[must_use]
    pub fn of_thread() -> TokioReactor {
        TokioReactor::of(None)
    }

    fn of(runtime: Option<Handle>) -> TokioReactor {
        TokioReactor { runtime, jobs: Arc::new(Semaphore::new(JOBS_MAX)) }
    }

    fn runtime(&self) -> Option<Handle> {
        self.runtime.clone().or_else(|| Handle::try_current().ok())
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

    fn blocking(&self, job: Job) -> Waiting {
        let Some(runtime) = self.runtime() else {
            job();
            return Box::pin(std::future::ready(()));
        };
        let jobs = self.jobs.clone();
        Box::pin(async move {
            let Ok(permit) = jobs.acquire_owned().await else { return };
            // Whoever gives up waiting does not give the thread back before the job has ended.
            let task = runtime.spawn_blocking(move || {
                job();
                drop(permit);
            });
            match (Task(task)).ended().await {
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // It was done, or the runtime has ended without it.
                _ => {}
            }
        })
    }
}

/// A job that is not begun if nobody waits for it any more.
struct Task(JoinHandle<()>);

impl Task {
    async fn ended(mut self) -> Result<(), tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
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

    #[test]
    fn jobs_hold_other_threads_and_no_more_than_there_may_be() {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        use std::sync::mpsc;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let reactor = TokioReactor::of_thread();
        let begun = Arc::new(AtomicUsize::new(0));
        let (gate, waits) = mpsc::channel::<()>();
        let waits = Arc::new(std::sync::Mutex::new(waits));
        runtime.block_on(async {
            let job = || {
                let (begun, waits) = (begun.clone(), waits.clone());
                reactor.blocking(Box::new(move || {
                    begun.fetch_add(1, Relaxed);
                    let _ = waits.lock().expect("no panic").recv();
                }))
            };
            let jobs: Vec<_> = (0..JOBS_MAX + 3).map(|_| tokio::spawn(job())).collect();
            while begun.load(Relaxed) < JOBS_MAX {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!(begun.load(Relaxed), JOBS_MAX);
            // Two that are not waited for any more are not begun.
            jobs[JOBS_MAX].abort();
            jobs[JOBS_MAX + 1].abort();
            for _ in 0..JOBS_MAX + 1 {
                gate.send(()).expect("somebody waits");
            }
            for job in jobs {
                drop(job.await);
            }
            assert_eq!(begun.load(Relaxed), JOBS_MAX + 1);
            assert_eq!(reactor.jobs.available_permits(), JOBS_MAX);
        });
    }

    #[test]
    fn a_panic_of_a_job_is_one_of_whoever_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let waited = runtime.block_on(async {
            tokio::spawn(TokioReactor::of_thread().blocking(Box::new(|| panic!("a bug")))).await
        });
        assert!(waited.expect_err("a panic").is_panic());
    }
}
