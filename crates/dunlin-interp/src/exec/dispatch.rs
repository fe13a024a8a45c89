//! The tables by which operators find their handlers, derived from the rows of `dunlin_core::operators`.

use super::atomic::*;
use super::bulk::*;
use super::call::*;
use super::control::*;
use super::counting::*;
use super::exception::*;
use super::fused::*;
use super::locals::*;
use super::memory::*;
use super::native::*;
use super::numeric::*;
use super::objects::*;
use super::regs::Regs;
use super::simd::*;
use super::{Handler, Mode, Op, Step, handler};
use core::marker::PhantomData;
use dunlin_core::{Operator, TrapCode};
use dunlin_module::side::pseudo;

/// The tables of mode `M`.
pub(crate) struct Table<M>(PhantomData<M>);

/// Handlers of operators that are handlers by their own name.
macro_rules! plain {
    ($table:ident $m:ident $($code:literal $name:ident $text:literal $($rest:tt)*)?) => {
        plain! { @row $table $m $($code $name $($rest)*)? }
    };
    (@row $table:ident $m:ident) => {};
    (@row $table:ident $m:ident $code:literal $name:ident $($note:ident)*; $($rest:tt)*) => {
        $table[$code] = handler::<$name, $m>();
        plain! { $table $m $($rest)* }
    };
}

/// Handlers of numeric rows.
macro_rules! numeric {
    ($table:ident $m:ident $(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $($note:ident $($number:literal)?)*;
    )*) => {
        $($table[$code] = handler::<$name, $m>();)*
    };
}

/// Handlers of relaxed rows, whose codes begin at 0x100.
macro_rules! relaxed {
    ($table:ident $m:ident $(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident relaxed;
    )*) => {
        $($table[$code - 0x100] = handler::<$name, $m>();)*
    };
}

/// Handlers of operators that wait and wake.
macro_rules! waits {
    ($table:ident $m:ident $($code:literal $name:ident $text:literal none bytes $bytes:literal;)*) => {
        $($table[$code] = handler::<$name, $m>();)*
    };
}

/// Handlers of accesses to memory.
macro_rules! access {
    ($table:ident $m:ident $(
        $code:literal $name:ident $text:literal
        $function:ident ($($param:ident),*) -> $result:ident $($note:ident $number:literal)*;
    )*) => {
        $($table[$code] = handler::<Quick<$name>, $m>();)*
    };
}

/// Handlers of sequences, or of their first operators where each operator is paid for by itself.
macro_rules! fused {
    ($table:ident $m:ident $(
        $code:literal ($first:ident $($name:ident)*)
        $handler:ident $(<$($argument:ident),*>)? $($weak:ident)?;
    )*) => {
        $($table[$code] = if $m::FUEL {
            $table[Operator::$first.code() as usize]
        } else {
            handler::<$handler $(<$($argument),*>)?, $m>()
        };)*
    };
}

impl<M: Mode> Table<M> {
    /// By the first byte of an operator.
    pub(crate) const ONE: &'static [Handler<M>; 256] = &Self::one();
    /// By the number behind the prefix 0xFB.
    const FB: &'static [Handler<M>; 256] = &Self::fb();
    /// By the number behind the prefix 0xFC.
    const FC: &'static [Handler<M>; 256] = &Self::fc();
    /// By the number behind the prefix 0xFD.
    const FD: &'static [Handler<M>; 256] = &Self::fd();
    /// By the number behind the prefix 0xFD, less 0x100.
    const FD_RELAXED: &'static [Handler<M>; RELAXED_COUNT] = &Self::fd_relaxed();
    /// By the number behind the prefix 0xFE.
    const FE: &'static [Handler<M>; 256] = &Self::fe();

    const fn one() -> [Handler<M>; 256] {
        let mut table = [handler::<Unknown, M>(); 256];
        dunlin_core::for_each_plain_operator!(plain, table M);
        dunlin_core::for_each_numeric_operator!(numeric, table M);
        dunlin_core::for_each_load_operator!(access, table M);
        dunlin_core::for_each_store_operator!(access, table M);
        dunlin_core::for_each_fused_operator!(fused, table M);
        table[0xFB] = handler::<PrefixFb, M>();
        table[0xFC] = handler::<PrefixFc, M>();
        table[0xFD] = handler::<PrefixFd, M>();
        table[0xFE] = handler::<PrefixFe, M>();
        table[pseudo::LOCAL_GET as usize] = handler::<SlotGet, M>();
        table[pseudo::LOCAL_SET as usize] = handler::<SlotSet, M>();
        table[pseudo::LOCAL_TEE as usize] = handler::<SlotTee, M>();
        table[pseudo::LOCAL_GET_V128 as usize] = handler::<SlotGetV128, M>();
        table[pseudo::LOCAL_SET_V128 as usize] = handler::<SlotSetV128, M>();
        table[pseudo::LOCAL_TEE_V128 as usize] = handler::<SlotTeeV128, M>();
        table[pseudo::DROP_V128 as usize] = handler::<DropV128, M>();
        table[pseudo::SELECT_V128 as usize] = handler::<SelectV128, M>();
        table[pseudo::SELECT_T_V128 as usize] = handler::<TypedSelectV128, M>();
        table[pseudo::GLOBAL_GET_V128 as usize] = handler::<GlobalGetV128, M>();
        table[pseudo::GLOBAL_SET_V128 as usize] = handler::<GlobalSetV128, M>();
        table[pseudo::NATIVE as usize] = handler::<CallNative, M>();
        table[pseudo::EXIT as usize] = handler::<ExitOrCount, M>();
        table
    }

    const fn fb() -> [Handler<M>; 256] {
        let mut table = [handler::<Unknown, M>(); 256];
        dunlin_core::for_each_gc_operator!(plain, table M);
        table
    }

    const fn fc() -> [Handler<M>; 256] {
        let mut table = [handler::<Unknown, M>(); 256];
        dunlin_core::for_each_saturating_operator!(numeric, table M);
        dunlin_core::for_each_bulk_operator!(plain, table M);
        dunlin_core::for_each_wide_operator!(numeric, table M);
        table
    }

    const fn fd() -> [Handler<M>; 256] {
        let mut table = [handler::<Unknown, M>(); 256];
        dunlin_core::for_each_simd_operator!(numeric, table M);
        dunlin_core::for_each_simd_lane_operator!(numeric, table M);
        dunlin_core::for_each_simd_shuffle_operator!(numeric, table M);
        dunlin_core::for_each_simd_load_operator!(access, table M);
        dunlin_core::for_each_simd_store_operator!(access, table M);
        dunlin_core::for_each_simd_lane_load_operator!(access, table M);
        dunlin_core::for_each_simd_lane_store_operator!(access, table M);
        dunlin_core::for_each_simd_plain_operator!(plain, table M);
        table
    }

    const fn fd_relaxed() -> [Handler<M>; RELAXED_COUNT] {
        let mut table = [handler::<Unknown, M>(); RELAXED_COUNT];
        dunlin_core::for_each_relaxed_operator!(relaxed, table M);
        table
    }

    const fn fe() -> [Handler<M>; 256] {
        let mut table = [handler::<Unknown, M>(); 256];
        dunlin_core::for_each_atomic_plain_operator!(plain, table M);
        dunlin_core::for_each_wait_operator!(waits, table M);
        dunlin_core::for_each_atomic_load_operator!(numeric, table M);
        dunlin_core::for_each_atomic_store_operator!(numeric, table M);
        dunlin_core::for_each_atomic_rmw_operator!(numeric, table M);
        dunlin_core::for_each_atomic_cmpxchg_operator!(numeric, table M);
        table
    }
}

/// Numbers behind the prefix 0xFD from 0x100 on: as many as two bytes of LEB128 can say with the same
/// second byte.
const RELAXED_COUNT: usize = 0x80;

/// A byte that no validated body has where an operator stands: a bug of ours ends the guest.
struct Unknown;

impl Op for Unknown {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        debug_assert!(false, "bug: an operator without handler");
        r.raise(TrapCode::Unreachable)
    }
}

/// Operators behind the prefix 0xFB.
struct PrefixFb;

impl Op for PrefixFb {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        match r.small() {
            Some(code) => Step::Go(Table::<M>::FB[usize::from(code as u8)], r),
            None => Step::Go(handler::<PrefixFbSlow, M>(), r),
        }
    }
}

/// The number behind 0xFB in an overlong encoding.
struct PrefixFbSlow;

impl Op for PrefixFbSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let code = r.leb_u32();
        Step::Go(Table::<M>::FB[usize::from(code as u8)], r)
    }
}

/// Operators behind the prefix 0xFC.
struct PrefixFc;

impl Op for PrefixFc {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        match r.small() {
            Some(code) => Step::Go(Table::<M>::FC[usize::from(code as u8)], r),
            None => Step::Go(handler::<PrefixFcSlow, M>(), r),
        }
    }
}

/// The number behind 0xFC in an overlong encoding.
struct PrefixFcSlow;

impl Op for PrefixFcSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let code = r.leb_u32();
        Step::Go(Table::<M>::FC[usize::from(code as u8)], r)
    }
}

/// Operators behind the prefix 0xFE.
struct PrefixFe;

impl Op for PrefixFe {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let code = r.leb_u32();
        Step::Go(Table::<M>::FE[usize::from(code as u8)], r)
    }
}

/// Operators behind the prefix 0xFD.
struct PrefixFd;

impl Op for PrefixFd {
    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let first = r.fetch();
        if first < 0x80 {
            return Step::Go(Table::<M>::FD[usize::from(first)], r);
        }
        // Numbers from 0x80 to 0xFF: the first byte has the low seven bits and says that more follow,
        // the second one is 1.
        if r.peek(0) == 1 {
            r.skip(1);
            return Step::Go(Table::<M>::FD[usize::from(first)], r);
        }
        Step::Go(handler::<PrefixFdSlow, M>(), r)
    }
}

/// The rest of a number behind 0xFD from 0x100 on, or in an overlong encoding, whose first byte has been
/// taken.
struct PrefixFdSlow;

impl Op for PrefixFdSlow {
    #[inline]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let low = usize::from(r.peek_back() & 0x7F);
        Step::Go(
            match r.leb_u32() {
                high @ (0 | 1) => Table::<M>::FD[(high as usize) << 7 | low],
                2 => Table::<M>::FD_RELAXED[low],
                _ => handler::<Unknown, M>(),
            },
            r,
        )
    }
}
