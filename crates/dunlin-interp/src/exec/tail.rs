//! Handlers that jump to each other.
//!
//! All registers travel as arguments of one calling convention, so that a call in tail position is a
//! jump: `return TABLE[*ip](ip + 1, …)` compiles to one indirect `jmp`. This holds as long as a handler
//! keeps nothing on the native stack; `cargo xtask machine-code` checks that of the hot ones.
//! wasmi 2 showed that stable Rust can do this.

use super::dispatch::Table;
use super::regs::Regs;
use super::{Exit, Mode, Op, Step};
use dunlin_vm::context::VmContext;

macro_rules! convention {
    ($abi:literal) => {
        /// A handler as machine code: its registers are arguments.
        pub(crate) type Handler<M> = TailHandler<M>;

        type Raw = unsafe extern $abi fn(
            *const u8,
            *mut u64,
            *mut u64,
            *const u64,
            *mut VmContext,
            u64,
        ) -> u64;

        /// The code of handler `O`.
        unsafe extern $abi fn entry<O: Op, M: Mode>(
            ip: *const u8,
            sp: *mut u64,
            fp: *mut u64,
            stp: *const u64,
            cx: *mut VmContext,
            tos: u64,
        ) -> u64 {
            // SAFETY: whoever jumps here passes on the registers of a step, or of `run`.
            let mut r = unsafe { Regs::from_parts(ip, sp, fp, stp, cx, tos) };
            if M::FUEL && O::COST > 0 && !r.pay(O::COST.into()) {
                let step = r.out_of_fuel::<M>();
                return perform(step);
            }
            perform(O::run::<M>(r))
        }
    };
}

#[cfg(target_arch = "x86_64")]
convention!("sysv64-unwind");
#[cfg(not(target_arch = "x86_64"))]
convention!("C-unwind");

/// A handler for executions of mode `M`.
pub(crate) struct TailHandler<M>(Raw, core::marker::PhantomData<M>);

impl<M> Clone for TailHandler<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for TailHandler<M> {}

/// The handler of `O`.
pub(crate) const fn handler<O: Op, M: Mode>() -> Handler<M> {
    TailHandler(entry::<O, M>, core::marker::PhantomData)
}

/// Performs a step by jumping.
#[inline(always)]
fn perform<M: Mode>(step: Step<M>) -> u64 {
    let (handler, r) = match step {
        Step::Next(mut r) => (Table::<M>::ONE[r.fetch() as usize], r),
        Step::Go(handler, r) => (handler, r),
        Step::Exit(exit) => return exit as u64,
    };
    let (ip, sp, fp, stp, cx, tos) = r.into_parts();
    // SAFETY: the registers are those of a step, as every handler expects.
    unsafe { handler.0(ip, sp, fp, stp, cx, tos) }
}

/// Runs from the operator at `r.ip` until the host's frame is returned to or something fails.
pub(crate) fn run<M: Mode>(r: Regs) -> Exit {
    match perform::<M>(Step::Next(r)) {
        0 => Exit::Return,
        _ => Exit::Failed,
    }
}
