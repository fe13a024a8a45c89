//! The thread that serves nobody's requests: health and metrics, signals, and apps that are loaded again.

use std::io;
use std::net::TcpListener as StdListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use super::admin;
use super::load::Stamp;
use super::log::Level;
use super::shared::{Phase, Shared};
use super::sys::{Signal, Signals};
use crate::app::AppSpec;

/// How often what is in caches is kept, where there is a file for it.
const KEEP: Duration = Duration::from_secs(5);

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Says which apps there are to be, anew.
pub type Reload = Box<dyn Fn() -> Result<Vec<AppSpec>, String> + Send>;

/// What the thread does.
pub(crate) struct Control {
    pub(crate) shared: Arc<Shared>,
    pub(crate) admin: Option<StdListener>,
    /// Whether signals are the server's to handle.
    pub(crate) handles_signals: bool,
    /// Whether files are looked at.
    pub(crate) watches: bool,
    pub(crate) config: Option<PathBuf>,
    pub(crate) reload: Option<Reload>,
}

/// The runtime of the thread, which other parts of the server have tasks in, too.
///
/// # Errors
///
/// If the system gives none.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(1).build()
}

/// Runs until the server is over.
///
/// # Errors
///
/// If the system lets nobody take signals.
pub(crate) fn run(runtime: &Runtime, control: Control) -> io::Result<()> {
    LocalSet::new().block_on(runtime, control.run())
}

impl Control {
    async fn run(mut self) -> io::Result<()> {
        if let Some(listener) = self.admin.take() {
            tokio::task::spawn_local(admin::serve(self.shared.clone(), listener));
        }
        let mut signals = if self.handles_signals { Some(Signals::new()?) } else { None };
        let mut phase = self.shared.phase.subscribe();
        let mut config = self.stamp();
        let mut kept = Instant::now();
        while *phase.borrow_and_update() == Phase::Serve {
            let signal = next(&mut signals);
            match first_of(signal, phase.changed(), tokio::time::sleep(LOOK)).await {
                Event::Signal(Signal::Stop) => {
                    self.shared.log.line(Level::Info, "the server stops");
                    self.shared.drain();
                }
                Event::Signal(Signal::Reload) => {
                    config = self.stamp();
                    self.reload().await;
                    self.shared.reload_changed().await;
                }
                Event::Time if self.watches => {
                    let now = self.stamp();
                    if now.is_some() && now != config {
                        config = now;
                        self.reload().await;
                    }
                    self.shared.reload_changed().await;
                }
                Event::Time | Event::Phase => {}
            }
            if kept.elapsed() >= KEEP {
                let shared = self.shared.clone();
                let _ = tokio::task::spawn_blocking(move || shared.keep()).await;
                kept = Instant::now();
            }
        }
        // Whoever looks at health and metrics sees how it ends; a second signal ends it now.
        while *phase.borrow_and_update() != Phase::End {
            let signal = next(&mut signals);
            match first_of(signal, phase.changed(), std::future::pending::<()>()).await {
                Event::Signal(Signal::Stop) => self.shared.end_now(),
                Event::Phase | Event::Signal(_) | Event::Time => {}
            }
        }
        Ok(())
    }

    fn stamp(&self) -> Option<Stamp> {
        Stamp::of(self.config.as_deref()?)
    }

    async fn reload(&self) {
        let Some(reload) = &self.reload else { return };
        let set = reload().and_then(|specs| self.shared.set_apps(specs));
        match set {
            Ok(()) => {
                self.shared.counters.reloads.fetch_add(1, Relaxed);
                self.shared.log.line(Level::Info, "the configuration was read again");
            }
            Err(why) => {
                self.shared.counters.reloads_failed.fetch_add(1, Relaxed);
                let log = &self.shared.log;
                log.line(Level::Error, "the configuration cannot be used").text("error", &why);
            }
        }
    }
}

/// The next signal, if signals are the server's.
async fn next(signals: &mut Option<Signals>) -> Signal {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

/// What there was first.
enum Event {
    Signal(Signal),
    Phase,
    Time,
}

async fn first_of<P, T>(signal: impl Future<Output = Signal>, phase: P, time: T) -> Event
where
    P: Future,
    T: Future,
{
    let (mut signal, mut phase, mut time) =
        (std::pin::pin!(signal), std::pin::pin!(phase), std::pin::pin!(time));
    std::future::poll_fn(|context| {
        use std::task::Poll::{Pending, Ready};
        if let Ready(signal) = signal.as_mut().poll(context) {
            return Ready(Event::Signal(signal));
        }
        if phase.as_mut().poll(context).is_ready() {
            return Ready(Event::Phase);
        }
        if time.as_mut().poll(context).is_ready() { Ready(Event::Time) } else { Pending }
    })
    .await
}
