//! Exceptions: objects of the store's heap that carry values, and are told apart by their tag.
//!
//! An object begins with the number of the tag's function type, marked as an exception's; then come the tag, as
//! the store's index, and the values. How they lie is known in this file alone, and what follows them is the
//! collector's matter. What exceptions with a tag look like is found when the first one is made.
//!
//! While an exception travels, the store's context says which ([`StoreContext::exception`]); whoever catches it
//! takes it from there. Nothing is allocated in between.
//!
//! [`StoreContext::exception`]: crate::context::StoreContext::exception

use crate::context::GlobalCell;
use crate::gc::Layout;
use crate::store::Store;
use alloc::boxed::Box;
use alloc::vec::Vec;
use dunlin_core::canon::{KIND_EXCEPTION, index_of};
use dunlin_core::{StorageType, TrapCode};

/// Where an exception says its tag.
pub(crate) const TAG: u32 = 4;

/// A failure of a host function that is an exception: what it throws into the guest that has called it.
pub struct Thrown(
    /// A reference to the exception, of the store that the function runs in. Not null.
    pub u32,
);

/// What a store knows of exceptions.
#[derive(Default)]
pub(crate) struct Exceptions {
    /// By tag, where one has been made.
    shapes: Vec<Option<Box<Shape>>>,
    /// What the latest one carried that was caught.
    caught: Vec<u64>,
}

impl Exceptions {
    /// Forgets what is known of tags that are freed.
    pub(crate) fn forget(&mut self, tags: core::ops::Range<u32>) {
        for tag in tags {
            if let Some(shape) = self.shapes.get_mut(tag as usize) {
                *shape = None;
            }
        }
    }
}

/// What exceptions with a tag look like.
struct Shape {
    /// The number that they begin with.
    number: u32,
    bytes: u32,
    /// Where the values are, and of which types.
    fields: Box<[(u32, StorageType)]>,
}

impl Store {
    /// A new exception with a tag of the store's, whose values are zeros and nulls. Every activation has noted its
    /// place: it may collect.
    ///
    /// # Errors
    ///
    /// [`TrapCode::OutOfHeap`] if there is no room for it.
    ///
    /// # Panics
    ///
    /// If there is no such tag.
    pub fn new_exception(&mut self, tag: u32) -> Result<u32, TrapCode> {
        let (number, bytes) = match self.shape(tag) {
            Some(shape) => (shape.number, shape.bytes),
            None => self.make_shape(tag),
        };
        let made = self.allocate(number, bytes.into())?;
        if let Some(heap) = &mut self.heap {
            heap.store_u32(made, TAG, tag);
        }
        Ok(made)
    }

    /// Writes the values that a new exception carries: slots as in a frame.
    pub fn fill_exception(&mut self, exception: u32, payload: &[u64]) {
        let Some(tag) = self.exception_tag(exception) else { return };
        let shapes = core::mem::take(&mut self.exceptions.shapes);
        let mut slots = payload.iter().copied();
        for (offset, ty) in fields(&shapes, tag) {
            let low = slots.next().unwrap_or(0);
            let high = if is_vector(*ty) { slots.next().unwrap_or(0) } else { 0 };
            self.store_field(exception, *offset, *ty, [low, high]);
        }
        self.exceptions.shapes = shapes;
    }

    /// The tag of an exception, as the store's index; `None` for null.
    #[must_use]
    #[inline]
    pub fn exception_tag(&self, exception: u32) -> Option<u32> {
        let heap = self.heap.as_deref().filter(|_| exception != 0)?;
        Some(heap.load_u32(exception, TAG))
    }

    /// Appends what an exception carries to a list of slots.
    pub fn read_exception(&self, exception: u32, to: &mut Vec<u64>) {
        let Some(tag) = self.exception_tag(exception) else { return };
        for (offset, ty) in fields(&self.exceptions.shapes, tag) {
            let [low, high]: GlobalCell = self.load_field(exception, *offset, *ty);
            to.push(low);
            to.extend(is_vector(*ty).then_some(high));
        }
    }

    /// Notes that an exception has been caught; what it carries, which can be read until the next one is caught.
    pub(crate) fn catch_exception(&mut self, exception: u32) -> &[u64] {
        self.forget_frames();
        let mut caught = core::mem::take(&mut self.exceptions.caught);
        caught.clear();
        self.read_exception(exception, &mut caught);
        self.exceptions.caught = caught;
        &self.exceptions.caught
    }

    fn shape(&self, tag: u32) -> Option<&Shape> {
        self.exceptions.shapes.get(tag as usize)?.as_deref()
    }

    /// Finds what exceptions with a tag look like: their number and their bytes.
    #[cold]
    fn make_shape(&mut self, tag: u32) -> (u32, u32) {
        let ty = self.types().get(self.tag_type_id(tag));
        let number = index_of(self.tag_type_id(tag)) as u32 | KIND_EXCEPTION;
        let layout = Layout::of_exception(&ty, dunlin_core::canon::is_func);
        let fields = layout.fields().iter().copied();
        let types = ty.params().iter().map(|ty| StorageType::Val(*ty));
        let shape = Shape { number, bytes: layout.bytes(), fields: fields.zip(types).collect() };
        let found = (shape.number, shape.bytes);
        let shapes = &mut self.exceptions.shapes;
        if shapes.len() <= tag as usize {
            shapes.resize_with(tag as usize + 1, || None);
        }
        shapes[tag as usize] = Some(Box::new(shape));
        found
    }
}

fn is_vector(ty: StorageType) -> bool {
    ty.bytes() == 16
}

/// The fields of exceptions with a tag.
fn fields(shapes: &[Option<Box<Shape>>], tag: u32) -> &[(u32, StorageType)] {
    let shape = shapes.get(tag as usize).and_then(Option::as_deref);
    shape.map_or(&[], |shape| &shape.fields)
}

#[cfg(test)]
mod tests {
    use crate::Store;
    use crate::gc::Request;
    use crate::store::StoreConfig;
    use crate::types::TypeRegistry;
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use dunlin_core::{FuncType, ValType};

    #[test]
    fn exceptions_carry_what_they_were_given_through_collections() {
        let mut store = Store::new(Arc::new(TypeRegistry::default()), StoreConfig::default());
        let types = [ValType::I32, ValType::V128, ValType::F64, ValType::EXTERNREF, ValType::I64];
        let tags =
            [FuncType::new([], []), FuncType::new(types, [])].map(|ty| store.create_tag(&ty));
        let empty = store.new_exception(tags[0]).expect("room");
        let full = store.new_exception(tags[1]).expect("room");
        let carried = [1, u64::MAX, 2, 3, 0, 1 << 40];
        store.fill_exception(full, &carried);
        let handles = [empty, full].map(|made| store.handle(made));
        for _ in 0..3 {
            store.collect(Request::Major);
            for (handle, tag, carried) in
                [(handles[0], tags[0], &[][..]), (handles[1], tags[1], &carried)]
            {
                let exception = store.handled(handle).expect("it is kept");
                assert_eq!(store.exception_tag(exception), Some(tag));
                let mut found = Vec::new();
                store.read_exception(exception, &mut found);
                assert_eq!(found, carried);
                assert_eq!(store.catch_exception(exception), carried);
            }
        }
        assert_eq!(store.exception_tag(0), None);
    }
}
