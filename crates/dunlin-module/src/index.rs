//! Indexing: one pass over a module's sections.
//!
//! 1. The section headers are walked, and all is pinned of which ranges are kept that are decoded again:
//!    everything but code, data and custom sections.
//! 2. `wasmparser` decodes and validates every section but the code.
//! 3. Bodies are located by hopping from size to size: the only work per function.
//!
//! Opening a module of megabytes costs a fraction of a millisecond; `eager` validation is a separate
//! step over [`Module::prepare`](crate::Module::prepare).

use crate::module::{ConstRange, Span};
use crate::types::{global_type, memory_type, ref_type, sub_type, table_type};
use crate::{
    Bytes, DataMode, DataSegment, ElementMode, ElementSegment, Export, ExternIdx, Features, Global,
    Import, ImportKind, Invalid, Module, Offset, Table,
};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use dunlin_core::ValType;
use dunlin_core::limits::{FUNCTION_BODY_BYTES_MAX, MODULE_BYTES_MAX};
use wasmparser::{
    BinaryReader, Chunk, DataKind, ElementItems, ElementKind, ExternalKind, FunctionBody,
    KnownCustom, Parser, Payload, TableInit, TypeRef, Validator,
};

impl Module {
    /// Indexes a module in the binary format; bodies are located, not read.
    ///
    /// # Errors
    ///
    /// Where any section but the code is malformed or invalid, or a body leaves its section.
    pub fn parse(bytes: Arc<dyn Bytes>, features: Features) -> Result<Self, Invalid> {
        let validator = Validator::new_with_features(features.flags());
        Self::index(bytes, features, Some(validator))
    }

    /// Indexes a module whose declarations have been found valid before, with these features: they are decoded, and not
    /// validated again. Nothing else is to be said of such bytes than [`Module::parse`] said of them then.
    ///
    /// # Errors
    ///
    /// Where a section is malformed, or a body leaves its section.
    #[cfg(feature = "std")]
    pub fn parse_again(bytes: Arc<dyn Bytes>, features: Features) -> Result<Self, Invalid> {
        Self::index(bytes, features, None)
    }

    fn index(
        bytes: Arc<dyn Bytes>,
        features: Features,
        validator: Option<Validator>,
    ) -> Result<Self, Invalid> {
        if bytes.bytes().len() as u64 > MODULE_BYTES_MAX {
            return Err(Invalid::new("module is larger than 1 GiB", MODULE_BYTES_MAX));
        }
        let sections = walk_sections(&*bytes);
        for (id, span) in &sections {
            if ![CUSTOM_SECTION, CODE_SECTION, DATA_SECTION].contains(id) {
                bytes.pin(span.range());
            }
        }
        let mut module = Self::empty(bytes, features);
        let mut indexer = Indexer { validator, module: &mut module };
        indexer.run()?;
        module.sections = sections;
        module.sort_exports();
        module.has_v128_types = module.mentions_v128();
        module.has_object_types = module.types.iter().any(|ty| ty.composite.as_func().is_none());
        Ok(module)
    }

    /// Which features the module needs: those without which it is not valid.
    ///
    /// # Errors
    ///
    /// If the module is not valid with every feature on.
    pub fn features_used(&self) -> Result<Features, Invalid> {
        let mut used = Features::NONE;
        let all = self.feature_set;
        validate_all(self.bytes(), all)?;
        for feature in all.iter() {
            if validate_all(self.bytes(), all.with(feature, false)).is_err() {
                used.set(feature, true);
            }
        }
        Ok(used)
    }

    fn empty(bytes: Arc<dyn Bytes>, feature_set: Features) -> Self {
        Self {
            bytes,
            features: feature_set.flags(),
            feature_set,
            types: Vec::new(),
            groups: Vec::new(),
            imports: Vec::new(),
            funcs: Vec::new(),
            func_imports: 0,
            tables: Vec::new(),
            table_imports: 0,
            memories: Vec::new(),
            memory_imports: 0,
            globals: Vec::new(),
            global_imports: Vec::new(),
            tags: Vec::new(),
            tag_imports: 0,
            exports: Vec::new(),
            exports_by_name: Vec::new(),
            start: None,
            elements: Vec::new(),
            data: Vec::new(),
            bodies: Vec::new(),
            name_section: None,
            branch_hint_section: None,
            sections: Vec::new(),
            resources: None,
            #[cfg(feature = "std")]
            late_resources: std::sync::OnceLock::new(),
            known: None,
            has_v128_types: false,
            has_object_types: false,
            fuses: cfg!(feature = "std"),
        }
    }

    fn sort_exports(&mut self) {
        let mut order: Vec<u32> = (0..self.exports.len() as u32).collect();
        let bytes = self.bytes.bytes();
        let name = |i: &u32| &bytes[self.exports[*i as usize].name.range()];
        order.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        self.exports_by_name = order;
    }

    fn mentions_v128(&self) -> bool {
        let v128 = |ty: &ValType| *ty == ValType::V128;
        let funcs = &mut self.func_types().map(|(_, ty)| ty);
        funcs.any(|ty| ty.params().iter().chain(ty.results()).any(v128))
            || self.global_imports.iter().any(|ty| v128(&ty.content))
            || self.globals.iter().any(|global| v128(&global.ty.content))
    }
}

/// Numbers of sections in the binary format whose contents are not trusted once they are indexed: bodies
/// are pinned when they are prepared, names when they are read, and data is only ever copied.
const CUSTOM_SECTION: u8 = 0;
const CODE_SECTION: u8 = 10;
const DATA_SECTION: u8 = 11;

/// Validates a whole module without keeping anything.
fn validate_all(bytes: &[u8], features: Features) -> Result<(), Invalid> {
    Validator::new_with_features(features.flags()).validate_all(bytes)?;
    Ok(())
}

/// Section numbers and contents, as far as the headers make sense; the parser reports what does not.
fn walk_sections(bytes: &dyn Bytes) -> Vec<(u8, Span)> {
    let mut sections = Vec::new();
    bytes.pin(0..bytes.bytes().len().min(8));
    let Some(rest) = bytes.bytes().get(8..) else { return sections };
    let mut reader = BinaryReader::new(rest, 8);
    while let Ok(id) = reader.read_u8() {
        let Ok(size) = reader.read_var_u32() else { break };
        let start = reader.original_position();
        if reader.read_bytes(size as usize).is_err() {
            break;
        }
        sections.push((id, Span::new(start..start + u64::from(size))));
    }
    sections
}

pub(crate) struct Indexer<'m> {
    /// Nothing where the module was found valid before.
    pub(crate) validator: Option<Validator>,
    pub(crate) module: &'m mut Module,
}

impl Indexer<'_> {
    fn run(&mut self) -> Result<(), Invalid> {
        let bytes = self.module.bytes.clone();
        let bytes = bytes.bytes();
        let mut parser = Parser::new(0);
        parser.set_features(self.module.features);
        let mut at = 0;
        loop {
            let Chunk::Parsed { consumed, payload } = parser.parse(&bytes[at..], true)? else {
                return Err(Invalid::new("unexpected end", at as u64));
            };
            at += consumed;
            match payload {
                Payload::End(offset) => {
                    if let Some(validator) = &mut self.validator {
                        validator.end(offset)?;
                    }
                    return Ok(());
                }
                Payload::CodeSectionStart { count, unchecked_range, .. } => {
                    if let Some(validator) = &mut self.validator {
                        validator.code_section_start(&unchecked_range)?;
                    }
                    self.code(bytes, count, &unchecked_range)?;
                    parser.skip_section();
                    at = unchecked_range.end as usize;
                }
                payload => self.section(payload)?,
            }
        }
    }

    /// Locates the bodies without reading them.
    fn code(&mut self, bytes: &[u8], count: u32, range: &Range<u64>) -> Result<(), Invalid> {
        let section = bytes.get(range.start as usize..range.end as usize);
        let Some(section) = section else {
            return Err(Invalid::new("unexpected end", bytes.len() as u64));
        };
        let mut reader = BinaryReader::new(section, range.start);
        reader.read_var_u32()?;
        let defined = self.module.funcs.len() - self.module.func_imports as usize;
        self.module.bodies.reserve_exact(defined.min(count as usize));
        for index in 0..count {
            let body = if index > 0 && defined > 0 { hop(section, &mut reader) } else { None };
            let body = match body {
                Some(body) => body,
                // The first one, and whatever is not well-formed, in the validator's words.
                None => self.first_body(FunctionBody::new(reader.read_reader()?), defined)?,
            };
            self.module.bodies.push(body);
        }
        if !reader.eof() {
            let message = "section size mismatch: unexpected data at the end of the section";
            return Err(Invalid::new(message, reader.original_position()));
        }
        Ok(())
    }

    /// Where a body stands; of the first one, the validator's resources are kept for all.
    fn first_body(&mut self, body: FunctionBody<'_>, defined: usize) -> Result<Span, Invalid> {
        let range = body.range();
        if range.end - range.start > FUNCTION_BODY_BYTES_MAX {
            return Err(Invalid::new("function body is too large", range.start));
        }
        if self.module.resources.is_none()
            && defined > 0
            && let Some(validator) = &mut self.validator
        {
            let first = validator.code_section_entry(&body)?;
            self.module.resources = Some(first.resources);
        }
        Ok(Span::new(body.range()))
    }

    fn section(&mut self, payload: Payload<'_>) -> Result<(), Invalid> {
        check_count(&payload)?;
        if let Payload::DataSection(section) = &payload {
            if self.plain_data(section)? {
                return Ok(());
            }
            self.pin_offsets(section)?;
        }
        if let Some(validator) = &mut self.validator {
            validator.payload(&payload)?;
        }
        match payload {
            Payload::TypeSection(section) => self.types(section),
            Payload::ImportSection(section) => self.imports(section),
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.module.funcs.push(ty?);
                }
                Ok(())
            }
            Payload::TableSection(section) => self.tables(section),
            Payload::MemorySection(section) => {
                for ty in section {
                    self.module.memories.push(memory_type(&ty?));
                }
                Ok(())
            }
            Payload::GlobalSection(section) => self.globals(section),
            Payload::TagSection(section) => {
                for tag in section {
                    self.module.tags.push(tag?.func_type_idx);
                }
                Ok(())
            }
            Payload::ExportSection(section) => self.exports(section),
            Payload::StartSection { func, .. } => {
                self.module.start = Some(func);
                Ok(())
            }
            Payload::ElementSection(section) => self.elements(section),
            Payload::DataSection(section) => self.data(section),
            Payload::CustomSection(section) => {
                let start = section.data_offset();
                let span = Span::new(start..start + section.data().len() as u64);
                if let KnownCustom::Name(_) = section.as_known() {
                    self.module.name_section = Some(span);
                } else if section.name() == crate::hints::SECTION {
                    self.module.branch_hint_section.get_or_insert(span);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), Invalid> {
        let offset = section.range().start;
        for group in section {
            let first = self.module.types.len() as u32;
            for ty in group?.into_types() {
                self.module.types.push(sub_type(&ty, offset)?);
            }
            let end = self.module.types.len() as u32;
            if end - first > 1 {
                self.module.groups.push(first..end);
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), Invalid> {
        for item in section.into_imports_with_offsets() {
            let (offset, import) = item?;
            let module = &mut *self.module;
            let kind = match import.ty {
                TypeRef::Func(ty) => {
                    module.funcs.push(ty);
                    module.func_imports += 1;
                    ImportKind::Func(ty)
                }
                TypeRef::Table(ty) => {
                    let ty = table_type(&ty, offset)?;
                    module.tables.push(Table { ty, init: None });
                    module.table_imports += 1;
                    ImportKind::Table(ty)
                }
                TypeRef::Memory(ty) => {
                    let ty = memory_type(&ty);
                    module.memories.push(ty);
                    module.memory_imports += 1;
                    ImportKind::Memory(ty)
                }
                TypeRef::Global(ty) => {
                    let ty = global_type(&ty, offset)?;
                    module.global_imports.push(ty);
                    ImportKind::Global(ty)
                }
                TypeRef::Tag(ty) => {
                    module.tags.push(ty.func_type_idx);
                    module.tag_imports += 1;
                    ImportKind::Tag(ty.func_type_idx)
                }
                _ => return Err(Invalid::new("unsupported import", offset)),
            };
            let (from, name) = (self.span_of(import.module), self.span_of(import.name));
            self.module.imports.push(Import { module: from, name, kind });
        }
        Ok(())
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'_>) -> Result<(), Invalid> {
        for item in section.into_iter_with_offsets() {
            let (offset, table) = item?;
            let init = match &table.init {
                TableInit::RefNull => None,
                TableInit::Expr(expr) => Some(const_range(expr)),
            };
            self.module.tables.push(Table { ty: table_type(&table.ty, offset)?, init });
        }
        Ok(())
    }

    fn globals(&mut self, section: wasmparser::GlobalSectionReader<'_>) -> Result<(), Invalid> {
        for item in section.into_iter_with_offsets() {
            let (offset, global) = item?;
            let ty = global_type(&global.ty, offset)?;
            let init = const_range(&global.init_expr);
            self.module.globals.push(Global { ty, init });
        }
        Ok(())
    }

    fn exports(&mut self, section: wasmparser::ExportSectionReader<'_>) -> Result<(), Invalid> {
        for item in section.into_iter_with_offsets() {
            let (offset, export) = item?;
            let index = export.index;
            let item = match export.kind {
                ExternalKind::Func => ExternIdx::Func(index),
                ExternalKind::Table => ExternIdx::Table(index),
                ExternalKind::Memory => ExternIdx::Memory(index),
                ExternalKind::Global => ExternIdx::Global(index),
                ExternalKind::Tag => ExternIdx::Tag(index),
                _ => return Err(Invalid::new("unsupported export", offset)),
            };
            let name = self.span_of(export.name);
            self.module.exports.push(Export { name, item });
        }
        Ok(())
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'_>) -> Result<(), Invalid> {
        for item in section.into_iter_with_offsets() {
            let (offset, element) = item?;
            let mode = match element.kind {
                ElementKind::Passive => ElementMode::Passive,
                ElementKind::Declared => ElementMode::Declared,
                ElementKind::Active { table_index, offset_expr } => ElementMode::Active {
                    table: table_index.unwrap_or(0),
                    offset: const_range(&offset_expr),
                },
            };
            let segment = match element.items {
                ElementItems::Functions(items) => ElementSegment {
                    mode,
                    ty: dunlin_core::RefType::FUNCREF,
                    count: items.count(),
                    items: Span::new(items.original_position()..items.range().end),
                    expressions: false,
                },
                ElementItems::Expressions(ty, items) => ElementSegment {
                    mode,
                    ty: ref_type(ty, offset)?,
                    count: items.count(),
                    items: Span::new(items.original_position()..items.range().end),
                    expressions: true,
                },
            };
            self.module.elements.push(segment);
        }
        Ok(())
    }

    /// Pins the offset expressions of data segments, which instantiation decodes again.
    fn pin_offsets(&self, section: &wasmparser::DataSectionReader<'_>) -> Result<(), Invalid> {
        for segment in section.clone() {
            if let DataKind::Active { offset_expr, .. } = segment?.kind {
                self.module.bytes.pin(const_range(&offset_expr).0.range());
            }
        }
        Ok(())
    }

    fn data(&mut self, section: wasmparser::DataSectionReader<'_>) -> Result<(), Invalid> {
        for item in section {
            let segment = item?;
            let mode = match segment.kind {
                DataKind::Passive => DataMode::Passive,
                DataKind::Active { memory_index, offset_expr } => {
                    let offset = Offset::Expr(const_range(&offset_expr));
                    DataMode::Active { memory: memory_index, offset }
                }
            };
            let bytes = self.span_of_bytes(segment.data);
            self.module.data.push(DataSegment { mode, bytes });
        }
        Ok(())
    }

    fn span_of(&self, text: &str) -> Span {
        self.span_of_bytes(text.as_bytes())
    }

    /// Where a slice of the module's bytes stands in them.
    fn span_of_bytes(&self, slice: &[u8]) -> Span {
        let base = self.module.bytes.bytes().as_ptr() as usize;
        let start = (slice.as_ptr() as usize - base) as u64;
        Span::new(start..start + slice.len() as u64)
    }
}

/// Moves `reader` over a body whose size is at most four bytes long, and says where the body stands;
/// `None`, with nothing read, for anything unusual. The only work that is done for every function.
fn hop(section: &[u8], reader: &mut BinaryReader<'_>) -> Option<Span> {
    let at = reader.current_position();
    let (mut size, mut bytes) = (0_usize, 0);
    loop {
        let byte = *section.get(at + bytes)?;
        size |= usize::from(byte & 0x7F) << (7 * bytes);
        bytes += 1;
        if byte < 0x80 {
            break;
        }
        if bytes == 4 {
            return None;
        }
    }
    let most = section.len().checked_sub(at + bytes)?.min(FUNCTION_BODY_BYTES_MAX as usize);
    if size > most {
        return None;
    }
    let start = reader.original_position() + bytes as u64;
    reader.read_bytes(bytes + size).ok()?;
    Some(Span::new(start..start + size as u64))
}

/// Refuses a section that claims more items than it has bytes, before the validator makes room for them.
fn check_count(payload: &Payload<'_>) -> Result<(), Invalid> {
    let (count, range) = match payload {
        Payload::TypeSection(section) => (section.count(), section.range()),
        Payload::ImportSection(section) => (section.count(), section.range()),
        Payload::FunctionSection(section) => (section.count(), section.range()),
        Payload::TableSection(section) => (section.count(), section.range()),
        Payload::MemorySection(section) => (section.count(), section.range()),
        Payload::GlobalSection(section) => (section.count(), section.range()),
        Payload::TagSection(section) => (section.count(), section.range()),
        Payload::ExportSection(section) => (section.count(), section.range()),
        Payload::ElementSection(section) => (section.count(), section.range()),
        Payload::DataSection(section) => (section.count(), section.range()),
        _ => return Ok(()),
    };
    if u64::from(count) > range.end - range.start {
        return Err(Invalid::new("unexpected end", range.end));
    }
    Ok(())
}

fn const_range(expr: &wasmparser::ConstExpr<'_>) -> ConstRange {
    ConstRange(Span::new(expr.get_binary_reader().range()))
}
