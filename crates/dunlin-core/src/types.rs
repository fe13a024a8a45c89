//! Types of WebAssembly, as the specification's section 2.3 names them.

use crate::limits::{MEMORY_BYTES_MAX, MEMORY32_PAGES_MAX, PAGE_BYTES};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// What a reference may point to (specification, 2.3.4 "Heap Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: the type of null among functions.
    NoFunc,
    /// Any value of the host.
    Extern,
    /// No value of the host: the type of null among them.
    NoExtern,
    /// Any aggregate, small integer, or internalised value of the host.
    Any,
    /// Whatever `ref.eq` compares.
    Eq,
    /// A 31-bit integer without storage.
    I31,
    /// Any structure.
    Struct,
    /// Any array.
    Array,
    /// Nothing: the type of null among what `any` holds.
    None,
    /// Any exception.
    Exn,
    /// No exception: the type of null among exceptions.
    NoExn,
    /// What has a defined type: in a module, the type's index; in an engine, the engine's number for it
    /// ([`SubType`]).
    Concrete(u32),
}

impl HeapType {
    /// The specification's word for an abstract heap type; `None` for a concrete one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Func => "func",
            Self::NoFunc => "nofunc",
            Self::Extern => "extern",
            Self::NoExtern => "noextern",
            Self::Any => "any",
            Self::Eq => "eq",
            Self::I31 => "i31",
            Self::Struct => "struct",
            Self::Array => "array",
            Self::None => "none",
            Self::Exn => "exn",
            Self::NoExn => "noexn",
            Self::Concrete(_) => return None,
        })
    }
}

/// The type of a reference (specification, 2.3.5 "Reference Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefType {
    /// Whether `ref.null` is among its values.
    pub nullable: bool,
    /// What it may point to.
    pub heap: HeapType,
}

impl RefType {
    /// `funcref`: a nullable reference to any function.
    pub const FUNCREF: Self = Self::null(HeapType::Func);
    /// `externref`: a nullable reference to any host value.
    pub const EXTERNREF: Self = Self::null(HeapType::Extern);
    /// `anyref`: a nullable reference to anything that guests make or internalise.
    pub const ANYREF: Self = Self::null(HeapType::Any);
    /// `exnref`: a nullable reference to any exception.
    pub const EXNREF: Self = Self::null(HeapType::Exn);

    /// A nullable reference.
    #[must_use]
    pub const fn null(heap: HeapType) -> Self {
        Self { nullable: true, heap }
    }

    /// A reference that is never null.
    #[must_use]
    pub const fn non_null(heap: HeapType) -> Self {
        Self { nullable: false, heap }
    }

    /// This type with the defined type that it mentions replaced by what `map` says.
    #[must_use]
    pub fn map_types(self, map: impl FnOnce(u32) -> u32) -> Self {
        let heap = match self.heap {
            HeapType::Concrete(ty) => HeapType::Concrete(map(ty)),
            heap => heap,
        };
        Self { heap, ..self }
    }

    /// Whether values of this type may lead to what a store's collector owns, so that it must find and may
    /// change them. `is_func` says whether a defined type is a function's.
    #[must_use]
    pub fn is_traced(self, is_func: impl FnOnce(u32) -> bool) -> bool {
        match self.heap {
            HeapType::Func | HeapType::NoFunc => false,
            HeapType::Concrete(ty) => !is_func(ty),
            _ => true,
        }
    }
}

/// The type of a value on the operand stack, in a local or a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit IEEE 754 number.
    F32,
    /// 64-bit IEEE 754 number.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference.
    Ref(RefType),
}

impl ValType {
    /// `funcref`.
    pub const FUNCREF: Self = Self::Ref(RefType::FUNCREF);
    /// `externref`.
    pub const EXTERNREF: Self = Self::Ref(RefType::EXTERNREF);

    /// Slots of 8 bytes that a value of this type takes in a frame: two for `v128`, one otherwise.
    #[must_use]
    #[inline]
    pub const fn slots(self) -> u32 {
        match self {
            Self::V128 => 2,
            _ => 1,
        }
    }

    /// Whether this is a reference type.
    #[must_use]
    pub const fn is_ref(self) -> bool {
        matches!(self, Self::Ref(_))
    }

    /// Whether a value of this type must be written before it is read: only a reference that is never null
    /// has no value to begin with.
    #[must_use]
    pub const fn is_defaultable(self) -> bool {
        !matches!(self, Self::Ref(RefType { nullable: false, .. }))
    }

    /// This type with the defined type that it mentions replaced by what `map` says.
    #[must_use]
    pub fn map_types(self, map: impl FnOnce(u32) -> u32) -> Self {
        match self {
            Self::Ref(ty) => Self::Ref(ty.map_types(map)),
            other => other,
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.name()) {
            (Self::Concrete(ty), _) => ty.fmt(f),
            (_, name) => f.write_str(name.unwrap_or_default()),
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The binary format has names of one word for the nullable abstract ones.
        let short = match self.heap {
            HeapType::None => Some("null"),
            HeapType::NoFunc => Some("nullfunc"),
            HeapType::NoExtern => Some("nullextern"),
            HeapType::NoExn => Some("nullexn"),
            heap => heap.name(),
        };
        match short {
            Some(short) if self.nullable => write!(f, "{short}ref"),
            _ if self.nullable => write!(f, "(ref null {})", self.heap),
            _ => write!(f, "(ref {})", self.heap),
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::V128 => f.write_str("v128"),
            Self::Ref(ty) => ty.fmt(f),
        }
    }
}

/// The type of a function: parameters, then results, in one allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncType {
    types: Box<[ValType]>,
    params: u32,
}

impl FuncType {
    /// A function type with these parameters and results.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let params = types.len() as u32;
        types.extend(results);
        Self { types: types.into_boxed_slice(), params }
    }

    /// The types of the parameters.
    #[must_use]
    #[inline]
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.params as usize]
    }

    /// The types of the results.
    #[must_use]
    #[inline]
    pub fn results(&self) -> &[ValType] {
        &self.types[self.params as usize..]
    }

    /// This type with every defined type that it mentions replaced by what `map` says.
    #[must_use]
    pub fn map_types(&self, mut map: impl FnMut(u32) -> u32) -> Self {
        let types = self.types.iter().map(|ty| ty.map_types(&mut map)).collect();
        Self { types, params: self.params }
    }

    /// Slots that the parameters take in a frame.
    #[must_use]
    pub fn param_slots(&self) -> u32 {
        self.params().iter().map(|ty| ty.slots()).sum()
    }

    /// Slots that the results take in a frame.
    #[must_use]
    pub fn result_slots(&self) -> u32 {
        self.results().iter().map(|ty| ty.slots()).sum()
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("[")?;
            for (i, ty) in types.iter().enumerate() {
                if i > 0 {
                    f.write_str(" ")?;
                }
                ty.fmt(f)?;
            }
            f.write_str("]")
        };
        list(f, self.params())?;
        f.write_str(" -> ")?;
        list(f, self.results())
    }
}

/// What a field or element is stored as (specification, 2.3.8 "Aggregate Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StorageType {
    /// 8 bits of an `i32`.
    I8,
    /// 16 bits of an `i32`.
    I16,
    /// A value.
    Val(ValType),
}

impl StorageType {
    /// The type of the value that operators read and write.
    #[must_use]
    pub const fn unpacked(self) -> ValType {
        match self {
            Self::I8 | Self::I16 => ValType::I32,
            Self::Val(ty) => ty,
        }
    }

    /// Bytes that it takes in a structure or array: 1, 2, 4, 8 or 16. References take 4.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I8 => 1,
            Self::I16 => 2,
            Self::Val(ValType::I32 | ValType::F32 | ValType::Ref(_)) => 4,
            Self::Val(ValType::I64 | ValType::F64) => 8,
            Self::Val(ValType::V128) => 16,
        }
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I8 => f.write_str("i8"),
            Self::I16 => f.write_str("i16"),
            Self::Val(ty) => ty.fmt(f),
        }
    }
}

/// The type of a structure's field or an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldType {
    /// What it is stored as.
    pub storage: StorageType,
    /// Whether it may be written after it has been made.
    pub mutability: Mutability,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutability {
            Mutability::Const => self.storage.fmt(f),
            Mutability::Var => write!(f, "(mut {})", self.storage),
        }
    }
}

/// What a defined type is made of (specification, 2.3.8 "Composite Types").
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CompositeType {
    /// A function.
    Func(FuncType),
    /// A structure: its fields.
    Struct(Box<[FieldType]>),
    /// An array: its elements.
    Array(FieldType),
}

impl CompositeType {
    /// The function type, if it is one.
    #[must_use]
    pub const fn as_func(&self) -> Option<&FuncType> {
        match self {
            Self::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// The abstract type above all of its kind: `func`, `struct` or `array`.
    #[must_use]
    pub const fn kind(&self) -> HeapType {
        match self {
            Self::Func(_) => HeapType::Func,
            Self::Struct(_) => HeapType::Struct,
            Self::Array(_) => HeapType::Array,
        }
    }
}

impl fmt::Display for CompositeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Func(ty) => write!(f, "(func {ty})"),
            Self::Struct(fields) => {
                f.write_str("(struct")?;
                fields.iter().try_for_each(|field| write!(f, " (field {field})"))?;
                f.write_str(")")
            }
            Self::Array(element) => write!(f, "(array {element})"),
        }
    }
}

impl fmt::Debug for CompositeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A defined type (specification, 2.3.9 "Recursive Types"). The types that it mentions are indices of its
/// module, or numbers of an engine, as [`HeapType::Concrete`] says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubType {
    /// Whether it has no subtypes but itself.
    pub is_final: bool,
    /// The defined type above it.
    pub supertype: Option<u32>,
    /// What it is made of.
    pub composite: CompositeType,
}

impl SubType {
    /// The final type of these functions, without a supertype: what `(type (func …))` defines.
    #[must_use]
    pub const fn func(ty: FuncType) -> Self {
        Self { is_final: true, supertype: None, composite: CompositeType::Func(ty) }
    }

    /// This type with every type that it mentions, its supertype first, replaced by what `map` says.
    #[must_use]
    pub fn map_types(&self, mut map: impl FnMut(u32) -> u32) -> Self {
        let supertype = self.supertype.map(&mut map);
        let mut field = |ty: &FieldType| FieldType {
            storage: match ty.storage {
                StorageType::Val(ty) => StorageType::Val(ty.map_types(&mut map)),
                packed => packed,
            },
            mutability: ty.mutability,
        };
        let composite = match &self.composite {
            CompositeType::Struct(fields) => {
                CompositeType::Struct(fields.iter().map(field).collect())
            }
            CompositeType::Array(element) => CompositeType::Array(field(element)),
            CompositeType::Func(ty) => CompositeType::Func(ty.map_types(map)),
        };
        Self { is_final: self.is_final, supertype, composite }
    }
}

/// Whether a global may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutability {
    /// `const`: never written after its initialisation.
    Const,
    /// `var`: written by `global.set` and by the host.
    Var,
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether it may be written.
    pub mutability: Mutability,
}

impl GlobalType {
    /// A global of this type and mutability.
    #[must_use]
    pub const fn new(content: ValType, mutability: Mutability) -> Self {
        Self { content, mutability }
    }

    /// Whether `global.set` may write it.
    #[must_use]
    pub const fn is_mutable(self) -> bool {
        matches!(self.mutability, Mutability::Var)
    }
}

/// The type of a table: its elements, limits in elements, and address type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    /// The type of its elements.
    pub element: RefType,
    /// Its size when created, in elements.
    pub min: u64,
    /// The size that it never exceeds, in elements.
    pub max: Option<u64>,
    /// Whether its indices are `i64` (the memory64 proposal's table64).
    pub table64: bool,
}

impl TableType {
    /// A table with 32-bit indices.
    #[must_use]
    pub const fn new(element: RefType, min: u32, max: Option<u32>) -> Self {
        let max = match max {
            Some(max) => Some(max as u64),
            None => None,
        };
        Self { element, min: min as u64, max, table64: false }
    }

    /// The type of its indices.
    #[must_use]
    pub const fn index_type(self) -> ValType {
        if self.table64 { ValType::I64 } else { ValType::I32 }
    }
}

/// The type of a memory: limits in pages, the size of those, and address type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// Its size when created, in pages.
    pub min: u64,
    /// The size that it never exceeds, in pages.
    pub max: Option<u64>,
    /// Whether its addresses are `i64` (the memory64 proposal).
    pub memory64: bool,
    /// The binary logarithm of a page's bytes: 16, or 0 (the custom-page-sizes proposal).
    pub page_size_log2: u8,
    /// Whether several threads may have it (the threads proposal). It has a maximum then.
    pub shared: bool,
}

impl MemoryType {
    /// A memory with 32-bit addresses, and pages of 64 KiB.
    #[must_use]
    pub const fn new(min: u32, max: Option<u32>) -> Self {
        let max = match max {
            Some(max) => Some(max as u64),
            None => None,
        };
        let page_size_log2 = PAGE_BYTES.trailing_zeros() as u8;
        Self { min: min as u64, max, memory64: false, page_size_log2, shared: false }
    }

    /// A memory with 32-bit addresses that several threads may have.
    #[must_use]
    pub const fn shared(min: u32, max: u32) -> Self {
        Self { shared: true, ..Self::new(min, Some(max)) }
    }

    /// Whether its pages are of 64 KiB, as all were before the custom-page-sizes proposal.
    #[must_use]
    pub const fn has_plain_pages(self) -> bool {
        self.page_size_log2 as u32 == PAGE_BYTES.trailing_zeros()
    }

    /// Bytes of so many pages, if there can be as many.
    #[must_use]
    pub const fn bytes_of(self, pages: u64) -> Option<u64> {
        match 1_u64.checked_shl(self.page_size_log2 as u32) {
            Some(page) => pages.checked_mul(page),
            None => None,
        }
    }

    /// Pages of so many bytes. A page of 2^64 bytes or more is never whole.
    #[must_use]
    pub const fn pages_of(self, bytes: u64) -> u64 {
        match bytes.checked_shr(self.page_size_log2 as u32) {
            Some(pages) => pages,
            None => 0,
        }
    }

    /// Pages that a memory of this type may have by its address type, whatever its maximum: the end of
    /// one of single bytes has an address still.
    #[must_use]
    pub const fn pages_max(self) -> u64 {
        match (self.memory64, self.has_plain_pages()) {
            (false, true) => MEMORY32_PAGES_MAX,
            (false, false) => self.pages_of(u32::MAX as u64),
            (true, _) => self.pages_of(MEMORY_BYTES_MAX),
        }
    }

    /// The type of its addresses.
    #[must_use]
    pub const fn index_type(self) -> ValType {
        if self.memory64 { ValType::I64 } else { ValType::I32 }
    }
}

/// The type of an import or export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag of exceptions: what they carry are the function type's parameters.
    Tag(FuncType),
}

impl ExternType {
    /// The specification's word for this kind: `func`, `table`, `memory`, `global` or `tag`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Func(_) => "func",
            Self::Table(_) => "table",
            Self::Memory(_) => "memory",
            Self::Global(_) => "global",
            Self::Tag(_) => "tag",
        }
    }

    /// This type with every defined type that it mentions replaced by what `map` says.
    #[must_use]
    pub fn map_types(&self, map: impl FnMut(u32) -> u32) -> Self {
        match self {
            Self::Func(ty) => Self::Func(ty.map_types(map)),
            Self::Tag(ty) => Self::Tag(ty.map_types(map)),
            Self::Table(ty) => Self::Table(TableType { element: ty.element.map_types(map), ..*ty }),
            Self::Global(ty) => {
                Self::Global(GlobalType { content: ty.content.map_types(map), ..*ty })
            }
            Self::Memory(ty) => Self::Memory(*ty),
        }
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = |f: &mut fmt::Formatter<'_>, is64: bool, min: u64, max: Option<u64>| {
            if is64 {
                f.write_str("i64 ")?;
            }
            write!(f, "{min}")?;
            match max {
                Some(max) => write!(f, " {max}"),
                None => Ok(()),
            }
        };
        match self {
            Self::Func(ty) => write!(f, "func {ty}"),
            Self::Table(ty) => {
                f.write_str("table ")?;
                limits(f, ty.table64, ty.min, ty.max)?;
                write!(f, " {}", ty.element)
            }
            Self::Memory(ty) => {
                f.write_str("memory ")?;
                limits(f, ty.memory64, ty.min, ty.max)?;
                match ty.bytes_of(1) {
                    Some(bytes) if !ty.has_plain_pages() => write!(f, " (pagesize {bytes})")?,
                    _ => {}
                }
                if ty.shared { f.write_str(" shared") } else { Ok(()) }
            }
            Self::Global(ty) if ty.is_mutable() => write!(f, "global (mut {})", ty.content),
            Self::Global(ty) => write!(f, "global {}", ty.content),
            Self::Tag(ty) => write!(f, "tag {ty}"),
        }
    }
}
