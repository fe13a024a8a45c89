//! `wasi:clocks`: the steady clock and the time of day.

use dunlin_component::record;

use super::link::Interfaces;
use super::poll::Pollable;
use super::state::ComponentCtx;

const NANOSECONDS: u64 = 1_000_000_000;

record! {
    /// A moment, or a span, since 1970.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Datetime {
        pub(super) seconds: u64 => "seconds",
        pub(super) nanoseconds: u32 => "nanoseconds",
    }
}

impl From<u64> for Datetime {
    fn from(ns: u64) -> Datetime {
        Datetime { seconds: ns / NANOSECONDS, nanoseconds: (ns % NANOSECONDS) as u32 }
    }
}

impl Datetime {
    /// In nanoseconds; `None` for more than a number holds, or parts that are no parts of a second.
    pub(super) fn nanoseconds(self) -> Option<u64> {
        let is_part = u64::from(self.nanoseconds) < NANOSECONDS;
        let whole = self.seconds.checked_mul(NANOSECONDS).filter(|_| is_part)?;
        whole.checked_add(self.nanoseconds.into())
    }
}

pub(super) fn define<T, G>(all: &mut Interfaces<'_, T, G>) -> dunlin::Result<()>
where
    T: 'static,
    G: Fn(&mut T) -> &mut ComponentCtx + Clone + Send + Sync + 'static,
{
    all.named("wasi:clocks/monotonic-clock")?
        .func("now", |state, ()| Ok(state.ctx.monotonic.now_ns()))?
        .func("resolution", |state, ()| Ok(state.ctx.monotonic.resolution_ns()))?
        .func("subscribe-instant", |state, (when,): (u64,)| state.give(Pollable::Moment(when)))?
        .func("subscribe-duration", |state, (span,): (u64,)| {
            let when = state.ctx.monotonic.now_ns().saturating_add(span);
            state.give(Pollable::Moment(when))
        })?;
    all.named("wasi:clocks/wall-clock")?
        .func("now", |state, ()| Ok(Datetime::from(state.ctx.realtime.now_ns())))?
        .func("resolution", |state, ()| Ok(Datetime::from(state.ctx.realtime.resolution_ns())))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_numbers_and_back() {
        let moment = Datetime { seconds: 3, nanoseconds: 7 };
        assert_eq!(moment.nanoseconds(), Some(3_000_000_007));
        assert_eq!(Datetime::from(3_000_000_007), moment);
        assert_eq!(Datetime { seconds: u64::MAX, nanoseconds: 0 }.nanoseconds(), None);
        assert_eq!(Datetime { seconds: 0, nanoseconds: 1_000_000_000 }.nanoseconds(), None);
    }
}
