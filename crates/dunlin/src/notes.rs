//! What an engine knows of its modules' code besides the code: what was compiled when ([`crate::stats`]), and which
//! functions were worth it ([`crate::learning`]).
//!
//! Modules are told apart by the addresses of their code, which is not used again while a weak reference to it is
//! here. Nothing is here of modules of which nothing has been compiled, and what is of modules that are gone is
//! forgotten when there are twice as many as there were.

use crate::config::Tier;
use crate::learning::{Learned, UNKEPT_BYTES_MAX};
use crate::stats::{
    CacheUse, CodeMemory, CompileStats, FUNCTION_STATS_MAX, FunctionStats, ModuleStats, Occasion,
};
use dunlin_module::{CompileError, CompiledFunction, Unit};
use dunlin_vm::ModuleCode;
use dunlin_vm::native::CodeLimit;
use dunlin_vm::sync::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Modules from which on those that are gone are looked for.
const MODULES_MIN: usize = 64;

/// The share of the limit of code that is to be free after some has been dropped, so that it is not searched for at each
/// function.
const ROOM_SHARE: usize = 8;

/// The notes of an engine.
pub(crate) struct Notes {
    begun: Instant,
    modules: Mutex<Modules>,
}

#[derive(Default)]
struct Modules {
    by_address: BTreeMap<usize, OfModule>,
    /// At how many those that are gone are looked for.
    full: usize,
    /// Functions that are kept by themselves.
    single: usize,
    /// Bytes of code that has been learned and is not in the cache yet.
    unkept_bytes: usize,
}

/// What is known of a module.
pub(crate) struct OfModule {
    pub(crate) code: Weak<ModuleCode>,
    pub(crate) stats: ModuleStats,
    pub(crate) learned: Learned,
}

impl Default for Notes {
    fn default() -> Self {
        Self { begun: Instant::now(), modules: Mutex::default() }
    }
}

impl Notes {
    /// Has a function compiled, or the way into a loop of one, and notes what became of it.
    ///
    /// # Errors
    ///
    /// Those of `compile`.
    pub(crate) fn compile(
        &self,
        code: &Arc<ModuleCode>,
        by: (Tier, Occasion),
        unit: Unit,
        compile: impl FnOnce() -> Result<CompiledFunction, CompileError>,
    ) -> Result<CompiledFunction, CompileError> {
        let begun = self.begun.elapsed();
        let compiled = compile();
        let times = [begun, self.begun.elapsed().saturating_sub(begun)];
        let noted = FunctionStats::new(code, unit, by, times, compiled.as_ref());
        let mut modules = self.modules.lock();
        let keep = modules.single < FUNCTION_STATS_MAX;
        modules.single += usize::from(keep);
        modules.of(code).stats.note(noted, keep);
        compiled
    }

    /// Notes a function that nobody has tried to compile.
    pub(crate) fn refuse(
        &self,
        code: &Arc<ModuleCode>,
        by: (Tier, Occasion),
        func: u32,
        why: &str,
    ) {
        let _ = self.compile(code, by, Unit::Func(func), || Err(CompileError::new(why)));
    }

    /// Notes what the cache had.
    pub(crate) fn found(&self, code: &Arc<ModuleCode>, found: CacheUse) {
        self.modules.lock().of(code).stats.cache = found;
    }

    /// What has been noted of a module.
    pub(crate) fn stats(&self, code: &Arc<ModuleCode>) -> CompileStats {
        // What nobody uses any more is not counted.
        code.reclaim();
        let memory = CodeMemory { bytes: code.code_memory(), freed: code.code_freed() };
        let modules = self.modules.lock();
        match modules.by_address.get(&address(code)) {
            Some(of) => of.stats.show(memory),
            None => ModuleStats::default().show(memory),
        }
    }

    /// Looks at what has been learned of a module, or adds to it.
    pub(crate) fn with<R>(&self, code: &Arc<ModuleCode>, f: impl FnOnce(&mut OfModule) -> R) -> R {
        f(self.modules.lock().of(code))
    }

    /// Takes note of a function that is hot, with its code and what came with it if that is to be kept.
    pub(crate) fn learn(
        &self,
        code: &Arc<ModuleCode>,
        units: Vec<(Unit, CompiledFunction)>,
        is_to_be_kept: bool,
    ) {
        let mut modules = self.modules.lock();
        modules.of(code).learned.add_hot(&units);
        if is_to_be_kept && modules.unkept_bytes < UNKEPT_BYTES_MAX {
            modules.keep(code, units);
        }
    }

    /// Takes note that code has been added that is not to be kept.
    pub(crate) fn grow(&self, code: &Arc<ModuleCode>) {
        self.modules.lock().of(code).learned.grow();
    }

    /// Takes the code that is to be kept.
    pub(crate) fn take_learned(&self, code: &Arc<ModuleCode>) -> BTreeMap<Unit, CompiledFunction> {
        let mut modules = self.modules.lock();
        let learned = &mut modules.of(code).learned;
        let bytes = learned.bytes();
        let taken = learned.take();
        modules.unkept_bytes -= bytes;
        taken
    }

    /// Gives back code that has been taken.
    pub(crate) fn put_back(&self, code: &Arc<ModuleCode>, units: BTreeMap<Unit, CompiledFunction>) {
        self.modules.lock().keep(code, units);
    }

    /// The modules of which something has been learned that is not kept yet, and since when.
    pub(crate) fn unkept(&self) -> Vec<(Arc<ModuleCode>, Instant)> {
        let modules = self.modules.lock();
        let unkept = |of: &OfModule| Some((of.code.upgrade()?, of.learned.unkept_since()?));
        modules.by_address.values().filter_map(unkept).collect()
    }

    /// Whether something has been learned of a module that has not been kept.
    pub(crate) fn has_learned(&self, code: &Arc<ModuleCode>) -> bool {
        self.with(code, |of| of.learned.unkept_since().is_some())
    }

    /// Drops code of modules that nobody runs, that which has not grown for longest first, until a share of the limit is
    /// free; whether any has gone. `wants` is the module that more code is for.
    pub(crate) fn make_room(&self, limit: &CodeLimit, wants: &Arc<ModuleCode>) -> bool {
        let mut modules: Vec<(Instant, Arc<ModuleCode>)> = {
            let modules = self.modules.lock();
            let coldest = |of: &OfModule| Some((of.learned.grown()?, of.code.upgrade()?));
            modules.by_address.values().filter_map(coldest).collect()
        };
        modules.sort_by_key(|(grown, _)| *grown);
        let wanted = limit.most() / ROOM_SHARE;
        let mut has_gone = false;
        for (_, code) in modules {
            if limit.left() >= wanted {
                break;
            }
            if !Arc::ptr_eq(&code, wants) && code.drop_code() {
                has_gone = true;
                self.with(&code, |of| {
                    of.learned.forget();
                    of.stats.dropped += 1;
                });
            }
        }
        has_gone
    }

    /// How long the engine has been there.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

fn address(code: &Arc<ModuleCode>) -> usize {
    Arc::as_ptr(code) as usize
}

impl Modules {
    fn keep(
        &mut self,
        code: &Arc<ModuleCode>,
        units: impl IntoIterator<Item = (Unit, CompiledFunction)>,
    ) {
        let learned = &mut self.of(code).learned;
        let before = learned.bytes();
        learned.add(units);
        let after = learned.bytes();
        self.unkept_bytes = self.unkept_bytes + after - before;
    }

    fn of(&mut self, code: &Arc<ModuleCode>) -> &mut OfModule {
        if self.by_address.len() >= self.full && !self.by_address.contains_key(&address(code)) {
            self.by_address.retain(|_, of| of.code.strong_count() > 0);
            self.full = MODULES_MIN.max(2 * self.by_address.len());
            self.single = self.by_address.values().map(|of| of.stats.single()).sum();
            self.unkept_bytes = self.by_address.values().map(|of| of.learned.bytes()).sum();
        }
        self.by_address.entry(address(code)).or_insert_with(|| OfModule {
            code: Arc::downgrade(code),
            stats: ModuleStats::default(),
            learned: Learned::default(),
        })
    }
}
