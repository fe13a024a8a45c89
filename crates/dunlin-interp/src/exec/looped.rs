//! Handlers that return to a loop: for builds without optimisation, Miri, and machines with few
//! registers.

use super::dispatch::Table;
use super::regs::Regs;
use super::{Exit, Mode, Op, Step};
use core::marker::PhantomData;

/// A handler for executions of mode `M`.
pub(crate) struct Handler<M: Mode>(fn(Regs) -> Step<M>, PhantomData<M>);

impl<M: Mode> Clone for Handler<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Mode> Copy for Handler<M> {}

/// The handler of `O`.
pub(crate) const fn handler<O: Op, M: Mode>() -> Handler<M> {
    Handler(entry::<O, M>, PhantomData)
}

fn entry<O: Op, M: Mode>(mut r: Regs) -> Step<M> {
    if M::FUEL && O::COST > 0 && !r.pay(O::COST.into()) {
        return r.out_of_fuel();
    }
    O::run::<M>(r)
}

/// Runs from the operator at `r.ip` until the host's frame is returned to or something fails.
pub(crate) fn run<M: Mode>(r: Regs) -> Exit {
    let mut step = Step::<M>::Next(r);
    loop {
        step = match step {
            Step::Next(mut r) => Table::<M>::ONE[r.fetch() as usize].0(r),
            Step::Go(handler, r) => handler.0(r),
            Step::Exit(exit) => return exit,
        };
    }
}
