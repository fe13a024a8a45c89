//! Loading of components: what is served, kept for as long as it is used and there is room.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dunlin::{Cache, Config, Engine, Error, Interruption, PoolingConfig, Store, ValidateMode};
use dunlin_component::{Component, InstancePre, Linker};
use dunlin_wasi::preview2::http::HandlerPre;
use dunlin_wasi::preview2::{self, ComponentCtx, Reactor};
use dunlin_wasi::{Output, WasiCtx};

use super::apps::App;
use super::end::Style;
use super::guest::{Bounds, Host, Live};
use super::guest_log::GuestLog;
use crate::app::ServerLimits;
use crate::fastedge::{self, AppKind, FastEdgeCtx};
use crate::reactor::TokioReactor;

/// Core instances, memories and tables for each instance that the server may have. Components of toolchains have
/// three or four core instances, of which one has a memory and two have tables.
const CORE_INSTANCES_EACH: u32 = 8;
const MEMORIES_EACH: u32 = 2;
const TABLES_EACH: u32 = 4;

/// Elements of a table of the pool: see [`Limits::table_elements`](crate::app::Limits).
const POOL_TABLE_ELEMENTS: u64 = 200_000;

/// Bytes of a guest's value stack: what deep recursions of real programs take, several times.
const VALUE_STACK_BYTES: usize = 1 << 20;

/// The package whose interfaces make an app one of FastEdge's.
const FASTEDGE: &str = "gcore:fastedge/";

/// What handles requests.
#[derive(Clone)]
pub(crate) enum Kind {
    /// A component that exports `wasi:http/incoming-handler`.
    WasiHttp(HandlerPre<Host>),
    /// One that exports `gcore:fastedge/http-handler`, as modules become that FastEdge's SDK makes.
    FastEdge(InstancePre<Host>),
}

impl Kind {
    /// Whether it takes requests whole.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::FastEdge(_))
    }
}

/// When a file was changed, and its size: another of either is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Stamp {
    /// The stamp of a file, if it is there.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        Some(Self { modified: data.modified().ok(), bytes: data.len() })
    }
}

/// A component that is loaded, with its instances that wait for their next request.
pub(crate) struct Loaded {
    pub(crate) kind: Kind,
    pub(crate) style: Style,
    pub(crate) bytes: u64,
    pub(crate) stamp: Option<Stamp>,
    /// By worker.
    idle: Box<[Mutex<Vec<Live>>]>,
}

impl Loaded {
    fn idle(&self, worker: usize) -> MutexGuard<'_, Vec<Live>> {
        self.idle[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance that has served others before.
    pub(crate) fn take_idle(&self, worker: usize) -> Option<Live> {
        self.idle(worker).pop()
    }

    /// Keeps an instance for the next request.
    pub(crate) fn give_idle(&self, worker: usize, live: Live, most: usize) {
        let mut idle = self.idle(worker);
        if idle.len() < most {
            idle.push(live);
        }
    }
}

/// Loads components into one engine.
pub(crate) struct Loader {
    engine: Engine,
    linker: Linker<Host>,
    reactor: Arc<dyn Reactor>,
    workers: usize,
    component_bytes_max: u64,
    loaded_bytes_max: u64,
    /// Bytes of the files of all that are loaded.
    loaded_bytes: AtomicU64,
}

impl Loader {
    /// An engine for so many instances, and what components may import.
    ///
    /// # Errors
    ///
    /// If this machine has not the address space, or the interfaces clash.
    pub(crate) fn new(
        limits: &ServerLimits,
        workers: usize,
        cache: Option<Cache>,
    ) -> Result<Self, Error> {
        let instances = u32::try_from(limits.instances.max(1)).unwrap_or(u32::MAX);
        let mut pooling = PoolingConfig::new();
        pooling
            .total_core_instances(instances.saturating_mul(CORE_INSTANCES_EACH))
            .total_memories(instances.saturating_mul(MEMORIES_EACH))
            .total_tables(instances.saturating_mul(TABLES_EACH))
            .table_elements(POOL_TABLE_ELEMENTS)
            .total_stacks(instances);
        let mut config = Config::new();
        config
            .pooling(pooling)
            .validate(ValidateMode::Lazy)
            // By the page alone compiled code lets others have their turn.
            .interruption(Interruption::Page)
            .max_stack_bytes(VALUE_STACK_BYTES);
        if let Some(cache) = cache {
            config.cache(cache);
        }
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        preview2::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
        preview2::http::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
        fastedge::add_to_linker(&mut linker, |host: &mut Host| &mut host.fastedge)?;
        Ok(Self {
            engine,
            linker,
            reactor: Arc::new(TokioReactor::of_thread()),
            workers,
            component_bytes_max: limits.component_bytes,
            loaded_bytes_max: limits.loaded_bytes,
            loaded_bytes: AtomicU64::new(0),
        })
    }

    /// Loads an app's file.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read, or what is wrong with it.
    pub(crate) fn load(&self, app: &App) -> Result<Loaded, String> {
        let path = &app.spec.path;
        let stamp = Stamp::of(path);
        let bytes = self.read(path)?;
        let size = bytes.len() as u64;
        let component = self.component(bytes)?;
        let is_fastedge = component.imports().any(|(name, _)| name.starts_with(FASTEDGE));
        let Some(kind) = AppKind::of(&component) else {
            let exports: Vec<_> = component.exports().map(|(name, _)| name).take(8).collect();
            let exports = exports.join("`, `");
            return Err(format!(
                "it exports neither `wasi:http/incoming-handler@0.2` nor `gcore:fastedge/http-handler`, \
                 but `{exports}`"
            ));
        };
        let mut linker = self.linker.clone();
        fastedge::define_optional(&mut linker, &component);
        let pre = linker.instantiate_pre(&component).map_err(|error| error.to_string())?;
        let (kind, is_fastedge) = match kind {
            AppKind::FastEdge => (Kind::FastEdge(pre), true),
            AppKind::WasiHttp => {
                let pre = HandlerPre::new(pre).map_err(|error| error.to_string())?;
                (Kind::WasiHttp(pre), is_fastedge)
            }
        };
        Ok(Loaded {
            kind,
            style: if is_fastedge { Style::FastEdge } else { Style::Plain },
            bytes: size,
            stamp,
            idle: (0..self.workers).map(|_| Mutex::default()).collect(),
        })
    }

    /// The component in a file: itself, or what a core module for WASI 0.1 becomes.
    fn component(&self, bytes: Vec<u8>) -> Result<Component, String> {
        if Component::is_text(&bytes) {
            return Component::new(&self.engine, bytes)
                .map_err(|error| format!("it is not a valid component: {error}"));
        }
        let bytes = match bytes.starts_with(b"\0asm") && !Component::is_component(&bytes) {
            true => dunlin_wasi::componentize(&bytes).map_err(|error| {
                format!("it is a module that cannot become a component: {error}")
            })?,
            false => bytes,
        };
        Component::from_shared(&self.engine, bytes.into()).map_err(|error| {
            let place = error.offset().map_or(String::new(), |at| format!(" at offset {at:#x}"));
            format!("it is not a valid component: {error}{place}")
        })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let most = self.component_bytes_max;
        let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
        let read = read.map_err(|error| error.to_string())? as u64;
        if read > most { Err(format!("it has more than {most} bytes")) } else { Ok(bytes) }
    }

    /// Notes that a component is loaded in place of another; whether there are too many bytes now.
    pub(crate) fn replace(&self, new: u64, old: u64) -> bool {
        let before = self.loaded_bytes.fetch_add(new, Relaxed);
        self.loaded_bytes.fetch_sub(old, Relaxed);
        before + new - old > self.loaded_bytes_max
    }

    /// Whether there are too many bytes.
    pub(crate) fn is_over(&self) -> bool {
        self.loaded_bytes.load(Relaxed) > self.loaded_bytes_max
    }

    /// A store for a new instance of an app.
    ///
    /// # Errors
    ///
    /// Says what the app cannot be given.
    pub(crate) fn live(&self, app: &App) -> Result<Live, String> {
        let logged = Arc::new(AtomicU64::new(0));
        let out = |stream| {
            Output::Writer(Box::new(GuestLog::new(app.source.clone(), stream, logged.clone())))
        };
        let mut builder = WasiCtx::builder();
        builder.stdout(out("stdout")).stderr(out("stderr"));
        for (name, value) in &app.spec.env {
            builder.env(name, value);
        }
        let wasi = builder.build().map_err(|error| error.to_string())?;
        let mut wasi = ComponentCtx::new(wasi);
        wasi.set_reactor(self.reactor.clone());
        wasi.http().outgoing.clone_from(&app.grants.outgoing);
        wasi.http().outgoing_requests_max =
            u32::try_from(app.spec.limits.sub_requests).unwrap_or(u32::MAX);
        let fastedge = FastEdgeCtx::new(app.grants.fastedge.clone(), []);
        let bounds = Bounds::new(&app.spec.limits);
        let mut store = Store::new(&self.engine, Host { wasi, fastedge, bounds, logged });
        store.limiter(|host| &mut host.bounds);
        Ok(Live { store, handler: None, served: 0 })
    }
}
