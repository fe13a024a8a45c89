//! Which threads may be inside guests, and since when: what says when code that has been replaced may go.
//!
//! 1. There is an *epoch*, a number that grows. Code is *retired* when nothing leads to it any more that a thread could
//!    find: that ends an epoch, which is the code's ([`retire`]).
//! 2. A thread that begins to run guests notes the epoch ([`Inside`]), and that it is outside when it has ended. Guests
//!    within guests change nothing. Whoever has noted a later epoch than the code's has never been led to it.
//! 3. A thread that stays inside is asked. At its next safe point, where all compiled code of its store has been left
//!    where that is noted (`roots`), it looks at its own frames, notes what code they are in, and then the epoch as if it
//!    had just entered ([`poll`]).
//! 4. Code may go whose epoch all threads have left behind, and that none has noted ([`Threads::have_left`]).
//!
//! Entering is two plain stores: that they are seen in time is the business of whoever asks, which makes all threads
//! execute a barrier first ([`look`]). So a thread whose note has not been seen reads whatever leads to code after the
//! barrier, and does not find what was retired before. Where the system has no such barriers nothing ever goes.
//!
//! What a thread holds of code otherwise: a pointer that it has read and is about to jump to. There is no safe point
//! between the two, in compiled code nor in ours.

use super::map::Walk;
use super::{fault, roots};
use crate::ModuleCode;
use crate::context::StoreContext;
use crate::sys;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::ptr::null;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread_local;

/// Frames that are looked at at most. Who has more is asked again.
const FRAMES_MAX: usize = 20_000;

/// What an epoch is noted as where none is.
const OUTSIDE: u64 = 0;

/// The present epoch.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// All threads that have run guests, and have not ended.
static THREADS: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

/// What is known of a thread.
#[derive(Default)]
struct Record {
    /// The epoch as of which nothing is known of what it runs, or [`OUTSIDE`].
    since: AtomicU64,
    /// Whether somebody waits for its next safe point.
    is_asked: AtomicBool,
    /// The pieces, by their addresses, that it was in at its latest safe point, besides what was not retired then.
    held: Mutex<Vec<usize>>,
}

/// A record that is among all of them for as long as this lives.
struct Seat(Arc<Record>);

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&THREADS).retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

/// A thread's hold on its record.
struct Owner(Seat);

impl Drop for Owner {
    fn drop(&mut self) {
        RECORD.set(null());
    }
}

thread_local! {
    /// This thread's record, once it has run a guest.
    static RECORD: Cell<*const Record> = const { Cell::new(null()) };
    static OWNER: Owner = Owner(Seat(register()));
    /// How often compiled code of one store has been entered inside that of another one.
    static OTHER_STORES: Cell<u32> = const { Cell::new(0) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn register() -> Arc<Record> {
    let record = Arc::new(Record::default());
    lock(&THREADS).push(record.clone());
    record
}

/// This thread's record, made if there is none.
#[inline]
fn record() -> *const Record {
    let known = RECORD.get();
    if known.is_null() { first_record() } else { known }
}

#[cold]
fn first_record() -> *const Record {
    let of_thread = OWNER.try_with(|owner| Arc::as_ptr(&owner.0.0));
    // A guest that runs while a thread ends has a record that stays.
    let record = of_thread.unwrap_or_else(|_| Arc::into_raw(register()));
    RECORD.set(record);
    record
}

/// The record of a stack that threads change to: what is noted while that stack is run.
#[cfg(feature = "stacks")]
pub(crate) struct OfStack(Seat);

#[cfg(feature = "stacks")]
impl OfStack {
    pub(crate) fn new() -> Self {
        Self(Seat(register()))
    }
}

/// What this thread has noted, while it runs another stack; or what it will note there.
#[cfg(feature = "stacks")]
pub(crate) struct Noted {
    record: *const Record,
    other_stores: u32,
}

#[cfg(feature = "stacks")]
impl Noted {
    /// What a thread notes that begins to run this stack, which has to live as long.
    pub(crate) fn of(stack: &OfStack) -> Self {
        Self { record: Arc::as_ptr(&stack.0.0), other_stores: 0 }
    }

    /// Changes places with what this thread has noted.
    pub(crate) fn swap(&mut self) {
        self.record = RECORD.replace(self.record);
        self.other_stores = OTHER_STORES.replace(self.other_stores);
    }
}

/// This thread may be inside guests for as long as this lives.
pub(crate) struct Inside {
    /// The record, if nobody around has noted the same.
    record: *const Record,
}

impl Inside {
    /// Notes that this thread enters a guest.
    #[inline]
    pub(crate) fn enter() -> Self {
        let record = record();
        // SAFETY: a thread's record lives as long as the thread runs guests.
        let since = unsafe { &(*record).since };
        if since.load(Ordering::Relaxed) != OUTSIDE {
            return Self { record: null() };
        }
        // Whoever sees a later epoch than that of some code sees what was replaced before.
        since.store(EPOCH.load(Ordering::Acquire), Ordering::Relaxed);
        // What leads to code is read after. The processor is told by whoever asks.
        compiler_fence(Ordering::SeqCst);
        Self { record }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as in `enter`.
        let Some(record) = (unsafe { self.record.as_ref() }) else { return };
        record.since.store(OUTSIDE, Ordering::Release);
    }
}

/// Notes that compiled code of a store is entered, or is left again, inside that of another one.
pub(super) fn note_other_store(has_entered: bool) {
    let count = OTHER_STORES.get();
    OTHER_STORES.set(if has_entered { count + 1 } else { count - 1 });
}

/// A safe point at which code of a module is run: answers what this thread has been asked, and frees what this module
/// has been waiting for.
///
/// # Safety
///
/// As for [`poll`].
#[inline]
pub(crate) unsafe fn safe_point(context: *mut StoreContext, code: &ModuleCode) {
    // SAFETY: the caller's promise.
    if unsafe { poll(context) } {
        code.reclaim_at_leisure();
    }
}

/// A safe point: answers what this thread has been asked. Whether it has.
///
/// # Safety
///
/// `context` is that of a store that is entered, which this thread runs, and all compiled code of that has been left
/// where it has noted it. Nobody holds an address in code that was read from where others replace it.
#[inline]
unsafe fn poll(context: *mut StoreContext) -> bool {
    // SAFETY: a thread's record lives as long as the thread.
    let Some(record) = (unsafe { RECORD.get().as_ref() }) else { return false };
    // SAFETY: the caller's promise.
    record.is_asked.load(Ordering::Relaxed) && unsafe { answer(record, context) }
}

/// Notes what code this thread is in. Where another store's frames are among its own, it stays as it is.
///
/// # Safety
///
/// As for [`poll`].
#[cold]
unsafe fn answer(record: &Record, context: *mut StoreContext) -> bool {
    let current = fault::current();
    if OTHER_STORES.get() > 0 || !(current.is_null() || current == context) {
        return false;
    }
    record.is_asked.store(false, Ordering::Relaxed);
    // What is retired from now on is not asked about.
    let now = EPOCH.load(Ordering::Acquire);
    // SAFETY: the caller's promise.
    let Some(mut held) = (unsafe { pieces_of_frames(context) }) else { return false };
    held.sort_unstable();
    held.dedup();
    let mut noted = lock(&record.held);
    *noted = held;
    record.since.store(now, Ordering::Release);
    true
}

/// The pieces that frames of compiled code are in, and places that have been noted; `None` if they are too many to look
/// at.
///
/// # Safety
///
/// As for [`poll`].
unsafe fn pieces_of_frames(context: *mut StoreContext) -> Option<Vec<usize>> {
    // SAFETY: the caller's promise.
    let native = unsafe { &(*context).native };
    let mut pieces: Vec<usize> = Vec::new();
    let mut count = 0;
    {
        let mut walk = Walk::new();
        let mut visit = |region: &super::region::Region, back: usize, _fp: usize| {
            let piece = region.piece(back - 1).map(|piece| piece.base);
            if piece.is_some() && pieces.last().copied() != piece {
                pieces.extend(piece);
            }
            count += 1;
            count <= FRAMES_MAX
        };
        // SAFETY: the caller's promise.
        unsafe { roots::visit_calls(native.left_fp, &mut walk, &mut visit) };
        // A backtrace may still be made of where an exception has passed, and of where it is looked at.
        let places = native.places[..native.place_count].iter().chain([&native.looked_at]);
        for place in places.filter(|place| **place != 0) {
            let region = walk.region(*place);
            pieces.extend(region.and_then(|region| region.piece(*place)).map(|piece| piece.base));
        }
    }
    (count <= FRAMES_MAX).then_some(pieces)
}

/// Ends an epoch: that of code to which nothing leads any more.
pub(super) fn retire() -> u64 {
    EPOCH.fetch_add(1, Ordering::SeqCst)
}

/// What threads have noted.
pub(super) struct Threads(Vec<(u64, Vec<usize>)>);

/// Looks at all threads, and asks those that may be in code of this epoch or of one before. `None` if that cannot be
/// known.
pub(super) fn look(latest: u64) -> Option<Threads> {
    if !sys::native::barrier() {
        return None;
    }
    let threads = lock(&THREADS);
    let inside = threads.iter().filter_map(|record| {
        let held = lock(&record.held);
        let since = record.since.load(Ordering::Acquire);
        if since == OUTSIDE {
            return None;
        }
        // What it holds may be other code by now, at the same address.
        if since <= latest || !held.is_empty() {
            record.is_asked.store(true, Ordering::Relaxed);
        }
        Some((since, held.clone()))
    });
    Some(Threads(inside.collect()))
}

impl Threads {
    /// Whether nobody runs the code of this epoch that is at this address.
    pub(super) fn have_left(&self, piece: usize, epoch: u64) -> bool {
        self.0.iter().all(|(since, held)| *since > epoch && held.binary_search(&piece).is_err())
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    fn has_left(epoch: u64) -> bool {
        look(epoch).expect("barriers").have_left(usize::MAX, epoch)
    }

    /// Other tests of this process may have guests too.
    fn wait_until_left(epoch: u64) {
        while !has_left(epoch) {
            thread::yield_now();
        }
    }

    #[test]
    fn who_has_entered_before_may_run_it_and_who_enters_after_does_not() {
        if !sys::native::barrier() {
            return;
        }
        let (tell, told) = mpsc::channel();
        let (ask, asked) = mpsc::channel::<()>();
        let guest = thread::spawn(move || {
            for _ in 0..2 {
                let outer = Inside::enter();
                let inner = Inside::enter();
                drop(inner);
                tell.send(()).expect("somebody who listens");
                asked.recv().expect("somebody who asks");
                drop(outer);
                tell.send(()).expect("somebody who listens");
                asked.recv().expect("somebody who asks");
            }
        });
        told.recv().expect("a guest inside");
        let first = retire();
        assert!(!has_left(first));
        ask.send(()).expect("a guest");
        told.recv().expect("a guest outside");
        wait_until_left(first);
        ask.send(()).expect("a guest");
        told.recv().expect("a guest inside");
        wait_until_left(first);
        let second = retire();
        assert!(!has_left(second));
        ask.send(()).expect("a guest");
        told.recv().expect("a guest outside");
        ask.send(()).expect("a guest");
        guest.join().expect("no panic");
        wait_until_left(second);
    }

    #[test]
    fn code_that_a_frame_is_in_stays_however_late_the_thread_has_looked() {
        let threads = Threads(std::vec![(9, std::vec![100, 300]), (12, std::vec![])]);
        assert!(threads.have_left(200, 8) && !threads.have_left(200, 9));
        assert!(!threads.have_left(300, 8));
    }
}
