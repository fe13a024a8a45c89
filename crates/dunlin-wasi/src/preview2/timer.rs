//! Moments for waits of futures where the embedder has given no reactor: one thread for all of the process.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Who is to be woken when.
#[derive(Default)]
struct Timers {
    at: BTreeMap<(Instant, u64), Waker>,
    made: u64,
}

struct Shared {
    timers: Mutex<Timers>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Timers> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever is to be woken, for ever.
    fn run(&self) {
        let mut timers = self.lock();
        loop {
            let now = Instant::now();
            let Some((&(first, number), _)) = timers.at.first_key_value() else {
                timers = self.changed.wait(timers).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if first > now {
                let waited = self.changed.wait_timeout(timers, first - now);
                timers = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let waker = timers.at.remove(&(first, number));
            drop(timers);
            if let Some(waker) = waker {
                waker.wake();
            }
            timers = self.lock();
        }
    }
}

/// The timers of the process; `None` if it can have no thread for them.
fn shared() -> Option<&'static Shared> {
    static SHARED: OnceLock<Option<&'static Shared>> = OnceLock::new();
    *SHARED.get_or_init(|| {
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            timers: Mutex::new(Timers::default()),
            changed: Condvar::new(),
        }));
        let thread = std::thread::Builder::new().name("dunlin-timers".into());
        thread.spawn(|| shared.run()).is_ok().then_some(shared)
    })
}

/// Is ready so far from now.
pub(super) struct Sleep {
    until: Option<Instant>,
    number: Option<u64>,
}

impl Sleep {
    pub(super) fn new(duration: Duration) -> Sleep {
        // What cannot be said as a moment is never.
        Sleep { until: Instant::now().checked_add(duration), number: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else { return Poll::Pending };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        let Some(shared) = shared() else {
            std::thread::sleep(left);
            return Poll::Ready(());
        };
        let mut timers = shared.lock();
        let number = *self.number.get_or_insert_with(|| {
            timers.made += 1;
            timers.made
        });
        timers.at.insert((until, number), context.waker().clone());
        if timers.at.first_key_value().is_some_and(|(first, _)| *first == (until, number)) {
            shared.changed.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (Some(until), Some(number), Some(shared)) = (self.until, self.number, shared()) {
            let waker = shared.lock().at.remove(&(until, number));
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_end_in_the_order_of_their_moments() {
        let begun = Instant::now();
        let mut long = Box::pin(Sleep::new(Duration::from_secs(1000)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(long.as_mut().poll(&mut context).is_pending());
        for milliseconds in [20, 1] {
            let sleep = Sleep::new(Duration::from_millis(milliseconds));
            dunlin::stacks::wait(sleep).expect("no interrupt");
        }
        assert!(begun.elapsed() >= Duration::from_millis(21));
        let number = long.number.expect("it was polled");
        let held = || shared().expect("a thread").lock().at.keys().any(|key| key.1 == number);
        assert!(held());
        drop(long);
        assert!(!held());
    }
}
