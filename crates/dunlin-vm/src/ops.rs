//! What the tiers ask of the VM while a guest runs: growth, bulk operations, references, preparation.
//!
//! All functions take the running instance's context. They are the slow paths of operators; the fast
//! ones (loads, stores, calls) the tiers do themselves.

use crate::context::{MemoryDef, StoreContext, VmContext};
use crate::counting::Counted;
use crate::crossing::NativeEntry;
use crate::host::{self, HostFailure};
use crate::shared::SharedMemory;
use crate::store::Store;
use dunlin_core::TrapCode;
use dunlin_core::canon::index_of;
use dunlin_module::side::FRAME_RECORD_SLOTS;

/// Why a slow path did not complete.
pub enum Stop {
    /// The guest traps.
    Trap(TrapCode),
    /// The host failed, or the engine did; the store has noted how.
    Host,
    /// An exception travels; the store's context says which.
    Exception,
}

impl Stop {
    /// Why an execution has ended that has noted what it could of it, and the trap's code otherwise.
    ///
    /// # Safety
    ///
    /// `context` is that of a store that is entered, in which an execution has just ended early.
    #[inline]
    #[must_use]
    pub unsafe fn noted(context: *mut StoreContext) -> Self {
        // SAFETY: the caller's promise.
        let context = unsafe { &*context };
        if context.exception == 0 { Self::Trap(context.exit.code) } else { Self::Exception }
    }
}

impl From<TrapCode> for Stop {
    fn from(code: TrapCode) -> Self {
        Self::Trap(code)
    }
}

/// The store of a running instance.
///
/// # Safety
///
/// `cx` is the context of an instance that is running, so its store has been entered; the caller uses
/// the reference before it does anything else with the store.
pub(crate) unsafe fn store<'a>(cx: *mut VmContext) -> &'a mut Store {
    // SAFETY: a running instance's context and store context are alive.
    let store = unsafe { (*(*cx).store).store };
    // SAFETY: the store was entered through an exclusive reference, from which this pointer comes.
    unsafe { &mut *store }
}

fn noted<T>(store: &mut Store, result: Result<T, HostFailure>) -> Result<T, Stop> {
    result.map_err(|failure| {
        store.note_failure(failure);
        Stop::Host
    })
}

macro_rules! running {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($store:ident, $instance:ident $(, $arg:ident: $ty:ty)*) -> $ret:ty $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// `cx` is the context of a running instance, and indices are valid for its module.
        ///
        /// # Errors
        ///
        /// Where the operator can fail: its trap, or a failure of the host's that the store has noted.
        pub unsafe fn $name(cx: *mut VmContext $(, $arg: $ty)*) -> $ret {
            // SAFETY: the caller's promise.
            let ($store, $instance) = unsafe { (store(cx), (*cx).instance) };
            $body
        }
    )*};
}

/// A memory of the running instance: its definition, which is where the tiers look too.
///
/// # Safety
///
/// `cx` is the context of a running instance, and `memory` an index of its module's.
#[inline]
unsafe fn memory(cx: *mut VmContext, memory: u32) -> MemoryDef {
    // SAFETY: the caller's promise; so for both below.
    let memories = unsafe { (*cx).memories };
    // SAFETY: as above.
    let def = unsafe { *memories.add(memory as usize) };
    // SAFETY: as above.
    unsafe { MemoryDef::read(def) }
}

/// Where `len` bytes from `start` on lie in a memory.
#[inline]
fn place(memory: MemoryDef, start: u64, len: u64) -> Result<*mut u8, Stop> {
    let range = range(memory.len, start, len)?;
    Ok(memory.base.wrapping_add(range.start))
}

/// `memory.fill`.
///
/// # Safety
///
/// `cx` is the context of a running instance, and indices are valid for its module.
///
/// # Errors
///
/// The operator's trap.
#[inline]
pub unsafe fn memory_fill(
    cx: *mut VmContext,
    memory: u32,
    dst: u64,
    value: u8,
    len: u64,
) -> Result<(), Stop> {
    // SAFETY: the caller's promise.
    let target = place(unsafe { self::memory(cx, memory) }, dst, len)?;
    // SAFETY: the bytes are the memory's, and the guest that owns it waits. Of a shared memory, others may
    // access them meanwhile, which is a race of the guests' (see `shared`).
    unsafe { target.write_bytes(value, len as usize) };
    Ok(())
}

/// `memory.copy`.
///
/// # Safety
///
/// `cx` is the context of a running instance, and indices are valid for its module.
///
/// # Errors
///
/// The operator's trap.
#[inline]
pub unsafe fn memory_copy(
    cx: *mut VmContext,
    to: (u32, u64),
    from: (u32, u64),
    len: u64,
) -> Result<(), Stop> {
    // SAFETY: the caller's promise.
    let source = place(unsafe { memory(cx, from.0) }, from.1, len)?;
    // SAFETY: the caller's promise.
    let target = place(unsafe { memory(cx, to.0) }, to.1, len)?;
    // SAFETY: the bytes are the memories', which may be one, and the guest that owns them waits; for shared
    // ones, as above.
    unsafe { target.copy_from(source, len as usize) };
    Ok(())
}

running! {
    /// `memory.grow`: the former size in pages, or -1, as the memory's address type spells it.
    fn memory_grow(store, instance, memory: u32, delta: u64) -> Result<u64, Stop> {
        let memory = store.instances[instance as usize].memory(memory);
        let is64 = store.memory_type(memory).memory64;
        let grown = store.memory_grow(memory, delta);
        Ok(noted(store, grown)?.unwrap_or(minus_one(is64)))
    }

    /// `memory.atomic.notify` at `address`, which may be beyond every memory.
    fn memory_notify(store, instance, memory: u32, address: u64, count: u32) -> Result<u64, Stop> {
        let memory = store.instances[instance as usize].memory(memory);
        match store.shared_memory(memory) {
            Some(shared) => Ok(u64::from(shared.notify(address, count)?)),
            None => {
                check_atomic(store.memory_len(memory), address, 4)?;
                // Nobody can wait there.
                Ok(0)
            }
        }
    }

    /// `memory.atomic.wait32` at `address`, which may be beyond every memory: 0 if it was woken, 1 if the value
    /// is another, 2 if the time is over.
    fn memory_wait32(
        store, instance, memory: u32, address: u64, expected: u64, timeout: i64
    ) -> Result<u64, Stop> {
        let memory = store.instances[instance as usize].memory(memory);
        wait(store, memory, 4, address, expected, timeout)
    }

    /// As [`memory_wait32`], for 8 bytes. Two functions and not one with a width: with that argument, they
    /// would be more than a call has registers for, and the handlers that call it could not end in a jump.
    fn memory_wait64(
        store, instance, memory: u32, address: u64, expected: u64, timeout: i64
    ) -> Result<u64, Stop> {
        let memory = store.instances[instance as usize].memory(memory);
        wait(store, memory, 8, address, expected, timeout)
    }

    /// `memory.init`.
    fn memory_init(
        store, instance, memory: u32, data: u32, dst: u64, src: u64, len: u64
    ) -> Result<(), Stop> {
        let of = &store.instances[instance as usize];
        let (code, memory) = (of.code().clone(), of.memory(memory));
        let bytes = store.data_segment_of(&code, instance, data);
        let source = &bytes[range(bytes.len(), src, len)?];
        Ok(store.memory_write(memory, dst, source)?)
    }

    /// `data.drop`.
    fn data_drop(store, instance, data: u32) -> () {
        store.instances[instance as usize].drop_data(data);
    }

    /// `table.get`.
    fn table_get(store, instance, table: u32, index: u64) -> Result<u32, Stop> {
        let table = store.instances[instance as usize].table(table);
        Ok(store.table_get(table, index).ok_or(TrapCode::TableOutOfBounds)?)
    }

    /// `table.set`, and `table.fill`.
    fn table_fill(
        store, instance, table: u32, start: u64, value: u32, len: u64
    ) -> Result<(), Stop> {
        let table = store.instances[instance as usize].table(table);
        Ok(store.table_fill(table, start, value, len)?)
    }

    /// `table.size`.
    fn table_size(store, instance, table: u32) -> u64 {
        let table = store.instances[instance as usize].table(table);
        store.table_type(table).min
    }

    /// `table.grow`: the former size, or -1, as the table's index type spells it.
    fn table_grow(store, instance, table: u32, delta: u64, init: u32) -> Result<u64, Stop> {
        let table = store.instances[instance as usize].table(table);
        let is64 = store.table_type(table).table64;
        let grown = store.table_grow(table, delta, init);
        Ok(noted(store, grown)?.unwrap_or(minus_one(is64)))
    }

    /// `table.copy`.
    fn table_copy(store, instance, to: (u32, u64), from: (u32, u64), len: u64) -> Result<(), Stop> {
        let of = &store.instances[instance as usize];
        let (to_table, from_table) = (of.table(to.0), of.table(from.0));
        Ok(store.table_copy((to_table, to.1), (from_table, from.1), len)?)
    }

    /// `table.init`.
    fn table_init(
        store, instance, table: u32, element: u32, dst: u64, src: u64, len: u64
    ) -> Result<(), Stop> {
        let of = &store.instances[instance as usize];
        let values = of.element(element);
        let source = range(values.len(), src, len).map_err(|_| TrapCode::TableOutOfBounds)?;
        let table = of.table(table) as usize;
        store.tables[table].slice_mut(dst, len)?.copy_from_slice(&values[source]);
        Ok(())
    }

    /// `elem.drop`.
    fn elem_drop(store, instance, element: u32) -> () {
        store.instances[instance as usize].drop_element(element);
    }

    /// `ref.func`.
    fn ref_func(store, instance, func: u32) -> u32 {
        store.func_ref(instance, func)
    }

    /// `throw`: a reference to a new exception with this tag of the module's, which carries zeros. It may
    /// collect: the activations that wait have noted their places.
    fn new_exception(store, instance, tag: u32) -> Result<u32, Stop> {
        let tag = store.instances[instance as usize].tag(tag);
        Ok(store.new_exception(tag)?)
    }

    /// The budget of a function of the instance's module has run out; with where the interpreter goes on in a loop.
    /// What leads into the loop, if anything does.
    fn ran_out(
        store, instance, counted: &Counted, ip: Option<*const u8>
    ) -> Option<*const NativeEntry> {
        let code = store.instances[instance as usize].code().clone();
        #[cfg(feature = "native")]
        // SAFETY: the store is entered, and the interpreter is left; whatever leads to code is asked for afterwards.
        unsafe {
            crate::native::safe_point(store.context(), &code);
        }
        code.ran_out(counted, ip)
    }

    /// Where a way into a loop finds what an activation of the interpreter holds: `locals` slots from `fp` on, those
    /// included in which exceptions are kept, and so many of operands behind the frame record. The frame itself, but for
    /// functions that keep exceptions, which compiled code does not in these slots.
    fn loop_slots(
        store, instance, func: u32, fp: *const u64, locals: u32, operands: usize
    ) -> *const u64 {
        let code = store.instances[instance as usize].code();
        let own = code.module().local_slots(func).unwrap_or(locals);
        if own >= locals {
            return fp;
        }
        let behind = (locals + FRAME_RECORD_SLOTS) as usize;
        // SAFETY: the caller's promise: an activation has so many slots; so for the one below.
        let own = unsafe { core::slice::from_raw_parts(fp, own as usize) };
        // SAFETY: as above.
        let operands = unsafe { core::slice::from_raw_parts(fp.add(behind), operands) };
        // SAFETY: the context lives as long as the store.
        let native = unsafe { &mut (*store.context()).native };
        native.put_loop_slots(own.iter().copied(), operands.iter().copied());
        native.loop_slots
    }

    /// Compiled code has found that the budget of a function of the instance's module has run out. The way into the
    /// loop that it is in, or 0.
    #[cfg(feature = "native")]
    fn code_ran_out(store, instance, func: u32, in_loop: Option<u32>) -> usize {
        let code = store.instances[instance as usize].code().clone();
        // SAFETY: the store is entered, and its code has noted where it is left; whatever leads to code is asked for
        // afterwards.
        unsafe { crate::native::safe_point(store.context(), &code) };
        code.code_ran_out(func, in_loop)
    }

    /// Prepares a function of the instance's module for its first call.
    fn prepare(store, instance, func: u32) -> Result<(), Stop> {
        let code = store.instances[instance as usize].code().clone();
        code.prepare(func).map_err(|invalid| {
            store.invalid = Some(invalid);
            Stop::Trap(TrapCode::InvalidFunction)
        })
    }
}

/// Whether the type with the number `sub` is `sup` or below it.
///
/// # Safety
///
/// `context` is that of a store, and the numbers are of types that it knows.
#[must_use]
pub unsafe fn is_subtype(context: *mut StoreContext, sub: u32, sup: u32) -> bool {
    // SAFETY: the caller's promise; so for all below: the lines live as long as the types, which the guest
    // uses.
    let types = unsafe { (*context).types };
    // SAFETY: as above.
    let (line, depth) = unsafe { (*types.add(index_of(sub)), (*types.add(index_of(sup))).len - 1) };
    // SAFETY: as above; the place is one of the line.
    depth < line.len && unsafe { *line.line.add(depth) } == sup
}

/// Writes what a new exception carries.
///
/// # Safety
///
/// `cx` is the context of a running instance, `exception` a reference of its store's, and there are as many slots
/// from `payload` on.
pub unsafe fn fill_exception(
    cx: *mut VmContext,
    exception: u32,
    payload: *const u64,
    slots: usize,
) {
    // SAFETY: the caller's promise; so for the line below.
    let payload = unsafe { core::slice::from_raw_parts(payload, slots) };
    // SAFETY: as above.
    unsafe { store(cx) }.fill_exception(exception, payload);
}

/// Looks for who catches an exception, from a place of the interpreter's outwards, among the activations up to the
/// one that was entered from elsewhere. Says whether there is somebody: then the context says where to go on,
/// and the operands are there.
///
/// # Safety
///
/// `cx` is the context of a running instance, and `ip` and `fp` describe where it is, as for
/// [`Store::backtrace`]; `exception` is a reference of the store's, or null.
#[must_use]
pub unsafe fn catch(cx: *mut VmContext, exception: u32, ip: *const u8, fp: *mut u64) -> bool {
    // SAFETY: the caller's promise; so for the line below.
    let store = unsafe { store(cx) };
    // SAFETY: as above.
    unsafe { store.catch(exception, ip, fp, cx) }
}

/// Calls a host function.
///
/// # Safety
///
/// `cx` is the context of the calling instance, which is running, or null if the host calls; `context`
/// is its store's context, and the store is entered; `slots` are as many as the function's lists need, and
/// nobody else's; from `top` on, the value stack is free.
///
/// # Errors
///
/// [`Stop::Host`] if the function fails; the store has noted how. [`Stop::Exception`] if it throws.
#[inline]
pub unsafe fn call_host(
    cx: *mut VmContext,
    context: *mut StoreContext,
    host: u32,
    slots: *mut u64,
    top: *mut u64,
) -> Result<(), Stop> {
    // SAFETY: the caller's promise; the reference ends with the statement.
    let Some(function) = (unsafe { (*(*context).store).host(host) }) else {
        return Err(Stop::Host);
    };
    // SAFETY: the caller's promise; a store keeps its host functions.
    unsafe { host::call(function, context, cx, slots, top) }
}

fn minus_one(is64: bool) -> u64 {
    if is64 { u64::MAX } else { u64::from(u32::MAX) }
}

/// Checks an atomic access of a memory that is not shared.
fn check_atomic(len: usize, address: u64, bytes: u64) -> Result<(), TrapCode> {
    if !address.is_multiple_of(bytes) {
        return Err(TrapCode::UnalignedAtomic);
    }
    range(len, address, bytes).map(|_| ())
}

/// Waits at an address of a memory for a value of so many bytes.
fn wait(
    store: &Store,
    memory: u32,
    bytes: u64,
    address: u64,
    expected: u64,
    timeout: i64,
) -> Result<u64, Stop> {
    let Some(shared) = store.shared_memory(memory) else {
        check_atomic(store.memory_len(memory), address, bytes)?;
        return Err(TrapCode::ExpectedSharedMemory.into());
    };
    wait_in(store, shared, bytes, address, expected, timeout)
}

/// Waits in a shared memory.
#[cfg(feature = "std")]
fn wait_in(
    store: &Store,
    shared: &SharedMemory,
    bytes: u64,
    address: u64,
    expected: u64,
    timeout: i64,
) -> Result<u64, Stop> {
    use crate::parking::Until;
    use crate::shared::Waited;
    let interrupts = &**store.interrupts();
    let until = Until { interrupts: Some(interrupts), ..Until::nanoseconds(timeout) };
    let waited = match bytes {
        4 => shared.wait32(address, expected as u32, &until)?,
        _ => shared.wait64(address, expected, &until)?,
    };
    match waited {
        Waited::Woken => Ok(0),
        Waited::Mismatch => Ok(1),
        Waited::TimedOut => Ok(2),
        Waited::Interrupted => {
            interrupts.take_request();
            Err(TrapCode::Interrupted.into())
        }
    }
}

/// There are no shared memories without threads.
#[cfg(not(feature = "std"))]
fn wait_in(_: &Store, _: &SharedMemory, _: u64, _: u64, _: u64, _: i64) -> Result<u64, Stop> {
    Err(TrapCode::ExpectedSharedMemory.into())
}

fn range(size: usize, start: u64, len: u64) -> Result<core::ops::Range<usize>, TrapCode> {
    let end = start.checked_add(len).filter(|end| *end <= size as u64);
    // Both are at most `size`, which is a `usize`.
    end.map(|end| start as usize..end as usize).ok_or(TrapCode::MemoryOutOfBounds)
}
