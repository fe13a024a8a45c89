//! The way from the VM back to the embedder: host functions and limits.
//!
//! The VM hands host functions and its growth hook an *owner*, which is the address of the
//! [`StoreInner`] that entered it. This file turns that address into a reference again; it is the only
//! one of the crate with unsafe code.
//!
//! 1. `StoreInner::enter` writes the address before anything that can call back; a store's inner part
//!    is boxed and stays where it is.
//! 2. A host function for stores of `T` is only ever put into a `Store<T>`: `Func` makes it in the store
//!    that it is given, and a `Linker<T>` instantiates in stores of `T` only. So the type is right.
//! 3. While the VM calls back it uses none of the store's other fields, and the embedder's code holds
//!    no reference into the store, since the call borrowed the store exclusively.
//!
//! What a layer above keeps in a store is looked at through a pointer of its type, for which the type stands beside it
//! ([`Extension`]).
//!
//! A panic of the embedder's code cannot unwind through a tier; it is carried to the call that
//! entered the guest as a failure, and goes on from there.

#![allow(
    unsafe_code,
    reason = "the VM's owner pointer becomes a reference here, and an extension one of its type; see the head"
)]

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::store::StoreInner;
use crate::val::Home;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::{Any, TypeId};
use dunlin_core::FuncType;
use dunlin_vm::types::TypeRegistry;
use dunlin_vm::{BoundHostFn, CreateError, Growth, HostCall, HostFailure, HostFn, Thrown};

/// What a layer above this crate keeps in a store, with its type, so that a look at it calls nobody.
pub(crate) struct Extension {
    /// That of the value, always.
    ty: TypeId,
    value: Box<dyn Any + Send + Sync>,
}

impl Extension {
    pub(crate) fn new<E: Send + Sync + 'static>(value: E) -> Self {
        Self { ty: TypeId::of::<E>(), value: Box::new(value) }
    }

    pub(crate) fn get<E: 'static>(&self) -> Option<&E> {
        self.value.downcast_ref()
    }

    #[inline]
    pub(crate) fn get_mut<E: 'static>(&mut self) -> Option<&mut E> {
        if self.ty != TypeId::of::<E>() {
            return None;
        }
        let value = &raw mut *self.value;
        // SAFETY: the value is of this type, which `new` has noted, and nobody writes to either field; it is borrowed
        // exclusively with `self`.
        Some(unsafe { &mut *value.cast::<E>() })
    }
}

/// Makes a function of this type that the VM can call; `func` is given the caller and the call's slots.
pub(crate) fn host_fn<T: 'static>(
    ty: &FuncType,
    func: impl Fn(Caller<'_, T>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
) -> HostFn {
    let slots = ty.param_slots().max(ty.result_slots()) as usize;
    HostFn::new(slots, move |call: HostCall<'_>| run(call, &func))
}

/// As [`host_fn`], for many stores; `func` is also given the data with which the function was added.
pub(crate) fn bound_fn<T: 'static, D: Send + Sync + 'static>(
    types: &Arc<TypeRegistry>,
    ty: &FuncType,
    func: impl Fn(Caller<'_, T>, &D, &mut [u64]) -> Result<()> + Send + Sync + 'static,
) -> BoundHostFn<D> {
    BoundHostFn::new(types, ty, move |call: HostCall<'_>, data: &D| {
        run(call, |caller, slots| func(caller, data, slots))
    })
}

/// Runs the embedder's code in a call of the VM's, in a store of `T`.
#[inline(always)]
fn run<T: 'static>(
    call: HostCall<'_>,
    func: impl FnOnce(Caller<'_, T>, &mut [u64]) -> Result<()>,
) -> core::result::Result<(), HostFailure> {
    let owner = call.owner.cast::<StoreInner<T>>();
    // SAFETY: the owner is the store that entered the guest, of this type, and nobody else uses a
    // reference to it until this function returns (points 1 to 3 of the head).
    let store = unsafe { &mut *owner };
    let scope = store.vm.handle_count();
    let result = guarded(|| func(Caller::new(store, call.caller), call.slots));
    // The function has returned, so that the store may be used again; its handles are still there.
    let result = result.map_err(|failure| thrown(failure, store.home()));
    store.vm.end_scope(scope);
    result
}

/// A failure of a host function of the store at home: it throws if it is one of the store's exceptions.
#[cold]
fn thrown(failure: HostFailure, home: Home<'_>) -> HostFailure {
    let exception = failure.downcast_ref::<Error>().and_then(Error::exception);
    match exception.map(|exception| exception.reference(home)) {
        Some(Ok(reference)) => Box::new(Thrown(reference)),
        _ => failure,
    }
}

/// The VM's growth hook for stores of `T`: asks the store's limiter.
pub(crate) fn growth_hook<T: 'static>(
    owner: *mut (),
    growth: Growth,
) -> core::result::Result<bool, HostFailure> {
    let owner = owner.cast::<StoreInner<T>>();
    // SAFETY: the owner is the store that entered the VM, of this type (points 1 and 2 of the head). The
    // VM is in the middle of using its own part of the store, so only the data is borrowed.
    let data = unsafe { &mut (*owner).data };
    // SAFETY: as above, for the limiter.
    let limiter = unsafe { &mut (*owner).limiter };
    let Some(limiter) = limiter else { return Ok(true) };
    guarded(|| {
        let limiter = limiter(data);
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        match growth {
            Growth::Memory { current, desired, max } => {
                limiter.memory_growing(size(current), size(desired), max.map(size))
            }
            Growth::Table { current, desired, max } => {
                limiter.table_growing(size(current), size(desired), max.map(size))
            }
            Growth::Heap { current, desired } => limiter.heap_growing(size(current), size(desired)),
        }
    })
}

/// A panic of the embedder's code, on its way to the call that entered the guest.
#[cfg(feature = "std")]
struct HostPanic(Box<dyn core::any::Any + Send>);

/// Runs the embedder's code; its error or panic becomes a failure that the VM carries.
#[cfg(feature = "std")]
#[inline]
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> core::result::Result<R, HostFailure> {
    // The panic goes on at the outer call, as if it had unwound through the guest.
    match std::panic::catch_unwind(core::panic::AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Box::new(error)),
        Err(panic) => Err(Box::new(HostPanic(panic))),
    }
}

/// Runs the embedder's code; its error becomes a failure that the VM carries. Without the standard
/// library a panic never unwinds.
#[cfg(not(feature = "std"))]
#[inline]
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> core::result::Result<R, HostFailure> {
    run().map_err(|error| -> HostFailure { Box::new(error) })
}

/// The error that something of this size could not be created.
#[cold]
pub(crate) fn create_error(what: &str, size: u64, unit: &str, error: CreateError) -> Error {
    match error {
        CreateError::Host(failure) => error_of(failure),
        CreateError::Refused(refusal) => {
            Error::resource(format_args!("cannot create a {what} of {size} {unit}: {refusal}"))
        }
    }
}

/// The error that a failure carries; a panic goes on.
#[cold]
pub(crate) fn error_of(failure: HostFailure) -> Error {
    let failure = match failure.downcast::<Error>() {
        Ok(error) => return *error,
        Err(failure) => failure,
    };
    #[cfg(feature = "std")]
    let failure = match failure.downcast::<HostPanic>() {
        Ok(panic) => std::panic::resume_unwind(panic.0),
        Err(failure) => failure,
    };
    drop(failure);
    Error::bug("a host function failed with something that is not an error")
}

#[cfg(all(test, feature = "optimize", debug_assertions))]
mod tests {
    use crate::{
        Caller, Config, Engine, ErrorKind, Func, Instance, Module, ResourceLimiter, Result, Store,
        Tier,
    };
    use dunlin_module::Builtin;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// A guest whose exports each call a builtin, by name.
    const GUEST: &str = r#"(module
        (import "h" "f" (func $host)) (import "h" "g" (func $calls (param i32)))
        (memory (export "memory") 1 9) (table $t 4 9 funcref) (type $v (func))
        (data $d "data") (elem $e func $f) (elem declare func $f) (elem (i32.const 3) $host)
        (func $interpreted)
        (func $f (export "f"))
        (func (export "MemoryGrow") (drop (memory.grow (i32.const 1))))
        (func (export "MemoryFill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 9)))
        (func (export "MemoryCopy") (memory.copy (i32.const 0) (i32.const 1) (i32.const 9)))
        (func (export "MemoryInit") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "DataDrop") (data.drop $d))
        (func (export "TableGrow") (drop (table.grow $t (ref.null func) (i32.const 1))))
        (func (export "TableFill") (table.fill $t (i32.const 0) (ref.null func) (i32.const 1)))
        (func (export "TableCopy") (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1)))
        (func (export "TableInit") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "ElemDrop") (elem.drop $e))
        (func (export "RefFunc") (drop (ref.func $f)))
        (func (export "CallFunc") (call $interpreted))
        (func (export "CallRef") (call_indirect $t (type $v) (i32.const 3)))
        (func (export "calls") (param i32) (call $calls (local.get 0)) (call $host)))"#;

    const BUILTINS: [Builtin; 13] = [
        Builtin::MemoryGrow,
        Builtin::MemoryFill,
        Builtin::MemoryCopy,
        Builtin::MemoryInit,
        Builtin::DataDrop,
        Builtin::TableGrow,
        Builtin::TableFill,
        Builtin::TableCopy,
        Builtin::TableInit,
        Builtin::ElemDrop,
        Builtin::RefFunc,
        Builtin::CallFunc,
        Builtin::CallRef,
    ];

    /// How often the guest's host function has been called.
    struct Host {
        calls: u32,
    }

    impl ResourceLimiter for Host {
        fn memory_growing(&mut self, from: usize, _: usize, _: Option<usize>) -> Result<bool> {
            assert!(from == 0, "of a limiter");
            Ok(true)
        }

        fn table_growing(&mut self, from: usize, _: usize, _: Option<usize>) -> Result<bool> {
            assert!(from == 0, "of a limiter");
            Ok(true)
        }
    }

    fn guest(tier: Tier) -> (Store<Host>, Instance) {
        // The first function of the module's own is not compiled.
        let config = &mut Config::new();
        let engine = Engine::new(config.tier(tier).mix_tiers(!0b100));
        let engine = engine.expect("a tier of this machine");
        let module = Module::new(&engine, GUEST).expect("a valid module");
        let mut store = Store::new(&engine, Host { calls: 0 });
        let host = Func::wrap(&mut store, |mut caller: Caller<'_, Host>| {
            caller.data_mut().calls += 1;
        });
        // Calls an export of the guest's, and makes nothing of what became of it.
        let calls = Func::wrap(&mut store, |mut caller: Caller<'_, Host>, builtin: i32| {
            let builtin = BUILTINS[builtin as usize];
            let export = caller.get_export(&format!("{builtin:?}")).expect("an export");
            let export = export.into_func().expect("a function");
            dunlin_vm::native::panic_in(builtin);
            export.call(&mut caller, &[], &mut []).expect_err("a bug");
        });
        let imports = [host.into(), calls.into()];
        let instance = Instance::new(&mut store, &module, &imports).expect("an instance");
        (store, instance)
    }

    fn call(store: &mut Store<Host>, instance: Instance, export: &str) -> Result<()> {
        let func = instance.get_typed_func::<(), ()>(&mut *store, export).expect("an export");
        func.call(store, ())
    }

    #[test]
    fn a_defect_of_ours_ends_the_guest_and_its_store_but_not_the_host() {
        for builtin in BUILTINS {
            let name = format!("{builtin:?}");
            let (mut store, instance) = guest(Tier::Optimize);
            call(&mut store, instance, &name).expect("nothing is wrong yet");
            dunlin_vm::native::panic_in(builtin);
            let error = call(&mut store, instance, &name).expect_err("a bug");
            assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
            let text = error.to_string();
            assert!(text.contains("please report") && text.contains(&name), "{text}");
            assert!(!error.backtrace().expect("a backtrace").frames().is_empty(), "{name}");
            // Nothing of this store runs again, and what the host wants to see it sees.
            let error = call(&mut store, instance, "f").expect_err("a store that is given up");
            assert_eq!(error.kind(), ErrorKind::Bug);
            let module = instance.module(&store).expect("a module");
            let error = Instance::new(&mut store, &module, &[]).expect_err("as above");
            assert_eq!(error.kind(), ErrorKind::Bug);
            let memory = instance.get_memory(&mut store, "memory").expect("a memory");
            assert!(memory.data(&store).len() >= 65_536);
        }
        let (mut store, instance) = guest(Tier::Optimize);
        call(&mut store, instance, "MemoryFill").expect("others go on");
    }

    #[test]
    fn a_host_function_cannot_hide_a_defect_from_the_guest_that_called_it() {
        for (index, builtin) in (0..).zip(BUILTINS) {
            let (mut store, instance) = guest(Tier::Optimize);
            let calls = instance.get_typed_func::<i32, ()>(&mut store, "calls");
            let error = calls.expect("an export").call(&mut store, index).expect_err("a bug");
            assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
            assert!(error.to_string().contains(&format!("{builtin:?}")), "{error}");
            assert_eq!(store.data().calls, 0, "the outer guest has not gone on");
        }
    }

    #[test]
    fn panics_of_limits_go_on_where_the_guest_was_called() {
        for (tier, export) in [Tier::Interp, Tier::Optimize]
            .into_iter()
            .flat_map(|tier| ["MemoryGrow", "TableGrow"].map(|export| (tier, export)))
        {
            let (mut store, instance) = guest(tier);
            store.limiter(|host| host);
            for _ in 0..2 {
                let run = AssertUnwindSafe(|| call(&mut store, instance, export));
                let panic = catch_unwind(run).expect_err("a panic");
                assert_eq!(panic.downcast_ref::<&str>(), Some(&"of a limiter"), "{tier:?}");
            }
            call(&mut store, instance, "MemoryFill").expect("the store works on");
        }
    }
}
