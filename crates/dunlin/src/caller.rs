//! What a host function sees of the guest that called it.

use crate::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use crate::engine::Engine;
use crate::error::Result;
use crate::external::Extern;
use crate::store::StoreInner;
use crate::val::Home;

/// The store and instance from which a host function was called.
///
/// # Examples
///
/// A host function that reads a string from the caller's memory:
///
/// ```
/// use dunlin::{Caller, Engine, Error, Extern, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("env", "log", |mut caller: Caller<'_, Vec<String>>, at: u32, len: u32| {
///     let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
///         return Err(Error::msg("the caller exports no memory"));
///     };
///     let (bytes, log) = memory.data_and_store_mut(&mut caller);
///     let text = bytes.get(at as usize..).and_then(|bytes| bytes.get(..len as usize));
///     let text = text.ok_or(dunlin::TrapCode::MemoryOutOfBounds)?;
///     log.push(String::from_utf8_lossy(text).into_owned());
///     Ok(())
/// })?;
///
/// let module = Module::new(&engine, r#"
///     (module
///         (import "env" "log" (func $log (param i32 i32)))
///         (memory (export "memory") 1)
///         (data (i32.const 8) "hello")
///         (func (export "run") (call $log (i32.const 8) (i32.const 5))))
/// "#)?;
/// let mut store = Store::new(&engine, Vec::new());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
/// assert_eq!(store.data()[0], "hello");
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct Caller<'a, T: 'static> {
    store: StoreContextMut<'a, T>,
    instance: Option<u32>,
}

impl<'a, T: 'static> Caller<'a, T> {
    #[inline]
    pub(crate) fn new(store: &'a mut StoreInner<T>, instance: Option<u32>) -> Self {
        Self { store: StoreContextMut(store), instance }
    }

    /// The store, as conversions see it.
    #[inline]
    pub(crate) fn home(&self) -> Home<'_> {
        self.store.0.home()
    }

    /// The same caller for a shorter time.
    #[inline]
    pub(crate) fn reborrow(&mut self) -> Caller<'_, T> {
        Caller { store: StoreContextMut(self.store.0), instance: self.instance }
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.store.0.data
    }

    /// The embedder's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.store.0.data
    }

    /// What the calling instance exports under this name; `None` also if the host itself is the caller.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        let item = self.store.0.vm.export(self.instance?, name)?;
        Some(Extern::new(self.home(), item))
    }

    /// Collects the store's garbage, as [`Store::gc`](crate::Store::gc) does.
    pub fn gc(&mut self) {
        self.store.0.vm.collect(dunlin_vm::gc::Request::Major);
    }

    /// The store's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.store.0.engine
    }

    /// The fuel that is left.
    ///
    /// # Errors
    ///
    /// As [`Store::get_fuel`](crate::Store::get_fuel).
    pub fn get_fuel(&self) -> Result<u64> {
        self.store.0.get_fuel()
    }

    /// Sets the fuel.
    ///
    /// # Errors
    ///
    /// As [`Store::set_fuel`](crate::Store::set_fuel).
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.store.0.set_fuel(fuel)
    }

    /// Sets the epoch deadline, as [`Store::set_epoch_deadline`](crate::Store::set_epoch_deadline).
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.store.0.set_epoch_deadline(ticks_beyond_current);
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.store.0)
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.store.0)
    }
}
