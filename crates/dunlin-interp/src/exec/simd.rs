//! Vector operators with immediates: lanes, shuffles, constants; and relaxed ones, for which what the
//! engine has chosen stands in an immediate's place.

use super::numeric::{Operand, Outcome, v128};
use super::regs::Regs;
use super::{Mode, Op, Step};
use dunlin_core::{V128, numeric};

/// Pops the operands, and applies a function of `numeric` to them and the immediate.
macro_rules! apply_immediate {
    ($r:ident $function:ident ($a:ident) $immediate:ident) => {{
        let a = <$a>::pop(&mut $r);
        numeric::$function(a, $immediate)
    }};
    ($r:ident $function:ident ($a:ident, $b:ident) $immediate:ident) => {{
        let b = <$b>::pop(&mut $r);
        let a = <$a>::pop(&mut $r);
        numeric::$function(a, b, $immediate)
    }};
    ($r:ident $function:ident ($a:ident, $b:ident, $c:ident) $immediate:ident) => {{
        let c = <$c>::pop(&mut $r);
        let b = <$b>::pop(&mut $r);
        let a = <$a>::pop(&mut $r);
        numeric::$function(a, b, c, $immediate)
    }};
}

macro_rules! lane_handlers {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident lanes $lanes:literal;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline(always)]
            fn run<M: Mode>(mut r: Regs) -> Step<M> {
                let lane = r.fetch();
                apply_immediate!(r $function ($($param),*) lane).finish(r)
            }
        }
    )*};
}

macro_rules! shuffle_handlers {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident shuffle;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline(always)]
            fn run<M: Mode>(mut r: Regs) -> Step<M> {
                let lanes = r.bytes::<16>();
                apply_immediate!(r $function ($($param),*) lanes).finish(r)
            }
        }
    )*};
}

macro_rules! relaxed_handlers {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident relaxed;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline(always)]
            fn run<M: Mode>(mut r: Regs) -> Step<M> {
                let relaxed = r.relaxed();
                apply_immediate!(r $function ($($param),*) relaxed).finish(r)
            }
        }
    )*};
}

dunlin_core::for_each_simd_lane_operator!(lane_handlers);
dunlin_core::for_each_relaxed_operator!(relaxed_handlers);
dunlin_core::for_each_simd_shuffle_operator!(shuffle_handlers);

/// `v128.const`.
pub(crate) struct V128Const;

impl Op for V128Const {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let bits = u128::from_le_bytes(r.bytes());
        r.push_v128(V128::from_bits(bits));
        Step::Next(r)
    }
}
