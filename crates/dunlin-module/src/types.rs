//! The validator's types in our words.

use crate::Invalid;
use dunlin_core::limits::PAGE_BYTES;
use dunlin_core::{
    CompositeType, FieldType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType,
    StorageType, SubType, TableType, ValType,
};
use wasmparser::{AbstractHeapType, CompositeInnerType, UnpackedIndex};

/// A heap type in our words; defined ones by their index in the module.
///
/// # Errors
///
/// If it is of a proposal that we do not have; `offset` is where it stands.
pub fn heap_type(ty: wasmparser::HeapType, offset: u64) -> Result<HeapType, Invalid> {
    Ok(match ty {
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func => HeapType::Func,
            AbstractHeapType::NoFunc => HeapType::NoFunc,
            AbstractHeapType::Extern => HeapType::Extern,
            AbstractHeapType::NoExtern => HeapType::NoExtern,
            AbstractHeapType::Any => HeapType::Any,
            AbstractHeapType::Eq => HeapType::Eq,
            AbstractHeapType::I31 => HeapType::I31,
            AbstractHeapType::Struct => HeapType::Struct,
            AbstractHeapType::Array => HeapType::Array,
            AbstractHeapType::None => HeapType::None,
            AbstractHeapType::Exn => HeapType::Exn,
            AbstractHeapType::NoExn => HeapType::NoExn,
            _ => return Err(Invalid::new("unsupported heap type", offset)),
        },
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => HeapType::Concrete(index),
        _ => return Err(Invalid::new("unsupported heap type", offset)),
    })
}

/// A reference type.
pub(crate) fn ref_type(ty: wasmparser::RefType, offset: u64) -> Result<RefType, Invalid> {
    Ok(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type(), offset)? })
}

/// A value type in our words.
///
/// # Errors
///
/// As [`heap_type`].
pub fn val_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType, Invalid> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty, offset)?),
    })
}

/// A table type.
pub(crate) fn table_type(ty: &wasmparser::TableType, offset: u64) -> Result<TableType, Invalid> {
    Ok(TableType {
        element: ref_type(ty.element_type, offset)?,
        min: ty.initial,
        max: ty.maximum,
        table64: ty.table64,
    })
}

/// A memory type.
pub(crate) fn memory_type(ty: &wasmparser::MemoryType) -> MemoryType {
    let page_size_log2 = ty.page_size_log2.map_or(PAGE_BYTES.trailing_zeros(), |log2| log2) as u8;
    let wasmparser::MemoryType { memory64, shared, initial: min, maximum: max, .. } = *ty;
    MemoryType { min, max, memory64, page_size_log2, shared }
}

/// A global type.
pub(crate) fn global_type(ty: &wasmparser::GlobalType, offset: u64) -> Result<GlobalType, Invalid> {
    Ok(GlobalType {
        content: val_type(ty.content_type, offset)?,
        mutability: mutability(ty.mutable),
    })
}

fn mutability(is_mutable: bool) -> Mutability {
    if is_mutable { Mutability::Var } else { Mutability::Const }
}

fn field_type(ty: &wasmparser::FieldType, offset: u64) -> Result<FieldType, Invalid> {
    let storage = match ty.element_type {
        wasmparser::StorageType::I8 => StorageType::I8,
        wasmparser::StorageType::I16 => StorageType::I16,
        wasmparser::StorageType::Val(ty) => StorageType::Val(val_type(ty, offset)?),
    };
    Ok(FieldType { storage, mutability: mutability(ty.mutable) })
}

/// A defined type.
pub(crate) fn sub_type(ty: &wasmparser::SubType, offset: u64) -> Result<SubType, Invalid> {
    let unsupported = || Invalid::new("unsupported type", offset);
    let composite = &ty.composite_type;
    if composite.shared || composite.descriptor_idx.is_some() || composite.describes_idx.is_some() {
        return Err(unsupported());
    }
    let composite = match &composite.inner {
        CompositeInnerType::Func(ty) => {
            let list = |types: &[wasmparser::ValType]| {
                let types = types.iter().map(|ty| val_type(*ty, offset));
                types.collect::<Result<alloc::vec::Vec<_>, _>>()
            };
            CompositeType::Func(FuncType::new(list(ty.params())?, list(ty.results())?))
        }
        CompositeInnerType::Struct(ty) => {
            let fields = ty.fields.iter().map(|field| field_type(field, offset));
            CompositeType::Struct(fields.collect::<Result<_, _>>()?)
        }
        CompositeInnerType::Array(ty) => CompositeType::Array(field_type(&ty.0, offset)?),
        CompositeInnerType::Cont(_) => return Err(unsupported()),
    };
    let supertype = match ty.supertype_idxs.first().map(wasmparser::PackedIndex::unpack) {
        None => None,
        Some(UnpackedIndex::Module(index)) => Some(index),
        Some(_) => return Err(unsupported()),
    };
    Ok(SubType { is_final: ty.is_final, supertype, composite })
}
