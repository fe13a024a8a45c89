//! A module's native code: its units in one piece of executable memory, and what stands where in it.

use super::image::{ADDRESS_BYTES, CodeImage};
use super::{builtins, map};
use crate::sys::native::CodeMemory;
use alloc::boxed::Box;
use alloc::sync::Arc;
use dunlin_core::TrapCode;
use dunlin_module::compile::{CallHandler, Relocation};
use dunlin_module::{InlinedCall, Module, Unit};

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
    maps: Box<[(u32, u32)]>,
    map_words: Box<[u32]>,
    handlers: Box<[CallHandler]>,
    inlined: Box<[InlinedCall]>,
    /// Kept for artifacts, which hold the code without addresses.
    relocations: Box<[Relocation]>,
}

/// What stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Whose code it is.
    pub(super) unit: Unit,
    /// The word of the operator (`CodeImage::source`); `None` in code that belongs to none.
    word: Option<u32>,
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

    /// Where references stand in the frame of code that is to be returned to at `pc`: bytes below its frame
    /// pointer.
    pub(super) fn references(&self, pc: usize) -> &[u32] {
        let found = self
            .offset(pc)
            .and_then(|offset| self.maps.binary_search_by_key(&offset, |(behind, _)| *behind).ok());
        let Some(found) = found else { return &[] };
        let end =
            self.maps.get(found + 1).map_or(self.map_words.len(), |(_, start)| *start as usize);
        &self.map_words[self.maps[found].1 as usize..end]
    }

    /// The handler behind the call that returns to `pc`: its address, and how far the stack pointer is below
    /// the frame pointer there.
    pub(super) fn handler(&self, pc: usize) -> Option<(usize, usize)> {
        let offset = self.offset(pc)?;
        let found = self.handlers.binary_search_by_key(&offset, |of| of.returns_to).ok()?;
        let of = self.handlers[found];
        Some((self.memory.base() + of.handler as usize, of.frame_bytes as usize))
    }

    /// What stands at `pc`.
    fn place(&self, pc: usize) -> Option<Place> {
        let unit = self.unit(pc)?;
        let offset = self.offset(pc)?;
        let after = self.source.partition_point(|(start, _)| *start <= offset);
        let source = after.checked_sub(1).map(|index| self.source[index].1);
        Some(Place { unit, word: source.filter(|word| *word != u32::MAX) })
    }

    /// The operators that stand at a place in a function's code, from the innermost one outwards: functions, and
    /// offsets in the module. None where the code belongs to none.
    fn operators(&self, place: Place) -> impl Iterator<Item = (u32, u32)> {
        let func = if let Unit::Func(func) = place.unit { func } else { 0 };
        InlinedCall::operators(place.word.unwrap_or(u32::MAX), func, &self.inlined)
    }
}

impl NativeCode {
    /// Places an image in memory. `None` if memory for code is not to be had.
    ///
    /// # Panics
    ///
    /// If the image is not one that [`CodeImage::check`] accepts.
    #[must_use]
    pub fn load(module: &Module, image: CodeImage<'_>) -> Option<Self> {
        let bytes = image.code.len();
        // Offsets are 32 bits wide.
        u32::try_from(bytes).ok()?;
        let memory = CodeMemory::new(bytes, |target| {
            target.copy_from_slice(&image.code);
            for relocation in &image.relocations {
                relocate(relocation, target);
            }
        })?;
        let mut ways_in = alloc::vec![0; module.types().len()];
        for (start, _, unit) in &image.units {
            if let Unit::Enter(ty) = unit {
                ways_in[*ty as usize] = memory.base() + *start as usize;
            }
        }
        let region = Arc::new(Region {
            memory,
            bytes,
            units: image.units.into(),
            traps: image.traps.into(),
            source: image.source.into(),
            maps: image.maps.into(),
            map_words: image.map_words.into(),
            handlers: image.handlers.into(),
            inlined: image.inlined.into(),
            relocations: image.relocations.into(),
        });
        map::register(&region);
        Some(Self { region, ways_in: ways_in.into() })
    }

    /// The code as plain data again, without addresses.
    #[must_use]
    pub fn image(&self) -> CodeImage<'static> {
        let region = &self.region;
        let mut code = region.memory.bytes(region.bytes).to_vec();
        for relocation in &region.relocations {
            code[relocation.offset as usize..][..ADDRESS_BYTES].fill(0);
        }
        CodeImage {
            code: code.into(),
            units: region.units.to_vec(),
            relocations: region.relocations.to_vec(),
            traps: region.traps.to_vec(),
            source: region.source.to_vec(),
            maps: region.maps.to_vec(),
            map_words: region.map_words.to_vec(),
            handlers: region.handlers.to_vec(),
            inlined: region.inlined.to_vec(),
        }
    }

    /// Whether the function of this index has code, and not only a way out.
    #[must_use]
    pub fn has_body(&self, func: u32) -> bool {
        // Functions with code come first, by index.
        self.region.units.binary_search_by_key(&Unit::Func(func), |(.., unit)| *unit).is_ok()
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

    /// The units that are code: where each is, and its bytes.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (Unit, usize, &[u8])> {
        let region = &self.region;
        let (base, bytes) = (region.memory.base(), region.memory.bytes(region.bytes));
        let units = region.units.iter().filter(|(.., unit)| *unit != Unit::Tables);
        units.map(move |(start, end, unit)| {
            (*unit, base + *start as usize, &bytes[*start as usize..*end as usize])
        })
    }

    /// From which address on code is of an offset in the module, within `len` bytes from `address`
    /// on; 0 is none.
    pub(super) fn places(&self, address: usize, len: usize) -> impl Iterator<Item = (u64, u32)> {
        let base = self.region.memory.base();
        let start = (address - base) as u32;
        let source = &self.region.source;
        let first = source.partition_point(|(at, _)| *at < start);
        let here = source[first..].iter().take_while(move |(at, _)| *at < start + len as u32);
        here.map(move |(at, word)| {
            let innermost = InlinedCall::operators(*word, 0, &self.region.inlined).next();
            ((base + *at as usize) as u64, innermost.map_or(0, |(_, offset)| offset))
        })
    }

    /// What stands at `pc`, if it is code of this module.
    pub(super) fn place(&self, pc: usize) -> Option<Place> {
        self.region.place(pc)
    }

    /// The operators that stand at a place in a function's code, from the innermost one outwards: functions, and
    /// offsets in the module. None where the code belongs to none.
    pub(super) fn operators(&self, place: Place) -> impl Iterator<Item = (u32, u32)> {
        self.region.operators(place)
    }

    /// Where the code begins.
    #[cfg(test)]
    pub(super) fn address(&self) -> usize {
        self.region.memory.base()
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

/// Fills in an address.
fn relocate(relocation: &Relocation, code: &mut [u8]) {
    let address = builtins::address(relocation.builtin) as u64;
    let address = address.wrapping_add_signed(relocation.addend);
    code[relocation.offset as usize..][..ADDRESS_BYTES].copy_from_slice(&address.to_le_bytes());
}
