//! A module of adapters: a recipe becomes the bytes of a core module.

use super::body::{Body, Bytes, ascii};
use super::helpers::{HELPERS, Helper, Why};
use super::values::{Flat, InMemory, Passing};
use super::{Adapter, Import, Recipe};
use crate::abi::program::{Program, Step};
use crate::template::Encoding;
use crate::types::{FuncType, Shape, TypeTable};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalType,
    ImportSection, MemoryType, Module, TypeSection, ValType,
};

/// What a module of adapters is made of.
pub(super) struct Encoded {
    pub(super) module: Vec<u8>,
    /// Which functions of the host's it imports, as bits.
    pub(super) helpers: u32,
}

/// Where functions and globals are that all adapters of a module use.
pub(super) struct Indices {
    /// Functions that are imported before the host's.
    funcs: u32,
    /// Globals of flags, which come before the one that numbers passings.
    globals: u32,
    /// Which functions of the host's are imported, as bits.
    helpers: u32,
    /// Memories whose strings are looked at here.
    ascii: Vec<u32>,
}

impl Indices {
    fn of(types: &TypeTable, recipe: &Recipe) -> Option<Self> {
        let (funcs, globals) = (recipe.funcs.len() as u32, recipe.globals);
        let mut indices = Self { funcs, globals, helpers: Helper::Fail.bit(), ascii: Vec::new() };
        for adapter in &recipe.adapters {
            let ty = types.func(adapter.ty);
            let (params, result) = ty.programs(types).ok()?;
            indices.note(
                params,
                (adapter.caller.memory, adapter.caller.encoding),
                adapter.callee.encoding,
            );
            indices.note(
                result,
                (adapter.callee.memory, adapter.callee.encoding),
                adapter.caller.encoding,
            );
            if ty.lends {
                indices.helpers |= Helper::Begin.bit() | Helper::Check.bit() | Helper::End.bit();
            }
        }
        Some(indices)
    }

    /// Notes what a program needs whose values come from this memory.
    fn note(&mut self, program: &Program, (memory, from): (Option<u32>, Encoding), to: Encoding) {
        for step in program.blocks.iter().flatten() {
            match step {
                Step::String(_) if is_checked_here(from, to) => {
                    self.helpers |= Helper::Utf8.bit();
                    let memory = memory.unwrap_or(0);
                    if !self.ascii.contains(&memory) {
                        self.ascii.push(memory);
                    }
                }
                Step::String(_) => self.helpers |= Helper::Text.bit(),
                Step::Own(..) => self.helpers |= Helper::Own.bit(),
                Step::Borrow(..) => self.helpers |= Helper::Borrow.bit(),
                _ => {}
            }
        }
    }

    pub(super) fn helper(&self, helper: Helper) -> u32 {
        self.funcs + (self.helpers & (helper.bit() - 1)).count_ones()
    }

    /// The global that is added to the number of a passing.
    pub(super) fn base(&self) -> u32 {
        self.globals
    }

    /// The first function that is not imported.
    fn first(&self) -> u32 {
        self.funcs + self.helpers.count_ones()
    }

    /// The function that looks whether bytes of a memory are ASCII.
    pub(super) fn ascii(&self, memory: u32) -> u32 {
        let place = self.ascii.iter().position(|of| *of == memory);
        self.first() + place.unwrap_or(0) as u32
    }
}

/// Whether strings of these encodings pass without the host, unless they are long or not ASCII.
pub(super) fn is_checked_here(from: Encoding, to: Encoding) -> bool {
    (from, to) == (Encoding::Utf8, Encoding::Utf8)
}

/// Function types, each once.
#[derive(Default)]
struct Types {
    known: Vec<(Vec<ValType>, Vec<ValType>)>,
}

impl Types {
    fn index(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let is = |ty: &(Vec<ValType>, Vec<ValType>)| ty.0 == params && ty.1 == results;
        let found = self.known.iter().position(is);
        found.unwrap_or_else(|| {
            self.known.push((params.into(), results.into()));
            self.known.len() - 1
        }) as u32
    }

    fn of(&mut self, ty: &dunlin::FuncType) -> u32 {
        let [params, results] =
            [ty.params(), ty.results()].map(|types| types.iter().map(encoded).collect::<Vec<_>>());
        self.index(&params, &results)
    }

    fn section(&self) -> TypeSection {
        let mut section = TypeSection::new();
        for (params, results) in &self.known {
            section.ty().function(params.iter().copied(), results.iter().copied());
        }
        section
    }
}

/// A core type of the canonical ABI's.
pub(super) fn encoded(ty: &dunlin::ValType) -> ValType {
    match ty {
        dunlin::ValType::I64 => ValType::I64,
        dunlin::ValType::F32 => ValType::F32,
        dunlin::ValType::F64 => ValType::F64,
        _ => ValType::I32,
    }
}

/// The module of a recipe; `None` if it would be too large.
pub(super) fn module(types: &TypeTable, recipe: &Recipe) -> Option<Encoded> {
    let indices = Indices::of(types, recipe)?;
    let mut known = Types::default();
    let imports = imports(types, recipe, &indices, &mut known);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for memory in &indices.ascii {
        functions.function(known.index(&[ValType::I32; 2], &[ValType::I32]));
        code.function(&ascii(*memory));
    }
    let mut exports = ExportSection::new();
    let first = indices.first() + indices.ascii.len() as u32;
    for (at, adapter) in recipe.adapters.iter().enumerate() {
        let ty = types.func(adapter.ty);
        functions.function(known.of(&ty.lowered(ty.shape(false))));
        let set = &recipe.enters[adapter.enters.0 as usize..adapter.enters.1 as usize];
        let shape = ty.shape(false);
        let params = shape.param_slots as u32 + u32::from(shape.result_in_memory);
        let body = Body::new(&indices, params);
        let write = Write { body, adapter, ty, set, at: at as u32 };
        code.function(&write.function(types, shape)?);
        exports.export(&at.to_string(), ExportKind::Func, first + at as u32);
    }
    let mut module = Module::new();
    let types = known.section();
    module.section(&types).section(&imports).section(&functions).section(&exports).section(&code);
    Some(Encoded { module: module.finish(), helpers: indices.helpers })
}

fn imports(
    types: &TypeTable,
    recipe: &Recipe,
    indices: &Indices,
    known: &mut Types,
) -> ImportSection {
    let mut imports = ImportSection::new();
    let memory = MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    for _ in 0..recipe.memories {
        imports.import("", "", memory);
    }
    let global = |mutable| GlobalType { val_type: ValType::I32, mutable, shared: false };
    for _ in 0..recipe.globals {
        imports.import("", "", global(true));
    }
    if indices.helpers & Helper::NUMBERED != 0 {
        imports.import("", "", global(false));
    }
    for func in &recipe.funcs {
        let ty = match func {
            Import::Callee(ty) => known.of(&types.func(*ty).lifted()),
            Import::Realloc => known.index(&[ValType::I32; 4], &[ValType::I32]),
            Import::PostReturn(ty) => {
                let ty = types.func(*ty).lifted();
                known.of(&dunlin::FuncType::new(ty.results().iter().copied(), []))
            }
        };
        imports.import("", "", EntityType::Function(ty));
    }
    for helper in HELPERS.iter().filter(|helper| indices.helpers & helper.bit() != 0) {
        let (params, results) = helper.ty();
        let ty = known.index(&vec![ValType::I32; params], &vec![ValType::I32; results]);
        imports.import("", "", EntityType::Function(ty));
    }
    imports
}

/// An adapter while it is written.
struct Write<'m> {
    body: Body<'m>,
    adapter: &'m Adapter,
    ty: &'m FuncType,
    /// Globals of the flags of instances that the call enters.
    set: &'m [u32],
    /// Which adapter of the module it is.
    at: u32,
}

impl Write<'_> {
    fn function(mut self, types: &TypeTable, shape: Shape) -> Option<Function> {
        let (adapter, ty) = (self.adapter, self.ty);
        let (of_params, of_result) = ty.programs(types).ok()?;
        if adapter.catches {
            self.body.begin_catching();
        }
        self.body.check_leave(adapter.caller.flags);
        let scope = ty.lends.then(|| {
            self.body.call(Helper::Begin);
            self.body.set_new(ValType::I32)
        });
        self.body.enter(self.set);
        self.params(of_params, scope)?;
        self.body.op().call(adapter.func);
        let lifted = ty.lifted().results().first().map(encoded);
        let callees = lifted.map(|ty| self.body.set_new(ty));
        let result = self.result(of_result, shape, callees, (types, scope))?;
        if let Some(scope) = scope {
            self.body.op().local_get(scope);
            self.body.call(Helper::Check);
        }
        if let Some(post_return) = adapter.post_return {
            self.body.bound(adapter.callee.flags, |body| {
                callees.iter().for_each(|result| body.get(*result));
                body.op().call(post_return);
            });
        }
        self.body.leave(self.set);
        if let Some(scope) = scope {
            self.body.op().local_get(scope);
            self.body.call(Helper::End);
        }
        result.iter().for_each(|result| self.body.get(*result));
        if adapter.catches {
            self.body.end_catching();
        }
        self.body.finish()
    }

    /// Passes the parameters, and puts what the callee is given on the stack.
    fn params(&mut self, program: &Program, scope: Option<u32>) -> Option<()> {
        let (caller, callee) = (&self.adapter.caller, &self.adapter.callee);
        let number = self.at * 2;
        let ends = (caller, callee);
        let Some(flat) = &self.ty.flat_params else {
            let (size, align) = (Bytes::Known(self.ty.params_size), self.ty.params_align);
            self.body.check_range((0, size), align, caller, Why::Area);
            let target = self.body.allocate(size, align, callee, Why::Area);
            let mut passing = Passing { body: &mut self.body, program, ends, number, scope };
            passing.memory(InMemory { from: 0, to: target, offset: 0 }, 0)?;
            self.body.op().local_get(target);
            return Some(());
        };
        let types: Vec<_> = flat.iter().map(encoded).collect();
        let locals: Vec<_> = (0..types.len() as u32).collect();
        let mut passing = Passing { body: &mut self.body, program, ends, number, scope };
        let targets = passing.flat(Flat::new(&types, &locals))?;
        targets.iter().for_each(|target| self.body.get(*target));
        Some(())
    }

    /// Passes the result, which the callee has left in this local; the local of one that is flat.
    fn result(
        &mut self,
        program: &Program,
        shape: Shape,
        callees: Option<u32>,
        (types, scope): (&TypeTable, Option<u32>),
    ) -> Option<Option<u32>> {
        let (Some(result), Some(source)) = (self.ty.result, callees) else { return Some(None) };
        let (caller, callee) = (&self.adapter.caller, &self.adapter.callee);
        let (number, ends) = (self.at * 2 + 1, (callee, caller));
        if shape.result_in_memory {
            let node = types.node(result);
            let (size, align) = (Bytes::Known(node.size), node.align);
            let target = shape.param_slots as u32;
            self.body.check_range((source, size), align, callee, Why::Area);
            self.body.check_lowered((target, size), align, caller, Why::Area);
            let mut passing = Passing { body: &mut self.body, program, ends, number, scope };
            passing.memory(InMemory { from: source, to: target, offset: 0 }, 0)?;
            return Some(None);
        }
        let types: Vec<_> = self.ty.flat_result.iter().map(encoded).collect();
        let mut passing = Passing { body: &mut self.body, program, ends, number, scope };
        let targets = passing.flat(Flat::new(&types, &[source]))?;
        Some(targets.first().copied())
    }
}
