//! Loads and stores, a row each: a quick handler for memory 0 with an offset of one byte, another for
//! offsets of up to five, and one for every other memory argument. Bounds are checked explicitly, whatever the address type.

use super::numeric::{Operand, Scalar, v128};
use super::regs::{Place, Regs};
use super::{Mode, Op, Step, handler};
use core::marker::PhantomData;
use dunlin_core::{TrapCode, numeric};

/// An access to memory.
pub(crate) trait Access {
    /// Bytes accessed.
    const BYTES: usize;
    /// Slots of operands above the address.
    const ABOVE: usize;

    /// Accesses `place`, takes the lane behind the memory argument if there is one, pops the operands
    /// and pushes the result.
    fn access(r: &mut Regs, place: Place);
}

/// A load of a value of one slot.
pub(crate) trait Loads: Access {
    /// The value at `place`.
    fn load(place: Place) -> u64;
}

/// A store of a value of one slot.
pub(crate) trait Stores: Access {
    /// Stores the value at `place`.
    fn store(place: Place, value: u64);
}

/// The quick handler of access `A`.
pub(crate) struct Quick<A>(PhantomData<A>);

/// Bits of the first two bytes of a memory argument that the quick handler does not expect: a memory
/// index or more bytes of the alignment, more bytes of the offset.
const UNUSUAL: u16 = 0x80C0;

impl<A: Access> Op for Quick<A> {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let argument = r.peek2();
        if argument & UNUSUAL == 0 {
            let offset = (argument >> 8).into();
            if let Some(place) = r.place0(r.under_top(A::ABOVE), offset, A::BYTES) {
                return access::<A, M>(r, place, 2);
            }
        }
        // Also where the access is out of bounds: another way out would cost registers.
        Step::Go(handler::<Slow<A>, M>(), r)
    }
}

/// The handler of access `A` in memory 0 with an offset of up to 32 bits.
struct Slow<A>(PhantomData<A>);

impl<A: Access> Op for Slow<A> {
    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        if r.peek2() & UNUSUAL == 0x8000 {
            let offset = r.long_leb(1);
            // A fifth byte with more than four bits is one of a longer number.
            if (offset.bytes < 5 || offset.last < 0x10)
                && let Some(place) = r.place0(r.under_top(A::ABOVE), offset.value.into(), A::BYTES)
            {
                return access::<A, M>(r, place, 1 + offset.bytes);
            }
        }
        Step::Go(handler::<Indexed<A>, M>(), r)
    }
}

/// Performs an access behind a memory argument of `bytes` bytes.
#[inline(always)]
fn access<A: Access, M: Mode>(mut r: Regs, place: Place, bytes: usize) -> Step<M> {
    r.skip(bytes);
    A::access(&mut r, place);
    Step::Next(r)
}

/// The bit of the alignment that says that a memory index follows.
const MEMORY_INDEX: u32 = 0x40;

/// The handler of access `A` for any memory argument.
struct Indexed<A>(PhantomData<A>);

impl<A: Access> Op for Indexed<A> {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let alignment = r.leb_u32();
        let memory = if alignment & MEMORY_INDEX != 0 { r.leb_u32() } else { 0 };
        let offset = r.leb_u64();
        match r.place(memory, r.under_top(A::ABOVE), offset, A::BYTES) {
            Some(place) => {
                if memory == 0 {
                    renew_memory0(&r);
                }
                A::access(&mut r, place);
                Step::Next(r)
            }
            None => r.raise(TrapCode::MemoryOutOfBounds),
        }
    }
}

/// Renews what the context knows of memory 0, which another thread may have grown if it is shared.
#[inline]
fn renew_memory0(r: &Regs) {
    let len = r.memory_len(0);
    // SAFETY: the context is alive, and only this thread uses it. The length is a `usize`.
    unsafe { (*r.cx()).memory0_len = len as usize };
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
            const ABOVE: usize = 0;

            #[inline(always)]
            fn access(r: &mut Regs, place: Place) {
                let value: $result = numeric::$function($bits::from_le_bytes(place.read()));
                r.pop();
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
            const ABOVE: usize = <$value>::SLOTS;

            #[inline(always)]
            fn access(r: &mut Regs, place: Place) {
                let bits: $bits = numeric::$function(<$value>::pop(r));
                place.write(bits.to_le_bytes());
                r.pop();
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
            const ABOVE: usize = <v128>::SLOTS;

            #[inline(always)]
            fn access(r: &mut Regs, place: Place) {
                let (lane, vector) = (r.fetch(), v128::pop(r));
                r.pop();
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
            const ABOVE: usize = <v128>::SLOTS;

            #[inline(always)]
            fn access(r: &mut Regs, place: Place) {
                let (lane, vector) = (r.fetch(), v128::pop(r));
                place.write(numeric::$function(vector, lane).to_le_bytes());
                r.pop();
            }
        }
    )*};
}

macro_rules! scalar_loads {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($bits:ident) -> $result:ident bytes $bytes:literal;
    )*) => {$(
        impl Loads for $name {
            #[inline(always)]
            fn load(place: Place) -> u64 {
                let value: $result = numeric::$function($bits::from_le_bytes(place.read()));
                value.into_slot()
            }
        }
    )*};
}

dunlin_core::for_each_load_operator!(loads);
dunlin_core::for_each_load_operator!(scalar_loads);

macro_rules! scalar_stores {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($value:ident) -> $bits:ident bytes $bytes:literal;
    )*) => {$(
        impl Stores for $name {
            #[inline(always)]
            fn store(place: Place, value: u64) {
                let bits: $bits = numeric::$function(<$value>::from_slot(value));
                place.write(bits.to_le_bytes());
            }
        }
    )*};
}

dunlin_core::for_each_store_operator!(scalar_stores);
dunlin_core::for_each_simd_load_operator!(loads);
dunlin_core::for_each_store_operator!(stores);
dunlin_core::for_each_simd_store_operator!(stores);
dunlin_core::for_each_simd_lane_load_operator!(lane_loads);
dunlin_core::for_each_simd_lane_store_operator!(lane_stores);
