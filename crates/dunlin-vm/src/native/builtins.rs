//! What compiled code asks of the VM: `ops`, in the platform's C convention.
//!
//! Every function here is called by compiled code only, with the context of the running instance and
//! indices that validation has checked; that is what each block relies on.
//!
//! A panic of ours must not unwind into compiled code, which has nothing to unwind it by: it is caught
//! here, the guest ends with an error that says so, and the store runs no guest any more. Panics of the
//! embedder's code never get here: they travel as failures, and go on where the guest was called.

use super::isa;
use crate::context::VmContext;
use crate::object_ops;
use crate::ops::{self, Stop};
use dunlin_module::Builtin;
use dunlin_module::compile::{GROW_FAILED, NO_OBJECT, REF_FAILED};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The address of a builtin.
pub(crate) fn address(builtin: Builtin) -> usize {
    let address: *const () = match builtin {
        Builtin::MemoryGrow => memory_grow as *const (),
        Builtin::MemoryFill => memory_fill as *const (),
        Builtin::MemoryCopy => memory_copy as *const (),
        Builtin::MemoryInit => memory_init as *const (),
        Builtin::DataDrop => data_drop as *const (),
        Builtin::TableGrow => table_grow as *const (),
        Builtin::TableFill => table_fill as *const (),
        Builtin::TableCopy => table_copy as *const (),
        Builtin::TableInit => table_init as *const (),
        Builtin::ElemDrop => elem_drop as *const (),
        Builtin::RefFunc => ref_func as *const (),
        Builtin::CallFunc => isa::call_func as *const (),
        Builtin::CallRef => isa::call_ref as *const (),
        Builtin::MemoryNotify => memory_notify as *const (),
        Builtin::MemoryWait => memory_wait as *const (),
        Builtin::Unwind => isa::unwind as *const (),
        Builtin::NewStruct => isa::new_struct as *const (),
        Builtin::NewArray => isa::new_array as *const (),
        Builtin::ArrayNewData => isa::array_new_data as *const (),
        Builtin::ArrayNewElem => isa::array_new_elem as *const (),
        Builtin::ArrayFill => array_fill as *const (),
        Builtin::ArrayCopy => array_copy as *const (),
        Builtin::ArrayInitData => array_init_data as *const (),
        Builtin::ArrayInitElem => array_init_elem as *const (),
        Builtin::NewException => isa::new_exception as *const (),
        Builtin::ExceptionTag => exception_tag as *const (),
        Builtin::CatchException => catch_exception as *const (),
        Builtin::FillException => fill_exception as *const (),
        Builtin::ThrowException => isa::throw as *const (),
        Builtin::RanOut => isa::ran_out as *const (),
    };
    address as usize
}

/// Notes why the guest must end.
///
/// # Safety
///
/// `cx` is the running instance's context.
unsafe fn note(cx: *mut VmContext, stop: Stop) {
    if let Stop::Trap(code) = stop {
        // SAFETY: the caller's promise.
        unsafe { (*(*cx).store).exit.code = code };
    }
}

/// Notes a failure; the status that tells compiled code of it.
///
/// # Safety
///
/// As for [`note`].
unsafe fn status(cx: *mut VmContext, result: Result<(), Stop>) -> u32 {
    let Err(stop) = result else { return 0 };
    // SAFETY: the caller's promise.
    unsafe { note(cx, stop) };
    1
}

/// Runs what a builtin does; `failed` is what tells compiled code that it panicked.
///
/// # Safety
///
/// As for [`note`].
pub(super) unsafe fn contained<R>(
    cx: *mut VmContext,
    builtin: Builtin,
    failed: R,
    run: impl FnOnce() -> R,
) -> R {
    let run = || {
        provoked::check(builtin);
        run()
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(panic) => {
            let said = panic.downcast_ref::<alloc::string::String>().map(|said| &**said);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            // SAFETY: the caller's promise; what panicked holds no reference to the store any more.
            unsafe { &mut *(*(*cx).store).store }.note_bug(said.unwrap_or("a panic without words"));
            // Dropping what a panic carries could panic again.
            core::mem::forget(panic);
            failed
        }
    }
}

/// Panics on request, which tests of this file's promise need. Release builds have no such thing.
#[cfg(debug_assertions)]
pub(super) mod provoked {
    use dunlin_module::Builtin;
    use std::cell::Cell;
    use std::thread_local;

    thread_local! {
        static BUILTIN: Cell<Option<Builtin>> = const { Cell::new(None) };
    }

    /// Makes this thread's next call of a builtin panic.
    pub fn panic_in(builtin: Builtin) {
        BUILTIN.set(Some(builtin));
    }

    pub(super) fn check(builtin: Builtin) {
        if BUILTIN.get() == Some(builtin) {
            BUILTIN.set(None);
            panic!("on purpose, in {builtin:?}");
        }
    }
}

#[cfg(not(debug_assertions))]
mod provoked {
    #[inline(always)]
    pub(super) fn check(_: dunlin_module::Builtin) {}
}

/// Builtins that return a status.
macro_rules! status {
    ($($name:ident = $builtin:ident($cx:ident $(, $arg:ident: $ty:ty)*) => $call:expr;)*) => {$(
        unsafe extern "C" fn $name($cx: *mut VmContext $(, $arg: $ty)*) -> u32 {
            let run = || {
                // SAFETY: see the head.
                let result = unsafe { $call };
                // SAFETY: see the head.
                unsafe { status($cx, result) }
            };
            // SAFETY: see the head.
            unsafe { contained($cx, Builtin::$builtin, 1, run) }
        }
    )*};
}

status! {
    memory_fill = MemoryFill(cx, memory: u32, dst: u64, value: u32, len: u64) =>
        ops::memory_fill(cx, memory, dst, value as u8, len);
    memory_copy = MemoryCopy(cx, to: u32, dst: u64, from: u32, src: u64, len: u64) =>
        ops::memory_copy(cx, (to, dst), (from, src), len);
    memory_init = MemoryInit(cx, memory: u32, data: u32, dst: u64, src: u64, len: u64) =>
        ops::memory_init(cx, memory, data, dst, src, len);
    table_fill = TableFill(cx, table: u32, start: u64, value: u32, len: u64) =>
        ops::table_fill(cx, table, start, value, len);
    table_copy = TableCopy(cx, to: u32, dst: u64, from: u32, src: u64, len: u64) =>
        ops::table_copy(cx, (to, dst), (from, src), len);
    table_init = TableInit(cx, table: u32, element: u32, dst: u64, src: u64, len: u64) =>
        ops::table_init(cx, table, element, dst, src, len);
    array_fill = ArrayFill(
        cx, ty: u32, array: u32, index: u32, low: u64, high: u64, len: u32
    ) => object_ops::array_fill(cx, ty, (array, index), [low, high], len);
    array_copy = ArrayCopy(
        cx, ty: u32, to: u32, to_index: u32, from: u32, from_index: u32, len: u32
    ) => object_ops::array_copy(cx, ty, (to, to_index), (from, from_index), len);
    array_init_data = ArrayInitData(
        cx, ty: u32, data: u32, array: u32, index: u32, src: u32, len: u32
    ) => object_ops::array_init_data(cx, ty, data, (array, index), src, len);
    array_init_elem = ArrayInitElem(
        cx, ty: u32, element: u32, array: u32, index: u32, src: u32, len: u32
    ) => object_ops::array_init_elem(cx, ty, element, (array, index), src, len);
    fill_exception = FillException(cx, exception: u32, payload: *const u64, slots: u32) => {
        ops::fill_exception(cx, exception, payload, slots as usize);
        Ok(())
    };
    data_drop = DataDrop(cx, data: u32) => {
        ops::data_drop(cx, data);
        Ok(())
    };
    elem_drop = ElemDrop(cx, element: u32) => {
        ops::elem_drop(cx, element);
        Ok(())
    };
}

/// The result of a growth or wait, or what says that the guest must end.
///
/// # Safety
///
/// As for [`note`].
unsafe fn grown(cx: *mut VmContext, result: Result<u64, Stop>) -> u64 {
    match result {
        Ok(size) => size,
        Err(stop) => {
            // SAFETY: the caller's promise.
            unsafe { note(cx, stop) };
            GROW_FAILED
        }
    }
}

unsafe extern "C" fn memory_grow(cx: *mut VmContext, memory: u32, delta: u64) -> u64 {
    let run = || {
        // SAFETY: see the head.
        let result = unsafe { ops::memory_grow(cx, memory, delta) };
        // SAFETY: see the head.
        unsafe { grown(cx, result) }
    };
    // SAFETY: see the head.
    unsafe { contained(cx, Builtin::MemoryGrow, GROW_FAILED, run) }
}

unsafe extern "C" fn memory_notify(
    cx: *mut VmContext,
    memory: u32,
    address: u64,
    count: u32,
) -> u64 {
    let run = || {
        // SAFETY: see the head.
        let result = unsafe { ops::memory_notify(cx, memory, address, count) };
        // SAFETY: see the head.
        unsafe { grown(cx, result) }
    };
    // SAFETY: see the head.
    unsafe { contained(cx, Builtin::MemoryNotify, GROW_FAILED, run) }
}

unsafe extern "C" fn memory_wait(
    cx: *mut VmContext,
    memory: u32,
    bytes: u32,
    address: u64,
    expected: u64,
    timeout: i64,
) -> u64 {
    let run = || {
        let wait = if bytes == 4 { ops::memory_wait32 } else { ops::memory_wait64 };
        // SAFETY: see the head.
        let result = unsafe { wait(cx, memory, address, expected, timeout) };
        // SAFETY: see the head.
        unsafe { grown(cx, result) }
    };
    // SAFETY: see the head.
    unsafe { contained(cx, Builtin::MemoryWait, GROW_FAILED, run) }
}

unsafe extern "C" fn table_grow(cx: *mut VmContext, table: u32, delta: u64, init: u32) -> u64 {
    let run = || {
        // SAFETY: see the head.
        let result = unsafe { ops::table_grow(cx, table, delta, init) };
        // SAFETY: see the head.
        unsafe { grown(cx, result) }
    };
    // SAFETY: see the head.
    unsafe { contained(cx, Builtin::TableGrow, GROW_FAILED, run) }
}

unsafe extern "C" fn ref_func(cx: *mut VmContext, func: u32) -> u32 {
    // SAFETY: see the head.
    let run = || unsafe { ops::ref_func(cx, func) };
    // SAFETY: see the head.
    unsafe { contained(cx, Builtin::RefFunc, REF_FAILED, run) }
}

/// Builtins that make objects, and so may collect: called by stubs (`isa`) that note where compiled code is.
macro_rules! objects {
    ($($name:ident = $builtin:ident($cx:ident $(, $arg:ident: $ty:ty)*) => $call:expr;)*) => {$(
        /// # Safety
        ///
        /// Called by compiled code, by way of the stub of this name.
        pub(super) unsafe extern "C" fn $name($cx: *mut VmContext $(, $arg: $ty)*) -> u32 {
            let run = || {
                // SAFETY: see the head.
                match unsafe { $call } {
                    Ok(made) => made,
                    Err(stop) => {
                        // SAFETY: see the head.
                        unsafe { note($cx, stop) };
                        NO_OBJECT
                    }
                }
            };
            // SAFETY: see the head.
            unsafe { contained($cx, Builtin::$builtin, NO_OBJECT, run) }
        }
    )*};
}

objects! {
    new_exception = NewException(cx, tag: u32) => ops::new_exception(cx, tag);
    new_struct = NewStruct(cx, ty: u32) => object_ops::new_struct(cx, ty);
    new_array = NewArray(cx, ty: u32, len: u32) => object_ops::new_array(cx, ty, len);
    array_new_data = ArrayNewData(cx, ty: u32, data: u32, src: u32, len: u32) =>
        object_ops::array_new_data(cx, ty, data, src, len);
    array_new_elem = ArrayNewElem(cx, ty: u32, element: u32, src: u32, len: u32) =>
        object_ops::array_new_elem(cx, ty, element, src, len);
}

unsafe extern "C" fn exception_tag(cx: *mut VmContext, exception: u32) -> u32 {
    // SAFETY: see the head.
    let store = unsafe { &*(*(*cx).store).store };
    store.exception_tag(exception).unwrap_or(REF_FAILED)
}

unsafe extern "C" fn catch_exception(cx: *mut VmContext, exception: u32) -> *const u64 {
    let run = || {
        // SAFETY: see the head.
        let store = unsafe { &mut *(*(*cx).store).store };
        store.catch_exception(exception).as_ptr()
    };
    // SAFETY: see the head.
    unsafe { contained(cx, Builtin::CatchException, core::ptr::null(), run) }
}

/// Called by compiled code that counts, by way of the stub of this name.
///
/// # Safety
///
/// As all here.
pub(super) unsafe extern "C" fn ran_out(
    cx: *mut VmContext,
    func: u32,
    in_loop: u32,
    slots: *const u64,
    counts: u64,
) -> usize {
    let run = || {
        let in_loop = (in_loop != 0 && !slots.is_null()).then_some(in_loop);
        // SAFETY: see the head.
        let code = unsafe { ops::code_ran_out(cx, func, in_loop) };
        if code != 0 {
            // SAFETY: see the head: the slots are of the activation that calls.
            unsafe { put_loop_slots(cx, slots, (counts >> 32) as usize, counts as u32 as usize) };
        }
        code
    };
    // SAFETY: see the head. Where that fails the function goes on as it is, and the store says so at its end.
    unsafe { contained(cx, Builtin::RanOut, 0, run) }
}

/// Puts slots of an activation of compiled code, which descend from `slots` on, where the way into a loop expects
/// them: so many of locals, and so many of operands.
///
/// # Safety
///
/// `cx` is the running instance's context, and there are as many slots.
unsafe fn put_loop_slots(cx: *mut VmContext, slots: *const u64, locals: usize, operands: usize) {
    // SAFETY: the caller's promise.
    let native = unsafe { &mut (*(*cx).store).native };
    // SAFETY: the caller's promise.
    let slot = |index: usize| unsafe { slots.sub(index).read() };
    native.put_loop_slots((0..locals).map(slot), (locals..locals + operands).map(slot));
}
