//! The baseline tier: WebAssembly to machine code in one pass.
//!
//! [`Baseline`] is a [`Compiler`]: it makes plain data of a module's functions and of the ways by which calls
//! enter and leave compiled code, in the convention of the optimising tier, so that both call each other. It
//! trusts that a body has been validated.
//!
//! 1. A look at the body counts how often each local is used, loops weighing more (`translate/scan.rs`). Those
//!    used most live in registers throughout; the others in their slots.
//! 2. A pass over the operators makes code as it goes (`translate/`): operands are constants, locals, registers
//!    or slots, and are written to their slots where blocks begin and at calls.
//!
//! Slots of locals and operands are numbered as the interpreter's frames number them. References that the collector
//! follows are in their slots at every call, and all locals where an exception may arrive behind one
//! (`translate/exceptions.rs`). Objects are made in place where there is room, which is no call. Constants
//! of vectors lie behind the function's code (`translate/vector/pool.rs`).
//!
//! Invariants: code touches memory only through the layout that the VM asserts (`dunlin_module::layout`); every
//! access of a memory or table is checked, and masked where a processor may run ahead of the check; code of one
//! function never contains the address of another. An operator that this tier does not know is an error, and the
//! function runs elsewhere. A verifier of the emitted code holds the tier to that in its tests
//! (`tests/support/verifier.rs`).
//!
//! Does **not** know: the VM's memory, stores, who runs the code, the optimising tier.

#![forbid(unsafe_code)]

mod isa;
mod limits;
mod stubs;
mod translate;
mod tuning;
mod worker;

use dunlin_core::numeric::Relaxed;
use dunlin_module::processor::{FMA, OSXSAVE, POPCNT, SSE4_2, has};
use dunlin_module::{CompileError, Compiler, Module, Profile, Settings, StaticTables, Worker};

/// The baseline compiler, for the machine that it runs on.
#[derive(Clone, Debug)]
pub struct Baseline {
    pub(crate) settings: Settings,
    /// Whether code counts what it executes.
    pub(crate) counts: bool,
    /// Whether it notes where control gets.
    pub(crate) observes: bool,
}

impl Baseline {
    /// A compiler with these settings.
    ///
    /// # Errors
    ///
    /// If code for this machine cannot be made.
    pub fn new(settings: Settings) -> Result<Self, CompileError> {
        if !is_supported() {
            return Err(CompileError::new(
                "the baseline tier needs an x86-64 processor with SSE4.2 and POPCNT",
            ));
        }
        if settings.relaxed == Relaxed::Fused && !fuses() {
            return Err(CompileError::new("fused products need a processor with FMA"));
        }
        Ok(Self { settings, counts: false, observes: false })
    }

    /// The same compiler, whose code charges what it executes to its function's budget
    /// (`layout::vm_context::BUDGETS`): the body's bytes where it begins, a loop's where that does. It says when one
    /// has run out ([`Builtin::RanOut`](dunlin_module::Builtin::RanOut)), and has ways into its loops
    /// ([`CompiledFunction::loops`](dunlin_module::CompiledFunction::loops)).
    #[must_use]
    pub fn counting(self) -> Self {
        Self { counts: true, ..self }
    }

    /// The same compiler, whose code counts, and notes where control gets (`layout::vm_context::PROFILE`) if it is given
    /// a [`Profile`] to take notes in.
    #[must_use]
    pub fn observing(self) -> Self {
        Self { observes: true, ..self.counting() }
    }

    /// What changes the code that is made.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// Whether code of this tier runs on this machine.
#[must_use]
pub fn is_supported() -> bool {
    has(SSE4_2 | POPCNT)
}

/// Whether this machine adds products before it rounds them, and its operating system saves more registers than
/// the oldest. Who asks for fused products has seen that it saves those of AVX.
fn fuses() -> bool {
    has(FMA | OSXSAVE)
}

impl Compiler for Baseline {
    fn work(&self, module: &Module, func: u32) -> u64 {
        let bytes = module.body_range(func).map_or(0, |body| body.len());
        if bytes > limits::BODY_BYTES_MAX { 0 } else { 1 + (bytes / tuning::BYTES_PER_WORK) as u64 }
    }

    fn worker<'m>(&'m self, module: &'m Module, tables: &'m StaticTables) -> Box<dyn Worker + 'm> {
        Box::new(worker::FunctionWorker::new(self, module, tables, None))
    }

    fn guided_worker<'m>(
        &'m self,
        module: &'m Module,
        tables: &'m StaticTables,
        profile: &'m dyn Profile,
    ) -> Box<dyn Worker + 'm> {
        let profile = self.counts.then_some(profile);
        Box::new(worker::FunctionWorker::new(self, module, tables, profile))
    }
}
