//! A module's native code: its units in one piece of executable memory, and what stands where in it.

use super::{builtins, map};
use crate::sys::native::CodeMemory;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use dunlin_core::TrapCode;
use dunlin_module::{CompiledFunction, Module, Unit};

/// Alignment of a unit at least: that of a line of the instruction cache's fetches.
const UNIT_ALIGNMENT: usize = 16;

/// The native code of a module. Dropping it removes the code.
pub struct NativeCode {
    region: Arc<Region>,
    /// Addresses of the ways in, by type index; 0 where there is none.
    ways_in: Box<[usize]>,
}

/// What is known of a piece of code memory.
pub(super) struct Region {
    memory: CodeMemory,
    bytes: usize,
    /// Start and end of each unit, ascending.
    units: Box<[(u32, u32, Unit)]>,
    traps: Box<[(u32, TrapCode)]>,
    source: Box<[(u32, u32)]>,
}

/// What stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Whose code it is.
    pub(super) unit: Unit,
    /// Offset in the module of the operator; `None` in code that belongs to none.
    pub(super) offset: Option<u32>,
}

impl Region {
    pub(super) fn end(&self) -> usize {
        self.memory.base() + self.bytes
    }

    pub(super) fn contains(&self, pc: usize) -> bool {
        (self.memory.base()..self.end()).contains(&pc)
    }

    fn offset(&self, pc: usize) -> Option<u32> {
        self.contains(pc).then(|| (pc - self.memory.base()) as u32)
    }

    /// Why the instruction at `pc` traps, if it may.
    pub(super) fn trap(&self, pc: usize) -> Option<TrapCode> {
        let offset = self.offset(pc)?;
        let found = self.traps.binary_search_by_key(&offset, |(at, _)| *at).ok()?;
        Some(self.traps[found].1)
    }

    /// The unit that holds `pc`.
    pub(super) fn unit(&self, pc: usize) -> Option<Unit> {
        let offset = self.offset(pc)?;
        let after = self.units.partition_point(|(start, ..)| *start <= offset);
        let (_, end, unit) = self.units[after.checked_sub(1)?];
        (offset < end).then_some(unit)
    }

    /// What stands at `pc`.
    fn place(&self, pc: usize) -> Option<Place> {
        let unit = self.unit(pc)?;
        let offset = self.offset(pc)?;
        let after = self.source.partition_point(|(start, _)| *start <= offset);
        let source = after.checked_sub(1).map(|index| self.source[index].1);
        Some(Place { unit, offset: source.filter(|offset| *offset != u32::MAX) })
    }
}

impl NativeCode {
    /// Places units in memory. `None` if memory for code is not to be had.
    #[must_use]
    pub fn link(module: &Module, units: &[(Unit, CompiledFunction)]) -> Option<Self> {
        let mut starts = Vec::with_capacity(units.len());
        let mut bytes = 0_usize;
        for (_, compiled) in units {
            bytes = bytes.next_multiple_of(UNIT_ALIGNMENT.max(compiled.alignment as usize));
            starts.push(bytes);
            bytes += compiled.code.len();
        }
        // Offsets are 32 bits wide.
        u32::try_from(bytes).ok()?;
        let memory = CodeMemory::new(bytes, |target| {
            for ((_, compiled), start) in units.iter().zip(&starts) {
                write(compiled, &mut target[*start..][..compiled.code.len()]);
            }
        })?;
        let base = memory.base();
        let mut ways_in = alloc::vec![0; module.types().len()];
        for ((unit, _), start) in units.iter().zip(&starts) {
            if let Unit::Enter(ty) = unit {
                ways_in[*ty as usize] = base + start;
            }
        }
        let region = Arc::new(Region {
            memory,
            bytes,
            units: tables(units, &starts, |unit, compiled, start| {
                alloc::vec![(start, start + compiled.code.len() as u32, unit)]
            }),
            traps: tables(units, &starts, |_, compiled, start| {
                compiled.traps.iter().map(|(at, code)| (start + at, *code)).collect()
            }),
            source: tables(units, &starts, |_, compiled, start| {
                let end = (start + compiled.code.len() as u32, u32::MAX);
                let source = compiled.source.iter().map(|(at, offset)| (start + at, *offset));
                [(start, u32::MAX)].into_iter().chain(source).chain([end]).collect()
            }),
        });
        map::register(&region);
        Some(Self { region, ways_in: ways_in.into() })
    }

    /// The way in for functions of the type of this index; 0 if there is none.
    #[must_use]
    pub fn way_in(&self, ty: u32) -> usize {
        self.ways_in.get(ty as usize).copied().unwrap_or(0)
    }

    /// Where pointers to the units belong in the module's array of code.
    pub(crate) fn entries(&self, module: &Module) -> impl Iterator<Item = (usize, *const u8)> {
        let base = self.region.memory.base();
        let functions = module.func_count() as usize;
        self.region.units.iter().filter_map(move |(start, _, unit)| {
            let index = match unit {
                Unit::Func(func) | Unit::LeaveFunc(func) => *func as usize,
                Unit::LeaveRef(ty) => functions + *ty as usize,
                Unit::Tables => functions + module.types().len(),
                Unit::Enter(_) => return None,
            };
            Some((index, core::ptr::with_exposed_provenance(base + *start as usize)))
        })
    }

    /// What stands at `pc`, if it is code of this module.
    pub(super) fn place(&self, pc: usize) -> Option<Place> {
        self.region.place(pc)
    }

    /// Bytes of the code.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.region.bytes
    }
}

impl Drop for NativeCode {
    fn drop(&mut self) {
        map::remove(&self.region);
    }
}

impl core::fmt::Debug for NativeCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NativeCode").field("bytes", &self.region.bytes).finish_non_exhaustive()
    }
}

/// Copies a unit's code and fills in addresses.
fn write(compiled: &CompiledFunction, target: &mut [u8]) {
    target.copy_from_slice(&compiled.code);
    for relocation in &compiled.relocations {
        let address = builtins::address(relocation.builtin) as u64;
        let address = address.wrapping_add_signed(relocation.addend);
        let at = relocation.offset as usize;
        target[at..at + 8].copy_from_slice(&address.to_le_bytes());
    }
}

/// One table of what all units' tables say, in order.
fn tables<T>(
    units: &[(Unit, CompiledFunction)],
    starts: &[usize],
    of: impl Fn(Unit, &CompiledFunction, u32) -> Vec<T>,
) -> Box<[T]> {
    let parts = units.iter().zip(starts);
    parts.flat_map(|((unit, compiled), start)| of(*unit, compiled, *start as u32)).collect()
}
