//! What the tiers ask of the VM on structures, arrays and references: as `ops`, under the same conditions.
//!
//! Whatever allocates may collect: the activations that wait have noted their places, and references that
//! are held elsewhere than in frames are of no use afterwards.

use crate::context::{StoreContext, VmContext};
use crate::gc::{self, Heap, Layout, OutOfBounds};
use crate::object_types::ObjectType;
use crate::ops::{self, Stop};
use crate::store::Store;
use core::ops::Range;
use dunlin_core::canon::{KIND_ARRAY, KIND_MASK, KIND_STRUCT, is_func};
use dunlin_core::{HeapType, TrapCode};

impl From<OutOfBounds> for Stop {
    fn from(_: OutOfBounds) -> Self {
        Self::Trap(TrapCode::ArrayOutOfBounds)
    }
}

/// A structure or array type of the running instance's module.
///
/// # Safety
///
/// `cx` is the context of a running instance, and `ty` the index of such a type.
#[inline]
#[must_use]
pub unsafe fn object_type<'a>(cx: *mut VmContext, ty: u32) -> &'a ObjectType {
    // SAFETY: the caller's promise; the list lives as long as the module's code.
    unsafe { &*(*cx).objects.add(ty as usize) }
}

fn layout(ty: &ObjectType) -> &Layout {
    // SAFETY: structures and arrays have a layout, which lives as long as the module's code.
    unsafe { ty.layout.as_ref() }.expect("an object's layout")
}

/// An array that is not null.
fn array(reference: u32) -> Result<u32, Stop> {
    match reference {
        gc::NULL => Err(Stop::Trap(TrapCode::NullArrayReference)),
        array => Ok(array),
    }
}

/// The store's heap, which exists since there is an object.
fn heap(store: &mut Store) -> Result<&mut Heap, Stop> {
    store.heap.as_deref_mut().ok_or(Stop::Trap(TrapCode::OutOfHeap))
}

/// A part of a segment of so many items.
fn part(size: usize, start: u32, len: u64, code: TrapCode) -> Result<Range<usize>, Stop> {
    let end = u64::from(start).checked_add(len).filter(|end| *end <= size as u64);
    end.map(|end| start as usize..end as usize).ok_or(Stop::Trap(code))
}

macro_rules! running {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($cx:ident, $store:ident $(, $arg:ident: $ty:ty)*) -> $ret:ty $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// `cx` is the context of a running instance, indices are valid for its module, and references
        /// are of its store and of the operator's types.
        ///
        /// # Errors
        ///
        /// The operator's trap.
        pub unsafe fn $name($cx: *mut VmContext $(, $arg: $ty)*) -> $ret {
            // SAFETY: the caller's promise.
            let $store = unsafe { ops::store($cx) };
            $body
        }
    )*};
}

running! {
    /// A structure, all zeros.
    fn new_struct(cx, store, ty: u32) -> Result<u32, Stop> {
        // SAFETY: the caller's promise.
        let ty = unsafe { object_type(cx, ty) };
        Ok(store.allocate(ty.number, layout(ty).bytes().into())?)
    }

    /// An array of so many elements, all zeros.
    fn new_array(cx, store, ty: u32, len: u32) -> Result<u32, Stop> {
        // SAFETY: the caller's promise.
        let ty = unsafe { object_type(cx, ty) };
        let made = store.allocate(ty.number, layout(ty).object_bytes(len))?;
        heap(store)?.store_u32(made, gc::ARRAY_LENGTH, len);
        Ok(made)
    }

    /// `array.new_data`.
    fn array_new_data(cx, store, ty: u32, data: u32, src: u32, len: u32) -> Result<u32, Stop> {
        // SAFETY: the caller's promise.
        let shift = layout(unsafe { object_type(cx, ty) }).element_shift();
        // SAFETY: the caller's promise.
        let size = store.data_segment(unsafe { (*cx).instance }, data).len();
        part(size, src, u64::from(len) << shift, TrapCode::MemoryOutOfBounds)?;
        // SAFETY: the caller's promise.
        let made = unsafe { new_array(cx, ty, len) }?;
        // SAFETY: the caller's promise.
        unsafe { array_init_data(cx, ty, data, (made, 0), src, len) }?;
        Ok(made)
    }

    /// `array.new_elem`.
    fn array_new_elem(cx, store, ty: u32, element: u32, src: u32, len: u32) -> Result<u32, Stop> {
        // SAFETY: the caller's promise.
        let size = store.instances[unsafe { (*cx).instance } as usize].element(element).len();
        part(size, src, len.into(), TrapCode::TableOutOfBounds)?;
        // SAFETY: the caller's promise.
        let made = unsafe { new_array(cx, ty, len) }?;
        // SAFETY: the caller's promise.
        unsafe { array_init_elem(cx, ty, element, (made, 0), src, len) }?;
        Ok(made)
    }

    /// `array.init_data`.
    fn array_init_data(
        cx, store, ty: u32, data: u32, to: (u32, u32), src: u32, len: u32
    ) -> Result<(), Stop> {
        // SAFETY: the caller's promise.
        let layout = layout(unsafe { object_type(cx, ty) });
        let to = (array(to.0)?, to.1);
        if u64::from(to.1) + u64::from(len) > u64::from(heap(store)?.array_len(to.0)) {
            return Err(OutOfBounds.into());
        }
        let len = u64::from(len) << layout.element_shift();
        // SAFETY: the caller's promise.
        let instance = unsafe { (*cx).instance };
        let code = store.instance_code(instance).clone();
        let bytes = store.data_segment_of(&code, instance, data);
        let part = part(bytes.len(), src, len, TrapCode::MemoryOutOfBounds)?;
        Ok(heap(store)?.array_write(layout, to.0, to.1, &bytes[part])?)
    }

    /// `array.init_elem`.
    fn array_init_elem(
        cx, store, ty: u32, element: u32, to: (u32, u32), src: u32, len: u32
    ) -> Result<(), Stop> {
        // SAFETY: the caller's promise.
        let layout = layout(unsafe { object_type(cx, ty) });
        let to = (array(to.0)?, to.1);
        let Some(heap) = store.heap.as_deref_mut() else { return Err(OutOfBounds.into()) };
        if u64::from(to.1) + u64::from(len) > u64::from(heap.array_len(to.0)) {
            return Err(OutOfBounds.into());
        }
        // SAFETY: the caller's promise.
        let values = store.instances[unsafe { (*cx).instance } as usize].element(element);
        let part = part(values.len(), src, len.into(), TrapCode::TableOutOfBounds)?;
        Ok(heap.array_write_refs(layout, to.0, to.1, &values[part])?)
    }

    /// `array.fill`, with a value as its slots hold it.
    fn array_fill(
        cx, store, ty: u32, to: (u32, u32), value: [u64; 2], len: u32
    ) -> Result<(), Stop> {
        // SAFETY: the caller's promise.
        let layout = layout(unsafe { object_type(cx, ty) });
        let value = u128::from(value[0]) | (u128::from(value[1]) << 64);
        let to = (array(to.0)?, to.1);
        Ok(heap(store)?.array_fill(layout, to.0, to.1, len, value)?)
    }

    /// `array.copy`; `ty` is the type of what is written to.
    fn array_copy(
        cx, store, ty: u32, to: (u32, u32), from: (u32, u32), len: u32
    ) -> Result<(), Stop> {
        // SAFETY: the caller's promise.
        let layout = layout(unsafe { object_type(cx, ty) });
        let (to, from) = ((array(to.0)?, to.1), (array(from.0)?, from.1));
        Ok(heap(store)?.array_copy(layout, to, from, len)?)
    }
}

/// Whether a reference that is not null leads to a value of this heap type, whose defined types are numbers.
///
/// # Safety
///
/// `context` is that of a store, the reference is of it and of the type's hierarchy, and the type is one
/// that it knows.
#[must_use]
pub unsafe fn is_of(context: *mut StoreContext, reference: u32, ty: HeapType) -> bool {
    let number_of = |object: u32| {
        // SAFETY: the caller's promise: the object lies in the heap, and begins with its type.
        unsafe { (*context).heap.base.add(object as usize).cast::<u32>().read() }
    };
    let is_kind = |kind| gc::is_object(reference) && number_of(reference) & KIND_MASK == kind;
    match ty {
        HeapType::Func | HeapType::Extern | HeapType::Any | HeapType::Exn => true,
        HeapType::NoFunc | HeapType::NoExtern | HeapType::None | HeapType::NoExn => false,
        HeapType::Eq => gc::as_host(reference).is_none(),
        HeapType::I31 => reference & 1 == 1,
        HeapType::Struct => is_kind(KIND_STRUCT),
        HeapType::Array => is_kind(KIND_ARRAY),
        HeapType::Concrete(number) if is_func(number) => {
            // SAFETY: the caller's promise: the reference is one to a function of the store.
            let found = unsafe { (*(*context).funcs.add(reference as usize)).type_id };
            // SAFETY: the caller's promise.
            found == number || unsafe { ops::is_subtype(context, found, number) }
        }
        HeapType::Concrete(number) => {
            gc::is_object(reference) && {
                let found = number_of(reference);
                // SAFETY: the caller's promise.
                found == number || unsafe { ops::is_subtype(context, found, number) }
            }
        }
    }
}
