//! Values whose type is known at run time, and references to the host's own values.

use crate::error::{Error, Result};
use crate::func::Func;
use crate::refs::{AnyRef, ExnRef, ExternRef};
use dunlin_core::canon::is_func;
use dunlin_core::{HeapType, RefType, V128, ValType};
use dunlin_vm::context::GlobalCell;

/// A value of WebAssembly with its type. Floats are bits, so that a NaN's payload stays what it is.
///
/// # Examples
///
/// ```
/// use dunlin::{Val, ValType};
///
/// assert_eq!(Val::from(7_i32).ty(), ValType::I32);
/// assert_eq!(Val::from(1.5_f64).f64(), Some(1.5));
/// assert_eq!(Val::I64(1).i32(), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// A vector.
    V128(V128),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// A value of the host, or null.
    ExternRef(Option<ExternRef>),
    /// A structure, an array, a small integer or an internalised value of the host; or null.
    AnyRef(Option<AnyRef>),
    /// An exception, or null.
    ExnRef(Option<ExnRef>),
}

impl Val {
    /// The value that a local of this type begins with: zero, or null.
    #[must_use]
    #[inline]
    pub const fn default_for(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(0),
            ValType::F64 => Self::F64(0),
            ValType::V128 => Self::V128(V128::from_bits(0)),
            ValType::Ref(RefType { heap, .. }) => Self::null(heap),
        }
    }

    /// The null reference of this heap type.
    #[must_use]
    pub const fn null(heap: HeapType) -> Self {
        match heap {
            HeapType::Func | HeapType::NoFunc => Self::FuncRef(None),
            HeapType::Concrete(number) if is_func(number) => Self::FuncRef(None),
            HeapType::Extern | HeapType::NoExtern => Self::ExternRef(None),
            HeapType::Exn | HeapType::NoExn => Self::ExnRef(None),
            _ => Self::AnyRef(None),
        }
    }

    /// The type of this value; of a reference, the widest nullable one.
    #[must_use]
    pub const fn ty(&self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::FuncRef(_) => ValType::FUNCREF,
            Self::ExternRef(_) => ValType::EXTERNREF,
            Self::AnyRef(_) => ValType::Ref(RefType::ANYREF),
            Self::ExnRef(_) => ValType::Ref(RefType::EXNREF),
        }
    }

    /// The integer, if this is an `i32`.
    #[must_use]
    pub const fn i32(&self) -> Option<i32> {
        match self {
            Self::I32(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if this is an `i64`.
    #[must_use]
    pub const fn i64(&self) -> Option<i64> {
        match self {
            Self::I64(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is an `f32`.
    #[must_use]
    pub const fn f32(&self) -> Option<f32> {
        match self {
            Self::F32(bits) => Some(f32::from_bits(*bits)),
            _ => None,
        }
    }

    /// The number, if this is an `f64`.
    #[must_use]
    pub const fn f64(&self) -> Option<f64> {
        match self {
            Self::F64(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// The vector, if this is a `v128`.
    #[must_use]
    pub const fn v128(&self) -> Option<V128> {
        match self {
            Self::V128(value) => Some(*value),
            _ => None,
        }
    }

    /// The reference, if this is a `funcref`; the inner `None` is null.
    #[must_use]
    pub const fn func_ref(&self) -> Option<Option<Func>> {
        match self {
            Self::FuncRef(value) => Some(*value),
            _ => None,
        }
    }

    /// The reference, if this is an `externref`; the inner `None` is null.
    #[must_use]
    pub const fn extern_ref(&self) -> Option<Option<ExternRef>> {
        match self {
            Self::ExternRef(value) => Some(*value),
            _ => None,
        }
    }

    /// The reference, if this is an `anyref`; the inner `None` is null.
    #[must_use]
    pub const fn any_ref(&self) -> Option<Option<AnyRef>> {
        match self {
            Self::AnyRef(value) => Some(*value),
            _ => None,
        }
    }

    /// The reference, if this is an `exnref`; the inner `None` is null.
    #[must_use]
    pub const fn exn_ref(&self) -> Option<Option<ExnRef>> {
        match self {
            Self::ExnRef(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether this is a null reference.
    const fn is_null(&self) -> bool {
        use Val as V;
        matches!(self, V::FuncRef(None) | V::ExternRef(None) | V::AnyRef(None) | V::ExnRef(None))
    }

    /// Whether this value, which is of the store at home and there `reference`, is one of type `ty`.
    fn matches(&self, home: Home<'_>, reference: u32, ty: ValType) -> bool {
        let ValType::Ref(wanted) = ty else { return self.ty() == ty };
        let heap = match self {
            Self::FuncRef(None) => HeapType::NoFunc,
            Self::FuncRef(Some(_)) if wanted == RefType::FUNCREF => return true,
            Self::FuncRef(Some(func)) => HeapType::Concrete(home.vm.func_type_id(func.index)),
            Self::ExternRef(None) => HeapType::NoExtern,
            Self::ExternRef(Some(_)) => HeapType::Extern,
            Self::AnyRef(None) => HeapType::None,
            Self::AnyRef(Some(_)) => home.vm.heap_type_of(reference),
            Self::ExnRef(None) => HeapType::NoExn,
            Self::ExnRef(Some(_)) => HeapType::Exn,
            _ => return false,
        };
        home.vm.types().ref_matches(RefType { nullable: self.is_null(), heap }, wanted)
    }

    /// This value as the store at home keeps it, if it is of type `ty`: the first slot, and the second
    /// of a vector.
    pub(crate) fn to_cell(self, home: Home<'_>, ty: ValType, what: &str) -> Result<GlobalCell> {
        let cell = match self {
            Self::I32(value) => [u64::from(value.cast_unsigned()), 0],
            Self::I64(value) => [value.cast_unsigned(), 0],
            Self::F32(bits) => [bits.into(), 0],
            Self::F64(bits) => [bits, 0],
            Self::V128(value) => value.halves().into(),
            Self::FuncRef(None)
            | Self::ExternRef(None)
            | Self::AnyRef(None)
            | Self::ExnRef(None) => [0; 2],
            Self::FuncRef(Some(func)) => [func.reference(home)?.into(), 0],
            Self::ExternRef(Some(value)) => [value.reference(home)?.into(), 0],
            Self::AnyRef(Some(value)) => [value.reference(home)?.into(), 0],
            Self::ExnRef(Some(value)) => [value.reference(home)?.into(), 0],
        };
        if self.matches(home, cell[0] as u32, ty) {
            Ok(cell)
        } else {
            Err(self.mismatch(home, ty, what))
        }
    }

    #[cold]
    fn mismatch(self, home: Home<'_>, ty: ValType, what: &str) -> Error {
        let null = if self.is_null() { "null " } else { "" };
        if let (Self::FuncRef(Some(func)), ValType::Ref(RefType { heap, .. })) = (self, ty)
            && let HeapType::Concrete(number) = heap
            && dunlin_core::canon::is_func(number)
        {
            let (have, wanted) = (home.vm.func_type(func.index), home.vm.types().get(number));
            return Error::usage(format_args!("{what} must be a function {wanted}, but is {have}"));
        }
        let have = self.ty();
        Error::usage(format_args!("{what} must be of type {ty}, but is {null}{have}"))
    }

    /// The value of type `ty` that the store at home keeps like this.
    #[inline]
    pub(crate) fn from_cell(home: Home<'_>, ty: ValType, cell: GlobalCell) -> Self {
        let low = cell[0];
        match ty {
            ValType::I32 => Self::I32((low as u32).cast_signed()),
            ValType::I64 => Self::I64(low.cast_signed()),
            ValType::F32 => Self::F32(low as u32),
            ValType::F64 => Self::F64(low),
            ValType::V128 => Self::V128(V128::from_halves(low, cell[1])),
            ValType::Ref(RefType { heap, .. }) => match Self::null(heap) {
                Self::ExternRef(_) => Self::ExternRef(ExternRef::from_reference(home, low as u32)),
                Self::AnyRef(_) => Self::AnyRef(AnyRef::from_reference(home, low as u32)),
                Self::ExnRef(_) => Self::ExnRef(ExnRef::from_reference(home, low as u32)),
                _ => Self::FuncRef(Func::from_reference(home, low as u32)),
            },
        }
    }

    /// Writes this value to the first of `slots`, or its first two.
    #[inline]
    pub(crate) fn write(
        &self,
        home: Home<'_>,
        ty: ValType,
        what: &str,
        slots: &mut [u64],
    ) -> Result<()> {
        slots[0] = match (self, ty) {
            (Self::I32(value), ValType::I32) => u64::from(value.cast_unsigned()),
            (Self::I64(value), ValType::I64) => value.cast_unsigned(),
            (Self::F32(bits), ValType::F32) => u64::from(*bits),
            (Self::F64(bits), ValType::F64) => *bits,
            _ => return self.write_other(home, ty, what, slots),
        };
        Ok(())
    }

    /// Writes a vector or a reference, or says what is wrong.
    #[inline(never)]
    fn write_other(
        &self,
        home: Home<'_>,
        ty: ValType,
        what: &str,
        slots: &mut [u64],
    ) -> Result<()> {
        let cell = self.to_cell(home, ty, what)?;
        let count = ty.slots() as usize;
        slots[..count].copy_from_slice(&cell[..count]);
        Ok(())
    }

    /// Reads a value of type `ty` from the first of `slots`, or its first two.
    #[inline]
    pub(crate) fn read(home: Home<'_>, ty: ValType, slots: &[u64]) -> Self {
        let high = if ty == ValType::V128 { slots[1] } else { 0 };
        Self::from_cell(home, ty, [slots[0], high])
    }
}

/// The store that keeps values, as conversions see it.
#[derive(Clone, Copy)]
#[doc(hidden)]
#[allow(missing_debug_implementations, reason = "nobody outside can name it")]
pub struct Home<'a> {
    /// The store's number.
    pub(crate) id: u64,
    /// What it has by a plan.
    pub(crate) planned: &'a crate::plan::Planned,
    /// Its part of the VM.
    pub(crate) vm: &'a dunlin_vm::Store,
}

impl Home<'_> {
    /// Why a handle of the store `id` is refused here.
    #[cold]
    pub(crate) fn refused(&self, id: u64, what: &str) -> Error {
        if id == self.id || (id == self.planned.id && self.vm.is_made_whole()) {
            Error::removed(what)
        } else {
            Error::other_store(what)
        }
    }

    /// What a handle knows its store by: the plan's number, where the plan has it, so that each handle of it is the same.
    #[inline]
    pub(crate) fn id_of(&self, item: dunlin_vm::Extern, generation: u32) -> u64 {
        let is_planned = generation == 0 && self.planned.counts.has(item);
        if is_planned { self.planned.id } else { self.id }
    }

    /// Whether something that a handle names by the number of a plan is there.
    #[inline]
    pub(crate) fn has_planned(&self, id: u64, item: dunlin_vm::Extern) -> bool {
        id == self.planned.id && self.vm.is_made(item)
    }
}

macro_rules! from {
    ($($ty:ty, $value:ident => $made:expr;)*) => {$(
        impl From<$ty> for Val {
            fn from($value: $ty) -> Self {
                $made
            }
        }
    )*};
}

from! {
    i32, value => Self::I32(value);
    u32, value => Self::I32(value.cast_signed());
    i64, value => Self::I64(value);
    u64, value => Self::I64(value.cast_signed());
    f32, value => Self::F32(value.to_bits());
    f64, value => Self::F64(value.to_bits());
    V128, value => Self::V128(value);
    Func, value => Self::FuncRef(Some(value));
    Option<Func>, value => Self::FuncRef(value);
    ExternRef, value => Self::ExternRef(Some(value));
    Option<ExternRef>, value => Self::ExternRef(value);
    AnyRef, value => Self::AnyRef(Some(value));
    Option<AnyRef>, value => Self::AnyRef(value);
    ExnRef, value => Self::ExnRef(Some(value));
    Option<ExnRef>, value => Self::ExnRef(value);
}
