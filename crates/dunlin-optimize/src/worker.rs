//! One thread's work: a unit to CLIF, through our passes to machine code, machine code to plain data.

use crate::settings::Settings;
use crate::{passes, stubs, translate, tuning};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, SourceLoc, TrapCode as ClifTrap};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{
    CompiledCode, Context, FinalizedMachReloc, FinalizedRelocTarget, binemit::Reloc,
};
use cranelift_frontend::FunctionBuilderContext;
use dunlin_core::TrapCode;
use dunlin_module::compile::Relocation;
use dunlin_module::{
    Builtin, CompileError, CompiledFunction, Module, STATIC_ELEMENT_BYTES, StaticTables, Unit,
    Worker,
};

/// Compiles units of one module.
pub(crate) struct FunctionWorker<'m> {
    isa: &'m dyn TargetIsa,
    settings: &'m Settings,
    module: &'m Module,
    tables: &'m StaticTables,
    context: Context,
    allocator: regalloc2::Ctx,
    builder: FunctionBuilderContext,
}

impl<'m> FunctionWorker<'m> {
    pub(crate) fn new(
        isa: &'m dyn TargetIsa,
        settings: &'m Settings,
        module: &'m Module,
        tables: &'m StaticTables,
    ) -> Self {
        let (context, builder) = (Context::new(), FunctionBuilderContext::new());
        let allocator = regalloc2::Ctx::default();
        Self { isa, settings, module, tables, context, allocator, builder }
    }

    fn build(&mut self, unit: Unit) -> Result<(), CompileError> {
        let (func, builder) = (&mut self.context.func, &mut self.builder);
        let config = self.isa.frontend_config();
        match unit {
            Unit::Func(index) => {
                let source = translate::Source { module: self.module, tables: self.tables, index };
                translate::function(&source, self.settings, config, func, builder)?;
            }
            Unit::Enter(ty) => stubs::enter(self.module, ty, config, func, builder),
            Unit::LeaveFunc(index) => stubs::leave_func(self.module, index, config, func, builder),
            Unit::LeaveRef(ty) => stubs::leave_ref(self.module, ty, config, func, builder),
            Unit::Tables => return Err(CompileError::new("tables are not code")),
        }
        Ok(())
    }

    /// Makes machine code of what has been built: the code generator's optimiser, our passes, the rest of
    /// the code generator.
    fn generate(&mut self) -> Result<CompiledCode, CompileError> {
        let (context, isa) = (&mut self.context, self.isa);
        let mut plane = ControlPlane::default();
        context.optimize(isa, &mut plane).map_err(CompileError::new)?;
        if passes::run(context, self.settings) {
            context.verify_if(isa).map_err(CompileError::new)?;
        }
        let (func, domtree) = (&context.func, &context.domtree);
        let allocator = &mut self.allocator;
        let compiled = isa.compile_function(func, domtree, allocator, false, &mut plane);
        Ok(compiled.map_err(CompileError::new)?.apply_params(&context.func.params))
    }
}

impl Worker for FunctionWorker<'_> {
    fn compile(&mut self, unit: Unit) -> Result<CompiledFunction, CompileError> {
        if unit == Unit::Tables {
            let code = self.tables.to_bytes();
            let alignment = STATIC_ELEMENT_BYTES as u32;
            return Ok(CompiledFunction { code, alignment, ..CompiledFunction::default() });
        }
        self.context.clear();
        if let Err(error) = self.build(unit) {
            // A half-built function must not leak into the next one.
            self.builder = FunctionBuilderContext::new();
            return Err(error);
        }
        let compiled = self.generate()?;
        let buffer = &compiled.buffer;
        let relocations = buffer.relocs().iter().map(|r| relocation(r, &self.context.func));
        let mut source: Vec<(u32, u32)> = Vec::new();
        for range in buffer.get_srclocs_sorted() {
            let of = |loc: SourceLoc| if loc.is_default() { u32::MAX } else { loc.bits() };
            if source.last().is_some_and(|(start, _)| *start == range.start) {
                source.pop();
            }
            source.push((range.start, of(range.loc)));
            source.push((range.end, u32::MAX));
        }
        Ok(CompiledFunction {
            code: buffer.data().to_vec(),
            alignment: match unit {
                Unit::Func(_) => buffer.alignment.max(tuning::FUNCTION_ALIGNMENT),
                _ => buffer.alignment,
            },
            relocations: relocations.collect::<Result<_, _>>()?,
            traps: buffer.traps().iter().map(|trap| (trap.offset, trap_code(trap.code))).collect(),
            source,
        })
    }
}

/// Our word for a relocation; only builtins' addresses are ever asked for.
fn relocation(reloc: &FinalizedMachReloc, func: &Function) -> Result<Relocation, CompileError> {
    let refused = || CompileError::new(format_args!("unexpected relocation {reloc:?}"));
    let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = &reloc.target else {
        return Err(refused());
    };
    let index = func.params.user_named_funcs()[*name].index as usize;
    let builtin = *Builtin::ALL.get(index).ok_or_else(refused)?;
    if reloc.kind != Reloc::Abs8 {
        return Err(refused());
    }
    Ok(Relocation { offset: reloc.offset, builtin, addend: reloc.addend })
}

/// The number by which CLIF knows one of our trap codes.
pub(crate) fn clif_trap(code: TrapCode) -> ClifTrap {
    match code {
        TrapCode::StackOverflow => ClifTrap::STACK_OVERFLOW,
        TrapCode::IntegerOverflow => ClifTrap::INTEGER_OVERFLOW,
        TrapCode::IntegerDivisionByZero => ClifTrap::INTEGER_DIVISION_BY_ZERO,
        TrapCode::InvalidConversionToInteger => ClifTrap::BAD_CONVERSION_TO_INTEGER,
        code => ClifTrap::unwrap_user(code as u8),
    }
}

/// Our trap code for one of CLIF's.
fn trap_code(code: ClifTrap) -> TrapCode {
    let found = TrapCode::ALL.iter().copied().find(|ours| clif_trap(*ours) == code);
    found.unwrap_or(TrapCode::Unreachable)
}
