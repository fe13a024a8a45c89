//! One thread's work: units to machine code, with memory that is used again.

use crate::translate::{Source, Translator};
use crate::{Baseline, stubs};
use dunlin_module::{
    CompileError, CompiledFunction, Module, Profile, STATIC_ELEMENT_BYTES, StaticTables, Unit,
    Worker,
};

/// Compiles units of one module.
pub(crate) struct FunctionWorker<'m> {
    compiler: &'m Baseline,
    module: &'m Module,
    tables: &'m StaticTables,
    translator: Translator<'m>,
}

impl<'m> FunctionWorker<'m> {
    pub(crate) fn new(
        compiler: &'m Baseline,
        module: &'m Module,
        tables: &'m StaticTables,
        profile: Option<&'m dyn Profile>,
    ) -> Self {
        let Baseline { settings, counts, observes } = compiler;
        let (counts, observes) = (*counts, *observes);
        let source = Source { module, tables, settings, counts, observes, profile };
        let translator = Translator::new(&source);
        Self { compiler, module, tables, translator }
    }
}

impl Worker for FunctionWorker<'_> {
    fn compile(&mut self, unit: Unit) -> Result<CompiledFunction, CompileError> {
        let (module, settings) = (self.module, &self.compiler.settings);
        let ty = |index: u32| module.func_type_at(index);
        match unit {
            Unit::Func(index) => self.translator.function(index),
            Unit::Enter(index) => Ok(stubs::enter(ty(index), settings)),
            Unit::LeaveRef(index) => Ok(stubs::leave(ty(index), stubs::Leave::Ref, settings)),
            Unit::LeaveFunc(index) => {
                let imported = index < module.func_imports();
                let to =
                    if imported { stubs::Leave::Import(index) } else { stubs::Leave::Func(index) };
                Ok(stubs::leave(module.func_type(index), to, settings))
            }
            Unit::Loop(..) => {
                Err(CompileError::new("this tier's ways into loops come with their functions"))
            }
            Unit::Tables => {
                let code = self.tables.to_bytes();
                let alignment = STATIC_ELEMENT_BYTES as u32;
                Ok(CompiledFunction { code, alignment, ..CompiledFunction::default() })
            }
        }
    }
}
