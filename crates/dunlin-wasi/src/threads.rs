//! Programs of several threads: `wasi-threads`, by which a guest starts threads of its own.
//!
//! Every thread is a store and an instance of its own, of one module, with one shared memory: what the threads
//! have in common lies there and in the [`SharedCtx`]. The guest imports `wasi` `thread-spawn` and exports
//! `wasi_thread_start`, which a new thread calls with its number and the guest's word.
//!
//! 1. [`Threads::run`] runs the first thread on the caller's. When that ends, the program ends.
//! 2. When any thread traps, exits, or fails otherwise, the program ends with what that thread came to: the
//!    others are interrupted, wherever they run or wait. What they come to then is of no interest.
//! 3. `run` returns when no thread is left.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use dunlin::{
    Caller, Error, ExternType, InstancePre, InterruptHandle, Linker, Module, Result, SharedMemory,
    Store,
};

use crate::ctx::WasiCtx;
use crate::errno::Errno;

/// Threads of a program at a time, unless the embedder says otherwise: the first one is not counted.
pub const THREADS_DEFAULT_MAX: usize = 256;

/// Numbers of threads are below this: C libraries keep the bits above for themselves.
const THREAD_ID_END: u32 = 1 << 29;

/// Bytes of a thread's native stack: what the first one has on most machines. Compiled code stands on it, so that
/// guests recurse as deeply in every thread. What nobody touches of it costs address space alone.
const NATIVE_STACK_BYTES: usize = 8 << 20;

/// Where guests import the start of threads from.
const IMPORT: (&str, &str) = ("wasi", "thread-spawn");

/// What a new thread calls.
const START: &str = "wasi_thread_start";

/// A [`WasiCtx`] that the threads of a program share. Clones are the same.
///
/// A call that waits, for a moment or a stream, does so without keeping the others' calls waiting.
#[derive(Clone, Debug)]
pub struct SharedCtx(Arc<Mutex<WasiCtx>>);

impl SharedCtx {
    /// Shares a context.
    #[must_use]
    pub fn new(mut ctx: WasiCtx) -> SharedCtx {
        ctx.yields.is_on = true;
        SharedCtx(Arc::new(Mutex::new(ctx)))
    }

    /// The context, for nobody else meanwhile.
    pub(crate) fn lock(&self) -> MutexGuard<'_, WasiCtx> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what is asked while any thread waits, as [`WasiCtx::set_interrupt`] does.
    pub fn set_interrupt(&self, asked: impl Fn() -> bool + Send + Sync + 'static) {
        self.lock().set_interrupt(asked);
    }

    /// Makes a call until it need not wait any more.
    pub(crate) fn call(
        &self,
        mut function: impl FnMut(&mut WasiCtx) -> std::result::Result<(), Errno>,
    ) -> std::result::Result<(), Errno> {
        let mut began = None;
        loop {
            let mut ctx = self.lock();
            let now = (ctx.realtime.now_ns(), ctx.monotonic.now_ns());
            ctx.yields.began_ns = Some(*began.get_or_insert(now));
            ctx.yields.take_wanted();
            let result = function(&mut ctx);
            let clock = match (result, ctx.yields.take_wanted()) {
                (Err(Errno::Again), Some(slice)) => (ctx.monotonic.clone(), slice),
                (result, _) => return result,
            };
            drop(ctx);
            clock.0.sleep(clock.1);
        }
    }
}

type NewStore<T> = dyn Fn() -> Result<Store<T>> + Send + Sync;

/// The threads of one program.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Linker, Module, Store};
/// use dunlin_wasi::Threads;
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"
///     (module
///         (import "env" "memory" (memory 1 1 shared))
///         (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
///         (func (export "wasi_thread_start") (param $tid i32) (param $word i32)
///             (i32.atomic.store (local.get $word) (i32.const 42))
///             (drop (memory.atomic.notify (local.get $word) (i32.const 1))))
///         (func (export "_start")
///             (drop (call $spawn (i32.const 8)))
///             (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))))
/// "#)?;
/// let stores = engine.clone();
/// let threads = Threads::new(4, move || Ok(Store::new(&stores, ())));
/// let mut linker = Linker::new(&engine);
/// threads.add_to_linker(&mut linker)?;
/// let memories = threads.share_memories(&mut linker, &module)?;
/// threads.set_program(linker.instantiate_pre(&module)?);
///
/// let mut store = Store::new(&engine, ());
/// threads.run(store.interrupt_handle(), || {
///     let instance = linker.instantiate(&mut store, &module)?;
///     instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
/// })?;
/// let mut word = [0; 4];
/// memories[0].read(8, &mut word)?;
/// assert_eq!(u32::from_le_bytes(word), 42);
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct Threads<T: 'static>(Arc<Inner<T>>);

struct Inner<T: 'static> {
    threads_max: usize,
    new_store: Box<NewStore<T>>,
    program: OnceLock<InstancePre<T>>,
    state: Mutex<State>,
    /// What [`Threads::ending`] asks.
    is_ending: Arc<AtomicBool>,
    /// Called when a thread has ended.
    ended: Condvar,
}

/// What runs, and how it ended.
#[derive(Default)]
struct State {
    /// By number; the first thread's is 0.
    running: BTreeMap<u32, InterruptHandle>,
    /// The number before the next one.
    latest: u32,
    /// The program ends: nothing starts any more.
    is_ending: bool,
    /// What the program ended with, if that is a failure of another thread than the first.
    failure: Option<Error>,
}

impl State {
    /// A number that no thread has.
    fn number(&mut self) -> u32 {
        loop {
            self.latest = if self.latest + 1 < THREAD_ID_END { self.latest + 1 } else { 1 };
            if !self.running.contains_key(&self.latest) {
                return self.latest;
            }
        }
    }
}

impl<T: 'static> Clone for Threads<T> {
    fn clone(&self) -> Self {
        Threads(self.0.clone())
    }
}

impl<T: 'static> fmt::Debug for Threads<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Threads").field("running", &self.running()).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Threads<T> {
    /// A program that may have `threads_max` threads at a time besides its first, whose stores `new_store`
    /// makes.
    pub fn new(
        threads_max: usize,
        new_store: impl Fn() -> Result<Store<T>> + Send + Sync + 'static,
    ) -> Threads<T> {
        Threads(Arc::new(Inner {
            threads_max,
            new_store: Box::new(new_store),
            program: OnceLock::new(),
            state: Mutex::default(),
            is_ending: Arc::default(),
            ended: Condvar::new(),
        }))
    }

    /// Adds `wasi` `thread-spawn` to a linker. It returns the thread's number, or a negative one if there are as
    /// many threads as there may be, or the host has no thread to give.
    ///
    /// # Errors
    ///
    /// When the name is already defined.
    pub fn add_to_linker(&self, linker: &mut Linker<T>) -> Result<()> {
        // The linker becomes part of the program, which must not keep itself alive.
        let inner = Arc::downgrade(&self.0);
        linker.func_wrap(IMPORT.0, IMPORT.1, move |_: Caller<'_, T>, word: i32| {
            match inner.upgrade() {
                Some(inner) => Threads(inner).spawn(word),
                None => Ok(FAILED),
            }
        })?;
        Ok(())
    }

    /// Makes a memory for each shared one that a module imports, and defines it for all threads. Returns them, in
    /// the order of the imports.
    ///
    /// # Errors
    ///
    /// When the machine refuses, or a name is already defined.
    pub fn share_memories(
        &self,
        linker: &mut Linker<T>,
        module: &Module,
    ) -> Result<Vec<SharedMemory>> {
        let mut memories = Vec::new();
        for import in module.imports() {
            if let ExternType::Memory(ty) = import.ty()
                && ty.shared
            {
                let memory = SharedMemory::new(linker.engine(), ty)?;
                linker.define_shared(import.module(), import.name(), &memory)?;
                memories.push(memory);
            }
        }
        Ok(memories)
    }

    /// Says what new threads instantiate: the first call holds.
    pub fn set_program(&self, program: InstancePre<T>) {
        let _ = self.0.program.set(program);
    }

    /// Runs the first thread, whose store `first` interrupts, on this thread; returns when all have ended.
    ///
    /// # Errors
    ///
    /// What the first of the threads to fail came to; an exit is one such failure.
    pub fn run<R>(&self, first: InterruptHandle, main: impl FnOnce() -> Result<R>) -> Result<R> {
        let running = Running { inner: self.0.clone(), number: 0 };
        self.0.lock().running.insert(0, first);
        let result = main();
        self.0.end(None);
        drop(running);
        let mut state = self.0.lock();
        while !state.running.is_empty() {
            state = self.0.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match state.failure.take() {
            // Another thread's, from before this one ended.
            Some(error) => Err(error),
            None => result,
        }
    }

    /// Starts a thread; returns its number, or what says that it could not.
    fn spawn(&self, word: i32) -> Result<i32> {
        let Some(program) = self.0.program.get().cloned() else {
            return Err(Error::msg("the embedder has not said what threads run"));
        };
        {
            let state = self.0.lock();
            if state.is_ending || self.0.count(&state) >= self.0.threads_max {
                return Ok(FAILED);
            }
        }
        let mut store = (self.0.new_store)()?;
        let number = {
            let mut state = self.0.lock();
            // Another may have been faster.
            if state.is_ending || self.0.count(&state) >= self.0.threads_max {
                return Ok(FAILED);
            }
            let number = state.number();
            state.running.insert(number, store.interrupt_handle());
            number
        };
        let running = Running { inner: self.0.clone(), number };
        let body = move || {
            let outcome = start(&program, &mut store, number, word);
            // What a store holds is given back before the thread counts as ended.
            drop(store);
            if let Err(error) = outcome {
                running.inner.end(Some(error));
            }
        };
        let builder = thread::Builder::new().name(format!("guest {number}"));
        let spawned = builder.stack_size(NATIVE_STACK_BYTES).spawn(body);
        // Without a thread, what it was to run is dropped, and with it its number given back.
        Ok(if spawned.is_ok() { number.cast_signed() } else { FAILED })
    }
}

impl<T: 'static> Threads<T> {
    /// Ends the program: every thread is interrupted, wherever it runs or waits.
    pub fn interrupt(&self) {
        self.0.end(None);
    }

    /// How many threads run, the first one included.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.lock().running.len()
    }

    /// What says whether the program ends: what a call that waits should ask ([`SharedCtx::set_interrupt`]).
    pub fn ending(&self) -> impl Fn() -> bool + Clone + Send + Sync + 'static + use<T> {
        let is_ending = self.0.is_ending.clone();
        move || is_ending.load(Ordering::SeqCst)
    }
}

/// What `thread-spawn` returns where there is no thread: `AGAIN`, negated.
const FAILED: i32 = -(Errno::Again.code() as i32);

/// Runs a new thread to its end.
fn start<T: 'static>(
    program: &InstancePre<T>,
    store: &mut Store<T>,
    number: u32,
    word: i32,
) -> Result<()> {
    let instance = program.instantiate(&mut *store)?;
    let func = instance.get_typed_func::<(i32, i32), ()>(&mut *store, START)?;
    func.call(&mut *store, (number.cast_signed(), word))
}

impl<T: 'static> Inner<T> {
    /// Ends the program, if nobody has before, with this failure if it is one.
    fn end(&self, failure: Option<Error>) {
        let mut state = self.lock();
        if state.is_ending {
            return;
        }
        state.is_ending = true;
        state.failure = failure;
        // What waits in a call is let go after the request to stop has been made, which it then finds.
        state.running.values().for_each(InterruptHandle::interrupt);
        self.is_ending.store(true, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many threads there are besides the first.
    fn count(&self, state: &State) -> usize {
        state.running.len() - usize::from(state.running.contains_key(&0))
    }
}

/// A thread that counts as running until this is dropped, however that comes.
struct Running<T: 'static> {
    inner: Arc<Inner<T>>,
    number: u32,
}

impl<T: 'static> Drop for Running<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.inner.end(Some(Error::msg("a thread of the host panicked")));
        }
        self.inner.lock().running.remove(&self.number);
        self.inner.ended.notify_all();
    }
}
