//! Whose time is up: one thread looks at all turns that are being taken, about once a millisecond.
//!
//! A thread that gives guests a turn notes when that began, in a place of its own. The clock's thread sleeps when there has
//! been no turn for a while, and is woken by the next one. Without that thread nobody would be stopped: where the system gives
//! none, a turn is over as it begins.

use crate::store::InterruptHandle;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use dunlin_vm::sync::Mutex;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Instant;
use std::vec::Vec;

/// How often turns are looked at. A fraction of the shortest slice that makes sense: changing between guests costs
/// microseconds, and a frame of a network's delay is a millisecond.
const TICK: Duration = Duration::from_millis(1);

/// For how many ticks nobody takes a turn before the clock sleeps: waking it costs what some ten ticks do.
const IDLE_TICKS_MAX: u32 = 50;

/// A turn that guests take.
pub(super) struct Turn {
    pub(super) handle: InterruptHandle,
    /// When others get their turn.
    pub(super) slice_end: Instant,
    /// When it is interrupted; never if there is no such time.
    pub(super) end: Option<Instant>,
    pub(super) slice: Duration,
    /// Whether it has been interrupted.
    pub(super) is_over: bool,
}

/// A thread's turn, and those around it.
#[derive(Default)]
struct Place(Mutex<Vec<Turn>>);

/// The clock: places of all threads that give turns, and whether it sleeps.
struct Clock {
    places: Mutex<Vec<Arc<Place>>>,
    sleeps: AtomicBool,
    thread: OnceLock<Thread>,
    /// Held by whoever starts the thread.
    starting: Mutex<()>,
    spawn: fn() -> io::Result<Thread>,
}

static CLOCK: Clock = Clock {
    places: Mutex::new(Vec::new()),
    sleeps: AtomicBool::new(false),
    thread: OnceLock::new(),
    starting: Mutex::new(()),
    spawn,
};

/// A thread's hold on its place.
struct Own(Arc<Place>);

impl Drop for Own {
    fn drop(&mut self) {
        CLOCK.places.lock().retain(|place| !Arc::ptr_eq(place, &self.0));
    }
}

thread_local! {
    static OWN: Own = Own(register());
}

fn register() -> Arc<Place> {
    let place = Arc::new(Place::default());
    CLOCK.places.lock().push(place.clone());
    place
}

fn spawn() -> io::Result<Thread> {
    let clock = thread::Builder::new().name("dunlin-clock".into()).stack_size(64 << 10);
    Ok(clock.spawn(run)?.thread().clone())
}

/// Starts the clock's thread, unless it runs.
pub(super) fn start() -> io::Result<()> {
    CLOCK.start().map(drop)
}

impl Clock {
    /// The clock's thread; it is started if it does not run.
    fn start(&self) -> io::Result<&Thread> {
        if let Some(thread) = self.thread.get() {
            return Ok(thread);
        }
        let _starting = self.starting.lock();
        if let Some(thread) = self.thread.get() {
            return Ok(thread);
        }
        let thread = (self.spawn)()?;
        Ok(self.thread.get_or_init(|| thread))
    }

    /// Has somebody look at a turn; one that nobody can look at is over.
    fn watch(&self, mut turn: Turn, place: &Place) {
        let thread = self.start();
        if thread.is_err() {
            turn.interrupt();
        }
        place.0.lock().push(turn);
        if let Ok(thread) = thread
            && self.sleeps.load(Ordering::SeqCst)
        {
            thread.unpark();
        }
    }
}

/// A turn that has begun.
pub(super) struct Begun(Option<Arc<Place>>);

/// Notes that this thread gives guests a turn.
pub(super) fn begin(mut turn: Turn) -> Begun {
    let place = OWN.try_with(|own| own.0.clone()).ok();
    match &place {
        Some(place) => CLOCK.watch(turn, place),
        // The thread ends.
        None => turn.interrupt(),
    }
    Begun(place)
}

impl Begun {
    /// Notes that the turn has ended. Whether it was interrupted.
    pub(super) fn end(self) -> bool {
        let turn = self.0.as_ref().and_then(|place| place.0.lock().pop());
        turn.is_some_and(|turn| turn.is_over)
    }
}

fn run() {
    let mut idle = 0;
    loop {
        if look(Instant::now()) {
            idle = 0;
        } else if idle < IDLE_TICKS_MAX {
            idle += 1;
        } else {
            CLOCK.sleeps.store(true, Ordering::SeqCst);
            // A turn that was noted before is seen here; one that is noted after sees that the clock sleeps.
            if !look(Instant::now()) {
                thread::park();
            }
            CLOCK.sleeps.store(false, Ordering::SeqCst);
            idle = 0;
        }
        thread::sleep(TICK);
    }
}

/// Looks at all turns. Whether there is one.
fn look(now: Instant) -> bool {
    let places = CLOCK.places.lock();
    let mut any = false;
    for place in &*places {
        for turn in &mut *place.0.lock() {
            any = true;
            turn.look(now);
        }
    }
    any
}

impl Turn {
    fn interrupt(&mut self) {
        self.is_over = true;
        self.handle.interrupt();
    }

    fn look(&mut self, now: Instant) {
        // Again and again: one request stops one call, and there may be others in the same turn.
        if self.is_over || self.end.is_some_and(|end| now >= end) {
            self.interrupt();
        } else if now >= self.slice_end {
            self.slice_end = now + self.slice;
            self.handle.ask_to_yield();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Store};

    fn turn(store: &Store<()>) -> Turn {
        let slice = Duration::from_secs(1);
        let handle = store.interrupt_handle();
        Turn { handle, slice_end: Instant::now() + slice, end: None, slice, is_over: false }
    }

    #[test]
    fn a_turn_that_nobody_can_look_at_is_over() {
        let store = Store::new(&Engine::default(), ());
        let none = || Err(io::ErrorKind::WouldBlock.into());
        let some = || Ok(thread::current());
        for (spawn, is_over) in [(none as fn() -> _, true), (some, false)] {
            let clock = Clock {
                places: Mutex::new(Vec::new()),
                sleeps: AtomicBool::new(false),
                thread: OnceLock::new(),
                starting: Mutex::new(()),
                spawn,
            };
            assert_eq!(clock.start().is_err(), is_over);
            let place = Place::default();
            clock.watch(turn(&store), &place);
            assert_eq!(place.0.lock().pop().map(|turn| turn.is_over), Some(is_over));
        }
    }
}
