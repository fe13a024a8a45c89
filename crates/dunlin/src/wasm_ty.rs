//! Rust types as WebAssembly's: how the typed ways in and out of guests read and write slots.
//!
//! All of it is resolved when the embedder's code is compiled: a typed call moves values between
//! registers and slots and looks at no type.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::func::{Func, HostFunc, wrong_reference};
use crate::host;
use crate::refs::{AnyRef, ExternRef};
use crate::val::Home;
use dunlin_core::{FuncType, RefType, V128, ValType};

/// Slots that the longest typed list needs: 17 vectors.
pub(crate) const TYPED_SLOTS_MAX: usize = 34;

mod sealed {
    /// Only this crate knows how values lie in slots; a wrong answer would be a forged reference.
    pub trait Sealed {}
}

use sealed::Sealed;

/// A Rust type that is a value type of WebAssembly: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`,
/// [`V128`], `Option<Func>`, `Option<ExternRef>`, `Option<AnyRef>`.
pub trait WasmTy: Sealed + Copy + Send + 'static {
    /// The value type.
    const TYPE: ValType;
    #[doc(hidden)]
    const SLOTS: usize = if matches!(Self::TYPE, ValType::V128) { 2 } else { 1 };

    /// Whether the store at home may have the value.
    #[doc(hidden)]
    #[inline]
    fn is_of(self, _home: Home<'_>) -> bool {
        true
    }

    #[doc(hidden)]
    fn write(self, home: Home<'_>, slots: &mut [u64]);

    #[doc(hidden)]
    fn read(slots: &[u64], home: Home<'_>) -> Self;
}

macro_rules! numbers {
    ($($ty:ty = $valtype:ident, $value:ident => $write:expr, $slot:ident => $read:expr;)*) => {$(
        impl Sealed for $ty {}

        impl WasmTy for $ty {
            const TYPE: ValType = ValType::$valtype;

            #[inline]
            fn write(self, _home: Home<'_>, slots: &mut [u64]) {
                let $value = self;
                slots[0] = $write;
            }

            #[inline]
            fn read(slots: &[u64], _home: Home<'_>) -> Self {
                let $slot = slots[0];
                $read
            }
        }
    )*};
}

numbers! {
    i32 = I32, value => u64::from(value.cast_unsigned()), slot => (slot as u32).cast_signed();
    u32 = I32, value => u64::from(value), slot => slot as u32;
    i64 = I64, value => value.cast_unsigned(), slot => slot.cast_signed();
    u64 = I64, value => value, slot => slot;
    f32 = F32, value => u64::from(value.to_bits()), slot => f32::from_bits(slot as u32);
    f64 = F64, value => value.to_bits(), slot => f64::from_bits(slot);
}

impl Sealed for V128 {}

impl WasmTy for V128 {
    const TYPE: ValType = ValType::V128;

    #[inline]
    fn write(self, _home: Home<'_>, slots: &mut [u64]) {
        (slots[0], slots[1]) = self.halves();
    }

    #[inline]
    fn read(slots: &[u64], _home: Home<'_>) -> Self {
        Self::from_halves(slots[0], slots[1])
    }
}

impl Sealed for Option<Func> {}

impl WasmTy for Option<Func> {
    const TYPE: ValType = ValType::FUNCREF;

    #[inline]
    fn is_of(self, home: Home<'_>) -> bool {
        self.is_none_or(|func| func.is_of(home))
    }

    #[inline]
    fn write(self, home: Home<'_>, slots: &mut [u64]) {
        let found = self.and_then(|func| func.reference(home).ok());
        slots[0] = found.unwrap_or(0).into();
    }

    #[inline]
    fn read(slots: &[u64], home: Home<'_>) -> Self {
        Func::from_reference(home, slots[0] as u32)
    }
}

macro_rules! handles {
    ($($ty:ident = $valtype:expr;)*) => {$(
        impl Sealed for Option<$ty> {}

        impl WasmTy for Option<$ty> {
            const TYPE: ValType = $valtype;

            #[inline]
            fn is_of(self, home: Home<'_>) -> bool {
                self.is_none_or(|reference| reference.reference(home).is_ok())
            }

            #[inline]
            fn write(self, home: Home<'_>, slots: &mut [u64]) {
                let found = self.and_then(|reference| reference.reference(home).ok());
                slots[0] = found.unwrap_or(0).into();
            }

            #[inline]
            fn read(slots: &[u64], home: Home<'_>) -> Self {
                $ty::from_reference(home, slots[0] as u32)
            }
        }
    )*};
}

handles! {
    ExternRef = ValType::EXTERNREF;
    AnyRef = ValType::Ref(RefType::ANYREF);
}

/// A list of values in Rust's types: one [`WasmTy`], or a tuple of up to 17. Parameters of a
/// [`TypedFunc`](crate::TypedFunc) are one.
pub trait WasmParams: Sealed + Send {
    #[doc(hidden)]
    const TYPES: &'static [ValType];
    #[doc(hidden)]
    const SLOTS: usize;
    #[doc(hidden)]
    fn is_of(&self, home: Home<'_>) -> bool;
    #[doc(hidden)]
    fn write(self, home: Home<'_>, slots: &mut [u64]);
    #[doc(hidden)]
    fn read(slots: &[u64], home: Home<'_>) -> Self;
}

/// Results of a [`TypedFunc`](crate::TypedFunc): the same lists as [`WasmParams`].
pub trait WasmResults: WasmParams {}

impl<L: WasmParams> WasmResults for L {}

impl<A: WasmTy> WasmParams for A {
    const TYPES: &'static [ValType] = &[A::TYPE];
    const SLOTS: usize = <A as WasmTy>::SLOTS;

    #[inline]
    fn is_of(&self, home: Home<'_>) -> bool {
        WasmTy::is_of(*self, home)
    }

    #[inline]
    fn write(self, home: Home<'_>, slots: &mut [u64]) {
        WasmTy::write(self, home, slots);
    }

    #[inline]
    fn read(slots: &[u64], home: Home<'_>) -> Self {
        <A as WasmTy>::read(slots, home)
    }
}

/// What a host function may return: a list of values, or a `Result` of one.
pub trait WasmRet: Sealed {
    #[doc(hidden)]
    type List: WasmResults;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::List>;
}

impl<A: WasmTy> WasmRet for A {
    type List = A;

    #[inline]
    fn into_result(self) -> Result<A> {
        Ok(self)
    }
}

impl<R, E> Sealed for Result<R, E> {}

impl<R: WasmRet, E: Into<Error>> WasmRet for Result<R, E> {
    type List = R::List;

    #[inline]
    fn into_result(self) -> Result<R::List> {
        match self {
            Ok(value) => value.into_result(),
            Err(error) => Err(error.into()),
        }
    }
}

/// A closure that can be a host function: up to 17 parameters of [`WasmTy`], with or without a
/// [`Caller`] before them, and results of [`WasmRet`].
pub trait IntoFunc<T: 'static, Params, Results>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_func(self) -> HostFunc;
}

/// Reads the arguments, runs the closure, and leaves the results in the slots.
#[inline]
fn host_func<T: 'static, A: WasmParams, R: WasmRet>(
    func: impl Fn(Caller<'_, T>, A) -> R + Send + Sync + 'static,
) -> HostFunc {
    let ty =
        FuncType::new(A::TYPES.iter().copied(), <R::List as WasmParams>::TYPES.iter().copied());
    let code = host::host_fn::<T>(&ty, move |mut caller, slots| {
        let params = A::read(slots, caller.home());
        let results = func(caller.reborrow(), params).into_result()?;
        if !results.is_of(caller.home()) {
            return Err(wrong_reference("a reference that a host function returned"));
        }
        results.write(caller.home(), slots);
        Ok(())
    });
    HostFunc { ty, code }
}

macro_rules! lists {
    ($(($($ty:ident)*))*) => {$(
        impl<$($ty: WasmTy),*> Sealed for ($($ty,)*) {}

        #[allow(
            non_snake_case,
            unused,
            clippy::unused_unit,
            reason = "one macro makes the list of every length, the empty one too"
        )]
        impl<$($ty: WasmTy),*> WasmParams for ($($ty,)*) {
            const TYPES: &'static [ValType] = &[$($ty::TYPE),*];
            const SLOTS: usize = 0 $(+ <$ty as WasmTy>::SLOTS)*;

            #[inline]
            fn is_of(&self, home: Home<'_>) -> bool {
                let ($($ty,)*) = self;
                true $(&& WasmTy::is_of(*$ty, home))*
            }

            #[inline]
            fn write(self, home: Home<'_>, slots: &mut [u64]) {
                // One check of the length serves all that follow.
                let slots = &mut slots[..Self::SLOTS];
                let ($($ty,)*) = self;
                let mut at = 0;
                $(
                    WasmTy::write($ty, home, &mut slots[at..]);
                    at += <$ty as WasmTy>::SLOTS;
                )*
            }

            #[inline]
            fn read(slots: &[u64], home: Home<'_>) -> Self {
                let slots = &slots[..Self::SLOTS];
                let mut at = 0;
                $(
                    let $ty = <$ty as WasmTy>::read(&slots[at..], home);
                    at += <$ty as WasmTy>::SLOTS;
                )*
                ($($ty,)*)
            }
        }

        impl<$($ty: WasmTy),*> WasmRet for ($($ty,)*) {
            type List = Self;

            #[inline]
            fn into_result(self) -> Result<Self> {
                Ok(self)
            }
        }

        #[allow(non_snake_case, reason = "parameters are named as their types")]
        impl<T: 'static, Fun, $($ty: WasmTy,)* Ret: WasmRet> IntoFunc<T, ($($ty,)*), Ret> for Fun
        where
            Fun: Fn($($ty),*) -> Ret + Send + Sync + 'static,
        {
            fn into_func(self) -> HostFunc {
                host_func::<T, ($($ty,)*), Ret>(move |_, ($($ty,)*)| self($($ty),*))
            }
        }

        #[allow(non_snake_case, reason = "parameters are named as their types")]
        impl<T: 'static, Fun, $($ty: WasmTy,)* Ret: WasmRet>
            IntoFunc<T, (Caller<'_, T>, $($ty,)*), Ret> for Fun
        where
            Fun: Fn(Caller<'_, T>, $($ty),*) -> Ret + Send + Sync + 'static,
        {
            fn into_func(self) -> HostFunc {
                host_func::<T, ($($ty,)*), Ret>(move |caller, ($($ty,)*)| self(caller, $($ty),*))
            }
        }
    )*};
}

lists! {
    ()
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
    (A B C D E F G H I)
    (A B C D E F G H I J)
    (A B C D E F G H I J K)
    (A B C D E F G H I J K L)
    (A B C D E F G H I J K L M)
    (A B C D E F G H I J K L M N)
    (A B C D E F G H I J K L M N O)
    (A B C D E F G H I J K L M N O P)
    (A B C D E F G H I J K L M N O P Q)
}
