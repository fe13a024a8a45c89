//! Loading of components: what is served, kept for as long as it is used and there is room.
//!
//! Apps whose files have the same bytes share what follows from these ([`Served`]): the component, its code, and where its
//! imports are. They share nothing that a request could change.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
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
use crate::sys;

/// Core instances, memories and tables for each instance that the server may have. Components of toolchains have
/// three or four core instances, of which one has a memory and two have tables.
const CORE_INSTANCES_EACH: u32 = 8;
const MEMORIES_EACH: u32 = 2;
const TABLES_EACH: u32 = 4;

/// Elements of a table of the pool: see [`Limits::table_elements`](crate::app::Limits).
const POOL_TABLE_ELEMENTS: u64 = 200_000;

/// Bytes of a guest's value stack: what deep recursions of real programs take, several times.
const VALUE_STACK_BYTES: usize = 1 << 20;

/// Bytes at a file's end by which files are looked up that may have the same: toolchains put there what differs soonest.
const END_BYTES: usize = 256;

/// Components of the same length and end that are held against a file.
const CANDIDATES_MAX: usize = 4;

/// Bytes of a file that may be loaded where its request is served. What that takes, of a file that is in memory and known, is less
/// than a guest's turn.
const AT_ONCE_BYTES_MAX: u64 = 256 << 10;

/// Lengths and ends that are remembered before it is looked which are of components that are gone.
const FORGET_MIN: usize = 64;

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
        fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&fs::Metadata> for Stamp {
    fn from(data: &fs::Metadata) -> Self {
        Self { modified: data.modified().ok(), bytes: data.len() }
    }
}

/// What follows from a file's bytes, whatever app it is of.
struct Served {
    bytes: Arc<[u8]>,
    kind: Kind,
    style: Style,
    /// Whether it is to be kept in the code cache yet what a first request has found out.
    is_new: AtomicBool,
}

/// A file's length and its last bytes.
type End = (usize, Box<[u8]>);

/// What is served, by lengths and ends of files, for as long as an app uses it.
#[derive(Default)]
struct Known {
    by_end: HashMap<End, Vec<Weak<Served>>>,
    /// How many lengths and ends there are when it is looked next which are of use.
    look_at: usize,
}

impl Known {
    fn key(bytes: &[u8]) -> End {
        (bytes.len(), bytes[bytes.len().saturating_sub(END_BYTES)..].into())
    }

    /// What is served of components that may have these bytes.
    fn candidates(&self, bytes: &[u8]) -> Vec<Arc<Served>> {
        let found = self.by_end.get(&Self::key(bytes)).into_iter().flatten();
        found.filter_map(Weak::upgrade).take(CANDIDATES_MAX).collect()
    }

    fn add(&mut self, served: &Arc<Served>) {
        if self.by_end.len() >= self.look_at.max(FORGET_MIN) {
            self.by_end.retain(|_, list| list.iter().any(|served| served.strong_count() > 0));
            self.look_at = 2 * self.by_end.len();
        }
        let list = self.by_end.entry(Self::key(&served.bytes)).or_default();
        list.retain(|served| served.strong_count() > 0);
        list.push(Arc::downgrade(served));
    }
}

/// A component that is loaded, with its instances that wait for their next request.
pub(crate) struct Loaded {
    pub(crate) kind: Kind,
    pub(crate) style: Style,
    pub(crate) bytes: u64,
    /// Others may use it too.
    served: Arc<Served>,
    pub(crate) stamp: Option<Stamp>,
    /// By worker.
    idle: Box<[Mutex<Vec<Live>>]>,
}

impl Loaded {
    fn idle(&self, worker: usize) -> MutexGuard<'_, Vec<Live>> {
        self.idle[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be kept in the code cache now that a request has been served; once.
    pub(crate) fn to_keep(&self) -> Option<Component> {
        let is_new = self.served.is_new.load(Relaxed) && self.served.is_new.swap(false, Relaxed);
        is_new.then(|| match &self.kind {
            Kind::WasiHttp(pre) => pre.instance_pre().component().clone(),
            Kind::FastEdge(pre) => pre.component().clone(),
        })
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
    has_cache: bool,
    component_bytes_max: u64,
    loaded_bytes_max: u64,
    /// Bytes of the files of all that are loaded; of each app's, whether it shares them or not.
    loaded_bytes: AtomicU64,
    known: Mutex<Known>,
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
        let has_cache = cache.is_some();
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
            has_cache,
            component_bytes_max: limits.component_bytes,
            loaded_bytes_max: limits.loaded_bytes,
            loaded_bytes: AtomicU64::new(0),
            known: Mutex::default(),
        })
    }

    /// Loads an app's file.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read, or what is wrong with it.
    pub(crate) fn load(&self, app: &App) -> Result<Loaded, String> {
        let (bytes, stamp) = self.read(&app.spec.path)?;
        let served = match self.same(&bytes) {
            Some(same) => same,
            None => self.serve(self.component(&bytes)?, bytes)?,
        };
        Ok(self.loaded(served, stamp))
    }

    /// Loads an app's file if it is small, lies in memory, and what follows from its bytes is known: by an app that has the
    /// same, or the code cache. That neither waits nor takes long. `None` if it cannot be said that it is so.
    pub(crate) fn load_at_once(&self, app: &App) -> Option<Loaded> {
        let path = &app.spec.path;
        let data = fs::metadata(path).ok()?;
        let is_small = data.len() <= self.component_bytes_max.min(AT_ONCE_BYTES_MAX);
        if !(data.is_file() && is_small) {
            return None;
        }
        let _room = widen_heap();
        let (file, mut bytes) = (File::open(path).ok()?, zeros(data.len() as usize));
        if !sys::read_in_memory(&file, Arc::get_mut(&mut bytes)?) {
            return None;
        }
        let served = match self.same(&bytes) {
            Some(same) => same,
            None => {
                let component = Component::find_kept(&self.engine, &bytes)?;
                self.serve(component, bytes).ok()?
            }
        };
        Some(self.loaded(served, Stamp::from(&data)))
    }

    fn loaded(&self, served: Arc<Served>, stamp: Stamp) -> Loaded {
        Loaded {
            kind: served.kind.clone(),
            style: served.style,
            bytes: served.bytes.len() as u64,
            served,
            stamp: Some(stamp),
            idle: (0..self.workers).map(|_| Mutex::default()).collect(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What follows from a file's bytes, if another app has the same.
    fn same(&self, bytes: &Arc<[u8]>) -> Option<Arc<Served>> {
        let candidates = self.known().candidates(bytes);
        candidates.into_iter().find(|other| other.bytes == *bytes)
    }

    /// What follows from a file's bytes that no other app has.
    fn serve(&self, component: Component, bytes: Arc<[u8]>) -> Result<Arc<Served>, String> {
        let (kind, style) = self.link(&component)?;
        let served =
            Arc::new(Served { bytes, kind, style, is_new: AtomicBool::new(self.has_cache) });
        self.known().add(&served);
        Ok(served)
    }

    /// Finds what a component imports.
    fn link(&self, component: &Component) -> Result<(Kind, Style), String> {
        let is_fastedge = component.imports().any(|(name, _)| name.starts_with(FASTEDGE));
        let Some(kind) = AppKind::of(component) else {
            let exports: Vec<_> = component.exports().map(|(name, _)| name).take(8).collect();
            let exports = exports.join("`, `");
            return Err(format!(
                "it exports neither `wasi:http/incoming-handler@0.2` nor `gcore:fastedge/http-handler`, \
                 but `{exports}`"
            ));
        };
        // Copying all that is defined takes as long as linking, and most apps need nothing more.
        let pre = if fastedge::imports_optional(component) {
            let mut linker = self.linker.clone();
            fastedge::define_optional(&mut linker, component);
            linker.instantiate_pre(component)
        } else {
            self.linker.instantiate_pre(component)
        };
        let pre = pre.map_err(|error| error.to_string())?;
        let (kind, is_fastedge) = match kind {
            AppKind::FastEdge => (Kind::FastEdge(pre), true),
            AppKind::WasiHttp => {
                let pre = HandlerPre::new(pre).map_err(|error| error.to_string())?;
                (Kind::WasiHttp(pre), is_fastedge)
            }
        };
        Ok((kind, if is_fastedge { Style::FastEdge } else { Style::Plain }))
    }

    /// The component in a file: itself, or what a core module for WASI 0.1 becomes.
    fn component(&self, bytes: &Arc<[u8]>) -> Result<Component, String> {
        if Component::is_text(bytes) {
            return Component::new(&self.engine, bytes)
                .map_err(|error| format!("it is not a valid component: {error}"));
        }
        let bytes = match bytes.starts_with(b"\0asm") && !Component::is_component(bytes) {
            true => dunlin_wasi::componentize(bytes)
                .map_err(|error| format!("it is a module that cannot become a component: {error}"))?
                .into(),
            false => bytes.clone(),
        };
        Component::from_shared(&self.engine, bytes).map_err(|error| {
            let place = error.offset().map_or(String::new(), |at| format!(" at offset {at:#x}"));
            format!("it is not a valid component: {error}{place}")
        })
    }

    fn read(&self, path: &Path) -> Result<(Arc<[u8]>, Stamp), String> {
        let most = self.component_bytes_max;
        let too_large = || format!("it has more than {most} bytes");
        let data = fs::metadata(path).map_err(|error| error.to_string())?;
        let stamp = Stamp::from(&data);
        if data.len() > most {
            return Err(too_large());
        }
        if data.is_file()
            && let Some(bytes) = read_exactly(path, data.len() as usize)
        {
            return Ok((bytes, stamp));
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
        let read = read.map_err(|error| error.to_string())? as u64;
        if read > most { Err(too_large()) } else { Ok((bytes.into(), stamp)) }
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

/// A file of so many bytes, where modules will find them without a copy; `None` if it has more or fewer.
fn read_exactly(path: &Path, len: usize) -> Option<Arc<[u8]>> {
    let mut file = File::open(path).ok()?;
    let mut bytes = zeros(len);
    file.read_exact(Arc::get_mut(&mut bytes)?).ok()?;
    matches!(file.read(&mut [0]), Ok(0)).then_some(bytes)
}

fn zeros(len: usize) -> Arc<[u8]> {
    std::iter::repeat_n(0, len).collect()
}

/// Has the thread's heap grow at once by what loading takes, for as long as what is returned is there. Heaps of threads grow by the
/// page otherwise, each with a system call (the C library's `grow_heap`): forty of them for a component of 100 KB.
fn widen_heap() -> impl Drop {
    /// What is larger has a mapping of its own.
    const BLOCK_BYTES: usize = 100 << 10;
    let [first, second, last] = [(); 3].map(|()| Vec::<u8>::with_capacity(BLOCK_BYTES));
    // The last keeps the room of the others from being given back at once.
    drop(std::hint::black_box([first, second]));
    std::hint::black_box(last)
}
