//! How an engine is set up.

use crate::pooling::PoolingConfig;
#[cfg(feature = "optimize")]
use crate::{artifact::ArtifactKey, cache::Cache, profile::Profile};
use dunlin_core::limits::{TYPES_MAX_DEFAULT, VALUE_STACK_BYTES_DEFAULT};
use dunlin_core::numeric::Relaxed;
use dunlin_module::Features;
use dunlin_vm::gc::HeapConfig;

/// Bytes of memory for code that arrives function by function, of all modules of an engine.
const CODE_BYTES_DEFAULT_MAX: usize = 256 << 20;

/// When function bodies are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ValidateMode {
    /// All of them when the module is made: an invalid one is an error of `Module::new`.
    #[default]
    Eager,
    /// Each at its first call: an invalid one traps whenever it is called. Opening a module then costs
    /// next to nothing, whatever its size.
    Lazy,
}

/// Which part of the engine executes guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Tier {
    /// The interpreter, from the first moment on; the baseline compiler's code for functions that are executed often,
    /// and the optimising compiler's for those that are executed very often ([`Config::tier_up`]). Loops that run when
    /// there is better code go on in it. Whole modules are optimised that somebody has called
    /// [`Module::optimize`](crate::Module::optimize) for, also while guests run. Modules whose code is in the
    /// [`cache`](Config::cache) begin with it.
    #[default]
    Auto,
    /// The interpreter alone.
    Interp,
    /// The optimising compiler: every function when its module is made, whatever that takes.
    ///
    /// It needs the crate's feature `optimize` and a machine that the compiler knows; elsewhere
    /// [`Engine::new`](crate::Engine::new) fails.
    Optimize,
    /// The baseline compiler: every function in one pass when its module is made. It takes a hundredth of the
    /// optimising compiler's time for code that takes about a fifth longer, or twice as long with many objects.
    ///
    /// It needs the same as [`Optimize`](Self::Optimize).
    Baseline,
}

/// When functions that the interpreter executes often are compiled, with [`Tier::Auto`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TierUp {
    /// As soon as they are worth it: by the baseline compiler while the guest waits, some hundred microseconds at
    /// most, and by the optimising one on a thread of the engine's, while guests run. How deep a guest can recurse
    /// then depends on when: compiled code has its frames on the native stack, the interpreter on the store's.
    #[default]
    Background,
    /// When somebody calls [`Module::optimize`](crate::Module::optimize).
    Never,
    /// After so many executions at most, of each function another number, while the guest waits: for tests.
    #[doc(hidden)]
    AtOnce {
        /// Executions at most.
        within: u32,
    },
}

/// How compiled code notices that it is asked to stop. The interpreter always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Interruption {
    /// It does not: neither epochs nor handles stop a guest in compiled code. For guests that are
    /// trusted to end.
    Off,
    /// It looks at a word of the store's, at every function's entry and where loops begin.
    Flag,
    /// It reads a page of the store's at the same places, which a request makes unreadable: the cheapest
    /// way while guests run. Mapping a page takes some 3 microseconds; an engine keeps those of stores that
    /// have ended for later ones.
    Page,
    /// By the page with [`Tier::Optimize`]; by the word with [`Tier::Auto`], where most stores may never run
    /// compiled code.
    #[default]
    Auto,
}

/// How memories with 32-bit addresses lie in the process's address space. Those with 64-bit addresses
/// are always dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum MemoryStrategy {
    /// Guarded where the machine can, and where the pool, if there is one, has no more memories than fit
    /// into half of its address space; else dense.
    #[default]
    Auto,
    /// Each reserves 4 GiB of address space and a guard behind them: compiled code needs no checks, and a
    /// memory that grows never moves. A process has room for about 32,000.
    Guarded,
    /// Each takes as much address space as it holds, and every access is checked: for 100,000 memories in a
    /// process, and for machines that cannot guard.
    Dense,
}

/// How an [`Engine`](crate::Engine) is set up; a builder.
///
/// # Examples
///
/// ```
/// use dunlin::{Config, Engine, Feature, Features, ValidateMode};
///
/// let mut features = Features::default();
/// features.set(Feature::Simd, false);
///
/// let mut config = Config::new();
/// config.consume_fuel(true).validate(ValidateMode::Lazy).features(features);
/// let engine = Engine::new(&config)?;
/// # let _ = engine;
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) fuel: bool,
    pub(crate) heap: HeapConfig,
    pub(crate) types_max: usize,
    pub(crate) epochs: bool,
    pub(crate) validate: ValidateMode,
    pub(crate) stack_bytes: usize,
    pub(crate) tier: Tier,
    pub(crate) tier_up: TierUp,
    pub(crate) interruption: Interruption,
    pub(crate) features: Features,
    pub(crate) fuses: bool,
    pub(crate) relaxed_deterministic: bool,
    pub(crate) verify_code: bool,
    /// Which functions are compiled, by the bits of their indices, for tests.
    pub(crate) mixed: Option<u64>,
    pub(crate) compile_work_max: Option<u64>,
    pub(crate) code_bytes_max: usize,
    /// The share of a processor for compiling beside guests, in percent; and what it may use at first, for tests.
    pub(crate) compiler_share: Option<u32>,
    pub(crate) compiler_burst: Option<core::time::Duration>,
    pub(crate) memory_strategy: MemoryStrategy,
    pub(crate) pooling: Option<PoolingConfig>,
    #[cfg(feature = "optimize")]
    pub(crate) artifact_key: Option<ArtifactKey>,
    #[cfg(feature = "optimize")]
    pub(crate) cache: Option<Cache>,
    #[cfg(feature = "optimize")]
    pub(crate) observer: Option<Observer>,
    #[cfg(feature = "optimize")]
    pub(crate) profile: Option<Profile>,
}

/// How far a compilation is; see [`Config::compile_progress`].
#[cfg(feature = "optimize")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompileProgress {
    /// Bytes of function bodies that are compiled.
    pub done: u64,
    /// Bytes of all function bodies of the module that are to be compiled.
    pub total: u64,
}

/// Who is told how far compilations are.
#[cfg(feature = "optimize")]
#[derive(Clone)]
pub(crate) struct Observer(pub(crate) alloc::sync::Arc<dyn Fn(CompileProgress) + Send + Sync>);

#[cfg(feature = "optimize")]
impl core::fmt::Debug for Observer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Observer")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The default: no fuel, no epochs, eager validation, fused operators, all supported standard
    /// features.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fuel: false,
            heap: HeapConfig::default(),
            types_max: TYPES_MAX_DEFAULT,
            epochs: false,
            validate: ValidateMode::default(),
            stack_bytes: VALUE_STACK_BYTES_DEFAULT,
            tier: Tier::default(),
            tier_up: TierUp::default(),
            interruption: Interruption::default(),
            features: Features::default(),
            fuses: cfg!(feature = "std"),
            relaxed_deterministic: false,
            verify_code: false,
            mixed: None,
            compile_work_max: None,
            code_bytes_max: CODE_BYTES_DEFAULT_MAX,
            compiler_share: None,
            compiler_burst: None,
            memory_strategy: MemoryStrategy::default(),
            pooling: None,
            #[cfg(feature = "optimize")]
            artifact_key: None,
            #[cfg(feature = "optimize")]
            cache: None,
            #[cfg(feature = "optimize")]
            observer: None,
            #[cfg(feature = "optimize")]
            profile: None,
        }
    }

    /// Whether guests consume fuel: a deterministic charge for each operator. A store begins with none;
    /// [`Store::set_fuel`](crate::Store::set_fuel) gives it some.
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Self {
        self.fuel = enable;
        self
    }

    /// Whether stores collect garbage at every allocation of an object, move all that can be moved, and
    /// write over what is free: slow, and finds whatever holds a reference that a collection does not know
    /// of.
    pub fn gc_zeal(&mut self, enable: bool) -> &mut Self {
        self.heap.zeal = enable;
        self
    }

    /// Bytes that the heap of a store's objects never exceeds, beside what the store's limiter says; 4 GiB
    /// unless set, and never more. It is made when the first object is.
    pub fn heap_max(&mut self, bytes: u32) -> &mut Self {
        self.heap.bytes_max = bytes;
        self
    }

    /// Distinct types that the modules of an engine may define together; 2^22 unless set. Beyond this number
    /// modules that define types are refused.
    ///
    /// A type counts as long as a module defines it, a linker has host functions of it, something that the host has
    /// made in a store has it, or there may be objects of it in a store.
    pub fn max_types(&mut self, types: usize) -> &mut Self {
        self.types_max = types;
        self
    }

    /// Whether [`Engine::increment_epoch`](crate::Engine::increment_epoch) interrupts guests whose
    /// deadline has passed. A store begins with a deadline that has: set one with
    /// [`Store::set_epoch_deadline`](crate::Store::set_epoch_deadline) before it runs anything.
    ///
    /// It costs running guests nothing.
    pub fn epoch_interruption(&mut self, enable: bool) -> &mut Self {
        self.epochs = enable;
        self
    }

    /// When function bodies are validated.
    pub fn validate(&mut self, mode: ValidateMode) -> &mut Self {
        self.validate = mode;
        self
    }

    /// Bytes of a store's value stack: how deep guests may recurse before they trap. It is separate
    /// from the native stack, reserved at a store's first call and committed where it is touched.
    pub fn max_stack_bytes(&mut self, bytes: usize) -> &mut Self {
        self.stack_bytes = bytes;
        self
    }

    /// Which part of the engine executes guests.
    pub fn tier(&mut self, tier: Tier) -> &mut Self {
        self.tier = tier;
        self
    }

    /// When functions are compiled that are executed often. The default is beside the guests that execute them.
    pub fn tier_up(&mut self, when: TierUp) -> &mut Self {
        self.tier_up = when;
        self
    }

    /// How compiled code notices that it is asked to stop.
    pub fn interruption(&mut self, how: Interruption) -> &mut Self {
        self.interruption = how;
        self
    }

    /// Whether the interpreter executes common sequences of operators by one handler each, which takes a
    /// private copy of every function that is called: a quarter less time for one more byte of memory a
    /// byte of code. The default is yes with the `std` feature, and no on machines without an operating
    /// system. Guests cannot tell.
    pub fn fuse_operators(&mut self, enable: bool) -> &mut Self {
        self.fuses = enable;
        self
    }

    /// Whether compilers check their own intermediate results, and panic where those are not consistent:
    /// for tests of the engine, since it doubles the time that compiling takes.
    pub fn verify_code(&mut self, enable: bool) -> &mut Self {
        self.verify_code = enable;
        self
    }

    /// Where modules are compiled, leaves some functions to the interpreter: those for whose index, modulo
    /// 64, the bit of `compiled` is 0. For tests of calls between the tiers.
    #[doc(hidden)]
    pub fn mix_tiers(&mut self, compiled: u64) -> &mut Self {
        self.mixed = Some(compiled);
        self
    }

    /// How much work compiling a module may be, in units of about a microsecond of one core. What each
    /// function takes is estimated from its bytes alone, so that the same functions are compiled on every
    /// machine; those for which not enough is left are interpreted.
    ///
    /// The default is a million, and four for each byte of the module: several times what programs need,
    /// and far less than a module can ask for that was written to keep a compiler busy.
    pub fn max_compile_work(&mut self, units: u64) -> &mut Self {
        self.compile_work_max = Some(units);
        self
    }

    /// How many bytes of memory the code of single functions and parts of modules may have, of all modules of the engine
    /// together: 256 MiB unless set. It is taken in pieces of 64 KiB and more. When it is used up, the code of modules
    /// of which no store has an instance goes, that which has not grown for longest first: they begin in the interpreter
    /// again. Where all are in use, nothing more is compiled.
    ///
    /// What is compiled as a whole ([`Tier::Optimize`], [`Tier::Baseline`],
    /// [`Module::optimize`](crate::Module::optimize)) does not count.
    pub fn max_code_bytes(&mut self, bytes: usize) -> &mut Self {
        self.code_bytes_max = bytes;
        self
    }

    /// How much of one processor the thread may take that compiles beside guests, in percent, from 1 to 100. It may use
    /// four seconds of processor time at once, so that programs that have just started get fast as soon as they can;
    /// that fills again by the share of the time that passes. A function is not interrupted, so that a large one may
    /// take more, for which the thread rests afterwards.
    ///
    /// The default is 50 on machines with fewer than four processors, where guests could use all of them, and 100
    /// otherwise. Small functions that are compiled quickly while their guest waits do not count.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Config, Engine};
    ///
    /// // For a server that has little to spare.
    /// let engine = Engine::new(Config::new().compiler_share(10))?;
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn compiler_share(&mut self, percent: u32) -> &mut Self {
        self.compiler_share = Some(percent.clamp(1, 100));
        self
    }

    /// How much processor time the compiler may use at once, for tests of its share.
    #[doc(hidden)]
    pub fn compiler_burst(&mut self, burst: core::time::Duration) -> &mut Self {
        self.compiler_burst = Some(burst);
        self
    }

    /// Which features of WebAssembly modules may use.
    pub fn features(&mut self, features: Features) -> &mut Self {
        self.features = features;
        self
    }

    /// Whether relaxed vector operators, such as `f32x4.relaxed_madd`, have the results of the
    /// specification's deterministic profile, which are the same on every machine. Otherwise they have the
    /// results that take the fewest of this machine's instructions, whichever tier executes them: it adds
    /// before it rounds where it can, for one.
    ///
    /// The default is no.
    pub fn relaxed_simd_deterministic(&mut self, enable: bool) -> &mut Self {
        self.relaxed_deterministic = enable;
        self
    }

    /// The results that relaxed operators have.
    pub(crate) fn relaxed(&self) -> Relaxed {
        #[cfg(feature = "optimize")]
        if !self.relaxed_deterministic {
            return dunlin_vm::native::fastest_relaxed();
        }
        // The interpreter is equally fast with all of them.
        Relaxed::Deterministic
    }

    /// How memories lie in address space.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Config, Engine, MemoryStrategy};
    ///
    /// // For very many small memories.
    /// let engine = Engine::new(Config::new().memory_strategy(MemoryStrategy::Dense))?;
    /// assert_eq!(engine.memory_strategy(), MemoryStrategy::Dense);
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn memory_strategy(&mut self, strategy: MemoryStrategy) -> &mut Self {
        self.memory_strategy = strategy;
        self
    }

    /// Takes instances, memories and tables from a pool: everything is reserved when the engine is made,
    /// bounded, and used again, so that an instance costs a microsecond or two. Without one, each is
    /// asked of the operating system and given back to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Config, Engine, Instance, Module, PoolingConfig, Store};
    ///
    /// let mut pooling = PoolingConfig::new();
    /// pooling.total_memories(1).max_memory_size(1 << 20);
    /// let engine = Engine::new(Config::new().pooling(pooling))?;
    /// let module = Module::new(&engine, "(module (memory 1))")?;
    ///
    /// let mut first = Store::new(&engine, ());
    /// Instance::new(&mut first, &module, &[])?;
    /// let mut second = Store::new(&engine, ());
    /// let error = Instance::new(&mut second, &module, &[]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "a memory of the module was refused: all 1 memories of the engine's pool are in use",
    /// );
    ///
    /// drop(first);
    /// Instance::new(&mut second, &module, &[])?;
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn pooling(&mut self, pooling: PoolingConfig) -> &mut Self {
        self.pooling = Some(pooling);
        self
    }

    /// The key with which artifacts are sealed, so that only those are executed that a holder of the key
    /// made: see [`Module::serialize`](crate::Module::serialize). Without one there are none.
    #[cfg(feature = "optimize")]
    pub fn artifact_key(&mut self, key: ArtifactKey) -> &mut Self {
        self.artifact_key = Some(key);
        self
    }

    /// Keeps the machine code of modules in a folder, and finds it there instead of compiling. It is used
    /// for modules of more than 4 KiB: for all of a module's code with [`Tier::Optimize`] and by
    /// [`Module::optimize`](crate::Module::optimize), and with [`Tier::Auto`] for the code of functions that were
    /// executed often: see [`Module::keep_learned`](crate::Module::keep_learned). The default is to keep nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Cache, Config};
    ///
    /// let folder = std::env::temp_dir().join("dunlin-cache-of-an-example");
    /// let cache = Cache::open(&folder)?.max_bytes(64 << 20);
    /// Config::new().cache(cache);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    #[cfg(feature = "optimize")]
    pub fn cache(&mut self, cache: Cache) -> &mut Self {
        self.cache = Some(cache);
        self
    }

    /// Tells profilers of compiled code. It is used with [`Tier::Optimize`], and refused without:
    /// profilers know the interpreter as part of the program. The files are created when the engine is
    /// made, and written when a module is, which fails if they cannot be.
    #[cfg(feature = "optimize")]
    pub fn profile(&mut self, profile: Profile) -> &mut Self {
        self.profile = Some(profile);
        self
    }

    /// Has a function called while a module is compiled, again and again, by any of the threads that do so.
    /// At the end it is told that all is done.
    #[cfg(feature = "optimize")]
    pub fn compile_progress(
        &mut self,
        observe: impl Fn(CompileProgress) + Send + Sync + 'static,
    ) -> &mut Self {
        self.observer = Some(Observer(alloc::sync::Arc::new(observe)));
        self
    }
}
