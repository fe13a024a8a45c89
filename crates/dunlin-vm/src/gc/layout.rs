//! Where the fields of objects are, and which of them hold references that the collector follows.
//!
//! An object begins with its type's number. The fields of a structure follow in the order of their
//! declaration, each at its natural alignment: a subtype's fields begin with its supertype's, so that
//! their offsets must not depend on what comes after. `v128` is aligned to 8 bytes, as objects are.

use super::{ARRAY_ELEMENTS, ARRAY_LENGTH, GRANULE};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use dunlin_core::{CompositeType, FieldType, FuncType, StorageType, SubType};

/// What kind of object a layout is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutKind {
    /// A structure: fields from offset 4 on.
    Struct,
    /// An array: its length at offset 4, elements from offset 8 on.
    Array,
    /// An exception: its tag at offset 4, what it carries from offset 8 on.
    Exception,
}

/// Where the first field of a structure is looked for.
const STRUCT_FIELDS: u32 = 4;
/// Where the first value of an exception is looked for.
const EXCEPTION_FIELDS: u32 = 8;
/// References at offsets below so many bytes are found by a mask of words.
const MASKED_BYTES: u32 = 64 * 4;

/// The layout of the objects of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bit `n`: the word at offset `4 * n` is followed. Used when no reference is beyond.
    mask: u64,
    /// The size of a structure or exception, in bytes; of an array without elements.
    bytes: u32,
    kind: LayoutKind,
    /// Of an array: the logarithm of the bytes of an element.
    shift: u8,
    is_traced: bool,
    /// Of structures and exceptions: the offsets of all fields.
    fields: Box<[u32]>,
    /// The offsets of those that are followed, ascending, where the mask does not say so.
    far: Box<[u32]>,
    /// The offsets of those that refer to functions, which the collector does not follow.
    funcs: Box<[u32]>,
    /// Of an array: whether its elements refer to functions.
    has_func_elements: bool,
}

impl Layout {
    /// The layout of a defined type's objects; `None` for functions, which are no objects. `is_func` says
    /// which defined types that the fields mention are functions'.
    #[must_use]
    pub fn of(ty: &SubType, is_func: impl Fn(u32) -> bool) -> Option<Self> {
        Self::of_composite(&ty.composite, is_func)
    }

    /// As [`Layout::of`].
    #[must_use]
    pub fn of_composite(ty: &CompositeType, is_func: impl Fn(u32) -> bool) -> Option<Self> {
        match ty {
            CompositeType::Func(_) => None,
            CompositeType::Struct(fields) => {
                let fields = fields.iter().map(|field| field.storage);
                Some(Self::of_fields(LayoutKind::Struct, STRUCT_FIELDS, fields, is_func))
            }
            CompositeType::Array(element) => Some(Self::of_array(element, is_func)),
        }
    }

    /// The layout of exceptions with a tag of this type: they carry its parameters.
    #[must_use]
    pub fn of_exception(ty: &FuncType, is_func: impl Fn(u32) -> bool) -> Self {
        let values = ty.params().iter().map(|ty| StorageType::Val(*ty));
        Self::of_fields(LayoutKind::Exception, EXCEPTION_FIELDS, values, is_func)
    }

    fn of_array(element: &FieldType, is_func: impl Fn(u32) -> bool) -> Self {
        Self {
            mask: 0,
            bytes: ARRAY_ELEMENTS,
            kind: LayoutKind::Array,
            shift: element.storage.bytes().trailing_zeros() as u8,
            is_traced: is_traced(element.storage, &is_func),
            fields: Box::default(),
            far: Box::default(),
            funcs: Box::default(),
            has_func_elements: is_func_ref(element.storage, &is_func),
        }
    }

    fn of_fields(
        kind: LayoutKind,
        first: u32,
        types: impl Iterator<Item = StorageType>,
        is_func: impl Fn(u32) -> bool,
    ) -> Self {
        let mut end = first;
        let (mut fields, mut refs, mut funcs) = (Vec::new(), Vec::new(), Vec::new());
        for ty in types {
            let bytes = ty.bytes();
            let at = end.next_multiple_of(bytes.min(GRANULE));
            fields.push(at);
            if is_traced(ty, &is_func) {
                refs.push(at);
            }
            if is_func_ref(ty, &is_func) {
                funcs.push(at);
            }
            end = at + bytes;
        }
        let is_far = refs.last().is_some_and(|at| *at >= MASKED_BYTES);
        let mask = if is_far { 0 } else { refs.iter().fold(0, |mask, at| mask | 1 << (at / 4)) };
        Self {
            mask,
            bytes: end.next_multiple_of(GRANULE),
            kind,
            shift: 0,
            is_traced: !refs.is_empty(),
            fields: fields.into(),
            far: if is_far { refs.into() } else { Box::default() },
            funcs: funcs.into(),
            has_func_elements: false,
        }
    }

    /// What kind of objects these are.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> LayoutKind {
        self.kind
    }

    /// The size in bytes of a structure or exception, a multiple of 8; of an array without elements.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The bytes of an element: 1, 2, 4, 8 or 16. 1 for what is not an array.
    #[must_use]
    #[inline]
    pub fn element_bytes(&self) -> u32 {
        1 << self.shift
    }

    /// The logarithm of [`Layout::element_bytes`].
    #[must_use]
    #[inline]
    pub fn element_shift(&self) -> u32 {
        u32::from(self.shift)
    }

    /// The offsets of the fields of a structure, or of what an exception carries.
    #[must_use]
    #[inline]
    pub fn fields(&self) -> &[u32] {
        &self.fields
    }

    /// Whether its objects hold references that the collector follows: for an array, whether its
    /// elements are such.
    #[must_use]
    #[inline]
    pub fn is_traced(&self) -> bool {
        self.is_traced
    }

    /// The offsets of the fields that the collector follows; none for an array.
    pub fn traced_fields(&self) -> impl Iterator<Item = u32> + '_ {
        let mut mask = self.mask;
        let near = core::iter::from_fn(move || {
            let at = mask.trailing_zeros() * 4;
            let some = mask != 0;
            mask &= mask.wrapping_sub(1);
            some.then_some(at)
        });
        near.chain(self.far.iter().copied())
    }

    /// The offsets of the fields that refer to functions; none for an array.
    #[must_use]
    pub fn func_fields(&self) -> &[u32] {
        &self.funcs
    }

    /// Whether this is an array whose elements refer to functions.
    #[must_use]
    pub fn has_func_elements(&self) -> bool {
        self.has_func_elements
    }

    /// Bit `n`: the word at offset `4 * n` is followed; 0 for arrays and where there are too many.
    #[inline]
    pub(super) fn mask(&self) -> u64 {
        self.mask
    }

    /// The bytes of an array of so many elements, a multiple of 8; of any other object, whatever
    /// `length` is.
    #[must_use]
    #[inline]
    pub fn object_bytes(&self, length: u32) -> u64 {
        if self.kind == LayoutKind::Array {
            (u64::from(ARRAY_ELEMENTS) + (u64::from(length) << self.shift) + 7) & !7
        } else {
            u64::from(self.bytes)
        }
    }

    /// Calls `visit` with the address of every followed reference of the object at `object` that lies in
    /// `window`, a range of offsets from the object's start.
    ///
    /// # Safety
    ///
    /// The object has this layout and lies in memory that may be read.
    #[inline]
    pub(super) unsafe fn trace(
        &self,
        object: *mut u8,
        window: Range<u32>,
        mut visit: impl FnMut(*mut u32),
    ) {
        if self.kind == LayoutKind::Array {
            if self.is_traced {
                // SAFETY: an array's length stands there.
                let length = unsafe { object.add(ARRAY_LENGTH as usize).cast::<u32>().read() };
                let start = window.start.max(ARRAY_ELEMENTS).next_multiple_of(4);
                let end = (u64::from(ARRAY_ELEMENTS) + u64::from(length) * 4)
                    .min(u64::from(window.end)) as u32;
                for at in (start..end).step_by(4) {
                    visit(object.wrapping_add(at as usize).cast());
                }
            }
            return;
        }
        let mut mask = self.mask;
        while mask != 0 {
            let at = mask.trailing_zeros() * 4;
            if window.contains(&at) {
                visit(object.wrapping_add(at as usize).cast());
            }
            mask &= mask - 1;
        }
        let from = self.far.partition_point(|at| *at < window.start);
        for at in self.far[from..].iter().take_while(|at| **at < window.end) {
            visit(object.wrapping_add(*at as usize).cast());
        }
    }
}

fn is_traced(ty: StorageType, is_func: impl Fn(u32) -> bool) -> bool {
    match ty {
        StorageType::Val(dunlin_core::ValType::Ref(ty)) => ty.is_traced(is_func),
        _ => false,
    }
}

fn is_func_ref(ty: StorageType, is_func: impl Fn(u32) -> bool) -> bool {
    match ty {
        StorageType::Val(dunlin_core::ValType::Ref(ty)) => !ty.is_traced(is_func),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, LayoutKind};
    use alloc::vec;
    use alloc::vec::Vec;
    use dunlin_core::{
        CompositeType, FieldType, FuncType, HeapType, Mutability, RefType, StorageType, ValType,
    };

    fn field(storage: StorageType) -> FieldType {
        FieldType { storage, mutability: Mutability::Var }
    }

    fn structure(fields: &[StorageType]) -> Layout {
        let fields = fields.iter().map(|ty| field(*ty)).collect();
        Layout::of_composite(&CompositeType::Struct(fields), |id| id == 7).expect("no function")
    }

    const I8: StorageType = StorageType::I8;
    const I16: StorageType = StorageType::I16;
    const I32: StorageType = StorageType::Val(ValType::I32);
    const I64: StorageType = StorageType::Val(ValType::I64);
    const V128: StorageType = StorageType::Val(ValType::V128);
    const ANY: StorageType = StorageType::Val(ValType::Ref(RefType::ANYREF));
    const FUNC: StorageType = StorageType::Val(ValType::FUNCREF);

    #[test]
    fn fields_are_aligned_and_in_order() {
        let layout = structure(&[I8, I64, I16, ANY, V128, FUNC, I8]);
        assert_eq!(layout.fields(), [4, 8, 16, 20, 24, 40, 44]);
        assert_eq!((layout.bytes(), layout.kind()), (48, LayoutKind::Struct));
        assert_eq!(layout.traced_fields().collect::<Vec<_>>(), [20]);
    }

    #[test]
    fn a_prefix_of_the_fields_has_the_same_offsets() {
        let all = [I16, I8, ANY, I64, I8, V128, I32, ANY];
        let whole = structure(&all);
        for count in 0..all.len() {
            assert_eq!(structure(&all[..count]).fields(), &whole.fields()[..count]);
        }
        assert_eq!(structure(&[]).bytes(), 8);
    }

    #[test]
    fn references_to_functions_are_not_followed() {
        let concrete = |id| StorageType::Val(ValType::Ref(RefType::null(HeapType::Concrete(id))));
        let layout = structure(&[concrete(7), concrete(8), FUNC]);
        assert_eq!(layout.traced_fields().collect::<Vec<_>>(), [8]);
        assert!(!structure(&[concrete(7)]).is_traced());
    }

    #[test]
    fn many_fields_are_followed_as_a_list() {
        let count = if cfg!(miri) { 300 } else { 10_000 };
        let layout = structure(&vec![ANY; count]);
        assert_eq!(layout.bytes() as usize, 8 + count * 4);
        assert_eq!(layout.traced_fields().count(), count);
        let mut memory = vec![0_u64; 1 + count / 2];
        let mut seen = 0;
        // SAFETY: the memory is as large as the object.
        unsafe { layout.trace(memory.as_mut_ptr().cast(), 512..1024, |_| seen += 1) };
        assert_eq!(seen, 128);
    }

    #[test]
    fn arrays_know_the_size_of_their_elements() {
        let array = |ty| Layout::of_composite(&CompositeType::Array(field(ty)), |_| false);
        let bytes = array(I8).expect("no function");
        assert_eq!(
            (bytes.object_bytes(0), bytes.object_bytes(1), bytes.object_bytes(9)),
            (8, 16, 24)
        );
        let wide = array(V128).expect("no function");
        assert_eq!(
            (wide.element_bytes(), wide.object_bytes(u32::MAX)),
            (16, 8 + (u64::from(u32::MAX) << 4))
        );
        assert!(array(ANY).expect("no function").is_traced());
    }

    #[test]
    fn exceptions_carry_the_parameters_of_their_tag() {
        let ty = FuncType::new([ValType::I32, ValType::Ref(RefType::ANYREF), ValType::I64], []);
        let layout = Layout::of_exception(&ty, |_| false);
        assert_eq!(layout.fields(), [8, 12, 16]);
        assert_eq!((layout.bytes(), layout.kind()), (24, LayoutKind::Exception));
        assert_eq!(layout.traced_fields().collect::<Vec<_>>(), [12]);
    }
}
