//! How functions of this crate take a store: by any of the types that lead to one.

use crate::engine::Engine;
use crate::error::Result;
use crate::host::Extension;
use crate::store::{Store, StoreInner};

/// A shared loan of a store.
pub struct StoreContext<'a, T: 'static>(pub(crate) &'a StoreInner<T>);

/// An exclusive loan of a store.
pub struct StoreContextMut<'a, T: 'static>(pub(crate) &'a mut StoreInner<T>);

/// What leads to a store: [`Store`], [`Caller`](crate::Caller), the contexts, and references to them.
pub trait AsContext {
    /// The embedder's data in the store.
    type Data: 'static;

    /// The store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// What leads to a store exclusively.
pub trait AsContextMut: AsContext {
    /// The store, to change.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<'a, T: 'static> StoreContext<'a, T> {
    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &'a T {
        &self.0.data
    }

    /// The store's engine.
    #[must_use]
    pub fn engine(&self) -> &'a Engine {
        &self.0.engine
    }

    /// The fuel that is left.
    ///
    /// # Errors
    ///
    /// As [`Store::get_fuel`].
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.get_fuel()
    }
}

impl<'a, T: 'static> StoreContext<'a, T> {
    /// What [`StoreContextMut::extension_mut`] keeps in the store; `None` before there is one of this type.
    #[must_use]
    pub fn extension<E: Send + Sync + 'static>(&self) -> Option<&'a E> {
        self.0.extension.as_ref()?.get()
    }
}

impl<'a, T: 'static> StoreContextMut<'a, T> {
    /// What a layer above this crate keeps in the store beside the embedder's data, made when it is first asked for.
    /// There is room for one, which is dropped with the store: another type replaces it.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{AsContext, AsContextMut, Engine, Store};
    ///
    /// #[derive(Default)]
    /// struct Counted(u32);
    /// let mut store = Store::new(&Engine::default(), "data");
    /// store.as_context_mut().extension_mut::<Counted>().0 += 1;
    /// assert_eq!(store.as_context().extension::<Counted>().unwrap().0, 1);
    /// ```
    #[inline]
    pub fn extension_mut<E: Default + Send + Sync + 'static>(self) -> &'a mut E {
        let place = &mut self.0.extension;
        if place.as_mut().is_none_or(|kept| kept.get_mut::<E>().is_none()) {
            *place = Some(Extension::new(E::default()));
        }
        let kept = place.as_mut().and_then(Extension::get_mut);
        kept.unwrap_or_else(|| unreachable!("it has just been seen to be of this type"))
    }
}

impl<T: 'static> Clone for StoreContext<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for StoreContext<'_, T> {}

impl<T: 'static> StoreContextMut<'_, T> {
    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// The embedder's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// The store's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The fuel that is left.
    ///
    /// # Errors
    ///
    /// As [`Store::get_fuel`].
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.get_fuel()
    }

    /// Takes fuel for what the host does in the guest's stead, if fuel is [configured](crate::Config::consume_fuel).
    ///
    /// # Errors
    ///
    /// The trap [`OutOfFuel`](crate::TrapCode::OutOfFuel) if there is less; then none is left.
    pub fn consume_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.consume_fuel(fuel)
    }

    /// Sets the fuel.
    ///
    /// # Errors
    ///
    /// As [`Store::set_fuel`].
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.set_fuel(fuel)
    }

    /// Sets the epoch deadline, as [`Store::set_epoch_deadline`].
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.0.set_epoch_deadline(ticks_beyond_current);
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.inner())
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.inner_mut())
    }
}

impl<T: 'static> AsContext for StoreContext<'_, T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContext for StoreContextMut<'_, T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContextMut for StoreContextMut<'_, T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.0)
    }
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(self)
    }
}

impl<'a, C: AsContext> From<&'a C> for StoreContext<'a, C::Data> {
    #[inline]
    fn from(context: &'a C) -> Self {
        context.as_context()
    }
}

impl<'a, C: AsContext> From<&'a mut C> for StoreContext<'a, C::Data> {
    #[inline]
    fn from(context: &'a mut C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContextMut> From<&'a mut C> for StoreContextMut<'a, C::Data> {
    #[inline]
    fn from(context: &'a mut C) -> Self {
        context.as_context_mut()
    }
}
