//! What apps reach: other servers, stores, caches, as their configuration says.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use dunlin_wasi::preview2::http::{Outgoing, RequestOptions};
use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::app::AppSpec;
use crate::fastedge::{self, FastEdgeCtx, Slot, WasiClient};
use crate::outgoing::{Client, Policy, Settings};
use crate::stores::elsewhere::{Elsewhere, LOOKS_MAX};
use crate::stores::{
    Cache, Embedded, EmbeddedStore, KeyValue, KvSource, LocalCache, Redis, parse_kv, read_entries,
};

/// Bytes of the caches: of one app, and of all.
const APP_CACHE_BYTES_MAX: usize = 16 << 20;
const CACHE_BYTES_MAX: usize = 256 << 20;

/// What all apps of a server share, each with a part of its own.
pub(crate) struct Services {
    runtime: Handle,
    cache: LocalCache,
    /// The file of the embedded store, if it is in one; the store, once somebody has wanted it.
    file: Option<PathBuf>,
    embedded: OnceLock<Embedded>,
    /// Bounds how many answers are looked for in that file at once.
    looks: Arc<Semaphore>,
}

impl Services {
    pub(crate) fn new(runtime: Handle, file: Option<PathBuf>) -> Self {
        let cache = LocalCache::new(APP_CACHE_BYTES_MAX, CACHE_BYTES_MAX);
        let looks = Arc::new(Semaphore::new(LOOKS_MAX));
        Self { runtime, cache, file, embedded: OnceLock::new(), looks }
    }

    /// Fills the caches with what an earlier server has kept in the store's file, if there is a file.
    ///
    /// # Errors
    ///
    /// Says why the file cannot be read.
    pub(crate) fn restore(&self) -> Result<(), String> {
        if let Some(file) = &self.file {
            let shown = file.display();
            let restored = self.embedded().and_then(|embedded| {
                embedded.restore_cache(&self.cache).map_err(|error| error.to_string())?;
                // From now on changes are noted.
                embedded.keep_cache(&self.cache).map_err(|error| error.to_string())
            });
            restored.map_err(|why| format!("the store's file `{shown}`: {why}"))?;
        }
        Ok(())
    }

    /// Keeps what has changed in the caches, if there is a file.
    ///
    /// # Errors
    ///
    /// Says why it cannot be written.
    pub(crate) fn keep(&self) -> Result<(), String> {
        if self.file.is_some() {
            let embedded = self.embedded()?;
            embedded.keep_cache(&self.cache).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn embedded(&self) -> Result<&Embedded, String> {
        if let Some(embedded) = self.embedded.get() {
            return Ok(embedded);
        }
        let made = match &self.file {
            Some(file) => Embedded::open(file),
            None => Embedded::in_memory(),
        };
        let made = made.map_err(|error| error.to_string())?;
        Ok(self.embedded.get_or_init(|| made))
    }

    /// A store of an app's.
    fn store(&self, app: &str, name: &str, source: &str) -> Result<Arc<dyn KeyValue>, String> {
        let failed = |error: crate::stores::StoreError| format!("the store `{name}`: {error}");
        let spec = parse_kv(&format!("{name}={source}")).map_err(failed)?;
        // No app finds another's.
        let own = format!("{app}/{name}");
        Ok(match spec.source {
            KvSource::Redis(url) => Arc::new(Redis::new(url, self.runtime.clone())),
            KvSource::Embedded => self.own_store(self.embedded()?.store(&own)),
            KvSource::File(path) => {
                let entries = read_entries(&path).map_err(failed)?;
                let embedded = self.embedded()?;
                embedded.clear(&own).and_then(|()| embedded.fill(&own, entries)).map_err(failed)?;
                self.own_store(embedded.store(&own))
            }
        })
    }

    /// A part of the embedded store; a guest that reads a file's is suspended meanwhile.
    fn own_store(&self, store: EmbeddedStore) -> Arc<dyn KeyValue> {
        match &self.file {
            Some(_) => Arc::new(Elsewhere::new(store, self.runtime.clone(), self.looks.clone())),
            None => Arc::new(store),
        }
    }
}

/// What an app was granted.
pub(crate) struct Grants {
    pub(crate) outgoing: Option<Arc<dyn Outgoing>>,
    pub(crate) fastedge: Arc<fastedge::Grants>,
}

impl Grants {
    /// What an app's configuration grants it.
    ///
    /// # Errors
    ///
    /// Says what cannot be had.
    pub(crate) fn of(spec: &AppSpec, services: &Services) -> Result<Self, String> {
        let outgoing = outgoing(spec)?;
        let mut grants = fastedge::Grants::default();
        grants.dictionary.extend(spec.env.iter().cloned());
        for secret in &spec.secrets {
            for (effective_from, value) in &secret.values {
                let slot = Slot { effective_from: *effective_from, value: value.clone() };
                grants.secrets.add(&secret.name, slot);
            }
        }
        for (name, source) in &spec.kv {
            grants.stores.insert(name.clone(), services.store(&spec.name, name, source)?);
        }
        let cache: Arc<dyn Cache> = Arc::new(services.cache.view(&spec.name));
        grants.cache = Some(cache);
        if let Some(outgoing) = &outgoing {
            let client = WasiClient::new(outgoing.clone(), RequestOptions::default());
            grants.client = Some(Arc::new(client));
        }
        grants.sub_requests_max = u32::try_from(spec.limits.sub_requests).unwrap_or(u32::MAX);
        grants.propagate.clone_from(&spec.propagate_headers);
        Ok(Self { outgoing, fastedge: Arc::new(grants) })
    }

    /// The context of a request with these headers.
    pub(crate) fn context(&self, headers: &HeaderMap) -> FastEdgeCtx {
        let pairs = headers.iter();
        let pairs = pairs.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        FastEdgeCtx::new(self.fastedge.clone(), pairs)
    }
}

/// What sends an app's requests, if it may send any.
fn outgoing(spec: &AppSpec) -> Result<Option<Arc<dyn Outgoing>>, String> {
    if spec.allow_hosts.is_empty() {
        return Ok(None);
    }
    let mut policy = Policy::none();
    for pattern in &spec.allow_hosts {
        policy = policy.allow(pattern).map_err(|error| error.to_string())?;
    }
    let settings = Settings { policy, ..Settings::default() };
    Ok(Some(Arc::new(Client::new(settings))))
}
