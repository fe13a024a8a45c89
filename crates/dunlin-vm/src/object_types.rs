//! What tiers know of a module's structures and arrays.

use crate::gc::{ARRAY_ELEMENTS, Layout};
use crate::types::TypeRegistry;
use alloc::boxed::Box;
use alloc::sync::Arc;
use dunlin_core::{CompositeType, StorageType, SubType, ValType};
use dunlin_module::Module;

/// How a field or element is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FieldKind {
    /// 1 byte of an `i32`.
    Byte,
    /// 2 bytes of an `i32`.
    Short,
    /// 4 bytes: an `i32`, an `f32`, or a reference to a function.
    Word,
    /// 8 bytes.
    Long,
    /// 16 bytes.
    Vector,
    /// A reference that the collector follows, whose card is marked when it is written.
    Reference,
}

impl FieldKind {
    /// The kind of what is stored like this; `is_func` says which defined types are functions'.
    fn of(ty: StorageType, is_func: impl Fn(u32) -> bool) -> Self {
        match ty {
            StorageType::Val(ValType::Ref(ty)) if ty.is_traced(is_func) => Self::Reference,
            ty => match ty.bytes() {
                1 => Self::Byte,
                2 => Self::Short,
                4 => Self::Word,
                8 => Self::Long,
                _ => Self::Vector,
            },
        }
    }

    /// The logarithm of the bytes that it takes.
    #[must_use]
    #[inline(always)]
    pub const fn shift(self) -> u32 {
        match self {
            Self::Byte => 0,
            Self::Short => 1,
            Self::Word | Self::Reference => 2,
            Self::Long => 3,
            Self::Vector => 4,
        }
    }

    /// Slots that its value takes on the operand stack.
    #[must_use]
    #[inline(always)]
    pub const fn slots(self) -> usize {
        if matches!(self, Self::Vector) { 2 } else { 1 }
    }
}

/// A field of a structure, or the elements of an array.
#[derive(Clone, Copy, Debug)]
pub struct FieldPlace {
    /// Where it stands in the object; of an array, where the first element does.
    pub offset: u32,
    /// How it is read and written.
    pub kind: FieldKind,
}

/// A structure or array type of a module's.
#[derive(Debug)]
pub struct ObjectType {
    /// The engine's number.
    pub number: u32,
    /// The fields; of an array one, its elements. None for a function.
    pub fields: Box<[FieldPlace]>,
    /// The layout; null for a function. It lives as long as this.
    pub layout: *const Layout,
    _kept: Option<Arc<Layout>>,
}

// SAFETY: layouts are never written again, and this keeps its own.
unsafe impl Send for ObjectType {}
// SAFETY: as above.
unsafe impl Sync for ObjectType {}

impl ObjectType {
    /// A type of the module with its number and layout.
    fn new(module: &Module, ty: &SubType, number: u32, layout: Option<Arc<Layout>>) -> Self {
        let is_func = |ty: u32| module.types()[ty as usize].composite.as_func().is_some();
        let kind = |ty: StorageType| FieldKind::of(ty, is_func);
        let fields = match &ty.composite {
            CompositeType::Func(_) => Box::default(),
            CompositeType::Array(element) => {
                [FieldPlace { offset: ARRAY_ELEMENTS, kind: kind(element.storage) }].into()
            }
            CompositeType::Struct(fields) => {
                let offsets = layout.as_deref().map_or(&[][..], Layout::fields);
                let fields = fields.iter().zip(offsets);
                fields.map(|(ty, at)| FieldPlace { offset: *at, kind: kind(ty.storage) }).collect()
            }
        };
        let at = layout.as_ref().map_or(core::ptr::null(), Arc::as_ptr);
        Self { number, fields, layout: at, _kept: layout }
    }

    /// All types of a module by index; none at all where they are all functions'.
    pub(crate) fn all_of(module: &Module, numbers: &[u32], types: &TypeRegistry) -> Box<[Self]> {
        if module.types().iter().all(|ty| ty.composite.as_func().is_some()) {
            return Box::default();
        }
        let layouts = types.layouts(numbers);
        let types = module.types().iter().zip(numbers).zip(layouts);
        types.map(|((ty, number), layout)| Self::new(module, ty, *number, layout)).collect()
    }
}
