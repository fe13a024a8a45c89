//! Closes a module: what it imports becomes its own, and what it exports can be called with numbers.
//!
//! 1. Imported functions, tables, memories, globals and tags become defined ones at the same indices. A
//!    function that was imported tells a host what it was given, as one number, and makes its results, or an
//!    exception, out of the host's answer.
//! 2. Every exported function gets a wrapper with as many parameters, all of them `i64`, and as many results.
//! 3. Functions that look ([`super::look`]) are added, with an export that looks at globals and tables.
//! 4. Memories and tables get a maximum, so that growing them succeeds in both engines or in neither; waits
//!    do not wait; arrays have a bounded length.

use super::look::{Helpers, Looker, function, mix};
use super::make::{DEPTH, Maker};
use super::shape::{Shape, text};
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, ImportSection,
    Instruction, MemorySection, MemoryType, Module, StartSection, TableSection, TableType, TagKind,
    TagSection, TagType, TypeSection, ValType,
};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// Pages that a memory may grow by.
const GROWTH_PAGES: u64 = 16;
/// Elements that a table may grow by.
const GROWTH_ELEMENTS: u64 = 500;
/// Elements of an array whose length a guest says, at most.
const ARRAY_MASK: i32 = 0xfff;
/// One call in so many of what was imported throws.
const THROWS_MASK: i64 = 15;

/// A function that can be called.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of its export.
    pub name: String,
    /// What each number becomes.
    pub params: Vec<ValType>,
}

/// A module that is closed.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The module.
    pub bytes: Vec<u8>,
    /// What can be called.
    pub calls: Vec<Call>,
    /// What each exported tag's exceptions hold, a letter for a value: `i`, `l`, `f`, `d`, `v` or `r`.
    pub tags: Vec<String>,
    /// Exported memories.
    pub memories: usize,
    /// Exported functions that have a parameter of which no value can be made.
    pub skipped: usize,
}

/// The bytes of each section, as they come to be.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    funcs: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    tags: TagSection,
    globals: GlobalSection,
    start: Option<u32>,
    elements: ElementSection,
    data_count: Option<u32>,
    code: CodeSection,
    data: DataSection,
}

/// Closes a module.
///
/// # Errors
///
/// If the bytes are no module, or an import is of a type of which no value can be made.
pub fn close(bytes: &[u8]) -> Result<Closed, String> {
    let shape = Shape::of(bytes)?;
    if shape.legacy && shape.newer {
        return Err("exceptions are caught in both ways".into());
    }
    let types = shape.types.len() as u32;
    let helpers = Helpers { func: shape.funcs.len() as u32 + 1, block: types + 1 + Helpers::FUNCS };
    let closer = Closer {
        shape: &shape,
        maker: Maker::new(&shape, helpers),
        looker: Looker { shape: &shape, helpers },
    };
    let mut sections = Sections::default();
    closer.imports(&mut sections)?;
    for payload in Parser::new(0).parse_all(bytes) {
        copy(&mut sections, payload.map_err(text)?).map_err(text)?;
    }
    closer.add(&mut sections);
    let (calls, skipped) = closer.wrap(&mut sections);
    let bytes = closer.assemble(sections, &calls);
    let letters = |ty: &u32| shape.func_type(*ty).params().iter().map(letter).collect();
    let tags = shape.tags.iter().map(letters).collect();
    Ok(Closed { bytes, calls, tags, memories: shape.memories.len(), skipped })
}

struct Closer<'s> {
    shape: &'s Shape,
    maker: Maker<'s>,
    looker: Looker<'s>,
}

impl Closer<'_> {
    /// Defines what was imported: first, so that it keeps its indices.
    fn imports(&self, to: &mut Sections) -> Result<(), String> {
        let shape = self.shape;
        let [funcs, tables, memories, globals, tags] = shape.imported;
        for (index, ty) in shape.funcs.iter().take(funcs).enumerate() {
            to.funcs.function(*ty);
            to.code.function(&self.imported(index as i64, *ty));
        }
        for (index, ty) in shape.tables.iter().take(tables).enumerate() {
            let element = ValType::Ref(ty.element_type);
            let init = self.constant(element, index)?;
            to.tables.table_with_init(bounded_table(*ty), &init);
        }
        for ty in shape.memories.iter().take(memories) {
            to.memories.memory(bounded_memory(*ty));
        }
        for (index, ty) in shape.globals.iter().take(globals).enumerate() {
            to.globals.global(*ty, &self.constant(ty.val_type, index)?);
        }
        for ty in shape.tags.iter().take(tags) {
            to.tags.tag(TagType { kind: TagKind::Exception, func_type_idx: *ty });
        }
        Ok(())
    }

    fn constant(&self, ty: ValType, index: usize) -> Result<ConstExpr, String> {
        let number = (index as i64 + 1).wrapping_mul(0x1234_5677);
        self.maker.constant(ty, number).ok_or_else(|| format!("no value of {ty:?} to import"))
    }

    /// The body of a function that was imported.
    fn imported(&self, index: i64, ty: u32) -> Function {
        let ty = self.shape.func_type(ty);
        let number = ty.params().len() as u32;
        let mut code = vec![Instruction::I64Const(index), Instruction::LocalSet(number)];
        for (param, ty) in ty.params().iter().enumerate() {
            code.push(Instruction::LocalGet(param as u32));
            code.extend(self.looker.look(*ty));
            code.extend(mix(number));
        }
        code.extend([
            Instruction::LocalGet(number),
            Instruction::Call(0),
            Instruction::LocalSet(number),
        ]);
        if let Some(throw) = self.maker.throw(number, DEPTH) {
            code.extend([
                Instruction::LocalGet(number),
                Instruction::I64Const(THROWS_MASK),
                Instruction::I64And,
                Instruction::I64Eqz,
                Instruction::If(BlockType::Empty),
            ]);
            code.extend(throw);
            code.push(Instruction::End);
        }
        let results = ty.results().iter().map(|ty| self.maker.value(*ty, number, DEPTH));
        match results.collect::<Option<Vec<_>>>() {
            Some(results) => code.extend(results.concat()),
            None => code.push(Instruction::Unreachable),
        }
        function(&[ValType::I64], code)
    }

    /// Adds the functions that look, and declares every function whose reference is taken.
    fn add(&self, to: &mut Sections) {
        let first = self.shape.types.len() as u32;
        to.types.ty().function([ValType::I64], [ValType::I64]);
        for (index, (params, result)) in Helpers::types().into_iter().enumerate() {
            to.types.ty().function(params, [result]);
            to.funcs.function(first + 1 + index as u32);
        }
        for ty in &self.shape.tags {
            to.types.ty().function([], self.shape.func_type(*ty).params().iter().copied());
        }
        for body in self.looker.bodies() {
            to.code.function(&body);
        }
        let funcs: Vec<u32> = (1..=self.shape.funcs.len() as u32).collect();
        to.elements.declared(Elements::Functions(funcs.into()));
    }

    /// Adds a wrapper for each exported function.
    fn wrap(&self, to: &mut Sections) -> (Vec<Call>, usize) {
        let mut calls = Vec::new();
        for func in &self.shape.exports {
            let ty = self.shape.func_type(self.shape.funcs[*func as usize]);
            let Some(body) = self.wrapper(*func, ty.params(), ty.results()) else { continue };
            let numbers = |count: usize| std::iter::repeat_n(ValType::I64, count);
            to.types.ty().function(numbers(ty.params().len()), numbers(ty.results().len()));
            to.funcs.function(self.wrapper_type(calls.len()));
            to.code.function(&body);
            let name = format!("~c{}", calls.len());
            calls.push(Call { name, params: ty.params().to_vec() });
        }
        let skipped = self.shape.exports.len() - calls.len();
        (calls, skipped)
    }

    /// The type of the wrapper with this number: types in one group count one by one, unlike in the section.
    fn wrapper_type(&self, number: usize) -> u32 {
        self.looker.helpers.block + (self.shape.tags.len() + number) as u32
    }

    fn wrapper(&self, func: u32, params: &[ValType], results: &[ValType]) -> Option<Function> {
        let mut code = Vec::new();
        for (index, ty) in params.iter().enumerate() {
            code.extend(self.maker.value(*ty, index as u32, DEPTH)?);
        }
        code.push(Instruction::Call(func + 1));
        let locals = params.len() as u32..(params.len() + results.len()) as u32;
        for (ty, local) in results.iter().zip(locals.clone()).rev() {
            code.extend(self.looker.look(*ty));
            code.push(Instruction::LocalSet(local));
        }
        code.extend(locals.map(Instruction::LocalGet));
        Some(function(&vec![ValType::I64; results.len()], code))
    }

    fn assemble(&self, sections: Sections, calls: &[Call]) -> Vec<u8> {
        let helpers = self.looker.helpers;
        let mut exports = ExportSection::new();
        for (index, call) in calls.iter().enumerate() {
            exports.export(
                &call.name,
                ExportKind::Func,
                helpers.func + Helpers::FUNCS + index as u32,
            );
        }
        exports.export("~s", ExportKind::Func, helpers.state());
        for index in 0..self.shape.memories.len() {
            exports.export(&format!("~m{index}"), ExportKind::Memory, index as u32);
        }
        for index in 0..self.shape.tags.len() {
            exports.export(&format!("~t{index}"), ExportKind::Tag, index as u32);
        }
        let mut imports = ImportSection::new();
        let host = wasm_encoder::EntityType::Function(self.shape.types.len() as u32);
        imports.import("~", "host", host);
        let mut module = Module::new();
        module.section(&sections.types).section(&imports).section(&sections.funcs);
        module.section(&sections.tables).section(&sections.memories).section(&sections.tags);
        module.section(&sections.globals).section(&exports);
        if let Some(function_index) = sections.start {
            module.section(&StartSection { function_index });
        }
        module.section(&sections.elements);
        if let Some(count) = sections.data_count {
            module.section(&DataCountSection { count });
        }
        module.section(&sections.code).section(&sections.data);
        module.finish()
    }
}

/// Copies a section behind what is there already.
fn copy(to: &mut Sections, payload: Payload<'_>) -> Result<(), Error<std::convert::Infallible>> {
    let shift = &mut Shift;
    match payload {
        Payload::TypeSection(section) => shift.parse_type_section(&mut to.types, section),
        Payload::FunctionSection(section) => shift.parse_function_section(&mut to.funcs, section),
        Payload::TableSection(section) => shift.parse_table_section(&mut to.tables, section),
        Payload::MemorySection(section) => shift.parse_memory_section(&mut to.memories, section),
        Payload::TagSection(section) => shift.parse_tag_section(&mut to.tags, section),
        Payload::GlobalSection(section) => shift.parse_global_section(&mut to.globals, section),
        Payload::StartSection { func, .. } => {
            to.start = Some(shift.start_section(func)?);
            Ok(())
        }
        Payload::ElementSection(section) => shift.parse_element_section(&mut to.elements, section),
        Payload::DataCountSection { count, .. } => {
            to.data_count = Some(count);
            Ok(())
        }
        Payload::CodeSectionEntry(body) => shift.parse_function_body(&mut to.code, body),
        Payload::DataSection(section) => shift.parse_data_section(&mut to.data, section),
        _ => Ok(()),
    }
}

/// Makes room for the host's function before all others, and bounds what grows.
struct Shift;

impl Reencode for Shift {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, func: u32) -> Result<u32, Error<Self::Error>> {
        Ok(func + 1)
    }

    fn memory_type(
        &mut self,
        ty: wasmparser::MemoryType,
    ) -> Result<MemoryType, Error<Self::Error>> {
        Ok(bounded_memory(wasm_encoder::reencode::utils::memory_type(self, ty)))
    }

    fn table_type(&mut self, ty: wasmparser::TableType) -> Result<TableType, Error<Self::Error>> {
        wasm_encoder::reencode::utils::table_type(self, ty).map(bounded_table)
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            match operator {
                Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. } => {
                    function.instruction(&Instruction::Drop);
                    function.instruction(&Instruction::I64Const(0));
                }
                Operator::ArrayNew { .. } | Operator::ArrayNewDefault { .. } => {
                    function.instruction(&Instruction::I32Const(ARRAY_MASK));
                    function.instruction(&Instruction::I32And);
                }
                _ => {}
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}

fn bounded_memory(mut ty: MemoryType) -> MemoryType {
    let most = ty.minimum.saturating_add(GROWTH_PAGES);
    let limit = if ty.memory64 { 1 << 48 } else { 1 << 16 };
    ty.maximum = Some(ty.maximum.unwrap_or(limit).min(most));
    ty
}

fn bounded_table(mut ty: TableType) -> TableType {
    let most = ty.minimum.saturating_add(GROWTH_ELEMENTS);
    ty.maximum = Some(ty.maximum.unwrap_or(u64::from(u32::MAX)).min(most));
    ty
}

fn letter(ty: &ValType) -> char {
    match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'l',
        ValType::F32 => 'f',
        ValType::F64 => 'd',
        ValType::V128 => 'v',
        ValType::Ref(_) => 'r',
    }
}
