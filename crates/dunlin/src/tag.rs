//! Tags of exceptions, as the host sees them.

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use dunlin_core::FuncType;

/// A tag of a store: what exceptions are told apart by.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, FuncType, Store, Tag, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = FuncType::new([ValType::I32], []);
/// let tag = Tag::new(&mut store, ty.clone())?;
/// assert_eq!(tag.ty(&store)?, ty);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    pub(crate) store: u64,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Tag {
    /// Makes a tag whose exceptions carry the parameters of this type.
    ///
    /// # Errors
    ///
    /// If the type has results.
    pub fn new(mut store: impl AsContextMut, ty: FuncType) -> Result<Self> {
        if !ty.results().is_empty() {
            return Err(Error::usage("the type of a tag has no results"));
        }
        let inner = store.as_context_mut().0;
        let index = inner.vm.create_tag(&ty);
        Ok(Self::of(inner.home(), index))
    }

    /// Its type, whose parameters are what exceptions carry.
    ///
    /// # Errors
    ///
    /// If the tag is one of another store.
    pub fn ty(&self, store: impl AsContext) -> Result<FuncType> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        Ok((*inner.vm.types().get(inner.vm.tag_type_id(self.index))).clone())
    }
}
