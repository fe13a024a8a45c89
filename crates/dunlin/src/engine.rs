//! The engine: what modules and stores of one configuration share, and the clock of epochs.
//!
//! Stores register their epoch deadline with the engine; passing to the next epoch interrupts exactly
//! those whose deadline it reaches, by the same request as from any other thread. Guests therefore look
//! at no epoch while they run.

use crate::compile::Compiler;
#[cfg(feature = "optimize")]
use crate::config::Tier;
use crate::config::{Config, MemoryStrategy};
use crate::counter::Counter;
use crate::error::{Error, Result};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;
use dunlin_interp::Metering;
use dunlin_module::Features;
use dunlin_vm::context::Interrupts;
use dunlin_vm::sync::Mutex;
use dunlin_vm::types::TypeRegistry;
use dunlin_vm::{Resources, ResourcesConfig};

/// Bytes of a value stack at most. It bounds the address space that one store can reserve.
const STACK_BYTES_MAX: u64 = 1 << 36;

/// Value stacks that are kept for the next store, where there is no pool.
const STACKS_KEPT: usize = 16;

/// What modules and stores of one configuration share. Cloning it gives another handle to the same.
///
/// Objects of different engines do not mix: using them together is an error of kind
/// [`Usage`](crate::ErrorKind::Usage).
///
/// # Examples
///
/// ```
/// use dunlin::{Config, Engine};
///
/// let engine = Engine::default();
/// let metered = Engine::new(Config::new().consume_fuel(true))?;
/// assert!(!Engine::same(&engine, &metered));
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    config: Config,
    metering: Metering,
    compiler: Compiler,
    types: Arc<TypeRegistry>,
    resources: Arc<Resources>,
    epoch: Counter,
    /// Who is to be interrupted, by deadline and store.
    deadlines: Mutex<BTreeMap<(u64, u64), Arc<Interrupts>>>,
    /// What names of entries in the cache depend on, once one has been asked for.
    #[cfg(feature = "optimize")]
    build: std::sync::OnceLock<blake3::Hash>,
}

impl Default for Engine {
    fn default() -> Self {
        let strategy = dunlin_vm::MemoryStrategy::best(1);
        let config = ResourcesConfig { strategy, pool: None, stacks_kept: STACKS_KEPT };
        // What the machine is best served with it has, and nothing is reserved without a pool.
        let resources = Resources::new(config).unwrap_or_default();
        let config = Config::new();
        // The default tier asks for nothing that could be missing.
        let compiler = Compiler::new(&config, resources.strategy()).unwrap_or_default();
        Self::with_config(config, compiler, resources)
    }
}

impl Engine {
    /// An engine of this configuration.
    ///
    /// # Errors
    ///
    /// If the configuration does not make sense: a value stack of more than 64 GiB; if it asks for a tier
    /// that is not to be had here; or if this machine has not the address space for it: guarded
    /// memories, the memories of a pool.
    pub fn new(config: &Config) -> Result<Self> {
        if config.stack_bytes as u64 > STACK_BYTES_MAX {
            let bytes = config.stack_bytes;
            return Err(Error::usage(format_args!(
                "a value stack of {bytes} bytes is larger than the {STACK_BYTES_MAX} allowed"
            )));
        }
        // Before there are threads, and guests that could be held up.
        #[cfg(feature = "optimize")]
        if config.tier == Tier::Auto {
            dunlin_vm::native::announce_barriers();
        }
        let resources = resources(config)?;
        let compiler = Compiler::new(config, resources.strategy())?;
        Ok(Self::with_config(config.clone(), compiler, resources))
    }

    fn with_config(config: Config, compiler: Compiler, resources: Resources) -> Self {
        let metering = if config.fuel { Metering::Fuel } else { Metering::Off };
        Self(Arc::new(EngineInner {
            config,
            metering,
            compiler,
            types: Arc::default(),
            resources: Arc::new(resources),
            epoch: Counter::new(0),
            deadlines: Mutex::default(),
            #[cfg(feature = "optimize")]
            build: std::sync::OnceLock::new(),
        }))
    }

    /// A hash of the engine's build and features.
    #[cfg(feature = "optimize")]
    pub(crate) fn build(&self) -> &blake3::Hash {
        self.0.build.get_or_init(|| crate::kept::build_of(self.config().features))
    }

    /// How the engine was set up.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// How memories with 32-bit addresses lie in address space: never
    /// [`Auto`](MemoryStrategy::Auto), but what that came to.
    #[must_use]
    pub fn memory_strategy(&self) -> MemoryStrategy {
        match self.0.resources.strategy() {
            dunlin_vm::MemoryStrategy::Guarded => MemoryStrategy::Guarded,
            dunlin_vm::MemoryStrategy::Dense => MemoryStrategy::Dense,
        }
    }

    /// The features that its modules may use.
    #[must_use]
    pub fn features(&self) -> Features {
        self.0.config.features
    }

    /// Whether two handles are of the same engine.
    #[must_use]
    pub fn same(a: &Self, b: &Self) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    /// Passes to the next epoch, and interrupts the guests whose deadline it is.
    ///
    /// Any thread may call it, at any time; usually one does so at regular intervals. It takes a lock, so
    /// a signal handler may not. See [`Store::set_epoch_deadline`](crate::Store::set_epoch_deadline).
    pub fn increment_epoch(&self) {
        let mut deadlines = self.0.deadlines.lock();
        let now = self.0.epoch.increment() + 1;
        let later = deadlines.split_off(&(now.saturating_add(1), 0));
        let due = core::mem::replace(&mut *deadlines, later);
        // The lock is held still, so that a store that moves its deadline is not interrupted after.
        for interrupts in due.values() {
            interrupts.interrupt();
        }
    }

    /// Processor time that compiling beside guests has taken: see
    /// [`Config::compiler_share`](crate::Config::compiler_share).
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn compiler_time(&self) -> core::time::Duration {
        self.0.compiler.processor_time()
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.0.epoch.get()
    }

    #[inline]
    pub(crate) fn metering(&self) -> Metering {
        self.0.metering
    }

    #[inline]
    pub(crate) fn compiler(&self) -> &Compiler {
        &self.0.compiler
    }

    pub(crate) fn resources(&self) -> &Arc<Resources> {
        &self.0.resources
    }

    pub(crate) fn types(&self) -> &Arc<TypeRegistry> {
        &self.0.types
    }
}

/// What the stores of an engine share.
fn resources(config: &Config) -> Result<Resources> {
    use dunlin_vm::MemoryStrategy as Strategy;
    let memories = config.pooling.as_ref().map_or(1, |pooling| pooling.total_memories);
    let strategy = match config.memory_strategy {
        MemoryStrategy::Auto => Strategy::best(memories.into()),
        MemoryStrategy::Guarded => Strategy::Guarded,
        MemoryStrategy::Dense => Strategy::Dense,
    };
    let pooling = config.pooling.as_ref();
    let pool = pooling.map(|pooling| pooling.for_vm(strategy == Strategy::Guarded));
    let stacks_kept = pooling.map_or(STACKS_KEPT, |pooling| pooling.total_stacks as usize);
    Resources::new(ResourcesConfig { strategy, pool, stacks_kept }).map_err(|_| {
        if pooling.is_none() {
            return Error::resource("this machine cannot guard memories");
        }
        let strategy = if strategy == Strategy::Guarded { "guarded" } else { "dense" };
        Error::resource(format_args!(
            "this machine has no address space for a pool of {memories} {strategy} memories"
        ))
    })
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// A store's deadline, taken back when the store is dropped.
pub(crate) struct EpochDeadline {
    engine: Engine,
    store: u64,
    /// The epoch that guests may not reach; `u64::MAX` where epochs do not interrupt.
    at: u64,
}

impl EpochDeadline {
    /// The deadline of a new store: already passed, where epochs interrupt.
    pub(crate) fn new(engine: Engine, store: u64) -> Self {
        let at = if engine.config().epochs { 0 } else { u64::MAX };
        Self { engine, store, at }
    }

    /// Whether the deadline has passed.
    #[inline]
    pub(crate) fn has_passed(&self) -> bool {
        self.at != u64::MAX && self.at <= self.engine.epoch()
    }

    /// Sets the deadline to so many epochs after the current one, then calls `renew` before any thread
    /// can pass to another epoch.
    pub(crate) fn set(&mut self, ticks: u64, interrupts: &Arc<Interrupts>, renew: impl FnOnce()) {
        if !self.engine.config().epochs {
            return;
        }
        let mut deadlines = self.engine.0.deadlines.lock();
        deadlines.remove(&(self.at, self.store));
        // The last value means that there is no deadline at all.
        self.at = self.engine.epoch().saturating_add(ticks).min(u64::MAX - 1);
        deadlines.insert((self.at, self.store), interrupts.clone());
        renew();
    }
}

impl Drop for EpochDeadline {
    fn drop(&mut self) {
        if self.at != u64::MAX {
            self.engine.0.deadlines.lock().remove(&(self.at, self.store));
        }
    }
}
