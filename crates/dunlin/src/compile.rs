//! The tier that an engine runs: the interpreter, or compiled code where the configuration asks for it.
//!
//! With the optimising tier a module's units are all compiled when the module is made, by as many
//! threads as there are cores; modules of very many are interpreted. Functions whose work does not fit
//! what the module may take, in the module's order, are left out. What is left out, what the compiler
//! refuses, and what is not valid while validation is lazy, becomes a way out of compiled code: the
//! interpreter runs it, or says why not.
//!
//! With [`Tier::Auto`] functions are compiled that are executed often (`tiering`), and whole modules when the embedder
//! says so ([`Module::optimize`]), both while guests run: calls find the code from then on. Until then the compiler
//! does not even exist, unless there is a cache to look into.
//!
//! [`Module::optimize`]: crate::Module::optimize

use crate::config::{Config, Tier, ValidateMode};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::validate::{self, Keep};
use dunlin_interp::Metering;
use dunlin_vm::{Failure, MemoryStrategy, ModuleCode, Store};

/// What makes an engine's code, if anything.
#[derive(Default)]
pub(crate) struct Compiler {
    #[cfg(feature = "optimize")]
    native: Native,
    #[cfg(feature = "optimize")]
    pub(crate) notes: std::sync::Arc<crate::notes::Notes>,
}

/// When code is made.
#[cfg(feature = "optimize")]
#[derive(Default)]
pub(crate) enum Native {
    /// Never.
    #[default]
    Never,
    /// When somebody asks for it.
    Later(crate::tiering::Owner),
    /// When a module is made.
    Now(Box<NativeCompiler>),
}

/// A compiler, and what its code is made for.
#[cfg(feature = "optimize")]
pub(crate) struct NativeCompiler {
    optimizer: dunlin_optimize::Optimizer,
    /// What makes code instead, with [`Tier::Baseline`].
    baseline: Option<dunlin_baseline::Baseline>,
    pub(crate) identity: crate::artifact::Identity,
    profiler: Option<dunlin_vm::native::Profiler>,
}

/// Validates all bodies, where the configuration says so.
pub(crate) fn validate_eagerly(config: &Config, code: &ModuleCode, keep: Keep) -> Result<()> {
    match config.validate {
        ValidateMode::Eager => validate::validate_all(code, keep).map_err(Error::invalid),
        ValidateMode::Lazy => Ok(()),
    }
}

/// Who is called.
#[derive(Clone, Copy)]
pub(crate) enum Runs {
    /// The interpreter.
    Interpreter,
    /// Compiled code, once there is some.
    #[cfg(feature = "optimize")]
    Later,
    /// Compiled code.
    #[cfg(feature = "optimize")]
    Native,
}

impl Runs {
    /// Calls a function of the store.
    #[inline]
    pub(crate) fn call(
        self,
        store: &mut Store,
        func: u32,
        slots: &mut [u64],
        metering: Metering,
    ) -> core::result::Result<(), Failure> {
        match self {
            Self::Interpreter => dunlin_interp::call(store, func, slots, metering),
            // Without code nobody need know where the native stack ends, which takes a while to ask.
            #[cfg(feature = "optimize")]
            Self::Later if !dunlin_vm::native::has_code(store, func) => {
                dunlin_interp::call(store, func, slots, metering)
            }
            #[cfg(feature = "optimize")]
            Self::Later | Self::Native => dunlin_vm::native::call(store, func, slots),
        }
    }
}

#[cfg(not(feature = "optimize"))]
impl Compiler {
    /// The compiler of this configuration.
    pub(crate) fn new(config: &Config, _strategy: MemoryStrategy) -> Result<Self> {
        if matches!(config.tier, Tier::Optimize | Tier::Baseline) {
            return Err(Error::usage(
                "the compiling tiers are not built in: they need the feature `optimize`",
            ));
        }
        Ok(Self::default())
    }

    #[allow(clippy::unused_self, reason = "the same shape as with a compiler")]
    pub(crate) fn tier(&self) -> Runs {
        Runs::Interpreter
    }

    #[allow(clippy::unused_self, reason = "the same shape as with a compiler")]
    pub(crate) fn create_store(&self, engine: &Engine) -> Store {
        let stack_bytes = engine.config().stack_bytes;
        let resources = engine.resources().clone();
        let (heap, relaxed) = (engine.config().heap, engine.config().relaxed());
        let config = dunlin_vm::StoreConfig {
            stack_bytes,
            poll_page: false,
            metered: false,
            heap,
            relaxed,
            resources,
        };
        Store::new(engine.types().clone(), config)
    }

    /// Who watches a module: nobody.
    #[allow(clippy::unused_self, reason = "the same shape as with a compiler")]
    pub(crate) fn watch(
        &self,
        _config: &Config,
        _module: &dunlin_module::Module,
    ) -> Option<alloc::boxed::Box<dyn dunlin_vm::counting::Watch>> {
        None
    }

    /// Makes a module's functions as ready as the configuration asks.
    #[allow(clippy::unused_self, reason = "the same shape as with a compiler")]
    pub(crate) fn make_ready(&self, config: &Config, code: &ModuleCode) -> Result<()> {
        validate_eagerly(config, code, Keep::Tables)
    }
}

#[cfg(feature = "optimize")]
pub(crate) use native::settings;

#[cfg(feature = "optimize")]
mod native {
    use super::{
        Compiler, Config, Engine, Error, Keep, MemoryStrategy, ModuleCode, Native, NativeCompiler,
        Result, Runs, Tier, validate_eagerly,
    };
    use crate::artifact::{Cached, Identity, name_start, no_memory};
    use crate::config::{CompileProgress, Interruption, Observer, ValidateMode};
    use crate::notes::Notes;
    use crate::stats::{CacheHit, CacheUse, Occasion};
    use crate::tiering::Owner;
    use crate::tuning;
    use crate::{learning, profile};
    use dunlin_baseline::Baseline;
    use dunlin_core::limits::{GUARDED_MEMORY_BYTES, MEMORY_GUARD_BYTES};
    use dunlin_module::{CompiledFunction, Module, Profile, Scratch, StaticTables, Unit, Worker};
    use dunlin_optimize::{Bounds, Optimizer, Polls, Settings};
    use dunlin_vm::counting::Watch;
    use dunlin_vm::native::{CodeImage, CodeLimit, NativeCode, Profiler};
    use dunlin_vm::{Store, StoreConfig};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::thread;

    /// Bytes of a compiling thread's stack. The caller's may be small, and is left alone.
    const STACK_BYTES: usize = 4 << 20;

    /// Bytes of the caller's stack on which compiling is safe where no other thread is to be had.
    const CALLERS_STACK_BYTES_MIN: usize = 2 << 20;

    /// Threads at most.
    const THREADS_MAX: usize = 64;

    /// Units of a module at most: each takes about 60 microseconds, however small it is. What has more
    /// functions and types than any program that we know of is interpreted.
    const UNITS_MAX: usize = 200_000;

    /// Units of work that compiling a module may be, whatever its size: a second or two.
    const WORK_MIN: u64 = 1_000_000;

    /// Units of work that compiling a module may be besides, for each of its bytes. Real programs need
    /// 0.3 to 2.1 (a Python of 26 MB, a Ruby of 33 MB); a hundred thousand empty functions 15.
    const WORK_PER_BYTE: u64 = 4;

    /// Units of work that a way in or out is, each for a type of its own.
    const STUB_WORK: u64 = 60;

    /// Units that a thread takes at a time.
    const RUN: usize = 4;

    /// Functions that a thread looks at at a time.
    const LOOKS: usize = 64;

    /// Units of a module from which on more threads are worth starting.
    const PARALLEL_UNITS_MIN: usize = 16;

    impl Compiler {
        /// The compiler of this configuration, for memories that lie as `strategy` says.
        pub(crate) fn new(config: &Config, strategy: MemoryStrategy) -> Result<Self> {
            if config.tier != Tier::Optimize {
                // It says why not, if it is asked for.
                profile::open(config)?;
            }
            let notes = Arc::<Notes>::default();
            let native = match config.tier {
                Tier::Interp => Native::Never,
                Tier::Auto => Native::Later(Owner::new(config, strategy, notes.clone())),
                Tier::Optimize | Tier::Baseline => {
                    Native::Now(Box::new(NativeCompiler::new(config, strategy)?))
                }
            };
            Ok(Self { native, notes })
        }

        /// The compiler, if modules are compiled when they are made.
        pub(crate) fn native(&self) -> Option<&NativeCompiler> {
            match &self.native {
                Native::Now(native) => Some(native),
                Native::Later(_) | Native::Never => None,
            }
        }

        /// The compiler, whenever it is used; it is made if it is not there.
        pub(crate) fn late_native(&self) -> Option<&NativeCompiler> {
            match &self.native {
                Native::Now(native) => Some(native),
                Native::Later(late) => late.native(),
                Native::Never => None,
            }
        }

        /// Who watches a module, if its functions are compiled when they are worth it.
        pub(crate) fn watch(&self, config: &Config, module: &Module) -> Option<Box<dyn Watch>> {
            match &self.native {
                Native::Later(late) => late.watch(work_max(config, module)),
                Native::Now(_) | Native::Never => None,
            }
        }

        #[inline]
        pub(crate) fn tier(&self) -> Runs {
            match self.native {
                Native::Never => Runs::Interpreter,
                Native::Later(_) => Runs::Later,
                Native::Now(_) => Runs::Native,
            }
        }

        pub(crate) fn create_store(&self, engine: &Engine) -> Store {
            let stack_bytes = engine.config().stack_bytes;
            let poll_page = reads_page(engine.config()) && !matches!(self.native, Native::Never);
            let resources = engine.resources().clone();
            let metered = engine.config().fuel;
            let (heap, relaxed) = (engine.config().heap, engine.config().relaxed());
            let config = StoreConfig { stack_bytes, poll_page, metered, heap, relaxed, resources };
            let mut store = Store::new(engine.types().clone(), config);
            store.set_interpret(dunlin_interp::interpret(engine.metering()));
            store
        }

        /// Processor time that compiling beside guests has taken.
        pub(crate) fn processor_time(&self) -> core::time::Duration {
            match &self.native {
                Native::Later(late) => late.processor_time(),
                Native::Now(_) | Native::Never => core::time::Duration::ZERO,
            }
        }

        /// Makes a module's functions as ready as the configuration asks: validated, compiled, or both
        /// by way of the cache.
        pub(crate) fn make_ready(&self, config: &Config, code: &Arc<ModuleCode>) -> Result<()> {
            let late = match &self.native {
                Native::Now(native) => {
                    let cached = native.cached(config, code);
                    if self.restore(config, native, cached.as_ref(), code)? {
                        return Ok(());
                    }
                    // A function that has code is prepared for the interpreter if that ever runs it.
                    validate_eagerly(config, code, Keep::Nothing)?;
                    return native.make_code(
                        config,
                        (code, &self.notes),
                        Occasion::AtOnce,
                        cores(),
                    );
                }
                Native::Later(late) => late,
                Native::Never => return validate_eagerly(config, code, Keep::Tables),
            };
            if let Some(native) = self.late_native_of_cache(config, code)
                && let Some(cached) = native.cached(config, code)
            {
                if self.restore(config, native, Some(&cached), code)? {
                    return Ok(());
                }
                let from = (&*self.notes, late.limit());
                learning::restore(config, (native, &cached), from, code);
            }
            validate_eagerly(config, code, Keep::Tables)
        }

        /// Gives a module all of its code from the cache; says whether it was there.
        fn restore(
            &self,
            config: &Config,
            native: &NativeCompiler,
            cached: Option<&Cached<'_>>,
            code: &Arc<ModuleCode>,
        ) -> Result<bool> {
            let Some(cached) = cached else { return Ok(false) };
            let begun = self.notes.now();
            if !cached.restore(config, native, code)? {
                self.notes.found(code, CacheUse::Miss);
                return Ok(false);
            }
            let took = self.notes.now().saturating_sub(begun);
            let placed = code.native();
            let functions = placed.map_or(0, |placed| placed.functions() as u64);
            let code_bytes = placed.map_or(0, |placed| placed.bytes_len() as u64);
            let hit = CacheHit { functions, code_bytes, took };
            self.notes.found(code, CacheUse::Whole(hit));
            Ok(true)
        }

        /// Keeps what has been learned of a module in the cache; how many functions are new there.
        pub(crate) fn keep_learned(&self, config: &Config, code: &Arc<ModuleCode>) -> u64 {
            let Native::Later(late) = &self.native else { return 0 };
            // A compiler that is not there is not made for nothing.
            if config.cache.is_none() || !self.notes.has_learned(code) {
                return 0;
            }
            late.native().map_or(0, |native| learning::keep(config, native, &self.notes, code))
        }

        /// The functions of a module that have been found to be hot, and those that wait to be compiled.
        pub(crate) fn hot(&self, code: &Arc<ModuleCode>) -> Vec<u32> {
            let mut hot = self.notes.with(code, |of| of.learned.hot().to_vec());
            if let Native::Later(late) = &self.native {
                hot.extend(late.waiting(code));
            }
            hot
        }

        /// Who bounds the code of parts of modules, if functions are compiled late.
        pub(crate) fn limit(&self) -> Option<&Arc<CodeLimit>> {
            match &self.native {
                Native::Later(late) => Some(late.limit()),
                Native::Now(_) | Native::Never => None,
            }
        }

        /// Gives a module of an engine that compiles late its code; says whether it has some.
        pub(crate) fn optimize(&self, config: &Config, code: &Arc<ModuleCode>) -> Result<bool> {
            if code.native().is_none() {
                let Some(native) = self.late_native() else { return Ok(false) };
                // Guests that run meanwhile have a core of their own.
                let threads = cores().saturating_sub(1).max(1);
                let noted = (code, &*self.notes);
                code.make_native(|| native.make_code(config, noted, Occasion::Asked, threads))?;
            }
            Ok(code.native().is_some())
        }

        /// The compiler of an engine that compiles late, where the cache may have something of it.
        fn late_native_of_cache(
            &self,
            config: &Config,
            code: &ModuleCode,
        ) -> Option<&NativeCompiler> {
            let bytes = code.module().bytes().len() as u64;
            let may_have =
                config.cache.as_ref().is_some_and(|cache| cache.may_have(&name_start(bytes)));
            if may_have { self.late_native() } else { None }
        }
    }

    /// Whether compiled code reads a page to be stopped.
    fn reads_page(config: &Config) -> bool {
        match config.interruption {
            Interruption::Off | Interruption::Flag => false,
            Interruption::Page => true,
            Interruption::Auto => matches!(config.tier, Tier::Optimize | Tier::Baseline),
        }
    }

    /// What code is made for, for memories that lie as `strategy` says.
    pub(crate) fn settings(config: &Config, strategy: MemoryStrategy) -> Settings {
        Settings {
            // All memories that the engine's stores have lie alike, whoever makes them, and modules
            // are never instantiated in stores of another engine.
            bounds: match strategy {
                MemoryStrategy::Guarded => Bounds::Guarded {
                    reserved_bytes: GUARDED_MEMORY_BYTES,
                    guard_bytes: MEMORY_GUARD_BYTES,
                },
                MemoryStrategy::Dense => Bounds::Explicit,
            },
            polls: match config.interruption {
                Interruption::Off => Polls::Off,
                _ if reads_page(config) => Polls::DeadLoad,
                Interruption::Flag | Interruption::Page | Interruption::Auto => Polls::Flag,
            },
            fuel: config.fuel,
            canonical_nans: false,
            relaxed: config.relaxed(),
            // Where every second function is to be another tier's, calls lead there.
            inline: config.mixed.is_none(),
            verify: config.verify_code,
        }
    }

    #[cold]
    fn no_thread() -> Error {
        Error::resource("a thread to compile on is not to be had")
    }

    /// Threads that run at once.
    fn cores() -> usize {
        thread::available_parallelism().map_or(1, usize::from)
    }

    impl NativeCompiler {
        /// The compiler of this configuration, for memories that lie as `strategy` says.
        pub(crate) fn new(config: &Config, strategy: MemoryStrategy) -> Result<Self> {
            if !dunlin_vm::native::is_supported() {
                return Err(Error::usage("native code does not run on this machine"));
            }
            let settings = settings(config, strategy);
            let baseline = match config.tier {
                Tier::Baseline => Some(Baseline::new(settings.clone()).map_err(Error::usage)?),
                _ => None,
            };
            let optimizer = Optimizer::new(settings).map_err(Error::usage)?;
            let identity = Identity::new(&optimizer, config);
            Ok(Self { optimizer, baseline, identity, profiler: profile::open(config)? })
        }

        /// The cache's place for a module's code. What takes no time is not kept.
        pub(crate) fn cached<'c>(
            &'c self,
            config: &'c Config,
            code: &ModuleCode,
        ) -> Option<Cached<'c>> {
            if self.baseline.is_some() { None } else { Cached::new(config, &self.identity, code) }
        }

        /// What makes code.
        pub(crate) fn compiler(&self) -> &dyn dunlin_module::Compiler {
            match &self.baseline {
                Some(baseline) => baseline,
                None => &self.optimizer,
            }
        }

        /// Compiles a module by so many threads, and keeps the code in the cache.
        fn make_code(
            &self,
            config: &Config,
            (code, notes): (&Arc<ModuleCode>, &Notes),
            occasion: Occasion,
            threads: usize,
        ) -> Result<()> {
            let by = (self.tier(), occasion);
            let Some(units) = self.compile_all(config, (code, notes), by, threads)? else {
                return Ok(());
            };
            let native = match self.cached(config, code) {
                Some(cached) => {
                    let image = CodeImage::lay_out(&units).ok_or_else(no_memory)?;
                    cached.store(&image);
                    NativeCode::load(code.module(), image)
                }
                None => NativeCode::load_units(code.module(), &units),
            };
            self.install(code, native.ok_or_else(no_memory)?)
        }

        /// Who is told of code that has been placed.
        pub(crate) fn profiler(&self) -> Option<&Profiler> {
            self.profiler.as_ref()
        }

        /// What makes the code.
        pub(crate) fn optimizer(&self) -> &Optimizer {
            &self.optimizer
        }

        /// Gives a module its code, of which whoever profiles is told first.
        pub(crate) fn install(&self, code: &ModuleCode, native: NativeCode) -> Result<()> {
            profile::tell(self.profiler.as_ref(), code.module(), native.placed())?;
            code.set_native(native);
            Ok(())
        }

        /// Compiles a module, its units in order; `None` leaves one of too many units to the interpreter, or all if
        /// there is no thread for the work.
        fn compile_all(
            &self,
            config: &Config,
            (code, notes): (&Arc<ModuleCode>, &Notes),
            by: (Tier, Occasion),
            threads: usize,
        ) -> Result<Option<Vec<(Unit, CompiledFunction)>>> {
            // A look at the whole module takes a tenth of what compiling it in one pass does.
            let is_large = code.module().bytes().len() > tuning::STATIC_TABLES_MODULE_BYTES_MAX;
            let tables = if self.baseline.is_some() && is_large {
                StaticTables::default()
            } else {
                StaticTables::of(code.module())
            };
            let mut units = Unit::all_of(code.module(), !tables.is_empty());
            if units.len() > UNITS_MAX {
                return Ok(None);
            }
            let threads = match units.len() {
                count if count < PARALLEL_UNITS_MIN => 1,
                _ => threads.min(THREADS_MAX),
            };
            let Some(left) =
                work_max(config, code.module()).checked_sub(work_of_stubs(code, &units))
            else {
                return Ok(None);
            };
            self.leave_out(code, &mut units, left, threads);
            let work = self.work(config, (code, notes), by, (&units, &tables));
            let Some(mut compiled) = work.run_all(threads)? else { return Ok(None) };
            // Functions that lie together in the module lie together in memory.
            compiled.sort_unstable_by_key(|(unit, _)| *unit);
            Ok(Some(compiled))
        }
    }

    impl NativeCompiler {
        /// The tier whose code it makes.
        fn tier(&self) -> Tier {
            if self.baseline.is_some() { Tier::Baseline } else { Tier::Optimize }
        }

        fn work<'m>(
            &'m self,
            config: &'m Config,
            (code, notes): (&'m Arc<ModuleCode>, &'m Notes),
            by: (Tier, Occasion),
            (units, tables): (&'m [Unit], &'m StaticTables),
        ) -> Work<'m> {
            Work {
                compiler: self.compiler(),
                verifies: config.verify_code || cfg!(debug_assertions),
                mixed: config.mixed,
                // Bodies have been pinned, so that they are what they were.
                is_validated: config.validate == ValidateMode::Eager && by.1 == Occasion::AtOnce,
                code,
                notes,
                by,
                tables,
                profile: None,
                units,
                next: AtomicUsize::new(0),
                observer: config.observer.as_ref(),
                total: units.iter().map(|unit| body_bytes(code, *unit)).sum(),
                done: AtomicU64::new(0),
            }
        }

        /// Compiles some functions of a module, with the ways in and out that they need.
        pub(crate) fn compile_part(
            &self,
            config: &Config,
            (code, notes): (&Arc<ModuleCode>, &Notes),
            (functions, profile): (&[u32], &dyn Profile),
        ) -> Result<CodeImage<'static>> {
            let tables = StaticTables::default();
            let mut units: Vec<Unit> = functions.iter().map(|func| Unit::Func(*func)).collect();
            let threads = cores().min(THREADS_MAX);
            self.leave_out(code, &mut units, work_max(config, code.module()), threads);
            // What does not fit is not in it.
            units.retain(|unit| matches!(unit, Unit::Func(_)));
            let by = (self.tier(), Occasion::Asked);
            let mut work = self.work(config, (code, notes), by, (&units, &tables));
            work.profile = Some(profile);
            let compiled = work.run_all(threads)?.ok_or_else(no_thread)?;
            let mut units = compiled.into_iter().collect();
            let nothing = learning::Has::of(None);
            let complete = || {
                let mut worker = self.compiler().worker(code.module(), &tables);
                learning::complete(&mut units, code.module(), &nothing, &mut *worker)
            };
            let is_complete = learning::on_a_thread(complete).flatten();
            is_complete.ok_or_else(|| Error::bug("a way in or out could not be compiled"))?;
            let units: Vec<(Unit, CompiledFunction)> = units.into_iter().collect();
            CodeImage::lay_out_part(&units).ok_or_else(no_memory)
        }

        /// Makes ways out of the functions for which not enough is left of so many units of work.
        fn leave_out(&self, code: &ModuleCode, units: &mut [Unit], left: u64, threads: usize) {
            let work: Vec<AtomicU64> = units.iter().map(|_| AtomicU64::new(0)).collect();
            let next = AtomicUsize::new(0);
            let look = || {
                loop {
                    let start = next.fetch_add(LOOKS, Ordering::Relaxed);
                    let end = units.len().min(start + LOOKS);
                    for at in start..end {
                        if let Unit::Func(func) = units[at] {
                            let units = self.compiler().work(code.module(), func);
                            work[at].store(units, Ordering::Relaxed);
                        }
                    }
                    if end == units.len() {
                        return;
                    }
                }
            };
            let threads = threads.min(units.len().div_ceil(LOOKS));
            thread::scope(|scope| {
                for _ in 1..threads {
                    // One thread is enough, whatever becomes of the others.
                    drop(thread::Builder::new().spawn_scoped(scope, look));
                }
                look();
            });
            let mut left = left;
            for (unit, work) in units.iter_mut().zip(work) {
                let Unit::Func(func) = *unit else { continue };
                match left.checked_sub(work.into_inner()) {
                    Some(rest) => left = rest,
                    None => *unit = Unit::LeaveFunc(func),
                }
            }
        }
    }

    /// Units of work that compiling a module may be.
    fn work_max(config: &Config, module: &Module) -> u64 {
        let by_size = module.bytes().len() as u64 * WORK_PER_BYTE + WORK_MIN;
        config.compile_work_max.unwrap_or(by_size)
    }

    /// Work of the ways in and out, if every type is one of its own.
    fn work_of_stubs(code: &ModuleCode, units: &[Unit]) -> u64 {
        let module = code.module();
        let of_types =
            units.iter().filter(|unit| matches!(unit, Unit::Enter(_) | Unit::LeaveRef(_)));
        let ways_out = module.types().len().min(module.func_count() as usize);
        (of_types.count() + ways_out) as u64 * STUB_WORK
    }

    /// Bytes of a function's body; other units have none.
    fn body_bytes(code: &ModuleCode, unit: Unit) -> u64 {
        match unit {
            Unit::Func(func) => {
                code.module().body_range(func).map_or(0, |range| range.len() as u64)
            }
            _ => 0,
        }
    }

    struct Work<'m> {
        compiler: &'m dyn dunlin_module::Compiler,
        /// Whether a defect of the compiler must show.
        verifies: bool,
        /// Which functions are compiled, by the bits of their indices, for tests.
        mixed: Option<u64>,
        /// Whether all functions have been found to be valid.
        is_validated: bool,
        code: &'m Arc<ModuleCode>,
        notes: &'m Notes,
        /// Who compiles, and when.
        by: (Tier, Occasion),
        tables: &'m StaticTables,
        /// How the module has run, if that is to guide the compiler.
        profile: Option<&'m dyn Profile>,
        units: &'m [Unit],
        next: AtomicUsize,
        observer: Option<&'m Observer>,
        total: u64,
        done: AtomicU64,
    }

    impl Work<'_> {
        /// Compiles all units, by as many threads as are to be had; `None` if there is none, and the
        /// caller's stack is too small to do so there.
        fn run_all(&self, threads: usize) -> Result<Option<Vec<(Unit, CompiledFunction)>>> {
            thread::scope(|scope| {
                let start = |_| {
                    let thread = thread::Builder::new().stack_size(STACK_BYTES);
                    thread.spawn_scoped(scope, || self.run()).ok()
                };
                let others: Vec<_> = (0..threads).map_while(start).collect();
                if others.is_empty() {
                    let fits = dunlin_vm::native::stack_left() >= CALLERS_STACK_BYTES_MIN;
                    return if fits { self.run().map(Some) } else { Ok(None) };
                }
                let mut compiled = Vec::new();
                for other in others {
                    let more =
                        other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                    compiled.extend(more?);
                }
                Ok(Some(compiled))
            })
        }

        /// Takes runs of units until there are none.
        fn run(&self) -> Result<Vec<(Unit, CompiledFunction)>> {
            let mut worker = self.worker();
            let mut scratch = Scratch::default();
            let mut compiled = Vec::new();
            loop {
                let start = self.next.fetch_add(RUN, Ordering::Relaxed);
                if start >= self.units.len() {
                    return Ok(compiled);
                }
                let run = &self.units[start..self.units.len().min(start + RUN)];
                for unit in run {
                    compiled.push(self.compile(*unit, &mut worker, &mut scratch)?);
                }
                self.report(run);
            }
        }

        /// Tells whoever wants to know how far it all is.
        fn report(&self, run: &[Unit]) {
            let Some(observer) = self.observer else { return };
            let bytes: u64 = run.iter().map(|unit| body_bytes(self.code, *unit)).sum();
            if bytes > 0 {
                let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
                (observer.0)(CompileProgress { done, total: self.total });
            }
        }

        fn compile<'m>(
            &'m self,
            unit: Unit,
            worker: &mut Box<dyn Worker + 'm>,
            scratch: &mut Scratch,
        ) -> Result<(Unit, CompiledFunction)> {
            let Unit::Func(func) = unit else {
                return Ok((unit, worker.compile(unit).map_err(Error::bug)?));
            };
            let is_wanted = self.mixed.is_none_or(|bits| bits >> (func % 64) & 1 == 1);
            let is_valid = self.is_validated || self.code.module().validate(func, scratch).is_ok();
            if is_wanted
                && is_valid
                && let Some(compiled) = self.try_compile(unit, worker)
            {
                return Ok((unit, compiled));
            }
            let way_out = Unit::LeaveFunc(func);
            Ok((way_out, worker.compile(way_out).map_err(Error::bug)?))
        }

        /// Compiles a function, if the compiler takes it. A defect of the compiler must not end the host
        /// where an interpreter is at hand; tests of the engine want to see it.
        fn try_compile<'m>(
            &'m self,
            unit: Unit,
            worker: &mut Box<dyn Worker + 'm>,
        ) -> Option<CompiledFunction> {
            let Unit::Func(func) = unit else { return None };
            let mut compile =
                || self.notes.compile(self.code, self.by, unit, || worker.compile(unit));
            if self.verifies {
                return compile().ok();
            }
            let compile = AssertUnwindSafe(compile);
            if let Ok(compiled) = catch_unwind(compile) {
                return compiled.ok();
            }
            self.notes.refuse(self.code, self.by, func, "the compiler has failed");
            // What a panic left behind is not used again.
            *worker = self.worker();
            None
        }

        fn worker(&self) -> Box<dyn Worker + '_> {
            let (module, tables) = (self.code.module(), self.tables);
            match self.profile {
                Some(profile) => self.compiler.guided_worker(module, tables, profile),
                None => self.compiler.worker(module, tables),
            }
        }
    }
}
