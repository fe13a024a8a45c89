//! One thread's work: a unit to CLIF, through our passes to machine code, machine code to
//! plain data.
//!
//! Ways in and out are the same for equal types but for numbers that follow from the index of the function
//! that a way out leads to, each of which stands in its code once. They are made for each type once and
//! copied: a module may have a hundred thousand functions, and no more types than it has bytes for.

use crate::settings::Settings;
use crate::stubs::{Leave, Stubs, import_offset};
use crate::translate::{Candidates, Translated};
use crate::{passes, translate, tuning, work};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{
    ExternalName, Function, SourceLoc, TrapCode as ClifTrap, UserStackMap,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{
    CompiledCode, Context, FinalizedMachExceptionHandler, FinalizedMachReloc, FinalizedRelocTarget,
    binemit::Reloc,
};
use cranelift_frontend::FunctionBuilderContext;
use dunlin_core::{FuncType, TrapCode};
use dunlin_module::compile::{CallHandler, Relocation};
use dunlin_module::layout::import_call;
use dunlin_module::{
    BranchHints, Builtin, CompileError, CompiledFunction, Module, Profile, STATIC_ELEMENT_BYTES,
    StaticTables, Unit, Worker,
};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

/// Compiles units of one module.
pub(crate) struct FunctionWorker<'m> {
    isa: &'m dyn TargetIsa,
    settings: &'m Settings,
    module: &'m Module,
    tables: &'m StaticTables,
    /// How the module has run, where that is known.
    profile: Option<&'m dyn Profile>,
    /// Read when the first function is built.
    hints: OnceCell<BranchHints>,
    /// What is known of functions that are called.
    candidates: RefCell<Candidates>,
    /// What is known of the latest unit.
    translated: Translated,
    context: Context,
    allocator: regalloc2::Ctx,
    builder: FunctionBuilderContext,
    /// Ways in and out that have been made, by the type that they are for.
    stubs: HashMap<(Stub, &'m FuncType), CompiledFunction>,
}

/// A way in or out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Stub {
    Enter,
    Leave(Leave),
}

/// Stands for the index of any function in the code of a way out: a number that nothing else there is.
const ANY_FUNC: u32 = 0x5eed_1dea;
/// Stands for the index of any imported function: the same is true of the offsets of its record's fields.
const ANY_IMPORT: u32 = 0x02ed_1dea;

/// What stands in the code of a way out because of where it leads.
fn numbers(to: Leave) -> Vec<u32> {
    match to {
        Leave::Func(index) => vec![index],
        Leave::Import(index) => [import_call::HOST, import_call::DATA]
            .map(|of| import_offset(index, of) as u32)
            .to_vec(),
        Leave::Ref => Vec::new(),
    }
}

impl<'m> FunctionWorker<'m> {
    pub(crate) fn new(
        isa: &'m dyn TargetIsa,
        settings: &'m Settings,
        module: &'m Module,
        tables: &'m StaticTables,
        profile: Option<&'m dyn Profile>,
    ) -> Self {
        let (context, builder) = (Context::new(), FunctionBuilderContext::new());
        let allocator = regalloc2::Ctx::default();
        let stubs = HashMap::new();
        let hints = OnceCell::new();
        let (candidates, translated) = (RefCell::default(), Translated::default());
        Self {
            isa,
            settings,
            module,
            tables,
            profile,
            hints,
            candidates,
            translated,
            context,
            allocator,
            builder,
            stubs,
        }
    }

    /// What the latest unit was made of, as it was when instructions were chosen.
    #[cfg(test)]
    pub(crate) fn built(&self) -> &Function {
        &self.context.func
    }

    fn function(
        &mut self,
        index: u32,
        into_loop: Option<u32>,
    ) -> Result<CompiledFunction, CompileError> {
        self.build(index, into_loop)?;
        let mut made = self.generate()?;
        made.alignment = made.alignment.max(tuning::FUNCTION_ALIGNMENT);
        Ok(made)
    }

    /// Builds the CLIF of a function, or of the way into one of its loops.
    fn build(&mut self, index: u32, into_loop: Option<u32>) -> Result<(), CompileError> {
        let work = work::Work::of(self.module, index)?;
        work.check()?;
        self.context.clear();
        let (func, builder) = (&mut self.context.func, &mut self.builder);
        let (module, tables) = (self.module, self.tables);
        let hints = self.hints.get_or_init(|| module.branch_hints());
        let (profile, candidates) = (self.profile, &self.candidates);
        let source = translate::Source { module, tables, hints, profile, candidates };
        let config = self.isa.frontend_config();
        let is_guided = self.profile.is_some();
        let inlined_bytes = if is_guided { work.guided_bytes() } else { work.inlined_bytes() };
        let what = translate::What { func: index, into_loop, inlined_bytes };
        match translate::function(&source, what, self.settings, config, func, builder) {
            Ok(translated) => self.translated = translated,
            Err(error) => {
                // A half-built function must not leak into the next one.
                self.builder = FunctionBuilderContext::new();
                return Err(error);
            }
        }
        Ok(())
    }

    /// A way in or out, made or copied.
    fn stub(&mut self, stub: Stub, ty: &'m FuncType) -> Result<CompiledFunction, CompileError> {
        if let Some(made) = self.stubs.get(&(stub, ty)) {
            return Ok(made.clone());
        }
        self.build_stub(stub, ty);
        let made = self.generate()?;
        let serves_many = match stub {
            Stub::Enter | Stub::Leave(Leave::Ref) => true,
            Stub::Leave(Leave::Func(index)) => index == ANY_FUNC,
            Stub::Leave(Leave::Import(index)) => index == ANY_IMPORT,
        };
        if serves_many {
            self.stubs.insert((stub, ty), made.clone());
        }
        Ok(made)
    }

    /// Builds the CLIF of a way in or out.
    fn build_stub(&mut self, stub: Stub, ty: &FuncType) {
        self.context.clear();
        self.translated = Translated::default();
        let (func, builder) = (&mut self.context.func, &mut self.builder);
        let stubs = Stubs { fuel: self.settings.fuel, config: self.isa.frontend_config() };
        match stub {
            Stub::Enter => stubs.enter(ty, func, builder),
            Stub::Leave(to) => stubs.leave(ty, to, func, builder),
        }
    }

    /// Where the way out to a function leads.
    fn leave_of(&self, index: u32) -> Leave {
        if index < self.module.func_imports() { Leave::Import(index) } else { Leave::Func(index) }
    }

    /// The way out to a function: that to any of its type, with the numbers filled in.
    fn leave_func(&mut self, index: u32) -> Result<CompiledFunction, CompileError> {
        let ty = self.module.func_type(index);
        let to = self.leave_of(index);
        let any = match to {
            Leave::Import(_) => Leave::Import(ANY_IMPORT),
            Leave::Func(_) | Leave::Ref => Leave::Func(ANY_FUNC),
        };
        let mut made = self.stub(Stub::Leave(any), ty)?;
        for (any, number) in numbers(any).into_iter().zip(numbers(to)) {
            let any = any.to_le_bytes();
            let four = made.code.windows(any.len()).enumerate();
            let mut places = four.filter(|(_, four)| *four == any);
            let (Some((at, _)), None) = (places.next(), places.next()) else {
                // Wherever the code generator has put it, it is not to be found: the way is made by itself.
                return self.stub(Stub::Leave(to), ty);
            };
            made.code[at..at + any.len()].copy_from_slice(&number.to_le_bytes());
        }
        Ok(made)
    }

    /// Makes machine code of what has been built: the code generator's optimiser, our passes, the rest of
    /// the code generator.
    fn code(&mut self) -> Result<CompiledCode, CompileError> {
        let (context, isa) = (&mut self.context, self.isa);
        let mut plane = ControlPlane::default();
        if self.translated.has_dead_code {
            // What is before a loop that the code leads into: our passes look at what is executed.
            context.compute_cfg();
            context.compute_domtree();
            context.eliminate_unreachable_code(isa).map_err(CompileError::new)?;
        }
        passes::prepare(&mut context.func);
        context.optimize(isa, &mut plane).map_err(CompileError::new)?;
        if passes::run(context, self.settings) {
            context.verify_if(isa).map_err(CompileError::new)?;
        }
        let (func, domtree) = (&context.func, &context.domtree);
        let allocator = &mut self.allocator;
        let compiled = isa.compile_function(func, domtree, allocator, false, &mut plane);
        Ok(compiled.map_err(CompileError::new)?.apply_params(&context.func.params))
    }

    /// Machine code of what has been built, and its tables, as plain data.
    fn generate(&mut self) -> Result<CompiledFunction, CompileError> {
        let compiled = self.code()?;
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
        let handlers = buffer.call_sites().filter_map(|site| {
            let handler = site.exception_handlers.iter().find_map(|handler| match handler {
                FinalizedMachExceptionHandler::Default(offset) => Some(*offset),
                _ => None,
            })?;
            let frame_bytes = site.frame_offset?;
            Some(CallHandler { returns_to: site.ret_addr, handler, frame_bytes })
        });
        Ok(CompiledFunction {
            handlers: handlers.collect(),
            code: buffer.data().to_vec(),
            alignment: buffer.alignment,
            relocations: relocations.collect::<Result<_, _>>()?,
            traps: buffer.traps().iter().map(|trap| (trap.offset, trap_code(trap.code))).collect(),
            source,
            maps: buffer.user_stack_maps().iter().map(frame_map).collect(),
            inlined: self.translated.inlined.clone(),
            needs: self.translated.needs.clone(),
            loops: Vec::new(),
        })
    }
}

impl Worker for FunctionWorker<'_> {
    fn compile(&mut self, unit: Unit) -> Result<CompiledFunction, CompileError> {
        let module = self.module;
        let ty = |index: u32| module.func_type_at(index);
        match unit {
            Unit::Func(index) => self.function(index, None),
            Unit::Loop(index, at) => self.function(index, Some(at)),
            Unit::Enter(index) => self.stub(Stub::Enter, ty(index)),
            Unit::LeaveRef(index) => self.stub(Stub::Leave(Leave::Ref), ty(index)),
            Unit::LeaveFunc(index) => self.leave_func(index),
            Unit::Tables => {
                let code = self.tables.to_bytes();
                let alignment = STATIC_ELEMENT_BYTES as u32;
                Ok(CompiledFunction { code, alignment, ..CompiledFunction::default() })
            }
        }
    }
}

impl FunctionWorker<'_> {
    /// The CLIF of a unit, as text.
    pub(crate) fn clif(mut self, unit: Unit) -> Result<String, CompileError> {
        let module = self.module;
        let ty = |index: u32| module.func_type_at(index);
        match unit {
            Unit::Func(index) => self.build(index, None)?,
            Unit::Loop(index, at) => self.build(index, Some(at))?,
            Unit::Enter(index) => self.build_stub(Stub::Enter, ty(index)),
            Unit::LeaveRef(index) => self.build_stub(Stub::Leave(Leave::Ref), ty(index)),
            Unit::LeaveFunc(index) => {
                self.build_stub(Stub::Leave(self.leave_of(index)), module.func_type(index));
            }
            Unit::Tables => return Err(CompileError::new("tables are not code")),
        }
        Ok(self.context.func.display().to_string())
    }
}

/// Where references are while a call has not returned: bytes below the frame pointer, from which the frame
/// reaches `span` bytes down to the stack pointer.
fn frame_map((behind, span, map): &(u32, u32, UserStackMap)) -> (u32, Box<[u32]>) {
    (*behind, map.entries().map(|(_, above)| span - above).collect())
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
