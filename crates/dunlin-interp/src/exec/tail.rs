//! Handlers that jump to each other.
//!
//! All registers travel as arguments of one calling convention, so that a call in tail position is a
//! jump: `return TABLE[*ip](ip + 1, …)` compiles to one indirect `jmp`. This holds as long as a handler
//! keeps nothing on the native stack; `cargo xtask machine-code` checks that of the hot ones, and a
//! script of `dunlin-wast` executes all of them very often.
//!
//! A handler keeps something on the stack as soon as it lends its registers to a function whose body the
//! compiler does not see: that function might keep the address. Hence everything in this folder that
//! takes or returns registers is `#[inline]`, the slow handlers too: not to be inlined, but to be seen
//! by each codegen unit. Without that, the profile that cargo gives to embedders by default (16 units)
//! turns jumps into calls.
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

        /// The code of handler `O`. Never inlined: a slow handler's needs must not become those of the
        /// quick one that leaves a case to it.
        #[inline(never)]
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

/// Performs a step by jumping. Each arm has a jump of its own, which predictors like, and which keeps
/// the needs of rare arms out of the common one.
#[inline(always)]
fn perform<M: Mode>(step: Step<M>) -> u64 {
    match step {
        Step::Next(mut r) => {
            let handler = &raw const Table::<M>::ONE[r.fetch() as usize];
            // SAFETY: the pointer is to an entry of a constant table. Volatile, so that the entry is in a
            // register before the others are moved to their places: folded into the jump, the table and
            // the index would need two, which the hot handlers do not have.
            let handler = unsafe { handler.read_volatile() };
            jump(handler, r)
        }
        Step::Go(handler, r) => jump(handler, r),
        // Opaque, or handlers that always fail would be called and not jumped to: their callers would know
        // the result.
        Step::Exit(exit) => core::hint::black_box(exit as u64),
    }
}

#[inline(always)]
fn jump<M>(handler: Handler<M>, r: Regs) -> u64 {
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
