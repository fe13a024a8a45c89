//! Which types of Rust stand for which types of components.

use crate::abi::fuse::{check_case, check_char};
use crate::abi::lift::{Cx, From, one_nan32, one_nan64};
use crate::abi::lower::To;
use crate::abi::side::Peer;
use crate::resource::{self, Borrow, Held, Resource, ResourceAny, ResourceTypeId};
use crate::state::state;
use crate::trap::{trap, usage};
use crate::typed::{ComponentType, Known, Layout, Lift, Lower, check_kind, refuse};
use crate::types::{Kind, TypeId, TypeTable};
use dunlin::Result;
use std::any::TypeId as RustType;
use std::sync::Arc;

macro_rules! numbers {
    ($($ty:ident $kind:ident $size:literal, $number:ident => $lift:expr, $value:ident => $lower:expr;)*) => {$(
        impl ComponentType for $ty {
            const LAYOUT: Layout = Layout { size: $size, align: $size, flat: 1 };

            fn check(types: &TypeTable, ty: TypeId, _: &Known<'_>) -> Result<()> {
                check_kind(types, ty, stringify!($ty), |kind| matches!(kind, Kind::$kind))
            }
        }

        impl Lift for $ty {
            #[inline]
            fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
                let $number = from.number(cx, $size)?;
                Ok($lift)
            }

            fn lift_list<T: 'static>(
                cx: &mut Cx<'_, '_, T>,
                pointer: u32,
                len: u32,
            ) -> Result<Vec<Self>> {
                let bytes = len as usize * $size;
                let range = pointer as usize..pointer as usize + bytes;
                let bytes = cx.side.slice(cx.store, range)?;
                Ok(bytes.chunks_exact($size).map(|bytes| {
                    let mut word = [0; 8];
                    word[..$size].copy_from_slice(bytes);
                    let $number = u64::from_le_bytes(word);
                    $lift
                }).collect())
            }
        }

        impl Lower for $ty {
            #[inline]
            fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
                let $value = *self;
                to.number(cx, $size, $lower)
            }

            fn lower_list<T: 'static>(
                list: &[Self],
                cx: &mut Cx<'_, '_, T>,
                pointer: u32,
            ) -> Result<()> {
                let range = pointer as usize..pointer as usize + list.len() * $size;
                let target = cx.side.slice_mut(cx.store, range)?;
                for (place, $value) in target.chunks_exact_mut($size).zip(list) {
                    let $value = *$value;
                    let number: u64 = $lower;
                    place.copy_from_slice(&number.to_le_bytes()[..$size]);
                }
                Ok(())
            }
        }
    )*};
}

numbers! {
    u8 U8 1, number => number as u8, value => value.into();
    u16 U16 2, number => number as u16, value => value.into();
    u32 U32 4, number => number as u32, value => value.into();
    u64 U64 8, number => number, value => value;
    i8 S8 1, number => number as i8, value => i32::from(value).cast_unsigned().into();
    i16 S16 2, number => number as i16, value => i32::from(value).cast_unsigned().into();
    i32 S32 4, number => number as i32, value => value.cast_unsigned().into();
    i64 S64 8, number => number.cast_signed(), value => value.cast_unsigned();
    f32 F32 4, number => one_nan32(number as u32), value => one_nan32(value.to_bits()).to_bits().into();
    f64 F64 8, number => one_nan64(number), value => one_nan64(value.to_bits()).to_bits();
}

impl ComponentType for bool {
    const LAYOUT: Layout = Layout { size: 1, align: 1, flat: 1 };

    fn check(types: &TypeTable, ty: TypeId, _: &Known<'_>) -> Result<()> {
        check_kind(types, ty, "bool", |kind| matches!(kind, Kind::Bool))
    }
}

impl Lift for bool {
    #[inline]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
        Ok(from.small(cx, 1)? != 0)
    }
}

impl Lower for bool {
    #[inline]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        to.number(cx, 1, u64::from(*self))
    }
}

impl ComponentType for char {
    const LAYOUT: Layout = Layout { size: 4, align: 4, flat: 1 };

    fn check(types: &TypeTable, ty: TypeId, _: &Known<'_>) -> Result<()> {
        check_kind(types, ty, "char", |kind| matches!(kind, Kind::Char))
    }
}

impl Lift for char {
    #[inline]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
        check_char(from.small(cx, 4)?)
    }
}

impl Lower for char {
    #[inline]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        to.number(cx, 4, u32::from(*self).into())
    }
}

/// A pointer and a length.
const RANGE: Layout = Layout { size: 8, align: 4, flat: 2 };

macro_rules! texts {
    ($($ty:ty)*) => {$(
        impl ComponentType for $ty {
            const LAYOUT: Layout = RANGE;

            fn check(types: &TypeTable, ty: TypeId, _: &Known<'_>) -> Result<()> {
                check_kind(types, ty, "a string", |kind| matches!(kind, Kind::String))
            }
        }

        impl Lower for $ty {
            fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
                let pair = cx.lower_string(self)?;
                cx.lower_pair(pair, to)
            }
        }
    )*};
}

texts! { String str Arc<str> }

impl Lift for String {
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
        let pair = cx.pair(from)?;
        cx.lift_string(pair)
    }
}

impl<R: ComponentType + ?Sized> ComponentType for &R {
    const LAYOUT: Layout = R::LAYOUT;

    fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
        R::check(types, ty, known)
    }
}

impl<R: Lower + ?Sized> Lower for &R {
    #[inline]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        R::lower(self, cx, to)
    }
}

macro_rules! lists {
    ($($ty:ty)*) => {$(
        impl<R: ComponentType> ComponentType for $ty {
            const LAYOUT: Layout = RANGE;

            fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
                match &types.node(ty).kind {
                    Kind::List(element) => R::check(types, *element, known),
                    _ => refuse(types, ty, "a list"),
                }
            }
        }

        impl<R: Lower> Lower for $ty {
            fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
                let pointer = cx.allocate_list(self.len(), R::LAYOUT.size, R::LAYOUT.align)?;
                R::lower_list(self, cx, pointer)?;
                cx.lower_pair((pointer, self.len() as u32), to)
            }
        }
    )*};
}

lists! { Vec<R> [R] }

impl<R: Lift> Lift for Vec<R> {
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
        let (pointer, len) = cx.pair(from)?;
        let layout = R::LAYOUT;
        cx.side.list(cx.store, (pointer, len), (layout.size, layout.align), Peer::Host)?;
        cx.spend((len as usize).saturating_mul(size_of::<R>()))?;
        R::lift_list(cx, pointer, len)
    }
}

const fn larger(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

/// The layout of a variant of at most 256 cases, given that of what is largest in each way of its payloads.
const fn variant(payload: Layout) -> Layout {
    let size = payload.align + payload.size;
    Layout {
        size: size.next_multiple_of(payload.align),
        align: payload.align,
        flat: payload.flat + 1,
    }
}

impl<R: ComponentType> ComponentType for Option<R> {
    const LAYOUT: Layout = variant(R::LAYOUT);

    fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
        match &types.node(ty).kind {
            Kind::Option(cases) => match cases.cases[1].ty {
                Some(some) => R::check(types, some, known),
                None => refuse(types, ty, "an option"),
            },
            _ => refuse(types, ty, "an option"),
        }
    }
}

impl<R: Lift> Lift for Option<R> {
    #[inline]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
        let case = from.small(cx, 1)?;
        check_case(case, 2)?;
        if case == 0 {
            return Ok(None);
        }
        R::lift(cx, from.part(R::LAYOUT.align, 1)).map(Some)
    }
}

impl<R: Lower> Lower for Option<R> {
    #[inline]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        to.number(cx, 1, u64::from(self.is_some()))?;
        match self {
            Some(value) => value.lower(cx, &mut to.part(R::LAYOUT.align, 1)),
            None => Ok(()),
        }
    }
}

/// A payload of `result`: a type, or `()` for none.
pub trait Payload: Sized {
    #[doc(hidden)]
    const LAYOUT: Layout;
    #[doc(hidden)]
    fn check(types: &TypeTable, whole: TypeId, ty: Option<TypeId>, known: &Known<'_>)
    -> Result<()>;
}

/// A payload that comes out of a component.
pub trait LiftPayload: Payload {
    #[doc(hidden)]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self>;
}

/// A payload that goes into a component.
pub trait LowerPayload: Payload {
    #[doc(hidden)]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()>;
}

impl Payload for () {
    const LAYOUT: Layout = Layout { size: 0, align: 1, flat: 0 };

    fn check(types: &TypeTable, whole: TypeId, ty: Option<TypeId>, _: &Known<'_>) -> Result<()> {
        if ty.is_none() { Ok(()) } else { refuse(types, whole, "a result without this payload") }
    }
}

impl LiftPayload for () {
    fn lift<T: 'static>(_: &mut Cx<'_, '_, T>, _: From<'_>) -> Result<Self> {
        Ok(())
    }
}

impl LowerPayload for () {
    fn lower<T: 'static>(&self, _: &mut Cx<'_, '_, T>, _: &mut To<'_>) -> Result<()> {
        Ok(())
    }
}

impl<R: ComponentType> Payload for R {
    const LAYOUT: Layout = R::LAYOUT;

    fn check(
        types: &TypeTable,
        whole: TypeId,
        ty: Option<TypeId>,
        known: &Known<'_>,
    ) -> Result<()> {
        match ty {
            Some(ty) => R::check(types, ty, known),
            None => refuse(types, whole, "a result with this payload"),
        }
    }
}

impl<R: Lift> LiftPayload for R {
    #[inline]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
        Lift::lift(cx, from)
    }
}

impl<R: Lower> LowerPayload for R {
    #[inline]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        Lower::lower(self, cx, to)
    }
}

/// What is largest in each way of two payloads.
pub(crate) const fn largest(a: Layout, b: Layout) -> Layout {
    Layout {
        size: larger(a.size, b.size),
        align: larger(a.align, b.align),
        flat: larger(a.flat, b.flat),
    }
}

impl<A: Payload, B: Payload> ComponentType for Result<A, B> {
    const LAYOUT: Layout = variant(largest(A::LAYOUT, B::LAYOUT));

    fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
        let Kind::Result(cases) = &types.node(ty).kind else {
            return refuse(types, ty, "a result");
        };
        A::check(types, ty, cases.cases[0].ty, known)?;
        B::check(types, ty, cases.cases[1].ty, known)
    }
}

impl<A: LiftPayload, B: LiftPayload> Lift for Result<A, B> {
    #[inline]
    fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> dunlin::Result<Self> {
        let case = from.small(cx, 1)?;
        check_case(case, 2)?;
        let payload = from.part(<Self as ComponentType>::LAYOUT.align, 1);
        Ok(if case == 0 { Ok(A::lift(cx, payload)?) } else { Err(B::lift(cx, payload)?) })
    }
}

impl<A: LowerPayload, B: LowerPayload> Lower for Result<A, B> {
    #[inline]
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> dunlin::Result<()> {
        to.number(cx, 1, u64::from(self.is_err()))?;
        let mut payload = to.part(<Self as ComponentType>::LAYOUT.align, 1);
        match self {
            Ok(value) => value.lower(cx, &mut payload),
            Err(value) => value.lower(cx, &mut payload),
        }
    }
}

/// Where the parts of a tuple lie.
pub const fn places<const N: usize>(parts: [Layout; N]) -> ([(u32, u32); N], Layout) {
    let mut places = [(0, 0); N];
    let mut whole = Layout { size: 0, align: 1, flat: 0 };
    let mut at = 0;
    while at < N {
        let offset = whole.size.next_multiple_of(parts[at].align);
        places[at] = (offset, whole.flat);
        whole.size = offset + parts[at].size;
        whole.align = larger(whole.align, parts[at].align);
        whole.flat += parts[at].flat;
        at += 1;
    }
    whole.size = whole.size.next_multiple_of(whole.align);
    (places, whole)
}

macro_rules! tuples {
    ($(($($index:tt $name:ident)*))*) => {$(
        impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
            const LAYOUT: Layout = places([$($name::LAYOUT),*]).1;

            fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
                let given: &[&str] = &[$(stringify!($name)),*];
                match &types.node(ty).kind {
                    Kind::Tuple(fields) if fields.len() == given.len() => {
                        $($name::check(types, fields[$index].ty, known)?;)*
                        Ok(())
                    }
                    _ => refuse(types, ty, "a tuple"),
                }
            }
        }

        impl<$($name: Lift),*> Lift for ($($name,)*) {
            #[inline]
            fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
                let places = const { places([$($name::LAYOUT),*]).0 };
                Ok(($($name::lift(cx, from.part(places[$index].0, places[$index].1))?,)*))
            }
        }

        impl<$($name: Lower),*> Lower for ($($name,)*) {
            #[inline]
            fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
                let places = const { places([$($name::LAYOUT),*]).0 };
                $(self.$index.lower(cx, &mut to.part(places[$index].0, places[$index].1))?;)*
                Ok(())
            }
        }
    )*};
}

tuples! {
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

/// The resource type of a call's that this type of Rust stands for.
fn resource_type<R: 'static, T: 'static>(cx: &mut Cx<'_, '_, T>) -> Result<ResourceTypeId> {
    let resources = &state(cx.store).resources;
    let is = |ty: &ResourceTypeId| {
        let host = resources.get(ty.0 as usize).and_then(|info| info.host);
        host.is_some_and(|host| host.1 == RustType::of::<R>())
    };
    let found = cx.side.resources.iter().map(|bound| bound.1).find(is);
    found.ok_or_else(|| trap("a resource type is not bound"))
}

macro_rules! handles {
    ($($name:ident $kind:ident $scope:expr;)*) => {$(
        impl<R: 'static> ComponentType for $name<R> {
            const LAYOUT: Layout = Layout { size: 4, align: 4, flat: 1 };

            fn check(types: &TypeTable, ty: TypeId, known: &Known<'_>) -> Result<()> {
                match &types.node(ty).kind {
                    Kind::$kind(var) if (known.host)(*var) == Some(RustType::of::<R>()) => Ok(()),
                    Kind::$kind(_) => Err(usage("type mismatch: another resource type")),
                    _ => refuse(types, ty, "a resource"),
                }
            }
        }

        impl<R: 'static> Lift for $name<R> {
            fn lift<T: 'static>(cx: &mut Cx<'_, '_, T>, from: From<'_>) -> Result<Self> {
                let index = from.small(cx, 4)?;
                let ty = resource_type::<R, T>(cx)?;
                let scope: fn(&Cx<'_, '_, T>) -> Option<u32> = $scope;
                let scope = scope(cx);
                let lifted = resource::lift_to_host(cx.store, cx.side, index, ty, scope)?;
                match lifted.held {
                    Held::Own { rep, .. } => Ok(Self::new(rep)),
                    _ => Err(trap("a resource is not the host's")),
                }
            }
        }
    )*};
}

handles! {
    Resource Own |_| None;
    Borrow Borrow |cx| cx.scope;
}

impl<R: 'static> Lower for Resource<R> {
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        let ty = resource_type::<R, T>(cx)?;
        let index = resource::lower_own(cx.store, cx.side.instance, self.rep(), ty)?;
        to.number(cx, 4, index.into())
    }
}

impl<R: 'static> Lower for Borrow<R> {
    fn lower<T: 'static>(&self, cx: &mut Cx<'_, '_, T>, to: &mut To<'_>) -> Result<()> {
        let ty = resource_type::<R, T>(cx)?;
        let scope = cx.scope.ok_or_else(|| trap("nothing is lent by this call"))?;
        let index = resource::lower_borrow(cx.store, cx.side.instance, self.rep(), ty, scope)?;
        to.number(cx, 4, index.into())
    }
}

impl<R: 'static> Resource<R> {
    /// The resource as a value whose type is known at run time, in the store whose components know its type.
    ///
    /// # Errors
    ///
    /// If no component in the store imports the type.
    pub fn into_any(self, mut store: impl dunlin::AsContextMut) -> Result<ResourceAny> {
        let mut store = store.as_context_mut();
        let state = state(&mut store);
        let is =
            |host: &Option<(u64, RustType)>| host.is_some_and(|host| host.1 == RustType::of::<R>());
        let found = state.resources.iter().position(|info| is(&info.host));
        let ty =
            found.ok_or_else(|| usage("no component in the store knows the resource's type"))?;
        let held = Held::Own { rep: self.rep(), owned: true };
        Ok(ResourceAny { state: state.id, ty: ResourceTypeId(ty as u32), held })
    }
}
