//! One thread's work: units to machine code, with memory that is used again.

use crate::stubs;
use crate::translate::{self, Kept};
use dunlin_module::{
    CompileError, CompiledFunction, Module, STATIC_ELEMENT_BYTES, Settings, StaticTables, Unit,
    Worker,
};

/// Compiles units of one module.
pub(crate) struct FunctionWorker<'m> {
    settings: &'m Settings,
    module: &'m Module,
    tables: &'m StaticTables,
    kept: Kept,
}

impl<'m> FunctionWorker<'m> {
    pub(crate) fn new(
        settings: &'m Settings,
        module: &'m Module,
        tables: &'m StaticTables,
    ) -> Self {
        Self { settings, module, tables, kept: Kept::default() }
    }
}

impl Worker for FunctionWorker<'_> {
    fn compile(&mut self, unit: Unit) -> Result<CompiledFunction, CompileError> {
        let module = self.module;
        let ty = |index: u32| module.func_type_at(index);
        match unit {
            Unit::Func(index) => {
                let source =
                    translate::Source { module, tables: self.tables, settings: self.settings };
                translate::function(&source, index, &mut self.kept)
            }
            Unit::Enter(index) => Ok(stubs::enter(ty(index), self.settings)),
            Unit::LeaveRef(index) => Ok(stubs::leave(ty(index), stubs::Leave::Ref, self.settings)),
            Unit::LeaveFunc(index) => {
                let imported = index < module.func_imports();
                let to =
                    if imported { stubs::Leave::Import(index) } else { stubs::Leave::Func(index) };
                Ok(stubs::leave(module.func_type(index), to, self.settings))
            }
            Unit::Tables => {
                let code = self.tables.to_bytes();
                let alignment = STATIC_ELEMENT_BYTES as u32;
                Ok(CompiledFunction { code, alignment, ..CompiledFunction::default() })
            }
        }
    }
}
