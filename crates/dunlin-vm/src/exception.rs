//! Exceptions: what was thrown, from where it is thrown until nobody can refer to it any more.
//!
//! An exception is named by a reference, as a function is: an index, and 0 is null. How the objects lie is
//! known in this file alone. One that is caught without a reference, and to which nobody has ever had one, is
//! gone when what it carries has been taken out, and its place is used again. All others stay for as long as the
//! store, within a bound: beyond it, `throw` traps.
//!
//! While an exception travels, the store's context says which ([`StoreContext::exception`]); whoever catches it
//! takes it from there.
//!
//! [`StoreContext::exception`]: crate::context::StoreContext::exception

use crate::store::Store;
use alloc::vec::Vec;
use dunlin_core::TrapCode;
use dunlin_core::limits::EXCEPTION_BYTES_MAX;

/// Bytes that an exception counts as, besides what it carries.
const OBJECT_BYTES: usize = size_of::<Object>() + 8;

/// Slots that a place keeps for the next exception that gets it.
const KEPT_SLOTS_MAX: usize = 8;

/// A failure of a host function that is an exception: what it throws into the guest that has called it.
pub struct Thrown(
    /// A reference to the exception, of the store that the function runs in. Not null.
    pub u32,
);

/// The exceptions of a store.
#[derive(Default)]
pub(crate) struct Exceptions {
    objects: Vec<Object>,
    /// Places of `objects` that hold none.
    free: Vec<u32>,
    /// Bytes that all of them count as.
    bytes: usize,
    /// What the latest one carried that was caught by compiled code.
    caught: Vec<u64>,
}

/// An exception.
struct Object {
    tag: u32,
    /// Whether somebody has a reference to it, or has had one.
    is_kept: bool,
    payload: Vec<u64>,
}

impl Exceptions {
    fn object(&mut self, reference: u32) -> Option<&mut Object> {
        self.objects.get_mut((reference as usize).wrapping_sub(1))
    }

    /// Frees the place of an exception that has been caught, unless somebody may refer to it.
    fn release(&mut self, reference: u32) {
        let Some(object) = self.object(reference).filter(|object| !object.is_kept) else { return };
        let slots = object.payload.len();
        if slots > KEPT_SLOTS_MAX {
            object.payload = Vec::new();
        }
        self.bytes -= OBJECT_BYTES + 8 * slots;
        self.free.push(reference);
    }
}

impl Store {
    /// Makes an exception with a tag of the store's, which carries these slots; a reference to it.
    ///
    /// # Errors
    ///
    /// [`TrapCode::OutOfHeap`] if the store has no room for it.
    pub fn new_exception(&mut self, tag: u32, payload: &[u64]) -> Result<u32, TrapCode> {
        let of = &mut self.exceptions;
        let bytes = of.bytes + OBJECT_BYTES + 8 * payload.len();
        if bytes > EXCEPTION_BYTES_MAX {
            return Err(TrapCode::OutOfHeap);
        }
        of.bytes = bytes;
        if let Some(reference) = of.free.pop()
            && let Some(object) = of.object(reference)
        {
            (object.tag, object.is_kept) = (tag, false);
            object.payload.clear();
            object.payload.extend_from_slice(payload);
            return Ok(reference);
        }
        of.objects.push(Object { tag, is_kept: false, payload: payload.into() });
        Ok(of.objects.len() as u32)
    }

    /// The tag of an exception, as the store's index, and the slots that it carries; `None` for null and for
    /// what is not of this store.
    #[must_use]
    #[inline]
    pub fn exception(&self, reference: u32) -> Option<(u32, &[u64])> {
        let object = self.exceptions.objects.get((reference as usize).wrapping_sub(1));
        object.map(|object| (object.tag, &object.payload[..]))
    }

    /// Keeps an exception: somebody is about to have a reference to it.
    pub fn keep_exception(&mut self, reference: u32) {
        if let Some(object) = self.exceptions.object(reference) {
            object.is_kept = true;
        }
    }

    /// Notes that an exception has been caught, and what it carried has been taken out.
    pub(crate) fn exception_caught(&mut self, reference: u32, is_kept: bool) {
        if is_kept {
            self.keep_exception(reference);
        }
        self.exceptions.release(reference);
        self.forget_frames();
    }

    /// As [`exception_caught`](Self::exception_caught), for compiled code: where what it carried can be read
    /// until the next exception is caught.
    #[cfg(feature = "native")]
    pub(crate) fn take_exception(&mut self, reference: u32, is_kept: bool) -> *const u64 {
        let of = &mut self.exceptions;
        let mut caught = core::mem::take(&mut of.caught);
        let payload = match of.object(reference) {
            Some(object) if is_kept || object.is_kept => object.payload.as_ptr(),
            Some(object) => {
                caught.clear();
                caught.extend_from_slice(&object.payload);
                caught.as_ptr()
            }
            None => core::ptr::null(),
        };
        of.caught = caught;
        self.exception_caught(reference, is_kept);
        payload
    }
}

#[cfg(test)]
mod tests {
    use crate::store::StoreConfig;
    use crate::types::TypeRegistry;
    use crate::Store;
    use alloc::sync::Arc;
    use dunlin_core::TrapCode;

    fn store() -> Store {
        Store::new(Arc::new(TypeRegistry::default()), StoreConfig::default())
    }

    #[test]
    fn places_of_exceptions_that_nobody_refers_to_are_used_again() {
        let mut store = store();
        for round in 0..1_000 {
            let made = store.new_exception(3, &[round, 7]).expect("room");
            assert_eq!((made, store.exception(made)), (1, Some((3, &[round, 7][..]))));
            store.exception_caught(made, false);
        }
        let kept = store.new_exception(4, &[1; 100]).expect("room");
        store.exception_caught(kept, true);
        let other = store.new_exception(5, &[]).expect("room");
        assert_eq!((kept, other), (1, 2));
        assert_eq!(store.exception(kept), Some((4, &[1; 100][..])));
        assert_eq!(store.exception(0), None);
        assert_eq!(store.exception(3), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut store = store();
        let trap = loop {
            match store.new_exception(0, &[0; 1_000]) {
                Ok(made) => store.exception_caught(made, true),
                Err(trap) => break trap,
            }
        };
        assert_eq!(trap, TrapCode::OutOfHeap);
        assert!(store.exceptions.bytes <= dunlin_core::limits::EXCEPTION_BYTES_MAX);
    }
}
