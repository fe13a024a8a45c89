//! How much of a processor the thread may take that compiles beside guests.
//!
//! An *allowance* of processor time, which what the thread uses is taken off. It is full at the beginning, so that programs
//! that have just started wait for nothing, and fills again with time, as fast as the share says. Hence in any stretch
//! of time the thread uses its share of that, and the burst once, and what it does beyond: a function at most, which is
//! not interrupted.

use core::time::Duration;

/// How much may be used when nothing has been for long.
pub(crate) const BURST: Duration = Duration::from_secs(4);

/// The share of one processor, in percent, where there are few.
const SHARE_OF_FEW: u32 = 50;

/// Processors from which on there are not few.
const PROCESSORS_MANY: usize = 4;

/// The share in percent that is used where none has been chosen, on a machine with so many processors.
fn usual_share(processors: usize) -> u32 {
    if processors < PROCESSORS_MANY { SHARE_OF_FEW } else { 100 }
}

/// An allowance of processor time.
#[derive(Debug)]
pub(crate) struct Pace {
    /// In percent; none has been chosen, and no thread has begun, where there is none.
    share: Option<u32>,
    burst: i64,
    /// Nanoseconds that may be used; negative where more has been.
    left: i64,
    /// Time as of which that is so, and what the present thread had used then.
    at: Duration,
    used: Duration,
    /// What has been used in all.
    total: Duration,
}

impl Pace {
    /// An allowance that is full.
    pub(crate) fn new(share: Option<u32>, burst: Duration) -> Self {
        let burst = nanoseconds(burst);
        let (at, used, total) = Default::default();
        Self { share: share.map(|share| share.clamp(1, 100)), burst, left: burst, at, used, total }
    }

    /// Another thread begins, which has used so much processor time, on a machine with so many processors.
    pub(crate) fn begin(&mut self, used: Duration, processors: impl FnOnce() -> usize) {
        self.share.get_or_insert_with(|| usual_share(processors()));
        self.used = used;
    }

    /// Takes off what the thread has used, which is `used` in all by the time `now`.
    pub(crate) fn note(&mut self, now: Duration, used: Duration) {
        let passed = nanoseconds(now.saturating_sub(self.at));
        let took = used.saturating_sub(self.used);
        let filled = passed.saturating_mul(self.share().into()) / 100;
        self.left = self.left.saturating_add(filled).min(self.burst);
        self.left = self.left.saturating_sub(nanoseconds(took));
        (self.at, self.used) = (now, used);
        self.total += took;
    }

    /// How long nothing more may be used.
    pub(crate) fn rest(&self) -> Duration {
        let over = u64::try_from(self.left.saturating_neg()).unwrap_or(0);
        Duration::from_nanos(over.saturating_mul(100) / u64::from(self.share()))
    }

    fn share(&self) -> u32 {
        self.share.unwrap_or(SHARE_OF_FEW)
    }

    /// What has been used in all.
    pub(crate) fn total(&self) -> Duration {
        self.total
    }
}

fn nanoseconds(of: Duration) -> i64 {
    i64::try_from(of.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_free_and_then_the_share_is_kept() {
        let mut pace = Pace::new(Some(25), ms(100));
        pace.begin(ms(7), || 2);
        pace.note(ms(90), ms(87));
        assert_eq!((pace.rest(), pace.total()), (Duration::ZERO, ms(80)));
        // 20 ms and a quarter of 90 were left.
        pace.note(ms(170), ms(127));
        assert_eq!(pace.rest(), Duration::ZERO);
        pace.note(ms(170), ms(137));
        assert_eq!(pace.rest(), ms(40));
        pace.note(ms(210), ms(137));
        assert_eq!(pace.rest(), Duration::ZERO);
    }

    #[test]
    fn what_is_not_used_is_kept_up_to_the_burst_and_for_the_next_thread() {
        let mut pace = Pace::new(Some(50), ms(100));
        pace.note(ms(1000), ms(100));
        pace.begin(Duration::ZERO, || 2);
        pace.note(ms(1000), ms(30));
        assert_eq!((pace.rest(), pace.total()), (ms(60), ms(130)));
        pace.note(ms(100_000), ms(30));
        pace.note(ms(100_000), ms(131));
        assert_eq!(pace.rest(), ms(2));
    }

    #[test]
    fn however_long_it_runs_it_uses_its_share() {
        let mut pace = Pace::new(Some(10), ms(50));
        let (mut now, mut used) = (ms(0), ms(0));
        while now < ms(60_000) {
            (now, used) = (now + ms(3), used + ms(3));
            pace.note(now, used);
            now += pace.rest();
            pace.note(now, used);
        }
        assert!((ms(5_900)..ms(6_100)).contains(&used), "{used:?}");
    }

    #[test]
    fn with_many_processors_one_is_the_compilers() {
        assert_eq!([1, 2, 3, 4, 64].map(usual_share), [50, 50, 50, 100, 100]);
    }
}
