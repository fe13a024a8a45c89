//! Globals, as the host sees them.

use crate::context::{AsContext, AsContextMut};
use crate::error::{Error, Result};
use crate::val::Val;
use dunlin_core::{GlobalType, ValType};

/// A global of a store.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Global, GlobalType, Mutability, Store, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = GlobalType::new(ValType::I64, Mutability::Var);
/// let global = Global::new(&mut store, ty, Val::I64(1))?;
/// global.set(&mut store, Val::I64(2))?;
/// assert_eq!(global.get(&store)?.i64(), Some(2));
/// assert!(global.set(&mut store, Val::I32(3)).is_err());
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Global {
    pub(crate) store: u64,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Global {
    /// Makes a global with this value.
    ///
    /// # Errors
    ///
    /// If the value is not of the global's type, or one of another store.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Self> {
        let inner = store.as_context_mut().0;
        inner.keep_type(ty.content)?;
        let cell = value.to_cell(inner.home(), ty.content, "the global's value")?;
        let index = inner.vm.create_global(ty, cell);
        Ok(Self::of(inner.home(), index))
    }

    /// Its type.
    ///
    /// # Errors
    ///
    /// If the global is one of another store.
    pub fn ty(&self, store: impl AsContext) -> Result<GlobalType> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        Ok(inner.vm.global_type(self.index))
    }

    /// Its value.
    ///
    /// # Errors
    ///
    /// If the global is one of another store.
    pub fn get(&self, store: impl AsContext) -> Result<Val> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        let ty = inner.vm.global_type(self.index).content;
        Ok(Val::from_cell(inner.home(), ty, inner.vm.global(self.index)))
    }

    /// Writes its value.
    ///
    /// # Errors
    ///
    /// If it is immutable, the value is not of its type, or either is one of another store.
    pub fn set(&self, mut store: impl AsContextMut, value: Val) -> Result<()> {
        let inner = store.as_context_mut().0;
        self.check(inner.home())?;
        let ty = inner.vm.global_type(self.index);
        if !ty.is_mutable() {
            return Err(Error::usage("the global is immutable"));
        }
        let cell = value.to_cell(inner.home(), ty.content, "the global's value")?;
        inner.vm.set_global(self.index, cell);
        Ok(())
    }

    /// The bits of a number; of one of 32 bits in the lower half, and the upper half means nothing.
    ///
    /// # Errors
    ///
    /// If its type is not a number's, or it is one of another store.
    #[inline]
    pub fn get_bits(&self, store: impl AsContext) -> Result<u64> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        check_number(inner.vm.global_type(self.index))?;
        Ok(inner.vm.global(self.index)[0])
    }

    /// Writes the bits of a number.
    ///
    /// # Errors
    ///
    /// If it is immutable, its type is not a number's, or it is one of another store.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Global, GlobalType, Mutability, Store, Val, ValType};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = GlobalType::new(ValType::I32, Mutability::Var);
    /// let global = Global::new(&mut store, ty, Val::I32(1))?;
    /// global.set_bits(&mut store, 7)?;
    /// assert_eq!(global.get_bits(&store)?, 7);
    /// assert_eq!(global.get(&store)?.i32(), Some(7));
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    #[inline]
    pub fn set_bits(&self, store: impl AsContextMut, bits: u64) -> Result<()> {
        self.swap_bits(store, bits).map(drop)
    }

    /// The same; the bits before, of which the same is true as of what [`get_bits`](Self::get_bits) says.
    ///
    /// # Errors
    ///
    /// As [`set_bits`](Self::set_bits).
    #[inline]
    pub fn swap_bits(&self, mut store: impl AsContextMut, bits: u64) -> Result<u64> {
        let inner = store.as_context_mut().0;
        self.check(inner.home())?;
        let ty = inner.vm.global_type(self.index);
        check_number(ty)?;
        if !ty.is_mutable() {
            return Err(Error::usage("the global is immutable"));
        }
        Ok(inner.vm.swap_global(self.index, [bits, 0])[0])
    }
}

#[inline]
fn check_number(ty: GlobalType) -> Result<()> {
    match ty.content {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => Ok(()),
        _ => Err(Error::usage("the global is not a number")),
    }
}
