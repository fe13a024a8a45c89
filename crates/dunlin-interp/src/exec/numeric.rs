//! Numeric operators: one handler a row of `dunlin_core::operators`, meaning by `dunlin_core::numeric`.

use super::regs::Regs;
use super::{Mode, Op, Step};
use dunlin_core::{TrapCode, V128, numeric};

/// A type whose values stand on the operand stack.
pub(crate) trait Operand: Sized {
    /// Slots of a value.
    const SLOTS: usize = 1;

    /// Pops a value.
    fn pop(r: &mut Regs) -> Self;
    /// Pushes a value.
    fn push(self, r: &mut Regs);
}

macro_rules! one_slot {
    ($($ty:ident: |$slot:ident| $from:expr, |$value:ident| $into:expr;)*) => {$(
        impl Operand for $ty {
            #[inline(always)]
            fn pop(r: &mut Regs) -> Self {
                Self::from_slot(r.pop())
            }

            #[inline(always)]
            fn push(self, r: &mut Regs) {
                r.push(self.into_slot());
            }
        }

        impl Scalar for $ty {
            #[inline(always)]
            fn from_slot($slot: u64) -> Self {
                $from
            }

            #[inline(always)]
            fn into_slot(self) -> u64 {
                let $value = self;
                $into
            }
        }
    )*};
}

one_slot! {
    i32: |slot| slot as i32, |value| u64::from(value as u32);
    i64: |slot| slot as i64, |value| value as u64;
    f32: |slot| f32::from_bits(slot as u32), |value| u64::from(value.to_bits());
    f64: |slot| f64::from_bits(slot), |value| value.to_bits();
}

impl Operand for V128 {
    const SLOTS: usize = 2;

    #[inline(always)]
    fn pop(r: &mut Regs) -> Self {
        r.pop_v128()
    }

    #[inline(always)]
    fn push(self, r: &mut Regs) {
        r.push_v128(self);
    }
}

/// A type whose values take one slot.
pub(crate) trait Scalar {
    /// The value in a slot.
    fn from_slot(slot: u64) -> Self;
    /// The slot that holds the value.
    fn into_slot(self) -> u64;
}

/// An operator of two operands in one slot each, which cannot trap.
pub(crate) trait Binary {
    /// A constant of the operands' type, from the only byte of its LEB128 number.
    fn constant(byte: u8) -> u64;
    /// The result's slot, from the operands' slots.
    fn apply(a: u64, b: u64) -> u64;
}

/// What a numeric function returns: a value, or a value or a trap.
pub(crate) trait Outcome {
    /// Pushes the value or traps.
    fn finish<M: Mode>(self, r: Regs) -> Step<M>;
}

impl<T: Operand> Outcome for T {
    #[inline(always)]
    fn finish<M: Mode>(self, mut r: Regs) -> Step<M> {
        self.push(&mut r);
        Step::Next(r)
    }
}

impl<T: Operand> Outcome for Result<T, TrapCode> {
    #[inline(always)]
    fn finish<M: Mode>(self, r: Regs) -> Step<M> {
        match self {
            Ok(value) => value.finish(r),
            Err(code) => r.raise(code),
        }
    }
}

/// The rows' names of types.
#[expect(non_camel_case_types, reason = "as the rows spell it")]
pub(crate) type v128 = V128;

/// Pops the operands, the last one first, and applies a function of `numeric`.
macro_rules! apply {
    ($r:ident $function:ident ($a:ident)) => {{
        let a = <$a>::pop(&mut $r);
        numeric::$function(a)
    }};
    ($r:ident $function:ident ($a:ident, $b:ident)) => {{
        let b = <$b>::pop(&mut $r);
        let a = <$a>::pop(&mut $r);
        numeric::$function(a, b)
    }};
    ($r:ident $function:ident ($a:ident, $b:ident, $c:ident)) => {{
        let c = <$c>::pop(&mut $r);
        let b = <$b>::pop(&mut $r);
        let a = <$a>::pop(&mut $r);
        numeric::$function(a, b, c)
    }};
    ($r:ident $function:ident ($a:ident, $b:ident, $c:ident, $d:ident)) => {{
        let d = <$d>::pop(&mut $r);
        let c = <$c>::pop(&mut $r);
        let b = <$b>::pop(&mut $r);
        let a = <$a>::pop(&mut $r);
        numeric::$function(a, b, c, d)
    }};
}

/// Handlers of rows without immediates.
macro_rules! numeric_handlers {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $($note:ident)*;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline(always)]
            fn run<M: Mode>(mut r: Regs) -> Step<M> {
                apply!(r $function ($($param),*)).finish(r)
            }
        }
    )*};
}

/// Handlers of rows with two results.
macro_rules! wide_handlers {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident twice;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline(always)]
            fn run<M: Mode>(mut r: Regs) -> Step<M> {
                let (low, high) = apply!(r $function ($($param),*));
                low.push(&mut r);
                high.push(&mut r);
                Step::Next(r)
            }
        }
    )*};
}

/// Implements [`Binary`] for the rows that have its shape.
macro_rules! binary {
    () => {};
    (
        $code:literal $name:ident $text:literal
        $function:ident ($a:ident, $b:ident) -> $result:ident;
        $($rest:tt)*
    ) => {
        impl Binary for $name {
            #[inline(always)]
            fn constant(byte: u8) -> u64 {
                // Seven bits, the uppermost of which is the sign.
                let value = (byte << 1) as i8 >> 1;
                (value as $a).into_slot()
            }

            #[inline(always)]
            fn apply(a: u64, b: u64) -> u64 {
                numeric::$function(<$a>::from_slot(a), <$b>::from_slot(b)).into_slot()
            }
        }
        binary! { $($rest)* }
    };
    (
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $($note:ident)?;
        $($rest:tt)*
    ) => {
        binary! { $($rest)* }
    };
}

dunlin_core::for_each_numeric_operator!(binary);
dunlin_core::for_each_numeric_operator!(numeric_handlers);
dunlin_core::for_each_saturating_operator!(numeric_handlers);
dunlin_core::for_each_wide_operator!(wide_handlers);
dunlin_core::for_each_simd_operator!(numeric_handlers);
