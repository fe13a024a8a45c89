//! Host functions: what guests call of the embedder's.
//!
//! A closure becomes a pair of a function in the platform's C convention, made for this closure alone, and
//! the closure's address. Whoever links an import to it keeps the pair, so that a call asks nobody.

use crate::context::{FuncRecord, StoreContext, VmContext};
use crate::exception::Thrown;
use crate::ops::Stop;
use crate::store::{NO_CODE, Store};
use crate::tuning::HOSTS_SEARCHED_MAX;
use crate::types::{KeptType, TypeRegistry};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::marker::PhantomData;
use core::ptr::null_mut;
use dunlin_core::FuncType;

/// What a host function or a limit reports instead of a result; the embedder's, passed through. A host function
/// throws by a [`Thrown`].
pub type HostFailure = Box<dyn Any + Send>;

/// A call from a guest to the host.
pub struct HostCall<'a> {
    /// What the embedder passed when it entered the store.
    pub owner: *mut (),
    /// The calling instance, if a guest called.
    pub caller: Option<u32>,
    /// Arguments from the first slot on, and then results: as many slots as the larger needs.
    pub slots: &'a mut [u64],
}

/// The code of a host function, called with its data, the store's context, the calling instance's (null
/// if the host calls) and the slots. Returns a status: 0, or 1 if it failed, and the store has noted how.
pub type HostCode =
    unsafe extern "C" fn(*const (), *mut StoreContext, *mut VmContext, *mut u64) -> u32;

/// A host function: reads its arguments from the call's slots and leaves its results there.
#[derive(Clone)]
pub struct HostFn {
    code: HostCode,
    /// A `Closure<F>` of the `F` that the code is made for.
    data: *const (),
    /// Owns it.
    _closure: Arc<dyn Any + Send + Sync>,
}

// SAFETY: the pointer is to what the function owns, which may be sent and shared.
unsafe impl Send for HostFn {}
// SAFETY: as above.
unsafe impl Sync for HostFn {}

/// A closure, and how many slots it is given.
struct Closure<F> {
    slots: usize,
    func: F,
}

impl HostFn {
    /// The host function that `func` is; its calls have this many slots.
    ///
    /// `func` must not unwind: it runs between frames that cannot be unwound, so that a panic that
    /// leaves it ends the process.
    pub fn new<F>(slots: usize, func: F) -> Self
    where
        F: Fn(HostCall<'_>) -> Result<(), HostFailure> + Send + Sync + 'static,
    {
        let closure = Arc::new(Closure { slots, func });
        Self { code: run::<F>, data: Arc::as_ptr(&closure).cast(), _closure: closure }
    }

    /// The code and its data, which live as long as this function or a clone of it.
    #[inline]
    pub(crate) fn parts(&self) -> (HostCode, *const ()) {
        (self.code, self.data)
    }
}

/// A host function that many stores may have. It keeps its type, so that a store that comes to have it asks nobody.
pub struct SharedHostFn {
    host: HostFn,
    type_id: u32,
    params: u32,
    results: u32,
}

impl SharedHostFn {
    /// The host function of this type, for stores whose types this registry numbers.
    #[must_use]
    pub fn new(types: &Arc<TypeRegistry>, ty: &FuncType, host: HostFn) -> Self {
        let kept = KeptType::new(types.clone(), ty);
        let type_id = kept.number();
        // Who has a clone has the type.
        let closure = Arc::new((host._closure, kept));
        let host = HostFn { _closure: closure, ..host };
        Self { host, type_id, params: ty.param_slots(), results: ty.result_slots() }
    }
}

/// A host function that many stores may have, in each of which it has data of its own wherever it is added. As
/// [`SharedHostFn`], it keeps its type.
pub struct BoundHostFn<D> {
    code: HostCode,
    /// A `Closure<F>` of the `F` that the code is made for.
    closure: *const (),
    /// Owns it and the type.
    owner: Arc<dyn Any + Send + Sync>,
    type_id: u32,
    params: u32,
    results: u32,
    _data: PhantomData<fn(D)>,
}

// SAFETY: the pointer is to what the function owns, which may be sent and shared.
unsafe impl<D> Send for BoundHostFn<D> {}
// SAFETY: as above.
unsafe impl<D> Sync for BoundHostFn<D> {}

/// What a function of a store's is given first that is a [`BoundHostFn`] with its data.
struct Bound<D> {
    closure: *const (),
    data: D,
    _owner: Arc<dyn Any + Send + Sync>,
}

// SAFETY: as for the function.
unsafe impl<D: Send> Send for Bound<D> {}
// SAFETY: as above.
unsafe impl<D: Sync> Sync for Bound<D> {}

impl<D: Send + Sync + 'static> BoundHostFn<D> {
    /// The host function of this type that `func` is, for stores whose types this registry numbers; see
    /// [`HostFn::new`] for what it must not do.
    pub fn new<F>(types: &Arc<TypeRegistry>, ty: &FuncType, func: F) -> Self
    where
        F: Fn(HostCall<'_>, &D) -> Result<(), HostFailure> + Send + Sync + 'static,
    {
        let (params, results) = (ty.param_slots(), ty.result_slots());
        let slots = params.max(results) as usize;
        let kept = KeptType::new(types.clone(), ty);
        let type_id = kept.number();
        let owner = Arc::new((Closure { slots, func }, kept));
        let closure = (&raw const owner.0).cast();
        let code = run_bound::<F, D>;
        Self { code, closure, owner, type_id, params, results, _data: PhantomData }
    }
}

impl Store {
    /// Adds a function of many stores with data of its own; returns a reference to it.
    pub fn bound_host_func<D: Send + Sync + 'static>(
        &mut self,
        shared: &BoundHostFn<D>,
        data: D,
    ) -> u32 {
        let bound = Bound { closure: shared.closure, data, _owner: shared.owner.clone() };
        let bound = Arc::new(bound);
        let host = HostFn { code: shared.code, data: Arc::as_ptr(&bound).cast(), _closure: bound };
        // Without an instance nobody reads the table, for which instantiating asks.
        if self.instances.places() > 0 {
            self.renew_types();
        }
        self.push_host_func(host, shared.type_id, shared.params, shared.results)
    }

    /// Adds a function of the host; returns a reference to it.
    pub fn create_host_func(&mut self, ty: &FuncType, host: HostFn) -> u32 {
        let type_id = self.types().intern(ty);
        self.host_types.push(type_id);
        self.renew_types();
        self.push_host_func(host, type_id, ty.param_slots(), ty.result_slots())
    }

    /// The one function of this store that a function of many stores' is here, however often it is asked for.
    pub fn shared_host_func(&mut self, shared: &SharedHostFn) -> u32 {
        // The store's own clone keeps the data where it is.
        let data = shared.host.data;
        if let Some(made) = self.find_host(data) {
            return made;
        }
        // Without an instance nobody reads the table, for which instantiating asks.
        if self.instances.places() > 0 {
            self.renew_types();
        }
        let (params, results) = (shared.params, shared.results);
        let made = self.push_host_func(shared.host.clone(), shared.type_id, params, results);
        if self.hosts.len() > HOSTS_SEARCHED_MAX {
            self.more_hosts.get_or_insert_default().insert(data.addr(), made);
        }
        made
    }

    fn find_host(&self, data: *const ()) -> Option<u32> {
        let planned = self.plan.as_ref().map_or(&[][..], |plan| &plan.hosts);
        let mut first = planned.iter().chain(self.hosts.iter().take(HOSTS_SEARCHED_MAX));
        match first.find(|(host, _)| host.data == data) {
            Some((_, made)) => Some(*made),
            None => self.more_hosts.as_ref()?.get(&data.addr()).copied(),
        }
    }

    fn push_host_func(&mut self, host: HostFn, type_id: u32, params: u32, results: u32) -> u32 {
        let planned = self.plan.as_ref().map_or(0, |plan| plan.hosts.len());
        let index = (planned + self.hosts.len()) as u32;
        let (entry, code) = (core::ptr::null(), &raw const NO_CODE.0);
        let record = FuncRecord { cx: null_mut(), entry, code, type_id, index, params, results };
        let made = self.push_func(record);
        self.hosts.push((host, made));
        made
    }
}

/// Runs a closure of type `F`.
///
/// # Safety
///
/// `data` is a `Closure<F>`; `context` is that of a store which is entered, `cx` that of the calling
/// instance or null; the slots are as many as the closure is given, and nobody else uses them.
unsafe extern "C" fn run<F>(
    data: *const (),
    context: *mut StoreContext,
    cx: *mut VmContext,
    slots: *mut u64,
) -> u32
where
    F: Fn(HostCall<'_>) -> Result<(), HostFailure>,
{
    // SAFETY: the caller's promise; so for all below.
    let closure = unsafe { &*data.cast::<Closure<F>>() };
    // SAFETY: as above.
    let call = unsafe { call_of((context, cx), (slots, closure.slots)) };
    // SAFETY: as above; the closure has returned.
    unsafe { end(context, (closure.func)(call)) }
}

/// As [`run`], of a function with data of its own.
///
/// # Safety
///
/// As for [`run`], but that `data` is a `Bound<D>` with a `Closure<F>`.
unsafe extern "C" fn run_bound<F, D>(
    data: *const (),
    context: *mut StoreContext,
    cx: *mut VmContext,
    slots: *mut u64,
) -> u32
where
    F: Fn(HostCall<'_>, &D) -> Result<(), HostFailure>,
{
    // SAFETY: the caller's promise; so for all below.
    let bound = unsafe { &*data.cast::<Bound<D>>() };
    // SAFETY: as above.
    let closure = unsafe { &*bound.closure.cast::<Closure<F>>() };
    // SAFETY: as above.
    let call = unsafe { call_of((context, cx), (slots, closure.slots)) };
    // SAFETY: as above; the closure has returned.
    unsafe { end(context, (closure.func)(call, &bound.data)) }
}

/// A call as the embedder sees it.
///
/// # Safety
///
/// As for [`run`].
#[inline(always)]
unsafe fn call_of<'a>(
    (context, cx): (*mut StoreContext, *mut VmContext),
    (slots, len): (*mut u64, usize),
) -> HostCall<'a> {
    // SAFETY: the caller's promise; so for all below.
    let slots = unsafe { core::slice::from_raw_parts_mut(slots, len) };
    // SAFETY: as above.
    let owner = unsafe { (*context).owner };
    // SAFETY: as above.
    let caller = if cx.is_null() { None } else { Some(unsafe { (*cx).instance }) };
    HostCall { owner, caller, slots }
}

/// The status of a call that has come to this.
///
/// # Safety
///
/// The store of the context is entered, and nobody else uses it.
#[inline(always)]
unsafe fn end(context: *mut StoreContext, result: Result<(), HostFailure>) -> u32 {
    match result {
        // A guest that this one called may have shown a defect of ours, whatever the host made of it.
        // SAFETY: the caller's promise.
        Ok(()) => u32::from(unsafe { &*(*context).store }.bug().is_some()),
        Err(failure) => {
            // SAFETY: as above.
            unsafe { note(context, failure) };
            1
        }
    }
}

/// # Safety
///
/// The store of the context is entered, and nobody else uses it.
#[cold]
#[inline(never)]
unsafe fn note(context: *mut StoreContext, failure: HostFailure) {
    // SAFETY: the caller's promise.
    let store = unsafe { &mut *(*context).store };
    match failure.downcast::<Thrown>() {
        // SAFETY: as above.
        Ok(thrown) => unsafe { (*context).exception = thrown.0 },
        Err(failure) => store.note_failure(failure),
    }
}

/// What stands for the code where no compiled code would call it.
#[cfg(not(feature = "native"))]
pub(crate) unsafe extern "C" fn nobody(
    _data: *const (),
    _context: *mut StoreContext,
    _cx: *mut VmContext,
    _slots: *mut u64,
) -> u32 {
    1
}

/// Calls a host function.
///
/// # Errors
///
/// [`Stop::Host`] if the function fails; the store has noted how. [`Stop::Exception`] if it throws.
///
/// # Safety
///
/// `cx` is the context of the calling instance, which is running, or null if the host calls; `context`
/// is its store's context, and the store is entered; `slots` are as many as the function's lists need, and
/// nobody else's; from `top` on, the value stack is free.
#[inline]
pub(crate) unsafe fn call(
    (code, data): (HostCode, *const ()),
    context: *mut StoreContext,
    cx: *mut VmContext,
    slots: *mut u64,
    top: *mut u64,
) -> Result<(), Stop> {
    // SAFETY: the caller's promise; activations that the host enters begin at `top`.
    let before = unsafe { core::mem::replace(&mut (*context).stack_top, top) };
    // SAFETY: the caller's promise.
    let status = unsafe { code(data, context, cx, slots) };
    // SAFETY: as above.
    unsafe { (*context).stack_top = before };
    match status {
        0 => Ok(()),
        // SAFETY: as above.
        _ if unsafe { (*context).exception } != 0 => Err(Stop::Exception),
        _ => Err(Stop::Host),
    }
}
