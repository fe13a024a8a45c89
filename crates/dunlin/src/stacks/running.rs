//! Stacks that are used again, and the futures that guests run in.

use super::clock::{self, Turn};
use crate::error::Result;
use crate::store::InterruptHandle;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use dunlin_core::TrapCode;
use dunlin_vm::stacks::{self as native, Guest, OwnStack, Step};
use dunlin_vm::sync::Mutex;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use std::vec::Vec;

/// Stacks for guests, which are used again. Clones are the same stacks.
///
/// # Examples
///
/// ```
/// use dunlin::stacks::{self, Stacks};
/// use dunlin::{Engine, Instance, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"
///     (module
///         (import "host" "later" (func $later (result i32)))
///         (func (export "twice") (result i32) (i32.add (call $later) (call $later))))
/// "#)?;
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("host", "later", || stacks::wait(std::future::ready(21)))?;
///
/// let stacks = Stacks::new(256 << 10, 16);
/// let running = stacks.run(move || {
///     let mut store = Store::new(&engine, ());
///     let instance = linker.instantiate(&mut store, &module)?;
///     instance.get_typed_func::<(), i32>(&mut store, "twice")?.call(&mut store, ())
/// });
/// // Any executor polls it; this one holds the thread.
/// assert_eq!(stacks::wait(running)??, 42);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone)]
pub struct Stacks(Arc<Idle>);

/// Stacks that nobody runs.
struct Idle {
    bytes: usize,
    most: usize,
    stacks: Mutex<Vec<OwnStack>>,
}

impl Stacks {
    /// Stacks of so many bytes each, of which so many are kept while nobody uses them.
    #[must_use]
    pub fn new(bytes: usize, idle_max: usize) -> Self {
        Self(Arc::new(Idle { bytes, most: idle_max, stacks: Mutex::new(Vec::new()) }))
    }

    /// Runs `guests` on a stack of its own, while the future is polled.
    ///
    /// The future stays on the thread that polls it first. One that is dropped before its end is *abandoned*: what it
    /// waits for fails with the trap [`Interrupted`](crate::TrapCode::Interrupted), and so does all that it waits for later, until
    /// `guests` has returned. Where the machine has no stack left, `guests` runs on the thread's, which it holds until it
    /// ends.
    ///
    /// A panic of `guests` goes on in whoever polls.
    pub fn run<R: 'static>(&self, guests: impl FnOnce() -> R + 'static) -> Running<R> {
        let result = Rc::new(Cell::new(None));
        let turns = Rc::new(Turns::default());
        let of_guest = result.clone();
        let run = Box::new(move || {
            of_guest.set(Some(catch_unwind(AssertUnwindSafe(guests))));
        });
        Running {
            state: State::New(run),
            result,
            turns,
            stacks: self.clone(),
            busy: Duration::ZERO,
            meter: None,
        }
    }

    fn take(&self) -> Option<OwnStack> {
        let idle = self.0.stacks.lock().pop();
        idle.or_else(|| OwnStack::new(self.0.bytes))
    }

    fn give_back(&self, stack: OwnStack) {
        let mut idle = self.0.stacks.lock();
        if idle.len() < self.0.most {
            idle.push(stack);
        }
    }
}

impl fmt::Debug for Stacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.0.stacks.lock().len();
        f.debug_struct("Stacks").field("bytes", &self.0.bytes).field("idle", &idle).finish()
    }
}

/// What bounds the time of a [`Running`].
struct Meter {
    handle: InterruptHandle,
    slice: Duration,
    busy_max: Duration,
    is_over: bool,
}

enum State {
    New(Box<dyn FnOnce()>),
    Begun(Guest),
    Ended,
}

/// Guests that run on a stack of their own; what the closure returns. See [`Stacks::run`].
#[must_use = "guests run while it is polled"]
pub struct Running<R> {
    state: State,
    result: Rc<Cell<Option<thread::Result<R>>>>,
    turns: Rc<Turns>,
    stacks: Stacks,
    busy: Duration,
    meter: Option<Meter>,
}

impl<R> Running<R> {
    /// Bounds the time in which guests run, their waits not counted: after each `slice` others on the thread get their turn,
    /// and after `busy_max` in all, the guest that `handle` interrupts is interrupted.
    ///
    /// Both are looked at about once a millisecond, by [a thread](super::start_clock) without which nothing runs for long.
    pub fn metered(mut self, handle: InterruptHandle, slice: Duration, busy_max: Duration) -> Self {
        self.meter = Some(Meter { handle, slice, busy_max, is_over: false });
        self
    }

    /// For how long it has run, waits not counted.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// Whether it has begun and waits for something; else it has only let others have their turn.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.turns.waits.get()
    }

    /// Whether it has run for longer than it may, and has been interrupted.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.is_over)
    }

    /// Gives the guests their turn. Whether they have ended.
    fn turn(&mut self) -> bool {
        let begun = Instant::now();
        // Whoever has had its time and goes on, such as another guest of the same closure, is interrupted again.
        let turn = self.meter.as_ref().map(|meter| {
            let left = meter.busy_max.saturating_sub(self.busy);
            clock::begin(Turn {
                handle: meter.handle.clone(),
                slice_end: begun + meter.slice,
                end: begun.checked_add(left),
                slice: meter.slice,
                is_over: false,
            })
        });
        let ended = self.step();
        self.busy += begun.elapsed();
        if let (Some(turn), Some(meter)) = (turn, &mut self.meter) {
            meter.is_over |= turn.end();
        }
        ended
    }

    fn step(&mut self) -> bool {
        let outer = TURNS.replace(Some(self.turns.clone()));
        let ended = match core::mem::replace(&mut self.state, State::Ended) {
            State::New(run) => match self.stacks.take() {
                Some(stack) => self.resume(Guest::new(stack, run)),
                None => {
                    TURNS.set(None);
                    run();
                    true
                }
            },
            State::Begun(guest) => self.resume(guest),
            State::Ended => true,
        };
        TURNS.set(outer);
        ended
    }

    fn resume(&mut self, mut guest: Guest) -> bool {
        match guest.resume() {
            Step::Suspended => {
                self.state = State::Begun(guest);
                false
            }
            Step::Ended(stack) => {
                self.stacks.give_back(stack);
                true
            }
        }
    }
}

impl<R> Unpin for Running<R> {}

impl<R> Future for Running<R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        self.turns.note(context.waker());
        if !self.turn() {
            if !self.turns.waits.get() {
                // It has only let others have their turn.
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        match self.result.take().expect("a future is not polled after its end") {
            Ok(value) => Poll::Ready(value),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<R> Drop for Running<R> {
    fn drop(&mut self) {
        if !matches!(self.state, State::Begun(_)) {
            return;
        }
        self.turns.abandoned.set(true);
        loop {
            if let Some(meter) = &self.meter {
                meter.handle.interrupt();
            }
            if self.turn() {
                break;
            }
        }
    }
}

impl<R> fmt::Debug for Running<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("busy", &self.busy).finish_non_exhaustive()
    }
}

thread_local! {
    /// Of the guests that this thread runs on a stack of their own, innermost.
    static TURNS: RefCell<Option<Rc<Turns>>> = const { RefCell::new(None) };
}

/// What guests and whoever polls them tell each other.
#[derive(Default)]
pub(super) struct Turns {
    waker: RefCell<Option<Waker>>,
    /// Whether they wait for something, which wakes whoever polls.
    waits: Cell<bool>,
    /// Whether nobody polls any more.
    abandoned: Cell<bool>,
}

/// Whether this thread runs guests on a stack of their own.
pub(super) fn is_own() -> bool {
    TURNS.with_borrow(Option::is_some)
}

/// Those of the guests that this thread runs on a stack of their own.
pub(super) fn turns() -> Option<Rc<Turns>> {
    TURNS.with_borrow(Clone::clone)
}

impl Turns {
    fn note(&self, waker: &Waker) {
        let mut noted = self.waker.borrow_mut();
        match &mut *noted {
            Some(noted) => noted.clone_from(waker),
            None => *noted = Some(waker.clone()),
        }
    }

    /// Waits until a future is ready, on the guest's stack.
    pub(super) fn wait<F: Future>(&self, mut future: Pin<&mut F>) -> Result<F::Output> {
        loop {
            if self.abandoned.get() {
                return Err(TrapCode::Interrupted.into());
            }
            let waker = self.waker.borrow().clone();
            let waker = waker.as_ref().unwrap_or(Waker::noop());
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return Ok(value);
            }
            self.waits.set(true);
            native::suspend();
            self.waits.set(false);
        }
    }
}
