//! Resources: their types, the handles that guests hold, and those that the host holds.

use crate::abi::side::Side;
use crate::call;
use crate::handles::Handle;
use crate::state::{HOST, Scope, State, state};
use crate::trap::{contained, trap, usage};
use dunlin::{AsContextMut, NumericFunc, Result, StoreContextMut};
use std::any::TypeId as RustType;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A resource type of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ResourceTypeId(pub(crate) u32);

/// What a store knows of a resource type.
pub(crate) struct ResourceInfo<T: 'static> {
    /// The instance whose type it is; the host's number if the embedder defined it.
    pub(crate) owner: u32,
    pub(crate) destructor: Destructor<T>,
    /// Of a host's type: which definition it is, and the type of Rust that stands for it.
    pub(crate) host: Option<(u64, RustType)>,
}

/// What runs when a resource goes.
pub(crate) enum Destructor<T: 'static> {
    None,
    Guest(NumericFunc),
    Host(HostDestructor<T>),
}

impl<T: 'static> Clone for Destructor<T> {
    fn clone(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Guest(func) => Self::Guest(*func),
            Self::Host(func) => Self::Host(func.clone()),
        }
    }
}

/// What the embedder does when a resource of its own goes.
pub(crate) type HostDestructor<T> =
    Arc<dyn Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync>;

/// A resource whose type is known at run time: a guest's, or the host's.
///
/// It is owned by the host, or lent to it for as long as a call lasts. A resource that is owned and not wanted any more
/// must be given back with [`resource_drop`](Self::resource_drop), or passed to a guest: dropping the value does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceAny {
    pub(crate) state: u64,
    pub(crate) ty: ResourceTypeId,
    pub(crate) held: Held,
}

/// How the host holds a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// One of the host's own, by what it knows it by.
    Own { rep: u32, owned: bool },
    /// A guest's, owned, by its index in the host's handles.
    Owned(u32),
    /// A guest's, lent by this call.
    Lent { rep: u32, scope: u64 },
}

impl ResourceAny {
    /// Whether the host owns it.
    #[must_use]
    pub fn owned(&self) -> bool {
        matches!(self.held, Held::Owned(_) | Held::Own { owned: true, .. })
    }

    /// Gives the resource up: its implementer's destructor runs if the host owned it.
    ///
    /// # Errors
    ///
    /// If it is one of another store or has been given up already, or the destructor fails.
    pub fn resource_drop(self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut();
        if state(&mut store).id != self.state {
            return Err(usage("the resource belongs to another store"));
        }
        let rep = match self.held {
            Held::Own { rep, owned: true } => rep,
            Held::Owned(index) => lift_own(&mut store, HOST, index, self.ty)?,
            Held::Lent { .. } | Held::Own { .. } => return Ok(()),
        };
        destroy(&mut store, HOST, self.ty, rep)
    }
}

/// A resource of the host's, which is given with ownership: a number, which the embedder's table knows.
///
/// Of resources of one type the host must tell which numbers it has given out: a
/// [`ResourceTable`](crate::ResourceTable) does that.
pub struct Resource<R> {
    rep: u32,
    _type: PhantomData<fn() -> R>,
}

/// A resource of the host's that is lent for the duration of a call; see [`Resource`].
pub struct Borrow<R> {
    rep: u32,
    _type: PhantomData<fn() -> R>,
}

macro_rules! resources {
    ($($name:ident)*) => {$(
        impl<R: 'static> $name<R> {
            /// The resource that the host knows by this number.
            #[must_use]
            pub fn new(rep: u32) -> Self {
                Self { rep, _type: PhantomData }
            }

            /// What the host knows it by.
            #[must_use]
            pub fn rep(&self) -> u32 {
                self.rep
            }
        }

        impl<R> fmt::Debug for $name<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.rep).finish()
            }
        }
    )*};
}

resources! { Resource Borrow }

/// Takes a handle that is owned out of an instance's table; what its implementer knows the resource by.
pub(crate) fn lift_own<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    index: u32,
    ty: ResourceTypeId,
) -> Result<u32> {
    let handles = &mut state(store).instances[instance as usize].handles;
    let handle = handles.get(index, ty)?;
    if handle.scope.is_some() {
        return Err(trap("cannot lift own resource from a borrow"));
    }
    Ok(handles.remove(index, ty)?.rep)
}

/// Puts a handle that is owned into an instance's table.
pub(crate) fn lower_own<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    rep: u32,
    ty: ResourceTypeId,
) -> Result<u32> {
    let handle = Handle { ty, rep, scope: None, lends: 0 };
    state(store).instances[instance as usize].handles.add(handle)
}

/// Lends a handle for the duration of a call.
pub(crate) fn lift_borrow<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    index: u32,
    ty: ResourceTypeId,
    scope: u32,
) -> Result<u32> {
    let state = state(store);
    let handle = state.instances[instance as usize].handles.get(index, ty)?;
    handle.lends += 1;
    let rep = handle.rep;
    if let Some(scope) = state.scopes.get_mut(scope as usize) {
        scope.lent.push((instance, index));
    }
    Ok(rep)
}

/// Puts a handle that is borrowed into an instance's table; the implementer of the resource gets what it knows it by.
pub(crate) fn lower_borrow<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    rep: u32,
    ty: ResourceTypeId,
    scope: u32,
) -> Result<u32> {
    let state = state(store);
    if state.resources[ty.0 as usize].owner == instance {
        return Ok(rep);
    }
    let handle = Handle { ty, rep, scope: Some(scope), lends: 0 };
    let index = state.instances[instance as usize].handles.add(handle)?;
    if let Some(scope) = state.scopes.get_mut(scope as usize) {
        scope.borrowed += 1;
    }
    Ok(index)
}

/// Begins a call that lends handles.
pub(crate) fn begin_scope<T: 'static>(store: &mut StoreContextMut<'_, T>) -> u32 {
    let state = state(store);
    state.scopes_made += 1;
    state.scopes.push(Scope { number: state.scopes_made, ..Scope::default() });
    (state.scopes.len() - 1) as u32
}

/// Checks that a callee has dropped what was lent to it.
pub(crate) fn check_scope<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    scope: u32,
) -> Result<()> {
    match state(store).scopes.get(scope as usize) {
        Some(scope) if scope.borrowed > 0 => {
            Err(trap("borrow handles still remain at the end of the call"))
        }
        _ => Ok(()),
    }
}

/// Ends a call that lends handles, and those in it that failed.
pub(crate) fn end_scope<T: 'static>(store: &mut StoreContextMut<'_, T>, scope: u32) {
    let State { scopes, instances, .. } = state(store);
    for ended in scopes.drain(scope as usize..) {
        for (instance, index) in ended.lent {
            instances[instance as usize].handles.end_loan(index);
        }
    }
}

/// `resource.drop`: an instance gives a handle up.
pub(crate) fn drop_handle<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: u32,
    index: u32,
    ty: ResourceTypeId,
) -> Result<()> {
    let state = state(store);
    let handle = state.instances[instance as usize].handles.remove(index, ty)?;
    match handle.scope {
        Some(scope) => {
            if let Some(scope) = state.scopes.get_mut(scope as usize) {
                scope.borrowed = scope.borrowed.saturating_sub(1);
            }
            Ok(())
        }
        None => destroy(store, instance, ty, handle.rep),
    }
}

/// Runs the destructor of a resource that `caller` owned.
fn destroy<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    caller: u32,
    ty: ResourceTypeId,
    rep: u32,
) -> Result<()> {
    let info = &state(store).resources[ty.0 as usize];
    let owner = info.owner;
    match info.destructor.clone() {
        Destructor::Host(destructor) => destructor(store.as_context_mut(), rep),
        // The call is one, and checked, also if there is nothing to do.
        Destructor::None if owner == HOST => Ok(()),
        Destructor::None => call::within(store, caller, owner, |_| Ok(())),
        Destructor::Guest(destructor) => call::within(store, caller, owner, |store| {
            destructor.call(store.as_context_mut(), &mut [rep.into()]).map_err(contained)
        }),
    }
}

/// What a handle of a guest's is to the host that it is given to.
pub(crate) fn lift_to_host<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    side: &Side,
    index: u32,
    ty: ResourceTypeId,
    lent_by: Option<u32>,
) -> Result<ResourceAny> {
    let rep = match lent_by {
        None => lift_own(store, side.instance, index, ty)?,
        Some(scope) => lift_borrow(store, side.instance, index, ty, scope)?,
    };
    let is_host = state(store).resources[ty.0 as usize].owner == HOST;
    let held = match lent_by {
        _ if is_host => Held::Own { rep, owned: lent_by.is_none() },
        None => Held::Owned(lower_own(store, HOST, rep, ty)?),
        Some(scope) => {
            let scope = state(store).scopes.get(scope as usize).map_or(0, |scope| scope.number);
            Held::Lent { rep, scope }
        }
    };
    Ok(ResourceAny { state: state(store).id, ty, held })
}

/// What a resource that the host gives away is to its new owner: what the implementer knows it by.
pub(crate) fn given_by_host<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    resource: &ResourceAny,
    ty: ResourceTypeId,
) -> Result<u32> {
    check_host(store, resource, ty)?;
    match resource.held {
        Held::Own { rep, owned: true } => Ok(rep),
        Held::Owned(index) => lift_own(store, HOST, index, ty),
        _ => Err(usage("a resource that is only lent cannot be given away")),
    }
}

/// What a resource that the host lends is to the callee.
pub(crate) fn lent_by_host<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    resource: &ResourceAny,
    ty: ResourceTypeId,
    scope: u32,
) -> Result<u32> {
    check_host(store, resource, ty)?;
    match resource.held {
        Held::Own { rep, .. } => Ok(rep),
        Held::Owned(index) => lift_borrow(store, HOST, index, ty, scope),
        Held::Lent { rep, scope } => {
            let lasts = state(store).scopes.iter().any(|open| open.number == scope);
            if lasts { Ok(rep) } else { Err(usage("the call that lent the resource has ended")) }
        }
    }
}

fn check_host<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    resource: &ResourceAny,
    ty: ResourceTypeId,
) -> Result<()> {
    if state(store).id != resource.state {
        return Err(usage("the resource belongs to another store"));
    }
    if resource.ty != ty {
        return Err(usage("the resource is of another type"));
    }
    Ok(())
}
