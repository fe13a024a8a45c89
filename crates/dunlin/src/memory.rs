//! Linear memories, as the host sees them.

use crate::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use crate::error::{Error, Result};
use crate::host;
use crate::shared::SharedMemory;
use dunlin_core::MemoryType;

/// A linear memory of a store.
///
/// One that is shared ([`SharedMemory`](crate::SharedMemory)) cannot be borrowed, since others may write to it:
/// slices of it are empty, and [`read`](Self::read) and [`write`](Self::write) copy.
///
/// Used with another store, a memory has no bytes: slices of it are empty and its size is zero.
/// Operations that return a `Result` say what is wrong.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
/// memory.write(&mut store, 8, b"hello")?;
/// assert_eq!(&memory.data(&store)[8..13], b"hello");
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert_eq!(memory.data_size(&store), 2 * 65536);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) store: u64,
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Memory {
    /// Makes a memory of the type's minimum size, all zeros.
    ///
    /// # Errors
    ///
    /// If the type makes no sense, or the store's limits or the machine refuse.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Self> {
        let inner = store.as_context_mut().0;
        crate::shared::check_type(ty)?;
        inner.check_counts(0, 1, 0)?;
        let made = inner.enter().create_memory(ty);
        let index = made.map_err(|error| host::create_error("memory", ty.min, "pages", error))?;
        Ok(Self::of(inner.home(), index))
    }

    /// Its type, with the current size as the minimum.
    ///
    /// # Errors
    ///
    /// If the memory is one of another store.
    pub fn ty(&self, store: impl AsContext) -> Result<MemoryType> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        Ok(inner.vm.memory_type(self.index))
    }

    /// The memory as other stores may have it, if it is shared.
    #[must_use]
    pub fn shared(&self, store: impl AsContext) -> Option<SharedMemory> {
        let inner = store.as_context().0;
        if !self.is_of(inner.home()) {
            return None;
        }
        inner.vm.shared_memory(self.index).map(|vm| SharedMemory::of(&inner.engine, vm))
    }

    /// Its bytes; none of a shared memory.
    #[must_use]
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let inner = store.into().0;
        if self.is_of(inner.home()) { inner.vm.memory(self.index) } else { &[] }
    }

    /// Its bytes, to change; none of a shared memory.
    #[must_use]
    pub fn data_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> &'a mut [u8] {
        self.data_and_store_mut(store).0
    }

    /// Its bytes and the embedder's data, both to change.
    #[must_use]
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let inner = store.into().0;
        let bytes: &mut [u8] =
            if self.is_of(inner.home()) { inner.vm.memory_mut(self.index) } else { &mut [] };
        (bytes, &mut inner.data)
    }

    /// Its bytes and those of another memory, to copy from the first to the second; `None` if they are one
    /// memory, or one is shared, or of another store.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Memory, MemoryType, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let [from, to] = [1, 2].map(|pages| Memory::new(&mut store, MemoryType::new(pages, None)));
    /// let (from, to) = (from?, to?);
    /// from.write(&mut store, 0, b"hello")?;
    /// let (source, target) = from.data_beside(&to, &mut store).expect("two memories");
    /// target[8..13].copy_from_slice(&source[..5]);
    /// assert_eq!(&to.data(&store)[8..13], b"hello");
    /// assert!(from.data_beside(&from, &mut store).is_none());
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    #[must_use]
    pub fn data_beside<'a, T: 'static>(
        &self,
        other: &Self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> Option<(&'a [u8], &'a mut [u8])> {
        let inner = store.into().0;
        if !self.is_of(inner.home()) || !other.is_of(inner.home()) {
            return None;
        }
        inner.vm.memory_pair(self.index, other.index)
    }

    /// Copies bytes from `offset` on out of the memory.
    ///
    /// # Errors
    ///
    /// If they are not all within the memory ([`TrapCode::MemoryOutOfBounds`](crate::TrapCode::MemoryOutOfBounds)), or it is one of another
    /// store.
    pub fn read(&self, store: impl AsContext, offset: usize, buffer: &mut [u8]) -> Result<()> {
        let inner = store.as_context().0;
        self.check(inner.home())?;
        Ok(inner.vm.memory_read(self.index, offset as u64, buffer)?)
    }

    /// Copies bytes into the memory from `offset` on.
    ///
    /// # Errors
    ///
    /// If they do not all fit ([`TrapCode::MemoryOutOfBounds`](crate::TrapCode::MemoryOutOfBounds)), or it is one of another store.
    pub fn write(&self, mut store: impl AsContextMut, offset: usize, buffer: &[u8]) -> Result<()> {
        let inner = store.as_context_mut().0;
        self.check(inner.home())?;
        Ok(inner.vm.memory_write(self.index, offset as u64, buffer)?)
    }

    /// Its size in pages, which are of 64 KiB unless its type says otherwise; 0 for a memory of another
    /// store.
    #[must_use]
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.ty(store).map_or(0, |ty| ty.min)
    }

    /// Its size in bytes.
    #[must_use]
    pub fn data_size(&self, store: impl AsContext) -> usize {
        let inner = store.as_context().0;
        if self.is_of(inner.home()) { inner.vm.memory_len(self.index) } else { 0 }
    }

    /// Grows it by `delta` pages; returns its size before, in pages.
    ///
    /// # Errors
    ///
    /// If its type, the store's limits or the machine refuse, or it is one of another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let inner = store.as_context_mut().0;
        self.check(inner.home())?;
        let grown = inner.enter().memory_grow(self.index, delta).map_err(host::error_of)?;
        grown.ok_or_else(|| refused(delta))
    }
}

#[cold]
pub(crate) fn refused(pages: u64) -> Error {
    Error::resource(format_args!(
        "cannot grow a memory by {pages} pages: its type, the store's limits or the machine refuse"
    ))
}
