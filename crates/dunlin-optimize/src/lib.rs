//! The optimising tier: WebAssembly to machine code, with Cranelift as the code generator.
//!
//! [`Optimizer`] is a [`Compiler`]: it makes plain data of a module's functions and of the stubs by which
//! calls enter and leave compiled code. The translation from WebAssembly to Cranelift's CLIF is our own,
//! one short function for each operator (`translate/`); it trusts that the body has been validated. Between
//! the code generator's optimiser and its lowering there are passes of ours (`passes/`).
//!
//! Invariants: compiled code touches memory only through the layout that the VM asserts
//! (`dunlin_module::layout`); every access of a memory or table is checked, and masked where a
//! processor may run ahead of the check; code of one function never contains the address of another.
//!
//! Does **not** know: the VM's memory, stores, who runs the code.

#![forbid(unsafe_code)]

mod fuel;
mod isa;
mod limits;
#[cfg(test)]
mod masks;
mod passes;
mod stubs;
mod translate;
mod tuning;
mod work;
mod worker;

pub use dunlin_module::{Bounds, Polls, Settings};
#[cfg(feature = "disassemble")]
pub use isa::listing::{Line, LineKind, disassemble};

use cranelift_codegen::isa::OwnedTargetIsa;
use dunlin_module::settings;
use dunlin_module::{CompileError, Compiler, Module, Profile, StaticTables, Unit, Worker};

/// The optimising compiler: for the machine that it runs on, unless it is told otherwise.
pub struct Optimizer {
    isa: OwnedTargetIsa,
    extensions: Vec<&'static str>,
    settings: Settings,
}

impl Optimizer {
    /// A compiler with these settings.
    ///
    /// # Errors
    ///
    /// If code for this machine cannot be made.
    pub fn new(settings: Settings) -> Result<Self, CompileError> {
        Self::of(settings, isa::host()?)
    }

    /// A compiler for x86-64 with the extensions of these names (`has_avx2`) and no others, whatever the
    /// machine has that it runs on. Its code runs where they all are.
    ///
    /// # Errors
    ///
    /// If there is no such extension, or code cannot be made without one that is not named.
    pub fn with_extensions(settings: Settings, names: &[&str]) -> Result<Self, CompileError> {
        Self::of(settings, isa::named(names)?)
    }

    fn of(settings: Settings, extensions: Vec<&'static str>) -> Result<Self, CompileError> {
        Ok(Self { isa: isa::generator(&settings, &extensions)?, extensions, settings })
    }

    /// What changes the code that is made.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Extensions of the machine that code may use: it runs where all of them are.
    #[must_use]
    pub fn extensions(&self) -> &[&'static str] {
        &self.extensions
    }

    /// What machine code is made of, as text: a unit's translation to CLIF, before Cranelift improves
    /// it. `@` and a number before an instruction is the operator's offset in the module.
    ///
    /// # Errors
    ///
    /// As [`Worker::compile`].
    pub fn clif(
        &self,
        module: &Module,
        tables: &StaticTables,
        unit: Unit,
    ) -> Result<String, CompileError> {
        worker::FunctionWorker::new(&*self.isa, &self.settings, module, tables, None).clif(unit)
    }

    /// The versions of this crate and of the code generator.
    #[must_use]
    pub fn version() -> String {
        format!("{} {}", env!("CARGO_PKG_VERSION"), cranelift_codegen::VERSION)
    }
}

impl Compiler for Optimizer {
    fn work(&self, module: &Module, func: u32) -> u64 {
        let work = work::Work::of(module, func);
        work.map_or(0, |work| if work.check().is_ok() { work.units() } else { 0 })
    }

    fn worker<'m>(&'m self, module: &'m Module, tables: &'m StaticTables) -> Box<dyn Worker + 'm> {
        Box::new(worker::FunctionWorker::new(&*self.isa, &self.settings, module, tables, None))
    }

    fn guided_worker<'m>(
        &'m self,
        module: &'m Module,
        tables: &'m StaticTables,
        profile: &'m dyn Profile,
    ) -> Box<dyn Worker + 'm> {
        let profile = Some(profile);
        Box::new(worker::FunctionWorker::new(&*self.isa, &self.settings, module, tables, profile))
    }
}

impl std::fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Optimizer").field("settings", &self.settings).finish_non_exhaustive()
    }
}
