//! Who waits at which address of a shared memory, and how they are woken: `memory.atomic.wait` and `notify`.
//!
//! 1. A thread that wants to wait takes the table's lock, looks whether the value is still the expected one, and
//!    joins the end of its address's queue. Whoever changes the value and then notifies takes the same lock: a
//!    wake-up cannot fall between the look and the queue.
//! 2. It then sleeps on a condition of its own until it is woken, its time is over, or its store's guests are
//!    asked to stop. Each of these sets something first and then takes the sleeper's lock to call it, so that
//!    none is missed.
//! 3. A thread that was not woken leaves the queue. If a wake-up came meanwhile it counts: it was paid for with
//!    one of the notifier's.
//!
//! Addresses are keys of a table that belongs to the memory, so that different memories share nothing, and an
//! entry is there only while somebody waits: a guest cannot make the table grow beyond its threads.

use crate::context::Interrupts;
use crate::shared::Waited;
use crate::sync::{Condvar, Mutex};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::time::Duration;
use std::time::Instant;

/// What ends a wait besides a wake-up.
#[derive(Clone, Copy, Default)]
pub struct Until<'a> {
    /// The time; `None` for never.
    pub timeout: Option<Duration>,
    /// Requests to the waiting guest to stop.
    pub interrupts: Option<&'a Interrupts>,
}

impl Until<'_> {
    /// After so many nanoseconds, or never if they are negative, as the operators have it.
    #[must_use]
    pub fn nanoseconds(timeout: i64) -> Self {
        let timeout = u64::try_from(timeout).ok().map(Duration::from_nanos);
        Self { timeout, interrupts: None }
    }
}

/// The threads that wait at addresses of one memory.
#[derive(Default)]
pub(crate) struct Parking {
    queues: Mutex<BTreeMap<u64, VecDeque<Arc<Sleeper>>>>,
}

/// A thread that waits.
#[derive(Debug, Default)]
pub(crate) struct Sleeper {
    is_woken: Mutex<bool>,
    call: Condvar,
}

impl Sleeper {
    /// Lets the sleeper look whether it still has a reason to sleep.
    pub(crate) fn call(&self) {
        // With the lock: the sleeper is either before its look, or asleep.
        let _lock = self.is_woken.lock();
        self.call.notify_one();
    }

    fn wake(&self) {
        *self.is_woken.lock() = true;
        self.call.notify_one();
    }

    fn sleep(&self, until: &Until<'_>) -> Waited {
        let now = Instant::now();
        // A time that no clock reaches never comes.
        let deadline = until.timeout.and_then(|timeout| now.checked_add(timeout));
        let mut is_woken = self.is_woken.lock();
        loop {
            if *is_woken {
                return Waited::Woken;
            }
            if until.interrupts.is_some_and(Interrupts::is_requested) {
                return Waited::Interrupted;
            }
            is_woken = match deadline {
                None => self.call.wait(is_woken),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Waited::TimedOut;
                    }
                    self.call.wait_timeout(is_woken, left)
                }
            };
        }
    }
}

impl Parking {
    /// Waits at an address if `is_expected` says so.
    pub(crate) fn wait(
        &self,
        address: u64,
        is_expected: impl FnOnce() -> bool,
        until: &Until<'_>,
    ) -> Waited {
        let sleeper = Arc::new(Sleeper::default());
        {
            let mut queues = self.queues.lock();
            if !is_expected() {
                return Waited::Mismatch;
            }
            queues.entry(address).or_default().push_back(sleeper.clone());
        }
        if let Some(interrupts) = until.interrupts {
            interrupts.set_sleeper(Some(sleeper.clone()));
        }
        let waited = sleeper.sleep(until);
        if let Some(interrupts) = until.interrupts {
            interrupts.set_sleeper(None);
        }
        if waited == Waited::Woken || !self.leave(address, &sleeper) {
            Waited::Woken
        } else {
            waited
        }
    }

    /// Takes a sleeper out of its queue; says whether it was still there, so that nobody has woken it.
    fn leave(&self, address: u64, sleeper: &Arc<Sleeper>) -> bool {
        let mut queues = self.queues.lock();
        let Some(queue) = queues.get_mut(&address) else { return false };
        let Some(place) = queue.iter().position(|other| Arc::ptr_eq(other, sleeper)) else {
            return false;
        };
        queue.remove(place);
        if queue.is_empty() {
            queues.remove(&address);
        }
        true
    }

    /// Wakes up to `count` of those that wait at an address, first come first; says how many.
    pub(crate) fn notify(&self, address: u64, count: u32) -> u32 {
        let mut queues = self.queues.lock();
        let Some(queue) = queues.get_mut(&address) else { return 0 };
        let count = queue.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        for sleeper in queue.drain(..count) {
            sleeper.wake();
        }
        if queue.is_empty() {
            queues.remove(&address);
        }
        // There are fewer threads than that.
        count as u32
    }

    /// How many threads wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queues.lock().values().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::vec::Vec;

    fn until_waiting(parking: &Parking, count: usize) {
        while parking.waiting() != count {
            thread::yield_now();
        }
    }

    #[test]
    fn those_that_came_first_are_woken_first() {
        let (parking, order) = (Parking::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for number in 0..3 {
                let (parking, order) = (&parking, &order);
                scope.spawn(move || {
                    assert_eq!(parking.wait(8, || true, &Until::default()), Waited::Woken);
                    order.lock().push(number);
                });
                until_waiting(parking, number + 1);
            }
            assert_eq!(parking.notify(16, 9), 0, "nobody waits elsewhere");
            for number in 0..3 {
                assert_eq!(parking.notify(8, 1), 1);
                while order.lock().len() != number + 1 {
                    thread::yield_now();
                }
            }
        });
        assert_eq!(*order.lock(), [0, 1, 2]);
        assert!(parking.queues.lock().is_empty());
    }

    #[test]
    fn a_wait_ends_by_value_by_time_and_by_request() {
        let parking = Parking::default();
        assert_eq!(parking.wait(0, || false, &Until::default()), Waited::Mismatch);
        assert_eq!(parking.wait(0, || true, &Until::nanoseconds(1_000)), Waited::TimedOut);
        assert_eq!(parking.wait(0, || true, &Until::nanoseconds(0)), Waited::TimedOut);
        let interrupts = Interrupts::default();
        interrupts.interrupt();
        let until = Until { interrupts: Some(&interrupts), ..Until::default() };
        assert_eq!(parking.wait(0, || true, &until), Waited::Interrupted);
        assert!(interrupts.take_request());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| parking.wait(0, || true, &until));
            until_waiting(&parking, 1);
            interrupts.interrupt();
            assert_eq!(waiting.join().expect("no panic"), Waited::Interrupted);
        });
        assert_eq!(parking.waiting(), 0);
    }

    #[test]
    fn no_wake_up_is_lost_between_look_and_sleep() {
        let (parking, value) = (Parking::default(), AtomicU32::new(0));
        let rounds = if cfg!(miri) { 20 } else { 20_000 };
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..rounds {
                    while value.load(Ordering::SeqCst) == round {
                        let expected = || value.load(Ordering::SeqCst) == round;
                        parking.wait(4, expected, &Until::default());
                    }
                }
            });
            for round in 0..rounds {
                value.store(round + 1, Ordering::SeqCst);
                parking.notify(4, 1);
            }
        });
    }
}
