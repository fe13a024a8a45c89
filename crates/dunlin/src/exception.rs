//! Exceptions, as the host sees them: what guests throw, and what the host throws into guests.

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::func::{read_all, write_all};
use crate::host::error_of;
use crate::refs::ExnRef;
use crate::tag::Tag;
use crate::val::Val;
use alloc::vec::Vec;

impl ExnRef {
    /// Makes an exception with this tag, which carries these values.
    ///
    /// # Errors
    ///
    /// If the tag or a value is one of another store, the values are not of the tag's types, or the store has
    /// no room for another exception.
    pub fn new(mut store: impl AsContextMut, tag: Tag, payload: &[Val]) -> Result<Self> {
        let inner = store.as_context_mut().0;
        tag.check(inner.home())?;
        let ty = inner.vm.types().get(inner.vm.tag_type_id(tag.index));
        if ty.params().len() != payload.len() {
            let (want, given) = (ty.params().len(), payload.len());
            return Err(Error::usage(format_args!(
                "the tag's exceptions carry {want} values, and {given} were given"
            )));
        }
        let made = inner.enter().new_exception(tag.index);
        let made = made.map_err(|_| match inner.vm.take_failure() {
            Some(failure) => error_of(failure),
            None => Error::resource("the store's heap has no room for an exception"),
        })?;
        let mut slots = alloc::vec![0; ty.param_slots() as usize];
        // References are looked up when nothing moves any more.
        write_all(inner.home(), ty.params(), payload, "what an exception carries", &mut slots)?;
        inner.vm.fill_exception(made, &slots);
        Self::from_reference(inner.home(), made).ok_or_else(|| Error::bug("an exception is null"))
    }

    /// Its tag.
    ///
    /// # Errors
    ///
    /// If the exception is one of another store, or its scope has ended.
    pub fn tag(&self, store: impl AsContext) -> Result<Tag> {
        let inner = store.as_context().0;
        let reference = self.reference(inner.home())?;
        let index = inner.vm.exception_tag(reference);
        let index = index.ok_or_else(|| Error::bug("an exception is gone"))?;
        Ok(Tag::of(inner.home(), index))
    }

    /// The values that it carries.
    ///
    /// # Errors
    ///
    /// If the exception is one of another store, or its scope has ended.
    pub fn payload(&self, store: impl AsContext) -> Result<Vec<Val>> {
        let tag = self.tag(&store)?;
        let inner = store.as_context().0;
        let ty = inner.vm.types().get(inner.vm.tag_type_id(tag.index));
        let mut slots = Vec::new();
        inner.vm.read_exception(self.reference(inner.home())?, &mut slots);
        let mut values = alloc::vec![Val::I32(0); ty.params().len()];
        read_all(inner.home(), ty.params(), &slots, &mut values);
        Ok(values)
    }
}

impl From<ExnRef> for Error {
    /// The error by which a host function throws this exception.
    #[cold]
    fn from(exception: ExnRef) -> Self {
        Self::thrown(exception)
    }
}
