//! Learning once: the code of functions that a run found to be executed often is kept in the cache, as a *part* of the
//! module's code, and the next run of the same module begins with it.
//!
//! 1. What is compiled beside a guest is collected ([`Learned`]), if there is a cache, up to a bound.
//! 2. When there has been nothing more to compile for a while, or the embedder says so
//!    ([`Module::keep_learned`](crate::Module::keep_learned)), it is joined with what the entry holds by then,
//!    completed by the ways in and out that it needs, and put in the entry's place at once ([`keep`]).
//! 3. A module that finds an entry begins with its functions compiled ([`restore`]). What else gets hot is compiled as
//!    ever, and joins the entry.
//!
//! Other processes may do the same at any time. Each writes a whole entry, of what it has read and found; the last one
//! wins, and what an earlier one has found meanwhile is found again by a later run.

use crate::artifact::Cached;
use crate::compile::NativeCompiler;
use crate::config::{Config, TierUp};
use crate::notes::Notes;
use crate::stats::{CacheHit, CacheUse};
use crate::{profile, tuning};
use dunlin_module::{CompiledFunction, Module, StaticTables, Unit, Worker};
use dunlin_vm::ModuleCode;
use dunlin_vm::native::{CodeImage, CodeLimit};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Bytes of code that an engine's modules may have learned and not kept yet. What comes then is learned by another run.
pub(crate) const UNKEPT_BYTES_MAX: usize = 64 << 20;

/// Bytes of code of an entry at most: many times what programs execute often. What does not fit beside the rest takes its
/// place.
const ENTRY_CODE_BYTES_MAX: usize = 16 << 20;

/// The share of an entry's code that what is new must be, or the entry stays: writing it all takes longer than compiling
/// the rest once more.
const NEW_SHARE_MIN: usize = 16;

/// Units by name, with their code.
type Units = BTreeMap<Unit, CompiledFunction>;

/// What has been learned of a module.
#[derive(Default)]
pub(crate) struct Learned {
    /// Functions that are executed often, in the order in which they were found to be.
    hot: Vec<u32>,
    is_hot: BTreeSet<u32>,
    /// Code that is not kept yet.
    fresh: Units,
    bytes: usize,
    since: Option<Instant>,
    /// When code was last added to the module.
    grown: Option<Instant>,
}

impl Learned {
    /// The functions that were hot in earlier runs.
    pub(crate) fn begin_with(&mut self, hot: Vec<u32>) {
        self.grown = Some(Instant::now());
        for func in hot {
            self.note_hot(func);
        }
    }

    /// Code has been added to the module.
    pub(crate) fn grow(&mut self) {
        self.grown = Some(Instant::now());
    }

    /// Takes note of functions that have been compiled because they are hot.
    pub(crate) fn add_hot(&mut self, units: &[(Unit, CompiledFunction)]) {
        self.grown = Some(Instant::now());
        for (unit, _) in units {
            if let Unit::Func(func) = unit {
                self.note_hot(*func);
            }
        }
    }

    /// A function may be compiled more than once.
    fn note_hot(&mut self, func: u32) {
        if self.is_hot.insert(func) {
            self.hot.push(func);
        }
    }

    /// Takes code that is to be kept.
    pub(crate) fn add(&mut self, units: impl IntoIterator<Item = (Unit, CompiledFunction)>) {
        for (unit, compiled) in units {
            self.bytes += bytes_of(&compiled);
            if let Some(before) = self.fresh.insert(unit, compiled) {
                self.bytes -= bytes_of(&before);
            }
        }
        self.since.get_or_insert_with(Instant::now);
    }

    /// Takes the code that is to be kept.
    pub(crate) fn take(&mut self) -> Units {
        self.bytes = 0;
        self.since = None;
        core::mem::take(&mut self.fresh)
    }

    /// When code was last added to the module, unless it has none.
    pub(crate) fn grown(&self) -> Option<Instant> {
        self.grown
    }

    /// The module's code is gone.
    pub(crate) fn forget(&mut self) {
        self.grown = None;
    }

    /// The functions that are hot.
    pub(crate) fn hot(&self) -> &[u32] {
        &self.hot
    }

    /// Since when there is something to be kept.
    pub(crate) fn unkept_since(&self) -> Option<Instant> {
        self.since
    }

    /// Bytes of what is to be kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Bytes of memory that a unit takes, about.
fn bytes_of(compiled: &CompiledFunction) -> usize {
    compiled.code.len() + size_of_val(&*compiled.source) + size_of_val(&*compiled.relocations)
}

/// Whether parts are kept and used with this configuration.
fn is_on(config: &Config) -> bool {
    config.tier_up != TierUp::Never && config.mixed.is_none() && config.cache.is_some()
}

/// Gives a module the code of its cached part, if there is one.
pub(crate) fn restore(
    config: &Config,
    (native, cached): (&NativeCompiler, &Cached<'_>),
    (notes, limit): (&Notes, &Arc<CodeLimit>),
    code: &Arc<ModuleCode>,
) {
    let begun = notes.now();
    if !is_on(config) {
        return;
    }
    let entry = cached.part_bytes();
    let Some(image) = entry.as_ref().and_then(|entry| cached.part(entry, code)) else {
        return notes.found(code, CacheUse::Miss);
    };
    let functions: Vec<u32> = functions(&image).collect();
    let code_bytes = image.code.len() as u64;
    if !place(native, code, (notes, limit), image) {
        return notes.found(code, CacheUse::Miss);
    }
    let took = notes.now().saturating_sub(begun);
    let hit = CacheHit { functions: functions.len() as u64, code_bytes, took };
    notes.found(code, CacheUse::Part(hit));
    notes.with(code, |of| of.learned.begin_with(functions));
}

/// Adds a part to a module's code; `false` if there is no memory for it.
pub(crate) fn place(
    native: &NativeCompiler,
    code: &Arc<ModuleCode>,
    (notes, limit): (&Notes, &Arc<CodeLimit>),
    image: CodeImage<'_>,
) -> bool {
    let add = |image| {
        code.add_part(limit, image, |placed| {
            // A profile that cannot be written is no reason to be slow.
            let _ = profile::tell(native.profiler(), code.module(), placed);
        })
    };
    add(image.clone()) || notes.make_room(limit, code) && add(image)
}

/// The functions of which an image has code.
pub(crate) fn functions(image: &CodeImage<'_>) -> impl Iterator<Item = u32> {
    image.units.iter().filter_map(|(.., unit)| match unit {
        Unit::Func(func) => Some(*func),
        _ => None,
    })
}

/// Keeps what has been learned of a module in the cache, if that is worth it; how many functions are new there.
pub(crate) fn keep(
    config: &Config,
    native: &NativeCompiler,
    notes: &Notes,
    code: &Arc<ModuleCode>,
) -> u64 {
    if !is_on(config) {
        return 0;
    }
    let fresh = notes.take_learned(code);
    if fresh.is_empty() {
        return 0;
    }
    let Some(cached) = native.cached(config, code) else { return 0 };
    let entry = cached.part_bytes();
    let entry = entry.as_ref().and_then(|entry| cached.part(entry, code));
    let more: usize = fresh.values().map(|unit| unit.code.len()).sum();
    let entry = entry.filter(|entry| entry.code.len() + more <= ENTRY_CODE_BYTES_MAX);
    let fresh = match Fresh::of(fresh, entry.as_ref()) {
        Ok(fresh) => fresh,
        Err(too_little) => {
            notes.put_back(code, too_little);
            return 0;
        }
    };
    let kept = fresh.functions;
    let joined = on_a_thread(|| fresh.join(native, code, entry)).flatten();
    let Some(joined) = joined.filter(|joined| joined.code.len() <= ENTRY_CODE_BYTES_MAX) else {
        return 0;
    };
    cached.store_part(&joined);
    notes.with(code, |of| of.stats.kept += kept);
    kept
}

/// What is new to an entry.
struct Fresh {
    units: Units,
    functions: u64,
}

impl Fresh {
    /// What an entry has not; all of it again if that is too little to write the entry anew.
    fn of(mut units: Units, entry: Option<&CodeImage<'_>>) -> Result<Self, Units> {
        let has = Has::of(entry);
        units.retain(|unit, _| !has.has(*unit));
        let is_func = |unit: &&Unit| matches!(unit, Unit::Func(_));
        let functions = units.keys().filter(is_func).count() as u64;
        let bytes: usize = units.values().map(|unit| unit.code.len()).sum();
        let before = entry.map_or(0, |entry| entry.code.len());
        if functions > 0 && bytes < before / NEW_SHARE_MIN {
            Err(units)
        } else {
            Ok(Self { units, functions })
        }
    }

    /// An entry's image and this; `None` if there is nothing new, or it cannot be completed.
    fn join(
        mut self,
        native: &NativeCompiler,
        code: &Arc<ModuleCode>,
        entry: Option<CodeImage<'_>>,
    ) -> Option<CodeImage<'static>> {
        if self.functions == 0 {
            return None;
        }
        let tables = StaticTables::default();
        let module = code.module();
        let mut worker = native.compiler().guided_worker(module, &tables, &**code);
        without_tables(&mut self.units, &mut *worker)?;
        complete(&mut self.units, module, &Has::of(entry.as_ref()), &mut *worker)?;
        let units: Vec<(Unit, CompiledFunction)> = self.units.into_iter().collect();
        let fresh = CodeImage::lay_out_part(&units)?;
        match entry {
            Some(entry) => Some(entry.join(&fresh)?.into_owned()),
            None => Some(fresh.into_owned()),
        }
    }
}

/// Compiles again what calls through tables that never change: no part that is kept has those, nor the ways out that
/// only they need.
fn without_tables(units: &mut Units, worker: &mut dyn Worker) -> Option<()> {
    for (unit, compiled) in units.iter_mut() {
        if compiled.needs.contains(&Unit::Tables) {
            *compiled = worker.compile(*unit).ok()?;
        }
    }
    let needed: BTreeSet<Unit> =
        units.values().flat_map(|compiled| compiled.needs.iter().copied()).collect();
    units.retain(|unit, _| match unit {
        Unit::Func(_) | Unit::Enter(_) => true,
        Unit::LeaveFunc(_) | Unit::LeaveRef(_) => needed.contains(unit),
        Unit::Tables | Unit::Loop(..) => false,
    });
    Some(())
}

/// The units of an image.
pub(crate) struct Has(BTreeSet<Unit>);

impl Has {
    pub(crate) fn of(image: Option<&CodeImage<'_>>) -> Self {
        Self(image.iter().flat_map(|image| &image.units).map(|(.., unit)| *unit).collect())
    }

    /// Whether it is there, or what is better.
    fn has(&self, unit: Unit) -> bool {
        let body = if let Unit::LeaveFunc(func) = unit { Unit::Func(func) } else { unit };
        self.0.contains(&unit) || self.0.contains(&body)
    }
}

/// Compiles the ways in and out that units need besides what there is; `None` if one cannot be compiled.
pub(crate) fn complete(
    units: &mut Units,
    module: &Module,
    has: &Has,
    worker: &mut dyn Worker,
) -> Option<()> {
    let mut needed: BTreeSet<Unit> = BTreeSet::new();
    for (unit, compiled) in &*units {
        needed.extend(&compiled.needs);
        if let Unit::Func(func) = unit {
            needed.insert(Unit::Enter(module.func_type_index(*func)));
        }
    }
    for unit in needed {
        let body = if let Unit::LeaveFunc(func) = unit { Unit::Func(func) } else { unit };
        if !has.has(unit) && !units.contains_key(&unit) && !units.contains_key(&body) {
            units.insert(unit, worker.compile(unit).ok()?);
        }
    }
    Some(())
}

/// Runs a part of a compiler on a stack that is large enough; `None` if it has failed, or there is no thread.
pub(crate) fn on_a_thread<R: Send>(run: impl FnOnce() -> R + Send) -> Option<R> {
    let run = AssertUnwindSafe(run);
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(tuning::COMPILER_STACK_BYTES);
        let thread = builder.spawn_scoped(scope, || catch_unwind(run).ok()).ok()?;
        thread.join().ok().flatten()
    })
}
