//! The store: owner of everything that guests create, with the embedder's data.

use crate::backtrace::{Backtrace, BacktraceFrame};
use crate::engine::{Engine, EpochDeadline};
use crate::error::{Error, Result};
use crate::host;
use crate::limits::{ResourceLimiter, STORE_OBJECTS_DEFAULT_MAX};
use crate::plan::Planned;
use crate::refs::ExnRef;
use crate::val::Home;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use dunlin_core::{FuncType, TrapCode, ValType};
use dunlin_vm::context::Interrupts;
use dunlin_vm::gc::{HeapStats, Request};
use dunlin_vm::{Failure, Frame};

/// Numbers of stores, and of plans.
pub(crate) static NEXT_STORE: crate::counter::Counter = crate::counter::Counter::new(1);

type Limiter<T> = Box<dyn (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync>;

/// Owns instances, functions, memories, tables and globals, and data of the embedder's.
///
/// They are freed with the store; instances that are [removed](crate::Instance::remove), before. Handles
/// ([`Func`](crate::Func), [`Memory`](crate::Memory) …) are small and copied; they know their store, and using
/// one with another store, or of a removed instance, is refused.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Func, Store};
///
/// let mut store = Store::new(&Engine::default(), 0_u32);
/// let count = Func::wrap(&mut store, |mut caller: dunlin::Caller<'_, u32>| *caller.data_mut() += 1);
/// for _ in 0..3 {
///     count.call(&mut store, &[], &mut [])?;
/// }
/// assert_eq!(store.into_data(), 3);
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct Store<T: 'static> {
    inner: Box<StoreInner<T>>,
}

/// A store's parts, at an address that does not change.
pub(crate) struct StoreInner<T: 'static> {
    pub(crate) vm: dunlin_vm::Store,
    pub(crate) id: u64,
    /// What it has by a plan.
    pub(crate) planned: Planned,
    pub(crate) engine: Engine,
    deadline: EpochDeadline,
    /// Whether an [`InterruptHandle`] asks the guest to stop.
    interrupted: Arc<AtomicBool>,
    /// Function types by the engine's number, as far as untyped calls have asked for them.
    func_types: Vec<Option<Arc<FuncType>>>,
    /// How often the VM had freed something when these were asked for: numbers are used again.
    func_types_at: u64,
    pub(crate) limiter: Option<Limiter<T>>,
    /// What a layer above this crate keeps in the store.
    pub(crate) extension: Option<host::Extension>,
    pub(crate) data: T,
}

/// A function's type while a call of it lasts, and how many slots that has.
pub(crate) struct LentType {
    id: usize,
    pub(crate) ty: Arc<FuncType>,
    pub(crate) slots: usize,
}

impl<T: 'static> StoreInner<T> {
    /// This store, as conversions see it.
    #[inline]
    pub(crate) fn home(&self) -> Home<'_> {
        Home { id: self.id, planned: &self.planned, vm: &self.vm }
    }
}

impl<T: 'static> Store<T> {
    /// An empty store with this data.
    #[must_use]
    pub fn new(engine: &Engine, data: T) -> Self {
        let id = NEXT_STORE.increment();
        let inner = StoreInner {
            vm: engine.compiler().create_store(engine),
            id,
            planned: Planned::default(),
            engine: engine.clone(),
            deadline: EpochDeadline::new(engine.clone(), id),
            interrupted: Arc::default(),
            func_types: Vec::new(),
            func_types_at: 0,
            limiter: None,
            extension: None,
            data,
        };
        Self { inner: Box::new(inner) }
    }

    #[inline]
    pub(crate) fn inner(&self) -> &StoreInner<T> {
        &self.inner
    }

    #[inline]
    pub(crate) fn inner_mut(&mut self) -> &mut StoreInner<T> {
        &mut self.inner
    }

    /// The store's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The embedder's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }

    /// Runs `run`, at whose end all [`ExternRef`](crate::ExternRef)s and [`AnyRef`](crate::AnyRef)s end that
    /// were made meanwhile, so that they keep nothing alive any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{AnyRef, Engine, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let five = store.scope(|store| {
    ///     let five = AnyRef::from_i31(&mut *store, 5);
    ///     assert_eq!(five.i31(&*store).unwrap(), Some(5));
    ///     five
    /// });
    /// assert!(five.i31(&store).is_err());
    /// ```
    pub fn scope<R>(&mut self, run: impl FnOnce(&mut Self) -> R) -> R {
        let count = self.inner.vm.handle_count();
        let result = run(self);
        self.inner.vm.end_scope(count);
        result
    }

    /// Collects the store's garbage: all objects and host values that nothing refers to, and the instances that
    /// were [removed](crate::Instance::remove) and that nothing leads to any more.
    ///
    /// The store does so by itself when it needs memory.
    pub fn gc(&mut self) {
        self.inner.vm.collect(Request::Major);
    }

    /// What the heap of the store's objects has done so far.
    #[must_use]
    pub fn heap_stats(&self) -> HeapStats {
        self.inner.vm.heap_stats()
    }

    /// How many instances the store has, those included that were [removed](crate::Instance::remove) and have
    /// not been freed yet.
    #[must_use]
    pub fn instance_count(&self) -> usize {
        self.inner.vm.counts().0
    }

    /// Ends the store and gives the data back.
    #[must_use]
    pub fn into_data(self) -> T {
        let inner = *self.inner;
        inner.data
    }

    /// Sets who decides what this store may use: `limiter` finds it in the data.
    ///
    /// It holds for what is created or grown from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Store, StoreLimits, StoreLimitsBuilder};
    ///
    /// struct Host {
    ///     limits: StoreLimits,
    /// }
    /// let limits = StoreLimitsBuilder::new().memory_size(1 << 20).instances(1).build();
    /// let mut store = Store::new(&Engine::default(), Host { limits });
    /// store.limiter(|host| &mut host.limits);
    /// ```
    pub fn limiter(
        &mut self,
        limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) {
        self.inner.limiter = Some(Box::new(limiter));
        self.inner.vm.set_growth_hook(Some(host::growth_hook::<T>));
    }

    /// Gives guests this much fuel: each operator costs what the table of operators says, most 1.
    ///
    /// A guest that has used it up traps with [`TrapCode::OutOfFuel`].
    ///
    /// # Errors
    ///
    /// Unless [`Config::consume_fuel`](crate::Config::consume_fuel) is on.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Config, Engine, Instance, Module, Store, TrapCode};
    ///
    /// let engine = Engine::new(Config::new().consume_fuel(true))?;
    /// let module = Module::new(&engine, r#"(module (func (export "f") (loop (br 0))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// store.set_fuel(10_000)?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let f = instance.get_typed_func::<(), ()>(&mut store, "f")?;
    /// let error = f.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel));
    /// assert_eq!(store.get_fuel()?, 0);
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.inner.set_fuel(fuel)
    }

    /// The fuel that is left.
    ///
    /// # Errors
    ///
    /// Unless [`Config::consume_fuel`](crate::Config::consume_fuel) is on.
    pub fn get_fuel(&self) -> Result<u64> {
        self.inner.get_fuel()
    }

    /// Lets guests run until the engine's epoch has been incremented `ticks_beyond_current` times. Then
    /// they trap with [`TrapCode::Interrupted`], at every call, until another deadline is set.
    ///
    /// It does nothing unless [`Config::epoch_interruption`](crate::Config::epoch_interruption) is on.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Config, Engine, Instance, Module, Store, TrapCode};
    ///
    /// let engine = Engine::new(Config::new().epoch_interruption(true))?;
    /// let module = Module::new(&engine, r#"(module (func (export "f") (loop (br 0))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// store.set_epoch_deadline(1);
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let f = instance.get_typed_func::<(), ()>(&mut store, "f")?;
    ///
    /// let clock = engine.clone();
    /// let ticking = std::thread::spawn(move || clock.increment_epoch());
    /// let error = f.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    /// # ticking.join().unwrap();
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.inner.set_epoch_deadline(ticks_beyond_current);
    }

    /// A handle with which any thread stops this store's guests.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Instance, Module, Store, TrapCode};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (func (export "f") (loop (br 0))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let f = instance.get_typed_func::<(), ()>(&mut store, "f")?;
    ///
    /// let handle = store.interrupt_handle();
    /// let other = std::thread::spawn(move || handle.interrupt());
    /// let error = f.call(&mut store, ()).unwrap_err();
    /// assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    /// # other.join().unwrap();
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle {
            interrupts: self.inner.vm.interrupts().clone(),
            requested: self.inner.interrupted.clone(),
        }
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("data", self.data()).finish_non_exhaustive()
    }
}

impl<T: Default + 'static> Default for Store<T> {
    /// A store of an engine of its own.
    fn default() -> Self {
        Self::new(&Engine::default(), T::default())
    }
}

/// Stops a store's guests, from any thread.
#[derive(Clone)]
pub struct InterruptHandle {
    interrupts: Arc<Interrupts>,
    requested: Arc<AtomicBool>,
}

impl InterruptHandle {
    /// Makes the guest that runs, or else the next to be called, trap with [`TrapCode::Interrupted`].
    ///
    /// A guest stops at its next call or backward branch; one that waits in a host function stops when
    /// that returns. One request stops one call from the host.
    pub fn interrupt(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.interrupts.interrupt();
    }
}

#[cfg(feature = "stacks")]
impl InterruptHandle {
    /// Makes a guest that runs on a stack of its own let others have its thread.
    pub(crate) fn ask_to_yield(&self) {
        self.interrupts.ask_to_yield();
    }
}

impl fmt::Debug for InterruptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requested = self.requested.load(Ordering::SeqCst);
        f.debug_struct("InterruptHandle").field("requested", &requested).finish()
    }
}

impl<T: 'static> StoreInner<T> {
    /// The VM, ready to call back: before every use that can reach a host function or a limit.
    #[inline]
    pub(crate) fn enter(&mut self) -> &mut dunlin_vm::Store {
        let owner = core::ptr::from_mut(self).cast();
        self.vm.set_owner(owner);
        &mut self.vm
    }

    /// Calls the function that `func` refers to; `slots` is as long as the longer of its lists.
    #[inline]
    pub(crate) fn call(&mut self, func: u32, slots: &mut [u64]) -> Result<()> {
        if self.deadline.has_passed() {
            self.vm.interrupts().interrupt();
        }
        #[cfg(feature = "optimize")]
        self.vm.relink();
        let (runs, metering) = (self.engine.compiler().tier(), self.engine.metering());
        match runs.call(self.enter(), func, slots, metering) {
            Ok(()) => Ok(()),
            Err(failure) => Err(self.error_of(failure)),
        }
    }

    /// The type of a function of this store, without asking the registry that all stores share.
    #[inline]
    pub(crate) fn lend_func_type(&mut self, func: u32) -> LentType {
        let (id, slots) = self.vm.func(func).map_or((0, 0), |record| {
            (record.type_id as usize, record.params.max(record.results) as usize)
        });
        if self.func_types_at != self.vm.frees() {
            self.func_types_at = self.vm.frees();
            self.func_types.clear();
        }
        let kept = self.func_types.get_mut(id).and_then(Option::take);
        let ty = kept.unwrap_or_else(|| self.vm.func_type(func));
        LentType { id, ty, slots }
    }

    /// Keeps the type for the next call. Where a panic prevents it, the registry is asked again.
    #[inline]
    pub(crate) fn give_func_type_back(&mut self, lent: LentType) {
        match self.func_types.get_mut(lent.id) {
            Some(place) => *place = Some(lent.ty),
            None => self.keep_func_type(lent),
        }
    }

    #[cold]
    fn keep_func_type(&mut self, lent: LentType) {
        self.func_types.resize(lent.id, None);
        self.func_types.push(Some(lent.ty));
    }

    /// The error that a failed call is. A host function's panic goes on here.
    #[cold]
    #[inline(never)]
    fn error_of(&mut self, failure: Failure) -> Error {
        let (mut error, frames) = match failure {
            Failure::Host(failure, frames) => (host::error_of(failure), frames),
            Failure::Exception(exception, frames) => {
                let exception = ExnRef::from_reference(self.home(), exception);
                let error =
                    exception.map_or_else(|| Error::bug("an exception is null"), Error::thrown);
                (error, frames)
            }
            Failure::Bug(what, frames) => (Error::shown_bug(what), frames),
            Failure::Trap(trap) => {
                if trap.code == TrapCode::Interrupted {
                    self.interrupted.store(false, Ordering::SeqCst);
                }
                let error = match trap.invalid {
                    Some(invalid) => {
                        let function = self.function_at(invalid.offset(), &trap.frames);
                        Error::lazily_invalid(invalid, function)
                    }
                    None => Error::from(trap.code),
                };
                (error, trap.frames)
            }
        };
        if !frames.is_empty() {
            error.add_frames(self.backtrace(&frames));
        }
        error
    }

    /// The function whose body holds this offset, in words.
    fn function_at(&self, offset: u64, frames: &[Frame]) -> alloc::string::String {
        let found = frames.first().and_then(|frame| {
            let module = self.vm.instance_code(frame.instance).module();
            let func = module.func_at(usize::try_from(offset).ok()?)?;
            Some((func, module.func_name(func)))
        });
        match found {
            Some((func, Some(name))) => format!("function {func} (`{name}`)"),
            Some((func, None)) => format!("function {func}"),
            None => "a function".into(),
        }
    }

    fn backtrace(&self, frames: &[Frame]) -> Backtrace {
        let frame = |frame: &Frame| {
            let code = self.vm.instance_code(frame.instance).clone();
            BacktraceFrame::new(code, frame.func, frame.offset)
        };
        Backtrace::new(frames.iter().map(frame).collect::<Vec<_>>())
    }

    pub(crate) fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.check_metered()?;
        self.vm.set_fuel(i64::try_from(fuel).unwrap_or(i64::MAX));
        Ok(())
    }

    pub(crate) fn get_fuel(&self) -> Result<u64> {
        self.check_metered()?;
        Ok(u64::try_from(self.vm.fuel()).unwrap_or(0))
    }

    pub(crate) fn consume_fuel(&mut self, fuel: u64) -> Result<()> {
        if !self.engine.config().fuel {
            return Ok(());
        }
        let left = self.get_fuel()?.checked_sub(fuel);
        self.set_fuel(left.unwrap_or(0))?;
        left.map(drop).ok_or_else(|| TrapCode::OutOfFuel.into())
    }

    fn check_metered(&self) -> Result<()> {
        if self.engine.config().fuel {
            return Ok(());
        }
        Err(Error::usage("fuel is not configured in this engine (`Config::consume_fuel`)"))
    }

    pub(crate) fn set_epoch_deadline(&mut self, ticks: u64) {
        let interrupts = self.vm.interrupts();
        self.deadline.set(ticks, interrupts, || {
            // The deadline before may have made a request, which is void now; one of a handle is not.
            interrupts.take_request();
            if self.interrupted.load(Ordering::SeqCst) {
                interrupts.interrupt();
            }
        });
    }

    /// Keeps the type that something which the host makes mentions.
    pub(crate) fn keep_type(&mut self, ty: ValType) -> Result<()> {
        match ty {
            ValType::Ref(ty) if !self.vm.keep_type(ty.heap) => {
                Err(Error::usage("the type is gone: no module defines it any more"))
            }
            _ => Ok(()),
        }
    }

    /// Of what there would be too many with so many more: its name, how many there are, more, and at most.
    #[inline]
    fn over_counts(
        &self,
        more: [usize; 3],
        most: [usize; 3],
    ) -> Option<(&'static str, usize, usize, usize)> {
        let (instances, memories, tables) = self.vm.counts();
        let rows = [("instances", instances), ("memories", memories), ("tables", tables)];
        let mut rows = rows.into_iter().zip(more).zip(most);
        rows.find(|(((_, have), more), most)| *more > 0 && have.saturating_add(*more) > *most)
            .map(|(((what, have), more), most)| (what, have, more, most))
    }

    /// Checks that the store may have this many more instances, memories and tables.
    pub(crate) fn check_counts(
        &mut self,
        instances: usize,
        memories: usize,
        tables: usize,
    ) -> Result<()> {
        let most = match &mut self.limiter {
            Some(limiter) => {
                let limiter = limiter(&mut self.data);
                [limiter.instances(), limiter.memories(), limiter.tables()]
            }
            None => [STORE_OBJECTS_DEFAULT_MAX; 3],
        };
        if self.over_counts([instances, memories, tables], most).is_some() {
            // What is no longer wanted may have taken what is missing.
            self.vm.free_unreached();
            if let Some((what, have, more, most)) =
                self.over_counts([instances, memories, tables], most)
            {
                return Err(Error::resource(format_args!(
                    "the store has {have} {what}, and may not have {more} more: {most} are allowed"
                )));
            }
        }
        Ok(())
    }
}
