//! Types of Rust as types of components: what makes calls that look at no types.
//!
//! A type says how large it is and lifts and lowers itself, so that the compiler makes one function of each signature.
//! That it agrees with the component's type is checked once, when a function is asked for or linked.

use crate::abi::lift::{Cx, From};
use crate::abi::lower::To;
use crate::abi::side::{Peer, Side};
use crate::call::{WORDS, params_area};
use crate::func::{Func, HostCode, Lifted, lifted, result_area};
use crate::guest;
use crate::state::state;
use crate::trap::usage;
use crate::types::{FuncType, Kind, Shape, TypeId, TypeTable, Var};
use dunlin::{AsContextMut, Result, StoreContextMut};
use std::any::TypeId as RustType;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

/// What of a component's types only a store knows.
pub struct Known<'a> {
    /// The type of Rust that stands for a resource type of the host's.
    pub(crate) host: &'a dyn Fn(Var) -> Option<RustType>,
    /// Where it is noted which types of Rust stand for resource types of guests; nowhere for functions of the host's.
    pub(crate) guests: Option<&'a RefCell<Vec<(RustType, Var)>>>,
}

/// How large values of a type are.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub(crate) size: u32,
    pub(crate) align: u32,
    pub(crate) flat: u32,
}

/// A type of Rust that stands for a type of components. This crate implements it; see the [crate's head](crate) for
/// which types there are.
pub trait ComponentType {
    #[doc(hidden)]
    const LAYOUT: Layout;

    #[doc(hidden)]
    fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()>;
}

/// A type whose values come out of components.
pub trait Lift: ComponentType + Sized {
    #[doc(hidden)]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self>;

    /// Lifts elements that lie in memory, which have been checked.
    #[doc(hidden)]
    fn lift_list<T: 'static>(cx: &mut Cx<'_, '_, T>, pointer: u32, len: u32) -> Result<Vec<Self>> {
        let size = Self::LAYOUT.size;
        (0..len).map(|at| Self::lift(cx, From::Memory(pointer + at * size))).collect()
    }
}

/// A type whose values go into components.
pub trait Lower: ComponentType {
    #[doc(hidden)]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()>;

    /// Lowers elements to memory that has been allocated.
    #[doc(hidden)]
    fn lower_list<T: 'static>(list: &[Self], cx: &mut Cx<'_, '_, T>, pointer: u32) -> Result<()>
    where
        Self: Sized,
    {
        let size = Self::LAYOUT.size;
        (0..).zip(list).try_for_each(|(at, value): (u32, &Self)| {
            value.lower(cx, &mut To::Memory(pointer.wrapping_add(at.wrapping_mul(size))))
        })
    }
}

/// Refuses a type that is not what the component says.
#[cold]
pub(crate) fn refuse<R>(types: &TypeTable, ty: TypeId, given: &str) -> Result<R> {
    let wanted = types.node(ty).kind.name();
    Err(usage(format_args!("type mismatch: the component has {wanted}, and Rust {given}")))
}

/// The parameters of a function, as a tuple.
pub trait Params {
    #[doc(hidden)]
    fn check(types: &TypeTable, ty: &FuncType, known: &Known<'_>) -> Result<()>;
}

/// Parameters that go into a component.
pub trait LowerParams: Params {
    #[doc(hidden)]
    fn lower<T: 'static>(
        &self,
        cx: &mut Cx<'_, '_, T>,
        ty: &FuncType,
        words: &mut [u64; WORDS],
    ) -> Result<()>;
}

/// Parameters that come out of a component.
pub trait LiftParams: Params + Sized {
    #[doc(hidden)]
    fn lift<T: 'static>(
        cx: &mut Cx<'_, '_, T>,
        ty: &FuncType,
        shape: Shape,
        words: &[u64],
    ) -> Result<Self>;
}

/// The result of a function: a type, or `()`.
pub trait Results {
    #[doc(hidden)]
    fn check(types: &TypeTable, ty: &FuncType, known: &Known<'_>) -> Result<()>;
}

/// A result that comes out of a component.
pub trait LiftResults: Results + Sized {
    #[doc(hidden)]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, ty: &FuncType, words: &[u64]) -> Result<Self>;
}

/// A result that goes into a component.
pub trait LowerResults: Results {
    #[doc(hidden)]
    fn lower<T: 'static>(
        &self,
        cx: &mut Cx<'_, '_, T>,
        ty: &FuncType,
        shape: Shape,
        words: &mut [u64],
    ) -> Result<()>;
}

impl Results for () {
    fn check(types: &TypeTable, ty: &FuncType, _: &Known<'_>) -> Result<()> {
        ty.result.map_or(Ok(()), |result| refuse(types, result, "no result"))
    }
}

impl LiftResults for () {
    fn lift<T: 'static>(_: &mut Cx<'_, '_, T>, _: &FuncType, _: &[u64]) -> Result<Self> {
        Ok(())
    }
}

impl LowerResults for () {
    fn lower<T: 'static>(
        &self,
        _: &mut Cx<'_, '_, T>,
        _: &FuncType,
        _: Shape,
        _: &mut [u64],
    ) -> Result<()> {
        Ok(())
    }
}

impl<R: ComponentType> Results for R {
    fn check(types: &TypeTable, ty: &FuncType, known: &Known<'_>) -> Result<()> {
        match ty.result {
            Some(result) => R::check(types, result, known),
            None => Err(usage("type mismatch: the function has no result")),
        }
    }
}

impl<R: Lift> LiftResults for R {
    #[inline]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, ty: &FuncType, words: &[u64]) -> Result<Self> {
        if !ty.result_in_memory {
            return R::lift(cx, From::Flat(words));
        }
        let pointer = words.first().copied().unwrap_or(0) as u32;
        let range = (pointer, u64::from(R::LAYOUT.size));
        cx.side.range(cx.store, range, R::LAYOUT.align, Peer::Host)?;
        R::lift(cx, From::Memory(pointer))
    }
}

impl<R: Lower> LowerResults for R {
    #[inline]
    fn lower<T: 'static>(
        &self,
        cx: &mut Cx<'_, '_, T>,
        ty: &FuncType,
        shape: Shape,
        words: &mut [u64],
    ) -> Result<()> {
        if !shape.result_in_memory {
            return Lower::lower(self, cx, &mut To::Flat(words));
        }
        let place = result_area(cx, ty, shape, words)?;
        Lower::lower(self, cx, &mut To::Memory(place))
    }
}

macro_rules! params {
    ($(($($index:tt $name:ident)*))*) => {$(
        impl<$($name: ComponentType),*> Params for ($($name,)*) {
            fn check(types: &TypeTable, ty: &FuncType, known: &Known<'_>) -> Result<()> {
                let given: &[&str] = &[$(stringify!($name)),*];
                if given.len() != ty.params.len() {
                    let (wanted, given) = (ty.params.len(), given.len());
                    let what = format_args!("the function has {wanted} parameters, not {given}");
                    return Err(usage(what));
                }
                $($name::check(types, ty.params[$index].ty, known)?;)*
                let _ = (types, known);
                Ok(())
            }
        }

        impl<$($name: Lower),*> LowerParams for ($($name,)*) {
            #[inline]
            fn lower<T: 'static>(
                &self,
                cx: &mut Cx<'_, '_, T>,
                ty: &FuncType,
                words: &mut [u64; WORDS],
            ) -> Result<()> {
                if ty.flat_params.is_none() {
                    let (size, align) = (ty.params_size, ty.params_align);
                    let pointer = cx.side.allocate(cx.store, align, size, Peer::Host)?;
                    $(self.$index.lower(cx, &mut To::Memory(pointer + ty.params[$index].offset))?;)*
                    words[0] = pointer.into();
                    return Ok(());
                }
                $(self.$index.lower(cx, &mut To::Flat(&mut words[ty.params[$index].slot as usize..]))?;)*
                Ok(())
            }
        }

        impl<$($name: Lift),*> LiftParams for ($($name,)*) {
            #[inline]
            fn lift<T: 'static>(
                cx: &mut Cx<'_, '_, T>,
                ty: &FuncType,
                shape: Shape,
                words: &[u64],
            ) -> Result<Self> {
                if shape.params_in_memory {
                    let pointer = words.first().copied().unwrap_or(0) as u32;
                    params_area(cx, pointer, ty)?;
                    return Ok(($($name::lift(cx, From::Memory(pointer + ty.params[$index].offset))?,)*));
                }
                Ok(($($name::lift(cx, From::Flat(words.get(ty.params[$index].slot as usize..).unwrap_or_default()))?,)*))
            }
        }
    )*};
}

params! {
    ()
    (0 A)
    (0 A 1 B)
    (0 A 1 B 2 C)
    (0 A 1 B 2 C 3 D)
    (0 A 1 B 2 C 3 D 4 E)
    (0 A 1 B 2 C 3 D 4 E 5 F)
    (0 A 1 B 2 C 3 D 4 E 5 F 6 G)
    (0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H)
    (0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I)
    (0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J)
    (0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K)
    (0 A 1 B 2 C 3 D 4 E 5 F 6 G 7 H 8 I 9 J 10 K 11 L)
}

/// A function whose parameters and result are types of Rust; see [`Func::typed`].
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Store};
/// use dunlin_component::{Component, Linker};
///
/// let engine = Engine::default();
/// // It gives back the bytes that it was given.
/// let component = Component::new(&engine, r#"
///     (component
///         (core module $m
///             (memory (export "memory") 1)
///             (global $at (mut i32) (i32.const 64))
///             (func (export "realloc") (param i32 i32 i32 i32) (result i32)
///                 (global.get $at)
///                 (global.set $at (i32.add (global.get $at) (local.get 3))))
///             (func (export "echo") (param i32 i32) (result i32)
///                 (i32.store (i32.const 0) (local.get 0))
///                 (i32.store (i32.const 4) (local.get 1))
///                 (i32.const 0)))
///         (core instance $i (instantiate $m))
///         (func (export "echo") (param "text" string) (result string)
///             (canon lift (core func $i "echo") (memory (core memory $i "memory"))
///                 (realloc (core func $i "realloc")))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
/// let echo = instance.get_typed_func::<(&str,), String>(&mut store, "echo")?;
/// assert_eq!(echo.call(&mut store, ("grüße",))?, "grüße");
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    /// Which types of Rust stand for resource types of guests in it, as the store has them listed.
    guests: Option<u32>,
    _types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)
    }
}

impl<P: Params, R: Results> TypedFunc<P, R> {
    pub(crate) fn new<T: 'static>(
        func: Func,
        lifted: &Lifted,
        store: &mut StoreContextMut<'_, T>,
    ) -> Result<Self> {
        let ty = lifted.ty.get();
        let guests = RefCell::default();
        with_known(store, &lifted.side, Some(&guests), |known| {
            P::check(&lifted.ty.types, ty, known)?;
            R::check(&lifted.ty.types, ty, known)
        })?;
        let guests = guest::note(store, &lifted.side, &guests.take())?;
        Ok(Self { func, guests, _types: PhantomData })
    }

    /// The same function with parameters that differ in nothing but how long they are borrowed.
    pub(crate) fn with_params<Q: Params>(self) -> TypedFunc<Q, R> {
        TypedFunc { func: self.func, guests: self.guests, _types: PhantomData }
    }

    /// The function without its types.
    #[must_use]
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Whether it is the same function in every store in which an [`InstancePre`](crate::InstancePre) makes its instance
    /// before anything else is made, this store being one of them: then it need not be looked for in the others.
    pub fn is_planned(&self, mut store: impl AsContextMut) -> bool {
        let planned = state(&mut store.as_context_mut()).planned;
        planned.id != 0 && planned.id == self.func.state && self.guests.is_none()
    }
}

impl<P: LowerParams, R: LiftResults> TypedFunc<P, R> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// If the function is one of another store, it traps, or a host function that it calls fails. An instance that has
    /// trapped cannot be called again.
    ///
    /// # Panics
    ///
    /// With the panic of a host function that it calls.
    pub fn call(&self, mut store: impl AsContextMut, params: P) -> Result<R> {
        let mut store = store.as_context_mut();
        let item = self.func.item(&mut store)?;
        let lifted = lifted(&item)?;
        let ty = lifted.ty.get();
        lifted.call_from_host(
            &mut store,
            |cx, words| {
                cx.guests = self.guests;
                params.lower(cx, ty, words)
            },
            |cx, words| {
                cx.guests = self.guests;
                R::lift(cx, ty, words)
            },
        )
    }
}

/// Runs something with what the store knows of a side's types.
pub(crate) fn with_known<T: 'static, R>(
    store: &mut StoreContextMut<'_, T>,
    side: &Side,
    guests: Option<&RefCell<Vec<(RustType, Var)>>>,
    run: impl FnOnce(&Known<'_>) -> R,
) -> R {
    let resources = &state(store).resources;
    let host = |var: Var| {
        let ty = side.resource(var).ok()?;
        Some(resources.get(ty.0 as usize)?.host?.1)
    };
    run(&Known { host: &host, guests })
}

/// A function of the host's whose types are types of Rust.
pub(crate) struct Wrapped<F, P, R> {
    func: F,
    _types: PhantomData<fn(P) -> R>,
}

impl<F, P, R> Wrapped<F, P, R> {
    pub(crate) fn new(func: F) -> Self {
        Self { func, _types: PhantomData }
    }
}

impl<T: 'static, F, P, R> HostCode<T> for Wrapped<F, P, R>
where
    F: Fn(StoreContextMut<'_, T>, P) -> Result<R> + Send + Sync + 'static,
    P: LiftParams + 'static,
    R: LowerResults + 'static,
{
    fn check(&self, types: &TypeTable, ty: &FuncType, known: &Known<'_>) -> Result<()> {
        P::check(types, ty, known)?;
        R::check(types, ty, known)
    }

    fn run(
        &self,
        cx: &mut Cx<'_, '_, T>,
        ty: &FuncType,
        shape: Shape,
        words: &mut [u64],
    ) -> Result<()> {
        let params = P::lift(cx, ty, shape, words)?;
        let result = (self.func)(cx.store.as_context_mut(), params)?;
        result.lower(cx, ty, shape, words)
    }
}

/// Whether a type is of a kind, for types that have but one.
pub(crate) fn check_kind(
    types: &TypeTable,
    ty: TypeId,
    given: &str,
    is: impl FnOnce(&Kind) -> bool,
) -> Result<()> {
    if is(&types.node(ty).kind) { Ok(()) } else { refuse(types, ty, given) }
}
