//! Resources of guests', whose types of Rust are known when the embedder's code is compiled.
//!
//! A type of Rust stands for another resource type in each instance of a component. Which it is is noted when a function is
//! given its types, and a call of that function looks it up: a guest that gives a handle of another type fails.

use crate::abi::lift::{Cx, From};
use crate::abi::lower::To;
use crate::abi::side::Side;
use crate::resource::{self, ResourceAny, ResourceTypeId};
use crate::state::state;
use crate::trap::{trap, usage};
use crate::typed::{ComponentType, Known, Layout, Lift, Lower, refuse};
use crate::types::{Kind, TypeId, TypeTable, Var};
use dunlin::{AsContextMut, Result, StoreContextMut};
use std::any::TypeId as RustType;
use std::fmt;
use std::marker::PhantomData;

/// A type of Rust and the resource type that it stands for.
pub(crate) type GuestType = (RustType, ResourceTypeId);

/// A resource of a guest's that the host owns. `R` stands for its type.
///
/// One that is not wanted any more must be given back with [`resource_drop`](Self::resource_drop), or passed to a guest:
/// dropping the value does nothing.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Store};
/// use dunlin_component::{Component, GuestBorrow, GuestResource, Linker};
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"
///     (component
///         (type $counter' (resource (rep i32)))
///         (export $counter "counter" (type $counter'))
///         (core func $new (canon resource.new $counter'))
///         (core module $m
///             (import "" "new" (func $new (param i32) (result i32)))
///             (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
///             (func (export "get") (param i32) (result i32) (local.get 0)))
///         (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
///         (func (export "make") (param "at" u32) (result (own $counter)) (canon lift (core func $i "make")))
///         (func (export "get") (param "self" (borrow $counter)) (result u32) (canon lift (core func $i "get"))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
///
/// /// Stands for the guest's type.
/// struct Counter;
/// let make = instance.get_typed_func::<(u32,), GuestResource<Counter>>(&mut store, "make")?;
/// let get = instance.get_typed_func::<(GuestBorrow<Counter>,), u32>(&mut store, "get")?;
/// let counter = make.call(&mut store, (42,))?;
/// assert_eq!(get.call(&mut store, (counter.lend(),))?, 42);
/// counter.resource_drop(&mut store)?;
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct GuestResource<R> {
    any: ResourceAny,
    _type: PhantomData<fn() -> R>,
}

/// A resource of a guest's that the host lends to one for the duration of a call; see [`GuestResource::lend`].
pub struct GuestBorrow<R> {
    any: ResourceAny,
    _type: PhantomData<fn() -> R>,
}

impl<R: 'static> GuestResource<R> {
    /// Lends it: a function whose parameter is a `borrow` of its type takes what this gives.
    #[must_use]
    pub fn lend(&self) -> GuestBorrow<R> {
        GuestBorrow { any: self.any, _type: PhantomData }
    }

    /// The resource as one whose type is known at run time.
    #[must_use]
    pub fn into_any(self) -> ResourceAny {
        self.any
    }

    /// Gives the resource up: the guest's destructor runs.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::resource_drop`].
    pub fn resource_drop(self, store: impl AsContextMut) -> Result<()> {
        self.any.resource_drop(store)
    }
}

macro_rules! debug {
    ($($name:ident)*) => {$(
        impl<R> fmt::Debug for $name<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.any).finish()
            }
        }
    )*};
}

debug! { GuestResource GuestBorrow }

/// Notes that a type of Rust stands for a resource type, if it is one of guests'.
fn check<R: 'static>(
    types: &TypeTable,
    ty: TypeId,
    known: &Known<'_>,
    var: Option<Var>,
) -> Result<()> {
    let Some(var) = var else { return refuse(types, ty, "a resource of a guest's") };
    if (known.host)(var).is_some() {
        return refuse(types, ty, "a resource of a guest's, and not of the host's");
    }
    let Some(guests) = known.guests else {
        return refuse(
            types,
            ty,
            "a resource of a guest's, which functions of the host's do not take",
        );
    };
    guests.borrow_mut().push((RustType::of::<R>(), var));
    Ok(())
}

/// Puts what was noted of a function's types on the store's list; where it is there.
pub(crate) fn note<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    side: &Side,
    noted: &[(RustType, Var)],
) -> Result<Option<u32>> {
    let mut found: Vec<GuestType> = Vec::new();
    for (rust, var) in noted {
        let ty = side.resource(*var)?;
        match found.iter().find(|(other, _)| other == rust) {
            Some((_, other)) if *other == ty => {}
            Some(_) => return Err(usage("one type of Rust stands for two resource types")),
            None => found.push((*rust, ty)),
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let guests = &mut state(store).guests;
    let known = guests.iter().position(|list| **list == *found);
    let at = known.unwrap_or_else(|| {
        guests.push(found.into());
        guests.len() - 1
    });
    Ok(Some(at as u32))
}

/// The resource type that this type of Rust stands for in a call.
fn guest_type<R: 'static, T: 'static>(cx: &mut Cx<'_, '_, T>) -> Result<ResourceTypeId> {
    let list = cx.guests.and_then(|at| state(cx.store).guests.get(at as usize));
    let found = list.and_then(|list| list.iter().find(|known| known.0 == RustType::of::<R>()));
    found.map(|known| known.1).ok_or_else(|| trap("a resource type is not bound"))
}

impl<R: 'static> ComponentType for GuestResource<R> {
    const LAYOUT: Layout = Layout { size: 4, align: 4, flat: 1 };

    fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
        let var = match &types.node(ty).kind {
            Kind::Own(var) => Some(*var),
            _ => None,
        };
        check::<R>(types, ty, known, var)
    }
}

impl<R: 'static> Lift for GuestResource<R> {
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
        let index = from.small(cx, 4)?;
        let ty = guest_type::<R, T>(cx)?;
        let any = resource::lift_to_host(cx.store, cx.side, index, ty, None)?;
        Ok(Self { any, _type: PhantomData })
    }
}

impl<R: 'static> Lower for GuestResource<R> {
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        let ty = guest_type::<R, T>(cx)?;
        let rep = resource::given_by_host(cx.store, &self.any, ty)?;
        let index = resource::lower_own(cx.store, cx.side.instance, rep, ty)?;
        to.number(cx, 4, index.into())
    }
}

impl<R: 'static> ComponentType for GuestBorrow<R> {
    const LAYOUT: Layout = Layout { size: 4, align: 4, flat: 1 };

    fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
        let var = match &types.node(ty).kind {
            Kind::Borrow(var) => Some(*var),
            _ => None,
        };
        check::<R>(types, ty, known, var)
    }
}

impl<R: 'static> Lower for GuestBorrow<R> {
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        let ty = guest_type::<R, T>(cx)?;
        let scope = cx.scope.ok_or_else(|| trap("nothing is lent by this call"))?;
        let rep = resource::lent_by_host(cx.store, &self.any, ty, scope)?;
        let index = resource::lower_borrow(cx.store, cx.side.instance, rep, ty, scope)?;
        to.number(cx, 4, index.into())
    }
}
