//! A module's code, shared by all its instances: function records, side tables, patched bodies.
//!
//! Records are zero until a function's first call; preparing one validates the body, builds the side
//! table, relocates its addresses and publishes the record with one release store. Nothing here is
//! proportional to the module's size except zeroed memory that nobody has touched.

use crate::blueprint::Blueprint;
use crate::context::FuncEntry;
use crate::counting::{self, Budget, Counted, Spent, Watch, count_branches};
use crate::crossing::NativeEntry;
use crate::dropping::Users;
use crate::object_types::ObjectType;
use crate::profile::Notes;
use crate::resources::Resources;
use crate::sync::Mutex;
use crate::types::{self, TypeRegistry};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, Ordering};
#[cfg(feature = "native")]
use core::sync::atomic::{AtomicU64, AtomicUsize};
use dunlin_core::ExternType;
#[cfg(feature = "native")]
use dunlin_module::Unit;
use dunlin_module::profile::BELIEVED_CALLS_MIN;
use dunlin_module::side::END_BIT;
#[cfg(feature = "native")]
use dunlin_module::side::FRAME_RECORD_SLOTS;
use dunlin_module::{
    CallTarget, CastType, ExternIdx, FunctionProfile, Handlers, Import, Invalid, Module, Prepared,
    Profile, Scratch,
};

/// A module with its code.
pub struct ModuleCode {
    module: Module,
    types: Arc<TypeRegistry>,
    type_ids: Box<[u32]>,
    objects: Box<[ObjectType]>,
    entries: Box<[FuncEntry]>,
    /// Native code by function index, the ways out by type index, the tables that never change and what calls through
    /// them read; and then the doors.
    pub(crate) code: Box<[AtomicPtr<u8>]>,
    /// Who is told of functions that are executed often.
    pub(crate) watch: Option<Box<dyn Watch>>,
    /// What compiled code may still execute, by function index; none where nobody watches.
    budgets: Box<[Budget]>,
    /// What such code has noted.
    notes: Notes,
    pub(crate) arena: Mutex<Arena>,
    /// How many instances there are.
    pub(crate) users: Users,
    #[cfg(feature = "native")]
    making_native: Mutex<()>,
    #[cfg(feature = "native")]
    native: std::sync::OnceLock<crate::native::NativeCode>,
    /// Code of single functions, and of how many.
    #[cfg(feature = "native")]
    pub(crate) added: Mutex<crate::native::Arena>,
    #[cfg(feature = "native")]
    pub(crate) added_functions: AtomicUsize,
    /// How often an activation has gone on in the middle of a loop in better code.
    #[cfg(feature = "native")]
    pub(crate) loops_entered: AtomicUsize,
    /// Whether there is code that has been replaced and not been freed.
    #[cfg(feature = "native")]
    pub(crate) has_retired: AtomicBool,
    /// Before when nobody looks again who is in that code, in microseconds.
    #[cfg(feature = "native")]
    pub(crate) next_reclaim: AtomicU64,
    /// Null until it is built, and then a box of our own.
    blueprint: AtomicPtr<Blueprint>,
    building: Mutex<()>,
    /// Whether there has been an instance.
    is_instantiated: AtomicBool,
    /// Whether instances keep references to their functions to themselves.
    keeps_funcs: Once,
}

/// The answer to a question, once it has been asked.
#[derive(Default)]
struct Once(AtomicU8);

impl Once {
    fn get_or(&self, answer: impl FnOnce() -> bool) -> bool {
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let answer = answer();
                self.0.store(1 + u8::from(answer), Ordering::Relaxed);
                answer
            }
            known => known == 2,
        }
    }
}

/// What prepared functions own. Vectors, which may be moved while tiers point into them, and are never
/// touched again.
#[derive(Default)]
pub(crate) struct Arena {
    scratch: Scratch,
    sides: Vec<Vec<u64>>,
    /// What functions catch, those that catch anything.
    handlers: BTreeMap<u32, Arc<Handlers>>,
    /// Patched bodies by address: the function, and the copy.
    patched: BTreeMap<usize, (u32, Vec<u8>)>,
    /// What the records of functions lead to that are counted.
    counted: Vec<Vec<Counted>>,
    /// What the records of compiled functions lead to.
    #[cfg(feature = "native")]
    natives: Vec<Vec<NativeEntry>>,
    /// Ways into loops, by functions and the offsets of their first operators.
    #[cfg(feature = "native")]
    pub(crate) loops: BTreeMap<(u32, u32), Vec<crate::adding::LoopEntry>>,
    /// What calls through tables that never change read, once there is code that does.
    #[cfg(feature = "native")]
    pub(crate) targets: Option<crate::targets::Targets>,
}

impl ModuleCode {
    /// The code of this module, for stores whose types `types` numbers.
    #[must_use]
    pub fn new(module: Module, types: Arc<TypeRegistry>) -> Self {
        let type_ids = types.intern_all(&module);
        let objects = ObjectType::all_of(&module, &type_ids, &types);
        let entries = zeroed_entries(module.func_count() as usize);
        let functions = module.func_count() as usize;
        // Two more are for the tables that never change.
        let code = zeroed_code(functions + module.types().len() + 2 + functions);
        Self {
            module,
            types,
            type_ids,
            objects,
            entries,
            code,
            watch: None,
            budgets: Box::default(),
            notes: Notes::default(),
            arena: Mutex::default(),
            users: Users::default(),
            #[cfg(feature = "native")]
            making_native: Mutex::default(),
            #[cfg(feature = "native")]
            native: std::sync::OnceLock::new(),
            #[cfg(feature = "native")]
            added: Mutex::default(),
            #[cfg(feature = "native")]
            added_functions: AtomicUsize::default(),
            #[cfg(feature = "native")]
            loops_entered: AtomicUsize::default(),
            #[cfg(feature = "native")]
            has_retired: AtomicBool::default(),
            #[cfg(feature = "native")]
            next_reclaim: AtomicU64::new(0),
            blueprint: AtomicPtr::default(),
            building: Mutex::default(),
            is_instantiated: AtomicBool::default(),
            keeps_funcs: Once::default(),
        }
    }

    /// The same code, of which somebody is told which functions are executed often.
    #[must_use]
    pub fn watched_by(mut self, watch: Box<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self.budgets = zeroed_budgets(self.module.func_count() as usize);
        self.notes = Notes::new(&self.module);
        self
    }

    /// What compiled code may still execute, by function index; empty where nobody watches.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// What compiled code that counts has noted.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Gives compiled code of a function its budget: so many executions of its body.
    pub fn fill_budget(&self, func: u32, executions: u32) {
        let bytes = self.module.body_range(func).map_or(0, |body| body.len() as u32);
        if let Some(of) = self.budgets.get(func as usize) {
            of.left.store(counting::budget(bytes.max(1), executions), Ordering::Relaxed);
        }
    }

    /// Compiled code has found that a function's budget has run out.
    #[cfg(feature = "native")]
    pub(crate) fn code_ran_out(self: &Arc<Self>, func: u32, in_loop: Option<u32>) -> usize {
        let in_loop = in_loop.map(|at| self.loop_start(at));
        let spent = Spent { func, in_loop, by_code: true };
        let more = self.watch.as_ref().and_then(|watch| watch.ran_out(self, spent));
        match more {
            Some(executions) => self.fill_budget(func, executions),
            // It is told again after some seconds: code that counts has no other way to cease.
            None => {
                if let Some(of) = self.budgets.get(func as usize) {
                    of.left.store(i32::MAX, Ordering::Relaxed);
                }
            }
        }
        in_loop.map_or(0, |at| self.loop_unit(func, at))
    }

    /// How often an activation has gone on in the middle of a loop in better code.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn loops_entered(&self) -> usize {
        self.loops_entered.load(Ordering::Relaxed)
    }

    #[cfg(not(feature = "native"))]
    #[allow(clippy::unused_self, reason = "the same shape as with native code")]
    fn loop_entry(&self, _func: u32, _at: u32) -> Option<*const NativeEntry> {
        None
    }

    /// The interpreter has found that a function's budget has run out, at a call or where it goes on at `ip` in a
    /// loop. The way into the loop, if there is one.
    pub(crate) fn ran_out(
        self: &Arc<Self>,
        counted: &Counted,
        ip: Option<*const u8>,
    ) -> Option<*const NativeEntry> {
        let func = counted.func;
        let in_loop = ip.and_then(|ip| self.locate(ip as usize)).map(|(_, offset)| offset as u32);
        let entry = in_loop.and_then(|at| self.loop_entry(func, at));
        if entry.is_some() || counted.is_over() {
            return entry;
        }
        let watch = self.watch.as_ref()?;
        let spent = Spent { func, in_loop, by_code: false };
        match watch.ran_out(self, spent) {
            Some(executions) => counted.fill(executions),
            None => self.stop_counting(counted),
        }
        in_loop.and_then(|at| self.loop_entry(func, at))
    }

    /// Lets a function's record lead to its body.
    fn stop_counting(&self, counted: &Counted) {
        counted.end();
        let func = counted.func;
        let counting = (&raw const *counted).cast::<u8>().cast_mut();
        let (body, ordering) = (counted.ip.cast_mut(), Ordering::AcqRel);
        // Unless it leads to native code now.
        let ip = &self.entries[func as usize].ip;
        let _ = ip.compare_exchange(counting, body, ordering, Ordering::Relaxed);
    }

    /// Pointers to native code by function index, imports first, then to the ways out of it by type
    /// index, then to the tables that never change; null where there is none.
    #[must_use]
    pub fn code(&self) -> &[AtomicPtr<u8>] {
        &self.code
    }

    /// The same pointers to functions for whoever is not code of this module: null until all that the code
    /// refers to is there.
    #[must_use]
    pub fn doors(&self) -> &[AtomicPtr<u8>] {
        &self.code[self.code.len() - self.module.func_count() as usize..]
    }

    /// The native code, where there is some.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn native(&self) -> Option<&crate::native::NativeCode> {
        self.native.get()
    }

    /// Runs what makes the module's native code, unless it has some: by one thread, for which others that
    /// want the same wait.
    ///
    /// # Errors
    ///
    /// Those of `make`.
    #[cfg(feature = "native")]
    pub fn make_native<E>(&self, make: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let _making = self.making_native.lock();
        if self.native().is_some() { Ok(()) } else { make() }
    }

    /// Gives the module native code, from which on calls go there, guests that run included. The first one
    /// stays.
    #[cfg(feature = "native")]
    pub fn set_native(&self, native: crate::native::NativeCode) {
        // Nobody is led to code by a record before all of it is there, and what it calls.
        let mut arena = self.arena.lock();
        if self.native.get().is_some() {
            return;
        }
        let native = self.native.get_or_init(|| native);
        let entries = native.entries(&self.module);
        // First what nothing leads to yet: code that has been added runs meanwhile, and gets through what is replaced to
        // what the new code needs.
        for (index, _, address) in &entries {
            self.fill_code(*index, *address);
        }
        self.fill_targets(&mut arena, native.placed().targets());
        let mut with_code = Vec::new();
        for (index, unit, address) in entries {
            // What has been added by itself stays where there would be a way out instead.
            if let Unit::Func(func) = unit {
                self.lead_to_code(&mut arena, func, address);
            }
            if matches!(unit, Unit::Func(_) | Unit::LeaveFunc(_)) {
                with_code.push(index);
            }
        }
        for func in with_code {
            let code = self.code[func].load(Ordering::Relaxed);
            self.doors()[func].store(code, Ordering::Release);
            if native.has_body(func as u32) {
                self.retire(&mut arena, &mut self.added.lock(), func as u32);
            }
        }
        crate::relinking::note_published();
        if arena.sides.is_empty() {
            // Nothing is prepared that would have to be replaced.
            return;
        }
        for func in self.module.func_imports()..self.module.func_count() {
            let is_prepared = !self.entries[func as usize].ip.load(Ordering::Relaxed).is_null();
            if is_prepared && native.has_body(func) {
                let way_in = native.way_in(self.module.func_type_index(func));
                self.publish_native(way_in, &mut arena, func);
            }
        }
    }

    /// Whether any of its functions has native code.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn has_native(&self) -> bool {
        self.added_functions() > 0 || self.native().is_some()
    }

    /// How many functions have been added by themselves.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn added_functions(&self) -> usize {
        self.added_functions.load(Ordering::Acquire)
    }

    /// Empties all cells and frees what they led to, but for the whole module's code.
    #[cfg(feature = "native")]
    pub(crate) fn forget(&self, arena: &mut Arena) {
        for entry in &self.entries {
            // What was never prepared is memory that nobody has touched, and stays so.
            if !entry.ip.load(Ordering::Relaxed).is_null() {
                entry.ip.store(core::ptr::null_mut(), Ordering::Release);
                entry.side.store(core::ptr::null_mut(), Ordering::Relaxed);
                for number in [&entry.params, &entry.zeros, &entry.frame, &entry.results] {
                    number.store(0, Ordering::Relaxed);
                }
            }
        }
        for cell in self.code.iter().filter(|cell| !cell.load(Ordering::Relaxed).is_null()) {
            cell.store(core::ptr::null_mut(), Ordering::Release);
        }
        self.added_functions.store(0, Ordering::Release);
        *arena = Arena { scratch: core::mem::take(&mut arena.scratch), ..Arena::default() };
        *self.added.lock() = crate::native::Arena::default();
        self.has_retired.store(false, Ordering::Relaxed);
    }

    /// Waits until whoever frees the code has done so.
    pub(crate) fn wait_for_dropping(&self) {
        drop(self.arena.lock());
    }

    /// Bytes of memory for native code that the module has.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn code_memory(&self) -> usize {
        let whole = self.native().map_or(0, crate::native::NativeCode::bytes_len);
        whole + self.added.lock().bytes()
    }

    /// The functions whose code is at an address, from the innermost one outwards, and the offsets in the module, or 0
    /// where the code belongs to no operator. `None` if it is not code of this module.
    #[cfg(feature = "native")]
    pub(crate) fn native_frames(&self, pc: usize) -> Option<Vec<(u32, u32)>> {
        let whole = self.native().and_then(|native| native.frames(pc));
        whole.or_else(|| self.added.lock().frames(pc))
    }

    /// Makes the interpreter enter a function's native code from its next call on. Where a body has been
    /// published, only the place of the first operator changes, and with one store: whoever read the rest
    /// before reads the same after.
    #[cfg(feature = "native")]
    pub(crate) fn publish_native(&self, way_in: usize, arena: &mut Arena, func: u32) {
        let ty = self.module.func_type(func);
        let (params, results) = (ty.param_slots(), ty.result_slots());
        let code = &raw const self.code[func as usize];
        let made = alloc::vec![NativeEntry::new(results, code, way_in)];
        let ip: *const NativeEntry = made.as_ptr();
        arena.natives.push(made);
        let entry = &self.entries[func as usize];
        if entry.ip.load(Ordering::Relaxed).is_null() {
            entry.params.store(params, Ordering::Relaxed);
            entry.results.store(results, Ordering::Relaxed);
            entry.frame.store(params.max(results) + FRAME_RECORD_SLOTS, Ordering::Relaxed);
        }
        entry.ip.store(ip.cast::<u8>().cast_mut(), Ordering::Release);
    }

    /// Whether calls of the interpreter enter native code: the function has some, and has been prepared.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn is_native(&self, func: u32) -> bool {
        self.leads_to_native(&self.arena.lock(), func)
    }

    /// The same for whoever holds what records lead to.
    #[cfg(feature = "native")]
    pub(crate) fn leads_to_native(&self, _arena: &Arena, func: u32) -> bool {
        let ip = self.entries.get(func as usize).map(|entry| entry.ip.load(Ordering::Acquire));
        // SAFETY: a record that is prepared leads to its first operator, which stays while the arena is held.
        ip.is_some_and(|ip| !ip.is_null() && unsafe { NativeEntry::at(ip) }.is_some())
    }

    /// Publishes a function that has native code; says whether it has.
    #[cfg(feature = "native")]
    fn prepare_native(&self, arena: &mut Arena, func: u32) -> bool {
        let found = self.native().filter(|native| native.has_body(func));
        if let Some(native) = found {
            let way_in = native.way_in(self.module.func_type_index(func));
            self.publish_native(way_in, arena, func);
        }
        found.is_some()
    }

    #[cfg(not(feature = "native"))]
    #[allow(clippy::unused_self, reason = "the same shape as with native code")]
    fn prepare_native(&self, _arena: &mut Arena, _func: u32) -> bool {
        false
    }

    /// The blueprint, for another instance. It is built at the second one: the first of many programs is their last, and
    /// someone waits for it.
    pub(crate) fn blueprint_for(&self, resources: &Arc<Resources>) -> Option<&Blueprint> {
        if let Some(built) = self.blueprint() {
            return Some(built);
        }
        if !self.is_instantiated.swap(true, Ordering::Relaxed) {
            return None;
        }
        let _building = self.building.lock();
        if self.blueprint().is_none() {
            // The index has decoded all that is read; what does not decode now is the first instance's
            // error to report.
            let built = Blueprint::new(&self.module, &self.type_ids, resources).ok()?;
            self.blueprint.store(Box::into_raw(Box::new(built)), Ordering::Release);
        }
        self.blueprint()
    }

    /// The blueprint, if it has been built.
    pub(crate) fn blueprint(&self) -> Option<&Blueprint> {
        // SAFETY: a pointer that is not null is that of a box which lives as long as `self`.
        unsafe { self.blueprint.load(Ordering::Acquire).as_ref() }
    }

    /// Whether instances keep references to their functions to themselves.
    pub(crate) fn keeps_funcs(&self) -> bool {
        self.keeps_funcs.get_or(|| crate::freeing::keeps_funcs(&self.module))
    }

    /// The module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The registry that numbers its types.
    #[must_use]
    pub fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// The engine's type numbers, by type index.
    #[must_use]
    pub fn type_ids(&self) -> &[u32] {
        &self.type_ids
    }

    /// Its structures and arrays, by type index; none where there are none.
    #[must_use]
    pub fn objects(&self) -> &[ObjectType] {
        &self.objects
    }

    /// The type of what has this index, with the engine's numbers.
    ///
    /// # Panics
    ///
    /// If the index is not of the module.
    #[must_use]
    pub fn extern_type(&self, item: ExternIdx) -> ExternType {
        types::numbered(&self.module.extern_type(item), &self.type_ids)
    }

    /// The type that an import must have, with the engine's numbers.
    #[must_use]
    pub fn import_type(&self, import: &Import) -> ExternType {
        types::numbered(&self.module.import_type(import), &self.type_ids)
    }

    /// The function records, imports first.
    #[must_use]
    pub fn entries(&self) -> &[FuncEntry] {
        &self.entries
    }

    /// Makes a function ready to be called.
    ///
    /// # Errors
    ///
    /// If its body is not valid.
    pub fn prepare(&self, func: u32) -> Result<(), Invalid> {
        let Some(entry) = self.entries.get(func as usize) else {
            return Err(Invalid::new("no such function", 0));
        };
        let mut arena = self.arena.lock();
        if !entry.ip.load(Ordering::Acquire).is_null() {
            return Ok(());
        }
        if self.prepare_native(&mut arena, func) {
            return Ok(());
        }
        let prepared = self.module.prepare(func, &mut arena.scratch)?;
        self.publish(&mut arena, func, prepared);
        Ok(())
    }

    /// The functions that have been made ready to be called, in ascending order.
    pub fn prepared(&self) -> impl Iterator<Item = u32> + '_ {
        let is = |func: &u32| !self.entries[*func as usize].ip.load(Ordering::Acquire).is_null();
        (self.module.func_imports()..self.module.func_count()).filter(is)
    }

    /// Makes a function ready to be called, with the working memory of one of several threads that do
    /// so for different functions.
    ///
    /// # Errors
    ///
    /// If its body is not valid.
    pub fn prepare_with(&self, func: u32, scratch: &mut Scratch) -> Result<(), Invalid> {
        let Some(entry) = self.entries.get(func as usize) else {
            return Err(Invalid::new("no such function", 0));
        };
        let prepared = self.module.prepare(func, scratch)?;
        let mut arena = self.arena.lock();
        // Another thread may have been faster; what it published is in use.
        let is_new = entry.ip.load(Ordering::Acquire).is_null();
        if is_new && !self.prepare_native(&mut arena, func) {
            self.publish(&mut arena, func, prepared);
        }
        Ok(())
    }

    /// The function whose code holds this address, and the offset in the module.
    #[must_use]
    pub fn locate(&self, address: usize) -> Option<(u32, usize)> {
        let bytes = self.module.bytes();
        let base = bytes.as_ptr() as usize;
        if (base..base + bytes.len()).contains(&address) {
            let offset = address - base;
            return self.module.func_at(offset).map(|func| (func, offset));
        }
        let arena = self.arena.lock();
        let (copy, (func, body)) = arena.patched.range(..=address).next_back()?;
        let range = self.module.body_range(*func)?;
        (address - copy < body.len()).then(|| (*func, range.start + (address - copy)))
    }

    /// What a prepared function catches, if it catches anything.
    pub(crate) fn handlers(&self, func: u32) -> Option<Arc<Handlers>> {
        self.arena.lock().handlers.get(&func).cloned()
    }

    fn publish(&self, arena: &mut Arena, func: u32, prepared: Prepared) {
        let range = self.module.body_range(func).unwrap_or(0..0);
        let start = range.start;
        let body: *const u8 = match prepared.patched {
            Some(copy) => {
                let copy = copy.into_vec();
                let base = copy.as_ptr();
                arena.patched.insert(base as usize, (func, copy));
                base
            }
            None => self.module.bytes()[start..].as_ptr(),
        };
        let mut words = prepared.words;
        for index in &prepared.relocations {
            let word = &mut words[*index as usize];
            *word = (*word & END_BIT) | ((*word & !END_BIT) + body as usize as u64);
        }
        let code = body.wrapping_add(prepared.code_offset as usize - start);
        let mut first = code;
        if let Some(watch) = &self.watch {
            let counted =
                Counted::new(func, range.len(), watch.executions(func, range.len()), code);
            let counted = alloc::vec![counted];
            count_branches(&mut words, &prepared.loops, counted.as_ptr());
            first = counted.as_ptr().cast();
            arena.counted.push(counted);
        }
        let entry = &self.entries[func as usize];
        entry.side.store(words.as_mut_ptr(), Ordering::Relaxed);
        entry.params.store(prepared.params, Ordering::Relaxed);
        entry.zeros.store(prepared.locals - prepared.params, Ordering::Relaxed);
        entry.frame.store(prepared.frame, Ordering::Relaxed);
        entry.results.store(prepared.results, Ordering::Relaxed);
        arena.sides.push(words);
        if !prepared.handlers.is_empty() {
            arena.handlers.insert(func, Arc::new(prepared.handlers));
        }
        entry.ip.store(first.cast_mut(), Ordering::Release);
    }
}

impl ModuleCode {
    /// What is known of how a function has run, if compiled code has counted any of its calls.
    #[must_use]
    pub fn function_profile(&self, func: u32) -> Option<FunctionProfile> {
        let calls = Some(Profile::calls(self, func)).filter(|calls| *calls > 0)?;
        let (cells, reached) = self.notes.of_body(self.module.body_range(func)?);
        let reached = Some(reached).filter(|_| self.is_observed(func));
        let mut profile = FunctionProfile { calls, reached, ..FunctionProfile::default() };
        for offset in cells {
            let operator = self.module.bytes().get(offset as usize).copied();
            if let Some(CALL_INDIRECT | CALL_REF) = operator {
                profile.targets.extend(self.target(offset).map(|target| (offset, target)));
            } else {
                profile.casts.extend(self.cast(offset).map(|cast| (offset, cast)));
            }
        }
        Some(profile)
    }

    /// Whether a function has been observed for long enough to tell where control seldom gets.
    fn is_observed(&self, func: u32) -> bool {
        let observed = |of: &Budget| of.observed.load(Ordering::Relaxed) >= BELIEVED_CALLS_MIN;
        self.budgets.get(func as usize).is_some_and(observed)
    }
}

/// Opcodes of the calls of which notes are taken.
const CALL_INDIRECT: u8 = 0x11;
const CALL_REF: u8 = 0x14;

impl Profile for ModuleCode {
    fn calls(&self, func: u32) -> u32 {
        self.budgets.get(func as usize).map_or(0, |of| of.calls.load(Ordering::Relaxed))
    }

    fn is_reached(&self, func: u32, offset: u32) -> bool {
        !self.is_observed(func) || self.notes.is_reached(offset)
    }

    fn target(&self, offset: u32) -> Option<CallTarget> {
        let (func, percent) = self.notes.seen(offset)?;
        Some(CallTarget { func, percent })
    }

    fn cast(&self, offset: u32) -> Option<CastType> {
        let (number, percent) = self.notes.seen(offset)?;
        let ty = self.type_ids.iter().position(|of| *of == number)?;
        Some(CastType { ty: ty as u32, percent })
    }

    fn cell(&self, offset: u32) -> Option<i32> {
        self.notes.cell(offset)
    }
}

impl Drop for ModuleCode {
    fn drop(&mut self) {
        let built = *self.blueprint.get_mut();
        if !built.is_null() {
            // SAFETY: the pointer is that of a box, and is freed only here.
            drop(unsafe { Box::from_raw(built) });
        }
        self.types.release(&self.type_ids);
    }
}

impl core::fmt::Debug for ModuleCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ModuleCode").field("module", &self.module).finish_non_exhaustive()
    }
}

/// Records of functions that are not prepared. The allocator's zeroed memory is not touched.
fn zeroed_entries(count: usize) -> Box<[FuncEntry]> {
    let entries = Box::<[FuncEntry]>::new_zeroed_slice(count);
    // SAFETY: a record is null pointers and zeros, which all-zero memory spells.
    unsafe { entries.assume_init() }
}

/// Budgets that nothing is left of, in zeroed memory that nobody has touched.
fn zeroed_budgets(count: usize) -> Box<[Budget]> {
    let budgets = Box::<[Budget]>::new_zeroed_slice(count);
    // SAFETY: a budget is numbers, which zero is one of.
    unsafe { budgets.assume_init() }
}

/// Null pointers to code, in zeroed memory that nobody has touched.
fn zeroed_code(count: usize) -> Box<[AtomicPtr<u8>]> {
    let code = Box::<[AtomicPtr<u8>]>::new_zeroed_slice(count);
    // SAFETY: a null pointer is all zeros.
    unsafe { code.assume_init() }
}
