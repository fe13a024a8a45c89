//! Locals, globals and constants.

use super::regs::Regs;
use super::{Mode, Op, Step, handler};

/// Operators with one index: a quick handler for one byte, and a slow one for longer encodings.
macro_rules! indexed {
    ($($(#[$doc:meta])* $name:ident, $slow:ident: |$r:ident, $index:ident| $body:block)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl $name {
            #[inline(always)]
            fn apply(mut $r: Regs, $index: u32) -> Regs {
                $body
                $r
            }
        }

        impl Op for $name {
            const COST: u8 = 1;

            #[inline(always)]
            fn run<M: Mode>(mut r: Regs) -> Step<M> {
                match r.small() {
                    Some(index) => Step::Next(Self::apply(r, index)),
                    None => Step::Go(handler::<$slow, M>(), r),
                }
            }
        }

        struct $slow;

        impl Op for $slow {
            #[inline]
            fn run<M: Mode>(mut r: Regs) -> Step<M> {
                let index = r.long_leb(0);
                r.skip(index.bytes);
                Step::Next($name::apply(r, index.value))
            }
        }
    )*};
}

indexed! {
    /// `local.get`.
    LocalGet, LocalGetSlow: |r, index| {
        let value = r.local(index);
        r.push(value);
    }

    /// `local.set`.
    LocalSet, LocalSetSlow: |r, index| {
        let value = r.pop();
        r.set_local(index, value);
    }

    /// `local.tee`.
    LocalTee, LocalTeeSlow: |r, index| {
        r.set_local(index, r.top());
    }

    /// `global.get`.
    GlobalGet, GlobalGetSlow: |r, index| {
        let value = r.global(index);
        r.push(value);
    }

    /// `global.set`.
    GlobalSet, GlobalSetSlow: |r, index| {
        let value = r.pop();
        r.set_global(index, value);
    }
}

/// Operators of functions with vectors: the side table holds the local's slot.
macro_rules! slotted {
    ($($(#[$doc:meta])* $name:ident: |$r:ident, $slot:ident| $body:block)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline]
            fn run<M: Mode>(mut $r: Regs) -> Step<M> {
                $r.skip_leb();
                let $slot = $r.side_word() as u32;
                $body
                Step::Next($r)
            }
        }
    )*};
}

slotted! {
    /// `local.get` of a local behind a vector.
    SlotGet: |r, slot| {
        let value = r.local(slot);
        r.push(value);
    }

    /// `local.set` of a local behind a vector.
    SlotSet: |r, slot| {
        let value = r.pop();
        r.set_local(slot, value);
    }

    /// `local.tee` of a local behind a vector.
    SlotTee: |r, slot| {
        r.set_local(slot, r.top());
    }

    /// `local.get` of a vector.
    SlotGetV128: |r, slot| {
        r.push_local_v128(slot);
    }

    /// `local.set` of a vector.
    SlotSetV128: |r, slot| {
        let value = r.pop_v128();
        r.set_local_v128(slot, value);
    }

    /// `local.tee` of a vector.
    SlotTeeV128: |r, slot| {
        let value = r.pop_v128();
        r.set_local_v128(slot, value);
        r.push_v128(value);
    }
}

/// `global.get` of a vector.
pub(crate) struct GlobalGetV128;

impl Op for GlobalGetV128 {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let index = r.leb_u32();
        let value = r.global_v128(index);
        r.push_v128(value);
        Step::Next(r)
    }
}

/// `global.set` of a vector.
pub(crate) struct GlobalSetV128;

impl Op for GlobalSetV128 {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let index = r.leb_u32();
        let value = r.pop_v128();
        r.set_global_v128(index, value);
        Step::Next(r)
    }
}

/// `i32.const`.
pub(crate) struct I32Const;

impl Op for I32Const {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        match r.small() {
            Some(byte) => Step::Next(i32_const(r, sign_extend(byte))),
            None => Step::Go(handler::<I32ConstTwo, M>(), r),
        }
    }
}

/// Pushes a constant.
#[inline(always)]
fn i32_const(mut r: Regs, value: i32) -> Regs {
    r.push(u64::from(value as u32));
    r
}

/// `i32.const` of two bytes.
struct I32ConstTwo;

impl Op for I32ConstTwo {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        match small_two(&mut r) {
            Some(value) => Step::Next(i32_const(r, value)),
            None => Step::Go(handler::<I32ConstSlow, M>(), r),
        }
    }
}

struct I32ConstSlow;

impl Op for I32ConstSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let long = r.long_leb(0);
        r.skip(long.bytes);
        // Five bytes hold all 32 bits; of fewer, the last one's sixth bit is the sign.
        let unused = 32_u32.saturating_sub(7 * long.bytes as u32);
        let value = ((long.value << unused) as i32) >> unused;
        Step::Next(i32_const(r, value))
    }
}

/// `i64.const`.
pub(crate) struct I64Const;

impl Op for I64Const {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        match r.small() {
            Some(byte) => {
                r.push(i64::from(sign_extend(byte)) as u64);
                Step::Next(r)
            }
            None => Step::Go(handler::<I64ConstTwo, M>(), r),
        }
    }
}

/// `i64.const` of two bytes.
struct I64ConstTwo;

impl Op for I64ConstTwo {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        match small_two(&mut r) {
            Some(value) => {
                r.push(i64::from(value) as u64);
                Step::Next(r)
            }
            None => Step::Go(handler::<I64ConstSlow, M>(), r),
        }
    }
}

struct I64ConstSlow;

impl Op for I64ConstSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let value = r.leb_i64();
        r.push(value as u64);
        Step::Next(r)
    }
}

/// The value of a signed LEB128 number of one byte.
#[inline(always)]
fn sign_extend(byte: u32) -> i32 {
    ((byte << 25) as i32) >> 25
}

/// Takes a signed LEB128 number of two bytes, if it is no longer.
#[inline(always)]
fn small_two(r: &mut Regs) -> Option<i32> {
    let bytes = u32::from(r.peek2());
    if bytes & 0x8000 != 0 {
        return None;
    }
    r.skip(2);
    let value = bytes & 0x7F | bytes >> 1 & 0x3F80;
    Some(((value << 18) as i32) >> 18)
}

/// `f32.const`.
pub(crate) struct F32Const;

impl Op for F32Const {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let bits = u32::from_le_bytes(r.bytes());
        r.push(bits.into());
        Step::Next(r)
    }
}

/// `f64.const`.
pub(crate) struct F64Const;

impl Op for F64Const {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let bits = u64::from_le_bytes(r.bytes());
        r.push(bits);
        Step::Next(r)
    }
}

/// `ref.null`: the heap type is skipped.
pub(crate) struct RefNull;

impl Op for RefNull {
    const COST: u8 = 1;

    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.skip_leb();
        r.push(0);
        Step::Next(r)
    }
}

/// `ref.is_null`.
pub(crate) struct RefIsNull;

impl Op for RefIsNull {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.set_top(u64::from(r.top() as u32 == 0));
        Step::Next(r)
    }
}
