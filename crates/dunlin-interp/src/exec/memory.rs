//! Loads and stores: one handler a row, a quick one for memory 0 with an offset of one byte, and a slow
//! one for every other memory argument. Bounds are checked explicitly, whatever the address type.

use super::numeric::{Operand, v128};
use super::regs::{Place, Regs};
use super::{Mode, Op, Step, handler};
use core::marker::PhantomData;
use dunlin_core::{TrapCode, numeric};

/// An access to memory.
pub(crate) trait Access {
    /// Bytes accessed.
    const BYTES: usize;
    /// Whether the operands above the address are popped before it: stores. Loads keep the address in
    /// the top.
    type Above;

    /// Pops the operands above the address, and the immediate behind the memory argument if there is one.
    fn above(r: &mut Regs) -> Self::Above;

    /// Accesses `place`; the address has been popped.
    fn access(r: &mut Regs, place: Place, above: Self::Above);
}

/// The quick handler of access `A`.
pub(crate) struct Quick<A>(PhantomData<A>);

/// Bits of the first two bytes of a memory argument that the quick handler does not expect: a memory
/// index or more bytes of the alignment, more bytes of the offset.
const UNUSUAL: u16 = 0x80C0;

impl<A: Access> Op for Quick<A> {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let argument = r.peek2();
        if argument & UNUSUAL != 0 {
            return Step::Go(handler::<Slow<A>, M>(), r);
        }
        r.skip(2);
        let above = A::above(&mut r);
        let address = r.pop();
        match r.place0(address, (argument >> 8).into(), A::BYTES) {
            Some(place) => {
                A::access(&mut r, place, above);
                Step::Next(r)
            }
            None => r.raise(TrapCode::MemoryOutOfBounds),
        }
    }
}

/// The handler of access `A` for any memory argument.
struct Slow<A>(PhantomData<A>);

impl<A: Access> Op for Slow<A> {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let alignment = r.leb_u32();
        if alignment & MEMORY_INDEX != 0 {
            return Step::Go(handler::<Indexed<A>, M>(), r);
        }
        let offset = r.leb_u64();
        finish::<A, M>(r, 0, offset)
    }
}

/// The bit of the alignment that says that a memory index follows.
const MEMORY_INDEX: u32 = 0x40;

/// The rest of an access whose memory argument names a memory; `ip` is at that index.
struct Indexed<A>(PhantomData<A>);

impl<A: Access> Op for Indexed<A> {
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let memory = r.leb_u32();
        let offset = r.leb_u64();
        finish::<A, M>(r, memory, offset)
    }
}

#[inline(always)]
fn finish<A: Access, M: Mode>(mut r: Regs, memory: u32, offset: u64) -> Step<M> {
    let above = A::above(&mut r);
    let address = r.pop();
    let place = match (memory, u32::try_from(offset)) {
        (0, Ok(offset)) => r.place0(address, offset.into(), A::BYTES),
        _ => r.place(memory, address, offset, A::BYTES),
    };
    match place {
        Some(place) => {
            A::access(&mut r, place, above);
            Step::Next(r)
        }
        None => r.raise(TrapCode::MemoryOutOfBounds),
    }
}

macro_rules! loads {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($bits:ident) -> $result:ident bytes $bytes:literal;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Access for $name {
            const BYTES: usize = $bytes;
            type Above = ();

            #[inline(always)]
            fn above(_: &mut Regs) {}

            #[inline(always)]
            fn access(r: &mut Regs, place: Place, (): ()) {
                let value: $result = numeric::$function($bits::from_le_bytes(place.read()));
                value.push(r);
            }
        }
    )*};
}

macro_rules! stores {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($value:ident) -> $bits:ident bytes $bytes:literal;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Access for $name {
            const BYTES: usize = $bytes;
            type Above = $value;

            #[inline(always)]
            fn above(r: &mut Regs) -> $value {
                <$value>::pop(r)
            }

            #[inline(always)]
            fn access(_: &mut Regs, place: Place, value: $value) {
                let bits: $bits = numeric::$function(value);
                place.write(bits.to_le_bytes());
            }
        }
    )*};
}

macro_rules! lane_loads {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($bits:ident, v128) -> v128 bytes $bytes:literal lanes $lanes:literal;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Access for $name {
            const BYTES: usize = $bytes;
            type Above = (v128, u8);

            #[inline(always)]
            fn above(r: &mut Regs) -> (v128, u8) {
                let lane = r.fetch();
                (v128::pop(r), lane)
            }

            #[inline(always)]
            fn access(r: &mut Regs, place: Place, (vector, lane): (v128, u8)) {
                let bits = $bits::from_le_bytes(place.read());
                numeric::$function(bits, vector, lane).push(r);
            }
        }
    )*};
}

macro_rules! lane_stores {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident (v128) -> $bits:ident bytes $bytes:literal lanes $lanes:literal;
    )*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Access for $name {
            const BYTES: usize = $bytes;
            type Above = (v128, u8);

            #[inline(always)]
            fn above(r: &mut Regs) -> (v128, u8) {
                let lane = r.fetch();
                (v128::pop(r), lane)
            }

            #[inline(always)]
            fn access(_: &mut Regs, place: Place, (vector, lane): (v128, u8)) {
                place.write(numeric::$function(vector, lane).to_le_bytes());
            }
        }
    )*};
}

dunlin_core::for_each_load_operator!(loads);
dunlin_core::for_each_simd_load_operator!(loads);
dunlin_core::for_each_store_operator!(stores);
dunlin_core::for_each_simd_store_operator!(stores);
dunlin_core::for_each_simd_lane_load_operator!(lane_loads);
dunlin_core::for_each_simd_lane_store_operator!(lane_stores);
