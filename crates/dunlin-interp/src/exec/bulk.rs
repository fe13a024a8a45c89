//! Operators on whole memories and tables: sizes, growth, bulk operations. The VM does the work.

use super::regs::Regs;
use super::{Mode, Op, Step};
use dunlin_core::limits::BULK_PER_FUEL_UNIT;
use dunlin_vm::ops::{self, Stop};

/// Pays for a bulk operation on a memory or table of this size. One that is longer than that traps
/// before it does anything, so it costs nothing: fuel must not hide why it traps.
fn pay<M: Mode>(r: &mut Regs, len: u64, size: impl FnOnce(&mut Regs) -> u64) -> bool {
    !M::FUEL || len > size(r) || r.pay(len / BULK_PER_FUEL_UNIT)
}

/// Elements of a table.
fn table_len(r: &mut Regs, table: u32) -> u64 {
    // SAFETY: validated: the table exists; the instance is running.
    unsafe { ops::table_size(r.cx(), table) }
}

/// Goes on if an operator of the VM succeeded.
#[inline]
fn done<M: Mode>(r: Regs, result: Result<(), Stop>) -> Step<M> {
    match result {
        Ok(()) => Step::Next(r),
        Err(stop) => r.stop(stop),
    }
}

/// Pushes the result of an operator of the VM.
#[inline]
fn pushed<M: Mode>(mut r: Regs, result: Result<u64, Stop>) -> Step<M> {
    match result {
        Ok(value) => {
            r.push(value);
            Step::Next(r)
        }
        Err(stop) => r.stop(stop),
    }
}

/// Handlers with one index as immediate that call the VM.
macro_rules! slow_operators {
    ($($(#[$doc:meta])* $name:ident: |$r:ident| $body:block)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline]
            fn run<M: Mode>(mut $r: Regs) -> Step<M> $body
        }
    )*};
}

slow_operators! {
    /// `memory.size`.
    MemorySize: |r| {
        let memory = r.leb_u32();
        r.push(r.memory_pages(memory));
        Step::Next(r)
    }

    /// `memory.grow`.
    MemoryGrow: |r| {
        let memory = r.leb_u32();
        let delta = r.pop();
        // SAFETY: validated: the memory exists; the instance is running. So for all calls below.
        let grown = unsafe { ops::memory_grow(r.cx(), memory, delta) };
        pushed(r, grown)
    }

    /// `memory.fill`.
    MemoryFill: |r| {
        let memory = r.leb_u32();
        let (len, value, dst) = (r.pop(), r.pop(), r.pop());
        if !pay::<M>(&mut r, len, |r| r.memory_len(memory)) {
            return r.out_of_fuel();
        }
        // SAFETY: as above.
        let filled = unsafe { ops::memory_fill(r.cx(), memory, dst, value as u8, len) };
        done(r, filled)
    }

    /// `memory.copy`.
    MemoryCopy: |r| {
        let (to, from) = (r.leb_u32(), r.leb_u32());
        let (len, src, dst) = (r.pop(), r.pop(), r.pop());
        if !pay::<M>(&mut r, len, |r| r.memory_len(to)) {
            return r.out_of_fuel();
        }
        // SAFETY: as above.
        let copied = unsafe { ops::memory_copy(r.cx(), (to, dst), (from, src), len) };
        done(r, copied)
    }

    /// `memory.init`.
    MemoryInit: |r| {
        let (data, memory) = (r.leb_u32(), r.leb_u32());
        let (len, src, dst) = (r.pop(), r.pop(), r.pop());
        if !pay::<M>(&mut r, len, |r| r.memory_len(memory)) {
            return r.out_of_fuel();
        }
        // SAFETY: as above; the segment exists.
        let written = unsafe { ops::memory_init(r.cx(), memory, data, dst, src, len) };
        done(r, written)
    }

    /// `data.drop`.
    DataDrop: |r| {
        let data = r.leb_u32();
        // SAFETY: as above; the segment exists.
        unsafe { ops::data_drop(r.cx(), data) };
        Step::Next(r)
    }

    /// `table.get`.
    TableGet: |r| {
        let table = r.leb_u32();
        let index = r.pop();
        // SAFETY: as above; the table exists.
        let value = unsafe { ops::table_get(r.cx(), table, index) };
        pushed(r, value.map(u64::from))
    }

    /// `table.set`.
    TableSet: |r| {
        let table = r.leb_u32();
        let (value, index) = (r.pop(), r.pop());
        // SAFETY: as above; the table exists.
        let written = unsafe { ops::table_fill(r.cx(), table, index, value as u32, 1) };
        done(r, written)
    }

    /// `table.size`.
    TableSize: |r| {
        let table = r.leb_u32();
        let size = table_len(&mut r, table);
        r.push(size);
        Step::Next(r)
    }

    /// `table.grow`.
    TableGrow: |r| {
        let table = r.leb_u32();
        let (delta, value) = (r.pop(), r.pop());
        // SAFETY: as above; the table exists.
        let grown = unsafe { ops::table_grow(r.cx(), table, delta, value as u32) };
        pushed(r, grown)
    }

    /// `table.fill`.
    TableFill: |r| {
        let table = r.leb_u32();
        let (len, value, start) = (r.pop(), r.pop(), r.pop());
        if !pay::<M>(&mut r, len, |r| table_len(r, table)) {
            return r.out_of_fuel();
        }
        // SAFETY: as above; the table exists.
        let filled = unsafe { ops::table_fill(r.cx(), table, start, value as u32, len) };
        done(r, filled)
    }

    /// `table.copy`.
    TableCopy: |r| {
        let (to, from) = (r.leb_u32(), r.leb_u32());
        let (len, src, dst) = (r.pop(), r.pop(), r.pop());
        if !pay::<M>(&mut r, len, |r| table_len(r, to)) {
            return r.out_of_fuel();
        }
        // SAFETY: as above; the tables exist.
        let copied = unsafe { ops::table_copy(r.cx(), (to, dst), (from, src), len) };
        done(r, copied)
    }

    /// `table.init`.
    TableInit: |r| {
        let (element, table) = (r.leb_u32(), r.leb_u32());
        let (len, src, dst) = (r.pop(), r.pop(), r.pop());
        if !pay::<M>(&mut r, len, |r| table_len(r, table)) {
            return r.out_of_fuel();
        }
        // SAFETY: as above; the table and the segment exist.
        let written = unsafe { ops::table_init(r.cx(), table, element, dst, src, len) };
        done(r, written)
    }

    /// `elem.drop`.
    ElemDrop: |r| {
        let element = r.leb_u32();
        // SAFETY: as above; the segment exists.
        unsafe { ops::elem_drop(r.cx(), element) };
        Step::Next(r)
    }
}
