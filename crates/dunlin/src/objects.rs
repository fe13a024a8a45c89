//! Structures and arrays, as the host makes and looks into them.

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::refs::AnyRef;
use crate::store::StoreInner;
use crate::val::{Home, Val};
use alloc::sync::Arc;
use alloc::vec::Vec;
use dunlin_core::canon::{KIND_ARRAY, KIND_MASK, KIND_STRUCT};
use dunlin_core::{CompositeType, FieldType, HeapType, Mutability, StorageType};
use dunlin_vm::context::GlobalCell;
use dunlin_vm::gc::{ARRAY_ELEMENTS, ARRAY_LENGTH, Layout};

/// What an object's type says.
struct Shape {
    number: u32,
    composite: CompositeType,
    layout: Arc<Layout>,
}

/// The shape of a structure's or array's type.
fn shape(home: Home<'_>, ty: HeapType) -> Result<Shape> {
    match ty {
        HeapType::Concrete(number) if matches!(number & KIND_MASK, KIND_STRUCT | KIND_ARRAY) => {
            let gone = || Error::usage("the type is gone: no module defines it any more");
            let (ty, layout) = home.vm.types().defined(number).ok_or_else(gone)?;
            let layout = layout.ok_or_else(|| Error::bug("an object without layout"))?;
            Ok(Shape { number, composite: ty.composite, layout })
        }
        other => Err(Error::usage(format_args!("{other} is no structure and no array type"))),
    }
}

/// The shape of the type of an object that is about to be made.
fn kept_shape<T>(inner: &mut StoreInner<T>, ty: HeapType) -> Result<Shape> {
    // Kept first: it may be gone in the next moment.
    if let HeapType::Concrete(number) = ty {
        inner.vm.keep_object_type(number);
    }
    shape(inner.home(), ty)
}

/// A value as a field of this type keeps it.
fn field_cell(home: Home<'_>, ty: FieldType, value: Val) -> Result<GlobalCell> {
    value.to_cell(home, ty.storage.unpacked(), "the field's value")
}

/// An object that a handle leads to, with its shape.
fn object(home: Home<'_>, reference: &AnyRef) -> Result<(u32, Shape)> {
    let object = reference.reference(home)?;
    Ok((object, shape(home, home.vm.heap_type_of(object))?))
}

fn load(home: Home<'_>, object: u32, offset: u32, ty: FieldType) -> Val {
    let cell = home.vm.load_field(object, offset, ty.storage);
    Val::from_cell(home, ty.storage.unpacked(), cell)
}

fn store_value<T>(
    inner: &mut StoreInner<T>,
    object: u32,
    offset: u32,
    ty: FieldType,
    value: Val,
) -> Result<()> {
    if ty.mutability == Mutability::Const {
        return Err(Error::usage("the field is immutable"));
    }
    let cell = field_cell(inner.home(), ty, value)?;
    inner.vm.store_field(object, offset, ty.storage, cell);
    Ok(())
}

/// Where a structure's field stands, and its type.
fn field(shape: &Shape, index: usize) -> Result<(u32, FieldType)> {
    let CompositeType::Struct(fields) = &shape.composite else {
        return Err(Error::usage("an array has elements and no fields"));
    };
    let place = shape.layout.fields().get(index).zip(fields.get(index));
    let found = place.map(|(offset, ty)| (*offset, *ty));
    found.ok_or_else(|| Error::usage(format_args!("a structure of {} fields", fields.len())))
}

/// Where an array's element stands, and its type.
fn element(home: Home<'_>, object: u32, shape: &Shape, index: u32) -> Result<(u32, FieldType)> {
    let CompositeType::Array(ty) = &shape.composite else {
        return Err(Error::usage("a structure has fields and no elements"));
    };
    let len = len(home, object);
    if index >= len {
        return Err(Error::usage(format_args!("an array of {len} elements")));
    }
    Ok((ARRAY_ELEMENTS + (index << shape.layout.element_shift()), *ty))
}

fn len(home: Home<'_>, array: u32) -> u32 {
    let word = StorageType::Val(dunlin_core::ValType::I32);
    home.vm.load_field(array, ARRAY_LENGTH, word)[0] as u32
}

impl AnyRef {
    /// Makes a structure with these fields. `ty` is a defined type with the engine's number, as the types of
    /// functions, globals and tables mention them.
    ///
    /// # Errors
    ///
    /// If the type is no structure's, the values are not of its fields' types, or there is no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{AnyRef, Engine, Instance, Module, Store, Val, ValType};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module
    ///     (type $point (struct (field i32) (field (mut i32))))
    ///     (func (export "sum") (param (ref $point)) (result i32)
    ///         (i32.add (struct.get $point 0 (local.get 0)) (struct.get $point 1 (local.get 0)))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let sum = instance.get_func(&mut store, "sum").expect("an export");
    /// let ValType::Ref(point) = sum.ty(&store)?.params()[0] else { panic!("a reference") };
    ///
    /// let point = AnyRef::new_struct(&mut store, point.heap, &[Val::I32(3), Val::I32(4)])?;
    /// point.set_field(&mut store, 1, Val::I32(5))?;
    /// let mut results = [Val::I32(0)];
    /// sum.call(&mut store, &[point.into()], &mut results)?;
    /// assert_eq!(results[0].i32(), Some(8));
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn new_struct(mut store: impl AsContextMut, ty: HeapType, values: &[Val]) -> Result<Self> {
        let inner = store.as_context_mut().0;
        let shape = kept_shape(inner, ty)?;
        let CompositeType::Struct(fields) = &shape.composite else {
            return Err(Error::usage("the type is an array's"));
        };
        if fields.len() != values.len() {
            let (count, given) = (fields.len(), values.len());
            return Err(Error::usage(format_args!("{count} fields, and {given} values")));
        }
        // Before anything is made: what is made may collect, and handles are brought up to date.
        for (ty, value) in fields.iter().zip(values) {
            field_cell(inner.home(), *ty, *value)?;
        }
        let made = inner.enter().allocate(shape.number, shape.layout.bytes().into())?;
        for ((ty, value), offset) in fields.iter().zip(values).zip(shape.layout.fields()) {
            let cell = field_cell(inner.home(), *ty, *value)?;
            inner.vm.store_field(made, *offset, ty.storage, cell);
        }
        Self::made(inner, made)
    }

    /// Makes an array of these elements; of `ty`, as for [`AnyRef::new_struct`].
    ///
    /// # Errors
    ///
    /// If the type is no array's, the values are not of its elements' type, or there is no room.
    pub fn new_array(mut store: impl AsContextMut, ty: HeapType, values: &[Val]) -> Result<Self> {
        let inner = store.as_context_mut().0;
        let shape = kept_shape(inner, ty)?;
        let CompositeType::Array(ty) = shape.composite else {
            return Err(Error::usage("the type is a structure's"));
        };
        let count = u32::try_from(values.len());
        let count = count.map_err(|_| Error::usage("an array has fewer than 2^32 elements"))?;
        let checked = values.iter().map(|value| field_cell(inner.home(), ty, *value));
        checked.collect::<Result<Vec<_>>>()?;
        let bytes = shape.layout.object_bytes(count);
        let made = inner.enter().allocate(shape.number, bytes)?;
        let word = StorageType::Val(dunlin_core::ValType::I32);
        inner.vm.store_field(made, ARRAY_LENGTH, word, [count.into(), 0]);
        for (index, value) in (0..count).zip(values) {
            let cell = field_cell(inner.home(), ty, *value)?;
            let offset = ARRAY_ELEMENTS + (index << shape.layout.element_shift());
            inner.vm.store_field(made, offset, ty.storage, cell);
        }
        Self::made(inner, made)
    }

    fn made<T>(inner: &StoreInner<T>, object: u32) -> Result<Self> {
        let made = Self::from_reference(inner.home(), object);
        made.ok_or_else(|| Error::bug("an object that is null"))
    }

    /// A field of the structure; packed ones are zero-extended.
    ///
    /// # Errors
    ///
    /// If this is no structure, or has no such field, is one of another store, or its scope has ended.
    pub fn field(&self, store: impl AsContext, index: usize) -> Result<Val> {
        let home = store.as_context().0.home();
        let (object, shape) = object(home, self)?;
        let (offset, ty) = field(&shape, index)?;
        Ok(load(home, object, offset, ty))
    }

    /// Writes a field of the structure.
    ///
    /// # Errors
    ///
    /// As [`AnyRef::field`], and if the field is immutable or the value not of its type.
    pub fn set_field(&self, mut store: impl AsContextMut, index: usize, value: Val) -> Result<()> {
        let inner = store.as_context_mut().0;
        let (object, shape) = object(inner.home(), self)?;
        let (offset, ty) = field(&shape, index)?;
        store_value(inner, object, offset, ty, value)
    }

    /// How many elements the array has.
    ///
    /// # Errors
    ///
    /// If this is no array, is one of another store, or its scope has ended.
    pub fn len(&self, store: impl AsContext) -> Result<u32> {
        let home = store.as_context().0.home();
        let (object, shape) = object(home, self)?;
        match shape.composite {
            CompositeType::Array(_) => Ok(len(home, object)),
            _ => Err(Error::usage("a structure has fields and no elements")),
        }
    }

    /// Whether the array has no elements.
    ///
    /// # Errors
    ///
    /// As [`AnyRef::len`].
    pub fn is_empty(&self, store: impl AsContext) -> Result<bool> {
        Ok(self.len(store)? == 0)
    }

    /// An element of the array; packed ones are zero-extended.
    ///
    /// # Errors
    ///
    /// As [`AnyRef::len`], and if there is no such element.
    pub fn element(&self, store: impl AsContext, index: u32) -> Result<Val> {
        let home = store.as_context().0.home();
        let (object, shape) = object(home, self)?;
        let (offset, ty) = element(home, object, &shape, index)?;
        Ok(load(home, object, offset, ty))
    }

    /// Writes an element of the array.
    ///
    /// # Errors
    ///
    /// As [`AnyRef::element`], and if the elements are immutable or the value not of their type.
    pub fn set_element(&self, mut store: impl AsContextMut, index: u32, value: Val) -> Result<()> {
        let inner = store.as_context_mut().0;
        let (object, shape) = object(inner.home(), self)?;
        let (offset, ty) = element(inner.home(), object, &shape, index)?;
        store_value(inner, object, offset, ty, value)
    }
}
