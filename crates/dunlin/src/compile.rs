//! The tier that an engine runs: the interpreter, or compiled code where the configuration asks for it.
//!
//! With the optimising tier a module's units are all compiled when the module is made, by as many
//! threads as there are cores; modules of very many are interpreted. A function that the compiler
//! refuses, or whose body is not valid while validation is lazy, becomes a way out of compiled code: the
//! interpreter runs it, or says why not.

use crate::config::{Config, Tier};
use crate::engine::Engine;
use crate::error::{Error, Result};
use dunlin_interp::Metering;
use dunlin_vm::{Failure, MemoryStrategy, ModuleCode, Store};

/// What makes an engine's code, if anything.
#[derive(Default)]
pub(crate) struct Compiler {
    #[cfg(feature = "optimize")]
    optimizer: Option<dunlin_optimize::Optimizer>,
    /// Whether its defects are to be seen.
    #[cfg(feature = "optimize")]
    verifies: bool,
}

/// Who is called.
#[derive(Clone, Copy)]
pub(crate) enum Runs {
    /// The interpreter.
    Interpreter,
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
            #[cfg(feature = "optimize")]
            Self::Native => dunlin_vm::native::call(store, func, slots),
        }
    }
}

#[cfg(not(feature = "optimize"))]
impl Compiler {
    /// The compiler of this configuration.
    pub(crate) fn new(config: &Config, _strategy: MemoryStrategy) -> Result<Self> {
        if config.tier == Tier::Optimize {
            return Err(Error::usage(
                "the optimising tier is not built in: it needs the feature `optimize`",
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
        let config = dunlin_vm::StoreConfig { stack_bytes, poll_page: false, resources };
        Store::new(engine.types().clone(), config)
    }

    #[allow(clippy::unused_self, reason = "the same shape as with a compiler")]
    #[allow(clippy::unnecessary_wraps, reason = "the same shape as with a compiler")]
    pub(crate) fn compile_all(&self, _code: &ModuleCode) -> Result<()> {
        Ok(())
    }
}

#[cfg(feature = "optimize")]
mod native {
    use super::{
        Compiler, Config, Engine, Error, MemoryStrategy, Metering, ModuleCode, Result, Runs, Tier,
    };
    use crate::config::Interruption;
    use dunlin_core::limits::{GUARDED_MEMORY_BYTES, MEMORY_GUARD_BYTES};
    use dunlin_module::{CompiledFunction, Compiler as _, Scratch, Unit, Worker};
    use dunlin_optimize::{Bounds, Optimizer, Polls, Settings};
    use dunlin_vm::native::NativeCode;
    use dunlin_vm::{Failure, Store, StoreConfig};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    /// Bytes of a compiling thread's stack. The caller's may be small, and is left alone.
    const STACK_BYTES: usize = 4 << 20;

    /// Threads at most.
    const THREADS_MAX: usize = 64;

    /// Units of a module at most: each takes about 60 microseconds, however small it is. What has more
    /// functions and types than any program that we know of is interpreted.
    const UNITS_MAX: usize = 200_000;

    /// Units that a thread takes at a time.
    const RUN: usize = 4;

    /// Units of a module from which on more threads are worth starting.
    const PARALLEL_UNITS_MIN: usize = 16;

    impl Compiler {
        /// The compiler of this configuration, for memories that lie as `strategy` says.
        pub(crate) fn new(config: &Config, strategy: MemoryStrategy) -> Result<Self> {
            if config.tier != Tier::Optimize {
                return Ok(Self::default());
            }
            if !dunlin_vm::native::is_supported() {
                return Err(Error::usage("native code does not run on this machine"));
            }
            let settings = Settings {
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
                    Interruption::Flag => Polls::Flag,
                    Interruption::Page => Polls::DeadLoad,
                },
                fuel: config.fuel,
                canonical_nans: false,
                verify: config.verify_code,
            };
            let optimizer = Optimizer::new(settings).map_err(Error::usage)?;
            Ok(Self { optimizer: Some(optimizer), verifies: config.verify_code })
        }

        #[inline]
        pub(crate) fn tier(&self) -> Runs {
            if self.optimizer.is_some() { Runs::Native } else { Runs::Interpreter }
        }

        pub(crate) fn create_store(&self, engine: &Engine) -> Store {
            let stack_bytes = engine.config().stack_bytes;
            let by_page = engine.config().interruption == Interruption::Page;
            let poll_page = by_page && self.optimizer.is_some();
            let resources = engine.resources().clone();
            let config = StoreConfig { stack_bytes, poll_page, resources };
            let mut store = Store::new(engine.types().clone(), config);
            store.set_interpret(match engine.metering() {
                Metering::Off => interpret,
                Metering::Fuel => interpret_metered,
            });
            store
        }

        /// Compiles a module, if this is what the engine does.
        pub(crate) fn compile_all(&self, code: &ModuleCode) -> Result<()> {
            let Some(optimizer) = &self.optimizer else { return Ok(()) };
            let units = units(code);
            if units.len() > UNITS_MAX {
                return Ok(());
            }
            let threads = match units.len() {
                count if count < PARALLEL_UNITS_MIN => 1,
                _ => thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX),
            };
            let verifies = self.verifies || cfg!(debug_assertions);
            let work = Work { optimizer, verifies, code, units: &units, next: AtomicUsize::new(0) };
            let mut compiled = work.run_all(threads)?;
            // Functions that lie together in the module lie together in memory.
            compiled.sort_unstable_by_key(|(unit, _)| *unit);
            let native = NativeCode::link(code.module(), &compiled);
            code.set_native(native.ok_or_else(|| {
                Error::resource("memory for the module's machine code is not to be had")
            })?);
            Ok(())
        }
    }

    fn interpret(
        store: &mut Store,
        func: u32,
        slots: &mut [u64],
    ) -> core::result::Result<(), Failure> {
        dunlin_interp::call(store, func, slots, Metering::Off)
    }

    fn interpret_metered(
        store: &mut Store,
        func: u32,
        slots: &mut [u64],
    ) -> core::result::Result<(), Failure> {
        dunlin_interp::call(store, func, slots, Metering::Fuel)
    }

    /// All units of a module.
    fn units(code: &ModuleCode) -> Vec<Unit> {
        let module = code.module();
        let imports = module.func_imports();
        let ways_out = (0..imports).map(Unit::LeaveFunc);
        let functions = (imports..module.func_count()).map(Unit::Func);
        // Whoever is called from outside has the type of a function; by reference it is called through
        // a table.
        let mut is_entered = vec![false; module.types().len()];
        for func in imports..module.func_count() {
            is_entered[module.func_type_index(func) as usize] = true;
        }
        let entered = (0..).zip(is_entered).filter_map(|(ty, is)| is.then_some(Unit::Enter(ty)));
        let has_tables = module.table_imports() + module.tables().len() > 0;
        let referred = if has_tables { module.types().len() as u32 } else { 0 };
        let referred = (0..referred).map(Unit::LeaveRef);
        ways_out.chain(functions).chain(entered).chain(referred).collect()
    }

    struct Work<'m> {
        optimizer: &'m Optimizer,
        verifies: bool,
        code: &'m ModuleCode,
        units: &'m [Unit],
        next: AtomicUsize,
    }

    impl Work<'_> {
        /// Compiles all units, by as many threads as are to be had.
        fn run_all(&self, threads: usize) -> Result<Vec<(Unit, CompiledFunction)>> {
            thread::scope(|scope| {
                let start = |_| {
                    let thread = thread::Builder::new().stack_size(STACK_BYTES);
                    thread.spawn_scoped(scope, || self.run()).ok()
                };
                let others: Vec<_> = (0..threads).map_while(start).collect();
                let mut compiled = if others.is_empty() { self.run()? } else { Vec::new() };
                for other in others {
                    let more =
                        other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                    compiled.extend(more?);
                }
                Ok(compiled)
            })
        }

        /// Takes runs of units until there are none.
        fn run(&self) -> Result<Vec<(Unit, CompiledFunction)>> {
            let mut worker = self.optimizer.worker(self.code.module());
            let mut scratch = Scratch::default();
            let mut compiled = Vec::new();
            loop {
                let start = self.next.fetch_add(RUN, Ordering::Relaxed);
                if start >= self.units.len() {
                    return Ok(compiled);
                }
                for unit in &self.units[start..self.units.len().min(start + RUN)] {
                    compiled.push(self.compile(*unit, &mut worker, &mut scratch)?);
                }
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
            let is_valid = self.code.prepare_with(func, scratch).is_ok();
            if is_valid && let Some(compiled) = self.try_compile(unit, worker) {
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
            if self.verifies {
                return worker.compile(unit).ok();
            }
            let compile = AssertUnwindSafe(|| worker.compile(unit));
            if let Ok(compiled) = catch_unwind(compile) {
                return compiled.ok();
            }
            // What a panic left behind is not used again.
            *worker = self.optimizer.worker(self.code.module());
            None
        }
    }
}
