//! What a module declares: its types and its index spaces, imports first.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    AbstractHeapType, CompositeInnerType, FieldType, FuncType, GlobalType, HeapType, MemoryType,
    RefType, SubType, TableType, ValType,
};
use wasmparser::{ExternalKind, Imports, Operator, Parser, Payload, TypeRef};

/// A module's declarations.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Every type.
    pub(super) types: Vec<SubType>,
    /// The index of each function's type.
    pub(super) funcs: Vec<u32>,
    /// Tables.
    pub(super) tables: Vec<TableType>,
    /// Memories.
    pub(super) memories: Vec<MemoryType>,
    /// Globals.
    pub(super) globals: Vec<GlobalType>,
    /// The index of each tag's type.
    pub(super) tags: Vec<u32>,
    /// Imported functions, tables, memories, globals and tags.
    pub(super) imported: [usize; 5],
    /// Exported functions, without repetitions.
    pub(super) exports: Vec<u32>,
    /// Whether exceptions are caught in the early way.
    pub(super) legacy: bool,
    /// Whether they are caught in the later way: no standard says that a module may do both.
    pub(super) newer: bool,
}

/// The values that a hierarchy of reference types holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Top {
    /// What a collector follows, and integers of 31 bits.
    Any,
    /// Functions.
    Func,
    /// What is the host's.
    Extern,
    /// Exceptions.
    Exn,
}

impl Shape {
    /// The declarations of a module.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            shape.add(payload.map_err(text)?)?;
        }
        Ok(shape)
    }

    fn add(&mut self, payload: Payload<'_>) -> Result<(), String> {
        let same = &mut RoundtripReencoder;
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group.map_err(text)?.into_types() {
                        self.types.push(same.sub_type(ty).map_err(text)?);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for imports in section {
                    let Imports::Single(_, import) = imports.map_err(text)? else {
                        return Err("imports in groups".into());
                    };
                    self.import(import.ty)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.funcs.push(ty.map_err(text)?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(same.table_type(table.map_err(text)?.ty).map_err(text)?);
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    self.memories.push(same.memory_type(ty.map_err(text)?).map_err(text)?);
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag.map_err(text)?.func_type_idx);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(same.global_type(global.map_err(text)?.ty).map_err(text)?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(text)?;
                    let func = export.kind == ExternalKind::Func;
                    if func && !self.exports.contains(&export.index) {
                        self.exports.push(export.index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let mut operators = body.get_operators_reader().map_err(text)?;
                while !operators.eof() {
                    match operators.read().map_err(text)? {
                        Operator::Try { .. } => self.legacy = true,
                        Operator::TryTable { .. } | Operator::ThrowRef => self.newer = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, ty: TypeRef) -> Result<(), String> {
        let same = &mut RoundtripReencoder;
        let kind = match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.funcs.push(ty);
                0
            }
            TypeRef::Table(ty) => {
                self.tables.push(same.table_type(ty).map_err(text)?);
                1
            }
            TypeRef::Memory(ty) => {
                self.memories.push(same.memory_type(ty).map_err(text)?);
                2
            }
            TypeRef::Global(ty) => {
                self.globals.push(same.global_type(ty).map_err(text)?);
                3
            }
            TypeRef::Tag(ty) => {
                self.tags.push(ty.func_type_idx);
                4
            }
        };
        self.imported[kind] += 1;
        Ok(())
    }

    /// The function type with this index; one without parameters if it is none.
    pub(super) fn func_type(&self, ty: u32) -> FuncType {
        match self.types.get(ty as usize).map(|ty| &ty.composite_type.inner) {
            Some(CompositeInnerType::Func(ty)) => ty.clone(),
            _ => FuncType::new([], []),
        }
    }

    /// The fields of a structure's type.
    pub(super) fn fields(&self, ty: u32) -> Option<&[FieldType]> {
        match &self.types.get(ty as usize)?.composite_type.inner {
            CompositeInnerType::Struct(ty) => Some(&ty.fields),
            _ => None,
        }
    }

    /// The elements of an array's type.
    pub(super) fn element(&self, ty: u32) -> Option<FieldType> {
        match &self.types.get(ty as usize)?.composite_type.inner {
            CompositeInnerType::Array(ty) => Some(ty.0),
            _ => None,
        }
    }

    /// Whether a type is a function's.
    pub(super) fn is_func(&self, ty: u32) -> bool {
        let ty = self.types.get(ty as usize).map(|ty| &ty.composite_type.inner);
        matches!(ty, Some(CompositeInnerType::Func(_)))
    }

    /// Whether `ty` is `above` or declared to be below it.
    pub(super) fn is_below(&self, mut ty: u32, above: u32) -> bool {
        while ty != above {
            match self.types.get(ty as usize).and_then(|ty| ty.supertype_idxs.first()) {
                Some(next) => ty = *next,
                None => return false,
            }
        }
        true
    }

    /// The hierarchy of a type; `None` of one that nothing here has.
    pub(super) fn top(&self, heap: HeapType) -> Option<Top> {
        Some(match heap {
            HeapType::Concrete(ty) | HeapType::Exact(ty) => {
                if self.is_func(ty) {
                    Top::Func
                } else {
                    Top::Any
                }
            }
            HeapType::Abstract { ty, .. } => match ty {
                AbstractHeapType::Func | AbstractHeapType::NoFunc => Top::Func,
                AbstractHeapType::Extern | AbstractHeapType::NoExtern => Top::Extern,
                AbstractHeapType::Exn | AbstractHeapType::NoExn => Top::Exn,
                AbstractHeapType::Cont | AbstractHeapType::NoCont => return None,
                _ => Top::Any,
            },
        })
    }
}

/// An abstract heap type of one thread.
pub(super) const fn heap(ty: AbstractHeapType) -> HeapType {
    HeapType::Abstract { shared: false, ty }
}

/// A reference that is null or not.
pub(super) const fn nullable(heap_type: HeapType) -> ValType {
    ValType::Ref(RefType { nullable: true, heap_type })
}

/// A reference that is not null.
pub(super) const fn never_null(heap_type: HeapType) -> ValType {
    ValType::Ref(RefType { nullable: false, heap_type })
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
