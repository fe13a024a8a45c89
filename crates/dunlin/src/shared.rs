//! Memories that several stores have at once.

use crate::context::AsContextMut;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::host;
use crate::memory::{Memory, refused};
use core::fmt;
use dunlin_core::MemoryType;

/// A linear memory that several stores of an engine have at once, on as many threads.
///
/// It is no part of a store; clones are the same memory. [`in_store`](Self::in_store) makes it a [`Memory`] of
/// one, and [`Linker::define_shared`](crate::Linker::define_shared) of each store in which a module that imports
/// it is instantiated. It never moves; growing it shows everywhere at once.
///
/// Others may write to it at any time, so that its bytes cannot be borrowed: they are copied. What a copy finds
/// that races with a guest's writes is some mixture of old and new bytes.
///
/// # Examples
///
/// Two stores, and a thread for each:
///
/// ```
/// use dunlin::{Engine, Linker, MemoryType, Module, SharedMemory, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"
///     (module
///         (import "env" "memory" (memory 1 1 shared))
///         (func (export "count") (param $times i32)
///             (loop
///                 (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
///                 (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))
/// "#)?;
/// let memory = SharedMemory::new(&engine, MemoryType::shared(1, 1))?;
/// let mut linker = Linker::new(&engine);
/// linker.define_shared("env", "memory", &memory)?;
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| {
///             let mut store = Store::new(&engine, ());
///             let instance = linker.instantiate(&mut store, &module)?;
///             instance.get_typed_func::<i32, ()>(&mut store, "count")?.call(&mut store, 1_000)
///         });
///     }
/// });
/// let mut bytes = [0; 4];
/// memory.read(8, &mut bytes)?;
/// assert_eq!(u32::from_le_bytes(bytes), 2_000);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone)]
pub struct SharedMemory {
    engine: Engine,
    vm: dunlin_vm::SharedMemory,
}

/// What became of a wait.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitResult {
    /// Somebody notified it.
    Woken,
    /// The value was another than the expected one.
    Mismatch,
    /// The time was over.
    TimedOut,
}

impl SharedMemory {
    /// Makes a memory of the type's minimum size, all zeros, with room for its maximum.
    ///
    /// # Errors
    ///
    /// If the type is not shared, has no maximum or one below its minimum, or the engine's pool or the machine
    /// refuse.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<Self> {
        check_type(ty)?;
        if !ty.shared {
            return Err(Error::usage("the type of a shared memory says that it is shared"));
        }
        let vm = dunlin_vm::SharedMemory::new(ty, engine.resources());
        let vm = vm.map_err(|refusal| {
            let most = ty.max.unwrap_or(ty.min);
            Error::resource(format_args!(
                "cannot create a shared memory of up to {most} pages: {refusal}"
            ))
        })?;
        Ok(Self { engine: engine.clone(), vm })
    }

    pub(crate) fn of(engine: &Engine, vm: &dunlin_vm::SharedMemory) -> Self {
        Self { engine: engine.clone(), vm: vm.clone() }
    }

    /// The engine whose stores may have it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its type, with the current size as the minimum.
    #[must_use]
    pub fn ty(&self) -> MemoryType {
        self.vm.ty()
    }

    /// Its size in pages of 64 KiB.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.vm.size()
    }

    /// Its size in bytes.
    #[must_use]
    pub fn data_size(&self) -> usize {
        self.vm.len()
    }

    /// The memory in a store, to export it to guests there. However often it is asked for, it is one memory of
    /// the store, which its limiter counts when it gets it.
    ///
    /// # Errors
    ///
    /// If the store is one of another engine, or its limits refuse.
    pub fn in_store(&self, mut store: impl AsContextMut) -> Result<Memory> {
        let inner = store.as_context_mut().0;
        if !Engine::same(&self.engine, &inner.engine) {
            return Err(Error::other_engine("the shared memory"));
        }
        if !inner.vm.has_shared_memory(&self.vm) {
            inner.check_counts(0, 1, 0)?;
        }
        let size = self.size();
        let index = inner.enter().add_shared_memory(&self.vm);
        let index = index.map_err(|error| host::create_error("memory", size, "pages", error))?;
        Ok(Memory::of(inner.home(), index))
    }

    /// Copies bytes from `offset` on out of the memory.
    ///
    /// # Errors
    ///
    /// If they are not all within the memory ([`TrapCode::MemoryOutOfBounds`](crate::TrapCode)).
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        Ok(self.vm.read(offset as u64, buffer)?)
    }

    /// Copies bytes into the memory from `offset` on.
    ///
    /// # Errors
    ///
    /// If they do not all fit ([`TrapCode::MemoryOutOfBounds`](crate::TrapCode)).
    pub fn write(&self, offset: usize, buffer: &[u8]) -> Result<()> {
        Ok(self.vm.write(offset as u64, buffer)?)
    }

    /// Grows it by `delta` pages, which no store's limiter is asked about; returns its size before, in pages.
    ///
    /// # Errors
    ///
    /// If its type, the engine's pool or the machine refuse.
    pub fn grow(&self, delta: u64) -> Result<u64> {
        self.vm.grow_by(delta).ok_or_else(|| refused(delta))
    }

    /// Wakes up to `count` of those that wait at `address`, guests and hosts, in the order in which they came;
    /// returns how many.
    ///
    /// # Errors
    ///
    /// If the address is not a multiple of 4, or out of bounds.
    pub fn atomic_notify(&self, address: u64, count: u32) -> Result<u32> {
        Ok(self.vm.notify(address, count)?)
    }

    /// Waits at `address`, if the 4 bytes there are `expected`, until it is notified or the time is over.
    ///
    /// # Errors
    ///
    /// If the address is not a multiple of 4, or out of bounds.
    #[cfg(feature = "std")]
    pub fn atomic_wait32(
        &self,
        address: u64,
        expected: u32,
        timeout: Option<core::time::Duration>,
    ) -> Result<WaitResult> {
        let until = dunlin_vm::Until { timeout, ..Default::default() };
        Ok(wait_result(self.vm.wait32(address, expected, &until)?))
    }

    /// As [`atomic_wait32`](Self::atomic_wait32), for 8 bytes.
    ///
    /// # Errors
    ///
    /// If the address is not a multiple of 8, or out of bounds.
    #[cfg(feature = "std")]
    pub fn atomic_wait64(
        &self,
        address: u64,
        expected: u64,
        timeout: Option<core::time::Duration>,
    ) -> Result<WaitResult> {
        let until = dunlin_vm::Until { timeout, ..Default::default() };
        Ok(wait_result(self.vm.wait64(address, expected, &until)?))
    }

    /// How many threads wait, at whatever address.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.vm.waiting()
    }
}

#[cfg(feature = "std")]
fn wait_result(waited: dunlin_vm::Waited) -> WaitResult {
    match waited {
        dunlin_vm::Waited::Mismatch => WaitResult::Mismatch,
        dunlin_vm::Waited::TimedOut => WaitResult::TimedOut,
        // Nobody interrupts a host.
        dunlin_vm::Waited::Woken | dunlin_vm::Waited::Interrupted => WaitResult::Woken,
    }
}

/// Checks what a memory's type must be besides what its parts say.
pub(crate) fn check_type(ty: MemoryType) -> Result<()> {
    if ty.max.is_some_and(|max| max < ty.min) {
        return Err(Error::usage("a memory's maximum is at least its minimum"));
    }
    if !ty.has_plain_pages() && ty.page_size_log2 != 0 {
        return Err(Error::usage("a memory's pages are of 64 KiB or of one byte"));
    }
    if ty.shared && ty.max.is_none() {
        return Err(Error::usage("a shared memory has a maximum"));
    }
    Ok(())
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory").field("ty", &self.ty()).finish_non_exhaustive()
    }
}
