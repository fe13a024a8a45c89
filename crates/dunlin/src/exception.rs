//! Exceptions, as the host sees them: what guests throw, and what the host throws into guests.

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::func::{read_all, write_all};
use crate::tag::Tag;
use crate::val::Val;
use alloc::vec::Vec;
use core::fmt;

/// A reference to an exception of a store: a tag, and values that it carries.
///
/// A host function throws by failing with one, and a guest's exception that no guest has caught is an error
/// that has one ([`Error::exception`]). What the host has had a reference to stays for as long as the store.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, ErrorKind, ExnRef, Extern, Func, FuncType, Instance, Module, Store, Tag, Val, ValType};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "host" "oops" (tag $oops (param i32)))
///     (import "host" "try" (func $try))
///     (func (export "catch") (result i32)
///         (block $caught (result i32)
///             (try_table (catch $oops $caught) (call $try))
///             (i32.const 0)))
///     (func (export "throw") (throw $oops (i32.const 5))))"#)?;
///
/// let mut store = Store::new(&engine, ());
/// let oops = Tag::new(&mut store, FuncType::new([ValType::I32], []))?;
/// let exception = ExnRef::new(&mut store, oops, &[Val::I32(42)])?;
/// let throws = Func::wrap(&mut store, move || -> dunlin::Result<()> { Err(exception.into()) });
/// let instance = Instance::new(&mut store, &module, &[oops.into(), throws.into()])?;
///
/// let catch = instance.get_typed_func::<(), i32>(&mut store, "catch")?;
/// assert_eq!(catch.call(&mut store, ())?, 42);
///
/// let throw = instance.get_typed_func::<(), ()>(&mut store, "throw")?;
/// let error = throw.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Exception);
/// let exception = error.exception().unwrap();
/// assert_eq!(exception.tag(&store)?, oops);
/// assert_eq!(exception.payload(&store)?[0].i32(), Some(5));
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExnRef {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

impl fmt::Debug for ExnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExnRef({}:{})", self.store, self.index)
    }
}

impl ExnRef {
    /// Makes an exception with this tag, which carries these values.
    ///
    /// # Errors
    ///
    /// If the tag or a value is one of another store, the values are not of the tag's types, or the store has
    /// no room for another exception.
    pub fn new(mut store: impl AsContextMut, tag: Tag, payload: &[Val]) -> Result<Self> {
        let inner = store.as_context_mut().0;
        inner.check(tag.store, "the tag")?;
        let ty = inner.vm.types().get(inner.vm.tag_type_id(tag.index));
        if ty.params().len() != payload.len() {
            let (want, given) = (ty.params().len(), payload.len());
            return Err(Error::usage(format_args!(
                "the tag's exceptions carry {want} values, and {given} were given"
            )));
        }
        let mut slots = alloc::vec![0; ty.param_slots() as usize];
        write_all(inner.home(), ty.params(), payload, "what an exception carries", &mut slots)?;
        let made = inner.vm.new_exception(tag.index, &slots);
        let index = made.map_err(|_| Error::resource("the store has too many exceptions"))?;
        inner.vm.keep_exception(index);
        Ok(Self { store: inner.id, index })
    }

    /// Its tag.
    ///
    /// # Errors
    ///
    /// If the exception is one of another store.
    pub fn tag(&self, store: impl AsContext) -> Result<Tag> {
        let inner = store.as_context().0;
        let (index, _) = self.parts(inner)?;
        Ok(Tag { store: inner.id, index })
    }

    /// The values that it carries.
    ///
    /// # Errors
    ///
    /// If the exception is one of another store.
    pub fn payload(&self, store: impl AsContext) -> Result<Vec<Val>> {
        let inner = store.as_context().0;
        let (tag, slots) = self.parts(inner)?;
        let ty = inner.vm.types().get(inner.vm.tag_type_id(tag));
        let mut values = alloc::vec![Val::I32(0); ty.params().len()];
        read_all(inner.home(), ty.params(), slots, &mut values);
        Ok(values)
    }

    fn parts<'a, T>(&self, inner: &'a crate::store::StoreInner<T>) -> Result<(u32, &'a [u64])> {
        inner.check(self.store, "the exception")?;
        inner.vm.exception(self.index).ok_or_else(|| Error::bug("an exception is gone"))
    }

    pub(crate) fn from_reference(store: u64, index: u32) -> Option<Self> {
        (index != 0).then_some(Self { store, index })
    }
}

impl From<ExnRef> for Error {
    /// The error by which a host function throws this exception.
    #[cold]
    fn from(exception: ExnRef) -> Self {
        Self::thrown(exception)
    }
}
