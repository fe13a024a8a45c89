//! What the workers of a server share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::apps::{App, Apps, Makings};
use super::grants::Services;
use super::load::Loader;
use super::log::{Level, Log};
use super::metrics::{self, ServerCounters};
use crate::app::{AppSpec, ServerLimits};

/// What the server is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// To serve.
    Serve,
    /// To end what has begun, and take nothing new.
    Drain,
    /// To end.
    End,
}

/// What the workers share.
pub(crate) struct Shared {
    pub(crate) limits: ServerLimits,
    pub(crate) loader: Loader,
    services: Services,
    pub(crate) log: Log,
    pub(crate) logs_requests: bool,
    pub(crate) counters: ServerCounters,
    pub(crate) workers: usize,
    /// Workers that have not ended.
    working: AtomicUsize,
    /// Connections of each worker.
    pub(crate) loads: Box<[AtomicUsize]>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) is_draining: AtomicBool,
    /// Milliseconds since the server began; workers move it on.
    pub(crate) clock: Arc<AtomicU64>,
    begun: Instant,
    /// All apps, and how often they were changed.
    apps: Mutex<Arc<Apps>>,
    version: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        limits: ServerLimits,
        specs: Vec<AppSpec>,
        (loader, services): (Loader, Services),
        (log, logs_requests): (Log, bool),
        workers: usize,
    ) -> Result<Self, String> {
        let clock = Arc::new(AtomicU64::new(1));
        let apps = Apps::new(
            specs,
            &[],
            workers,
            &Makings { log: &log, clock: &clock, services: &services },
        )?;
        Ok(Self {
            limits,
            loader,
            services,
            log,
            logs_requests,
            counters: ServerCounters::default(),
            workers,
            loads: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            working: AtomicUsize::new(workers),
            phase: watch::Sender::new(Phase::Serve),
            is_draining: AtomicBool::new(false),
            clock,
            begun: Instant::now(),
            apps: Mutex::new(Arc::new(apps)),
            version: AtomicU64::new(0),
        })
    }

    /// Keeps what apps have in caches; what fails is told in the log.
    pub(crate) fn keep(&self) {
        if let Err(why) = self.services.keep() {
            self.log.line(Level::Error, "caches cannot be kept").text("error", &why);
        }
    }

    /// Moves the clock on.
    pub(crate) fn tick(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.clock.fetch_max(now.max(1), Relaxed);
    }

    /// Milliseconds since the server began, as of the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Relaxed)
    }

    /// How often the apps were changed.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(std::sync::atomic::Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Apps>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn apps(&self) -> Arc<Apps> {
        self.lock().clone()
    }

    /// Serves these apps from the next request on; those that are the same go on as they are.
    ///
    /// # Errors
    ///
    /// Says what is wrong; then all stays as it is.
    pub(crate) fn set_apps(&self, specs: Vec<AppSpec>) -> Result<(), String> {
        let before = self.apps();
        let makings = Makings { log: &self.log, clock: &self.clock, services: &self.services };
        let apps = Apps::new(specs, &before.list, self.workers, &makings)?;
        let gone =
            before.list.iter().filter(|app| !apps.list.iter().any(|new| Arc::ptr_eq(app, new)));
        for app in gone {
            self.loader.replace(0, app.unload());
        }
        *self.lock() = Arc::new(apps);
        self.version.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        Ok(())
    }

    /// Forgets the components that were unused for longest, until there is room; but not `keep`.
    pub(crate) fn unload_unused(&self, keep: &Arc<App>) {
        let apps = self.apps();
        let others = apps.list.iter().filter(|app| !Arc::ptr_eq(app, keep));
        let mut loaded: Vec<_> = others.filter_map(|app| Some((app.used()?, app))).collect();
        loaded.sort_by_key(|(used, _)| *used);
        for (_, app) in loaded {
            if !self.loader.is_over() {
                return;
            }
            self.loader.replace(0, app.unload());
        }
    }

    /// Loads again what has been changed. What cannot be loaded stays as it is.
    pub(crate) async fn reload_changed(self: &Arc<Self>) {
        for app in &self.apps().list {
            if !app.is_stale() {
                continue;
            }
            let loaded = app.load(self).await;
            let counter = match &loaded {
                Ok(_) => &self.counters.reloads,
                Err(_) => &self.counters.reloads_failed,
            };
            counter.fetch_add(1, Relaxed);
            if loaded.is_ok() {
                self.log.line(Level::Info, "an app was loaded again").text("app", &app.name);
            }
        }
    }

    /// Stops taking what is new.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Relaxed);
        self.phase.send_if_modified(|phase| {
            let serves = *phase == Phase::Serve;
            if serves {
                *phase = Phase::Drain;
            }
            serves
        });
    }

    /// A worker has ended. With the last one all is over: what apps have in caches is kept, and nobody controls anything any
    /// more.
    pub(crate) fn worker_ended(&self) {
        if self.working.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1 {
            self.keep();
            self.end_now();
        }
    }

    /// Ends what has begun, at once.
    pub(crate) fn end_now(&self) {
        self.is_draining.store(true, Relaxed);
        self.phase.send_replace(Phase::End);
    }

    /// What is counted, as text.
    pub(crate) fn metrics(&self) -> String {
        let apps = self.apps();
        let counters: Vec<_> = apps.list.iter().map(|app| app.counters()).collect();
        metrics::render(&counters, &self.counters)
    }
}
