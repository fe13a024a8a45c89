//! The apps of a server: each with its component, if it is loaded, its places and its counters; and all of them
//! together.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::end::{Reason, Style};
use super::grants::{Grants, Services};
use super::guest_log::{Rate, Source};
use super::load::{Loaded, Stamp};
use super::log::{Level, Log};
use super::metrics::{AppCounters, Counters};
use super::shared::Shared;
use crate::app::AppSpec;
use crate::app::route::Router;

/// What apps are made with.
pub(crate) struct Makings<'a> {
    pub(crate) log: &'a Log,
    pub(crate) clock: &'a Arc<AtomicU64>,
    pub(crate) services: &'a Services,
}

/// An app.
pub(crate) struct App {
    pub(crate) spec: AppSpec,
    pub(crate) name: Arc<str>,
    pub(crate) grants: Grants,
    /// By worker.
    pub(crate) shards: Box<[Counters]>,
    pub(crate) source: Arc<Source>,
    request_headers: HeaderMap,
    response_headers: HeaderMap,
    places: Arc<Semaphore>,
    waiting: AtomicU64,
    loaded: Mutex<Option<Arc<Loaded>>>,
    /// Held by whoever loads it.
    loading: tokio::sync::Mutex<()>,
    /// Why it could not be loaded, and which file it was.
    failed: Mutex<Option<(Option<Stamp>, String)>>,
    used: AtomicU64,
    log_dropped: AtomicU64,
}

impl App {
    pub(crate) fn new(
        spec: AppSpec,
        workers: usize,
        makings: &Makings<'_>,
    ) -> Result<Self, String> {
        let (log, clock) = (makings.log, makings.clock);
        let grants = Grants::of(&spec, makings.services);
        let grants = grants.map_err(|why| format!("the app `{}`: {why}", spec.name))?;
        let name: Arc<str> = spec.name.as_str().into();
        let limits = &spec.limits;
        let source = Source {
            log: log.clone(),
            app: name.clone(),
            rate: Arc::new(Rate::default()),
            rate_max: limits.log_rate,
            bytes_max: limits.log_bytes,
            clock: clock.clone(),
        };
        let places = usize::try_from(limits.concurrency.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            request_headers: headers(&spec.request_headers)?,
            response_headers: headers(&spec.response_headers)?,
            name,
            grants,
            shards: (0..workers).map(|_| Counters::default()).collect(),
            source: Arc::new(source),
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicU64::new(0),
            loaded: Mutex::new(None),
            loading: tokio::sync::Mutex::new(()),
            failed: Mutex::new(None),
            used: AtomicU64::new(0),
            log_dropped: AtomicU64::new(0),
            spec,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Loaded>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose conventions its errors follow.
    pub(crate) fn style(&self) -> Style {
        self.lock().as_ref().map_or(Style::Plain, |loaded| loaded.style)
    }

    /// Adds the headers that each of its requests has.
    pub(crate) fn add_request_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.request_headers {
            headers.insert(name, value.clone());
        }
    }

    /// Sets the headers that each of its responses has.
    pub(crate) fn add_response_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.response_headers {
            headers.insert(name, value.clone());
        }
    }

    /// A place among the app's requests; waits for one if there is room to wait.
    ///
    /// # Errors
    ///
    /// If too many wait, or this has waited for too long.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit, Reason> {
        /// Counts one that waits.
        struct Waiting<'a>(&'a AtomicU64);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Relaxed);
            }
        }
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let before = self.waiting.fetch_add(1, Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.spec.limits.queue {
            return Err(Reason::Overloaded);
        }
        let place = self.places.clone().acquire_owned();
        let waited = tokio::time::timeout(self.spec.limits.queue_wait, place).await;
        waited.ok().and_then(Result::ok).ok_or(Reason::Overloaded)
    }

    /// The component; it is loaded if it is not, on a thread of its own where that takes long.
    ///
    /// # Errors
    ///
    /// Says why it cannot be loaded.
    pub(crate) async fn loaded(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
    ) -> Result<Arc<Loaded>, String> {
        let now = shared.now();
        if self.used.load(Relaxed) != now {
            self.used.store(now, Relaxed);
        }
        let there = self.lock().clone();
        if let Some(loaded) = there {
            return Ok(loaded);
        }
        let _loading = self.loading.lock().await;
        let there = self.lock().clone();
        if let Some(loaded) = there {
            return Ok(loaded);
        }
        // What could not be loaded is not tried again before it is another file.
        if let Some((stamp, why)) = &*self.failed.lock().unwrap_or_else(PoisonError::into_inner)
            && *stamp == Stamp::of(&self.spec.path)
        {
            return Err(why.clone());
        }
        match shared.loader.load_at_once(self) {
            Some(loaded) => Ok(self.take(shared, loaded)),
            None => self.load(shared).await,
        }
    }

    /// Loads the component, in place of one that is there, on a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::load_now`].
    pub(crate) async fn load(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
    ) -> Result<Arc<Loaded>, String> {
        let (app, with) = (self.clone(), shared.clone());
        let loading = tokio::task::spawn_blocking(move || app.load_now(&with)).await;
        loading.unwrap_or_else(|_| Err("loading it failed".into()))
    }

    /// Loads the component, in place of one that is there.
    ///
    /// # Errors
    ///
    /// Says why it cannot be loaded; then what was there stays.
    pub(crate) fn load_now(self: &Arc<Self>, shared: &Shared) -> Result<Arc<Loaded>, String> {
        match shared.loader.load(self) {
            Ok(loaded) => Ok(self.take(shared, loaded)),
            Err(why) => {
                // Another file than this is tried again.
                let failed = Some((Stamp::of(&self.spec.path), why.clone()));
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
                let path = self.spec.path.display().to_string();
                let mut line = shared.log.line(Level::Error, "an app cannot be loaded");
                line.text("app", &self.name).text("path", &path).text("error", &why);
                Err(why)
            }
        }
    }

    /// Takes a component that has been loaded in place of one that is there.
    fn take(self: &Arc<Self>, shared: &Shared, loaded: Loaded) -> Arc<Loaded> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let loaded = Arc::new(loaded);
        let old = self.lock().replace(loaded.clone());
        if shared.loader.replace(loaded.bytes, old.as_ref().map_or(0, |old| old.bytes)) {
            shared.unload_unused(self);
        }
        loaded
    }

    /// Whether the file is another than that which is loaded.
    pub(crate) fn is_stale(&self) -> bool {
        let loaded = self.lock().clone();
        loaded.is_some_and(|loaded| {
            let stamp = Stamp::of(&self.spec.path);
            // A file that is not there any more, or not yet again, is no reason to stop serving it.
            stamp.is_some() && stamp != loaded.stamp
        })
    }

    /// Forgets the component; requests that are being served keep it until they end. How many bytes that are.
    pub(crate) fn unload(&self) -> u64 {
        let old = self.lock().take();
        old.map_or(0, |old| old.bytes)
    }

    /// When it was last used, if it is loaded.
    pub(crate) fn used(&self) -> Option<u64> {
        self.lock().is_some().then(|| self.used.load(Relaxed))
    }

    pub(crate) fn counters(&self) -> AppCounters<'_> {
        let dropped = self.source.rate.take_dropped();
        let executor = match self.style() {
            Style::Plain => "wasi_http",
            Style::FastEdge => "http",
        };
        AppCounters {
            name: &self.name,
            executor,
            shards: &self.shards,
            is_loaded: self.lock().is_some(),
            waiting: self.waiting.load(Relaxed),
            log_bytes_dropped: self.log_dropped.fetch_add(dropped, Relaxed) + dropped,
        }
    }
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, text) in pairs {
        crate::app::config::check_header(name, text)?;
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(text));
        if let (Ok(name), Ok(value)) = parsed {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// All apps, and which requests are whose.
pub(crate) struct Apps {
    pub(crate) router: Router,
    pub(crate) list: Vec<Arc<App>>,
}

impl Apps {
    /// These apps; those of `before` that are the same stay.
    ///
    /// # Errors
    ///
    /// Says which cannot be.
    pub(crate) fn new(
        specs: Vec<AppSpec>,
        before: &[Arc<App>],
        workers: usize,
        makings: &Makings<'_>,
    ) -> Result<Self, String> {
        let router = Router::new(&specs)?;
        let mut list = Vec::with_capacity(specs.len());
        for spec in specs {
            let same = before.iter().find(|app| app.spec == spec);
            list.push(match same {
                Some(app) => app.clone(),
                None => Arc::new(App::new(spec, workers, makings)?),
            });
        }
        Ok(Self { router, list })
    }
}
