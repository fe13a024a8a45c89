//! Types of WebAssembly, as the specification's section 2.3 names them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// What a reference may point to (specification, 2.3.5 "Heap Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapType {
    /// Any function.
    Func,
    /// Any value of the host.
    Extern,
}

/// The type of a reference (specification, 2.3.6 "Reference Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefType {
    /// Whether `ref.null` is among its values.
    pub nullable: bool,
    /// What it may point to.
    pub heap: HeapType,
}

impl RefType {
    /// `funcref`: a nullable reference to any function.
    pub const FUNCREF: Self = Self { nullable: true, heap: HeapType::Func };
    /// `externref`: a nullable reference to any host value.
    pub const EXTERNREF: Self = Self { nullable: true, heap: HeapType::Extern };
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
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.nullable, self.heap) {
            (true, HeapType::Func) => "funcref",
            (true, HeapType::Extern) => "externref",
            (false, HeapType::Func) => "(ref func)",
            (false, HeapType::Extern) => "(ref extern)",
        })
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

/// Whether a global may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// The type of a memory: limits in pages of 64 KiB, and address type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// Its size when created, in pages.
    pub min: u64,
    /// The size that it never exceeds, in pages.
    pub max: Option<u64>,
    /// Whether its addresses are `i64` (the memory64 proposal).
    pub memory64: bool,
    /// Whether several threads may have it (the threads proposal). It has a maximum then.
    pub shared: bool,
}

impl MemoryType {
    /// A memory with 32-bit addresses.
    #[must_use]
    pub const fn new(min: u32, max: Option<u32>) -> Self {
        let max = match max {
            Some(max) => Some(max as u64),
            None => None,
        };
        Self { min: min as u64, max, memory64: false, shared: false }
    }

    /// A memory with 32-bit addresses that several threads may have.
    #[must_use]
    pub const fn shared(min: u32, max: u32) -> Self {
        Self { shared: true, ..Self::new(min, Some(max)) }
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
}

impl ExternType {
    /// The specification's word for this kind: `func`, `table`, `memory` or `global`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Func(_) => "func",
            Self::Table(_) => "table",
            Self::Memory(_) => "memory",
            Self::Global(_) => "global",
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
                if ty.shared { f.write_str(" shared") } else { Ok(()) }
            }
            Self::Global(ty) if ty.is_mutable() => write!(f, "global (mut {})", ty.content),
            Self::Global(ty) => write!(f, "global {}", ty.content),
        }
    }
}
