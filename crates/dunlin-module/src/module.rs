//! The indexed module: what it declares, and where in its bytes the rest stands.
//!
//! Everything is a list of small records with ranges into the original bytes; names, constant
//! expressions, segments and bodies are decoded where they are used.

use crate::known::Known;
use crate::{ConstOp, Features, Invalid, const_expr};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use dunlin_core::{ExternType, FuncType, GlobalType, MemoryType, RefType, SubType, TableType};
use wasmparser::{BinaryReader, ConstExpr, FunctionBody, ValidatorResources, WasmFeatures};

/// The bytes of a module, wherever they lie.
///
/// Bytes may be shared with others that could change them (a mapped file). `pin` makes a range the
/// module's own: after it returns, those bytes never change. The index pins what it keeps ranges of,
/// and a body is pinned before it is validated.
pub trait Bytes: Send + Sync {
    /// All bytes. Only pinned ranges are stable.
    fn bytes(&self) -> &[u8];

    /// Makes `range` immune to changes from outside.
    fn pin(&self, range: Range<usize>);
}

impl Bytes for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn pin(&self, _range: Range<usize>) {}
}

/// A range of the module's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(range: Range<u64>) -> Self {
        // Modules are at most `MODULE_BYTES_MAX` long, checked before anything is indexed.
        Self { start: range.start as u32, end: range.end as u32 }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A constant expression, as a range of the module's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstRange(pub(crate) Span);

/// What kind of thing an export is, and its index in that kind's space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExternIdx {
    /// A function.
    Func(u32),
    /// A table.
    Table(u32),
    /// A memory.
    Memory(u32),
    /// A global.
    Global(u32),
    /// A tag.
    Tag(u32),
}

/// What an import must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// A function of the type with this index.
    Func(u32),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag whose exceptions carry the parameters of the function type with this index.
    Tag(u32),
}

/// One import, in the order of the module.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    pub(crate) module: Span,
    pub(crate) name: Span,
    /// What it must be.
    pub kind: ImportKind,
}

/// One export.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    pub(crate) name: Span,
    /// What is exported.
    pub item: ExternIdx,
}

/// A defined table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its type.
    pub ty: TableType,
    /// What its elements are at first; null where nothing is said.
    pub init: Option<ConstRange>,
}

/// A defined global.
#[derive(Clone, Copy, Debug)]
pub struct Global {
    /// Its type.
    pub ty: GlobalType,
    /// Its initial value.
    pub init: ConstRange,
}

/// When an element segment is used.
#[derive(Clone, Copy, Debug)]
pub enum ElementMode {
    /// By `table.init`.
    Passive,
    /// At instantiation, into `table` from `offset` on.
    Active {
        /// The table.
        table: u32,
        /// The first index written.
        offset: ConstRange,
    },
    /// Never; it declares functions that `ref.func` names.
    Declared,
}

/// An element segment.
#[derive(Clone, Copy, Debug)]
pub struct ElementSegment {
    /// When it is used.
    pub mode: ElementMode,
    /// The type of its items.
    pub ty: RefType,
    /// How many items it has.
    pub count: u32,
    pub(crate) items: Span,
    pub(crate) expressions: bool,
}

/// One item of an element segment.
#[derive(Clone, Copy, Debug)]
pub enum ElementItem {
    /// A reference to a function.
    Func(u32),
    /// The value of a constant expression.
    Expr(ConstRange),
}

/// Where a data segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// To this address.
    Known(u32),
    /// To the value of a constant expression.
    Expr(ConstRange),
}

/// When a data segment is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataMode {
    /// By `memory.init`.
    Passive,
    /// At instantiation, into `memory` from `offset` on.
    Active {
        /// The memory.
        memory: u32,
        /// The first address written.
        offset: Offset,
    },
}

/// A data segment.
#[derive(Clone, Copy, Debug)]
pub struct DataSegment {
    /// When it is used.
    pub mode: DataMode,
    pub(crate) bytes: Span,
}

/// A section, for reports.
#[derive(Clone, Debug)]
pub struct SectionInfo {
    /// The section's number in the binary format; 0 for custom sections.
    pub id: u8,
    /// The custom section's name, or the specification's word for the section.
    pub name: alloc::string::String,
    /// Where its contents stand in the module.
    pub range: Range<usize>,
}

/// A function with a body, for reports.
#[derive(Clone, Copy, Debug)]
pub struct FunctionInfo {
    /// Its index among all functions of the module, imports first.
    pub index: u32,
    /// Offset of its body, local declarations included.
    pub offset: usize,
    /// Bytes of its body.
    pub bytes: usize,
}

/// An indexed module: its non-code sections are valid, its bodies are located.
pub struct Module {
    pub(crate) bytes: Arc<dyn Bytes>,
    pub(crate) features: WasmFeatures,
    pub(crate) feature_set: Features,
    pub(crate) types: Vec<SubType>,
    /// Where each recursion group ends among the types, for those of more than one type.
    pub(crate) groups: Vec<Range<u32>>,
    pub(crate) imports: Vec<Import>,
    pub(crate) funcs: Vec<u32>,
    pub(crate) func_imports: u32,
    pub(crate) tables: Vec<Table>,
    pub(crate) table_imports: u32,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) memory_imports: u32,
    pub(crate) globals: Vec<Global>,
    pub(crate) global_imports: Vec<GlobalType>,
    pub(crate) tags: Vec<u32>,
    pub(crate) tag_imports: u32,
    pub(crate) exports: Vec<Export>,
    pub(crate) exports_by_name: Vec<u32>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment>,
    pub(crate) bodies: Vec<Span>,
    pub(crate) name_section: Option<Span>,
    pub(crate) branch_hint_section: Option<Span>,
    pub(crate) sections: Vec<(u8, Span)>,
    pub(crate) resources: Option<ValidatorResources>,
    /// The same of a module that was found valid before, once they are needed.
    #[cfg(feature = "std")]
    pub(crate) late_resources: std::sync::OnceLock<Option<ValidatorResources>>,
    /// Functions that have been prepared before.
    pub(crate) known: Option<Known>,
    pub(crate) has_v128_types: bool,
    pub(crate) has_object_types: bool,
    pub(crate) fuses: bool,
}

impl Module {
    /// Whether bodies are prepared with common sequences of operators fused, which takes a private copy
    /// of each: see [`crate::side::pseudo`].
    #[must_use]
    pub fn with_fusing(mut self, fuses: bool) -> Self {
        self.fuses = fuses;
        self
    }

    /// With functions that have been prepared before, which are not prepared again.
    #[must_use]
    pub fn with_known(mut self, known: Known) -> Self {
        self.known = Some(known);
        self
    }

    /// Functions that have been prepared before.
    #[must_use]
    pub fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// What the validator knows of the module's declarations.
    pub(crate) fn resources(&self) -> Option<&ValidatorResources> {
        if self.resources.is_some() {
            return self.resources.as_ref();
        }
        #[cfg(feature = "std")]
        {
            let again = || Self::parse(self.bytes.clone(), self.feature_set).ok()?.resources;
            self.late_resources.get_or_init(again).as_ref()
        }
        #[cfg(not(feature = "std"))]
        None
    }

    /// The module's bytes. Bodies that have not been prepared may still change under a mapped file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }

    /// The module's bytes, all of which never change from now on.
    #[must_use]
    pub fn pinned_bytes(&self) -> &[u8] {
        let bytes = self.bytes.bytes();
        self.bytes.pin(0..bytes.len());
        bytes
    }

    /// The features that the module was validated with.
    #[must_use]
    pub fn features(&self) -> Features {
        self.feature_set
    }

    /// Its defined types, by type index.
    #[must_use]
    pub fn types(&self) -> &[SubType] {
        &self.types
    }

    /// Whether it defines types of structures or arrays.
    #[must_use]
    pub fn has_object_types(&self) -> bool {
        self.has_object_types
    }

    /// The function type with this type index.
    ///
    /// # Panics
    ///
    /// If there is none, or it is no function's.
    #[must_use]
    pub fn func_type_at(&self, ty: u32) -> &FuncType {
        self.types[ty as usize].composite.as_func().expect("validation has seen a function type")
    }

    /// Its function types with their type indices.
    pub fn func_types(&self) -> impl Iterator<Item = (u32, &FuncType)> {
        let types = self.types.iter().zip(0_u32..);
        types.filter_map(|(ty, index)| ty.composite.as_func().map(|ty| (index, ty)))
    }

    /// The recursion groups of more than one type, as ranges of type indices, in order. Every other type
    /// is a group of its own.
    #[must_use]
    pub fn groups(&self) -> &[Range<u32>] {
        &self.groups
    }

    /// Its imports, in order.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The two names of an import.
    #[must_use]
    pub fn import_names(&self, import: &Import) -> (&str, &str) {
        (self.text(import.module), self.text(import.name))
    }

    /// Its exports, in order.
    #[must_use]
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }

    /// The name of an export.
    #[must_use]
    pub fn export_name(&self, export: &Export) -> &str {
        self.text(export.name)
    }

    /// What is exported under `name`.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<ExternIdx> {
        let found = self
            .exports_by_name
            .binary_search_by(|i| self.text(self.exports[*i as usize].name).cmp(name))
            .ok()?;
        Some(self.exports[self.exports_by_name[found] as usize].item)
    }

    /// The type of what has this index.
    ///
    /// # Panics
    ///
    /// If the index is not of this module.
    #[must_use]
    pub fn extern_type(&self, item: ExternIdx) -> ExternType {
        match item {
            ExternIdx::Func(index) => ExternType::Func(self.func_type(index).clone()),
            ExternIdx::Table(index) => ExternType::Table(self.table_type(index)),
            ExternIdx::Memory(index) => ExternType::Memory(self.memories[index as usize]),
            ExternIdx::Global(index) => ExternType::Global(self.global_type(index)),
            ExternIdx::Tag(index) => ExternType::Tag(self.tag_type(index).clone()),
        }
    }

    /// The type that an import must have.
    #[must_use]
    pub fn import_type(&self, import: &Import) -> ExternType {
        match import.kind {
            ImportKind::Func(ty) => ExternType::Func(self.func_type_at(ty).clone()),
            ImportKind::Table(ty) => ExternType::Table(ty),
            ImportKind::Memory(ty) => ExternType::Memory(ty),
            ImportKind::Global(ty) => ExternType::Global(ty),
            ImportKind::Tag(ty) => ExternType::Tag(self.func_type_at(ty).clone()),
        }
    }

    /// How many functions there are, imports included.
    #[must_use]
    pub fn func_count(&self) -> u32 {
        self.funcs.len() as u32
    }

    /// How many functions are imported; they have the lowest indices.
    #[must_use]
    pub fn func_imports(&self) -> u32 {
        self.func_imports
    }

    /// The type index of a function.
    ///
    /// # Panics
    ///
    /// If the index is not of this module.
    #[must_use]
    pub fn func_type_index(&self, func: u32) -> u32 {
        self.funcs[func as usize]
    }

    /// The type of a function.
    ///
    /// # Panics
    ///
    /// If the index is not of this module.
    #[must_use]
    pub fn func_type(&self, func: u32) -> &FuncType {
        self.func_type_at(self.func_type_index(func))
    }

    /// Its defined tables.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables[self.table_imports as usize..]
    }

    /// How many tables are imported; they have the lowest indices.
    #[must_use]
    pub fn table_imports(&self) -> usize {
        self.table_imports as usize
    }

    /// The type of a table, imports included.
    ///
    /// # Panics
    ///
    /// If the index is not of this module.
    #[must_use]
    pub fn table_type(&self, index: u32) -> TableType {
        self.tables[index as usize].ty
    }

    /// The types of its memories, imports first.
    #[must_use]
    pub fn memories(&self) -> &[MemoryType] {
        &self.memories
    }

    /// The types of the memories that it defines.
    #[must_use]
    pub fn defined_memories(&self) -> &[MemoryType] {
        &self.memories[self.memory_imports as usize..]
    }

    /// How many memories are imported; they have the lowest indices.
    #[must_use]
    pub fn memory_imports(&self) -> usize {
        self.memory_imports as usize
    }

    /// How many globals are imported; they have the lowest indices.
    #[must_use]
    pub fn global_imports(&self) -> usize {
        self.global_imports.len()
    }

    /// Its defined globals.
    #[must_use]
    pub fn globals(&self) -> &[Global] {
        &self.globals
    }

    /// The type of a global, imports included.
    ///
    /// # Panics
    ///
    /// If the index is not of this module.
    #[must_use]
    pub fn global_type(&self, index: u32) -> GlobalType {
        match self.global_imports.get(index as usize) {
            Some(ty) => *ty,
            None => self.globals[index as usize - self.global_imports.len()].ty,
        }
    }

    /// The type indices of its tags, imports first.
    #[must_use]
    pub fn tags(&self) -> &[u32] {
        &self.tags
    }

    /// How many tags are imported; they have the lowest indices.
    #[must_use]
    pub fn tag_imports(&self) -> usize {
        self.tag_imports as usize
    }

    /// What a tag's exceptions carry: the parameters of this type.
    ///
    /// # Panics
    ///
    /// If the index is not of this module.
    #[must_use]
    pub fn tag_type(&self, index: u32) -> &FuncType {
        self.func_type_at(self.tags[index as usize])
    }

    /// Its start function.
    #[must_use]
    pub fn start(&self) -> Option<u32> {
        self.start
    }

    /// Its element segments.
    #[must_use]
    pub fn elements(&self) -> &[ElementSegment] {
        &self.elements
    }

    /// Its data segments.
    #[must_use]
    pub fn data(&self) -> &[DataSegment] {
        &self.data
    }

    /// The bytes of a data segment.
    #[must_use]
    pub fn data_bytes(&self, segment: &DataSegment) -> &[u8] {
        &self.bytes()[segment.bytes.range()]
    }

    /// How many functions have bodies.
    #[must_use]
    pub fn body_count(&self) -> u32 {
        self.bodies.len() as u32
    }

    /// Where the function's body stands, or `None` for an import.
    #[must_use]
    pub fn body_range(&self, func: u32) -> Option<Range<usize>> {
        let body = func.checked_sub(self.func_imports)?;
        self.bodies.get(body as usize).map(|span| span.range())
    }

    /// The function's body for a compiler, which reads it after [`Module::prepare`] has accepted it;
    /// `None` for an import.
    #[must_use]
    pub fn body(&self, func: u32) -> Option<FunctionBody<'_>> {
        let range = self.body_range(func)?;
        self.bytes.pin(range.clone());
        Some(FunctionBody::new(self.reader(Span::new(range.start as u64..range.end as u64))))
    }

    /// Slots of a valid function's own locals, parameters included; `None` for an import.
    #[must_use]
    pub fn local_slots(&self, func: u32) -> Option<u32> {
        let locals = self.body(func)?.get_locals_reader().ok()?;
        let slots = |declared: wasmparser::Result<(u32, wasmparser::ValType)>| {
            let (count, ty) = declared.ok()?;
            Some(count * if ty == wasmparser::ValType::V128 { 2 } else { 1 })
        };
        Some(self.func_type(func).param_slots() + locals.into_iter().filter_map(slots).sum::<u32>())
    }

    /// The function whose body holds the byte at `offset`.
    #[must_use]
    pub fn func_at(&self, offset: usize) -> Option<u32> {
        let after = self.bodies.partition_point(|span| span.start as usize <= offset);
        let body = after.checked_sub(1)?;
        let found = self.bodies[body].range().contains(&offset);
        found.then_some(body as u32 + self.func_imports)
    }

    /// The offset of the operator that holds the byte at `offset` of a function's valid body.
    #[must_use]
    pub fn operator_start(&self, func: u32, offset: usize) -> usize {
        let Some(range) = self.body_range(func) else { return offset };
        let body = FunctionBody::new(self.reader(Span::new(range.start as u64..range.end as u64)));
        let Ok(operators) = body.get_operators_reader() else { return offset };
        let starts = operators.into_iter_with_offsets().map_while(|op| op.ok().map(|(_, at)| at));
        starts.take_while(|at| *at <= offset as u64).last().map_or(offset, |at| at as usize)
    }

    /// Calls `each` with the operators of a constant expression.
    ///
    /// # Errors
    ///
    /// Never for a range of this module: the index has validated it.
    pub fn const_ops(&self, range: ConstRange, each: impl FnMut(ConstOp)) -> Result<(), Invalid> {
        let reader = self.reader(range.0);
        const_expr::decode(&ConstExpr::new(reader), each)
    }

    /// Whether a constant expression needs a heap: it makes objects or small integers.
    #[must_use]
    pub fn makes_objects(&self, range: ConstRange) -> bool {
        // Operators on objects are behind this prefix, which no shorter expression holds.
        const PREFIX: u8 = 0xFB;
        self.bytes()[range.0.range()].contains(&PREFIX)
    }

    /// Calls `each` with the items of an element segment, in order.
    ///
    /// # Errors
    ///
    /// What `each` returns.
    pub fn element_items<E: From<Invalid>>(
        &self,
        segment: &ElementSegment,
        mut each: impl FnMut(ElementItem) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reader = self.reader(segment.items);
        for _ in 0..segment.count {
            let item = if segment.expressions {
                let expr = reader.read::<ConstExpr<'_>>().map_err(Invalid::from)?;
                ElementItem::Expr(ConstRange(Span::new(expr.get_binary_reader().range())))
            } else {
                ElementItem::Func(reader.read_var_u32().map_err(Invalid::from)?)
            };
            each(item)?;
        }
        Ok(())
    }

    /// The sections, for reports.
    pub fn sections(&self) -> impl Iterator<Item = SectionInfo> {
        self.sections.iter().map(|(id, span)| SectionInfo {
            id: *id,
            name: self.section_name(*id, *span).into(),
            range: span.range(),
        })
    }

    /// The functions with bodies, for reports.
    pub fn functions(&self) -> impl Iterator<Item = FunctionInfo> {
        self.bodies.iter().enumerate().map(|(i, span)| FunctionInfo {
            index: i as u32 + self.func_imports,
            offset: span.start as usize,
            bytes: span.range().len(),
        })
    }

    pub(crate) fn section_name(&self, id: u8, span: Span) -> &str {
        const NAMES: [&str; 14] = [
            "custom",
            "type",
            "import",
            "function",
            "table",
            "memory",
            "global",
            "export",
            "start",
            "element",
            "code",
            "data",
            "datacount",
            "tag",
        ];
        if id != 0 {
            return NAMES.get(usize::from(id)).copied().unwrap_or("unknown");
        }
        self.reader(span).read_string().unwrap_or("custom")
    }

    pub(crate) fn reader(&self, span: Span) -> BinaryReader<'_> {
        let range = span.range();
        let mut reader = BinaryReader::new(&self.bytes()[range.clone()], range.start as u64);
        reader.set_features(self.features);
        reader
    }

    fn text(&self, span: Span) -> &str {
        // The index has checked that the bytes are UTF-8, and they are pinned.
        core::str::from_utf8(&self.bytes()[span.range()]).unwrap_or("")
    }
}

impl core::fmt::Debug for Module {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Module")
            .field("bytes", &self.bytes().len())
            .field("functions", &self.funcs.len())
            .finish_non_exhaustive()
    }
}
