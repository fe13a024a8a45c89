//! Atomic operators: loads, stores, operators that read, modify and write, waits. All are sequentially
//! consistent, on shared memories and on others.
//!
//! What an operator makes of the bits is a function of `dunlin_core::numeric`; the bits are replaced when they
//! are still those that the function was given.

use super::numeric::Operand;
use super::regs::{Place, Regs};
use super::{Mode, Op, Step};
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering, fence};
use dunlin_core::{TrapCode, numeric};
use dunlin_vm::context::VmContext;
use dunlin_vm::ops::{self, Stop};

/// Raw bits of an atomic access, little-endian in memory. Places are checked for the width and aligned to it.
trait Bits: Copy {
    /// Reads.
    fn load(place: Place) -> Self;
    /// Writes.
    fn store(place: Place, bits: Self);
    /// Replaces what is there by what `function` makes of it; returns what was there.
    fn update(place: Place, function: impl Fn(Self) -> Self) -> Self;
}

macro_rules! bits {
    ($($bits:ident $atomic:ident;)*) => {$(
        impl Bits for $bits {
            #[inline]
            fn load(place: Place) -> Self {
                // SAFETY: the place is in a memory, and aligned.
                let cell = unsafe { $atomic::from_ptr(place.pointer().cast()) };
                Self::from_le(cell.load(Ordering::SeqCst))
            }

            #[inline]
            fn store(place: Place, bits: Self) {
                // SAFETY: as above.
                let cell = unsafe { $atomic::from_ptr(place.pointer().cast()) };
                cell.store(bits.to_le(), Ordering::SeqCst);
            }

            #[inline]
            fn update(place: Place, function: impl Fn(Self) -> Self) -> Self {
                // SAFETY: as above.
                let cell = unsafe { $atomic::from_ptr(place.pointer().cast()) };
                let mut old = cell.load(Ordering::SeqCst);
                loop {
                    let new = function(Self::from_le(old)).to_le();
                    match cell.compare_exchange_weak(old, new, Ordering::SeqCst, Ordering::SeqCst) {
                        Ok(_) => return Self::from_le(old),
                        Err(found) => old = found,
                    }
                }
            }
        }
    )*};
}

bits! {
    u8 AtomicU8;
    u16 AtomicU16;
    u32 AtomicU32;
}

#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;
#[cfg(target_has_atomic = "64")]
bits! {
    u64 AtomicU64;
}

/// Machines that cannot access 8 bytes at once take a lock, as every such access of theirs does.
#[cfg(not(target_has_atomic = "64"))]
impl Bits for u64 {
    #[inline]
    fn load(place: Place) -> Self {
        Self::update(place, |bits| bits)
    }

    #[inline]
    fn store(place: Place, bits: Self) {
        Self::update(place, |_| bits);
    }

    #[inline]
    fn update(place: Place, function: impl Fn(Self) -> Self) -> Self {
        static LOCK: dunlin_vm::sync::Mutex<()> = dunlin_vm::sync::Mutex::new(());
        let _lock = LOCK.lock();
        let old = Self::from_le_bytes(place.read());
        place.write(function(old).to_le_bytes());
        old
    }
}

/// The bit of the alignment that says that a memory index follows.
const MEMORY_INDEX: u32 = 0x40;

/// Takes a memory argument: the memory, and the offset.
#[inline(always)]
fn argument(r: &mut Regs) -> (u32, u64) {
    let alignment = r.leb_u32();
    let memory = if alignment & MEMORY_INDEX != 0 { r.leb_u32() } else { 0 };
    (memory, r.leb_u64())
}

/// Takes a memory argument and finds the place of an access of `bytes` bytes whose address stands below `above`
/// slots. An address that is not aligned traps, wherever it is.
#[inline(always)]
fn place(r: &mut Regs, above: usize, bytes: usize) -> Result<Place, TrapCode> {
    let (memory, offset) = argument(r);
    let address = r.under_top(above);
    let end = address.checked_add(offset).ok_or(TrapCode::MemoryOutOfBounds)?;
    if !end.is_multiple_of(bytes as u64) {
        return Err(TrapCode::UnalignedAtomic);
    }
    r.place(memory, address, offset, bytes).ok_or(TrapCode::MemoryOutOfBounds)
}

/// Handlers of rows with a place: what each does there, behind its operands and its place.
macro_rules! handlers {
    ($($name:ident $text:literal above $above:literal bytes $bytes:literal: |$r:ident, $place:ident| $body:block)*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline]
            fn run<M: Mode>(mut $r: Regs) -> Step<M> {
                match place(&mut $r, $above, $bytes) {
                    Ok($place) => {
                        $body
                        Step::Next($r)
                    }
                    Err(code) => $r.raise(code),
                }
            }
        }
    )*};
}

macro_rules! loads {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($bits:ident) -> $result:ident bytes $bytes:literal;
    )*) => {
        handlers! {$(
            $name $text above 0 bytes $bytes: |r, place| {
                let value: $result = numeric::$function(<$bits>::load(place));
                r.pop();
                value.push(&mut r);
            }
        )*}
    };
}

macro_rules! stores {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($value:ident) -> $bits:ident bytes $bytes:literal;
    )*) => {
        handlers! {$(
            $name $text above 1 bytes $bytes: |r, place| {
                <$bits>::store(place, numeric::$function(<$value>::pop(&mut r)));
                r.pop();
            }
        )*}
    };
}

macro_rules! read_modify_writes {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($bits:ident, $value:ident) -> $result:ident bytes $bytes:literal;
    )*) => {
        handlers! {$(
            $name $text above 1 bytes $bytes: |r, place| {
                let value = <$value>::pop(&mut r);
                r.pop();
                let old = <$bits>::update(place, |old| numeric::$function(old, value));
                (old as $value).push(&mut r);
            }
        )*}
    };
}

macro_rules! compare_exchanges {
    ($(
        $code:literal $name:ident $text:literal
        $function:ident ($bits:ident, $value:ident, $also:ident) -> $result:ident bytes $bytes:literal;
    )*) => {
        handlers! {$(
            $name $text above 2 bytes $bytes: |r, place| {
                let replacement = <$value>::pop(&mut r);
                let expected = <$value>::pop(&mut r);
                r.pop();
                let old =
                    <$bits>::update(place, |old| numeric::$function(old, expected, replacement));
                (old as $value).push(&mut r);
            }
        )*}
    };
}

dunlin_core::for_each_atomic_load_operator!(loads);
dunlin_core::for_each_atomic_store_operator!(stores);
dunlin_core::for_each_atomic_rmw_operator!(read_modify_writes);
dunlin_core::for_each_atomic_cmpxchg_operator!(compare_exchanges);

/// `atomic.fence`.
pub(crate) struct AtomicFence;

impl Op for AtomicFence {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        r.skip(1);
        fence(Ordering::SeqCst);
        Step::Next(r)
    }
}

/// Pushes the result of an operator of the VM.
#[inline(always)]
fn pushed<M: Mode>(mut r: Regs, result: Result<u64, Stop>) -> Step<M> {
    match result {
        Ok(value) => {
            r.push(value);
            Step::Next(r)
        }
        Err(stop) => r.stop(stop),
    }
}

/// `memory.atomic.notify`.
pub(crate) struct MemoryAtomicNotify;

impl Op for MemoryAtomicNotify {
    const COST: u8 = 1;

    #[inline(always)]
    fn run<M: Mode>(mut r: Regs) -> Step<M> {
        let (memory, offset) = argument(&mut r);
        let (count, address) = (r.pop(), r.pop());
        let Some(address) = address.checked_add(offset) else {
            return r.raise(TrapCode::MemoryOutOfBounds);
        };
        // SAFETY: validated: the memory exists; the instance is running.
        let woken = unsafe { ops::memory_notify(r.cx(), memory, address, count as u32) };
        pushed(r, woken)
    }
}

/// Handlers of waits, each with the function of the VM that waits.
macro_rules! waits {
    ($($name:ident $text:literal $function:ident)*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline(always)]
fn run<M: Mode>(mut r: Regs) -> Step<M> {
                let (memory, offset) = argument(&mut r);
                let (timeout, expected, address) = (r.pop(), r.pop(), r.pop());
                let Some(address) = address.checked_add(offset) else {
                    return r.raise(TrapCode::MemoryOutOfBounds);
                };
                let timeout = timeout.cast_signed();
                // SAFETY: validated: the memory exists; the instance is running.
                match unsafe { $function(r.cx(), memory, address, expected, timeout) } {
                    FAILED => {
                        // SAFETY: the store's context is alive.
                        let code = unsafe { (*r.store()).exit.code };
                        r.raise(code)
                    }
                    waited => {
                        r.push(waited);
                        Step::Next(r)
                    }
                }
            }
        }
    )*};
}

/// What says that the guest must end, and that the store's context has why. Both fit a register: a result in
/// memory would keep the handlers from ending in a jump.
const FAILED: u64 = u64::MAX;

macro_rules! waiting {
    ($($name:ident)*) => {$(
        /// # Safety
        ///
        /// As for the function of this name in `ops`.
        #[inline(never)]
        unsafe fn $name(
            cx: *mut VmContext,
            memory: u32,
            address: u64,
            expected: u64,
            timeout: i64,
        ) -> u64 {
            // SAFETY: the caller's promise.
            let code = match unsafe { ops::$name(cx, memory, address, expected, timeout) } {
                Ok(waited) => return waited,
                Err(Stop::Trap(code)) => code,
                // Waiting calls nothing of the host's.
                Err(Stop::Host | Stop::Exception) => TrapCode::Unreachable,
            };
            // SAFETY: the caller's promise: the contexts are alive.
            unsafe { (*(*cx).store).exit.code = code };
            FAILED
        }
    )*};
}

waiting! { memory_wait32 memory_wait64 }

waits! {
    MemoryAtomicWait32 "memory.atomic.wait32" memory_wait32
    MemoryAtomicWait64 "memory.atomic.wait64" memory_wait64
}
